//! Credentials of shared mailboxes: issued for a purpose, shown once, handed over, taken back.

mod listing;
mod terms;
mod wrap;

use crate::admin::{allowed, duty_at};
use crate::bearer::{Bearer, Kind, RANDOM_BYTES};
use crate::{House, LiveSession, Refused};
use listing::{all_credentials, credentials_at};
use postern_access::{
    Actor, Denied, GrantFact, Hours, Networks, Obstacle, OnLimit, Protocol, Protocols, Purpose, Role,
};
use postern_store::{
    Authority, Caller, CheckOut, CredentialRow, GateError, GrantReach, ManageCredentials, ManageSelf, NewCredential,
    NewWrap, ReadGrants, ReadOrganisation, Revoke, Rule, Tx,
};
use postern_types::{AccountId, Address, PersonId, Rights, Secret, Timestamp};
use std::sync::Arc;
use wrap::{code_hash, seal, unseal};

const DAY_MS: i64 = 24 * 3600 * 1000;
/// How long a wrapped secret waits for the person it was made for.
const WRAP_MS: i64 = 3600 * 1000;
/// How long one is checked out where nothing is said, and at most.
const OPEN_MS: i64 = 8 * 3600 * 1000;
const OPEN_MS_MOST: i64 = 24 * 3600 * 1000;
/// Letters of a reason.
const TEXT_MOST: usize = 500;

/// How the letters of a credential are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Letters {
    /// These.
    Rights(Rights),
    /// To look and to read. What is forgiven is taken and forgotten, in place of a NO.
    ReadOnly {
        /// Flags are taken and forgotten.
        lenient: bool,
    },
    /// None: it sends and reads nothing.
    SendOnly,
}

/// What a credential is to send. What is left out comes from the template of its purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SendingWish {
    /// Addresses of the mailbox that may stand in From.
    pub from: Vec<Address>,
    /// Messages in a minute.
    pub messages_per_minute: Option<u32>,
    /// Recipients elsewhere in a day.
    pub recipients_per_day: Option<u32>,
    /// Of them to whom the mailbox never sent before.
    pub new_recipients_per_day: Option<u32>,
    /// Bytes in a day.
    pub bytes_per_day: Option<u64>,
    /// What happens at a limit.
    pub on_limit: Option<OnLimit>,
}

/// A credential to be issued. What is left out comes from the template of its purpose.
#[derive(Debug, Clone)]
pub struct CredentialWish {
    /// What for.
    pub purpose: Purpose,
    /// Who answers for it.
    pub owner: Address,
    /// Who uses it: for a role, a task and a client.
    pub holder: Option<Address>,
    /// Why it is needed.
    pub reason: String,
    /// Why a grant does not do: where a delegate could do it.
    pub not_delegation: Option<String>,
    /// What it is called.
    pub name: Option<String>,
    /// By which protocols.
    pub protocols: Option<Protocols>,
    /// With which letters.
    pub letters: Option<Letters>,
    /// On which mailboxes and subtrees; on all where none is named.
    pub mailboxes: Vec<GrantReach>,
    /// Only messages that came so many milliseconds ago or before.
    pub older_than_ms: Option<i64>,
    /// From where; it has to be said.
    pub networks: Option<Networks>,
    /// At which hours.
    pub hours: Option<Hours>,
    /// How many connections at once.
    pub connections: Option<u32>,
    /// What it sends, where that is not as its purpose has it.
    pub sending: SendingWish,
    /// From when on.
    pub starts: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
    /// Who alone opens the secret, once, within an hour; shown to who issues it where nobody is.
    pub wrap_for: Option<Address>,
}

impl CredentialWish {
    /// One with nothing said but what has to be: the template of its purpose. From where it signs in
    /// has to be said beside it, and for some purposes who uses it and why a grant does not do.
    pub fn new(purpose: Purpose, owner: Address, reason: &str) -> Self {
        Self {
            purpose,
            owner,
            holder: None,
            reason: reason.to_owned(),
            not_delegation: None,
            name: None,
            protocols: None,
            letters: None,
            mailboxes: Vec::new(),
            older_than_ms: None,
            networks: None,
            hours: None,
            connections: None,
            sending: SendingWish::default(),
            starts: None,
            expires: None,
            wrap_for: None,
        }
    }
}

