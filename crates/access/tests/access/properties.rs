//! Properties over random facts: what is taken away adds nothing, order is nothing, and a
//! verdict holds as long as it says.
//!
//! One narrowing is deliberate. Per grantee the most specific grant wins, so a narrow grant
//! holds back what a broader one of the same grantee gives, and gives it free when it is
//! removed or ends. Everything else that is removed can only take away.

use crate::house::*;
use postern_access::{
    AccountFacts, AccountState, Actor, Duty, DutyFacts, GrantFact, MailboxFacts, Operation, PersonFacts, Reach,
    Verdict, duty_verdict, mailbox_verdict,
};
use postern_types::{GrantId, Letter, MailboxId, MailboxName, Rights, SendRights, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};

/// Names of mailboxes that cases ask about.
const NAMES: [&str; 4] = ["INBOX", "Projects", "Projects/2026", "Projects/2026/May"];

/// Everything one verdict depends on, owned so that it can be changed.
#[derive(Debug, Clone)]
struct Case {
    account: AccountFacts,
    person: PersonFacts,
    mailbox: MailboxName,
    grants: Vec<GrantFact>,
    now: Timestamp,
}

impl Case {
    fn verdict(&self) -> Verdict {
        let facts = MailboxFacts {
            mailbox: inbox_of(self.account),
            name: &self.mailbox,
            special_use: None,
            account: self.account,
            person: Some(self.person),
            grants: &self.grants,
            credential: None,
            now: self.now,
        };
        mailbox_verdict(&Actor::Person(alice()), &facts)
    }
    fn duties(&self) -> Vec<Duty> {
        let facts =
            DutyFacts { account: Some(self.account), person: Some(self.person), grants: &self.grants, now: self.now };
        let mut duties = Duty::ALL.to_vec();
        duties.retain(|duty| duty_verdict(&Actor::Person(alice()), *duty, &facts).is_ok());
        duties
    }
    /// This case with something changed.
    fn with(&self, change: impl FnOnce(&mut Case)) -> Case {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }
    /// Nothing is held here that is not held in `before`: letters, send rights or duties.
    fn adds_nothing_to(&self, before: &Case) -> Result<(), TestCaseError> {
        let (less, more) = (self.verdict(), before.verdict());
        prop_assert!(more.rights.contains(less.rights), "{} where {} was held", less.rights, more.rights);
        prop_assert_eq!(more.send.union(less.send), more.send);
        let more_duties = before.duties();
        for duty in self.duties() {
            prop_assert!(more_duties.contains(&duty), "{duty:?} was not theirs before");
        }
        Ok(())
    }
}

