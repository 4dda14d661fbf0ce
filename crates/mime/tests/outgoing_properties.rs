//! What holds for every message that is submitted, and for every value that is put into it.
#![allow(clippy::print_stderr, reason = "how many messages were accepted is told to whoever runs it")]

mod common;
#[path = "properties/outgoing.rs"]
mod outgoing;
#[path = "properties/report.rs"]
mod report;

use std::cell::Cell;

use common::{corpus, with_crlf};
use mail_parser::MessageParser;
use outgoing::{check_outgoing, is_of_the_house, named};
use postern_mime::{
    Edits, Notice, Report, ReportKind, ReportRecipient, fields, leaving, parse, read_outgoing, sent_identity,
};
use postern_types::{Limits, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use report::{check_incoming, check_notice, check_report};

/// Runs a property with a seed that can be given again.
fn property<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let seed: u64 = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_122);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, test) {
        panic!("with POSTERN_SEED={seed}: {error}");
    }
}

/// Names of fields that the house looks at, and ways to write them.
const NAMES: [&str; 22] = [
    "From",
    "FROM ",
    "from\t",
    "Sender",
    "Bcc",
    "BCC ",
    "Resent-Bcc",
    "Resent-From",
    "Return-Path",
    "Postern-Sent-By",
    "postern-x",
    "Subject",
    "To",
    "Date",
    "Message-ID",
    "References",
    "Received",
    "Content-Type",
    "X-Postern",
    "Fro m",
    "Bcc\u{e9}",
    "",
];

/// Pieces that values are made of.
const PIECES: [&str; 40] = [
    "alice@example.org",
    "<bob@example.net>",
    "boss",
    "@",
    "example.com",
    "<",
    ">",
    "\"",
    "\\",
    "(",
    ")",
    ",",
    ";",
    ":",
    " ",
    "\t",
    "\r\n ",
    "\r\n\t",
    "=?utf-8?Q?boss=40example.com?=",
    "=?utf-8?Q?",
    "?=",
    "[",
    "]",
    ".",
    "é",
    "\u{200b}",
    "<one@example.org>",
    "Sun, 22 Nov 2026 21:50:00 +0000",
    "multipart/mixed; boundary=b",
    "message/rfc822",
    "Fwd: ",
    "\r\n",
    "\n",
    "\r",
    "\0",
    "\u{2028}",
    "\u{85}",
    "\r\nBcc: x@example.org\r\n",
    "\r\n\r\n",
    "xxxxxxxxxxxxxxxxxxxxxxxx",
];

fn value(hostile: bool) -> impl Strategy<Value = String> {
    let pieces = if hostile { &PIECES[..] } else { &PIECES[..31] };
    proptest::collection::vec(select(pieces), 0..6).prop_map(|pieces| pieces.concat())
}

/// A From that can be read, or almost.
fn sender() -> impl Strategy<Value = String> {
    let names = vec![
        "",
        "Alice ",
        "\"Alice, B\" ",
        "Alice A. ",
        "(a) ",
        "=?utf-8?Q?M=C3=BCller?= ",
        "\"boss@example.com\"\r\n ",
    ];
    let ends = vec!["", " ", " (a)", "\r\n ", ", bob@example.net", ",\r\n\t\"B\" <bob@example.net>", " x", ","];
    (select(names), select(&["<alice@example.org>", "alice@example.org", "< alice@example.org >"][..]), select(ends))
        .prop_map(|(name, address, end)| format!("{name}{address}{end}"))
}

/// Header lines, mostly sound, and a body of any kind.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let sound = (select(&NAMES[..]), value(false)).prop_map(|(name, value)| format!("{name}: {value}\r\n"));
    let hostile = (select(&NAMES[..]), value(true)).prop_map(|(name, value)| format!("{name}:{value}\r\n"));
    let stray =
        select(&["stray\r\n", " stray\r\n", "From x\r\n", "\n", "X: y\n", "\r\r\n"][..]).prop_map(str::to_owned);
    let field = prop_oneof![12 => sound, 1 => hostile, 1 => stray];
    let from = prop_oneof![9 => sender().prop_map(|sender| format!("From: {sender}\r\n")), 1 => Just(String::new())];
    let body = (select(&["", "\r\n"][..]), value(true)).prop_map(|(blank, body)| format!("{blank}{body}"));
    (proptest::collection::vec(field.clone(), 0..4), from, proptest::collection::vec(field, 0..4), body)
        .prop_map(|(before, from, after, body)| [before.concat(), from, after.concat(), body].concat().into_bytes())
}

