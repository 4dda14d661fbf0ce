//! SUBSCRIBE and UNSUBSCRIBE (RFC 9051 sections 6.3.7 and 6.3.8), per person. What may be
//! subscribed to, the house says.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;

pub(crate) async fn run(client: &mut Client, mailbox: &str, subscribed: bool) -> Handled {
    let Desk { house, session, .. } = client.desk()?;
    house.subscribe(session, &names::locate(mailbox), subscribed).await?;
    Ok(Completion::ok(if subscribed { "Subscribed" } else { "Unsubscribed" }))
}
