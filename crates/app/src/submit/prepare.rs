//! What is prepared before a submission is written: the message as it leaves, its copies, and a note
//! to the sender where their answer is parked.

use super::recipients::Place;
use super::{Planned, Said, SubmitError, SubmitRequest};
use crate::carrier::NotifyWish;
use crate::{House, Session};
use postern_mime as mime;
use postern_store::{After, Lane, NewMessage, NewQueued, NewRecipient, Prepared, SendPlan};
use postern_types::{AccountId, MailboxId, Timestamp};
use std::collections::HashSet;
use std::sync::Arc;

/// Messages to more recipients than this wait behind those of others.
const MANY_RECIPIENTS: usize = 100;

/// A submission that only has to be written.
pub(super) struct Ready {
    /// What it was prepared for.
    pub plan: SendPlan,
    pub stale: Option<(String, Timestamp)>,
    copies: Vec<(MailboxId, NewMessage)>,
    /// As it is queued, but for the moment.
    queued: NewQueued,
    hold_until: Option<Timestamp>,
    /// Told to the sender.
    pub notice: Option<Notice>,
}

/// A note to somebody.
pub(crate) struct Notice {
    /// Whose account it is kept with until it is delivered.
    pub account: AccountId,
    /// The note.
    pub queued: NewQueued,
}

impl Ready {
    /// The copy for a mailbox, where one was prepared.
    pub fn copy_for(&self, mailbox: MailboxId) -> Option<&NewMessage> {
        self.copies.iter().find(|(known, _)| *known == mailbox).map(|(_, message)| message)
    }

    /// Where it waits: what goes elsewhere, what stays here, or both.
    pub fn lanes(&self) -> Vec<Lane> {
        let all = &self.queued.recipients;
        let lanes = all.iter().map(|to| self.queued.lane.of_recipients(to.is_here));
        let lanes: HashSet<Lane> = lanes.chain(self.notice.as_ref().map(|_| Lane::Here)).collect();
        lanes.into_iter().collect()
    }

    /// Does it go to many?
    pub fn is_many(&self) -> bool {
        self.queued.recipients.len() > MANY_RECIPIENTS
    }

    /// As it is queued now, where it may leave at a moment.
    pub fn queued(&self, leaves: Option<Timestamp>, now: Timestamp) -> NewQueued {
        let undo = (self.plan.undo_seconds > 0).then(|| now.plus_ms(self.plan.undo_seconds * 1000));
        let first_try = [leaves, undo, self.hold_until].into_iter().flatten().fold(now, Timestamp::max);
        let at_limit = leaves == Some(first_try) && first_try > now;
        NewQueued { first_try, undo_until: undo, at_limit, ..self.queued.clone() }
    }
}

/// A moment as people and programs read it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    jiff::Timestamp::from_second(at.0.div_euclid(1000)).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}

impl House {
    /// Makes what leaves and what is filed, hashed and compressed; off the async threads.
    pub(super) async fn prepare(
        &self,
        session: &Session,
        request: &Arc<SubmitRequest>,
        said: &Said,
        places: &[Place],
        planned: Planned,
    ) -> Result<Ready, SubmitError> {
        let Planned { plan, copies, stale } = planned;
        let texts = Texts::of(self, session, request, said, &plan);
        let (leaving, filed) = texts.apply(request, !copies.is_empty()).await?;
        let body = self.prepare_body(plan.account, leaving).await?;
        let accounts: Vec<AccountId> = copies.iter().map(|mailbox| mailbox.account()).collect();
        let messages = match filed {
            Some(filed) => {
                let ingested = self.ingest(Arc::new(filed), accounts, self.db.now()).await;
                ingested.map_err(|_| SubmitError::Unavailable)?.0
            }
            None => Vec::new(),
        };
        let notice = match &stale {
            Some((who, when)) => Some(self.parked_notice(session, request, said, (who, *when)).await?),
            None => None,
        };
        let hold = stale.as_ref().map(|(who, when)| format!("{who} answered the same message at {}", rfc3339(*when)));
        let queued = self.queued(request, said, &plan, places, (body, hold));
        let copies = copies.into_iter().zip(messages).collect();
        Ok(Ready { plan, stale, copies, queued, hold_until: request.hold_until, notice })
    }

