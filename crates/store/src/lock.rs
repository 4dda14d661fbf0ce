//! One process per data folder: two writers would each believe their own counters.
//!
//! The lock is the kernel's (flock), so it ends with the process however it ends. The file
//! `lock` itself is no durable state and is written beside the [`Disk`](crate::Disk) seam.

use crate::StoreError;
use crate::disk::file_error;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Holding this is holding the data folder.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the data folder for this process, or says which process has it.
    pub fn acquire(data_dir: &Path) -> Result<Self, StoreError> {
        let path = data_dir.join("lock");
        let failed = |error| file_error(&path, error);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(crate::disk::PRIVATE_MODE)
            .open(&path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(in_use(data_dir, &mut file)),
            Err(error) => return Err(failed(error.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

fn in_use(data_dir: &Path, file: &mut File) -> StoreError {
    let mut text = String::new();
    // The holder may be just about to write its number; the refusal stands without it.
    let _ = file.take(32).read_to_string(&mut text);
    let holder = match text.trim() {
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    StoreError::Unusable(format!(
        "The data folder {} is in use by {holder}\nNext step: stop it first, or ask the running server through its admin.sock",
        data_dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataLock::acquire(folder.path()).unwrap();
        let refusal = DataLock::acquire(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        assert!(refusal.contains("Next step: stop it first"), "{refusal}");
        drop(first);
        DataLock::acquire(folder.path()).unwrap();
    }
}
