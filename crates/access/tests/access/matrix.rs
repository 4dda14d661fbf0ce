//! `matrix.txt`: every kind of actor by every operation and duty, written by the code.
//!
//! The file is for reading in a review: a change of who may do what is a change of its
//! lines. `POSTERN_BLESS=1` writes it anew.

use crate::house::*;
use postern_access::{
    AccountFacts, AccountState, Actor, Answerable, CredentialFacts, CredentialState, Denied, DirectSignIn, Duty,
    DutyFacts, GrantFact, Job, MailboxFacts, Operation, PersonFacts, Purpose, Reach, Role, TokenRole, account_verdict,
    duty_verdict, duty_verdict_through, mailbox_verdict,
};
use postern_types::{Letter, MailboxId, Rights, SendRights, SpecialUse};
use std::fmt::Write;

/// One row: an actor with what is known of them.
struct Row {
    label: String,
    actor: Actor,
    person: Option<PersonFacts>,
    grants: Vec<GrantFact>,
    credential: Option<CredentialFacts>,
}

/// The number of the mailbox that is `\Archive`.
const ARCHIVE: i64 = 3;
/// The credential that is in the tables of duties, of which it has none, like the others.
const WIDEST: &str = "credential: client";

impl Row {
    /// Bob, who holds these grants.
    fn of_person(label: impl Into<String>, grants: Vec<GrantFact>) -> Row {
        Row { label: label.into(), actor: Actor::Person(bob()), person: Some(person(bob())), grants, credential: None }
    }
    /// The same with something else known of the person.
    fn with(mut self, change: impl FnMut(&mut PersonFacts)) -> Row {
        self.person.iter_mut().for_each(change);
        self
    }
    fn of_house(actor: Actor) -> Row {
        let label = match &actor {
            Actor::Job(job) => format!("{} job", job.name()),
            Actor::Operator { .. } | Actor::Person(_) | Actor::Credential { .. } => "operator".to_owned(),
        };
        Row { label, actor, person: None, grants: Vec::new(), credential: None }
    }
    fn of_credential(label: impl Into<String>, facts: CredentialFacts) -> Row {
        let actor = Actor::Credential { id: facts.id, account: facts.account };
        Row { label: label.into(), actor, person: None, grants: Vec::new(), credential: Some(facts) }
    }
}

fn delegates(account: AccountFacts) -> Vec<Row> {
    let full = Rights::FULL_ACCESS;
    let at_mailbox = |number| Reach::Mailbox(MailboxId::pack(account.id, number).unwrap());
    let mut rows: Vec<Row> = Role::ALL
        .into_iter()
        .map(|role| Row::of_person(format!("delegate: {role}"), vec![grant(1, role.rights())]))
        .collect();
    rows.extend([
        Row::of_person("delegate by group: full-access", vec![GrantFact { via: Some(group(20)), ..grant(1, full) }]),
        Row::of_person(
            "delegate: full-access, here reader",
            vec![grant(1, full), GrantFact { reach: at_mailbox(1), ..grant(2, Rights::READER) }],
        ),
        Row::of_person(
            "delegate: owner of this mailbox alone",
            vec![GrantFact { reach: at_mailbox(1), ..grant(1, Rights::ALL) }],
        ),
        Row::of_person(
            "delegate: owner of another mailbox",
            vec![GrantFact { reach: at_mailbox(2), ..grant(1, Rights::ALL) }],
        ),
        Row::of_person(
            "delegate: send-as and no letter",
            vec![GrantFact { send: SendRights { send_as: true, send_on_behalf: false }, ..grant(1, Rights::NONE) }],
        ),
        Row::of_person("delegate: owner, ended", vec![GrantFact { not_after: Some(NOW), ..grant(1, Rights::ALL) }]),
        Row::of_person("delegate: owner, suspended", vec![grant(1, Rights::ALL)]).with(|bob| bob.suspended = true),
        Row::of_person("administrator", Vec::new()).with(|bob| bob.admin = true),
        Row::of_person("administrator, reader here", vec![grant(1, Rights::READER)]).with(|bob| bob.admin = true),
        Row::of_person("administrator, suspended", Vec::new()).with(|bob| {
            bob.admin = true;
            bob.suspended = true;
        }),
        Row::of_person("stranger", Vec::new()),
    ]);
    rows
}

