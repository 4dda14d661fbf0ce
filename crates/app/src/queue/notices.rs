//! What the house writes itself: notifications of what became of a message, a note to whoever sent
//! an answer that is parked, and to whoever answers for a limit that was reached.
//!
//! None of them has a reverse path, so none is ever answered by another (RFC 5321 section 4.5.5).

use super::bring::Parcelled;
use crate::carrier::{NotifyWish, Said};
use crate::submit::{Notice, SubmitError, bits, rfc3339};
use crate::{House, Refused};
use postern_mime as mime;
use postern_store::{After, Lane, NewQueued, NewRecipient, QueuedMessage, TakenRecipient, Tx};
use postern_types::{AccountId, Address, BlobHash, Domain, Timestamp};

/// A recipient of whom the sender hears.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub recipient: TakenRecipient,
    pub kind: mime::ReportKind,
    pub said: Said,
    pub server: Option<String>,
    pub retry_until: Option<Timestamp>,
}

/// A note to one of the house's people.
pub(crate) struct Note<'a> {
    /// To whom.
    pub to: &'a str,
    /// Kept with this account until it is delivered.
    pub account: AccountId,
    /// What about.
    pub subject: &'a str,
    /// What it says.
    pub paragraphs: &'a [&'a str],
    /// Of which message.
    pub about: Option<&'a str>,
}

impl House {
    /// The notifications that follow from a try; none where the message has no reverse path.
    pub(super) async fn reports(
        &self,
        parcel: &Parcelled,
        told: &[Told],
        now: Timestamp,
    ) -> Result<Vec<Notice>, Refused> {
        let message = &parcel.message;
        if told.is_empty() || message.reverse_path.is_empty() {
            return Ok(Vec::new());
        }
        // A report without the message is better than none, whatever has become of its body.
        let body = self.queued_body(message).await.unwrap_or_else(|error| {
            tracing::error!(event = "queue.body-not-read", id = message.public_id, %error);
            std::sync::Arc::default()
        });
        let recipients: Vec<_> = told
            .iter()
            .map(|told| mime::ReportRecipient {
                final_recipient: &told.recipient.address,
                original: told.recipient.original.as_ref().map(|(kind, address)| (kind.as_str(), address.as_str())),
                kind: told.kind,
                status: &told.said.status,
                remote_server: told.server.as_deref(),
                diagnostic: Some(told.said.text.as_str()).filter(|text| !text.is_empty()),
                is_reply: told.said.is_reply,
                last_attempt: Some(now),
                retry_until: told.retry_until,
            })
            .collect();
        let id = self.new_queue_id().map_err(|_| Refused::Unavailable)?;
        let (from, message_id) = (postmaster_of(&message.from, self.hostname()), self.message_id(&id));
        let raw = mime::build_report(&mime::Report {
            hostname: self.hostname(),
            from: &from,
            to: &message.reverse_path,
            message_id: &message_id,
            at: now,
            envelope_id: message.envelope_id.as_deref(),
            arrived: Some(message.created),
            recipients: &recipients,
            original: &body,
            return_full: message.return_full == Some(true),
        });
        let mut notice = self.own_mail(message.account, (&id, &from, &message.reverse_path), raw).await?;
        // A campaign's own are no more urgent than it is.
        notice.queued.lane = message.lane;
        Ok(vec![notice])
    }

    fn message_id(&self, id: &str) -> String {
        format!("{id}@{}", self.hostname())
    }

    /// A note, ready to be queued.
    pub(crate) async fn note(&self, note: &Note<'_>) -> Result<Notice, Refused> {
        let id = self.new_queue_id().map_err(|_| Refused::Unavailable)?;
        let (from, message_id) = (postmaster_of(note.to, self.hostname()), self.message_id(&id));
        let raw = mime::notice(&mime::Notice {
            from: &from,
            to: note.to,
            at: self.now(),
            message_id: &message_id,
            in_reply_to: note.about,
            subject: note.subject,
            paragraphs: note.paragraphs,
        });
        self.own_mail(note.account, (&id, &from, note.to), raw).await
    }

