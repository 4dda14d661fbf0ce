//! The messages of the selected mailbox as this session was told of them: sequence numbers,
//! UIDs and flags (RFC 9051 section 2.3.1.2).
//!
//! Sequence numbers belong to the session: what others expunged keeps its number until the
//! client has heard of it, and that is never during FETCH, STORE or SEARCH (RFC 9051 section
//! 7.5.1). Eight bytes a message; sets of flags are kept once. Flags are kept so that a
//! client hears of changes it does not know and of no others, its own above all.

use postern_app::{Changes, Entry, FlagsKey};
use postern_imap_wire::SequenceSet;
use postern_types::{Flags, Keyword, ModSeq, SystemFlag, Uid};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Keywords that FLAGS tells of at most. Whoever may write can make up any number of them, and
/// the list is sent whole each time it grows; messages show all that they have in any case.
const MOST_KEYWORDS: usize = 1_000;

/// One message as the client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Message {
    uid: Uid,
    /// Place of its flags in [`FlagSets`].
    flags: u32,
}

/// Every set of flags that was met, once.
#[derive(Debug, Default)]
struct FlagSets {
    sets: Vec<Arc<Flags>>,
    places: BTreeMap<Arc<Flags>, u32>,
}

impl FlagSets {
    fn place(&mut self, flags: &Arc<Flags>) -> u32 {
        if let Some(place) = self.places.get(flags) {
            return *place;
        }
        // There are fewer sets than messages, and fewer messages than UIDs.
        let place = self.sets.len() as u32;
        self.sets.push(Arc::clone(flags));
        self.places.insert(Arc::clone(flags), place);
        place
    }

    fn get(&self, place: u32) -> &Arc<Flags> {
        &self.sets[place as usize]
    }
}

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

impl News {
    pub(crate) fn is_empty(&self) -> bool {
        *self == News::default()
    }
}

/// The messages of a selected mailbox.
#[derive(Debug)]
pub(crate) struct Messages {
    list: Vec<Message>,
    sets: FlagSets,
    /// UIDs that are gone and have not been told: ranges, both ends included.
    gone: Vec<(Uid, Uid)>,
    /// Every flag that was told with FLAGS.
    known: Flags,
    /// Messages from this UID on are \Recent to this session (RFC 3501 section 2.3.2).
    recent_from: u64,
}

impl Messages {
    /// A mailbox as it was opened. FLAGS tells of what its messages have and of `always`, and
    /// of nothing that other mailboxes have: some of those are hidden.
    pub(crate) fn new(
        entries: &[Entry],
        flags: &HashMap<FlagsKey, Arc<Flags>>,
        always: &Flags,
        recent_from: u64,
    ) -> Self {
        let known = Flags::from_iter(SystemFlag::ALL).union(always);
        let mut messages = Self {
            list: Vec::with_capacity(entries.len()),
            sets: FlagSets::default(),
            gone: Vec::new(),
            known,
            recent_from,
        };
        let mut places: HashMap<FlagsKey, u32> = HashMap::new();
        for entry in entries {
            let place = match places.get(&entry.flags) {
                Some(place) => *place,
                None => {
                    let place = messages.sets.place(&flags_of(entry, flags));
                    places.insert(entry.flags, place);
                    place
                }
            };
            messages.list.push(Message { uid: entry.uid, flags: place });
        }
        for set in messages.sets.sets.clone() {
            messages.learn_keywords(&set);
        }
        messages
    }

    pub(crate) fn count(&self) -> u32 {
        // UIDs are 32 bits, so their number is.
        self.list.len() as u32
    }

    /// How many are \Recent to this session.
    pub(crate) fn recent_count(&self) -> u32 {
        let older = self.list.partition_point(|message| u64::from(message.uid.get()) < self.recent_from);
        (self.list.len() - older) as u32
    }

    pub(crate) fn is_recent(&self, uid: Uid) -> bool {
        u64::from(uid.get()) >= self.recent_from
    }

