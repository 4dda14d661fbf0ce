//! Delivery: a message comes in for addresses of ours (docs/design.md section 6).

mod trip;

use crate::House;
use crate::ingest::{MessageError, PARSED_IN_PLACE};
use crate::meters::how_delivered;
use crate::queue::QueueEnd;
use crate::sign_in::Peer;
use postern_access::Job;
use postern_store::{GateError, NewMessage, Principal, StoreError, Tx};
use postern_types::{AccountId, Address, BlobHash, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use trip::{Last, Results, Trip};

/// Copies given in one transaction: some ten statements each, so about 5 ms in which nobody
/// else's work is done (docs/design.md section 5).
const PIECE_COPIES: usize = 100;

/// One recipient that was accepted: the accounts its mail goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// As the envelope names it.
    address: String,
    /// The number of the account or the group that has the address; 0 for the administrators.
    principal: i64,
    /// It is a group, or the administrators.
    is_several: bool,
    /// Some have a message that is owed to others.
    is_owed: bool,
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
    /// `lmtp`, `smtp`, or `queue` for what one of ours sent.
    pub protocol: &'static str,
    /// What of the queue is done with it.
    pub(crate) queue: Option<QueueEnd>,
}

impl Delivery {
    /// Mail that somebody brought; `trace_bytes` of it are trace lines of ours.
    pub fn new(
        raw: Vec<u8>,
        trace_bytes: usize,
        recipients: Vec<Recipient>,
        peer: Peer,
        protocol: &'static str,
    ) -> Self {
        Self { raw: Arc::new(raw), trace_bytes, recipients, peer, protocol, queue: None }
    }
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
    /// The disk is nearly full; the sender may try again.
    #[error("The server has no room for mail now")]
    DiskFull,
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
    /// As the envelope names it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The first of its accounts by number.
    pub(crate) fn first_account(&self) -> Option<AccountId> {
        self.accounts.first().copied()
    }

    /// Those who administer, under an address by which the queue finds them again.
    fn admins(tx: &Tx<'_>, address: Option<&Address>) -> Result<Self, StoreError> {
        let address = match address {
            Some(address) => address.to_string(),
            None => tx.first_domain()?.map_or_else(|| "postmaster".to_owned(), |domain| format!("postmaster@{domain}")),
        };
        Self::read(tx, &address, (0, true), tx.admins()?)
    }

    /// Is the domain of an address ours, and who has the address?
    fn find(tx: &Tx<'_>, wanted: &Address) -> Result<(bool, Option<Self>), StoreError> {
        let ours = tx.is_own_domain(&wanted.domain())?;
        // As it stands first: somebody may have an address with a plus in it.
        let principal = match (tx.principal_at(wanted)?, wanted.without_tag()) {
            (None, Some(plain)) => tx.principal_at(&plain)?,
            (found, _) => found,
        };
        let found = match principal {
            // What was removed keeps its address, and takes mail as little as what never was.
            Some(Principal::Account(account)) if !tx.is_removed(account)? => {
                Some(Self::read(tx, wanted.as_str(), (account.get(), false), vec![account])?)
            }
            Some(Principal::Group(group)) => {
                Some(Self::read(tx, wanted.as_str(), (group.get(), true), tx.mail_of_group(group)?)?)
            }
            _ => None,
        };
        let nobody = found.as_ref().is_none_or(|found| found.accounts.is_empty());
        let to_admins = nobody && ours && is_postmaster(wanted);
        Ok((ours, if to_admins { Some(Self::admins(tx, Some(wanted))?) } else { found }))
    }

    fn read(
        tx: &Tx<'_>,
        address: &str,
        (principal, is_several): (i64, bool),
        accounts: Vec<AccountId>,
    ) -> Result<Self, StoreError> {
        let is_owed = tx.is_owed(principal)?;
        Ok(Self { address: address.to_owned(), principal, is_several, is_owed, accounts })
    }
}

/// What was found for an address; said now rather than after the message: a group of nobody takes no mail.
fn found(address: &Address, (ours, found): (bool, Option<Recipient>)) -> Result<Recipient, DeliveryError> {
    match (ours, found) {
        (_, Some(found)) if found.accounts.is_empty() => Err(DeliveryError::Closed),
        (_, Some(found)) => Ok(found),
        (true, None) => Err(DeliveryError::Unknown(address.clone())),
        (false, None) => Err(DeliveryError::NotOurs(address.domain().to_string())),
    }
}

