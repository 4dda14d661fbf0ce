//! Telling a client what others did in the selected mailbox, in parts.
//!
//! Somebody may flag or expunge everything in a mailbox, and each session that has it open would gather it all. So what
//! happened is taken in at once, which moves the numbers, and told a part at a time: a part is written before the next
//! one is made, and whether the mailbox may still be read is asked between two. Until the last part nothing else is taken
//! in, so each number is what it was.

use crate::answer::{End, Stop};
use crate::connection::{Connection, Work, tell_highest};
use crate::hearing::OfSelected;
use crate::messages::News;
use crate::resync::Resync;
use crate::selected::{Selected, tell_flags};
use crate::waiting::ended;
use postern_app::Shown;
use postern_app::wire::Wire;
use postern_imap_wire::Encoder;
use postern_types::{ModSeq, Uid};
use std::vec::IntoIter;

/// Ranges of UIDs in one VANISHED.
const RANGES_AT_ONCE: usize = 1_000;

/// How a client wants to be told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// After ENABLE IMAP4rev2: no \Recent (RFC 9051 appendix E).
    pub(crate) rev2: bool,
    pub(crate) resync: Resync,
    /// Changes of flags are told.
    pub(crate) flags: bool,
}

/// What has yet to be told of the selected mailbox, in this order.
#[derive(Debug)]
pub(crate) struct Telling {
    manner: Manner,
    /// EXPUNGE: numbers, each as it is after those before it.
    expunged: Runs,
    vanished: Ranges,
    /// EXISTS and RECENT.
    exists: bool,
    /// FLAGS and PERMANENTFLAGS.
    keywords: bool,
    /// Messages to show, of which all else is looked up when it is their turn.
    changed: Runs,
    shown: Shown,
    /// What the client knew all of before this; told between two parts to those who keep modification sequences.
    since: Option<ModSeq>,
    /// HIGHESTMODSEQ.
    highest: bool,
}

/// Numbers in their order, up or down, of which neighbours are kept as one: mostly they are all in one.
#[derive(Debug, Default)]
struct Runs {
    rest: IntoIter<(u32, u32)>,
    now: Option<(u32, u32)>,
}

/// VANISHED, some ranges at a time.
#[derive(Debug)]
struct Ranges {
    is_earlier: bool,
    rest: IntoIter<(Uid, Uid)>,
}

impl Telling {
    /// What happened since it was last told; `since` is up to where the client knew all then. Where something expunged
    /// may not be told now and later changes were, a client that comes back must not miss it: it is told up to where it
    /// knows everything (RFC 7162 section 3.2).
    pub(crate) fn of(news: &News, manner: Manner, since: ModSeq, is_behind: bool) -> Self {
        let by_uid = manner.resync.tells_uids();
        let numbers = news.expunged.iter().filter(|_| !by_uid).map(|(number, _)| *number);
        let uids = news.expunged.iter().rev().filter(|_| by_uid).map(|(_, uid)| *uid);
        let changed = news.changed.iter().filter(|_| manner.flags).map(|change| change.uid.get());
        Self {
            manner,
            expunged: Runs::of(numbers),
            vanished: Ranges { is_earlier: false, rest: Uid::runs(uids).into_iter() },
            exists: news.exists,
            keywords: news.keywords,
            changed: Runs::of(changed),
            shown: Shown::default(),
            since: Some(since).filter(|_| manner.resync.tells_changes()),
            highest: is_behind && manner.resync.tells_changes(),
        }
    }

    /// What happened before the client had a number for anything: what is gone, and messages that changed.
    pub(crate) fn earlier(vanished: Vec<(Uid, Uid)>, changed: impl Iterator<Item = Uid>, manner: Manner) -> Self {
        Self {
            vanished: Ranges { is_earlier: true, rest: vanished.into_iter() },
            changed: Runs::of(changed.map(Uid::get)),
            // The reply to the command says up to where it is told.
            since: None,
            ..Self::of(&News::default(), manner, ModSeq(0), false)
        }
    }

    /// Writes until `out` has `most` bytes; is there more?
    ///
    /// Messages are not told in the order of their changes, and one change may be of all of them. So a client that is cut
    /// off between two parts comes back from where it was before the first, as HIGHESTMODSEQ says, and from where it is at
    /// last once everything is told (RFC 7162 section 6).
    fn part(&mut self, selected: &Selected, out: &mut Vec<u8>, most: usize) -> bool {
        while out.len() < most {
            if !self.reply(selected, &mut Encoder::new(out, self.manner.rev2)) {
                return false;
            }
        }
        if self.is_done() {
            return false;
        }
        if let Some(since) = self.since {
            tell_highest(&mut Encoder::new(out, self.manner.rev2), since.max(ModSeq(1)));
            self.highest = true;
        }
        true
    }

    fn is_done(&self) -> bool {
        let is_listed = self.expunged.is_done() && self.vanished.rest.as_slice().is_empty() && self.changed.is_done();
        is_listed && !(self.exists || self.keywords || self.highest)
    }

