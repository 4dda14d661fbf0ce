//! One dialogue per rule: what a client says, what it is told, and where that is written.

mod common;

use common::House;
use postern_smtp_wire::{AUTH_LINE_BYTES, Event, Extension, Framer, LINE_BYTES, Offer, Protocol};

fn offer(protocol: Protocol) -> Offer {
    Offer::new(protocol, "mail.example.org", 10_000)
}

/// RFC 2033 section 4.2: one reply for each accepted recipient, the same one twice too.
#[test]
fn lmtp_answers_the_message_once_per_recipient() {
    let mut house = House::lmtp();
    house.begins("LHLO client.example.org", "250-mail.example.org\r\n250-PIPELINING\r\n250-SIZE 10000\r\n");
    house.expect("MAIL FROM:<bob@example.org>", "250 2.1.0 Sender ok");
    house.expect("RCPT TO:<support@example.org>", "250 2.1.5 <support@example.org> Recipient ok");
    house.expect("RCPT TO:<support@example.org>", "250 2.1.5 <support@example.org> Recipient ok");
    house.expect("DATA", "354 Send the message; end it with CRLF.CRLF");
    house.expect("Subject: hi", "");
    house.expect("", "");
    house.expect(".", "250 2.0.0 Delivered\r\n250 2.0.0 Delivered");
    house.begins("RCPT TO:<support@example.org>", "503 5.5.1 Say MAIL first"); // the transaction is over
    house.expect("QUIT", "221 2.0.0 mail.example.org closing connection");
    assert_eq!(house.messages, [b"Subject: hi\r\n\r\n"]);
}

/// RFC 2920: what a client that pipelines is about to say can be seen, sound lines of commands alone.
#[test]
fn coming_lines_are_sound_lines_of_commands() {
    let mut framer = Framer::new();
    framer.feed(b"RCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nfrom here");
    let seen = |framer: &Framer| framer.coming_lines().map(<[u8]>::to_vec).collect::<Vec<_>>();
    assert_eq!(seen(&framer).len(), 3);
    assert_eq!(framer.next(), Some(Event::Line(b"RCPT TO:<a@example.org>")));
    assert_eq!(seen(&framer), [b"RCPT TO:<b@example.org>".to_vec(), b"DATA".to_vec()]);
    framer.next();
    framer.next();
    framer.begin_data(1000);
    framer.feed(b" on\r\nRCPT TO:<c@example.org>\r\n");
    assert!(seen(&framer).is_empty());
    for (input, count) in [(&b"a\r\nb\nc\r\n"[..], 1), (b"a\r\n\rb\r\n", 1), (b"a\r\nb\r", 1), (b"", 0)] {
        let mut framer = Framer::new();
        framer.feed(input);
        assert_eq!(seen(&framer).len(), count, "{input:?}");
    }
}

/// RFC 2033 sections 4.1 and 4.2.
#[test]
fn lmtp_differs_from_smtp_where_its_rfc_says() {
    let mut lmtp = House::lmtp();
    lmtp.begins("EHLO a", "500 5.5.1 This is LMTP");
    lmtp.begins("HELO a", "500 5.5.1 This is LMTP");
    lmtp.begins("MAIL FROM:<>", "503 5.5.1 Say LHLO first");
    lmtp.begins("LHLO a", "250-");
    lmtp.begins("DATA", "503 5.5.1 Say MAIL first");
    lmtp.begins("MAIL FROM:<>", "250 ");
    lmtp.begins("DATA", "503 5.5.1 No recipient was accepted");

    let mut smtp = House::smtp();
    smtp.begins("LHLO a", "500 5.5.1 This is SMTP");
    smtp.begins("HELO a", "250");
    smtp.begins("MAIL FROM:<>", "250 ");
    smtp.begins("DATA", "554 5.5.1 No recipient was accepted"); // RFC 5321 section 3.3
}

/// RFC 5321 section 4.1.4.
#[test]
fn commands_come_in_their_order() {
    let mut house = House::smtp();
    for early in ["MAIL FROM:<>", "RCPT TO:<a@example.org>", "DATA"] {
        house.begins(early, "503 5.5.1 Say ");
    }
    for any_time in ["NOOP", "RSET", "HELP", "VRFY a"] {
        house.begins(any_time, "2");
    }
    house.begins("EHLO a", "250-");
    house.begins("MAIL FROM:<bob@example.org>", "250 ");
    house.begins("MAIL FROM:<bob@example.org>", "503 5.5.1 A message is already begun");
    house.begins("RSET", "250 ");
    house.begins("RCPT TO:<a@example.org>", "503 ");
    house.begins("MAIL FROM:<bob@example.org>", "250 ");
    house.begins("EHLO a", "250-"); // as RSET does
    house.begins("RCPT TO:<a@example.org>", "503 ");
}

