//! What a FILE on the command line is: found out by looking at it, or as it was said to be.

use super::maildir;
use crate::cli::failure::Failure;
use postern_types::Flags;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Bytes at the beginning of a file that are looked at.
const LOOK_BYTES: u64 = 4096;

/// How messages lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One file of many messages
    Mbox,
    /// A folder with cur and new, or a tree of such folders
    Maildir,
    /// A file of one message, or a folder of such files
    Eml,
}

/// A place of messages.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Mbox(PathBuf),
    Message(PathBuf),
    Messages(PathBuf),
    Maildir(PathBuf),
}

/// A message that is a file.
#[derive(Debug)]
pub(super) struct FileMessage {
    pub path: PathBuf,
    pub bytes: u64,
    /// When the file was changed, in milliseconds.
    pub modified: i64,
    pub flags: Flags,
}

/// Finds out what this is.
pub(super) fn look(path: &Path, format: Option<Format>) -> Result<Place, Failure> {
    let shown = path.display();
    let unread =
        |error: io::Error| Failure::new(format!("{shown}: {error}")).next("name a file or a folder that you may read");
    let about = std::fs::metadata(path).map_err(unread)?;
    let is_folder = about.is_dir();
    if !is_folder && !about.is_file() {
        // A pipe gives its bytes once, and what it is is found out from the first of them.
        return Err(Failure::new(format!("{shown} is neither a file nor a folder")).next("write it into a file first"));
    }
    let owned = path.to_owned();
    match (format, is_folder) {
        (Some(Format::Mbox), true) => {
            Err(Failure::new(format!("{shown} is a folder, and an mbox is a file")).next("name the files in it"))
        }
        (Some(Format::Maildir), false) => {
            Err(Failure::new(format!("{shown} is a file, and a Maildir is a folder")).next("leave --format out"))
        }
        (Some(Format::Mbox), false) => Ok(Place::Mbox(owned)),
        (Some(Format::Maildir), true) => Ok(Place::Maildir(owned)),
        (Some(Format::Eml), false) => Ok(Place::Message(owned)),
        (Some(Format::Eml), true) => Ok(Place::Messages(owned)),
        (None, true) if is_both(path).map_err(unread)? => {
            Err(Failure::new(format!("{shown} holds a Maildir and files that end in .eml"))
                .next("take one after the other: --format maildir, then --format eml"))
        }
        (None, true) => folder(path).map_err(unread)?.ok_or_else(|| {
            Failure::new(format!("{shown} holds no messages: no folder cur or new, and no file that ends in .eml"))
                .next("name a Maildir, a folder of .eml files, or an mbox")
        }),
        (None, false) => file(path).map_err(unread)?.ok_or_else(|| {
            Failure::new(format!("{shown} is no mbox and no message: it begins with neither a From line nor a header"))
                .next("unpack it if it is packed; or say what it is with --format")
        }),
    }
}

fn folder(path: &Path) -> io::Result<Option<Place>> {
    if is_maildir(path)? {
        return Ok(Some(Place::Maildir(path.to_owned())));
    }
    Ok(has_eml(path)?.then(|| Place::Messages(path.to_owned())))
}

fn is_both(path: &Path) -> io::Result<bool> {
    Ok(has_eml(path)? && is_maildir(path)?)
}

fn is_maildir(path: &Path) -> io::Result<bool> {
    if maildir::is_one(path) {
        return Ok(true);
    }
    let tree = maildir::tree(path);
    match tree.shut.into_iter().next() {
        // What there is may be in what can not be looked into.
        Some((_, error)) if tree.folders.is_empty() => Err(error),
        _ => Ok(!tree.folders.is_empty()),
    }
}

fn has_eml(path: &Path) -> io::Result<bool> {
    Ok(std::fs::read_dir(path)?.any(|entry| entry.is_ok_and(|entry| is_eml(&entry.file_name()))))
}

/// An empty file is an mbox of nothing: mail programs keep an empty mailbox so.
fn file(path: &Path) -> io::Result<Option<Place>> {
    let mut beginning = Vec::new();
    File::open(path)?.take(LOOK_BYTES).read_to_end(&mut beginning)?;
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&beginning).trim_ascii_start();
    if text.is_empty() && beginning.len() < LOOK_BYTES as usize || text.starts_with(b"From ") {
        return Ok(Some(Place::Mbox(path.to_owned())));
    }
    Ok(begins_with_field(&beginning).then(|| Place::Message(path.to_owned())))
}

