//! Two hands on what waits, at once: whatever the order, what was held or taken out before it was on its way does
//! not leave, and nothing stays that nobody would ever take.

use crate::people::address;
use crate::sending::{ALICE, SEND_AS, SUPPORT, at_work, letter, until};
use crate::sending_queue::{nothing_waits, shown};
use postern_app::{Hop, HopTls, QueueAct, QueueChoice, QueueMany, QueueShown, Refused, Routes, Rule, SharedChange};
use postern_testkit::power::Random;
use postern_testkit::{House, Sink, scenario};
use postern_types::Domain;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Each race is run so often.
const ROUNDS: usize = 30;
/// Messages of a round, where there are several.
const MESSAGES: usize = 6;

const LATER: &str = "451 4.2.1 Come back later";

/// Orders differ by this, or by what `POSTERN_SEED` says.
fn random() -> Random {
    Random::new(std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1))
}

/// Lets others go first, for a while.
async fn give_way(random: &mut Random) {
    let microseconds = random.below(6000) as u64;
    match microseconds {
        0..1000 => tokio::task::yield_now().await,
        more => tokio::time::sleep(Duration::from_micros(more - 1000)).await,
    }
}

/// support@ as which Alice sends, and what she sends waits until she lets it go.
async fn with_undo(house: &House) -> Sink {
    let sink = at_work(house).await;
    house.delegate(SUPPORT, ALICE, SEND_AS).await;
    let undo = SharedChange { undo_seconds: Some(600), ..SharedChange::default() };
    house.app().set_shared(house.operator(), &address(SUPPORT), undo).await.expect("a setting");
    sink
}

/// Nothing where the message is gone.
fn unless_gone<T>(result: Result<T, Refused>) -> Option<T> {
    match result {
        Ok(done) => Some(done),
        Err(Refused::Rule(Rule::Absent(_))) => None,
        Err(other) => panic!("{other}"),
    }
}

/// How often the sink has taken what goes to this recipient.
fn times(sink: &Sink, to: &str) -> usize {
    sink.taken().iter().filter(|taken| taken.recipients.iter().any(|known| known == to)).count()
}

/// Is anybody being tried?
async fn is_at_rest(house: &House) -> Option<()> {
    let list = house.app().list_queue(house.operator(), QueueChoice::All, None).await.expect("a list");
    list.rows.iter().all(|row| row.being_tried == 0).then_some(())
}

fn hop(sink: &Sink) -> Arc<Hop> {
    Arc::new(Hop {
        host: sink.address().ip().to_string(),
        port: sink.address().port(),
        tls: HopTls::Never,
        login: None,
    })
}

