//! Submission (RFC 6409): mail of our own people and tools, on 587 with STARTTLS and on 465 under
//! TLS from the start (RFC 8314 section 3.3).
//!
//! Nothing is taken before somebody has signed in, and everything is asked of the house under that
//! sign-in. BINARYMIME is not offered: what leaves would have to be recoded for the next server,
//! and what lies in a mailbox has lines (RFC 3030 section 3).

use crate::connection::Connection;
use crate::link::{Envelope, Face, Link};
use crate::sign_in::MECHANISMS;
use postern_app::wire::{Shutdown, Wire};
use postern_app::{House, NotifyWish, Session, SubmitError, SubmitRecipient, SubmitRequest, Submitted};
use postern_smtp_wire::{
    Command, Enhanced, Extension, Framer, FutureRelease, Mail, Notify, Offer, Protocol, Rcpt, Refusal, Reply,
    ReturnContent, ReversePath, Trace, date_time,
};
use postern_types::{Address, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// The longest that a message is held (RFC 4865): 45 days.
const HOLD_SECONDS: u32 = 45 * 24 * 60 * 60;

/// Serves one connection of our own people and tools until it ends.
pub async fn serve_submission<W: Wire>(house: Arc<House>, wire: W, shutdown: Shutdown) {
    Connection::new(house, wire, shutdown, Submission::default()).run().await;
}

/// Recipients that one look at the house takes together.
const ASKED_AT_ONCE: usize = 100;

#[derive(Default)]
struct Submission {
    /// What the house said of recipients that are named next: a client that pipelines has them asked together.
    asked: VecDeque<(String, Result<(), SubmitError>)>,
}

impl Face for Submission {
    const PROTOCOL: Protocol = Protocol::Submission;
    type To = ();

    fn offer(link: &Link) -> Offer {
        let (house, limits) = (&link.house, link.house.limits());
        let latest = house.now().plus_ms(i64::from(HOLD_SECONDS) * 1000);
        let offer = Offer::new(Protocol::Submission, house.hostname(), limits.message_bytes)
            .with(Extension::Dsn)
            .with(Extension::Chunking)
            .with_recipients(limits.submission_recipients)
            .with_future_release(FutureRelease { longest_seconds: HOLD_SECONDS, latest });
        if house.may_sign_in(&link.peer) { offer.with_mechanisms(MECHANISMS) } else { offer }
    }

    /// AUTH= is read and has no say: who submits is who signed in (RFC 4954 section 5).
    async fn mail(&mut self, link: &Link, mail: &Mail) -> Result<(), Refusal> {
        self.asked.clear();
        let path = reverse_path(&mail.path)?;
        link.house.may_submit_from(session(link)?, path).await.map_err(|error| refused(link.offer.hostname(), &error))
    }

    fn too_many(&self, link: &Link, already: usize) -> Option<Refusal> {
        let most = link.house.limits().submission_recipients;
        (already >= most).then(|| refused(link.offer.hostname(), &SubmitError::TooManyRecipients(most)))
    }

    async fn rcpt(&mut self, link: &Link, rcpt: &Rcpt, framer: &Framer) -> Result<(), Refusal> {
        let address = rcpt.path.as_str();
        let said = match self.asked.pop_front() {
            Some((known, said)) if known == address => said,
            _ => {
                let addresses = with_those_coming(link, address, framer);
                let said = link.house.may_submit_to(session(link)?, addresses.clone()).await;
                self.asked = addresses.into_iter().zip(said).collect();
                self.asked.pop_front().map_or(Err(SubmitError::Unavailable), |(_, said)| said)
            }
        };
        said.map_err(|error| refused(link.offer.hostname(), &error))
    }

    async fn message(&mut self, link: &Link, envelope: &Envelope<()>, message: Vec<u8>) -> Result<Vec<Reply>, Refusal> {
        let request = request(link, envelope, message)?;
        let submitted = link.house.submit(session(link)?, request).await;
        Ok(vec![queued(&submitted.map_err(|error| refused(link.offer.hostname(), &error))?)])
    }
}

/// A recipient, and those whom a client that pipelines has named right after it.
fn with_those_coming(link: &Link, address: &str, framer: &Framer) -> Vec<String> {
    let coming = framer.coming_lines().map_while(|line| match Command::parse(line, &link.offer) {
        Ok(Command::Rcpt(rcpt)) => Some(rcpt.path.as_str().to_owned()),
        _ => None,
    });
    std::iter::once(address.to_owned()).chain(coming).take(ASKED_AT_ONCE).collect()
}

/// The order of commands lets nobody come here without one.
fn session(link: &Link) -> Result<&Session, Refusal> {
    link.session.as_deref().ok_or_else(|| Reply::new(530, Enhanced(7, 0), "Sign in first").into())
}

/// A reverse path that is no address as we know them is nobody's of ours.
fn reverse_path(path: &ReversePath) -> Result<Option<&Address>, Refusal> {
    match (path, path.address()) {
        (ReversePath::Null, _) => Ok(None),
        (_, Some(address)) => Ok(Some(address)),
        (_, None) => Err(Reply::new(550, Enhanced(7, 1), format!("<{path}> is no address of this server")).into()),
    }
}

fn request(link: &Link, envelope: &Envelope<()>, message: Vec<u8>) -> Result<SubmitRequest, Refusal> {
    let (mail, at) = (&envelope.mail, link.house.now());
    let id = link.house.new_queue_id().map_err(|error| refused(link.offer.hostname(), &error))?;
    Ok(SubmitRequest {
        received: received(link, envelope, &id, at),
        id,
        raw: Arc::new(message),
        reverse_path: reverse_path(&mail.path)?.cloned(),
        recipients: envelope.recipients.iter().map(|(rcpt, ())| recipient(rcpt)).collect(),
        smtputf8: mail.smtputf8,
        return_full: mail.ret.map(|ret| ret == ReturnContent::Full),
        envelope_id: mail.envelope_id.clone(),
        // A moment that has passed holds nothing.
        hold_until: mail.hold.map(|hold| hold.end(at)).filter(|end| *end > at),
    })
}

fn recipient(rcpt: &Rcpt) -> SubmitRecipient {
    let original = rcpt.original_recipient.as_ref();
    SubmitRecipient {
        address: rcpt.path.as_str().to_owned(),
        notify: rcpt.notify.map(wish),
        original: original.map(|original| (original.kind.clone(), original.address.clone())),
    }
}

fn wish(notify: Notify) -> NotifyWish {
    match notify {
        Notify::Never => NotifyWish::NEVER,
        Notify::On { success, failure, delay } => NotifyWish { success, failure, delay },
    }
}

/// The Received line of what leaves. Where somebody sits, and at which machine, is not everybody's business, and
/// may tell who sends as the mailbox: it has neither the client's address nor its greeting (RFC 5321 section 7.6).
fn received(link: &Link, envelope: &Envelope<()>, id: &str, at: Timestamp) -> String {
    let trace = Trace {
        helo: "",
        peer: None,
        hostname: link.offer.hostname(),
        transport: link.transport(envelope.mail.smtputf8),
        id,
        recipient: envelope.only_recipient(),
        at,
    };
    trace.received()
}

fn queued(submitted: &Submitted) -> Reply {
    let text = match submitted.held_until {
        Some(until) => format!("Queued as {}, held until {}", submitted.id, date_time(until)),
        None => format!("Queued as {}", submitted.id),
    };
    Reply::new(250, Enhanced(0, 0), text)
}

/// What a refusal is in SMTP's codes (RFC 3463).
fn refused(hostname: &str, error: &SubmitError) -> Refusal {
    let (code, enhanced) = match error {
        SubmitError::NotAllowed(_) | SubmitError::Suppressed(_) => (550, Enhanced(7, 1)),
        SubmitError::BadMessage(_) => (554, Enhanced(6, 0)),
        SubmitError::TooLarge => (552, Enhanced(3, 4)),
        SubmitError::Loop => (554, Enhanced(4, 6)),
        SubmitError::NoSuchRecipient(_) => (550, Enhanced(1, 1)),
        SubmitError::Closed(_) => (550, Enhanced(2, 1)),
        SubmitError::NoRoute(_) => (550, Enhanced(4, 4)),
        SubmitError::TooManyRecipients(_) => (452, Enhanced(5, 3)),
        SubmitError::OverLimit { .. } => (451, Enhanced(7, 1)),
        SubmitError::NoRoom(_) => (452, Enhanced(2, 2)),
        SubmitError::DiskFull => (452, Enhanced(3, 1)),
        SubmitError::Unavailable => (451, Enhanced(3, 0)),
        SubmitError::Ended => {
            return Refusal { reply: Reply::new(421, Enhanced(7, 0), format!("{hostname} {error}")), close: true };
        }
    };
    Reply::new(code, enhanced, error.to_string()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every refusal has its code, and its text is the house's own (RFC 3463).
    #[test]
    fn every_refusal_has_its_codes() {
        let text = || "A text for people".to_owned();
        let until = Timestamp(1_795_384_200_000);
        for (error, start, close) in [
            (SubmitError::NotAllowed(text()), "550 5.7.1 A text for people", false),
            (SubmitError::BadMessage(text()), "554 5.6.0 A text for people", false),
            (SubmitError::TooLarge, "552 5.3.4 ", false),
            (SubmitError::Loop, "554 5.4.6 ", false),
            (SubmitError::NoSuchRecipient("dave@example.org".into()), "550 5.1.1 There is no mailbox dave@", false),
            (SubmitError::NoRoute(text()), "550 5.4.4 A text for people", false),
            (
                SubmitError::Closed(Address::parse("sales@example.org").unwrap()),
                "550 5.2.1 sales@example.org takes",
                false,
            ),
            (SubmitError::Suppressed(text()), "550 5.7.1 A text for people", false),
            (SubmitError::TooManyRecipients(7), "452 4.5.3 A message may have 7 recipients", false),
            (SubmitError::OverLimit { text: text(), until }, "451 4.7.1 A text for people", false),
            (SubmitError::NoRoom("alice@example.org".into()), "452 4.2.2 There is no room", false),
            (SubmitError::Ended, "421 4.7.0 mail.example.org The sign-in has ended", true),
            (SubmitError::Unavailable, "451 4.3.0 ", false),
        ] {
            let refusal = refused("mail.example.org", &error);
            assert!(refusal.reply.to_text().starts_with(start), "{error:?}: {}", refusal.reply.to_text());
            assert_eq!(refusal.close, close, "{error:?}");
        }
    }

    #[test]
    fn what_is_queued_says_its_name_and_until_when_it_is_held() {
        let mut submitted = Submitted { id: "msg_0123456789ab".into(), held_until: None };
        assert_eq!(queued(&submitted).to_text(), "250 2.0.0 Queued as msg_0123456789ab\r\n");
        submitted.held_until = Some(Timestamp(1_795_384_200_000));
        let text = "250 2.0.0 Queued as msg_0123456789ab, held until 2026-11-22T21:50:00Z\r\n";
        assert_eq!(queued(&submitted).to_text(), text);
    }
}
