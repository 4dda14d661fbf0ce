//! The writer: drains the queue, a savepoint for each job, one commit for all.
//!
//! No delay is added: while one batch is being synced the next one gathers. Nobody is
//! answered before the commit. If an error ended the whole transaction (full disk, I/O),
//! its jobs are run again one by one, so that only those fail that can not be done alone.
//! A failed sync ends the process: what the disk then holds, nobody knows.

use super::bodies::BodyStore;
use super::checkpoint::Logs;
use super::session::Session;
use super::{is_failed_commit, store_error};
use crate::db::{Job, Ran, Shared};
use crate::sql::{Sql, Value};
use crate::{Notice, StoreError, Tx, clock};
use rusqlite::Connection;

/// Most jobs in one commit. More gain little and make the first of them wait.
const BATCH_JOBS: usize = 128;

/// How a batch ended.
enum Ending {
    /// Everything kept is on disk.
    Committed(Vec<Notice>),
    /// Nothing of it is; the jobs may be run again.
    Lost(StoreError),
    /// A sync failed; what is on disk is unknown.
    Fatal(String),
}

/// Serves the write queue until it is closed and empty.
pub(super) fn serve(shared: &Shared, logs: &Logs, main: &Connection, bodies: &Connection) {
    let writer = Writer { shared, main: Session::new(main), bodies: BodyStore::new(bodies, true) };
    while let Some(batch) = shared.writes.take(BATCH_JOBS) {
        let running = writer.run(batch.jobs);
        shared.writes.done(batch.owed);
        if !running {
            // Only a test's disk lets us come here: nothing more may be acknowledged.
            for job in shared.writes.abandon() {
                job.settle(Err(StoreError::Closing));
            }
            return;
        }
        logs.wake_if_due();
    }
}

struct Writer<'c> {
    shared: &'c Shared,
    main: Session<'c>,
    bodies: BodyStore<'c>,
}

