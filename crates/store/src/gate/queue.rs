//! The queue at the gate: what is to be sent is put in by whoever may send it, and brought away by
//! the submission job alone (docs/decisions/0030-queue.md).
//!
//! Whoever brings a recipient's mail away has taken it: others pass over it until a moment that
//! moves on while they work. A process that is gone moves it no more.

use super::after::After;
use super::audit::note;
use super::authority::{Authority, RunQueue};
use super::error::GateError;
use super::queue_row::TAKEN_OUT;
use super::read::StoredBody;
use super::submit::{SendError, Sending};
use crate::sql::{BodyKey, Row, Rows, Value};
use crate::statements::{queue as sql, sending as sending_sql};
use crate::{Place, Prepared, StoreError, Tx};
use postern_access::Actor;
use postern_types::{AccountId, BlobHash, PersonId, Timestamp};

/// Who is brought away first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// What people send, and notifications.
    People,
    /// Campaigns, and what goes to many.
    Bulk,
    /// Recipients here of what people send: no other server keeps them waiting.
    Here,
    /// Recipients here of campaigns, and of what goes to many.
    BulkHere,
}

impl Lane {
    /// All of them.
    pub const ALL: [Lane; 4] = [Lane::People, Lane::Bulk, Lane::Here, Lane::BulkHere];

    /// Where it is among all of them.
    pub fn place(self) -> usize {
        match self {
            Lane::People => 0,
            Lane::Bulk => 1,
            Lane::Here => 2,
            Lane::BulkHere => 3,
        }
    }

    /// As metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Lane::People => "people",
            Lane::Bulk => "campaigns",
            Lane::Here => "people-here",
            Lane::BulkHere => "campaigns-here",
        }
    }

    fn number(self) -> i64 {
        self.place() as i64
    }

    /// Does it leave behind what people send?
    pub fn is_bulk(self) -> bool {
        matches!(self, Lane::Bulk | Lane::BulkHere)
    }

    /// Are its recipients here?
    pub fn is_here(self) -> bool {
        matches!(self, Lane::Here | Lane::BulkHere)
    }

    /// The lane of recipients here, or elsewhere, of a message of this one.
    pub fn of_recipients(self, are_here: bool) -> Self {
        match (self.is_bulk(), are_here) {
            (false, false) => Lane::People,
            (true, false) => Lane::Bulk,
            (false, true) => Lane::Here,
            (true, true) => Lane::BulkHere,
        }
    }

    fn of(number: i64) -> Self {
        Lane::ALL.into_iter().find(|lane| lane.number() == number).unwrap_or(Lane::Bulk)
    }
}

/// What waits to be brought away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// Of each lane that has some: recipients who wait, and those that somebody holds.
    pub lanes: Vec<(Lane, u64, u64)>,
    /// Since when that message waits which has waited longest: nobody holds it, and it may leave.
    pub oldest: Option<Timestamp>,
}

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct NewQueued {
    /// Its name, `msg_…`.
    pub public_id: String,
    /// The address in From.
    pub from: String,
    /// The reverse path; empty where nobody hears of it.
    pub reverse_path: String,
    /// Each recipient has a reverse path of their own.
    pub verp: bool,
    /// Its body, of the account that it is sent as.
    pub body: Prepared,
    /// Trace lines that go in front of it.
    pub prefix: Vec<u8>,
    /// RFC 6531.
    pub smtputf8: bool,
    /// It has bytes over 127.
    pub eight_bit: bool,
    /// RET (RFC 3461 section 4.3).
    pub return_full: Option<bool>,
    /// ENVID (RFC 3461 section 4.4).
    pub envelope_id: Option<String>,
    /// Its lane.
    pub lane: Lane,
    /// Why it waits for somebody, where it does.
    pub hold: Option<String>,
    /// Its sender may take it back until then.
    pub undo_until: Option<Timestamp>,
    /// Nothing leaves before.
    pub first_try: Timestamp,
    /// It is a limit that it waits for until then.
    pub at_limit: bool,
    /// What follows when it does.
    pub after: After,
    /// To whom.
    pub recipients: Vec<NewRecipient>,
}

