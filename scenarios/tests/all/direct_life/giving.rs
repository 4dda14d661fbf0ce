//! A credential is a gift to whoever has its secret: nobody gives by one what they do not hold
//! (docs/decisions/0004-no-escalation.md).

use super::DAY_MS;
use crate::direct::{SUPPORT, at_work, wish};
use crate::people::address;
use postern_app::{CredentialWish, Denied, GrantReach, GrantTerms, Letters, Purpose, Refused};
use postern_testkit::{House, scenario};
use postern_types::{Letter, MailboxName, Rights, SendRights};

const ALICE: &str = "alice@example.org";

fn terms(letters: &str) -> GrantTerms {
    GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::parse(letters).expect("letters"),
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
}

async fn give(house: &House, terms: GrantTerms) {
    house.app().give(house.operator(), &address(SUPPORT), &address(ALICE), terms).await.expect("a grant");
}

/// What is said to Alice who wants to issue it; nothing where it is issued.
async fn refusal(house: &House, wish: CredentialWish) -> Option<Refused> {
    let alice = house.acting_as(ALICE).await;
    house.app().issue_credential(&alice, &address(SUPPORT), wish).await.err()
}

/// The same, where it is a right that she lacks.
async fn issuing(house: &House, wish: CredentialWish) -> Option<Denied> {
    refusal(house, wish).await.map(|refused| match refused {
        Refused::Denied(denied) => denied,
        other => panic!("{other}"),
    })
}

fn by_imap(purpose: Purpose) -> CredentialWish {
    CredentialWish { protocols: Some("imap".parse().expect("a protocol")), ..wish(purpose) }
}

fn with_letters(letters: &str) -> CredentialWish {
    let rights = Letters::Rights(Rights::parse(letters).expect("letters"));
    CredentialWish { letters: Some(rights), ..by_imap(Purpose::Other) }
}

fn not_held(letter: Letter) -> Option<Denied> {
    Some(Denied::NotHeld { letter })
}

