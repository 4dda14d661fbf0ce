//! What a report says to people: what happened, to whom, why in the words of the server, and what to do next.

use super::{DIAGNOSTIC_BYTES_MAX, Report, ReportKind, ReportRecipient, one_line};
use crate::charset::{clean_line, cut_text};
use crate::compose::wrap;
use crate::date::write_date;

/// Longest subject that is repeated, in characters.
const SUBJECT_CHARACTERS_MAX: usize = 200;
/// The order in which recipients are told of: what asks for something to be done comes first.
const KINDS: [ReportKind; 4] = [ReportKind::Failed, ReportKind::Delayed, ReportKind::Delivered, ReportKind::Relayed];
/// Before each line about a recipient.
const INDENT: &str = "    ";

/// A subject, cut to a length that a line of a list shows.
pub(super) fn shortened(subject: &str) -> String {
    let subject = one_line(subject.trim());
    match subject.char_indices().nth(SUBJECT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", subject[..end].trim_end()),
        None => subject,
    }
}

/// The words of a reply in one line; those of several lines are put beside each other.
pub(super) fn reply(diagnostic: &str) -> String {
    let mut words = clean_line(diagnostic.trim().to_owned());
    cut_text(&mut words, DIAGNOSTIC_BYTES_MAX);
    words
}

/// The subject of the report: the worst that happened, and to which message.
pub(super) fn subject(report: &Report<'_>, original_subject: &str) -> String {
    let worst = KINDS.into_iter().find(|kind| recipients(report, *kind).next().is_some());
    let (about, alone) = match worst {
        Some(ReportKind::Failed) => ("Not delivered", "Your message could not be delivered"),
        Some(ReportKind::Delayed) => ("Delayed", "Your message is delayed"),
        Some(ReportKind::Relayed) => ("Passed on", "Your message was passed on"),
        Some(ReportKind::Delivered) | None => ("Delivered", "Your message was delivered"),
    };
    if original_subject.is_empty() { alone.to_owned() } else { format!("{about}: {original_subject}") }
}

/// The whole text, lines ending with LF.
pub(super) fn text(report: &Report<'_>, original_subject: &str, whole: bool) -> String {
    let mut text = wrap(&opening(report, original_subject), "");
    for kind in KINDS {
        append_kind(&mut text, report, kind);
    }
    let attached = if whole { "Your message is attached." } else { "The header of your message is attached." };
    text.push('\n');
    text.push_str(&wrap(attached, ""));
    text
}

fn opening(report: &Report<'_>, original_subject: &str) -> String {
    let mut opening = format!("This is the mail server {}. It writes about your message", report.hostname);
    if !original_subject.is_empty() {
        opening.push_str(&format!(" \"{original_subject}\""));
    }
    if let Some(arrived) = report.arrived {
        opening.push_str(&format!(" of {}", write_date(arrived)));
    }
    opening.push('.');
    one_line(&opening)
}

fn recipients<'a>(report: &'a Report<'_>, kind: ReportKind) -> impl Iterator<Item = &'a ReportRecipient<'a>> {
    report.recipients.iter().filter(move |recipient| recipient.kind == kind)
}

/// All recipients of one kind: a heading, each of them, and what is true of all.
fn append_kind(text: &mut String, report: &Report<'_>, kind: ReportKind) {
    let mut recipients = recipients(report, kind).peekable();
    if recipients.peek().is_none() {
        return;
    }
    let (heading, ending) = match kind {
        ReportKind::Failed => ("It could not be delivered to:", "It will not be tried again."),
        ReportKind::Delayed => (
            "It has not been delivered yet to:",
            "You need not send it again: the server keeps trying, and tells you if it has to give up.",
        ),
        ReportKind::Delivered => ("It was delivered to:", "Whether it has been read is not known."),
        ReportKind::Relayed => (
            "It was passed on, to a server that does not tell what becomes of it, for:",
            "You hear of it again only if it can not be delivered.",
        ),
    };
    text.push_str(&format!("\n{heading}\n"));
    recipients.for_each(|recipient| append_recipient(text, recipient));
    text.push('\n');
    text.push_str(&wrap(ending, ""));
}

fn append_recipient(text: &mut String, recipient: &ReportRecipient<'_>) {
    text.push('\n');
    // The address that the sender wrote, which is the one they know.
    let written = recipient.original.map(|(_, address)| address).filter(|address| !address.trim().is_empty());
    let address = written.unwrap_or(recipient.final_recipient);
    let diagnostic = recipient.diagnostic.filter(|words| !words.trim().is_empty());
    text.push_str(&wrap(&one_line(address), INDENT));
    if let Some(diagnostic) = diagnostic {
        let words = reply(diagnostic);
        let told = match recipient.remote_server.filter(|server| !server.trim().is_empty()) {
            Some(server) => format!("{} answered: {words}", one_line(server)),
            None => format!("Reason: {words}"),
        };
        text.push_str(&wrap(&told, INDENT));
    }
    match (recipient.kind, recipient.retry_until) {
        (ReportKind::Failed, _) => text.push_str(&wrap(advice(recipient.status, diagnostic.is_some()), INDENT)),
        (ReportKind::Delayed, Some(until)) => {
            text.push_str(&wrap(&format!("It will be tried until {}.", write_date(until)), INDENT));
        }
        _ => {}
    }
}

/// What a failure means and what to do, by its status (RFC 3463 section 3). Which class it had, 4 or 5, makes no
/// difference once it has been given up.
fn advice(status: &str, has_reason: bool) -> &'static str {
    let detail = status.split_once('.').map_or("", |(_, detail)| detail);
    match detail {
        "1.0" | "1.1" | "1.3" => {
            "There is no such mailbox. Look for a typing mistake in the address, then send the message again."
        }
        "1.2" | "1.10" | "4.4" => {
            "The part of the address after the @ takes no mail. Look for a typing mistake in it, then send the message again."
        }
        "1.6" => "The mailbox has moved. Ask for the new address.",
        "2.1" => "The mailbox takes no mail at present. Reach the person in another way.",
        "2.2" => "The mailbox is full. Send the message again in some days, or reach the person in another way.",
        "2.3" | "3.4" => "The message is too large for them. Send it without its attachments, or in smaller parts.",
        "4.6" => "The message went round in a circle. Please show this to whoever looks after your mail.",
        "6.7" => "Their server can not take an address with such letters. Ask for another address.",
        _ if detail.starts_with("4.") => {
            "Their server could not be reached. The message itself is in order: send it again later, or reach the person in \
             another way."
        }
        _ if detail.starts_with("7.") => {
            "Their server refused the message by its rules. Reach the person in another way, and show this to whoever looks \
             after your mail."
        }
        _ if !has_reason => "No reason was given. Please show this to whoever looks after your mail.",
        _ => "If the reason above does not help, please show this to whoever looks after your mail.",
    }
}
