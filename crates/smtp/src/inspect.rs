//! The place for what is found out about a message of another server before it is taken: whether
//! its sender may send from there (SPF, RFC 7208), whether it is signed (DKIM, RFC 6376), and what
//! the domain it shows asks for (DMARC, RFC 7489).
//!
//! None of them is built, so everything is accepted. They belong here: the whole message is there
//! and nobody has it, so a refusal is the sending server's matter and makes no bounce.

use crate::link::{Envelope, Link};
use postern_app::Recipient;
use postern_smtp_wire::Refusal;

/// Looks at a message with its envelope and where it came from: may it be taken? `message` is as it
/// came, without lines of ours.
pub(crate) async fn inspect(_: &Link, _envelope: &Envelope<Recipient>, _message: &[u8]) -> Result<(), Refusal> {
    Ok(())
}
