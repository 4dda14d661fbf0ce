//! Opening the house: its lock, its keys, its database and its bodies, in that order.
//!
//! The lock comes first: two processes on one data folder would each believe their own
//! counters. Whoever holds an [`OpenHouse`] is the process of that folder until it is closed.

use crate::config::Config;
use crate::keys::{KeyFolder, keys_folder};
use crate::services::{services, web};
use postern_app::{House, HouseOptions, KeyRing};
use postern_store::{
    BlobOptions, Blobs, Clock, DataLock, DatabaseUrl, Db, DbOptions, Disk, RealDisk, StoreError, SystemClock,
};
use ring::rand::{SecureRandom, SystemRandom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the house did not open.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// There is none.
    #[error("{} holds no house: {reason}\nNext step: postern init --data {} …", folder.display(), folder.display())]
    Absent {
        /// The data folder.
        folder: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// The data folder is held by another process, or does not fit this version.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key can not be read.
    #[error("{}: {reason}\nNext step: bring the keys folder back from a backup", path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A key for machine secrets can not be read. Without its file the house opens.
    #[error(
        "{}: {reason}\nNext step: bring it back from a backup of the keys folder; without one move it away: the house \
         opens then, and credentials that rest on it have to be issued again",
        path.display()
    )]
    CredentialKey {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Something of a house that was there is not any more. Nothing is made in its place.
    #[error(
        "{} is not there or empty, and mail of this house was in it\nNext step: mount its disk, or bring it back from a \
         backup{or}",
        path.display()
    )]
    Lost {
        /// What.
        path: PathBuf,
        /// What else there is to do.
        or: &'static str,
    },
    /// The number of this node can not be kept.
    #[error("{}: {reason}\nNext step: let the user that Postern runs as write to the data folder", path.display())]
    Node {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The house itself said no.
    #[error(transparent)]
    Refused(#[from] postern_app::Refused),
}

/// A house that is open, and the lock of its folder.
pub struct OpenHouse {
    house: Arc<House>,
    _lock: DataLock,
}

impl OpenHouse {
    /// The house.
    pub fn house(&self) -> &Arc<House> {
        &self.house
    }

    /// Closes the house in good order, then lets the folder go.
    pub async fn close(self) {
        self.house.close().await;
    }
}

/// Opens the house of a configuration on this machine's disk and clock. Blocks while the
/// database is brought to this version.
pub fn open_house(config: &Config) -> Result<OpenHouse, HouseError> {
    open_house_on(config, Arc::new(RealDisk), Arc::new(SystemClock))
}

/// The same on any disk and clock.
pub(crate) fn open_house_on(
    config: &Config,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
) -> Result<OpenHouse, HouseError> {
    let key = blob_key(&config.data_dir, &*disk)?;
    let lock = DataLock::acquire(&config.data_dir)?;
    find_databases(config, &*disk)?;
    let node = node(&config.data_dir, &*disk)?;
    let options = DbOptions::new(&config.data_dir, config.database.clone());
    let (snapshot_bytes, disk_reserve_bytes) = (config.limits.snapshot_bytes, config.limits.disk_reserve_bytes);
    let options = DbOptions { snapshot_bytes, disk_reserve_bytes, ..options };
    let db = Db::open(options, disk.clone(), clock)?;
    let keys = key_ring(&config.data_dir, disk.clone(), &db)?;
    let blobs = Blobs::in_folder(&config.blobs, &BlobOptions::new(key, &config.limits), disk);
    let house = House::open(HouseOptions {
        db,
        blobs,
        keys,
        limits: config.limits.clone(),
        hostname: config.hostname.clone(),
        plaintext_sign_in: config.security.plaintext_sign_in,
        password_places: std::thread::available_parallelism().map_or(2, usize::from),
        exempt_loopback: config.security.exempt_loopback,
        node,
    })?;
    house.is_found_at(services(config, None), web(config, None));
    Ok(OpenHouse { house, _lock: lock })
}

/// A folder that was open once has its databases, and where one is the other is too: an empty one in place of one that is
/// lost would look like a house without mail.
fn find_databases(config: &Config, disk: &dyn Disk) -> Result<(), HouseError> {
    if config.database != DatabaseUrl::Sqlite {
        return Ok(());
    }
    let failed = |error: std::io::Error| HouseError::Node { path: config.data_dir.clone(), reason: error.to_string() };
    // A link counts as what it leads to: to a disk that is not mounted, to nothing.
    let has = |name: &str| {
        let state = disk.state(&config.data_dir.join(name)).map_err(failed);
        state.map(|state| state.is_some_and(|state| state.len_bytes > 0))
    };
    let lost = |name: &str| Err(HouseError::Lost { path: config.data_dir.join(name), or: "" });
    match (has("postern.db")?, has("bodies.db")?) {
        (false, has_bodies) if has("node")? || has_bodies => lost("postern.db"),
        (true, false) => lost("bodies.db"),
        _ => Ok(()),
    }
}

/// The folder of large bodies has something in it, if there are any: it is empty where its disk is not mounted. What is
/// lost one by one keeps no house shut.
pub(crate) async fn find_blobs(house: &House, folder: &Path, disk: &dyn Disk) -> Result<(), HouseError> {
    let failed = |error: std::io::Error| HouseError::Node { path: folder.to_owned(), reason: error.to_string() };
    // A disk of its own has a folder for what a check of it finds.
    let is_used = disk.list(folder).map_err(failed)?.iter().any(|entry| entry.name != "lost+found");
    if is_used || !house.has_bodies_in_files().await? {
        return Ok(());
    }
    Err(HouseError::Lost { path: folder.to_owned(), or: "; if it is lost for good, put an empty file into it" })
}

/// This data folder among those of nodes that share a database: a number of its own, kept in it, so that a
/// node that is started again finds what it had taken before.
fn node(data_dir: &Path, disk: &dyn Disk) -> Result<i64, HouseError> {
    let path = data_dir.join("node");
    let failed = |error: std::io::Error| HouseError::Node { path: path.clone(), reason: error.to_string() };
    if let Some(kept) = disk.read(&path).map_err(failed)? {
        let number = std::str::from_utf8(&kept).ok().and_then(|text| text.trim().parse().ok());
        let reason = "it holds no number; remove it, and a new one is made".to_owned();
        return number.filter(|number| *number > 0).ok_or(HouseError::Node { path, reason });
    }
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).map_err(|_| postern_app::Refused::Unavailable)?;
    let number = (i64::from_be_bytes(random) & i64::MAX).max(1);
    disk.write_new_file_durably(&path, format!("{number}\n").as_bytes()).map_err(failed)?;
    Ok(number)
}

