//! A scripted client of submission and SMTP.

use crate::PASSWORD;
use base64::Engine as _;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

/// Bytes in and out, whatever carries them.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// A connection that has said EHLO.
pub struct SmtpClient {
    stream: BufReader<Box<dyn Stream>>,
    /// What the server offered.
    pub offer: String,
}

impl SmtpClient {
    /// Greets a server that has just been connected to.
    pub async fn start(stream: impl Stream + 'static) -> Self {
        let stream: Box<dyn Stream> = Box::new(stream);
        let mut client = Self { stream: BufReader::new(stream), offer: String::new() };
        let greeting = client.reply().await;
        assert!(greeting.starts_with("220"), "{greeting}");
        client.offer = client.command("EHLO client.example.org").await;
        assert!(client.offer.starts_with("250"), "{}", client.offer);
        client
    }

    /// Signs in with AUTH PLAIN; answers the reply.
    pub async fn auth(&mut self, username: &str, secret: &str) -> String {
        let response = base64::engine::general_purpose::STANDARD.encode(format!("\0{username}\0{secret}"));
        self.command(&format!("AUTH PLAIN {response}")).await
    }

    /// Signs a person of the tests in.
    pub async fn login(&mut self, username: &str) {
        let reply = self.auth(username, PASSWORD).await;
        assert!(reply.starts_with("235"), "{username}: {reply}");
    }

    /// Sends a line and reads the reply to it.
    pub async fn command(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes()).await;
        self.reply().await
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.expect("the server takes bytes");
        self.stream.get_mut().flush().await.expect("the server takes bytes");
    }

    /// Reads one reply, all its lines.
    pub async fn reply(&mut self) -> String {
        self.next_reply().await.expect("the server answers")
    }

    /// The same; nothing where the server has closed.
    pub async fn next_reply(&mut self) -> Option<String> {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                return Some(reply);
            }
        }
    }

    /// Sends one message; answers the reply that ended it: to MAIL, to the first RCPT that was refused, or to
    /// the message.
    pub async fn submit(&mut self, from: &str, recipients: &[&str], message: &str) -> String {
        let reply = self.command(&format!("MAIL FROM:<{from}>")).await;
        if !reply.starts_with("250") {
            return reply;
        }
        for recipient in recipients {
            let reply = self.command(&format!("RCPT TO:<{recipient}>")).await;
            if !reply.starts_with("250") {
                self.command("RSET").await;
                return reply;
            }
        }
        let reply = self.command("DATA").await;
        if !reply.starts_with("354") {
            return reply;
        }
        let bytes = crate::stuffed(&crate::with_crlf(message.as_bytes()));
        self.send(&bytes).await;
        self.reply().await
    }

    /// The same; it must be taken. Answers its name in the queue.
    pub async fn sends(&mut self, from: &str, recipients: &[&str], message: &str) -> String {
        let reply = self.submit(from, recipients, message).await;
        assert!(reply.starts_with("250"), "{from} to {recipients:?}: {reply}");
        let id = reply.split_whitespace().find(|word| word.starts_with("msg_")).expect("a name in the reply");
        id.trim_end_matches(|last: char| !last.is_ascii_alphanumeric()).to_owned()
    }
}
