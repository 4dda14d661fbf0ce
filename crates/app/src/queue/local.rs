//! Recipients here: their copies are given as those of any mail that comes in, and in the
//! transaction that gives the last of them they are done.

use super::bring::Parcelled;
use super::settle::Ending;
use crate::carrier::{Outcome, Said};
use crate::delivery::Delivery;
use crate::{DeliveryError, House, Peer, Recipient, Refused};
use postern_store::{Caller, GateError, RunQueue, StoreError, Tx};
use postern_types::Address;
use std::sync::Arc;

/// What of the queue a delivery ends.
#[derive(Debug, Clone)]
pub(crate) struct QueueEnd {
    /// The submission job.
    pub job: Caller,
    /// The message's number there.
    pub message: i64,
    /// Recipients' numbers, in the order of the delivery.
    pub recipients: Vec<i64>,
    /// The process that has taken them.
    pub me: i64,
    /// Its copies are given when nobody who waits is in the way.
    pub is_bulk: bool,
}

impl QueueEnd {
    /// These recipients have their mail.
    pub fn done(&self, tx: &Tx<'_>, which: &[usize]) -> Result<(), GateError> {
        let ids: Vec<i64> = which.iter().filter_map(|place| self.recipients.get(*place).copied()).collect();
        let done = tx.authority::<RunQueue>(&self.job)?.done(self.message, &ids, self.me)?;
        if done < ids.len() as u64 {
            // Another process has taken them since, and gives them their copies.
            return Err(StoreError::Conflict("recipients were taken by another process".into()).into());
        }
        Ok(())
    }
}

impl House {
    /// Delivers a parcel to accounts of this house.
    pub(super) async fn bring_here(&self, parcel: &Parcelled) -> Result<Ending, Refused> {
        let mut outcomes: Vec<Option<Outcome>> = vec![None; parcel.recipients.len()];
        let (mut places, mut recipients): (Vec<usize>, Vec<Recipient>) = (Vec::new(), Vec::new());
        let parsed: Vec<_> = parcel.recipients.iter().map(|taken| Address::parse(&taken.address).ok()).collect();
        let mut looked = self.recipients(parsed.iter().flatten().cloned().collect()).await.into_iter();
        for (place, taken) in parcel.recipients.iter().enumerate() {
            let found = parsed[place].as_ref().and_then(|_| looked.next());
            match found.unwrap_or_else(|| Err(DeliveryError::NotOurs(taken.domain.clone()))) {
                Ok(found) => {
                    places.push(place);
                    recipients.push(found);
                }
                Err(error) => outcomes[place] = Some(outcome(&error)),
            }
        }
        if !recipients.is_empty() {
            let results = self.deliver(self.local_delivery(parcel, &places, recipients).await?).await;
            for (place, result) in places.into_iter().zip(results) {
                outcomes[place] =
                    Some(result.map_or_else(|error| outcome(&error), |()| Outcome::Done { reports: false }));
            }
        }
        let unknown = || Outcome::Later(Said { status: "4.3.0".into(), text: String::new(), is_reply: false });
        let outcomes = outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(unknown)).collect();
        Ok(Ending { server: Some(self.hostname().to_owned()), outcomes, is_local: true })
    }

    async fn local_delivery(
        &self,
        parcel: &Parcelled,
        places: &[usize],
        recipients: Vec<Recipient>,
    ) -> Result<Delivery, Refused> {
        let message = &parcel.message;
        let body = self.queued_body(message).await?;
        // RFC 5321 section 4.4: the reverse path, as whoever delivers at last writes it down.
        let mut raw = format!("Return-Path: <{}>\r\n", message.reverse_path).into_bytes();
        raw.extend_from_slice(&message.prefix);
        let trace_bytes = raw.len();
        raw.extend_from_slice(&body);
        let ids = places.iter().filter_map(|place| parcel.recipients.get(*place)).map(|taken| taken.id).collect();
        let queue = QueueEnd {
            job: self.submission_job()?,
            message: message.id,
            recipients: ids,
            me: self.queue.me,
            is_bulk: message.lane.is_bulk(),
        };
        Ok(Delivery {
            raw: Arc::new(raw),
            trace_bytes,
            recipients,
            peer: Peer { address: None, encrypted: false },
            protocol: "queue",
            queue: Some(queue),
        })
    }
}

/// What a failure here is to the queue.
fn outcome(error: &DeliveryError) -> Outcome {
    let (status, is_for_good) = match error {
        DeliveryError::Unknown(_) => ("5.1.1", true),
        DeliveryError::NotOurs(_) => ("4.4.4", false),
        DeliveryError::Closed => ("5.2.1", true),
        DeliveryError::OverQuota | DeliveryError::PartlyOverQuota => ("4.2.2", false),
        DeliveryError::Message(crate::MessageError::Loop) => ("5.4.6", true),
        DeliveryError::Message(crate::MessageError::TooLarge) => ("5.3.4", true),
        DeliveryError::DiskFull => ("4.3.1", false),
        DeliveryError::Unavailable => ("4.3.0", false),
    };
    let said = Said { status: status.to_owned(), text: error.to_string(), is_reply: false };
    if is_for_good { Outcome::Never(said) } else { Outcome::Later(said) }
}
