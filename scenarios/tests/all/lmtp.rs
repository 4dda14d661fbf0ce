//! LMTP on the wire (RFC 2033, RFC 5321): who gets the message, and what is refused.

use crate::wire::on_sqlite;
use postern_testkit::{House, LmtpClient, scenario};
use postern_types::{Address, DisplayName};

const LETTER: &[u8] = b"From: Customer <customer@example.net>\r\nSubject: Hello\r\n\r\nA line.\r\n";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

async fn house_of_four(house: &House) {
    for person in ["alice@example.org", "bob@example.org", "carol@example.org"] {
        house.person(person).await;
    }
    house.shared("support@example.org").await;
}

/// How many messages lie in someone's INBOX.
async fn count(house: &House, who: &str) -> usize {
    let mut client = house.imap_as(who).await;
    let status = client.ok("STATUS INBOX (MESSAGES)", "MESSAGES").await;
    let line = status.line_with("MESSAGES").expect("a STATUS reply");
    let number = line.rsplit(' ').next().map(|number| number.trim_end_matches(')'));
    number.and_then(|number| number.parse().ok()).expect("a number")
}

async fn expect(client: &mut LmtpClient, command: &str, code: &str) -> String {
    let reply = client.command(command).await;
    assert!(reply.starts_with(code), "{command}: expected {code}, got {reply}");
    reply
}

