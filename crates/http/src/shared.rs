//! Shared mailboxes: one address, many people.

use crate::delegates;
use crate::groups::addresses;
use crate::model::{Made, NewShared, Shared, SharedMailboxes, SharedWithDelegates};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::AccountRow;
use postern_types::{Address, DisplayName};

fn shown(row: AccountRow) -> Shared {
    Shared {
        address: row.address,
        name: row.name,
        state: row.state,
        seen: row.seen,
        sent_copy: row.sent_copy,
        delete_protection: row.delete_protection,
        messages: row.messages,
        bytes: row.bytes,
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
        shared: shown(view.row),
        addresses: view.addresses,
        delegates: view.grants.into_iter().map(delegates::shown).collect(),
    })
}
