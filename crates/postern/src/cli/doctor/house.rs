//! The house itself: its configuration, its folder, and whether its server runs.

use super::check::{Check, Group};
use crate::cli::transport;
use crate::process::quoted;
use postern_http::model::Health;
use postern_server::config::Config;
use postern_server::{DatabaseUrl, Peek, admin_socket, peek};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

const HOUSE: Group = Group::House;

/// The server of a house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Server {
    /// It answers at `admin.sock`; its process, and whether its database answers it.
    Runs { pid: Option<u32>, trouble: Option<String> },
    /// Nobody answers, and this process has the folder.
    Silent { pid: u32 },
    /// Nobody answers.
    Away,
    /// There is a socket that this user may not open.
    Forbidden,
}

impl Server {
    pub fn pid(&self) -> Option<u32> {
        match self {
            Server::Runs { pid, .. } => *pid,
            _ => None,
        }
    }

    pub fn runs(&self) -> bool {
        matches!(self, Server::Runs { .. })
    }
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub file: PathBuf,
    pub data_dir: PathBuf,
    pub is_folder: bool,
    /// Parts of a house that are not there.
    pub missing: Vec<&'static str>,
    pub is_sqlite: bool,
    /// The database, where nobody has it open; or what its server would end with.
    pub peek: Result<Option<Peek>, String>,
    pub server: Server,
}

/// Looks.
pub(super) async fn look(config: &Config) -> Facts {
    let is_sqlite = config.database == DatabaseUrl::Sqlite;
    let parts: &[&'static str] = match is_sqlite {
        true => &["keys/blob.key", "postern.db", "bodies.db", "node"],
        false => &["keys/blob.key", "node"],
    };
    let is_missing = |part: &&&str| matches!(config.data_dir.join(part).try_exists(), Ok(false));
    let server = server(config).await;
    let is_shut = is_sqlite && matches!(server, Server::Away);
    Facts {
        file: config.file.clone(),
        data_dir: config.data_dir.clone(),
        is_folder: config.data_dir.is_dir(),
        missing: parts.iter().filter(is_missing).copied().collect(),
        is_sqlite,
        peek: if is_shut { peek(&config.data_dir).map_err(|error| error.to_string()) } else { Ok(None) },
        server,
    }
}

async fn server(config: &Config) -> Server {
    let stream = match UnixStream::connect(admin_socket(config)).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Server::Forbidden,
        Err(_) => {
            return match holder_of_lock(&config.data_dir.join("lock")) {
                Some(pid) => Server::Silent { pid },
                None => Server::Away,
            };
        }
    };
    // The one that listens, by the kernel's word.
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid()).and_then(|pid| u32::try_from(pid).ok());
    let ready: Result<Health, _> = transport::ask_operator(config, "/readyz").await;
    Server::Runs { pid, trouble: ready.err().map(|failure| failure.reason().to_owned()) }
}

