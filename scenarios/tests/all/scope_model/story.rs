//! One seed: an account with mail, a credential, every command, and what became of the account.

use super::account::{Account, Lie, any};
use super::credential::{Against, HOLDER, OWNER, Plan};
use super::wire::{Heard, Kind, ask, fetched};
use crate::people::address;
use base64::Engine as _;
use postern_app::{Counters, DirectSignIn, Issued, PolicyChange, Purposes, SharedChange};
use postern_imap_wire::COMMANDS;
use postern_store::{GateError, Read, Tx};
use postern_testkit::power::Random;
use postern_testkit::{House, ImapClient};
use postern_types::MailboxName;
use std::collections::BTreeMap;

const ALICE: &str = "alice@example.org";
/// The one text for every refusal.
const REFUSED: &str = "NO [AUTHENTICATIONFAILED] The name or the password is wrong";
pub const FLAGS: [&str; 5] = ["\\Seen", "\\Deleted", "\\Flagged", "\\Answered", "$Done"];
/// More than any age of a scope.
const DAYS: i64 = 10;

/// Which mailbox a command is tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Inbox,
    InScope,
    OutOfScope,
    Absent,
    Shared,
}

/// Counters by mailbox, and names that Alice is subscribed to.
type Everything = (BTreeMap<String, Counters>, Vec<String>);

/// The account before the credential's first command.
struct Before {
    all: Everything,
    /// May the credential change nothing?
    of_a_reader: bool,
}

pub struct Story<'a> {
    pub house: &'a House,
    pub address: String,
    pub random: Random,
    pub account: Account,
    /// An owner, who looks.
    alice: ImapClient,
    /// The credential's session.
    pub client: ImapClient,
    pub secret: String,
    /// Number of the mailbox that is selected, and whether EXAMINE did it.
    pub selected: Option<(usize, bool)>,
    pub told: Vec<String>,
    pub counts: BTreeMap<String, usize>,
}

impl<'a> Story<'a> {
    /// Tells the story of a seed; answers how often what was done, or where the two differ.
    pub async fn run(house: &'a House, seed: u64, lie: Lie) -> Result<BTreeMap<String, usize>, String> {
        let mut random = Random::new(seed);
        let address = format!("s{seed}@example.org");
        let mut account = Account::new(lie);
        account.protected = random.percent(25);
        let alice = furnish(house, &address, &account).await;
        let client = house.imap("credential").await;
        let (secret, selected, told, counts) = (String::new(), None, Vec::new(), BTreeMap::new());
        let mut story = Self { house, address, random, account, alice, client, secret, selected, told, counts };
        let done = story.tell().await;
        // The next story has the same people.
        let _ = house.app().suspend_person(house.operator(), &self::address(OWNER), false).await;
        done.map_err(|error| format!("{error}\nPOSTERN_SEED={seed}, the last of it:\n{}", story.last_told()))?;
        Ok(story.counts)
    }

    fn last_told(&self) -> String {
        let from = self.told.len().saturating_sub(12);
        self.told[from..].join("\n")
    }

    pub fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    pub fn now(&self) -> i64 {
        self.house.now().0
    }

    async fn tell(&mut self) -> Result<(), String> {
        self.fill().await;
        let plan = Plan::new(&mut self.random, &mut self.account, self.house.now());
        self.told.push(format!("{plan:?}"));
        if plan.wish.older_than_ms.is_some() {
            self.house.pass_days(DAYS);
            self.fill().await;
        }
        let issued = self.issue(plan).await;
        let (issued, plan) = issued?;
        if !self.signs_in(&issued, &plan).await? {
            return Ok(());
        }
        self.note_kind();
        let before = Before { all: self.everything().await, of_a_reader: self.account.is_read_only() };
        let ends_by_time = plan.wish.older_than_ms.is_some();
        let half = self.commands().await?;
        if ends_by_time && !self.lets_time_pass(&issued).await? {
            return self.compare(&before).await;
        }
        for (command, place) in half {
            self.attempt(command, place).await?;
        }
        self.compare(&before).await?;
        self.connections(&plan).await?;
        self.is_taken_back(&issued).await
    }

