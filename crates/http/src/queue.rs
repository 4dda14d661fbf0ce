//! What waits to be sent: listed, shown, sent now, held, taken out; and recipients to whom nothing
//! is sent any more, because mail to them came back for good.

use crate::model::{
    Queue, QueueParameters, QueuedMessage, QueuedRecipient, QueuedRemoved, QueuedWithRecipients, SuppressedParameters,
    SuppressedRecipient, SuppressedRecipients, Unsuppressed,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::{QueueRecipientRow, QueueRow, QueueShown, Refused};
use postern_types::{Address, Timestamp};
use std::convert::Infallible;

/// Messages on a page of [`postern_app::House::list_queue`]: a full one may have another after it.
const PAGE: usize = 200;

fn message(row: QueueRow, now: Timestamp) -> QueuedMessage {
    let next_try = row.next_try.filter(|_| row.hold.is_none());
    QueuedMessage {
        id: row.id,
        account: row.account,
        sender: row.sender,
        from: row.from,
        reverse_path: Some(row.reverse_path).filter(|path| !path.is_empty()),
        bytes: row.size,
        campaign: row.is_bulk,
        held_because: row.hold,
        undo_until: row.undo_until.filter(|until| now < *until).map(show_date),
        created_at: show_date(row.created),
        recipients_left: row.recipients,
        next_try_at: next_try.map(show_date),
        tries: row.tries,
    }
}

fn recipient(row: QueueRecipientRow, is_held: bool) -> QueuedRecipient {
    let waits = !is_held && !row.is_tried;
    QueuedRecipient {
        address: row.address,
        tries: row.tries,
        is_being_tried: row.is_tried,
        next_try_at: waits.then(|| show_date(row.next_try)),
        last_said: row.last_said,
        last_server: row.last_server,
    }
}

fn shown(seen: QueueShown, now: Timestamp) -> QueuedWithRecipients {
    let is_held = seen.row.hold.is_some();
    QueuedWithRecipients {
        message: message(seen.row, now),
        recipients: seen.recipients.into_iter().map(|row| recipient(row, is_held)).collect(),
    }
}

/// Which message the path means.
fn which(ask: &Ask) -> Result<String, Problem> {
    ask.part("id", |text| Ok::<_, Infallible>(text.to_owned()))
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: QueueParameters = ask.query()?;
    let account = asked.account.as_deref().map(|text| field("account", text, Address::parse)).transpose()?;
    let (caller, now) = (ask.caller()?, ask.house.now());
    let all = match &account {
        None => count(&ask).await?,
        Some(_) => None,
    };
    let rows = ask.house.list_queue(caller, account, asked.before).await?;
    let next_before = rows.last().filter(|_| rows.len() >= PAGE).map(|row| row.id.clone());
    let (all_messages, all_recipients) = all.unzip();
    let messages = rows.into_iter().map(|row| message(row, now)).collect();
    Reply::ok(&Queue { messages, next_before, all_messages, all_recipients })
}

/// How much waits in all; nothing for those who see a part of it.
async fn count(ask: &Ask) -> Result<Option<(u64, u64)>, Problem> {
    match ask.house.count_queue(ask.caller()?).await {
        Ok(counts) => Ok(Some(counts)),
        Err(Refused::Denied(_)) => Ok(None),
        Err(refused) => Err(refused.into()),
    }
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.show_queued(ask.caller()?, &which(&ask)?).await?;
    Reply::ok(&shown(seen, ask.house.now()))
}

pub(crate) async fn retry(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.retry_queued(ask.caller()?, &which(&ask)?).await?;
    Reply::ok(&shown(seen, ask.house.now()))
}

pub(crate) async fn hold(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.hold_queued(ask.caller()?, &which(&ask)?).await?;
    Reply::ok(&shown(seen, ask.house.now()))
}

pub(crate) async fn remove(ask: Ask) -> Result<Reply, Problem> {
    let (seen, removed) = ask.house.remove_queued(ask.caller()?, &which(&ask)?).await?;
    let message = shown(seen, ask.house.now());
    Reply::ok(&QueuedRemoved { removed_recipients: removed.recipients, moved_to_drafts: removed.drafts, message })
}

pub(crate) async fn suppressed(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.part("address", Address::parse)?;
    let asked: SuppressedParameters = ask.query()?;
    let list = ask.house.list_suppressed(ask.caller()?, &shared, asked.after).await?;
    let next_after = list.recipients.last().filter(|_| list.has_more).map(|last| last.address.clone());
    let recipients = list.recipients.into_iter().map(|one| SuppressedRecipient {
        address: one.address,
        reason: one.reason,
        at: show_date(one.at),
    });
    Reply::ok(&SuppressedRecipients { recipients: recipients.collect(), next_after })
}

pub(crate) async fn unsuppress(ask: Ask) -> Result<Reply, Problem> {
    let (shared, recipient) = (ask.part("address", Address::parse)?, ask.part("recipient", Address::parse)?);
    ask.house.unsuppress(ask.caller()?, &shared, &recipient).await?;
    Reply::ok(&Unsuppressed { shared: shared.to_string(), unsuppressed: recipient.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    fn row() -> QueueRow {
        QueueRow {
            number: 7,
            id: "msg_abcdefghijkl".into(),
            account: "support@example.org".into(),
            sender: "alice@example.org".into(),
            from: "support@example.org".into(),
            reverse_path: String::new(),
            size: 1000,
            is_bulk: false,
            hold: None,
            undo_until: Some(NOW.plus_ms(5000)),
            created: NOW,
            recipients: 1,
            next_try: Some(NOW.plus_ms(5000)),
            tries: 0,
        }
    }

    #[test]
    fn what_can_be_taken_back_says_until_when_and_then_no_more() {
        let fresh = message(row(), NOW);
        assert_eq!(fresh.undo_until.as_deref(), Some("2026-11-22T21:00:05Z"));
        assert_eq!(message(row(), NOW.plus_ms(5000)).undo_until, None);
        assert_eq!(fresh.reverse_path, None, "the empty one of notifications");
    }

    #[test]
    fn what_is_held_or_tried_now_has_no_next_try() {
        let held = message(QueueRow { hold: Some("held by operator(0)".into()), ..row() }, NOW);
        assert_eq!((held.next_try_at, held.held_because.as_deref()), (None, Some("held by operator(0)")));
        let waits = QueueRecipientRow {
            address: "customer@example.net".into(),
            tries: 1,
            next_try: NOW,
            is_tried: false,
            last_said: None,
            last_server: None,
        };
        assert!(recipient(waits.clone(), false).next_try_at.is_some());
        assert!(recipient(waits.clone(), true).next_try_at.is_none());
        assert!(recipient(QueueRecipientRow { is_tried: true, ..waits }, false).next_try_at.is_none());
    }
}
