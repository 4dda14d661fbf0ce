//! CONDSTORE and QRESYNC (RFC 7162): what a client is told so that it can come back later, by the examples of
//! the RFC. A second session always watches.

mod common;

use common::{Client, MAIL, Scene, address};
use postern_app::{CredentialWish, Networks, Purpose};

/// The number after a word, such as `MODSEQ (` or `[HIGHESTMODSEQ `.
fn number_after(lines: &[String], word: &str) -> u64 {
    let line = lines.iter().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word}: {lines:?}"));
    let rest = line.split_once(word).map(|(_, rest)| rest).unwrap_or_default();
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{word}: {line}"))
}

/// Replies with every modification sequence as `#`.
fn masked(lines: &[String]) -> Vec<String> {
    let mask = |line: &String| {
        let mut shown = line.clone();
        for word in ["MODSEQ (", "HIGHESTMODSEQ ", "MODSEQ "] {
            if let Some((before, after)) = shown.clone().split_once(word) {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_digit());
                if rest.len() < after.len() {
                    shown = format!("{before}{word}#{rest}");
                }
            }
        }
        shown
    };
    lines.iter().map(mask).collect()
}

async fn with_letters(scene: &Scene, count: usize) -> Client {
    let mut alice = scene.client("alice").await;
    for _ in 0..count {
        assert!(alice.append("INBOX", "", MAIL).await.starts_with("OK"));
    }
    // Somebody else takes what is \Recent, so that it stands in no reply below.
    scene.client("alice").await.ok("SELECT INBOX").await;
    alice
}

/// RFC 7162 sections 3.1.2, 3.1.7 and 3.1.8.
#[tokio::test]
async fn a_mailbox_says_up_to_which_change_it_is_told() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 2).await;
    let capabilities = alice.untagged("CAPABILITY").await;
    assert!(capabilities[0].contains(" CONDSTORE QRESYNC "), "{capabilities:?}");
    let highest = number_after(&alice.ok("SELECT INBOX").await, "[HIGHESTMODSEQ ");
    let status = alice.untagged("STATUS INBOX (MESSAGES HIGHESTMODSEQ)").await;
    // The first command that asks for them in a selected mailbox is told from where on.
    assert_eq!(status[0], format!("* OK [HIGHESTMODSEQ {highest}] Changes up to here are told"), "{status:?}");
    assert_eq!(status[1], format!("* STATUS INBOX (MESSAGES 2 HIGHESTMODSEQ {highest})"));
    assert_eq!(alice.untagged("STATUS INBOX (HIGHESTMODSEQ)").await.len(), 1, "and no other command is");
    let listed = alice.untagged("LIST \"\" INBOX RETURN (STATUS (HIGHESTMODSEQ))").await;
    assert_eq!(number_after(&listed, "HIGHESTMODSEQ "), highest);
    // A mailbox that was never written to has one too: there is no modification sequence 0.
    let status = alice.untagged("STATUS Archive (HIGHESTMODSEQ)").await;
    assert!(number_after(&status, "HIGHESTMODSEQ ") >= 1, "{status:?}");
    for wrong in ["SELECT INBOX (QRESYNC (1 2))", "UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)"] {
        assert!(alice.last(wrong).await.contains("ENABLE QRESYNC"), "{wrong}");
    }
    assert!(alice.last("SELECT INBOX (ANNOTATE)").await.starts_with("BAD"));
    assert_eq!(alice.untagged("ENABLE CONDSTORE X-NONE").await, ["* ENABLED CONDSTORE"]);
    assert_eq!(alice.untagged("ENABLE CONDSTORE QRESYNC").await, ["* ENABLED CONDSTORE QRESYNC"]);
}

