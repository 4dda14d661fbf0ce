//! Accepting connections: limits first, then TLS, then the protocol's session.
//!
//! The doors outlive everything that can go wrong with one visitor. When the process has no
//! file left (EMFILE) a door waits a little instead of spinning, and says so once.

use crate::config::Network;
use crate::connection::Connection;
use crate::handshake::Handshakes;
use crate::measures::Traffic;
use crate::socket::Bound;
use crate::visitors::{Admission, Allowance, Guest, Visitors};
use crate::web;
use postern_app::wire::{Shutdown, Wire};
use postern_app::{House, Peer};
use postern_http::MayMeasure;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What is spoken at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// IMAP under TLS.
    Imaps,
    /// IMAP without.
    Imap,
    /// LMTP.
    Lmtp,
    /// SMTP of other servers.
    Smtp,
    /// Submission, under TLS by STARTTLS.
    Submission,
    /// Submission under TLS from the first byte (RFC 8314 section 3.3).
    Submissions,
    /// REST under TLS.
    Https,
    /// Set-up help without.
    Http,
}

impl Speaks {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Speaks::Imaps => "imaps",
            Speaks::Imap => "imap",
            Speaks::Lmtp => "lmtp",
            Speaks::Smtp => "smtp",
            Speaks::Submission => "submission",
            Speaks::Submissions => "submissions",
            Speaks::Https => "https",
            Speaks::Http => "http",
        }
    }

    /// TLS comes first.
    fn opens_with_tls(self) -> bool {
        matches!(self, Speaks::Imaps | Speaks::Submissions | Speaks::Https)
    }

    /// TLS may come later.
    fn offers_starttls(self) -> bool {
        matches!(self, Speaks::Smtp | Speaks::Submission)
    }
}

/// What all doors share.
pub(crate) struct Doors {
    pub house: Arc<House>,
    pub handshakes: Arc<Handshakes>,
    /// REST, for the connections of `https`.
    pub web: axum::Router,
    /// Set-up help, for those of `http`.
    pub plain_web: axum::Router,
    pub shutdown: Shutdown,
    /// Cut: sessions that did not end by themselves.
    pub cut: CancellationToken,
    pub tasks: TaskTracker,
    pub visitors: Arc<Visitors>,
    pub traffic: Arc<Traffic>,
    /// What those may see who may read metrics.
    pub measure: MayMeasure,
    pub rules: RwLock<Rules>,
}

/// What a reload may change.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub allowance: Allowance,
    pub lmtp_networks: Vec<Network>,
    pub metrics_networks: Vec<Network>,
}

impl Rules {
    /// May somebody at this address read metrics? This machine's programs may: whoever watches it runs
    /// there.
    fn may_measure(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.metrics_networks.iter().any(|network| network.contains(address))
    }
}

/// A stream that was accepted, and from where.
enum Visitor {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Visitor {
    fn address(&self) -> Option<IpAddr> {
        match self {
            Visitor::Tcp(_, address) => Some(*address),
            Visitor::Unix(_) => None,
        }
    }
}

/// Accepts at one door until the server drains.
pub(crate) async fn keep_door(doors: Arc<Doors>, bound: Bound, speaks: Speaks) {
    let mut shutdown = doors.shutdown.clone();
    let mut pause = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.requested() => return,
            accepted = accept(&bound) => accepted,
        };
        match accepted {
            Ok(visitor) => {
                pause = None;
                doors.receive(visitor, speaks);
            }
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                let wait = pause.map_or(FIRST_PAUSE, |last: Duration| (last * 2).min(LONGEST_PAUSE));
                if pause.is_none() {
                    tracing::error!(event = "listener.accept-failed", listener = speaks.name(), %error);
                }
                pause = Some(wait);
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
}

async fn accept(bound: &Bound) -> io::Result<Visitor> {
    match bound {
        Bound::Tcp(listener, _) => {
            listener.accept().await.map(|(stream, from)| Visitor::Tcp(stream, from.ip().to_canonical()))
        }
        Bound::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Visitor::Unix(stream)),
    }
}

/// accept(2) also reports what went wrong with the one connection it would have given.
fn concerns_one(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, PermissionDenied, TimedOut,
    };
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | PermissionDenied
            | TimedOut
    )
}

impl Doors {
    fn receive(self: &Arc<Self>, visitor: Visitor, speaks: Speaks) {
        let Some(guest) = self.admit(&visitor, speaks) else { return };
        self.traffic.taken.add([speaks.name()], 1);
        let present = self.traffic.open.enter([speaks.name()]);
        let doors = Arc::clone(self);
        self.tasks.spawn(async move {
            let _present = present;
            let cut = doors.cut.clone();
            tokio::select! {
                () = cut.cancelled() => {}
                () = doors.serve(visitor, guest, speaks) => {}
            }
        });
    }

