//! What a disk holds: names, and the bytes of files.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder with everything in it, by paths below it; a parent comes before its children.
/// SQLite's wal-index (`-shm`) is left out: it is memory that happens to have a name.
#[derive(Debug, Clone, Default)]
pub struct Image {
    pub(super) nodes: BTreeMap<PathBuf, Node>,
}

/// One name.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Folder,
    File { bytes: Vec<u8>, changed: SystemTime },
}

impl Image {
    /// What lies in a folder now.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut image = Self::default();
        image.read_below(folder, Path::new(""))?;
        Ok(image)
    }

    fn read_below(&mut self, root: &Path, below: &Path) -> io::Result<()> {
        for entry in fs::read_dir(root.join(below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let about = entry.metadata()?;
            if about.is_dir() {
                self.nodes.insert(path.clone(), Node::Folder);
                self.read_below(root, &path)?;
            } else if about.is_file() && !is_memory(&path) {
                let node = Node::File { bytes: fs::read(entry.path())?, changed: about.modified()? };
                self.nodes.insert(path, node);
            }
        }
        Ok(())
    }

    /// Lays it out in a folder, which must be empty.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (path, node) in &self.nodes {
            let path = folder.join(path);
            match node {
                Node::Folder => fs::DirBuilder::new().mode(0o700).create(path)?,
                Node::File { bytes, changed } => {
                    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
                    file.write_all(bytes)?;
                    set_changed(&file, *changed)?;
                }
            }
        }
        Ok(())
    }

    /// How many files lie below a folder.
    pub fn files_below(&self, folder: &str) -> usize {
        let below = self.nodes.iter().filter(|(path, _)| path.starts_with(folder));
        below.filter(|(_, node)| matches!(node, Node::File { .. })).count()
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: &Path) -> Option<&[u8]> {
        match self.nodes.get(path) {
            Some(Node::File { bytes, .. }) => Some(bytes),
            _ => None,
        }
    }
}

fn set_changed(file: &File, changed: SystemTime) -> io::Result<()> {
    file.set_times(FileTimes::new().set_modified(changed))
}

/// The file that SQLite maps to share its index of the log between connections.
fn is_memory(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}
