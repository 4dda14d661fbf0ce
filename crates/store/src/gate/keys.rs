//! The keys that machine secrets are checked with: which of them the database rests on, and what
//! is done to them. The keys themselves lie outside the database and never come here.

use super::audit::{Detail, Event};
use super::authority::{Authority, ManagePolicy};
use super::error::GateError;
use crate::statements::keys as sql;
use crate::{StoreError, Tx};

/// A key that machine secrets were made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Its name.
    pub key: String,
    /// How many credentials rest on it that have not ended: without it they can not be checked.
    pub live: u64,
}

impl Tx<'_> {
    /// Each key that a machine secret of this database was made with, ended ones included. It
    /// tells nothing of any account.
    pub fn keys_used(&self) -> Result<Vec<KeyUse>, StoreError> {
        self.all(&sql::KEYS_USED, &[], |row| Ok(KeyUse { key: row.text(0)?.to_owned(), live: row.int(1)? as u64 }))
    }
}

impl Authority<'_, ManagePolicy> {
    /// A new key is the newest from now on: new secrets are made with it.
    pub fn note_new_key(&self, key: &str) -> Result<(), GateError> {
        self.note_key("key.added", key)
    }

    /// Those of these keys that no live credential rests on are to be deleted: answers which.
    pub fn retire_keys(&self, keys: &[String]) -> Result<Vec<String>, GateError> {
        let used = self.tx().keys_used()?;
        let is_live = |key: &String| used.iter().any(|used| used.key == *key && used.live > 0);
        let unused: Vec<String> = keys.iter().filter(|key| !is_live(key)).cloned().collect();
        unused.iter().try_for_each(|key| self.note_key("key.deleted", key))?;
        Ok(unused)
    }

    fn note_key(&self, action: &'static str, key: &str) -> Result<(), GateError> {
        let detail = Detail { public: key, personal: "" };
        Ok(self.tx().record(self.caller(), &Event { class: "A", action, account: None, mailbox: None, detail })?)
    }
}
