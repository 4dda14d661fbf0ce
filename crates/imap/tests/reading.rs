//! What reading may cost: one command never takes more than its turn.

mod common;

use common::{BEGINS, MAIL, PASSWORD, Scene, address};
use postern_app::{
    Attempt, Content, Denied, Encode, FetchNeeds, FetchWanted, Fetched, Filling, Gap, GrantReach, Locator, Peer,
    Reading, Refused, Session,
};
use postern_types::{MailboxId, MailboxName, Secret, Uid};
use std::borrow::Cow;
use std::sync::Arc;

async fn session(scene: &Scene, name: &str) -> Session {
    let attempt = Attempt {
        username: format!("{name}@example.org"),
        secret: Secret::new(PASSWORD),
        peer: Peer { address: Some([192, 0, 2, 7].into()), encrypted: true },
        protocol: "imap",
        mechanism: "PLAIN",
    };
    scene.house.sign_in(attempt).await.unwrap()
}

/// The INBOX of somebody's own, or of the shared mailbox with this address.
async fn inbox(scene: &Scene, session: &Session, shared: Option<&str>) -> MailboxId {
    let at = Locator { account: shared.map(address), name: MailboxName::parse("INBOX").unwrap() };
    scene.house.open_mailbox(session, &at, true, true).await.unwrap().mailbox
}

/// docs/design.md section 5: a read transaction whose time is over hands back after the message it
/// is at, and the next one goes on from there.
#[tokio::test]
async fn a_read_that_takes_too_long_hands_back_and_goes_on() {
    let scene = Scene::with(|limits| limits.read_ms = 0).await;
    let mut alice = scene.client("alice").await;
    for _ in 0..3 {
        assert!(alice.append("INBOX", "", MAIL).await.starts_with("OK"));
    }
    let session = session(&scene, "alice").await;
    let mailbox = inbox(&scene, &session, None).await;
    let uids: Arc<[Uid]> = (1..=3).filter_map(Uid::new).collect();
    let encode: Arc<Encode> = Arc::new(|message: &Fetched<'_>, bytes: &mut Vec<u8>| {
        bytes.push(message.uid.get() as u8);
        Ok(Vec::new())
    });
    let wanted = FetchWanted { mailbox, uids, needs: FetchNeeds::default(), encode };
    for from in 0..3 {
        let chunk = scene.house.fetch(&session, &wanted, from).await.unwrap();
        assert_eq!((chunk.bytes, chunk.done), (vec![from as u8 + 1], from + 1));
    }
    alice.ok("EXAMINE INBOX").await;
    assert_eq!(alice.untagged("FETCH 1:* UID").await.len(), 3);
    assert_eq!(alice.untagged("SEARCH TEXT water").await, ["* SEARCH 1 2 3"]);
}

/// The same where a search is judged by flags, of which no row is read: whichever piece a message is in, it is found.
#[tokio::test]
async fn a_search_by_flags_that_takes_too_long_goes_on() {
    let scene = Scene::with(|limits| limits.read_ms = 0).await;
    let mut alice = scene.client("alice").await;
    for number in 0..40 {
        let flags = if number % 3 == 0 { "\\Flagged" } else { "" };
        assert!(alice.append("INBOX", flags, MAIL).await.starts_with("OK"));
    }
    alice.ok("SELECT INBOX").await;
    let flagged: Vec<String> = (1..=40).step_by(3).map(|number| number.to_string()).collect();
    assert_eq!(alice.untagged("SEARCH FLAGGED").await, [format!("* SEARCH {}", flagged.join(" "))]);
    assert!(alice.untagged("SEARCH RETURN (COUNT) UNFLAGGED").await[0].ends_with("COUNT 26"));
}

