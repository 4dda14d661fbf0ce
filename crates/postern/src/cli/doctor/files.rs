//! Owners and modes: who on this machine could read mail or keys, and what the server could not open.
//!
//! The house belongs to the owner of its folder. A file of another user is most often left by a command that
//! root ran, and keeps the server from starting.

use super::check::{Check, Group};
use crate::process::quoted;
use postern_server::DatabaseUrl;
use postern_server::config::Config;
use std::fs::{Metadata, read_dir, symlink_metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

const FILES: Group = Group::Files;
const OTHERS: u32 = 0o007;
const OTHERS_READ: u32 = 0o004;
const OTHERS_WRITE: u32 = 0o002;
const GROUP: u32 = 0o070;

/// What a file is to the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The data folder.
    Folder,
    /// `postern.toml`; a password of the database may be in it.
    Configuration { has_password: bool },
    /// A secret: for its owner alone.
    Key,
    /// The key of the certificate, which a group may have.
    TlsKey,
    /// Certificates: for everybody.
    Certificate,
    /// Databases, bodies, and what else is the server's.
    Mail,
    /// A socket.
    Socket,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub path: PathBuf,
    pub kind: Kind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub is_dir: bool,
    /// Where it is a link to that file.
    pub link: Option<Link>,
}

/// A link, whose owner may lead it elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub leads_to: PathBuf,
    pub uid: u32,
}

impl Link {
    /// No command: one that root pastes would change whatever it leads to by then.
    fn next(&self, path: &Path) -> String {
        let (path, leads_to, uid) = (path.display(), self.leads_to.display(), self.uid);
        format!("{path} is a link of user {uid} to {leads_to}: see that it belongs there before you change that")
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// The folder first.
    pub files: Vec<File>,
    /// What this user may not look at.
    pub shut: Vec<PathBuf>,
}

/// Looks at what lies in the folder, one step down, and at what the configuration names elsewhere.
pub(super) fn look(config: &Config) -> Facts {
    let mut facts = Facts { files: Vec::new(), shut: Vec::new() };
    facts.add(&config.data_dir, Kind::Folder);
    let names = facts.names_in(&config.data_dir);
    for path in names {
        match path.file_name().and_then(|name| name.to_str()) {
            _ if path == config.file || path == config.tls.certificate || path == config.tls.key => {}
            Some("acme") => facts.add(&path, Kind::Key),
            Some("keys") => facts.add_with_all_in(&path, Kind::Key),
            Some("tls") => facts.add_all_in(&path, config),
            Some("blobs") => facts.add_with_all_in(&path, Kind::Mail),
            Some("relay.password") => facts.add(&path, Kind::Key),
            _ => facts.add(&path, Kind::Mail),
        }
    }
    if !config.blobs.starts_with(&config.data_dir) {
        facts.add_with_all_in(&config.blobs, Kind::Mail);
    }
    let has_password = config.database != DatabaseUrl::Sqlite;
    facts.add(&config.file, Kind::Configuration { has_password });
    // By ACME both are one file, and then it is a key.
    facts.add(&config.tls.key, Kind::TlsKey);
    facts.add(&config.tls.certificate, Kind::Certificate);
    if let Some(file) = config.relay.password_file() {
        facts.add(file, Kind::Key);
    }
    facts
}

impl Facts {
    fn add(&mut self, path: &Path, kind: Kind) {
        if self.files.iter().any(|file| file.path == path) {
            return;
        }
        match symlink_metadata(path) {
            Ok(about) if about.is_symlink() => self.add_target(path, kind, &about),
            Ok(about) => self.files.push(file(path, kind, &about)),
            Err(error) => self.failed(path, &error),
        }
    }

    /// Certificates are often links to where their program keeps them.
    fn add_target(&mut self, path: &Path, kind: Kind, link: &Metadata) {
        match std::fs::metadata(path) {
            Ok(about) => {
                let leads_to = std::fs::read_link(path).unwrap_or_default();
                self.files.push(File { link: Some(Link { leads_to, uid: link.uid() }), ..file(path, kind, &about) });
            }
            Err(error) => self.failed(path, &error),
        }
    }

    fn failed(&mut self, path: &Path, error: &io::Error) {
        // What is not there is another check's to tell.
        if error.kind() == io::ErrorKind::PermissionDenied {
            self.shut.push(path.to_owned());
        }
    }

    fn names_in(&mut self, folder: &Path) -> Vec<PathBuf> {
        match read_dir(folder) {
            Ok(entries) => {
                let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
                names.sort();
                names
            }
            Err(error) => {
                self.failed(folder, &error);
                Vec::new()
            }
        }
    }

    fn add_with_all_in(&mut self, folder: &Path, kind: Kind) {
        self.add(folder, kind);
        for path in self.names_in(folder) {
            self.add(&path, kind);
        }
    }

