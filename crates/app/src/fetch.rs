//! Reading messages in pieces: a short read transaction opens the mailbox again, encodes
//! what fits, and answers where to go on; then the socket is awaited. So a right that was
//! taken back acts inside a running FETCH, and a slow reader holds nothing (docs/design.md section 5).

use crate::content::{Content, Kept, Unreadable};
use crate::{House, Refused, Session};
use postern_store::{Access, Blobs, FetchRow, FlagsKey, GateError, Read, StoreError, Tx};
use postern_types::{Flags, MailboxId, ModSeq, Timestamp, Uid};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a FETCH will show, so that no rows are read in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchNeeds {
    /// The message itself, of which few fill a piece.
    pub raw: bool,
}

/// One message, borrowed while it is encoded.
#[derive(Debug)]
pub struct Fetched<'a> {
    /// Its UID.
    pub uid: Uid,
    /// Its flags.
    pub flags: &'a Flags,
    /// Its last change.
    pub modseq: ModSeq,
    /// INTERNALDATE.
    pub internal_date: Timestamp,
    /// When it came into this mailbox.
    pub saved: Timestamp,
    /// RFC822.SIZE.
    pub size: u64,
    /// Bytes of the header with the blank line.
    pub header_bytes: u64,
    /// ENVELOPE as IMAP shows it.
    pub envelope: &'a [u8],
    /// BODYSTRUCTURE as IMAP shows it.
    pub structure: &'a [u8],
    /// BODY as IMAP shows it.
    pub body: &'a [u8],
    /// Where each part lies (`postern_mime::PartIndex`).
    pub parts: &'a [u8],
    /// First words (RFC 8970).
    pub preview: &'a str,
    /// Decoded subject.
    pub subject: &'a str,
    /// The Date field.
    pub sent: Option<Timestamp>,
    /// The day of the Date field as written, counted from 1970.
    pub sent_day: Option<i64>,
    /// The message itself.
    pub content: &'a dyn Content,
}

/// Writes one message as its protocol shows it.
pub type Encode = dyn Fn(&Fetched<'_>, &mut Vec<u8>) -> Result<(), Unreadable> + Send + Sync;

/// Is this a message that is looked for?
pub(crate) type Test = dyn Fn(&Fetched<'_>) -> Result<bool, Unreadable> + Send + Sync;

/// A piece of a reply.
#[derive(Debug)]
pub struct FetchChunk {
    /// What was encoded.
    pub bytes: Vec<u8>,
    /// How many of the UIDs are done; go on from there.
    pub done: usize,
}

/// UIDs looked at in one transaction at most.
const MESSAGES_PER_CHUNK: usize = 256;
/// Bytes of messages loaded in one transaction at most, the last one beyond that included: to
/// search or cut them takes time that is not seen in what is encoded.
const RAW_BYTES_PER_CHUNK: u64 = 4 << 20;
/// A gap between wanted UIDs up to this is read over rather than asked around.
const GAP: u32 = 16;

impl House {
    /// Encodes messages of a mailbox from `uids[from..]` on, up to the size of a chunk.
    /// Messages that are gone are passed over.
    pub async fn fetch(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        from: usize,
        needs: FetchNeeds,
        encode: &Arc<Encode>,
    ) -> Result<FetchChunk, Refused> {
        let (caller, uids, encode) = (session.caller.clone(), Arc::clone(uids), Arc::clone(encode));
        let (blobs, most_bytes) = (self.blobs.clone(), self.limits.chunk_bytes);
        let most_time = Duration::from_millis(self.limits.read_ms);
        let chunk = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open::<Read>(&caller, mailbox)?;
            let room = Room { bytes: most_bytes, raw_bytes: RAW_BYTES_PER_CHUNK, until: Instant::now() + most_time };
            let mut reader = Reader { access: &access, blobs: &blobs, flags: HashMap::new(), raw_bytes: 0, room };
            let mut bytes = Vec::new();
            let mut done = from;
            while done < uids.len() && done - from < MESSAGES_PER_CHUNK && (done == from || !reader.is_full(&bytes)) {
                let limit = if needs.raw { 8 } else { 64 };
                let run = run_length(&uids[done..], limit);
                done += reader.read(&uids[done..done + run], &*encode, &mut bytes)?;
            }
            Ok(FetchChunk { bytes, done })
        });
        Ok(chunk.await?)
    }

    /// The UIDs of `uids` for which `test` holds, in order: SEARCH without an index. Each
    /// piece is a transaction of its own, so a search holds nothing for long.
    pub(crate) async fn filter(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        needs: FetchNeeds,
        test: Arc<Test>,
    ) -> Result<Vec<Uid>, Refused> {
        let encode: Arc<Encode> = Arc::new(move |message: &Fetched<'_>, bytes: &mut Vec<u8>| {
            if test(message)? {
                bytes.extend_from_slice(&message.uid.get().to_be_bytes());
            }
            Ok(())
        });
        let mut found = Vec::new();
        let mut done = 0;
        while done < uids.len() {
            let chunk = self.fetch(session, mailbox, uids, done, needs, &encode).await?;
            done = chunk.done;
            let numbers =
                chunk.bytes.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
            found.extend(numbers.filter_map(Uid::new));
        }
        Ok(found)
    }
}