scenario! {
    /// RFC 2033 section 4.2: one reply for each recipient that was accepted, in their order;
    /// an unknown one is refused at RCPT and does not stand in the way of the others.
    async fn each_recipient_is_answered(house: House) {
        house_of_four(&house).await;
        let mut client = house.lmtp().await;
        expect(&mut client, "MAIL FROM:<sender@example.net>", "250 2.1.0").await;
        expect(&mut client, "RCPT TO:<alice@example.org>", "250 2.1.5").await;
        expect(&mut client, "RCPT TO:<nobody@example.org>", "550 5.1.1").await;
        expect(&mut client, "RCPT TO:<someone@example.com>", "550 5.7.1").await;
        expect(&mut client, "RCPT TO:<support@example.org>", "250 2.1.5").await;
        expect(&mut client, "DATA", "354").await;
        client.send(&postern_testkit::stuffed(LETTER)).await;
        for recipient in ["alice@example.org", "support@example.org"] {
            let reply = client.reply().await;
            assert!(reply.starts_with("250 2.0.0") && reply.contains(recipient), "{reply}");
        }
        expect(&mut client, "NOOP", "250").await;
        assert_eq!(count(&house, "alice@example.org").await, 1);
        house.grant("support@example.org", "alice@example.org", "lr").await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("STATUS Shared/support@example.org/INBOX (MESSAGES)", "MESSAGES 1").await;
    }

    /// Mail for a group goes to each of its members once, also when they are named beside it.
    async fn a_group_delivers_to_its_members(house: House) {
        house_of_four(&house).await;
        let members = [address("alice@example.org"), address("bob@example.org")];
        house.app().add_group(house.operator(), &address("team@example.org"), &DisplayName::default(), &members).await.expect("a group");
        let replies = house.lmtp().await.deliver("", &["team@example.org", "alice@example.org"], LETTER).await;
        assert!(replies.len() == 2 && replies.iter().all(|reply| reply.starts_with("250")), "{replies:?}");
        for (who, expected) in [("alice@example.org", 1), ("bob@example.org", 1), ("carol@example.org", 0)] {
            assert_eq!(count(&house, who).await, expected, "{who}");
        }
    }

    /// RFC 5321 section 4.5.1: postmaster is always accepted, with our domain and without
    /// any; where nobody has the address its mail goes to the admins.
    async fn postmaster_is_always_there(house: House) {
        let mut client = house.lmtp().await;
        for recipient in ["postmaster@example.org", "Postmaster@example.org", "postmaster", "POSTMASTER"] {
            let replies = client.deliver("", &[recipient], LETTER).await;
            assert!(replies[0].starts_with("250"), "{recipient}: {replies:?}");
        }
        assert_eq!(count(&house, "admin@example.org").await, 4);
    }

    /// docs/decisions/0017-nul.md: NUL is kept as it came. A literal, which can not hold it, tells
    /// it as 0x80 and keeps its size; BINARY tells the bytes themselves. Long texts, which are read
    /// in pieces, do as short ones.
    async fn nul_is_kept_and_told(house: House) {
        house.person("alice@example.org").await;
        let mut alice = house.imap_as("alice@example.org").await;
        for (number, lines) in [(1, 1), (2, 20_000)] {
            let body = b"One\0two\0, as it came.\r\n".repeat(lines);
            let letter = [&b"Subject: a\0b\r\n\r\n"[..], &body].concat();
            let replies = house.lmtp().await.deliver("", &["alice@example.org"], &letter).await;
            assert!(replies[0].starts_with("250"), "{replies:?}");
            alice.ok("SELECT INBOX", "OK").await;
            let told = |bytes: &[u8]| bytes.iter().map(|byte| if *byte == 0 { 0x80 } else { *byte }).collect::<Vec<u8>>();
            let whole = alice.ok(&format!("FETCH {number} (BODY.PEEK[] RFC822.SIZE)"), "OK").await;
            let text = whole.literal().expect("a literal");
            assert!(text.ends_with(&told(&letter)), "{number}: the message is told otherwise");
            assert!(whole.untagged[0].ends_with(format!(" RFC822.SIZE {})", text.len()).as_bytes()));
            let fields = alice.ok(&format!("FETCH {number} BODY.PEEK[HEADER.FIELDS (Subject)]"), "OK").await;
            assert_eq!(fields.literal().expect("a literal"), b"Subject: a\x80b\r\n\r\n");
            let binary = alice.ok(&format!("FETCH {number} (BINARY.PEEK[1] BINARY.SIZE[1])"), "OK").await;
            assert!(binary.untagged[0].starts_with(format!("* {number} FETCH (BINARY[1] ~{{{}}}\r\n", body.len()).as_bytes()));
            assert!(binary.literal().expect("a literal8") == body, "{number}: the bytes differ");
        }
    }

    /// The same where the address is a group's and nobody is left in it: no member yet, or only
    /// one that was removed. While somebody is there it is theirs.
    async fn postmaster_goes_on_without_members(house: House) {
        house_of_four(&house).await;
        let (postmaster, support) = (address("postmaster@example.org"), address("support@example.org"));
        let name = DisplayName::default();
        house.app().add_group(house.operator(), &postmaster, &name, &[]).await.expect("a group");
        let mut client = house.lmtp().await;
        let mut deliver = async || client.deliver("", &["postmaster@example.org"], LETTER).await;
        let nobody_there = deliver().await;
        assert!(nobody_there[0].starts_with("250"), "{nobody_there:?}");
        assert_eq!(count(&house, "admin@example.org").await, 1);

        house.app().add_member(house.operator(), &postmaster, &support).await.expect("a member");
        let theirs = deliver().await;
        assert!(theirs[0].starts_with("250"), "{theirs:?}");
        assert_eq!((house.messages("support@example.org").await, count(&house, "admin@example.org").await), (1, 1));

        house.app().remove_shared(house.operator(), &support).await.expect("removed");
        let nobody_left = deliver().await;
        assert!(nobody_left[0].starts_with("250"), "{nobody_left:?}");
        assert_eq!(count(&house, "admin@example.org").await, 2);
    }

    /// Someone suspended gets no mail, and the others do. Addresses have no case (RFC 5321
    /// section 2.4 leaves that to us).
    async fn addresses_have_no_case(house: House) {
        house_of_four(&house).await;
        let replies = house.lmtp().await.deliver("s@example.net", &["Alice@EXAMPLE.org"], LETTER).await;
        assert!(replies[0].starts_with("250"), "{replies:?}");
        assert_eq!(count(&house, "alice@example.org").await, 1);
    }
}

/// RFC 2920: commands sent without waiting are answered in their order.
#[test]
fn commands_may_be_pipelined() {
    on_sqlite(&[], async |house| {
        house_of_four(&house).await;
        let mut client = house.lmtp().await;
        let commands = "MAIL FROM:<a@example.net> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<alice@example.org>\r\n\
            RCPT TO:<nobody@example.org>\r\nDATA\r\n";
        client.send(commands.as_bytes()).await;
        for code in ["250", "250", "550", "354"] {
            let reply = client.reply().await;
            assert!(reply.starts_with(code), "expected {code}, got {reply}");
        }
        let mut message = postern_testkit::stuffed(LETTER);
        message.extend_from_slice(b"NOOP\r\nQUIT\r\n");
        client.send(&message).await;
        for code in ["250", "250", "221"] {
            let reply = client.reply().await;
            assert!(reply.starts_with(code), "expected {code}, got {reply}");
        }
        assert_eq!(count(&house, "alice@example.org").await, 1);
    });
}

