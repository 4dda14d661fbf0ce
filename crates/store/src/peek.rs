//! A look at a database that nobody has open, for whoever asks after the health of a house.
//!
//! It is opened as a file that does not change: SQLite then takes no lock and makes no `-shm` or
//! `-wal` file beside it, which another user than the house's would leave there as theirs. That
//! is right only where no `-wal` file lies: a server that runs, or was killed, has one, and what is in
//! it would be missed.

use crate::StoreError;
use crate::clock::CLOCK_HIGH;
use crate::migrate::{ROADS, pending, sqlite};
use postern_types::Timestamp;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// What is known of a database from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peek {
    /// How many migrations this program would bring it.
    pub lacking: usize,
    /// House time as it was last kept; none in one that was never founded.
    pub clock_high: Option<Timestamp>,
}

/// Looks at `postern.db` of a data folder. `None` where there is none, or where it is open or was not closed. Fails
/// where this program could not open it, with the text that its server would end with.
pub fn peek(data_dir: &Path) -> Result<Option<Peek>, StoreError> {
    let path = data_dir.join("postern.db");
    if !path.exists() || data_dir.join("postern.db-wal").exists() {
        return Ok(None);
    }
    let failed = |error: rusqlite::Error| sqlite_error(&error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(unchanging(&path)?, flags).map_err(failed)?;
    let applied = sqlite::applied(&connection)?.unwrap_or_default();
    let lacking = pending(ROADS.migrations, |migration| migration.sqlite, &applied)?.len();
    let clock_high = connection.query_row(CLOCK_HIGH.text, [], |row| row.get(0)).map(Timestamp).ok();
    Ok(Some(Peek { lacking, clock_high }))
}

fn sqlite_error(error: &rusqlite::Error) -> StoreError {
    crate::sql::sqlite::store_error(error)
}

/// The path as a URI of SQLite, each byte that could mean something else escaped.
fn unchanging(path: &Path) -> Result<String, StoreError> {
    let path = path.to_str().ok_or_else(|| StoreError::Unusable("the data folder's name is not UTF-8".into()))?;
    let escaped = path.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    Ok(format!("file:{}?immutable=1", escaped.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DatabaseUrl, Db, DbOptions, ManualClock, RealDisk};
    use std::sync::Arc;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn a_closed_database_is_looked_at_and_nothing_is_left_beside_it() {
        let parent = tempfile::tempdir().unwrap();
        // A name that would end a URI.
        let folder = parent.path().join("house #1?mode=rw%");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(peek(&folder).unwrap(), None, "there is none");

        let options = DbOptions::new(&folder, DatabaseUrl::Sqlite);
        let db = Db::open(options, Arc::new(RealDisk), Arc::new(ManualClock::new(Timestamp(1)))).unwrap();
        assert_eq!(peek(&folder).unwrap(), None, "it is open, and its -wal file would be missed");
        db.close().await;

        let before = names(&folder);
        assert_eq!(peek(&folder).unwrap().unwrap().lacking, 0);
        assert_eq!(names(&folder), before);
    }

    #[test]
    fn a_newer_database_is_told_as_its_server_would() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("postern.db")).unwrap();
        let text = "CREATE TABLE migration (number, name, checksum); INSERT INTO migration VALUES (1, 'other', 'x')";
        connection.execute_batch(text).unwrap();
        connection.close().unwrap();
        let refusal = peek(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("migration 0001-other was another one"), "{refusal}");
    }
}
