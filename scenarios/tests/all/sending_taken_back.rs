//! What is taken back has not been sent: its copy is in Drafts, nothing was answered, and nobody's answer
//! is stale for it. And the copy is not lost with the mailbox for it, nor with a Bcc that a program hides.

use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only, until, wait_for};
use postern_app::SharedChange;
use postern_testkit::{House, ImapClient, scenario};

const INBOX: &str = "Shared/support@example.org/INBOX";
const DRAFTS: &str = "Shared/support@example.org/Drafts";
const SENT: &str = "Shared/support@example.org/Sent";

/// Support with two delegates, who may take back what they sent for two minutes.
async fn with_undo(house: &House, stale_reply_minutes: u32) {
    for name in [ALICE, BOB] {
        house.delegate(SUPPORT, name, SEND_AS).await;
    }
    let change = SharedChange {
        undo_seconds: Some(120),
        stale_reply_minutes: Some(stale_reply_minutes),
        ..SharedChange::default()
    };
    house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("a setting");
}

fn question(id: &str, references: &str) -> String {
    format!(
        "From: {CUSTOMER}\r\nTo: {SUPPORT}\r\nSubject: Help\r\nMessage-ID: <{id}@example.net>\r\n{references}\r\nHow?\r\n"
    )
}

fn answer(id: &str, fields: &str) -> String {
    letter(SUPPORT, CUSTOMER, id).replace("Bcc:", &format!("{fields}\r\nBcc:"))
}

async fn count(imap: &mut ImapClient, mailbox: &str, messages: u64) {
    imap.ok(&format!("STATUS \"{mailbox}\" (MESSAGES)"), &format!("MESSAGES {messages}")).await;
}

async fn is_answered(imap: &mut ImapClient) -> bool {
    imap.ok(&format!("EXAMINE {INBOX}"), "* 1 EXISTS").await;
    imap.ok("FETCH 1 FLAGS", "FLAGS").await.has("\\Answered")
}

