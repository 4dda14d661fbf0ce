//! What both engines promise to a job: whole or not at all, after the commit, once.

use super::testing::{HeldJob, START, TestDb, TestEngine, on_both_engines, test_statements, until_waiting};
use crate::sql::{Rows, Value};
use crate::{Notice, StoreError, Tx};
use postern_types::{AccountId, Timestamp};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

test_statements! {
    /// A row to write.
    ADD_DOMAIN = "INSERT INTO domain (name, created_ms) VALUES ($1, $2)";
    /// How many there are.
    COUNT_DOMAINS = "SELECT count(*) FROM domain";
    /// Their names.
    DOMAINS = "SELECT name FROM domain ORDER BY name";
    /// The second placeholder comes first in the text.
    SWAPPED = "SELECT CAST($2 AS TEXT), CAST($1 AS BIGINT)";
    /// One value of each kind there and back.
    ECHO = "SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), CAST($3 AS BYTEA)";
    /// The house.
    ADD_HOUSE = "INSERT INTO house (id, generation, clock_high_ms, next_principal) VALUES (1, 1, $1, 1)";
    /// Rows there and back.
    ECHO_ROWS = "SELECT CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2 FROM json_each($1)";
    /// Not SQL.
    NONSENSE = "SELEKT 1";
}

type Done = Result<(), StoreError>;

fn add(name: &str) -> impl Fn(&Tx<'_>) -> Done + Send + use<> {
    let name = name.to_owned();
    move |tx| tx.execute(&ADD_DOMAIN, &[name.as_str().into(), tx.now().0.into()]).map(drop)
}

fn names(tx: &Tx<'_>) -> Result<Vec<String>, StoreError> {
    tx.all(&DOMAINS, &[], |row| Ok(row.text(0)?.to_owned()))
}

fn count(tx: &Tx<'_>) -> Result<i64, StoreError> {
    Ok(tx.one(&COUNT_DOMAINS, &[], |row| row.int(0))?.unwrap_or(-1))
}

on_both_engines! {
    /// A statement binds by number, not by appearance, and values of each kind survive.
    values_go_there_and_back;
    /// Rows keep their order, their numbers and every letter.
    rows_go_there_and_back;
    /// A statement that nobody waits for is done in its place, and its failure undoes the job.
    what_is_sent_is_done_or_undoes_its_job;
    /// What is asked ahead is answered as of then, once; values decide which question it is.
    a_question_asked_ahead_is_answered_once;
    /// The error of a job undoes that job.
    a_failing_job_is_undone;
    /// So does a panic, and the next job finds the engine well.
    a_panic_is_the_fault_of_its_job_alone;
    /// PostgreSQL aborts a transaction whose statement failed; so do we on SQLite.
    a_job_that_passes_over_a_failed_statement_is_not_kept;
    /// A read transaction is one.
    a_read_can_not_write;
    /// What a reader sees stays as it is to the end of its transaction.
    a_reader_sees_one_moment;
    /// The caller's future is dropped: the job commits as a whole, and watchers are told.
    a_caller_who_goes_away_changes_nothing;
    /// Watchers hear after the commit and before the caller does, of what was kept alone.
    notices_are_told_after_the_commit;
    /// Closing does what waits and refuses what comes.
    closing_drains;
    /// House time survives a restart with the clock set back (docs/design.md section 5).
    house_time_never_goes_back;
    /// The bulk lane moves too.
    bulk_work_is_done;
}

async fn values_go_there_and_back(test: TestDb) {
    test.db
        .read(|tx| -> Done {
            let swapped =
                tx.one(&SWAPPED, &[7.into(), "seven".into()], |row| Ok((row.text(0)?.to_owned(), row.int(1)?)))?;
            assert_eq!(swapped, Some(("seven".into(), 7)));
            Ok(())
        })
        .await
        .unwrap();
    // BYTEA is no type name of SQLite's CAST; the schema's columns are what matters there.
    if test.engine() == TestEngine::Postgres {
        let echo = |tx: &Tx<'_>| -> Done {
            let full = tx.one(&ECHO, &[i64::MIN.into(), "ü\u{1F4EE}".into(), (&[0u8, 255][..]).into()], |row| {
                Ok((row.int(0)?, row.text(1)?.to_owned(), row.bytes(2)?.to_vec()))
            })?;
            assert_eq!(full, Some((i64::MIN, "ü\u{1F4EE}".into(), vec![0, 255])));
            let null = crate::sql::Value::Null;
            let empty = tx.one(&ECHO, &[null, null, null], |row| {
                Ok(row.opt_int(0)?.is_none() && row.opt_text(1)?.is_none() && row.opt_bytes(2)?.is_none())
            })?;
            assert_eq!(empty, Some(true));
            Ok(())
        };
        test.db.read(echo).await.unwrap();
    }
    let wrong = test.db.read(|tx| tx.one(&SWAPPED, &[7.into()], |_| Ok(()))).await.unwrap_err();
    assert!(wrong.to_string().contains("SWAPPED takes 2 values and was given 1"), "{wrong}");
    let nonsense = test.db.read(|tx| tx.one(&NONSENSE, &[], |_| Ok(()))).await.unwrap_err();
    assert!(nonsense.to_string().contains("NONSENSE"), "{nonsense}");
}