/// A secret that waits for somebody.
#[derive(Debug, Clone)]
pub struct Wrapped {
    /// What opens it.
    pub code: Secret,
    /// Who alone opens it.
    pub recipient: Address,
    /// Until when.
    pub opens_before: Timestamp,
}

/// A person who would use a credential, and is a delegate already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationNote {
    /// Their address.
    pub person: String,
    /// What they hold, in words: `with full access`.
    pub held: String,
}

/// A credential that was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// As it is.
    pub row: CredentialRow,
    /// Its secret, shown this once; nothing where it is wrapped.
    pub secret: Option<Secret>,
    /// Its secret on its way to somebody.
    pub wrapped: Option<Wrapped>,
    /// Protocols and letters beyond the template of its purpose.
    pub widened: (Protocols, Rights),
    /// Who could sign in as themselves.
    pub delegates: Vec<DelegationNote>,
}

/// A credential that was set aside or taken back.
#[derive(Debug, Clone)]
pub struct CredentialSeen {
    /// As it is now.
    pub row: CredentialRow,
    /// Sessions of this node that end by that.
    pub sessions: Vec<LiveSession>,
    /// It had ended before what was asked of it now.
    pub had_ended: bool,
}

/// A secret that was opened by the person it was made for.
#[derive(Debug, Clone)]
pub struct Unwrapped {
    /// Its credential.
    pub row: CredentialRow,
    /// The secret, shown this once.
    pub secret: Secret,
}

/// Where programs find the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What is spoken there.
    pub protocol: Protocol,
    /// On which host.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// How it is private.
    pub tls: ServiceTls,
}

/// How a connection is private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTls {
    /// From its first byte.
    Implicit,
    /// After STARTTLS.
    StartTls,
    /// Not: on this machine alone.
    None,
}

impl ServiceTls {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ServiceTls::Implicit => "implicit",
            ServiceTls::StartTls => "starttls",
            ServiceTls::None => "none",
        }
    }
}

fn unusable<T>(text: impl Into<String>) -> Result<T, Refused> {
    Err(Refused::Rule(Rule::Unusable(text.into())))
}

/// A name by which people call a credential: `support@example.org/nightly`.
pub fn check_credential_name(name: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    let begins_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if begins_well && name.len() <= 40 && name.bytes().all(is_plain) && !name.starts_with(Kind::Credential.id_prefix())
    {
        return Ok(name.to_owned());
    }
    Err(format!(
        "{name:?} is no name for a credential: 1 to 40 of a-z, 0-9, hyphen, dot and underscore, such as nightly"
    ))
}

/// Is this how a credential is called?
pub(crate) fn is_credential(text: &str) -> bool {
    let is_named = |(address, name)| Address::parse(address).is_ok() && check_credential_name(name).is_ok();
    text.starts_with(Kind::Credential.id_prefix()) && !text.contains('@') || text.split_once('/').is_some_and(is_named)
}

fn check_text(what: &str, text: &str) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > TEXT_MOST || text.chars().any(char::is_control) {
        return unusable(format!("Say {what} in 1 to {TEXT_MOST} letters, on one line"));
    }
    Ok(text.to_owned())
}

