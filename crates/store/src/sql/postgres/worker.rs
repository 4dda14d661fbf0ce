//! A thread with its client: one job after another, each in a transaction of its own, run
//! again when the server asks or the connection went before COMMIT was sent.
//!
//! When the connection goes while COMMIT is under way, nobody knows whether it happened.
//! Running such a job again could do it twice, so its caller is told instead.

use super::SET_UP;
use super::bodies::BodyTable;
use super::session::Session;
use crate::db::{Job, Ran, Shared};
use crate::sql::{Sql, Value};
use crate::{Notice, StoreError, Tx, clock};
use std::time::Duration;
use tokio_postgres::Config;

/// Runs of one job before its caller is told to come again.
const ATTEMPTS: u32 = 10;
/// The longest pause before another run.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Serves the read queue until it is closed and empty.
pub(super) fn serve_reads(shared: &Shared, config: Config) {
    let mut worker = Worker { shared, config, session: None, writes: false };
    while let Some(batch) = shared.reads.take(1) {
        for job in batch.jobs {
            worker.serve(job);
            shared.counters.reads.add(1);
        }
    }
}

/// Serves the write queue until it is closed and empty.
pub(super) fn serve_writes(shared: &Shared, config: Config) {
    let mut worker = Worker { shared, config, session: None, writes: true };
    while let Some(batch) = shared.writes.take(1) {
        let _owing = shared.writes.owing(batch.owed);
        batch.jobs.into_iter().for_each(|job| worker.serve(job));
    }
}

struct Worker<'w> {
    shared: &'w Shared,
    config: Config,
    session: Option<Session>,
    writes: bool,
}

/// How one run of a job ended.
enum Ending {
    /// Committed, or for a read simply done.
    Committed(Vec<Notice>),
    /// The job's own error, or the fault of its own statement: it is rolled back.
    Refused,
    /// Nothing happened, and it may be run again.
    Again(StoreError),
    /// Whether it happened is not known.
    Unknown(StoreError, Vec<Notice>),
}

impl Worker<'_> {
    fn serve(&mut self, mut job: Box<dyn Job>) {
        let counters = &self.shared.counters;
        let mut last = StoreError::Closing;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                counters.retries.add(1);
                pause_before(attempt);
            }
            match self.attempt(job.as_mut()) {
                Ending::Committed(notices) => {
                    if self.writes {
                        counters.commits.add(1);
                        counters.writes.add(1);
                        self.shared.tell(notices);
                    }
                    job.settle(Ok(()));
                    self.after_answer();
                    return;
                }
                Ending::Refused => return job.settle(Ok(())),
                Ending::Unknown(error, notices) => {
                    counters.lost.add(1);
                    // It may be committed, and who looks in vain loses nothing.
                    self.shared.tell(notices);
                    return job.settle(Err(error));
                }
                Ending::Again(error) => {
                    counters.lost.add(1);
                    tracing::debug!(event = "store.transaction.again", attempt, %error);
                    last = error;
                }
            }
        }
        tracing::warn!(event = "store.transaction.lost", attempts = ATTEMPTS, error = %last);
        job.settle(Err(last));
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Ending {
        // A connection may have been cut while it was idle; that is found out here.
        if self.session.as_ref().is_some_and(Session::is_gone) {
            self.session = None;
        }
        let session = match &self.session {
            Some(session) => session,
            None => match Session::connect(&self.config, SET_UP) {
                Ok(session) => self.session.insert(session),
                Err(error) => return Ending::Again(error),
            },
        };
        let ending = run(self.shared, session, self.writes, job);
        if session.is_gone() {
            self.session = None;
        }
        ending
    }

    /// A read ends after its answer, for it has nothing to commit. After a write house time may have to be kept.
    fn after_answer(&mut self) {
        match &self.session {
            Some(session) if !self.writes && session.commit().is_err() => self.session = None,
            _ => self.keep_clock_high(),
        }
    }

    /// Keeps house time, in a transaction of its own: a job that held the house row to its
    /// end would make all others wait.
    fn keep_clock_high(&self) {
        let (Some(high), Some(session), true) = (self.shared.clock.to_keep(), &self.session, self.writes) else {
            return;
        };
        session.forget_failure();
        match session.execute(&clock::RAISE_CLOCK_HIGH, &[Value::Int(high.0)]) {
            Ok(_) => self.shared.clock.has_kept(high),
            Err(error) => tracing::warn!(event = "store.clock.not_kept", %error),
        }
    }
}

fn run(shared: &Shared, session: &Session, writes: bool, job: &mut dyn Job) -> Ending {
    session.forget_failure();
    session.begin(if writes { BEGIN_WRITE } else { BEGIN_READ });
    let bodies = BodyTable { session, writable: writes };
    let tx = Tx::new(session, &bodies, shared, writes);
    let ran = job.run(&tx);
    if ran == Ran::Kept {
        session.begin_now();
    }
    let failure = session.failure();
    if session.retry_asked() || session.is_gone() {
        session.roll_back();
        return Ending::Again(failure.unwrap_or_else(|| StoreError::Lost("the connection was lost".into())));
    }
    if ran == Ran::Undone || failure.is_some() {
        if let (Ran::Kept, Some(error)) = (ran, failure) {
            job.overrule(error);
        }
        session.roll_back();
        return Ending::Refused;
    }
    if !writes {
        return Ending::Committed(tx.take_notices());
    }
    match session.commit() {
        Ok(()) => Ending::Committed(tx.take_notices()),
        Err(error) => failed_commit(session, job, error, tx.take_notices()),
    }
}

fn failed_commit(session: &Session, job: &mut dyn Job, error: StoreError, notices: Vec<Notice>) -> Ending {
    if session.retry_asked() {
        // The server said that it did not commit.
        session.roll_back();
        Ending::Again(error)
    } else if session.is_gone() {
        let error = format!("the connection went during COMMIT, its outcome is unknown: {error}");
        Ending::Unknown(StoreError::Lost(error), notices)
    } else {
        session.roll_back();
        job.overrule(error);
        Ending::Refused
    }
}

/// Pauses, longer with each attempt, so that those who met come apart.
#[expect(clippy::disallowed_methods, reason = "there is no state to wait for: the server said to come again")]
fn pause_before(attempt: u32) {
    std::thread::sleep(Duration::from_millis(1 << attempt.min(10)).min(LONGEST_PAUSE));
}
