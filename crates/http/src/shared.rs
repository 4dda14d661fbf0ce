//! Shared mailboxes: one address, many people.

use crate::delegates;
use crate::groups::addresses;
use crate::model::{
    ConvertedFromPerson, ConvertedToPerson, FromPerson, Made, NewShared, Shared, SharedMailboxes, SharedSettings,
    SharedWithDelegates,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::{SentCopy, SharedChange, SharedSeen, SharedView, ShowSender};
use postern_types::{Address, DisplayName, Seen, Timestamp};
use std::fmt::Display;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn shown(seen: SharedSeen, now: Timestamp) -> Shared {
    let SharedSeen { row, is_measured } = seen;
    Shared {
        removed_at: row.removed.map(show_date),
        days_left: row.gone_at().map(|gone| days_until(gone, now)),
        address: row.address,
        name: row.name,
        state: row.state,
        seen: row.seen,
        sent_copy: row.sent_copy,
        show_sender: row.show_sender,
        undo_seconds: row.undo_seconds,
        stale_reply_minutes: row.stale_reply_minutes,
        delete_protection: row.delete_protection,
        quota_bytes: row.quota,
        quota_messages: row.quota_messages,
        messages: is_measured.then_some(row.messages),
        bytes: is_measured.then_some(row.bytes),
        created_at: show_date(row.created),
    }
}

/// Days that have begun and not ended until then.
fn days_until(end: Timestamp, now: Timestamp) -> u32 {
    let left_ms = end.0.saturating_sub(now.0).max(0);
    u32::try_from((left_ms + DAY_MS - 1) / DAY_MS).unwrap_or(u32::MAX)
}

fn viewed(view: SharedView, now: Timestamp) -> SharedWithDelegates {
    SharedWithDelegates {
        shared: shown(view.shared, now),
        addresses: view.addresses,
        delegates: view.grants.map(|grants| grants.into_iter().map(delegates::shown).collect()),
    }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let (shared, now) = (ask.house.shared(ask.caller()?).await?, ask.house.now());
    Reply::ok(&SharedMailboxes { shared: shared.into_iter().map(|row| shown(row, now)).collect() })
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
    Reply::ok(&viewed(view, ask.house.now()))
}

/// A field that may be left out.
fn word<T, E: Display>(
    name: &str,
    text: &Option<String>,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Problem> {
    text.as_deref().map(|text| field(name, text, parse)).transpose()
}

/// A bound that lets something in, or none.
pub(crate) fn bound(name: &str, most: Option<Option<u64>>) -> Result<Option<Option<u64>>, Problem> {
    match most {
        Some(Some(0)) => Err(Problem::unusable(format!("{name} is 0: a quota is at least 1, and null is none"))),
        most => Ok(most),
    }
}

/// What the document asks for.
fn change(document: &SharedSettings) -> Result<SharedChange, Problem> {
    if *document == SharedSettings::default() {
        return Err(Problem::unusable("Nothing is to be changed; name a setting or an alias"));
    }
    Ok(SharedChange {
        name: word("name", &document.name, DisplayName::parse)?,
        seen: word("seen", &document.seen, Seen::parse)?,
        delete_protection: document.delete_protection,
        quota: bound("quota_bytes", document.quota_bytes)?,
        quota_messages: bound("quota_messages", document.quota_messages)?,
        sent_copy: word("sent_copy", &document.sent_copy, SentCopy::parse)?,
        show_sender: word("show_sender", &document.show_sender, ShowSender::parse)?,
        undo_seconds: document.undo_seconds,
        stale_reply_minutes: document.stale_reply_minutes,
        add_aliases: addresses("add_aliases", &document.add_aliases)?,
        remove_aliases: addresses("remove_aliases", &document.remove_aliases)?,
    })
}

pub(crate) async fn set(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let change = change(&ask.document()?)?;
    let view = ask.house.set_shared(ask.caller()?, &address, change).await?;
    Reply::ok(&viewed(view, ask.house.now()))
}

pub(crate) async fn remove(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let view = ask.house.remove_shared(ask.caller()?, &address).await?;
    Reply::ok(&shown(view.shared, ask.house.now()))
}

pub(crate) async fn restore(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let view = ask.house.restore_shared(ask.caller()?, &address).await?;
    Reply::ok(&viewed(view, ask.house.now()))
}

pub(crate) async fn convert_to_person(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let converted = ask.house.convert_to_person(ask.caller()?, &address).await?;
    Reply::ok(&ConvertedToPerson {
        address: address.to_string(),
        delegates: converted.grants.into_iter().map(delegates::shown).collect(),
        left_groups: converted.ended.left_groups,
        ended_credentials: converted.ended.ended_credentials,
    })
}

pub(crate) async fn convert_from_person(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let asked: FromPerson = ask.document()?;
    if !asked.confirm {
        return Err(Problem::unusable(format!(
            "Delegates could read the private mail of {address}, and their sign-in would end; send \"confirm\": true \
             if that is meant"
        )));
    }
    let members = addresses("members", &asked.members)?;
    let converted = ask.house.convert_from_person(ask.caller()?, &address, &members).await?;
    Reply::ok(&ConvertedFromPerson {
        shared: viewed(converted.view, ask.house.now()),
        ended_credentials: converted.ended.ended_credentials,
        ended_grants: converted.ended.ended_grants,
        groups: converted.ended.groups,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_has_begun_is_left() {
        let days = |left_ms| days_until(Timestamp(1_000_000 + left_ms), Timestamp(1_000_000));
        assert_eq!(
            [days(30 * DAY_MS), days(DAY_MS + 1), days(DAY_MS), days(1), days(0), days(-5)],
            [30, 2, 1, 1, 0, 0]
        );
    }

    #[test]
    fn settings_that_can_not_be_meant_are_refused() {
        let refused = |json: &str| change(&serde_json::from_str(json).unwrap()).unwrap_err().detail;
        assert!(refused("{}").contains("name a setting"));
        assert!(refused(r#"{"seen":"nobody"}"#).contains("seen is shared, personal or both"));
        assert!(refused(r#"{"quota_bytes":0}"#).contains("quota_bytes is 0: a quota is at least 1"));
        assert!(refused(r#"{"quota_messages":0}"#).contains("quota_messages is 0"));
        assert!(refused(r#"{"add_aliases":["help"]}"#).contains("add_aliases is \"help\""));
        assert!(refused(r#"{"sent_copy":"drafts"}"#).contains("there are shared, sender, both, none"));
        assert!(refused(r#"{"show_sender":"never"}"#).contains("there are hidden, via, sender"));
        let unknown = serde_json::from_str::<SharedSettings>(r#"{"send_copy":"both"}"#).unwrap_err().to_string();
        assert!(unknown.contains("unknown field `send_copy`"), "what is misspelt is not ignored: {unknown}");
    }
}
