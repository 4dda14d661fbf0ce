//! `postern queue`: what waits to be sent, and what may be done about it.
//!
//! It shows envelopes and never mail. A sender takes back what has not left with `queue remove`.

use super::clock;
use super::dates::seconds;
use super::failure::Failure;
use super::output::{Said, bytes, facts, plain, table};
use super::transport::{Client, segment};
use clap::{Args, Subcommand};
use postern_http::model::{Queue, QueuedMessage, QueuedRecipient, QueuedRemoved, QueuedWithRecipients};
use postern_http::parse_date;
use postern_types::{Address, Timestamp};

/// What to do with what waits to be sent.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// What waits to be sent, newest first
    ///
    /// Administrators see all of it, owners what is sent as their mailbox (--account), and everybody what
    /// they sent themselves.
    List(List),
    /// A message that waits, with those who have not got it and what their servers said
    Show {
        /// Its id, such as msg_abcdefghijkl
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Send it now, whatever it waits for
    Retry {
        /// Its id, such as msg_abcdefghijkl
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Hold it until somebody sends or removes it
    Hold {
        /// Its id, such as msg_abcdefghijkl
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take it out: who waits for it does not get it
    ///
    /// This takes back what has not left. Its sender hears nothing of it, and the copy in Sent stays.
    Remove {
        /// Its id, such as msg_abcdefghijkl
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Which messages.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only what is sent as the account with this address
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    account: Option<Address>,
    /// Only what was handed in before this one, as the page before names it
    #[arg(long, value_name = "ID")]
    before: Option<String>,
}

const QUEUE: &str = "/api/v1/queue";
const WHICH: &str = "it has left, or it is not yours to see; what waits: postern queue list";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::List(list) => listed(&list, client).await,
        Verb::Show { id } => {
            let seen: Result<QueuedWithRecipients, Failure> = client.get(&path(&id)).await;
            let seen = seen.map_err(|failure| failure.if_absent(WHICH))?;
            Ok(Said::new(all(&seen, clock::now()), &seen))
        }
        Verb::Retry { id } => {
            let seen = act(client, &id, "retry").await?;
            Ok(Said::new(sent_now(&seen), &seen))
        }
        Verb::Hold { id } => {
            let seen = act(client, &id, "hold").await?;
            Ok(Said::new(held(&seen), &seen))
        }
        Verb::Remove { id } => {
            let removed: Result<QueuedRemoved, Failure> = client.act("DELETE", &path(&id)).await;
            let removed = removed.map_err(|failure| failure.if_absent(WHICH))?;
            Ok(Said::new(taken_out(&removed), &removed))
        }
    }
}

fn path(id: &str) -> String {
    format!("{QUEUE}/{}", segment(id))
}

async fn act(client: &mut Client, id: &str, verb: &str) -> Result<QueuedWithRecipients, Failure> {
    let done: Result<QueuedWithRecipients, Failure> = client.act("POST", &format!("{}/{verb}", path(id))).await;
    done.map_err(|failure| failure.if_absent(WHICH))
}

async fn listed(list: &List, client: &mut Client) -> Result<Said, Failure> {
    let account = list.account.as_ref().map(|account| format!("account={}", segment(account.as_str())));
    let before = list.before.as_ref().map(|before| format!("before={}", segment(before)));
    let query = [account, before].into_iter().flatten().collect::<Vec<_>>().join("&");
    let target = if query.is_empty() { QUEUE.to_owned() } else { format!("{QUEUE}?{query}") };
    let page: Result<Queue, Failure> = client.get(&target).await;
    let page = page.map_err(|failure| match list.before {
        Some(_) => failure.if_absent("begin anew: postern queue list"),
        None => failure.if_absent("see which there are: postern shared list"),
    })?;
    Ok(Said::new(told(&page, list, clock::now()), &page))
}

fn told(page: &Queue, list: &List, now: Timestamp) -> String {
    if page.messages.is_empty() {
        return none(page, list);
    }
    let headings = ["ID", "FROM", "SENDER", "RECIPIENTS", "SIZE", "AGE", "NEXT"];
    let mut text = table(&headings, page.messages.iter().map(|message| cells(message, now)).collect(), "");
    let recipients = page.messages.iter().map(|message| message.recipients_left).sum();
    let here = to(page.messages.len() as u64, recipients);
    text.push_str(&match (page.all_messages, page.all_recipients) {
        (Some(messages), Some(all)) if messages > page.messages.len() as u64 => {
            format!("{here}, newest first; in all {} wait.\n", to(messages, all))
        }
        _ => format!("{here}, newest first.\n"),
    });
    if let Some(before) = &page.next_before {
        text.push_str(&format!("Next: older ones: postern queue list --before {before}, with the same flags\n"));
    }
    text
}

fn none(page: &Queue, list: &List) -> String {
    match (&list.account, page.all_messages, &list.before) {
        (_, _, Some(_)) => "Nothing older waits to be sent.\n".to_owned(),
        (Some(account), ..) => format!("Nothing waits to be sent as {account}.\n"),
        (None, Some(_), _) => "Nothing waits to be sent.\n".to_owned(),
        (None, None, _) => {
            "Nothing that you sent waits to be sent.\nNext: what is sent as a mailbox that you own: postern \
                            queue list --account SHARED\n"
                .to_owned()
        }
    }
}

/// `2 messages to 5 recipients`.
fn to(messages: u64, recipients: u64) -> String {
    format!("{} to {}", count(messages, "message"), count(recipients, "recipient"))
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
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
        next(message, now),
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

/// What it waits for.
fn next(message: &QueuedMessage, now: Timestamp) -> String {
    let tries = match message.tries {
        0 => String::new(),
        1 => ", tried once".to_owned(),
        tries => format!(", tried {tries} times"),
    };
    match (&message.held_because, &message.undo_until, &message.next_try_at) {
        // `held by alice@example.org`, or why the house holds it.
        (Some(why), ..) if why.starts_with("held by ") => format!("{}{tries}", plain(why)),
        (Some(why), ..) => format!("held: {}{tries}", plain(why)),
        (None, Some(until), _) => format!("can be taken back until {}", seconds(until)),
        (None, None, Some(at)) if parse_date(at).is_ok_and(|at| at <= now) => format!("now{tries}"),
        (None, None, Some(at)) => format!("{}{tries}", seconds(at)),
        (None, None, None) => format!("-{tries}"),
    }
}

/// All that is to be known of one.
fn all(seen: &QueuedWithRecipients, now: Timestamp) -> String {
    let message = &seen.message;
    let mut text = facts(&[
        ("Message", message.id.clone()),
        ("From", plain(&message.from)),
        ("Sender", plain(&message.sender)),
        ("Sent as", message.account.clone()),
        ("Comes back to", message.reverse_path.as_deref().map_or_else(|| "nobody".to_owned(), plain)),
        ("Size", bytes(message.bytes)),
        ("Handed in", seconds(&message.created_at)),
        ("Campaign", if message.campaign { "yes: it leaves behind what people send" } else { "" }.to_owned()),
        ("Next", next(message, now)),
    ]);
    text.push('\n');
    let rows = seen.recipients.iter().map(recipient).collect();
    text.push_str(&table(&["RECIPIENT", "TRIES", "NEXT TRY", "SAID"], rows, "Nobody waits for it any more."));
    let shown = seen.recipients.len() as u64;
    if message.recipients_left > shown {
        text.push_str(&format!("… and {} more.\n", message.recipients_left - shown));
    }
    let id = &message.id;
    let keep = match message.held_because {
        Some(_) => String::new(),
        None => format!("; to hold it: postern queue hold {id}"),
    };
    text.push_str(&format!(
        "Next: to send it now: postern queue retry {id}{keep}; to take it out: postern queue remove {id}\n"
    ));
    text
}

fn recipient(one: &QueuedRecipient) -> Vec<String> {
    let next = match (&one.next_try_at, one.is_being_tried) {
        (_, true) => "being tried".to_owned(),
        (Some(at), false) => seconds(at),
        (None, false) => "held".to_owned(),
    };
    let said = match (&one.last_said, &one.last_server) {
        (Some(said), Some(server)) => format!("{} ({})", plain(said), plain(server)),
        (Some(said), None) => plain(said),
        (None, _) => "-".to_owned(),
    };
    vec![plain(&one.address), one.tries.to_string(), next, said]
}

fn sent_now(seen: &QueuedWithRecipients) -> String {
    let message = &seen.message;
    format!(
        "{} is sent now, to {}.\nNext: see what becomes of it: postern queue show {}; once it has left it is not there \
         any more\n",
        message.id,
        count(message.recipients_left, "recipient"),
        message.id
    )
}

fn held(seen: &QueuedWithRecipients) -> String {
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
    format!("It is on its way to {}", count(recipients, "recipient"))
}

fn taken_out(removed: &QueuedRemoved) -> String {
    let message = &removed.message.message;
    let left = message.recipients_left.saturating_sub(removed.removed_recipients);
    if removed.removed_recipients == 0 && left > 0 {
        return format!(
            "Nothing is taken out: {} is on its way to {} at this moment.\nNext: see what becomes of it: postern queue show \
             {}\n",
            message.id,
            count(left, "recipient"),
            message.id
        );
    }
    let verb = if removed.removed_recipients == 1 { "does" } else { "do" };
    let gone = format!("{} {verb} not get it", count(removed.removed_recipients, "recipient"));
    let under_way = match left {
        0 => String::new(),
        left => format!("{} at this moment, and may get it all the same.\n", on_its_way(left)),
    };
    let next = match removed.moved_to_drafts {
        0 => "a copy that was filed in Sent stays there; delete it where it should not",
        _ => "its copy is in Drafts now, to go on with",
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

    /// 2026-11-22T21:10:00Z.
    const NOW: Timestamp = Timestamp(1_795_381_800_000);
    const ALL: List = List { account: None, before: None };

    fn message() -> QueuedMessage {
        QueuedMessage {
            id: "msg_abcdefghijkl".into(),
            account: "support@example.org".into(),
            sender: "alice@example.org".into(),
            from: "support@example.org".into(),
            reverse_path: Some("support@example.org".into()),
            bytes: 2048,
            campaign: false,
            held_because: None,
            undo_until: None,
            created_at: "2026-11-22T21:00:00.250Z".into(),
            recipients_left: 2,
            next_try_at: Some("2026-11-22T21:12:00Z".into()),
            tries: 3,
        }
    }

    fn page(messages: Vec<QueuedMessage>, all: Option<(u64, u64)>) -> Queue {
        let (all_messages, all_recipients) = all.unzip();
        Queue { messages, next_before: None, all_messages, all_recipients }
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
        let held = QueuedMessage { held_because: Some("held by operator(0)".into()), next_try_at: None, ..message() };
        let text = told(&page(vec![message(), held], Some((2, 4))), &ALL, NOW);
        assert_eq!(
            text,
            "ID                FROM                 SENDER             RECIPIENTS  SIZE     AGE  NEXT\n\
             msg_abcdefghijkl  support@example.org  alice@example.org  2           2.0 KiB  9m   2026-11-22T21:12:00Z, tried 3 times\n\
             msg_abcdefghijkl  support@example.org  alice@example.org  2           2.0 KiB  9m   held by operator(0), tried 3 times\n\
             2 messages to 4 recipients, newest first.\n"
        );
        let next_before = Some("msg_aaaaaaaaaaaa".to_owned());
        let text = told(&Queue { next_before, ..page(vec![message()], Some((500, 600))) }, &ALL, NOW);
        assert!(text.contains("newest first; in all 500 messages to 600 recipients wait.\n"), "{text}");
        assert!(
            text.ends_with("Next: older ones: postern queue list --before msg_aaaaaaaaaaaa, with the same flags\n")
        );
    }

    #[test]
    fn an_empty_queue_says_whose() {
        let said = |all, list: &List| told(&page(Vec::new(), all), list, NOW);
        assert_eq!(said(Some((0, 0)), &ALL), "Nothing waits to be sent.\n");
        assert!(said(None, &ALL).contains("postern queue list --account SHARED"));
        let of_one = List { account: Address::parse("support@example.org").ok(), before: None };
        assert_eq!(said(None, &of_one), "Nothing waits to be sent as support@example.org.\n");
    }

    #[test]
    fn what_it_waits_for_is_told_in_words() {
        let fresh = QueuedMessage { tries: 0, ..message() };
        assert_eq!(next(&fresh, NOW), "2026-11-22T21:12:00Z");
        assert_eq!(next(&fresh, NOW.plus_ms(3_600_000)), "now");
        let undo = QueuedMessage { undo_until: Some("2026-11-22T21:12:00Z".into()), ..fresh };
        assert_eq!(next(&undo, NOW), "can be taken back until 2026-11-22T21:12:00Z");
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
        let seen = QueuedWithRecipients { message: message(), recipients: vec![waiting("customer@example.net")] };
        let text = all(&seen, NOW);
        assert!(text.contains("451 4.7.1 come back later (mx.example.net)\n… and 1 more.\n"), "{text}");
        assert!(text.contains("postern queue hold msg_abcdefghijkl; to take it out: "), "{text}");
        assert!(!text.contains("Campaign"), "{text}");
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
            message: QueuedWithRecipients { message: message(), recipients: Vec::new() },
        };
        assert!(taken_out(&removed(2)).starts_with(
            "msg_abcdefghijkl is taken out: 2 recipients do not get it, and alice@example.org hears nothing of that.\nNext"
        ));
        let some = taken_out(&removed(1));
        assert!(
            some.contains("1 recipient does not get it") && some.contains("on its way to 1 recipient at"),
            "{some}"
        );
        assert!(taken_out(&removed(0)).starts_with("Nothing is taken out: "));
        let back = taken_out(&QueuedRemoved { moved_to_drafts: 1, ..removed(2) });
        assert!(back.ends_with("Next: its copy is in Drafts now, to go on with\n"), "{back}");
    }
}
