//! What was found to be damaged is not handed on, and is put right by whoever brings it again.

use super::{account, append, blobs, load, noise};
use crate::blob::{BlobOptions, Blobs, Place, Prepared, Stored};
use crate::db::testing::{START, TestDb, on_both_engines};
use crate::sql::BodyKey;
use crate::{Disk, DiskEntry, DiskFile, FileState, RealDisk, StoreError};
use postern_types::{Limits, Timestamp};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

fn path(test: &TestDb, key: BodyKey) -> PathBuf {
    let hash = key.hash.to_hex();
    let name = format!("{}-{hash}", key.account);
    test.folder.path().join("blobs").join(&hash[..2]).join(&hash[2..4]).join(name)
}

/// As bits rot: the length and the time of the file stay.
#[expect(clippy::disallowed_methods, reason = "damage need not be durable")]
fn rot(test: &TestDb, key: BodyKey) {
    let path = path(test, key);
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(&path, vec![0xFF; length]).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
}

fn is_damaged<T: std::fmt::Debug>(read: Result<T, StoreError>) -> bool {
    match read {
        Err(StoreError::Body(text)) => text.starts_with("the body "),
        other => panic!("{other:?}"),
    }
}

fn file(test: &TestDb, blobs: &Blobs, number: i64) -> (Vec<u8>, Prepared) {
    let raw = noise(1, 5000);
    let body = blobs.prepare(account(number), &raw, test.db.now()).unwrap();
    assert_eq!(body.place, Place::File);
    (raw, body)
}

/// A body that is read whole, as all short ones are, is put right like a long one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_is_replaced_by_who_brings_it_again() {
    let test = TestDb::sqlite();
    let blobs = blobs(&test);
    let (raw, body) = file(&test, &blobs, 1);
    rot(&test, body.key);
    assert!(is_damaged(blobs.load(body.key, body.size, Stored::File)));
    assert!(is_damaged(blobs.is_there(body.key, Stored::File)));
    file(&test, &blobs, 1);
    assert!(blobs.load(body.key, body.size, Stored::File).unwrap() == raw);
    blobs.is_there(body.key, Stored::File).unwrap();
}

/// The manual's way to bring one back keeps its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_brought_back_is_there_again() {
    let test = TestDb::sqlite();
    let blobs = blobs(&test);
    let (raw, body) = file(&test, &blobs, 1);
    let (path, kept) = (path(&test, body.key), test.folder.path().join("kept"));
    let copy = |from: &PathBuf, to: &PathBuf| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&path, &kept);
    rot(&test, body.key);
    assert!(is_damaged(blobs.load_range(body.key, body.size, Stored::File, 0..10)));
    assert!(is_damaged(blobs.is_there(body.key, Stored::File)));
    copy(&kept, &path);
    blobs.is_there(body.key, Stored::File).unwrap();
    assert!(blobs.load_range(body.key, body.size, Stored::File, 0..10).unwrap() == raw[..10]);
}

/// COPY into another account: a damaged file there is replaced, and one that is known to be damaged is not handed on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_are_of_sound_files_and_take_the_place_of_damaged_ones() {
    let test = TestDb::sqlite();
    let blobs = blobs(&test);
    let (raw, from) = file(&test, &blobs, 1);
    let (_, to) = file(&test, &blobs, 2);
    rot(&test, to.key);
    assert!(is_damaged(blobs.load(to.key, to.size, Stored::File)));
    blobs.copy_file(from.key, from.size, account(2), START).unwrap();
    assert!(blobs.load(to.key, to.size, Stored::File).unwrap() == raw);

    rot(&test, from.key);
    assert!(is_damaged(blobs.load(from.key, from.size, Stored::File)));
    assert!(is_damaged(blobs.copy_file(from.key, from.size, account(3), START)));
    let unmade = BodyKey { account: account(3), ..from.key };
    assert!(!path(&test, unmade).exists());
}

/// A file that can not be read is damage of its body, and none of the place it is copied to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_what_can_not_be_read_says_so() {
    let test = TestDb::sqlite();
    let (_, body) = file(&test, &blobs(&test), 1);
    let options = BlobOptions::new([7; 32], &Limits::default());
    let failing = Blobs::in_folder(&test.folder.path().join("blobs"), &options, Arc::new(UnreadableDisk));
    // Before anything knows of it.
    assert!(is_damaged(failing.copy_file(body.key, body.size, account(2), START)));
    assert!(is_damaged(failing.load(body.key, body.size, Stored::File)));
}

/// A disk of which no file can be read back.
struct UnreadableDisk;

impl UnreadableDisk {
    fn failed<T>() -> io::Result<T> {
        let input_output_error = 5;
        Err(io::Error::from_raw_os_error(input_output_error))
    }
}

impl Disk for UnreadableDisk {
    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(folder)
    }
    fn allocate(&self, path: &Path, bytes: u64) -> io::Result<()> {
        RealDisk.allocate(path, bytes)
    }
    fn create(&self, path: &Path, mode: u32) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.create(path, mode)
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn read(&self, _: &Path) -> io::Result<Option<Vec<u8>>> {
        Self::failed()
    }
    fn read_range(&self, _: &Path, _: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        Self::failed()
    }
    fn read_last(&self, _: &Path, _: u64) -> io::Result<Option<Vec<u8>>> {
        Self::failed()
    }
    fn list(&self, path: &Path) -> io::Result<Vec<DiskEntry>> {
        RealDisk.list(path)
    }
    fn exists(&self, path: &Path) -> io::Result<bool> {
        RealDisk.exists(path)
    }
    fn changed(&self, path: &Path) -> io::Result<Option<Timestamp>> {
        RealDisk.changed(path)
    }
    fn state(&self, path: &Path) -> io::Result<Option<FileState>> {
        RealDisk.state(path)
    }
    fn touch(&self, path: &Path, at: Timestamp) -> io::Result<()> {
        RealDisk.touch(path, at)
    }
    fn fatal(&self, reason: &str) {
        panic!("{reason}");
    }
}

on_both_engines! {
    /// What lies beside the rows is put right as well.
    a_damaged_body_beside_the_rows_is_replaced;
}

async fn a_damaged_body_beside_the_rows_is_replaced(test: TestDb) {
    let blobs = blobs(&test);
    let raw = b"Subject: hello\r\n\r\nHello.\r\n".repeat(50);
    let body = blobs.prepare(account(1), &raw, START).unwrap();
    let rotten = Prepared { place: Place::Inline(vec![0xFF; 100].into()), ..body.clone() };
    test.db.write(move |tx| append(tx, 1, &rotten)).await.unwrap();
    // As long as nobody has read it, it is taken for what its name says.
    assert!(!blobs.prepare(account(1), &raw, START).unwrap().anew);
    assert!(is_damaged(load(&test, &blobs, &body).await));
    assert!(is_damaged(blobs.is_there(body.key, Stored::Inline(&[0xFF; 100]))));

    let again = blobs.prepare(account(1), &raw, START).unwrap();
    assert!(again.anew);
    let appended = again.clone();
    test.db.write(move |tx| append(tx, 2, &appended)).await.unwrap();
    assert_eq!(load(&test, &blobs, &body).await.unwrap(), raw);
    let Place::Inline(stored) = &again.place else { panic!("it is small") };
    blobs.is_there(body.key, Stored::Inline(stored)).unwrap();
}
