//! Delivery status notifications: what became of a message, for people and for programs.
//!
//! RFC 6522 (multipart/report), RFC 3464 (message/delivery-status), RFC 3461 sections 4.3 and 6 (what a report of SMTP
//! holds), RFC 6533 (addresses in UTF-8), RFC 3834 (Auto-Submitted). Addresses, replies of other servers and the
//! message that is returned are other people's bytes: they can end no line and no part of the report. The caller sends
//! it with the null reverse-path (RFC 3461 section 6.1), so that no report is ever reported on.

mod notice;
mod read;
mod words;

use std::collections::HashSet;

use memchr::memmem;
use postern_types::Timestamp;

use crate::compose::{
    TextBody, one_line, quoted_printable, write_date_field, write_ids_field, write_mailbox_field, write_plain_field,
    write_text_field,
};
use crate::date::write_date;
use crate::header::{decoded_value, fields, header_end, unfold};
use crate::message_id::message_id;

pub use notice::{Notice, notice};
pub use read::{ReadRecipient, ReadReport, read_report};

/// Name of the house beside the address that reports and notices come from.
const HOUSE_NAME: &str = "Postern";
/// Largest message that is returned whole, and most of a header that is returned (RFC 3461 section 6.2).
const RETURNED_BYTES_MAX: usize = 100 << 10;
/// Longest line of what is returned (RFC 5322 section 2.1.1).
const LINE_BYTES_MAX: usize = 998;
/// Longest reply of a server that is told, in bytes.
const DIAGNOSTIC_BYTES_MAX: usize = 2000;

/// What became of a message for one recipient (RFC 3464 section 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReportKind {
    /// Given up.
    Failed,
    /// Not yet delivered; attempts go on.
    Delayed,
    /// In the mailbox.
    Delivered,
    /// With a server that will not tell.
    Relayed,
}

impl ReportKind {
    /// The value of Action, and the status where none is known (RFC 3461 section 6.3 (g)).
    fn action_and_status(self) -> (&'static str, &'static str) {
        match self {
            Self::Failed => ("failed", "5.0.0"),
            Self::Delayed => ("delayed", "4.0.0"),
            Self::Delivered => ("delivered", "2.0.0"),
            Self::Relayed => ("relayed", "2.0.0"),
        }
    }
}

/// One recipient in a report (RFC 3464 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportRecipient<'a> {
    /// The address in our envelope.
    pub final_recipient: &'a str,
    /// Type and address of ORCPT, decoded (RFC 3461 section 4.2); only where the client gave it.
    pub original: Option<(&'a str, &'a str)>,
    /// What became of the message.
    pub kind: ReportKind,
    /// Enhanced status code (RFC 3463), such as `5.1.1`.
    pub status: &'a str,
    /// The server that answered, where another one was asked.
    pub remote_server: Option<&'a str>,
    /// The words of the reply, or our own reason.
    pub diagnostic: Option<&'a str>,
    /// Whether the diagnostic is an SMTP reply.
    pub is_reply: bool,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Until when it will be tried; told of what is delayed alone (RFC 3464 section 2.3.9).
    pub retry_until: Option<Timestamp>,
}

/// What a report is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report<'a> {
    /// Name of this server.
    pub hostname: &'a str,
    /// Address of the house that the report comes from.
    pub from: &'a str,
    /// The sender of the message, to whom the report goes.
    pub to: &'a str,
    /// Message-ID of the report.
    pub message_id: &'a str,
    /// When the report is made.
    pub at: Timestamp,
    /// ENVID, decoded (RFC 3461 section 4.4); only where the client gave it.
    pub envelope_id: Option<&'a str>,
    /// When the message came.
    pub arrived: Option<Timestamp>,
    /// The recipients that are reported on.
    pub recipients: &'a [ReportRecipient<'a>],
    /// The message, as it was to leave.
    pub original: &'a [u8],
    /// Whether the sender asked for the whole of it (RET=FULL, RFC 3461 section 4.3).
    pub return_full: bool,
}

/// A part of the report: its MIME fields and its body.
struct Part {
    fields: String,
    body: Vec<u8>,
}

/// Builds a delivery status notification.
pub fn build_report(report: &Report<'_>) -> Vec<u8> {
    let original = Original::of(report);
    let text = TextBody::of(&words::text(report, &original.subject, original.whole));
    let text = Part { fields: text.fields.to_owned(), body: text.bytes };
    let parts = [text, status_part(report), returned_part(report.original, &original)];
    let boundary = free_boundary(&parts);
    let mut out = Vec::with_capacity(parts.iter().map(|part| part.body.len() + 256).sum::<usize>() + 1024);
    write_header(&mut out, report, &original, &boundary, parts.iter().any(|part| !part.body.is_ascii()));
    for part in &parts {
        out.extend_from_slice(format!("\r\n--{boundary}\r\n{}\r\n", part.fields).as_bytes());
        out.extend_from_slice(&part.body);
    }
    out.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    out
}

