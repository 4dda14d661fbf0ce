//! Reading messages in pieces: a short read transaction opens the mailbox again, encodes
//! what fits, and answers where to go on; then the socket is awaited. So a right that was
//! taken back acts inside a running FETCH, and a slow reader holds nothing (docs/design.md section 5).
//! Long texts are left out and read when it is their turn to be sent, a piece at a time
//! (docs/decisions/0018-long-texts-are-gaps.md). What goes through all of them is [`crate::Reading`].

use crate::content::{Content, Kept, Unreadable};
use crate::{House, Refused, Session};
use postern_store::{
    Access, Blobs, BodyPlace, FetchRow, FlagsKey, GateError, ObjectId, ObjectNames, Read, Shown, StoreError, Tx,
};
use postern_types::{Flags, MailboxId, MessageId, ModSeq, Timestamp, Uid};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a FETCH will show, so that no rows are read in vain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FetchNeeds {
    /// The message itself, of which few fill a piece.
    pub raw: bool,
    /// What is preformatted of it: ENVELOPE, structures, places of parts, preview. Else they are empty.
    pub formatted: bool,
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
    /// Decoded senders.
    pub sender: &'a str,
    /// The Date field.
    pub sent: Option<Timestamp>,
    /// The day of the Date field as written, counted from 1970.
    pub sent_day: Option<i64>,
    /// What it and its thread are called outside.
    pub ids: MessageIds<'a>,
    /// The message itself.
    pub content: &'a dyn Content,
}

/// What is known of a message without its row.
#[derive(Debug, Clone, Copy)]
pub struct Mark<'a> {
    /// Its UID.
    pub uid: Uid,
    /// Its flags.
    pub flags: &'a Flags,
    /// Its last change.
    pub modseq: ModSeq,
}

/// Writes one message as its protocol shows it, where its mark is all that is shown.
pub type EncodeMark = dyn Fn(Mark<'_>, &mut Vec<u8>) + Send + Sync;

/// What a message and its thread are called outside (RFC 8474 section 5), made when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct MessageIds<'a> {
    names: &'a ObjectNames,
    email: MessageId,
    thread: MessageId,
}

impl<'a> MessageIds<'a> {
    /// Of the message that it is or is a copy of, and of the one that its thread began with.
    pub fn new(names: &'a ObjectNames, email: MessageId, thread: MessageId) -> Self {
        Self { names, email, thread }
    }
    /// The same for every copy of the message.
    pub fn email(self) -> ObjectId {
        self.names.email(self.email)
    }
    /// The same for every message of the thread.
    pub fn thread(self) -> ObjectId {
        self.names.thread(self.thread)
    }
}

/// Writes one message as its protocol shows it, and answers which long texts it left out.
pub type Encode = dyn Fn(&Fetched<'_>, &mut Vec<u8>) -> Result<Vec<Gap>, Unreadable> + Send + Sync;

/// Cuts a range of a text out of a message, or makes it. It answers the same at any time.
pub type Cut = dyn Fn(&dyn Content, Range<u64>) -> Result<Vec<u8>, Unreadable> + Send + Sync;

/// A text that was left out of what was encoded, to be read with [`crate::Filling`].
#[derive(Clone)]
pub struct Gap {
    /// Where in the encoded bytes it belongs.
    pub at: usize,
    /// How long it is.
    pub length: u64,
    cut: Arc<Cut>,
    place: Option<BodyPlace>,
}

impl Gap {
    /// A text of `length` bytes that belongs at this place.
    pub fn new(at: usize, length: u64, cut: Arc<Cut>) -> Self {
        Self { at, length, cut, place: None }
    }

    /// A range of the text, out of its message.
    pub fn read(&self, content: &dyn Content, range: Range<u64>) -> Result<Vec<u8>, Unreadable> {
        (self.cut)(content, range)
    }
}

impl fmt::Debug for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gap").field("at", &self.at).field("length", &self.length).finish_non_exhaustive()
    }
}

/// Is this a message that is looked for?
pub(crate) type Test = dyn Fn(&Fetched<'_>) -> Result<bool, Unreadable> + Send + Sync;

/// A piece of a reply.
#[derive(Debug, Default)]
pub struct FetchChunk {
    /// What was encoded.
    pub bytes: Vec<u8>,
    /// Long texts that were left out of it, in order.
    pub gaps: Vec<Gap>,
    /// How many of the UIDs are done; go on from there.
    pub done: usize,
    /// Messages that were left out, since their text is lost or damaged.
    pub lost: Vec<Uid>,
}

/// What a FETCH reads, and how it is shown.
#[derive(Clone)]
pub struct FetchWanted {
    /// Of this mailbox.
    pub mailbox: MailboxId,
    /// These messages, in order.
    pub uids: Arc<[Uid]>,
    /// What is read of each.
    pub needs: FetchNeeds,
    /// What shows it.
    pub encode: Arc<Encode>,
}

impl fmt::Debug for FetchWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchWanted").field("mailbox", &self.mailbox).finish_non_exhaustive()
    }
}

