//! The log: every change that was asked of the disk, in the order in which it happened.
//!
//! One lock is held over a change and its entry, so that the log's order is the order of
//! the changes, whoever made them: the house through the `Disk` seam or SQLite through its
//! VFS. What was answered before an entry was made does not depend on it.

use super::image::{Image, Node};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// A file whatever its name is: a rename moves the name, an open handle stays with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FileId(pub usize);

/// One change. Paths are below the root of the disk.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// A new, empty file has this name.
    Create { path: PathBuf, file: FileId },
    /// A new folder.
    CreateFolder { path: PathBuf },
    /// Bytes were written.
    Write { file: FileId, at: usize, bytes: Vec<u8> },
    /// The file was cut, or grew by zeros.
    Truncate { file: FileId, length: usize },
    /// The file's bytes are durable.
    Sync { file: FileId },
    /// A name moved, replacing what had it.
    Rename { from: PathBuf, to: PathBuf },
    /// A name is gone.
    Remove { path: PathBuf },
    /// The names in a folder are durable.
    SyncFolder { path: PathBuf },
    /// When the file was changed, as collection sees it.
    Touch { file: FileId, at: SystemTime },
}

/// Which syncs are obeyed. A disk that lies about one kind is the control: the test must
/// notice it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Syncs {
    /// Of files and journals by SQLite.
    pub sqlite: bool,
    /// Of files by the house.
    pub files: bool,
    /// Of folders by the house.
    pub folders: bool,
}

impl Syncs {
    /// An honest disk.
    pub const ALL: Self = Self { sqlite: true, files: true, folders: true };
    /// A disk that says yes and does nothing.
    pub const NONE: Self = Self { sqlite: false, files: false, folders: false };
}

/// Who asks for a sync.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asker {
    Sqlite,
    House,
}

pub(super) struct Recorder {
    pub root: PathBuf,
    syncs: Syncs,
    base: Image,
    log: Mutex<Log>,
}

/// What is under the lock.
pub(super) struct Log {
    events: Vec<Event>,
    names: HashMap<PathBuf, FileId>,
    files: usize,
    /// The house said that a sync failed, with this reason.
    pub fatal: Option<String>,
}

impl Log {
    fn new_file(&mut self, path: &Path) -> FileId {
        let file = FileId(self.files);
        self.files += 1;
        self.names.insert(path.to_owned(), file);
        file
    }

    pub fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The file that has this name; one that came past us gets a number now.
    pub fn file_at(&mut self, path: &Path) -> FileId {
        match self.names.get(path) {
            Some(file) => *file,
            None => self.created(path),
        }
    }

    /// A new file has this name.
    pub fn created(&mut self, path: &Path) -> FileId {
        let file = self.new_file(path);
        self.push(Event::Create { path: path.to_owned(), file });
        file
    }

    pub fn renamed(&mut self, from: &Path, to: &Path) {
        if let Some(file) = self.names.remove(from) {
            self.names.insert(to.to_owned(), file);
        }
        self.push(Event::Rename { from: from.to_owned(), to: to.to_owned() });
    }

    pub fn removed(&mut self, path: &Path) {
        if self.names.remove(path).is_some() {
            self.push(Event::Remove { path: path.to_owned() });
        }
    }
}

impl Recorder {
    /// Records what happens below `root`; what is there now is durable.
    pub fn new(root: &Path, syncs: Syncs) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let base = Image::read(&root)?;
        let mut log = Log { events: Vec::new(), names: HashMap::new(), files: 0, fatal: None };
        for (path, node) in &base.nodes {
            if matches!(node, Node::File { .. }) {
                log.new_file(path);
            }
        }
        Ok(Self { root, syncs, base, log: Mutex::new(log) })
    }

    /// The log, held: a change is made under it, then entered.
    pub fn log(&self) -> MutexGuard<'_, Log> {
        // A thread that panicked under the lock changed nothing after its last entry.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path below the root; `None` for a file elsewhere.
    pub fn below<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(&self.root).ok()
    }

    /// Enters a sync of a file, if this disk obeys it.
    pub fn synced(&self, log: &mut Log, asker: Asker, file: FileId) {
        let obeyed = match asker {
            Asker::Sqlite => self.syncs.sqlite,
            Asker::House => self.syncs.files,
        };
        if obeyed {
            log.push(Event::Sync { file });
        }
    }

    /// The same of the names in a folder.
    pub fn synced_folder(&self, log: &mut Log, asker: Asker, path: &Path) {
        let obeyed = match asker {
            Asker::Sqlite => self.syncs.sqlite,
            Asker::House => self.syncs.folders,
        };
        if obeyed {
            log.push(Event::SyncFolder { path: path.to_owned() });
        }
    }

    pub fn position(&self) -> usize {
        self.log().events.len()
    }

    pub fn recording(&self) -> Recording {
        Recording { base: self.base.clone(), events: self.log().events.clone() }
    }
}

/// What a disk held at first, and all that was done to it.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(super) base: Image,
    pub(super) events: Vec<Event>,
}

impl Recording {
    /// How many changes there were: the power can be cut at 0 up to this.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Was there no change at all?
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// How many syncs there were, of files and of folders.
    pub fn syncs(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Sync { .. } | Event::SyncFolder { .. })).count()
    }
}
