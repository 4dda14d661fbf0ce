//! FETCH and UID FETCH (RFC 9051 section 6.4.5, RFC 3501 section 6.4.5, RFC 7162 sections 3.1.4 and 3.2.6).
//!
//! Messages are encoded by the house's readers, a piece at a time, and each piece is written
//! before the next is read: a right that was taken back acts inside a running FETCH, and a
//! slow reader holds nothing (docs/design.md section 5). A long text is read when it is its turn,
//! a piece at a time, with the same question between them; when the answer is no, the connection
//! closes, for there is nothing to say inside a literal.

use crate::answer::{Completion, End, Handled, Stop};
use crate::connection::{Connection, Work};
use crate::items::Show;
use crate::messages::{NoSuchNumber, Targets};
use crate::resync::modseq;
use crate::selected::tell_flags;
use crate::telling::{Manner, Telling};
use postern_app::wire::Wire;
use postern_app::{Denied, Encode, EncodeMark, FetchChunk, FetchWanted, Fetched, Filling, Gap, Mark, Reading, Refused};
use postern_imap_wire::{Encoder, FetchCommand, FetchItem, ResponseCode};
use postern_types::{Letter, ModSeq, SystemFlag, Uid};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Messages marked as seen in one transaction, before any of them is shown.
const MESSAGES_PER_PART: usize = 256;

/// Chunks of a long text that are read at once, where it may have to be made anew for them.
const CHUNKS_READ: u64 = 4;

/// RFC 9051 section 9, seq-number: BAD.
pub(crate) fn no_such_number(_: NoSuchNumber) -> Stop {
    Completion::bad("There is no message with that number").into()
}

/// What kept something from being shown.
#[derive(Default)]
struct Amiss {
    /// A part is in an unknown encoding.
    unknown_encoding: bool,
    /// The sections of a message add up to too much.
    too_much: bool,
    /// The text of a message is lost.
    lost: bool,
}

impl<W: Wire> Connection<W> {
    /// FETCH
    pub(crate) async fn fetch(&mut self, mut fetch: FetchCommand) -> Handled {
        if fetch.changed_since.is_some() && !fetch.items.contains(&FetchItem::ModSeq) {
            // RFC 7162 section 3.1.4.1.
            fetch.items.push(FetchItem::ModSeq);
        }
        if fetch.vanished && !self.client.resync.tells_uids() {
            return Ok(Completion::bad("VANISHED comes after ENABLE QRESYNC"));
        }
        if fetch.items.contains(&FetchItem::ModSeq) {
            self.client.use_modseqs()?;
        }
        let Work { selected, .. } = self.client.work()?;
        let (messages, saved) = (&selected.messages, &selected.saved);
        let mut targets = if fetch.by_uid {
            messages.by_uid(&fetch.set, saved)
        } else {
            messages.by_number(&fetch.set, saved).map_err(no_such_number)?
        };
        if let Some(since) = fetch.changed_since {
            targets = self.changed_since(&fetch, targets, modseq(since)).await?;
        }
        let Work { house, session, selected, .. } = self.client.work()?;
        if targets.is_empty() {
            // A mailbox that was taken away is told so all the same.
            house.may_still_read(session, selected.mailbox).await?;
            return Ok(Completion::ok("There is none of these"));
        }
        // What was held may be out of date; the gate is asked in any case.
        let may = selected.rights.has(Letter::Seen) || selected.has_notice();
        let marks = !selected.read_only && may && fetch.items.iter().any(FetchItem::sets_seen);
        let items: Arc<[FetchItem]> = fetch.items.into();
        let part = if marks { MESSAGES_PER_PART } else { targets.uids.len() };
        let mut amiss = Amiss::default();
        for start in (0..targets.uids.len()).step_by(part) {
            let end = targets.uids.len().min(start + part);
            let targets = if end - start == targets.uids.len() { targets.clone() } else { targets.slice(start..end) };
            let marked = if marks { self.mark_seen(&targets).await? } else { HashSet::new() };
            let part = self.fetch_part(&items, fetch.by_uid, targets, marked).await?;
            amiss.too_much |= part.too_much;
            amiss.unknown_encoding |= part.unknown_encoding;
            amiss.lost |= part.lost;
        }
        if amiss.lost {
            let text = "The text of a message is lost or damaged, and it was left out; the server's log says which";
            return Ok(Completion::no(ResponseCode::Corruption, text));
        }
        if amiss.too_much {
            let text = "So much of one message was asked for that it was left out; ask for fewer sections at once";
            return Ok(Completion::no(ResponseCode::Limit, text));
        }
        if amiss.unknown_encoding {
            let text = "A part is in an encoding that this server does not know; BODY.PEEK shows it as it is";
            return Ok(Completion::no(ResponseCode::UnknownCte, text));
        }
        Ok(Completion::ok("Done"))
    }

