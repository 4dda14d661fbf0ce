//! Submission up to the first message: what is offered, STARTTLS, AUTH, and how it ends.

mod common;

use common::{Door, PASSWORD, Scene, base64, plain};

/// RFC 5321 section 4.1.1.1: the list, with AUTH only where nobody can read along.
#[tokio::test]
async fn each_door_says_what_it_offers() {
    let scene = Scene::new().await;
    let offered = |start_tls: &str, auth: &str| {
        format!(
            "250-mail.example.org\n250-PIPELINING\n250-SIZE 52428800\n250-8BITMIME\n250-SMTPUTF8\n\
             250-ENHANCEDSTATUSCODES\n250-DSN\n250-CHUNKING\n250-LIMITS RCPTMAX=500\n\
             250{}FUTURERELEASE 3888000 2027-01-06T21:00:00Z{start_tls}{auth}",
            if start_tls.is_empty() && auth.is_empty() { ' ' } else { '-' }
        )
    };
    let auth = "\n250 AUTH PLAIN LOGIN";
    let mut under_tls = scene.connect(Door::Submissions).await;
    assert_eq!(under_tls.command("EHLO a").await, offered("", auth));
    assert_eq!(under_tls.command("HELO a").await, "250 mail.example.org");
    let mut in_clear = scene.connect(Door::Submission).await;
    assert_eq!(in_clear.command("EHLO a").await, offered("\n250 STARTTLS", ""));
    in_clear.begins("STARTTLS", "220 2.0.0 ").await;
    assert_eq!(in_clear.command("EHLO a").await, offered("", auth));
    in_clear.begins(&format!("AUTH PLAIN {}", plain("alice", PASSWORD)), "235 2.7.0 ").await;
    assert!(in_clear.is_known());
    in_clear.begins("QUIT", "221 2.0.0 ").await;
    assert!(in_clear.rest().await.is_empty());
}

/// RFC 3207 sections 4.2 and 6, CVE-2011-0411: what came in clear behind STARTTLS is dropped, and
/// what was said before it does not count.
#[tokio::test]
async fn nothing_said_in_clear_is_heard_under_tls() {
    let scene = Scene::new().await;
    let mut client = scene.connect(Door::Submission).await;
    client.begins("EHLO a", "250-").await;
    let injected = format!("STARTTLS\r\nEHLO b\r\nAUTH PLAIN {}\r\nNOO", plain("alice", PASSWORD));
    client.answers(&injected, &["220 2.0.0 "]).await;
    client.begins(&format!("AUTH PLAIN {}", plain("alice", PASSWORD)), "503 5.5.1 Say EHLO first").await;
    client.begins("P", "500 5.5.2 ").await;
    assert!(!client.is_known());
    client.begins("EHLO a", "250-").await;
    client.begins("MAIL FROM:<alice@example.org>", "530 5.7.0 ").await;
    client.begins("STARTTLS", "502 5.5.1 ").await;
}

/// RFC 4954 section 6: nobody shows a password where others can read along.
#[tokio::test]
async fn nobody_signs_in_in_clear() {
    let scene = Scene::new().await;
    let mut client = scene.connect(Door::Submission).await;
    client.begins("EHLO a", "250-").await;
    client.begins(&format!("AUTH PLAIN {}", plain("alice", PASSWORD)), "538 5.7.11 ").await;
    client.begins("AUTH LOGIN", "538 5.7.11 ").await;
    client.begins("MAIL FROM:<alice@example.org>", "530 5.7.0 ").await;
}

/// RFC 4954 section 4, RFC 4616, draft-murchison-sasl-login section 2.
#[tokio::test]
async fn there_are_five_ways_to_sign_in() {
    let scene = Scene::new().await;
    let (name, password) = (base64("alice@example.org"), base64(PASSWORD));
    let response = plain("alice", PASSWORD);
    let joined = base64(&format!("support@example.org\0alice@example.org\0{PASSWORD}"));
    let ways = [
        vec![format!("AUTH PLAIN {response}")],
        vec!["AUTH PLAIN".to_owned(), response],
        vec!["auth login".to_owned(), name.clone(), password.clone()],
        vec![format!("AUTH LOGIN {name}"), password.clone()],
        vec![format!("AUTH PLAIN {joined}")],
        vec!["AUTH LOGIN".to_owned(), base64("alice@example.org/support@example.org"), password],
    ];
    for way in ways {
        let mut client = scene.connect(Door::Submissions).await;
        client.begins("EHLO a", "250-").await;
        let (last, before) = way.split_last().unwrap();
        for line in before {
            client.begins(line, "334 ").await;
        }
        client.begins(last, "235 2.7.0 ").await;
        assert!(client.is_known(), "{way:?}");
        client.begins(&way[0], "503 5.5.1 You are signed in already").await;
    }
    let mut client = scene.connect(Door::Submissions).await;
    client.begins("EHLO a", "250-").await;
    assert_eq!(client.command("AUTH PLAIN").await, "334 ");
    assert_eq!(client.command("*").await, "501 5.7.0 AUTH was cancelled");
    assert_eq!(client.command("AUTH LOGIN").await, "334 VXNlcm5hbWU6");
    assert_eq!(client.command(&name).await, "334 UGFzc3dvcmQ6");
    client.begins("*", "501 ").await;
}

