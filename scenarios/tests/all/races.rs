//! Two who act at once: whatever the order, what was taken away stays away.

use postern_app::{Attempt, House as App, Peer, Session};
use postern_testkit::{PASSWORD, scenario};
use postern_types::{Address, Secret};
use std::sync::Arc;

/// Each race is run so often: orders differ, outcomes may not.
const ROUNDS: usize = 6;

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

async fn sign_in(app: Arc<App>, person: &'static str, password: String) -> Option<Session> {
    let attempt = Attempt {
        username: person.to_owned(),
        secret: Secret::new(password),
        peer: Peer { address: None, encrypted: true },
        protocol: "imap",
        mechanism: "PLAIN",
    };
    app.sign_in(attempt).await.ok()
}

scenario! {
    /// docs/design.md section 4: a sign-in is accepted by the write that records it. After a
    /// suspension has returned none is accepted, and none that was accepted before goes on.
    async fn a_suspension_and_sign_ins_at_once(house: House) {
        house.person("alice@example.org").await;
        for _ in 0..ROUNDS {
            let attempts: Vec<_> = (0..4)
                .map(|_| tokio::spawn(sign_in(house.app().clone(), "alice@example.org", PASSWORD.to_owned())))
                .collect();
            let (app, operator) = (house.app().clone(), house.operator().clone());
            let suspend =
                tokio::spawn(async move { app.suspend_person(&operator, &address("alice@example.org"), true).await });
            suspend.await.expect("no panic").expect("suspended");
            assert!(sign_in(house.app().clone(), "alice@example.org", PASSWORD.to_owned()).await.is_none());
            for attempt in attempts {
                if let Some(session) = attempt.await.expect("no panic") {
                    assert!(house.app().check_session(&session).await.is_err(), "a session outlived its person");
                }
            }
            house.app().suspend_person(house.operator(), &address("alice@example.org"), false).await.expect("resumed");
        }
    }

    /// Of two passwords set at once one is left, and it is the only one that signs in.
    async fn two_passwords_at_once(house: House) {
        house.person("alice@example.org").await;
        for round in 0..ROUNDS {
            let passwords = [format!("quiet river number {round}"), format!("green garden number {round}")];
            let set = passwords.clone().map(|password| {
                let (app, operator) = (house.app().clone(), house.operator().clone());
                tokio::spawn(async move {
                    app.set_password(&operator, &address("alice@example.org"), Secret::new(password)).await
                })
            });
            for one in set {
                one.await.expect("no panic").expect("a new password");
            }
            let mut live = 0;
            for password in passwords.into_iter().chain([PASSWORD.to_owned()]) {
                live += usize::from(sign_in(house.app().clone(), "alice@example.org", password).await.is_some());
            }
            assert_eq!(live, 1, "round {round}");
        }
    }

    /// A grant is taken back while its holder writes: after it has returned nothing more is
    /// written by them.
    async fn a_revocation_and_writes_at_once(house: House) {
        house.person("alice@example.org").await;
        house.shared("support@example.org").await;
        for _ in 0..ROUNDS {
            house.grant("support@example.org", "alice@example.org", "lrswite").await;
            let mut alice = house.imap_as("alice@example.org").await;
            let before = house.messages("support@example.org").await;
            let writes = tokio::spawn(async move {
                let mut accepted = 0;
                loop {
                    let answer = alice.append("Shared/support@example.org/INBOX", "", b"Subject: x\r\n\r\ny\r\n").await;
                    match answer.status.starts_with("OK") {
                        true => accepted += 1,
                        false => return accepted,
                    }
                }
            });
            while house.messages("support@example.org").await == before {
                tokio::task::yield_now().await;
            }
            house.revoke("support@example.org", "alice@example.org").await;
            let after = house.messages("support@example.org").await;
            let accepted: u64 = writes.await.expect("no panic");
            assert_eq!(house.messages("support@example.org").await, after, "written after it was taken back");
            assert!(accepted <= after - before, "acknowledged and not there");
        }
    }
}
