//! What can be asked of `explain`: an operation on a mailbox, a duty, or sending, by the name
//! that the matrix gives it or by the word that people know it by.

use crate::{Duty, Operation, Voice};
use std::fmt;

/// One thing that somebody may or may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Question {
    /// To one mailbox.
    Mailbox(Operation),
    /// To an account or to the organisation.
    Duty(Duty),
    /// In the name of an account.
    Sending(Manner),
}

/// How someone would send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Manner {
    /// From is the account, and nobody else shows.
    As,
    /// From is the account, and Sender says who sent it.
    OnBehalf,
}

impl Manner {
    /// Both.
    pub const ALL: [Manner; 2] = [Manner::As, Manner::OnBehalf];

    /// Its name in the matrix, the trail and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Manner::As => "send-as",
            Manner::OnBehalf => "send-on-behalf",
        }
    }

    /// As it reads after "may".
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Manner::As => "send as this mailbox",
            Manner::OnBehalf => "send on behalf of this mailbox",
        }
    }

    /// Does this voice include it? To send as an account is more than to send on its behalf.
    pub fn is_within(self, voice: Option<Voice>) -> bool {
        match self {
            Manner::As => matches!(voice, Some(Voice::Own | Voice::As)),
            Manner::OnBehalf => voice.is_some(),
        }
    }
}

/// Commands of IMAP and words of people for what the matrix names otherwise.
const SYNONYMS: [(&str, Question); 33] = [
    ("see", Question::Mailbox(Operation::Lookup)),
    ("list", Question::Mailbox(Operation::Lookup)),
    ("lsub", Question::Mailbox(Operation::Lookup)),
    ("subscribe", Question::Mailbox(Operation::Lookup)),
    ("open", Question::Mailbox(Operation::Read)),
    ("select", Question::Mailbox(Operation::Read)),
    ("examine", Question::Mailbox(Operation::Read)),
    ("status", Question::Mailbox(Operation::Read)),
    ("fetch", Question::Mailbox(Operation::Read)),
    ("search", Question::Mailbox(Operation::Read)),
    ("copy", Question::Mailbox(Operation::Read)),
    ("flag", Question::Mailbox(Operation::ChangeFlags)),
    ("store", Question::Mailbox(Operation::ChangeFlags)),
    ("append", Question::Mailbox(Operation::Insert)),
    ("add", Question::Mailbox(Operation::Insert)),
    ("file", Question::Mailbox(Operation::Insert)),
    ("create", Question::Mailbox(Operation::CreateChild)),
    ("delete", Question::Mailbox(Operation::DeleteMailbox)),
    ("rename", Question::Mailbox(Operation::DeleteMailbox)),
    ("expunge", Question::Mailbox(Operation::Remove)),
    ("move", Question::Mailbox(Operation::MoveOut)),
    ("myrights", Question::Mailbox(Operation::OwnRights)),
    ("setacl", Question::Mailbox(Operation::Administer)),
    ("getacl", Question::Mailbox(Operation::Administer)),
    ("deleteacl", Question::Mailbox(Operation::Administer)),
    ("listrights", Question::Mailbox(Operation::Administer)),
    ("share", Question::Mailbox(Operation::Administer)),
    ("delegate", Question::Duty(Duty::ManageGrants)),
    ("grant", Question::Duty(Duty::ManageGrants)),
    ("audit", Question::Duty(Duty::ReadAudit)),
    ("on-behalf", Question::Sending(Manner::OnBehalf)),
    ("send-on-behalf-of", Question::Sending(Manner::OnBehalf)),
    ("sendas", Question::Sending(Manner::As)),
];

/// A word that names nothing one may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionError(String);

impl std::error::Error for QuestionError {}

impl fmt::Display for QuestionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: Vec<&str>| names.join(", ");
        write!(
            f,
            "{:?} is nothing one may do. In a mailbox: {}. On an account or the organisation: {}. Sending: {}. \
             Commands of IMAP are understood too, such as select, store, append, expunge, move",
            self.0,
            names(Operation::ALL.map(Operation::name).to_vec()),
            names(Duty::ALL.map(Duty::name).to_vec()),
            names(Manner::ALL.map(Manner::name).to_vec()),
        )
    }
}

impl Question {
    /// From its name or a synonym, in any case; blanks and underscores are hyphens.
    pub fn parse(text: &str) -> Result<Question, QuestionError> {
        let folded = text.trim().to_ascii_lowercase().replace([' ', '_'], "-");
        let operation = Operation::parse(&folded).map(Question::Mailbox);
        let duty = || Duty::parse(&folded).map(Question::Duty);
        let manner = || Manner::ALL.into_iter().find(|manner| manner.name() == folded).map(Question::Sending);
        let synonym = || SYNONYMS.iter().find(|(word, _)| *word == folded).map(|(_, question)| *question);
        let found = operation.or_else(duty).or_else(manner).or_else(synonym);
        found.ok_or_else(|| QuestionError(text.to_owned()))
    }

    /// Its name in the matrix.
    pub fn name(self) -> &'static str {
        match self {
            Question::Mailbox(operation) => operation.name(),
            Question::Duty(duty) => duty.name(),
            Question::Sending(manner) => manner.name(),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_understood_and_synonyms_hide_none() {
        for operation in Operation::ALL {
            assert_eq!(Question::parse(operation.name()), Ok(Question::Mailbox(operation)));
        }
        for duty in Duty::ALL {
            assert_eq!(Question::parse(duty.name()), Ok(Question::Duty(duty)));
        }
        for manner in Manner::ALL {
            assert_eq!(Question::parse(manner.name()), Ok(Question::Sending(manner)));
        }
        for (word, question) in SYNONYMS {
            assert_eq!(Question::parse(word), Ok(question), "a name of the matrix takes {word}");
        }
        assert_eq!(Question::parse(" Send_As "), Ok(Question::Sending(Manner::As)));
        assert_eq!(Question::parse("EXPUNGE"), Ok(Question::Mailbox(Operation::Remove)));
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let text = Question::parse("fly").unwrap_err().to_string();
        for known in ["\"fly\"", "change-flags", "manage-grants", "send-on-behalf", "expunge"] {
            assert!(text.contains(known), "{text}");
        }
    }

    /// Whoever sends as an account may say who they are, too.
    #[test]
    fn to_send_as_includes_to_send_on_behalf() {
        for voice in [Voice::Own, Voice::As] {
            assert!(Manner::ALL.into_iter().all(|manner| manner.is_within(Some(voice))));
        }
        assert!(!Manner::As.is_within(Some(Voice::OnBehalf)) && Manner::OnBehalf.is_within(Some(Voice::OnBehalf)));
        assert!(!Manner::ALL.into_iter().any(|manner| manner.is_within(None)));
    }
}
