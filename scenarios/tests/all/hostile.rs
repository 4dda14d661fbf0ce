//! Limits hold (docs/design.md section 9): the memory of the server's process has a bound whatever is sent to it or left
//! unread, and others are answered meanwhile.
//!
//! `POSTERN_HOSTILE=full` does it in the numbers that are promised: 20 messages of 50 MB with the memory that a house has by
//! default, and a thousand connections. Without it, it is a part of that, with as much less memory.

use crate::process::{self, Serving};
use crate::seeds;
use postern_testkit::{Engine, ImapClient, PASSWORD, TestDatabase};
use serde_json::Value;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

const ALICE: &str = "alice@example.org";
const SUPPORT: &str = "support@example.org";
const INBOX: &str = "Shared/support@example.org/INBOX";
const MIB: u64 = 1 << 20;

/// Messages that come in at once.
const APPENDS: usize = 20;
/// Of the mailbox that slow readers ask for: together more than the system keeps of a reply for a reader.
const LETTERS: usize = 64;
const LETTER_BYTES: usize = 128 << 10;
/// Who have a mailbox open of which everything changes.
const WATCHERS: usize = 50;
/// Messages in one command of the colleague.
const AT_ONCE: usize = 4_000;
/// Keywords that the colleague sets, and letters of each: together some hundred bytes for each message that is told.
const KEYWORDS: usize = 10;
const KEYWORD_LETTERS: usize = 80;

struct Size {
    connections: usize,
    message_bytes: usize,
    parsing_bytes: u64,
    /// Messages that a colleague flags.
    flagged: usize,
}

fn size() -> Size {
    match std::env::var("POSTERN_HOSTILE").as_deref() {
        Ok("full") => Size { connections: 1000, message_bytes: 50_000_000, parsing_bytes: 256 * MIB, flagged: 20_000 },
        _ => Size { connections: 100, message_bytes: 12_000_000, parsing_bytes: 64 * MIB, flagged: 5_000 },
    }
}

/// A server with a shared mailbox, Alice who works there, and a program that signs in to it.
struct Scene {
    serving: Serving,
    alice: ImapClient,
    program: Program,
    _database: TestDatabase,
    _scratch: tempfile::TempDir,
}

#[derive(Clone)]
struct Program {
    id: String,
    secret: String,
}

