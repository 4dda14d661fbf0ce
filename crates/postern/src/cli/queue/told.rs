//! The queue in words: who sent what, and why it waits.

use super::List;
use crate::cli::dates::seconds;
use crate::cli::output::{bytes, facts, plain, table};
use postern_http::model::{Queue, QueuedMessage, QueuedRecipient, QueuedRemoved, QueuedWithRecipients};
use postern_http::parse_date;
use postern_types::{Timestamp, counted};

/// Letters of what a server said, in a row of a list.
const SAID_IN_A_ROW: usize = 100;

pub(super) fn page(page: &Queue, list: &List, now: Timestamp) -> String {
    if page.messages.is_empty() {
        return none(page, list);
    }
    let headings = ["ID", "FROM", "SENDER", "RECIPIENTS", "SIZE", "AGE", "WAITS"];
    let mut text = table(&headings, page.messages.iter().map(|message| cells(message, now)).collect(), "");
    let recipients = page.messages.iter().map(|message| message.recipients_left).sum();
    let here = to(page.messages.len() as u64, recipients);
    text.push_str(&match page.all_messages > page.messages.len() as u64 {
        true => format!("{here}, newest first; in all {} wait.\n", to(page.all_messages, page.all_recipients)),
        false => format!("{here}, newest first.\n"),
    });
    if let Some(before) = &page.next_before {
        text.push_str(&format!("Next: older ones: postern queue list{} --before {before}\n", flags(list)));
    }
    text
}

/// The flags that say which are listed.
pub(super) fn flags(list: &List) -> String {
    let account = list.account.iter().map(|account| format!(" --account {account}"));
    account.chain(list.credential.iter().map(|credential| format!(" --credential {credential}"))).collect()
}

fn none(page: &Queue, list: &List) -> String {
    let List { account, credential, before } = list;
    match (account, credential) {
        _ if before.is_some() => "Nothing older waits to be sent.\n".to_owned(),
        (Some(account), _) => format!("Nothing waits to be sent as {account}.\n"),
        (_, Some(credential)) => format!("Nothing that {credential} handed in waits to be sent.\n"),
        _ if page.only_own => {
            "Nothing that you sent waits to be sent.\nNext: what is sent as a mailbox that you own: postern queue list \
             --account SHARED\n"
                .to_owned()
        }
        _ => "Nothing waits to be sent.\n".to_owned(),
    }
}

/// `2 messages to 5 recipients`.
pub(super) fn to(messages: u64, recipients: u64) -> String {
    format!("{} to {}", counted(messages, "message"), counted(recipients, "recipient"))
}

/// A message as a row. What came from outside stays in its place.
fn cells(message: &QueuedMessage, now: Timestamp) -> Vec<String> {
    vec![
        message.id.clone(),
        plain(&message.from),
        plain(&message.sender),
        message.recipients_left.to_string(),
        bytes(message.bytes),
        age(&message.created_at, now),
        waits(message, now, SAID_IN_A_ROW),
    ]
}

