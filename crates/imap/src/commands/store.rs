//! STORE and UID STORE (RFC 9051 section 6.4.6, RFC 4314 section 4, RFC 7162 section 3.1.3).
//!
//! Flags that may not be changed stay as they are, and that is told: after `.SILENT` too,
//! for what the client then believes would be wrong. Large sets go in parts, so that the
//! writer is never held for long.

use crate::answer::{Code, Completion, Handled};
use crate::commands::GATHERED_BYTES;
use crate::commands::expunge::read_only;
use crate::commands::fetch::no_such_number;
use crate::connection::{Connection, Work};
use crate::messages::Targets;
use crate::resync::modseq;
use crate::selected::{Selected, tell_flags};
use postern_app::wire::Wire;
use postern_app::{FlagChange, Stored, UnchangedSince};
use postern_imap_wire::{Encoder, ResponseCode, Status, StoreAction, StoreCommand};
use postern_types::{Flags, Uid};
use std::collections::HashMap;
use std::sync::Arc;

/// Messages changed in one transaction.
const MESSAGES_PER_PART: usize = 500;

impl<W: Wire> Connection<W> {
    /// STORE
    pub(crate) async fn store(&mut self, store: StoreCommand) -> Handled {
        if store.unchanged_since.is_some() {
            self.client.use_modseqs()?;
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
        let (mut found, mut modified) = (0, Vec::new());
        for start in (0..targets.uids.len()).step_by(MESSAGES_PER_PART) {
            let end = targets.uids.len().min(start + MESSAGES_PER_PART);
            found += self.store_part(&store, &targets.slice(start..end), &mut modified).await?;
            if self.client.out.len() >= GATHERED_BYTES {
                self.flush().await?;
            }
        }
        // RFC 2180 section 4.2.1: some were expunged and this session has not heard of it.
        if found < targets.uids.len() && !store.by_uid && !store.silent {
            let text = "Some of the messages are there no more; the others are changed";
            return Ok(match modified.is_empty() {
                true => Completion::no(ResponseCode::ExpungeIssued, text),
                false => Completion { status: Status::No, code: Some(Code::Modified(modified)), text: text.into() },
            });
        }
        Ok(match modified.is_empty() {
            true => Completion::ok("Changed"),
            false => {
                let text = "Some were changed meanwhile and are left alone".into();
                Completion { status: Status::Ok, code: Some(Code::Modified(modified)), text }
            }
        })
    }

    /// Changes some messages and tells of them; answers how many there were, and adds those that were left alone.
    async fn store_part(
        &mut self,
        store: &StoreCommand,
        targets: &Targets,
        modified: &mut Vec<u32>,
    ) -> Result<usize, crate::answer::Stop> {
        let Work { house, session, selected, out, rev2, resync } = self.client.work()?;
        let uids = Arc::clone(&targets.uids);
        let unless = store.unchanged_since.map(|since| Arc::new(unless(selected, store, since, &uids)));
        let (flags, action) = (store.flags.clone(), change(store.action));
        let changed = house.change_flags(session, selected.mailbox, uids, flags, action, unless).await?;
        let found = changed.messages.len();
        let mut reply = Encoder::new(out, rev2);
        for Stored { uid, flags, modseq } in changed.messages {
            let is_left_alone = changed.modified.binary_search(&uid).is_ok();
            let expected = selected.messages.flags(uid).is_some_and(|before| expected(&before, store) == flags);
            if selected.messages.learn_keywords(&flags) {
                tell_flags(&mut reply, selected);
            }
            let flags = Arc::new(flags);
            selected.messages.note_flags(uid, &flags);
            let Some(number) = targets.number(uid) else { continue };
            if is_left_alone {
                modified.push(if store.by_uid { uid.get() } else { number });
            }
            // A client that keeps them has to hear of every modification sequence (RFC 7162 section 3.1.3).
            let is_silent = store.silent && expected && !is_left_alone;
            if is_silent && !resync.tells_changes() {
                continue;
            }
            let mut fetch = reply.fetch(number);
            if store.by_uid || resync.shows_uids() {
                fetch.uid(uid);
            }
            if !is_silent {
                fetch.flags(&flags, !rev2 && selected.messages.is_recent(uid));
            }
            if resync.tells_changes() {
                fetch.mod_seq(modseq);
                selected.note_own(uid, modseq);
            }
            fetch.finish();
        }
        Ok(found)
    }
}

/// When a message is left alone: changed since then, in the flags that are asked for.
fn unless(selected: &Selected, store: &StoreCommand, since: u64, uids: &[Uid]) -> UnchangedSince {
    let known = |uid: &Uid| Some((*uid, selected.messages.flags(*uid)?));
    let known = match store.action {
        StoreAction::Replace => HashMap::new(),
        // The client knows no flags of what was read for this command.
        StoreAction::Add | StoreAction::Remove if selected.messages.are_just_read() => HashMap::new(),
        StoreAction::Add | StoreAction::Remove => uids.iter().filter_map(known).collect(),
    };
    UnchangedSince { since: modseq(since), known }
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