    /// Hashes and compresses a body that is to wait in the queue.
    pub(crate) async fn prepare_body(&self, account: AccountId, raw: Vec<u8>) -> Result<Prepared, SubmitError> {
        let (blobs, now) = (self.blobs.clone(), self.db.now());
        let is_small = raw.len() < crate::ingest::PARSED_IN_PLACE.min(self.limits.inline_body_bytes);
        let work = move || blobs.prepare(account, &raw, now);
        let prepared = if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await };
        prepared.map_err(|_| SubmitError::Unavailable)?.map_err(|error| {
            tracing::error!(event = "submission.failed", %error);
            SubmitError::Unavailable
        })
    }

    fn queued(
        &self,
        request: &SubmitRequest,
        said: &Said,
        plan: &SendPlan,
        places: &[Place],
        (body, hold): (Prepared, Option<String>),
    ) -> NewQueued {
        // Named twice, somebody gets it once.
        let mut seen = HashSet::new();
        let once = places.iter().zip(&request.recipients).filter(|(place, _)| seen.insert(place.identity()));
        let recipients = once.map(|(place, asked)| NewRecipient {
            address: place.address.clone(),
            domain: place.domain.clone(),
            is_here: place.local.is_some(),
            notify: bits(asked.notify.unwrap_or(NotifyWish::DEFAULT)),
            original: asked.original.clone(),
        });
        let is_many = request.recipients.len() > MANY_RECIPIENTS;
        NewQueued {
            public_id: request.id.clone(),
            from: said.names.from.first().map(ToString::to_string).unwrap_or_default(),
            reverse_path: said.names.reverse_path.as_ref().map(ToString::to_string).unwrap_or_default(),
            verp: plan.is_campaign && said.names.reverse_path.is_some(),
            body,
            prefix: request.received.clone().into_bytes(),
            smtputf8: request.smtputf8,
            eight_bit: said.header.eight_bit,
            return_full: request.return_full,
            envelope_id: request.envelope_id.clone(),
            lane: if plan.is_campaign || is_many { Lane::Bulk } else { Lane::People },
            hold,
            undo_until: None,
            first_try: self.db.now(),
            at_limit: false,
            after: After::default(),
            recipients: recipients.collect(),
        }
    }
}

/// The Message-ID of a message that came without, without its brackets (RFC 6409 section 8.3).
pub(super) fn made_message_id(queue_id: &str, hostname: &str) -> String {
    format!("{queue_id}@{hostname}")
}

/// When a sender hears, as the queue keeps it.
pub(crate) fn bits(wish: NotifyWish) -> i64 {
    i64::from(wish.success) | i64::from(wish.failure) << 1 | i64::from(wish.delay) << 2
}

/// What is written into the message.
struct Texts {
    sender: Option<String>,
    from: Option<(String, String)>,
    message_id: String,
    date: Timestamp,
    sent_by: String,
    is_campaign: bool,
}

impl Texts {
    fn of(house: &House, session: &Session, request: &SubmitRequest, said: &Said, plan: &SendPlan) -> Self {
        let (own, own_name) = &plan.own;
        let name = |name: &str, address: &str| if name.is_empty() { local(address) } else { name.to_owned() };
        let via = || format!("{} via {}", name(own_name, own), name(&plan.name, &plan.address));
        let from =
            plan.accepted.names_sender.then(|| said.header.from.first().map(|from| (via(), from.clone()))).flatten();
        Self {
            sender: plan.accepted.sender_to_add.as_ref().map(ToString::to_string),
            from,
            message_id: format!("<{}>", made_message_id(&request.id, house.hostname())),
            date: house.now(),
            sent_by: session.caller.origin().label.clone(),
            is_campaign: plan.is_campaign,
        }
    }

    /// The message as it leaves, and as it is filed where that is wanted.
    async fn apply(self, request: &Arc<SubmitRequest>, file: bool) -> Result<(Vec<u8>, Option<Vec<u8>>), SubmitError> {
        let request = Arc::clone(request);
        let is_campaign = self.is_campaign;
        let is_small = request.raw.len() < crate::ingest::PARSED_IN_PLACE;
        let work = move || {
            // The copy of a campaign is that of all its messages.
            let recipients = request.recipients.iter().filter(|_| !is_campaign).map(|to| to.address.as_str());
            let recipients: Vec<&str> = recipients.collect();
            let edits = mime::Edits {
                recipients: &recipients,
                sender: self.sender.as_deref(),
                from: self.from.as_ref().map(|(name, address)| (name.as_str(), address.as_str())),
                message_id: Some(&self.message_id),
                date: Some(self.date),
                sent_by: Some(&self.sent_by),
            };
            (mime::leaving(&request.raw, &edits), file.then(|| mime::filed(&request.raw, &edits)))
        };
        if is_small {
            Ok(work())
        } else {
            tokio::task::spawn_blocking(work).await.map_err(|_| SubmitError::Unavailable)
        }
    }
}

fn local(address: &str) -> String {
    address.split('@').next().unwrap_or(address).to_owned()
}
