//! Commands about more messages than one write touches: they are done in pieces, and seen whole.

use postern_testkit::scenario;

scenario! {
    /// RFC 6851 section 4.3: what stops half way tells what is done. The right is not asked here,
    /// the disk is: the 600th message can not be taken out.
    async fn what_stops_half_way_says_so(house: House) {
        house.person("alice@example.org").await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.append("INBOX", "", b"Subject: one\r\n\r\nText.\r\n").await;
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        for _ in 0..10 {
            alice.ok("COPY 1:* INBOX", "COPYUID").await;
        }
        house.refuse_deletes_of("placement", "OLD.uid = 600").await;
        let moved = alice.no("UID MOVE 1:1024 Archive", "[UNAVAILABLE]").await;
        assert!(moved.has(" 1:500 1:500] Moved"), "{:?}", moved.lines());
        alice.ok("NOOP", "").await;
        alice.ok("STATUS Archive (MESSAGES)", "(MESSAGES 500)").await;
        let said = alice.no("RENAME INBOX Old", "[UNAVAILABLE]").await;
        assert!(said.status.ends_with("what has not moved is in INBOX still: move it there"), "{}", said.status);
        house.allow_deletes().await;
        alice.ok("UID MOVE 1:* Old", "COPYUID").await;
        alice.ok("STATUS Old (MESSAGES)", "(MESSAGES 524)").await;
    }

    /// STORE, MOVE, EXPUNGE and RENAME of INBOX over several writes, watched by a second session.
    async fn what_is_done_in_pieces_is_done_whole(house: House) {
        house.person("alice@example.org").await;
        let mut alice = house.imap_as("alice@example.org").await;
        let mut phone = house.imap_as("alice@example.org").await;
        for subject in ["one", "two", "three", "four", "five"] {
            alice.append("INBOX", "", format!("Subject: {subject}\r\n\r\nText.\r\n").as_bytes()).await;
        }
        alice.ok("SELECT INBOX", "* 5 EXISTS").await;
        for _ in 0..8 {
            alice.ok("COPY 1:* INBOX", "COPYUID").await;
        }
        phone.ok("SELECT INBOX", "* 1280 EXISTS").await;

        alice.ok("STORE 1:* +FLAGS.SILENT (\\Flagged)", "").await;
        let heard = phone.ok("NOOP", "* 1280 FETCH").await;
        assert_eq!(heard.lines().iter().filter(|line| line.contains("FLAGS (\\Flagged")).count(), 1280);

        alice.ok("UID MOVE 1:700 Archive", " 1:700 1:700] ").await;
        let heard = phone.ok("NOOP", "").await;
        assert_eq!(heard.lines().iter().filter(|line| line.contains(" EXPUNGE")).count(), 700);
        alice.ok("STATUS Archive (MESSAGES)", "(MESSAGES 700)").await;

        // The few that are marked go; the many that are not stay.
        alice.ok("UID STORE 701,1280 +FLAGS.SILENT (\\Deleted)", "").await;
        let heard = alice.ok("EXPUNGE", "* 1 EXPUNGE").await;
        assert!(heard.has("* 580 EXPUNGE"), "{:?}", heard.lines());
        alice.ok("UID STORE 702:1279 +FLAGS.SILENT (\\Deleted)", "").await;
        let heard = alice.ok("UID EXPUNGE 1:1278", "").await;
        assert_eq!(heard.lines().iter().filter(|line| line.contains(" EXPUNGE")).count(), 577);

        phone.ok("SELECT Archive", "* 700 EXISTS").await;
        phone.ok("COPY 1:* INBOX", "COPYUID").await;
        alice.ok("RENAME INBOX Old", "").await;
        alice.ok("STATUS INBOX (MESSAGES)", "(MESSAGES 0)").await;
        alice.ok("STATUS Old (MESSAGES DELETED)", "(MESSAGES 701 DELETED 1)").await;
    }
}
