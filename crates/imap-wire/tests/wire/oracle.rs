//! imap-codec as a second opinion: what we write, it reads; what it writes, we read.

use crate::{body, parse, property};
use imap_codec::decode::Decoder;
use imap_codec::encode::Encoder as _;
use imap_codec::imap_types::response::{Data, Response, Status as OracleStatus};
use imap_codec::{CommandCodec, ResponseCodec};
use postern_imap_wire::{
    Encoder, FetchWriter, ListAttribute, ListEntry, NamespaceEntry, Options, ResponseCode, Section, SectionText,
    Status, StatusItem, StatusValue, Tag, parse_command,
};
use postern_types::{Flags, ModSeq, SpecialUse, Timestamp, Uid, UidValidity};
use proptest::prelude::*;

fn written(write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, false));
    out
}

/// The whole of `wire` as one response.
fn decoded(wire: &[u8]) -> Response<'_> {
    match ResponseCodec::default().decode(wire) {
        Ok(([], response)) => response,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(wire)),
    }
}

/// What belongs behind the head of a literal.
fn text(fetch: &mut FetchWriter<'_>, bytes: &[u8]) {
    let written: Result<(), std::convert::Infallible> = fetch.text(|out| {
        out.extend_from_slice(bytes);
        Ok(())
    });
    written.unwrap();
}

fn data(wire: &[u8]) -> Data<'_> {
    match decoded(wire) {
        Response::Data(data) => data,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(wire)),
    }
}

fn uid(number: u32) -> Uid {
    Uid::new(number).unwrap()
}

/// RFC 9051 section 7.1: every code, before every status.
#[test]
fn status_responses_decode_with_every_code() {
    let flags = Flags::parse("\\Seen $Later").unwrap();
    let (uids, others) = ([uid(1), uid(2), uid(3), uid(7)], [uid(10), uid(11), uid(12), uid(13)]);
    let validity = UidValidity(38505);
    use ResponseCode as C;
    let codes = [
        C::Alert,
        C::AlreadyExists,
        C::AppendUid { uid_validity: validity, uid: uid(3955) },
        C::AuthenticationFailed,
        C::AuthorizationFailed,
        C::BadCharset(&["US-ASCII", "UTF-8"]),
        C::BadEvent(&["MessageNew", "MailboxName"]),
        C::Cannot,
        C::Capability(&["IMAP4rev1", "IMAP4rev2", "AUTH=PLAIN"]),
        C::ClientBug,
        C::Closed,
        C::CompressionActive,
        C::ContactAdmin,
        C::CopyUid { uid_validity: validity, source: &uids, destination: &others },
        C::Corruption,
        C::Expired,
        C::ExpungeIssued,
        C::HasChildren,
        C::HighestModSeq(ModSeq(715_194_045_007)),
        C::InUse,
        C::Limit,
        C::MailboxId("F2212ea87-6097-4256-9d51-71338625"),
        C::Modified(&[7, 9]),
        C::NoModSeq,
        C::NonExistent,
        C::NoPerm,
        C::NotificationOverflow,
        C::NotSaved,
        C::OverQuota,
        C::Parse,
        C::PermanentFlags { flags: &flags, any: true },
        C::PermanentFlags { flags: &Flags::new(), any: false },
        C::PrivacyRequired,
        C::ReadOnly,
        C::ReadWrite,
        C::ServerBug,
        C::TooBig,
        C::TryCreate,
        C::UidNext(uid(4392)),
        C::UidNotSticky,
        C::UidValidity(validity),
        C::Unavailable,
        C::UnknownCte,
        C::Unseen(12),
        C::UseAttr,
    ];
    let tag = Tag::parse(b"A1").unwrap();
    for code in &codes {
        for status in [Status::Ok, Status::No, Status::Bad] {
            let wire = written(|out| out.tagged(&tag, status, Some(code), "Some text"));
            let Response::Status(OracleStatus::Tagged(tagged)) = decoded(&wire) else { panic!("{code:?}") };
            assert_eq!((tagged.tag.as_ref(), tagged.body.text.as_ref()), ("A1", "Some text"));
            let read = format!("{:?}", tagged.body.code.expect("there is a code"));
            // Codes the oracle has no type for come back as the text in the brackets.
            let letters = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_lowercase(), "");
            if !read.starts_with("Other") {
                assert!(letters(&read).starts_with(&letters(code.name())), "{code:?} was read as {read}");
            }
            written(|out| out.untagged(status, Some(code), "x")).iter().for_each(|byte| assert!(byte.is_ascii()));
        }
    }
    let copied = written(|out| out.untagged(Status::Ok, Some(&codes[13]), "Done"));
    assert_eq!(copied, b"* OK [COPYUID 38505 1:3,7 10:13] Done\r\n");
    assert!(matches!(decoded(&written(|out| out.bye(None, "Bye"))), Response::Status(OracleStatus::Bye(_))));
}

