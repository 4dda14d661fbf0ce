//! Bad input over the real wire, in tables: each case is refused clearly or answered rightly, the server goes on, a
//! colleague who looks on sees nothing of it, and nothing is kept that was not asked for.
//!
//! Limits of memory are in `hostile`, a full disk in `full_disk`, framing in `wire`.

mod flow;
mod http;
mod imap;
mod smtp;

use postern_testkit::{Engine, House, ImapClient, PASSWORD};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
/// A guard against a hung test, far above any real wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bob is up to something; Alice has her INBOX open, with a letter in it, and looks on.
struct Scene {
    house: House,
    alice: ImapClient,
    before: Vec<String>,
}

/// Runs a story on one engine.
fn run(engine: Engine, story: impl AsyncFnOnce(&Scene)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let Some(mut scene) = Scene::new(engine).await else { return };
        story(&scene).await;
        scene.nothing_has_happened().await;
    });
}

/// Each story on both engines: they do not take the same texts.
macro_rules! on_both {
    ($($(#[$doc:meta])* async fn $name:ident($scene:ident: &Scene) $story:block)+) => { $(
        $(#[$doc])*
        mod $name {
            use super::*;

            async fn story($scene: &Scene) $story

            #[test]
            fn sqlite() {
                run(postern_testkit::Engine::Sqlite, story);
            }

            #[test]
            fn postgres() {
                run(postern_testkit::Engine::Postgres, story);
            }
        }
    )+ };
}
use on_both;

impl Scene {
    async fn new(engine: Engine) -> Option<Self> {
        // Tables are long: nobody is sent away in the middle of one.
        let house = House::builder(engine).with("POSTERN_LIMITS__BAD_COMMANDS=1000").start().await?;
        house.person(ALICE).await;
        house.person(BOB).await;
        for who in [ALICE, BOB] {
            house.deliver(who, "Subject: kept\r\n\r\nThis stays.\r\n").await;
        }
        let mut alice = house.imap_as(ALICE).await;
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        let mut scene = Self { house, alice, before: Vec::new() };
        scene.before = scene.everything().await;
        Some(scene)
    }

    /// All mailboxes of both with their counts, all people, and what waits to leave.
    async fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        for who in [ALICE, BOB] {
            let mut client = self.house.imap_as(who).await;
            let listed = client.ok("LIST \"\" * RETURN (STATUS (MESSAGES UIDNEXT) SUBSCRIBED)", "").await;
            all.extend(listed.lines().into_iter().map(|line| format!("{who} {line}")));
        }
        let people = self.house.app().persons(self.house.operator()).await.expect("the people");
        all.extend(people.into_iter().map(|row| row.address));
        all
    }

    /// Alice is answered as before, was told nothing, and everything is as it was.
    async fn nothing_has_happened(&mut self) {
        let heard = self.alice.ok("NOOP", "").await;
        assert!(heard.lines().is_empty(), "Alice heard {:?}", heard.lines());
        self.alice.ok("FETCH 1 (FLAGS BODY.PEEK[])", "This stays.").await;
        assert_eq!(self.everything().await, self.before);
        self.house.deliver(ALICE, "Subject: later\r\n\r\nMail comes.\r\n").await;
        self.alice.ok("NOOP", "* 2 EXISTS").await;
    }

    /// A connection to a listener that speaks plainly, past its greeting.
    async fn plain(&self, listener: &str) -> Wire<TcpStream> {
        let stream = TcpStream::connect(self.house.listener(listener)).await.expect("the listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        let mut wire = Wire::new(stream);
        wire.line().await;
        wire
    }

    /// The same to IMAP, where Bob has signed in.
    async fn bob(&self) -> Wire<TcpStream> {
        let mut wire = self.plain("imap").await;
        wire.asks(&format!("b LOGIN {BOB} \"{PASSWORD}\"\r\n"), "b OK").await;
        wire
    }
}

/// What is amiss in the cases of a table: all of it is told, and not the first alone.
#[derive(Default)]
struct Amiss(Vec<String>);

impl Amiss {
    /// Is the answer to this as it is to be, and one line that says why?
    fn look(&mut self, said: &[u8], expected: &str, answer: &str) {
        let is_clear = answer.len() > expected.len() + 3 && !answer.contains(char::is_control);
        if !answer.starts_with(expected) || !is_clear {
            let said = said[..said.len().min(200)].escape_ascii();
            self.0.push(format!("{said}\n    expected {expected:?}\n    got      {answer:?}"));
        }
    }

    fn end(self) {
        assert!(self.0.is_empty(), "{} of the table:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// A connection as bare as it is: bytes go out as they are, and what comes is looked at line by line.
struct Wire<S> {
    stream: S,
    buffer: Vec<u8>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes; a server that has closed takes none.
    async fn say(&mut self, bytes: &[u8]) {
        if self.stream.write_all(bytes).await.is_ok() {
            let _ = self.stream.flush().await;
        }
    }

    /// The next line, without its end; nothing where the server has closed.
    async fn next_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn fill(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        matches!(read.expect("the server answers"), Ok(1..))
    }

    async fn line(&mut self) -> String {
        self.next_line().await.expect("the server closed the connection")
    }

    /// Reads up to a line that begins so.
    async fn until(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await;
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// Says this, and hears a line that begins so.
    async fn asks(&mut self, text: &str, start: &str) {
        self.say(text.as_bytes()).await;
        self.until(start).await;
    }

    /// No more is said; what was asked is still answered. Everything that comes until the server has closed.
    async fn half_closes(mut self) -> String {
        // It may have closed already.
        let _ = self.stream.shutdown().await;
        self.rest().await
    }

    /// Everything that comes until the server has closed.
    async fn rest(mut self) -> String {
        while self.fill().await {}
        String::from_utf8_lossy(&self.buffer).into_owned()
    }
}
