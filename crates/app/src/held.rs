//! A connection lives no longer than its sign-in (docs/design.md section 4).
//!
//! All that a protocol waits for once somebody has signed in, for bytes to come and for bytes
//! to be taken, it waits for here. A notice about what the sign-in rests on wakes it, and when
//! the sign-in is found to have ended, what was waited for is dropped: a reply stops between
//! two pieces, and one that nobody takes is given up at once.

use crate::wire::Wire;
use crate::{House, Refused, Session};
use postern_types::Timestamp;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Bytes that are given to the wire at once: no more of a reply leaves after a sign-in was taken
/// back. Of the 64 KiB that may, the rest is the farewell's. Whole records of TLS (16 KiB); smaller
/// pieces cost the processor more for each byte.
const PIECE_BYTES: usize = 48 << 10;

/// Where something ends by the clock, it is looked at after this time in any case: a clock may
/// be set.
const LOOK: Duration = Duration::from_secs(300);

/// Why bytes went no further.
#[derive(Debug, Clone)]
pub enum Stopped {
    /// The other side is gone.
    Gone,
    /// Nothing came, or nothing was taken, for [`Limits::idle_seconds`](postern_types::Limits).
    TooLong,
    /// The sign-in has ended, or whether it holds could not be found out.
    NotHeld(Refused),
}

impl House {
    /// Does this unless the sign-in ends before it is done; then it is dropped where it is. A
    /// notice after which the sign-in holds leaves it as it was. Where a notice came and nothing
    /// can be found out ([`Refused::Unavailable`]), it is dropped too.
    pub async fn while_signed_in<T>(&self, session: &Session, work: impl Future<Output = T>) -> Result<T, Refused> {
        let mut work = pin!(work);
        loop {
            self.check_session(session).await?;
            // What is done at once costs no more than the question.
            if let Poll::Ready(done) = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await {
                return Ok(done);
            }
            let mut watch = session.watch();
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                () = watch.changed() => {}
                () = self.look_again(session) => {}
            }
        }
    }

    /// Ends when the sign-in may have ended by the clock, of which there is no notice.
    async fn look_again(&self, session: &Session) {
        if session.holds_until() == Timestamp(i64::MAX) {
            return pending().await;
        }
        sleep(self.next_end(session, None).min(LOOK)).await;
    }

    /// The same for a connection on which nobody may have signed in yet.
    async fn while_held<T>(&self, session: Option<&Session>, work: impl Future<Output = T>) -> Result<T, Stopped> {
        match session {
            Some(session) => self.while_signed_in(session, work).await.map_err(Stopped::NotHeld),
            None => Ok(work.await),
        }
    }

    /// Waits for bytes and appends them. Cancel-safe, as [`Wire::read`] is.
    pub async fn receive(
        &self,
        session: Option<&Session>,
        wire: &mut impl Wire,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Stopped> {
        let idle = Duration::from_secs(self.limits.idle_seconds);
        match self.while_held(session, timeout(idle, wire.read(buffer))).await? {
            Err(_) => Err(Stopped::TooLong),
            Ok(Err(_) | Ok(0)) => Err(Stopped::Gone),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// Writes bytes. Where it stops, nobody knows how many of them the other side has, so nothing
    /// more can be said to it. With `session`, at most 48 KiB leave after the session's sign-in
    /// was taken back, and none once that was noticed.
    pub async fn send(&self, session: Option<&Session>, wire: &mut impl Wire, bytes: &[u8]) -> Result<(), Stopped> {
        let idle = Duration::from_secs(self.limits.idle_seconds);
        for piece in bytes.chunks(PIECE_BYTES) {
            match self.while_held(session, timeout(idle, wire.write(piece))).await? {
                Err(_) => return Err(Stopped::TooLong),
                Ok(Err(_)) => return Err(Stopped::Gone),
                Ok(Ok(())) => {}
            }
        }
        Ok(())
    }
}
