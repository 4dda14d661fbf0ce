//! One seed: five people, three shared accounts, and random acts, each of which is told to the
//! server and to the model, and has to end alike in both.

use super::messages::{TEAM, Whose};
use super::model::{ALL, Letters, Lie, Model, Who, letters, shown};
use super::wire::{Heard, Kind, Session};
use postern_testkit::power::Random;
use postern_testkit::{House, PASSWORD};
use postern_types::{Address, DisplayName, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Five people; they outlive the seeds.
pub const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
pub(super) const ACCOUNTS: usize = 3;
pub(super) const GROUPS: usize = 2;
const STEPS: usize = 100;
/// Mailboxes that commands name: two that every account has, and some below them.
pub(super) const NAMES: [&str; 6] = ["INBOX", "Archive", "INBOX/a", "Archive/a", "Archive/a/b", "Archive/c"];
const FLAGS: [&str; 3] = ["\\Seen", "\\Flagged", "\\Deleted"];
/// Letters that people are given often; others are any.
const USUAL: [&str; 8] = ["lr", "lrs", "lrswi", "lrswite", "lrswipkxte", "lrswia", ALL, ""];

/// What one seed acts on.
pub struct Story<'a> {
    pub(super) house: &'a House,
    seed: u64,
    pub(super) random: Random,
    pub(super) model: Model,
    /// The server's time at minute 0 of the model: ends of the same minute are the same moment.
    pub(super) began: Timestamp,
    pub(super) sessions: Vec<Option<Session>>,
    /// What was done, for the one who reads of a failure.
    pub(super) told: Vec<String>,
    /// How often each act was done, for the test that looks whether stories are full.
    counts: BTreeMap<&'static str, usize>,
}

pub(super) fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// What a command has to end with.
pub(super) fn verdict(held: &Letters, needed: char) -> Kind {
    match (held.contains(&needed), held.contains(&'l')) {
        (true, _) => Kind::Ok,
        (false, true) => Kind::Missing,
        (false, false) => Kind::Hidden,
    }
}

impl<'a> Story<'a> {
    /// Runs a seed to its end; `Err` tells where server and model differed, and what led there.
    pub async fn run(house: &'a House, seed: u64, lie: Lie) -> Result<BTreeMap<&'static str, usize>, String> {
        let model = Model::new(lie, PEOPLE.len(), GROUPS, ACCOUNTS);
        let sessions = PEOPLE.iter().map(|_| None).collect();
        let (random, told, counts) = (Random::new(seed), Vec::new(), BTreeMap::new());
        let began = house.now();
        let mut story = Story { house, seed, random, model, began, sessions, told, counts };
        story.begin().await;
        let lived = story.live().await;
        let told = story.told.join("\n");
        let counts = std::mem::take(&mut story.counts);
        story.end().await;
        lived.map_err(|error| format!("{error}\nWhat led there:\n{told}"))?;
        Ok(counts)
    }

    async fn begin(&mut self) {
        for account in 0..ACCOUNTS {
            self.house.shared(&self.account(account)).await;
        }
        for group in 0..GROUPS {
            let members: BTreeSet<usize> = (0..PEOPLE.len()).filter(|_| self.random.percent(40)).collect();
            let addresses: Vec<Address> = members.iter().map(|member| address(&person(*member))).collect();
            let (app, operator) = (self.house.app(), self.house.operator());
            let made = app.add_group(operator, &address(&self.group(group)), &DisplayName::default(), &addresses).await;
            made.expect("a group");
            self.model.groups[group] = Some(members);
        }
        // Enough to begin with that not everything is hidden.
        for _ in 0..6 {
            self.grant().await;
        }
    }

    async fn live(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            self.step().await?;
            self.idlers().await?;
            if self.random.percent(20) {
                let who = self.random.below(PEOPLE.len());
                self.look(who).await?;
            }
        }
        for who in 0..PEOPLE.len() {
            if self.sessions[who].is_some() {
                self.look(who).await?;
                self.sign_out(who).await?;
            }
        }
        Ok(())
    }

    /// Leaves nothing behind that the next seed would see.
    async fn end(mut self) {
        let (app, operator) = (self.house.app(), self.house.operator());
        self.sessions.clear();
        for (who, suspended) in self.model.suspended.iter().enumerate() {
            if *suspended {
                app.suspend_person(operator, &address(&person(who)), false).await.expect("resumed");
            }
        }
        for group in 0..GROUPS {
            if self.model.groups[group].is_some() {
                app.remove_group(operator, &address(&self.group(group))).await.expect("a group less");
            }
        }
        for account in 0..ACCOUNTS {
            let shared = address(&self.account(account));
            for grant in app.grants(operator, &shared).await.expect("the grants") {
                // Several of one grantee go at once; then there is none to take back.
                let _ = app.take_back(operator, &shared, &address(&grant.grantee_address), None).await;
            }
        }
    }

    pub(super) fn account(&self, account: usize) -> String {
        format!("desk{account}-{}@example.org", self.seed)
    }

