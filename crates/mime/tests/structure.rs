//! BODY, BODYSTRUCTURE and part numbers (RFC 9051 sections 6.4.5.1 and 7.5.2).

mod common;

use common::{check, mail, section, text};
use postern_mime::{Parsed, Section, TransferEncoding};
use postern_types::Limits;

fn parsed(message: &[u8]) -> Parsed {
    check(message, &Limits::default())
}

fn structure(message: &str) -> String {
    text(&parsed(&mail(message)).structure)
}

/// A message that says nothing about itself is text/plain in US-ASCII (RFC 2045 section 5.2).
#[test]
fn plain_text_by_default() {
    let message = mail("Subject: hi\n\none\ntwo\n");
    let parsed = parsed(&message);
    assert_eq!(text(&parsed.body), r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 10 2)"#);
    let extended = r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 10 2 NIL NIL NIL NIL)"#;
    assert_eq!(text(&parsed.structure), extended);
    // "Every message has at least one part number": part 1 is the body, its MIME header that of the message.
    assert_eq!(section(&message, &parsed, &[1], Section::Whole), Some("one\r\ntwo\r\n"));
    assert_eq!(section(&message, &parsed, &[1], Section::Mime), Some("Subject: hi\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[], Section::Header), Some("Subject: hi\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[], Section::Text), Some("one\r\ntwo\r\n"));
    for (path, part) in [(&[2][..], Section::Whole), (&[1, 1], Section::Whole), (&[0], Section::Whole)] {
        assert_eq!(section(&message, &parsed, path, part), None);
    }
    assert_eq!(section(&message, &parsed, &[1], Section::Header), None, "only a message has a HEADER");
}

/// Every field that BODYSTRUCTURE shows of a part, in its order (section 7.5.2).
#[test]
fn all_fields_of_a_part() {
    let message = "Content-Type: image/png; name=\"a b.png\"\nContent-Transfer-Encoding: base64\n\
                   Content-ID: <1@example.org>\nContent-Description: a \"map\"\nContent-MD5: Q2hlY2s=\n\
                   Content-Disposition: attachment; filename=map.png; size=5\nContent-Language: de, en\n\
                   Content-Location: http://example.org/\n map.png\n\naGVsbG8=\n";
    assert_eq!(
        structure(message),
        r#"("IMAGE" "PNG" ("NAME" "a b.png") "<1@example.org>" "a \"map\"" "BASE64" 10 "Q2hlY2s=" ("ATTACHMENT" ("FILENAME" "map.png" "SIZE" "5")) ("de" "en") "http://example.org/map.png")"#
    );
}

const COMPLEX: &str = "Subject: outer
Content-Type: multipart/mixed; boundary=A

preamble
--A

one
--A
Content-Type: application/octet-stream

two
--A
Content-Type: message/rfc822

Subject: inner
From: alice@example.org
Content-Type: multipart/mixed; boundary=B

--B

three one
--B
Content-Type: application/octet-stream

three two
--B--
--A
Content-Type: multipart/mixed; boundary=C

--C
Content-Type: image/gif

four one
--C
Content-Type: message/rfc822

Subject: innermost
Content-Type: multipart/mixed; boundary=D

--D
Content-Type: text/plain

four two one
--D
Content-Type: multipart/alternative; boundary=E

--E
Content-Type: text/plain

four two two one
--E
Content-Type: text/richtext

four two two two
--E--
--D--
--C--
--A--
epilogue
";