    /// Those of them that were changed after `since`; tells which of the named UIDs vanished since then, where that is
    /// asked for (RFC 7162 sections 3.1.4.1 and 3.2.6).
    async fn changed_since(&mut self, fetch: &FetchCommand, targets: Targets, since: ModSeq) -> Result<Targets, Stop> {
        let Work { house, session, selected, rev2, resync, .. } = self.client.work()?;
        let changes = house.changes(session, selected.mailbox, since).await?;
        if fetch.vanished {
            let gone = selected.vanished(&changes.vanished, Some(&fetch.set));
            self.tell(Telling::earlier(gone, std::iter::empty(), Manner { rev2, resync, flags: true })).await?;
        }
        let changed: HashSet<Uid> = changes.changed.iter().map(|(uid, _)| *uid).collect();
        Ok(targets.only(&changed))
    }

    /// Marks messages as seen before they are shown (RFC 9051 section 6.4.5); answers those
    /// whose flags the client does not know yet. Without `s` nothing happens.
    async fn mark_seen(&mut self, targets: &Targets) -> Result<HashSet<Uid>, Stop> {
        let Work { house, session, selected, out, rev2, resync } = self.client.work()?;
        // What the client was told may be out of date: others mark messages unread, and an account
        // may keep \Seen in another way by now.
        let is_current = !selected.has_notice();
        let seen =
            |uid: &Uid| is_current && selected.messages.flags(*uid).is_some_and(|flags| flags.has(SystemFlag::Seen));
        let unseen: Vec<Uid> = targets.uids.iter().copied().filter(|uid| !seen(uid)).collect();
        if unseen.is_empty() {
            return Ok(HashSet::new());
        }
        let changed = match house.mark_read(session, selected.mailbox, unseen.into()).await {
            Ok(changed) => changed,
            // The right went away since it was last seen; reading may still be allowed.
            Err(Refused::Denied(Denied::Missing { .. } | Denied::Protected { .. })) => return Ok(HashSet::new()),
            Err(refused) => return Err(refused.into()),
        };
        let mut marked = HashSet::new();
        for stored in changed.messages {
            if selected.messages.flags(stored.uid).is_some_and(|known| *known != stored.flags) {
                if selected.messages.learn_keywords(&stored.flags) {
                    tell_flags(&mut Encoder::new(out, rev2), selected);
                }
                marked.insert(stored.uid);
                if resync.tells_changes() {
                    selected.note_own(stored.uid, stored.modseq);
                }
                selected.messages.note_flags(stored.uid, &Arc::new(stored.flags));
            }
        }
        Ok(marked)
    }

