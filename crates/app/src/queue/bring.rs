//! Bringing away: recipients of one message who are in the same place, in one transaction.

use super::settle::Ending;
use crate::carrier::{Carried, Hop, NotifyWish, Outcome, Parcel, ParcelRecipient, Routes, Said, Turn};
use crate::{House, Refused};
use postern_access::Actor;
use postern_store::{BodyKey, Caller, GateError, Lane, QueuedMessage, RunQueue, StoredForm, TakenRecipient, Tx};
use postern_types::{Domain, Timestamp};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Recipients of one transaction with another server. More would come twice, should we be killed between
/// its answer and our note of it.
const RECIPIENTS_AT_ONCE: usize = 50;
/// Recipients here of one delivery.
const LOCAL_AT_ONCE: usize = 50;
/// What was taken longer ago is asked for again, whether it still leaves.
const FRESH: Duration = Duration::from_secs(1);
/// For so long nobody tries a place that could not be reached, in milliseconds.
const LEFT_ALONE_MS: i64 = 30 * 1000;
/// One that is silent on and on is told again after so long.
const TOLD_AGAIN_MS: i64 = 60 * 60 * 1000;

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
    /// When they were taken.
    pub taken: Instant,
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
                None => {
                    let (message, taken) = (Arc::clone(message), Instant::now());
                    parcels.push(Self { message, place, recipients: vec![recipient], taken });
                }
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
    /// A turn with the next server; none where there is none to wait for.
    pub(super) async fn turn(&self, place: &Where) -> Option<Turn> {
        let Where::There(hop) = place else { return None };
        self.queue.turns(hop)?.acquire_owned().await.ok().map(Turn::from)
    }

    /// The turn that it has, or else one with its place.
    pub(super) async fn turn_unless(&self, turn: Option<Turn>, place: &Where) -> Option<Turn> {
        if turn.is_some() { turn } else { self.turn(place).await }
    }

    /// Brings a parcel away, by a turn with its place where there is one, and writes down what came of it; answers
    /// whether it is written down. Until then the turn is kept: what is on its way is as much as there are
    /// connections.
    pub(super) async fn bring(&self, lane: Lane, mut parcel: Parcelled, turn: Option<Turn>) -> bool {
        // Held until it is settled: a notification may bring the message back.
        let Some(_room) = self.queue.room(lane, parcel.message.size).await else { return false };
        // From here on nobody waits for anything of ours: what was done about it meanwhile holds.
        if parcel.taken.elapsed() > FRESH && !self.still_leaves(&mut parcel).await {
            return false;
        }
        if parcel.message.follows && !self.leaves(&parcel.message).await {
            return false;
        }
        let ending = match &parcel.place {
            Where::Here => self.bring_here(&parcel).await,
            Where::There(hop) => self.bring_there(&parcel, hop, turn.clone()).await,
            Where::Nowhere => Ok(Ending::all(&parcel, |recipient| {
                let text = format!(
                    "this server knows no way to {}: [relay] smarthost is not set, nor a [relay.route] for it",
                    recipient.domain
                );
                Outcome::Later(Said { status: "4.4.4".into(), text, is_reply: false })
            })),
        };
        let ending = ending.unwrap_or_else(|error| {
            tracing::error!(event = "queue.not-brought", id = parcel.message.public_id, %error);
            let text = "this server could not bring it away now".to_owned();
            Ending::all(&parcel, |_| {
                Outcome::Later(Said { status: "4.3.0".into(), text: text.clone(), is_reply: false })
            })
        });
        self.settle_at_last(parcel, ending).await
    }

    /// Writes down what came of it. What somebody has got is not brought to them again while this process lives,
    /// so it goes on trying.
    async fn settle_at_last(&self, mut parcel: Parcelled, mut ending: Ending) -> bool {
        for attempt in 0_u32.. {
            match self.settle(&parcel, ending.clone()).await {
                Ok(None) => return true,
                // Others had some of them meanwhile: theirs is what they wrote.
                Ok(Some(ours)) => ending.keep_only(&mut parcel.recipients, &ours),
                Err(error) => {
                    tracing::error!(event = "queue.not-settled", id = parcel.message.public_id, %error);
                    if !ending.outcomes.iter().any(super::settle::is_done) {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(1 << attempt.min(5))).await;
                }
            }
        }
        false
    }

    /// It was taken a while ago: does nobody hold it since, and is its sender still let through? Recipients that
    /// another process has taken since are left to that.
    async fn still_leaves(&self, parcel: &mut Parcelled) -> bool {
        let (job, asked, me) = (self.submission_job(), Arc::clone(&parcel.message), self.queue.me);
        let Ok(job) = job else { return false };
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let queue = tx.authority::<RunQueue>(&job)?;
            Ok((queue.message(&asked)?, queue.taken_of(&asked, me)?))
        });
        let Ok((Some(message), ours)) = read.await else { return false };
        parcel.recipients.retain(|recipient| ours.contains(&recipient.id));
        message.stopped.is_none() && !parcel.recipients.is_empty()
    }

    /// It can not be taken back from here on: what follows from it is done first. Where the marks can not be
    /// made it leaves all the same. Answers whether it does.
    async fn leaves(&self, message: &Arc<QueuedMessage>) -> bool {
        let sender = message.person.as_ref().and_then(|(person, label)| {
            let origin = self.origin("queue", String::new(), label.clone()).ok()?;
            Some(Caller::new(Actor::Person(*person), origin))
        });
        let marked = Arc::clone(message);
        let error = match self.run(move |queue| queue.leaves(&marked, sender.as_ref())).await {
            Ok(leaves) => return leaves,
            Err(error) => error,
        };
        tracing::error!(event = "queue.not-marked", id = message.public_id, %error);
        let plain = Arc::clone(message);
        self.run(move |queue| queue.leaves(&plain, None)).await.unwrap_or(false)
    }

    async fn bring_there(&self, parcel: &Parcelled, hop: &Arc<Hop>, turn: Option<Turn>) -> Result<Ending, Refused> {
        let place = hop.to_string();
        if let Some(text) = self.is_left_alone(&place) {
            return Ok(Ending::all(parcel, |_| Outcome::Later(unreachable(text.clone()))));
        }
        let Some((carrier, turn)) = self.queue.carrier.get().zip(turn) else {
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
        let leaving = Parcel {
            hop: Arc::clone(hop),
            id: message.public_id.clone(),
            reverse_path,
            recipients: recipients.collect(),
            message: vec![Arc::new(message.prefix.clone()), body],
            smtputf8: message.smtputf8,
            eight_bit: message.eight_bit,
            return_full: message.return_full,
            envelope_id: message.envelope_id.clone(),
        };
        let Carried { server, outcomes, is_unreachable } = carrier.carry(leaving, turn).await;
        match is_unreachable {
            true => self.leave_alone(place, &outcomes),
            false => self.was_reached(place),
        }
        Ok(Ending { server, outcomes, is_local: false })
    }

    /// What was said when a place could not be reached a moment ago.
    fn is_left_alone(&self, place: &str) -> Option<String> {
        let mut places = self.queue.places.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.db.now();
        places.left_alone.retain(|_, (until, _)| now < *until);
        places.left_alone.get(place).map(|(_, text)| text.clone())
    }

    /// A place that answers on some connections and turns others away has only as many as it takes.
    fn was_reached(&self, place: String) {
        let now = self.db.now();
        let mut places = self.queue.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.left_alone.remove(&place);
        // One that turns some connections away is neither silent nor back: it is quiet about that.
        let is_back = |(_, last): &(Timestamp, Timestamp)| now >= last.plus_ms(LEFT_ALONE_MS);
        if places.silent.get(&place).is_some_and(is_back) {
            places.silent.remove(&place);
            tracing::info!(event = "relay.reached", place);
        }
        if places.reached.len() >= 1000 {
            places.reached.retain(|_, at| now < at.plus_ms(LEFT_ALONE_MS));
        }
        places.reached.insert(place, now);
    }

    /// Told once, until it is reached again or an hour has passed.
    fn leave_alone(&self, place: String, outcomes: &[Outcome]) {
        let now = self.db.now();
        let text = outcomes.iter().find_map(|outcome| match outcome {
            Outcome::Later(said) | Outcome::Never(said) => Some(said.text.clone()),
            Outcome::Done { .. } => None,
        });
        let text = text.unwrap_or_default();
        let mut places = self.queue.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = places.silent.get(&place).map_or(now, |(told, _)| *told);
        if !places.silent.contains_key(&place) || now >= told.plus_ms(TOLD_AGAIN_MS) {
            tracing::warn!(event = "relay.unreachable", place, said = text);
            told = now;
        }
        places.silent.insert(place.clone(), (told, now));
        if places.reached.get(&place).is_none_or(|last| now >= last.plus_ms(LEFT_ALONE_MS)) {
            places.left_alone.insert(place, (now.plus_ms(LEFT_ALONE_MS), text));
        }
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
        let is_small = stored.size < crate::ingest::PARSED_IN_PLACE as u64 && stored.inline.is_some();
        let load = move || {
            let form = stored.inline.as_deref().map_or(StoredForm::File, StoredForm::Inline);
            blobs.load(stored.key, stored.size, form)
        };
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
