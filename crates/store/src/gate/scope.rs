//! Credentials as facts: how a scope is kept, and everything that decides whether one stands.
//!
//! What can be asked by name (which mailboxes, with which letters) has rows of its own, so that
//! they follow a mailbox that is renamed. The rest of a scope is never searched: it is a map in
//! CBOR with small integer keys, as the trail's leaves are.

use super::error::GateError;
use super::facts;
use crate::sql::Row;
use crate::statements::credentials as sql;
use crate::{StoreError, Tx};
use ciborium::Value;
use postern_access::{
    Answerable, CredentialFacts, CredentialScope, CredentialState, DirectSignIn, Hours, Networks, OnLimit, Policy,
    Protocols, Purpose, PurposeError, Purposes, Reach, SendingScope,
};
use postern_types::{AccountId, Address, CredentialId, MailboxId, Network, PersonId, Rights, Secret, Timestamp};

/// A credential, with what its secret is checked against and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCredential {
    /// What decides whether it stands.
    pub facts: CredentialFacts,
    /// Its epoch; any change of it ends its sessions.
    pub epoch: i64,
    /// What its secret is checked against.
    pub verifier: Secret,
    /// The key that the verifier was made with.
    pub key_id: String,
    /// Its public id, `crd_…`.
    pub public_id: String,
    /// Its name in its account.
    pub name: String,
    /// The account's address.
    pub address: String,
    /// Who answers for it.
    pub owner: Option<PersonId>,
    /// Who uses it.
    pub holder: Option<PersonId>,
}

impl KnownCredential {
    /// As the trail calls it: `support@example.org/nightly`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.address, self.name)
    }

    /// Does this person answer for it, or use it?
    pub fn is_answered_by(&self, person: PersonId) -> bool {
        self.owner == Some(person) || self.holder == Some(person)
    }
}

/// The scope but for its reaches.
pub(super) fn encode(scope: &CredentialScope) -> Result<Vec<u8>, StoreError> {
    let mut fields = vec![(0, Value::from(1)), (1, Value::from(scope.protocols.to_string()))];
    if scope.forgiving {
        fields.push((2, Value::from(true)));
    }
    if let Some(age) = scope.older_than_ms {
        fields.push((3, Value::from(age)));
    }
    if let Networks::Of(networks) = &scope.networks {
        fields.push((4, Value::Array(networks.iter().map(|network| Value::from(network.to_string())).collect())));
    }
    if let Some(hours) = scope.hours {
        let (from, to) = hours.minutes();
        fields.push((5, Value::Array(vec![Value::from(from), Value::from(to)])));
    }
    if let Some(connections) = scope.connections {
        fields.push((6, Value::from(connections)));
    }
    fields.extend(encode_sending(&scope.sending));
    let map = fields.into_iter().map(|(key, value)| (Value::from(key), value)).collect();
    let mut bytes = Vec::new();
    ciborium::into_writer(&Value::Map(map), &mut bytes)
        .map_err(|error| StoreError::Damaged(format!("a scope: {error}")))?;
    Ok(bytes)
}

/// What it says of sending; what is as where nothing is said is left out.
fn encode_sending(sending: &SendingScope) -> Vec<(i32, Value)> {
    let mut fields = Vec::new();
    if !sending.from.is_empty() {
        fields.push((7, Value::Array(sending.from.iter().map(|address| Value::from(address.as_str())).collect())));
    }
    if sending.own_domains {
        fields.push((8, Value::from(true)));
    }
    let numbers = [
        (9, sending.messages_per_minute.map(u64::from)),
        (10, sending.recipients_per_day.map(u64::from)),
        (11, sending.new_recipients_per_day.map(u64::from)),
        (12, sending.bytes_per_day),
    ];
    fields.extend(numbers.into_iter().filter_map(|(key, number)| Some((key, Value::from(number?)))));
    if sending.on_limit != OnLimit::default() {
        fields.push((13, Value::from(sending.on_limit.name())));
    }
    fields
}

