//! The seam between the queue and other servers: the queue says what goes where, a carrier
//! takes it there and tells what became of each recipient. `smtp` has the carrier.

use postern_types::{Domain, Secret, Timestamp};
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Where mail for other domains is handed over: `[relay]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    /// Everything that has no route of its own.
    pub smarthost: Option<Arc<Hop>>,
    /// By domain.
    pub domains: BTreeMap<Domain, Arc<Hop>>,
}

impl Routes {
    /// Where mail for a domain goes; nothing where nowhere.
    pub fn to(&self, domain: &Domain) -> Option<&Arc<Hop>> {
        self.domains.get(domain).or(self.smarthost.as_ref())
    }
}

/// The next server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: HopTls,
    /// How we sign in there, where we do.
    pub login: Option<HopLogin>,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// How a connection to the next server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopTls {
    /// From its first byte, the certificate checked (RFC 8314 section 3.3).
    Implicit,
    /// By STARTTLS, the certificate checked; without it nothing is sent (RFC 3207).
    Required,
    /// By STARTTLS where it is offered, whatever the certificate: better than nothing (RFC 7435).
    Opportunistic,
    /// Not at all.
    Never,
}

/// Who we are to the next server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HopLogin {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// What goes to one place in one transaction.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Where to.
    pub hop: Arc<Hop>,
    /// The queue's name of the message, for logs.
    pub id: String,
    /// The reverse path; empty for notifications.
    pub reverse_path: String,
    /// To whom, in this order; never none.
    pub recipients: Vec<ParcelRecipient>,
    /// The message: these pieces, one after the other, lines ended by CRLF.
    pub message: Vec<Arc<Vec<u8>>>,
    /// Header or addresses need SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// It has bytes over 127 (RFC 6152).
    pub eight_bit: bool,
    /// RET of DSN: `Some(true)` for the whole message (RFC 3461 section 4.3).
    pub return_full: Option<bool>,
    /// ENVID of DSN, decoded (RFC 3461 section 4.4).
    pub envelope_id: Option<String>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelRecipient {
    /// The address as the envelope has it.
    pub address: String,
    /// When its sender wants to hear (RFC 3461 section 4.1).
    pub notify: Option<NotifyWish>,
    /// ORCPT: its type and the address, decoded (RFC 3461 section 4.2).
    pub original: Option<(String, String)>,
}

/// NOTIFY of DSN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotifyWish {
    /// On delivery.
    pub success: bool,
    /// On failure.
    pub failure: bool,
    /// When it takes long.
    pub delay: bool,
}

impl NotifyWish {
    /// NEVER.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };
    /// What holds where nothing is said: of failure, and of delay.
    pub const DEFAULT: Self = Self { success: false, failure: true, delay: true };
}

/// What became of a recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The next server has it.
    Done {
        /// It reports deliveries itself (it offered DSN); where it does not, we say that it was relayed.
        reports: bool,
    },
    /// Not now.
    Later(Said),
    /// Never.
    Never(Said),
}

/// What the next server said, or what kept us from hearing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The enhanced status code, `5.1.1`; one is made from the reply code where the server gives none
    /// (RFC 3463).
    pub status: String,
    /// The reply as it came, in one line of printable characters, `550 5.1.1 No such user`; or our own words.
    pub text: String,
    /// It is a reply of the server; otherwise ours.
    pub is_reply: bool,
}

/// What became of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// The name by which the server greeted; none where none answered.
    pub server: Option<String>,
    /// For each recipient, in order.
    pub outcomes: Vec<Outcome>,
    /// The server could not be reached or spoken to: others for the same place need not try at once.
    pub is_unreachable: bool,
}

/// The future of [`Carrier::carry`].
pub type Carrying<'a> = Pin<Box<dyn Future<Output = Carried> + Send + 'a>>;

/// One of the connections that there may be to a next server: who has it brings a parcel there. It is free again
/// when the last of its clones is gone.
#[derive(Debug, Clone)]
pub struct Turn {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl From<OwnedSemaphorePermit> for Turn {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Arc::new(permit) }
    }
}

/// Takes parcels to other servers.
pub trait Carrier: Send + Sync + 'static {
    /// The turns with a next server; who asks first is served first.
    fn turns(&self, hop: &Arc<Hop>) -> Arc<Semaphore>;
    /// Takes one there, by a turn with its hop. It never fails as a whole: what went wrong is said of each
    /// recipient.
    fn carry(&self, parcel: Parcel, turn: Turn) -> Carrying<'_>;
    /// Time has passed: connections that nobody has used for a while may be closed.
    fn tidy(&self, now: Timestamp);
}
