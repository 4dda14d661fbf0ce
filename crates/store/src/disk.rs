//! The one seam to the disk: every durable write of the product passes here or through
//! SQLite, so that a test can cut the power at any of them and look at what is left.
//!
//! docs/design.md law 3: what is acknowledged is on disk. A new file is durable once its bytes are
//! synced, it has its name, and the folder that holds the name is synced; a folder is
//! durable once its parent is. A sync that failed says nothing about what reached the
//! disk, and asking again would be told of success (the kernel forgets the pages), so a
//! failed sync ends the process.

use crate::StoreError;
use postern_types::Timestamp;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Readable and writable by the owner of the process alone: everything in a data folder
/// that is not said to be otherwise.
pub const PRIVATE_MODE: u32 = 0o600;

/// Begins the name of a file that is still being written; see [`is_unfinished`].
const UNFINISHED_PREFIX: &str = ".new-";
/// Bytes handed to the disk in one write.
const PIECE_BYTES: usize = 1 << 20;

/// What the product asks of a disk. The real one is [`RealDisk`].
pub trait Disk: Send + Sync + 'static {
    /// The registered SQLite VFS to open databases with; `None` is SQLite's own.
    fn sqlite_vfs(&self) -> Option<String> {
        None
    }
    /// Makes a new, empty file with these permission bits; refuses one that exists. The
    /// file is durable after its own sync and [`Disk::sync_dir`] of its folder.
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>>;
    /// Makes one folder (mode 0700); refuses one that exists. Durable after
    /// [`Disk::sync_dir`] of its parent.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Gives a file a new name, replacing what had it. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Removes a file; one that is not there is no error. Not synced.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The bytes of a file, `None` if it is not there.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// A range of a file, less where the file ends, `None` if it is not there.
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>>;
    /// So many bytes at the end of a file, less where it has no more, `None` if it is not there.
    fn read_last(&self, path: &Path, bytes: u64) -> io::Result<Option<Vec<u8>>>;
    /// What a folder holds, `.` and `..` left out; empty if it is not there.
    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>>;
    /// Whether there is a file or folder of this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// When a file was last changed or touched, `None` if it is not there.
    fn changed(&self, path: &Path) -> io::Result<Option<Timestamp>>;
    /// Which file it is and how it stands, links followed; `None` if it is not there.
    fn state(&self, path: &Path) -> io::Result<Option<FileState>>;
    /// Sets the time a file was last changed. Not synced.
    fn touch(&self, path: &Path, at: Timestamp) -> io::Result<()>;
    /// Bytes that whoever runs this process could still write where this folder is.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;
    /// Makes a file that takes so much room; what is in it does not matter, nor does it last through a power cut.
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()>;
    /// A sync failed: nothing after this may be acknowledged. The real disk does not
    /// return; a test's disk records it and does.
    fn fatal(&self, reason: &str);

    /// Makes a folder and what is missing above it, durably.
    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut missing: Vec<&Path> = Vec::new();
        for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
            if self.exists(folder)? {
                break;
            }
            missing.push(folder);
        }
        for folder in missing.into_iter().rev() {
            match self.create_dir(folder) {
                // Someone else was faster; its name still has to be durable for us.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            self.sync_dir_or_die(parent_of(folder))?;
        }
        Ok(())
    }

    /// Writes a file that is not there yet, private, so that it is there whole and
    /// durable when this returns, or not at all.
    fn write_new_file_durably(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if self.exists(path)? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the file exists"));
        }
        self.replace_file_durably(path, bytes, PRIVATE_MODE)
    }

    /// Writes a file with these permission bits, in place of one of that name if there is
    /// one: afterwards, and after a power cut at any moment, it is the old or the new.
    fn replace_file_durably(&self, path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.replace_file_durably_by(path, mode, &mut |file| {
            bytes.chunks(PIECE_BYTES).try_for_each(|piece| file.write(piece))
        })
    }

    /// The same, with what `write` writes.
    fn replace_file_durably_by(&self, path: &Path, mode: u32, write: &mut WriteFile<'_>) -> io::Result<()> {
        let unfinished = unfinished_name(path);
        let written = self.create(&unfinished, mode).and_then(|mut file| {
            write(file.as_mut())?;
            file.sync().inspect_err(|error| self.fatal_unless_full("sync", &unfinished, error))
        });
        if let Err(error) = written.and_then(|()| self.rename(&unfinished, path)) {
            // The half-written file is useless; that it cannot be removed changes nothing.
            let _ = self.remove(&unfinished);
            return Err(error);
        }
        self.sync_dir_or_die(parent_of(path))
    }

    /// [`Disk::sync_dir`], where failing ends the process.
    fn sync_dir_or_die(&self, path: &Path) -> io::Result<()> {
        self.sync_dir(path).inspect_err(|error| self.fatal_unless_full("sync folder", path, error))
    }

    /// A full disk is an ordinary error even at a sync: the file was never promised. Any
    /// other failed sync is the end.
    fn fatal_unless_full(&self, act: &str, path: &Path, error: &io::Error) {
        if !matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.fatal(&format!("{act} {}: {error}", path.display()));
        }
    }
}

