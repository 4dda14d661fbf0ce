//! Bringing away: recipients of one message who are in the same place, in one transaction.

use super::settle::Ending;
use crate::carrier::{Carried, Hop, NotifyWish, Outcome, Parcel, ParcelRecipient, Routes, Said};
use crate::{House, Refused};
use postern_access::Actor;
use postern_store::{BodyKey, Caller, GateError, Lane, QueuedMessage, RunQueue, StoredForm, TakenRecipient, Tx};
use postern_types::Domain;
use std::sync::{Arc, PoisonError};

/// Recipients of one transaction with another server. More would come twice, should we be killed between
/// its answer and our note of it.
const RECIPIENTS_AT_ONCE: usize = 50;
/// Recipients here of one delivery.
const LOCAL_AT_ONCE: usize = 50;
/// For so long nobody tries a place that could not be reached, in milliseconds.
const LEFT_ALONE_MS: i64 = 30 * 1000;

/// Where recipients are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Where {
    /// Here.
    Here,
    /// Behind another server.
    There(Arc<Hop>),
    /// Nowhere, as it is configured now.
    Nowhere,
}

/// Some recipients of one message, all in one place.
#[derive(Debug, Clone)]
pub(super) struct Parcelled {
    pub message: Arc<QueuedMessage>,
    pub place: Where,
    pub recipients: Vec<TakenRecipient>,
}

impl Parcelled {
    /// Puts together what goes together.
    pub fn of(recipients: Vec<TakenRecipient>, messages: Vec<QueuedMessage>, routes: &Routes) -> Vec<Self> {
        let messages: Vec<_> = messages.into_iter().map(Arc::new).collect();
        let mut parcels: Vec<Self> = Vec::new();
        for recipient in recipients {
            let Some(message) = messages.iter().find(|message| message.id == recipient.message) else { continue };
            let place = place(&recipient, routes);
            let most = match place {
                Where::Here | Where::Nowhere => LOCAL_AT_ONCE,
                // Each has a reverse path of their own.
                Where::There(_) if message.verp => 1,
                Where::There(_) => RECIPIENTS_AT_ONCE,
            };
            let has_room = |parcel: &&mut Self| {
                parcel.message.id == message.id && parcel.place == place && parcel.recipients.len() < most
            };
            // Recipients of a message come one after the other, so only the last parcels may have room.
            match parcels.iter_mut().rev().take(16).find(has_room) {
                Some(parcel) => parcel.recipients.push(recipient),
                None => parcels.push(Self { message: Arc::clone(message), place, recipients: vec![recipient] }),
            }
        }
        parcels
    }
}

fn place(recipient: &TakenRecipient, routes: &Routes) -> Where {
    if recipient.is_ours {
        return Where::Here;
    }
    let hop = Domain::parse(&recipient.domain).ok().and_then(|domain| routes.to(&domain).cloned());
    hop.map_or(Where::Nowhere, Where::There)
}

impl House {
    /// Brings a parcel away and writes down what came of it; answers whether it is written down.
    pub(super) async fn bring(&self, lane: Lane, parcel: Parcelled) -> bool {
        // Held until it is settled: a notification may bring the message back.
        let Some(_room) = self.queue.room(lane, parcel.message.size).await else { return false };
        if parcel.message.follows
            && let Err(error) = self.leaves(&parcel.message).await
        {
            tracing::error!(event = "queue.not-left", message = parcel.message.public_id, %error);
            return false;
        }
        let ending = match &parcel.place {
            Where::Here => self.bring_here(&parcel).await,
            Where::There(hop) => self.bring_there(&parcel, hop).await,
            Where::Nowhere => Ok(Ending::all(&parcel, |recipient| {
                let text = format!(
                    "this server knows no way to {}: [relay] smarthost is not set, nor a [relay.route] for it",
                    recipient.domain
                );
                Outcome::Later(Said { status: "4.4.4".into(), text, is_reply: false })
            })),
        };
        let settled = match ending {
            Ok(ending) => self.settle(&parcel, ending).await,
            Err(error) => Err(error),
        };
        match settled {
            Ok(()) => true,
            Err(error) => {
                tracing::error!(event = "queue.not-settled", message = parcel.message.public_id, %error);
                false
            }
        }
    }

    /// It can not be taken back from here on: what follows from it is done first.
    async fn leaves(&self, message: &Arc<QueuedMessage>) -> Result<(), Refused> {
        let sender = match &message.person {
            Some((person, label)) => {
                Some(Caller::new(Actor::Person(*person), self.origin("queue", String::new(), label.clone())?))
            }
            None => None,
        };
        let message = Arc::clone(message);
        self.run(move |queue| queue.leaves(&message, sender.as_ref())).await
    }

