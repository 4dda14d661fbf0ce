//! The messages of the selected mailbox as this session was told of them: sequence numbers,
//! UIDs and flags (RFC 9051 section 2.3.1.2).
//!
//! Sequence numbers belong to the session: what others expunged keeps its number until the
//! client has heard of it, and that is never during FETCH, STORE or SEARCH (RFC 9051 section
//! 7.5.1). So a session has the snapshot that it last told of, which it shares with others, and
//! beside it what is its own: UIDs that are gone and have their numbers still, and flags that
//! the client was told of since then, so that it hears of changes it does not know and of no
//! others, its own above all.

use postern_app::{Counters, Difference, KEYWORDS_TOLD, Shown, Snapshot};
use postern_imap_wire::SequenceSet;
use postern_types::{Flags, Keyword, ModSeq, Seen, SystemFlag, Uid};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Messages that a command names, by UID: each with its sequence number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Targets {
    pub(crate) uids: Arc<[Uid]>,
    pub(crate) numbers: Arc<[u32]>,
}

impl Targets {
    pub(crate) fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }
    /// A part of them.
    pub(crate) fn slice(&self, range: std::ops::Range<usize>) -> Targets {
        Targets { uids: self.uids[range.clone()].into(), numbers: self.numbers[range].into() }
    }
    /// Those of them that are in a set.
    pub(crate) fn only(self, wanted: &HashSet<Uid>) -> Targets {
        let both = self.uids.iter().zip(self.numbers.iter()).filter(|(uid, _)| wanted.contains(uid));
        let (uids, numbers): (Vec<Uid>, Vec<u32>) = both.map(|(uid, number)| (*uid, *number)).unzip();
        Targets { uids: uids.into(), numbers: numbers.into() }
    }
    /// The sequence number of one of them.
    pub(crate) fn number(&self, uid: Uid) -> Option<u32> {
        self.uids.binary_search(&uid).ok().map(|place| self.numbers[place])
    }
}

/// A sequence number that no message has (RFC 9051 section 9, seq-number: BAD).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSuchNumber;

/// What a client has to be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// EXPUNGE, in this order: numbers, with the UIDs that had them.
    pub(crate) expunged: Vec<(u32, Uid)>,
    /// EXISTS: there are new messages.
    pub(crate) exists: bool,
    /// Messages that changed, with their numbers after all that.
    pub(crate) changed: Vec<Change>,
    /// FLAGS and PERMANENTFLAGS: there are keywords that the mailbox had not before, or other
    /// flags may be changed now.
    pub(crate) keywords: bool,
}

/// A message that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) number: u32,
    pub(crate) uid: Uid,
    pub(crate) modseq: ModSeq,
    /// It shows other flags than the client knows.
    pub(crate) flags: bool,
}

/// What a client was told of a mailbox that was opened and not read: numbers, and no flags.
#[derive(Debug, Clone, Copy)]
struct Unread {
    count: u32,
    recent: u32,
    uid_next: u64,
}

/// The messages of a selected mailbox.
#[derive(Debug)]
pub(crate) struct Messages {
    /// The messages are not read yet; the snapshot has none.
    unread: Option<Unread>,
    /// They were read for the command that runs: it reaches those that the client knew of before, with UIDs below this.
    known_below: Option<u64>,
    /// What was told, but for what follows.
    snapshot: Snapshot,
    /// UIDs that the snapshot has no more and that have their numbers still, by UID.
    gone: Vec<Uid>,
    /// Flags that the client was told of since the snapshot was taken, or has set itself.
    told: HashMap<Uid, Arc<Flags>>,
    /// Every flag that was told with FLAGS.
    known: Flags,
    /// Messages from this UID on are \Recent to this session (RFC 3501 section 2.3.2).
    recent_from: u64,
}

impl Messages {
    /// A mailbox as it was opened. FLAGS tells of what its messages have and of what `\Seen` may
    /// show, and of nothing that other mailboxes have: some of those are hidden.
    pub(crate) fn new(snapshot: Snapshot, keywords: &Flags, recent_from: u64) -> Self {
        let known = Flags::from_iter(SystemFlag::ALL).union(&snapshot.seen().keywords());
        let (gone, told) = (Vec::new(), HashMap::new());
        let mut messages = Self { unread: None, known_below: None, snapshot, gone, told, known, recent_from };
        messages.learn_keywords(keywords);
        messages
    }

