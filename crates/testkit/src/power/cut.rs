//! The power is cut: what a disk may hold afterwards, by the weakest promises that disks
//! and file systems make.
//!
//! - Bytes: what was written before the file's last sync is there. Of what was written
//!   since, any 512-byte sector may be there or not, whatever the order of the writes;
//!   within one sector a later write is never older than an earlier one that stayed. A
//!   file that was growing may have its new length with zeros in it. A cut of its length
//!   (truncate) may have happened or not.
//! - Names: creations, renames and removals are there once their folder was synced. Of
//!   those since then any may be missing; one rename is done as a whole or not at all. A
//!   synced file whose name is missing is lost.
//!
//! So torn writes (a prefix), dropped writes and reordered writes are all covered. What
//! disks do not do is not: bytes that nobody wrote near (SQLite's "powersafe overwrite"),
//! and sectors that were synced and go bad.

use super::image::{Image, Node};
use super::random::Random;
use super::record::{Event, FileId, Recording};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a disk writes as a whole or not at all, in bytes.
const SECTOR_BYTES: usize = 512;

impl Recording {
    /// What the disk holds when the power is cut after `position` changes.
    pub fn cut(&self, position: usize, random: &mut Random) -> Image {
        let mut platter = Platter::new(&self.base);
        for event in &self.events[..position.min(self.events.len())] {
            platter.apply(event);
        }
        platter.lose_power(random)
    }

    /// What the disk holds when it is shut down in good order after `position` changes.
    pub fn all(&self, position: usize) -> Image {
        let mut platter = Platter::new(&self.base);
        for event in &self.events[..position.min(self.events.len())] {
            platter.apply(event);
        }
        platter.sync_everything();
        platter.image()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    Folder,
    File(FileId),
}

/// A change of bytes that no sync has covered yet.
enum Change<'e> {
    Write { at: usize, bytes: &'e [u8] },
    Truncate(usize),
}

/// A change of names that no sync has covered yet.
struct NameChange {
    folder: PathBuf,
    unlink: Option<PathBuf>,
    link: Option<(PathBuf, Named)>,
}

struct FileState<'e> {
    durable: Vec<u8>,
    pending: Vec<Change<'e>>,
    changed: SystemTime,
}

/// The durable state, and what waits in memory.
struct Platter<'e> {
    files: BTreeMap<FileId, FileState<'e>>,
    names: BTreeMap<PathBuf, Named>,
    pending: Vec<NameChange>,
    /// The names as the running system sees them, to know what a rename moves.
    seen: HashMap<PathBuf, Named>,
}

impl<'e> Platter<'e> {
    fn new(base: &Image) -> Self {
        let (mut files, mut names) = (BTreeMap::new(), BTreeMap::new());
        for (path, node) in &base.nodes {
            let named = match node {
                Node::Folder => Named::Folder,
                Node::File { bytes, changed } => {
                    let file = FileId(files.len());
                    files.insert(file, FileState { durable: bytes.clone(), pending: Vec::new(), changed: *changed });
                    Named::File(file)
                }
            };
            names.insert(path.clone(), named);
        }
        let seen = names.iter().map(|(path, named)| (path.clone(), *named)).collect();
        Self { files, names, pending: Vec::new(), seen }
    }

    fn apply(&mut self, event: &'e Event) {
        match event {
            Event::Create { path, file } => {
                let state = FileState { durable: Vec::new(), pending: Vec::new(), changed: SystemTime::UNIX_EPOCH };
                self.files.insert(*file, state);
                self.link(path, Named::File(*file));
            }
            Event::CreateFolder { path } => self.link(path, Named::Folder),
            Event::Write { file, at, bytes } => self.change(*file, Change::Write { at: *at, bytes }),
            Event::Truncate { file, length } => self.change(*file, Change::Truncate(*length)),
            Event::Sync { file } => {
                if let Some(state) = self.files.get_mut(file) {
                    state.sync();
                }
            }
            Event::Touch { file, at } => {
                if let Some(state) = self.files.get_mut(file) {
                    state.changed = *at;
                }
            }
            Event::Rename { from, to } => self.rename(from, to),
            Event::Remove { path } => {
                self.seen.remove(path);
                self.pending.push(NameChange { folder: parent(path), unlink: Some(path.clone()), link: None });
            }
            Event::SyncFolder { path } => self.sync_folder(path),
        }
    }

    fn change(&mut self, file: FileId, change: Change<'e>) {
        if let Some(state) = self.files.get_mut(&file) {
            state.pending.push(change);
        }
    }

    fn link(&mut self, path: &Path, named: Named) {
        self.seen.insert(path.to_owned(), named);
        self.pending.push(NameChange { folder: parent(path), unlink: None, link: Some((path.to_owned(), named)) });
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        let Some(named) = self.seen.remove(from) else { return };
        self.seen.insert(to.to_owned(), named);
        let link = Some((to.to_owned(), named));
        let unlink = Some(from.to_owned());
        if parent(from) == parent(to) {
            self.pending.push(NameChange { folder: parent(to), unlink, link });
        } else {
            // Two folders, two syncs: until both, the file may have both names or none.
            self.pending.push(NameChange { folder: parent(to), unlink: None, link });
            self.pending.push(NameChange { folder: parent(from), unlink, link: None });
        }
    }