fn grants() -> impl Strategy<Value = Vec<GrantFact>> {
    let via = prop_oneof![Just(None), Just(Some(20)), Just(Some(21))];
    let reach = 0..7_usize;
    let end = proptest::option::weighted(0.4, 0..40_i64);
    let one = (via, reach, 0..2048_i64, any::<(bool, bool)>(), end);
    let fact = one.prop_map(|(via, reach, bits, (send_as, send_on_behalf), end)| GrantFact {
        via: via.map(group),
        reach: match reach {
            0 | 1 => Reach::Account,
            2 => Reach::Mailbox(inbox_of(support())),
            3 => Reach::Mailbox(MailboxId::pack(support().id, 2).unwrap()),
            other => Reach::Subtree(name(NAMES[other - 3])),
        },
        send: SendRights { send_as, send_on_behalf },
        not_after: end.map(Timestamp),
        ..grant(1, Rights::from_bits(bits))
    });
    proptest::collection::vec(fact, 0..7).prop_map(|mut grants| {
        (1..).zip(&mut grants).for_each(|(number, fact)| fact.id = GrantId::new(number).unwrap());
        grants
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let account = (0..6_usize, any::<bool>(), prop_oneof![8 => Just(0), 1 => Just(1), 1 => Just(2)]);
    let flags = (proptest::bool::weighted(0.1), any::<bool>());
    (account, flags, 0..NAMES.len(), grants(), 0..40_i64).prop_map(
        |((kind, delete_protection, state), (suspended, admin), mailbox, grants, now)| {
            let account = match kind {
                0 => own_account(alice()),
                1 => own_account(bob()),
                _ => support(),
            };
            let state = [AccountState::Active, AccountState::Suspended, AccountState::Removed][state];
            Case {
                account: AccountFacts { delete_protection, state, ..account },
                person: PersonFacts { id: alice(), suspended, admin },
                mailbox: name(NAMES[mailbox]),
                grants,
                now: Timestamp(now),
            }
        },
    )
}

fn check(property: impl Fn(Case) -> Result<(), TestCaseError>) {
    check_all(&cases(), property);
}

/// Runs `property` on 1,000 cases from the seed `POSTERN_SEED`, or a new one; prints it.
pub fn check_all<S: Strategy>(cases: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let given = std::env::var("POSTERN_SEED").ok();
    let seed = given.map_or_else(|| RandomState::new().hash_one(0), |text| text.parse().expect("a seed is a number"));
    println!("POSTERN_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
    let config = Config { cases: 1000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    if let Err(failure) = runner.run(cases, property) {
        panic!("POSTERN_SEED={seed}: {failure}");
    }
}

#[test]
fn leaving_a_group_adds_nothing() {
    check(|case| {
        for grantee in [None, Some(group(20)), Some(group(21))] {
            case.with(|case| case.grants.retain(|grant| grant.via != grantee)).adds_nothing_to(&case)?;
        }
        Ok(())
    });
}

#[test]
fn a_letter_or_send_right_taken_from_a_grant_adds_nothing() {
    check(|case| {
        for index in 0..case.grants.len() {
            for letter in Letter::ALL {
                case.with(|case| case.grants[index].rights = case.grants[index].rights - letter.into())
                    .adds_nothing_to(&case)?;
            }
            case.with(|case| case.grants[index].send = SendRights::NONE).adds_nothing_to(&case)?;
        }
        Ok(())
    });
}

/// Removed or ended, a grant adds nothing, unless it had narrowed a broader one of the same
/// grantee; and the two ways of losing it are one.
#[test]
fn a_grant_removed_or_ended_adds_nothing_but_what_it_held_back() {
    check(|case| {
        for index in 0..case.grants.len() {
            let gone = case.grants[index].clone();
            let removed = case.with(|case| drop(case.grants.remove(index)));
            let ended = case.with(|case| case.grants[index].not_after = Some(case.now));
            let (without, after) = (removed.verdict(), ended.verdict());
            prop_assert_eq!((without.rights, without.send), (after.rights, after.send));
            prop_assert_eq!(without.valid_until, after.valid_until);
            prop_assert_eq!(removed.duties(), ended.duties());
            let narrows = gone.reach != Reach::Account
                && removed.grants.iter().any(|other| {
                    let is_mailbox = |reach: &Reach| matches!(reach, Reach::Mailbox(_));
                    other.via == gone.via && other.is_live(case.now) && !is_mailbox(&other.reach)
                });
            if !narrows {
                removed.adds_nothing_to(&case)?;
            }
        }
        Ok(())
    });
}

#[test]
fn losing_an_office_suspension_removal_and_protection_add_nothing() {
    check(|case| {
        case.with(|case| case.person.admin = false).adds_nothing_to(&case)?;
        case.with(|case| case.person.suspended = true).adds_nothing_to(&case)?;
        case.with(|case| case.account.delete_protection = true).adds_nothing_to(&case)?;
        if case.account.state == AccountState::Active {
            case.with(|case| case.account.state = AccountState::Suspended).adds_nothing_to(&case)?;
        }
        case.with(|case| case.account.state = AccountState::Removed).adds_nothing_to(&case)?;
        let office = case.with(|case| case.person.admin = true);
        prop_assert_eq!(office.verdict().rights, case.verdict().rights, "an office gave letters");
        Ok(())
    });
}

#[test]
fn the_order_of_facts_is_nothing() {
    check(|case| {
        let verdict = case.verdict();
        for turn in 0..case.grants.len() {
            let turned = case.with(|case| case.grants.rotate_left(turn));
            prop_assert_eq!(&turned.verdict(), &verdict);
            prop_assert_eq!(&turned.with(|case| case.grants.reverse()).verdict(), &verdict);
        }
        Ok(())
    });
}

#[test]
fn a_verdict_holds_exactly_as_long_as_it_says() {
    check(|case| {
        let verdict = case.verdict();
        for moment in case.now.0..50 {
            let later = case.with(|case| case.now = Timestamp(moment)).verdict();
            if verdict.is_current(Timestamp(moment)) {
                prop_assert_eq!((later.rights, later.send), (verdict.rights, verdict.send));
                prop_assert_eq!(later.valid_until, verdict.valid_until);
            } else {
                prop_assert!((later.rights, later.send) != (verdict.rights, verdict.send), "ended for nothing");
                break;
            }
        }
        Ok(())
    });
}

/// One more letter never shuts an operation: all sets, all letters, all operations.
#[test]
fn a_letter_more_never_shuts_an_operation() {
    for held in Rights::every_set() {
        for operation in Operation::ALL {
            if operation.allowed_with(held).is_ok() {
                for letter in Letter::ALL {
                    assert!(operation.allowed_with(held | letter).is_ok(), "{operation:?}: {held} and {letter:?}");
                }
            }
        }
    }
}