async fn scene(engine: Engine, size: &Size) -> Option<Scene> {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let database = TestDatabase::create(engine, scratch.path()).await?;
    let folder = scratch.path().join("house");
    process::init(&folder, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let bound = [("POSTERN_LIMITS__PARSING_BYTES", size.parsing_bytes.to_string())];
    let serving = Serving::start_with(&folder, &[], &bound).await;
    serving.person(ALICE).await;
    serving.cli(&["shared", "add", SUPPORT, "--member", ALICE], "").await;
    let connections = (size.connections + 1).to_string();
    let issue = ["credential", "issue", SUPPORT, "--purpose", "other", "--owner", ALICE, "--reason", "a flood"];
    let what = ["--not-delegation", "It is a program", "--protocols", "imap", "--rights", "lrswi", "--any-network"];
    let issued = serving.cli(&[&issue[..], &what, &["--max-connections", &connections, "--json"]].concat(), "").await;
    let issued: Value = serde_json::from_str(&issued).expect("what was issued, as JSON");
    let field = |name: &str| issued[name].as_str().unwrap_or_else(|| panic!("no {name} in {issued}")).to_owned();
    let program = Program { id: field("id"), secret: field("secret") };
    let mut alice = client(&serving).await;
    alice.login(ALICE, PASSWORD).await;
    alice.append(INBOX, "", &letter(1000)).await;
    alice.ok(&format!("SELECT {INBOX}"), "").await;
    Some(Scene { serving, alice, program, _database: database, _scratch: scratch })
}

async fn client(serving: &Serving) -> ImapClient {
    let stream = TcpStream::connect(serving.listener("imap")).await.expect("the listener answers");
    ImapClient::start(stream, "client").await
}

/// A message of about so many bytes that no compression makes much smaller.
fn letter(bytes: usize) -> Vec<u8> {
    let mut random = postern_testkit::power::Random::new(bytes as u64);
    let mut text = b"From: Customer <customer@example.net>\r\nSubject: A letter\r\n\r\n".to_vec();
    while text.len() < bytes {
        for _ in 0..4 {
            text.extend_from_slice(format!("{:016x}", random.number()).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
    }
    text
}

impl Scene {
    /// The most memory that the process ever had (`VmHWM`, proc(5)).
    fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.serving.pid())).expect("our own child");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Compares what was taken since with what may be.
    fn within(&self, what: &str, before: u64, most: u64) {
        let taken = self.peak_bytes().saturating_sub(before);
        seeds::report(&format!("{what}: {} MiB on top of {}, {} at most", taken / MIB, before / MIB, most / MIB));
        assert!(taken <= most, "{what}: {taken} bytes, {most} at most");
    }

    /// Somebody else is answered: they read, change and add.
    async fn others_are_answered(&mut self) {
        self.alice.ok("NOOP", "").await;
        self.alice.ok("FETCH 1 (FLAGS BODY.PEEK[])", "A letter").await;
        self.alice.ok("STORE 1 +FLAGS (\\Flagged)", "").await;
        let added = self.alice.append("INBOX", "", &letter(5000)).await;
        assert!(added.status.starts_with("OK"), "{}", added.status);
    }

    /// A connection of the program.
    async fn program(&self) -> ImapClient {
        let mut client = client(&self.serving).await;
        client.login(SUPPORT, &self.program.secret).await;
        client
    }

    async fn programs(&self, count: usize) -> Vec<ImapClient> {
        let mut clients = Vec::with_capacity(count);
        for _ in 0..count {
            clients.push(self.program().await);
        }
        clients
    }
}

/// Twenty large messages at once: each is taken, or refused for want of room, and taken when it comes again.
async fn large_messages(engine: Engine) {
    let size = size();
    let Some(mut scene) = scene(engine, &size).await else { return };
    let clients = scene.programs(APPENDS).await;
    let before = scene.peak_bytes();
    let message = Arc::new(letter(size.message_bytes));
    let mut work = JoinSet::new();
    for mut client in clients {
        let message = Arc::clone(&message);
        work.spawn(async move { (client.append("INBOX", "", &message).await.status, client) });
    }
    let mut refused = Vec::new();
    while let Some(done) = work.join_next().await {
        let (status, client) = done.expect("no client panics");
        if !status.starts_with("OK") {
            assert!(status.starts_with("NO [LIMIT]"), "{status}");
            refused.push(client);
        }
        scene.others_are_answered().await;
    }
    let taken = APPENDS - refused.len();
    assert!(taken > 0, "there was room for some");
    for mut client in refused {
        let status = client.append("INBOX", "", &message).await.status;
        assert!(status.starts_with("OK"), "it comes alone: {status}");
    }
    // Those that have come, as much again for what is made of them, and of each that still comes a piece; the rest is what
    // the allocator keeps.
    let most = 2 * size.parsing_bytes + APPENDS as u64 * (512 << 10) + 48 * MIB;
    scene.within(&format!("{taken} of {APPENDS} messages taken at once"), before, most);
    let counted = scene.alice.ok(&format!("STATUS {INBOX} (MESSAGES)"), "MESSAGES").await;
    assert!(counted.has(&format!("MESSAGES {}", APPENDS + 1)), "{:?}", counted.lines());
}

/// Many who announce literals that never come, or more of them than a command may have.
async fn literals(engine: Engine) {
    let size = size();
    let Some(mut scene) = scene(engine, &size).await else { return };
    let mut clients = scene.programs(size.connections).await;
    let before = scene.peak_bytes();
    let small = " SUBJECT {1+}\r\nx".repeat(10_000);
    for client in &mut clients {
        client.no(&format!("APPEND INBOX {{{}}}", 60 << 20), "[TOOBIG]").await;
        let tag = client.next_tag();
        client.send(format!("{tag} SEARCH{small}\r\n").as_bytes()).await;
        let refused = client.answer(&tag).await.status;
        assert!(refused.starts_with("BAD The line is longer than the limit"), "{refused}");
        let tag = client.next_tag();
        client.send(format!("{tag} LIST \"\" {{100000+}}\r\n{}\r\n", "x".repeat(100_000)).as_bytes()).await;
        let refused = client.answer(&tag).await.status;
        assert!(refused.starts_with("NO [TOOBIG]"), "{refused}");
        client.ok("NOOP", "").await;
    }
    scene.others_are_answered().await;
    for client in &mut clients {
        let tag = client.next_tag();
        client.send(format!("{tag} APPEND INBOX {{{}}}\r\n", 50 << 20).as_bytes()).await;
    }
    // Nothing comes of what they announced; messages of ordinary size have room of their own.
    scene.others_are_answered().await;
    for client in &mut clients {
        client.send(&vec![b'x'; 64 << 10]).await;
    }
    scene.others_are_answered().await;
    scene.within("literals", before, size.connections as u64 * (128 << 10) + 32 * MIB);
    drop(clients);
    // What they had is free again.
    let added = scene.alice.append("INBOX", "", &letter(size.message_bytes)).await;
    assert!(added.status.starts_with("OK"), "{}", added.status);
}

/// A reader that takes a byte now and then.
struct Reader(TcpStream);

impl Reader {
    /// Signs in and opens the mailbox.
    async fn open(scene: &Scene) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let stream = socket.connect(scene.serving.listener("imap")).await.expect("the listener answers");
        let mut reader = Self(stream);
        reader.until("* OK").await;
        reader.ask(&format!("a LOGIN {SUPPORT} \"{}\"\r\n", scene.program.secret), "a OK").await;
        reader.ask("b EXAMINE INBOX (CONDSTORE)\r\n", "b OK").await;
        reader
    }

    /// Asks for all that there is.
    async fn start(scene: &Scene) -> Self {
        let mut reader = Self::open(scene).await;
        reader.say(b"c FETCH 1:* BODY.PEEK[]\r\n").await;
        reader
    }

    async fn say(&mut self, line: &[u8]) {
        self.0.write_all(line).await.expect("it is there");
    }

    async fn ask(&mut self, line: &str, answer: &str) {
        self.say(line.as_bytes()).await;
        self.until(answer).await;
    }

    /// Reads up to the line that begins so, byte by byte.
    async fn until(&mut self, start: &str) {
        let mut line = Vec::new();
        loop {
            line.push(self.0.read_u8().await.unwrap_or_else(|error| panic!("{start}: {error}")));
            if line.ends_with(b"\n") {
                if line.starts_with(start.as_bytes()) {
                    return;
                }
                line.clear();
            }
        }
    }

    /// All that still comes until the server has closed.
    async fn rest(mut self) -> usize {
        let (mut bytes, mut count) = (vec![0; 64 << 10], 0);
        while let Ok(read @ 1..) = self.0.read(&mut bytes).await {
            count += read;
        }
        count
    }
}

