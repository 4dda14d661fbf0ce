//! Duties: what is done to an account or to the organisation rather than to one mailbox.
//!
//! Administrators of the organisation and operators do the administration; owners of an
//! account (account-wide `a`) look after its delegates and credentials. Export is reading,
//! so it belongs to those who read, never to administrators as such. On a person's own
//! account administrators may take rights away and never give any: what is private becomes
//! shared by conversion, which is a duty with a trail of its own.

use crate::mailbox::{is_own, is_unobstructed};
use crate::{AccountFacts, AccountKind, AccountState, Actor, Denied, DutyFacts, Job, account_verdict};
use postern_types::{Letter, Rights, SendRights};

/// What someone wants to do to an account or to the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Sees that the account exists, its addresses and settings. Not its mail.
    ReadAccount,
    /// Sees who may do what in the account: its grants, and the credentials that open it.
    ReadGrants,
    /// Changes one's own password, subscriptions and settings.
    ManageSelf,
    /// Gives and changes grants; how much one may give, [`crate::gift_limit`] says.
    ManageGrants,
    /// Issues, rotates and ends credentials of the account.
    ManageCredentials,
    /// Checks out a credential that is shut otherwise; its holder may, too.
    CheckOut,
    /// Takes rights away: ends grants, credentials, sessions. Wider than giving, so that
    /// it never fails for want of someone who may.
    Revoke,
    /// Sets policy on direct sign-in.
    ManagePolicy,
    /// Reads the trail and the reports made from it.
    ReadAudit,
    /// Takes a copy of the account's mail out of the house. Each mailbox is then opened for
    /// reading, so one that a narrower grant shuts stays out of the copy.
    Export,
    /// Suspends a person or an account.
    Suspend,
    /// Lets a suspended person back. Apart from [`Duty::Suspend`], for it gives back all that
    /// they held, the office of an administrator included.
    Resume,
    /// Sees what the organisation has: its people, groups, domains and shared mailboxes.
    ReadOrganisation,
    /// Adds, changes and removes people.
    ManagePeople,
    /// Says who administers the organisation. Apart from [`Duty::ManagePeople`], for an
    /// administrator who was made by a token would outlast it.
    ManageAdministrators,
    /// Gives somebody else another password. Apart from [`Duty::ManagePeople`], for whoever sets
    /// a password can sign in with it when the token they did it with has ended.
    SetPasswords,
    /// Adds, changes and removes groups and their members.
    ManageGroups,
    /// Adds, changes and removes domains.
    ManageDomains,
    /// Adds, changes, removes and restores shared mailboxes, and makes them a person's.
    ManageShared,
    /// Opens what is private to others: makes a person's mailbox shared, or lets somebody into a
    /// group that a person has shared their own mailbox with.
    OpenPrivate,
    /// Puts mail that arrived into the account.
    Deliver,
    /// Brings mail over from elsewhere, as the import job: it adds messages and mailboxes, and shows
    /// nothing of what is there.
    Import,
    /// Sees what waits to be sent, and sends it now, holds it or takes it out: of one account, or of
    /// all. Envelopes, never what is in the mail.
    ManageQueue,
    /// Takes what waits to be sent and brings it away.
    RunQueue,
    /// Ends what has reached its end.
    Expire,
    /// Deletes bodies that no message names any more.
    Collect,
}

/// What a duty is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One account.
    Account,
    /// The organisation; facts about an account change nothing.
    Organisation,
    /// One account, or, asked without one, the organisation.
    Either,
}

impl Duty {
    /// All of them, in the order of the matrix.
    pub const ALL: [Duty; 26] = [
        Duty::ReadAccount,
        Duty::ReadGrants,
        Duty::ManageSelf,
        Duty::ManageGrants,
        Duty::ManageCredentials,
        Duty::CheckOut,
        Duty::Revoke,
        Duty::ManagePolicy,
        Duty::ReadAudit,
        Duty::Export,
        Duty::Suspend,
        Duty::Resume,
        Duty::ReadOrganisation,
        Duty::ManagePeople,
        Duty::ManageAdministrators,
        Duty::SetPasswords,
        Duty::ManageGroups,
        Duty::ManageDomains,
        Duty::ManageShared,
        Duty::OpenPrivate,
        Duty::Deliver,
        Duty::Import,
        Duty::ManageQueue,
        Duty::RunQueue,
        Duty::Expire,
        Duty::Collect,
    ];

    /// What it is about.
    pub fn scope(self) -> Scope {
        match self {
            Duty::ReadAccount
            | Duty::ReadGrants
            | Duty::ManageSelf
            | Duty::ManageGrants
            | Duty::ManageCredentials
            | Duty::CheckOut
            | Duty::Export
            | Duty::Suspend
            | Duty::Resume
            | Duty::Deliver
            | Duty::Import => Scope::Account,
            Duty::Revoke | Duty::ManagePolicy | Duty::ReadAudit | Duty::ManageQueue => Scope::Either,
            Duty::ReadOrganisation
            | Duty::ManagePeople
            | Duty::ManageAdministrators
            | Duty::SetPasswords
            | Duty::ManageGroups
            | Duty::ManageDomains
            | Duty::ManageShared
            | Duty::OpenPrivate
            | Duty::RunQueue
            | Duty::Expire
            | Duty::Collect => Scope::Organisation,
        }
    }

