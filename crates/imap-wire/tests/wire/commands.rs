//! Every command but FETCH, STORE and SEARCH, as clients write it (RFC 9051 section 6,
//! RFC 3501 section 6).

use crate::{body, parse, refused};
use postern_imap_wire::{
    AclChange, COMMANDS, CommandBody, CommandKind, ListSelection, Options, QResync, SelectParameter, StatusItem,
    parse_command,
};
use postern_types::{Rights, Secret, SpecialUse};

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// RFC 9051 sections 6.1, 6.2.1, 6.3.10, 6.3.13, 6.4.1 to 6.4.3; RFC 3501 section 6.4.1.
#[test]
fn commands_without_arguments_have_none() {
    for (line, expected) in [
        ("CAPABILITY", CommandBody::Capability),
        ("noop", CommandBody::Noop),
        ("Logout", CommandBody::Logout),
        ("STARTTLS", CommandBody::StartTls),
        ("NAMESPACE", CommandBody::Namespace),
        ("IDLE", CommandBody::Idle),
        ("CLOSE", CommandBody::Close),
        ("UNSELECT", CommandBody::Unselect),
        ("CHECK", CommandBody::Check),
        ("EXPUNGE", CommandBody::Expunge),
    ] {
        assert_eq!(body(line), expected);
        assert!(refused(&format!("{line} x")).contains("too many"), "{line}");
        assert!(refused(&format!("{line} ")).contains("too many"), "{line}");
    }
}

/// RFC 9051 section 6.2.3, in the three forms of a string.
#[test]
fn login_takes_any_string_and_shows_no_secret() {
    for line in ["LOGIN alice@example.org hunter2", "login \"alice@example.org\" \"hunter2\""] {
        let login = body(line);
        assert!(!format!("{login:?}").contains("hunter2"));
        let expected = CommandBody::Login { username: "alice@example.org".into(), password: secret("hunter2") };
        assert_eq!(login, expected);
    }
    let CommandBody::Login { password, .. } = body("LOGIN {5}\r\nalice {7+}\r\npa\"s\r\nw") else { panic!("no LOGIN") };
    assert_eq!(password.expose(), b"pa\"s\r\nw");
    assert!(refused("LOGIN alice").starts_with("LOGIN needs a name and a password"));
    assert!(!refused("LOGIN alice \"hunter2").contains("hunter2"));
}

/// RFC 9051 section 6.2.2; RFC 4959 section 3: `=` is an empty initial response.
#[test]
fn authenticate_may_carry_an_initial_response() {
    let authenticate = |mechanism: &str, initial_response: Option<&str>| CommandBody::Authenticate {
        mechanism: mechanism.into(),
        initial_response: initial_response.map(secret),
    };
    assert_eq!(body("AUTHENTICATE plain"), authenticate("PLAIN", None));
    let response = authenticate("PLAIN", Some("\0alice\0secret"));
    assert_eq!(body("AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA=="), response);
    assert!(!format!("{response:?}").contains("secret\""));
    assert_eq!(body("AUTHENTICATE EXTERNAL ="), authenticate("EXTERNAL", Some("")));
    assert!(refused("AUTHENTICATE PLAIN A").contains("base64"));
    assert!(refused("AUTHENTICATE").contains("mechanism"));
}

/// RFC 9051 section 6.3.1; RFC 2971 section 3.1.
#[test]
fn enable_and_id_say_who_talks_and_what_it_can() {
    let enable = CommandBody::Enable { capabilities: vec!["IMAP4REV2".into(), "UTF8=ACCEPT".into()] };
    assert_eq!(body("ENABLE IMAP4rev2 utf8=accept"), enable);
    assert!(refused("ENABLE").contains("ENABLE needs"));
    assert_eq!(body("ID nil"), CommandBody::Id { parameters: vec![] });
    assert_eq!(body("ID ()"), CommandBody::Id { parameters: vec![] });
    let parameters = vec![("name".to_owned(), Some("a \"client\"".to_owned())), ("os".to_owned(), None)];
    assert_eq!(body("ID (\"name\" \"a \\\"client\\\"\" \"os\" NIL)"), CommandBody::Id { parameters });
    assert!(refused("ID (\"name\")").contains("ID needs"));
    assert!(refused(&format!("ID ({})", vec!["\"a\" NIL"; 31].join(" "))).contains("30"));
}