    /// The same of one that has not been read: that is done when it is first needed.
    pub(crate) fn unread(counters: &Counters, seen: Seen, keywords: &Flags, recent: u64) -> Self {
        let snapshot = Snapshot::unread(counters.modseq, seen);
        // UIDs are 32 bits, so their number is.
        let (count, recent) = (counters.messages as u32, recent as u32);
        let unread = Unread { count, recent, uid_next: counters.uid_next };
        Self { unread: Some(unread), ..Self::new(snapshot, keywords, counters.recent_from) }
    }

    /// Were they read for the command that runs? Then the client knows no flags of them.
    pub(crate) fn are_just_read(&self) -> bool {
        self.known_below.is_some()
    }

    /// UIDs below this one were there when the mailbox was opened, where it was not read yet.
    pub(crate) fn unread_below(&self) -> Option<u64> {
        self.unread.map(|unread| unread.uid_next)
    }

    /// They were read for a command: it reaches UIDs below this one.
    pub(crate) fn are_read_for_command(&mut self, below: u64) {
        self.known_below = Some(below);
    }

    /// The command that they were read for is done.
    pub(crate) fn command_is_done(&mut self) {
        self.known_below = None;
    }

    /// How many messages a command reaches.
    fn reach(&self) -> u32 {
        self.known_below.map_or_else(|| self.count(), |below| self.rank(below) as u32)
    }

    /// The largest UID that a command reaches; 0 where there is none.
    fn last_in_reach(&self) -> u32 {
        let last = (self.reach() as usize).checked_sub(1).and_then(|place| self.walk(place..place + 1).next());
        last.map_or(0, Uid::get)
    }

    /// Every change up to this one is taken in.
    pub(crate) fn modseq(&self) -> ModSeq {
        self.snapshot.modseq()
    }

    pub(crate) fn count(&self) -> u32 {
        // UIDs are 32 bits, so their number is.
        self.unread.map_or((self.snapshot.count() + self.gone.len()) as u32, |unread| unread.count)
    }

    /// How many are \Recent to this session.
    pub(crate) fn recent_count(&self) -> u32 {
        self.unread.map_or_else(|| self.count() - self.rank(self.recent_from) as u32, |unread| unread.recent)
    }

    pub(crate) fn is_recent(&self, uid: Uid) -> bool {
        u64::from(uid.get()) >= self.recent_from
    }

    /// First UID that is \Recent to this session.
    pub(crate) fn recent_from(&self) -> u64 {
        self.recent_from
    }

    /// Those that are \Recent to this session.
    pub(crate) fn recent(&self) -> Vec<Uid> {
        self.walk(self.rank(self.recent_from)..self.count() as usize).collect()
    }

    /// Flags that FLAGS tells of.
    pub(crate) fn known_flags(&self) -> &Flags {
        &self.known
    }

    /// The first message without \Seen in a mailbox that was just opened (RFC 3501 section 6.3.1, UNSEEN).
    pub(crate) fn first_unseen(&self) -> Option<u32> {
        self.snapshot.first_unseen().map(|place| place as u32 + 1)
    }

    /// The number of a message.
    pub(crate) fn number(&self, uid: Uid) -> Option<u32> {
        let has_one = self.snapshot.has(uid) || self.gone.binary_search(&uid).is_ok();
        has_one.then(|| self.rank(u64::from(uid.get())) as u32 + 1)
    }

    /// Flags as the client knows them; none of what is gone.
    pub(crate) fn flags(&self, uid: Uid) -> Option<Arc<Flags>> {
        self.told.get(&uid).cloned().or_else(|| self.snapshot.flags(uid))
    }

