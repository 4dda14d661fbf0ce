//! The keys that machine secrets are checked with, in memory.
//!
//! A secret is kept as HMAC-SHA-256 under a key that is not in the database, so a copy of the
//! database alone lets nobody make or guess one, and checking costs a microsecond where a password
//! hash would cost a tenth of a second. A credential names the key it was made with; the newest
//! makes new ones. Why it is so: docs/decisions/0025-keys-outside-the-database.md.

use crate::Refused;
use postern_store::{Db, StoreError, Tx};
use postern_types::{Secret, Timestamp};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::{fmt, io};

/// Length of a key: that of the hash (RFC 2104 section 3).
pub const KEY_BYTES: usize = 32;
/// What names a key, before its number.
const PREFIX: &str = "credential-";

/// Where keys are kept; the server's is a folder. Its calls block.
pub trait KeyVault: Send + Sync + 'static {
    /// The keys that are kept there now.
    fn kept(&self) -> io::Result<Vec<KeptKey>>;
    /// Keeps a new key: it is durable when this returns. One of that name is never replaced.
    fn keep(&self, name: &str, key: &Secret) -> io::Result<()>;
    /// Deletes a key that nothing rests on. One that is not there is no error.
    fn discard(&self, name: &str) -> io::Result<()>;
}

/// Keeps nothing: the keys of such a house end with its process. For tests and trials.
pub struct NoVault;

impl KeyVault for NoVault {
    fn kept(&self) -> io::Result<Vec<KeptKey>> {
        Ok(Vec::new())
    }
    fn keep(&self, _: &str, _: &Secret) -> io::Result<()> {
        Ok(())
    }
    fn discard(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// A key as its vault has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptKey {
    /// Its name.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
}

/// Keys by name, ready to use. Of the bytes it was given nothing is kept.
pub struct KeyRing {
    /// Numbers rise, so the last one is the newest.
    keys: RwLock<Vec<Arc<Held>>>,
    pub(crate) vault: Arc<dyn KeyVault>,
    /// Held by whoever turns the ring: two at once would choose one number.
    pub(crate) turning: tokio::sync::Mutex<()>,
}

struct Held {
    number: u64,
    name: String,
    key: hmac::Key,
}

/// The newest key, for whoever makes a secret. It is not deleted while somebody has this: keep it
/// until what was made with it is committed.
#[derive(Clone)]
pub struct Newest(Arc<Held>);

impl Newest {
    /// Its name, for `credential.key_id`.
    pub fn name(&self) -> &str {
        &self.0.name
    }
    /// The verifier of a secret.
    pub fn sign(&self, message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0.key, message)
    }
}

/// The name of a key is never another key's: numbers rise.
pub(crate) fn name_of(number: u64) -> String {
    format!("{PREFIX}{number}")
}

/// The number in a key's name; nothing where it is none of ours, as written by [`name_of`].
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PREFIX)?.parse().ok()?;
    (number > 0 && name_of(number) == name).then_some(number)
}

impl KeyRing {
    /// A ring of these keys, by name, that keeps further ones in `vault`. What is named otherwise
    /// than a key is, or has another length, is left out.
    pub fn new(vault: Arc<dyn KeyVault>, keys: Vec<(String, Secret)>) -> Self {
        let ring = Self { keys: RwLock::default(), vault, turning: tokio::sync::Mutex::default() };
        keys.iter().for_each(|(name, key)| ring.add(name, key));
        ring
    }

