//! What REST knows of a connection: who is at its other end, and how often they failed.
//!
//! The server makes one for each connection and puts it into the extensions of every request
//! of it. A request without one came over nothing that can be told, and may not sign in.

use postern_app::Peer;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Told = Box<dyn FnOnce() + Send>;

/// One connection, shared by its requests.
#[derive(Clone)]
pub struct Visit(Arc<Inner>);

struct Inner {
    peer: Peer,
    failures: AtomicU32,
    on_sign_in: Mutex<Option<Told>>,
}

impl Visit {
    /// A connection of this peer. `on_sign_in` is called once, when a request of it has proved
    /// who asks: until then the connection is a stranger's.
    pub fn new(peer: Peer, on_sign_in: impl FnOnce() + Send + 'static) -> Self {
        let on_sign_in: Told = Box::new(on_sign_in);
        Self(Arc::new(Inner { peer, failures: AtomicU32::new(0), on_sign_in: Mutex::new(Some(on_sign_in)) }))
    }

    /// Within this machine and nobody else's ear: a unix socket, or this very process.
    pub(crate) fn within() -> Self {
        Self::new(Peer { address: None, encrypted: true }, || {})
    }

    /// Nothing is known, so nothing is private.
    pub(crate) fn unknown() -> Self {
        Self::new(Peer { address: None, encrypted: false }, || {})
    }

    pub(crate) fn peer(&self) -> &Peer {
        &self.0.peer
    }

    pub(crate) fn signed_in(&self) {
        let told = self.0.on_sign_in.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(told) = told {
            told();
        }
    }

    pub(crate) fn failed(&self) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failures(&self) -> u32 {
        self.0.failures.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Visit").field(&self.0.peer).finish()
    }
}
