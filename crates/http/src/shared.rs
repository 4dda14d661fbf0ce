//! Shared mailboxes: one address, many people.

use crate::delegates;
use crate::groups::addresses;
use crate::model::{Made, NewShared, Shared, SharedMailboxes, SharedWithDelegates};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::SharedSeen;
use postern_types::{Address, DisplayName};

fn shown(seen: SharedSeen) -> Shared {
    let SharedSeen { row, is_measured } = seen;
    Shared {
        address: row.address,
        name: row.name,
        state: row.state,
        seen: row.seen,
        sent_copy: row.sent_copy,
        delete_protection: row.delete_protection,
        messages: is_measured.then_some(row.messages),
        bytes: is_measured.then_some(row.bytes),
        created_at: show_date(row.created),
    }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.house.shared(ask.caller()?).await?;
    Reply::ok(&SharedMailboxes { shared: shared.into_iter().map(shown).collect() })
}

pub(crate) async fn add(ask: Ask) -> Result<Reply, Problem> {
    let new: NewShared = ask.document()?;
    let name = field("name", &new.name, DisplayName::parse)?;
    let address = field("address", &new.address, Address::parse)?;
    let (aliases, members) = (addresses("aliases", &new.aliases)?, addresses("members", &new.members)?);
    ask.house.add_shared(ask.caller()?, &address, &name, &aliases, &members).await?;
    Reply::made(&Made { address: address.to_string(), name: name.to_string() })
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let view = ask.house.show_shared(ask.caller()?, &address).await?;
    Reply::ok(&SharedWithDelegates {
        shared: shown(view.shared),
        addresses: view.addresses,
        delegates: view.grants.map(|grants| grants.into_iter().map(delegates::shown).collect()),
    })
}
