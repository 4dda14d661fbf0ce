//! Mail from other servers: who gets it, who is refused, and that nothing is relayed.

mod common;

use common::{Client, Door, MAIL, MX, Scene};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A transaction up to where its message may come.
async fn begun(scene: &Scene) -> Client {
    let mut client = scene.mx().await;
    client.begins("MAIL FROM:<sender@example.net>", "250 2.1.0 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 2.1.5 ").await;
    client
}

/// RFC 5321 sections 4.1.1.1 and 3.3.
#[tokio::test]
async fn a_message_is_taken_and_says_where_it_came_from() {
    let scene = Scene::new().await;
    let mut client = scene.connect(MX).await;
    let rest = "250-PIPELINING\n250-SIZE 52428800\n250-8BITMIME\n250-SMTPUTF8\n250-ENHANCEDSTATUSCODES\n\
                250-CHUNKING\n250";
    let offered = |last: &str| format!("250-mail.example.org\n{rest}{last}");
    assert_eq!(client.command("EHLO mx.example.net").await, offered("-LIMITS RCPTMAX=1000\n250 STARTTLS"));
    client.begins("AUTH PLAIN =", "502 5.5.1 ").await;
    client.answers("STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n", &["220 2.0.0 "]).await;
    client.begins("MAIL FROM:<sender@example.net>", "503 5.5.1 Say EHLO first").await;
    assert_eq!(client.command("EHLO mx.example.net").await, offered(" LIMITS RCPTMAX=1000"));
    client.begins("MAIL FROM:<Sender@example.net> BODY=8BITMIME SIZE=100", "250 2.1.0 ").await;
    client.begins("RCPT TO:<Alice@EXAMPLE.org>", "250 2.1.5 ").await;
    client.begins("DATA", "354 ").await;
    client.answers(format!("{MAIL}.\r\n"), &["250 2.0.0 "]).await;
    client.begins("RSET", "250 ").await;
    let inbox = scene.inbox("alice").await;
    let lines =
        "Return-Path: <Sender@example.net>\r\nReceived: from mx.example.net ([198.51.100.7]) by mail.example.org";
    assert!(inbox[0].starts_with(lines), "{}", inbox[0]);
    assert!(inbox[0].contains(" with ESMTPS") && inbox[0].contains("for <Alice@EXAMPLE.org>;"), "{}", inbox[0]);
    assert!(inbox[0].ends_with(MAIL), "{}", inbox[0]);
}

/// RFC 5321 sections 4.5.1 and 4.5.5: a report comes from nobody, and postmaster is always there;
/// several messages may come on one connection, and to one of several recipients none of the others
/// is told.
#[tokio::test]
async fn reports_and_postmaster_are_taken() {
    let scene = Scene::new().await;
    let mut client = scene.connect(MX).await;
    client.begins("HELO mx.example.net", "250 mail.example.org").await;
    for recipient in ["postmaster", "POSTMASTER", "Postmaster@Example.org"] {
        client.begins("MAIL FROM:<>", "250 ").await;
        client.begins(&format!("RCPT TO:<{recipient}>"), "250 ").await;
        client.begins("RCPT TO:<bob@example.org>", "250 ").await;
        client.begins("DATA", "354 ").await;
        client.answers(format!("{MAIL}.\r\n"), &["250 2.0.0 "]).await;
    }
    assert_eq!(scene.inbox("admin").await.len(), 3);
    let inbox = scene.inbox("bob").await;
    assert!(inbox.len() == 3 && inbox[0].starts_with("Return-Path: <>\r\n"), "{inbox:?}");
    assert!(inbox[0].contains(" with SMTP\r\n") || inbox[0].contains(" with SMTP id"), "{}", inbox[0]);
    assert!(!inbox[0].contains(" for <"), "{}", inbox[0]);
}

