//! Dialogues over a real house: what a client says and what it hears.

mod common;

use common::{Client, MAIL, PASSWORD, Pipe, Scene};
use postern_app::wire::Shutdown;
use postern_imap_wire::COMMANDS;
use std::sync::Arc;

fn has(lines: &[String], text: &str) -> bool {
    lines.iter().any(|line| line.contains(text))
}

/// RFC 9051 section 6: a mailbox's day, in the order a client would have it.
#[tokio::test]
async fn a_message_is_added_read_marked_found_and_removed() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    assert!(alice.append("INBOX", "\\Flagged later", MAIL).await.contains("[APPENDUID "));
    let opened = alice.ok("SELECT inbox").await;
    for expected in ["* 1 EXISTS", "* 1 RECENT", "[UNSEEN 1]", "[UIDNEXT 2]", "\\Draft later \\*)", "OK [READ-WRITE]"] {
        assert!(has(&opened, expected), "{expected}: {opened:?}");
    }
    let shown = alice.untagged("FETCH 1 (FLAGS UID RFC822.SIZE ENVELOPE BODYSTRUCTURE)").await;
    assert!(shown[0].starts_with("* 1 FETCH (UID 1 FLAGS (\\Flagged later \\Recent) RFC822.SIZE "), "{shown:?}");
    assert!(shown[0].contains("ENVELOPE (NIL \"A leak\""), "{shown:?}");
    // RFC 9051 section 6.4.5: BODY[] sets \Seen and says so; PEEK does not.
    assert!(!has(&alice.untagged("FETCH 1 BODY.PEEK[TEXT]").await, "FLAGS"));
    let shown = alice.untagged("FETCH 1 BODY[]").await;
    assert_eq!(
        shown,
        [format!("* 1 FETCH (FLAGS (\\Flagged \\Seen later \\Recent) BODY[] {{{}}}\r\n{MAIL})", MAIL.len())]
    );
    assert!(!has(&alice.untagged("FETCH 1 BODY[TEXT]<0.5>").await, "FLAGS"), "it was seen already");
    assert_eq!(alice.untagged("SEARCH SUBJECT leak SEEN BODY water").await, ["* SEARCH 1"]);
    assert_eq!(alice.untagged("UID SEARCH UNSEEN").await, ["* SEARCH"]);
    assert_eq!(alice.untagged("STORE 1 +FLAGS.SILENT (\\Deleted)").await, Vec::<String>::new());
    assert_eq!(
        alice.untagged("UID STORE 1 -FLAGS (\\Flagged)").await,
        ["* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen later \\Recent))"]
    );
    let copied = alice.last("COPY 1 Archive").await;
    assert!(copied.starts_with("OK [COPYUID ") && copied.ends_with(" 1 1] Copied"), "{copied}");
    assert_eq!(alice.untagged("EXPUNGE").await, ["* 1 EXPUNGE"]);
    assert!(alice.last("FETCH 1 FLAGS").await.starts_with("BAD"));
    let status = alice.untagged("STATUS Archive (MESSAGES UIDNEXT UNSEEN DELETED)").await;
    assert_eq!(status, ["* STATUS Archive (MESSAGES 1 UIDNEXT 2 UNSEEN 0 DELETED 1)"]);
    alice.ok("CLOSE").await;
    assert!(alice.last("NOOP").await.starts_with("OK"));
    assert!(alice.last("FETCH 1 FLAGS").await.starts_with("BAD Select"));
    assert_eq!(alice.command("LOGOUT").await, ["* BYE Until next time", "OK Logged out"]);
    assert!(alice.rest().await.is_empty());
}

