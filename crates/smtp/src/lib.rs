//! SMTP and LMTP sessions: wire commands become use cases, results become replies.
//!
//! LMTP (RFC 2033) is served: it takes mail that some other server already accepted, so it
//! listens where only such a server can reach it (loopback, a unix socket, listed networks).
//! The session owns no socket and opens no mailbox: bytes come over a [`Wire`], mail goes
//! through `House::deliver`.

mod lmtp;

pub use lmtp::serve_lmtp;