    /// First UID that is \Recent to this session.
    pub(crate) fn recent_from(&self) -> u64 {
        self.recent_from
    }

    /// Flags that FLAGS tells of.
    pub(crate) fn known_flags(&self) -> &Flags {
        &self.known
    }

    /// The first message without \Seen (RFC 3501 section 6.3.1, UNSEEN).
    pub(crate) fn first_unseen(&self) -> Option<u32> {
        let seen: Vec<bool> = self.sets.sets.iter().map(|flags| flags.has(SystemFlag::Seen)).collect();
        let place = self.list.iter().position(|message| !seen[message.flags as usize])?;
        Some(place as u32 + 1)
    }

    /// UID and flags of a message, by its number.
    pub(crate) fn get(&self, number: u32) -> Option<(Uid, &Arc<Flags>)> {
        let message = self.list.get((number as usize).checked_sub(1)?)?;
        Some((message.uid, self.sets.get(message.flags)))
    }

    /// The number of a message.
    pub(crate) fn number(&self, uid: Uid) -> Option<u32> {
        self.place(uid).map(|place| place as u32 + 1)
    }

    /// Flags as the client knows them.
    pub(crate) fn flags(&self, uid: Uid) -> Option<&Arc<Flags>> {
        self.place(uid).map(|place| self.sets.get(self.list[place].flags))
    }

    fn place(&self, uid: Uid) -> Option<usize> {
        self.list.binary_search_by_key(&uid, |message| message.uid).ok()
    }

