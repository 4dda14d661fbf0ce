//! [`Authority`]: the sibling of `Access` on an account or the whole organisation.

use super::caller::Caller;
use super::error::GateError;
use super::facts;
use super::people::add_person_row;
use super::tokens;
use crate::statements::{message as messages, people as sql};
use crate::{StoreError, Tx};
use postern_access::{Actor, Duty, DutyFacts};
use postern_types::{AccountId, Address, Domain, Secret, Timestamp};
use std::marker::PhantomData;

mod sealed {
    pub trait Sealed {}
}

/// A class of duties; `Authority<'_, ManagePeople>` can manage people and nothing else.
pub trait DutyClass: sealed::Sealed + 'static {
    /// The duty that `postern-access` judges.
    const DUTY: Duty;
}

macro_rules! duties {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl DutyClass for $name {
                const DUTY: Duty = Duty::$name;
            }
        )*
    };
}

duties! {
    /// Domains of the organisation.
    ManageDomains;
    /// Persons of the organisation.
    ManagePeople;
    /// Who administers the organisation.
    ManageAdministrators;
    /// Passwords of other people.
    SetPasswords;
    /// Groups of the organisation.
    ManageGroups;
    /// Shared accounts of the organisation.
    ManageShared;
    /// Opening to others what is private.
    OpenPrivate;
    /// Grants of one account.
    ManageGrants;
    /// Credentials of one shared account.
    ManageCredentials;
    /// Checking out a credential that is shut otherwise.
    CheckOut;
    /// Who may do what in one account.
    ReadGrants;
    /// The account's own settings, addresses and name; not its mail.
    ReadAccount;
    /// What the organisation has.
    ReadOrganisation;
    /// One's own password and tokens.
    ManageSelf;
    /// Taking rights away: it never fails for want of a right to give.
    Revoke;
    /// Suspending people.
    Suspend;
    /// Letting suspended people back.
    Resume;
    /// Policy on direct sign-in, and the keys that it rests on.
    ManagePolicy;
    /// Bringing mail over from elsewhere.
    Import;
    /// What waits to be sent, as people see it.
    ManageQueue;
    /// Bringing away what waits to be sent.
    RunQueue;
    /// Ending what has reached its end.
    Expire;
    /// Removing bodies that no message names.
    Collect;
    /// The trail.
    ReadAudit;
}

/// Duty `D` on one account or the organisation, allowed to one actor until the transaction
/// ends. Only [`Tx::authority`] and [`Tx::authority_on`] make one.
pub struct Authority<'t, D: DutyClass> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    account: Option<AccountId>,
    class: PhantomData<D>,
}

impl<'t, D: DutyClass> Authority<'t, D> {
    pub(super) fn tx(&self) -> &'t Tx<'t> {
        self.tx
    }
    /// Whose proof this is.
    pub fn caller(&self) -> &'t Caller {
        self.caller
    }
    /// The account it is about; `None` for the organisation.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }
}

impl Tx<'_> {
    /// Proves a duty on the organisation. In a write the caller's own row is held first, so
    /// whoever takes their standing away and this act take turns.
    pub fn authority<'t, D: DutyClass>(&'t self, caller: &'t Caller) -> Result<Authority<'t, D>, GateError> {
        facts::hold_person(self, caller)?;
        self.prove_duty(caller, None)
    }

    /// Proves a duty on one account. Locks it first, in a write.
    pub fn authority_on<'t, D: DutyClass>(
        &'t self,
        caller: &'t Caller,
        account: AccountId,
    ) -> Result<Authority<'t, D>, GateError> {
        // What is issued rests on policy, whose row comes before the account's.
        if D::DUTY == Duty::ManageCredentials {
            self.hold_policy()?;
        }
        facts::epochs(self, caller, account)?;
        self.prove_duty(caller, Some(account))
    }

    fn prove_duty<'t, D: DutyClass>(
        &'t self,
        caller: &'t Caller,
        account: Option<AccountId>,
    ) -> Result<Authority<'t, D>, GateError> {
        let role = tokens::hold_token(self, caller)?;
        let judge = |facts: &DutyFacts<'_>| postern_access::duty_verdict_through(role, caller.actor(), D::DUTY, facts);
        with_duty_facts_at(self, caller.actor(), account, self.now(), judge)??;
        Ok(Authority { tx: self, caller, account, class: PhantomData })
    }
}

/// The same with the person as their token shows them: what a gift is limited by.
pub(super) fn with_duty_facts<T>(
    tx: &Tx<'_>,
    caller: &Caller,
    account: Option<AccountId>,
    judge: impl FnOnce(&DutyFacts<'_>) -> T,
) -> Result<T, StoreError> {
    with_duty_facts_at(tx, caller.actor(), account, tx.now(), |facts| {
        let person = match (facts.person, caller.token()) {
            (Some(person), Some(token)) => Some(token.role.person(person)),
            (person, _) => person,
        };
        judge(&DutyFacts { person, ..facts.clone() })
    })
}

/// Reads what a duty is judged from about any actor and moment, and hands it over.
pub(super) fn with_duty_facts_at<T>(
    tx: &Tx<'_>,
    actor: &Actor,
    account: Option<AccountId>,
    now: Timestamp,
    judge: impl FnOnce(&DutyFacts<'_>) -> T,
) -> Result<T, StoreError> {
    let account_facts = match account {
        Some(account) => facts::account_facts(tx, account)?,
        None => None,
    };
    let (person, grants) = match (actor, account) {
        (Actor::Person(person), Some(account)) => {
            (facts::person_facts(tx, *person)?, facts::grants_for(tx, account, *person)?)
        }
        (Actor::Person(person), None) => (facts::person_facts(tx, *person)?, Vec::new()),
        _ => (None, Vec::new()),
    };
    Ok(judge(&DutyFacts { account: account_facts, person, grants: &grants, now }))
}

/// What a new house starts with.
#[derive(Debug, Clone)]
pub struct Founding {
    /// Its first domain; also the organisation's name.
    pub domain: Domain,
    /// Its first person, an admin.
    pub admin: Address,
    /// The verifier of their password, a PHC string.
    pub password: Secret,
}

impl Tx<'_> {
    /// Has this database a house?
    pub fn is_founded(&self) -> Result<bool, StoreError> {
        Ok(self.one(&sql::IS_FOUNDED, &[], |row| row.int(0))?.is_some())
    }

    /// Is any body in a file?
    pub fn has_bodies_in_files(&self) -> Result<bool, StoreError> {
        Ok(self.one(&messages::ANY_IN_FILE, &[], |row| row.int(0))?.is_some())
    }

    /// Founds the house: organisation, first domain, first admin. Once, by the operator:
    /// before it there is nobody who could be asked.
    pub fn found(&self, caller: &Caller, founding: &Founding) -> Result<AccountId, GateError> {
        if self.is_founded()? {
            return Err(super::Rule::Cannot("This folder holds a house already").into());
        }
        self.execute(&sql::FOUND_HOUSE, &[self.now().0.into()])?;
        self.execute(&sql::FOUND_ORGANISATION, &[founding.domain.as_str().into(), self.now().0.into()])?;
        self.authority::<ManageDomains>(caller)?.add_domain(&founding.domain)?;
        let people = self.authority::<ManagePeople>(caller)?;
        add_person_row(&people, &founding.admin, "", true, Some(&founding.password))
    }
}
