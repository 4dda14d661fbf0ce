//! Commands about the tree of mailboxes: what is shown of it, and what changes it.

use super::account::{any, is_within, parent};
use super::commands::verdict;
use super::story::Story;
use super::wire::{Heard, Kind};
use std::collections::BTreeSet;

impl Story<'_> {
    /// The mailboxes with `l`.
    fn visible(&self) -> BTreeSet<String> {
        self.account.mailboxes.keys().filter(|name| any(&self.account.held(name), "l")).cloned().collect()
    }

    /// LIST shows what the scope has, and the levels above it as names alone.
    pub(super) async fn list(&mut self, name: &str) -> Result<Kind, String> {
        let visible = self.visible();
        let mut levels = BTreeSet::new();
        for name in &visible {
            let mut next = parent(name);
            while let Some(above) = next {
                levels.insert(above.to_owned());
                next = parent(above);
            }
        }
        let levels: BTreeSet<String> = levels.difference(&visible).cloned().collect();
        let heard = self.expect("LIST \"\" *", "", Kind::Ok).await?;
        let (none, mailboxes): (Vec<String>, Vec<String>) =
            heard.after("* LIST ").into_iter().partition(|line| line.contains("\\Noselect"));
        self.same("LIST", &names(&mailboxes), &visible)?;
        self.same("LIST, levels", &names(&none), &levels)?;
        let one = self.expect(&format!("LIST \"\" {name} RETURN (STATUS (MESSAGES))"), "", Kind::Ok).await?;
        let is_listed = visible.contains(name) || levels.contains(name);
        let counted = visible.contains(name) && any(&self.account.held(name), "r");
        let told = (!one.after("* LIST ").is_empty(), !one.after("* STATUS ").is_empty());
        if told != (is_listed, counted) {
            return Err(format!("LIST {name}: the model says {is_listed} {counted}, the server {one:#?}"));
        }
        Ok(Kind::Ok)
    }

    /// LSUB shows nothing that LIST would not.
    pub(super) async fn lsub(&mut self, name: &str) -> Result<Kind, String> {
        let is_subscribed = |name: &String| self.account.subscribed.get(name).copied().unwrap_or(true);
        let subscribed: BTreeSet<String> = self.visible().into_iter().filter(is_subscribed).collect();
        let heard = self.expect("LSUB \"\" *", "", Kind::Ok).await?;
        self.same("LSUB", &names(&heard.after("* LSUB ")), &subscribed)?;
        let one = self.expect(&format!("LSUB \"\" {name}"), "", Kind::Ok).await?;
        match one.after("* LSUB ").is_empty() != subscribed.contains(name) {
            true => Ok(Kind::Ok),
            false => Err(format!("LSUB {name}: the model has {subscribed:?}, the server {one:#?}")),
        }
    }

    /// Who may change nothing in a mailbox changes no subscription to it; who is lenient forgets.
    pub(super) async fn subscribe(&mut self, name: &str, subscribe: bool) -> Result<Kind, String> {
        let held = self.account.held(name);
        let mut expected = verdict(&held, 'l');
        if expected == Kind::Ok && !self.account.lenient && !any(&held, "iestw") {
            expected = Kind::Missing;
        }
        let command = if subscribe { "SUBSCRIBE {mailbox}" } else { "UNSUBSCRIBE {mailbox}" };
        self.named(command, name, "", expected).await?;
        if expected == Kind::Ok && !self.account.lenient {
            self.account.subscribed.insert(name.to_owned(), subscribe);
        }
        Ok(expected)
    }

    /// CREATE needs `k` on what is above, or on the account.
    fn may_create(&self, name: &str) -> Kind {
        let held = match self.account.nearest_above(name) {
            Some(above) => self.account.held(&above),
            None if name.starts_with("Shared/") => Default::default(),
            None => self.account.would_hold(name),
        };
        match verdict(&held, 'k') {
            Kind::Ok if self.account.mailboxes.contains_key(name) => Kind::Taken,
            kind => kind,
        }
    }

    pub(super) async fn create(&mut self, name: &str) -> Result<Kind, String> {
        let expected = self.may_create(name);
        self.named("CREATE {mailbox}", name, "", expected).await?;
        if expected == Kind::Ok {
            self.account.create(name);
        }
        Ok(expected)
    }

    pub(super) async fn delete(&mut self, name: &str) -> Result<Kind, String> {
        let mut expected = verdict(&self.account.held(name), 'x');
        if expected == Kind::Ok && name == "INBOX" {
            expected = Kind::Cannot;
        } else if expected == Kind::Ok && self.account.has_children(name) {
            expected = Kind::HasChildren;
        }
        self.named("DELETE {mailbox}", name, "", expected).await?;
        if expected == Kind::Ok {
            let number = self.account.mailboxes[name].number;
            self.account.delete(name);
            self.leaves_if_gone(number).await?;
        }
        Ok(expected)
    }

    /// Whoever had it selected has nothing selected from the next command on.
    async fn leaves_if_gone(&mut self, number: usize) -> Result<(), String> {
        if self.selected.take_if(|(selected, _)| *selected == number).is_some() {
            self.expect("NOOP", "", Kind::Hidden).await?;
            self.expect("CHECK", "", Kind::Bad).await?;
        }
        Ok(())
    }

    /// RENAME into this name, of nothing; then of this name.
    pub(super) async fn rename(&mut self, name: &str) -> Result<Kind, String> {
        self.named("RENAME Elsewhere {mailbox}", name, "", Kind::Hidden).await?;
        let number = self.random.below(1000);
        let below: Vec<String> = self.account.mailboxes.keys().cloned().collect();
        let target = match self.random.below(6) {
            0 => self.random.pick(&below).clone(),
            1 | 2 => format!("{}/Moved{number}", self.random.pick(&below)),
            _ => format!("Moved{number}"),
        };
        let held = self.account.held(name);
        let mut expected = verdict(&held, 'x');
        if expected == Kind::Ok {
            expected = if name == "INBOX" { self.may_empty_inbox(&target) } else { self.may_rename(name, &target) };
        }
        self.named(&format!("RENAME {{mailbox}} {target}"), name, "", expected).await?;
        if expected == Kind::Ok && name == "INBOX" {
            self.account.create(&target);
            self.moves_all("INBOX", &target);
        }
        Ok(expected)
    }

    fn may_rename(&mut self, name: &str, target: &str) -> Kind {
        if is_within(target, name) {
            return Kind::Cannot;
        }
        match self.may_create(target) {
            // Nobody gives by a new name what they may not give, and a credential gives nothing.
            Kind::Ok if self.account.rename(name, target).is_none() => Kind::Missing,
            kind => kind,
        }
    }

    /// RENAME of INBOX makes a mailbox and moves all messages into it (RFC 9051 section 6.3.6).
    fn may_empty_inbox(&mut self, target: &str) -> Kind {
        let (may, held) = (self.may_create(target), self.account.held("INBOX"));
        let new = self.account.would_hold(target);
        match may {
            Kind::Ok => {
                let source = ['r', 't', 'e'].map(|letter| verdict(&held, letter));
                let all = source.into_iter().chain([verdict(&new, 'i')]);
                all.into_iter().find(|kind| *kind != Kind::Ok).unwrap_or(Kind::Ok)
            }
            kind => kind,
        }
    }

    fn same(&self, what: &str, server: &BTreeSet<String>, model: &BTreeSet<String>) -> Result<(), String> {
        if server == model { Ok(()) } else { Err(format!("{what}: the model says {model:?}, the server {server:?}")) }
    }
}

/// The names at the end of lines of LIST and LSUB.
fn names(lines: &[String]) -> BTreeSet<String> {
    lines.iter().filter_map(|line| Some(line.rsplit(' ').next()?.trim_matches('"').to_owned())).collect()
}

/// The untagged lines of an answer that are numbers after `* SEARCH`.
pub(super) fn numbers(heard: &Heard) -> Vec<u32> {
    let lines = heard.after("* SEARCH");
    lines.iter().flat_map(|line| line.split_whitespace()).filter_map(|number| number.parse().ok()).collect()
}
