//! Summary, preview, search text and header helpers.

mod common;

use common::{check, mail};
use postern_mime::{Parsed, TransferEncoding, count_fields, header_fields, header_values, search_text};
use postern_types::Limits;

fn parsed(message: &str) -> Parsed {
    check(&mail(message), &Limits::default())
}

fn subject(value: &str) -> String {
    parsed(&format!("Subject: {value}\n\n")).summary.subject
}

/// RFC 2047, its section 8 among others: adjacent words join, broken ones stand as they are.
#[test]
fn subjects_are_decoded() {
    assert_eq!(subject("=?ISO-8859-1?Q?a?="), "a");
    assert_eq!(subject("=?ISO-8859-1?Q?a?= b"), "a b");
    assert_eq!(subject("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), "ab");
    assert_eq!(subject("=?ISO-8859-1?Q?a?=\n    =?utf-8?Q?b?="), "ab");
    assert_eq!(subject("=?ISO-8859-1?Q?a_b?="), "a b");
    assert_eq!(subject("=?utf-8?B?R3LDvMOfZQ==?="), "Grüße");
    assert_eq!(subject("=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?="), "Grüße");
    assert_eq!(subject("=?koi8-r?B?8NLJ18XU?="), "Привет");
    assert_eq!(subject("=?iso-2022-jp?B?GyRCMnE1RBsoQg==?="), "会議");
    assert_eq!(subject("=?utf-8?Q?Gr=C3?= =?utf-8?Q?=BC=C3=9Fe?="), "Grüße", "a character cut in two");
    assert_eq!(subject("=?utf-8?Q?two words?="), "two words");
    for broken in ["=?utf-8?Q?open", "=?utf-8?X?a?=", "=??Q?a?=", "=?", "a =? b ?= c"] {
        assert_eq!(subject(broken), broken);
    }
    assert_eq!(subject("Grüße"), "Grüße");
    let latin = check(b"Subject: Gr\xfc\xdfe\r\n\r\n", &Limits::default());
    assert_eq!(latin.summary.subject, "Grüße", "unlabelled 8-bit text that is not UTF-8");
    assert_eq!(subject("=?utf-8?Q?a=0D=0Ab=00?="), "a  b ", "no control character gets through");
}

/// RFC 5256 section 2.1.
#[test]
fn base_subjects() {
    for (subject, base, is_reply) in [
        ("Meeting", "Meeting", false),
        ("Re: Meeting", "Meeting", true),
        ("RE : re:Fwd: FW: Meeting", "Meeting", true),
        ("[list] Re: [other] Meeting (fwd)", "Meeting", true),
        ("Re[2]: Meeting", "Meeting", true),
        ("[a][b]", "[b]", false),
        ("[a] Meeting", "Meeting", false),
        ("[Fwd: [Fwd: Re: Meeting]]", "Meeting", true),
        ("Meeting (fwd)  (FWD) ", "Meeting", true),
        ("Re: ", "", true),
        ("", "", false),
        ("Reply", "Reply", false),
        ("Re [a]x: y", "Re [a]x: y", false),
        ("=?utf-8?Q?Re:_Gr=C3=BC=C3=9Fe?=", "Grüße", true),
        ("a \t b", "a b", false),
    ] {
        let summary = parsed(&format!("Subject: {subject}\n\n")).summary;
        assert_eq!((summary.subject_base.as_str(), summary.subject_is_reply), (base, is_reply), "{subject:?}");
    }
}

/// Addresses as people read them, and the bare first sender.
#[test]
fn addresses_are_readable() {
    let summary = parsed(
        "From: =?utf-8?Q?J=C3=B6rg?= <alice@example.org>, bob@example.org\nTo: Team: \"A, B\" <a@example.org>, c@example.org;\n\
         Cc: undisclosed:;\nReply-To: help@example.org\n\n",
    )
    .summary;
    assert_eq!(summary.from, "Jörg <alice@example.org>, bob@example.org");
    assert_eq!(summary.from_address.as_deref(), Some("alice@example.org"));
    assert_eq!(summary.to, "Team: A, B <a@example.org>, c@example.org;");
    assert_eq!(summary.cc, "undisclosed:;");
    assert_eq!(summary.reply_to, "help@example.org");
    assert_eq!(parsed("From: nobody\n\n").summary.from_address, None);
}

/// RFC 5322 section 3.3 and 4.3, RFC 5256 section 2.2.
#[test]
fn dates() {
    for (value, seconds) in [
        ("Thu, 01 Jan 1970 00:00:00 +0000", Some(0)),
        ("Fri, 21 Nov 1997 09:55:06 -0600", Some(880_127_706)),
        ("21 Nov 97 09:55:06 GMT", Some(880_106_106)),
        ("Fri, 21 Nov 1997 09(comment): 55 : 06 -0600", Some(880_070_400)),
        ("Tue, 29 Feb 2000 12:00 EST (winter)", Some(951_843_600)),
        ("Thu, 13 Feb 1969 23:32 -0330", Some(-27_723_480)),
        ("Nov 21 09:55:06 1997", Some(880_106_106)),
        ("21-Nov-1997 09:55:06 +0000", Some(880_106_106)),
        ("21 Nov 1997", Some(880_070_400)),
        ("21 Nov 1997 99:99 nowhere", Some(880_070_400)),
        ("30 Feb 2000 00:00:00 +0000", None),
        ("yesterday", None),
        ("", None),
    ] {
        let sent = parsed(&format!("Date: {value}\n\n")).summary.sent_at;
        assert_eq!(sent.map(|sent| sent.at.seconds()), seconds, "{value:?}");
    }
    let sent = parsed("Date: Fri, 21 Nov 1997 23:55:06 -0600\n\n").summary.sent_at.expect("a date");
    assert_eq!((sent.year, sent.month, sent.day), (1997, 11, 21), "SENTON looks at the day as written");
}

/// RFC 5256 section 3: identifiers with their quoting undone; RFC 5322 section 3.6.4.
#[test]
fn identifiers() {
    let summary = parsed(
        "Message-ID: <\"01KF8JCEOCBS0045PS\"@example.org> (x)\nIn-Reply-To: Alice's message <2@example.org> of Friday\n\
         References: <0@example.org>\n <1@example.org><2@ex\n ample.org> junk <unclosed <3@example.org>\n\n",
    )
    .summary;
    assert_eq!(summary.message_id.as_deref(), Some("01KF8JCEOCBS0045PS@example.org"));
    assert_eq!(summary.in_reply_to.as_deref(), Some("2@example.org"));
    assert_eq!(summary.references, ["0@example.org", "1@example.org", "2@example.org", "3@example.org"]);
    assert_eq!(parsed("Message-ID: bare@example.org\n\n").summary.message_id.as_deref(), Some("bare@example.org"));
    assert_eq!(parsed("Message-ID: <>\n\n").summary.message_id, None);
}

/// RFC 8970 section 3.3: plain text, 200 characters, an empty string where there is nothing to show.
#[test]
fn previews() {
    assert_eq!(parsed("X: y\n\nHello\n  there,\n\nBob.\n").preview, "Hello there, Bob.");
    let html = "Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n\
                <html><head><title>T</title><style>p {color: red}</style></head><!-- x --><body>\n\
                <p>Fish &amp; chips&nbsp;=E2=82=AC&#53;</p><script>if (a<b) {}</script><div>1 < 2 &unknown; &</div></body>\n";
    assert_eq!(parsed(html).preview, "Fish & chips €5 1 < 2 &unknown; &");
    let alternative = "Content-Type: multipart/alternative; boundary=A\n\n--A\n\n \n--A\nContent-Type: text/html\n\n<b>bold</b>\n--A--\n";
    assert_eq!(parsed(alternative).preview, "bold", "an empty plain part is passed over");
    assert_eq!(parsed("Content-Type: image/png\n\nxxxx\n").preview, "");
    let long = parsed(&format!("Content-Type: text/plain; charset=utf-8\n\n{}\n", "ü".repeat(9000))).preview;
    assert_eq!(long.chars().count(), 200);
}

/// What lists show with a paper clip (RFC 2183 section 2).
#[test]
fn attachments() {
    let has = |header: &str| parsed(&format!("{header}\n\nx\n")).summary.has_attachment;
    assert!(!has("Content-Type: text/plain"));
    assert!(!has("Content-Type: image/png\nContent-Disposition: inline"));
    assert!(!has("Content-Type: image/png\nContent-ID: <1@example.org>"));
    assert!(!has("Content-Type: application/pgp-signature"));
    assert!(has("Content-Type: text/plain\nContent-Disposition: ATTACHMENT; filename=x"));
    assert!(has("Content-Type: application/pdf"));
    assert!(has("Content-Type: message/rfc822"));
}

/// RFC 9051 section 6.4.4: TEXT looks at headers too, BODY at the body, both decoded.
#[test]
fn search_text_is_decoded() {
    let message = mail(
        "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nContent-Type: multipart/mixed; boundary=A\n\n--A\n\
         Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nsch=F6n=\ner\n--A\n\
         Content-Type: application/pdf; name*=utf-8''%C3%9Cbersicht.pdf\nContent-Transfer-Encoding: base64\n\nc2VjcmV0\n--A\n\
         Content-Type: message/rfc822\n\nSubject: =?utf-8?B?w6R1w59lcnN0?=\nContent-Type: text/html\n\n<i>in</i>side\n--A--\n",
    );
    let found = search_text(&message, &Limits::default());
    assert!(found.headers.contains("Subject: Grüße\n"), "{found:?}");
    assert!(found.headers.contains("Übersicht.pdf\n"), "{found:?}");
    assert!(found.body.contains("schöner"), "{found:?}");
    assert!(found.body.contains("äußerst\n") && !found.headers.contains("äußerst"), "the header of a part is body");
    assert!(found.body.contains("inside"), "{found:?}");
    assert!(!found.body.contains("secret") && !found.body.contains("c2VjcmV0"), "octets are not text");
}

/// RFC 2045 sections 6.7 and 6.8, and what is found instead.
#[test]
fn transfer_encodings() {
    let decode = |encoding: TransferEncoding, body: &[u8]| encoding.decode(body).map(|decoded| decoded.into_owned());
    let base64 = |body: &[u8]| decode(TransferEncoding::Base64, body);
    assert_eq!(base64(b"aGVs\r\nbG8="), Some(b"hello".to_vec()));
    assert_eq!(base64(b"aGVsbG8"), Some(b"hello".to_vec()), "no padding");
    assert_eq!(base64(b"aGk=aGk="), Some(b"hihi".to_vec()), "two texts joined");
    assert_eq!(base64(b"a!G*k"), Some(b"hi".to_vec()), "characters outside the alphabet");
    let quoted = |body: &[u8]| decode(TransferEncoding::QuotedPrintable, body);
    assert_eq!(quoted(b"a=3Db=\r\nc  \r\nd=\n"), Some(b"a=bc\r\nd".to_vec()));
    assert_eq!(quoted(b"1=zz=3"), Some(b"1=zz=3".to_vec()));
    assert_eq!(decode(TransferEncoding::Other, b"x"), None);
    assert_eq!(decode(TransferEncoding::EightBit, b"x"), Some(b"x".to_vec()));
}

/// RFC 9051 section 6.4.5.1: raw, in order, ASCII case ignored, with a blank line; RFC 5322 section 4.5.8 for the space.
#[test]
fn header_subsets() {
    let header = b"Subject: a\r\n b\r\nTo : x\r\nnot a field\r\nX-To: y\r\nSUBJECT: c\r\n\r\nTo: body";
    assert_eq!(header_fields(header, &["subject"], false), b"Subject: a\r\n b\r\nSUBJECT: c\r\n\r\n");
    assert_eq!(header_fields(header, &["TO", "none"], false), b"To : x\r\n\r\n");
    assert_eq!(header_fields(header, &["subject", "to"], true), b"X-To: y\r\n\r\n");
    assert_eq!(header_fields::<&str>(header, &[], false), b"\r\n");
    assert_eq!(header_fields(b"To: x", &[b"to".to_vec()], false), b"To: x\r\n\r\n");
    assert_eq!(
        count_fields(b"Received: a\r\nreceived : b\r\n\tReceived: c\r\nX: Received: d\r\n\r\nReceived: e", "Received"),
        2
    );
    assert_eq!(parsed("Received: a\nReceived: b\n\nReceived: c\n").received_fields, 2);
    assert_eq!(header_values(b"To: =?utf-8?Q?=C3=BC?=\r\n x\r\nTo: y\r\n", "to"), ["ü x", "y"]);
}
