//! One letter of the demonstration, and its bytes (RFC 5322, RFC 2045, RFC 2047).

use super::attachments::Attachment;
use super::minutes_ago;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use postern_types::{SystemFlag, Timestamp};
use std::fmt::Write as _;

/// One letter, and how many minutes ago it was written.
pub(super) struct Letter {
    /// In which account.
    pub account: &'static str,
    /// How it came there.
    pub place: Place,
    pub from: (&'static str, &'static str),
    pub to: &'static str,
    pub id: &'static str,
    /// What it answers, the oldest first.
    pub answers: &'static [&'static str],
    pub subject: &'static str,
    pub minutes_ago: i64,
    pub text: &'static str,
    /// The same as a page.
    pub html: Option<&'static str>,
    pub attachments: &'static [Attachment],
    /// What somebody did with it since.
    pub done: Option<Done>,
}

/// How a letter came where it is.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Delivered to the INBOX.
    Came,
    /// By whom it was put into which mailbox.
    Kept(&'static str, &'static str),
}

/// What somebody did with a letter.
pub(super) struct Done {
    pub by: &'static str,
    pub flags: &'static [SystemFlag],
    pub moved_to: Option<&'static str>,
}

/// Between the parts of a letter: no line of any begins so.
const BETWEEN: &str = "=_side-door";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n";

impl Letter {
    /// When it was written.
    pub fn written(&self, now: Timestamp) -> Timestamp {
        minutes_ago(now, self.minutes_ago)
    }

    /// As RFC 5322 writes it, with the return path in front where it came (RFC 5321 section 4.4).
    pub fn write(&self, now: Timestamp) -> anyhow::Result<String> {
        let written = jiff::Timestamp::from_millisecond(self.written(now).0)?;
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&written)?;
        let (name, address) = self.from;
        let mut letter = String::new();
        if matches!(self.place, Place::Came) {
            let _ = write!(letter, "Return-Path: <{address}>\r\n");
        }
        let _ = write!(
            letter,
            "From: {} <{address}>\r\nTo: <{}>\r\nSubject: {}\r\nDate: {date}\r\nMessage-ID: <{}>\r\n",
            phrase(name),
            self.to,
            words(self.subject),
            self.id
        );
        if let Some(last) = self.answers.last() {
            let all: Vec<String> = self.answers.iter().map(|id| format!("<{id}>")).collect();
            let _ = write!(letter, "In-Reply-To: <{last}>\r\nReferences: {}\r\n", all.join(" "));
        }
        letter.push_str("MIME-Version: 1.0\r\n");
        let day_in = |days: i64| {
            let day = jiff::Timestamp::from_millisecond(now.plus_ms(days * 86_400_000).0);
            day.map(|day| day.strftime("%Y%m%d").to_string()).unwrap_or_default()
        };
        letter.push_str(&self.content(day_in));
        Ok(letter)
    }

    /// The header fields that say what the body is, an empty line and the body.
    fn content(&self, day_in: impl Fn(i64) -> String) -> String {
        let lines = |text: &str| text.replace('\n', "\r\n");
        let text = format!("{TEXT}\r\n{}", lines(self.text));
        if let Some(html) = self.html {
            let page = TEXT.replace("plain", "html");
            return parts("alternative", &[text, format!("{page}\r\n{}", lines(html))]);
        }
        if self.attachments.is_empty() {
            return text;
        }
        let files = self.attachments.iter().map(|attachment| {
            let (kind, name, bytes) = attachment.made(&day_in);
            let encoded = BASE64.encode(bytes);
            let mut part = format!(
                "Content-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
                 Content-Transfer-Encoding: base64\r\n\r\n"
            );
            for line in encoded.as_bytes().chunks(76) {
                part.push_str(&String::from_utf8_lossy(line));
                part.push_str("\r\n");
            }
            part
        });
        parts("mixed", &std::iter::once(text).chain(files).collect::<Vec<_>>())
    }
}

fn parts(kind: &str, parts: &[String]) -> String {
    let mut content = format!("Content-Type: multipart/{kind}; boundary=\"{BETWEEN}\"\r\n\r\n");
    for part in parts {
        let _ = write!(content, "--{BETWEEN}\r\n{part}\r\n");
    }
    let _ = write!(content, "--{BETWEEN}--\r\n");
    content
}

fn phrase(name: &str) -> String {
    if name.is_ascii() { format!("\"{name}\"") } else { words(name) }
}

/// An encoded word holds 75 characters (RFC 2047 section 2): 45 bytes, and no character is cut.
fn words(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut pieces = vec![String::new()];
    for letter in text.chars() {
        if let Some(piece) = pieces.last_mut().filter(|piece| piece.len() + letter.len_utf8() <= 45) {
            piece.push(letter);
        } else {
            pieces.push(letter.to_string());
        }
    }
    let words: Vec<String> = pieces.iter().map(|piece| format!("=?utf-8?B?{}?=", BASE64.encode(piece))).collect();
    words.join("\r\n ")
}