/// A new file that is being written.
pub trait DiskFile: Send {
    /// Appends all the bytes.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once what was written is durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes what a file is to hold, a piece after the other.
pub type WriteFile<'w> = dyn FnMut(&mut dyn DiskFile) -> io::Result<()> + 'w;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskEntry {
    /// Its name, without the folder.
    pub name: String,
    /// Whether it is a folder itself.
    pub is_dir: bool,
    /// Its length in bytes.
    pub len_bytes: u64,
    /// When it was last changed or touched.
    pub changed: Timestamp,
}

/// A file as it stands: another state once it was replaced, written, touched or brought back, with the same times as
/// before too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// Its length in bytes.
    pub len_bytes: u64,
    /// Its number on its file system.
    inode: u64,
    /// When anything of it was changed: seconds and nanoseconds of the system, which no program sets.
    changed: (i64, i64),
}

/// Whether a name is that of a file which was never finished: a leftover of a crash.
pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED_PREFIX)
}

/// An I/O error with the path it happened at.
pub fn file_error(path: &Path, error: io::Error) -> StoreError {
    StoreError::File(format!("{}: {error}", path.display()))
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => Path::new("/"),
    }
}

/// A name beside `path` that no other write of this or an earlier process uses.
fn unfinished_name(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    parent_of(path).join(format!("{UNFINISHED_PREFIX}{}-{number}-{name}", std::process::id()))
}

/// The disk of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

struct RealFile(File);

impl DiskFile for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl Disk for RealDisk {
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(path) {
            // Left by a crashed process that had our number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_unfinished_path(path) => {
                fs::remove_file(path)?;
                self.create(path, mode)
            }
            other => Ok(Box::new(RealFile(other?))),
        }
    }
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let about = rustix::fs::statvfs(folder)?;
        Ok(about.f_bavail.saturating_mul(about.f_frsize))
    }
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE_MODE).open(path)?;
        let allocated = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes);
        allocated.inspect_err(|_| {
            // Less than all of it is of no use.
            let _ = fs::remove_file(path);
        })?;
        Ok(())
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().mode(0o700).create(path)
    }
    #[expect(clippy::disallowed_methods, reason = "this is the seam; whoever calls it syncs the folder")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        absent_is_none(fs::read(path))
    }
    fn read_range(&self, path: &Path, range: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = absent_is_none(File::open(path))? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(range.start))?;
        file.take(range.end.saturating_sub(range.start)).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
    fn read_last(&self, path: &Path, bytes: u64) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = absent_is_none(File::open(path))? else { return Ok(None) };
        let start = file.metadata()?.len().saturating_sub(bytes);
        let mut last = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut last)?;
        Ok(Some(last))
    }
    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        let Some(listing) = absent_is_none(fs::read_dir(path))? else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        for entry in listing {
            let entry = entry?;
            // Removed while we were listing.
            let Some(about) = absent_is_none(entry.metadata())? else { continue };
            entries.push(DiskEntry {
                name: entry.file_name().to_string_lossy().into_owned(),
                is_dir: about.is_dir(),
                len_bytes: about.len(),
                changed: about.modified().map(timestamp)?,
            });
        }
        Ok(entries)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }
    fn changed(&self, path: &Path) -> io::Result<Option<Timestamp>> {
        absent_is_none(fs::metadata(path).and_then(|about| about.modified()).map(timestamp))
    }
    fn state(&self, path: &Path) -> io::Result<Option<FileState>> {
        let about = absent_is_none(fs::metadata(path))?;
        Ok(about.map(|about| FileState {
            len_bytes: about.len(),
            inode: about.ino(),
            changed: (about.ctime(), about.ctime_nsec()),
        }))
    }
    fn touch(&self, path: &Path, at: Timestamp) -> io::Result<()> {
        let since = Duration::from_millis(u64::try_from(at.0).unwrap_or(0));
        File::options().write(true).open(path)?.set_modified(SystemTime::UNIX_EPOCH + since)
    }
    fn fatal(&self, reason: &str) {
        tracing::error!(event = "disk.fatal", reason, "a sync failed: ending the process before anything is lost");
        std::process::abort();
    }
}

