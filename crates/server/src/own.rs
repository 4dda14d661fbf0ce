//! The certificate under the authority that `init` made: another one, for the same key.
//!
//! Nobody else renews it. The key stays, so the certificate is the only file that changes, and there is no moment at
//! which both do not fit. The authority's key is read for this alone; where it is kept elsewhere, as is advised,
//! somebody has to bring it for a moment.

use crate::certificates::{self, Authority};
use crate::config::{Config, TlsFiles};
use crate::inspect::Inspected;
use crate::tls::{Tls, pair, provider};
use postern_app::CertificateFinding;
use postern_store::Disk;
use postern_types::{Secret, Timestamp};
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::server::ParsedCertificate;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const MODE: u32 = 0o644;
const BY_HAND: &str = "or make one by hand: docs/administration.md, In files";

/// Where it lies.
#[derive(Debug, Clone)]
pub(crate) struct OwnAuthority {
    certificate: PathBuf,
    key: PathBuf,
}

impl OwnAuthority {
    pub fn of(config: &Config) -> Self {
        let folder = config.data_dir.join("tls");
        Self { certificate: folder.join("ca.pem"), key: folder.join("ca.key") }
    }

    /// Whether this certificate is from it, by name.
    pub fn has_issued(&self, leaf: &Inspected, disk: &dyn Disk) -> bool {
        self.inspected(disk).is_some_and(|authority| leaf.is_issued_by(&authority))
    }

    fn inspected(&self, disk: &dyn Disk) -> Option<Inspected> {
        let pem = disk.read(&self.certificate).ok().flatten()?;
        Inspected::of(&CertificateDer::from_pem_slice(&pem).ok()?)
    }

    /// Makes another, keeps it in place of the one that there is, and shows it.
    pub fn renew(
        &self,
        hostname: &str,
        files: &TlsFiles,
        tls: &Tls,
        now: Timestamp,
        disk: &dyn Disk,
    ) -> Result<(), CertificateFinding> {
        let path = |file: &Path| file.canonicalize().unwrap_or_else(|_| file.to_owned());
        if path(&files.certificate) == path(&files.key) {
            let text = format!("{} holds the key, too, and would lose it", files.certificate.display());
            return Err(amiss(text, format!("write both into files of their own, {BY_HAND}")));
        }
        let (authority, key, server_key) =
            (read(&self.certificate, disk)?, read(&self.key, disk)?, read(&files.key, disk)?);
        let ends = self.inspected(disk).map_or(now, |authority| authority.not_after);
        if ends <= now {
            let text = "the house's own authority has ended, and what it signs is trusted by nobody".to_owned();
            return Err(amiss(text, "have certificates by ACME or in files: docs/administration.md, Certificates"));
        }
        let unfit = |reason: String| {
            let next = format!(
                "see that {} and {} belong together, {BY_HAND}",
                self.certificate.display(),
                self.key.display()
            );
            amiss(format!("the house's own authority can not sign another: {reason}"), next)
        };
        let text =
            |secret: &Secret| secret.expose_text().map(str::to_owned).ok_or_else(|| unfit("a file is no text".into()));
        let of =
            Authority { certificate: &text(&authority)?, key: &text(&key)?, ends, server_key: &text(&server_key)? };
        let made = certificates::again(hostname, now, &of).map_err(|error| unfit(error.to_string()))?;
        let fresh =
            pair(made.as_bytes(), server_key.expose(), &provider()).map_err(|error| unfit(error.to_string()))?;
        verified(&fresh.cert, authority.expose(), now).map_err(unfit)?;
        let written = disk.replace_file_durably(&files.certificate, made.as_bytes(), MODE);
        written.map_err(|error| {
            let text = format!("{} can not be written: {error}", files.certificate.display());
            amiss(text, "let the user that Postern runs as write there, and see that the disk has room")
        })?;
        tls.put(fresh);
        tracing::info!(event = "certificate.renewed", issuer = "the house's own authority", "it is shown from now on");
        Ok(())
    }
}

fn amiss(text: String, next: impl Into<String>) -> CertificateFinding {
    CertificateFinding { text, next: next.into() }
}

/// A key among them, so none of it is shown.
fn read(path: &Path, disk: &dyn Disk) -> Result<Secret, CertificateFinding> {
    let found = disk.read(path).and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()));
    found.map(Secret::new).map_err(|error| {
        let text = format!("{} is needed to sign another certificate, and can not be read: {error}", path.display());
        amiss(text, format!("bring it there for a moment, readable for the user that Postern runs as, {BY_HAND}"))
    })
}

/// A key that is another authority's signs, too, and nobody would believe it.
fn verified(chain: &[CertificateDer<'_>], authority: &[u8], now: Timestamp) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority).map_err(|error| error.to_string())?)
        .map_err(|error| error.to_string())?;
    let leaf = chain.first().ok_or("it is empty")?;
    let leaf = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0)));
    let algorithms = provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&leaf, &roots, &[], at, algorithms).map_err(|error| error.to_string())
}
