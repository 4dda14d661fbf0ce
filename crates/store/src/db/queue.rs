//! Where jobs wait: an interactive lane, and a bulk lane that moves when the other is empty,
//! and now and then when it never is.
//!
//! Jobs that hold one account's row come in turn where several threads serve the queue: one who waits
//! for a row on PostgreSQL keeps a thread that others need, and each commit wakes all who wait.
//!
//! The queue has no bound of its own: every waiting job is a waiting caller, and those are
//! bounded where they come in.

use super::job::Job;
use postern_types::AccountId;
use std::collections::{HashSet, VecDeque};
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
    /// What the queue is owed once they have ended.
    pub owed: Owed,
}

/// What [`Queue::done`] ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// They are from the bulk lane, whose jobs run one at a time.
    pub bulk: bool,
    /// Others that hold this account's row wait for their turn.
    pub turn: Option<AccountId>,
}

/// Says [`Queue::done`] at its end.
pub(crate) struct Owing<'q> {
    queue: &'q Queue,
    owed: Owed,
}

impl Drop for Owing<'_> {
    fn drop(&mut self) {
        self.queue.done(self.owed);
    }
}

/// A job, and the account whose row it holds, where that is told.
type Queued = (Option<AccountId>, Box<dyn Job>);

/// Jobs waiting for the threads of one kind.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Queued>,
    /// Whose turn it is now.
    turns: HashSet<AccountId>,
    bulk: VecDeque<Box<dyn Job>>,
    bulk_running: bool,
    /// Takings from the interactive lane while a bulk job waited.
    passed: usize,
    closed: bool,
}

impl State {
    /// What comes next of the interactive lane: for one of several threads, a job whose turn it is.
    fn next(&mut self, most: usize) -> Option<Batch> {
        if most > 1 {
            let count = self.interactive.len().min(most);
            let jobs: Vec<_> = self.interactive.drain(..count).map(|(_, job)| job).collect();
            return (!jobs.is_empty()).then_some(Batch { jobs, owed: Owed::default() });
        }
        let place = self.place_of_next()?;
        let (turn, job) = self.interactive.remove(place)?;
        self.turns.extend(turn);
        Some(Batch { jobs: vec![job], owed: Owed { bulk: false, turn } })
    }

    fn place_of_next(&self) -> Option<usize> {
        self.interactive.iter().position(|(turn, _)| turn.is_none_or(|account| !self.turns.contains(&account)))
    }
}

impl Queue {
    /// Adds a job, or hands it back when the queue is closed. In the interactive lane it may come in turn with
    /// others of an account.
    pub fn push(&self, lane: Lane, turn: Option<AccountId>, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let mut state = self.state();
        if state.closed {
            return Err(job);
        }
        match lane {
            Lane::Interactive => state.interactive.push_back((turn, job)),
            Lane::Bulk => state.bulk.push_back(job),
        }
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Waits for work: all that is queued in the interactive lane, at most `most`, or else
    /// one bulk job. Whoever takes one at a time is one of several threads. `None` once the queue is closed and empty.
    pub fn take(&self, most: usize) -> Option<Batch> {
        let mut state = self.state();
        loop {
            let bulk_waits = !state.bulk_running && !state.bulk.is_empty();
            let is_bulk_s_turn = bulk_waits && state.passed >= BULK_WAITS_FOR;
            if !is_bulk_s_turn && let Some(batch) = state.next(most) {
                state.passed = if bulk_waits { state.passed + 1 } else { 0 };
                self.pass_on(&state);
                return Some(batch);
            }
            if !state.bulk_running
                && let Some(job) = state.bulk.pop_front()
            {
                state.passed = 0;
                state.bulk_running = true;
                self.pass_on(&state);
                return Some(Batch { jobs: vec![job], owed: Owed { bulk: true, turn: None } });
            }
            // What waits for its turn is served by whoever has that now.
            if state.closed && state.bulk.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Wakes another thread where there is more to do: one that was woken for it may have found that it was not
    /// its turn then.
    fn pass_on(&self, state: &State) {
        if state.place_of_next().is_some() {
            self.changed.notify_one();
        }
    }

    /// What was taken is ended by dropping this, whatever becomes of it.
    pub fn owing(&self, owed: Owed) -> Owing<'_> {
        Owing { queue: self, owed }
    }

    /// What was taken has ended: the next bulk job may begin, or the next that holds the same account. Who says
    /// so comes for more at once, so nobody is woken for the latter.
    pub fn done(&self, owed: Owed) {
        let mut state = self.state();
        if let Some(account) = owed.turn {
            state.turns.remove(&account);
        }
        if owed.bulk {
            state.bulk_running = false;
            drop(state);
            self.changed.notify_all();
        }
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
        let mut left: Vec<_> = state.interactive.drain(..).map(|(_, job)| job).collect();
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

    /// Those who hold one account come one after the other, in their order, and others pass them; one thread that
    /// takes all of them has them in their order anyway.
    #[test]
    fn an_account_is_held_in_turn() {
        let queue = Queue::default();
        let account = |number| AccountId::new(number).ok();
        for turn in [account(7), account(7), account(8), None, account(7)] {
            assert!(queue.push(Lane::Interactive, turn, Box::new(Idle)).is_ok());
        }
        let take = || queue.take(1).expect("a batch").owed;
        let first = take();
        assert_eq!([first.turn, take().turn, take().turn], [account(7), account(8), None]);
        // At the end others have nothing to wait for: whoever has the turn serves those who wait for it.
        queue.close();
        assert!(queue.take(1).is_none());
        queue.done(first);
        let second = take();
        assert_eq!((second.turn, queue.len()), (account(7), 1));
        queue.done(second);
        assert_eq!(take().turn, account(7));
        assert!(queue.take(1).is_none());

        let queue = Queue::default();
        (0..3).for_each(|_| assert!(queue.push(Lane::Interactive, account(7), Box::new(Idle)).is_ok()));
        assert_eq!(queue.take(8).expect("a batch").jobs.len(), 3);
    }

    /// However busy people are, a bulk job has its turn, and then they have theirs.
    #[test]
    fn bulk_has_its_turn_when_people_never_stop() {
        let queue = Queue::default();
        let push = |lane| assert!(queue.push(lane, None, Box::new(Idle)).is_ok());
        (0..2).for_each(|_| push(Lane::Bulk));
        let mut turns = Vec::new();
        for _ in 0..3 * BULK_WAITS_FOR {
            push(Lane::Interactive);
            let batch = queue.take(8).expect("a batch");
            turns.push(batch.owed.bulk);
            queue.done(batch.owed);
        }
        let bulk: Vec<usize> = (0..turns.len()).filter(|turn| turns[*turn]).collect();
        assert_eq!(bulk, [BULK_WAITS_FOR, 2 * BULK_WAITS_FOR + 1]);
    }
}
