//! Why somebody may or may not do something here, asked of the gate without doing it.
//!
//! The facts are read by the functions that the gate itself reads them with, for another actor
//! and perhaps a later moment; `postern-access` judges and puts the reasons into words. So an
//! explanation can not say anything that an attempt would not find.

use super::authority::{Authority, DutyClass, ReadAccount, ReadAudit, with_duty_facts_at};
use super::error::{GateError, Rule};
use super::facts;
use super::grants::grant_rows;
use super::scope;
use crate::statements::mailbox as mailbox_sql;
use crate::{StoreError, Tx};
use postern_access::{
    Actor, Explanation, Names, Operation, Question, Scope, Verdict, Voice, account_verdict, credential_voice, explain,
    explain_credential_sending, explain_duty, explain_scope, explain_sending, voice,
};
use postern_types::{AccountId, GroupId, MailboxId, MailboxName, Rights, Timestamp};
use std::collections::BTreeMap;

/// A question about somebody.
#[derive(Clone)]
pub struct Asked<'a> {
    /// Who would act.
    pub actor: Actor,
    /// What people call them.
    pub label: String,
    /// What they would do.
    pub question: Question,
    /// In which mailbox, where the question is about one: INBOX, where none is named.
    pub mailbox: Option<MailboxName>,
    /// When: now, where no moment is named.
    pub at: Option<Timestamp>,
    /// How dates are written.
    pub date: &'a dyn Fn(Timestamp) -> String,
}

/// The answer, with what is held at that place.
#[derive(Debug, Clone)]
pub struct Answer {
    /// In words.
    pub explanation: Explanation,
    /// Letters held in the mailbox, or on the account as a whole.
    pub rights: Rights,
    /// How they may use the account's address.
    pub voice: Option<Voice>,
    /// The moment it is true of.
    pub at: Timestamp,
}

impl Authority<'_, ReadAudit> {
    /// Answers about anybody.
    pub fn explain(&self, asked: &Asked<'_>) -> Result<Answer, GateError> {
        match (asked.question, self.account()) {
            (Question::Mailbox(operation), Some(account)) => {
                let name = named(asked)?;
                let absent = || Rule::Unusable(format!("There is no mailbox {name} in it"));
                let mailbox = facts::mailbox_named(self.tx(), account, &name)?.ok_or_else(absent)?;
                on_mailbox(self, asked, operation, mailbox)
            }
            _ => on_account(self, asked),
        }
    }
}

impl Authority<'_, ReadAccount> {
    /// Answers people about themselves. A mailbox that they may not see is absent to them,
    /// whatever they ask about it (law 4).
    pub fn explain_own(&self, asked: &Asked<'_>) -> Result<Answer, GateError> {
        let own = Asked { actor: self.caller().actor().clone(), ..asked.clone() };
        match (asked.question, self.account()) {
            (Question::Mailbox(operation), Some(account)) => {
                let found = facts::mailbox_named(self.tx(), account, &named(asked)?)?;
                let mailbox = found.unwrap_or(facts::no_mailbox(account).map_err(StoreError::from)?);
                let held = facts::judge_at(self.tx(), self.caller().actor(), mailbox, self.tx().now())?;
                held.allows(Operation::Lookup)?;
                on_mailbox(self, &own, operation, mailbox)
            }
            _ => on_account(self, &own),
        }
    }
}

fn named(asked: &Asked<'_>) -> Result<MailboxName, StoreError> {
    asked.mailbox.clone().map_or_else(|| facts::parse_name(MailboxName::INBOX), Ok)
}

/// Only now and later can be answered: what was given before and is gone is not a fact any more.
pub(super) fn moment(tx: &Tx<'_>, at: Option<Timestamp>) -> Result<Timestamp, GateError> {
    let at = at.unwrap_or(tx.now());
    if at < tx.now() {
        let text = "Only now and later can be answered; what was before is in the trail: postern audit list";
        return Err(Rule::Unusable(text.into()).into());
    }
    Ok(at)
}

fn on_mailbox<D: DutyClass>(
    authority: &Authority<'_, D>,
    asked: &Asked<'_>,
    operation: Operation,
    mailbox: MailboxId,
) -> Result<Answer, GateError> {
    let (tx, at) = (authority.tx(), moment(authority.tx(), asked.at)?);
    let verdict = facts::judge_at(tx, &asked.actor, mailbox, at)?;
    let verdict = Verdict { valid_until: changes_at(tx, (&asked.actor, at), mailbox, &verdict)?, ..verdict };
    let names = Known::of(tx, asked, Some(mailbox.account()))?;
    let mut explanation = explain(&asked.actor, operation, &verdict, &names);
    if let Actor::Credential { id, .. } = &asked.actor
        && let Some(known) = scope::known(tx, id.get())?
    {
        explanation.because.extend(explain_scope(&asked.label, &known.facts.scope));
    }
    let voice = with_duty_facts_at(tx, &asked.actor, Some(mailbox.account()), at, |facts| voice(&asked.actor, facts))?;
    Ok(Answer { explanation, rights: verdict.rights, voice, at })
}

