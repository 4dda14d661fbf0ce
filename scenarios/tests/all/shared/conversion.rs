//! A person's mailbox becomes shared and a shared one a person's; mail stays, doors shut.

use super::{INBOX, LETTER, address, at_work, trail};
use crate::people::as_person;
use postern_app::{AuditQuery, GrantReach, GrantTerms, Refused};
use postern_store::{Access, GateError, Read, Tx};
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use postern_types::{DisplayName, MailboxName, Rights, Secret, SendRights};

async fn from_person(house: &House, who: &str, members: &[&str]) -> Result<postern_app::FromPerson, Refused> {
    let members: Vec<_> = members.iter().map(|text| address(text)).collect();
    house.app().convert_from_person(house.operator(), &address(who), &members).await
}

/// A group of these members that may read billing@.
async fn readers_of_billing(house: &House, members: &[&str]) {
    let members: Vec<_> = members.iter().map(|text| address(text)).collect();
    let name = DisplayName::default();
    house.app().add_group(house.operator(), &address("team@example.org"), &name, &members).await.expect("a group");
    house.shared("billing@example.org").await;
    house.grant("billing@example.org", "team@example.org", "lr").await;
}

/// These letters on the whole account.
fn terms(letters: &str) -> GrantTerms {
    GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::parse(letters).expect("letters"),
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
}

/// UIDVALIDITY and UIDNEXT of a mailbox.
async fn numbers(client: &mut ImapClient, mailbox: &str) -> String {
    let line = client.ok(&format!("STATUS {mailbox} (UIDVALIDITY UIDNEXT)"), "UIDVALIDITY").await.lines().remove(0);
    line[line.find('(').expect("numbers")..].to_owned()
}

