//! A disk whose power can be cut: everything passes through to real files, is entered in
//! one log, and any moment of that log can be turned into what a disk may hold after it.
//!
//! docs/design.md law 3: what is acknowledged is on disk. A test notes the log's position when it
//! is answered, cuts the power at or after it ([`Recording::cut`]), opens a house on what
//! is left, and looks. [`FakeDisk`] is the `Disk` of the house and, through
//! [`FakeDisk::sqlite_vfs`], of SQLite too. Its syncs are entered and not made: nobody cuts
//! the power of the machine that runs the test.
//!
//! What SQLite's VFS for Unix does inside is not seen here and is taken from its source: a
//! journal's or log's name becomes durable with the first sync of each handle that may
//! have made it, and a removal that asks for it is followed by a sync of the folder. A
//! database's own name is durable only once the house has synced the folder.

mod cut;
mod image;
mod random;
mod record;
#[cfg(test)]
mod tests;
mod vfs;

pub use image::Image;
pub use random::Random;
pub use record::{Recording, Syncs};

use postern_store::{Disk, DiskEntry, DiskFile, FileState, RealDisk};
use postern_types::Timestamp;
use record::{Asker, Event, FileId, Recorder};
use rusqlite::{Connection, OpenFlags};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A disk that remembers every change below one folder. Clones are the same disk.
#[derive(Clone)]
pub struct FakeDisk {
    recorder: Arc<Recorder>,
}

impl FakeDisk {
    /// Records what happens below `root`. What is there now is durable.
    pub fn new(root: &Path, syncs: Syncs) -> io::Result<Self> {
        let recorder = Arc::new(Recorder::new(root, syncs)?);
        vfs::register(&recorder)?;
        Ok(Self { recorder })
    }

    /// The folder, as SQLite will name it.
    pub fn root(&self) -> &Path {
        &self.recorder.root
    }

    /// How many changes there were so far. Whoever was answered before this call depends on
    /// none after it.
    pub fn position(&self) -> usize {
        self.recorder.position()
    }

    /// All changes so far.
    pub fn recording(&self) -> Recording {
        self.recorder.recording()
    }

    /// Why the house would have ended its process, if it would.
    pub fn fatal_reason(&self) -> Option<String> {
        self.recorder.log().fatal.clone()
    }

    /// Folds the log of one database into it, as the house's own thread does when a log is
    /// long: what takes it many thousand messages happens in a small test too. `mode` is
    /// one of SQLite's words, such as `PASSIVE` or `TRUNCATE`.
    pub fn checkpoint(&self, file: &str, mode: &str) -> Result<(), String> {
        let connection = self.open(file)?;
        // Busy readers leave a rest, which is no error.
        let done = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        done.map_err(|error| format!("{file}: {error}"))
    }

    /// Asks SQLite whether a database is sound, each index with its table and each
    /// reference with its row.
    pub fn check(&self, file: &str) -> Result<(), String> {
        let connection = self.open(file)?;
        let found = connection.query_row("PRAGMA integrity_check(5)", [], |row| row.get::<_, String>(0));
        match found {
            Ok(text) if text == "ok" => {}
            Ok(text) => return Err(format!("{file} is damaged: {text}")),
            Err(error) => return Err(format!("{file} is damaged: {error}")),
        }
        let broken = connection.prepare("PRAGMA foreign_key_check").and_then(|mut check| check.exists([]));
        match broken {
            Ok(false) => Ok(()),
            Ok(true) => Err(format!("{file}: a row refers to one that is not there")),
            Err(error) => Err(format!("{file}: {error}")),
        }
    }

    fn open(&self, file: &str) -> Result<Connection, String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags_and_vfs(self.root().join(file), flags, vfs::NAME)
            .map_err(|error| format!("{file}: {error}"))?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(|error| format!("{file}: {error}"))?;
        Ok(connection)
    }

    fn below<'p>(&self, path: &'p Path) -> io::Result<&'p Path> {
        self.recorder.below(path).ok_or_else(|| {
            let text = format!("{} is not on the disk at {}", path.display(), self.root().display());
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })
    }
}

impl Disk for FakeDisk {
    fn sqlite_vfs(&self) -> Option<String> {
        Some(vfs::NAME_TEXT.to_owned())
    }
    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
    fn allocate(&self, _: &Path, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        let below = self.below(path)?;
        let mut log = self.recorder.log();
        let real = RealDisk.create(path, mode)?;
        let file = log.created(below);
        drop(log);
        Ok(Box::new(FakeFile { recorder: Arc::clone(&self.recorder), real, file, length: 0 }))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let below = self.below(path)?;
        let mut log = self.recorder.log();
        RealDisk.create_dir(path)?;
        log.push(Event::CreateFolder { path: below.to_owned() });
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from_below, to_below) = (self.below(from)?, self.below(to)?);
        let mut log = self.recorder.log();
        RealDisk.rename(from, to)?;
        log.renamed(from_below, to_below);
        Ok(())
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        // The root's own name is not of this disk; it was there before.
        let Some(below) = self.recorder.below(path) else { return Ok(()) };
        let mut log = self.recorder.log();
        self.recorder.synced_folder(&mut log, Asker::House, below);
        Ok(())
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        let below = self.below(path)?;
        let mut log = self.recorder.log();
        RealDisk.remove(path)?;
        log.removed(below);
        Ok(())
    }
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        RealDisk.read(path)
    }
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        RealDisk.read_range(path, range)
    }
    fn read_last(&self, path: &Path, bytes: u64) -> io::Result<Option<Vec<u8>>> {
        RealDisk.read_last(path, bytes)
    }
    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        RealDisk.list(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealDisk.exists(path)
    }
    fn changed(&self, path: &Path) -> io::Result<Option<Timestamp>> {
        RealDisk.changed(path)
    }
    fn state(&self, path: &Path) -> io::Result<Option<FileState>> {
        RealDisk.state(path)
    }
    fn touch(&self, path: &Path, at: Timestamp) -> io::Result<()> {
        let below = self.below(path)?;
        let mut log = self.recorder.log();
        RealDisk.touch(path, at)?;
        let file = log.file_at(below);
        let since = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
        log.push(Event::Touch { file, at: SystemTime::UNIX_EPOCH + since });
        Ok(())
    }
    fn fatal(&self, reason: &str) {
        self.recorder.log().fatal.get_or_insert_with(|| reason.to_owned());
    }
}

struct FakeFile {
    recorder: Arc<Recorder>,
    real: Box<dyn DiskFile>,
    file: FileId,
    length: usize,
}

impl DiskFile for FakeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut log = self.recorder.log();
        self.real.write(bytes)?;
        log.push(Event::Write { file: self.file, at: self.length, bytes: bytes.to_vec() });
        self.length += bytes.len();
        Ok(())
    }
    fn sync(&mut self) -> io::Result<()> {
        let mut log = self.recorder.log();
        self.recorder.synced(&mut log, Asker::House, self.file);
        Ok(())
    }
}

/// A folder for houses that live for seconds: in memory, where the machine offers that.
pub fn scratch() -> io::Result<tempfile::TempDir> {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() {
        // Shared memory may be there and forbidden, or too small to hold anything.
        if let Ok(folder) = tempfile::tempdir_in(memory) {
            return Ok(folder);
        }
    }
    tempfile::tempdir()
}