async fn rows_go_there_and_back(test: TestDb) {
    let odd = "\"a\\b\"@example.org\t\r\n\u{1}ü\u{1F4EE}'{}[],";
    let mut rows = Rows::new();
    rows.push(&[i64::MIN.into(), odd.into(), Value::Null]);
    rows.push(&[i64::MAX.into(), "7".into(), "".into()]);
    let echo = move |tx: &Tx<'_>, rows: &Rows| -> Result<Vec<_>, StoreError> {
        tx.all(&ECHO_ROWS, &[rows.value()], |row| {
            Ok((row.int(0)?, row.opt_text(1)?.map(str::to_owned), row.opt_text(2)?.map(str::to_owned)))
        })
    };
    let (found, none) = test
        .db
        .read(move |tx| -> Result<_, StoreError> { Ok((echo(tx, &rows)?, echo(tx, &Rows::new())?)) })
        .await
        .unwrap();
    assert_eq!(found[0], (i64::MIN, Some(odd.to_owned()), None));
    assert_eq!(found[1], (i64::MAX, Some("7".to_owned()), Some(String::new())));
    assert_eq!((found.len(), none.len()), (2, 0));
}

async fn what_is_sent_is_done_or_undoes_its_job(test: TestDb) {
    let send = |tx: &Tx<'_>, name: &str| tx.send(&ADD_DOMAIN, &[name.into(), 0.into()]);
    let seen = test.db.write(move |tx| -> Result<_, StoreError> {
        send(tx, "b.example")?;
        let seen = count(tx)?;
        send(tx, "a.example")?;
        Ok(seen)
    });
    assert_eq!(seen.await.unwrap(), 1);
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example", "b.example"]);
    // With nothing after it, with a statement after it, and beside what the job itself says.
    let last = test.db.write(move |tx| -> Done {
        add("c.example")(tx)?;
        send(tx, "a.example")
    });
    assert!(matches!(last.await, Err(StoreError::Conflict(_))));
    let followed = test.db.write(move |tx| -> Done {
        send(tx, "a.example")?;
        add("c.example")(tx)
    });
    assert!(matches!(followed.await, Err(StoreError::Conflict(_))));
    let alone = test.db.write(move |tx| send(tx, "a.example"));
    assert!(matches!(alone.await, Err(StoreError::Conflict(_))));
    let undone = test.db.write(move |tx| -> Done {
        send(tx, "c.example")?;
        Err(StoreError::Closing)
    });
    assert!(matches!(undone.await, Err(StoreError::Closing)));
    let refused = test.db.read(move |tx| send(tx, "c.example"));
    assert!(matches!(refused.await, Err(StoreError::ReadOnly)));
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example", "b.example"]);
}

async fn a_question_asked_ahead_is_answered_once(test: TestDb) {
    let swapped = |tx: &Tx<'_>, number: i64| {
        tx.one(&SWAPPED, &[number.into(), "x".into()], |row| row.int(1)).map(Option::unwrap_or_default)
    };
    let work = move |tx: &Tx<'_>| -> Done {
        let (one, two) = ([1.into(), "x".into()], [2.into(), "x".into()]);
        tx.ask_ahead(&[(&SWAPPED, &one), (&SWAPPED, &two), (&COUNT_DOMAINS, &[])])?;
        assert_eq!((swapped(tx, 2)?, swapped(tx, 3)?, swapped(tx, 1)?), (2, 3, 1));
        assert_eq!((swapped(tx, 2)?, count(tx)?), (2, 0));
        // What nobody came for is forgotten with the next ones.
        tx.ask_ahead(&[(&COUNT_DOMAINS, &[])])?;
        swapped(tx, 1)?;
        add("a.example")(tx)?;
        tx.ask_ahead(&[])?;
        assert_eq!(count(tx)?, 1);
        Err(StoreError::Closing)
    };
    assert!(matches!(test.db.write(work).await, Err(StoreError::Closing)));
    // Nor does the next transaction hear of it.
    let left = test.db.write(|tx| -> Done {
        tx.ask_ahead(&[(&COUNT_DOMAINS, &[])])?;
        add("a.example")(tx)
    });
    left.await.unwrap();
    assert_eq!(test.db.read(count).await.unwrap(), 1);
    assert_eq!(test.db.write(count).await.unwrap(), 1);
}

