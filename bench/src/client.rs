//! The client of both sides: LMTP deliveries over some connections, each mail timed.
//!
//! One thread serves all connections, so that the client takes as little as it can of the
//! processors that the servers are measured on. The envelope is sent in one piece (RFC 2920),
//! as the mail transfer agents do that deliver by LMTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::corpus::Corpus;

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a round of deliveries took.
pub struct Delivered {
    /// From the first envelope to the last acknowledgement.
    pub elapsed: Duration,
    /// Of each mail, envelope to acknowledgement, ascending.
    pub latencies: Vec<Duration>,
}

/// Delivers every mail once; each connection takes the next as soon as its last is acknowledged.
pub async fn deliver(
    address: SocketAddr,
    recipient: &str,
    corpus: &Arc<Corpus>,
    connections: usize,
) -> Result<Delivered> {
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    for connection in open {
        tasks.spawn(work(connection, recipient.to_owned(), Arc::clone(corpus), Arc::clone(&next)));
    }
    let mut latencies = Vec::with_capacity(corpus.mails.len());
    let mut connections = Vec::with_capacity(connections);
    while let Some(done) = tasks.join_next().await {
        let (connection, own) = done.context("a client task failed")??;
        connections.push(connection);
        latencies.extend(own);
    }
    let elapsed = start.elapsed();
    for connection in connections {
        connection.quit().await?;
    }
    latencies.sort_unstable();
    Ok(Delivered { elapsed, latencies })
}

async fn work(
    mut connection: Connection,
    recipient: String,
    corpus: Arc<Corpus>,
    next: Arc<AtomicUsize>,
) -> Result<(Connection, Vec<Duration>)> {
    let mut latencies = Vec::new();
    while let Some(mail) = corpus.mails.get(next.fetch_add(1, Ordering::Relaxed)) {
        let start = Instant::now();
        connection.mail(&recipient, &mail.wire).await?;
        latencies.push(start.elapsed());
    }
    Ok((connection, latencies))
}

struct Connection {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("no answer at {address}"))?;
        stream.set_nodelay(true)?;
        let mut connection = Self { stream: BufReader::new(stream), line: String::new() };
        connection.expect("220").await?;
        connection.send(b"LHLO client.example.org\r\n").await?;
        let offered = connection.expect("250").await?;
        // Both are spoken to in the same way, so both must take it.
        for extension in ["PIPELINING", "8BITMIME"] {
            if !offered.contains(extension) {
                bail!("the server at {address} does not offer {extension}");
            }
        }
        Ok(connection)
    }

    async fn mail(&mut self, recipient: &str, wire: &[u8]) -> Result<()> {
        let envelope = format!("MAIL FROM:<sender@example.com> BODY=8BITMIME\r\nRCPT TO:<{recipient}>\r\nDATA\r\n");
        self.send(envelope.as_bytes()).await?;
        for code in ["250", "250", "354"] {
            self.expect(code).await?;
        }
        self.send(wire).await?;
        self.expect("250").await?;
        Ok(())
    }

    async fn quit(mut self) -> Result<()> {
        self.send(b"QUIT\r\n").await?;
        self.expect("221").await?;
        Ok(())
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = tokio::time::timeout(PATIENCE, self.stream.get_mut().write_all(bytes)).await;
        sent.context("the server takes no bytes any more")?.context("the connection broke")
    }

    /// Reads one reply, all its lines, and insists on its code.
    async fn expect(&mut self, code: &str) -> Result<String> {
        let mut reply = String::new();
        loop {
            self.line.clear();
            let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut self.line)).await;
            if read.context("the server does not answer")?.context("the connection broke")? == 0 {
                bail!("the server closed the connection after {reply:?}");
            }
            reply.push_str(&self.line);
            if self.line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        if !reply.starts_with(code) {
            bail!("{code} was expected, the server said: {}", reply.trim_end());
        }
        Ok(reply)
    }
}
