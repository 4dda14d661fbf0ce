//! A FETCH on its way through its messages, and through the long texts that it left out, which reads ahead
//! ([`crate::ahead`]).

use crate::ahead::Ahead;
use crate::fetch::{FetchChunk, FetchWanted, Gap};
use crate::{House, Refused, Session};
use postern_types::MailboxId;
use std::fmt;

/// Goes through the messages of a FETCH, in order.
pub struct Reading {
    chunks: Ahead<FetchChunk>,
    /// Where it goes on.
    next: u64,
}

/// The ranges of a text that was left out, in order.
pub struct Filling {
    ranges: Ahead<Vec<u8>>,
    length: u64,
    at_once: u64,
    next: u64,
}

impl Reading {
    /// From the first of them on.
    pub fn new(house: &House, session: &Session, wanted: &FetchWanted) -> Self {
        let (read, count) = (house.chunk_of(wanted), wanted.uids.len());
        // What is left out is read in its turn, and what is behind it after that.
        let behind =
            move |chunk: &FetchChunk, _| (chunk.done < count && chunk.gaps.is_empty()).then_some(chunk.done as u64);
        let chunks =
            Ahead::new(house, session, wanted.mailbox, move |access, from| read(access, from as usize), behind);
        Self { chunks, next: 0 }
    }

    /// The next chunk. Call it where there is more. A sign-in that ends stops it.
    pub async fn next(&mut self, house: &House, session: &Session) -> Result<FetchChunk, Refused> {
        let chunk = self.chunks.at(house, session, self.next).await?;
        self.next = chunk.done as u64;
        Ok(chunk)
    }
}

impl Filling {
    /// Of a text of a message in this mailbox, so many bytes at once.
    pub fn new(house: &House, session: &Session, mailbox: MailboxId, gap: &Gap, at_once: u64) -> Self {
        let (read, length) = (house.filling(gap), gap.length);
        let behind = move |bytes: &Vec<u8>, start: u64| {
            Some(start + bytes.len() as u64).filter(|next| !bytes.is_empty() && *next < length)
        };
        let range = move |start: u64| start..length.min(start + at_once);
        let ranges = Ahead::new(house, session, mailbox, move |access, start| read(access, range(start)), behind);
        Self { ranges, length, at_once, next: 0 }
    }

    /// The next range; nothing at the end.
    pub async fn next(&mut self, house: &House, session: &Session) -> Result<Option<Vec<u8>>, Refused> {
        if self.next == self.length {
            return Ok(None);
        }
        let bytes = self.ranges.at(house, session, self.next).await?;
        if bytes.len() as u64 != self.at_once.min(self.length - self.next) {
            return Err(Refused::Unavailable);
        }
        self.next += bytes.len() as u64;
        Ok(Some(bytes))
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("next", &self.next).finish_non_exhaustive()
    }
}

impl fmt::Debug for Filling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filling").field("length", &self.length).field("next", &self.next).finish_non_exhaustive()
    }
}