    /// Its name in the matrix, the trail and `explain`.
    pub fn name(self) -> &'static str {
        match self {
            Duty::ReadAccount => "read-account",
            Duty::ReadGrants => "read-grants",
            Duty::ManageSelf => "manage-self",
            Duty::ManageGrants => "manage-grants",
            Duty::ManageCredentials => "manage-credentials",
            Duty::CheckOut => "check-out",
            Duty::Revoke => "revoke",
            Duty::ManagePolicy => "manage-policy",
            Duty::ReadAudit => "read-audit",
            Duty::Export => "export",
            Duty::Suspend => "suspend",
            Duty::Resume => "resume",
            Duty::ReadOrganisation => "read-organisation",
            Duty::ManagePeople => "manage-people",
            Duty::ManageAdministrators => "manage-administrators",
            Duty::SetPasswords => "set-passwords",
            Duty::ManageGroups => "manage-groups",
            Duty::ManageDomains => "manage-domains",
            Duty::ManageShared => "manage-shared",
            Duty::OpenPrivate => "open-private",
            Duty::Deliver => "deliver",
            Duty::Import => "import",
            Duty::ManageQueue => "manage-queue",
            Duty::RunQueue => "run-queue",
            Duty::Expire => "expire",
            Duty::Collect => "collect",
        }
    }

    /// From its name.
    pub fn parse(name: &str) -> Option<Duty> {
        Duty::ALL.into_iter().find(|known| known.name() == name)
    }

    /// As it reads after "You may not".
    pub fn verb(self) -> &'static str {
        match self {
            Duty::ReadAccount => "see this mailbox",
            Duty::ReadGrants => "see who may do what in this mailbox",
            Duty::ManageSelf => "change the settings of someone else",
            Duty::ManageGrants => "manage the delegates of this mailbox",
            Duty::ManageCredentials => "manage the credentials of this mailbox",
            Duty::CheckOut => "check out a credential of this mailbox",
            Duty::Revoke => "take rights away here",
            Duty::ManagePolicy => "change the policy on direct sign-in, or see the keys that it rests on",
            Duty::ReadAudit => "read the trail",
            Duty::Export => "export this mailbox",
            Duty::Suspend => "suspend people",
            Duty::Resume => "let suspended people back",
            Duty::ReadOrganisation => "see what the organisation has",
            Duty::ManagePeople => "manage people",
            Duty::ManageAdministrators => "say who administers the organisation",
            Duty::SetPasswords => "set the password of somebody else",
            Duty::ManageGroups => "manage groups",
            Duty::ManageDomains => "manage domains",
            Duty::ManageShared => "manage shared mailboxes",
            Duty::OpenPrivate => "open to others what is private",
            Duty::Deliver => "deliver mail into this mailbox",
            Duty::Import => "import mail into this mailbox",
            Duty::ManageQueue => "manage what waits to be sent here",
            Duty::RunQueue => "bring away what waits to be sent",
            Duty::Expire => "end what has reached its end",
            Duty::Collect => "collect unused bodies",
        }
    }

    /// What allows it.
    pub(crate) fn grounds(self) -> &'static [Ground] {
        match self {
            Duty::ReadAccount => &[Ground::TakesPart, Ground::Administers],
            Duty::ManageSelf => &[Ground::IsTheirs],
            Duty::ManageGrants | Duty::ManageCredentials | Duty::CheckOut => &[Ground::Owns, Ground::AdministersShared],
            Duty::Revoke | Duty::ReadAudit | Duty::ReadGrants | Duty::ManageQueue => {
                &[Ground::Owns, Ground::Administers]
            }
            Duty::Export => &[Ground::ReadsAll],
            Duty::ManagePolicy
            | Duty::Suspend
            | Duty::Resume
            | Duty::ReadOrganisation
            | Duty::ManagePeople
            | Duty::ManageAdministrators
            | Duty::SetPasswords
            | Duty::ManageGroups
            | Duty::ManageDomains
            | Duty::ManageShared
            | Duty::OpenPrivate => &[Ground::Administers],
            Duty::Deliver => &[Ground::Delivers],
            // An owner may be shut out of a mailbox by a narrower grant, which the job does not see.
            Duty::Import => &[Ground::IsTheirs, Ground::Administers],
            Duty::RunQueue => &[Ground::Is(Job::Submission)],
            Duty::Expire => &[Ground::Is(Job::Expiry)],
            Duty::Collect => &[Ground::Is(Job::Collection)],
        }
    }

    /// Who could help, as it reads after "ask".
    pub(crate) fn whom_to_ask(self) -> &'static str {
        match self {
            Duty::ManageSelf => "the person",
            Duty::ReadAccount
            | Duty::ReadGrants
            | Duty::ManageGrants
            | Duty::ManageCredentials
            | Duty::CheckOut
            | Duty::Revoke
            | Duty::ManageQueue
            | Duty::Export => "one of its owners",
            _ => "an administrator of the organisation",
        }
    }
}

