//! The mailbox and its folders: what becomes of a scope when they are renamed, removed and made
//! again.

use super::{is_over, refused, session};
use crate::direct::{LETTER, SUPPORT, at_work, issue, secret, wish};
use crate::people::address;
use postern_app::{AuditActor, AuditQuery, CredentialWish, GrantReach, Issued, Purpose};
use postern_testkit::{House, ImapClient, scenario};
use postern_types::MailboxName;

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).expect("a name")
}

/// An owner and a delegate with full access, and folders.
async fn with_folders(house: &House) -> (ImapClient, ImapClient) {
    at_work(house).await;
    house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
    house.grant(SUPPORT, "bob@example.org", "lrswipkxte").await;
    let (mut alice, bob) = (house.imap_as("alice@example.org").await, house.imap_as("bob@example.org").await);
    for folder in ["Cases", "Projects", "Projects/2026", "Secret"] {
        alice.ok(&format!("CREATE Shared/{SUPPORT}/{folder}"), "").await;
        let added = alice.append(&format!("Shared/{SUPPORT}/{folder}"), "", b"Subject: x\r\n\r\ny\r\n").await;
        assert!(added.status.starts_with("OK"), "{}", added.status);
    }
    (alice, bob)
}

async fn backup_of(house: &House, reach: GrantReach) -> Issued {
    issue(house, CredentialWish { mailboxes: vec![reach], ..wish(Purpose::Backup) }).await
}

async fn signed_in(house: &House, issued: &Issued) -> ImapClient {
    let mut client = house.imap(&issued.row.name).await;
    client.login(SUPPORT, &secret(issued)).await;
    client
}

/// The names that a session is shown, and may select.
async fn sees(client: &mut ImapClient, expected: &[&str]) {
    let listed = client.ok("LIST \"\" *", "").await.lines();
    let names: Vec<&str> = listed.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(names, expected, "{}", client.name);
    for name in expected {
        client.ok(&format!("EXAMINE {name}"), "* 1 EXISTS").await;
    }
}

async fn renames(client: &mut ImapClient, from: &str, to: &str) {
    client.ok(&format!("RENAME Shared/{SUPPORT}/{from} Shared/{SUPPORT}/{to}"), "").await;
}

