//! Why someone was turned away: one public text each; codes live with the protocols.
//!
//! RFC 4314 section 6 and RFC 5530 section 5: hidden and absent are the same words.

use crate::{Duty, TokenRole};
use postern_types::Letter;

/// Why someone was turned away. Causes go to the trail, never here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Not even `l`: as if it had never been.
    #[error("No such mailbox")]
    Hidden,
    /// Sees the mailbox, lacks the letter.
    #[error("You may not {}; ask one of its owners", in_mailbox(*.missing))]
    Missing {
        /// The letter that would be needed.
        missing: Letter,
    },
    /// Would hold the letter, and delete protection withholds it.
    #[error("This mailbox is protected from deletion: only its owners may {}", protected(*.withheld))]
    Protected {
        /// The letter that would be needed.
        withheld: Letter,
    },
    /// Sees the account, or is in the organisation, and the duty is not theirs.
    #[error("You may not {}; ask {}", .duty.verb(), .duty.whom_to_ask())]
    NotYours {
        /// The duty that was asked for.
        duty: Duty,
    },
    /// Theirs to do, and not through the token they came with.
    #[error("This token may not {}; {}", by_token(*.duty), instead_of_token(*.duty))]
    TokenTooNarrow {
        /// The duty that was asked for.
        duty: Duty,
    },
    /// A token that was made makes policy stricter alone.
    #[error("A token only makes policy stricter; sign in to loosen it")]
    TokenLoosens,
    /// Nobody gives a letter they do not hold.
    #[error("You may not give the right to {}, for you do not hold it here", .letter.verb())]
    NotHeld {
        /// The letter that was to be given.
        letter: Letter,
    },
    /// Nobody gives for longer than they hold.
    #[error("Your own rights here end, so what you give has to end no later than they do")]
    HeldForATime,
    /// A mailbox of the name that was asked for is reached by other grants.
    #[error("Under that name others would hold more in it; only those who may change its access may rename it so")]
    WouldGive,
    /// Nobody gives send rights they do not hold.
    #[error(
        "You may not give the right to send from this mailbox, for you do not hold it; name a role or letters alone"
    )]
    SendNotHeld,
}

/// What a token does not let through; of one's own settings it is told as such.
fn by_token(duty: Duty) -> &'static str {
    match duty {
        Duty::ManageSelf => "make tokens or change a password, of its own person neither",
        duty => duty.verb(),
    }
}

/// What helps whoever came with a token that is too narrow.
fn instead_of_token(duty: Duty) -> &'static str {
    match TokenRole::is_by_login_alone(duty) {
        true => "sign in for it",
        false => "sign in, or use a token whose role may",
    }
}

/// What a letter allows, as it reads of the mailbox at hand.
fn in_mailbox(letter: Letter) -> String {
    match letter {
        Letter::DeleteMailbox => "delete or rename this mailbox".to_owned(),
        letter => format!("{} in this mailbox", letter.verb()),
    }
}

/// What delete protection leaves to owners.
fn protected(letter: Letter) -> &'static str {
    match letter {
        Letter::DeleteMailbox => "delete or rename it",
        _ => "expunge its messages or move them out",
    }
}
