//! Issuing a credential.

use super::super::audit::note;
use super::super::authority::{Authority, ManageCredentials, ReadOrganisation};
use super::super::error::{GateError, Rule};
use super::super::facts;
use super::super::grants::GrantReach;
use super::super::scope;
use super::super::tree::raise_epoch;
use super::{CredentialRow, row};
use crate::statements::{credentials as sql, facts as facts_sql, mailbox as mailbox_sql};
use crate::{StoreError, Tx};
use postern_access::{
    CredentialScope, CredentialState, GrantFact, Hours, Issue, Networks, Protocol, Protocols, Purpose, Reach,
    SendingScope,
};
use postern_types::{AccountId, Address, MailboxId, PersonId, Rights, Secret, SpecialUse, Timestamp, counted, length};

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
    /// What it sends, where it submits.
    pub sending: SendingScope,
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

impl Authority<'_, ManageCredentials> {
    /// Issues a credential, and answers it as it is now.
    pub fn issue(&self, new: &NewCredential) -> Result<CredentialRow, GateError> {
        let (tx, account) = (self.tx(), self.shared_account()?);
        let name = self.free_name(new)?;
        let scope = self.scope(new)?;
        self.is_allowed(account, new, &scope)?;
        let people = People {
            owner: self.person_called(&new.owner, "owner")?,
            holder: new.holder.as_ref().map(|holder| self.person_called(holder, "holder")).transpose()?,
            recipient: new.wrap.as_ref().map(|wrap| self.person_called(&wrap.recipient, "recipient")).transpose()?,
        };
        let id = self.add(account, new, (&name, &scope, &people))?;
        add_reaches(tx, (id, account), &scope)?;
        if let (Some(wrap), Some(recipient)) = (&new.wrap, people.recipient) {
            let (hash, sealed) = (wrap.code_hash.as_slice(), wrap.sealed.as_slice());
            let values = [id.into(), hash.into(), sealed.into(), recipient.get().into(), wrap.opens_before.0.into()];
            tx.execute(&sql::ADD_WRAP, &values)?;
        }
        let subject = format!("{name}, {}: {}", personal(new, &scope), new.reason);
        note(tx, self.caller(), "credential.issued", account, &told(new, &scope), &subject)?;
        raise_epoch(tx, account)?;
        row(tx, id, account)?
            .ok_or_else(|| StoreError::Damaged("a credential was issued and is not there".into()).into())
    }

    fn scope(&self, new: &NewCredential) -> Result<CredentialScope, GateError> {
        Ok(CredentialScope {
            protocols: new.protocols,
            reaches: self.reaches(new)?,
            forgiving: new.forgiving,
            older_than_ms: new.older_than_ms,
            networks: new.networks.clone(),
            hours: new.hours,
            connections: new.connections,
            sending: self.sending(new)?,
        })
    }

    /// What it sends: as the mailbox, by its own addresses.
    fn sending(&self, new: &NewCredential) -> Result<SendingScope, GateError> {
        let account = self.shared_account()?;
        for address in &new.sending.from {
            if self.tx().account_at(address)? != Some(account) {
                let text = format!("{address} is no address of this mailbox, so it can not stand in From");
                return Err(Rule::Unusable(text).into());
            }
        }
        Ok(new.sending.clone())
    }

    /// Refuses what policy, its purpose or whoever issues it does not allow.
    fn is_allowed(&self, account: AccountId, new: &NewCredential, scope: &CredentialScope) -> Result<(), GateError> {
        let issue = Issue {
            purpose: new.purpose,
            scope,
            has_holder: new.holder.is_some(),
            at: self.tx().now(),
            starts: new.starts,
            expires: new.expires,
        };
        // Held since before the proof: whoever changes it and this take turns.
        let policy = self.tx().policy_on(account)?.holds;
        policy.may_issue(&issue).map_err(|denied| Rule::Unusable(denied.to_string()))?;
        self.may_change(&[], &scope.as_grants(Some(new.expires)))
    }

    fn add(
        &self,
        account: AccountId,
        new: &NewCredential,
        (name, scope, people): (&str, &CredentialScope, &People),
    ) -> Result<i64, GateError> {
        let encoded = scope::encode(scope)?;
        let state = if new.wrap.is_some() { CredentialState::Issued } else { CredentialState::Active };
        let values = [
            account.get().into(),
            (&new.public_id).into(),
            name.into(),
            new.purpose.name().into(),
            people.owner.get().into(),
            people.holder.map(PersonId::get).into(),
            (&new.reason).into(),
            new.not_delegation.as_ref().into(),
            (&self.caller().origin().label).into(),
            new.verifier.expose().into(),
            (&new.key_id).into(),
            encoded.as_slice().into(),
            state.name().into(),
            new.starts.map(|start| start.0).into(),
            new.expires.0.into(),
            self.tx().now().0.into(),
        ];
        let id = self.tx().one(&sql::ADD, &values, |row| row.int(0))?;
        id.ok_or_else(|| StoreError::Conflict("a random credential id came twice".into()).into())
    }

    fn shared_account(&self) -> Result<AccountId, GateError> {
        let account = self.account().ok_or_else(|| StoreError::Conflict("a credential is of an account".into()))?;
        self.refuse_private(account)?;
        Ok(account)
    }

    /// A person in use, who is held until the commit. Whether one who is not in use is suspended, is
    /// for those who see who works here.
    fn person_called(&self, address: &Address, what: &str) -> Result<PersonId, GateError> {
        let tx = self.tx();
        let found = tx.account_at(address)?.map(PersonId::of);
        if let Some(person) = found {
            tx.one(&facts_sql::PERSON_EPOCH_FOR_WRITE, &[person.get().into()], |row| row.int(0))?;
        }
        let facts = found.map(|person| facts::person_facts(tx, person)).transpose()?.flatten();
        match facts {
            Some(person) if !person.suspended => Ok(person.id),
            Some(_) if tx.authority::<ReadOrganisation>(self.caller()).is_ok() => {
                Err(Rule::Unusable(format!("The {what} {address} is suspended, so the credential would open nothing"))
                    .into())
            }
            _ => Err(Rule::Unusable(format!(
                "The {what} is a person of the house who can sign in, and {address} is none"
            ))
            .into()),
        }
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
        let is_taken = |name: &str| self.is_taken(account, name);
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

    /// Is a credential of this name in use? One whose time is over, and whose end the hourly job has not
    /// written down yet, makes way.
    fn is_taken(&self, account: AccountId, name: &str) -> Result<bool, GateError> {
        let tx = self.tx();
        let id = tx.one(&sql::ID_OF_NAME, &[account.get().into(), name.into()], |row| row.int(0))?;
        let Some(known) = id.map(|id| scope::known(tx, id)).transpose()?.flatten() else { return Ok(false) };
        if tx.now() < known.facts.expires {
            return Ok(true);
        }
        self.expire(account, known.facts.id.get(), &known.public_id, "expired")?;
        Ok(false)
    }

    /// Grants that a person holds on the account, to say that they could sign in as themselves.
    pub fn grants_of_person(&self, person: PersonId) -> Result<Vec<GrantFact>, GateError> {
        let account = self.shared_account()?;
        let mut grants = facts::grants_for(self.tx(), account, person)?;
        grants.retain(|grant| grant.is_live(self.tx().now()));
        Ok(grants)
    }
}