/// Each text of a SEARCH is looked for in all of a message, so there is a bound to them.
#[tokio::test]
async fn a_search_for_very_many_texts_is_refused() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    assert!(alice.append("INBOX", "", MAIL).await.starts_with("OK"));
    alice.ok("EXAMINE INBOX").await;
    assert_eq!(alice.untagged(&format!("SEARCH{}", " NOT TEXT none".repeat(64))).await, ["* SEARCH 1"]);
    let refused = alice.last(&format!("SEARCH{} OR NOT SUBJECT none ALL", " NOT BODY none".repeat(64))).await;
    assert_eq!(refused, "NO [LIMIT] A search looks for at most 64 texts; ask in parts");
    assert_eq!(alice.untagged(&format!("SEARCH{}", " UNSEEN".repeat(500))).await, ["* SEARCH 1"]);
}

/// Each pattern of a LIST is compared with each name, so there is a bound to them.
#[tokio::test]
async fn patterns_without_end_are_refused() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let long = "*a".repeat(5000);
    let refused = "NO [LIMIT] The patterns are longer than 8192 bytes together; list in parts";
    assert_eq!(alice.last(&format!("LIST \"\" {long}")).await, refused);
    assert_eq!(alice.last(&format!("LSUB \"\" {long}")).await, refused);
    let listed = alice.untagged(&format!("LIST \"\" ({} Se%)", vec!["%y"; 99].join(" "))).await;
    assert_eq!(listed, ["* LIST (\\HasNoChildren \\Sent) \"/\" Sent"]);
}

fn long_mail() -> String {
    let lines = "QSBsaW5lIG9mIGEgZmlsZSB0aGF0IGlzIGxvbmcgZW5vdWdoIGZvciBpdHMgbGluZQ==\r\n".repeat(8000);
    format!(
        "Subject: A plan\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHere it is.\r\n--b\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--b--\r\n"
    )
}

/// A long message is sent in pieces, whichever way it is asked for.
#[tokio::test]
async fn a_long_message_arrives_as_it_is() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 10_000).await;
    let mut alice = scene.client("alice").await;
    let mail = long_mail();
    for mail in [&mail, MAIL] {
        assert!(alice.append("INBOX", "", mail).await.starts_with("OK"));
    }
    alice.ok("EXAMINE INBOX").await;
    let size = mail.len();
    let shown = alice.untagged("FETCH 1:2 (BODY.PEEK[] UID)").await;
    assert!(shown[0] == format!("* 1 FETCH (UID 1 BODY[] {{{size}}}\r\n{mail})"), "the message differs");
    assert!(shown[1].ends_with(&format!("{MAIL})")), "{}", shown[1]);
    let shown = alice.untagged("FETCH 1 (BODY.PEEK[]<300000.100000> RFC822.SIZE)").await;
    let piece = &mail[300_000..400_000];
    assert!(
        shown[0] == format!("* 1 FETCH (BODY[]<300000> {{100000}}\r\n{piece} RFC822.SIZE {size})"),
        "a piece differs"
    );
    let file = "A line of a file that is long enough for its line".repeat(8000);
    let shown = alice.untagged("FETCH 1 (BINARY.PEEK[2] BINARY.SIZE[2])").await;
    let expected = format!("* 1 FETCH (BINARY[2] ~{{{0}}}\r\n{file} BINARY.SIZE[2] {0})", file.len());
    assert!(shown[0] == expected, "the decoded part differs");
}

