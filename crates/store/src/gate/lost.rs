//! A message whose text is lost or damaged, told to whoever runs the house: which, and where to read on.

use super::access::Access;
use super::class::Class;
use crate::StoreError;
use postern_types::{MailboxId, Uid};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Messages that the log has told of. A program that asks for one again and again fills no log.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<HashSet<(MailboxId, Uid)>>);

impl Told {
    /// So many are remembered; then each is told once more.
    const MOST: usize = 4096;

    /// Whether it is told for the first time.
    fn is_first(&self, message: (MailboxId, Uid)) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= Self::MOST {
            told.clear();
        }
        told.insert(message)
    }
}

impl<C: Class> Access<'_, C> {
    /// Tells in the log, once while the process runs, that the text of a message of this mailbox can not be read.
    /// Other failures are nothing of one message, and not told here.
    pub fn tell_lost(&self, uid: Uid, error: &StoreError) {
        if !matches!(error, StoreError::Body(_)) || !self.tx().told().is_first((self.mailbox(), uid)) {
            return;
        }
        // Names of mailboxes are people's words, so it is told by its number, as on the trail.
        tracing::error!(
            event = "body.lost",
            account = format_args!("acc_{}", self.account()),
            mailbox_number = self.mailbox().number(),
            %uid,
            %error,
            next = "bring its text back from a backup, or have it added again: docs/backup.md, One text that is lost"
        );
    }
}