/// RFC 9051 section 7.5.1: a second session hears of everything, and of no EXPUNGE during
/// FETCH, STORE and SEARCH.
#[tokio::test]
async fn two_sessions_agree() {
    let scene = Scene::new().await;
    let (mut one, mut other) = (scene.client("alice").await, scene.client("alice").await);
    for _ in 0..3 {
        one.append("INBOX", "", MAIL).await;
    }
    one.ok("SELECT INBOX").await;
    assert!(has(&other.ok("SELECT INBOX").await, "* 0 RECENT"), "the first session took them");
    one.ok("STORE 1 +FLAGS (\\Deleted)").await;
    one.append("INBOX", "", MAIL).await;
    one.ok("EXPUNGE").await;
    let heard = other.untagged("FETCH 3 UID").await;
    assert_eq!(heard, ["* 3 FETCH (UID 3)", "* 4 EXISTS", "* 1 RECENT"]);
    assert_eq!(other.untagged("SEARCH ALL").await, ["* SEARCH 2 3 4"], "the first is gone and keeps its number");
    assert_eq!(other.untagged("NOOP").await, ["* 1 EXPUNGE"]);
    one.ok("STORE 2 FLAGS (odd)").await;
    let heard = other.untagged("NOOP").await;
    assert!(has(&heard, "* FLAGS (") && has(&heard, "* 2 FETCH (UID 3 FLAGS (odd))"), "{heard:?}");
    assert_eq!(one.untagged("NOOP").await, Vec::<String>::new(), "one's own change is no news");

    // A silent STORE of what the other session changed meanwhile tells what came of it.
    other.ok("STORE 3 +FLAGS (\\Answered)").await;
    assert_eq!(
        one.untagged("STORE 3 +FLAGS.SILENT (\\Seen)").await,
        ["* 3 FETCH (FLAGS (\\Answered \\Seen \\Recent))"]
    );
    let moved = one.untagged("MOVE 1 Archive").await;
    assert!(moved[0].contains("[COPYUID ") && moved[1] == "* 1 EXPUNGE" && moved.len() == 2, "{moved:?}");
    let heard = other.untagged("UID FETCH 1:* UID").await;
    assert_eq!(heard[..3], ["* 2 FETCH (UID 3)", "* 3 FETCH (UID 4)", "* 1 EXPUNGE"], "{heard:?}");
}

/// RFC 9051 section 6.3.13.
#[tokio::test]
async fn idle_hears_at_once_and_ends_with_done() {
    let scene = Scene::new().await;
    let (mut one, mut other) = (scene.client("alice").await, scene.client("alice").await);
    other.ok("SELECT INBOX").await;
    other.send("i1 IDLE\r\n").await;
    assert!(other.line().await.unwrap().starts_with("+ "));
    one.append("INBOX", "", MAIL).await;
    assert_eq!(other.line().await.unwrap(), "* 1 EXISTS");
    assert_eq!(other.line().await.unwrap(), "* 1 RECENT");
    one.ok("SELECT INBOX").await;
    one.ok("STORE 1 +FLAGS (\\Seen \\Deleted)").await;
    assert_eq!(other.line().await.unwrap(), "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen \\Recent))");
    one.ok("EXPUNGE").await;
    assert_eq!(other.line().await.unwrap(), "* 1 EXPUNGE");
    other.send("DONE\r\n").await;
    assert_eq!(other.answer("i1").await, ["OK Done"]);
    other.send("i2 IDLE\r\n").await;
    assert!(other.line().await.unwrap().starts_with("+ "));
    scene.drain.send(true).unwrap();
    assert_eq!(other.rest().await, ["* BYE Server is going down"]);
    assert_eq!(one.rest().await, ["* BYE Server is going down"]);
}

