//! Who watches what on this node: one notice per mailbox, account or the whole house.
//!
//! The store tells the hub after a commit and before anybody is answered; sessions in IDLE
//! wake, others look at their next command. A notice says only that something changed: what
//! it was is asked through the gate.

use postern_store::Notice;
use postern_types::{AccountId, MailboxId};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    Mailbox(MailboxId),
    Account(AccountId),
    Everyone,
}

/// The watchers of this node.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    senders: Mutex<HashMap<Key, watch::Sender<u64>>>,
}

/// One thing watched: [`Watch::changed`] ends when something happened since it was last seen.
#[derive(Debug, Clone)]
pub struct Watch {
    one: watch::Receiver<u64>,
    other: Option<watch::Receiver<u64>>,
}

impl Watch {
    /// Waits for the next notice. Cancel-safe.
    pub async fn changed(&mut self) {
        let Some(other) = &mut self.other else { return heard(&mut self.one).await };
        tokio::select! {
            () = heard(&mut self.one) => {}
            () = heard(other) => {}
        }
    }

    /// Hears of this and of another thing that is watched.
    pub(crate) fn and(self, other: Watch) -> Self {
        Self { other: Some(other.one), ..self }
    }

    /// Was there a notice since the last call? Takes note of it.
    pub fn take(&mut self) -> bool {
        let one = take(&mut self.one);
        self.other.as_mut().is_some_and(take) | one
    }
}

async fn heard(receiver: &mut watch::Receiver<u64>) {
    if receiver.changed().await.is_err() {
        // The hub lives as long as the house; without it there is nothing to hear.
        std::future::pending::<()>().await;
    }
}

fn take(receiver: &mut watch::Receiver<u64>) -> bool {
    let changed = receiver.has_changed().unwrap_or(false);
    if changed {
        receiver.borrow_and_update();
    }
    changed
}

impl Hub {
    fn watch(&self, key: Key) -> Watch {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        if senders.len() > 4096 {
            senders.retain(|_, sender| sender.receiver_count() > 0);
        }
        let one = senders.entry(key).or_insert_with(|| watch::Sender::new(0)).subscribe();
        Watch { one, other: None }
    }

    /// Messages and flags of a mailbox. Watching opens nothing.
    pub(crate) fn mailbox(&self, mailbox: MailboxId) -> Watch {
        self.watch(Key::Mailbox(mailbox))
    }

    /// Rights in, and the list of mailboxes of, an account; what a person may do.
    pub(crate) fn account(&self, account: AccountId) -> Watch {
        self.watch(Key::Account(account))
    }

    /// What everyone may do.
    pub(crate) fn everyone(&self) -> Watch {
        self.watch(Key::Everyone)
    }

    /// Tells the watchers; the store calls it after each commit.
    pub(crate) fn tell(&self, notices: &[Notice]) {
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        for notice in notices {
            let key = match notice {
                Notice::Mailbox(mailbox, _) => Key::Mailbox(*mailbox),
                Notice::List(account) | Notice::Epoch(account, _) => Key::Account(*account),
                Notice::Organisation(_) => Key::Everyone,
            };
            let unwatched = match senders.get(&key) {
                Some(sender) => {
                    sender.send_modify(|count| *count += 1);
                    sender.receiver_count() == 0
                }
                None => false,
            };
            if unwatched {
                senders.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::ModSeq;

    #[tokio::test]
    async fn a_notice_reaches_those_who_watch_and_no_others() {
        let account = AccountId::new(1).unwrap();
        let [one, other] = [1, 2].map(|number| MailboxId::pack(account, number).unwrap());
        let hub = Hub::default();
        let (mut watch_one, mut watch_other) = (hub.mailbox(one), hub.mailbox(other));
        hub.tell(&[Notice::Mailbox(one, ModSeq(5))]);
        watch_one.changed().await;
        assert!(!watch_one.take(), "it was seen");
        assert!(!watch_other.take());
    }
}
