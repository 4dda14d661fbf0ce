//! Who may do what, said a second time and as plainly as can be: sets of characters and loops
//! over lists. It shares no line with `postern-access`, so that both are wrong alike only where
//! the same thought was wrong twice.

use super::messages::{Message, Whose};
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
    /// Grants never end by themselves.
    NothingEnds,
    /// Delete protection does nothing.
    NothingProtects,
    /// What a colleague has read is read, whatever the account's setting.
    SeenByAll,
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
    /// The minute of the story at which it ends by itself.
    pub until: Option<u32>,
}

#[derive(Debug, Clone)]
pub struct Mailbox {
    pub number: usize,
    /// By UID.
    pub messages: BTreeMap<u32, Message>,
    pub next_uid: u32,
}

/// A shared account: mailboxes by name, grants, and settings.
#[derive(Debug, Default)]
pub struct Account {
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub grants: Vec<Grant>,
    pub protected: bool,
    pub seen: Whose,
}

#[derive(Debug)]
pub struct Model {
    pub lie: Lie,
    /// Minutes since the story began.
    pub minute: u32,
    /// By person.
    pub suspended: Vec<bool>,
    /// Members by group; `None` once it was removed.
    pub groups: Vec<Option<BTreeSet<usize>>>,
    pub accounts: Vec<Account>,
    made: usize,
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
        let mut model = Self { lie, minute: 0, suspended: vec![false; people], groups, accounts, made: 0 };
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

