//! Removal is soft for 30 days: everybody loses the mailbox at once, and nothing is lost.

use super::{INBOX, LETTER, address, at_work, set, trail};
use postern_access::{Actor, Job};
use postern_app::{GrantReach, GrantTerms, SharedChange};
use postern_store::{Caller, Expire, Origin, Tx};
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use postern_types::{DisplayName, Rights, SendRights};

async fn remove(house: &House) {
    house.app().remove_shared(house.operator(), &address("support@example.org")).await.expect("it is removed");
}

async fn restore(house: &House) -> Result<(), String> {
    let restored = house.app().restore_shared(house.operator(), &address("support@example.org")).await;
    restored.map(drop).map_err(|refused| refused.to_string())
}

/// The reply to RCPT for an address.
async fn rcpt(house: &House, to: &str) -> String {
    let mut client = house.lmtp().await;
    client.command("MAIL FROM:<sender@example.net>").await;
    client.command(&format!("RCPT TO:<{to}>")).await
}

/// Texts of refusals to make something with this address, whatever kind of thing.
async fn refusals_to_take(house: &House, text: &str) -> Vec<String> {
    let (app, operator, taken, name) = (house.app(), house.operator(), address(text), DisplayName::default());
    let alias = SharedChange { add_aliases: vec![taken.clone()], ..SharedChange::default() };
    let refused = [
        app.add_person(operator, &taken, &name, None).await.expect_err("a person"),
        app.add_group(operator, &taken, &name, &[]).await.expect_err("a group"),
        app.add_shared(operator, &taken, &name, &[], &[]).await.expect_err("a shared mailbox"),
        app.set_shared(operator, &address("billing@example.org"), alias).await.expect_err("an alias"),
    ];
    refused.iter().map(ToString::to_string).collect()
}