impl Writer<'_> {
    /// Runs jobs to their end and answers them; `false` when a sync failed.
    fn run(&self, mut jobs: Vec<Box<dyn Job>>) -> bool {
        let ending = self.attempt(&mut jobs);
        let counters = &self.shared.counters;
        match ending {
            Ending::Committed(notices) => {
                self.shared.tell(notices);
                jobs.into_iter().for_each(|job| job.settle(Ok(())));
                self.remove_bodies()
            }
            Ending::Lost(reason) => {
                self.main.roll_back();
                self.bodies.roll_back();
                counters.lost.add(1);
                tracing::warn!(event = "store.transaction.lost", jobs = jobs.len(), %reason);
                // What was kept for this is used now, and the jobs are done after all.
                let has_room = matches!(reason, StoreError::DiskFull(_)) && self.shared.reserve.give_up();
                if has_room || jobs.len() > 1 {
                    counters.retries.add(jobs.len() as u64);
                    return self.run_one_by_one(jobs);
                }
                jobs.into_iter().for_each(|job| job.settle(Err(reason.clone())));
                true
            }
            Ending::Fatal(reason) => {
                self.shared.disk.fatal(&reason);
                jobs.into_iter().for_each(|job| job.settle(Err(StoreError::Lost(reason.clone()))));
                false
            }
        }
    }

    fn run_one_by_one(&self, jobs: Vec<Box<dyn Job>>) -> bool {
        let mut running = true;
        for job in jobs {
            if running {
                running = self.run(vec![job]);
            } else {
                job.settle(Err(StoreError::Closing));
            }
        }
        running
    }

    /// One transaction for these jobs.
    fn attempt(&self, jobs: &mut [Box<dyn Job>]) -> Ending {
        if let Err(error) = self.main.control("BEGIN IMMEDIATE") {
            return self.lost(&error);
        }
        let mut notices = Vec::new();
        let mut kept = 0;
        for job in jobs {
            match self.run_job(job.as_mut()) {
                Ok(Some(told)) => {
                    notices.extend(told);
                    kept += 1;
                }
                Ok(None) => {}
                Err(ending) => return ending,
            }
        }
        match self.commit() {
            Ok(()) => {
                self.shared.counters.writes.add(kept);
                Ending::Committed(notices)
            }
            Err(ending) => ending,
        }
    }

    /// One job in its savepoint: its notices if it is kept, `None` if it is undone.
    fn run_job(&self, job: &mut dyn Job) -> Result<Option<Vec<Notice>>, Ending> {
        self.main.forget_failure();
        self.bodies.begin_job();
        self.main.control("SAVEPOINT job").map_err(|error| self.lost(&error))?;
        let tx = Tx::new(&self.main, &self.bodies, self.shared, true);
        let mut ran = job.run(&tx);
        let failure = self.main.failure().or_else(|| self.bodies.failure());
        if self.main.sync_failed() || self.bodies.sync_failed() {
            return Err(Ending::Fatal(failure.map_or_else(|| "a sync failed".into(), |error| error.to_string())));
        }
        if !self.main.in_transaction() || self.bodies.is_lost() {
            return Err(Ending::Lost(failure.unwrap_or_else(|| StoreError::Lost("the engine ended it".into()))));
        }
        if let (Ran::Kept, Some(error)) = (ran, failure) {
            job.overrule(error);
            ran = Ran::Undone;
        }
        let keep = ran == Ran::Kept;
        if !keep {
            self.main.control("ROLLBACK TO job").map_err(|error| self.lost(&error))?;
        }
        self.main.control("RELEASE job").map_err(|error| self.lost(&error))?;
        self.bodies.end_job(keep).map_err(|error| self.lost(&error))?;
        Ok(keep.then(|| tx.take_notices()))
    }

    /// Bodies first, then the rows that name them; each commit returns synced.
    fn commit(&self) -> Result<(), Ending> {
        let counters = &self.shared.counters;
        let high = self.keep_clock_high()?;
        if self.bodies.commit().map_err(|error| self.failed_commit("bodies.db", &error))? {
            counters.body_commits.add(1);
        }
        self.main.control("COMMIT").map_err(|error| self.failed_commit("postern.db", &error))?;
        counters.commits.add(1);
        if let Some(high) = high {
            self.shared.clock.has_kept(high);
        }
        Ok(())
    }

    /// Raises the kept house time, when it is time to.
    fn keep_clock_high(&self) -> Result<Option<postern_types::Timestamp>, Ending> {
        let Some(high) = self.shared.clock.to_keep() else { return Ok(None) };
        self.main.forget_failure();
        match self.main.execute(&clock::RAISE_CLOCK_HIGH, &[Value::Int(high.0)]) {
            Ok(_) => Ok(Some(high)),
            Err(error) if self.main.in_transaction() => {
                // The statement alone failed and changed nothing; the jobs are not to suffer.
                tracing::warn!(event = "store.clock.not_kept", %error);
                Ok(None)
            }
            Err(error) => Err(Ending::Lost(error)),
        }
    }

    /// After the answers: removes bodies that this batch found to be unreferenced.
    fn remove_bodies(&self) -> bool {
        match self.bodies.remove_committed() {
            Ok(true) => self.shared.counters.body_commits.add(1),
            Ok(false) => {}
            Err(error) => {
                if self.bodies.sync_failed() {
                    self.shared.disk.fatal(&format!("bodies.db: {error}"));
                    return false;
                }
                tracing::warn!(event = "store.bodies.not_removed", %error);
            }
        }
        true
    }

    fn lost(&self, error: &rusqlite::Error) -> Ending {
        if self.main.sync_failed() || self.bodies.sync_failed() {
            Ending::Fatal(error.to_string())
        } else {
            Ending::Lost(as_lost(error))
        }
    }

    fn failed_commit(&self, file: &str, error: &rusqlite::Error) -> Ending {
        if is_failed_commit(error) { Ending::Fatal(format!("COMMIT of {file}: {error}")) } else { self.lost(error) }
    }
}

/// An error of transaction control is never the fault of one job.
fn as_lost(error: &rusqlite::Error) -> StoreError {
    match store_error(error) {
        lost @ (StoreError::Lost(_) | StoreError::DiskFull(_)) => lost,
        other => StoreError::Lost(other.to_string()),
    }
}
