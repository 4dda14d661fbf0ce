//! Signing in: what the proof of a secret is checked against, and the write that accepts.

use super::audit::{Detail, Event};
use super::caller::{Caller, Epochs, Origin};
use super::error::GateError;
use super::facts;
use super::networks::FromNetwork;
use crate::statements::people as sql;
use crate::{StoreError, Tx};
use postern_access::{AccountFacts, Actor, DutyFacts, GrantFact, PersonFacts};
use postern_types::{AccountId, Address, CredentialId, PersonId, Secret, Timestamp};

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
    /// The account that the session is to be rooted at, where one was named.
    pub root: Option<RootFacts>,
    /// Where it comes from; nothing where that is not counted.
    pub network: Option<FromNetwork>,
}

/// Failed sign-ins of one network beyond those that have a row each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountedFailures {
    /// How many, exactly.
    pub count: u64,
    /// When the first came.
    pub first: Timestamp,
    /// When the last came.
    pub last: Timestamp,
    /// Under how many distinct names; [`CountedFailures::NAMES`] stands for so many or more.
    pub names: usize,
}

impl CountedFailures {
    /// So many names are told apart.
    pub const NAMES: usize = 1000;
}

/// What the person holds on the account that a session is to be rooted at.
#[derive(Debug, Clone)]
pub struct RootFacts {
    /// Which account; the number of none where the name is nobody's.
    pub id: AccountId,
    /// The account, if there is one.
    pub account: Option<AccountFacts>,
    /// The person's grants on it.
    pub grants: Vec<GrantFact>,
    /// When they were read.
    pub at: Timestamp,
}

/// A sign-in that failed, as the trail keeps it.
#[derive(Debug, Clone, Copy)]
pub struct FailedSignIn<'a> {
    /// Whose name it was, where it was anybody's.
    pub account: Option<AccountId>,
    /// The credential that was named, where one was: the trail of a credential shows who tried it
    /// in vain. A person's password has no name, so a wrong one names none.
    pub credential: Option<CredentialId>,
    /// The mechanism, and `rooted` after it, as with an accepted one: see [`how`].
    pub how: &'a str,
    /// The true reason.
    pub reason: &'a str,
    /// The name as it came.
    pub username: &'a str,
}

/// How somebody signs in, as the trail keeps it: the mechanism, and whether another account than
/// their own was to be at the top.
pub fn how(mechanism: &str, is_rooted: bool) -> String {
    if is_rooted { format!("{mechanism} rooted") } else { mechanism.to_owned() }
}

impl RootFacts {
    /// The nearest moment at which one of the grants ends.
    pub fn next_end(&self) -> Option<Timestamp> {
        self.grants.iter().filter_map(|grant| grant.not_after).filter(|end| *end > self.at).min()
    }
}

impl SignInFacts {
    /// The account to root at, as a verdict needs it.
    pub fn root_duty(&self) -> Option<DutyFacts<'_>> {
        let root = self.root.as_ref()?;
        Some(DutyFacts { account: root.account, person: self.person, grants: &root.grants, now: root.at })
    }

    /// Does the person hold anything on the account that the session is rooted at? Yes, where
    /// it is rooted at none.
    pub fn root_holds(&self, person: PersonId) -> bool {
        self.root_duty().is_none_or(|duty| postern_access::takes_part(&Actor::Person(person), &duty))
    }
}

impl Tx<'_> {
    /// Everything a sign-in by password depends on. An unknown name takes the same
    /// statements as a known one (law 4).
    pub fn sign_in_facts(&self, address: &Address, root: Option<AccountId>) -> Result<SignInFacts, StoreError> {
        let account = self.account_at(address)?.unwrap_or_else(Tx::no_account);
        self.sign_in_facts_of(account, root)
    }

    fn sign_in_facts_of(&self, account: AccountId, root: Option<AccountId>) -> Result<SignInFacts, StoreError> {
        let person = PersonId::of(account);
        if let Some(root) = root {
            facts::lock_accounts(self, account, root)?;
        }
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
            root: root.map(|root| self.root_facts(root, person)).transpose()?,
            network: None,
        })
    }

    fn root_facts(&self, root: AccountId, person: PersonId) -> Result<RootFacts, StoreError> {
        Ok(RootFacts {
            id: root,
            account: facts::account_facts(self, root)?,
            grants: facts::grants_for(self, root, person)?,
            at: self.now(),
        })
    }

    /// Accepts a sign-in: reads the facts again in this write, and answers whether they are
    /// those the secret was checked against. The event is in the same transaction, so no
    /// sign-in is accepted after a revoke has returned, and none without its trail.
    pub fn accept_sign_in(&self, caller: &Caller, checked: &SignInFacts, mechanism: &str) -> Result<bool, GateError> {
        let (Some(account), Some((credential, _, epoch))) = (&checked.account, &checked.password) else {
            return Ok(false);
        };
        let root = checked.root.as_ref().map(|root| root.id);
        let now = self.sign_in_facts_of(account.id, root)?;
        let same_password = now.password.as_ref().is_some_and(|(id, _, now)| id == credential && now == epoch);
        let same_person = now.account == checked.account && now.person == checked.person;
        if !same_password || !same_person || !now.root_holds(PersonId::of(account.id)) {
            return Ok(false);
        }
        // A session at the top of another account says so: an address alone does not tell, for
        // people may have several.
        let rooted = root.filter(|root| *root != account.id);
        let how = how(mechanism, rooted.is_some());
        self.execute(&sql::USED_CREDENTIAL, &[credential.get().into(), self.now().0.into()])?;
        self.remember_network(account.id, checked.network.as_ref())?;
        self.record(
            caller,
            &Event {
                class: "A",
                action: "sign-in.accepted",
                account: Some(rooted.unwrap_or(account.id)),
                mailbox: None,
                detail: Detail { public: &how, personal: "" },
            },
        )?;
        Ok(true)
    }

    /// Puts a failed sign-in on the trail (law 2, class C). The client hears no reason.
    pub fn record_failed_sign_in(&self, origin: &Origin, failed: &FailedSignIn<'_>) -> Result<(), StoreError> {
        let username: String = failed.username.chars().take(200).collect();
        let public = format!("{}: {}", failed.how, failed.reason);
        let event = Event {
            class: "C",
            action: "sign-in.failed",
            account: failed.account,
            mailbox: None,
            detail: Detail { public: &public, personal: &username },
        };
        self.record_stranger(origin, failed.credential, &event)
    }

    /// Puts on the trail what failed sign-ins had no rows of their own (law 2, class C): how many,
    /// within which time, under how many names. The origin's peer is their network.
    pub fn record_counted_failures(&self, origin: &Origin, counted: &CountedFailures) -> Result<(), StoreError> {
        let CountedFailures { count, first, last, names } = counted;
        let more = if *names < CountedFailures::NAMES { "" } else { "+" };
        let public = format!("count {count} first {} last {} names {names}{more}", first.0, last.0);
        let detail = Detail { public: &public, personal: "" };
        let event = Event { class: "C", action: "sign-in.failed-often", account: None, mailbox: None, detail };
        self.record_stranger(origin, None, &event)
    }

    /// Puts on the trail that a network is shut to whoever has not signed in from there lately.
    pub fn record_shut_network(&self, origin: &Origin, network: &str, until: Timestamp) -> Result<(), StoreError> {
        let public = format!("until {}", until.0);
        let detail = Detail { public: &public, personal: network };
        self.record_stranger(
            origin,
            None,
            &Event { class: "C", action: "sign-in.network-shut", account: None, mailbox: None, detail },
        )
    }
}
