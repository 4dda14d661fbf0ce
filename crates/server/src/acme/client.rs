//! HTTPS to an authority: short requests, one connection each.
//!
//! The trust, the time limits and the bounds of answers are ours. An authority is asked a dozen times in
//! two months, so nothing is kept open and nothing is pooled.

use super::answer;
use crate::config::Acme;
use crate::dial::roots;
use crate::tls::provider;
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::http::response::Parts;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use postern_store::Clock;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// For one address to answer, and to be one that is trusted.
const CONNECT: Duration = Duration::from_secs(15);
/// For one question and its answer.
const WHOLE: Duration = Duration::from_secs(60);
/// A certificate with those above it has some kilobytes.
const ANSWER_BYTES: usize = 1 << 20;
const AGENT: &str = concat!("postern/", env!("CARGO_PKG_VERSION"), " instant-acme");

type Failure = Box<dyn StdError + Send + Sync>;

/// Asks one authority.
#[derive(Clone)]
pub(super) struct Client {
    tls: Arc<ClientConfig>,
    directory: String,
    clock: Arc<dyn Clock>,
    wish: Wish,
}

/// Seconds for which the authority wants to be left alone, as its last refusal said; 0: nothing was said.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish(Arc<AtomicU64>);

impl Wish {
    pub fn milliseconds(&self) -> Option<i64> {
        let seconds = self.0.load(Ordering::Relaxed);
        (seconds > 0).then(|| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }
}

impl Client {
    /// Believes the authorities of a file, or those of this machine.
    pub async fn new(acme: &Acme, clock: Arc<dyn Clock>, wish: Wish) -> io::Result<Self> {
        let (ca_file, directory) = (acme.ca_file.clone(), acme.directory.clone());
        // Lists of authorities are some hundred files on some machines.
        let roots =
            tokio::task::spawn_blocking(move || roots(ca_file.as_deref())).await.map_err(io::Error::other)??;
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(io::Error::other)?;
        let tls = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
        Ok(Self { tls, directory, clock, wish })
    }

    async fn ask(self, mut request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Failure> {
        let uri = request.uri().clone();
        let is_directory = self.directory.parse::<Uri>().is_ok_and(|directory| directory == uri);
        let stream = self.connect(&uri).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let host = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        request.headers_mut().insert(HOST, HeaderValue::from_str(host)?);
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        *request.uri_mut() = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let asking = async move {
            let (parts, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await;
            Ok::<_, Failure>((
                parts,
                body.map_err(|error| format!("its answer did not come whole: {error}"))?.to_bytes(),
            ))
        };
        let mut asking = pin!(asking);
        let (parts, body) = tokio::select! {
            biased;
            answer = &mut asking => answer,
            // It only moves bytes; what came of them is with the other.
            _ = connection => asking.await,
        }?;
        self.understood(is_directory, parts, body)
    }

    /// What it says, where it is the answer of an authority; how long it wants to be left alone is noted.
    fn understood(&self, is_directory: bool, mut parts: Parts, body: Bytes) -> Result<BytesResponse, Failure> {
        let wish = answer::wish(&parts.headers, self.clock.wall());
        // Of refusals alone: an order that is being worked on says when to look again, too.
        if parts.status.is_client_error() || parts.status.is_server_error() {
            self.wish.0.store(wish.unwrap_or(0), Ordering::Relaxed);
        }
        // The library adds it to the time of day, and breaks off where that leads too far.
        match wish {
            Some(seconds) => drop(parts.headers.insert(RETRY_AFTER, seconds.into())),
            None => drop(parts.headers.remove(RETRY_AFTER)),
        }
        answer::look(is_directory, parts.status, &body)?;
        Ok(BytesResponse { parts, body: Box::new(body) })
    }

    async fn connect(&self, uri: &Uri) -> Result<TlsStream<TcpStream>, Failure> {
        if uri.scheme_str() != Some("https") {
            // RFC 8555 section 6.1.
            return Err(format!("{uri} is no https URL").into());
        }
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = uri.port_u16().unwrap_or(443);
        let name = ServerName::try_from(host.to_owned())?;
        let addresses = lookup_host((host, port)).await.map_err(|error| format!("{host} has no address: {error}"))?;
        let mut failures = Vec::new();
        for address in addresses {
            let connected = timeout(CONNECT, self.connect_to(address, name.clone())).await;
            match connected.unwrap_or_else(|_| Err(format!("{address} does not answer in time"))) {
                Ok(stream) => return Ok(stream),
                Err(failure) => failures.push(failure),
            }
        }
        Err(if failures.is_empty() { format!("{host} has no address") } else { failures.join("; ") }.into())
    }

    async fn connect_to(&self, address: SocketAddr, name: ServerName<'static>) -> Result<TlsStream<TcpStream>, String> {
        let stream =
            TcpStream::connect(address).await.map_err(|error| format!("{address} does not answer: {error}"))?;
        let shaken = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await;
        shaken.map_err(|error| format!("{address} answers, but not with TLS that is trusted: {error}"))
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let asking = self.clone().ask(request);
        Box::pin(async move {
            let answer = timeout(WHOLE, asking).await;
            answer.unwrap_or_else(|_| Err("no answer in time".into())).map_err(Error::Other)
        })
    }
}

#[cfg(test)]
mod tests;
