//! A sign-in that is taken back ends its connections at once, in whatever they are doing
//! (docs/design.md section 4).

mod common;

use common::{Client, MAIL, PASSWORD, Scene, address};
use postern_app::{CredentialWish, GrantReach, GrantTerms, Networks, Purpose};
use postern_types::{MailboxName, Rights, Secret, SendRights};

const ENDED: &str = "* BYE Your sign-in has ended";

/// What may leave after a sign-in was taken back.
const MOST_BYTES: usize = 64 << 10;

/// Carol with this many messages of a MiB each in her INBOX.
async fn carol_with_mail(scene: &Scene, messages: usize) {
    fill(scene.client("carol").await, messages).await;
}

async fn fill(mut carol: Client, messages: usize) {
    let mail =
        format!("{MAIL}{}", "A line of sixty-four bytes that fills a message, more or less.\r\n".repeat(1 << 14));
    assert!(carol.append("Drafts", "", &mail).await.starts_with("OK"));
    carol.ok("SELECT Drafts").await;
    for _ in 0..messages {
        carol.ok("COPY 1 INBOX").await;
    }
    carol.ok("LOGOUT").await;
}

/// A client that does not read what it asked for, once some of it is there.
async fn stalled(scene: &Scene, command: &str) -> Client {
    stalls(scene.client_by("carol", 1000).await, command).await
}

async fn stalls(mut carol: Client, command: &str) -> Client {
    carol.ok("SELECT INBOX").await;
    let before = carol.taken_bytes();
    carol.send(&format!("f {command}\r\n")).await;
    while carol.taken_bytes() == before {
        tokio::task::yield_now().await;
    }
    carol
}

#[tokio::test]
async fn a_connection_that_waits_hears_bye() {
    let scene = Scene::new().await;
    let (mut between, mut idle, mut literal) =
        (scene.client("carol").await, scene.client("carol").await, scene.client("carol").await);
    let mut another = scene.client("bob").await;
    between.ok("SELECT INBOX").await;
    idle.send("i IDLE\r\n").await;
    assert!(idle.line().await.unwrap().starts_with("+ "));
    literal.send("l SELECT {5}\r\n").await;
    assert!(literal.line().await.unwrap().starts_with("+ "));
    scene.suspend("carol").await;
    for client in [&mut between, &mut idle, &mut literal] {
        assert_eq!(client.rest().await, [ENDED]);
    }
    another.ok("NOOP").await;
}

/// Also while the client sends: the message that was begun is not added.
#[tokio::test]
async fn an_append_ends_within_its_literal() {
    let scene = Scene::new().await;
    let mut carol = scene.client("carol").await;
    carol.send("a APPEND INBOX {100000}\r\n").await;
    assert!(carol.line().await.unwrap().starts_with("+ "));
    carol.send(MAIL).await;
    scene.suspend("carol").await;
    assert_eq!(carol.rest().await, [ENDED]);
    let person = address("carol@example.org");
    scene.house.suspend_person(&scene.operator, &person, false).await.unwrap();
    let mut carol = scene.client("carol").await;
    assert_eq!(carol.untagged("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 0)"]);
}

/// A reply that nobody takes is given up, in the middle of a literal and between them.
#[tokio::test]
async fn a_reply_that_nobody_reads_is_given_up() {
    let scene = Scene::new().await;
    carol_with_mail(&scene, 2).await;
    let fetch = "FETCH 1:* BODY.PEEK[]";
    let pieces = "FETCH 1:* (BODY.PEEK[]<0.3000> BODY.PEEK[]<0.3000>)";
    let mut clients = [stalled(&scene, fetch).await, stalled(&scene, pieces).await];
    scene.suspend("carol").await;
    let taken = clients.each_ref().map(Client::taken_bytes);
    for (client, before) in clients.each_mut().into_iter().zip(taken) {
        client.ended().await;
        assert!(client.taken_bytes() - before <= MOST_BYTES, "{} bytes", client.taken_bytes() - before);
        let rest = client.rest().await;
        assert!(rest.iter().all(|line| !line.starts_with("* BYE") && !line.starts_with("f ")), "{rest:?}");
    }
}

/// A client that reads what it gets gets at most 64 KiB more.
#[tokio::test]
async fn a_reply_that_is_read_stops() {
    let scene = Scene::new().await;
    carol_with_mail(&scene, 32).await;
    let carol = stalled(&scene, "FETCH 1:* BODY.PEEK[]").await;
    stops(carol, scene.suspend("carol")).await;
}