scenario! {
    /// An owner with fewer letters gives fewer, everywhere and on each mailbox.
    async fn nobody_gives_a_letter_that_they_do_not_hold(house: House) {
        at_work(&house).await;
        give(&house, terms("lrswta")).await;
        assert_eq!(issuing(&house, wish(Purpose::Backup)).await, None);
        assert_eq!(issuing(&house, by_imap(Purpose::Client)).await, not_held(Letter::Insert));
        assert_eq!(issuing(&house, wish(Purpose::Archive)).await, not_held(Letter::Expunge));
        assert_eq!(issuing(&house, with_letters("lrswt")).await, None);
        for letter in ["i", "p", "k", "x", "e"] {
            let missing = Rights::parse(letter).expect("a letter").letters().next().expect("one");
            assert_eq!(issuing(&house, with_letters(&format!("lr{letter}"))).await, not_held(missing));
        }
        // The letter a is nobody's to give to a machine.
        assert!(refusal(&house, with_letters("lra")).await.is_some_and(|error| error.to_string().contains("letter a")));

        // Narrowed on one mailbox: there it gives as little.
        give(&house, terms("lrswipkxtea")).await;
        let drafts = || GrantReach::Mailbox(MailboxName::parse("Drafts").expect("a name"));
        give(&house, GrantTerms { reach: drafts(), ..terms("la") }).await;
        assert_eq!(issuing(&house, wish(Purpose::Backup)).await, not_held(Letter::Read));
        let sent = GrantReach::Subtree(MailboxName::parse("Sent").expect("a name"));
        assert_eq!(issuing(&house, CredentialWish { mailboxes: vec![sent.clone()], ..wish(Purpose::Backup) }).await, None);
        let both = CredentialWish { mailboxes: vec![sent, drafts()], ..wish(Purpose::Backup) };
        assert_eq!(issuing(&house, both).await, not_held(Letter::Read));
    }

    /// Whoever holds a right for a time gives it for no longer, and a part of it to nobody else's
    /// account.
    async fn nobody_gives_for_longer_than_they_hold(house: House) {
        at_work(&house).await;
        let end = house.now().plus_ms(10 * DAY_MS);
        give(&house, GrantTerms { not_after: Some(end), ..terms("lrswipkxtea") }).await;
        let until = |expires| CredentialWish { expires: Some(expires), ..wish(Purpose::Backup) };
        let too_long = Some(Denied::HeldForATime);
        assert_eq!(issuing(&house, wish(Purpose::Backup)).await, too_long);
        assert_eq!(issuing(&house, until(end.plus_ms(1))).await, too_long);
        assert_eq!(issuing(&house, until(end)).await, None);
        house.pass_days(11);
        assert!(refusal(&house, until(end.plus_ms(90 * DAY_MS))).await.is_some());
    }

    /// Who may not send as the mailbox makes nothing that does.
    async fn nobody_gives_sending_that_they_do_not_hold(house: House) {
        at_work(&house).await;
        give(&house, terms("lrswipkxtea")).await;
        let may_not = Some(Denied::SendNotHeld);
        assert_eq!(issuing(&house, wish(Purpose::Client)).await, may_not);
        assert_eq!(issuing(&house, wish(Purpose::Device)).await, may_not, "also where it reads nothing");
        assert_eq!(issuing(&house, by_imap(Purpose::Client)).await, None);
        let on_behalf = SendRights { send_as: false, send_on_behalf: true };
        give(&house, GrantTerms { send: on_behalf, ..terms("lrswipkxtea") }).await;
        assert_eq!(issuing(&house, wish(Purpose::Device)).await, may_not);
        let send_as = SendRights { send_as: true, send_on_behalf: false };
        give(&house, GrantTerms { send: send_as, ..terms("lrswipkxtea") }).await;
        assert_eq!(issuing(&house, wish(Purpose::Client)).await, None);
        assert_eq!(issuing(&house, wish(Purpose::Device)).await, None);
    }

    /// An owner asks about an address by naming it: suspended, a mailbox and nobody's are one answer, but
    /// to those who see who works here.
    async fn who_works_here_is_not_told_by_issuing(house: House) {
        at_work(&house).await;
        give(&house, terms("lrswipkxtea")).await;
        house.app().suspend_person(house.operator(), &address("bob@example.org"), true).await.expect("suspended");
        let owned_by = |owner: &str| CredentialWish { owner: address(owner), ..wish(Purpose::Backup) };
        for owner in ["bob@example.org", SUPPORT, "nobody@example.org", "nobody@example.net"] {
            let said = refusal(&house, owned_by(owner)).await.expect("it is refused").to_string();
            assert_eq!(said, format!("The owner is a person of the house who can sign in, and {owner} is none"));
        }
        let said = house.app().issue_credential(house.operator(), &address(SUPPORT), owned_by("bob@example.org")).await;
        assert!(said.expect_err("it is refused").to_string().contains("bob@example.org is suspended"));
        // A name that is taken is told before anybody is looked for, so it asks about nobody.
        assert_eq!(refusal(&house, CredentialWish { name: Some("one".to_owned()), ..owned_by(ALICE) }).await.map(|e| e.to_string()), None);
        let taken = refusal(&house, CredentialWish { name: Some("one".to_owned()), ..owned_by("bob@example.org") }).await;
        assert!(taken.is_some_and(|error| error.to_string().contains("called one is in use")));
    }

    /// What is listed is what one manages, and beside it what one answers for or uses.
    async fn a_list_shows_ones_own(house: House) {
        at_work(&house).await;
        house.shared("billing@example.org").await;
        give(&house, terms("lrswipkxtea")).await;
        let app = house.app();
        let billing = address("billing@example.org");
        for purpose in [Purpose::Backup, Purpose::Client] {
            app.issue_credential(house.operator(), &address(SUPPORT), wish(purpose)).await.expect("issued");
        }
        let ended = app.issue_credential(house.operator(), &billing, wish(Purpose::Role)).await.expect("issued");
        app.revoke_credential(house.operator(), &ended.row.public_id, false).await.expect("revoked");
        app.issue_credential(house.operator(), &billing, wish(Purpose::Archive)).await.expect("issued");
        let carol = "carol@example.org";
        house.person(carol).await;
        let listed = async |who: &str, shared: Option<&str>, ended_too| {
            let caller = if who == "operator" { house.operator().clone() } else { house.acting_as(who).await };
            let rows = app.credentials(&caller, shared.map(address).as_ref(), ended_too).await;
            rows.map(|rows| rows.into_iter().map(|row| row.name).collect::<Vec<_>>().join(" ")).map_err(|error| error.to_string())
        };
        let is = |text: &str| Ok::<_, String>(text.to_owned());
        for (who, all, with_ended, support, of_billing) in [
            ("operator", "backup client archive", "backup client role archive", is("backup client"), is("archive")),
            (ALICE, "backup client archive", "backup client role archive", is("backup client"), is("archive")),
            ("bob@example.org", "client", "client role", is("client"), Err("No such mailbox".to_owned())),
            (carol, "", "", Err("No such mailbox".to_owned()), Err("No such mailbox".to_owned())),
        ] {
            assert_eq!(listed(who, None, false).await, is(all), "{who}");
            assert_eq!(listed(who, None, true).await, is(with_ended), "{who}");
            assert_eq!(listed(who, Some(SUPPORT), false).await, support, "{who}");
            assert_eq!(listed(who, Some("billing@example.org"), false).await, of_billing, "{who}");
        }
    }

    /// Without `a` nobody issues, whatever else they hold, and a stranger learns nothing.
    async fn only_those_who_manage_it_issue(house: House) {
        at_work(&house).await;
        // REST tells it in the words for a mailbox that is not there.
        assert_eq!(issuing(&house, wish(Purpose::Backup)).await, Some(Denied::Hidden));
        give(&house, terms("lrswipkxte")).await;
        assert!(matches!(issuing(&house, wish(Purpose::Backup)).await, Some(Denied::NotYours { .. })));
        let inbox = GrantReach::Mailbox(MailboxName::parse("INBOX").expect("a name"));
        give(&house, GrantTerms { reach: inbox.clone(), ..terms("lrswipkxtea") }).await;
        let there = CredentialWish { mailboxes: vec![inbox], ..wish(Purpose::Backup) };
        assert!(matches!(issuing(&house, there).await, Some(Denied::NotYours { .. })));
    }
}