/// RFC 9051 section 7.6.
#[test]
fn continuations_decode() {
    for wire in [written(|out| out.continuation("Go on")), written(|out| out.challenge(b"abc"))] {
        assert!(matches!(decoded(&wire), Response::CommandContinuationRequest(_)));
    }
    assert_eq!(written(|out| out.challenge(b"")), b"+ \r\n");
}

/// RFC 9051 sections 7.2, 7.3.1, 7.3.2 and 7.4; RFC 2971; RFC 3501 section 7.2.
#[test]
fn server_and_mailbox_data_decode() {
    let wire = written(|out| out.capability(&["IMAP4rev1", "LITERAL+", "RIGHTS=texk"]));
    assert!(matches!(data(&wire), Data::Capability(all) if all.as_ref().len() == 3));
    let wire = written(|out| out.enabled(&["UTF8=ACCEPT"]));
    assert!(matches!(data(&wire), Data::Enabled { .. }));
    let wire = written(|out| out.id(&[("name", "Postern"), ("version", "0.1.0")]));
    assert!(matches!(data(&wire), Data::Id { parameters: Some(pairs) } if pairs.len() == 2));
    let wire = written(|out| out.id(&[]));
    assert!(matches!(data(&wire), Data::Id { parameters: None }));

    let personal = [NamespaceEntry { prefix: "", delimiter: Some('/') }];
    let shared = [NamespaceEntry { prefix: "Shared/", delimiter: Some('/') }];
    let wire = written(|out| out.namespace(&personal, &[], &shared));
    assert_eq!(wire, b"* NAMESPACE ((\"\" \"/\")) NIL ((\"Shared/\" \"/\"))\r\n");
    assert!(matches!(data(&wire), Data::Namespace { .. }));

    let attributes = [ListAttribute::HasNoChildren, ListAttribute::Use(SpecialUse::Drafts), ListAttribute::Subscribed];
    let entry = ListEntry {
        attributes: &attributes,
        delimiter: Some('/'),
        mailbox: "Shared/support@example.org/Entwürfe",
        subscribed_below: false,
        old_name: None,
    };
    let wire = written(|out| out.list(&entry));
    let line = "* LIST (\\HasNoChildren \\Drafts \\Subscribed) \"/\" Shared/support@example.org/Entw&APw-rfe\r\n";
    assert_eq!(String::from_utf8_lossy(&wire), line);
    assert!(matches!(data(&wire), Data::List { items, .. } if items.len() == 3));
    let wire = written(|out| out.lsub(&entry));
    assert!(matches!(data(&wire), Data::Lsub { .. }));

    let items = [(StatusItem::Messages, 231), (StatusItem::UidNext, 44292), (StatusItem::Size, 10_000_000)];
    let values = items.map(|(item, value)| (item, StatusValue::Number(value)));
    let wire = written(|out| out.status("a b", &values));
    assert_eq!(wire, b"* STATUS \"a b\" (MESSAGES 231 UIDNEXT 44292 SIZE 10000000)\r\n");
    assert!(matches!(data(&wire), Data::Status { items, .. } if items.len() == 3));

    let wire = written(|out| out.flags(&Flags::parse("\\Seen $Later").unwrap()));
    assert!(matches!(data(&wire), Data::Flags(flags) if flags.len() == 2));
    assert!(matches!(data(&written(|out| out.exists(23))), Data::Exists(23)));
    assert!(matches!(data(&written(|out| out.recent(0))), Data::Recent(0)));
    assert!(matches!(data(&written(|out| out.expunge(44))), Data::Expunge(number) if number.get() == 44));
    let wire = written(|out| out.search(&[2, 84, 882], None));
    assert!(matches!(data(&wire), Data::Search(numbers, None) if numbers.len() == 3));
    let wire = written(|out| out.search(&[2, 84], Some(ModSeq(917_162_500))));
    assert!(matches!(data(&wire), Data::Search(numbers, Some(_)) if numbers.len() == 2));
    let wire = written(|out| out.vanished(true, &[(uid(300), uid(302)), (uid(405), uid(405))]));
    assert_eq!(wire, b"* VANISHED (EARLIER) 300:302,405\r\n");
    assert!(matches!(data(&wire), Data::Vanished { earlier: true, .. }));
}