/// Reads on while something ends its sign-in, and after that.
async fn stops(mut client: Client, ended: impl Future<Output = ()>) {
    tokio::pin!(ended);
    loop {
        tokio::select! {
            biased;
            () = &mut ended => break,
            read = client.more() => assert!(read.is_some() || client.read_bytes() < 32 << 20, "it came to its end"),
        }
    }
    let before = client.taken_bytes();
    while client.more().await.is_some() {}
    let more = client.taken_bytes() - before;
    assert!(more <= MOST_BYTES, "{more} bytes more");
}

/// The same of a credential that is taken back, between two reads and where nobody reads.
#[tokio::test]
async fn a_reply_to_a_credential_stops() {
    let scene = Scene::new().await;
    let support = address("support@example.org");
    let wish = CredentialWish {
        holder: Some(address("bob@example.org")),
        not_delegation: Some("the program knows one mailbox".to_owned()),
        networks: Some(Networks::Any),
        ..CredentialWish::new(Purpose::Client, address("alice@example.org"), "a program needs it")
    };
    let issued = scene.house.issue_credential(&scene.operator, &support, wish).await.unwrap();
    let secret = issued.secret.as_ref().unwrap().expose_text().unwrap();
    let client = async || {
        let mut client = scene.connect_by(1000).await;
        client.ok(&format!("LOGIN support@example.org {secret}")).await;
        client
    };
    fill(client().await, 32).await;
    let fetch = "FETCH 1:* BODY.PEEK[]";
    let (reads, mut waits) = (stalls(client().await, fetch).await, stalls(client().await, fetch).await);
    let before = waits.taken_bytes();
    let revoked = async {
        let cut = scene.house.revoke_credential(&scene.operator, &issued.row.public_id, false).await.unwrap();
        assert_eq!(cut.sessions.len(), 2);
    };
    stops(reads, revoked).await;
    waits.ended().await;
    assert!(waits.taken_bytes() - before <= MOST_BYTES, "{} bytes", waits.taken_bytes() - before);
}

/// What does not end the sign-in is no matter: neither to who waits nor to who is slow.
#[tokio::test]
async fn a_sign_in_that_holds_goes_on() {
    let scene = Scene::new().await;
    carol_with_mail(&scene, 1).await;
    let mut between = scene.client("carol").await;
    let mut slow = stalled(&scene, "FETCH 1 BODY.PEEK[]").await;
    // What Carol may do changes, and what may be done in her account.
    scene.house.set_admin(&scene.operator, &address("carol@example.org"), true).await.unwrap();
    between.ok("CREATE Cases").await;
    between.ok("RENAME Cases Closed").await;
    assert!(slow.answer("f").await.last().unwrap().starts_with("OK"));
    slow.ok("NOOP").await;
    between.ok("NOOP").await;
}

/// A password that is set anew ends what was got by the old one, though nobody's rights change:
/// also a reply that has begun.
#[tokio::test]
async fn a_new_password_ends_what_came_by_the_old() {
    let scene = Scene::new().await;
    carol_with_mail(&scene, 2).await;
    let mut between = scene.client("carol").await;
    let mut slow = stalled(&scene, "FETCH 1:* BODY.PEEK[]").await;
    let password = Secret::new("another gate in the same wall");
    scene.house.set_password(&scene.operator, &address("carol@example.org"), password).await.unwrap();
    assert_eq!(between.rest().await, [ENDED]);
    slow.ended().await;
}

/// A session at the top of a shared mailbox ends with what its person holds there; the command by
/// which they gave it up themselves is answered.
#[tokio::test]
async fn a_session_at_the_top_of_a_mailbox_ends_with_the_grant() {
    let scene = Scene::new().await;
    let terms = GrantTerms {
        reach: GrantReach::Mailbox(MailboxName::parse("INBOX").unwrap()),
        rights: Rights::parse("lra").unwrap(),
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    };
    let (support, bob) = (address("support@example.org"), address("bob@example.org"));
    scene.house.give(&scene.operator, &support, &bob, terms).await.unwrap();
    let (mut alice, mut one, mut other) = (scene.connect().await, scene.connect().await, scene.connect().await);
    for (client, name) in [(&mut alice, "alice"), (&mut one, "bob"), (&mut other, "bob")] {
        client.ok(&format!("LOGIN {name}@example.org/support@example.org \"{PASSWORD}\"")).await;
    }
    one.send("d DELETEACL INBOX bob@example.org\r\n").await;
    let said = one.rest().await;
    assert!(said.len() == 2 && said[0].starts_with("d OK") && said[1] == ENDED, "{said:?}");
    assert_eq!(other.rest().await, [ENDED]);
    alice.ok("NOOP").await;
    scene.take_back("alice").await;
    assert_eq!(alice.rest().await, [ENDED]);
}
