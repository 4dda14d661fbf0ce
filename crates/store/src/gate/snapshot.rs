//! How snapshots are read: whole once, and from then on what changed.

use super::access::Access;
use super::class::Reads;
use super::read::{Counters, count, flag_set, flags_of};
use crate::StoreError;
use crate::snapshot::chunks::{Chunks, Slot};
use crate::snapshot::shelf::Key;
use crate::snapshot::{Kept, Keywords, Sets, Snapshot};
use crate::sql::{Row, Statement, Value};
use crate::statements::message as sql;
use postern_types::{Flags, ModSeq, Uid};
use std::sync::{Arc, PoisonError};

/// Sets of flags that are read for their keywords.
const SETS_READ: i64 = 2_000;

impl<C: Reads> Access<'_, C> {
    /// The messages of the mailbox. What others have read already is not read again, so it may hold changes that
    /// were committed after this transaction began: it says itself up to where it goes.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let now = self.numbers()?.modseq;
        let all = self.kept((self.mailbox(), None), now)?;
        let own = self.seer().map(|person| self.kept((self.mailbox(), Some(person)), now)).transpose()?;
        Ok(Snapshot { all, own, seen: self.seen(), since: self.seen_since(), end: self.end(), now })
    }

    /// The same where something changed after `since`.
    pub fn snapshot_after(&self, since: ModSeq) -> Result<Option<Snapshot>, StoreError> {
        if self.numbers()?.modseq <= since { Ok(None) } else { self.snapshot().map(Some) }
    }

    /// The same where it costs little: others have read it already, it has no more than `small` messages, or not all
    /// of it is shown.
    pub fn snapshot_at_hand(&self, counters: &Counters, small: u64) -> Result<Option<Snapshot>, StoreError> {
        let is_at_hand =
            counters.messages <= small || self.end().is_some() || self.tx().shelf().has((self.mailbox(), None));
        if is_at_hand { self.snapshot().map(Some) } else { Ok(None) }
    }

    /// How many messages have this UID or a later one.
    pub fn count_from(&self, uid: u64) -> Result<u64, StoreError> {
        let values = [self.mailbox().get().into(), i64::try_from(uid).unwrap_or(i64::MAX).into()];
        Ok(self.tx().one(&sql::COUNT_FROM, &values, |row| count(row.int(0)?))?.unwrap_or(0))
    }

    /// Keywords that messages of the mailbox have, or had; `most` of them at most.
    pub fn keywords(&self, most: usize) -> Result<Flags, StoreError> {
        let mut keywords = Keywords::new(most);
        self.tx().query(&sql::NOTED_SETS, &[self.mailbox().get().into(), SETS_READ.into()], |row| {
            keywords.add(&Flags::parse(row.text(0)?).map_err(|error| StoreError::Damaged(error.to_string()))?);
            Ok(())
        })?;
        Ok(keywords.into_flags())
    }

    /// One that goes up to this change at least.
    fn kept(&self, key: Key, now: ModSeq) -> Result<Arc<Kept>, StoreError> {
        if self.tx().writable() {
            // What is not committed is nobody else's.
            return self.read_whole(key, now).map(Arc::new);
        }
        let place = self.tx().shelf().place(key);
        let mut held = place.lock().unwrap_or_else(PoisonError::into_inner);
        let read = match &*held {
            Some(kept) if kept.modseq >= now => return Ok(Arc::clone(kept)),
            Some(kept) if !kept.is_worn() => self.read_on(key, kept, now)?,
            _ => self.read_whole(key, now)?,
        };
        let kept = Arc::new(read);
        *held = Some(Arc::clone(&kept));
        self.tx().shelf().note(key, &place, kept.bytes());
        Ok(kept)
    }

    fn read_whole(&self, (mailbox, person): Key, now: ModSeq) -> Result<Kept, StoreError> {
        let mut sets = Arc::default();
        let slots = match person {
            None => self.slots(&sql::SNAPSHOT, &[mailbox.get().into()], &mut sets)?,
            Some(person) => self.own_slots(&sql::OWN_SEEN, &[mailbox.get().into(), person.get().into()])?,
        };
        Ok(Kept { slots: Chunks::new(&slots), sets, modseq: now })
    }

    /// The same with what changed since.
    fn read_on(&self, (mailbox, person): Key, kept: &Kept, now: ModSeq) -> Result<Kept, StoreError> {
        let (mailbox, since) = (mailbox.get().into(), kept.modseq.0.into());
        let mut sets = Arc::clone(&kept.sets);
        let (changed, gone) = match person {
            None => (
                self.slots(&sql::CHANGED_SINCE, &[mailbox, since], &mut sets)?,
                self.vanished_between(kept.modseq, now)?,
            ),
            // What they have seen of messages that are gone stays until it is read whole again; nobody asks for it.
            Some(person) => (self.own_slots(&sql::OWN_SEEN_SINCE, &[mailbox, person.get().into(), since])?, Vec::new()),
        };
        Ok(Kept { slots: kept.slots.with(&changed, &gone), sets, modseq: now })
    }

    /// Rows of UID, set of flags and modseq.
    fn slots(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        sets: &mut Arc<Sets>,
    ) -> Result<Vec<Slot>, StoreError> {
        let mut slots = Vec::new();
        let mut before = None;
        self.tx().query(statement, values, |row| {
            let id = row.int(1)?;
            // Most messages show what the one before them does.
            let value = match before.filter(|(other, _)| *other == id) {
                Some((_, value)) => value,
                None => sets.find(id).unwrap_or_else(|| Arc::make_mut(sets).meet(id)),
            };
            before = Some((id, value));
            slots.push(Slot { uid: Uid::from_i64(row.int(0)?)?, value, modseq: ModSeq(row.int(2)?) });
            Ok(())
        })?;
        if sets.are_unread() {
            Arc::make_mut(sets).read(|id| flags_of(self.tx(), flag_set(id)?))?;
        }
        Ok(slots)
    }

    /// Rows of UID, whether it was seen, and modseq.
    fn own_slots(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<Vec<Slot>, StoreError> {
        self.tx().all(statement, values, |row| {
            let (uid, value) = (Uid::from_i64(row.int(0)?)?, u32::from(row.flag(1)?));
            Ok(Slot { uid, value, modseq: ModSeq(row.int(2)?) })
        })
    }

    /// Ranges of UIDs that went after one change and up to another, in order, whoever asks.
    fn vanished_between(&self, after: ModSeq, until: ModSeq) -> Result<Vec<(Uid, Uid)>, StoreError> {
        let values = [self.mailbox().get().into(), after.0.into(), until.0.into()];
        let range = |row: &dyn Row| Ok((Uid::from_i64(row.int(0)?)?, Uid::from_i64(row.int(1)?)?));
        self.tx().all(&sql::VANISHED_BETWEEN, &values, range)
    }

    /// Ranges of UIDs that went after one change and up to another, in order, as they are shown.
    pub fn vanished(&self, after: ModSeq, until: ModSeq) -> Result<Vec<(Uid, Uid)>, StoreError> {
        let mut vanished = self.vanished_between(after, until)?;
        vanished.retain(|(first, _)| self.shows(*first));
        if let Some(end) = self.end().and_then(Uid::new) {
            vanished.iter_mut().for_each(|(_, last)| *last = (*last).min(end));
        }
        Ok(vanished)
    }
}
