//! Every SQL statement, both engines, blobs, the change log, and the gate.
//!
//! Nothing outside this crate can reach mail but through [`Access`] and [`Authority`],
//! and only the gate makes those (docs/design.md laws 1 and 5).

mod blob;
mod clock;
mod db;
mod disk;
mod error;
/// For the fuzz targets alone (`cargo xtask fuzz`): what reads stored bytes, which nobody outside may otherwise call.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::blob::fuzzing::*;
    pub use crate::gate::fuzzing::*;
}
mod gate;
mod lock;
mod migrate;
mod object_names;
mod peek;
mod reserve;
mod snapshot;
mod sql;
mod statements;
mod tx;

pub use blob::{BlobOptions, BlobStore, Blobs, Collected, FileBlobs, FoundBlob, Place, Prepared, Stored as StoredForm};
pub use clock::{Clock, HouseClock, ManualClock, SystemClock};
pub use db::{CommitListener, Counters as DbCounters, DatabaseUrl, Db, DbOptions, Latencies};
pub use disk::{Disk, DiskEntry, DiskFile, FileState, RealDisk, file_error, is_unfinished};
pub use error::StoreError;
pub use gate::*;
pub use lock::DataLock;
pub use object_names::{NotOurs, ObjectId, ObjectNames};
pub use peek::{Peek, peek};
pub use reserve::RESERVE_FILE;
pub use snapshot::{Difference, Shown, Snapshot};
pub use sql::{BodyKey, Row};
pub use tx::{Notice, Tx};

/// The number of the schema that this program knows: an open database has it.
pub fn schema_version() -> u64 {
    migrate::ROADS.migrations.len() as u64
}

/// Names the schema of PostgreSQL: equal texts have equal names. For tests, which keep one
/// template database per schema.
pub fn schema_fingerprint() -> String {
    blake3::hash(include_bytes!("../schema/postgres.sql")).to_hex()[..16].to_owned()
}
