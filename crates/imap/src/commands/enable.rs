//! ENABLE (RFC 9051 section 6.3.1): a client that knows IMAP4rev2 says so.
//!
//! What it changes: names and texts are UTF-8, nothing is \Recent, SEARCH answers ESEARCH,
//! SELECT answers LIST (RFC 9051 appendix E). Other capabilities have nothing to enable and
//! are passed over, as the RFC asks.

use crate::answer::{Completion, Handled};
use crate::connection::Connection;
use postern_app::wire::Wire;

impl<W: Wire> Connection<W> {
    /// ENABLE
    pub(crate) fn enable(&mut self, capabilities: &[String]) -> Handled {
        let rev2 = capabilities.iter().any(|name| name == "IMAP4REV2");
        self.client.reply().enabled(if rev2 { &["IMAP4rev2"] } else { &[] });
        if rev2 {
            self.client.rev2 = true;
            self.framer.enable_utf8();
        }
        Ok(Completion::ok("Done"))
    }
}
