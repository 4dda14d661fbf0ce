//! NOTIFY (RFC 5465): its examples as dialogues, each with a second session that does what is told.

mod common;

use common::{BEGINS, Client, MAIL, Scene};
use postern_app::GrantReach;
use postern_types::MailboxName;

const INBOX: &str = "Shared/support@example.org/INBOX";
const MESSAGES: &str = "(MessageNew MessageExpunge)";

/// Two sessions of Alice.
async fn two(scene: &Scene) -> (Client, Client) {
    (scene.client("alice").await, scene.client("alice").await)
}

async fn next(client: &mut Client) -> String {
    client.line().await.expect("it is told")
}

/// Nothing was told: the next line is what a command answers.
async fn silent(client: &mut Client) {
    assert_eq!(client.command("CAPABILITY").await.len(), 2);
}

fn numbers(told: &str) -> Vec<u64> {
    told.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// Section 3.1, with what errata 1804 and 2318 correct.
#[tokio::test]
async fn the_example_of_the_command() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    for mailbox in ["Lists/Lemonade", "Lists/Im2000", "misc"] {
        other.ok(&format!("CREATE {mailbox}")).await;
    }
    other.append("Lists/Lemonade", "", MAIL).await;
    let told = alice
        .untagged(&format!(
            "notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) MessageExpunge)) \
             (subtree Lists {MESSAGES})"
        ))
        .await;
    assert_eq!(told.len(), 3, "a level is a mailbox too: {told:?}");
    assert!(told.iter().all(|line| line.contains(" UIDVALIDITY ") && line.contains("(MESSAGES ")), "{told:?}");
    let lemonade = told.iter().find(|line| line.starts_with("* STATUS Lists/Lemonade ")).unwrap();
    assert!(lemonade.contains("MESSAGES 1 UIDNEXT 2 "), "{lemonade}");
    alice.ok("select inbox").await;

    other.append("Lists/Lemonade", "", MAIL).await;
    assert_eq!(next(&mut alice).await, "* STATUS Lists/Lemonade (MESSAGES 2 UIDNEXT 3)");
    other.append("INBOX", "", MAIL).await;
    assert_eq!(next(&mut alice).await, "* 1 EXISTS");
    assert_eq!(next(&mut alice).await, "* 1 RECENT");
    let fetched = "* 1 FETCH (UID 1 BODY[HEADER.FIELDS (from to subject)] {70}\r\n\
                   From: sender@example.net\r\nTo: support@example.org\r\nSubject: A leak\r\n\r\n)";
    assert_eq!(next(&mut alice).await, fetched);

    other.append("misc", "", MAIL).await;
    silent(&mut alice).await;
    alice.ok(&format!("NOTIFY SET (selected {MESSAGES}) (subtree Lists {MESSAGES}) (mailboxes misc {MESSAGES})")).await;
    silent(&mut alice).await;
    other.append("misc", "", MAIL).await;
    assert!(next(&mut alice).await.starts_with("* STATUS misc (MESSAGES 2 UIDNEXT 3"));
    other.append("INBOX", "", MAIL).await;
    assert_eq!(next(&mut alice).await, "* 2 EXISTS");
    assert_eq!(next(&mut alice).await, "* 2 RECENT");
    silent(&mut alice).await;
}

/// Section 3.1: what is not supported is refused with the events that are.
#[tokio::test]
async fn unknown_events_are_refused_and_change_nothing() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok(&format!("NOTIFY SET (inboxes {MESSAGES})")).await;
    let refused = "NO [BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)] \
                   One of the events is unknown here";
    for event in ["AnnotationChange", "MailboxMetadataChange", "ServerMetadataChange", "Vacation"] {
        assert_eq!(alice.last(&format!("NOTIFY SET (personal ({event}))")).await, refused);
    }
    assert!(alice.last("NOTIFY SET (personal (MessageNew))").await.starts_with("BAD "));
    other.append("INBOX", "", MAIL).await;
    assert!(next(&mut alice).await.starts_with("* STATUS INBOX (MESSAGES 1 UIDNEXT 2"));
}

