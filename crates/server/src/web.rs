//! HTTP over one connection, under TLS or not: a router, behind limits.
//!
//! A client has so long for the head of each request, idle time between two included, and
//! `http` bounds the body in bytes and time; one that takes no byte of its answers is gone
//! ([`crate::patience`]). The connection counts as a stranger's until one of its requests has
//! proved who asks, and a stranger has as long for that as in IMAP (`limits.sign_in_seconds`).

use crate::patience::Patient;
use crate::unread;
use crate::visitors::Guest;
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_app::Peer;
use postern_app::wire::Shutdown;
use postern_http::{MayMeasure, Visit};
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tower::ServiceExt;

/// For the head of a request, and for deciding to send another one.
const HEAD: Duration = Duration::from_secs(30);
/// For taking some of an answer: who is on the slowest line takes a piece in less.
const TAKING: Duration = Duration::from_secs(30);
/// For the answer in hand when a stranger's time is over.
const FAREWELL: Duration = Duration::from_secs(2);
/// Bytes of a request's head, at most.
const HEAD_BYTES: usize = 16 << 10;

/// What a connection is served by.
pub(crate) struct Web {
    pub router: Router,
    /// Whoever is at its other end may read metrics.
    pub measure: Option<MayMeasure>,
}

/// Serves a router until the client goes or the server drains.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(
    web: Web,
    stream: S,
    peer: Peer,
    guest: Option<Guest>,
    sign_in: Duration,
    mut shutdown: Shutdown,
) {
    let (address, listener) = (peer.address, if peer.encrypted { "https" } else { "http" });
    let (told, proved) = oneshot::channel::<()>();
    let visit = Visit::new(peer, move || {
        drop(guest);
        // Whoever waits for it may have gone with the connection.
        let _ = told.send(());
    });
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(visit.clone());
        if let Some(measure) = &web.measure {
            request.extensions_mut().insert(measure.clone());
        }
        let router = web.router.clone();
        unread::ask(request, async |request| router.oneshot(request).await)
    });
    let mut http = http1::Builder::new();
    // Who has said all and listens still is answered (RFC 9112 section 9.6).
    http.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES).half_close(true);
    let stream = Patient::new(stream, TAKING);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.requested() => {
            // The request in hand is answered, and no other is begun.
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = stays_strange(proved, sign_in) => {
            tracing::debug!(event = "connection.refused", listener, ?address, reason = "not-signed-in");
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(event = "connection.ended", listener, ?address, %error);
    }
}

/// Ends when nobody has proved who asks for so long; never once somebody has.
async fn stays_strange(proved: oneshot::Receiver<()>, sign_in: Duration) {
    if let Ok(Ok(())) = tokio::time::timeout(sign_in, proved).await {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::{Instant, sleep};

    const SIGN_IN: Duration = Duration::from_secs(60);

    fn connect(router: Router) -> tokio::io::DuplexStream {
        let (near, far) = tokio::io::duplex(4096);
        let peer = Peer { address: None, encrypted: true };
        tokio::spawn(async move {
            // Kept, so that the server does not drain.
            let (_drain, shutdown) = Shutdown::new();
            let web = Web { router, measure: None };
            serve(web, near, peer, None, SIGN_IN, shutdown).await;
        });
        far
    }

    /// One request; the first bytes of its answer, or none where the connection has ended.
    async fn ask(stream: &mut tokio::io::DuplexStream) -> usize {
        if stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.is_err() {
            return 0;
        }
        stream.read(&mut [0; 4096]).await.unwrap_or(0)
    }

    /// Health is for everyone: whoever keeps asking for it has not signed in.
    #[tokio::test(start_paused = true)]
    async fn a_stranger_stays_no_longer_than_signing_in_may_take() {
        let mut stream = connect(Router::new().route("/", get(|| async { "alive" })));
        let began = Instant::now();
        while ask(&mut stream).await > 0 {
            assert!(began.elapsed() < SIGN_IN * 2, "still served");
            sleep(Duration::from_secs(10)).await;
        }
        assert!(began.elapsed() >= SIGN_IN, "ended after {:?}", began.elapsed());
    }

    /// Who is refused by the head alone sends the body all the same, and asks again.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_nobody_wanted_does_not_end_the_connection() {
        let mut stream = connect(Router::new().route("/", get(|| async { "alive" })));
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await.unwrap();
        sleep(Duration::from_secs(1)).await;
        stream.write_all(b"later").await.unwrap();
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 405 "), "{}", String::from_utf8_lossy(&answer[..length]));
        assert!(ask(&mut stream).await > 0, "the connection has ended");
    }

    /// Who asks whether to send is refused without being told to.
    #[tokio::test(start_paused = true)]
    async fn who_waits_to_be_told_is_not_told_to_send() {
        let mut stream = connect(Router::new().route("/", get(|| async { "alive" })));
        let head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).to_lowercase();
        assert!(answer.starts_with("http/1.1 405 ") && answer.contains("connection: close"), "{answer}");
    }

    /// Neither is it read for ever: the answer says that the connection ends.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_ends_the_connection() {
        for sent in [b"Content-Length: 5\r\n\r\n".as_slice(), b"Content-Length: 70000\r\n\r\n"] {
            let mut stream = connect(Router::new().route("/", get(|| async { "alive" })));
            stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            stream.write_all(sent).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            let answer = String::from_utf8_lossy(&answer).to_lowercase();
            assert!(answer.starts_with("http/1.1 405 ") && answer.contains("connection: close"), "{answer}");
        }
    }

    /// An answer that nobody takes does not keep the connection.
    #[tokio::test(start_paused = true)]
    async fn who_takes_no_answer_is_let_go() {
        let (near, mut far) = tokio::io::duplex(4096);
        let serving = tokio::spawn(async move {
            let router = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
            let (_drain, shutdown) = Shutdown::new();
            let peer = Peer { address: None, encrypted: true };
            let web = Web { router, measure: None };
            serve(web, near, peer, None, SIGN_IN * 100, shutdown).await;
        });
        far.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let began = Instant::now();
        serving.await.unwrap();
        assert!(began.elapsed() < SIGN_IN, "after {:?}", began.elapsed());
    }
}
