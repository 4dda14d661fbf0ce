//! Bodies come back as they went in, are stored once per account, and go only when nobody
//! can want them.

mod damage;

use super::{BlobOptions, Blobs, Collected, Place, Prepared, Stored};
use crate::db::testing::{START, TestDb, on_both_engines, test_statements};
use crate::sql::BodyKey;
use crate::{RealDisk, StoreError, Tx};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postern_types::{AccountId, Limits, Timestamp};
use std::sync::Arc;

const HOUR_MS: i64 = 60 * 60 * 1000;

test_statements! {
    /// A message `$1` of account `$2` that names body `$3`, and nothing else of interest.
    ADD_MESSAGE = "
        INSERT INTO message (id, account_id, blob_hash, blob_place, size, stored_bytes, header_bytes, received_ms,
                             thread_id, subject, sender, summary, envelope, structure, body, parts, preview)
        VALUES ($1, $2, $3, 0, 0, 0, 0, 0, 0, '', '', $4, $4, $4, $4, $4, '')";
    /// It is gone.
    DROP_MESSAGE = "DELETE FROM message WHERE id = $1";
}

fn account(number: i64) -> AccountId {
    AccountId::new(number).unwrap()
}

fn blobs(test: &TestDb) -> Blobs {
    let options = BlobOptions { inline_body_bytes: 1000, ..BlobOptions::new([7; 32], &Limits::default()) };
    Blobs::in_folder(&test.folder.path().join("blobs"), &options, Arc::new(RealDisk))
}

/// Lines of base64 of these bytes, with so many letters each.
pub(super) fn base64_lines(bytes: &[u8], letters: usize, end: &str) -> String {
    bytes.chunks(letters / 4 * 3).map(|line| STANDARD.encode(line) + end).collect()
}

/// Bytes that do not compress.
pub(super) fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

/// What an append does with a body.
fn append(tx: &Tx<'_>, number: i64, prepared: &Prepared) -> Result<(), StoreError> {
    tx.keep_body(prepared)?;
    let BodyKey { account, hash } = prepared.key;
    let values = [number.into(), account.get().into(), (&hash.0[..]).into(), (&[0u8][..]).into()];
    tx.execute(&ADD_MESSAGE, &values).map(drop)
}

async fn load(test: &TestDb, blobs: &Blobs, prepared: &Prepared) -> Result<Vec<u8>, StoreError> {
    let key = prepared.key;
    let inline = test.db.read(move |tx| tx.bodies().get(key)).await?;
    blobs.load(key, prepared.size, inline.as_deref().map_or(Stored::File, Stored::Inline))
}

async fn file_exists(blobs: &Blobs, key: BodyKey) -> bool {
    blobs.files.get(key).unwrap().is_some()
}

on_both_engines! {
    /// Small ones beside the rows, large ones in files; bytes are bytes.
    bodies_come_back;
    /// Nothing goes that is named, fresh or wanted; all else goes.
    collection_takes_what_nobody_can_want;
}

async fn bodies_come_back(test: TestDb) {
    let blobs = blobs(&test);
    let small = b"Subject: hello\r\n\r\nHello.\r\n".repeat(50);
    let large = noise(1, 5000);
    let mut prepared = Vec::new();
    for (number, raw) in [&small, &large].into_iter().enumerate() {
        let body = blobs.prepare(account(1), raw, test.db.now()).unwrap();
        assert_eq!(body.size, raw.len() as u64);
        assert_eq!(matches!(body.place, Place::Inline(_)), number == 0);
        let appended = body.clone();
        test.db.write(move |tx| append(tx, 1 + number as i64, &appended)).await.unwrap();
        assert_eq!(load(&test, &blobs, &body).await.unwrap(), *raw);
        assert!(blobs.verify(body.key, raw) && !blobs.verify(body.key, b"other"));
        prepared.push(body);
    }
    assert!(prepared[0].stored_bytes < prepared[0].size / 5, "compressed");

    // The same body again is the same body; another account has its own.
    let again = blobs.prepare(account(1), &large, test.db.now()).unwrap();
    assert_eq!(again.key, prepared[1].key);
    let other = blobs.prepare(account(2), &large, test.db.now()).unwrap();
    assert_ne!(other.key, again.key);
    assert!(file_exists(&blobs, other.key).await);

    let file = |range| blobs.load_range(again.key, 5000, Stored::File, range).unwrap();
    assert_eq!((file(10..20), file(4990..6000)), (large[10..20].to_vec(), large[4990..].to_vec()));

    let missing = BodyKey { account: account(9), ..again.key };
    assert!(matches!(blobs.load(missing, 5000, Stored::File), Err(StoreError::Body(_))));
}

