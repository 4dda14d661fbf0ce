//! What waits to be sent: tried again, given up, told of, held, taken out; and mail of other servers.

use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only, until, wait_for};
use postern_app::{Caller, QueueAct, QueueChoice, QueueDone, QueueMany, QueueShown, QueueState, Refused, SharedChange};
use postern_testkit::{House, scenario};

pub async fn shown(house: &House, caller: &Caller, id: &str) -> Result<QueueShown, Refused> {
    house.app().show_queued(caller, id).await
}

/// Waits until a message has been tried so often.
pub async fn tried(house: &House, id: &str, tries: u64) -> QueueShown {
    until(&format!("{id} tried {tries} times"), async || {
        let queued = shown(house, house.operator(), id).await.expect("a message that waits");
        let was_tried = queued.recipients.iter().any(|recipient| recipient.tries >= tries && !recipient.is_tried);
        was_tried.then_some(queued)
    })
    .await
}

/// Waits until nothing waits to be sent.
pub async fn nothing_waits(house: &House) {
    let list = async || house.app().list_queue(house.operator(), QueueChoice::All, None).await.expect("a list");
    until("an empty queue", async || (list().await.all == (0, 0)).then_some(())).await;
}

scenario! {
    /// Of two recipients one is refused for now and one for good: the first is tried again until it is taken,
    /// of the second the sender hears, with the server's words (RFC 3464).
    async fn refusals_are_told_and_delays_are_tried_again(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|recipient| match recipient {
            "later@example.net" => Some("451 4.2.1 Come back later".to_owned()),
            "never@example.net" => Some("550 5.1.1 No such user".to_owned()),
            _ => None,
        });
        let mut alice = house.submission_as(ALICE).await;
        let to = ["later@example.net", "never@example.net", CUSTOMER];
        let id = alice.sends(ALICE, &to, &letter(ALICE, CUSTOMER, "1")).await;
        assert_eq!(sink.wait_for(1).await[0].recipients, [CUSTOMER]);
        let queued = tried(&house, &id, 1).await;
        assert_eq!(queued.recipients.len(), 1, "{queued:?}");
        assert_eq!(queued.recipients[0].address, "later@example.net");
        assert!(queued.recipients[0].last_said.as_deref().is_some_and(|said| said.contains("Come back later")));

        let mut imap = house.imap_as(ALICE).await;
        wait_for(&mut imap, "INBOX", 1).await;
        let report = only(&mut imap, "INBOX").await;
        for text in [
            "Return-Path: <>\r\n", "multipart/report", "Final-Recipient: rfc822; never@example.net", "Action: failed",
            "Status: 5.1.1", "No such user", "To: alice@example.org", "From: Postern <postmaster@example.org>",
        ] {
            assert!(report.contains(text), "{text} is not in {report}");
        }
        assert!(!report.contains("later@example.net"), "{report}");

        sink.answer(|_| None);
        house.pass_minutes(3);
        assert_eq!(sink.wait_for(2).await[1].recipients, ["later@example.net"]);
        nothing_waits(&house).await;
    }

    /// After four hours the sender hears that it takes long, once, and after five days that it failed.
    async fn a_long_delay_is_told_once_and_ends_as_a_failure(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        let mut tries = tried(&house, &id, 1).await.row.tries;
        for _ in 0..2 {
            house.pass_minutes(5 * 60);
            tries = tried(&house, &id, tries + 1).await.row.tries;
        }
        let mut imap = house.imap_as(ALICE).await;
        wait_for(&mut imap, "INBOX", 1).await;
        let report = only(&mut imap, "INBOX").await;
        assert!(report.contains("Action: delayed") && report.contains("Will-Retry-Until:"), "{report}");

        house.pass_days(6);
        wait_for(&mut imap, "INBOX", 2).await;
        imap.ok("EXAMINE INBOX", "* 2 EXISTS").await;
        let report = imap.ok("FETCH 2 BODY.PEEK[]", "Action: failed").await;
        assert!(report.has("5.4.7") && report.has("Come back later"), "{report:?}");
        nothing_waits(&house).await;
    }

    /// Where there is no way out, it is said at once with the setting that would be one.
    async fn without_a_way_out_it_is_said_at_once(house: House) {
        house.person(ALICE).await;
        house.shared(SUPPORT).await;
        let mut alice = house.submission_as(ALICE).await;
        let reply = alice.submit(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        assert!(reply.starts_with("550 5.4.4") && reply.contains("[relay] smarthost"), "{reply}");
        let reply = alice.submit(ALICE, &["nobody@example.org"], &letter(ALICE, CUSTOMER, "2")).await;
        assert!(reply.starts_with("550 5.1.1"), "{reply}");
        alice.sends(ALICE, &["Support+case-17@example.org", "postmaster"], &letter(ALICE, SUPPORT, "3")).await;
        nothing_waits(&house).await;
        house.grant(SUPPORT, ALICE, "lr").await;
        let mut imap = house.imap_as(ALICE).await;
        only(&mut imap, "Shared/support@example.org/INBOX").await;
        let mut admin = house.imap_as("admin@example.org").await;
        wait_for(&mut admin, "INBOX", 1).await;
    }

    /// Whoever sent it, owners of the mailbox and administrators see it, hold it and take it out; nobody else
    /// learns that it is there.
    async fn who_may_sees_what_waits(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        tried(&house, &id, 1).await;
        let [sender, other, admin] =
            [house.acting_as(ALICE).await, house.acting_as(BOB).await, house.acting_as("admin@example.org").await];
        for caller in [&sender, &admin, house.operator()] {
            let queued = shown(&house, caller, &id).await.expect("theirs to see");
            assert_eq!((queued.row.account.as_str(), queued.row.sender.as_str()), (SUPPORT, ALICE));
        }
        let absent = |result: Result<QueueShown, Refused>| result.expect_err("not theirs").to_string();
        let missing = absent(shown(&house, &other, "msg_aaaaaaaaaaaa").await);
        assert_eq!(absent(shown(&house, &other, &id).await), missing.replace("msg_aaaaaaaaaaaa", &id));
        assert!(house.app().list_queue(&other, QueueChoice::All, None).await.expect("their own").rows.is_empty());
        assert_eq!(house.app().list_queue(&sender, QueueChoice::All, None).await.expect("their own").rows.len(), 1);
        assert!(house.app().list_queue(&sender, QueueChoice::Account(address(SUPPORT)), None).await.is_err(), "no owner");
        house.grant(SUPPORT, BOB, "lra").await;
        let owner = house.acting_as(BOB).await;
        assert_eq!(house.app().list_queue(&owner, QueueChoice::Account(address(SUPPORT)), None).await.expect("an owner's").rows.len(), 1);

        let held = house.app().hold_queued(&owner, &id).await.expect("held");
        assert_eq!(held.row.hold.as_deref(), Some("held by bob@example.org"));
        sink.answer(|_| None);
        house.pass_minutes(60);
        let refused = house.app().retry_queued(&sender, &id).await.expect_err("not the sender's to lift").to_string();
        assert!(refused.contains("ask them"), "{refused}");
        house.app().retry_queued(&owner, &id).await.expect("sent now");
        sink.wait_for(1).await;
        nothing_waits(&house).await;

        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        let id = alice.sends(SUPPORT, &[CUSTOMER, "b@example.net"], &letter(SUPPORT, CUSTOMER, "2")).await;
        tried(&house, &id, 1).await;
        let (_, removed) = house.app().remove_queued(&sender, &id).await.expect("taken out");
        assert_eq!((removed.recipients, removed.drafts), (2, 0));
        nothing_waits(&house).await;
    }

    /// Another server brings mail for addresses of ours, and for nobody else's (RFC 5321 section 3.6.2).
    async fn other_servers_bring_mail_for_us_alone(house: House) {
        let _sink = at_work(&house).await;
        let mut server = house.smtp().await;
        assert!(!server.offer.contains("AUTH"), "{}", server.offer);
        let letter = letter(CUSTOMER, SUPPORT, "1");
        assert!(server.submit(CUSTOMER, &["support+x@example.org"], &letter).await.starts_with("250"));
        for stranger in ["customer@example.com", "a%example.com@example.net", "@example.org:a@example.com"] {
            let reply = server.submit(SUPPORT, &[stranger], &letter).await;
            assert!(reply.starts_with("550 "), "{stranger}: {reply}");
        }
        let reply = server.submit(CUSTOMER, &["a%example.com@example.org"], &letter).await;
        assert!(reply.starts_with("550 5.1.1"), "{reply}");
        house.grant(SUPPORT, ALICE, "lr").await;
        let mut imap = house.imap_as(ALICE).await;
        let here = only(&mut imap, "Shared/support@example.org/INBOX").await;
        assert!(here.contains("Return-Path: <customer@example.net>\r\nReceived: from client.example.org"), "{here}");
    }

    /// A server that takes connections and says nothing keeps what goes there, and nothing else: mail within
    /// the house is there within moments.
    async fn a_silent_server_keeps_nobody_else(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let mut alice = house.submission_as(ALICE).await;
        for number in 0..80 {
            let to = format!("r{number}@example.net");
            alice.sends(ALICE, &[&to], &letter(ALICE, &to, &number.to_string())).await;
        }
        sink.wait_for(10).await;
        alice.sends(ALICE, &[BOB], &letter(ALICE, BOB, "here")).await;
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        sink.answer_so_many(usize::MAX);
        house.pass_minutes(1);
        sink.wait_for(80).await;
        nothing_waits(&house).await;
    }

    /// Nothing leaves before the moment that the client names (RFC 4865), and what waits by its wish is not
    /// late when it leaves.
    async fn a_release_in_the_future_is_kept(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        let mut alice = house.submission_as(ALICE).await;
        let days = 10;
        let mail = alice.command(&format!("MAIL FROM:<{ALICE}> HOLDFOR={}", days * 24 * 3600)).await;
        assert!(mail.starts_with("250"), "{mail}");
        assert!(alice.command(&format!("RCPT TO:<{CUSTOMER}>")).await.starts_with("250"));
        assert!(alice.command("DATA").await.starts_with("354"));
        alice.send(format!("{}.\r\n", letter(ALICE, CUSTOMER, "1")).as_bytes()).await;
        let reply = alice.reply().await;
        assert!(reply.starts_with("250") && reply.contains("until"), "{reply}");
        let id = reply.split_whitespace().find(|word| word.starts_with("msg_")).expect("a name").trim_end_matches([';', ',', '.']).to_owned();
        house.pass_days(days - 1);
        let queued = shown(&house, house.operator(), &id).await.expect("it waits");
        assert_eq!(queued.row.tries, 0);
        house.pass_days(1);
        house.pass_minutes(5);
        tried(&house, &id, 1).await;
        sink.answer(|_| None);
        house.pass_minutes(5);
        sink.wait_for(1).await;
        nothing_waits(&house).await;
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    }

    /// What a credential has sent waits while it is suspended, and does not leave once its secret is known to
    /// others.
    async fn a_stolen_credential_s_mail_does_not_leave(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        let issued = crate::direct::issue(&house, crate::direct::wish(postern_app::Purpose::Ticketing)).await;
        let mut tool = house.submission().await;
        assert!(tool.auth(SUPPORT, &crate::direct::secret(&issued)).await.starts_with("235"));
        let first = tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        tried(&house, &first, 1).await;
        let id = issued.row.public_id.clone();
        house.app().suspend_credential(house.operator(), &id).await.expect("suspended");
        sink.answer(|_| None);
        let refused = house.app().retry_queued(house.operator(), &first).await.expect_err("suspended");
        assert!(refused.to_string().contains("resume that first"), "{refused}");
        house.pass_minutes(2);
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "2")).await;
        assert!(sink.wait_for(1).await[0].message.contains("<2@client"), "what is suspended waits");
        house.app().revoke_credential(house.operator(), &id, true).await.expect("taken back");
        house.pass_minutes(2);
        nothing_waits(&house).await;
        assert_eq!(sink.taken().len(), 1);
    }

    /// Why each message waits, as lists tell it.
    async fn each_state_is_told(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|recipient| (recipient != "silent@example.net").then(|| "451 4.2.1 Come back later".to_owned()));
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let state = async |id: &str| shown(&house, house.operator(), id).await.expect("it waits").row.state(house.app().now());
        let mut alice = house.submission_as(ALICE).await;
        let retried = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        let row = tried(&house, &retried, 1).await.row;
        assert_eq!((state(&retried).await, row.being_tried), (QueueState::Retrying, 0));
        assert!(row.last_said.is_some_and(|said| said.contains("Come back later")) && row.last_server.is_some());

        sink.answer_so_many(0);
        let silent = alice.sends(ALICE, &["silent@example.net"], &letter(ALICE, CUSTOMER, "2")).await;
        until("one that is being tried", async || (state(&silent).await == QueueState::BeingTried).then_some(())).await;
        let row = shown(&house, house.operator(), &silent).await.expect("it waits").row;
        assert_eq!((row.being_tried, row.next_try), (1, None), "the end of a lease is no next try");
        house.app().hold_queued(house.operator(), &silent).await.expect("held");
        assert_eq!(state(&silent).await, QueueState::Held);

        let mail = alice.command(&format!("MAIL FROM:<{ALICE}> HOLDFOR=3600")).await;
        assert!(mail.starts_with("250"), "{mail}");
        assert!(alice.command(&format!("RCPT TO:<{CUSTOMER}>")).await.starts_with("250"));
        assert!(alice.command("DATA").await.starts_with("354"));
        alice.send(format!("{}.\r\n", letter(ALICE, CUSTOMER, "3")).as_bytes()).await;
        let reply = alice.reply().await;
        let name = reply.split_whitespace().find(|word| word.starts_with("msg_")).expect("a name");
        let later = name.trim_end_matches([';', ',', '.']).to_owned();
        assert_eq!(state(&later).await, QueueState::Scheduled);

        let undo = SharedChange { undo_seconds: Some(600), ..SharedChange::default() };
        house.app().set_shared(house.operator(), &address(SUPPORT), undo).await.expect("set");
        let fresh = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "4")).await;
        assert_eq!(state(&fresh).await, QueueState::Undo);

        let issued = crate::direct::issue(&house, crate::direct::wish(postern_app::Purpose::Ticketing)).await;
        let mut tool = house.submission().await;
        assert!(tool.auth(SUPPORT, &crate::direct::secret(&issued)).await.starts_with("235"));
        let tools = tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "5")).await;
        house.app().suspend_credential(house.operator(), &issued.row.public_id).await.expect("suspended");
        assert_eq!(state(&tools).await, QueueState::CredentialSuspended);
        sink.answer_so_many(usize::MAX);
    }

    /// The same done to many: of an account by its owner, of a credential, of oneself. What waits for its
    /// sender's own word stays, and a place in the list holds though its message is gone.
    async fn many_are_acted_on_at_once(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        house.grant(SUPPORT, BOB, "lra").await;
        let [alice, owner] = [house.acting_as(ALICE).await, house.acting_as(BOB).await];
        let app = house.app();
        let mut client = house.submission_as(ALICE).await;
        let mut ids = Vec::new();
        for (from, number) in [(SUPPORT, "1"), (SUPPORT, "2"), (ALICE, "3")] {
            ids.push(client.sends(from, &[CUSTOMER], &letter(from, CUSTOMER, number)).await);
        }
        let issued = crate::direct::issue(&house, crate::direct::wish(postern_app::Purpose::Ticketing)).await;
        let mut tool = house.submission().await;
        assert!(tool.auth(SUPPORT, &crate::direct::secret(&issued)).await.starts_with("235"));
        ids.push(tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "4")).await);
        for id in &ids {
            tried(&house, id, 1).await;
        }
        let support = || QueueMany::All(QueueChoice::Account(address(SUPPORT)));
        let credential = || QueueChoice::Credential(issued.row.public_id.clone());
        let counted = |done: &QueueDone| (done.messages, done.recipients, done.left);
        let denied = async |caller: &Caller, which: QueueMany| {
            app.act_on_queue(caller, which, QueueAct::Hold).await.expect_err("not theirs").to_string()
        };
        assert!(denied(&alice, support()).await.starts_with("You may not manage what waits"));
        let held = app.act_on_queue(&owner, support(), QueueAct::Hold).await.expect("held");
        assert_eq!(counted(&held), (3, 3, 0), "hers as support@, and the tool's");
        // What the mailbox's owner holds she does not send on; her own mail she does.
        let sent = app.act_on_queue(&alice, QueueMany::All(QueueChoice::All), QueueAct::Retry).await.expect("hers");
        assert_eq!(counted(&sent), (1, 1, 2), "{sent:?}");
        tried(&house, &ids[2], 2).await;
        let sent = app.act_on_queue(&owner, support(), QueueAct::Retry).await.expect("sent");
        assert_eq!(counted(&sent), (3, 3, 0));
        for id in [&ids[0], &ids[1], &ids[3]] {
            tried(&house, id, 2).await;
        }

        // Her own hold is hers to lift, and so is what she can take back.
        app.hold_queued(&alice, &ids[0]).await.expect("held");
        let undo = SharedChange { undo_seconds: Some(600), ..SharedChange::default() };
        app.set_shared(house.operator(), &address(SUPPORT), undo).await.expect("set");
        ids.push(client.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "5")).await);
        let sent = app.act_on_queue(&owner, support(), QueueAct::Retry).await.expect("sent");
        assert_eq!(counted(&sent), (2, 2, 2), "{sent:?}");
        for id in [&ids[1], &ids[3]] {
            tried(&house, id, 3).await;
        }

        // Revoked, and its mail taken out.
        app.revoke_credential(house.operator(), &issued.row.public_id, false).await.expect("taken back");
        let waiting = async |caller: &Caller| {
            app.waiting_of_credential(caller, &issued.row.public_id).await.expect("a count")
        };
        assert_eq!((waiting(&owner).await, waiting(&alice).await), (Some(1), None));
        let page = app.list_queue(&owner, credential(), None).await.expect("a list");
        assert_eq!((page.rows.len(), page.all), (1, (1, 1)));
        let removed = app.act_on_queue(&owner, QueueMany::All(credential()), QueueAct::Remove).await.expect("out");
        assert_eq!(counted(&removed), (1, 1, 0));
        assert_eq!(waiting(&owner).await, Some(0));
        let person = app.waiting_of_person(&owner, &address(SUPPORT), &address(ALICE)).await.expect("a count");
        assert_eq!(person, Some(3));

        // The place of one that is gone.
        let list = app.list_queue(house.operator(), QueueChoice::All, None).await.expect("a list").rows;
        let third = list[2].number;
        app.remove_queued(house.operator(), &list[2].id).await.expect("taken out");
        let older = app.list_queue(house.operator(), QueueChoice::All, Some(third)).await.expect("a list").rows;
        assert_eq!(older.len(), list.len() - 3);
        let named = QueueMany::Named(vec![ids[0].clone(), "msg_aaaaaaaaaaaa".to_owned(), ids[0].clone()]);
        let removed = app.act_on_queue(&alice, named, QueueAct::Remove).await.expect("hers");
        assert_eq!((removed.messages, removed.left_because.len()), (1, 1), "{removed:?}");
        let removed = app.act_on_queue(house.operator(), QueueMany::All(QueueChoice::All), QueueAct::Remove).await;
        assert_eq!(counted(&removed.expect("out")).2, 0);
        nothing_waits(&house).await;
    }

    /// Whom campaigns are not sent to is for owners of the mailbox, too.
    async fn owners_see_who_is_suppressed(house: House) {
        let _sink = at_work(&house).await;
        house.grant(SUPPORT, ALICE, "lra").await;
        house.grant(SUPPORT, BOB, "lrs").await;
        let [owner, delegate] = [house.acting_as(ALICE).await, house.acting_as(BOB).await];
        let list = async |caller: &Caller, of: &str| house.app().list_suppressed(caller, &address(of), None).await;
        assert!(list(&owner, SUPPORT).await.expect("an owner's").recipients.is_empty());
        let refused = list(&delegate, SUPPORT).await.expect_err("no owner").to_string();
        assert!(refused.starts_with("You may not manage what waits"), "{refused}");
        assert!(list(&owner, BOB).await.is_err() && list(&owner, "nothing@example.org").await.is_err());
        let gone = house.app().unsuppress(&owner, &address(SUPPORT), &address(CUSTOMER)).await.expect_err("there is none");
        assert!(gone.to_string().contains("suppressed recipient"), "{gone}");
    }
}