/// Whatever sizes messages have, and so wherever a chunk ends and whatever was read ahead of it, each comes once, in its
/// order and as it is.
#[tokio::test]
async fn messages_of_uneven_sizes_come_in_order() {
    let scene = Scene::with(|limits| (limits.chunk_bytes, limits.read_ms) = (10_000, 1)).await;
    let mut alice = scene.client("alice").await;
    let sizes =
        [10, 9_000, 9_000, 40_000, 20, 30, 11_000, 500, 500, 500, 200_000, 9_990, 1, 3_000, 3_000, 4_500, 9_000];
    let mail = |number: usize| {
        let line = format!("{number:04} of many lines that fill a message to its size\r\n");
        format!("Subject: {number}\r\n\r\n{}", line.repeat(1 + sizes[number % sizes.len()] / line.len()))
    };
    let count = 5 * sizes.len();
    for number in 0..count {
        assert!(alice.append("INBOX", "", &mail(number)).await.starts_with("OK"));
    }
    alice.ok("SELECT INBOX").await;
    alice.ok("UID STORE 2,4,30:33 +FLAGS.SILENT (\\Deleted)").await;
    alice.ok("EXPUNGE").await;
    let is_there = |uid: &usize| ![2, 4, 30, 31, 32, 33].contains(uid);
    let expected = (1..=count).filter(is_there).enumerate().map(|(place, uid)| {
        let mail = mail(uid - 1);
        format!("* {} FETCH (UID {uid} BODY[] {{{}}}\r\n{mail})", place + 1, mail.len())
    });
    let expected: Vec<String> = expected.collect();
    let shown = alice.untagged("UID FETCH 1:* BODY.PEEK[]").await;
    assert_eq!(shown.len(), expected.len());
    for (shown, expected) in shown.iter().zip(&expected) {
        assert!(shown == expected, "{} and not {}", &shown[..40], &expected[..40]);
    }
}

/// A right that is taken back acts on what was read ahead too: none of it is handed over.
#[tokio::test]
async fn what_was_read_ahead_is_asked_for_again() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 1000).await;
    scene.give("bob", "lr").await;
    let mut alice = scene.client("alice").await;
    for _ in 0..40 {
        assert!(alice.append("Shared/support@example.org/INBOX", "", MAIL).await.starts_with("OK"));
    }
    let bob = session(&scene, "bob").await;
    let shared = inbox(&scene, &bob, Some("support@example.org")).await;
    let encode: Arc<Encode> = Arc::new(|message: &Fetched<'_>, out: &mut Vec<u8>| {
        message.content.append(out)?;
        Ok(Vec::new())
    });
    let uids: Arc<[Uid]> = (1..=40).filter_map(Uid::new).collect();
    let wanted = FetchWanted { mailbox: shared, uids, needs: FetchNeeds { raw: true, formatted: false }, encode };
    let mut reading = Reading::new(&scene.house, &bob, &wanted);
    let first = reading.next(&scene.house, &bob).await.unwrap();
    assert!(first.done < 20 && first.bytes == MAIL.repeat(first.done).as_bytes());
    scene.take_back("bob").await;
    assert!(matches!(reading.next(&scene.house, &bob).await, Err(Refused::Denied(_))));
    // Who may read again goes on where they were refused, and until that ends by itself.
    let soon = BEGINS.plus_ms(500);
    scene.give_until("bob", GrantReach::Account, "lr", Some(soon)).await;
    let second = reading.next(&scene.house, &bob).await.unwrap();
    scene.clock.hands.advance_ms(500);
    assert!(matches!(reading.next(&scene.house, &bob).await, Err(Refused::Denied(_))));
    scene.give("bob", "lr").await;
    let mut done = second.done;
    while done < 40 {
        let chunk = reading.next(&scene.house, &bob).await.unwrap();
        assert_eq!(chunk.bytes, MAIL.repeat(chunk.done - done).as_bytes());
        done = chunk.done;
    }
}

/// What was removed while it is being read is read to its end: its literal was begun.
#[tokio::test]
async fn a_message_that_is_removed_while_it_is_read_is_read_to_its_end() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 10_000).await;
    let mut alice = scene.client("alice").await;
    let mail = long_mail();
    assert!(alice.append("INBOX", "", &mail).await.starts_with("OK"));
    let mut reader = scene.connect_by(500).await;
    reader.ok(&format!("LOGIN alice@example.org \"{PASSWORD}\"")).await;
    reader.ok("EXAMINE INBOX").await;
    reader.send("f FETCH 1 BODY.PEEK[]\r\n").await;
    reader.more().await;
    alice.ok("SELECT INBOX").await;
    alice.ok("STORE 1 +FLAGS.SILENT \\Deleted").await;
    assert_eq!(alice.untagged("EXPUNGE").await, ["* 1 EXPUNGE"]);
    let shown = reader.answer("f").await;
    assert!(shown[0] == format!("* 1 FETCH (BODY[] {{{}}}\r\n{mail})", mail.len()), "the message differs");
    assert!(shown.last().unwrap().starts_with("OK"), "{:?}", &shown[1..]);
}