/// RFC 7162 sections 3.1.4 and 3.2.4: once it is asked for, each change has its modification sequence and its UID.
#[tokio::test]
async fn changes_are_told_with_their_modification_sequences() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 3).await;
    let (mut other, mut plain) = (scene.client("alice").await, scene.client("alice").await);
    let highest = number_after(&alice.ok("SELECT INBOX (CONDSTORE)").await, "[HIGHESTMODSEQ ");
    other.ok("SELECT INBOX").await;
    plain.ok("SELECT INBOX").await;
    other.ok("FETCH 1 MODSEQ").await;
    let shown = alice.untagged("FETCH 1:3 (MODSEQ)").await;
    assert_eq!(masked(&shown), [1, 2, 3].map(|number| format!("* {number} FETCH (MODSEQ (#))")));
    assert_eq!(number_after(&shown[2..], "MODSEQ ("), highest, "the last one came last");

    // Section 3.1.4.2, example 14: a silent STORE tells its own modification sequence.
    let stored = alice.untagged("STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(masked(&stored), ["* 2 FETCH (UID 2 MODSEQ (#))"]);
    let after = number_after(&stored, "MODSEQ (");
    assert!(after > highest);
    assert_eq!(alice.untagged("NOOP").await, Vec::<String>::new(), "and it is told once");
    let heard = other.untagged("NOOP").await;
    assert_eq!(heard, [format!("* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ ({after}))")]);
    assert_eq!(plain.untagged("NOOP").await, ["* 2 FETCH (UID 2 FLAGS (\\Deleted))"]);
    // Section 3.1.11: what changes nothing has no new one, and that is told where it is asked for aloud.
    let same = alice.untagged("STORE 2 +FLAGS (\\Deleted)").await;
    assert_eq!(same, [format!("* 2 FETCH (UID 2 FLAGS (\\Deleted) MODSEQ ({after}))")]);
    // A message that is marked as it is read tells both (section 3.2.4).
    let read = alice.untagged("FETCH 3 BODY[TEXT]<0.1>").await;
    assert!(masked(&read)[0].starts_with("* 3 FETCH (UID 3 MODSEQ (#) FLAGS (\\Seen) BODY[TEXT]<0> "), "{read:?}");
    let seen = number_after(&read, "MODSEQ (");
    assert_eq!(alice.untagged("NOOP").await, Vec::<String>::new());
    // What is changed back is another change to those who keep them, and none to others.
    alice.ok("STORE 3 -FLAGS (\\Seen)").await;
    plain.ok("NOOP").await;
    other.ok("NOOP").await;
    alice.ok("STORE 1 +FLAGS (\\Flagged)").await;
    alice.ok("STORE 1 -FLAGS (\\Flagged)").await;
    assert_eq!(masked(&other.untagged("NOOP").await), ["* 1 FETCH (UID 1 FLAGS () MODSEQ (#))"]);
    assert_eq!(plain.untagged("NOOP").await, Vec::<String>::new());

    // Section 3.1.4.1, example 12.
    let since = alice.untagged(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {seen})")).await;
    let shown = ["* 1 FETCH (UID 1 FLAGS () MODSEQ (#))", "* 3 FETCH (UID 3 FLAGS () MODSEQ (#))"];
    assert_eq!(masked(&since), shown);
    assert_eq!(masked(&alice.untagged(&format!("FETCH 2:3 UID (CHANGEDSINCE {seen})")).await).len(), 1);
    assert_eq!(alice.last("UID FETCH 1:* FLAGS (CHANGEDSINCE 9223372036854775807)").await, "OK There is none of these");
}

/// RFC 7162 section 3.1.3, examples 3 to 11.
#[tokio::test]
async fn a_message_that_was_changed_meanwhile_is_left_alone() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 4).await;
    let mut other = scene.client("alice").await;
    let highest = number_after(&alice.ok("SELECT INBOX").await, "[HIGHESTMODSEQ ");
    other.ok("SELECT INBOX").await;
    // The first command that asks for modification sequences (example 5).
    let stored = alice.untagged(&format!("UID STORE 2,1 (UNCHANGEDSINCE {highest}) +FLAGS.SILENT (\\Deleted)")).await;
    assert_eq!(stored[0], format!("* OK [HIGHESTMODSEQ {highest}] Changes up to here are told"));
    assert_eq!(masked(&stored[1..]), ["* 1 FETCH (UID 1 MODSEQ (#))", "* 2 FETCH (UID 2 MODSEQ (#))"]);
    other.ok("STORE 3 +FLAGS ($Processed)").await;
    let answer = alice.command(&format!("STORE 3,4 (UNCHANGEDSINCE {highest}) +FLAGS.SILENT ($Processed)")).await;
    assert!(masked(&answer).contains(&"* 3 FETCH (UID 3 FLAGS ($Processed) MODSEQ (#))".to_owned()), "{answer:?}");
    assert!(masked(&answer).contains(&"* 4 FETCH (UID 4 MODSEQ (#))".to_owned()), "{answer:?}");
    let (tagged, known) =
        (answer.last().unwrap(), number_after(&answer, "* 3 FETCH (UID 3 FLAGS ($Processed) MODSEQ ("));
    assert!(tagged.starts_with("OK [MODIFIED 3] "), "{tagged}");
    // In the UID form they are UIDs; FLAGS alone is about all of them.
    alice.ok("STORE 1 -FLAGS (\\Deleted)").await;
    let tagged = alice.last(&format!("UID STORE 1:4 (UNCHANGEDSINCE {highest}) FLAGS.SILENT (\\Seen)")).await;
    assert!(tagged.starts_with("OK [MODIFIED 1:4] "), "{tagged}");
    // Section 3.1.12: it was another flag that changed, so nothing stands in its way.
    other.ok("STORE 3 +FLAGS (\\Answered)").await;
    let answer = alice.command(&format!("STORE 3 (UNCHANGEDSINCE {known}) +FLAGS.SILENT (\\Draft)")).await;
    assert_eq!(answer.last().unwrap(), "OK Changed", "{answer:?}");
    let shown = &masked(&answer)[0];
    assert_eq!(
        shown, "* 3 FETCH (UID 3 FLAGS (\\Answered \\Draft $Processed) MODSEQ (#))",
        "it says what else changed"
    );
    // Examples 7 and 8: with 0 a keyword is set where nobody has set it, and a system flag never.
    let test_and_set = "STORE 2 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)";
    assert_eq!(alice.last(test_and_set).await, "OK Changed");
    assert!(alice.last(test_and_set).await.starts_with("OK [MODIFIED 2] "));
    assert!(alice.last("STORE 4 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\\Answered)").await.starts_with("OK [MODIFIED 4] "));
    // Example 11: some are there no more.
    other.ok("STORE 1,4 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    let tagged = alice.last("STORE 1:3 (UNCHANGEDSINCE 1) FLAGS (\\Seen)").await;
    assert!(tagged.starts_with("NO [MODIFIED 3] "), "{tagged}");
}

/// RFC 7162 sections 3.1.5, 3.1.6 and 3.1.10; RFC 4731 section 3.2.
#[tokio::test]
async fn what_changed_is_searched_for() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 5).await;
    alice.ok("SELECT INBOX").await;
    let marks: Vec<u64> = {
        let shown = alice.untagged("FETCH 1:5 MODSEQ").await;
        shown[1..].iter().map(|line| number_after(std::slice::from_ref(line), "MODSEQ (")).collect()
    };
    assert_eq!(
        alice.untagged(&format!("SEARCH MODSEQ {}", marks[2])).await,
        [format!("* SEARCH 3 4 5 (MODSEQ {})", marks[4])]
    );
    let by_entry = format!("SEARCH MODSEQ \"/flags/\\\\draft\" all {} SMALLER 100000", marks[3]);
    assert_eq!(alice.untagged(&by_entry).await, [format!("* SEARCH 4 5 (MODSEQ {})", marks[4])]);
    assert_eq!(alice.untagged(&format!("SEARCH OR NOT MODSEQ {} LARGER 50000000", marks[0])).await, ["* SEARCH"]);
    assert_eq!(
        alice.untagged(&format!("SEARCH NOT MODSEQ {}", marks[2])).await,
        [format!("* SEARCH 1 2 (MODSEQ {})", marks[1])]
    );
    let esearch = |returns: &str| format!("UID SEARCH RETURN ({returns}) MODSEQ {}", marks[1]);
    let told = |text: &str| format!("UID {text}");
    for (returns, expected) in [
        ("ALL", told(&format!("ALL 2:5 MODSEQ {}", marks[4]))),
        ("COUNT", told(&format!("COUNT 4 MODSEQ {}", marks[4]))),
        ("MIN", told(&format!("MIN 2 MODSEQ {}", marks[1]))),
        ("MIN MAX", told(&format!("MIN 2 MAX 5 MODSEQ {}", marks[4]))),
    ] {
        let answer = alice.untagged(&esearch(returns)).await;
        assert!(answer[0].starts_with("* ESEARCH (TAG ") && answer[0].ends_with(&expected), "{returns}: {answer:?}");
    }
    let none = alice.untagged(&format!("SEARCH RETURN (COUNT) MODSEQ {}", marks[4] + 1)).await;
    assert!(none[0].ends_with("COUNT 0"), "{none:?}");
}

