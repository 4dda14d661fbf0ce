//! A real house on SQLite and scripted clients over pipes: sessions without a server.

// Each test binary uses its part of it.
#![allow(dead_code)]

use base64::Engine as _;
use postern_access::PlaintextSignIn;
use postern_app::wire::{Shutdown, Wire};
use postern_app::{
    Attempt, Caller, Encode, FetchNeeds, FetchWanted, Founder, GrantReach, GrantTerms, House, HouseOptions, KeyRing,
    Locator, NoVault, Peer,
};
use postern_store::{BlobOptions, Blobs, DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
use postern_types::{Address, DisplayName, Domain, Limits, MailboxName, Rights, Secret, SendRights, Timestamp, Uid};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const PASSWORD: &str = "a door in the garden wall";
/// When the house opens: 2026-11-22T21:00:00Z.
pub const OPENED: Timestamp = Timestamp(1_795_381_200_000);

/// One end of a pipe as a session sees it. To put it under TLS is to say so.
pub struct Pipe {
    stream: DuplexStream,
    peer: Peer,
    offers_tls: bool,
    signed_in: Arc<AtomicBool>,
}

impl Pipe {
    fn new(door: Door) -> (Self, DuplexStream) {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (from, encrypted, offers_tls) = match door {
            Door::Lmtp => ([127, 0, 0, 1], false, false),
            Door::Submissions => ([192, 0, 2, 7], true, false),
            Door::Submission => ([192, 0, 2, 7], false, true),
            Door::Mx(from) => (from, false, true),
        };
        let peer = Peer { address: Some(IpAddr::from(from)), encrypted };
        (Self { stream: near, peer, offers_tls, signed_in: Arc::default() }, far)
    }
}

impl Wire for Pipe {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
        // As a socket does: what was sent at once comes at once.
        buffer.reserve(64 << 10);
        self.stream.read_buf(buffer).await
    }
    async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }
    fn peer(&self) -> &Peer {
        &self.peer
    }
    fn signed_in(&mut self) {
        self.signed_in.store(true, Ordering::SeqCst);
    }
    fn offers_tls(&self) -> bool {
        self.offers_tls
    }
    async fn start_tls(&mut self) -> std::io::Result<()> {
        self.peer.encrypted = true;
        Ok(())
    }
}

/// Which of the three sessions, and how the client comes to it.
#[derive(Clone, Copy)]
pub enum Door {
    Lmtp,
    /// 465: under TLS from the start.
    Submissions,
    /// 587: in clear, with STARTTLS.
    Submission,
    /// 25, from this address.
    Mx([u8; 4]),
}

pub const MX: Door = Door::Mx([198, 51, 100, 7]);

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The response of PLAIN for someone of ours.
pub fn plain(name: &str, password: &str) -> String {
    base64(&format!("\0{name}@example.org\0{password}"))
}

