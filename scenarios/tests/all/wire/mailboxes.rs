//! Mailboxes by name: STATUS, CREATE, RENAME, DELETE, LIST, LSUB, SUBSCRIBE, and the ways to
//! open and close one.

use super::{add, alice, fill, letter, on_sqlite};

/// RFC 9051 section 6.3.11, RFC 3501 section 6.3.10: every item, and only what was asked for.
#[test]
fn status_counts() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        let message = letter("counted");
        for flags in ["", "\\Seen", "\\Deleted", "\\Seen \\Deleted"] {
            add(&mut alice, "Archive", flags, &message).await;
        }
        let items = "(MESSAGES RECENT UIDNEXT UNSEEN DELETED SIZE)";
        let expected =
            format!("* STATUS Archive (MESSAGES 4 RECENT 4 UIDNEXT 5 UNSEEN 2 DELETED 2 SIZE {})", message.len() * 4);
        assert_eq!(alice.ok(&format!("STATUS Archive {items}"), "").await.lines(), [expected]);
        let validity = alice.ok("STATUS Archive (UIDVALIDITY)", "UIDVALIDITY").await.lines().remove(0);
        alice.ok("SELECT Archive", validity.trim_start_matches("* STATUS Archive (").trim_end_matches(')')).await;
        alice.ok("STATUS Archive (RECENT)", "(RECENT 0)").await;
        alice.ok("EXPUNGE", "").await;
        alice.ok("STATUS Archive (MESSAGES UIDNEXT DELETED)", "(MESSAGES 2 UIDNEXT 5 DELETED 0)").await;
        alice.bad("STATUS Archive ()", "").await;
        alice.bad("STATUS Archive (NONSENSE)", "").await;
        alice.ok("STATUS Archive (HIGHESTMODSEQ)", "* STATUS Archive (HIGHESTMODSEQ ").await;
        alice.no("STATUS Nothing (MESSAGES)", "[NONEXISTENT]").await;
    });
}

/// RFC 9051 sections 6.3.4 to 6.3.6.
#[test]
fn mailboxes_are_made_renamed_and_deleted() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        alice.ok("CREATE Projects/2026/Spring", "").await;
        alice.ok("CREATE Lists/", "").await;
        alice.no("CREATE Projects", "[ALREADYEXISTS]").await;
        alice.no("CREATE inbox", "[ALREADYEXISTS]").await;
        alice.no("CREATE a//b", "[CANNOT]").await;
        alice.no("CREATE Shared/new", "[CANNOT]").await;
        let list = alice.ok("LIST \"\" Projects*", "").await;
        for name in ["Projects", "Projects/2026", "Projects/2026/Spring"] {
            assert!(list.lines().iter().any(|line| line.ends_with(&format!(" {name}"))), "{name}: {:?}", list.lines());
        }
        assert!(list.line_with("Spring").expect("a line").contains("\\HasNoChildren"));
        fill(&mut alice, "Projects/2026/Spring", 2).await;
        alice.ok("RENAME Projects Work", "").await;
        alice.ok("STATUS Work/2026/Spring (MESSAGES)", "MESSAGES 2").await;
        alice.no("STATUS Projects/2026/Spring (MESSAGES)", "[NONEXISTENT]").await;
        alice.no("RENAME Work Work/2026/Below", "").await;
        alice.no("RENAME Nothing Something", "[NONEXISTENT]").await;
        alice.no("RENAME Work Lists", "[ALREADYEXISTS]").await;
        alice.no("DELETE Work", "").await;
        alice.no("DELETE INBOX", "[CANNOT]").await;
        alice.no("DELETE Nothing", "[NONEXISTENT]").await;
        alice.ok("DELETE Work/2026/Spring", "").await;
        alice.no("SELECT Work/2026/Spring", "[NONEXISTENT]").await;
        // RFC 9051 section 6.3.4: a name made anew has other UIDs or another UIDVALIDITY.
        alice.ok("CREATE Work/2026/Spring", "").await;
        alice.ok("STATUS Work/2026/Spring (MESSAGES)", "MESSAGES 0").await;
        // INBOX gives its messages away and stays (section 6.3.6).
        fill(&mut alice, "INBOX", 3).await;
        alice.ok("RENAME INBOX Kept", "").await;
        alice.ok("STATUS Kept (MESSAGES)", "MESSAGES 3").await;
        alice.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    });
}

/// RFC 3501 section 5.1.3 and RFC 9051 section 5.1: names that are not ASCII.
#[test]
fn names_have_two_spellings() {
    on_sqlite(&[], async |house| {
        let mut old = alice(&house).await;
        old.ok("CREATE \"Gr&APwA3w-e &- more\"", "").await;
        old.bad("CREATE \"R & D\"", "modified UTF-7").await;
        old.ok("LIST \"\" Gr*", "Gr&APwA3w-e &- more").await;
        old.bad("CREATE \"Gr\u{fc}\u{df}e\"", "").await;
        let mut new = house.imap_as("alice@example.org").await;
        new.ok("ENABLE IMAP4rev2", "IMAP4rev2").await;
        new.ok("LIST \"\" Gr*", "Gr\u{fc}\u{df}e & more").await;
        new.ok("SELECT \"Gr\u{fc}\u{df}e & more\"", "").await;
    });
}