/// RFC 7162 sections 3.2.6 to 3.2.10.
#[tokio::test]
async fn what_is_expunged_is_told_by_uid() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 8).await;
    let (mut other, mut plain) = (scene.client("alice").await, scene.client("alice").await);
    let begin = number_after(&alice.ok("SELECT INBOX").await, "[HIGHESTMODSEQ ");
    for client in [&mut other, &mut plain] {
        client.ok("SELECT INBOX").await;
    }
    assert_eq!(alice.untagged("ENABLE QRESYNC").await.len(), 2, "ENABLED, and up to where it is told");
    other.ok("ENABLE QRESYNC").await;
    alice.ok("STORE 3,4,7 +FLAGS.SILENT (\\Deleted)").await;
    let answer = alice.command("EXPUNGE").await;
    assert_eq!(answer[0], "* VANISHED 3:4,7");
    let highest = number_after(&answer, "OK [HIGHESTMODSEQ ");
    let heard = other.untagged("NOOP").await;
    assert_eq!(heard, ["* VANISHED 3:4,7"]);
    assert_eq!(plain.untagged("NOOP").await, ["* 7 EXPUNGE", "* 4 EXPUNGE", "* 3 EXPUNGE"]);
    assert_eq!(alice.last("EXPUNGE").await, "OK Expunged", "nothing was, so there is nothing to tell");
    // Section 3.2.6, its example.
    let since = alice.untagged(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {begin} VANISHED)")).await;
    assert_eq!(since, ["* VANISHED (EARLIER) 3:4,7"]);
    let since = alice.untagged(&format!("UID FETCH 4:6 (FLAGS) (VANISHED CHANGEDSINCE {begin})")).await;
    assert_eq!(since, ["* VANISHED (EARLIER) 4"]);
    let since = alice.untagged(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest} VANISHED)")).await;
    assert_eq!(since, Vec::<String>::new());
    assert!(alice.last("FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)").await.starts_with("BAD"));
    // The last one of all is told too, though `*` is another now.
    alice.ok("UID STORE 8 +FLAGS.SILENT (\\Deleted)").await;
    let answer = alice.command("UID EXPUNGE 1:*").await;
    assert_eq!(answer[0], "* VANISHED 8");
    let since = alice.untagged(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest} VANISHED)")).await;
    assert_eq!(since, ["* VANISHED (EARLIER) 8"]);
    // Moved away is gone (section 3.2, RFC 6851 section 3.3).
    let moved = alice.untagged("MOVE 1 Archive").await;
    assert!(moved[0].contains("[COPYUID ") && moved[1] == "* VANISHED 1", "{moved:?}");
    // CLOSE says nothing (section 3.2.8).
    alice.ok("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(alice.command("CLOSE").await, ["OK Closed"]);
    assert_eq!(masked(&other.untagged("NOOP").await), ["* VANISHED 1:2,8"]);
}

