//! Credentials of shared accounts: issued, seen, set aside and taken back.
//!
//! Whoever manages credentials gives no letter that they do not hold, as with grants: a
//! credential is a grant to whoever has its secret. Taking back is wider than giving, and whoever
//! answers for one credential, or uses it, may end that one.

use super::audit::{Detail, Event};
use super::authority::{Authority, DutyClass, Expire, ManageCredentials, ReadGrants, Revoke};
use super::caller::Caller;
use super::error::{GateError, Rule};
use super::facts;
use super::grants::GrantReach;
use super::scope::{self, KnownCredential};
use super::tree::raise_epoch;
use crate::statements::{credentials as sql, mailbox as mailbox_sql};
use crate::{StoreError, Tx};
use postern_access::{
    AccountState, Actor, CredentialScope, CredentialState, Denied, Duty, GrantFact, Hours, Networks, Obstacle,
    Protocols, Purpose, Reach,
};
use postern_types::{AccountId, Address, CredentialId, MailboxId, PersonId, Rights, Secret, SpecialUse, Timestamp};
use std::marker::PhantomData;

/// A credential to be issued. Of its secret only what it is checked against comes here.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// Its public id, `crd_…`.
    pub public_id: String,
    /// What it is called; its purpose with a number where it has no name.
    pub name: Option<String>,
    /// What for.
    pub purpose: Purpose,
    /// Who answers for it.
    pub owner: Address,
    /// Who uses it, where that is somebody.
    pub holder: Option<Address>,
    /// Why it is needed.
    pub reason: String,
    /// Why a grant does not do.
    pub not_delegation: Option<String>,
    /// By which protocols.
    pub protocols: Protocols,
    /// With which letters.
    pub rights: Rights,
    /// With which beside those on the mailbox that is `\Archive`.
    pub on_archive: Rights,
    /// On which mailboxes; on all where none is named.
    pub mailboxes: Vec<GrantReach>,
    /// Flags that it may not change are taken and forgotten.
    pub forgiving: bool,
    /// Only messages so old, in milliseconds.
    pub older_than_ms: Option<i64>,
    /// From where.
    pub networks: Networks,
    /// At which hours.
    pub hours: Option<Hours>,
    /// How many connections at once.
    pub connections: Option<u32>,
    /// From when on.
    pub starts: Option<Timestamp>,
    /// When it ends.
    pub expires: Timestamp,
    /// What its secret is checked against.
    pub verifier: Secret,
    /// The key that this was made with.
    pub key_id: String,
    /// Its secret, sealed for somebody; then it is in use once they have opened it.
    pub wrap: Option<NewWrap>,
}

/// A secret on its way to somebody.
#[derive(Debug, Clone)]
pub struct NewWrap {
    /// Hash of the code that opens it.
    pub code_hash: Vec<u8>,
    /// The secret, sealed under the code.
    pub sealed: Vec<u8>,
    /// Who alone opens it.
    pub recipient: Address,
    /// Until when.
    pub opens_before: Timestamp,
}

/// A credential as those who may see it see it. Never its secret.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// What decides whether it stands.
    pub facts: postern_access::CredentialFacts,
    /// What speaks against it now.
    pub obstacles: Vec<Obstacle>,
    /// Its public id.
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// The address of its account: the username.
    pub address: String,
    /// The address of who answers for it.
    pub owner: Option<String>,
    /// The address of who uses it.
    pub holder: Option<String>,
    /// Why it is needed.
    pub reason: String,
    /// Why a grant does not do.
    pub not_delegation: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// What it opens, by name; nothing where what was named is gone.
    pub mailboxes: Vec<(GrantReach, Rights)>,
    /// When it last signed in.
    pub last_used: Option<Timestamp>,
    /// When it ended, and why.
    pub ended: Option<(Timestamp, String)>,
    /// Who has its secret waiting, and until when.
    pub waiting_for: Option<(String, Timestamp)>,
}

