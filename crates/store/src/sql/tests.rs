//! Law 5: every statement runs on both engines.

use super::{Statement, body_statements, dialect, engine_statements};
use crate::db::testing::{ServerDatabase, with_client};
use crate::migrate;
use postern_types::Timestamp;

fn all() -> impl Iterator<Item = &'static Statement> {
    crate::statements::all().chain(engine_statements())
}

/// A statement's placeholders are `$1` to `$n`, each of them used.
fn check_count(statement: &Statement, engine: &str, found: usize) {
    let used = (1..=found).all(|number| statement.text.contains(&format!("${number}")));
    let more = statement.text.contains(&format!("${}", found + 1));
    assert!(used && !more, "{} on {engine}: its placeholders have gaps", statement.name);
}

#[test]
fn every_statement_prepares_on_sqlite() {
    let main = rusqlite::Connection::open_in_memory().unwrap();
    main.execute_batch(migrate::ROADS.sqlite).unwrap();
    let bodies = rusqlite::Connection::open_in_memory().unwrap();
    super::sqlite::bodies::make_schema(&bodies).unwrap();
    let on_main = all().map(|statement| (&main, statement));
    let on_bodies = body_statements()[0].iter().map(|statement| (&bodies, *statement));
    let mut failed = Vec::new();
    for (connection, statement) in on_main.chain(on_bodies) {
        match connection.prepare(&dialect::for_sqlite(statement.text)) {
            Ok(prepared) => check_count(statement, "SQLite", prepared.parameter_count()),
            Err(error) => failed.push(format!("{}: {error}", statement.name)),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn every_statement_prepares_on_postgresql() {
    let Some(server) = ServerDatabase::create() else { return };
    let failed = with_client(&server.url, |client| {
        migrate::postgres::bring_up_to_date(client, &migrate::ROADS, Timestamp(0)).unwrap();
        let mut failed = Vec::new();
        for statement in all().chain(body_statements()[1].iter().copied()) {
            match client.prepare(&dialect::for_postgres(statement.text)) {
                Ok(prepared) => check_count(statement, "PostgreSQL", prepared.params().len()),
                Err(error) => failed.push(format!("{}: {}", statement.name, super::postgres::store_error(&error))),
            }
        }
        failed
    });
    assert!(failed.is_empty(), "{failed:#?}");
}
