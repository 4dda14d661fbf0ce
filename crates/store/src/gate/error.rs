//! What the gate answers instead of a proof.

use crate::StoreError;
use postern_access::Denied;

/// Turned away, or the store failed, or a rule of mailboxes was broken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GateError {
    /// The verdict said no; the text is for the person.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The request breaks a rule that holds for everyone; the text is for the person.
    #[error(transparent)]
    Rule(#[from] Rule),
    /// The token they came with, or its person, can not be used any more.
    #[error("the token has ended")]
    Ended,
    /// The cause is for the log; the person hears that it did not work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rules that hold whoever asks. Each has one public text; protocols have the codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// A mailbox of that name is there already.
    #[error("A mailbox with that name exists")]
    NameTaken,
    /// INBOX can not be deleted, nor a mailbox moved between accounts.
    #[error("{0}")]
    Cannot(&'static str),
    /// The mailbox has others below it.
    #[error("The mailbox has others below it; delete those first, or ask one of its owners if you see none")]
    HasChildren,
    /// A limit was reached; the text names it.
    #[error("{0}")]
    OverLimit(&'static str),
    /// The account has no room.
    #[error("The account is over its quota")]
    OverQuota,
    /// The thing to be made is there already: an address, a group, a domain.
    #[error("{0} is taken or reserved")]
    AddressTaken(String),
    /// The thing named in an administrative request is not there.
    #[error("There is no {0}")]
    Absent(String),
    /// A value that can not be used; the text says why.
    #[error("{0}")]
    Unusable(String),
}
