//! Signing in: what the proof of a secret is checked against, and the write that accepts.

use super::audit::{Detail, Event};
use super::caller::{Caller, Epochs, Origin};
use super::error::GateError;
use super::facts;
use crate::statements::people as sql;
use crate::{StoreError, Tx};
use postern_access::{AccountFacts, Actor, PersonFacts};
use postern_types::{AccountId, Address, CredentialId, PersonId, Secret};

/// What the house knows about a name that someone wants to sign in with.
#[derive(Debug, Clone)]
pub struct SignInFacts {
    /// The account of that name.
    pub account: Option<AccountFacts>,
    /// Its person, if it is a person's.
    pub person: Option<PersonFacts>,
    /// Its password, if there is one: id, verifier (a PHC string), epoch.
    pub password: Option<(CredentialId, Secret, i64)>,
    /// The organisation's and the person's epoch.
    pub epochs: Epochs,
}

impl Tx<'_> {
    /// Everything a sign-in by password depends on. An unknown name takes the same
    /// statements as a known one (law 4).
    pub fn sign_in_facts(&self, address: &Address) -> Result<SignInFacts, StoreError> {
        let account = self.account_at(address)?.unwrap_or_else(Tx::no_account);
        self.sign_in_facts_of(account)
    }

    fn sign_in_facts_of(&self, account: AccountId) -> Result<SignInFacts, StoreError> {
        let person = PersonId::of(account);
        // First, for in a write this takes the locks: what is read after them can not change
        // before the commit.
        let probe = Caller::new(Actor::Person(person), Origin::new(0, "", String::new(), String::new(), [0; 32]));
        let epochs = facts::epochs(self, &probe, account)?.unwrap_or_default();
        let password = self.one(&sql::PASSWORD_OF, &[account.get().into()], |row| {
            Ok((CredentialId::new(row.int(0)?)?, Secret::new(row.bytes(1)?), row.int(2)?))
        })?;
        Ok(SignInFacts {
            account: facts::account_facts(self, account)?,
            person: facts::person_facts(self, person)?,
            password,
            epochs,
        })
    }

    /// Accepts a sign-in: reads the facts again in this write, and answers whether they are
    /// those the secret was checked against. The event is in the same transaction, so no
    /// sign-in is accepted after a revoke has returned, and none without its trail.
    pub fn accept_sign_in(&self, caller: &Caller, checked: &SignInFacts, mechanism: &str) -> Result<bool, GateError> {
        let (Some(account), Some((credential, _, epoch))) = (&checked.account, &checked.password) else {
            return Ok(false);
        };
        let now = self.sign_in_facts_of(account.id)?;
        let same_password = now.password.as_ref().is_some_and(|(id, _, now)| id == credential && now == epoch);
        if !same_password || now.account != checked.account || now.person != checked.person {
            return Ok(false);
        }
        self.execute(&sql::USED_CREDENTIAL, &[credential.get().into(), self.now().0.into()])?;
        self.record(
            caller,
            &Event {
                class: "A",
                action: "sign-in.accepted",
                account: Some(account.id),
                mailbox: None,
                detail: Detail { public: mechanism, personal: "" },
            },
        )?;
        Ok(true)
    }

    /// Puts a failed sign-in on the trail (law 2, class C). `reason` is the true one; the
    /// client hears none.
    pub fn record_failed_sign_in(
        &self,
        origin: &Origin,
        account: Option<AccountId>,
        reason: &str,
        username: &str,
    ) -> Result<(), StoreError> {
        let username: String = username.chars().take(200).collect();
        let detail = Detail { public: reason, personal: &username };
        self.record_stranger(origin, &Event { class: "C", action: "sign-in.failed", account, mailbox: None, detail })
    }
}