/// RFC 9051 section 7.5.2: all items in one reply, written in two buffers.
#[test]
fn fetch_replies_decode() {
    let fields = SectionText::HeaderFields { names: vec!["Subject".into(), "Date".into()], not: false };
    let mut gap = 0;
    let mut wire = written(|out| {
        let mut fetch = out.fetch(12);
        fetch.uid(uid(4711));
        fetch.flags(&Flags::parse("\\Seen \\Answered $Later").unwrap(), true);
        fetch.internal_date(Timestamp(837_596_665_000));
        fetch.size(44_827);
        fetch.mod_seq(ModSeq(65_402));
        fetch.preformatted("ENVELOPE", b"(NIL \"Hi\" NIL NIL NIL NIL NIL NIL NIL NIL)");
        fetch.preformatted("BODYSTRUCTURE", b"(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 5 1)");
        fetch.no_section(&Section { part: vec![1, 2], text: SectionText::Mime }, None);
        fetch.section_head(&Section { part: vec![], text: fields }, Some(5), 11);
        text(&mut fetch, b"Subject: \r\n");
        fetch.section_head(&Section::WHOLE, None, 9);
        gap = fetch.written();
        fetch.literal_head("RFC822.HEADER", 7);
        text(&mut fetch, b"a: b\0\r\n");
        fetch.finish();
    });
    // A long text is sent from elsewhere, at the place where it belongs.
    wire.splice(gap..gap, *b"a\r\n) \xff{9}");
    let Data::Fetch { seq, items } = data(&wire) else { panic!("no FETCH") };
    assert_eq!((seq.get(), items.as_ref().len()), (12, 11));
}

/// What has no place on the line can not get there.
#[test]
fn words_of_others_can_not_break_a_reply() {
    property("a text", 1000, (".{0,40}", any::<bool>()), |(text, utf8)| {
        let text = format!("{text}\r\n* BYE\0");
        let mut out = Vec::new();
        Encoder::new(&mut out, utf8).untagged(Status::Ok, None, &text);
        prop_assert_eq!(out.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count(), 2);
        prop_assert!(!out.contains(&0) && (utf8 || out.is_ascii()));
        prop_assert!(std::str::from_utf8(&out).is_ok());
        // The oracle takes texts of RFC 3501 only, which are US-ASCII.
        let read = ResponseCodec::default().decode(&out);
        prop_assert!(!out.is_ascii() || matches!(read, Ok(([], Response::Status(_)))));
        Ok(())
    });
    let tag = Tag::parse(b"a").unwrap();
    let wire = written(|out| out.tagged(&tag, Status::No, None, "[ALERT] x"));
    let Response::Status(OracleStatus::Tagged(tagged)) = decoded(&wire) else { panic!("no status") };
    assert!(tagged.body.code.is_none());
    assert_eq!(written(|out| out.tagged(&tag, Status::Ok, None, "")), b"a OK -\r\n");
}

/// Mailbox names and other strings in any form decode.
#[test]
fn lists_of_any_mailbox_decode() {
    property("a listed mailbox", 1000, "[^\\p{C}]{1,40}", |name| {
        let entry = ListEntry {
            attributes: &[],
            delimiter: Some('/'),
            mailbox: &name,
            subscribed_below: false,
            old_name: None,
        };
        let wire = written(|out| out.list(&entry));
        prop_assert!(matches!(ResponseCodec::default().decode(&wire), Ok(([], _))), "{:?}", wire);
        Ok(())
    });
}

