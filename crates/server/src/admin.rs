//! The administration socket: REST for whoever the file system lets in.
//!
//! The kernel names the process at the other end (SO_PEERCRED), and that name is the
//! operator's proof; nothing a request says can change it.

use crate::listener::Doors;
use crate::socket::Bound;
use axum::extract::Request;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::serve::IncomingStream;
use axum::{Extension, Router};
use postern_http::PeerUid;
use std::sync::Arc;
use tokio::net::UnixListener;

/// Who connected, where the kernel could say.
#[derive(Debug, Clone, Copy)]
struct PeerCredentials(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for PeerCredentials {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|credentials| credentials.uid()))
    }
}

/// Serves REST until the server drains.
pub(crate) async fn serve(doors: Arc<Doors>, bound: Bound) {
    let Bound::Unix(listener, _file) = bound else { return };
    let mut shutdown = doors.shutdown.clone();
    let service = app(&doors).into_make_service_with_connect_info::<PeerCredentials>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move { shutdown.requested().await });
    tokio::select! {
        () = doors.cut.cancelled() => {}
        ended = serving => if let Err(error) = ended {
            tracing::error!(event = "admin.failed", %error);
        },
    }
}

fn app(doors: &Doors) -> Router {
    // Whoever may open the socket administers the house.
    let measure = Extension(doors.measure.clone());
    postern_http::router(Arc::clone(&doors.house)).layer(from_fn(name_peer)).layer(measure)
}

async fn name_peer(ConnectInfo(peer): ConnectInfo<PeerCredentials>, mut request: Request, next: Next) -> Response {
    // Without a name the router answers as to anyone.
    if let PeerCredentials(Some(uid)) = peer {
        request.extensions_mut().insert(PeerUid(uid));
    }
    next.run(request).await
}