/// RFC 5321 section 4.1.1.4 and 2.3.8: CRLF.CRLF alone ends a message. What some servers took
/// for its end smuggles commands past those who check; here it refuses the message.
#[test]
fn only_crlf_dot_crlf_ends_a_message() {
    on_sqlite(&[], async |house| {
        house_of_four(&house).await;
        for smuggled in [&b"\n.\r\n"[..], b"\r\n.\n", b"\r.\r\n", b"\n.\n", b"\r\n.\r", b"\r.\r"] {
            let mut client = house.lmtp().await;
            expect(&mut client, "MAIL FROM:<a@example.net>", "250").await;
            expect(&mut client, "RCPT TO:<alice@example.org>", "250").await;
            expect(&mut client, "DATA", "354").await;
            client.send(b"Subject: outer\r\n\r\nText").await;
            client.send(smuggled).await;
            client
                .send(b"MAIL FROM:<b@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: inner\r\n\r\n.\r\n")
                .await;
            let reply = client.reply().await;
            assert!(reply.starts_with("554 5.6.0"), "{smuggled:?}: {reply}");
            expect(&mut client, "NOOP", "250").await;
        }
        assert_eq!(count(&house, "alice@example.org").await, 0);
        assert_eq!(count(&house, "bob@example.org").await, 0);
    });
}

/// A command line with a bare LF is not obeyed, nor what hides behind it.
#[test]
fn a_bare_line_feed_in_a_command_is_refused() {
    on_sqlite(&[], async |house| {
        let mut client = house.lmtp().await;
        expect(&mut client, "NOOP\nMAIL FROM:<a@example.net>", "500 5.5.2").await;
        expect(&mut client, "RCPT TO:<admin@example.org>", "503").await;
        let long = format!("NOOP {}", "x".repeat(100_000));
        expect(&mut client, &long, "500 5.5.2").await;
        expect(&mut client, "NOOP", "250").await;
    });
}

/// RFC 5321 section 6.3: a message that has passed too many servers is in a loop.
#[test]
fn a_loop_is_ended() {
    on_sqlite(&["POSTERN_LIMITS__RECEIVED_FIELDS=10"], async |house| {
        let message = |hops: usize| {
            let received = "Received: from a.example.net by b.example.net; Mon, 02 Nov 2026 10:00:00 +0000\r\n";
            received.repeat(hops) + "Subject: again\r\n\r\nand again\r\n"
        };
        let mut client = house.lmtp().await;
        // Ours is one of the ten.
        let taken = client.deliver("", &["admin@example.org"], message(9).as_bytes()).await;
        assert!(taken[0].starts_with("250"), "{taken:?}");
        let refused =
            client.deliver("", &["admin@example.org", "postmaster@example.org"], message(10).as_bytes()).await;
        assert!(refused.len() == 2 && refused.iter().all(|reply| reply.starts_with("554 5.4.6")), "{refused:?}");
        assert_eq!(count(&house, "admin@example.org").await, 1);
    });
}

/// RFC 1870: too large by its own word, and too large in truth.
#[test]
fn what_is_too_large_is_refused() {
    on_sqlite(&["POSTERN_LIMITS__MESSAGE_BYTES=65536"], async |house| {
        let mut client = house.lmtp().await;
        expect(&mut client, "LHLO client.example.org", "250").await;
        assert!(client.command("LHLO client.example.org").await.contains("SIZE 65536"));
        expect(&mut client, "MAIL FROM:<a@example.net> SIZE=65537", "552 5.3.4").await;
        expect(&mut client, "MAIL FROM:<a@example.net> SIZE=99999999999999999999", "552 5.3.4").await;
        let message = format!("Subject: large\r\n\r\n{}", "0123456789abcdef\r\n".repeat(4000));
        let replies = client.deliver("a@example.net", &["admin@example.org"], message.as_bytes()).await;
        assert!(replies[0].starts_with("552 5.3.4"), "{replies:?}");
        let small = client.deliver("a@example.net", &["admin@example.org"], LETTER).await;
        assert!(small[0].starts_with("250"), "{small:?}");
        assert_eq!(count(&house, "admin@example.org").await, 1);
    });
}

/// RFC 1870 section 3: what is offered is what the client's message may have; the lines that we put
/// before it are our own matter.
#[test]
fn a_message_of_just_the_offered_size_is_taken() {
    on_sqlite(&["POSTERN_LIMITS__MESSAGE_BYTES=65536"], async |house| {
        let mut client = house.lmtp().await;
        let head = "Subject: to the brim\r\n\r\n";
        let message = |bytes: usize| format!("{head}{}\r\n", "x".repeat(bytes - head.len() - 2));
        for (bytes, code) in [(65_536, "250 2.0.0"), (65_537, "552 5.3.4")] {
            let message = message(bytes);
            assert_eq!(message.len(), bytes);
            let replies = client.deliver("a@example.net", &["admin@example.org"], message.as_bytes()).await;
            assert!(replies[0].starts_with(code), "{bytes}: {replies:?}");
        }
        assert_eq!(count(&house, "admin@example.org").await, 1);
    });
}

