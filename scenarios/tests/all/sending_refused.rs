//! Refusals that name what stands in the way: a mailbox without room, one that takes no mail, whoever holds.

use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, wait_for};
use crate::sending_queue::nothing_waits;
use postern_app::{SentCopy, SharedChange};
use postern_testkit::scenario;
use postern_types::DisplayName;

scenario! {
    /// Where copies are filed in two mailboxes, the one without room is named, and nothing is sent or filed.
    async fn the_mailbox_without_room_is_named(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let set = async |change| house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("set");
        set(SharedChange { sent_copy: Some(SentCopy::Both), ..SharedChange::default() }).await;
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        let message = letter(SUPPORT, CUSTOMER, "1");
        house.set_quota(ALICE, 10).await;
        let reply = alice.submit(SUPPORT, &[CUSTOMER], &message).await;
        assert!(reply.starts_with("452 4.2.2 There is no room for the copy"), "{reply}");
        assert!(reply.contains(ALICE) && !reply.contains(SUPPORT), "{reply}");
        house.set_quota(ALICE, 1 << 30).await;
        set(SharedChange { quota: Some(Some(10)), ..SharedChange::default() }).await;
        let reply = alice.submit(SUPPORT, &[CUSTOMER], &message).await;
        assert!(reply.starts_with("452 4.2.2") && reply.contains(SUPPORT) && !reply.contains(ALICE), "{reply}");
        nothing_waits(&house).await;
        for sent in ["Sent", "Shared/support@example.org/Sent"] {
            imap.ok(&format!("STATUS {sent} (MESSAGES)"), "MESSAGES 0").await;
        }
        set(SharedChange { quota: Some(None), ..SharedChange::default() }).await;
        alice.sends(SUPPORT, &[CUSTOMER], &message).await;
        for sent in ["Sent", "Shared/support@example.org/Sent"] {
            imap.ok(&format!("STATUS {sent} (MESSAGES)"), "MESSAGES 1").await;
        }
        assert_eq!(sink.wait_for(1).await.len(), 1);
    }

    /// A group of nobody takes no mail (RFC 3463: 5.2.1), and that is another thing than an unknown address.
    async fn a_closed_recipient_takes_no_mail(house: House) {
        let sink = at_work(&house).await;
        let team = address("team@example.org");
        house.app().add_group(house.operator(), &team, &DisplayName::default(), &[]).await.expect("a group");
        let mut alice = house.submission_as(ALICE).await;
        let reply = alice.submit(ALICE, &[CUSTOMER, "team@example.org"], &letter(ALICE, CUSTOMER, "1")).await;
        assert!(reply.starts_with("550 5.2.1") && reply.contains("team@example.org takes no mail"), "{reply}");
        let reply = alice.submit(ALICE, &["nobody@example.org"], &letter(ALICE, CUSTOMER, "2")).await;
        assert!(reply.starts_with("550 5.1.1"), "{reply}");
        house.app().add_member(house.operator(), &team, &address(BOB)).await.expect("a member");
        alice.sends(ALICE, &["team@example.org"], &letter(ALICE, CUSTOMER, "3")).await;
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        assert_eq!(sink.taken(), []);
    }

    /// Who can not send it on hears why, and who can hears nothing of it.
    async fn who_can_not_send_it_on_hears_why(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        house.grant(SUPPORT, BOB, "lra").await;
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        let (mut sender, mut owner) = (house.rest_as(ALICE).await, house.rest_as(BOB).await);
        let target = format!("/api/v1/queue/{id}");
        let seen = sender.get(&target).await.document();
        assert!(seen["retry_refused"].is_null(), "{seen}");
        let held = owner.ask("POST", &format!("{target}/hold"), None).await;
        assert_eq!(held.status, 200, "{}", held.text);
        let seen = sender.get(&target).await.document();
        let why = format!("{id} is held by whoever runs the mailbox; ask them to send it on");
        assert_eq!((seen["state"].as_str(), seen["retry_refused"].as_str()), (Some("held"), Some(why.as_str())), "{seen}");
        let seen = owner.get(&target).await.document();
        assert!(seen["state"] == "held" && seen["retry_refused"].is_null(), "{seen}");
        let refused = sender.ask("POST", &format!("{target}/retry"), None).await;
        assert!(refused.status == 422 && refused.detail().contains(&why), "{}", refused.text);
        sink.answer(|_| None);
        let sent = owner.ask("POST", &format!("{target}/retry"), None).await;
        assert_eq!(sent.status, 200, "{}", sent.text);
        sink.wait_for(1).await;
        nothing_waits(&house).await;
    }
}