/// RFC 2920 section 3.1: a pipelined group is answered in order, as if it had come line by line.
#[test]
fn a_pipelined_group_is_answered_in_order() {
    let mut house = House::lmtp();
    let replies = house.say(
        b"LHLO a\r\nMAIL FROM:<bob@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:oops\r\nDATA\r\n\
          hello\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n",
    );
    let codes: Vec<&str> = replies.lines().filter(|line| &line[3..4] == " ").map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "250", "501", "354", "250", "250", "250", "221"]);
    assert_eq!(house.messages, [b"hello\r\n"]);
}

/// RFC 5321 section 4.2.4: 500 for the unknown, 501 for wrong arguments, 502 for what is not
/// offered, 555 for unknown parameters.
#[test]
fn each_mistake_has_its_code() {
    let mut house = House::lmtp();
    house.begins("LHLO a", "250-");
    for (line, start) in [
        ("", "500 5.5.2 "),
        (" NOOP", "500 5.5.2 "),
        ("FROBNICATE", "500 5.5.2 No such command; HELP lists them"),
        ("NOOP \u{7}", "500 5.5.2 A command line has no control characters"),
        ("DATA now", "501 5.5.4 DATA stands alone"),
        ("QUIT now", "501 5.5.4 "),
        ("LHLO", "501 5.5.4 Say your host name"),
        ("LHLO a b", "501 5.5.4 "),
        ("LHLO a(b", "501 5.5.4 "),
        ("LHLO [192.0.2.1", "501 5.5.4 "),
        ("VRFY", "501 5.5.4 "),
        ("MAIL", "501 5.5.4 FROM:<name@example.org> is expected here"),
        ("MAIL FROM", "501 5.5.4 "),
        ("MAIL TO:<a@example.org>", "501 5.5.4 "),
        ("MAIL FROM:bob@example.org", "501 5.1.7 The address stands in angle brackets"),
        ("MAIL FROM:<bob@example.org", "501 5.1.7 The closing angle bracket is missing"),
        ("MAIL FROM:<bob@example.org>SIZE=1", "501 5.5.4 A space is expected"),
        ("MAIL FROM:<bob>", "501 5.1.7 The address has no domain"),
        ("MAIL FROM:<> COLOUR=RED", "555 5.5.4 MAIL has no parameter COLOUR here"),
        ("MAIL FROM:<> RET=FULL", "555 5.5.4 "), // DSN is not offered here
        ("MAIL FROM:<> AUTH=<>", "555 5.5.4 "),
        ("MAIL FROM:<> SIZE", "501 5.5.4 SIZE needs a value"),
        ("MAIL FROM:<> SIZE=", "501 5.5.4 "),
        ("MAIL FROM:<> SIZE=-1", "501 5.5.4 "),
        ("MAIL FROM:<> SIZE=1 SIZE=1", "501 5.5.4 SIZE may be said once"),
        ("MAIL FROM:<> SIZE=10001", "552 5.3.4 "), // RFC 1870 section 6.1
        ("MAIL FROM:<> SIZE=99999999999999999999", "552 5.3.4 "),
        ("MAIL FROM:<> SIZE=100000000000000000000", "501 5.5.4 "), // 21 digits
        ("MAIL FROM:<> BODY=9BIT", "501 5.5.4 "),
        ("MAIL FROM:<> BODY=BINARYMIME", "504 5.5.4 "),
        ("MAIL FROM:<> SMTPUTF8=1", "501 5.5.4 SMTPUTF8 has no value"),
        ("STARTTLS", "502 5.5.1 STARTTLS is not offered here"),
        ("AUTH PLAIN =", "502 5.5.1 AUTH is not served in LMTP"),
        ("MAIL FROM: <bob@example.org> size=10000  body=8bitmime ", "250 2.1.0 "), // wide on purpose
        ("RCPT TO:<>", "501 5.1.3 A recipient can not be empty"),
        ("RCPT TO:<a b@example.org>", "501 5.1.3 "),
        ("RCPT TO:<a@example.org> NOTIFY=NEVER", "555 5.5.4 "),
        ("rcpt to:<POSTMASTER>", "250 2.1.5 <postmaster> "), // RFC 5321 section 4.5.1
        ("RCPT TO:<@relay.example:a@example.org>", "250 2.1.5 <a@example.org> "), // appendix C
    ] {
        house.begins(line, start);
    }
    assert!(house.say(b"NOOP \xff\r\n").starts_with("500 5.5.2 A command line is ASCII or UTF-8"));
}

