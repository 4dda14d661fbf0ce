//! How bytes come: very many commands at once, a byte at a time, and from clients that say no more and still listen.

use super::{ALICE, BOB, PASSWORD, Wire, run};
use crate::process::{self, Serving};
use postern_testkit::Engine;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

const COMMANDS: usize = 100_000;
const MIB: u64 = 1 << 20;

/// Says very many commands without waiting for an answer, and hears all answers in their order.
async fn pipelines(address: std::net::SocketAddr, hello: &[(&str, &str)], command: impl Fn(usize) -> (String, String)) {
    let stream = TcpStream::connect(address).await.expect("the listener answers");
    stream.set_nodelay(true).expect("a loopback socket takes the option");
    let mut wire = Wire::new(stream);
    wire.line().await;
    for (say, hear) in hello {
        wire.asks(say, hear).await;
    }
    let Wire { stream, buffer } = wire;
    let (reading, mut writing) = stream.into_split();
    let (mut all, mut expected) = (String::new(), Vec::with_capacity(COMMANDS));
    for number in 0..COMMANDS {
        let (say, hear) = command(number);
        all.push_str(&say);
        expected.push(hear);
    }
    let saying = tokio::spawn(async move {
        writing.write_all(all.as_bytes()).await.expect("the server takes all of them");
        writing
    });
    let mut wire = Wire { stream: tokio::io::join(reading, tokio::io::sink()), buffer };
    for expected in expected {
        let line = wire.line().await;
        assert!(line.starts_with(&expected), "expected {expected}, got {line}");
    }
    drop(saying.await.expect("all was said"));
}

/// RFC 9051 section 5.5, RFC 2920: a hundred thousand commands at once, by IMAP, SMTP and LMTP. Each is answered, in
/// order, and what is not answered yet is not kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_commands_at_once() {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let folder = scratch.path().join("house");
    process::init(&folder, None).await;
    let serving = Serving::start(&folder, &[]).await;
    serving.person(BOB).await;
    let before = serving.most_bytes();
    let login = format!("l LOGIN {BOB} \"{PASSWORD}\"\r\n");
    let numbered = |number| (format!("c{number} NOOP\r\n"), format!("c{number} OK"));
    pipelines(serving.listener("imap"), &[(&login, "l OK")], numbered).await;
    let resets = |number: usize| match number % 4 {
        0 => ("MAIL FROM:<a@example.net>\r\n".to_owned(), "250 2.1.0".to_owned()),
        1 => ("RCPT TO:<bob@example.org>\r\n".to_owned(), "250 2.1.5".to_owned()),
        2 => ("RSET\r\n".to_owned(), "250 2.0.0".to_owned()),
        _ => ("NOOP\r\n".to_owned(), "250 2.0.0".to_owned()),
    };
    pipelines(serving.listener("smtp"), &[("EHLO a.example.net\r\n", "250 ")], resets).await;
    pipelines(serving.listener("lmtp"), &[("LHLO a.example.net\r\n", "250 ")], resets).await;
    let taken = serving.most_bytes().saturating_sub(before);
    // All commands of one connection are some 1.5 MB; far less of them is in memory at once.
    assert!(taken < 16 * MIB, "{taken} bytes on top of {before}");
    assert!(serving.terminate().await.success());
}

