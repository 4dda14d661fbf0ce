//! A person's mailbox becomes shared, or a shared one a person's (docs/decisions/0012-conversion.md).
//!
//! Mail, addresses and UIDVALIDITY stay, so mail programs go on where they were. What opened
//! the account before does not open it after: every credential ends. It takes the proofs of
//! both duties, for it makes or ends a person and makes or ends a shared mailbox.
//!
//! To make a person's mailbox shared makes private mail readable for others without a word of
//! its person, so it takes the proof of a further duty, which no token that was made lets
//! through; callers have it confirmed, and the trail flags it.

use super::authority::{Authority, ManagePeople, ManageShared, OpenPrivate};
use super::error::{GateError, Rule};
use super::facts;
use super::grants::grants_changed;
use super::people::is_of_a_role;
use super::shared::seen_changed;
use super::tree::raise_epoch;
use crate::StoreError;
use crate::statements::{credentials as credentials_sql, people as people_sql, shared as sql};
use postern_access::Actor;
use postern_types::{AccountId, Address, GroupId, PersonId};
use std::collections::BTreeSet;

/// What came of making a shared mailbox a person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertedToPerson {
    /// Groups whose mail it received and that it has left, for a person would hold their rights.
    pub left_groups: Vec<String>,
    /// Credentials of the mailbox that have ended.
    pub ended_credentials: u64,
}

/// What came of making a person's mailbox shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertedFromPerson {
    /// Passwords, tokens and other credentials of the person that have ended.
    pub ended_credentials: u64,
    /// Accounts in which the person was a delegate and is none any more.
    pub ended_grants: Vec<String>,
    /// Groups whose mail the mailbox goes on receiving, without any right of theirs.
    pub groups: Vec<String>,
}

