//! What a scope opens, said as plainly as can be: sets of characters and loops over lists. It
//! shares no line with `postern-access`.

use std::collections::{BTreeMap, BTreeSet};

/// Letters of RFC 4314.
pub type Letters = BTreeSet<char>;

pub fn letters(text: &str) -> Letters {
    text.chars().collect()
}

/// In the order of RFC 4314 section 2.1, with the virtual letters behind (section 2.1.1).
pub fn shown(held: &Letters) -> String {
    let mut text: String = "lrswipkxtea".chars().filter(|letter| held.contains(letter)).collect();
    for (virtual_letter, stands_for) in [('c', "kx"), ('d', "te")] {
        if any(held, stands_for) {
            text.push(virtual_letter);
        }
    }
    text
}

/// Is any of these held?
pub fn any(held: &Letters, of: &str) -> bool {
    of.chars().any(|letter| held.contains(&letter))
}

/// Where a model lies on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// Where some mailboxes are named, all are opened.
    EveryMailbox,
    /// Who forgives flags keeps them.
    NothingForgotten,
    /// Messages are shown whatever their age.
    NoAge,
    /// Nothing keeps a credential from signing in.
    NothingAgainst,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    Everything,
    /// A mailbox of this name and all below it.
    Subtree(String),
    /// By number: under another name it is the same, and a new one of its name is not.
    Mailbox(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub flags: BTreeSet<String>,
    /// When it came here, in milliseconds.
    pub came: i64,
}

#[derive(Debug, Clone)]
pub struct Mailbox {
    pub number: usize,
    /// By UID.
    pub messages: BTreeMap<u32, Message>,
    pub next_uid: u32,
}

/// A shared account, and what one credential is to it.
#[derive(Debug)]
pub struct Account {
    pub lie: Lie,
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub protected: bool,
    pub scope: Vec<(Reach, Letters)>,
    /// Flags that it may not change are taken and forgotten.
    pub lenient: bool,
    /// Only what came so many milliseconds ago.
    pub older_than: Option<i64>,
    /// Names that were subscribed to, or not, by the account's direct sign-ins.
    pub subscribed: BTreeMap<String, bool>,
    /// The mailbox that was selected last, and the last UID that is shown of it.
    pub fixed: Option<(usize, u32)>,
    made: usize,
}

pub fn is_within(name: &str, top: &str) -> bool {
    name == top || name.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
}

/// The name one level up.
pub fn parent(name: &str) -> Option<&str> {
    name.rfind('/').map(|slash| &name[..slash])
}

