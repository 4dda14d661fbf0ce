//! Properties of credentials over random facts: nothing beyond the scope, no obstacle that opens,
//! and an end that is told to the moment.

use crate::house::*;
use crate::properties::check_all;
use postern_access::{
    AccountFacts, AccountState, Actor, Answerable, CredentialFacts, CredentialState, DirectSignIn, Duty, DutyFacts,
    Hours, MailboxFacts, Obstacle, Policy, Purpose, Purposes, Reach, Verdict, account_verdict, duty_verdict,
    mailbox_verdict, takes_part, voice,
};
use postern_types::{CredentialId, Letter, MailboxId, MailboxName, Rights, Timestamp};
use proptest::prelude::*;

/// Names of mailboxes that cases ask about; the number of each is its place, from 1 on.
const NAMES: [&str; 5] = ["INBOX", "Projects", "Projects/2026", "Projects/2026/May", "Projects-old"];
const STATES: [CredentialState; 5] = [
    CredentialState::Issued,
    CredentialState::Active,
    CredentialState::Suspended,
    CredentialState::Expired,
    CredentialState::Revoked,
];
const PEOPLE: [Answerable; 3] = [Answerable::InUse, Answerable::Suspended, Answerable::Gone];
/// Moments of a case; few, so that ends meet.
const MOMENTS: i64 = 40;

/// Everything a verdict on a credential depends on.
#[derive(Debug, Clone)]
struct Case {
    actor: Actor,
    facts: CredentialFacts,
    account: AccountFacts,
    /// Place in [`NAMES`].
    mailbox: usize,
    now: Timestamp,
}

impl Case {
    fn name(&self) -> MailboxName {
        name(NAMES[self.mailbox])
    }

    fn id(&self) -> MailboxId {
        MailboxId::pack(self.account.id, self.mailbox as i64 + 1).unwrap()
    }

    fn verdict(&self) -> Verdict {
        self.verdict_by(Some(&self.facts))
    }

    fn verdict_by(&self, credential: Option<&CredentialFacts>) -> Verdict {
        let mailbox = self.name();
        let facts = MailboxFacts {
            mailbox: self.id(),
            name: &mailbox,
            special_use: None,
            account: self.account,
            person: None,
            grants: &[],
            credential,
            now: self.now,
        };
        mailbox_verdict(&self.actor, &facts)
    }

    fn with(&self, change: impl FnOnce(&mut Case)) -> Case {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// Every letter that any place of the scope has which covers the mailbox: more is never held.
    fn most(&self) -> Rights {
        let covers = |reach: &Reach| match reach {
            Reach::Account => true,
            Reach::Mailbox(mailbox) => *mailbox == self.id(),
            Reach::Subtree(top) => {
                let (name, top) = (NAMES[self.mailbox], top.as_str());
                name == top || name.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'))
            }
        };
        let covering = self.facts.scope.reaches.iter().filter(|(reach, _)| covers(reach));
        covering.fold(Rights::NONE, |most, (_, rights)| most | *rights)
    }
}

/// Mostly the first of them, so that not every case has something against it.
fn mostly_first<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    prop_oneof![4 => Just(all[0]), 1 => proptest::sample::select(all)]
}

fn scopes() -> impl Strategy<Value = Vec<(Reach, Rights)>> {
    let reach = (0..7_usize).prop_map(|number| match number {
        0 => Reach::Account,
        1..=3 => Reach::Mailbox(MailboxId::pack(support().id, number as i64).unwrap()),
        other => Reach::Subtree(name(NAMES[other - 3])),
    });
    // Letters that no template has are in it too.
    proptest::collection::vec((reach, (0..2048_i64).prop_map(Rights::from_bits)), 0..4)
}

fn policies() -> impl Strategy<Value = Policy> {
    let sign_in = mostly_first(&[DirectSignIn::Allowed, DirectSignIn::ByApproval, DirectSignIn::Blocked]);
    let life = proptest::option::weighted(0.3, 1..MOMENTS);
    let purposes = prop_oneof![3 => Just(Purposes::ALL), 1 => Just(Purposes::of([Purpose::Backup, Purpose::Role]))];
    (sign_in, life, purposes).prop_map(|(direct_sign_in, max_life_ms, purposes)| Policy {
        direct_sign_in,
        max_life_ms,
        purposes,
    })
}