/// Section 5.1, in the selected mailbox and in another, with CONDSTORE and without.
#[tokio::test]
async fn flags_that_change_are_told() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    other.append("INBOX", "", MAIL).await;
    other.append("Sent", "", MAIL).await;
    let events = "(MessageNew MessageExpunge FlagChange)";
    alice.ok("SELECT INBOX").await;
    let told = alice.untagged(&format!("NOTIFY SET STATUS (selected {events}) (personal {events})")).await;
    let sent = told.iter().find(|line| line.starts_with("* STATUS Sent ")).unwrap();
    assert!(sent.contains(" UNSEEN 1 HIGHESTMODSEQ ") && !told.iter().any(|line| line.contains("INBOX")), "{told:?}");
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS ($Junk)").await;
    let told = [next(&mut alice).await, next(&mut alice).await, next(&mut alice).await];
    assert!(told[0].starts_with("* FLAGS (") && told[1].starts_with("* OK [PERMANENTFLAGS "), "{told:?}");
    assert_eq!(told[2], "* 1 FETCH (UID 1 FLAGS ($Junk \\Recent))");
    other.ok("SELECT Sent").await;
    other.ok("STORE 1 +FLAGS (\\Seen)").await;
    assert_eq!(next(&mut alice).await, "* STATUS Sent (UNSEEN 0)");
    other.ok("STORE 1 +FLAGS ($Junk)").await;
    silent(&mut alice).await;
    alice.ok("ENABLE CONDSTORE").await;
    other.ok("STORE 1 -FLAGS ($Junk)").await;
    let told = next(&mut alice).await;
    assert!(told.starts_with("* STATUS Sent (UIDVALIDITY ") && told.contains(" HIGHESTMODSEQ "), "{told}");
    // FlagChange was not asked for.
    alice.ok(&format!("NOTIFY SET (selected {MESSAGES})")).await;
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 -FLAGS ($Junk)").await;
    silent(&mut alice).await;
    other.append("INBOX", "", MAIL).await;
    assert_eq!(next(&mut alice).await, "* 2 EXISTS");
}

/// Section 5.3, in the selected mailbox with QRESYNC and without, and in another; section 6.1.2.
#[tokio::test]
async fn what_is_expunged_is_told() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    for mailbox in ["INBOX", "INBOX", "INBOX", "INBOX", "Sent"] {
        other.append(mailbox, "\\Deleted", MAIL).await;
    }
    alice.ok("EXAMINE INBOX").await;
    alice.ok(&format!("NOTIFY SET (selected {MESSAGES}) (personal {MESSAGES})")).await;
    other.ok("SELECT INBOX").await;
    other.ok("UID EXPUNGE 1").await;
    assert_eq!(next(&mut alice).await, "* 1 EXPUNGE");
    other.ok("SELECT Sent").await;
    other.ok("EXPUNGE").await;
    assert!(next(&mut alice).await.starts_with("* STATUS Sent (MESSAGES 0 UIDNEXT 2"));
    // It is told in no command that names numbers, and once that is over.
    other.ok("SELECT INBOX").await;
    other.ok("UID EXPUNGE 2").await;
    assert_eq!(next(&mut alice).await, "* 1 EXPUNGE");
    alice.ok("ENABLE QRESYNC").await;
    other.ok("UID EXPUNGE 3").await;
    assert_eq!(next(&mut alice).await, "* VANISHED 3");

    let mut delayed = scene.client("alice").await;
    delayed.ok("EXAMINE INBOX").await;
    delayed.ok(&format!("NOTIFY SET (selected-delayed {MESSAGES})")).await;
    other.ok("UID EXPUNGE 4").await;
    other.append("INBOX", "", MAIL).await;
    assert_eq!(next(&mut delayed).await, "* 2 EXISTS");
    assert_eq!(next(&mut delayed).await, "* 1 RECENT");
    assert_eq!(delayed.untagged("NOOP").await, ["* 1 EXPUNGE"]);
}

