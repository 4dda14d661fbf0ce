//! SEARCH: every key of RFC 3501 section 6.4.4 over five messages.

use super::{alice, on_sqlite};
use postern_testkit::ImapClient;

/// Flags, INTERNALDATE, and the message.
const MESSAGES: [(&str, &str, &str); 5] = [
    (
        "\\Seen",
        "03-Nov-2026 10:00:00 +0000",
        "From: Ann <ann@example.net>\r\nTo: alice@example.org\r\nCc: team@example.org\r\nSubject: Apples and pears\r\n\
         Date: Mon, 02 Nov 2026 23:30:00 -0500\r\n\r\nRed fruit.\r\n",
    ),
    (
        "\\Answered \\Flagged",
        "05-Nov-2026 10:00:00 +0000",
        "From: Ben <ben@example.net>\r\nTo: bob@example.org\r\nBcc: carol@example.org\r\n\
         Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Label: blue\r\nDate: Wed, 04 Nov 2026 10:00:00 +0000\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVuIHRyZWFzdXJl\r\n",
    ),
    ("\\Draft $Work", "10-Nov-2026 10:00:00 +0000", "From: Ann <ann@example.net>\r\nSubject: Bananas\r\n\r\n"),
    (
        "\\Deleted \\Seen",
        "10-Nov-2026 11:00:00 +0000",
        "From: Cid <cid@example.net>\r\nTo: alice@example.org\r\nSubject: Re: apples\r\n\
         Date: Mon, 09 Nov 2026 10:00:00 +0000\r\n\r\nGreen.\r\n",
    ),
    (
        "",
        "12-Nov-2026 10:00:00 +0000",
        "From: Dora <dora@example.net>\r\nTo: Alice <alice@example.org>\r\nSubject: News\r\n\
         Date: Thu, 12 Nov 2026 09:00:00 +0000\r\n\r\nNothing new.\r\n",
    ),
];

async fn add(client: &mut ImapClient, which: usize) {
    let (flags, date, message) = MESSAGES[which];
    let message = if which == 2 {
        message.to_owned() + &"A long line of nothing much.\r\n".repeat(100)
    } else {
        message.to_owned()
    };
    client.ok(&format!("APPEND INBOX ({flags}) \"{date}\" {{{}+}}\r\n{message}", message.len()), "[APPENDUID").await;
}

/// The first three are old, the last two are recent.
async fn mailbox(house: &postern_testkit::House) -> ImapClient {
    let mut alice = alice(house).await;
    for which in 0..3 {
        add(&mut alice, which).await;
    }
    alice.ok("SELECT INBOX", "* 3 RECENT").await;
    alice.ok("UNSELECT", "").await;
    for which in 3..5 {
        add(&mut alice, which).await;
    }
    alice.ok("SELECT INBOX", "* 2 RECENT").await;
    alice
}

/// RFC 3501 section 6.4.4, key by key.
#[test]
fn every_key_finds_what_it_says() {
    on_sqlite(&[], async |house| {
        let mut alice = mailbox(&house).await;
        for (keys, expected) in [
            ("ALL", "1 2 3 4 5"),
            ("2:3", "2 3"),
            ("4:*", "4 5"),
            ("1,3,5", "1 3 5"),
            ("UID 2,4", "2 4"),
            ("UID 90:99", ""),
            ("ANSWERED", "2"),
            ("UNANSWERED", "1 3 4 5"),
            ("DELETED", "4"),
            ("UNDELETED", "1 2 3 5"),
            ("DRAFT", "3"),
            ("UNDRAFT", "1 2 4 5"),
            ("FLAGGED", "2"),
            ("UNFLAGGED", "1 3 4 5"),
            ("SEEN", "1 4"),
            ("UNSEEN", "2 3 5"),
            ("KEYWORD $Work", "3"),
            ("KEYWORD $work", "3"),
            ("UNKEYWORD $Work", "1 2 4 5"),
            ("KEYWORD $None", ""),
            ("RECENT", "4 5"),
            ("OLD", "1 2 3"),
            ("NEW", "5"),
            ("BEFORE 5-Nov-2026", "1"),
            ("ON 10-Nov-2026", "3 4"),
            ("SINCE 10-Nov-2026", "3 4 5"),
            // Of the Date field the day counts as it was written, whatever its zone.
            ("SENTON 2-Nov-2026", "1"),
            ("SENTBEFORE 4-Nov-2026", "1"),
            ("SENTBEFORE \"5-Nov-2026\"", "1 2"),
            ("SENTSINCE 10-Nov-2026", "3 5"),
            ("LARGER 2000", "3"),
            ("SMALLER 2000", "1 2 4 5"),
            ("FROM ann", "1 3"),
            ("FROM \"ANN@example\"", "1 3"),
            ("TO alice@", "1 4 5"),
            ("CC team", "1"),
            ("BCC carol", "2"),
            ("SUBJECT apples", "1 4"),
            ("SUBJECT \"apples and\"", "1"),
            ("CHARSET UTF-8 SUBJECT {7+}\r\ngr\u{fc}\u{df}e", "2"),
            ("CHARSET US-ASCII SUBJECT news", "5"),
            ("HEADER X-Label \"\"", "2"),
            ("HEADER X-Label BLUE", "2"),
            ("HEADER X-Label red", ""),
            ("HEADER Subject pears", "1"),
            ("BODY fruit", "1"),
            ("BODY apples", ""),
            ("BODY \"hidden treasure\"", "2"),
            ("TEXT apples", "1 4"),
            ("TEXT treasure", "2"),
            ("TEXT dora@example.net", "5"),
            ("NOT SEEN", "2 3 5"),
            ("NOT (SEEN FROM ann)", "2 3 4 5"),
            ("OR FLAGGED DRAFT", "2 3"),
            ("OR (SEEN DELETED) (FROM dora)", "4 5"),
            ("SEEN UNDELETED", "1"),
            ("(FROM ann) SINCE 4-Nov-2026", "3"),
            ("NOT NOT ALL", "1 2 3 4 5"),
        ] {
            let found = alice.ok(&format!("UID SEARCH {keys}"), "* SEARCH").await;
            let expected = format!("* SEARCH {expected}");
            assert_eq!(found.lines(), [expected.trim_end()], "{keys}");
        }
        alice.no("SEARCH CHARSET KOI8-R SUBJECT x", "[BADCHARSET").await;
        alice.bad("SEARCH SINCE yesterday", "").await;
        alice.bad("SEARCH", "").await;
    });
}

/// Sequence numbers and UIDs are told apart, also after an expunge.
#[test]
fn numbers_and_uids_are_told_apart() {
    on_sqlite(&[], async |house| {
        let mut alice = mailbox(&house).await;
        alice.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)", "").await;
        alice.ok("UID EXPUNGE 1", "* 1 EXPUNGE").await;
        assert_eq!(alice.ok("SEARCH FROM ann", "").await.lines(), ["* SEARCH 2"]);
        assert_eq!(alice.ok("UID SEARCH FROM ann", "").await.lines(), ["* SEARCH 3"]);
        assert_eq!(alice.ok("SEARCH UID 3", "").await.lines(), ["* SEARCH 2"]);
        assert_eq!(alice.ok("UID SEARCH 1", "").await.lines(), ["* SEARCH 2"]);
        alice.ok("SEARCH RETURN (MIN MAX ALL COUNT) UNDELETED", "MIN 1 MAX 4 COUNT 3 ALL 1:2,4").await;
    });
}
