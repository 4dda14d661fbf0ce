//! A sorted list that shares what did not change with the lists that it was made from.

use postern_types::{ModSeq, Uid};
use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

/// Slots of one chunk at most.
const CHUNK: usize = 512;

/// What is kept of one message, in 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub uid: Uid,
    /// What it shows, as whoever made the list counts it.
    pub value: u32,
    /// Its last change.
    pub modseq: ModSeq,
}

#[derive(Debug)]
struct Chunk {
    slots: Box<[Slot]>,
    /// Highest of its slots.
    modseq: ModSeq,
}

/// A chunk and how many slots are before it.
#[derive(Debug, Clone)]
struct Part {
    before: usize,
    chunk: Arc<Chunk>,
}

/// Slots by UID. A clone is one pointer; [`Chunks::with`] makes another list of it that shares every chunk
/// without a change.
#[derive(Debug, Clone)]
pub(crate) struct Chunks {
    parts: Arc<[Part]>,
}

impl Chunk {
    fn new(slots: &[Slot]) -> Arc<Self> {
        let modseq = slots.iter().map(|slot| slot.modseq).max().unwrap_or_default();
        Arc::new(Self { slots: slots.into(), modseq })
    }

    fn last(&self) -> u32 {
        self.slots.last().map_or(0, |slot| slot.uid.get())
    }
}

impl Chunks {
    /// Slots in ascending order of their UIDs.
    pub fn new(slots: &[Slot]) -> Self {
        Self::of(slots.chunks(CHUNK).map(Chunk::new).collect())
    }

    fn of(chunks: Vec<Arc<Chunk>>) -> Self {
        let mut before = 0;
        let part = |chunk: Arc<Chunk>| {
            let part = Part { before, chunk };
            before += part.chunk.slots.len();
            part
        };
        Self { parts: chunks.into_iter().map(part).collect() }
    }

    pub fn len(&self) -> usize {
        self.parts.last().map_or(0, |part| part.before + part.chunk.slots.len())
    }

    /// Bytes that it takes where nothing is shared.
    pub fn bytes(&self) -> usize {
        self.len() * size_of::<Slot>() + self.parts.len() * (size_of::<Part>() + size_of::<Chunk>())
    }

    /// How many slots have a UID below this one.
    pub fn rank(&self, uid: u64) -> usize {
        let at = self.parts.partition_point(|part| u64::from(part.chunk.last()) < uid);
        let Some(part) = self.parts.get(at) else { return self.len() };
        part.before + part.chunk.slots.partition_point(|slot| u64::from(slot.uid.get()) < uid)
    }

    /// The slot of a UID.
    pub fn find(&self, uid: Uid) -> Option<Slot> {
        let at = self.parts.partition_point(|part| part.chunk.last() < uid.get());
        let slots = &self.parts.get(at)?.chunk.slots;
        slots.binary_search_by_key(&uid, |slot| slot.uid).ok().map(|place| slots[place])
    }

