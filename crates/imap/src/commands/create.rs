//! CREATE (RFC 9051 section 6.3.4), with a purpose (RFC 6154 section 3). It tells the
//! new mailbox's id (RFC 8474 section 4.1).

use crate::answer::{Code, Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use postern_imap_wire::{Encoder, ListEntry, ResponseCode};
use postern_types::SpecialUse;

pub(crate) async fn run(client: &mut Client, mailbox: &str, special_use: &[SpecialUse]) -> Handled {
    let at = names::creatable(mailbox)?;
    let purpose = match special_use {
        [] => None,
        [purpose] => Some(*purpose),
        _ => return Ok(Completion::no(ResponseCode::UseAttr, "A mailbox has one purpose here")),
    };
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let made = house.create_mailbox(session, &at, purpose).await?;
    let name = names::shown_at(&at);
    // RFC 9051 section 6.3.4: where the name became another one, LIST tells which.
    if rev2 && name != mailbox.strip_suffix(names::DELIMITER).unwrap_or(mailbox) {
        let entry = ListEntry {
            attributes: &[],
            delimiter: Some(names::DELIMITER),
            mailbox: &name,
            subscribed_below: false,
            old_name: Some(mailbox),
        };
        Encoder::new(out, rev2).list(&entry);
    }
    let code = Code::MailboxId(house.object_id(made).to_string());
    Ok(Completion { code: Some(code), ..Completion::ok("Made") })
}
