//! GETACL, SETACL, DELETEACL, LISTRIGHTS, MYRIGHTS (RFC 4314 sections 3.1 to 3.5): who may do
//! what in a mailbox, seen and changed by those who hold `a` there.
//!
//! Someone with neither `a` nor `l` is told the mailbox is absent, not forbidden (section 6).
//! Narrower than the RFC: nobody gives a letter they do not hold
//! (docs/decisions/0004-no-escalation.md).

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use postern_app::RightsChange;
use postern_imap_wire::{AclChange, Encoder};
use postern_types::Rights;

pub(crate) async fn get(client: &mut Client, mailbox: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let entries = house.acl(session, &at).await?;
    let entries: Vec<(&str, Rights)> = entries.iter().map(|entry| (entry.identifier.as_str(), entry.rights)).collect();
    Encoder::new(out, rev2).acl(&names::shown_at(&at), &entries);
    Ok(Completion::ok("Done"))
}

pub(crate) async fn set(client: &mut Client, mailbox: &str, identifier: &str, change: AclChange) -> Handled {
    let change = match change {
        AclChange::Replace(rights) => RightsChange::Replace(rights),
        AclChange::Add(rights) => RightsChange::Add(rights),
        AclChange::Remove(rights) => RightsChange::Remove(rights),
    };
    let Desk { house, session, .. } = client.desk()?;
    house.set_acl(session, &names::locate(mailbox), identifier, change).await?;
    Ok(Completion::ok("Done"))
}

pub(crate) async fn delete(client: &mut Client, mailbox: &str, identifier: &str) -> Handled {
    let Desk { house, session, .. } = client.desk()?;
    house.set_acl(session, &names::locate(mailbox), identifier, RightsChange::Replace(Rights::NONE)).await?;
    Ok(Completion::ok("Done"))
}

pub(crate) async fn list_rights(client: &mut Client, mailbox: &str, identifier: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let listed = house.list_rights(session, &at, identifier).await?;
    let optional: Vec<Rights> = listed.optional.letters().map(Rights::from).collect();
    Encoder::new(out, rev2).list_rights(&names::shown_at(&at), identifier, listed.always, &optional);
    Ok(Completion::ok("Done"))
}

pub(crate) async fn my_rights(client: &mut Client, mailbox: &str) -> Handled {
    let Desk { house, session, out, rev2, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let rights = house.my_rights(session, &at).await?;
    Encoder::new(out, rev2).my_rights(&names::shown_at(&at), rights);
    Ok(Completion::ok("Done"))
}
