//! Several hands on one message at once: processes that end their tries or go, and people who hold it, send it on
//! or take it out. Whatever the order, nothing stays that nobody would ever take, and what is held is taken by
//! nobody (docs/decisions/0030-queue.md).

use super::Again;
use crate::db::testing::{TestDb, on_both_engines, test_statements};
use crate::gate::{Authority, Caller, Founding, GateError, Lane, ManageShared, Origin, Rule, RunQueue};
use crate::sql::Value;
use crate::{StoreError, Tx};
use postern_access::{Actor, Job};
use postern_types::{AccountId, Address, Domain, Secret};

test_statements! {
    /// Message `$2` of account `$1`.
    ADD_QUEUED = "
        INSERT INTO queue_message (public_id, account_id, sender, from_address, reverse_path, verp, blob_hash, blob_place,
                                   size, prefix, smtputf8, eight_bit, lane, hold_office, leaves_ms, created_ms, follows)
        VALUES ($2, $1, '', '', '', 0, $3, 0, 1, $3, 0, 0, 0, 0, 0, 0, 0)
        RETURNING id";
    /// A recipient of message `$1`, whom process `$2` tries until `$3`.
    ADD_RECIPIENT = "
        INSERT INTO queue_recipient (message_id, address, domain, lane, held, next_try_ms, tried_by, tries, notify, delay_told)
        VALUES ($1, '', '', 0, 0, $3, $2, 0, 0, 0)
        RETURNING id";
    /// Messages, recipients, and what of these nobody would ever take: messages without recipients, some that were
    /// taken out and are tried by nobody, and recipients who wait for a hold that is over, or do not wait for one.
    STANDING = "
        SELECT (SELECT COUNT(*) FROM queue_message),
               (SELECT COUNT(*) FROM queue_recipient),
               (SELECT COUNT(*) FROM queue_message m
                 WHERE NOT EXISTS (SELECT 1 FROM queue_recipient r WHERE r.message_id = m.id)),
               (SELECT COUNT(*) FROM queue_message m
                 WHERE m.hold_office = 2
                   AND NOT EXISTS (SELECT 1 FROM queue_recipient r WHERE r.message_id = m.id AND r.tried_by <> 0)),
               (SELECT COUNT(*) FROM queue_recipient r JOIN queue_message m ON m.id = r.message_id
                 WHERE r.tried_by = 0 AND r.held <> CASE WHEN m.hold IS NULL THEN 0 ELSE 1 END),
               (SELECT COUNT(*) FROM queue_message WHERE hold IS NOT NULL)";
}

const ROUNDS: u64 = 100;
const MINUTE_MS: i64 = 60 * 1000;

/// What a process does about the recipient that it tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// They have it.
    Done,
    /// They are tried again.
    Again,
    /// They were not tried.
    PutBack,
    /// The process was started again.
    LetGo,
    /// It takes what else is due, and keeps all.
    Take,
}

/// What a person does about the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Hold,
    Retry,
    Remove,
}

/// How much stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    messages: i64,
    recipients: i64,
    /// Without recipients, taken out and tried by nobody, waiting for nothing.
    amiss: [i64; 3],
    held: i64,
}

/// A house with a message of which processes 1 and 2 each try a recipient.
struct Scene {
    test: TestDb,
    operator: Caller,
    job: Caller,
    account: AccountId,
}

fn caller(actor: Actor) -> Caller {
    Caller::new(actor, Origin::new(1, "test", String::new(), "test".into(), [0; 32]))
}

/// One of these, by a number of which each bit counts (SplitMix64).
fn pick<T: Copy, const COUNT: usize>(from: [T; COUNT], number: u64) -> T {
    let mut bits = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    from[usize::try_from((bits ^ (bits >> 31)) % COUNT as u64).unwrap_or(0)]
}

