//! Credentials of shared accounts: the proof that somebody may do something to one of them.
//!
//! Whoever manages credentials gives no letter that they do not hold, as with grants: a
//! credential is a grant to whoever has its secret. Taking back is wider than giving, and whoever
//! answers for one credential, or uses it, may end that one.

mod change;
mod issue;
mod list;

use super::authority::DutyClass;
use super::caller::Caller;
use super::error::{GateError, Rule};
use super::scope::{self, KnownCredential};
use crate::statements::{credentials as sql, facts as facts_sql};
use crate::{StoreError, Tx};
use postern_access::{Actor, Denied, Duty, TokenRole};
use postern_types::{AccountId, Address, CredentialId};
use std::marker::PhantomData;

pub use issue::{NewCredential, NewWrap};
pub use list::CredentialRow;
pub(super) use list::row;

/// A proof that the caller may do duty `D` to one credential: by managing its account's, or by
/// answering for this one. Only [`Tx::credential`] makes one.
pub struct CredentialAuthority<'t, D: DutyClass> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    known: KnownCredential,
    class: PhantomData<D>,
}

impl<'t, D: DutyClass> CredentialAuthority<'t, D> {
    pub(super) fn tx(&self) -> &'t Tx<'t> {
        self.tx
    }

    pub(super) fn account(&self) -> AccountId {
        self.known.facts.account
    }

    /// The credential's number.
    pub fn id(&self) -> CredentialId {
        self.known.facts.id
    }

    /// Whoever signs in with it, to ask what they could do.
    pub fn actor(&self) -> Actor {
        Actor::Credential { id: self.known.facts.id, account: self.known.facts.account }
    }
}

impl Tx<'_> {
    /// The number and account of a credential, by its public id or as `ADDRESS/NAME`; those of
    /// none where there is none. Of a name that nothing has any more, the last that had it. Knowing them opens
    /// nothing.
    pub fn credential_called(&self, which: &str) -> Result<(i64, AccountId), StoreError> {
        let read = |row: &dyn crate::sql::Row| Ok((row.int(0)?, AccountId::new(row.int(1)?)?));
        let named = which.split_once('/').and_then(|(address, name)| Some((Address::parse(address).ok()?, name)));
        let found = match named {
            Some((address, name)) => {
                let account = self.account_at(&address)?.unwrap_or_else(Tx::no_account);
                let key = [account.get().into(), name.into()];
                match self.one(&sql::ID_OF_NAME, &key, read)? {
                    None => self.one(&sql::LAST_CALLED, &key, read)?,
                    live => live,
                }
            }
            None => self.one(&sql::ID_OF, &[which.into()], read)?,
        };
        Ok(found.unwrap_or((0, Tx::no_account())))
    }

    /// Numbers and public ids of all that are or were called so, ended ones too, and their account; by a
    /// public id the one. Knowing them opens nothing.
    pub fn credentials_ever_called(&self, which: &str) -> Result<(AccountId, Vec<(CredentialId, String)>), StoreError> {
        let named = which.split_once('/').and_then(|(address, name)| Some((Address::parse(address).ok()?, name)));
        let Some((address, name)) = named else {
            let (id, account) = self.credential_called(which)?;
            return Ok((account, CredentialId::new(id).ok().map(|id| (id, which.to_owned())).into_iter().collect()));
        };
        let account = self.account_at(&address)?.unwrap_or_else(Tx::no_account);
        let found = self.all(&sql::EVER_CALLED, &[account.get().into(), name.into()], |row| {
            Ok((CredentialId::new(row.int(0)?)?, row.text(1)?.to_owned()))
        })?;
        Ok((account, found))
    }

    /// Proves a duty on one credential. Locks its account first, in a write. One that is not there
    /// and one that is hidden are the same.
    pub fn credential<'t, D: DutyClass>(
        &'t self,
        caller: &'t Caller,
        which: &str,
    ) -> Result<CredentialAuthority<'t, D>, GateError> {
        let absent = || GateError::from(Rule::Absent(format!("credential {which}")));
        let (id, account) = self.credential_called(which)?;
        let by_account = self.authority_on::<D>(caller, account).map(|_| ());
        // Read under the lock.
        let known = scope::known(self, id)?;
        let proof = |known| CredentialAuthority { tx: self, caller, known, class: PhantomData };
        match (by_account, known) {
            (Ok(()), Some(known)) => Ok(proof(known)),
            (Err(GateError::Denied(denied)), Some(known)) if answers_for(caller, &known, D::DUTY) => {
                // They may, and not with a token that may not do such things.
                match caller.token() {
                    Some(token) if !token.role.lets_through(D::DUTY) => {
                        Err(denied_to_token(token.role, D::DUTY, denied))
                    }
                    _ => Ok(proof(known)),
                }
            }
            // It is theirs to do, and not with this token.
            (Err(GateError::Denied(narrow @ Denied::TokenTooNarrow { .. })), Some(_)) => Err(narrow.into()),
            // They see it, and it is not theirs to do.
            (Err(GateError::Denied(_)), Some(known)) if answers_for(caller, &known, Duty::ReadGrants) => {
                Err(Denied::NotYours { duty: D::DUTY }.into())
            }
            // To whoever sees the mailbox and not what opens it, there is none.
            (Err(GateError::Denied(_)) | Ok(()), _) => Err(absent()),
            (Err(error), _) => Err(error),
        }
    }

    /// Holds the organisation's policy until the commit, in a write. It comes before the row of an
    /// account, wherever both are held. Answers its epoch.
    pub(super) fn hold_policy(&self) -> Result<i64, StoreError> {
        let statement = if self.writable() { &sql::HOLD_ORGANISATION } else { &sql::ORGANISATION_EPOCH };
        Ok(self.one(statement, &[], |row| row.int(0))?.unwrap_or(0))
    }

    /// Holds a credential and whoever answers for it until the commit. Answers its epoch and the sum
    /// of theirs, as [`facts_sql::EPOCHS`] has it.
    pub(super) fn hold_credential(&self, id: i64) -> Result<(i64, i64), StoreError> {
        let epoch = self.one(&sql::HOLD, &[id.into()], |row| row.int(0))?.unwrap_or(0);
        let people = self.all(&facts_sql::HOLD_ANSWERING, &[id.into()], |row| row.int(0))?;
        Ok((epoch, people.iter().sum()))
    }
}

/// What hides the account hides the credential from a token as well, unless it shows it.
fn denied_to_token(role: TokenRole, duty: Duty, denied: Denied) -> GateError {
    match denied {
        Denied::Hidden if !role.lets_through(Duty::ReadGrants) => Denied::Hidden.into(),
        _ => Denied::TokenTooNarrow { duty }.into(),
    }
}

/// Whoever answers for a credential, or uses it, may see it, check it out and end it.
fn answers_for(caller: &Caller, known: &KnownCredential, duty: Duty) -> bool {
    let Actor::Person(person) = caller.actor() else { return false };
    matches!(duty, Duty::ReadGrants | Duty::Revoke | Duty::CheckOut) && known.is_answered_by(*person)
}