/// One of its recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRecipient {
    /// The address as the envelope has it.
    pub address: String,
    /// Its domain, in lower case.
    pub domain: String,
    /// It is one of ours, as of now.
    pub is_here: bool,
    /// When the sender hears: 1 of success, 2 of failure, 4 of delay (RFC 3461 section 4.1).
    pub notify: i64,
    /// ORCPT, its type and the address.
    pub original: Option<(String, String)>,
}

/// A recipient that was taken, to be brought their mail.
#[derive(Debug, Clone)]
pub struct TakenRecipient {
    /// Its number.
    pub id: i64,
    /// Its message's.
    pub message: i64,
    /// The address.
    pub address: String,
    /// Its domain.
    pub domain: String,
    /// Is that one of ours, as of now?
    pub is_ours: bool,
    /// How often it was tried before.
    pub tries: i64,
    /// When the sender hears.
    pub notify: i64,
    /// ORCPT.
    pub original: Option<(String, String)>,
    /// The sender was told that it takes long.
    pub delay_told: bool,
}

/// A message that waits.
#[derive(Debug, Clone)]
pub struct QueuedMessage {
    /// Its number.
    pub id: i64,
    /// Its name.
    pub public_id: String,
    /// The account that it is sent as.
    pub account: AccountId,
    /// The address in From.
    pub from: String,
    /// The reverse path.
    pub reverse_path: String,
    /// Each recipient has one of their own.
    pub verp: bool,
    key: BodyKey,
    is_file: bool,
    /// Bytes of the body.
    pub size: u64,
    /// Trace lines in front of it.
    pub prefix: Vec<u8>,
    /// RFC 6531.
    pub smtputf8: bool,
    /// It has bytes over 127.
    pub eight_bit: bool,
    /// RET.
    pub return_full: Option<bool>,
    /// ENVID.
    pub envelope_id: Option<String>,
    /// Its lane.
    pub lane: Lane,
    /// When it was put in.
    pub created: Timestamp,
    /// From when on it is tried.
    pub leaves: Timestamp,
    /// Why it does not leave now.
    pub stopped: Option<Stopped>,
    /// Something follows when it leaves: [`Authority::leaves`].
    pub follows: bool,
    /// The person who sent it, where one did, and what they are called.
    pub person: Option<(PersonId, String)>,
}

/// What was done about a message, or about who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Somebody holds it.
    Held,
    /// The credential that sent it is suspended: its mail waits.
    Suspended,
    /// The person who sent it is suspended, or the account it was sent as is closed: likewise.
    SenderSuspended,
    /// The credential was taken back because its secret is known to others: its mail does not leave.
    Compromised,
}

/// A recipient who is tried again.
#[derive(Debug, Clone)]
pub struct Again {
    /// Whose number.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// What was said.
    pub said: String,
    /// By which server.
    pub server: Option<String>,
    /// The sender was told of the delay.
    pub delay_told: bool,
}

impl QueuedMessage {
    /// The name of its body.
    pub fn body_key(&self) -> BodyKey {
        self.key
    }
}

impl Sending<'_> {
    /// Queues the message. It is on its way when this is committed.
    pub fn queue(&self, new: &NewQueued) -> Result<(), SendError> {
        let (person, credential) = match self.caller().actor() {
            Actor::Person(person) => (Some(person.get()), None),
            Actor::Credential { id, .. } => (None, Some(id.get())),
            Actor::Operator { .. } | Actor::Job(_) => (None, None),
        };
        let by = By { person, credential, label: &self.caller().origin().label };
        add(self.tx(), self.plan().account, &by, new)?;
        self.note_submitted(new)?;
        Ok(())
    }
}

/// Who put it in.
struct By<'a> {
    person: Option<i64>,
    credential: Option<i64>,
    label: &'a str,
}

