//! Collection: what no message names, kept or on its way out, and nobody has touched for two days goes.
//!
//! Two days are room for whatever is under way on another node or was restored a moment
//! ago; safety does not rest on them. A body beside the rows is held, checked and removed
//! in one write transaction of the bulk lane, and a transaction that puts it again comes
//! wholly before or after. A file is collected only while nobody has it reserved: whoever
//! wants it meanwhile waits, finds it gone, and writes it again.

use super::Blobs;
use crate::sql::{BodyKey, Statement, Value, statements};
use crate::statements::queue::BODY_IS_QUEUED;
use crate::{Db, StoreError, Tx};
use postern_types::Timestamp;
use tokio::sync::mpsc;

/// How long a body stays untouched before it may be collected.
const UNTOUCHED_MS: i64 = 48 * 60 * 60 * 1000;
/// Bodies looked at in one read.
const LOOKED_AT: usize = 500;
/// Bodies removed in one write.
const REMOVED_AT_ONCE: usize = 100;

statements! {
    /// Whether any message of account `$1` names body `$2`. Index: message_by_body.
    BODY_IS_USED = "SELECT 1 FROM message WHERE account_id = $1 AND blob_hash = $2 LIMIT 1";
}

/// Whatever may name a body of an account.
static NAMED_BY: [&Statement; 2] = [&BODY_IS_USED, &BODY_IS_QUEUED];

/// What a collection removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Collected {
    /// Bodies that lay beside the rows.
    pub inline: u64,
    /// Files.
    pub files: u64,
    /// Bytes of those files.
    pub file_bytes: u64,
}

impl Blobs {
    /// Removes bodies that no message names and nobody has touched for 48 hours, as of
    /// `now`. Small pieces in the bulk lane: nobody waits for it.
    pub async fn collect(&self, db: &Db, now: Timestamp) -> Result<Collected, StoreError> {
        let before = now.plus_ms(-UNTOUCHED_MS);
        let inline = collect_inline(db, before).await?;
        let (files, file_bytes) = self.collect_files(db, before).await?;
        Ok(Collected { inline, files, file_bytes })
    }

    async fn collect_files(&self, db: &Db, before: Timestamp) -> Result<(u64, u64), StoreError> {
        // Listing blocks; a piece is asked for as the one before has been dealt with.
        let (pieces, mut found) = mpsc::channel(1);
        let files = self.files.clone();
        let walk = tokio::task::spawn_blocking(move || {
            files.walk_untouched(before, &mut |piece| pieces.blocking_send(piece).map_err(|_| StoreError::Closing))
        });
        let (mut count, mut bytes) = (0, 0);
        while let Some(piece) = found.recv().await {
            for blob in piece {
                if self.collect_file(db, blob.key, before).await? {
                    count += 1;
                    bytes += blob.stored_bytes;
                }
            }
        }
        walk.await.map_err(|_| StoreError::Panicked)??;
        Ok((count, bytes))
    }

    async fn collect_file(&self, db: &Db, key: BodyKey, before: Timestamp) -> Result<bool, StoreError> {
        // From here on nobody begins to want it; everyone who did has committed or failed.
        let Some(collecting) = self.reservations.collect(key) else { return Ok(false) };
        if db.read(move |tx| is_used(tx, key)).await? {
            return Ok(false);
        }
        let files = self.files.clone();
        let remove = move || {
            // Held to the end of the removal, even if our caller goes away.
            let _collecting = collecting;
            // Someone may have wanted it, and given up, since it was listed.
            if files.touched(key)?.is_none_or(|touched| touched >= before) {
                return Ok(false);
            }
            files.remove(key).map(|()| true)
        };
        tokio::task::spawn_blocking(remove).await.map_err(|_| StoreError::Panicked)?
    }
}

async fn collect_inline(db: &Db, before: Timestamp) -> Result<u64, StoreError> {
    let (mut removed, mut after) = (0, None);
    loop {
        let (last, unused) = db.read(move |tx| look(tx, before, after)).await?;
        for keys in unused.chunks(REMOVED_AT_ONCE) {
            let keys = keys.to_vec();
            removed += db.write_bulk(move |tx| remove(tx, &keys, before)).await?;
        }
        match last {
            Some(last) => after = Some(last),
            None => return Ok(removed),
        }
    }
}

/// The next untouched bodies: where to go on, and those that no message names.
fn look(tx: &Tx<'_>, before: Timestamp, after: Option<BodyKey>) -> Result<(Option<BodyKey>, Vec<BodyKey>), StoreError> {
    let keys = tx.bodies().untouched(before, after, LOOKED_AT)?;
    let last = keys.last().copied();
    let mut unused = Vec::new();
    for key in keys {
        if !is_used(tx, key)? {
            unused.push(key);
        }
    }
    Ok((last, unused))
}

/// Removes those that are still untouched and unnamed; answers how many.
fn remove(tx: &Tx<'_>, keys: &[BodyKey], before: Timestamp) -> Result<u64, StoreError> {
    let mut removed = 0;
    for &key in keys {
        // Held first, then looked up: a message that names it is either seen, or waits.
        if tx.bodies().hold_untouched(key, before)? && !is_used(tx, key)? {
            tx.bodies().remove(key)?;
            removed += 1;
        }
    }
    Ok(removed)
}

fn is_used(tx: &Tx<'_>, key: BodyKey) -> Result<bool, StoreError> {
    let values = [Value::Int(key.account.get()), Value::Bytes(&key.hash.0)];
    let mut names = NAMED_BY.iter().map(|statement| tx.one(statement, &values, |_| Ok(())));
    names.try_fold(false, |used, found| Ok(used || found?.is_some()))
}
