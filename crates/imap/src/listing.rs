//! The tree of names that LIST and LSUB show: what the house lists, with the levels above it
//! that are no mailboxes (RFC 9051 section 6.3.9).
//!
//! A level whose mailbox is hidden and one that has none are shown alike: as a name that
//! holds others.

use crate::names::{self, is_namespace, parents, shown};
use postern_app::{House, ListedAccount, ListedMailbox, Locator, Refused, Session};
use postern_imap_wire::ListAttribute;
use postern_types::{Address, MailboxId, Rights, SpecialUse};
use std::collections::{HashMap, HashSet};

/// Names that are compared before other connections come to their turn.
const NAMES_PER_TURN: usize = 64;

/// Gives others their turn, at every so many names.
pub(crate) async fn take_turns(place: usize) {
    if place % NAMES_PER_TURN == NAMES_PER_TURN - 1 {
        tokio::task::yield_now().await;
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A mailbox.
    Mailbox,
    /// `Shared`, or an account below it.
    Namespace,
    /// A level above mailboxes that is none itself, or a subscription to what is not there.
    Missing,
}

/// What a LIST tells beyond names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// `\NonExistent` too.
    pub(crate) extended: bool,
    /// `\Subscribed`.
    pub(crate) subscribed: bool,
    /// What mailboxes of other accounts are for; one's own is told always.
    pub(crate) shared_uses: bool,
}

/// One name.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) special_use: Option<SpecialUse>,
    pub(crate) subscribed: bool,
    pub(crate) has_children: bool,
    /// For STATUS.
    pub(crate) locator: Option<Locator>,
    /// For NOTIFY.
    pub(crate) mailbox: Option<MailboxId>,
    /// For MYRIGHTS.
    pub(crate) rights: Rights,
}

impl Node {
    fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            special_use: None,
            subscribed: false,
            has_children: false,
            locator: None,
            mailbox: None,
            rights: Rights::NONE,
        }
    }

    /// Is it in somebody else's account?
    fn is_shared(&self) -> bool {
        self.locator.as_ref().is_some_and(|at| at.account.is_some())
    }

    /// Is nothing there? An account below `Shared` of which nothing is seen is subscribed to, and gone.
    fn is_missing(&self) -> bool {
        self.kind == Kind::Missing || (self.kind == Kind::Namespace && !self.has_children)
    }

    /// Attributes as LIST shows them. `\NonExistent` is for those who know RFC 5258; it
    /// implies `\Noselect`, which everyone knows.
    pub(crate) fn attributes(&self, told: Told) -> Vec<ListAttribute> {
        let mut attributes = Vec::with_capacity(4);
        if self.kind != Kind::Mailbox {
            if told.extended && self.is_missing() {
                attributes.push(ListAttribute::NonExistent);
            }
            attributes.push(ListAttribute::NoSelect);
        }
        attributes.push(if self.has_children { ListAttribute::HasChildren } else { ListAttribute::HasNoChildren });
        if told.subscribed && self.subscribed {
            attributes.push(ListAttribute::Subscribed);
        }
        let told_use = self.special_use.filter(|_| told.shared_uses || !self.is_shared());
        attributes.extend(told_use.map(ListAttribute::Use));
        attributes
    }
}

/// Every name that is shown to a session: its own first, then those under `Shared`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) nodes: Vec<Node>,
    places: HashMap<String, usize>,
}

impl Listing {
    /// Reads what the session may see.
    pub(crate) async fn read(house: &House, session: &Session) -> Result<Self, Refused> {
        Ok(Self::of(house.list(session).await?))
    }

    /// What the house has listed.
    pub(crate) fn of(accounts: Vec<ListedAccount>) -> Self {
        let mut listing = Self::default();
        for account in accounts {
            let address = Address::parse(&account.address).ok();
            // An address that is none could not be selected either.
            if !account.own && address.is_none() {
                continue;
            }
            let address = address.filter(|_| !account.own);
            for mailbox in account.mailboxes {
                listing.add_mailbox(address.as_ref(), mailbox);
            }
        }
        listing
    }

