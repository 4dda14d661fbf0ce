//! Bringing a PostgreSQL database up to date, one node at a time: an advisory lock keeps
//! the others waiting. A copy is the operator's backup; a migration is one transaction.

use super::{APPLIED_MIGRATIONS, Applied, Migration, RECORD_MIGRATION, Roads, checksum, foreign, pending};
use crate::StoreError;
use crate::sql::postgres::store_error;
use postern_types::Timestamp;
use postgres::{Client, Transaction};

/// The advisory lock of schema changes: "postern" in ASCII.
const LOCK: i64 = 0x70_6f_73_74_65_72_6e;

/// Tables of the schema that a connection works in.
const COUNT_TABLES: &str = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
/// Whether it has our table of migrations.
const COUNT_MIGRATION_TABLE: &str =
    "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'migration'";

/// Makes the schema, or migrates it.
pub(crate) fn bring_up_to_date(client: &mut Client, roads: &Roads, now: Timestamp) -> Result<(), StoreError> {
    let failed = |error: postgres::Error| store_error(&error);
    client.query("SELECT pg_advisory_lock($1)", &[&LOCK]).map_err(failed)?;
    let result = match applied(client)? {
        None => make(client, roads, now),
        Some(applied) => pending(roads.migrations, |migration| migration.postgres, &applied)
            .and_then(|lacking| walk(client, lacking, now)),
    };
    // On an error the connection is dropped, and the lock with it.
    result?;
    client.query("SELECT pg_advisory_unlock($1)", &[&LOCK]).map(drop).map_err(failed)
}

/// What the database says was applied; `None` for an empty one.
pub(super) fn applied(client: &mut Client) -> Result<Option<Vec<Applied>>, StoreError> {
    let failed = |error: postgres::Error| store_error(&error);
    let mut count = |text: &str| client.query_one(text, &[]).map(|row| row.get::<_, i64>(0)).map_err(failed);
    if count(COUNT_TABLES)? == 0 {
        return Ok(None);
    }
    if count(COUNT_MIGRATION_TABLE)? == 0 {
        return Err(foreign());
    }
    let rows = client.query(APPLIED_MIGRATIONS.text, &[]).map_err(failed)?;
    let applied = |row: &postgres::Row| Applied { number: row.get(0), name: row.get(1), checksum: row.get(2) };
    Ok(Some(rows.iter().map(applied).collect()))
}

/// The full schema at once, with every migration recorded.
pub(super) fn make(client: &mut Client, roads: &Roads, now: Timestamp) -> Result<(), StoreError> {
    in_transaction(client, |transaction| {
        transaction.batch_execute(roads.postgres)?;
        roads.migrations.iter().try_for_each(|migration| record(transaction, migration, now))
    })
}

/// The migrations, each in a transaction of its own.
pub(super) fn walk(client: &mut Client, lacking: &[Migration], now: Timestamp) -> Result<(), StoreError> {
    for migration in lacking {
        in_transaction(client, |transaction| {
            transaction.batch_execute(migration.postgres)?;
            record(transaction, migration, now)
        })?;
        tracing::info!(event = "store.migrated", number = migration.number, name = migration.name);
    }
    Ok(())
}

fn in_transaction(
    client: &mut Client,
    change: impl FnOnce(&mut Transaction<'_>) -> Result<(), postgres::Error>,
) -> Result<(), StoreError> {
    let failed = |error: postgres::Error| store_error(&error);
    let mut transaction = client.transaction().map_err(failed)?;
    change(&mut transaction).map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn record(transaction: &mut Transaction<'_>, migration: &Migration, now: Timestamp) -> Result<(), postgres::Error> {
    let checksum = checksum(migration.postgres);
    transaction.execute(RECORD_MIGRATION.text, &[&migration.number, &migration.name, &checksum, &now.0]).map(drop)
}