/// RFC 5321 section 7.3: nobody learns who exists.
#[test]
fn vrfy_and_expn_say_the_same_of_everybody() {
    let mut house = House::lmtp();
    let answer = "252 2.0.0 Send the message to see whether it can be delivered";
    for line in ["VRFY support", "VRFY nobody@example.org", "EXPN list SMTPUTF8"] {
        house.expect(line, answer);
    }
}

/// RFC 6531 sections 3.4 and 3.5.
#[test]
fn utf8_addresses_need_smtputf8() {
    let mut house = House::lmtp();
    house.begins("LHLO a", "250-");
    house.begins("MAIL FROM:<bøb@example.org>", "550 5.6.7 ");
    house.begins("MAIL FROM:<bob@example.org>", "250 ");
    house.begins("RCPT TO:<süpport@example.org>", "553 5.6.7 ");
    house.begins("RCPT TO:<support@exämple.org>", "553 5.6.7 ");
    house.begins("RSET", "250 ");
    house.begins("MAIL FROM:<bøb@example.org> SMTPUTF8", "250 ");
    house.begins("RCPT TO:<süpport@exämple.org>", "250 ");
}

/// RFC 5321 section 4.5.3.1.4: a line over the limit is dropped whole, answered once, and
/// the next one is read as if nothing had been.
#[test]
fn an_oversize_line_is_answered_once_and_forgotten() {
    let mut house = House::lmtp();
    house.expect(&format!("NOOP {}", "x".repeat(LINE_BYTES - 7)), "250 2.0.0 Ok"); // exactly the limit
    house.expect(&format!("NOOP {}", "x".repeat(LINE_BYTES - 6)), "500 5.5.2 The line is too long");
    let first = house.say(&b"NOOP ".repeat(10_000));
    assert_eq!(first, "500 5.5.2 The line is too long\r\n");
    assert_eq!(house.framer.buffered(), 0, "nothing of it is kept");
    assert_eq!(house.say(&b"x".repeat(100_000)), "");
    assert_eq!(house.framer.buffered(), 0);
    assert_eq!(house.say(b"\r\nNOOP\r\n"), "250 2.0.0 Ok\r\n");
}

/// RFC 5321 section 2.3.8. What follows the bare CR or LF is never obeyed.
#[test]
fn a_bare_newline_in_a_command_line_is_refused() {
    for line in ["NOOP\nQUIT", "NOOP\rQUIT", "\nQUIT", "NOOP\r\rQUIT", "NOOP\n\nQUIT\n", "NOOP\rQUIT\r"] {
        let mut house = House::lmtp();
        house.expect(line, "500 5.5.2 Lines end with CRLF, and a CR or LF never stands alone");
        house.expect("NOOP", "250 2.0.0 Ok");
    }
}

/// RFC 1870 section 6.3: the limit holds whatever MAIL promised, and the stream stays in step.
#[test]
fn a_message_over_the_limit_is_read_to_its_end_and_refused() {
    let mut house = House::ready_for_data();
    assert_eq!(house.say(&b"0123456789abcd\r\n".repeat(1000)), "");
    assert_eq!(house.framer.buffered(), 0);
    house.expect(".", "552 5.3.4 The message is larger than this server takes");
    house.expect("NOOP", "250 2.0.0 Ok");
    assert!(house.messages.is_empty());
    let kept: usize =
        house.seen.iter().map(|seen| if let common::Seen::Data(data) = seen { data.len() } else { 0 }).sum();
    assert_eq!(kept, 10_000, "no more than the limit is ever handed out");
}

