//! One child at a time, with our own clean-up certain: signals become events.
//!
//! While a private server runs, an interrupt must not end this process before the server is
//! stopped and its folder is gone. Ctrl-C reaches the child from the terminal by itself, so it
//! is given time to end; a termination is passed on at once.

use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cargo;

/// How long a child that was interrupted may take before the next, harder signal.
const PATIENCE: Duration = Duration::from_secs(15);

/// How a supervised command came to its end.
#[derive(Debug)]
pub enum Outcome {
    /// By itself.
    Ended(ExitStatus),
    /// We were asked to stop; the child is gone too.
    Interrupted(i32),
}

impl Outcome {
    /// The exit status to leave with: the child's own, or 128 and the signal as shells have it.
    pub fn code(&self) -> u8 {
        use std::os::unix::process::ExitStatusExt;
        match self {
            Self::Ended(status) => {
                let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
                code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
            }
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(1),
        }
    }
}

enum Event {
    Signal(i32),
    Ended(std::io::Result<ExitStatus>),
}

/// Takes over SIGINT, SIGTERM and SIGHUP from its making until the process ends.
pub struct Supervisor {
    sender: Sender<Event>,
    events: Receiver<Event>,
}

impl Supervisor {
    /// From here on a signal is an event, also between two commands.
    pub fn new() -> Result<Self> {
        let (sender, events) = channel();
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot listen to signals")?;
        let to_us = sender.clone();
        thread::spawn(move || {
            for signal in signals.forever() {
                if to_us.send(Event::Signal(signal)).is_err() {
                    return;
                }
            }
        });
        Ok(Self { sender, events })
    }

    /// Runs `command` to its end, or until we are told to stop and it has gone.
    pub fn run(&self, command: &mut Command) -> Result<Outcome> {
        let mut child = command.spawn().with_context(|| format!("cannot start {}", cargo::line(command)))?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without an id")?;
        let to_us = self.sender.clone();
        thread::spawn(move || {
            // Nobody listens any more when we are already leaving.
            let _ = to_us.send(Event::Ended(child.wait()));
        });
        self.wait(id)
    }

    fn wait(&self, child: Pid) -> Result<Outcome> {
        let mut asked_by = None;
        let mut next = Signal::TERM;
        loop {
            let event = match asked_by {
                None => self.events.recv().context("the signal thread has ended")?,
                Some(_) => match self.events.recv_timeout(PATIENCE) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => {
                        send(child, next);
                        next = Signal::KILL;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the signal thread has ended"),
                },
            };
            match event {
                Event::Ended(status) => {
                    let status = status.context("cannot wait for the command")?;
                    return Ok(asked_by.map_or(Outcome::Ended(status), Outcome::Interrupted));
                }
                // The terminal has sent the first Ctrl-C to the child as well.
                Event::Signal(SIGINT) if asked_by.is_none() => asked_by = Some(SIGINT),
                Event::Signal(signal) => {
                    send(child, Signal::TERM);
                    asked_by = asked_by.or(Some(signal));
                }
            }
        }
    }
}

fn send(child: Pid, signal: Signal) {
    // It may have ended a moment ago, and that is what we want of it.
    let _ = kill_process(child, signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(script: &str) -> Outcome {
        let supervisor = Supervisor::new().expect("signals can be listened to");
        supervisor.run(Command::new("sh").args(["-c", script])).expect("sh starts")
    }

    #[test]
    fn the_childs_exit_status_is_ours() {
        assert_eq!(ended("exit 0").code(), 0);
        assert_eq!(ended("exit 7").code(), 7);
        assert_eq!(ended("kill -KILL $$").code(), 137);
    }

    /// A termination of ours ends the child first.
    #[test]
    fn a_termination_is_passed_on() {
        let outcome = ended("trap 'exit 3' TERM; kill -TERM $PPID; while :; do :; done");
        assert!(matches!(outcome, Outcome::Interrupted(SIGTERM)), "{outcome:?}");
        assert_eq!(outcome.code(), 143);
    }
}
