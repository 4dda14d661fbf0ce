//! Events of the trail: each is one leaf of the sealed log, in canonical CBOR.
//!
//! A leaf is a map with small integer keys in rising order (RFC 8949 section 4.2.1), its
//! first entry the version. Fields that can name a living person (the actor's address, the
//! peer's address, what they wrote) are not in the leaf: it holds SHA-256 over a random
//! salt and the value, and the salts with the clear values are in a column of their own
//! that can be erased without breaking the tree (docs/decisions/0003-audit-leaf.md).

use super::authority::Authority;
use super::caller::{Caller, Origin};
use super::error::GateError;
use crate::statements::audit as sql;
use crate::{StoreError, Tx};
use ciborium::Value;
use postern_access::Actor;
use postern_types::{AccountId, AuditId, CredentialId, MailboxId, Timestamp};
use ring::{digest, hmac};

/// Version of the leaf's form.
const LEAF_VERSION: u8 = 1;

/// One act, as its writer describes it.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// `A` changes and sign-ins, `B` openings and reads, `C` failed sign-ins.
    pub class: &'static str,
    /// Noun and verb, such as `grant.given` or `message.appended`.
    pub action: &'static str,
    /// The account it happened in.
    pub account: Option<AccountId>,
    /// The mailbox it happened in.
    pub mailbox: Option<MailboxId>,
    /// What it was done to, in words a reader understands: letters, counts, UID sets.
    pub detail: Detail<'a>,
}

/// What an act was done to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Detail<'a> {
    /// Public part: letters, UID sets, protocol names. It is in the leaf.
    pub public: &'a str,
    /// Part that can name a person: addresses, mailbox names. The leaf commits to it.
    pub personal: &'a str,
}

/// A row of the trail as reports show it.
#[derive(Debug, Clone)]
pub struct AuditRow {
    /// Its id, rising with time.
    pub id: AuditId,
    /// House time.
    pub at: Timestamp,
    /// `A`, `B` or `C`.
    pub class: String,
    /// Noun and verb.
    pub action: String,
    /// `person`, `credential`, `operator`, `job` or `stranger`.
    pub actor_kind: String,
    /// Address or name of the actor; `None` once erased.
    pub actor: Option<String>,
    /// Peer address; `None` where there was none or it is erased.
    pub peer: Option<String>,
    /// How they came in.
    pub protocol: String,
    /// Address of the account.
    pub account: Option<String>,
    /// Name of the mailbox, while it exists.
    pub mailbox: Option<String>,
    /// It happened in a mailbox that is there no more.
    pub mailbox_deleted: bool,
    /// The public part of what it was done to.
    pub detail: String,
    /// The personal part; `None` once erased.
    pub personal: Option<String>,
}

/// Whose acts are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doer {
    /// A person's, by the number of their account.
    Person(AccountId),
    /// A credential's; nothing where there is none.
    Credential(Option<CredentialId>),
}

impl Doer {
    /// Number and kind, as rows have them.
    fn key(self) -> (i64, &'static str) {
        match self {
            Doer::Person(account) => (account.get(), "person"),
            Doer::Credential(id) => (id.map_or(-1, CredentialId::get), "credential"),
        }
    }
}

/// Which rows of the trail to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only this account.
    pub account: Option<AccountId>,
    /// Only what they did.
    pub actor: Option<Doer>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Older than this row, for the next page.
    pub before: Option<AuditId>,
    /// At most this many.
    pub most: usize,
}

/// An act of class A on an account: what of it is public, and what is of a person.
pub(super) fn note(
    tx: &Tx<'_>,
    caller: &Caller,
    action: &'static str,
    account: AccountId,
    public: &str,
    personal: &str,
) -> Result<(), StoreError> {
    let detail = Detail { public, personal };
    tx.record(caller, &Event { class: "A", action, account: Some(account), mailbox: None, detail })
}

impl Tx<'_> {
    /// Adds an event to the trail, in this transaction: it is there if the act is (law 2).
    pub fn record(&self, caller: &Caller, event: &Event<'_>) -> Result<(), StoreError> {
        let who = match caller.actor() {
            Actor::Person(person) => ("person", Some(person.get())),
            Actor::Credential { id, .. } => ("credential", Some(id.get())),
            Actor::Operator { uid } => ("operator", Some(i64::from(*uid))),
            Actor::Job(_) => ("job", None),
        };
        self.record_as(caller.origin(), who, event)
    }

    /// Adds an event by someone who proved nothing: a failed sign-in (law 2, class C), with the
    /// credential that they named.
    pub(super) fn record_stranger(
        &self,
        origin: &Origin,
        named: Option<CredentialId>,
        event: &Event<'_>,
    ) -> Result<(), StoreError> {
        self.record_as(origin, ("stranger", named.map(CredentialId::get)), event)
    }

    fn record_as(&self, origin: &Origin, who: (&str, Option<i64>), event: &Event<'_>) -> Result<(), StoreError> {
        let (kind, id) = who;
        let number = origin.next_event();
        let personal =
            [("actor", origin.label.as_str()), ("peer", origin.peer.as_str()), ("detail", event.detail.personal)];
        let salts: Vec<[u8; 16]> = (0..personal.len()).map(|field| salt(&origin.salt, number, field)).collect();
        let leaf = encode_leaf(self.now(), origin, event, who, &personal, &salts)?;
        let clear = encode_personal(&personal, &salts)?;
        self.send(
            &sql::ADD,
            &[
                self.now().0.into(),
                event.class.into(),
                event.action.into(),
                kind.into(),
                id.into(),
                event.account.map(AccountId::get).into(),
                event.mailbox.map(MailboxId::get).into(),
                leaf.as_slice().into(),
                clear.as_slice().into(),
            ],
        )
    }
}

