//! Why someone may or may not do a duty, or send: the siblings of `explain` for what is not
//! done to one mailbox. The answers are those of [`duty_verdict`] and [`voice`]; only the
//! words are made here.

use crate::explain::capitalised;
use crate::mailbox::{is_own, obstacles};
use crate::{
    AccountFacts, Actor, CredentialFacts, Denied, Duty, DutyFacts, Explanation, GrantFact, Manner, Names, Protocol,
    Reason, Scope, account_verdict, credential_voice, duty_verdict, voice,
};
use postern_types::{SendRights, Timestamp};

/// Why `actor` may or may not do `duty`. For those who administer: it tells what the
/// refused person is not told.
pub fn explain_duty(actor: &Actor, duty: Duty, facts: &DutyFacts<'_>, names: &dyn Names) -> Explanation {
    let who = capitalised(&names.actor(actor));
    let verb = phrase(duty);
    let outcome = duty_verdict(actor, duty, facts);
    let answer = match outcome {
        Ok(()) => format!("{who} may {verb}."),
        Err(Denied::Hidden) => format!("{who} may not {verb}, and is told that there is no such mailbox."),
        Err(_) => format!("{who} may not {verb}."),
    };
    let until = changes_at(facts, |facts| duty_verdict(actor, duty, facts));
    let reasons = duty_reasons(actor, duty, facts);
    let mut told = Explanation::of(answer, outcome.is_ok(), &who, &reasons, until, names);
    if outcome.is_err() {
        let whom: Vec<&str> = duty.grounds().iter().map(|ground| ground.whom()).collect();
        told.because.push(format!("That is for {}.", whom.join(" and ")));
    }
    told
}

/// Why `actor` may or may not send as the account of the facts, or on its behalf.
pub fn explain_sending(actor: &Actor, manner: Manner, facts: &DutyFacts<'_>, names: &dyn Names) -> Explanation {
    let who = capitalised(&names.actor(actor));
    let verb = manner.verb();
    let allowed = manner.is_within(voice(actor, facts));
    let answer = if allowed { format!("{who} may {verb}.") } else { format!("{who} may not {verb}.") };
    let until = changes_at(facts, |facts| manner.is_within(voice(actor, facts)));
    Explanation::of(answer, allowed, &who, &sending_reasons(actor, facts), until, names)
}

/// The same of a credential, which sends as its own account where its scope submits.
pub fn explain_credential_sending(
    manner: Manner,
    (credential, account): (&CredentialFacts, AccountFacts),
    now: Timestamp,
    names: &dyn Names,
) -> Explanation {
    let actor = Actor::Credential { id: credential.id, account: credential.account };
    let who = capitalised(&names.actor(&actor));
    let verb = manner.verb();
    let allowed = manner.is_within(credential_voice(credential, account, now));
    let answer = if allowed { format!("{who} may {verb}.") } else { format!("{who} may not {verb}.") };
    let mut reasons: Vec<Reason> = match credential.account == account.id {
        true => credential.standing(now).obstacles.into_iter().map(Reason::CredentialStopped).collect(),
        false => vec![Reason::CredentialElsewhere],
    };
    reasons.extend(Reason::of_state(account));
    if reasons.is_empty() {
        reasons.push(Reason::CredentialSubmits { submits: credential.scope.protocols.has(Protocol::Submission) });
    }
    Explanation::of(answer, allowed, &who, &reasons, None, names)
}

/// A duty as it reads after "may", of whoever is spoken about.
fn phrase(duty: Duty) -> &'static str {
    match duty {
        Duty::ManageSelf => "change the settings of the person whose account this is",
        other => other.verb(),
    }
}

/// The nearest end of a grant at which the answer is another, with the facts unchanged.
fn changes_at<T: PartialEq>(facts: &DutyFacts<'_>, answer: impl Fn(&DutyFacts<'_>) -> T) -> Option<Timestamp> {
    let now = answer(facts);
    let mut ends: Vec<Timestamp> = facts.grants.iter().filter_map(|grant| grant.not_after).collect();
    ends.retain(|end| *end > facts.now);
    ends.sort_unstable();
    ends.into_iter().find(|end| answer(&DutyFacts { now: *end, ..facts.clone() }) != now)
}

fn duty_reasons(actor: &Actor, duty: Duty, facts: &DutyFacts<'_>) -> Vec<Reason> {
    let is_about_account = facts.account.is_some() && duty.scope() != Scope::Organisation;
    match actor {
        Actor::Operator { .. } => vec![Reason::Operates],
        Actor::Credential { .. } => vec![Reason::CredentialWithoutDuty],
        Actor::Job(job) => {
            let mut reasons = vec![Reason::Job(*job)];
            reasons.extend(facts.account.filter(|_| is_about_account).and_then(Reason::of_state));
            reasons
        }
        Actor::Person(id) => {
            let person = facts.person.filter(|person| person.id == *id);
            match person {
                None if facts.person.is_none() && is_about_account => account_reasons(actor, facts),
                None => vec![Reason::FactsDisagree],
                Some(person) if person.suspended => vec![Reason::PersonSuspended],
                Some(person) => {
                    let mut reasons = if person.admin { vec![Reason::Administers] } else { Vec::new() };
                    if is_about_account {
                        reasons.extend(account_reasons(actor, facts));
                    }
                    if person.admin {
                        reasons.retain(|reason| *reason != Reason::NoGrant);
                    }
                    reasons
                }
            }
        }
    }
}

/// What someone is to the account as a whole, without what is said elsewhere.
fn account_reasons(actor: &Actor, facts: &DutyFacts<'_>) -> Vec<Reason> {
    let whole = account_verdict(actor, facts).reasons.into_iter();
    let told = whole.filter(|reason| *reason != Reason::AdministratorWithoutMail);
    told.map(|reason| match reason {
        Reason::OnlyElsewhere { grants } => Reason::OnlyInParts { grants },
        other => other,
    })
    .collect()
}

/// Send rights are of the account's address, so every grant that gives one counts.
fn sending_reasons(actor: &Actor, facts: &DutyFacts<'_>) -> Vec<Reason> {
    match (actor, facts.account) {
        (Actor::Person(id), Some(account)) => {
            let obstacles = obstacles(*id, facts.person, account, facts.grants);
            if !obstacles.is_empty() {
                obstacles
            } else if is_own(*id, account) {
                vec![Reason::OwnAccount]
            } else {
                send_grants(facts)
            }
        }
        _ => account_verdict(actor, facts).reasons,
    }
}

fn send_grants(facts: &DutyFacts<'_>) -> Vec<Reason> {
    let mut sending: Vec<&GrantFact> = facts.grants.iter().filter(|grant| grant.send != SendRights::NONE).collect();
    sending.sort_by_key(|grant| (grant.via, grant.id));
    let mut reasons: Vec<Reason> = sending.iter().map(|grant| Reason::of_grant(grant, facts.now)).collect();
    if !sending.iter().any(|grant| grant.is_live(facts.now)) {
        reasons.push(match facts.grants.iter().filter(|grant| grant.is_live(facts.now)).count() {
            0 => Reason::NoGrant,
            grants => Reason::NoSendRight { grants },
        });
    }
    reasons
}