    /// The first half of every command on every place, in an order of its own; answers the others.
    async fn commands(&mut self) -> Result<Vec<(usize, Place)>, String> {
        let places = [Place::Inbox, Place::InScope, Place::OutOfScope, Place::Absent, Place::Shared];
        let mut all: Vec<(usize, Place)> =
            (0..COMMANDS.len()).flat_map(|command| places.map(|place| (command, place))).collect();
        let mut first = Vec::new();
        for _ in 0..all.len() / 2 {
            first.push(all.swap_remove(self.random.below(all.len())));
        }
        for (command, place) in first {
            self.attempt(command, place).await?;
        }
        for last in (1..all.len()).rev() {
            all.swap(last, self.random.below(last + 1));
        }
        Ok(all)
    }

    fn note_kind(&mut self) {
        self.count("signed in");
        if self.account.is_read_only() {
            self.count("read-only");
        }
        if self.account.lenient {
            self.count("lenient");
        }
        if self.account.older_than.is_some() {
            self.count("old alone");
        }
    }

    /// Some messages in some mailboxes, by Alice.
    async fn fill(&mut self) {
        for name in ["INBOX", "Archive", "Cases", "Cases/Open", "Secret"] {
            for _ in 0..self.random.between(1, 2) {
                let flags: Vec<String> =
                    FLAGS.iter().filter(|_| self.random.percent(30)).map(|flag| (*flag).to_owned()).collect();
                let path = format!("Shared/{}/{name}", self.address);
                let added = self.alice.append(&path, &flags.join(" "), b"Subject: x\r\n\r\ny\r\n").await;
                assert!(added.status.starts_with("OK"), "{}", added.status);
                let now = self.now();
                if !self.account.mailboxes.contains_key(name) {
                    self.account.create(name);
                }
                self.account.put(name, flags.into_iter().collect(), now);
            }
        }
    }

    async fn issue(&mut self, plan: Plan) -> Result<(Issued, Plan), String> {
        let (app, operator, account) = (self.house.app(), self.house.operator(), address(&self.address));
        let issued = app.issue_credential(operator, &account, plan.wish.clone()).await;
        let issued = issued.map_err(|error| format!("it is not issued: {error}"))?;
        let which = issued.row.public_id.clone();
        let policy = |change| app.set_policy(operator, Some(&account), change);
        if issued.row.facts.purpose.is_checked_out() && plan.against != Against::NotCheckedOut {
            app.open_credential(operator, &which, None).await.expect("it is checked out");
        }
        match plan.against {
            Against::Suspended => drop(app.suspend_credential(operator, &which).await.expect("suspended")),
            Against::Revoked => drop(app.revoke_credential(operator, &which, false).await.expect("revoked")),
            Against::Expired => {
                let end = issued.row.facts.expires.0 - self.now();
                self.house.pass_days(end / (24 * 60 * 60 * 1000) + 1);
            }
            Against::PolicyBlocks => {
                let direct_sign_in = Some(DirectSignIn::Blocked);
                policy(PolicyChange { direct_sign_in, ..PolicyChange::default() }).await.expect("a policy");
            }
            Against::PolicyPurpose => {
                let purposes = Some(Purposes::of([]));
                policy(PolicyChange { purposes, ..PolicyChange::default() }).await.expect("a policy");
            }
            Against::OwnerSuspended => {
                app.suspend_person(operator, &address(OWNER), true).await.expect("suspended");
            }
            _ => {}
        }
        Ok((issued, plan))
    }

    /// Signs in by LOGIN or by PLAIN, as the model says: or is refused as everybody is.
    async fn signs_in(&mut self, issued: &Issued, plan: &Plan) -> Result<bool, String> {
        self.secret = secret(issued);
        let mut secret = self.secret.clone();
        if plan.against == Against::DamagedSecret {
            let last = if secret.ends_with('0') { '1' } else { '0' };
            secret.pop();
            secret.push(last);
        }
        let name = if plan.against == Against::OtherName { HOLDER } else { &self.address }.to_owned();
        let by_plain = self.random.percent(50);
        let completion = sign_in(&mut self.client, &name, &secret, by_plain).await;
        self.told.push(format!("sign-in: {completion}"));
        let stands = plan.against == Against::Nothing || self.account.lie == Lie::NothingAgainst;
        match (stands, completion.starts_with("OK "), completion == REFUSED) {
            (true, true, _) => Ok(true),
            (false, _, true) => {
                self.count("refused");
                Ok(false)
            }
            _ => Err(format!("{:?} stands against it, and the server says {completion:?}", plan.against)),
        }
    }

