//! SQLite: one writer thread with group commit, a pool of readers, checkpoints of their own.
//!
//! | Pragma | `postern.db` | `bodies.db` | Why |
//! | --- | --- | --- | --- |
//! | `journal_mode` | WAL | WAL | readers never wait for the writer |
//! | `synchronous` | FULL | FULL | each COMMIT returns after the log is synced (law 3) |
//! | `wal_autocheckpoint` | 0 | 0 | checkpoints run on a thread of their own |
//! | `foreign_keys` | ON | - | the schema's promises hold |
//! | `page_size` | 4096 | 8192 | many small rows; bodies of a few KiB |
//! | `temp_store` | MEMORY | MEMORY | no file that the disk seam has not seen |
//! | `mmap_size` | readers only | 0 | hot rows without a copy; bodies are read once |
//!
//! The files are made by SQLite and their names are synced once at open.

pub(super) mod bodies;
mod checkpoint;
mod readers;
mod session;
#[cfg(test)]
mod tests;
mod writer;

use crate::db::{DbOptions, Engine, Shared};
use crate::disk::file_error;
use crate::{Disk, StoreError, clock, migrate};
pub(crate) use bodies::{after_values, key_of, key_values};
use postern_types::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The main database's file name in the data folder.
const MAIN_FILE: &str = "postern.db";
/// The file of small bodies.
const BODIES_FILE: &str = "bodies.db";
/// How long a connection waits for a lock of another one of this process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Page cache of the connection that writes rows, in KiB.
const WRITER_CACHE_KIB: usize = 16 << 10;
/// Page cache of the connection that writes bodies, in KiB.
const BODY_WRITER_CACHE_KIB: usize = 4 << 10;
/// Page cache of each reader of rows, in KiB; most of its pages come from the mapping.
const READER_CACHE_KIB: usize = 2 << 10;
/// Page cache of each reader of bodies, in KiB.
const BODY_READER_CACHE_KIB: usize = 512;
/// Page cache of each connection that makes checkpoints, in KiB.
const CHECKPOINT_CACHE_KIB: usize = 128;
/// Most bytes of `postern.db` mapped by a reader: the kernel's page cache, not ours, though
/// it counts as resident. A reader's own cache is emptied by each commit it sees.
const READER_MAP_BYTES: usize = 64 << 20;
/// A log file longer than this is cut when it starts over, in bytes.
const LOG_KEPT_BYTES: usize = 64 << 20;

/// Opens both files, makes or migrates the schema, and starts the threads.
pub(crate) fn open(options: &DbOptions, shared: &Arc<Shared>) -> Result<Engine, StoreError> {
    let disk = shared.disk.as_ref();
    let folder = &options.data_dir;
    disk.create_dir_all(folder).map_err(|error| file_error(folder, error))?;
    let (main_path, bodies_path) = (folder.join(MAIN_FILE), folder.join(BODIES_FILE));

    let mut main = Connection::writer(disk, &main_path, 4096, WRITER_CACHE_KIB)?;
    migrate::sqlite::bring_up_to_date(&mut main, &main_path, disk, &migrate::ROADS, shared.clock.now())?;
    keep_high_water(&main, shared)?;
    let mut bodies = Connection::writer(disk, &bodies_path, 8192, BODY_WRITER_CACHE_KIB)?;
    bodies::make_schema(&bodies)?;
    disk.sync_dir_or_die(folder).map_err(|error| file_error(folder, error))?;

    let mut engine = Engine::default();
    let readers = options.readers.max(1);
    for number in 1..=readers {
        let main = Connection::reader(disk, &main_path, READER_CACHE_KIB, READER_MAP_BYTES)?;
        let bodies = Connection::reader(disk, &bodies_path, BODY_READER_CACHE_KIB, 0)?;
        let shared = shared.clone();
        engine.spawn(format!("reader-{number}"), move || readers::serve(&shared, &main, &bodies))?;
    }
    let logs = Arc::new(checkpoint::Logs::default());
    let files = [(&main_path, 4096), (&bodies_path, 8192)]
        .map(|(path, page)| Connection::writer(disk, path, page, CHECKPOINT_CACHE_KIB));
    let [main_file, bodies_file] = files;
    let (main_file, bodies_file) = (main_file?, bodies_file?);
    logs.watch(&mut main, &mut bodies)?;
    let (checkpointer, stop) = (logs.clone(), logs.clone());
    let (for_checkpoints, for_writer) = (shared.clone(), shared.clone());
    engine.spawn_last(
        "checkpoint".into(),
        move || stop.stop(),
        move || checkpoint::serve(&for_checkpoints, &checkpointer, [&main_file, &bodies_file]),
    )?;
    engine.spawn("writer".into(), move || writer::serve(&for_writer, &logs, &main, &bodies))?;
    let cache_kib = WRITER_CACHE_KIB
        + BODY_WRITER_CACHE_KIB
        + 2 * CHECKPOINT_CACHE_KIB
        + readers * (READER_CACHE_KIB + BODY_READER_CACHE_KIB);
    engine.cache_limit_bytes = cache_kib << 10;
    Ok(engine)
}

