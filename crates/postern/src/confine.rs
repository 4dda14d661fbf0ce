//! The server writes in its house and nowhere else: the kernel sees to it (Landlock, Linux 5.13), also where
//! no unit of systemd does.
//!
//! Reading is not bounded: certificates, passwords and zones lie where the administrator keeps them, and the
//! user that the server runs as bounds it. As with users, what is asked here holds for the thread that asks and
//! those that it starts, so it is done while there is one.

use anyhow::Context as _;
use landlock::{
    ABI, AccessFs, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    path_beneath_rules,
};
use postern_server::config::{Config, ListenAddress};
use rustix::process::geteuid;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Component, Path, PathBuf};

/// Rights of the first three versions of Landlock (Linux 6.2), the last of which bounds truncation. Older kernels
/// enforce what they know.
const KNOWN: ABI = ABI::V3;
/// What of the data folder an administrator may have put on another disk, by a link.
const MOVED: [&str; 5] = ["postern.db", "bodies.db", "keys", "acme", "tls"];

/// How far the kernel sees to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confined {
    /// Nothing is written elsewhere.
    Fully,
    /// An older kernel: some acts on files elsewhere are not seen.
    Partly,
    /// The kernel has no Landlock, or it is switched off.
    Not,
}

impl Confined {
    /// Says so in the log.
    pub(crate) fn tell(self) {
        match self {
            Confined::Fully => tracing::info!(event = "server.confined", "the kernel lets it write in its house alone"),
            Confined::Partly => {
                tracing::info!(
                    event = "server.confined",
                    "the kernel lets it write in its house alone, as far as this version sees to that"
                );
            }
            Confined::Not => tracing::info!(
                event = "server.not-confined",
                "this kernel does not bound where it writes (Landlock); its user does"
            ),
        }
    }
}

/// Bounds what this thread writes, and those that it starts: the house, its sockets, and the folder of the
/// ready-file.
pub(crate) fn confine(config: &Config, ready_file: Option<&Path>) -> anyhow::Result<Confined> {
    let mut places = vec![opened(&config.data_dir)?];
    if !is_within(&config.blobs, &config.data_dir) {
        // What is not there could be named by no rule, nor be made later.
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&config.blobs);
        made.with_context(|| format!("[blobs] url: {} can not be made", config.blobs.display()))?;
        places.push(opened(&config.blobs)?);
    }
    for folder in sockets(config).chain(ready_file).map(folder_of) {
        places.push(opened(&folder)?);
    }
    places.extend(MOVED.iter().filter_map(|name| led_to(&config.data_dir.join(name))));
    places.extend(led_to(&config.blobs));
    let writes = AccessFs::from_write(KNOWN);
    let rules = places.into_iter().map(|place| Ok(PathBeneath::new(place, writes)));
    let nowhere = path_beneath_rules(["/dev/null"], writes);
    let status = Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(writes)?
        .create()?
        .add_rules(rules.chain(nowhere))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

/// Below that folder, and not out of it again by `..`.
fn is_within(path: &Path, folder: &Path) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_ok_and(|rest| rest.components().all(|part| matches!(part, Component::Normal(_))))
}

fn opened(folder: &Path) -> anyhow::Result<PathFd> {
    PathFd::new(folder).with_context(|| format!("{} can not be opened", folder.display()))
}

fn sockets(config: &Config) -> impl Iterator<Item = &Path> {
    config.listen.all().filter_map(|address| match address {
        ListenAddress::Unix(path) => Some(path.as_path()),
        ListenAddress::Tcp(_) => None,
    })
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Where a link leads: that folder, or the one of that file, for SQLite keeps its log beside it. Only to what
/// belongs to who runs this: a link that somebody planted opens nothing. What is opened is what was looked at.
fn led_to(path: &Path) -> Option<PathFd> {
    if !path.symlink_metadata().ok()?.is_symlink() {
        return None;
    }
    let target = std::fs::canonicalize(path).ok()?;
    let folder = PathFd::new(if target.is_dir() { target } else { folder_of(&target) }).ok()?;
    (rustix::fs::fstat(&folder).ok()?.st_uid == geteuid().as_raw()).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{fstat, stat};

    #[test]
    fn what_was_moved_to_another_disk_is_found() {
        let (house, disk) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let led = |name: &str, to: &Path| {
            std::os::unix::fs::symlink(to, house.path().join(name)).unwrap();
            led_to(&house.path().join(name)).map(|folder| fstat(&folder).unwrap().st_ino)
        };
        let there = stat(disk.path()).unwrap().st_ino;
        assert_eq!(led("blobs", disk.path()), Some(there));
        assert_eq!(led("lost", &disk.path().join("nothing")), None);
        assert!(led_to(house.path()).is_none(), "no link");
        let within = |path: &str| is_within(Path::new(path), Path::new("/srv/postern"));
        assert!(within("/srv/postern/blobs") && !within("/srv/postern/../blobs") && !within("/srv/blobs"));
        assert_eq!(folder_of(Path::new("ready")), Path::new("."));
    }

    /// It would not be made later: the kernel lets nothing be made beside it.
    #[test]
    fn a_folder_for_bodies_elsewhere_is_made_or_named() {
        let folder = tempfile::tempdir().unwrap();
        let with = |blobs: &Path| {
            let text = format!("hostname = \"mail.example.org\"\n[blobs]\nurl = \"file:{}\"\n", blobs.display());
            Config::parse(&folder.path().join("postern.toml"), &text, &[]).unwrap()
        };
        let elsewhere = folder.path().join("disk/blobs");
        let mut config = with(&elsewhere);
        config.data_dir = folder.path().join("house");
        assert!(confine(&config, None).unwrap_err().to_string().contains("house can not be opened"));
        config.data_dir = folder.path().to_owned();
        config.blobs = PathBuf::from("/proc/nothing/blobs");
        let refused = confine(&config, None).unwrap_err().to_string();
        assert!(refused.contains("[blobs] url: /proc/nothing/blobs can not be made"), "{refused}");
    }
}