/// Lines of digits that pack to no less than half.
fn digits(lines: u64) -> String {
    (0..lines).map(|n| format!("{:016x}\r\n", n.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect()
}

/// A text that is lost is told before its literal is begun, and the connection goes on.
#[tokio::test]
async fn a_text_that_is_lost_is_told() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 10_000).await;
    let mut alice = scene.client("alice").await;
    // One that packs to next to nothing would lie beside the rows.
    let mail = digits(40_000);
    for text in [MAIL, &format!("Subject: long\r\n\r\n{mail}"), MAIL] {
        assert!(alice.append("INBOX", "", text).await.starts_with("OK"));
    }
    alice.ok("SELECT INBOX").await;
    scene.lose_texts();
    for item in ["BODY.PEEK[]", "BODY.PEEK[TEXT]", "BINARY.PEEK[1]", "BODY.PEEK[]<100000.30000>"] {
        let lost = alice.command(&format!("FETCH 2 {item}")).await;
        assert!(lost[0].starts_with("NO [CORRUPTION] The text of a message is lost"), "{item}: {lost:?}");
    }
    // It counts as seen, as one that is left out for its size does, and that is told.
    let lost = alice.command("FETCH 2 BODY[]").await;
    assert!(lost[0].starts_with("* 2 FETCH (UID 2 FLAGS (") && lost[0].contains("\\Seen"), "{lost:?}");
    assert!(lost[1].starts_with("NO [CORRUPTION]"), "{lost:?}");
    let sought = alice.command("SEARCH TEXT nowhere").await;
    assert!(sought[0].starts_with("NO [CORRUPTION]"), "{sought:?}");
    let copied = alice.command("COPY 1:3 Shared/support@example.org/INBOX").await;
    assert!(copied[0].starts_with("NO [CORRUPTION]"), "{copied:?}");
    // Those before and behind it are shown.
    let shown = alice.command("FETCH 1:* BODY.PEEK[]").await;
    let whole = |number: u32| format!("* {number} FETCH (BODY[] {{{}}}\r\n{MAIL})", MAIL.len());
    assert_eq!(shown[..2], [whole(1), whole(3)]);
    assert!(shown[2].starts_with("NO [CORRUPTION]"), "{}", shown[2]);
}

/// That a text is damaged is found within its literal, where nothing can be told; it is not begun again.
#[tokio::test]
async fn a_text_that_is_damaged_is_begun_once() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 10_000).await;
    let mut alice = scene.client("alice").await;
    let mail = digits(40_000);
    for text in [MAIL, &format!("Subject: long\r\n\r\n{mail}"), MAIL] {
        assert!(alice.append("INBOX", "", text).await.starts_with("OK"));
    }
    scene.damage_texts();
    alice.ok("SELECT INBOX").await;
    alice.send("a FETCH 1:* BODY.PEEK[]\r\n").await;
    alice.ended().await;
    let mut alice = scene.client("alice").await;
    alice.ok("SELECT INBOX").await;
    let shown = alice.command("FETCH 1:* BODY.PEEK[]").await;
    assert!(shown[2].starts_with("NO [CORRUPTION]"), "{shown:?}");
    // Whoever has it still brings it again.
    let text = format!("Subject: long\r\n\r\n{mail}");
    assert!(alice.append("INBOX", "", &text).await.starts_with("OK"));
    for number in [2, 4] {
        let shown = alice.command(&format!("FETCH {number} BODY.PEEK[]")).await;
        assert!(shown[0] == format!("* {number} FETCH (BODY[] {{{}}}\r\n{text})", text.len()), "{}", shown[1]);
    }
}

