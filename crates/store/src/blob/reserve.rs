//! Between a file that is durable and the row that names it lies a moment in which only we
//! know that it is wanted. A reservation keeps collection off for that long, and a
//! collection in progress makes the next user of the same body wait.
//!
//! This is knowledge of one process; a data folder has one process ([`crate::DataLock`]).

use crate::sql::BodyKey;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Which bodies are wanted, and which are being collected.
#[derive(Default)]
pub(super) struct Reservations {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    wanted: HashMap<BodyKey, usize>,
    collecting: HashSet<BodyKey>,
}

/// The body is wanted while this lives.
pub(super) struct Reservation {
    key: BodyKey,
    of: Arc<Reservations>,
}

/// The body is being collected while this lives.
pub(super) struct Collecting {
    key: BodyKey,
    of: Arc<Reservations>,
}

impl Reservations {
    /// Wants a body; waits for a collection of it to end.
    pub fn reserve(self: &Arc<Self>, key: BodyKey) -> Reservation {
        let mut state = self.state();
        while state.collecting.contains(&key) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        *state.wanted.entry(key).or_default() += 1;
        Reservation { key, of: self.clone() }
    }

    /// Begins to collect a body, unless it is wanted.
    pub fn collect(self: &Arc<Self>, key: BodyKey) -> Option<Collecting> {
        let mut state = self.state();
        if state.wanted.contains_key(&key) || !state.collecting.insert(key) {
            return None;
        }
        Some(Collecting { key, of: self.clone() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.of.state();
        if let Some(count) = state.wanted.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                state.wanted.remove(&self.key);
            }
        }
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.of.state().collecting.remove(&self.key);
        self.of.changed.notify_all();
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({:?})", self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::{AccountId, BlobHash};

    #[test]
    fn a_wanted_body_is_not_collected_and_a_collected_one_is_waited_for() {
        let reservations = Arc::new(Reservations::default());
        let key = BodyKey { account: AccountId::new(1).unwrap(), hash: BlobHash([7; 32]) };
        let (first, second) = (reservations.reserve(key), reservations.reserve(key));
        drop(first);
        assert!(reservations.collect(key).is_none(), "still wanted once");
        drop(second);
        let collecting = reservations.collect(key).expect("wanted no more");

        let waiting = {
            let reservations = reservations.clone();
            std::thread::spawn(move || drop(reservations.reserve(key)))
        };
        assert!(reservations.collect(key).is_none(), "one collector at a time");
        drop(collecting);
        waiting.join().unwrap();
        assert!(reservations.collect(key).is_some());
    }
}
