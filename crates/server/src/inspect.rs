//! What a certificate says of itself: whose it is, by whom, and from when to when.

use postern_types::Timestamp;
use ring::digest::{SHA256, digest};
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use x509_parser::public_key::PublicKey;

/// From here on its end is near, and somebody should be told. A certificate of ninety days is
/// renewed by its programs thirty days before the end, so that one with less has been forgotten.
pub const WARN_DAYS: i64 = 21;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// A certificate, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Whose it is, for people.
    pub subject: String,
    /// The host names that it is for.
    pub names: Vec<String>,
    /// By whom, for people.
    pub issuer: String,
    /// Not before this does it hold.
    pub not_before: Timestamp,
    /// And not after this.
    pub not_after: Timestamp,
    /// What its key is, such as `ECDSA P-256`.
    pub key: String,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
    /// The IP addresses that it is for.
    pub(crate) addresses: Vec<IpAddr>,
    subject_name: Vec<u8>,
    issuer_name: Vec<u8>,
}

impl Inspected {
    /// Of its bytes (DER); nothing where they are none.
    pub fn of(der: &[u8]) -> Option<Self> {
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let at = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
        Some(Self {
            subject: read.subject().to_string(),
            names: names(&read),
            addresses: addresses(&read),
            issuer: read.issuer().to_string(),
            not_before: at(read.validity().not_before.timestamp()),
            not_after: at(read.validity().not_after.timestamp()),
            key: key(&read),
            sha256: digest(&SHA256, der).as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            subject_name: read.subject().as_raw().to_vec(),
            issuer_name: read.issuer().as_raw().to_vec(),
        })
    }

    /// With fewer days left than these its end is near. One that lives for days alone is renewed later than
    /// others, as a part of its life.
    pub fn warn_days(&self) -> i64 {
        WARN_DAYS.min((self.not_after.0 - self.not_before.0) / (4 * DAY_MS))
    }

    /// Does the other one stand above it, by name (RFC 5280 section 6.1.3)?
    pub fn is_issued_by(&self, other: &Self) -> bool {
        self.issuer_name == other.subject_name
    }
}

/// As people call it.
fn key(read: &X509Certificate<'_>) -> String {
    // RFC 8410 section 3.
    const ED25519: &str = "1.3.101.112";
    let key = read.public_key();
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) => format!("RSA {}", rsa.key_size()),
        // 0x04, x, y (RFC 5480 section 2.2), which the size counts whole.
        Ok(PublicKey::EC(_)) => match key.subject_public_key.data.len() {
            65 => "ECDSA P-256".to_owned(),
            97 => "ECDSA P-384".to_owned(),
            133 => "ECDSA P-521".to_owned(),
            _ => "ECDSA".to_owned(),
        },
        _ if key.algorithm.algorithm.to_id_string() == ED25519 => "Ed25519".to_owned(),
        _ => key.algorithm.algorithm.to_id_string(),
    }
}

/// Those of RFC 5280 section 4.2.1.6; the common name counts no more (RFC 9525 section 2).
fn names(read: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = read.subject_alternative_name() else { return Vec::new() };
    let names = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    names.collect()
}

fn addresses(read: &X509Certificate<'_>) -> Vec<IpAddr> {
    let Ok(Some(extension)) = read.subject_alternative_name() else { return Vec::new() };
    let addresses = extension.value.general_names.iter().filter_map(|name| match name {
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from))
            .ok(),
        _ => None,
    });
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    #[test]
    fn a_certificate_says_whose_it_is_by_whom_and_until_when() {
        let made = certificates::make("mail.example.org", Timestamp(1_700_000_000_000)).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(made.server.as_bytes()).map(Result::unwrap).collect();
        let read: Vec<_> = chain.iter().map(|der| Inspected::of(der).unwrap()).collect();
        assert_eq!(read[0].subject, "CN=mail.example.org");
        assert_eq!(read[0].names, ["mail.example.org", "localhost"]);
        assert_eq!(read[0].addresses, ["127.0.0.1", "::1"].map(|address| address.parse::<IpAddr>().unwrap()));
        assert_eq!(read[0].issuer, "CN=Postern local authority of mail.example.org, O=Postern");
        let days = |days: i64| days * 24 * 3600 * 1000;
        assert_eq!(read[0].not_before, Timestamp(1_700_000_000_000 - days(1)));
        assert_eq!(read[0].not_after, Timestamp(1_700_000_000_000 + days(820)));
        assert_eq!((read[0].key.as_str(), read[0].sha256.len()), ("ECDSA P-256", 64));
        assert_eq!(read[0].warn_days(), WARN_DAYS);
        let short = Inspected { not_after: read[0].not_before.plus_ms(days(6)), ..read[0].clone() };
        assert_eq!(short.warn_days(), 1);
        assert!(read[0].is_issued_by(&read[1]) && !read[1].is_issued_by(&read[0]));
        assert_eq!(Inspected::of(b"no certificate"), None);
    }
}