fn add(tx: &Tx<'_>, account: AccountId, by: &By<'_>, new: &NewQueued) -> Result<(), StoreError> {
    tx.keep_body(&new.body)?;
    let values = [
        new.public_id.as_str().into(),
        account.get().into(),
        by.person.into(),
        by.credential.into(),
        by.label.into(),
        new.from.as_str().into(),
        new.reverse_path.as_str().into(),
        new.verp.into(),
        new.body.key.hash.0.as_slice().into(),
        matches!(new.body.place, Place::File).into(),
        (new.body.size as i64).into(),
        new.prefix.as_slice().into(),
        new.smtputf8.into(),
        new.eight_bit.into(),
        new.return_full.map(i64::from).into(),
        new.envelope_id.as_deref().into(),
        new.lane.number().into(),
        new.hold.as_deref().into(),
        new.undo_until.map(|until| until.0).into(),
        tx.now().0.into(),
        new.first_try.0.into(),
        new.after.is_something().into(),
        new.at_limit.into(),
    ];
    let id = tx.one(&sql::ADD_MESSAGE, &values, |row| row.int(0))?;
    let id = id.ok_or_else(|| StoreError::Damaged("a queued message has no number".into()))?;
    new.after.add(tx, id)?;
    let mut recipients = Rows::new();
    for recipient in &new.recipients {
        let (kind, original) = recipient.original.as_ref().map(|(kind, text)| (kind.as_str(), text.as_str())).unzip();
        recipients.push(&[
            recipient.address.as_str().into(),
            recipient.domain.as_str().into(),
            new.lane.of_recipients(recipient.is_here).number().into(),
            recipient.notify.into(),
            Value::from(kind),
            Value::from(original),
        ]);
    }
    let values = [id.into(), new.hold.is_some().into(), new.first_try.0.into(), recipients.value()];
    tx.send(&sql::ADD_RECIPIENTS, &values)
}

