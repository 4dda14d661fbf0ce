//! The seam between protocols and sockets: a protocol session turns bytes into use cases
//! and owns no socket; `server` moves the bytes.

use crate::Peer;
use std::future::Future;
use std::io;
use tokio::sync::watch;

/// Bytes in and out of one connection.
pub trait Wire: Send {
    /// Appends at least one byte to `buffer`, or answers 0 at the end. Cancel-safe: bytes
    /// are in the buffer or still on the way, never lost.
    fn read(&mut self, buffer: &mut Vec<u8>) -> impl Future<Output = io::Result<usize>> + Send;
    /// Writes all bytes and flushes them.
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = io::Result<()>> + Send;
    /// Who is at the other end.
    fn peer(&self) -> &Peer;
    /// Someone has signed in: the connection no longer counts among its address's strangers.
    fn signed_in(&mut self);
    /// Could the connection be put under TLS now?
    fn offers_tls(&self) -> bool {
        false
    }
    /// Puts the connection under TLS; the peer is encrypted from then on. The caller has dropped
    /// whatever it read before and not obeyed (RFC 3207 section 4.2).
    fn start_tls(&mut self) -> impl Future<Output = io::Result<()>> + Send {
        std::future::ready(Err(io::ErrorKind::Unsupported.into()))
    }
}

/// Tells sessions that the server drains.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A switch and what listens to it; `true` means drain.
    pub fn new() -> (watch::Sender<bool>, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (sender, Shutdown(receiver))
    }
    /// Ends when the server drains. Cancel-safe.
    pub async fn requested(&mut self) {
        if self.0.wait_for(|drain| *drain).await.is_err() {
            // The switch is gone with the server: that is a drain too.
        }
    }
    /// Does the server drain?
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }
}