scenario! {
    /// The copy goes to Drafts while a colleague looks on, and what was answered is marked when the answer has left.
    async fn what_is_taken_back_was_not_sent(house: House) {
        let sink = at_work(&house).await;
        with_undo(&house, 0).await;
        house.deliver(SUPPORT, &question("question", "")).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        let mut bob = house.imap_as(BOB).await;
        let answered = answer("1", "In-Reply-To: <question@example.net>");
        let id = alice.sends(SUPPORT, &[CUSTOMER], &answered).await;
        bob.ok(&format!("SELECT {SENT}"), "* 1 EXISTS").await;
        assert!(!is_answered(&mut imap).await, "it has not left");

        let sender = house.acting_as(ALICE).await;
        let (_, removed) = house.app().remove_queued(&sender, &id).await.expect("taken back");
        assert_eq!((removed.recipients, removed.drafts), (1, 1));
        bob.ok("NOOP", "* 1 EXPUNGE").await;
        let draft = only(&mut imap, DRAFTS).await;
        assert!(draft.contains("\\Draft") && draft.contains("Please try now."), "{draft}");
        house.pass_minutes(3);
        assert!(!is_answered(&mut imap).await, "it never left");

        // Sent after all, it has its copy again, and what has left is not taken back.
        let id = alice.sends(SUPPORT, &[CUSTOMER], &answered).await;
        count(&mut imap, SENT, 1).await;
        let queued = house.app().show_queued(&sender, &id).await.expect("it waits");
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        house.app().retry_queued(&sender, &queued.row.id).await.expect("sent now");
        until("the mark", async || is_answered(&mut imap).await.then_some(())).await;
        until("the end of the try", async || {
            let shown = house.app().show_queued(&sender, &id).await.expect("it is tried again");
            shown.recipients.iter().all(|recipient| !recipient.is_tried).then_some(())
        })
        .await;
        let (_, removed) = house.app().remove_queued(&sender, &id).await.expect("taken out");
        assert_eq!((removed.recipients, removed.drafts), (1, 0));
        count(&mut imap, SENT, 1).await;
        count(&mut imap, DRAFTS, 1).await;
        assert_eq!(sink.taken().len(), 0, "nobody got it");
    }

    /// The same message sent once more rests on the same copy, which stays when the first is taken back.
    async fn a_copy_of_two_stays_with_the_other(house: House) {
        let sink = at_work(&house).await;
        with_undo(&house, 0).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        let first = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        alice.sends(SUPPORT, &["other@example.net"], &letter(SUPPORT, CUSTOMER, "1")).await;
        let sender = house.acting_as(ALICE).await;
        let (_, removed) = house.app().remove_queued(&sender, &first).await.expect("taken back");
        assert_eq!((removed.recipients, removed.drafts), (1, 0));
        count(&mut imap, SENT, 1).await;
        house.pass_minutes(3);
        assert_eq!(sink.wait_for(1).await[0].recipients, ["other@example.net"]);
        count(&mut imap, SENT, 1).await;
        // With the last of them it goes; and one whose message has left stays, whoever sends it once more.
        let third = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "2")).await;
        let fourth = alice.sends(SUPPORT, &["other@example.net"], &letter(SUPPORT, CUSTOMER, "2")).await;
        let again = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        for (id, drafts) in [(third, 0), (fourth, 1), (again, 0)] {
            let (_, removed) = house.app().remove_queued(&sender, &id).await.expect("taken back");
            assert_eq!((removed.recipients, removed.drafts), (1, drafts));
        }
        count(&mut imap, SENT, 1).await;
        count(&mut imap, DRAFTS, 1).await;
    }

    /// Where the copy, or the mailbox for drafts, is gone, it is taken back all the same.
    async fn it_is_taken_back_without_its_mailboxes(house: House) {
        let sink = at_work(&house).await;
        with_undo(&house, 0).await;
        house.delegate_with(SUPPORT, ALICE, "lrswipkxte", SEND_AS).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        let sender = house.acting_as(ALICE).await;
        let first = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        imap.ok(&format!("DELETE {SENT}"), "").await;
        let (_, removed) = house.app().remove_queued(&sender, &first).await.expect("taken back");
        assert_eq!((removed.recipients, removed.drafts), (1, 0));

        let second = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "2")).await;
        imap.ok(&format!("DELETE {DRAFTS}"), "").await;
        let (_, removed) = house.app().remove_queued(&sender, &second).await.expect("taken back");
        assert_eq!((removed.recipients, removed.drafts), (1, 1), "one is made");
        count(&mut imap, DRAFTS, 1).await;
        house.pass_minutes(3);
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "3")).await;
        assert!(sink.wait_for(1).await[0].message.contains("<3@client"), "nothing else left");
    }

    /// A parked answer has answered nothing until it is sent on; one that was taken back makes no other stale.
    async fn only_what_was_sent_is_an_answer(house: House) {
        let sink = at_work(&house).await;
        with_undo(&house, 30).await;
        house.deliver(SUPPORT, &question("question", "")).await;
        let (mut alice, mut bob) = (house.submission_as(ALICE).await, house.submission_as(BOB).await);
        let mut imap = house.imap_as(ALICE).await;
        let reply = |id: &str| answer(id, "In-Reply-To: <question@example.net>");
        let (as_alice, as_bob) = (house.acting_as(ALICE).await, house.acting_as(BOB).await);

        let taken_back = bob.sends(SUPPORT, &[CUSTOMER], &reply("1")).await;
        house.app().remove_queued(&as_bob, &taken_back).await.expect("taken back");
        let first = alice.sends(SUPPORT, &[CUSTOMER], &reply("2")).await;
        let shown = house.app().show_queued(&as_alice, &first).await.expect("it waits");
        assert_eq!(shown.row.hold, None, "nobody has answered");

        // Hers waits, and counts all the same: two who write at one time do not pass by each other.
        let parked = bob.sends(SUPPORT, &[CUSTOMER], &reply("3")).await;
        let shown = house.app().show_queued(&as_bob, &parked).await.expect("it is parked");
        assert!(shown.row.hold.is_some_and(|why| why.starts_with("alice@example.org answered")));
        house.app().remove_queued(&as_alice, &first).await.expect("taken back");
        assert!(!is_answered(&mut imap).await, "one was taken back, one is parked");
        house.app().retry_queued(&as_bob, &parked).await.expect("sent on");
        assert!(sink.wait_for(1).await[0].message.contains("<3@client"));
        until("the mark", async || is_answered(&mut imap).await.then_some(())).await;
        let stale = alice.sends(SUPPORT, &[CUSTOMER], &reply("4")).await;
        let shown = house.app().show_queued(&as_alice, &stale).await.expect("it is parked");
        assert!(shown.row.hold.is_some_and(|why| why.starts_with("bob@example.org answered")));
    }

    /// Taken out while it is on its way, it is not tried again, and nobody sends it on.
    async fn what_is_taken_out_on_its_way_is_not_tried_again(house: House) {
        let _sink = at_work(&house).await;
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        house.relay_to_address(silent.local_addr().expect("an address"));
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        let (connection, _) = silent.accept().await.expect("it is being tried");
        let (_, removed) = house.app().remove_queued(house.operator(), &id).await.expect("taken out");
        assert_eq!(removed.recipients, 0, "the try under way is not called back");
        let sender = house.acting_as(ALICE).await;
        for caller in [&sender, house.operator()] {
            let refused = house.app().retry_queued(caller, &id).await.expect_err("taken out").to_string();
            assert!(refused.contains("was taken out"), "{refused}");
        }
        drop(connection);
        until("the end of it", async || house.app().show_queued(house.operator(), &id).await.is_err().then_some(())).await;
    }

    /// What an administrator holds of one's own mail, one does not send on.
    async fn a_hold_of_others_on_ones_own_mail_stays(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        house.app().hold_queued(house.operator(), &id).await.expect("held");
        let sender = house.acting_as(ALICE).await;
        house.app().hold_queued(&sender, &id).await.expect("it is held already");
        let refused = house.app().retry_queued(&sender, &id).await.expect_err("not theirs to lift").to_string();
        assert!(refused.contains("ask them to send it on"), "{refused}");
        house.app().retry_queued(house.operator(), &id).await.expect("sent on");
    }

    /// To hand a message on answers nobody.
    async fn a_forward_makes_no_answer_stale(house: House) {
        let _sink = at_work(&house).await;
        with_undo(&house, 30).await;
        house.deliver(SUPPORT, &question("question", "")).await;
        let (mut alice, mut bob) = (house.submission_as(ALICE).await, house.submission_as(BOB).await);
        let forward = "X-Forwarded-Message-Id: <question@example.net>\r\nReferences: <question@example.net>";
        alice.sends(SUPPORT, &["expert@example.net"], &answer("1", forward)).await;
        let id = bob.sends(SUPPORT, &[CUSTOMER], &answer("2", "In-Reply-To: <question@example.net>")).await;
        let sender = house.acting_as(BOB).await;
        assert_eq!(house.app().show_queued(&sender, &id).await.expect("it waits").row.hold, None);
    }

    /// What a suspended person sent waits, and what was parked is sent on by those alone who may send it still.
    async fn what_waits_rests_on_its_sender(house: House) {
        let sink = at_work(&house).await;
        with_undo(&house, 0).await;
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(SUPPORT, &[CUSTOMER, CUSTOMER, "customer@EXAMPLE.net"], &letter(SUPPORT, CUSTOMER, "1")).await;
        house.app().suspend_person(house.operator(), &address(ALICE), true).await.expect("suspended");
        house.pass_minutes(3);
        let mut bob = house.submission_as(BOB).await;
        bob.sends(BOB, &[CUSTOMER], &letter(BOB, CUSTOMER, "2")).await;
        assert!(sink.wait_for(1).await[0].message.contains("<2@client"));
        let shown = house.app().show_queued(house.operator(), &id).await.expect("it waits");
        assert_eq!(shown.row.state(house.app().now()).name(), "sender-suspended");
        assert_eq!(shown.recipients.len(), 1, "named three times, they get it once");
        assert!(house.app().retry_queued(house.operator(), &id).await.is_err(), "not while she is suspended");
        house.app().suspend_person(house.operator(), &address(ALICE), false).await.expect("back");

        let sender = house.acting_as(ALICE).await;
        house.app().hold_queued(&sender, &id).await.expect("held");
        house.app().take_back(house.operator(), &address(SUPPORT), &address(ALICE), None).await.expect("taken back");
        let refused = house.app().retry_queued(&sender, &id).await.expect_err("not theirs any more").to_string();
        assert!(refused.contains("you may not send as this mailbox any more"), "{refused}");
        house.app().retry_queued(house.operator(), &id).await.expect("sent on by who runs it");
        sink.wait_for(2).await;
    }

    /// Any answer in the thread makes one stale, but for an answer that it rests on.
    async fn an_answer_elsewhere_in_the_thread_makes_one_stale(house: House) {
        let _sink = at_work(&house).await;
        with_undo(&house, 30).await;
        house.deliver(SUPPORT, &question("first", "")).await;
        let more = "In-Reply-To: <first@example.net>\r\nReferences: <first@example.net>\r\n";
        house.deliver(SUPPORT, &question("second", more)).await;
        let (mut alice, mut bob) = (house.submission_as(ALICE).await, house.submission_as(BOB).await);
        bob.sends(SUPPORT, &[CUSTOMER], &answer("1", "In-Reply-To: <first@example.net>")).await;
        let sender = house.acting_as(ALICE).await;
        let has_read = answer(
            "2",
            "In-Reply-To: <second@example.net>\r\nReferences: <first@example.net> <1@client.example.org>\r\n <second@example.net>",
        );
        let id = alice.sends(SUPPORT, &[CUSTOMER], &has_read).await;
        assert_eq!(house.app().show_queued(&sender, &id).await.expect("it waits").row.hold, None);
        let has_not = answer("3", "In-Reply-To: <second@example.net>\r\nReferences: <first@example.net> <second@example.net>");
        let id = alice.sends(SUPPORT, &[CUSTOMER], &has_not).await;
        let hold = house.app().show_queued(&sender, &id).await.expect("it is parked").row.hold;
        assert!(hold.as_deref().is_some_and(|why| why.starts_with("bob@example.org answered")), "{hold:?}");
    }

    /// Some programs take Bcc out before they send, and file a copy that has it: the house's has it too.
    async fn who_is_in_no_field_is_in_bcc_of_the_copy(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        let without = letter(SUPPORT, "A Customer <Customer@Example.NET>", "1").replace("Bcc: secret@example.net\r\n", "");
        alice.sends(SUPPORT, &[CUSTOMER, "secret@example.net", BOB], &without).await;
        let copy = only(&mut imap, SENT).await;
        assert!(copy.contains("\nBcc: secret@example.net, bob@example.org"), "{copy}");
        assert!(!sink.wait_for(1).await[0].message.contains("secret"), "and nowhere else");
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        assert!(!only(&mut bob, "INBOX").await.contains("secret"));
    }

    /// Whoever deletes the mailbox for what is sent loses what was in it, and not what is sent from then on.
    async fn the_mailbox_for_copies_is_made_again(house: House) {
        let _sink = at_work(&house).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        imap.ok("DELETE Sent", "").await;
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        imap.ok("LIST (SPECIAL-USE) \"\" *", "\\Sent) \"/\" Sent").await;
        count(&mut imap, "Sent", 1).await;
        // One of that name is taken as it is; where it is for something else, nothing is filed and all goes.
        imap.ok("DELETE Sent", "").await;
        imap.ok("CREATE Sent", "").await;
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "2")).await;
        count(&mut imap, "Sent", 1).await;
        imap.ok("DELETE Sent", "").await;
        imap.ok("DELETE Archive", "").await;
        imap.ok("CREATE Sent (USE (\\Archive))", "").await;
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "3")).await;
        count(&mut imap, "Sent", 0).await;
    }
}