impl Authority<'_, RunQueue> {
    /// Takes recipients of a lane that are due, for process `me` until a moment, with their messages.
    pub fn take(
        &self,
        lane: Lane,
        most: usize,
        (me, until): (i64, Timestamp),
    ) -> Result<(Vec<TakenRecipient>, Vec<QueuedMessage>), GateError> {
        let tx = self.tx();
        let values = [me.into(), until.0.into(), lane.number().into(), tx.now().0.into(), (most as i64).into()];
        let mut taken = tx.all(&sql::TAKE, &values, read_taken)?;
        taken.sort_by_key(|recipient| (recipient.message, recipient.id));
        let mut numbers: Vec<i64> = taken.iter().map(|recipient| recipient.message).collect();
        numbers.dedup();
        let messages = match numbers.is_empty() {
            true => Vec::new(),
            false => tx.all(&sql::MESSAGES, &[Rows::of(&numbers).value()], read_message)?,
        };
        Ok((taken, messages))
    }

    /// What waits, for whoever watches over the house: numbers, and never whose.
    pub fn backlog(&self) -> Result<Backlog, StoreError> {
        let lanes = self.tx().all(&sql::BACKLOG, &[], |row| {
            let (recipients, held) = (row.int(1)?, row.int(2)?);
            Ok((Lane::of(row.int(0)?), (recipients - held).max(0) as u64, held.max(0) as u64))
        })?;
        let oldest = self.tx().one(&sql::OLDEST, &[self.tx().now().0.into()], |row| Ok(Timestamp(row.int(0)?)))?;
        Ok(Backlog { lanes, oldest })
    }

    /// When the next recipient of a lane is due.
    pub fn next_due(&self, lane: Lane) -> Result<Option<Timestamp>, StoreError> {
        self.tx().one(&sql::NEXT_DUE, &[lane.number().into()], |row| Ok(Timestamp(row.int(0)?)))
    }

    /// Process `me` goes on with what it has taken, until a moment.
    pub fn renew(&self, me: i64, until: Timestamp) -> Result<(), StoreError> {
        self.tx().execute(&sql::RENEW, &[me.into(), until.0.into()]).map(|_| ())
    }

    /// What process `me` had taken is due again.
    pub fn let_go(&self, me: i64) -> Result<(), GateError> {
        self.tx().send(&sql::LET_GO, &[me.into(), self.tx().now().0.into()])?;
        let found = self.tx().all(&sql::ALL_TAKEN_OUT, &[], read_taken_out)?;
        found.into_iter().try_for_each(|message| self.end_taken_out(message))
    }

    /// These, which process `me` has taken and not tried, are due at a moment.
    pub fn put_back(&self, recipients: &[i64], me: i64, at: Timestamp) -> Result<(), GateError> {
        if recipients.is_empty() {
            return Ok(());
        }
        self.tx().send(&sql::PUT_BACK, &[Rows::of(recipients).value(), me.into(), at.0.into()])?;
        self.end_those_taken_out(recipients)
    }

    /// These, which process `me` has taken, are of this lane from now on: a domain is no more ours.
    pub fn change_lane(&self, recipients: &[i64], me: i64, lane: Lane) -> Result<(), StoreError> {
        self.tx().send(&sql::SET_LANE, &[Rows::of(recipients).value(), me.into(), lane.number().into()])
    }

    /// What process `me` has taken, by number.
    pub fn taken(&self, me: i64) -> Result<Vec<i64>, StoreError> {
        self.tx().all(&sql::TAKEN, &[me.into()], |row| row.int(0))
    }

    /// A message as it is now; nothing where it is gone.
    pub fn message(&self, message: &QueuedMessage) -> Result<Option<QueuedMessage>, StoreError> {
        self.tx().one(&sql::MESSAGES, &[Rows::of(&[message.id]).value()], read_message)
    }

    /// Something kept these messages, so that they leave from now on: no try was made, and they are not late.
    pub fn kept(&self, messages: &[i64]) -> Result<(), StoreError> {
        for message in messages {
            self.tx().execute(&sql::SET_LEAVES, &[(*message).into(), self.tx().now().0.into()])?;
        }
        Ok(())
    }

    /// Takes these out, since their credential was taken back: the trail tells, and nobody else.
    pub fn take_out(&self, message: &QueuedMessage, recipients: &[i64], me: i64) -> Result<(), StoreError> {
        if message.follows {
            self.tx().send(&sql::DELETE_AFTER, &[message.id.into()])?;
            self.tx().send(&sending_sql::ANSWER_TAKEN_BACK, &[message.public_id.as_str().into()])?;
        }
        let removed = self.done(message.id, recipients, me)?;
        let detail = format!("{} recipients {removed}", message.public_id);
        note(self.tx(), self.caller(), "queue.removed", message.account, &detail, "")
    }

    /// The body of a message that was taken.
    pub fn body(&self, message: &QueuedMessage) -> Result<StoredBody, StoreError> {
        let inline = if message.is_file { None } else { self.tx().bodies().get(message.key)? };
        if !message.is_file && inline.is_none() {
            return Err(StoreError::Body(format!("the body of {} is missing", message.public_id)));
        }
        Ok(StoredBody { key: message.key, inline, size: message.size })
    }

    /// These recipients of a message need nothing more. Answers how many of them process `me` still had.
    pub fn done(&self, message: i64, recipients: &[i64], me: i64) -> Result<u64, StoreError> {
        // Held even for none: whoever is tried again then sees whether somebody holds the message.
        self.tx().send(&sql::HOLD_MESSAGE, &[message.into()])?;
        if recipients.is_empty() {
            return Ok(0);
        }
        let done = self.tx().execute(&sql::DONE, &[Rows::of(recipients).value(), me.into()])?;
        self.tx().send(&sql::DELETE_DONE, &[message.into()])?;
        Ok(done)
    }

    /// These are tried again. Answers how many of them process `me` still had.
    pub fn again(&self, recipients: &[Again], me: i64) -> Result<u64, GateError> {
        if recipients.is_empty() {
            return Ok(0);
        }
        let mut rows = Rows::new();
        for again in recipients {
            rows.push(&[
                again.id.into(),
                again.at.0.into(),
                again.said.as_str().into(),
                again.server.as_deref().into(),
                again.delay_told.into(),
            ]);
        }
        let kept = self.tx().execute(&sql::LATER, &[rows.value(), me.into()])?;
        let ids: Vec<i64> = recipients.iter().map(|again| again.id).collect();
        self.end_those_taken_out(&ids)?;
        Ok(kept)
    }

    /// Whoever of these was tried while their message was taken out is not tried again.
    fn end_those_taken_out(&self, recipients: &[i64]) -> Result<(), GateError> {
        let found = self.tx().all(&sql::TAKEN_OUT_OF, &[Rows::of(recipients).value()], read_taken_out)?;
        found.into_iter().try_for_each(|message| self.end_taken_out(message))
    }

    /// Nobody who waits for this message is tried again; when that was the last, it is gone, and taken back where
    /// it never left.
    fn end_taken_out(&self, (message, public_id): (i64, String)) -> Result<(), GateError> {
        self.tx().send(&sql::REMOVE_RECIPIENTS, &[message.into()])?;
        if self.tx().execute(&sql::DELETE_DONE, &[message.into()])? > 0 {
            self.taken_back(message, &public_id)?;
        }
        Ok(())
    }

    /// Was a message taken out while it was on its way? Holds it until the commit.
    pub fn is_taken_out(&self, message: i64) -> Result<bool, StoreError> {
        Ok(self.tx().one(&sql::HELD_BY, &[message.into()], |row| row.int(0))? == Some(TAKEN_OUT))
    }

    /// Those of a message that process `me` has taken, by number.
    pub fn taken_of(&self, message: &QueuedMessage, me: i64) -> Result<Vec<i64>, StoreError> {
        self.tx().all(&sql::TAKEN_OF, &[message.id.into(), me.into()], |row| row.int(0))
    }

    /// Queues a notification of the house's own, kept with the account it is about.
    pub fn notify(&self, account: AccountId, new: &NewQueued) -> Result<(), StoreError> {
        let by = By { person: None, credential: None, label: &self.caller().origin().label };
        add(self.tx(), account, &by, new)
    }

    /// Mail of an account to this address came back for good: no campaign of it goes there again.
    pub fn suppress(&self, account: AccountId, address: &str, reason: &str) -> Result<(), StoreError> {
        let values = [account.get().into(), address.into(), reason.into(), self.tx().now().0.into()];
        self.tx().execute(&sending_sql::SUPPRESS, &values).map(|_| ())
    }
}