fn salt(seed: &[u8; 32], number: u64, field: usize) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, seed);
    let mut input = number.to_be_bytes().to_vec();
    input.push(field as u8);
    let tag = hmac::sign(&key, &input);
    let mut salt = [0; 16];
    salt.copy_from_slice(&tag.as_ref()[..16]);
    salt
}

fn commitment(salt: &[u8; 16], value: &str) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(salt);
    context.update(value.as_bytes());
    context.finish()
}

fn encode_leaf(
    now: Timestamp,
    origin: &Origin,
    event: &Event<'_>,
    (kind, id): (&str, Option<i64>),
    personal: &[(&str, &str)],
    salts: &[[u8; 16]],
) -> Result<Vec<u8>, StoreError> {
    let optional = |number: Option<i64>| number.map_or(Value::Null, Value::from);
    let commitments =
        personal.iter().zip(salts).map(|((_, value), salt)| Value::Bytes(commitment(salt, value).as_ref().to_vec()));
    // Keys rise, integers are as short as they can be, lengths are definite: the canonical form.
    let fields = [
        Value::from(LEAF_VERSION),
        Value::from(now.0),
        Value::from(event.class),
        Value::from(event.action),
        Value::from(kind),
        optional(id),
        optional(event.account.map(AccountId::get)),
        optional(event.mailbox.map(MailboxId::get)),
        Value::from(origin.session),
        Value::from(origin.protocol),
        Value::from(event.detail.public),
        Value::Array(commitments.collect()),
    ];
    let leaf = fields.into_iter().enumerate().map(|(key, value)| (Value::from(key as u64), value)).collect();
    encode(&Value::Map(leaf))
}

fn encode_personal(personal: &[(&str, &str)], salts: &[[u8; 16]]) -> Result<Vec<u8>, StoreError> {
    let clear = personal
        .iter()
        .zip(salts)
        .map(|((_, value), salt)| Value::Array(vec![Value::Bytes(salt.to_vec()), Value::from(*value)]));
    encode(&Value::Array(clear.collect()))
}

fn encode(value: &Value) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(192);
    ciborium::into_writer(value, &mut bytes).map_err(|error| StoreError::Damaged(format!("audit row: {error}")))?;
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<Value, StoreError> {
    ciborium::from_reader(bytes).map_err(|error| StoreError::Damaged(format!("audit row: {error}")))
}

/// The clear values of a row's personal fields; none once they are erased.
pub(super) fn decode_personal(bytes: Option<&[u8]>) -> Vec<Option<String>> {
    let Some(Ok(Value::Array(fields))) = bytes.map(decode) else { return Vec::new() };
    let clear = |field: Value| field.into_array().ok()?.into_iter().nth(1)?.into_text().ok();
    fields.into_iter().map(clear).collect()
}

/// Protocol and public detail of a leaf.
pub(super) fn decode_leaf(bytes: &[u8]) -> Result<(String, String), StoreError> {
    let (mut protocol, mut detail) = (String::new(), String::new());
    for (key, value) in decode(bytes)?.into_map().unwrap_or_default() {
        match key.as_integer().map(i128::from) {
            Some(9) => protocol = value.into_text().unwrap_or_default(),
            Some(10) => detail = value.into_text().unwrap_or_default(),
            _ => {}
        }
    }
    Ok((protocol, detail))
}

impl Authority<'_, super::authority::ReadAudit> {
    /// Rows of the trail, newest first.
    pub fn list_events(&self, filter: &AuditFilter) -> Result<Vec<AuditRow>, GateError> {
        let (actor, kind) = filter.actor.map_or((0, ""), Doer::key);
        let rows = self.tx().all(
            &sql::LIST,
            &[
                filter.before.map_or(i64::MAX, AuditId::get).into(),
                filter.account.map_or(0, AccountId::get).into(),
                actor.into(),
                filter.since.unwrap_or_default().0.into(),
                (filter.most as i64).into(),
                kind.into(),
            ],
            |row| {
                let (protocol, detail) =
                    decode_leaf(row.bytes(8)?).map_err(|error| StoreError::Damaged(format!("audit leaf: {error}")))?;
                let mut personal = decode_personal(row.opt_bytes(9)?).into_iter();
                let mut next = || personal.next().flatten().filter(|text| !text.is_empty());
                Ok(AuditRow {
                    id: AuditId::new(row.int(0)?)?,
                    at: Timestamp(row.int(1)?),
                    class: row.text(2)?.to_owned(),
                    action: row.text(3)?.to_owned(),
                    actor_kind: row.text(4)?.to_owned(),
                    actor: next(),
                    peer: next(),
                    personal: next(),
                    protocol,
                    account: row.opt_text(10)?.map(str::to_owned),
                    mailbox: row.opt_text(11)?.map(str::to_owned),
                    mailbox_deleted: row.opt_int(7)?.is_some() && row.opt_text(11)?.is_none(),
                    detail,
                })
            },
        )?;
        Ok(rows)
    }
}
