//! Copies of a shared mailbox that two programs of other people and a client of our own keep, while three people change
//! it and the server is killed again and again: in the end all of them are what the mailbox is.
//!
//! mbsync and offlineimap3 keep Maildirs, both ways; our own client comes back by QRESYNC (RFC 7162) and fetches no body
//! twice. Nothing is there twice, nothing that was acknowledged is lost but what somebody asked to delete, and what was
//! gone stays gone (docs/design.md law 3).
//!
//! `POSTERN_SEEDS` is the number of kills (5); `POSTERN_SEED` another seed than 1.

mod keeper;
mod ledger;
mod maildirs;
mod wire;
mod writers;

use crate::foreign::program;
use crate::process::{self, Serving};
use crate::seeds;
use keeper::Keeper;
use ledger::{Ledger, Message, View};
use maildirs::{Kind, Maildirs, as_kept};
use postern_testkit::power::Random;
use postern_testkit::{Engine, ImapClient, TestDatabase};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use wire::{Fetched, connect, message};

const SUPPORT: &str = "support@example.org";
const FOLDERS: [&str; 3] = ["INBOX", "Archive", "Projects"];
/// Messages in each at first.
const AT_FIRST: [usize; 3] = [200, 50, 50];
/// Kills in continuous integration.
const USUAL: u64 = 5;

/// Somebody who works in the mailbox.
#[derive(Debug)]
struct Person {
    email: &'static str,
    letters: &'static str,
    /// That they alone set.
    keyword: &'static str,
    may_delete: bool,
    may_all: bool,
}

const PEOPLE: [Person; 3] = [
    Person { email: "alice@example.org", letters: "lrswipkxte", keyword: "$Alice", may_delete: true, may_all: true },
    Person { email: "bob@example.org", letters: "lrswite", keyword: "$Bob", may_delete: true, may_all: true },
    Person { email: "carol@example.org", letters: "lrswi", keyword: "$Carol", may_delete: false, may_all: false },
];

/// The name of a folder for everybody who sees it.
fn mailbox(number: usize) -> String {
    format!("Shared/{SUPPORT}/{}", FOLDERS[number])
}

/// A letter that is like no other.
struct Letter {
    mark: String,
    /// With the line ends of the system.
    text: Vec<u8>,
}

impl Letter {
    fn new(mark: &str, random: &mut Random) -> Self {
        let head =
            format!("From: Customer <customer@example.net>\nSubject: {mark}\nMessage-ID: <{mark}@example.net>\n");
        let lines = (0..random.between(1, 40)).map(|_| format!("{:016x} is what I see.\n", random.number()));
        let text = format!("{head}Date: Mon, 02 Nov 2026 10:00:00 +0100\n\n{}", lines.collect::<String>());
        Self { mark: mark.to_owned(), text: text.into_bytes() }
    }

    fn sent(&self) -> Vec<u8> {
        String::from_utf8_lossy(&self.text).replace('\n', "\r\n").into_bytes()
    }
}

/// What all of them know together.
struct Shared {
    ledger: Mutex<Ledger>,
    /// Letters that somebody put into their Maildir.
    near: Mutex<Vec<String>>,
    /// Answers that writers have had.
    answers: watch::Sender<usize>,
    /// Runs that each client began.
    runs: [watch::Sender<usize>; 3],
    /// The server is about to be killed.
    ends: watch::Sender<bool>,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn added_near(&self, mark: &str) {
        self.near.lock().unwrap_or_else(PoisonError::into_inner).push(mark.to_owned());
    }

    fn answered(&self) {
        self.answers.send_modify(|count| *count += 1);
    }

    fn ends(&self) -> bool {
        *self.ends.borrow()
    }
}

/// Waits until it has grown by so many.
async fn more(counter: &watch::Sender<usize>, by: usize) {
    let mut counter = counter.subscribe();
    let enough = *counter.borrow() + by;
    counter.wait_for(|count| *count >= enough).await.expect("it is counted as long as the story lasts");
}

/// The three who keep copies.
struct Copies {
    mbsync: Maildirs,
    offlineimap: Maildirs,
    own: Keeper,
}

impl Copies {
    /// Each of them runs until there is nothing left to do: what one brings, the others fetch.
    async fn settle(&mut self, address: SocketAddr) {
        for _ in 0..2 {
            self.mbsync.run(address).await.must_succeed();
            self.offlineimap.run(address).await.must_succeed();
        }
        self.mbsync.run(address).await.must_succeed();
        self.own.sync(address).await.expect("the server is there");
    }
}

/// Runs again and again until the server ends. A run of mbsync that fails before that has found something.
async fn keep_near(mut copy: Maildirs, address: SocketAddr, shared: Arc<Shared>, place: usize) -> Maildirs {
    while !shared.ends() {
        copy.change(&shared);
        shared.runs[place].send_modify(|count| *count += 1);
        let printed = copy.run(address).await;
        if !shared.ends() && copy.must_end_well() {
            printed.must_succeed();
        }
    }
    copy
}

