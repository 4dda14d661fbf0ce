//! A real house on SQLite and scripted clients over pipes: sessions without a server.

// Each test binary uses its part of it.
#![allow(dead_code)]

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use postern_access::PlaintextSignIn;
use postern_app::wire::{Shutdown, Wire};
use postern_app::{Caller, Founder, GrantReach, GrantTerms, House, HouseOptions, KeyRing, NoVault, Peer};
use postern_store::{BlobOptions, Blobs, Clock, DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
use postern_types::{Address, DisplayName, Domain, Limits, Rights, Secret, SendRights, Timestamp};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const PASSWORD: &str = "a door in the garden wall";

/// One end of a pipe as a session sees it. It counts the bytes that it has taken.
pub struct Pipe {
    stream: DuplexStream,
    peer: Peer,
    taken: Arc<AtomicUsize>,
}

impl Pipe {
    pub fn new(bytes: usize) -> (Self, DuplexStream) {
        let (near, far) = tokio::io::duplex(bytes);
        let peer = Peer { address: Some([192, 0, 2, 7].into()), encrypted: true };
        (Self { stream: near, peer, taken: Arc::default() }, far)
    }
}

impl Wire for Pipe {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> std::io::Result<usize> {
        self.stream.read_buf(buffer).await
    }
    async fn write(&mut self, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            let taken = self.stream.write(bytes).await?;
            self.taken.fetch_add(taken, Ordering::SeqCst);
            bytes = &bytes[taken..];
        }
        Ok(())
    }
    fn peer(&self) -> &Peer {
        &self.peer
    }
    fn signed_in(&mut self) {}
}

fn display(name: &str) -> DisplayName {
    DisplayName::parse(name).unwrap()
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// When a scene begins.
pub const BEGINS: Timestamp = Timestamp(1_795_381_200_000);

/// A clock that is moved by hand, and counts how often it is read.
pub struct CountingClock {
    pub hands: ManualClock,
    reads: AtomicUsize,
}

impl CountingClock {
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl Clock for CountingClock {
    fn wall(&self) -> Timestamp {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.hands.wall()
    }
}

/// A house with Alice, Bob and Carol, and the shared mailboxes support@ (Alice may do all)
/// and billing@ (none of them may see it).
pub struct Scene {
    pub house: Arc<House>,
    pub operator: Caller,
    pub clock: Arc<CountingClock>,
    pub drain: watch::Sender<bool>,
    shutdown: Shutdown,
    folder: TempDir,
}

impl Scene {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let folder = TempDir::new().unwrap();
        let mut limits = Limits { failure_deadline_ms: 1, ..Limits::default() };
        change(&mut limits);
        let disk = Arc::new(RealDisk);
        let clock = Arc::new(CountingClock { hands: ManualClock::new(BEGINS), reads: AtomicUsize::new(0) });
        let options = DbOptions::new(folder.path(), DatabaseUrl::Sqlite);
        let db = Db::open(options, disk.clone(), clock.clone()).unwrap();
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
            house.add_person(&operator, &person, &display(name), Some(Secret::new(PASSWORD))).await.unwrap();
        }
        for name in ["support", "billing"] {
            let shared = address(&format!("{name}@example.org"));
            house.add_shared(&operator, &shared, &display(name), &[], &[]).await.unwrap();
        }
        let (drain, shutdown) = Shutdown::new();
        let scene = Self { house, operator, clock, drain, shutdown, folder };
        scene.give("alice", "lrswipkxte").await;
        scene
    }

    /// Texts that are kept as files are cut in their middle.
    pub fn damage_texts(&self) {
        for path in self.texts() {
            let file = std::fs::File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }
    }

    /// Texts that are kept as files can not be read, for a reason that says nothing about them.
    pub fn block_texts(&self) {
        for path in self.texts() {
            std::fs::remove_file(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
        }
    }

    /// The files of texts.
    fn texts(&self) -> Vec<PathBuf> {
        let (mut folders, mut files) = (vec![self.folder.path().join("blobs")], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => files.push(entry.path()),
                }
            }
        }
        files
    }

    /// Texts that are kept as files are lost.
    pub fn lose_texts(&self) {
        let blobs = self.folder.path().join("blobs");
        std::fs::remove_dir_all(&blobs).unwrap();
        std::fs::create_dir(&blobs).unwrap();
    }

    /// Letters on all of support@.
    pub async fn give(&self, name: &str, letters: &str) {
        self.give_until(name, GrantReach::Account, letters, None).await;
    }

    /// Letters on some of support@, for so long.
    pub async fn give_until(&self, name: &str, reach: GrantReach, letters: &str, not_after: Option<Timestamp>) {
        let rights = Rights::parse(letters).unwrap();
        let terms = GrantTerms { reach, rights, send: SendRights::NONE, automap: true, not_after };
        let (shared, grantee) = (address("support@example.org"), address(&format!("{name}@example.org")));
        self.house.give(&self.operator, &shared, &grantee, terms).await.unwrap();
    }

    pub async fn take_back(&self, name: &str) {
        let (shared, grantee) = (address("support@example.org"), address(&format!("{name}@example.org")));
        self.house.take_back(&self.operator, &shared, &grantee, None).await.unwrap();
    }

    pub async fn suspend(&self, name: &str) {
        let person = address(&format!("{name}@example.org"));
        self.house.suspend_person(&self.operator, &person, true).await.unwrap();
    }

    /// A connection that has read its greeting.
    pub async fn connect(&self) -> Client {
        self.connect_by(1 << 20).await
    }

    /// The same over a pipe that holds so many bytes.
    pub async fn connect_by(&self, bytes: usize) -> Client {
        let (pipe, far) = Pipe::new(bytes);
        let taken = Arc::clone(&pipe.taken);
        let served = tokio::spawn(postern_imap::serve(Arc::clone(&self.house), pipe, self.shutdown.clone()));
        let mut client = Client { stream: far, buffer: Vec::new(), tag: 0, deflated: None, taken, served };
        let greeting = client.line().await.unwrap();
        assert!(greeting.starts_with("* OK [CAPABILITY IMAP4rev1 IMAP4rev2 "), "{greeting}");
        client
    }

    /// A connection that is signed in.
    pub async fn client(&self, name: &str) -> Client {
        self.client_by(name, 1 << 20).await
    }

    /// The same over a pipe that holds so many bytes.
    pub async fn client_by(&self, name: &str, bytes: usize) -> Client {
        let mut client = self.connect_by(bytes).await;
        client.ok(&format!("LOGIN {name}@example.org \"{PASSWORD}\"")).await;
        client
    }
}

