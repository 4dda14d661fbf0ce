//! Sequence numbers, UIDs, COPY, MOVE, EXPUNGE, and parts of messages.

use super::{add, alice, fill, on_sqlite};

/// RFC 9051 section 7.5.1: numbers stay while others expunge, until the client is told.
#[test]
fn numbers_hold_until_the_client_is_told() {
    on_sqlite(&[], async |house| {
        let mut here = alice(&house).await;
        let mut there = house.imap_as("alice@example.org").await;
        fill(&mut here, "INBOX", 4).await;
        here.ok("SELECT INBOX", "* 4 EXISTS").await;
        there.ok("SELECT INBOX", "").await;
        there.ok("STORE 2 +FLAGS.SILENT (\\Deleted)", "").await;
        there.ok("EXPUNGE", "* 2 EXPUNGE").await;
        for (number, uid) in [(1, 1), (3, 3), (4, 4)] {
            let shown = here.ok(&format!("FETCH {number} (UID)"), &format!("* {number} FETCH (UID {uid})")).await;
            assert!(!shown.has("EXPUNGE"), "{:?}", shown.lines());
        }
        let gone = here.command("FETCH 2 (UID BODY.PEEK[])").await;
        assert!(!gone.status.starts_with("BAD") && !gone.has("BODY[]"), "{gone:?}");
        let stored = here.ok("STORE 3 +FLAGS (\\Flagged)", "* 3 FETCH").await;
        assert!(!stored.has("EXPUNGE"), "{:?}", stored.lines());
        let found = here.ok("SEARCH FLAGGED", "* SEARCH 3").await;
        assert!(!found.has("EXPUNGE"), "{:?}", found.lines());
        assert!(here.ok("NOOP", "* 2 EXPUNGE").await.lines().iter().all(|line| !line.contains("EXISTS")));
        here.ok("FETCH 2 (UID)", "* 2 FETCH (UID 3)").await;
        here.ok("FETCH * (UID)", "* 3 FETCH (UID 4)").await;
        here.bad("FETCH 4 (UID)", "").await;
        here.ok("UID FETCH 2,3 (FLAGS)", "* 2 FETCH (UID 3 FLAGS").await;
        assert!(here.ok("UID FETCH 99 (FLAGS)", "").await.lines().is_empty());
        // Beyond the last UID, `*` is still the last (RFC 9051 section 9, seq-range).
        here.ok("UID FETCH 99:* (FLAGS)", "UID 4").await;
    });
}

/// RFC 4315: APPENDUID, COPYUID, UID EXPUNGE.
#[test]
fn copies_tell_their_uids() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        fill(&mut alice, "INBOX", 5).await;
        fill(&mut alice, "Archive", 2).await;
        let validity = alice.ok("SELECT Archive", "UIDVALIDITY").await.line_with("UIDVALIDITY").expect("UIDVALIDITY");
        let validity =
            validity.split(['[', ']']).nth(1).and_then(|code| code.split(' ').nth(1)).expect("a number").to_owned();
        alice.ok("SELECT INBOX", "").await;
        alice.ok("COPY 2,4:5 Archive", &format!("[COPYUID {validity} 2,4:5 3:5]")).await;
        alice.ok("UID COPY 99 Archive", "").await;
        alice.no("COPY 1 Nothing", "[TRYCREATE]").await;
        let moved = alice.ok("UID MOVE 1,3 Archive", &format!("[COPYUID {validity} 1,3 6:7]")).await;
        assert!(moved.has("EXPUNGE"), "{:?}", moved.lines());
        alice.ok("UID SEARCH ALL", "* SEARCH 2 4 5").await;
        alice.ok("STORE 1:3 +FLAGS.SILENT (\\Deleted)", "").await;
        let expunged = alice.ok("UID EXPUNGE 4:5", "EXPUNGE").await;
        assert_eq!(expunged.lines().iter().filter(|line| line.contains("EXPUNGE")).count(), 2);
        alice.ok("UID SEARCH ALL", "* SEARCH 2").await;
        alice.ok("STATUS Archive (MESSAGES UIDNEXT)", "(MESSAGES 7 UIDNEXT 8)").await;
        // Copied within one mailbox, the flags go along (RFC 9051 section 6.4.7).
        alice.ok("STORE 1 FLAGS (\\Flagged $Label)", "").await;
        alice.ok("COPY 1 INBOX", "[COPYUID ").await;
        let copy = alice.ok("FETCH 2 FLAGS", "$Label").await;
        assert!(copy.has("\\Flagged"), "{:?}", copy.lines());
    });
}