/// Sections 3.1 and 5.3: without SELECTED nothing is told of the selected mailbox, whatever is sent; and what the client
/// does itself it hears of.
#[tokio::test]
async fn what_is_not_wanted_is_not_told() {
    let scene = Scene::new().await;
    for notify in ["NOTIFY NONE".to_owned(), format!("NOTIFY SET (mailboxes Sent {MESSAGES})")] {
        let (mut alice, mut other) = two(&scene).await;
        alice.ok("SELECT INBOX").await;
        alice.ok(&notify).await;
        other.append("INBOX", "", MAIL).await;
        assert!(alice.untagged("NOOP").await.is_empty());
        silent(&mut alice).await;
        alice.send("i IDLE\r\n").await;
        assert!(next(&mut alice).await.starts_with("+ "));
        other.append("INBOX", "", MAIL).await;
        other.ok("NOOP").await;
        alice.send("DONE\r\n").await;
        assert_eq!(next(&mut alice).await, "i OK Done");
        assert!(alice.untagged(&format!("NOTIFY SET (selected {MESSAGES})")).await[0].ends_with(" EXISTS"), "as NOOP");
        alice.ok("UNSELECT").await;
    }
}

/// The same of a mailbox that was opened and not read yet.
#[tokio::test]
async fn what_is_not_wanted_is_not_told_by_the_first_fetch() {
    let scene = Scene::with(|limits| limits.listed_messages = 0).await;
    for notify in ["NOTIFY NONE".to_owned(), format!("NOTIFY SET (mailboxes Sent {MESSAGES})")] {
        let (mut alice, mut other) = two(&scene).await;
        alice.ok("CREATE Old").await;
        other.append("Old", "", MAIL).await;
        alice.ok("EXAMINE Old").await;
        alice.ok(&notify).await;
        other.append("Old", "", MAIL).await;
        let told = alice.untagged("FETCH 1 UID").await;
        assert!(told.len() == 1 && told[0].starts_with("* 1 FETCH (UID "), "{told:?}");
        alice.ok("UNSELECT").await;
        alice.ok("DELETE Old").await;
    }
}

/// docs/decisions/0031-coming-back.md: where changes are left out, HIGHESTMODSEQ is not past them.
#[tokio::test]
async fn changes_that_are_left_out_are_told_to_who_comes_back() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("ENABLE QRESYNC").await;
    for _ in 0..3 {
        other.append("INBOX", "", MAIL).await;
    }
    let code = |lines: &[String]| {
        let line = lines.iter().find(|line| line.contains("[HIGHESTMODSEQ ")).expect("it is told");
        line[line.find("HIGHESTMODSEQ").unwrap()..line.find(']').unwrap()].to_owned()
    };
    let opened = alice.ok("SELECT INBOX").await;
    let highest = code(&opened);
    alice.ok(&format!("NOTIFY SET (selected {MESSAGES})")).await;
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS (\\Flagged)").await;
    silent(&mut alice).await;
    let stored = alice.ok("STORE 2 +FLAGS (\\Deleted)").await;
    assert!(stored[0].starts_with("* 2 FETCH (UID 2 FLAGS (\\Deleted"), "{stored:?}");
    assert_eq!(code(&stored), highest);
    assert!(!alice.ok("NOOP").await[0].contains("HIGHESTMODSEQ"));
    assert_eq!(code(&alice.ok("UID FETCH 1 MODSEQ").await), highest);
    assert_eq!(code(&alice.ok("FETCH 1 MODSEQ").await), highest);
    let expunged = alice.ok("EXPUNGE").await;
    assert!(expunged.contains(&"* VANISHED 2".to_owned()), "{expunged:?}");
    assert_eq!(code(&expunged), highest);
    // From here on everything is told, but for what was left out.
    alice.ok(&format!("NOTIFY SET (selected {} FlagChange))", MESSAGES.trim_end_matches(')'))).await;
    other.ok("UID STORE 3 +FLAGS (\\Answered)").await;
    let told = [next(&mut alice).await, next(&mut alice).await];
    assert!(told[0].starts_with("* 2 FETCH (UID 3 FLAGS (\\Answered"), "{told:?}");
    assert_eq!(code(&told), highest);
    alice.ok("STORE 2 +FLAGS (\\Deleted)").await;
    assert_eq!(code(&alice.ok("EXPUNGE").await), highest);
    let validity = opened.iter().find_map(|line| line.strip_prefix("* OK [UIDVALIDITY ")).unwrap();
    let (validity, highest) = (numbers(validity)[0], numbers(&highest)[0]);
    let missed = alice.ok(&format!("SELECT INBOX (QRESYNC ({validity} {highest}))")).await;
    assert!(missed.iter().any(|line| line.starts_with("* 1 FETCH (UID 1 FLAGS (\\Flagged")), "{missed:?}");
}

