//! Small bodies in `bodies.db`: a connection beside the main one, never attached.
//!
//! Attached, the two files would share a transaction that is not atomic under WAL. Apart,
//! the order makes them safe: new bodies are committed **before** the rows that name them,
//! and removed ones **after** the commit that found them unreferenced. A power cut between
//! leaves a body without a row, which collection finds, and never a row without a body.
//!
//! Keys lie in a small table of their own, so that looking up, touching and listing never
//! move the bytes; the bytes lie in arrival order, so that new ones are appended.

use super::session::Session;
use super::store_error;
use crate::StoreError;
use crate::sql::{Bodies, BodyKey, Row, Sql, Statement, Value, as_body, statements};
use postern_types::{AccountId, BlobHash, Timestamp};
use rusqlite::Connection;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The version of this file's own schema, in its `user_version`.
const SCHEMA_VERSION: i64 = 1;
/// A body touched less than this long ago is not touched again: the two days that
/// collection waits leave room, and a second copy of a message costs no write.
pub(super) const TOUCH_STEP_MS: i64 = 60 * 60 * 1000;

const SCHEMA: &str = "
    CREATE TABLE body (
        account_id INTEGER NOT NULL,
        hash BLOB NOT NULL,
        touched_ms INTEGER NOT NULL,
        bytes_id INTEGER NOT NULL,
        PRIMARY KEY (account_id, hash)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE body_bytes (
        id INTEGER PRIMARY KEY,
        bytes BLOB NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;";

statements! {
    /// Where body `$2` of account `$1` is and when it was touched. By primary key.
    FIND = "SELECT bytes_id, touched_ms FROM body WHERE account_id = $1 AND hash = $2";
    /// The stored bytes of body `$2` of account `$1`. By primary keys.
    GET = "
        SELECT bytes FROM body_bytes
         WHERE id = (SELECT bytes_id FROM body WHERE account_id = $1 AND hash = $2)";
    /// Keeps bytes, answers where.
    PUT_BYTES = "INSERT INTO body_bytes (bytes) VALUES ($1) RETURNING id";
    /// Names kept bytes `$4` as body `$2` of account `$1`, touched at `$3`.
    PUT = "INSERT INTO body (account_id, hash, touched_ms, bytes_id) VALUES ($1, $2, $3, $4)";
    /// Names kept bytes `$4` as the body `$2` of account `$1` that is there, touched at `$3`. By primary key.
    PUT_ANEW = "UPDATE body SET touched_ms = $3, bytes_id = $4 WHERE account_id = $1 AND hash = $2";
    /// Touches a body. By primary key.
    TOUCH = "UPDATE body SET touched_ms = $3 WHERE account_id = $1 AND hash = $2";
    /// Bodies untouched since before `$1`, after key (`$2`, `$3`), in key order. A walk of
    /// the primary key in pieces: it holds every body once, and no bytes.
    UNTOUCHED = "
        SELECT account_id, hash FROM body
         WHERE (account_id, hash) > ($2, $3) AND touched_ms < $1
         ORDER BY account_id, hash
         LIMIT $4";
    /// Forgets a body's name, answers where its bytes are. By primary key.
    REMOVE = "DELETE FROM body WHERE account_id = $1 AND hash = $2 RETURNING bytes_id";
    /// Removes a body's bytes. By primary key.
    REMOVE_BYTES = "DELETE FROM body_bytes WHERE id = $1";
}

/// Makes the tables in a new file; refuses a file of a newer program.
pub(crate) fn make_schema(connection: &Connection) -> Result<(), StoreError> {
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(|error| store_error(&error))?;
    match version {
        0 => connection.execute_batch(&format!("BEGIN; {SCHEMA} COMMIT;")).map_err(|error| store_error(&error)),
        SCHEMA_VERSION => Ok(()),
        newer => Err(StoreError::Unusable(format!(
            "bodies.db is of version {newer}, and this program knows {SCHEMA_VERSION}: start the newer Postern again, \
             or restore the copy that was made before it"
        ))),
    }
}

/// The bodies as one thread sees them.
pub(super) struct BodyStore<'c> {
    session: Session<'c>,
    writable: bool,
    /// A transaction was begun for this batch: a body was put.
    begun: Cell<bool>,
    /// A savepoint was made for this job: it put a body.
    job_begun: Cell<bool>,
    /// What this batch removed (true) or put (false), in order; done after the commit.
    removals: RefCell<Vec<(BodyKey, bool)>>,
    removals_before_job: Cell<usize>,
}

impl<'c> BodyStore<'c> {
    pub fn new(connection: &'c Connection, writable: bool) -> Self {
        Self {
            session: Session::new_autocommit(connection),
            writable,
            begun: Cell::new(false),
            job_begun: Cell::new(false),
            removals: RefCell::default(),
            removals_before_job: Cell::new(0),
        }
    }

    /// A job begins.
    pub fn begin_job(&self) {
        self.session.forget_failure();
        self.job_begun.set(false);
        self.removals_before_job.set(self.removals.borrow().len());
    }

    /// The job ended; its bodies stay or go.
    pub fn end_job(&self, keep: bool) -> Result<(), rusqlite::Error> {
        if !keep {
            self.removals.borrow_mut().truncate(self.removals_before_job.get());
        }
        if self.job_begun.take() {
            if !keep {
                self.session.control("ROLLBACK TO body_job")?;
            }
            self.session.control("RELEASE body_job")?;
        }
        Ok(())
    }

    /// Whether the bodies of this batch are gone without our asking.
    pub fn is_lost(&self) -> bool {
        self.begun.get() && !self.session.in_transaction()
    }

    pub fn failure(&self) -> Option<StoreError> {
        self.session.failure()
    }

    pub fn sync_failed(&self) -> bool {
        self.session.sync_failed()
    }

    /// Commits and syncs the bodies of this batch; answers whether there were any.
    pub fn commit(&self) -> Result<bool, rusqlite::Error> {
        if !self.begun.get() {
            return Ok(false);
        }
        self.session.control("COMMIT")?;
        self.begun.set(false);
        Ok(true)
    }

    /// The batch is not to be: neither its bodies nor its removals.
    pub fn roll_back(&self) {
        self.session.roll_back();
        self.begun.set(false);
        self.removals.borrow_mut().clear();
    }

    /// Does the removals of a batch whose rows are committed; answers whether there were
    /// any. What fails here is found again by the next collection.
    pub fn remove_committed(&self) -> Result<bool, StoreError> {
        let mut last: BTreeMap<BodyKey, bool> = BTreeMap::new();
        last.extend(self.removals.take());
        last.retain(|_, removed| *removed);
        if last.is_empty() {
            return Ok(false);
        }
        self.session.forget_failure();
        let removed = self.session.control("BEGIN IMMEDIATE").map_err(|error| store_error(&error)).and_then(|()| {
            last.into_keys().try_for_each(|key| self.remove_now(key))?;
            self.session.control("COMMIT").map_err(|error| store_error(&error))
        });
        self.session.roll_back();
        removed.map(|()| true)
    }

    fn remove_now(&self, key: BodyKey) -> Result<(), StoreError> {
        let mut bytes_id = None;
        self.session.query(&REMOVE, &key_values(&key), &mut |row| {
            bytes_id = Some(row.int(0)?);
            Ok(())
        })?;
        if let Some(bytes_id) = bytes_id {
            self.session.execute(&REMOVE_BYTES, &[Value::Int(bytes_id)])?;
        }
        Ok(())
    }

    /// Opens the transaction of the batch and the savepoint of the job, if they are not.
    fn begin(&self) -> Result<(), StoreError> {
        self.check()?;
        if !self.begun.get() {
            self.session.control_for_job("BEGIN IMMEDIATE")?;
            self.begun.set(true);
        }
        if !self.job_begun.get() {
            self.session.control_for_job("SAVEPOINT body_job")?;
            self.job_begun.set(true);
        }
        Ok(())
    }

    fn check(&self) -> Result<(), StoreError> {
        if !self.writable {
            return Err(StoreError::ReadOnly);
        }
        if self.is_lost() {
            return Err(StoreError::Lost("the engine ended the transaction of bodies".into()));
        }
        Ok(())
    }

    /// Whether these very bytes are there, and can be read: somebody was faster.
    fn holds(&self, key: BodyKey, stored: &[u8]) -> Result<bool, StoreError> {
        let mut is_same = false;
        let read = self.session.query(&GET, &key_values(&key), &mut |row| {
            is_same = row.bytes(0)? == stored;
            Ok(())
        });
        match read {
            Err(StoreError::Damaged(_)) => {
                // It is what is to be put right.
                self.session.forget_failure();
                Ok(false)
            }
            other => other.map(|()| is_same),
        }
    }

    /// Keeps these bytes, and names them by this statement.
    fn put_as(&self, name: &'static Statement, key: BodyKey, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.begin()?;
        let mut bytes_id = 0;
        self.session.query(&PUT_BYTES, &[Value::Bytes(stored)], &mut |row| {
            bytes_id = row.int(0)?;
            Ok(())
        })?;
        let [account, hash] = key_values(&key);
        self.session.execute(name, &[account, hash, Value::Int(now.0), Value::Int(bytes_id)]).map(drop)
    }

    fn touched(&self, key: BodyKey) -> Result<Option<Timestamp>, StoreError> {
        let mut touched = None;
        self.session.query(&FIND, &key_values(&key), &mut |row| {
            touched = Some(Timestamp(row.int(1)?));
            Ok(())
        })?;
        Ok(touched)
    }
}

impl Bodies for BodyStore<'_> {
    fn put(&self, key: BodyKey, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.check()?;
        self.removals.borrow_mut().push((key, false));
        let [account, hash] = key_values(&key);
        match self.touched(key)? {
            Some(touched) if now < touched.plus_ms(TOUCH_STEP_MS) => Ok(()),
            Some(_) => {
                self.begin()?;
                self.session.execute(&TOUCH, &[account, hash, Value::Int(now.0)]).map(drop)
            }
            None => self.put_as(&PUT, key, stored, now),
        }
    }

    /// The damaged bytes are left where they lie: to free their pages, SQLite would have to read them.
    fn put_anew(&self, key: BodyKey, stored: &[u8], now: Timestamp) -> Result<(), StoreError> {
        self.check()?;
        if self.holds(key, stored)? {
            return self.put(key, stored, now);
        }
        self.removals.borrow_mut().push((key, false));
        match self.touched(key)? {
            Some(_) => self.put_as(&PUT_ANEW, key, stored, now),
            None => self.put_as(&PUT, key, stored, now),
        }
    }

    fn read(&self, key: BodyKey, each: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<bool, StoreError> {
        let mut is_kept = false;
        let read = self.session.query(&GET, &key_values(&key), &mut |row| {
            is_kept = true;
            each(row.bytes(0)?)
        });
        match read.map_err(as_body) {
            Ok(()) => Ok(is_kept),
            Err(error) => {
                // Each is read by itself: the others of this job are not to suffer.
                if matches!(error, StoreError::Body(_)) && !self.writable {
                    self.session.forget_failure();
                }
                Err(error)
            }
        }
    }

    fn untouched(&self, before: Timestamp, after: Option<BodyKey>, most: usize) -> Result<Vec<BodyKey>, StoreError> {
        let mut keys = Vec::new();
        let (account, hash) = after_values(after.as_ref());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.session.query(&UNTOUCHED, &[Value::Int(before.0), account, hash, Value::Int(most)], &mut |row| {
            keys.push(key_of(row)?);
            Ok(())
        })?;
        Ok(keys)
    }

    fn hold_untouched(&self, key: BodyKey, before: Timestamp) -> Result<bool, StoreError> {
        // The only writer is this thread: nobody touches it before the transaction ends.
        Ok(self.touched(key)?.is_some_and(|touched| touched < before))
    }

    fn remove(&self, key: BodyKey) -> Result<(), StoreError> {
        self.check()?;
        self.removals.borrow_mut().push((key, true));
        Ok(())
    }
}

/// The two values that name a body.
pub(crate) fn key_values(key: &BodyKey) -> [Value<'_>; 2] {
    [Value::Int(key.account.get()), Value::Bytes(&key.hash.0)]
}

/// The two values below all keys after this one; accounts count from 1.
pub(crate) fn after_values(after: Option<&BodyKey>) -> (Value<'_>, Value<'_>) {
    match after {
        Some(key) => (Value::Int(key.account.get()), Value::Bytes(&key.hash.0)),
        None => (Value::Int(0), Value::Bytes(&[])),
    }
}

/// A body's key from the first two columns.
pub(crate) fn key_of(row: &dyn Row) -> Result<BodyKey, StoreError> {
    let hash = BlobHash::from_slice(row.bytes(1)?).ok_or_else(|| StoreError::Damaged("a body's hash is cut".into()))?;
    Ok(BodyKey { account: AccountId::new(row.int(0)?)?, hash })
}