/// The process that holds the lock of the folder. The file is not opened: whoever starts just now shall find it free.
fn holder_of_lock(lock: &Path) -> Option<u32> {
    let inode = std::fs::metadata(lock).ok()?.ino();
    held(&std::fs::read_to_string("/proc/locks").ok()?, inode)
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:01:131090 0 EOF`
fn held(locks: &str, inode: u64) -> Option<u32> {
    let line = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1) == Some(&"FLOCK") && fields.get(5)?.rsplit(':').next()? == inode.to_string();
        is_it.then(|| fields.get(4)?.parse().ok()).flatten()
    };
    locks.lines().find_map(line)
}

/// A configuration that can not be used: all else rests on it.
pub(super) fn unusable(file: &Path, error: &str) -> Check {
    let what = format!("configuration {}", file.display());
    Check::fail(HOUSE, "house.configuration", what, "").told(error)
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    let file = facts.file.display();
    let configuration = Check::ok(HOUSE, "house.configuration", format!("configuration {file}"), "it can be used");
    let folder = folder(facts);
    // Of a folder that holds no house, the rest would say the same again.
    let rest = if folder.next.is_some() { vec![] } else { [database(facts), Some(running(facts))].to_vec() };
    [configuration, folder].into_iter().chain(rest.into_iter().flatten()).collect()
}

fn folder(facts: &Facts) -> Check {
    let what = format!("data folder {}", facts.data_dir.display());
    let (id, missing) = ("house.folder", facts.missing.join(", "));
    if !facts.is_folder {
        let next = format!("mount its disk, or make a house: postern init --data {} …", quoted(&facts.data_dir));
        return Check::fail(HOUSE, id, what, "it is not there").next(next);
    }
    match facts.missing.is_empty() {
        true => Check::ok(HOUSE, id, what, "a house is in it"),
        false => Check::fail(HOUSE, id, what, format!("the house in it is not whole: {missing} is not there"))
            .next("bring it back from a backup (docs/backup.md); postern init makes a new house in an empty folder"),
    }
}

fn database(facts: &Facts) -> Option<Check> {
    let id = "house.database";
    match &facts.peek {
        Err(error) => {
            let next =
                "use the version of Postern that wrote it, or bring the folder back from a backup (docs/backup.md)";
            Some(Check::fail(HOUSE, id, "database", "").next(next).told(error))
        }
        Ok(Some(peek)) if peek.lacking > 0 => {
            let text =
                format!("it is of an older version; the next start copies it and brings it {} steps on", peek.lacking);
            Some(Check::note(HOUSE, id, "database", text).next("make a backup before (docs/backup.md)"))
        }
        Ok(Some(_)) => Some(Check::ok(HOUSE, id, "database", "SQLite, of this version, and closed in good order")),
        Ok(None) => None,
    }
}

fn running(facts: &Facts) -> Check {
    let id = "house.server";
    let process = |pid: Option<u32>| pid.map(|pid| format!("process {pid}")).unwrap_or_else(|| "it".to_owned());
    match &facts.server {
        Server::Runs { pid, trouble: None } => {
            Check::ok(HOUSE, id, "server", format!("{} runs, and its database answers", process(*pid)))
        }
        Server::Runs { pid, trouble: Some(trouble) } => {
            let text = format!("{} runs and can not serve: {trouble}", process(*pid));
            Check::fail(HOUSE, id, "server", text).next(match facts.is_sqlite {
                true => "its log has the cause: journalctl -u postern",
                false => "is PostgreSQL up? The log has the cause: journalctl -u postern",
            })
        }
        Server::Silent { pid } => {
            let text =
                format!("process {pid} has the folder and does not answer at admin.sock: it starts, ends, or is stuck");
            Check::warn(HOUSE, id, "server", text)
                .next(format!("look at it: ps -fp {pid}; its log: journalctl -u postern"))
        }
        Server::Away => Check::warn(HOUSE, id, "server", "none runs")
            .next(format!("systemctl start postern, or by hand: postern serve --config {}", quoted(&facts.file))),
        Server::Forbidden => {
            let text = "this user may not open admin.sock, so what only the server knows is not told";
            Check::note(HOUSE, id, "server", text).next("do this as root, or as the user that the server runs as")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;
    use postern_types::Timestamp;

    fn facts(server: Server) -> Facts {
        Facts {
            file: "/srv/postern/postern.toml".into(),
            data_dir: "/srv/postern".into(),
            is_folder: true,
            missing: vec![],
            is_sqlite: true,
            peek: Ok(None),
            server,
        }
    }

    fn found(facts: &Facts, id: &str) -> (Status, String) {
        let checks = judge(facts);
        let check = checks.iter().find(|check| check.id == id).unwrap_or_else(|| panic!("{id} in {checks:?}"));
        assert!(check.status == Status::Ok || check.next.is_some(), "{check:?}");
        (check.status, check.text.clone())
    }

    #[test]
    fn a_server_is_told_as_it_is() {
        let state = |server: Server| found(&facts(server), "house.server");
        assert_eq!(state(Server::Runs { pid: Some(7), trouble: None }).0, Status::Ok);
        let (status, text) = state(Server::Runs { pid: Some(7), trouble: Some("not now".into()) });
        assert_eq!((status, text.as_str()), (Status::Fail, "process 7 runs and can not serve: not now"));
        assert_eq!((state(Server::Away).0, state(Server::Forbidden).0), (Status::Warn, Status::Note));
        assert!(state(Server::Silent { pid: 7 }).1.starts_with("process 7 has the folder"));
    }

    #[test]
    fn a_house_that_is_not_whole_fails_and_says_what_lacks() {
        let broken = Facts { missing: vec!["keys/blob.key"], ..facts(Server::Away) };
        let (status, text) = found(&broken, "house.folder");
        assert_eq!((status, text.contains("keys/blob.key")), (Status::Fail, true));
        assert_eq!(found(&Facts { is_folder: false, ..facts(Server::Away) }, "house.folder").0, Status::Fail);
    }

    #[test]
    fn a_database_of_another_version_is_told_before_the_start() {
        let with = |peek| Facts { peek, ..facts(Server::Away) };
        let peeked = |lacking| Ok(Some(Peek { lacking, clock_high: Some(Timestamp(0)) }));
        assert_eq!(found(&with(peeked(0)), "house.database").0, Status::Ok);
        assert_eq!(found(&with(peeked(2)), "house.database").0, Status::Note);
        let (status, text) = found(&with(Err("The database was written by a newer Postern".into())), "house.database");
        assert_eq!((status, text.as_str()), (Status::Fail, "The database was written by a newer Postern"));
    }

    #[test]
    fn the_holder_of_a_lock_is_read_from_the_kernel() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 4711 08:01:77 0 EOF\n";
        assert_eq!((held(locks, 77), held(locks, 7)), (Some(4711), None));
    }
}
