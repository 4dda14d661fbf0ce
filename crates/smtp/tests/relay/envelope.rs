//! MAIL, RCPT and DATA, with PIPELINING and without, and what parameters are said.

use super::peer::{DONE, Stage, told};
use postern_app::{HopTls, NotifyWish, Parcel};
use std::sync::Arc;

/// RFC 2920 section 3.1: the whole envelope in one go.
#[tokio::test(start_paused = true)]
async fn with_pipelining_the_envelope_is_one_write() {
    let mut stage = Stage::new(HopTls::Never);
    let parcel = stage.parcel(&["a@example.com", "b@example.com"]);
    let (carried, mut server) = stage.open(parcel, &["PIPELINING", "SIZE 1000000", "8BITMIME"]).await;
    let envelope =
        "MAIL FROM:<bob@example.org> SIZE=24\r\nRCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";
    server.hear_at_once(envelope).await;
    server.say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n").await;
    server.hear_at_once("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 2.0.0 taken\r\n").await;
    let carried = carried.await.unwrap();
    assert_eq!(carried.outcomes, [DONE, DONE]);
    assert_eq!(carried.server.as_deref(), Some("mail.example.com"));
    assert!(!carried.is_unreachable);
}

#[tokio::test(start_paused = true)]
async fn without_pipelining_each_command_waits_for_its_answer() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.one(), &[]).await;
    server.hear_at_once("MAIL FROM:<bob@example.org>\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear_at_once("RCPT TO:<a@example.com>\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear_at_once("DATA\r\n").await;
    server.say("354 go\r\n").await;
    server.hear_at_once("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

/// A thousand recipients are more than fits on the way at once: neither side may wait for the
/// other for ever (RFC 2920 section 3.1).
#[tokio::test(start_paused = true)]
async fn a_long_envelope_does_not_jam() {
    let mut stage = Stage::new(HopTls::Never);
    let addresses: Vec<String> = (0..1000).map(|number| format!("recipient-{number:06}@example.com")).collect();
    let parcel = stage.parcel(&addresses.iter().map(String::as_str).collect::<Vec<_>>());
    let (carried, mut server) = stage.open(parcel, &["PIPELINING"]).await;
    server.hear_line("MAIL").await;
    server.say("250 ok\r\n").await;
    for address in &addresses {
        server.hear(&format!("RCPT TO:<{address}>\r\n")).await;
        let long = "x".repeat(400);
        server.say(&format!("250 2.1.5 {long}\r\n")).await;
    }
    server.hear("DATA\r\n").await;
    server.say("354 go\r\n").await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    assert!(carried.await.unwrap().outcomes.iter().all(|outcome| *outcome == DONE));
}

#[tokio::test(start_paused = true)]
async fn each_recipient_has_an_outcome_of_its_own() {
    for pipelining in [true, false] {
        let mut stage = Stage::new(HopTls::Never);
        let parcel = stage.parcel(&["a@example.com", "b@example.com", "c@example.com", "d@example.com"]);
        let (carried, mut server) = stage.open(parcel, if pipelining { &["PIPELINING"] } else { &[] }).await;
        server.hear("MAIL FROM:<bob@example.org>\r\n").await;
        server.say("250 ok\r\n").await;
        for (address, answer) in [
            ("a", "550-5.1.1 No such\r\n550 5.1.1 user"),
            ("b", "250 ok"),
            ("c", "452 4.5.3 Too many recipients"),
            ("d", "552 Too many recipients"), // RFC 5321 section 4.5.3.1.10
        ] {
            server.hear(&format!("RCPT TO:<{address}@example.com>\r\n")).await;
            server.say(&format!("{answer}\r\n")).await;
        }
        server.hear("DATA\r\n").await;
        server.say("354 go\r\n").await;
        server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
        server.say("250 taken\r\n").await;
        let expected = [
            "never 5.1.1 550 5.1.1 No such user",
            "done",
            "later 4.5.3 452 4.5.3 Too many recipients",
            "later 4.0.0 552 Too many recipients",
        ];
        assert_eq!(told(&carried.await.unwrap()), expected);
    }
}

/// RFC 2920 section 3.1: the server may say 354 all the same; it gets nothing but a dot.
#[tokio::test(start_paused = true)]
async fn a_message_for_nobody_is_empty() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.parcel(&["a@example.com", "b@example.com"]), &["PIPELINING"]).await;
    server.hear_line("MAIL").await;
    server.hear_line("RCPT").await;
    server.hear_line("RCPT").await;
    server.hear_line("DATA").await;
    server.say("250 ok\r\n550 5.1.1 a\r\n450 4.2.1 b\r\n354 go\r\n").await;
    server.hear_at_once(".\r\n").await;
    server.say("554 5.5.1 No valid recipients\r\n").await;
    assert_eq!(told(&carried.await.unwrap()), ["never 5.1.1 550 5.1.1 a", "later 4.2.1 450 4.2.1 b"]);

    // The transaction is over, so the connection serves the next one.
    let carried = stage.carry(stage.one());
    server.hear("MAIL FROM:<bob@example.org>\r\nRCPT TO:<a@example.com>\r\nDATA\r\n").await;
    server.say("250 ok\r\n250 ok\r\n354 go\r\n").await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
    assert_eq!(stage.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_refused_there_is_no_data_and_the_transaction_is_reset() {
    for answers in [&["250 ok", "550 5.1.1 no"][..], &["250 ok", "550 5.1.1 no", "503 5.5.1 no recipients"]] {
        let mut stage = Stage::new(HopTls::Never);
        let offer: &[&str] = if answers.len() == 3 { &["PIPELINING"] } else { &[] };
        let (carried, mut server) = stage.open(stage.one(), offer).await;
        for (answer, command) in answers.iter().zip(["MAIL", "RCPT", "DATA"]) {
            server.hear_line(command).await;
            server.say(&format!("{answer}\r\n")).await;
        }
        server.hear_at_once("RSET\r\n").await;
        server.say("250 ok\r\n").await;
        assert_eq!(told(&carried.await.unwrap()), ["never 5.1.1 550 5.1.1 no"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_sender_speaks_for_everybody() {
    for (offer, answers) in [
        (&["PIPELINING"][..], "550 5.7.1 Not from you\r\n503 no\r\n503 no\r\n503 no\r\n"),
        (&[], "550 5.7.1 Not from you\r\n"),
    ] {
        let mut stage = Stage::new(HopTls::Never);
        let (carried, mut server) = stage.open(stage.parcel(&["a@example.com", "b@example.com"]), offer).await;
        server.hear_line("MAIL").await;
        server.say(answers).await;
        if !offer.is_empty() {
            server.hear("RCPT TO:<a@example.com>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n").await;
        }
        server.hear_at_once("RSET\r\n").await;
        server.say("500 what\r\n").await;
        assert_eq!(told(&carried.await.unwrap()), ["never 5.7.1 550 5.7.1 Not from you"; 2]);
        // Where RSET is refused, the next message gets a fresh connection.
        server.hear_goodbye().await;
    }
}

/// A server that refuses the sender and then takes the recipients gets no message of ours.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_a_sender() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.one(), &["PIPELINING"]).await;
    server.hear_line("MAIL").await;
    server.hear_line("RCPT").await;
    server.hear_line("DATA").await;
    server.say("451 4.7.1 Wait\r\n250 ok\r\n354 go\r\n").await;
    server.hear_at_once(".\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(told(&carried.await.unwrap()), ["later 4.7.1 451 4.7.1 Wait"]);
}

#[tokio::test(start_paused = true)]
async fn data_and_message_may_be_refused() {
    for (data, end, expected) in [
        ("451 4.3.0 Not now", None, "later 4.3.0 451 4.3.0 Not now"),
        ("554 5.7.1 Not you", None, "never 5.7.1 554 5.7.1 Not you"),
        ("250 what", None, "later 4.5.0 250 what"),
        ("354 go", Some("554 5.6.0 Spam"), "never 5.6.0 554 5.6.0 Spam"),
        ("354 go", Some("452 4.3.1 Full"), "later 4.3.1 452 4.3.1 Full"),
        ("354 go", Some("354 go on"), "later 4.5.0 354 go on"),
    ] {
        let mut stage = Stage::new(HopTls::Never);
        let (carried, mut server) = stage.open(stage.one(), &[]).await;
        server.hear_line("MAIL").await;
        server.say("250 ok\r\n").await;
        server.hear_line("RCPT").await;
        server.say("250 ok\r\n").await;
        server.hear("DATA\r\n").await;
        server.say(&format!("{data}\r\n")).await;
        match end {
            None => server.hear("RSET\r\n").await,
            Some(_) => server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await,
        }
        server.say(&format!("{}\r\n", end.unwrap_or("250 ok"))).await;
        assert_eq!(told(&carried.await.unwrap()), [expected]);
    }
}

/// RFC 3461: everything is passed on where DSN is offered, nothing where it is not.
#[tokio::test(start_paused = true)]
async fn wishes_for_reports_are_passed_on_where_they_are_understood() {
    for (offer, mail, rcpt, expected) in [
        (
            &["DSN"][..],
            "MAIL FROM:<> RET=HDRS ENVID=a+2Bb\r\n",
            "RCPT TO:<a@example.com> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;A+2B@example.org\r\n",
            "done, and reports",
        ),
        (&[], "MAIL FROM:<>\r\n", "RCPT TO:<a@example.com>\r\n", "done"),
    ] {
        let mut stage = Stage::new(HopTls::Never);
        let mut parcel = Parcel { reverse_path: String::new(), return_full: Some(false), ..stage.one() };
        parcel.envelope_id = Some("a+b".to_owned());
        parcel.recipients[0].notify = Some(NotifyWish { success: true, failure: true, delay: false });
        parcel.recipients[0].original = Some(("rfc822".to_owned(), "A+@example.org".to_owned()));
        let (carried, mut server) = stage.open(parcel, offer).await;
        server.hear_at_once(mail).await;
        server.say("250 ok\r\n").await;
        server.hear_at_once(rcpt).await;
        server.say("250 ok\r\n").await;
        server.hear("DATA\r\n").await;
        server.say("354 go\r\n").await;
        server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
        server.say("250 taken\r\n").await;
        assert_eq!(told(&carried.await.unwrap()), [expected]);
    }
}

/// RFC 6531 and RFC 6152: said where offered.
#[tokio::test(start_paused = true)]
async fn international_mail_says_so() {
    let mut stage = Stage::new(HopTls::Never);
    let mut parcel = stage.parcel(&["a@example.com", "ü@example.com"]);
    parcel.eight_bit = true;
    let (carried, mut server) = stage.open(parcel, &["8BITMIME", "SMTPUTF8"]).await;
    server.hear("MAIL FROM:<bob@example.org> BODY=8BITMIME SMTPUTF8\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear("RCPT TO:<a@example.com>\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear("RCPT TO:<ü@example.com>\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear("DATA\r\n").await;
    server.say("354 go\r\n").await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE, DONE]);
}

/// What the offer rules out is told without a word to the server, and for good.
#[tokio::test(start_paused = true)]
async fn what_the_server_can_not_take_is_not_tried() {
    type Change = fn(&mut Parcel);
    let cases: [(Change, &str, &str); 5] = [
        (|parcel| parcel.message.push(Arc::new(vec![b'x'; 100])), "5.3.4", "126 octets"),
        (|parcel| parcel.smtputf8 = true, "5.6.7", "not ASCII"),
        (|parcel| parcel.reverse_path = "ü@example.org".to_owned(), "5.6.7", "not ASCII"),
        (|parcel| parcel.eight_bit = true, "5.6.3", "not converted"),
        (|parcel| parcel.reverse_path = "a@example.org> SIZE=1".to_owned(), "5.1.7", "can not stand"),
    ];
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.one(), &["SIZE 100"]).await;
    server.hear("MAIL FROM:<bob@example.org> SIZE=24\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear_line("RCPT").await;
    server.say("250 ok\r\n").await;
    server.hear("DATA\r\n").await;
    server.say("354 go\r\n").await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    carried.await.unwrap();
    for (change, status, text) in cases {
        let mut parcel = stage.one();
        change(&mut parcel);
        let told = told(&stage.carry(parcel).await.unwrap());
        assert!(told[0].starts_with(&format!("never {status} ")) && told[0].contains(text), "{told:?}");
    }
    server.hear_goodbye().await;
}

/// One recipient who can not be named, or whose address the server does not take, fails alone.
#[tokio::test(start_paused = true)]
async fn an_address_that_can_not_be_said_fails_alone() {
    let mut stage = Stage::new(HopTls::Never);
    let wrong = "b@example.com>\r\nRCPT TO:<c@example.com";
    let (carried, mut server) = stage.open(stage.parcel(&[wrong, "ü@example.com", "a@example.com"]), &[]).await;
    server.take_one().await;
    let told = told(&carried.await.unwrap());
    assert!(told[0].starts_with("never 5.1.3 ") && told[1].starts_with("never 5.6.7 "), "{told:?}");
    assert_eq!(told[2], "done");
}

/// RFC 9422 sections 4.1 and 4.2.
#[tokio::test(start_paused = true)]
async fn limits_of_the_server_are_kept() {
    let mut stage = Stage::new(HopTls::Never);
    let parcel = stage.parcel(&["a@example.com", "b@example.com"]);
    let (carried, mut server) = stage.open(parcel, &["LIMITS RCPTMAX=1 MAILMAX=1"]).await;
    server.take_one().await;
    let told = told(&carried.await.unwrap());
    assert_eq!(told[0], "done");
    assert!(told[1].starts_with("later 4.5.3 "), "{told:?}");
    server.hear_goodbye().await;
}

/// RFC 5321 section 4.5.2, over the ends of pieces; the last line is ended.
#[tokio::test(start_paused = true)]
async fn dots_are_doubled_across_pieces() {
    let mut stage = Stage::new(HopTls::Never);
    let pieces = ["A: b\r", "\n", ".c\r\n\r\n", ".", "\r\n.", ".\r\nend"];
    let message = pieces.iter().map(|piece| Arc::new(piece.as_bytes().to_vec())).collect();
    let (carried, mut server) = stage.open(Parcel { message, ..stage.one() }, &["SIZE"]).await;
    server.hear("MAIL FROM:<bob@example.org> SIZE=24\r\n").await;
    server.say("250 ok\r\n").await;
    server.hear_line("RCPT").await;
    server.say("250 ok\r\n").await;
    server.hear("DATA\r\n").await;
    server.say("354 go\r\n").await;
    server.hear_at_once("A: b\r\n..c\r\n\r\n..\r\n...\r\nend\r\n.\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

/// A large message passes through a narrow pipe whole.
#[tokio::test(start_paused = true)]
async fn a_large_message_streams() {
    let mut stage = Stage::new(HopTls::Never);
    let line = format!(".{}\r\n", "x".repeat(76));
    let body = Arc::new(line.repeat(20_000).into_bytes());
    let (carried, mut server) = stage.open(Parcel { message: vec![body.clone(), body], ..stage.one() }, &[]).await;
    server.hear_line("MAIL").await;
    server.say("250 ok\r\n").await;
    server.hear_line("RCPT").await;
    server.say("250 ok\r\n").await;
    server.hear("DATA\r\n").await;
    server.say("354 go\r\n").await;
    for _ in 0..4 {
        server.hear(&format!(".{line}").repeat(10_000)).await;
    }
    server.hear(".\r\n").await;
    server.say("250 taken\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}