impl House {
    /// Issues a credential.
    pub async fn issue_credential(
        &self,
        caller: &Caller,
        shared: &Address,
        wish: CredentialWish,
    ) -> Result<Issued, Refused> {
        // Whoever may not issue here learns nothing of what else is wrong with the wish.
        let delegates = self.could_be_delegates(caller, shared, &wish).await?;
        let now = self.now();
        let mut terms = wish.terms(now)?;
        let reason = check_text("why it is needed (--reason)", &wish.reason)?;
        let not_delegation = why_no_grant(&wish, shared, &delegates)?;
        if wish.expires.is_none() {
            terms.expires = self.within_policy(caller, shared, terms.expires).await?;
        }
        let newest = self.keys.newest().ok_or_else(|| {
            tracing::error!(event = "credential.no-key");
            let text =
                "There is no key to check its secret with: postern key show says what is missing, and how to go on";
            Refused::Rule(Rule::Unusable(text.into()))
        })?;
        let secret = Bearer::make(Kind::Credential, &self.random::<RANDOM_BYTES>()?);
        let verifier = Secret::new(newest.sign(secret.message().expose()).as_ref());
        let (wrap, wrapped) = match &wish.wrap_for {
            Some(recipient) => {
                let (wrap, wrapped) = self.wrap(&secret.text(), recipient, now)?;
                (Some(wrap), Some(wrapped))
            }
            None => (None, None),
        };
        let new = NewCredential {
            public_id: secret.public_id(),
            name: wish.name.clone(),
            purpose: wish.purpose,
            owner: wish.owner.clone(),
            holder: wish.holder.clone(),
            reason,
            not_delegation,
            protocols: terms.protocols,
            rights: terms.rights,
            on_archive: terms.on_archive,
            mailboxes: wish.mailboxes.clone(),
            forgiving: terms.forgiving,
            older_than_ms: wish.older_than_ms,
            networks: wish.networks.clone().unwrap_or(Networks::Of(Vec::new())),
            hours: wish.hours,
            connections: wish.connections,
            sending: terms.sending,
            starts: wish.starts,
            expires: terms.expires,
            verifier,
            key_id: newest.name().to_owned(),
            wrap,
        };
        let (writer, address) = (caller.clone(), shared.clone());
        let row = self.change(move |tx| {
            // Held until this is committed, whoever waits for it.
            let _held = &newest;
            managing(tx, &writer, &address)?.1.issue(&new)
        });
        let row = row.await?;
        let widened = wish.purpose.widened_by(terms.protocols, terms.rights);
        let secret = if wrapped.is_some() { None } else { Some(secret.text()) };
        Ok(Issued { row, secret, wrapped, widened, delegates })
    }

    /// Of those who would use it, who is a delegate already: where a delegate could do it.
    async fn could_be_delegates(
        &self,
        caller: &Caller,
        shared: &Address,
        wish: &CredentialWish,
    ) -> Result<Vec<DelegationNote>, Refused> {
        let (caller, shared) = (caller.clone(), shared.clone());
        let asks = match caller.actor() {
            Actor::Person(person) => Some(*person),
            _ => None,
        };
        let holder = wish.holder.clone();
        let matters = wish.purpose.could_be_delegation();
        self.ask(move |tx| {
            let (_, managing) = managing(tx, &caller, &shared)?;
            let user = match &holder {
                Some(holder) => tx.account_at(holder)?.map(PersonId::of),
                None => asks,
            };
            let Some(user) = user.filter(|_| matters) else { return Ok(Vec::new()) };
            let grants = managing.grants_of_person(user)?;
            let Some(person) = tx.address_of(user.account())?.filter(|_| !grants.is_empty()) else {
                return Ok(Vec::new());
            };
            Ok(vec![DelegationNote { person, held: held(&grants) }])
        })
        .await
    }

    /// The end of a credential that has none named: as its template says, or sooner by policy.
    async fn within_policy(&self, caller: &Caller, shared: &Address, expires: Timestamp) -> Result<Timestamp, Refused> {
        let (policy, _) = self.policy(caller, Some(shared)).await?;
        let latest = policy.holds.max_life_ms.map(|life| self.now().plus_ms(life));
        Ok(latest.map_or(expires, |latest| expires.min(latest)))
    }

    fn wrap(&self, secret: &Secret, recipient: &Address, now: Timestamp) -> Result<(NewWrap, Wrapped), Refused> {
        let code = Bearer::make(Kind::Code, &self.random::<RANDOM_BYTES>()?).text();
        let opens_before = now.plus_ms(WRAP_MS);
        let sealed = seal(&code, secret)?;
        let wrap = NewWrap { code_hash: code_hash(&code), sealed, recipient: recipient.clone(), opens_before };
        Ok((wrap, Wrapped { code, recipient: recipient.clone(), opens_before }))
    }