/// RFC 9051 sections 6.3.2 to 6.3.8; RFC 7162 section 3.1.8.
#[test]
fn commands_that_name_a_mailbox_decode_its_name() {
    let mailbox = || "Entwürfe".to_owned();
    assert_eq!(body("SELECT Entw&APw-rfe"), CommandBody::Select { mailbox: mailbox(), parameters: vec![] });
    assert_eq!(body("EXAMINE \"Entw&APw-rfe\""), CommandBody::Examine { mailbox: mailbox(), parameters: vec![] });
    assert_eq!(body("DELETE {12}\r\nEntw&APw-rfe"), CommandBody::Delete { mailbox: mailbox() });
    assert_eq!(body("SUBSCRIBE inbox"), CommandBody::Subscribe { mailbox: "INBOX".into() });
    assert_eq!(body("UNSUBSCRIBE a/b"), CommandBody::Unsubscribe { mailbox: "a/b".into() });
    assert_eq!(body("RENAME a \"b c\""), CommandBody::Rename { from: "a".into(), to: "b c".into() });
    assert!(refused("SELECT").contains("as in SELECT INBOX"));
    assert!(refused("SELECT a b").contains("parentheses"));
    assert!(refused("SELECT a&b").contains("modified UTF-7"));
    assert!(refused("SELECT \"\u{fc}\"").contains("modified UTF-7"));
    assert!(refused("RENAME a").contains("two names"));
}

