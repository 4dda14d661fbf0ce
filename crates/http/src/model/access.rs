//! Documents about who may do what: one question with its answer, and the report.

use super::{Credential, Delegate};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which question.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainParameters {
    pub actor: String,
    pub verb: String,
    pub target: String,
    pub at: Option<String>,
}

/// May this actor do this, and why or why not.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Explained {
    /// Who would act.
    #[schema(example = "alice@example.org")]
    pub actor: String,
    /// What they would do, by its name in the matrix.
    #[schema(example = "change-flags")]
    pub verb: String,
    /// The account, or `organisation`.
    pub target: String,
    /// The mailbox; nothing where the question is about all of the account.
    pub mailbox: Option<String>,
    /// The moment the answer is true of.
    pub at: String,
    /// May they?
    pub allowed: bool,
    /// The answer as a sentence.
    pub answer: String,
    /// The reasons, a sentence each.
    pub because: Vec<String>,
    /// Letters they hold in the mailbox, or on the account as a whole.
    pub rights: String,
    /// The role that is exactly these letters, if one is.
    pub role: Option<String>,
    /// From may be the account.
    pub send_as: bool,
    /// From may be the account, and Sender is they.
    pub send_on_behalf: bool,
    /// The nearest moment at which a grant that matters here ends; nothing for none.
    pub valid_until: Option<String>,
}

/// The moment a report is asked about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessParameters {
    pub at: Option<String>,
}

/// Who can do what in a shared mailbox, by every path.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AccessReport {
    /// The shared mailbox.
    pub shared: String,
    /// The moment it is true of.
    pub at: String,
    /// `active`; `suspended` or `removed`, and nobody holds anything.
    pub state: String,
    /// Are deleting mailboxes and expunging kept from everyone who may not administer?
    pub delete_protection: bool,
    /// Its mailboxes, INBOX first. Of a person's own, those that others come into, unless that person asks.
    pub mailboxes: Vec<String>,
    /// Whom it concerns, by address.
    pub people: Vec<PersonAccess>,
    /// Grants to groups in which there is no person.
    pub reaching_nobody: Vec<Delegate>,
    /// Credentials that sign in to it directly; `stands` and `because` are true of the same moment.
    pub credentials: Vec<Credential>,
}

/// What one person can do in a shared mailbox.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonAccess {
    /// Their address.
    pub person: String,
    /// Their name, empty without one.
    pub name: String,
    /// `delegate`; `own` for the person whose account it is; `suspended`; `ended` where all
    /// their grants have; `nothing` where they hold grants that give nothing now;
    /// `administrator` for those of the organisation who hold no grant here.
    pub standing: String,
    /// Do they administer the organisation?
    pub administrator: bool,
    /// May they make delegates of it, themselves too?
    pub manages_delegates: bool,
    /// Letters held on all of it.
    pub rights: String,
    /// The role that is exactly these letters, if one is.
    pub role: Option<String>,
    /// Each mailbox in which they hold other letters than these.
    pub mailboxes: Vec<MailboxAccess>,
    /// From may be the account.
    pub send_as: bool,
    /// From may be the account, and Sender is they.
    pub send_on_behalf: bool,
    /// Shown in their mail program without being asked for.
    pub automap: bool,
    /// The nearest moment at which any of this changes by itself; nothing where it stays.
    pub until: Option<String>,
    /// By which grants, ended ones included.
    pub grants: Vec<ReachingGrant>,
}

/// Letters in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MailboxAccess {
    /// Its name.
    pub mailbox: String,
    /// The letters.
    pub rights: String,
    /// The role that is exactly these letters, if one is.
    pub role: Option<String>,
}

/// A grant as it reaches one person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReachingGrant {
    /// The grant.
    #[serde(flatten)]
    pub grant: Delegate,
    /// The group it was given to; nothing where it was given to the person.
    pub via: Option<String>,
    /// False once it has ended.
    pub counts: bool,
}