    /// Makes the ring ready for a database: says which keys are missing, and makes the first one
    /// where there is none and nothing rests on a lost one. Blocks while that is written.
    pub async fn fit(&self, db: &Db) -> Result<(), Refused> {
        let used = db.read(|tx: &Tx<'_>| -> Result<_, StoreError> { tx.keys_used() }).await?;
        let missing = used.iter().filter(|used| used.live > 0 && !self.has(&used.key));
        let mut credentials = 0;
        for used in missing {
            credentials += used.live;
            let text = "bring it back from a backup of the keys folder, or issue the credentials again";
            tracing::error!(event = "key.missing", key = used.key, credentials = used.live, "{text}");
        }
        if credentials == 0 && self.newest().is_none() {
            let name = self.next_name(used.iter().map(|used| used.key.as_str()));
            self.make(&name)?;
            tracing::info!(event = "key.made", key = name);
        }
        Ok(())
    }

    /// Signs with the key of this name; nothing where the ring has none such.
    pub fn sign(&self, name: &str, message: &[u8]) -> Option<hmac::Tag> {
        self.find(name, |held| hmac::sign(&held.key, message))
    }

    /// Is this what the key of this name makes of the message? Takes the same time wherever they
    /// differ. No, where the ring has none such.
    pub fn fits(&self, name: &str, message: &[u8], verifier: &[u8]) -> bool {
        self.find(name, |held| hmac::verify(&held.key, message, verifier).is_ok()).unwrap_or(false)
    }

    /// The newest key; nothing while the ring is empty, as the last one was lost.
    pub fn newest(&self) -> Option<Newest> {
        self.held().last().map(|held| Newest(Arc::clone(held)))
    }

    /// The names of its keys, oldest first.
    pub fn names(&self) -> Vec<String> {
        self.held().iter().map(|held| held.name.clone()).collect()
    }

    /// Has it a key of this name?
    pub fn has(&self, name: &str) -> bool {
        self.find(name, |_| ()).is_some()
    }

    /// A name that no key has or had: above those of the ring and of `others`.
    pub(crate) fn next_name<'n>(&self, others: impl Iterator<Item = &'n str>) -> String {
        let newest = self.held().last().map_or(0, |held| held.number);
        name_of(others.filter_map(number_of).fold(newest, u64::max) + 1)
    }

    /// Makes a key and keeps it, then adds it to the ring as the newest. Blocks.
    fn make(&self, name: &str) -> Result<(), Refused> {
        let key = self.keep_new(name)?;
        self.add(name, &key);
        Ok(())
    }

    /// Makes a key and keeps it; it is not in the ring yet. Blocks.
    pub(crate) fn keep_new(&self, name: &str) -> Result<Secret, Refused> {
        let mut key = vec![0; KEY_BYTES];
        let filled = SystemRandom::new().fill(&mut key);
        let key = Secret::new(key);
        let kept = match filled {
            Ok(()) => self.vault.keep(name, &key),
            Err(_) => Err(io::Error::other("the system gives no random bytes")),
        };
        match kept {
            Ok(()) => Ok(key),
            Err(error) => {
                tracing::error!(event = "key.not-kept", key = name, %error);
                Err(Refused::Unavailable)
            }
        }
    }

    /// Adds a key to the ring.
    pub(crate) fn add(&self, name: &str, key: &Secret) {
        let Some(number) = number_of(name).filter(|_| key.expose().len() == KEY_BYTES) else { return };
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|held| held.number != number);
        keys.push(Arc::new(Held { number, name: name.to_owned(), key }));
        keys.sort_by_key(|held| held.number);
    }

    /// Keys that nobody makes a secret with, now or later: all but the newest and those that
    /// somebody has taken as such.
    pub(crate) fn idle(&self) -> Vec<String> {
        let keys = self.held();
        let older = keys.split_last().map_or(&[][..], |(_, older)| older);
        older.iter().filter(|held| Arc::strong_count(held) == 1).map(|held| held.name.clone()).collect()
    }

    /// Takes a key out of the ring.
    pub(crate) fn remove(&self, name: &str) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).retain(|held| held.name != name);
    }

    /// There are few keys and most secrets rest on the newest, so a walk from its end is shorter
    /// than any map.
    fn find<T>(&self, name: &str, use_it: impl FnOnce(&Held) -> T) -> Option<T> {
        self.held().iter().rev().find(|held| held.name == name).map(|held| use_it(held))
    }

    fn held(&self) -> RwLockReadGuard<'_, Vec<Arc<Held>>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.names()).finish()
    }
}