/// RFC 4954 sections 4 and 6: each mistake has its code, none is a wrong password, and the next
/// command is read as if nothing had been.
#[tokio::test]
async fn each_mistake_of_an_exchange_has_its_code() {
    let scene = Scene::new().await;
    let mut client = scene.connect(Door::Submissions).await;
    client.begins("AUTH PLAIN =", "503 5.5.1 Say EHLO first").await;
    client.begins("EHLO a", "250-").await;
    client.begins("AUTH CRAM-MD5", "504 5.5.4 Mechanisms here are PLAIN LOGIN").await;
    client.begins("AUTH PLAIN not*base64", "501 5.5.2 ").await;
    client.begins("AUTH PLAIN =", "501 5.5.2 A response of PLAIN").await;
    client.begins(&format!("AUTH PLAIN {}", base64("alice@example.org")), "501 5.5.2 ").await;
    client.begins("AUTH PLAIN", "334 ").await;
    client.begins("AGFsaWNl*", "501 5.5.2 ").await;
    client.begins("AUTH PLAIN", "334 ").await;
    client.begins(&"A".repeat(20_000), "500 5.5.6 ").await;
    client.begins("AUTH PLAIN", "334 ").await;
    client.begins("AGFs\naWNl", "500 5.5.2 ").await;
    client.begins("AUTH LOGIN =", "334 ").await;
    client.begins("", "535 5.7.8 ").await;
    client.begins("NOOP", "250 2.0.0 ").await;
    client.begins(&format!("AUTH PLAIN {}", plain("alice", PASSWORD)), "235 ").await;
}

/// Law 4: a wrong password, a name that nobody has and a root that is not theirs are refused alike;
/// the third time the connection ends.
#[tokio::test]
async fn wrong_secrets_are_refused_alike() {
    let scene = Scene::new().await;
    let mut client = scene.connect(Door::Submissions).await;
    client.begins("EHLO a", "250-").await;
    let first = client.command(&format!("AUTH PLAIN {}", plain("alice", "wrong"))).await;
    assert!(first.starts_with("535 5.7.8 "), "{first}");
    assert_eq!(client.command(&format!("AUTH PLAIN {}", plain("nobody", PASSWORD))).await, first);
    let not_theirs = base64(&format!("support@example.org\0bob@example.org\0{PASSWORD}"));
    assert_eq!(client.command(&format!("AUTH PLAIN {not_theirs}")).await, first);
    assert_eq!(client.rest().await, ["421 4.7.0 mail.example.org Too many failed sign-ins"]);
}

/// RFC 4954 section 6 and RFC 5321 section 4.1.4: nothing is taken before a sign-in, and what is
/// asked for out of order is refused without a word about the mailboxes here.
#[tokio::test]
async fn nothing_is_taken_before_a_sign_in() {
    let scene = Scene::new().await;
    let mut client = scene.connect(Door::Submissions).await;
    client.begins("MAIL FROM:<alice@example.org>", "503 5.5.1 Say EHLO first").await;
    client.begins("EHLO a", "250-").await;
    client.begins("MAIL FROM:<alice@example.org>", "530 5.7.0 ").await;
    client.begins("RCPT TO:<bob@example.org>", "503 ").await;
    client.begins("DATA", "503 ").await;
    client.answers("BDAT 6 LAST\r\nQUIT\r\n", &["503 5.5.1 "]).await;
    client.begins("VRFY alice@example.org", "252 2.0.0 ").await;
    client.begins("EXPN staff", "252 2.0.0 ").await;
    client.begins("RSET", "250 2.0.0 ").await;
    assert!(client.begins("HELP", "214-2.0.0 ").await.contains("AUTH mechanism"));
    client.begins("LHLO a", "500 5.5.1 ").await;
    client.begins("BDAT x", "501 5.5.4 ").await;
    assert!(client.rest().await.is_empty(), "nobody knows what comes next");
}

