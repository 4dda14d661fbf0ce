//! The way to a server elsewhere: HTTP over TLS, its certificate checked.

use super::failure::Failure;
use http_body_util::Full;
use hyper::Uri;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A server that does not answer within this is not there.
const CONNECT: Duration = Duration::from_secs(20);
/// Where systems keep the authorities they trust.
const SYSTEM_AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A server, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Its name, or its address, as its certificate has it.
    host: String,
    port: u16,
    /// Where it listens, if not where its name leads.
    pub connect: Option<String>,
    /// The one authority to trust; those of the system without it.
    pub cacert: Option<PathBuf>,
}

impl Place {
    /// Of a name and a port.
    pub fn new(host: &str, port: u16) -> Self {
        Self { host: host.to_owned(), port, connect: None, cacert: None }
    }

    /// From `https://host[:port]`. Without TLS nobody is sent a password or a token.
    pub fn parse(url: &str) -> Result<Self, Failure> {
        let refusal = || Failure::usage(format!("--url {url:?}: write https://HOST or https://HOST:PORT"));
        let uri: Uri = url.parse().map_err(|_| refusal())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(refusal)?;
        let is_bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
        if uri.scheme_str() != Some("https") || !is_bare || authority.host().is_empty() {
            return Err(refusal());
        }
        if authority.as_str().len() > authority.host().len() && authority.port_u16().is_none() {
            return Err(refusal());
        }
        // RFC 3986 section 3.2.2: a host is written in any case.
        Ok(Self::new(&authority.host().to_ascii_lowercase(), authority.port_u16().unwrap_or(443)))
    }

    /// With this authority alone.
    pub fn trusting(self, cacert: Option<PathBuf>) -> Self {
        Self { cacert, ..self }
    }

    /// At this address, whatever its name leads to.
    pub fn at(self, connect: Option<String>) -> Self {
        Self { connect, ..self }
    }

    /// `host:port`, as the Host field has it.
    pub fn authority(&self) -> String {
        if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }

    /// As `--url` takes it.
    pub fn url(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// Opens a connection to it.
    pub async fn open(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let url = self.url();
        let config = Arc::new(trust(self.cacert.as_deref())?);
        let to = self.connect.clone().unwrap_or_else(|| format!("{}:{}", self.host, self.port));
        let unreachable = |reason: String| {
            Failure::away(format!("{url} can not be reached: {reason}"))
                .next("check the name, the port and the network")
        };
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(&to)).await;
        let stream = stream.map_err(|_| unreachable("no answer in time".to_owned()))?;
        let stream = stream.map_err(|error| unreachable(error.to_string()))?;
        let bare = self.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(bare).map_err(|_| unreachable("that is no host name".to_owned()))?;
        let shaken = tokio::time::timeout(CONNECT, TlsConnector::from(config).connect(name, stream)).await;
        let shaken = shaken.map_err(|_| unreachable("no TLS in time".to_owned()))?;
        let stream = shaken.map_err(|error| {
            if error.to_string().contains("corrupt message") {
                return Failure::new(format!("what answers at {url} does not speak TLS"))
                    .next("is that the port of https? [listen] https in postern.toml has it");
            }
            Failure::new(format!("{url} does not prove that it is that server: {error}"))
                .next("name the authority to trust with --cacert FILE; in the data folder of a house it is tls/ca.pem")
        })?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|e| unreachable(e.to_string()))?;
        // What ends the connection early reaches the one request that waits for it.
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// What a server's certificate is checked with: this authority alone, or those of the system.
fn trust(cacert: Option<&Path>) -> Result<ClientConfig, Failure> {
    let system = || SYSTEM_AUTHORITIES.map(Path::new).into_iter().find(|path| path.exists());
    let file = cacert.or_else(system).ok_or_else(|| {
        Failure::new("this system has no list of authorities that is known here").next("name one with --cacert FILE")
    })?;
    let failed = |reason: String| Failure::new(format!("{}: {reason}", file.display()));
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let added = roots.add(certificate.map_err(|error| failed(error.to_string()))?);
        // A list of the system may hold what rustls does not take; of one that was named each counts.
        if let (Err(error), Some(_)) = (added, cacert) {
            return Err(failed(error.to_string()));
        }
    }
    if roots.is_empty() {
        return Err(failed("the file holds no certificate in PEM form".to_owned()));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("TLS is not to be had: {error}")))?;
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_server_and_nothing_else() {
        assert_eq!(Place::parse("https://mail.example.org").unwrap().url(), "https://mail.example.org");
        assert_eq!(Place::parse("https://mail.example.org:443/").unwrap().url(), "https://mail.example.org");
        assert_eq!(Place::parse("https://127.0.0.1:10443").unwrap().authority(), "127.0.0.1:10443");
        assert_eq!(Place::parse("https://[::1]:10443").unwrap().url(), "https://[::1]:10443");
        for url in [
            "http://mail.example.org",
            "mail.example.org",
            "https://",
            "https://alice:secret@mail.example.org",
            "https://mail.example.org/api",
            "https://mail.example.org/?x",
            "",
        ] {
            assert_eq!(Place::parse(url).unwrap_err().code(), 2, "{url}");
        }
    }
}
