//! The client of all sides: deliveries and submissions over some connections, each mail timed.
//!
//! One thread serves all connections, so that the client takes as little as it can of the
//! processors that the servers are measured on. The envelope is sent in one piece (RFC 2920),
//! as the mail transfer agents do that deliver by LMTP, and the tools that send much.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::corpus::{self, Corpus};

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Its name, wherever it listens.
const SERVER_NAME: &str = "mail.example.org";

/// One mail with its envelope.
pub struct Letter {
    /// The reverse path.
    pub sender: String,
    /// All of the envelope.
    pub recipients: Vec<String>,
    /// As [`corpus::Mail`] has it.
    pub wire: Arc<Vec<u8>>,
}

/// What a round of deliveries took.
pub struct Delivered {
    /// From the first envelope to the last answer.
    pub elapsed: Duration,
    /// Of each mail, envelope to answer, ascending.
    pub latencies: Vec<Duration>,
    /// What was said of each mail that was not taken.
    pub refused: Vec<String>,
}

/// Where a server takes mail, and how.
pub struct Entrance {
    /// Where it listens.
    pub address: SocketAddr,
    /// Under TLS from the first byte, with a certificate of the authority in this file.
    pub authority: Option<PathBuf>,
    /// The password of whoever sends, where that is asked for.
    pub password: Option<String>,
}

/// Delivers every mail once by LMTP.
pub async fn deliver(
    address: SocketAddr,
    recipient: &str,
    corpus: &Arc<Corpus>,
    connections: usize,
) -> Result<Delivered> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(connect(address).await?, "LHLO").await?);
    }
    let letter = |mail: &corpus::Mail| Letter {
        sender: "sender@example.com".to_owned(),
        recipients: vec![recipient.to_owned()],
        wire: Arc::clone(&mail.wire),
    };
    hand_over(open, corpus.mails.iter().map(letter).collect()).await?.all_taken()
}

/// Connections for [`submit`], signed in as `sender` where that is asked for.
pub async fn connections(entrance: &Entrance, sender: &str, count: usize) -> Result<Connections> {
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        open.push(signed_in(entrance, sender).await?);
    }
    Ok(Connections(open))
}

/// A connection, signed in as `sender` where that is asked for.
pub async fn signed_in(entrance: &Entrance, sender: &str) -> Result<SignedIn> {
    let mut connection = Connection::open(entrance.stream().await?, "EHLO").await?;
    if let Some(password) = &entrance.password {
        let response = corpus::base64(format!("\0{sender}\0{password}").as_bytes());
        connection.send(format!("AUTH PLAIN {response}\r\n").as_bytes()).await?;
        connection.expect("235").await?;
    }
    Ok(connection)
}

/// Submits every letter once; all must be taken.
pub async fn submit(connections: Connections, letters: Vec<Letter>) -> Result<Delivered> {
    offer(connections, letters).await?.all_taken()
}

/// Submits every letter once, whatever is said of it.
pub async fn offer(connections: Connections, letters: Vec<Letter>) -> Result<Delivered> {
    hand_over(connections.0, letters).await
}

impl Delivered {
    fn all_taken(self) -> Result<Self> {
        match self.refused.first() {
            Some(reply) => bail!("a mail was not taken, the server said: {reply}"),
            None => Ok(self),
        }
    }
}

/// Each connection takes the next letter as soon as its last is acknowledged.
async fn hand_over<S: Stream>(open: Vec<Connection<S>>, letters: Vec<Letter>) -> Result<Delivered> {
    let letters: Arc<[Letter]> = letters.into();
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in open {
        tasks.spawn(work(connection, Arc::clone(&letters), Arc::clone(&next)));
    }
    let (mut latencies, mut refused) = (Vec::with_capacity(letters.len()), Vec::new());
    let mut connections = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (connection, took, against) = done.context("a client task failed")??;
        connections.push(connection);
        latencies.extend(took);
        refused.extend(against);
    }
    let elapsed = start.elapsed();
    for connection in connections {
        connection.quit().await?;
    }
    latencies.sort_unstable();
    Ok(Delivered { elapsed, latencies, refused })
}