impl fmt::Debug for Newest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Newest").field(&self.0.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[(&str, u8)]) -> KeyRing {
        let keys = keys.iter().map(|(name, byte)| ((*name).to_owned(), Secret::new([*byte; KEY_BYTES])));
        KeyRing::new(Arc::new(NoVault), keys.collect())
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231 section 4.2: HMAC-SHA-256, with its key padded by zeros as RFC 2104 pads it.
    #[test]
    fn a_key_signs_as_hmac_sha_256() {
        let key = [&[0x0b; 20][..], &[0; 12]].concat();
        let ring = KeyRing::new(Arc::new(NoVault), vec![("credential-1".to_owned(), Secret::new(key))]);
        let expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        assert_eq!(hex(ring.sign("credential-1", b"Hi There").unwrap().as_ref()), expected);
        assert_eq!(hex(ring.newest().unwrap().sign(b"Hi There").as_ref()), expected);
    }

    #[test]
    fn a_secret_fits_under_its_own_key_alone() {
        let ring = ring(&[("credential-2", 2), ("credential-10", 10), ("credential-1", 1)]);
        assert_eq!(ring.names(), ["credential-1", "credential-2", "credential-10"]);
        assert_eq!(ring.newest().unwrap().name(), "credential-10");
        let verifier = ring.sign("credential-2", b"secret").unwrap();
        assert!(ring.fits("credential-2", b"secret", verifier.as_ref()));
        assert!(!ring.fits("credential-1", b"secret", verifier.as_ref()));
        assert!(!ring.fits("credential-2", b"another", verifier.as_ref()));
        assert!(!ring.fits("credential-2", b"secret", &verifier.as_ref()[..31]));
        assert!(!ring.fits("credential-3", b"secret", verifier.as_ref()) && ring.sign("credential-3", b"").is_none());
    }

    /// Whoever makes a secret keeps its key from being deleted until that is committed.
    #[test]
    fn a_key_that_somebody_makes_a_secret_with_is_not_idle() {
        let ring = ring(&[("credential-1", 1)]);
        let taken = ring.newest().unwrap();
        ring.add("credential-2", &Secret::new([2; KEY_BYTES]));
        assert_eq!(ring.idle(), Vec::<String>::new());
        drop(taken);
        assert_eq!(ring.idle(), ["credential-1"]);
        ring.remove("credential-1");
        assert_eq!((ring.names(), ring.idle()), (vec!["credential-2".to_owned()], vec![]));
        assert_eq!(self::ring(&[]).idle(), Vec::<String>::new());
    }

    #[test]
    fn a_number_is_never_given_twice() {
        assert_eq!(ring(&[]).next_name(std::iter::empty()), "credential-1");
        let ring = ring(&[("credential-3", 3)]);
        assert_eq!(ring.next_name(["credential-2"].into_iter()), "credential-4");
        assert_eq!(ring.next_name(["credential-7", "another"].into_iter()), "credential-8");
        for name in ["credential-0", "credential-01", "credential-", "credential-+1", "blob", "credential-1.key"] {
            assert_eq!(number_of(name), None, "{name}");
        }
        assert_eq!(number_of("credential-10"), Some(10));
    }

    #[test]
    fn what_is_no_key_is_left_out_and_nothing_shows_one() {
        let keys = vec![("blob".to_owned(), Secret::new([0; 32])), ("credential-1".to_owned(), Secret::new([0; 31]))];
        assert!(KeyRing::new(Arc::new(NoVault), keys).newest().is_none());
        let ring = ring(&[("credential-1", 0xab)]);
        assert_eq!(format!("{ring:?}"), r#"KeyRing(["credential-1"])"#);
        assert_eq!(format!("{:?}", ring.newest().unwrap()), r#"Newest("credential-1")"#);
    }
}