    /// Whether this visitor may stay. Refusals are silent on the wire: it costs nothing to
    /// come again, so an answer to each would cost us more than it costs them.
    fn admit(&self, visitor: &Visitor, speaks: Speaks) -> Option<Option<Guest>> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let address = visitor.address();
        if speaks == Speaks::Lmtp {
            let is_near = address.is_none_or(|from| {
                from.is_loopback() || rules.lmtp_networks.iter().any(|network| network.contains(from))
            });
            if !is_near {
                self.turned_away(speaks, address, "network");
                return None;
            }
            return Some(None);
        }
        match self.visitors.admit(address, rules.allowance) {
            Admission::Welcome(guest) => Some(guest),
            Admission::Full => {
                self.turned_away(speaks, address, "too-many");
                None
            }
        }
    }

    fn turned_away(&self, speaks: Speaks, address: Option<IpAddr>, reason: &'static str) {
        self.traffic.refused.add([speaks.name(), reason], 1);
        tracing::warn!(event = "connection.refused", listener = speaks.name(), ?address, reason);
    }

    /// What somebody at this address sees of the process, where they may.
    fn measure_for(&self, address: Option<IpAddr>) -> Option<MayMeasure> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        address.filter(|address| rules.may_measure(*address)).map(|_| self.measure.clone())
    }

    async fn serve(&self, visitor: Visitor, guest: Option<Guest>, speaks: Speaks) {
        let address = visitor.address();
        match visitor {
            Visitor::Tcp(stream, _) => {
                // Replies are whole when they are written: waiting for more only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(event = "connection.ended", ?address, %error);
                    return;
                }
                self.greet(stream, address, guest, speaks).await;
            }
            Visitor::Unix(stream) => self.greet(stream, address, guest, speaks).await,
        }
    }

    async fn greet<S: AsyncRead + AsyncWrite + Unpin + Send>(
        &self,
        stream: S,
        address: Option<IpAddr>,
        guest: Option<Guest>,
        speaks: Speaks,
    ) {
        let sign_in = Duration::from_secs(self.house.limits().sign_in_seconds);
        if speaks == Speaks::Http {
            let web = web::Web { router: self.plain_web.clone(), measure: None };
            let peer = Peer { address, encrypted: false };
            return Box::pin(web::serve(web, stream, peer, guest, sign_in, self.shutdown.clone())).await;
        }
        if !speaks.opens_with_tls() {
            let peer = Peer { address, encrypted: false };
            let handshakes = speaks.offers_starttls().then(|| Arc::clone(&self.handshakes));
            return self.talk(Connection::plain(stream, peer, guest, handshakes), speaks).await;
        }
        let peer = Peer { address, encrypted: true };
        if speaks == Speaks::Https {
            let Ok(stream) = Box::pin(self.handshakes.shake_for_web(stream, address)).await else { return };
            let web = web::Web { router: self.web.clone(), measure: self.measure_for(address) };
            return Box::pin(web::serve(web, stream, peer, guest, sign_in, self.shutdown.clone())).await;
        }
        let Ok(stream) = Box::pin(self.handshakes.shake(stream, address)).await else { return };
        self.talk(Connection::under_tls(stream, peer, guest), speaks).await;
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send>(&self, mut connection: Connection<S>, speaks: Speaks) {
        let (house, shutdown) = (Arc::clone(&self.house), self.shutdown.clone());
        speak(house, &mut connection, shutdown, speaks).await;
        connection.close().await;
    }
}

async fn speak<W: Wire>(house: Arc<House>, wire: W, shutdown: Shutdown, speaks: Speaks) {
    match speaks {
        Speaks::Imaps | Speaks::Imap => Box::pin(postern_imap::serve(house, wire, shutdown)).await,
        Speaks::Lmtp => Box::pin(postern_smtp::serve_lmtp(house, wire, shutdown)).await,
        Speaks::Smtp => Box::pin(postern_smtp::serve_smtp(house, wire, shutdown)).await,
        Speaks::Submission | Speaks::Submissions => {
            Box::pin(postern_smtp::serve_submission(house, wire, shutdown)).await
        }
        // Its bytes are read by `web`.
        Speaks::Https | Speaks::Http => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::Limits;

    #[test]
    fn metrics_are_for_this_machine_and_for_networks_that_are_named() {
        let metrics_networks = vec!["192.0.2.0/24".parse().unwrap()];
        let allowance = Allowance::new(&Limits::default(), true);
        let rules = Rules { allowance, lmtp_networks: vec!["198.51.100.0/24".parse().unwrap()], metrics_networks };
        let may = |address: &str| rules.may_measure(address.parse().unwrap());
        assert!(may("127.0.0.1") && may("::1") && may("192.0.2.7"));
        assert!(!may("198.51.100.1") && !may("192.0.3.1") && !may("2001:db8::1"));
    }
}
