//! Submission, SMTP of other servers, and LMTP: lines, addresses and ends of messages that are none.

use super::{Amiss, BOB, Scene, Wire, on_both, run};
use postern_testkit::SmtpClient;
use tokio::io::{AsyncRead, AsyncWrite};

/// A line, and how its reply begins.
type Case<'a> = (&'a [u8], &'a str);

/// The last line of a reply.
async fn reply<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>) -> String {
    loop {
        let line = wire.line().await;
        if line.as_bytes().get(3) != Some(&b'-') {
            return line;
        }
    }
}

/// Says a line; its reply begins so.
async fn says<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, line: &[u8], expected: &str) {
    let mut amiss = Amiss::default();
    tries(wire, line, expected, &mut amiss).await;
    amiss.end();
}

async fn tries<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, line: &[u8], expected: &str, amiss: &mut Amiss) {
    wire.say(&[line, b"\r\n"].concat()).await;
    amiss.look(line, expected, &reply(wire).await);
}

/// Each is answered so, on a connection that has greeted, and no message can follow any of them.
async fn plays<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, cases: &[Case<'_>]) {
    let mut amiss = Amiss::default();
    for (line, expected) in cases {
        tries(wire, line, expected, &mut amiss).await;
        tries(wire, b"DATA", "5", &mut amiss).await;
        says(wire, b"RSET", "250").await;
    }
    amiss.end();
}

/// What begins no transaction.
const SENDERS: &[Case<'_>] = &[
    (b"MAIL FROM:<a\0b@example.net>", "50"),
    (b"MAIL FROM:<a\x01b@example.net>", "50"),
    (b"MAIL FROM:<a\x7fb@example.net>", "50"),
    (b"MAIL FROM:<a@example.net>\rX", "500"),
    (b"MAIL FROM:<a@example.net>\nRCPT TO:<alice@example.org>", "500"),
    (b"MAIL FROM:<\xff@example.net>", "5"),
    (b"MAIL FROM:<j\xc3\xbcrgen@example.net>", "5"),
    (b"MAIL FROM:<j\xc3@example.net> SMTPUTF8", "5"),
    (b"MAIL FROM:<a b@example.net>", "501"),
    (b"MAIL FROM:<\"a@example.net>", "501"),
    (b"MAIL FROM:<a@example..net>", "501"),
    (b"MAIL FROM:<a@-example.net>", "501"),
    (b"MAIL FROM:<a@exa%mple.net>", "501"),
    (b"MAIL FROM:<a@*>", "501"),
    (b"MAIL FROM:<a@[300.1.1.1]>", "501"),
    (b"MAIL FROM:<a>", "501"),
    (b"MAIL FROM:a@example.net b", "5"),
    (b"MAIL FROM:<a@example.net> SIZE=-1", "501"),
    (b"MAIL FROM:<a@example.net> SIZE=99999999999999999999999", "5"),
    (b"MAIL FROM:<a@example.net> SIZE=999999999999", "552"),
    (b"MAIL FROM:<a@example.net> BODY=\x01", "50"),
    (b"MAIL FROM:<a@example.net> BODY=9BIT", "5"),
    (b"MAIL FROM:<a@example.net> NONSENSE=%", "555"),
    (b"MAIL", "501"),
    (b"MAIL FROM:", "501"),
    (b"MAIL FROM:<", "501"),
    (b"\0", "500"),
    (b"\xff\xfe\xfd", "500"),
    (b"..", "500"),
    (b"%", "500"),
    (b"*", "500"),
    (b"", "500"),
];