    /// Days pass under the open session. Is it open still?
    async fn lets_time_pass(&mut self, issued: &Issued) -> Result<bool, String> {
        self.house.pass_days(DAYS);
        self.count("time passed");
        let facts = &issued.row.facts;
        // What was checked out is shut by now.
        let stands = self.house.now() < facts.expires && !facts.purpose.is_checked_out();
        if !stands {
            self.ends().await?;
        }
        Ok(stands)
    }

    /// The next command is answered with BYE, and the connection is closed; so it is where that was
    /// told before.
    async fn ends(&mut self) -> Result<(), String> {
        self.client.send(b"last NOOP\r\n").await;
        let mut said = Vec::new();
        while let Some(response) = self.client.try_response().await {
            said.push(String::from_utf8_lossy(&response).into_owned());
            if response.starts_with(b"last ") {
                return Err(format!("the session goes on: {said:?}"));
            }
        }
        match said.iter().any(|line| line.starts_with("* BYE Your sign-in has ended")) {
            true => Ok(()),
            false => Err(format!("the session ends without a word: {said:?}")),
        }
    }

    /// As many sessions as it may have, and one more.
    async fn connections(&mut self, plan: &Plan) -> Result<(), String> {
        let Some(most) = plan.wish.connections else { return Ok(()) };
        let mut others = Vec::new();
        for _ in 1..most {
            let mut other = self.house.imap("another").await;
            other.login(&self.address, &self.secret).await;
            others.push(other);
        }
        let mut more = self.house.imap("one too many").await;
        let completion = sign_in(&mut more, &self.address, &self.secret, false).await;
        self.count("limit");
        match completion.starts_with("NO [LIMIT] ") {
            true => Ok(()),
            false => Err(format!("{most} connections at most, and to one more the server says {completion:?}")),
        }
    }

    /// Whoever takes it back ends its session.
    async fn is_taken_back(&mut self, issued: &Issued) -> Result<(), String> {
        let (app, operator, account) = (self.house.app(), self.house.operator(), address(&self.address));
        let which = &issued.row.public_id;
        let how = self.random.below(6);
        self.told.push(format!("taken back by {how}"));
        match how {
            0 => drop(app.revoke_credential(operator, which, true).await.expect("revoked")),
            1 => drop(app.suspend_credential(operator, which).await.expect("suspended")),
            2 => app.suspend_person(operator, &address(OWNER), true).await.expect("suspended"),
            3 => drop(app.remove_shared(operator, &account).await.expect("removed")),
            4 => {
                let direct_sign_in = Some(DirectSignIn::Blocked);
                let change = PolicyChange { direct_sign_in, ..PolicyChange::default() };
                app.set_policy(operator, Some(&account), change).await.expect("a policy");
            }
            _ => self.house.pass_days(400),
        }
        self.ends().await
    }

    /// What a command names at this place; nothing where the scope leaves no such mailbox.
    pub fn name_at(&mut self, place: Place) -> Option<String> {
        let of_scope = |account: &Account, held: bool| -> Vec<String> {
            let names = account.mailboxes.keys().filter(|name| *name != "INBOX");
            names.filter(|name| account.held(name).is_empty() != held).cloned().collect()
        };
        let some = match place {
            Place::Inbox => vec!["INBOX".to_owned()],
            Place::InScope => of_scope(&self.account, true),
            Place::OutOfScope => of_scope(&self.account, false),
            Place::Absent => {
                let names = ["Nowhere", "Nowhere/Deep", "Cases/Nowhere", "Secret/Nowhere", "INBOX/Nowhere"];
                let absent = names.into_iter().filter(|name| !self.account.mailboxes.contains_key(*name));
                absent.map(str::to_owned).collect()
            }
            Place::Shared => {
                let own = format!("Shared/{}/INBOX", self.address);
                vec![own, "Shared/alice@example.org/INBOX".to_owned(), "Shared/nobody@example.org/Cases".to_owned()]
            }
        };
        if some.is_empty() { None } else { Some(self.random.pick(&some).clone()) }
    }