    fn sync_folder(&mut self, folder: &Path) {
        for change in std::mem::take(&mut self.pending) {
            if change.folder == folder {
                self.settle_name(change);
            } else {
                self.pending.push(change);
            }
        }
    }

    fn settle_name(&mut self, change: NameChange) {
        if let Some(path) = change.unlink {
            self.names.remove(&path);
        }
        if let Some((path, named)) = change.link {
            self.names.insert(path, named);
        }
    }

    fn sync_everything(&mut self) {
        self.files.values_mut().for_each(FileState::sync);
        for change in std::mem::take(&mut self.pending) {
            self.settle_name(change);
        }
    }

    fn lose_power(mut self, random: &mut Random) -> Image {
        let mut fate = Fate::choose(self.pending.len(), random);
        for (index, change) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            if fate.keeps(index, random) {
                self.settle_name(change);
            }
        }
        for state in self.files.values_mut() {
            state.lose_power(random);
        }
        self.image()
    }

    /// What can be reached by a name from the root.
    fn image(mut self) -> Image {
        let mut image = Image::default();
        // A parent comes before its children in the order of paths.
        for (path, named) in &self.names {
            let above = parent(path);
            let reachable = above.as_os_str().is_empty() || matches!(image.nodes.get(&above), Some(Node::Folder));
            if !reachable {
                continue;
            }
            let node = match named {
                Named::Folder => Node::Folder,
                Named::File(file) => match self.files.get_mut(file) {
                    Some(state) => Node::File { bytes: state.durable.clone(), changed: state.changed },
                    None => continue,
                },
            };
            image.nodes.insert(path.clone(), node);
        }
        image
    }
}

impl FileState<'_> {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write { at, bytes } => write(&mut self.durable, at, bytes),
                Change::Truncate(length) => self.durable.resize(length, 0),
            }
        }
    }

    fn lose_power(&mut self, random: &mut Random) {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return;
        }
        let grown = self.length_with(&pending);
        let mut fate = Fate::choose(pending.len(), random);
        for (index, change) in pending.iter().enumerate() {
            match change {
                Change::Truncate(length) => {
                    if fate.keeps(index, random) {
                        self.durable.resize(*length, 0);
                    }
                }
                Change::Write { at, bytes } => {
                    for (from, to) in sectors(*at, bytes.len()) {
                        if fate.keeps_sector(index, random) {
                            write(&mut self.durable, *at + from, &bytes[from..to]);
                        }
                    }
                }
            }
        }
        if self.durable.len() < grown && random.percent(25) {
            self.durable.resize(grown, 0);
        }
    }

    /// How long the file was to the running system.
    fn length_with(&self, pending: &[Change<'_>]) -> usize {
        pending.iter().fold(self.durable.len(), |length, change| match change {
            Change::Write { at, bytes } => length.max(at + bytes.len()),
            Change::Truncate(length) => *length,
        })
    }
}

/// What becomes of unsynced changes, each number their index.
enum Fate {
    /// All are lost.
    Lost,
    /// All are there: the writeback was faster than the cut.
    Kept,
    /// Those before this one are there, of this one perhaps the beginning.
    Prefix { end: usize, torn: bool },
    /// Each part is there this many times in a hundred.
    Scattered { percent: usize },
}

impl Fate {
    fn choose(changes: usize, random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::Lost,
            1 => Self::Kept,
            2 | 3 => Self::Prefix { end: random.below(changes + 1), torn: false },
            _ => Self::Scattered { percent: *random.pick(&[10, 50, 90]) },
        }
    }

    fn keeps(&mut self, index: usize, random: &mut Random) -> bool {
        match self {
            Self::Lost => false,
            Self::Kept => true,
            Self::Prefix { end, .. } => index < *end,
            Self::Scattered { percent } => random.percent(*percent),
        }
    }

    fn keeps_sector(&mut self, index: usize, random: &mut Random) -> bool {
        match self {
            // The write at the end of the prefix stops at some sector and goes no further.
            Self::Prefix { end, torn } if index == *end => {
                *torn = *torn || random.percent(40);
                !*torn
            }
            _ => self.keeps(index, random),
        }
    }
}

/// The parts of a write that lie in one sector each, as ranges of its bytes.
fn sectors(at: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    let first = at / SECTOR_BYTES;
    let end = (at + length).div_ceil(SECTOR_BYTES);
    (first..end).map(move |sector| {
        let from = (sector * SECTOR_BYTES).max(at) - at;
        let to = ((sector + 1) * SECTOR_BYTES).min(at + length) - at;
        (from, to)
    })
}

fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}
