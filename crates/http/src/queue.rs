//! What waits to be sent: listed, shown, sent now, held, taken out; and recipients to whom nothing
//! is sent any more, because mail to them came back for good.

use crate::model::{
    Queue, QueueParameters, QueuedLeft, QueuedMany, QueuedMessage, QueuedRecipient, QueuedRemoved, QueuedWhich,
    QueuedWithRecipients, SuppressedParameters, SuppressedRecipient, SuppressedRecipients, Unsuppressed,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::show_date;
use postern_app::{QueueAct, QueueChoice, QueueMany, QueueRecipientRow, QueueRow, QueueShown, QueueState};
use postern_types::{Address, Timestamp};
use std::convert::Infallible;

/// What a page's `next_before` begins with.
const PLACE: &str = "pos_";

/// Does it wait for somebody, and not for a moment?
fn waits_for_somebody(state: QueueState) -> bool {
    matches!(
        state,
        QueueState::Held
            | QueueState::CredentialSuspended
            | QueueState::SenderSuspended
            | QueueState::CredentialCompromised
    )
}

fn message(row: QueueRow, now: Timestamp) -> QueuedMessage {
    let state = row.state(now);
    let next_try = row.next_try.filter(|_| !waits_for_somebody(state));
    QueuedMessage {
        state: state.name().to_owned(),
        id: row.id,
        account: row.account,
        sender: row.sender,
        from: row.from,
        reverse_path: Some(row.reverse_path).filter(|path| !path.is_empty()),
        bytes: row.size,
        bulk: row.is_bulk,
        held_because: row.hold,
        undo_until: row.undo_until.filter(|until| now < *until).map(show_date),
        created_at: show_date(row.created),
        recipients_left: row.recipients,
        recipients_being_tried: row.being_tried,
        next_try_at: next_try.map(show_date),
        tries: row.tries,
        last_said: row.last_said,
        last_server: row.last_server,
    }
}

fn recipient(row: QueueRecipientRow, is_kept: bool) -> QueuedRecipient {
    let waits = !is_kept && !row.is_tried;
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
    let is_kept = waits_for_somebody(seen.row.state(now));
    QueuedWithRecipients {
        retry_refused: seen.retry_refused,
        message: message(seen.row, now),
        recipients: seen.recipients.into_iter().map(|row| recipient(row, is_kept)).collect(),
    }
}

/// Which message the path means.
fn which(ask: &Ask) -> Result<String, Problem> {
    ask.part("id", |text| Ok::<_, Infallible>(text.to_owned()))
}

/// From where a list goes on, as the page before says it.
fn place(text: &str) -> Result<i64, String> {
    let number = text.strip_prefix(PLACE).and_then(|number| number.parse().ok());
    number.ok_or_else(|| "it is what next_before of the page before says".to_owned())
}

/// Which messages are meant, where they are not named one by one.
fn choice(account: Option<&str>, credential: Option<&str>) -> Result<QueueChoice, Problem> {
    match (account, credential) {
        (None, None) => Ok(QueueChoice::All),
        (Some(account), None) => Ok(QueueChoice::Account(field("account", account, Address::parse)?)),
        (None, Some(credential)) => Ok(QueueChoice::Credential(credential.to_owned())),
        (Some(_), Some(_)) => Err(Problem::unusable("Give account or credential, not both")),
    }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: QueueParameters = ask.query()?;
    let choice = choice(asked.account.as_deref(), asked.credential.as_deref())?;
    let before = asked.before.as_deref().map(|text| field("before", text, place)).transpose()?;
    let page = ask.house.list_queue(ask.caller()?, choice, before).await?;
    let now = ask.house.now();
    let (all_messages, all_recipients) = page.all;
    Reply::ok(&Queue {
        messages: page.rows.into_iter().map(|row| message(row, now)).collect(),
        next_before: page.next_before.map(|number| format!("{PLACE}{number}")),
        all_messages,
        all_recipients,
        only_own: page.is_own,
    })
}

/// To which messages something is done.
fn many(document: QueuedWhich) -> Result<QueueMany, Problem> {
    let QueuedWhich { messages, credential, account, all } = document;
    let given = [!messages.is_empty(), credential.is_some(), account.is_some(), all];
    if given.into_iter().filter(|given| *given).count() != 1 {
        return Err(Problem::unusable("Give one of messages, credential, account and all"));
    }
    if !messages.is_empty() {
        return Ok(QueueMany::Named(messages));
    }
    Ok(QueueMany::All(choice(account.as_deref(), credential.as_deref())?))
}

async fn act_on_many(ask: Ask, act: QueueAct) -> Result<Reply, Problem> {
    let done = ask.house.act_on_queue(ask.caller()?, many(ask.document()?)?, act).await?;
    let left = done.left_because.into_iter().map(|(id, because)| QueuedLeft { id, because });
    Reply::ok(&QueuedMany {
        messages: done.messages,
        recipients: done.recipients,
        recipients_being_tried: done.being_tried,
        moved_to_drafts: done.drafts,
        left_messages: done.left,
        left: left.collect(),
    })
}

pub(crate) async fn retry_many(ask: Ask) -> Result<Reply, Problem> {
    act_on_many(ask, QueueAct::Retry).await
}

pub(crate) async fn hold_many(ask: Ask) -> Result<Reply, Problem> {
    act_on_many(ask, QueueAct::Hold).await
}

pub(crate) async fn remove_many(ask: Ask) -> Result<Reply, Problem> {
    act_on_many(ask, QueueAct::Remove).await
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
    use postern_store::Stopped;
    use postern_types::AccountId;

    const NOW: Timestamp = Timestamp(1_795_381_200_000);

    fn row() -> QueueRow {
        QueueRow {
            number: 7,
            id: "msg_abcdefghijkl".into(),
            account_id: AccountId::new(3).unwrap(),
            account: "support@example.org".into(),
            person: None,
            sender: "alice@example.org".into(),
            from: "support@example.org".into(),
            reverse_path: String::new(),
            size: 1000,
            is_bulk: false,
            hold: None,
            is_held_by_office: false,
            is_taken_out: false,
            stopped: None,
            undo_until: Some(NOW.plus_ms(5000)),
            leaves: NOW.plus_ms(5000),
            is_at_limit: false,
            created: NOW,
            recipients: 1,
            being_tried: 0,
            next_try: Some(NOW.plus_ms(5000)),
            tries: 0,
            last_said: None,
            last_server: None,
        }
    }

    /// What somebody decided comes before what a server said.
    #[test]
    fn each_state_is_told() {
        let later = NOW.plus_ms(60_000);
        let plain = QueueRow { undo_until: None, leaves: NOW, ..row() };
        let state = |row: &QueueRow| message(row.clone(), NOW).state;
        assert_eq!(state(&row()), "undo");
        assert_eq!(state(&QueueRow { hold: Some("held by operator(0)".into()), ..row() }), "held");
        assert_eq!(state(&QueueRow { leaves: later, ..plain.clone() }), "scheduled");
        assert_eq!(state(&QueueRow { leaves: later, is_at_limit: true, ..plain.clone() }), "at-limit");
        assert_eq!(state(&QueueRow { is_at_limit: true, ..plain.clone() }), "due", "there is room again");
        assert_eq!(state(&QueueRow { next_try: Some(NOW), ..plain.clone() }), "due");
        assert_eq!(state(&plain), "due", "put back for a moment, and not tried");
        assert_eq!(state(&QueueRow { tries: 2, next_try: Some(later), ..plain.clone() }), "retrying");
        assert_eq!(state(&QueueRow { tries: 2, next_try: Some(NOW), ..plain.clone() }), "due");
        let tried = QueueRow { being_tried: 1, tries: 2, next_try: None, ..plain.clone() };
        assert_eq!((state(&tried), message(tried, NOW).next_try_at), ("being-tried".to_owned(), None));
        for (stopped, told) in [
            (Stopped::Suspended, "credential-suspended"),
            (Stopped::Compromised, "credential-compromised"),
            (Stopped::SenderSuspended, "sender-suspended"),
        ] {
            let row = QueueRow { stopped: Some(stopped), being_tried: 1, ..plain.clone() };
            assert_eq!((state(&row), message(row, NOW).next_try_at), (told.to_owned(), None));
        }
    }

    #[test]
    fn which_are_meant_is_said_in_one_way() {
        let read = |json: &str| many(serde_json::from_str(json).unwrap());
        assert_eq!(read(r#"{"all":true}"#).unwrap(), QueueMany::All(QueueChoice::All));
        assert_eq!(read(r#"{"messages":["msg_a"]}"#).unwrap(), QueueMany::Named(vec!["msg_a".to_owned()]));
        for json in ["{}", r#"{"all":false}"#, r#"{"all":true,"account":"a@example.org"}"#, r#"{"account":"a"}"#] {
            assert!(read(json).is_err(), "{json}");
        }
        assert_eq!((place("pos_7"), place("msg_abcdefghijkl").is_err(), place("7").is_err()), (Ok(7), true, true));
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