scenario! {
    /// The person's password, sessions and rights elsewhere end; their mail, addresses and
    /// UIDVALIDITY stay, and the delegates who were named read what was private.
    async fn a_person_who_leaves_becomes_a_shared_mailbox(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        readers_of_billing(&house, &["bob@example.org", "carol@example.org"]).await;
        house.deliver("bob@example.org", LETTER).await;
        let before = numbers(&mut bob, "INBOX").await;
        bob.ok("SELECT Shared/billing@example.org/INBOX", "[READ-ONLY]").await;
        let mut waiting = house.imap_as("bob@example.org").await;
        waiting.idle().await;

        let converted = from_person(&house, "bob@example.org", &["alice@example.org"]).await.expect("it is converted");
        assert_eq!(converted.ended.ended_credentials, 1);
        assert_eq!(converted.ended.ended_grants, ["support@example.org"]);
        assert_eq!(converted.ended.groups, ["team@example.org"]);
        waiting.until("* BYE Your sign-in has ended").await;
        assert_eq!(bob.closed().await, ["* BYE Your sign-in has ended"]);
        let mut stranger = house.imap("stranger").await;
        stranger.no(&format!("LOGIN bob@example.org \"{PASSWORD}\""), "[AUTHENTICATIONFAILED]").await;

        assert_eq!(numbers(&mut alice, "Shared/bob@example.org/INBOX").await, before);
        alice.ok("SELECT Shared/bob@example.org/INBOX", "* 1 EXISTS").await;
        alice.ok("FETCH 1 BODY.PEEK[TEXT]", "Since this morning.").await;
        house.deliver("bob@example.org", LETTER).await;
        house.deliver("team@example.org", LETTER).await; // he was in that group
        alice.ok("NOOP", "* 3 EXISTS").await;
        assert!(!alice.ok("LIST \"\" *", "").await.has("billing"), "nor does a delegate gain what the group holds");
        let set = house.app().set_password(house.operator(), &address("bob@example.org"), Secret::new(PASSWORD)).await;
        assert!(set.expect_err("no password").to_string().contains("is a shared mailbox"));

        let grants = house.app().grants(house.operator(), &address("support@example.org")).await.expect("grants");
        assert!(grants.iter().all(|grant| grant.grantee_address != "bob@example.org"), "{grants:?}");
        let query = AuditQuery { account: Some(address("bob@example.org")), most: 100, ..AuditQuery::default() };
        let rows = house.app().audit(house.operator(), query).await.expect("the trail");
        let flagged = rows.iter().find(|row| row.action == "shared.converted-from-person").expect("it is on the trail");
        assert!(flagged.detail.starts_with("delegates can read what was private"), "{}", flagged.detail);
        assert!(trail(&house, "support@example.org").await.contains(&"grant.revoked".to_owned()));
    }

    /// Delegates stay and can be taken back; rights do not come by the back door of a group.
    async fn a_shared_mailbox_becomes_a_persons_own(house: House) {
        let (_alice, mut bob) = at_work(&house).await;
        readers_of_billing(&house, &["support@example.org", "carol@example.org"]).await;
        let before = numbers(&mut bob, INBOX).await;
        let converted = house.app().convert_to_person(house.operator(), &address("support@example.org")).await;
        let converted = converted.expect("it is converted");
        let delegates: Vec<&str> = converted.grants.iter().map(|grant| grant.grantee_address.as_str()).collect();
        assert_eq!(delegates, ["alice@example.org", "bob@example.org"]);
        assert_eq!(converted.ended.left_groups, ["team@example.org"]);
        bob.ok("FETCH 1 FLAGS", "FETCH").await;
        let mut early = house.imap("early").await;
        early.no(&format!("LOGIN support@example.org \"{PASSWORD}\""), "[AUTHENTICATIONFAILED]").await;

        let password = Secret::new(PASSWORD);
        house.app().set_password(house.operator(), &address("support@example.org"), password).await.expect("a password");
        let mut support = house.imap_as("support@example.org").await;
        assert_eq!(numbers(&mut support, "INBOX").await, before);
        support.ok("SELECT INBOX", "* 2 EXISTS").await;
        assert!(!support.ok("LIST \"\" *", "").await.has("Shared/"), "no right of the group it was in");
        support.ok("DELETEACL INBOX bob@example.org", "").await;
        bob.no("FETCH 1 FLAGS", "[NONEXISTENT]").await;
        // On a person's own account administrators take rights away and give none.
        let given = house.app().give(house.operator(), &address("support@example.org"), &address("carol@example.org"), terms("lr")).await;
        let refused = given.expect_err("it is hers").to_string();
        assert!(refused.starts_with("support@example.org is a person's own mailbox"), "{refused}");
        house.revoke("support@example.org", "alice@example.org").await;
        let shown = house.app().show_shared(house.operator(), &address("support@example.org")).await;
        assert_eq!(shown.expect_err("no shared mailbox").to_string(), "There is no shared mailbox support@example.org");
    }

    /// There and back: nobody who was signed in before is signed in after, and old mail
    /// programs find their UIDs.
    async fn there_and_back_again(house: House) {
        let (_alice, mut bob) = at_work(&house).await;
        house.deliver("bob@example.org", LETTER).await;
        let before = numbers(&mut bob, "INBOX").await;
        bob.ok("SELECT INBOX", "* 1 EXISTS").await;
        bob.ok(&format!("SUBSCRIBE {INBOX}"), "").await;
        from_person(&house, "bob@example.org", &[]).await.expect("it is converted");
        house.app().convert_to_person(house.operator(), &address("bob@example.org")).await.expect("and back");
        house.app().set_password(house.operator(), &address("bob@example.org"), Secret::new(PASSWORD)).await.expect("a password");
        assert_eq!(bob.closed().await, ["* BYE Your sign-in has ended"], "the password is the same, the credential is not");
        let mut bob = house.imap_as("bob@example.org").await;
        assert_eq!(numbers(&mut bob, "INBOX").await, before);
        assert!(!bob.ok("LSUB \"\" *", "").await.has("Shared/"));
        bob.no(&format!("SELECT {INBOX}"), "[NONEXISTENT]").await;
    }

    /// There and back: what was found about the person before, by their group, does not hold for
    /// the one after, who is in no group. The gate is asked, for the session itself has ended.
    async fn a_verdict_on_the_old_person_is_not_of_the_new(house: House) {
        at_work(&house).await;
        readers_of_billing(&house, &["bob@example.org"]).await;
        let bob = as_person(&house, "bob@example.org").await;
        let reads = async || {
            let bob = bob.clone();
            let opened = house.app().db().read(move |tx: &Tx<'_>| -> Result<(), GateError> {
                let billing = tx.account_at(&address("billing@example.org"))?.expect("it is there");
                let inbox = MailboxName::parse("INBOX").expect("a name");
                tx.open_named::<Read>(&bob, billing, &inbox).map(|_: Access<'_, Read>| ())
            });
            opened.await.map_err(|error| error.to_string())
        };
        assert_eq!(reads().await, Ok(()));
        from_person(&house, "bob@example.org", &[]).await.expect("it is converted");
        house.app().convert_to_person(house.operator(), &address("bob@example.org")).await.expect("and back");
        assert_eq!(reads().await, Err("No such mailbox".to_owned()));
    }

    /// docs/decisions/0012-conversion.md: whatever the order of a conversion, a new password and
    /// a gift, no door of the person is left open, also not for the next of that address.
    async fn a_conversion_and_what_is_under_way(house: House) {
        let (_alice, _bob) = at_work(&house).await;
        let bob = || address("bob@example.org");
        for round in 0..6 {
            let passwords = [format!("quiet river number {round}"), format!("green garden number {round}")];
            let under_way = passwords.clone().map(|password| {
                let (app, operator) = (house.app().clone(), house.operator().clone());
                tokio::spawn(async move {
                    // Before the conversion they succeed, after it they are refused.
                    let _ = app.set_password(&operator, &address("bob@example.org"), Secret::new(password)).await;
                    let terms = terms("lr");
                    let _ = app.give(&operator, &address("support@example.org"), &address("bob@example.org"), terms).await;
                })
            });
            from_person(&house, "bob@example.org", &[]).await.expect("it is converted");
            for one in under_way {
                one.await.expect("no panic");
            }
            let back = house.app().convert_to_person(house.operator(), &bob()).await.expect("and back");
            assert_eq!(back.ended.ended_credentials, 0, "round {round}: a shared mailbox has no password");
            for password in passwords.iter().map(String::as_str).chain([PASSWORD]) {
                let mut client = house.imap("client").await;
                client.no(&format!("LOGIN bob@example.org \"{password}\""), "[AUTHENTICATIONFAILED]").await;
            }
            let grants = house.app().grants(house.operator(), &address("support@example.org")).await.expect("grants");
            assert!(grants.iter().all(|grant| grant.grantee_address != "bob@example.org"), "round {round}: {grants:?}");
            house.app().set_password(house.operator(), &bob(), Secret::new(PASSWORD)).await.expect("a password");
            house.imap_as("bob@example.org").await.ok("LOGOUT", "").await;
        }
    }

    /// What can not be converted says why, and nothing of it happens.
    async fn what_can_not_be_converted_stays(house: House) {
        let (_alice, mut bob) = at_work(&house).await;
        let text = |refused: Option<Refused>| refused.expect("refused").to_string();
        let last = from_person(&house, "admin@example.org", &[]).await.err();
        assert!(text(last).starts_with("They are the last administrator who can sign in, and the organisation needs one"));
        let admin = house.acting_as("admin@example.org").await;
        let own = house.app().convert_from_person(&admin, &address("admin@example.org"), &[]).await.err();
        assert_eq!(text(own), "Nobody makes their own mailbox shared; ask another administrator");
        for (who, members) in [("support@example.org", &[][..]), ("nobody@example.org", &[]), ("bob@example.org", &["nobody@example.org"])] {
            assert!(from_person(&house, who, members).await.is_err(), "{who}");
        }
        bob.ok("NOOP", "").await; // a member that is nobody undoes all of it
        house.shared("postmaster@example.org").await;
        let role = house.app().convert_to_person(house.operator(), &address("postmaster@example.org")).await.err();
        assert_eq!(text(role), "postmaster@example.org belongs to no one person, so what has it stays shared");
        let person = house.app().convert_to_person(house.operator(), &address("bob@example.org")).await.err();
        assert_eq!(text(person), "There is no such shared mailbox");
        house.app().remove_shared(house.operator(), &address("support@example.org")).await.expect("removed");
        let removed = house.app().convert_to_person(house.operator(), &address("support@example.org")).await.err();
        assert!(text(removed).contains("postern shared restore support@example.org"));
    }
}