/// RFC 5321 section 4.5.2: dots are unstuffed; they do not count (RFC 1870 section 5).
#[test]
fn dots_are_unstuffed_and_the_limit_counts_what_is_left() {
    let mut house = House::ready_for_data();
    house.say(b"..\r\n...\r\n.a\r\na.\r\n");
    house.expect(".", "250 2.0.0 Delivered");
    assert_eq!(house.messages, [b".\r\n..\r\na\r\na.\r\n"]);

    let mut house = House::ready_for_data();
    house.say(&b"..\r\n".repeat(3333)); // 9 999 octets once unstuffed
    house.expect(".", "250 2.0.0 Delivered");
    assert_eq!(house.messages[0].len(), 9999);

    let mut house = House::ready_for_data();
    house.expect(".", "250 2.0.0 Delivered"); // RFC 5321 section 4.1.1.4: no data at all
    assert_eq!(house.messages, [b""]);
}

fn chunking() -> House {
    let offer = offer(Protocol::Lmtp).with(Extension::Chunking).with(Extension::BinaryMime);
    let mut house = House::new(offer);
    house.begins("LHLO a", "250-mail.example.org");
    house
}

/// RFC 3030 section 2.
#[test]
fn chunks_are_counted_and_their_dots_left_alone() {
    let mut house = chunking();
    house.begins("MAIL FROM:<>", "250 ");
    house.begins("RCPT TO:<support@example.org>", "250 ");
    assert_eq!(house.say(b"BDAT 7\r\n.\r\n..\r\n"), "250 2.0.0 Chunk taken\r\n");
    house.begins("DATA", "503 5.5.1 DATA does not follow BDAT");
    house.begins("RCPT TO:<billing@example.org>", "503 ");
    // The CR of a line end may be the last of one chunk and the LF the first of the next.
    assert_eq!(house.say(b"BDAT 2\r\na\rBDAT 1\r\n\nBDAT 0 LAST\r\nNOOP\r\n").lines().count(), 4);
    assert_eq!(house.messages, [b".\r\n..\r\na\r\n"]);
    assert!(house.replies.ends_with("250 2.0.0 Delivered\r\n250 2.0.0 Ok\r\n"));
}

#[test]
fn a_bare_newline_in_chunks_is_refused_unless_they_are_binary() {
    for (body, answer) in [("8BITMIME", "554 5.6.0 "), ("BINARYMIME", "250 2.0.0 Delivered")] {
        for data in ["a\nb", "a\rb", "ab\r", "\nab"] {
            let mut house = chunking();
            house.begins(&format!("MAIL FROM:<> BODY={body}"), "250 ");
            house.begins("RCPT TO:<support@example.org>", "250 ");
            let replies = house.say(format!("BDAT 3 LAST\r\n{data}").as_bytes());
            assert!(replies.starts_with(answer), "{body} {data:?}: {replies}");
        }
    }
    let mut house = chunking();
    house.begins("MAIL FROM:<> BODY=BINARYMIME", "250 ");
    house.begins("RCPT TO:<support@example.org>", "250 ");
    house.begins("DATA", "503 5.5.1 BODY=BINARYMIME is sent with BDAT"); // RFC 3030 section 3
}

/// RFC 3030 section 2: the octets of a refused BDAT are dropped before the refusal is sent, and
/// are never read as commands.
#[test]
fn octets_of_a_refused_chunk_are_not_commands() {
    let mut house = chunking();
    assert_eq!(house.say(b"BDAT 6 LAST\r\nQUI"), "");
    assert_eq!(house.say(b"T\r\n"), "503 5.5.1 Say MAIL first\r\n");
    house.begins("MAIL FROM:<>", "250 ");
    assert_eq!(house.say(b"BDAT 6\r\nQUIT\r\n"), "503 5.5.1 No recipient was accepted\r\n");
    // RFC 2033 section 4.3: with no recipient the last one gets no reply at all.
    assert_eq!(house.say(b"BDAT 6 LAST\r\nQUIT\r\n"), "");
    house.begins("RCPT TO:<support@example.org>", "250 ");
    assert!(house.say(&[b"BDAT 20000\r\n".as_slice(), &b"x".repeat(20_000)].concat()).starts_with("552 5.3.4 "));
    assert!(house.say(b"BDAT 6 LAST\r\nQUIT\r\n").starts_with("503 5.5.1 The message has failed"));
    house.begins("RSET", "250 ");
    house.begins("MAIL FROM:<>", "250 ");
}

