//! Looking at the certificate: in its file, and at the listeners.
//!
//! A listener is asked to prove itself and the handshake is broken off once its certificate is seen, so
//! nothing is ever said to a server that was not verified.

use super::acme;
use super::house::Server;
use super::listeners::named;
use super::tls::{Facts, Served};
use postern_server::config::{Config, ListenAddress};
use postern_server::{Inspected, Seat, chain, roots, seat};
use postern_types::Timestamp;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::fs::File;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// A listener of this machine answers sooner.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whom a certificate leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// An authority that this machine trusts.
    System,
    /// The house's own.
    OwnAuthority,
    /// Nobody known, and why.
    Nobody(String),
    /// There is nothing to check it with.
    Unknown(String),
}

/// A certificate that works with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loaded {
    /// The server's first.
    pub chain: Vec<Inspected>,
    /// It is for the host name.
    pub covers: bool,
    pub trust: Trust,
}

/// Looks at the files, and at each listener of a server that runs.
pub(super) async fn look(config: &Config, server: &Server, now: Timestamp) -> Facts {
    let authority = config.data_dir.join("tls/ca.pem");
    let files = match &config.acme {
        // Until there is one, another stands in, and is what clients see.
        Some(acme) if !config.tls.certificate.exists() => &acme.stand_in,
        _ => &config.tls,
    };
    let chain = chain(files).map_err(|error| error.to_string());
    let leaf = chain.as_ref().ok().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec());
    let shut = [&files.certificate, &files.key].into_iter().find(|file| is_shut(file)).cloned();
    // What is shown is compared with the file.
    let served = if server.runs() && shut.is_none() { served(config, leaf.as_deref()).await } else { Vec::new() };
    Facts {
        certificate: files.certificate.clone(),
        shut,
        acme: config.acme.as_ref().map(|acme| acme::look(acme, config)),
        hostname: config.hostname.clone(),
        loaded: chain.and_then(|chain| loaded(&chain, &config.hostname, &authority, now)),
        authority,
        served,
        pid: server.pid(),
        now,
    }
}

/// Whether this user may not read a file.
pub(super) fn is_shut(file: &Path) -> bool {
    File::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

fn loaded(
    chain: &[CertificateDer<'static>],
    hostname: &str,
    authority: &Path,
    now: Timestamp,
) -> Result<Loaded, String> {
    let read: Option<Vec<Inspected>> = chain.iter().map(|der| Inspected::of(der)).collect();
    let read = read.ok_or("one of its certificates can not be read")?;
    let name = ServerName::try_from(hostname.to_owned()).map_err(|_| "the hostname is no name for a certificate")?;
    let covers = chain.first().is_some_and(|leaf| {
        ParsedCertificate::try_from(leaf).is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
    });
    let trust = trust(chain, &read, authority, now);
    Ok(Loaded { chain: read, covers, trust })
}

/// By the machine's own list, then by the house's own authority.
fn trust(chain: &[CertificateDer<'static>], read: &[Inspected], authority: &Path, now: Timestamp) -> Trust {
    let own = roots(Some(authority)).is_ok_and(|roots| verify(chain, read, &roots, now).is_ok());
    match roots(None) {
        Ok(roots) => match verify(chain, read, &roots, now) {
            Ok(()) => Trust::System,
            Err(_) if own => Trust::OwnAuthority,
            Err(why) => Trust::Nobody(why),
        },
        Err(_) if own => Trust::OwnAuthority,
        Err(error) => Trust::Unknown(error.to_string()),
    }
}

/// At a moment at which all of it holds, where there is one: that it has ended is told by itself.
fn verify(
    chain: &[CertificateDer<'static>],
    read: &[Inspected],
    roots: &RootCertStore,
    now: Timestamp,
) -> Result<(), String> {
    let Some((leaf, between)) = chain.split_first() else { return Err("it is empty".into()) };
    let begins = read.iter().map(|one| one.not_before).max().unwrap_or(now);
    let ends = read.iter().map(|one| one.not_after).min().unwrap_or(now);
    let moment = now.max(begins).min(ends);
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(moment.seconds()).unwrap_or(0)));
    let leaf = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
    let algorithms = default_provider().signature_verification_algorithms.all;
    match verify_server_cert_signed_by_trust_anchor(&leaf, roots, between, at, algorithms) {
        Ok(()) => Ok(()),
        Err(Error::InvalidCertificate(why)) => Err(why.to_string()),
        Err(other) => Err(other.to_string()),
    }
}

async fn served(config: &Config, leaf: Option<&[u8]>) -> Vec<Served> {
    let mut served = Vec::new();
    for (name, address) in named(config) {
        let ListenAddress::Tcp(at) = address else { continue };
        let opens_with_tls = matches!(name, "imaps" | "submissions" | "https");
        // Who listens there is told by the listeners.
        if !opens_with_tls || at.port() == 0 || seat(address) == Seat::Free {
            continue;
        }
        let seen = shown_at(reachable(*at)).await.and_then(|shown| {
            let ends = Inspected::of(&shown).ok_or("what it shows can not be read")?.not_after;
            Ok((Some(shown.as_slice()) == leaf, ends))
        });
        served.push(Served { listener: format!("{name} {address}"), seen });
    }
    served
}

/// What is bound to every address is reached over loopback.
fn reachable(at: SocketAddr) -> SocketAddr {
    match at.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), at.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), at.port()),
        _ => at,
    }
}

