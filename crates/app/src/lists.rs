//! Who reads the list of a mailbox that nobody has open: one reads, and the others wait for their turn here, where
//! they keep no reader of the database from anybody else (docs/decisions/0036-snapshots.md).

use crate::House;
use postern_types::MailboxId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Mailboxes whose lists are being read.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    turns: Mutex<HashMap<MailboxId, Arc<Turn<()>>>>,
}

impl House {
    /// Waits until nobody reads this list for the first time. Whoever comes first has a turn to hold while they do so.
    pub(crate) async fn turn_to_list(&self, mailbox: MailboxId) -> Option<OwnedMutexGuard<()>> {
        if self.db.has_list(mailbox) {
            return None;
        }
        let turn = {
            let mut turns = self.lists.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(mailbox).or_default())
        };
        Some(turn.lock_owned().await)
    }
}