    /// What is there under this name.
    pub(crate) fn named(&self, name: &str) -> Option<&Node> {
        self.places.get(name).map(|place| &self.nodes[*place])
    }

    /// Adds names that were subscribed to and are not shown otherwise.
    pub(crate) async fn add_subscriptions(&mut self, house: &House, session: &Session) -> Result<(), Refused> {
        let mut missing: Vec<String> = Vec::new();
        for (address, name, subscribed) in house.subscriptions(session).await? {
            let name = shown(address.as_deref(), &name);
            if subscribed && self.places.get(&name).is_none_or(|place| self.nodes[*place].kind != Kind::Mailbox) {
                missing.push(name);
            }
        }
        missing.sort_unstable();
        for name in missing {
            self.add_missing_subscription(name);
        }
        Ok(())
    }

    /// With the levels above it, which RECURSIVEMATCH shows. They have no children for that: what is below is not there.
    fn add_missing_subscription(&mut self, name: String) {
        let above: Vec<&str> = parents(&name).collect();
        for parent in above.into_iter().rev() {
            self.place_of(parent);
        }
        match self.places.get(&name) {
            Some(place) => self.nodes[*place].subscribed = true,
            None => {
                let place = self.push(Node::new(name, Kind::Missing));
                self.nodes[place].subscribed = true;
            }
        }
    }

    fn add_mailbox(&mut self, address: Option<&Address>, mailbox: ListedMailbox) {
        let name = shown(address.map(Address::as_str), mailbox.name.as_str());
        self.add_parents(&name);
        let node = Node {
            special_use: mailbox.special_use,
            subscribed: mailbox.subscribed,
            locator: Some(Locator { account: address.cloned(), name: mailbox.name }),
            mailbox: Some(mailbox.mailbox),
            rights: mailbox.rights,
            ..Node::new(name, Kind::Mailbox)
        };
        match self.places.get(&node.name) {
            // It was there as a level above another one.
            Some(place) => {
                let place = *place;
                self.nodes[place] = Node { has_children: self.nodes[place].has_children, ..node };
            }
            None => {
                self.push(node);
            }
        }
    }

    /// The levels above a name, the highest first.
    fn add_parents(&mut self, name: &str) {
        let above: Vec<&str> = parents(name).collect();
        for parent in above.into_iter().rev() {
            let place = self.place_of(parent);
            self.nodes[place].has_children = true;
        }
    }

    /// Where a level is, which is added where it is not there.
    fn place_of(&mut self, level: &str) -> usize {
        if let Some(place) = self.places.get(level) {
            return *place;
        }
        let kind = if is_namespace(level) { Kind::Namespace } else { Kind::Missing };
        self.push(Node::new(level.to_owned(), kind))
    }

    fn push(&mut self, node: Node) -> usize {
        let place = self.nodes.len();
        self.places.insert(node.name.clone(), place);
        self.nodes.push(node);
        place
    }

