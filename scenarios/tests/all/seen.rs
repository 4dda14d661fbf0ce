//! Whose `\Seen` it is: the team's, each person's own, or both at once
//! (docs/decisions/0010-seen.md). A second session always watches.

use postern_testkit::{House, ImapClient, scenario};
use postern_types::Seen;

const INBOX: &str = "Shared/support@example.org/INBOX";
const SUPPORT: &str = "support@example.org";

/// Alice and Bob with everything but `a`, Carol who may read and nothing else, three letters.
async fn team(house: &House, seen: Seen) -> [ImapClient; 3] {
    let people = ["alice@example.org", "bob@example.org", "carol@example.org"];
    for person in people {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.set_seen(SUPPORT, seen).await;
    house.grant(SUPPORT, people[0], "lrswipkxte").await;
    house.grant(SUPPORT, people[1], "lrswipkxte").await;
    house.grant(SUPPORT, people[2], "lr").await;
    for subject in ["One", "Two", "Three"] {
        house.deliver(SUPPORT, &format!("From: sender@example.net\r\nSubject: {subject}\r\n\r\nHello.\r\n")).await;
    }
    // Somebody else takes what is \\Recent, so that nobody is shown it below.
    house.imap_as(people[0]).await.ok(&format!("SELECT {INBOX}"), "* 3 RECENT").await;
    let mut clients = [house.imap_as(people[0]).await, house.imap_as(people[1]).await, house.imap_as(people[2]).await];
    for client in &mut clients {
        client.ok(&format!("SELECT {INBOX}"), "* 3 EXISTS").await;
    }
    clients
}

async fn flags(client: &mut ImapClient, uid: u32) -> String {
    let answer = client.ok(&format!("UID FETCH {uid} FLAGS"), "").await;
    let line = answer.line_with(&format!("UID {uid} ")).unwrap_or_else(|| panic!("{:?}", answer.lines()));
    let (_, rest) = line.split_once("FLAGS (").expect("flags");
    let flags = rest.split_once(')').expect("their end").0;
    flags.split(' ').filter(|flag| *flag != "\\Recent").collect::<Vec<_>>().join(" ")
}

async fn unseen(client: &mut ImapClient, expected: u32, uids: &str) {
    client.ok(&format!("STATUS {INBOX} (UNSEEN)"), &format!("(UNSEEN {expected})")).await;
    let answer = client.ok("UID SEARCH UNSEEN", "").await;
    let line = answer.line_with("* SEARCH").expect("an answer");
    assert_eq!(line.trim_start_matches("* SEARCH").trim(), uids);
}

scenario! {
    /// The way it is when nobody asks for another: what a colleague has read is read.
    async fn one_for_all(house: House) {
        let [mut alice, mut bob, mut carol] = team(&house, Seen::Shared).await;
        alice.ok("UID FETCH 1 BODY[TEXT]", "\\Seen").await;
        bob.ok("NOOP", "\\Seen").await;
        unseen(&mut bob, 2, "2 3").await;
        carol.ok("UID FETCH 2 BODY[TEXT]", "Hello.").await; // no s: nothing is marked (RFC 4314 section 4)
        unseen(&mut alice, 2, "2 3").await;
    }

    /// Each their own, right for FETCH, STORE, SEARCH, STATUS and SELECT; one's other sessions
    /// hear of it and a colleague's do not.
    async fn each_their_own(house: House) {
        let [mut alice, mut bob, mut carol] = team(&house, Seen::Personal).await;
        let mut phone = house.imap_as("alice@example.org").await;
        phone.ok(&format!("SELECT {INBOX}"), "[UNSEEN 1]").await;

        alice.ok("UID FETCH 1 BODY[TEXT]", "\\Seen").await;
        phone.ok("NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen)").await;
        let heard = bob.ok("NOOP", "").await;
        assert!(!heard.has("FETCH"), "{:?}", heard.lines());
        unseen(&mut alice, 2, "2 3").await;
        unseen(&mut phone, 2, "2 3").await;
        unseen(&mut bob, 3, "1 2 3").await;
        phone.ok(&format!("SELECT {INBOX}"), "[UNSEEN 2]").await;
        bob.ok(&format!("SELECT {INBOX}"), "[UNSEEN 1]").await;

        // Flags that are not \Seen stay everybody's, and come together with one's own.
        bob.ok("UID STORE 1 +FLAGS (\\Flagged \\Seen)", "").await;
        alice.ok("NOOP", "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen)").await;
        bob.ok("UID STORE 1 FLAGS (\\Answered)", "").await;
        assert_eq!(flags(&mut bob, 1).await, "\\Answered");
        assert_eq!(flags(&mut alice, 1).await, "\\Answered \\Seen");

        // To mark as unread is heard of, too.
        phone.ok("NOOP", "").await;
        alice.ok("UID STORE 1 -FLAGS.SILENT (\\Seen)", "").await;
        phone.ok("NOOP", "* 1 FETCH (UID 1 FLAGS (\\Answered)").await;
        unseen(&mut alice, 3, "1 2 3").await;

        // A reader has none of their own to keep: `s` is the letter for it (RFC 4314 section 2.1).
        carol.ok("UID FETCH 2 BODY[TEXT]", "Hello.").await;
        carol.no("UID STORE 2 +FLAGS (\\Seen)", "[NOPERM]").await;
        unseen(&mut carol, 3, "1 2 3").await;
    }

    /// Where a message goes, it goes as read as it was, for everybody.
    async fn a_move_makes_nothing_unread(house: House) {
        let [mut alice, mut bob, _carol] = team(&house, Seen::Personal).await;
        alice.ok("UID STORE 1:2 +FLAGS.SILENT (\\Seen)", "").await;
        bob.ok("UID STORE 2 +FLAGS.SILENT (\\Seen)", "").await;
        let archive = "Shared/support@example.org/Archive";
        bob.ok(&format!("UID MOVE 1:3 {archive}"), "").await;
        for (client, expected) in [(&mut alice, "UNSEEN 1"), (&mut bob, "UNSEEN 2")] {
            client.ok(&format!("STATUS {archive} (UNSEEN)"), expected).await;
            client.ok(&format!("SELECT {archive}"), "* 3 EXISTS").await;
        }
        assert_eq!(flags(&mut alice, 1).await, "\\Seen");
        assert_eq!(flags(&mut bob, 1).await, "");

        // A copy in one's own mailboxes carries one's own; a letter filed as read is read by
        // whoever filed it.
        alice.ok("UID COPY 1,3 INBOX", "").await;
        alice.ok("STATUS INBOX (MESSAGES UNSEEN)", "(MESSAGES 2 UNSEEN 1)").await;
        let filed = alice.append(archive, "\\Seen", b"Subject: Filed\r\n\r\nKept.\r\n").await;
        assert!(filed.status.starts_with("OK"), "{}", filed.status);
        assert_eq!(flags(&mut alice, 4).await, "\\Seen");
        bob.ok("NOOP", "* 4 EXISTS").await;
        assert_eq!(flags(&mut bob, 4).await, "");

        // What is expunged takes what people have seen along; the count at the end says so.
        bob.ok("UID STORE 1:4 +FLAGS.SILENT (\\Deleted)", "").await;
        bob.ok("EXPUNGE", "").await;
        alice.ok(&format!("STATUS {archive} (MESSAGES UNSEEN)"), "(MESSAGES 0 UNSEEN 0)").await;
    }

    /// Both at once: one's own as \Seen, the team's as a keyword that any client shows and finds.
    async fn the_team_s_and_one_s_own(house: House) {
        let [mut alice, mut bob, _carol] = team(&house, Seen::Both).await;
        let selected = bob.ok(&format!("SELECT {INBOX}"), "SeenByTeam").await;
        assert!(selected.line_with("* FLAGS").is_some_and(|line| line.contains("SeenByTeam")), "{:?}", selected.lines());
        alice.ok("UID FETCH 1 BODY[TEXT]", "FLAGS (\\Seen SeenByTeam)").await;
        bob.ok("NOOP", "* 1 FETCH (UID 1 FLAGS (SeenByTeam)").await;
        unseen(&mut bob, 3, "1 2 3").await;
        bob.ok("UID SEARCH UNKEYWORD SeenByTeam", "* SEARCH 2 3").await;

        // Unread again for Alice alone; then for the team, who look at it anew.
        alice.ok("UID STORE 1 -FLAGS (\\Seen)", "FLAGS (SeenByTeam)").await;
        alice.ok("UID STORE 1 -FLAGS (SeenByTeam)", "FLAGS ()").await;
        bob.ok("NOOP", "* 1 FETCH (UID 1 FLAGS ()").await;

        bob.ok("UID MOVE 1 Shared/support@example.org/Archive", "").await;
        bob.ok("UID STORE 2 +FLAGS (\\Seen)", "FLAGS (\\Seen SeenByTeam)").await;
        bob.ok("UID COPY 2 Shared/support@example.org/Archive", "").await;
        alice.ok("SELECT Shared/support@example.org/Archive", "* 2 EXISTS").await;
        assert_eq!(flags(&mut alice, 1).await, "");
        assert_eq!(flags(&mut alice, 2).await, "SeenByTeam");
    }

    /// A session that is open while the setting changes hears of what shows differently.
    async fn a_change_of_the_setting_is_heard(house: House) {
        let [mut alice, mut bob, _carol] = team(&house, Seen::Shared).await;
        alice.ok("UID STORE 1 +FLAGS.SILENT (\\Seen)", "").await;
        bob.ok("NOOP", "FLAGS (\\Seen)").await;
        house.set_seen(SUPPORT, Seen::Personal).await;
        bob.ok("NOOP", "* 1 FETCH (UID 1 FLAGS ()").await;
        bob.ok("UID STORE 2 +FLAGS.SILENT (\\Seen)", "").await;
        unseen(&mut bob, 2, "1 3").await;
        house.set_seen(SUPPORT, Seen::Shared).await;
        let heard = bob.ok("NOOP", "* 1 FETCH (UID 1 FLAGS (\\Seen)").await;
        assert!(heard.has("* 2 FETCH (UID 2 FLAGS ()"), "{:?}", heard.lines());
        unseen(&mut bob, 2, "2 3").await;

        // What Bob has seen himself waits for him, wherever it went meanwhile.
        alice.ok("UID MOVE 2 Shared/support@example.org/Archive", "").await;
        house.set_seen(SUPPORT, Seen::Personal).await;
        bob.ok("SELECT Shared/support@example.org/Archive", "* 1 EXISTS").await;
        assert_eq!(flags(&mut bob, 1).await, "\\Seen");
    }
}
