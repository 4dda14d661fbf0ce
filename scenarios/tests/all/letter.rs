//! A letter arrives and is read: the first way through the house.

use postern_testkit::{House, scenario};

const LETTER: &str = "From: Customer <customer@example.net>\r\nTo: support@example.org\r\nSubject: It does not start\r\n\
    Message-ID: <1@example.net>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\n\r\nSince this morning.\r\n";

async fn support_desk(house: &House) {
    for person in ["alice@example.org", "bob@example.org", "carol@example.org"] {
        house.person(person).await;
    }
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxte").await;
    house.grant("support@example.org", "bob@example.org", "lr").await;
}

scenario! {
    /// Alice, a delegate, reads over IMAPS what came for support@ beside her own mail; Bob,
    /// a reader, is refused a flag; Carol, a stranger, is told that nothing is there; and
    /// what was given and taken back fails at Alice's next command.
    async fn a_letter_arrives_and_is_read(house: House) {
        support_desk(&house).await;
        house.deliver("support@example.org", LETTER).await;
        house.deliver("alice@example.org", "Subject: lunch\r\n\r\nAt noon?\r\n").await;

        let mut alice = house.imaps("alice").await;
        alice.login("alice@example.org", postern_testkit::PASSWORD).await;
        let list = alice.ok("LIST \"\" \"*\"", "").await;
        assert!(list.has("\"/\" INBOX"), "{:?}", list.lines());
        assert!(list.has("Shared/support@example.org/INBOX"), "{:?}", list.lines());
        alice.ok("SELECT Shared/support@example.org/INBOX", "[READ-WRITE]").await;
        let letter = alice.ok("FETCH 1 (UID ENVELOPE BODY[])", "It does not start").await;
        let bytes = letter.literal().expect("the letter");
        assert!(bytes.ends_with(LETTER.as_bytes()), "{}", String::from_utf8_lossy(&bytes));
        assert!(bytes.starts_with(b"Return-Path: <sender@example.net>\r\nReceived: from client.example.org"));
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        alice.ok("FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "Subject: lunch").await;

        let mut bob = house.imap_as("bob@example.org").await;
        bob.ok("SELECT Shared/support@example.org/INBOX", "[READ-ONLY]").await; // RFC 4314 section 5.2
        bob.no("STORE 1 +FLAGS (\\Flagged)", "[NOPERM]").await;
        bob.ok("FETCH 1 BODY[TEXT]", "Since this morning.").await;

        let mut carol = house.imap_as("carol@example.org").await;
        carol.no("SELECT Shared/support@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;
        carol.no("SELECT Shared/nothing@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;
        assert!(!carol.ok("LIST \"\" \"*\"", "").await.has("Shared"));

        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        house.revoke("support@example.org", "alice@example.org").await;
        alice.no("FETCH 1 FLAGS", "[NONEXISTENT] No such mailbox").await;
        alice.no("SELECT Shared/support@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;
        assert!(!alice.ok("LIST \"\" \"*\"", "").await.has("Shared"));
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
    }

    /// What is taken back ends IDLE with BYE (docs/design.md section 4).
    async fn idle_ends_with_the_grant(house: House) {
        support_desk(&house).await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        alice.idle().await;
        house.revoke("support@example.org", "alice@example.org").await;
        let last = alice.closed().await;
        assert!(last.iter().any(|line| line.starts_with("* BYE")), "{last:?}");
    }

    /// A suspended person's session ends at its next command, and nobody signs in as them.
    async fn suspension_ends_sessions(house: House) {
        support_desk(&house).await;
        let mut bob = house.imap_as("bob@example.org").await;
        let email = postern_types::Address::parse("bob@example.org").unwrap();
        house.app().suspend_person(house.operator(), &email, true).await.unwrap();
        bob.send(b"x NOOP\r\n").await;
        let last = bob.closed().await;
        assert!(last.iter().any(|line| line.starts_with("* BYE")), "{last:?}");
        let mut again = house.imap("bob").await;
        again.no(&format!("LOGIN bob@example.org \"{}\"", postern_testkit::PASSWORD), "[AUTHENTICATIONFAILED]").await;
        house.app().suspend_person(house.operator(), &email, false).await.unwrap();
        house.imap_as("bob@example.org").await;
    }

    /// A second session hears of new mail, flags and what is expunged (RFC 9051 section 7).
    async fn a_second_session_hears_every_change(house: House) {
        support_desk(&house).await;
        let mut alice = house.imap_as("alice@example.org").await;
        let mut bob = house.imap_as("bob@example.org").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        bob.ok("SELECT Shared/support@example.org/INBOX", "").await;
        let idle = bob.idle().await;

        house.deliver("support@example.org", LETTER).await;
        bob.until("* 1 EXISTS").await;
        let added = alice.append("Shared/support@example.org/INBOX", "\\Seen", b"Subject: two\r\n\r\n2\r\n").await;
        assert!(added.has("* 2 EXISTS") && added.status.starts_with("OK [APPENDUID "), "{added:?}");
        bob.until("* 2 EXISTS").await;
        alice.ok("STORE 1 +FLAGS (\\Deleted $Forwarded)", "\\Deleted").await;
        let flags = bob.until("* 1 FETCH").await;
        assert!(flags.contains("\\Deleted") && flags.contains("$Forwarded"), "{flags}");
        alice.ok("EXPUNGE", "* 1 EXPUNGE").await;
        bob.until("* 1 EXPUNGE").await;
        bob.done(&idle).await;
        alice.ok("MOVE 1 Shared/support@example.org/Archive", "[COPYUID").await;
        bob.ok("NOOP", "* 1 EXPUNGE").await;
        bob.ok("STATUS Shared/support@example.org/Archive (MESSAGES)", "(MESSAGES 1)").await;
    }

    /// Sign-ins, openings and changes are on the trail with who did them.
    async fn the_trail_names_who_did_what(house: House) {
        support_desk(&house).await;
        house.deliver("support@example.org", LETTER).await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        alice.ok("STORE 1 +FLAGS (\\Answered)", "").await;
        let query = postern_app::AuditQuery { most: 100, ..Default::default() };
        let rows = house.app().audit(house.operator(), query).await.unwrap();
        let has = |action: &str, actor: &str| {
            rows.iter().any(|row| row.action == action && row.actor.as_deref() == Some(actor))
        };
        assert!(has("sign-in.accepted", "alice@example.org"));
        assert!(has("mailbox.opened", "alice@example.org"));
        assert!(has("flags.changed", "alice@example.org"));
        assert!(has("message.added", "delivery"));
        assert!(has("grant.given", "operator(0)"));
    }

    /// What was acknowledged is there after a restart, under the same UIDs.
    async fn a_restart_loses_nothing(house: House) {
        support_desk(&house).await;
        house.deliver("support@example.org", LETTER).await;
        let mut alice = house.imap_as("alice@example.org").await;
        let before = alice.ok("STATUS Shared/support@example.org/INBOX (UIDNEXT UIDVALIDITY MESSAGES)", "MESSAGES 1").await;
        drop(alice);
        let house = house.restart().await;
        let mut alice = house.imap_as("alice@example.org").await;
        let after = alice.ok("STATUS Shared/support@example.org/INBOX (UIDNEXT UIDVALIDITY MESSAGES)", "").await;
        assert_eq!(before.lines(), after.lines());
    }
}
