//! TLS for every listener: one certificate, changed without a restart.
//!
//! The certificate lies in a slot that each handshake reads, so a reload holds for the next
//! connection and disturbs none. A certificate that does not load, or does not fit its key,
//! leaves the old one in place. The provider is `ring`, chosen here alone, for connections that
//! we open (`dial`) too.

use crate::config::TlsFiles;
use crate::inspect::Inspected;
use postern_types::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;

/// Why a certificate can not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable or no PEM.
    #[error("{}: {reason}\nNext step: check [tls] certificate and key in the configuration", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Both were read and do not work.
    #[error(
        "the certificate {} does not work with its key: {reason}\nNext step: check that [tls] certificate and key belong together",
        path.display()
    )]
    Pair {
        /// The certificate.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The versions of TLS we ask for are not to be had.
    #[error("TLS is not to be had: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The cryptography behind all TLS.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The certificate in force.
#[derive(Debug)]
struct Slot(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Slot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// What listeners accept TLS with.
#[derive(Clone)]
pub struct Tls {
    slot: Arc<Slot>,
    config: Arc<ServerConfig>,
    web: Arc<ServerConfig>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Loads the certificate.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = provider();
        let slot = Arc::new(Slot(RwLock::new(Arc::new(load(files, &provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(slot.clone());
        // Resumption tickets of a mail server save little: sessions last for hours.
        config.send_tls13_tickets = 0;
        // A client that wants another protocol at this port is turned away in the handshake
        // (RFC 7301 section 3.2, RFC 9325 section 3.7).
        let mut web = config.clone();
        web.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { slot, config: Arc::new(config), web: Arc::new(web), provider })
    }

    /// Loads the certificate again; on failure the old one stays.
    pub fn reload(&self, files: &TlsFiles) -> Result<(), TlsError> {
        let fresh = Arc::new(load(files, &self.provider)?);
        *self.slot.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Until when the certificate in force holds.
    pub fn ends(&self) -> Option<Timestamp> {
        let key = self.slot.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        key.cert.first().and_then(|leaf| Inspected::of(leaf)).map(|leaf| leaf.not_after)
    }

    /// For one handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// For one handshake before HTTP.
    pub fn web_acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.web.clone())
    }
}

/// The certificates of the files, the server's first, once they are known to work with the key.
pub fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(load(files, &provider())?.cert)
}

fn load(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let failed = |path: &Path, error: pem::Error| TlsError::File { path: path.to_owned(), reason: plain(&error) };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(&files.certificate, error))?;
    if chain.is_empty() {
        return Err(failed(&files.certificate, pem::Error::NoItemsFound));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|error| TlsError::Pair { path: files.certificate.clone(), reason: error.to_string() })
}

fn plain(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "the file holds nothing of the kind in PEM form".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates;

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
        tls.slot.0.read().unwrap().cert[0].to_vec()
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

    #[test]
    fn a_certificate_of_another_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = write(folder.path(), 1_700_000_000_000);
        let other = certificates::make("mail.example.org", Timestamp(0)).unwrap();
        put(&files.key, other.server_key.expose());
        let refusal = Tls::load(&files).err().unwrap().to_string();
        assert!(refusal.contains("belong together"), "{refusal}");
    }
}