/// RFC 7162 sections 3.1.8 and 3.2.5, with the examples of section 3.2.5.
#[test]
fn select_says_what_the_client_knows_from_before() {
    let select = |parameters: &str| match body(&format!("SELECT INBOX ({parameters})")) {
        CommandBody::Select { parameters, .. } => parameters,
        other => panic!("{other:?}"),
    };
    let resync = |parameters: &str| match select(parameters).pop() {
        Some(SelectParameter::QResync(QResync { uid_validity, modseq, known })) => {
            (uid_validity, modseq, known.map(|known| known.to_string()))
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(select("CONDSTORE"), [SelectParameter::CondStore]);
    let known = |set: &str| Some(set.to_owned());
    let modseq = 20_050_715_194_045_000;
    assert_eq!(
        resync("CONDSTORE QRESYNC (67890007 20050715194045000 41,43:211,214:541)"),
        (67_890_007, modseq, known("41,43:211,214:541"))
    );
    assert_eq!(
        resync("QRESYNC (67890007 20050715194045000 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000))"),
        (67_890_007, modseq, known("1:29997"))
    );
    assert_eq!(resync("qresync (67890007 20050715194045000 (1,2 3,4))"), (67_890_007, modseq, None));
    assert_eq!(resync("QRESYNC (1 9223372036854775807)"), (1, i64::MAX as u64, None));
    assert_eq!(select("ANNOTATE (x)"), [SelectParameter::Other("ANNOTATE".into())]);
    for wrong in [
        "",
        "()",
        "(1)",
        "(1 2",
        "(0 2)",
        "(1 0)",
        "(1 2 *)",
        "(1 2 $)",
        "(1 2 1:*)",
        "(1 2 (1))",
        "(1 2 3 4)",
        "(1 2 (1 2)",
        "(4294967296 2)",
        "(1 9223372036854775808)",
        "x",
    ] {
        assert!(!refused(&format!("SELECT INBOX (QRESYNC {wrong})")).is_empty(), "{wrong}");
    }
}

/// RFC 9051 section 5.1: after ENABLE IMAP4rev2 names are UTF-8 and `&` is itself.
#[test]
fn names_are_utf8_once_that_was_agreed() {
    let utf8 = Options { utf8: true };
    let command = parse_command("a SELECT \"Q&A für alle\"\r\n".as_bytes(), utf8).unwrap();
    assert_eq!(command.body, CommandBody::Select { mailbox: "Q&A für alle".into(), parameters: vec![] });
    assert!(parse_command(b"a SELECT \"\xff\"\r\n", utf8).unwrap_err().text.contains("UTF-8"));
}

/// RFC 9051 section 6.3.4; RFC 6154 section 3.
#[test]
fn create_may_say_what_the_mailbox_is_for() {
    let create = |mailbox: &str, special_use: &[SpecialUse]| CommandBody::Create {
        mailbox: mailbox.into(),
        special_use: special_use.to_vec(),
    };
    assert_eq!(body("CREATE owatagusiam/"), create("owatagusiam/", &[]));
    assert_eq!(body("CREATE Old (USE (\\archive))"), create("Old", &[SpecialUse::Archive]));
    assert_eq!(body("CREATE Old (USE (\\Sent \\Junk))"), create("Old", &[SpecialUse::Sent, SpecialUse::Junk]));
    assert!(refused("CREATE Old (USE (\\Flagged))").contains("\\Archive"));
    assert!(refused("CREATE Old (COLOR (red))").contains("USE only"));
}

/// RFC 9051 section 6.3.11, RECENT of RFC 3501 section 6.3.10, RFC 7162 section 3.1.7.
#[test]
fn status_lists_its_items_once() {
    use StatusItem::{Deleted, HighestModSeq, Messages, Recent, Size, UidNext, UidValidity, Unseen};
    let line = "STATUS INBOX (MESSAGES unseen UIDNEXT UIDVALIDITY DELETED SIZE RECENT HIGHESTMODSEQ MESSAGES)";
    let items = vec![Messages, Unseen, UidNext, UidValidity, Deleted, Size, Recent, HighestModSeq];
    assert_eq!(body(line), CommandBody::Status { mailbox: "INBOX".into(), items });
    for bad in
        ["STATUS INBOX", "STATUS INBOX ()", "STATUS INBOX MESSAGES", "STATUS INBOX (MESSAGES", "STATUS INBOX (A)"]
    {
        assert!(refused(bad).starts_with("STATUS"), "{bad}");
    }
}

/// RFC 9051 section 6.3.9; RFC 3501 sections 6.3.8 and 6.3.9.
#[test]
fn a_basic_list_has_a_reference_and_a_pattern() {
    let CommandBody::List(list) = body("LIST \"\" *") else { panic!("no LIST") };
    assert_eq!((list.reference.as_str(), list.patterns.as_slice()), ("", &["*".to_owned()][..]));
    assert!(!list.extended);
    let CommandBody::List(list) = body("LIST Shared/ \"Entw&APw-%\"") else { panic!("no LIST") };
    assert_eq!((list.reference.as_str(), list.patterns[0].as_str()), ("Shared/", "Entwü%"));
    let CommandBody::List(list) = body("LIST \"\" \"\"") else { panic!("no LIST") };
    assert_eq!(list.patterns, [""]);
    assert_eq!(body("LSUB \"\" a*"), CommandBody::Lsub { reference: String::new(), pattern: "a*".into() });
    assert!(refused("LIST \"\"").contains("reference and a pattern"));
}

/// RFC 5258 section 3, RFC 5819 section 2, RFC 6154 section 4.
#[test]
fn an_extended_list_selects_and_returns() {
    let line = "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (\"INBOX\" Drafts Sent/%) \
                RETURN (CHILDREN SPECIAL-USE subscribed STATUS (MESSAGES UNSEEN))";
    let CommandBody::List(list) = body(line) else { panic!("no LIST") };
    let expected = ListSelection { subscribed: true, recursive_match: true, ..Default::default() };
    assert_eq!(list.selection, expected);
    assert_eq!(list.patterns, ["INBOX", "Drafts", "Sent/%"]);
    assert!(list.extended && list.returns.children && list.returns.special_use && list.returns.subscribed);
    assert_eq!(list.returns.status, [StatusItem::Messages, StatusItem::Unseen]);

    let CommandBody::List(list) = body("LIST () \"\" % RETURN ()") else { panic!("no LIST") };
    assert!(list.extended && list.returns == Default::default());

    // RFC 5258 section 3.1: RECURSIVEMATCH alone selects nothing it could recurse for.
    assert!(refused("LIST (RECURSIVEMATCH) \"\" *").contains("RECURSIVEMATCH"));
    assert!(refused("LIST (REMOTE RECURSIVEMATCH) \"\" *").contains("RECURSIVEMATCH"));
    assert!(refused("LIST (COLOR) \"\" *").contains("LIST selects by"));
    assert!(refused("LIST \"\" * RETURN (COLOR)").contains("LIST returns"));
    assert!(refused("LIST \"\" * (CHILDREN)").contains("LIST returns"));
    assert!(refused("LIST \"\" ()").contains("pattern"));
    assert!(refused(&format!("LIST \"\" ({})", vec!["*"; 101].join(" "))).contains("100"));
}

/// RFC 4314 section 3.
#[test]
fn rights_are_replaced_added_and_taken_away() {
    let set = |change: AclChange| CommandBody::SetAcl {
        mailbox: "INBOX".into(),
        identifier: "bob@example.org".into(),
        change,
    };
    let rights = |letters: &str| Rights::parse(letters).unwrap();
    assert_eq!(body("SETACL INBOX bob@example.org lrs"), set(AclChange::Replace(rights("lrs"))));
    assert_eq!(body("SETACL INBOX bob@example.org \"\""), set(AclChange::Replace(Rights::NONE)));
    assert_eq!(body("SETACL INBOX bob@example.org +cd"), set(AclChange::Add(rights("kxte"))));
    assert_eq!(body("SETACL INBOX bob@example.org -w"), set(AclChange::Remove(rights("w"))));
    assert!(refused("SETACL INBOX bob@example.org lrq").contains("l r s w"));
    assert!(refused("SETACL INBOX bob@example.org \"l r\"").contains("l r s w"));
    assert!(refused("SETACL INBOX bob@example.org").contains("+lr"));
    let (mailbox, identifier) = ("INBOX".to_owned(), "bob@example.org".to_owned());
    assert_eq!(body("DELETEACL INBOX bob@example.org"), CommandBody::DeleteAcl { mailbox, identifier });
    let (mailbox, identifier) = ("INBOX".to_owned(), "-bob".to_owned());
    assert_eq!(body("LISTRIGHTS INBOX -bob"), CommandBody::ListRights { mailbox, identifier });
    assert_eq!(body("GETACL INBOX"), CommandBody::GetAcl { mailbox: "INBOX".into() });
    assert_eq!(body("MYRIGHTS inbox"), CommandBody::MyRights { mailbox: "INBOX".into() });
}

/// RFC 9208 section 7, and its examples.
#[test]
fn quota_commands_name_roots_and_mailboxes() {
    let root = |text: &str| text.to_owned();
    assert_eq!(body("GETQUOTA \"!partition/sda4\""), CommandBody::GetQuota { root: root("!partition/sda4") });
    assert_eq!(body("getquota \"\""), CommandBody::GetQuota { root: root("") });
    assert_eq!(body("GETQUOTAROOT inbox"), CommandBody::GetQuotaRoot { mailbox: "INBOX".into() });
    let bounds = vec![("STORAGE".to_owned(), 510), ("MESSAGE".to_owned(), 1000)];
    let set = CommandBody::SetQuota { root: root("#user/alice"), bounds };
    assert_eq!(body("SETQUOTA \"#user/alice\" (storage 510 MESSAGE 1000)"), set);
    assert_eq!(body("SETQUOTA \"\" ()"), CommandBody::SetQuota { root: root(""), bounds: Vec::new() });
    for wrong in ["SETQUOTA \"\"", "SETQUOTA \"\" (STORAGE)", "SETQUOTA \"\" (STORAGE -1)", "SETQUOTA \"\" STORAGE 5"] {
        assert!(refused(wrong).contains("as in SETQUOTA"), "{wrong}");
    }
    assert!(refused("GETQUOTA").contains("quota root") && refused("GETQUOTAROOT").contains("INBOX"));
}

/// RFC 9051 section 7.1.3: BAD bears the tag where there is one.
#[test]
fn what_has_no_tag_is_answered_without_one() {
    for bad in ["", " NOOP", "+ NOOP", "a", "a\r\n", "(a) NOOP", "\u{e9} NOOP"] {
        let bad = parse(bad).unwrap_err();
        assert!(bad.tag.is_none() && bad.text.contains("tag"));
    }
    assert!(parse(&format!("{} NOOP", "a".repeat(128))).is_ok());
    assert!(parse(&format!("{} NOOP", "a".repeat(129))).is_err());
    assert!(refused("").contains("Unknown"));
    assert!(refused("XYZZY").contains("Unknown"));
    assert!(refused("UID NOOP").contains("Unknown"));
    assert!(refused("UID").contains("UID stands before"));
    assert!(refused("NOOP\0").contains("NUL"));
    assert!(refused("APPEND INBOX").contains("literal"));
}

/// Each row of the table is a command that the grammar takes, and its kind leads back.
#[test]
fn the_table_and_the_grammar_know_the_same_commands() {
    let arguments = |kind: CommandKind| match kind {
        CommandKind::Login => " alice secret",
        CommandKind::Authenticate => " PLAIN",
        CommandKind::Enable => " IMAP4rev2",
        CommandKind::Compress => " DEFLATE",
        CommandKind::Id => " NIL",
        CommandKind::Fetch | CommandKind::UidFetch => " 1 FLAGS",
        CommandKind::Store | CommandKind::UidStore => " 1 FLAGS ()",
        CommandKind::Search | CommandKind::UidSearch => " ALL",
        CommandKind::UidExpunge => " 1",
        CommandKind::GetQuota => " \"\"",
        CommandKind::SetQuota => " \"\" (STORAGE 512)",
        _ => "",
    };
    for spec in COMMANDS {
        let examples = match spec.mailbox_examples {
            [] => vec![format!("{}{}", spec.name, arguments(spec.kind))],
            examples => examples.iter().map(|example| example.replace("{mailbox}", "Hidden")).collect(),
        };
        for example in examples {
            if spec.kind == CommandKind::Append {
                continue; // Streamed by the framer: see framing.rs.
            }
            let command = body(&example);
            assert_eq!(command.kind(), spec.kind, "{example}");
            assert_eq!(command.spec(), spec);
            assert_eq!(spec.names_mailbox(), example.contains("Hidden"), "{example}");
        }
    }
}