/// A delegate works in a shared mailbox beside her own; a reader is refused a flag.
#[tokio::test]
async fn delegates_work_under_shared() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    assert_eq!(alice.untagged("NAMESPACE").await, ["* NAMESPACE ((\"\" \"/\")) NIL ((\"Shared/\" \"/\"))"]);
    let listed = alice.untagged("LIST \"\" *").await;
    for expected in [
        "* LIST (\\HasNoChildren) \"/\" INBOX",
        "* LIST (\\HasNoChildren \\Sent) \"/\" Sent",
        "* LIST (\\Noselect \\HasChildren) \"/\" Shared",
        "* LIST (\\Noselect \\HasChildren) \"/\" Shared/support@example.org",
        "* LIST (\\HasNoChildren) \"/\" Shared/support@example.org/INBOX",
    ] {
        assert!(listed.iter().any(|line| line == expected), "{expected}: {listed:?}");
    }
    assert!(!has(&listed, "billing"));
    assert_eq!(alice.untagged("LIST \"\" \"\"").await, ["* LIST (\\Noselect) \"/\" \"\""]);
    alice.append("Shared/support@example.org/INBOX", "", MAIL).await;
    assert!(alice.ok("SELECT Shared/support@example.org/INBOX").await.last().unwrap().contains("[READ-WRITE]"));
    let opened = bob.ok("SELECT Shared/support@example.org/INBOX").await;
    assert!(has(&opened, "[READ-ONLY]") && has(&opened, "PERMANENTFLAGS ()"), "{opened:?}");
    assert_eq!(
        bob.last("STORE 1 +FLAGS (\\Flagged)").await,
        "NO [NOPERM] You may not change flags in this mailbox; ask one of its owners"
    );
    let read = bob.untagged("FETCH 1 BODY[TEXT]").await;
    assert!(read[0].contains("Water everywhere") && !read[0].contains("FLAGS"), "without s nothing is marked");
    assert!(bob.last("EXPUNGE").await.starts_with("NO [NOPERM]"));
    assert!(bob.last("CREATE Shared/support@example.org/Mine").await.starts_with("NO [NOPERM]"));
    assert!(bob.last("COPY 1 INBOX").await.starts_with("OK [COPYUID"));
    alice.ok("CREATE Shared/support@example.org/Cases/Open").await;
    let listed =
        alice.untagged("LIST (SUBSCRIBED) Shared/support@example.org/ % RETURN (CHILDREN STATUS (MESSAGES))").await;
    assert!(has(&listed, "(\\HasChildren \\Subscribed) \"/\" Shared/support@example.org/Cases"), "{listed:?}");
    assert!(has(&listed, "* STATUS Shared/support@example.org/INBOX (MESSAGES 1)"), "{listed:?}");
    assert_eq!(
        alice.last("DELETE Shared/support@example.org/Cases").await,
        "NO [HASCHILDREN] The mailbox has others below it; delete those first, or ask one of its owners if you see none"
    );
    assert!(alice.last("CREATE Shared").await.starts_with("NO [CANNOT]"));
    assert!(alice.last("CREATE INBOX").await.starts_with("NO [ALREADYEXISTS]"));
}

/// docs/design.md law 4: hidden and absent are the same bytes, in every command that names a
/// mailbox. The table of commands says which those are.
#[tokio::test]
async fn hidden_equals_absent() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let mut bob = scene.client("bob").await;
    bob.append("INBOX", "", MAIL).await;
    let names = |account: &str| {
        [
            format!("Shared/{account}@example.org/INBOX"),
            format!("Shared/{account}@example.org"),
            format!("Shared/{account}@example.org/a//b"),
        ]
    };
    let (hidden, absent) = (names("billing"), names("nothing"));
    let mut probed = 0;
    for example in COMMANDS.iter().flat_map(|spec| spec.mailbox_examples) {
        for (hidden, absent) in hidden.iter().zip(&absent) {
            let mut answers = Vec::new();
            for name in [hidden, absent] {
                bob.ok("SELECT INBOX").await;
                let answer = bob.command(&example.replace("{mailbox}", name)).await.join("\r\n");
                answers.push(answer.replace(name, "NAME"));
            }
            assert_eq!(answers[0], answers[1], "{example} {hidden}");
            if example.starts_with("SELECT") {
                assert_eq!(answers[0].lines().last(), Some("NO [NONEXISTENT] No such mailbox"));
            }
            probed += 1;
        }
    }
    assert!(probed > 60);
    assert!(!has(&bob.untagged("LSUB \"\" *").await, "billing"));
    assert!(bob.last("SELECT Shared").await.contains("[NONEXISTENT] No such mailbox"));
}

/// docs/design.md section 4: what was taken back fails at the next command that names it, and
/// nothing is selected then.
#[tokio::test]
async fn a_mailbox_that_was_taken_back_is_absent_at_the_next_command() {
    const GONE: &str = "NO [NONEXISTENT] No such mailbox";
    let scene = Scene::new().await;
    let mut owner = scene.client("alice").await;
    owner.append("Shared/support@example.org/INBOX", "", MAIL).await;
    for command in [
        "NOOP",
        "CHECK",
        "FETCH 1 FLAGS",
        "UID FETCH 99 FLAGS",
        "STORE 1 FLAGS (\\Seen)",
        "SEARCH ALL",
        "UID SEARCH UID 99",
        "COPY 1 INBOX",
        "MOVE 1 INBOX",
        "EXPUNGE",
        "UID EXPUNGE 1",
        "CLOSE",
        "IDLE",
    ] {
        scene.give("bob", "lrswipkxte").await;
        let mut bob = scene.client("bob").await;
        bob.ok("SELECT Shared/support@example.org/INBOX").await;
        scene.take_back("bob").await;
        bob.ok("CAPABILITY").await;
        assert_eq!(bob.last(command).await, GONE, "{command}");
        assert!(bob.last("FETCH 1 FLAGS").await.starts_with("BAD Select"), "{command}");
        assert_eq!(bob.last("SELECT Shared/support@example.org/INBOX").await, GONE);
    }
    scene.give("bob", "lr").await;
    let mut bob = scene.client("bob").await;
    bob.ok("SELECT Shared/support@example.org/INBOX").await;
    bob.send("i IDLE\r\n").await;
    assert!(bob.line().await.unwrap().starts_with("+ "));
    scene.take_back("bob").await;
    assert_eq!(bob.rest().await, ["* BYE The mailbox can not be read any more"]);
}

