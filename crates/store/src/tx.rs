//! A transaction as the rest of the store sees it. It has no public statement: what it
//! can do to mail is reached through the gate alone (`gate`).

use crate::db::Shared;
use crate::gate::Told;
use crate::snapshot::shelf::Shelf;
use crate::sql::{Bodies, Row, Sql, Statement, Value};
use crate::{Place, Prepared, StoreError};
use postern_types::{AccountId, MailboxId, ModSeq, Timestamp};
use std::cell::RefCell;

/// One transaction on one engine. A write job may be run more than once, so it must be
/// pure: what it decides depends on its inputs, the time of the transaction and the rows.
pub struct Tx<'c> {
    sql: &'c dyn Sql,
    bodies: &'c dyn Bodies,
    now: Timestamp,
    writable: bool,
    shelf: &'c Shelf,
    told: &'c Told,
    notices: RefCell<Vec<Notice>>,
}

/// What a committed transaction changed, told once to whoever watches on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Notice {
    /// Messages or flags of a mailbox, up to this modseq.
    Mailbox(MailboxId, ModSeq),
    /// The list of mailboxes of an account; what a person is shown of other accounts, or subscribed to.
    List(AccountId),
    /// What someone may do in this account, or what this person may do, has changed: its
    /// epoch is now this.
    Epoch(AccountId, i64),
    /// What everyone may do has changed.
    Organisation(i64),
}

impl<'c> Tx<'c> {
    pub(crate) fn new(sql: &'c dyn Sql, bodies: &'c dyn Bodies, shared: &'c Shared, writable: bool) -> Self {
        let (now, shelf, told) = (shared.clock.now(), &shared.shelf, &shared.told);
        Self { sql, bodies, now, writable, shelf, told, notices: RefCell::new(Vec::new()) }
    }

    /// House time of this transaction: one value from its start to its end.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn execute(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<u64, StoreError> {
        if !self.writable {
            return Err(StoreError::ReadOnly);
        }
        self.sql.execute(statement, values)
    }

    /// Runs a statement of which nothing is asked, on PostgreSQL together with the next one of which something
    /// is: where it fails, that may be told by that one, or by the end of the transaction. So not for
    /// statements whose failure is told to somebody as something other than that.
    pub(crate) fn send(&self, statement: &'static Statement, values: &[Value<'_>]) -> Result<(), StoreError> {
        if !self.writable {
            return Err(StoreError::ReadOnly);
        }
        self.sql.send(statement, values)
    }

    /// Says what is going to be asked, with which values, so that PostgreSQL is asked all of it at once. It is a
    /// hint that changes no answer, as long as nothing is done in between that would.
    pub(crate) fn ask_ahead(&self, questions: &[(&'static Statement, &[Value<'_>])]) -> Result<(), StoreError> {
        self.sql.ask_ahead(questions)
    }

    pub(crate) fn query(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        mut each: impl FnMut(&dyn Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.sql.query(statement, values, &mut each)
    }

    /// The only row of an answer, or `None`. More than one is damage.
    pub(crate) fn one<T>(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut found = None;
        self.query(statement, values, |row| {
            if found.replace(read(row)?).is_some() {
                return Err(StoreError::Damaged(format!("{} found more than one row", statement.name)));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Every row of an answer.
    pub(crate) fn all<T>(
        &self,
        statement: &'static Statement,
        values: &[Value<'_>],
        mut read: impl FnMut(&dyn Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        self.query(statement, values, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn bodies(&self) -> &'c dyn Bodies {
        self.bodies
    }

    /// Keeps a body that goes with the transaction; one in a file is durable already.
    pub(crate) fn keep_body(&self, body: &Prepared) -> Result<(), StoreError> {
        match &body.place {
            Place::File => Ok(()),
            Place::Inline(stored) if body.anew => self.bodies.put_anew(body.key, stored, self.now),
            Place::Inline(stored) => self.bodies.put(body.key, stored, self.now),
        }
    }

    /// Where snapshots are kept.
    pub(crate) fn shelf(&self) -> &'c Shelf {
        self.shelf
    }

    /// Lost texts that the log has told of.
    pub(crate) fn told(&self) -> &'c Told {
        self.told
    }

    pub(crate) fn writable(&self) -> bool {
        self.writable
    }

    /// Tells watchers of this node once the transaction is committed.
    pub(crate) fn notify(&self, notice: Notice) {
        self.notices.borrow_mut().push(notice);
    }

    /// What to tell once committed; the engine takes it after the job has ended well.
    pub(crate) fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }
}
