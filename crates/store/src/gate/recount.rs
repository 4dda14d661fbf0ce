//! Counting again: SELECT, STATUS and quotas answer from counters, so the counters must say
//! what the rows say. Nothing here changes anything; what does not agree is told in words
//! that name no one.

use super::authority::{Authority, Collect};
use super::facts;
use super::read::{flag_set, flags_of};
use crate::StoreError;
use crate::statements::message as sql;
use postern_types::{AccountId, Flags, MailboxId, SystemFlag};
use std::collections::HashMap;

/// A mailbox row as it counts.
struct Counted {
    mailbox: MailboxId,
    uid_next: i64,
    modseq: i64,
    /// Messages, unseen, deleted, bytes.
    counts: [i64; 4],
}

impl Authority<'_, Collect> {
    /// Everything that is counted and does not agree with the rows; empty in a sound house.
    pub fn recount(&self) -> Result<Vec<String>, StoreError> {
        let mut amiss = self.recount_accounts()?;
        let mailboxes = self.tx().all(&sql::COUNTED_MAILBOXES, &[], |row| {
            Ok(Counted {
                mailbox: MailboxId::from_key(row.int(0)?)?,
                uid_next: row.int(1)?,
                modseq: row.int(2)?,
                counts: [row.int(3)?, row.int(4)?, row.int(5)?, row.int(6)?],
            })
        })?;
        for counted in mailboxes {
            self.recount_mailbox(&counted, &mut amiss)?;
        }
        for (statement, what) in [
            (&sql::PLACED_AND_GONE, "placements of no message"),
            (&sql::PLACED_NOWHERE, "messages placed nowhere"),
            (&sql::SEEN_AND_GONE, "messages that were seen and are gone"),
        ] {
            let count = self.tx().one(statement, &[], |row| row.int(0))?.unwrap_or(0);
            if count != 0 {
                amiss.push(format!("{count} {what}"));
            }
        }
        Ok(amiss)
    }

    fn recount_accounts(&self) -> Result<Vec<String>, StoreError> {
        let mut amiss = Vec::new();
        self.tx().query(&sql::COUNTED_ACCOUNTS, &[], |row| {
            let account = AccountId::new(row.int(0)?)?;
            let (counted, found) = ([row.int(1)?, row.int(2)?], [row.int(3)?, row.int(4)?]);
            if counted != found {
                amiss.push(format!("account {account} counts messages and bytes {counted:?}, there are {found:?}"));
            }
            Ok(())
        })?;
        Ok(amiss)
    }

    fn recount_mailbox(&self, counted: &Counted, amiss: &mut Vec<String>) -> Result<(), StoreError> {
        let mut sets: HashMap<i64, Flags> = HashMap::new();
        let (mut found, mut last_uid, mut last_modseq) = ([0; 4], 0, 0);
        let key = [counted.mailbox.get().into(), 1.into(), i64::from(u32::MAX).into()];
        let rows = self
            .tx()
            .all(&sql::PLACEMENTS_BETWEEN, &key, |row| Ok((row.int(0)?, row.int(2)?, row.int(3)?, row.int(5)?)))?;
        for (uid, set, modseq, size) in rows {
            let flags = match sets.get(&set) {
                Some(flags) => flags.clone(),
                None => sets.entry(set).or_insert(flags_of(self.tx(), flag_set(set)?)?).clone(),
            };
            found[0] += 1;
            found[1] += i64::from(!flags.has(SystemFlag::Seen));
            found[2] += i64::from(flags.has(SystemFlag::Deleted));
            found[3] += size;
            last_uid = last_uid.max(uid);
            last_modseq = last_modseq.max(modseq);
        }
        let mailbox = counted.mailbox;
        if counted.counts != found {
            let counts = counted.counts;
            amiss.push(format!(
                "mailbox {mailbox} counts messages, unseen, deleted, bytes {counts:?}, there are {found:?}"
            ));
        }
        if last_uid >= counted.uid_next || last_modseq > counted.modseq {
            amiss.push(format!("mailbox {mailbox} has a UID or modseq above what it says comes next"));
        }
        if facts::account_facts(self.tx(), mailbox.account())?.is_none() {
            amiss.push(format!("mailbox {mailbox} is in no account"));
        }
        Ok(())
    }
}