/// One field of what it says of sending.
fn decode_sending(sending: &mut SendingScope, key: i64, value: &Value) -> Option<()> {
    let count = || value.as_integer().and_then(|number| u32::try_from(number).ok());
    match key {
        7 => {
            let address = |value: &Value| value.as_text().and_then(|text| Address::parse(text).ok());
            sending.from = value.as_array()?.iter().map(address).collect::<Option<_>>()?;
        }
        8 => sending.own_domains = value.as_bool()?,
        9 => sending.messages_per_minute = Some(count()?),
        10 => sending.recipients_per_day = Some(count()?),
        11 => sending.new_recipients_per_day = Some(count()?),
        12 => sending.bytes_per_day = Some(value.as_integer().and_then(|number| u64::try_from(number).ok())?),
        13 => sending.on_limit = OnLimit::parse(value.as_text()?)?,
        _ => return None,
    }
    Some(())
}

/// A scope that can not be read opens nothing: it is damage, and not a wider scope.
pub(super) fn decode(bytes: &[u8], reaches: Vec<(Reach, Rights)>) -> Result<CredentialScope, StoreError> {
    let damaged = || StoreError::Damaged("the scope of a credential".into());
    let map: Value = ciborium::from_reader(bytes).map_err(|_| damaged())?;
    let mut scope = CredentialScope { reaches, networks: Networks::Any, ..nothing() };
    let (mut has_version, mut has_protocols) = (false, false);
    let number = |value: &Value| value.as_integer().and_then(|number| i64::try_from(number).ok());
    for (key, value) in map.into_map().map_err(|_| damaged())? {
        match number(&key) {
            Some(0) if number(&value) == Some(1) => has_version = true,
            Some(1) => {
                scope.protocols = value.as_text().and_then(|text| text.parse().ok()).ok_or_else(damaged)?;
                has_protocols = true;
            }
            Some(2) => scope.forgiving = value.as_bool().ok_or_else(damaged)?,
            Some(3) => scope.older_than_ms = Some(number(&value).ok_or_else(damaged)?),
            Some(4) => {
                let list = value.into_array().map_err(|_| damaged())?;
                let network = |value: &Value| value.as_text().and_then(|text| text.parse::<Network>().ok());
                scope.networks = Networks::Of(list.iter().map(network).collect::<Option<_>>().ok_or_else(damaged)?);
            }
            Some(5) => {
                let list = value.into_array().map_err(|_| damaged())?;
                let minute = |place: usize| list.get(place).and_then(number);
                let hours = minute(0).zip(minute(1)).and_then(|(from, to)| Hours::of_minutes(from, to));
                scope.hours = Some(hours.ok_or_else(damaged)?);
            }
            Some(6) => {
                let count = number(&value).and_then(|count| u32::try_from(count).ok());
                scope.connections = Some(count.ok_or_else(damaged)?);
            }
            Some(key) => decode_sending(&mut scope.sending, key, &value).ok_or_else(damaged)?,
            None => return Err(damaged()),
        }
    }
    if has_version && has_protocols { Ok(scope) } else { Err(damaged()) }
}

/// A scope that opens nothing.
fn nothing() -> CredentialScope {
    CredentialScope {
        protocols: Protocols::NONE,
        reaches: Vec::new(),
        forgiving: false,
        older_than_ms: None,
        networks: Networks::Of(Vec::new()),
        hours: None,
        connections: None,
        sending: SendingScope::default(),
    }
}

/// The credential with this number, if there is one. One that is not there takes the same
/// statements (law 4).
pub(super) fn known(tx: &Tx<'_>, id: i64) -> Result<Option<KnownCredential>, StoreError> {
    let reaches = tx.all(&sql::REACHES, &[id.into()], |row| {
        let reach = match row.text(0)? {
            "account" => Reach::Account,
            "subtree" => Reach::Subtree(facts::parse_name(row.text(1)?)?),
            "mailbox" => Reach::Mailbox(MailboxId::from_key(row.int(2)?)?),
            other => return Err(StoreError::Damaged(format!("reach of a credential {other:?}"))),
        };
        Ok((reach, Rights::from_bits(row.int(3)?)))
    })?;
    tx.one(&sql::FACTS, &[id.into()], |row| read(row, reaches.clone(), tx.now()))
}