/// A credential of the account with what its purpose starts with.
fn of_purpose(account: AccountFacts, purpose: Purpose) -> CredentialFacts {
    let template = purpose.template();
    let mut facts = CredentialFacts { account: account.id, purpose, ..backup() };
    facts.scope.protocols = template.protocols;
    facts.scope.reaches = vec![(Reach::Account, template.rights)];
    if !template.on_archive.is_empty() {
        let archive = Reach::Mailbox(MailboxId::pack(account.id, ARCHIVE).unwrap());
        facts.scope.reaches.push((archive, template.rights | template.on_archive));
    }
    facts.opened_until = purpose.is_checked_out().then_some(LATER);
    facts.holder = purpose.has_holder().then_some(Answerable::InUse);
    facts
}

/// One for each purpose; and one that would open everything, with something against it.
fn credentials(account: AccountFacts) -> Vec<Row> {
    let of_all = Purpose::ALL.map(|purpose| (format!("credential: {purpose}"), of_purpose(account, purpose)));
    let but = |what: &str, change: &dyn Fn(&mut CredentialFacts)| {
        let mut facts = of_purpose(account, Purpose::Client);
        change(&mut facts);
        (format!("credential: {what}"), facts)
    };
    let elsewhere = Reach::Mailbox(MailboxId::pack(account.id, 2).unwrap());
    let others = [
        but("read-only, lenient", &|facts| {
            facts.scope.reaches = vec![(Reach::Account, Rights::READER)];
            facts.scope.forgiving = true;
        }),
        but("client of another mailbox alone", &|facts| facts.scope.reaches[0].0 = elsewhere.clone()),
        but("client, not opened yet", &|facts| facts.state = CredentialState::Issued),
        but("client, suspended", &|facts| facts.state = CredentialState::Suspended),
        but("client, revoked", &|facts| facts.state = CredentialState::Revoked),
        but("client, expired", &|facts| facts.expires = NOW),
        but("client, outside its hours", &|facts| facts.scope.hours = Some("12:00-13:00".parse().unwrap())),
        but("client, blocked by policy", &|facts| facts.policy.direct_sign_in = DirectSignIn::Blocked),
        but("client, its owner suspended", &|facts| facts.owner = Answerable::Suspended),
        but("client, its holder gone", &|facts| facts.holder = Some(Answerable::Gone)),
        but("role, shut", &|facts| (facts.purpose, facts.opened_until) = (Purpose::Role, None)),
        but("client of another account", &|facts| facts.account = account_id(8)),
    ];
    of_all.into_iter().chain(others).map(|(label, facts)| Row::of_credential(label, facts)).collect()
}

fn rows(account: AccountFacts) -> Vec<Row> {
    let own = |suspended| Row {
        label: if suspended { "the person, suspended".to_owned() } else { "the person".to_owned() },
        actor: Actor::Person(alice()),
        person: Some(PersonFacts { suspended, ..person(alice()) }),
        grants: Vec::new(),
        credential: None,
    };
    let mut rows = if account.id == alice().account() { vec![own(false), own(true)] } else { Vec::new() };
    rows.extend(delegates(account));
    rows.extend(credentials(account));
    rows.push(Row::of_house(operator()));
    rows.extend(Job::ALL.map(|job| Row::of_house(Actor::Job(job))));
    rows
}