async fn collection_takes_what_nobody_can_want(test: TestDb) {
    let blobs = blobs(&test);
    let prepare = |seed, bytes, now| blobs.prepare(account(1), &noise(seed, bytes), now).unwrap();
    let put = |body: &Prepared| {
        let (key, Place::Inline(stored)) = (body.key, body.place.clone()) else { panic!("it is small") };
        test.db.write(move |tx| tx.bodies().put(key, &stored, tx.now()))
    };
    let named = |number: i64, body: &Prepared| {
        let body = body.clone();
        test.db.write(move |tx| append(tx, number, &body))
    };
    // Of each kind one that is named, one that is not, one that comes later.
    let [named_small, lost_small, named_large, lost_large] =
        [(1, 100), (2, 100), (3, 5000), (4, 5000)].map(|(seed, bytes)| prepare(seed, bytes, START));
    put(&lost_small).await.unwrap();
    named(1, &named_small).await.unwrap();
    named(2, &named_large).await.unwrap();
    let wanted_large = prepare(5, 5000, START);
    let lost_keys = [lost_small.key, lost_large.key];
    drop((lost_small, lost_large));

    test.clock.advance_ms(47 * HOUR_MS);
    let fresh_large = prepare(6, 5000, test.db.now()).key;
    let fresh_small = prepare(7, 100, test.db.now());
    put(&fresh_small).await.unwrap();
    assert_eq!(blobs.collect(&test.db, test.db.now()).await.unwrap(), Collected::default(), "within two days");

    test.clock.advance_ms(2 * HOUR_MS);
    let collected = blobs.collect(&test.db, test.db.now()).await.unwrap();
    assert_eq!(collected, Collected { inline: 1, files: 1, file_bytes: 5001 });
    // The next write comes after the removal.
    named(3, &wanted_large).await.unwrap();
    for body in [&named_small, &named_large, &wanted_large] {
        load(&test, &blobs, body).await.unwrap();
    }
    assert!(file_exists(&blobs, fresh_large).await);
    let [gone_small, there_small] =
        [lost_keys[0], fresh_small.key].map(|key| test.db.read(move |tx| tx.bodies().get(key)));
    assert_eq!(gone_small.await.unwrap(), None);
    assert!(there_small.await.unwrap().is_some());
    assert!(!file_exists(&blobs, lost_keys[1]).await);

    // Coming again touches: the message is dropped, its body stays for two days more.
    drop(wanted_large);
    test.db.write(|tx| tx.execute(&DROP_MESSAGE, &[3.into()])).await.unwrap();
    let again = prepare(5, 5000, test.db.now()).key;
    assert_eq!(blobs.collect(&test.db, test.db.now()).await.unwrap().files, 0);
    test.clock.advance_ms(49 * HOUR_MS);
    blobs.collect(&test.db, test.db.now()).await.unwrap();
    assert!(!file_exists(&blobs, again).await);

    // What was collected can come again.
    let back = prepare(4, 5000, test.db.now());
    assert_eq!(load(&test, &blobs, &back).await.unwrap(), noise(4, 5000));
}

/// What a crash left half-written goes after two days, and foreign files stay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leftovers_of_crashes_are_removed() {
    use crate::Disk;
    let test = TestDb::sqlite();
    let blobs = blobs(&test);
    let body = blobs.prepare(account(1), &noise(1, 5000), START).unwrap();
    let hash = body.key.hash.to_hex();
    let folder = test.folder.path().join("blobs").join(&hash[..2]).join(&hash[2..4]);
    let mut left = Vec::new();
    for (name, at) in [(".new-1-2-old", START), (".new-1-3-young", START.plus_ms(48 * HOUR_MS)), ("README", START)] {
        RealDisk.write_new_file_durably(&folder.join(name), b"x").unwrap();
        RealDisk.touch(&folder.join(name), at).unwrap();
        left.push(folder.join(name));
    }
    blobs.collect(&test.db, Timestamp(START.0 + 49 * HOUR_MS)).await.unwrap();
    assert_eq!(left.iter().map(|path| path.exists()).collect::<Vec<_>>(), [false, true, true]);
}

/// A long body, which goes to its file a piece at a time: it comes back whole and in ranges, counts the bytes that it
/// takes in today's form whether it was there already or not, and is copied for another account.
#[test]
fn a_long_body_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let options = BlobOptions::new([7; 32], &Limits::default());
    let blobs = Blobs::in_folder(folder.path(), &options, Arc::new(RealDisk));
    let text = "Received: from mail.example.org\r\n".repeat(20_000);
    let raw = [text.as_bytes(), base64_lines(&noise(1, 1_500_000), 76, "\r\n").as_bytes()].concat();
    let body = blobs.prepare(account(1), &raw, START).unwrap();
    assert_eq!(body.place, Place::File);
    assert!((1_500_000..1_600_000).contains(&body.stored_bytes), "{}", body.stored_bytes);
    assert_eq!(blobs.files.get(body.key).unwrap().unwrap().len() as u64, body.stored_bytes);
    let again = blobs.prepare(account(1), &raw, START).unwrap();
    assert_eq!((again.key, again.stored_bytes), (body.key, body.stored_bytes));
    let copy = blobs.copy_file(body.key, body.size, account(2), START).unwrap();
    assert_eq!(blobs.files.get(copy.key).unwrap(), blobs.files.get(body.key).unwrap());
    for key in [body.key, copy.key] {
        assert!(blobs.load(key, body.size, Stored::File).unwrap() == raw);
        for range in [0..10, 600_000..1_200_000, body.size - 10..body.size + 10] {
            let part = &raw[range.start as usize..(range.end as usize).min(raw.len())];
            assert!(blobs.load_range(key, body.size, Stored::File, range.clone()).unwrap() == part, "{range:?}");
        }
    }
    let gone = BodyKey { account: account(3), ..body.key };
    assert!(matches!(blobs.copy_file(gone, body.size, account(4), START), Err(StoreError::Body(_))));
    // One that packs well lies beside the rows, in pieces.
    let body = blobs.prepare(account(1), text.as_bytes(), START).unwrap();
    let Place::Inline(stored) = &body.place else { panic!("{:?}", body.place) };
    assert_eq!(body.stored_bytes, stored.len() as u64);
    let range = blobs.load_range(body.key, body.size, Stored::Inline(stored), 300_000..300_032).unwrap();
    assert_eq!(range, text.as_bytes()[300_000..300_032]);
}