/// A proof that the caller may do duty `D` to one credential: by managing its account's, or by
/// answering for this one.
pub struct Key<'t, D: DutyClass> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    known: KnownCredential,
    /// They manage the account's credentials, and do not merely answer for this one or use it.
    manages: bool,
    class: PhantomData<D>,
}

impl Tx<'_> {
    /// The number and account of a credential, by its public id or as `ADDRESS/NAME`; those of
    /// none where there is none. Knowing them opens nothing.
    pub fn credential_called(&self, which: &str) -> Result<(i64, AccountId), StoreError> {
        let found = match which.split_once('/').and_then(|(address, name)| Some((Address::parse(address).ok()?, name)))
        {
            Some((address, name)) => {
                let account = self.account_at(&address)?.unwrap_or_else(Tx::no_account);
                let read = |row: &dyn crate::sql::Row| Ok((row.int(0)?, AccountId::new(row.int(1)?)?));
                self.one(&sql::ID_OF_NAME, &[account.get().into(), name.into()], read)?
            }
            None => self.one(&sql::ID_OF, &[which.into()], |row| Ok((row.int(0)?, AccountId::new(row.int(1)?)?)))?,
        };
        Ok(found.unwrap_or((0, Tx::no_account())))
    }

    /// Proves a duty on one credential. Locks its account first, in a write. One that is not there
    /// and one that is hidden are the same.
    pub fn credential<'t, D: DutyClass>(&'t self, caller: &'t Caller, which: &str) -> Result<Key<'t, D>, GateError> {
        let absent = || GateError::from(Rule::Absent(format!("credential {which}")));
        let (id, account) = self.credential_called(which)?;
        let by_account = self.authority_on::<D>(caller, account).map(|_| ());
        // Read under the lock.
        let known = scope::known(self, id)?;
        match (by_account, known) {
            (Ok(()), Some(known)) => Ok(Key { tx: self, caller, known, manages: true, class: PhantomData }),
            (Err(GateError::Denied(denied)), Some(known)) if answers_for(caller, &known, D::DUTY) => {
                // They may, and not with a token that may not do such things.
                match caller.token() {
                    Some(token) if !token.role.lets_through(D::DUTY) => Err(denied_to_token(D::DUTY, denied)),
                    _ => Ok(Key { tx: self, caller, known, manages: false, class: PhantomData }),
                }
            }
            // It is theirs to do, and not with this token.
            (Err(GateError::Denied(narrow @ Denied::TokenTooNarrow { .. })), Some(_)) => Err(narrow.into()),
            // To whoever sees the mailbox and not what opens it, there is none.
            (Err(GateError::Denied(_)) | Ok(()), _) => Err(absent()),
            (Err(error), _) => Err(error),
        }
    }
}

/// What hides the account hides the credential from a token as well.
fn denied_to_token(duty: Duty, denied: Denied) -> GateError {
    match denied {
        Denied::Hidden => Denied::Hidden.into(),
        _ => Denied::TokenTooNarrow { duty }.into(),
    }
}

/// Whoever answers for a credential, or uses it, may see it, check it out and end it.
fn answers_for(caller: &Caller, known: &KnownCredential, duty: Duty) -> bool {
    let Actor::Person(person) = caller.actor() else { return false };
    matches!(duty, Duty::ReadGrants | Duty::Revoke | Duty::ManageCredentials)
        && (known.owner == Some(*person) || known.holder == Some(*person))
}

