//! Mail for a group when one of it can not take it (docs/decisions/0022-group-delivery.md): nobody
//! is left out in silence, and nobody gets it twice.

use postern_app::{AuditQuery, SharedChange};
use postern_testkit::{House, scenario};
use postern_types::{Address, DisplayName};

const LETTER: &str = "From: Customer <customer@example.net>\r\nSubject: To all of you\r\n\r\nA line.\r\n";
const TEAM: &str = "team@example.org";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// Mailboxes and a group of them.
async fn group(house: &House, email: &str, members: &[&str]) {
    let there = house.app().shared(house.operator()).await.expect("the shared mailboxes");
    for member in members {
        if there.iter().all(|seen| seen.row.address != *member) {
            house.shared(member).await;
        }
    }
    let members: Vec<_> = members.iter().map(|member| address(member)).collect();
    let name = DisplayName::default();
    house.app().add_group(house.operator(), &address(email), &name, &members).await.expect("a group");
}

async fn set_quota(house: &House, shared: &str, quota: Option<u64>) {
    let change = SharedChange { quota: Some(quota), ..SharedChange::default() };
    house.app().set_shared(house.operator(), &address(shared), change).await.expect("a quota");
}

/// Delivers, and answers what each recipient is answered.
async fn deliver(house: &House, recipients: &[&str], letter: &str) -> Vec<String> {
    house.lmtp().await.deliver("sender@example.net", recipients, letter.as_bytes()).await
}

fn starts(replies: &[String], codes: &[&str]) {
    let right = replies.len() == codes.len() && replies.iter().zip(codes).all(|(reply, code)| reply.starts_with(code));
    assert!(right, "expected {codes:?}, got {replies:?}");
}

async fn counts<const N: usize>(house: &House, of: [&str; N]) -> [u64; N] {
    let mut counts = [0; N];
    for (count, shared) in counts.iter_mut().zip(of) {
        *count = house.messages(shared).await;
    }
    counts
}

/// What the trail of a mailbox tells of mail that found no room, and for whom it was.
async fn refused(house: &House, shared: &str) -> Vec<String> {
    let query = AuditQuery { account: Some(address(shared)), most: 500, ..AuditQuery::default() };
    let rows = house.app().audit(house.operator(), query).await.expect("the trail");
    let refused = rows.into_iter().filter(|row| row.action == "delivery.refused");
    refused.map(|row| format!("{} {}", row.personal.unwrap_or_default(), row.detail)).collect()
}

const MEMBERS: [&str; 3] = ["alice@example.org", "bob@example.org", "carol@example.org"];

