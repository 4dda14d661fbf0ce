//! Large bodies as files: `blobs/aa/bb/<account>-<hash>`, made whole and durable before
//! they have their name. An object store can take their place behind [`BlobStore`].

use crate::disk::{DiskEntry, FileState, WriteFile, file_error, is_unfinished};
use crate::sql::BodyKey;
use crate::{Disk, StoreError};
use postern_types::{AccountId, BlobHash, Timestamp};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The disk's own failure, as Linux and others number it.
const EIO: i32 = 5;

/// Where large bodies are kept, in their stored form.
pub trait BlobStore: Send + Sync + 'static {
    /// Keeps a body, in the stored form that `write` writes, which is asked once at most; it is durable when this
    /// returns. One that is there is touched, and nothing is written.
    fn put(&self, key: BodyKey, now: Timestamp, write: &mut WriteFile<'_>) -> Result<(), StoreError>;
    /// The same in place of one that is there.
    fn replace(&self, key: BodyKey, now: Timestamp, write: &mut WriteFile<'_>) -> Result<(), StoreError>;
    /// The stored form, if it is there.
    fn get(&self, key: BodyKey) -> Result<Option<Vec<u8>>, StoreError>;
    /// Some of the stored form, less where that ends, if it is there.
    fn get_portion(&self, key: BodyKey, portion: Portion) -> Result<Option<Vec<u8>>, StoreError>;
    /// When the body was last touched, if it is there.
    fn touched(&self, key: BodyKey) -> Result<Option<Timestamp>, StoreError>;
    /// How its file stands, if it is there.
    fn state(&self, key: BodyKey) -> Result<Option<FileState>, StoreError>;
    /// Removes a body; one that is not there is no error.
    fn remove(&self, key: BodyKey) -> Result<(), StoreError>;
    /// Hands over what was untouched since `before`, piece by piece, and removes leftovers
    /// of crashes that old.
    fn walk_untouched(
        &self,
        before: Timestamp,
        each: &mut dyn FnMut(Vec<FoundBlob>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
    /// A file without a name for bytes that are not kept yet: what is in it is gone with it, and with the process.
    fn scratch(&self) -> Result<File, StoreError>;
}

/// Which bytes of a stored form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Portion {
    /// From there to there.
    Range(Range<u64>),
    /// So many at its end.
    Last(u64),
}

/// A body that a walk found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundBlob {
    /// Its name.
    pub key: BodyKey,
    /// Bytes of its stored form.
    pub stored_bytes: u64,
}

/// Large bodies in a folder of this machine.
pub struct FileBlobs {
    root: PathBuf,
    disk: Arc<dyn Disk>,
    /// Folders that this process has made durable: one that merely exists may have been
    /// made by a process that was killed before it could sync.
    durable: Mutex<HashSet<PathBuf>>,
}

impl FileBlobs {
    /// Bodies under this folder, which is made when it is first needed.
    pub fn new(root: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { root: root.to_owned(), disk, durable: Mutex::default() }
    }

    fn path(&self, key: BodyKey) -> PathBuf {
        let hash = key.hash.to_hex();
        self.root.join(&hash[..2]).join(&hash[2..4]).join(format!("{}-{hash}", key.account))
    }

    /// Makes a folder below the root durable, from the top down, once per process.
    fn make_durable(&self, folder: &Path) -> io::Result<()> {
        if self.durable.lock().unwrap_or_else(PoisonError::into_inner).contains(folder) {
            return Ok(());
        }
        if folder == self.root {
            self.disk.create_dir_all(folder)?;
        } else if let Some(parent) = folder.parent() {
            self.make_durable(parent)?;
            if !self.disk.exists(folder)? {
                self.disk.create_dir_all(folder)?;
            }
        }
        if let Some(parent) = folder.parent() {
            self.disk.sync_dir_or_die(parent)?;
        }
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned());
        Ok(())
    }

    fn put_file(&self, path: &Path, now: Timestamp, over: bool, write: &mut WriteFile<'_>) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        self.make_durable(folder)?;
        if !over && self.disk.exists(path)? {
            // Its bytes were synced before it had its name; the name perhaps was not.
            self.disk.touch(path, now)?;
            return self.disk.sync_dir_or_die(folder);
        }
        self.disk.replace_file_durably_by(path, crate::disk::PRIVATE_MODE, write)?;
        // House time, which collection goes by, is not always the wall's.
        self.disk.touch(path, now)
    }

    fn walk_folder(
        &self,
        folder: &Path,
        before: Timestamp,
        each: &mut dyn FnMut(Vec<FoundBlob>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut found = Vec::new();
        for entry in self.list(folder)? {
            if entry.is_dir || entry.changed >= before {
                continue;
            }
            if is_unfinished(&entry.name) {
                let path = folder.join(&entry.name);
                self.disk.remove(&path).map_err(|error| file_error(&path, error))?;
            } else if let Some(key) = key_of(&entry.name) {
                found.push(FoundBlob { key, stored_bytes: entry.len_bytes });
            }
        }
        if found.is_empty() { Ok(()) } else { each(found) }
    }

    fn list(&self, folder: &Path) -> Result<Vec<DiskEntry>, StoreError> {
        self.disk.list(folder).map_err(|error| file_error(folder, error))
    }
}

impl BlobStore for FileBlobs {
    fn put(&self, key: BodyKey, now: Timestamp, write: &mut WriteFile<'_>) -> Result<(), StoreError> {
        let path = self.path(key);
        self.put_file(&path, now, false, write).map_err(|error| file_error(&path, error))
    }

    fn replace(&self, key: BodyKey, now: Timestamp, write: &mut WriteFile<'_>) -> Result<(), StoreError> {
        let path = self.path(key);
        self.put_file(&path, now, true, write).map_err(|error| file_error(&path, error))
    }

    fn get(&self, key: BodyKey) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        self.disk.read(&path).map_err(|error| unreadable(&path, error))
    }

    fn get_portion(&self, key: BodyKey, portion: Portion) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(key);
        let read = match portion {
            Portion::Range(range) => self.disk.read_range(&path, range),
            Portion::Last(bytes) => self.disk.read_last(&path, bytes),
        };
        read.map_err(|error| unreadable(&path, error))
    }

    fn touched(&self, key: BodyKey) -> Result<Option<Timestamp>, StoreError> {
        let path = self.path(key);
        self.disk.changed(&path).map_err(|error| file_error(&path, error))
    }

    fn state(&self, key: BodyKey) -> Result<Option<FileState>, StoreError> {
        let path = self.path(key);
        self.disk.state(&path).map_err(|error| unreadable(&path, error))
    }

    fn remove(&self, key: BodyKey) -> Result<(), StoreError> {
        let path = self.path(key);
        self.disk.remove(&path).map_err(|error| file_error(&path, error))
    }

    fn walk_untouched(
        &self,
        before: Timestamp,
        each: &mut dyn FnMut(Vec<FoundBlob>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for first in self.list(&self.root)?.into_iter().filter(|entry| entry.is_dir) {
            let first = self.root.join(first.name);
            for second in self.list(&first)?.into_iter().filter(|entry| entry.is_dir) {
                self.walk_folder(&first.join(second.name), before, each)?;
            }
        }
        Ok(())
    }

    fn scratch(&self) -> Result<File, StoreError> {
        let made = self.disk.create_dir_all(&self.root).and_then(|()| tempfile::tempfile_in(&self.root));
        made.map_err(|error| file_error(&self.root, error))
    }
}

