//! Both engines, a fresh database for each test.
//!
//! PostgreSQL: one template database holds the schema, made once per schema under an
//! advisory lock; each test copies it, which is a file copy and no SQL.

use postern_store::{DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// An engine that tests run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Embedded.
    Sqlite,
    /// The private server that `cargo xtask db` started.
    Postgres,
}

/// The server for tests, or why there is none.
fn server() -> Option<String> {
    match std::env::var("POSTERN_TEST_POSTGRES") {
        Ok(url) => Some(url),
        Err(_) if std::env::var("POSTERN_TEST_ENGINES").as_deref() == Ok("sqlite") => None,
        Err(_) => panic!(
            "no PostgreSQL for this test; run: cargo xtask db -- cargo nextest run (or set POSTERN_TEST_ENGINES=sqlite)"
        ),
    }
}

/// A database of its own for one test; dropped with it.
pub struct TestDatabase {
    /// What the house is opened with.
    pub url: DatabaseUrl,
    /// The same as configuration writes it.
    pub text: String,
    drop: Option<(String, String)>,
}

impl TestDatabase {
    /// A fresh database on `engine`; `None` when tests were told to run on SQLite alone.
    pub async fn create(engine: Engine, scratch: &Path) -> Option<Self> {
        if engine == Engine::Sqlite {
            return Some(Self { url: DatabaseUrl::Sqlite, text: "sqlite:".into(), drop: None });
        }
        let server = server()?;
        let scratch = scratch.join("template");
        let made = tokio::task::spawn_blocking(move || copy_of_template(&server, &scratch)).await;
        let (server, name, text) = made.expect("PostgreSQL gives a database");
        Some(Self { url: DatabaseUrl::Postgres(text.clone()), text, drop: Some((server, name)) })
    }

    /// Executes statements beside the house, whose data is in this folder, on a connection of
    /// their own.
    pub(crate) async fn execute(&self, data_dir: &Path, sqlite: String, postgres: String) {
        let (url, file) = (self.url.clone(), data_dir.join("postern.db"));
        let executed = tokio::task::spawn_blocking(move || match url {
            DatabaseUrl::Sqlite => {
                let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE;
                let connection = rusqlite::Connection::open_with_flags(file, flags).expect("the house's file");
                connection.execute_batch(&sqlite).expect("SQLite executes it");
            }
            DatabaseUrl::Postgres(url) => {
                let mut client = postgres::Client::connect(&url, postgres::NoTls).expect("PostgreSQL answers");
                client.batch_execute(&postgres).expect("PostgreSQL executes it");
            }
        });
        executed.await.expect("the statements are executed");
    }

    /// Where this text is kept: the files below the folder that hold it, and the tables of a
    /// database of its own, as text or as bytes.
    pub(crate) async fn kept_in(&self, data_dir: &Path, text: &str) -> Vec<String> {
        let (url, folder, text) = (self.url.clone(), data_dir.to_owned(), text.to_owned());
        let looked = tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            files_with(&folder, text.as_bytes(), &mut found);
            if let DatabaseUrl::Postgres(url) = url {
                tables_with(&url, &text, &mut found);
            }
            found
        });
        looked.await.expect("the folder and the database can be read")
    }
}

fn files_with(folder: &Path, text: &[u8], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files_with(&path, text, found);
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text)) {
            found.push(path.display().to_string());
        }
    }
}

fn tables_with(url: &str, text: &str, found: &mut Vec<String>) {
    let mut client = postgres::Client::connect(url, postgres::NoTls).expect("PostgreSQL answers");
    let tables = client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", &[]);
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    for row in tables.expect("a list of tables") {
        let table: String = row.get(0);
        let statement =
            format!("SELECT 1 FROM \"{table}\" AS t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0 LIMIT 1");
        if !client.query(&statement, &[&text, &hex]).expect("a table").is_empty() {
            found.push(table);
        }
    }
}

fn on(server: &str, database: &str) -> String {
    let cut = server.rfind('/').expect("a URL with a database");
    format!("{}/{database}", &server[..cut])
}

fn copy_of_template(server: &str, scratch: &Path) -> (String, String, String) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let template = format!("postern_template_{}", postern_store::schema_fingerprint());
    let mut client = postgres::Client::connect(server, postgres::NoTls).expect("PostgreSQL answers");
    client.execute("SELECT pg_advisory_lock(7243)", &[]).expect("a lock");
    let known =
        client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&template]).expect("a list of databases");
    if known.is_empty() {
        let making = format!("{template}_making");
        client.batch_execute(&format!("DROP DATABASE IF EXISTS {making}")).expect("the name is free");
        client.batch_execute(&format!("CREATE DATABASE {making}")).expect("a database");
        let options = DbOptions::new(scratch, DatabaseUrl::Postgres(on(server, &making)));
        let db = Db::open(options, Arc::new(RealDisk), Arc::new(ManualClock::default())).expect("the schema is loaded");
        drop(db);
        client.batch_execute(&format!("ALTER DATABASE {making} RENAME TO {template}")).expect("the template is ready");
    }
    let name = format!("postern_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    client.batch_execute(&format!("DROP DATABASE IF EXISTS {name}")).expect("the name is free");
    client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")).expect("a copy");
    client.execute("SELECT pg_advisory_unlock(7243)", &[]).expect("an unlock");
    let text = on(server, &name);
    (server.to_owned(), name, text)
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Some((server, name)) = self.drop.take() else { return };
        // On a thread of its own: the client blocks, and a test's runtime may be ending.
        let dropped = std::thread::spawn(move || {
            if let Ok(mut client) = postgres::Client::connect(&server, postgres::NoTls) {
                let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
            }
        });
        let _ = dropped.join();
    }
}
