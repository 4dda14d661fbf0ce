//! Reasons: what made a verdict, as data; `explain` puts them into words.

use crate::{AccountFacts, AccountState, GrantFact, Job, Obstacle, Reach};
use postern_types::{GrantId, GroupId, Rights, SendRights, Timestamp};
use std::fmt;

/// One thing that made a verdict what it is. Numbers only: names are the reader's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The account is the person's own.
    OwnAccount,
    /// A grant that counts here.
    Granted {
        /// Which.
        grant: GrantId,
        /// Through which group; nothing when given to the person.
        via: Option<GroupId>,
        /// What it covers.
        reach: Reach,
        /// Letters given.
        rights: Rights,
        /// Send rights given.
        send: SendRights,
        /// When it ends.
        not_after: Option<Timestamp>,
    },
    /// A grant whose letters do not count here, because a more specific one of the same
    /// grantee does.
    Outweighed {
        /// Which.
        grant: GrantId,
        /// The one that counts instead.
        by: GrantId,
    },
    /// A grant that covers this place and has ended.
    Ended {
        /// Which.
        grant: GrantId,
        /// When it ended.
        at: Timestamp,
    },
    /// Grants exist on the account, and none covers this place.
    OnlyElsewhere {
        /// How many still count.
        grants: usize,
    },
    /// No grant to the person, nor to a group of theirs.
    NoGrant,
    /// The person is suspended.
    PersonSuspended,
    /// The account is suspended.
    AccountSuspended,
    /// The account is removed.
    AccountRemoved,
    /// Delete protection withheld these letters from someone without `a`.
    DeleteProtected {
        /// What would have been held.
        withheld: Rights,
    },
    /// The person administers the organisation, which gives no letter.
    AdministratorWithoutMail,
    /// The operator administers and never reads mail.
    OperatorWithoutMail,
    /// A job of the house, with what it needs for its task.
    Job(Job),
    /// The credential signs in to another account.
    CredentialElsewhere,
    /// The credential holds these letters here by its scope.
    CredentialScope {
        /// Letters of the scope.
        rights: Rights,
    },
    /// Something speaks against the credential.
    CredentialStopped(Obstacle),
    /// The scope of a credential has submission, or has not.
    CredentialSubmits {
        /// It has.
        submits: bool,
    },
    /// A credential opens mailboxes and does nothing beside that.
    CredentialWithoutDuty,
    /// The person administers the organisation, which is what the duty asks about.
    Administers,
    /// The operator administers the organisation.
    Operates,
    /// Grants exist on parts of the account, and none on all of it.
    OnlyInParts {
        /// How many still count.
        grants: usize,
    },
    /// Grants exist on the account, and none gives a right to send.
    NoSendRight {
        /// How many still count.
        grants: usize,
    },
    /// The facts contradict each other, so nothing is held.
    FactsDisagree,
}

impl Reason {
    /// What the state of an account says, where it is not in use.
    pub(crate) fn of_state(account: AccountFacts) -> Option<Reason> {
        match account.state {
            AccountState::Active => None,
            AccountState::Suspended => Some(Reason::AccountSuspended),
            AccountState::Removed => Some(Reason::AccountRemoved),
        }
    }

    /// A grant that no other one outweighs: it counts, or it has ended.
    pub(crate) fn of_grant(grant: &GrantFact, now: Timestamp) -> Reason {
        match grant.not_after {
            Some(at) if !grant.is_live(now) => Reason::Ended { grant: grant.id, at },
            not_after => Reason::Granted {
                grant: grant.id,
                via: grant.via,
                reach: grant.reach.clone(),
                rights: grant.rights,
                send: grant.send,
                not_after,
            },
        }
    }
}

/// By number, for logs. People are given [`crate::explain`].
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::OwnAccount => f.write_str("own account"),
            Reason::Granted { grant, via: None, rights, .. } => write!(f, "grant {grant} gives {rights}"),
            Reason::Granted { grant, via: Some(group), rights, .. } => {
                write!(f, "grant {grant} via group {group} gives {rights}")
            }
            Reason::Outweighed { grant, by } => write!(f, "grant {grant} is outweighed by grant {by}"),
            Reason::Ended { grant, .. } => write!(f, "grant {grant} has ended"),
            Reason::OnlyElsewhere { grants } => write!(f, "{grants} grants, none covers this place"),
            Reason::NoGrant => f.write_str("no grant"),
            Reason::PersonSuspended => f.write_str("person suspended"),
            Reason::AccountSuspended => f.write_str("account suspended"),
            Reason::AccountRemoved => f.write_str("account removed"),
            Reason::DeleteProtected { withheld } => write!(f, "delete protection withholds {withheld}"),
            Reason::AdministratorWithoutMail => f.write_str("administrator, which gives no mail right"),
            Reason::OperatorWithoutMail => f.write_str("operator, who holds no mail right"),
            Reason::Job(job) => write!(f, "{} job", job.name()),
            Reason::CredentialElsewhere => f.write_str("credential of another account"),
            Reason::CredentialScope { rights } => write!(f, "the scope gives {rights}"),
            Reason::CredentialStopped(obstacle) => write!(f, "credential: {obstacle}"),
            Reason::CredentialSubmits { submits: true } => f.write_str("the scope has submission"),
            Reason::CredentialSubmits { submits: false } => f.write_str("the scope has no submission"),
            Reason::CredentialWithoutDuty => f.write_str("credential, which opens mailboxes alone"),
            Reason::Administers => f.write_str("administrator"),
            Reason::Operates => f.write_str("operator"),
            Reason::OnlyInParts { grants } => write!(f, "{grants} grants, none on the whole account"),
            Reason::NoSendRight { grants } => write!(f, "{grants} grants, none gives a right to send"),
            Reason::FactsDisagree => f.write_str("facts disagree"),
        }
    }
}
