//! Search keys as the house's criteria (RFC 9051 section 6.4.4): what belongs to this
//! session alone, sequence numbers, \Recent and saved results, becomes UIDs here.

use crate::answer::{Completion, Stop};
use crate::messages::{Messages, Targets};
use crate::resync::modseq;
use postern_app::{Criterion, DateField};
use postern_imap_wire::{ResponseCode, SearchKey};
use postern_types::{SystemFlag, Timestamp, Uid};
use std::sync::Arc;

/// UIDs that all sets of one search may name together. A line holds thousands of sets, and
/// each of them may name the whole mailbox.
const UIDS: usize = 4 << 20;

/// What no message is: an id that is none of ours is nobody's.
fn nothing() -> Criterion {
    Criterion::Not(Box::new(Criterion::All))
}

/// Turns keys into criteria, for one mailbox.
pub(crate) struct Keys<'a> {
    messages: &'a Messages,
    saved: &'a [Uid],
    room: usize,
    now: Timestamp,
}

impl<'a> Keys<'a> {
    pub(crate) fn new(messages: &'a Messages, saved: &'a [Uid], now: Timestamp) -> Self {
        Self { messages, saved, room: UIDS, now }
    }

    /// So many seconds ago (RFC 5032 section 2).
    fn before(&self, seconds: u32) -> Timestamp {
        self.now.plus_ms(-i64::from(seconds) * 1000)
    }

    /// The criterion of a key; keys nest no deeper than the grammar lets them.
    pub(crate) fn criterion(&mut self, key: &SearchKey) -> Result<Criterion, Stop> {
        let header = |name: &str, text: &String| Criterion::Header(name.to_owned(), text.clone());
        Ok(match key {
            SearchKey::All => Criterion::All,
            SearchKey::And(keys) => {
                Criterion::And(keys.iter().map(|key| self.criterion(key)).collect::<Result<_, _>>()?)
            }
            SearchKey::Or(both) => {
                Criterion::Or(Box::new(self.criterion(&both.0)?), Box::new(self.criterion(&both.1)?))
            }
            SearchKey::Not(key) => Criterion::Not(Box::new(self.criterion(key)?)),
            SearchKey::Set(set) => self.uids(self.messages.by_number_if_there(set, self.saved))?,
            SearchKey::Uid(set) => self.uids(self.messages.by_uid(set, self.saved))?,
            SearchKey::Has(flag) => Criterion::Flag(*flag, true),
            SearchKey::Lacks(flag) => Criterion::Flag(*flag, false),
            SearchKey::HasKeyword(keyword) => Criterion::Keyword(keyword.clone(), true),
            SearchKey::LacksKeyword(keyword) => Criterion::Keyword(keyword.clone(), false),
            SearchKey::New => Criterion::And(vec![self.recent()?, Criterion::Flag(SystemFlag::Seen, false)]),
            SearchKey::Old => Criterion::Not(Box::new(self.recent()?)),
            SearchKey::Recent => self.recent()?,
            SearchKey::Bcc(text) => header("Bcc", text),
            SearchKey::Cc(text) => header("Cc", text),
            SearchKey::From(text) => Criterion::From(text.clone()),
            SearchKey::To(text) => header("To", text),
            SearchKey::Subject(text) => Criterion::Subject(text.clone()),
            SearchKey::Header { name, value } => header(name, value),
            SearchKey::Body(text) => Criterion::Body(text.clone()),
            SearchKey::Text(text) => Criterion::Text(text.clone()),
            SearchKey::Before(date) => Criterion::Before(DateField::Internal, date.days()),
            SearchKey::On(date) => Criterion::On(DateField::Internal, date.days()),
            SearchKey::Since(date) => Criterion::Since(DateField::Internal, date.days()),
            SearchKey::SentBefore(date) => Criterion::Before(DateField::Sent, date.days()),
            SearchKey::SentOn(date) => Criterion::On(DateField::Sent, date.days()),
            SearchKey::SentSince(date) => Criterion::Since(DateField::Sent, date.days()),
            SearchKey::Larger(bytes) => Criterion::Larger(*bytes),
            SearchKey::Smaller(bytes) => Criterion::Smaller(*bytes),
            SearchKey::SavedBefore(date) => Criterion::Before(DateField::Saved, date.days()),
            SearchKey::SavedOn(date) => Criterion::On(DateField::Saved, date.days()),
            SearchKey::SavedSince(date) => Criterion::Since(DateField::Saved, date.days()),
            SearchKey::Older(seconds) => Criterion::Older(self.before(*seconds)),
            SearchKey::Younger(seconds) => Criterion::Younger(self.before(*seconds)),
            SearchKey::EmailId(id) => id.parse().map_or_else(|_| nothing(), Criterion::Email),
            SearchKey::ThreadId(id) => id.parse().map_or_else(|_| nothing(), Criterion::Thread),
            SearchKey::ModSeq(number) => Criterion::ModSeq(modseq(*number)),
        })
    }

