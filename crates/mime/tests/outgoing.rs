//! What a submitted message says of its sender, what of it leaves, and when two copies of it are the same.

mod common;

use common::mail;
use postern_mime::{AddressFlaw, Edits, OutgoingError, OutgoingHeader, filed, leaving, read_outgoing, sent_identity};
use postern_types::Timestamp;

fn read(text: &str) -> OutgoingHeader {
    read_outgoing(&mail(text)).unwrap_or_else(|error| panic!("{error}: {text:?}"))
}

fn refused(text: &str) -> OutgoingError {
    match read_outgoing(&mail(text)) {
        Err(error) => error,
        Ok(header) => panic!("{header:?} of {text:?}"),
    }
}

/// What is wrong with a From of that value.
fn flaw(from: &str) -> AddressFlaw {
    match refused(&format!("From: {from}\n\n")) {
        OutgoingError::Unreadable { field: "From", flaw } => flaw,
        other => panic!("{other:?} of {from:?}"),
    }
}

fn from(value: &str) -> Vec<String> {
    read(&format!("From: {value}\n\n")).from
}

fn left(text: &str, edits: &Edits<'_>) -> String {
    String::from_utf8(leaving(&mail(text), edits)).expect("text").replace("\r\n", "\n")
}

const PLAIN: &str = "From: Alice Example <alice@example.org>\nTo: bob@example.net\nSubject: Minutes\n\
                     Date: Sun, 22 Nov 2026 21:50:00 +0000\nMessage-ID: <one@example.org>\n\nHello\n";

/// RFC 5322 section 3.6: the ordinary message, all of it.
#[test]
fn an_ordinary_message_is_read() {
    let header = read(PLAIN);
    assert_eq!(header.header_bytes, mail(PLAIN).len() - "Hello\r\n".len());
    assert_eq!(header.from, ["alice@example.org"]);
    assert_eq!(header.message_id.as_deref(), Some("one@example.org"));
    assert_eq!((header.subject.as_str(), header.has_date), ("Minutes", true));
    assert!(!header.eight_bit && !header.is_automatic);
    assert_eq!(read("From: a@example.org").header_bytes, "From: a@example.org".len(), "a header and no body");
}

/// Every way to write From is the same field: case, white space before the colon (RFC 5322 section 4.5), folds.
#[test]
fn from_is_seen_however_it_is_written() {
    for header in [
        "From: alice@example.org",
        "FROM:alice@example.org",
        "fRoM \t: alice@example.org",
        "From:\n alice@example.org",
        "From: Alice\n\t<alice@example.org>",
        "From: \"boss@example.com\" <alice@example.org>",
        "From: \"Boss, \\\"B\\\" <3\" < alice@example.org >",
        "From: (boss@example.com) alice@example.org",
        "From: alice@example.org (Alice)",
        "From: Alice A. Example <alice@example.org> (at home)",
        "From: =?utf-8?Q?M=C3=BCller=2C_Alice?= <alice@example.org>",
        "From: =?utf-8?Q?alice=40example.org?= <alice@example.org>",
        "From: Alice Müller <alice@example.org>",
    ] {
        assert_eq!(read(&format!("{header}\n\n")).from, ["alice@example.org"], "{header}");
    }
    for second in ["From : a@example.org", "FROM:a@example.org", "from\t: a@example.org", "From:\n a@example.org"] {
        let twice = format!("From: alice@example.org\nSubject: x\n{second}\n\n");
        assert_eq!(refused(&twice), OutgoingError::Repeated { field: "From" }, "{second}");
    }
}

/// All addresses count, not the first (RFC 5322 section 3.6.2).
#[test]
fn every_author_is_seen() {
    assert_eq!(
        from("a@example.org, \"B, C\" <b@example.org>,c@example.org"),
        ["a@example.org", "b@example.org", "c@example.org"]
    );
    let header = read(
        "From: a@example.org, b@example.org\nSender: c@example.org\nResent-From: d@example.org\n\
         Resent-Sender: e@example.org\nResent-From: f@example.org, g@example.org\n\n",
    );
    assert_eq!(header.sender, ["c@example.org"]);
    assert_eq!(header.resent_from, ["d@example.org", "f@example.org", "g@example.org"]);
    assert_eq!(header.resent_sender, ["e@example.org"]);
    assert_eq!(from("\"a..b\"@example.org"), ["\"a..b\"@example.org"], "as written");
    assert_eq!(from("jörg@exämple.org"), ["jörg@exämple.org"], "RFC 6532");
}