scenario! {
    /// One member is full: the others have it at once, the sender tries again, also after a
    /// restart, and once there is room everyone has it, once.
    async fn a_full_member_gets_it_later_and_nobody_twice(house: House) {
        group(&house, TEAM, &MEMBERS).await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        for _ in 0..2 {
            let replies = deliver(&house, &[TEAM], LETTER).await;
            starts(&replies, &["452 4.2.2"]);
            assert!(replies[0].contains("the others have the message"), "{replies:?}");
            assert_eq!(counts(&house, MEMBERS).await, [1, 0, 1]);
        }
        // One event for the message, however often it is tried.
        assert_eq!(refused(&house, "bob@example.org").await, ["team@example.org over quota"]);
        assert!(refused(&house, "alice@example.org").await.is_empty());

        let house = house.restart().await;
        set_quota(&house, "bob@example.org", None).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["250 2.0.0"]);
        assert_eq!(counts(&house, MEMBERS).await, [1, 1, 1]);
        // What was acknowledged is over: the same bytes once more are another message.
        starts(&deliver(&house, &[TEAM], LETTER).await, &["250 2.0.0"]);
        assert_eq!(counts(&house, MEMBERS).await, [2, 2, 2]);
    }

    /// While one message waits, others are messages of their own.
    async fn another_message_is_not_held_for_the_one_that_waits(house: House) {
        group(&house, TEAM, &MEMBERS).await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        let other = LETTER.replace("A line.", "Another line.");
        starts(&deliver(&house, &[TEAM], &other).await, &["452 4.2.2"]);
        assert_eq!(counts(&house, MEMBERS).await, [2, 0, 2]);
        assert_eq!(refused(&house, "bob@example.org").await.len(), 2);
        // A recipient of one mailbox is answered as ever.
        starts(&deliver(&house, &["alice@example.org", "bob@example.org"], LETTER).await, &["250", "452 4.2.2"]);
        assert_eq!(counts(&house, MEMBERS).await, [3, 0, 2]);
        assert_eq!(refused(&house, "bob@example.org").await.len(), 2, "its sender hears it, nobody else waits");
    }

    /// Two groups with a member in common, both not complete: each is tried by itself, and the
    /// one who is in both has it once.
    async fn groups_that_overlap_are_told_apart(house: House) {
        group(&house, TEAM, &["alice@example.org", "bob@example.org"]).await;
        group(&house, "desk@example.org", &["alice@example.org", "dora@example.org"]).await;
        let everyone = ["alice@example.org", "bob@example.org", "dora@example.org"];
        set_quota(&house, "bob@example.org", Some(10)).await;
        set_quota(&house, "dora@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM, "desk@example.org"], LETTER).await, &["452 4.2.2", "452 4.2.2"]);
        assert_eq!(counts(&house, everyone).await, [1, 0, 0]);

        set_quota(&house, "bob@example.org", None).await;
        starts(&deliver(&house, &[TEAM, "desk@example.org"], LETTER).await, &["250", "452 4.2.2"]);
        assert_eq!(counts(&house, everyone).await, [1, 1, 0]);
        set_quota(&house, "dora@example.org", None).await;
        starts(&deliver(&house, &["desk@example.org"], LETTER).await, &["250"]);
        assert_eq!(counts(&house, everyone).await, [1, 1, 1]);
    }

    /// Whoever has it through one group is known to the other one too, also where nobody is given a
    /// copy in that try: it is tried by itself later, and the first group is complete by then.
    async fn a_copy_through_one_group_counts_for_the_other(house: House) {
        let everyone = ["alice@example.org", "carol@example.org", "dora@example.org"];
        group(&house, TEAM, &everyone[..2]).await;
        group(&house, "desk@example.org", &["alice@example.org", "dora@example.org"]).await;
        // A large one is not even written where there is no room.
        let large = format!("{LETTER}{}", "Many more lines, all of which are alike.\r\n".repeat(5000));
        for (letter, alice) in [(LETTER, 1), (&large, 2)] {
            set_quota(&house, "carol@example.org", Some(10)).await;
            set_quota(&house, "dora@example.org", Some(10)).await;
            starts(&deliver(&house, &[TEAM], letter).await, &["452 4.2.2"]);
            house.app().remove_member(house.operator(), &address(TEAM), &address("carol@example.org")).await.expect("gone");
            starts(&deliver(&house, &[TEAM, "desk@example.org"], letter).await, &["250", "452 4.2.2"]);
            set_quota(&house, "dora@example.org", None).await;
            starts(&deliver(&house, &["desk@example.org"], letter).await, &["250"]);
            assert_eq!(counts(&house, everyone).await, [alice, 0, alice]);
            house.app().add_member(house.operator(), &address(TEAM), &address("carol@example.org")).await.expect("there");
        }
    }

    /// A delivery that can not be ended is not acknowledged. Whoever is in the envelope beside the
    /// group has their mail all the same and is not asked to wait: nothing would keep it from coming twice.
    async fn an_end_that_fails_is_the_groups_alone(house: House) {
        group(&house, TEAM, &["bob@example.org", "carol@example.org"]).await;
        house.shared("alice@example.org").await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        house.app().add_member(house.operator(), &address(TEAM), &address("alice@example.org")).await.expect("there");
        set_quota(&house, "bob@example.org", None).await;

        house.refuse_deletes("partial_delivery").await;
        starts(&deliver(&house, &["alice@example.org", TEAM], LETTER).await, &["250", "451"]);
        assert_eq!(counts(&house, MEMBERS).await, [1, 1, 1]);
        house.allow_deletes().await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["250"]);
        assert_eq!(counts(&house, MEMBERS).await, [1, 1, 1]);
    }

    /// Each member without room is told once, at the try that finds it so.
    async fn who_is_full_at_a_later_try_is_told_then(house: House) {
        group(&house, TEAM, &MEMBERS).await;
        house.shared("dora@example.org").await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        set_quota(&house, "dora@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        house.app().add_member(house.operator(), &address(TEAM), &address("dora@example.org")).await.expect("there");
        for _ in 0..2 {
            starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
            for full in ["bob@example.org", "dora@example.org"] {
                assert_eq!(refused(&house, full).await, ["team@example.org over quota"], "{full}");
            }
        }
    }

    /// Whoever leaves the group is not waited for, and whoever comes gets it with the next try.
    async fn the_members_are_those_of_the_moment(house: House) {
        group(&house, TEAM, &MEMBERS).await;
        house.shared("dora@example.org").await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        for leaves in ["bob@example.org", "carol@example.org"] {
            house.app().remove_member(house.operator(), &address(TEAM), &address(leaves)).await.expect("gone");
        }
        house.app().add_member(house.operator(), &address(TEAM), &address("dora@example.org")).await.expect("there");
        starts(&deliver(&house, &[TEAM], LETTER).await, &["250"]);
        let everyone = ["alice@example.org", "bob@example.org", "carol@example.org", "dora@example.org"];
        assert_eq!(counts(&house, everyone).await, [1, 0, 1, 1]);
    }

    /// RFC 5321 section 4.5.4.1: a sender gives up after some days; then so does the house.
    async fn a_delivery_that_nobody_tries_is_forgotten(house: House) {
        group(&house, TEAM, &MEMBERS).await;
        set_quota(&house, "bob@example.org", Some(10)).await;
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        house.pass_days(6);
        assert_eq!(house.app().forget_deliveries().await.expect("a job"), 0);
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        assert_eq!(counts(&house, MEMBERS).await, [1, 0, 1]);
        house.pass_days(2);
        // Two copies, and that Bob was told.
        assert_eq!(house.app().forget_deliveries().await.expect("a job"), 3);
        starts(&deliver(&house, &[TEAM], LETTER).await, &["452 4.2.2"]);
        assert_eq!(counts(&house, MEMBERS).await, [2, 0, 2]);
    }

    /// docs/design.md section 5: a job is short. Many accounts are given their copies in several, and
    /// everyone has one when the sender is answered.
    async fn a_delivery_to_many_is_several_jobs(house: House) {
        let many: Vec<String> = (0..250).map(|number| format!("member{number}@example.org")).collect();
        let members: Vec<&str> = many.iter().map(String::as_str).collect();
        group(&house, TEAM, &members).await;
        let jobs = || house.app().db().counters().writes;
        let everyone_has = async |expected: u64| {
            let all = house.app().shared(house.operator()).await.expect("the shared mailboxes");
            let without = all.iter().filter(|seen| seen.row.messages != expected).count();
            assert_eq!((all.len(), without), (250, 0));
        };
        let before = jobs();
        starts(&deliver(&house, &[TEAM], LETTER).await, &["250 2.0.0"]);
        // 100, 100 and 50, and the end of the delivery.
        assert_eq!(jobs() - before, 4);
        everyone_has(1).await;

        // One is full, and the message comes again: in no piece of it does anyone get a second one.
        set_quota(&house, &many[170], Some(10)).await;
        let other = LETTER.replace("A line.", "Another line.");
        starts(&deliver(&house, &[TEAM], &other).await, &["452 4.2.2"]);
        assert_eq!(refused(&house, &many[170]).await.len(), 1);
        set_quota(&house, &many[170], None).await;
        starts(&deliver(&house, &[TEAM], &other).await, &["250 2.0.0"]);
        everyone_has(2).await;

        // As many recipients of one mailbox each: the same.
        let before = jobs();
        let replies = deliver(&house, &members, LETTER).await;
        assert!(replies.len() == 250 && replies.iter().all(|reply| reply.starts_with("250")));
        assert_eq!(jobs() - before, 6);
        everyone_has(3).await;
        // The notes of all three are gone.
        house.pass_days(30);
        assert_eq!(house.app().forget_deliveries().await.expect("a job"), 0);
    }
}
