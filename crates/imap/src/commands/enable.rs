//! ENABLE (RFC 9051 section 6.3.1): a client that knows IMAP4rev2 says so.
//!
//! What it changes: names and texts are UTF-8, nothing is \Recent, SEARCH answers ESEARCH,
//! SELECT answers LIST (RFC 9051 appendix E). CONDSTORE and QRESYNC (RFC 7162 section 3.2.3): changes are
//! told so that a client can come back to them. Other capabilities have nothing to enable and
//! are passed over, as the RFC asks.

use crate::answer::{Completion, Handled};
use crate::connection::Connection;
use crate::resync::Resync;
use postern_app::wire::Wire;

impl<W: Wire> Connection<W> {
    /// ENABLE
    pub(crate) fn enable(&mut self, capabilities: &[String]) -> Handled {
        let names = |name: &str| capabilities.iter().any(|named| named == name);
        let (rev2, quick, modseqs) = (names("IMAP4REV2"), names("QRESYNC"), names("CONDSTORE"));
        let enabled = [(rev2, "IMAP4rev2"), (modseqs, "CONDSTORE"), (quick, "QRESYNC")];
        let enabled: Vec<&str> = enabled.into_iter().filter(|(named, _)| *named).map(|(_, name)| name).collect();
        self.client.reply().enabled(&enabled);
        if rev2 {
            self.client.rev2 = true;
            self.framer.enable_utf8();
        }
        if quick {
            self.client.enable_resync(Resync::Uids);
        } else if modseqs {
            self.client.enable_resync(Resync::Changes);
        }
        Ok(Completion::ok("Done"))
    }
}
