//! What is shown to whom, and what a reload changes.

use super::*;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};

fn write(folder: &Path, now: i64) -> TlsFiles {
    let made = certificates::make("mail.example.org", Timestamp(now)).unwrap();
    let files = TlsFiles { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
    put(&files.certificate, made.server.as_bytes());
    put(&files.key, made.server_key.expose());
    files
}

#[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

fn leaf(tls: &Tls) -> Vec<u8> {
    tls.slot.certificate().cert[0].to_vec()
}

/// Believes whatever is shown: what that is, is looked at.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &rustls_pki_types::ServerName<'_>,
        _ocsp_response: &[u8],
        _now: rustls_pki_types::UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}

#[test]
fn a_reload_brings_the_new_certificate_and_a_bad_one_leaves_the_old() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), 1_700_000_000_000);
    let tls = Tls::load(&files).unwrap();
    let first = leaf(&tls);

    write(folder.path(), 1_800_000_000_000);
    tls.reload(&files).unwrap();
    let second = leaf(&tls);
    assert_ne!(first, second);
    assert_eq!(tls.ends(), Some(Timestamp((1_800_000_000 + 820 * 24 * 3600) * 1000)));

    put(&files.certificate, b"no certificate");
    let refusal = tls.reload(&files).unwrap_err().to_string();
    assert!(refusal.contains("cert.pem") && refusal.contains("Next step"), "{refusal}");
    assert_eq!(leaf(&tls), second);
}

/// What clients of this name that offer these protocols at the port of HTTP are shown, and what is spoken then.
async fn seen(acceptor: TlsAcceptor, name: &str, offered: &[&str]) -> Result<(Vec<u8>, Option<Vec<u8>>), String> {
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.alpn_protocols = offered.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let name = rustls_pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let (client, _server) = tokio::join!(connector.connect(name, theirs), acceptor.accept(ours));
    let client = client.map_err(|error| error.to_string())?;
    let connection = client.get_ref().1;
    Ok((connection.peer_certificates().unwrap()[0].to_vec(), connection.alpn_protocol().map(<[u8]>::to_vec)))
}

/// RFC 8737 section 3: to an authority that is expected, and to nobody else.
#[tokio::test]
async fn a_proof_is_shown_to_whoever_offers_its_protocol_alone_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls::load(&write(folder.path(), 1_700_000_000_000)).unwrap();
    let (own, name) = (leaf(&tls), "mail.example.org");
    let refused = |error: String| assert!(error.contains("NoApplicationProtocol"), "{error}");
    refused(seen(tls.web_acceptor(), name, &["acme-tls/1"]).await.unwrap_err());
    let both = ["acme-tls/1", "http/1.1"];
    assert_eq!(seen(tls.web_acceptor(), name, &both).await.unwrap().1.unwrap(), b"http/1.1", "none is expected");

    let proof = tls.show_proof("Mail.example.org", &[7; 32]).unwrap();
    let (shown, spoken) = seen(tls.web_acceptor(), name, &["acme-tls/1"]).await.unwrap();
    assert_eq!((&shown, spoken.as_deref()), (&proof.key.cert[0].to_vec(), Some(ACME_TLS)));
    assert_ne!(shown, own);
    for offered in [&both[..], &["http/1.1"], &[]] {
        assert_eq!(seen(tls.web_acceptor(), name, offered).await.unwrap().0, own, "{offered:?}");
    }
    assert!(seen(tls.web_acceptor(), "other.example.org", &["acme-tls/1"]).await.is_err(), "another name");
    assert!(seen(tls.web_acceptor(), "127.0.0.1", &["acme-tls/1"]).await.is_err(), "an address is no name");
    assert_eq!(seen(tls.acceptor(), name, &["acme-tls/1"]).await.unwrap(), (own, None), "mail knows no such thing");

    drop(proof);
    refused(seen(tls.web_acceptor(), name, &["acme-tls/1"]).await.unwrap_err());
}

/// What a log has of an act.
fn logged(act: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, act);
    let written = log.0.lock().unwrap().clone();
    String::from_utf8(written).unwrap()
}

#[test]
fn a_certificate_that_is_there_and_of_no_use_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "hostname = \"mail.example.org\"\ndata_dir = {:?}\n[listen]\nhttp = [\"127.0.0.1:80\"]\n[tls.acme]\n\
         directory = \"https://127.0.0.1:1/dir\"\n",
        folder.path()
    );
    let config = Config::parse(Path::new("postern.toml"), &text, &[]).unwrap();
    let start = || logged(|| drop(Tls::start(&config, Timestamp(1_700_000_000_000)).unwrap()));
    assert_eq!(start(), "", "it is still to come");
    std::fs::create_dir_all(&config.acme.as_ref().unwrap().folder).unwrap();
    put(&config.tls.certificate, b"half of it");
    let told = start();
    assert!(told.contains("certificate.unusable") && told.contains("certificate.pem: "), "{told}");
    assert!(told.contains("another is shown until the authority gives one"), "{told}");
}

#[test]
fn a_certificate_of_another_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = write(folder.path(), 1_700_000_000_000);
    let other = certificates::make("mail.example.org", Timestamp(0)).unwrap();
    put(&files.key, other.server_key.expose());
    let refusal = Tls::load(&files).err().unwrap().to_string();
    assert!(refusal.contains("belong together"), "{refusal}");
}
