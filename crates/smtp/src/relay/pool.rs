//! Connections by hop: how many at once, and which wait for the next parcel.
//!
//! Whoever holds a permit of the hop uses a connection that waits, or opens one where none does.
//! A connection is put back before its permit, so those in use and those that wait are never
//! more than there are permits. Nobody holds the lock while it waits for anything.

use super::connection::Connection;
use postern_app::Hop;
use postern_app::wire::Wire;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub(super) struct Pool<W> {
    connections_per_hop: usize,
    idle: Duration,
    farewell: Duration,
    state: Mutex<State<W>>,
}

struct State<W> {
    /// Few: one for each route, so they are looked through.
    places: Vec<Place<W>>,
    /// A task closes what has waited too long.
    is_watched: bool,
}

struct Place<W> {
    hop: Arc<Hop>,
    room: Arc<Semaphore>,
    /// The newest last.
    waiting: Vec<Waiting<W>>,
}

struct Waiting<W> {
    connection: Connection<W>,
    since: Instant,
}

impl<W> State<W> {
    /// Hops are the same where all of them is, the login too: nobody's mail goes out over a
    /// connection that somebody else signed in.
    fn place(&mut self, hop: &Arc<Hop>) -> Option<&mut Place<W>> {
        self.places.iter_mut().find(|place| Arc::ptr_eq(&place.hop, hop) || place.hop == *hop)
    }

    fn first_since(&self) -> Option<Instant> {
        self.places.iter().flat_map(|place| &place.waiting).map(|waiting| waiting.since).min()
    }
}

impl<W: Wire + 'static> Pool<W> {
    pub fn new(connections_per_hop: usize, idle: Duration, farewell: Duration) -> Self {
        let state = Mutex::new(State { places: Vec::new(), is_watched: false });
        Self { connections_per_hop: connections_per_hop.max(1), idle, farewell, state }
    }

    fn state(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The permits of a hop; who asks first is served first.
    pub fn room(&self, hop: &Arc<Hop>) -> Arc<Semaphore> {
        let mut state = self.state();
        if let Some(place) = state.place(hop) {
            return place.room.clone();
        }
        let room = Arc::new(Semaphore::new(self.connections_per_hop));
        state.places.push(Place { hop: hop.clone(), room: room.clone(), waiting: Vec::new() });
        room
    }

    /// The one that was used last, so that those that are not needed grow old.
    pub fn take(&self, hop: &Arc<Hop>) -> Option<Connection<W>> {
        Some(self.state().place(hop)?.waiting.pop()?.connection)
    }

    /// Drops all that wait.
    pub fn forget(&self, hop: &Arc<Hop>) {
        let gone = self.state().place(hop).map(|place| std::mem::take(&mut place.waiting));
        drop(gone);
    }

    /// Keeps one for the next parcel. Its permit is still held.
    pub fn put(self: &Arc<Self>, hop: &Arc<Hop>, connection: Connection<W>) {
        let mut state = self.state();
        let since = Instant::now();
        if let Some(place) = state.place(hop) {
            place.waiting.push(Waiting { connection, since });
        }
        if !state.is_watched {
            state.is_watched = true;
            tokio::spawn(watch(Arc::downgrade(self), since + self.idle));
        }
    }

    /// Closes what has waited too long.
    pub fn sweep(&self) {
        let overdue = self.overdue(&mut self.state(), Instant::now());
        for (connection, permit) in overdue {
            if let Some(permit) = permit {
                say_goodbye(connection, permit, self.farewell);
            }
        }
    }

    /// What has waited too long. Goodbyes take their time and count as connections meanwhile; where
    /// there is no permit left for one, the connection just ends.
    fn overdue(&self, state: &mut State<W>, now: Instant) -> Vec<(Connection<W>, Option<OwnedSemaphorePermit>)> {
        let mut overdue = Vec::new();
        for place in &mut state.places {
            for waiting in place.waiting.extract_if(.., |waiting| waiting.since + self.idle <= now) {
                overdue.push((waiting.connection, place.room.clone().try_acquire_owned().ok()));
            }
        }
        // Hops that the configuration no longer has are not remembered: whoever holds a permit, or
        // waits for one, holds the room too.
        state.places.retain(|place| !place.waiting.is_empty() || Arc::strong_count(&place.room) > 1);
        overdue
    }
}

/// Closes connections when their time has come, until none waits.
async fn watch<W: Wire + 'static>(pool: Weak<Pool<W>>, mut next: Instant) {
    loop {
        tokio::time::sleep_until(next).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep();
        let mut state = pool.state();
        match state.first_since() {
            Some(since) => next = since + pool.idle,
            None => {
                state.is_watched = false;
                return;
            }
        }
    }
}

/// QUIT, which nobody waits for; outside of a runtime the connection just ends.
pub(super) fn say_goodbye<W: Wire + 'static>(
    connection: Connection<W>,
    permit: impl Send + 'static,
    farewell: Duration,
) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(async move {
            connection.quit(farewell).await;
            drop(permit);
        });
    }
}