fn answer<T>(answer: Result<T, Denied>) -> String {
    match answer {
        Ok(_) => "yes".to_owned(),
        Err(Denied::Hidden) => "hidden".to_owned(),
        Err(Denied::Missing { missing }) => format!("no {}", missing.as_char()),
        Err(Denied::Protected { withheld }) => format!("keeps {}", withheld.as_char()),
        Err(Denied::NotYours { .. }) => "no".to_owned(),
        Err(Denied::TokenTooNarrow { .. }) => "narrow".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

/// Lines of cells, each column as wide as its widest cell.
fn aligned(title: &str, table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| table.iter().filter_map(|line| line.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("## {title}\n\n");
    for line in table {
        let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text.push('\n');
    text
}

fn mailbox_table(title: &str, account: AccountFacts, special_use: Option<SpecialUse>) -> String {
    let (number, called) = match special_use {
        Some(SpecialUse::Archive) => (ARCHIVE, "Archive"),
        Some(_) => (1, "Sent"),
        None => (1, "INBOX"),
    };
    let mailbox = name(called);
    let head = ["actor", "holds"].into_iter().chain(Operation::ALL.map(Operation::name)).map(str::to_owned);
    let needs = ["", "needs"].map(str::to_owned).into_iter().chain(Operation::ALL.map(|one| one.needs().to_string()));
    let mut table: Vec<Vec<String>> = vec![head.collect(), needs.collect()];
    // Of Archive only credentials are told: to others it is a mailbox like INBOX.
    let is_told = |row: &Row| number != ARCHIVE || row.credential.is_some();
    for row in rows(account).into_iter().filter(is_told) {
        let facts = MailboxFacts {
            mailbox: MailboxId::pack(account.id, number).unwrap(),
            name: &mailbox,
            special_use,
            account,
            person: row.person,
            grants: &row.grants,
            credential: row.credential.as_ref(),
            now: NOW,
        };
        let verdict = mailbox_verdict(&row.actor, &facts);
        let held = if verdict.rights.is_empty() { "-".to_owned() } else { verdict.rights.to_string() };
        let answers = Operation::ALL.into_iter().map(|operation| answer(verdict.allows(operation)));
        table.push([row.label, held].into_iter().chain(answers).collect());
    }
    aligned(title, &table)
}

fn duty_table(title: &str, account: Option<AccountFacts>) -> String {
    let head = ["actor", "holds", "sends"].into_iter().chain(Duty::ALL.map(Duty::name)).map(str::to_owned);
    let mut table: Vec<Vec<String>> = vec![head.collect()];
    for row in rows(account.unwrap_or(support())) {
        let grants = if account.is_some() { row.grants.as_slice() } else { &[] };
        if account.is_none() && row.label.starts_with("delegate") {
            continue;
        }
        if row.credential.is_some() && row.label != WIDEST {
            continue;
        }
        let facts = DutyFacts { account, person: row.person, grants, now: NOW };
        let verdict = account_verdict(&row.actor, &facts);
        let held = if verdict.rights.is_empty() { "-".to_owned() } else { verdict.rights.to_string() };
        let voice = postern_access::voice(&row.actor, &facts);
        let sends = voice.map_or("-".to_owned(), |voice| format!("{voice:?}").to_lowercase());
        let answers = Duty::ALL.into_iter().map(|duty| answer(duty_verdict(&row.actor, duty, &facts)));
        table.push([row.label, held, sends].into_iter().chain(answers).collect());
    }
    aligned(title, &table)
}

/// Tokens of an owner and of an administrator: a role takes away and never gives.
fn token_table(title: &str, account: Option<AccountFacts>) -> String {
    let head = ["person", "token"].into_iter().chain(Duty::ALL.map(Duty::name)).map(str::to_owned);
    let mut table: Vec<Vec<String>> = vec![head.collect()];
    let of_interest = ["the person", "delegate: reader", "delegate: owner", "administrator", "stranger"];
    for row in rows(account.unwrap_or(support())).into_iter().filter(|row| of_interest.contains(&row.label.as_str())) {
        let grants = if account.is_some() { row.grants.as_slice() } else { &[] };
        let facts = DutyFacts { account, person: row.person, grants, now: NOW };
        for role in TokenRole::ALL {
            let through = |duty| answer(duty_verdict_through(Some(role), &row.actor, duty, &facts));
            table.push([row.label.clone(), role.to_string()].into_iter().chain(Duty::ALL.map(through)).collect());
        }
    }
    aligned(title, &table)
}

fn letter_table() -> String {
    let head = ["holds"].into_iter().chain(Operation::ALL.map(Operation::name)).map(str::to_owned);
    let mut table: Vec<Vec<String>> = vec![head.collect()];
    let alone = Letter::ALL.into_iter().map(Rights::from);
    let others = Letter::ALL.into_iter().map(|letter| Rights::ALL - letter.into());
    for held in alone.chain(others).chain([Rights::NONE, Rights::ALL]) {
        let label = if held.is_empty() { "-".to_owned() } else { held.to_string() };
        let answers = Operation::ALL.into_iter().map(|operation| answer(operation.allowed_with(held)));
        table.push(std::iter::once(label).chain(answers).collect());
    }
    aligned("Letters: each alone, and all but each", &table)
}

fn matrix() -> String {
    let mut text = String::from(
        "# Who may do what\n\n\
         Written by the code; a test compares. Read the difference when it changes.\n\n\
         yes     allowed\n\
         hidden  refused with the words for what does not exist\n\
         no X    refused, since letter X is missing\n\
keeps X refused, since delete protection withholds letter X\n\
         no      refused, since the duty is someone else's\n\
         narrow  refused, since the token they came with does not let it through\n\n",
    );
    let suspended = AccountFacts { state: AccountState::Suspended, ..support() };
    let removed = AccountFacts { state: AccountState::Removed, ..support() };
    let protected = AccountFacts { delete_protection: true, ..support() };
    let own = own_account(alice());
    let sections = [
        letter_table(),
        mailbox_table("INBOX of a shared account", support(), None),
        mailbox_table("Sent of a shared account", support(), Some(SpecialUse::Sent)),
        mailbox_table("Archive of a shared account, by credentials", support(), Some(SpecialUse::Archive)),
        mailbox_table("INBOX of a shared account with delete protection", protected, None),
        mailbox_table("INBOX of a shared account that is suspended", suspended, None),
        mailbox_table("INBOX of a shared account that is removed", removed, None),
        mailbox_table("INBOX of a person's own account", own, None),
        duty_table("Duties on a shared account", Some(support())),
        duty_table("Duties on a shared account that is suspended", Some(suspended)),
        duty_table("Duties on a shared account that is removed", Some(removed)),
        duty_table("Duties on a person's own account", Some(own)),
        duty_table("Duties on the organisation", None),
        token_table("Duties on a shared account, through a token", Some(support())),
        token_table("Duties on a person's own account, through a token", Some(own)),
        token_table("Duties on the organisation, through a token", None),
    ];
    for section in sections {
        write!(text, "{section}").unwrap();
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a source file, written on demand for a review; no mail depends on it")]
fn the_matrix_in_the_repository_is_the_one_in_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/matrix.txt");
    let computed = matrix();
    if std::env::var_os("POSTERN_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(path, &computed).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    for (number, (kept, computed)) in (1..).zip(kept.lines().zip(computed.lines())) {
        assert_eq!(kept, computed, "line {number} of matrix.txt; POSTERN_BLESS=1 accepts the change");
    }
    assert!(kept == computed, "matrix.txt has other lines than the code; POSTERN_BLESS=1 accepts the change");
}

/// The rows cover every kind of actor, so that none is forgotten when one is added.
#[test]
fn every_kind_of_actor_has_a_row() {
    let all = rows(own_account(alice()));
    for job in Job::ALL {
        assert!(all.iter().any(|row| row.actor == Actor::Job(job)));
    }
    // A new kind of actor fails to compile here, and is given its row above.
    let kind = |actor: &Actor| match actor {
        Actor::Person(_) => 0,
        Actor::Credential { .. } => 1,
        Actor::Operator { .. } => 2,
        Actor::Job(_) => 3,
    };
    let mut kinds: Vec<i32> = all.iter().map(|row| kind(&row.actor)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, [0, 1, 2, 3]);
}
