//! Asking who may do what, and why, without doing it.
//!
//! Whoever reads the trail of an account, or of the organisation, may ask about anybody there:
//! they are who answers for it. Everyone may ask about themselves, of what they can see. To all
//! others the account is absent or the trail somebody else's, as if they had asked for it.

use crate::{House, Refused};
use postern_access::{Actor, Denied, Job, Question};
use postern_store::{AccessReport, Answer, Asked, Caller, GateError, Principal, ReadAccount, ReadAudit, Rule, Tx};
use postern_types::{Address, MailboxName, PersonId, Timestamp};

/// Who would act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Someone {
    /// A person, by address.
    Person(Address),
    /// Whoever reaches the local socket.
    Operator,
    /// The house at one of its tasks.
    Job(Job),
}

impl Someone {
    /// From an address, `operator`, or the name of a job.
    pub fn parse(text: &str) -> Result<Someone, String> {
        let job = Job::ALL.into_iter().find(|job| job.name() == text);
        match (text, job) {
            ("operator", _) => Ok(Someone::Operator),
            (_, Some(job)) => Ok(Someone::Job(job)),
            _ => Address::parse(text).map(Someone::Person).map_err(|error| {
                format!("{error}; or name operator, or a job: {}", Job::ALL.map(Job::name).join(", "))
            }),
        }
    }
}

/// What would be acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The account; nothing is the organisation.
    pub account: Option<Address>,
    /// A mailbox of it.
    pub mailbox: Option<MailboxName>,
}

impl Target {
    /// From `support@example.org`, `support@example.org/INBOX` (`Shared/` may stand before it,
    /// as mail programs show it), or `organisation`.
    pub fn parse(text: &str) -> Result<Target, String> {
        if text == "organisation" {
            return Ok(Target { account: None, mailbox: None });
        }
        let text = text.strip_prefix("Shared/").unwrap_or(text);
        let (account, mailbox) = match text.split_once('/') {
            Some((account, mailbox)) => (account, Some(mailbox)),
            None => (text, None),
        };
        let account = Address::parse(account).map_err(|error| {
            format!("{error}, perhaps with a mailbox as in support@example.org/INBOX; or organisation")
        })?;
        let mailbox = mailbox.map(MailboxName::parse).transpose().map_err(|error| error.to_string())?;
        Ok(Target { account: Some(account), mailbox })
    }
}

/// One question.
#[derive(Debug, Clone)]
pub struct WhyQuery {
    /// Who would act.
    pub actor: Someone,
    /// What they would do.
    pub question: Question,
    /// To what.
    pub target: Target,
    /// When; now, where it is left out.
    pub at: Option<Timestamp>,
    /// How dates are written.
    pub date: fn(Timestamp) -> String,
}

