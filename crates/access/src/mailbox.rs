//! The verdict on one mailbox: effective letters, how long they hold, and why.
//!
//! RFC 4314 section 2 leaves combination to the server; ours is in `combine`. People hold
//! every letter on their own account, delegates what grants give, jobs what their task
//! needs, credentials what their scope has. Administrators and operators hold no letter by
//! being that. Suspension and removal leave nothing.

use crate::combine::{Combination, Place};
use crate::credential::credential_verdict;
use crate::{
    AccountFacts, AccountState, Actor, CredentialFacts, Denied, DutyFacts, GrantFact, Job, MailboxFacts, Operation,
};
use crate::{AccountKind, PersonFacts, Reason};
use postern_types::{Letter, PersonId, Rights, SendRights, SpecialUse, Timestamp};

/// What an actor holds at one place, until when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The letters held.
    pub rights: Rights,
    /// What they may write into From.
    pub send: SendRights,
    /// The nearest moment at which `rights` or `send` change with the facts unchanged.
    pub valid_until: Option<Timestamp>,
    /// What made it so, in an order that does not depend on the order of the facts.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    pub(crate) fn nothing(reasons: Vec<Reason>) -> Self {
        Self { rights: Rights::NONE, send: SendRights::NONE, valid_until: None, reasons }
    }

    /// May the actor do `operation`? Answers with every letter held, for those decide the
    /// flags within an operation.
    pub fn allows(&self, operation: Operation) -> Result<Rights, Denied> {
        operation.allowed_unless_protected(self.rights, self.withheld()).map(|()| self.rights)
    }

    /// The letters that delete protection withholds.
    pub fn withheld(&self) -> Rights {
        let withheld = self.reasons.iter().find_map(|reason| match reason {
            Reason::DeleteProtected { withheld } => Some(*withheld),
            _ => None,
        });
        withheld.unwrap_or(Rights::NONE)
    }

    /// Does it still hold at `now`, if no fact changed meanwhile?
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|end| now < end)
    }
}

/// What `actor` holds on one mailbox.
pub fn mailbox_verdict(actor: &Actor, facts: &MailboxFacts<'_>) -> Verdict {
    if facts.mailbox.account() != facts.account.id {
        return Verdict::nothing(vec![Reason::FactsDisagree]);
    }
    let place = Place::Mailbox { id: facts.mailbox, name: facts.name };
    match actor {
        Actor::Person(id) => person_verdict(*id, facts.person, facts.account, facts.grants, place, facts.now),
        Actor::Job(job) => job_verdict(*job, facts),
        Actor::Operator { .. } => Verdict::nothing(vec![Reason::OperatorWithoutMail]),
        Actor::Credential { id, account } => {
            credential_verdict((*id, *account), facts.credential, facts.account, place, facts.now)
        }
    }
}

/// What `actor` holds on an account as a whole, where only account grants reach: `k` here
/// creates mailboxes at the top level, `a` is the owner's letter.
pub fn account_verdict(actor: &Actor, facts: &DutyFacts<'_>) -> Verdict {
    let Some(account) = facts.account else {
        return Verdict::nothing(vec![Reason::FactsDisagree]);
    };
    match actor {
        Actor::Person(id) => person_verdict(*id, facts.person, account, facts.grants, Place::Account, facts.now),
        Actor::Job(job) => Verdict::nothing(vec![Reason::Job(*job)]),
        Actor::Operator { .. } => Verdict::nothing(vec![Reason::OperatorWithoutMail]),
        Actor::Credential { .. } => Verdict::nothing(vec![Reason::CredentialWithoutDuty]),
    }
}

/// Does the actor read the whole of an account: by what reaches all of it, and every message there?
/// Whoever does not is told nothing of how much there is. What a narrower grant shuts is in the sum
/// still: that it is there at all is not told (docs/decisions/0034-quota.md).
pub fn reads_whole_account(actor: &Actor, facts: &DutyFacts<'_>, credential: Option<&CredentialFacts>) -> bool {
    let rights = match (actor, facts.account) {
        (Actor::Credential { id, account }, Some(of)) => {
            if credential.is_none_or(|known| known.scope.older_than_ms.is_some()) {
                return false;
            }
            credential_verdict((*id, *account), credential, of, Place::Account, facts.now).rights
        }
        _ => account_verdict(actor, facts).rights,
    };
    rights.has(Letter::Read)
}

