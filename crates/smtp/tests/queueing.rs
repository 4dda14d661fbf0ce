//! Submission from MAIL to the reply that a message is queued.
//!
//! These tell what a client sees of `House::submit` and its siblings.

mod common;

use common::{MAIL, Scene};
use std::time::Duration;
use tokio::time::Instant;

const LETTER: &str = "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: Hello\r\n\r\nA line.\r\n";
const ENDED: &str = "421 4.7.0 mail.example.org Your sign-in has ended; sign in again";

/// RFC 6409, RFC 4865, RFC 3030: a message is queued under a name, held as long as is asked for, and
/// may come in chunks. AUTH= has no say (RFC 4954 section 5).
#[tokio::test]
async fn a_message_is_queued_under_a_name() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    alice.begins("MAIL FROM:<Alice@example.org> AUTH=<> RET=HDRS ENVID=1", "250 2.1.0 ").await;
    alice.begins("RCPT TO:<bob@example.org> NOTIFY=FAILURE ORCPT=rfc822;Bob@example.org", "250 2.1.5 ").await;
    alice.begins("RCPT TO:<Postmaster>", "250 2.1.5 ").await;
    alice.begins("DATA", "354 ").await;
    alice.answers(format!("{LETTER}.\r\n"), &["250 2.0.0 Queued as msg_"]).await;
    alice.begins("MAIL FROM:<alice@example.org> HOLDFOR=3600", "250 ").await;
    alice.begins("RCPT TO:<bob@example.org>", "250 ").await;
    alice.send(format!("BDAT {} LAST\r\n{LETTER}", LETTER.len())).await;
    let reply = alice.reply().await;
    assert!(reply.starts_with("250 2.0.0 Queued as msg_") && reply.contains("until 2026-11-22T22:00"), "{reply}");
    // What has passed holds nothing.
    alice.begins("MAIL FROM:<alice@example.org> HOLDUNTIL=2026-11-22T20:00:00Z", "250 ").await;
    alice.begins("RCPT TO:<bob@example.org>", "250 ").await;
    alice.begins("DATA", "354 ").await;
    alice.send(format!("{LETTER}.\r\n")).await;
    let reply = alice.reply().await;
    assert!(reply.starts_with("250 2.0.0 Queued as msg_") && !reply.contains("until"), "{reply}");
    alice.begins("QUIT", "221 ").await;
}

/// docs/metrics.md: what waits is counted by lane, as old as its oldest, and what was handed in is counted once.
#[tokio::test]
async fn what_waits_is_counted() {
    let scene = Scene::new().await;
    let none = scene.house.figures().await;
    let (backlog, waits) = none.backlog.unwrap();
    assert_eq!((backlog.lanes, waits, none.submitted[0].1), (Vec::new(), Duration::ZERO, 0));
    let mut alice = scene.client("alice").await;
    // What is to leave tomorrow waits for nobody.
    alice.begins("MAIL FROM:<alice@example.org> HOLDFOR=86400", "250 ").await;
    alice.begins("RCPT TO:<bob@example.org>", "250 ").await;
    alice.begins("DATA", "354 ").await;
    alice.answers(format!("{LETTER}.\r\n"), &["250 2.0.0 Queued as msg_"]).await;
    scene.clock.advance_ms(60_000);
    assert_eq!(scene.house.figures().await.backlog.unwrap().1, Duration::ZERO);
    alice.begins("MAIL FROM:<alice@example.org>", "250 ").await;
    alice.begins("RCPT TO:<bob@example.org>", "250 ").await;
    alice.begins("RCPT TO:<alice@example.org>", "250 ").await;
    alice.begins("DATA", "354 ").await;
    alice.answers(format!("{LETTER}.\r\n"), &["250 2.0.0 Queued as msg_"]).await;
    scene.clock.advance_ms(90_000);
    let some = scene.house.figures().await;
    let (backlog, waits) = some.backlog.unwrap();
    assert_eq!(backlog.lanes, [(postern_app::Lane::Here, 3, 0)]);
    assert_eq!((waits, some.submitted[0].1), (Duration::from_secs(90), 2));
    assert!(some.accepted.contains(&(["submission", "person"], 1)), "{:?}", some.accepted);
    assert!(some.sessions.contains(&(["submission"], 1)), "{:?}", some.sessions);
}

/// RFC 2920: recipients that come in one piece are asked together, and each is answered for itself.
#[tokio::test]
async fn recipients_in_one_piece_are_each_answered() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let piece = "MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<nobody@example.org>\r\n\
                 RCPT TO:<bob@example.net>\r\nRCPT TO:<bob@example.org>\r\nRCPT FROM:<bob@example.org>\r\n\
                 RCPT TO:<alice@example.org>\r\nRSET\r\nMAIL FROM:<alice@example.org>\r\n\
                 RCPT TO:<nobody@example.org>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n";
    let said = [
        "250 2.1.0 ",
        "250 2.1.5 ",
        "550 5.1.1 There is no mailbox nobody@example.org",
        "550 5.4.4 This server knows no way to example.net",
        "250 2.1.5 ",
        "501 5.5.4 ",
        "250 2.1.5 ",
        "250 2.0.0 ",
        "250 2.1.0 ",
        "550 5.1.1 There is no mailbox nobody@example.org",
        "250 2.1.5 ",
        "354 ",
    ];
    alice.answers(piece, &said).await;
    alice.answers(format!("{LETTER}.\r\n"), &["250 2.0.0 Queued as msg_"]).await;
}

/// docs/design.md section 4: also in the middle of a message, which nobody gets then.
#[tokio::test]
async fn a_message_ends_with_its_sign_in() {
    let scene = Scene::new().await;
    let mut within = Vec::new();
    for begin in ["DATA\r\nFrom: carol@example.org\r\n", "BDAT 1000\r\nFrom: carol@example.org\r\n", "BDAT 0\r\n", ""] {
        let mut carol = scene.client("carol").await;
        carol.begins("MAIL FROM:<carol@example.org>", "250 ").await;
        carol.begins("RCPT TO:<bob@example.org>", "250 ").await;
        let replies: &[&str] = match begin {
            "BDAT 0\r\n" => &["250 2.0.0 "],
            _ if begin.starts_with("DATA") => &["354 "],
            _ => &[],
        };
        carol.answers(begin, replies).await;
        within.push(carol);
    }
    scene.suspend("carol").await;
    for carol in &mut within {
        assert_eq!(carol.rest().await, [ENDED]);
    }
}

/// RFC 5321 sections 2.3.8 and 4.5.3.1.10: submission has the framing and the limits of the others.
#[tokio::test]
async fn submission_has_the_limits_of_all() {
    let scene = Scene::with(|limits| limits.submission_recipients = 100).await;
    let mut alice = scene.client("alice").await;
    alice.begins("MAIL FROM:<alice@example.org>", "250 ").await;
    alice.begins("DATA", "554 5.5.1 ").await;
    let began = Instant::now();
    for round in 0..100 {
        alice.send("RCPT TO:<bob@example.org>\r\n".repeat(1000)).await;
        for number in 0..1000 {
            let reply = alice.reply().await;
            let start = if round == 0 && number < 100 { "250 2.1.5 " } else { "452 4.5.3 " };
            assert!(reply.starts_with(start), "{reply}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    alice.begins("DATA", "354 ").await;
    alice.answers(format!("{MAIL}\n.\n\r\n.\r\n"), &["554 5.6.0 "]).await;
    alice.begins("NOOP", "250 ").await;
}
