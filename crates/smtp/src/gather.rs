//! A message as its bytes come in, in memory that the house has counted.
//!
//! The buffer grows with what came and never by what a client promises (SIZE, BDAT). Before it
//! grows there has to be room for it in the house; where there is none after a while, what has
//! come is let go, the rest is read and dropped, and the message is refused for now.

use crate::link::Link;
use postern_app::{House, Refused, Room, Session};
use postern_smtp_wire::{DataReport, Enhanced, Reply};
use std::time::Duration;
use tokio::time::timeout;

/// The first buffer of a message; most need no other.
const FIRST_BYTES: usize = 8 << 10;

/// What has come of a message.
#[derive(Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    room: Option<Room>,
    /// There was no room for it: nothing more of it is kept.
    given_up: bool,
    /// What the chunks before reported (RFC 3030 section 2).
    pub(crate) report: DataReport,
}

/// A message that is complete, with the room that it has until it is dealt with.
pub(crate) struct Whole {
    /// The bytes; none where there was no room for them.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Freed after the bytes.
    _room: Option<Room>,
}

impl Gathered {
    /// Keeps these bytes too.
    pub(crate) async fn take(&mut self, bytes: &[u8], link: &Link) -> Result<(), Refused> {
        let needed = self.bytes.len() + bytes.len();
        if !self.given_up && needed > self.bytes.capacity() {
            // By a quarter each time, so that it is copied seldom and little of it is empty.
            let capacity = needed.max(self.bytes.capacity() / 4 * 5).max(FIRST_BYTES);
            if self.has_room(link, capacity).await? {
                self.bytes.reserve_exact(capacity - self.bytes.len());
            } else {
                tracing::warn!(event = "smtp.no-room", bytes = needed);
                self.let_go();
                self.given_up = true;
            }
        }
        if !self.given_up {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }

    async fn has_room(&mut self, link: &Link, capacity: usize) -> Result<bool, Refused> {
        let Link { house, peer, session, .. } = link;
        let room = self.room.get_or_insert_with(|| house.room(peer));
        wait_for(house, session.as_deref(), link.idle(), room.grow_to(capacity)).await
    }

    /// Keeps nothing of a message that can only be refused.
    pub(crate) fn let_go(&mut self) {
        (self.bytes, self.room) = (Vec::new(), None);
    }

    /// The reply to a chunk that is not the last one; what is refused ends the message.
    pub(crate) fn chunk_reply(&self) -> Reply {
        let refusal = self.report.refusal().or_else(|| self.given_up.then(no_room));
        let taken = || Reply::new(250, Enhanced(0, 0), format!("{} octets so far", self.report.octets));
        refusal.unwrap_or_else(taken)
    }

    /// The message is complete; the next one begins with nothing.
    pub(crate) fn end(&mut self) -> Whole {
        let Self { bytes, room, given_up, .. } = std::mem::take(self);
        Whole { bytes: (!given_up).then_some(bytes), _room: room }
    }
}

/// 452 4.3.1: the server has no room now (RFC 3463 section 3.4).
pub(crate) fn no_room() -> Reply {
    Reply::new(452, Enhanced(3, 1), "The server has no room for the message now; please send it again later")
}

/// Waits so long, and no longer than a sign-in holds; was it done?
async fn wait_for(
    house: &House,
    session: Option<&Session>,
    time: Duration,
    work: impl Future<Output = ()>,
) -> Result<bool, Refused> {
    let work = timeout(time, work);
    let done = match session {
        Some(session) => house.while_signed_in(session, work).await?,
        None => work.await,
    };
    Ok(done.is_ok())
}

/// Puts lines in front of a message, in place: there is room for one copy of it.
pub(crate) fn put_in_front(lines: &str, message: &mut Vec<u8>) {
    message.reserve_exact(lines.len());
    message.splice(0..0, lines.bytes());
}
