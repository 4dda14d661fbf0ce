//! Reports on what became of a message: what is built, what another reader makes of it, what of others' is read.

mod common;

use common::{check, mail, with_crlf};
use mail_parser::{MessageParser, MimeHeaders};
use postern_mime::{Notice, Report, ReportKind, ReportRecipient, build_report, fields, notice, read_report};
use postern_types::{Limits, Timestamp};

const AT: Timestamp = Timestamp(1_795_384_200_000);

const BOB: ReportRecipient<'static> = ReportRecipient {
    final_recipient: "bob@example.net",
    original: None,
    kind: ReportKind::Failed,
    status: "5.1.1",
    remote_server: Some("mx.example.net"),
    diagnostic: Some("550 5.1.1 No such user here"),
    is_reply: true,
    last_attempt: Some(AT),
    retry_until: None,
};

const ORIGINAL: &str = "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: Minutes\r\n\
                        Message-ID: <one@example.org>\r\n\r\nHello Bob\r\n";

fn report<'a>(recipients: &'a [ReportRecipient<'a>], original: &'a [u8]) -> Report<'a> {
    Report {
        hostname: "mail.example.org",
        from: "postmaster@example.org",
        to: "alice@example.org",
        message_id: "report@mail.example.org",
        at: AT,
        envelope_id: None,
        arrived: Some(Timestamp(AT.0 - 3_600_000)),
        recipients,
        original,
        return_full: true,
    }
}

fn built(report: &Report<'_>) -> String {
    let built = build_report(report);
    check(&built, &Limits::default());
    let parsed = MessageParser::default().parse(&built).expect("another reader can read it");
    assert_eq!(parsed.root_part().sub_parts().map(<[u32]>::len), Some(3), "RFC 6522 section 3: three parts");
    for line in built.split_inclusive(|&byte| byte == b'\n') {
        assert!(line.ends_with(b"\r\n") && line.len() <= 1000, "{:?}", String::from_utf8_lossy(line));
    }
    String::from_utf8_lossy(&built).replace("\r\n", "\n")
}

/// The bodies of the three parts, as another reader decodes them, with their types.
fn parts(report: &Report<'_>) -> Vec<(String, String)> {
    let built = build_report(report);
    let parsed = MessageParser::default().parse(&built).expect("it is mail");
    let parts = parsed.root_part().sub_parts().expect("it has parts").to_vec();
    let part = |id: u32| {
        let part = parsed.part(id).expect("there it is");
        let content_type = part.content_type().expect("it has a type");
        let name = format!("{}/{}", content_type.ctype(), content_type.subtype().unwrap_or_default());
        let raw = &built[part.raw_body_offset() as usize..part.raw_end_offset() as usize];
        let text = match part.text_contents() {
            Some(text) if content_type.ctype() == "text" => text.to_owned(),
            _ => String::from_utf8_lossy(raw).into_owned(),
        };
        (name, text.replace("\r\n", "\n"))
    };
    parts.into_iter().map(part).collect()
}

/// RFC 3461 section 6 and RFC 3464, whole: what one failed recipient comes to.
#[test]
fn a_failure_is_told_to_people_and_to_programs() {
    let recipient = ReportRecipient { original: Some(("rfc822", "Bob@example.net")), ..BOB };
    let recipients = [recipient];
    let report = Report { envelope_id: Some("QQ 314159"), ..report(&recipients, ORIGINAL.as_bytes()) };
    assert_eq!(
        built(&report),
        "From: Postern <postmaster@example.org>
To: alice@example.org
Subject: Not delivered: Minutes
Date: Sun, 22 Nov 2026 21:50:00 +0000
Message-ID: <report@mail.example.org>
In-Reply-To: <one@example.org>
References: <one@example.org>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"=_postern_1_=\"

--=_postern_1_=
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

This is the mail server mail.example.org. It writes about your message
\"Minutes\" of Sun, 22 Nov 2026 20:50:00 +0000.

It could not be delivered to:

    Bob@example.net
    mx.example.net answered: 550 5.1.1 No such user here
    There is no such mailbox. Look for a typing mistake in the address, then
    send the message again.

It will not be tried again.

Your message is attached.

--=_postern_1_=
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Original-Envelope-Id: QQ 314159
Reporting-MTA: dns; mail.example.org
Arrival-Date: Sun, 22 Nov 2026 20:50:00 +0000

Original-Recipient: rfc822; Bob@example.net
Final-Recipient: rfc822; bob@example.net
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.example.net
Diagnostic-Code: smtp; 550 5.1.1 No such user here
Last-Attempt-Date: Sun, 22 Nov 2026 21:50:00 +0000

--=_postern_1_=
Content-Type: message/rfc822
Content-Transfer-Encoding: 7bit

From: Alice <alice@example.org>
To: bob@example.net
Subject: Minutes
Message-ID: <one@example.org>

Hello Bob

--=_postern_1_=--
"
    );
}