    /// Sends a command, whose answer has to be of this kind.
    pub async fn expect(&mut self, command: &str, more: &str, expected: Kind) -> Result<Heard, String> {
        let heard = ask(&mut self.client, command, more).await;
        self.told.push(format!("{command} -> {}", heard.completion));
        if heard.kind() == expected {
            return Ok(heard);
        }
        Err(format!("{command}: the model says {expected:?}, the server {heard:#?}"))
    }

    /// Counters of every mailbox, modseq and `\Recent` among them, and whom Alice is subscribed to.
    async fn everything(&mut self) -> Everything {
        let caller = self.house.acting_as(ALICE).await;
        let (names, account) = (self.account.mailboxes.keys().cloned().collect::<Vec<_>>(), address(&self.address));
        let read = self.house.app().db().read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let account = tx.account_at(&account)?.expect("it is there");
            let counters = names.iter().map(|name| {
                let parsed = MailboxName::parse(name).expect("a name");
                Ok((name.clone(), tx.open_named::<Read>(&caller, account, &parsed)?.counters()?))
            });
            counters.collect::<Result<_, GateError>>()
        });
        let subscribed = self.alice.ok(&format!("LSUB \"\" Shared/{}/*", self.address), "").await.lines();
        (read.await.expect("an owner reads all of it"), subscribed)
    }

    /// What Alice sees is what the model has; after somebody who may change nothing it is as it was
    /// in every number.
    async fn compare(&mut self, before: &Before) -> Result<(), String> {
        let root = format!("Shared/{}/", self.address);
        let listed = self.alice.ok(&format!("LIST \"\" {root}*"), "").await;
        let mut names: Vec<String> =
            listed.lines().iter().filter_map(|line| Some(line.split_once(&root)?.1.to_owned())).collect();
        names.sort();
        let model: Vec<String> = self.account.mailboxes.keys().cloned().collect();
        if names != model {
            return Err(format!("mailboxes: the model says {model:?}, the server {names:?}"));
        }
        for name in names {
            self.alice.ok(&format!("EXAMINE {root}{name}"), "").await;
            let heard = self.alice.ok("UID FETCH 1:* (FLAGS)", "").await.lines();
            let messages = self.account.mailboxes[&name].messages.iter();
            let model: Vec<(u32, Vec<String>)> =
                messages.map(|(uid, message)| (*uid, message.flags.iter().cloned().collect())).collect();
            if fetched(&heard) != model {
                return Err(format!("{name}: the model says {model:?}, the server {heard:?}"));
            }
        }
        let after = self.everything().await;
        let cases = format!("{root}Cases");
        if after.1.iter().any(|line| line.ends_with(&cases)) {
            return Err("Alice is subscribed to what she has unsubscribed from".to_owned());
        }
        if before.of_a_reader && after != before.all {
            return Err(format!("a reader changed something: {after:#?} was {:#?}", before.all));
        }
        Ok(())
    }

    /// Which of the mailboxes that are there may be read.
    pub fn readable(&self) -> Vec<String> {
        self.account.mailboxes.keys().filter(|name| any(&self.account.held(name), "r")).cloned().collect()
    }
}

/// The shared account with its owner, who has unsubscribed from one mailbox, and its reader.
async fn furnish(house: &House, shared: &str, account: &Account) -> ImapClient {
    house.shared(shared).await;
    house.grant(shared, ALICE, "lrswipkxtea").await;
    house.grant(shared, HOLDER, "lr").await;
    let change = SharedChange { delete_protection: Some(account.protected), ..SharedChange::default() };
    house.app().set_shared(house.operator(), &address(shared), change).await.expect("a setting");
    let mut alice = house.imap_as(ALICE).await;
    for name in ["Cases", "Cases/Open", "Secret"] {
        alice.ok(&format!("CREATE Shared/{shared}/{name}"), "").await;
    }
    alice.ok(&format!("UNSUBSCRIBE Shared/{shared}/Cases"), "").await;
    alice
}

fn secret(issued: &Issued) -> String {
    issued.secret.as_ref().expect("a secret").expose_text().expect("letters").to_owned()
}

pub async fn sign_in(client: &mut ImapClient, name: &str, secret: &str, by_plain: bool) -> String {
    let command = match by_plain {
        true => {
            let response = base64::engine::general_purpose::STANDARD.encode(format!("\0{name}\0{secret}"));
            format!("AUTHENTICATE PLAIN {response}")
        }
        false => format!("LOGIN {name} {secret}"),
    };
    ask(client, &command, "").await.completion
}
