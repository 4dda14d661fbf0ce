//! HTTP over one TLS connection: the router of REST, behind limits.
//!
//! A client has so long for the head of each request, idle time between two included, and
//! `http` bounds the body in bytes and time. The connection counts as a stranger's until one
//! of its requests has proved who asks.

use crate::visitors::Guest;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_app::Peer;
use postern_app::wire::Shutdown;
use postern_http::Visit;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

/// For the head of a request, and for deciding to send another one.
const HEAD: Duration = Duration::from_secs(30);
/// Bytes of a request's head, at most.
const HEAD_BYTES: usize = 16 << 10;

/// Serves REST until the client goes or the server drains.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(
    router: Router,
    stream: S,
    peer: Peer,
    guest: Option<Guest>,
    mut shutdown: Shutdown,
) {
    let address = peer.address;
    let visit = Visit::new(peer, move || drop(guest));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visit.clone());
        router.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            // The request in hand is answered, and no other is begun.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(event = "connection.ended", listener = "https", ?address, %error);
    }
}