/// When what is held changes by itself. A verdict of a credential says by when to look again, which for
/// hours is more often than they change, and for what is taken back is when it would have ended.
fn changes_at(
    tx: &Tx<'_>,
    (actor, at): (&Actor, Timestamp),
    mailbox: MailboxId,
    verdict: &Verdict,
) -> Result<Option<Timestamp>, StoreError> {
    let Actor::Credential { id, .. } = actor else { return Ok(verdict.valid_until) };
    let Some(moment) = scope::known(tx, id.get())?.and_then(|known| known.facts.turns_after(at)) else {
        return Ok(None);
    };
    let then = facts::judge_at(tx, actor, mailbox, moment)?;
    Ok(((then.rights, then.send) != (verdict.rights, verdict.send)).then_some(moment))
}

fn on_account<D: DutyClass>(authority: &Authority<'_, D>, asked: &Asked<'_>) -> Result<Answer, GateError> {
    let (tx, account, actor) = (authority.tx(), authority.account(), &asked.actor);
    fits(asked, account)?;
    let at = moment(tx, asked.at)?;
    let names = Known::of(tx, asked, account)?;
    let credential = match actor {
        Actor::Credential { id, .. } => scope::known(tx, id.get())?.map(|known| known.facts),
        _ => None,
    };
    with_duty_facts_at(tx, actor, account, at, |facts| {
        if let (Question::Sending(manner), Some(credential), Some(account)) =
            (asked.question, &credential, facts.account)
        {
            let explanation = explain_credential_sending(manner, (credential, account), at, &names);
            let voice = credential_voice(credential, account, at);
            let rights = credential.scope.letters();
            return Ok(Answer { explanation, rights, voice, at });
        }
        let explanation = match asked.question {
            Question::Duty(duty) => explain_duty(actor, duty, facts, &names),
            Question::Sending(manner) => explain_sending(actor, manner, facts, &names),
            Question::Mailbox(_) => return Err(Rule::Unusable(NO_PLACE.into()).into()),
        };
        let rights = account_verdict(actor, facts).rights;
        Ok(Answer { explanation, rights, voice: voice(actor, facts), at })
    })?
}

const NO_PLACE: &str = "That is done in an account; name one, such as support@example.org";

/// Is the question about what it was asked of?
fn fits(asked: &Asked<'_>, account: Option<AccountId>) -> Result<(), Rule> {
    let what = asked.question.name();
    let is_of_account = match asked.question {
        Question::Mailbox(_) | Question::Sending(_) => Some(true),
        Question::Duty(duty) => match duty.scope() {
            Scope::Account => Some(true),
            Scope::Organisation => Some(false),
            Scope::Either => None,
        },
    };
    match (is_of_account, account) {
        (Some(true), None) => Err(Rule::Unusable(NO_PLACE.into())),
        (Some(false), Some(_)) => {
            Err(Rule::Unusable(format!("{what} is about everyone; ask about the target organisation")))
        }
        _ if asked.mailbox.is_some() => {
            Err(Rule::Unusable(format!("{what} is about the whole account; leave the mailbox out")))
        }
        _ => Ok(()),
    }
}

/// The names that the reasons of one account can need.
struct Known<'a> {
    label: &'a str,
    date: &'a dyn Fn(Timestamp) -> String,
    groups: BTreeMap<i64, String>,
    mailboxes: BTreeMap<MailboxId, String>,
}

impl<'a> Known<'a> {
    fn of(tx: &Tx<'_>, asked: &'a Asked<'_>, account: Option<AccountId>) -> Result<Self, StoreError> {
        let mut known =
            Self { label: &asked.label, date: asked.date, groups: BTreeMap::new(), mailboxes: BTreeMap::new() };
        if let Some(account) = account {
            let grants = grant_rows(tx, account)?.into_iter();
            known.groups = grants.map(|grant| (grant.grantee.get(), grant.grantee_address)).collect();
            let names = tx.all(&mailbox_sql::OF_ACCOUNT, &[account.get().into()], |row| {
                Ok((MailboxId::from_key(row.int(0)?)?, row.text(1)?.to_owned()))
            })?;
            known.mailboxes = names.into_iter().collect();
        }
        Ok(known)
    }
}

impl Names for Known<'_> {
    fn actor(&self, _: &Actor) -> String {
        self.label.to_owned()
    }
    fn group(&self, group: GroupId) -> String {
        self.groups.get(&group.get()).cloned().unwrap_or_else(|| group.to_string())
    }
    fn mailbox(&self, mailbox: MailboxId) -> String {
        self.mailboxes.get(&mailbox).cloned().unwrap_or_else(|| mailbox.to_string())
    }
    fn time(&self, time: Timestamp) -> String {
        (self.date)(time)
    }
}
