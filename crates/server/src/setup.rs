//! A new house: its folder, keys, certificates, organisation and first admin, then the
//! configuration that makes it a house.
//!
//! `postern.toml` is written last: a folder with one holds a house that is whole. What a
//! failed attempt wrote is taken away again, so that the next one starts from nothing; what
//! was there before is never touched.

use crate::certificates::{self, CertificateError};
use crate::config::{Config, ConfigError, Settings, Shown, document};
use crate::house::{HouseError, blob_key_file, open_house_on};
use crate::keys::keys_folder;
use postern_app::Founder;
use postern_store::{Clock, Disk, RealDisk, SystemClock};
use postern_types::{Address, Domain, Secret, Timestamp};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Names that a house has in its folder, and that must be free for a new one.
const NAMES: [&str; 13] = [
    "postern.toml",
    "keys",
    "tls",
    "lock",
    "node",
    "postern.db",
    "postern.db-wal",
    "postern.db-shm",
    "bodies.db",
    "bodies.db-wal",
    "bodies.db-shm",
    "blobs",
    "search.db",
];
/// The group may pass (to `admin.sock` and the certificates) and look, others may not.
const FOLDER_MODE: u32 = 0o750;
/// Others than owner and group may write.
const OTHERS_WRITE: u32 = 0o002;
const PRIVATE_MODE: u32 = 0o600;
const GROUP_MODE: u32 = 0o640;
const PUBLIC_MODE: u32 = 0o644;

/// Why no house was made. Each text gives the next step.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// There is one.
    #[error(
        "{} holds a house already\nNext step: start it with `postern serve --config {}`, or choose another folder with --data",
        folder.display(), folder.join("postern.toml").display()
    )]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// Something lies where a file of the house would.
    #[error(
        "{} has no postern.toml and is not free: {name} is in the way\nNext step: choose another folder with --data, or move {name} away",
        folder.display()
    )]
    InTheWay {
        /// The folder.
        folder: PathBuf,
        /// What is there.
        name: &'static str,
    },
    /// Whoever may write in a folder can put another file in place of any.
    #[error(
        "every user of this machine may write in {}, and it holds other files or is another user's\nNext step: give the house a folder of its \
         own, such as --data {}",
        folder.display(), folder.join("postern").display()
    )]
    Open {
        /// The folder.
        folder: PathBuf,
    },
    /// Another process is at it.
    #[error(
        "another process makes a house in {} right now\nNext step: wait for it, or choose another folder with --data",
        folder.display()
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// The database is another house's.
    #[error("the database holds a house already\nNext step: name an empty one with --database")]
    DatabaseInUse,
    /// The files can not be written.
    #[error("{}: {error}\nNext step: make the folder writable, or choose another one with --data", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// The settings do not make a configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No certificates.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// The house did not open.
    #[error(transparent)]
    House(#[from] HouseError),
}

/// What a new house is made of.
#[derive(Debug, Clone)]
pub struct NewHouse {
    /// Its folder.
    pub data_dir: PathBuf,
    /// Its first domain.
    pub domain: Domain,
    /// Its first admin.
    pub admin: Address,
    /// Their password.
    pub password: Secret,
    /// What its configuration says; the host name is needed.
    pub settings: Settings,
}

impl NewHouse {
    /// Makes the house; it is whole and closed when this answers.
    pub async fn make(self) -> Result<Config, SetupError> {
        self.make_on(Arc::new(RealDisk), Arc::new(SystemClock)).await
    }

