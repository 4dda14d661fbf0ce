//! SUBSCRIBE and UNSUBSCRIBE (RFC 9051 sections 6.3.7 and 6.3.8), per person.
//!
//! RFC 4314 section 4 asks for `l` on what is subscribed to, and so do we: a subscription to
//! anything else would be shown by LSUB for an account that is there and hidden, and not for
//! one that is not there. What was subscribed to may be unsubscribed from after it is gone.

use crate::answer::{Completion, Handled};
use crate::connection::{Client, Desk};
use crate::names;
use postern_app::{Denied, House, Locator, Refused, Session};
use postern_types::Address;

pub(crate) async fn run(client: &mut Client, mailbox: &str, subscribed: bool) -> Handled {
    let Desk { house, session, .. } = client.desk()?;
    let at = names::locate(mailbox);
    let visible = is_listed(house, session, &at).await?;
    let known = !subscribed && is_subscribed(house, session, &at).await?;
    if !visible && !known {
        return Err(Refused::Denied(Denied::Hidden).into());
    }
    house.subscribe(session, &at, subscribed).await?;
    Ok(Completion::ok(if subscribed { "Subscribed" } else { "Unsubscribed" }))
}

async fn is_listed(house: &House, session: &Session, at: &Locator) -> Result<bool, Refused> {
    let address = at.account.as_ref().map(Address::as_str);
    let accounts = house.list(session).await?;
    let here = accounts.iter().filter(|account| address.map_or(account.own, |address| account.address == address));
    Ok(here.flat_map(|account| &account.mailboxes).any(|mailbox| mailbox.name == at.name))
}

async fn is_subscribed(house: &House, session: &Session, at: &Locator) -> Result<bool, Refused> {
    let wanted = (at.account.as_ref().map(Address::as_str), at.name.as_str());
    let all = house.subscriptions(session).await?;
    Ok(all.iter().any(|(address, name, subscribed)| *subscribed && (address.as_deref(), name.as_str()) == wanted))
}