async fn a_failing_job_is_undone(test: TestDb) {
    let (first, failing, last) = tokio::join!(
        test.db.write(add("a.example")),
        test.db.write(|tx| -> Done {
            add("b.example")(tx)?;
            Err(StoreError::Conflict("no".into()))
        }),
        test.db.write(add("c.example")),
    );
    first.unwrap();
    last.unwrap();
    assert!(matches!(failing, Err(StoreError::Conflict(_))));
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example", "c.example"]);
}

async fn a_panic_is_the_fault_of_its_job_alone(test: TestDb) {
    let (first, panicking, last) = tokio::join!(
        test.db.write(add("a.example")),
        test.db.write(|tx| -> Done {
            add("b.example")(tx)?;
            panic!("on purpose")
        }),
        test.db.write(add("c.example")),
    );
    first.unwrap();
    last.unwrap();
    assert!(matches!(panicking, Err(StoreError::Panicked)));
    let reading = test.db.read(|_| -> Done { panic!("on purpose, in a reader") }).await;
    assert!(matches!(reading, Err(StoreError::Panicked)));
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example", "c.example"]);
}

async fn a_job_that_passes_over_a_failed_statement_is_not_kept(test: TestDb) {
    test.db.write(add("a.example")).await.unwrap();
    let passed_over = test
        .db
        .write(|tx| -> Done {
            add("b.example")(tx)?;
            let taken = add("a.example")(tx);
            assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
            Ok(())
        })
        .await;
    assert!(matches!(passed_over, Err(StoreError::Conflict(_))), "{passed_over:?}");
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example"]);
}

async fn a_read_can_not_write(test: TestDb) {
    let refused = test.db.read(add("a.example")).await;
    assert!(matches!(refused, Err(StoreError::ReadOnly)), "{refused:?}");
}

async fn a_reader_sees_one_moment(test: TestDb) {
    test.db.write(add("a.example")).await.unwrap();
    let (go, gate) = mpsc::channel();
    let (started, start) = tokio::sync::oneshot::channel();
    let (gate, started) = (Mutex::new(gate), Mutex::new(Some(started)));
    let db = test.db.clone();
    let reading = tokio::spawn(async move {
        db.read(move |tx| -> Result<(i64, i64), StoreError> {
            let before = count(tx)?;
            started.lock().unwrap().take().unwrap().send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            Ok((before, count(tx)?))
        })
        .await
    });
    start.await.unwrap();
    // The writer does not wait for the reader, nor another reader for either.
    test.db.write(add("b.example")).await.unwrap();
    assert_eq!(test.db.read(count).await.unwrap(), 2);
    go.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (1, 1));
}

async fn a_caller_who_goes_away_changes_nothing(test: TestDb) {
    let account = AccountId::new(5).unwrap();
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    test.db.on_commit(Arc::new(move |notices| notices.iter().for_each(|notice| told.send(*notice).unwrap())));
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let (started, start) = tokio::sync::oneshot::channel();
    let started = Mutex::new(Some(started));
    let db = test.db.clone();
    let caller = tokio::spawn(async move {
        db.write(move |tx| -> Done {
            add("a.example")(tx)?;
            started.lock().unwrap().take().unwrap().send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            tx.notify(Notice::List(account));
            add("b.example")(tx)
        })
        .await
    });
    start.await.unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    go.send(()).unwrap();
    assert_eq!(heard.recv().await, Some(Notice::List(account)));
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example", "b.example"]);
}

async fn notices_are_told_after_the_commit(test: TestDb) {
    let account = AccountId::new(5).unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    test.db.on_commit(Arc::new(move |notices| listener.lock().unwrap().extend_from_slice(notices)));
    let failed = test
        .db
        .write(move |tx| -> Done {
            tx.notify(Notice::Organisation(9));
            Err(StoreError::Conflict("no".into()))
        })
        .await;
    assert!(failed.is_err());
    test.db
        .write(move |tx| -> Done {
            tx.notify(Notice::Epoch(account, 3));
            tx.notify(Notice::Epoch(account, 4));
            add("a.example")(tx)
        })
        .await
        .unwrap();
    assert_eq!(*heard.lock().unwrap(), [Notice::Epoch(account, 4)], "told before the caller was answered");
}

