//! What the three faces of the server have in common, and what each of them does for itself.

use postern_app::{House, Peer, Refused, Session};
use postern_smtp_wire::{
    Enhanced, ForwardPath, Framer, Hello, HelloVerb, Mail, Offer, Protocol, Rcpt, Refusal, Reply, Trace, Transport,
};
use postern_types::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that a client may say nothing (RFC 5321 section 4.5.3.2.7 asks for five minutes or more).
const IDLE_SECONDS: u64 = 300;

/// What one of the faces does with a transaction. The loop, the order of commands, the gathering of
/// bytes, AUTH and STARTTLS are the same for all ([`crate::connection`]).
pub(crate) trait Face: Send {
    /// Which it is.
    const PROTOCOL: Protocol;
    /// What an accepted recipient is to it.
    type To: Send + Sync;

    /// What it offers now, besides STARTTLS.
    fn offer(link: &Link) -> Offer;

    /// May this transaction begin?
    fn mail(&mut self, link: &Link, mail: &Mail) -> impl Future<Output = Result<(), Refusal>> + Send;

    /// Why no further recipient is taken, where `already` ones are enough.
    fn too_many(&self, link: &Link, already: usize) -> Option<Refusal> {
        let text = "Too many recipients; send the message again for the others";
        (already >= link.house.limits().recipients).then(|| Reply::new(452, Enhanced(5, 3), text).into())
    }

    /// May the message go there? The framer has what a client that pipelines has said after it.
    fn rcpt(
        &mut self,
        link: &Link,
        rcpt: &Rcpt,
        framer: &Framer,
    ) -> impl Future<Output = Result<Self::To, Refusal>> + Send;

    /// The message is there: its replies, in the order in which they are owed.
    fn message(
        &mut self,
        link: &Link,
        envelope: &Envelope<Self::To>,
        message: Vec<u8>,
    ) -> impl Future<Output = Result<Vec<Reply>, Refusal>> + Send;

    /// The replies where a message is refused as a whole.
    fn refused(reply: Reply, _envelope: &Envelope<Self::To>) -> Vec<Reply> {
        vec![reply]
    }
}

/// What is known of a connection.
pub(crate) struct Link {
    pub(crate) house: Arc<House>,
    pub(crate) peer: Peer,
    pub(crate) offer: Offer,
    pub(crate) hello: Hello,
    pub(crate) session: Option<Box<Session>>,
}

/// A transaction as far as it has come.
pub(crate) struct Envelope<To> {
    pub(crate) mail: Mail,
    pub(crate) recipients: Vec<(Rcpt, To)>,
}

impl Link {
    pub(crate) fn new(house: Arc<House>, peer: Peer, protocol: Protocol) -> Self {
        let offer = Offer::new(protocol, house.hostname(), house.limits().message_bytes);
        let hello = nothing_said(protocol);
        Self { house, peer, offer, hello, session: None }
    }

    /// Forgets what a client said of itself (RFC 3207 section 4.2).
    pub(crate) fn forget_hello(&mut self) {
        self.hello = nothing_said(self.offer.protocol());
    }

    /// How long a client may say nothing, or take nothing.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.house.limits().idle_seconds.min(IDLE_SECONDS))
    }

    /// How a message comes, for its trace line.
    pub(crate) fn transport(&self, smtputf8: bool) -> Transport {
        Transport {
            protocol: self.offer.protocol(),
            greeting: self.hello.verb,
            smtputf8,
            tls: self.peer.encrypted,
            signed_in: self.session.is_some(),
        }
    }

    /// The Received line of a message that another server brings (RFC 5321 section 4.4).
    pub(crate) fn received<To>(&self, envelope: &Envelope<To>, at: Timestamp) -> String {
        let trace = Trace {
            helo: &self.hello.name,
            peer: self.peer.address,
            hostname: self.offer.hostname(),
            transport: self.transport(envelope.mail.smtputf8),
            id: &format!("{:x}", at.0),
            recipient: envelope.only_recipient(),
            at,
        };
        trace.received()
    }

    /// 421: the server ends the connection, and why (RFC 5321 section 3.8).
    pub(crate) fn farewell(&self, enhanced: Enhanced, why: impl std::fmt::Display) -> Reply {
        Reply::new(421, enhanced, format!("{} {why}", self.offer.hostname()))
    }

    /// The farewell to someone whose sign-in does not hold.
    pub(crate) fn not_held(&self, refused: &Refused) -> Reply {
        match refused {
            Refused::Ended => self.farewell(Enhanced(7, 0), "Your sign-in has ended; sign in again"),
            other => self.farewell(Enhanced(3, 0), other),
        }
    }
}

impl<To> Envelope<To> {
    /// The recipient where there is only one: of several none is told of the others in a trace line
    /// (RFC 5321 section 7.2).
    pub(crate) fn only_recipient(&self) -> Option<&ForwardPath> {
        if let [(rcpt, _)] = self.recipients.as_slice() { Some(&rcpt.path) } else { None }
    }
}

fn nothing_said(protocol: Protocol) -> Hello {
    let verb = if protocol == Protocol::Lmtp { HelloVerb::Lhlo } else { HelloVerb::Ehlo };
    Hello { verb, name: String::new() }
}
