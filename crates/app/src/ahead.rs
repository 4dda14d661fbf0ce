//! Reading piece by piece, each while the one before it is on its way to the client.
//!
//! What is read ahead is memory, so the house has few places for it, and who has none reads when it is needed. No more
//! than one piece is ahead. Whether it may still be shown is asked when it is its turn.
//!
//! Where the client is faster than we read, the piece is waited for before it is there. Then the thread that has read it
//! begins the next one itself: to wake the one who waits, and be woken again, would take a fifth of the time.
//!
//! To read two pieces ahead was tried: it is no faster on two processors and costs more of them, since nobody knows where
//! the piece between them will end.

use crate::hub::Hub;
use crate::session::Proven;
use crate::{House, Refused, Session};
use postern_store::{Access, Caller, Db, GateError, Read, Tx};
use postern_types::MailboxId;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Reads what is at a place.
type ReadAt<T> = dyn Fn(&Access<'_, Read>, u64) -> Result<T, GateError> + Send + Sync;
/// Where what was read at a place goes on; nothing where it does not, or not yet.
type Behind<T> = dyn Fn(&T, u64) -> Option<u64> + Send + Sync;

/// Pieces of something in a mailbox, one after the other.
pub(crate) struct Ahead<T> {
    source: Arc<Source<T>>,
    next: Option<Begun<T>>,
}

/// Where the pieces come from.
struct Source<T> {
    db: Db,
    hub: Arc<Hub>,
    places: Arc<Semaphore>,
    caller: Caller,
    mailbox: MailboxId,
    read: Box<ReadAt<T>>,
    behind: Box<Behind<T>>,
}

/// A piece that is being read.
struct Begun<T> {
    place: u64,
    read: Pin<Box<dyn Future<Output = Result<Piece<T>, GateError>> + Send>>,
    is_awaited: Arc<AtomicBool>,
    /// Taken until it was read and nobody has yet to fetch it.
    _room: Arc<OwnedSemaphorePermit>,
}

/// What was known before a transaction was begun.
#[derive(Clone, Copy)]
struct Before {
    asked: Instant,
    rights_told: u64,
}

/// What was read, and the piece behind it where that was begun.
struct Piece<T> {
    read: T,
    /// What it was read by.
    proven: Proven,
    behind: Option<Begun<T>>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Pieces of this mailbox that `read` answers, of which `behind` tells where they go on.
    pub fn new(
        house: &House,
        session: &Session,
        mailbox: MailboxId,
        read: impl Fn(&Access<'_, Read>, u64) -> Result<T, GateError> + Send + Sync + 'static,
        behind: impl Fn(&T, u64) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        let source = Source {
            db: house.db.clone(),
            hub: Arc::clone(&house.hub),
            places: Arc::clone(&house.reading_ahead),
            caller: session.caller.clone(),
            mailbox,
            read: Box::new(read),
            behind: Box::new(behind),
        };
        Self { source: Arc::new(source), next: None }
    }

    /// The piece at this place, which is read faster where the one before goes on there.
    pub async fn at(&mut self, house: &House, session: &Session, place: u64) -> Result<T, Refused> {
        let begun = self.next.take().filter(|begun| begun.place == place);
        let piece = match begun {
            Some(begun) => begun.end().await,
            None => {
                let (source, before) = (Arc::clone(&self.source), self.source.before());
                house.db.read(move |tx: &Tx<'_>| source.piece(tx, place, before, &AtomicBool::new(true))).await
            }
        };
        // One whose sign-in has ended is told so, and not what the gate says to strangers.
        house.check_session(session).await?;
        let piece = piece?;
        self.next = piece.behind.or_else(|| self.source.begin_behind(&piece.read, place));
        session.note_proven(piece.proven);
        house.may_still_read(session, self.source.mailbox).await?;
        Ok(piece.read)
    }
}

impl<T: Send + 'static> Source<T> {
    /// Begins to read what is at this place, where there is room for it.
    fn begin(self: &Arc<Self>, place: u64) -> Option<Begun<T>> {
        let room = Arc::new(Arc::clone(&self.places).try_acquire_owned().ok()?);
        let is_awaited = Arc::new(AtomicBool::new(false));
        let (source, awaited, held) = (Arc::clone(self), Arc::clone(&is_awaited), Arc::clone(&room));
        let before = self.before();
        let read = self.db.read_ahead(move |tx: &Tx<'_>| {
            let _held = &held;
            source.piece(tx, place, before, &awaited)
        });
        Some(Begun { place, read: Box::pin(read), is_awaited, _room: room })
    }

    fn begin_behind(self: &Arc<Self>, read: &T, place: u64) -> Option<Begun<T>> {
        (self.behind)(read, place).and_then(|behind| self.begin(behind))
    }

    /// What is known before a transaction that reads.
    fn before(&self) -> Before {
        Before { asked: Instant::now(), rights_told: self.hub.rights_told() }
    }

    /// Reads what is at this place, and where somebody waits for it by then begins what is behind it.
    fn piece(
        self: &Arc<Self>,
        tx: &Tx<'_>,
        place: u64,
        before: Before,
        is_awaited: &AtomicBool,
    ) -> Result<Piece<T>, GateError> {
        let access = tx.open::<Read>(&self.caller, self.mailbox)?;
        let read = (self.read)(&access, place)?;
        let behind = if is_awaited.load(Ordering::Relaxed) { self.begin_behind(&read, place) } else { None };
        Ok(Piece { read, proven: Proven::by(&access, before.asked, before.rights_told), behind })
    }
}

impl<T> Begun<T> {
    /// Waits for it.
    async fn end(mut self) -> Result<Piece<T>, GateError> {
        self.is_awaited.store(true, Ordering::Relaxed);
        (&mut self.read).await
    }
}

impl<T> Drop for Begun<T> {
    /// Nobody waits any more, so nothing is begun behind it.
    fn drop(&mut self) {
        self.is_awaited.store(false, Ordering::Relaxed);
    }
}
