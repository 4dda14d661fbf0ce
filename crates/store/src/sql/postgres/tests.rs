//! What goes wrong on PostgreSQL: deadlocks, retries, and connections that go.

use super::{SqlState, configure, connect, next_step};
use crate::db::testing::{ServerDatabase, TestDb, on_server, test_statements, with_database};
use crate::{DatabaseUrl, StoreError, Tx};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};

test_statements! {
    /// A row to write.
    ADD_DOMAIN = "INSERT INTO domain (name, created_ms) VALUES ($1, 0)";
    /// Their names.
    DOMAINS = "SELECT name FROM domain ORDER BY name";
    /// Locks one.
    LOCK_DOMAIN = "SELECT created_ms FROM domain WHERE name = $1 /*LOCK*/";
    /// Counts in one.
    COUNT_UP = "UPDATE domain SET created_ms = created_ms + 1 WHERE name = $1";
    /// What was counted.
    COUNTED = "SELECT created_ms FROM domain WHERE name = $1";
    /// The server cuts this very connection.
    CUT_CONNECTION = "SELECT CAST(pg_terminate_backend(pg_backend_pid()) AS TEXT)";
}

type Done = Result<(), StoreError>;

fn add(tx: &Tx<'_>, name: &str) -> Done {
    tx.execute(&ADD_DOMAIN, &[name.into()]).map(drop)
}

fn names(tx: &Tx<'_>) -> Result<Vec<String>, StoreError> {
    tx.all(&DOMAINS, &[], |row| Ok(row.text(0)?.to_owned()))
}

/// Two jobs that lock two rows crosswise: the server breaks the deadlock (40P01), and the
/// one it chose is run again, so that both are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_run_again() {
    let Some(test) = TestDb::postgres() else { return };
    test.db
        .write(|tx| {
            add(tx, "a.example")?;
            add(tx, "b.example")
        })
        .await
        .unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let crosswise = |first: &'static str, second: &'static str| {
        let (barrier, runs) = (barrier.clone(), AtomicU32::new(0));
        test.db.write(move |tx| -> Done {
            tx.one(&LOCK_DOMAIN, &[first.into()], |_| Ok(()))?;
            if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                barrier.wait();
            }
            tx.one(&LOCK_DOMAIN, &[second.into()], |_| Ok(()))?;
            tx.execute(&COUNT_UP, &[first.into()])?;
            tx.execute(&COUNT_UP, &[second.into()]).map(drop)
        })
    };
    let (one, other) = tokio::join!(crosswise("a.example", "b.example"), crosswise("b.example", "a.example"));
    one.unwrap();
    other.unwrap();
    assert!(test.db.counters().retries >= 1);
    let counted = test.db.read(|tx| tx.one(&COUNTED, &["a.example".into()], |row| row.int(0))).await.unwrap();
    assert_eq!(counted, Some(2), "each job once");
}

/// 40001 as well, and even when the job hides it behind an error of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serialisation_failure_is_run_again() {
    let Some(test) = TestDb::postgres() else { return };
    let DatabaseUrl::Postgres(url) = test.url.clone() else { unreachable!("it is PostgreSQL") };
    on_server(
        &url,
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'come again' USING ERRCODE = '40001'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON domain FOR EACH ROW WHEN (NEW.name = 'refused.example')
             EXECUTE FUNCTION refuse()"
            .into(),
    );
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    test.db
        .write(move |tx| -> Done {
            add(tx, "a.example")?;
            if counted.fetch_add(1, Ordering::SeqCst) < 3 {
                add(tx, "refused.example").map_err(|_| StoreError::Conflict("hidden".into()))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 4);
    assert_eq!(test.db.read(names).await.unwrap(), ["a.example"]);

    // Always refused: after counted attempts the caller is told, and nothing is kept.
    let lost = test.db.write(|tx| add(tx, "refused.example")).await;
    assert!(matches!(lost, Err(StoreError::Lost(_))), "{lost:?}");
}

/// The connection goes in the middle of a job: nothing happened, it is run again on a new
/// connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_goes_before_commit_costs_nothing() {
    let Some(test) = TestDb::postgres() else { return };
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    test.db
        .write(move |tx| -> Done {
            add(tx, "a.example")?;
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                tx.one(&CUT_CONNECTION, &[], |_| Ok(()))?;
            }
            Ok(())
        })
        .await
        .unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    let cut = Arc::new(AtomicU32::new(0));
    let reading = test.db.read(move |tx| {
        if cut.fetch_add(1, Ordering::SeqCst) == 0 {
            tx.one(&CUT_CONNECTION, &[], |_| Ok(()))?;
        }
        names(tx)
    });
    assert_eq!(reading.await.unwrap(), ["a.example"]);
}

