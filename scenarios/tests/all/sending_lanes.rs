//! Campaigns leave behind what people send, elsewhere and here; and what waits for its turn with a server is
//! still for whoever holds it, takes it out or takes its credential back (docs/decisions/0030-queue.md).

use crate::direct::{issue, secret, wish};
use crate::people::address;
use crate::sending::{ALICE, BOB, CUSTOMER, SEND_AS, SUPPORT, at_work, letter, only, until, wait_for};
use crate::sending_queue::{nothing_waits, shown};
use postern_app::{Hop, HopTls, Purpose, QueueChoice, QueueRow, QueueState, Routes, SharedChange};
use postern_testkit::{House, HouseBuilder, Sink, SmtpClient, Taken, scenario};
use postern_types::Domain;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Longer than what was taken leaves without another look at what was done about it meanwhile, which is a second.
const NOT_FRESH: Duration = Duration::from_millis(1500);

/// One connection to each place: while one mail is on its way, others wait for their turn.
fn one_connection(house: HouseBuilder) -> HouseBuilder {
    house.with("POSTERN_RELAY__CONNECTIONS=1")
}

/// Signed in as a credential of support@ for this purpose; and its id.
async fn signed_in(house: &House, purpose: Purpose) -> (SmtpClient, String) {
    let issued = issue(house, wish(purpose)).await;
    let mut client = house.submission().await;
    assert!(client.auth(SUPPORT, &secret(&issued)).await.starts_with("235"));
    (client, issued.row.public_id)
}

/// Sends one message as support@ to so many, `before` a number and `after` it.
async fn sends_to_many(client: &mut SmtpClient, id: &str, (before, after): (&str, &str), many: usize) {
    let to: Vec<String> = (0..many).map(|number| format!("{before}{number}{after}")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    client.sends(SUPPORT, &to, &letter(SUPPORT, CUSTOMER, id)).await;
}

fn of_alice(taken: &[Taken]) -> usize {
    taken.iter().filter(|taken| taken.from == ALICE).count()
}

async fn row(house: &House, id: &str) -> QueueRow {
    shown(house, house.operator(), id).await.expect("a message that waits").row
}

async fn state(house: &House, id: &str) -> QueueState {
    row(house, id).await.state(house.app().now())
}

/// Waits until a message is taken, while the only turn is another's; and until that is so long ago that it is asked
/// again whether it leaves.
async fn waits_in_turn(house: &House, id: &str) {
    until("a message in turn", async || (state(house, id).await == QueueState::BeingTried).then_some(())).await;
    tokio::time::sleep(NOT_FRESH).await;
}

/// The sink answers from now on: what is left of the message is put back.
async fn is_put_back(house: &House, sink: &Sink, id: &str) {
    sink.answer_so_many(usize::MAX);
    until("the end of its turn", async || (row(house, id).await.being_tried == 0).then_some(())).await;
}

/// The next to leave is this one: the server answers, and there is a turn.
async fn next_is(house: &House, client: &mut SmtpClient, sink: &Sink, to: &str) {
    let before = sink.taken().len();
    client.sends(ALICE, &[to], &letter(ALICE, to, to)).await;
    let taken = sink.wait_for(before + 1).await;
    assert_eq!(taken[before].recipients, [to]);
    let is_there = async || house.app().list_queue(house.operator(), QueueChoice::All, None).await.expect("a list");
    until("its end", async || is_there().await.rows.iter().all(|row| row.from != ALICE).then_some(())).await;
}

scenario! {
    /// A campaign on its way to a server that does not answer keeps four of five connections, and a person's mail
    /// there has the others.
    async fn a_campaign_leaves_connections_to_people(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let (mut platform, _) = signed_in(&house, Purpose::Marketing).await;
        sends_to_many(&mut platform, "offer", ("r", "@example.net"), 50).await;
        sink.wait_for(8).await;
        let mut alice = house.submission_as(ALICE).await;
        for mine in 1..=2 {
            alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, &mine.to_string())).await;
            let taken = sink.wait_for(8 + mine).await;
            assert_eq!((of_alice(&taken), taken.len()), (mine, 8 + mine));
        }
        sink.answer_so_many(usize::MAX);
        sink.wait_for(52).await;
        nothing_waits(&house).await;
        assert_eq!(sink.taken().len(), 52);
    }

    /// What a campaign sends within the house has a lane of its own: while thousands of its recipients can not be
    /// brought their mail, a person's is there.
    async fn a_campaign_within_the_house_waits_alone(house: House) {
        let _sink = at_work(&house).await;
        // Nobody in that lane (`BulkHere`) is done.
        house.refuse_deletes_of("queue_recipient", "OLD.lane = 3").await;
        let (mut platform, _) = signed_in(&house, Purpose::Marketing).await;
        for part in 0..4 {
            let before = format!("bob+{part}-");
            sends_to_many(&mut platform, &format!("offer{part}"), (&before, "@example.org"), 500).await;
        }
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &[BOB], &letter(ALICE, BOB, "mine")).await;
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        assert!(only(&mut bob, "INBOX").await.contains("<mine@client"));
        let list = house.app().list_queue(house.operator(), QueueChoice::All, None).await.expect("a list");
        assert_eq!(list.all, (4, 2000));
        assert!(list.rows.iter().all(|row| row.is_bulk));
        // What a person sends to many goes with them.
        let many: Vec<String> = (0..101).map(|number| format!("bob+{number}@example.org")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let id = alice.sends(ALICE, &many, &letter(ALICE, BOB, "many")).await;
        assert!(row(&house, &id).await.is_bulk);
        alice.sends(ALICE, &[BOB], &letter(ALICE, BOB, "more")).await;
        wait_for(&mut bob, "INBOX", 2).await;
        house.allow_deletes().await;
        house.app().remove_queued(house.operator(), &id).await.expect("taken out");
        house.pass_minutes(5);
        nothing_waits(&house).await;
    }
}