    async fn own_mail(
        &self,
        account: AccountId,
        (id, from, to): (&str, &str, &str),
        raw: Vec<u8>,
    ) -> Result<Notice, Refused> {
        let eight_bit = raw.iter().any(|byte| *byte > 127);
        let body = self.prepare_body(account, raw).await.map_err(|_| Refused::Unavailable)?;
        let domain = to.rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_lowercase());
        let is_here = self.is_ours(&domain).await;
        let (address, notify) = (to.to_owned(), bits(NotifyWish::NEVER));
        let recipient = NewRecipient { address, domain, is_here, notify, original: None };
        let queued = NewQueued {
            public_id: id.to_owned(),
            from: from.to_owned(),
            reverse_path: String::new(),
            verp: false,
            body,
            prefix: Vec::new(),
            smtputf8: !to.is_ascii(),
            eight_bit,
            return_full: None,
            envelope_id: None,
            lane: Lane::People,
            hold: None,
            undo_until: None,
            first_try: self.now(),
            at_limit: false,
            after: After::default(),
            recipients: vec![recipient],
        };
        Ok(Notice { account, queued })
    }

    /// Is a domain one of ours? What is not known is found out when it is tried.
    pub(crate) async fn is_ours(&self, domain: &str) -> bool {
        let Ok(domain) = Domain::parse(domain) else { return false };
        self.db.read(move |tx: &Tx<'_>| tx.is_own_domain(&domain)).await.unwrap_or(false)
    }

    /// The reverse path of one recipient of a campaign: what comes back there is of them. The reverse path
    /// of the message, where that would be too long (RFC 5321 section 4.5.3.1.1).
    pub(super) fn variable_path(&self, message: &QueuedMessage, recipient: &str) -> String {
        let plain = || message.reverse_path.clone();
        let (Some((local, domain)), Some((user, there))) =
            (message.reverse_path.rsplit_once('@'), recipient.rsplit_once('@'))
        else {
            return plain();
        };
        let mark = self.path_mark(&message.reverse_path, recipient);
        let varied = format!("{local}+b-{mark}={user}={there}@{domain}").to_lowercase();
        let is_plain = varied.is_ascii() && !local.contains('+') && Address::parse(&varied).is_ok();
        if is_plain { varied } else { plain() }
    }

    /// Whose mail came back to this address: the recipient that a campaign's reverse path was made for.
    pub(crate) fn bounced_recipient(&self, address: &Address) -> Option<String> {
        let plain = address.without_tag()?;
        let tag = address.local().split_once("+b-")?.1;
        let (mark, rest) = tag.split_once('=')?;
        let (user, domain) = rest.rsplit_once('=')?;
        let recipient = format!("{user}@{domain}");
        (self.path_mark(plain.as_str(), &recipient) == mark).then_some(recipient)
    }

    /// Eight letters that nobody else can write for a recipient.
    fn path_mark(&self, reverse_path: &str, recipient: &str) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let text = format!("bounce\0{}\0{}", reverse_path.to_lowercase(), recipient.to_lowercase());
        let BlobHash(hash) = self.blobs.hash(text.as_bytes());
        hash[..8].iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    }
}

/// Whoever answers for mail of a domain (RFC 5321 section 4.5.1).
fn postmaster_of(address: &str, hostname: &str) -> String {
    let domain = address.rsplit_once('@').map_or(hostname, |(_, domain)| domain);
    format!("postmaster@{domain}")
}

/// What the sender of a parked answer reads.
pub(crate) fn parked_text(id: &str, who: &str, when: Timestamp) -> [String; 5] {
    [
        format!("{who} answered this message at {}, shortly before you. Your answer was not sent.", rfc3339(when)),
        "To send it all the same (with the postern command, or by whoever runs your mail server):".to_owned(),
        format!("postern queue retry {id}"),
        "To drop it, also if you have sent it anew:".to_owned(),
        format!("postern queue remove {id}"),
    ]
}

impl From<SubmitError> for Refused {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Ended => Refused::Ended,
            SubmitError::DiskFull | SubmitError::Unavailable => Refused::Unavailable,
            other => Refused::Message(other.to_string()),
        }
    }
}
