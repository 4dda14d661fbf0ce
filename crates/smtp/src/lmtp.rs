//! LMTP (RFC 2033): mail that some other server has accepted, answered for each recipient.

use crate::connection::Connection;
use crate::delivery::{delivery, failure, nobody, recipient};
use crate::link::{Envelope, Face, Link};
use postern_app::wire::{Shutdown, Wire};
use postern_app::{House, Recipient};
use postern_smtp_wire::{Enhanced, Framer, Mail, Offer, Protocol, Rcpt, Refusal, Reply};
use std::sync::Arc;

/// Serves one connection until it ends.
pub async fn serve_lmtp<W: Wire>(house: Arc<House>, wire: W, shutdown: Shutdown) {
    Connection::new(house, wire, shutdown, Lmtp).run().await;
}

struct Lmtp;

impl Face for Lmtp {
    const PROTOCOL: Protocol = Protocol::Lmtp;
    type To = Recipient;

    fn offer(link: &Link) -> Offer {
        Offer::new(Protocol::Lmtp, link.house.hostname(), link.house.limits().message_bytes)
    }

    async fn mail(&mut self, _: &Link, _: &Mail) -> Result<(), Refusal> {
        Ok(())
    }

    async fn rcpt(&mut self, link: &Link, rcpt: &Rcpt, _: &Framer) -> Result<Recipient, Refusal> {
        let found = recipient(link, &rcpt.path).await.ok_or_else(nobody)?;
        found.map_err(|error| failure(&error).into())
    }

    /// One reply for each recipient, in their order (RFC 2033 section 4.2).
    async fn message(
        &mut self,
        link: &Link,
        envelope: &Envelope<Recipient>,
        message: Vec<u8>,
    ) -> Result<Vec<Reply>, Refusal> {
        let results = link.house.deliver(delivery(link, envelope, message, "lmtp")).await;
        let reply = |result| match result {
            Ok(()) => Reply::new(250, Enhanced(0, 0), "Delivered"),
            Err(error) => failure(&error),
        };
        let replies = envelope.recipients.iter().zip(results);
        Ok(replies.map(|((rcpt, _), result)| reply(result).for_recipient(rcpt.path.as_str())).collect())
    }

    fn refused(reply: Reply, envelope: &Envelope<Recipient>) -> Vec<Reply> {
        envelope.recipients.iter().map(|(rcpt, _)| reply.for_recipient(rcpt.path.as_str())).collect()
    }
}
