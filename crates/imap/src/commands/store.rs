//! STORE and UID STORE (RFC 9051 section 6.4.6, RFC 4314 section 4).
//!
//! Flags that may not be changed stay as they are, and that is told: after `.SILENT` too,
//! for what the client then believes would be wrong. Large sets go in parts, so that the
//! writer is never held for long.

use crate::answer::{Completion, Handled};
use crate::commands::expunge::read_only;
use crate::commands::fetch::no_such_number;
use crate::connection::{Connection, Work};
use crate::messages::Targets;
use crate::selected::tell_flags;
use postern_app::wire::Wire;
use postern_app::{FlagChange, Stored};
use postern_imap_wire::{Encoder, ResponseCode, StoreAction, StoreCommand};
use postern_types::Flags;
use std::sync::Arc;

/// Messages changed in one transaction.
const MESSAGES_PER_PART: usize = 500;
/// Replies leave when they are this many bytes.
const GATHERED_BYTES: usize = 64 << 10;

impl<W: Wire> Connection<W> {
    /// STORE
    pub(crate) async fn store(&mut self, store: StoreCommand) -> Handled {
        if store.unchanged_since.is_some() {
            return Ok(Completion::bad("UNCHANGEDSINCE belongs to CONDSTORE, which this server does not offer"));
        }
        let Work { house, session, selected, .. } = self.client.work()?;
        house.may_still_read(session, selected.mailbox).await?;
        if selected.read_only {
            return Ok(read_only());
        }
        let (messages, saved) = (&selected.messages, &selected.saved);
        let targets = if store.by_uid {
            messages.by_uid(&store.set, saved)
        } else {
            messages.by_number(&store.set, saved).map_err(no_such_number)?
        };
        let mut found = 0;
        for start in (0..targets.uids.len()).step_by(MESSAGES_PER_PART) {
            let end = targets.uids.len().min(start + MESSAGES_PER_PART);
            found += self.store_part(&store, &targets.slice(start..end)).await?;
            if self.client.out.len() >= GATHERED_BYTES {
                self.flush().await?;
            }
        }
        // RFC 2180 section 4.2.1: some were expunged and this session has not heard of it.
        if found < targets.uids.len() && !store.by_uid && !store.silent {
            let text = "Some of the messages are there no more; the others are changed";
            return Ok(Completion::no(ResponseCode::ExpungeIssued, text));
        }
        Ok(Completion::ok("Changed"))
    }

    /// Changes some messages and tells of them; answers how many there were.
    async fn store_part(&mut self, store: &StoreCommand, targets: &Targets) -> Result<usize, crate::answer::Stop> {
        let Work { house, session, selected, out, rev2 } = self.client.work()?;
        let uids = Arc::clone(&targets.uids);
        let changed =
            house.change_flags(session, selected.mailbox, uids, store.flags.clone(), change(store.action)).await?;
        let found = changed.messages.len();
        let mut reply = Encoder::new(out, rev2);
        for Stored { uid, flags } in changed.messages {
            let expected = selected.messages.flags(uid).is_some_and(|before| expected(before, store) == flags);
            if selected.messages.learn_keywords(&flags) {
                tell_flags(&mut reply, selected);
            }
            let flags = Arc::new(flags);
            selected.messages.note_flags(uid, &flags);
            let Some(number) = targets.number(uid).filter(|_| !(store.silent && expected)) else { continue };
            let mut fetch = reply.fetch(number);
            if store.by_uid {
                fetch.uid(uid);
            }
            fetch.flags(&flags, !rev2 && selected.messages.is_recent(uid));
            fetch.finish();
        }
        Ok(found)
    }
}

fn change(action: StoreAction) -> FlagChange {
    match action {
        StoreAction::Replace => FlagChange::Replace,
        StoreAction::Add => FlagChange::Add,
        StoreAction::Remove => FlagChange::Remove,
    }
}

/// What the client believes after its STORE.
fn expected(before: &Flags, store: &StoreCommand) -> Flags {
    match store.action {
        StoreAction::Replace => store.flags.clone(),
        StoreAction::Add => before.union(&store.flags),
        StoreAction::Remove => before.difference(&store.flags),
    }
}