/// For how long it waits, in its largest unit.
fn age(since: &str, now: Timestamp) -> String {
    let Ok(since) = parse_date(since) else { return "-".to_owned() };
    let seconds = now.0.saturating_sub(since.0).max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Why it waits, in words; of what a server said at most so many letters.
fn waits(message: &QueuedMessage, now: Timestamp, letters: usize) -> String {
    let at = |at: &Option<String>| at.as_deref().map_or_else(|| "-".to_owned(), seconds);
    let tried = match message.tries {
        0 => String::new(),
        1 => "tried once".to_owned(),
        tries => format!("tried {tries} times"),
    };
    let said =
        message.last_said.as_ref().map(|said| format!(": {}", cut(&by_server(said, &message.last_server), letters)));
    let tried = tried + &said.unwrap_or_default();
    let and_tried = |text: String| if tried.is_empty() { text } else { format!("{text}; {tried}") };
    let under_way = match message.recipients_being_tried {
        0 => String::new(),
        some => format!("; on its way to {} at this moment", counted(some, "recipient")),
    };
    match message.state.as_str() {
        "held" => {
            let why = message.held_because.as_deref().map(plain).unwrap_or_default();
            // `held by alice@example.org`, or why the house holds it.
            let why = if why.starts_with("held by ") { why } else { format!("held: {why}") };
            and_tried(format!("{why}{under_way}"))
        }
        "undo" => format!("can be taken back until {}", at(&message.undo_until)),
        "credential-suspended" => and_tried("its credential is suspended".to_owned()),
        "sender-suspended" => and_tried("its sender is suspended, or its mailbox closed".to_owned()),
        "credential-compromised" => "its credential was taken back as compromised: it is taken out".to_owned(),
        "scheduled" => format!("for its time, {}", at(&message.next_try_at)),
        "at-limit" => format!("for room within a sending limit, {}", at(&message.next_try_at)),
        "being-tried" => and_tried(match message.recipients_left {
            1 => "being tried now".to_owned(),
            _ => format!("being tried now for {}", counted(message.recipients_being_tried, "recipient")),
        }),
        "retrying" => format!("{tried}; next {}", at(&message.next_try_at)),
        _ => match parse_date(&message.created_at).is_ok_and(|created| now.0 - created.0 < 60_000) {
            true => and_tried("leaves now".to_owned()),
            false => and_tried("leaves as soon as there is room".to_owned()),
        },
    }
}

/// What a server said, and which.
fn by_server(said: &str, server: &Option<String>) -> String {
    match server {
        Some(server) => format!("{} ({})", plain(said), plain(server)),
        None => plain(said),
    }
}

fn cut(text: &str, letters: usize) -> String {
    match text.char_indices().nth(letters) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// All that is to be known of one.
pub(super) fn all(seen: &QueuedWithRecipients, now: Timestamp) -> String {
    let message = &seen.message;
    let mut text = facts(&[
        ("Message", message.id.clone()),
        ("From", plain(&message.from)),
        ("Sender", plain(&message.sender)),
        ("Sent as", message.account.clone()),
        ("Comes back to", message.reverse_path.as_deref().map_or_else(|| "nobody".to_owned(), plain)),
        ("Size", bytes(message.bytes)),
        ("Handed in", seconds(&message.created_at)),
        ("Bulk", if message.bulk { "yes: it leaves behind what people send" } else { "" }.to_owned()),
        ("Waits", waits(message, now, usize::MAX)),
    ]);
    text.push('\n');
    let rows = seen.recipients.iter().map(recipient).collect();
    text.push_str(&table(&["RECIPIENT", "TRIES", "NEXT TRY", "SAID"], rows, "Nobody waits for it any more."));
    let shown = seen.recipients.len() as u64;
    if message.recipients_left > shown {
        text.push_str(&format!("… and {} more.\n", message.recipients_left - shown));
    }
    text.push_str(&what_next(seen));
    text
}

/// What may be done about it. To whom it is on its way, it can not be sent once more.
fn what_next(seen: &QueuedWithRecipients) -> String {
    let (message, id) = (&seen.message, &seen.message.id);
    let all_are_tried = message.recipients_being_tried >= message.recipients_left;
    let retry =
        (seen.retry_refused.is_none() && !all_are_tried).then(|| format!("to try it now: postern queue retry {id}"));
    let hold = message.held_because.is_none().then(|| format!("to hold it: postern queue hold {id}"));
    let remove = Some(format!("to take it out: postern queue remove {id}"));
    let next: Vec<String> = [retry, hold, remove].into_iter().flatten().collect();
    let refused = seen.retry_refused.as_ref().map(|because| format!("It can not be sent now: {}.\n", plain(because)));
    format!("{}Next: {}\n", refused.unwrap_or_default(), next.join("; "))
}

fn recipient(one: &QueuedRecipient) -> Vec<String> {
    let next = match (&one.next_try_at, one.is_being_tried) {
        (_, true) => "being tried".to_owned(),
        (Some(at), false) => seconds(at),
        // Why, the message says.
        (None, false) => "-".to_owned(),
    };
    let said = one.last_said.as_ref().map_or_else(|| "-".to_owned(), |said| by_server(said, &one.last_server));
    vec![plain(&one.address), one.tries.to_string(), next, said]
}

pub(super) fn sent_now(seen: &QueuedWithRecipients) -> String {
    let message = &seen.message;
    format!(
        "{} is tried now, for {}. What does not get through is tried again, ever more rarely.\nNext: see what becomes of it: \
         postern queue show {}; once it has left it is not there any more\n",
        message.id,
        counted(message.recipients_left, "recipient"),
        message.id
    )
}

pub(super) fn held(seen: &QueuedWithRecipients) -> String {
    let id = &seen.message.id;
    let under_way = seen.recipients.iter().filter(|one| one.is_being_tried).count();
    let under_way = match under_way {
        0 => String::new(),
        some => format!("{} at this moment, and may get it all the same.\n", on_its_way(some as u64)),
    };
    format!(
        "{id} is held: it leaves when somebody says so.\n{under_way}Next: to send it: postern queue retry {id}; to take \
         it out: postern queue remove {id}\n"
    )
}

/// `It is on its way to 2 recipients`.
fn on_its_way(recipients: u64) -> String {
    format!("It is on its way to {}", counted(recipients, "recipient"))
}

pub(super) fn taken_out(removed: &QueuedRemoved) -> String {
    let message = &removed.message.message;
    let left = message.recipients_left.saturating_sub(removed.removed_recipients);
    if removed.removed_recipients == 0 && left > 0 {
        return format!(
            "{} is taken out, unless it arrives now: it is on its way to {} at this moment, and is not tried again. Where it \
             had not begun, its copy goes to Drafts.\nNext: see what becomes of it: postern queue show {}\n",
            message.id,
            counted(left, "recipient"),
            message.id
        );
    }
    let verb = if removed.removed_recipients == 1 { "does" } else { "do" };
    let gone = format!("{} {verb} not get it", counted(removed.removed_recipients, "recipient"));
    let under_way = match left {
        0 => String::new(),
        left => format!("{} at this moment, and may get it all the same.\n", on_its_way(left)),
    };
    let next = match removed.moved_to_drafts {
        0 => "a copy in Sent, where there is one, stays there; delete it where it should not",
        1 => "its copy is in Drafts now, to go on with",
        _ => "its copies are in Drafts now, in each mailbox that had one",
    };
    format!(
        "{} is taken out: {gone}, and {} hears nothing of that.\n{under_way}Next: {next}\n",
        message.id,
        plain(&message.sender)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::Address;

    /// 2026-11-22T21:10:00Z.
    const NOW: Timestamp = Timestamp(1_795_381_800_000);
    const ALL: List = List { account: None, credential: None, before: None };

    fn message() -> QueuedMessage {
        QueuedMessage {
            id: "msg_abcdefghijkl".into(),
            account: "support@example.org".into(),
            sender: "alice@example.org".into(),
            from: "support@example.org".into(),
            reverse_path: Some("support@example.org".into()),
            bytes: 2048,
            bulk: false,
            state: "retrying".into(),
            held_because: None,
            undo_until: None,
            created_at: "2026-11-22T21:00:00.250Z".into(),
            recipients_left: 2,
            recipients_being_tried: 0,
            next_try_at: Some("2026-11-22T21:12:00Z".into()),
            tries: 3,
            last_said: Some("451 4.7.1 come back later".into()),
            last_server: Some("mx.example.net".into()),
        }
    }

    fn listed(messages: Vec<QueuedMessage>, (all_messages, all_recipients): (u64, u64)) -> Queue {
        Queue { messages, next_before: None, all_messages, all_recipients, only_own: false }
    }

    fn waiting(address: &str) -> QueuedRecipient {
        QueuedRecipient {
            address: address.into(),
            tries: 3,
            is_being_tried: false,
            next_try_at: Some("2026-11-22T21:12:00Z".into()),
            last_said: Some("451 4.7.1 come back later".into()),
            last_server: Some("mx.example.net".into()),
        }
    }

    #[test]
    fn a_page_tells_who_sent_what_and_what_it_waits_for() {
        let held = Some("held by operator(0)".into());
        let held = QueuedMessage {
            state: "held".into(),
            held_because: held,
            next_try_at: None,
            tries: 0,
            last_said: None,
            ..message()
        };
        let text = page(&listed(vec![message(), held], (2, 4)), &ALL, NOW);
        assert_eq!(
            text,
            "ID                FROM                 SENDER             RECIPIENTS  SIZE     AGE  WAITS\n\
             msg_abcdefghijkl  support@example.org  alice@example.org  2           2.0 KiB  9m   tried 3 times: 451 4.7.1 come back later (mx.example.net); next 2026-11-22T21:12:00Z\n\
             msg_abcdefghijkl  support@example.org  alice@example.org  2           2.0 KiB  9m   held by operator(0)\n\
             2 messages to 4 recipients, newest first.\n"
        );
        let next_before = Some("pos_17".to_owned());
        let text = page(&Queue { next_before, ..listed(vec![message()], (500, 600)) }, &ALL, NOW);
        assert!(text.contains("newest first; in all 500 messages to 600 recipients wait.\n"), "{text}");
        assert!(text.ends_with("Next: older ones: postern queue list --before pos_17\n"));
    }

    #[test]
    fn an_empty_queue_says_whose() {
        let said = |only_own, list: &List| page(&Queue { only_own, ..listed(Vec::new(), (0, 0)) }, list, NOW);
        assert_eq!(said(false, &ALL), "Nothing waits to be sent.\n");
        assert!(said(true, &ALL).contains("postern queue list --account SHARED"));
        let of_one = List { account: Address::parse("support@example.org").ok(), ..ALL };
        assert_eq!(said(false, &of_one), "Nothing waits to be sent as support@example.org.\n");
        let of_tool = List { credential: Some("crd_abcd2345".into()), ..ALL };
        assert_eq!(said(false, &of_tool), "Nothing that crd_abcd2345 handed in waits to be sent.\n");
    }

    #[test]
    fn what_it_waits_for_is_told_in_words() {
        let told =
            |state: &str, message: QueuedMessage| waits(&QueuedMessage { state: state.into(), ..message }, NOW, 16);
        let fresh = QueuedMessage { tries: 0, last_said: None, created_at: "2026-11-22T21:10:00Z".into(), ..message() };
        let held = QueuedMessage { held_because: Some("bob@example.org answered".into()), ..fresh.clone() };
        let undo = QueuedMessage { undo_until: Some("2026-11-22T21:11:00.250Z".into()), ..fresh.clone() };
        for (state, message, expected) in [
            (
                "held",
                QueuedMessage { recipients_being_tried: 1, ..held.clone() },
                "held: bob@example.org answered; on its way to 1 recipient at this moment",
            ),
            ("undo", undo, "can be taken back until 2026-11-22T21:11:00Z"),
            ("credential-suspended", fresh.clone(), "its credential is suspended"),
            ("credential-suspended", message(), "its credential is suspended; tried 3 times: 451 4.7.1 come b…"),
            ("credential-compromised", fresh.clone(), "its credential was taken back as compromised: it is taken out"),
            ("scheduled", fresh.clone(), "for its time, 2026-11-22T21:12:00Z"),
            ("at-limit", fresh.clone(), "for room within a sending limit, 2026-11-22T21:12:00Z"),
            (
                "being-tried",
                QueuedMessage { recipients_left: 1, next_try_at: None, ..fresh.clone() },
                "being tried now",
            ),
            (
                "being-tried",
                QueuedMessage { recipients_being_tried: 2, tries: 1, last_said: None, ..message() },
                "being tried now for 2 recipients; tried once",
            ),
            ("retrying", message(), "tried 3 times: 451 4.7.1 come b…; next 2026-11-22T21:12:00Z"),
            ("due", fresh.clone(), "leaves now"),
            ("due", QueuedMessage { tries: 0, last_said: None, ..message() }, "leaves as soon as there is room"),
        ] {
            assert_eq!(told(state, message), expected, "{state}");
        }
        assert_eq!(
            [0, 59, 60, 7199, 86_400].map(|back| {
                let since = postern_http::show_date(NOW.plus_ms(-back * 1000));
                age(&since, NOW)
            }),
            ["0s", "59s", "1m", "1h", "1d"]
        );
    }

    #[test]
    fn one_message_shows_who_waits_and_what_was_said() {
        let recipients = vec![waiting("customer@example.net")];
        let seen = QueuedWithRecipients { message: message(), recipients, retry_refused: None };
        let text = all(&seen, NOW);
        assert!(text.contains("451 4.7.1 come back later (mx.example.net)\n… and 1 more.\n"), "{text}");
        assert!(text.contains("postern queue hold msg_abcdefghijkl; to take it out: "), "{text}");
        assert!(!text.contains("Bulk"), "{text}");
        let kept =
            QueuedWithRecipients { retry_refused: Some("msg_x waits for its credential".into()), ..seen.clone() };
        let text = all(&kept, NOW);
        assert!(
            text.contains("\nIt can not be sent now: msg_x waits for its credential.\nNext: to hold it: "),
            "{text}"
        );
        let tried = QueuedMessage { recipients_being_tried: 2, ..message() };
        let text = all(&QueuedWithRecipients { message: tried, ..seen }, NOW);
        assert!(!text.contains("queue retry"), "{text}");
    }

    /// A server elsewhere says what it likes, and does not draw on the terminal.
    #[test]
    fn a_line_stays_one_line() {
        let hostile = QueuedRecipient { last_said: Some("no\n\u{1b}[2Jway".into()), ..waiting("x@example.net") };
        assert_eq!(recipient(&hostile)[3], "no\u{fffd}\u{fffd}[2Jway (mx.example.net)");
    }

    #[test]
    fn what_was_taken_out_says_who_gets_it_all_the_same() {
        let removed = |removed_recipients| QueuedRemoved {
            removed_recipients,
            moved_to_drafts: 0,
            message: QueuedWithRecipients { message: message(), recipients: Vec::new(), retry_refused: None },
        };
        assert!(taken_out(&removed(2)).starts_with(
            "msg_abcdefghijkl is taken out: 2 recipients do not get it, and alice@example.org hears nothing of that.\nNext"
        ));
        let some = taken_out(&removed(1));
        assert!(
            some.contains("1 recipient does not get it") && some.contains("on its way to 1 recipient at"),
            "{some}"
        );
        assert!(taken_out(&removed(0)).starts_with("msg_abcdefghijkl is taken out, unless it arrives now: "));
        let back = taken_out(&QueuedRemoved { moved_to_drafts: 1, ..removed(2) });
        assert!(back.ends_with("Next: its copy is in Drafts now, to go on with\n"), "{back}");
    }
}