/// RFC 7162 section 3.2: where EXPUNGE may not be told yet, a client that is cut off now must not miss it.
#[tokio::test]
async fn a_client_that_may_not_hear_of_an_expunge_yet_does_not_miss_it() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 4).await;
    let mut other = scene.client("alice").await;
    alice.ok("ENABLE QRESYNC").await;
    let begin = number_after(&alice.ok("SELECT INBOX").await, "[HIGHESTMODSEQ ");
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    other.ok("STORE 1 +FLAGS (\\Flagged)").await;
    let heard = alice.untagged("FETCH 3 UID").await;
    let shown = [
        "* 3 FETCH (UID 3)",
        "* 2 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (#))",
        "* OK [HIGHESTMODSEQ #] Changes up to here are told",
    ];
    assert_eq!(masked(&heard), shown);
    assert_eq!(number_after(&heard, "[HIGHESTMODSEQ "), begin, "before the expunge");
    // Who comes back from there hears of it.
    let since = other.untagged("ENABLE QRESYNC").await;
    assert_eq!(since[0], "* ENABLED QRESYNC");
    let since = other.untagged(&format!("UID FETCH 1:* FLAGS (CHANGEDSINCE {begin} VANISHED)")).await;
    assert_eq!(masked(&since), ["* VANISHED (EARLIER) 1", "* 1 FETCH (UID 2 FLAGS (\\Flagged) MODSEQ (#))"]);
    assert_eq!(alice.untagged("NOOP").await, ["* VANISHED 1"]);
}