fn is_unfinished_path(path: &Path) -> bool {
    path.file_name().is_some_and(|name| is_unfinished(&name.to_string_lossy()))
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn timestamp(time: SystemTime) -> Timestamp {
    crate::clock::timestamp_of(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_whole_private_and_never_overwrites() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/key");
        RealDisk.create_dir_all(path.parent().unwrap()).unwrap();
        RealDisk.write_new_file_durably(&path, b"secret").unwrap();
        assert_eq!(RealDisk.read(&path).unwrap().as_deref(), Some(&b"secret"[..]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);

        let again = RealDisk.write_new_file_durably(&path, b"other").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        RealDisk.replace_file_durably(&path, b"other", 0o644).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        let names: Vec<_> =
            RealDisk.list(path.parent().unwrap()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["key"], "no unfinished file stays behind");
    }

    #[test]
    fn what_is_not_there_is_none_and_removing_it_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent");
        assert_eq!(RealDisk.read(&absent).unwrap(), None);
        assert_eq!(RealDisk.read_range(&absent, 0..1).unwrap(), None);
        assert_eq!(RealDisk.read_last(&absent, 1).unwrap(), None);
        assert_eq!(RealDisk.list(&absent).unwrap(), []);
        RealDisk.remove(&absent).unwrap();
    }

    #[test]
    fn a_range_ends_where_the_file_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        RealDisk.write_new_file_durably(&path, b"0123456789").unwrap();
        let read = |range| RealDisk.read_range(&path, range).unwrap().unwrap();
        assert_eq!((read(2..5), read(8..u64::MAX)), (b"234".to_vec(), b"89".to_vec()));
        assert_eq!((read(20..30), read(3..3)), (Vec::new(), Vec::new()));
        let last = |bytes| RealDisk.read_last(&path, bytes).unwrap().unwrap();
        assert_eq!((last(3), last(0), last(99)), (b"789".to_vec(), Vec::new(), b"0123456789".to_vec()));
    }

    /// Whoever brings a file back from a backup brings its times back too.
    #[test]
    fn a_file_that_was_replaced_or_written_is_in_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("body"), folder.path().join("link"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!((RealDisk.state(&path).unwrap(), RealDisk.state(&link).unwrap()), (None, None));
        RealDisk.write_new_file_durably(&path, b"rotten").unwrap();
        RealDisk.touch(&path, Timestamp(1_700_000_000_123)).unwrap();
        let rotten = RealDisk.state(&path).unwrap().unwrap();
        assert_eq!(RealDisk.state(&link).unwrap(), Some(rotten));
        assert_eq!(rotten.len_bytes, 6);
        RealDisk.replace_file_durably(&path, b"mended", PRIVATE_MODE).unwrap();
        RealDisk.touch(&path, Timestamp(1_700_000_000_123)).unwrap();
        assert_ne!(RealDisk.state(&path).unwrap(), Some(rotten));
    }

    #[test]
    fn a_touch_is_seen_in_the_listing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        RealDisk.write_new_file_durably(&path, b"x").unwrap();
        RealDisk.touch(&path, Timestamp(1_700_000_000_123)).unwrap();
        assert_eq!(RealDisk.list(folder.path()).unwrap()[0].changed, Timestamp(1_700_000_000_123));
    }
}