async fn keep_own(mut copy: Keeper, address: SocketAddr, shared: Arc<Shared>) -> Keeper {
    while !shared.ends() {
        shared.runs[2].send_modify(|count| *count += 1);
        let synced = copy.sync(address).await;
        assert!(synced.is_some() || shared.ends(), "a connection broke while the server was there");
    }
    copy
}

/// Who comes back from a life of the server.
enum Back {
    Writer,
    Near(usize, Maildirs),
    Own(Keeper),
}

/// One life of the server: everybody works, and the kill comes within a run of one of the clients.
async fn live(serving: Serving, round: u64, shared: &Arc<Shared>, copies: Copies, random: &mut Random) -> Copies {
    let address = serving.listener("imap");
    shared.ends.send_replace(false);
    let mut work = tokio::task::JoinSet::new();
    for (number, person) in PEOPLE.iter().enumerate() {
        let name = format!("r{round}w{number}");
        let writes = writers::work(address, person, Arc::clone(shared), random.split(), name);
        work.spawn(async move {
            writes.await;
            Back::Writer
        });
    }
    for (place, copy) in [copies.mbsync, copies.offlineimap].into_iter().enumerate() {
        let keeps = keep_near(copy, address, Arc::clone(shared), place);
        work.spawn(async move { Back::Near(place, keeps.await) });
    }
    let keeps = keep_own(copies.own, address, Arc::clone(shared));
    work.spawn(async move { Back::Own(keeps.await) });
    let enough = async {
        more(random.pick(&shared.runs), 2).await;
        more(&shared.answers, random.between(1, 60)).await;
    };
    tokio::select! {
        () = enough => {}
        // They end with the server alone; one that panicked has something to say.
        ended = work.join_next() => panic!("somebody ended before the server: {:?}", ended.and_then(Result::err)),
    }
    shared.ends.send_replace(true);
    serving.kill().await;
    let (mut near, mut own) = (BTreeMap::new(), None);
    while let Some(ended) = work.join_next().await {
        match ended.expect("nobody panics") {
            Back::Writer => {}
            Back::Near(place, copy) => drop(near.insert(place, copy)),
            Back::Own(copy) => own = Some(copy),
        }
    }
    let mut near = near.into_values();
    let mut next = || near.next().expect("two went and two are back");
    Copies { mbsync: next(), offlineimap: next(), own: own.expect("it went and is back") }
}

/// The mailbox as somebody sees it who comes for the first time, and the UIDVALIDITY of each folder.
async fn look(address: SocketAddr, person: &Person) -> (View, [u64; 3]) {
    let mut client = connect(address, person).await.expect("the server is there");
    let (mut view, mut validities) = (View::default(), [0; 3]);
    for number in 0..FOLDERS.len() {
        let opened = client.ok(&format!("EXAMINE {}", mailbox(number)), "UIDVALIDITY").await;
        let line = opened.line_with("[UIDVALIDITY ").expect("a mailbox has one");
        validities[number] = wire::number(&line, "[UIDVALIDITY ").expect("a number");
        let fetched = Fetched::all(&client.ok("UID FETCH 1:* (UID FLAGS BODY.PEEK[])", "").await);
        view[number] = fetched
            .into_iter()
            .map(|one| (one.uid, message(&one.body.expect("a body"), one.flags.expect("flags"))))
            .collect();
    }
    (view, validities)
}

/// A shared mailbox with a few hundred messages, and three who work there.
async fn furnish(serving: &Serving, shared: &Shared, random: &mut Random) {
    for person in &PEOPLE {
        serving.person(person.email).await;
    }
    serving.cli(&["shared", "add", SUPPORT], "").await;
    for person in &PEOPLE {
        serving.cli(&["delegate", "add", SUPPORT, person.email, "--rights", person.letters], "").await;
    }
    let mut alice = connect(serving.listener("imap"), &PEOPLE[0]).await.expect("the server is there");
    alice.ok(&format!("CREATE {}", mailbox(2)), "").await;
    for (folder, count) in AT_FIRST.into_iter().enumerate() {
        for number in 0..count {
            let letter = Letter::new(&format!("first-{folder}-{number}"), random);
            shared.ledger().will_add(&letter);
            let answer = alice.append(&mailbox(folder), "", &letter.sent()).await;
            assert!(answer.status.starts_with("OK"), "{}", answer.status);
            shared.ledger().added(&letter.mark);
        }
    }
}

/// Each copy is what its person sees.
async fn compare(address: SocketAddr, copies: &Copies) {
    for (copy, person) in [(&copies.mbsync, &PEOPLE[0]), (&copies.offlineimap, &PEOPLE[1])] {
        let (view, _) = look(address, person).await;
        for (number, there) in view.iter().enumerate() {
            let mut there: Vec<Message> = there.values().map(as_kept).collect();
            there.sort();
            same(person, number, &copy.held(number), &there);
        }
    }
    let (view, _) = look(address, &PEOPLE[2]).await;
    for (number, (kept, there)) in copies.own.view().iter().zip(&view).enumerate() {
        assert!(kept.keys().eq(there.keys()), "{}: other UIDs", FOLDERS[number]);
        let [kept, there] = [kept, there].map(|one| one.values().cloned().collect::<Vec<_>>());
        same(&PEOPLE[2], number, &kept, &there);
    }
}

