//! Five people, three shared accounts, and anything that may happen between them: grants,
//! their ends, revocations, groups, suspensions, settings, sign-ins and commands, checked against a model that says
//! who may do what in the plainest way (docs/design.md section 4; RFC 4314 section 4).
//!
//! After each act the kind of the server's answer has to be the model's, and so have the
//! letters of MYRIGHTS, the mailboxes of LIST, the lines of GETACL, and the messages and flags
//! that someone sees. Each seed has accounts and groups of its own; the people and the house
//! are shared by many seeds.
//!
//! `POSTERN_SEEDS` is the number of seeds (100); `POSTERN_SEED` repeats one.

mod administer;
mod commands;
mod messages;
mod model;
mod story;
mod wire;

use crate::seeds;
use model::Lie;
use postern_testkit::{Engine, House};
use std::collections::BTreeMap;
use story::{PEOPLE, Story, person};

/// Seeds in continuous integration.
const USUAL: u64 = 100;

/// Runs a story in a house with the five people; nothing where tests were told to leave the
/// engine out.
fn in_house<T>(engine: Engine, story: impl AsyncFnOnce(&House) -> T) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let house = House::builder(engine).start().await?;
        for who in 0..PEOPLE.len() {
            house.person(&person(who)).await;
        }
        Some(story(&house).await)
    })
}

/// Names the seed when a client gives up waiting, too.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            report(&format!("at seed {}; again: {}", self.0, again(self.0)));
        }
    }
}

fn again(seed: u64) -> String {
    format!("POSTERN_SEED={seed} cargo nextest run --package postern-scenarios rights_model")
}

#[expect(clippy::print_stderr, reason = "a random test says what it tried")]
fn report(text: &str) {
    eprintln!("{text}");
}

async fn run_all(house: &House, seeds: impl Iterator<Item = u64>) {
    for seed in seeds {
        let told = Told(seed);
        if let Err(error) = Story::run(house, seed, Lie::None).await {
            panic!("{error}");
        }
        drop(told);
    }
}

/// A test's share of so many seeds, so that several run beside each other; or the one seed that
/// is to be run again.
fn share(engine: Engine, count: u64, share: u64, shares: u64) {
    let seeds = match seeds::one() {
        Some(seed) => seed..seed + 1,
        None => 0..count,
    };
    in_house(engine, async |house| run_all(house, seeds.filter(|seed| seed % shares == share)).await);
}

macro_rules! shares {
    ($engine:expr, $count:expr, $shares:expr; $($number:literal $name:ident)+) => { $(
        #[test]
        fn $name() {
            share($engine, $count, $number, $shares);
        }
    )+ };
}

shares! { Engine::Sqlite, seeds::count(USUAL), 8;
    0 server_and_model_agree_share_1
    1 server_and_model_agree_share_2
    2 server_and_model_agree_share_3
    3 server_and_model_agree_share_4
    4 server_and_model_agree_share_5
    5 server_and_model_agree_share_6
    6 server_and_model_agree_share_7
    7 server_and_model_agree_share_8
}

/// One SQL, two engines: the usual seeds on both, of more an eighth on the second.
fn count_on_postgres() -> u64 {
    let count = seeds::count(USUAL);
    count.min(USUAL).max(count / 8)
}

shares! { Engine::Postgres, count_on_postgres(), 4;
    0 server_and_model_agree_on_postgres_share_1
    1 server_and_model_agree_on_postgres_share_2
    2 server_and_model_agree_on_postgres_share_3
    3 server_and_model_agree_on_postgres_share_4
}

/// The control: a model that lies in one thing has to be found out. If it were not, agreement
/// would prove nothing about that thing.
fn is_noticed(lie: Lie) {
    const SEEDS: u64 = 20;
    let noticed = in_house(Engine::Sqlite, async |house| {
        for seed in 0..SEEDS {
            if let Err(error) = Story::run(house, seed, lie).await {
                return Some((seed, error.lines().next().unwrap_or_default().to_owned()));
            }
        }
        None
    });
    match noticed.flatten() {
        Some((seed, error)) => report(&format!("{lie:?}: noticed at seed {seed}: {error}")),
        None => panic!("{lie:?}: {SEEDS} seeds noticed nothing"),
    }
}

#[test]
fn a_model_without_groups_is_noticed() {
    is_noticed(Lie::NoGroups);
}

#[test]
fn a_model_in_which_the_broadest_grant_counts_is_noticed() {
    is_noticed(Lie::BroadestCounts);
}

#[test]
fn a_model_in_which_any_letter_is_given_is_noticed() {
    is_noticed(Lie::AnyLetterIsGiven);
}

#[test]
fn a_model_that_copies_no_grants_is_noticed() {
    is_noticed(Lie::NothingCopied);
}

#[test]
fn a_model_in_which_nothing_ends_is_noticed() {
    is_noticed(Lie::NothingEnds);
}

#[test]
fn a_model_in_which_nothing_protects_is_noticed() {
    is_noticed(Lie::NothingProtects);
}

#[test]
fn a_model_in_which_all_have_seen_what_one_has_is_noticed() {
    is_noticed(Lie::SeenByAll);
}

/// Stories are about something: every act is done.
#[test]
fn stories_are_full() {
    let done = in_house(Engine::Sqlite, async |house| {
        let mut done: BTreeMap<&str, usize> = BTreeMap::new();
        for seed in 0..12 {
            let counts =
                Story::run(house, seed, Lie::None).await.unwrap_or_else(|error| panic!("{error}\nseed {seed}"));
            counts.into_iter().for_each(|(act, count)| *done.entry(act).or_default() += count);
        }
        done
    });
    let done = done.expect("SQLite is always there");
    report(&format!("{done:?}"));
    for act in [
        "grant",
        "revoke",
        "membership",
        "group removed",
        "suspension",
        "protection",
        "whose seen",
        "time passes",
        "sign-in",
        "sign-out",
        "bye",
        "look",
        "my rights",
        "select",
        "status",
        "fetch",
        "read",
        "store",
        "append",
        "expunge",
        "copy",
        "move",
        "search",
        "rename",
        "create",
        "delete",
        "get acl",
        "set acl",
        "idle",
    ] {
        assert!(done.contains_key(act), "no {act} in {done:?}");
    }
}
