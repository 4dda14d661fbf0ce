//! The fake disk keeps what was synced, loses or tears what was not, and never invents.

use super::*;
use std::collections::BTreeSet;

fn disk(folder: &Path) -> FakeDisk {
    FakeDisk::new(folder, Syncs::ALL).unwrap()
}

/// What the cuts of 200 seeds leave.
fn cuts(disk: &FakeDisk, position: usize) -> impl Iterator<Item = Image> {
    let recording = disk.recording();
    (0..200).map(move |seed| recording.cut(position, &mut Random::new(seed)))
}

fn text(image: &Image, name: &str) -> Option<String> {
    image.bytes(Path::new(name)).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

#[test]
fn what_was_synced_with_its_folder_is_there_and_nothing_else_is_sure() {
    let folder = scratch().unwrap();
    let disk = disk(folder.path());
    let path = disk.root().join("letter");
    let mut file = disk.create(&path, 0o600).unwrap();
    file.write(b"one").unwrap();
    let created: BTreeSet<_> = cuts(&disk, disk.position()).map(|image| text(&image, "letter")).collect();
    assert!(created.contains(&None) && created.contains(&Some(String::new())), "{created:?}");

    file.sync().unwrap();
    let synced: BTreeSet<_> = cuts(&disk, disk.position()).map(|image| text(&image, "letter")).collect();
    assert_eq!(synced, BTreeSet::from([None, Some("one".into())]), "its bytes are sure, its name is not");

    disk.sync_dir(disk.root()).unwrap();
    file.write(b"two").unwrap();
    let grown: BTreeSet<_> = cuts(&disk, disk.position()).map(|image| text(&image, "letter")).collect();
    let expected = ["one", "onetwo", "one\0\0\0"].map(|text| Some(text.to_owned()));
    assert_eq!(grown, BTreeSet::from(expected));
}

#[test]
fn unsynced_sectors_are_kept_or_not_one_by_one() {
    let folder = scratch().unwrap();
    RealDisk.write_new_file_durably(&folder.path().join("table"), &[b'.'; 2048]).unwrap();
    let disk = disk(folder.path());
    let file = disk.recorder.log().file_at(Path::new("table"));
    for (at, mark) in [(256, b'a'), (1024, b'b')] {
        disk.recorder.log().push(Event::Write { file, at, bytes: vec![mark; 768] });
    }
    let marks = |image: Image| {
        let bytes = image.bytes(Path::new("table")).unwrap().to_vec();
        [256, 512, 1024, 1536].map(|at| bytes[at] as char).iter().collect::<String>()
    };
    let seen: BTreeSet<String> = cuts(&disk, disk.position()).map(marks).collect();
    // Torn within a write, the second without the first, and no sector in two halves.
    for outcome in ["....", "aabb", "aa..", "a...", ".abb", "..bb", "aab.", "..b."] {
        assert!(seen.contains(outcome), "{outcome} never happened: {seen:?}");
    }
}

#[test]
fn a_rename_is_whole_and_replaces_only_once_it_is_synced() {
    let folder = scratch().unwrap();
    RealDisk.write_new_file_durably(&folder.path().join("key"), b"old").unwrap();
    let disk = disk(folder.path());
    let path = disk.root().join("key");
    disk.replace_file_durably(&path, b"new", 0o600).unwrap();
    let end = disk.position();
    for position in 0..end {
        for image in cuts(&disk, position) {
            let found = text(&image, "key");
            assert!(matches!(found.as_deref(), Some("old" | "new")), "{found:?} at {position}");
        }
    }
    assert!(cuts(&disk, end).all(|image| text(&image, "key").as_deref() == Some("new")));
    assert!(cuts(&disk, end - 1).any(|image| text(&image, "key").as_deref() == Some("old")));
}

#[test]
fn what_lies_in_a_folder_without_a_name_is_lost() {
    let folder = scratch().unwrap();
    let disk = disk(folder.path());
    let blobs = disk.root().join("blobs");
    disk.create_dir(&blobs).unwrap();
    disk.write_new_file_durably(&blobs.join("body"), b"body").unwrap();
    assert!(cuts(&disk, disk.position()).any(|image| image.bytes(Path::new("blobs/body")).is_none()));
    disk.sync_dir(disk.root()).unwrap();
    assert!(cuts(&disk, disk.position()).all(|image| image.bytes(Path::new("blobs/body")).is_some()));
}

fn open(disk: &FakeDisk) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let connection = Connection::open_with_flags_and_vfs(disk.root().join("a.db"), flags, vfs::NAME).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA mmap_size = 1000000")
        .unwrap();
    connection
}

/// Rows of each cut of the recording at `position`; `None` where the file can not be read.
fn rows_after(recording: &Recording, position: usize, seed: u64) -> Option<i64> {
    let folder = scratch().unwrap();
    recording.cut(position, &mut Random::new(seed)).write(folder.path()).unwrap();
    let connection = Connection::open(folder.path().join("a.db")).unwrap();
    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).ok()
}

/// Commits five rows one by one, with a log that is folded in and begins again.
fn commit_five(syncs: Syncs) -> (FakeDisk, Vec<usize>, tempfile::TempDir) {
    let folder = scratch().unwrap();
    let disk = FakeDisk::new(folder.path(), syncs).unwrap();
    let connection = open(&disk);
    disk.sync_dir(disk.root()).unwrap();
    connection.execute_batch("CREATE TABLE t (a)").unwrap();
    let mut acknowledged = Vec::new();
    for number in 0..5_usize {
        connection.execute("INSERT INTO t VALUES (?1 || hex(zeroblob(3000)))", [number as i64]).unwrap();
        acknowledged.push(disk.position());
        disk.checkpoint("a.db", ["PASSIVE", "RESTART", "TRUNCATE"][number % 3]).unwrap();
    }
    disk.check("a.db").unwrap();
    drop(connection);
    (disk, acknowledged, folder)
}

#[test]
fn sqlite_keeps_what_it_committed() {
    let (disk, acknowledged, _folder) = commit_five(Syncs::ALL);
    let recording = disk.recording();
    assert!(recording.syncs() >= 10, "{} syncs passed the log", recording.syncs());
    for (index, position) in acknowledged.iter().enumerate() {
        let least = index as i64 + 1;
        for seed in 0..20 {
            let later = (*position + seed as usize % 7).min(recording.len());
            let rows = rows_after(&recording, later, seed).unwrap();
            assert!((least..=least + 1).contains(&rows), "{rows} rows after {least} commits, seed {seed}");
        }
    }
    let whole = scratch().unwrap();
    recording.all(recording.len()).write(whole.path()).unwrap();
    let real = Image::read(disk.root()).unwrap();
    assert_eq!(recording.all(recording.len()).bytes(Path::new("a.db")), real.bytes(Path::new("a.db")));
}

/// The control: the same without syncs loses commits.
#[test]
fn sqlite_on_a_disk_that_lies_loses_commits() {
    let (disk, acknowledged, _folder) = commit_five(Syncs::NONE);
    let recording = disk.recording();
    let lost = (0..20).any(|seed| rows_after(&recording, acknowledged[4], seed).is_none_or(|rows| rows < 5));
    assert!(lost);
}