/// A credential that has not ended, without what it opens: enough to say whether it stands.
pub(super) struct Live {
    /// What decides that.
    pub facts: CredentialFacts,
    /// What its account has set.
    pub account: Policy,
}

/// Those of one account or of all.
pub(super) fn live(tx: &Tx<'_>, account: Option<AccountId>) -> Result<Vec<Live>, StoreError> {
    let read = |row: &dyn Row| {
        let facts = read_facts(row, Vec::new(), tx.now())?;
        Ok(Live { facts, account: policy(row.opt_text(23)?, row.opt_int(24)?, row.opt_text(25)?)? })
    };
    match account {
        Some(account) => tx.all(&sql::FACTS_OF_LIVE_IN, &[account.get().into()], read),
        None => tx.all(&sql::FACTS_OF_LIVE, &[], read),
    }
}

fn read(row: &dyn Row, reaches: Vec<(Reach, Rights)>, now: Timestamp) -> Result<KnownCredential, StoreError> {
    let person = |column| Ok::<_, StoreError>(row.opt_int(column)?.map(AccountId::new).transpose()?.map(PersonId::of));
    let facts = read_facts(row, reaches, now)?;
    Ok(KnownCredential {
        facts,
        epoch: row.int(13)?,
        verifier: Secret::new(row.bytes(14)?),
        key_id: row.opt_text(15)?.unwrap_or_default().to_owned(),
        public_id: row.text(16)?.to_owned(),
        name: row.text(17)?.to_owned(),
        address: row.text(18)?.to_owned(),
        owner: person(9)?,
        holder: person(11)?,
    })
}

fn read_facts(row: &dyn Row, reaches: Vec<(Reach, Rights)>, now: Timestamp) -> Result<CredentialFacts, StoreError> {
    let id = row.int(0)?;
    let answerable = |in_use| match in_use {
        None => Answerable::Gone,
        Some(0) => Answerable::Suspended,
        Some(_) => Answerable::InUse,
    };
    let organisation = policy(Some(row.text(19)?), row.opt_int(20)?, row.opt_text(21)?)?;
    let account = policy(row.opt_text(23)?, row.opt_int(24)?, row.opt_text(25)?)?;
    let offset = offset_seconds(row.text(22)?, now);
    let purpose = Purpose::parse(row.opt_text(2)?.unwrap_or_default());
    // What is not understood opens nothing, and can be taken back.
    let understood = understood(row.opt_bytes(4)?.unwrap_or_default(), reaches, &purpose, &offset);
    let scope = understood.unwrap_or_else(|error| {
        tracing::error!(event = "credential.not-understood", credential = id, %error);
        nothing()
    });
    let state = CredentialState::parse(row.text(3)?);
    Ok(CredentialFacts {
        id: CredentialId::new(id)?,
        account: AccountId::new(row.int(1)?)?,
        purpose: purpose.unwrap_or(Purpose::Other),
        state: state.ok_or_else(|| StoreError::Damaged(format!("the state of credential {id}")))?,
        scope,
        issued: Timestamp(row.int(5)?),
        starts: row.opt_int(6)?.map(Timestamp),
        expires: Timestamp(row.int(7)?),
        opened_until: row.opt_int(8)?.map(Timestamp),
        owner: answerable(row.opt_int(10)?),
        holder: match row.opt_int(11)? {
            None => None,
            Some(_) => Some(answerable(row.opt_int(12)?)),
        },
        policy: organisation.narrowed_by(account),
        offset_seconds: offset.unwrap_or(0),
    })
}

/// The scope, where all of it is understood: a purpose that is none, and hours of no zone, are not.
fn understood(
    bytes: &[u8],
    reaches: Vec<(Reach, Rights)>,
    purpose: &Result<Purpose, PurposeError>,
    offset: &Result<i32, StoreError>,
) -> Result<CredentialScope, StoreError> {
    if let Err(error) = purpose {
        return Err(StoreError::Damaged(error.to_string()));
    }
    let scope = decode(bytes, reaches)?;
    match offset {
        Err(error) if scope.hours.is_some() => Err(error.clone()),
        _ => Ok(scope),
    }
}