type OwnEdits = (Option<String>, Option<(String, String)>, Option<String>, Option<i64>, Option<String>);

fn edits() -> impl Strategy<Value = OwnEdits> {
    let some = || {
        proptest::option::of(prop_oneof![
            value(true),
            any::<String>(),
            Just("x y ".repeat(500)),
            Just("z".repeat(2000)),
            Just(" ".repeat(2000) + "w")
        ])
    };
    let from = (some(), some()).prop_map(|(name, address)| name.zip(address));
    (some(), from, some(), any::<Option<i64>>(), some())
}

fn borrowed(own: &OwnEdits) -> Edits<'_> {
    let (sender, from, message_id, date, sent_by) = own;
    Edits {
        sender: sender.as_deref(),
        from: from.as_ref().map(|(name, address)| (name.as_str(), address.as_str())),
        message_id: message_id.as_deref(),
        date: date.map(Timestamp),
        sent_by: sent_by.as_deref(),
        recipients: &[],
    }
}

/// No value of an edit is more than one field, and nothing but fields on top is changed.
#[test]
fn edits_add_fields_and_change_nothing_else() {
    let accepted = Cell::new(0);
    property(3000, (message(), edits()), |(raw, own)| {
        accepted.set(accepted.get() + usize::from(check_outgoing(&raw, &borrowed(&own)).is_some()));
        Ok(())
    });
    eprintln!("{} accepted", accepted.get());
    assert!(accepted.get() > 150, "{} accepted", accepted.get());
}

/// What stands behind the line of an mbox goes on with no field, so where the header ends does not depend on one that
/// is put before it.
#[test]
fn a_line_of_an_mbox_has_no_continuation() {
    let raw = b"From alice Sun Nov 22\r\n  21:50\r\nReturn-Path: <bob@example.net>\r\nTo: bob@example.net\r\n";
    let edits = Edits { from: Some(("Alice", "alice@example.org")), ..Edits::default() };
    assert_eq!(check_outgoing(raw, &edits), None);
}

/// A sender that is accepted is the one that other readers show.
#[test]
fn another_reader_sees_the_same_sender() {
    let accepted = Cell::new(0);
    property(6000, message(), |raw| {
        let Ok(header) = read_outgoing(&raw) else { return Ok(()) };
        accepted.set(accepted.get() + 1);
        let other = MessageParser::default().parse_headers(raw.as_slice()).expect("a header");
        let list = |list: Option<&mail_parser::Address<'_>>| -> Vec<String> {
            list.into_iter().flat_map(|list| list.iter()).filter_map(|one| one.address().map(str::to_owned)).collect()
        };
        prop_assert_eq!(&list(other.from()), &header.from);
        prop_assert_eq!(&list(other.sender()), &header.sender);
        Ok(())
    });
    assert!(accepted.get() > 300, "{} accepted", accepted.get());
}

/// The address of an edit is read back as that one address, and the name as that name.
#[test]
fn an_address_that_is_put_in_reads_back() {
    let address = ("[a-z0-9.,;:()<>\"\\[\\] é-]{1,20}", "[a-z0-9é]{1,9}(\\.[a-z]{2,5}){1,2}");
    let name = "[ -~éß漢]{0,80}";
    property(2000, (address, name), |((local, domain), name)| {
        let address = format!("{local}@{domain}");
        let edits = Edits { from: Some((&name, &address)), sender: Some(&address), ..Edits::default() };
        let out = leaving(b"\r\nbody", &edits);
        let other = MessageParser::default().parse(out.as_slice()).expect("mail");
        let from = other.from().expect("a From").iter().collect::<Vec<_>>();
        prop_assert_eq!(from.len(), 1, "{}", String::from_utf8_lossy(&out));
        let shown = postern_mime::header_values(&out, "From").concat();
        prop_assert!(shown.contains(&domain), "{shown}");
        if let Ok(header) = read_outgoing(&out) {
            prop_assert_eq!(&header.from, &header.sender);
            prop_assert_eq!(from[0].name().unwrap_or_default(), name.trim());
        }
        Ok(())
    });
}

