//! `[limits]`: one table says each key's name, what it is for, and how far it may go; the
//! file, the checks and the commented defaults all come from it.

use super::error::Problem;
use postern_types::Limits;
use std::collections::BTreeMap;

pub(super) struct LimitKey {
    pub name: &'static str,
    pub what: &'static str,
    least: i64,
    most: i64,
    pub get: fn(&Limits) -> u64,
    set: fn(&mut Limits, u64),
}

/// A key of the same name as its field; values are checked against `usize` by their range.
macro_rules! limit {
    ($field:ident: $kind:ty, $least:expr, $most:expr, $what:literal) => {
        LimitKey {
            name: stringify!($field),
            what: $what,
            least: $least,
            most: $most,
            get: |limits| limits.$field as u64,
            set: |limits, value| limits.$field = value as $kind,
        }
    };
}

pub(super) const LIMITS: [LimitKey; 18] = [
    limit!(message_bytes: u64, 64 << 10, 1 << 30, "Largest message, in bytes."),
    limit!(recipients: usize, 100, 10_000, "Recipients of one message (RFC 5321 section 4.5.3.1.8 asks for 100)."),
    limit!(submission_recipients: usize, 1, 10_000, "Recipients of one message that is submitted."),
    limit!(received_fields: usize, 10, 1000, "Received fields before a message is taken for a loop."),
    limit!(sign_in_attempts: u32, 1, 100, "Sign-ins that may fail before a connection is closed."),
    limit!(sign_in_seconds: u64, 5, 3600, "Time a connection may take to sign in."),
    limit!(idle_seconds: u64, 1800, 86_400, "Silence before a session ends (RFC 9051 section 5.4: 30 minutes or more)."),
    limit!(bad_commands: u32, 1, 1000, "Bad commands in a row before a session ends."),
    limit!(line_bytes: usize, 8 << 10, 16 << 20, "Longest command line, in bytes, small literals included."),
    limit!(compressed_connections: u32, 0, 100_000, "IMAP connections that compress at once (COMPRESS=DEFLATE); 0: none is offered it."),
    limit!(notify_mailboxes: usize, 10, 100_000, "Mailboxes that one IMAP connection may watch (NOTIFY)."),
    limit!(mailboxes_per_account: u64, 10, 1_000_000, "Mailboxes in one account."),
    limit!(parsing_bytes: usize, 64 << 20, 64 << 30, "Bytes of messages taken in at once, over all connections."),
    limit!(listed_messages: u64, 0, 1 << 32, "Messages up to which SELECT reads a mailbox whole; larger ones are read when it is needed."),
    limit!(snapshot_bytes: usize, 1 << 20, 64 << 30, "Bytes of lists of messages that are kept for the next to open their mailboxes."),
    limit!(disk_reserve_bytes: u64, 0, 1 << 40, "Bytes kept free on the disk of the data folder: with less no new mail is taken; 0 for none."),
    limit!(queue_days: u32, 1, 30, "Days before a message that can not be delivered is returned (RFC 5321 section 4.5.4.1)."),
    limit!(queue_delay_hours: u32, 1, 72, "Hours before its sender is told that a message is delayed."),
];

/// The limits of the file over the defaults.
pub(super) fn check(given: &BTreeMap<String, i64>) -> Result<Limits, Problem> {
    let mut limits = Limits::default();
    for (name, value) in given {
        let path = format!("limits.{name}");
        let Some(key) = LIMITS.iter().find(|key| key.name == name) else {
            let known: Vec<_> = LIMITS.iter().map(|key| key.name).collect();
            let reason = format!("[limits] has no {name}; it knows {}", known.join(", "));
            return Err(Problem::new(path, reason, "correct the name or remove the line"));
        };
        in_range(&path, *value, key.least, key.most).map(|value| (key.set)(&mut limits, value))?;
    }
    if (limits.parsing_bytes as u64) < limits.message_bytes {
        let reason = "[limits] parsing_bytes is below message_bytes: the largest message could never be taken in";
        return Err(Problem::new("limits.parsing_bytes", reason, "raise parsing_bytes or lower message_bytes"));
    }
    Ok(limits)
}

/// A number between two ends, both included.
pub(super) fn in_range(key: &str, value: i64, least: i64, most: i64) -> Result<u64, Problem> {
    let within = u64::try_from(value).ok().filter(|_| (least..=most).contains(&value));
    within.ok_or_else(|| {
        Problem::new(key, format!("{key} is {value}"), format!("give it a number from {least} to {most}"))
    })
}
