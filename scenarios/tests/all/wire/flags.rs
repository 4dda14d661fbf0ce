//! Flags: what sets \Seen and what does not, STORE in its forms, \Recent.

use super::{add, alice, fill, letter, on_sqlite};

/// RFC 9051 section 6.4.5 and 6.3.3: BODY[] is read, BODY.PEEK[] is looked at, and in a
/// mailbox that EXAMINE opened nothing changes.
#[test]
fn reading_marks_as_read() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 4).await;
        let examined = alice.ok("EXAMINE INBOX", "[READ-ONLY]").await;
        assert!(examined.has("[PERMANENTFLAGS ()]"), "{:?}", examined.lines());
        alice.ok("FETCH 1 BODY[]", "").await;
        alice.no("STORE 1 +FLAGS (\\Seen)", "").await;
        alice.no("EXPUNGE", "").await;
        alice.ok("SEARCH SEEN", "* SEARCH").await;
        assert_eq!(alice.ok("SEARCH SEEN", "").await.lines(), ["* SEARCH"]);
        alice.ok("SELECT INBOX", "[READ-WRITE]").await;
        alice.ok("FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT] RFC822.HEADER ENVELOPE BODYSTRUCTURE)", "").await;
        assert_eq!(alice.ok("SEARCH SEEN", "").await.lines(), ["* SEARCH"]);
        let read = alice.ok("FETCH 1 BODY[TEXT]", "FLAGS (\\Seen").await;
        assert_eq!(read.lines().len(), 1, "{:?}", read.lines());
        assert!(!alice.ok("FETCH 1 BODY[TEXT]", "").await.has("FLAGS"), "told once");
        alice.ok("FETCH 2 RFC822.TEXT", "\\Seen").await;
        alice.ok("FETCH 3 RFC822", "\\Seen").await;
        alice.ok("FETCH 4 BODY[HEADER.FIELDS (SUBJECT)]", "\\Seen").await;
        alice.ok("SEARCH SEEN", "* SEARCH 1 2 3 4").await;
    });
}

/// RFC 4314 section 4: without `s` reading changes nothing, and that is no error; each letter
/// allows its own flags and no others.
#[test]
fn letters_decide_which_flags_change() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        house.person("bob@example.org").await;
        house.shared("support@example.org").await;
        house.grant("support@example.org", "alice@example.org", "lrswipkxte").await;
        let mailbox = "Shared/support@example.org/INBOX";
        add(&mut alice, mailbox, "", &letter("for all")).await;
        for (letters, permanent, may, may_not) in [
            ("lr", "()", "", "\\Seen"),
            ("lrs", "(\\Seen)", "\\Seen", "\\Flagged"),
            ("lrt", "(\\Deleted)", "\\Deleted", "\\Seen"),
        ] {
            house.grant("support@example.org", "bob@example.org", letters).await;
            let mut bob = house.imap_as("bob@example.org").await;
            bob.ok(&format!("SELECT {mailbox}"), &format!("[PERMANENTFLAGS {permanent}]")).await;
            bob.ok("FETCH 1 BODY[TEXT]", "Text of for all").await;
            let seen = bob.ok("FETCH 1 FLAGS", "").await.has("\\Seen");
            assert_eq!(seen, letters.contains('s'), "reading with {letters}");
            bob.no(&format!("STORE 1 +FLAGS ({may_not})"), "[NOPERM]").await;
            if !may.is_empty() {
                bob.ok(&format!("STORE 1 FLAGS ({may})"), may).await;
                bob.ok(&format!("STORE 1 -FLAGS ({may})"), "").await;
            }
            bob.no("EXPUNGE", "[NOPERM]").await;
            bob.no(&format!("COPY 1 {mailbox}"), "[NOPERM]").await;
            house.revoke("support@example.org", "bob@example.org").await;
        }
        // Without `l` and `r` in hand the mailbox is listed or opened, as RFC 4314 divides it.
        house.grant("support@example.org", "bob@example.org", "l").await;
        let mut bob = house.imap_as("bob@example.org").await;
        bob.ok("LIST \"\" Shared/*", mailbox).await;
        bob.no(&format!("SELECT {mailbox}"), "[NOPERM]").await;
        bob.no(&format!("STATUS {mailbox} (MESSAGES)"), "[NOPERM]").await;
    });
}

/// RFC 9051 section 6.4.6.
#[test]
fn store_has_three_actions_and_is_silent_when_told() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 2).await;
        alice.ok("SELECT INBOX", "").await;
        let stored = alice.ok("STORE 1:2 FLAGS (\\Flagged $One)", "$One").await;
        assert_eq!(stored.lines().iter().filter(|line| line.contains(" FETCH (")).count(), 2);
        assert!(
            stored.has("* FLAGS (") && stored.has("[PERMANENTFLAGS "),
            "a new keyword is announced: {:?}",
            stored.lines()
        );
        let stored = alice.ok("STORE 1 +FLAGS (\\Draft)", "\\Draft").await;
        assert!(stored.has("\\Flagged") && stored.has("$One"));
        let stored = alice.ok("STORE 1 -FLAGS (\\Flagged $One)", "\\Draft").await;
        assert!(!stored.has("\\Flagged") && !stored.has("$One"), "{:?}", stored.lines());
        assert!(alice.ok("UID STORE 1 +FLAGS.SILENT (\\Answered)", "").await.lines().is_empty());
        alice.ok("FETCH 1 FLAGS", "\\Answered").await;
        alice.ok("STORE 1 FLAGS ()", "FETCH").await;
        alice.ok("UID STORE 2 +FLAGS \\Seen", "UID 2").await;
        alice.ok("UID STORE 99 +FLAGS (\\Seen)", "").await;
    });
}

/// RFC 3501 section 2.3.2: each message is \Recent to one session; EXAMINE takes none.
#[test]
fn recent_is_told_to_one_session() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 2).await;
        alice.ok("EXAMINE INBOX", "* 2 RECENT").await;
        alice.ok("SELECT INBOX", "* 2 RECENT").await;
        alice.ok("FETCH 1 FLAGS", "(\\Recent)").await;
        let mut other = house.imap_as("alice@example.org").await;
        other.ok("SELECT INBOX", "* 0 RECENT").await;
        alice.ok("SELECT INBOX", "* 0 RECENT").await;
        fill(&mut other, "INBOX", 1).await;
        other.ok("NOOP", "").await;
        alice.ok("NOOP", "* 3 EXISTS").await;
    });
}
