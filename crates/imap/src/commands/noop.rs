//! NOOP and CHECK (RFC 9051 section 6.1.2, RFC 3501 section 6.4.1): hear what is new.
//!
//! A poll asks the gate each time, notice or not: a grant that ended by the clock sends
//! none, and who polls a mailbox that was taken away is told so (docs/design.md section 4).

use crate::answer::{Completion, Handled};
use crate::connection::Connection;
use postern_app::wire::Wire;

impl<W: Wire> Connection<W> {
    /// NOOP
    pub(crate) async fn noop(&mut self) -> Handled {
        if self.client.is_selected() {
            self.sync_selected(true).await?;
        }
        Ok(Completion::ok("Done"))
    }
}
