//! FETCH, STORE, SEARCH, COPY, MOVE and UID EXPUNGE (RFC 9051 section 6.4, RFC 3501
//! section 6.4), as clients write them.

use crate::{body, refused};
use postern_imap_wire::{
    CommandBody, Date, FetchCommand, FetchItem, Partial, SearchCharset, SearchCommand, SearchKey, SearchReturn,
    Section, SectionText, SequenceNumber, SequenceSet, StoreAction, StoreCommand,
};
use postern_types::{Flags, Keyword, SystemFlag};

fn one(number: u32) -> SequenceSet {
    SequenceSet::single(SequenceNumber::new(number).unwrap())
}

fn fetch(line: &str) -> FetchCommand {
    let CommandBody::Fetch(fetch) = body(line) else { panic!("{line} is no FETCH") };
    fetch
}

fn search(line: &str) -> SearchCommand {
    let CommandBody::Search(search) = body(line) else { panic!("{line} is no SEARCH") };
    search
}

fn store(line: &str) -> StoreCommand {
    let CommandBody::Store(store) = body(line) else { panic!("{line} is no STORE") };
    store
}

/// RFC 9051 section 6.4.5, and the items that RFC 3501 section 6.4.5 has besides.
#[test]
fn fetch_knows_every_plain_item() {
    let items = [
        ("ENVELOPE", FetchItem::Envelope),
        ("flags", FetchItem::Flags),
        ("INTERNALDATE", FetchItem::InternalDate),
        ("UID", FetchItem::Uid),
        ("BODY", FetchItem::Body),
        ("BODYSTRUCTURE", FetchItem::BodyStructure),
        ("RFC822", FetchItem::Rfc822),
        ("RFC822.HEADER", FetchItem::Rfc822Header),
        ("RFC822.TEXT", FetchItem::Rfc822Text),
        ("RFC822.SIZE", FetchItem::Rfc822Size),
        ("MODSEQ", FetchItem::ModSeq),
        ("EMAILID", FetchItem::EmailId),
        ("threadid", FetchItem::ThreadId),
        ("PREVIEW", FetchItem::Preview { lazy: false }),
        ("PREVIEW (LAZY)", FetchItem::Preview { lazy: true }),
        ("BINARY.SIZE[1.2]", FetchItem::BinarySize { part: vec![1, 2] }),
    ];
    for (name, item) in &items {
        assert_eq!(fetch(&format!("FETCH 1 {name}")).items, std::slice::from_ref(item), "{name}");
    }
    let all: Vec<&str> = items.iter().map(|(name, _)| *name).collect();
    let everything = fetch(&format!("UID FETCH 1 ({} FLAGS)", all.join(" ")));
    assert!(everything.by_uid);
    assert_eq!(everything.items, items.map(|(_, item)| item));
}

#[test]
fn fetch_macros_stand_for_their_items_and_stand_alone() {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    assert_eq!(fetch("FETCH 1 FAST").items, [Flags, InternalDate, Rfc822Size]);
    assert_eq!(fetch("FETCH 1 all").items, [Flags, InternalDate, Rfc822Size, Envelope]);
    assert_eq!(fetch("FETCH 1 FULL").items, [Flags, InternalDate, Rfc822Size, Envelope, Body]);
    assert!(refused("FETCH 1 (FAST)").contains("alone"));
}

/// RFC 9051 section 6.4.5.1. The answer repeats a section as it was asked for.
#[test]
fn sections_are_read_and_written_alike() {
    let names = |names: &[&str], not: bool| SectionText::HeaderFields {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        not,
    };
    for (text, part, what) in [
        ("", vec![], SectionText::Whole),
        ("HEADER", vec![], SectionText::Header),
        ("TEXT", vec![], SectionText::Text),
        ("1", vec![1], SectionText::Whole),
        ("4.2.MIME", vec![4, 2], SectionText::Mime),
        ("3.HEADER", vec![3], SectionText::Header),
        ("3.1.TEXT", vec![3, 1], SectionText::Text),
        ("HEADER.FIELDS (Date \"X Y\")", vec![], names(&["Date", "X Y"], false)),
        ("2.HEADER.FIELDS.NOT (Subject)", vec![2], names(&["Subject"], true)),
    ] {
        let section = Section { part, text: what };
        assert_eq!(section.to_string(), text);
        let asked = fetch(&format!("FETCH 1 BODY[{text}]<10.20>")).items;
        let partial = Some(Partial { offset: 10, count: 20 });
        assert_eq!(asked, [FetchItem::BodySection { section: section.clone(), partial, peek: false }], "{text}");
        let asked = fetch(&format!("FETCH 1 body.peek[{text}]")).items;
        assert_eq!(asked, [FetchItem::BodySection { section, partial: None, peek: true }], "{text}");
    }
    let binary = FetchItem::Binary { part: vec![1], partial: Some(Partial { offset: 0, count: 9 }), peek: true };
    assert_eq!(fetch("FETCH 1 BINARY.PEEK[1]<0.9>").items, [binary]);
}