/// A client that shuts its side down after a command: what it has asked is answered, and the session ends.
#[test]
fn half_closed_sockets_get_their_answers() {
    run(Engine::Sqlite, async |scene| {
        let mut bob = scene.bob().await;
        bob.say(b"h1 STATUS INBOX (MESSAGES)\r\nh2 NOOP\r\nh3 SELECT INBOX\r\n").await;
        let rest = bob.half_closes().await;
        for expected in ["* STATUS INBOX (MESSAGES 1)", "\r\nh2 OK", "\r\nh3 OK"] {
            assert!(rest.contains(expected), "{expected}: {rest}");
        }
        for (listener, hello) in [("smtp", "EHLO a.example.net\r\n"), ("lmtp", "LHLO a.example.net\r\n")] {
            let mut wire = scene.plain(listener).await;
            wire.asks(hello, "250 ").await;
            wire.say(b"MAIL FROM:<a@example.net>\r\nRCPT TO:<nobody@example.org>\r\nNOOP\r\n").await;
            let rest = wire.half_closes().await;
            let codes: Vec<&str> = rest.lines().filter_map(|line| line.get(..3)).collect();
            assert!(codes.starts_with(&["250", "550", "250"]), "{listener}: {rest}");
        }
        for listener in ["https", "submissions"] {
            let mut wire = Wire::new(scene.house.tls(listener).await);
            let (say, hear) = match listener {
                "https" => ("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "),
                _ => ("EHLO a.example.net\r\n", "250-mail.example.org"),
            };
            wire.say(say.as_bytes()).await;
            let rest = wire.half_closes().await;
            assert!(rest.contains(hear), "{listener}: {rest:?}");
        }
        let mut plain = Wire::new(TcpStream::connect(scene.house.listener("http")).await.expect("it answers"));
        plain.say(b"GET /mail/config-v1.1.xml?emailaddress=alice@example.org HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let rest = plain.half_closes().await;
        assert!(rest.starts_with("HTTP/1.1 200 "), "{rest:?}");
    });
}

/// The same in the middle of something: it is dropped, and nothing of it is kept.
#[test]
fn half_closed_sockets_finish_nothing() {
    run(Engine::Sqlite, async |scene| {
        for begun in [
            "x APPEND INBOX {100+}\r\nSubject: x",
            "x APPEND INBOX {100}\r\n",
            "x CREATE {10+}\r\nabc",
            "x APPEND INBOX {99999999999999999999+}\r\nabc",
            "x CREATE Begun",
        ] {
            let mut bob = scene.bob().await;
            bob.say(begun.as_bytes()).await;
            let rest = bob.half_closes().await;
            assert!(!rest.contains("x OK"), "{begun}: {rest}");
        }
        let idle = {
            let mut bob = scene.bob().await;
            bob.asks("x IDLE\r\n", "+").await;
            bob.half_closes().await
        };
        assert!(!idle.contains("x BAD"), "{idle}");
        for (listener, hello) in [("smtp", "EHLO a.example.net\r\n"), ("lmtp", "LHLO a.example.net\r\n")] {
            for end in ["DATA\r\nSubject: x\r\n\r\nnever ends\r\n.", "BDAT 100\r\nSubject: x", "DATA\r\n"] {
                let mut wire = scene.plain(listener).await;
                wire.asks(hello, "250 ").await;
                wire.asks("MAIL FROM:<a@example.net>\r\n", "250").await;
                wire.asks("RCPT TO:<alice@example.org>\r\n", "250").await;
                wire.say(end.as_bytes()).await;
                let rest = wire.half_closes().await;
                assert!(!rest.contains("250"), "{listener} {end}: {rest}");
            }
        }
        let mut wire = Wire::new(scene.house.tls("https").await);
        wire.say(
            b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
        )
        .await;
        let rest = wire.half_closes().await;
        assert!(!rest.contains(" 200 "), "{rest}");
    });
}

/// Says it a byte at a time, each on its way before the next.
async fn spells<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, text: &str) {
    for byte in text.bytes() {
        wire.say(&[byte]).await;
        tokio::task::yield_now().await;
    }
}

/// Who writes a byte at a time is understood, and others are answered meanwhile.
#[test]
fn slow_writers_are_understood() {
    run(Engine::Sqlite, async |scene| {
        let mut other = scene.house.imap_as(ALICE).await;
        let mut bob = scene.plain("imap").await;
        spells(&mut bob, &format!("b LOGIN {BOB} {{{}+}}\r\n{PASSWORD}\r\n", PASSWORD.len())).await;
        bob.until("b OK").await;
        let letter = "Subject: slow\r\n\r\nbyte by byte\r\n";
        spells(&mut bob, "m CREATE Slow\r\n").await;
        bob.until("m OK").await;
        other.ok("NOOP", "").await;
        spells(&mut bob, &format!("a APPEND Slow {{{}+}}\r\n{letter}\r\n", letter.len())).await;
        bob.until("a OK").await;
        spells(&mut bob, "s EXAMINE Slow\r\nf FETCH 1 BODY.PEEK[TEXT]\r\n").await;
        bob.until("byte by byte").await;
        spells(&mut bob, "u UNSELECT\r\nd DELETE Slow\r\n").await;
        bob.until("d OK").await;
        for (listener, hello) in [("smtp", "EHLO a.example.net\r\n"), ("lmtp", "LHLO a.example.net\r\n")] {
            let mut wire = scene.plain(listener).await;
            spells(&mut wire, hello).await;
            wire.until("250 ").await;
            spells(&mut wire, "MAIL FROM:<a@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n").await;
            wire.until("354").await;
            // A message that is refused at its end: nothing is kept.
            spells(&mut wire, "Subject: x\r\n\r\nbare\nend\r\n.\r\n").await;
            wire.until("554 5.6.0").await;
            other.ok("NOOP", "").await;
        }
        let mut wire = Wire::new(scene.house.tls("https").await);
        let body = format!(r#"{{"email":"{BOB}","password":"{PASSWORD}"}}"#);
        let head = "POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        spells(&mut wire, head).await;
        for byte in body.bytes() {
            spells(&mut wire, &format!("1\r\n{}\r\n", char::from(byte))).await;
        }
        spells(&mut wire, "0\r\n\r\n").await;
        wire.until("HTTP/1.1 200 ").await;
    });
}
