//! The workload "revoke": how soon open sessions hear that something was taken back.
//!
//! Two hundred sessions of twenty delegates have a shared mailbox selected, by a grant to their
//! group. The grant is taken back over REST; the clock starts when that has answered. Half of
//! the sessions wait in IDLE and must hear BYE; the other half send a command then, which must
//! fail. Nobody may be served after the answer.
//!
//! Then a credential is revoked that has two hundred sessions: between commands, in IDLE, and in a
//! FETCH that nobody reads. Each must see the end of its connection; what the sockets hold by
//! then is read first. And nobody may sign in with it after the answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc, watch};
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
/// A credential that may add the mail that its sessions read.
const NEW: &str = r#"{"purpose":"client","owner":"admin@example.org","holder":"admin@example.org","reason":"measured","not_delegation":"measured","any_network":true}"#;
/// The mail, asked for so often in one go: more than sockets hold for a client that reads none.
const LETTER_BYTES: usize = 1 << 20;
const FETCHES: usize = 64;
/// The floor: the slowest hundredth of the sessions has heard by then.
const FLOOR_MS: f64 = 1000.0;

/// What sessions do while something is taken back, and what they must hear then.
const DOING: [(&str, &str); 5] = [
    ("idle", "BYE in IDLE"),
    ("command", "next command fails"),
    ("ended_waiting", "end between commands"),
    ("ended_idle", "end in IDLE"),
    ("ended_fetch", "end in an unread FETCH"),
];

/// What the sessions waited in all rounds, each by its place in [`DOING`].
type Waits = [Vec<Duration>; DOING.len()];

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
    let (_, secret) = issue(&server.admin_socket()).await?;
    let mut mailbox = Imap::sign_in(server.listener("imap")?, RECIPIENT, &secret).await?;
    mailbox
        .append(
            "INBOX",
            &"A line of sixty-four bytes that fills a message, more or less.\r\n".repeat(LETTER_BYTES / 64),
        )
        .await?;
    let mut waits = Waits::default();
    for _ in 0..rounds {
        round(&server, &members, &mut waits).await?;
    }
    println!("revoke: {engine}, {SESSIONS} sessions, {rounds} rounds; ms from the answer, p50 / p99 / most");
    let mut document = json!({ "workload": "revoke", "server": engine, "sessions": SESSIONS, "rounds": rounds });
    let mut met = true;
    for ((key, text), waits) in DOING.into_iter().zip(&mut waits) {
        waits.sort_unstable();
        let [half, most_of_them, most] = [0.5, 0.99, 1.0].map(|part| share(waits, part));
        println!("  {text:<24}{half:.1} / {most_of_them:.1} / {most:.1}");
        document[format!("{key}_ms")] = json!([half, most_of_them, most]);
        met &= most_of_them < FLOOR_MS;
    }
    document["met"] = met.into();
    println!("  floor: p99 under {FLOOR_MS:.0} ms: {}\n", if met { "met" } else { "MISSED" });
    Ok((document, met))
}

async fn round(server: &Postern, members: &[String], waits: &mut Waits) -> Result<()> {
    let (socket, address) = (server.admin_socket(), server.listener("imap")?);
    let grant = format!("/api/v1/shared/{RECIPIENT}/delegates/{TEAM}");
    rest(&socket, "PUT", &grant, "{}").await?;
    let revoke = async { rest(&socket, "DELETE", &grant, "").await.map(|_| ()) };
    cut(revoke, waits, |number, turn| delegate(address, members[number % members.len()].clone(), number, turn)).await?;
    let (id, secret) = issue(&socket).await?;
    let path = format!("/api/v1/credentials/{id}/revoke");
    let revoke = async { rest(&socket, "POST", &path, "{}").await.map(|_| ()) };
    cut(revoke, waits, |number, turn| direct(address, secret.clone(), number, turn)).await?;
    match Imap::sign_in(address, RECIPIENT, &secret).await {
        Ok(_) => bail!("a revoked credential signed in"),
        Err(_) => Ok(()),
    }
}

