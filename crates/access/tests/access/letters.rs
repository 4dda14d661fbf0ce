//! Every set of letters against every operation, beside a restatement of the RFC's table
//! that shares no code with ours.

use crate::house::{alice, grant, name, support, verdict_of};
use postern_access::{Denied, Operation};
use postern_types::{Letter, Rights};

/// RFC 4314 section 4 in its own words: a column of letters for a row of the table, `+`
/// all of them, `|` any of them; MOVE by RFC 6851 section 4.1; `p` by RFC 4314 section 2.1.
fn rfc_table() -> Vec<(Operation, &'static str, bool)> {
    vec![
        (Operation::Lookup, "l", true),          // LIST
        (Operation::Read, "r", true),            // SELECT, EXAMINE, STATUS
        (Operation::ChangeFlags, "swt", false),  // STORE should not fail while one flag may change
        (Operation::Insert, "i", true),          // APPEND, COPY
        (Operation::Post, "p", true),            // posting to the submission address
        (Operation::CreateChild, "k", true),     // CREATE, for the parent
        (Operation::DeleteMailbox, "x", true),   // DELETE
        (Operation::Remove, "e", true),          // EXPUNGE
        (Operation::MoveOut, "rte", true),       // UID STORE, UID COPY and UID EXPUNGE together
        (Operation::OwnRights, "lrikxa", false), // MYRIGHTS: any of them
        (Operation::Administer, "a", true),      // SETACL, DELETEACL, GETACL, LISTRIGHTS
    ]
}

#[test]
fn all_sets_of_letters_meet_all_operations() {
    let table = rfc_table();
    assert_eq!(table.len(), Operation::ALL.len());
    let inbox = name("INBOX");
    let mut cases = 0;
    for held in Rights::every_set() {
        let text = held.to_string();
        let verdict = verdict_of(alice(), support(), &inbox, &[grant(1, held)]);
        for (operation, needed, all) in &table {
            let enough = if *all {
                needed.chars().all(|letter| text.contains(letter))
            } else {
                needed.chars().any(|letter| text.contains(letter))
            };
            match verdict.allows(*operation) {
                Ok(rights) => assert!(enough && rights == held, "{operation:?} with {text:?}"),
                Err(Denied::Hidden) => assert!(!enough && !text.contains('l'), "{operation:?} with {text:?}"),
                Err(Denied::Missing { missing }) => {
                    assert!(!enough && text.contains('l'), "{operation:?} with {text:?}");
                    assert!(needed.contains(missing.as_char()) && !text.contains(missing.as_char()));
                }
                Err(other) => panic!("{operation:?} with {text:?} says {other:?}"),
            }
            cases += 1;
        }
    }
    assert_eq!(cases, 2048 * 11);
}

/// Each letter opens something alone, and something stays shut while all the others are held.
#[test]
fn each_letter_counts() {
    let without_operation_of_their_own = [Letter::Seen, Letter::Write];
    for letter in Letter::ALL {
        let opened = Operation::ALL.into_iter().filter(|operation| operation.allowed_with(letter.into()).is_ok());
        assert!(opened.count() >= 1, "{letter:?} alone opens nothing");
        let others = Rights::ALL - letter.into();
        let shut = Operation::ALL.into_iter().filter(|operation| operation.allowed_with(others).is_err()).count();
        // `s` and `w` decide single flags inside a class that `t` opens too.
        assert!(shut >= 1 || without_operation_of_their_own.contains(&letter), "{letter:?} is missed nowhere");
    }
}

/// RFC 4314 section 6: who lacks `l` hears the words for what does not exist.
#[test]
fn refusals_have_their_texts() {
    assert_eq!(Operation::Read.allowed_with(Rights::NONE).unwrap_err().to_string(), "No such mailbox");
    assert_eq!(
        Operation::Remove.allowed_with(Rights::READER).unwrap_err().to_string(),
        "You may not expunge messages in this mailbox; ask one of its owners"
    );
}

#[test]
fn operations_survive_their_names() {
    for operation in Operation::ALL {
        assert_eq!(Operation::parse(operation.name()), Some(operation));
    }
    assert_eq!(Operation::parse("fly"), None);
}