    /// `tls`: what ends like a key is one.
    fn add_all_in(&mut self, folder: &Path, config: &Config) {
        self.add(folder, Kind::Certificate);
        for path in self.names_in(folder) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_key = path == config.tls.key || name.ends_with(".key") || name.ends_with("key.pem");
            self.add(&path, if is_key { Kind::TlsKey } else { Kind::Certificate });
        }
    }
}

fn file(path: &Path, kind: Kind, about: &Metadata) -> File {
    let kind = if about.file_type().is_socket() { Kind::Socket } else { kind };
    let (uid, gid) = (about.uid(), about.gid());
    File { path: path.to_owned(), kind, mode: about.mode() & 0o7777, uid, gid, is_dir: about.is_dir(), link: None }
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let Some(folder) = facts.files.iter().find(|file| file.kind == Kind::Folder) else { return vec![] };
    let mut checks: Vec<Check> = facts.files.iter().filter_map(modes).collect();
    if checks.is_empty() {
        let text = format!("{} files and folders, none of them open to others", facts.files.len());
        checks.push(Check::ok(FILES, "files.modes", "modes", text));
    }
    checks.extend(owners(facts, folder));
    if let Some(first) = facts.shut.first() {
        let text = format!("this user may not look at {} of them", facts.shut.len());
        let next = "do this as root, or as the user that the house belongs to";
        checks.push(Check::note(FILES, "files.shut", first.display().to_string(), text).next(next));
    }
    checks
}

/// What is wrong with the mode of one file.
fn modes(file: &File) -> Option<Check> {
    let check = wrong_mode(file)?;
    // `chmod` changes what a link leads to, and whoever may write in the folder says where that is.
    Some(match &file.link {
        Some(link) => check.next(link.next(&file.path)),
        None => check,
    })
}

fn wrong_mode(file: &File) -> Option<Check> {
    let (what, shown) = (file.path.display().to_string(), quoted(&file.path));
    let mode = file.mode & 0o777;
    let fail = |id, why: &str| Some(Check::fail(FILES, id, &what, format!("{why} (mode {mode:04o})")));
    let warn = |id, why: &str| Some(Check::warn(FILES, id, &what, format!("{why} (mode {mode:04o})")));
    let chmod = |to: &str| format!("chmod {to} {shown}");
    let x = if file.is_dir { "u=rwX,go=" } else { "0600" };
    if mode & OTHERS_WRITE != 0 {
        return fail("files.modes", "every user of this machine may write it")?.next(chmod("o=")).into();
    }
    match file.kind {
        Kind::Folder if mode & OTHERS != 0 => {
            warn("files.folder", "every user of this machine may see what lies in it")?.next(chmod("o=")).into()
        }
        Kind::Key if mode & OTHERS != 0 => {
            fail("files.keys", "a secret, and every user of this machine may read it")?.next(chmod(x)).into()
        }
        Kind::Key if mode & GROUP != 0 => {
            warn("files.keys", "a secret, and its group may read it")?.next(chmod(x)).into()
        }
        Kind::TlsKey if mode & OTHERS != 0 => {
            fail("files.tls-key", "a key, and every user of this machine may read it")?.next(chmod("o=")).into()
        }
        Kind::Configuration { has_password: true } if mode & (OTHERS | GROUP) != 0 => {
            let why = "it may hold the password of the database, and others than its owner may read it";
            fail("files.configuration", why)?.next(chmod("0600")).into()
        }
        Kind::Mail if mode & OTHERS_READ != 0 => {
            fail("files.mail", "every user of this machine may read it")?.next(chmod("o=")).into()
        }
        Kind::Socket if mode & OTHERS != 0 => {
            fail("files.sockets", "every user of this machine may connect")?.next(chmod("0660")).into()
        }
        _ => None,
    }
}

fn owners(facts: &Facts, folder: &File) -> Vec<Check> {
    let wrong: Vec<&File> = facts.files.iter().filter(|file| !works_for(file, folder)).collect();
    let owner = folder.uid;
    let (what, id) = ("owners", "files.owners");
    let Some(first) = wrong.first() else {
        return vec![Check::ok(
            FILES,
            id,
            what,
            format!("user {owner}, whom the folder belongs to, can open all of it"),
        )];
    };
    let others = match wrong.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    let (name, uid) = (first.path.display(), first.uid);
    let text = format!(
        "the folder belongs to user {owner}, and its server could not work with {name}{others}, of user {uid}: most often a \
         command that root ran left it"
    );
    let links = wrong.iter().filter_map(|file| Some(file.link.as_ref()?.next(&file.path)));
    let paths: Vec<String> = wrong.iter().filter(|file| file.link.is_none()).map(|file| quoted(&file.path)).collect();
    let chown = (!paths.is_empty()).then(|| format!("chown -h {owner}:{} {}", folder.gid, paths.join(" ")));
    let next: Vec<String> = chown.into_iter().chain(links).collect();
    vec![Check::fail(FILES, id, what, text).next(next.join("; "))]
}