/// What the report tells of the message that it is about.
struct Original {
    subject: String,
    message_id: Option<String>,
    /// Length of the header, its blank line included.
    header_bytes: usize,
    /// Whether all of it is returned.
    whole: bool,
}

impl Original {
    fn of(report: &Report<'_>) -> Self {
        let raw = report.original;
        let header_bytes = header_end(raw, 0, |_| false);
        let field = |name: &str| fields(&raw[..header_bytes]).find(|field| field.is(name));
        // RFC 3461 section 6.2: what did not fail is not returned, and neither is what is large. What SMTP could not
        // carry as it stands (RFC 5321 section 2.3.8) would not come back as it was, and what has no header is no message.
        let has_failed = report.recipients.iter().any(|recipient| recipient.kind == ReportKind::Failed);
        let is_returnable = header_bytes > 0 && raw.len() <= RETURNED_BYTES_MAX && is_mail_text(raw);
        let whole = report.return_full && has_failed && is_returnable;
        Self {
            subject: field("Subject").map(|field| words::shortened(&decoded_value(field.value))).unwrap_or_default(),
            message_id: field("Message-ID").and_then(|field| message_id(&unfold(field.value))),
            header_bytes,
            whole,
        }
    }
}

/// Whether bytes are lines that end with CRLF, are no longer than allowed and hold no NUL.
fn is_mail_text(raw: &[u8]) -> bool {
    raw.split_inclusive(|&byte| byte == b'\n').all(|line| {
        let content = line.strip_suffix(b"\r\n").unwrap_or(line);
        content.len() <= LINE_BYTES_MAX && !content.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n'))
    })
}

fn write_header(out: &mut Vec<u8>, report: &Report<'_>, original: &Original, boundary: &str, eight_bit: bool) {
    write_mailbox_field(out, "From", HOUSE_NAME, report.from);
    write_mailbox_field(out, "To", "", report.to);
    write_text_field(out, "Subject", &words::subject(report, &original.subject));
    write_date_field(out, report.at);
    write_ids_field(out, "Message-ID", [report.message_id]);
    write_ids_field(out, "In-Reply-To", original.message_id.as_deref());
    write_ids_field(out, "References", original.message_id.as_deref());
    out.extend_from_slice(b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n");
    if eight_bit {
        // RFC 2045 section 6.4: a multipart is what its parts are.
        out.extend_from_slice(b"Content-Transfer-Encoding: 8bit\r\n");
    }
    let content_type = "Content-Type: multipart/report; report-type=delivery-status;";
    out.extend_from_slice(format!("{content_type}\r\n boundary=\"{boundary}\"\r\n").as_bytes());
}

/// The part for programs (RFC 3464 section 2).
fn status_part(report: &Report<'_>) -> Part {
    let has_utf8 = |recipient: &ReportRecipient<'_>| {
        !recipient.final_recipient.is_ascii() || recipient.original.is_some_and(|(_, address)| !address.is_ascii())
    };
    let global = report.recipients.iter().any(has_utf8);
    let mut body = Vec::new();
    let mut field = |name: &str, value: &str| write_plain_field(&mut body, name, &as_allowed(value, global));
    if let Some(id) = report.envelope_id.filter(|id| !id.trim().is_empty()) {
        field("Original-Envelope-Id", id);
    }
    field("Reporting-MTA", &format!("dns; {}", report.hostname));
    if let Some(arrived) = report.arrived {
        field("Arrival-Date", &write_date(arrived));
    }
    for recipient in report.recipients {
        body.extend_from_slice(b"\r\n");
        write_recipient(&mut body, recipient, global);
    }
    let (media_type, encoding) = match (global, body.is_ascii()) {
        (true, false) => ("message/global-delivery-status", "8bit"),
        (true, true) => ("message/global-delivery-status", "7bit"),
        (false, _) => ("message/delivery-status", "7bit"),
    };
    Part { fields: format!("Content-Type: {media_type}\r\nContent-Transfer-Encoding: {encoding}\r\n"), body }
}

/// The fields of one recipient, in the order of RFC 3464 section 2.3.
fn write_recipient(body: &mut Vec<u8>, recipient: &ReportRecipient<'_>, global: bool) {
    let mut field = |name: &str, value: &str| write_plain_field(body, name, &as_allowed(value, global));
    if let Some((address_type, address)) = recipient.original.filter(|(_, address)| !address.trim().is_empty()) {
        field("Original-Recipient", &typed(address_type, address));
    }
    field("Final-Recipient", &typed("rfc822", recipient.final_recipient));
    let (action, status) = recipient.kind.action_and_status();
    field("Action", action);
    field("Status", if is_status(recipient.status) { recipient.status } else { status });
    if let Some(server) = recipient.remote_server.filter(|server| !server.trim().is_empty()) {
        field("Remote-MTA", &format!("dns; {server}"));
    }
    if let Some(diagnostic) = recipient.diagnostic.filter(|words| !words.trim().is_empty()) {
        let diagnostic_type = if recipient.is_reply { "smtp" } else { "x-postern" };
        field("Diagnostic-Code", &format!("{diagnostic_type}; {}", words::reply(diagnostic)));
    }
    if let Some(at) = recipient.last_attempt {
        field("Last-Attempt-Date", &write_date(at));
    }
    if let Some(until) = recipient.retry_until.filter(|_| recipient.kind == ReportKind::Delayed) {
        field("Will-Retry-Until", &write_date(until));
    }
}