    pub(crate) fn uids(&self) -> impl Iterator<Item = Uid> + '_ {
        self.list.iter().map(|message| message.uid)
    }

    /// The largest UID that has a number; 0 where there is none.
    pub(crate) fn last_uid(&self) -> u32 {
        self.list.last().map_or(0, |message| message.uid.get())
    }

    /// The messages with these sequence numbers; a number that no message has is an error.
    pub(crate) fn by_number(&self, set: &SequenceSet, saved: &[Uid]) -> Result<Targets, NoSuchNumber> {
        let Some(ranges) = set.resolve(self.count()) else { return Ok(self.saved(saved)) };
        if ranges.iter().any(|(first, last)| *first == 0 || *last > self.count()) {
            return Err(NoSuchNumber);
        }
        Ok(self.targets(ranges.into_iter().map(|(first, last)| first as usize - 1..last as usize)))
    }

    /// The messages with these UIDs; a UID that no message has is passed over.
    pub(crate) fn by_uid(&self, set: &SequenceSet, saved: &[Uid]) -> Targets {
        let Some(ranges) = set.resolve(self.last_uid()) else { return self.saved(saved) };
        let place = |uid: u32| self.list.partition_point(|message| message.uid.get() < uid);
        let after = |uid: u32| self.list.partition_point(|message| message.uid.get() <= uid);
        self.targets(ranges.into_iter().map(|(first, last)| place(first)..after(last)))
    }

    /// As [`Messages::by_number`], with numbers that no message has passed over: what SEARCH
    /// is asked to look through need not be there.
    pub(crate) fn by_number_if_there(&self, set: &SequenceSet, saved: &[Uid]) -> Targets {
        let Some(ranges) = set.resolve(self.count()) else { return self.saved(saved) };
        let count = self.list.len();
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

    fn targets(&self, ranges: impl Iterator<Item = std::ops::Range<usize>>) -> Targets {
        let (mut uids, mut numbers) = (Vec::new(), Vec::new());
        for range in ranges {
            uids.extend(self.list[range.clone()].iter().map(|message| message.uid));
            numbers.extend(range.map(|place| place as u32 + 1));
        }
        Targets { uids: uids.into(), numbers: numbers.into() }
    }

    /// Notes flags that the client has just been told, or has set itself.
    pub(crate) fn note_flags(&mut self, uid: Uid, flags: &Arc<Flags>) {
        let set = self.sets.place(flags);
        if let Some(place) = self.place(uid) {
            self.list[place].flags = set;
        }
    }

    /// Are there keywords in `flags` that FLAGS has not told of? They count as told then. Past
    /// [`MOST_KEYWORDS`] none is told of any more.
    pub(crate) fn learn_keywords(&mut self, flags: &Flags) -> bool {
        let before = self.known.keywords().len();
        let room = MOST_KEYWORDS.saturating_sub(before);
        let unknown = |keyword: &&Keyword| !self.known.has_keyword(keyword);
        let news: Vec<Keyword> = flags.keywords().iter().filter(unknown).take(room).cloned().collect();
        news.into_iter().for_each(|keyword| self.known.insert_keyword(keyword));
        self.known.keywords().len() > before
    }

    /// Takes in what changed since the last time, and says what the client has to be told.
    /// Where it may not be told of expunged messages now, they keep their numbers. A client that keeps modification
    /// sequences is told of each after `since`, though the message shows the same flags again.
    pub(crate) fn apply(
        &mut self,
        changes: &Changes,
        flags: &HashMap<FlagsKey, Arc<Flags>>,
        may_expunge: bool,
        since: Option<ModSeq>,
    ) -> News {
        self.gone.extend_from_slice(&changes.vanished);
        let mut news = News { expunged: if may_expunge { self.take_gone() } else { Vec::new() }, ..News::default() };
        for entry in &changes.changed {
            let flags = flags_of(entry, flags);
            news.keywords |= self.learn_keywords(&flags);
            let set = self.sets.place(&flags);
            match self.place(entry.uid) {
                Some(place) => {
                    let is_other = self.list[place].flags != set;
                    self.list[place].flags = set;
                    if is_other || since.is_some_and(|since| entry.modseq > since) {
                        let (number, uid, modseq) = (place as u32 + 1, entry.uid, entry.modseq);
                        news.changed.push(Change { number, uid, modseq, flags: is_other });
                    }
                }
                None if entry.uid.get() > self.last_uid() => {
                    self.list.push(Message { uid: entry.uid, flags: set });
                    news.exists = true;
                }
                // A UID below ones that were told, and unknown: it was told gone before.
                None => {}
            }
        }
        news
    }

    /// These ranges of UIDs without those that the client has a number for.
    pub(crate) fn without_known(&self, ranges: &[(Uid, Uid)]) -> Vec<(Uid, Uid)> {
        let mut rest = Vec::new();
        for (first, last) in ranges {
            let mut from = u64::from(first.get());
            let begin = self.list.partition_point(|message| message.uid < *first);
            for known in self.list[begin..].iter().map(|message| message.uid).take_while(|uid| uid <= last) {
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
        if self.gone.is_empty() {
            return Vec::new();
        }
        let mut gone: Vec<usize> = Vec::new();
        for (first, last) in std::mem::take(&mut self.gone) {
            let from = self.list.partition_point(|message| message.uid < first);
            let to = self.list.partition_point(|message| message.uid <= last);
            gone.extend(from..to);
        }
        gone.sort_unstable();
        gone.dedup();
        let told = gone.iter().rev().map(|place| (*place as u32 + 1, self.list[*place].uid)).collect();
        let mut next = gone.iter().copied().peekable();
        let mut place = 0;
        self.list.retain(|_| {
            let leaves = next.next_if_eq(&place).is_some();
            place += 1;
            !leaves
        });
        told
    }
}

/// A range of UIDs, where it is one.
fn range(first: u64, last: u64) -> Option<(Uid, Uid)> {
    let uid = |number: u64| u32::try_from(number).ok().and_then(Uid::new);
    uid(first).zip(uid(last)).filter(|(first, last)| first <= last)
}

fn flags_of(entry: &Entry, flags: &HashMap<FlagsKey, Arc<Flags>>) -> Arc<Flags> {
    flags.get(&entry.flags).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