async fn shown_at(at: SocketAddr) -> Result<Vec<u8>, String> {
    let look = Arc::new(Look::default());
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(look.clone())
        .with_no_client_auth();
    let shake = async {
        let stream = TcpStream::connect(at).await?;
        TlsConnector::from(Arc::new(config)).connect(ServerName::IpAddress(at.ip().into()), stream).await
    };
    let ended = timeout(PATIENCE, shake).await;
    if let Some(seen) = look.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Ok(seen);
    }
    match ended {
        Ok(Ok(_)) => Err("no certificate came".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Keeps the certificate that is shown, and believes nobody.
#[derive(Debug, Default)]
struct Look(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Look {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.to_vec());
        Err(Error::General("seen".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("seen".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("seen".to_owned()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_server::certificates;
    use rustls_pki_types::pem::PemObject;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    fn made(at: Timestamp) -> (Vec<CertificateDer<'static>>, tempfile::NamedTempFile) {
        let made = certificates::make("mail.example.org", at).unwrap();
        let mut authority = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut authority, made.authority.as_bytes()).unwrap();
        (CertificateDer::pem_slice_iter(made.server.as_bytes()).map(Result::unwrap).collect(), authority)
    }

    #[test]
    fn the_houses_own_certificate_is_known_as_that() {
        let (chain, authority) = made(NOW);
        let read = loaded(&chain, "mail.example.org", authority.path(), NOW).unwrap();
        assert_eq!((read.covers, read.trust, read.chain.len()), (true, Trust::OwnAuthority, 2));
        let other = loaded(&chain, "imap.example.org", authority.path(), NOW).unwrap();
        assert_eq!((other.covers, other.trust), (false, Trust::OwnAuthority), "the name is a question of its own");
    }

    #[test]
    fn one_that_has_ended_leads_where_it_led() {
        let year = 365 * 24 * 3600 * 1000;
        let (chain, authority) = made(NOW.plus_ms(-3 * year));
        assert_eq!(loaded(&chain, "mail.example.org", authority.path(), NOW).unwrap().trust, Trust::OwnAuthority);
    }

    #[test]
    fn one_of_a_stranger_leads_nowhere() {
        let ((chain, _), (_, authority)) = (made(NOW), made(NOW));
        let trust = loaded(&chain, "mail.example.org", authority.path(), NOW).unwrap().trust;
        assert!(matches!(trust, Trust::Nobody(_) | Trust::Unknown(_)), "{trust:?}");
    }
}