/// RFC 5322 section 2.2: a name of visible characters, then a colon.
fn begins_with_field(bytes: &[u8]) -> bool {
    let name = bytes.iter().take_while(|byte| (b'!'..=b'~').contains(*byte) && **byte != b':').count();
    let rest = bytes[name..].trim_ascii_start();
    name > 0 && rest.starts_with(b":") && !bytes.contains(&0)
}

/// Does a file name say that it is a message?
pub(super) fn is_eml(name: &OsStr) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("eml"))
}

/// Files of a folder that are messages, by name.
pub(super) fn file_messages(folder: &Path, is_one: impl Fn(&OsStr) -> bool) -> io::Result<Vec<FileMessage>> {
    let mut messages = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !is_one(&entry.file_name()) {
            continue;
        }
        // What can not be looked at is told when it is to be read.
        let about = std::fs::metadata(entry.path()).ok();
        let modified = about.as_ref().and_then(|about| about.modified().ok()?.duration_since(UNIX_EPOCH).ok());
        messages.push(FileMessage {
            path: entry.path(),
            bytes: about.map_or(0, |about| about.len()),
            modified: modified.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(0)),
            flags: Flags::new(),
        });
    }
    messages.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(messages)
}

impl Place {
    /// Bytes of all its messages, for how far it has come.
    pub fn bytes(&self) -> u64 {
        let of_files = |messages: io::Result<Vec<FileMessage>>| -> u64 {
            messages.unwrap_or_default().iter().map(|message| message.bytes).sum()
        };
        match self {
            Place::Mbox(path) | Place::Message(path) => std::fs::metadata(path).map_or(0, |about| about.len()),
            Place::Messages(path) => of_files(file_messages(path, is_eml)),
            Place::Maildir(path) => {
                let folders = maildir::tree(path).folders;
                folders.iter().map(|folder| of_files(maildir::messages(&folder.path))).sum()
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        match self {
            Place::Mbox(path) | Place::Message(path) | Place::Messages(path) | Place::Maildir(path) => path,
        }
    }

    /// Opens an mbox.
    pub fn open(path: &Path) -> io::Result<impl BufRead> {
        Ok(BufReader::with_capacity(256 << 10, File::open(path)?))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of tests, no mail depends on them")]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_how_they_begin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let is = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            match look(&path, None) {
                Ok(Place::Mbox(_)) => "mbox",
                Ok(Place::Message(_)) => "message",
                Ok(_) => "folder",
                Err(_) => "nothing",
            }
        };
        assert_eq!(is(b"From joel@example.net Wed May  1 08:00:00 2024\n"), "mbox");
        assert_eq!(is(b"\n\nFrom joel\n"), "mbox");
        assert_eq!(is(b""), "mbox");
        assert_eq!(is(b"Received: from a.example\r\n"), "message");
        assert_eq!(is(b"From: joel@example.net\n"), "message");
        assert_eq!(is(b"Subject : x\n"), "message");
        assert_eq!(is(b"\x1f\x8b\x08"), "nothing");
        assert_eq!(is(b"A letter without a header.\n"), "nothing");
        assert_eq!(is(b"PK:\x03\x04\0"), "nothing");
        assert_eq!(look(&path, Some(Format::Mbox)).unwrap(), Place::Mbox(path.clone()));
        assert!(look(&path, Some(Format::Maildir)).unwrap_err().reason().contains("a Maildir is a folder"));
        assert!(look(&folder.path().join("none"), None).unwrap_err().reason().contains("No such file"));
    }

    #[test]
    fn folders_are_known_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let refused = look(&path, None).unwrap_err();
        assert!(refused.reason().contains("holds no messages"), "{refused}");
        std::fs::write(path.join("one.EML"), "A: b\n\n").unwrap();
        assert_eq!(look(&path, None).unwrap(), Place::Messages(path.clone()));
        assert_eq!(Place::Messages(path.clone()).bytes(), 6);
        std::fs::create_dir_all(path.join("Work/cur")).unwrap();
        assert!(look(&path, None).unwrap_err().reason().contains("a Maildir and files that end in .eml"));
        assert_eq!(look(&path, Some(Format::Maildir)).unwrap(), Place::Maildir(path.clone()));
        std::fs::remove_file(path.join("one.EML")).unwrap();
        assert_eq!(look(&path, None).unwrap(), Place::Maildir(path.clone()));
        assert!(look(&path, Some(Format::Mbox)).unwrap_err().reason().contains("an mbox is a file"));
    }
}
