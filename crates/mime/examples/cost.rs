//! What hostile messages cost: `cost SHAPE N` builds a message of a shape and a size and reads it; `cost all N`
//! does so with every shape in turn, and without arguments the shapes are listed.
//!
//! `tests/linear.rs` counts the instructions of `cost all n` and `cost all 2n`. The limits of the house are
//! lifted, so that nothing but the algorithms keeps the cost down. Shapes that cost little are made larger.
#![allow(clippy::print_stdout, reason = "it reports to whoever runs it")]

use postern_mime::{
    Edits, PartIndex, Report, ReportKind, ReportRecipient, build_report, filed, header_fields, header_values, leaving,
    parse, read_outgoing, read_report, search_text, sent_identity,
};
use postern_types::{Limits, Timestamp};

/// A shape makes a message of size `n`.
type Shape = (&'static str, fn(usize) -> String);

const SHAPES: [Shape; 36] = [
    ("fields", |n| format!("{}\r\nbody", "Received: from relay.example.org\r\n".repeat(n))),
    ("folds", |n| format!("Subject: a\r\n{}\r\nbody", " folded\r\n".repeat(4 * n))),
    ("strays", |n| format!("Subject: a\r\n{}", "this line is no field\r\n".repeat(8 * n))),
    ("parts", |n| multipart(&"--A\r\nContent-Type: text/plain\r\n\r\nbody\r\n".repeat(n))),
    ("empty_parts", |n| multipart(&"--A\r\n".repeat(n))),
    ("deep_multiparts", |n| {
        (0..n)
            .map(|level| format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n"))
            .collect()
    }),
    ("deep_same_boundary", |n| "Content-Type: multipart/mixed; boundary=A\r\n\r\n--A\r\n".repeat(n)),
    ("deep_messages", |n| "Content-Type: message/rfc822\r\n\r\n".repeat(n)),
    ("deep_messages_without_blank", |n| "Content-Type: message/rfc822\r\nstray\r\n".repeat(n)),
    ("digest", |n| {
        let part = "--A\r\n\r\nSubject: x\r\nFrom: a@example.org\r\n\r\nbody\r\n".repeat(n);
        format!("Content-Type: multipart/digest; boundary=A\r\n\r\n{part}")
    }),
    ("almost_delimiters", |n| multipart(&format!("--A\r\n\r\n{}", "--Ab\r\n--\r\n".repeat(8 * n)))),
    ("addresses", |n| format!("From: {}\r\n\r\n", "a@example.org,".repeat(n))),
    ("address_fields", |n| format!("{}\r\n", "To: a@example.org\r\n".repeat(n))),
    ("groups", |n| format!("To: {}\r\n\r\n", "x:a@example.org;,".repeat(n))),
    ("open_brackets", |n| format!("To: {}\r\n\r\n", "<\"(".repeat(8 * n))),
    ("open_comments", |n| format!("To: {}\r\n\r\n", "(".repeat(8 * n))),
    ("words", |n| format!("Subject: {}\r\n\r\n", "=?iso-8859-1?Q?a=FC?= ".repeat(n))),
    ("open_words", |n| format!("Subject: {0}\r\nTo: {0}\r\n\r\n", "=?utf-8?Q?a=?b".repeat(2 * n))),
    ("parameters", |n| format!("Content-Type: text/plain{}\r\n\r\n", "; name=value".repeat(n))),
    ("parameter_pieces", |n| {
        let pieces: String = (0..n).map(|number| format!("; name*{number}*=%20")).collect();
        format!("Content-Type: text/plain{pieces}\r\n\r\n")
    }),
    ("references", |n| format!("References: {}\r\n\r\n", "<a@example.org> ".repeat(8 * n))),
    ("subject_blobs", |n| format!("Subject: {}\r\n\r\n", "[a]".repeat(8 * n))),
    ("subject_forwards", |n| format!("Subject: {}x{}\r\n\r\n", "[fwd: ".repeat(4 * n), "]".repeat(4 * n))),
    ("one_line", |n| format!("Subject: {0}\r\n\r\n{0}", "x".repeat(200 * n))),
    ("html", |n| {
        format!("Content-Type: text/html\r\n\r\n{}", "<p title=\"a>b\">a &amp; b &#x; <!-- < --> <".repeat(n))
    }),
    ("quoted_printable", |n| {
        let text = "=C3=BC==\r\n a=\r\n".repeat(8 * n);
        format!("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{text}")
    }),
    ("senders", |n| from(&format!("{}a@example.org", "\"A, B\" <a@example.org>, ".repeat(n)), "")),
    ("sender_words", |n| from(&format!("{} <a@example.org>", "=?utf-8?Q?a=40?= b (c) \"d\\\"\" ".repeat(4 * n)), "")),
    ("sender_comments", |n| from(&format!("{}a@example.org", "(=?utf-8?Q?b?=) ".repeat(4 * n)), "")),
    ("resent_fields", |n| from("a@example.org", &"Resent-From: a@example.org\r\n".repeat(4 * n))),
    ("reply_fields", |n| from("a@example.org", &"In-Reply-To: <a@example.org> <b@example.org>\r\n".repeat(4 * n))),
    ("blind_copies", |n| from("a@example.org", &"X-A: b\r\nBcc: a@example.org\r\nPostern-X: y\r\n".repeat(4 * n))),
    ("taken_boundaries", |n| {
        let taken: String = (0..4 * n).map(|number| format!("=_postern_{number}_=\r\n")).collect();
        from("a@example.org", &format!("\r\n{taken}"))
    }),
    ("status_groups", |n| status(&"Final-Recipient: rfc822; a@example.net\r\nAction: failed\r\n\r\n".repeat(4 * n))),
    ("status_in_one_group", |n| status(&"Final-Recipient: utf-8; \\x{\\x{41}a@example.net\r\n".repeat(4 * n))),
    ("status_blank_lines", |n| status(&" \r\n\r\n".repeat(100 * n))),
];

fn multipart(parts: &str) -> String {
    format!("Content-Type: multipart/mixed; boundary=A\r\n\r\n{parts}")
}

/// A message that may leave, when its From can be read.
fn from(sender: &str, rest: &str) -> String {
    format!("From: {sender}\r\nMessage-ID: <a@example.org>\r\nSubject: Fwd: x\r\n{rest}\r\n")
}

fn status(groups: &str) -> String {
    let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=A\r\n\r\n--A\r\n\r\n--A\r\n";
    format!("{report}Content-Type: message/delivery-status\r\n\r\n{groups}\r\n--A--\r\n")
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (wanted, size) = match arguments.as_slice() {
        [_, wanted, size] => (wanted.as_str(), size.parse().unwrap_or(0)),
        _ => {
            SHAPES.iter().for_each(|(name, _)| println!("{name}"));
            return;
        }
    };
    let unlimited =
        Limits { mime_parts: usize::MAX, mime_depth: usize::MAX, header_fields: usize::MAX, ..Limits::default() };
    for (name, shape) in SHAPES.iter().filter(|(name, _)| wanted == "all" || wanted == *name) {
        let message = shape(size).into_bytes();
        println!("{name} {}: {}", message.len(), read_message(&message, &unlimited));
    }
}

/// Everything the crate does with a message. Instructions are counted in here: it keeps its name and is not inlined.
#[inline(never)]
fn read_message(message: &[u8], limits: &Limits) -> String {
    let parsed = parse(message, limits);
    let searched = search_text(message, limits);
    let index = PartIndex::decode(&parsed.parts.encode());
    let header = &message[..parsed.header_bytes as usize];
    let subset = header_fields(header, &["to", "received"], true);
    let values = header_values(header, "Subject");
    let written = write_messages(message);
    format!(
        "written {written}, structure {}, envelope {}, text {}, parts {}, subset {}, values {}",
        parsed.structure.len(),
        parsed.envelope.len(),
        searched.headers.len() + searched.body.len(),
        index.map_or(0, |index| index.paths().len()),
        subset.len(),
        values.len(),
    )
}

/// Everything the crate writes of a message; how many bytes that is.
fn write_messages(message: &[u8]) -> usize {
    let edits = Edits { sender: Some("a@example.org"), sent_by: Some("a@example.org"), ..Edits::default() };
    let recipient = ReportRecipient {
        final_recipient: "b@example.net",
        original: None,
        kind: ReportKind::Failed,
        status: "5.1.1",
        remote_server: None,
        diagnostic: None,
        is_reply: false,
        last_attempt: None,
        retry_until: None,
    };
    let report = Report {
        hostname: "mail.example.org",
        from: "postmaster@example.org",
        to: "a@example.org",
        message_id: "c@example.org",
        at: Timestamp(0),
        envelope_id: None,
        arrived: None,
        recipients: &[recipient],
        original: message,
        return_full: true,
    };
    read_outgoing(message).map_or(0, |header| header.header_bytes)
        + leaving(message, &edits).len()
        + filed(message, &edits).len()
        + sent_identity(message).map_or(0, |identity| identity.message.len())
        + build_report(&report).len()
        + read_report(message).map_or(0, |read| read.recipients.len())
}