/// House time does not go back over a restart (docs/design.md section 5).
fn keep_high_water(main: &Connection, shared: &Shared) -> Result<(), StoreError> {
    let high = main.query_row(clock::CLOCK_HIGH.text, [], |row| row.get(0));
    match high {
        Ok(high) => shared.clock.has_kept(Timestamp(high)),
        // Not yet a house: its row comes with `init`.
        Err(rusqlite::Error::QueryReturnedNoRows) => {}
        Err(error) => return Err(store_error(&error)),
    }
    Ok(())
}

/// How each kind of connection is opened.
pub(crate) trait Open: Sized {
    /// Reads and writes; makes the file if it is not there.
    fn writer(disk: &dyn Disk, path: &Path, page_bytes: usize, cache_kib: usize) -> Result<Self, StoreError>;
    /// Only reads.
    fn reader(disk: &dyn Disk, path: &Path, cache_kib: usize, map_bytes: usize) -> Result<Self, StoreError>;
}

impl Open for Connection {
    fn writer(disk: &dyn Disk, path: &Path, page_bytes: usize, cache_kib: usize) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(disk, path, flags)?;
        set_up(
            &connection,
            &format!(
                "PRAGMA page_size = {page_bytes};
                 PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA foreign_keys = ON;
                 PRAGMA wal_autocheckpoint = 0;
                 PRAGMA journal_size_limit = {LOG_KEPT_BYTES};
                 PRAGMA mmap_size = 0;
                 PRAGMA cache_size = -{cache_kib};"
            ),
            path,
        )?;
        // A file system without shared memory leaves another mode; readers would wait.
        let mode: String =
            connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).map_err(|error| store_error(&error))?;
        if mode != "wal" {
            return Err(StoreError::Unusable(format!(
                "{} can not use a write-ahead log; move the data folder to a local file system",
                path.display()
            )));
        }
        Ok(connection)
    }

    fn reader(disk: &dyn Disk, path: &Path, cache_kib: usize, map_bytes: usize) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(disk, path, flags)?;
        let pragmas =
            format!("PRAGMA mmap_size = {map_bytes}; PRAGMA cache_size = -{cache_kib}; PRAGMA query_only = ON;");
        set_up(&connection, &pragmas, path)?;
        Ok(connection)
    }
}

fn connect(disk: &dyn Disk, path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let opened = match disk.sqlite_vfs() {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs.as_str()),
        None => Connection::open_with_flags(path, flags),
    };
    let connection = opened.map_err(|error| at(path, &error))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|error| at(path, &error))?;
    Ok(connection)
}

fn set_up(connection: &Connection, pragmas: &str, path: &Path) -> Result<(), StoreError> {
    // Else SQLite plans a statement anew whenever its LIMIT is another number than the last time.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|error| at(path, &error))?;
    connection
        .execute_batch(&format!("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; {pragmas}"))
        .map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &rusqlite::Error) -> StoreError {
    match store_error(error) {
        StoreError::Engine(text) => StoreError::Engine(format!("{}: {text}", path.display())),
        StoreError::Damaged(text) => StoreError::Damaged(format!("{}: {text}", path.display())),
        other => other,
    }
}

/// What an error of SQLite means to the house.
pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => StoreError::Conflict(text),
        Some(ErrorCode::DiskFull) => StoreError::DiskFull(text),
        Some(ErrorCode::SystemIoFailure) if is_unreadable(error) => StoreError::Damaged(text),
        Some(
            ErrorCode::SystemIoFailure
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseBusy
            | ErrorCode::OperationInterrupted,
        ) => StoreError::Lost(text),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Damaged(text),
        Some(ErrorCode::ReadOnly) => StoreError::ReadOnly,
        _ => StoreError::Engine(text),
    }
}

/// Whether a page can not be read back: a bad sector, or a file that ends before its pages do.
fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_CORRUPTFS, SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ};
    let unreadable = [SQLITE_IOERR_READ, SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_CORRUPTFS];
    error.sqlite_error().is_some_and(|error| unreadable.contains(&error.extended_code))
}

/// Whether a sync failed. What was to be synced may be gone, and a second sync would not
/// say so.
pub(crate) fn is_failed_sync(error: &rusqlite::Error) -> bool {
    use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};
    error.sqlite_error().is_some_and(|error| matches!(error.extended_code, SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

/// Whether a COMMIT failed in a way that leaves its outcome to the disk.
fn is_failed_commit(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}