    pub(super) fn group(&self, group: usize) -> String {
        format!("team{group}-{}@example.org", self.seed)
    }

    pub(super) fn path(&self, account: usize, name: &str) -> String {
        format!("Shared/{}/{name}", self.account(account))
    }

    pub(super) fn identifier(&self, who: Who) -> String {
        match who {
            Who::Person(who) => person(who),
            Who::Group(group) => self.group(group),
        }
    }

    pub(super) fn count(&mut self, act: &'static str) {
        *self.counts.entry(act).or_default() += 1;
    }

    /// Someone who can hold a grant.
    pub(super) fn anyone(&mut self) -> Who {
        let groups: Vec<usize> = (0..GROUPS).filter(|group| self.model.groups[*group].is_some()).collect();
        match groups.is_empty() || self.random.percent(65) {
            true => Who::Person(self.random.below(PEOPLE.len())),
            false => Who::Group(*self.random.pick(&groups)),
        }
    }

    pub(super) fn some_letters(&mut self) -> Letters {
        match self.random.percent(70) {
            true => letters(USUAL[self.random.below(USUAL.len())]),
            false => ALL.chars().filter(|_| self.random.percent(40)).collect(),
        }
    }

    /// Flags to set in this account, of which it may say that the team has seen it.
    pub(super) fn some_flags(&mut self, account: Option<usize>) -> Vec<&'static str> {
        let first = *self.random.pick(&FLAGS);
        let mut flags: Vec<&str> = FLAGS.into_iter().filter(|flag| *flag == first || self.random.percent(30)).collect();
        let tells_of_team = account.is_some_and(|account| self.model.accounts[account].seen == Whose::Both);
        if tells_of_team && self.random.percent(30) {
            flags.push(TEAM);
        }
        flags
    }

    /// One act: a quarter of them by the operator.
    async fn step(&mut self) -> Result<(), String> {
        match self.random.below(100) {
            0..10 => self.grant().await,
            10..15 => self.revoke().await,
            15..20 => self.membership().await,
            20 => self.disband().await,
            21..23 => return self.suspension().await,
            23..25 => self.setting().await,
            25..27 => return self.wait().await,
            27 => {
                let who = self.random.below(PEOPLE.len());
                return self.sign_out(who).await;
            }
            number => return self.command(number).await,
        }
        Ok(())
    }

    async fn command(&mut self, number: usize) -> Result<(), String> {
        // Half of it in one place, so that they get into each other's way.
        let (account, name) = match self.random.percent(50) {
            true => (0, NAMES[0]),
            false => (self.random.below(ACCOUNTS), *self.random.pick(&NAMES)),
        };
        let who = match number {
            // What needs `a` is tried by those who have it, for few do.
            28..37 => self.someone(account, name, "a"),
            _ => self.someone(account, name, ALL),
        };
        if !self.ready(who).await? {
            return Ok(());
        }
        match number {
            28..31 => self.get_acl(who, account, name).await,
            31..37 => self.set_acl(who, account, name).await,
            37..41 => self.my_rights(who, account, name).await,
            41..51 => self.select(who, account, name).await,
            51..55 => self.status(who, account, name).await,
            55..61 => self.fetch(who).await,
            61..64 => self.read(who).await,
            64..72 => self.store(who).await,
            72..80 => self.append(who, account, name).await,
            80..82 => self.search(who).await,
            82..85 => self.expunge(who).await,
            85..87 => self.copy(who, account, name).await,
            87..89 => self.move_message(who, account, name).await,
            89..93 => self.create(who, account, name).await,
            93..95 => self.delete(who, account, name).await,
            95..97 => self.rename(who, account, name).await,
            _ => self.idle(who).await,
        }
    }

    /// One of the people: most of the time one who holds some of these letters there.
    fn someone(&mut self, account: usize, name: &str, some: &str) -> usize {
        let holds = |who: &usize| some.chars().any(|letter| self.model.held(*who, account, name).contains(&letter));
        let holders: Vec<usize> = (0..PEOPLE.len()).filter(holds).collect();
        match holders.is_empty() || self.random.percent(30) {
            true => self.random.below(PEOPLE.len()),
            false => *self.random.pick(&holders),
        }
    }

    /// Has this person a session that takes a command? Who has none signs in, or is refused while
    /// suspended; IDLE is ended.
    pub(super) async fn ready(&mut self, who: usize) -> Result<bool, String> {
        let suspended = self.model.suspended[who];
        if self.sessions[who].is_none() {
            // The refusal of a sign-in takes its time, so not everyone who is suspended tries.
            if suspended && self.random.percent(75) {
                return Ok(false);
            }
            let mut session = Session::new(self.house.imap(PEOPLE[who]).await);
            let heard = session.ask(&format!("LOGIN {} \"{PASSWORD}\"", person(who)), None).await;
            self.count("sign-in");
            let expected = if suspended { Kind::Strange } else { Kind::Ok };
            self.compare(who, "LOGIN", &heard, &expected)?;
            if suspended {
                return match heard.completion.is_some_and(|said| said.starts_with("NO [AUTHENTICATIONFAILED]")) {
                    true => Ok(false),
                    false => Err(format!("{} is suspended and was not refused", PEOPLE[who])),
                };
            }
            self.sessions[who] = Some(session);
        }
        let Some(session) = &mut self.sessions[who] else { return Ok(false) };
        if let Some(tag) = session.idle.take() {
            let heard = session.end_idle(&tag).await;
            self.compare(who, "DONE", &heard, &Kind::Ok)?;
            self.learn(who);
        }
        Ok(true)
    }

    pub(super) async fn ask(&mut self, who: usize, command: &str, literal: Option<&str>) -> Heard {
        let session = self.sessions[who].as_mut().expect("they are signed in");
        session.ask(command, literal).await
    }

    /// The server's answer has to be of the kind that the model expects.
    pub(super) fn compare(&mut self, who: usize, command: &str, heard: &Heard, expected: &Kind) -> Result<(), String> {
        let completion = heard.completion.as_deref().unwrap_or("(closed)");
        self.told.push(format!("{}: {command} -> {completion}", PEOPLE[who]));
        if heard.kind() == *expected {
            return Ok(());
        }
        Err(format!("{command}: the model expects {expected:?}, the server answers {:?}: {heard:#?}", heard.kind()))
    }

    pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, server: &T, model: &T) -> Result<(), String> {
        match server == model {
            true => Ok(()),
            false => Err(format!("{what}: the server says {server:#?}\nthe model says {model:#?}")),
        }
    }

    /// At the end of a command the session has heard of every message, if it may still read.
    pub(super) fn learn(&mut self, who: usize) {
        let Some(Some((account, number))) = self.sessions[who].as_ref().map(|session| session.selected) else {
            return;
        };
        let Some(name) = self.model.name_of(account, number) else { return };
        if !self.model.held(who, account, &name).contains(&'r') {
            return;
        }
        let there: Vec<u32> = self.model.accounts[account].mailboxes[&name].messages.keys().copied().collect();
        if let Some(session) = &mut self.sessions[who] {
            session.known.extend(there);
        }
    }

    /// What a command on the selected mailbox has to end with before its own letters count,
    /// and where that mailbox is.
    pub(super) fn selected(&mut self, who: usize) -> (Kind, Option<(usize, String)>) {
        let Some(session) = &mut self.sessions[who] else { return (Kind::Bye, None) };
        let Some((account, number)) = session.selected else { return (Kind::Bad, None) };
        let Some(name) = self.model.name_of(account, number) else {
            session.selected = None;
            return (Kind::Hidden, None);
        };
        let kind = verdict(&self.model.held(who, account, &name), 'r');
        if kind == Kind::Hidden {
            session.selected = None;
        }
        (kind, Some((account, name)))
    }

    /// Every mailbox that someone sees, with their letters, is what LIST shows.
    async fn look(&mut self, who: usize) -> Result<(), String> {
        if !self.ready(who).await? {
            return Ok(());
        }
        let heard = self.ask(who, "LIST \"\" Shared/* RETURN (MYRIGHTS)", None).await;
        self.count("look");
        self.compare(who, "LIST", &heard, &Kind::Ok)?;
        self.learn(who);
        let server: BTreeSet<String> = heard.after("* MYRIGHTS ").into_iter().collect();
        let mut model = BTreeSet::new();
        for account in 0..ACCOUNTS {
            for name in self.model.accounts[account].mailboxes.keys() {
                let held = self.model.held(who, account, name);
                if held.contains(&'l') {
                    model.insert(format!("{} {}", self.path(account, name), shown(&held)));
                }
            }
        }
        Self::same("LIST", &server, &model)
    }

    /// Who waits in IDLE hears BYE as soon as they may not: nothing is asked, it comes.
    async fn idlers(&mut self) -> Result<(), String> {
        for who in 0..PEOPLE.len() {
            let Some(session) = self.sessions[who].as_ref().filter(|session| session.idle.is_some()) else { continue };
            let reads = session.selected.is_none_or(|(account, number)| {
                let name = self.model.name_of(account, number);
                name.is_some_and(|name| self.model.held(who, account, &name).contains(&'r'))
            });
            if reads {
                continue;
            }
            let heard = self.sessions[who].as_mut().expect("they are signed in").farewell().await;
            self.sessions[who] = None;
            self.count("bye");
            self.compare(who, "(in IDLE)", &heard, &Kind::Bye)?;
        }
        Ok(())
    }

    async fn sign_out(&mut self, who: usize) -> Result<(), String> {
        if self.sessions[who].is_none() || !self.ready(who).await? {
            return Ok(());
        }
        let heard = self.ask(who, "LOGOUT", None).await;
        self.sessions[who] = None;
        self.count("sign-out");
        self.compare(who, "LOGOUT", &heard, &Kind::Ok)
    }
}

pub fn person(who: usize) -> String {
    format!("{}@example.org", PEOPLE[who])
}