const NESTED: &str = "From: alice@example.org\r\nSubject: outer\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=outer\r\n\r\npreamble\r\n\
    --outer\r\nContent-Type: text/plain; charset=us-ascii\r\nX-Part: one\r\n\r\nfirst part\r\n\
    --outer\r\nContent-Type: message/rfc822\r\n\r\nFrom: bob@example.org\r\nSubject: inner\r\n\
    Content-Type: multipart/alternative; boundary=inner\r\n\r\n\
    --inner\r\nContent-Type: text/plain\r\n\r\nplain\r\n\
    --inner\r\nContent-Type: text/html\r\n\r\n<p>rich</p>\r\n--inner--\r\n\
    --outer\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n\
    --outer--\r\nepilogue\r\n";

/// RFC 9051 section 6.4.5.1: parts by their numbers, their headers, pieces of them.
#[test]
fn parts_are_cut_where_the_rfc_says() {
    on_sqlite(&[], async |house| {
        let mut alice = alice(&house).await;
        add(&mut alice, "INBOX", "", NESTED).await;
        alice.ok("SELECT INBOX", "").await;
        let sections: [(&str, &str); 16] = [
            ("1", "first part"),
            ("1.MIME", "Content-Type: text/plain; charset=us-ascii\r\nX-Part: one\r\n\r\n"),
            ("2.MIME", "Content-Type: message/rfc822\r\n\r\n"),
            ("2.HEADER.FIELDS (Subject)", "Subject: inner\r\n\r\n"),
            ("2.HEADER.FIELDS.NOT (Content-Type From)", "Subject: inner\r\n\r\n"),
            ("2.1", "plain"),
            ("2.2", "<p>rich</p>"),
            ("2.2.MIME", "Content-Type: text/html\r\n\r\n"),
            ("3", "AAECAw=="),
            ("3.MIME", "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
            ("HEADER.FIELDS (SUBJECT X-None)", "Subject: outer\r\n\r\n"),
            ("HEADER.FIELDS (X-None)", "\r\n"),
            ("1]<0.5>[", "first"),
            ("1]<6.100>[", "part"),
            ("1]<99.5>[", ""),
            ("TEXT]<0.8>[", "preamble"),
        ];
        for (section, expected) in sections {
            let section = section.split_once("]<").map_or_else(
                || format!("{section}]"),
                |(section, partial)| format!("{section}]<{}", partial.trim_end_matches('[')),
            );
            let shown = alice.ok(&format!("FETCH 1 BODY.PEEK[{section}"), "FETCH (BODY[").await;
            let bytes = shown.literal().unwrap_or_else(|| panic!("{section}: {:?}", shown.lines()));
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "BODY[{section}");
        }
        alice.ok("FETCH 1 BODY.PEEK[1]<6.100>", "BODY[1]<6> {4}").await;
        for nothing in ["4", "1.2", "3.1", "2.3", "9.9.9"] {
            alice.ok(&format!("FETCH 1 BODY.PEEK[{nothing}]"), &format!("BODY[{nothing}] NIL")).await;
        }
        let header = alice.ok("FETCH 1 BODY.PEEK[2.HEADER]", "").await.literal().expect("a header");
        assert!(header.starts_with(b"From: bob@example.org\r\n") && header.ends_with(b"boundary=inner\r\n\r\n"));
        let text = alice.ok("FETCH 1 BODY.PEEK[2.TEXT]", "").await.literal().expect("a text");
        assert!(text.starts_with(b"--inner\r\n") && text.ends_with(b"--inner--"), "{}", String::from_utf8_lossy(&text));
        alice.ok("FETCH 1 BINARY.SIZE[3]", "BINARY.SIZE[3] 4").await;
        alice.ok("FETCH 1 BINARY.PEEK[2.2]", "<p>rich</p>").await;
        let structure = alice.ok("FETCH 1 BODYSTRUCTURE", "BODYSTRUCTURE").await.lines().remove(0);
        for part in ["\"inner\"", "\"octet-stream\"", "\"mixed\"", "\"alternative\""] {
            assert!(structure.to_ascii_lowercase().contains(part), "{part}: {structure}");
        }
        // Macros (RFC 9051 section 6.4.5).
        let full = alice.ok("FETCH 1 FULL", "ENVELOPE").await;
        assert!(full.has("INTERNALDATE") && full.has("RFC822.SIZE") && full.has("BODY (") && full.has("FLAGS"));
        // RFC 3501 section 6.4.5: the old names.
        let old = alice.ok("FETCH 1 RFC822", "").await.literal().expect("the message");
        assert_eq!(old, NESTED.as_bytes());
        let header = alice.ok("FETCH 1 RFC822.HEADER", "").await.literal().expect("the header");
        let text = alice.ok("FETCH 1 RFC822.TEXT", "").await.literal().expect("the text");
        assert_eq!([header, text].concat(), NESTED.as_bytes());
    });
}