    /// Of these grants the one that decides what a grantee holds in a mailbox: the most
    /// specific that has not ended. On the mailbox, else on the nearest level above, else on
    /// the account.
    fn deciding<'a>(
        &self,
        grants: impl IntoIterator<Item = &'a Grant>,
        who: Who,
        (name, number): (&str, usize),
        minute: u32,
    ) -> Option<&'a Grant> {
        let mut found: Option<(usize, &Grant)> = None;
        for grant in grants.into_iter().filter(|grant| grant.who == who) {
            let fit = match &grant.reach {
                Reach::Account => 1,
                Reach::Subtree(top) if is_within(name, top) => 1 + top.len(),
                Reach::Mailbox(granted) if *granted == number => usize::MAX,
                _ => continue,
            };
            if grant.until.is_some_and(|end| end <= minute) && self.lie != Lie::NothingEnds {
                continue;
            }
            let is_better = match found {
                None => true,
                Some((best, _)) => (fit > best) != (self.lie == Lie::BroadestCounts),
            };
            if is_better {
                found = Some((fit, grant));
            }
        }
        found.map(|(_, grant)| grant)
    }

    /// What one grantee holds by their own grants.
    pub fn given_to(&self, who: Who, account: usize, name: &str) -> Letters {
        self.given_at(who, account, name, self.minute)
    }

    fn given_at(&self, who: Who, account: usize, name: &str, minute: u32) -> Letters {
        let account = &self.accounts[account];
        let Some(mailbox) = account.mailboxes.get(name) else { return Letters::new() };
        let deciding = self.deciding(&account.grants, who, (name, mailbox.number), minute);
        deciding.map(|grant| grant.letters.clone()).unwrap_or_default()
    }

    /// Delete protection: without `a`, neither `x` nor `e`.
    pub fn protected(&self, account: usize, mut letters: Letters) -> Letters {
        let is_on = self.accounts[account].protected && self.lie != Lie::NothingProtects;
        if is_on && !letters.contains(&'a') {
            letters.retain(|letter| !"xe".contains(*letter));
        }
        letters
    }

    /// What a person holds: their own, and that of each group they are in.
    pub fn held(&self, person: usize, account: usize, name: &str) -> Letters {
        self.held_at(person, account, name, self.minute)
    }

    fn held_at(&self, person: usize, account: usize, name: &str, minute: u32) -> Letters {
        if self.suspended[person] {
            return Letters::new();
        }
        let mut held = self.given_at(Who::Person(person), account, name, minute);
        for (group, members) in self.groups.iter().enumerate() {
            let is_member = members.as_ref().is_some_and(|members| members.contains(&person));
            if is_member && self.lie != Lie::NoGroups {
                held.extend(self.given_at(Who::Group(group), account, name, minute));
            }
        }
        self.protected(account, held)
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

    /// The grants after SETACL: one on this mailbox, with the end of the one that decided
    /// before, unless a broader one gives just that. `None` where nothing changes.
    pub fn after_set(&self, account: usize, name: &str, who: Who, wanted: &Letters) -> Option<Vec<Grant>> {
        let grants = &self.accounts[account].grants;
        let number = self.accounts[account].mailboxes.get(name)?.number;
        let at = (name, number);
        let decides = |grants: &[Grant]| {
            let grant = self.deciding(grants, who, at, self.minute);
            grant.map(|grant| (grant.letters.clone(), grant.until)).unwrap_or_default()
        };
        let (before, until) = decides(grants);
        if before == *wanted {
            return None;
        }
        let reach = Reach::Mailbox(number);
        let mut after = grants.clone();
        after.retain(|grant| grant.who != who || grant.reach != reach);
        if decides(&after) != (wanted.clone(), until) {
            after.push(Grant { who, reach, letters: wanted.clone(), until });
        }
        Some(after)
    }

    /// May this person make a grantee hold what these grants give in a mailbox that is `from`
    /// and will be `to`? Whatever they gain, now or at any end to come, the giver has to hold
    /// then, and `a`.
    pub fn may_give(&self, giver: usize, account: usize, (from, to): (&str, &str), who: Who, after: &[Grant]) -> bool {
        let before = &self.accounts[account].grants;
        let Some(mailbox) = self.accounts[account].mailboxes.get(from) else { return true };
        let at = |grants: &[Grant], name, minute| {
            let grant = self.deciding(grants, who, (name, mailbox.number), minute);
            grant.map(|grant| grant.letters.clone()).unwrap_or_default()
        };
        let ends = before.iter().chain(after).filter_map(|grant| grant.until).filter(|end| *end > self.minute);
        std::iter::once(self.minute).chain(ends).all(|minute| {
            let gained = &at(after, to, minute) - &at(before, from, minute);
            let held = self.held_at(giver, account, from, minute);
            gained.is_empty() || (held.contains(&'a') && gained.is_subset(&held))
        })
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

    /// RENAME: what is below moves along, and so do the grants on subtrees. `None` where it
    /// would give what this person may not.
    pub fn rename(&mut self, giver: usize, account: usize, from: &str, to: &str) -> Option<()> {
        let renamed = |name: &str| is_within(name, from).then(|| format!("{to}{}", &name[from.len()..]));
        let mut after = self.accounts[account].grants.clone();
        for grant in &mut after {
            if let Reach::Subtree(top) = &grant.reach
                && let Some(new) = renamed(top)
            {
                grant.reach = Reach::Subtree(new);
            }
        }
        let names = self.accounts[account].mailboxes.keys();
        let moved: Vec<(String, String)> = names.filter_map(|name| Some((name.clone(), renamed(name)?))).collect();
        let everyone: Vec<Who> = after.iter().map(|grant| grant.who).collect();
        let may = |who| moved.iter().all(|(old, new)| self.may_give(giver, account, (old, new), who, &after));
        if !everyone.into_iter().all(may) {
            return None;
        }
        if let Some(above) = parent(to).map(str::to_owned)
            && !self.accounts[account].mailboxes.contains_key(&above)
        {
            self.create(account, &above);
        }
        // Those that the new levels above were given with came after.
        let made = self.accounts[account].grants.split_off(after.len());
        let account = &mut self.accounts[account];
        account.grants = after;
        account.grants.extend(made);
        for (old, new) in moved {
            if let Some(mailbox) = account.mailboxes.remove(&old) {
                account.mailboxes.insert(new, mailbox);
            }
        }
        Some(())
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
}
