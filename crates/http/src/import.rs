//! Mail that is brought from elsewhere, some messages in a request: each is a line of JSON that says how long it is, and
//! its bytes.
//!
//! Not one document, for messages are bytes and large: they are taken apart as they come, each into a buffer of its
//! own, for which there is room ([`postern_app::Room`]). Nothing is read of whoever may not import.

use crate::model;
use crate::problem::{Kind, Problem};
use crate::route::{Ask, Reply, field};
use crate::time::parse_date;
use axum::body::Body;
use http_body_util::BodyExt;
use postern_app::{IMPORT_MESSAGES, ImportMessage, Room};
use postern_types::{Address, Flags, MailboxName, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What the body is, for the description.
pub(crate) const BODY: &str = "Messages, one after the other. Each is a line of JSON, ended by LF, with `bytes` (how many follow), \
     `flags` (a list such as `[\"\\\\Seen\"]`) and `received_at` (RFC 3339; now, without it), and then that many bytes: the \
     message, its lines ended by CRLF.";
/// One message.
pub(crate) const EXAMPLE: &str = "{\"bytes\":72,\"flags\":[\"\\\\Seen\"],\"received_at\":\"2024-05-01T08:00:00Z\"}\n\
     From: joel@example.net\r\nTo: support@example.org\r\nSubject: Hi\r\n\r\nHello.\r\n";

/// Bytes of the line before a message.
const HEAD_BYTES: usize = 16 << 10;
/// A request comes within that time: the largest message over a slow line.
const BODY_TIME: Duration = Duration::from_secs(600);
/// The latest date that a message can have: the last moment of 9999, for IMAP writes four digits.
const LAST_DATE: Timestamp = Timestamp(253_402_300_799_000);

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let account = ask.house.may_import(ask.caller()?, &address).await?;
    let message_bytes = ask.house.limits().message_bytes;
    let (request_messages, request_bytes) = (IMPORT_MESSAGES as u64, request_bytes(message_bytes));
    Reply::ok(&model::ImportTerms { account, message_bytes, request_messages, request_bytes })
}

/// The largest message and the lines of all.
fn request_bytes(message_bytes: u64) -> u64 {
    message_bytes + (IMPORT_MESSAGES * HEAD_BYTES) as u64
}

pub(crate) async fn add(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let asked: model::ImportParameters = ask.query()?;
    let mailbox = field("mailbox", asked.mailbox.as_deref().unwrap_or(MailboxName::INBOX), MailboxName::parse)?;
    ask.house.may_import(ask.caller()?, &address).await?;
    let mut room = ask.house.room(ask.visit.peer());
    let reading = read(ask.stream(), request_bytes(ask.house.limits().message_bytes), &mut room);
    let too_slow = |_| Problem::new(Kind::TooSlow, format!("The body comes within {} s", BODY_TIME.as_secs()));
    let messages = tokio::time::timeout(BODY_TIME, reading).await.map_err(too_slow)??;
    let done = ask.house.import(ask.caller()?, &address, &mailbox, messages).await?;
    let left = done.left.into_iter().map(|(place, because)| model::ImportLeft { message: place as u64, because });
    Reply::ok(&model::ImportDone {
        mailbox: mailbox.to_string(),
        made: done.made,
        added: done.added as u64,
        known: done.known as u64,
        left: left.collect(),
        stopped: done.stopped.map(|rule| rule.to_string()),
    })
}

/// All messages of a body.
async fn read(mut body: Body, most: u64, room: &mut Room) -> Result<Vec<ImportMessage>, Problem> {
    let (mut frames, mut came) = (Frames::default(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::new(Kind::BadDocument, "The body broke off"))?;
        let Ok(bytes) = frame.into_data() else { continue };
        came += bytes.len() as u64;
        if came > most {
            return Err(Problem::new(Kind::TooLarge, format!("A body has at most {most} bytes")));
        }
        room.grow_to(came as usize).await;
        frames.take(&bytes)?;
    }
    frames.end()
}

/// Messages as they come.
#[derive(Default)]
struct Frames {
    head: Vec<u8>,
    /// The message that comes, and how many bytes of it are missing.
    coming: Option<(Coming, usize)>,
    done: Vec<ImportMessage>,
}

struct Coming {
    raw: Vec<u8>,
    flags: Flags,
    received: Option<Timestamp>,
}

impl Frames {
    fn take(&mut self, mut bytes: &[u8]) -> Result<(), Problem> {
        while !bytes.is_empty() {
            bytes = match self.coming.take() {
                Some((mut coming, missing)) => {
                    let (some, rest) = bytes.split_at(missing.min(bytes.len()));
                    coming.raw.extend_from_slice(some);
                    self.go_on(coming, missing - some.len());
                    rest
                }
                None => self.take_head(bytes)?,
            };
        }
        Ok(())
    }