/// How many of the first UIDs lie close enough together for one statement.
fn run_length(uids: &[Uid], most: usize) -> usize {
    let close = |pair: &[Uid]| pair[1].get() - pair[0].get() <= GAP;
    1 + uids.windows(2).take(most - 1).take_while(|pair| close(pair)).count()
}

/// What one transaction may take; it ends once one of these is used up. One message is always
/// done, so that every piece goes on.
struct Room {
    /// Bytes encoded.
    bytes: usize,
    /// Bytes of messages loaded.
    raw_bytes: u64,
    /// Time: others wait for the readers.
    until: Instant,
}

struct Reader<'a> {
    access: &'a Access<'a, Read>,
    blobs: &'a Blobs,
    flags: HashMap<FlagsKey, Arc<Flags>>,
    /// Bytes of messages loaded so far.
    raw_bytes: u64,
    room: Room,
}

impl Reader<'_> {
    /// Is this enough for one transaction?
    fn is_full(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.room.bytes || self.raw_bytes >= self.room.raw_bytes || Instant::now() >= self.room.until
    }

    /// Encodes a run of UIDs; answers how many are done, fewer than all once it is enough.
    fn read(&mut self, run: &[Uid], encode: &Encode, bytes: &mut Vec<u8>) -> Result<usize, GateError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(0) };
        let span = (last.get() - first.get()) as usize + 1;
        let mut done = run.len();
        let mut full = false;
        let access = self.access;
        access.fetch_between(*first, *last, span, |row| {
            let Ok(place) = run.binary_search(&row.uid()) else { return Ok(()) };
            if full {
                return Ok(());
            }
            self.encode(row, encode, bytes)?;
            if self.is_full(bytes) {
                full = true;
                done = place + 1;
            }
            Ok(())
        })?;
        Ok(done)
    }

    fn encode(&mut self, row: &FetchRow<'_>, encode: &Encode, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
        let flags = self.flags(row.flags()?)?;
        let content = Kept::new(self.access, self.blobs, row)?;
        let message = Fetched {
            uid: row.uid(),
            flags: &flags,
            modseq: row.modseq()?,
            internal_date: row.internal_date()?,
            saved: row.saved()?,
            size: row.size()?,
            header_bytes: row.header_bytes()?,
            envelope: row.envelope()?,
            structure: row.structure()?,
            body: row.body()?,
            parts: row.parts()?,
            preview: row.preview()?,
            subject: row.subject()?,
            sent: row.sent()?,
            sent_day: row.sent_day()?,
            content: &content,
        };
        encode(&message, bytes).map_err(|unreadable| unreadable.0)?;
        self.raw_bytes += content.read_bytes();
        Ok(())
    }

    fn flags(&mut self, key: FlagsKey) -> Result<Arc<Flags>, StoreError> {
        if let Some(flags) = self.flags.get(&key) {
            return Ok(Arc::clone(flags));
        }
        let flags = Arc::new(self.access.flags_of(key)?);
        self.flags.insert(key, Arc::clone(&flags));
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_end_at_wide_gaps_and_at_the_limit() {
        let uids: Vec<Uid> = [1, 2, 3, 10, 100, 101].into_iter().filter_map(Uid::new).collect();
        assert_eq!(run_length(&uids, 64), 4);
        assert_eq!(run_length(&uids, 2), 2);
        assert_eq!(run_length(&uids[4..], 64), 2);
    }
}