/// Whether the folder's owner can do with a file what its server does: read certificates and configuration, and
/// write all else.
fn works_for(file: &File, folder: &File) -> bool {
    let is_read_alone =
        matches!(file.kind, Kind::Certificate | Kind::TlsKey | Kind::Configuration { .. } | Kind::Key | Kind::Socket);
    let bit = if is_read_alone { 0o4 } else { 0o2 };
    let shift = match (file.uid == folder.uid, file.gid == folder.gid) {
        // Root may do everything; the owner may give themselves what they lack.
        _ if folder.uid == 0 => return true,
        (true, _) => return true,
        (false, true) => 3,
        (false, false) => 0,
    };
    // A socket is removed by its name.
    file.kind == Kind::Socket || (file.mode >> shift) & bit != 0
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    fn one(name: &str, kind: Kind, mode: u32, uid: u32) -> File {
        let path = Path::new("/srv/postern").join(name);
        File { path, kind, mode, uid, gid: uid, is_dir: kind == Kind::Folder, link: None }
    }

    fn house(files: Vec<File>) -> Vec<Check> {
        let folder = one("", Kind::Folder, 0o750, 990);
        judge(&Facts { files: [vec![folder], files].concat(), shut: vec![] })
    }

    fn worst(file: File) -> (Status, &'static str, Option<String>) {
        let checks = house(vec![file]);
        let check = checks.into_iter().max_by_key(|check| check.status).unwrap();
        (check.status, check.id, check.next)
    }

    #[test]
    fn a_house_as_init_makes_it_is_well() {
        let files = vec![
            one("postern.toml", Kind::Configuration { has_password: false }, 0o640, 990),
            one("keys/blob.key", Kind::Key, 0o600, 990),
            one("tls/key.pem", Kind::TlsKey, 0o600, 990),
            one("tls/cert.pem", Kind::Certificate, 0o644, 990),
            one("postern.db", Kind::Mail, 0o600, 990),
            one("admin.sock", Kind::Socket, 0o660, 990),
        ];
        let checks = house(files);
        assert!(checks.iter().all(|check| check.status == Status::Ok), "{checks:?}");
    }

    #[test]
    fn what_others_may_read_is_told_with_the_command_that_mends_it() {
        let told = |name, kind, mode| worst(one(name, kind, mode, 990));
        let next = |text: &str| Some(text.to_owned());
        let key = (Status::Fail, "files.keys", next("chmod 0600 /srv/postern/keys/blob.key"));
        assert_eq!(told("keys/blob.key", Kind::Key, 0o644), key);
        assert_eq!(told("keys/blob.key", Kind::Key, 0o640).0, Status::Warn);
        let tls = (Status::Fail, "files.tls-key", next("chmod o= /srv/postern/tls/key.pem"));
        assert_eq!(told("tls/key.pem", Kind::TlsKey, 0o644), tls);
        assert_eq!(told("tls/key.pem", Kind::TlsKey, 0o640).0, Status::Ok, "a group for certificates is common");
        assert_eq!(told("postern.db", Kind::Mail, 0o644).0, Status::Fail);
        assert_eq!(told("admin.sock", Kind::Socket, 0o666).0, Status::Fail);
        assert_eq!(told("", Kind::Folder, 0o755).0, Status::Warn);
        let with = |has_password| told("postern.toml", Kind::Configuration { has_password }, 0o644).0;
        assert_eq!((with(true), with(false)), (Status::Fail, Status::Ok));
        assert_eq!(told("tls/cert.pem", Kind::Certificate, 0o646).0, Status::Fail, "others may write it");
    }

    #[test]
    fn what_root_left_is_told_and_what_the_server_only_reads_is_not() {
        let (status, id, next) = worst(one("postern.db-wal", Kind::Mail, 0o600, 0));
        assert_eq!((status, id), (Status::Fail, "files.owners"));
        assert_eq!(next.unwrap(), "chown -h 990:990 /srv/postern/postern.db-wal");
        assert_eq!(worst(one("tls/cert.pem", Kind::Certificate, 0o644, 0)).0, Status::Ok, "root copied it there");
        assert_eq!(worst(one("tls/key.pem", Kind::TlsKey, 0o600, 0)).0, Status::Fail);
        let group = File { gid: 990, ..one("tls/key.pem", Kind::TlsKey, 0o640, 0) };
        assert_eq!(worst(group).0, Status::Ok);
    }

    /// Whoever runs the server may make a link in its folder, and root pastes what is told.
    #[test]
    fn what_is_a_link_is_told_without_a_command() {
        let leads = |mode, uid| {
            let link = Some(Link { leads_to: "/etc/shadow".into(), uid: 990 });
            worst(File { link, ..one("x", Kind::Mail, mode, uid) })
        };
        for (status, _, next) in [leads(0o640, 0), leads(0o644, 990)] {
            let next = next.unwrap();
            assert_eq!(status, Status::Fail);
            assert!(next.contains("/srv/postern/x is a link of user 990 to /etc/shadow"), "{next}");
            assert!(!next.contains("chmod") && !next.contains("chown"), "{next}");
        }
    }
}