/// A credential of the shared mailbox: its id and its secret.
async fn issue(socket: &Path) -> Result<(String, String)> {
    let issued = rest(socket, "POST", &format!("/api/v1/shared/{RECIPIENT}/credentials"), NEW).await?;
    let text = |name: &str| issued[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {issued}"));
    Ok((text("id")?, text("secret")?))
}

/// When a session signs in, that it is open, and when what it rests on has been taken back.
#[derive(Clone)]
struct Turn {
    doors: Arc<Semaphore>,
    open: mpsc::Sender<()>,
    answered: watch::Receiver<Option<Instant>>,
}

impl Turn {
    async fn sign_in(&self, address: SocketAddr, name: &str, secret: &str) -> Result<Imap> {
        let _door = self.doors.acquire().await?;
        Imap::sign_in(address, name, secret).await
    }

    async fn is_open(&self) -> Result<()> {
        self.open.send(()).await.context("nobody counts the sessions")
    }

    /// Since when it is taken back.
    async fn answered(mut self) -> Result<Instant> {
        drop(self.open);
        let start = *self.answered.wait_for(Option::is_some).await.context("nothing was taken back")?;
        start.context("nothing was taken back")
    }
}

/// Opens all sessions, takes back what they rest on, and notes how long after that each heard.
async fn cut<S>(
    take_back: impl Future<Output = Result<()>>,
    waits: &mut Waits,
    session: impl Fn(usize, Turn) -> S,
) -> Result<()>
where
    S: Future<Output = Result<(usize, Duration)>> + Send + 'static,
{
    let (answered, wait) = watch::channel(None);
    let (open, mut opened) = mpsc::channel(SESSIONS);
    let turn = Turn { doors: Arc::new(Semaphore::new(SIGN_INS_AT_ONCE)), open, answered: wait };
    let mut sessions = JoinSet::new();
    for number in 0..SESSIONS {
        sessions.spawn(session(number, turn.clone()));
    }
    drop(turn);
    let mut count = 0;
    // It ends early where a session failed, whose own error says more.
    while count < SESSIONS && opened.recv().await.is_some() {
        count += 1;
    }
    if count == SESSIONS {
        take_back.await?;
        answered.send_replace(Some(Instant::now()));
    } else {
        // The others hear that there is nothing to wait for.
        drop(answered);
    }
    while let Some(done) = sessions.join_next().await {
        let (doing, waited) = done.context("a session's task failed")??;
        waits[doing].push(waited);
    }
    Ok(())
}

/// A delegate's session from its sign-in to the notice; answers what it did, and how long after
/// the revoke had answered it heard.
async fn delegate(address: SocketAddr, member: String, number: usize, turn: Turn) -> Result<(usize, Duration)> {
    let mut imap = turn.sign_in(address, &member, PASSWORD).await?;
    imap.ok(&format!("SELECT Shared/{RECIPIENT}/INBOX")).await?;
    let doing = number % 2;
    if doing == 0 {
        imap.idle().await?;
        turn.is_open().await?;
        imap.until("* BYE").await?;
        let told = Instant::now();
        // Who hears of it before the operator does waited for nothing.
        return Ok((doing, told.saturating_duration_since(turn.answered().await?)));
    }
    turn.is_open().await?;
    let start = turn.answered().await?;
    let (_, status) = imap.command("NOOP").await?;
    if !status.starts_with("NO [NONEXISTENT]") {
        bail!("a command was served after the revoke had answered: {status}");
    }
    Ok((doing, start.elapsed()))
}

/// A session of the credential that is revoked, to the end of its connection.
async fn direct(address: SocketAddr, secret: String, number: usize, turn: Turn) -> Result<(usize, Duration)> {
    let mut imap = turn.sign_in(address, RECIPIENT, &secret).await?;
    imap.ok("SELECT INBOX").await?;
    let doing = 2 + number % 3;
    match doing {
        3 => imap.idle().await?,
        4 => imap.begin("FETCH 1 BODY.PEEK[]", FETCHES).await?,
        _ => {}
    }
    turn.is_open().await?;
    let reads_on = doing != 4;
    let (told, start) = if reads_on {
        imap.end().await?;
        (Instant::now(), turn.answered().await?)
    } else {
        let start = turn.answered().await?;
        imap.end().await?;
        (Instant::now(), start)
    };
    Ok((doing, told.saturating_duration_since(start)))
}

/// One request to the operator's socket; it must succeed. Answers the document.
async fn rest(socket: &Path, method: &str, path: &str, body: &str) -> Result<Value> {
    let mut stream = UnixStream::connect(socket).await.context("no answer at the operator's socket")?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    if !answer.starts_with("HTTP/1.1 20") {
        bail!("{method} {path}: {answer}");
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).with_context(|| format!("{method} {path}: no document"))
}
