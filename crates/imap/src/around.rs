//! Mailboxes that are not selected, watched by NOTIFY (RFC 5465): which are meant, what is known of
//! each, and what there is to tell.
//!
//! A mailbox that is deleted and one whose `l` was taken away are told alike, as `\NonExistent`; the
//! RFC's `\NoAccess` would tell them apart, and stands where a mailbox is seen and can not be read
//! (docs/decisions/0033-notify.md).

use crate::listing::{Kind, Listing, Node, Told};
use crate::names::{SHARED, SHARED_PREFIX, parents, spelled};
use postern_app::{Counters, Heard, Notices};
use postern_imap_wire::{EventGroup, ListAttribute, MailboxFilter, NotifyEvents, StatusItem};
use postern_types::{Letter, MailboxId, MailboxName, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Which events are asked for of which mailboxes; groups add up (section 6).
#[derive(Debug)]
pub(crate) struct Wanted(Vec<(Filter, NotifyEvents)>);

#[derive(Debug)]
enum Filter {
    Inboxes,
    Personal,
    Subscribed,
    Subtree(HashSet<String>),
    Mailboxes(HashSet<String>),
}

impl Wanted {
    pub(crate) fn new(groups: Vec<EventGroup>) -> Self {
        let names = |names: Vec<String>| names.iter().map(|name| spelled(name)).collect();
        let filter = |filter| match filter {
            MailboxFilter::Inboxes => Filter::Inboxes,
            MailboxFilter::Personal => Filter::Personal,
            MailboxFilter::Subscribed => Filter::Subscribed,
            MailboxFilter::Subtree(tops) => Filter::Subtree(names(tops)),
            MailboxFilter::Mailboxes(them) => Filter::Mailboxes(names(them)),
        };
        let groups = groups.into_iter().filter(|group| group.events.any());
        Self(groups.map(|group| (filter(group.filter), group.events)).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn events(&self, name: &str, subscribed: bool) -> NotifyEvents {
        let is_shared = name == SHARED || name.starts_with(SHARED_PREFIX);
        let means = |filter: &Filter| match filter {
            // Nothing but INBOX is delivered to.
            Filter::Inboxes => name == MailboxName::INBOX,
            Filter::Personal => !is_shared,
            Filter::Subscribed => subscribed,
            Filter::Subtree(tops) => {
                tops.contains("") || tops.contains(name) || parents(name).any(|parent| tops.contains(parent))
            }
            Filter::Mailboxes(names) => names.contains(name),
        };
        let meant = self.0.iter().filter(|(filter, _)| means(filter));
        meant.fold(NotifyEvents::default(), |all, (_, events)| all.or(*events))
    }
}

/// What is watched, and by what it is heard of.
#[derive(Debug)]
pub(crate) struct Around {
    pub(crate) watched: Watched,
    pub(crate) notices: Notices,
    /// When what is seen changes by itself.
    pub(crate) until: Option<Timestamp>,
}

/// All that is watched, as the client was told of it.
#[derive(Debug)]
pub(crate) struct Watched {
    wanted: Wanted,
    known: HashMap<MailboxId, Known>,
    /// What was heard and not told yet.
    pub(crate) pending: Heard,
    /// The selected mailbox, where it was heard of: that is told once it is not selected any more.
    passed_over: Option<MailboxId>,
}

/// One mailbox as the client was told of it.
#[derive(Debug)]
struct Known {
    name: Box<str>,
    subscribed: bool,
    readable: bool,
    events: NotifyEvents,
    /// Its numbers, once they were told; before that, whatever happens is news.
    told: Option<Numbers>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    uid_validity: u32,
    messages: u64,
    uid_next: u64,
    unseen: u64,
    modseq: i64,
}

impl Numbers {
    fn of(counters: &Counters) -> Self {
        Self {
            uid_validity: counters.uid_validity.0,
            messages: counters.messages,
            uid_next: counters.uid_next,
            unseen: counters.unseen,
            modseq: counters.modseq.0,
        }
    }
}

impl Known {
    fn new(node: &Node, events: NotifyEvents) -> Self {
        let readable = node.rights.has(Letter::Read);
        Self { name: node.name.as_str().into(), subscribed: node.subscribed, readable, events, told: None }
    }

    fn has_numbers(&self) -> bool {
        self.readable && self.events.messages
    }
}

/// More mailboxes than may be watched.
#[derive(Debug)]
pub(crate) struct TooMany;

/// Names to be told by LIST, with the name that each had.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) BTreeMap<String, Option<String>>);

impl Names {
    fn add(&mut self, name: &str) {
        self.0.entry(name.to_owned()).or_default();
    }

    /// A mailbox that comes or goes is told with the level above it (section 5.4).
    fn add_with_parent(&mut self, name: &str) {
        self.add(name);
        if let Some(parent) = parents(name).next() {
            self.add(parent);
        }
    }

    fn add_renamed(&mut self, name: &str, old: &str) {
        self.0.insert(name.to_owned(), Some(old.to_owned()));
    }
}

impl Around {
    pub(crate) fn new(wanted: Wanted, notices: Notices) -> Self {
        Self { watched: Watched::new(wanted), notices, until: None }
    }

    /// Takes in what was heard; is there anything to look at?
    pub(crate) fn hear(&mut self) -> bool {
        let pending = &mut self.watched.pending;
        pending.add(self.notices.take());
        pending.any()
    }
}

impl Watched {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self { wanted, known: HashMap::new(), pending: Heard::default(), passed_over: None }
    }

    /// Everything is looked at again.
    pub(crate) fn look_again(&mut self) {
        (self.pending.lists, self.pending.any_mailbox) = (true, true);
    }

    /// What is seen at first; answers names that are seen and can not be read (section 3.1).
    pub(crate) fn begin(&mut self, listing: &Listing, most: usize) -> Result<Names, TooMany> {
        self.take_in(listing, most)?;
        let mut names = Names::default();
        for known in self.known.values().filter(|known| !known.readable && known.events.messages) {
            names.add(&known.name);
        }
        Ok(names)
    }

    /// What is seen now; answers what changed since the last time.
    pub(crate) fn changes(&mut self, listing: &Listing, most: usize) -> Result<Names, TooMany> {
        let mut before = self.take_in(listing, most)?;
        let mut names = Names::default();
        let renamed = self.renamed(&before);
        for (mailbox, known) in &mut self.known {
            let Some(was) = before.remove(mailbox) else {
                if known.events.names {
                    names.add_with_parent(&known.name);
                } else if !known.readable {
                    names.add(&known.name);
                }
                if known.has_numbers() {
                    self.pending.mailboxes.insert(*mailbox);
                }
                continue;
            };
            known.told = was.told;
            if known.readable != was.readable {
                names.add(&known.name);
                known.told = None;
                if known.has_numbers() {
                    self.pending.mailboxes.insert(*mailbox);
                }
            }
            if known.subscribed != was.subscribed && known.events.or(was.events).subscriptions {
                names.add(&known.name);
            }
            if known.name != was.name && !moved_along(&renamed, &was.name, &known.name) {
                names.add_renamed(&known.name, &was.name);
            }
        }
        for was in self.no_longer_meant(&mut before, listing) {
            match was {
                (was, Some(now)) if *was.name != *now.name => names.add_renamed(&now.name, &was.name),
                (was, Some(now)) if was.events.subscriptions && was.subscribed != now.subscribed => {
                    names.add(&now.name)
                }
                (_, Some(_)) => {}
                (was, None) if was.events.names => names.add_with_parent(&was.name),
                (was, None) => names.add(&was.name),
            }
        }
        Ok(names)
    }

    /// Knows what is meant of the listing; answers what was known before.
    fn take_in(&mut self, listing: &Listing, most: usize) -> Result<HashMap<MailboxId, Known>, TooMany> {
        let mut now = HashMap::new();
        for node in &listing.nodes {
            let Some(mailbox) = node.mailbox else { continue };
            let events = self.wanted.events(&node.name, node.subscribed);
            if !events.any() {
                continue;
            }
            if now.len() == most {
                return Err(TooMany);
            }
            now.insert(mailbox, Known::new(node, events));
        }
        Ok(std::mem::replace(&mut self.known, now))
    }

    /// Old names and new ones.
    fn renamed(&self, before: &HashMap<MailboxId, Known>) -> HashMap<String, String> {
        let both = before.iter().filter_map(|(mailbox, was)| Some((was, self.known.get(mailbox)?)));
        let renamed = both.filter(|(was, now)| was.name != now.name);
        renamed.map(|(was, now)| (was.name.to_string(), now.name.to_string())).collect()
    }

    /// What is left of `before`, each with what it is now where it is seen still.
    fn no_longer_meant<'a>(
        &self,
        before: &mut HashMap<MailboxId, Known>,
        listing: &'a Listing,
    ) -> Vec<(Known, Option<&'a Node>)> {
        if before.is_empty() {
            return Vec::new();
        }
        let mut left: Vec<_> =
            listing.nodes.iter().filter_map(|node| Some((before.remove(&node.mailbox?)?, Some(node)))).collect();
        left.extend(before.drain().map(|(_, was)| (was, None)));
        left
    }

    /// This mailbox is selected now, or none: what happened in the one before it may be told.
    pub(crate) fn select(&mut self, selected: Option<MailboxId>) {
        self.pending.mailboxes.extend(self.passed_over.take_if(|passed| Some(*passed) != selected));
    }

    /// Mailboxes to be looked at: those that were heard of and are watched, but not the selected one, of
    /// which its own events are told (section 6.1).
    pub(crate) fn due(&mut self, selected: Option<MailboxId>) -> Vec<MailboxId> {
        let heard = std::mem::take(&mut self.pending.mailboxes);
        let all = std::mem::take(&mut self.pending.any_mailbox);
        if let Some((mailbox, known)) = selected.and_then(|selected| Some((selected, self.known.get_mut(&selected)?))) {
            known.told = None;
            if all || heard.contains(&mailbox) {
                self.passed_over = Some(mailbox);
            }
        }
        let is_due =
            |mailbox: &MailboxId| Some(*mailbox) != selected && self.known.get(mailbox).is_some_and(Known::has_numbers);
        let mut due: Vec<MailboxId> = if all {
            self.known.keys().copied().filter(is_due).collect()
        } else {
            heard.into_iter().filter(is_due).collect()
        };
        due.sort_unstable();
        due
    }

    /// All of them, for the STATUS that NOTIFY SET may ask for.
    pub(crate) fn all_due(&mut self, selected: Option<MailboxId>) -> Vec<MailboxId> {
        self.pending.any_mailbox = true;
        self.due(selected)
    }

    /// What is to be told of a mailbox whose numbers are these now, and its name. `with_modseq`: the client asked
    /// for modification sequences.
    pub(crate) fn news(
        &mut self,
        mailbox: MailboxId,
        counters: Option<&Counters>,
        with_modseq: bool,
    ) -> Option<(&str, Vec<StatusItem>)> {
        let known = self.known.get_mut(&mailbox)?;
        let now = counters.map(Numbers::of);
        let was = std::mem::replace(&mut known.told, now);
        let items = items(was, now?, known.events.flags, with_modseq);
        (!items.is_empty()).then_some((&*known.name, items))
    }
}

/// Was it renamed because a level above it was?
fn moved_along(renamed: &HashMap<String, String>, old: &str, new: &str) -> bool {
    let mut above = parents(old).filter_map(|parent| Some((parent, renamed.get(parent)?)));
    above.any(|(parent, now)| new.strip_prefix(now.as_str()).is_some_and(|rest| rest == &old[parent.len()..]))
}

/// Sections 5.1 to 5.3. What was not told before is told whole.
fn items(was: Option<Numbers>, now: Numbers, flags: bool, with_modseq: bool) -> Vec<StatusItem> {
    use StatusItem::{HighestModSeq, Messages, UidNext, UidValidity, Unseen};
    let validity = was.is_none_or(|was| was.uid_validity != now.uid_validity);
    let messages = validity || was.is_none_or(|was| (was.messages, was.uid_next) != (now.messages, now.uid_next));
    let unseen = flags && was.is_none_or(|was| was.unseen != now.unseen);
    let changed = flags && with_modseq && was.is_none_or(|was| was.modseq != now.modseq);
    let any = messages || unseen || changed;
    let chosen = [
        (Messages, messages),
        (UidNext, messages),
        (UidValidity, validity || changed),
        (Unseen, unseen),
        // Section 3.1: with FlagChange it is in the first, asked for or not.
        (HighestModSeq, any && (with_modseq || (flags && was.is_none()))),
    ];
    chosen.into_iter().filter(|(_, told)| *told).map(|(item, _)| item).collect()
}

/// A name as it is now: attributes of what is seen there, or that there is nothing.
pub(crate) fn attributes(node: Option<&Node>) -> Vec<ListAttribute> {
    let Some(node) = node else { return vec![ListAttribute::NonExistent, ListAttribute::NoSelect] };
    let mut attributes = node.attributes(Told { extended: true, subscribed: true, shared_uses: false });
    if node.kind == Kind::Mailbox && !node.rights.has(Letter::Read) {
        attributes.push(ListAttribute::NoAccess);
    }
    attributes
}

#[cfg(test)]
mod tests;
