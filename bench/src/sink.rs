//! The next server: it takes all mail at once, keeps none of it, and knows what came when.
//!
//! It has threads of its own, so that neither the client nor a server waits for it. It offers
//! what every server has and nothing that would let a sender leave something out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::machine;

/// Whatever is not here after so long does not come any more.
const PATIENCE: Duration = Duration::from_secs(120);
const THREADS: usize = 2;
const READ_BYTES: usize = 256 << 10;
const OFFER: &[u8] = b"250-sink.example.net\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250 8BITMIME\r\n";
const END_OF_DATA: &[u8] = b"\r\n.\r\n";

/// A sink that listens. Dropped with its connections.
pub struct Sink {
    address: SocketAddr,
    arrivals: Arc<Arrivals>,
    runtime: Option<Runtime>,
}

/// What has come.
struct Arrivals {
    seen: Mutex<Seen>,
    recipients: watch::Sender<usize>,
}

/// When a recipient got a mail, the first time.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// For what lies between two moments.
    pub at: Instant,
    /// Since 1970 by the machine's clock, for minutes of UTC.
    pub since_1970: Duration,
}

#[derive(Default)]
struct Seen {
    recipients: HashMap<Vec<u8>, Arrival>,
    /// Recipients who got a mail that they had.
    twice: usize,
    last: Option<Instant>,
}

impl Sink {
    /// Listens at a port that the system gives.
    pub fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let arrivals = Arc::new(Arrivals { seen: Mutex::default(), recipients: watch::Sender::new(0) });
        let shared = Arc::clone(&arrivals);
        runtime.spawn(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                // A sender that goes away in the middle is missed by whoever counts.
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, arrivals, runtime: Some(runtime) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forgets all that came.
    pub fn clear(&self) {
        *self.arrivals.seen() = Seen::default();
        self.arrivals.recipients.send_replace(0);
    }

    /// How many recipients whose address begins so have got their mail.
    pub fn count(&self, start: &str) -> usize {
        let seen = self.arrivals.seen();
        seen.recipients.keys().filter(|recipient| recipient.starts_with(start.as_bytes())).count()
    }

    /// When each recipient got their mail, and how often somebody got one that they had.
    pub fn seen(&self) -> (HashMap<Vec<u8>, Arrival>, usize) {
        let seen = self.arrivals.seen();
        (seen.recipients.clone(), seen.twice)
    }

    /// Waits until so many recipients have got their mail, each once; answers when the last did.
    pub async fn all(&self, recipients: usize) -> Result<Instant> {
        let mut count = self.arrivals.recipients.subscribe();
        let arrived = tokio::time::timeout(PATIENCE, count.wait_for(|count| *count >= recipients)).await;
        let seen = self.arrivals.seen();
        let came = seen.recipients.len();
        if arrived.is_err() || came != recipients || seen.twice > 0 {
            bail!("{recipients} recipients were to get a mail: {came} did, {} of them twice", seen.twice);
        }
        seen.last.context("nothing came")
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Arrivals {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, recipients: &mut Vec<Vec<u8>>) {
        let count = {
            let now = Arrival { at: Instant::now(), since_1970: machine::since_1970() };
            let (mut seen, mut twice) = (self.seen(), 0);
            for recipient in recipients.drain(..) {
                match seen.recipients.entry(recipient) {
                    Entry::Vacant(place) => drop(place.insert(now)),
                    Entry::Occupied(_) => twice += 1,
                }
            }
            seen.twice += twice;
            seen.last = Some(now.at);
            seen.recipients.len()
        };
        self.recipients.send_replace(count);
    }
}

async fn serve(mut stream: TcpStream, arrivals: Arc<Arrivals>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 sink.example.net ESMTP\r\n").await?;
    let (mut came, mut out, mut recipients) = (Vec::with_capacity(READ_BYTES), Vec::new(), Vec::new());
    loop {
        let mut done = 0;
        let mut is_data = false;
        while let Some(end) = memchr::memchr(b'\n', &came[done..]).filter(|_| !is_data) {
            let line = came[done..done + end].trim_ascii_end();
            done += end + 1;
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            out.extend_from_slice(match verb.as_slice() {
                b"EHLO" => OFFER,
                b"RCPT" => {
                    recipients.push(address(line));
                    b"250 2.1.5 Ok\r\n"
                }
                b"DATA" => {
                    is_data = true;
                    b"354 Go ahead\r\n"
                }
                b"MAIL" | b"RSET" => {
                    recipients.clear();
                    b"250 2.0.0 Ok\r\n"
                }
                b"QUIT" => return stream.write_all(b"221 2.0.0 Bye\r\n").await,
                _ => b"502 5.5.1 Not here\r\n",
            });
        }
        came.drain(..done);
        stream.write_all(&out).await?;
        out.clear();
        if is_data {
            read_message(&mut stream, &mut came).await?;
            arrivals.note(&mut recipients);
            out.extend_from_slice(b"250 2.0.0 Taken\r\n");
            continue;
        }
        if stream.read_buf(&mut came).await? == 0 {
            return Ok(());
        }
    }
}

/// What stands between the angle brackets.
fn address(line: &[u8]) -> Vec<u8> {
    let start = line.iter().position(|byte| *byte == b'<').map_or(0, |at| at + 1);
    let end = line.iter().rposition(|byte| *byte == b'>').unwrap_or(line.len());
    line.get(start..end).unwrap_or_default().to_vec()
}

/// Reads over a message; what comes behind it is left in `came`.
async fn read_message(stream: &mut TcpStream, came: &mut Vec<u8>) -> std::io::Result<()> {
    // As if the line of DATA had been left, so that an empty message ends as others do.
    came.splice(0..0, *b"\r\n");
    loop {
        if let Some(end) = memmem::find(came, END_OF_DATA) {
            came.drain(..end + END_OF_DATA.len());
            return Ok(());
        }
        // The end may come in two pieces.
        let kept = came.len().min(END_OF_DATA.len() - 1);
        came.drain(..came.len() - kept);
        if stream.read_buf(came).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
