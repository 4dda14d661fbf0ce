//! The messages of a mailbox as of one change: UIDs, flags, modification sequences.
//!
//! Whoever opens a mailbox shares what was read for the others: 16 bytes a message, once. Where `\Seen` is
//! personal, what one person has seen is a list of its own over it. A snapshot is handed out by
//! [`Access::snapshot`](crate::Access::snapshot) alone, and a session keeps the one that its client was told of:
//! the next one shares with it what did not change.

pub(crate) mod chunks;
pub(crate) mod shelf;

use chunks::{Chunks, Slot};
use postern_types::{Flags, Keyword, ModSeq, Seen, SystemFlag, Uid};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of a list beside its slots and sets, about: places, locks, pointers.
const LIST_BYTES: usize = 512;
/// Bytes of a set of flags beside its keywords, about, and of a keyword beside its letters.
const SET_BYTES: usize = 160;
const KEYWORD_BYTES: usize = 32;
/// Sets that a list may have beyond two for each of its messages before it is read anew: those that no message has any
/// more go then.
const SPARE_SETS: usize = 1_000;

/// Sets of flags, each once, in the order in which they were met.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sets {
    bytes: usize,
    ids: Vec<i64>,
    list: Vec<Arc<Flags>>,
    by_id: HashMap<i64, u32>,
}

impl Sets {
    /// Where a set is that has this key in the database.
    pub fn find(&self, id: i64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// Where a set is from now on that was not met before.
    pub fn meet(&mut self, id: i64) -> u32 {
        // Each was a change of its own, and those are fewer.
        let place = self.ids.len() as u32;
        self.ids.push(id);
        self.by_id.insert(id, place);
        place
    }

    /// Are there sets whose flags are not known?
    pub fn are_unread(&self) -> bool {
        self.list.len() < self.ids.len()
    }

    /// Reads the flags of those.
    pub fn read<E>(&mut self, mut flags: impl FnMut(i64) -> Result<Flags, E>) -> Result<(), E> {
        for id in &self.ids[self.list.len()..] {
            let flags = flags(*id)?;
            let keywords = flags.keywords().iter().map(|keyword| KEYWORD_BYTES + keyword.as_str().len());
            self.bytes += SET_BYTES + keywords.sum::<usize>();
            self.list.push(Arc::new(flags));
        }
        Ok(())
    }

    fn get(&self, place: u32) -> Option<&Arc<Flags>> {
        self.list.get(place as usize)
    }
}

/// What is kept between readers: a mailbox, where a slot's value is the place of its flags, or what one person has
/// seen of it, where it is 1 for seen.
#[derive(Debug)]
pub(crate) struct Kept {
    pub slots: Chunks,
    pub sets: Arc<Sets>,
    /// It holds every change up to this one.
    pub modseq: ModSeq,
}

impl Kept {
    pub fn bytes(&self) -> usize {
        LIST_BYTES + self.slots.bytes() + self.sets.bytes
    }

    /// Does it keep many sets that no message has?
    pub fn is_worn(&self) -> bool {
        self.sets.list.len() > 2 * self.slots.len() + SPARE_SETS
    }
}

/// The messages of a mailbox as somebody is shown them. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) all: Arc<Kept>,
    /// What they have seen, where `\Seen` is their own.
    pub(crate) own: Option<Arc<Kept>>,
    pub(crate) seen: Seen,
    /// No message shows an earlier change.
    pub(crate) since: ModSeq,
    /// The last UID that is shown, where not all are.
    pub(crate) end: Option<u32>,
    /// The change that the transaction saw which made it: whose `\Seen` counts is as of then.
    pub(crate) now: ModSeq,
}

/// What another snapshot of the same mailbox shows in another way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// UIDs that are there no more.
    pub gone: Vec<Uid>,
    /// Messages that are new or were changed, with their last changes.
    pub changed: Vec<(Uid, ModSeq)>,
}

/// Gathers keywords, so many at most: whoever may write can make up any number of sets.
pub(crate) struct Keywords {
    most: usize,
    found: BTreeSet<Keyword>,
}

impl Keywords {
    pub fn new(most: usize) -> Self {
        Self { most, found: BTreeSet::new() }
    }

    pub fn add(&mut self, flags: &Flags) {
        for keyword in flags.keywords() {
            if self.found.len() < self.most && !self.found.contains(keyword) {
                self.found.insert(keyword.clone());
            }
        }
    }

