//! The handshake of TLS, wherever it stands: before the first byte of a connection, or in its
//! midst after STARTTLS (RFC 3207).
//!
//! Both have the same time for it and the same certificate, that of the moment they begin.

use crate::measures::Traffic;
use crate::tls::{Tls, was_a_look};
use postern_app::wire::Shutdown;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A client on the slowest line shakes hands in less.
const LONGEST: Duration = Duration::from_secs(20);

/// What a handshake needs.
pub(crate) struct Handshakes {
    pub tls: Tls,
    pub traffic: Arc<Traffic>,
    pub shutdown: Shutdown,
}

impl Handshakes {
    /// For mail.
    pub(crate) async fn shake<S>(&self, stream: S, address: Option<IpAddr>) -> io::Result<Box<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        self.accept(self.tls.acceptor(), stream, address).await
    }

    /// For HTTP.
    pub(crate) async fn shake_for_web<S>(&self, stream: S, address: Option<IpAddr>) -> io::Result<Box<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let stream = self.accept(self.tls.web_acceptor(), stream, address).await?;
        if was_a_look(stream.get_ref().1) {
            tracing::info!(event = "certificate.challenge-answered", "an authority asked whether the name is ours");
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(stream)
    }

    /// The stream is gone where this fails or is given up: what it held of a handshake is no
    /// beginning of anything else.
    async fn accept<S>(
        &self,
        acceptor: TlsAcceptor,
        stream: S,
        address: Option<IpAddr>,
    ) -> io::Result<Box<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let mut shutdown = self.shutdown.clone();
        let shaken = tokio::select! {
            () = shutdown.requested() => return Err(io::ErrorKind::Interrupted.into()),
            shaken = tokio::time::timeout(LONGEST, acceptor.accept(stream)) => shaken,
        };
        let error = match shaken {
            Ok(Ok(stream)) => return Ok(Box::new(stream)),
            Ok(Err(error)) => error,
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, "no handshake in time"),
        };
        self.traffic.failed_handshakes.add([], 1);
        tracing::debug!(event = "tls.handshake-failed", ?address, reason = %error);
        Err(error)
    }
}