/// Where nobody knows how many octets follow, or follow unasked, the connection ends.
#[test]
fn a_chunk_that_can_not_be_counted_ends_the_connection() {
    for line in ["BDAT", "BDAT x", "BDAT 5 FIRST", "BDAT 5 LAST LAST", "BDAT -1", "BDAT 99999999999999999999"] {
        let mut house = chunking();
        house.begins(line, "501 5.5.4 ");
        assert!(house.ended, "{line}");
    }
    let mut house = House::lmtp();
    house.begins("BDAT 6 LAST", "502 5.5.1 ");
    assert!(house.ended);
    let mut house = House::smtp();
    assert!(house.say(b"POST / HTTP/1.1\r\nEHLO a\r\n").starts_with("500 "));
    assert!(house.ended, "a browser's request body is not read");
}

/// RFC 3207 section 6 (and CVE-2011-0411): what was sent in clear behind STARTTLS is dropped.
#[test]
fn nothing_said_before_tls_is_heard_after_it() {
    let mut house = House::new(offer(Protocol::Smtp).with(Extension::StartTls));
    house.begins("EHLO a", "250-");
    assert_eq!(house.say(b"STARTTLS\r\nMAIL FROM:<bob@example.org>\r\nRCPT T"), "220 2.0.0 Begin TLS\r\n");
    assert_eq!(house.framer.buffered(), 0);
    house.begins("O:<a@example.org>", "500 ");
    house.begins("MAIL FROM:<>", "503 5.5.1 Say EHLO first"); // section 4.2: begin again
    house.begins("STARTTLS", "503 5.5.1 TLS is already on");
}

/// RFC 4954 sections 4 and 6.
#[test]
fn submission_asks_for_a_sign_in() {
    let mut house = House::new(offer(Protocol::Submission).with_mechanisms(&["PLAIN"]));
    house.begins("AUTH PLAIN =", "503 5.5.1 Say EHLO first");
    house.begins("EHLO a", "250-");
    house.begins("MAIL FROM:<alice@example.org>", "530 5.7.0 ");
    house.begins("AUTH", "501 5.5.4 ");
    house.begins("AUTH PLAIN = =", "501 5.5.4 ");
    house.begins("AUTH LOGIN", "504 5.5.4 Mechanisms here are PLAIN");
    house.begins("AUTH PLAIN not*base64", "501 5.5.2 ");
    house.begins("auth plain AGFsaWNlAHg=", "250 ");
    house.sequence.signed_in();
    house.begins("AUTH PLAIN =", "503 5.5.1 You are signed in already");
    house.begins("MAIL FROM:<alice@example.org> AUTH=alice+40example.org", "250 ");
    let mut mx = House::smtp();
    mx.begins("AUTH PLAIN =", "502 5.5.1 AUTH is not served in SMTP");
}

/// RFC 4954 section 6: where others could read along, AUTH is not offered, and whoever says it all
/// the same is told what would help.
#[test]
fn nobody_signs_in_where_others_can_read_along() {
    let mut house = House::new(offer(Protocol::Submission).with(Extension::StartTls));
    house.begins("EHLO a", "250-");
    house.begins("AUTH PLAIN AGFsaWNlAHg=", "538 5.7.11 Nobody signs in here without TLS: say STARTTLS first");
}