fn facts() -> impl Strategy<Value = CredentialFacts> {
    let kind = (proptest::sample::select(&Purpose::ALL[..]), 0..8_usize, scopes(), policies());
    let times = (
        0..10_i64,
        proptest::option::weighted(0.4, 0..MOMENTS),
        prop_oneof![1 => 0..MOMENTS, 3 => Just(MOMENTS * 2)],
        proptest::option::weighted(0.8, 0..MOMENTS),
    );
    let people = (mostly_first(&PEOPLE), proptest::option::weighted(0.5, mostly_first(&PEOPLE)));
    (kind, times, people).prop_map(|((purpose, state, reaches, policy), times, (owner, holder))| {
        let (issued, starts, expires, opened) = times;
        let mut facts = CredentialFacts {
            purpose,
            state: *STATES.get(state).unwrap_or(&CredentialState::Active),
            issued: Timestamp(issued),
            starts: starts.map(Timestamp),
            expires: Timestamp(expires),
            opened_until: opened.map(Timestamp),
            owner,
            holder,
            policy,
            ..backup()
        };
        facts.scope.reaches = reaches;
        facts
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let state = mostly_first(&[AccountState::Active, AccountState::Suspended, AccountState::Removed]);
    (facts(), state, any::<bool>(), 0..NAMES.len(), 0..MOMENTS).prop_map(
        |(facts, state, delete_protection, mailbox, now)| Case {
            actor: credential(),
            facts,
            account: AccountFacts { state, delete_protection, ..support() },
            mailbox,
            now: Timestamp(now),
        },
    )
}

#[test]
fn no_letter_is_held_outside_the_scope() {
    check_all(&cases(), |case| {
        let held = case.verdict().rights;
        prop_assert!(case.most().contains(held), "{held} held, and the scope has {}", case.most());
        for letter in Letter::ALL {
            let less = case.with(|case| {
                case.facts.scope.reaches.iter_mut().for_each(|(_, rights)| *rights = *rights - letter.into());
            });
            prop_assert!(!less.verdict().rights.has(letter), "{letter:?} is in no scope");
        }
        if case.account.delete_protection && !held.has(Letter::Administer) {
            prop_assert!(!held.intersects(Letter::Expunge | Letter::DeleteMailbox));
        }
        Ok(())
    });
}

#[test]
fn nothing_is_held_on_another_account_or_a_person_s() {
    check_all(&cases(), |case| {
        for account in [AccountFacts { id: account_id(8), ..support() }, own_account(alice())] {
            prop_assert!(case.with(|case| case.account = account).verdict().rights.is_empty());
        }
        // Its own account, and that is a person's by now.
        let own = AccountFacts { id: support().id, ..own_account(alice()) };
        prop_assert!(case.with(|case| case.account = own).verdict().rights.is_empty());
        Ok(())
    });
}

/// A mistake in reading facts opens nothing.
#[test]
fn facts_that_disagree_give_nothing() {
    check_all(&cases(), |case| {
        let other = CredentialId::new(4).unwrap();
        let wrong = [
            case.with(|case| case.facts.id = other),
            case.with(|case| case.facts.account = account_id(8)),
            case.with(|case| case.actor = Actor::Credential { id: other, account: support().id }),
            case.with(|case| {
                let Actor::Credential { id, .. } = case.actor else { return };
                case.actor = Actor::Credential { id, account: account_id(8) };
            }),
        ];
        for case in wrong {
            prop_assert!(case.verdict().rights.is_empty(), "{:?}", case.actor);
        }
        prop_assert!(case.verdict_by(None).rights.is_empty());
        // What is known of a credential is nothing to anybody else.
        for actor in [Actor::Person(alice()), operator()] {
            prop_assert!(case.with(|case| case.actor = actor).verdict().rights.is_empty());
        }
        Ok(())
    });
}

/// An obstacle, and how it is put into a case.
type Put<'a> = (Obstacle, &'a dyn Fn(&mut Case));

/// Each obstacle by itself, put into facts of every kind: it takes everything and gives nothing.
#[test]
fn an_obstacle_more_never_adds_a_letter() {
    let hours: Hours = "12:00-13:00".parse().unwrap();
    let obstacles: [Put<'_>; 14] = [
        (Obstacle::NotOpened, &|case| case.facts.state = CredentialState::Issued),
        (Obstacle::Suspended, &|case| case.facts.state = CredentialState::Suspended),
        (Obstacle::Expired, &|case| case.facts.expires = case.now),
        (Obstacle::Revoked, &|case| case.facts.state = CredentialState::Revoked),
        (Obstacle::NotStarted, &|case| case.facts.starts = Some(case.now.plus_ms(1))),
        (Obstacle::Shut, &|case| (case.facts.purpose, case.facts.opened_until) = (Purpose::Role, None)),
        (Obstacle::OutsideHours, &|case| case.facts.scope.hours = Some(hours)),
        (Obstacle::PolicyBlocks, &|case| case.facts.policy.direct_sign_in = DirectSignIn::Blocked),
        (Obstacle::PolicyPurpose, &|case| case.facts.policy.purposes = Purposes::of([])),
        (Obstacle::PolicyLife, &|case| case.facts.policy.max_life_ms = Some(case.now.0 - case.facts.issued.0)),
        (Obstacle::OwnerSuspended, &|case| case.facts.owner = Answerable::Suspended),
        (Obstacle::OwnerGone, &|case| case.facts.owner = Answerable::Gone),
        (Obstacle::HolderSuspended, &|case| case.facts.holder = Some(Answerable::Suspended)),
        (Obstacle::HolderGone, &|case| case.facts.holder = Some(Answerable::Gone)),
    ];
    check_all(&cases(), |case| {
        for (obstacle, put) in &obstacles {
            let stopped = case.with(put);
            prop_assert!(stopped.facts.standing(case.now).obstacles.contains(obstacle), "{obstacle}");
            prop_assert!(stopped.verdict().rights.is_empty(), "{obstacle} leaves letters");
            prop_assert!(!stopped.verdict().send.send_as, "{obstacle} leaves sending");
        }
        for state in [AccountState::Suspended, AccountState::Removed] {
            prop_assert!(case.with(|case| case.account.state = state).verdict().rights.is_empty());
        }
        let protected = case.with(|case| case.account.delete_protection = true).verdict().rights;
        prop_assert!(case.verdict().rights.contains(protected));
        Ok(())
    });
}

/// From now until the moment that is told nothing changes; and what stands ends then.
#[test]
fn what_is_said_of_an_end_is_exact() {
    check_all(&cases(), |case| {
        let (standing, verdict) = (case.facts.standing(case.now), case.verdict());
        let until = standing.until.map_or(MOMENTS * 3, |until| until.0);
        prop_assert!(until > case.now.0, "a moment to come");
        for moment in case.now.0..until {
            let then = case.facts.standing(Timestamp(moment));
            prop_assert_eq!(&then.obstacles, &standing.obstacles, "at {}", moment);
            prop_assert_eq!(then.until, standing.until, "at {}", moment);
            let later = case.with(|case| case.now = Timestamp(moment)).verdict();
            prop_assert_eq!(&later.rights, &verdict.rights, "at {}", moment);
            prop_assert!(verdict.is_current(Timestamp(moment)), "at {}", moment);
        }
        if standing.stands() {
            let end = standing.until.expect("every credential has an end");
            prop_assert!(!case.facts.standing(end).stands(), "it ends when it says");
            prop_assert_eq!(end, case.facts.ends().min(end), "and no later than its last moment");
        }
        Ok(())
    });
}

/// Hours change as wall clocks do: every minute of two days, in three zones, beside an end within
/// them.
#[test]
fn hours_are_as_exact() {
    const MINUTE_MS: i64 = 60_000;
    for (text, offset) in [("08:00-18:00", 0), ("22:30-06:00", 7200), ("00:00-24:00", -12_600)] {
        let mut facts = backup();
        (facts.issued, facts.offset_seconds) = (Timestamp(0), offset);
        (facts.starts, facts.expires) = (Some(Timestamp(95 * MINUTE_MS)), Timestamp(2000 * MINUTE_MS));
        facts.scope.hours = Some(text.parse().unwrap());
        let at = |minute: i64| facts.standing(Timestamp(minute * MINUTE_MS));
        for minute in 0..2880 {
            let standing = at(minute);
            let until = standing.until.expect("hours always change").0;
            assert!(until > minute * MINUTE_MS && until % MINUTE_MS == 0, "{text} at minute {minute}");
            for later in minute..until / MINUTE_MS {
                assert_eq!(at(later).obstacles, standing.obstacles, "{text} at minute {minute} and {later}");
            }
        }
    }
}

/// A credential opens mailboxes and has no part in anything else, whatever its scope.
#[test]
fn a_credential_has_no_duty() {
    for account in [Some(support()), Some(own_account(alice())), None] {
        // Grants and people in the facts of others are nothing to it.
        let grants = [grant(1, Rights::ALL)];
        let admin = Some(postern_access::PersonFacts { admin: true, ..person(alice()) });
        let facts = DutyFacts { account, person: admin, grants: &grants, now: NOW };
        for duty in Duty::ALL {
            assert!(duty_verdict(&credential(), duty, &facts).is_err(), "{duty:?}");
        }
        assert!(!takes_part(&credential(), &facts) && voice(&credential(), &facts).is_none());
        assert!(account_verdict(&credential(), &facts).rights.is_empty());
    }
}
