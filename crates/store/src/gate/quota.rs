//! What an account holds and may hold: its quota (RFC 9208), told and set.
//!
//! An account is one quota root, called by its address. How much is in it is told to those whose
//! reading reaches all of it, for a delegate of one mailbox, or a credential of old mail, learns
//! nothing of the rest (docs/decisions/0034-quota.md).

use super::access::Access;
use super::authority::{Authority, DutyClass, ManagePeople};
use super::caller::Caller;
use super::class::Reads;
use super::error::{GateError, Rule};
use super::facts;
use super::people::AccountRow;
use super::read::{Counters, count, flag_set, flags_of};
use crate::statements::{mailbox as mailbox_sql, message as sql};
use crate::{StoreError, Tx};
use postern_types::{AccountId, SystemFlag};

/// How much of something there is, and may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// So much is there.
    pub used: u64,
    /// More may not come in; nothing is no bound.
    pub most: Option<u64>,
}

/// An account as a quota root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRoot {
    /// What it is called: the account's address.
    pub name: String,
    /// Bytes of its messages.
    pub bytes: Usage,
    /// Its messages. One that lies in several mailboxes is one.
    pub messages: Usage,
}

/// What changes of what an account may hold; nothing leaves a thing as it is, and the inner nothing
/// is no bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QuotaChange {
    /// The most bytes of messages.
    pub bytes: Option<Option<u64>>,
    /// The most messages.
    pub messages: Option<Option<u64>>,
}

impl QuotaChange {
    /// What of it is not so already.
    pub(super) fn beside(self, row: &AccountRow) -> Self {
        Self {
            bytes: self.bytes.filter(|bytes| *bytes != row.quota),
            messages: self.messages.filter(|messages| *messages != row.quota_messages),
        }
    }

    /// As the trail tells it.
    pub(super) fn told(self) -> Vec<String> {
        let bytes = self.bytes.map(|bytes| bytes.map_or("no quota".to_owned(), |most| format!("quota {most} bytes")));
        let messages = self.messages.map(|messages| {
            messages.map_or("any number of messages".to_owned(), |most| format!("quota {most} messages"))
        });
        bytes.into_iter().chain(messages).collect()
    }
}

impl Tx<'_> {
    /// What an account holds and may hold; nothing where the caller's reading does not reach all of
    /// it. Hidden and absent take the same statements (law 4).
    pub fn quota_root(&self, caller: &Caller, account: AccountId) -> Result<Option<QuotaRoot>, GateError> {
        self.epochs_that_hold(caller, account)?;
        if !facts::reads_whole_account(self, caller, account)? {
            return Ok(None);
        }
        let root = self.one(&mailbox_sql::USAGE, &[account.get().into()], |row| {
            let usage = |used: i64, most: Option<i64>| -> Result<Usage, StoreError> {
                Ok(Usage { used: count(used)?, most: most.map(count).transpose()? })
            };
            Ok(QuotaRoot {
                name: row.text(0)?.to_owned(),
                bytes: usage(row.int(1)?, row.opt_int(2)?)?,
                messages: usage(row.int(3)?, row.opt_int(4)?)?,
            })
        })?;
        Ok(root)
    }
}

impl<C: Reads> Access<'_, C> {
    /// Bytes of the messages that are marked `\Deleted` (RFC 9208 section 4.1.4), of a mailbox of
    /// these numbers: where there is none, nothing is looked for.
    pub fn deleted_bytes(&self, counters: &Counters) -> Result<u64, StoreError> {
        if counters.deleted == 0 {
            return Ok(0);
        }
        let values = [self.mailbox().get().into(), i64::from(self.end().unwrap_or(u32::MAX)).into()];
        let sets =
            self.tx().all(&sql::COUNT_UP_TO, &values, |row| Ok((flag_set(row.int(0)?)?, count(row.int(2)?)?)))?;
        let mut deleted = 0;
        for (set, bytes) in sets {
            if flags_of(self.tx(), set)?.has(SystemFlag::Deleted) {
                deleted += bytes;
            }
        }
        Ok(deleted)
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Bounds an account. What is there already stays, and nothing more comes in until there is room.
    pub(super) fn put_quota(&self, row: &AccountRow, change: QuotaChange) -> Result<(), GateError> {
        let bound = |most: Option<u64>, name: &str| match most.map(i64::try_from) {
            None => Ok(None),
            Some(Ok(most @ 1..)) => Ok(Some(most)),
            Some(Ok(_)) => Err(Rule::Unusable(format!("A quota is at least 1 {name}; none is no bound"))),
            Some(Err(_)) => Err(Rule::Unusable("No disk holds that quota".into())),
        };
        let bytes = bound(change.bytes.unwrap_or(row.quota), "byte")?;
        let messages = bound(change.messages.unwrap_or(row.quota_messages), "message")?;
        self.tx().execute(&mailbox_sql::SET_QUOTA, &[row.id.get().into(), bytes.into(), messages.into()])?;
        Ok(())
    }
}

impl Authority<'_, ManagePeople> {
    /// Bounds what a person's own account may hold, and answers the account as it is then.
    pub fn set_quota(&self, change: QuotaChange) -> Result<AccountRow, GateError> {
        let row = self.person_row()?;
        let change = change.beside(&row);
        let told = change.told();
        if told.is_empty() {
            return Ok(row);
        }
        self.put_quota(&row, change)?;
        self.note("person.quota-set", Some(row.id), &told.join(", "), "")?;
        self.person_row()
    }
}
