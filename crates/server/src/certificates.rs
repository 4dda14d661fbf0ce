//! A local certificate authority, so that a new house has TLS from its first minute.
//!
//! People's programs trust `tls/ca.pem` once; certificates of the server change below it. The
//! authority may sign nothing but server names at one level (RFC 5280 section 4.2.1.9), and a
//! certificate lives 820 days: some clients refuse longer ones from any authority.

use postern_types::{Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use ring::rand::{SecureRandom, SystemRandom};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const AUTHORITY_DAYS: u32 = 3650;
const SERVER_DAYS: u32 = 820;

/// PEM texts of a new authority and of a server's certificate under it.
pub struct Certificates {
    /// The authority's certificate: what clients are told to trust.
    pub authority: String,
    /// The authority's key.
    pub authority_key: Secret,
    /// The server's certificate, then the authority's.
    pub server: String,
    /// The server's key.
    pub server_key: Secret,
}

/// Why certificates could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the certificates could not be made: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

/// Makes both for a server of this name; it also answers to localhost, 127.0.0.1 and ::1.
pub fn make(hostname: &str, now: Timestamp) -> Result<Certificates, CertificateError> {
    let authority = CertifiedIssuer::self_signed(authority(hostname, now), KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let server = server(hostname, &[], now)?.signed_by(&key, &authority)?;
    Ok(Certificates {
        authority: authority.pem(),
        authority_key: Secret::new(authority.key().serialize_pem()),
        server: server.pem() + &authority.pem(),
        server_key: Secret::new(key.serialize_pem()),
    })
}

/// Another certificate for the same key, under an authority that is there, as PEM with that authority's after it.
/// It ends no later than the authority, and is for these names, too.
pub(crate) fn again(
    hostname: &str,
    names: &[String],
    now: Timestamp,
    authority: &Authority<'_>,
) -> Result<String, CertificateError> {
    let issuer = Issuer::from_ca_cert_pem(authority.certificate, KeyPair::from_pem(authority.key)?)?;
    let mut params = server(hostname, names, now)?;
    params.not_after = params.not_after.min(date_time_ymd(1970, 1, 1) + since_1970(authority.ends));
    let server = params.signed_by(&KeyPair::from_pem(authority.server_key)?, &issuer)?;
    let is_ended = authority.certificate.ends_with('\n');
    Ok(server.pem() + authority.certificate + if is_ended { "" } else { "\n" })
}

/// PEM texts of an authority that is there, and the key to certify.
pub(crate) struct Authority<'a> {
    pub certificate: &'a str,
    pub key: &'a str,
    pub ends: Timestamp,
    pub server_key: &'a str,
}

fn authority(hostname: &str, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, "Postern");
    params.distinguished_name.push(DnType::CommonName, format!("Postern local authority of {hostname}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasting(&mut params, now, AUTHORITY_DAYS);
    params
}

fn server(hostname: &str, others: &[String], now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut names: Vec<String> = Vec::new();
    for name in [hostname, "localhost", "127.0.0.1", "::1"].into_iter().chain(others.iter().map(String::as_str)) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    let mut params = CertificateParams::new(names)?;
    params.serial_number = Some(serial()?);
    params.distinguished_name.push(DnType::CommonName, hostname);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasting(&mut params, now, SERVER_DAYS);
    Ok(params)
}

/// Another for each certificate (RFC 5280 section 4.1.2.2), though the key stays: programs refuse two of one number.
fn serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    // Positive, and not zero.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// From a day ago, for clients whose clock is behind.
fn lasting(params: &mut CertificateParams, now: Timestamp, days: u32) {
    let now = date_time_ymd(1970, 1, 1) + since_1970(now);
    params.not_before = now - DAY;
    params.not_after = now + DAY * days;
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use x509_parser::prelude::{FromDer, X509Certificate};

    fn serial(pem: &str) -> Vec<u8> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        X509Certificate::from_der(&der).unwrap().1.raw_serial().to_vec()
    }

    #[test]
    fn each_certificate_has_a_number_of_its_own() {
        let now = Timestamp(1_700_000_000_000);
        let made = make("mail.example.org", now).unwrap();
        let of = Authority {
            certificate: &made.authority,
            key: made.authority_key.expose_text().unwrap(),
            ends: now.plus_ms(1_000_000_000_000),
            server_key: made.server_key.expose_text().unwrap(),
        };
        let another = || again("mail.example.org", &[], now, &of).unwrap();
        let serials = [serial(&made.server), serial(&another()), serial(&another())];
        assert!(serials.iter().all(|serial| serial.len() == 16 && serial[0] < 0x80), "{serials:?}");
        assert!(serials[0] != serials[1] && serials[1] != serials[2] && serials[0] != serials[2], "{serials:?}");
    }
}
