//! Servers that go away, say nothing, or say too much: nobody's mail is lost, nobody waits for ever.

use super::peer::{Server, Stage, told};
use postern_app::{Carried, HopTls, Outcome, Parcel};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Up to where the talk goes before something breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Upto {
    Connected,
    Greeted,
    Hello,
    Mail,
    Rcpt,
    Data,
    Message,
}

const ALL: [Upto; 7] = [Upto::Connected, Upto::Greeted, Upto::Hello, Upto::Mail, Upto::Rcpt, Upto::Data, Upto::Message];

/// The server has heard what comes after this step, and has not answered it.
async fn talk(stage: &mut Stage, upto: Upto) -> (JoinHandle<Carried>, Server) {
    let carried = stage.carry(stage.parcel(&["z@example.com", "a@example.com"]));
    let mut server = stage.server().await;
    let script = [
        ("220 mail.example.com\r\n", "EHLO"),
        ("250 mail.example.com\r\n", "MAIL"),
        ("250 ok\r\n", "RCPT"),
        ("550 5.1.1 no\r\n", "RCPT"),
        ("250 ok\r\n", "DATA"),
        ("354 go\r\n", "Subject"),
    ];
    let steps = match upto {
        Upto::Connected => 0,
        Upto::Greeted => 1,
        Upto::Hello => 2,
        Upto::Mail => 3,
        Upto::Rcpt => 4,
        Upto::Data => 5,
        Upto::Message => 6,
    };
    for (say, hear) in &script[..steps] {
        server.say(say).await;
        server.hear_line(hear).await;
    }
    if upto == Upto::Message {
        server.hear("\r\nText\r\n.\r\n").await;
    }
    (carried, server)
}

/// Nobody whose mail was not refused before is told more than later.
fn check(upto: Upto, carried: &Carried, status: &str, text: &str) {
    let told = told(carried);
    let refused = usize::from(upto >= Upto::Rcpt);
    assert!(told[..refused].iter().all(|told| told == "never 5.1.1 550 5.1.1 no"), "{upto:?} {told:?}");
    for told in &told[refused..] {
        assert!(told.starts_with(&format!("later {status} {text}")), "{upto:?} {told}");
    }
    assert_eq!(carried.is_unreachable, upto <= Upto::Hello, "{upto:?}");
}

/// RFC 5321 section 3.8.
#[tokio::test(start_paused = true)]
async fn a_421_ends_it_wherever_it_comes() {
    for upto in ALL {
        let mut stage = Stage::new(HopTls::Never);
        let (carried, mut server) = talk(&mut stage, upto).await;
        server.say("421 4.3.2 Going down\r\n").await;
        server.hear_end().await;
        check(upto, &carried.await.unwrap(), "4.3.2", "421 4.3.2 Going down");
        assert_eq!(stage.dials(), 1);
    }
}

/// RFC 1047 for the last of them: the server may have the message, and gets it again.
#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_for_later_wherever_it_breaks() {
    for upto in ALL {
        let mut stage = Stage::new(HopTls::Never);
        let (carried, server) = talk(&mut stage, upto).await;
        drop(server);
        let carried = carried.await.unwrap();
        check(upto, &carried, "4.4.2", "The");
        let warned = told(&carried)[1].contains("may have been taken");
        assert_eq!(warned, upto == Upto::Message);
    }
}

/// RFC 5321 section 4.5.3.2, its times to the second.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_left_in_time() {
    for upto in ALL {
        let mut stage = Stage::new(HopTls::Never);
        let (carried, mut server) = talk(&mut stage, upto).await;
        let since = Instant::now();
        let carried = carried.await.unwrap();
        let minutes = match upto {
            Upto::Data => 2,
            Upto::Message => 10,
            _ => 5,
        };
        let waited = since.elapsed();
        assert!(waited >= Duration::from_secs(60 * minutes) && waited < Duration::from_secs(60 * minutes + 1));
        check(upto, &carried, "4.4.2", &format!("The server did not answer within {minutes} minutes"));
        server.hear_end().await;
    }
}

/// A server that answers one line each minute is within its time for each answer, and gets its mail.
#[tokio::test(start_paused = true)]
async fn a_slow_server_is_waited_for() {
    let mut stage = Stage::new(HopTls::Never);
    let carried = stage.carry(stage.one());
    let mut server = stage.server().await;
    let minutes = |minutes: u64| tokio::time::sleep(Duration::from_secs(60 * minutes));
    minutes(4).await;
    server.greet(&[]).await;
    for (hear, say) in [("MAIL", "250 ok"), ("RCPT", "250 ok")] {
        server.hear_line(hear).await;
        minutes(4).await;
        server.say(&format!("{say}\r\n")).await;
    }
    server.hear_line("DATA").await;
    minutes(1).await;
    server.say("354 go\r\n").await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    minutes(9).await;
    server.say("250 taken\r\n").await;
    assert_eq!(told(&carried.await.unwrap()), ["done"]);
}