/// Where changes of flags are not told and none was left out, EXPUNGE promises no less than its own change (RFC 7162
/// section 3.2.7).
#[tokio::test]
async fn who_expunges_knows_of_it() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("ENABLE QRESYNC").await;
    for _ in 0..2 {
        other.append("INBOX", "", MAIL).await;
    }
    alice.ok("SELECT INBOX").await;
    alice.ok(&format!("NOTIFY SET (selected {MESSAGES})")).await;
    alice.ok("STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    let expunged = alice.ok("EXPUNGE").await;
    assert!(expunged[0] == "* VANISHED 2" && expunged.len() == 2, "{expunged:?}");
    let status = other.untagged("STATUS INBOX (HIGHESTMODSEQ)").await;
    assert_eq!(numbers(&expunged[1])[0], numbers(&status[0])[0], "{expunged:?} {status:?}");
}

/// Where nothing is told, or what is expunged waits, no FETCH puts a client past what it does not know (RFC 7162 section
/// 3.2).
#[tokio::test]
async fn what_is_shown_while_nothing_is_told_puts_no_client_past_it() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("ENABLE QRESYNC").await;
    for _ in 0..3 {
        other.append("INBOX", "", MAIL).await;
    }
    let highest = |lines: &[String]| {
        let line = lines.iter().rev().find(|line| line.contains("[HIGHESTMODSEQ ")).expect("it is told");
        numbers(&line[line.find("HIGHESTMODSEQ").unwrap()..line.find(']').unwrap()])[0]
    };
    let opened = highest(&alice.ok("SELECT INBOX").await);
    other.ok("SELECT INBOX").await;
    alice.ok("NOTIFY NONE").await;
    other.ok("STORE 2 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    other.ok("UID STORE 3 +FLAGS (\\Flagged)").await;
    for command in ["UID FETCH 3 (FLAGS MODSEQ)", "UID STORE 3 +FLAGS (\\Answered)"] {
        assert_eq!(highest(&alice.ok(command).await), opened, "{command}");
        assert!(!alice.ok("NOOP").await.iter().any(|line| line.contains("HIGHESTMODSEQ")), "it was told");
    }

    // What is new is fetched unasked, while the expunge waits for the next command.
    alice.ok("NOTIFY SET (selected-delayed (MessageNew (uid modseq) MessageExpunge))").await;
    let known = highest(&alice.ok("SELECT INBOX").await);
    other.ok("STORE 1 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    other.append("INBOX", "", MAIL).await;
    let mut told = Vec::new();
    while !told.last().is_some_and(|line: &String| line.contains("[HIGHESTMODSEQ ")) {
        told.push(next(&mut alice).await);
    }
    assert!(told.iter().any(|line| line.starts_with("* 3 FETCH (UID 4 MODSEQ (")), "{told:?}");
    assert_eq!(highest(&told), known, "{told:?}");
}

/// Sections 5.2 and 6.1: what happened in the selected mailbox, of which nothing is told, is told after it.
#[tokio::test]
async fn what_was_selected_is_told_after_unselect() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok(&format!("NOTIFY SET (personal {MESSAGES})")).await;
    alice.ok("SELECT INBOX").await;
    other.append("INBOX", "", MAIL).await;
    assert!(alice.untagged("NOOP").await.is_empty());
    let told = alice.untagged("UNSELECT").await;
    assert!(told.len() == 1 && told[0].starts_with("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 "), "{told:?}");
    alice.ok("SELECT Sent").await;
    silent(&mut alice).await;
}

