//! Object ids (RFC 8474): what mailboxes, messages and threads are called whatever becomes of their names and
//! UIDs, by the examples of the RFC. A second session always watches.

mod common;

use common::{Client, Scene};

const INBOX: &str = "Shared/support@example.org/INBOX";
const ARCHIVE: &str = "Shared/support@example.org/Archive";

fn letter(subject: &str, id: &str, answers: Option<&str>) -> String {
    let references = answers.map(|id| format!("References: <{id}@example.com>\r\n")).unwrap_or_default();
    format!("Subject: {subject}\r\nMessage-ID: <{id}@example.com>\r\n{references}\r\nText.\r\n")
}

/// The id in the parentheses after this word.
fn id_after(lines: &[String], word: &str) -> String {
    let line = lines.iter().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {lines:?}"));
    let rest = line.split_once(word).and_then(|(_, rest)| rest.strip_prefix(" ("));
    rest.and_then(|rest| rest.split_once(')')).unwrap_or_else(|| panic!("{word}: {line}")).0.to_owned()
}

/// EMAILID and THREADID of a message of the selected mailbox.
async fn ids(client: &mut Client, number: u32) -> (String, String) {
    let shown = client.untagged(&format!("FETCH {number} (EMAILID THREADID)")).await;
    (id_after(&shown, "EMAILID"), id_after(&shown, "THREADID"))
}

async fn adds(client: &mut Client, mailbox: &str, message: &str) {
    let added = client.append(mailbox, "", message).await;
    assert!(added.starts_with("OK"), "{added}");
}

async fn mailbox_id(client: &mut Client, mailbox: &str) -> String {
    id_after(&client.untagged(&format!("STATUS {mailbox} (MAILBOXID)")).await, "MAILBOXID")
}

/// Sections 3 and 4: told by CREATE, SELECT, EXAMINE, STATUS and LIST; the same under another name, another one for a
/// new mailbox of an old name.
#[tokio::test]
async fn a_mailbox_has_an_id_whatever_its_name() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = (scene.client("alice").await, scene.client("alice").await);
    assert!(alice.untagged("CAPABILITY").await[0].contains(" OBJECTID "));
    let foo = id_after(&[alice.last("CREATE foo").await], "OK [MAILBOXID");
    let bar = id_after(&[alice.last("CREATE bar").await], "OK [MAILBOXID");
    assert!(foo != bar && foo.starts_with('F') && foo.len() == 17, "{foo} {bar}");
    assert!(alice.last("CREATE foo").await.starts_with("NO [ALREADYEXISTS]"));
    for command in ["SELECT foo", "EXAMINE foo"] {
        assert_eq!(id_after(&other.untagged(command).await, "* OK [MAILBOXID"), foo);
    }
    assert_eq!(alice.untagged("STATUS foo (MAILBOXID)").await, [format!("* STATUS foo (MAILBOXID ({foo}))")]);
    alice.ok("RENAME foo renamed").await;
    assert_eq!(mailbox_id(&mut alice, "renamed").await, foo);
    assert_eq!(mailbox_id(&mut alice, "bar").await, bar);
    let listed = other.untagged("LIST \"\" (renamed bar) RETURN (STATUS (MESSAGES MAILBOXID))").await;
    for (name, id) in [("renamed", &foo), ("bar", &bar)] {
        assert!(listed.contains(&format!("* STATUS {name} (MESSAGES 0 MAILBOXID ({id}))")), "{listed:?}");
    }
    let again = id_after(&[alice.last("CREATE foo").await], "OK [MAILBOXID");
    alice.ok("DELETE bar").await;
    let new_bar = id_after(&[alice.last("CREATE bar").await], "OK [MAILBOXID");
    assert!(![&foo, &bar].contains(&&again) && ![&foo, &bar, &again].contains(&&new_bar));
}

/// Sections 5 and 6, the example of the RFC: a reply is of the thread, a moved message is the same one.
#[tokio::test]
async fn a_message_has_an_id_wherever_it_goes() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = (scene.client("alice").await, scene.client("alice").await);
    alice.ok("CREATE foo").await;
    adds(&mut alice, "INBOX", &letter("Message A", "54797", None)).await;
    adds(&mut alice, "INBOX", &letter("Re: Message A", "21213", Some("54797"))).await;
    adds(&mut alice, "INBOX", &letter("Message C", "60280", None)).await;
    alice.ok("SELECT INBOX").await;
    other.ok("SELECT INBOX").await;
    let mut known = Vec::new();
    for number in 1..=3 {
        known.push(ids(&mut alice, number).await);
    }
    let [(a, thread), (b, same), (c, own)] = known.as_slice() else { panic!("{known:?}") };
    assert!(thread == same && thread != own && a != b && b != c, "{known:?}");
    assert!(a.starts_with('M') && thread.starts_with('T') && a[1..] != thread[1..], "{known:?}");
    let shown = other.untagged("FETCH 1 (EMAILID THREADID)").await;
    assert_eq!(shown, [format!("* 1 FETCH (EMAILID ({a}) THREADID ({thread}))")]);

    assert_eq!(alice.untagged(&format!("SEARCH EMAILID {a}")).await, ["* SEARCH 1"]);
    assert_eq!(alice.untagged(&format!("SEARCH THREADID {thread}")).await, ["* SEARCH 1 2"]);
    assert_eq!(alice.untagged(&format!("UID SEARCH OR EMAILID {a} EMAILID {c}")).await, ["* SEARCH 1 3"]);
    assert_eq!(alice.untagged(&format!("SEARCH THREADID {own} NOT EMAILID {c}")).await, ["* SEARCH"]);
    // Case counts (section 7), and an id of another kind, or of another house, is nobody's.
    for nobody in [a.to_uppercase(), thread.clone(), format!("M{}", &thread[1..]), "1234".to_owned(), "M-_".to_owned()]
    {
        if nobody != *a {
            assert_eq!(alice.untagged(&format!("SEARCH EMAILID {nobody}")).await, ["* SEARCH"], "{nobody}");
        }
    }
    for wrong in ["SEARCH EMAILID", "SEARCH EMAILID a.b", "SEARCH THREADID \"\""] {
        assert!(alice.last(wrong).await.starts_with("BAD"), "{wrong}");
    }

    alice.ok("MOVE 2 foo").await;
    assert_eq!(other.untagged("NOOP").await, ["* 2 EXPUNGE"]);
    assert_eq!(ids(&mut other, 2).await, known[2]);
    other.ok("SELECT foo").await;
    assert_eq!(ids(&mut other, 1).await, known[1]);
    assert_eq!(other.untagged(&format!("SEARCH THREADID {thread}")).await, ["* SEARCH 1"]);
}

