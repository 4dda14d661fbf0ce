//! What the five people do in a story: a command each, what the model expects of it, and what
//! it does to the model where it succeeds.

use super::messages::{Flags, settable};
use super::model::{Letters, Lie, Who, shown};
use super::story::{GROUPS, NAMES, PEOPLE, Story, verdict};
use super::wire::Kind;
use std::collections::{BTreeMap, BTreeSet};

impl Story<'_> {
    pub(super) async fn my_rights(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let heard = self.ask(who, &format!("MYRIGHTS {path}"), None).await;
        self.count("my rights");
        // RFC 4314 section 4: one of l r i k x a.
        let expected = if "lrikxa".chars().any(|letter| held.contains(&letter)) { Kind::Ok } else { Kind::Hidden };
        self.compare(who, &format!("MYRIGHTS {path}"), &heard, &expected)?;
        self.learn(who);
        let model = if expected == Kind::Ok { vec![format!("{path} {}", shown(&held))] } else { Vec::new() };
        Self::same("MYRIGHTS", &heard.after("* MYRIGHTS "), &model)
    }

    pub(super) async fn select(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let heard = self.ask(who, &format!("SELECT {path}"), None).await;
        self.count("select");
        let expected = verdict(&held, 'r');
        self.compare(who, &format!("SELECT {path}"), &heard, &expected)?;
        let found = self.model.mailbox(account, name).map(|mailbox| (mailbox.number, mailbox.messages.len()));
        let session = self.sessions[who].as_mut().expect("they are signed in");
        (session.selected, session.known) = (None, BTreeSet::new());
        let Some((number, messages)) = found.filter(|_| expected == Kind::Ok) else { return Ok(()) };
        session.selected = Some((account, number));
        self.learn(who);
        if !heard.lines.contains(&format!("* {messages} EXISTS")) {
            return Err(format!("the model says {messages} EXISTS, the server {heard:#?}"));
        }
        // RFC 4314 section 5.2.
        let changes = "ieswt".chars().any(|letter| held.contains(&letter));
        let code = if changes { "[READ-WRITE]" } else { "[READ-ONLY]" };
        match heard.completion.as_ref().is_some_and(|said| said.contains(code)) {
            true => Ok(()),
            false => Err(format!("the model says {code}, the server {heard:#?}")),
        }
    }

    pub(super) async fn status(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let heard = self.ask(who, &format!("STATUS {path} (MESSAGES UNSEEN DELETED)"), None).await;
        self.count("status");
        let expected = verdict(&held, 'r');
        self.compare(who, &format!("STATUS {path}"), &heard, &expected)?;
        self.learn(who);
        let mut model = Vec::new();
        if expected == Kind::Ok {
            let messages = self.model.shown(account, name, who);
            let with = |flag: &str| messages.iter().filter(|(_, flags)| flags.contains(flag)).count();
            let all = messages.len();
            let (unseen, deleted) = (all - with("\\Seen"), with("\\Deleted"));
            model.push(format!("{path} (MESSAGES {all} UNSEEN {unseen} DELETED {deleted})"));
        }
        Self::same("STATUS", &heard.after("* STATUS "), &model)
    }

    pub(super) async fn fetch(&mut self, who: usize) -> Result<(), String> {
        let (expected, at) = self.selected(who);
        let heard = self.ask(who, "UID FETCH 1:* (FLAGS)", None).await;
        self.count("fetch");
        self.compare(who, "UID FETCH 1:* (FLAGS)", &heard, &expected)?;
        let known = self.sessions[who].as_ref().map(|session| session.known.clone()).unwrap_or_default();
        self.learn(who);
        let Some((account, name)) = at.filter(|_| expected == Kind::Ok) else { return Ok(()) };
        let now: BTreeMap<u32, Flags> = self.model.shown(account, &name, who).into_iter().collect();
        let mut server = BTreeMap::new();
        for line in heard.lines.iter().filter(|line| line.contains(" FETCH (UID ")) {
            let (uid, flags) = fetched(line).ok_or_else(|| format!("no FLAGS in {line:?}"))?;
            server.insert(uid, flags);
        }
        // What came since is told at the end of the command, by its flags or not at all.
        server.retain(|uid, _| known.contains(uid) || !now.contains_key(uid));
        let shown = now.into_iter().filter(|(uid, _)| known.contains(uid)).collect();
        Self::same("FETCH", &server, &shown)
    }

    /// One of the messages in the selected mailbox, if it has any, and whether the session was
    /// told of it: to a session that was not, its UID names nothing.
    fn some_message(&mut self, who: usize, at: Option<&(usize, String)>) -> Option<(u32, bool)> {
        let (account, name) = at?;
        let messages = &self.model.accounts[*account].mailboxes[name].messages;
        let uids: Vec<u32> = messages.keys().copied().collect();
        if uids.is_empty() {
            return None;
        }
        let uid = *self.random.pick(&uids);
        Some((uid, self.sessions[who].as_ref().is_some_and(|session| session.known.contains(&uid))))
    }

    pub(super) async fn store(&mut self, who: usize) -> Result<(), String> {
        let (mut expected, at) = self.selected(who);
        let flags = self.some_flags(at.as_ref().map(|(account, _)| *account));
        let add = self.random.percent(70);
        let found = self.some_message(who, at.as_ref());
        if expected == Kind::Ok && found.is_none() {
            return Ok(());
        }
        let (uid, is_known) = found.unwrap_or((1, false));
        let held = at.as_ref().map(|(account, name)| self.model.held(who, *account, name)).unwrap_or_default();
        let changed = settable(flags.iter().copied(), &held);
        if expected == Kind::Ok && is_known && changed.is_empty() {
            expected = Kind::Missing;
        }
        let sign = if add { '+' } else { '-' };
        let command = format!("UID STORE {uid} {sign}FLAGS ({})", flags.join(" "));
        let heard = self.ask(who, &command, None).await;
        self.count("store");
        self.compare(who, &command, &heard, &expected)?;
        if let Some((account, name)) = at.filter(|_| expected == Kind::Ok && is_known) {
            self.model.store(account, &name, uid, who, add, &changed);
        }
        self.learn(who);
        Ok(())
    }

    /// To read a message sets `\Seen` where one may, and is no less read where one may not.
    pub(super) async fn read(&mut self, who: usize) -> Result<(), String> {
        let (expected, at) = self.selected(who);
        let (uid, is_known) = self.some_message(who, at.as_ref()).unwrap_or((1, false));
        let command = format!("UID FETCH {uid} (BODY[])");
        let heard = self.ask(who, &command, None).await;
        self.count("read");
        self.compare(who, &command, &heard, &expected)?;
        if let Some((account, name)) = at.filter(|_| expected == Kind::Ok && is_known) {
            let seen = settable(["\\Seen"], &self.model.held(who, account, &name));
            self.model.store(account, &name, uid, who, true, &seen);
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn append(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let (flags, literal) = (self.some_flags(Some(account)), "Subject: x\r\n\r\ny\r\n");
        let command = format!("APPEND {path} ({}) {{{}}}", flags.join(" "), literal.len());
        let heard = self.ask(who, &command, Some(literal)).await;
        self.count("append");
        let expected = verdict(&held, 'i');
        self.compare(who, &command, &heard, &expected)?;
        if expected == Kind::Ok {
            let uid = self.model.append(account, name, who, settable(flags.iter().copied(), &held));
            let told = heard.completion.as_deref().unwrap_or_default();
            if !told.starts_with("OK [APPENDUID ") || !told.contains(&format!(" {uid}] ")) {
                return Err(format!("the model says UID {uid}, the server {told}"));
            }
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn expunge(&mut self, who: usize) -> Result<(), String> {
        let (mut expected, at) = self.selected(who);
        let held = at.as_ref().map(|(account, name)| self.model.held(who, *account, name)).unwrap_or_default();
        // Whoever reads knows that the mailbox is there, with or without l.
        if expected == Kind::Ok && !held.contains(&'e') {
            expected = Kind::Missing;
        }
        let heard = self.ask(who, "EXPUNGE", None).await;
        self.count("expunge");
        self.compare(who, "EXPUNGE", &heard, &expected)?;
        if let Some((account, name)) = at.filter(|_| expected == Kind::Ok) {
            self.model.expunge(account, &name);
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn copy(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (mut expected, at) = self.selected(who);
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let (uid, is_known) = self.some_message(who, at.as_ref()).unwrap_or((1, false));
        if expected == Kind::Ok {
            expected = verdict(&held, 'i');
        }
        let command = format!("UID COPY {uid} {path}");
        let heard = self.ask(who, &command, None).await;
        self.count("copy");
        self.compare(who, &command, &heard, &expected)?;
        if let Some((from, source)) = at.filter(|_| expected == Kind::Ok && is_known) {
            self.model.copy((from, &source, uid), (account, name), who);
        }
        self.learn(who);
        Ok(())
    }

    /// MOVE: a copy and an expunge, for who may do both.
    pub(super) async fn move_message(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (mut expected, at) = self.selected(who);
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let (uid, is_known) = self.some_message(who, at.as_ref()).unwrap_or((1, false));
        if expected == Kind::Ok {
            expected = verdict(&held, 'i');
        }
        if let Some((from, source)) = at.as_ref().filter(|_| expected == Kind::Ok) {
            let held = self.model.held(who, *from, source);
            if !"te".chars().all(|letter| held.contains(&letter)) {
                expected = Kind::Missing;
            }
        }
        let command = format!("UID MOVE {uid} {path}");
        let heard = self.ask(who, &command, None).await;
        self.count("move");
        self.compare(who, &command, &heard, &expected)?;
        if let Some((from, source)) = at.filter(|_| expected == Kind::Ok && is_known) {
            self.model.copy((from, &source, uid), (account, name), who);
            self.model.accounts[from].mailboxes.get_mut(&source).map(|mailbox| mailbox.messages.remove(&uid));
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn search(&mut self, who: usize) -> Result<(), String> {
        let (expected, at) = self.selected(who);
        let heard = self.ask(who, "UID SEARCH UNSEEN", None).await;
        self.count("search");
        self.compare(who, "UID SEARCH UNSEEN", &heard, &expected)?;
        let known = self.sessions[who].as_ref().map(|session| session.known.clone()).unwrap_or_default();
        self.learn(who);
        let Some((account, name)) = at.filter(|_| expected == Kind::Ok) else { return Ok(()) };
        let messages = self.model.shown(account, &name, who).into_iter();
        let unseen = messages.filter(|(uid, flags)| known.contains(uid) && !flags.contains("\\Seen"));
        let model: String = unseen.map(|(uid, _)| format!(" {uid}")).collect();
        Self::same("SEARCH", &heard.after("* SEARCH"), &vec![model])
    }

    pub(super) async fn rename(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        // INBOX and Archive stay where they are; what is above them is the account as a whole.
        let below: Vec<&str> = NAMES.into_iter().filter(|name| name.contains('/')).collect();
        let from = if name.contains('/') { name } else { *self.random.pick(&below) };
        let to = *self.random.pick(&below);
        let mut expected = verdict(&self.model.held(who, account, from), 'x');
        if expected == Kind::Ok && format!("{to}/").starts_with(&format!("{from}/")) {
            expected = Kind::Cannot;
        }
        if expected == Kind::Ok {
            let above = self.model.nearest_above(account, to).expect("the top levels stay");
            expected = verdict(&self.model.held(who, account, &above), 'k');
        }
        if expected == Kind::Ok && self.model.accounts[account].mailboxes.contains_key(to) {
            expected = Kind::Taken;
        }
        if expected == Kind::Ok && self.model.rename(who, account, from, to).is_none() {
            expected = Kind::Missing;
        }
        let command = format!("RENAME {} {}", self.path(account, from), self.path(account, to));
        let heard = self.ask(who, &command, None).await;
        self.count("rename");
        self.compare(who, &command, &heard, &expected)?;
        self.learn(who);
        Ok(())
    }

    pub(super) async fn create(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let path = self.path(account, name);
        // INBOX and Archive are there; what is above them is the account as a whole.
        let Some(above) = self.model.nearest_above(account, name) else { return Ok(()) };
        let mut expected = verdict(&self.model.held(who, account, &above), 'k');
        let is_there = self.model.accounts[account].mailboxes.contains_key(name);
        if expected == Kind::Ok && is_there {
            expected = Kind::Taken;
        }
        let heard = self.ask(who, &format!("CREATE {path}"), None).await;
        self.count("create");
        self.compare(who, &format!("CREATE {path}"), &heard, &expected)?;
        if expected == Kind::Ok {
            self.model.create(account, name);
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn delete(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let path = self.path(account, name);
        let mut expected = verdict(&self.model.held(who, account, name), 'x');
        if expected == Kind::Ok && name == "INBOX" {
            expected = Kind::Cannot;
        } else if expected == Kind::Ok && self.model.has_children(account, name) {
            expected = Kind::HasChildren;
        }
        let heard = self.ask(who, &format!("DELETE {path}"), None).await;
        self.count("delete");
        self.compare(who, &format!("DELETE {path}"), &heard, &expected)?;
        if expected == Kind::Ok {
            self.model.delete(account, name);
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn get_acl(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let path = self.path(account, name);
        let expected = verdict(&self.model.held(who, account, name), 'a');
        let heard = self.ask(who, &format!("GETACL {path}"), None).await;
        self.count("get acl");
        self.compare(who, &format!("GETACL {path}"), &heard, &expected)?;
        self.learn(who);
        if expected != Kind::Ok {
            return Ok(());
        }
        let groups = (0..GROUPS).map(Who::Group);
        let mut model = BTreeMap::new();
        for grantee in (0..PEOPLE.len()).map(Who::Person).chain(groups) {
            let given = self.model.protected(account, self.model.given_to(grantee, account, name));
            if !given.is_empty() {
                model.insert(self.identifier(grantee), shown(&given));
            }
        }
        let entries: String = model.iter().map(|(who, letters)| format!(" {who} {letters}")).collect();
        Self::same("GETACL", &heard.after("* ACL "), &vec![format!("{path}{entries}")])
    }

    pub(super) async fn set_acl(&mut self, who: usize, account: usize, name: &str) -> Result<(), String> {
        let (path, held) = (self.path(account, name), self.model.held(who, account, name));
        let (grantee, named) = (self.anyone(), self.some_letters());
        let before = self.model.given_to(grantee, account, name);
        let (sign, after): (&str, Letters) = match self.random.below(3) {
            0 => ("", named.clone()),
            1 => ("+", before.union(&named).copied().collect()),
            _ => ("-", before.difference(&named).copied().collect()),
        };
        let mut expected = verdict(&held, 'a');
        // Nobody gives what they do not hold.
        let grants = self.model.after_set(account, name, grantee, &after);
        let may = |grants: &Vec<_>| self.model.may_give(who, account, (name, name), grantee, grants);
        let gives_more = !grants.as_ref().is_none_or(may);
        if expected == Kind::Ok && gives_more && self.model.lie != Lie::AnyLetterIsGiven {
            expected = Kind::Missing;
        }
        let text: String = named.iter().collect();
        let command = format!("SETACL {path} {} \"{sign}{text}\"", self.identifier(grantee));
        let heard = self.ask(who, &command, None).await;
        self.count("set acl");
        self.compare(who, &command, &heard, &expected)?;
        if let Some(grants) = grants.filter(|_| expected == Kind::Ok) {
            self.model.accounts[account].grants = grants;
        }
        self.learn(who);
        Ok(())
    }

    pub(super) async fn idle(&mut self, who: usize) -> Result<(), String> {
        let (kind, _) = self.selected(who);
        // IDLE needs no mailbox; where one is selected it has to be readable.
        let expected = if kind == Kind::Bad { Kind::Ok } else { kind };
        let session = self.sessions[who].as_mut().expect("they are signed in");
        let heard = session.begin_idle().await;
        self.count("idle");
        self.compare(who, "IDLE", &heard, &expected)?;
        self.learn(who);
        Ok(())
    }
}

/// UID and flags of a FETCH line, \Recent left out.
fn fetched(line: &str) -> Option<(u32, BTreeSet<String>)> {
    let (uid, rest) = line.split_once("(UID ")?.1.split_once(' ')?;
    let flags = rest.strip_prefix("FLAGS (")?.split_once(')')?.0;
    let flags = flags.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
    Some((uid.parse().ok()?, flags.map(str::to_owned).collect()))
}