/// What may allow a duty. Any one ground is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Administers the organisation.
    Administers,
    /// Administers the organisation, and the account is a shared one that is in use.
    AdministersShared,
    /// Holds `a` on the account as a whole.
    Owns,
    /// Holds anything on the account.
    TakesPart,
    /// The account is the person's own.
    IsTheirs,
    /// Holds `l`, `r` and `a` on the account as a whole.
    ReadsAll,
    /// Is the delivery job, and the account is in use.
    Delivers,
    /// Is this job.
    Is(Job),
}

impl Ground {
    fn holds(self, actor: &Actor, standing: &Standing, facts: &DutyFacts<'_>) -> bool {
        match self {
            Ground::Administers => standing.administers,
            Ground::AdministersShared => standing.administers && facts.account.is_some_and(is_shared_in_use),
            Ground::Owns => standing.whole.has(Letter::Administer),
            Ground::TakesPart => standing.takes_part,
            Ground::IsTheirs => standing.own,
            Ground::ReadsAll => {
                standing.whole.contains(Letter::Lookup | Letter::Read | Rights::from(Letter::Administer))
            }
            Ground::Delivers => {
                *actor == Actor::Job(Job::Delivery)
                    && facts.account.is_some_and(|account| account.state == AccountState::Active)
            }
            Ground::Is(job) => *actor == Actor::Job(job),
        }
    }

    /// Whom it means, as it reads after "That is for".
    pub(crate) fn whom(self) -> &'static str {
        match self {
            Ground::Administers => "administrators of the organisation",
            Ground::AdministersShared => "administrators of the organisation (where it is shared)",
            Ground::Owns => "owners of the account (a on all of it)",
            Ground::TakesPart => "its delegates",
            Ground::IsTheirs => "the person whose account it is",
            Ground::ReadsAll => "owners of the account who read all of it (l, r and a)",
            Ground::Delivers => "the delivery job, while the account is in use",
            Ground::Is(Job::Expiry) => "the expiry job",
            Ground::Is(Job::Collection) => "the collection job",
            Ground::Is(Job::Submission) => "the submission job",
            Ground::Is(_) => "a job of the house",
        }
    }
}

/// What an actor is to an account and to the organisation.
struct Standing {
    /// Administers the organisation, as a person or as operator.
    administers: bool,
    /// Holds something on the account, as its owner or as a delegate.
    takes_part: bool,
    /// The account is their own.
    own: bool,
    /// Letters held on the account as a whole.
    whole: Rights,
}

/// May `actor` do `duty`, to the account of the facts or to the organisation?
///
/// Depends on time only through grants: what it says holds as long as
/// [`account_verdict`]'s `valid_until`, except that [`Duty::ReadAccount`] also follows the
/// ends of narrower grants.
pub fn duty_verdict(actor: &Actor, duty: Duty, facts: &DutyFacts<'_>) -> Result<(), Denied> {
    let standing = standing(actor, facts);
    let is_asked_in_scope = facts.account.is_some() || duty.scope() != Scope::Account;
    let allowed = duty.grounds().iter().any(|ground| ground.holds(actor, &standing, facts));
    let is_about_account = facts.account.is_some() && duty.scope() != Scope::Organisation;
    let is_seen = standing.takes_part || standing.administers;
    if allowed && is_asked_in_scope {
        Ok(())
    } else if is_about_account && !is_seen {
        Err(Denied::Hidden)
    } else {
        Err(Denied::NotYours { duty })
    }
}

fn is_shared_in_use(account: AccountFacts) -> bool {
    account.kind == AccountKind::Shared && account.state != AccountState::Removed
}

fn standing(actor: &Actor, facts: &DutyFacts<'_>) -> Standing {
    Standing {
        administers: administers(actor, facts),
        takes_part: takes_part(actor, facts),
        own: match (actor, facts.account) {
            (Actor::Person(id), Some(account)) => is_own(*id, account) && is_unobstructed(*id, facts.person, account),
            _ => false,
        },
        whole: account_verdict(actor, facts).rights,
    }
}

/// Does the actor administer the organisation?
pub(crate) fn administers(actor: &Actor, facts: &DutyFacts<'_>) -> bool {
    match actor {
        Actor::Operator { .. } => true,
        Actor::Person(id) => facts.person.is_some_and(|person| person.id == *id && person.admin && !person.suspended),
        Actor::Credential { .. } | Actor::Job(_) => false,
    }
}

/// Does the actor hold anything anywhere on the account: as its person, or by a grant that
/// counts, whatever it covers?
pub fn takes_part(actor: &Actor, facts: &DutyFacts<'_>) -> bool {
    let (Actor::Person(id), Some(account)) = (actor, facts.account) else {
        return false;
    };
    let gives = |grant: &crate::GrantFact| {
        grant.is_live(facts.now) && (!grant.rights.is_empty() || grant.send != SendRights::NONE)
    };
    is_unobstructed(*id, facts.person, account) && (is_own(*id, account) || facts.grants.iter().any(gives))
}