/// Section 5.1: COPY and MOVE keep it, into another account and back as well. What is the same there is of the same
/// thread (section 5.2), and so is what answers it there.
#[tokio::test]
async fn a_copy_is_the_same_message_in_another_account() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    adds(&mut alice, "INBOX", &letter("Message A", "54797", None)).await;
    adds(&mut alice, "INBOX", &letter("Re: Message A", "21213", Some("54797"))).await;
    alice.ok("SELECT INBOX").await;
    let (first, reply) = (ids(&mut alice, 1).await, ids(&mut alice, 2).await);
    alice.ok(&format!("COPY 1 {INBOX}")).await;
    alice.ok(&format!("MOVE 2 {ARCHIVE}")).await;
    bob.ok(&format!("SELECT {INBOX}")).await;
    assert_eq!(ids(&mut bob, 1).await, first);
    assert_eq!(bob.untagged(&format!("SEARCH EMAILID {} THREADID {}", first.0, first.1)).await, ["* SEARCH 1"]);
    adds(&mut alice, INBOX, &letter("Re: Re: Message A", "4711", Some("21213"))).await;
    bob.ok("NOOP").await;
    let answer = ids(&mut bob, 2).await;
    assert!(answer.1 == first.1 && ![&first.0, &reply.0].contains(&&answer.0), "{answer:?}");
    // Within the account the same row is placed twice; back at Alice's it is a copy of a copy.
    alice.ok(&format!("SELECT {ARCHIVE}")).await;
    assert_eq!(ids(&mut alice, 1).await, reply);
    alice.ok(&format!("COPY 1 {INBOX}")).await;
    alice.ok("MOVE 1 INBOX").await;
    alice.ok("SELECT INBOX").await;
    assert_eq!(ids(&mut alice, 2).await, reply);
    bob.ok("NOOP").await;
    assert_eq!(ids(&mut bob, 3).await, reply);
    assert_eq!(bob.untagged(&format!("SEARCH THREADID {}", first.1)).await, ["* SEARCH 1 2 3"]);
    // Two messages of the same bytes that came apart are two.
    for _ in 0..2 {
        adds(&mut alice, "Drafts", &letter("Message D", "81", None)).await;
    }
    alice.ok("SELECT Drafts").await;
    assert_ne!(ids(&mut alice, 1).await.0, ids(&mut alice, 2).await.0);
}

/// Who may not read a mailbox is told none of it, and an id finds nothing for a stranger.
#[tokio::test]
async fn an_id_opens_nothing() {
    let scene = Scene::new().await;
    scene.give("bob", "l").await;
    let (mut alice, mut bob, mut carol) =
        (scene.client("alice").await, scene.client("bob").await, scene.client("carol").await);
    adds(&mut alice, INBOX, &letter("Message A", "54797", None)).await;
    alice.ok(&format!("SELECT {INBOX}")).await;
    let (email, thread) = ids(&mut alice, 1).await;
    adds(&mut carol, "INBOX", &letter("Re: Message A", "21213", Some("54797"))).await;
    carol.ok("SELECT INBOX").await;
    for key in [format!("EMAILID {email}"), format!("THREADID {thread}")] {
        assert_eq!(carol.untagged(&format!("SEARCH {key}")).await, ["* SEARCH"], "{key}");
    }
    assert_ne!(ids(&mut carol, 1).await.1, thread, "threads of two accounts are two");
    let status = format!("STATUS {INBOX} (MAILBOXID)");
    assert!(bob.last(&status).await.starts_with("NO [NOPERM]"));
    assert_eq!(carol.command(&status).await, ["NO [NONEXISTENT] No such mailbox"]);
    let listed = bob.untagged(&format!("LIST \"\" {INBOX} RETURN (STATUS (MAILBOXID))")).await;
    assert!(listed.iter().all(|line| !line.contains("MAILBOXID")), "{listed:?}");
}
