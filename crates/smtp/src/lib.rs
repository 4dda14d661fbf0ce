//! SMTP and LMTP sessions: wire commands become use cases, results become replies.
//!
//! The server has three faces. LMTP (RFC 2033) takes mail that some other server already
//! accepted, so it listens where only such a server can reach it (loopback, a unix socket, listed
//! networks). Submission (RFC 6409) takes mail of our own people and tools, once they have signed
//! in. SMTP (RFC 5321) takes mail from other servers, for addresses of ours and nobody else's.
//! A session owns no socket and opens no mailbox: bytes come over a [`Wire`], mail goes
//! through [`House`]. The other way, [`Relay`] carries mail of the queue to other servers.
//!
//! [`Wire`]: postern_app::wire::Wire
//! [`House`]: postern_app::House

mod connection;
mod delivery;
mod gather;
mod inspect;
mod link;
mod lmtp;
mod mx;
mod relay;
mod sign_in;
mod submission;

pub use lmtp::serve_lmtp;
pub use mx::serve_smtp;
pub use relay::{DialError, Dialer, Patience, Relay, RelayOptions};
pub use submission::serve_submission;