/// What testers of open relays try, and what was a hole in some server: each is refused, whoever the
/// sender claims to be.
#[tokio::test]
async fn nothing_is_relayed() {
    let scene = Scene::new().await;
    let senders = [
        "sender@example.net",
        "alice@example.org",
        "postmaster@example.org",
        "sender@[198.51.100.7]",
        "sender@localhost",
        "\"alice@example.org\"@example.net",
        "victim@example.com",
        "",
    ];
    let recipients = [
        "<victim@example.com>",
        "<victim@EXAMPLE.COM>",
        "<victim@sub.example.org>",
        "<victim@xexample.org>",
        "<victim@example.org.example.com>",
        "<victim@example.org.>",
        "<victim%example.com@example.org>",
        "<victim%example.com@[127.0.0.1]>",
        "<victim%example.com%example.net@example.org>",
        "<\"victim@example.com\"@example.org>",
        "<\"victim%example.com\"@example.org>",
        "<victim@example.com@example.org>",
        "<victim@example.org@example.com>",
        "<@example.org:victim@example.com>",
        "<@example.org,@mail.example.org:victim@example.com>",
        "<@[127.0.0.1]:victim@example.com>",
        "<example.com!victim>",
        "<example.com!victim@example.org>",
        "<example.org!example.com!victim>",
        "<\"example.com!victim\"@example.org>",
        "<victim@[203.0.113.5]>",
        "<victim@[127.0.0.1]>",
        "<victim@[IPv6:2001:db8::5]>",
        "<alice@[198.51.100.1]>",
        "<alice@example.org> <victim@example.com>",
        "<alice@example.org>,<victim@example.com>",
        "<alice@example.org,victim@example.com>",
        "<\"alice@example.org> <victim\"@example.com>",
        "<victim@example.com",
        "victim@example.com",
        "<victim>",
        "<\"victim\">",
        "<victim@localhost>",
        "<victim@mail.example.org>",
        "<alice@example.org\\@example.com>",
        "<alice@ex\u{e4}mple.org>",
        "<>",
    ];
    for sender in senders {
        for pair in recipients.chunks(5) {
            let mut client = scene.mx().await;
            client.begins(&format!("MAIL FROM:<{sender}>"), "250 ").await;
            for recipient in pair {
                let reply = client.command(&format!("RCPT TO:{recipient}")).await;
                let code = &reply[..3];
                assert!(matches!(code, "501" | "550" | "553" | "555"), "{sender} to {recipient}: {reply}");
            }
            client.begins("DATA", "554 5.5.1 No recipient was accepted").await;
            client.answers("BDAT 6 LAST\r\nQUIT\r\n", &["554 5.5.1 "]).await;
            client.begins("QUIT", "221 ").await;
        }
    }
    let mut client = scene.mx().await;
    client.begins("MAIL FROM:<alice@example.org>", "250 ").await;
    let reply = client.command("RCPT TO:<victim@example.com>").await;
    let help = "550 5.7.1 example.com is not a domain of this server, and it relays for nobody; to send, sign in by submission";
    assert_eq!(reply, help);
    assert_eq!(
        client.command("RCPT TO:<dave@example.org>").await,
        "550 5.1.1 There is no mailbox dave@example.org here"
    );
    // A route to an address of ours is an address of ours (RFC 5321 appendix C).
    client.begins("RCPT TO:<@example.com:alice@example.org>", "250 ").await;
    for name in ["alice", "bob", "admin"] {
        assert!(scene.inbox(name).await.is_empty());
    }
}

