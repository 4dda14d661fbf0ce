//! A shared account in use and out of it: settings, aliases, removal and return.
//!
//! Removal is soft: nobody holds anything there and no mail comes in, while mail, grants and
//! addresses wait for 30 days (docs/decisions/0011-removal.md). What deletes it for good
//! after that is in `expire`.

use super::authority::{Authority, DutyClass, ManageShared};
use super::error::{GateError, Rule};
use super::grants::{GrantRow, grant_rows, grants_changed};
use super::insert::{Growth, advance};
use super::people::{AccountRow, addresses_of};
use super::quota::QuotaChange;
use crate::sql::Value;
use crate::statements::{people as people_sql, shared as sql};
use crate::{StoreError, Tx};
use postern_access::{STALE_REPLY_MINUTES_MOST, SentCopy, ShowSender, UNDO_SECONDS_MOST};
use postern_types::{AccountId, Address, DisplayName, Seen, Timestamp, length};

/// What changes in the settings of a shared account; nothing leaves a thing as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedChange {
    /// Its name.
    pub name: Option<DisplayName>,
    /// Whose \Seen.
    pub seen: Option<Seen>,
    /// Does deleting need an administrator of the account?
    pub delete_protection: Option<bool>,
    /// The most bytes it may hold; the inner nothing is no bound.
    pub quota: Option<Option<u64>>,
    /// The most messages, in the same way.
    pub quota_messages: Option<Option<u64>>,
    /// Where copies of what is sent as it are filed.
    pub sent_copy: Option<SentCopy>,
    /// How who sends as it is shown.
    pub show_sender: Option<ShowSender>,
    /// Seconds in which what somebody sends as it can be taken back.
    pub undo_seconds: Option<u32>,
    /// Minutes in which an answer makes another one stale; 0 and nobody looks.
    pub stale_reply_minutes: Option<u32>,
    /// Further addresses whose mail it receives.
    pub add_aliases: Vec<Address>,
    /// Addresses that it gives up.
    pub remove_aliases: Vec<Address>,
}

impl SharedChange {
    /// What of it is not so already.
    fn beside(&self, row: &AccountRow) -> Self {
        let quota = self.quota().beside(row);
        Self {
            name: self.name.clone().filter(|name| name.as_str() != row.name),
            seen: self.seen.filter(|seen| seen.as_str() != row.seen),
            delete_protection: self.delete_protection.filter(|on| *on != row.delete_protection),
            quota: quota.bytes,
            quota_messages: quota.messages,
            sent_copy: self.sent_copy.filter(|copy| copy.name() != row.sent_copy),
            show_sender: self.show_sender.filter(|shows| shows.name() != row.show_sender),
            undo_seconds: self.undo_seconds.filter(|seconds| u64::from(*seconds) != row.undo_seconds),
            stale_reply_minutes: self
                .stale_reply_minutes
                .filter(|minutes| u64::from(*minutes) != row.stale_reply_minutes),
            ..Self::default()
        }
    }

    /// What changes of how much it may hold.
    fn quota(&self) -> QuotaChange {
        QuotaChange { bytes: self.quota, messages: self.quota_messages }
    }

    /// As the trail tells the settings it changes, without names.
    fn told(&self) -> String {
        let mut told = Vec::new();
        if let Some(seen) = self.seen {
            told.push(format!("seen {}", seen.as_str()));
        }
        if let Some(on) = self.delete_protection {
            told.push(format!("delete protection {}", if on { "on" } else { "off" }));
        }
        told.extend(self.quota().told());
        told.extend(self.sent_copy.map(|copy| format!("sent copy {}", copy.name())));
        told.extend(self.show_sender.map(|shows| format!("show sender {}", shows.name())));
        told.extend(self.undo_seconds.map(told_undo));
        told.extend(self.stale_reply_minutes.map(|minutes| match minutes {
            0 => "no look for stale replies".to_owned(),
            minutes => format!("stale reply {}", length(i64::from(minutes) * 60)),
        }));
        if self.name.is_some() {
            told.push("name".to_owned());
        }
        told.join(", ")
    }

