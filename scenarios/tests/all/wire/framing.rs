//! Where commands begin and end: pipelining, literals, bad commands, sign-in.

use super::{add, alice, letter, on_sqlite};
use postern_testkit::PASSWORD;

/// RFC 9051 section 5.5: commands sent at once are answered in their order.
#[test]
fn pipelined_commands_are_answered_in_order() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        let commands = "p1 CREATE One\r\np2 NOOP\r\np3 SELECT INBOX\r\np4 UID FETCH 1:* FLAGS\r\np5 STATUS One (MESSAGES)\r\n\
            p6 APPEND One {4+}\r\na: b\r\np7 STATUS One (MESSAGES)\r\n";
        alice.send(commands.as_bytes()).await;
        for (tag, expected) in [
            ("p1", "OK"),
            ("p2", "OK"),
            ("p3", "OK [READ-WRITE]"),
            ("p4", "OK"),
            ("p5", "OK"),
            ("p6", "OK [APPENDUID"),
            ("p7", "OK"),
        ] {
            let answer = alice.answer(tag).await;
            assert!(answer.status.starts_with(expected), "{tag}: {}", answer.status);
            match tag {
                "p5" => assert!(answer.has("(MESSAGES 0)"), "{:?}", answer.lines()),
                "p7" => assert!(answer.has("(MESSAGES 1)"), "{:?}", answer.lines()),
                _ => {}
            }
        }
    });
}

/// RFC 9051 section 4.3, RFC 7888: literals that wait to be asked for, and those that do not.
#[test]
fn literals_stand_wherever_strings_do() {
    on_sqlite(&[], async |house| {
        house.person("alice@example.org").await;
        let mut client = house.imap("alice").await;
        client.send(b"l1 LOGIN {17}\r\n").await;
        assert!(client.response().await.starts_with(b"+ "));
        client.send(format!("alice@example.org {{{}}}\r\n", PASSWORD.len()).as_bytes()).await;
        assert!(client.response().await.starts_with(b"+ "));
        client.send(format!("{PASSWORD}\r\n").as_bytes()).await;
        assert!(client.answer("l1").await.status.starts_with("OK [CAPABILITY "));
        client.send(b"l2 CREATE {7+}\r\nBox (1)\r\nl3 SELECT {7+}\r\nBox (1)\r\n").await;
        assert!(client.answer("l2").await.status.starts_with("OK"));
        assert!(client.answer("l3").await.status.starts_with("OK [READ-WRITE]"));
        let message = letter("quoted");
        client.send(b"l4 APPEND {7}\r\n").await;
        assert!(client.response().await.starts_with(b"+ "));
        client
            .send(
                format!(
                    "Box (1) (\\Flagged $Work) \" 2-Nov-2026 10:00:00 +0100\" {{{}+}}\r\n{message}\r\n",
                    message.len()
                )
                .as_bytes(),
            )
            .await;
        assert!(client.answer("l4").await.status.starts_with("OK [APPENDUID "));
        let shown = client.ok("FETCH 1 (FLAGS INTERNALDATE)", "$Work").await;
        assert!(shown.has("\\Flagged") && shown.has("\" 2-Nov-2026 09:00:00 +0000\""), "{:?}", shown.lines());
        client.send(b"l5 SEARCH SUBJECT {6+}\r\nquoted\r\n").await;
        assert!(client.answer("l5").await.has("* SEARCH 1"));
    });
}

/// RFC 9051 section 6.2.2, RFC 4616, RFC 4959: with a challenge, with the response at once,
/// cancelled, wrong, and no response at all.
#[test]
fn authenticate_plain() {
    on_sqlite(&[], async |house| {
        house.person("alice@example.org").await;
        // NUL alice@example.org NUL and the password.
        let response = "AGFsaWNlQGV4YW1wbGUub3JnAGNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=";
        let mut client = house.imap("alice").await;
        client.ok("CAPABILITY", "SASL-IR AUTH=PLAIN").await;
        client.no("AUTHENTICATE CRAM-MD5", "").await;
        client.send(b"c1 AUTHENTICATE PLAIN\r\n").await;
        assert_eq!(client.response().await, b"+ ");
        client.send(b"*\r\n").await;
        assert!(client.answer("c1").await.status.starts_with("BAD"));
        client.send(b"c2 AUTHENTICATE PLAIN\r\n").await;
        assert_eq!(client.response().await, b"+ ");
        client.send(b"this is not base64!\r\n").await;
        assert!(client.answer("c2").await.status.starts_with("BAD"));
        client.bad("AUTHENTICATE PLAIN AAAA", "").await;
        client.no("AUTHENTICATE PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHdyb25n", "[AUTHENTICATIONFAILED]").await;
        client.bad("SELECT INBOX", "Sign in first").await;
        client.send(b"c3 AUTHENTICATE PLAIN\r\n").await;
        assert_eq!(client.response().await, b"+ ");
        client.send(format!("{response}\r\n").as_bytes()).await;
        assert!(client.answer("c3").await.status.starts_with("OK [CAPABILITY "));
        client.ok("SELECT INBOX", "").await;
        client.bad("LOGIN alice@example.org again", "signed in already").await;
        let mut at_once = house.imap("alice").await;
        at_once.ok(&format!("AUTHENTICATE PLAIN {response}"), "[CAPABILITY ").await;
    });
}