/// RFC 9051 section 6.3.9, RFC 3501 section 6.3.9: LIST and LSUB, and what is subscribed.
#[test]
fn subscriptions_are_one_s_own() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        alice.ok("CREATE Fruit/Apple", "").await;
        alice.ok("LIST \"\" \"\"", "* LIST (\\Noselect) \"/\" \"\"").await;
        // What one makes one is subscribed to; a level that only holds others need not be.
        alice.ok("UNSUBSCRIBE Fruit", "").await;
        alice.ok("SUBSCRIBE Fruit/Apple", "").await;
        alice.no("SUBSCRIBE Nothing", "[NONEXISTENT]").await;
        assert!(alice.ok("LSUB \"\" *", "Fruit/Apple").await.lines().iter().all(|line| line.starts_with("* LSUB ")));
        let level = alice.ok("LSUB \"\" %", "Fruit").await;
        assert!(level.line_with("Fruit").expect("the level above").contains("\\Noselect"), "{:?}", level.lines());
        let subscribed = alice.ok("LIST (SUBSCRIBED) \"\" * RETURN (CHILDREN)", "Fruit/Apple").await;
        assert!(subscribed.line_with("Fruit/Apple").expect("a line").contains("\\Subscribed"));
        alice.ok("DELETE Fruit/Apple", "").await;
        // RFC 9051 section 6.3.9.4: a subscription outlives its mailbox.
        assert!(alice.ok("LIST (SUBSCRIBED) \"\" Fruit/*", "Fruit/Apple").await.has("\\NonExistent"));
        alice.ok("UNSUBSCRIBE Fruit/Apple", "").await;
        assert!(!alice.ok("LSUB \"\" *", "").await.has("Apple"));
        let special = alice.ok("LIST (SPECIAL-USE) \"\" *", "\\Sent").await;
        for purpose in ["\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"] {
            assert!(special.has(purpose), "{purpose}: {:?}", special.lines());
        }
        let status = alice.ok("LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))", "").await;
        assert!(status.has("* STATUS INBOX (MESSAGES 0 UNSEEN 0)"), "{:?}", status.lines());
        alice.ok("NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL ((\"Shared/\" \"/\"))").await;
    });
}

/// RFC 9051 sections 6.4.1 and 6.4.2: CLOSE expunges and says nothing of it, UNSELECT does
/// not; after either nothing is selected.
#[test]
fn close_expunges_and_unselect_does_not() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 4).await;
        alice.ok("SELECT INBOX", "").await;
        alice.ok("STORE 1 +FLAGS (\\Deleted)", "").await;
        let closed = alice.ok("UNSELECT", "").await;
        assert!(closed.lines().is_empty());
        alice.bad("FETCH 1 FLAGS", "Select a mailbox first").await;
        alice.ok("EXAMINE INBOX", "* 4 EXISTS").await;
        alice.ok("CLOSE", "").await;
        alice.ok("SELECT INBOX", "* 4 EXISTS").await;
        let closed = alice.ok("CLOSE", "").await;
        assert!(closed.lines().is_empty(), "{:?}", closed.lines());
        alice.bad("CLOSE", "Select a mailbox first").await;
        alice.ok("SELECT INBOX", "* 3 EXISTS").await;
        // RFC 9051 section 6.3.2: a SELECT that fails leaves nothing selected, and says CLOSED.
        let failed = alice.no("SELECT Nothing", "[NONEXISTENT]").await;
        assert!(failed.has("[CLOSED]"), "{:?}", failed.lines());
        alice.bad("FETCH 1 FLAGS", "Select a mailbox first").await;
    });
}

/// RFC 9051 appendix E: what a client of IMAP4rev2 gets instead.
#[test]
fn imap4rev2_is_another_dialect() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 3).await;
        let enabled = alice.ok("ENABLE NONSENSE IMAP4rev2", "").await;
        assert_eq!(enabled.lines(), ["* ENABLED IMAP4rev2"]);
        let selected = alice.ok("SELECT inbox", "[READ-WRITE]").await;
        assert!(selected.has("\"/\" INBOX") && selected.has("* 3 EXISTS"), "{:?}", selected.lines());
        assert!(!selected.has("RECENT") && !selected.has("[UNSEEN"), "{:?}", selected.lines());
        assert!(!alice.ok("FETCH 1:* FLAGS", "FLAGS").await.has("\\Recent"));
        let tag_of = |line: &str| line.split('"').nth(1).map(str::to_owned);
        let found = alice.ok("SEARCH ALL", "* ESEARCH (TAG ").await;
        assert!(found.has("ALL 1:3") && tag_of(&found.lines()[0]).is_some(), "{:?}", found.lines());
        alice.ok("UID SEARCH RETURN (MIN MAX COUNT) ALL", "UID MIN 1 MAX 3 COUNT 3").await;
        alice.ok("SEARCH RETURN (SAVE) 2", "").await;
        let saved = alice.ok("FETCH $ UID", "* 2 FETCH (UID 2)").await;
        assert_eq!(saved.lines().len(), 1);
        assert!(!alice.ok("SEARCH RETURN (COUNT) SEEN", "COUNT 0").await.has("ALL"));
    });
}