    /// The messages that can fit at all: sets that must hold narrow them down.
    pub(crate) fn candidates(&self, criterion: &Criterion) -> Arc<[Uid]> {
        let named = match criterion {
            Criterion::Uids(uids) => Some(uids),
            Criterion::And(all) => all
                .iter()
                .filter_map(|one| match one {
                    Criterion::Uids(uids) => Some(uids),
                    _ => None,
                })
                .min_by_key(|uids| uids.len()),
            _ => None,
        };
        named.cloned().unwrap_or_else(|| self.messages.uids().collect())
    }

    fn recent(&mut self) -> Result<Criterion, Stop> {
        let uids = self.messages.recent();
        self.take_room(uids.len())?;
        Ok(Criterion::Uids(uids.into()))
    }

    fn uids(&mut self, targets: Targets) -> Result<Criterion, Stop> {
        if targets.uids.len() == self.messages.count() as usize {
            return Ok(Criterion::All);
        }
        self.take_room(targets.uids.len())?;
        Ok(Criterion::Uids(targets.uids))
    }

    fn take_room(&mut self, uids: usize) -> Result<(), Stop> {
        match self.room.checked_sub(uids) {
            Some(room) => {
                self.room = room;
                Ok(())
            }
            None => {
                let text = "The search names too many messages in its sets; ask in parts";
                Err(Completion::no(ResponseCode::Limit, text).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_app::Snapshot;
    use postern_imap_wire::{SequenceNumber, SequenceRange, SequenceSet};
    use postern_types::{Flags, ModSeq, Seen};

    fn uid(number: u32) -> Uid {
        Uid::new(number).unwrap()
    }

    fn set(from: u32, to: u32) -> SequenceSet {
        let number = |number| SequenceNumber::new(number).unwrap();
        SequenceSet::Ranges(vec![SequenceRange { from: number(from), to: number(to) }])
    }

    /// RFC 9051 section 6.4.4: sets and \Recent are the session's; the rest is the house's.
    #[test]
    fn what_belongs_to_the_session_becomes_uids() {
        let mail = [10, 20, 30].map(|number| (uid(number), Flags::new(), ModSeq(1)));
        let messages = Messages::new(Snapshot::of(&mail, Seen::Shared), &Flags::new(), 30);
        let saved = [uid(10), uid(11)];
        let mut keys = Keys::new(&messages, &saved, Timestamp(0));
        let mut read = |key: SearchKey| keys.criterion(&key).unwrap();
        assert_eq!(read(SearchKey::Set(set(2, 9))), Criterion::Uids([uid(20), uid(30)].into()));
        assert_eq!(read(SearchKey::Uid(set(2, 9))), Criterion::Uids([].into()));
        assert_eq!(read(SearchKey::Set(set(1, 3))), Criterion::All);
        assert_eq!(read(SearchKey::Set(SequenceSet::Saved)), Criterion::Uids([uid(10)].into()));
        let new = Criterion::And(vec![Criterion::Uids([uid(30)].into()), Criterion::Flag(SystemFlag::Seen, false)]);
        assert_eq!(read(SearchKey::New), new);
        assert_eq!(keys.candidates(&new).as_ref(), [uid(30)]);
        assert_eq!(keys.candidates(&Criterion::All).len(), 3);
        let read = keys.criterion(&SearchKey::Younger(60)).unwrap();
        assert_eq!(read, Criterion::Younger(Timestamp(-60_000)));
        keys.room = 1;
        assert!(matches!(keys.criterion(&SearchKey::Set(set(1, 2))), Err(Stop::Answer(_))));
    }
}
