//! SELECT and EXAMINE (RFC 9051 sections 6.3.2 and 6.3.3, RFC 3501 sections 6.3.1 and 6.3.2).

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use crate::selected::{Selected, tell_flags};
use postern_app::Counters;
use postern_imap_wire::{Encoder, ListEntry, ResponseCode, SelectParameter, Status};
use postern_types::Uid;

const NO_PARAMETERS: &str = "SELECT and EXAMINE take no parameter here; CAPABILITY says what this server can do";

pub(crate) async fn run(
    client: &mut Client,
    mailbox: &str,
    parameters: &[SelectParameter],
    read_only: bool,
) -> Handled {
    if !parameters.is_empty() {
        return Ok(Completion::bad(NO_PARAMETERS));
    }
    let Desk { house, session, selected, out, rev2 } = client.desk()?;
    // Whatever becomes of it, the mailbox before is left (RFC 9051 section 6.3.2).
    if selected.take().is_some() {
        Encoder::new(out, rev2).untagged(Status::Ok, Some(&ResponseCode::Closed), "The mailbox before is closed");
    }
    let at = names::locate(mailbox);
    let opened = house.open_mailbox(session, &at, read_only).await?;
    let counters = opened.counters;
    let opened = Selected::new(opened, read_only);
    let mut reply = Encoder::new(out, rev2);
    tell_opened(&mut reply, &opened, &counters, rev2);
    if rev2 {
        let name = names::shown_at(&at);
        reply.list(&ListEntry {
            attributes: &[],
            delimiter: Some(names::DELIMITER),
            mailbox: &name,
            subscribed_below: false,
            old_name: (name != mailbox).then_some(mailbox),
        });
    }
    let code = if opened.is_read_only() { ResponseCode::ReadOnly } else { ResponseCode::ReadWrite };
    *selected = Some(Box::new(opened));
    Ok(Completion::ok(if read_only { "Open for reading" } else { "Selected" }).with(code))
}

fn tell_opened(reply: &mut Encoder<'_>, selected: &Selected, counters: &Counters, rev2: bool) {
    tell_flags(reply, selected);
    reply.exists(selected.messages.count());
    if !rev2 {
        reply.recent(selected.messages.recent_count());
        if let Some(number) = selected.messages.first_unseen() {
            reply.untagged(Status::Ok, Some(&ResponseCode::Unseen(number)), "The first message that is not seen");
        }
    }
    reply.untagged(Status::Ok, Some(&ResponseCode::UidValidity(counters.uid_validity)), "UIDs hold");
    // When every UID is used there is no next one to tell.
    if let Some(next) = u32::try_from(counters.uid_next).ok().and_then(Uid::new) {
        reply.untagged(Status::Ok, Some(&ResponseCode::UidNext(next)), "The next UID");
    }
}