/// Section 5.2: of messages that the client itself has put there nothing is fetched.
#[tokio::test]
async fn ones_own_messages_are_not_fetched() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("SELECT INBOX").await;
    alice.ok("NOTIFY SET (selected (MessageNew (uid) MessageExpunge))").await;
    alice.send(&format!("b APPEND INBOX {{{}+}}\r\n{MAIL}\r\n", MAIL.len())).await;
    let told = alice.answer("b").await;
    assert_eq!(told[..2], ["* 1 EXISTS", "* 1 RECENT"]);
    assert!(told.len() == 3, "{told:?}");
    other.append("INBOX", "", MAIL).await;
    assert_eq!(
        [next(&mut alice).await, next(&mut alice).await, next(&mut alice).await],
        ["* 2 EXISTS", "* 2 RECENT", "* 2 FETCH (UID 2)"]
    );
    let told = alice.untagged("UID COPY 1 INBOX").await;
    assert_eq!(told, ["* 3 EXISTS", "* 3 RECENT"]);
    silent(&mut alice).await;
}

/// A new message whose text is lost is told without it, and the client hears so once.
#[tokio::test]
async fn of_a_new_message_that_is_lost_only_its_text_is_not_told() {
    let scene = Scene::with(|limits| limits.inline_body_bytes = 0).await;
    let (mut alice, mut other) = two(&scene).await;
    other.append("Sent", "", MAIL).await;
    other.ok("SELECT Sent").await;
    alice.ok("SELECT INBOX").await;
    alice.ok("NOTIFY SET (selected (MessageNew (uid body.peek[]) MessageExpunge))").await;
    // Within APPEND nothing is told before its end.
    alice.send("b APPEND Sent {17}\r\n").await;
    assert!(next(&mut alice).await.starts_with("+ "));
    scene.lose_texts();
    other.ok("COPY 1 INBOX").await;
    alice.send("Subject: a\r\n\r\nb\r\n\r\n").await;
    let told = alice.answer("b").await;
    assert_eq!(told[..2], ["* 1 EXISTS", "* 1 RECENT"]);
    assert!(told[2].starts_with("* NO [CORRUPTION] The text of a message is lost"), "{told:?}");
    assert!(told.len() == 4, "{told:?}");
    assert!(other.append("INBOX", "", "Subject: another\r\n\r\n").await.starts_with("OK"));
    assert_eq!([next(&mut alice).await, next(&mut alice).await], ["* 2 EXISTS", "* 2 RECENT"]);
    let told = next(&mut alice).await;
    assert!(told.starts_with("* 2 FETCH (UID 2 BODY[] {"), "{told}");
    silent(&mut alice).await;
}

/// Sections 5.4 and 5.5; section 5: what the client does itself is not told.
#[tokio::test]
async fn names_and_subscriptions_are_told() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("NOTIFY SET (personal (MailboxName SubscriptionChange))").await;
    other.ok("CREATE NewMailbox").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\HasNoChildren \\Subscribed) \"/\" NewMailbox");
    other.ok("CREATE NewMailbox/Below").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\HasChildren \\Subscribed) \"/\" NewMailbox");
    assert_eq!(next(&mut alice).await, "* LIST (\\HasNoChildren \\Subscribed) \"/\" NewMailbox/Below");
    other.ok("RENAME NewMailbox Other").await;
    let renamed = "* LIST (\\HasChildren \\Subscribed) \"/\" Other (\"OLDNAME\" (NewMailbox))";
    assert_eq!(next(&mut alice).await.replace('"', ""), renamed.replace('"', ""));
    other.ok("UNSUBSCRIBE Other").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\HasChildren) \"/\" Other");
    other.ok("SUBSCRIBE Other").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\HasChildren \\Subscribed) \"/\" Other");
    other.ok("DELETE Other/Below").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\HasNoChildren \\Subscribed) \"/\" Other");
    assert_eq!(next(&mut alice).await, "* LIST (\\NonExistent \\Noselect) \"/\" Other/Below");
    other.ok("UNSUBSCRIBE Other").await;
    next(&mut alice).await;
    other.ok("DELETE Other").await;
    assert_eq!(next(&mut alice).await, "* LIST (\\NonExistent \\Noselect) \"/\" Other");
    for own in ["CREATE a/b", "SUBSCRIBE a", "RENAME a c", "UNSUBSCRIBE c", "DELETE c/b", "DELETE c"] {
        assert!(alice.untagged(own).await.is_empty(), "{own}");
    }
    silent(&mut alice).await;
}