#[test]
fn partial_fetches_stay_within_the_text() {
    let range = |offset: u64, count: u64| Partial { offset, count }.range(100);
    assert_eq!((range(0, 10), range(95, 10), range(100, 1)), (0..10, 95..100, 100..100));
    assert_eq!(range(500, u64::MAX), 100..100);
    assert_eq!(range(1, u64::MAX), 1..100);
}

/// RFC 9051 section 6.4.5: reading sets \Seen, peeking does not.
#[test]
fn only_items_that_read_the_text_set_seen() {
    for (item, sets) in [
        ("BODY[]", true),
        ("BODY.PEEK[]", false),
        ("RFC822", true),
        ("RFC822.TEXT", true),
        ("RFC822.HEADER", false),
        ("BINARY[1]", true),
        ("BINARY.PEEK[1]", false),
        ("BINARY.SIZE[1]", false),
        ("BODY", false),
        ("FLAGS", false),
    ] {
        assert_eq!(fetch(&format!("FETCH 1 {item}")).items[0].sets_seen(), sets, "{item}");
    }
}

/// RFC 7162 sections 3.1.4.1 and 3.2.6.
#[test]
fn fetch_may_ask_for_changes_only() {
    let changes = fetch("UID FETCH 1:* (FLAGS) (CHANGEDSINCE 12345 VANISHED)");
    assert_eq!((changes.changed_since, changes.vanished), (Some(12345), true));
    assert_eq!(fetch("FETCH 1 PREVIEW (CHANGEDSINCE 3)").changed_since, Some(3));
    assert!(refused("FETCH 1 FLAGS (CHANGEDSINCE 3 VANISHED)").contains("VANISHED"));
    assert!(refused("UID FETCH 1 FLAGS (VANISHED)").contains("VANISHED"));
    assert!(refused("FETCH 1 FLAGS (COLOR)").contains("CHANGEDSINCE"));
}

#[test]
fn a_wrong_fetch_is_explained() {
    assert!(refused("FETCH").contains("FETCH 1:5 FLAGS"));
    assert!(refused("FETCH FLAGS").contains("sequence set"));
    assert!(refused("FETCH 1").contains("items"));
    assert!(refused("FETCH 0 FLAGS").contains("start at 1"));
    assert!(refused("FETCH 1 ()").contains("items"));
    assert!(refused("FETCH 1 COLOR").contains("FETCH knows"));
    assert!(refused("FETCH 1 BODY[MIME]").contains("MIME needs a part"));
    assert!(refused("FETCH 1 BODY[0]").contains("counted from 1"));
    assert!(refused("FETCH 1 BODY[1.]").contains("section"));
    assert!(refused("FETCH 1 BODY[HEADER.FIELDS ()]").contains("section"));
    assert!(refused("FETCH 1 BODY[HEADER.FIELDS ({2}\r\n\r\n)]").contains("printable"));
    assert!(refused("FETCH 1 BODY[").contains("section"));
    assert!(refused("FETCH 1 BODY[]<0.0>").contains("at least one"));
    assert!(refused("FETCH 1 BODY[]<1>").contains("partial"));
    assert!(refused("FETCH 1 BINARY[1.MIME]").contains("BINARY takes part numbers"));
    let many: Vec<String> = (1..=257).map(|part| format!("BODY[{part}]")).collect();
    assert!(refused(&format!("FETCH 1 ({})", many.join(" "))).contains("too many items"));
    assert!(refused(&format!("FETCH 1 BODY[{}]", vec!["1"; 257].join("."))).contains("too many levels"));
}

