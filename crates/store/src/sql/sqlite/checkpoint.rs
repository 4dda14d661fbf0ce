//! Folding the logs into their databases, off the writer.
//!
//! A passive checkpoint stops nobody. It can only fall behind: a log starts over when all
//! of it is folded in at a moment when nobody reads from it, and under steady load that
//! moment does not come by itself. So a log that has grown far too long is restarted,
//! which holds the writer for the short rest that a passive one left.

use super::store_error;
use crate::StoreError;
use crate::db::Shared;
use rusqlite::Connection;
use rusqlite::hooks::Wal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Frames added to a log before it is folded in: 16 MiB of rows, 32 MiB of bodies.
const FRAMES_DUE: u64 = 4096;
/// Frames in a log before it is restarted.
const FRAMES_FAR_TOO_MANY: u64 = 8 * FRAMES_DUE;
/// The most that a restart makes the writer wait for readers.
const RESTART_WAIT: Duration = Duration::from_millis(100);

/// How long the two logs are, and the thread that is woken when one is too long.
#[derive(Default)]
pub(super) struct Logs {
    main: std::sync::Arc<Log>,
    bodies: std::sync::Arc<Log>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    due: bool,
    stopping: bool,
}

/// One log, in frames.
#[derive(Default)]
struct Log {
    /// As of the last commit.
    frames: AtomicU64,
    /// Folded in so far.
    folded: AtomicU64,
}

impl Log {
    fn committed(&self, frames: u64) {
        if frames < self.frames.swap(frames, Ordering::Relaxed) {
            // It started over.
            self.folded.store(0, Ordering::Relaxed);
        }
    }
    fn is_due(&self) -> bool {
        self.frames.load(Ordering::Relaxed) >= self.folded.load(Ordering::Relaxed) + FRAMES_DUE
    }
}

impl Logs {
    /// Has the writer's connections say how long their logs are, after each commit.
    pub fn watch(&self, main: &mut Connection, bodies: &mut Connection) -> Result<(), StoreError> {
        for (connection, log) in [(main, &self.main), (bodies, &self.bodies)] {
            let log = log.clone();
            let hook = move |_: &mut Wal, frames: i32| {
                log.committed(u64::try_from(frames).unwrap_or(0));
                Ok(())
            };
            connection.wal_hook(Some(hook)).map_err(|error| store_error(&error))?;
        }
        Ok(())
    }

    /// After a commit: wakes the checkpointer when there is work for it.
    pub fn wake_if_due(&self) {
        if self.main.is_due() || self.bodies.is_due() {
            self.change(|state| state.due = true);
        }
    }

    /// Lets the checkpointer fold in what is left, and end.
    pub fn stop(&self) {
        self.change(|state| state.stopping = true);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_one();
    }

    /// Waits for work; `false` when it is the last.
    fn wait(&self) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.due && !state.stopping {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.due = false;
        !state.stopping
    }
}

/// Makes checkpoints of these files, rows and bodies, until stopped; then a last one.
pub(super) fn serve(shared: &Shared, logs: &Logs, [main, bodies]: [&Connection; 2]) {
    loop {
        let more = logs.wait();
        for (connection, log) in [(main, &logs.main), (bodies, &logs.bodies)] {
            let result = if more { fold(shared, connection, log) } else { pragma(connection, "TRUNCATE").map(drop) };
            if let Err(error) = result {
                if super::is_failed_sync(&error) {
                    shared.disk.fatal(&format!("checkpoint: {error}"));
                    return;
                }
                tracing::warn!(event = "store.checkpoint.failed", %error);
            }
        }
        if !more {
            return;
        }
    }
}

fn fold(shared: &Shared, connection: &Connection, log: &Log) -> Result<(), rusqlite::Error> {
    if !log.is_due() {
        return Ok(());
    }
    let (mut frames, folded) = pragma(connection, "PASSIVE")?;
    log.folded.store(folded, Ordering::Relaxed);
    shared.counters.checkpoints.add(1);
    if frames >= FRAMES_FAR_TOO_MANY {
        connection.busy_timeout(RESTART_WAIT)?;
        // Busy readers are no error here: it is tried again as the log grows on.
        (frames, _) = pragma(connection, "RESTART")?;
        tracing::debug!(event = "store.log.restarted", frames);
    }
    Ok(())
}

/// Frames in the log, and those of them that are folded in.
fn pragma(connection: &Connection, mode: &'static str) -> Result<(u64, u64), rusqlite::Error> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let [frames, folded] = [row.get::<_, i64>(1)?, row.get::<_, i64>(2)?];
        Ok((u64::try_from(frames).unwrap_or(0), u64::try_from(folded).unwrap_or(0)))
    })
}