impl Scene {
    async fn start(test: TestDb) -> Self {
        let [operator, job] = [Actor::Operator { uid: 0 }, Actor::Job(Job::Submission)].map(caller);
        let founder = operator.clone();
        let found = move |tx: &Tx<'_>| -> Result<_, GateError> {
            let (domain, password) = (Domain::parse("example.org").unwrap(), Secret::new("verifier"));
            let admin = Address::parse("admin@example.org").unwrap();
            tx.found(&founder, &Founding { domain, admin, password })?;
            let shared: Authority<'_, ManageShared> = tx.authority(&founder)?;
            shared.add_shared(&Address::parse("support@example.org").unwrap(), "")
        };
        let account = test.db.write(found).await.unwrap();
        Self { test, operator, job, account }
    }

    /// Queues a message; answers its number and those of its recipients.
    async fn message(&self, name: &str) -> (i64, [i64; 2]) {
        let (account, name, until) = (self.account, name.to_owned(), self.test.db.now().plus_ms(MINUTE_MS));
        let add = move |tx: &Tx<'_>| -> Result<_, StoreError> {
            let one = [account.get().into(), name.as_str().into(), [0_u8; 32].as_slice().into()];
            let message = tx.one(&ADD_QUEUED, &one, |row| row.int(0))?.unwrap();
            let recipient = |me: i64| {
                let values: [Value<'_>; 3] = [message.into(), me.into(), until.0.into()];
                tx.one(&ADD_RECIPIENT, &values, |row| row.int(0)).map(Option::unwrap)
            };
            Ok((message, [recipient(1)?, recipient(2)?]))
        };
        self.test.db.write(add).await.unwrap()
    }

    async fn queue<T: Send + 'static>(
        &self,
        work: impl Fn(&Authority<'_, RunQueue>) -> Result<T, GateError> + Send + 'static,
    ) -> Result<T, GateError> {
        let job = self.job.clone();
        self.test.db.write(move |tx: &Tx<'_>| work(&tx.authority::<RunQueue>(&job)?)).await
    }

    async fn end(&self, end: End, me: i64, (message, recipient): (i64, i64)) {
        let now = self.test.db.now();
        let again = Again { id: recipient, at: now, said: "later".into(), server: None, delay_told: false };
        let ended = self.queue(move |queue| match end {
            End::Done => queue.done(message, &[recipient], me).map_err(GateError::from),
            End::Again => {
                queue.done(message, &[], me)?;
                queue.again(std::slice::from_ref(&again), me)
            }
            End::PutBack => queue.put_back(&[recipient], me, now).map(|()| 1),
            End::LetGo => queue.let_go(me).map(|()| 1),
            End::Take => queue.take(Lane::People, 10, (me, now.plus_ms(MINUTE_MS))).map(|_| 1),
        });
        assert_eq!(ended.await.unwrap(), 1, "{end:?}: nobody else has it");
    }

    /// Does it; answers whether it could be done.
    async fn act(&self, act: Act, name: &str) -> bool {
        let (caller, job, name) = (self.operator.clone(), self.job.clone(), name.to_owned());
        let acted = self.test.db.write(move |tx: &Tx<'_>| -> Result<(), GateError> {
            let queued = tx.queued(&caller, &name)?;
            match act {
                Act::Hold => queued.hold("held"),
                Act::Retry => queued.retry(),
                Act::Remove => queued.remove(&tx.authority::<RunQueue>(&job)?).map(|_| ()),
            }
        });
        match acted.await {
            Ok(()) => true,
            Err(GateError::Rule(Rule::Absent(_) | Rule::Unusable(_))) => false,
            Err(error) => panic!("{act:?}: {error}"),
        }
    }

    async fn take(&self, me: i64) -> i64 {
        let until = self.test.db.now().plus_ms(MINUTE_MS);
        let taken = self.queue(move |queue| Ok(queue.take(Lane::People, 10, (me, until))?.0.len())).await;
        i64::try_from(taken.unwrap()).unwrap()
    }

    async fn let_go(&self) {
        for me in 1..=3 {
            self.queue(move |queue| queue.let_go(me)).await.unwrap();
        }
    }

    async fn standing(&self) -> Standing {
        let read = |tx: &Tx<'_>| -> Result<_, StoreError> {
            let found = tx.one(&STANDING, &[], |row| {
                let amiss = [row.int(2)?, row.int(3)?, row.int(4)?];
                Ok(Standing { messages: row.int(0)?, recipients: row.int(1)?, amiss, held: row.int(5)? })
            })?;
            Ok(found.unwrap())
        };
        self.test.db.read(read).await.unwrap()
    }

    /// Processes 1 and 2 are gone for good: another takes what they tried when its time is over, and puts it back.
    async fn take_over(&self) {
        self.test.clock.advance_ms(2 * MINUTE_MS);
        let now = self.test.db.now();
        let take_over = move |queue: &Authority<'_, RunQueue>| {
            let (taken, _) = queue.take(Lane::People, 10, (3, now.plus_ms(MINUTE_MS)))?;
            let taken: Vec<i64> = taken.iter().map(|recipient| recipient.id).collect();
            queue.put_back(&taken, 3, now)
        };
        self.queue(take_over).await.unwrap();
    }

    /// All processes are gone: whoever comes then takes all that is not held, and nothing else is left.
    async fn all_is_taken(&self, name: &str, round: &str, comes_back: bool) {
        let standing = self.standing().await;
        assert_eq!(standing.amiss, [0; 3], "{round}: {standing:?}");
        match comes_back {
            true => self.let_go().await,
            false => self.take_over().await,
        }
        let standing = self.standing().await;
        assert_eq!(standing.amiss, [0; 3], "{round}, and all let go: {standing:?}");
        if standing.held > 0 {
            assert_eq!(self.take(3).await, 0, "{round}: what is held is taken by nobody");
            assert!(self.act(Act::Retry, name).await, "{round}: it is sent on");
        }
        assert_eq!(self.take(3).await, standing.recipients, "{round}: {standing:?}");
        self.act(Act::Remove, name).await;
        self.let_go().await;
        let standing = self.standing().await;
        assert_eq!((standing.messages, standing.recipients), (0, 0), "{round}: {standing:?}");
    }
}

