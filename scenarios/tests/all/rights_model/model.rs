//! Who may do what, said a second time and as plainly as can be: sets of characters and loops
//! over lists. It shares no line with `postern-access`, so that both are wrong alike only where
//! the same thought was wrong twice.

use std::collections::{BTreeMap, BTreeSet};

/// Letters of RFC 4314.
pub type Letters = BTreeSet<char>;

pub const ALL: &str = "lrswipkxtea";

pub fn letters(text: &str) -> Letters {
    text.chars().collect()
}

/// In the order of RFC 4314 section 2.1, with the virtual letters behind (section 2.1.1).
pub fn shown(letters: &Letters) -> String {
    let mut text: String = ALL.chars().filter(|letter| letters.contains(letter)).collect();
    for (shown, stands_for) in [('c', "kx"), ('d', "te")] {
        if stands_for.chars().any(|letter| letters.contains(&letter)) {
            text.push(shown);
        }
    }
    text
}

/// Where a model lies on purpose, to see that it is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// Groups give nothing.
    NoGroups,
    /// The broadest grant counts, not the most specific.
    BroadestCounts,
    /// Whoever holds `a` gives any letter.
    AnyLetterIsGiven,
    /// New mailboxes copy no grants.
    NothingCopied,
}

/// Who holds grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Person(usize),
    Group(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    Account,
    Subtree(String),
    /// By number: it keeps its grants under another name, and a new one of its name has none.
    Mailbox(usize),
}

#[derive(Debug, Clone)]
pub struct Grant {
    pub who: Who,
    pub reach: Reach,
    pub letters: Letters,
}

#[derive(Debug, Clone)]
pub struct Mailbox {
    pub number: usize,
    /// UID to flags.
    pub messages: BTreeMap<u32, BTreeSet<String>>,
    pub next_uid: u32,
}

/// A shared account: mailboxes by name, and grants.
#[derive(Debug, Default)]
pub struct Account {
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub grants: Vec<Grant>,
}

#[derive(Debug)]
pub struct Model {
    pub lie: Lie,
    /// By person.
    pub suspended: Vec<bool>,
    /// Members by group; `None` once it was removed.
    pub groups: Vec<Option<BTreeSet<usize>>>,
    pub accounts: Vec<Account>,
    made: usize,
}

/// The letter that a flag needs (RFC 4314 section 4).
pub fn letter_of(flag: &str) -> char {
    match flag {
        "\\Seen" => 's',
        "\\Deleted" => 't',
        _ => 'w',
    }
}

/// The flags that someone may set.
pub fn settable(flags: &[&str], held: &Letters) -> BTreeSet<String> {
    flags.iter().filter(|flag| held.contains(&letter_of(flag))).map(|flag| (*flag).to_owned()).collect()
}

fn is_within(name: &str, top: &str) -> bool {
    name == top || name.starts_with(&format!("{top}/"))
}

/// The name one level up.
fn parent(name: &str) -> Option<&str> {
    name.rfind('/').map(|slash| &name[..slash])
}

