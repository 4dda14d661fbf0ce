//! Bringing `postern.db` up to date.

use super::{APPLIED_MIGRATIONS, Applied, Migration, RECORD_MIGRATION, Roads, checksum, foreign, pending};
use crate::disk::file_error;
use crate::sql::dialect;
use crate::sql::sqlite::{is_failed_sync, store_error};
use crate::{Disk, StoreError};
use postern_types::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

/// Makes the schema, or migrates it after a copy of the file.
pub(crate) fn bring_up_to_date(
    connection: &mut Connection,
    path: &Path,
    disk: &dyn Disk,
    roads: &Roads,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(applied) = applied(connection)? else { return make(connection, roads, now) };
    let lacking = pending(roads.migrations, |migration| migration.sqlite, &applied)?;
    let Some(first) = lacking.first() else { return Ok(()) };
    copy_before(connection, path, disk, first.number)?;
    walk(connection, lacking, now)
}

/// What the database says was applied; `None` for an empty one.
pub(crate) fn applied(connection: &Connection) -> Result<Option<Vec<Applied>>, StoreError> {
    let count =
        |text: &str| connection.query_row(text, [], |row| row.get::<_, i64>(0)).map_err(|error| store_error(&error));
    if count("SELECT count(*) FROM sqlite_schema")? == 0 {
        return Ok(None);
    }
    if count("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'")? == 0 {
        return Err(foreign());
    }
    let read = || -> rusqlite::Result<Vec<Applied>> {
        let mut statement = connection.prepare(APPLIED_MIGRATIONS.text)?;
        let rows = statement
            .query_map([], |row| Ok(Applied { number: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? }))?;
        rows.collect()
    };
    read().map(Some).map_err(|error| store_error(&error))
}

/// The full schema at once, with every migration recorded.
pub(super) fn make(connection: &mut Connection, roads: &Roads, now: Timestamp) -> Result<(), StoreError> {
    in_transaction(connection, |transaction| {
        transaction.execute_batch(roads.sqlite)?;
        roads.migrations.iter().try_for_each(|migration| record(transaction, migration, now))
    })
}

/// The migrations, each in a transaction of its own. A table that is rebuilt loses its
/// rows for a moment, so references are checked at the end of each instead.
pub(super) fn walk(connection: &mut Connection, lacking: &[Migration], now: Timestamp) -> Result<(), StoreError> {
    let pragma = |connection: &Connection, text| connection.execute_batch(text).map_err(|error| store_error(&error));
    pragma(connection, "PRAGMA foreign_keys = OFF")?;
    for migration in lacking {
        in_transaction(connection, |transaction| {
            transaction.execute_batch(migration.sqlite)?;
            record(transaction, migration, now)
        })?;
        tracing::info!(event = "store.migrated", number = migration.number, name = migration.name);
    }
    pragma(connection, "PRAGMA foreign_keys = ON")
}

fn in_transaction(
    connection: &mut Connection,
    change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| store_error(&error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    change(&transaction).map_err(failed)?;
    let broken =
        transaction.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([])).map_err(failed)?;
    if broken {
        return Err(StoreError::Conflict("a migration would break a reference between rows".into()));
    }
    transaction.commit().map_err(failed)
}

fn record(transaction: &Transaction<'_>, migration: &Migration, now: Timestamp) -> rusqlite::Result<()> {
    let text = dialect::for_sqlite(RECORD_MIGRATION.text);
    let values = (migration.number, migration.name, checksum(migration.sqlite), now.0);
    transaction.execute(&text, values).map(drop)
}

/// Copies the database beside itself, durably and whole, before migration `number`. A copy
/// of an earlier attempt is replaced: that attempt changed nothing.
pub(super) fn copy_before(
    connection: &Connection,
    path: &Path,
    disk: &dyn Disk,
    number: i64,
) -> Result<PathBuf, StoreError> {
    let named = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".before-{number:04}{end}"));
        PathBuf::from(name)
    };
    let (copy, unfinished) = (named(""), named(".unfinished"));
    disk.remove(&unfinished).map_err(|error| file_error(&unfinished, error))?;
    let target =
        unfinished.to_str().ok_or_else(|| StoreError::Unusable("the data folder's name is not UTF-8".into()))?;
    // SQLite writes and syncs the copy as it does the database itself (synchronous FULL).
    connection.execute("VACUUM INTO ?1", [target]).map_err(|error| {
        if is_failed_sync(&error) {
            disk.fatal(&format!("copying {}: {error}", path.display()));
        }
        store_error(&error)
    })?;
    disk.rename(&unfinished, &copy).map_err(|error| file_error(&copy, error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    disk.sync_dir_or_die(folder).map_err(|error| file_error(folder, error))?;
    tracing::info!(event = "store.copied", copy = %copy.display(), "a copy of the database before it is migrated");
    Ok(copy)
}
