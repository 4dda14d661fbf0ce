//! One SQL text for two engines: statements, values, rows.
//!
//! Everything above this module is written once. What differs between SQLite and
//! PostgreSQL lives in [`dialect`], [`sqlite`] and [`postgres`] and nowhere else.

use crate::StoreError;

pub(crate) mod dialect;
pub(crate) mod postgres;
mod rows;
pub(crate) mod sqlite;
#[cfg(test)]
mod tests;

pub(crate) use rows::Rows;

/// One SQL statement with a name for logs and tests. The text uses `$1`, `$2` … and must
/// mean the same on both engines; the test `every_statement_prepares` proves that it runs.
#[derive(Debug)]
pub struct Statement {
    /// Its constant's name.
    pub name: &'static str,
    /// The text, with `$n` placeholders.
    pub text: &'static str,
}

/// A value bound to a placeholder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL of any type.
    Null,
    /// BIGINT on both engines; booleans are 0 and 1.
    Int(i64),
    /// TEXT.
    Text(&'a str),
    /// BLOB or BYTEA.
    Bytes(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}
impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Value::Int(i64::from(value))
    }
}
impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Value::Text(value)
    }
}
impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Value::Text(value)
    }
}
impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Value::Bytes(value)
    }
}
impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// One row of an answer, valid until the next is asked for. Columns count from 0.
pub trait Row {
    /// A BIGINT, or `None` for NULL.
    fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError>;
    /// A TEXT, or `None` for NULL.
    fn opt_text(&self, column: usize) -> Result<Option<&str>, StoreError>;
    /// Bytes, or `None` for NULL.
    fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, StoreError>;

    /// A BIGINT that is never NULL.
    fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| null(column))
    }
    /// A TEXT that is never NULL.
    fn text(&self, column: usize) -> Result<&str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| null(column))
    }
    /// Bytes that are never NULL.
    fn bytes(&self, column: usize) -> Result<&[u8], StoreError> {
        self.opt_bytes(column)?.ok_or_else(|| null(column))
    }
    /// 0 or 1.
    fn flag(&self, column: usize) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }
}

fn null(column: usize) -> StoreError {
    StoreError::Damaged(format!("column {column} is NULL"))
}

/// An open transaction of one engine. `&self`: the engine keeps its own cells, so that a
/// row's callback may run further statements.
pub(crate) trait Sql {
    /// Runs a statement, answers the number of changed rows.
    fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<u64, StoreError>;
    /// Runs a statement of which nothing is asked, neither its rows nor how many it changed. Where it fails,
    /// that may be told by a later statement or by the end of the transaction.
    fn send(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<(), StoreError>;
    /// These are going to be asked, by `query` with the same values, and nothing that is done until then
    /// changes their answers: an engine may ask them now, together. Those of the call before that nobody has
    /// asked yet are forgotten.
    fn ask_ahead(&self, questions: &[(&'static Statement, &[Value<'_>])]) -> Result<(), StoreError>;
    /// Runs a statement and hands over its rows one by one, in order.
    fn query(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;
}

/// Where small bodies are kept: beside the database on SQLite, a table on PostgreSQL.
pub(crate) trait Bodies {
    /// Keeps the stored form of a body; keeping it again only touches it.
    fn put(&self, key: BodyKey, stored: &[u8], now: postern_types::Timestamp) -> Result<(), StoreError>;
    /// The same in place of one that is there, and damaged.
    fn put_anew(&self, key: BodyKey, stored: &[u8], now: postern_types::Timestamp) -> Result<(), StoreError>;
    /// Hands over the stored form where it lies, once; whether it is kept here. Of one that the engine finds damaged
    /// it says so ([`StoreError::Body`]); on SQLite, a read transaction goes on after that.
    fn read(&self, key: BodyKey, each: &mut dyn FnMut(&[u8]) -> Result<(), StoreError>) -> Result<bool, StoreError>;
    /// The stored form, if it is kept here.
    fn get(&self, key: BodyKey) -> Result<Option<Vec<u8>>, StoreError> {
        let mut stored = None;
        self.read(key, &mut |bytes| {
            stored = Some(bytes.to_vec());
            Ok(())
        })?;
        Ok(stored)
    }
    /// Keys untouched since `before`, at most `most`, in key order after `after`.
    fn untouched(
        &self,
        before: postern_types::Timestamp,
        after: Option<BodyKey>,
        most: usize,
    ) -> Result<Vec<BodyKey>, StoreError>;
    /// Whether the body is untouched since `before`; if so, nobody else touches it before
    /// this transaction ends.
    fn hold_untouched(&self, key: BodyKey, before: postern_types::Timestamp) -> Result<bool, StoreError>;
    /// Deletes the body, once the transaction is committed.
    fn remove(&self, key: BodyKey) -> Result<(), StoreError>;
}

/// Bodies have a database, or a table, of their own: what an engine finds damaged there is the one that was asked for.
fn as_body(error: StoreError) -> StoreError {
    match error {
        StoreError::Damaged(text) => StoreError::Body(text),
        other => other,
    }
}

/// Names a body: there is no sharing across accounts, so no existence oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodyKey {
    /// The account it belongs to.
    pub account: postern_types::AccountId,
    /// Keyed hash of the raw message.
    pub hash: postern_types::BlobHash,
}

/// Statements of the engine layer on the schema of both engines, for the test that prepares them all.
#[cfg_attr(not(test), expect(dead_code, reason = "the test every_statement_prepares walks the list"))]
pub(crate) fn engine_statements() -> impl Iterator<Item = &'static Statement> {
    let lists = [crate::clock::ALL, crate::migrate::ALL, crate::blob::collect::ALL];
    lists.into_iter().flatten().copied()
}

/// Statements on the table of bodies, which is laid out differently on each engine: SQLite's
/// and PostgreSQL's.
#[cfg_attr(not(test), expect(dead_code, reason = "the test every_statement_prepares walks the list"))]
pub(crate) fn body_statements() -> [&'static [&'static Statement]; 2] {
    [sqlite::bodies::ALL, postgres::bodies::ALL]
}

/// Declares statements as statics and lists them all, so that none escapes the test
/// that prepares every statement on both engines.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)*) => {
        $(
            $(#[$doc])*
            pub(crate) static $name: $crate::sql::Statement =
                $crate::sql::Statement { name: stringify!($name), text: $text };
        )*
        /// Every statement of this module.
        pub(crate) static ALL: &[&$crate::sql::Statement] = &[$(&$name),*];
    };
}
pub(crate) use statements;
