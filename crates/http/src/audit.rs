//! The trail, newest first, in pages.

use crate::model::{AuditEvent, AuditPage, AuditParameters};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use postern_app::{AuditActor, AuditQuery, AuditRow};
use postern_types::{AccountId, Address};

/// Events of a page, where the query does not say.
const PAGE: usize = 50;
/// Most events of a page.
pub(crate) const PAGE_MOST: usize = 500;

fn shown(row: AuditRow) -> AuditEvent {
    AuditEvent {
        id: format!("evt_{}", row.id),
        at: show_date(row.at),
        class: row.class,
        action: row.action,
        actor_kind: row.actor_kind,
        actor: row.actor,
        peer: row.peer,
        protocol: row.protocol,
        account: row.account,
        mailbox: row.mailbox,
        mailbox_deleted: row.mailbox_deleted,
        subject: row.personal,
        detail: row.detail,
    }
}

pub(crate) fn event_number(text: &str) -> Result<i64, &'static str> {
    let number = text.strip_prefix("evt_").unwrap_or(text).parse().ok();
    number.filter(|number| *number >= 1).ok_or("an event looks like evt_42")
}

/// An account by its address, or by its number as in `acc_42`, which it keeps when its address
/// has gone to another.
pub(crate) fn account(text: &str) -> Result<(Option<Address>, Option<AccountId>), String> {
    match text.strip_prefix("acc_") {
        Some(number) if !text.contains('@') => {
            let number = number.parse().ok().and_then(|number| AccountId::new(number).ok());
            number.map(|number| (None, Some(number))).ok_or_else(|| "an account's number looks like acc_42".to_owned())
        }
        _ => Address::parse(text).map(|address| (Some(address), None)).map_err(|error| error.to_string()),
    }
}

pub(crate) fn page_size(limit: Option<usize>) -> Result<usize, Problem> {
    match limit {
        None => Ok(PAGE),
        Some(limit) if (1..=PAGE_MOST).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::unusable(format!("limit is {limit}: a page has 1 to {PAGE_MOST} events"))),
    }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: AuditParameters = ask.query()?;
    let limit = page_size(asked.limit)?;
    let (account, number) = match asked.account.as_deref() {
        Some(text) => field("account", text, account)?,
        None => (None, None),
    };
    let query = AuditQuery {
        account,
        number,
        actor: asked.actor.as_deref().map(|actor| field("actor", actor, AuditActor::parse)).transpose()?,
        since: asked.since.as_deref().map(|since| field("since", since, parse_date)).transpose()?,
        before: asked.before.as_deref().map(|before| field("before", before, event_number)).transpose()?,
        // One more than shown tells whether there is a next page.
        most: limit + 1,
    };
    let mut events: Vec<AuditEvent> = ask.house.audit(ask.caller()?, query).await?.into_iter().map(shown).collect();
    let is_more = events.len() > limit;
    events.truncate(limit);
    let next_before = events.last().filter(|_| is_more).map(|event| event.id.clone());
    Reply::ok(&AuditPage { events, next_before })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_with_or_without_its_kind() {
        assert_eq!(event_number("evt_42"), Ok(42));
        assert_eq!(event_number("42"), Ok(42));
        assert!(event_number("evt_0").is_err() && event_number("grt_1").is_err());
    }

    #[test]
    fn an_account_is_named_by_address_or_number() {
        let number = AccountId::new(42).unwrap();
        assert_eq!(account("acc_42"), Ok((None, Some(number))));
        assert_eq!(account("acc_42@example.org"), Ok((Some(Address::parse("acc_42@example.org").unwrap()), None)));
        for text in ["acc_", "acc_0", "acc_-1", "acc_x", "42", ""] {
            assert!(account(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_page_has_bounds() {
        assert_eq!(page_size(None).unwrap(), PAGE);
        assert_eq!(page_size(Some(500)).unwrap(), 500);
        assert!(page_size(Some(0)).is_err() && page_size(Some(501)).is_err());
    }
}
