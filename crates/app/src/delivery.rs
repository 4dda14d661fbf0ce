//! Delivery: a message comes in for addresses of ours (docs/design.md section 6).

use crate::House;
use crate::ingest::MessageError;
use crate::sign_in::Peer;
use postern_access::{Denied, Job};
use postern_store::{GateError, Insert, Principal, StoreError, Tx};
use postern_types::{AccountId, Address, Flags, MailboxName, Timestamp};
use std::sync::Arc;

/// One recipient that was accepted: the accounts its mail goes to. A group has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    accounts: Vec<AccountId>,
}

/// A message with its envelope, trace lines of ours in front.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The message.
    pub raw: Arc<Vec<u8>>,
    /// Bytes of the trace lines: they are ours, and do not count against the size that was
    /// offered (RFC 1870 section 3).
    pub trace_bytes: usize,
    /// Who it goes to, in the order of the envelope.
    pub recipients: Vec<Recipient>,
    /// Who brought it.
    pub peer: Peer,
    /// `lmtp` and later `smtp`.
    pub protocol: &'static str,
}

/// Why one recipient does not get it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// Nobody has that address (one of law 4's listed exceptions).
    #[error("There is no mailbox {0} here")]
    Unknown(Address),
    /// The domain is not ours.
    #[error("{0} is not a domain of this server")]
    NotOurs(String),
    /// The account takes no mail now.
    #[error("The mailbox takes no mail now")]
    Closed,
    /// No room.
    #[error("The mailbox is full")]
    OverQuota,
    /// The message itself is refused, for all.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The cause is in the log; the sender may try again.
    #[error("The server could not store the message now")]
    Unavailable,
}

impl From<StoreError> for DeliveryError {
    fn from(error: StoreError) -> Self {
        tracing::error!(event = "delivery.failed", %error);
        DeliveryError::Unavailable
    }
}

impl House {
    /// Where mail for an address goes. `postmaster` always goes somewhere: where nobody has
    /// the address, or nobody is left in the group that has it, to the admins (RFC 5321
    /// section 4.5.1).
    pub async fn recipient(&self, address: &Address) -> Result<Recipient, DeliveryError> {
        let wanted = address.clone();
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> {
            let ours = tx.is_own_domain(&wanted.domain())?;
            let accounts = match tx.principal_at(&wanted)? {
                // What was removed keeps its address, and takes mail as little as what never was.
                Some(Principal::Account(account)) if !tx.is_removed(account)? => Some(vec![account]),
                Some(Principal::Group(group)) => Some(tx.mail_of_group(group)?),
                _ => None,
            };
            let nobody = accounts.as_ref().is_none_or(Vec::is_empty);
            let to_admins = nobody && ours && wanted.local() == "postmaster";
            Ok((ours, if to_admins { Some(tx.admins()?) } else { accounts }))
        });
        match found.await? {
            // Said now rather than after the message: a group of nobody takes no mail.
            (_, Some(accounts)) if accounts.is_empty() => Err(DeliveryError::Closed),
            (_, Some(accounts)) => Ok(Recipient { accounts }),
            (true, None) => Err(DeliveryError::Unknown(address.clone())),
            (false, None) => Err(DeliveryError::NotOurs(address.domain().to_string())),
        }
    }

    /// Mail for `<postmaster>` without a domain (RFC 5321 section 4.5.1).
    pub async fn postmaster(&self) -> Result<Recipient, DeliveryError> {
        let accounts = self.db.read(|tx: &Tx<'_>| -> Result<_, StoreError> { tx.admins() }).await?;
        Ok(Recipient { accounts })
    }

    /// House time, for trace lines.
    pub fn now(&self) -> Timestamp {
        self.db.now()
    }

    /// Delivers to every recipient in one transaction and answers for each (RFC 2033
    /// section 4.2). What is answered as delivered is on disk and visible.
    pub async fn deliver(&self, delivery: Delivery) -> Vec<Result<(), DeliveryError>> {
        let count = delivery.recipients.len();
        match self.try_deliver(delivery).await {
            Ok(results) => results,
            Err(error) => vec![Err(error); count],
        }
    }

    async fn try_deliver(&self, delivery: Delivery) -> Result<Vec<Result<(), DeliveryError>>, DeliveryError> {
        self.check_size(delivery.raw.len().saturating_sub(delivery.trace_bytes))?;
        // An account named twice in the envelope gets the message once.
        let mut accounts: Vec<AccountId> =
            delivery.recipients.iter().flat_map(|recipient| recipient.accounts.iter().copied()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let caller = self
            .job(Job::Delivery, delivery.protocol, delivery.peer.label())
            .map_err(|_| DeliveryError::Unavailable)?;
        let received = self.db.now();
        let (messages, received_fields) = self
            .ingest(Arc::clone(&delivery.raw), accounts.clone(), received)
            .await
            .map_err(|_| DeliveryError::Unavailable)?;
        if received_fields > self.limits.received_fields {
            return Err(MessageError::Loop.into());
        }
        let targets = accounts.clone();
        let written = self.db.write(move |tx: &Tx<'_>| -> Result<Vec<Result<(), DeliveryError>>, GateError> {
            let inbox = MailboxName::parse(MailboxName::INBOX)
                .map_err(|error| StoreError::Damaged(format!("INBOX: {error}")))?;
            let mut results = Vec::with_capacity(messages.len());
            for (account, message) in targets.iter().zip(&messages) {
                results.push(match tx.open_named::<Insert>(&caller, *account, &inbox) {
                    Ok(access) => access.append(message, &Flags::new()).map(|_| ()),
                    Err(error) => Err(error),
                });
            }
            results.into_iter().map(settle).collect()
        });
        let results = written.await.map_err(|error| {
            tracing::error!(event = "delivery.failed", %error);
            DeliveryError::Unavailable
        })?;
        Ok(delivery.recipients.iter().map(|recipient| outcome(recipient, &accounts, &results)).collect())
    }
}

/// A verdict concerns one recipient; a failure of the store concerns the transaction.
fn settle(result: Result<(), GateError>) -> Result<Result<(), DeliveryError>, GateError> {
    match result {
        Ok(()) => Ok(Ok(())),
        Err(GateError::Denied(Denied::Hidden | Denied::Missing { .. })) => Ok(Err(DeliveryError::Closed)),
        Err(GateError::Rule(postern_store::Rule::OverQuota)) => Ok(Err(DeliveryError::OverQuota)),
        Err(other) => Err(other),
    }
}

/// A recipient has its mail when one of its accounts has: a group with one closed member
/// still delivers, one without any open member does not.
fn outcome(
    recipient: &Recipient,
    accounts: &[AccountId],
    results: &[Result<(), DeliveryError>],
) -> Result<(), DeliveryError> {
    let mut refusal = DeliveryError::Closed;
    for account in &recipient.accounts {
        match accounts.binary_search(account).ok().and_then(|place| results.get(place)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => refusal = error.clone(),
            None => {}
        }
    }
    Err(refusal)
}
