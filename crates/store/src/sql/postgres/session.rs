//! One connection as jobs see it: prepared statements by address, values of our four
//! kinds, and the first failure.
//!
//! A statement that nobody waits for, and a question that is known to come, are kept until one comes
//! whose answer is wanted, and they go to the server together, in order: one way there and back for
//! all of them. What holds an account's row makes others wait, and each way there and back makes that
//! longer.

use super::{asks_for_a_retry, is_gone, store_error};
use crate::StoreError;
use crate::sql::{Row, Sql, Statement, Value, dialect};
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config, NoTls};

/// A client with its prepared statements.
pub(crate) struct Session {
    client: Client,
    /// Of this thread; the connection is a task of it, which moves while something is waited for.
    runtime: Runtime,
    /// By the address of the [`Statement`], each a static of its own.
    prepared: RefCell<HashMap<usize, postgres::Statement>>,
    /// What goes to the server with the next statement whose answer is wanted.
    waiting: RefCell<Vec<Waiting>>,
    /// Answers to questions that were asked ahead.
    answered: RefCell<Vec<(Question, Vec<postgres::Row>)>>,
    failed: RefCell<Option<StoreError>>,
    retry_asked: Cell<bool>,
    gone: Cell<bool>,
}

/// A statement that nobody waits for.
enum Waiting {
    Control(&'static str),
    Statement(Question),
    /// Its answer is kept until somebody asks.
    Ahead(Question),
}

/// A statement with its values.
struct Question {
    statement: &'static Statement,
    prepared: postgres::Statement,
    values: Vec<Kept>,
}

impl Question {
    fn is(&self, statement: &'static Statement, values: &[Value<'_>]) -> bool {
        std::ptr::eq(self.statement, statement) && self.values.iter().map(Kept::value).eq(values.iter().copied())
    }
}

/// A value that is kept until its statement goes.
enum Kept {
    Null,
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

type Answer<'w> = Pin<Box<dyn Future<Output = Result<Vec<postgres::Row>, postgres::Error>> + 'w>>;

impl Waiting {
    fn run<'w>(&'w self, client: &'w Client) -> Answer<'w> {
        match self {
            Self::Control(text) => Box::pin(async move { client.batch_execute(text).await.map(|()| Vec::new()) }),
            Self::Statement(Question { prepared, values, .. }) | Self::Ahead(Question { prepared, values, .. }) => {
                Box::pin(async move {
                    let values: Vec<Value<'_>> = values.iter().map(Kept::value).collect();
                    client.query(prepared, &parameters(&values)).await
                })
            }
        }
    }
}

impl Kept {
    fn of(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Int(number) => Self::Int(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Int(number) => Value::Int(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// A question that is on its way, and its answer where that is there already.
struct Asked<F: Future> {
    future: F,
    answer: Option<F::Output>,
}

impl<F: Future + Unpin> Asked<F> {
    async fn now(mut future: F) -> Self {
        let answer = poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut future).poll(context) {
                Poll::Ready(answer) => Some(answer),
                Poll::Pending => None,
            })
        });
        Self { answer: answer.await, future }
    }