on_both_engines! {
    /// Two processes and two people, whatever they do, in a hundred rounds.
    many_hands_on_one_message;
    /// The last two recipients of a message that was taken out are put back at once, each by its own process.
    two_put_back_what_was_taken_out;
    /// Two take out the same.
    two_take_out_the_same;
}

async fn many_hands_on_one_message(test: TestDb) {
    let scene = Scene::start(test).await;
    let seed = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    for round in 0..ROUNDS {
        let (ends, acts) =
            ([End::Done, End::Again, End::PutBack, End::LetGo, End::Take], [Act::Hold, Act::Retry, Act::Remove]);
        let number = seed.wrapping_mul(1_000_000) + round * 4;
        let (one, other) = (pick(ends, number), pick(ends, number + 1));
        let (first, second) = (pick(acts, number + 2), pick(acts, number + 3));
        let name = format!("msg_{round}");
        let (message, [mine, theirs]) = scene.message(&name).await;
        tokio::join!(
            scene.act(first, &name),
            scene.end(one, 1, (message, mine)),
            scene.act(second, &name),
            scene.end(other, 2, (message, theirs)),
        );
        let told = format!("POSTERN_SEED={seed} round {round}: {one:?}, {other:?}, {first:?}, {second:?}");
        scene.all_is_taken(&name, &told, round % 2 == 0).await;
    }
}

async fn two_put_back_what_was_taken_out(test: TestDb) {
    let scene = Scene::start(test).await;
    for round in 0..30 {
        let name = format!("msg_{round}");
        let (message, [mine, theirs]) = scene.message(&name).await;
        assert!(scene.act(Act::Remove, &name).await);
        assert_eq!(scene.standing().await.recipients, 2, "both are on their way");
        let (one, other) =
            (pick([End::PutBack, End::Again], 2 * round), pick([End::PutBack, End::Again], 2 * round + 1));
        tokio::join!(scene.end(one, 1, (message, mine)), scene.end(other, 2, (message, theirs)));
        let standing = scene.standing().await;
        assert_eq!((standing.messages, standing.recipients), (0, 0), "round {round}: {one:?}, {other:?}: {standing:?}");
    }
}

async fn two_take_out_the_same(test: TestDb) {
    let scene = Scene::start(test).await;
    for round in 0..30 {
        let name = format!("msg_{round}");
        scene.message(&name).await;
        scene.let_go().await;
        let done = tokio::join!(scene.act(Act::Remove, &name), scene.act(Act::Remove, &name));
        assert!(done.0 != done.1, "round {round}: {done:?}");
        let standing = scene.standing().await;
        assert_eq!((standing.messages, standing.recipients), (0, 0), "round {round}: {standing:?}");
    }
}
