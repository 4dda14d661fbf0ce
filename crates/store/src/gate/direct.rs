//! Signing in directly: what the secret of a credential is checked against, and the write that
//! accepts. And the way of a wrapped secret to the person it was made for.

use super::audit::{Detail, Event, note};
use super::authority::{Authority, ManageSelf};
use super::caller::{Caller, HeldCredential};
use super::credentials::{self, CredentialRow};
use super::error::{GateError, Rule};
use super::facts;
use super::networks::FromNetwork;
use super::scope::{self, KnownCredential};
use crate::statements::credentials as sql;
use crate::{StoreError, Tx};
use postern_access::{AccountFacts, Actor, CredentialState};
use postern_types::{AccountId, Address, PersonId, Secret, Timestamp};

/// What the house knows about a name and a credential that somebody shows together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectFacts {
    /// The account of that name.
    pub account: Option<AccountFacts>,
    /// The credential of that id, whosever it is.
    pub credential: Option<KnownCredential>,
    /// Where it comes from; nothing where that is not counted.
    pub network: Option<FromNetwork>,
    /// When they were read.
    pub at: Timestamp,
}

impl DirectFacts {
    /// The nearest moment at which they say something else by themselves.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.credential.as_ref().and_then(|known| known.facts.standing(self.at).until)
    }

    /// Does a session that began with `self` still hold by what is known `now`?
    pub fn still_holds(&self, now: &DirectFacts) -> bool {
        let (Some(then), Some(known)) = (&self.credential, &now.credential) else { return false };
        // How its mailboxes are protected is asked at each command.
        let door = |facts: &DirectFacts| facts.account.map(|account| (account.id, account.kind, account.state));
        door(self) == door(now) && then.epoch == known.epoch && known.facts.standing(now.at).stands()
    }
}

/// A secret that was opened by the person it was made for.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its credential.
    pub row: CredentialRow,
    /// The secret, sealed under the code.
    pub sealed: Secret,
}

impl Tx<'_> {
    /// Everything that a direct sign-in depends on. An unknown name and an unknown credential take
    /// the same statements as known ones (law 4).
    pub fn direct_facts(
        &self,
        address: &Address,
        public_id: &str,
        network: Option<&str>,
    ) -> Result<DirectFacts, StoreError> {
        let account = self.account_at(address)?.unwrap_or_else(Tx::no_account);
        let id = self.one(&sql::ID_OF, &[public_id.into()], |row| row.int(0))?.unwrap_or(0);
        let facts = self.direct_facts_of(account, id)?;
        let network = self.from_network(facts.account, network)?;
        Ok(DirectFacts { network, ..facts })
    }

    fn direct_facts_of(&self, account: AccountId, id: i64) -> Result<DirectFacts, StoreError> {
        let account = facts::account_facts(self, account)?;
        Ok(DirectFacts { account, credential: scope::known(self, id)?, network: None, at: self.now() })
    }

    /// The same about a credential where it belongs, whatever name it was shown by.
    pub fn direct_facts_at_home(&self, facts: &DirectFacts) -> Result<DirectFacts, StoreError> {
        let known = facts.credential.as_ref();
        let account = known.map_or_else(Tx::no_account, |known| known.facts.account);
        self.direct_facts_of(account, known.map_or(0, |known| known.facts.id.get()))
    }

    /// The same about a session that began with these.
    pub fn direct_facts_again(&self, before: &DirectFacts) -> Result<DirectFacts, StoreError> {
        let account = before.account.map_or_else(Tx::no_account, |account| account.id);
        self.direct_facts_of(account, before.credential.as_ref().map_or(0, |known| known.facts.id.get()))
    }

    /// Accepts a direct sign-in: reads the facts again in this write, under locks, and answers
    /// whether they are those the secret was checked against and the credential still stands. The
    /// event is in the same transaction, so no sign-in is accepted after a revoke has returned, and
    /// none without its trail. `moves_to` is what the secret is checked against by a newer key.
    pub fn accept_direct(
        &self,
        caller: &Caller,
        checked: &DirectFacts,
        mechanism: &str,
        moves_to: Option<(&str, &Secret)>,
    ) -> Result<bool, GateError> {
        let (Some(account), Some(known)) = (&checked.account, &checked.credential) else { return Ok(false) };
        // It holds all that this rests on.
        facts::epochs(self, caller, account.id)?;
        if !checked.still_holds(&self.direct_facts_again(checked)?) {
            return Ok(false);
        }
        let id = known.facts.id.get();
        self.execute(&sql::USED, &[id.into(), self.now().0.into()])?;
        self.remember_network(account.id, checked.network.as_ref())?;
        if let Some((key_id, verifier)) = moves_to {
            let values = [id.into(), key_id.into(), verifier.expose().into(), (&known.key_id).into()];
            // Whoever signed in beside this may have moved it already.
            if self.execute(&sql::MOVE_TO_KEY, &values)? > 0 {
                let detail = format!("{} {key_id}", known.public_id);
                note(self, caller, "credential.rekeyed", account.id, &detail, &known.name)?;
            }
        }
        let detail = format!("{mechanism} {} {}", known.public_id, known.facts.purpose);
        let event = Event {
            class: "A",
            action: "sign-in.accepted",
            account: Some(account.id),
            mailbox: None,
            detail: Detail { public: &detail, personal: "" },
        };
        self.record(caller, &event)?;
        Ok(true)
    }

    /// The actor of a credential, and how it is held.
    pub fn direct_actor(known: &KnownCredential) -> (Actor, HeldCredential) {
        let actor = Actor::Credential { id: known.facts.id, account: known.facts.account };
        (actor, HeldCredential { epoch: known.epoch })
    }
}

