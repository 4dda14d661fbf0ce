//! One connection as jobs see it: prepared statements by address, values of our four
//! kinds, and the first failure.

use super::{asks_for_a_retry, is_gone, store_error};
use crate::StoreError;
use crate::sql::{Row, Sql, Statement, Value, dialect};
use postgres::Client;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;

/// A client with its prepared statements.
pub(crate) struct Session {
    client: RefCell<Client>,
    /// By the address of the [`Statement`], each a static of its own.
    prepared: RefCell<HashMap<usize, postgres::Statement>>,
    failed: RefCell<Option<StoreError>>,
    retry_asked: Cell<bool>,
    gone: Cell<bool>,
}

impl Session {
    /// A session over a fresh client.
    pub fn new(client: Client) -> Self {
        Self {
            client: RefCell::new(client),
            prepared: RefCell::default(),
            failed: RefCell::default(),
            retry_asked: Cell::new(false),
            gone: Cell::new(false),
        }
    }

    /// Runs transaction control, like BEGIN.
    pub fn control(&self, text: &str) -> Result<(), postgres::Error> {
        self.client.borrow_mut().batch_execute(text).inspect_err(|error| self.see(error))
    }

    /// Rolls back. Where that fails the connection is given up, which does the same.
    pub fn roll_back(&self) {
        if self.control("ROLLBACK").is_err() {
            self.gone.set(true);
        }
    }

    /// Forgets the failure of the job before.
    pub fn forget_failure(&self) {
        self.failed.take();
        self.retry_asked.set(false);
    }

    /// The first statement that failed since then: the server has aborted the transaction,
    /// and would answer a COMMIT with a quiet ROLLBACK.
    pub fn failure(&self) -> Option<StoreError> {
        self.failed.borrow().clone()
    }

    /// The server asked for the transaction to be run again.
    pub fn retry_asked(&self) -> bool {
        self.retry_asked.get()
    }

    /// The connection is of no more use.
    pub fn is_gone(&self) -> bool {
        self.gone.get() || self.client.borrow().is_closed()
    }

    fn see(&self, error: &postgres::Error) {
        match error.code() {
            Some(code) if asks_for_a_retry(code) => self.retry_asked.set(true),
            Some(code) if is_gone(code) => self.gone.set(true),
            Some(_) => {}
            None if matches!(store_error(error), StoreError::Lost(_)) => self.gone.set(true),
            None => {}
        }
    }

    fn fail(&self, error: StoreError) -> StoreError {
        self.failed.borrow_mut().get_or_insert_with(|| error.clone());
        error
    }

    fn engine_error(&self, statement: &Statement, error: &postgres::Error) -> StoreError {
        self.see(error);
        let error = match store_error(error) {
            StoreError::Engine(text) => StoreError::Engine(format!("{}: {text}", statement.name)),
            other => other,
        };
        self.fail(error)
    }

    /// The prepared form, once the number of values is right (the client panics otherwise).
    fn prepare(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<postgres::Statement, StoreError> {
        if let Some(error) = self.failure() {
            return Err(error);
        }
        let address = std::ptr::from_ref(statement).addr();
        let known = self.prepared.borrow().get(&address).cloned();
        let prepared = match known {
            Some(prepared) => prepared,
            None => {
                let text = dialect::for_postgres(statement.text);
                let prepared = self.client.borrow_mut().prepare(&text);
                let prepared = prepared.map_err(|error| self.engine_error(statement, &error))?;
                self.prepared.borrow_mut().insert(address, prepared.clone());
                prepared
            }
        };
        let takes = prepared.params().len();
        if takes != values.len() {
            let text = format!("{} takes {takes} values and was given {}", statement.name, values.len());
            return Err(self.fail(StoreError::Engine(text)));
        }
        Ok(prepared)
    }
}

fn parameters<'v>(values: &'v [Value<'_>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl Sql for Session {
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        let prepared = self.prepare(statement, values)?;
        let changed = self.client.borrow_mut().execute(&prepared, &parameters(values));
        changed.map_err(|error| self.engine_error(statement, &error))
    }

    /// All rows are fetched first: a row's callback may run further statements.
    fn query(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let prepared = self.prepare(statement, values)?;
        let rows = self.client.borrow_mut().query(&prepared, &parameters(values));
        let rows = rows.map_err(|error| self.engine_error(statement, &error))?;
        rows.iter().try_for_each(|row| each(&PostgresRow(row)))
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Value::Null => Ok(IsNull::Yes),
            // The server takes a parameter beside a small literal for a small number.
            Value::Int(number) if *ty == Type::INT8 => number.to_sql(ty, out),
            Value::Int(number) if *ty == Type::INT4 => i32::try_from(number)?.to_sql(ty, out),
            Value::Int(number) if *ty == Type::INT2 => i16::try_from(number)?.to_sql(ty, out),
            Value::Text(text) if <&str as ToSql>::accepts(ty) => text.to_sql(ty, out),
            Value::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Value::Int(_) => Err(format!("a number for a parameter of type {ty}; CAST it").into()),
            Value::Text(_) => Err(format!("a text for a parameter of type {ty}; CAST it").into()),
            Value::Bytes(_) => Err(format!("bytes for a parameter of type {ty}; CAST it").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        // A NULL goes with every type; the others are checked as they are written.
        true
    }

    to_sql_checked!();
}

/// A whole number of whatever width the server chose; `true` is 1.
struct WholeNumber(i64);

impl<'a> FromSql<'a> for WholeNumber {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *ty {
            Type::INT2 => i16::from_sql(ty, raw)?.into(),
            Type::INT4 => i32::from_sql(ty, raw)?.into(),
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            _ => i64::from_sql(ty, raw)?,
        }))
    }

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT2 | Type::INT4 | Type::INT8 | Type::BOOL)
    }
}

struct PostgresRow<'r>(&'r postgres::Row);

impl<'r> PostgresRow<'r> {
    fn value<T: FromSql<'r>>(&self, column: usize) -> Result<Option<T>, StoreError> {
        self.0.try_get(column).map_err(|error| {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            StoreError::Damaged(format!("column {column}: {error} {cause}"))
        })
    }
}

impl Row for PostgresRow<'_> {
    fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        Ok(self.value::<WholeNumber>(column)?.map(|number| number.0))
    }
    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError> {
        self.value(column)
    }
    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, StoreError> {
        self.value(column)
    }
}
