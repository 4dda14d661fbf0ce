//! Who acts: one of four kinds, each with its rows in the matrix.
//!
//! An actor is a fact about who, not a proof: that the person is who they say was settled
//! at sign-in, that the operator owns the socket by the kernel. Nothing stands above this
//! list, the house's own jobs included.

use postern_types::{AccountId, CredentialId, PersonId};
use std::fmt;

/// Whoever acts now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Someone signed in as themselves: their own account, and what is granted to them or
    /// to their groups.
    Person(PersonId),
    /// A credential that signs in as the account it belongs to, and sees that account alone.
    Credential {
        /// Which one.
        id: CredentialId,
        /// The account it belongs to.
        account: AccountId,
    },
    /// Whoever reaches the local socket: sets up and administers, and never reads mail.
    Operator {
        /// Their user id, as the kernel told it.
        uid: u32,
    },
    /// The house itself, at one of its tasks.
    Job(Job),
}

/// What the house does by itself. Each job can do its task and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Job {
    /// Puts mail that arrived into an account: adds messages, and posts.
    Delivery,
    /// Files the copy of what was sent: adds messages to mailboxes that are `\Sent`.
    Submission,
    /// Ends what has reached its end: grants, soft removals, the change log. Touches no mail.
    Expiry,
    /// Brings mail over from files or another server: adds messages.
    Import,
    /// Deletes bodies that no message names any more. Sees bytes without owner, no mailbox.
    Collection,
    /// Fills the demonstration. Its mail comes by delivery and its people by the operator,
    /// so it holds nothing of its own.
    Seed,
}

impl Job {
    /// All of them.
    pub const ALL: [Job; 6] = [Job::Delivery, Job::Submission, Job::Expiry, Job::Import, Job::Collection, Job::Seed];

    /// Its name, as the trail and the matrix write it.
    pub fn name(self) -> &'static str {
        match self {
            Job::Delivery => "delivery",
            Job::Submission => "submission",
            Job::Expiry => "expiry",
            Job::Import => "import",
            Job::Collection => "collection",
            Job::Seed => "seed",
        }
    }
}

/// By number, as logs name an actor; people's names belong to [`crate::Names`].
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person(person) => write!(f, "person {person}"),
            Actor::Credential { id, account } => write!(f, "credential {id} of account {account}"),
            Actor::Operator { uid } => write!(f, "operator (uid {uid})"),
            Actor::Job(job) => write!(f, "the {} job", job.name()),
        }
    }
}
