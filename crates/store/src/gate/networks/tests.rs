//! A sign-in remembers from where, once a day, for 30 days.

use crate::db::testing::{TestDb, on_both_engines, test_statements};
use crate::gate::{Caller, Expire, Founding, GateError, Origin, SignInFacts};
use crate::{StoreError, Tx};
use postern_access::{Actor, Job};
use postern_types::{Address, Domain, PersonId, Secret, Timestamp};

test_statements! {
    /// What is remembered.
    REMEMBERED = "SELECT network, last_ms FROM known_network ORDER BY network";
}

const DAY_MS: i64 = 24 * 3600 * 1000;
const HOME: &str = "192.0.2.7";
const OFFICE: &str = "2001:db8::/64";

fn caller(actor: Actor) -> Caller {
    Caller::new(actor, Origin::new(1, "job", String::new(), "test".into(), [0; 32]))
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

async fn facts(test: &TestDb, name: &'static str, network: &'static str) -> SignInFacts {
    let read = move |tx: &Tx<'_>| tx.sign_in_facts_from(&address(name), None, Some(network));
    test.db.read(read).await.unwrap()
}

async fn is_known(test: &TestDb, name: &'static str, network: &'static str) -> bool {
    facts(test, name, network).await.network.unwrap().is_known(test.db.now())
}

async fn sign_in(test: &TestDb, network: &'static str) {
    let checked = facts(test, "admin@example.org", network).await;
    let caller = caller(Actor::Person(PersonId::of(checked.account.unwrap().id)));
    assert!(test.db.write(move |tx: &Tx<'_>| tx.accept_sign_in(&caller, &checked, "PLAIN")).await.unwrap());
}

async fn remembered(test: &TestDb) -> Vec<(String, i64)> {
    let read = |tx: &Tx<'_>| tx.all(&REMEMBERED, &[], |row| Ok((row.text(0)?.to_owned(), row.int(1)?)));
    let mut all = test.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { read(tx) }).await.unwrap();
    // The providers around them are looked at by themselves.
    all.retain(|(network, _)| [HOME, OFFICE].contains(&network.as_str()));
    all
}

async fn forget(test: &TestDb, most: usize) -> usize {
    let job = caller(Actor::Job(Job::Expiry));
    let piece = move |tx: &Tx<'_>| -> Result<_, GateError> { tx.authority::<Expire>(&job)?.forget_networks(most) };
    test.db.write_bulk(piece).await.unwrap()
}

on_both_engines! {
    /// It is known for that account and that network alone, and after a restart.
    a_network_is_known_where_somebody_signed_in;
    /// The row is written again a day later, and goes 30 days after the last sign-in.
    a_network_is_remembered_once_a_day_for_thirty_days;
}

async fn found(test: &TestDb) {
    let operator = caller(Actor::Operator { uid: 0 });
    let found = move |tx: &Tx<'_>| -> Result<_, GateError> {
        let domain = Domain::parse("example.org").unwrap();
        tx.found(
            &operator,
            &Founding { domain, admin: address("admin@example.org"), password: Secret::new("verifier") },
        )
    };
    test.db.write(found).await.unwrap();
}

async fn a_network_is_known_where_somebody_signed_in(mut test: TestDb) {
    found(&test).await;
    assert!(!is_known(&test, "admin@example.org", HOME).await);
    sign_in(&test, HOME).await;
    test.restart().await;
    assert!(is_known(&test, "admin@example.org", HOME).await);
    assert!(!is_known(&test, "admin@example.org", OFFICE).await);
    assert!(!is_known(&test, "nobody@example.org", HOME).await);
    for (network, is_near) in [("192.0.7.9", true), (OFFICE, false)] {
        let from = facts(&test, "admin@example.org", network).await.network.unwrap();
        assert_eq!(from.is_known_around(test.db.now()), is_near, "{network} is of the same provider, or not");
    }
}

async fn a_network_is_remembered_once_a_day_for_thirty_days(test: TestDb) {
    found(&test).await;
    sign_in(&test, HOME).await;
    let first = remembered(&test).await[0].1;
    test.clock.advance_ms(DAY_MS - 1);
    sign_in(&test, HOME).await;
    sign_in(&test, OFFICE).await;
    assert_eq!(remembered(&test).await, [(HOME.to_owned(), first), (OFFICE.to_owned(), first + DAY_MS - 1)]);
    test.clock.advance_ms(1);
    sign_in(&test, HOME).await;
    assert_eq!(remembered(&test).await[0], (HOME.to_owned(), first + DAY_MS));

    test.clock.set(Timestamp(first + 31 * DAY_MS));
    assert!(is_known(&test, "admin@example.org", HOME).await, "30 days to the millisecond");
    assert!(!is_known(&test, "admin@example.org", OFFICE).await);
    assert_eq!(forget(&test, 5).await, 2, "it and its provider");
    test.clock.advance_ms(1);
    assert!(!is_known(&test, "admin@example.org", HOME).await);
    assert_eq!(forget(&test, 5).await, 2);
    assert_eq!(forget(&test, 5).await, 0);
    assert_eq!(remembered(&test).await, []);
}
