//! COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8, RFC 4315, RFC 6851).
//!
//! Two mailboxes are named. When the house says that one is hidden, the selected one is
//! asked for alone: it is either the one that was taken away, or the target is not there.

use crate::answer::{Code, Completion, CopyUid, Handled, Stop, is_hidden, no_target};
use crate::commands::expunge::read_only;
use crate::commands::fetch::no_such_number;
use crate::connection::{Client, Work};
use crate::messages::Targets;
use crate::names;
use postern_app::{Copied, Refused};
use postern_imap_wire::{Encoder, SequenceSet, Status};
use postern_types::Uid;

pub(crate) async fn copy(client: &mut Client, by_uid: bool, set: &SequenceSet, mailbox: &str) -> Handled {
    let mut work = client.work()?;
    let targets = named(&work, by_uid, set)?;
    let at = names::locate(mailbox);
    let copied = work.house.copy(work.session, work.selected.mailbox, targets.uids, &at).await;
    let copied = match copied {
        Ok(copied) => copied,
        Err(refused) => return Err(explain(&mut work, refused).await),
    };
    client.note_made(&at, &made(&copied));
    let code = copy_uid(&copied).map(|code| Code::CopyUid(Box::new(code)));
    Ok(Completion { status: Status::Ok, code, text: "Copied".into() })
}

/// MOVE: COPYUID is told before the expunges (RFC 6851 section 4.3).
pub(crate) async fn r#move(client: &mut Client, by_uid: bool, set: &SequenceSet, mailbox: &str) -> Handled {
    let mut work = client.work()?;
    if work.selected.read_only {
        work.house.may_still_read(work.session, work.selected.mailbox).await?;
        return Ok(read_only());
    }
    let targets = named(&work, by_uid, set)?;
    let at = names::locate(mailbox);
    let moved = work.house.move_messages(work.session, work.selected.mailbox, targets.uids, &at).await;
    let moved = match moved {
        Ok(moved) => moved,
        Err(refused) => return Err(explain(&mut work, refused).await),
    };
    if let Some(code) = copy_uid(&moved.done) {
        Encoder::new(work.out, work.rev2).untagged(Status::Ok, Some(&code.code()), "Moved");
    }
    work.selected.note_made(&at, &made(&moved.done));
    match moved.stopped {
        None => Ok(Completion::ok("Moved")),
        Some(refused) => Err(explain(&mut work, refused).await),
    }
}

fn named(work: &Work<'_>, by_uid: bool, set: &SequenceSet) -> Result<Targets, Stop> {
    let (messages, saved) = (&work.selected.messages, &work.selected.saved);
    if by_uid { Ok(messages.by_uid(set, saved)) } else { messages.by_number(set, saved).map_err(no_such_number) }
}

fn made(copied: &Copied) -> Vec<Uid> {
    copied.uids.iter().map(|(_, uid)| *uid).collect()
}

/// Nothing where nothing was copied: a set is never empty (RFC 4315 section 3).
fn copy_uid(copied: &Copied) -> Option<CopyUid> {
    let (source, destination): (Vec<_>, Vec<_>) = copied.uids.iter().copied().unzip();
    (!source.is_empty()).then_some(CopyUid { uid_validity: copied.uid_validity, source, destination })
}

async fn explain(work: &mut Work<'_>, refused: Refused) -> Stop {
    if !is_hidden(&refused) {
        return Stop::Refused(refused);
    }
    match work.house.may_read(work.session, work.selected.mailbox).await {
        Ok(()) => Stop::Answer(no_target()),
        Err(refused) => Stop::Refused(refused),
    }
}
