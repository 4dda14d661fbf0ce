//! Commands in a selected mailbox, and APPEND.

use super::account::{Message, any, settable};
use super::commands::verdict;
use super::story::{FLAGS, Story};
use super::tree::numbers;
use super::wire::{Kind, fetched};
use std::collections::BTreeSet;

/// What is selected.
struct At {
    name: String,
    examined: bool,
    messages: Vec<(u32, Message)>,
}

impl Story<'_> {
    /// SELECT and EXAMINE need `r`. What cannot be changed is READ-ONLY, but for who is lenient.
    pub(super) async fn select(&mut self, name: &str, examine: bool) -> Result<Kind, String> {
        let held = self.account.held(name);
        let expected = verdict(&held, 'r');
        let command = if examine { "EXAMINE {mailbox}" } else { "SELECT {mailbox}" };
        self.selected = None;
        let heard = self.named(command, name, "", expected).await?;
        if expected != Kind::Ok {
            return Ok(expected);
        }
        let (number, now) = (self.account.mailboxes[name].number, self.now());
        if self.account.older_than.is_some() {
            self.account.fixed = Some((number, self.account.end_now(name, now)));
        }
        self.selected = Some((number, examine));
        let (exists, next) = (self.account.messages(name, now).len(), self.uid_next(name));
        let writes = !examine && (self.account.lenient || any(&held, "iestw"));
        let code = if writes { "OK [READ-WRITE]" } else { "OK [READ-ONLY]" };
        let flags = heard.after("* OK [PERMANENTFLAGS (").into_iter().next().unwrap_or_default();
        let flags: BTreeSet<&str> = flags.split(')').next().unwrap_or_default().split(' ').collect();
        for (flag, letter) in [("\\Seen", 's'), ("\\Deleted", 't'), ("\\Flagged", 'w'), ("\\*", 'w')] {
            if flags.contains(flag) != (!examine && held.contains(&letter)) {
                return Err(format!("{command} {name}: {flag} with {held:?}: {heard:#?}"));
            }
        }
        let is_told = heard.lines.contains(&format!("* {exists} EXISTS"))
            && heard.lines.iter().any(|line| line.starts_with(&format!("* OK [UIDNEXT {next}]")))
            && heard.completion.starts_with(code);
        match is_told {
            true => Ok(Kind::Ok),
            false => Err(format!("{command} {name}: {exists} EXISTS, UIDNEXT {next}, {code}: {heard:#?}")),
        }
    }

    /// Selects a mailbox, this one where it may be; then answers what is selected. Where none may
    /// be read, commands that need one are BAD.
    async fn open(&mut self, name: &str) -> Result<Option<At>, String> {
        let readable = self.readable();
        if readable.is_empty() {
            return Ok(None);
        }
        let open = self.selected.and_then(|(number, _)| self.account.name_of(number));
        let stays = open.is_some() && self.random.percent(40);
        if !stays {
            let wanted = readable.iter().find(|other| *other == name && self.random.percent(80));
            let name = wanted.unwrap_or_else(|| self.random.pick(&readable)).clone();
            let examine = self.random.percent(20);
            self.select(&name, examine).await?;
        }
        let Some((number, examined)) = self.selected else { return Ok(None) };
        let name = self.account.name_of(number).expect("it is there");
        let messages = self.account.messages(&name, self.now());
        Ok(Some(At { name, examined, messages }))
    }

    async fn with_nothing_open(&mut self, command: &str) -> Result<Kind, String> {
        self.expect(command, "", Kind::Bad).await.map(|_| Kind::Bad)
    }

    pub(super) async fn check(&mut self, name: &str) -> Result<Kind, String> {
        let expected = if self.open(name).await?.is_some() { Kind::Ok } else { Kind::Bad };
        self.expect("CHECK", "", expected).await.map(|_| expected)
    }

    pub(super) async fn unselect(&mut self, name: &str) -> Result<Kind, String> {
        let expected = if self.open(name).await?.is_some() { Kind::Ok } else { Kind::Bad };
        self.selected = None;
        self.expect("UNSELECT", "", expected).await.map(|_| expected)
    }

    /// CLOSE expunges where one may, and says nothing where one may not (RFC 4314 section 4).
    pub(super) async fn close(&mut self, name: &str) -> Result<Kind, String> {
        let Some(at) = self.open(name).await? else { return self.with_nothing_open("CLOSE").await };
        self.expect("CLOSE", "", Kind::Ok).await?;
        if !at.examined && any(&self.account.held(&at.name), "e") {
            self.expunges(&at);
        }
        self.selected = None;
        Ok(Kind::Ok)
    }

    pub(super) async fn expunge(&mut self, name: &str, command: &str) -> Result<Kind, String> {
        let Some(at) = self.open(name).await? else { return self.with_nothing_open(command).await };
        let may = any(&self.account.held(&at.name), "e");
        let expected = match (at.examined, self.account.lenient || may) {
            (true, _) => Kind::Cannot,
            (false, true) => Kind::Ok,
            (false, false) => Kind::Missing,
        };
        self.expect(command, "", expected).await?;
        if expected == Kind::Ok && may {
            self.expunges(&at);
        }
        Ok(expected)
    }

    fn expunges(&mut self, at: &At) {
        let mailbox = self.account.mailboxes.get_mut(&at.name).expect("it is there");
        for (uid, message) in &at.messages {
            if message.flags.contains("\\Deleted") {
                mailbox.messages.remove(uid);
            }
        }
    }

    pub(super) async fn search(&mut self, name: &str, by_uid: bool) -> Result<Kind, String> {
        let uid = if by_uid { "UID " } else { "" };
        let (key, flag) = *self.random.pick(&[("ALL", ""), ("UNSEEN", "\\Seen"), ("UNDELETED", "\\Deleted")]);
        let command = format!("{uid}SEARCH {key}");
        let Some(at) = self.open(name).await? else { return self.with_nothing_open(&command).await };
        let heard = self.expect(&command, "", Kind::Ok).await?;
        let all = (1..).zip(&at.messages).filter(|(_, (_, message))| !message.flags.contains(flag));
        let model: Vec<u32> = all.map(|(number, (uid, _))| if by_uid { *uid } else { number }).collect();
        match numbers(&heard) == model {
            true => Ok(Kind::Ok),
            false => Err(format!("{command} in {}: the model says {model:?}, the server {heard:#?}", at.name)),
        }
    }

    /// FETCH shows what is shown, and no UID beyond. Reading sets `\Seen` for who has `s` alone.
    pub(super) async fn fetch(&mut self, name: &str, by_uid: bool) -> Result<Kind, String> {
        let uid = if by_uid { "UID " } else { "" };
        let command = format!("{uid}FETCH 1:* (UID FLAGS)");
        let Some(at) = self.open(name).await? else { return self.with_nothing_open(&command).await };
        if at.messages.is_empty() && !by_uid {
            return self.with_nothing_open(&command).await;
        }
        let heard = self.expect(&command, "", Kind::Ok).await?;
        let shown = |(uid, message): &(u32, Message)| (*uid, message.flags.iter().cloned().collect::<Vec<_>>());
        let model: Vec<(u32, Vec<String>)> = at.messages.iter().map(shown).collect();
        if fetched(&heard.lines) != model {
            return Err(format!("{command} in {}: the model says {model:?}, the server {heard:#?}", at.name));
        }
        let all = self.account.mailboxes[&at.name].next_uid;
        let beyond = at.messages.last().map_or(1, |(uid, _)| uid + 1);
        if by_uid && beyond < all {
            let heard = self.expect(&format!("UID FETCH {beyond}:{all} (UID FLAGS)"), "", Kind::Ok).await?;
            if heard.lines.iter().any(|line| line.contains(" FETCH ")) {
                return Err(format!("there is nothing from {beyond} on in {}: {heard:#?}", at.name));
            }
        }
        let Some((place, uid)) = self.some_of(&at) else { return Ok(Kind::Ok) };
        let which = if by_uid { uid } else { place };
        let prefix = if by_uid { "UID " } else { "" };
        let heard = self.expect(&format!("{prefix}FETCH {which} (BODY[])"), "", Kind::Ok).await?;
        if !heard.lines.iter().any(|line| line.contains("Subject: x")) {
            return Err(format!("the message is not there: {heard:#?}"));
        }
        if !at.examined && any(&self.account.held(&at.name), "s") {
            self.account.message(&at.name, uid).expect("it is there").flags.insert("\\Seen".to_owned());
        }
        Ok(Kind::Ok)
    }

    /// One of the messages that are shown: its number and its UID.
    fn some_of(&mut self, at: &At) -> Option<(u32, u32)> {
        let place = self.random.below(at.messages.len());
        at.messages.get(place).map(|(uid, _)| (place as u32 + 1, *uid))
    }

    /// What a command names: a message that is shown by number or UID, or by UID one that may not
    /// be shown. The UID, the text, and whether there is such a message.
    fn target(&mut self, at: &At, by_uid: bool) -> (u32, String, bool) {
        if by_uid && self.random.percent(40) {
            let uid = self.random.between(1, self.account.mailboxes[&at.name].next_uid as usize) as u32;
            return (uid, uid.to_string(), at.messages.iter().any(|(shown, _)| *shown == uid));
        }
        match self.some_of(at) {
            Some((place, uid)) => (uid, if by_uid { uid } else { place }.to_string(), true),
            None => (1, "1".to_owned(), false),
        }
    }

    pub(super) async fn store(&mut self, name: &str, by_uid: bool) -> Result<Kind, String> {
        let prefix = if by_uid { "UID " } else { "" };
        let Some(at) = self.open(name).await? else {
            return self.with_nothing_open(&format!("{prefix}STORE 1 +FLAGS (\\Seen)")).await;
        };
        let (uid, which, is_shown) = self.target(&at, by_uid);
        let mut flags: Vec<String> =
            FLAGS.iter().filter(|_| self.random.percent(40)).map(|flag| (*flag).to_owned()).collect();
        if flags.is_empty() {
            flags.push("\\Seen".to_owned());
        }
        let adds = self.random.percent(60);
        let changed = settable(&flags, &self.account.held(&at.name));
        let expected = match (at.examined, by_uid, is_shown) {
            (true, ..) => Kind::Cannot,
            (_, false, false) => Kind::Bad,
            (_, true, false) => Kind::Ok,
            _ if self.account.lenient || !changed.is_empty() => Kind::Ok,
            _ => Kind::Missing,
        };
        let sign = if adds { '+' } else { '-' };
        let heard =
            self.expect(&format!("{prefix}STORE {which} {sign}FLAGS ({})", flags.join(" ")), "", expected).await?;
        if expected == Kind::Ok && is_shown {
            let forgets = self.account.lie != super::account::Lie::NothingForgotten;
            let changed = if self.account.lenient && !forgets { flags.into_iter().collect() } else { changed };
            let message = self.account.message(&at.name, uid).expect("it is there");
            message.flags = if adds { &message.flags | &changed } else { &message.flags - &changed };
        } else if heard.lines.iter().any(|line| line.contains(" FETCH ")) {
            return Err(format!("nothing is changed, and told: {heard:#?}"));
        }
        Ok(expected)
    }

    pub(super) async fn copy(&mut self, name: &str, by_uid: bool) -> Result<Kind, String> {
        let prefix = if by_uid { "UID " } else { "" };
        let Some(at) = self.open(name).await? else {
            return self.with_nothing_open(&format!("{prefix}COPY 1 {name}")).await;
        };
        let (uid, which, is_shown) = self.target(&at, by_uid);
        let expected = match is_shown || by_uid {
            true => verdict(&self.account.held(name), 'i'),
            false => Kind::Bad,
        };
        self.named(&format!("{prefix}COPY {which} {{mailbox}}"), name, "", expected).await?;
        if expected == Kind::Ok && is_shown {
            self.copies(&at.name, uid, name);
        }
        Ok(expected)
    }

    /// MOVE needs `t` and `e` where it comes from, `i` where it goes (RFC 6851 section 4.1).
    pub(super) async fn r#move(&mut self, name: &str, by_uid: bool) -> Result<Kind, String> {
        let prefix = if by_uid { "UID " } else { "" };
        let Some(at) = self.open(name).await? else {
            return self.with_nothing_open(&format!("{prefix}MOVE 1 {name}")).await;
        };
        let (uid, which, is_shown) = self.target(&at, by_uid);
        let held = self.account.held(&at.name);
        let expected = match (at.examined, is_shown || by_uid, verdict(&self.account.held(name), 'i')) {
            (true, ..) => Kind::Cannot,
            (_, false, _) => Kind::Bad,
            (_, _, Kind::Ok) if !"te".chars().all(|letter| held.contains(&letter)) => Kind::Missing,
            (_, _, kind) => kind,
        };
        self.named(&format!("{prefix}MOVE {which} {{mailbox}}"), name, "", expected).await?;
        if expected == Kind::Ok && is_shown {
            self.copies(&at.name, uid, name);
            self.account.mailboxes.get_mut(&at.name).expect("it is there").messages.remove(&uid);
        }
        Ok(expected)
    }

    /// A copy is a message that came now, with the flags that may be set there.
    fn copies(&mut self, from: &str, uid: u32, to: &str) {
        let flags = self.account.mailboxes[from].messages[&uid].flags.clone();
        let now = self.now();
        self.account.add(to, &flags, now);
    }

    /// All that is shown of a mailbox moves.
    pub(super) fn moves_all(&mut self, from: &str, to: &str) {
        for (uid, _) in self.account.messages(from, self.now()) {
            self.copies(from, uid, to);
            self.account.mailboxes.get_mut(from).expect("it is there").messages.remove(&uid);
        }
    }

    pub(super) async fn append(&mut self, name: &str) -> Result<Kind, String> {
        let expected = verdict(&self.account.held(name), 'i');
        let flags: Vec<String> =
            FLAGS.iter().filter(|_| self.random.percent(40)).map(|flag| (*flag).to_owned()).collect();
        let message = "Subject: x\r\n\r\ny\r\n";
        // However old it says that it is, it came now.
        let date = "\"01-Jan-2020 00:00:00 +0000\"";
        let command = format!("APPEND {{mailbox}} ({}) {date} {{{}}}", flags.join(" "), message.len());
        self.named(&command, name, message, expected).await?;
        if expected == Kind::Ok {
            let now = self.now();
            self.account.add(name, &flags, now);
        }
        Ok(expected)
    }
}