/// RFC 7162 section 3.2.5: coming back.
#[tokio::test]
async fn who_comes_back_hears_what_happened_since() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 10).await;
    let mut other = scene.client("alice").await;
    let opened = alice.ok("SELECT INBOX").await;
    let (highest, validity) = (number_after(&opened, "[HIGHESTMODSEQ "), number_after(&opened, "[UIDVALIDITY "));
    alice.ok("LOGOUT").await;
    other.ok("SELECT INBOX").await;
    other.ok("STORE 2:3,5,10 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    other.ok("STORE 1 +FLAGS (\\Answered)").await;
    other.ok("UID STORE 9 +FLAGS ($Forwarded)").await;
    other.append("INBOX", "\\Draft", MAIL).await;

    let mut alice = scene.client("alice").await;
    alice.ok("ENABLE QRESYNC").await;
    let since = |rest: &str| format!("SELECT INBOX (QRESYNC ({validity} {highest}{rest}))");
    let opened = alice.ok(&since("")).await;
    let begin = opened.iter().position(|line| line.starts_with("* VANISHED")).expect("what is gone");
    assert_eq!(
        masked(&opened[begin..opened.len() - 1]),
        [
            "* VANISHED (EARLIER) 2:3,5,10",
            "* 1 FETCH (UID 1 FLAGS (\\Answered) MODSEQ (#))",
            "* 6 FETCH (UID 9 FLAGS ($Forwarded) MODSEQ (#))",
            "* 7 FETCH (UID 11 FLAGS (\\Draft \\Recent) MODSEQ (#))",
        ]
    );
    assert!(opened.iter().take(begin).any(|line| line == "* 7 EXISTS"), "as ever before that: {opened:?}");
    // Only of what it knows.
    let opened = alice.ok(&since(" 3:9")).await;
    assert_eq!(opened[0], "* OK [CLOSED] The mailbox before is closed");
    let begin = opened.iter().position(|line| line.starts_with("* VANISHED")).expect("what is gone");
    assert_eq!(
        masked(&opened[begin..opened.len() - 1]),
        ["* VANISHED (EARLIER) 3,5", "* 6 FETCH (UID 9 FLAGS ($Forwarded) MODSEQ (#))"]
    );
    // Pairs of numbers and UIDs are no use to a server that forgets nothing, and no harm.
    let opened = alice.ok(&since(" 1:10 (1,4 1,4)")).await;
    assert!(opened.iter().any(|line| line == "* VANISHED (EARLIER) 2:3,5,10"), "{opened:?}");
    // Of another UIDVALIDITY nothing is told.
    let opened = alice.ok(&format!("EXAMINE INBOX (QRESYNC ({} 1))", validity + 1)).await;
    assert!(!opened.iter().any(|line| line.contains("VANISHED") || line.contains("FETCH")), "{opened:?}");
    // And from the latest change on, nothing is new.
    let highest = number_after(&opened, "[HIGHESTMODSEQ ");
    let opened = alice.ok(&format!("SELECT INBOX (QRESYNC ({validity} {highest}))")).await;
    assert!(!opened.iter().any(|line| line.contains("VANISHED") || line.contains("FETCH")), "{opened:?}");
}