/// The keys for machine secrets; a house of a version without them gets its first one here.
fn key_ring(data_dir: &Path, disk: Arc<dyn Disk>, db: &Db) -> Result<KeyRing, HouseError> {
    let folder = KeyFolder::new(data_dir, disk);
    let keys = folder.load()?;
    let ring = KeyRing::new(Arc::new(folder), keys);
    // The store answers on threads of its own; a runtime of one's own, on a thread for it, may be
    // waited for wherever this is called from.
    let fit = || tokio::runtime::Builder::new_current_thread().build().map(|runtime| runtime.block_on(ring.fit(db)));
    let fitted = std::thread::scope(|scope| scope.spawn(fit).join());
    fitted.map_err(|_| postern_app::Refused::Unavailable)?.map_err(|_| postern_app::Refused::Unavailable)??;
    Ok(ring)
}

/// Where the running server is asked: `admin.sock` of the data folder.
pub fn admin_socket(config: &Config) -> PathBuf {
    config.data_dir.join("admin.sock")
}

pub(crate) fn blob_key_file(data_dir: &Path) -> PathBuf {
    keys_folder(data_dir).join("blob.key")
}

fn blob_key(data_dir: &Path, disk: &dyn Disk) -> Result<[u8; 32], HouseError> {
    let path = blob_key_file(data_dir);
    let failed = |reason: &str| HouseError::Key { path: path.clone(), reason: reason.to_owned() };
    let bytes = disk.read(&path).map_err(|error| failed(&error.to_string()))?;
    let Some(bytes) = bytes else {
        // Of a house with mail, no new key finds what was named by the lost one.
        let others = std::fs::read_dir(keys_folder(data_dir)).is_ok_and(|mut files| files.next().is_some());
        if others || data_dir.join("postern.db").exists() || data_dir.join("bodies.db").exists() {
            return Err(failed("it is not there, and without it no body of a message is found"));
        }
        let reason = format!("{} is not there", path.display());
        return Err(HouseError::Absent { folder: data_dir.to_owned(), reason });
    };
    bytes.try_into().map_err(|_| failed("a key has 32 bytes"))
}