    /// The same on any disk and clock.
    pub async fn make_on(self, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<Config, SetupError> {
        let folder = self.data_dir.clone();
        // Before a folder is made for nothing.
        check_free(&folder, &*disk)?;
        let was_there = disk.exists(&folder).map_err(|error| at(&folder, error))?;
        disk.create_dir_all(&folder).map_err(|error| at(&folder, error))?;
        let _held = hold(&folder)?;
        // Whoever held the folder before may have made a house there.
        check_free(&folder, &*disk)?;
        close_to_others(&folder, &*disk)?;
        let made = self.fill(disk, clock).await;
        if made.is_err() {
            take_away(&folder, was_there);
        }
        made
    }

    async fn fill(self, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<Config, SetupError> {
        let file = self.data_dir.join("postern.toml");
        let text = document(&self.settings, Shown::AsComments);
        // The environment may say otherwise later; the house is made of what it was asked for.
        let config = Config::parse(&file, &text, &[])?;
        write_keys(&self.data_dir, &*disk)?;
        write_certificates(&config, clock.wall(), &*disk)?;
        self.found(&config, disk.clone(), clock).await?;
        // A url may hold a password; without one the group may find the socket by this file.
        let mode = if self.settings.database_url.is_some() { PRIVATE_MODE } else { GROUP_MODE };
        put(&*disk, &file, text.as_bytes(), mode)?;
        Ok(config)
    }

    async fn found(&self, config: &Config, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<(), SetupError> {
        let opening = config.clone();
        let opened = tokio::task::spawn_blocking(move || open_house_on(&opening, disk, clock)).await;
        let open = opened.map_err(|_| HouseError::from(postern_app::Refused::Unavailable))??;
        let founded = self.found_in(&open).await;
        open.close().await;
        founded
    }

    async fn found_in(&self, open: &crate::OpenHouse) -> Result<(), SetupError> {
        let house = open.house();
        if house.is_founded().await.map_err(HouseError::from)? {
            return Err(SetupError::DatabaseInUse);
        }
        let operator = house.operator_offline(rustix::process::getuid().as_raw()).map_err(HouseError::from)?;
        let founder =
            Founder { domain: self.domain.clone(), admin: self.admin.clone(), password: self.password.clone() };
        Ok(house.found(&operator, founder).await.map_err(HouseError::from)?)
    }
}

fn check_free(folder: &Path, disk: &dyn Disk) -> Result<(), SetupError> {
    for name in NAMES {
        let path = folder.join(name);
        if disk.exists(&path).map_err(|error| at(&path, error))? {
            let folder = folder.to_owned();
            return Err(match name {
                "postern.toml" => SetupError::Exists { folder },
                name => SetupError::InTheWay { folder, name },
            });
        }
    }
    Ok(())
}

/// Others can not write in the folder: an empty one is closed to them, and one with other files, or of another user, has
/// to be so already. Its mode is left alone.
pub fn close_to_others(folder: &Path, disk: &dyn Disk) -> Result<(), SetupError> {
    if disk.list(folder).map_err(|error| at(folder, error))?.is_empty() {
        match set_mode(folder, FOLDER_MODE) {
            Err(SetupError::File { error, .. }) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => return other,
        }
    }
    let about = std::fs::metadata(folder).map_err(|error| at(folder, error))?;
    match about.permissions().mode() & OTHERS_WRITE {
        0 => Ok(()),
        _ => Err(SetupError::Open { folder: folder.to_owned() }),
    }
}

/// Takes the folder for making a house in it: of two who try at once, one goes on and the
/// other is told. The kernel's lock on the folder itself ends with the process.
fn hold(folder: &Path) -> Result<File, SetupError> {
    let held = File::open(folder).map_err(|error| at(folder, error))?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(held),
        Err(Errno::WOULDBLOCK) => Err(SetupError::Busy { folder: folder.to_owned() }),
        Err(error) => Err(at(folder, error.into())),
    }
}

/// Only names that were free before, by who holds the folder.
fn take_away(folder: &Path, was_there: bool) {
    for name in NAMES {
        let path = folder.join(name);
        // What can not be taken away is named by the next attempt.
        let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    }
    if !was_there {
        let _ = std::fs::remove_dir(folder);
    }
}

/// The key of bodies. The first one for machine secrets comes when the house opens.
fn write_keys(data_dir: &Path, disk: &dyn Disk) -> Result<(), SetupError> {
    let file = blob_key_file(data_dir);
    disk.create_dir_all(&keys_folder(data_dir)).map_err(|error| at(&file, error))?;
    let mut key = [0; 32];
    SystemRandom::new().fill(&mut key).map_err(|_| SetupError::Random)?;
    put(disk, &file, Secret::new(key).expose(), PRIVATE_MODE)
}

fn write_certificates(config: &Config, now: Timestamp, disk: &dyn Disk) -> Result<(), SetupError> {
    let folder = config.data_dir.join("tls");
    disk.create_dir_all(&folder).map_err(|error| at(&folder, error))?;
    set_mode(&folder, FOLDER_MODE)?;
    let made = certificates::make(&config.hostname, now)?;
    put(disk, &folder.join("ca.pem"), made.authority.as_bytes(), PUBLIC_MODE)?;
    put(disk, &folder.join("ca.key"), made.authority_key.expose(), PRIVATE_MODE)?;
    put(disk, &config.tls.certificate, made.server.as_bytes(), PUBLIC_MODE)?;
    put(disk, &config.tls.key, made.server_key.expose(), PRIVATE_MODE)
}

fn put(disk: &dyn Disk, path: &Path, bytes: &[u8], mode: u32) -> Result<(), SetupError> {
    disk.replace_file_durably(path, bytes, mode).map_err(|error| at(path, error))?;
    // The process may have been started with a mask that takes bits away.
    set_mode(path, mode)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), SetupError> {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|error| at(path, error))
}

fn at(path: &Path, error: io::Error) -> SetupError {
    SetupError::File { path: path.to_owned(), error }
}
