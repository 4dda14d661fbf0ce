//! Two who act at once: whatever the order, what was taken away stays away.

use crate::direct::{SUPPORT, at_work, issue, secret, wish};
use postern_app::{
    Attempt, CredentialState, CredentialWish, DirectSignIn, GrantReach, GrantTerms, House as App, Peer, PolicyChange,
    Purpose, Refused, Rule, Session,
};
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
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

/// Lets others go first, for longer in each round.
async fn give_way(round: usize) {
    for _ in 0..round {
        tokio::task::yield_now().await;
    }
}

/// Writes one letter after the other until that is refused; answers how many were accepted.
async fn writes(mut client: ImapClient, mailbox: &str) -> u64 {
    for accepted in 0.. {
        client.send(format!("w{accepted} APPEND {mailbox} {{17+}}\r\nSubject: x\r\n\r\ny\r\n\r\n").as_bytes()).await;
        let ok = format!("w{accepted} OK");
        loop {
            match client.try_response().await {
                Some(line) if line.starts_with(ok.as_bytes()) => break,
                Some(line) if !line.starts_with(b"w") => {}
                _ => return accepted,
            }
        }
    }
    0
}

/// While all of them write, something ends that they may: once it has answered nothing is written.
async fn nothing_is_written_after(
    house: &House,
    clients: Vec<ImapClient>,
    mailbox: &str,
    ended: impl Future<Output = ()>,
) {
    let before = house.messages(SUPPORT).await;
    let writing: Vec<_> = clients
        .into_iter()
        .map(|client| {
            let mailbox = mailbox.to_owned();
            tokio::spawn(async move { writes(client, &mailbox).await })
        })
        .collect();
    while house.messages(SUPPORT).await == before {
        tokio::task::yield_now().await;
    }
    ended.await;
    let after = house.messages(SUPPORT).await;
    let mut accepted = 0;
    for one in writing {
        accepted += one.await.expect("no panic");
    }
    assert_eq!(house.messages(SUPPORT).await, after, "written after it was taken back");
    assert!(accepted <= after - before, "what is acknowledged is there");
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

    /// The same of a credential: once a revoke has answered none is let in, and of those who were let
    /// in before none goes on, whoever was first.
    async fn a_revoke_and_direct_sign_ins_at_once(house: House) {
        at_work(&house).await;
        for _ in 0..ROUNDS {
            let issued = issue(&house, wish(Purpose::Backup)).await;
            let secret = secret(&issued);
            let attempts: Vec<_> =
                (0..4).map(|_| tokio::spawn(sign_in(house.app().clone(), SUPPORT, secret.clone()))).collect();
            let (app, operator, which) = (house.app().clone(), house.operator().clone(), issued.row.public_id.clone());
            let revoke = tokio::spawn(async move { app.revoke_credential(&operator, &which, false).await });
            revoke.await.expect("no panic").expect("revoked");
            assert!(sign_in(house.app().clone(), SUPPORT, secret.clone()).await.is_none());
            for attempt in attempts {
                if let Some(session) = attempt.await.expect("no panic") {
                    assert!(house.app().check_session(&session).await.is_err(), "a session outlived its credential");
                }
            }
        }
    }

    /// Nothing is issued beside a policy that ends what there is: whoever is first, no credential
    /// that was issued before stands once it is allowed again.
    async fn a_block_that_ends_and_an_issue_at_once(house: House) {
        at_work(&house).await;
        for round in 0..ROUNDS {
            let (app, operator) = (house.app().clone(), house.operator().clone());
            let issue = tokio::spawn(async move {
                app.issue_credential(&operator, &address(SUPPORT), wish(Purpose::Backup)).await.is_ok()
            });
            let block = PolicyChange {
                direct_sign_in: Some(DirectSignIn::Blocked),
                end_credentials: true,
                ..PolicyChange::default()
            };
            give_way(round).await;
            house.app().set_policy(house.operator(), None, block).await.expect("blocked");
            issue.await.expect("no panic");
            let allow = PolicyChange { direct_sign_in: Some(DirectSignIn::Allowed), ..PolicyChange::default() };
            house.app().set_policy(house.operator(), None, allow).await.expect("allowed");
            let live = house.app().credentials(house.operator(), None, false).await.expect("the live ones");
            assert!(live.is_empty(), "one was issued and outlived what ended all: {live:?}");
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
            let alice = house.imap_as("alice@example.org").await;
            let revoked = house.revoke(SUPPORT, "alice@example.org");
            nothing_is_written_after(&house, vec![alice], "Shared/support@example.org/INBOX", revoked).await;
        }
    }

    /// The same of credentials, eight sessions of which write at once and so wait for each other: a policy that
    /// blocks, and the suspension of who answers for them.
    async fn what_ends_a_credential_and_its_writes_at_once(house: House) {
        at_work(&house).await;
        let set = async |direct_sign_in| {
            let change = PolicyChange { direct_sign_in: Some(direct_sign_in), ..PolicyChange::default() };
            house.app().set_policy(house.operator(), None, change).await.expect("a policy");
        };
        let suspend = async |ends| {
            house.app().suspend_person(house.operator(), &address("alice@example.org"), ends).await.expect("done");
        };
        let issued = issue(&house, wish(Purpose::Migration)).await;
        let writers = async || {
            let mut clients = Vec::new();
            for name in ["one", "two", "three", "four", "five", "six", "seven", "eight"] {
                let mut client = house.imap(name).await;
                client.login(SUPPORT, &secret(&issued)).await;
                clients.push(client);
            }
            clients
        };
        for _ in 0..ROUNDS {
            nothing_is_written_after(&house, writers().await, "INBOX", set(DirectSignIn::Blocked)).await;
            set(DirectSignIn::Allowed).await;
            nothing_is_written_after(&house, writers().await, "INBOX", suspend(true)).await;
            suspend(false).await;
        }
    }

    /// A person who owns a credential of a mailbox, and is its delegate, becomes a shared mailbox while the
    /// credential writes: nothing is written after, and nobody waits for ever.
    async fn an_owner_converted_and_writes_at_once(house: House) {
        at_work(&house).await;
        for round in 0..ROUNDS {
            let owner = format!("owner{round}@example.org");
            house.person(&owner).await;
            house.grant(SUPPORT, &owner, "lr").await;
            let issued = issue(&house, CredentialWish { owner: address(&owner), ..wish(Purpose::Migration) }).await;
            let mut clients = Vec::new();
            for name in ["one", "two", "three"] {
                let mut client = house.imap(name).await;
                client.login(SUPPORT, &secret(&issued)).await;
                clients.push(client);
            }
            let convert = async {
                let owner = address(&owner);
                house.app().convert_from_person(house.operator(), &owner, &[]).await.expect("converted");
            };
            nothing_is_written_after(&house, clients, "INBOX", convert).await;
        }
    }

    /// Two who change the organisation's policy at once each change what they named: a block is not
    /// undone by somebody who shortens lives.
    async fn two_changes_of_policy_at_once(house: House) {
        at_work(&house).await;
        for round in 1..=ROUNDS as i64 {
            let (app, operator) = (house.app().clone(), house.operator().clone());
            let life = PolicyChange { max_life_ms: Some(Some(round * 60_000)), ..PolicyChange::default() };
            let shortens = tokio::spawn(async move { app.set_policy(&operator, None, life).await });
            let block = PolicyChange { direct_sign_in: Some(DirectSignIn::Blocked), ..PolicyChange::default() };
            give_way(round as usize).await;
            house.app().set_policy(house.operator(), None, block).await.expect("blocked");
            shortens.await.expect("no panic").expect("shortened");
            let (now, _) = house.app().policy(house.operator(), None).await.expect("the policy");
            assert_eq!((now.set.direct_sign_in, now.set.max_life_ms), (DirectSignIn::Blocked, Some(round * 60_000)));
            let allow = PolicyChange { direct_sign_in: Some(DirectSignIn::Allowed), ..PolicyChange::default() };
            house.app().set_policy(house.operator(), None, allow).await.expect("allowed");
        }
    }

    /// A wrapped secret is opened while its credential is taken back: whoever is first, it is over.
    async fn a_revoke_and_the_opening_of_its_secret_at_once(house: House) {
        at_work(&house).await;
        let bob = house.acting_as("bob@example.org").await;
        for round in 0..ROUNDS {
            let wrap_for = Some(address("bob@example.org"));
            let issued = issue(&house, CredentialWish { wrap_for, ..wish(Purpose::Backup) }).await;
            let code = issued.wrapped.expect("a code").code;
            let (app, caller) = (house.app().clone(), bob.clone());
            let opening = tokio::spawn(async move { app.unwrap_credential(&caller, &code).await });
            give_way(round).await;
            let which = &issued.row.public_id;
            house.app().revoke_credential(house.operator(), which, false).await.expect("revoked");
            let _ = opening.await.expect("no panic");
            let seen = house.app().credential(house.operator(), which).await.expect("it is there");
            assert_eq!(seen.row.facts.state, CredentialState::Revoked, "round {round}");
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
