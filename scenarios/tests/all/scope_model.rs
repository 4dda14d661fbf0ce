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

use crate::seeds::{self, Stories, shares};
use account::Lie;
use postern_imap_wire::COMMANDS;
use postern_testkit::{Engine, House};
use std::collections::BTreeMap;
use story::Story;

/// Seeds in continuous integration.
const USUAL: u64 = 48;

const STORIES: Stories = Stories {
    module: "scope_model",
    people: || ["alice", "bob", "carol"].map(|person| format!("{person}@example.org")).to_vec(),
};

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

fn is_noticed(lie: Lie) {
    STORIES.notice(lie, 40, async |house: &House, seed| Story::run(house, seed, lie).await);
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
    let done = STORIES.in_house(Engine::Sqlite, async |house| {
        let mut done: BTreeMap<String, usize> = BTreeMap::new();
        for seed in 0..32 {
            let counts = Story::run(house, seed, Lie::None).await;
            let counts = counts.unwrap_or_else(|error| panic!("{error}\nseed {seed}"));
            counts.into_iter().for_each(|(act, count)| *done.entry(act).or_default() += count);
        }
        done
    });
    let done = done.expect("SQLite is always there");
    seeds::report(&format!("{done:?}"));
    for spec in COMMANDS {
        assert!(done.contains_key(&format!("{} Ok", spec.name)) || is_refused_always(spec.name), "{}", spec.name);
        if spec.names_mailbox() && !["LIST", "LSUB", "NOTIFY"].contains(&spec.name) {
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

/// Commands before sign-in alone, one that is not served, one that nobody may, and those that need the letter `a`,
/// which no credential has. COMPRESS and NOTIFY change all that follows, so they have stories of
/// their own and are asked here for what there is not.
fn is_refused_always(name: &str) -> bool {
    let with_a = ["GETACL", "SETACL", "DELETEACL", "LISTRIGHTS"].contains(&name);
    with_a || ["STARTTLS", "AUTHENTICATE", "LOGIN", "COMPRESS", "NOTIFY", "SETQUOTA"].contains(&name)
}
