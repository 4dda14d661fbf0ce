//! Reports that came in: what another server says became of a message.
//!
//! RFC 3464 section 2, read with patience: blank lines too many or missing, a first group that is a recipient already,
//! fields in any order. Nothing in it is proof of anything, since whoever knows an address can write a report.

use postern_types::Limits;

use crate::charset::cut_text;
use crate::content::Content;
use crate::header::{Field, decoded_value, fields, is_blank, line_length};
use crate::tree::{PartKind, Tree};

/// Most recipients of one report that are read.
const RECIPIENTS_MAX: usize = 1000;
/// Longest value that is kept, in bytes.
const VALUE_BYTES_MAX: usize = 2000;

/// What a report says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Those it tells of, at most 1000.
    pub recipients: Vec<ReadRecipient>,
    /// Original-Envelope-Id (RFC 3464 section 2.2.1).
    pub envelope_id: Option<String>,
}

/// What a report says of one recipient. Addresses are without their type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadRecipient {
    /// Final-Recipient, or Original-Recipient where only that is given.
    pub final_recipient: String,
    /// Original-Recipient.
    pub original_recipient: Option<String>,
    /// Action in lower case: `failed`, `delayed`, `delivered`, `relayed` or `expanded`; empty where none is given.
    pub action: String,
    /// Status, such as `5.1.1`, without a comment after it; empty where none is given.
    pub status: String,
    /// Diagnostic-Code without its type.
    pub diagnostic: Option<String>,
}

/// Reads a delivery status notification; `None` where the message is no multipart/report of that type.
pub fn read_report(raw: &[u8]) -> Option<ReadReport> {
    let tree = Tree::of(raw, &Limits::default());
    let root = &tree.entities[0];
    let report_type = root.content.parameters.raw("REPORT-TYPE").unwrap_or_default();
    let is_report = root.kind == PartKind::Multipart
        && root.content.subtype == b"REPORT"
        && report_type.trim_ascii().eq_ignore_ascii_case(b"delivery-status");
    if !is_report {
        return None;
    }
    let mut report = ReadReport::default();
    if let Some(index) = tree.children(0).find(|&index| is_status(&tree.entities[index].content)) {
        let entity = &tree.entities[index];
        let body = &raw[entity.body()];
        read_groups(&mut report, &entity.content.encoding.decode(body).unwrap_or(body.into()));
    }
    Some(report)
}

fn is_status(content: &Content) -> bool {
    content.is("MESSAGE") && [&b"DELIVERY-STATUS"[..], b"GLOBAL-DELIVERY-STATUS"].contains(&content.subtype.as_slice())
}

/// Groups of fields with blank lines between them; the first is about the message.
fn read_groups(report: &mut ReadReport, mut rest: &[u8]) {
    while !rest.is_empty() && report.recipients.len() < RECIPIENTS_MAX {
        let length = group_length(rest);
        let (group, after) = rest.split_at(length);
        rest = &after[line_length(after)..];
        let mut draft = Draft::default();
        for field in fields(group) {
            if field.is("Original-Envelope-Id") {
                report.envelope_id.get_or_insert_with(|| value_of(&field));
            } else {
                draft.take(&field, report);
            }
        }
        draft.finish(report);
    }
}

/// Length of the lines before the next blank one.
fn group_length(bytes: &[u8]) -> usize {
    let mut position = 0;
    while position < bytes.len() {
        let length = line_length(&bytes[position..]);
        if is_blank(bytes[position..position + length].trim_ascii_start()) {
            break;
        }
        position += length;
    }
    position
}

/// A recipient while its fields are read.
#[derive(Default)]
struct Draft {
    recipient: ReadRecipient,
    final_seen: bool,
}

impl Draft {
    fn take(&mut self, field: &Field<'_>, report: &mut ReadReport) {
        let recipient = &mut self.recipient;
        if field.is("Final-Recipient") {
            // A blank line is missing: the next recipient begins here, or with the field before it.
            if self.final_seen {
                std::mem::take(self).finish(report);
            }
            self.recipient.final_recipient = address_of(field);
            self.final_seen = true;
        } else if field.is("Original-Recipient") {
            if self.final_seen && recipient.original_recipient.is_some() {
                std::mem::take(self).finish(report);
            }
            self.recipient.original_recipient = Some(address_of(field)).filter(|address| !address.is_empty());
        } else if field.is("Action") && recipient.action.is_empty() {
            recipient.action = first_word(&value_of(field)).to_ascii_lowercase();
        } else if field.is("Status") && recipient.status.is_empty() {
            recipient.status = first_word(&value_of(field)).to_owned();
        } else if field.is("Diagnostic-Code") && recipient.diagnostic.is_none() {
            recipient.diagnostic = Some(without_type(&value_of(field)).to_owned()).filter(|words| !words.is_empty());
        }
    }

    /// Adds the recipient, if there is one.
    fn finish(mut self, report: &mut ReadReport) {
        if self.recipient.final_recipient.is_empty() {
            self.recipient.final_recipient = self.recipient.original_recipient.clone().unwrap_or_default();
        }
        if !self.recipient.final_recipient.is_empty() && report.recipients.len() < RECIPIENTS_MAX {
            report.recipients.push(self.recipient);
        }
    }
}

fn value_of(field: &Field<'_>) -> String {
    let mut value = decoded_value(field.value);
    cut_text(&mut value, VALUE_BYTES_MAX);
    value
}

/// What follows `rfc822;` and its like. A `;` in the words of a reply without a type is no end of a type.
fn without_type(value: &str) -> &str {
    let is_type = |name: &str| {
        let name = name.trim();
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte))
    };
    match value.split_once(';') {
        Some((name, rest)) if is_type(name) => rest.trim(),
        _ => value.trim(),
    }
}

fn address_of(field: &Field<'_>) -> String {
    let value = value_of(field);
    let address = without_type(&value);
    let address = address.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(address);
    if value.trim_start().get(..5).is_some_and(|name| name.eq_ignore_ascii_case("utf-8")) {
        return with_escapes_undone(address);
    }
    address.to_owned()
}

/// `utf-8-addr-xtext` (RFC 6533 section 3): `\x{` and the number of a character, in an address for ASCII alone.
fn with_escapes_undone(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    let mut rest = address;
    while let Some((before, after)) = rest.split_once("\\x{") {
        text.push_str(before);
        let escaped = after.split_once('}').filter(|(digits, _)| digits.len() <= 6);
        let character = escaped.and_then(|(digits, _)| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        match (character.filter(|character| !character.is_control()), escaped) {
            (Some(character), Some((_, next))) => {
                text.push(character);
                rest = next;
            }
            _ => {
                text.push_str("\\x{");
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn first_word(value: &str) -> &str {
    value.split([' ', '\t', '(', ';']).find(|word| !word.is_empty()).unwrap_or_default()
}
