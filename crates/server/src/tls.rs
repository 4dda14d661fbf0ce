//! TLS for every listener: one certificate, changed without a restart.
//!
//! It comes from files, or from an authority (`acme`); until that has given one, the certificate of the
//! files that would be there otherwise stands in, which is the house's own.
//!
//! The certificate lies in a slot that each handshake reads, so a reload holds for the next
//! connection and disturbs none. A certificate that does not load, or does not fit its key,
//! leaves the old one in place. The provider is `ring`, chosen here alone, for connections that
//! we open (`dial`) too.

use crate::certificates;
use crate::config::{Config, TlsFiles};
use crate::inspect::Inspected;
use postern_types::Timestamp;
use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::collections::BTreeMap;
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
    /// One that is no file can not be used.
    #[error("a certificate can not be used: {0}")]
    Proof(String),
    /// The versions of TLS we ask for are not to be had.
    #[error("TLS is not to be had: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The cryptography behind all TLS.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// What an authority speaks that looks for a proof (RFC 8737 section 6.2).
const ACME_TLS: &[u8] = b"acme-tls/1";

/// The certificate in force, and those that prove names to an authority.
#[derive(Debug)]
struct Slot {
    certificate: RwLock<Arc<CertifiedKey>>,
    proofs: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl Slot {
    fn certificate(&self) -> Arc<CertifiedKey> {
        self.certificate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Slot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certificate())
    }
}

/// What is shown while an authority is expected.
#[derive(Debug)]
struct Proving(Arc<Slot>);

impl ResolvesServerCert for Proving {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // It alone, and with a name (RFC 8737 section 3): who offers more is no authority.
        let offered = hello.alpn().map(|offered| offered.collect::<Vec<_>>());
        if offered.as_deref() == Some(&[ACME_TLS]) {
            let proofs = self.0.proofs.read().unwrap_or_else(PoisonError::into_inner);
            return proofs.get(&hello.server_name()?.to_ascii_lowercase()).cloned();
        }
        Some(self.0.certificate())
    }
}

/// A certificate that proves a name as long as this is kept.
pub(crate) struct Proof {
    slot: Arc<Slot>,
    name: String,
    key: Arc<CertifiedKey>,
}

impl Drop for Proof {
    fn drop(&mut self) {
        let mut proofs = self.slot.proofs.write().unwrap_or_else(PoisonError::into_inner);
        // A later one for the same name stays.
        if proofs.get(&self.name).is_some_and(|shown| Arc::ptr_eq(shown, &self.key)) {
            proofs.remove(&self.name);
        }
    }
}

/// Whether a handshake was that of an authority: nothing is said after it (RFC 8737 section 3).
pub(crate) fn was_a_look(connection: &ServerConnection) -> bool {
    connection.alpn_protocol() == Some(ACME_TLS)
}

/// What listeners accept TLS with.
#[derive(Clone)]
pub struct Tls {
    slot: Arc<Slot>,
    config: Arc<ServerConfig>,
    web: Arc<ServerConfig>,
    /// For HTTP while an authority is expected: to nobody else is its protocol offered.
    proving: Arc<ServerConfig>,
    provider: Arc<CryptoProvider>,
}

