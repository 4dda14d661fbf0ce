//! Knocking at another server's SMTP: does it answer, greet, and offer TLS? It is left again at once; nobody
//! signs in, and nothing is sent.

use postern_app::{Hop, HopTls};
use postern_server::roots;
use rustls::ClientConfig;
use rustls::crypto::ring::default_provider;
use rustls_pki_types::ServerName;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// For each step.
const PATIENCE: Duration = Duration::from_secs(10);
/// No honest answer is longer.
const ANSWER_BYTES: u64 = 16 << 10;
/// A name with more addresses has trouble of another kind.
const ADDRESSES: usize = 8;

/// What a server offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// The connection is under TLS, the certificate checked.
    pub is_private: bool,
    pub starttls: bool,
    /// Signing in, at the end of what was tried.
    pub auth: bool,
}

/// Where it ended, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its name leads nowhere.
    Name(String),
    /// No address of it answers.
    Connection(String),
    /// What answers does not speak SMTP, or does not want to.
    Greeting(String),
    /// TLS did not come about.
    Tls(String),
}

impl Refused {
    pub fn text(&self) -> &str {
        let (Self::Name(text) | Self::Connection(text) | Self::Greeting(text) | Self::Tls(text)) = self;
        text
    }
}

/// Knocks where mail would be handed over, as far into TLS as mail would go.
pub(super) async fn knock(hop: &Hop, hostname: &str, authorities: Option<&Path>) -> Result<Offer, Refused> {
    let stream = connect(&hop.host, hop.port).await?;
    if hop.tls == HopTls::Implicit {
        let mut talk = Talk::new(under_tls(stream, &hop.host, authorities).await?);
        talk.greeting().await?;
        let offer = talk.offer(hostname).await?;
        talk.leave().await;
        return Ok(Offer { is_private: true, ..offer });
    }
    let mut talk = Talk::new(stream);
    talk.greeting().await?;
    let offer = talk.offer(hostname).await?;
    // Only where it is checked does mail depend on whose certificate that is.
    if !offer.starttls || hop.tls != HopTls::Required {
        talk.leave().await;
        return Ok(offer);
    }
    talk.say("STARTTLS", "220").await?;
    let mut talk = Talk::new(under_tls(talk.into_inner(), &hop.host, authorities).await?);
    let private = talk.offer(hostname).await?;
    talk.leave().await;
    Ok(Offer { is_private: true, auth: private.auth, ..offer })
}

/// Knocks at a door and reads the greeting alone.
pub(super) async fn knock_at(host: &str, port: u16) -> Result<(), Refused> {
    let mut talk = Talk::new(connect(host, port).await?);
    talk.greeting().await?;
    talk.leave().await;
    Ok(())
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Refused> {
    let host = host.trim_end_matches('.');
    let found = timeout(PATIENCE, lookup_host((host, port))).await;
    let found = found.map_err(|_| Refused::Name(format!("{host} was not found in time")))?;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| Refused::Name(format!("{host} has no address: {error}")))?.take(ADDRESSES).collect();
    let mut last = Refused::Name(format!("{host} has no address"));
    for address in addresses {
        let why = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing within {} s", PATIENCE.as_secs()),
        };
        last = Refused::Connection(format!("{address} does not answer: {why}"));
    }
    Err(last)
}

async fn under_tls(
    stream: TcpStream,
    host: &str,
    authorities: Option<&Path>,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Refused> {
    let failed = |error: &dyn std::fmt::Display| Refused::Tls(error.to_string());
    let roots = roots(authorities).map_err(|error| failed(&error))?;
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.trim_end_matches('.').to_owned()).map_err(|error| failed(&error))?;
    let shaken = timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await;
    shaken.map_err(|_| failed(&"no handshake in time"))?.map_err(|error| failed(&error))
}

