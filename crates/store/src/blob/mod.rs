//! Bodies: hashed, compressed and, if they are large, written **before** the transaction
//! that stores the rows naming them. Nothing here runs on the writer.
//!
//! A body is named by its account and a keyed hash of its bytes: accounts share nothing,
//! and whoever reads a disk learns from a hash neither what a body says nor whether it
//! equals one they have. Small ones go with the transaction (`Bodies`), large ones are
//! files of their own ([`BlobStore`]), durable before their rows.

mod apart;
mod codec;
pub(crate) mod collect;
mod damaged;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod reserve;
#[cfg(test)]
mod tests;

pub use collect::Collected;
pub use files::{BlobStore, FileBlobs, FoundBlob, Portion};

use crate::disk::WriteFile;
use crate::sql::BodyKey;
use crate::{Disk, ObjectNames, StoreError};
use codec::{Codec, part};
use damaged::Damaged;
use postern_types::{AccountId, BlobHash, Limits, Timestamp};
use reserve::{Reservation, Reservations};
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a file that are in memory while it is copied.
const COPIED_AT_ONCE: u64 = 1 << 20;

/// How bodies are kept.
#[derive(Clone)]
pub struct BlobOptions {
    /// Key of the hash that names bodies, from the data folder's keys. With another key,
    /// every body is a new one.
    pub hash_key: [u8; 32],
    /// Bodies whose stored form is at least this long, in bytes, are files of their own.
    pub inline_body_bytes: usize,
}

impl BlobOptions {
    /// With the limit of the house.
    pub fn new(hash_key: [u8; 32], limits: &Limits) -> Self {
        Self { hash_key, inline_body_bytes: limits.inline_body_bytes }
    }
}

impl fmt::Debug for BlobOptions {
    /// Leaves the key out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobOptions").field("inline_body_bytes", &self.inline_body_bytes).finish_non_exhaustive()
    }
}

/// Where a prepared body is, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To be kept with the transaction: its stored form.
    Inline(Arc<[u8]>),
    /// In a file of its own, durable already.
    File,
}

/// A body that a transaction may name. While this or a clone of it is held, collection
/// leaves the body alone: hold it until the transaction has committed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Its name.
    pub key: BodyKey,
    /// Bytes of the body itself.
    pub size: u64,
    /// Bytes of its stored form.
    pub stored_bytes: u64,
    /// Where it is.
    pub place: Place,
    /// Whether one that is there beside the rows is damaged, and this one is kept in its place.
    pub anew: bool,
    _reservation: Option<Arc<Reservation>>,
}

/// The stored form of a body, as a read found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored<'a> {
    /// From beside the rows.
    Inline(&'a [u8]),
    /// In a file of its own, not yet read.
    File,
}

/// Prepares, loads and collects bodies. Clones share everything.
#[derive(Clone)]
pub struct Blobs {
    hash_key: [u8; 32],
    inline_body_bytes: usize,
    codec: Arc<Codec>,
    files: Arc<dyn BlobStore>,
    reservations: Arc<Reservations>,
    damaged: Arc<Damaged>,
}

impl Blobs {
    /// Bodies whose large ones lie in `folder`.
    pub fn in_folder(folder: &Path, options: &BlobOptions, disk: Arc<dyn Disk>) -> Self {
        Self::new(options, Arc::new(FileBlobs::new(folder, disk)))
    }

    /// A file without a name for bytes that are not kept yet; gone with its handle.
    pub fn scratch(&self) -> Result<std::fs::File, StoreError> {
        self.files.scratch()
    }

    /// Bodies whose large ones lie in this store.
    pub fn new(options: &BlobOptions, files: Arc<dyn BlobStore>) -> Self {
        Self {
            hash_key: options.hash_key,
            inline_body_bytes: options.inline_body_bytes,
            codec: Arc::default(),
            files,
            reservations: Arc::default(),
            damaged: Arc::default(),
        }
    }

    /// Hashes and compresses a body, and makes a large one durable. Call it outside of
    /// transactions, on a thread that may block.
    pub fn prepare(&self, account: AccountId, raw: &[u8], now: Timestamp) -> Result<Prepared, StoreError> {
        let (key, size) = (BodyKey { account, hash: self.hash(raw) }, raw.len() as u64);
        let mut packing = self.codec.packing(raw)?;
        let anew = self.damaged.knows(key);
        let mut begun = Vec::new();
        while begun.len() < self.inline_body_bytes {
            if !packing.next(&mut begun)? {
                let stored_bytes = begun.len() as u64;
                return Ok(Prepared {
                    key,
                    size,
                    stored_bytes,
                    place: Place::Inline(begun.into()),
                    anew,
                    _reservation: None,
                });
            }
        }
        // Before the file is looked for: from here on collection leaves it alone.
        let reservation = self.reservations.reserve(key);
        let mut stored_bytes = begun.len() as u64;
        self.write_file(key, now, &mut |file| {
            file.write(&begun)?;
            begun.clear();
            // No more of it is in memory than a piece.
            while packing.next(&mut begun).map_err(io::Error::other)? {
                file.write(&begun)?;
                stored_bytes += begun.len() as u64;
                begun.clear();
            }
            Ok(())
        })?;
        // One that was there already was not written again.
        begun.clear();
        while packing.next(&mut begun)? {
            stored_bytes += begun.len() as u64;
            begun.clear();
        }
        let _reservation = Some(Arc::new(reservation));
        Ok(Prepared { key, size, stored_bytes, place: Place::File, anew: false, _reservation })
    }

