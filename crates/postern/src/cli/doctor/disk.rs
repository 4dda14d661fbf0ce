//! Room for mail, and whether the file system is one that a database can rely on.

use super::check::{Check, Group};
use crate::cli::output::bytes;
use crate::process::quoted;
use postern_server::config::Config;
use rustix::fs::{StatVfsMountFlags, statfs, statvfs};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const DISK: Group = Group::Disk;
/// Below this, or below a tenth, somebody should make room.
const LOW_BYTES: u64 = 1 << 30;

/// A file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileSystem {
    /// A folder on it.
    pub folder: PathBuf,
    pub free_bytes: u64,
    pub all_bytes: u64,
    /// Names that there is still room for; nothing where the file system does not count them.
    pub free_files: Option<(u64, u64)>,
    pub is_read_only: bool,
    /// The number by which the kernel knows its kind.
    pub kind: u64,
    /// The databases lie there.
    pub has_database: bool,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    pub file_systems: Vec<FileSystem>,
    /// What the house needs to take mail: the room that it keeps, or that of the largest message.
    pub needed_bytes: u64,
}

/// Looks at the data folder, and at the folder of bodies where that is elsewhere.
pub(super) fn look(config: &Config) -> Facts {
    let device = |folder: &Path| std::fs::metadata(folder).map(|about| about.dev()).ok();
    let mut folders = vec![config.data_dir.as_path()];
    if device(&config.blobs).is_some_and(|other| Some(other) != device(&config.data_dir)) {
        folders.push(&config.blobs);
    }
    let file_systems = folders.into_iter().filter_map(|folder| file_system(folder, folder == config.data_dir));
    let needed_bytes = config.limits.message_bytes.max(config.limits.disk_reserve_bytes);
    Facts { file_systems: file_systems.collect(), needed_bytes }
}

fn file_system(folder: &Path, has_database: bool) -> Option<FileSystem> {
    let (room, kind) = (statvfs(folder).ok()?, statfs(folder).ok()?.f_type);
    Some(FileSystem {
        folder: folder.to_owned(),
        // What is kept for root is not there for the server.
        free_bytes: room.f_bavail.saturating_mul(room.f_frsize),
        all_bytes: room.f_blocks.saturating_mul(room.f_frsize),
        free_files: Some((room.f_favail, room.f_files)).filter(|(_, all)| *all > 0),
        is_read_only: room.f_flag.contains(StatVfsMountFlags::RDONLY),
        // Some kinds are kept in 32 bits with a sign.
        kind: u64::from(kind as u32),
        has_database,
    })
}

/// Judges.
pub(super) fn judge(facts: &Facts) -> Vec<Check> {
    facts.file_systems.iter().flat_map(|one| [Some(room(one, facts)), files(one), kind(one)]).flatten().collect()
}

fn room(one: &FileSystem, facts: &Facts) -> Check {
    let (id, what) = ("disk.room", format!("room for {}", one.folder.display()));
    let text = format!("{} of {} are free", bytes(one.free_bytes), bytes(one.all_bytes));
    let next = format!(
        "a larger disk, or less on this one; what of the house takes it: du -xh --max-depth=1 {} | sort -h (what grows there, \
         and what helps: docs/administration.md, A full disk)",
        quoted(&one.folder)
    );
    if one.is_read_only {
        let text = "the file system can only be read, so no mail can be taken in";
        return Check::fail(DISK, id, what, text)
            .next("its disk may be broken: look at the kernel's log (journalctl -k)");
    }
    if one.free_bytes < facts.needed_bytes {
        let text = format!("{text}, too little for new mail: it is being refused, or soon will be");
        return Check::fail(DISK, id, what, text).next(next);
    }
    match one.free_bytes < LOW_BYTES || one.free_bytes < one.all_bytes / 10 {
        true => Check::warn(DISK, id, what, text).next(next),
        false => Check::ok(DISK, id, what, text),
    }
}

fn files(one: &FileSystem) -> Option<Check> {
    let (free, all) = one.free_files?;
    let (id, what) = ("disk.files", format!("files for {}", one.folder.display()));
    let text = format!("there is room for {free} more of {all}");
    let next = format!(
        "a file system with room for more files; which folders of the house have many: du -x --inodes --max-depth=1 {} | \
         sort -n",
        quoted(&one.folder)
    );
    match free {
        0 => Some(Check::fail(DISK, id, what, "there is room for no more").next(next)),
        _ if free < all / 10 => Some(Check::warn(DISK, id, what, text).next(next)),
        _ => None,
    }
}