    pub fn into_flags(self) -> Flags {
        let mut flags = Flags::new();
        self.found.into_iter().for_each(|keyword| flags.insert_keyword(keyword));
        flags
    }
}

/// Makes the flags that messages show, each set once.
#[derive(Debug, Default)]
pub struct Shown {
    sets: HashMap<(u32, bool), Arc<Flags>>,
}

impl Snapshot {
    /// A mailbox of these messages, by UID; it is not in any database.
    pub fn of(messages: &[(Uid, Flags, ModSeq)], seen: Seen) -> Self {
        let (mut sets, mut places) = (Sets::default(), HashMap::new());
        let slot = |(uid, flags, modseq): &(Uid, Flags, ModSeq)| {
            let value = *places.entry(flags.to_string()).or_insert_with(|| {
                sets.list.push(Arc::new(flags.clone()));
                sets.list.len() as u32 - 1
            });
            Slot { uid: *uid, value, modseq: *modseq }
        };
        let slots: Vec<Slot> = messages.iter().map(slot).collect();
        let modseq = messages.iter().map(|(_, _, modseq)| *modseq).max().unwrap_or_default();
        let all = Arc::new(Kept { slots: Chunks::new(&slots), sets: Arc::new(sets), modseq });
        Self { all, own: None, seen, since: ModSeq(0), end: None, now: modseq }
    }

    /// A mailbox of which no message is known, as of a change.
    pub fn unread(modseq: ModSeq, seen: Seen) -> Self {
        let all = Arc::new(Kept { slots: Chunks::new(&[]), sets: Arc::default(), modseq });
        Self { all, own: None, seen, since: ModSeq(0), end: None, now: modseq }
    }

    /// It holds every change up to this one: none that the transaction which made it did not see counts, though some
    /// of those may be in it.
    pub fn modseq(&self) -> ModSeq {
        self.now.min(self.all.modseq)
    }

    /// UIDs that went up to this change are not in it.
    pub fn vanished_until(&self) -> ModSeq {
        self.all.modseq
    }

    /// Whose `\Seen` it shows.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// How many messages there are.
    pub fn count(&self) -> usize {
        match self.end {
            Some(end) => self.all.slots.rank(u64::from(end) + 1),
            None => self.all.slots.len(),
        }
    }

    /// The last UID; 0 where there is none.
    pub fn last_uid(&self) -> u64 {
        let last = self.count().checked_sub(1).and_then(|place| self.uid(place));
        last.map_or(0, |last| u64::from(last.get()))
    }

    /// How many messages have a UID below this one.
    pub fn rank(&self, uid: u64) -> usize {
        self.all.slots.rank(self.end.map_or(uid, |end| uid.min(u64::from(end) + 1)))
    }

    /// Is there a message with this UID?
    pub fn has(&self, uid: Uid) -> bool {
        self.slot(uid).is_some()
    }

    /// The UID of the message with so many before it.
    pub fn uid(&self, place: usize) -> Option<Uid> {
        self.uids(place..place.saturating_add(1)).next()
    }

