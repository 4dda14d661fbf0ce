//! Dialling over loopback, with certificates that are right and wrong.

use super::*;
use crate::certificates::{Certificates, make};
use crate::config::TlsFiles;
use crate::tls::{Tls, provider};
use postern_app::{HopLogin, Outcome, Parcel, ParcelRecipient};
use postern_store::{Clock, SystemClock};
use postern_types::Secret;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufStream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// A folder with `ca.pem`, and what a server with a certificate of it accepts with.
fn authority() -> (TempDir, Certificates, TlsAcceptor) {
    let folder = tempfile::tempdir().unwrap();
    let made = make("mail.example.com", SystemClock.wall()).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    put(&folder.path().join("ca.pem"), made.authority.as_bytes());
    put(&files.certificate, made.server.as_bytes());
    put(&files.key, made.server_key.expose());
    let acceptor = Tls::load(&files).unwrap().acceptor();
    (folder, made, acceptor)
}

fn ca(folder: &TempDir) -> Option<PathBuf> {
    Some(folder.path().join("ca.pem"))
}

fn hop(host: &str, port: u16, tls: HopTls) -> Arc<Hop> {
    Arc::new(Hop { host: host.to_owned(), port, tls, login: None })
}

/// Accepts one connection, shakes hands, says one line.
async fn greeter(host: &str, acceptor: TlsAcceptor) -> (u16, JoinHandle<io::Result<()>>) {
    let listener = TcpListener::bind((host, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let mut stream = acceptor.accept(stream).await?;
        stream.write_all(b"220 hello\r\n").await?;
        stream.flush().await
    });
    (port, task)
}

/// Dials, and says what was read or why nothing was.
async fn hear(dialer: &HopDialer, hop: &Arc<Hop>) -> Result<String, String> {
    let mut connection = dialer.dial(hop).await.map_err(|error| format!("{error:?}"))?;
    if !connection.peer().encrypted {
        connection.start_tls().await.map_err(|error| error.to_string())?;
    }
    assert!(connection.peer().encrypted && connection.peer().address.unwrap().is_loopback());
    let mut buffer = Vec::new();
    connection.read(&mut buffer).await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(buffer).unwrap())
}

#[tokio::test]
async fn a_certificate_of_the_authority_is_believed() {
    let (folder, _, acceptor) = authority();
    let dialer = HopDialer::new(ca(&folder));
    for tls in [HopTls::Implicit, HopTls::Required, HopTls::Opportunistic] {
        for host in ["127.0.0.1", "localhost"] {
            let (port, served) = greeter("127.0.0.1", acceptor.clone()).await;
            assert_eq!(hear(&dialer, &hop(host, port, tls)).await.as_deref(), Ok("220 hello\r\n"), "{tls:?} {host}");
            served.await.unwrap().unwrap();
        }
    }
}

/// RFC 8314 section 3.3, RFC 7435: a stranger is believed only where anybody is.
#[tokio::test]
async fn a_certificate_of_somebody_else_is_not() {
    let (_folder, _, acceptor) = authority();
    let (other, ..) = authority();
    let dialer = HopDialer::new(ca(&other));
    for tls in [HopTls::Implicit, HopTls::Required] {
        let (port, served) = greeter("127.0.0.1", acceptor.clone()).await;
        let refused = hear(&dialer, &hop("127.0.0.1", port, tls)).await.unwrap_err();
        assert!(refused.contains("certificate"), "{refused}");
        assert!(served.await.unwrap().is_err(), "the server is told as well");
    }
    let (port, _) = greeter("127.0.0.1", acceptor).await;
    assert!(hear(&dialer, &hop("127.0.0.1", port, HopTls::Opportunistic)).await.is_ok());
}

/// RFC 9525: the right authority, another name.
#[tokio::test]
async fn a_certificate_of_another_name_is_not() {
    let (folder, _, acceptor) = authority();
    let dialer = HopDialer::new(ca(&folder));
    let (port, _) = greeter("127.0.0.2", acceptor.clone()).await;
    let refused = hear(&dialer, &hop("127.0.0.2", port, HopTls::Required)).await.unwrap_err();
    assert!(refused.contains("certificate"), "{refused}");
    let (port, _) = greeter("127.0.0.2", acceptor).await;
    assert!(hear(&dialer, &hop("127.0.0.2", port, HopTls::Opportunistic)).await.is_ok());
}

/// The machine's own list has no authority of ours.
#[tokio::test]
async fn without_a_file_the_machines_list_counts() {
    let (_folder, _, acceptor) = authority();
    let (port, _served) = greeter("127.0.0.1", acceptor).await;
    assert!(hear(&HopDialer::new(None), &hop("127.0.0.1", port, HopTls::Required)).await.is_err());
}

