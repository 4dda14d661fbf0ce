//! kill -9, twenty times: what was answered is there when the server is back.
//!
//! Several connections deliver by LMTP and append by IMAP without a pause; the process is
//! killed in the middle of it, once a random number of answers has come. docs/design.md law 3:
//! no 250 (RFC 5321 section 4.2.5) and no OK (RFC 9051 section 6.3.12) before the commit.

use crate::process::{self, PASSWORD, Serving};
use postern_testkit::power::Random;
use postern_testkit::{Engine, ImapClient, TestDatabase, stuffed};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

const PEOPLE: [&str; 2] = ["alice@example.org", "bob@example.org"];
const LMTP_CONNECTIONS: usize = 4;

/// A connection to a server that may be killed at any moment: all it can do is fail.
struct Line(BufReader<TcpStream>);

impl Line {
    async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(bytes).await
    }

    /// One whole line. Half a line is no answer.
    async fn read(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Reads until a line begins with `start`.
    async fn until(&mut self, start: &str) -> io::Result<String> {
        loop {
            let line = self.read().await?;
            if line.starts_with(start) {
                return Ok(line);
            }
        }
    }

    async fn ask(&mut self, line: &str, start: &str) -> io::Result<String> {
        self.send(line.as_bytes()).await?;
        self.until(start).await
    }
}

/// What the server answered for, by mailbox owner: the letter, and its UID where told.
#[derive(Default)]
struct Promises {
    letters: Mutex<BTreeMap<String, Promise>>,
    count: watch::Sender<usize>,
}

struct Promise {
    owner: &'static str,
    letter: Vec<u8>,
    uid: Option<u32>,
}

impl Promises {
    fn add(&self, mark: &str, promise: Promise) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).insert(mark.to_owned(), promise);
        self.count.send_modify(|count| *count += 1);
    }
}