/// docs/design.md section 5: at most one chunk leaves after a right was taken back, also inside the
/// literal of one large message; then the connection closes.
#[tokio::test]
async fn a_large_message_stops_when_the_right_is_taken_back() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 1000).await;
    scene.give("bob", "lr").await;
    let mut alice = scene.client("alice").await;
    let mail = format!("{MAIL}{}", "A line of forty bytes, more or less so.\r\n".repeat(500));
    assert!(alice.append("Shared/support@example.org/INBOX", "", &mail).await.starts_with("OK"));
    let mut bob = scene.connect_by(500).await;
    bob.ok(&format!("LOGIN bob@example.org \"{PASSWORD}\"")).await;
    bob.ok("SELECT Shared/support@example.org/INBOX").await;
    bob.send("f FETCH 1 BODY[]\r\n").await;
    bob.more().await;
    scene.take_back("bob").await;
    while bob.more().await.is_some() {}
    assert!(bob.read_bytes() < 3000, "{} bytes left after the right was gone", bob.read_bytes());
    assert!(alice.untagged("NOOP").await.is_empty());
}

/// RFC 9051 appendix E: what changes after ENABLE IMAP4rev2.
#[tokio::test]
async fn rev2_is_another_tongue() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    assert_eq!(alice.untagged("ENABLE IMAP4rev2 X-OTHER").await, ["* ENABLED IMAP4rev2"]);
    alice.ok("CREATE \"Entwürfe\"").await;
    for flags in ["", "\\Seen", ""] {
        alice.append("\"Entwürfe\"", flags, MAIL).await;
    }
    let opened = alice.ok("SELECT \"Entwürfe\"").await;
    assert!(
        has(&opened, "* LIST () \"/\" \"Entwürfe\"") && !has(&opened, "RECENT") && !has(&opened, "[UNSEEN"),
        "{opened:?}"
    );
    assert_eq!(alice.untagged("SEARCH UNSEEN").await, ["* ESEARCH (TAG \"a8\") ALL 1,3"]);
    assert_eq!(alice.untagged("UID SEARCH RETURN (SAVE) UNSEEN").await, Vec::<String>::new());
    assert_eq!(alice.untagged("UID FETCH $ FLAGS").await, ["* 1 FETCH (UID 1 FLAGS ())", "* 3 FETCH (UID 3 FLAGS ())"]);
    assert_eq!(
        alice.untagged("SEARCH RETURN (MIN MAX COUNT) $").await,
        ["* ESEARCH (TAG \"a11\") MIN 1 MAX 3 COUNT 2"]
    );
    assert_eq!(alice.untagged("FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])").await.len(), 1);
    assert!(has(&alice.ok("EXAMINE INBOX").await, "[CLOSED]"));
    assert!(alice.last("STORE 1 FLAGS ()").await.starts_with("NO [CANNOT]"));
    assert!(alice.last("UID STORE 1 FLAGS ()").await.starts_with("NO [CANNOT]"));
    assert!(alice.last("SEARCH CHARSET X-NONE ALL").await.starts_with("NO [BADCHARSET (US-ASCII UTF-8)]"));
    assert!(alice.last("UNSELECT").await.starts_with("OK"));
}