/// Whom a credential concerns.
struct People {
    owner: PersonId,
    holder: Option<PersonId>,
    recipient: Option<PersonId>,
}

fn add_reaches(tx: &Tx<'_>, (id, account): (i64, AccountId), scope: &CredentialScope) -> Result<(), StoreError> {
    for (reach, rights) in &scope.reaches {
        let (kind, subtree, mailbox) = match reach {
            Reach::Account => ("account", None, None),
            Reach::Subtree(name) => ("subtree", Some(name.as_str()), None),
            Reach::Mailbox(mailbox) => ("mailbox", None, Some(mailbox.get())),
        };
        let values =
            [id.into(), account.get().into(), kind.into(), subtree.into(), mailbox.into(), rights.bits().into()];
        tx.execute(&sql::ADD_REACH, &values)?;
    }
    Ok(())
}

/// What of it is personal: whom it concerns, and where somebody works from, as the peer of a sign-in is.
fn personal(new: &NewCredential, scope: &CredentialScope) -> String {
    let mut parts = vec![format!("owner {}", new.owner)];
    parts.extend(new.holder.as_ref().map(|holder| format!("holder {holder}")));
    parts.extend(new.wrap.as_ref().map(|wrap| format!("handed to {}", wrap.recipient)));
    if !scope.sending.from.is_empty() {
        let addresses: Vec<&str> = scope.sending.from.iter().map(Address::as_str).collect();
        parts.push(format!("sends as {}", addresses.join(" ")));
    }
    if let Networks::Of(networks) = &scope.networks {
        parts.push(format!("from {}", networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")));
    }
    parts.join(", ")
}

/// What it may send, as the trail keeps it: how many addresses in From, and each limit.
fn told_sending(sending: &SendingScope) -> String {
    let count = |number: Option<u32>, noun: &str, span: &str| {
        number.map(|number| format!("{} {span}", counted(number.into(), noun)))
    };
    let from = match sending.from.len() {
        0 => "as all its addresses".to_owned(),
        1 => "as 1 address".to_owned(),
        some => format!("as {some} addresses"),
    };
    let own = sending.own_domains.then(|| "own domains only".to_owned());
    let bytes = sending.bytes_per_day.map(|bytes| format!("{} a day", counted(bytes, "byte")));
    let parts = [
        Some(from),
        own,
        count(sending.messages_per_minute, "message", "a minute"),
        count(sending.recipients_per_day, "recipient", "a day"),
        count(sending.new_recipients_per_day, "new recipient", "a day"),
        bytes,
        Some(format!("at a limit {}", sending.on_limit.name())),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// What a credential opens, as the trail keeps it: no name of anybody.
fn told(new: &NewCredential, scope: &CredentialScope) -> String {
    let networks = match &scope.networks {
        Networks::Any => "any network".to_owned(),
        Networks::Of(networks) if networks.len() == 1 => "1 network".to_owned(),
        Networks::Of(networks) => format!("{} networks", networks.len()),
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
        text.push_str(&format!(" older than {}", length(age / 1000)));
    }
    if let Some(most) = scope.connections {
        text.push_str(&format!(" connections {most}"));
    }
    if scope.protocols.has(Protocol::Submission) {
        text.push_str(&format!(" sends {}", told_sending(&scope.sending)));
    }
    text.push_str(&format!(" from {networks}"));
    if let Some(hours) = scope.hours {
        text.push_str(&format!(" hours {hours}"));
    }
    text.push_str(&format!(" until {}", new.expires.0));
    if new.wrap.is_some() {
        text.push_str(" wrapped");
    }
    text
}
