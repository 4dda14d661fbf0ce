//! A scripted IMAP client: it sends what it is told and reads what comes, literals and all.
//!
//! It knows just enough of the grammar to find where an answer ends. Everything else is
//! compared as bytes, so that a test sees what a real client sees.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A guard against a hung test, far above any real wait; no test measures time by it.
const PATIENCE: Duration = Duration::from_secs(60);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// One answer: the untagged lines before it, each with its literals, and its own line.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Untagged responses without their last CRLF.
    pub untagged: Vec<Vec<u8>>,
    /// The tagged line without its tag: `OK [..] text`.
    pub status: String,
}

impl Answer {
    /// The untagged responses as text, for assertions.
    pub fn lines(&self) -> Vec<String> {
        self.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }
    /// The first untagged response that contains `text`.
    pub fn line_with(&self, text: &str) -> Option<String> {
        self.lines().into_iter().find(|line| line.contains(text))
    }
    /// Does an untagged response contain `text`?
    pub fn has(&self, text: &str) -> bool {
        self.line_with(text).is_some()
    }
    /// The bytes of the first literal in the answer.
    pub fn literal(&self) -> Option<Vec<u8>> {
        self.untagged.iter().find_map(|line| {
            let end = line.windows(3).position(|window| window == b"}\r\n")?;
            let start = line[..end].iter().rposition(|byte| *byte == b'{')?;
            let size: usize = std::str::from_utf8(&line[start + 1..end]).ok()?.parse().ok()?;
            line.get(end + 3..end + 3 + size).map(<[u8]>::to_vec)
        })
    }
}

/// A connection to the IMAP server.
pub struct ImapClient {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    tag: u32,
    /// After COMPRESS.
    deflated: Option<Box<Deflated>>,
    /// Who it is, for messages of failed assertions.
    pub name: String,
}

impl ImapClient {
    /// Takes a connected stream over and reads the greeting.
    pub async fn start(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, name: &str) -> Self {
        let client = Self::try_start(stream, name).await;
        client.unwrap_or_else(|| panic!("{name}: the server closed the connection"))
    }

    /// The same; `None` when the server has closed.
    pub async fn try_start(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, name: &str) -> Option<Self> {
        let mut client =
            Self { stream: Box::new(stream), buffer: Vec::new(), tag: 0, deflated: None, name: name.to_owned() };
        let greeting = client.try_response().await?;
        assert!(greeting.starts_with(b"* OK"), "greeting: {}", String::from_utf8_lossy(&greeting));
        Some(client)
    }

