//! EXPUNGE and UID EXPUNGE (RFC 9051 sections 6.4.3 and 6.4.9). The numbers are told as
//! those of any other session's expunge are, before the completion.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Work};
use postern_imap_wire::{ResponseCode, SequenceSet};

/// Why nothing changes in a mailbox that EXAMINE opened.
pub(crate) fn read_only() -> Completion {
    Completion::no(ResponseCode::Cannot, "The mailbox is open for reading only; SELECT it to change it")
}

pub(crate) async fn run(client: &mut Client, set: Option<SequenceSet>) -> Handled {
    let Work { house, session, selected, resync, .. } = client.work()?;
    house.may_still_read(session, selected.mailbox).await?;
    if selected.read_only {
        return Ok(read_only());
    }
    let uids = set.map(|set| selected.messages.by_uid(&set, &selected.saved).uids);
    let expunged = house.expunge(session, selected.mailbox, uids).await?;
    let done = Completion::ok("Expunged");
    // RFC 7162 section 3.2.7. Whether VANISHED was told is known when all is told.
    let tells = resync.tells_changes() && !expunged.is_empty();
    Ok(if tells { done.with_told() } else { done })
}