    /// The credentials of one shared mailbox; or of every one whose grants the caller sees, with those
    /// that they answer for or use.
    pub async fn credentials(
        &self,
        caller: &Caller,
        shared: Option<&Address>,
        ended_too: bool,
    ) -> Result<Vec<CredentialRow>, Refused> {
        let (caller, shared) = (caller.clone(), shared.cloned());
        let rows = self.ask(move |tx| match &shared {
            Some(address) => credentials_at(tx, &caller, address, ended_too),
            None => all_credentials(tx, &caller, ended_too),
        });
        Ok(rows.await?.into_iter().map(|row| self.with_key(row)).collect())
    }

    /// The row with what the database does not know: whether its secret can be checked.
    fn with_key(&self, mut row: CredentialRow) -> CredentialRow {
        if row.ended.is_none() && !self.keys.has(&row.key_id) {
            row.obstacles.push(Obstacle::KeyMissing);
        }
        row
    }

    /// One credential, by its id or as `ADDRESS/NAME`, with its sessions on this node.
    pub async fn credential(&self, caller: &Caller, which: &str) -> Result<CredentialSeen, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        let row = self.ask(move |tx| tx.credential::<ReadGrants>(&caller, &which)?.row()).await?;
        let had_ended = row.ended.is_some();
        Ok(CredentialSeen { sessions: self.live.of(row.facts.id), row: self.with_key(row), had_ended })
    }

    /// Does what ends a credential's sessions. They are listed within the write: none is accepted
    /// beside it, and once it is committed they are on their way out.
    async fn cutting(
        &self,
        work: impl Fn(&Tx<'_>) -> Result<(CredentialRow, bool), GateError> + Send + Sync + 'static,
    ) -> Result<CredentialSeen, Refused> {
        let live = Arc::clone(&self.live);
        let cut = self.change(move |tx| {
            let (row, had_ended) = work(tx)?;
            Ok(CredentialSeen { sessions: live.of(row.facts.id), row, had_ended })
        });
        let seen = cut.await?;
        Ok(CredentialSeen { row: self.with_key(seen.row), ..seen })
    }

    /// Takes a credential back for good: from now on it signs in nowhere, and its sessions end.
    pub async fn revoke_credential(
        &self,
        caller: &Caller,
        which: &str,
        compromised: bool,
    ) -> Result<CredentialSeen, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        let reason = if compromised { "compromised" } else { "" };
        let revoke = move |tx: &Tx<'_>| {
            let credential = tx.credential::<Revoke>(&caller, &which)?;
            Ok((credential.revoke(reason)?, credential.has_ended()))
        };
        let seen = self.cutting(revoke).await;
        // What it handed in is taken out.
        self.queue.wake();
        seen
    }

    /// Sets a credential aside: its sessions end, and it can come back.
    pub async fn suspend_credential(&self, caller: &Caller, which: &str) -> Result<CredentialSeen, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        self.cutting(move |tx| Ok((tx.credential::<Revoke>(&caller, &which)?.suspend()?, false))).await
    }

    /// Lets one that was set aside sign in again.
    pub async fn resume_credential(&self, caller: &Caller, which: &str) -> Result<CredentialRow, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        let row = self.change(move |tx| tx.credential::<ManageCredentials>(&caller, &which)?.resume()).await?;
        Ok(self.with_key(row))
    }

    /// Checks out one that is shut otherwise, for so many milliseconds.
    pub async fn open_credential(
        &self,
        caller: &Caller,
        which: &str,
        for_ms: Option<i64>,
    ) -> Result<CredentialRow, Refused> {
        let for_ms = for_ms.unwrap_or(OPEN_MS);
        if !(1..=OPEN_MS_MOST).contains(&for_ms) {
            return unusable("It is checked out for a day at most: --for 8h");
        }
        let (caller, which, until) = (caller.clone(), which.to_owned(), self.now().plus_ms(for_ms));
        let row = self.change(move |tx| tx.credential::<CheckOut>(&caller, &which)?.open(until)).await?;
        Ok(self.with_key(row))
    }

    /// Shuts it again; its sessions end.
    pub async fn close_credential(&self, caller: &Caller, which: &str) -> Result<CredentialSeen, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        self.cutting(move |tx| Ok((tx.credential::<Revoke>(&caller, &which)?.close()?, false))).await
    }

    /// Opens the secret that waits for the caller.
    pub async fn unwrap_credential(&self, caller: &Caller, code: &Secret) -> Result<Unwrapped, Refused> {
        let Actor::Person(person) = caller.actor() else {
            return Err(
                Rule::Cannot("A secret is opened by the person it was made for, signed in as themselves").into()
            );
        };
        if Bearer::parse(Kind::Code, code).is_none() {
            return unusable("That is no code, or not all of it: it begins with ptnc_ and has 51 letters");
        }
        let (writer, account, hash) = (caller.clone(), person.account(), code_hash(code));
        let opened = self.change(move |tx| tx.authority_on::<ManageSelf>(&writer, account)?.unwrap(&hash)).await?;
        let secret = unseal(code, &opened.sealed)?;
        Ok(Unwrapped { row: self.with_key(opened.row), secret })
    }
}

