//! What can go wrong below the gate. Causes are for the log, never for a peer.

/// A storage failure. None of these says what anybody may see.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database engine refused or failed; the text is the engine's own.
    #[error("database: {0}")]
    Engine(String),
    /// The whole transaction is lost (full disk, I/O error, serialisation failure, lost
    /// connection): the job did nothing and may be run again.
    #[error("transaction lost: {0}")]
    Lost(String),
    /// The same for want of room on the disk.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// A rule of the schema was broken: a name that is taken, a row that must exist.
    #[error("conflict: {0}")]
    Conflict(String),
    /// A stored value is not what its column promises.
    #[error("damaged row: {0}")]
    Damaged(String),
    /// The body of one message is lost, or not what its form says. Others can be read.
    #[error("{0}")]
    Body(String),
    /// A file operation failed.
    #[error("file: {0}")]
    File(String),
    /// A write was asked of a read transaction.
    #[error("a read transaction can not write")]
    ReadOnly,
    /// The job panicked; its changes are undone.
    #[error("a write job panicked")]
    Panicked,
    /// The store is shutting down.
    #[error("the store is closing")]
    Closing,
    /// The data folder is in use, is not a house, or comes from a newer version.
    #[error("{0}")]
    Unusable(String),
}

impl From<postern_types::IdError> for StoreError {
    fn from(error: postern_types::IdError) -> Self {
        StoreError::Damaged(error.to_string())
    }
}