    /// Shows some messages; answers what could not be shown.
    async fn fetch_part(
        &mut self,
        items: &Arc<[FetchItem]>,
        by_uid: bool,
        targets: Targets,
        marked: HashSet<Uid>,
    ) -> Result<Amiss, Stop> {
        let Work { house, selected, rev2, resync, .. } = self.client.work()?;
        let recent_from = (!rev2).then_some(selected.messages.recent_from());
        let uids = Arc::clone(&targets.uids);
        let most = house.limits().chunk_bytes;
        let of_marked = marked.clone();
        let show = Arc::new(Show::new(Arc::clone(items), by_uid, targets, (marked, resync), recent_from, rev2, most));
        let mailbox = self.client.work()?.selected.mailbox;
        let (encoder, marks) = (Arc::clone(&show), Arc::clone(&show));
        let encode: Arc<Encode> =
            Arc::new(move |message: &Fetched<'_>, out: &mut Vec<u8>| encoder.encode(message, out));
        let encode_mark: Arc<EncodeMark> =
            Arc::new(move |mark: Mark<'_>, out: &mut Vec<u8>| marks.encode_mark(mark, out));
        let wanted = show.needs().map(|needs| FetchWanted { mailbox, uids: Arc::clone(&uids), needs, encode });
        let Work { house, session, .. } = self.client.work()?;
        let (mut done, mut lost, mut reading) = (0, false, wanted.map(|wanted| Reading::new(house, session, &wanted)));
        while done < uids.len() {
            let Work { house, session, .. } = self.client.work()?;
            let chunk = match &mut reading {
                Some(reading) => reading.next(house, session).await,
                None => house.fetch_marks(session, mailbox, &uids, done, &encode_mark).await,
            };
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(refused) => {
                    // They are marked, and were not shown: that is news as any.
                    let selected = &mut self.client.work()?.selected;
                    uids[done..].iter().filter(|uid| of_marked.contains(uid)).for_each(|uid| selected.forget_own(*uid));
                    return Err(refused.into());
                }
            };
            (done, lost) = (chunk.done, lost || !chunk.lost.is_empty());
            let selected = &mut self.client.work()?.selected;
            selected.note_shown(show.shown());
            chunk.lost.iter().for_each(|uid| selected.forget_own(*uid));
            self.send(chunk, done < uids.len()).await?;
        }
        Ok(Amiss {
            unknown_encoding: show.unknown_encoding.load(Ordering::Relaxed),
            too_much: show.too_much.load(Ordering::Relaxed),
            lost,
        })
    }

    /// Sends a piece. The last one, when it is small, waits for the completion.
    async fn send(&mut self, chunk: FetchChunk, more: bool) -> Result<(), Stop> {
        let FetchChunk { bytes, gaps, .. } = chunk;
        if gaps.is_empty() && bytes.len() <= self.client.house.limits().chunk_bytes && !more {
            if self.client.out.is_empty() {
                self.client.out = bytes;
            } else {
                self.client.out.extend_from_slice(&bytes);
            }
            return Ok(());
        }
        self.flush().await?;
        let mut sent = 0;
        for gap in gaps {
            self.write_asking(&bytes[sent..gap.at], sent > 0).await?;
            sent = gap.at;
            self.fill_gap(&gap).await?;
        }
        self.write_asking(&bytes[sent..], sent > 0).await
    }

    /// Sends a text that was left out: what is read of it at once is all that is held.
    async fn fill_gap(&mut self, gap: &Gap) -> Result<(), Stop> {
        let at_once = CHUNKS_READ * self.client.house.limits().chunk_bytes as u64;
        let Work { house, session, selected, .. } = self.client.work()?;
        let mut filling = Filling::new(house, session, selected.mailbox, gap, at_once);
        loop {
            let Work { house, session, .. } = self.client.work()?;
            // Whatever it is, it can not be told within a literal.
            let Some(bytes) = filling.next(house, session).await.map_err(|_| End::Closed)? else { return Ok(()) };
            self.write_asking(&bytes, false).await?;
        }
    }

    /// Writes what was read, a chunk at a time, and asks between them whether it may still be
    /// read; before the first only where that is to be asked.
    async fn write_asking(&mut self, bytes: &[u8], ask_first: bool) -> Result<(), Stop> {
        let most = self.client.house.limits().chunk_bytes;
        for (place, slice) in bytes.chunks(most).enumerate() {
            if place > 0 || ask_first {
                let Work { house, session, selected, .. } = self.client.work()?;
                if house.may_still_read(session, selected.mailbox).await.is_err() {
                    return Err(End::Closed.into());
                }
            }
            self.write(slice).await?;
        }
        Ok(())
    }
}