impl Tls {
    /// Loads the certificate.
    pub fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        Self::with(load(files, &provider())?)
    }

    /// The certificate of a configuration. One that is still to come by ACME has a stand-in: that of the files
    /// which would be there without, or one that nobody knows, made for this run.
    pub(crate) fn start(config: &Config, now: Timestamp) -> Result<Self, TlsError> {
        let Some(acme) = &config.acme else { return Self::load(&config.tls) };
        let provider = provider();
        let found = told(&config.tls, &provider).or_else(|| told(&acme.stand_in, &provider));
        match found {
            Some(certificate) => Self::with(certificate),
            None => Self::with(made(&config.hostname, now, &provider)?),
        }
    }

    fn with(certificate: CertifiedKey) -> Result<Self, TlsError> {
        let provider = provider();
        let certificate = RwLock::new(Arc::new(certificate));
        let slot = Arc::new(Slot { certificate, proofs: RwLock::default() });
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
        let mut proving = web.clone();
        proving.alpn_protocols.push(ACME_TLS.to_vec());
        proving.cert_resolver = Arc::new(Proving(Arc::clone(&slot)));
        Ok(Self { slot, config: Arc::new(config), web: Arc::new(web), proving: Arc::new(proving), provider })
    }

    /// Loads the certificate again; on failure the old one stays.
    pub fn reload(&self, files: &TlsFiles) -> Result<(), TlsError> {
        self.put(load(files, &self.provider)?);
        Ok(())
    }

    /// Takes another certificate: those who connect from now on see it.
    pub(crate) fn put(&self, fresh: CertifiedKey) {
        *self.slot.certificate.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh);
    }

    /// The server's certificate in force.
    pub fn leaf(&self) -> Option<Inspected> {
        self.slot.certificate().cert.first().and_then(|leaf| Inspected::of(leaf))
    }

    /// The same as it is sent.
    pub(crate) fn shown(&self) -> Option<CertificateDer<'static>> {
        self.slot.certificate().cert.first().cloned()
    }

    /// Until when the certificate in force holds.
    pub fn ends(&self) -> Option<Timestamp> {
        self.leaf().map(|leaf| leaf.not_after)
    }

    /// Shows an authority that a name is ours: a certificate for it with this digest (RFC 8737 section 3),
    /// as long as what is given back is kept.
    pub(crate) fn show_proof(&self, name: &str, digest: &[u8]) -> Result<Proof, TlsError> {
        let proof = proof(name, digest).map_err(|error| TlsError::Proof(error.to_string()))?;
        let (key, name) = (PrivateKeyDer::Pkcs8(proof.1.into()), name.to_ascii_lowercase());
        // Not looked at as others are: what makes it a proof, a critical extension, no client knows.
        let key = Arc::new(CertifiedKey::new(vec![proof.0], self.provider.key_provider.load_private_key(key)?));
        self.slot.proofs.write().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), Arc::clone(&key));
        Ok(Proof { slot: Arc::clone(&self.slot), name, key })
    }

    /// For one handshake.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config.clone())
    }

    /// For one handshake before HTTP.
    pub fn web_acceptor(&self) -> TlsAcceptor {
        let is_proving = !self.slot.proofs.read().unwrap_or_else(PoisonError::into_inner).is_empty();
        TlsAcceptor::from(if is_proving { self.proving.clone() } else { self.web.clone() })
    }
}

/// The certificates of the files, the server's first, once they are known to work with the key.
pub fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(load(files, &provider())?.cert)
}

/// Whether a certificate is for this name, as clients look at it.
pub(crate) fn names_it(der: &CertificateDer<'_>, name: &str) -> bool {
    let name = ServerName::try_from(name.to_owned());
    name.is_ok_and(|name| ParsedCertificate::try_from(der).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok()))
}

/// What the certificate of these files says, where it works with its key.
pub(crate) fn inspect(files: &TlsFiles) -> Option<Inspected> {
    load(files, &provider()).ok()?.cert.first().and_then(|leaf| Inspected::of(leaf))
}

/// One that is not there is still to come; one that is there and can not be used is told.
fn told(files: &TlsFiles, provider: &CryptoProvider) -> Option<CertifiedKey> {
    let found = load(files, provider);
    if let Err(error) = &found
        && files.certificate.try_exists().unwrap_or(true)
    {
        tell_unusable(error, "another is shown until the authority gives one");
    }
    found.ok()
}

/// A certificate that is there, and of no use.
pub(crate) fn tell_unusable(error: &TlsError, what_now: &str) {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or_default();
    tracing::error!(event = "certificate.unusable", reason, "{what_now}");
}

fn proof(name: &str, digest: &[u8]) -> Result<(CertificateDer<'static>, Vec<u8>), rcgen::Error> {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()])?;
    params.custom_extensions.push(rcgen::CustomExtension::new_acme_identifier(digest));
    let key = rcgen::KeyPair::generate()?;
    Ok((params.self_signed(&key)?.der().clone(), key.serialize_der()))
}

/// Of an authority that nobody knows and that is forgotten with it.
fn made(hostname: &str, now: Timestamp, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let made = certificates::make(hostname, now).map_err(|error| TlsError::Proof(error.to_string()))?;
    pair(made.server.as_bytes(), made.server_key.expose(), provider)
}

/// A certificate and its key in PEM, which may be one text.
pub(crate) fn pair(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let unreadable = |error: pem::Error| TlsError::Proof(plain(&error));
    let chain: Vec<_> = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(unreadable)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(unreadable)?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
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
mod tests;
