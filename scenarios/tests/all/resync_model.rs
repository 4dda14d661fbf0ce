//! Three in one mailbox under anything that may happen, against a model of it that is as plain as can be: commands of all
//! three, IDLE, mail that comes in, `\Seen` that is kept in another way, connections that break between any two commands
//! or before a reply is read. One client knows no modification sequences, another is told of changes with them, another
//! comes back by QRESYNC (RFC 7162); some say ENABLE IMAP4rev2; one may do everything, one less, one little.
//!
//! Commands come one at a time, so the model says of each how it is answered (OK, or NO and why), which messages it changes
//! and which it takes out, what is shown by FETCH and found by SEARCH, what STORE leaves alone, which messages are news to
//! a session and which numbers it has then. A modification sequence may be any number: but it is one for each event, in the
//! order of events, whoever is told of it, and who comes back from where HIGHESTMODSEQ or a reply says lacks nothing. Each
//! client keeps a copy by what it hears. That is what the model says after every command, and at the end what is seen by
//! somebody who comes for the first time.
//!
//! They are delegates, but in a third of the seeds one is a program that signs in to the mailbox itself, within a scope;
//! its `\Seen` is that of all (docs/decisions/0010-seen.md). In half of the seeds the mailbox is taken from one or another
//! and given back. Until then nobody is told anything of it, and afterwards an old copy is made right as any other.
//!
//! `POSTERN_SEEDS` is the number of seeds (200), of which PostgreSQL runs the first quarter: it is one SQL on two engines.
//! `POSTERN_SEED` repeats one.

mod commands;
mod copy;
mod effects;
mod judge;
mod keeper;
mod lies;
mod model;
mod story;
mod taking;
mod timeline;

use crate::seeds::{self, Stories, shares};
use lies::Lie;
use postern_testkit::{Engine, House};
use story::{Counts, PEOPLE, Story};

/// Seeds in continuous integration.
const USUAL: u64 = 200;
/// Seeds within which a lie has to be found out.
const FEW: u64 = 40;

const STORIES: Stories =
    Stories { module: "resync_model", people: || PEOPLE.iter().map(|person| (*person).to_owned()).collect() };

shares! { Engine::Sqlite, seeds::count(USUAL), 4;
    0 copies_are_as_the_mailbox_is_share_1
    1 copies_are_as_the_mailbox_is_share_2
    2 copies_are_as_the_mailbox_is_share_3
    3 copies_are_as_the_mailbox_is_share_4
}

fn count_on_postgres() -> u64 {
    seeds::count(USUAL).div_ceil(4)
}

shares! { Engine::Postgres, count_on_postgres(), 2;
    0 copies_are_as_the_mailbox_is_on_postgres_share_1
    1 copies_are_as_the_mailbox_is_on_postgres_share_2
}

fn is_noticed(lie: Lie) {
    STORIES.notice(lie, FEW, async |house: &House, seed| Story::run(house, seed, lie).await);
}

#[test]
fn a_client_that_misses_what_vanished_is_noticed() {
    is_noticed(Lie::MissesVanished);
}

#[test]
fn a_client_that_misses_what_changed_is_noticed() {
    is_noticed(Lie::MissesChanges);
}

#[test]
fn a_program_that_misses_what_it_was_shut_out_from_is_noticed() {
    is_noticed(Lie::ProgramMissesMeanwhile);
}

#[test]
fn a_model_with_one_seen_for_all_is_noticed() {
    is_noticed(Lie::OneSeen);
}

#[test]
fn a_store_that_does_nothing_is_noticed() {
    is_noticed(Lie::StoreDoesNothing);
}

#[test]
fn a_store_that_touches_one_more_is_noticed() {
    is_noticed(Lie::StoreTouchesOneMore);
}

#[test]
fn a_store_that_is_refused_is_noticed() {
    is_noticed(Lie::StoreIsRefused);
}

#[test]
fn an_expunge_that_spares_one_is_noticed() {
    is_noticed(Lie::ExpungeSparesOne);
}

#[test]
fn a_wrong_number_is_noticed() {
    is_noticed(Lie::WrongNumber);
}

#[test]
fn a_store_that_does_not_say_what_it_left_alone_is_noticed() {
    is_noticed(Lie::NothingModified);
}

#[test]
fn a_search_for_changes_that_finds_one_too_few_is_noticed() {
    is_noticed(Lie::SearchFindsOneTooFew);
}

/// Stories are about something: each command is done and, where it can be, refused, by clients of every kind.
#[test]
fn stories_are_full() {
    let done = STORIES.in_house(Engine::Sqlite, async |house| {
        let mut done = Counts::new();
        for seed in 0..FEW {
            let counts = Story::run(house, seed, Lie::None).await;
            let counts = counts.unwrap_or_else(|error| panic!("{error}\nseed {seed}"));
            counts.into_iter().for_each(|(what, count)| *done.entry(what).or_default() += count);
        }
        done
    });
    let done = done.expect("SQLite is always there");
    seeds::report(&format!("{done:#?}"));
    let is_done = |what: &str| assert!(done.contains_key(what), "no {what} in {done:?}");
    let refusable = ["fetch", "store", "silent store", "store unless changed", "expunge", "expunge of some", "copy"];
    for act in refusable.into_iter().chain(["move", "append"]) {
        is_done(&format!("{act}, done"));
        is_done(&format!("{act}, refused"));
    }
    for act in ["noop", "fetch of changes", "read", "search", "search for changes", "idle"] {
        is_done(&format!("{act}, done"));
    }
    ["Plain", "Sequences", "Resync", "rev1", "rev2", "MODIFIED", "EXPUNGEISSUED"].into_iter().for_each(is_done);
    ["expunge by number", "vanished", "vanished earlier"].into_iter().for_each(is_done);
}