    /// The line before a message, or some of it.
    fn take_head<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Problem> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (some, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if self.head.len() + some.len() > HEAD_BYTES {
            return Err(bad(format!("The line before a message has at most {HEAD_BYTES} bytes")));
        }
        self.head.extend_from_slice(some);
        if end.is_some() {
            if self.done.len() == IMPORT_MESSAGES {
                return Err(Problem::unusable(format!("A request has at most {IMPORT_MESSAGES} messages")));
            }
            let (coming, missing) = begin(&self.head)?;
            self.head.clear();
            self.go_on(coming, missing);
        }
        Ok(rest)
    }

    fn go_on(&mut self, coming: Coming, missing: usize) {
        match missing {
            0 => {
                let Coming { raw, flags, received } = coming;
                self.done.push(ImportMessage { raw: Arc::new(raw), flags, received });
            }
            _ => self.coming = Some((coming, missing)),
        }
    }

    fn end(self) -> Result<Vec<ImportMessage>, Problem> {
        match (self.coming, self.head.is_empty()) {
            (None, true) => Ok(self.done),
            _ => Err(bad("The body ends before its last message does".to_owned())),
        }
    }
}

fn bad(text: String) -> Problem {
    Problem::new(Kind::BadDocument, text)
}

fn begin(line: &[u8]) -> Result<(Coming, usize), Problem> {
    let head: model::ImportHead = serde_json::from_slice(line)
        .map_err(|error| bad(format!("The line before a message is not what was expected: {error}")))?;
    let mut flags = Flags::new();
    for flag in &head.flags {
        let named = flags.insert_named(flag);
        named.map_err(|error| Problem::unusable(format!("flags has {flag:?}: {error}")))?;
    }
    let received = head.received_at.as_deref().map(|at| field("received_at", at, received_at)).transpose()?;
    let bytes = usize::try_from(head.bytes).map_err(|_| Problem::unusable("bytes is no length of a message"))?;
    // Not made as large as it says: it may say anything.
    Ok((Coming { raw: Vec::new(), flags, received }, bytes))
}

fn received_at(text: &str) -> Result<Timestamp, String> {
    let at = parse_date(text)?;
    if (Timestamp(0)..=LAST_DATE).contains(&at) { Ok(at) } else { Err("a message is of 1970 to 9999".to_owned()) }
}

/// For the fuzz targets alone.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::{Frames, ImportMessage};

    /// Messages of a body that comes in these pieces.
    pub fn read_import<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ImportMessage>, String> {
        let mut frames = Frames::default();
        for piece in pieces {
            frames.take(piece).map_err(|problem| problem.detail)?;
        }
        frames.end().map_err(|problem| problem.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::SystemFlag;

    fn taken(body: &[u8], step: usize) -> Result<Vec<ImportMessage>, Problem> {
        let mut frames = Frames::default();
        for bytes in body.chunks(step) {
            frames.take(bytes)?;
        }
        frames.end()
    }

    #[test]
    fn messages_are_taken_apart_wherever_the_body_is_cut() {
        let body = b"{\"bytes\":7,\"flags\":[\"\\\\Flagged\",\"work\"]}\nA: b\n\n{{\"bytes\":0}\n{\"bytes\":2,\"received_at\":\"2024-05-01T08:00:00Z\"}\n\r\n";
        for step in 1..body.len() {
            let messages = taken(body, step).unwrap();
            let raw: Vec<&[u8]> = messages.iter().map(|message| message.raw.as_slice()).collect();
            assert_eq!(raw, [b"A: b\n\n{".as_slice(), b"", b"\r\n"], "{step}");
            assert!(messages[0].flags.has(SystemFlag::Flagged) && messages[0].flags.keywords().len() == 1);
            assert_eq!(messages[2].received, Some(Timestamp(1_714_550_400_000)));
        }
    }

    #[test]
    fn what_is_no_body_is_refused() {
        let kind = |body: &[u8]| taken(body, 7).unwrap_err().kind;
        assert_eq!(kind(b"{\"bytes\":7}\nshort"), Kind::BadDocument);
        assert_eq!(kind(b"{\"bytes\":7}"), Kind::BadDocument);
        assert_eq!(kind(b"{\"byte\":7}\n"), Kind::BadDocument);
        assert_eq!(kind(&[b'{'; HEAD_BYTES + 1]), Kind::BadDocument);
        assert_eq!(kind(b"{\"bytes\":1,\"flags\":[\"a b\"]}\nx"), Kind::Unusable);
        assert_eq!(kind(b"{\"bytes\":1,\"received_at\":\"0999-05-01T08:00:00Z\"}\nx"), Kind::Unusable);
        let many = b"{\"bytes\":0}\n".repeat(IMPORT_MESSAGES + 1);
        assert_eq!(kind(&many), Kind::Unusable);
        assert_eq!(taken(&many[12..], 5).unwrap().len(), IMPORT_MESSAGES);
    }
}
