//! `DIR/keys`: the keys of the house, one file each, outside the database.
//!
//! `blob.key` names bodies; `credential-1.key` and those after it check machine secrets. Each is 32
//! random bytes and nothing else, for its owner alone, durable before anything rests on it.

mod export;
mod tar;

pub use export::{ExportError, Exported, export_keys};

use crate::house::HouseError;
use postern_app::{KEY_BYTES, KeptKey, KeyVault};
use postern_store::Disk;
use postern_types::Secret;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the files of keys end with.
const ENDING: &str = ".key";
/// What the files of keys for machine secrets begin with.
const CREDENTIAL: &str = "credential-";

/// The folder of a house's keys.
pub(crate) fn keys_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("keys")
}

/// The keys for machine secrets in the folder.
pub(crate) struct KeyFolder {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

impl KeyFolder {
    pub fn new(data_dir: &Path, disk: Arc<dyn Disk>) -> Self {
        Self { folder: keys_folder(data_dir), disk }
    }

    /// Every key with its name. A file that is none is not passed over: what rests on it could
    /// not be checked, and nobody would know why.
    pub fn load(&self) -> Result<Vec<(String, Secret)>, HouseError> {
        let failed = |path: &Path, reason: String| HouseError::CredentialKey { path: path.to_owned(), reason };
        let kept = self.kept().map_err(|error| failed(&self.folder, error.to_string()))?;
        let mut keys = Vec::with_capacity(kept.len());
        for KeptKey { name, .. } in kept {
            let path = self.path(&name);
            let bytes = self.disk.read(&path).map_err(|error| failed(&path, error.to_string()))?;
            let key = Secret::new(bytes.unwrap_or_default());
            if key.expose().len() != KEY_BYTES {
                return Err(failed(&path, format!("a key has {KEY_BYTES} bytes")));
            }
            keys.push((name, key));
        }
        Ok(keys)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}{ENDING}"))
    }
}

impl KeyVault for KeyFolder {
    fn kept(&self) -> io::Result<Vec<KeptKey>> {
        let named = self.disk.list(&self.folder)?.into_iter().filter(|entry| !entry.is_dir).filter_map(|entry| {
            let name = entry.name.strip_suffix(ENDING)?;
            let number = name.strip_prefix(CREDENTIAL)?;
            // Others are somebody's copies, such as credential-1-old.key.
            let is_ours = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
            (is_ours && !number.is_empty()).then(|| KeptKey { name: name.to_owned(), since: entry.changed })
        });
        Ok(named.collect())
    }

    fn keep(&self, name: &str, key: &Secret) -> io::Result<()> {
        self.disk.write_new_file_durably(&self.path(name), key.expose())
    }

    fn discard(&self, name: &str) -> io::Result<()> {
        self.disk.remove(&self.path(name))?;
        self.disk.sync_dir(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_store::RealDisk;
    use std::os::unix::fs::PermissionsExt;

    fn folder() -> (tempfile::TempDir, KeyFolder) {
        let house = tempfile::tempdir().unwrap();
        std::fs::create_dir(house.path().join("keys")).unwrap();
        let keys = KeyFolder::new(house.path(), Arc::new(RealDisk));
        (house, keys)
    }

    #[test]
    fn a_key_is_kept_private_is_found_again_and_never_replaced() {
        let (house, keys) = folder();
        assert!(keys.load().unwrap().is_empty());
        keys.keep("credential-1", &Secret::new([7; 32])).unwrap();
        let file = house.path().join("keys/credential-1.key");
        assert_eq!(std::fs::read(&file).unwrap(), [7; 32]);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let refusal = keys.keep("credential-1", &Secret::new([8; 32])).unwrap_err();
        assert_eq!(refusal.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(keys.load().unwrap(), [("credential-1".to_owned(), Secret::new([7; 32]))]);
        keys.discard("credential-1").unwrap();
        keys.discard("credential-1").unwrap();
        assert!(keys.kept().unwrap().is_empty());
    }

    #[test]
    fn other_files_are_left_alone_and_a_cut_one_is_told() {
        let (house, keys) = folder();
        let put = |name: &str, bytes: &[u8]| {
            RealDisk.write_new_file_durably(&house.path().join("keys").join(name), bytes).unwrap();
        };
        for name in ["blob.key", "credential-01.key", "credential-1-old.key", "credential-.key", "credential-1"] {
            put(name, b"another thing");
        }
        assert!(keys.load().unwrap().is_empty());
        put("credential-1.key", &[1; 31]);
        let refusal = keys.load().unwrap_err().to_string();
        assert!(refusal.contains("credential-1.key: a key has 32 bytes\nNext step: bring"), "{refusal}");
        assert!(refusal.contains("move it away"), "{refusal}");
    }
}