/// What readers could take in two ways is not taken at all.
#[test]
fn an_address_with_two_readings_is_refused() {
    use AddressFlaw::*;
    for (value, expected) in [
        ("", Missing),
        ("a@example.org,", Missing),
        (", a@example.org", Missing),
        ("<>", Missing),
        ("alice", NoDomain),
        ("Alice Example", NoDomain),
        ("alice@", NoDomain),
        ("alice@example..org", NoDomain),
        ("alice@[192.0.2.1]", Special('[')),
        ("<alice@[192.0.2.1]>", NoDomain),
        ("boss@example.com@example.org", NoDomain),
        ("@example.org", LocalPart),
        ("<@relay.example.net:alice@example.org>", LocalPart),
        ("a..b@example.org", LocalPart),
        ("\"boss@example.com\"@example.org", LocalPart),
        ("\"boss@example.com> \"@example.org", LocalPart),
        ("a @ example.org", AfterAddress),
        ("alice(x)@example.org", AfterAddress),
        ("alice@example.org boss", AfterAddress),
        ("<alice@example.org> <boss@example.com>", AfterAddress),
        ("<alice@example.org> boss@example.com", AfterAddress),
        ("authors: alice@example.org;", Group),
        ("undisclosed:;", Group),
        ("alice@example.org; boss@example.com", Group),
        ("\"Alice <alice@example.org>", Open),
        ("Alice <alice@example.org", Open),
        ("(Alice <alice@example.org>", Open),
        ("((a) boss@example.com (b)) alice@example.org", Comment),
        ("(\\) alice@example.org", Comment),
        ("boss@example.com <alice@example.org>", Special('@')),
        ("Alice [work] <alice@example.org>", Special('[')),
        ("Alice\\ <alice@example.org>", Special('\\')),
        ("alice@example.org>", Special('>')),
        ("=?utf-8?Q?boss=40example.com?=", EncodedAddress),
        ("=?utf-8?Q?boss=40example.com=3E?=@example.org", EncodedAddress),
        ("boss@=?utf-8?Q?example.com?=", EncodedAddress),
        ("=?utf-8?Q?boss=40example.com?= <alice@example.org>", HiddenAddress),
        ("=?utf-8?B?Ym9zc0BleGFtcGxlLmNvbQ==?= <alice@example.org>", HiddenAddress),
        ("=?utf-8?Q?boss?= =?utf-8?Q?=40example.com?= <alice@example.org>", HiddenAddress),
        ("\"=?utf-8?Q?boss=40example.com?=\" <alice@example.org>", HiddenAddress),
        ("(=?utf-8?Q?boss=40example.com?=) alice@example.org", HiddenAddress),
        ("(=?utf-8?Q?boss=40example.com?=) alice@example.org (Alice)", HiddenAddress),
        ("\"<boss@example.com>\" <alice@example.org>", HiddenAddress),
        ("=?utf-8?Q?Boss=00?= <alice@example.org>", Unshowable),
        ("=?utf-8?Q?Boss=0AFrom=3A_b?= <alice@example.org>", Unshowable),
        ("alice@example\u{200b}.org", Unshowable),
        ("boss\u{ff20}example.com\u{202e}@example.org", Unshowable),
    ] {
        assert_eq!(flaw(value), expected, "{value}");
    }
    assert_eq!(flaw(&format!("{}@example.org", "a".repeat(400))), TooLong);
    let latin = b"From: J\xf6rg <alice@example.org>\r\n\r\n";
    assert_eq!(read_outgoing(latin), Err(OutgoingError::Unreadable { field: "From", flaw: Unshowable }));
    let sender = refused("From: a@example.org\nSender: a@example.org, b@example.org\n\n");
    assert_eq!(sender, OutgoingError::ManySenders { field: "Sender" });
    let many = format!("From: {}a@example.org\n\n", "a@example.org, ".repeat(200));
    assert_eq!(refused(&many), OutgoingError::TooManyAddresses { field: "From" });
}

