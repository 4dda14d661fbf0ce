//! One PostgreSQL server on a folder of its own, stopped and removed with its guard.
//!
//! The server is our direct child, so it is stopped by its own id and no other can be hit. Its
//! log comes through a pipe: the line that says it is ready is waited for, and its last lines
//! are shown when it ends unasked.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Durability;
use super::binaries::Binaries;

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// Another process may take the free port between our finding it and the server's binding it.
const ATTEMPTS: u32 = 5;
const LOG_LINES_KEPT: usize = 40;
/// Room for `/.s.PGSQL.NNNNN.lock` within the 107 bytes of a socket's path.
const LONGEST_SOCKET_FOLDER: usize = 85;

enum Event {
    Ready,
    Ended(std::io::Result<ExitStatus>),
}

type Log = Arc<Mutex<VecDeque<String>>>;

/// A running server. Dropping it, also by a panic, stops the server and removes its folder.
pub struct PrivatePostgres {
    port: u16,
    server: Pid,
    events: Receiver<Event>,
    log: Log,
    running: bool,
    /// Removed after the server is gone: fields are dropped after `Drop::drop`.
    folder: TempDir,
}

impl PrivatePostgres {
    /// Makes a database cluster and starts a server on it, on loopback and a unix socket.
    pub fn start(durability: Durability) -> Result<Self> {
        let binaries = Binaries::find()?;
        let folder = tempfile::Builder::new().prefix("postern-postgres-").tempdir()?;
        if folder.path().as_os_str().len() > LONGEST_SOCKET_FOLDER {
            bail!("TMPDIR is too long for a unix socket; try again with TMPDIR=/tmp");
        }
        binaries.give(folder.path())?;
        initialise(&binaries, folder.path())?;
        let mut attempt = 1;
        loop {
            match launch(&binaries, folder.path(), durability)? {
                Launched::Running { port, server, events, log } => {
                    return Ok(Self { port, server, events, log, running: true, folder });
                }
                Launched::PortTaken if attempt < ATTEMPTS => attempt += 1,
                Launched::PortTaken => bail!("PostgreSQL found no free port in {ATTEMPTS} attempts"),
            }
        }
    }

    /// What `POSTERN_TEST_POSTGRES` is set to. The superuser needs no password on loopback.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops the server; an error if it had already ended by itself, with its last words.
    pub fn stop(mut self) -> Result<()> {
        if let Ok(Event::Ended(status)) = self.events.try_recv() {
            self.running = false;
            bail!("PostgreSQL ended before its time ({}):\n{}", said(status), tail(&self.log));
        }
        self.shut_down()
    }

    /// Asks for a fast shutdown (clients are cut, nothing is torn), then insists.
    fn shut_down(&mut self) -> Result<()> {
        for signal in [Signal::INT, Signal::QUIT, Signal::KILL] {
            // It may be gone already; then its end is waiting for us below.
            let _ = kill_process(self.server, signal);
            match self.events.recv_timeout(STOP_LIMIT) {
                Ok(Event::Ended(_)) | Err(RecvTimeoutError::Disconnected) => {
                    self.running = false;
                    return Ok(());
                }
                Ok(Event::Ready) | Err(RecvTimeoutError::Timeout) => {}
            }
        }
        bail!(
            "PostgreSQL (process {}) does not end; end it, then remove {}",
            self.server.as_raw_nonzero(),
            self.folder.path().display()
        )
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if self.running
            && let Err(error) = self.shut_down()
        {
            eprintln!("xtask: {error:#}");
        }
    }
}

fn initialise(binaries: &Binaries, folder: &Path) -> Result<()> {
    let mut command = binaries.command("initdb", folder);
    // The C locale orders text by bytes, as SQLite does.
    command.args(["--pgdata", "data", "--username", "postgres", "--auth", "trust"]);
    command.args(["--encoding", "UTF8", "--locale", "C", "--no-sync"]);
    let output = command.stdin(Stdio::null()).output().context("cannot start setpriv (Debian package util-linux)")?;
    if !output.status.success() {
        bail!("initdb failed in {}:\n{}", folder.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

enum Launched {
    Running { port: u16, server: Pid, events: Receiver<Event>, log: Log },
    PortTaken,
}

fn launch(binaries: &Binaries, folder: &Path, durability: Durability) -> Result<Launched> {
    let port = free_port()?;
    let mut command = server_command(binaries, folder, port, durability);
    let mut child = command.spawn().context("cannot start setpriv (Debian package util-linux)")?;
    let server = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without an id")?;
    let log: Log = Arc::default();
    let (sender, events) = channel();
    let stderr = child.stderr.take().context("the server's log was not piped")?;
    let reader = follow(stderr, log.clone(), sender.clone());
    thread::spawn(move || {
        let status = child.wait();
        // Its last lines are read before its end is told.
        let _ = reader.join();
        let _ = sender.send(Event::Ended(status));
    });
    match events.recv_timeout(START_LIMIT) {
        Ok(Event::Ready) => Ok(Launched::Running { port, server, events, log }),
        Ok(Event::Ended(_)) if tail(&log).contains("Address already in use") => Ok(Launched::PortTaken),
        Ok(Event::Ended(status)) => bail!("PostgreSQL did not start ({}):\n{}", said(status), tail(&log)),
        Err(_) => {
            let _ = kill_process(server, Signal::KILL);
            bail!("PostgreSQL was not ready within {} s:\n{}", START_LIMIT.as_secs(), tail(&log))
        }
    }
}

fn server_command(binaries: &Binaries, folder: &Path, port: u16, durability: Durability) -> Command {
    let mut command = binaries.command("postgres", folder);
    command.args(["-D", "data", "-h", "127.0.0.1", "-p", &port.to_string(), "-k"]).arg(folder);
    command.args(["-c", "max_connections=300", "-c", "shared_buffers=128MB", "-c", "lc_messages=C"]);
    if durability == Durability::Volatile {
        command.args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Ctrl-C is for the command; the server is stopped by us, after it.
    command.process_group(0);
    command
}

/// Keeps the last lines of the server's log and says when it is ready.
fn follow(stderr: ChildStderr, log: Log, sender: Sender<Event>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if line.contains("database system is ready to accept connections") {
                let _ = sender.send(Event::Ready);
            }
            let mut kept = log.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == LOG_LINES_KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
        }
    })
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

fn tail(log: &Log) -> String {
    let lines = log.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

fn said(status: std::io::Result<ExitStatus>) -> String {
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Tests with a database fail without PostgreSQL, unless only SQLite was asked for.
    fn sqlite_only() -> bool {
        let only = std::env::var("POSTERN_TEST_ENGINES").is_ok_and(|engines| engines == "sqlite");
        if only {
            eprintln!("skipped: POSTERN_TEST_ENGINES=sqlite");
        }
        only
    }

    fn answers(port: u16) -> bool {
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
    }

    /// A panic of the chore leaves no server and no folder behind.
    #[test]
    fn the_server_goes_with_its_guard() {
        if sqlite_only() {
            return;
        }
        let server = PrivatePostgres::start(Durability::Volatile).expect("PostgreSQL starts");
        let (port, folder) = (server.port, server.folder.path().to_owned());
        assert!(answers(port) && folder.exists());

        let result = catch_unwind(AssertUnwindSafe(move || {
            let _guard = server;
            panic!("as a failing chore does");
        }));

        assert!(result.is_err());
        assert!(!answers(port), "the server still listens");
        assert!(!folder.exists(), "its folder is still there");
    }
}
