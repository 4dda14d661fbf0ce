//! CLOSE and UNSELECT (RFC 9051 sections 6.4.1 and 6.4.2).
//!
//! CLOSE expunges without a word. Without `e`, or after EXAMINE, it only closes (RFC 4314
//! section 4).

use crate::answer::{Completion, Handled, Stop};
use crate::connection::{Client, Work};
use postern_app::{Denied, Refused};

pub(crate) async fn run(client: &mut Client) -> Handled {
    let Work { house, session, selected, .. } = client.work()?;
    if !selected.read_only {
        match house.expunge(session, selected.mailbox, None).await {
            Ok(_) | Err(Refused::Denied(Denied::Missing { .. } | Denied::Protected { .. })) => {}
            Err(refused) => return Err(Stop::Refused(refused)),
        }
    } else {
        house.may_still_read(session, selected.mailbox).await?;
    }
    unselect(client)
}

pub(crate) fn unselect(client: &mut Client) -> Handled {
    *client.desk()?.selected = None;
    Ok(Completion::ok("Closed"))
}
