//! IDLE (RFC 9051 section 6.3.13): hear what is new as it happens, one write each time.
//!
//! Nothing is held while it waits but what is selected. A mailbox that may not be read any
//! more ends the connection with BYE, for there is no command to answer (docs/design.md section 4).
//! What ends by the clock sends no notice, so the gate is asked when something ends.

use crate::answer::{Completion, End, Handled, Stop, not_held};
use crate::connection::{Connection, GOING_DOWN, Work};
use crate::selected::Teller;
use postern_app::Refused;
use postern_app::wire::Wire;
use postern_imap_wire::Event;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// The gate is asked after this time in any case: a clock may be set.
const LOOK_SECONDS: u64 = 300;

/// Why the wait ended.
enum Woken {
    Bytes(std::io::Result<usize>),
    Notice,
    Drain,
    TooLong,
}

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
            match self.wait(&mut bytes, end.as_mut()).await? {
                Woken::Bytes(Ok(read)) if read > 0 => self.framer.push(&bytes),
                Woken::Bytes(_) => return Err(End::Closed.into()),
                Woken::Drain => return Err(GOING_DOWN.into()),
                Woken::TooLong => return Err(End::Bye(None, "IDLE took too long").into()),
                Woken::Notice => self.look().await.map_err(gone)?,
            }
        }
    }

    async fn wait(&mut self, bytes: &mut Vec<u8>, end: Pin<&mut Sleep>) -> Result<Woken, Stop> {
        let desk = self.client.desk()?;
        let mut session_watch = desk.session.watch();
        let until = desk.selected.as_ref().and_then(|selected| selected.until());
        let look = desk.house.next_end(desk.session, until).min(Duration::from_secs(LOOK_SECONDS));
        let selected = desk.selected;
        let in_mailbox = async move {
            match selected {
                Some(selected) => selected.changed().await,
                None => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = self.shutdown.requested() => Woken::Drain,
            read = self.wire.read(bytes) => Woken::Bytes(read),
            () = in_mailbox => Woken::Notice,
            () = session_watch.changed() => Woken::Notice,
            () = end => Woken::TooLong,
            () = sleep(look) => Woken::Notice,
        })
    }

    /// Does the sign-in still hold, and what is new?
    async fn look(&mut self) -> Result<(), Stop> {
        let desk = self.client.desk()?;
        desk.house.check_session(desk.session).await?;
        if self.client.is_selected() {
            let Work { house, session, selected, out, rev2, resync } = self.client.work()?;
            selected.sync(house, session, Teller { out, rev2, resync }, true).await?;
        }
        Ok(())
    }
}

/// In the middle of IDLE there is no command to answer.
fn gone(stop: Stop) -> Stop {
    match stop {
        Stop::Refused(refused @ (Refused::Ended | Refused::Unavailable)) => not_held(refused).into(),
        Stop::Refused(_) => End::Bye(None, "The mailbox can not be read any more").into(),
        other => other,
    }
}