/// Who tries out names hears no more after ten, whatever comes between.
#[tokio::test]
async fn whoever_tries_out_names_is_sent_away() {
    let scene = Scene::new().await;
    let mut client = scene.mx().await;
    for number in 0..10 {
        client.begins("MAIL FROM:<sender@example.net>", "250 ").await;
        let recipient = if number % 2 == 0 { "nobody@example.org" } else { "somebody@example.com" };
        client.begins(&format!("RCPT TO:<{recipient}>"), "550 5.").await;
        client.begins("RCPT TO:<alice@example.org>", "250 ").await;
        client.begins("RSET", "250 ").await;
    }
    client.begins("MAIL FROM:<sender@example.net>", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.send("RCPT TO:<info@example.org>\r\nRCPT TO:<sales@example.org>\r\nNOOP\r\n").await;
    assert_eq!(client.rest().await, ["421 4.7.0 mail.example.org Too many recipients that are nobody here"]);
}

/// RFC 5321 section 4.5.3.1.10: beyond what one message may have, each is refused at once and none is
/// remembered; those before get the message.
#[tokio::test]
async fn a_hundred_thousand_recipients_are_refused_as_they_come() {
    let scene = Scene::with(|limits| limits.recipients = 100).await;
    let mut client = scene.mx().await;
    client.begins("MAIL FROM:<sender@example.net>", "250 ").await;
    let began = Instant::now();
    for round in 0..100 {
        client.send("RCPT TO:<alice@example.org>\r\n".repeat(1000)).await;
        for number in 0..1000 {
            let reply = client.reply().await;
            let start = if round == 0 && number < 100 { "250 2.1.5 " } else { "452 4.5.3 " };
            assert!(reply.starts_with(start), "{reply}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    client.begins("DATA", "354 ").await;
    client.answers(format!("{MAIL}.\r\n"), &["250 2.0.0 "]).await;
    assert_eq!(scene.inbox("alice").await.len(), 1);
}

/// RFC 5321 sections 2.3.8 and 4.1.1.4, CVE-2023-51764: `CRLF.CRLF` alone is an end. What some servers
/// took for one refuses the message, and what follows is never obeyed.
#[tokio::test]
async fn nothing_is_smuggled() {
    let scene = Scene::new().await;
    let smuggled = "MAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: evil\r\n\r\n.\r\n";
    for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r.\r\n", "\r\n.\r", "\r\n\0.\n", "\r\r\n.\n", "\n\n.\r\n"] {
        let mut client = begun(&scene).await;
        client.begins("DATA", "354 ").await;
        client.answers(format!("Subject: one\r\n\r\nText{end}{smuggled}"), &["554 5.6.0 "]).await;
        client.begins("NOOP", "250 ").await;
        let mut client = begun(&scene).await;
        let text = format!("Subject: one\r\n\r\nText{end}{smuggled}");
        client.answers(format!("BDAT {} LAST\r\n{text}", text.len()), &["554 5.6.0 "]).await;
        client.begins("NOOP", "250 ").await;
    }
    for line in ["NOOP\nQUIT", "NOOP\rQUIT", "MAIL FROM:<a@example.net>\nRCPT TO:<bob@example.org>", "\nQUIT"] {
        let mut client = scene.mx().await;
        client.begins(line, "500 5.5.2 ").await;
        client.begins("RCPT TO:<bob@example.org>", "503 ").await;
    }
    assert!(scene.inbox("bob").await.is_empty() && scene.inbox("alice").await.is_empty());
}

/// RFC 5321 section 4.5.3.1.4: a line that is too long is answered once and dropped whole; lines of a
/// message have no such limit here.
#[tokio::test]
async fn only_command_lines_have_an_end() {
    let scene = Scene::new().await;
    let mut client = begun(&scene).await;
    client.begins(&format!("NOOP {}", "x".repeat(2041)), "250 ").await;
    client.begins(&format!("NOOP {}", "x".repeat(2042)), "500 5.5.2 The line is too long").await;
    client.begins(&format!("NOOP {}QUIT", "x".repeat(900_000)), "500 5.5.2 The line is too long").await;
    client.begins("DATA", "354 ").await;
    client.answers(format!("Subject: x\r\n\r\n{}\r\n.\r\n", "x".repeat(500_000)), &["250 2.0.0 "]).await;
    assert!(scene.inbox("alice").await[0].len() > 500_000);
}

/// RFC 3030 section 2: chunks are counted, their dots left alone, and each is answered.
#[tokio::test]
async fn a_message_may_come_in_chunks() {
    let scene = Scene::new().await;
    let mut client = begun(&scene).await;
    let (head, body) = MAIL.split_at(30);
    client
        .answers(format!("BDAT 30\r\n{head}BDAT {}\r\n{body}", body.len()), &["250 2.0.0 30 octets", "250 2.0.0 "])
        .await;
    client.begins("DATA", "503 5.5.1 ").await;
    client.begins("RCPT TO:<bob@example.org>", "503 5.5.1 ").await;
    client.begins("MAIL FROM:<sender@example.net>", "503 5.5.1 ").await;
    client
        .answers("BDAT 4\r\n.\r\n.BDAT 2\r\n\r\nBDAT 0 LAST\r\nNOOP\r\n", &["250 ", "250 ", "250 2.0.0 Taken", "250 "])
        .await;
    assert!(scene.inbox("alice").await[0].ends_with(&format!("{MAIL}.\r\n.\r\n")));
}

/// RFC 3030 section 2: the octets of a chunk that is refused are dropped, and never read as commands.
#[tokio::test]
async fn chunks_that_are_refused_are_dropped() {
    let scene = Scene::with(|limits| limits.message_bytes = 10_000).await;
    let mut client = scene.mx().await;
    client.answers("BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n", &["503 5.5.1 Say MAIL", "503 5.5.1 Say MAIL"]).await;
    client.begins("MAIL FROM:<>", "250 ").await;
    client.answers("BDAT 6 LAST\r\nQUIT\r\n", &["554 5.5.1 No recipient"]).await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    // Too large, then all that was on its way, more often than bad commands are taken.
    client.answers([b"BDAT 10001\r\n".as_slice(), &[b'x'; 10_001]].concat(), &["552 5.3.4 "]).await;
    client.answers("BDAT 6\r\nQUIT\r\n".repeat(50), &["503 5.5.1 The message has failed"; 50]).await;
    client.answers("BDAT 6 LAST\r\nQUIT\r\n", &["503 5.5.1 The message has failed"]).await;
    client.begins("DATA", "503 ").await;
    client.begins("RSET", "250 ").await;
    client.begins("MAIL FROM:<>", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.answers("BDAT 3\r\na\nbBDAT 6 LAST\r\nQUIT\r\n", &["554 5.6.0 ", "503 5.5.1 The message has failed"]).await;
    client.begins("RSET", "250 ").await;
    client.begins("MAIL FROM:<>", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.answers("BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n", &["250 ", "250 2.0.0 Taken"]).await;
    // Ten messages' worth is read, so that its sender hears why.
    client.begins("MAIL FROM:<>", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.answers([b"BDAT 100000 LAST\r\n".as_slice(), &[b'x'; 100_000]].concat(), &["552 5.3.4 "]).await;
    client.begins("NOOP", "250 ").await;
    assert_eq!(scene.inbox("alice").await.len(), 1);
}

/// Octets without end are not waited for, and those that nobody can count end the connection.
#[tokio::test]
async fn chunks_without_sense_end_the_connection() {
    let scene = Scene::new().await;
    for (line, start) in [
        ("BDAT 18446744073709551615 LAST", "552 5.3.4 "),
        ("BDAT 18446744073709551615", "552 5.3.4 "),
        ("BDAT 1000000000000", "552 5.3.4 "),
        ("BDAT 18446744073709551616 LAST", "501 5.5.4 "),
        ("BDAT", "501 5.5.4 "),
        ("BDAT -1 LAST", "501 5.5.4 "),
        ("BDAT 6 FIRST", "501 5.5.4 "),
    ] {
        let mut client = begun(&scene).await;
        client.begins(line, start).await;
        assert!(client.rest().await.is_empty(), "{line}");
        let mut client = scene.mx().await;
        client.begins(line, start).await;
        assert!(client.rest().await.is_empty(), "{line}, out of order");
    }
}

/// A hundred thousand chunks of nothing cost what as many NOOP cost.
#[tokio::test]
async fn many_small_chunks_are_taken_in_their_time() {
    let scene = Scene::new().await;
    let mut client = begun(&scene).await;
    let began = Instant::now();
    for _ in 0..100 {
        client.send("BDAT 0\r\n".repeat(900) + &"BDAT 1\r\nx".repeat(100)).await;
        for _ in 0..1000 {
            assert!(client.reply().await.starts_with("250 2.0.0 "));
        }
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    client.answers("BDAT 2 LAST\r\n\r\n", &["250 2.0.0 Taken"]).await;
    assert!(scene.inbox("alice").await[0].ends_with(&format!("\r\n{}\r\n", "x".repeat(10_000))));
}

/// RFC 1870 section 6.3: what is too large in truth is read to its end and refused.
#[tokio::test]
async fn what_is_too_large_is_refused() {
    let scene = Scene::with(|limits| limits.message_bytes = 10_000).await;
    let mut client = begun(&scene).await;
    client.begins("DATA", "354 ").await;
    client.answers("0123456789abcd\r\n".repeat(40_000) + ".\r\n", &["552 5.3.4 "]).await;
    client.begins("MAIL FROM:<> SIZE=10001", "552 5.3.4 ").await;
    client.begins("MAIL FROM:<> SIZE=10000", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.begins("DATA", "354 ").await;
    client.answers("0123456789abcd\r\n".repeat(625) + ".\r\n", &["250 2.0.0 "]).await;
    assert_eq!(scene.inbox("alice").await.len(), 1);
}

/// One network brings so many messages in a minute; others, and this machine, are not concerned.
#[tokio::test]
async fn a_network_brings_so_many_messages_in_a_minute() {
    let scene = Scene::new().await;
    let mut client = scene.mx().await;
    for _ in 0..300 {
        client.begins("MAIL FROM:<>", "250 ").await;
        client.begins("RSET", "250 ").await;
    }
    client.begins("MAIL FROM:<>", "451 4.7.1 Too many messages come from your network").await;
    for (from, start) in [([198, 51, 100, 200], "451 "), ([198, 51, 101, 7], "250 "), ([127, 0, 0, 1], "250 ")] {
        let mut other = scene.connect(Door::Mx(from)).await;
        other.begins("EHLO a", "250-").await;
        other.begins("MAIL FROM:<>", start).await;
    }
    scene.clock.advance_ms(60_000);
    client.begins("MAIL FROM:<>", "250 ").await;
}

/// What comes in takes memory that the house has counted. Where large messages that do not end have all
/// of it, one more is refused for now, the connection stays in step, and nothing is lost after it.
#[tokio::test]
async fn without_memory_a_message_is_refused_for_now() {
    let scene = Scene::with(|limits| {
        (limits.parsing_bytes, limits.idle_seconds) = (4 << 20, 1);
    })
    .await;
    let (mut slow, enough) = (Vec::new(), Arc::new(AtomicBool::new(false)));
    for number in [1, 2] {
        let mut client = scene.connect(Door::Mx([203, 0, number, 1])).await;
        client
            .answers(
                "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n",
                &["250-", "250 ", "250 ", "354 "],
            )
            .await;
        client.send("0123456789abcd\r\n".repeat(1 << 16)).await;
        let stop = Arc::clone(&enough);
        slow.push(tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                client.send("x").await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            client.answers("\r\n.\r\nQUIT\r\n", &["250 2.0.0 ", "221 "]).await;
        }));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut client = begun(&scene).await;
    client.begins("DATA", "354 ").await;
    client.answers(format!("{MAIL}.\r\n"), &["452 4.3.1 "]).await;
    client.begins("MAIL FROM:<>", "250 ").await;
    client.begins("RCPT TO:<alice@example.org>", "250 ").await;
    client.answers(format!("BDAT {}\r\n{MAIL}BDAT 0 LAST\r\n", MAIL.len()), &["452 4.3.1 ", "503 "]).await;
    client.begins("RSET", "250 ").await;
    enough.store(true, Ordering::SeqCst);
    for one in slow {
        one.await.unwrap();
    }
    let mut client = begun(&scene).await;
    client.begins("DATA", "354 ").await;
    client.answers(format!("{MAIL}.\r\n"), &["250 2.0.0 "]).await;
    assert_eq!((scene.inbox("alice").await.len(), scene.inbox("bob").await.len()), (1, 2));
}

/// A drain waits for the message that is on its way, and takes no other.
#[tokio::test]
async fn a_drain_lets_a_message_come_to_its_end() {
    let scene = Scene::new().await;
    let (mut client, mut idle) = (begun(&scene).await, scene.mx().await);
    client.begins("DATA", "354 ").await;
    scene.drain.send(true).unwrap();
    let bye = "421 4.3.2 mail.example.org the server is going down";
    assert_eq!(idle.rest().await, [bye]);
    client.send(format!("{MAIL}.\r\n")).await;
    assert_eq!(client.rest().await, ["250 2.0.0 Taken", bye]);
}