fn read_taken_out(row: &dyn Row) -> Result<(i64, String), StoreError> {
    Ok((row.int(0)?, row.text(1)?.to_owned()))
}

fn read_taken(row: &dyn Row) -> Result<TakenRecipient, StoreError> {
    let kind = row.opt_text(6)?.map(str::to_owned);
    Ok(TakenRecipient {
        id: row.int(0)?,
        message: row.int(1)?,
        address: row.text(2)?.to_owned(),
        domain: row.text(3)?.to_owned(),
        tries: row.int(4)?,
        notify: row.int(5)?,
        original: kind.zip(row.opt_text(7)?.map(str::to_owned)),
        delay_told: row.flag(8)?,
        is_ours: row.int(9)? > 0,
    })
}

/// What was done about who sent a message, by the state and the end of its credential, the state of the account
/// that it was sent as, and since when its person is suspended.
pub(super) fn stopped(row: &dyn Row, columns: [usize; 4]) -> Result<Option<Stopped>, StoreError> {
    let [state, end, account, suspended] = columns;
    Ok(match (row.opt_text(state)?, row.opt_text(end)?) {
        (Some("revoked" | "expired"), Some("compromised")) => Some(Stopped::Compromised),
        (Some("suspended"), _) => Some(Stopped::Suspended),
        _ if row.opt_text(account)? != Some("active") || row.opt_int(suspended)?.is_some() => {
            Some(Stopped::SenderSuspended)
        }
        _ => None,
    })
}

fn read_message(row: &dyn Row) -> Result<QueuedMessage, StoreError> {
    let account = AccountId::new(row.int(1)?)?;
    let hash = row.bytes(5)?.try_into().map_err(|_| StoreError::Damaged("the key of a queued body".into()))?;
    Ok(QueuedMessage {
        id: row.int(24)?,
        public_id: row.text(0)?.to_owned(),
        account,
        from: row.text(2)?.to_owned(),
        reverse_path: row.text(3)?.to_owned(),
        verp: row.flag(4)?,
        key: BodyKey { account, hash: BlobHash(hash) },
        is_file: row.flag(6)?,
        size: u64::try_from(row.int(7)?).map_err(|_| StoreError::Damaged("the size of a queued body".into()))?,
        prefix: row.bytes(8)?.to_vec(),
        smtputf8: row.flag(9)?,
        eight_bit: row.flag(10)?,
        return_full: row.opt_int(11)?.map(|full| full != 0),
        envelope_id: row.opt_text(12)?.map(str::to_owned),
        lane: Lane::of(row.int(13)?),
        created: Timestamp(row.int(14)?),
        leaves: Timestamp(row.int(15)?),
        stopped: match row.opt_text(23)? {
            Some(_) => Some(Stopped::Held),
            None => stopped(row, [16, 17, 21, 22])?,
        },
        follows: row.flag(18)?,
        person: match row.opt_int(19)? {
            Some(person) => Some((PersonId::of(AccountId::new(person)?), row.text(20)?.to_owned())),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests;