async fn work<S: Stream>(
    mut connection: Connection<S>,
    letters: Arc<[Letter]>,
    next: Arc<AtomicUsize>,
) -> Result<(Connection<S>, Vec<Duration>, Vec<String>)> {
    let (mut latencies, mut refused) = (Vec::new(), Vec::new());
    while let Some(letter) = letters.get(next.fetch_add(1, Ordering::Relaxed)) {
        let start = Instant::now();
        refused.extend(connection.letter(letter).await?);
        latencies.push(start.elapsed());
    }
    Ok((connection, latencies, refused))
}

/// Connections that wait for their first letter.
pub struct Connections(Vec<SignedIn>);

/// A connection of somebody who sends.
pub type SignedIn = Connection<Box<dyn Stream>>;

/// What mail can go over.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for S {}

impl Entrance {
    async fn stream(&self) -> Result<Box<dyn Stream>> {
        let stream = connect(self.address).await?;
        let Some(authority) = &self.authority else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(SERVER_NAME)?;
        let stream = tls(authority)?.connect(name, stream).await;
        Ok(Box::new(stream.with_context(|| format!("no TLS at {}", self.address))?))
    }
}

fn tls(authority: &Path) -> Result<TlsConnector> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).context("the authority of the certificate")?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into())
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("no answer at {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A connection that takes one letter after the other.
pub struct Connection<S> {
    stream: BufReader<S>,
    line: String,
}

impl<S: Stream> Connection<S> {
    async fn open(stream: S, hello: &str) -> Result<Self> {
        let mut connection = Self { stream: BufReader::new(stream), line: String::new() };
        connection.expect("220").await?;
        connection.send(format!("{hello} client.example.org\r\n").as_bytes()).await?;
        let offered = connection.expect("250").await?;
        // All are spoken to in the same way, so all must take it.
        for extension in ["PIPELINING", "8BITMIME"] {
            if !offered.contains(extension) {
                bail!("the server does not offer {extension}");
            }
        }
        Ok(connection)
    }

    /// Hands over one letter; answers what was first said against it.
    pub async fn letter(&mut self, letter: &Letter) -> Result<Option<String>> {
        let mut envelope = format!("MAIL FROM:<{}> BODY=8BITMIME\r\n", letter.sender);
        for recipient in &letter.recipients {
            envelope.push_str("RCPT TO:<");
            envelope.push_str(recipient);
            envelope.push_str(">\r\n");
        }
        envelope.push_str("DATA\r\n");
        self.send(envelope.as_bytes()).await?;
        let mut refusal = None;
        for _ in 0..=letter.recipients.len() {
            refusal = refusal.or(self.refusal("250").await?);
        }
        let refused_data = self.refusal("354").await?;
        if refused_data.is_some() {
            return Ok(refusal.or(refused_data));
        }
        self.send(&letter.wire).await?;
        Ok(refusal.or(self.refusal("250").await?))
    }

    /// Ends it in good order.
    pub async fn quit(mut self) -> Result<()> {
        self.send(b"QUIT\r\n").await?;
        self.expect("221").await?;
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let stream = self.stream.get_mut();
        let sent = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        sent.context("the server takes no bytes any more")?.context("the connection broke")
    }

    /// Reads one reply and insists on its code.
    async fn expect(&mut self, code: &str) -> Result<String> {
        let reply = self.reply().await?;
        if !reply.starts_with(code) {
            bail!("{code} was expected, the server said: {}", reply.trim_end());
        }
        Ok(reply)
    }

    /// Reads one reply, and answers with it where its code is another.
    async fn refusal(&mut self, code: &str) -> Result<Option<String>> {
        let reply = self.reply().await?;
        Ok((!reply.starts_with(code)).then(|| reply.trim_end().to_owned()))
    }

    /// Reads one reply, all its lines.
    async fn reply(&mut self) -> Result<String> {
        let mut reply = String::new();
        loop {
            self.line.clear();
            let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut self.line)).await;
            if read.context("the server does not answer")?.context("the connection broke")? == 0 {
                bail!("the server closed the connection after {reply:?}");
            }
            reply.push_str(&self.line);
            if self.line.as_bytes().get(3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }
}