    /// Writes the next reply, where there is one.
    fn reply(&mut self, selected: &Selected, reply: &mut Encoder<'_>) -> bool {
        let messages = &selected.messages;
        if let Some(number) = self.expunged.next() {
            reply.expunge(number);
        } else if let Some(ranges) = self.vanished.next() {
            reply.vanished(self.vanished.is_earlier, &ranges);
        } else if std::mem::take(&mut self.exists) {
            reply.exists(messages.count());
            if !self.manner.rev2 {
                reply.recent(messages.recent_count());
            }
        } else if std::mem::take(&mut self.keywords) {
            tell_flags(reply, selected);
        } else if let Some(uid) = self.changed.next() {
            if let Some(uid) = Uid::new(uid) {
                self.fetch(selected, uid, reply);
            }
        } else if std::mem::take(&mut self.highest) {
            tell_highest(reply, selected.told());
        } else {
            return false;
        }
        true
    }

    fn fetch(&mut self, selected: &Selected, uid: Uid, reply: &mut Encoder<'_>) {
        let Manner { rev2, resync, .. } = self.manner;
        let messages = &selected.messages;
        let Some(number) = messages.number(uid) else { return };
        let Some((flags, modseq)) = messages.shown(uid, &mut self.shown) else { return };
        let mut fetch = reply.fetch(number);
        fetch.uid(uid);
        fetch.flags(flags, !rev2 && messages.is_recent(uid));
        if resync.tells_changes() {
            fetch.mod_seq(modseq);
        }
        fetch.finish();
    }
}

impl Runs {
    fn of(numbers: impl Iterator<Item = u32>) -> Self {
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for number in numbers {
            match runs.last_mut() {
                Some((first, last)) if follows(*first, *last, number) => *last = number,
                _ => runs.push((number, number)),
            }
        }
        Self { rest: runs.into_iter(), now: None }
    }

    fn is_done(&self) -> bool {
        self.now.is_none() && self.rest.as_slice().is_empty()
    }
}

/// Does a number go on with a run, the way that it goes?
fn follows(first: u32, last: u32, number: u32) -> bool {
    let (up, down) = (last.checked_add(1) == Some(number), last.checked_sub(1) == Some(number));
    up && first <= last || down && first >= last
}

impl Iterator for Runs {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (number, last) = self.now.take().or_else(|| self.rest.next())?;
        if number != last {
            self.now = Some((if number < last { number + 1 } else { number - 1 }, last));
        }
        Some(number)
    }
}

impl Iterator for Ranges {
    type Item = Vec<(Uid, Uid)>;

    fn next(&mut self) -> Option<Self::Item> {
        let some: Vec<(Uid, Uid)> = self.rest.by_ref().take(RANGES_AT_ONCE).collect();
        Some(some).filter(|some| !some.is_empty())
    }
}

impl<W: Wire> Connection<W> {
    /// Reads what is in the selected mailbox, where that was not needed before.
    pub(crate) async fn read_messages(&mut self) -> Result<(), Stop> {
        let flags = self.client.hearing.selected.flags();
        let Work { house, session, selected, rev2, resync, .. } = self.client.work()?;
        match selected.read(house, session, Manner { rev2, resync, flags }).await? {
            Some(telling) => Ok(self.tell_to_end(telling).await?),
            None => Ok(()),
        }
    }

    /// Takes in what happened in the selected mailbox, and tells what the client wants to hear of it. The gate is
    /// asked in any case.
    pub(crate) async fn sync_selected(&mut self, may_expunge: bool) -> Result<(), Stop> {
        let hears = self.client.hearing.selected;
        let Work { house, session, selected, rev2, resync, .. } = self.client.work()?;
        if hears == OfSelected::Nothing {
            return Ok(selected.look(house, session).await?);
        }
        let manner = Manner { rev2, resync, flags: hears.flags() };
        let telling = selected.sync(house, session, manner, may_expunge).await?;
        Ok(self.tell_to_end(telling).await?)
    }

    /// Tells what was taken in, to its end: the numbers are moved already, so a client that may not hear the rest can not
    /// go on here.
    pub(crate) async fn tell_to_end(&mut self, telling: Telling) -> Result<(), End> {
        self.tell(telling).await.map_err(ended)
    }

    /// Tells, a part at a time, as long as the mailbox may be read.
    pub(crate) async fn tell(&mut self, mut telling: Telling) -> Result<(), Stop> {
        let most = self.client.house.limits().chunk_bytes;
        loop {
            let Work { selected, out, .. } = self.client.work()?;
            if !telling.part(selected, out, most) {
                return Ok(());
            }
            self.flush().await?;
            let Work { house, session, selected, .. } = self.client.work()?;
            house.may_still_read(session, selected.mailbox).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the numbers, they come back in their order; neighbours take no room.
    #[test]
    fn numbers_come_back_in_their_order() {
        for (numbers, runs) in [
            (vec![], 0),
            (vec![7], 1),
            (vec![1, 2, 3, 9, 10, 4], 3),
            (vec![9, 8, 7, 3, 2, 2, 1], 3),
            (vec![5, 6, 5, 4, u32::MAX, u32::MAX - 1, 0, 1], 4),
            ((1..100_000).rev().collect(), 1),
        ] {
            let kept = Runs::of(numbers.iter().copied());
            assert_eq!((kept.rest.len(), kept.is_done()), (runs, numbers.is_empty()), "{numbers:?}");
            assert_eq!(kept.collect::<Vec<_>>(), numbers);
        }
    }
}