/// Kinds on which a database is at risk, or gone with the machine.
fn kind(one: &FileSystem) -> Option<Check> {
    let (id, what) = ("disk.kind", format!("file system of {}", one.folder.display()));
    let local = "move the house to a disk of this machine (docs/administration.md, To another machine)";
    let (text, next) = match one.kind {
        0x6969 | 0xff53_4d42 | 0xfe53_4d42 | 0x517b | 0x0102_1997 if one.has_database => {
            ("it is another machine's (NFS, SMB or 9p): SQLite's locks and its log do not hold there", local)
        }
        0x0102_1994 => ("it is in memory (tmpfs): all mail is gone with the next start of the machine", local),
        0x794c_7630 => {
            let next =
                "put the house on a volume: podman run --volume postern:/var/lib/postern (docs/administration.md)";
            ("it is the layer of a container (overlay): all mail is gone when the container is made anew", next)
        }
        0x6573_5546 if one.has_database => {
            ("it is a program's (FUSE): whether what is synced is on a disk, only that program knows", local)
        }
        _ => return None,
    };
    Some(Check::warn(DISK, id, what, text).next(next))
}

#[cfg(test)]
mod tests {
    use super::super::check::Status;
    use super::*;

    const GIB: u64 = 1 << 30;

    fn disk() -> FileSystem {
        FileSystem {
            folder: "/srv/postern".into(),
            free_bytes: 50 * GIB,
            all_bytes: 100 * GIB,
            free_files: Some((900, 1000)),
            is_read_only: false,
            kind: 0xef53,
            has_database: true,
        }
    }

    fn worst(one: FileSystem) -> (Status, &'static str) {
        let checks = judge(&Facts { file_systems: vec![one], needed_bytes: 64 << 20 });
        let worst = checks.iter().max_by_key(|check| check.status).unwrap();
        (worst.status, worst.id)
    }

    #[test]
    fn room_is_told_before_it_is_gone() {
        assert_eq!(worst(disk()).0, Status::Ok);
        assert_eq!(worst(FileSystem { free_bytes: 9 * GIB, ..disk() }), (Status::Warn, "disk.room"));
        assert_eq!(worst(FileSystem { free_bytes: GIB / 2, all_bytes: 2 * GIB, ..disk() }).0, Status::Warn);
        assert_eq!(worst(FileSystem { free_bytes: 1 << 20, ..disk() }), (Status::Fail, "disk.room"));
        assert_eq!(worst(FileSystem { is_read_only: true, ..disk() }), (Status::Fail, "disk.room"));
        assert_eq!(worst(FileSystem { free_files: Some((99, 1000)), ..disk() }), (Status::Warn, "disk.files"));
        assert_eq!(worst(FileSystem { free_files: Some((0, 1000)), ..disk() }), (Status::Fail, "disk.files"));
        assert_eq!(worst(FileSystem { free_files: None, ..disk() }).0, Status::Ok, "it does not count them");
    }

    #[test]
    fn the_cure_is_about_the_house() {
        let full = FileSystem { free_bytes: 1 << 20, free_files: Some((0, 1000)), ..disk() };
        let checks = judge(&Facts { file_systems: vec![full], needed_bytes: 64 << 20 });
        let cures: Vec<String> = checks.iter().filter_map(|check| check.next.clone()).collect();
        assert!(cures[0].contains("du -xh --max-depth=1 /srv/postern | sort -h (what grows there"), "{cures:?}");
        assert!(cures[1].contains("du -x --inodes --max-depth=1 /srv/postern | sort -n"), "{cures:?}");
    }

    #[test]
    fn file_systems_that_lose_mail_are_warned_of() {
        for kind in [0x6969, 0x0102_1994, 0x794c_7630, 0xff53_4d42] {
            assert_eq!(worst(FileSystem { kind, ..disk() }), (Status::Warn, "disk.kind"), "{kind:x}");
        }
        let bodies = FileSystem { kind: 0x6969, has_database: false, ..disk() };
        assert_eq!(worst(bodies).0, Status::Ok, "files that never change may lie elsewhere");
    }
}
