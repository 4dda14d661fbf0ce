//! What is kept of an authority, in a folder of its own: the account, the certificate with its key, and how
//! the last attempt went.
//!
//! The folder is its owner's alone, and each file is replaced as a whole. A certificate and its key are
//! one file, so there is no moment at which they do not fit.

use super::due::{HOUR_MS, LONGEST_WISH_MS};
use super::refusal::Refusal;
use crate::config::Acme;
use instant_acme::AccountCredentials;
use postern_store::Disk;
use postern_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FOLDER_MODE: u32 = 0o700;
const MODE: u32 = 0o600;
const ACCOUNT: &str = "account.json";
const ATTEMPTS: &str = "attempts.json";

/// How it went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Attempts {
    /// When the authority was asked last, in milliseconds.
    pub last_ms: Option<i64>,
    /// Why in vain; nothing where it gave a certificate.
    pub refusal: Option<Refusal>,
    /// How often in a row in vain.
    pub refusals: u32,
    /// Before this it is not asked by itself.
    pub not_before_ms: i64,
    /// What it was asked for; nothing where an older version noted it.
    #[serde(default)]
    pub names: Vec<String>,
}

impl Attempts {
    /// What counts of it where these names are asked for: a refusal of others says nothing of them, unless the
    /// authority wants to be left alone altogether.
    pub fn for_names(self, names: &[String]) -> Self {
        let is_same = self.names.is_empty()
            || (self.names.iter().all(|name| names.contains(name))
                && names.iter().all(|name| self.names.contains(name)));
        let is_for_all = self.refusal.as_ref().is_some_and(|refusal| refusal.is_rate_limit && refusal.is_for_all_names);
        if is_same || is_for_all || self.refusals == 0 { self } else { Self::default() }
    }

    /// Until when it is not asked by itself. What only a clock that was ahead can have noted does not bind: it
    /// would for as long as that clock was.
    pub fn rests_until(&self, now: Timestamp) -> Timestamp {
        let was_ahead = self.last_ms.is_some_and(|last| last > now.0 + HOUR_MS)
            || self.not_before_ms > now.0 + LONGEST_WISH_MS + HOUR_MS;
        Timestamp(if was_ahead { 0 } else { self.not_before_ms })
    }
}

/// The account, as its file has it.
#[derive(Serialize, Deserialize)]
struct AccountFile {
    contact: Vec<String>,
    credentials: Value,
}

/// An account that is there already.
pub(super) struct KeptAccount {
    pub contact: Vec<String>,
    pub credentials: AccountCredentials,
}

/// The folder of one authority.
#[derive(Clone)]
pub(super) struct Kept {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
}

impl Kept {
    pub fn new(acme: &Acme, disk: Arc<dyn Disk>) -> Self {
        Self { folder: acme.folder.clone(), disk }
    }

    /// Makes the folder where it is missing; nobody else may look into it.
    pub fn make(&self) -> io::Result<()> {
        self.disk.create_dir_all(&self.folder)?;
        for folder in [self.folder.parent(), Some(&*self.folder)].into_iter().flatten() {
            std::fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))
                .map_err(|error| at(folder, &error))?;
        }
        Ok(())
    }

    /// How it went so far; what can not be read is as if it had never been.
    pub fn attempts(&self) -> Attempts {
        let read = self.disk.read(&self.folder.join(ATTEMPTS)).ok().flatten();
        read.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub fn put_attempts(&self, attempts: &Attempts) -> io::Result<()> {
        self.put(ATTEMPTS, &serde_json::to_vec(attempts).map_err(io::Error::other)?)
    }

    /// The account, where there is one.
    pub fn account(&self) -> io::Result<Option<KeptAccount>> {
        let path = self.folder.join(ACCOUNT);
        let Some(bytes) = self.disk.read(&path).map_err(|error| at(&path, &error))? else { return Ok(None) };
        // The text of the error would show what it could not read.
        let unreadable = |_| at(&path, &"it holds no account; remove it, and a new one is made");
        let file: AccountFile = serde_json::from_slice(&bytes).map_err(unreadable)?;
        let credentials = serde_json::from_value(file.credentials).map_err(unreadable)?;
        Ok(Some(KeptAccount { contact: file.contact, credentials }))
    }

    /// Whether there is one.
    pub fn has_account(&self) -> bool {
        self.account().is_ok_and(|account| account.is_some())
    }

    pub fn put_account(&self, contact: &[String], credentials: &AccountCredentials) -> io::Result<()> {
        let credentials = serde_json::to_value(credentials).map_err(io::Error::other)?;
        let file = AccountFile { contact: contact.to_vec(), credentials };
        self.put(ACCOUNT, &serde_json::to_vec(&file).map_err(io::Error::other)?)
    }

    /// The same account, with other contacts.
    pub fn put_contact(&self, contact: &[String]) -> io::Result<()> {
        let Some(account) = self.account()? else { return Ok(()) };
        self.put_account(contact, &account.credentials)
    }

    /// The authority knows the account no more.
    pub fn forget_account(&self) -> io::Result<()> {
        self.disk.remove(&self.folder.join(ACCOUNT))
    }

    /// The certificate and its key.
    pub fn put_certificate(&self, file: &Path, pem: &[u8]) -> io::Result<()> {
        self.disk.replace_file_durably(file, pem, MODE).map_err(|error| at(file, &error))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.folder.join(name);
        self.disk.replace_file_durably(&path, bytes, MODE).map_err(|error| at(&path, &error))
    }
}

fn at(path: &Path, error: &dyn std::fmt::Display) -> io::Error {
    io::Error::other(format!("{}: {error}", path.display()))
}