/// One answer for a wrong password, an unknown name and no name at all (docs/design.md law 4), and an
/// end to trying.
#[test]
fn refused_sign_ins_are_alike_and_few() {
    on_sqlite(&[], async |house| {
        house.person("alice@example.org").await;
        let mut client = house.imap("nobody").await;
        let mut said = Vec::new();
        for name in ["alice@example.org", "nobody@example.org", "not-an-address"] {
            said.push(client.no(&format!("LOGIN {name} wrong"), "[AUTHENTICATIONFAILED]").await.status);
        }
        assert!(said.iter().all(|status| *status == said[0]), "{said:?}");
        let last = client.closed().await;
        assert!(last.iter().any(|line| line.starts_with("* BYE")), "{last:?}");
    });
}

/// A bad command costs itself and never the one after it.
#[test]
fn bad_commands_do_not_desynchronise() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        alice.ok("SELECT INBOX", "").await;
        for bad in [
            "NONSENSE",
            "FETCH",
            "FETCH 0 FLAGS",
            "FETCH 1 (FLAGS",
            "FETCH 1 BODY[0]",
            "STORE 1 FLAGS (\\Recent)",
            "SEARCH NONSENSE",
            "SEARCH (((",
            "LIST \"\"",
            "SELECT \"INBOX",
            "SELECT INBOX extra",
            "CREATE {4+}\r\nOne\x01",
            "NONSENSE {20+}\r\nz9 LOGOUT\r\nz8 NOOP\r\n trailing {5+}\r\n12345",
            "APPEND INBOX (\\Bogus {10+}\r\nz7 LOGOUT\r\n",
            "UID NOOP",
            "UID FETCH 1 (NONSENSE)",
            "LOGIN a b",
            "IDLE now",
            "COPY 1",
            "COPY 5 INBOX",
        ] {
            alice.bad(bad, "").await;
            alice.ok("NOOP", "").await;
        }
        // No tag, an empty line, bytes that are no text: untagged BAD, and on.
        for line in [&b"\r\n"[..], b" NOOP\r\n", b"\xff\xfe\x00 x\r\n", b"+ NOOP\r\n", b"tag\r\n"] {
            alice.send(line).await;
            alice.ok("NOOP", "").await;
        }
        // IDLE is ended by DONE alone.
        alice.idle().await;
        alice.send(b"x NOOP\r\n").await;
        assert!(alice.until("BAD").await.contains("DONE"));
        alice.ok("NOOP", "").await;
    });
}

/// A client that sends nothing but nonsense is sent away.
#[test]
fn too_many_bad_commands_end_the_session() {
    on_sqlite(&["POSTERN_LIMITS__BAD_COMMANDS=5"], async |house| {
        let mut client = house.imap("nonsense").await;
        for _ in 0..6 {
            client.send(b"GET / HTTP/1.1\r\n").await;
        }
        let last = client.closed().await;
        assert!(last.iter().any(|line| line.contains("BYE")), "{last:?}");
    });
}

/// A line may be so long and no longer; a literal too large is refused before it is sent.
#[test]
fn oversize_lines_and_literals_are_refused() {
    on_sqlite(&["POSTERN_LIMITS__MESSAGE_BYTES=65536"], async |house| {
        let mut alice = alice(&house).await;
        alice.bad(&format!("SELECT {}", "x".repeat(70_000)), "longer than the limit").await;
        alice.ok("NOOP", "").await;
        alice.no("SELECT {70000}", "[TOOBIG]").await;
        alice.no(&format!("SELECT {{70000+}}\r\n{}", "x".repeat(70_000)), "[TOOBIG]").await;
        alice.no("APPEND INBOX {65537}", "[TOOBIG]").await;
        alice.no(&format!("APPEND INBOX {{65537+}}\r\n{}", "x".repeat(65_537)), "[TOOBIG]").await;
        let most = letter("much") + &"0123456789abcde\n".repeat(4090).replace('\n', "\r\n");
        let most = &most[..65_536];
        add(&mut alice, "INBOX", "", most).await;
        alice.ok("STATUS INBOX (MESSAGES SIZE)", "SIZE 65536").await;
        let nul = alice.append("INBOX", "", b"Subject: nul\r\n\r\n\0\r\n").await;
        assert!(nul.status.starts_with("BAD"), "{}", nul.status);
        alice.ok("APPEND INBOX ~{19+}\r\nSubject: x\r\n\r\n\0ab\r\n", "[APPENDUID").await;
        alice.ok("NOOP", "").await;
    });
}

/// Memory that the process holds, in bytes.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux says how much memory a process holds");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kibibytes") << 10
}

/// Before sign-in nobody makes the house hold memory: a line that never ends is read past.
#[test]
fn a_line_that_never_ends_holds_no_memory() {
    on_sqlite(&[], async |house| {
        let mut client = house.imap("stranger").await;
        client.bad(&format!("LOGIN {}", "x".repeat(9_000)), "longer than the limit").await;
        client.no("LOGIN {9000}", "[TOOBIG]").await;
        let before = resident_bytes();
        client.send(b"endless ").await;
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..64 {
            client.send(&piece).await;
        }
        let held = resident_bytes().saturating_sub(before);
        assert!(held < 16 << 20, "{held} bytes are held for a line of 64 MiB");
        client.send(b"\r\n").await;
        let refused = client.response().await;
        assert!(refused.starts_with(b"endless BAD"), "{}", String::from_utf8_lossy(&refused));
        client.ok("NOOP", "").await;
    });
}