/// Lines that some readers would take for the end of the header, or for a field of their own (RFC 5322 section 2.1).
#[test]
fn a_header_with_two_readings_is_refused() {
    for (raw, expected) in [
        ("", OutgoingError::NoHeader),
        ("\r\nFrom: a@example.org\r\n\r\n", OutgoingError::NoHeader),
        ("Subject: x\r\n\r\nFrom: a@example.org\r\n", OutgoingError::NoFrom),
        ("Hello Bob\r\nhow are you\r\n", OutgoingError::StrayLine { line: 1 }),
        (
            "From alice@example.org Sun Nov 22 21:50:00 2026\r\nFrom: a@example.org\r\n\r\n",
            OutgoingError::StrayLine { line: 1 },
        ),
        (" From: a@example.org\r\n\r\n", OutgoingError::StrayLine { line: 1 }),
        ("From: a@example.org\r\nno field\r\nFrom: b@example.org\r\n\r\n", OutgoingError::StrayLine { line: 2 }),
        ("From: a@example.org\r\nSub ject: x\r\n\r\n", OutgoingError::StrayLine { line: 2 }),
        ("From: a@example.org\r\n: x\r\n\r\n", OutgoingError::FieldName { line: 2 }),
        ("From: a@example.org\r\nFrom\u{200b}: b@example.org\r\n\r\n", OutgoingError::FieldName { line: 2 }),
        ("\u{feff}From: a@example.org\r\n\r\n", OutgoingError::FieldName { line: 1 }),
        ("From: a@example.org\nSubject: x\r\n\r\n", OutgoingError::BareLineEnd { line: 1 }),
        ("From: a@example.org\r\nSubject: x\rFrom: b@example.org\r\n\r\n", OutgoingError::BareLineEnd { line: 2 }),
        ("From: a@example.org\r\n\r\r\n", OutgoingError::BareLineEnd { line: 2 }),
        ("From: a@example.org\r\nSubject: x\0y\r\n\r\n", OutgoingError::ControlCharacter { line: 2 }),
        (
            "From: a@example.org\r\nSubject: x\x0bFrom: b@example.org\r\n\r\n",
            OutgoingError::ControlCharacter { line: 2 },
        ),
    ] {
        assert_eq!(read_outgoing(raw.as_bytes()), Err(expected), "{raw:?}");
    }
    for name in ["Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID"] {
        let twice = format!("From: a@example.org\n{name}: b@example.org\n{}: c@example.org\n\n", name.to_lowercase());
        assert_eq!(refused(&twice), OutgoingError::Repeated { field: name });
    }
    let header = read("From: a@example.org\nBcc: b@example.org\nBcc: c@example.org\nSubject: x\n \n y\n\nbody\rbody\n");
    assert_eq!(header.subject, "x  y", "a line of white space goes on with the field (RFC 5322 section 4.2)");
}

/// The texts say what is wrong and where.
#[test]
fn a_refusal_tells_the_author_what_to_mend() {
    assert_eq!(refused("Subject: x\n\n").to_string(), "the message has no From field; add one with your address");
    assert_eq!(
        refused("From: Alice\n\n").to_string(),
        "the From field can not be read: an address looks like name@example.org"
    );
    assert_eq!(
        refused("From: a@example.org\nFrom: b@example.org\n\n").to_string(),
        "the message has more than one From field; leave one"
    );
}

/// RFC 3834 section 5, RFC 5321 section 6.3, RFC 2369, RFC 6532.
#[test]
fn other_fields_are_told() {
    let automatic = |line: &str| read(&format!("From: a@example.org\n{line}\n\n")).is_automatic;
    for line in [
        "Auto-Submitted: auto-replied",
        "auto-submitted: (x) auto-generated; a=b",
        "Precedence: BULK",
        "Precedence: list",
    ] {
        assert!(automatic(line), "{line}");
    }
    for line in ["Auto-Submitted: no", "Auto-Submitted: No (by hand)", "Auto-Submitted:", "Precedence: first-class"] {
        assert!(!automatic(line), "{line}");
    }
    let header = read(
        "Received: from a\nReceived: from b\nFrom: a@example.org\n\
         In-Reply-To: <1@example.org> <2@example.org>\nReferences: <0@example.org>\n <1@example.org>\nDate: soon\n\n\u{fc}\n",
    );
    assert!(header.eight_bit && !header.has_date);
    assert_eq!(header.received_fields, 2);
    assert_eq!(header.in_reply_to, ["1@example.org", "2@example.org"]);
    assert_eq!(header.references, ["0@example.org", "1@example.org"]);
    assert!(read("From: a@example.org\nSubject: Gr\u{fc}\u{df}e\n\n").eight_bit);
}

