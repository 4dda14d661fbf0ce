//! Replies, written straight into the output buffer (RFC 9051 section 7).
//!
//! An [`Encoder`] is a borrowed buffer and one flag; make one where it is needed. Nothing
//! that is written can break out of its place: texts lose their line ends, strings that
//! fit no quotes become literals, names are spelled as the connection agreed.

mod code;
mod data;
mod fetch;
mod string;

pub use code::ResponseCode;
pub use data::{Esearch, ListAttribute, ListEntry, NamespaceEntry, QuotaResource, StatusValue};
pub use fetch::FetchWriter;
pub use string::{tell_nul, write_astring, write_literal, write_mailbox, write_nstring, write_string};

use crate::command::{BadCommand, BadKind, Tag};

/// The status of a response (RFC 9051 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// OK
    Ok,
    /// NO
    No,
    /// BAD
    Bad,
}

impl Status {
    fn as_bytes(self) -> &'static [u8] {
        match self {
            Status::Ok => b"OK ",
            Status::No => b"NO ",
            Status::Bad => b"BAD ",
        }
    }
}

/// Writes replies into a buffer.
#[derive(Debug)]
pub struct Encoder<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) utf8: bool,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`. `utf8` says that ENABLE IMAP4rev2 or UTF8=ACCEPT was answered:
    /// texts, strings and mailbox names may then be UTF-8 (RFC 9051 section 4.3).
    pub fn new(out: &'a mut Vec<u8>, utf8: bool) -> Self {
        Self { out, utf8 }
    }

    /// The completion of a command.
    pub fn tagged(&mut self, tag: &Tag, status: Status, code: Option<&ResponseCode<'_>>, text: &str) {
        self.out.extend_from_slice(tag.as_str().as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(status.as_bytes());
        self.code_and_text(code, text);
    }
    /// A status of the connection or the mailbox.
    pub fn untagged(&mut self, status: Status, code: Option<&ResponseCode<'_>>, text: &str) {
        self.out.extend_from_slice(b"* ");
        self.out.extend_from_slice(status.as_bytes());
        self.code_and_text(code, text);
    }
    /// BYE: the connection closes (RFC 9051 section 7.1.5).
    pub fn bye(&mut self, code: Option<&ResponseCode<'_>>, text: &str) {
        self.out.extend_from_slice(b"* BYE ");
        self.code_and_text(code, text);
    }
    /// The answer to a command that the framer or the grammar turned away.
    pub fn bad_command(&mut self, bad: &BadCommand) {
        let (status, code) = match bad.kind {
            BadKind::Syntax => (Status::Bad, None),
            BadKind::TooBig => (Status::No, Some(&ResponseCode::TooBig)),
        };
        match &bad.tag {
            Some(tag) => self.tagged(tag, status, code, &bad.text),
            None => self.untagged(status, code, &bad.text),
        }
    }
    /// Asks for a literal, or says that IDLE has begun (RFC 9051 section 7.6).
    pub fn continuation(&mut self, text: &str) {
        self.out.extend_from_slice(b"+ ");
        self.text(text);
    }
    /// A challenge of AUTHENTICATE; an empty one is `+ `.
    pub fn challenge(&mut self, challenge: &[u8]) {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(challenge);
        self.out.extend_from_slice(b"+ ");
        self.out.extend_from_slice(encoded.as_bytes());
        self.end();
    }

    fn code_and_text(&mut self, code: Option<&ResponseCode<'_>>, text: &str) {
        let Some(code) = code else { return self.text(text) };
        self.out.push(b'[');
        code.write(self.out);
        self.out.extend_from_slice(b"] ");
        self.plain_text(text);
    }

    /// Text where a response code could stand: a text that starts like one is set apart.
    fn text(&mut self, text: &str) {
        if text.starts_with('[') {
            self.out.extend_from_slice(b"- ");
        }
        self.plain_text(text);
    }

    /// Text and line end. Line ends in it become spaces; where text must be US-ASCII,
    /// other characters become `?`; and there is always at least one character, as the
    /// grammar of RFC 3501 section 9 asks.
    fn plain_text(&mut self, text: &str) {
        string::write_text(self.out, if text.is_empty() { "-" } else { text }, self.utf8);
        self.end();
    }

    pub(crate) fn end(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
    pub(crate) fn number(&mut self, number: u64) {
        string::write_decimal(self.out, number);
    }
    pub(crate) fn mailbox(&mut self, name: &str) {
        string::write_mailbox(self.out, name, self.utf8);
    }
    pub(crate) fn astring(&mut self, text: &str) {
        string::write_astring(self.out, text.as_bytes(), self.utf8);
    }
    pub(crate) fn string(&mut self, text: &str) {
        string::write_string(self.out, text.as_bytes(), self.utf8);
    }
}

/// Items with one space between.
pub(crate) fn join<T>(out: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write(out, item);
    }
}

/// Numbers as a sequence set: neighbours that ascend become ranges. The order stays, as
/// COPYUID needs it (RFC 9051 section 7.1); give them sorted for the shortest set. Writes
/// nothing when there is none, which is no valid set.
pub fn write_number_set(out: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    let mut numbers = numbers.into_iter();
    let Some(first) = numbers.next() else { return };
    let (mut low, mut high) = (first, first);
    let mut write_range = |low: u32, high: u32, separator: &[u8]| {
        string::write_decimal(out, u64::from(low));
        if low != high {
            out.push(b':');
            string::write_decimal(out, u64::from(high));
        }
        out.extend_from_slice(separator);
    };
    for number in numbers {
        if Some(number) == high.checked_add(1) {
            high = number;
        } else {
            write_range(low, high, b",");
            (low, high) = (number, number);
        }
    }
    write_range(low, high, b"");
}
