//! All keys of a house in one file, to be kept apart from its database.
//!
//! Done on the machine, by whoever may read the folder: no server need run, and no route ever
//! gives a key out. The file is a tar archive, so what brings the keys back is `tar`.

use super::tar::{Member, NAME_BYTES, archive};
use super::{ENDING, keys_folder};
use crate::config::Config;
use postern_store::{Disk, RealDisk, is_unfinished};
use postern_types::Secret;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a key's file and an export of them are to everybody but their owner: not there to read.
const PRIVATE_MODE: u32 = 0o600;

/// Why nothing was exported. Each text gives the next step.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// There are no keys.
    #[error("{} holds no keys\nNext step: name the configuration of the house with --config", folder.display())]
    NoKeys {
        /// The folder.
        folder: PathBuf,
    },
    /// A key can not be read.
    #[error("{}: {error}\nNext step: do this as the user the server runs as", path.display())]
    Key {
        /// Its file, or the folder.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The file is there: it is not written over.
    #[error("{} is there already\nNext step: name another file, or take that one away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file can not be written.
    #[error("{}: {error}\nNext step: name a file in a folder that you may write to", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The names of the files in it.
    pub files: Vec<String>,
    /// Where they come from, and go back to.
    pub folder: PathBuf,
}

struct KeyFile {
    name: String,
    bytes: Secret,
    owner: (u32, u32),
    changed_seconds: u64,
}

/// Writes every key of the house into `file`, which must not be there, for its owner alone. It is
/// durable when this answers. Blocks.
pub fn export_keys(config: &Config, file: &Path) -> Result<Exported, ExportError> {
    let folder = keys_folder(&config.data_dir);
    let keys = read(&folder).map_err(|(path, error)| ExportError::Key { path, error })?;
    if keys.is_empty() {
        return Err(ExportError::NoKeys { folder });
    }
    let members: Vec<Member<'_>> = keys.iter().map(member).collect();
    let archive = Secret::new(archive(&members));
    write(file, &archive).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists { path: file.to_owned() },
        _ => ExportError::File { path: file.to_owned(), error },
    })?;
    Ok(Exported { files: keys.into_iter().map(|key| key.name).collect(), folder })
}

fn member(key: &KeyFile) -> Member<'_> {
    let KeyFile { name, bytes, owner, changed_seconds } = key;
    let (mode, owner, changed_seconds) = (PRIVATE_MODE, *owner, *changed_seconds);
    Member { name, bytes: bytes.expose(), mode, owner, changed_seconds }
}

fn read(folder: &Path) -> Result<Vec<KeyFile>, (PathBuf, io::Error)> {
    let entries = RealDisk.list(folder).map_err(|error| (folder.to_owned(), error))?;
    let mut names: Vec<String> = entries.into_iter().filter(|entry| !entry.is_dir).map(|entry| entry.name).collect();
    // Unfinished ones begin with a point and may be half of one.
    names.retain(|name| name.ends_with(ENDING) && !name.starts_with('.') && name.len() <= NAME_BYTES);
    names.sort();
    let key = |name: String| {
        let path = folder.join(&name);
        key_file(&path, name).map_err(|error| (path, error))
    };
    names.into_iter().map(key).collect()
}

fn key_file(path: &Path, name: String) -> io::Result<KeyFile> {
    let about = std::fs::metadata(path)?;
    let bytes = RealDisk.read(path)?.ok_or(io::ErrorKind::NotFound)?;
    let changed_seconds = u64::try_from(about.mtime()).unwrap_or_default();
    Ok(KeyFile { name, bytes: Secret::new(bytes), owner: (about.uid(), about.gid()), changed_seconds })
}

/// The name is taken first, so that nothing is ever written over, a link of that name included.
fn write(file: &Path, archive: &Secret) -> io::Result<()> {
    if file.file_name().is_some_and(|name| is_unfinished(&name.to_string_lossy())) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a name like that is for files that are being written",
        ));
    }
    let mut made = RealDisk.create(file, PRIVATE_MODE)?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = made.write(archive.expose()).and_then(|()| made.sync()).and_then(|()| RealDisk.sync_dir(folder));
    if written.is_err() {
        // Half of the keys are no backup; the name was free before.
        let _ = RealDisk.remove(file);
    }
    written
}