/// A letter whose first line is its mark. A few are too large to lie beside the rows.
fn letter(mark: &str, random: &mut Random) -> Vec<u8> {
    let lines = if random.percent(10) { random.between(2500, 4000) } else { random.below(60) };
    let mut text = format!("Subject: {mark}\r\nMessage-ID: <{mark}@example.net>\r\n\r\n");
    for _ in 0..lines {
        // Twelve letters of 64: no compression makes such a body small.
        let line: String = (0..7).map(|_| encoded(random.number())).collect();
        text.push_str(&line);
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn encoded(mut bits: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(10);
    for _ in 0..10 {
        text.push(char::from(LETTERS[(bits & 63) as usize]));
        bits >>= 6;
    }
    text
}

/// Delivers until the server is gone.
async fn deliver(address: SocketAddr, promises: Arc<Promises>, name: String, mut random: Random) -> io::Result<()> {
    let mut line = Line::connect(address).await?;
    line.until("220").await?;
    line.ask("LHLO client.example.org\r\n", "250 ").await?;
    for number in 0.. {
        let mark = format!("{name}-{number}");
        let (owner, letter) = (*random.pick(&PEOPLE), letter(&mark, &mut random));
        line.ask("MAIL FROM:<sender@example.net>\r\n", "250").await?;
        line.ask(&format!("RCPT TO:<{owner}>\r\n"), "250").await?;
        line.ask("DATA\r\n", "354").await?;
        line.send(&stuffed(&letter)).await?;
        line.until("250").await?;
        promises.add(&mark, Promise { owner, letter, uid: None });
    }
    Ok(())
}

/// Appends to Alice's INBOX until the server is gone.
async fn append(address: SocketAddr, promises: Arc<Promises>, name: String, mut random: Random) -> io::Result<()> {
    let mut line = Line::connect(address).await?;
    line.until("* OK").await?;
    line.ask(&format!("a LOGIN {} \"{PASSWORD}\"\r\n", PEOPLE[0]), "a OK").await?;
    for number in 0.. {
        let mark = format!("{name}-{number}");
        let letter = letter(&mark, &mut random);
        line.ask(&format!("b APPEND INBOX {{{}}}\r\n", letter.len()), "+").await?;
        line.send(&letter).await?;
        let answer = line.ask("\r\n", "b ").await?;
        // b OK [APPENDUID 1 5] ... (RFC 4315 section 3)
        let uid = answer.split(['[', ']']).nth(1).and_then(|code| code.rsplit(' ').next()?.parse().ok());
        assert!(answer.starts_with("b OK") && uid.is_some(), "{answer}");
        promises.add(&mark, Promise { owner: PEOPLE[0], letter, uid });
    }
    Ok(())
}

/// Every message of a person's INBOX: UID and bytes.
async fn read(address: SocketAddr, owner: &str) -> BTreeMap<u32, Vec<u8>> {
    let stream = TcpStream::connect(address).await.expect("the IMAP listener answers");
    let mut imap = ImapClient::start(stream, owner).await;
    imap.login(owner, PASSWORD).await;
    imap.ok("EXAMINE INBOX", "").await;
    let answer = imap.ok("UID FETCH 1:* (UID BODY.PEEK[])", "").await;
    let messages = answer.untagged.iter().filter_map(|response| {
        let head = response.windows(3).position(|window| window == b"}\r\n")?;
        let text = std::str::from_utf8(&response[..head]).ok()?;
        let number = |after: &str| text.split(after).nth(1)?.split([' ', ')']).next()?.parse::<u32>().ok();
        let (uid, size) = (number("UID ")?, text.rsplit('{').next()?.parse::<usize>().ok()?);
        Some((uid, response.get(head + 3..head + 3 + size)?.to_vec()))
    });
    messages.collect()
}

/// The mark of a message: the rest of its Subject line.
fn mark_of(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(&message[..message.len().min(2000)]).into_owned();
    let mark = text.lines().find_map(|line| line.strip_prefix("Subject: "));
    mark.unwrap_or_else(|| panic!("nobody sent this:\n{text}")).to_owned()
}

/// Compares what is there with what was answered for, and with what was there before: a
/// UID that was seen once never names another message (RFC 9051 section 2.3.1.1).
async fn check(serving: &Serving, promises: &Promises, seen: &mut BTreeMap<(&'static str, u32), String>) {
    let mut there: BTreeMap<(&str, String), (u32, Vec<u8>)> = BTreeMap::new();
    for owner in PEOPLE {
        for (uid, message) in read(serving.listener("imap"), owner).await {
            let mark = mark_of(&message);
            if let Some(earlier) = seen.insert((owner, uid), mark.clone()) {
                assert_eq!(earlier, mark, "{owner}: UID {uid} names another message now");
            }
            let twice = there.insert((owner, mark.clone()), (uid, message));
            assert!(twice.is_none(), "{owner}: {mark} is there twice");
        }
    }
    for (owner, uid) in seen.keys() {
        let is_there = there.iter().any(|((other, _), (now, _))| owner == other && uid == now);
        assert!(is_there, "{owner}: UID {uid} was seen before and is lost");
    }
    for (mark, promise) in promises.letters.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let found = there.get(&(promise.owner, mark.clone()));
        let (uid, message) = found.unwrap_or_else(|| panic!("{}: {mark} was acknowledged and is lost", promise.owner));
        assert!(message.ends_with(&promise.letter), "{}: {mark} is torn", promise.owner);
        if let Some(promised) = promise.uid {
            assert_eq!(promised, *uid, "{}: {mark} has another UID", promise.owner);
            assert_eq!(message.len(), promise.letter.len(), "{}: {mark} is changed", promise.owner);
        }
    }
}

/// One life: work on all connections, and the kill when enough answers have come.
async fn live(serving: Serving, round: usize, promises: &Arc<Promises>, random: &mut Random) {
    let (lmtp, imap) = (serving.listener("lmtp"), serving.listener("imap"));
    let mut work = tokio::task::JoinSet::new();
    for connection in 0..LMTP_CONNECTIONS {
        work.spawn(deliver(lmtp, Arc::clone(promises), format!("r{round}l{connection}"), random.split()));
    }
    work.spawn(append(imap, Arc::clone(promises), format!("r{round}i"), random.split()));
    let mut count = promises.count.subscribe();
    let enough = *count.borrow() + random.between(1, 40);
    tokio::select! {
        reached = count.wait_for(|count| *count >= enough) => drop(reached.expect("the promises are held here")),
        // A connection ends only with the server; one that panicked has something to say.
        ended = work.join_next() => panic!("a connection ended before the server: {ended:?}"),
    }
    serving.kill().await;
    while let Some(ended) = work.join_next().await {
        let error = ended.expect("no connection panics").expect_err("a killed server answers no more");
        drop(error);
    }
}

async fn rounds(engine: Engine, rounds: usize) {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let folder = scratch.path().join("house");
    process::init(&folder, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let seed = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut random = Random::new(seed);
    let (promises, mut seen) = (Arc::new(Promises::default()), BTreeMap::new());
    for round in 0..rounds {
        let serving = Serving::start(&folder, &[]).await;
        if round == 0 {
            for person in PEOPLE {
                serving.person(person).await;
            }
        }
        check(&serving, &promises, &mut seen).await;
        live(serving, round, &promises, &mut random).await;
    }
    let serving = Serving::start(&folder, &[]).await;
    check(&serving, &promises, &mut seen).await;
    assert!(promises.count.borrow().ge(&rounds), "every round was answered something");
    assert!(serving.terminate().await.success(), "it drains and ends well");
}

fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story);
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_sqlite() {
    run(rounds(Engine::Sqlite, 20));
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_postgres() {
    run(rounds(Engine::Postgres, 5));
}