/// Sections 4 and 5: in IDLE the same is told.
#[tokio::test]
async fn idle_tells_the_same() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok("SELECT INBOX").await;
    alice
        .ok(&format!("NOTIFY SET (selected (MessageNew (uid) MessageExpunge)) (mailboxes (Sent Old) {MESSAGES})"))
        .await;
    alice.send("i IDLE\r\n").await;
    assert!(next(&mut alice).await.starts_with("+ "));
    other.append("INBOX", "", MAIL).await;
    assert_eq!(
        [next(&mut alice).await, next(&mut alice).await, next(&mut alice).await],
        ["* 1 EXISTS", "* 1 RECENT", "* 1 FETCH (UID 1)"]
    );
    other.append("Sent", "", MAIL).await;
    assert!(next(&mut alice).await.starts_with("* STATUS Sent (MESSAGES 1 "));
    alice.send("DONE\r\n").await;
    assert_eq!(next(&mut alice).await, "i OK Done");
}

/// It is told through COMPRESS too, and what came with its OK.
#[tokio::test]
async fn what_is_told_unasked_is_compressed() {
    let scene = Scene::new().await;
    let (mut alice, mut other) = two(&scene).await;
    alice.ok(&format!("NOTIFY SET (inboxes {MESSAGES})")).await;
    alice.compress().await;
    other.append("INBOX", "", MAIL).await;
    assert!(next(&mut alice).await.starts_with("* STATUS INBOX (MESSAGES 1 "));
    alice.ok("NOOP").await;
}

/// Sections 5.4 and 5.9, and docs/design.md law 4: a mailbox that is taken away is told as one that is deleted.
#[tokio::test]
async fn rights_that_come_and_go_are_told() {
    let scene = Scene::new().await;
    let (mut bob, mut alice) = (scene.client("bob").await, scene.client("alice").await);
    bob.ok(&format!("NOTIFY SET (subtree Shared {MESSAGES}) (subtree Shared (MailboxName))")).await;
    silent(&mut bob).await;
    scene.give("bob", "lr").await;
    let mut told = Vec::new();
    while told.len() < 13 {
        told.push(next(&mut bob).await);
    }
    let has = |told: &[String], part: &str| told.iter().any(|line| line.starts_with(part));
    assert!(has(&told, &format!("* LIST (\\HasNoChildren \\Subscribed) \"/\" {INBOX}")), "{told:?}");
    assert!(has(&told, "* LIST (\\Noselect \\HasChildren) \"/\" Shared/support@example.org"), "{told:?}");
    assert!(has(&told, &format!("* STATUS {INBOX} (MESSAGES 0 UIDNEXT 1 UIDVALIDITY ")), "{told:?}");
    alice.append(INBOX, "", MAIL).await;
    assert_eq!(next(&mut bob).await, format!("* STATUS {INBOX} (MESSAGES 1 UIDNEXT 2)"));

    scene.give("bob", "l").await;
    for _ in 0..6 {
        assert!(next(&mut bob).await.starts_with("* LIST (\\HasNoChildren \\Subscribed \\NoAccess) \"/\" Shared/"));
    }
    alice.append(INBOX, "", MAIL).await;
    silent(&mut bob).await;
    scene.take_back("bob").await;
    let mut gone = Vec::new();
    while gone.len() < 7 {
        gone.push(next(&mut bob).await);
    }
    assert!(gone.iter().all(|line| line.starts_with("* LIST (\\NonExistent \\Noselect) \"/\" Shared/")), "{gone:?}");
    alice.append(INBOX, "", MAIL).await;
    silent(&mut bob).await;

    // Section 3.1: what can be seen and not be read is told at once.
    scene.give("bob", "l").await;
    let mut other = scene.client("bob").await;
    let told = other.untagged(&format!("NOTIFY SET STATUS (mailboxes {INBOX} {MESSAGES})")).await;
    assert_eq!(told, [format!("* LIST (\\HasNoChildren \\Subscribed \\NoAccess) \"/\" {INBOX}")]);
}

