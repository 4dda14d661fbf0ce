//! DELETE (RFC 9051 section 6.3.5): a mailbox with what is in it; refused while others are
//! below it.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;

pub(crate) async fn run(client: &mut Client, mailbox: &str) -> Handled {
    let Desk { house, session, .. } = client.desk()?;
    house.delete_mailbox(session, &names::locate(mailbox)).await?;
    Ok(Completion::ok("Deleted"))
}