impl Authority<'_, ManageCredentials> {
    /// Issues a credential, and answers it as it is now.
    pub fn issue(&self, new: &NewCredential) -> Result<CredentialRow, GateError> {
        let (tx, account) = (self.tx(), self.shared_account()?);
        // Whoever changes policy and this take turns.
        tx.one(&sql::HOLD_ORGANISATION, &[], |row| row.int(0))?;
        tx.policy_holding(account)?.may_issue(new.purpose).map_err(|denied| Rule::Unusable(denied.to_string()))?;
        let owner = self.person_called(&new.owner, "owner")?;
        let holder = new.holder.as_ref().map(|holder| self.person_called(holder, "holder")).transpose()?;
        let wrapped_for = new.wrap.as_ref().map(|wrap| self.person_called(&wrap.recipient, "recipient")).transpose()?;
        let reaches = self.reaches(new)?;
        let scope = CredentialScope {
            protocols: new.protocols,
            reaches: reaches.clone(),
            forgiving: new.forgiving,
            older_than_ms: new.older_than_ms,
            networks: new.networks.clone(),
            hours: new.hours,
            connections: new.connections,
        };
        self.may_change(&[], &scope.as_grants(Some(new.expires)))?;
        let name = self.free_name(new)?;
        let encoded = scope::encode(&scope)?;
        let issuer = self.caller().origin().label.clone();
        let state = if new.wrap.is_some() { CredentialState::Issued } else { CredentialState::Active };
        let values = [
            account.get().into(),
            (&new.public_id).into(),
            (&name).into(),
            new.purpose.name().into(),
            owner.get().into(),
            holder.map(PersonId::get).into(),
            (&new.reason).into(),
            new.not_delegation.as_ref().into(),
            (&issuer).into(),
            new.verifier.expose().into(),
            (&new.key_id).into(),
            encoded.as_slice().into(),
            state.name().into(),
            new.starts.map(|start| start.0).into(),
            new.expires.0.into(),
            tx.now().0.into(),
        ];
        let id = tx.one(&sql::ADD, &values, |row| row.int(0))?;
        let id = id.ok_or_else(|| StoreError::Conflict("a random credential id came twice".into()))?;
        for (reach, rights) in &reaches {
            let (kind, subtree, mailbox) = match reach {
                Reach::Account => ("account", None, None),
                Reach::Subtree(name) => ("subtree", Some(name.as_str()), None),
                Reach::Mailbox(mailbox) => ("mailbox", None, Some(mailbox.get())),
            };
            let values =
                [id.into(), account.get().into(), kind.into(), subtree.into(), mailbox.into(), rights.bits().into()];
            tx.execute(&sql::ADD_REACH, &values)?;
        }
        if let (Some(wrap), Some(recipient)) = (&new.wrap, wrapped_for) {
            let (hash, sealed) = (wrap.code_hash.as_slice(), wrap.sealed.as_slice());
            let values = [id.into(), hash.into(), sealed.into(), recipient.get().into(), wrap.opens_before.0.into()];
            tx.execute(&sql::ADD_WRAP, &values)?;
        }
        let detail = told(new, &scope);
        note(tx, self.caller(), "credential.issued", account, &detail, &format!("{name}: {}", new.reason))?;
        raise_epoch(tx, account)?;
        row(tx, id, account)?
            .ok_or_else(|| StoreError::Damaged("a credential was issued and is not there".into()).into())
    }

    fn shared_account(&self) -> Result<AccountId, GateError> {
        let account = self.account().ok_or_else(|| StoreError::Conflict("a credential is of an account".into()))?;
        if self.tx().is_person(account)? {
            let text =
                "This is a person's own mailbox: they sign in as themselves. Direct sign-in is for shared mailboxes";
            return Err(Rule::Unusable(text.into()).into());
        }
        Ok(account)
    }

    /// A person in use, who is held until the commit.
    fn person_called(&self, address: &Address, what: &str) -> Result<PersonId, GateError> {
        let tx = self.tx();
        let unusable = |text: String| GateError::from(Rule::Unusable(text));
        let found = tx.account_at(address)?.map(PersonId::of);
        if let Some(person) = found {
            tx.one(&crate::statements::facts::PERSON_EPOCH_FOR_WRITE, &[person.get().into()], |row| row.int(0))?;
        }
        let person = found.map(|person| facts::person_facts(tx, person)).transpose()?.flatten();
        let person =
            person.ok_or_else(|| unusable(format!("The {what} is a person of the house, and {address} is none")))?;
        if person.suspended {
            return Err(unusable(format!("The {what} {address} is suspended, so the credential would open nothing")));
        }
        Ok(person.id)
    }

    /// Which places it opens, and with which letters.
    fn reaches(&self, new: &NewCredential) -> Result<Vec<(Reach, Rights)>, GateError> {
        if new.rights.is_empty() && new.on_archive.is_empty() {
            return Ok(Vec::new());
        }
        if !new.mailboxes.is_empty() {
            let archive = self.archive()?;
            let mut reaches: Vec<(Reach, Rights)> = Vec::new();
            for named in &new.mailboxes {
                let reach = self.find(named)?;
                let is_archive = matches!(reach, Reach::Mailbox(mailbox) if Some(mailbox) == archive);
                let more = if is_archive { new.on_archive } else { Rights::NONE };
                if !reaches.iter().any(|(other, _)| *other == reach) {
                    reaches.push((reach, new.rights | more));
                }
            }
            return Ok(reaches);
        }
        let mut reaches = vec![(Reach::Account, new.rights)];
        if let Some(archive) = self.archive()?.filter(|_| !(new.on_archive - new.rights).is_empty()) {
            reaches.push((Reach::Mailbox(archive), new.rights | new.on_archive));
        }
        Ok(reaches)
    }

    fn archive(&self) -> Result<Option<MailboxId>, GateError> {
        let account = self.shared_account()?;
        let all = self.tx().all(&mailbox_sql::OF_ACCOUNT, &[account.get().into()], |row| {
            let is_archive = row.opt_text(2)?.and_then(SpecialUse::parse) == Some(SpecialUse::Archive);
            Ok((MailboxId::from_key(row.int(0)?)?, is_archive))
        })?;
        Ok(all.into_iter().find(|(_, is_archive)| *is_archive).map(|(mailbox, _)| mailbox))
    }

    /// The name it is given, or its purpose, with a number where that is in use.
    fn free_name(&self, new: &NewCredential) -> Result<String, GateError> {
        let account = self.shared_account()?;
        let is_taken = |name: &str| -> Result<bool, StoreError> {
            Ok(self.tx().one(&sql::ID_OF_NAME, &[account.get().into(), name.into()], |_| Ok(()))?.is_some())
        };
        if let Some(name) = &new.name {
            if is_taken(name)? {
                let text =
                    format!("A credential called {name} is in use here; choose another name, or revoke that one");
                return Err(Rule::Unusable(text).into());
            }
            return Ok(name.clone());
        }
        let mut name = new.purpose.name().to_owned();
        let mut number = 1;
        while is_taken(&name)? {
            number += 1;
            name = format!("{}-{number}", new.purpose.name());
        }
        Ok(name)
    }

    /// Grants that a person holds on the account, to say that they could sign in as themselves.
    pub fn grants_of_person(&self, person: PersonId) -> Result<Vec<GrantFact>, GateError> {
        let account = self.shared_account()?;
        let mut grants = facts::grants_for(self.tx(), account, person)?;
        grants.retain(|grant| grant.is_live(self.tx().now()));
        Ok(grants)
    }
}