/// What is nobody, behind a sender that is somebody. Alice and Bob are there.
const RECIPIENTS: &[Case<'_>] = &[
    (b"RCPT TO:<%@example.org>", "550"),
    (b"RCPT TO:<*@example.org>", "550"),
    (b"RCPT TO:<alic_@example.org>", "550"),
    (b"RCPT TO:<al%@example.org>", "550"),
    (b"RCPT TO:<\"*\"@example.org>", "550"),
    (b"RCPT TO:<\"a b\"@example.org>", "550"),
    (b"RCPT TO:<\"alice@example.org\"@example.org>", "550"),
    (b"RCPT TO:<\"alice\\\0\"@example.org>", "50"),
    (b"RCPT TO:<\"../alice\"@example.org>", "550"),
    (b"RCPT TO:<alice%example.net@example.org>", "550"),
    (b"RCPT TO:<alice!bob@example.org>", "550"),
    (b"RCPT TO:<..@example.org>", "550"),
    (b"RCPT TO:<.@example.org>", "550"),
    (b"RCPT TO:<alice@example.org\0>", "50"),
    (b"RCPT TO:<alice@example.org\r>", "500"),
    (b"RCPT TO:<alice@example.org>\nRCPT TO:<bob@example.org>", "500"),
    (b"RCPT TO:<alice @example.org>", "501"),
    (b"RCPT TO:<>", "501"),
    (b"RCPT TO:<alice@[127.0.0.1]>", "55"),
    (b"RCPT TO:<alice@*>", "501"),
    (b"RCPT TO:<alice@\xff>", "5"),
    (b"RCPT TO:<al\xc3\xaece@example.org>", "5"),
    (b"RCPT TO:<alice@example.org> NOTIFY=SOMETIMES", "5"),
    (b"RCPT TO:<alice@example.org> ORCPT=rfc822;a+ZZ", "5"),
    (b"RCPT TO:<alice@example.org> ORCPT=\x01", "50"),
];

async fn greeted(scene: &Scene, listener: &str, hello: &[u8]) -> Wire<tokio::net::TcpStream> {
    let mut wire = scene.plain(listener).await;
    says(&mut wire, hello, "250").await;
    wire
}

fn long(before: &str, count: usize, after: &str) -> Vec<u8> {
    format!("{before}{}{after}", "x".repeat(count)).into_bytes()
}

on_both! {
    /// RFC 5321 sections 4.1.2 and 4.5.3.1: senders that are none, from another server.
    async fn senders_at_smtp(scene: &Scene) {
        plays(&mut greeted(scene, "smtp", b"EHLO a.example.net").await, SENDERS).await;
    }

    /// The same from a server of the house.
    async fn senders_at_lmtp(scene: &Scene) {
        plays(&mut greeted(scene, "lmtp", b"LHLO a.example.net").await, SENDERS).await;
    }

    /// The same from one of ours.
    async fn senders_at_submission(scene: &Scene) {
        let mut client = scene.house.submission_as(BOB).await;
        let mut amiss = Amiss::default();
        for (line, expected) in SENDERS {
            client.send(&[line, b"\r\n".as_slice()].concat()).await;
            amiss.look(line, expected, client.reply().await.trim_end());
            amiss.look(line, "5", client.command("DATA").await.trim_end());
            assert!(client.command("RSET").await.starts_with("250"));
        }
        amiss.end();
    }

    /// No wildcard and no trick of quoting reaches anybody.
    async fn recipients_at_smtp(scene: &Scene) {
        let mut amiss = Amiss::default();
        for (line, expected) in RECIPIENTS {
            // A connection each: whoever tries out names is sent away.
            let mut wire = greeted(scene, "smtp", b"EHLO a.example.net").await;
            says(&mut wire, b"MAIL FROM:<a@example.net>", "250").await;
            tries(&mut wire, line, expected, &mut amiss).await;
            tries(&mut wire, b"DATA", "5", &mut amiss).await;
        }
        amiss.end();
    }

    /// The same by LMTP.
    async fn recipients_at_lmtp(scene: &Scene) {
        let mut amiss = Amiss::default();
        for (line, expected) in RECIPIENTS {
            let mut wire = greeted(scene, "lmtp", b"LHLO a.example.net").await;
            says(&mut wire, b"MAIL FROM:<a@example.net>", "250").await;
            tries(&mut wire, line, expected, &mut amiss).await;
            tries(&mut wire, b"DATA", "5", &mut amiss).await;
        }
        amiss.end();
    }

    /// RFC 5321 section 4.5.3.1: what is too long, wherever it stands.
    async fn what_is_too_long(scene: &Scene) {
        let cases = [
            (long("MAIL FROM:<a@", 64, ".net>"), "501"),
            (long("MAIL FROM:<a@", 300, ">"), "501"),
            (long("MAIL FROM:<a@example.net> ", 3_000, ""), "500"),
            (long("MAIL FROM:<", 3_000_000, "@example.net>"), "500"),
            (long("", 3_000_000, ""), "500"),
            ("MAIL FROM:<a@example.net> X=Y".repeat(100_000).into_bytes(), "500"),
        ];
        let cases: Vec<Case<'_>> = cases.iter().map(|(line, expected)| (line.as_slice(), *expected)).collect();
        plays(&mut greeted(scene, "smtp", b"EHLO a.example.net").await, &cases).await;
        plays(&mut greeted(scene, "lmtp", b"LHLO a.example.net").await, &cases).await;
    }

    /// RFC 5321 sections 2.3.8 and 4.1.1.4: no false end ends a message, and what is behind it is no command. Nobody gets
    /// anything of it.
    async fn smuggled_messages(scene: &Scene) {
        let inner = b"MAIL FROM:<admin@example.org>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nSubject: in\r\n\r\n.\r\n";
        for end in [&b"\n.\n"[..], b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n\0.\r\n\n.\r\n"] {
            let data = [b"Subject: out\r\n\r\nText", end, inner].concat();
            let mut wire = greeted(scene, "smtp", b"EHLO a.example.net").await;
            refused(&mut wire, "a@example.net", &data).await;
            let mut wire = greeted(scene, "lmtp", b"LHLO a.example.net").await;
            refused(&mut wire, "a@example.net", &data).await;
            let mut client = scene.house.submission_as(BOB).await;
            submission_refuses(&mut client, &data).await;
        }
    }
}