/// RFC 5321 section 4.1.4 and RFC 2033 section 4.1: the order of commands, and what is none.
#[test]
fn commands_have_an_order() {
    on_sqlite(&[], async |house| {
        let mut client = house.lmtp().await;
        expect(&mut client, "DATA", "503").await;
        expect(&mut client, "RCPT TO:<admin@example.org>", "503").await;
        expect(&mut client, "EHLO client.example.org", "500").await;
        expect(&mut client, "HELO client.example.org", "500").await;
        expect(&mut client, "STARTTLS", "502").await;
        expect(&mut client, "MAIL FROM:<a@example.net> NONSENSE=1", "555").await;
        expect(&mut client, "MAIL FROM:<a b@example.net>", "501").await;
        expect(&mut client, "MAIL FROM:<a@example.net>", "250").await;
        expect(&mut client, "MAIL FROM:<a@example.net>", "503").await;
        expect(&mut client, "RCPT TO:<nobody@example.org>", "550").await;
        // RFC 2033 section 4.2: without a recipient there is nothing to send.
        expect(&mut client, "DATA", "503").await;
        expect(&mut client, "RSET", "250").await;
        expect(&mut client, "VRFY admin", "252").await;
        let offered = client.command("LHLO client.example.org").await;
        for extension in ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"] {
            assert!(offered.contains(extension), "{offered}");
        }
        expect(&mut client, "QUIT", "221").await;
        // Nobody can tell the octets of a chunk that is not taken from commands: it closes.
        expect(&mut house.lmtp().await, "BDAT 10 LAST", "502").await;
    });
}

/// RFC 5321 section 4.5.2: dots at line starts come through as they were meant.
#[test]
fn dots_at_line_starts_survive() {
    on_sqlite(&[], async |house| {
        let message = b".Subject: no\r\n.\r\n..\r\n.a\r\nb.\r\n";
        let replies = house.lmtp().await.deliver("", &["admin@example.org"], message).await;
        assert!(replies[0].starts_with("250"), "{replies:?}");
        let mut admin = house.imap_as("admin@example.org").await;
        admin.ok("SELECT INBOX", "").await;
        let whole = admin.ok("FETCH 1 BODY[]", "").await.literal().expect("the message");
        assert!(whole.ends_with(message), "{}", String::from_utf8_lossy(&whole));
        assert!(whole.starts_with(b"Return-Path: <>\r\n"), "{}", String::from_utf8_lossy(&whole));
    });
}

/// RFC 5321 section 4.5.3.1.10: a client goes on after a recipient is refused, with as many more as
/// it has. A list with many dead addresses reaches the living.
#[test]
fn refused_recipients_do_not_end_the_connection() {
    on_sqlite(&["POSTERN_LIMITS__BAD_COMMANDS=20", "POSTERN_LIMITS__RECIPIENTS=100"], async |house| {
        let mut client = house.lmtp().await;
        expect(&mut client, "MAIL FROM:<a@example.net>", "250").await;
        for number in 0..25 {
            expect(&mut client, &format!("RCPT TO:<nobody{number}@example.org>"), "550 5.1.1").await;
        }
        for number in 0..125 {
            let code = if number < 100 { "250 2.1.5" } else { "452 4.5.3" };
            expect(&mut client, "RCPT TO:<admin@example.org>", code).await;
        }
        expect(&mut client, "DATA", "354").await;
        client.send(&postern_testkit::stuffed(LETTER)).await;
        for _ in 0..100 {
            let reply = client.reply().await;
            assert!(reply.starts_with("250 2.0.0"), "{reply}");
        }
        expect(&mut client, "NOOP", "250").await;
        assert_eq!(count(&house, "admin@example.org").await, 1);
    });
}

/// RFC 5321 section 3.8: a server that closes of its own accord says 421 first.
#[test]
fn bad_commands_end_the_connection_and_are_told() {
    on_sqlite(&["POSTERN_LIMITS__BAD_COMMANDS=20"], async |house| {
        let mut client = house.lmtp().await;
        for _ in 0..21 {
            expect(&mut client, "NONSENSE", "500 5.5.2").await;
        }
        let last = client.reply().await;
        assert!(last.starts_with("421 4.7.0 mail.example.org"), "{last}");
    });
}