/// What a credential opens, as the trail keeps it: no name of anybody.
fn told(new: &NewCredential, scope: &CredentialScope) -> String {
    let networks = match &scope.networks {
        Networks::Any => "any".to_owned(),
        Networks::Of(networks) => networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
    };
    let mut text = format!("{} {} {}", new.public_id, new.purpose, scope.protocols);
    if !scope.letters().is_empty() {
        text.push_str(&format!(" letters {}", scope.letters()));
    }
    let places: Vec<&str> = scope
        .reaches
        .iter()
        .map(|(reach, _)| match reach {
            Reach::Account => "account",
            Reach::Subtree(_) => "subtree",
            Reach::Mailbox(_) => "mailbox",
        })
        .collect();
    if !places.is_empty() {
        text.push_str(&format!(" on {}", places.join(",")));
    }
    if scope.forgiving {
        text.push_str(" lenient");
    }
    if let Some(age) = scope.older_than_ms {
        text.push_str(&format!(" older-than {}s", age / 1000));
    }
    if let Some(most) = scope.connections {
        text.push_str(&format!(" connections {most}"));
    }
    text.push_str(&format!(" network {networks}"));
    if let Some(hours) = scope.hours {
        text.push_str(&format!(" hours {hours}"));
    }
    text.push_str(&format!(" until {}", new.expires.0));
    if new.wrap.is_some() {
        text.push_str(" wrapped");
    }
    text
}

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