#[derive(Debug)]
struct Mismatched(Arc<CertifiedKey>);

impl ResolvesServerCert for Mismatched {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Whoever shows a certificate has its key, even where any certificate will do.
#[tokio::test]
async fn a_borrowed_certificate_is_never_believed() {
    let (_one, certificate, _) = authority();
    let (_other, key, _) = authority();
    let chain = CertificateDer::pem_slice_iter(certificate.server.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.server_key.expose()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let pair = Arc::new(CertifiedKey::new(Vec::clone(&chain), key.clone()));
        let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[version]).unwrap();
        let config = config.with_no_client_auth().with_cert_resolver(Arc::new(Mismatched(pair)));
        let (port, _served) = greeter("127.0.0.1", TlsAcceptor::from(Arc::new(config))).await;
        let refused = hear(&HopDialer::new(None), &hop("127.0.0.1", port, HopTls::Opportunistic)).await.unwrap_err();
        assert!(refused.contains("BadSignature"), "{refused}");
    }
}

#[tokio::test]
async fn why_there_is_no_connection_is_said() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let dialer = HopDialer::new(Some(PathBuf::from("no-such-file.pem")));
    let refused = dialer.dial(&hop("127.0.0.1", free, HopTls::Never)).await.err().unwrap();
    assert!(matches!(&refused, DialError::Unreachable(text) if text.contains("127.0.0.1")), "{refused:?}");
    let unknown = dialer.dial(&hop("no..name", 25, HopTls::Never)).await.err().unwrap();
    assert!(matches!(unknown, DialError::NoAddress(_)), "{unknown:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let no_file = dialer.dial(&hop("127.0.0.1", port, HopTls::Implicit)).await.err().unwrap();
    assert!(matches!(&no_file, DialError::Tls(text) if text.contains("no-such-file.pem")), "{no_file:?}");
}

/// Reads lines and says what the script has for them, until it has no more.
async fn follow<S>(stream: S, script: &[(&str, &str)]) -> S
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut stream = BufStream::new(stream);
    for (hear, say) in script {
        let mut line = String::new();
        while !hear.is_empty() && !line.starts_with(hear) {
            line.clear();
            assert_ne!(stream.read_line(&mut line).await.unwrap(), 0, "it ended before {hear}");
        }
        stream.write_all(say.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    stream.into_inner()
}

/// The whole road: a parcel, TCP, STARTTLS, a sign-in, a reply.
#[tokio::test]
async fn a_parcel_arrives_over_real_tls() {
    let (folder, _, acceptor) = authority();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let clear = [
            ("", "220 mail.example.com\r\n"),
            ("EHLO mail.example.org", "250-mail.example.com\r\n250 STARTTLS\r\n"),
            ("STARTTLS", "220 go\r\n"),
        ];
        let stream = follow(stream, &clear).await;
        let stream = acceptor.accept(stream).await.unwrap();
        let secured = [
            ("EHLO mail.example.org", "250-mail.example.com\r\n250 AUTH PLAIN\r\n"),
            ("AUTH PLAIN ", "235 ok\r\n"),
            ("MAIL FROM:<bob@example.org>", "250 ok\r\n"),
            ("RCPT TO:<a@example.com>", "250 ok\r\n"),
            ("DATA", "354 go\r\n"),
            (".\r\n", "250 taken\r\n"),
        ];
        follow(stream, &secured).await;
    });
    let login = Some(HopLogin { username: "tim".to_owned(), password: Secret::new("secret") });
    let hop = Hop { host: "localhost".to_owned(), port, tls: HopTls::Required, login };
    let parcel = Parcel {
        hop: Arc::new(hop),
        id: "q1".to_owned(),
        reverse_path: "bob@example.org".to_owned(),
        recipients: vec![ParcelRecipient { address: "a@example.com".to_owned(), notify: None, original: None }],
        message: vec![Arc::new(vec![b'x'; 1 << 20])],
        smtputf8: false,
        eight_bit: false,
        return_full: None,
        envelope_id: None,
    };
    assert!(!format!("{parcel:?}").contains("secret"));
    let carrier = carrier("mail.example.org", ca(&folder), 2);
    let turn = carrier.turns(&parcel.hop).acquire_owned().await.unwrap();
    let carried = carrier.carry(parcel, turn.into()).await;
    assert_eq!(carried.outcomes, [Outcome::Done { reports: false }]);
    assert_eq!(carried.server.as_deref(), Some("mail.example.com"));
    served.await.unwrap();
}