/// docs/design.md section 4: a selected mailbox that is taken away ends a connection that is told of it.
#[tokio::test]
async fn a_selected_mailbox_that_is_taken_away_is_an_end() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let (mut told, mut idle, mut not_told) =
        (scene.client("bob").await, scene.client("bob").await, scene.client("bob").await);
    for client in [&mut told, &mut idle, &mut not_told] {
        client.ok(&format!("SELECT {INBOX}")).await;
    }
    told.ok(&format!("NOTIFY SET (selected {MESSAGES})")).await;
    idle.ok("NOTIFY NONE").await;
    idle.send("i IDLE\r\n").await;
    assert!(next(&mut idle).await.starts_with("+ "));
    not_told.ok(&format!("NOTIFY SET (personal {MESSAGES})")).await;
    scene.take_back("bob").await;
    assert_eq!(told.rest().await, ["* BYE The mailbox can not be read any more"]);
    assert_eq!(idle.rest().await, ["* BYE The mailbox can not be read any more"]);
    assert_eq!(not_told.last("NOOP").await, "NO [NONEXISTENT] No such mailbox");
    not_told.ok("NOOP").await;
    not_told.ok(&format!("NOTIFY SET (selected {MESSAGES}) (personal {MESSAGES})")).await;
    scene.suspend("bob").await;
    assert_eq!(not_told.rest().await, ["* BYE Your sign-in has ended"]);
}

/// Section 5.8, and NO where it is too much from the start.
#[tokio::test]
async fn too_many_mailboxes_are_an_overflow() {
    let scene = Scene::with(|limits| limits.notify_mailboxes = 7).await;
    let (mut alice, mut other) = two(&scene).await;
    let refused = "NO [NOTIFICATIONOVERFLOW] There are more mailboxes than one connection may watch; name fewer";
    assert_eq!(alice.last(&format!("NOTIFY SET (subtree \"\" {MESSAGES})")).await, refused);
    alice.ok(&format!("NOTIFY SET (personal {MESSAGES})")).await;
    other.ok("CREATE seventh").await;
    let told = next(&mut alice).await;
    assert!(told.starts_with("* STATUS seventh (MESSAGES 0 "), "{told}");
    other.ok("CREATE eighth").await;
    assert!(next(&mut alice).await.starts_with("* OK [NOTIFICATIONOVERFLOW] "));
    other.append("INBOX", "", MAIL).await;
    silent(&mut alice).await;
    assert_eq!(numbers(&alice.untagged("STATUS INBOX (MESSAGES)").await[0]), [1]);
}

/// How often the clock is read while another session says a thousand things.
async fn reads_meanwhile(scene: &Scene, other: &mut Client) -> usize {
    let before = scene.clock.reads();
    for _ in 0..1000 {
        other.ok("NOOP").await;
    }
    scene.clock.reads() - before
}

/// Letters that end while nothing is told of the selected mailbox are looked at once, between commands and in IDLE.
#[tokio::test]
async fn what_ends_is_not_looked_at_again_and_again() {
    const HOUR_MS: i64 = 3_600_000;
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let inbox = GrantReach::Mailbox(MailboxName::parse("INBOX").unwrap());
    scene.give_until("bob", inbox, "lrsw", Some(BEGINS.plus_ms(HOUR_MS))).await;
    let (mut between, mut idle) = (scene.client("bob").await, scene.client("bob").await);
    let mut alice = scene.client("alice").await;
    for client in [&mut between, &mut idle] {
        client.ok(&format!("SELECT {INBOX}")).await;
    }
    between.ok(&format!("NOTIFY SET (personal {MESSAGES})")).await;
    idle.ok("NOTIFY NONE").await;
    let quiet = reads_meanwhile(&scene, &mut alice).await;

    scene.clock.hands.advance_ms(HOUR_MS);
    between.ok("NOOP").await;
    let ended = reads_meanwhile(&scene, &mut alice).await;
    assert!(ended < quiet + 10, "between commands: {ended} and before {quiet}");
    between.ok("LOGOUT").await;
    idle.send("i IDLE\r\n").await;
    assert!(next(&mut idle).await.starts_with("+ "));
    let ended = reads_meanwhile(&scene, &mut alice).await;
    assert!(ended < quiet + 10, "in IDLE: {ended} and before {quiet}");
    // It is heard of all the same.
    scene.take_back("bob").await;
    assert_eq!(idle.rest().await, ["* BYE The mailbox can not be read any more"]);
}
