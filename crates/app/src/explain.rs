//! Asking who may do what, and why, without doing it.
//!
//! Whoever reads the trail of an account, or of the organisation, may ask about anybody there:
//! they are who answers for it. Everyone may ask about themselves, of what they can see. To all
//! others the account is absent or the trail somebody else's, as if they had asked for it.
//!
//! Who answers for one account and does not see the organisation hears of those whom the account
//! concerns, as its report names them. Every other address is to them one that holds nothing
//! there, be it somebody's, a mailbox's, a group's or nobody's (law 4). A credential is asked about
//! by whoever may see it; to others it is as one that is not there.

use crate::admin::allowed;
use crate::{House, Refused};
use postern_access::{Actor, Denied, Job, Obstacle, Question};
use postern_store::{
    AccessReport, Answer, Asked, Authority, Caller, GateError, Principal, ReadAccount, ReadAudit, ReadGrants,
    ReadOrganisation, Rule, Tx,
};
use postern_types::{AccountId, Address, MailboxName, PersonId, Timestamp};

/// Who would act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Someone {
    /// A person, by address.
    Person(Address),
    /// Whoever reaches the local socket.
    Operator,
    /// The house at one of its tasks.
    Job(Job),
    /// A credential, by its id or as `ADDRESS/NAME`.
    Credential(String),
}

impl Someone {
    /// From an address, a credential, `operator`, or the name of a job.
    pub fn parse(text: &str) -> Result<Someone, String> {
        let job = Job::ALL.into_iter().find(|job| job.name() == text);
        match (text, job) {
            ("operator", _) => Ok(Someone::Operator),
            (_, Some(job)) => Ok(Someone::Job(job)),
            _ if crate::credentials::is_credential(text) => Ok(Someone::Credential(text.to_owned())),
            _ => Address::parse(text).map(Someone::Person).map_err(|error| {
                format!(
                    "{error}; or name a credential (crd_abcd2345 or support@example.org/nightly), operator, or a job: {}",
                    Job::ALL.map(Job::name).join(", ")
                )
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
        let who = match &query.actor {
            Someone::Credential(which) => Some(which.clone()),
            _ => None,
        };
        let asks = caller.clone();
        let answer = self.db.read(move |tx: &Tx<'_>| explained(tx, &asks, &query)).await?;
        // Whether its secret can be checked the database does not know.
        let Some(who) = who else { return Ok(answer) };
        let seen = self.credential(caller, &who).await?;
        Ok(match seen.row.obstacles.contains(&Obstacle::KeyMissing) {
            true => Answer { explanation: answer.explanation.stopped_by(&who, Obstacle::KeyMissing), ..answer },
            false => answer,
        })
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

/// A refusal about what is not there, as about what is hidden. A sign-in that has ended is told
/// so whatever was asked for.
fn hidden(error: GateError) -> GateError {
    match error {
        GateError::Denied(_) | GateError::Rule(_) => Denied::Hidden.into(),
        GateError::Ended | GateError::Store(_) => error,
    }
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
        Ok(authority) => authority.explain(&query.asked(query.actor(tx, &authority, caller)?)),
        Err(GateError::Denied(denied)) => {
            let answer = match account {
                Some(account) if query.is_about(tx, caller)? => own(tx, caller, query, account),
                _ => Err(denied.into()),
            };
            if is_absent { answer.map_err(hidden) } else { answer }
        }
        Err(error) => Err(error),
    }
}

/// The answer to somebody who asks about themselves.
fn own(tx: &Tx<'_>, caller: &Caller, query: &WhyQuery, account: AccountId) -> Result<Answer, GateError> {
    tx.authority_on::<ReadAccount>(caller, account)?.explain_own(&query.asked(caller.actor().clone()))
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

    /// Whom somebody who answers for the target asks about.
    fn actor(&self, tx: &Tx<'_>, authority: &Authority<'_, ReadAudit>, caller: &Caller) -> Result<Actor, GateError> {
        Ok(match (&self.actor, caller.actor()) {
            (Someone::Person(address), _) => Actor::Person(person_of(tx, authority, caller, address)?),
            (Someone::Operator, Actor::Operator { uid }) => Actor::Operator { uid: *uid },
            (Someone::Operator, _) => Actor::Operator { uid: 0 },
            (Someone::Job(job), _) => Actor::Job(*job),
            (Someone::Credential(which), _) => tx.credential::<ReadGrants>(caller, which)?.actor(),
        })
    }

    /// The question about this actor.
    fn asked(&self, actor: Actor) -> Asked<'_> {
        let label = match &self.actor {
            Someone::Person(address) => address.to_string(),
            Someone::Operator => "the operator".to_owned(),
            Someone::Job(job) => format!("the {} job", job.name()),
            // What has the address in it stands alone at the beginning of a sentence.
            Someone::Credential(which) if which.contains('@') => which.clone(),
            Someone::Credential(which) => format!("credential {which}"),
        };
        let mailbox = self.target.mailbox.clone();
        Asked { actor, label, question: self.question, mailbox, at: self.at, date: &self.date }
    }
}

/// The person with this address. What else has it is told to those who see the organisation, and
/// of the account's own address and its grantees to all who may ask. For whoever else holds
/// nothing there stands the person of no account, by the same statements.
fn person_of(
    tx: &Tx<'_>,
    authority: &Authority<'_, ReadAudit>,
    caller: &Caller,
    address: &Address,
) -> Result<PersonId, GateError> {
    let principal = tx.principal_at(address)?;
    let account = match principal {
        Some(Principal::Account(account)) => account,
        _ => Tx::no_account(),
    };
    let is_person = tx.is_person(account)?;
    let is_concerned = match principal {
        Some(Principal::Group(group)) => authority.concerns(group.get())?,
        _ => authority.concerns(account.get())?,
    };
    if !is_concerned && allowed(tx.authority::<ReadOrganisation>(caller))?.is_none() {
        return Ok(PersonId::of(Tx::no_account()));
    }
    let unusable = |text: String| Err(Rule::Unusable(text).into());
    match principal {
        Some(Principal::Account(account)) if is_person => Ok(PersonId::of(account)),
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
        for credential in ["crd_abcd2345", "support@example.org/nightly"] {
            assert_eq!(Someone::parse(credential), Ok(Someone::Credential(credential.to_owned())));
        }
        assert!(Someone::parse("support@example.org/INBOX").is_err(), "a mailbox does nothing");
        assert!(Someone::parse("alice").unwrap_err().contains("delivery, submission"));
    }
}