/// RFC 9051 section 6.3.12, RFC 7888, RFC 3516.
#[tokio::test]
async fn append_asks_before_it_takes() {
    let scene = Scene::with(|limits| limits.message_bytes = 2000).await;
    let mut alice = scene.client("alice").await;
    alice.send("w1 APPEND Nowhere {5}\r\n").await;
    assert_eq!(alice.answer("w1").await, ["NO [TRYCREATE] No such mailbox"], "and no continuation");
    alice.send("w2 APPEND INBOX {9999}\r\n").await;
    assert!(alice.answer("w2").await[0].starts_with("NO [TOOBIG]"));
    alice.send("w3 APPEND INBOX {6}\r\n").await;
    assert!(alice.line().await.unwrap().starts_with("+ "));
    alice.send("a: b\r\n\r\n").await;
    assert!(alice.answer("w3").await[0].starts_with("OK [APPENDUID "));
    assert!(alice.last("APPEND INBOX {3+}\r\na\0b").await.starts_with("BAD"));
    assert!(alice.last("APPEND INBOX ~{3+}\r\na\0b").await.starts_with("OK"));
    assert!(alice.last("APPEND INBOX (\\Nonsense) {3+}\r\nabc").await.starts_with("BAD"));
    assert!(alice.last("APPEND INBOX {0+}\r\n").await.starts_with("NO [CANNOT]"));
    assert_eq!(alice.untagged("STATUS INBOX (MESSAGES)").await, ["* STATUS INBOX (MESSAGES 2)"]);
}

async fn sign_in_refused(client: &mut Client, command: &str) {
    let answer = client.last(command).await;
    assert_eq!(answer, "NO [AUTHENTICATIONFAILED] The name or the password is wrong", "{command}");
}

/// RFC 9051 sections 6.2.2 and 6.2.3, RFC 4616, RFC 4959.
#[tokio::test]
async fn sign_in_has_one_answer_to_every_wrong_attempt_and_few_attempts() {
    let scene = Scene::with(|limits| limits.sign_in_attempts = 4).await;
    let mut client = scene.connect().await;
    assert!(client.last("SELECT INBOX").await.starts_with("BAD Sign in"));
    assert!(client.untagged("CAPABILITY").await[0].contains("SASL-IR AUTH=PLAIN"));
    sign_in_refused(&mut client, "LOGIN alice@example.org wrong-password-here").await;
    sign_in_refused(&mut client, "LOGIN \"no address\" x").await;
    // authzid support@example.org, authcid alice@example.org: "support@…\0alice@…\0x".
    sign_in_refused(&mut client, "AUTHENTICATE PLAIN c3VwcG9ydEBleGFtcGxlLm9yZwBhbGljZUBleGFtcGxlLm9yZwB4").await;
    client.send("p AUTHENTICATE PLAIN\r\n").await;
    assert_eq!(client.line().await.unwrap(), "+ ");
    client.send("*\r\n").await;
    assert!(client.answer("p").await[0].starts_with("BAD"));
    sign_in_refused(&mut client, "LOGIN billing@example.org x").await;
    assert_eq!(client.rest().await, ["* BYE Too many failed sign-ins"]);

    let mut client = scene.connect().await;
    client.send("p AUTHENTICATE PLAIN\r\n").await;
    client.line().await.unwrap();
    // "\0alice@example.org\0a door in the garden wall"
    client.send("AGFsaWNlQGV4YW1wbGUub3JnAGEgZG9vciBpbiB0aGUgZ2FyZGVuIHdhbGw=\r\n").await;
    assert!(client.answer("p").await[0].starts_with("OK [CAPABILITY "));
    assert!(client.last("LOGIN alice@example.org x").await.starts_with("BAD You are signed in"));
}

#[tokio::test]
async fn a_suspended_person_hears_bye_and_a_babbler_too() {
    let scene = Scene::with(|limits| limits.bad_commands = 3).await;
    let mut bob = scene.client("bob").await;
    scene.suspend("bob").await;
    assert_eq!(bob.rest().await, ["* BYE Your sign-in has ended"]);

    let mut babbler = scene.connect().await;
    for _ in 0..3 {
        assert!(babbler.last("NONSENSE").await.starts_with("BAD"));
    }
    babbler.ok("NOOP").await;
    for _ in 0..3 {
        assert!(babbler.last("XANADU INBOX").await.starts_with("BAD Unknown command"));
    }
    babbler.send("z NONSENSE\r\n").await;
    let rest = babbler.rest().await;
    assert_eq!(rest.last().map(String::as_str), Some("* BYE Too many bad commands"), "{rest:?}");
}

/// docs/design.md section 9: an idle session is small.
#[tokio::test]
async fn the_future_of_a_session_is_small() {
    let scene = Scene::new().await;
    let (pipe, _far) = Pipe::new(64);
    let (_drain, shutdown) = Shutdown::new();
    let future = postern_imap::serve(Arc::clone(&scene.house), pipe, shutdown);
    let bytes = std::mem::size_of_val(&future);
    assert!(bytes < 4096, "{bytes} bytes");
}
