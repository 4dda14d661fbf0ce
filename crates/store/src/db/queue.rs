//! Where jobs wait: an interactive lane, and a bulk lane that moves when the other is empty,
//! and now and then when it never is.
//!
//! The queue has no bound of its own: every waiting job is a waiting caller, and those are
//! bounded where they come in.

use super::job::Job;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Which jobs go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Somebody waits at a screen or a socket.
    Interactive,
    /// Long work in small pieces: collection, expiry, import.
    Bulk,
}

/// How often the interactive lane is served before a bulk job that waits. Bulk jobs are short,
/// so people hardly notice; and they are people's too, of whoever moved a thousand messages.
const BULK_WAITS_FOR: usize = 16;

/// Jobs that are run together.
pub(crate) struct Batch {
    /// In the order they came.
    pub jobs: Vec<Box<dyn Job>>,
    /// From the bulk lane; then it is one job, and [`Queue::bulk_done`] is owed.
    pub bulk: bool,
}

/// Jobs waiting for the threads of one kind.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Box<dyn Job>>,
    bulk: VecDeque<Box<dyn Job>>,
    bulk_running: bool,
    /// Takings from the interactive lane while a bulk job waited.
    passed: usize,
    closed: bool,
}

impl Queue {
    /// Adds a job, or hands it back when the queue is closed.
    pub fn push(&self, lane: Lane, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let mut state = self.state();
        if state.closed {
            return Err(job);
        }
        match lane {
            Lane::Interactive => state.interactive.push_back(job),
            Lane::Bulk => state.bulk.push_back(job),
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for work: all that is queued in the interactive lane, at most `most`, or else
    /// one bulk job. `None` once the queue is closed and empty.
    pub fn take(&self, most: usize) -> Option<Batch> {
        let mut state = self.state();
        loop {
            let bulk_waits = !state.bulk_running && !state.bulk.is_empty();
            let is_bulk_s_turn = bulk_waits && state.passed >= BULK_WAITS_FOR;
            if !state.interactive.is_empty() && !is_bulk_s_turn {
                state.passed = if bulk_waits { state.passed + 1 } else { 0 };
                let count = state.interactive.len().min(most);
                return Some(Batch { jobs: state.interactive.drain(..count).collect(), bulk: false });
            }
            if !state.bulk_running
                && let Some(job) = state.bulk.pop_front()
            {
                state.passed = 0;
                state.bulk_running = true;
                return Some(Batch { jobs: vec![job], bulk: true });
            }
            if state.closed && state.bulk.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The bulk job that was taken has ended; the next may begin.
    pub fn bulk_done(&self) {
        self.state().bulk_running = false;
        self.changed.notify_all();
    }

    /// Takes no further jobs; what is queued is still served.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Takes no further jobs and hands over those that will not be served.
    pub fn abandon(&self) -> Vec<Box<dyn Job>> {
        let mut state = self.state();
        state.closed = true;
        let mut left: Vec<_> = state.interactive.drain(..).collect();
        left.extend(state.bulk.drain(..));
        drop(state);
        self.changed.notify_all();
        left
    }

    /// How many jobs wait.
    pub fn len(&self) -> usize {
        let state = self.state();
        state.interactive.len() + state.bulk.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::job::Ran;
    use crate::{StoreError, Tx};

    struct Idle;

    impl Job for Idle {
        fn run(&mut self, _: &Tx<'_>) -> Ran {
            unreachable!("nothing runs it")
        }
        fn overrule(&mut self, _: StoreError) {}
        fn settle(self: Box<Self>, _: Result<(), StoreError>) {}
    }

    /// However busy people are, a bulk job has its turn, and then they have theirs.
    #[test]
    fn bulk_has_its_turn_when_people_never_stop() {
        let queue = Queue::default();
        let push = |lane| assert!(queue.push(lane, Box::new(Idle)).is_ok());
        (0..2).for_each(|_| push(Lane::Bulk));
        let mut turns = Vec::new();
        for _ in 0..3 * BULK_WAITS_FOR {
            push(Lane::Interactive);
            let batch = queue.take(8).expect("a batch");
            turns.push(batch.bulk);
            if batch.bulk {
                queue.bulk_done();
            }
        }
        let bulk: Vec<usize> = (0..turns.len()).filter(|turn| turns[*turn]).collect();
        assert_eq!(bulk, [BULK_WAITS_FOR, 2 * BULK_WAITS_FOR + 1]);
    }
}