scenario! { by one_connection;
    /// Where there may be one connection alone they take turns, a message each.
    async fn people_and_a_campaign_take_turns(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let (mut platform, _) = signed_in(&house, Purpose::Marketing).await;
        sends_to_many(&mut platform, "offer", ("r", "@example.net"), 50).await;
        sink.wait_for(1).await;
        let mut alice = house.submission_as(ALICE).await;
        let mine = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "mine")).await;
        waits_in_turn(&house, &mine).await;
        sink.answer_so_many(usize::MAX);
        let taken = sink.wait_for(51).await;
        let place = taken.iter().position(|taken| taken.from == ALICE);
        assert_eq!(place, Some(1), "right after the one that was on its way");
        nothing_waits(&house).await;
    }

    /// What somebody holds while it waits for its turn is held, and leaves when it is sent on.
    async fn what_is_held_in_turn_stays(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &["first@example.net"], &letter(ALICE, CUSTOMER, "1")).await;
        sink.wait_for(1).await;
        let id = alice.sends(ALICE, &["second@example.net"], &letter(ALICE, CUSTOMER, "2")).await;
        let other = alice.sends(ALICE, &["third@example.net"], &letter(ALICE, CUSTOMER, "3")).await;
        waits_in_turn(&house, &id).await;
        house.app().hold_queued(house.operator(), &id).await.expect("held");
        is_put_back(&house, &sink, &id).await;
        assert_eq!(sink.wait_for(2).await[1].recipients, ["third@example.net"]);
        until("its end", async || shown(&house, house.operator(), &other).await.is_err().then_some(())).await;
        house.pass_minutes(60);
        alice.sends(ALICE, &["fourth@example.net"], &letter(ALICE, CUSTOMER, "4")).await;
        assert_eq!(sink.wait_for(3).await[2].recipients, ["fourth@example.net"]);
        assert_eq!(state(&house, &id).await, QueueState::Held);
        house.app().retry_queued(house.operator(), &id).await.expect("sent on");
        assert_eq!(sink.wait_for(4).await[3].recipients, ["second@example.net"]);
        nothing_waits(&house).await;
    }

    /// What is taken out while it waits for its turn is gone. Where it waited from the start (here to be taken back)
    /// its copy is a draft; where it was on its way at once, it stays in Sent.
    async fn what_is_taken_out_in_turn_is_gone(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let undo = SharedChange { undo_seconds: Some(120), ..SharedChange::default() };
        house.app().set_shared(house.operator(), &address(SUPPORT), undo).await.expect("a setting");
        sink.answer_so_many(0);
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &["first@example.net"], &letter(ALICE, CUSTOMER, "1")).await;
        sink.wait_for(1).await;
        let with_undo = alice.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "2")).await;
        let at_once = alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "3")).await;
        house.pass_minutes(3);
        waits_in_turn(&house, &with_undo).await;
        waits_in_turn(&house, &at_once).await;
        for id in [&with_undo, &at_once] {
            let (_, removed) = house.app().remove_queued(house.operator(), id).await.expect("taken out");
            assert_eq!((removed.recipients, removed.drafts), (0, 0), "not before the end of its turn");
            assert!(row(&house, id).await.is_taken_out);
        }
        sink.answer_so_many(usize::MAX);
        nothing_waits(&house).await;
        assert_eq!(sink.taken().len(), 1);
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS Shared/support@example.org/Sent (MESSAGES)", "MESSAGES 0").await;
        assert!(only(&mut imap, "Shared/support@example.org/Drafts").await.contains("\\Draft"));
        imap.ok("STATUS Sent (MESSAGES)", "MESSAGES 2").await;
        imap.ok("STATUS Drafts (MESSAGES)", "MESSAGES 0").await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
        next_is(&house, &mut alice, &sink, "last@example.net").await;
    }

    /// Mail of a credential that was taken back as compromised while it waits for its turn does not leave.
    async fn what_is_compromised_in_turn_stays(house: House) {
        let sink = at_work(&house).await;
        sink.answer_so_many(0);
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &["first@example.net"], &letter(ALICE, CUSTOMER, "1")).await;
        sink.wait_for(1).await;
        let (mut tool, credential) = signed_in(&house, Purpose::Ticketing).await;
        let id = tool.sends(SUPPORT, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "2")).await;
        waits_in_turn(&house, &id).await;
        house.app().revoke_credential(house.operator(), &credential, true).await.expect("taken back");
        is_put_back(&house, &sink, &id).await;
        assert_eq!(state(&house, &id).await, QueueState::CredentialCompromised);
        next_is(&house, &mut alice, &sink, "second@example.net").await;
        house.pass_minutes(2);
        nothing_waits(&house).await;
        assert_eq!(sink.taken().len(), 2);
    }

    /// What somebody has got and can not be written down is not brought to them again, and keeps its turn: what is
    /// on its way is as much as there are connections. What goes elsewhere goes on.
    async fn what_can_not_be_written_down_keeps_its_turn(house: House) {
        let (sink, elsewhere) = (at_work(&house).await, Sink::start().await);
        let hop = |sink: &Sink| {
            let (host, port) = (sink.address().ip().to_string(), sink.address().port());
            Arc::new(Hop { host, port, tls: HopTls::Never, login: None })
        };
        let domains = BTreeMap::from([(Domain::parse("example.com").expect("a domain"), hop(&elsewhere))]);
        house.app().set_routes(Routes { smarthost: Some(hop(&sink)), domains });
        house.refuse_deletes_of("queue_recipient", "OLD.address = 'first@example.net'").await;
        let mut alice = house.submission_as(ALICE).await;
        let first = alice.sends(ALICE, &["first@example.net"], &letter(ALICE, CUSTOMER, "1")).await;
        sink.wait_for(1).await;
        let second = alice.sends(ALICE, &["second@example.net"], &letter(ALICE, CUSTOMER, "2")).await;
        waits_in_turn(&house, &second).await;
        // Longer than this process would have it, were it not at work.
        for number in 1..=3 {
            house.pass_minutes(10);
            alice.sends(ALICE, &["a@example.com"], &letter(ALICE, "a@example.com", &format!("e{number}"))).await;
            elsewhere.wait_for(number).await;
            assert_eq!(sink.taken().len(), 1);
        }
        for id in [&first, &second] {
            assert_eq!(state(&house, id).await, QueueState::BeingTried);
        }
        house.allow_deletes().await;
        assert_eq!(sink.wait_for(2).await[1].recipients, ["second@example.net"]);
        nothing_waits(&house).await;
        assert_eq!((sink.taken().len(), elsewhere.taken().len()), (2, 3));
    }
}
