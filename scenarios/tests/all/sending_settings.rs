//! What a mailbox says of sending: where copies go, how long one may take it back, and when an answer is
//! stale.

use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only, wait_for};
use postern_app::{SentCopy, SharedChange};
use postern_testkit::{House, scenario};

async fn set(house: &House, change: SharedChange) {
    house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("a setting");
}

scenario! {
    /// Copies go to the mailbox, to the sender, to both, or nowhere, and each place has one.
    async fn copies_go_where_the_mailbox_says(house: House) {
        let _sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut alice = house.submission_as(ALICE).await;
        let mut imap = house.imap_as(ALICE).await;
        let (mut shared, mut own) = (0, 0);
        for (number, copy) in [SentCopy::Shared, SentCopy::Sender, SentCopy::Both, SentCopy::None].into_iter().enumerate() {
            set(&house, SharedChange { sent_copy: Some(copy), ..SharedChange::default() }).await;
            let message = letter(SUPPORT, CUSTOMER, &number.to_string());
            alice.sends(SUPPORT, &[CUSTOMER], &message).await;
            shared += u64::from(matches!(copy, SentCopy::Shared | SentCopy::Both));
            own += u64::from(matches!(copy, SentCopy::Sender | SentCopy::Both));
            imap.ok("STATUS Shared/support@example.org/Sent (MESSAGES)", &format!("MESSAGES {shared}")).await;
            imap.ok("STATUS Sent (MESSAGES)", &format!("MESSAGES {own}")).await;
        }
        // One's own mail has its copy at home whatever a shared mailbox says.
        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "own")).await;
        imap.ok("STATUS Sent (MESSAGES)", &format!("MESSAGES {}", own + 1)).await;
    }

    /// What a person sends waits for them to take it back; what a program sends does not.
    async fn it_can_be_taken_back_for_a_while(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        set(&house, SharedChange { undo_seconds: Some(120), ..SharedChange::default() }).await;
        let mut alice = house.submission_as(ALICE).await;
        let first = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        let second = alice.sends(SUPPORT, &[BOB], &letter(SUPPORT, BOB, "2")).await;
        let sender = house.acting_as(ALICE).await;
        let queued = house.app().show_queued(&sender, &first).await.expect("it waits");
        assert!(queued.row.undo_until.is_some(), "{queued:?}");
        house.app().remove_queued(&sender, &first).await.expect("taken back");

        let issued = crate::direct::issue(&house, crate::direct::wish(postern_app::Purpose::Ticketing)).await;
        let mut tool = house.submission().await;
        assert!(tool.auth(SUPPORT, &crate::direct::secret(&issued)).await.starts_with("235"));
        tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "3")).await;
        assert!(sink.wait_for(1).await[0].message.contains("<3@client"), "the program's, at once");
        assert!(house.app().show_queued(&sender, &second).await.is_ok(), "it waits still");
        house.pass_minutes(3);
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        assert_eq!(sink.taken().len(), 1, "what was taken back never left");
    }

    /// An answer to what a colleague answered a moment ago is parked once, and its sender told who it was.
    async fn a_stale_answer_is_parked_once(house: House) {
        let sink = at_work(&house).await;
        for name in [ALICE, BOB] {
            house.delegate(SUPPORT, name, SEND_AS).await;
        }
        set(&house, SharedChange { stale_reply_minutes: Some(30), ..SharedChange::default() }).await;
        let answer = |id: &str| letter(SUPPORT, CUSTOMER, id).replace("Bcc:", "In-Reply-To: <question@example.net>\r\nBcc:");
        let mut bob = house.submission_as(BOB).await;
        bob.sends(SUPPORT, &[CUSTOMER], &answer("1")).await;
        sink.wait_for(1).await;
        let mut alice = house.submission_as(ALICE).await;
        let parked = alice.sends(SUPPORT, &[CUSTOMER], &answer("2")).await;
        let sender = house.acting_as(ALICE).await;
        let queued = house.app().show_queued(&sender, &parked).await.expect("it is parked");
        assert!(queued.row.hold.as_deref().is_some_and(|why| why.starts_with("bob@example.org answered")), "{queued:?}");
        let mut imap = house.imap_as(ALICE).await;
        wait_for(&mut imap, "INBOX", 1).await;
        let note = only(&mut imap, "INBOX").await;
        assert!(note.contains("bob@example.org answered this message") && note.contains(&parked), "{note}");

        alice.sends(SUPPORT, &[CUSTOMER], &answer("3")).await;
        assert!(sink.wait_for(2).await[1].message.contains("<3@client"), "sent once more, it goes");
        house.app().retry_queued(&sender, &parked).await.expect("released");
        assert!(sink.wait_for(3).await[2].message.contains("<2@client"));
        // After that time, and of another message, nothing is stale.
        house.pass_minutes(31);
        bob.sends(SUPPORT, &[CUSTOMER], &answer("4")).await;
        sink.wait_for(4).await;
    }
}