/// A file that the disk can not read back is lost, and others are not.
fn unreadable(path: &Path, error: io::Error) -> StoreError {
    match error.raw_os_error() {
        Some(EIO) => StoreError::Body(format!("{}: {error}", path.display())),
        _ => file_error(path, error),
    }
}

/// The body that a file name names; `None` for a file that is not ours.
fn key_of(name: &str) -> Option<BodyKey> {
    let (account, hash) = name.split_once('-')?;
    let account = AccountId::new(account.parse().ok()?).ok()?;
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hash[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(BodyKey { account, hash: BlobHash(bytes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sector that can not be read back is damage of one body; what else fails says nothing about it.
    #[test]
    fn a_file_that_the_disk_can_not_read_is_damaged() {
        let failed = |number| unreadable(Path::new("body"), io::Error::from_raw_os_error(number));
        assert!(matches!(failed(EIO), StoreError::Body(text) if text.starts_with("body: ")));
        let denied = 13;
        assert!(matches!(failed(denied), StoreError::File(_)));
    }

    #[test]
    fn a_file_name_names_its_body_and_nothing_else_does() {
        let key = BodyKey { account: AccountId::new(42).unwrap(), hash: BlobHash([0xA5; 32]) };
        let name = format!("42-{}", key.hash.to_hex());
        assert_eq!(key_of(&name), Some(key));
        for foreign in ["", "42", "42-", "0-a5", "x-a5", &name[..name.len() - 1], "lost+found", ".new-1-2-3"] {
            assert_eq!(key_of(foreign), None, "{foreign}");
        }
    }
}