impl Authority<'_, ManageShared> {
    /// Makes the shared account a person's own. They sign in once they are given a password.
    /// Grants on it stay and can be taken back, by the person and by administrators.
    pub fn convert_to_person(&self, _people: &Authority<'_, ManagePeople>) -> Result<ConvertedToPerson, GateError> {
        let (tx, row) = (self.tx(), self.row_in_use()?);
        self.refuse_role_addresses(row.id)?;
        let ended_credentials = self.end_credentials(row.id)?;
        // A shared account holds no grant; one that was being given to a person as they went
        // must not come back with the next.
        self.end_grants_of(row.id, &row.address)?;
        let groups = self.groups_of(row.id)?;
        tx.execute(&sql::LEAVE_GROUPS, &[row.id.get().into()])?;
        for (group, address) in &groups {
            self.note("group.member-removed", Some(row.id), &format!("group {group}"), address)?;
        }
        // Delete protection stays: without it, delegates who stay would gain letters.
        tx.execute(&sql::MAKE_PERSONAL, &[row.id.get().into()])?;
        seen_changed(tx, row.id)?;
        tx.execute(&people_sql::ADD_PERSON, &[row.id.get().into(), false.into(), tx.now().0.into()])?;
        let detail = told(ended_credentials);
        self.note("shared.converted-to-person", Some(row.id), &detail, &row.address)?;
        grants_changed(tx, row.id)?;
        Ok(ConvertedToPerson {
            left_groups: groups.into_iter().map(|(_, address)| address).collect(),
            ended_credentials,
        })
    }

    /// Makes a person's own account shared: there is no such person any more. Their
    /// credentials and sessions end, and so does what they held elsewhere.
    pub fn convert_from_person(
        &self,
        people: &Authority<'_, ManagePeople>,
        _private: &Authority<'_, OpenPrivate>,
    ) -> Result<ConvertedFromPerson, GateError> {
        let tx = self.tx();
        let row = self.person_row()?;
        if *self.caller().actor() == Actor::Person(PersonId::of(row.id)) {
            return Err(Rule::Cannot("Nobody makes their own mailbox shared; ask another administrator").into());
        }
        if row.admin {
            self.refuse_last_admin(row.id)?;
        }
        let ended_credentials = self.end_credentials(row.id)?;
        self.lock_what_they_answer_for(row.id)?;
        tx.execute(&credentials_sql::RAISE_ANSWERED_FOR, &[row.id.get().into()])?;
        // Sessions hear of it by their person's epoch, and find nobody. It holds the person, so
        // nothing is given to them from here on.
        people.raise_person(row.id)?;
        let ended_grants = self.end_grants_of(row.id, &row.address)?;
        tx.execute(&sql::DELETE_SUBSCRIPTIONS_OF, &[row.id.get().into()])?;
        tx.execute(&sql::DELETE_PERSON, &[row.id.get().into()])?;
        tx.execute(&sql::MAKE_SHARED, &[row.id.get().into()])?;
        let detail = format!("delegates can read what was private; {}", told(ended_credentials));
        self.note("shared.converted-from-person", Some(row.id), &detail, &row.address)?;
        grants_changed(tx, row.id)?;
        let groups = self.groups_of(row.id)?;
        for (group, address) in &groups {
            // It stays in the group for its mail, and what the person held by it has ended.
            let group = GroupId::new(*group).map_err(StoreError::from)?;
            self.note_member("grant.member-removed", group, address, row.id)?;
        }
        let groups = groups.into_iter().map(|(_, address)| address).collect();
        Ok(ConvertedFromPerson { ended_credentials, ended_grants, groups })
    }

    /// What the mail of a whole domain rests on stays shared.
    fn refuse_role_addresses(&self, account: AccountId) -> Result<(), GateError> {
        for text in self.addresses(account)? {
            let address =
                Address::parse(&text).map_err(|error| StoreError::Damaged(format!("address {text}: {error}")))?;
            if is_of_a_role(&address) {
                let text = format!("{address} belongs to no one person, so what has it stays shared");
                return Err(Rule::Unusable(text).into());
            }
        }
        Ok(())
    }

    /// Secrets of a shared mailbox end with a row each, as when they are taken back; passwords and tokens
    /// with their person.
    fn end_credentials(&self, account: AccountId) -> Result<u64, GateError> {
        let secrets = self.end_secrets(account, "its mailbox was converted", |_| true)?.len() as u64;
        let others = self.tx().execute(&sql::END_CREDENTIALS, &[account.get().into(), self.tx().now().0.into()])?;
        Ok(secrets + others)
    }

    /// Accounts before their credentials, and those before people (docs/decisions/0029): those in which
    /// they answer for credentials, or are delegates, in order.
    fn lock_what_they_answer_for(&self, person: AccountId) -> Result<(), StoreError> {
        let (tx, key) = (self.tx(), [person.get().into()]);
        let read = |row: &dyn crate::sql::Row| Ok(AccountId::new(row.int(0)?)?);
        let answered = tx.all(&credentials_sql::ACCOUNTS_ANSWERED_IN, &key, read)?;
        let granted = tx.all(&people_sql::ACCOUNTS_GRANTED_TO, &key, read)?;
        let accounts: BTreeSet<AccountId> = answered.into_iter().chain(granted).collect();
        accounts.into_iter().try_for_each(|account| facts::lock_account(tx, account))
    }

    /// Ends what a person holds in other accounts, each on that account's trail.
    fn end_grants_of(&self, person: AccountId, address: &str) -> Result<Vec<String>, GateError> {
        let tx = self.tx();
        let granted =
            tx.all(&people_sql::ACCOUNTS_GRANTED_TO, &[person.get().into()], |row| Ok(AccountId::new(row.int(0)?)?))?;
        tx.execute(&people_sql::REMOVE_GRANTS_OF, &[person.get().into()])?;
        let mut ended = Vec::with_capacity(granted.len());
        for account in granted {
            self.note("grant.revoked", Some(account), "", address)?;
            raise_epoch(tx, account)?;
            ended.extend(tx.address_of(account)?);
        }
        Ok(ended)
    }

    fn groups_of(&self, account: AccountId) -> Result<Vec<(i64, String)>, StoreError> {
        self.tx()
            .all(&sql::GROUPS_OF_ACCOUNT, &[account.get().into()], |row| Ok((row.int(0)?, row.text(1)?.to_owned())))
    }
}

/// How many credentials ended, as the trail tells it.
fn told(ended_credentials: u64) -> String {
    let plural = if ended_credentials == 1 { "" } else { "s" };
    format!("{ended_credentials} credential{plural} ended")
}
