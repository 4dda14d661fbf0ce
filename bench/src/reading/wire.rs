//! An IMAP client that takes little of the processors that servers are measured on: lines are found
//! and counted, literals are passed over, nothing is decoded that is not asked for.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server that says nothing for so long has failed. A whole large mailbox may be read before the
/// first byte of an answer.
const PATIENCE: Duration = Duration::from_secs(300);
const TAG: &str = "b7";
/// What is read at once where nothing else is said.
pub const ROOM: usize = 256 << 10;

/// A connection.
pub struct Wire {
    stream: TcpStream,
    /// Bytes that came and were not looked at: those from `at` to `end`.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    /// All that came so far.
    bytes: u64,
}

/// What a command brought.
#[derive(Debug)]
pub struct Answer {
    /// The completion without its tag.
    pub status: String,
    /// Untagged lines, each with the literals in it.
    pub lines: usize,
    /// Bytes, the completion among them.
    pub bytes: u64,
    /// Those of literals.
    pub literals: u64,
}

impl Wire {
    /// Connects and reads the greeting. `room` is how much is read at once.
    pub async fn connect(address: SocketAddr, room: usize) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("no answer at {address}"))?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, buffer: vec![0; room], at: 0, end: 0, bytes: 0 };
        wire.line().await?;
        Ok(wire)
    }

    /// The same, and signs in.
    pub async fn sign_in(address: SocketAddr, room: usize, name: &str, password: &str) -> Result<Self> {
        let mut wire = Self::connect(address, room).await?;
        wire.ok(&format!("LOGIN {name} \"{password}\"")).await?;
        Ok(wire)
    }

    /// Sends a command, which must be done.
    pub async fn ok(&mut self, command: &str) -> Result<Answer> {
        self.ok_told(command, |_| {}).await
    }

    /// The same; `told` gets the beginning of each untagged line, up to its first literal.
    pub async fn ok_told(&mut self, command: &str, told: impl FnMut(&[u8])) -> Result<Answer> {
        let answer = self.command(command, told).await?;
        if !answer.status.starts_with("OK") {
            bail!("{}: {}", command.get(..200).unwrap_or(command), answer.status);
        }
        Ok(answer)
    }

    /// Sends a command and reads to its completion, whatever that is.
    pub async fn command(&mut self, command: &str, told: impl FnMut(&[u8])) -> Result<Answer> {
        self.send(format!("{TAG} {command}\r\n").as_bytes()).await?;
        self.answer(told).await
    }

    /// Adds messages in one command (RFC 9051 section 6.3.12, RFC 3502 where there are several).
    pub async fn append<'a>(
        &mut self,
        mailbox: &str,
        messages: impl Iterator<Item = &'a [u8]>,
        told: impl FnMut(&[u8]),
    ) -> Result<Answer> {
        let mut bytes = format!("{TAG} APPEND {mailbox}").into_bytes();
        for message in messages {
            bytes.extend_from_slice(format!(" {{{}+}}\r\n", message.len()).as_bytes());
            bytes.extend_from_slice(message);
        }
        bytes.extend_from_slice(b"\r\n");
        self.send(&bytes).await?;
        let answer = self.answer(told).await?;
        if !answer.status.starts_with("OK") {
            bail!("APPEND: {}", answer.status);
        }
        Ok(answer)
    }

    /// Begins IDLE (RFC 2177).
    pub async fn idle(&mut self, mut told: impl FnMut(&[u8])) -> Result<()> {
        self.send(format!("{TAG} IDLE\r\n").as_bytes()).await?;
        loop {
            let line = self.line().await?;
            let line = &self.buffer[line];
            if line.starts_with(b"+") {
                return Ok(());
            }
            told(line);
        }
    }

    /// Ends IDLE.
    pub async fn done(&mut self, told: impl FnMut(&[u8])) -> Result<()> {
        self.send(b"DONE\r\n").await?;
        let answer = self.answer(told).await?;
        if !answer.status.starts_with("OK") {
            bail!("IDLE: {}", answer.status);
        }
        Ok(())
    }

    /// The next line.
    pub async fn next_line(&mut self) -> Result<&[u8]> {
        let line = self.line().await?;
        Ok(&self.buffer[line])
    }

    async fn answer(&mut self, mut told: impl FnMut(&[u8])) -> Result<Answer> {
        let before = self.bytes - (self.end - self.at) as u64;
        let (mut lines, mut literals) = (0, 0);
        loop {
            let mut part = self.line().await?;
            let line = &self.buffer[part.clone()];
            if let Some(rest) = line.strip_prefix(TAG.as_bytes()) {
                let status = String::from_utf8_lossy(rest).trim().to_owned();
                let bytes = self.bytes - (self.end - self.at) as u64 - before;
                return Ok(Answer { status, lines, bytes, literals });
            }
            told(line);
            lines += 1;
            while let Some(literal) = literal(&self.buffer[part]) {
                self.pass_over(literal).await?;
                literals += literal as u64;
                part = self.line().await?;
            }
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = tokio::time::timeout(PATIENCE, self.stream.write_all(bytes)).await;
        sent.context("the server takes no bytes any more")?.context("the connection broke")
    }

    /// A line, with its end.
    async fn line(&mut self) -> Result<Range<usize>> {
        let mut looked_at = 0;
        loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[self.at + looked_at..self.end]) {
                let start = self.at;
                self.at += looked_at + found + 1;
                return Ok(start..self.at);
            }
            looked_at = self.end - self.at;
            self.more().await?;
        }
    }

    async fn pass_over(&mut self, mut bytes: usize) -> Result<()> {
        loop {
            let there = bytes.min(self.end - self.at);
            self.at += there;
            bytes -= there;
            if bytes == 0 {
                return Ok(());
            }
            self.more().await?;
        }
    }

    /// Reads what comes next behind what was not looked at.
    async fn more(&mut self) -> Result<()> {
        if self.at == self.end {
            (self.at, self.end) = (0, 0);
        } else if self.end == self.buffer.len() {
            self.buffer.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
            if self.end == self.buffer.len() {
                self.buffer.resize(2 * self.buffer.len(), 0);
            }
        }
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut self.buffer[self.end..])).await;
        let read = read.context("the server does not answer")?.context("the connection broke")?;
        if read == 0 {
            bail!("the server closed the connection");
        }
        self.end += read;
        self.bytes += read as u64;
        Ok(())
    }
}

