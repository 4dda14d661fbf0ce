//! The one error of use cases: what a person may hear, and what the log keeps.

use postern_access::Denied;
use postern_store::{GateError, Rule, StoreError};

/// Why a use case did nothing. The text of the first two is for the person; protocols have
/// the codes.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refused {
    /// The verdict said no.
    #[error(transparent)]
    Denied(Denied),
    /// A rule that holds for everyone.
    #[error(transparent)]
    Rule(Rule),
    /// The message can not be taken; the text says why.
    #[error("{0}")]
    Message(String),
    /// A part of it is done, and stays; the rest is refused for this cause.
    #[error("{cause}; {done}")]
    Partly {
        /// Why the rest is not.
        cause: Box<Refused>,
        /// What is done, and how to go on.
        done: &'static str,
    },
    /// The session's sign-in does not hold any more: it ends.
    #[error("Your sign-in has ended")]
    Ended,
    /// What was asked for needs the text of a message that can not be read, now or later.
    #[error("The text of a message is lost or damaged; the server's log says which")]
    Lost,
    /// New mail is not taken now, for the disk is nearly full.
    #[error("The server has no room for mail now; please try again later")]
    NoRoom,
    /// Something failed that is not the person's doing. The cause is in the log.
    #[error("The server could not do that now; please try again")]
    Unavailable,
}

impl From<GateError> for Refused {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Denied(denied) => Refused::Denied(denied),
            GateError::Rule(rule) => Refused::Rule(rule),
            GateError::Ended => Refused::Ended,
            GateError::Store(error) => error.into(),
        }
    }
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Refused::Denied(denied)
    }
}

impl From<Rule> for Refused {
    fn from(rule: Rule) -> Self {
        Refused::Rule(rule)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        tracing::error!(event = "store.failed", %error);
        match error {
            StoreError::Body(_) => Refused::Lost,
            _ => Refused::Unavailable,
        }
    }
}