    /// Sends bytes as they are. A server that has closed takes none; what it said before is there
    /// to be read.
    pub async fn send(&mut self, bytes: &[u8]) {
        let deflated = self.deflated.as_mut().map(|deflated| deflated.say(bytes));
        let bytes = deflated.as_deref().unwrap_or(bytes);
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match sent.await {
            Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                panic!("{}: the server takes no bytes: {error}", self.name)
            }
            Ok(()) | Err(_) => {}
        }
    }

    /// Reads one response: a line with its literals, without its last CRLF.
    pub async fn response(&mut self) -> Vec<u8> {
        self.try_response().await.unwrap_or_else(|| panic!("{}: the server closed the connection", self.name))
    }

    /// The same; `None` when the server has closed.
    pub async fn try_response(&mut self) -> Option<Vec<u8>> {
        let mut response = Vec::new();
        loop {
            let line = self.line().await?;
            response.extend_from_slice(&line);
            let Some(size) = literal_size(&line) else {
                response.truncate(response.len() - 2);
                return Some(response);
            };
            while self.buffer.len() < size {
                self.fill().await?;
            }
            response.extend(self.buffer.drain(..size));
        }
    }

    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                return Some(self.buffer.drain(..end + 2).collect());
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let mut bytes = vec![0; 64 << 10];
        let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes)).await;
        let read = read.unwrap_or_else(|_| panic!("{}: the server does not answer", self.name));
        match read {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                match &mut self.deflated {
                    Some(deflated) => deflated.hear(&bytes[..count], &mut self.buffer),
                    None => self.buffer.extend_from_slice(&bytes[..count]),
                }
                Some(())
            }
        }
    }

    /// A fresh tag.
    pub fn next_tag(&mut self) -> String {
        self.tag += 1;
        format!("a{:03}", self.tag)
    }

    /// Sends a command and reads its answer.
    pub async fn command(&mut self, command: &str) -> Answer {
        let answer = self.try_command(command).await;
        answer.unwrap_or_else(|| panic!("{}: the server closed the connection", self.name))
    }

    /// The same; `None` when the server has closed before all of the answer was there.
    pub async fn try_command(&mut self, command: &str) -> Option<Answer> {
        let tag = self.next_tag();
        self.send(format!("{tag} {command}\r\n").as_bytes()).await;
        self.try_answer(&tag).await
    }

    /// Reads until the answer with this tag.
    pub async fn answer(&mut self, tag: &str) -> Answer {
        let answer = self.try_answer(tag).await;
        answer.unwrap_or_else(|| panic!("{}: the server closed the connection", self.name))
    }

    async fn try_answer(&mut self, tag: &str) -> Option<Answer> {
        let mut untagged = Vec::new();
        loop {
            let response = self.try_response().await?;
            match response.strip_prefix(format!("{tag} ").as_bytes()) {
                Some(status) => {
                    return Some(Answer { untagged, status: String::from_utf8_lossy(status).into_owned() });
                }
                None => untagged.push(response),
            }
        }
    }

    /// The command must succeed; its answer must contain `expected` somewhere.
    pub async fn ok(&mut self, command: &str, expected: &str) -> Answer {
        self.expect("OK", command, expected).await
    }

    /// The command must be refused with NO; the status line must contain `expected`.
    pub async fn no(&mut self, command: &str, expected: &str) -> Answer {
        self.expect("NO", command, expected).await
    }

    /// The command must be refused with BAD.
    pub async fn bad(&mut self, command: &str, expected: &str) -> Answer {
        self.expect("BAD", command, expected).await
    }

    async fn expect(&mut self, word: &str, command: &str, expected: &str) -> Answer {
        let answer = self.command(command).await;
        let found = answer.status.starts_with(word) && (answer.status.contains(expected) || answer.has(expected));
        assert!(
            found,
            "{}: {command}\n  expected {word} with {expected:?}\n  got {:#?}\n  {}",
            self.name,
            answer.lines(),
            answer.status
        );
        answer
    }

    /// Signs in.
    pub async fn login(&mut self, username: &str, password: &str) -> Answer {
        self.ok(&format!("LOGIN {username} \"{password}\""), "").await
    }

    /// APPEND with a synchronising literal.
    pub async fn append(&mut self, mailbox: &str, flags: &str, message: &[u8]) -> Answer {
        let answer = self.try_append(mailbox, flags, message).await;
        answer.unwrap_or_else(|| panic!("{}: the server closed the connection", self.name))
    }

    /// The same; `None` when the server has closed before all of the answer was there.
    pub async fn try_append(&mut self, mailbox: &str, flags: &str, message: &[u8]) -> Option<Answer> {
        let tag = self.next_tag();
        let flags = if flags.is_empty() { String::new() } else { format!("({flags}) ") };
        self.send(format!("{tag} APPEND {mailbox} {flags}{{{}}}\r\n", message.len()).as_bytes()).await;
        loop {
            let response = self.try_response().await?;
            if response.starts_with(b"+") {
                break;
            }
            if let Some(status) = response.strip_prefix(format!("{tag} ").as_bytes()) {
                return Some(Answer { untagged: Vec::new(), status: String::from_utf8_lossy(status).into_owned() });
            }
        }
        self.send(message).await;
        self.send(b"\r\n").await;
        self.try_answer(&tag).await
    }

    /// COMPRESS: from its answer on both sides compress.
    pub async fn compress(&mut self) {
        self.ok("COMPRESS DEFLATE", "").await;
        let mut deflated = Deflated { say: Compress::new(Compression::fast(), false), hear: Decompress::new(false) };
        let came = std::mem::take(&mut self.buffer);
        deflated.hear(&came, &mut self.buffer);
        self.deflated = Some(Box::new(deflated));
    }

    /// Begins IDLE and waits for the server to accept it; answers the tag.
    pub async fn idle(&mut self) -> String {
        let tag = self.next_tag();
        self.send(format!("{tag} IDLE\r\n").as_bytes()).await;
        let accepted = self.response().await;
        assert!(accepted.starts_with(b"+"), "{}: {}", self.name, String::from_utf8_lossy(&accepted));
        tag
    }

    /// Reads responses until one contains `text`.
    pub async fn until(&mut self, text: &str) -> String {
        loop {
            let response = self.response().await;
            let response = String::from_utf8_lossy(&response).into_owned();
            if response.contains(text) {
                return response;
            }
        }
    }

    /// Ends IDLE.
    pub async fn done(&mut self, tag: &str) -> Answer {
        self.send(b"DONE\r\n").await;
        self.answer(tag).await
    }

    /// The server must close the connection; answers what it said last.
    pub async fn closed(&mut self) -> Vec<String> {
        let mut last = Vec::new();
        while let Some(response) = self.try_response().await {
            last.push(String::from_utf8_lossy(&response).into_owned());
        }
        last
    }

    /// What has come and is not a whole response.
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }
}

/// What both sides say under COMPRESS: one stream each way.
struct Deflated {
    say: Compress,
    hear: Decompress,
}

impl Deflated {
    fn say(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), bytes);
        loop {
            out.reserve(rest.len() / 2 + 1024);
            let before = self.say.total_in();
            self.say.compress_vec(rest, &mut out, FlushCompress::Sync).expect("it can be compressed");
            rest = &rest[(self.say.total_in() - before) as usize..];
            if out.len() < out.capacity() {
                return out;
            }
        }
    }

    fn hear(&mut self, mut came: &[u8], buffer: &mut Vec<u8>) {
        loop {
            buffer.reserve(64 << 10);
            let before = self.hear.total_in();
            self.hear.decompress_vec(came, buffer, FlushDecompress::Sync).expect("the server compresses");
            came = &came[(self.hear.total_in() - before) as usize..];
            if came.is_empty() && buffer.len() < buffer.capacity() {
                return;
            }
        }
    }
}

/// The size of the literal that a line announces at its end.
fn literal_size(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let start = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[start + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_ends_at_its_tag_and_literals_are_whole() {
        let (near, mut far) = tokio::io::duplex(1024);
        far.write_all(b"* OK hello\r\n* 1 FETCH (BODY[] {5}\r\na\r\nb) UID 3)\r\na001 OK done\r\n").await.unwrap();
        let mut client = ImapClient::start(near, "test").await;
        let answer = client.ok("FETCH 1 BODY[]", "done").await;
        assert_eq!(answer.literal().unwrap(), b"a\r\nb)");
        assert_eq!(answer.untagged.len(), 1);
    }
}