    /// Keeps a body in a file of its own; in place of one that is known to be damaged.
    fn write_file(&self, key: BodyKey, now: Timestamp, write: &mut WriteFile<'_>) -> Result<(), StoreError> {
        match self.damaged.knows(key) {
            true => self.files.replace(key, now, write)?,
            false => self.files.put(key, now, write)?,
        }
        self.damaged.forget(key);
        Ok(())
    }

    /// The same body for another account: hashed and compressed once, kept apart, for
    /// accounts share nothing.
    pub fn prepare_again(&self, first: &Prepared, account: AccountId, now: Timestamp) -> Result<Prepared, StoreError> {
        let key = BodyKey { account, hash: first.key.hash };
        let mut again = Prepared { key, anew: self.damaged.knows(key), _reservation: None, ..first.clone() };
        if first.place == Place::File {
            // The one that is copied is wanted as well, until it is.
            let _source = self.reservations.reserve(first.key);
            let reservation = self.reservations.reserve(key);
            self.copy(first.key, key, now)?;
            again._reservation = Some(Arc::new(reservation));
        }
        Ok(again)
    }

    /// Copies a file, some of it at a time; none that is known to be damaged.
    fn copy(&self, from: BodyKey, to: BodyKey, now: Timestamp) -> Result<(), StoreError> {
        self.is_there(from, Stored::File)?;
        let mut unread = None;
        let copied = self.write_file(to, now, &mut |file| {
            let mut at = 0;
            loop {
                let portion = || Portion::Range(at..at + COPIED_AT_ONCE);
                let some = self.noting(from, Stored::File, || self.files.get_portion(from, portion()));
                let some = some.and_then(|some| some.ok_or_else(|| no_file(from))).map_err(|error| {
                    let text = error.to_string();
                    unread = Some(error);
                    io::Error::other(text)
                })?;
                file.write(&some)?;
                at += some.len() as u64;
                if (some.len() as u64) < COPIED_AT_ONCE {
                    return Ok(());
                }
            }
        });
        // Of one that can not be read, that is the cause, and not that its copy could not be written.
        copied.map_err(|error| unread.unwrap_or(error))
    }

    /// A file of its own for another account that is about to name this body. Hold the
    /// answer until the transaction has committed.
    pub fn copy_file(
        &self,
        from: BodyKey,
        size: u64,
        account: AccountId,
        now: Timestamp,
    ) -> Result<Prepared, StoreError> {
        let first = Prepared { key: from, size, stored_bytes: 0, place: Place::File, anew: false, _reservation: None };
        self.prepare_again(&first, account, now)
    }

    /// The body of `size` bytes whose stored form a read found. Whatever the stored form
    /// says of itself, never more than that is unpacked.
    pub fn load(&self, key: BodyKey, size: u64, stored: Stored<'_>) -> Result<Vec<u8>, StoreError> {
        let mut raw = Vec::new();
        self.append(key, size, stored, &mut raw)?;
        Ok(raw)
    }

    /// The same behind what is in `out` already. Where it fails, `out` has some of it.
    pub fn append(&self, key: BodyKey, size: u64, stored: Stored<'_>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let begin = out.len();
        self.noting(key, stored, || {
            out.truncate(begin);
            match stored {
                Stored::Inline(stored) => self.codec.decode(stored, size, out),
                Stored::File => self.codec.decode(&self.files.get(key)?.ok_or_else(|| no_file(key))?, size, out),
            }
        })
    }

    /// A range of it; what of the range lies beyond its end is left out. A long body is read
    /// and unpacked in pieces, so the rest of it costs nothing.
    pub fn load_range(
        &self,
        key: BodyKey,
        size: u64,
        stored: Stored<'_>,
        range: Range<u64>,
    ) -> Result<Vec<u8>, StoreError> {
        let read = |portion: Portion| match stored {
            Stored::Inline(stored) => Ok(part(stored, portion).into()),
            Stored::File => self.files.get_portion(key, portion)?.map(Into::into).ok_or_else(|| no_file(key)),
        };
        self.noting(key, stored, || {
            let mut raw = Vec::new();
            self.codec.decode_range(&read, size, range.clone(), &mut raw)?;
            Ok(raw)
        })
    }

    /// Whether these bytes are the body of that name.
    pub fn verify(&self, key: BodyKey, raw: &[u8]) -> bool {
        self.hash(raw) == key.hash
    }

    /// What mailboxes, messages and threads are called outside, by a key made from that of the hash: both are
    /// the house's for good.
    pub fn object_names(&self) -> ObjectNames {
        ObjectNames::new(blake3::derive_key("postern object ids", &self.hash_key))
    }

    /// The keyed hash that names these bytes.
    pub fn hash(&self, raw: &[u8]) -> BlobHash {
        BlobHash(*blake3::keyed_hash(&self.hash_key, raw).as_bytes())
    }
}

fn no_file(key: BodyKey) -> StoreError {
    StoreError::Body(format!("the body {:?} has no file", key.hash))
}
