//! What may and what must be there after a power cut.
//!
//! Every act has the log's position before it was asked and after it was answered. A cut
//! at or after the answer must find it; a cut at or before the question can not; between
//! the two both are right, but only the whole of it.

use postern_types::{MailboxId, UidValidity};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The bytes of one message.
pub type Letter = Arc<Vec<u8>>;

/// One mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub owner: &'static str,
    pub name: &'static str,
}

impl Place {
    pub const ALICE: Place = Place { owner: super::house::ALICE, name: "INBOX" };
    pub const ARCHIVE: Place = Place { owner: super::house::ALICE, name: "Archive" };
    pub const BOB: Place = Place { owner: super::house::BOB, name: "INBOX" };
    pub const SUPPORT: Place = Place { owner: super::house::SUPPORT, name: "INBOX" };
    pub const ALL: [Place; 4] = [Place::ALICE, Place::ARCHIVE, Place::BOB, Place::SUPPORT];
}

#[derive(Debug, Clone)]
pub struct Message {
    pub letter: Letter,
    pub flags: String,
}

#[derive(Debug, Clone)]
pub struct Mailbox {
    pub id: MailboxId,
    pub validity: UidValidity,
    pub uid_next: u64,
    pub messages: BTreeMap<u32, Message>,
}

/// One row of the trail, without what differs by chance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub action: String,
    pub account: String,
    pub mailbox: String,
    pub detail: String,
}

impl Row {
    pub fn new(action: &str, place: Place, detail: String) -> Self {
        Self { action: action.to_owned(), account: place.owner.to_owned(), mailbox: place.name.to_owned(), detail }
    }
}

/// How often each row is there.
pub type Trail = BTreeMap<Row, usize>;

/// Everything that can be seen in a house.
#[derive(Debug, Clone)]
pub struct State {
    pub mailboxes: BTreeMap<Place, Mailbox>,
    pub trail: Trail,
    pub bob_is_delegate: bool,
}

/// Something that was asked and answered.
#[derive(Debug, Clone)]
pub struct Act {
    pub begun: usize,
    pub answered: usize,
    pub what: What,
    /// The row that it left on the trail.
    pub row: Option<Row>,
}

#[derive(Debug, Clone)]
pub enum What {
    /// By APPEND or COPY.
    Added {
        place: Place,
        uid: u32,
        message: Message,
    },
    /// Which UIDs it got, the sender does not hear.
    Delivered {
        places: Vec<Place>,
        letter: Letter,
    },
    Flagged {
        place: Place,
        uid: u32,
        flags: String,
    },
    Expunged {
        place: Place,
        uid: u32,
    },
    Moved {
        from: Place,
        uid: u32,
        to: Place,
        new_uid: u32,
        message: Message,
    },
    /// A reader saw these: what is visible is on disk.
    Shown {
        place: Place,
        letters: BTreeMap<u32, Letter>,
    },
    /// Bob was made a delegate, or is one no more.
    Delegated(bool),
    SignedIn,
}

/// One life of a house, from what was there at its start to the cut at its end.
pub struct Life {
    pub before: State,
    pub acts: Vec<Act>,
    pub cut: usize,
}

impl Life {
    fn is_sure(&self, act: &Act) -> bool {
        act.answered <= self.cut
    }

    /// Acts that may have reached the disk, in the order they were begun.
    fn possible(&self) -> impl Iterator<Item = (&Act, bool)> {
        let mut acts: Vec<&Act> = self.acts.iter().filter(|act| act.begun < self.cut).collect();
        acts.sort_by_key(|act| act.begun);
        acts.into_iter().map(|act| (act, self.is_sure(act)))
    }

    /// Compares with what is found when the power is back.
    pub fn check(&self, found: &State) -> Result<(), String> {
        for place in Place::ALL {
            let expected = Expected::of(self, place);
            expected
                .check(&self.before.mailboxes[&place], &found.mailboxes[&place])
                .map_err(|error| format!("{} {}: {error}", place.owner, place.name))?;
        }
        self.check_moves(found)?;
        self.check_delegation(found)?;
        self.check_trail(found)
    }

    /// A move that was under way is done or not, never half (RFC 6851 section 3.3).
    fn check_moves(&self, found: &State) -> Result<(), String> {
        for (act, _) in self.possible() {
            let What::Moved { from, uid, to, new_uid, .. } = &act.what else { continue };
            let still = found.mailboxes[from].messages.contains_key(uid);
            let there = found.mailboxes[to].messages.contains_key(new_uid);
            if still == there {
                return Err(format!(
                    "the move of {from:?} {uid} to {to:?} {new_uid} is half done: {still} and {there}"
                ));
            }
        }
        Ok(())
    }

    fn check_delegation(&self, found: &State) -> Result<(), String> {
        let mut right = vec![self.before.bob_is_delegate];
        for (act, sure) in self.possible() {
            if let What::Delegated(now) = act.what {
                if sure {
                    right.clear();
                }
                right.push(now);
            }
        }
        match right.contains(&found.bob_is_delegate) {
            true => Ok(()),
            false => Err(format!("Bob's grant is there: {}, which was answered otherwise", found.bob_is_delegate)),
        }
    }

    /// Law 2: rows of acknowledged acts are there, and nothing is in a mailbox of whose
    /// coming the trail says nothing.
    fn check_trail(&self, found: &State) -> Result<(), String> {
        let mut required = self.before.trail.clone();
        for (act, _) in self.possible().filter(|(_, sure)| *sure) {
            if let Some(row) = &act.row {
                *required.entry(row.clone()).or_default() += 1;
            }
        }
        for (row, count) in required {
            let there = found.trail.get(&row).copied().unwrap_or_default();
            if there < count {
                return Err(format!("the trail has {there} of {count} rows {row:?}"));
            }
        }
        let arrivals: BTreeSet<(&str, &str, &str)> = found.trail.keys().filter_map(arrival).collect();
        for (place, mailbox) in &found.mailboxes {
            for uid in mailbox.messages.keys() {
                if !arrivals.contains(&(place.owner, place.name, uid.to_string().as_str())) {
                    return Err(format!("{place:?} {uid} is there and the trail does not say how it came"));
                }
            }
        }
        Ok(())
    }
}