    /// Flags of a message that the client was told nothing of since the mailbox was last taken in, and its last change.
    pub(crate) fn shown<'a>(&self, uid: Uid, shown: &'a mut Shown) -> Option<(&'a Arc<Flags>, ModSeq)> {
        self.snapshot.shown(uid, shown)
    }

    pub(crate) fn uids(&self) -> impl Iterator<Item = Uid> + '_ {
        self.walk(0..self.count() as usize)
    }

    /// The largest UID that has a number; 0 where there is none.
    pub(crate) fn last_uid(&self) -> u32 {
        let gone = self.gone.last().map_or(0, |uid| u64::from(uid.get()));
        let last = self.unread.map_or(self.snapshot.last_uid().max(gone), |unread| unread.uid_next - 1);
        // A UID is 32 bits.
        last as u32
    }

    /// How many messages with numbers have a UID below this one.
    fn rank(&self, uid: u64) -> usize {
        self.snapshot.rank(uid) + self.gone.partition_point(|gone| u64::from(gone.get()) < uid)
    }

    /// The messages of some numbers, which count from 0 here.
    fn walk(&self, places: Range<usize>) -> impl Iterator<Item = Uid> + '_ {
        let is_before = |place: usize| self.snapshot.rank(u64::from(self.gone[place].get())) + place < places.start;
        let (mut first, mut end) = (0, self.gone.len());
        while first < end {
            let middle = first.midpoint(end);
            if is_before(middle) { first = middle + 1 } else { end = middle }
        }
        let mut gone = self.gone[first..].iter().copied().peekable();
        let mut there = self.snapshot.uids(places.start - first..usize::MAX).peekable();
        let next = move || match (gone.peek(), there.peek()) {
            (Some(one), Some(other)) if one < other => gone.next(),
            (_, Some(_)) => there.next(),
            (_, None) => gone.next(),
        };
        std::iter::from_fn(next).take(places.len())
    }

    /// The messages with these sequence numbers; a number that no message has is an error.
    pub(crate) fn by_number(&self, set: &SequenceSet, saved: &[Uid]) -> Result<Targets, NoSuchNumber> {
        let Some(ranges) = set.resolve(self.reach()) else { return Ok(self.saved(saved)) };
        if ranges.iter().any(|(first, last)| *first == 0 || *last > self.reach()) {
            return Err(NoSuchNumber);
        }
        Ok(self.targets(ranges.into_iter().map(|(first, last)| first as usize - 1..last as usize)))
    }

    /// The messages with these UIDs; a UID that no message has is passed over.
    pub(crate) fn by_uid(&self, set: &SequenceSet, saved: &[Uid]) -> Targets {
        let Some(ranges) = set.resolve(self.last_in_reach()) else { return self.saved(saved) };
        let reach = self.reach() as usize;
        let place = |uid| self.rank(uid).min(reach);
        let places = |(first, last)| place(u64::from(first))..place(u64::from(last) + 1);
        self.targets(ranges.into_iter().map(places))
    }

    /// As [`Messages::by_number`], with numbers that no message has passed over: what SEARCH
    /// is asked to look through need not be there.
    pub(crate) fn by_number_if_there(&self, set: &SequenceSet, saved: &[Uid]) -> Targets {
        let Some(ranges) = set.resolve(self.reach()) else { return self.saved(saved) };
        let count = self.reach() as usize;
        self.targets(ranges.into_iter().map(|(first, last)| {
            let first = (first.max(1) as usize - 1).min(count);
            first..(last as usize).clamp(first, count)
        }))
    }

    fn saved(&self, saved: &[Uid]) -> Targets {
        let there: Vec<(Uid, u32)> = saved.iter().filter_map(|uid| Some((*uid, self.number(*uid)?))).collect();
        let (uids, numbers): (Vec<Uid>, Vec<u32>) = there.into_iter().unzip();
        Targets { uids: uids.into(), numbers: numbers.into() }
    }

    fn targets(&self, ranges: impl Iterator<Item = Range<usize>>) -> Targets {
        let (mut uids, mut numbers) = (Vec::new(), Vec::new());
        for range in ranges {
            uids.extend(self.walk(range.clone()));
            numbers.extend(range.map(|place| place as u32 + 1));
        }
        Targets { uids: uids.into(), numbers: numbers.into() }
    }

    /// Notes flags that the client has just been told, or has set itself.
    pub(crate) fn note_flags(&mut self, uid: Uid, flags: &Arc<Flags>) {
        self.told.insert(uid, Arc::clone(flags));
    }

    /// They were not told after all.
    pub(crate) fn forget_flags(&mut self, uid: Uid) {
        self.told.remove(&uid);
    }

    /// Are there keywords in `flags` that FLAGS has not told of? They count as told then. Past
    /// [`KEYWORDS_TOLD`] none is told of any more: whoever may write can make up any number of them, and the list is
    /// sent whole each time it grows. Messages show all that they have in any case.
    pub(crate) fn learn_keywords(&mut self, flags: &Flags) -> bool {
        let before = self.known.keywords().len();
        let room = KEYWORDS_TOLD.saturating_sub(before);
        let unknown = |keyword: &&Keyword| !self.known.has_keyword(keyword);
        let news: Vec<Keyword> = flags.keywords().iter().filter(unknown).take(room).cloned().collect();
        news.into_iter().for_each(|keyword| self.known.insert_keyword(keyword));
        self.known.keywords().len() > before
    }

    /// Takes in the mailbox as it is now, and says what the client has to be told of what changed; `vanished` is what
    /// went since it was opened, where it was not read. Where it may not be told of expunged messages now, they keep
    /// their numbers. A client that keeps modification sequences is told of each after `since`, though the message
    /// shows the same flags again.
    pub(crate) fn apply(
        &mut self,
        now: Snapshot,
        vanished: &[(Uid, Uid)],
        may_expunge: bool,
        since: Option<ModSeq>,
    ) -> News {
        let told = std::mem::take(&mut self.told);
        let last = u64::from(self.last_uid());
        let difference = match self.unread.take() {
            None => self.snapshot.differences(&now),
            Some(_) => Difference { gone: below(vanished, last), changed: now.changed_since(self.snapshot.modseq()) },
        };
        let before = std::mem::replace(&mut self.snapshot, now);
        self.gone.extend(difference.gone);
        self.gone.sort_unstable();
        let mut news = News { expunged: if may_expunge { self.take_gone() } else { Vec::new() }, ..News::default() };
        let mut shown = Shown::default();
        for (uid, modseq) in difference.changed {
            let Some((flags, _)) = self.snapshot.shown(uid, &mut shown) else { continue };
            let flags = Arc::clone(flags);
            news.keywords |= self.learn_keywords(&flags);
            if u64::from(uid.get()) > last {
                news.exists = true;
                continue;
            }
            // Of a mailbox that was not read the client knows no flags.
            let known = told.get(&uid).cloned().or_else(|| before.flags(uid));
            let is_other = known != Some(flags);
            if is_other || since.is_some_and(|since| modseq > since) {
                let number = self.rank(u64::from(uid.get())) as u32 + 1;
                news.changed.push(Change { number, uid, modseq, flags: is_other });
            }
        }
        news
    }

    /// These ranges of UIDs without those that the client has a number for.
    pub(crate) fn without_known(&self, ranges: &[(Uid, Uid)]) -> Vec<(Uid, Uid)> {
        let mut rest = Vec::new();
        for (first, last) in ranges {
            let mut from = u64::from(first.get());
            let known = self.rank(from)..self.rank(u64::from(last.get()) + 1);
            for known in self.walk(known) {
                rest.extend(range(from, u64::from(known.get()) - 1));
                from = u64::from(known.get()) + 1;
            }
            rest.extend(range(from, u64::from(last.get())));
        }
        rest
    }

    /// Are there expunged messages that the client has not been told of?
    pub(crate) fn has_gone(&self) -> bool {
        !self.gone.is_empty()
    }

    /// Takes out what is gone; the numbers to tell are from the last to the first, so that
    /// none of them moves another.
    pub(crate) fn take_gone(&mut self) -> Vec<(u32, Uid)> {
        let gone = std::mem::take(&mut self.gone);
        let number = |(before, uid): (usize, &Uid)| (self.snapshot.rank(u64::from(uid.get())) + before) as u32 + 1;
        gone.iter().enumerate().rev().map(|place| (number(place), *place.1)).collect()
    }
}

/// The UIDs of these ranges up to one: each was there.
fn below(ranges: &[(Uid, Uid)], last: u64) -> Vec<Uid> {
    let uids = ranges.iter().flat_map(|(first, last)| first.get()..=last.get());
    uids.take_while(|uid| u64::from(*uid) <= last).filter_map(Uid::new).collect()
}

/// A range of UIDs, where it is one.
fn range(first: u64, last: u64) -> Option<(Uid, Uid)> {
    let uid = |number: u64| u32::try_from(number).ok().and_then(Uid::new);
    uid(first).zip(uid(last)).filter(|(first, last)| first <= last)
}

#[cfg(test)]
mod tests;