/// The example of RFC 9051 section 6.4.5.1, part by part.
#[test]
fn the_part_numbers_of_the_rfc() {
    let message = mail(COMPLEX);
    let parsed = parsed(&message);
    let bodies: [(&[u32], &str); 8] = [
        (&[1], "one"),
        (&[2], "two"),
        (&[3, 1], "three one"),
        (&[3, 2], "three two"),
        (&[4, 1], "four one"),
        (&[4, 2, 1], "four two one"),
        (&[4, 2, 2, 1], "four two two one"),
        (&[4, 2, 2, 2], "four two two two"),
    ];
    for (path, body) in bodies {
        assert_eq!(section(&message, &parsed, path, Section::Whole), Some(body), "part {path:?}");
    }
    let header = "Subject: inner\r\nFrom: alice@example.org\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n";
    assert_eq!(section(&message, &parsed, &[3], Section::Header), Some(header));
    assert!(section(&message, &parsed, &[3], Section::Text).is_some_and(|text| text.starts_with("--B\r\n")));
    assert_eq!(section(&message, &parsed, &[4, 1], Section::Mime), Some("Content-Type: image/gif\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[3], Section::Mime), Some("Content-Type: message/rfc822\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[1], Section::Mime), Some("\r\n"));
    assert!(
        section(&message, &parsed, &[4, 2], Section::Header).is_some_and(|text| text.starts_with("Subject: inner"))
    );
    assert_eq!(section(&message, &parsed, &[4], Section::Text), None, "part 4 is no message");
    assert_eq!(parsed.parts.paths().len(), 12);
    let plain = |octets: u32| format!(r#"("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" {octets} 0)"#);
    let list = text(&parsed.body);
    assert!(
        list.starts_with(&format!("({}(\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" 3)", plain(3))),
        "{list}"
    );
    assert!(list.contains(r#"(NIL "inner" ((NIL NIL "alice" "example.org")) "#), "the envelope of part 3: {list}");
    assert!(list.ends_with(r#" "MIXED")"#), "{list}");
}

/// A message that is a message: 1 is the message inside, 1.1 its body, 1.HEADER its header (section 6.4.5.1).
#[test]
fn a_message_in_a_message() {
    let message = mail("Content-Type: message/rfc822\n\nSubject: in\n\nbody\nmore\n");
    let parsed = parsed(&message);
    assert_eq!(section(&message, &parsed, &[1], Section::Whole), Some("Subject: in\r\n\r\nbody\r\nmore\r\n"));
    assert_eq!(section(&message, &parsed, &[1], Section::Header), Some("Subject: in\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[1], Section::Text), Some("body\r\nmore\r\n"));
    assert_eq!(section(&message, &parsed, &[1, 1], Section::Whole), Some("body\r\nmore\r\n"));
    assert_eq!(section(&message, &parsed, &[1, 1], Section::Mime), Some("Subject: in\r\n\r\n"));
    assert_eq!(
        text(&parsed.body),
        r#"("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 27 (NIL "in" NIL NIL NIL NIL NIL NIL NIL NIL) ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 12 2) 4)"#
    );
}

/// A message that was encoded, which RFC 2046 section 5.2.1 forbids, cannot be read in place: it is octets.
#[test]
fn an_encoded_message_stays_closed() {
    let encoded =
        "Content-Type: message/rfc822; name=in.eml\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4NCg0K\n";
    let parsed = parsed(&mail(encoded));
    assert_eq!(text(&parsed.body), r#"("APPLICATION" "OCTET-STREAM" ("NAME" "in.eml") NIL NIL "BASE64" 22)"#);
    assert_eq!(parsed.parts.part(&[1]).map(|part| part.encoding), Some(TransferEncoding::Base64));
}

/// In a digest the type that goes without saying is message/rfc822 (RFC 2046 section 5.1.5).
#[test]
fn a_digest() {
    let message = mail("Content-Type: multipart/digest; boundary=A\n\n--A\n\nSubject: one\n\nbody\n--A--\n");
    let parsed = parsed(&message);
    assert_eq!(section(&message, &parsed, &[1], Section::Header), Some("Subject: one\r\n\r\n"));
    assert_eq!(section(&message, &parsed, &[1, 1], Section::Whole), Some("body"));
}

/// RFC 2231: pieces are joined; a value with a charset is shown in UTF-8 under its name with the asterisk.
#[test]
fn parameters_of_rfc_2231() {
    let parameters = |value: &str| {
        let list = structure(&format!("Content-Type: application/pdf; {value}\n\nx\n"));
        let rest = list.strip_prefix(r#"("APPLICATION" "PDF" "#).expect("a pdf").to_owned();
        rest.split_once(" NIL NIL").expect("no id").0.to_owned()
    };
    assert_eq!(parameters("name*0=\"long \"; name*1=name"), r#"("NAME" "long name")"#);
    assert_eq!(parameters("name*1=b; name*0=a; name*3=d"), r#"("NAME" "ab")"#);
    assert_eq!(parameters("name*=utf-8'de'gr%C3%BCn"), r#"("NAME*" "utf-8'de'gr%C3%BCn")"#);
    assert_eq!(parameters("name*0*=iso-8859-1''gr%FC; name*1=\"n%.pdf\""), r#"("NAME*" "utf-8''gr%C3%BCn%25.pdf")"#);
    assert_eq!(parameters("name=a b (1).pdf ; x=y"), r#"("NAME" "a b (1).pdf" "X" "y")"#);
    assert_eq!(parameters("name=\"unclosed; x=y"), r#"("NAME" "unclosed; x=y")"#);
    assert_eq!(parameters("; =x; a b=c; name"), "NIL");
    // RFC 2045 section 5.1, its own example of a comment.
    assert!(
        structure("Content-type: text/plain; charset=us-ascii (Plain text)\n\n").contains(r#"("CHARSET" "us-ascii")"#)
    );
}

/// Types that cannot be read have a type all the same (RFC 2045 section 5.2).
#[test]
fn unreadable_types() {
    for (value, expected) in [
        ("", r#"("TEXT" "PLAIN" "#),
        ("text", r#"("TEXT" "PLAIN" "#),
        ("; charset=utf-8", r#"("TEXT" "PLAIN" ("CHARSET" "utf-8")"#),
        ("image", r#"("APPLICATION" "OCTET-STREAM" "#),
        ("text/html charset=utf-8", r#"("TEXT" "HTML" "#),
        ("multipart/mixed", r#"("TEXT" "PLAIN" "#),
        ("multipart/mixed; boundary=never-seen", r#"("TEXT" "PLAIN" "#),
    ] {
        let list = structure(&format!("Content-Type: {value}\n\nHello\n"));
        assert!(list.starts_with(expected), "{value:?}: {list}");
    }
    assert!(structure("Content-Transfer-Encoding: 7-bit; x\n\n").contains(r#" "7-BIT" "#));
    assert!(structure("Content-Transfer-Encoding: quoted printable (x)\n\n").contains(r#" "QUOTED PRINTABLE" "#));
}

/// A line that only begins like a delimiter is text, where another boundary is longer (RFC 2046 section 5.1.1 asks
/// for more care of those who make boundaries than they take).
#[test]
fn boundaries_that_are_prefixes() {
    let message = mail(
        "Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: multipart/mixed; boundary=AA\n\n\
         --AA \n\none\n--AA--\n--A--\n",
    );
    let parsed = parsed(&message);
    assert_eq!(section(&message, &parsed, &[1, 1], Section::Whole), Some("one"));
    assert_eq!(parsed.parts.paths(), [vec![1], vec![1, 1]]);
}

/// Broken multiparts: no close delimiter, an outer delimiter inside, nothing between delimiters, the end in a header.
#[test]
fn broken_multiparts() {
    let message = mail("Content-Type: multipart/mixed; boundary=A\n\n--A\n\none\n--A\nContent-Type: text/html");
    let parsed_message = parsed(&message);
    assert_eq!(section(&message, &parsed_message, &[1], Section::Whole), Some("one"));
    assert_eq!(section(&message, &parsed_message, &[2], Section::Whole), Some(""));
    assert_eq!(section(&message, &parsed_message, &[2], Section::Mime), Some("Content-Type: text/html"));

    let message = mail(
        "Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\none\n\
         --A\nContent-Type: message/rfc822\n\nSubject: cut\n--A--\n",
    );
    let parsed_message = parsed(&message);
    assert_eq!(section(&message, &parsed_message, &[1, 1], Section::Whole), Some("one"));
    assert_eq!(section(&message, &parsed_message, &[2], Section::Header), Some("Subject: cut\r\n"));

    let message = mail("Content-Type: multipart/mixed; boundary=A\n\n--A\n--A--\n--A\nlate\n");
    let parsed_message = parsed(&message);
    assert_eq!(section(&message, &parsed_message, &[1], Section::Whole), Some(""));
    assert_eq!(parsed_message.parts.paths(), [vec![1]], "what follows the close delimiter is epilogue");
}

/// Where the header ends when its blank line is missing, and what text without a header is.
#[test]
fn headers_without_an_end() {
    for (message, header) in [
        ("", ""),
        ("\n", "\r\n"),
        ("Subject: x", "Subject: x"),
        ("Subject: x\n", "Subject: x\r\n"),
        ("Subject: x\n folded\nHello there\nyou: two\n", "Subject: x\r\n folded\r\n"),
        ("Subject: x\nnot a field\nTo: y\n\nHello\n", "Subject: x\r\nnot a field\r\nTo: y\r\n\r\n"),
        ("Hello there\n\nyou\n", ""),
        ("\nHello\n", "\r\n"),
        (
            "From bob Mon Jan  1 00:00:00 2024\nSubject: x\n\nHi\n",
            "From bob Mon Jan  1 00:00:00 2024\r\nSubject: x\r\n\r\n",
        ),
    ] {
        let message = mail(message);
        assert_eq!(section(&message, &parsed(&message), &[], Section::Header), Some(header), "{:?}", text(&message));
    }
}

/// Line ends as they come: bare LF, CR CR LF, a lone CR; 8-bit text and NUL.
#[test]
fn line_ends_and_odd_bytes() {
    let multipart = "Content-Type: multipart/mixed; boundary=A\n\n--A\n\none\n--A\n\ntwo\n--A--\n";
    for line_end in ["\n", "\r\n", "\r\r\n"] {
        let message = multipart.replace('\n', line_end).into_bytes();
        let parsed = parsed(&message);
        assert_eq!(section(&message, &parsed, &[2], Section::Whole).map(str::trim_end), Some("two"), "{line_end:?}");
    }
    let cr_only = parsed(b"Subject: x\rTo: y\r\rHello");
    assert_eq!(text(&cr_only.envelope), r#"(NIL "x To: y Hello" NIL NIL NIL NIL NIL NIL NIL NIL)"#);
    let odd = parsed(b"Subject: \xff\0\r\nContent-Type: text/plain; name=\xe9\r\n\r\n\0\xff\r\n");
    assert!(odd.envelope.windows(8).any(|window| window == b"{2}\r\n\xff? "), "a literal with raw 8-bit bytes");
}

/// Beyond the limits parts are opaque, and their bytes can still be fetched.
#[test]
fn limits_leave_opaque_parts() {
    let limits = Limits { mime_parts: 3, ..Limits::default() };
    let message =
        mail("Content-Type: multipart/mixed; boundary=A\n\n--A\n\none\n--A\n\ntwo\n--A\n\nthree\n--A\n\nfour\n--A--\n");
    let few = check(&message, &limits);
    let rest = "\r\nthree\r\n--A\r\n\r\nfour\r\n--A--\r\n";
    assert_eq!(section(&message, &few, &[3], Section::Whole), Some(rest), "one part holds all that is left");
    assert!(text(&few.body).contains(&format!(r#"("APPLICATION" "OCTET-STREAM" NIL NIL NIL "7BIT" {})"#, rest.len())));

    let limits = Limits { mime_depth: 1, ..Limits::default() };
    let message = mail(
        "Content-Type: multipart/mixed; boundary=A\n\n--A\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\none\n--B--\n--A--\n",
    );
    let shallow = check(&message, &limits);
    assert_eq!(section(&message, &shallow, &[1], Section::Whole), Some("--B\r\n\r\none\r\n--B--"));
    assert!(text(&shallow.body).starts_with(r#"(("APPLICATION" "OCTET-STREAM" "#));

    let limits = Limits { header_fields: 1, ..Limits::default() };
    let message = mail("X: y\nSubject: late\nContent-Type: text/html\n\nHi\n");
    let blind = check(&message, &limits);
    assert_eq!(blind.summary.subject, "");
    assert_eq!(section(&message, &blind, &[1], Section::Whole), Some("Hi\r\n"), "the header ends where it ends");

    for limits in [
        Limits { mime_parts: 0, ..Limits::default() },
        Limits { mime_depth: 0, ..Limits::default() },
        Limits { mime_parts: 2, ..Limits::default() },
        Limits { mime_depth: usize::MAX, mime_parts: usize::MAX, ..Limits::default() },
    ] {
        check(&mail(COMPLEX), &limits);
    }
}

/// Nesting without end is cut at the limit and costs no stack.
#[test]
fn bottomless_nesting() {
    let mut multiparts = String::new();
    for level in 0..5000 {
        multiparts += &format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\n\n--b{level}\n");
    }
    let messages = "Content-Type: message/rfc822\n\n".repeat(5000);
    let unlimited = Limits { mime_depth: usize::MAX, mime_parts: usize::MAX, ..Limits::default() };
    for limits in [Limits::default(), unlimited] {
        for nested in [&multiparts, &messages] {
            let parsed = check(&mail(nested), &limits);
            assert!(parsed.parts.paths().len() <= 201, "{}", parsed.parts.paths().len());
        }
    }
}
