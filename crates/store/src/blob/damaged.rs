//! Bodies that were found to be damaged: they are not begun again, and whoever brings one again puts it right.
//!
//! Kept in memory: what a process has not read, it knows nothing of.

use super::{Blobs, Stored, no_file};
use crate::disk::FileState;
use crate::sql::BodyKey;
use crate::{BodyPlace, StoreError};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The stored form that a read found damaged; another one may be in its place by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A file that stood so.
    File(FileState),
    /// These bytes beside the rows, by their hash.
    Inline([u8; 32]),
    /// Nothing that could be read.
    Unread,
}

/// Bodies that were found to be damaged, with the form that was.
#[derive(Default)]
pub(super) struct Damaged(Mutex<HashMap<BodyKey, Form>>);

impl Damaged {
    /// So many are remembered.
    const MOST: usize = 1024;

    fn note(&self, key: BodyKey, form: Form) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= Self::MOST {
            noted.clear();
        }
        noted.insert(key, form);
    }

    /// Whether it was found to be damaged, in whichever form.
    pub fn knows(&self, key: BodyKey) -> bool {
        self.noted(key).is_some()
    }

    pub fn forget(&self, key: BodyKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }

    fn noted(&self, key: BodyKey) -> Option<Form> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }
}

impl Blobs {
    /// Refuses where its stored form, as a read found it, is in a file that is not there, or was found to be damaged
    /// and has not been put right since. It is not read for that.
    pub fn is_there(&self, key: BodyKey, stored: Stored<'_>) -> Result<(), StoreError> {
        let form = match stored {
            Stored::File => Some(Form::File(self.files.state(key)?.ok_or_else(|| no_file(key))?)),
            // Its hash is made for the few that are known alone.
            Stored::Inline(bytes) => self.damaged.knows(key).then(|| inline(bytes)),
        };
        if form.is_some() && form == self.damaged.noted(key) {
            return Err(StoreError::Body(format!("the body {:?} is damaged", key.hash)));
        }
        Ok(())
    }

    /// Reads a body, and remembers it where it is damaged.
    pub(super) fn noting<T>(
        &self,
        key: BodyKey,
        stored: Stored<'_>,
        mut read: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let first = match read() {
            Err(StoreError::Body(how)) => how,
            other => return other,
        };
        let (form, how) = match stored {
            Stored::Inline(bytes) => (inline(bytes), first),
            Stored::File => {
                let Some(state) = self.files.state(key)? else { return Err(no_file(key)) };
                // Another file may have come into its place while it was read: how it stands is asked before that.
                match read() {
                    Err(StoreError::Body(how)) => (Form::File(state), how),
                    other => return other,
                }
            }
        };
        self.damaged.note(key, form);
        Err(StoreError::Body(format!("the body {:?}: {how}", key.hash)))
    }

    /// Remembers a body beside the rows that the database could not hand over, so that it is put right by whoever
    /// brings it again.
    pub fn note_unread(&self, place: &BodyPlace) {
        if !self.damaged.knows(place.key()) {
            self.damaged.note(place.key(), Form::Unread);
        }
    }
}

fn inline(bytes: &[u8]) -> Form {
    Form::Inline(*blake3::hash(bytes).as_bytes())
}