/// One credential as it is shown.
pub(super) fn row(tx: &Tx<'_>, id: i64, account: AccountId) -> Result<Option<CredentialRow>, StoreError> {
    Ok(rows(tx, account, (true, id))?.pop())
}

/// Those of an account: with ended ones, and one alone where it is named (0 for all).
fn rows(tx: &Tx<'_>, account: AccountId, (ended_too, id): (bool, i64)) -> Result<Vec<CredentialRow>, StoreError> {
    let in_use = facts::account_facts(tx, account)?.is_some_and(|facts| facts.state == AccountState::Active);
    let found = tx.all(&sql::LIST, &[account.get().into(), ended_too.into(), id.into()], |row| {
        let text = |column| Ok::<_, StoreError>(row.opt_text(column)?.map(str::to_owned));
        let ended = row.opt_int(9)?.map(Timestamp).zip(text(10)?.or(Some(String::new())));
        Ok((row.int(0)?, text(5)?, text(6)?, text(7)?, row.opt_int(8)?.map(Timestamp), ended, text(11)?, text(12)?))
    })?;
    let mut shown = Vec::with_capacity(found.len());
    for (id, reason, not_delegation, issuer, last_used, ended, owner, holder) in found {
        let Some(known) = scope::known(tx, id)? else { continue };
        let waiting = |row: &dyn crate::sql::Row| Ok((row.text(0)?.to_owned(), Timestamp(row.int(1)?)));
        shown.push(CredentialRow {
            obstacles: known.facts.obstacles(tx.now(), in_use),
            mailboxes: named(tx, &known.facts.scope)?,
            facts: known.facts,
            public_id: known.public_id,
            name: known.name,
            address: known.address,
            owner,
            holder,
            reason: reason.unwrap_or_default(),
            not_delegation,
            issuer: issuer.unwrap_or_default(),
            last_used,
            ended,
            waiting_for: tx.one(&sql::WAITING, &[id.into()], waiting)?,
        });
    }
    Ok(shown)
}

/// The places of a scope by name. One that is gone opens nothing, and is left out.
fn named(tx: &Tx<'_>, scope: &CredentialScope) -> Result<Vec<(GrantReach, Rights)>, StoreError> {
    let mut named = Vec::new();
    for (reach, rights) in &scope.reaches {
        let place = match reach {
            Reach::Account => Some(GrantReach::Account),
            Reach::Subtree(name) => Some(GrantReach::Subtree(name.clone())),
            Reach::Mailbox(mailbox) => tx
                .one(&crate::statements::facts::MAILBOX_NAME, &[mailbox.get().into()], |row| {
                    facts::parse_name(row.text(0)?)
                })?
                .map(GrantReach::Mailbox),
        };
        named.extend(place.map(|place| (place, *rights)));
    }
    Ok(named)
}

impl Authority<'_, ReadGrants> {
    /// The account's credentials, oldest first; those that have ended too, if asked for.
    pub fn credentials(&self, ended_too: bool) -> Result<Vec<CredentialRow>, GateError> {
        let account = self.account().ok_or_else(|| StoreError::Conflict("a credential is of an account".into()))?;
        Ok(rows(self.tx(), account, (ended_too, 0))?)
    }
}

