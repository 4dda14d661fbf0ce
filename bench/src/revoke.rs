//! The workload "revoke": how soon open sessions hear that a right was taken back.
//!
//! Two hundred sessions of twenty delegates have a shared mailbox selected, by a grant to their
//! group. The grant is taken back over REST; the clock starts when that has answered. Half of
//! the sessions wait in IDLE and must hear BYE; the other half send a command then, which must
//! fail. Nobody may be served after the answer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::imap::Imap;
use crate::servers::{Postern, RECIPIENT, Tools};
use crate::spread::share;

const PEOPLE: usize = 20;
const SESSIONS: usize = 200;
/// Passwords cost time by design; who signs in here waits for a turn.
const SIGN_INS_AT_ONCE: usize = 2;
const PASSWORD: &str = "correct horse battery staple";
const TEAM: &str = "team@example.org";
/// The floor: the slowest hundredth of the sessions has heard by then.
const FLOOR_MS: f64 = 1000.0;

/// What sessions in IDLE, and those that sent a command, waited in all rounds; ascending.
struct Heard {
    idle: Vec<Duration>,
    command: Vec<Duration>,
}

/// Runs so many rounds on one engine; answers the document and whether the floor was met.
pub async fn run(tools: &Tools<'_>, folder: &Path, on_postgres: bool, rounds: u32) -> Result<(Value, bool)> {
    let engine = if on_postgres { "postern-postgres" } else { "postern-sqlite" };
    let folder = folder.join(format!("revoke-{engine}"));
    std::fs::create_dir(&folder)?;
    let server = Postern::start(tools, &folder, on_postgres).await?;
    let members: Vec<String> = (0..PEOPLE).map(|number| format!("person{number}@example.org")).collect();
    for member in &members {
        server.add_person(member, PASSWORD)?;
    }
    let mut words = vec!["group", "add", TEAM];
    members.iter().for_each(|member| words.extend(["--member", member]));
    server.say(&words)?;
    let mut heard = Heard { idle: Vec::new(), command: Vec::new() };
    for _ in 0..rounds {
        round(&server, &members, &mut heard).await?;
    }
    heard.idle.sort_unstable();
    heard.command.sort_unstable();
    let figures = |waits: &[Duration]| (share(waits, 0.5), share(waits, 0.99), share(waits, 1.0));
    let (idle, command) = (figures(&heard.idle), figures(&heard.command));
    let met = idle.1 < FLOOR_MS && command.1 < FLOOR_MS;
    let word = if met { "met" } else { "MISSED" };
    println!("revoke: {engine}, {SESSIONS} sessions, {rounds} rounds; ms from the revoke's answer, p50 / p99 / most");
    println!("  BYE in IDLE         {:.1} / {:.1} / {:.1}", idle.0, idle.1, idle.2);
    println!("  next command fails  {:.1} / {:.1} / {:.1}", command.0, command.1, command.2);
    println!("  floor: p99 under {FLOOR_MS:.0} ms: {word}\n");
    let document = json!({
        "workload": "revoke", "server": engine, "sessions": SESSIONS, "rounds": rounds,
        "idle_ms": [idle.0, idle.1, idle.2], "command_ms": [command.0, command.1, command.2], "met": met,
    });
    Ok((document, met))
}

async fn round(server: &Postern, members: &[String], heard: &mut Heard) -> Result<()> {
    let socket = server.admin_socket();
    let grant = format!("/api/v1/shared/{RECIPIENT}/delegates/{TEAM}");
    rest(&socket, "PUT", &grant, "{}").await?;
    let (answered, wait) = watch::channel(None);
    let (ready, mut readies) = tokio::sync::mpsc::channel(SESSIONS);
    let mut sessions = JoinSet::new();
    let doors = Arc::new(Semaphore::new(SIGN_INS_AT_ONCE));
    for number in 0..SESSIONS {
        let (member, address) = (members[number % members.len()].clone(), server.listener("imap")?);
        let doors = Arc::clone(&doors);
        sessions.spawn(session(address, member, number % 2 == 0, doors, ready.clone(), wait.clone()));
    }
    drop(ready);
    let mut open = 0;
    // It ends early where a session failed, whose own error says more.
    while open < SESSIONS && readies.recv().await.is_some() {
        open += 1;
    }
    if open == SESSIONS {
        rest(&socket, "DELETE", &grant, "").await?;
        answered.send_replace(Some(Instant::now()));
    } else {
        // The others hear that there is nothing to wait for.
        drop(answered);
    }
    while let Some(done) = sessions.join_next().await {
        let (in_idle, waited) = done.context("a session's task failed")??;
        if in_idle { &mut heard.idle } else { &mut heard.command }.push(waited);
    }
    Ok(())
}

/// One session from its sign-in to the notice; answers whether it waited in IDLE, and how long
/// after the revoke had answered it heard.
async fn session(
    address: SocketAddr,
    member: String,
    in_idle: bool,
    doors: Arc<Semaphore>,
    ready: tokio::sync::mpsc::Sender<()>,
    mut answered: watch::Receiver<Option<Instant>>,
) -> Result<(bool, Duration)> {
    let door = doors.acquire().await?;
    let mut imap = Imap::sign_in(address, &member, PASSWORD).await?;
    drop(door);
    imap.ok(&format!("SELECT Shared/{RECIPIENT}/INBOX")).await?;
    if in_idle {
        imap.idle().await?;
    }
    ready.send(()).await.context("nobody counts the sessions")?;
    drop(ready);
    if in_idle {
        imap.until("* BYE").await?;
    }
    let told = Instant::now();
    let start = *answered.wait_for(Option::is_some).await.context("nothing was taken back")?;
    let start = start.context("nothing was taken back")?;
    if in_idle {
        // Who hears of it before the operator does waited for nothing.
        return Ok((true, told.saturating_duration_since(start)));
    }
    let (_, status) = imap.command("NOOP").await?;
    if !status.starts_with("NO [NONEXISTENT]") {
        bail!("a command was served after the revoke had answered: {status}");
    }
    Ok((false, start.elapsed()))
}

/// One request to the operator's socket; it must succeed.
async fn rest(socket: &PathBuf, method: &str, path: &str, body: &str) -> Result<()> {
    let mut stream = UnixStream::connect(socket).await.context("no answer at the operator's socket")?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 200") {
        bail!("{method} {path}: {answer}");
    }
    Ok(())
}