/// The same where nothing else is told than that more has come: what FETCH itself shows is later than the expunge.
#[tokio::test]
async fn what_a_fetch_shows_puts_no_client_past_an_expunge() {
    let scene = Scene::new().await;
    let mut alice = with_letters(&scene, 2).await;
    let mut other = scene.client("alice").await;
    alice.ok("ENABLE QRESYNC").await;
    let begin = number_after(&alice.ok("SELECT INBOX").await, "[HIGHESTMODSEQ ");
    other.ok("SELECT INBOX").await;
    other.ok("STORE 1 +FLAGS (\\Deleted)").await;
    other.ok("EXPUNGE").await;
    other.append("INBOX", "", "Subject: three\r\n\r\n").await;
    assert_eq!(alice.untagged("FETCH 2 UID").await[..2], ["* 2 FETCH (UID 2)", "* 3 EXISTS"]);
    other.append("INBOX", "", "Subject: four\r\n\r\n").await;
    let heard = alice.untagged("FETCH 3 MODSEQ").await;
    assert_eq!(masked(&heard[..2]), ["* 3 FETCH (MODSEQ (#))", "* 4 EXISTS"]);
    assert_eq!(number_after(&heard[2..], "[HIGHESTMODSEQ "), begin, "{heard:?}");
    assert_eq!(heard.iter().filter(|line| line.contains("[HIGHESTMODSEQ ")).count(), 1, "{heard:?}");
    // Nothing came since, and it is shown again.
    let heard = alice.untagged("FETCH 4 MODSEQ").await;
    assert_eq!(masked(&heard), ["* 4 FETCH (MODSEQ (#))", "* OK [HIGHESTMODSEQ #] Changes up to here are told"]);
    assert_eq!(alice.untagged("NOOP").await, ["* VANISHED 1"]);
}

const DAY_MS: i64 = 86_400_000;

/// Bob's program, which sees what came into support@ a day ago or before.
async fn program_of(scene: &Scene) -> String {
    let wish = CredentialWish {
        holder: Some(address("bob@example.org")),
        not_delegation: Some("the program sees what is old".to_owned()),
        networks: Some(Networks::Any),
        older_than_ms: Some(DAY_MS),
        ..CredentialWish::new(Purpose::Client, address("alice@example.org"), "a program needs it")
    };
    let issued = scene.house.issue_credential(&scene.operator, &address("support@example.org"), wish).await.unwrap();
    let secret = issued.secret.as_ref().unwrap().expose_text().unwrap();
    format!("LOGIN support@example.org {secret}")
}