/// The connection goes during COMMIT: nobody knows whether it happened, so it is not run
/// again, and the caller is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_commit_is_told_and_never_repeated() {
    let Some(test) = TestDb::postgres() else { return };
    let DatabaseUrl::Postgres(url) = test.url.clone() else { unreachable!("it is PostgreSQL") };
    on_server(
        &url,
        "CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON domain DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
             WHEN (NEW.name = 'cut.example') EXECUTE FUNCTION cut()"
            .into(),
    );
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    let answer = test
        .db
        .write(move |tx| -> Done {
            counted.fetch_add(1, Ordering::SeqCst);
            add(tx, "cut.example")
        })
        .await;
    assert!(matches!(&answer, Err(StoreError::Lost(text)) if text.contains("unknown")), "{answer:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    // The next job finds a new connection.
    test.db.write(|tx| add(tx, "a.example")).await.unwrap();
}

/// There is no TLS to the server yet: rows never travel in the clear.
#[test]
fn a_server_elsewhere_is_refused() {
    for elsewhere in ["postgres://db.example.org/postern", "postgres://postern@192.0.2.7:5432/postern"] {
        let refusal = configure(elsewhere).unwrap_err().to_string();
        assert!(refusal.contains("unix socket or loopback only"), "{refusal}");
    }
    let refusal = configure("postgres:///postern").unwrap_err().to_string();
    assert!(refusal.contains("names no host"), "{refusal}");
    let refusal = configure("postgres://localhost/postern?sslmode=require").unwrap_err().to_string();
    assert!(refusal.contains("leave sslmode out"), "{refusal}");
    for here in [
        "postgres://localhost/postern",
        "postgresql://postern:secret@127.0.0.1:5433/postern",
        "postgres://[::1]/postern",
        "postgres:///postern?host=/run/postgresql",
    ] {
        configure(here).unwrap();
    }
}

/// A server that is there and takes nobody is not said to be absent.
#[test]
fn a_server_that_takes_nobody_is_told_as_one() {
    assert!(next_step(Some(&SqlState::TOO_MANY_CONNECTIONS)).contains("max_connections"));
    assert!(next_step(Some(&SqlState::CANNOT_CONNECT_NOW)).starts_with("wait until PostgreSQL has started"));
    assert!(next_step(None).starts_with("is PostgreSQL running there?"));
}

/// Whoever starts a server on a database that is not there hears what to do.
#[test]
fn a_database_that_can_not_be_used_is_told_with_the_next_step() {
    // A port that nobody listens at: bound, and let go.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = configure(&format!("postgres://postern@127.0.0.1:{port}/postern")).unwrap();
    let refusal = connect(&nobody).err().expect("nobody is there").to_string();
    assert!(refusal.contains("refused") && refusal.contains("Next step: is PostgreSQL running there?"), "{refusal}");
    let Some(server) = ServerDatabase::create() else { return };
    let missing = configure(&with_database(&server.url, "postern_never_made")).unwrap();
    let refusal = connect(&missing).err().expect("it is not there").to_string();
    assert!(refusal.contains("does not exist") && refusal.contains("Next step: make it: createdb"), "{refusal}");
}