/// RFC 9051 section 6.4.6, RFC 7162 section 3.1.3.
#[test]
fn store_changes_flags_in_three_ways() {
    let flags = |text: &str| Flags::parse(text).unwrap();
    let expected = |action, silent, text| StoreCommand {
        by_uid: false,
        set: one(2),
        unchanged_since: None,
        action,
        silent,
        flags: flags(text),
    };
    assert_eq!(store("STORE 2 FLAGS (\\Seen)"), expected(StoreAction::Replace, false, "\\Seen"));
    assert_eq!(store("STORE 2 +flags.silent (\\deleted $Later)"), expected(StoreAction::Add, true, "\\Deleted $Later"));
    assert_eq!(store("STORE 2 -FLAGS \\Seen $Later"), expected(StoreAction::Remove, false, "\\Seen $Later"));
    assert_eq!(store("STORE 2 FLAGS ()"), expected(StoreAction::Replace, false, ""));
    // RFC 3501 section 2.3.2: no one can change \Recent; clients copy it from FETCH.
    assert_eq!(store("STORE 2 FLAGS (\\Recent \\Seen)"), expected(StoreAction::Replace, false, "\\Seen"));
    let conditional = store("UID STORE $ (UNCHANGEDSINCE 12121230045) +FLAGS.SILENT (\\Deleted)");
    assert_eq!((conditional.by_uid, conditional.set), (true, SequenceSet::Saved));
    assert_eq!(conditional.unchanged_since, Some(12_121_230_045));
    assert!(refused("STORE 2 FLAGS (\\Nonsense)").contains("\\Answered"));
    assert!(refused("STORE 2 COLOR (red)").contains("STORE needs"));
    assert!(refused("STORE 2 +FLAGS").contains("STORE needs"));
    assert!(refused("STORE 2 (COLOR 1) FLAGS ()").contains("UNCHANGEDSINCE"));
}

/// RFC 9051 sections 6.4.7 to 6.4.9.
#[test]
fn messages_are_copied_moved_and_expunged() {
    let mailbox = || "Old".to_owned();
    assert_eq!(body("COPY 3 Old"), CommandBody::Copy { by_uid: false, set: one(3), mailbox: mailbox() });
    assert_eq!(body("UID COPY 3 Old"), CommandBody::Copy { by_uid: true, set: one(3), mailbox: mailbox() });
    assert_eq!(body("MOVE 3 Old"), CommandBody::Move { by_uid: false, set: one(3), mailbox: mailbox() });
    assert_eq!(body("UID MOVE 3 Old"), CommandBody::Move { by_uid: true, set: one(3), mailbox: mailbox() });
    assert_eq!(body("UID EXPUNGE 3"), CommandBody::UidExpunge { uids: one(3) });
    assert!(refused("COPY 3").contains("sequence set and a mailbox"));
    assert!(refused("UID EXPUNGE").contains("UIDs"));
}

/// RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, RFC 5032, RFC 7162 section 3.1.5.
#[test]
fn search_knows_every_key() {
    use SearchKey as K;
    let day = Date::new(1994, 2, 1).unwrap();
    let text = || "Smith".to_owned();
    let keyword = || Keyword::parse("$Later").unwrap();
    for (key, expected) in [
        ("ALL", K::All),
        ("ANSWERED", K::Has(SystemFlag::Answered)),
        ("DELETED", K::Has(SystemFlag::Deleted)),
        ("DRAFT", K::Has(SystemFlag::Draft)),
        ("FLAGGED", K::Has(SystemFlag::Flagged)),
        ("seen", K::Has(SystemFlag::Seen)),
        ("UNANSWERED", K::Lacks(SystemFlag::Answered)),
        ("UNDELETED", K::Lacks(SystemFlag::Deleted)),
        ("UNDRAFT", K::Lacks(SystemFlag::Draft)),
        ("UNFLAGGED", K::Lacks(SystemFlag::Flagged)),
        ("UNSEEN", K::Lacks(SystemFlag::Seen)),
        ("NEW", K::New),
        ("OLD", K::Old),
        ("RECENT", K::Recent),
        ("KEYWORD $Later", K::HasKeyword(keyword())),
        ("UNKEYWORD $Later", K::LacksKeyword(keyword())),
        ("BCC Smith", K::Bcc(text())),
        ("CC \"Smith\"", K::Cc(text())),
        ("FROM {5}\r\nSmith", K::From(text())),
        ("TO Smith", K::To(text())),
        ("SUBJECT Smith", K::Subject(text())),
        ("BODY Smith", K::Body(text())),
        ("TEXT Smith", K::Text(text())),
        ("HEADER Sender \"\"", K::Header { name: "Sender".into(), value: String::new() }),
        ("BEFORE 1-Feb-1994", K::Before(day)),
        ("ON \"1-feb-1994\"", K::On(day)),
        ("SINCE 01-Feb-1994", K::Since(day)),
        ("SENTBEFORE 1-Feb-1994", K::SentBefore(day)),
        ("SENTON 1-Feb-1994", K::SentOn(day)),
        ("SENTSINCE 1-Feb-1994", K::SentSince(day)),
        ("LARGER 4294967296", K::Larger(1 << 32)),
        ("SMALLER 10", K::Smaller(10)),
        ("OLDER 60", K::Older(60)),
        ("YOUNGER 60", K::Younger(60)),
        ("UID 3", K::Uid(one(3))),
        ("3", K::Set(one(3))),
        ("$", K::Set(SequenceSet::Saved)),
        ("MODSEQ 620162338", K::ModSeq(620_162_338)),
        ("emailid M6d99ac3275bb4e", K::EmailId("M6d99ac3275bb4e".into())),
        ("THREADID T64b478a75b7ea9", K::ThreadId("T64b478a75b7ea9".into())),
        ("MODSEQ \"/flags/\\\\draft\" all 620162338", K::ModSeq(620_162_338)),
        ("NOT SEEN", K::Not(Box::new(K::Has(SystemFlag::Seen)))),
        ("OR NEW 3", K::Or(Box::new((K::New, K::Set(one(3)))))),
        ("(NEW)", K::New),
        ("(NEW OLD)", K::And(vec![K::New, K::Old])),
        ("NEW (OLD ALL)", K::And(vec![K::New, K::And(vec![K::Old, K::All])])),
    ] {
        assert_eq!(search(&format!("SEARCH {key}")).key, expected, "{key}");
        assert!(search(&format!("UID SEARCH {key}")).by_uid);
    }
}

/// RFC 9051 section 6.4.4: RETURN before CHARSET before the keys.
#[test]
fn search_says_what_it_wants_to_know_and_in_which_charset() {
    assert_eq!(search("SEARCH ALL").returns, None);
    let all = SearchReturn { all: true, ..Default::default() };
    assert_eq!(search("SEARCH RETURN () ALL").returns, Some(all));
    let every = SearchReturn { min: true, max: true, all: true, count: true, save: true };
    let full = search("SEARCH return (MIN max ALL COUNT SAVE) CHARSET utf-8 TEXT \"é\"");
    assert_eq!(full.returns, Some(every));
    assert_eq!((full.charset, full.key), (SearchCharset::Utf8, SearchKey::Text("é".into())));
    assert_eq!(search("SEARCH CHARSET KOI8-R TEXT x").charset, SearchCharset::Unsupported);
    assert!(refused("SEARCH RETURN (COLOR) ALL").contains("SEARCH returns"));
}

#[test]
fn a_search_may_be_nested_only_so_deep() {
    assert!(matches!(search(&format!("SEARCH {}ALL", "NOT ".repeat(32))).key, SearchKey::Not(_)));
    for deep in ["NOT ".repeat(33) + "ALL", "(".repeat(33) + "ALL" + &")".repeat(33), "OR ALL ".repeat(33) + "ALL"] {
        assert!(refused(&format!("SEARCH {deep}")).contains("32"));
    }
    assert!(refused(&format!("SEARCH {}", "(".repeat(20_000))).contains("32"));
}

#[test]
fn a_wrong_search_is_explained() {
    assert!(refused("SEARCH").contains("SEARCH needs keys"));
    assert!(refused("SEARCH ()").contains("SEARCH needs keys"));
    assert!(refused("SEARCH COLOR red").contains("does not know"));
    assert!(refused("SEARCH FROM").contains("argument"));
    assert!(refused("SEARCH OR NEW").contains("two keys"));
    assert!(refused("SEARCH SINCE yesterday").contains("1-Feb-1994"));
    assert!(refused("SEARCH SINCE 30-Feb-1994").contains("no such day"));
    assert!(refused("SEARCH OLDER 0").contains("from 1"));
    assert!(refused("SEARCH TEXT a  TEXT b").contains("SEARCH needs"));
}