    async fn answer(self) -> F::Output {
        match self.answer {
            Some(answer) => answer,
            None => self.future.await,
        }
    }
}

impl Session {
    /// Connects.
    pub fn connect(config: &Config, set_up: &str) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Engine(format!("starting a runtime: {error}")))?;
        let client = runtime.block_on(async {
            let (client, connection) = config.connect(NoTls).await?;
            // Its error is told to whoever waits for an answer.
            tokio::spawn(async { drop(connection.await) });
            client.batch_execute(set_up).await?;
            Ok(client)
        });
        let client = client.map_err(|error| StoreError::Lost(format!("connecting: {}", super::text_of(&error))))?;
        Ok(Self {
            client,
            runtime,
            prepared: RefCell::default(),
            waiting: RefCell::default(),
            answered: RefCell::default(),
            failed: RefCell::default(),
            retry_asked: Cell::new(false),
            gone: Cell::new(false),
        })
    }

    /// Begins a transaction, with its first statement.
    pub fn begin(&self, text: &'static str) {
        self.waiting.take();
        self.answered.take();
        self.waiting.borrow_mut().push(Waiting::Control(text));
    }

    /// Sends a BEGIN that waits still, so that a connection which was cut while it was idle is found out
    /// before COMMIT. What goes wrong is told by [`Session::failure`].
    pub fn begin_now(&self) {
        let waits = matches!(self.waiting.borrow().first(), Some(Waiting::Control(_)));
        if waits {
            drop(self.ask(std::future::ready(Ok(()))));
        }
    }

    /// Ends a transaction with COMMIT. An error may be that of a statement that was waiting: then the
    /// server has rolled back.
    pub fn commit(&self) -> Result<(), StoreError> {
        self.ask(self.client.batch_execute("COMMIT"))?.map_err(|error| {
            self.see(&error);
            store_error(&error)
        })
    }

    /// Rolls back. Where that fails the connection is given up, which does the same.
    pub fn roll_back(&self) {
        // Of what did not go yet nothing is wanted but the BEGIN, without which this says no more than a
        // warning.
        self.waiting.take();
        self.answered.take();
        if self.runtime.block_on(self.client.batch_execute("ROLLBACK")).is_err() {
            self.gone.set(true);
        }
    }

    /// Sends what waits and then `last`; answers what came of `last`, or what went wrong before.
    fn ask<T>(
        &self,
        last: impl Future<Output = Result<T, postgres::Error>>,
    ) -> Result<Result<T, postgres::Error>, StoreError> {
        let waiting = self.waiting.take();
        let (answers, last) = self.runtime.block_on(async {
            let last = pin!(last);
            let mut before = Vec::with_capacity(waiting.len());
            for one in &waiting {
                before.push(Asked::now(one.run(&self.client)).await);
            }
            let last = Asked::now(last).await;
            let (mut answers, mut failed) = (Vec::with_capacity(before.len()), None);
            for (asked, one) in before.into_iter().zip(&waiting) {
                match asked.answer().await {
                    Ok(rows) => answers.push(rows),
                    Err(error) => drop(failed.get_or_insert_with(|| self.waiting_error(one, &error))),
                }
            }
            let last = last.answer().await;
            match failed {
                Some(failed) => Err(failed),
                None => Ok((answers, last)),
            }
        })?;
        let mut answered = self.answered.borrow_mut();
        answered.extend(waiting.into_iter().zip(answers).filter_map(|(waiting, rows)| match waiting {
            Waiting::Ahead(question) => Some((question, rows)),
            Waiting::Control(_) | Waiting::Statement(_) => None,
        }));
        Ok(last)
    }

    /// The answer to a question that was asked ahead; one that did not go yet is asked now.
    fn take_answer(&self, statement: &'static Statement, values: &[Value<'_>]) -> Option<Vec<postgres::Row>> {
        let is_it = |question: &Question| question.is(statement, values);
        let place = self.answered.borrow().iter().position(|(question, _)| is_it(question));
        if let Some(place) = place {
            return Some(self.answered.borrow_mut().swap_remove(place).1);
        }
        self.waiting.borrow_mut().retain(|waiting| !matches!(waiting, Waiting::Ahead(question) if is_it(question)));
        None
    }

    fn waiting_error(&self, waiting: &Waiting, error: &postgres::Error) -> StoreError {
        match waiting {
            Waiting::Statement(question) | Waiting::Ahead(question) => self.engine_error(question.statement, error),
            Waiting::Control(_) => {
                self.see(error);
                self.fail(store_error(error))
            }
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
        self.gone.get() || self.client.is_closed()
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
                let prepared = self.runtime.block_on(self.client.prepare(&text));
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
        // What does not fit is found here: it would not reach the server, which would then COMMIT the rest.
        for (value, ty) in values.iter().zip(prepared.params()) {
            if let Err(error) = value.fits(ty) {
                return Err(self.fail(StoreError::Engine(format!("{}: {error}", statement.name))));
            }
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
        let changed = self.ask(self.client.execute(&prepared, &parameters(values)))?;
        changed.map_err(|error| self.engine_error(statement, &error))
    }

    fn send(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<(), StoreError> {
        let prepared = self.prepare(statement, values)?;
        let values = values.iter().map(Kept::of).collect();
        self.waiting.borrow_mut().push(Waiting::Statement(Question { statement, prepared, values }));
        Ok(())
    }

    fn ask_ahead(&self, questions: &[(&'static Statement, &[Value<'_>])]) -> Result<(), StoreError> {
        self.answered.take();
        self.waiting.borrow_mut().retain(|waiting| !matches!(waiting, Waiting::Ahead(_)));
        for (statement, values) in questions {
            let prepared = self.prepare(statement, values)?;
            let values = values.iter().map(Kept::of).collect();
            self.waiting.borrow_mut().push(Waiting::Ahead(Question { statement, prepared, values }));
        }
        Ok(())
    }

    /// All rows are fetched first: a row's callback may run further statements.
    fn query(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let prepared = self.prepare(statement, values)?;
        let rows = match self.take_answer(statement, values) {
            Some(rows) => rows,
            None => {
                let rows = self.ask(self.client.query(&prepared, &parameters(values)))?;
                rows.map_err(|error| self.engine_error(statement, &error))?
            }
        };
        rows.iter().try_for_each(|row| each(&PostgresRow(row)))
    }
}

impl Value<'_> {
    /// Can it be written for a parameter of this type?
    fn fits(&self, ty: &Type) -> Result<(), String> {
        let does = match *self {
            Value::Null => true,
            Value::Int(number) if *ty == Type::INT4 => i32::try_from(number).is_ok(),
            Value::Int(number) if *ty == Type::INT2 => i16::try_from(number).is_ok(),
            Value::Int(_) => *ty == Type::INT8,
            Value::Text(_) => *ty == Type::JSON || <&str as ToSql>::accepts(ty),
            Value::Bytes(_) => *ty == Type::BYTEA,
        };
        let what = match self {
            Value::Int(number) => format!("the number {number}"),
            Value::Text(_) => "a text".to_owned(),
            Value::Null | Value::Bytes(_) => "bytes".to_owned(),
        };
        if does { Ok(()) } else { Err(format!("{what} for a parameter of type {ty}; CAST it")) }
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
            // Rows (`crate::sql::Rows`) are JSON, which goes to the server as it is.
            Value::Text(text) if *ty == Type::JSON => text.to_sql(&Type::TEXT, out),
            Value::Text(text) if <&str as ToSql>::accepts(ty) => text.to_sql(ty, out),
            Value::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            _ => Err(self.fits(ty).err().unwrap_or_default().into()),
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
