//! The queue: what was submitted is brought to every recipient, here or elsewhere
//! (docs/decisions/0030-queue.md).
//!
//! Four lanes, each with workers of its own, so that a campaign never keeps a person's mail, and no
//! other server keeps what stays here. What is taken is this process's for a minute, which moves on while
//! it works; a process that is gone lets go by that. A recipient is done in the transaction that delivers here, or in the one after the next
//! server has said yes: at a kill between the two that one transaction comes twice, and nothing is lost.

mod bring;
mod local;
mod many;
mod notices;
mod people;
mod run;
mod settle;

pub(crate) use local::QueueEnd;
pub use many::{NAMED_AT_ONCE, QueueAct, QueueDone, QueueMany};
pub(crate) use notices::{Note, parked_text};
pub use people::{QueueChoice, QueuePage, QueueShown, SuppressedList};
pub(crate) use settle::is_hard;

use crate::carrier::{Carrier, Hop};
use crate::{House, Refused};
use postern_access::Job;
use postern_store::{BodyKey, Caller, Lane};
use postern_types::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use tokio::sync::{Notify, OwnedSemaphorePermit, RwLock, Semaphore};

/// Parcels under way; more where there may be many connections to one place.
const PEOPLE_WORKERS: usize = 64;
const HERE_WORKERS: usize = 8;
/// Their writes wait for all others anyway.
const BULK_HERE_WORKERS: usize = 2;
/// Bytes of one permit of memory.
const MEMORY_UNIT: usize = 4096;

/// What the queue of this process remembers.
pub(crate) struct Queue {
    /// Of each lane.
    wakes: [Notify; 4],
    /// This process, among those that share the database.
    me: i64,
    carrier: OnceLock<Arc<dyn Carrier>>,
    workers: [Arc<Semaphore>; 4],
    /// Bodies that are in hand, of each lane: one that waits for another server keeps nobody else's.
    memory: [Arc<Semaphore>; 4],
    memory_permits: usize,
    bodies: Mutex<HashMap<BodyKey, Weak<Vec<u8>>>>,
    /// What is known of places elsewhere.
    places: Mutex<Places>,
    /// Parcels of people that are on their way to a place, or wait for that.
    bound_for: Mutex<HashMap<String, run::Bound>>,
    /// Held shared by whoever takes recipients, until they are in hand.
    takes: RwLock<()>,
    /// Recipients that were taken and of whom nothing could be written down: to be put back.
    lost: Mutex<Vec<i64>>,
    /// Recipients that somebody here has in hand, and how many have: one puts back what another takes.
    in_hand: Mutex<HashMap<i64, u32>>,
    /// Those that nobody had at the last look, though they are this process's.
    suspects: Mutex<HashSet<i64>>,
}

/// Places elsewhere, by name.
#[derive(Default)]
struct Places {
    /// Those that could not be reached: until when nobody tries, and what was said.
    left_alone: HashMap<String, (Timestamp, String)>,
    /// Those that were, and when last.
    reached: HashMap<String, Timestamp>,
    /// Those that can not be reached: when that was told, and when it was so last.
    silent: HashMap<String, (Timestamp, Timestamp)>,
}

impl Queue {
    pub(crate) fn new(me: i64, memory_bytes: usize) -> Self {
        let memory_permits = (memory_bytes / MEMORY_UNIT).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            wakes: Default::default(),
            me: me.max(1),
            carrier: OnceLock::new(),
            workers: [PEOPLE_WORKERS, 1, HERE_WORKERS, BULK_HERE_WORKERS].map(|count| Arc::new(Semaphore::new(count))),
            memory: Lane::ALL.map(|_| Arc::new(Semaphore::new(memory_permits))),
            memory_permits,
            bodies: Mutex::default(),
            places: Mutex::default(),
            bound_for: Mutex::default(),
            takes: RwLock::default(),
            lost: Mutex::default(),
            in_hand: Mutex::default(),
            suspects: Mutex::default(),
        }
    }

    /// Something is due.
    pub(crate) fn wake(&self) {
        Lane::ALL.into_iter().for_each(|lane| self.wake_lane(lane));
    }

    /// Something of this lane is due.
    pub(crate) fn wake_lane(&self, lane: Lane) {
        self.wakes[lane.place()].notify_waiters();
    }

    fn workers(&self, lane: Lane) -> Arc<Semaphore> {
        Arc::clone(&self.workers[lane.place()])
    }

    /// Nothing is known of places elsewhere: each is tried anew.
    pub(crate) fn forget_places(&self) {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).left_alone.clear();
    }

    /// Takes what was lost and is not in hand again.
    fn take_lost(&self) -> Vec<i64> {
        let lost = std::mem::take(&mut *self.lost.lock().unwrap_or_else(PoisonError::into_inner));
        let in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        lost.into_iter().filter(|id| !in_hand.contains_key(id)).collect()
    }

    /// The turns with a next server; none before it is said who takes mail there.
    fn turns(&self, hop: &Arc<Hop>) -> Option<Arc<Semaphore>> {
        Some(self.carrier.get()?.turns(hop))
    }

    /// Room for a body; a larger one than there is room for waits for all of it.
    async fn room(&self, lane: Lane, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = usize::try_from(bytes).unwrap_or(usize::MAX) / MEMORY_UNIT + 1;
        let permits = u32::try_from(units.min(self.memory_permits)).unwrap_or(u32::MAX);
        Arc::clone(&self.memory[lane.place()]).acquire_many_owned(permits).await.ok()
    }

    /// A body that another parcel has in hand.
    fn body(&self, key: BodyKey) -> Option<Arc<Vec<u8>>> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).get(&key)?.upgrade()
    }

    fn keep_body(&self, key: BodyKey, body: &Arc<Vec<u8>>) {
        let mut bodies = self.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        if bodies.len() >= 64 {
            bodies.retain(|_, body| body.strong_count() > 0);
        }
        bodies.insert(key, Arc::downgrade(body));
    }
}

impl House {
    /// Who takes mail to other servers, by how many connections to one place; said once, before the queue
    /// runs. Campaigns have four of five of them at most, and the one that there is where there is one.
    pub fn set_carrier(&self, carrier: Arc<dyn Carrier>, connections: usize) {
        if self.queue.carrier.set(carrier).is_err() {
            tracing::error!(event = "queue.carrier-set-twice");
            return;
        }
        self.queue.workers(Lane::Bulk).add_permits((connections * 4 / 5).saturating_sub(1));
        // One place that answers slowly leaves half of the workers to others.
        self.queue.workers(Lane::People).add_permits((2 * connections).saturating_sub(PEOPLE_WORKERS));
    }

    /// The submission job, as an actor.
    pub(crate) fn submission_job(&self) -> Result<Caller, Refused> {
        self.job(Job::Submission, "queue", String::new())
    }
}