/// Length of the literal that this line announces (RFC 9051 section 4.3).
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let digits = line.len() - line.iter().rev().position(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[digits..]).ok()?.parse().ok()
}

/// The number in a line like `* 17 EXISTS`.
pub fn number(line: &[u8], of: &str) -> Option<usize> {
    let line = line.strip_prefix(b"* ")?.strip_suffix(b"\r\n")?.strip_suffix(of.as_bytes())?;
    std::str::from_utf8(line.strip_suffix(b" ")?).ok()?.parse().ok()
}

/// The number of the message that a line like `* 3 FETCH (UID 12)` is about.
pub fn fetched(line: &[u8]) -> Option<usize> {
    let line = line.strip_prefix(b"* ")?;
    let (number, rest) = line.split_at(line.iter().position(|byte| *byte == b' ')?);
    std::str::from_utf8(rest.starts_with(b" FETCH (").then_some(number)?).ok()?.parse().ok()
}

/// The numbers of a line like `* SEARCH 3 7`.
pub fn found(line: &[u8]) -> Result<Option<Vec<usize>>> {
    let Some(numbers) = line.strip_prefix(b"* SEARCH") else { return Ok(None) };
    let numbers = std::str::from_utf8(numbers)?.split_whitespace().map(str::parse);
    numbers.collect::<Result<_, _>>().map(Some).context("a search that found what is no number")
}

/// The words that follow `name` in a response code, like the numbers of `[APPENDUID 7 12]`.
pub fn code<'a>(text: &'a str, name: &str) -> Option<impl Iterator<Item = &'a str>> {
    let start = text.find(&format!("[{name} "))? + name.len() + 2;
    let end = start + text[start..].find(']')?;
    Some(text[start..end].split(' '))
}

/// A connection to a server that answers each command with the next of `answers`, whatever it is, and
/// completes it.
#[cfg(test)]
pub async fn scripted(answers: &'static [&'static str]) -> Result<Wire> {
    use tokio::io::{AsyncBufReadExt, BufStream};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        let mut stream = BufStream::new(listener.accept().await?.0);
        stream.write_all(b"* OK hello\r\n").await?;
        for answer in answers {
            stream.flush().await?;
            stream.read_line(&mut String::new()).await?;
            stream.write_all(format!("{answer}{TAG} OK done\r\n").as_bytes()).await?;
        }
        stream.flush().await
    });
    Wire::connect(address, ROOM).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn lines_tell_numbers_and_literals() {
        assert_eq!(literal(b"* 1 FETCH (BODY[] {12}\r\n"), Some(12));
        assert_eq!(literal(b"* 1 FETCH (BODY[] ~{3}\r\n"), Some(3));
        assert_eq!(literal(b"* 1 FETCH (FLAGS ())\r\n"), None);
        assert_eq!(number(b"* 17 EXISTS\r\n", "EXISTS"), Some(17));
        assert_eq!(number(b"* 17 EXPUNGE\r\n", "EXISTS"), None);
        assert_eq!(fetched(b"* 17 FETCH (FLAGS ())\r\n"), Some(17));
        assert_eq!(fetched(b"* 17 EXPUNGE\r\n"), None);
        assert_eq!(found(b"* SEARCH 3 7\r\n").expect("numbers"), Some(vec![3, 7]));
        assert_eq!(found(b"* SEARCH\r\n").expect("numbers"), Some(vec![]));
        assert_eq!(found(b"* 17 EXISTS\r\n").expect("something else"), None);
        assert!(found(b"* SEARCH 3 x\r\n").is_err());
        let mut words = code("OK [APPENDUID 7 12] done", "APPENDUID").expect("it is there");
        assert_eq!((words.next(), words.next(), words.next()), (Some("7"), Some("12"), None));
        assert!(code("OK done", "APPENDUID").is_none());
    }

    /// A literal may hold what looks like a completion, and end anywhere in what is read at once.
    #[tokio::test]
    async fn a_completion_within_a_literal_is_none() -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await?;
            stream.write_all(b"* OK hello\r\n").await?;
            let mut command = [0; 16];
            let _ = stream.read(&mut command).await?;
            let letter = format!("{TAG} NO not this\r\n");
            let text =
                format!("* 1 FETCH (BODY[] {{{}}}\r\n{letter} UID 3)\r\n* 1 EXISTS\r\n{TAG} OK done\r\n", letter.len());
            for byte in text.as_bytes() {
                stream.write_all(&[*byte]).await?;
            }
            anyhow::Ok(text.len())
        });
        let mut wire = Wire::connect(address, 8).await?;
        let mut exists = None;
        let answer = wire.ok_told("FETCH", |line| exists = exists.or(number(line, "EXISTS"))).await?;
        assert_eq!((answer.status.as_str(), answer.lines, exists), ("OK done", 2, Some(1)));
        assert_eq!(answer.bytes, server.await?? as u64);
        assert_eq!(answer.literals, format!("{TAG} NO not this\r\n").len() as u64);
        Ok(())
    }
}
