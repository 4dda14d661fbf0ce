//! Random credentials: what is wished for, what the model makes of it, and what may speak against
//! its sign-in.

use super::account::{Account, Letters, Reach, letters};
use crate::people::address;
use postern_app::{CredentialWish, GrantReach, Hours, Letters as WishedLetters, Networks, Protocols, Purpose};
use postern_testkit::power::Random;
use postern_types::{MailboxName, Rights, Timestamp};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// Who answers for them, and who uses those that somebody uses.
pub const OWNER: &str = "carol@example.org";
pub const HOLDER: &str = "bob@example.org";
/// Messages older than this are shown, where a scope has an age; stories let more days pass.
pub const AGE_MS: i64 = 5 * DAY_MS;

/// What speaks against the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    Nothing,
    NotStarted,
    Expired,
    Suspended,
    Revoked,
    PolicyBlocks,
    PolicyPurpose,
    OtherNetwork,
    OtherHours,
    OtherProtocol,
    NotCheckedOut,
    OtherName,
    DamagedSecret,
    OwnerSuspended,
}

impl Against {
    const ALL: [Against; 14] = [
        Against::Nothing,
        Against::NotStarted,
        Against::Expired,
        Against::Suspended,
        Against::Revoked,
        Against::PolicyBlocks,
        Against::PolicyPurpose,
        Against::OtherNetwork,
        Against::OtherHours,
        Against::OtherProtocol,
        Against::NotCheckedOut,
        Against::OtherName,
        Against::DamagedSecret,
        Against::OwnerSuspended,
    ];
}

/// A credential to be, and how it is to go.
#[derive(Debug)]
pub struct Plan {
    pub wish: CredentialWish,
    pub against: Against,
}

impl Plan {
    /// A random one for this account, which learns its scope.
    pub fn new(random: &mut Random, account: &mut Account, now: Timestamp) -> Self {
        let against = if random.percent(75) { Against::Nothing } else { *random.pick(&Against::ALL) };
        let purpose = match against {
            Against::NotCheckedOut => Purpose::Role,
            _ => *random.pick(&[
                Purpose::Backup,
                Purpose::Archive,
                Purpose::Migration,
                Purpose::Ticketing,
                Purpose::Client,
                Purpose::Role,
                Purpose::Task,
            ]),
        };
        let mut wish = CredentialWish {
            holder: purpose.has_holder().then(|| address(HOLDER)),
            not_delegation: purpose.could_be_delegation().then(|| "the program knows one mailbox".to_owned()),
            older_than_ms: random.percent(25).then_some(AGE_MS),
            networks: Some(network(random, against)),
            hours: hours(random, against, now),
            connections: random.percent(20).then(|| random.between(1, 2) as u32),
            starts: (against == Against::NotStarted).then(|| now.plus_ms(30 * DAY_MS)),
            expires: (purpose == Purpose::Task).then(|| now.plus_ms(60 * DAY_MS)),
            ..CredentialWish::new(purpose, address(OWNER), "a program needs it")
        };
        if against == Against::OtherProtocol {
            wish.protocols = Some("pop3".parse::<Protocols>().expect("a protocol"));
        }
        let (held, on_archive) = some_letters(random, &mut wish);
        account.lenient = wish.letters == Some(WishedLetters::ReadOnly { lenient: true });
        account.older_than = wish.older_than_ms;
        account.scope = places(random, account, &mut wish, held, on_archive);
        Self { wish, against }
    }
}

fn network(random: &mut Random, against: Against) -> Networks {
    let of = |network: &str| Networks::Of(vec![network.parse().expect("a network")]);
    match against {
        Against::OtherNetwork => of("192.0.2.0/24"),
        _ if random.percent(30) => of("127.0.0.0/8"),
        _ => Networks::Any,
    }
}

/// Hours that are now for a while, or later.
fn hours(random: &mut Random, against: Against, now: Timestamp) -> Option<Hours> {
    const DAY_MINUTES: i64 = 24 * 60;
    let minute = now.0 / 60_000;
    let at = |from: i64, to: i64| {
        Hours::of_minutes((minute + from).rem_euclid(DAY_MINUTES), (minute + to).rem_euclid(DAY_MINUTES))
    };
    match against {
        Against::OtherHours => at(120, 240),
        _ if random.percent(20) => at(-120, 240),
        _ => None,
    }
}

/// What each template says (docs/direct-sign-in.md), or letters that are named.
fn some_letters(random: &mut Random, wish: &mut CredentialWish) -> (Letters, &'static str) {
    let (wished, held) = match random.below(10) {
        0 | 1 => (WishedLetters::ReadOnly { lenient: true }, letters("lr")),
        2 => (WishedLetters::ReadOnly { lenient: false }, letters("lr")),
        3..=6 => {
            let likely = |letter: &char| random.percent(if "lr".contains(*letter) { 70 } else { 50 });
            let mut held: Letters = letters("lrswipkxte").into_iter().filter(likely).collect();
            if held.is_empty() {
                held.insert('r');
            }
            let text: String = held.iter().collect();
            (WishedLetters::Rights(Rights::parse(&text).expect("letters")), held)
        }
        _ => {
            let of_template = match wish.purpose {
                Purpose::Backup => "lr",
                Purpose::Archive => "lrte",
                Purpose::Migration => "lrswikte",
                Purpose::Ticketing => "lrswite",
                Purpose::Client | Purpose::Role => "lrswipkxte",
                Purpose::Task => "lrswit",
                other => panic!("{other} has no letters"),
            };
            let on_archive = if wish.purpose == Purpose::Archive { "i" } else { "" };
            return (letters(of_template), on_archive);
        }
    };
    wish.letters = Some(wished);
    (held, "")
}

/// Where the letters are, by names that the wish has from now on.
fn places(
    random: &mut Random,
    account: &Account,
    wish: &mut CredentialWish,
    held: Letters,
    on_archive: &str,
) -> Vec<(Reach, Letters)> {
    let archive = account.mailboxes["Archive"].number;
    let on_archive: Letters = held.iter().copied().chain(on_archive.chars()).collect();
    if random.percent(40) {
        let mut scope = vec![(Reach::Everything, held.clone())];
        if on_archive != held {
            scope.push((Reach::Mailbox(archive), on_archive));
        }
        return scope;
    }
    let mut scope: Vec<(Reach, Letters)> = Vec::new();
    for _ in 0..random.between(1, 3) {
        let name = *random.pick(&["INBOX", "Archive", "Cases", "Cases/Open", "Secret"]);
        let number = account.mailboxes[name].number;
        let parsed = MailboxName::parse(name).expect("a name");
        let (reach, wished) = match random.percent(50) {
            true => (Reach::Mailbox(number), GrantReach::Mailbox(parsed)),
            false => (Reach::Subtree(name.to_owned()), GrantReach::Subtree(parsed)),
        };
        wish.mailboxes.push(wished);
        if !scope.iter().any(|(known, _)| *known == reach) {
            let here = if reach == Reach::Mailbox(archive) { &on_archive } else { &held };
            scope.push((reach, here.clone()));
        }
    }
    scope
}