    /// Refuses what lasts longer than it may.
    fn check_spans(&self) -> Result<(), GateError> {
        check_undo(self.undo_seconds)?;
        if self.stale_reply_minutes.is_some_and(|minutes| minutes > STALE_REPLY_MINUTES_MOST) {
            let most = length(i64::from(STALE_REPLY_MINUTES_MOST) * 60);
            return Err(Rule::Unusable(format!("An answer makes others stale for {most} at most")).into());
        }
        Ok(())
    }
}

/// `\Seen` is kept in another way from now on: a change of every message (docs/decisions/0010-seen.md).
pub(super) fn seen_changed(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    let modseq = advance(tx, account, &Growth::default())?.modseq.0;
    tx.send(&sql::SET_SEEN_SINCE, &[account.get().into(), modseq.into()])?;
    tx.send(&sql::SET_MAILBOXES_CHANGED, &[account.get().into(), modseq.into()])
}

/// As the trail tells it.
pub(super) fn told_undo(seconds: u32) -> String {
    match seconds {
        0 => "no undo".to_owned(),
        seconds => format!("undo {}", length(seconds.into())),
    }
}

pub(super) fn check_undo(seconds: Option<u32>) -> Result<(), GateError> {
    if seconds.is_some_and(|seconds| seconds > UNDO_SECONDS_MOST) {
        let most = length(UNDO_SECONDS_MOST.into());
        return Err(Rule::Unusable(format!("What is sent waits {most} at most to be taken back")).into());
    }
    Ok(())
}

fn there(row: Option<AccountRow>, now: Timestamp) -> Result<AccountRow, GateError> {
    Ok(row.filter(|row| row.is_there(now)).ok_or_else(|| Rule::Absent("such shared mailbox".into()))?)
}

/// A shared account that is in use; of one that was removed it is said how it comes back.
pub(super) fn in_use(row: Option<AccountRow>, now: Timestamp) -> Result<AccountRow, GateError> {
    let row = there(row, now)?;
    if row.removed.is_some() {
        let address = &row.address;
        let text = format!("{address} is removed; bring it back with: postern shared restore {address}");
        return Err(Rule::Unusable(text).into());
    }
    Ok(row)
}

impl<D: DutyClass> Authority<'_, D> {
    /// The account that the proof is about.
    pub(super) fn which(&self) -> Result<AccountId, StoreError> {
        self.account().ok_or_else(|| StoreError::Conflict("this is done to one account".into()))
    }

    /// The account that the proof is about, if it is of this kind.
    pub(super) fn row_of_kind(&self, kind: &str) -> Result<Option<AccountRow>, StoreError> {
        self.tx().one(&people_sql::ACCOUNT_OF_KIND, &[kind.into(), self.which()?.get().into()], AccountRow::read)
    }
}

