//! Which keys machine secrets rest on, and how a new one takes over.

use crate::keyring::{KeyRing, number_of};
use crate::{House, Refused};
use postern_store::{Caller, KeyUse, ManagePolicy};
use postern_types::Timestamp;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// A key as whoever answers for it sees it. Of the key itself nothing is shown to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyState {
    /// Its name.
    pub name: String,
    /// Since when its file is there; nothing where it is missing.
    pub since: Option<Timestamp>,
    /// How many live credentials rest on it.
    pub credentials: u64,
    /// New secrets are made with it.
    pub is_newest: bool,
    /// Secrets can be checked with it now: it was there when the house was opened.
    pub is_usable: bool,
}

/// What came of making a new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The new one.
    pub newest: String,
    /// Those that no live credential rested on: they are deleted.
    pub deleted: Vec<String>,
    /// What there is now.
    pub keys: Vec<KeyState>,
}

impl House {
    /// The keys of machine secrets, oldest first: those of the ring, those whose file is there,
    /// and those that live credentials rest on.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<KeyState>, Refused> {
        let used = self.keys_used(caller).await?;
        let kept = self.at_vault(|ring| ring.vault.kept()).await?;
        let names = self.keys.names();
        let mut found: BTreeMap<(u64, String), KeyState> = BTreeMap::new();
        let mut state = |name: &str, change: &dyn Fn(&mut KeyState)| {
            let key = (number_of(name).unwrap_or(0), name.to_owned());
            change(found.entry(key).or_insert_with(|| KeyState { name: name.to_owned(), ..KeyState::default() }));
        };
        names.iter().for_each(|name| state(name, &|state| state.is_usable = true));
        names.last().into_iter().for_each(|name| state(name, &|state| state.is_newest = true));
        kept.iter().for_each(|kept| state(&kept.name, &|state| state.since = Some(kept.since)));
        let live = used.iter().filter(|used| used.live > 0);
        live.for_each(|used| state(&used.key, &|state| state.credentials = used.live));
        Ok(found.into_values().collect())
    }

    /// Makes a new newest key, and deletes those that no live credential rests on. A credential
    /// that rests on an older one stays with it until it signs in again.
    pub async fn rotate_key(&self, caller: &Caller) -> Result<Rotated, Refused> {
        let _turning = self.keys.turning.lock().await;
        // Asked before anything is written, so that who may not leaves no file behind.
        let used = self.keys_used(caller).await?;
        let kept = self.at_vault(|ring| ring.vault.kept()).await?;
        let names = used.iter().map(|used| &used.key).chain(kept.iter().map(|kept| &kept.name));
        let newest = self.keys.next_name(names.map(String::as_str));
        self.add_key(caller, &newest).await?;
        let deleted = self.delete_idle_keys(caller).await?;
        Ok(Rotated { newest, deleted, keys: self.keys(caller).await? })
    }

    /// The keys that machine secrets were made with, for whoever sets the policy.
    async fn keys_used(&self, caller: &Caller) -> Result<Vec<KeyUse>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            tx.authority::<ManagePolicy>(&caller)?;
            Ok(tx.keys_used()?)
        })
        .await
    }

    /// The file first, then the trail, then the ring: nothing is made with a key that is not on
    /// disk and on the trail.
    async fn add_key(&self, caller: &Caller, name: &str) -> Result<(), Refused> {
        let (kept, by) = (name.to_owned(), name.to_owned());
        let key = self.at_vault(move |ring| Ok(ring.keep_new(&kept))).await??;
        let caller = caller.clone();
        let noted = self.change(move |tx| tx.authority::<ManagePolicy>(&caller)?.note_new_key(&by)).await;
        match noted {
            Ok(()) => {
                self.keys.add(name, &key);
                Ok(())
            }
            Err(error) => {
                self.discard(name.to_owned()).await;
                Err(error)
            }
        }
    }

    /// Which are idle is asked before the write that counts what rests on them: whoever took one
    /// as the newest has committed by then, and nobody takes one any more.
    async fn delete_idle_keys(&self, caller: &Caller) -> Result<Vec<String>, Refused> {
        let idle = self.keys.idle();
        if idle.is_empty() {
            return Ok(idle);
        }
        let caller = caller.clone();
        let deleted = self.change(move |tx| tx.authority::<ManagePolicy>(&caller)?.retire_keys(&idle)).await?;
        for name in &deleted {
            self.keys.remove(name);
            self.discard(name.clone()).await;
        }
        Ok(deleted)
    }

    /// A file that stays is deleted by the next rotation: it is read again when the house opens.
    async fn discard(&self, name: String) {
        // The cause is in the log by then.
        let _ = self.at_vault(move |ring| ring.vault.discard(&name)).await;
    }

    /// Something that blocks, on a thread for that.
    async fn at_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&KeyRing) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Refused> {
        let ring = Arc::clone(&self.keys);
        let done = tokio::task::spawn_blocking(move || work(&ring)).await;
        done.map_err(io::Error::other).flatten().map_err(|error| {
            tracing::error!(event = "key.folder", %error);
            Refused::Unavailable
        })
    }
}
