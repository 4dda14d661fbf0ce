//! What is taken out while it is on its way, and mail of a credential that was over before it was taken back:
//! none of it is tried again, and nobody is told of it.

use crate::direct::{issue, secret, wish};
use crate::sending::{ALICE, CUSTOMER, SUPPORT, at_work, letter, until};
use crate::sending_queue::{nothing_waits, shown, tried};
use postern_app::{CredentialWish, Purpose, QueueState};
use postern_testkit::{House, scenario};

const LATER: &str = "451 4.2.1 Come back later";

async fn is_gone(house: &House, id: &str) {
    until("the end of it", async || shown(house, house.operator(), id).await.is_err().then_some(())).await;
}

async fn take_out_on_its_way(house: &House, id: &str) {
    let (_, removed) = house.app().remove_queued(house.operator(), id).await.expect("taken out");
    assert_eq!(removed.recipients, 0, "it is on its way");
    assert!(shown(house, house.operator(), id).await.expect("it is being tried").row.is_taken_out);
}

scenario! {
    /// Mail of a credential that had expired leaves; it does not once that is taken back as compromised.
    async fn an_expired_credential_is_taken_back_as_compromised(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some(LATER.to_owned()));
        let expires = Some(house.now().plus_ms(60 * 60 * 1000));
        let issued = issue(&house, CredentialWish { expires, ..wish(Purpose::Ticketing) }).await;
        let mut tool = house.submission().await;
        assert!(tool.auth(SUPPORT, &secret(&issued)).await.starts_with("235"));
        let id = tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        tried(&house, &id, 1).await;
        house.pass_minutes(61);
        assert_eq!(house.app().expire_credentials().await.expect("a sweep"), 1);
        let row = tried(&house, &id, 2).await.row;
        assert_eq!(row.state(house.now()), QueueState::Retrying, "it was accepted while the credential stood");

        let credential = &issued.row.public_id;
        house.app().revoke_credential(house.operator(), credential, true).await.expect("taken back");
        let seen = shown(&house, house.operator(), &id).await.expect("it waits");
        assert_eq!(seen.row.state(house.now()).name(), "credential-compromised");
        let refused = seen.retry_refused.expect("a reason");
        assert!(refused.contains("taken back as compromised"), "{refused}");
        sink.answer(|_| None);
        house.pass_minutes(10);
        nothing_waits(&house).await;
        assert_eq!(sink.taken(), []);
    }

    /// What was taken out while a server kept it is gone when the house has stopped and started again.
    async fn what_is_taken_out_on_its_way_is_gone_after_a_restart(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        sink.wait_for(1).await;
        take_out_on_its_way(&house, &id).await;
        drop(alice);
        let house = house.restart().await;
        assert!(shown(&house, house.operator(), &id).await.is_err());
        nothing_waits(&house).await;
        sink.answer_so_many(usize::MAX);
        house.relay_to(&sink).await;
        house.pass_minutes(60);
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "2")).await;
        assert!(sink.wait_for(2).await[1].message.contains("<2@client"));
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    }

    /// What is refused after it was taken out tells its sender nothing.
    async fn what_is_refused_after_it_was_taken_out_is_not_told(house: House) {
        let sink = at_work(&house).await;
        let mut asked = sink.asks();
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        let asked = asked.recv().await.expect("it is being tried");
        assert_eq!(asked.recipient, CUSTOMER);
        take_out_on_its_way(&house, &id).await;
        asked.say("550 5.1.1 No such user");
        is_gone(&house, &id).await;
        nothing_waits(&house).await;
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    }

    /// Nor does what would have been told as late.
    async fn what_is_late_after_it_was_taken_out_is_not_told(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|_| Some(LATER.to_owned()));
        let mut alice = house.submission_as(ALICE).await;
        let id = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "1")).await;
        tried(&house, &id, 1).await;
        let mut asked = sink.asks();
        house.pass_minutes(5 * 60);
        let asked = asked.recv().await.expect("it is being tried");
        assert_eq!(asked.recipient, CUSTOMER);
        take_out_on_its_way(&house, &id).await;
        asked.say(LATER);
        is_gone(&house, &id).await;
        nothing_waits(&house).await;
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    }
}
