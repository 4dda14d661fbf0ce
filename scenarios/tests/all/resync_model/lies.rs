//! Faults that are planted between the server and the model, or in either: each has to be found out, or agreement proves
//! nothing about it.

use super::commands::{Act, Command};
use super::model::Model;
use postern_testkit::Answer;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    None,
    /// A client that comes back hears nothing of what vanished.
    MissesVanished,
    /// A client that comes back hears nothing of what changed.
    MissesChanges,
    /// A program hears nothing of what happened while the mailbox was taken from it.
    ProgramMissesMeanwhile,
    /// All are shown the same `\Seen`, however it is kept.
    OneSeen,
    /// STORE shows the flags as they are, changes none and is OK.
    StoreDoesNothing,
    /// STORE changes a message that was not named.
    StoreTouchesOneMore,
    /// STORE is refused to those who may.
    StoreIsRefused,
    /// EXPUNGE leaves one that is marked.
    ExpungeSparesOne,
    /// EXPUNGE tells of the number before.
    WrongNumber,
    /// STORE leaves messages alone and does not say which.
    NothingModified,
    /// SEARCH MODSEQ leaves out the last that it finds.
    SearchFindsOneTooFew,
}

impl Lie {
    /// The command as the server gets it.
    pub fn sent(self, model: &Model, place: usize, command: &Command) -> String {
        let text = &command.text;
        match (self, &command.act) {
            (Lie::StoreDoesNothing, Act::Store(store)) if store.unless.is_none() => {
                let (uid, rest) = text.split_once("STORE ").unwrap_or_default();
                format!("{uid}FETCH {} FLAGS", rest.split(' ').next().unwrap_or_default())
            }
            (Lie::StoreTouchesOneMore, Act::Store(store)) => {
                let list = model.list(place);
                let other = list.iter().enumerate().find(|(_, uid)| !store.uids.contains(uid));
                let Some((number, uid)) = other else { return text.clone() };
                let other = if command.by_uid { *uid as usize } else { number + 1 };
                text.replacen("STORE ", &format!("STORE {other},"), 1)
            }
            (Lie::StoreIsRefused, Act::Store(_)) => "NOOP".to_owned(),
            (Lie::ExpungeSparesOne, Act::Expunge(None)) => {
                let marked = model.inbox.messages.iter().filter(|message| message.is_deleted()).skip(1);
                let others: String = marked.map(|message| format!("{},", message.uid)).collect();
                format!("UID EXPUNGE {others}{}", u32::MAX)
            }
            _ => text.clone(),
        }
    }

    /// The answer as its client gets it.
    pub fn heard(self, command: &Command, mut answer: Answer) -> Answer {
        match (self, &command.act) {
            (Lie::StoreIsRefused, Act::Store(_)) => answer.status = "NO [NOPERM] You may not".to_owned(),
            (Lie::NothingModified, Act::Store(_)) => {
                if let Some((before, (_, after))) = answer
                    .status
                    .split_once("[MODIFIED ")
                    .and_then(|(before, rest)| Some((before, rest.split_once("] ")?)))
                {
                    answer.status = format!("{before}{after}");
                }
            }
            (Lie::SearchFindsOneTooFew, Act::Search(Some(_))) => {
                for line in answer.untagged.iter_mut().filter(|line| line.starts_with(b"* SEARCH ")) {
                    *line = without_last(&String::from_utf8_lossy(line)).into_bytes();
                }
            }
            (Lie::WrongNumber, _) => {
                for line in answer.untagged.iter_mut().filter(|line| line.ends_with(b" EXPUNGE")) {
                    let text = String::from_utf8_lossy(line).into_owned();
                    let number = text.split(' ').nth(1).and_then(|number| number.parse::<u32>().ok()).unwrap_or(1);
                    *line = format!("* {} EXPUNGE", number.max(2) - 1).into_bytes();
                }
            }
            _ => {}
        }
        answer
    }
}

/// `* SEARCH 2 5 (MODSEQ 9)` without the 5.
fn without_last(line: &str) -> String {
    let (numbers, modseq) = line.split_once(" (").unwrap_or((line, ""));
    let (numbers, _) = numbers.rsplit_once(' ').unwrap_or((numbers, ""));
    if modseq.is_empty() { numbers.to_owned() } else { format!("{numbers} ({modseq}") }
}
