//! Two who act at once: whatever the order, what was taken away stays away.

use postern_app::{Attempt, GrantReach, GrantTerms, House as App, Peer, Refused, Rule, Session};
use postern_testkit::{PASSWORD, scenario};
use postern_types::{Address, DisplayName, Domain, Rights, Secret, SendRights};
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

fn reader() -> GrantTerms {
    GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::READER,
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
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

    /// A group is deleted while mailboxes are shared with it: each gift is refused, or ends with
    /// the group. None stays behind for a grantee who is gone.
    async fn a_group_is_deleted_and_given_to_at_once(house: House) {
        let mailboxes: Vec<String> = (0..6).map(|number| format!("shared{number}@example.org")).collect();
        for mailbox in &mailboxes {
            house.shared(mailbox).await;
        }
        let (app, operator, team) = (house.app(), house.operator(), address("team@example.org"));
        for round in 0..ROUNDS {
            app.add_group(operator, &team, &DisplayName::default(), &[]).await.expect("a group");
            let (joins, joining) = (app.clone(), operator.clone());
            let joined = tokio::spawn(async move {
                joins.add_member(&joining, &address("team@example.org"), &address("admin@example.org")).await
            });
            let gifts: Vec<_> = mailboxes
                .iter()
                .map(|mailbox| {
                    let (app, operator, mailbox) = (app.clone(), operator.clone(), address(mailbox));
                    tokio::spawn(async move { app.give(&operator, &mailbox, &address("team@example.org"), reader()).await })
                })
                .collect();
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            app.remove_group(operator, &team).await.expect("deleted");
            for gift in gifts {
                match gift.await.expect("no panic") {
                    Ok(_) | Err(Refused::Rule(Rule::Absent(_))) => {}
                    Err(other) => panic!("round {round}: {other}"),
                }
            }
            let joined = joined.await.expect("no panic");
            assert!(matches!(joined, Ok(()) | Err(Refused::Rule(Rule::Absent(_)))), "round {round}: {joined:?}");
            for mailbox in &mailboxes {
                let left = app.grants(operator, &address(mailbox)).await.expect("its grants");
                assert!(left.is_empty(), "round {round}: {left:?}");
            }
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
            assert_eq!(accepted, after - before, "what is acknowledged is there, and what is there was acknowledged");
        }
    }

    /// A domain goes while somebody gets an address in it: either it stays, or they do not come.
    async fn a_domain_removed_and_addresses_made_at_once(house: House) {
        for round in 0..ROUNDS {
            let domain = Domain::parse(&format!("sub{round}.example.org")).expect("a domain");
            let email = address(&format!("support@{domain}"));
            house.app().add_domain(house.operator(), &domain).await.expect("a domain");
            let (app, operator) = (house.app().clone(), house.operator().clone());
            let making = tokio::spawn({
                let (app, operator) = (app.clone(), operator.clone());
                async move { app.add_shared(&operator, &email, &DisplayName::default(), &[], &[]).await.is_ok() }
            });
            let removed = app.remove_domain(&operator, &domain).await.is_ok();
            let made = making.await.expect("no panic");
            assert!(made != removed, "round {round}: made {made}, removed {removed}");
        }
    }
}
