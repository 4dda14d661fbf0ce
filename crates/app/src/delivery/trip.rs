//! One try to deliver a message: who gets a copy, who has one from a try before, and what each
//! recipient is answered (docs/decisions/0022-group-delivery.md).

use super::{DeliveryError, Recipient};
use crate::queue::QueueEnd;
use postern_access::Denied;
use postern_store::{Caller, DeliveryKey, DeliveryNote, GateError, Insert, NewMessage, Rule, StoreError, Tx};
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
    /// What tries before have noted for each recipient; none is empty.
    notes: BTreeMap<i64, BTreeMap<AccountId, DeliveryNote>>,
    /// What is known before anything is written: who has a copy, and who has no room.
    pub known: Results,
    /// What of the queue is done with it.
    queue: Option<QueueEnd>,
}

/// What is left to do about a recipient once everyone was tried.
pub(super) struct Last {
    /// Where it is done.
    account: AccountId,
    key: DeliveryKey,
    what: What,
}

enum What {
    /// Its delivery is complete, and was not: nobody's copy is held against the same bytes again.
    End,
    /// The account had no room while others of the recipient, which has this address, have the
    /// message.
    NoRoom(String),
}

impl Last {
    /// The recipient that is not to be answered as if it were done.
    pub fn principal(&self) -> i64 {
        self.key.principal
    }
}

impl Trip {
    /// Nobody has a copy yet.
    pub fn new(caller: Caller, recipients: Vec<Recipient>, is_split: bool, queue: Option<QueueEnd>) -> Self {
        let (notes, known) = (BTreeMap::default(), Results::default());
        Self { caller, recipients, content: None, is_split, notes, known, queue }
    }

    /// May it be that some have it and others do not: after this try, or since one before?
    pub fn may_be_owed(&self) -> bool {
        self.is_split || self.recipients.iter().any(|to| to.is_several || to.is_owed)
    }

    /// Names this message for each recipient that is owed one.
    pub fn keys_owed(&self) -> Vec<DeliveryKey> {
        self.recipients.iter().filter(|to| to.is_owed).filter_map(|to| self.key(to)).collect()
    }

    /// Takes in what is known from tries before.
    pub fn comes_again(&mut self, key: &DeliveryKey, notes: BTreeMap<AccountId, DeliveryNote>) {
        if notes.is_empty() {
            return;
        }
        for to in self.recipients.iter().filter(|to| to.principal == key.principal) {
            let has_copy =
                notes.iter().filter(|(_, note)| **note == DeliveryNote::HasCopy).map(|(account, _)| *account);
            self.known.extend(has_copy.filter(|account| to.reaches(*account)).map(|account| (account, Ok(()))));
        }
        self.notes.insert(key.principal, notes);
    }

    /// Accounts that are to get a copy, in the order in which they are locked. One that is named
    /// twice in the envelope gets the message once.
    pub fn owed(&self) -> Vec<AccountId> {
        let all: BTreeSet<AccountId> = self.recipients.iter().flat_map(|to| to.accounts.iter().copied()).collect();
        all.into_iter().filter(|account| !self.known.contains_key(account)).collect()
    }

    /// Accounts that have their copy from a try for one recipient, while another one reaches them
    /// that may have to note it.
    pub fn noted_elsewhere(&self) -> Vec<AccountId> {
        let to_note = |account| self.recipients.iter().any(|to| self.may_note(to) && self.lacks_note(to, account));
        let have = self.known.iter().filter(|(_, result)| result.is_ok()).map(|(account, _)| *account);
        have.filter(|account| to_note(*account)).collect()
    }

