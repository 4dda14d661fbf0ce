//! One connection as jobs see it: prepared statements by address, and the first failure.

use super::{is_failed_sync, store_error};
use crate::StoreError;
use crate::sql::{Row, Sql, Statement, Value, dialect};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// A connection with its prepared statements. It lives on the stack of the thread that
/// owns the connection.
pub(crate) struct Session<'c> {
    connection: &'c Connection,
    /// By the address of the [`Statement`], each a static of its own. A statement in use is
    /// out of the map, so that a row's callback may use it again.
    prepared: RefCell<HashMap<usize, rusqlite::Statement<'c>>>,
    /// Statements run only inside a transaction: once SQLite has ended it, another would
    /// commit by itself, behind the engine's back.
    in_transaction_only: bool,
    failed: RefCell<Option<StoreError>>,
    sync_failed: Cell<bool>,
}

impl<'c> Session<'c> {
    /// Statements run inside transactions only.
    pub fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            prepared: RefCell::default(),
            in_transaction_only: true,
            failed: RefCell::default(),
            sync_failed: Cell::new(false),
        }
    }

    /// Statements may run by themselves.
    pub fn new_autocommit(connection: &'c Connection) -> Self {
        Self { in_transaction_only: false, ..Self::new(connection) }
    }

    /// Whether a transaction is open. SQLite itself may have ended it.
    pub fn in_transaction(&self) -> bool {
        !self.connection.is_autocommit()
    }

    /// Runs a statement of transaction control, like BEGIN.
    pub fn control(&self, text: &'static str) -> Result<(), rusqlite::Error> {
        let result = self.connection.prepare_cached(text).and_then(|mut statement| statement.raw_execute());
        result.map(drop).inspect_err(|error| self.see(error))
    }

    /// [`Session::control`] on behalf of a job, which can not be kept if it fails.
    pub fn control_for_job(&self, text: &'static str) -> Result<(), StoreError> {
        self.control(text).map_err(|error| self.fail(store_error(&error)))
    }

    /// Rolls back what is open. The error of a rollback says nothing that matters: SQLite
    /// has then ended the transaction itself.
    pub fn roll_back(&self) {
        if self.in_transaction() {
            let _ = self.control("ROLLBACK");
        }
    }

    /// Forgets the failure of the job before.
    pub fn forget_failure(&self) {
        self.failed.take();
    }

    /// The first statement that failed since then. Such a job can not be kept.
    pub fn failure(&self) -> Option<StoreError> {
        self.failed.borrow().clone()
    }

    /// Whether any sync of this connection ever failed.
    pub fn sync_failed(&self) -> bool {
        self.sync_failed.get()
    }

    fn see(&self, error: &rusqlite::Error) {
        if is_failed_sync(error) {
            self.sync_failed.set(true);
        }
    }

    fn fail(&self, error: StoreError) -> StoreError {
        self.failed.borrow_mut().get_or_insert_with(|| error.clone());
        error
    }

    fn engine_error(&self, statement: &Statement, error: &rusqlite::Error) -> StoreError {
        self.see(error);
        let error = match store_error(error) {
            StoreError::Engine(text) => StoreError::Engine(format!("{}: {text}", statement.name)),
            other => other,
        };
        self.fail(error)
    }

    fn check(&self) -> Result<(), StoreError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        if self.in_transaction_only && !self.in_transaction() {
            return Err(self.fail(StoreError::Lost("the engine ended the transaction".into())));
        }
        Ok(())
    }

    fn take(&self, statement: &'static Statement) -> Result<rusqlite::Statement<'c>, StoreError> {
        if let Some(prepared) = self.prepared.borrow_mut().remove(&address(statement)) {
            return Ok(prepared);
        }
        let text = dialect::for_sqlite(statement.text);
        self.connection.prepare(&text).map_err(|error| self.engine_error(statement, &error))
    }

    fn give_back(&self, statement: &'static Statement, prepared: rusqlite::Statement<'c>) {
        self.prepared.borrow_mut().insert(address(statement), prepared);
    }

    fn bind(
        &self,
        statement: &'static Statement,
        prepared: &mut rusqlite::Statement<'c>,
        values: &[Value<'_>],
    ) -> Result<(), StoreError> {
        if prepared.parameter_count() != values.len() {
            let text = format!(
                "{} takes {} values and was given {}",
                statement.name,
                prepared.parameter_count(),
                values.len()
            );
            return Err(self.fail(StoreError::Engine(text)));
        }
        for (index, value) in values.iter().enumerate() {
            prepared.raw_bind_parameter(index + 1, value).map_err(|error| self.engine_error(statement, &error))?;
        }
        Ok(())
    }
}

fn address(statement: &'static Statement) -> usize {
    std::ptr::from_ref(statement).addr()
}

impl Sql for Session<'_> {
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        self.check()?;
        let mut prepared = self.take(statement)?;
        self.bind(statement, &mut prepared, values)?;
        let changed = prepared.raw_execute().map_err(|error| self.engine_error(statement, &error))?;
        self.give_back(statement, prepared);
        Ok(changed as u64)
    }

    fn send(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<(), StoreError> {
        self.query(statement, values, &mut |_| Ok(()))
    }

    /// There is no way there and back.
    fn ask_ahead(&self, _: &[(&'static Statement, &[Value<'_>])]) -> Result<(), StoreError> {
        Ok(())
    }

    fn query(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.check()?;
        let mut prepared = self.take(statement)?;
        self.bind(statement, &mut prepared, values)?;
        let mut rows = prepared.raw_query();
        let mut result = Ok(());
        while result.is_ok() {
            match rows.next() {
                Ok(Some(row)) => result = each(&SqliteRow(row)),
                Ok(None) => break,
                Err(error) => return Err(self.engine_error(statement, &error)),
            }
        }
        drop(rows);
        self.give_back(statement, prepared);
        result
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct SqliteRow<'r>(&'r rusqlite::Row<'r>);

impl SqliteRow<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>, StoreError> {
        self.0.get_ref(column).map_err(|error| StoreError::Damaged(format!("column {column}: {error}")))
    }
}

fn not_a<T>(column: usize, kind: &str, value: ValueRef<'_>) -> Result<T, StoreError> {
    Err(StoreError::Damaged(format!("column {column} is {}, not {kind}", value.data_type())))
}

impl Row for SqliteRow<'_> {
    fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(number) => Ok(Some(number)),
            other => not_a(column, "a number", other),
        }
    }

    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(StoreError::Damaged(format!("column {column} is not UTF-8"))),
            },
            other => not_a(column, "text", other),
        }
    }

    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Blob(bytes) => Ok(Some(bytes)),
            other => not_a(column, "bytes", other),
        }
    }
}
