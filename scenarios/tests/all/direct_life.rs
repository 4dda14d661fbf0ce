//! The life of a credential: what shuts it, what opens it again, and what ends it. Each time a
//! session is open, and each time the trail says why nobody is let in.

mod giving;
mod places;
mod refusals;

use crate::direct::{SUPPORT, at_work, issue, secret, wish};
use crate::people::address;
use postern_app::{
    AuditQuery, CredentialState, CredentialWish, DirectSignIn, Hours, Issued, Obstacle, PolicyChange, Purpose,
    Purposes, Refused, how_and_reason,
};
use postern_testkit::{House, ImapClient, scenario};
use postern_types::Secret;

/// The one text for every refusal.
const REFUSED: &str = "NO [AUTHENTICATIONFAILED] The name or the password is wrong";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A session by this credential, which it has to be let into, with INBOX open.
async fn session(house: &House, issued: &Issued) -> ImapClient {
    let mut client = house.imap(&issued.row.name).await;
    client.login(SUPPORT, &secret(issued)).await;
    client.ok("SELECT INBOX", "* 2 EXISTS").await;
    client
}

/// It has to be refused, in the words for everybody, and the trail says why.
async fn refused(house: &House, issued: &Issued, why: &str) {
    let mut client = house.imap(&issued.row.name).await;
    let answer = client.command(&format!("LOGIN {SUPPORT} {}", secret(issued))).await;
    assert_eq!(answer.status, REFUSED, "{why}");
    assert!(answer.untagged.is_empty());
    assert_eq!(last_reason(house).await, why);
}

/// Why the last one was refused who named this mailbox.
async fn last_reason(house: &House) -> String {
    let query = AuditQuery { account: Some(address(SUPPORT)), most: 50, ..AuditQuery::default() };
    let rows = house.app().audit(house.operator(), query).await.expect("the trail");
    let failed = rows.into_iter().find(|row| row.action == "sign-in.failed");
    failed.map(|row| how_and_reason(&row.detail).1.to_owned()).unwrap_or_default()
}

/// The session begins no further command.
async fn is_over(mut client: ImapClient) {
    client.send(b"last NOOP\r\n").await;
    let mut said = Vec::new();
    while let Some(response) = client.try_response().await {
        said.push(String::from_utf8_lossy(&response).into_owned());
        assert!(!response.starts_with(b"last "), "{}: the session goes on: {said:?}", client.name);
    }
    assert!(said.iter().any(|line| line.starts_with("* BYE Your sign-in has ended")), "{}: {said:?}", client.name);
}

async fn set(house: &House, shared: Option<&str>, change: PolicyChange) {
    let shared = shared.map(address);
    house.app().set_policy(house.operator(), shared.as_ref(), change).await.expect("a policy");
}

fn sign_in(direct_sign_in: DirectSignIn) -> PolicyChange {
    PolicyChange { direct_sign_in: Some(direct_sign_in), ..PolicyChange::default() }
}

async fn suspend(house: &House, person: &str, suspended: bool) {
    house.app().suspend_person(house.operator(), &address(person), suspended).await.expect("it is done");
}

