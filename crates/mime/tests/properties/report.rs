//! What holds for every report, whatever it is made of: asked by `outgoing_properties.rs` of reports that it makes up,
//! and by `fuzz/fuzz_targets/report.rs` of any bytes.

use postern_mime::{
    Notice, ReadReport, Report, ReportKind, ReportRecipient, build_report, fields, notice, parse, read_report,
};
use postern_types::Limits;

/// Largest message that is returned whole, and most of a header that is returned.
const RETURNED_BYTES: usize = 100 << 10;

/// Writes the report, looks at its lines and parts, and reads it back.
pub fn check_report(report: &Report<'_>) {
    let built = build_report(report);
    check_lines(&built);
    assert!(built.len() <= bytes_max(report), "{} bytes", built.len());
    // Our own reader: others stop at a message inside the message that is returned.
    let parts = parse(&built, &Limits::default()).parts;
    assert!(parts.part(&[3]).is_some() && parts.part(&[4]).is_none(), "three parts (RFC 6522 section 3)");
    let read = read_report(&built).expect("what we write is a report");
    check_read(&read);
    assert!(read.recipients.len() <= report.recipients.len(), "{read:?}");
    if report.recipients.iter().all(|recipient| is_plain(recipient.final_recipient)) {
        assert_eq!(read.recipients.len(), report.recipients.len().min(1000), "{read:?}");
        report.recipients.iter().zip(&read.recipients).for_each(|(given, read)| {
            assert_eq!(read.final_recipient, given.final_recipient);
            check_recipient(given, read);
        });
    }
    if let Some(id) = report.envelope_id.filter(|id| is_plain(id)) {
        assert_eq!(read.envelope_id.as_deref(), Some(id));
    }
}

/// What plain values of one recipient are when they come back.
fn check_recipient(given: &ReportRecipient<'_>, read: &postern_mime::ReadRecipient) {
    let (action, class) = match given.kind {
        ReportKind::Failed => ("failed", "5.0.0"),
        ReportKind::Delayed => ("delayed", "4.0.0"),
        ReportKind::Delivered => ("delivered", "2.0.0"),
        ReportKind::Relayed => ("relayed", "2.0.0"),
    };
    assert_eq!(read.action, action);
    assert!(read.status == class || read.status == given.status, "{read:?}");
    match given.original {
        None => assert_eq!(read.original_recipient, None),
        Some((kind, address)) if is_plain(kind) && is_plain(address) => {
            assert_eq!(read.original_recipient.as_deref(), Some(address));
        }
        Some(_) => {}
    }
    if let Some(words) = given.diagnostic.filter(|words| is_plain(words)) {
        assert_eq!(read.diagnostic.as_deref(), Some(words));
    }
}

/// A value that every field can hold as it is.
fn is_plain(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@.-_".contains(&byte))
}

/// Looks at any message as one that came in.
pub fn check_incoming(raw: &[u8]) {
    if let Some(read) = read_report(raw) {
        check_read(&read);
    }
}

/// Values that are stored and shown: bounded, and each in one line.
fn check_read(read: &ReadReport) {
    assert!(read.recipients.len() <= 1000);
    let mut values: Vec<&str> = read.envelope_id.as_deref().into_iter().collect();
    for recipient in &read.recipients {
        assert!(!recipient.final_recipient.is_empty());
        values.extend([recipient.final_recipient.as_str(), &recipient.action, &recipient.status]);
        values.extend([&recipient.original_recipient, &recipient.diagnostic].into_iter().flatten().map(String::as_str));
    }
    for value in values {
        assert!(value.len() <= 2000 && !value.chars().any(char::is_control), "{value:?}");
    }
}

/// A note is one text with one of each of its fields.
pub fn check_notice(note: &Notice<'_>) {
    let built = notice(note);
    check_lines(&built);
    let names = ["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted"];
    for name in names {
        assert!(fields(&built).filter(|field| field.is(name)).count() <= 1, "{name}");
    }
    assert!(fields(&built).count() <= names.len() + 3, "no value is more than one field");
    let given = [note.from, note.to, note.message_id, note.in_reply_to.unwrap_or_default(), note.subject];
    let given: usize = given.iter().chain(note.paragraphs).map(|text| text.len()).sum();
    assert!(built.len() <= 12 * given + 2048, "{} bytes of {given}", built.len());
}

/// Lines that SMTP can carry (RFC 5321 sections 2.3.8 and 4.5.3.1.6).
fn check_lines(built: &[u8]) {
    for line in built.split_inclusive(|&byte| byte == b'\n') {
        let content = line.strip_suffix(b"\r\n").expect("a line ends with CRLF");
        assert!(content.len() <= 998 && !content.iter().any(|byte| matches!(byte, 0 | b'\r')), "{line:?}");
    }
}

/// What a report can be at most: each value stands in it a few times, up to twelve bytes for one where it is encoded;
/// of the message a part is returned, up to three bytes for one.
fn bytes_max(report: &Report<'_>) -> usize {
    let values = |recipient: &ReportRecipient<'_>| {
        let (kind, original) = recipient.original.unwrap_or_default();
        let others = [recipient.remote_server, recipient.diagnostic].into_iter().flatten();
        let all = [recipient.final_recipient, kind, original, recipient.status].into_iter().chain(others);
        all.map(str::len).sum::<usize>() + 1024
    };
    let heads = [report.hostname, report.from, report.to, report.message_id, report.envelope_id.unwrap_or_default()];
    let given =
        report.recipients.iter().map(values).sum::<usize>() + heads.iter().map(|text| text.len()).sum::<usize>();
    4 * report.original.len().min(RETURNED_BYTES) + 24 * given + (16 << 10)
}