/// The far end of a connection.
pub struct Client {
    stream: DuplexStream,
    buffer: Vec<u8>,
    tag: u32,
    /// After COMPRESS.
    deflated: Option<Box<(Compress, Decompress)>>,
    taken: Arc<AtomicUsize>,
    served: JoinHandle<()>,
}

impl Client {
    pub async fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes()).await;
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        let Some(deflated) = &mut self.deflated else { return self.stream.write_all(bytes).await.unwrap() };
        let mut out = Vec::with_capacity(bytes.len() + 1024);
        deflated.0.compress_vec(bytes, &mut out, FlushCompress::Sync).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }

    /// COMPRESS: from here on both sides compress.
    pub async fn compress(&mut self) {
        self.ok("COMPRESS DEFLATE").await;
        self.deflated = Some(Box::new((Compress::new(Compression::fast(), false), Decompress::new(false))));
        let came = std::mem::take(&mut self.buffer);
        self.take(&came);
    }

    fn take(&mut self, came: &[u8]) {
        let Some(deflated) = &mut self.deflated else { return self.buffer.extend_from_slice(came) };
        let (inflate, mut rest) = (&mut deflated.1, came);
        loop {
            self.buffer.reserve(64 << 10);
            let before = inflate.total_in();
            inflate.decompress_vec(rest, &mut self.buffer, FlushDecompress::Sync).unwrap();
            rest = &rest[(inflate.total_in() - before) as usize..];
            if rest.is_empty() && self.buffer.len() < self.buffer.capacity() {
                return;
            }
        }
    }

    /// One line with its literals, without its line end; `None` when the connection is closed.
    pub async fn line(&mut self) -> Option<String> {
        let mut whole = Vec::new();
        loop {
            let end = loop {
                match self.buffer.windows(2).position(|two| two == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().await?,
                }
            };
            let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
            whole.extend_from_slice(&line[..end]);
            let text = String::from_utf8_lossy(&line[..end]).into_owned();
            let size = text.strip_suffix('}').and_then(|text| text.rsplit_once('{')?.1.parse::<usize>().ok());
            let Some(size) = size else { return Some(String::from_utf8_lossy(&whole).into_owned()) };
            while self.buffer.len() < size {
                self.more().await?;
            }
            whole.extend_from_slice(b"\r\n");
            whole.extend(self.buffer.drain(..size));
        }
    }

    /// Reads some bytes; `None` at the end.
    pub async fn more(&mut self) -> Option<()> {
        let mut came = Vec::new();
        let read = self.stream.read_buf(&mut came).await.unwrap_or(0);
        self.take(&came);
        (read > 0).then_some(())
    }

    pub fn read_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes that the session has handed over so far, read here or not.
    pub fn taken_bytes(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }

    /// Waits until the session has ended, without reading what it said.
    pub async fn ended(&mut self) {
        (&mut self.served).await.unwrap();
    }

    /// Sends a command; answers the untagged lines and then the tagged one without its tag.
    pub async fn command(&mut self, command: &str) -> Vec<String> {
        self.tag += 1;
        let tag = format!("a{}", self.tag);
        self.send(&format!("{tag} {command}\r\n")).await;
        self.answer(&tag).await
    }

    pub async fn answer(&mut self, tag: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line().await else { panic!("closed after {lines:?}") };
            match line.strip_prefix(&format!("{tag} ")) {
                Some(rest) => {
                    lines.push(rest.to_owned());
                    return lines;
                }
                None => lines.push(line),
            }
        }
    }

    pub async fn ok(&mut self, command: &str) -> Vec<String> {
        let lines = self.command(command).await;
        assert!(lines.last().unwrap().starts_with("OK"), "{command}: {lines:?}");
        lines
    }

    /// The tagged line alone.
    pub async fn last(&mut self, command: &str) -> String {
        self.command(command).await.pop().unwrap()
    }

    /// Untagged lines of a command that goes well.
    pub async fn untagged(&mut self, command: &str) -> Vec<String> {
        let mut lines = self.ok(command).await;
        lines.pop();
        lines
    }

    pub async fn append(&mut self, mailbox: &str, flags: &str, message: &str) -> String {
        let size = message.len();
        self.last(&format!("APPEND {mailbox} ({flags}) {{{size}+}}\r\n{message}")).await
    }

    /// Every line until the connection is closed.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }
}

pub const MAIL: &str =
    "From: sender@example.net\r\nTo: support@example.org\r\nSubject: A leak\r\n\r\nWater everywhere.\r\n";
