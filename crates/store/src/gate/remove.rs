//! Expunging: messages leave a mailbox, UIDs stay used.

use super::access::Access;
use super::audit::{Detail, Event};
use super::class::Remove;
use super::error::GateError;
use super::flags::uid_set;
use super::insert::{Advance, Growth, advance, log_change};
use super::read::{flag_set, flags_of};
use crate::statements::message as sql;
use crate::{StoreError, Tx};
use postern_types::{Flags, MailboxId, ModSeq, SystemFlag, Uid};
use std::collections::HashMap;

/// One placement that leaves.
pub(super) struct Leaving {
    pub uid: Uid,
    pub message: i64,
    pub flags: Flags,
    pub internal_ms: i64,
    pub size: i64,
}

impl Access<'_, Remove> {
    /// The messages that have \Deleted, of `among` or of all: what EXPUNGE is to take out.
    pub fn deleted(&self, among: Option<&[Uid]>) -> Result<Vec<Uid>, StoreError> {
        if self.numbers()?.deleted == 0 {
            return Ok(Vec::new());
        }
        let tx = self.tx();
        let mut placed = Vec::new();
        for (first, last) in spans(among)? {
            let values = [self.mailbox().get().into(), i64::from(first.get()).into(), i64::from(last.get()).into()];
            tx.query(&sql::PLACEMENTS_BETWEEN, &values, |row| {
                placed.push((Uid::from_i64(row.int(0)?)?, row.int(2)?));
                Ok(())
            })?;
        }
        placed.retain(|(uid, _)| self.shows(*uid));
        let mut sets: HashMap<i64, bool> = HashMap::new();
        let mut deleted = Vec::new();
        for (uid, set) in placed {
            let is_deleted = match sets.get(&set) {
                Some(is_deleted) => *is_deleted,
                None => {
                    let is_deleted = flags_of(tx, flag_set(set)?)?.has(SystemFlag::Deleted);
                    sets.insert(set, is_deleted);
                    is_deleted
                }
            };
            if is_deleted {
                deleted.push(uid);
            }
        }
        Ok(deleted)
    }

    /// Takes out those of these messages that have \Deleted (RFC 9051 sections 6.4.3 and 6.4.9), and answers which.
    pub fn expunge(&self, uids: &[Uid]) -> Result<Vec<Uid>, GateError> {
        let mut leaving = leaving(self.tx(), self.mailbox(), uids)?;
        leaving.retain(|one| one.flags.has(SystemFlag::Deleted) && self.shows(one.uid));
        if leaving.is_empty() {
            return Ok(Vec::new());
        }
        take_out(self.tx(), self.mailbox(), &leaving)?;
        let uids: Vec<Uid> = leaving.iter().map(|one| one.uid).collect();
        self.tx().record(
            self.caller(),
            &Event {
                class: "A",
                action: "message.expunged",
                account: Some(self.account()),
                mailbox: Some(self.mailbox()),
                detail: Detail { public: &format!("uid {}", uid_set(&uids)), personal: "" },
            },
        )?;
        Ok(uids)
    }
}

/// Ranges of UIDs, both ends included; all there can be where none are given.
fn spans(uids: Option<&[Uid]>) -> Result<Vec<(Uid, Uid)>, StoreError> {
    match uids {
        Some(uids) => Ok(Uid::runs(uids.iter().copied())),
        None => Ok(vec![(Uid::from_i64(1)?, Uid::from_i64(i64::from(u32::MAX))?)]),
    }
}

/// Placements of these messages in a mailbox.
pub(super) fn leaving(tx: &Tx<'_>, mailbox: MailboxId, uids: &[Uid]) -> Result<Vec<Leaving>, StoreError> {
    let mut rows = Vec::new();
    for (first, last) in Uid::runs(uids.iter().copied()) {
        let values = [mailbox.get().into(), i64::from(first.get()).into(), i64::from(last.get()).into()];
        tx.query(&sql::PLACEMENTS_BETWEEN, &values, |row| {
            rows.push((Uid::from_i64(row.int(0)?)?, row.int(1)?, row.int(2)?, row.int(4)?, row.int(5)?));
            Ok(())
        })?;
    }
    let mut sets: HashMap<i64, Flags> = HashMap::new();
    let mut leaving = Vec::with_capacity(rows.len());
    for (uid, message, set, internal_ms, size) in rows {
        let flags = match sets.get(&set) {
            Some(flags) => flags.clone(),
            None => {
                let flags = flags_of(tx, flag_set(set)?)?;
                sets.insert(set, flags.clone());
                flags
            }
        };
        leaving.push(Leaving { uid, message, flags, internal_ms, size });
    }
    Ok(leaving)
}

/// Takes placements out of a mailbox, notes that they vanished, deletes messages that are
/// placed nowhere else, and counts.
pub(super) fn take_out(tx: &Tx<'_>, mailbox: MailboxId, leaving: &[Leaving]) -> Result<Advance, GateError> {
    let account = mailbox.account();
    let (mut gone, mut gone_bytes) = (0, 0);
    for one in leaving {
        let key = [mailbox.get().into(), i64::from(one.uid.get()).into()];
        tx.execute(&sql::UNPLACE, &key)?;
        tx.execute(&sql::FORGET_SEEN, &key)?;
        if tx.one(&sql::IS_PLACED, &[one.message.into()], |row| row.int(0))?.is_none() {
            tx.execute(&sql::DELETE, &[one.message.into()])?;
            gone += 1;
            gone_bytes += one.size;
        }
    }
    let growth = Growth { messages: -gone, bytes: -gone_bytes, ..Growth::default() };
    let advance = advance(tx, account, &growth)?;
    let uids: Vec<Uid> = leaving.iter().map(|one| one.uid).collect();
    for (first, last) in Uid::runs(uids.iter().copied()) {
        let values = [
            mailbox.get().into(),
            advance.modseq.0.into(),
            i64::from(first.get()).into(),
            i64::from(last.get()).into(),
        ];
        tx.execute(&sql::NOTE_VANISHED, &values)?;
    }
    count_out(tx, mailbox, leaving, advance.modseq)?;
    log_change(tx, &advance, "message.removed", mailbox)?;
    Ok(advance)
}

fn count_out(tx: &Tx<'_>, mailbox: MailboxId, leaving: &[Leaving], modseq: ModSeq) -> Result<(), StoreError> {
    let unseen = leaving.iter().filter(|one| !one.flags.has(SystemFlag::Seen)).count() as i64;
    let deleted = leaving.iter().filter(|one| one.flags.has(SystemFlag::Deleted)).count() as i64;
    let bytes: i64 = leaving.iter().map(|one| one.size).sum();
    let values = [
        mailbox.get().into(),
        modseq.0.into(),
        (-unseen).into(),
        (-deleted).into(),
        (-(leaving.len() as i64)).into(),
        (-bytes).into(),
    ];
    tx.execute(&sql::COUNT_OUT, &values)?;
    Ok(())
}