scenario! {
    /// Of the organisation or of one mailbox: a block shuts while it stands, and ends nothing.
    async fn a_block_shuts_and_ends_nothing(house: House) {
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Backup)).await;
        for shared in [None, Some(SUPPORT)] {
            let open = session(&house, &issued).await;
            set(&house, shared, sign_in(DirectSignIn::Blocked)).await;
            is_over(open).await;
            refused(&house, &issued, "policy blocks direct sign-in").await;
            // What is narrower elsewhere is not made wider here.
            let other = if shared.is_some() { None } else { Some(SUPPORT) };
            set(&house, other, sign_in(DirectSignIn::Allowed)).await;
            refused(&house, &issued, "policy blocks direct sign-in").await;
            let more = house.app().issue_credential(house.operator(), &address(SUPPORT), wish(Purpose::Backup)).await;
            assert!(more.is_err_and(|error| error.to_string().starts_with("Direct sign-in is blocked here")));
            set(&house, shared, sign_in(DirectSignIn::Allowed)).await;
        }
        // An approval is for issuing: what was issued goes on.
        let mut open = session(&house, &issued).await;
        set(&house, None, sign_in(DirectSignIn::ByApproval)).await;
        open.ok("FETCH 1:2 FLAGS", "FETCH").await;
        session(&house, &issued).await;
        let more = house.app().issue_credential(house.operator(), &address(SUPPORT), wish(Purpose::Backup)).await;
        assert!(more.is_err_and(|error| error.to_string().starts_with("Policy asks for an approval")));
        set(&house, None, sign_in(DirectSignIn::Allowed)).await;

        let blocked = PolicyChange { end_credentials: true, ..sign_in(DirectSignIn::Blocked) };
        set(&house, Some(SUPPORT), blocked).await;
        is_over(open).await;
        set(&house, Some(SUPPORT), sign_in(DirectSignIn::Allowed)).await;
        refused(&house, &issued, "it is revoked").await;
    }

    /// Purposes and the longest life hold for what was issued before, too.
    async fn a_policy_that_is_tightened_holds_for_what_there_is(house: House) {
        at_work(&house).await;
        let (backup, client) = (issue(&house, wish(Purpose::Backup)).await, issue(&house, wish(Purpose::Client)).await);
        let (open, mut other) = (session(&house, &backup).await, session(&house, &client).await);
        let purposes = |purposes| PolicyChange { purposes: Some(purposes), ..PolicyChange::default() };
        set(&house, Some(SUPPORT), purposes(Purposes::of([Purpose::Client]))).await;
        is_over(open).await;
        refused(&house, &backup, "policy does not allow its purpose").await;
        other.ok("NOOP", "").await;
        set(&house, Some(SUPPORT), purposes(Purposes::ALL)).await;

        let life = |days: Option<i64>| PolicyChange {
            max_life_ms: Some(days.map(|days| days * DAY_MS)),
            ..PolicyChange::default()
        };
        house.pass_days(2);
        let mut open = session(&house, &backup).await;
        set(&house, None, life(Some(30))).await;
        open.ok("NOOP", "").await;
        set(&house, None, life(Some(1))).await;
        is_over(open).await;
        is_over(other).await;
        refused(&house, &backup, "it is older than policy allows").await;
        set(&house, None, life(None)).await;
        let open = session(&house, &backup).await;
        // It counts from when it was issued, and its time comes under an open session.
        set(&house, Some(SUPPORT), life(Some(3))).await;
        session(&house, &backup).await;
        house.pass_days(1);
        is_over(open).await;
        refused(&house, &backup, "it is older than policy allows").await;
    }

    /// By the clock alone: a beginning, hours, and the end, which is written down by a job.
    async fn time_opens_and_shuts(house: House) {
        at_work(&house).await;
        let now = house.now();
        let minute = |from_now: i64| (now.0 / 60_000 + from_now).rem_euclid(24 * 60);
        let hours = Hours::of_minutes(minute(-60), minute(60));
        let nightly = CredentialWish {
            hours,
            starts: Some(now.plus_ms(DAY_MS)),
            expires: Some(now.plus_ms(3 * DAY_MS)),
            ..wish(Purpose::Backup)
        };
        let issued = issue(&house, nightly).await;
        refused(&house, &issued, "it has not started yet").await;
        house.pass_days(1);
        let open = session(&house, &issued).await;
        house.pass_minutes(61);
        is_over(open).await;
        refused(&house, &issued, "it is outside its hours").await;
        house.pass_minutes(22 * 60 + 30);
        let open = session(&house, &issued).await;
        // The organisation's zone is where hours are told.
        let zone = PolicyChange { time_zone: Some("Asia/Tokyo".to_owned()), ..PolicyChange::default() };
        set(&house, None, zone).await;
        is_over(open).await;
        refused(&house, &issued, "it is outside its hours").await;
        set(&house, None, PolicyChange { time_zone: Some("UTC".to_owned()), ..PolicyChange::default() }).await;
        let open = session(&house, &issued).await;
        house.pass_days(1);
        house.pass_minutes(40);
        is_over(open).await;
        refused(&house, &issued, "it has expired").await;
        assert_eq!(house.app().expire_credentials().await.expect("the job runs"), 1);
        assert_eq!(house.app().expire_credentials().await.expect("the job runs"), 0);
        let shown = house.app().credential(house.operator(), &issued.row.public_id).await.expect("it is kept");
        assert_eq!((shown.row.facts.state, shown.row.obstacles), (CredentialState::Expired, vec![Obstacle::Expired]));
        refused(&house, &issued, "it has expired").await;
    }

    /// With a policy goes what it would not let be issued, and nothing else.
    async fn a_policy_ends_what_is_beyond_it(house: House) {
        at_work(&house).await;
        let live = async || {
            let rows = house.app().credentials(house.operator(), None, false).await.expect("the live ones");
            rows.into_iter().map(|row| row.name).collect::<Vec<_>>().join(" ")
        };
        let ends = PolicyChange { end_credentials: true, ..PolicyChange::default() };
        for purpose in [Purpose::Backup, Purpose::Archive, Purpose::Migration] {
            issue(&house, wish(purpose)).await;
        }
        set(&house, None, ends.clone()).await;
        assert_eq!(live().await, "backup archive migration", "nothing is beyond what is allowed");
        let archives = Some(Purposes::of([Purpose::Archive, Purpose::Migration]));
        set(&house, Some(SUPPORT), PolicyChange { purposes: archives, ..ends.clone() }).await;
        assert_eq!(live().await, "archive migration");
        house.pass_minutes(60);
        issue(&house, wish(Purpose::Archive)).await;
        set(&house, None, PolicyChange { max_life_ms: Some(Some(30 * 60 * 1000)), ..ends.clone() }).await;
        assert_eq!(live().await, "archive-2", "the others are older than that");
        set(&house, None, PolicyChange { max_life_ms: Some(None), ..ends.clone() }).await;
        assert_eq!(live().await, "archive-2");
        set(&house, None, PolicyChange { direct_sign_in: Some(DirectSignIn::ByApproval), ..ends }).await;
        assert_eq!(live().await, "", "none of them was approved");
    }

    /// Whoever answers for it, and whoever uses it, is in the house and in use.
    async fn people_answer_for_it(house: House) {
        at_work(&house).await;
        let (client, backup) = (issue(&house, wish(Purpose::Client)).await, issue(&house, wish(Purpose::Backup)).await);
        for (person, why) in [("alice@example.org", "its owner is suspended"), ("bob@example.org", "its holder is suspended")] {
            let open = session(&house, &client).await;
            let mut other = session(&house, &backup).await;
            suspend(&house, person, true).await;
            is_over(open).await;
            refused(&house, &client, why).await;
            // Bob has nothing to do with the other one.
            if person == "bob@example.org" {
                other.ok("NOOP", "").await;
            }
            suspend(&house, person, false).await;
        }
        let open = session(&house, &client).await;
        house.app().convert_from_person(house.operator(), &address("bob@example.org"), &[]).await.expect("he is gone");
        is_over(open).await;
        refused(&house, &client, "its holder is gone").await;
        session(&house, &backup).await;
    }

    /// Whoever uses it sets it aside and ends it; to let it in again is for those who manage it.
    async fn set_aside_and_let_in_again(house: House) {
        at_work(&house).await;
        house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
        let issued = issue(&house, wish(Purpose::Client)).await;
        let (app, which) = (house.app(), issued.row.public_id.as_str());
        let (alice, bob) = (house.acting_as("alice@example.org").await, house.acting_as("bob@example.org").await);
        let open = session(&house, &issued).await;
        let cut = app.suspend_credential(&bob, which).await.expect("it is his to use");
        assert_eq!(cut.sessions.len(), 1);
        is_over(open).await;
        refused(&house, &issued, "it is suspended").await;
        assert!(matches!(app.resume_credential(&bob, which).await, Err(Refused::Denied(_))));
        app.resume_credential(&alice, &format!("{SUPPORT}/client")).await.expect("an owner lets it in again");
        let open = session(&house, &issued).await;
        app.revoke_credential(&bob, which, false).await.expect("it is his to end");
        is_over(open).await;
        refused(&house, &issued, "it is revoked").await;
        assert!(app.resume_credential(&alice, which).await.is_err(), "what is revoked does not come back");
        assert!(app.open_credential(&alice, which, None).await.is_err());
        refused(&house, &issued, "it is revoked").await;
    }

    /// A role is shut but while somebody has checked it out.
    async fn a_role_is_checked_out(house: House) {
        at_work(&house).await;
        house.person("carol@example.org").await;
        let issued = issue(&house, wish(Purpose::Role)).await;
        let (app, which) = (house.app(), issued.row.public_id.as_str());
        let (bob, carol) = (house.acting_as("bob@example.org").await, house.acting_as("carol@example.org").await);
        refused(&house, &issued, "it is not checked out").await;
        assert_eq!(
            app.open_credential(&carol, which, None).await.err().map(|error| error.to_string()),
            app.open_credential(&carol, "crd_aaaaaaaa", None).await.err().map(|error| error.to_string().replace("crd_aaaaaaaa", which)),
            "a stranger learns nothing of it"
        );
        app.open_credential(&bob, which, None).await.expect("it is his to use");
        let open = session(&house, &issued).await;
        app.close_credential(&bob, which).await.expect("he gives it back");
        is_over(open).await;
        refused(&house, &issued, "it is not checked out").await;
        app.open_credential(&bob, which, Some(60 * 60 * 1000)).await.expect("for an hour");
        let mut open = session(&house, &issued).await;
        app.open_credential(&bob, which, Some(2 * 60 * 60 * 1000)).await.expect("an hour more");
        house.pass_minutes(61);
        open.ok("NOOP", "").await;
        house.pass_minutes(60);
        is_over(open).await;
        refused(&house, &issued, "it is not checked out").await;
        assert!(app.open_credential(&bob, which, Some(25 * 60 * 60 * 1000)).await.is_err(), "a day at most");
    }

    /// A secret that is handed over is opened by the one person it was made for, once, within an
    /// hour; then by nobody.
    async fn a_wrapped_secret_is_opened_once(house: House) {
        at_work(&house).await;
        let (app, for_bob) = (house.app(), Some(address("bob@example.org")));
        let (alice, bob) = (house.acting_as("alice@example.org").await, house.acting_as("bob@example.org").await);
        let absent = "There is no such code for you: it was opened, its time is over, or it is somebody else's";
        let refuses = async |caller, code: &Secret| {
            let error = app.unwrap_credential(caller, code).await.expect_err("it does not open").to_string();
            assert_eq!(error, absent);
        };
        let issued = issue(&house, CredentialWish { wrap_for: for_bob.clone(), ..wish(Purpose::Backup) }).await;
        assert!(issued.secret.is_none(), "whoever issues it is not shown it");
        assert_eq!(issued.row.obstacles, [Obstacle::NotOpened]);
        let code = issued.wrapped.expect("a code").code;
        refuses(&alice, &code).await;
        assert!(app.unwrap_credential(house.operator(), &code).await.is_err(), "operators open nothing");
        let opened = app.unwrap_credential(&bob, &code).await.expect("it is his");
        refuses(&bob, &code).await;
        let secret = opened.secret.expose_text().expect("letters").to_owned();
        house.imap("tool").await.login(SUPPORT, &secret).await;

        let late = issue(&house, CredentialWish { wrap_for: for_bob.clone(), ..wish(Purpose::Backup) }).await;
        let code = late.wrapped.expect("a code").code;
        house.pass_minutes(60);
        refuses(&bob, &code).await;
        assert_eq!(app.expire_credentials().await.expect("the job runs"), 1);
        refuses(&bob, &code).await;
        let shown = app.credential(house.operator(), &late.row.public_id).await.expect("it is kept").row;
        assert_eq!((shown.facts.state, shown.ended.map(|(_, why)| why)), (CredentialState::Expired, Some("not opened in time".to_owned())));

        // Taken back before it was opened.
        let revoked = issue(&house, CredentialWish { wrap_for: for_bob, ..wish(Purpose::Backup) }).await;
        app.revoke_credential(house.operator(), &revoked.row.public_id, false).await.expect("revoked");
        refuses(&bob, &revoked.wrapped.expect("a code").code).await;
    }

    /// Alice's password, grant and suspension leave a credential as it was, and the reverse.
    async fn a_person_and_a_credential_are_two(house: House) {
        at_work(&house).await;
        house.person("carol@example.org").await;
        house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
        let owner = address("carol@example.org");
        let issued = issue(&house, CredentialWish { owner, ..wish(Purpose::Backup) }).await;
        let app = house.app();
        let mut open = session(&house, &issued).await;
        let alice = address("alice@example.org");
        app.set_password(house.operator(), &alice, Secret::new("another battery staple horse")).await.expect("it is set");
        open.ok("FETCH 1:2 FLAGS", "FETCH").await;
        house.revoke(SUPPORT, "alice@example.org").await;
        open.ok("FETCH 1:2 FLAGS", "FETCH").await;
        suspend(&house, "alice@example.org", true).await;
        open.ok("FETCH 1:2 FLAGS", "FETCH").await;
        session(&house, &issued).await;
        suspend(&house, "alice@example.org", false).await;
        house.grant(SUPPORT, "alice@example.org", "lr").await;

        let mut her = house.imap("alice@example.org").await;
        her.login("alice@example.org", "another battery staple horse").await;
        her.ok("SELECT Shared/support@example.org/INBOX", "* 2 EXISTS").await;
        app.suspend_credential(house.operator(), &issued.row.public_id).await.expect("suspended");
        is_over(open).await;
        her.ok("FETCH 1:2 FLAGS", "FETCH").await;
        set(&house, None, PolicyChange { end_credentials: true, ..sign_in(DirectSignIn::Blocked) }).await;
        her.ok("FETCH 1:2 FLAGS", "FETCH").await;
        house.imap("alice@example.org").await.login("alice@example.org", "another battery staple horse").await;
    }
}