impl Model {
    pub fn new(lie: Lie, people: usize, groups: usize, accounts: usize) -> Self {
        let accounts = (0..accounts).map(|_| Account::default()).collect();
        let groups = vec![Some(BTreeSet::new()); groups];
        let mut model = Self { lie, suspended: vec![false; people], groups, accounts, made: 0 };
        for account in 0..model.accounts.len() {
            for name in ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"] {
                model.make(account, name);
            }
        }
        model
    }

    fn make(&mut self, account: usize, name: &str) {
        self.made += 1;
        let mailbox = Mailbox { number: self.made, messages: BTreeMap::new(), next_uid: 1 };
        self.accounts[account].mailboxes.insert(name.to_owned(), mailbox);
    }

    /// What one grantee holds by their own grants, of which the most specific counts: the one
    /// on the mailbox, else on the nearest level above, else on the account.
    pub fn given_to(&self, who: Who, account: usize, name: &str) -> Letters {
        let account = &self.accounts[account];
        let Some(mailbox) = account.mailboxes.get(name) else { return Letters::new() };
        let mut found: Option<(usize, &Letters)> = None;
        for grant in account.grants.iter().filter(|grant| grant.who == who) {
            let fit = match &grant.reach {
                Reach::Account => 1,
                Reach::Subtree(top) if is_within(name, top) => 1 + top.len(),
                Reach::Mailbox(number) if *number == mailbox.number => usize::MAX,
                _ => continue,
            };
            let is_better = match found {
                None => true,
                Some((best, _)) => (fit > best) != (self.lie == Lie::BroadestCounts),
            };
            if is_better {
                found = Some((fit, &grant.letters));
            }
        }
        found.map(|(_, letters)| letters.clone()).unwrap_or_default()
    }

    /// What a person holds: their own, and that of each group they are in.
    pub fn held(&self, person: usize, account: usize, name: &str) -> Letters {
        if self.suspended[person] {
            return Letters::new();
        }
        let mut held = self.given_to(Who::Person(person), account, name);
        for (group, members) in self.groups.iter().enumerate() {
            let is_member = members.as_ref().is_some_and(|members| members.contains(&person));
            if is_member && self.lie != Lie::NoGroups {
                held.extend(self.given_to(Who::Group(group), account, name));
            }
        }
        held
    }

    pub fn mailbox(&mut self, account: usize, name: &str) -> Option<&mut Mailbox> {
        self.accounts[account].mailboxes.get_mut(name)
    }

    /// The name that the mailbox of this number has now.
    pub fn name_of(&self, account: usize, number: usize) -> Option<String> {
        let mut all = self.accounts[account].mailboxes.iter();
        all.find(|(_, mailbox)| mailbox.number == number).map(|(name, _)| name.clone())
    }

    /// Gives a grant in place of the one of the same reach.
    pub fn give(&mut self, account: usize, grant: Grant) {
        self.take(account, grant.who, &grant.reach);
        self.accounts[account].grants.push(grant);
    }

    pub fn take(&mut self, account: usize, who: Who, reach: &Reach) {
        self.accounts[account].grants.retain(|grant| grant.who != who || grant.reach != *reach);
    }

    /// SETACL: a grant on this mailbox, unless a broader one gives just that.
    pub fn set(&mut self, account: usize, name: &str, who: Who, wanted: Letters) {
        let before = self.given_to(who, account, name);
        let Some(number) = self.mailbox(account, name).map(|mailbox| mailbox.number) else { return };
        if before == wanted {
            return;
        }
        self.take(account, who, &Reach::Mailbox(number));
        if self.given_to(who, account, name) != wanted {
            self.give(account, Grant { who, reach: Reach::Mailbox(number), letters: wanted });
        }
    }

    /// The nearest level above that is there.
    pub fn nearest_above(&self, account: usize, name: &str) -> Option<String> {
        let mut next = parent(name);
        while let Some(above) = next {
            if self.accounts[account].mailboxes.contains_key(above) {
                return Some(above.to_owned());
            }
            next = parent(above);
        }
        None
    }

    /// CREATE: the levels that are missing too, each with its parent's own grants.
    pub fn create(&mut self, account: usize, name: &str) {
        if let Some(above) = parent(name).map(str::to_owned)
            && !self.accounts[account].mailboxes.contains_key(&above)
        {
            self.create(account, &above);
        }
        self.make(account, name);
        let number_of = |model: &Self, name: &str| model.accounts[account].mailboxes[name].number;
        let (Some(above), number) = (parent(name), number_of(self, name)) else { return };
        let above = number_of(self, above);
        let copied: Vec<Grant> = self.accounts[account]
            .grants
            .iter()
            .filter(|grant| grant.reach == Reach::Mailbox(above) && self.lie != Lie::NothingCopied)
            .map(|grant| Grant { reach: Reach::Mailbox(number), ..grant.clone() })
            .collect();
        self.accounts[account].grants.extend(copied);
    }

    pub fn has_children(&self, account: usize, name: &str) -> bool {
        self.accounts[account].mailboxes.keys().any(|other| other != name && is_within(other, name))
    }

    /// DELETE ends the grants on the mailbox and on the subtree it is the top of.
    pub fn delete(&mut self, account: usize, name: &str) {
        let account = &mut self.accounts[account];
        let Some(mailbox) = account.mailboxes.remove(name) else { return };
        account.grants.retain(|grant| match &grant.reach {
            Reach::Account => true,
            Reach::Subtree(top) => top != name,
            Reach::Mailbox(number) => *number != mailbox.number,
        });
    }

    pub fn disband(&mut self, group: usize) {
        self.groups[group] = None;
        for account in &mut self.accounts {
            account.grants.retain(|grant| grant.who != Who::Group(group));
        }
    }

    /// Adds a message; answers its UID.
    pub fn add(&mut self, account: usize, name: &str, flags: BTreeSet<String>) -> Option<u32> {
        let mailbox = self.mailbox(account, name)?;
        let uid = mailbox.next_uid;
        mailbox.next_uid += 1;
        mailbox.messages.insert(uid, flags);
        Some(uid)
    }
}
