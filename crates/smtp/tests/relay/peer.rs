//! The scripted server, the dialer that leads to it, and parcels to carry.

use postern_app::wire::Wire;
use postern_app::{Carried, Carrier, Hop, HopLogin, HopTls, Outcome, Parcel, ParcelRecipient, Peer, Said};
use postern_smtp::{DialError, Dialer, Relay, RelayOptions};
use postern_types::Secret;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Octets that are on their way at most before a writer waits.
pub const PIPE_BYTES: usize = 16 << 10;

/// What the test decides of connections.
pub struct Line {
    pub address: Mutex<IpAddr>,
    pub failure: Mutex<Option<DialError>>,
    pub tls_fails: AtomicBool,
    pub dials: AtomicUsize,
}

pub struct TestDialer {
    line: Arc<Line>,
    dialed: mpsc::UnboundedSender<Server>,
}

pub struct TestWire {
    stream: DuplexStream,
    peer: Peer,
    line: Arc<Line>,
}

impl Dialer for TestDialer {
    type Wire = TestWire;

    async fn dial(&self, hop: &Arc<Hop>) -> Result<TestWire, DialError> {
        self.line.dials.fetch_add(1, Ordering::SeqCst);
        if let Some(failure) = self.line.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        self.dialed.send(Server { stream: far }).unwrap();
        let address = Some(*self.line.address.lock().unwrap());
        let peer = Peer { address, encrypted: hop.tls == HopTls::Implicit };
        Ok(TestWire { stream: near, peer, line: self.line.clone() })
    }
}

impl Wire for TestWire {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        self.stream.read_buf(buffer).await
    }
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }
    fn peer(&self) -> &Peer {
        &self.peer
    }
    fn signed_in(&mut self) {}
    /// Both sides go on in clear; only what they may then say changes.
    async fn start_tls(&mut self) -> io::Result<()> {
        if self.line.tls_fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("no common cipher"));
        }
        self.peer.encrypted = true;
        Ok(())
    }
}

/// The other end of one connection.
pub struct Server {
    stream: DuplexStream,
}

impl Server {
    pub async fn say(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.expect("the client still listens");
    }

    /// Says as much as somebody listens to.
    pub async fn flood(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes()).await;
    }

    /// Waits for exactly this.
    pub async fn hear(&mut self, expected: &str) {
        let mut got = vec![0; expected.len()];
        let mut filled = 0;
        while filled < got.len() {
            match self.stream.read(&mut got[filled..]).await.expect("the client still talks") {
                0 => panic!("it ended after {:?}, not {expected:?}", String::from_utf8_lossy(&got[..filled])),
                count => filled += count,
            }
            let so_far = String::from_utf8_lossy(&got[..filled]);
            assert!(expected.starts_with(&*so_far), "it said {so_far:?}, not {expected:?}");
        }
    }

    /// Waits for this in one piece, with nothing behind it.
    pub async fn hear_at_once(&mut self, expected: &str) {
        let mut got = vec![0; PIPE_BYTES];
        let count = self.stream.read(&mut got).await.expect("the client still talks");
        assert_eq!(String::from_utf8_lossy(&got[..count]), expected);
    }

    /// Waits for a line that begins so.
    pub async fn hear_line(&mut self, beginning: &str) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.stream.read_u8().await.expect("the client still talks"));
        }
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(beginning), "it said {line:?}, not {beginning:?}");
        line
    }

    /// Waits for the end, before which nothing more is said.
    pub async fn hear_end(&mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&rest), "");
    }

    /// Waits for QUIT and the end.
    pub async fn hear_goodbye(&mut self) {
        self.hear("QUIT\r\n").await;
        self.say("221 bye\r\n").await;
        self.hear_end().await;
    }

    /// Greets and offers this.
    pub async fn greet(&mut self, offer: &[&str]) {
        self.say("220 mail.example.com ESMTP ready\r\n").await;
        self.offer(offer).await;
    }

    /// Answers EHLO.
    pub async fn offer(&mut self, offer: &[&str]) {
        self.hear("EHLO mail.example.org\r\n").await;
        let mut text = "250-mail.example.com\r\n".to_owned();
        offer.iter().for_each(|line| text.push_str(&format!("250-{line}\r\n")));
        self.say(&(text + "250 HELP\r\n")).await;
    }

    /// Says yes to MAIL, one RCPT and DATA, whatever they hold, without PIPELINING.
    pub async fn hear_envelope(&mut self) {
        for (hear, say) in [("MAIL", "250 ok\r\n"), ("RCPT", "250 ok\r\n"), ("DATA", "354 go\r\n")] {
            self.hear_line(hear).await;
            self.say(say).await;
        }
    }

    /// Takes the plain message of [`Stage::one`], without PIPELINING.
    pub async fn take_one(&mut self) {
        self.hear("MAIL FROM:<bob@example.org>\r\n").await;
        self.say("250 2.1.0 ok\r\n").await;
        self.hear("RCPT TO:<a@example.com>\r\n").await;
        self.say("250 2.1.5 ok\r\n").await;
        self.hear("DATA\r\n").await;
        self.say("354 go\r\n").await;
        self.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
        self.say("250 2.0.0 taken\r\n").await;
    }
}

