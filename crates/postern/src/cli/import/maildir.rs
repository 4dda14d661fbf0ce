//! A Maildir: a file for each message, its flags in its name. Folders below it are mailboxes: `.Archive.2024` (Maildir++,
//! as Dovecot and Courier keep them) and `Archive/2024` (as mbsync can) are both `Archive/2024`.

use super::file_name;
use super::places::{FileMessage, file_messages};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// One folder of messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Its name below the whole, a level each.
    pub levels: Vec<String>,
}

/// Is it a folder that holds messages?
pub(super) fn is_one(path: &Path) -> bool {
    ["cur", "new"].iter().any(|part| path.join(part).is_dir())
}

/// What lies in a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The folders that hold messages: itself first, then those below, by name.
    pub folders: Vec<Folder>,
    /// Folders that can not be looked into, and why.
    pub shut: Vec<(PathBuf, io::Error)>,
}

/// Looks through a tree. Links are not followed.
pub(super) fn tree(root: &Path) -> Tree {
    let mut found = Tree::default();
    walk(root, &mut Vec::new(), &mut found);
    found
}

fn walk(path: &Path, levels: &mut Vec<String>, found: &mut Tree) {
    if is_one(path) {
        found.folders.push(Folder { path: path.to_owned(), levels: levels.clone() });
    }
    let below = match below(path) {
        Ok(below) => below,
        Err(error) => return found.shut.push((path.to_owned(), error)),
    };
    for name in below {
        let count = levels.len();
        levels.extend(file_name::levels(&name));
        walk(&path.join(&name), levels, found);
        levels.truncate(count);
    }
}

/// The folders in a folder that are mailboxes, by name.
fn below(path: &Path) -> io::Result<Vec<OsString>> {
    let mut below = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_part = ["cur", "new", "tmp"].iter().any(|part| entry.file_name() == *part);
        if entry.file_type()?.is_dir() && !(is_part && is_one(path)) {
            below.push(entry.file_name());
        }
    }
    below.sort();
    Ok(below)
}

/// The messages of a folder, oldest first. The time of the file is when it came, which Dovecot and mbsync keep there.
pub(super) fn messages(folder: &Path) -> io::Result<Vec<FileMessage>> {
    let keywords = keywords(folder)?;
    let mut messages = Vec::new();
    for part in ["cur", "new"] {
        let inner = folder.join(part);
        if inner.is_dir() {
            messages.extend(file_messages(&inner, |name| !name.as_encoded_bytes().starts_with(b"."))?);
        }
    }
    for message in &mut messages {
        message.flags = file_name::flags(message.path.file_name().unwrap_or_default(), &keywords);
    }
    messages.sort_by(|one, other| (one.modified, one.path.file_name()).cmp(&(other.modified, other.path.file_name())));
    Ok(messages)
}

/// What Dovecot keeps beside the messages.
fn keywords(folder: &Path) -> io::Result<Vec<(u8, String)>> {
    match std::fs::read(folder.join("dovecot-keywords")) {
        Ok(text) => Ok(file_name::keywords(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of tests, no mail depends on them")]
mod tests {
    use super::*;
    use postern_types::Flags;

    fn make(root: &Path, folders: &[&str]) {
        for folder in folders {
            for part in ["cur", "new", "tmp"] {
                std::fs::create_dir_all(root.join(folder).join(part)).unwrap();
            }
        }
    }

    fn names(root: &Path) -> Vec<String> {
        tree(root).folders.iter().map(|folder| folder.levels.join("/")).collect()
    }

    #[test]
    fn folders_below_are_mailboxes_in_either_way_of_keeping_them() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &["", ".Archive.2024", ".Entw&APw-rfe", ".R&D", ".Sent", "Projects/May", ".Ärger"]);
        std::os::unix::fs::symlink(root.path(), root.path().join(".again")).unwrap();
        let all = ["", "Archive/2024", "Entwürfe", "R&D", "Sent", "Ärger", "Projects/May"];
        assert_eq!(names(root.path()), all);
        let tree = tempfile::tempdir().unwrap();
        make(tree.path(), &["INBOX", "Archive/2024"]);
        assert_eq!(names(tree.path()), ["Archive/2024", "INBOX"]);
    }

    #[test]
    fn messages_are_told_oldest_first_with_what_dovecot_keeps_beside_them() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &[""]);
        std::fs::write(root.path().join("dovecot-keywords"), "0 work\n26 beyond\nnonsense\n").unwrap();
        for (name, seconds) in [("cur/b:2,Sa", 30), ("new/c", 20), ("cur/a:2,", 20), ("cur/.hidden", 1), ("tmp/x", 1)] {
            let file = std::fs::File::create(root.path().join(name)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
        }
        let messages = messages(root.path()).unwrap();
        let told: Vec<_> = messages
            .iter()
            .map(|one| (one.path.file_name().unwrap().to_str().unwrap(), one.modified, one.flags.to_string()))
            .collect();
        let none = Flags::new().to_string();
        let both = Flags::parse("\\Seen work").unwrap().to_string();
        assert_eq!(told, [("a:2,", 20_000, none.clone()), ("c", 20_000, none), ("b:2,Sa", 30_000, both)]);
    }
}
