//! What limits are of and what they are not: devices, what is slowed down, notifications, copies of campaigns.

use crate::direct::wish;
use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, until};
use crate::sending_limits::{counted, send, signed_in};
use crate::sending_queue::{nothing_waits, shown};
use postern_app::{CredentialWish, OnLimit, Purpose, QueueAct, QueueChoice, QueueMany, QueueState, SendingWish};
use postern_testkit::{House, ImapClient, SmtpClient, scenario};

const SENT: &str = "Shared/support@example.org/Sent";

async fn copies(imap: &mut ImapClient, messages: u64) {
    imap.ok(&format!("STATUS {SENT} (MESSAGES)"), &format!("MESSAGES {messages}")).await;
}

/// When the next minute begins, as a refusal ends: `T10:07:00Z`.
fn next_minute(house: &House) -> String {
    let minute = (house.now().0 / 60_000 + 1) % (24 * 60);
    format!("T{:02}:{:02}:00Z", minute / 60, minute % 60)
}

/// The name in the queue of what is taken.
async fn queued(client: &mut SmtpClient, to: &str, id: &str) -> String {
    client.sends(SUPPORT, &[to], &letter(SUPPORT, to, id)).await
}

scenario! { by counted;
    /// A device sends within the house alone, so its messages are counted there: thirty in a minute. What counts
    /// recipients elsewhere would bound nothing of it, and is refused when it is issued.
    async fn a_device_has_a_limit_that_holds(house: House) {
        let _sink = at_work(&house).await;
        let (mut scanner, _) = signed_in(&house, wish(Purpose::Device)).await;
        for number in 0..30 {
            let reply = send(&mut scanner, BOB, &number.to_string()).await;
            assert!(reply.starts_with("250"), "{number}: {reply}");
        }
        let room = next_minute(&house);
        for number in 30..32 {
            let reply = send(&mut scanner, BOB, &number.to_string()).await;
            assert!(reply.starts_with("451 4.7.1") && reply.contains("30 messages in a minute"), "{reply}");
            assert!(reply.contains("try again at 20") && reply.contains(&room), "{reply} without {room}");
        }
        house.pass_minutes(1);
        assert!(send(&mut scanner, BOB, "33").await.starts_with("250"));
        let sending = SendingWish { messages_per_minute: Some(2), ..SendingWish::default() };
        let (mut slower, _) = signed_in(&house, CredentialWish { sending, name: Some("slower".to_owned()), ..wish(Purpose::Device) }).await;
        for number in 0..3 {
            let reply = send(&mut slower, BOB, &format!("s{number}")).await;
            assert_eq!(reply.starts_with("250"), number < 2, "{reply}");
        }

        let new = SendingWish { new_recipients_per_day: Some(5), ..SendingWish::default() };
        let day = SendingWish { recipients_per_day: Some(5), ..SendingWish::default() };
        for sending in [new, day] {
            let wish = CredentialWish { sending, ..wish(Purpose::Device) };
            let refused = house.app().issue_credential(house.operator(), &address(SUPPORT), wish).await;
            let refused = refused.expect_err("it bounds nothing").to_string();
            assert_eq!(
                refused,
                "A device sends to recipients in your own domains alone, and those are not counted; bound it with \
                 --max-messages-per-minute or --max-bytes-per-day"
            );
        }
    }

    /// What is taken beyond a limit waits for room: it says so, is not sent together with others, and goes where
    /// it is named.
    async fn what_waits_at_a_limit_is_sent_by_name(house: House) {
        let sink = at_work(&house).await;
        let sending =
            SendingWish { messages_per_minute: Some(1), on_limit: Some(OnLimit::Slow), ..SendingWish::default() };
        let (mut tool, _) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        queued(&mut tool, CUSTOMER, "1").await;
        sink.wait_for(1).await;
        let waits = queued(&mut tool, CUSTOMER, "2").await;
        let later = queued(&mut tool, CUSTOMER, "3").await;
        for id in [&waits, &later] {
            let row = shown(&house, house.operator(), id).await.expect("it waits").row;
            assert_eq!((row.state(house.now()), row.tries), (QueueState::AtLimit, 0));
        }

        let mut admin = house.rest_as("admin@example.org").await;
        let seen = admin.get(&format!("/api/v1/queue/{waits}")).await.document();
        assert_eq!((seen["state"].as_str(), seen["retry_refused"].as_str()), (Some("at-limit"), None), "{seen}");
        let chosen = format!(r#"{{"credential":"{SUPPORT}/ticketing"}}"#);
        let done = admin.ask("POST", "/api/v1/queue/retry", Some(&chosen)).await;
        let done = done.document();
        assert_eq!((done["messages"].as_u64(), done["left_messages"].as_u64()), (Some(0), Some(2)), "{done}");
        for left in done["left"].as_array().expect("what was left alone") {
            assert_eq!(left["because"], "it waits for room within a limit");
        }
        let done = admin.ask("POST", &format!("/api/v1/queue/{waits}/retry"), None).await;
        assert_eq!(done.status, 200, "{}", done.text);
        assert!(sink.wait_for(2).await[1].message.contains("<2@client"));
        assert_eq!(shown(&house, house.operator(), &later).await.expect("it waits").row.tries, 0);
        house.pass_minutes(2);
        assert!(sink.wait_for(3).await[2].message.contains("<3@client"));
        nothing_waits(&house).await;
    }

    /// What waits at a limit, is held by whoever runs the mailbox and is sent on together with others waits for room
    /// again: a campaign that was looked at does not leave at once.
    async fn what_was_held_at_a_limit_waits_for_room_again(house: House) {
        let sink = at_work(&house).await;
        let sending =
            SendingWish { messages_per_minute: Some(1), on_limit: Some(OnLimit::Slow), ..SendingWish::default() };
        let (mut tool, _) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        queued(&mut tool, CUSTOMER, "1").await;
        sink.wait_for(1).await;
        let waiting = [queued(&mut tool, CUSTOMER, "2").await, queued(&mut tool, CUSTOMER, "3").await];
        let act = async |act| {
            let which = QueueMany::All(QueueChoice::Credential(format!("{SUPPORT}/ticketing")));
            house.app().act_on_queue(house.operator(), which, act).await.expect("done")
        };
        let states = async |wanted| {
            for id in &waiting {
                let row = shown(&house, house.operator(), id).await.expect("it waits").row;
                assert_eq!((row.state(house.now()), row.tries), (wanted, 0));
            }
        };
        assert_eq!(act(QueueAct::Hold).await.messages, 2);
        states(QueueState::Held).await;
        let sent = act(QueueAct::Retry).await;
        assert_eq!((sent.messages, sent.left), (0, 2), "{sent:?}");
        for (_, because) in &sent.left_because {
            assert_eq!(because, "nobody holds it any more, and it waits for room within a limit");
        }
        states(QueueState::AtLimit).await;
        for number in 2..=3 {
            house.pass_minutes(1);
            let taken = sink.wait_for(number).await;
            assert!(taken.len() == number && taken[number - 1].message.contains(&format!("<{number}@client")));
        }
        // Held for longer than it would have waited, it leaves when it is sent on.
        queued(&mut tool, CUSTOMER, "4").await;
        let held = queued(&mut tool, CUSTOMER, "5").await;
        house.app().hold_queued(house.operator(), &held).await.expect("held");
        sink.wait_for(3).await;
        house.pass_minutes(5);
        sink.wait_for(4).await;
        let rows = async || {
            let list = house.app().list_queue(house.operator(), QueueChoice::All, None).await.expect("a list");
            (list.rows.len() == 1).then_some(())
        };
        until("one that is held", rows).await;
        assert_eq!(act(QueueAct::Retry).await.messages, 1);
        sink.wait_for(5).await;
        nothing_waits(&house).await;
    }

    /// What a campaign says to each recipient is one message: one copy for a Message-ID and a day. What a person
    /// sends is filed each time.
    async fn a_campaign_has_one_copy_a_day(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut imap = house.imap_as(ALICE).await;
        let (mut platform, _) = signed_in(&house, wish(Purpose::Marketing)).await;
        for to in ["a@example.net", "b@example.net", "c@example.net"] {
            queued(&mut platform, to, "offer").await;
        }
        copies(&mut imap, 1).await;
        queued(&mut platform, "a@example.net", "other").await;
        copies(&mut imap, 2).await;
        house.pass_days(1);
        for to in ["a@example.net", "b@example.net"] {
            queued(&mut platform, to, "offer").await;
        }
        copies(&mut imap, 3).await;

        let mut alice = house.submission_as(ALICE).await;
        for to in ["a@example.net", "b@example.net", "c@example.net"] {
            queued(&mut alice, to, "offer").await;
        }
        copies(&mut imap, 6).await;
        sink.wait_for(9).await;
        nothing_waits(&house).await;
    }

    /// An empty reverse path is no way around the limits of a credential.
    async fn a_notification_of_a_credential_counts(house: House) {
        let sink = at_work(&house).await;
        let sending = SendingWish { recipients_per_day: Some(2), ..SendingWish::default() };
        let (mut tool, _) = signed_in(&house, CredentialWish { sending, ..wish(Purpose::Ticketing) }).await;
        let letter = letter(SUPPORT, CUSTOMER, "1");
        for _ in 0..2 {
            assert!(tool.submit("", &[CUSTOMER], &letter).await.starts_with("250"));
        }
        let reply = tool.submit("", &[CUSTOMER], &letter).await;
        assert!(reply.starts_with("451 4.7.1") && reply.contains("2 recipients in a day"), "{reply}");
        assert_eq!(sink.wait_for(2).await[1].from, "");
    }
}