scenario! {
    /// All that a sender has waiting is sent on while it is held one by one: what was held before it was on its way
    /// waits, and each leaves once.
    async fn a_hold_and_a_retry_of_many(house: House) {
        let sink = with_undo(&house).await;
        let (mut random, sender) = (random(), house.acting_as(ALICE).await);
        let mut alice = house.submission_as(ALICE).await;
        for round in 0..ROUNDS {
            let mut sent = Vec::new();
            for number in 0..MESSAGES {
                let to = format!("r{round}-{number}@example.net");
                sent.push((alice.sends(SUPPORT, &[&to], &letter(SUPPORT, &to, &to)).await, to));
            }
            let retry = async {
                house.app().act_on_queue(&sender, QueueMany::All(QueueChoice::All), QueueAct::Retry).await.expect("hers")
            };
            let holds = async {
                let mut held: Vec<Option<QueueShown>> = Vec::new();
                for (id, _) in &sent {
                    give_way(&mut random).await;
                    held.push(unless_gone(house.app().hold_queued(house.operator(), id).await));
                }
                held
            };
            let (_, held) = tokio::join!(retry, holds);
            until("an end of all tries", async || is_at_rest(&house).await).await;
            for ((id, to), held) in sent.iter().zip(&held) {
                let was_in_hand = held.as_ref().is_none_or(|seen| seen.row.being_tried > 0);
                let waits = unless_gone(shown(&house, house.operator(), id).await).is_some();
                assert_eq!(times(&sink, to), usize::from(!waits), "round {round}: {to}, {held:?}");
                assert!(waits || was_in_hand, "round {round}: {to} was held, and left: {held:?}");
            }
            // What somebody holds is sent on by its account, and not with all that there is.
            let (all, of_account) = (QueueChoice::All, QueueChoice::Account(address(SUPPORT)));
            let left = house.app().act_on_queue(house.operator(), QueueMany::All(all.clone()), QueueAct::Retry).await;
            assert_eq!(left.expect("left alone").messages, 0, "round {round}");
            let which = QueueMany::All(of_account);
            house.app().act_on_queue(house.operator(), which, QueueAct::Retry).await.expect("let go");
            house.app().act_on_queue(&sender, QueueMany::All(all), QueueAct::Retry).await.expect("hers");
            nothing_waits(&house).await;
            for (_, to) in &sent {
                assert_eq!(times(&sink, to), 1, "round {round}: {to}");
            }
        }
    }

    /// A message is taken out while a try of it ends, whether with yes, with no, or to be tried again.
    async fn a_removal_and_the_end_of_a_try(house: House) {
        let sink = at_work(&house).await;
        sink.answer(|recipient| match recipient.as_bytes()[0] {
            b'y' => None,
            b'n' => Some("550 5.1.1 No such user".to_owned()),
            _ => Some(LATER.to_owned()),
        });
        let (mut random, mut alice) = (random(), house.submission_as(ALICE).await);
        for round in 0..ROUNDS {
            let answers = random.below(3);
            let to = format!("{}{round}@example.net", ["y", "n", "l"][answers]);
            let id = alice.sends(ALICE, &[&to], &letter(ALICE, &to, &to)).await;
            give_way(&mut random).await;
            let removed = unless_gone(house.app().remove_queued(house.operator(), &id).await);
            nothing_waits(&house).await;
            let taken = times(&sink, &to);
            match removed.map(|(before, removed)| (before.row.tries, removed.recipients)) {
                None => assert!(answers < 2 && taken == 1 - answers, "round {round}: {to} was done"),
                Some((0, 1)) => assert_eq!(taken, 0, "round {round}: {to} never left"),
                Some((_, 1)) => assert_eq!(answers, 2, "round {round}: {to} was to be tried again"),
                Some(_) => assert!(taken <= 1, "round {round}: {to} was on its way"),
            }
        }
    }

    /// Two take out the same, which never left: it is done once, and its copy is one draft.
    async fn two_removals(house: House) {
        let sink = with_undo(&house).await;
        let (mut random, sender) = (random(), house.acting_as(ALICE).await);
        let (mut alice, mut imap) = (house.submission_as(ALICE).await, house.imap_as(ALICE).await);
        for round in 0..ROUNDS {
            let to = format!("r{round}@example.net");
            let id = alice.sends(SUPPORT, &[&to], &letter(SUPPORT, &to, &to)).await;
            let (mut one, mut other) = (random.split(), random.split());
            let remove = async |caller, random: &mut Random| {
                give_way(random).await;
                unless_gone(house.app().remove_queued(caller, &id).await)
            };
            let (one, other) = tokio::join!(remove(house.operator(), &mut one), remove(&sender, &mut other));
            let done: Vec<_> = one.into_iter().chain(other).map(|(_, removed)| removed).collect();
            assert_eq!(done.len(), 1, "round {round}: {done:?}");
            assert_eq!((done[0].recipients, done[0].drafts), (1, 1), "round {round}");
            nothing_waits(&house).await;
            imap.ok("STATUS Shared/support@example.org/Sent (MESSAGES)", "MESSAGES 0").await;
            let drafts = format!("MESSAGES {}", round + 1);
            imap.ok("STATUS Shared/support@example.org/Drafts (MESSAGES)", &drafts).await;
        }
        assert_eq!(sink.taken(), []);
    }

    /// Two servers answer at once for the recipients of one message that was taken out while both had it: it is
    /// gone, however they answer, and nobody is told.
    async fn two_tries_of_what_was_taken_out_end_at_once(house: House) {
        let (one, other) = (at_work(&house).await, Sink::start().await);
        let domains = BTreeMap::from([(Domain::parse("example.com").expect("a domain"), hop(&other))]);
        house.app().set_routes(Routes { smarthost: Some(hop(&one)), domains });
        let mut sinks = [one.asks(), other.asks()];
        let (mut random, mut alice) = (random(), house.submission_as(ALICE).await);
        for round in 0..ROUNDS {
            let to = [format!("r{round}@example.net"), format!("r{round}@example.com")];
            let id = alice.sends(ALICE, &[&to[0], &to[1]], &letter(ALICE, &to[0], &to[0])).await;
            let mut waiting = Vec::new();
            for asked in &mut sinks {
                waiting.push(asked.recv().await.expect("it is being tried"));
            }
            let (seen, removed) = house.app().remove_queued(house.operator(), &id).await.expect("taken out");
            assert_eq!((seen.row.being_tried, removed.recipients), (2, 0), "round {round}");
            for asked in waiting {
                let reply = if random.percent(70) { LATER } else { "550 5.1.1 No such user" };
                asked.say(reply);
            }
            nothing_waits(&house).await;
        }
        assert_eq!((one.taken(), other.taken()), (Vec::new(), Vec::new()));
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS INBOX (MESSAGES)", "MESSAGES 0").await;
    }
}