async fn closing_drains(mut test: TestDb) {
    let held = HeldJob::start(&test.db, add("held.example")).await;
    let waiting: Vec<_> = (0..5)
        .map(|number| {
            let (db, add) = (test.db.clone(), add(&format!("{number}.example")));
            tokio::spawn(async move { db.write(add).await })
        })
        .collect();
    if test.engine() == TestEngine::Sqlite {
        until_waiting(&test.db, 5).await;
    } else {
        while test.db.counters().commits < 5 {
            tokio::task::yield_now().await;
        }
    }
    let closing = tokio::spawn({
        let db = test.db.clone();
        async move { db.close().await }
    });
    loop {
        match test.db.read(count).await {
            Err(StoreError::Closing) => break,
            other => drop(other.unwrap()),
        }
    }
    assert!(matches!(test.db.write(add("late.example")).await, Err(StoreError::Closing)));
    held.finish().await.unwrap();
    for job in waiting {
        job.await.unwrap().unwrap();
    }
    closing.await.unwrap();
    test.restart().await;
    assert_eq!(test.db.read(count).await.unwrap(), 6);
}

async fn house_time_never_goes_back(mut test: TestDb) {
    test.db.write(|tx| tx.execute(&ADD_HOUSE, &[START.0.into()])).await.unwrap();
    test.clock.advance_ms(60_000);
    test.db.write(add("a.example")).await.unwrap();
    test.clock.set(Timestamp(START.0 - 3_600_000));
    assert_eq!(test.db.now(), START.plus_ms(60_000), "within one process");
    test.restart().await;
    assert_eq!(test.db.now(), START.plus_ms(60_000), "and after a restart");
}

async fn bulk_work_is_done(test: TestDb) {
    let (bulk, interactive) = tokio::join!(test.db.write_bulk(add("a.example")), test.db.write(add("b.example")));
    bulk.unwrap();
    interactive.unwrap();
    test.db.write_bulk(add("c.example")).await.unwrap();
    assert_eq!(test.db.read(count).await.unwrap(), 3);
}

/// SQLite: what gathers while the writer is busy shares one commit, and nobody in it is
/// answered, or seen by a reader, before that commit. Readers wait for none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_one_commit_and_nobody_is_answered_before_it() {
    let test = TestDb::sqlite();
    let held = HeldJob::start(&test.db, add("held.example")).await;
    let before = test.db.counters();
    let gathered: Vec<_> = (0..8)
        .map(|number| {
            let (db, add) = (test.db.clone(), add(&format!("{number}.example")));
            tokio::spawn(async move { db.write(add).await })
        })
        .collect();
    until_waiting(&test.db, 8).await;
    // The last of the batch is held in turn: the eight before it have run by then.
    let second = {
        let db = test.db.clone();
        tokio::spawn(async move { HeldJob::start(&db, add("second.example")).await })
    };
    until_waiting(&test.db, 9).await;
    held.finish().await.unwrap();
    let second = second.await.unwrap();
    assert_eq!(test.db.read(count).await.unwrap(), 1, "only the first batch is committed");
    assert!(gathered.iter().all(|job| !job.is_finished()), "nobody is answered before the commit");
    second.finish().await.unwrap();
    for job in gathered {
        job.await.unwrap().unwrap();
    }
    let after = test.db.counters();
    assert_eq!(after.writes - before.writes, 10);
    assert_eq!(after.commits - before.commits, 2);
    assert_eq!(after.body_commits, 0, "no body, no sync of bodies.db");
    assert_eq!(test.db.read(count).await.unwrap(), 10);
}

/// SQLite: the interactive lane goes first, whatever came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulk_work_waits_for_people() {
    let test = TestDb::sqlite();
    let order = Arc::new(Mutex::new(Vec::new()));
    let held = HeldJob::start(&test.db, add("held.example")).await;
    let note = |word: &'static str| {
        let order = order.clone();
        move |_: &Tx<'_>| -> Done {
            order.lock().unwrap().push(word);
            Ok(())
        }
    };
    let spawn = |bulk: bool, word| {
        let (db, work) = (test.db.clone(), note(word));
        tokio::spawn(async move { if bulk { db.write_bulk(work).await } else { db.write(work).await } })
    };
    let mut jobs = vec![spawn(true, "bulk"), spawn(true, "bulk")];
    until_waiting(&test.db, 2).await;
    jobs.push(spawn(false, "person"));
    until_waiting(&test.db, 3).await;
    held.finish().await.unwrap();
    for job in jobs {
        job.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), ["person", "bulk", "bulk"]);
}

/// A job that was run twice leaves one result: here the closure counts its runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_once_when_nothing_goes_wrong() {
    let test = TestDb::sqlite();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    test.db
        .write(move |tx| {
            counted.fetch_add(1, Ordering::SeqCst);
            add("a.example")(tx)
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}
