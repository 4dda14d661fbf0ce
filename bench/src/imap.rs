//! An IMAP client that knows just enough to measure: a line at a time, one command after the
//! other. What is fetched here holds no literals.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const TAG: &str = "bench7";

/// A connection, signed in.
pub struct Imap {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Imap {
    /// Connects from this address of the machine and reads the greeting.
    pub async fn connect(address: SocketAddr, source: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(source.into(), 0)).with_context(|| format!("cannot be {source}"))?;
        Self::greeted(socket.connect(address).await.with_context(|| format!("no answer at {address}"))?).await
    }

    async fn greeted(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), line: String::new() };
        client.read_line().await?;
        Ok(client)
    }

    /// Connects and signs in.
    pub async fn sign_in(address: SocketAddr, username: &str, password: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("no answer at {address}"))?;
        let mut client = Self::greeted(stream).await?;
        client.ok(&format!("LOGIN {username} \"{password}\"")).await?;
        Ok(client)
    }

    /// Sends a command; it must be done. Answers how many lines came before.
    pub async fn ok(&mut self, command: &str) -> Result<usize> {
        let (lines, status) = self.command(command).await?;
        if !status.starts_with("OK") {
            bail!("{command}: {status}");
        }
        Ok(lines)
    }

    /// Sends a command and reads to its completion; answers how many lines came before, and the
    /// completion without its tag.
    pub async fn command(&mut self, command: &str) -> Result<(usize, String)> {
        self.send(&format!("{TAG} {command}\r\n")).await?;
        let mut lines = 0;
        loop {
            self.read_line().await?;
            if let Some(status) = self.line.strip_prefix(TAG) {
                return Ok((lines, status.trim().to_owned()));
            }
            lines += 1;
        }
    }

    /// Begins IDLE.
    pub async fn idle(&mut self) -> Result<()> {
        self.send(&format!("{TAG} IDLE\r\n")).await?;
        while !self.read_line().await?.starts_with('+') {}
        Ok(())
    }

    /// Adds a message to a mailbox.
    pub async fn append(&mut self, mailbox: &str, message: &str) -> Result<()> {
        self.ok(&format!("APPEND {mailbox} {{{}+}}\r\n{message}", message.len())).await.map(drop)
    }

    /// Sends a command so many times in one go, and reads the first line of the answer.
    pub async fn begin(&mut self, command: &str, times: usize) -> Result<()> {
        self.send(&format!("{TAG} {command}\r\n").repeat(times)).await?;
        self.read_line().await.map(drop)
    }

    /// Reads to the end of the connection, or to its break.
    pub async fn end(&mut self) -> Result<()> {
        let mut nowhere = tokio::io::sink();
        let read = tokio::io::copy(&mut self.stream, &mut nowhere);
        // A break is an end, too.
        let _ = tokio::time::timeout(PATIENCE, read).await.context("the connection stays open")?;
        Ok(())
    }

    /// Reads until the server says how many messages the open mailbox has (RFC 9051 section 7.4.1).
    pub async fn exists(&mut self) -> Result<usize> {
        loop {
            let line = self.read_line().await?.trim_end();
            if let Some(count) = line.strip_prefix("* ").and_then(|line| line.strip_suffix(" EXISTS")) {
                return count.parse().context("EXISTS without a number");
            }
        }
    }

    /// Reads until a line begins so.
    pub async fn until(&mut self, start: &str) -> Result<()> {
        while !self.read_line().await?.starts_with(start) {}
        Ok(())
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        let sent = tokio::time::timeout(PATIENCE, self.stream.get_mut().write_all(text.as_bytes())).await;
        sent.context("the server takes no bytes any more")?.context("the connection broke")
    }

    async fn read_line(&mut self) -> Result<&str> {
        self.line.clear();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_line(&mut self.line)).await;
        if read.context("the server does not answer")?.context("the connection broke")? == 0 {
            bail!("the server closed the connection");
        }
        Ok(&self.line)
    }
}
