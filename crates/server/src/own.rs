//! The certificate under the authority that `init` made: another one, for the same key.
//!
//! Nobody else renews it. The key stays, so the certificate is the only file that changes, and there is no moment at
//! which both do not fit. The authority's key is read for this alone; where it is kept elsewhere, as is advised,
//! somebody has to bring it for a moment.

use crate::certificates::{self, Authority};
use crate::config::{Config, TlsFiles};
use crate::inspect::{Inspected, WARN_DAYS};
use crate::tls::{Tls, pair, provider};
use postern_app::CertificateFinding;
use postern_http::show_date;
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
const DAY_MS: i64 = 24 * 3600 * 1000;
const BY_HAND: &str = "or make one by hand: docs/administration.md, In files";
/// What to do where it is the authority that ends.
pub(crate) const ANOTHER_AUTHORITY: &str = "make another authority, and give it to people's programs in time: docs/administration.md, When the own authority ends";

/// Where it lies.
#[derive(Debug, Clone)]
pub(crate) struct OwnAuthority {
    house: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl OwnAuthority {
    pub fn of(config: &Config) -> Self {
        let folder = config.data_dir.join("tls");
        Self { house: config.data_dir.clone(), certificate: folder.join("ca.pem"), key: folder.join("ca.key") }
    }

    /// Whether this certificate is from it, by name.
    pub fn has_issued(&self, leaf: &Inspected, disk: &dyn Disk) -> bool {
        self.inspected(disk).is_some_and(|authority| leaf.is_issued_by(&authority))
    }

    /// It ends itself, at the latest with this certificate, so that another certificate would end no later.
    pub fn ends_with(&self, leaf: &Inspected, disk: &dyn Disk) -> bool {
        self.inspected(disk).is_some_and(|authority| authority.not_after <= leaf.not_after)
    }

    /// That it ends soon, or has: then nothing that it signs is trusted.
    pub fn end_finding(&self, now: Timestamp, disk: &dyn Disk) -> Option<CertificateFinding> {
        let ends = self.inspected(disk)?.not_after;
        (ends.0 - now.0 < WARN_DAYS * DAY_MS).then(|| {
            let (verb, date) = (if ends <= now { "ended" } else { "ends" }, show_date(ends));
            amiss(
                format!("the house's own authority {verb} itself on {date}, and all that it signed with it"),
                ANOTHER_AUTHORITY,
            )
        })
    }

    /// The file itself: what a link leads to, if the server writes there. The kernel keeps it from other places.
    fn place(&self, file: &Path) -> Result<PathBuf, CertificateFinding> {
        let place = file.canonicalize().map_err(|error| {
            let text = format!("{} can not be read: {error}", file.display());
            amiss(text, "check [tls] certificate in the configuration")
        })?;
        let folders = [Some(&*self.house), self.certificate.parent()];
        let mut folders = folders.into_iter().flatten().filter_map(|folder| folder.canonicalize().ok());
        if folders.any(|folder| place.starts_with(folder)) {
            return Ok(place);
        }
        let leads = if place == file { String::new() } else { format!(" ({} leads there)", file.display()) };
        let text = format!("{}{leads} lies outside the data folder, where the server does not write", place.display());
        Err(amiss(text, format!("move it into {}, {BY_HAND}", self.house.display())))
    }

    fn inspected(&self, disk: &dyn Disk) -> Option<Inspected> {
        let pem = disk.read(&self.certificate).ok().flatten()?;
        Inspected::of(&CertificateDer::from_pem_slice(&pem).ok()?)
    }

    /// Makes another, keeps it in place of the one that there is, and shows it.
    pub fn renew(
        &self,
        hostname: &str,
        (files, leaf): (&TlsFiles, &Inspected),
        tls: &Tls,
        now: Timestamp,
        disk: &dyn Disk,
    ) -> Result<(), CertificateFinding> {
        let path = |file: &Path| file.canonicalize().unwrap_or_else(|_| file.to_owned());
        if path(&files.certificate) == path(&files.key) {
            let text = format!("{} holds the key, too, and would lose it", files.certificate.display());
            return Err(amiss(text, format!("write both into files of their own, {BY_HAND}")));
        }
        let place = self.place(&files.certificate)?;
        let (authority, key, server_key) =
            (read(&self.certificate, disk)?, read(&self.key, disk)?, read(&files.key, disk)?);
        let ends = self.inspected(disk).map_or(now, |authority| authority.not_after);
        if ends <= now {
            let text = "the house's own authority has ended, and what it signs is trusted by nobody".to_owned();
            return Err(amiss(text, ANOTHER_AUTHORITY));
        }
        if ends <= leaf.not_after && leaf.names.iter().any(|name| name == hostname) {
            let ends = show_date(ends);
            let text =
                format!("the house's own authority itself ends on {ends}, and another certificate would end then, too");
            return Err(amiss(text, ANOTHER_AUTHORITY));
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
        // Somebody may have signed one with more names by hand.
        let addresses = leaf.addresses.iter().map(ToString::to_string);
        let names: Vec<String> = leaf.names.iter().cloned().chain(addresses).collect();
        let made = certificates::again(hostname, &names, now, &of).map_err(|error| unfit(error.to_string()))?;
        let fresh =
            pair(made.as_bytes(), server_key.expose(), &provider()).map_err(|error| unfit(error.to_string()))?;
        verified(&fresh.cert, authority.expose(), now).map_err(unfit)?;
        let written = disk.replace_file_durably(&place, made.as_bytes(), MODE);
        written.map_err(|error| {
            let text = format!("{} can not be written: {error}", place.display());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates::Certificates;
    use postern_store::RealDisk;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);
    const NAME: &str = "mail.example.org";

    struct House {
        folder: tempfile::TempDir,
        own: OwnAuthority,
        files: TlsFiles,
    }

    impl House {
        /// As `init` leaves it, with a certificate of that moment that is for this name, too.
        fn new(made_at: Timestamp, other: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("hostname = \"{NAME}\"\ndata_dir = {:?}\n", folder.path());
            let config = Config::parse(Path::new("postern.toml"), &text, &[]).unwrap();
            std::fs::create_dir(folder.path().join("tls")).unwrap();
            let made: Certificates = certificates::make(NAME, NOW).unwrap();
            let authority = Inspected::of(&CertificateDer::from_pem_slice(made.authority.as_bytes()).unwrap()).unwrap();
            let (key, server_key) = (made.authority_key.expose_text().unwrap(), made.server_key.expose_text().unwrap());
            let of = Authority { certificate: &made.authority, key, ends: authority.not_after, server_key };
            let signed = certificates::again(NAME, &[other.to_owned()], made_at, &of).unwrap();
            let own = OwnAuthority::of(&config);
            let files = config.tls.clone();
            write(&own.certificate, &made.authority);
            write(&own.key, key);
            write(&files.certificate, &signed);
            write(&files.key, server_key);
            Self { folder, own, files }
        }

        fn leaf(&self) -> Inspected {
            let pem = std::fs::read(&self.files.certificate).unwrap();
            Inspected::of(&CertificateDer::from_pem_slice(&pem).unwrap()).unwrap()
        }

        fn renew(&self, now: Timestamp) -> Result<(), CertificateFinding> {
            let tls = Tls::load(&self.files).unwrap();
            self.own.renew(NAME, (&self.files, &self.leaf()), &tls, now, &RealDisk)
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
    fn write(path: &Path, text: &str) {
        std::fs::write(path, text).unwrap();
    }

    #[test]
    fn names_that_were_added_by_hand_stay() {
        for other in ["autoconfig.example.org", "192.0.2.7"] {
            let house = House::new(NOW, other);
            let before = house.leaf();
            house.renew(NOW.plus_ms(DAY_MS)).unwrap();
            let after = house.leaf();
            assert_ne!(before.sha256, after.sha256);
            assert_eq!((&before.names, &before.addresses), (&after.names, &after.addresses));
            let all = before.names.into_iter().chain(before.addresses.iter().map(ToString::to_string));
            assert!(all.into_iter().any(|name| name == other));
        }
    }

    #[test]
    fn a_link_stays_one_and_is_not_followed_out_of_the_house() {
        let (mut house, elsewhere) = (House::new(NOW, "localhost"), tempfile::tempdir().unwrap());
        let link = house.folder.path().join("link.pem");
        std::os::unix::fs::symlink(&house.files.certificate, &link).unwrap();
        house.files.certificate = link.clone();
        let before = house.leaf();
        house.renew(NOW.plus_ms(DAY_MS)).unwrap();
        assert!(link.is_symlink() && house.leaf() != before);

        let away = elsewhere.path().join("cert.pem");
        std::fs::copy(&link, &away).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&away, &link).unwrap();
        let (before, refused) = (house.leaf(), house.renew(NOW).unwrap_err());
        assert!(refused.text.contains("link.pem leads there) lies outside the data folder"), "{}", refused.text);
        assert_eq!(house.leaf(), before);
    }

    #[test]
    fn an_authority_that_ends_itself_is_told_and_makes_none_that_ends_with_the_old() {
        let late = NOW.plus_ms((3650 - 5) * DAY_MS);
        let house = House::new(late, "localhost");
        let refused = house.renew(late.plus_ms(DAY_MS)).unwrap_err();
        assert!(refused.text.starts_with("the house's own authority itself ends on 2036-"), "{}", refused.text);
        assert_eq!(refused.next, ANOTHER_AUTHORITY);
        assert!(house.own.ends_with(&house.leaf(), &RealDisk));
        let told = |now| house.own.end_finding(now, &RealDisk).map(|found| found.text);
        assert_eq!(told(NOW), None);
        assert!(told(late).is_some_and(|text| text.contains("authority ends itself on 2036-")));
        assert!(told(late.plus_ms(5 * DAY_MS)).is_some_and(|text| text.contains("authority ended itself on 2036-")));
    }
}
