//! A message on its way in: parsed, hashed and compressed before the writer sees it, under
//! one bound of memory for the whole house.

use crate::house::PARSING_UNIT;
use crate::{House, Refused};
use postern_mime as mime;
use postern_store::{Blobs, CopyIdentity, MessageFacts, NewMessage, Prepared};
use postern_types::{AccountId, Timestamp};
use std::sync::Arc;

/// Smaller messages are parsed where they came in, in well under a millisecond: handing them
/// to another thread and back costs more. None of them becomes a file, so nothing blocks.
pub(crate) const PARSED_IN_PLACE: usize = 24 << 10;

/// Why a message can not be taken as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Over the limit.
    #[error("The message is too large")]
    TooLarge,
    /// Too many Received fields (RFC 5321 section 6.3).
    #[error("The message went through too many servers: it is in a loop")]
    Loop,
}

/// Facts of a message, read once and shared by every account that gets it.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    pub facts: Arc<MessageFacts>,
    pub received_fields: usize,
}

impl House {
    /// Refuses a message of more bytes than are taken, before anything is done for it.
    pub(crate) fn check_size(&self, bytes: usize) -> Result<(), MessageError> {
        if bytes as u64 > self.limits.message_bytes { Err(MessageError::TooLarge) } else { Ok(()) }
    }

    /// Parses a message and prepares its body for each account; a large one off the async
    /// threads.
    pub(crate) async fn ingest(
        &self,
        raw: Arc<Vec<u8>>,
        accounts: Vec<AccountId>,
        received: Timestamp,
    ) -> Result<(Vec<NewMessage>, usize), Refused> {
        if !self.db.has_room() {
            return Err(Refused::NoRoom);
        }
        // A message larger than the whole bound waits for all of it rather than for ever.
        let permits = (raw.len() / PARSING_UNIT + 1).min(self.limits.parsing_bytes / PARSING_UNIT);
        let permit = Arc::clone(&self.parsing).acquire_many_owned(permits as u32).await;
        let permit = permit.map_err(|_| Refused::Unavailable)?;
        let (blobs, limits, now) = (self.blobs.clone(), self.limits.clone(), self.db.now());
        let in_place = raw.len() + 1 < PARSED_IN_PLACE.min(self.limits.inline_body_bytes);
        let work = move || -> Result<_, Refused> {
            let _permit = permit;
            let read = read_message(&raw, &limits);
            let mut messages = Vec::with_capacity(accounts.len());
            let mut first: Option<Prepared> = None;
            for account in accounts {
                let body = match &first {
                    Some(first) => blobs.prepare_again(first, account, now)?,
                    None => blobs.prepare(account, &raw, now)?,
                };
                first.get_or_insert_with(|| body.clone());
                messages.push(NewMessage { body, facts: Arc::clone(&read.facts), received });
            }
            Ok((messages, read.received_fields))
        };
        if in_place { work() } else { tokio::task::spawn_blocking(work).await.map_err(|_| Refused::Unavailable)? }
    }
}

impl House {
    /// What makes two copies of a message that was sent the same one; nothing where it has no Message-ID.
    pub(crate) async fn sent_identity(&self, raw: &Arc<Vec<u8>>) -> Result<Option<CopyIdentity>, Refused> {
        let (blobs, raw) = (self.blobs.clone(), Arc::clone(raw));
        let is_small = raw.len() < PARSED_IN_PLACE;
        let work = move || copy_identity(&blobs, &raw);
        if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await.map_err(|_| Refused::Unavailable) }
    }
}

/// The same, of a message that is at hand.
pub(crate) fn copy_identity(blobs: &Blobs, raw: &[u8]) -> Option<CopyIdentity> {
    let mime::SentIdentity { message, date } = mime::sent_identity(raw)?;
    let message = blobs.hash(&message);
    let dated = blobs.hash(&[&message.0[..], &date].concat());
    Some(CopyIdentity { message, dated })
}

fn read_message(raw: &[u8], limits: &postern_types::Limits) -> Read {
    let parsed = mime::parse(raw, limits);
    let ancestors = parsed.summary.in_reply_to.iter().chain(parsed.summary.references.iter().rev());
    let facts = MessageFacts {
        header_bytes: u64::from(parsed.header_bytes),
        sent: parsed.summary.sent_at.map(|sent| sent.at),
        sent_day: parsed.summary.sent_at.map(|sent| sent.written_day()),
        message_id_hash: parsed.summary.message_id.as_deref().map(id_hash),
        ancestor_hashes: ancestors.map(|id| id_hash(id)).collect(),
        subject: without_nul(parsed.summary.subject.clone()),
        sender: without_nul(parsed.summary.from.clone()),
        summary: Vec::new(),
        envelope: parsed.envelope,
        structure: parsed.structure,
        body: parsed.body,
        parts: parsed.parts.encode(),
        preview: without_nul(parsed.preview),
    };
    Read { facts: Arc::new(facts), received_fields: parsed.received_fields }
}

/// PostgreSQL's TEXT holds no NUL.
fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// 63 bits of a hash of a Message-ID: finds candidates for a thread within one account.
pub(crate) fn id_hash(id: &str) -> i64 {
    let digest = ring::digest::digest(&ring::digest::SHA256, id.trim().as_bytes());
    let mut eight = [0; 8];
    eight.copy_from_slice(&digest.as_ref()[..8]);
    i64::from_be_bytes(eight) & i64::MAX
}