/// Many who ask for much and hardly read: little is held for them, and taking their credential back ends them.
async fn slow_readers(engine: Engine) {
    let size = size();
    let Some(mut scene) = scene(engine, &size).await else { return };
    let letter = letter(LETTER_BYTES);
    for _ in 0..LETTERS {
        let added = scene.alice.append(INBOX, "", &letter).await;
        assert!(added.status.starts_with("OK"), "{}", added.status);
    }
    let before = scene.peak_bytes();
    let mut readers = Vec::with_capacity(size.connections);
    for _ in 0..size.connections {
        readers.push(Reader::start(&scene).await);
    }
    for _ in 0..3 {
        for reader in &mut readers {
            reader.0.read_u8().await.expect("each has its reply");
        }
        scene.others_are_answered().await;
    }
    // A chunk of the reply, which ends with the message that fills it, and what grew to hold it.
    scene.within(&format!("{} readers", size.connections), before, size.connections as u64 * (512 << 10) + 32 * MIB);
    scene.serving.cli(&["credential", "revoke", &scene.program.id], "").await;
    for reader in readers {
        let rest = reader.rest().await;
        assert!(rest < LETTERS * LETTER_BYTES, "{rest} bytes came, which is all of it");
    }
    scene.others_are_answered().await;
}

/// A colleague flags everything in a mailbox that many have open: of what each is told, little is held.
async fn everything_flagged(engine: Engine) {
    let size = size();
    let Some(mut scene) = scene(engine, &size).await else { return };
    let mut there = 1;
    while there < size.flagged {
        let more = there.min(size.flagged - there).min(AT_ONCE);
        scene.alice.ok(&format!("COPY 1:{more} {INBOX}"), "").await;
        there += more;
    }
    let mut reads = client(&scene.serving).await;
    reads.login(ALICE, PASSWORD).await;
    reads.ok(&format!("EXAMINE {INBOX} (CONDSTORE)"), "").await;
    let mut watchers = Vec::with_capacity(WATCHERS);
    for _ in 0..WATCHERS {
        watchers.push(Reader::open(&scene).await);
    }
    // The list that all of them share is read before.
    reads.ok("FETCH 1 UID", "").await;
    for watcher in &mut watchers {
        watcher.ask("c FETCH 1 UID\r\n", "c OK").await;
    }
    let keywords: Vec<String> =
        ('a'..).take(KEYWORDS).map(|letter| letter.to_string().repeat(KEYWORD_LETTERS)).collect();
    for first in (1..=size.flagged).step_by(AT_ONCE) {
        let last = size.flagged.min(first + AT_ONCE - 1);
        scene.alice.ok(&format!("STORE {first}:{last} +FLAGS.SILENT ({})", keywords.join(" ")), "").await;
    }
    let before = scene.peak_bytes();
    for watcher in &mut watchers {
        watcher.say(b"d NOOP\r\n").await;
    }
    for watcher in &mut watchers {
        watcher.0.read_u8().await.expect("each has its reply");
    }
    // A chunk and what grew to hold it, and four bytes for each message that is still to be told. What a change makes of
    // the list that all share, and the difference while it is looked for, are no more for many than for few.
    let each = (384 << 10) + 4 * size.flagged as u64;
    scene.within(
        &format!("{WATCHERS} watchers"),
        before,
        WATCHERS as u64 * each + size.flagged as u64 * 256 + 16 * MIB,
    );
    let told = reads.ok("NOOP", "").await;
    let fetches = told.lines().iter().filter(|line| line.contains(" FETCH (UID ")).count();
    assert_eq!(fetches, size.flagged, "all of it comes to who reads");
    scene.others_are_answered().await;
}

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story);
}

macro_rules! on_both {
    ($($story:ident $sqlite:ident $postgres:ident)+) => { $(
        #[test]
        fn $sqlite() {
            run($story(Engine::Sqlite));
        }

        #[test]
        fn $postgres() {
            run($story(Engine::Postgres));
        }
    )+ };
}

on_both! {
    large_messages large_messages_at_once_sqlite large_messages_at_once_postgres
    literals floods_of_literals_sqlite floods_of_literals_postgres
    slow_readers slow_readers_sqlite slow_readers_postgres
    everything_flagged everything_flagged_sqlite everything_flagged_postgres
}
