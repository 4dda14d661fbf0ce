//! Short texts that people, programs and the database give: addresses, names of mailboxes, flags, networks, letters,
//! purposes, hours, dates, sizes, credentials, SPF records. What is read and shown is read again as the same, and what is
//! kept of a text by the database must be readable when it comes back.

#![no_main]

#[expect(dead_code, reason = "the command line shows dates in other ways, too")]
#[path = "../../crates/postern/src/cli/dates.rs"]
mod dates;
#[path = "../../crates/postern/src/cli/size.rs"]
mod size;
#[path = "../../crates/postern/src/cli/doctor/spf.rs"]
mod spf;

use libfuzzer_sys::fuzz_target;
use postern_access::{
    CredentialState, DirectSignIn, Duty, Hours, Operation, Protocols, Purposes, Question, Role, TokenRole,
};
use postern_app::{MachineSecret, Someone, Target};
use postern_http::{parse_date, show_date};
use postern_imap_wire::{decode_mailbox, encode_mailbox};
use postern_server::DatabaseUrl;
use postern_server::config::{ListenAddress, check_smarthost};
use postern_store::ObjectId;
use postern_types::{
    Address, DisplayName, Domain, Flags, Keyword, MailboxName, Network, Rights, Secret, Seen, Timestamp,
};
use std::fmt::{Debug, Display};

/// What is shown of a text that was taken is taken again, as the same.
fn again<T: Display + PartialEq + Debug, E: Debug>(text: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
    let first = parse(text).ok()?;
    let shown = first.to_string();
    match parse(&shown) {
        Ok(second) => assert_eq!(second, first, "{text:?} is shown as {shown:?}"),
        Err(error) => panic!("{text:?} is taken, but not {shown:?}, which it is shown as: {error:?}"),
    }
    Some(first)
}

fn check_mail(text: &str) {
    if let Some(address) = again(text, Address::parse) {
        assert_eq!(format!("{}@{}", address.local(), address.domain()), address.as_str());
        assert!(!address.as_str().contains(['/', '\\', '%', '*', '<', '>']) && !has_controls(address.as_str()));
        if let Some(plain) = address.without_tag() {
            assert_eq!(Address::parse(plain.as_str()).as_ref(), Ok(&plain), "{text:?} without its tag");
        }
    }
    again(text, Domain::parse);
    if let Some(name) = again(text, DisplayName::parse) {
        assert!(!has_controls(name.as_str()));
    }
}

fn has_controls(text: &str) -> bool {
    text.contains(char::is_control)
}

fn check_mailbox(text: &str) {
    if let Some(name) = again(text, MailboxName::parse) {
        assert!(!has_controls(name.as_str()) && !name.as_str().contains(['%', '*']));
        assert!(name.as_str().split('/').all(|level| !matches!(level, "" | "." | "..")));
        if let Some(parent) = name.parent() {
            assert_eq!(MailboxName::parse(parent.as_str()).as_ref(), Ok(&parent));
            assert!(name.is_within(&parent) && !parent.is_within(&name));
        }
        for utf8 in [false, true] {
            let mut wire = Vec::new();
            encode_mailbox(&mut wire, name.as_str(), utf8);
            let back = decode_mailbox(&wire, utf8);
            assert_eq!(back.as_deref(), Ok(name.as_str()), "as {:?}", String::from_utf8_lossy(&wire));
        }
    }
    again(text, Seen::parse);
}

fn check_letters(text: &str) {
    if let Some(flags) = again(text, Flags::parse) {
        assert_eq!(flags.union(&flags), flags);
        assert!(flags.difference(&flags).is_empty());
        assert!(flags.keywords().iter().all(|one| Keyword::parse(one.as_str()).as_ref() == Ok(one)));
    }
    if let Some(rights) = again(text, Rights::parse) {
        assert_eq!(Rights::from_bits(rights.bits()), rights);
        assert!(Rights::parse(&rights.with_virtual_letters()).is_ok_and(|wider| wider.contains(rights)));
    }
    again(text, |text| text.parse::<Protocols>());
    again(text, |text| text.parse::<Purposes>());
    again(text, |text| text.parse::<Hours>());
    again(text, Question::parse);
    if let Ok(role) = Role::parse(text) {
        assert_eq!(Role::parse(role.name()).ok(), Some(role));
    }
    let _ = (Duty::parse(text), Operation::parse(text), CredentialState::parse(text), DirectSignIn::parse(text));
    let _ = TokenRole::parse(text);
}

fn check_places(text: &str) {
    if let Some(network) = again(text, |text| text.parse::<Network>()) {
        let _ = (network.is_everything(), network.provider(), network.check_bits());
    }
    again(text, |text| text.parse::<ListenAddress>());
    let _ = (check_smarthost(text), text.parse::<DatabaseUrl>());
    if let Ok(id) = text.parse::<ObjectId>() {
        assert_eq!(id.to_string(), text);
    }
}

fn check_numbers(text: &str) {
    if let Ok(at) = parse_date(text) {
        assert_eq!(parse_date(&show_date(at)), Ok(at), "{text:?}");
    }
    for now in [Timestamp(0), Timestamp(1_795_348_800_000), Timestamp(i64::MAX)] {
        if let Ok(when) = dates::parse(text) {
            assert!(parse_date(&when.ahead_of(now)).is_ok() && parse_date(&when.before(now)).is_ok(), "{text:?}");
        }
    }
    if let Ok(seconds) = dates::span(text) {
        assert!(seconds > 0);
        let _ = postern_types::length(seconds);
    }
    let bounds = [size::parse(text), size::parse_count(text)].into_iter().flatten();
    bounds.for_each(|bound| assert!(bound.0.is_none_or(|number| number > 0 && i64::try_from(number).is_ok())));
}

fn check_credentials(text: &str) {
    let shown = Secret::new(text);
    if let Some(secret) = MachineSecret::parse(&shown) {
        assert!(secret.text() == shown);
    }
    let _ = (Someone::parse(text), Target::parse(text));
}

/// Letters of either case say the same, and a `+` in front of a term nothing (RFC 7208 section 4.6.2).
fn check_spf(text: &str) {
    let addresses = ["198.51.100.7", "2001:db8::7"].map(|one| one.parse().expect("an address"));
    for is_mx in [false, true] {
        let sender = spf::Sender { domain: "garden.org", hostname: "mail.garden.org", addresses: &addresses, is_mx };
        let judged = spf::judge(text, &sender);
        assert_eq!(spf::judge(&text.to_ascii_uppercase(), &sender), judged, "{text:?} in capitals");
        let mut terms = text.split_whitespace();
        let version = terms.next().unwrap_or_default();
        let signed =
            |term: &str| if term.starts_with(['+', '-', '~', '?']) { term.to_owned() } else { format!("+{term}") };
        let plus: String = terms.map(|term| format!(" {}", signed(term))).collect();
        assert_eq!(spf::judge(&format!("{version}{plus}"), &sender), judged, "{text:?} with each qualifier");
    }
    assert_eq!(spf::is_one(text), spf::is_one(&text.to_ascii_lowercase()));
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, text)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    match choice % 7 {
        0 => check_mail(&text),
        1 => check_mailbox(&text),
        2 => check_letters(&text),
        3 => check_places(&text),
        4 => check_numbers(&text),
        5 => check_credentials(&text),
        _ => check_spf(&text),
    }
});