scenario! {
    /// Under another name it is the same mailbox, in running sessions too.
    async fn renamed_mailboxes_stay_in_scope(house: House) {
        let (mut alice, mut bob) = with_folders(&house).await;
        let cases = backup_of(&house, GrantReach::Mailbox(name("Cases"))).await;
        let projects = backup_of(&house, GrantReach::Subtree(name("Projects"))).await;
        let (mut one, mut all) = (signed_in(&house, &cases).await, signed_in(&house, &projects).await);
        sees(&mut one, &["Cases"]).await;
        sees(&mut all, &["Projects", "Projects/2026"]).await;
        bob.ok(&format!("RENAME Shared/{SUPPORT}/Cases Shared/{SUPPORT}/Files"), "").await;
        renames(&mut alice, "Projects", "Work").await;
        sees(&mut one, &["Files"]).await;
        sees(&mut all, &["Work", "Work/2026"]).await;
        one.no("SELECT Cases", "[NONEXISTENT] No such mailbox").await;
        let shown = house.app().credential(house.operator(), &projects.row.public_id).await.expect("it is there");
        assert_eq!(shown.row.mailboxes.len(), 1);
        assert_eq!(shown.row.mailboxes[0].0, GrantReach::Subtree(name("Work")));
    }

    /// To rename into a scope is to give to whoever has the secret
    /// (docs/decisions/0019-renaming-gives.md).
    async fn renaming_into_a_scope_is_giving(house: House) {
        let (mut alice, mut bob) = with_folders(&house).await;
        let projects = backup_of(&house, GrantReach::Subtree(name("Projects"))).await;
        let mut tool = signed_in(&house, &projects).await;
        let into = format!("RENAME Shared/{SUPPORT}/Secret Shared/{SUPPORT}/Projects/Secret");
        bob.no(&into, "[NOPERM] Under that name others would hold more in it").await;
        sees(&mut tool, &["Projects", "Projects/2026"]).await;
        alice.ok(&into, "").await;
        sees(&mut tool, &["Projects", "Projects/2026", "Projects/Secret"]).await;
        // Out of it is nobody's gift.
        renames(&mut bob, "Projects/Secret", "Secret").await;
        sees(&mut tool, &["Projects", "Projects/2026"]).await;
        // Once it has ended there is nobody to give to.
        house.app().revoke_credential(house.operator(), &projects.row.public_id, false).await.expect("revoked");
        bob.ok(&into, "").await;
    }

    /// What was deleted is not what is made again under its name.
    async fn a_name_that_is_made_again_is_not_in_scope(house: House) {
        let (mut alice, _bob) = with_folders(&house).await;
        let cases = backup_of(&house, GrantReach::Mailbox(name("Cases"))).await;
        let projects = backup_of(&house, GrantReach::Subtree(name("Projects"))).await;
        let (mut one, mut all) = (signed_in(&house, &cases).await, signed_in(&house, &projects).await);
        one.ok("SELECT Cases", "* 1 EXISTS").await;
        for folder in ["Cases", "Projects/2026", "Projects"] {
            alice.ok(&format!("DELETE Shared/{SUPPORT}/{folder}"), "").await;
        }
        one.no("NOOP", "[NONEXISTENT] No such mailbox").await;
        one.bad("FETCH 1 FLAGS", "Select a mailbox first").await;
        for folder in ["Cases", "Projects", "Projects/2026"] {
            alice.ok(&format!("CREATE Shared/{SUPPORT}/{folder}"), "").await;
            alice.append(&format!("Shared/{SUPPORT}/{folder}"), "", b"Subject: new\r\n\r\ny\r\n").await;
        }
        for client in [&mut one, &mut all] {
            sees(client, &[]).await;
            for folder in ["Cases", "Projects", "Projects/2026"] {
                client.no(&format!("SELECT {folder}"), "[NONEXISTENT] No such mailbox").await;
                client.no(&format!("STATUS {folder} (MESSAGES)"), "[NONEXISTENT] No such mailbox").await;
            }
        }
        let shown = house.app().credential(house.operator(), &projects.row.public_id).await.expect("it is there");
        assert!(shown.row.mailboxes.is_empty());
    }

    /// What one credential has subscribed to is not shown to another one that does not see it.
    async fn subscriptions_show_nothing_outside_the_scope(house: House) {
        let (mut alice, _bob) = with_folders(&house).await;
        let cases = backup_of(&house, GrantReach::Mailbox(name("Cases"))).await;
        let client = issue(&house, wish(Purpose::Client)).await;
        let (mut narrow, mut wide) = (signed_in(&house, &cases).await, signed_in(&house, &client).await);
        wide.ok("SUBSCRIBE Secret", "").await;
        wide.ok("UNSUBSCRIBE Projects", "").await;
        let lsub = narrow.ok("LSUB \"\" *", "").await;
        assert_eq!(lsub.lines(), ["* LSUB () \"/\" Cases"]);
        assert_eq!(narrow.ok("LIST (SUBSCRIBED) \"\" *", "").await.untagged.len(), 1);
        for command in ["SUBSCRIBE", "UNSUBSCRIBE"] {
            for folder in ["Secret", "Projects", "Nowhere"] {
                narrow.no(&format!("{command} {folder}"), "[NONEXISTENT] No such mailbox").await;
            }
            narrow.no(&format!("{command} Cases"), "[NOPERM]").await;
        }
        let wide_lsub = wide.ok("LSUB \"\" *", "Secret").await;
        assert!(!wide_lsub.lines().iter().any(|line| line.ends_with(" Projects")), "{:?}", wide_lsub.lines());
        // People's own are theirs.
        alice.ok("LSUB \"\" Shared/support@example.org/*", "Shared/support@example.org/Projects").await;
    }

    /// A mailbox that is removed lets nobody in, and one that comes back has its credentials.
    async fn a_removed_mailbox_comes_back_with_its_credentials(house: House) {
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Backup)).await;
        let open = session(&house, &issued).await;
        house.app().remove_shared(house.operator(), &address(SUPPORT)).await.expect("removed");
        is_over(open).await;
        refused(&house, &issued, "the account is removed").await;
        house.app().restore_shared(house.operator(), &address(SUPPORT)).await.expect("it is back");
        let mut open = session(&house, &issued).await;
        open.no("STORE 1 +FLAGS (\\Seen)", "[NOPERM]").await;
    }

    /// A person's own mailbox has none: what there was has ended, also when it is shared again.
    async fn a_mailbox_that_becomes_a_person_s_has_no_credentials(house: House) {
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Backup)).await;
        let open = session(&house, &issued).await;
        house.app().convert_to_person(house.operator(), &address(SUPPORT)).await.expect("a person");
        is_over(open).await;
        refused(&house, &issued, "that is no credential of this mailbox").await;
        let more = house.app().issue_credential(house.operator(), &address(SUPPORT), wish(Purpose::Backup)).await;
        assert!(more.is_err(), "a person signs in as themselves");
        house.app().convert_from_person(house.operator(), &address(SUPPORT), &[]).await.expect("shared again");
        refused(&house, &issued, "it is revoked").await;
    }

    /// How its mailboxes are protected is asked at each command, and ends nobody's session.
    async fn delete_protection_ends_no_session(house: House) {
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Client)).await;
        let (mut works, mut waits) = (session(&house, &issued).await, session(&house, &issued).await);
        waits.idle().await;
        house.set_delete_protection(SUPPORT, true).await;
        works.no("EXPUNGE", "[NOPERM]").await;
        house.set_delete_protection(SUPPORT, false).await;
        works.ok("EXPUNGE", "").await;
        house.deliver(SUPPORT, LETTER).await;
        waits.until("* 3 EXISTS").await;
    }

    /// The trail of each credential has its end, whatever ended it; and a leak that is found later.
    async fn each_end_is_on_the_trail(house: House) {
        at_work(&house).await;
        let ends = async || {
            let query = AuditQuery { most: 200, ..AuditQuery::default() };
            let rows = house.app().audit(house.operator(), query).await.expect("the trail");
            rows.into_iter().filter(|row| row.action == "credential.revoked").map(|row| row.detail).collect::<Vec<_>>()
        };
        let (first, second) = (issue(&house, wish(Purpose::Backup)).await, issue(&house, wish(Purpose::Backup)).await);
        let [one, other] = [&first, &second].map(|issued| issued.row.public_id.clone());
        let revoke = async |compromised| {
            house.app().revoke_credential(house.operator(), &one, compromised).await.expect("revoked").row
        };
        revoke(false).await;
        revoke(false).await;
        assert_eq!(ends().await, std::slice::from_ref(&one), "what has ended is not ended again");
        let row = revoke(true).await;
        assert_eq!(row.ended.map(|(_, why)| why).as_deref(), Some("compromised"));
        revoke(true).await;
        assert_eq!(ends().await, std::slice::from_ref(&one), "it ended once");
        let query = AuditQuery { most: 200, ..AuditQuery::default() };
        let rows = house.app().audit(house.operator(), query).await.expect("the trail");
        assert_eq!(rows.iter().filter(|row| row.action == "credential.compromised").count(), 1, "and is told once");
        house.app().convert_to_person(house.operator(), &address(SUPPORT)).await.expect("a person");
        assert_eq!(ends().await[0], format!("{other} its mailbox was converted"));
    }

    /// What is over is over when its time is, and not when the hourly job has written it down.
    async fn what_is_over_is_not_live(house: House) {
        at_work(&house).await;
        let nightly = || CredentialWish { name: Some("nightly".to_owned()), ..wish(Purpose::Migration) };
        let first = issue(&house, nightly()).await;
        let taken = house.app().issue_credential(house.operator(), &address(SUPPORT), nightly()).await;
        assert!(taken.is_err_and(|error| error.to_string().contains("is in use here")));
        house.pass_days(1);
        let (policy, _) = house.app().policy(house.operator(), Some(&address(SUPPORT))).await.expect("a policy");
        assert_eq!(policy.live, 0);
        let second = issue(&house, nightly()).await;
        assert_eq!(second.row.name, "nightly");
        let first = house.app().credential(house.operator(), &first.row.public_id).await.expect("it is kept").row;
        assert_eq!(first.ended.map(|(_, why)| why).as_deref(), Some("expired"));
        session(&house, &second).await;
    }

    /// What a credential did is asked for by it, of its mailbox and of the organisation.
    async fn the_trail_of_a_credential_is_found(house: House) {
        at_work(&house).await;
        let (client, other) = (issue(&house, wish(Purpose::Client)).await, issue(&house, wish(Purpose::Client)).await);
        let mut open = session(&house, &client).await;
        open.ok("STORE 1 +FLAGS (\\Flagged)", "").await;
        session(&house, &other).await;
        let label = format!("{SUPPORT}/{}", client.row.name);
        for account in [None, Some(address(SUPPORT))] {
            for which in [&client.row.public_id, &label] {
                let actor = Some(AuditActor::parse(which).expect("a credential"));
                let query = AuditQuery { account: account.clone(), actor, most: 50, ..AuditQuery::default() };
                let rows = house.app().audit(house.operator(), query).await.expect("the trail");
                let actions: Vec<&str> = rows.iter().map(|row| row.action.as_str()).collect();
                assert_eq!(actions, ["flags.changed", "mailbox.opened", "sign-in.accepted"]);
                assert!(rows.iter().all(|row| row.actor.as_deref() == Some(label.as_str())));
            }
        }
        // Also once it has ended; and where several had its name it is asked which.
        house.app().revoke_credential(house.operator(), &client.row.public_id, true).await.expect("revoked");
        let of = async |which: &str| {
            let actor = Some(AuditActor::parse(which).expect("a credential"));
            let query = AuditQuery { account: Some(address(SUPPORT)), actor, most: 50, ..AuditQuery::default() };
            house.app().audit(house.operator(), query).await.map(|rows| rows.len()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&label).await, Ok(3));
        let again = issue(&house, CredentialWish { name: Some(client.row.name.clone()), ..wish(Purpose::Client) }).await;
        let both = [&client, &again].map(|issued| issued.row.public_id.as_str()).join(", ");
        assert_eq!(of(&label).await, Err(format!("Several were called {label}; name one by its id: {both}")));
        assert_eq!((of(&client.row.public_id).await, of(&again.row.public_id).await), (Ok(3), Ok(0)));
    }
}
