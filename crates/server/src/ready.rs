//! The ready-file: whoever started the server learns from it that every listener is open and
//! where, also when the system chose the ports.
//!
//! It appears whole or not at all, and one of an earlier run is gone before the first listener
//! opens: nobody reads yesterday's ports.

use postern_store::Disk;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Readable by all: it holds nothing secret.
const MODE: u32 = 0o644;

/// `--ready-file FILE`; it is removed when the server has drained.
pub struct ReadyFile<'a> {
    path: PathBuf,
    disk: &'a dyn Disk,
}

impl<'a> ReadyFile<'a> {
    /// Claims the name: a file of an earlier run is removed.
    pub fn claim(path: &Path, disk: &'a dyn Disk) -> io::Result<Self> {
        disk.remove(path)?;
        Ok(Self { path: path.to_owned(), disk })
    }

    /// Says that every listener is open.
    pub fn write(&self, listeners: &BTreeMap<String, String>) -> io::Result<()> {
        self.disk.replace_file_durably(&self.path, ready_text(listeners).as_bytes(), MODE)?;
        // The process may mask bits away from the files it makes.
        std::fs::set_permissions(&self.path, Permissions::from_mode(MODE))
    }
}

impl Drop for ReadyFile<'_> {
    fn drop(&mut self) {
        // A file that stays names a process that is gone, which its reader can see.
        let _ = self.disk.remove(&self.path);
    }
}

/// `{"pid":…,"listeners":{"imaps":"127.0.0.1:10993",…}}`.
pub fn ready_text(listeners: &BTreeMap<String, String>) -> String {
    let document = serde_json::json!({ "pid": std::process::id(), "listeners": listeners });
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_store::RealDisk;

    #[test]
    fn the_file_is_whole_new_and_gone_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ready.json");
        RealDisk.replace_file_durably(&path, b"yesterday", MODE).unwrap();

        let ready = ReadyFile::claim(&path, &RealDisk).unwrap();
        assert!(!path.exists(), "an earlier run is forgotten before the first listener opens");

        let listeners = BTreeMap::from([("imaps".to_owned(), "127.0.0.1:10993".to_owned())]);
        ready.write(&listeners).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(read["pid"], std::process::id());
        assert_eq!(read["listeners"]["imaps"], "127.0.0.1:10993");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no half-written file beside it");

        drop(ready);
        assert!(!path.exists());
    }
}