/// A value without what message/delivery-status can not hold: other characters than ASCII has (RFC 3464 section 2.1).
fn as_allowed(value: &str, global: bool) -> String {
    let allowed = |character: char| if global || character.is_ascii() { character } else { '?' };
    value.chars().map(allowed).collect()
}

/// `rfc822; bob@example.net`, or `utf-8; …` where ASCII does not do (RFC 6533 section 3).
fn typed(address_type: &str, address: &str) -> String {
    let fits = |character: &char| character.is_ascii_alphanumeric() || *character == '-';
    let address_type: String = address_type.chars().filter(fits).take(40).collect();
    match address_type.as_str() {
        "" if address.is_ascii() => format!("unknown; {address}"),
        _ if address.is_ascii() => format!("{address_type}; {address}"),
        _ => format!("utf-8; {address}"),
    }
}

/// `status-code` (RFC 3464 section 2.3.4).
fn is_status(status: &str) -> bool {
    let numbers: Vec<&str> = status.split('.').collect();
    let is_number = |number: &&str| {
        (1..=3).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (number.len() == 1 || !number.starts_with('0'))
    };
    matches!(numbers.as_slice(), ["2" | "4" | "5", rest @ ..] if rest.len() == 2 && rest.iter().all(is_number))
}

/// The message that the report is about, or its header (RFC 6522 section 3, RFC 6533 section 4).
fn returned_part(raw: &[u8], original: &Original) -> Part {
    let header = &raw[..original.header_bytes];
    let is_global = !header.is_ascii() && std::str::from_utf8(header).is_ok();
    let described = |media_type: &str, encoding: &str| {
        format!("Content-Type: {media_type}\r\nContent-Transfer-Encoding: {encoding}\r\n")
    };
    if original.whole {
        let media_type = if is_global { "message/global" } else { "message/rfc822" };
        let encoding = if raw.is_ascii() { "7bit" } else { "8bit" };
        return Part { fields: described(media_type, encoding), body: raw.to_vec() };
    }
    let lines = returned_lines(header);
    match (lines.is_ascii(), std::str::from_utf8(&lines).is_ok()) {
        (true, _) => Part { fields: described("text/rfc822-headers", "7bit"), body: lines },
        (false, true) => Part { fields: described("message/global-headers", "8bit"), body: lines },
        (false, false) => {
            Part { fields: described("text/rfc822-headers", "quoted-printable"), body: quoted_printable(&lines) }
        }
    }
}

/// A header as lines that SMTP can carry: as much of it as is returned, without its blank line.
fn returned_lines(header: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(header.len().min(RETURNED_BYTES_MAX));
    for line in header.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = cut_line(line);
        if lines.len() + line.len() + 2 > RETURNED_BYTES_MAX {
            break;
        }
        if !line.is_empty() {
            lines.extend(line.iter().map(|&byte| if matches!(byte, 0 | b'\r') { b'?' } else { byte }));
            lines.extend_from_slice(b"\r\n");
        }
    }
    lines
}

/// At most as much of a line as may be sent, cut between the characters of UTF-8.
fn cut_line(line: &[u8]) -> &[u8] {
    if line.len() <= LINE_BYTES_MAX {
        return line;
    }
    let is_inside = |&end: &usize| line[end] & 0xc0 == 0x80;
    let end = (LINE_BYTES_MAX - 3..=LINE_BYTES_MAX).rev().find(|end| !is_inside(end)).unwrap_or(LINE_BYTES_MAX);
    &line[..end]
}

/// A boundary that occurs in none of the parts (RFC 2046 section 5.1.1): the first number that no text in them has
/// taken. One look at each byte, however many numbers somebody has written into a message to be in the way.
fn free_boundary(parts: &[Part]) -> String {
    const PREFIX: &[u8] = b"=_postern_";
    let mut taken: HashSet<usize> = HashSet::new();
    for part in parts {
        for found in memmem::find_iter(&part.body, PREFIX) {
            let digits = part.body[found + PREFIX.len()..].iter().take(20).take_while(|byte| byte.is_ascii_digit());
            let number =
                digits.fold(0_usize, |number, digit| number.wrapping_mul(10).wrapping_add(usize::from(digit - b'0')));
            taken.insert(number);
        }
    }
    let number = (1..).find(|number| !taken.contains(number)).unwrap_or_default();
    format!("=_postern_{number}_=")
}