/// What a message hands on: named by the mailer, attached, or the last of the thread it is not an answer in.
#[test]
fn a_forward_names_what_it_hands_on() {
    let named = "From: a@example.org\nX-Forwarded-Message-Id: <1@example.org>\n <2@example.org>\nSubject: x\n\n";
    assert_eq!(read(named).forwarded, ["1@example.org", "2@example.org"]);
    let attached = |subject: &str| {
        read(&format!(
            "From: a@example.org\nSubject: {subject}\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nlook\n--b\n\
             Content-Type: message/rfc822\n\nMessage-ID: <in@example.org>\n\ninner\n--b--\n"
        ))
        .forwarded
    };
    assert_eq!(attached("Fwd: x"), ["in@example.org"]);
    assert_eq!(attached("fw : x"), ["in@example.org"]);
    assert!(attached("Re: x").is_empty());
    let inline = "From: a@example.org\nSubject: FW: x\nReferences: <1@example.org> <2@example.org>\n";
    assert_eq!(read(&format!("{inline}\n")).forwarded, ["2@example.org"]);
    assert!(read(&format!("{inline}In-Reply-To: <2@example.org>\n\n")).forwarded.is_empty());
}

/// RFC 5322 section 3.6.3: who is in Bcc stays with the sender. Nothing else is touched.
#[test]
fn what_leaves_tells_nobody_of_bcc() {
    let message = "Return-Path: <x@example.org>\nFrom: a@example.org\nBCC : b@example.net,\n c@example.net\nX-Odd:  kept\t as is \n\
                   Postern-Sent-By: forged\npostern-anything:\n forged\nResent-Bcc: d@example.net\nTo: e@example.net\n\nBcc: body\n";
    let kept = "From: a@example.org\nX-Odd:  kept\t as is \nTo: e@example.net\n\nBcc: body\n";
    assert_eq!(left(message, &Edits { sent_by: Some("joel"), ..Edits::default() }), kept);
    let copy = filed(&mail(message), &Edits { sent_by: Some("joel@example.org"), ..Edits::default() });
    assert_eq!(
        String::from_utf8(copy).expect("text").replace("\r\n", "\n"),
        "Postern-Sent-By: joel@example.org\nFrom: a@example.org\nBCC : b@example.net,\n c@example.net\n\
         X-Odd:  kept\t as is \nResent-Bcc: d@example.net\nTo: e@example.net\n\nBcc: body\n"
    );
    assert_eq!(left(PLAIN, &Edits::default()), PLAIN, "byte for byte");
}

