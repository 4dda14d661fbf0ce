//! One try to deliver a message: who gets a copy, who has one from a try before, and what each
//! recipient is answered (docs/decisions/0022-group-delivery.md).

use super::{DeliveryError, Recipient};
use postern_access::Denied;
use postern_store::{Caller, DeliveryKey, GateError, Insert, NewMessage, Rule, StoreError, Tx};
use postern_types::{AccountId, BlobHash, Flags, MailboxName};
use std::collections::{BTreeMap, BTreeSet};

/// What became of the message in each account.
pub(super) type Results = BTreeMap<AccountId, Result<(), DeliveryError>>;

/// A message on its way to the recipients of one envelope.
pub(super) struct Trip {
    pub caller: Caller,
    pub recipients: Vec<Recipient>,
    /// Names the message, where it may come again while some have it: a recipient has several
    /// accounts, or all of them are too many for one transaction.
    pub content: Option<BlobHash>,
    /// More than one transaction is needed.
    pub is_split: bool,
    /// Recipients for which some had a copy before.
    again: BTreeSet<i64>,
    /// What is known before anything is written: who has a copy, and who has no room.
    pub known: Results,
}

/// What is left to do about a recipient once everyone was tried.
pub(super) enum Last {
    /// Its delivery is complete, and was not: nobody's copy is held against the same bytes again.
    End(DeliveryKey),
    /// The account had no room while others of the recipient have the message.
    NoRoom(String),
}

impl Trip {
    /// Nobody has a copy yet.
    pub fn new(caller: Caller, recipients: Vec<Recipient>, is_split: bool) -> Self {
        let (again, known) = (BTreeSet::default(), Results::default());
        Self { caller, recipients, content: None, is_split, again, known }
    }

    /// May it be that some have it and others do not: after this try, or since one before?
    pub fn may_be_owed(&self) -> bool {
        self.is_split || self.recipients.iter().any(|to| to.is_several || to.is_owed)
    }

    /// Names this message for each recipient that is owed one.
    pub fn keys_owed(&self) -> Vec<DeliveryKey> {
        self.recipients.iter().filter(|to| to.is_owed).filter_map(|to| self.key(to)).collect()
    }

    /// Takes in who has it from tries before.
    pub fn comes_again(&mut self, key: &DeliveryKey, given: &[AccountId]) {
        if !given.is_empty() {
            self.again.insert(key.principal);
        }
        for to in self.recipients.iter().filter(|to| to.principal == key.principal) {
            let theirs = given.iter().filter(|account| to.reaches(**account));
            self.known.extend(theirs.map(|account| (*account, Ok(()))));
        }
    }

    /// Accounts that are to get a copy, in the order in which they are locked. One that is named
    /// twice in the envelope gets the message once.
    pub fn owed(&self) -> Vec<AccountId> {
        let all: BTreeSet<AccountId> = self.recipients.iter().flat_map(|to| to.accounts.iter().copied()).collect();
        all.into_iter().filter(|account| !self.known.contains_key(account)).collect()
    }

    /// Gives each of these accounts its copy, in one transaction. Who has one is noted where
    /// the same message may come again before everyone has it.
    pub fn write(&self, tx: &Tx<'_>, copies: &[(AccountId, NewMessage)]) -> Result<Results, GateError> {
        let inbox = inbox()?;
        let (mut results, mut opened) = (self.known.clone(), Vec::with_capacity(copies.len()));
        for (account, message) in copies {
            let given = tx.open_named::<Insert>(&self.caller, *account, &inbox).and_then(|access| {
                access.append(message, &Flags::new())?;
                opened.push(access);
                Ok(())
            });
            results.insert(*account, settle(given)?);
        }
        for to in &self.recipients {
            let Some(key) = self.key(to) else { continue };
            if self.is_open(to) || to.outcome(&results) == Err(DeliveryError::PartlyOverQuota) {
                let mut theirs = opened.iter().filter(|access| to.reaches(access.account()));
                theirs.try_for_each(|access| access.note_copy(&key))?;
            }
        }
        Ok(results)
    }

    fn key(&self, to: &Recipient) -> Option<DeliveryKey> {
        self.content.map(|content| DeliveryKey { content, principal: to.principal })
    }

    /// Has it been tried before, with success for some?
    fn is_again(&self, to: &Recipient) -> bool {
        self.again.contains(&to.principal)
    }

    /// Are there notes of it, or will there be, whatever comes of this try?
    fn is_open(&self, to: &Recipient) -> bool {
        self.is_split || self.is_again(to)
    }

    /// What is left to do now, each with the account that it is done in.
    pub fn last(&self, results: &Results) -> Vec<(AccountId, Last)> {
        let mut left = Vec::new();
        for to in &self.recipients {
            let with = |wanted: Result<(), DeliveryError>| {
                to.accounts.iter().copied().filter(move |account| results.get(account) == Some(&wanted))
            };
            match (to.outcome(results), self.key(to)) {
                (Ok(()), Some(key)) if self.is_open(to) => {
                    left.extend(with(Ok(())).next().map(|account| (account, Last::End(key))));
                }
                // Once for each message, and not at each try.
                (Err(DeliveryError::PartlyOverQuota), _) if !self.is_again(to) => {
                    let full = with(Err(DeliveryError::OverQuota));
                    left.extend(full.map(|account| (account, Last::NoRoom(to.address.clone()))));
                }
                _ => {}
            }
        }
        left.sort_by_key(|(account, _)| *account);
        left
    }

    /// Does it, in one transaction.
    pub fn do_last(&self, tx: &Tx<'_>, left: &[(AccountId, Last)]) -> Result<(), GateError> {
        let inbox = inbox()?;
        for (account, last) in left {
            match (tx.open_named::<Insert>(&self.caller, *account, &inbox), last) {
                (Ok(access), Last::End(key)) => access.end_delivery(key)?,
                (Ok(access), Last::NoRoom(recipient)) => access.tell_no_room(recipient)?,
                // Removed since: the notes go by their age.
                (Err(GateError::Denied(_)), _) => {}
                (Err(other), _) => return Err(other),
            }
        }
        Ok(())
    }
}

/// Which of these accounts have no room for so many bytes.
pub(super) fn full(
    tx: &Tx<'_>,
    caller: &Caller,
    accounts: &[AccountId],
    bytes: i64,
) -> Result<Vec<AccountId>, GateError> {
    let (inbox, mut full) = (inbox()?, Vec::new());
    for account in accounts {
        let asked = tx.open_named::<Insert>(caller, *account, &inbox).and_then(|to| to.require_room(bytes));
        if settle(asked)? == Err(DeliveryError::OverQuota) {
            full.push(*account);
        }
    }
    Ok(full)
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
                Some(Err(_)) => {}
                // Not reached: a piece before it failed.
                None => refusal = DeliveryError::Unavailable,
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
