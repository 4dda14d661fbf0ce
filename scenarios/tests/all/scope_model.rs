//! Random credentials of a shared mailbox, and every command of the IMAP table in the hands of
//! each: what the server answers has to be what a model of scopes says (docs/direct-sign-in.md;
//! RFC 4314 section 4), and what it did has to be seen, and nothing else, by an owner beside it.
//!
//! A credential comes from a purpose's template or from letters, with mailboxes, subtrees, an age,
//! networks, hours and a number of connections, and maybe with something against it; it signs in
//! over the wire, or is refused in the words for everybody. Then each command is tried on INBOX, on
//! a mailbox of the scope, on one outside it, on one that is not there and on one below `Shared/`.
//! What is refused as absent is refused in the bytes for a name that never was. At the end the
//! credential is taken back, and its session ends.
//!
//! `POSTERN_SEEDS` is the number of seeds (48); `POSTERN_SEED` repeats one.

mod account;
mod commands;
mod credential;
mod messages;
mod story;
mod tree;
mod wire;

use crate::seeds;
use account::Lie;
use postern_imap_wire::COMMANDS;
use postern_testkit::{Engine, House};
use std::collections::BTreeMap;
use story::Story;

/// Seeds in continuous integration.
const USUAL: u64 = 48;

/// Runs a story in a house with its people; nothing where tests were told to leave the engine out.
fn in_house<T>(engine: Engine, story: impl AsyncFnOnce(&House) -> T) -> Option<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let house = House::builder(engine).start().await?;
        for person in ["alice", "bob", "carol"] {
            house.person(&format!("{person}@example.org")).await;
        }
        Some(story(&house).await)
    })
}

/// Names the seed when a client gives up waiting, too.
struct Told(u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let again = "cargo nextest run --package postern-scenarios scope_model";
            report(&format!("at seed {}; again: POSTERN_SEED={} {again}", self.0, self.0));
        }
    }
}

#[expect(clippy::print_stderr, reason = "a random test says what it tried")]
fn report(text: &str) {
    eprintln!("{text}");
}

/// A test's share of so many seeds, so that several run beside each other; or the one seed that is
/// to be run again.
fn share(engine: Engine, count: u64, share: u64, shares: u64) {
    let seeds = match seeds::one() {
        Some(seed) => seed..seed + 1,
        None => 0..count,
    };
    in_house(engine, async |house| {
        for seed in seeds.filter(|seed| seed % shares == share) {
            let told = Told(seed);
            if let Err(error) = Story::run(house, seed, Lie::None).await {
                panic!("{error}");
            }
            drop(told);
        }
    });
}

macro_rules! shares {
    ($engine:expr, $count:expr, $shares:expr; $($number:literal $name:ident)+) => { $(
        #[test]
        fn $name() {
            share($engine, $count, $number, $shares);
        }
    )+ };
}

shares! { Engine::Sqlite, seeds::count(USUAL), 4;
    0 every_command_is_within_the_scope_share_1
    1 every_command_is_within_the_scope_share_2
    2 every_command_is_within_the_scope_share_3
    3 every_command_is_within_the_scope_share_4
}

/// One SQL, two engines: half of the usual seeds on the second, of more an eighth.
fn count_on_postgres() -> u64 {
    let count = seeds::count(USUAL);
    count.min(USUAL / 2).max(count / 8)
}

shares! { Engine::Postgres, count_on_postgres(), 2;
    0 every_command_is_within_the_scope_on_postgres_share_1
    1 every_command_is_within_the_scope_on_postgres_share_2
}

/// The control: a model that lies in one thing has to be found out. If it were not, agreement
/// would prove nothing about that thing.
fn is_noticed(lie: Lie) {
    const SEEDS: u64 = 40;
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
fn a_model_in_which_every_mailbox_is_open_is_noticed() {
    is_noticed(Lie::EveryMailbox);
}

#[test]
fn a_model_in_which_nothing_is_forgotten_is_noticed() {
    is_noticed(Lie::NothingForgotten);
}

#[test]
fn a_model_in_which_age_is_nothing_is_noticed() {
    is_noticed(Lie::NoAge);
}

#[test]
fn a_model_in_which_nothing_stands_against_a_sign_in_is_noticed() {
    is_noticed(Lie::NothingAgainst);
}

/// Stories are about something: each command of the table is tried with each answer that it can
/// have, and there are sign-ins of each kind.
#[test]
fn every_command_of_the_table_is_tried() {
    let done = in_house(Engine::Sqlite, async |house| {
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        for seed in 0..32 {
            let counts = Story::run(house, seed, Lie::None).await;
            let counts = counts.unwrap_or_else(|error| panic!("{error}\nseed {seed}"));
            counts.into_iter().for_each(|(act, count)| *done.entry(act).or_default() += count);
        }
        done
    });
    let done = done.expect("SQLite is always there");
    report(&format!("{done:?}"));
    for spec in COMMANDS {
        assert!(done.contains_key(&format!("{} Ok", spec.name)) || is_refused_always(spec.name), "{}", spec.name);
        if spec.names_mailbox() && !["LIST", "LSUB"].contains(&spec.name) {
            assert!(done.contains_key(&format!("{} Hidden", spec.name)), "{} was never absent", spec.name);
            // Any of several letters is enough for MYRIGHTS: whoever has none of them sees nothing.
            let lacked = done.contains_key(&format!("{} Missing", spec.name)) || spec.name == "MYRIGHTS";
            assert!(lacked, "{} lacked no letter", spec.name);
        }
    }
    for kind in ["signed in", "refused", "read-only", "lenient", "old alone", "time passed", "limit"] {
        assert!(done.contains_key(kind), "no {kind} in {done:?}");
    }
}

/// Commands before sign-in alone, one that is not served, and those that need the letter `a`,
/// which no credential has.
fn is_refused_always(name: &str) -> bool {
    ["STARTTLS", "AUTHENTICATE", "LOGIN", "GETACL", "SETACL", "DELETEACL", "LISTRIGHTS"].contains(&name)
}
