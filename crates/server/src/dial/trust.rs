//! Whose certificates are believed when we open a connection.

use super::unverified::Anyone;
use crate::tls;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Loaded when first asked for. What fails is asked for again, so a file that is mended needs no
/// restart.
pub(super) struct Trust {
    authorities: Option<PathBuf>,
    verified: OnceCell<Arc<ClientConfig>>,
    anyone: OnceCell<Arc<ClientConfig>>,
}

impl Trust {
    pub fn new(authorities: Option<PathBuf>) -> Self {
        Self { authorities, verified: OnceCell::new(), anyone: OnceCell::new() }
    }

    /// Certificates of the authorities alone.
    pub async fn verified(&self) -> io::Result<Arc<ClientConfig>> {
        let load = || async {
            let authorities = self.authorities.clone();
            // Lists of authorities are some hundred files on some machines.
            let roots = tokio::task::spawn_blocking(move || roots(authorities.as_deref())).await;
            let roots = roots.map_err(io::Error::other)??;
            let builder = ClientConfig::builder_with_provider(tls::provider()).with_safe_default_protocol_versions();
            let builder = builder.map_err(io::Error::other)?;
            Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
        };
        self.verified.get_or_try_init(load).await.cloned()
    }

    /// Any certificate. A configuration of its own, so that no session that began like this is ever
    /// resumed as a verified one.
    pub async fn anyone(&self) -> io::Result<Arc<ClientConfig>> {
        let make = || async {
            let provider = tls::provider();
            let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
            let builder = builder.map_err(io::Error::other)?.dangerous();
            let verifier = Arc::new(Anyone::new(provider.signature_verification_algorithms));
            Ok(Arc::new(builder.with_custom_certificate_verifier(verifier).with_no_client_auth()))
        };
        self.anyone.get_or_try_init(make).await.cloned()
    }
}

/// The authorities of a PEM file, or those that this machine trusts.
pub fn roots(authorities: Option<&Path>) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(file) => {
            let failed = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", file.display()));
            for certificate in CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))? {
                let certificate = certificate.map_err(|error| failed(&error))?;
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
            if roots.is_empty() {
                return Err(failed(&"the file holds no certificate"));
            }
        }
        None => {
            // Machines have odd certificates among theirs; those are not believed, the others are.
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let text = "this machine has no list of certificate authorities; install one, or name a CA file";
                return Err(io::Error::other(text));
            }
        }
    }
    Ok(roots)
}
