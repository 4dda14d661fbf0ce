//! Messages of the model, and whose `\Seen` they carry (docs/decisions/0010-seen.md).

use super::model::{Letters, Lie, Model};
use std::collections::BTreeSet;

/// Flags, as a client names them.
pub type Flags = BTreeSet<String>;

/// Shows with [`Whose::Both`] that somebody of the team has seen a message.
pub const TEAM: &str = "SeenByTeam";
const SEEN: &str = "\\Seen";

/// How an account keeps `\Seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whose {
    #[default]
    Shared,
    Personal,
    Both,
}

#[derive(Debug, Clone, Default)]
pub struct Message {
    /// All flags but `\Seen`.
    flags: Flags,
    by_team: bool,
    by: BTreeSet<usize>,
}

/// The letter that a flag needs (RFC 4314 section 4).
fn letter_of(flag: &str) -> char {
    match flag {
        SEEN => 's',
        "\\Deleted" => 't',
        _ => 'w',
    }
}

/// The flags that someone may set.
pub fn settable<'a>(flags: impl IntoIterator<Item = &'a str>, held: &Letters) -> Flags {
    flags.into_iter().filter(|flag| held.contains(&letter_of(flag))).map(str::to_owned).collect()
}

impl Message {
    /// The flags that someone is shown.
    fn shown(&self, whose: Whose, person: usize) -> Flags {
        let mut shown = self.flags.clone();
        let seen = if whose == Whose::Shared { self.by_team } else { self.by.contains(&person) };
        if seen {
            shown.insert(SEEN.to_owned());
        }
        if whose == Whose::Both && self.by_team {
            shown.insert(TEAM.to_owned());
        }
        shown
    }

    /// Makes someone be shown these.
    fn show(&mut self, whose: Whose, person: usize, mut wanted: Flags) {
        let (seen, by_team) = (wanted.remove(SEEN), wanted.remove(TEAM));
        let is_first = seen && !self.by.contains(&person);
        match whose {
            Whose::Shared => self.by_team = seen,
            Whose::Personal => {}
            Whose::Both => self.by_team = by_team || is_first,
        }
        if whose != Whose::Shared && seen {
            self.by.insert(person);
        } else if whose != Whose::Shared {
            self.by.remove(&person);
        }
        self.flags = wanted;
    }
}

impl Model {
    fn whose(&self, account: usize) -> Whose {
        match self.lie {
            Lie::SeenByAll => Whose::Shared,
            _ => self.accounts[account].seen,
        }
    }

    /// The messages of a mailbox as someone is shown them: UID and flags.
    pub fn shown(&self, account: usize, name: &str, person: usize) -> Vec<(u32, Flags)> {
        let whose = self.whose(account);
        let messages = self.accounts[account].mailboxes[name].messages.iter();
        messages.map(|(uid, message)| (*uid, message.shown(whose, person))).collect()
    }

    /// Adds a message that someone appends; answers its UID.
    pub fn append(&mut self, account: usize, name: &str, person: usize, flags: Flags) -> u32 {
        let mut message = Message::default();
        message.show(self.whose(account), person, flags);
        self.put(account, name, message)
    }

    fn put(&mut self, account: usize, name: &str, message: Message) -> u32 {
        let mailbox = self.mailbox(account, name).expect("a mailbox");
        let uid = mailbox.next_uid;
        mailbox.next_uid += 1;
        mailbox.messages.insert(uid, message);
        uid
    }

    /// STORE of one message, with flags that may be set.
    pub fn store(&mut self, account: usize, name: &str, uid: u32, person: usize, add: bool, flags: &Flags) {
        let whose = self.whose(account);
        let Some(message) = self.mailbox(account, name).and_then(|mailbox| mailbox.messages.get_mut(&uid)) else {
            return;
        };
        let shown = message.shown(whose, person);
        let wanted = if add { &shown | flags } else { &shown - flags };
        message.show(whose, person, wanted);
    }

    /// COPY of one message. Within an account everyone's `\Seen` comes along; into another one
    /// what the actor has seen, as far as they may set it there.
    pub fn copy(&mut self, from: (usize, &str, u32), to: (usize, &str), person: usize) {
        let Some(source) = self.accounts[from.0].mailboxes[from.1].messages.get(&from.2).cloned() else { return };
        let (whose, held) = (self.whose(to.0), self.held(person, to.0, to.1));
        let mut wanted = source.shown(self.whose(from.0), person);
        let mut copy = Message::default();
        if from.0 == to.0 {
            (copy.by, copy.by_team) = (source.by, source.by_team);
        } else {
            wanted.remove(TEAM);
        }
        copy.show(whose, person, settable(wanted.iter().map(String::as_str), &held));
        self.put(to.0, to.1, copy);
    }

    /// EXPUNGE.
    pub fn expunge(&mut self, account: usize, name: &str) {
        if let Some(mailbox) = self.mailbox(account, name) {
            mailbox.messages.retain(|_, message| !message.flags.contains("\\Deleted"));
        }
    }
}
