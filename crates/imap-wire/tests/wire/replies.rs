//! Replies that the oracle does not know, byte by byte (RFC 9051 section 7, RFC 4314,
//! RFC 5258, RFC 3516, RFC 8970).

use postern_imap_wire::{
    BadCommand, Encoder, Esearch, ListAttribute, ListEntry, QuotaResource, Section, SectionText, Tag, write_number_set,
};
use postern_types::{ModSeq, Rights};

fn written(utf8: bool, write: impl FnOnce(&mut Encoder<'_>)) -> String {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out, utf8));
    String::from_utf8(out).unwrap()
}

/// RFC 9051 section 7.3.4; an empty result has no ALL, MIN and MAX.
#[test]
fn esearch_says_what_was_asked() {
    let tag = Tag::parse(b"A282").unwrap();
    let nothing = Esearch { tag: &tag, by_uid: false, min: None, max: None, all: None, count: None, mod_seq: None };
    let numbers = [2, 10, 11];
    let full = Esearch {
        by_uid: true,
        min: Some(2),
        max: Some(11),
        all: Some(&numbers),
        count: Some(3),
        mod_seq: Some(ModSeq(1_236_505)),
        ..nothing
    };
    let line = "* ESEARCH (TAG \"A282\") UID MIN 2 MAX 11 COUNT 3 ALL 2,10:11 MODSEQ 1236505\r\n";
    assert_eq!(written(false, |out| out.esearch(&full)), line);
    let empty = Esearch { all: Some(&[]), count: Some(0), ..nothing };
    assert_eq!(written(false, |out| out.esearch(&empty)), "* ESEARCH (TAG \"A282\") COUNT 0\r\n");
    assert_eq!(written(false, |out| out.esearch(&nothing)), "* ESEARCH (TAG \"A282\")\r\n");
}

/// RFC 4314 sections 3.6 to 3.8, letters as section 2.1.1 wants them.
#[test]
fn rights_are_shown_with_the_virtual_letters() {
    let rights = |letters: &str| Rights::parse(letters).unwrap();
    let entries = [("alice@example.org", Rights::ALL), ("bob@example.org", rights("lr"))];
    let line = "* ACL INBOX alice@example.org lrswipkxteacd bob@example.org lr\r\n";
    assert_eq!(written(false, |out| out.acl("INBOX", &entries)), line);
    let optional = [rights("l"), rights("k")];
    // Section 2.1.1: `c` beside `k`, which it stands for.
    let line = "* LISTRIGHTS \"a b\" bob@example.org \"\" l k c\r\n";
    assert_eq!(written(false, |out| out.list_rights("a b", "bob@example.org", Rights::NONE, &optional)), line);
    assert_eq!(written(false, |out| out.my_rights("INBOX", rights("lre"))), "* MYRIGHTS INBOX lred\r\n");
}

/// RFC 9208 section 4.2, by its examples.
#[test]
fn quotas_are_told_root_by_root() {
    let resource = |name, used, most| QuotaResource { name, used, most };
    let storage = [resource("STORAGE", 10, 512)];
    assert_eq!(written(false, |out| out.quota("", &storage)), "* QUOTA \"\" (STORAGE 10 512)\r\n");
    let both = [resource("STORAGE", 54, 111), resource("MESSAGE", 42, 1000)];
    let line = "* QUOTA #user/alice (STORAGE 54 111 MESSAGE 42 1000)\r\n";
    assert_eq!(written(false, |out| out.quota("#user/alice", &both)), line);
    assert_eq!(written(false, |out| out.quota("a b", &[])), "* QUOTA \"a b\" ()\r\n");
    assert_eq!(written(false, |out| out.quota_root("INBOX", &[""])), "* QUOTAROOT INBOX \"\"\r\n");
    assert_eq!(written(false, |out| out.quota_root("comp.mail.mime", &[])), "* QUOTAROOT comp.mail.mime\r\n");
}

/// RFC 9051 section 6.3.9.7 and RFC 5258 section 3.5: extended items.
#[test]
fn list_has_extended_items() {
    let entry = ListEntry {
        attributes: &[ListAttribute::NonExistent, ListAttribute::HasChildren],
        delimiter: Some('/'),
        mailbox: "Größe",
        subscribed_below: true,
        old_name: Some("Old name"),
    };
    let line = |name: &str| {
        format!(
            "* LIST (\\NonExistent \\HasChildren) \"/\" {name} \
             (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" (\"Old name\"))\r\n"
        )
    };
    assert_eq!(written(false, |out| out.list(&entry)), line("Gr&APYA3w-e"));
    assert_eq!(written(true, |out| out.list(&entry)), line("\"Größe\""));
    let odd = ListEntry { delimiter: Some('\\'), subscribed_below: false, old_name: None, ..entry };
    assert!(written(true, |out| out.list(&odd)).contains(" \"\\\\\" "));
    let flat = ListEntry { delimiter: None, ..odd };
    assert!(written(true, |out| out.list(&flat)).contains(" NIL \"Größe\"\r\n"));
}

/// RFC 3516 section 4.2: NUL goes in a literal8; RFC 8970 section 3.2.
#[test]
fn binary_and_preview_have_their_forms() {
    let line = written(true, |out| {
        let mut fetch = out.fetch(1);
        fetch.binary(&[1, 2], None, Some(b"a\0b"));
        fetch.binary(&[], Some(7), Some(b"ab"));
        fetch.binary(&[3], None, None);
        fetch.binary_size(&[1], 3);
        fetch.preview(Some("Grüße"));
        fetch.preview(None);
        fetch.object_id("EMAILID", &"M6d99ac3275bb4e");
        fetch.finish();
    });
    let expected = "* 1 FETCH (BINARY[1.2] ~{3}\r\na\0b BINARY[]<7> {2}\r\nab BINARY[3] NIL BINARY.SIZE[1] 3 \
                    PREVIEW \"Grüße\" PREVIEW NIL EMAILID (M6d99ac3275bb4e))\r\n";
    assert_eq!(line, expected);
}

#[test]
fn a_section_is_answered_as_it_was_asked() {
    let names = vec!["Subject".to_owned(), "X \"Y\"".to_owned()];
    let section = Section { part: vec![2], text: SectionText::HeaderFields { names, not: true } };
    let line = written(false, |out| {
        let mut fetch = out.fetch(3);
        fetch.section_head(&section, Some(0), 0);
        fetch.finish();
    });
    assert_eq!(line, "* 3 FETCH (BODY[2.HEADER.FIELDS.NOT (Subject \"X \\\"Y\\\"\")]<0> {0}\r\n)\r\n");
}

/// RFC 9051 section 7.1.3: BAD without a tag where there is none; RFC 7889 section 4.
#[test]
fn bad_commands_are_answered() {
    let tag = Tag::parse(b"a");
    let syntax = BadCommand::syntax(tag.clone(), "What?");
    assert_eq!(written(false, |out| out.bad_command(&syntax)), "a BAD What?\r\n");
    assert_eq!(written(false, |out| out.bad_command(&BadCommand { tag: None, ..syntax })), "* BAD What?\r\n");
    let big = BadCommand::too_big(tag, "Too large");
    assert_eq!(written(false, |out| out.bad_command(&big)), "a NO [TOOBIG] Too large\r\n");
}

#[test]
fn number_sets_keep_their_order() {
    let set = |numbers: &[u32]| {
        let mut out = Vec::new();
        write_number_set(&mut out, numbers.iter().copied());
        String::from_utf8(out).unwrap()
    };
    assert_eq!(set(&[]), "");
    assert_eq!(set(&[5]), "5");
    assert_eq!(set(&[5, 6, 7, 9, 3, 4]), "5:7,9,3:4");
    assert_eq!(set(&[u32::MAX - 1, u32::MAX, 1]), "4294967294:4294967295,1");
}