/// RFC 4865 section 3: HOLDFOR or HOLDUNTIL, and no longer than is offered.
#[test]
fn a_message_may_be_held_where_that_is_offered() {
    use postern_smtp_wire::{Command, FutureRelease, Hold};
    use postern_types::Timestamp;
    let latest = Timestamp(1_795_384_200_000); // 2026-11-22T21:50:00Z
    let bare = offer(Protocol::Submission);
    let offer = bare.clone().with_future_release(FutureRelease { longest_seconds: 3_888_000, latest });
    let hold = |parameters: &str| {
        let line = format!("MAIL FROM:<alice@example.org> {parameters}");
        match Command::parse(line.as_bytes(), &offer) {
            Ok(Command::Mail(mail)) => Ok(mail.hold),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err((refusal.reply.code(), refusal.reply.lines().join(" "))),
        }
    };
    assert_eq!(hold(""), Ok(None));
    for seconds in [1, 86_400, 3_888_000] {
        assert_eq!(hold(&format!("HOLDFOR={seconds}")), Ok(Some(Hold::For { seconds })));
    }
    assert_eq!(hold("holduntil=2026-11-22T21:50:00Z"), Ok(Some(Hold::Until(latest))));
    assert_eq!(hold("HOLDUNTIL=2026-11-22T22:50:00+01:00"), Ok(Some(Hold::Until(latest))));
    assert_eq!(hold("HOLDUNTIL=1970-01-01T00:00:00Z"), Ok(Some(Hold::Until(Timestamp(0))))); // leaves at once
    for wrong in [
        "HOLDFOR",
        "HOLDFOR=0",
        "HOLDFOR=-1",
        "HOLDFOR=+1",
        "HOLDFOR=3888001",
        "HOLDFOR=9999999999",
        "HOLDFOR=soon",
        "HOLDUNTIL",
        "HOLDUNTIL=2026-11-22T21:50:01Z",
        "HOLDUNTIL=9999-12-31T23:59:59Z",
        "HOLDUNTIL=tomorrow",
        "HOLDFOR=1 HOLDFOR=1",
        "HOLDFOR=1 HOLDUNTIL=2026-11-22T21:50:00Z",
    ] {
        assert_eq!(hold(wrong).unwrap_err().0, 501, "{wrong}");
    }
    assert_eq!(Hold::For { seconds: 60 }.end(Timestamp(1)), Timestamp(60_001));
    let refusal = Command::parse(b"MAIL FROM:<alice@example.org> HOLDFOR=60", &bare).unwrap_err();
    assert_eq!(refusal.reply.code(), 555);
}

/// A message that can only be refused needs no memory until its end comes.
#[test]
fn a_doomed_message_is_known_before_its_end() {
    let mut house = House::ready_for_data();
    house.say(b"Subject: one\r\n");
    assert!(!house.framer.is_doomed());
    house.say(b"two\nthree\r\n");
    assert!(house.framer.is_doomed());
    house.begins(".", "554 5.6.0 ");
    assert!(!house.framer.is_doomed());
}

/// RFC 4954 section 4: lines of the exchange may be longer, and only those.
#[test]
fn only_the_line_of_an_exchange_is_long() {
    let mut house = House::lmtp();
    let long = "x".repeat(AUTH_LINE_BYTES - 2);
    house.framer.expect_auth_response();
    house.expect(&long, "500 5.5.2 No such command; HELP lists them"); // read whole
    house.expect(&long, "500 5.5.2 The line is too long");
    house.framer.expect_auth_response();
    house.expect(&format!("{long}x"), "500 5.5.2 The line is too long");
}

/// RFC 3461 section 4.
#[test]
fn dsn_parameters_are_read_where_offered() {
    use postern_smtp_wire::{Command, Notify, ReturnContent};
    let offer = offer(Protocol::Submission).with(Extension::Dsn);
    let parse = |line: &str| Command::parse(line.as_bytes(), &offer);
    let Ok(Command::Mail(mail)) = parse("MAIL FROM:<> RET=hdrs ENVID=a+2Bb") else { panic!("MAIL with DSN") };
    assert_eq!((mail.ret, mail.envelope_id.as_deref()), (Some(ReturnContent::Headers), Some("a+b")));
    let line = "RCPT TO:<a@example.org> NOTIFY=SUCCESS,delay ORCPT=RFC822;Bob+2Bx@Example.org";
    let Ok(Command::Rcpt(rcpt)) = parse(line) else { panic!("{line}") };
    assert_eq!(rcpt.notify, Some(Notify::On { success: true, failure: false, delay: true }));
    let original = rcpt.original_recipient.unwrap();
    assert_eq!((original.kind.as_str(), original.address.as_str()), ("rfc822", "Bob+x@Example.org"));
    for wrong in [
        "MAIL FROM:<> ENVID=a+0D+0Ab",
        "MAIL FROM:<> RET=SOME",
        "RCPT TO:<a@example.org> NOTIFY=NEVER,DELAY",
        "RCPT TO:<a@example.org> NOTIFY=",
        "RCPT TO:<a@example.org> ORCPT=bob@example.org",
        "RCPT TO:<a@example.org> ORCPT=rfc822;",
        "RCPT TO:<a@example.org> ORCPT=rfc822;a+0Ab",
    ] {
        let refusal = parse(wrong).unwrap_err();
        assert_eq!(refusal.reply.code(), 501, "{wrong}");
    }
    let long = format!("MAIL FROM:<> ENVID={}", "x".repeat(101));
    assert_eq!(parse(&long).unwrap_err().reply.code(), 501);
}