    async fn bring_there(&self, parcel: &Parcelled, hop: &Arc<Hop>) -> Result<Ending, Refused> {
        let place = hop.to_string();
        if let Some(text) = self.is_left_alone(&place) {
            return Ok(Ending::all(parcel, |_| Outcome::Later(unreachable(text.clone()))));
        }
        let Some(carrier) = self.queue.carrier.get() else {
            return Ok(Ending::all(parcel, |_| Outcome::Later(unreachable("nothing is sent out yet".into()))));
        };
        let message = &parcel.message;
        let body = self.queued_body(message).await?;
        let reverse_path = match parcel.recipients.as_slice() {
            [only] if message.verp => self.variable_path(message, &only.address),
            _ => message.reverse_path.clone(),
        };
        let recipients = parcel.recipients.iter().map(|recipient| ParcelRecipient {
            address: recipient.address.clone(),
            notify: (recipient.notify != super::settle::DEFAULT_NOTIFY).then(|| wish(recipient.notify)),
            original: recipient.original.clone(),
        });
        let carried = carrier.carry(Parcel {
            hop: Arc::clone(hop),
            id: message.public_id.clone(),
            reverse_path,
            recipients: recipients.collect(),
            message: vec![Arc::new(message.prefix.clone()), body],
            smtputf8: message.smtputf8,
            eight_bit: message.eight_bit,
            return_full: message.return_full,
            envelope_id: message.envelope_id.clone(),
        });
        let Carried { server, outcomes, is_unreachable } = carried.await;
        match is_unreachable {
            true => self.leave_alone(place, &outcomes),
            false => self.was_reached(place),
        }
        Ok(Ending { server, outcomes, is_local: false })
    }

    /// What was said when a place could not be reached a moment ago.
    fn is_left_alone(&self, place: &str) -> Option<String> {
        let mut unreachable = self.queue.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.db.now();
        unreachable.retain(|_, (until, _)| now < *until);
        unreachable.get(place).map(|(_, text)| text.clone())
    }

    /// A place that answers on some connections and turns others away has only as many as it takes.
    fn was_reached(&self, place: String) {
        let now = self.db.now();
        let mut reached = self.queue.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.len() >= 1000 {
            reached.retain(|_, at| now < at.plus_ms(LEFT_ALONE_MS));
        }
        reached.insert(place, now);
    }

    fn leave_alone(&self, place: String, outcomes: &[Outcome]) {
        let last = self.queue.reached.lock().unwrap_or_else(PoisonError::into_inner).get(&place).copied();
        if last.is_some_and(|last| self.db.now() < last.plus_ms(LEFT_ALONE_MS)) {
            return;
        }
        let text = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Later(said) | Outcome::Never(said) => Some(said.text.clone()),
            Outcome::Done { .. } => None,
        });
        let until = self.db.now().plus_ms(LEFT_ALONE_MS);
        tracing::warn!(event = "relay.unreachable", place, said = text.as_deref().unwrap_or_default());
        let mut unreachable = self.queue.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        unreachable.insert(place, (until, text.unwrap_or_default()));
    }

    /// The body of a message, which other parcels of it share.
    pub(super) async fn queued_body(&self, message: &Arc<QueuedMessage>) -> Result<Arc<Vec<u8>>, Refused> {
        let key: BodyKey = message.body_key();
        if let Some(body) = self.queue.body(key) {
            return Ok(body);
        }
        let (job, wanted) = (self.submission_job()?, Arc::clone(message));
        let read = self
            .db
            .read(move |tx: &Tx<'_>| -> Result<_, GateError> { Ok(tx.authority::<RunQueue>(&job)?.body(&wanted)?) });
        let stored = read.await?;
        let blobs = self.blobs.clone();
        let form = stored.inline.map_or(StoredForm::File, StoredForm::Inline);
        let is_small = stored.size < crate::ingest::PARSED_IN_PLACE as u64 && form != StoredForm::File;
        let load = move || blobs.load(stored.key, stored.size, form);
        let loaded = if is_small { Ok(load()) } else { tokio::task::spawn_blocking(load).await };
        let body = Arc::new(loaded.map_err(|_| Refused::Unavailable)??);
        self.queue.keep_body(key, &body);
        Ok(body)
    }
}

fn unreachable(text: String) -> Said {
    Said { status: "4.4.1".into(), text, is_reply: false }
}

/// NOTIFY as the queue keeps it.
fn wish(bits: i64) -> NotifyWish {
    NotifyWish { success: bits & 1 != 0, failure: bits & 2 != 0, delay: bits & 4 != 0 }
}