/// Some programs take Bcc out before they send: the copy names in Bcc whoever is in no field, once each, and hostile
/// addresses make no field of their own.
#[test]
fn the_copy_names_in_bcc_who_is_in_no_field() {
    let message = "From: a@example.org\nTo: \"B, the\" <B@Example.net>,\n team: c@example.net;\nCc: d@example.net (x)\n\
                   Resent-To: e@example.net\n\nbody\n";
    let copy = |recipients: &[&str]| {
        let copy = filed(&mail(message), &Edits { recipients, ..Edits::default() });
        String::from_utf8(copy).expect("text").replace("\r\n", "\n")
    };
    assert_eq!(copy(&["b@example.net", "c@example.net", "d@example.net", "E@EXAMPLE.net"]), message);
    assert_eq!(
        copy(&["f@example.net", "b@example.net", "g@example.net", "F@example.net"]),
        format!("Bcc: f@example.net, g@example.net\n{message}")
    );
    let hostile = copy(&["x@example.net\r\nSubject: y", "a\tb@example.net"]);
    assert!(hostile.ends_with(message) && !hostile.contains("\nSubject"), "{hostile}");
    let many: Vec<String> = (0..500).map(|number| format!("recipient-{number}@example.net")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = copy(&many);
    assert!(long.lines().all(|line| line.len() <= 78), "it is folded");
    let again = filed(&mail(&long), &Edits { recipients: &many, ..Edits::default() });
    assert_eq!(again.len(), mail(&long).len(), "all of them are named");
}

/// RFC 6409 section 8: Sender, Date and Message-ID of the house.
#[test]
fn edits_are_made_on_top() {
    let all = Edits {
        sender: Some("joel@example.org"),
        from: Some(("Help, Desk", "help@example.org")),
        message_id: Some("<two@example.org>"),
        date: Some(Timestamp(1_795_384_200_000)),
        sent_by: None,
        recipients: &["f@example.net"],
    };
    assert_eq!(
        left("From: a@example.org\nSender: b@example.org\nDate: soon\nMessage-ID:\nSubject: x\n\nbody", &all),
        "Date: Sun, 22 Nov 2026 21:50:00 +0000\nFrom: \"Help, Desk\" <help@example.org>\nSender: joel@example.org\n\
         Message-ID: <two@example.org>\nSubject: x\n\nbody"
    );
    let own = Edits { sender: None, from: None, ..all };
    assert_eq!(left(PLAIN, &own), PLAIN, "a Date and a Message-ID that are there stay");
    let named = |name| left("\nbody", &Edits { from: Some((name, "help@example.org")), ..Edits::default() });
    assert_eq!(named(""), "From: help@example.org\n\nbody");
    assert_eq!(named("Help Desk"), "From: Help Desk <help@example.org>\n\nbody");
    assert_eq!(named("\"H\" \\ D."), "From: \"\\\"H\\\" \\\\ D.\" <help@example.org>\n\nbody");
    assert_eq!(named("B\u{fc}ro"), "From: =?utf-8?Q?B=C3=BCro?= <help@example.org>\n\nbody");
    assert_eq!(named("=?utf-8?Q?x?="), "From: =?utf-8?Q?=3D=3Futf-8=3FQ=3Fx=3F=3D?= <help@example.org>\n\nbody");
    let sender = |address| left("\nbody", &Edits { sender: Some(address), ..Edits::default() });
    assert_eq!(
        sender("joel@example.org\r\nBcc: x@example.org"),
        "Sender: \"joel@example.orgBcc: x\"@example.org\n\nbody"
    );
    assert_eq!(sender("a, b@example.org"), "Sender: \"a, b\"@example.org\n\nbody");
    assert_eq!(sender("\"a b\"@example.org"), "Sender: \"a b\"@example.org\n\nbody");
    assert_eq!(
        left("just text\n", &Edits { sender: Some("a@example.org"), ..Edits::default() }),
        "Sender: a@example.org\n\njust text\n"
    );
    assert_eq!(
        left(" stray\nFrom: a@example.org\n\n", &Edits { sender: Some("b@example.org"), ..Edits::default() }),
        " stray\nSender: b@example.org\nFrom: a@example.org\n\n",
        "no line that is there goes on with a field of ours"
    );
}

/// Trace, Bcc, order and folds do not make another message; who, what and when do.
#[test]
fn two_copies_of_one_message_are_the_same() {
    let id = |text: &str| sent_identity(&mail(text));
    let ours = id(PLAIN).expect("it has a Message-ID");
    let theirs = "MESSAGE-ID:\n <one@example.org>\nBcc: carol@example.net\nX-Mailer: x\nDate: Sun, 22 Nov 2026\n\t21:50:00 +0000\n\
                  subject:   Minutes \nTo: bob@example.net\nFrom: Alice  Example\n  <alice@example.org>\n\nHello\n\n\n";
    assert_eq!(id(theirs).as_ref(), Some(&ours));
    for (part, other) in [
        ("Alice Example", "Eve Example"),
        ("bob@example.net", "rob@example.net"),
        ("Minutes", "Hours"),
        ("21:50", "21:51"),
        ("<one@", "<two@"),
        ("Hello", "Goodbye"),
        ("Hello\n", "Hello \n"),
        ("To: bob@example.net\n", ""),
        ("To: bob@example.net\n", "To: bob@example.net\nTo: bob@example.net\n"),
    ] {
        assert_ne!(id(&PLAIN.replace(part, other)).as_ref(), Some(&ours), "{part} {other}");
    }
    // Of when alone it can be told apart: mutt's own copy is dated anew.
    let later = id(&PLAIN.replace("21:50", "21:51")).expect("it has a Message-ID");
    assert!(later.message == ours.message && later.date != ours.date);
    assert_eq!(id(&PLAIN.replace("Message-ID", "X-ID")), None);
    assert_eq!(id(&PLAIN.replace("<one@example.org>", "")), None);
    assert_ne!(id("Message-ID: <a>\nTo: x\nSubject: y\n\n"), id("Message-ID: <a>\nTo: xy\nSubject:\n\n"));
}

/// Half a million lines are read in one pass, and what is kept of them is bounded.
#[test]
fn a_header_of_half_a_million_lines_is_read() {
    let lines = "Received: x\r\nIn-Reply-To: <1@example.org>\r\nBcc: b@example.net\r\n folded\r\n".repeat(125_000);
    let raw = format!("From: a@example.org\r\n{lines}\r\nbody\r\n").into_bytes();
    let header = read_outgoing(&raw).expect("it can be read");
    assert_eq!((header.received_fields, header.in_reply_to.len()), (125_000, 1000));
    assert_eq!(leaving(&raw, &Edits::default()).len(), raw.len() - 125_000 * "Bcc: b@example.net\r\n folded\r\n".len());
    let resent = format!("From: a@example.org\r\n{}\r\n", "Resent-From: b@example.org\r\n".repeat(500_000));
    assert_eq!(read_outgoing(resent.as_bytes()), Err(OutgoingError::TooManyAddresses { field: "Resent-From" }));
}