    /// The slots of some places; those past the end are passed over.
    pub fn iter(&self, places: Range<usize>) -> impl Iterator<Item = Slot> + '_ {
        let first = self.parts.partition_point(|part| part.before <= places.start).saturating_sub(1);
        let parts = self.parts[first.min(self.parts.len())..].iter();
        let skipped = places.start - self.parts.get(first).map_or(places.start, |part| part.before);
        let count = places.end.saturating_sub(places.start);
        parts.flat_map(|part| part.chunk.slots.iter().copied()).skip(skipped).take(count)
    }

    /// The slots that were changed after a modseq; chunks without one are not looked through.
    pub fn changed_since(&self, since: ModSeq) -> impl Iterator<Item = Slot> + '_ {
        let parts = self.parts.iter().filter(move |part| part.chunk.modseq > since);
        parts.flat_map(|part| part.chunk.slots.iter().copied()).filter(move |slot| slot.modseq > since)
    }

    /// The list with these slots, in the place of those with the same UIDs, and without those in ranges of UIDs
    /// (both ends included). All of them ascend; what is new is behind the last, as a rule.
    pub fn with(&self, changed: &[Slot], gone: &[(Uid, Uid)]) -> Self {
        let mut chunks: Vec<Arc<Chunk>> = Vec::with_capacity(self.parts.len() + changed.len() / CHUNK + 1);
        let (mut changed, mut gone) = (changed, gone);
        for (at, part) in self.parts.iter().enumerate() {
            // What is behind the last slot belongs to the last chunk.
            let is_last = at + 1 == self.parts.len();
            let last = if is_last { u32::MAX } else { part.chunk.last() };
            let (mine, others) = changed.split_at(changed.partition_point(|slot| slot.uid.get() <= last));
            changed = others;
            let touched = gone.partition_point(|(first, _)| first.get() <= last);
            let first = part.chunk.slots.first().map_or(0, |slot| slot.uid.get());
            let leaves = gone[..touched].iter().any(|(_, end)| end.get() >= first);
            let is_full = part.chunk.slots.len() == CHUNK;
            if !leaves && mine.first().is_none_or(|slot| is_full && slot.uid.get() > part.chunk.last()) {
                chunks.push(Arc::clone(&part.chunk));
                push(&mut chunks, mine.to_vec(), true);
            } else {
                let slots = merged(&part.chunk.slots, mine, &gone[..touched]);
                push(&mut chunks, slots, is_last);
            }
            // The last of them may reach into the next chunk.
            gone = &gone[touched.saturating_sub(1)..];
        }
        if self.parts.is_empty() {
            push(&mut chunks, merged(&[], changed, gone), true);
        }
        Self::of(chunks)
    }

    /// Hands over what differs by UID and modseq: a slot of this list, of the other one, or of both. Chunks that
    /// both share are not looked through.
    pub fn differences(&self, other: &Chunks, mut each: impl FnMut(Option<Slot>, Option<Slot>)) {
        let (mut left, mut right) = (Cursor::new(self), Cursor::new(other));
        loop {
            if let (Some(one), Some(two)) = (left.whole_chunk(), right.whole_chunk())
                && Arc::ptr_eq(one, two)
            {
                left.skip_chunk();
                right.skip_chunk();
                continue;
            }
            let (one, two) = (left.slot(), right.slot());
            let order = match (one, two) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(one), Some(two)) => one.uid.cmp(&two.uid),
            };
            match order {
                Ordering::Less => each(one, None),
                Ordering::Greater => each(None, two),
                Ordering::Equal if one.map(|slot| slot.modseq) != two.map(|slot| slot.modseq) => each(one, two),
                Ordering::Equal => {}
            }
            if order != Ordering::Greater {
                left.next();
            }
            if order != Ordering::Less {
                right.next();
            }
        }
    }
}

/// Slots with others in their places or behind them, without what is gone.
fn merged(slots: &[Slot], changed: &[Slot], gone: &[(Uid, Uid)]) -> Vec<Slot> {
    let mut merged: Vec<Slot> = Vec::with_capacity(slots.len() + changed.len());
    let (mut old, mut new) = (slots.iter().peekable(), changed.iter().peekable());
    while let Some(next) = [old.peek(), new.peek()].into_iter().flatten().map(|slot| slot.uid).min() {
        let (before, after) = (old.next_if(|slot| slot.uid == next), new.next_if(|slot| slot.uid == next));
        merged.extend(after.or(before));
    }
    let mut gone = gone.iter().peekable();
    merged.retain(|slot| {
        while gone.next_if(|(_, last)| *last < slot.uid).is_some() {}
        gone.peek().is_none_or(|(first, _)| slot.uid < *first)
    });
    merged
}

/// Adds slots in chunks that are not too large, nor many and small. At the end of the list they are full ones; in its
/// middle there is room in each.
fn push(chunks: &mut Vec<Arc<Chunk>>, slots: Vec<Slot>, is_last: bool) {
    if slots.is_empty() {
        return;
    }
    if let Some(before) = chunks.last()
        && before.slots.len() + slots.len() <= CHUNK / 2
    {
        let joined = [&before.slots, slots.as_slice()].concat();
        chunks.pop();
        return push(chunks, joined, is_last);
    }
    let piece = if is_last { CHUNK } else { slots.len().div_ceil(slots.len().div_ceil(CHUNK)) };
    chunks.extend(slots.chunks(piece).map(Chunk::new));
}

/// A place in a list that is walked through.
struct Cursor<'a> {
    parts: &'a [Part],
    place: usize,
}

impl<'a> Cursor<'a> {
    fn new(chunks: &'a Chunks) -> Self {
        Self { parts: &chunks.parts, place: 0 }
    }

    /// The chunk it stands before, if it does.
    fn whole_chunk(&self) -> Option<&'a Arc<Chunk>> {
        self.parts.first().filter(|_| self.place == 0).map(|part| &part.chunk)
    }

    fn slot(&self) -> Option<Slot> {
        self.parts.first().map(|part| part.chunk.slots[self.place])
    }

    fn skip_chunk(&mut self) {
        (self.parts, self.place) = (&self.parts[1..], 0);
    }

    fn next(&mut self) {
        self.place += 1;
        if self.parts.first().is_some_and(|part| self.place == part.chunk.slots.len()) {
            self.skip_chunk();
        }
    }
}

#[cfg(test)]
mod tests;
