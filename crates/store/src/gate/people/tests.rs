//! A domain and the addresses in it: whoever comes second waits, and then decides by what is there.

use crate::db::testing::{HeldJob, TestDb, on_both_engines, until_waiting, with_client};
use crate::gate::{Caller, Founding, GateError, ManageDomains, ManageGroups, ManageShared, Origin, Rule};
use crate::{DatabaseUrl, Db, StoreError, Tx};
use postern_access::Actor;
use postern_types::{AccountId, Address, Domain, Secret};

/// Something done with a domain: each round has its own.
type Act = fn(&Tx<'_>, &Caller, &Domain) -> Result<(), GateError>;

/// Each way to come to an address in it.
const MAKERS: [Act; 3] = [
    |tx, caller, domain| tx.authority::<ManageShared>(caller)?.add_shared(&new_in(domain), "").map(drop),
    |tx, caller, domain| tx.authority::<ManageGroups>(caller)?.add_group(&new_in(domain), "").map(drop),
    |tx, caller, domain| {
        let support = tx.account_at(&address("support@example.org"))?.unwrap_or_else(Tx::no_account);
        tx.authority_on::<ManageShared>(caller, support)?.add_alias(support, &new_in(domain))
    },
];

const ADD: Act = |tx, caller, domain| tx.authority::<ManageDomains>(caller)?.add_domain(domain);
const REMOVE: Act = |tx, caller, domain| tx.authority::<ManageDomains>(caller)?.remove_domain(domain);

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn new_in(domain: &Domain) -> Address {
    address(&format!("new@{domain}"))
}

fn operator() -> Caller {
    Caller::new(Actor::Operator { uid: 0 }, Origin::new(1, "job", String::new(), "test".into(), [0; 32]))
}

fn found(tx: &Tx<'_>) -> Result<AccountId, GateError> {
    let operator = operator();
    let (domain, admin) = (Domain::parse("example.org").unwrap(), address("admin@example.org"));
    tx.found(&operator, &Founding { domain, admin, password: Secret::new("verifier") })?;
    tx.authority::<ManageShared>(&operator)?.add_shared(&address("support@example.org"), "")
}

async fn run(db: &Db, act: Act, domain: Domain) -> Result<(), GateError> {
    db.write(move |tx: &Tx<'_>| act(tx, &operator(), &domain)).await
}

/// A domain that is ours since now.
async fn fresh_domain(test: &TestDb, number: usize) -> Domain {
    let domain = Domain::parse(&format!("sub{number}.example.org")).unwrap();
    run(&test.db, ADD, domain.clone()).await.unwrap();
    domain
}

/// Runs `second` while `first` has run and is not committed; `first` is committed once `second`
/// waits for it, or has ended without waiting.
async fn while_held(test: &TestDb, first: Act, second: Act, domain: Domain) -> Result<(), GateError> {
    let (db, its) = (test.db.clone(), domain.clone());
    let work = move |tx: &Tx<'_>| first(tx, &operator(), &its).map_err(|error| StoreError::Conflict(error.to_string()));
    let held = HeldJob::start(&test.db, work).await;
    let second = tokio::spawn(async move { run(&db, second, domain).await });
    match &test.url {
        DatabaseUrl::Sqlite => until_waiting(&test.db, 1).await,
        DatabaseUrl::Postgres(url) => {
            while !second.is_finished() && !waits_for_a_lock(url) {
                tokio::task::yield_now().await;
            }
        }
    }
    held.finish().await.unwrap();
    second.await.unwrap()
}

fn waits_for_a_lock(url: &str) -> bool {
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    with_client(url, move |client| !client.query(waiting, &[]).unwrap().is_empty())
}

on_both_engines! {
    /// The address came first: the domain is in use, also by what is not committed yet.
    a_domain_stays_under_an_address_that_is_being_made;
    /// The removal came first: the domain is not ours any more.
    no_address_is_made_in_a_domain_that_is_being_removed;
}

async fn a_domain_stays_under_an_address_that_is_being_made(test: TestDb) {
    test.db.write(found).await.unwrap();
    for (number, maker) in MAKERS.into_iter().enumerate() {
        let domain = fresh_domain(&test, number).await;
        let removed = while_held(&test, maker, REMOVE, domain).await;
        assert!(matches!(&removed, Err(GateError::Rule(Rule::Unusable(_)))), "maker {number}: {removed:?}");
    }
}

async fn no_address_is_made_in_a_domain_that_is_being_removed(test: TestDb) {
    test.db.write(found).await.unwrap();
    for (number, maker) in MAKERS.into_iter().enumerate() {
        let domain = fresh_domain(&test, number).await;
        let made = while_held(&test, REMOVE, maker, domain).await;
        assert!(matches!(&made, Err(GateError::Rule(Rule::Unusable(_)))), "maker {number}: {made:?}");
    }
}

/// A few domains are named, and of many how many more there are.
#[test]
fn a_mistyped_domain_is_answered_with_ours() {
    let ours = |count: usize| {
        let names: Vec<String> = (1..=count).map(|number| format!("sub{number}.example.org")).collect();
        super::not_ours("exmaple.org", &names)
    };
    assert!(ours(0).contains("which has none yet; if it is to be one: postern domain add exmaple.org"));
    assert!(ours(3).contains("which has sub1.example.org, sub2.example.org, sub3.example.org; if"));
    assert!(ours(5).contains("sub3.example.org and 2 more (postern domain list); if"));
}