fn same(person: &Person, number: usize, kept: &[Message], there: &[Message]) {
    let count = |messages: &[Message]| {
        let mut counts: BTreeMap<Message, usize> = BTreeMap::new();
        messages.iter().for_each(|message| *counts.entry(message.clone()).or_default() += 1);
        counts
    };
    let (kept_counts, there_counts) = (count(kept), count(there));
    let only = |one: &BTreeMap<Message, usize>, other: &BTreeMap<Message, usize>| {
        one.iter()
            .filter(|(message, count)| other.get(*message) != Some(*count))
            .map(|(message, count)| format!("{count} x {} {:?}", message.mark, message.flags))
            .collect::<Vec<_>>()
    };
    let (kept_only, there_only) = (only(&kept_counts, &there_counts), only(&there_counts, &kept_counts));
    assert!(
        kept_only.is_empty() && there_only.is_empty(),
        "{}, {}: kept {} {kept_only:#?}\nthere {} {there_only:#?}",
        person.email,
        FOLDERS[number],
        kept.len(),
        there.len()
    );
}

/// Nobody works any more: what is marked goes, everybody has all, and nothing is to be done a second time.
async fn end(serving: &Serving, shared: &Shared, copies: &mut Copies) -> View {
    let address = serving.listener("imap");
    let mut alice = connect(address, &PEOPLE[0]).await.expect("the server is there");
    expunge(&mut alice).await;
    copies.settle(address).await;
    compare(address, copies).await;
    let (view, _) = look(address, &PEOPLE[0]).await;
    let near = std::mem::take(&mut *shared.near.lock().unwrap_or_else(PoisonError::into_inner));
    near.iter().for_each(|mark| shared.ledger().added(mark));
    copies.settle(address).await;
    let (again, _) = look(address, &PEOPLE[0]).await;
    assert!(view == again, "another run changes nothing");
    view
}

async fn expunge(alice: &mut ImapClient) {
    for number in 0..FOLDERS.len() {
        alice.ok(&format!("SELECT {}", mailbox(number)), "").await;
        alice.ok("EXPUNGE", "").await;
    }
}

async fn story(engine: Engine) {
    let (Some(mbsync), Some(offlineimap)) = (program("mbsync"), program("offlineimap")) else { return };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let folder = scratch.path().join("house");
    process::init(&folder, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let (seed, kills) = (seeds::one().unwrap_or(1), seeds::count(USUAL));
    seeds::report(&format!("seed {seed}, {kills} kills; again: POSTERN_SEED={seed} POSTERN_SEEDS={kills}"));
    let mut random = Random::new(seed);
    let shared = Arc::new(Shared {
        ledger: Mutex::default(),
        near: Mutex::default(),
        answers: watch::channel(0).0,
        runs: [0; 3].map(|none| watch::channel(none).0),
        ends: watch::channel(false).0,
    });
    let [one, two, three] = ["mbsync", "offlineimap", "own"].map(|name| scratch.path().join(name));
    let mut copies = Copies {
        mbsync: Maildirs::new(Kind::Mbsync, mbsync, &PEOPLE[0], one, random.split()),
        offlineimap: Maildirs::new(Kind::Offlineimap, offlineimap, &PEOPLE[1], two, random.split()),
        own: Keeper::new(&PEOPLE[2], three, random.split()),
    };
    let mut validities = None;
    for round in 0..kills {
        let serving = Serving::start(&folder, &[]).await;
        if round == 0 {
            furnish(&serving, &shared, &mut random).await;
        }
        let (view, now) = look(serving.listener("imap"), &PEOPLE[0]).await;
        shared.ledger().check(&view);
        assert_eq!(*validities.get_or_insert(now), now, "UIDVALIDITY stays");
        copies = live(serving, round, &shared, copies, &mut random).await;
    }
    let serving = Serving::start(&folder, &[]).await;
    let (view, now) = look(serving.listener("imap"), &PEOPLE[0]).await;
    shared.ledger().check(&view);
    assert_eq!(validities, Some(now), "UIDVALIDITY stays");
    let view = end(&serving, &shared, &mut copies).await;
    shared.ledger().check(&view);
    let count = |counter: &watch::Sender<usize>| *counter.borrow();
    let (runs, answers) = (shared.runs.each_ref().map(count), count(&shared.answers));
    seeds::report(&format!("{answers} answers, {runs:?} runs, {:?} messages", view.each_ref().map(BTreeMap::len)));
    assert!(serving.terminate().await.success(), "it drains and ends well");
}

fn run(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story(engine));
}

#[test]
fn all_copies_are_as_the_mailbox_is_sqlite() {
    run(Engine::Sqlite);
}

#[test]
fn all_copies_are_as_the_mailbox_is_postgres() {
    run(Engine::Postgres);
}