    /// Gives each of these accounts the copy that it is owed, in one transaction. Who has one, now
    /// or from before, is noted where the same message may come again before everyone has it.
    /// `is_last` says that nobody is left for another transaction.
    pub fn write(
        &self,
        tx: &Tx<'_>,
        errands: &[(AccountId, Option<NewMessage>)],
        is_last: bool,
    ) -> Result<Results, GateError> {
        let inbox = inbox()?;
        let (mut results, mut opened) = (self.known.clone(), Vec::with_capacity(errands.len()));
        for (account, message) in errands {
            let given = tx.open_named::<Insert>(&self.caller, *account, &inbox).and_then(|access| {
                message.as_ref().map(|message| access.append(message, &Flags::new())).transpose()?;
                opened.push(access);
                Ok(())
            });
            let given = settle(given)?;
            if message.is_some() {
                results.insert(*account, given);
            }
        }
        for to in &self.recipients {
            let Some(key) = self.key(to) else { continue };
            if self.is_open(to) || to.outcome(&results) == Err(DeliveryError::PartlyOverQuota) {
                let mut theirs = opened.iter().filter(|access| self.lacks_note(to, access.account()));
                theirs.try_for_each(|access| access.note_copy(&key))?;
            }
        }
        // What is left to do comes after; without any, this is where they are done.
        if is_last && !self.is_split && self.last(&results).is_empty() {
            self.end_in_queue(tx, &results)?;
        }
        Ok(results)
    }

    /// Does it leave behind what people send?
    pub fn is_bulk(&self) -> bool {
        self.queue.as_ref().is_some_and(|queue| queue.is_bulk)
    }

    /// Whoever has their mail by now is done in the queue, in this transaction: at a kill they have it and are
    /// done, or neither.
    fn end_in_queue(&self, tx: &Tx<'_>, results: &Results) -> Result<(), GateError> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let done: Vec<usize> =
            (0..self.recipients.len()).filter(|place| self.recipients[*place].outcome(results).is_ok()).collect();
        if done.is_empty() { Ok(()) } else { queue.done(tx, &done) }
    }

    fn key(&self, to: &Recipient) -> Option<DeliveryKey> {
        self.content.map(|content| DeliveryKey { content, principal: to.principal })
    }

    /// What tries before have noted.
    fn note(&self, to: &Recipient, account: AccountId) -> Option<DeliveryNote> {
        self.notes.get(&to.principal)?.get(&account).copied()
    }

    /// Is it for this account, and is no copy noted there?
    fn lacks_note(&self, to: &Recipient, account: AccountId) -> bool {
        to.reaches(account) && self.note(to, account) != Some(DeliveryNote::HasCopy)
    }

    /// Are there notes of it, or will there be, whatever comes of this try?
    fn is_open(&self, to: &Recipient) -> bool {
        self.is_split || self.notes.contains_key(&to.principal)
    }

    /// May there be notes of it after this try?
    fn may_note(&self, to: &Recipient) -> bool {
        self.is_open(to) || to.is_several
    }

    /// What is left to do now, in the order in which the accounts are locked.
    pub fn last(&self, results: &Results) -> Vec<Last> {
        let mut left = Vec::new();
        for to in &self.recipients {
            let with = |wanted: Result<(), DeliveryError>| {
                to.accounts.iter().copied().filter(move |account| results.get(account) == Some(&wanted))
            };
            let Some(key) = self.key(to) else { continue };
            match to.outcome(results) {
                Ok(()) if self.is_open(to) => {
                    left.extend(with(Ok(())).next().map(|account| Last { account, key, what: What::End }));
                }
                Err(DeliveryError::PartlyOverQuota) => {
                    let full = with(Err(DeliveryError::OverQuota));
                    let untold = full.filter(|account| self.note(to, *account) != Some(DeliveryNote::ToldNoRoom));
                    left.extend(untold.map(|account| Last { account, key, what: What::NoRoom(to.address.clone()) }));
                }
                _ => {}
            }
        }
        left.sort_by_key(|last| last.account);
        left
    }

    /// Does it, in one transaction. With the results, it is the last one.
    pub fn do_last(&self, tx: &Tx<'_>, left: &[Last], results: Option<&Results>) -> Result<(), GateError> {
        let inbox = inbox()?;
        for Last { account, key, what } in left {
            match (tx.open_named::<Insert>(&self.caller, *account, &inbox), what) {
                (Ok(access), What::End) => access.end_delivery(key)?,
                (Ok(access), What::NoRoom(recipient)) => access.tell_no_room(key, recipient)?,
                // Removed since: the notes go by their age.
                (Err(GateError::Denied(_)), _) => {}
                (Err(other), _) => return Err(other),
            }
        }
        results.map_or(Ok(()), |results| self.end_in_queue(tx, results))
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
        let asked = tx.open_named::<Insert>(caller, *account, &inbox).and_then(|to| to.require_room(1, bytes));
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