impl Authority<'_, ManageShared> {
    /// The shared account; a removed one as long as it can come back.
    pub fn shared_row(&self) -> Result<AccountRow, GateError> {
        there(self.row_of_kind("shared")?, self.tx().now())
    }

    /// Is it in use? Who manages it hears what to do about one that was removed.
    pub fn require_in_use(&self) -> Result<(), GateError> {
        self.row_in_use().map(|_| ())
    }

    pub(super) fn row_in_use(&self) -> Result<AccountRow, GateError> {
        in_use(self.row_of_kind("shared")?, self.tx().now())
    }

    /// Every address of a shared account, the primary one first.
    pub fn addresses(&self, shared: AccountId) -> Result<Vec<String>, StoreError> {
        addresses_of(self.tx(), shared)
    }

    /// Who may do what in it.
    pub fn delegates(&self) -> Result<Vec<GrantRow>, StoreError> {
        grant_rows(self.tx(), self.which()?)
    }

    /// Changes settings and aliases, all or none. They hold from everybody's next command on.
    pub fn set(&self, change: &SharedChange) -> Result<(), GateError> {
        let row = self.row_in_use()?;
        change.check_spans()?;
        for alias in &change.remove_aliases {
            self.remove_alias(&row, alias)?;
        }
        for alias in &change.add_aliases {
            self.add_alias(row.id, alias)?;
        }
        let told = change.beside(&row).told();
        if told.is_empty() {
            return Ok(());
        }
        let undo_seconds = change.undo_seconds.map_or(row.undo_seconds, u64::from);
        let stale_reply_minutes = change.stale_reply_minutes.map_or(row.stale_reply_minutes, u64::from);
        let values = [
            row.id.get().into(),
            change.name.as_ref().map_or(row.name.as_str(), DisplayName::as_str).into(),
            change.seen.map_or(row.seen.as_str(), |seen| seen.as_str()).into(),
            change.delete_protection.unwrap_or(row.delete_protection).into(),
            change.sent_copy.map_or(row.sent_copy.as_str(), |copy| copy.name()).into(),
            change.show_sender.map_or(row.show_sender.as_str(), |shows| shows.name()).into(),
            i64::try_from(undo_seconds).unwrap_or_default().into(),
            i64::try_from(stale_reply_minutes).unwrap_or_default().into(),
        ];
        self.tx().execute(&sql::SET, &values)?;
        self.put_quota(&row, change.quota())?;
        if change.seen.is_some_and(|seen| seen.as_str() != row.seen) {
            seen_changed(self.tx(), row.id)?;
        }
        let name = change.name.as_ref().map_or("", DisplayName::as_str);
        self.note("shared.set", Some(row.id), &told, name)?;
        Ok(grants_changed(self.tx(), row.id)?)
    }

    /// Gives a shared account another address.
    pub fn add_alias(&self, shared: AccountId, alias: &Address) -> Result<(), GateError> {
        let now = self.tx().now();
        let values = [alias.as_str().into(), shared.get().into(), Value::Null, true.into(), now.0.into()];
        self.require_own_domain(alias)?;
        if self.tx().execute(&people_sql::ADD_ADDRESS, &values)? == 0 {
            return Err(Rule::AddressTaken(alias.to_string()).into());
        }
        Ok(self.note("shared.alias-added", Some(shared), "", alias.as_str())?)
    }

    fn remove_alias(&self, row: &AccountRow, alias: &Address) -> Result<(), GateError> {
        if alias.as_str() == row.address {
            let text = format!("{alias} is the address of the mailbox itself, and stays; only aliases can be removed");
            return Err(Rule::Unusable(text).into());
        }
        if self.tx().execute(&sql::REMOVE_ALIAS, &[alias.as_str().into(), row.id.get().into()])? == 0 {
            return Err(Rule::Unusable(format!("{alias} is no alias of {}", row.address)).into());
        }
        Ok(self.note("shared.alias-removed", Some(row.id), "", alias.as_str())?)
    }

    /// Takes it out of use: its delegates lose it at their next command and its mail is
    /// refused. Mail, grants and addresses stay for 30 days.
    pub fn remove(&self) -> Result<(), GateError> {
        let row = self.row_in_use()?;
        self.tx().execute(&sql::REMOVE, &[row.id.get().into(), self.tx().now().0.into()])?;
        self.note("shared.removed", Some(row.id), "", &row.address)?;
        Ok(grants_changed(self.tx(), row.id)?)
    }

    /// Brings it back as it was.
    pub fn restore(&self) -> Result<(), GateError> {
        let row = self.shared_row()?;
        if row.removed.is_none() {
            return Err(
                Rule::Unusable(format!("{} is not removed; there is nothing to bring back", row.address)).into()
            );
        }
        self.tx().execute(&sql::RESTORE, &[row.id.get().into()])?;
        self.note("shared.restored", Some(row.id), "", &row.address)?;
        Ok(grants_changed(self.tx(), row.id)?)
    }
}
