//! Mail for addresses of ours, whoever brings it: who a path means, what goes in front of the
//! message, and which code a failure has.

use crate::gather::put_in_front;
use crate::link::{Envelope, Link};
use postern_app::{Delivery, DeliveryError, MessageError, Recipient};
use postern_smtp_wire::{Enhanced, ForwardPath, Reply, return_path};

/// Where mail for a path goes; nothing where the path is no address that anybody of ours could have.
pub(crate) async fn recipient(link: &Link, path: &ForwardPath) -> Option<Result<Recipient, DeliveryError>> {
    match (path, path.address()) {
        (ForwardPath::Postmaster, _) => Some(link.house.postmaster().await),
        (_, Some(address)) => Some(link.house.recipient(address).await),
        (_, None) => None,
    }
}

/// The message with its envelope, Return-Path and Received in front of it (RFC 5321 section 4.4).
pub(crate) fn delivery(
    link: &Link,
    envelope: &Envelope<Recipient>,
    mut message: Vec<u8>,
    protocol: &'static str,
) -> Delivery {
    let lines = return_path(&envelope.mail.path) + &link.received(envelope, link.house.now());
    put_in_front(&lines, &mut message);
    let recipients = envelope.recipients.iter().map(|(_, recipient)| recipient.clone()).collect();
    Delivery::new(message, lines.len(), recipients, link.peer.clone(), protocol)
}

/// 550 5.1.1 for a path that is no address of anybody's.
pub(crate) fn nobody() -> Reply {
    Reply::new(550, Enhanced(1, 1), "There is no such mailbox here")
}

/// What a failure is in SMTP's codes (RFC 3463).
pub(crate) fn failure(error: &DeliveryError) -> Reply {
    let (code, enhanced) = match error {
        DeliveryError::Unknown(_) => (550, Enhanced(1, 1)),
        DeliveryError::NotOurs(_) => (550, Enhanced(7, 1)),
        DeliveryError::Closed => (550, Enhanced(2, 1)),
        DeliveryError::OverQuota | DeliveryError::PartlyOverQuota => (452, Enhanced(2, 2)),
        DeliveryError::Message(MessageError::Loop) => (554, Enhanced(4, 6)),
        DeliveryError::Message(MessageError::TooLarge) => (552, Enhanced(3, 4)),
        DeliveryError::DiskFull => (452, Enhanced(3, 1)),
        DeliveryError::Unavailable => (451, Enhanced(3, 0)),
    };
    Reply::new(code, enhanced, error.to_string())
}