/// Is this account the person's own?
pub(crate) fn is_own(person: PersonId, account: AccountFacts) -> bool {
    account.kind == AccountKind::Person && person.account() == account.id
}

/// Why this person holds nothing on this account, whatever was granted.
pub(crate) fn obstacles(
    id: PersonId,
    person: Option<PersonFacts>,
    account: AccountFacts,
    grants: &[GrantFact],
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    match person {
        Some(person) if person.id == id => {
            if person.suspended {
                reasons.push(Reason::PersonSuspended);
            }
        }
        // There is nobody of that number, and nothing was given to them: told as of a stranger.
        None if grants.is_empty() && !is_own(id, account) => reasons.push(Reason::NoGrant),
        _ => reasons.push(Reason::FactsDisagree),
    }
    reasons.extend(Reason::of_state(account));
    reasons
}

/// May this person hold anything on this account at all?
pub(crate) fn is_unobstructed(id: PersonId, person: Option<PersonFacts>, account: AccountFacts) -> bool {
    obstacles(id, person, account, &[]).is_empty()
}

fn person_verdict(
    id: PersonId,
    person: Option<PersonFacts>,
    account: AccountFacts,
    grants: &[GrantFact],
    place: Place<'_>,
    now: Timestamp,
) -> Verdict {
    let obstacles = obstacles(id, person, account, grants);
    if !obstacles.is_empty() {
        return Verdict::nothing(obstacles);
    }
    if is_own(id, account) {
        return Verdict {
            rights: Rights::ALL,
            send: SendRights { send_as: true, send_on_behalf: true },
            valid_until: None,
            reasons: vec![Reason::OwnAccount],
        };
    }
    let combination = Combination::of(grants, place);
    let held_at = |moment| (protected(account, combination.rights(moment)), combination.send(moment));
    let (rights, send) = held_at(now);
    let valid_until = combination.ends_after(now).into_iter().find(|end| held_at(*end) != (rights, send));
    let mut reasons = grant_reasons(&combination, now);
    let withheld = combination.rights(now) - rights;
    if !withheld.is_empty() {
        reasons.push(Reason::DeleteProtected { withheld });
    }
    if person.is_some_and(|person| person.admin) && rights.is_empty() {
        reasons.push(Reason::AdministratorWithoutMail);
    }
    Verdict { rights, send, valid_until, reasons }
}

/// What delete protection leaves: without `a`, neither `x` nor `e`. `t` stays, so that
/// clients which mark messages for later removal keep working; nothing is lost by a mark.
pub(crate) fn protected(account: AccountFacts, rights: Rights) -> Rights {
    if account.delete_protection && !rights.has(Letter::Administer) {
        rights - (Letter::DeleteMailbox | Letter::Expunge)
    } else {
        rights
    }
}

fn grant_reasons(combination: &Combination<'_>, now: Timestamp) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = combination
        .here()
        .map(|(fit, grant)| match combination.outweighed_by(fit, grant, now) {
            Some(by) if grant.is_live(now) => Reason::Outweighed { grant: grant.id, by },
            _ => Reason::of_grant(grant, now),
        })
        .collect();
    if !reasons.iter().any(|reason| matches!(reason, Reason::Granted { .. })) {
        reasons.push(match combination.live_anywhere(now) {
            0 => Reason::NoGrant,
            grants => Reason::OnlyElsewhere { grants },
        });
    }
    reasons
}

/// What a job holds: exactly what its task needs, on active accounts only. Delivery adds
/// and posts, and can not even see what is there.
fn job_verdict(job: Job, facts: &MailboxFacts<'_>) -> Verdict {
    let rights = match job {
        Job::Delivery => Letter::Insert | Letter::Post,
        // What was sent, and what was taken back.
        Job::Submission if matches!(facts.special_use, Some(SpecialUse::Sent | SpecialUse::Drafts)) => {
            Letter::Insert.into()
        }
        Job::Import => Letter::Insert.into(),
        Job::Submission | Job::Expiry | Job::Collection | Job::Seed => Rights::NONE,
    };
    let reason = Reason::Job(job);
    match facts.account.state {
        AccountState::Active => Verdict { rights, send: SendRights::NONE, valid_until: None, reasons: vec![reason] },
        AccountState::Suspended => Verdict::nothing(vec![reason, Reason::AccountSuspended]),
        AccountState::Removed => Verdict::nothing(vec![reason, Reason::AccountRemoved]),
    }
}