/// RFC 3464 sections 2.3.3 and 2.3.9: each kind has its words, and only a delay has an end.
#[test]
fn every_kind_has_its_words() {
    let until = Some(Timestamp(AT.0 + 86_400_000));
    let of =
        |kind, status, address| ReportRecipient { kind, status, final_recipient: address, retry_until: until, ..BOB };
    let recipients = [
        of(ReportKind::Relayed, "2.0.0", "relayed@example.net"),
        of(ReportKind::Delivered, "nonsense", "delivered@example.net"),
        of(ReportKind::Delayed, "4.4.1", "delayed@example.net"),
    ];
    let report = report(&recipients, ORIGINAL.as_bytes());
    let text = built(&report);
    assert!(text.contains("Subject: Delayed: Minutes\n"));
    let status = &parts(&report)[1].1;
    assert_eq!(status.matches("Will-Retry-Until: Mon, 23 Nov 2026 21:50:00 +0000\n").count(), 1);
    assert!(status.contains("Action: relayed\nStatus: 2.0.0\n"));
    assert!(status.contains("Action: delivered\nStatus: 2.0.0\n"), "a status that is none is not passed on: {status}");
    assert!(status.contains("Action: delayed\nStatus: 4.4.1\n"));
    let words = &parts(&report)[0].1;
    let places = ["delayed@", "You need not send it again", "delivered@", "relayed@"].map(|part| words.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{words}");
    assert!(words.contains("It will be tried until Mon, 23 Nov 2026 21:50:00 +0000."), "{words}");
    assert_eq!(parts(&report)[2].0, "text/rfc822-headers", "RFC 3461 section 6.2: nothing failed, the header will do");
}

/// RFC 6533: addresses in UTF-8 have a report of their own kind; a header in UTF-8 makes the message global.
#[test]
fn addresses_in_utf8_are_reported_as_such() {
    let recipients = [ReportRecipient { final_recipient: "jörg@exämple.net", diagnostic: Some("550 nö"), ..BOB }];
    let original = "From: alice@example.org\r\nSubject: Grüße\r\n\r\nHällo\r\n";
    let report = report(&recipients, original.as_bytes());
    let text = built(&report);
    assert!(text.contains("Content-Transfer-Encoding: 8bit\nContent-Type: multipart/report;"), "RFC 2045 section 6.4");
    assert!(text.contains("Subject: Not delivered: ") || text.contains("Subject: =?utf-8?Q?Not_delivered"), "{text}");
    let parts = parts(&report);
    assert_eq!(parts[1].0, "message/global-delivery-status");
    assert!(parts[1].1.contains("Final-Recipient: utf-8; jörg@exämple.net\n"));
    assert!(parts[1].1.contains("Diagnostic-Code: smtp; 550 nö\n"));
    assert_eq!(parts[2].0, "message/global");
    assert!(parts[0].1.contains("\"Grüße\"") && parts[0].1.contains("jörg@exämple.net"), "{}", parts[0].1);

    let recipients = [ReportRecipient { diagnostic: Some("550 nö"), ..BOB }];
    let ascii = Report { recipients: &recipients, return_full: false, ..report };
    assert!(
        self::parts(&ascii)[1].1.contains("smtp; 550 n?\n"),
        "message/delivery-status is ASCII (RFC 3464 section 2.1)"
    );
    assert_eq!(self::parts(&ascii)[2].0, "message/global-headers");
}

/// What is returned: all, where it was asked for, is not large and can travel as it is; the header otherwise.
#[test]
fn what_is_returned_is_labelled_rightly() {
    let recipients = [BOB];
    let returned = |original: &[u8], return_full| {
        let report = Report { return_full, ..report(&recipients, original) };
        built(&report);
        parts(&report).pop().expect("three parts")
    };
    let header = "From: alice@example.org\r\nSubject: x\r\n";
    let shown = header.replace("\r\n", "\n");
    let message = |body: &str| format!("{header}\r\n{body}");
    assert_eq!(returned(message("é\r\n").as_bytes(), true).0, "message/rfc822");
    assert_eq!(returned(message("x\r\n").as_bytes(), false), ("text/rfc822-headers".to_owned(), shown.clone()));
    for body in [&"long\r\n".repeat(20_000), "a\0b\r\n", "bare\nend\r\n", &"x".repeat(1200)] {
        assert_eq!(returned(message(body).as_bytes(), true), ("text/rfc822-headers".to_owned(), shown.clone()));
    }
    let latin = returned(b"From: alice@example.org\r\nSubject: Gr\xfc\xdfe\r\n\r\n", false);
    assert_eq!(latin.0, "text/rfc822-headers");
    let text = built(&Report { return_full: false, ..report(&recipients, b"Subject: Gr\xfc\xdfe\r\n\r\n") });
    assert!(text.contains("Content-Transfer-Encoding: quoted-printable\n\nSubject: Gr=FC=DFe\n"), "{text}");
    let long = format!("Subject: {}\r\n{}\r\n", "ü".repeat(900), "X-A: b\r\n".repeat(40_000));
    let (_, lines) = returned(long.as_bytes(), true);
    assert!(lines.len() <= 100 << 10 && lines.lines().count() > 1000);
    returned(b"", true);
    returned(b"no header at all", true);
}

/// Nothing that others wrote ends a line or a part of the report.
#[test]
fn other_peoples_words_stay_where_they_are_put() {
    let recipients = [ReportRecipient {
        final_recipient: "bob@example.net\r\nAction: delivered",
        original: Some(("rfc822;\r\nX: y", "bob\n\n--=_postern_1_=--\n")),
        kind: ReportKind::Failed,
        status: "5.1.1\r\nX: y",
        remote_server: Some("mx\r\n\r\nX: y"),
        diagnostic: Some("550-a\r\n550 b\r\n\r\n--=_postern_2_=\r\nX: y"),
        is_reply: true,
        last_attempt: None,
        retry_until: None,
    }];
    let original = "Subject: a\r\nMessage-ID: <one\"\r\n \u{e9}@example.org>\r\n\r\n--=_postern_3_=--\r\n";
    let report = Report {
        hostname: "mail.example.org\r\nX: y",
        from: "a\r\nX: y@example.org",
        to: "b@example.org\r\n\r\nX: y",
        message_id: "<c@example.org>\r\nX: y",
        envelope_id: Some("e\r\nX: y"),
        ..report(&recipients, original.as_bytes())
    };
    let text = built(&report);
    assert!(!text.lines().any(|line| line.starts_with("X:") || line.starts_with("Action: delivered")), "{text}");
    assert!(text.contains("boundary=\"=_postern_4_=\""), "{text}");
    assert!(text.contains("Status: 5.0.0\n") && text.contains("smtp; 550-a  550 b"), "{text}");
}

/// What we build, we read: the round is the same for every recipient.
#[test]
fn our_own_report_reads_back() {
    let many: Vec<String> = (0..1500).map(|number| format!("b{number}@example.net")).collect();
    let recipients: Vec<_> = many.iter().map(|address| ReportRecipient { final_recipient: address, ..BOB }).collect();
    let report = Report { envelope_id: Some("QQ314159"), ..report(&recipients, ORIGINAL.as_bytes()) };
    let read = read_report(&build_report(&report)).expect("it is a report");
    assert_eq!(read.envelope_id.as_deref(), Some("QQ314159"));
    assert_eq!(read.recipients.len(), 1000, "as many as are read");
    for (number, recipient) in read.recipients.iter().enumerate() {
        assert_eq!(recipient.final_recipient, many[number]);
        assert_eq!((recipient.action.as_str(), recipient.status.as_str()), ("failed", "5.1.1"));
        assert_eq!(recipient.diagnostic.as_deref(), Some("550 5.1.1 No such user here"));
    }
}

/// Reports of others, with what is wrong with them (RFC 3464 section 2).
#[test]
fn reports_of_others_are_read_with_patience() {
    let read = |status: &str| {
        read_report(&mail(&format!(
            "Content-Type: Multipart/Report; Report-Type=\"Delivery-Status\"; boundary=b\n\n--b\n\nwords\n--b\n\
             Content-Type: message/delivery-status\n\n{status}\n--b--\n"
        )))
        .expect("it is a report")
    };
    let report = read(
        "Reporting-MTA: dns; mx.example.net\noriginal-envelope-id: A1\n\n \n\nFinal-Recipient: RFC822;<bob@example.net>\n\
         Original-Recipient : rfc822 ; Bob@example.net\nAction: FAILED (really)\nStatus: 5.7.1 (refused)\n\
         Diagnostic-Code: smtp; 550 5.7.1 no;\n thanks\n\nOriginal-Recipient: utf-8; j\\x{F6}rg@example.net\nAction: expanded\n\n\
         X-Nothing: here\n",
    );
    assert_eq!(report.envelope_id.as_deref(), Some("A1"));
    assert_eq!(report.recipients.len(), 2);
    let bob = &report.recipients[0];
    assert_eq!(
        (bob.final_recipient.as_str(), bob.original_recipient.as_deref()),
        ("bob@example.net", Some("Bob@example.net"))
    );
    assert_eq!((bob.action.as_str(), bob.status.as_str()), ("failed", "5.7.1"));
    assert_eq!(bob.diagnostic.as_deref(), Some("550 5.7.1 no; thanks"));
    let jorg = &report.recipients[1];
    assert_eq!(
        (jorg.final_recipient.as_str(), jorg.action.as_str(), jorg.status.as_str()),
        ("jörg@example.net", "expanded", "")
    );

    let crowded = read(
        "Reporting-MTA: dns; a\nFinal-Recipient: rfc822; a@example.net\nAction: failed\n\
                        Final-Recipient: rfc822; b@example.net\nAction: delayed\n",
    );
    let told: Vec<_> =
        crowded.recipients.iter().map(|one| (one.final_recipient.as_str(), one.action.as_str())).collect();
    assert_eq!(told, [("a@example.net", "failed"), ("b@example.net", "delayed")], "blank lines are missing");
    assert_eq!(read("").recipients, []);
}

#[test]
fn other_mail_is_no_report() {
    for text in [
        "",
        "Subject: x\n\nFinal-Recipient: rfc822; a@example.net\n",
        "Content-Type: multipart/mixed; report-type=delivery-status; boundary=b\n\n--b\n\n--b--\n",
        "Content-Type: multipart/report; boundary=b\n\n--b\n\n--b--\n",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\n--b--\n",
    ] {
        assert_eq!(read_report(&mail(text)), None, "{text}");
    }
}

/// The reports of the corpus are read, whatever their line ends.
#[test]
fn real_reports_are_read() {
    for (path, bytes) in common::corpus() {
        let read = read_report(&bytes);
        assert_eq!(read_report(&with_crlf(&bytes)), read, "{}", path.display());
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("delivery-status") {
            let read = read.unwrap_or_else(|| panic!("{name} is a report"));
            assert!(!read.recipients.is_empty(), "{name}: {read:?}");
            for one in read.recipients {
                let told = !one.action.is_empty() || !one.status.is_empty();
                assert!(told && one.final_recipient.contains('@'), "{name}: {one:?}");
            }
        }
    }
}

/// A note of the house is plain mail that nothing answers (RFC 3834 section 5).
#[test]
fn a_note_is_plain_mail() {
    let note = Notice {
        from: "postmaster@example.org",
        to: "alice@example.org",
        at: AT,
        message_id: "note@example.org",
        in_reply_to: Some("<one@example.org>"),
        subject: "Your key ends",
        paragraphs: &[
            "The key \"printer\" ends on Monday. After that the printer can not send any more mail in your name, so make another.",
            "Yours,\nthe house",
        ],
    };
    let built = notice(&note);
    assert_eq!(
        String::from_utf8(built).expect("text").replace("\r\n", "\n"),
        "From: Postern <postmaster@example.org>
To: alice@example.org
Subject: Your key ends
Date: Sun, 22 Nov 2026 21:50:00 +0000
Message-ID: <note@example.org>
In-Reply-To: <one@example.org>
References: <one@example.org>
Auto-Submitted: auto-generated
MIME-Version: 1.0
Content-Type: text/plain; charset=us-ascii
Content-Transfer-Encoding: 7bit

The key \"printer\" ends on Monday. After that the printer can not send any
more mail in your name, so make another.

Yours,
the house
"
    );
    let long = "ü ".repeat(500);
    let word = "x".repeat(3000);
    let hostile = Notice {
        to: "b@example.org\r\nBcc: c@example.org",
        subject: "Grüße\r\nBcc: c@example.org",
        message_id: "a b\r\nX: y",
        in_reply_to: Some("\r\n"),
        paragraphs: &[&long, &word, "end = \u{7} \r x "],
        ..note
    };
    let built = notice(&hostile);
    let names: Vec<_> = fields(&built).map(|field| String::from_utf8_lossy(field.name).into_owned()).collect();
    let expected = [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
    assert_eq!(names, expected);
    assert!(built.split(|&byte| byte == b'\n').all(|line| line.len() <= 79));
    let parsed = MessageParser::default().parse(&built).expect("another reader can read it");
    assert_eq!(parsed.subject(), Some("GrüßeBcc: c@example.org"));
    let text = parsed.body_text(0).expect("it has a text");
    assert_eq!(text.split_whitespace().collect::<Vec<_>>().concat(), format!("{}{word}end=x", "ü".repeat(500)));
}
