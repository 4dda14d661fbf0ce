//! What holds for every message that is submitted, and for every value that is put into it: asked by
//! `outgoing_properties.rs` of messages that it makes up, and by `fuzz/fuzz_targets/outgoing.rs` of any bytes.

use postern_mime::{
    Edits, Field, OutgoingHeader, fields, filed, leaving, parse, read_outgoing, read_report, sent_identity,
};
use postern_types::Limits;

/// Whether a field has one of these names.
pub fn named(field: &Field<'_>, names: &[&str]) -> bool {
    names.iter().any(|name| field.is(name))
}

/// A field that the house alone writes.
pub fn is_of_the_house(field: &Field<'_>) -> bool {
    field.is("Return-Path") || field.name.to_ascii_lowercase().starts_with(b"postern-")
}

/// Looks at what leaves of a message, and at what is filed of it; gives its header where it is accepted.
pub fn check_outgoing(raw: &[u8], edits: &Edits<'_>) -> Option<OutgoingHeader> {
    let _ = read_report(raw);
    let header = read_outgoing(raw).ok();
    let (out, copy) = (leaving(raw, edits), filed(raw, edits));
    for (out, is_copy) in [(&out, false), (&copy, true)] {
        check_size(raw, out, edits);
        match &header {
            Some(header) => {
                check_rewrite(raw, out, header, edits, is_copy);
                check_lines(out);
                let after = parse(out, &Limits::default());
                assert_eq!(&out[after.header_bytes as usize..], &raw[header.header_bytes..], "the body is changed");
            }
            // Nobody is asked to send it; it has no sender all the same, and its body is as it was.
            None => assert!(out.ends_with(body(raw)), "the body is changed"),
        }
    }
    let plain = Edits::default();
    assert_eq!(leaving(&out, &plain), out, "what left has nothing left to take out");
    if let Some(header) = &header {
        assert_eq!(leaving(&copy, &plain), out, "the copy is what left, and what stays at home");
        assert_eq!(sent_identity(&copy), sent_identity(&out), "the copy is the same message");
        check_unedited(raw, header);
    }
    header
}

fn body(raw: &[u8]) -> &[u8] {
    &raw[parse(raw, &Limits::default()).header_bytes as usize..]
}

/// The fields that are left of a message are its own, byte for byte and in order, behind at most one each of ours.
fn check_rewrite(raw: &[u8], out: &[u8], header: &OutgoingHeader, edits: &Edits<'_>, is_copy: bool) {
    let is_kept = |field: &Field<'_>| {
        !(is_of_the_house(field)
            || (!is_copy && named(field, &["Bcc", "Resent-Bcc"]))
            || (edits.sender.is_some() && field.is("Sender"))
            || (edits.from.is_some() && field.is("From"))
            || (edits.date.is_some() && !header.has_date && field.is("Date"))
            || (edits.message_id.is_some() && header.message_id.is_none() && field.is("Message-ID")))
    };
    let kept: Vec<Field<'_>> = fields(raw).filter(is_kept).collect();
    let all: Vec<Field<'_>> = fields(out).collect();
    assert!(all.ends_with(&kept), "the other fields are changed");
    assert!(is_copy || !all.iter().any(|field| named(field, &["Bcc", "Resent-Bcc"]) || is_of_the_house(field)));
    let mut ours = ["Postern-Sent-By", "Bcc", "Date", "From", "Sender", "Message-ID"].iter();
    for field in &all[..all.len() - kept.len()] {
        assert!(ours.any(|name| field.is(name)), "{field:?} is none of ours, or not in its place");
        let lines: Vec<&[u8]> = field.raw.split_inclusive(|&byte| byte == b'\n').collect();
        assert!(lines.iter().all(|line| line.ends_with(b"\r\n") && line.len() <= 1000), "{field:?}");
        let text = String::from_utf8_lossy(field.raw).replace("\r\n", "");
        assert!(!text.chars().any(|one| one.is_control() || one == '\u{2028}'), "{text:?}");
    }
}

/// No CR and no LF of the header stands alone (RFC 5322 section 2.1).
fn check_lines(out: &[u8]) {
    let header = &out[..parse(out, &Limits::default()).header_bytes as usize];
    let mut lines = header.split_inclusive(|&byte| byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        // The last line of all may have no end.
        let content = line.strip_suffix(b"\r\n").or((lines.peek().is_none() && !line.ends_with(b"\n")).then_some(line));
        let content = content.unwrap_or_else(|| panic!("a bare LF after {:?}", String::from_utf8_lossy(line)));
        assert!(!content.contains(&b'\r'), "a bare CR in {:?}", String::from_utf8_lossy(line));
    }
}

/// What is put in is bounded by what it is made of: encoded words are nine bytes for one, and up to 25 around 10.
fn check_size(raw: &[u8], out: &[u8], edits: &Edits<'_>) {
    let from = edits.from.map_or(0, |(name, address)| name.len() + address.len());
    let from = from + edits.recipients.iter().map(|one| one.len() + 4).sum::<usize>();
    let others = [edits.sender, edits.message_id, edits.sent_by].into_iter().flatten().map(str::len).sum::<usize>();
    assert!(out.len() <= raw.len() + 12 * (from + others) + 1024, "{} of {}", out.len(), raw.len());
}

/// Without an edit the sender stays the sender, and the message the message.
fn check_unedited(raw: &[u8], header: &OutgoingHeader) {
    let plain = Edits::default();
    let left = leaving(raw, &plain);
    let read = read_outgoing(&left).expect("what is accepted stays so");
    assert_eq!((&read.from, &read.sender), (&header.from, &header.sender));
    assert_eq!(sent_identity(&left), sent_identity(raw));
    assert!(left.len() <= raw.len() && fields(&left).count() <= fields(raw).count());
    let shown = parse(raw, &Limits::default()).summary.from_address;
    let checked = header.from.first().map(|address| unquoted(address));
    assert_eq!(shown, checked, "lists show the sender that was checked");
}

/// Quotes around a local part say nothing (RFC 5321 section 4.1.2), and what is checked has nothing in them that needs them
/// but dots.
fn unquoted(address: &str) -> String {
    let quoted = address.strip_prefix('"').and_then(|rest| rest.split_once("\"@"));
    quoted.map_or_else(|| address.to_owned(), |(local, domain)| format!("{local}@{domain}"))
}