impl Tx<'_> {
    /// Accounts that have credentials. It shows nothing of them: each is asked for by a proof.
    pub fn accounts_with_credentials(&self, ended_too: bool) -> Result<Vec<AccountId>, StoreError> {
        self.all(&sql::ACCOUNTS_WITH, &[ended_too.into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Public ids of an account's credentials that a person answers for or uses. It shows nothing of
    /// them: each is asked for by a proof.
    pub fn credentials_answered_for(&self, account: AccountId, person: PersonId) -> Result<Vec<String>, StoreError> {
        let key = [account.get().into(), person.get().into()];
        self.all(&sql::ANSWERED_FOR, &key, |row| Ok(row.text(0)?.to_owned()))
    }

    /// Holds what a sign-in by this credential depends on until the commit.
    pub(super) fn hold_credential(&self, known: &KnownCredential) -> Result<(), StoreError> {
        self.one(&sql::HOLD, &[known.facts.id.get().into()], |row| row.int(0))?;
        self.one(&sql::HOLD_ORGANISATION, &[], |row| row.int(0))?;
        for person in known.owner.iter().chain(&known.holder) {
            let key = [person.get().into()];
            self.one(&crate::statements::facts::PERSON_EPOCH_FOR_WRITE, &key, |row| row.int(0))?;
        }
        Ok(())
    }
}

impl<D: DutyClass> Key<'_, D> {
    /// The credential's number.
    pub fn id(&self) -> CredentialId {
        self.known.facts.id
    }

    /// Whoever signs in with it, to ask what they could do.
    pub fn actor(&self) -> Actor {
        Actor::Credential { id: self.known.facts.id, account: self.known.facts.account }
    }

    /// The credential as it is now.
    pub fn row(&self) -> Result<CredentialRow, GateError> {
        let found = row(self.tx, self.known.facts.id.get(), self.known.facts.account)?;
        found.ok_or_else(|| StoreError::Damaged("a credential is there and not in its list".into()).into())
    }

    fn change(&self, action: &'static str, public: &str) -> Result<CredentialRow, GateError> {
        let detail = format!("{} {public}", self.known.public_id);
        note(self.tx, self.caller, action, self.known.facts.account, detail.trim_end(), &self.known.name)?;
        raise_epoch(self.tx, self.known.facts.account)?;
        self.row()
    }

    fn refuse_ended(&self) -> Result<(), GateError> {
        let facts = &self.known.facts;
        let has_ended = matches!(facts.state, CredentialState::Expired | CredentialState::Revoked);
        if has_ended || facts.expires <= self.tx.now() {
            let text =
                format!("The credential {} has ended and does not come back; issue another one", self.known.public_id);
            return Err(Rule::Unusable(text).into());
        }
        Ok(())
    }
}

impl Key<'_, Revoke> {
    /// Takes the credential back for good. Taking back what has ended is no error.
    pub fn revoke(&self, reason: &str) -> Result<CredentialRow, GateError> {
        let id = self.known.facts.id.get();
        let values = [id.into(), CredentialState::Revoked.name().into(), self.tx.now().0.into(), reason.into()];
        if self.tx.execute(&sql::END, &values)? == 0 {
            return self.row();
        }
        self.tx.execute(&sql::REMOVE_WRAP, &[id.into()])?;
        self.change("credential.revoked", reason)
    }

    /// Sets it aside. It can come back.
    pub fn suspend(&self) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        match self.known.facts.state {
            CredentialState::Suspended => self.row(),
            CredentialState::Issued => {
                let text = "Its secret is not opened yet, so there is nothing to suspend; revoke it instead";
                Err(Rule::Unusable(text.into()).into())
            }
            _ => self.set_state(CredentialState::Suspended, "credential.suspended"),
        }
    }

    /// Shuts one that was checked out.
    pub fn close(&self) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        if !self.known.facts.purpose.is_checked_out() {
            let text = format!(
                "The credential {} is not one that is checked out, so it is never shut; suspend it, or revoke it",
                self.known.public_id
            );
            return Err(Rule::Unusable(text).into());
        }
        if self.known.facts.opened_until.is_none_or(|until| until <= self.tx.now()) {
            return self.row();
        }
        self.tx.execute(&sql::CLOSE, &[self.known.facts.id.get().into()])?;
        self.change("credential.closed", "")
    }
}