/// Words that are plain, or that are not.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        value(true),
        any::<String>(),
        select(&["alice@example.org", "rfc822", "5.1.1", "mx.example.net", "é@example.org"][..])
            .prop_map(str::to_owned),
        select(vec!["x".repeat(1500), "x ".repeat(1500), "é".repeat(1500), "=_postern_1_=".to_owned()]),
    ]
}

type OwnRecipient = (Vec<String>, ReportKind, [bool; 2], [Option<i64>; 2]);

/// Six texts, what became of it, which of two texts there are, and when.
fn recipient() -> impl Strategy<Value = OwnRecipient> {
    let kinds = vec![ReportKind::Failed, ReportKind::Delayed, ReportKind::Delivered, ReportKind::Relayed];
    (proptest::collection::vec(words(), 6), select(kinds), any::<[bool; 2]>(), any::<[Option<i64>; 2]>())
}

fn borrowed_recipient((words, kind, [has_original, has_reply], times): &OwnRecipient) -> ReportRecipient<'_> {
    ReportRecipient {
        final_recipient: &words[0],
        original: has_original.then_some((&words[1], &words[2])),
        kind: *kind,
        status: &words[3],
        remote_server: has_reply.then_some(&words[4]),
        diagnostic: has_reply.then_some(&words[5]),
        is_reply: *has_reply,
        last_attempt: times[0].map(Timestamp),
        retry_until: times[1].map(Timestamp),
    }
}

/// A report holds three parts and lines that SMTP can carry, whatever it is made of, and says what it was given.
#[test]
fn a_report_is_sound_whatever_it_is_about() {
    let recipients = proptest::collection::vec(recipient(), 0..4);
    let heads = (proptest::collection::vec(words(), 5), any::<(i64, Option<i64>)>(), any::<bool>());
    property(700, (message(), recipients, heads), |(original, recipients, (words, (at, arrived), return_full))| {
        check_incoming(&original);
        let recipients: Vec<ReportRecipient<'_>> = recipients.iter().map(borrowed_recipient).collect();
        check_report(&Report {
            hostname: &words[0],
            from: &words[1],
            to: &words[2],
            message_id: &words[3],
            at: Timestamp(at),
            envelope_id: arrived.map(|_| words[4].as_str()),
            arrived: arrived.map(Timestamp),
            recipients: &recipients,
            original: &original,
            return_full,
        });
        Ok(())
    });
}

/// A note is one text, whatever stands in it.
#[test]
fn a_note_is_one_text() {
    property(500, (proptest::collection::vec(words(), 5..9), any::<i64>()), |(words, at)| {
        let paragraphs: Vec<&str> = words[5..].iter().map(String::as_str).collect();
        check_notice(&Notice {
            from: &words[0],
            to: &words[1],
            at: Timestamp(at),
            message_id: &words[2],
            in_reply_to: Some(&words[3]),
            subject: &words[4],
            paragraphs: &paragraphs,
        });
        Ok(())
    });
}

/// Real mail: it leaves as it is but for what must not leave, and its sender is the one that lists show.
#[test]
fn real_mail_leaves_as_it_is() {
    let (mut accepted, mut refused) = (0, 0);
    for (path, bytes) in corpus() {
        let raw = with_crlf(&bytes);
        let removed: usize = fields(&raw[..parse(&raw, &Limits::default()).header_bytes as usize])
            .filter(|field| is_of_the_house(field) || named(field, &["Bcc", "Resent-Bcc"]))
            .map(|field| field.raw.len())
            .sum();
        let out = leaving(&raw, &Edits::default());
        assert_eq!(out.len() + removed, raw.len(), "{}", path.display());
        assert_eq!(sent_identity(&out), sent_identity(&raw), "{}", path.display());
        match read_outgoing(&raw) {
            Ok(header) => {
                accepted += 1;
                let shown = parse(&raw, &Limits::default()).summary.from_address;
                assert_eq!(header.from.first(), shown.as_ref(), "{}", path.display());
            }
            Err(error) => {
                refused += 1;
                eprintln!("{}: {error}", path.display());
            }
        }
    }
    eprintln!("{accepted} accepted, {refused} refused");
}