/// Which UID came into which mailbox by this row.
fn arrival(row: &Row) -> Option<(&str, &str, &str)> {
    let uid = match row.action.as_str() {
        "message.added" => row.detail.strip_prefix("uid ")?,
        "message.copied" | "message.moved" => row.detail.rsplit_once(" to uid ")?.1,
        _ => return None,
    };
    Some((&row.account, &row.mailbox, uid))
}

/// What one mailbox must and may hold.
#[derive(Default)]
struct Expected {
    /// Letters by UID, of all that may be there.
    letters: BTreeMap<u32, Letter>,
    /// UIDs that were acknowledged or shown.
    promised: BTreeSet<u32>,
    /// UIDs whose end was acknowledged.
    gone: BTreeSet<u32>,
    /// UIDs whose end was asked for.
    leaving: BTreeSet<u32>,
    /// Flags by UID, more than one where a change was under way.
    flags: BTreeMap<u32, Vec<String>>,
    /// Letters that were delivered, and whether that was acknowledged.
    delivered: Vec<(Letter, bool)>,
}

impl Expected {
    fn of(life: &Life, place: Place) -> Self {
        let mut expected = Self::default();
        for (uid, message) in &life.before.mailboxes[&place].messages {
            expected.arrive(*uid, message, true);
        }
        for (act, sure) in life.possible() {
            expected.apply(&act.what, place, sure);
        }
        expected
    }

    fn apply(&mut self, what: &What, here: Place, sure: bool) {
        match what {
            What::Added { place, uid, message } if *place == here => self.arrive(*uid, message, sure),
            What::Moved { from, uid, to, new_uid, message } => {
                if *from == here {
                    self.leave(*uid, sure);
                }
                if *to == here {
                    self.arrive(*new_uid, message, sure);
                }
            }
            What::Delivered { places, letter } if places.contains(&here) => {
                self.delivered.push((letter.clone(), sure));
            }
            What::Flagged { place, uid, flags } if *place == here => {
                let known = self.flags.entry(*uid).or_default();
                if sure {
                    known.clear();
                }
                known.push(flags.clone());
            }
            What::Expunged { place, uid } if *place == here => self.leave(*uid, sure),
            What::Shown { place, letters } if *place == here && sure => {
                self.promised.extend(letters.keys());
                self.letters.extend(letters.iter().map(|(uid, letter)| (*uid, letter.clone())));
            }
            _ => {}
        }
    }

    fn arrive(&mut self, uid: u32, message: &Message, sure: bool) {
        self.letters.insert(uid, message.letter.clone());
        self.flags.entry(uid).or_insert_with(|| vec![message.flags.clone()]);
        if sure {
            self.promised.insert(uid);
        }
    }

    fn leave(&mut self, uid: u32, sure: bool) {
        self.leaving.insert(uid);
        if sure {
            self.gone.insert(uid);
        }
    }

    fn check(&self, before: &Mailbox, found: &Mailbox) -> Result<(), String> {
        if found.validity != before.validity {
            return Err(format!("UIDVALIDITY was {} and is {}", before.validity, found.validity));
        }
        for uid in &self.promised {
            if u64::from(*uid) >= found.uid_next {
                return Err(format!("UID {uid} was given, and UIDNEXT is {}: it would come again", found.uid_next));
            }
            if !self.leaving.contains(uid) && !found.messages.contains_key(uid) {
                return Err(format!("UID {uid} was acknowledged and is lost"));
            }
        }
        if let Some(uid) = self.gone.iter().find(|uid| found.messages.contains_key(uid)) {
            return Err(format!("UID {uid} was expunged and is back"));
        }
        for (uid, message) in &found.messages {
            self.check_message(*uid, message).map_err(|error| format!("UID {uid} {error}"))?;
        }
        self.check_deliveries(found)
    }

    fn check_message(&self, uid: u32, message: &Message) -> Result<(), String> {
        match self.letters.get(&uid) {
            Some(letter) if *letter == message.letter => {}
            Some(letter) => return Err(differs(letter, &message.letter)),
            None if self.delivered.iter().any(|(letter, _)| *letter == message.letter) => {}
            None => return Err(format!("holds {} bytes that nobody sent", message.letter.len())),
        }
        match self.flags.get(&uid) {
            Some(right) if right.contains(&message.flags) => Ok(()),
            Some(right) => Err(format!("has flags ({}), acknowledged were {right:?}", message.flags)),
            None if message.flags.is_empty() => Ok(()),
            None => Err(format!("has flags ({}) that nobody set", message.flags)),
        }
    }

    /// What was acknowledged to the sender is there once; what was not, at most once.
    fn check_deliveries(&self, found: &Mailbox) -> Result<(), String> {
        for (letter, sure) in &self.delivered {
            let copies = found.messages.values().filter(|message| message.letter == *letter).count();
            if copies > 1 || (*sure && copies == 0) {
                return Err(format!("a delivered letter of {} bytes is there {copies} times", letter.len()));
            }
        }
        Ok(())
    }
}

fn differs(sent: &[u8], found: &[u8]) -> String {
    let same = sent.iter().zip(found).take_while(|(sent, found)| sent == found).count();
    format!("is another letter: {} bytes instead of {}, the same up to {same}", found.len(), sent.len())
}
