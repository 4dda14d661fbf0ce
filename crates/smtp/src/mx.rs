//! Mail from other servers, on port 25 (RFC 5321): for addresses of ours and for nobody else.
//!
//! Nobody signs in here, and where the mail says it comes from gives no right at all: a recipient is
//! an address of one of our domains or is refused, so this relays for nobody. DSN is not offered:
//! whoever sends here reports itself that it handed the message over (RFC 3461 section 5.2.2).

use crate::connection::Connection;
use crate::delivery::{delivery, failure, nobody, recipient};
use crate::inspect::inspect;
use crate::link::{Envelope, Face, Link};
use postern_app::wire::{Shutdown, Wire};
use postern_app::{DeliveryError, House, Recipient};
use postern_smtp_wire::{Enhanced, Extension, Framer, Mail, Offer, Protocol, Rcpt, Refusal, Reply};
use std::sync::Arc;

/// Recipients on one connection that are nobody. A list that is a little old has some; who tries out
/// names has no others.
const UNKNOWN_RECIPIENTS: u32 = 10;

/// Serves one connection of another server until it ends.
pub async fn serve_smtp<W: Wire>(house: Arc<House>, wire: W, shutdown: Shutdown) {
    Connection::new(house, wire, shutdown, Mx { unknown: 0 }).run().await;
}

struct Mx {
    /// Recipients so far that are nobody.
    unknown: u32,
}

impl Face for Mx {
    const PROTOCOL: Protocol = Protocol::Smtp;
    type To = Recipient;

    fn offer(link: &Link) -> Offer {
        let limits = link.house.limits();
        Offer::new(Protocol::Smtp, link.house.hostname(), limits.message_bytes)
            .with(Extension::Chunking)
            .with_recipients(limits.recipients)
    }

    /// Any sender, also none (RFC 5321 section 4.5.5); as many messages as their network may bring.
    async fn mail(&mut self, link: &Link, _: &Mail) -> Result<(), Refusal> {
        if link.house.may_bring(&link.peer) {
            return Ok(());
        }
        let text = "Too many messages come from your network; try again in a minute";
        Err(Reply::new(451, Enhanced(7, 1), text).into())
    }

    async fn rcpt(&mut self, link: &Link, rcpt: &Rcpt, _: &Framer) -> Result<Recipient, Refusal> {
        match recipient(link, &rcpt.path).await {
            Some(Ok(recipient)) => Ok(recipient),
            None => Err(self.unknown(link, nobody())),
            Some(Err(error)) => match error {
                DeliveryError::Unknown(_) => Err(self.unknown(link, failure(&error))),
                DeliveryError::NotOurs(_) => Err(self.unknown(link, no_relay(&error))),
                other => Err(failure(&other).into()),
            },
        }
    }

    /// One reply for all recipients: where some can not have it now, the house goes on with them.
    async fn message(
        &mut self,
        link: &Link,
        envelope: &Envelope<Recipient>,
        message: Vec<u8>,
    ) -> Result<Vec<Reply>, Refusal> {
        inspect(link, envelope, &message).await?;
        let taken = link.house.take_in(delivery(link, envelope, message, "smtp"), envelope.mail.path.as_str()).await;
        taken.map_err(|error| failure(&error))?;
        Ok(vec![Reply::new(250, Enhanced(0, 0), "Taken")])
    }
}

impl Mx {
    fn unknown(&mut self, link: &Link, reply: Reply) -> Refusal {
        self.unknown += 1;
        if self.unknown <= UNKNOWN_RECIPIENTS {
            return reply.into();
        }
        Refusal { reply: link.farewell(Enhanced(7, 0), "Too many recipients that are nobody here"), close: true }
    }
}

/// 550 5.7.1. It may be one of our own people whose program has the wrong port.
fn no_relay(error: &DeliveryError) -> Reply {
    Reply::new(550, Enhanced(7, 1), format!("{error}, and it relays for nobody; to send, sign in by submission"))
}
