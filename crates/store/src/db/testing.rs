//! A fresh database per test, on either engine.
//!
//! `POSTERN_TEST_POSTGRES` is the url of a server on which databases may be made.
//! `POSTERN_TEST_ENGINES=sqlite` leaves PostgreSQL out; with neither, a test of both
//! engines fails: one that quietly ran on one engine would prove nothing about the other.

use super::{DatabaseUrl, Db, DbOptions};
use crate::sql::postgres;
use crate::{ManualClock, RealDisk, StoreError, Tx};
use postern_types::Timestamp;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use tempfile::TempDir;

/// When tests begin: 2026-11-22T12:00:00Z.
pub(crate) const START: Timestamp = Timestamp(1_795_348_800_000);

/// The engines that a test may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TestEngine {
    Sqlite,
    Postgres,
}

/// An open database with its folder and its clock.
pub(crate) struct TestDb {
    pub db: Db,
    pub clock: Arc<ManualClock>,
    pub url: DatabaseUrl,
    // Dropped last: the folder goes, then the database on the server.
    pub folder: TempDir,
    _server: Option<ServerDatabase>,
}

/// Declares statements of a test, which are not the house's and so in no list.
macro_rules! test_statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {$(
        $(#[$doc])*
        static $name: $crate::sql::Statement = $crate::sql::Statement { name: stringify!($name), text: $text };
    )*};
}
pub(crate) use test_statements;

/// Makes a test for each engine of an async function that takes a [`TestDb`].
macro_rules! on_both_engines {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$name($crate::db::testing::TestDb::sqlite()).await;
            }
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if let Some(test) = $crate::db::testing::TestDb::postgres() {
                    super::$name(test).await;
                }
            }
        }
    )*};
}
pub(crate) use on_both_engines;

impl TestDb {
    /// A fresh SQLite database.
    pub fn sqlite() -> Self {
        Self::open(DatabaseUrl::Sqlite, None)
    }

    /// A fresh PostgreSQL database; `None` where PostgreSQL is left out.
    pub fn postgres() -> Option<Self> {
        let server = ServerDatabase::create()?;
        Some(Self::open(DatabaseUrl::Postgres(server.url.clone()), Some(server)))
    }

    fn open(url: DatabaseUrl, server: Option<ServerDatabase>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(START));
        let db = open(folder.path(), url.clone(), clock.clone());
        Self { db, clock, url, folder, _server: server }
    }

    /// Which engine this is.
    pub fn engine(&self) -> TestEngine {
        match self.url {
            DatabaseUrl::Sqlite => TestEngine::Sqlite,
            DatabaseUrl::Postgres(_) => TestEngine::Postgres,
        }
    }

    /// Closes it and opens it again, as a restart does.
    pub async fn restart(&mut self) {
        self.db.close().await;
        self.db = open(self.folder.path(), self.url.clone(), self.clock.clone());
    }
}

fn open(folder: &Path, url: DatabaseUrl, clock: Arc<ManualClock>) -> Db {
    let options = DbOptions { readers: 2, writers: 4, ..DbOptions::new(folder, url) };
    Db::open(options, Arc::new(RealDisk), clock).unwrap()
}

/// A database on the test server, for as long as this lives.
pub(crate) struct ServerDatabase {
    pub url: String,
    server: String,
    name: String,
}

impl ServerDatabase {
    /// A fresh, empty one; `None` where PostgreSQL is left out.
    #[expect(clippy::print_stdout, reason = "a test that did not run says so")]
    pub fn create() -> Option<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Ok(server) = std::env::var("POSTERN_TEST_POSTGRES") else {
            if std::env::var("POSTERN_TEST_ENGINES").is_ok_and(|engines| engines == "sqlite") {
                println!("skipped on PostgreSQL: POSTERN_TEST_ENGINES=sqlite");
                return None;
            }
            panic!(
                "no PostgreSQL to test on: run `cargo xtask db -- cargo nextest run`, or set POSTERN_TEST_ENGINES=sqlite \
                 to leave it out"
            );
        };
        let name = format!("postern_store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let url = with_database(&server, &name);
        on_server(&server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        on_server(&server, format!("CREATE DATABASE {name}"));
        Some(Self { url, server, name })
    }
}

impl Drop for ServerDatabase {
    fn drop(&mut self) {
        on_server(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement over a connection of its own, on a thread where the client may block.
pub(crate) fn on_server(url: &str, statement: String) {
    with_client(url, move |client| client.batch_execute(&statement).unwrap());
}

/// Does something with a connection of its own, on a thread where the client may block.
pub(crate) fn with_client<T: Send + 'static>(
    url: &str,
    work: impl FnOnce(&mut ::postgres::Client) -> T + Send + 'static,
) -> T {
    let config = postgres::configure(url).unwrap();
    std::thread::spawn(move || work(&mut postgres::connect(&config).unwrap())).join().unwrap()
}

/// The same server, another database: `postgres://host:1/name?options`.
pub(crate) fn with_database(url: &str, name: &str) -> String {
    let (base, options) =
        url.split_once('?').map_or((url, String::new()), |(base, options)| (base, format!("?{options}")));
    let (scheme, rest) = base.split_once("://").expect("POSTERN_TEST_POSTGRES is a url");
    let authority = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{authority}/{name}{options}")
}

/// Holds one write job at the end of its run, until it is let go.
pub(crate) struct HeldJob {
    job: tokio::task::JoinHandle<Result<(), StoreError>>,
    go: mpsc::Sender<()>,
}

impl HeldJob {
    /// Answers when the job has run and is held.
    pub async fn start(db: &Db, work: impl Fn(&Tx<'_>) -> Result<(), StoreError> + Send + 'static) -> Self {
        let (go, gate) = mpsc::channel();
        let (started, start) = tokio::sync::oneshot::channel();
        let (gate, started) = (Mutex::new(gate), Mutex::new(Some(started)));
        let db = db.clone();
        let job = tokio::spawn(async move {
            db.write(move |tx| {
                work(tx)?;
                if let Some(started) = started.lock().unwrap().take() {
                    started.send(()).unwrap();
                    gate.lock().unwrap().recv().unwrap();
                }
                Ok(())
            })
            .await
        });
        start.await.unwrap();
        Self { job, go }
    }

    /// Lets it go and answers what it answers.
    pub async fn finish(self) -> Result<(), StoreError> {
        self.go.send(()).unwrap();
        self.job.await.unwrap()
    }
}

/// Waits until this many jobs are queued.
pub(crate) async fn until_waiting(db: &Db, jobs: usize) {
    while db.counters().waiting != jobs {
        tokio::task::yield_now().await;
    }
}