/// A house with Alice, Bob and Carol, and the shared mailbox support@ (Alice may do all).
pub struct Scene {
    pub house: Arc<House>,
    pub operator: Caller,
    pub clock: Arc<ManualClock>,
    pub drain: watch::Sender<bool>,
    shutdown: Shutdown,
    _folder: TempDir,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut limits = Limits { failure_deadline_ms: 1, ..Limits::default() };
        change(&mut limits);
        let (disk, clock) = (Arc::new(RealDisk), Arc::new(ManualClock::new(OPENED)));
        let db = Db::open(DbOptions::new(folder.path(), DatabaseUrl::Sqlite), disk.clone(), clock.clone()).unwrap();
        let blobs = Blobs::in_folder(&folder.path().join("blobs"), &BlobOptions::new([7; 32], &limits), disk);
        let house = House::open(HouseOptions {
            db,
            blobs,
            keys: KeyRing::new(Arc::new(NoVault), vec![("credential-1".to_owned(), Secret::new([7; 32]))]),
            limits,
            hostname: "mail.example.org".into(),
            plaintext_sign_in: PlaintextSignIn::Never,
            password_places: 2,
            exempt_loopback: true,
            node: 1,
        })
        .unwrap();
        let operator = house.operator(0).unwrap();
        let founder = Founder {
            domain: Domain::parse("example.org").unwrap(),
            admin: address("admin@example.org"),
            password: Secret::new(PASSWORD),
        };
        house.found(&operator, founder).await.unwrap();
        for name in ["alice", "bob", "carol"] {
            let person = address(&format!("{name}@example.org"));
            let display = DisplayName::parse(name).unwrap();
            house.add_person(&operator, &person, &display, Some(Secret::new(PASSWORD))).await.unwrap();
        }
        let support = address("support@example.org");
        house.add_shared(&operator, &support, &DisplayName::default(), &[], &[]).await.unwrap();
        let terms = GrantTerms {
            reach: GrantReach::Account,
            rights: Rights::parse("lrswipkxte").unwrap(),
            send: SendRights::NONE,
            automap: true,
            not_after: None,
        };
        house.give(&operator, &support, &address("alice@example.org"), terms).await.unwrap();
        let (drain, shutdown) = Shutdown::new();
        Self { house, operator, clock, drain, shutdown, _folder: folder }
    }

    pub async fn suspend(&self, name: &str) {
        let person = address(&format!("{name}@example.org"));
        self.house.suspend_person(&self.operator, &person, true).await.unwrap();
    }

    /// A connection that has read its greeting.
    pub async fn connect(&self, door: Door) -> Client {
        let (pipe, stream) = Pipe::new(door);
        let signed_in = Arc::clone(&pipe.signed_in);
        let (house, shutdown) = (Arc::clone(&self.house), self.shutdown.clone());
        let served = match door {
            Door::Lmtp => tokio::spawn(postern_smtp::serve_lmtp(house, pipe, shutdown)),
            Door::Submissions | Door::Submission => tokio::spawn(postern_smtp::serve_submission(house, pipe, shutdown)),
            Door::Mx(_) => tokio::spawn(postern_smtp::serve_smtp(house, pipe, shutdown)),
        };
        let mut client = Client { stream, buffer: Vec::new(), at: 0, signed_in, served };
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220 mail.example.org "), "{greeting}");
        client
    }

    /// Bytes of a session's future: what it costs while it waits.
    pub fn future_bytes(&self) -> [usize; 3] {
        let (house, pipe, shutdown) = (|| Arc::clone(&self.house), |door| Pipe::new(door).0, || self.shutdown.clone());
        [
            size_of_val(&postern_smtp::serve_lmtp(house(), pipe(Door::Lmtp), shutdown())),
            size_of_val(&postern_smtp::serve_submission(house(), pipe(Door::Submission), shutdown())),
            size_of_val(&postern_smtp::serve_smtp(house(), pipe(MX), shutdown())),
        ]
    }

    /// A connection of another server that has said EHLO.
    pub async fn mx(&self) -> Client {
        let mut client = self.connect(MX).await;
        client.begins("EHLO mx.example.net", "250-").await;
        client
    }

    /// A connection on which someone has signed in.
    pub async fn client(&self, name: &str) -> Client {
        let mut client = self.connect(Door::Submissions).await;
        client.begins("EHLO laptop.example.net", "250-").await;
        client.begins(&format!("AUTH PLAIN {}", plain(name, PASSWORD)), "235 2.7.0 ").await;
        client
    }

    /// The messages in someone's INBOX, oldest first, as they came.
    pub async fn inbox(&self, name: &str) -> Vec<String> {
        let attempt = Attempt {
            username: format!("{name}@example.org"),
            secret: Secret::new(PASSWORD),
            peer: Peer { address: None, encrypted: true },
            protocol: "imap",
            mechanism: "LOGIN",
        };
        let session = self.house.sign_in(attempt).await.unwrap();
        let at = Locator::own(MailboxName::parse("INBOX").unwrap());
        let opened = self.house.open_mailbox(&session, &at, true, true).await.unwrap();
        let uids: Arc<[Uid]> = opened.snapshot.iter().flat_map(|snapshot| snapshot.uids(0..usize::MAX)).collect();
        let found = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&found);
        let encode: Arc<Encode> = Arc::new(move |message, _| {
            keep.lock().unwrap().push(String::from_utf8_lossy(&message.content.whole()?).into_owned());
            Ok(Vec::new())
        });
        let needs = FetchNeeds { raw: true, formatted: true };
        let wanted = FetchWanted { mailbox: opened.mailbox, uids, needs, encode };
        let mut done = 0;
        while done < wanted.uids.len() {
            done = self.house.fetch(&session, &wanted, done).await.unwrap().done;
        }
        std::mem::take(&mut *found.lock().unwrap())
    }
}

/// The far end of a connection.
pub struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
    at: usize,
    signed_in: Arc<AtomicBool>,
    served: JoinHandle<()>,
}

impl Client {
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// One line without its line end; `None` when the connection is closed.
    pub async fn line(&mut self) -> Option<String> {
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&rest[..end]).into_owned();
                self.at += end + 2;
                return Some(line);
            }
            self.buffer.drain(..std::mem::take(&mut self.at));
            let read = tokio::time::timeout(Duration::from_secs(30), self.stream.read_buf(&mut self.buffer));
            if read.await.expect("nothing comes").unwrap_or(0) == 0 {
                assert!(self.buffer.is_empty(), "half a line");
                return None;
            }
        }
    }

    /// One reply, its lines joined by line feeds.
    pub async fn reply(&mut self) -> String {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line().await else { panic!("closed after {lines:?}") };
            let is_last = line.as_bytes().get(3) == Some(&b' ');
            lines.push(line);
            if is_last {
                return lines.join("\n");
            }
        }
    }

    /// Sends a line and reads its reply.
    pub async fn command(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n")).await;
        self.reply().await
    }

    /// The same; the reply begins so.
    #[track_caller]
    pub fn begins<'a>(&'a mut self, line: &'a str, start: &'a str) -> impl Future<Output = String> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let reply = self.command(line).await;
            assert!(reply.starts_with(start), "at {caller}: {line}: expected {start}, got {reply}");
            reply
        }
    }

    /// Sends bytes; the next replies begin so, one after the other.
    #[track_caller]
    pub fn answers<'a>(
        &'a mut self,
        bytes: impl AsRef<[u8]> + 'a,
        starts: &'a [&'a str],
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            self.send(bytes).await;
            for (number, start) in starts.iter().enumerate() {
                let reply = self.reply().await;
                assert!(reply.starts_with(start), "at {caller}: reply {number}: expected {start}, got {reply}");
            }
        }
    }

    /// Every line until the connection is closed.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        (&mut self.served).await.unwrap();
        lines
    }

    /// The connection no longer counts among strangers.
    pub fn is_known(&self) -> bool {
        self.signed_in.load(Ordering::SeqCst)
    }
}

pub const MAIL: &str =
    "From: Sender <sender@example.net>\r\nTo: alice@example.org\r\nSubject: A leak\r\n\r\nWater.\r\n";
