//! What all threads of a database share: the queues, the clock, who is told of commits,
//! and the counters.

use super::DbOptions;
use super::latency::Latency;
use super::queue::Queue;
use crate::gate::Told;
use crate::reserve::Reserve;
use crate::snapshot::shelf::Shelf;
use crate::{DatabaseUrl, Disk, HouseClock, Notice};
use postern_types::{AccountId, MailboxId, ModSeq};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Told after a commit what it changed, before the jobs of that commit are answered. It
/// runs on the engine's thread, so it must be quick and must not wait.
pub type CommitListener = Arc<dyn Fn(&[Notice]) + Send + Sync>;

/// State shared by a [`Db`](super::Db) and its threads.
pub(crate) struct Shared {
    pub reads: Queue,
    pub writes: Queue,
    pub clock: HouseClock,
    pub disk: Arc<dyn Disk>,
    pub counters: Tally,
    pub times: Times,
    pub shelf: Shelf,
    pub reserve: Reserve,
    pub told: Told,
    listeners: RwLock<Vec<CommitListener>>,
}

impl Shared {
    pub fn new(clock: HouseClock, disk: Arc<dyn Disk>, options: &DbOptions) -> Self {
        Self {
            reserve: Reserve::new(
                Arc::clone(&disk),
                &options.data_dir,
                options.disk_reserve_bytes,
                options.url == DatabaseUrl::Sqlite,
            ),
            reads: Queue::default(),
            writes: Queue::default(),
            clock,
            disk,
            counters: Tally::default(),
            times: Times::default(),
            shelf: Shelf::new(options.snapshot_bytes),
            told: Told::default(),
            listeners: RwLock::default(),
        }
    }

    pub fn add_listener(&self, listener: CommitListener) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(listener);
    }

    /// Tells everyone who asked. A listener that panics does not take the engine with it.
    pub fn tell(&self, notices: Vec<Notice>) {
        let notices = coalesce(notices);
        if notices.is_empty() {
            return;
        }
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner);
        for listener in listeners.iter() {
            if catch_unwind(AssertUnwindSafe(|| listener(&notices))).is_err() {
                tracing::error!(event = "store.listener.panicked", "a commit listener panicked");
            }
        }
    }
}

/// One notice per thing, its highest number, what rights changed before what mail did: a
/// session that wakes must not read mail by a right that has ended.
fn coalesce(notices: Vec<Notice>) -> Vec<Notice> {
    if notices.len() < 2 {
        return notices;
    }
    let mut organisation = None;
    let mut epochs: BTreeMap<AccountId, i64> = BTreeMap::new();
    let mut lists: BTreeMap<AccountId, ()> = BTreeMap::new();
    let mut mailboxes: BTreeMap<MailboxId, ModSeq> = BTreeMap::new();
    for notice in notices {
        match notice {
            Notice::Organisation(epoch) => organisation = organisation.max(Some(epoch)),
            Notice::Epoch(account, epoch) => raise(&mut epochs, account, epoch),
            Notice::List(account) => raise(&mut lists, account, ()),
            Notice::Mailbox(mailbox, modseq) => raise(&mut mailboxes, mailbox, modseq),
        }
    }
    let organisation = organisation.into_iter().map(Notice::Organisation);
    let epochs = epochs.into_iter().map(|(account, epoch)| Notice::Epoch(account, epoch));
    let lists = lists.into_keys().map(Notice::List);
    let mailboxes = mailboxes.into_iter().map(|(mailbox, modseq)| Notice::Mailbox(mailbox, modseq));
    organisation.chain(epochs).chain(lists).chain(mailboxes).collect()
}

fn raise<K: Ord, V: Ord + Copy>(highest: &mut BTreeMap<K, V>, key: K, value: V) {
    let entry = highest.entry(key).or_insert(value);
    *entry = value.max(*entry);
}

/// How long jobs of each kind take.
#[derive(Debug, Default)]
pub(crate) struct Times {
    pub read: Arc<Latency>,
    pub write: Arc<Latency>,
    /// Of the bulk lane, which waits for the others.
    pub bulk: Arc<Latency>,
}

/// One count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts as the threads keep them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub reads: Count,
    pub writes: Count,
    pub commits: Count,
    pub body_commits: Count,
    pub lost: Count,
    pub retries: Count,
    pub checkpoints: Count,
}

/// What the engine did since it was opened: for metrics, and for tests of group commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Read jobs answered.
    pub reads: u64,
    /// Write jobs whose changes were committed.
    pub writes: u64,
    /// Commits of the database; on SQLite one serves many jobs.
    pub commits: u64,
    /// Commits of `bodies.db`: batches without a new body need none. 0 on PostgreSQL.
    pub body_commits: u64,
    /// Transactions that were lost as a whole.
    pub lost: u64,
    /// Runs of a job after its first.
    pub retries: u64,
    /// Checkpoints made. 0 on PostgreSQL.
    pub checkpoints: u64,
    /// Jobs that wait now.
    pub waiting: usize,
    /// The most memory the engine's page caches may take, in bytes. 0 on PostgreSQL.
    pub cache_limit_bytes: usize,
    /// Bytes of the snapshots that are kept for whoever opens their mailboxes next.
    pub snapshot_bytes: usize,
}

impl Tally {
    pub fn snapshot(&self, waiting: usize, cache_limit_bytes: usize, snapshot_bytes: usize) -> Counters {
        Counters {
            reads: self.reads.get(),
            writes: self.writes.get(),
            commits: self.commits.get(),
            body_commits: self.body_commits.get(),
            lost: self.lost.get(),
            retries: self.retries.get(),
            checkpoints: self.checkpoints.get(),
            waiting,
            cache_limit_bytes,
            snapshot_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_notice_per_thing_rights_first() {
        let account = AccountId::new(1).unwrap();
        let [first, second] = [1, 2].map(|number| MailboxId::pack(account, number).unwrap());
        let told = coalesce(vec![
            Notice::Mailbox(second, ModSeq(7)),
            Notice::Mailbox(first, ModSeq(9)),
            Notice::List(account),
            Notice::Mailbox(second, ModSeq(5)),
            Notice::Epoch(account, 3),
            Notice::List(account),
            Notice::Organisation(2),
            Notice::Epoch(account, 4),
        ]);
        assert_eq!(
            told,
            [
                Notice::Organisation(2),
                Notice::Epoch(account, 4),
                Notice::List(account),
                Notice::Mailbox(first, ModSeq(9)),
                Notice::Mailbox(second, ModSeq(7)),
            ]
        );
    }
}
