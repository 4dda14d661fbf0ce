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

use crate::seeds::{self, Stories, shares};
use model::Lie;
use postern_testkit::{Engine, House};
use std::collections::BTreeMap;
use story::{PEOPLE, Story, person};

/// Seeds in continuous integration.
const USUAL: u64 = 100;

const STORIES: Stories = Stories { module: "rights_model", people: || (0..PEOPLE.len()).map(person).collect() };

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

fn is_noticed(lie: Lie) {
    STORIES.notice(lie, 20, async |house: &House, seed| Story::run(house, seed, lie).await);
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
    let done = STORIES.in_house(Engine::Sqlite, async |house| {
        let mut done: BTreeMap<&str, usize> = BTreeMap::new();
        for seed in 0..12 {
            let counts =
                Story::run(house, seed, Lie::None).await.unwrap_or_else(|error| panic!("{error}\nseed {seed}"));
            counts.into_iter().for_each(|(act, count)| *done.entry(act).or_default() += count);
        }
        done
    });
    let done = done.expect("SQLite is always there");
    seeds::report(&format!("{done:?}"));
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
