//! IMAP: names, texts, numbers and lines that are none.

use super::{Amiss, Scene, on_both, run};

/// Bytes of a command behind its tag, and how its answer begins.
type Case<'a> = (&'a [u8], &'a str);

/// Each is answered so, and the next command is understood.
async fn plays(scene: &Scene, prelude: &str, cases: &[Case<'_>]) {
    let mut bob = scene.bob().await;
    bob.asks(prelude, "p OK").await;
    let mut amiss = Amiss::default();
    for (number, (command, expected)) in cases.iter().enumerate() {
        let tag = format!("c{number}");
        bob.say(&[tag.as_bytes(), b" ", command, b"\r\n"].concat()).await;
        let answer = bob.until(&format!("{tag} ")).await;
        amiss.look(command, expected, &answer[tag.len() + 1..]);
        bob.asks(&format!("n{number} NOOP\r\n"), &format!("n{number} OK")).await;
    }
    amiss.end();
}

on_both! {
    /// RFC 3501 section 5.1.3, RFC 9051 section 5.1: what is no name in modified UTF-7, and names that nobody may have.
    async fn names_of_mailboxes(scene: &Scene) {
        plays(scene, "p NOOP\r\n", NAMES).await;
    }

    /// RFC 9051 section 5.1: names are UTF-8 once that is agreed, and no other bytes are.
    async fn names_in_utf8(scene: &Scene) {
        plays(scene, "p ENABLE IMAP4rev2\r\n", NAMES_IN_UTF8).await;
    }

    /// What is looked for is a text: no wildcard, no end of a string, and nothing that the database would trip over.
    async fn texts_to_look_for(scene: &Scene) {
        plays(scene, "p EXAMINE INBOX\r\n", SEARCHES).await;
    }

    /// Flags, numbers, dates, sections, identifiers.
    async fn values(scene: &Scene) {
        plays(scene, "p EXAMINE INBOX\r\n", VALUES).await;
    }
}

const NAMES: &[Case<'_>] = &[
    (b"CREATE \"a\0b\"", "BAD"),
    (b"CREATE {3+}\r\na\0b", "BAD"),
    (b"CREATE {3+}\r\na\rb", "BAD"),
    (b"CREATE {3+}\r\na\nb", "BAD"),
    (b"CREATE \"a\x01b\"", "BAD"),
    (b"CREATE \"a\x7fb\"", "BAD"),
    (b"CREATE \"a\rb\"", "BAD"),
    (b"CREATE \"\xff\xfe\"", "BAD"),
    (b"CREATE \"\xc3\xbc\"", "BAD"),
    (b"CREATE \"&\"", "BAD"),
    (b"CREATE \"&AGE-\"", "BAD"),
    (b"CREATE \"&2AA-\"", "BAD"),
    (b"CREATE \"&2AA\"", "BAD"),
    (b"CREATE \"&AA\"", "BAD"),
    (b"CREATE \"&AAA-\"", "BAD"),
    (b"CREATE \"&AIU-\"", "BAD"),
    (b"CREATE \"&,,,-\"", "BAD"),
    (b"CREATE \"&APw\"", "BAD"),
    (b"CREATE \"&APx-\"", "BAD"),
    (b"CREATE \"a&-b&\"", "BAD"),
    (b"CREATE \"&ICg-\"", "NO [CANNOT]"),
    (b"CREATE .", "NO [CANNOT]"),
    (b"CREATE ..", "NO [CANNOT]"),
    (b"CREATE ../../etc/passwd", "NO [CANNOT]"),
    (b"CREATE a/../b", "NO [CANNOT]"),
    (b"CREATE a/./b", "NO [CANNOT]"),
    (b"CREATE \"a%b\"", "NO [CANNOT]"),
    (b"CREATE \"a*b\"", "NO [CANNOT]"),
    (b"CREATE %", "BAD"),
    (b"CREATE *", "BAD"),
    (b"CREATE \"\"", "NO [CANNOT]"),
    (b"CREATE /", "NO [CANNOT]"),
    (b"CREATE /a", "NO [CANNOT]"),
    (b"CREATE a//b", "NO [CANNOT]"),
    (b"CREATE Shared/../x", "NO"),
    (b"CREATE Shared/alice@example.org/x", "NO"),
    (b"CREATE \"Shared/\\\"alice\\\"@example.org/x\"", "NO"),
    (b"SELECT ..", "NO [NONEXISTENT]"),
    (b"SELECT \"%\"", "NO [NONEXISTENT]"),
    (b"SELECT \"*\"", "NO [NONEXISTENT]"),
    (b"SELECT Shared/%/INBOX", "BAD"),
    (b"SELECT \"Shared/%/INBOX\"", "NO [NONEXISTENT]"),
    (b"SELECT Shared/alice@example.org/INBOX", "NO [NONEXISTENT]"),
    (b"STATUS \"I%\" (MESSAGES)", "NO [NONEXISTENT]"),
    (b"RENAME Archive ../Archive", "NO [CANNOT]"),
    (b"RENAME Archive \"Arch%\"", "NO [CANNOT]"),
    (b"RENAME Archive \"&2AA-\"", "BAD"),
    (b"RENAME \"%\" x", "NO [NONEXISTENT]"),
    (b"DELETE \"*\"", "NO [NONEXISTENT]"),
    (b"DELETE \"Arch%\"", "NO [NONEXISTENT]"),
    (b"DELETE ..", "NO [NONEXISTENT]"),
    (b"SUBSCRIBE \"%\"", "NO"),
    (b"UNSUBSCRIBE \"*\"", "NO"),
    (b"COPY 1 ..", "BAD"),
    (b"APPEND .. {1+}\r\nx", "NO [TRYCREATE]"),
    (b"APPEND \"%\" {1+}\r\nx", "NO [TRYCREATE]"),
    (b"APPEND \"&2AA-\" {1+}\r\nx", "BAD"),
    (b"LIST \"\" \"&2AA-\"", "BAD"),
    (b"LIST \"\xff\" *", "BAD"),
    (b"LIST \"..\" \"../*\"", "OK"),
    (b"LSUB \"\" \"%%%%%%%%*********\"", "OK"),
    (b"SETACL INBOX \"a\0\" lr", "BAD"),
    (b"SETACL INBOX \"\" lr", "NO"),
    (b"SETACL INBOX \"%\" lr", "NO"),
    (b"SETACL INBOX \"*@example.org\" lr", "NO"),
    (b"SETACL INBOX \"a\\\"b@example.org\" lr", "NO"),
    (b"SETACL INBOX alice@example.org \"lr\x01\"", "BAD"),
    (b"SETACL INBOX alice@example.org \"l%\"", "BAD"),
    (b"GETACL \"*\"", "NO [NONEXISTENT]"),
    (b"GETQUOTA \"../%\"", "NO"),
];

const NAMES_IN_UTF8: &[Case<'_>] = &[
    (b"CREATE \"\xff\"", "BAD"),
    (b"CREATE \"a\xc3\"", "BAD"),
    (b"CREATE \"\xc0\xaf\"", "BAD"),
    (b"CREATE \"\xe0\x80\xaf\"", "BAD"),
    (b"CREATE \"\xed\xa0\x80\"", "BAD"),
    (b"CREATE \"\xf4\x90\x80\x80\"", "BAD"),
    (b"CREATE {1+}\r\n\x80", "BAD"),
    (b"CREATE \"a\xc2\x85b\"", "BAD"),
    (b"CREATE \"a\xe2\x80\xa8b\"", "NO [CANNOT]"),
    (b"CREATE \"\xef\xbb\xbfINBOX\"", "NO [CANNOT]"),
    (b"SELECT \"\xff\"", "BAD"),
    (b"LIST \"\" \"\xff*\"", "BAD"),
    (b"STATUS \"\xc0\xae\xc0\xae\" (MESSAGES)", "BAD"),
    (b"SETACL INBOX \"j\xc3\xbcrgen@gr\xc3\xbcn.example\" lr", "NO"),
    (b"SETACL INBOX \"j\xc3rgen@example.org\" lr", "BAD"),
];

const SEARCHES: &[Case<'_>] = &[
    (b"SEARCH SUBJECT \"a\0\"", "BAD"),
    (b"SEARCH SUBJECT {1+}\r\n\0", "BAD"),
    (b"SEARCH SUBJECT \"\xff\"", "BAD"),
    (b"SEARCH CHARSET UTF-8 SUBJECT {1+}\r\n\xff", "BAD"),
    (b"SEARCH CHARSET UTF-8 SUBJECT {2+}\r\n\xc0\xaf", "BAD"),
    (b"SEARCH CHARSET KOI-7 SUBJECT x", "NO [BADCHARSET"),
    (b"SEARCH CHARSET \"\0\" ALL", "BAD"),
    (b"SEARCH SUBJECT \"%\"", "OK"),
    (b"SEARCH TEXT \"*\"", "OK"),
    (b"SEARCH BODY \"' OR 1=1 --\"", "OK"),
    (b"SEARCH HEADER \"\" \"\"", "OK"),
    (b"SEARCH HEADER \"a:b\r\" x", "BAD"),
    (b"SEARCH HEADER \"\x01\" \"\x02\"", "OK"),
    (b"SEARCH KEYWORD (", "BAD"),
    (b"SEARCH KEYWORD \\Seen", "BAD"),
    (b"SEARCH SINCE 31-Feb-2026", "BAD"),
    (b"SEARCH SINCE 1-Foo-2026", "BAD"),
    (b"SEARCH LARGER 99999999999999999999", "BAD"),
    (b"SEARCH LARGER -1", "BAD"),
    (b"SEARCH OLDER 0", "BAD"),
    (b"SEARCH 0", "BAD"),
    (b"SEARCH $", "OK"),
    (b"SEARCH", "BAD"),
    (b"SEARCH OR SEEN", "BAD"),
    (b"SEARCH ()", "BAD"),
];

const VALUES: &[Case<'_>] = &[
    (b"FETCH 0 FLAGS", "BAD"),
    (b"FETCH 4294967296 FLAGS", "BAD"),
    (b"FETCH 99999999999999999999 FLAGS", "BAD"),
    (b"FETCH 1:4294967295 FLAGS", "BAD"),
    (b"FETCH 1,,2 FLAGS", "BAD"),
    (b"FETCH : FLAGS", "BAD"),
    (b"FETCH -1 FLAGS", "BAD"),
    (b"FETCH 1 BODY[0]", "BAD"),
    (b"FETCH 1 BODY[]<0.0>", "BAD"),
    (b"FETCH 1 BODY.PEEK[]<4294967295.4294967295>", "OK"),
    (b"FETCH 1 BODY.PEEK[]<9223372036854775807.1>", "OK"),
    (b"FETCH 1 BODY[]<9223372036854775808.1>", "BAD"),
    (b"FETCH 1 BODY[99999999999.MIME]", "BAD"),
    (b"FETCH 1 BODY.PEEK[HEADER.FIELDS (\"a\0b\")]", "BAD"),
    (b"FETCH 1 BODY.PEEK[HEADER.FIELDS (\"%\" \"*\" \"..\")]", "OK"),
    (b"FETCH 1 (FLAGS) (CHANGEDSINCE 99999999999999999999)", "BAD"),
    (b"STORE 1 +FLAGS (a\x01b)", "BAD"),
    (b"STORE 1 +FLAGS (%)", "BAD"),
    (b"STORE 1 +FLAGS (*)", "BAD"),
    (b"STORE 1 +FLAGS (\\*)", "BAD"),
    (b"STORE 1 +FLAGS (\\Recent)", "NO [CANNOT]"),
    (b"STORE 1 +FLAGS (\xff)", "BAD"),
    (b"STORE 1 +FLAGS (\"quoted\")", "BAD"),
    (b"APPEND INBOX \"99-Nov-2026 10:00:00 +0000\" {1+}\r\nx", "BAD"),
    (b"APPEND INBOX \"01-Nov-2026 10:00:00 +9999\" {1+}\r\nx", "BAD"),
    (b"APPEND INBOX (\\Seen {1+}\r\nx", "BAD"),
    (b"APPEND INBOX {99999999999999999999}", "NO [TOOBIG]"),
    (b"APPEND INBOX {-1}", "BAD"),
    (b"APPEND INBOX {1x}", "BAD"),
    (b"UID EXPUNGE *:0", "BAD"),
    (b"LOGIN \"j\xc3\xbcrgen@example.org\" x", "BAD"),
    (b"AUTHENTICATE PLAIN =", "BAD"),
    (b"AUTHENTICATE \"\0\"", "BAD"),
    (b"ID (\"a\0\" \"b\")", "BAD"),
    (b"ID (\"name\" NIL \"name\")", "BAD"),
    (b"ENABLE \x01", "BAD"),
    (b"COMPRESS \"DEFLATE\0\"", "BAD"),
    (b"\xff\xfe", "BAD"),
    (b"NOOP\rNOOP", "BAD"),
    (b"NOOP\0", "BAD"),
    (b"NOOP ", "BAD"),
];

/// A text with wildcards of the database in it finds what holds it, and nothing else.
#[test]
fn a_wildcard_that_is_looked_for_is_a_letter() {
    run(postern_testkit::Engine::Sqlite, async |scene| {
        let mut bob = scene.bob().await;
        bob.asks("m CREATE Words\r\n", "m OK").await;
        for (number, subject) in ["100% sure", "a_b", "A*B", "plain", "back\\slash"].iter().enumerate() {
            let letter = format!("Subject: {subject}\r\n\r\nx\r\n");
            let append = format!("a{number} APPEND Words {{{}+}}\r\n{letter}\r\n", letter.len());
            bob.asks(&append, &format!("a{number} OK")).await;
        }
        bob.asks("s SELECT Words\r\n", "s OK").await;
        for (text, found) in [("%", " 1"), ("_", " 2"), ("*", " 3"), ("\\\\", " 5"), ("0% s", " 1"), ("a%b", "")] {
            bob.say(format!("f SEARCH SUBJECT \"{text}\"\r\n").as_bytes()).await;
            assert_eq!(bob.until("* SEARCH").await, format!("* SEARCH{found}"), "{text}");
            bob.until("f OK").await;
        }
        bob.asks("d DELETE Words\r\n", "d OK").await;
    });
}

/// What nests is bounded, not followed to the end of the stack.
#[test]
fn what_nests_too_deep_is_refused() {
    run(postern_testkit::Engine::Sqlite, async |scene| {
        let mut bob = scene.bob().await;
        bob.asks("s EXAMINE INBOX\r\n", "s OK").await;
        let deep = [
            format!("SEARCH {}SEEN{}", "(".repeat(15_000), ")".repeat(15_000)),
            format!("SEARCH {}SEEN", "NOT ".repeat(12_000)),
            format!("SEARCH {}SEEN", "OR SEEN ".repeat(6_000)),
            format!("SEARCH {}", "(".repeat(50_000)),
            format!("FETCH 1 BODY[{}MIME]", "1.".repeat(20_000)),
            format!("NOTIFY SET {}", "(".repeat(50_000)),
            format!("LIST {}", "(".repeat(50_000)),
            format!("FETCH 1 {}", "(".repeat(50_000)),
            format!("STORE 1 FLAGS {}", "(".repeat(50_000)),
            format!("ID {}", "(".repeat(50_000)),
        ];
        for (number, command) in deep.iter().enumerate() {
            bob.say(format!("d{number} {command}\r\n").as_bytes()).await;
            let answer = bob.until(&format!("d{number} ")).await;
            assert!(answer.contains(" BAD "), "{}: {answer}", &command[..40]);
            bob.asks(&format!("n{number} NOOP\r\n"), &format!("n{number} OK")).await;
        }
    });
}