impl Authority<'_, ManageSelf> {
    /// Opens a wrapped secret for the person whose account this is: once, in time, and by them
    /// alone. Its credential is in use from now on. A code of somebody else's, one that was used,
    /// one that is over and none at all are the same (law 4).
    pub fn unwrap(&self, code_hash: &[u8]) -> Result<Opened, GateError> {
        let tx = self.tx();
        let absent =
            || Rule::Absent("such code for you: it was opened, its time is over, or it is somebody else's".into());
        let me = self.account().map(PersonId::of);
        let waiting = || {
            let found = tx.one(&sql::WRAP, &[code_hash.into()], |row| {
                let ends = (row.int(3)?, Timestamp(row.int(4)?));
                Ok((row.int(0)?, AccountId::new(row.int(1)?)?, Secret::new(row.bytes(2)?), ends))
            })?;
            let is_mine = |recipient, before| me.is_some_and(|me| me.get() == recipient) && tx.now() < before;
            Ok::<_, StoreError>(found.filter(|(.., (recipient, before))| is_mine(*recipient, *before)))
        };
        // Whoever ends it and this take turns, and of two who open it the second finds nothing.
        let (_, account, ..) = waiting()?.ok_or_else(absent)?;
        facts::lock_account(tx, account)?;
        let (id, account, sealed, _) = waiting()?.ok_or_else(absent)?;
        let states = [CredentialState::Active, CredentialState::Issued].map(CredentialState::name);
        if tx.execute(&sql::SET_STATE, &[id.into(), states[0].into(), states[1].into()])? == 0 {
            return Err(absent().into());
        }
        tx.execute(&sql::REMOVE_WRAP, &[id.into()])?;
        let known = scope::known(tx, id)?.ok_or_else(|| StoreError::Damaged("a wrap of no credential".into()))?;
        note(tx, self.caller(), "credential.unwrapped", account, &known.public_id, &known.name)?;
        let row = credentials::row(tx, id, account)?;
        let row = row.ok_or_else(|| StoreError::Damaged("a credential is there and not in its list".into()))?;
        Ok(Opened { row, sealed })
    }
}
