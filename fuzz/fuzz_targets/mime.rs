//! Messages of any bytes: no panic, lists that an IMAP client can read, ranges inside the
//! message, an index that is stored and read back unchanged, and text without control
//! characters where a row or a screen takes it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_mime::{Parsed, PartIndex, Section, fields, header_fields, parse, search_text};
use postern_types::Limits;

/// One IMAP value of the kinds that ENVELOPE and BODYSTRUCTURE are made of; what follows it.
fn value(text: &[u8]) -> Option<&[u8]> {
    match text.first()? {
        b'(' => list(&text[1..]),
        b'"' => quoted(&text[1..]),
        b'{' => literal(&text[1..]),
        b'0'..=b'9' => Some(&text[digits(text)..]),
        _ => text.strip_prefix(b"NIL"),
    }
}

/// What follows the closing parenthesis. Multipart bodies stand side by side, all else has
/// one space between (RFC 9051 section 9).
fn list(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest.first()? {
            b')' => return Some(&rest[1..]),
            b' ' if rest.get(1) != Some(&b')') => rest = value(&rest[1..])?,
            b' ' => return None,
            _ => rest = value(rest)?,
        }
    }
}

fn quoted(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(&text[at + 1..]),
            b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\\')) => at += 2,
            b'\\' | b'\r' | b'\n' | 0 | 0x80.. => return None,
            _ => at += 1,
        }
    }
}

fn literal(text: &[u8]) -> Option<&[u8]> {
    let length = digits(text);
    let size: usize = std::str::from_utf8(&text[..length]).ok()?.parse().ok()?;
    let content = text[length..].strip_prefix(b"}\r\n")?;
    let (content, rest) = content.split_at_checked(size)?;
    (!content.contains(&0)).then_some(rest)
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn check_lists(parsed: &Parsed) {
    for text in [&parsed.envelope, &parsed.structure, &parsed.body] {
        assert_eq!(value(text), Some(&b""[..]), "{}", String::from_utf8_lossy(text));
        assert!(text.starts_with(b"("));
    }
}

fn check_parts(bytes: &[u8], parts: &PartIndex) {
    let size = bytes.len() as u64;
    assert_eq!(parts.size(), size);
    assert_eq!(parts.section(&[], Section::Whole), Some(0..size));
    for path in parts.paths() {
        let part = parts.part(&path).expect("a path that is listed leads to a part");
        assert!(part.header.start <= part.header.end && part.header.end <= part.body.start);
        assert!(part.body.start <= part.body.end && part.body.end <= size);
        let sections = [Section::Whole, Section::Header, Section::Text, Section::Mime];
        for range in sections.into_iter().filter_map(|section| parts.section(&path, section)) {
            assert!(range.start <= range.end && range.end <= size);
        }
        let body = part.body.start as usize..part.body.end as usize;
        let _ = part.encoding.decode(&bytes[body]);
    }
    assert_eq!(PartIndex::decode(&parts.encode()).as_ref(), Some(parts));
}

fn check_texts(parsed: &Parsed) {
    let summary = &parsed.summary;
    let lines = [&summary.subject, &summary.subject_base, &summary.from, &summary.to, &summary.cc, &summary.bcc];
    let ids = [&summary.from_address, &summary.message_id, &summary.in_reply_to];
    let ids = ids.into_iter().flatten().chain(&summary.references);
    for text in lines.into_iter().chain([&summary.reply_to, &parsed.preview]).chain(ids) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert!(parsed.preview.chars().count() <= 200);
}

/// HEADER.FIELDS and HEADER.FIELDS.NOT share out the fields between them.
fn check_fields(header: &[u8]) {
    let names: [&[u8]; 2] = [b"subject", b"Received"];
    let [chosen, others] = [false, true].map(|not| header_fields(header, &names, not));
    let count = |header| fields(header).count();
    assert_eq!(count(&chosen) + count(&others), count(header));
}

fuzz_target!(|bytes: &[u8]| {
    let tight = Limits { mime_depth: 3, mime_parts: 5, header_fields: 7, ..Limits::default() };
    for limits in [Limits::default(), tight] {
        let parsed = parse(bytes, &limits);
        assert_eq!(parsed.size, bytes.len() as u64);
        check_lists(&parsed);
        check_parts(bytes, &parsed.parts);
        check_texts(&parsed);
        let text = search_text(bytes, &limits);
        assert!(!text.headers.contains('\0') && !text.body.contains('\0'));
        check_fields(&bytes[..parsed.header_bytes as usize]);
    }
    // A stored row may be damaged: what is read back from it is sound all the same.
    if let Some(parts) = PartIndex::decode(bytes) {
        assert!(parts.paths().iter().all(|path| parts.part(path).is_some_and(|part| part.body.end <= parts.size())));
    }
});
