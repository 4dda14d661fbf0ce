//! Connections that we open: to the servers that mail is relayed to.
//!
//! The names of a hop are asked for each time, and its addresses tried in the order of the
//! resolver, since RFC 6724 has sorted them. TLS is the client's side of what `tls` does for
//! listeners; whom we believe stands in [`trust`], and it is loaded when it is first needed: a
//! house that relays nothing reads no list of authorities.

mod trust;
mod unverified;

#[cfg(test)]
mod tests;

use postern_app::wire::Wire;
use postern_app::{Carrier, Hop, HopTls, Peer};
use postern_smtp::{DialError, Dialer, Relay, RelayOptions};
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use trust::Trust;

pub use trust::roots;

/// How long one address may take to answer.
const CONNECT: Duration = Duration::from_secs(30);
/// A name with more addresses than this has trouble of another kind.
const ADDRESSES: usize = 8;
/// Octets that there is room for at each read: answers are short.
const PIECE_BYTES: usize = 4096;

/// What takes mail to other servers. `hostname` is our name in EHLO; `authorities` is a PEM file of
/// those whose certificates are believed, instead of the machine's own list; `connections` is how many
/// there are to one place.
pub(crate) fn carrier(hostname: &str, authorities: Option<PathBuf>, connections: usize) -> Arc<dyn Carrier> {
    let options = RelayOptions { connections_per_hop: connections, ..RelayOptions::default() };
    Arc::new(Relay::new(HopDialer::new(authorities), hostname, options))
}

/// Dials over TCP.
pub(crate) struct HopDialer {
    trust: Arc<Trust>,
}

impl HopDialer {
    pub(crate) fn new(authorities: Option<PathBuf>) -> Self {
        Self { trust: Arc::new(Trust::new(authorities)) }
    }
}

impl Dialer for HopDialer {
    type Wire = HopConnection;

    async fn dial(&self, hop: &Arc<Hop>) -> Result<HopConnection, DialError> {
        let stream = connect(hop).await?;
        // Commands are short and each waits for its answer; failing to say so costs only time.
        let _ = stream.set_nodelay(true);
        let address = stream.peer_addr().ok().map(|address| address.ip().to_canonical());
        let peer = Peer { address, encrypted: false };
        let mut connection =
            HopConnection { stream: Stream::Clear(stream), peer, hop: hop.clone(), trust: self.trust.clone() };
        if hop.tls == HopTls::Implicit {
            let failed = |error: io::Error| DialError::Tls(format!("TLS with {hop} did not come about: {error}"));
            connection.start_tls().await.map_err(failed)?;
        }
        Ok(connection)
    }
}

/// The first address that answers.
async fn connect(hop: &Hop) -> Result<TcpStream, DialError> {
    let addresses = lookup_host((hop.host.as_str(), hop.port)).await;
    let addresses = addresses.map_err(|error| DialError::NoAddress(format!("{} has no address: {error}", hop.host)))?;
    let mut failure = DialError::NoAddress(format!("{} has no address", hop.host));
    for address in addresses.take(ADDRESSES) {
        match connect_to(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                failure = DialError::Unreachable(format!("{hop} ({}) does not answer: {error}", address.ip()))
            }
        }
    }
    Err(failure)
}

async fn connect_to(address: SocketAddr) -> io::Result<TcpStream> {
    timeout(CONNECT, TcpStream::connect(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// One connection to a hop.
pub(crate) struct HopConnection {
    stream: Stream,
    peer: Peer,
    hop: Arc<Hop>,
    trust: Arc<Trust>,
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// A handshake was begun and has not come to its end: neither clear nor TLS.
    Lost,
}

impl Wire for HopConnection {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        buffer.reserve(PIECE_BYTES);
        match &mut self.stream {
            Stream::Clear(stream) => stream.read_buf(buffer).await,
            Stream::Tls(stream) => stream.read_buf(buffer).await,
            Stream::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Clear(stream) => stream.write_all(bytes).await,
            Stream::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
            Stream::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn signed_in(&mut self) {}

    fn offers_tls(&self) -> bool {
        matches!(self.stream, Stream::Clear(_)) && self.hop.tls != HopTls::Never
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        // Who asks for nothing but TLS gets it from whom he asked; only a hop that would do without
        // takes whoever answers.
        let config = match self.hop.tls {
            HopTls::Implicit | HopTls::Required => self.trust.verified().await?,
            HopTls::Opportunistic => self.trust.anyone().await?,
            HopTls::Never => return Err(io::ErrorKind::Unsupported.into()),
        };
        let name = self.hop.host.strip_suffix('.').unwrap_or(&self.hop.host).to_owned();
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        let Stream::Clear(stream) = std::mem::replace(&mut self.stream, Stream::Lost) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        self.stream = Stream::Tls(Box::new(stream));
        self.peer.encrypted = true;
        Ok(())
    }
}