/// UIDs looked at in one transaction at most.
const MESSAGES_PER_CHUNK: usize = 256;
/// Bytes of messages loaded in one transaction at most, the last one beyond that included: to
/// search or cut them takes time that is not seen in what is encoded.
const RAW_BYTES_PER_CHUNK: u64 = 4 << 20;
/// Bytes of a chunk behind its last long text: what is short is never left out.
const ROOM_BEHIND: usize = 8 << 10;
/// A gap between wanted UIDs up to this is read over rather than asked around.
const GAP: u32 = 16;

/// Bytes of a message that was found: its UID and its modseq.
const FOUND_BYTES: usize = 12;

fn read_found(bytes: &[u8]) -> Option<(Uid, ModSeq)> {
    let (uid, modseq) = bytes.split_first_chunk()?;
    Some((Uid::new(u32::from_be_bytes(*uid))?, ModSeq(i64::from_be_bytes(*modseq.first_chunk()?))))
}

impl House {
    /// Encodes messages from `uids[from..]` on, up to the size of a chunk.
    /// Messages that are gone are passed over. A sign-in that ends stops it between two chunks.
    pub async fn fetch(&self, session: &Session, wanted: &FetchWanted, from: usize) -> Result<FetchChunk, Refused> {
        self.check_session(session).await?;
        let (chunk, caller, mailbox) = (self.chunk_of(wanted), session.caller.clone(), wanted.mailbox);
        let read = self.db.read(move |tx: &Tx<'_>| chunk(&tx.open::<Read>(&caller, mailbox)?, from));
        Ok(read.await?)
    }

    /// What reads a chunk.
    pub(crate) fn chunk_of(
        &self,
        wanted: &FetchWanted,
    ) -> impl Fn(&Access<'_, Read>, usize) -> Result<FetchChunk, GateError> + Send + Sync + use<> {
        let FetchWanted { uids, needs, encode, .. } = wanted.clone();
        let (blobs, names, most_bytes) = (self.blobs.clone(), self.object_names.clone(), self.limits.chunk_bytes);
        let most_time = Duration::from_millis(self.limits.read_ms);
        move |access: &Access<'_, Read>, from: usize| {
            let room = Room { bytes: most_bytes, raw_bytes: RAW_BYTES_PER_CHUNK, until: Instant::now() + most_time };
            let (blobs, names) = (&blobs, &names);
            let mut reader =
                Reader { access, blobs, names, flags: HashMap::new(), raw_bytes: 0, no_fit: false, room, needs };
            let mut chunk = FetchChunk { done: from, ..FetchChunk::default() };
            while chunk.done < uids.len() && chunk.done - from < MESSAGES_PER_CHUNK {
                if chunk.done > from && reader.is_full(&chunk) {
                    break;
                }
                let run = run_length(&uids[chunk.done..], if needs.raw { 8 } else { 64 });
                reader.read(&uids[chunk.done..chunk.done + run], &*encode, &mut chunk)?;
            }
            Ok(chunk)
        }
    }

    /// The same where all that is shown is in the snapshot: no row is read.
    pub async fn fetch_marks(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        from: usize,
        encode: &Arc<EncodeMark>,
    ) -> Result<FetchChunk, Refused> {
        let _turn = self.turn_to_list(mailbox).await;
        self.check_session(session).await?;
        let (caller, uids, encode) = (session.caller.clone(), Arc::clone(uids), Arc::clone(encode));
        let most_bytes = self.limits.chunk_bytes;
        let chunk = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let snapshot = tx.open::<Read>(&caller, mailbox)?.snapshot()?;
            let mut shown = Shown::default();
            let mut chunk = FetchChunk { done: from, ..FetchChunk::default() };
            while chunk.done < uids.len() && chunk.bytes.len() < most_bytes {
                let uid = uids[chunk.done];
                if let Some((flags, modseq)) = snapshot.shown(uid, &mut shown) {
                    encode(Mark { uid, flags, modseq }, &mut chunk.bytes);
                }
                chunk.done += 1;
            }
            Ok(chunk)
        });
        Ok(chunk.await?)
    }

    /// What reads a range of a text that was left out. The mailbox is opened again for it; that its message
    /// was removed meanwhile makes no difference.
    pub(crate) fn filling(
        &self,
        gap: &Gap,
    ) -> impl Fn(&Access<'_, Read>, Range<u64>) -> Result<Vec<u8>, GateError> + Send + Sync + use<> {
        let (gap, blobs) = (gap.clone(), self.blobs.clone());
        move |access: &Access<'_, Read>, range: Range<u64>| {
            let place = gap.place.clone().ok_or_else(|| StoreError::Damaged("a gap of no message".into()))?;
            let uid = place.uid();
            let content = Kept::new(access, &blobs, place);
            gap.read(&content, range).map_err(|Unreadable(error)| {
                access.tell_lost(uid, &error);
                error.into()
            })
        }
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
    ) -> Result<Vec<(Uid, ModSeq)>, Refused> {
        let encode: Arc<Encode> = Arc::new(move |message: &Fetched<'_>, bytes: &mut Vec<u8>| {
            if test(message)? {
                bytes.extend_from_slice(&message.uid.get().to_be_bytes());
                bytes.extend_from_slice(&message.modseq.0.to_be_bytes());
            }
            Ok(Vec::new())
        });
        let wanted = FetchWanted { mailbox, uids: Arc::clone(uids), needs, encode };
        let mut found = Vec::new();
        let mut done = 0;
        while done < uids.len() {
            let chunk = self.fetch(session, &wanted, done).await?;
            if !chunk.lost.is_empty() {
                // Whether it is found can not be told, and so not whether that is all.
                return Err(Refused::Lost);
            }
            done = chunk.done;
            found.extend(chunk.bytes.chunks_exact(FOUND_BYTES).filter_map(read_found));
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
    names: &'a ObjectNames,
    flags: HashMap<FlagsKey, Arc<Flags>>,
    /// Bytes of messages loaded so far.
    raw_bytes: u64,
    /// A message did not fit in what is left.
    no_fit: bool,
    room: Room,
    needs: FetchNeeds,
}