fn managing<'t>(
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    shared: &Address,
) -> Result<(AccountId, Authority<'t, ManageCredentials>), GateError> {
    let account = tx.account_at(shared)?.unwrap_or_else(Tx::no_account);
    let proof = duty_at::<ManageCredentials>(tx, caller, shared, "shared mailbox");
    // Told to those who may know that there is such a person (law 4).
    let (is_allowed, may_know) = match &proof {
        Ok(_) => (true, true),
        Err(GateError::Denied(Denied::NotYours { .. })) => {
            (false, allowed(tx.authority::<ReadOrganisation>(caller))?.is_some())
        }
        Err(_) => (false, false),
    };
    if may_know && tx.is_person(account)? {
        let what = if is_allowed { "no shared mailbox" } else { "a person's own mailbox" };
        let text = format!(
            "{shared} is {what}, and credentials are of shared ones. People sign in as themselves, in their mail programs \
             too: {shared} with their own password. For a program, name a shared mailbox that it works in, or make one: \
             postern shared add EMAIL"
        );
        return Err(Rule::Unusable(text).into());
    }
    proof
}

/// Where a delegate could do it: why that does not do.
fn why_no_grant(
    wish: &CredentialWish,
    shared: &Address,
    delegates: &[DelegationNote],
) -> Result<Option<String>, Refused> {
    if !wish.purpose.could_be_delegation() {
        return wish.not_delegation.as_deref().map(|text| check_text("why a grant does not do", text)).transpose();
    }
    if let Some(text) = &wish.not_delegation {
        return check_text("why a grant does not do (--not-delegation)", text).map(Some);
    }
    let would_do = match delegates.first() {
        Some(DelegationNote { person, held }) => format!(
            "{person} is a delegate {held} already, and signs in as {person} or, for a program that opens one mailbox, \
             as {person}/{shared}"
        ),
        None => {
            let who = wish.holder.as_ref().map_or("PERSON".to_owned(), ToString::to_string);
            format!("a grant lets people work here signed in as themselves: postern delegate add {shared} {who}")
        }
    };
    unusable(format!(
        "A credential for {} is rarely needed: {would_do}. If that does not do, say why with --not-delegation",
        wish.purpose
    ))
}

fn held(grants: &[GrantFact]) -> String {
    let widest = grants.iter().max_by_key(|grant| grant.rights.letters().count());
    match widest.and_then(|grant| Role::of(grant.rights)) {
        Some(role) => role.phrase().to_owned(),
        None => "with some rights".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for name in ["nightly", "help-desk_2", "v1.2"] {
            assert_eq!(check_credential_name(name).as_deref(), Ok(name));
        }
        for name in ["", "Nightly", "a b", "a/b", "-x", "crd_abc", "ä", &"x".repeat(41)] {
            assert!(check_credential_name(name).is_err(), "{name}");
        }
    }
}
