//! A FETCH on its way through its messages, which reads ahead: while a chunk, or a range of a long text, is on its way
//! to the client, the next one is read.
//!
//! What is read ahead is memory, so the house has few places for it, and who has none reads when it is needed. Whether
//! it may still be read is asked when it is its turn to be sent. To read two chunks ahead was tried: it is no faster on
//! two processors and costs more of them, since nobody knows where the chunk between them will end.

use crate::fetch::{FetchChunk, FetchWanted, Gap};
use crate::{House, Refused, Session};
use postern_store::GateError;
use postern_types::MailboxId;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Goes through the messages of a FETCH, in order.
pub struct Reading {
    wanted: FetchWanted,
    /// Where it goes on.
    next: usize,
    /// What follows there.
    ahead: Option<Ahead<FetchChunk>>,
}

/// The ranges of a text that was left out, in order.
pub struct Filling<'g> {
    mailbox: MailboxId,
    gap: &'g Gap,
    at_once: u64,
    next: u64,
    ahead: Option<Ahead<Vec<u8>>>,
}

/// Something that is being read.
struct Ahead<T> {
    read: Pin<Box<dyn Future<Output = Result<T, GateError>> + Send>>,
    _place: OwnedSemaphorePermit,
}

impl House {
    /// Begins to read something, where there is a place for it.
    fn ahead<T: Send + 'static, F>(&self, work: F) -> Option<Ahead<T>>
    where
        F: Fn(&postern_store::Tx<'_>) -> Result<T, GateError> + Send + 'static,
    {
        let place = Arc::clone(&self.reading_ahead).try_acquire_owned().ok()?;
        Some(Ahead { read: Box::pin(self.db.read_ahead(work)), _place: place })
    }

    /// What was begun before, if it may still be read.
    async fn begun<T>(&self, session: &Session, mailbox: MailboxId, ahead: Ahead<T>) -> Result<T, Refused> {
        let read = ahead.read.await?;
        self.check_session(session).await?;
        self.may_still_read(session, mailbox).await?;
        Ok(read)
    }
}

impl Reading {
    /// From the first of them on.
    pub fn new(wanted: FetchWanted) -> Self {
        Self { wanted, next: 0, ahead: None }
    }

    /// The next chunk. Call it where there is more. A sign-in that ends stops it.
    pub async fn next(&mut self, house: &House, session: &Session) -> Result<FetchChunk, Refused> {
        let chunk = match self.ahead.take() {
            Some(ahead) => house.begun(session, self.wanted.mailbox, ahead).await?,
            None => house.fetch(session, &self.wanted, self.next).await?,
        };
        self.next = chunk.done;
        // What is left out is read in its turn, and what is behind it after that.
        if self.next < self.wanted.uids.len() && chunk.gaps.is_empty() {
            self.ahead = house.ahead(house.chunk_of(session, &self.wanted, self.next));
        }
        Ok(chunk)
    }
}

impl<'g> Filling<'g> {
    /// Of a text of a message in this mailbox, so many bytes at once.
    pub fn new(mailbox: MailboxId, gap: &'g Gap, at_once: u64) -> Self {
        Self { mailbox, gap, at_once, next: 0, ahead: None }
    }

    /// The next range; nothing at the end.
    pub async fn next(&mut self, house: &House, session: &Session) -> Result<Option<Vec<u8>>, Refused> {
        let Some(range) = self.range() else { return Ok(None) };
        let length = range.end - range.start;
        let bytes = match self.ahead.take() {
            Some(ahead) => house.begun(session, self.mailbox, ahead).await?,
            None => house.fill(session, self.mailbox, self.gap, range).await?,
        };
        if bytes.len() as u64 != length {
            return Err(Refused::Unavailable);
        }
        self.next += length;
        self.ahead = self.range().and_then(|range| house.ahead(house.filling(session, self.mailbox, self.gap, range)));
        Ok(Some(bytes))
    }

    fn range(&self) -> Option<Range<u64>> {
        let range = self.next..self.gap.length.min(self.next + self.at_once);
        (!range.is_empty()).then_some(range)
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("wanted", &self.wanted).field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for Filling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling").field("gap", &self.gap).field("next", &self.next).finish_non_exhaustive()
    }
}