impl Account {
    pub fn new(lie: Lie) -> Self {
        let mut account = Self {
            lie,
            mailboxes: BTreeMap::new(),
            protected: false,
            scope: Vec::new(),
            lenient: false,
            older_than: None,
            subscribed: BTreeMap::new(),
            fixed: None,
            made: 0,
        };
        for name in ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"] {
            account.create(name);
        }
        account
    }

    /// With the levels above it that are missing.
    pub fn create(&mut self, name: &str) {
        if let Some(above) = parent(name).filter(|above| !self.mailboxes.contains_key(*above)) {
            self.create(above);
        }
        self.made += 1;
        let mailbox = Mailbox { number: self.made, messages: BTreeMap::new(), next_uid: 1 };
        self.mailboxes.insert(name.to_owned(), mailbox);
    }

    /// What the scope has where a mailbox of this number would be called this: the most specific
    /// place decides.
    fn scoped(&self, name: &str, number: Option<usize>) -> Letters {
        let mut found: Option<(usize, &Letters)> = None;
        for (reach, letters) in &self.scope {
            let fit = match reach {
                Reach::Everything => 1,
                Reach::Subtree(top) if is_within(name, top) => 1 + top.len(),
                Reach::Mailbox(known) if Some(*known) == number => usize::MAX,
                _ if self.lie == Lie::EveryMailbox => 0,
                _ => continue,
            };
            if found.is_none_or(|(best, _)| fit > best) {
                found = Some((fit, letters));
            }
        }
        found.map(|(_, letters)| letters.clone()).unwrap_or_default()
    }

    /// What is held on a mailbox; nothing on one that is not there.
    pub fn held(&self, name: &str) -> Letters {
        let Some(mailbox) = self.mailboxes.get(name) else { return Letters::new() };
        let mut held = self.scoped(name, Some(mailbox.number));
        if self.protected {
            held.retain(|letter| !"xe".contains(*letter));
        }
        held
    }

    /// What would be held on a mailbox that is not there yet.
    pub fn would_hold(&self, name: &str) -> Letters {
        self.scoped(name, None)
    }

    /// Is all of the account open to it, whatever the age?
    pub fn reads_everything(&self) -> bool {
        let reads = |(reach, letters): &(Reach, Letters)| *reach == Reach::Everything && letters.contains(&'r');
        self.older_than.is_none() && self.scope.iter().any(reads)
    }

    /// Does it change nothing anywhere, whatever it does?
    pub fn is_read_only(&self) -> bool {
        self.scope.iter().all(|(_, letters)| !any(letters, "swikxtep"))
    }

    /// The nearest level above that is there.
    pub fn nearest_above(&self, name: &str) -> Option<String> {
        let mut next = parent(name);
        while let Some(above) = next {
            if self.mailboxes.contains_key(above) {
                return Some(above.to_owned());
            }
            next = parent(above);
        }
        None
    }

    pub fn has_children(&self, name: &str) -> bool {
        self.mailboxes.keys().any(|other| other != name && is_within(other, name))
    }

    pub fn name_of(&self, number: usize) -> Option<String> {
        self.mailboxes.iter().find(|(_, mailbox)| mailbox.number == number).map(|(name, _)| name.clone())
    }

    /// The last UID that is shown now, to somebody who selects it now.
    pub fn end_now(&self, name: &str, now: i64) -> u32 {
        let Some(age) = self.older_than.filter(|_| self.lie != Lie::NoAge) else { return u32::MAX };
        let old = self.mailboxes[name].messages.iter().filter(|(_, message)| message.came <= now - age);
        old.map(|(uid, _)| *uid).max().unwrap_or(0)
    }

    /// The same where it may have been selected: then it stays as it was at that time.
    pub fn end(&self, name: &str, now: i64) -> u32 {
        let number = self.mailboxes[name].number;
        match self.fixed.filter(|(known, _)| *known == number) {
            Some((_, end)) => end,
            None => self.end_now(name, now),
        }
    }

    /// The messages that are shown of a mailbox.
    pub fn messages(&self, name: &str, now: i64) -> Vec<(u32, Message)> {
        let end = self.end(name, now);
        let all = self.mailboxes[name].messages.iter();
        all.filter(|(uid, _)| **uid <= end).map(|(uid, message)| (*uid, message.clone())).collect()
    }

    pub fn message(&mut self, name: &str, uid: u32) -> Option<&mut Message> {
        self.mailboxes.get_mut(name)?.messages.get_mut(&uid)
    }

    /// Adds a message with those of its flags that may be set there.
    pub fn add<'a>(&mut self, name: &str, flags: impl IntoIterator<Item = &'a String>, now: i64) -> u32 {
        let flags = settable(flags, &self.held(name));
        self.put(name, flags, now)
    }

    pub fn put(&mut self, name: &str, flags: BTreeSet<String>, now: i64) -> u32 {
        let mailbox = self.mailboxes.get_mut(name).expect("a mailbox");
        let uid = mailbox.next_uid;
        mailbox.next_uid += 1;
        mailbox.messages.insert(uid, Message { flags, came: now });
        uid
    }

    /// A mailbox goes, and with it what named it or had it at its top.
    pub fn delete(&mut self, name: &str) {
        let Some(mailbox) = self.mailboxes.remove(name) else { return };
        self.scope.retain(|(reach, _)| match reach {
            Reach::Everything => true,
            Reach::Subtree(top) => top != name,
            Reach::Mailbox(number) => *number != mailbox.number,
        });
    }

    /// What is below moves along, and so do subtrees of the scope. `None` where that would put
    /// more into the scope, which a credential gives nobody.
    pub fn rename(&mut self, from: &str, to: &str) -> Option<()> {
        let renamed = |name: &str| is_within(name, from).then(|| format!("{to}{}", &name[from.len()..]));
        let moved: Vec<(String, String)> =
            self.mailboxes.keys().filter_map(|name| Some((name.clone(), renamed(name)?))).collect();
        let before: Vec<Letters> =
            moved.iter().map(|(old, _)| self.scoped(old, Some(self.mailboxes[old].number))).collect();
        let scope = self.scope.clone();
        for (reach, _) in &mut self.scope {
            if let Reach::Subtree(top) = reach
                && let Some(new) = renamed(top)
            {
                *reach = Reach::Subtree(new);
            }
        }
        for ((old, new), before) in moved.iter().zip(&before) {
            if !self.scoped(new, Some(self.mailboxes[old].number)).is_subset(before) {
                self.scope = scope;
                return None;
            }
        }
        for (old, new) in moved {
            if let Some(mailbox) = self.mailboxes.remove(&old) {
                self.mailboxes.insert(new, mailbox);
            }
        }
        Some(())
    }
}

/// RFC 4314 section 4: `s` for \Seen, `t` for \Deleted, `w` for all others.
pub fn settable<'a>(flags: impl IntoIterator<Item = &'a String>, held: &Letters) -> BTreeSet<String> {
    let letter = |flag: &str| match flag {
        "\\Seen" => 's',
        "\\Deleted" => 't',
        _ => 'w',
    };
    flags.into_iter().filter(|flag| held.contains(&letter(flag))).cloned().collect()
}
