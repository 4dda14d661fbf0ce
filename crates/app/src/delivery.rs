//! Delivery: a message comes in for addresses of ours (docs/design.md section 6).

mod trip;

use crate::House;
use crate::ingest::{MessageError, PARSED_IN_PLACE};
use crate::sign_in::Peer;
use postern_access::Job;
use postern_store::{GateError, Principal, StoreError, Tx};
use postern_types::{AccountId, Address, BlobHash, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use trip::{Results, Trip};

/// One recipient that was accepted: the accounts its mail goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// As the envelope names it.
    address: String,
    /// The number of the account or the group that has the address; 0 for the administrators.
    principal: i64,
    /// It is a group, or the administrators.
    is_several: bool,
    /// In the order of their numbers.
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
    /// No room for one of a group; it is to be tried again, and nobody gets it twice.
    #[error("A mailbox behind this address is full; the others have the message")]
    PartlyOverQuota,
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

impl Recipient {
    fn admins(tx: &Tx<'_>) -> Result<Self, StoreError> {
        Ok(Self { address: "postmaster".into(), principal: 0, is_several: true, accounts: tx.admins()? })
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
            let address = wanted.to_string();
            let found = match tx.principal_at(&wanted)? {
                // What was removed keeps its address, and takes mail as little as what never was.
                Some(Principal::Account(account)) if !tx.is_removed(account)? => {
                    let (principal, accounts) = (account.get(), vec![account]);
                    Some(Recipient { address, principal, is_several: false, accounts })
                }
                Some(Principal::Group(group)) => {
                    let (principal, accounts) = (group.get(), tx.mail_of_group(group)?);
                    Some(Recipient { address, principal, is_several: true, accounts })
                }
                _ => None,
            };
            let nobody = found.as_ref().is_none_or(|found| found.accounts.is_empty());
            let to_admins = nobody && ours && wanted.local() == "postmaster";
            Ok((ours, if to_admins { Some(Recipient::admins(tx)?) } else { found }))
        });
        match found.await? {
            // Said now rather than after the message: a group of nobody takes no mail.
            (_, Some(found)) if found.accounts.is_empty() => Err(DeliveryError::Closed),
            (_, Some(found)) => Ok(found),
            (true, None) => Err(DeliveryError::Unknown(address.clone())),
            (false, None) => Err(DeliveryError::NotOurs(address.domain().to_string())),
        }
    }

    /// Mail for `<postmaster>` without a domain (RFC 5321 section 4.5.1).
    pub async fn postmaster(&self) -> Result<Recipient, DeliveryError> {
        Ok(self.db.read(Recipient::admins).await?)
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
        let trip = Arc::new(self.set_out(&delivery).await?);
        let accounts = trip.owed();
        let (messages, received_fields) = self
            .ingest(Arc::clone(&delivery.raw), accounts.clone(), self.db.now())
            .await
            .map_err(|_| DeliveryError::Unavailable)?;
        if received_fields > self.limits.received_fields {
            return Err(MessageError::Loop.into());
        }
        let copies: Vec<_> = accounts.into_iter().zip(messages).collect();
        let writing = Arc::clone(&trip);
        let results = self.db.write(move |tx: &Tx<'_>| writing.write(tx, &copies)).await.map_err(failed)?;
        self.end(&trip, &results).await?;
        Ok(trip.recipients.iter().map(|to| to.outcome(&results)).collect())
    }

    /// Finds out who has the message from a try before. Only where a recipient may have several
    /// accounts can there be such a try.
    async fn set_out(&self, delivery: &Delivery) -> Result<Trip, DeliveryError> {
        let caller = self
            .job(Job::Delivery, delivery.protocol, delivery.peer.label())
            .map_err(|_| DeliveryError::Unavailable)?;
        let mut trip =
            Trip { caller, recipients: delivery.recipients.clone(), content: None, given: BTreeMap::default() };
        if delivery.recipients.iter().any(|to| to.is_several) {
            let content = self.content_of(delivery).await?;
            let given = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { tx.copies_given(content) }).await?;
            trip.content = Some(content);
            for (principal, account) in given {
                trip.given.entry(principal).or_default().insert(account);
            }
        }
        Ok(trip)
    }

    /// What names the message at every try: not our trace lines, which tell the time.
    async fn content_of(&self, delivery: &Delivery) -> Result<BlobHash, DeliveryError> {
        let (blobs, raw, from) = (self.blobs.clone(), Arc::clone(&delivery.raw), delivery.trace_bytes);
        let is_small = raw.len() < PARSED_IN_PLACE;
        let work = move || blobs.hash(raw.get(from..).unwrap_or_default());
        let hashed = if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await };
        hashed.map_err(|_| DeliveryError::Unavailable)
    }

    /// Ends what is complete now. Answered after it: what is acknowledged is not held against
    /// a message of the same bytes.
    async fn end(&self, trip: &Arc<Trip>, results: &Results) -> Result<(), DeliveryError> {
        let (ends, trip) = (trip.completed(results), Arc::clone(trip));
        if ends.is_empty() {
            return Ok(());
        }
        self.db.write(move |tx: &Tx<'_>| trip::end(tx, &trip.caller, &ends)).await.map_err(failed)
    }
}

fn failed(error: GateError) -> DeliveryError {
    tracing::error!(event = "delivery.failed", %error);
    DeliveryError::Unavailable
}