    /// Names above one that `holds` and is not `returned`, by its place, and names above any
    /// that holds: for RECURSIVEMATCH (RFC 5258 section 3.5).
    pub(crate) fn above(
        &self,
        holds: impl Fn(&Node) -> bool,
        returned: impl Fn(usize) -> bool,
    ) -> (HashSet<&str>, HashSet<&str>) {
        let (mut above_hidden, mut above_any) = (HashSet::new(), HashSet::new());
        for (place, node) in self.nodes.iter().enumerate().filter(|(_, node)| holds(node)) {
            let shown = returned(place);
            for parent in names::parents(&node.name) {
                above_any.insert(parent);
                if !shown {
                    above_hidden.insert(parent);
                }
            }
        }
        (above_hidden, above_any)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use postern_types::{AccountId, MailboxName};

    /// Names as the house would list them; `+` in front: subscribed.
    pub(crate) fn listing(own: &[&str], shared: &[(&str, &[&str])]) -> Listing {
        let mut listing = Listing::default();
        let mut add = |address: Option<&Address>, name: &str| {
            let (name, subscribed) = name.strip_prefix('+').map_or((name, false), |name| (name, true));
            let mailbox = ListedMailbox {
                mailbox: MailboxId::pack(AccountId::new(1).unwrap(), 1).unwrap(),
                name: MailboxName::parse(name).unwrap(),
                special_use: (name == "Sent").then_some(SpecialUse::Sent),
                rights: Rights::READER,
                subscribed,
            };
            listing.add_mailbox(address, mailbox);
        };
        own.iter().for_each(|name| add(None, name));
        for (address, names) in shared {
            let address = Address::parse(address).unwrap();
            names.iter().for_each(|name| add(Some(&address), name));
        }
        listing
    }

    fn shown_nodes(listing: &Listing) -> Vec<(&str, Kind, bool)> {
        listing.nodes.iter().map(|node| (node.name.as_str(), node.kind, node.has_children)).collect()
    }

    /// A level that is hidden and one that is not there look the same.
    #[test]
    fn levels_above_mailboxes_are_shown_though_they_are_none() {
        let listing =
            listing(&["INBOX", "Work/2026/May", "Work/2026"], &[("support@example.org", &["INBOX", "Cases/Open"])]);
        assert_eq!(
            shown_nodes(&listing),
            [
                ("INBOX", Kind::Mailbox, false),
                ("Work", Kind::Missing, true),
                ("Work/2026", Kind::Mailbox, true),
                ("Work/2026/May", Kind::Mailbox, false),
                ("Shared", Kind::Namespace, true),
                ("Shared/support@example.org", Kind::Namespace, true),
                ("Shared/support@example.org/INBOX", Kind::Mailbox, false),
                ("Shared/support@example.org/Cases", Kind::Missing, true),
                ("Shared/support@example.org/Cases/Open", Kind::Mailbox, false),
            ]
        );
        let attributes = |place: usize, extended| {
            let attributes = listing.nodes[place].attributes(Told { extended, subscribed: true, shared_uses: false });
            attributes.iter().map(|attribute| attribute.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(attributes(0, true), "\\HasNoChildren");
        assert_eq!(attributes(1, false), "\\Noselect \\HasChildren");
        assert_eq!(attributes(1, true), "\\NonExistent \\Noselect \\HasChildren");
        assert_eq!(attributes(4, true), "\\Noselect \\HasChildren");
    }

    #[test]
    fn a_subscription_to_what_is_not_there_is_a_missing_name() {
        let mut listing = listing(&["INBOX", "+Sent", "Work/2026"], &[]);
        listing.add_missing_subscription("Gone".to_owned());
        listing.add_missing_subscription("Work".to_owned());
        listing.add_missing_subscription("Lost/Found".to_owned());
        listing.add_missing_subscription("Shared/lost@example.org".to_owned());
        let subscribed: Vec<_> =
            listing.nodes.iter().filter(|node| node.subscribed).map(|node| node.name.as_str()).collect();
        assert_eq!(subscribed, ["Sent", "Work", "Gone", "Lost/Found", "Shared/lost@example.org"]);
        let lost = listing.named("Lost").unwrap();
        assert_eq!((lost.kind, lost.has_children), (Kind::Missing, false));
        let account = listing.named("Shared/lost@example.org").unwrap();
        let attributes = account.attributes(Told { extended: true, subscribed: false, shared_uses: false });
        assert_eq!(attributes[..2], [ListAttribute::NonExistent, ListAttribute::NoSelect]);
        let (hidden, any) = listing.above(|node| node.name == "Work/2026", |_| true);
        assert!(hidden.is_empty() && any.contains("Work"));
    }
}
