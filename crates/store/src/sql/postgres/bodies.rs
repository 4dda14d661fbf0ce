//! Small bodies on PostgreSQL: a table of the same database, in the same transaction as
//! the rows that name them.

use super::Session;
use crate::StoreError;
use crate::sql::sqlite::{after_values, key_of, key_values};
use crate::sql::{Bodies, BodyKey, Sql, as_body, statements};
use postern_types::Timestamp;

/// A body touched less than this long ago is not written again.
const TOUCH_STEP_MS: i64 = 60 * 60 * 1000;

statements! {
    /// Keeps body `$2` of account `$1`, touched at `$3`; one that is there is locked, and
    /// touched if that was before `$5`. By primary key.
    PUT = "
        INSERT INTO body (account_id, hash, touched_ms, bytes) VALUES ($1, $2, $3, $4)
            ON CONFLICT (account_id, hash) DO UPDATE SET touched_ms = excluded.touched_ms
         WHERE body.touched_ms <= $5";
    /// Keeps body `$2` of account `$1`, touched at `$3`, in place of one that is there. By primary key.
    PUT_ANEW = "
        INSERT INTO body (account_id, hash, touched_ms, bytes) VALUES ($1, $2, $3, $4)
            ON CONFLICT (account_id, hash) DO UPDATE SET touched_ms = excluded.touched_ms, bytes = excluded.bytes";
    /// The stored bytes of body `$2` of account `$1`. By primary key.
    GET = "SELECT bytes FROM body WHERE account_id = $1 AND hash = $2";
    /// Bodies untouched since before `$1`, after key (`$2`, `$3`), in key order. A walk of
    /// the primary key in pieces.
    UNTOUCHED = "
        SELECT account_id, hash FROM body
         WHERE (account_id, hash) > ($2, $3) AND touched_ms < $1
         ORDER BY account_id, hash
         LIMIT $4";
    /// Whether body `$2` of account `$1` is untouched since before `$3`, and locked from
    /// now on: whoever puts it again waits. By primary key.
    HOLD_UNTOUCHED = "SELECT 1 FROM body WHERE account_id = $1 AND hash = $2 AND touched_ms < $3 /*LOCK*/";
    /// Removes a body. By primary key.
    REMOVE = "DELETE FROM body WHERE account_id = $1 AND hash = $2";
}

/// The bodies of the transaction that is open on a session.
pub(super) struct BodyTable<'s> {
    pub session: &'s Session,
    pub writable: bool,
}

impl BodyTable<'_> {
    fn check(&self) -> Result<(), StoreError> {
        if self.writable { Ok(()) } else { Err(StoreError::ReadOnly) }
    }
}

impl Bodies for BodyTable<'_> {
    fn put(&self, key: BodyKey, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.check()?;
        let [account, hash] = key_values(&key);
        let values = [account, hash, now.0.into(), stored.into(), now.plus_ms(-TOUCH_STEP_MS).0.into()];
        self.session.send(&PUT, &values)
    }

    fn put_anew(&self, key: BodyKey, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.check()?;
        let [account, hash] = key_values(&key);
        self.session.send(&PUT_ANEW, &[account, hash, now.0.into(), stored.into()])
    }

    /// The server has then aborted the transaction: of what is asked after that, nothing is said to be damaged.
    fn read(&self, key: BodyKey, each: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<bool, StoreError> {
        if let Some(error) = self.session.failure() {
            return Err(error);
        }
        let mut is_kept = false;
        let read = self.session.query(&GET, &key_values(&key), &mut |row| {
            is_kept = true;
            each(row.bytes(0)?)
        });
        read.map(|()| is_kept).map_err(as_body)
    }

    fn untouched(&self, before: Timestamp, after: Option<BodyKey>, most: usize) -> Result<Vec<BodyKey>, StoreError> {
        let mut keys = Vec::new();
        let (account, hash) = after_values(after.as_ref());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.session.query(&UNTOUCHED, &[before.0.into(), account, hash, most.into()], &mut |row| {
            keys.push(key_of(row)?);
            Ok(())
        })?;
        Ok(keys)
    }

    fn hold_untouched(&self, key: BodyKey, before: Timestamp) -> Result<bool, StoreError> {
        self.check()?;
        let [account, hash] = key_values(&key);
        let mut held = false;
        self.session.query(&HOLD_UNTOUCHED, &[account, hash, before.0.into()], &mut |_| {
            held = true;
            Ok(())
        })?;
        Ok(held)
    }

    fn remove(&self, key: BodyKey) -> Result<(), StoreError> {
        self.check()?;
        let [account, hash] = key_values(&key);
        self.session.execute(&REMOVE, &[account, hash]).map(drop)
    }
}
