//! RENAME (RFC 9051 section 6.3.6). What is below moves along; INBOX gives its messages to
//! the new name and stays.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;

pub(crate) async fn run(client: &mut Client, from: &str, to: &str) -> Handled {
    let target = names::creatable(to)?;
    let Desk { house, session, .. } = client.desk()?;
    house.rename_mailbox(session, &names::locate(from), &target).await?;
    Ok(Completion::ok("Renamed"))
}