/// A carrier and the connections that it opened.
pub struct Stage {
    pub relay: Arc<Relay<TestDialer>>,
    pub line: Arc<Line>,
    pub hop: Arc<Hop>,
    dialed: mpsc::UnboundedReceiver<Server>,
}

impl Stage {
    pub fn new(tls: HopTls) -> Self {
        Self::with(hop(tls), RelayOptions::default())
    }

    pub fn with(hop: Hop, options: RelayOptions) -> Self {
        let (sender, dialed) = mpsc::unbounded_channel();
        let line = Arc::new(Line {
            address: Mutex::new([192, 0, 2, 1].into()),
            failure: Mutex::new(None),
            tls_fails: AtomicBool::new(false),
            dials: AtomicUsize::new(0),
        });
        let dialer = TestDialer { line: line.clone(), dialed: sender };
        let relay = Arc::new(Relay::new(dialer, "mail.example.org", options));
        Self { relay, line, hop: Arc::new(hop), dialed }
    }

    /// The next connection.
    pub async fn server(&mut self) -> Server {
        self.dialed.recv().await.expect("the carrier lives")
    }

    pub fn dials(&self) -> usize {
        self.line.dials.load(Ordering::SeqCst)
    }

    pub fn carry(&self, parcel: Parcel) -> JoinHandle<Carried> {
        let relay = self.relay.clone();
        let turn = relay.turns(&parcel.hop).acquire_owned();
        tokio::spawn(async move { relay.carry(parcel, turn.await.expect("a turn").into()).await })
    }

    /// Carries a parcel over a new connection, to a server that has greeted and offers this.
    pub async fn open(&mut self, parcel: Parcel, offer: &[&str]) -> (JoinHandle<Carried>, Server) {
        let carried = self.carry(parcel);
        let mut server = self.server().await;
        server.greet(offer).await;
        (carried, server)
    }

    /// The other end of a new connection over which one message went; it is kept for the next.
    pub async fn kept(&mut self) -> Server {
        let (carried, mut server) = self.open(self.one(), &[]).await;
        server.take_one().await;
        assert_eq!(carried.await.unwrap().outcomes, [DONE]);
        server
    }

    /// A small message to these.
    pub fn parcel(&self, recipients: &[&str]) -> Parcel {
        let recipient =
            |address: &&str| ParcelRecipient { address: (*address).to_owned(), notify: None, original: None };
        Parcel {
            hop: self.hop.clone(),
            id: "q1".to_owned(),
            reverse_path: "bob@example.org".to_owned(),
            recipients: recipients.iter().map(recipient).collect(),
            message: vec![Arc::new(b"Subject: hello\r\n".to_vec()), Arc::new(b"\r\nText\r\n".to_vec())],
            smtputf8: false,
            eight_bit: false,
            return_full: None,
            envelope_id: None,
        }
    }

    /// A small message to one.
    pub fn one(&self) -> Parcel {
        self.parcel(&["a@example.com"])
    }
}

pub fn hop(tls: HopTls) -> Hop {
    Hop { host: "mail.example.com".to_owned(), port: 25, tls, login: None }
}

pub fn hop_with_login(tls: HopTls) -> Hop {
    let login = Some(HopLogin { username: "tim".to_owned(), password: Secret::new("tanstaaftanstaaf") });
    Hop { login, ..hop(tls) }
}

pub const DONE: Outcome = Outcome::Done { reports: false };

/// Short forms: `done`, `later 4.4.2 text`, `never 5.1.1 text`.
pub fn told(carried: &Carried) -> Vec<String> {
    let short = |word: &str, said: &Said| format!("{word} {} {}", said.status, said.text);
    let tell = |outcome: &Outcome| match outcome {
        Outcome::Done { reports: false } => "done".to_owned(),
        Outcome::Done { reports: true } => "done, and reports".to_owned(),
        Outcome::Later(said) => short("later", said),
        Outcome::Never(said) => short("never", said),
    };
    carried.outcomes.iter().map(tell).collect()
}
