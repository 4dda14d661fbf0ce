//! ENVELOPE, line by line (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2).

mod common;

use common::{check, mail, text};
use postern_types::Limits;

fn envelope(header: &str) -> String {
    text(&check(&mail(&format!("{header}\n\nHello\n")), &Limits::default()).envelope)
}

/// The fields of the address list of a To field.
fn to(value: &str) -> String {
    let envelope = envelope(&format!("To: {value}"));
    let list = envelope.strip_prefix("(NIL NIL NIL NIL NIL ").expect("To is the first list");
    list.strip_suffix(" NIL NIL NIL NIL)").expect("To is the only list").to_owned()
}

/// All ten members in their order; Sender and Reply-To are From where they are absent.
#[test]
fn a_whole_envelope() {
    let header = "Received: from relay.example.org\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: Meeting\n\
                  From: Alice Example <alice@example.org>\nTo: bob@example.org\nCc: carol@example.org\n\
                  Message-ID: <1@example.org>\nIn-Reply-To: <0@example.org>";
    let alice = r#"(("Alice Example" NIL "alice" "example.org"))"#;
    let expected = format!(
        r#"("Fri, 21 Nov 1997 09:55:06 -0600" "Meeting" {alice} {alice} {alice} ((NIL NIL "bob" "example.org")) ((NIL NIL "carol" "example.org")) NIL "<0@example.org>" "<1@example.org>")"#
    );
    assert_eq!(envelope(header), expected);
}

