//! A scripted LMTP client.

use std::net::SocketAddr;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A connection to the LMTP server that has said LHLO.
pub struct LmtpClient {
    stream: BufReader<TcpStream>,
}

impl LmtpClient {
    /// Connects and says LHLO.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the LMTP listener answers");
        stream.set_nodelay(true).expect("a loopback socket takes the option");
        let mut client = Self { stream: BufReader::new(stream) };
        assert!(client.reply().await.starts_with("220"));
        assert!(client.command("LHLO client.example.org").await.starts_with("250"));
        client
    }

    /// Sends a line and reads the reply to it.
    pub async fn command(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.expect("the server takes bytes");
    }

    /// Reads one reply, all its lines.
    pub async fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection after {reply:?}");
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return reply;
            }
        }
    }

    /// One message for these recipients; answers one reply for each that was accepted, or
    /// the refusal of RCPT.
    pub async fn deliver(&mut self, from: &str, recipients: &[&str], message: &[u8]) -> Vec<String> {
        let reply = self.command(&format!("MAIL FROM:<{from}> BODY=8BITMIME")).await;
        assert!(reply.starts_with("250"), "MAIL: {reply}");
        let mut replies = Vec::new();
        let mut accepted = 0;
        for recipient in recipients {
            let reply = self.command(&format!("RCPT TO:<{recipient}>")).await;
            if reply.starts_with("250") {
                accepted += 1;
            } else {
                replies.push(reply);
            }
        }
        if accepted == 0 {
            self.command("RSET").await;
            return replies;
        }
        assert!(self.command("DATA").await.starts_with("354"));
        self.send(&stuffed(message)).await;
        for _ in 0..accepted {
            replies.push(self.reply().await);
        }
        replies
    }
}

/// The message with dots doubled at line starts and the end of data behind it (RFC 5321
/// section 4.5.2). A message that does not end with a line end gets one.
pub fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 16);
    let mut at_line_start = true;
    for byte in message {
        if at_line_start && *byte == b'.' {
            bytes.push(b'.');
        }
        bytes.push(*byte);
        at_line_start = *byte == b'\n';
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

/// The same mail with every line end made CRLF, and one at its end.
pub fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + message.len() / 32);
    let mut previous = 0;
    for byte in message {
        match (previous, *byte) {
            (b'\r', b'\n') => bytes.push(b'\n'),
            (b'\r', other) => {
                bytes.push(b'\n');
                if other == b'\r' {
                    bytes.push(b'\r');
                } else {
                    bytes.push(other);
                }
            }
            (_, b'\n') => bytes.extend_from_slice(b"\r\n"),
            (_, other) => bytes.push(other),
        }
        previous = *byte;
    }
    if previous == b'\r' {
        bytes.push(b'\n');
    }
    if !bytes.ends_with(b"\r\n") {
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        assert_eq!(with_crlf(b"a\nb\r\nc\rd\r\re"), b"a\r\nb\r\nc\r\nd\r\n\r\ne\r\n");
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuffed(b".a\r\nb.\r\n..\r\n"), b"..a\r\nb.\r\n...\r\n.\r\n");
    }
}