/// A message for Alice is refused at its end, once.
async fn refused<S: AsyncRead + AsyncWrite + Unpin>(wire: &mut Wire<S>, from: &str, data: &[u8]) {
    says(wire, format!("MAIL FROM:<{from}>").as_bytes(), "250").await;
    says(wire, b"RCPT TO:<alice@example.org>", "250").await;
    says(wire, b"DATA", "354").await;
    wire.say(data).await;
    let said = reply(wire).await;
    assert!(said.starts_with("554 5.6.0"), "{}: {said}", data.escape_ascii());
    says(wire, b"NOOP", "250").await;
}

async fn submission_refuses(client: &mut SmtpClient, data: &[u8]) {
    assert!(client.command(&format!("MAIL FROM:<{BOB}>")).await.starts_with("250"));
    assert!(client.command("RCPT TO:<alice@example.org>").await.starts_with("250"));
    assert!(client.command("DATA").await.starts_with("354"));
    client.send(data).await;
    let said = client.reply().await;
    assert!(said.starts_with("554 5.6.0"), "{}: {said}", data.escape_ascii());
    assert!(client.command("NOOP").await.starts_with("250"));
}

/// Senders that are not as RFC 5321 section 4.1.2 has them, and that there are: nobody is kept from bouncing for form.
#[test]
fn senders_that_break_the_form_are_let_through() {
    run(postern_testkit::Engine::Sqlite, async |scene| {
        for (listener, hello) in [("smtp", "EHLO a.example.net"), ("lmtp", "LHLO a.example.net")] {
            let mut wire = greeted(scene, listener, hello.as_bytes()).await;
            for sender in ["..", ".a", "a..b", "\"a b\"", &"x".repeat(65)] {
                says(&mut wire, format!("MAIL FROM:<{sender}@example.net>").as_bytes(), "250").await;
                says(&mut wire, b"RSET", "250").await;
            }
        }
    });
}

/// RFC 5321 section 4.1.2: quotes do not make somebody else of anyone; with them mail arrives.
#[test]
fn quoted_and_other_spellings_arrive() {
    run(postern_testkit::Engine::Sqlite, async |scene| {
        for spelled in
            ["\"bob\"@example.org", "\"b\\ob\"@EXAMPLE.org", "BOB@example.org", "@a.example,@b.example:bob@example.org"]
        {
            for (listener, hello) in [("smtp", "EHLO a.example.net"), ("lmtp", "LHLO a.example.net")] {
                let mut wire = greeted(scene, listener, hello.as_bytes()).await;
                says(&mut wire, b"MAIL FROM:<a@example.net>", "250").await;
                says(&mut wire, format!("RCPT TO:<{spelled}>").as_bytes(), "250").await;
            }
        }
    });
}
