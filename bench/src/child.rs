//! Processes that end with us, whatever ends us.
//!
//! A peer that outlives the measurement would disturb the next one. Each child is ended by its
//! own id, first politely; nobody else's process can be hit.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

/// How long a server may take to end after it was asked to.
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// How often a state that nobody announces is looked at.
pub const LOOK: Duration = Duration::from_millis(20);
const LINES_KEPT: usize = 30;

#[derive(Default)]
struct State {
    status: Option<ExitStatus>,
    words: VecDeque<String>,
}

/// A running child. Dropping it ends it.
pub struct Child {
    name: String,
    id: Pid,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Child {
    /// Starts it; what it writes to a piped standard error is kept for its obituary.
    pub fn start(name: &str, command: &mut Command) -> Result<Self> {
        let mut child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without an id")?;
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        if let Some(stderr) = child.stderr.take() {
            let state = Arc::clone(&state);
            thread::spawn(move || keep_words(stderr, &state.0));
        }
        let ended = Arc::clone(&state);
        thread::spawn(move || {
            let status = child.wait().ok();
            hold(&ended.0).status = Some(status.unwrap_or_default());
            ended.1.notify_all();
        });
        Ok(Self { name: name.to_owned(), id, state })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id.as_raw_nonzero().get().unsigned_abs()
    }

    /// An error, with its last words, if it has ended.
    pub fn still_there(&self) -> Result<()> {
        let state = hold(&self.state.0);
        if let Some(status) = state.status {
            let words: Vec<&str> = state.words.iter().map(String::as_str).collect();
            bail!("{} has ended ({status}):\n{}", self.name, words.join("\n"));
        }
        Ok(())
    }

    /// Waits until it ends by itself.
    pub async fn wait(&self) -> ExitStatus {
        loop {
            if let Some(status) = hold(&self.state.0).status {
                return status;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until `ready` gives a value; the child must not end before.
    pub async fn until<T>(&self, limit: Duration, mut ready: impl FnMut() -> Option<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            self.still_there()?;
            if start.elapsed() > limit {
                bail!("{} was not ready within {} s", self.name, limit.as_secs());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks it to end and waits; insists after a while.
    pub fn stop(&self) -> Result<()> {
        for signal in [Signal::TERM, Signal::KILL] {
            if hold(&self.state.0).status.is_some() {
                return Ok(());
            }
            // It may end between our look and the signal; then the wait below sees it.
            let _ = kill_process(self.id, signal);
            let (state, changed) = &*self.state;
            let waited = changed.wait_timeout_while(hold(state), STOP_LIMIT, |state| state.status.is_none());
            if waited.unwrap_or_else(PoisonError::into_inner).0.status.is_some() {
                return if signal == Signal::TERM { Ok(()) } else { self.had_to_be_killed() };
            }
        }
        bail!("{} (process {}) does not end", self.name, self.id())
    }

    fn had_to_be_killed(&self) -> Result<()> {
        bail!("{} did not end within {} s of being asked to", self.name, STOP_LIMIT.as_secs())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // We are leaving, perhaps by an error that says more.
        let _ = self.stop();
    }
}

fn hold(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep_words(stderr: impl Read, state: &Mutex<State>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let words = &mut hold(state).words;
        if words.len() == LINES_KEPT {
            words.pop_front();
        }
        words.push_back(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_ends_with_its_guard() {
        let child = Child::start("sleep", Command::new("sleep").arg("1000")).expect("sleep starts");
        child.still_there().expect("it sleeps");
        let state = Arc::clone(&child.state);
        drop(child);
        assert!(hold(&state.0).status.is_some_and(|status| !status.success()));
    }
}
