//! The end of what was removed: 30 days later an account is deleted for good.
//!
//! Piece by piece, so that a large account keeps nobody waiting. The first piece lets its
//! addresses go: from then on nothing finds the account, so nobody brings half of it back,
//! and the event is on the trail. Until the last piece its counters are not those of its
//! rows. The trail stays; bodies that no message names any more are collected.

use super::authority::{Authority, Expire};
use super::error::GateError;
use super::people::AccountRow;
use crate::StoreError;
use crate::sql::Statement;
use crate::statements::networks::DELETE_KNOWN_NETWORKS;
use crate::statements::{queue as queue_sql, sending as sending_sql, shared as sql};
use postern_types::{AccountId, MailboxId, Timestamp};

/// What an account has by its number: little, and so last. Subscriptions are found person by
/// person, which would be a walk for each piece of a large mailbox.
static BY_ACCOUNT: [&Statement; 15] = [
    &queue_sql::DELETE_RECIPIENTS_OF,
    &queue_sql::DELETE_AFTER_OF,
    &queue_sql::DELETE_MESSAGES_OF,
    &sending_sql::DELETE_USE,
    &sending_sql::DELETE_KNOWN_RECIPIENTS,
    &sending_sql::DELETE_SUPPRESSED,
    &sending_sql::DELETE_SENT_COPIES,
    &sending_sql::DELETE_ANSWERED,
    &sql::DELETE_GRANTS,
    &sql::DELETE_MEMBERSHIPS,
    &sql::DELETE_WRAPS,
    &sql::DELETE_REACHES,
    &sql::DELETE_CREDENTIALS,
    &DELETE_KNOWN_NETWORKS,
    &sql::DELETE_SUBSCRIPTIONS,
];

/// What it has by packed keys. Mailboxes first: what is in none is never shown.
static BY_KEY: [&Statement; 8] = [
    &sql::DELETE_MAILBOXES,
    &sql::DELETE_SEEN,
    &sql::DELETE_NOTED_SETS,
    &sql::DELETE_VANISHED,
    &sql::DELETE_PLACEMENTS,
    &sql::DELETE_MESSAGES,
    &sql::DELETE_FLAG_SETS,
    &sql::DELETE_CHANGES,
];

impl Authority<'_, Expire> {
    /// Accounts that were removed so long ago that they can not come back.
    pub fn ended_accounts(&self) -> Result<Vec<AccountId>, StoreError> {
        self.tx().all(&sql::ENDED, &[self.removed_before().0.into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    fn removed_before(&self) -> Timestamp {
        self.tx().now().plus_ms(-AccountRow::RESTORABLE_MS)
    }

    /// Deletes a piece of such an account, at most `most` rows of one kind; answers whether
    /// there is none of it left.
    pub fn delete_piece(&self, account: AccountId, most: usize) -> Result<bool, GateError> {
        let (tx, key, most) = (self.tx(), account.get().into(), (most as i64).into());
        let values = [key, self.removed_before().0.into()];
        let Some(address) = tx.one(&sql::ENDED_FOR_WRITE, &values, |row| Ok(row.text(0)?.to_owned()))? else {
            return Ok(true);
        };
        if tx.one(&sql::HAS_ADDRESS, &[key], |_| Ok(()))?.is_some() {
            tx.execute(&sql::LET_ADDRESSES_GO, &[key])?;
            tx.execute(&sql::CALL, &[key, (&format!("deleted {account}")).into()])?;
            // Its address finds it no more; by this number its trail can still be asked for.
            self.note("shared.deleted", Some(account), &format!("acc_{account}"), &address)?;
            return Ok(false);
        }
        let (first, last) = MailboxId::range_of(account);
        for statement in BY_KEY {
            if tx.execute(statement, &[first.into(), last.into(), most])? > 0 {
                return Ok(false);
            }
        }
        for statement in BY_ACCOUNT {
            if tx.execute(statement, &[key, most])? > 0 {
                return Ok(false);
            }
        }
        tx.execute(&sql::DELETE_ACCOUNT, &[key])?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
