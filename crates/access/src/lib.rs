//! The heart of the house: pure functions from facts to a verdict with reasons.
//!
//! Who may see this message, and why? Every answer is made here, from facts that others
//! have read (`facts`), for an actor (`actor`) who wants to do something to one mailbox
//! (`operation`, `mailbox`), to an account or the organisation (`duty`), to sign in
//! (`sign_in`), through a token (`token`), to send (`sending`) and how much (`pace`), to hand a right
//! on (`giving`) or to have a credential (`issuing`). Time is an argument.
//! No I/O, no clock, no SQL, no protocol code; `matrix.txt` shows every answer at a glance
//! and a test compares it with the code.
//!
//! Facts that contradict each other (a mailbox of another account, a person who is not the
//! actor) give nothing: a mistake in reading facts must never open a door.

/// An enum that knows all of its values, but for those that hold another one.
macro_rules! listed {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$about:meta])* $value:ident,)* }) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$about])* $value,)*
        }
        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$value,)*];
        }
    };
    ($(#[$meta:meta])* pub enum $name:ident {
        $($(#[$about:meta])* $value:ident,)*
    } and {
        $(#[$with_about:meta])* $with:ident($held:ty),
    }) => {
        $(#[$meta])*
        pub enum $name {
            $($(#[$about])* $value,)*
            $(#[$with_about])* $with($held),
        }
        impl $name {
            const PLAIN: &'static [$name] = &[$($name::$value,)*];
        }
    };
}

mod actor;
mod combine;
mod credential;
mod denied;
mod duty;
mod explain;
mod facts;
mod giving;
mod issuing;
mod mailbox;
mod operation;
mod pace;
mod policy;
mod purpose;
mod question;
mod reason;
mod role;
mod scope;
mod sending;
mod sign_in;
mod token;
mod why;

pub use actor::{Actor, Job};
pub use credential::{Answerable, CredentialFacts, CredentialState, Obstacle, Standing};
pub use denied::Denied;
pub use duty::{Duty, Scope, duty_verdict, takes_part};
pub use explain::{Explanation, Names, PlainNames, explain, explain_scope};
pub use facts::{
    AccountFacts, AccountKind, AccountState, ByReach, DutyFacts, GrantFact, MailboxFacts, PersonFacts, Reach,
    is_automapped,
};
pub use giving::{Gift, Holding, deciding, gift_limit, gift_limit_at, mailbox_rights_of, may_change, may_give};
pub use issuing::{Issue, IssueDenied};
pub use mailbox::{Verdict, account_verdict, mailbox_verdict, reads_whole_account};
pub use operation::{Need, Operation};
pub use pace::{
    Limit, MESSAGES_PER_MINUTE, MOST_MESSAGES_PER_MINUTE, NEW_RECIPIENTS_WHILE_YOUNG, OnLimit, OverLimit,
    RECIPIENTS_PER_DAY, SendLimits, SendingScope, Slot, Used, UsedDay, Wanted, day_after, day_of, minute_of,
};
pub use policy::{DirectSignIn, DirectSignInError, Policy};
pub use purpose::{Purpose, PurposeError, Purposes, Template};
pub use question::{Manner, Question, QuestionError};
pub use reason::Reason;
pub use role::{Role, RoleError};
pub use scope::{CredentialScope, Hours, Networks, Protocol, Protocols, ScopeError};
pub use sending::{
    Accepted, STALE_REPLY_MINUTES_MOST, SendDenied, SentCopy, SentCopyError, ShowSender, ShowSenderError, Submission,
    UNDO_SECONDS_MOST, Usable, Voice, credential_voice, may_submit, voice,
};
pub use sign_in::{
    CredentialSignIn, PlaintextSignIn, SecretCheck, SignInDenied, SignInFacts, SignInMeans, SignInReason,
    SignInVerdict, Transport, sign_in_verdict,
};
pub use token::{TokenRole, TokenRoleError, duty_verdict_through};
pub use why::{explain_credential_sending, explain_duty, explain_sending};
