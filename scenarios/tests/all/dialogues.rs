//! Dialogues: what several clients say and hear over IMAP, written down in
//! `scenarios/dialogues`, each played on both engines.
//!
//! Every letter of RFC 4314 has two: one where it alone is enough for what it allows, one where
//! all the others are not.

mod play;
mod script;

use postern_testkit::Engine;
use postern_types::Letter;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dialogues")
}

/// Plays the file of this name; `_` stands for `-`.
fn tell(engine: Engine, name: &str) {
    let file = folder().join(format!("{}.txt", name.replace('_', "-")));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let script = script::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let played = runtime.expect("a runtime").block_on(play::play(&script, engine));
    played.unwrap_or_else(|amiss| panic!("{}\n{amiss}", file.display()));
}

macro_rules! dialogues {
    ($($name:ident)+) => {
        const TOLD: &[&str] = &[$(stringify!($name)),+];
        $(mod $name {
            use postern_testkit::Engine;

            #[test]
            fn sqlite() {
                super::tell(Engine::Sqlite, stringify!($name));
            }

            #[test]
            fn postgres() {
                super::tell(Engine::Postgres, stringify!($name));
            }
        })+
    };
}

dialogues! {
    letter_l_alone letter_l_missed
    letter_r_alone letter_r_missed
    letter_s_alone letter_s_missed
    letter_w_alone letter_w_missed
    letter_i_alone letter_i_missed
    letter_p_alone letter_p_missed
    letter_k_alone letter_k_missed
    letter_x_alone letter_x_missed
    letter_t_alone letter_t_missed
    letter_e_alone letter_e_missed
    letter_a_alone letter_a_missed
    automap_off
    automap_on
    children_copy_grants
    condstore
    copy_and_append_filter_flags
    esearch
    grant_that_ends
    grants_in_running_sessions
    groups
    identifiers
    keywords_stay_in_their_mailbox
    list_extended
    list_status
    moving_messages
    old_clients
    qresync
    rename_and_delete
    renaming_gives
    savedate
    searchres
    special_use
    status_size
    subscriptions_are_personal
    texts_that_help
    what_is_held_for_a_time
    within
}

/// A file that no test plays proves nothing.
#[test]
fn every_file_is_played() {
    let files = std::fs::read_dir(folder()).expect("the folder of dialogues");
    let names = files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned());
    let found: BTreeSet<String> = names.filter(|name| name != "README.md").collect();
    let told: BTreeSet<String> = TOLD.iter().map(|name| format!("{}.txt", name.replace('_', "-"))).collect();
    assert_eq!(found, told, "files in {} on the left, tests on the right", folder().display());
}

#[test]
fn every_letter_has_two_dialogues() {
    for letter in Letter::ALL {
        for kind in ["alone", "missed"] {
            let name = format!("letter_{}_{kind}", letter.as_char());
            assert!(TOLD.contains(&name.as_str()), "there is no {name}");
        }
    }
}