    /// The UIDs of some places; those past the end are passed over.
    pub fn uids(&self, places: Range<usize>) -> impl Iterator<Item = Uid> + '_ {
        self.slots(places).map(|slot| slot.uid)
    }

    /// The flags of a message.
    pub fn flags(&self, uid: Uid) -> Option<Arc<Flags>> {
        let slot = self.slot(uid)?;
        let stored = self.all.sets.get(slot.value)?;
        Some(match self.seen {
            Seen::Shared => Arc::clone(stored),
            seen => Arc::new(seen.shown(stored, self.own_seen(uid).0)),
        })
    }

    /// The flags of a message and its last change; sets that were made before are not made again.
    pub fn shown<'a>(&self, uid: Uid, shown: &'a mut Shown) -> Option<(&'a Arc<Flags>, ModSeq)> {
        let slot = self.slot(uid)?;
        let (own, own_modseq) = self.own_seen(uid);
        Some((self.make(slot, own, shown)?, slot.modseq.max(own_modseq).max(self.since)))
    }

    fn make<'a>(&self, slot: Slot, own: bool, shown: &'a mut Shown) -> Option<&'a Arc<Flags>> {
        let stored = self.all.sets.get(slot.value)?;
        Some(shown.sets.entry((slot.value, own)).or_insert_with(|| match self.seen {
            Seen::Shared => Arc::clone(stored),
            seen => Arc::new(seen.shown(stored, own)),
        }))
    }

    /// The first message without `\Seen`: how many are before it.
    pub fn first_unseen(&self) -> Option<usize> {
        let seen: Vec<bool> = self.all.sets.list.iter().map(|flags| flags.has(SystemFlag::Seen)).collect();
        let mut own = self.own.iter().flat_map(|own| own.slots.iter(0..usize::MAX)).peekable();
        self.slots(0..usize::MAX).position(|slot| {
            if self.own.is_none() {
                return !seen.get(slot.value as usize).is_some_and(|seen| *seen);
            }
            while own.next_if(|own| own.uid < slot.uid).is_some() {}
            !own.peek().is_some_and(|own| own.uid == slot.uid && own.value == 1)
        })
    }

    /// Keywords that its messages show, or showed a while ago; `most` of them at most.
    pub fn keywords(&self, most: usize) -> Flags {
        let mut keywords = Keywords::new(most);
        if self.end.is_none() {
            self.all.sets.list.iter().for_each(|flags| keywords.add(&self.seen.shown(flags, false)));
            return keywords.into_flags();
        }
        // What is not shown has flags that nobody is to know of.
        let values: HashSet<u32> = self.slots(0..usize::MAX).map(|slot| slot.value).collect();
        let sets = values.iter().filter_map(|value| self.all.sets.get(*value));
        sets.for_each(|flags| keywords.add(&self.seen.shown(flags, false)));
        keywords.into_flags()
    }

    /// Messages that were changed after a modseq, with their last changes, by UID.
    pub fn changed_since(&self, since: ModSeq) -> Vec<(Uid, ModSeq)> {
        if since < self.since {
            return self.with_modseqs(self.slots(0..usize::MAX).map(|slot| slot.uid));
        }
        let own = self.own.iter().flat_map(|own| own.slots.changed_since(since));
        let mut uids: Vec<Uid> = self.all.slots.changed_since(since).chain(own).map(|slot| slot.uid).collect();
        uids.sort_unstable();
        uids.dedup();
        self.with_modseqs(uids.into_iter())
    }

    /// What a later one shows in another way.
    pub fn differences(&self, later: &Snapshot) -> Difference {
        let mut gone = Vec::new();
        let mut uids = Vec::new();
        self.all.slots.differences(&later.all.slots, |before, after| match (before, after) {
            (Some(before), None) => gone.push(before.uid),
            (_, after) => uids.extend(after.map(|slot| slot.uid)),
        });
        gone.retain(|uid| self.shows(*uid));
        if (self.seen, self.since) != (later.seen, later.since) {
            // Any of them may show other flags.
            return Difference { gone, changed: later.with_modseqs(later.slots(0..usize::MAX).map(|slot| slot.uid)) };
        }
        if let (Some(before), Some(after)) = (&self.own, &later.own) {
            before.slots.differences(&after.slots, |_, after| uids.extend(after.map(|slot| slot.uid)));
            uids.sort_unstable();
            uids.dedup();
        }
        Difference { gone, changed: later.with_modseqs(uids.into_iter()) }
    }

    /// Those of them that are there, with their last changes.
    fn with_modseqs(&self, uids: impl Iterator<Item = Uid>) -> Vec<(Uid, ModSeq)> {
        let with = |uid| Some((uid, self.slot(uid)?.modseq.max(self.own_seen(uid).1).max(self.since)));
        uids.filter_map(with).collect()
    }

    fn slot(&self, uid: Uid) -> Option<Slot> {
        self.all.slots.find(uid).filter(|_| self.shows(uid))
    }

    fn slots(&self, places: Range<usize>) -> impl Iterator<Item = Slot> + '_ {
        let end = places.end.min(self.count());
        self.all.slots.iter(places.start.min(end)..end)
    }

    fn shows(&self, uid: Uid) -> bool {
        self.end.is_none_or(|end| uid.get() <= end)
    }

    /// Have they seen it themselves, and as of which change?
    fn own_seen(&self, uid: Uid) -> (bool, ModSeq) {
        let own = self.own.as_ref().and_then(|own| own.slots.find(uid));
        own.map_or((false, ModSeq(0)), |slot| (slot.value == 1, slot.modseq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    fn snapshot(messages: &[(u32, &str, i64)]) -> Snapshot {
        let message =
            |(number, flags, modseq): &(u32, &str, i64)| (uid(*number), Flags::parse(flags).unwrap(), ModSeq(*modseq));
        Snapshot::of(&messages.iter().map(message).collect::<Vec<_>>(), Seen::Shared)
    }

    /// The same, where somebody has seen these themselves.
    fn personal(messages: &[(u32, &str, i64)], own: &[(u32, u32, i64)], seen: Seen) -> Snapshot {
        let slot = |(number, value, modseq): &(u32, u32, i64)| Slot {
            uid: uid(*number),
            value: *value,
            modseq: ModSeq(*modseq),
        };
        let slots: Vec<Slot> = own.iter().map(slot).collect();
        let modseq = slots.iter().map(|slot| slot.modseq).max().unwrap_or_default();
        let own = Kept { slots: Chunks::new(&slots), sets: Arc::default(), modseq };
        Snapshot { own: Some(Arc::new(own)), seen, ..snapshot(messages) }
    }

    #[test]
    fn what_somebody_has_seen_lies_over_what_all_share() {
        let mail = [(1, "\\Seen \\Flagged", 3), (2, "", 4), (3, "\\Seen", 5)];
        let personal = personal(&mail, &[(2, 1, 9), (3, 0, 8)], Seen::Both);
        let text = |number| personal.flags(uid(number)).unwrap().to_string();
        assert_eq!([text(1), text(2), text(3)], ["\\Flagged SeenByTeam", "\\Seen", "SeenByTeam"]);
        assert_eq!(personal.first_unseen(), Some(0));
        assert_eq!(personal.changed_since(ModSeq(5)), [(uid(2), ModSeq(9)), (uid(3), ModSeq(8))]);
        let mut shown = Shown::default();
        assert_eq!(personal.shown(uid(2), &mut shown).unwrap().1, ModSeq(9));
        assert_eq!(snapshot(&mail).first_unseen(), Some(1));
    }

    #[test]
    fn differences_are_what_is_gone_new_or_changed() {
        let before = snapshot(&[(1, "", 1), (2, "", 2), (4, "", 3)]);
        let after = snapshot(&[(1, "", 1), (4, "\\Seen", 5), (7, "", 6)]);
        let told = before.differences(&after);
        assert_eq!(told.gone, [uid(2)]);
        assert_eq!(told.changed, [(uid(4), ModSeq(5)), (uid(7), ModSeq(6))]);
        assert_eq!(before.differences(&before.clone()), Difference::default());
    }

    #[test]
    fn where_seen_is_kept_in_another_way_all_differ() {
        let mail = [(1, "", 1), (2, "", 2)];
        let later = Snapshot { since: ModSeq(7), ..personal(&mail, &[(1, 1, 6)], Seen::Personal) };
        let told = snapshot(&mail).differences(&later);
        assert_eq!(told.changed, [(uid(1), ModSeq(7)), (uid(2), ModSeq(7))]);
        assert_eq!(later.changed_since(ModSeq(6)).len(), 2);
        assert!(later.changed_since(ModSeq(7)).is_empty());
    }

    #[test]
    fn keywords_are_those_of_what_is_shown_and_so_many() {
        let whole = snapshot(&[(1, "one two", 1), (2, "three", 2), (5, "$secret", 3)]);
        assert_eq!(whole.keywords(9).keywords().len(), 4);
        assert_eq!(whole.keywords(2).keywords().len(), 2);
        let old = Snapshot { end: Some(2), ..whole };
        assert_eq!(old.keywords(9).to_string(), "one three two");
    }

    #[test]
    fn what_comes_after_its_end_is_not_there() {
        let whole = snapshot(&[(1, "", 1), (2, "", 2), (5, "\\Seen", 3)]);
        let old = Snapshot { end: Some(3), ..whole };
        assert_eq!((old.count(), old.rank(u64::MAX), old.uid(2)), (2, 2, None));
        assert!(!old.has(uid(5)) && old.flags(uid(5)).is_none());
        assert_eq!(old.changed_since(ModSeq(1)), [(uid(2), ModSeq(2))]);
        assert_eq!(old.uids(0..usize::MAX).count(), 2);
    }
}