/// "If absent … NIL; if present but empty … the empty string"; empty address fields are NIL (section 7.5.2).
#[test]
fn absent_is_nil_and_empty_is_empty() {
    assert_eq!(envelope("X: y"), "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    let empty = "Date:\nSubject: \nFrom:\nTo: \nMessage-ID:\nIn-Reply-To:";
    assert_eq!(envelope(empty), r#"("" "" NIL NIL NIL NIL NIL NIL "" "")"#);
}

/// Empty Sender and Reply-To take the value of From; filled ones keep their own (section 7.5.2).
#[test]
fn sender_and_reply_to_default_to_from() {
    let given = envelope("From: alice@example.org\nSender: bob@example.org\nReply-To: ");
    let (alice, bob) = (r#"((NIL NIL "alice" "example.org"))"#, r#"((NIL NIL "bob" "example.org"))"#);
    assert_eq!(given, format!("(NIL NIL {alice} {bob} {alice} NIL NIL NIL NIL NIL)"));
}

/// Folds are undone and encoded words stand as they are (RFC 5322 section 2.2.3, RFC 2047 section 6).
#[test]
fn folded_and_encoded_values_stay_raw() {
    let folded = envelope("Subject: one\n two\n\t=?utf-8?Q?drei?=");
    assert!(folded.starts_with("(NIL \"one two\t=?utf-8?Q?drei?=\" NIL"), "{folded}");
}

/// A quote and a backslash are escaped; 8-bit text is a literal, which both revisions read (RFC 3501 section 4.3).
#[test]
fn strings_are_valid_for_both_revisions() {
    assert!(envelope(r#"Subject: say "hi" \o/"#).contains(r#" "say \"hi\" \\o/" "#));
    assert!(envelope("Subject: grün").contains(" {5}\r\ngrün "));
    assert!(envelope("Subject: a\0b").contains(" \"a?b\" "));
    let long = "x".repeat(1500);
    assert!(envelope(&format!("Subject: {long}")).contains(&format!(" {{1500}}\r\n{long} ")));
}

/// RFC 5322 section 3.4 and appendix A.1: display names, quoted strings, comments, groups.
#[test]
fn address_forms() {
    assert_eq!(to("alice@example.org"), r#"((NIL NIL "alice" "example.org"))"#);
    assert_eq!(to("<alice@example.org>"), r#"((NIL NIL "alice" "example.org"))"#);
    assert_eq!(to(r#""Example, \"A\"" <alice@example.org>"#), r#"(("Example, \"A\"" NIL "alice" "example.org"))"#);
    assert_eq!(to("Alice  B.\n Example <alice@example.org>"), r#"(("Alice B. Example" NIL "alice" "example.org"))"#);
    assert_eq!(to("alice@example.org (Alice (A.) Example)"), r#"(("Alice (A.) Example" NIL "alice" "example.org"))"#);
    assert_eq!(to("alice . a @ example . org"), r#"((NIL NIL "alice.a" "example.org"))"#);
    assert_eq!(to(r#""alice a"@example.org"#), r#"((NIL NIL "alice a" "example.org"))"#);
    assert_eq!(to(r#""" <alice@example.org>"#), r#"(("" NIL "alice" "example.org"))"#);
    assert_eq!(to("alice@[IPv6:2001:db8::1]"), r#"((NIL NIL "alice" "[IPv6:2001:db8::1]"))"#);
    let group = "Team: alice@example.org, Bob <bob@example.org>;, carol@example.org";
    assert_eq!(
        to(group),
        r#"((NIL NIL "Team" NIL)(NIL NIL "alice" "example.org")("Bob" NIL "bob" "example.org")(NIL NIL NIL NIL)(NIL NIL "carol" "example.org"))"#
    );
    assert_eq!(to("undisclosed-recipients:;"), r#"((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))"#);
}

/// RFC 5322 section 4.4: a source route is the at-domain-list; empty list elements are passed over.
#[test]
fn obsolete_address_forms() {
    let route = r#"((NIL "@one.example,@two.example" "alice" "example.org"))"#;
    assert_eq!(to("<@one.example,@two.example:alice@example.org>"), route);
    assert_eq!(to(", ,alice@example.org,,"), r#"((NIL NIL "alice" "example.org"))"#);
}

/// What is found in the wild still gives one address for each that was meant, and balanced groups.
#[test]
fn broken_address_lists() {
    let alice = r#"((NIL NIL "alice" "example.org"))"#;
    assert_eq!(to("<alice@example.org"), alice);
    assert_eq!(to("<<alice@example.org>>"), alice);
    assert_eq!(to("Alice"), r#"((NIL NIL "Alice" ""))"#);
    assert_eq!(to("<a@example.org> <b@example.org>"), r#"((NIL NIL "a" "example.org")(NIL NIL "b" "example.org"))"#);
    assert_eq!(to("a@example.org; b@example.org"), r#"((NIL NIL "a" "example.org")(NIL NIL "b" "example.org"))"#);
    assert_eq!(to("Team: a@example.org"), r#"((NIL NIL "Team" NIL)(NIL NIL "a" "example.org")(NIL NIL NIL NIL))"#);
    assert_eq!(to("x@home <a@example.org>"), r#"(("x@home" NIL "a" "example.org"))"#);
    assert_eq!(to("=?utf-8?Q?B,_A?= <a@example.org>"), r#"(("=?utf-8?Q?B,_A?=" NIL "a" "example.org"))"#);
    for unclosed in
        [r#""Alice <a@example.org>"#, "(Alice a@example.org", "a@[192.0.2.1", "Team: <", "\\", ";", ":", "@", "<>"]
    {
        check(&mail(&format!("To: {unclosed}\nFrom: {unclosed}\n\n")), &Limits::default());
    }
}

/// Several To fields are one list (RFC 822 allowed them); of two Subjects the first counts.
#[test]
fn repeated_fields() {
    let twice = envelope("To: a@example.org\nSubject: one\nTo: b@example.org\nSubject: two");
    let expected =
        r#"(NIL "one" NIL NIL NIL ((NIL NIL "a" "example.org")(NIL NIL "b" "example.org")) NIL NIL NIL NIL)"#;
    assert_eq!(twice, expected);
}

/// A header made of addresses gives a bounded list, still well-formed, with its group closed.
#[test]
fn a_huge_list_is_bounded() {
    let members = "a@example.org,".repeat(100_000);
    let list = envelope(&format!("To: Team: {members};"));
    assert!(list.len() < (1 << 20) + 1000, "{}", list.len());
    assert!(list.contains("(NIL NIL NIL NIL))"), "the group is closed");
}
