//! One try to deliver a message: who gets a copy, who has one from a try before, and what each
//! recipient is answered (docs/decisions/0022-group-delivery.md).

use super::{DeliveryError, Recipient};
use postern_access::Denied;
use postern_store::{Access, Caller, DeliveryKey, GateError, Insert, NewMessage, Rule, StoreError, Tx};
use postern_types::{AccountId, BlobHash, Flags, MailboxName};
use std::collections::{BTreeMap, BTreeSet};

/// What became of the message in each account.
pub(super) type Results = BTreeMap<AccountId, Result<(), DeliveryError>>;

/// A message on its way to the recipients of one envelope.
pub(super) struct Trip {
    pub caller: Caller,
    pub recipients: Vec<Recipient>,
    /// Names the message, where there may be more than one account to a recipient.
    pub content: Option<BlobHash>,
    /// Who has a copy from a try before, by the number of the recipient.
    pub given: BTreeMap<i64, BTreeSet<AccountId>>,
}

impl Trip {
    /// Accounts that have no copy yet, in the order in which they are locked. One that is named
    /// twice in the envelope gets the message once.
    pub fn owed(&self) -> Vec<AccountId> {
        let all: BTreeSet<AccountId> = self.recipients.iter().flat_map(|to| to.accounts.iter().copied()).collect();
        all.into_iter().filter(|account| !self.has_copy(*account)).collect()
    }

    /// From a try before, for a recipient of this envelope.
    fn has_copy(&self, account: AccountId) -> bool {
        let given = |to: &Recipient| self.given.get(&to.principal).is_some_and(|given| given.contains(&account));
        !self.given.is_empty() && self.recipients.iter().any(|to| to.reaches(account) && given(to))
    }

    /// Gives each of these accounts its copy, in one transaction. Who has one is noted where
    /// the same message will be tried again.
    pub fn write(&self, tx: &Tx<'_>, copies: &[(AccountId, NewMessage)]) -> Result<Results, GateError> {
        let inbox = inbox()?;
        let (mut results, mut opened) = (self.before(), Vec::with_capacity(copies.len()));
        for (account, message) in copies {
            let access = tx.open_named::<Insert>(&self.caller, *account, &inbox);
            let given = access.and_then(|access| {
                opened.push(access);
                opened[opened.len() - 1].append(message, &Flags::new()).map(|_| ())
            });
            results.insert(*account, settle(given)?);
        }
        self.note(&opened, &results)?;
        Ok(results)
    }

    /// What tries before have done.
    fn before(&self) -> Results {
        let accounts = self.recipients.iter().flat_map(|to| to.accounts.iter().copied());
        accounts.filter(|account| self.has_copy(*account)).map(|account| (account, Ok(()))).collect()
    }

    fn note(&self, opened: &[Access<'_, Insert>], results: &Results) -> Result<(), StoreError> {
        for to in &self.recipients {
            let (is_again, Some(key)) = (self.is_again(to), self.key(to)) else { continue };
            if !is_again && to.outcome(results) != Err(DeliveryError::PartlyOverQuota) {
                continue;
            }
            for access in opened.iter().filter(|access| to.reaches(access.account())) {
                match results.get(&access.account()) {
                    Some(Ok(())) => access.note_copy(&key)?,
                    // Once for each message, and not at each try.
                    Some(Err(DeliveryError::OverQuota)) if !is_again => access.tell_no_room(&to.address)?,
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn key(&self, to: &Recipient) -> Option<DeliveryKey> {
        self.content.map(|content| DeliveryKey { content, principal: to.principal })
    }

    /// Has it been tried before, with success for some?
    fn is_again(&self, to: &Recipient) -> bool {
        self.given.contains_key(&to.principal)
    }

    /// Deliveries that are complete now and were not: each with an account that has its copy.
    pub fn completed(&self, results: &Results) -> Vec<(AccountId, DeliveryKey)> {
        let complete = self.recipients.iter().filter(|to| self.is_again(to) && to.outcome(results).is_ok());
        let mut ends: Vec<_> = complete
            .filter_map(|to| {
                let has_copy = |account: &&AccountId| results.get(account) == Some(&Ok(()));
                Some((*to.accounts.iter().find(has_copy)?, self.key(to)?))
            })
            .collect();
        ends.sort_unstable_by_key(|(account, key)| (*account, key.principal));
        ends
    }
}

/// Ends deliveries that are complete.
pub(super) fn end(tx: &Tx<'_>, caller: &Caller, ends: &[(AccountId, DeliveryKey)]) -> Result<(), GateError> {
    let inbox = inbox()?;
    for (account, key) in ends {
        match tx.open_named::<Insert>(caller, *account, &inbox) {
            Ok(access) => access.end_delivery(key)?,
            // Removed since: the note goes by its age.
            Err(GateError::Denied(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

impl Recipient {
    fn reaches(&self, account: AccountId) -> bool {
        self.accounts.binary_search(&account).is_ok()
    }

    /// What the sender hears. A recipient with several accounts has its mail when those have
    /// that can take it: who takes none any more is no member, but who only lacks room gets it
    /// at another try.
    pub(super) fn outcome(&self, results: &Results) -> Result<(), DeliveryError> {
        let (mut has_some, mut refusal) = (false, DeliveryError::Closed);
        for account in &self.accounts {
            match results.get(account) {
                Some(Ok(())) => has_some = true,
                Some(Err(error)) if refusal == DeliveryError::Closed => refusal = error.clone(),
                _ => {}
            }
        }
        match (has_some, refusal) {
            (true, DeliveryError::Closed) => Ok(()),
            (true, DeliveryError::OverQuota) => Err(DeliveryError::PartlyOverQuota),
            (_, refusal) => Err(refusal),
        }
    }
}

fn inbox() -> Result<MailboxName, StoreError> {
    MailboxName::parse(MailboxName::INBOX).map_err(|error| StoreError::Damaged(format!("INBOX: {error}")))
}

/// A verdict concerns one account; a failure of the store concerns the transaction.
fn settle(result: Result<(), GateError>) -> Result<Result<(), DeliveryError>, GateError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(GateError::Denied(Denied::Hidden | Denied::Missing { .. })) => Ok(Err(DeliveryError::Closed)),
        Err(GateError::Rule(Rule::OverQuota)) => Ok(Err(DeliveryError::OverQuota)),
        Err(other) => Err(other),
    }
}