/// A policy as a row has it; what is not set narrows nothing.
pub(super) fn policy(
    direct_sign_in: Option<&str>,
    max_life_ms: Option<i64>,
    purposes: Option<&str>,
) -> Result<Policy, StoreError> {
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
    Ok(Policy {
        direct_sign_in: match direct_sign_in {
            Some(text) => DirectSignIn::parse(text).map_err(|error| damaged(&error))?,
            None => DirectSignIn::default(),
        },
        max_life_ms,
        purposes: match purposes {
            Some(text) => text.parse().map_err(|error| damaged(&error))?,
            None => Purposes::ALL,
        },
    })
}

/// How far a time zone is ahead of UTC at a moment, in seconds.
pub(super) fn offset_seconds(zone: &str, at: Timestamp) -> Result<i32, StoreError> {
    if zone == "UTC" {
        return Ok(0);
    }
    let damaged = |error: jiff::Error| StoreError::Damaged(format!("time zone {zone:?}: {error}"));
    let zone = jiff::tz::TimeZone::get(zone).map_err(damaged)?;
    Ok(zone.to_offset(jiff::Timestamp::from_millisecond(at.0).map_err(damaged)?).seconds())
}

/// Is it the name of a time zone that the house knows?
pub(super) fn check_zone(zone: &str) -> Result<(), GateError> {
    if zone == "UTC" || jiff::tz::TimeZone::get(zone).is_ok() {
        return Ok(());
    }
    let text = format!("{zone:?} is no time zone: name a place, such as Europe/Berlin, or UTC");
    Err(super::Rule::Unusable(text).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_reads_back() {
        let wide = CredentialScope {
            protocols: "imap,pop3".parse().unwrap(),
            reaches: vec![(Reach::Account, Rights::READER)],
            forgiving: false,
            older_than_ms: None,
            networks: Networks::Any,
            hours: None,
            connections: None,
            sending: SendingScope::default(),
        };
        let narrow = CredentialScope {
            forgiving: true,
            older_than_ms: Some(86_400_000),
            networks: Networks::Of(vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
            hours: Some("22:00-06:00".parse().unwrap()),
            connections: Some(2),
            sending: SendingScope {
                from: vec![Address::parse("support@example.org").unwrap()],
                own_domains: true,
                messages_per_minute: Some(600),
                recipients_per_day: Some(10_000),
                new_recipients_per_day: Some(1),
                bytes_per_day: Some(1 << 40),
                on_limit: OnLimit::Slow,
            },
            ..wide.clone()
        };
        let nowhere = CredentialScope { networks: Networks::Of(Vec::new()), ..wide.clone() };
        for scope in [wide, narrow, nowhere] {
            assert_eq!(decode(&encode(&scope).unwrap(), scope.reaches.clone()).unwrap(), scope);
        }
    }

    #[test]
    fn what_is_not_understood_opens_nothing() {
        assert!(decode(b"", Vec::new()).is_err());
        let mut bytes = Vec::new();
        let later = Value::Map(vec![(Value::from(0), Value::from(2))]);
        ciborium::into_writer(&later, &mut bytes).unwrap();
        assert!(decode(&bytes, Vec::new()).is_err(), "a later version");
        for keys in [vec![0], vec![1], vec![]] {
            let of = |key| (Value::from(key), if key == 0 { Value::from(1) } else { Value::from("imap") });
            let mut bytes = Vec::new();
            ciborium::into_writer(&Value::Map(keys.iter().map(|key| of(*key)).collect()), &mut bytes).unwrap();
            assert!(decode(&bytes, Vec::new()).is_err(), "{keys:?} alone");
        }
    }

    #[test]
    fn zones_are_ahead_or_behind() {
        let summer = Timestamp(1_782_000_000_000);
        assert_eq!(offset_seconds("UTC", summer).unwrap(), 0);
        assert_eq!(offset_seconds("Europe/Berlin", summer).unwrap(), 7200);
        assert_eq!(offset_seconds("Europe/Berlin", Timestamp(1_767_000_000_000)).unwrap(), 3600);
        assert!(check_zone("Middle/Earth").is_err() && check_zone("UTC").is_ok());
    }
}