/// RFC 7162 section 3.1.2.2: where messages come into view by growing old, no modification sequence tells of them, so a
/// mailbox says that it has none, and what needs them is BAD.
#[tokio::test]
async fn what_grows_old_has_no_modification_sequences() {
    const NONE: &str = "BAD There are no modification sequences in this mailbox";
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let inbox = "Shared/support@example.org/INBOX";
    for _ in 0..2 {
        assert!(alice.append(inbox, "", MAIL).await.starts_with("OK"));
    }
    scene.clock.hands.advance_ms(DAY_MS + 1000);
    assert!(alice.append(inbox, "", MAIL).await.starts_with("OK"));
    let validity = number_after(&alice.ok(&format!("SELECT {inbox}")).await, "[UIDVALIDITY ");

    let login = program_of(&scene).await;
    let (mut program, mut watches) = (scene.connect().await, scene.connect().await);
    for client in [&mut program, &mut watches] {
        client.ok(&login).await;
        client.ok("ENABLE QRESYNC").await;
    }
    // Section 3.1.7, by STATUS, by LIST and by NOTIFY.
    for command in ["STATUS INBOX (MESSAGES HIGHESTMODSEQ)", "LIST \"\" INBOX RETURN (STATUS (MESSAGES HIGHESTMODSEQ))"]
    {
        let told = program.untagged(command).await;
        assert_eq!(told.last().unwrap(), "* STATUS INBOX (MESSAGES 2 HIGHESTMODSEQ 0)", "{told:?}");
    }
    let told = watches.untagged("NOTIFY SET STATUS (PERSONAL (MessageNew MessageExpunge FlagChange))").await;
    let told: Vec<_> = told.iter().filter(|line| line.starts_with("* STATUS INBOX ")).collect();
    assert!(told.len() == 1 && told[0].contains("MESSAGES 2 ") && told[0].contains("HIGHESTMODSEQ 0"), "{told:?}");
    alice.ok("UID STORE 1 +FLAGS ($Work)").await;
    assert_eq!(watches.untagged("CAPABILITY").await.len(), 1, "nothing that is counted has changed");

    // Section 3.2.5.1: what the client knows is passed over.
    let opened = program.ok(&format!("SELECT INBOX (QRESYNC ({validity} 1))")).await;
    assert!(opened.iter().any(|line| line.starts_with("* OK [NOMODSEQ] ")), "{opened:?}");
    assert!(opened.iter().any(|line| line == "* 2 EXISTS"), "{opened:?}");
    for absent in ["HIGHESTMODSEQ", "VANISHED", " FETCH "] {
        assert!(!opened.iter().any(|line| line.contains(absent)), "{absent}: {opened:?}");
    }
    for command in [
        "FETCH 1 (FLAGS MODSEQ)",
        "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1)",
        "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)",
        "SEARCH MODSEQ 1",
        "STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Flagged)",
    ] {
        assert_eq!(program.last(command).await, NONE, "{command}");
        program.ok("NOOP").await;
    }
    // Changes are told with their UID, and what is gone by its number (sections 3.2.4 and 3.2.10).
    alice.ok("UID STORE 2 +FLAGS (\\Flagged)").await;
    assert_eq!(program.untagged("NOOP").await, ["* 2 FETCH (UID 2 FLAGS (\\Flagged))"]);
    assert_eq!(program.untagged("STORE 2 +FLAGS.SILENT (\\Answered)").await, Vec::<String>::new());
    assert_eq!(program.untagged("STORE 2 -FLAGS (\\Answered)").await, ["* 2 FETCH (UID 2 FLAGS (\\Flagged))"]);
    let read = program.untagged("FETCH 1 BODY[TEXT]<0.1>").await;
    assert!(read[0].starts_with("* 1 FETCH (UID 1 FLAGS (\\Seen $Work) BODY[TEXT]<0> "), "{read:?}");
    program.ok("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(program.command("EXPUNGE").await, ["* 1 EXPUNGE", "OK Expunged"]);
    // A message has grown old, and nothing was changed.
    scene.clock.hands.advance_ms(DAY_MS);
    let opened = program.ok("SELECT INBOX (CONDSTORE)").await;
    assert!(opened.iter().any(|line| line == "* 2 EXISTS"), "{opened:?}");
    assert!(opened.iter().any(|line| line.starts_with("* OK [NOMODSEQ] ")), "{opened:?}");
}

/// The first command that asks for them is not told from where on, where there are none; and NOTIFY, which holds for
/// any mailbox, tells changes without them there (RFC 7162 section 3.1, RFC 5465 section 5.1).
#[tokio::test]
async fn no_modification_sequence_is_told_where_there_is_none() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let inbox = "Shared/support@example.org/INBOX";
    assert!(alice.append(inbox, "", MAIL).await.starts_with("OK"));
    scene.clock.hands.advance_ms(DAY_MS + 1000);
    // Alice takes what is \Recent.
    alice.ok(&format!("SELECT {inbox}")).await;
    let mut program = scene.connect().await;
    program.ok(&program_of(&scene).await).await;
    program.ok("EXAMINE INBOX").await;
    assert_eq!(program.untagged("ENABLE CONDSTORE").await, ["* ENABLED CONDSTORE"]);
    let set = "NOTIFY SET (SELECTED (MessageNew (UID MODSEQ) MessageExpunge FlagChange))";
    assert_eq!(program.untagged(set).await, Vec::<String>::new());
    alice.ok("STORE 1 +FLAGS (\\Flagged)").await;
    assert_eq!(program.line().await.unwrap(), "* 1 FETCH (UID 1 FLAGS (\\Flagged))");
}