/// Parameters of MAIL that are no good are refused before the house is asked (RFC 4865 section 3).
#[tokio::test]
async fn parameters_are_read_before_anything_is_asked() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    for (parameters, start) in [
        ("HOLDFOR=3888001", "501 5.5.4 HOLDFOR is a number of seconds, from 1 to 3888000"),
        ("HOLDUNTIL=2027-01-06T21:00:01Z", "501 5.5.4 HOLDUNTIL"),
        ("HOLDFOR=1 HOLDUNTIL=2026-12-01T00:00:00Z", "501 5.5.4 "),
        ("BODY=BINARYMIME", "504 5.5.4 "),
        ("SIZE=52428801", "552 5.3.4 "),
        ("RET=SOME", "501 5.5.4 "),
        ("COLOUR=RED", "555 5.5.4 "),
    ] {
        alice.begins(&format!("MAIL FROM:<alice@example.org> {parameters}"), start).await;
    }
    alice.begins("MAIL FROM:<alice@[192.0.2.1]>", "550 5.7.1 ").await;
    alice.begins("RCPT TO:<bob@example.org>", "503 ").await;
}

/// Before a sign-in there is so much time in all, whatever is said.
#[tokio::test]
async fn signing_in_takes_no_longer_than_it_may() {
    let scene = Scene::with(|limits| limits.sign_in_seconds = 1).await;
    let mut client = scene.connect(Door::Submissions).await;
    client.begins("EHLO a", "250-").await;
    client.begins("AUTH PLAIN", "334 ").await;
    assert_eq!(client.rest().await, ["421 4.7.0 mail.example.org Signing in took too long"]);
    let mut alice = scene.client("alice").await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    alice.begins("NOOP", "250 ").await;
}

/// docs/design.md section 4: a sign-in that is taken back ends its connections at once.
#[tokio::test]
async fn a_connection_ends_with_its_sign_in() {
    let scene = Scene::new().await;
    let (mut idle, mut another) = (scene.client("carol").await, scene.client("bob").await);
    let mut rooted = scene.connect(Door::Submissions).await;
    rooted.begins("EHLO a", "250-").await;
    let joined = base64(&format!("support@example.org\0alice@example.org\0{PASSWORD}"));
    rooted.begins(&format!("AUTH PLAIN {joined}"), "235 ").await;
    scene.suspend("carol").await;
    let ended = "421 4.7.0 mail.example.org Your sign-in has ended; sign in again";
    assert_eq!(idle.rest().await, [ended]);
    let (shared, alice) = (common::address("support@example.org"), common::address("alice@example.org"));
    scene.house.take_back(&scene.operator, &shared, &alice, None).await.unwrap();
    assert_eq!(rooted.rest().await, [ended]);
    another.begins("NOOP", "250 ").await;
}

/// RFC 5321 section 3.8: a server that closes of its own accord says 421 first.
#[tokio::test]
async fn whoever_says_nothing_good_is_told_goodbye() {
    let scene = Scene::with(|limits| limits.bad_commands = 5).await;
    let mut client = scene.client("alice").await;
    for _ in 0..5 {
        client.begins("NONSENSE", "500 5.5.2 ").await;
    }
    client.begins("NOOP", "250 ").await;
    client.send("NONSENSE\r\n".repeat(9)).await;
    let lines = client.rest().await;
    assert_eq!(lines.len(), 7, "{lines:?}");
    assert!(lines[6].starts_with("421 4.7.0 mail.example.org "), "{lines:?}");

    let scene = Scene::with(|limits| limits.idle_seconds = 1).await;
    let mut client = scene.client("alice").await;
    assert_eq!(client.rest().await, ["421 4.3.2 mail.example.org nothing came for too long"]);

    let scene = Scene::new().await;
    let (mut client, mut stranger) = (scene.client("alice").await, scene.connect(Door::Submission).await);
    scene.drain.send(true).unwrap();
    for client in [&mut client, &mut stranger] {
        assert_eq!(client.rest().await, ["421 4.3.2 mail.example.org the server is going down"]);
    }
}

/// docs/design.md section 9: a session that waits is small.
#[tokio::test]
async fn the_futures_of_sessions_are_small() {
    let bytes = Scene::new().await.future_bytes();
    assert!(bytes.iter().all(|bytes| *bytes < 4096), "{bytes:?} bytes");
}