impl Reader<'_> {
    /// Is this enough for one transaction? A gap is filled before anything behind it is sent.
    fn is_full(&self, chunk: &FetchChunk) -> bool {
        self.no_fit
            || chunk.bytes.len() >= self.room.bytes
            || !chunk.gaps.is_empty()
            || self.raw_bytes >= self.room.raw_bytes
            || Instant::now() >= self.room.until
    }

    /// Encodes a run of UIDs, or the first of them once it is enough.
    fn read(&mut self, run: &[Uid], encode: &Encode, chunk: &mut FetchChunk) -> Result<(), GateError> {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(()) };
        let span = (last.get() - first.get()) as usize + 1;
        let begin = chunk.done;
        chunk.done = begin + run.len();
        let mut full = false;
        let access = self.access;
        access.fetch_between(*first, *last, span, self.needs.formatted, |row| {
            let Ok(place) = run.binary_search(&row.uid()) else { return Ok(()) };
            if full {
                return Ok(());
            }
            self.no_fit = !self.encode(row, encode, chunk)?;
            if self.is_full(chunk) {
                full = true;
                chunk.done = begin + place + usize::from(!self.no_fit);
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Encodes a message behind the others of the chunk; false where it does not fit there.
    fn encode(&mut self, row: &FetchRow<'_>, encode: &Encode, chunk: &mut FetchChunk) -> Result<bool, StoreError> {
        let flags = self.flags(row.flags()?)?;
        let content = Kept::new(self.access, self.blobs, self.access.place_of(row)?);
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
            sender: row.sender()?,
            sent: row.sent()?,
            sent_day: row.sent_day()?,
            ids: MessageIds::new(self.names, row.email()?, row.thread()?),
            content: &content,
        };
        let begin = chunk.bytes.len();
        if self.needs.raw && begin > self.room.bytes / 8 {
            // Most chunks of messages become full.
            chunk.bytes.reserve_exact((self.room.bytes + ROOM_BEHIND).saturating_sub(begin));
        }
        let encoded = encode(&message, &mut chunk.bytes);
        self.raw_bytes += content.read_bytes();
        let gaps = match encoded {
            Ok(gaps) => gaps,
            Err(unreadable) => return self.leave_out(row, unreadable, begin, chunk),
        };
        if begin > 0 && !gaps.is_empty() && gaps.iter().all(|gap| gap.length <= self.room.bytes as u64) {
            // At the beginning of the next chunk perhaps nothing has to be left out.
            chunk.bytes.truncate(begin);
            return Ok(false);
        }
        // Within the literal of a text nothing can be told any more.
        if !gaps.is_empty()
            && let Err(unreadable) = content.is_there()
        {
            return self.leave_out(row, unreadable, begin, chunk);
        }
        let place = content.into_place();
        chunk.gaps.extend(gaps.into_iter().map(|gap| Gap { place: Some(place.clone()), ..gap }));
        Ok(true)
    }

    /// Goes on without a message whose text is lost or damaged; `begin` is where it began in the chunk.
    fn leave_out(
        &self,
        row: &FetchRow<'_>,
        Unreadable(error): Unreadable,
        begin: usize,
        chunk: &mut FetchChunk,
    ) -> Result<bool, StoreError> {
        if !matches!(error, StoreError::Body(_)) {
            return Err(error);
        }
        self.access.tell_lost(row.uid(), &error);
        chunk.bytes.truncate(begin);
        chunk.lost.push(row.uid());
        Ok(true)
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
