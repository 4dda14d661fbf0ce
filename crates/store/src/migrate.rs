//! The schema over time: numbered folders, one text per engine, each applied once.
//!
//! A fresh database takes the full schema and records every migration as applied; an older
//! one walks those it lacks, after a copy of the file. A test walks both roads and compares
//! where they end. What was applied is recorded with a checksum: a migration is never
//! edited once it has been released. A database of a newer program is refused, as nobody
//! knows what this one would break in it.

pub(crate) mod postgres;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;

use crate::StoreError;
use crate::sql::statements;

statements! {
    /// Records migration `$1` as applied. By primary key.
    RECORD_MIGRATION = "INSERT INTO migration (number, name, checksum, applied_ms) VALUES ($1, $2, $3, $4)";
    /// What was applied. The whole table, which is as long as the list of migrations.
    APPLIED_MIGRATIONS = "SELECT number, name, checksum FROM migration ORDER BY number";
}

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// From 1, without gaps.
    pub number: i64,
    /// The folder's name after the number.
    pub name: &'static str,
    /// What it does on SQLite.
    pub sqlite: &'static str,
    /// What it does on PostgreSQL.
    pub postgres: &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal, $folder:literal) => {
        Migration {
            number: $number,
            name: $name,
            sqlite: include_str!(concat!("../migrations/", $folder, "/sqlite.sql")),
            postgres: include_str!(concat!("../migrations/", $folder, "/postgres.sql")),
        }
    };
}

/// Both roads to the present schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Roads {
    /// The short one on SQLite: everything at once.
    pub sqlite: &'static str,
    /// The short one on PostgreSQL.
    pub postgres: &'static str,
    /// The long one: every migration, in order.
    pub migrations: &'static [Migration],
}

/// Postern's own.
pub(crate) static ROADS: Roads = Roads {
    sqlite: include_str!("../schema/sqlite.sql"),
    postgres: include_str!("../schema/postgres.sql"),
    migrations: &[
        migration!(1, "foundation", "0001-foundation"),
        migration!(2, "seen", "0002-seen"),
        migration!(3, "token-ends", "0003-token-ends"),
        migration!(4, "partial-delivery", "0004-partial-delivery"),
        migration!(5, "credentials", "0005-credentials"),
        migration!(6, "known-networks", "0006-known-networks"),
        migration!(7, "sign-ins", "0007-sign-ins"),
        migration!(8, "credentials-by-people", "0008-credentials-by-people"),
        migration!(9, "queue", "0009-queue"),
        migration!(10, "at-limit", "0010-at-limit"),
        migration!(11, "seen-since", "0011-seen-since"),
        migration!(12, "mailbox-flags", "0012-mailbox-flags"),
        migration!(13, "quota-and-ids", "0013-quota-and-ids"),
        migration!(14, "in-file", "0014-in-file"),
    ],
};

/// A migration as a database recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    /// Its number.
    pub number: i64,
    /// Its name then.
    pub name: String,
    /// [`checksum`] of its text then.
    pub checksum: String,
}

/// What names a migration's text.
pub(crate) fn checksum(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The migrations that a database lacks, or why it can not be opened.
pub(crate) fn pending<'m>(
    known: &'m [Migration],
    text_of: fn(&Migration) -> &'static str,
    applied: &[Applied],
) -> Result<&'m [Migration], StoreError> {
    for (index, found) in applied.iter().enumerate() {
        let Some(expected) = known.get(index) else {
            return Err(StoreError::Unusable(format!(
                "The database was written by a newer Postern (its schema is {}, this program knows {}): start the \
                 newer one again, or restore the copy that was made before it",
                applied.len(),
                known.len()
            )));
        };
        if found.number != expected.number || found.checksum != checksum(text_of(expected)) {
            return Err(StoreError::Unusable(format!(
                "The database says that migration {:04}-{} was another one than {:04}-{} of this program: start the \
                 Postern that wrote it, or restore a copy",
                found.number, found.name, expected.number, expected.name
            )));
        }
    }
    Ok(&known[applied.len()..])
}

/// There are tables, and they are not ours.
fn foreign() -> StoreError {
    StoreError::Unusable(
        "The database holds tables that are not Postern's; name an empty one in [database] url".to_owned(),
    )
}