/// What both understand, both understand alike: the oracle reads a command and writes it
/// in its own way, and we take that for the same command.
#[test]
fn commands_written_by_the_oracle_are_the_same_commands() {
    let lines = [
        "CAPABILITY",
        "NOOP",
        "LOGOUT",
        "STARTTLS",
        "LOGIN alice@example.org \"a \\\"b\\\"\"",
        "LOGIN {5+}\r\nalice {6+}\r\nse\r\net",
        "AUTHENTICATE PLAIN",
        "AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==",
        "ENABLE UTF8=ACCEPT CONDSTORE",
        "ID (\"name\" \"x\" \"os\" NIL)",
        "NAMESPACE",
        "SELECT INBOX",
        "SELECT Old (CONDSTORE)",
        "EXAMINE \"a b\"",
        "CREATE Entw&APw-rfe",
        "DELETE Old",
        "RENAME Old New",
        "SUBSCRIBE INBOX",
        "UNSUBSCRIBE INBOX",
        "LIST \"\" *",
        "LIST Shared/ \"%\"",
        "LSUB \"\" \"a b*\"",
        "STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE DELETED)",
        "CLOSE",
        "UNSELECT",
        "CHECK",
        "EXPUNGE",
        "UID EXPUNGE 1,3:5",
        "FETCH 1:* FAST",
        "FETCH 1:4,9:* (FLAGS UID ENVELOPE INTERNALDATE BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.SIZE RFC822.TEXT)",
        "UID FETCH 4711 (BODY.PEEK[HEADER.FIELDS (Subject Date)] BODY[1.2.MIME]<0.100> BODY[TEXT] BODY[])",
        "UID FETCH 1 BODY.PEEK[3.HEADER.FIELDS.NOT (From)]",
        "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12 VANISHED)",
        "FETCH 1 (BINARY[1] BINARY.PEEK[2]<0.5> BINARY.SIZE[3])",
        "STORE 1:2 +FLAGS.SILENT (\\Seen $Later)",
        "UID STORE 1 FLAGS (\\Deleted)",
        "STORE 1 (UNCHANGEDSINCE 12) -FLAGS (\\Seen)",
        "SEARCH ALL",
        "UID SEARCH CHARSET UTF-8 OR (UNSEEN FROM x) NOT SUBJECT \"a b\" SINCE 1-Feb-1994 LARGER 5",
        "SEARCH ANSWERED DELETED DRAFT FLAGGED NEW OLD RECENT SEEN UNANSWERED UNDELETED UNDRAFT UNFLAGGED",
        "SEARCH KEYWORD $Later UNKEYWORD x BCC a CC b TO c BODY d TEXT e HEADER f g UID 3 5:7",
        "SEARCH BEFORE 1-Feb-1994 ON 2-Feb-1994 SENTBEFORE 1-Jan-1994 SENTON 1-Jan-1994 SENTSINCE 1-Jan-1994 SMALLER 9",
        "SEARCH OLDER 60 YOUNGER 90",
        "COPY 1:3 Old",
        "UID COPY 3 Old",
        "MOVE 1:3 Old",
        "UID MOVE 3 Old",
        "IDLE",
    ];
    for line in lines {
        let wire = format!("a1 {line}\r\n").into_bytes();
        let Ok(([], command)) = CommandCodec::default().decode(&wire) else { panic!("the oracle knows no {line}") };
        let again = CommandCodec::default().encode(&command).dump();
        let ours = parse_command(&again, Options::default());
        let text = String::from_utf8_lossy(&again).into_owned();
        assert_eq!(ours.unwrap_or_else(|bad| panic!("{text:?}: {}", bad.text)).body, body(line), "{text}");
    }
}

/// Nothing panics, and what a command says does not depend on its line end.
#[test]
fn any_bytes_are_a_command_or_are_not() {
    let words = proptest::sample::select(vec![
        "a",
        " ",
        "  ",
        "UID",
        "FETCH",
        "SEARCH",
        "STORE",
        "LIST",
        "SELECT",
        "(",
        ")",
        "[",
        "]",
        "1:*",
        "\"",
        "\\Seen",
        "<0.9>",
        "BODY",
        "HEADER.FIELDS",
        "NOT",
        "OR",
        "RETURN",
        "FLAGS",
        "{3+}\r\nabc",
        "$",
        ",",
        "é",
        "\0",
        "INBOX",
        "&AOk-",
    ]);
    let line = proptest::collection::vec(words, 0..14).prop_map(|words| words.concat());
    property("a command", 5000, line, |line| {
        prop_assert_eq!(parse(&line), parse(&format!("{line}\r\n")));
        prop_assert_eq!(parse(&line), parse(&format!("{line}\n")));
        Ok(())
    });
}
