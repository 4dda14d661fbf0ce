//! IDLE (RFC 9051 section 6.3.13): hear what is new as it happens, one write each time.
//!
//! Nothing is held while it waits but what is selected. A mailbox that may not be read any
//! more ends the connection with BYE, for there is no command to answer (docs/design.md section 4).
//! After NOTIFY it is told what that asked for, and no more (RFC 5465 section 4).

use crate::answer::{Completion, End, Handled};
use crate::connection::{Connection, GOING_DOWN};
use crate::waiting::{Woken, ended};
use postern_app::wire::Wire;
use postern_imap_wire::Event;
use std::pin::pin;
use std::time::Duration;
use tokio::time::sleep;

impl<W: Wire> Connection<W> {
    /// IDLE
    pub(crate) async fn idle(&mut self) -> Handled {
        self.look().await?;
        self.client.reply().continuation("Waiting");
        self.framer.expect_done();
        // The client goes away and comes back within 29 minutes (RFC 9051 section 6.3.13).
        let mut end = pin!(sleep(Duration::from_secs(self.client.house.limits().idle_seconds)));
        loop {
            loop {
                match self.framer.next_event() {
                    Some(Event::Done) => return Ok(Completion::ok("Done")),
                    Some(Event::Bad(bad)) => return Ok(Completion::bad(bad.text)),
                    // Nothing else comes while DONE is expected.
                    Some(_) => {}
                    None => break,
                }
            }
            self.flush().await?;
            let mut bytes = Vec::new();
            let until = self.client.selected_until();
            match self.wait(until, &mut bytes, end.as_mut()).await? {
                Woken::Bytes(Ok(read)) if read > 0 => self.framer.push(&bytes),
                Woken::Bytes(_) => return Err(End::Closed.into()),
                Woken::Drain => return Err(GOING_DOWN.into()),
                Woken::TooLong => return Err(End::Bye(None, "IDLE took too long").into()),
                Woken::Notice | Woken::Doubt => self.look().await.map_err(ended)?,
            }
        }
    }
}