impl<D: DutyClass> Key<'_, D> {
    fn set_state(&self, state: CredentialState, action: &'static str) -> Result<CredentialRow, GateError> {
        self.tx.execute(&sql::SET_STATE, &[self.known.facts.id.get().into(), state.name().into()])?;
        self.change(action, "")
    }
}

impl Key<'_, ManageCredentials> {
    /// Lets one that was set aside sign in again.
    pub fn resume(&self) -> Result<CredentialRow, GateError> {
        if !self.manages {
            return Err(Denied::NotYours { duty: Duty::ManageCredentials }.into());
        }
        self.refuse_ended()?;
        match self.known.facts.state {
            CredentialState::Suspended => self.set_state(CredentialState::Active, "credential.resumed"),
            CredentialState::Issued => {
                let text = "Its secret is not opened yet by the person it was made for, so there is nothing to resume";
                Err(Rule::Unusable(text.into()).into())
            }
            _ => self.row(),
        }
    }

    /// Checks it out until a moment: for whoever uses it, answers for it, or manages it.
    pub fn open(&self, until: Timestamp) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        if !self.known.facts.purpose.is_checked_out() {
            let text = format!(
                "The credential {} is not one that is checked out: it is open while it stands",
                self.known.public_id
            );
            return Err(Rule::Unusable(text).into());
        }
        self.tx.execute(&sql::OPEN, &[self.known.facts.id.get().into(), until.0.into()])?;
        self.change("credential.opened", &format!("until {}", until.0))
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Takes back every credential of an account. Answers their numbers.
    pub(super) fn end_secrets(&self, account: AccountId, reason: &str) -> Result<Vec<CredentialId>, GateError> {
        let tx = self.tx();
        let live = tx.all(&sql::LIVE, &[account.get().into()], |row| Ok((row.int(0)?, row.text(1)?.to_owned())))?;
        let mut ended = Vec::with_capacity(live.len());
        for (id, public_id) in live {
            let values = [id.into(), CredentialState::Revoked.name().into(), tx.now().0.into(), reason.into()];
            tx.execute(&sql::END, &values)?;
            tx.execute(&sql::REMOVE_WRAP, &[id.into()])?;
            note(tx, self.caller(), "credential.revoked", account, &format!("{public_id} {reason}"), "")?;
            ended.push(CredentialId::new(id).map_err(StoreError::from)?);
        }
        if !ended.is_empty() {
            raise_epoch(tx, account)?;
        }
        Ok(ended)
    }
}

impl Authority<'_, Expire> {
    /// Writes down the end of credentials whose time has come, and of those whose secrets nobody
    /// opened, at most `most` of each; answers how many. They are refused from their time on.
    pub fn expire_credentials(&self, most: usize) -> Result<usize, GateError> {
        let (tx, now) = (self.tx(), self.tx().now().0);
        let mut ended = 0;
        for (statement, reason) in [(&sql::AT_END, "expired"), (&sql::UNOPENED, "not opened in time")] {
            let found = tx.all(statement, &[now.into(), (most as i64).into()], |row| {
                Ok((row.int(0)?, AccountId::new(row.int(1)?)?, row.text(2)?.to_owned()))
            })?;
            ended = found.len().max(ended);
            for (id, account, public_id) in found {
                let values = [id.into(), CredentialState::Expired.name().into(), now.into(), reason.into()];
                if tx.execute(&sql::END, &values)? > 0 {
                    note(tx, self.caller(), "credential.expired", account, &format!("{public_id} {reason}"), "")?;
                }
                tx.execute(&sql::REMOVE_WRAP, &[id.into()])?;
            }
        }
        Ok(ended)
    }
}
