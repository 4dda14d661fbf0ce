//! Who may do what: one question with its reasons, and the report on a shared mailbox.

use crate::model::{
    AccessParameters, AccessReport, Delegate, ExplainParameters, Explained, MailboxAccess, PersonAccess, ReachingGrant,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use crate::{credentials, delegates};
use postern_app::{AccountState, GrantRow, Obstacle, Question, Role, Someone, Target, Voice, WhyQuery};
use postern_types::{Address, Rights};

fn role(rights: Rights) -> Option<String> {
    Role::of(rights).map(|role| role.name().to_owned())
}

/// From may be the account; Sender may be they.
fn sending(voice: Option<Voice>) -> (bool, bool) {
    (matches!(voice, Some(Voice::Own | Voice::As)), voice.is_some())
}

fn seconds(at: postern_types::Timestamp) -> String {
    show_date(postern_types::Timestamp(at.seconds() * 1000))
}

pub(crate) async fn explain(ask: Ask) -> Result<Reply, Problem> {
    let asked: ExplainParameters = ask.query()?;
    let actor = field("actor", &asked.actor, Someone::parse)?;
    let question = field("verb", &asked.verb, Question::parse)?;
    let target = field("target", &asked.target, Target::parse)?;
    let at = asked.at.as_deref().map(|at| field("at", at, parse_date)).transpose()?;
    let query = WhyQuery { actor, question, target: target.clone(), at, date: seconds };
    let answer = ask.house.explain(ask.caller()?, query).await?;
    let (send_as, send_on_behalf) = sending(answer.voice);
    let is_of_mailbox = matches!(question, Question::Mailbox(_));
    let mailbox = target.mailbox.map_or_else(|| "INBOX".to_owned(), |name| name.to_string());
    Reply::ok(&Explained {
        actor: asked.actor,
        verb: question.name().to_owned(),
        target: target.account.map_or_else(|| "organisation".to_owned(), |account| account.to_string()),
        mailbox: is_of_mailbox.then_some(mailbox),
        at: show_date(answer.at),
        allowed: answer.explanation.allowed,
        answer: answer.explanation.answer,
        because: answer.explanation.because,
        rights: answer.rights.to_string(),
        role: role(answer.rights),
        send_as,
        send_on_behalf,
        valid_until: answer.explanation.valid_until.map(show_date),
    })
}

pub(crate) async fn report(ask: Ask) -> Result<Reply, Problem> {
    let asked: AccessParameters = ask.query()?;
    let at = asked.at.as_deref().map(|at| field("at", at, parse_date)).transpose()?;
    let shared = ask.part("address", Address::parse)?;
    let report = ask.house.access_report(ask.caller()?, &shared, at).await?;
    let mut credentials = ask.house.credentials(ask.caller()?, Some(&shared), false).await?;
    for row in &mut credentials {
        // Of a key nobody knows when it comes back.
        row.obstacles.retain(|obstacle| *obstacle == Obstacle::KeyMissing);
        row.obstacles.extend(row.facts.standing(report.at).obstacles);
    }
    let people: Vec<PersonAccess> = report.people.iter().map(|person| shown(person, &report.grants)).collect();
    let reached =
        |grant: &GrantRow| report.people.iter().any(|person| person.grants.iter().any(|one| one.id == grant.id));
    let reaching_nobody: Vec<Delegate> =
        report.grants.iter().filter(|grant| !reached(grant)).cloned().map(delegates::shown).collect();
    Reply::ok(&AccessReport {
        shared: report.address,
        at: show_date(report.at),
        state: match report.state {
            AccountState::Active => "active",
            AccountState::Suspended => "suspended",
            AccountState::Removed => "removed",
        }
        .to_owned(),
        delete_protection: report.delete_protection,
        mailboxes: report.mailboxes,
        people,
        reaching_nobody,
        credentials: credentials.iter().map(|row| credentials::shown(&ask.house, row)).collect(),
    })
}

fn shown(person: &postern_app::PersonAccess, grants: &[GrantRow]) -> PersonAccess {
    let (send_as, send_on_behalf) = sending(person.voice);
    let reaching = person.grants.iter().filter_map(|one| {
        let grant = grants.iter().find(|grant| grant.id == one.id)?;
        let via = one.by_group.then(|| grant.grantee_address.clone());
        Some(ReachingGrant { grant: delegates::shown(grant.clone()), via, counts: one.counts })
    });
    let elsewhere = person.elsewhere.iter().map(|(mailbox, rights)| MailboxAccess {
        mailbox: mailbox.clone(),
        rights: rights.to_string(),
        role: role(*rights),
    });
    PersonAccess {
        person: person.address.clone(),
        name: person.name.clone(),
        standing: standing(person).to_owned(),
        administrator: person.administrator,
        manages_delegates: person.manages_delegates,
        rights: person.rights.to_string(),
        role: role(person.rights),
        mailboxes: elsewhere.collect(),
        send_as,
        send_on_behalf,
        automap: person.automap,
        until: person.until.map(show_date),
        grants: reaching.collect(),
    }
}

/// What a person is to the account, in one word; the document's field says what each means.
fn standing(person: &postern_app::PersonAccess) -> &'static str {
    match person {
        _ if person.suspended => "suspended",
        _ if person.takes_part && person.own => "own",
        _ if person.takes_part => "delegate",
        _ if person.grants.iter().any(|grant| grant.counts) || person.own => "nothing",
        _ if !person.grants.is_empty() => "ended",
        _ => "administrator",
    }
}