/// A text that fits into one reply: the file of one that is damaged is put right by whoever adds it again, and what is
/// answered OK can be read.
#[tokio::test]
async fn a_short_text_that_is_damaged_is_told_and_put_right() {
    let scene = Scene::with(|limits| limits.inline_body_bytes = 1000).await;
    let mut alice = scene.client("alice").await;
    let text = format!("Subject: short\r\n\r\n{}", digits(5000));
    for text in [MAIL, &text, MAIL] {
        assert!(alice.append("INBOX", "", text).await.starts_with("OK"));
    }
    scene.damage_texts();
    alice.ok("SELECT INBOX").await;
    let shown = alice.command("FETCH 1:* BODY.PEEK[]").await;
    assert!(shown.len() == 3 && shown[2].starts_with("NO [CORRUPTION]"), "{shown:?}");
    assert!(alice.append("INBOX", "", &text).await.starts_with("OK"));
    for number in [2, 4] {
        let shown = alice.command(&format!("FETCH {number} BODY.PEEK[]")).await;
        assert!(shown[0] == format!("* {number} FETCH (BODY[] {{{}}}\r\n{text})", text.len()), "{}", shown[1]);
    }
}

/// What was marked as seen by a FETCH that then failed is told, as anything that changed.
#[tokio::test]
async fn what_a_failed_fetch_marked_is_told() {
    let scene = Scene::with(|limits| limits.inline_body_bytes = 1000).await;
    let mut alice = scene.client("alice").await;
    let text = format!("Subject: short\r\n\r\n{}", digits(5000));
    assert!(alice.append("INBOX", "", &text).await.starts_with("OK"));
    scene.block_texts();
    alice.ok("SELECT INBOX").await;
    let failed = alice.command("FETCH 1 BODY[]").await;
    assert!(failed[0].starts_with("* 1 FETCH (UID 1 FLAGS (") && failed[0].contains("\\Seen"), "{failed:?}");
    assert!(failed[1].starts_with("NO [UNAVAILABLE]"), "{failed:?}");
}

/// docs/design.md law 1: the rest of a message is read under a proof on the mailbox it was found
/// in, and no other.
#[tokio::test]
async fn what_was_left_out_is_asked_for_again() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let mut alice = scene.client("alice").await;
    assert!(alice.append("Shared/support@example.org/INBOX", "", MAIL).await.starts_with("OK"));
    let bob = session(&scene, "bob").await;
    let shared = inbox(&scene, &bob, Some("support@example.org")).await;
    let own = inbox(&scene, &bob, None).await;
    let encode: Arc<Encode> = Arc::new(|message: &Fetched<'_>, _: &mut Vec<u8>| {
        let cut = Arc::new(|content: &dyn Content, range| content.read(range).map(Cow::into_owned));
        Ok(vec![Gap::new(0, message.size, cut)])
    });
    let uids: Arc<[Uid]> = Uid::new(1).into_iter().collect();
    let wanted = FetchWanted { mailbox: shared, uids, needs: FetchNeeds::default(), encode };
    let chunk = scene.house.fetch(&bob, &wanted, 0).await.unwrap();
    let fill =
        async |mailbox| Filling::new(&scene.house, &bob, mailbox, &chunk.gaps[0], 6).next(&scene.house, &bob).await;
    assert_eq!(fill(shared).await.unwrap().unwrap(), MAIL.as_bytes()[..6]);
    assert!(matches!(fill(own).await, Err(Refused::Unavailable)), "it is not of that mailbox");
    scene.take_back("bob").await;
    assert!(matches!(fill(shared).await, Err(Refused::Denied(Denied::Hidden))));
}