impl House {
    /// Where mail for an address goes. `postmaster` always goes somewhere: where nobody has
    /// the address, or nobody is left in the group that has it, to the admins (RFC 5321
    /// section 4.5.1).
    pub async fn recipient(&self, address: &Address) -> Result<Recipient, DeliveryError> {
        self.recipients(vec![address.clone()]).await.pop().unwrap_or(Err(DeliveryError::Unavailable))
    }

    /// The same of many, each in its place, as one moment has them.
    pub(crate) async fn recipients(&self, addresses: Vec<Address>) -> Vec<Result<Recipient, DeliveryError>> {
        let count = addresses.len();
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> {
            addresses.iter().map(|wanted| Ok(found(wanted, Recipient::find(tx, wanted)?))).collect()
        });
        found.await.unwrap_or_else(|error| vec![Err(error.into()); count])
    }

    /// Mail for `<postmaster>` without a domain (RFC 5321 section 4.5.1).
    pub async fn postmaster(&self) -> Result<Recipient, DeliveryError> {
        Ok(self.db.read(|tx: &Tx<'_>| Recipient::admins(tx, None)).await?)
    }

    /// House time, for trace lines.
    pub fn now(&self) -> Timestamp {
        self.db.now()
    }

    /// Delivers to every recipient and answers for each (RFC 2033 section 4.2). What is answered
    /// as delivered is on disk and visible.
    pub async fn deliver(&self, delivery: Delivery) -> Vec<Result<(), DeliveryError>> {
        let (count, protocol) = (delivery.recipients.len(), delivery.protocol);
        // Only mail to an address with a tag can be the answer to a campaign.
        let tagged = delivery.recipients.iter().any(|to| to.address.contains("+b-")).then(|| delivery.clone());
        let results = match self.try_deliver(delivery).await {
            Ok(results) => {
                if let Some(delivery) = tagged {
                    self.note_bounces(&delivery).await;
                }
                results
            }
            Err(error) => vec![Err(error); count],
        };
        results.iter().for_each(|result| self.meters.deliveries.add([protocol, how_delivered(result)], 1));
        results
    }

    async fn try_deliver(&self, delivery: Delivery) -> Result<Vec<Result<(), DeliveryError>>, DeliveryError> {
        // What one of ours sent was looked at before the fields that were added to it.
        if delivery.queue.is_none() {
            self.check_size(delivery.raw.len().saturating_sub(delivery.trace_bytes))?;
        }
        if !self.db.has_room() {
            return Err(DeliveryError::DiskFull);
        }
        let mut trip = self.set_out(&delivery).await?;
        self.pass_over_full(&mut trip, delivery.raw.len()).await?;
        let accounts = trip.owed();
        let trip = Arc::new(trip);
        let (messages, received_fields) = self
            .ingest(Arc::clone(&delivery.raw), accounts.clone(), self.db.now())
            .await
            .map_err(|_| DeliveryError::Unavailable)?;
        if received_fields > self.limits.received_fields {
            return Err(MessageError::Loop.into());
        }
        let mut errands: BTreeMap<_, _> = trip.noted_elsewhere().into_iter().map(|account| (account, None)).collect();
        errands.extend(accounts.into_iter().zip(messages.into_iter().map(Some)));
        let results = self.write_copies(&trip, errands.into_iter().collect()).await;
        let undone = self.do_last(&trip, &results).await;
        let answer = |to: &Recipient| {
            if undone.contains(&to.principal) { Err(DeliveryError::Unavailable) } else { to.outcome(&results) }
        };
        Ok(trip.recipients.iter().map(answer).collect())
    }

    /// Finds out who has the message from a try before, and who was told that there was no room.
    async fn set_out(&self, delivery: &Delivery) -> Result<Trip, DeliveryError> {
        let caller = self
            .job(Job::Delivery, delivery.protocol, delivery.peer.label())
            .map_err(|_| DeliveryError::Unavailable)?;
        let recipients = delivery.recipients.clone();
        let is_split = recipients.iter().map(|to| to.accounts.len()).sum::<usize>() > PIECE_COPIES;
        let mut trip = Trip::new(caller, recipients, is_split, delivery.queue.clone());
        if trip.may_be_owed() {
            let content = self.content_of(delivery).await?;
            trip.content = Some(content);
            let keys = trip.keys_owed();
            if !keys.is_empty() {
                let each = move |tx: &Tx<'_>| keys.iter().map(|key| Ok((*key, tx.delivery_notes(key)?))).collect();
                let noted: Vec<_> = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { each(tx) }).await?;
                noted.into_iter().for_each(|(key, notes)| trip.comes_again(&key, notes));
            }
        }
        Ok(trip)
    }

    /// A large body is a file before the rows that name it: where there is no room for it, none
    /// is made, however often the sender tries.
    async fn pass_over_full(&self, trip: &mut Trip, bytes: usize) -> Result<(), DeliveryError> {
        if bytes < self.limits.inline_body_bytes {
            return Ok(());
        }
        let (caller, accounts) = (trip.caller.clone(), trip.owed());
        let full = self.db.read(move |tx: &Tx<'_>| trip::full(tx, &caller, &accounts, bytes as i64));
        let full = full.await.map_err(|error| failed(&error))?;
        trip.known.extend(full.into_iter().map(|account| (account, Err(DeliveryError::OverQuota))));
        Ok(())
    }

    /// Gives every account the copy that it is owed, piece by piece: between two of them other
    /// people's work is done. What one piece gave stays if the next one fails.
    async fn write_copies(&self, trip: &Arc<Trip>, mut errands: Vec<(AccountId, Option<NewMessage>)>) -> Results {
        let mut results = trip.known.clone();
        while let Some(first) = errands.first().map(|(account, _)| *account) {
            let rest = errands.split_off(errands.len().min(PIECE_COPIES));
            let writing = Arc::clone(trip);
            let is_last = rest.is_empty();
            let write = move |tx: &Tx<'_>| writing.write(tx, &errands, is_last);
            let written = match trip.is_bulk() {
                true => self.db.write_bulk(write).await,
                false => self.db.write_in_turn(first, write).await,
            };
            match written {
                Ok(given) => results.extend(given),
                Err(error) => {
                    failed(&error);
                    break;
                }
            }
            errands = rest;
        }
        results
    }

    /// Ends what is complete now, and tells who had no room. Answered after it: what is
    /// acknowledged is not held against a message of the same bytes, and what could not be
    /// ended is not acknowledged. Answers for which recipients it failed: others that reach the
    /// same accounts have their mail, and no notes that would keep it from coming twice.
    async fn do_last(&self, trip: &Arc<Trip>, results: &Results) -> BTreeSet<i64> {
        let mut left = trip.last(results);
        while !left.is_empty() {
            let rest = left.split_off(left.len().min(PIECE_COPIES));
            let (piece, trip, is_bulk) = (Arc::new(left), Arc::clone(trip), trip.is_bulk());
            let (doing, is_last, known) = (Arc::clone(&piece), rest.is_empty(), results.clone());
            let write = move |tx: &Tx<'_>| trip.do_last(tx, &doing, is_last.then_some(&known));
            let written = if is_bulk { self.db.write_bulk(write).await } else { self.db.write(write).await };
            if let Err(error) = written {
                failed(&error);
                return piece.iter().chain(&rest).map(Last::principal).collect();
            }
            left = rest;
        }
        BTreeSet::default()
    }

    /// What names the message at every try: not our trace lines, which tell the time.
    async fn content_of(&self, delivery: &Delivery) -> Result<BlobHash, DeliveryError> {
        let (blobs, raw, from) = (self.blobs.clone(), Arc::clone(&delivery.raw), delivery.trace_bytes);
        let is_small = raw.len() < PARSED_IN_PLACE;
        let work = move || blobs.hash(raw.get(from..).unwrap_or_default());
        let hashed = if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await };
        hashed.map_err(|_| DeliveryError::Unavailable)
    }
}

fn is_postmaster(address: &Address) -> bool {
    address.without_tag().as_ref().unwrap_or(address).local() == "postmaster"
}

fn failed(error: &GateError) -> DeliveryError {
    tracing::error!(event = "delivery.failed", %error);
    DeliveryError::Unavailable
}