/// A conversation of SMTP (RFC 5321 section 4.2).
struct Talk<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    fn into_inner(self) -> S {
        self.0.into_inner()
    }

    async fn greeting(&mut self) -> Result<(), Refused> {
        self.expect("220").await.map(drop)
    }

    async fn offer(&mut self, hostname: &str) -> Result<Offer, Refused> {
        let lines = self.say(&format!("EHLO {hostname}"), "250").await?;
        let has = |keyword: &str| {
            lines.iter().any(|line| line.get(4..).and_then(|rest| rest.split_whitespace().next()) == Some(keyword))
        };
        Ok(Offer { is_private: false, starttls: has("STARTTLS"), auth: has("AUTH") })
    }

    async fn say(&mut self, line: &str, code: &str) -> Result<Vec<String>, Refused> {
        let failed = |error: &dyn std::fmt::Display| Refused::Greeting(format!("the connection broke: {error}"));
        let sent = timeout(PATIENCE, self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())).await;
        sent.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        timeout(PATIENCE, self.0.get_mut().flush()).await.map_err(|e| failed(&e))?.map_err(|e| failed(&e))?;
        self.expect(code).await
    }

    /// The lines of a reply, upper case, if it has this code.
    async fn expect(&mut self, code: &str) -> Result<Vec<String>, Refused> {
        let broke = |why: &str| Refused::Greeting(why.to_owned());
        let mut lines = Vec::new();
        let mut left = (&mut self.0).take(ANSWER_BYTES);
        loop {
            let mut line = Vec::new();
            let read = timeout(PATIENCE, left.read_until(b'\n', &mut line)).await;
            match read.map_err(|_| broke("it says nothing"))?.map_err(|error| broke(&error.to_string()))? {
                0 => return Err(broke("it ends the connection")),
                _ => lines.push(String::from_utf8_lossy(&line).trim_end().to_owned()),
            }
            let last = lines.last().map(String::as_str).unwrap_or_default();
            if !last.starts_with(code) {
                return Err(Refused::Greeting(format!("it says: {last}")));
            }
            if last.as_bytes().get(3) != Some(&b'-') {
                return Ok(lines.iter().map(|line| line.to_ascii_uppercase()).collect());
            }
        }
    }

    async fn leave(mut self) {
        // It was only a knock: how the other side takes the end changes nothing.
        let _ = self.say("QUIT", "221").await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that says these, one after each line that comes; the first at once.
    async fn server(says: &'static [&'static str]) -> (SocketAddr, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = BufReader::new(stream);
            let mut heard = Vec::new();
            for text in says {
                stream.get_mut().write_all(text.as_bytes()).await.unwrap();
                let mut line = String::new();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    break;
                }
                heard.push(line.trim_end().to_owned());
            }
            heard
        });
        (address, heard)
    }

    fn hop(address: SocketAddr, tls: HopTls) -> Hop {
        Hop { host: address.ip().to_string(), port: address.port(), tls, login: None }
    }

    #[tokio::test]
    async fn a_server_is_greeted_and_left_without_a_message() {
        let says = &["220 relay ESMTP\r\n", "250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n", "221 bye\r\n"];
        let (address, heard) = server(says).await;
        let offer = knock(&hop(address, HopTls::Opportunistic), "mail.example.org", None).await.unwrap();
        assert_eq!(offer, Offer { is_private: false, starttls: true, auth: true });
        assert_eq!(heard.await.unwrap(), ["EHLO mail.example.org", "QUIT"]);
    }

    #[tokio::test]
    async fn who_does_not_want_to_talk_is_quoted() {
        let (address, _heard) = server(&["554 5.7.1 You are on a list\r\n"]).await;
        let refused = knock(&hop(address, HopTls::Opportunistic), "mail.example.org", None).await.unwrap_err();
        assert_eq!(refused, Refused::Greeting("it says: 554 5.7.1 You are on a list".into()));
        let (address, _heard) = server(&["* OK IMAP4rev2\r\n"]).await;
        assert!(matches!(knock_at("127.0.0.1", address.port()).await, Err(Refused::Greeting(_))));
    }

    #[tokio::test]
    async fn what_does_not_answer_is_told_from_what_does_not_speak_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = knock(&hop(address, HopTls::Never), "mail.example.org", None).await.unwrap_err();
        assert!(matches!(refused, Refused::Connection(_)), "{refused:?}");
        let (address, _heard) = server(&["220 relay ESMTP\r\n"]).await;
        let refused = knock(&hop(address, HopTls::Implicit), "mail.example.org", None).await.unwrap_err();
        assert!(matches!(refused, Refused::Tls(_)), "{refused:?}");
    }
}