scenario! {
    /// At the next command, in IDLE, and at once in rooted sessions; its mail is refused as that of an
    /// address nobody has.
    async fn a_removed_mailbox_is_gone_for_all_and_comes_back_whole(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        house.shared("billing@example.org").await;
        let aliases = vec![address("help@example.org")];
        set(&house, SharedChange { add_aliases: aliases, ..SharedChange::default() }).await;
        let (app, operator) = (house.app(), house.operator());
        let members = ["support@example.org", "carol@example.org"].map(address);
        app.add_group(operator, &address("team@example.org"), &DisplayName::default(), &members).await.expect("a group");
        app.add_group(operator, &address("desk@example.org"), &DisplayName::default(), &members[..1]).await.expect("a group");
        let validity = bob.ok(&format!("STATUS {INBOX} (UIDVALIDITY UIDNEXT)"), "UIDVALIDITY").await.lines();
        bob.ok(&format!("SUBSCRIBE {INBOX}"), "").await;
        alice.idle().await;
        let mut rooted = house.imap("rooted").await;
        rooted.login("bob@example.org/support@example.org", PASSWORD).await;

        remove(&house).await;
        alice.until("* BYE The mailbox can not be read any more").await;
        bob.no("FETCH 1 FLAGS", "[NONEXISTENT] No such mailbox").await;
        assert_eq!(rooted.closed().await, ["* BYE Your sign-in has ended"]);
        assert!(!bob.ok("LIST \"\" *", "INBOX").await.has("Shared/support"));
        let answers = [
            bob.command(&format!("SELECT {INBOX}")).await.status,
            bob.command("SELECT Shared/nothing@example.org/INBOX").await.status,
        ];
        assert_eq!(answers[0], answers[1], "law 4");
        let mut again = house.imap("again").await;
        again.no(&format!("LOGIN bob@example.org/support@example.org \"{PASSWORD}\""), "[AUTHENTICATIONFAILED]").await;

        let unknown = rcpt(&house, "nobody@example.org").await;
        for name in ["support@example.org", "help@example.org"] {
            assert_eq!(rcpt(&house, name).await, unknown.replace("nobody@example.org", name));
            let taken = format!("{name} is taken or reserved");
            assert_eq!(refusals_to_take(&house, name).await, [&*taken; 4]);
        }
        house.deliver("team@example.org", LETTER).await; // Carol has it
        assert!(rcpt(&house, "desk@example.org").await.starts_with("550 5.2.1 "), "a group of nobody");

        // What manages it sees it, and says what to do.
        let listed = app.shared(operator).await.expect("the shared mailboxes");
        let row = &listed.iter().find(|seen| seen.row.address == "support@example.org").expect("it is listed").row;
        assert_eq!((row.state.as_str(), row.removed.is_some(), row.messages), ("removed", true, 2));
        let again = app.remove_shared(operator, &address("support@example.org")).await.expect_err("removed already");
        assert!(again.to_string().contains("postern shared restore support@example.org"), "{again}");

        let grants = app.grants(operator, &address("support@example.org")).await.expect("they are still to be seen");
        assert_eq!(grants.len(), 2);
        let refused = app.set_shared(operator, &address("support@example.org"), SharedChange { delete_protection: Some(true), ..SharedChange::default() }).await.expect_err("removed");
        assert!(refused.to_string().contains("postern shared restore support@example.org"), "{refused}");
        let terms = GrantTerms { reach: GrantReach::Account, rights: Rights::READER, send: SendRights::NONE, automap: true, not_after: None };
        let refused = app.give(operator, &address("support@example.org"), &address("carol@example.org"), terms).await.expect_err("removed");
        assert!(refused.to_string().contains("postern shared restore support@example.org"), "{refused}");

        house.pass_days(29);
        assert_eq!(app.expire().await.expect("the job runs"), 0, "its time has not come");
        assert_eq!(restore(&house).await, Ok(()));
        assert_eq!(bob.ok(&format!("STATUS {INBOX} (UIDVALIDITY UIDNEXT)"), "UIDVALIDITY").await.lines(), validity);
        bob.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;
        house.deliver("help@example.org", LETTER).await;
        bob.ok("NOOP", "* 3 EXISTS").await;
        let refused = restore(&house).await.expect_err("it is in use");
        assert_eq!(refused, "support@example.org is not removed; there is nothing to bring back");
        let acts = trail(&house, "support@example.org").await;
        let of_life = |action: &&String| ["shared.removed", "shared.restored"].contains(&action.as_str());
        assert_eq!(acts.iter().filter(of_life).collect::<Vec<_>>(), ["shared.removed", "shared.restored"]);
    }

    /// A removal while mail comes in: what was answered with 250 is there, and once the removal
    /// has returned nothing more comes.
    async fn a_removal_and_deliveries_at_once(house: House) {
        let (_alice, _bob) = at_work(&house).await;
        for _ in 0..6 {
            let before = house.messages("support@example.org").await;
            let mut client = house.lmtp().await;
            let deliveries = tokio::spawn(async move {
                let mut accepted = 0;
                loop {
                    let replies = client.deliver("sender@example.net", &["support@example.org"], LETTER.as_bytes()).await;
                    match replies[0].starts_with("250") {
                        true => accepted += 1,
                        false => return accepted,
                    }
                }
            });
            while house.messages("support@example.org").await == before {
                tokio::task::yield_now().await;
            }
            remove(&house).await;
            let after = house.messages("support@example.org").await;
            let accepted: u64 = deliveries.await.expect("no panic");
            assert_eq!(house.messages("support@example.org").await, after, "delivered after it was removed");
            assert_eq!(accepted, after - before);
            assert_eq!(restore(&house).await, Ok(()));
        }
    }

    /// postmaster is always heard (RFC 5321 section 4.5.1), also after its mailbox was removed.
    async fn mail_for_postmaster_finds_the_admins(house: House) {
        house.shared("postmaster@example.org").await;
        house.app().remove_shared(house.operator(), &address("postmaster@example.org")).await.expect("removed");
        house.deliver("postmaster@example.org", LETTER).await;
        let mut admin = house.imap_as("admin@example.org").await;
        admin.ok("SELECT INBOX", "* 1 EXISTS").await;
    }

    /// A removed mailbox keeps its addresses, and so their domain: the answer says how long.
    async fn a_domain_of_what_was_removed_waits(house: House) {
        let domain = postern_types::Domain::parse("example.net").expect("a domain");
        let (app, operator, desk) = (house.app(), house.operator(), address("desk@example.net"));
        app.add_domain(operator, &domain).await.expect("a domain");
        app.add_shared(operator, &desk, &DisplayName::default(), &[], &[]).await.expect("a shared mailbox");
        let refusal = async || app.remove_domain(operator, &domain).await.expect_err("in use").to_string();
        assert_eq!(refusal().await, "example.net is in use by desk@example.net, a shared mailbox: postern shared remove desk@example.net; it keeps its \
             addresses for 30 days, for it can come back");
        app.remove_shared(operator, &desk).await.expect("removed");
        for (passed, wait) in [
            (0, "keeps its addresses for 30 more days, for it can come back"),
            (29, "keeps its addresses for one more day, for it can come back"),
            (1, "is about to be deleted; try again soon"),
        ] {
            house.pass_days(passed);
            let text = format!("example.net is in use by desk@example.net, which is removed and {wait}");
            assert!(refusal().await.starts_with(&text), "{}", refusal().await);
        }
        assert_eq!(app.expire().await.expect("the job runs"), 1);
        app.remove_domain(operator, &domain).await.expect("nothing uses it");
    }

    /// What Bob subscribed to there is not listed while it is removed, nor while it is deleted
    /// piece by piece, when its address is free and it is called otherwise.
    async fn nothing_of_a_removed_mailbox_is_subscribed_to(house: House) {
        let (_alice, mut bob) = at_work(&house).await;
        bob.ok(&format!("SUBSCRIBE {INBOX}"), "").await;
        let shared = async |bob: &mut ImapClient| {
            let [lsub, list] = ["LSUB \"\" *", "LIST (SUBSCRIBED) \"\" *"];
            bob.ok(lsub, "").await.has("Shared/") || bob.ok(list, "").await.has("Shared/")
        };
        assert!(shared(&mut bob).await);
        let number = house.app().shared(house.operator()).await.expect("the shared mailboxes")[0].row.id;
        remove(&house).await;
        assert!(!shared(&mut bob).await, "out of use");
        restore(&house).await.expect("it is back");
        assert!(shared(&mut bob).await, "and so is what he subscribed to");

        remove(&house).await;
        house.pass_days(30);
        let origin = Origin::new(0, "job", String::new(), "expiry".to_owned(), [7; 32]);
        let job = Caller::new(Actor::Job(Job::Expiry), origin);
        let mut is_gone = false;
        while !is_gone {
            let job = job.clone();
            let piece = move |tx: &Tx<'_>| tx.authority::<Expire>(&job)?.delete_piece(number, 1);
            is_gone = house.app().db().write_bulk(piece).await.expect("a piece");
            assert!(!shared(&mut bob).await, "half of it is left");
        }
    }

    /// After 30 days it is deleted for good: mail, grants and addresses go, the trail stays,
    /// and a new mailbox of that address has other UIDs.
    async fn after_thirty_days_it_is_deleted(house: House) {
        let (_alice, mut bob) = at_work(&house).await;
        let (app, operator) = (house.app(), house.operator());
        let aliases = vec![address("help@example.org")];
        set(&house, SharedChange { add_aliases: aliases, ..SharedChange::default() }).await;
        bob.ok("STORE 1 +FLAGS ($Done \\Deleted)", "").await;
        bob.ok("EXPUNGE", "").await;
        bob.ok("UNSUBSCRIBE Shared/support@example.org/Junk", "").await;
        bob.ok("COPY 1 INBOX", "COPYUID").await;
        let before = bob.ok(&format!("STATUS {INBOX} (UIDVALIDITY)"), "UIDVALIDITY").await.lines();
        remove(&house).await;
        house.pass_days(30);
        assert_eq!(restore(&house).await.expect_err("too late"), "There is no such shared mailbox");
        assert_eq!(app.expire().await.expect("the job runs"), 1);
        assert_eq!(app.expire().await.expect("the job runs"), 0);

        assert!(app.shared(operator).await.expect("the shared mailboxes").is_empty());
        house.person("help@example.org").await;
        house.shared("support@example.org").await;
        bob.no(&format!("STATUS {INBOX} (MESSAGES)"), "[NONEXISTENT]").await;
        house.grant("support@example.org", "bob@example.org", "lrs").await;
        let after = bob.ok(&format!("STATUS {INBOX} (UIDVALIDITY)"), "UIDVALIDITY").await.lines();
        assert_ne!(before, after, "RFC 9051 section 2.3.1.1");
        bob.ok(&format!("SELECT {INBOX}"), "* 0 EXISTS").await;
        assert!(bob.ok("LSUB \"\" Shared/*", "").await.has("Junk"), "what he had unsubscribed from is forgotten");
        // What was copied out of it is his, and whole; bodies are kept per account.
        app.collect().await.expect("the job runs");
        bob.ok("SELECT INBOX", "* 1 EXISTS").await;
        bob.ok("FETCH 1 BODY.PEEK[TEXT]", "Since this morning.").await;

        let rows = app.audit(operator, postern_app::AuditQuery { most: 500, ..Default::default() }).await.expect("the trail");
        let deleted = rows.iter().find(|row| row.action == "shared.deleted").expect("its end is on the trail");
        assert_eq!((deleted.actor.as_deref(), deleted.personal.as_deref()), (Some("expiry"), Some("support@example.org")));
        assert!(rows.iter().any(|row| row.action == "message.expunged"), "what was done there stays on the trail");
    }
}