/// One that trickles does not stretch the time of an answer.
#[tokio::test(start_paused = true)]
async fn an_answer_in_drops_has_no_more_time() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = talk(&mut stage, Upto::Hello).await;
    for _ in 0..4 {
        server.say("250-wait\r\n").await;
        tokio::time::sleep(Duration::from_secs(100)).await;
    }
    check(Upto::Hello, &carried.await.unwrap(), "4.4.2", "The server did not answer within 5 minutes");
}

/// Nor does one that is nearly too late each time hold a parcel for days.
#[tokio::test(start_paused = true)]
async fn all_of_a_transaction_has_an_end() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.parcel(&["a@example.com"; 100]), &[]).await;
    let since = Instant::now();
    let answering = tokio::spawn(async move {
        server.hear_line("MAIL").await;
        server.say("250 ok\r\n").await;
        for _ in 0..30 {
            server.hear_line("RCPT").await;
            tokio::time::sleep(Duration::from_secs(299)).await;
            server.flood("250 ok\r\n").await;
        }
    });
    let told = told(&carried.await.unwrap());
    assert!(told.iter().all(|told| told == "later 4.4.2 The server did not answer within 2 hours"), "{told:?}");
    assert!(since.elapsed() < Duration::from_secs(2 * 3600 + 1));
    answering.abort();
}

/// RFC 5321 section 4.5.3.2.5: one that does not read on.
#[tokio::test(start_paused = true)]
async fn a_server_that_stops_reading_is_left() {
    let mut stage = Stage::new(HopTls::Never);
    let large = Parcel { message: vec![Arc::new(vec![b'x'; 1 << 20])], ..stage.one() };
    let (carried, mut server) = stage.open(large, &[]).await;
    server.hear_envelope().await;
    let told = told(&carried.await.unwrap());
    assert_eq!(told, ["later 4.4.2 The server did not answer within 3 minutes"]);
}

/// What it says before it hangs up in the middle of a message is its answer.
#[tokio::test(start_paused = true)]
async fn a_server_that_hangs_up_in_the_message_may_say_why() {
    for (last_words, expected) in [
        ("552 5.3.4 Too large\r\n", "never 5.3.4 552 5.3.4 Too large"),
        ("421 4.3.2 Going down\r\n", "later 4.3.2 421 4.3.2 Going down"),
        ("", "later 4.4.2 The connection was lost: broken pipe"),
    ] {
        let mut stage = Stage::new(HopTls::Never);
        let large = Parcel { message: vec![Arc::new(vec![b'x'; 1 << 20])], ..stage.one() };
        let (carried, mut server) = stage.open(large, &[]).await;
        server.hear_envelope().await;
        server.hear(&"x".repeat(1000)).await;
        server.say(last_words).await;
        drop(server);
        assert_eq!(told(&carried.await.unwrap()), [expected]);
    }
}

/// Nothing that a server says makes us keep it all, or believe it.
#[tokio::test(start_paused = true)]
async fn nonsense_and_floods_end_the_connection() {
    let endless_lines = "250-more\r\n".repeat(10_000);
    let endless_line = format!("250 {}", "x".repeat(100_000));
    for flood in
        [endless_lines.as_str(), &endless_line, "HTTP/1.1 400 Bad Request\r\n", "\0\0\0\0\r\n", "250-a\r\n550 b\r\n"]
    {
        for upto in ALL {
            let mut stage = Stage::new(HopTls::Never);
            let (carried, mut server) = talk(&mut stage, upto).await;
            let flood = flood.to_owned();
            // It does not get to say all of it.
            let flooding = tokio::spawn(async move { server.flood(&flood).await });
            check(upto, &carried.await.unwrap(), "4.5.0", "The server does not speak SMTP");
            flooding.await.unwrap();
        }
    }
}

/// What people are shown of a reply is one short printable line.
#[tokio::test(start_paused = true)]
async fn a_reply_is_quoted_short_and_printable() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = talk(&mut stage, Upto::Mail).await;
    let line = format!("550-5.7.1 \x1b[2J\0{}\r\n", "x".repeat(300));
    server.say(&line.repeat(5)).await;
    server.say("550 5.7.1 end\r\n").await;
    server.hear_line("RCPT").await;
    server.say("550 no\r\n").await;
    server.hear_line("RSET").await;
    server.say("250 ok\r\n").await;
    let carried = carried.await.unwrap();
    let Outcome::Never(said) = &carried.outcomes[0] else { panic!("{carried:?}") };
    assert!(said.text.starts_with("550 5.7.1 ?[2J?xxx") && said.text.len() == 500 && said.is_reply);
}