impl House {
    /// May this actor do this, and why or why not?
    pub async fn explain(&self, caller: &Caller, query: WhyQuery) -> Result<Answer, Refused> {
        let caller = caller.clone();
        Ok(self.db.read(move |tx: &Tx<'_>| explained(tx, &caller, &query)).await?)
    }

    /// Who can do what in an account, by every path.
    pub async fn access_report(
        &self,
        caller: &Caller,
        account: &Address,
        at: Option<Timestamp>,
    ) -> Result<AccessReport, Refused> {
        let (caller, address) = (caller.clone(), account.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            match tx.account_at(&address)? {
                Some(account) => tx.authority_on::<ReadAudit>(&caller, account)?.access_report(at),
                // The same statements, and the same answer as for what is hidden (law 4).
                None => {
                    let found = tx.authority_on::<ReadAudit>(&caller, Tx::no_account());
                    found.and_then(|authority| authority.access_report(at)).map_err(hidden)
                }
            }
        });
        Ok(read.await?)
    }
}

/// A refusal about what is not there, as about what is hidden.
fn hidden(error: GateError) -> GateError {
    if matches!(error, GateError::Store(_)) { error } else { Denied::Hidden.into() }
}

fn explained(tx: &Tx<'_>, caller: &Caller, query: &WhyQuery) -> Result<Answer, GateError> {
    let found = query.target.account.as_ref().map(|address| tx.account_at(address)).transpose()?;
    // An address that nobody has takes the same way as one that is hidden.
    let is_absent = found == Some(None);
    let account = found.map(|account| account.unwrap_or_else(Tx::no_account));
    let proof = match account {
        Some(account) => tx.authority_on::<ReadAudit>(caller, account),
        None => tx.authority::<ReadAudit>(caller),
    };
    match proof {
        Ok(_) if is_absent => {
            let target = query.target.account.as_ref().map(Address::to_string).unwrap_or_default();
            Err(Rule::Unusable(format!("There is no account {target}")).into())
        }
        Ok(authority) => authority.explain(&query.asked(tx, caller)?),
        Err(GateError::Denied(_)) if is_absent => Err(Denied::Hidden.into()),
        Err(GateError::Denied(denied)) => match account {
            Some(account) if query.is_about(tx, caller)? => {
                tx.authority_on::<ReadAccount>(caller, account)?.explain_own(&query.asked(tx, caller)?)
            }
            _ => Err(denied.into()),
        },
        Err(error) => Err(error),
    }
}

impl WhyQuery {
    /// Does the caller ask about themselves?
    fn is_about(&self, tx: &Tx<'_>, caller: &Caller) -> Result<bool, GateError> {
        let Someone::Person(address) = &self.actor else { return Ok(false) };
        Ok(match (caller.actor(), tx.account_at(address)?) {
            (Actor::Person(person), Some(account)) => person.account() == account,
            _ => false,
        })
    }

    /// The question with its actor found.
    fn asked(&self, tx: &Tx<'_>, caller: &Caller) -> Result<Asked<'_>, GateError> {
        let (actor, label) = match &self.actor {
            Someone::Person(address) => (Actor::Person(person_of(tx, address)?), address.to_string()),
            Someone::Operator => {
                let uid = if let Actor::Operator { uid } = caller.actor() { *uid } else { 0 };
                (Actor::Operator { uid }, "the operator".to_owned())
            }
            Someone::Job(job) => (Actor::Job(*job), format!("the {} job", job.name())),
        };
        let mailbox = self.target.mailbox.clone();
        Ok(Asked { actor, label, question: self.question, mailbox, at: self.at, date: &self.date })
    }
}

/// The person with this address. Asked with a proof in hand, so the text may say what it is.
fn person_of(tx: &Tx<'_>, address: &Address) -> Result<PersonId, GateError> {
    let unusable = |text: String| Err(Rule::Unusable(text).into());
    match tx.principal_at(address)? {
        Some(Principal::Account(account)) if tx.is_person(account)? => Ok(PersonId::of(account)),
        Some(Principal::Account(_)) => unusable(format!("{address} is a shared mailbox; ask about a person, who acts")),
        Some(Principal::Group(_)) => unusable(format!("{address} is a group; ask about one of its members")),
        None => unusable(format!("There is no person {address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_accounts_mailboxes_and_the_organisation() {
        let target = |text| {
            Target::parse(text)
                .map(|target| (target.account.map(|a| a.to_string()), target.mailbox.map(|m| m.to_string())))
        };
        let support = Some("support@example.org".to_owned());
        assert_eq!(target("support@example.org"), Ok((support.clone(), None)));
        assert_eq!(target("support@example.org/inbox/A"), Ok((support.clone(), Some("INBOX/A".into()))));
        assert_eq!(target("Shared/support@example.org/Sent"), Ok((support, Some("Sent".into()))));
        assert_eq!(target("organisation"), Ok((None, None)));
        for text in ["support", "support@example.org/", "support@example.org/a//b", ""] {
            assert!(Target::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn somebody_is_a_person_the_operator_or_a_job() {
        assert_eq!(Someone::parse("operator"), Ok(Someone::Operator));
        assert_eq!(Someone::parse("delivery"), Ok(Someone::Job(Job::Delivery)));
        assert!(matches!(Someone::parse("alice@example.org"), Ok(Someone::Person(_))));
        assert!(Someone::parse("alice").unwrap_err().contains("delivery, submission"));
    }
}
