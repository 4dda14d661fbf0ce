//! The queue as people see it: what waits, and what may be done about it.
//!
//! Administrators and operators see all of it, owners of an account what is sent as it, and everyone
//! what they sent themselves. They see envelopes and never the mail. To all others a message is
//! absent (law 4).

use super::audit::note;
use super::authority::{Authority, ManageQueue, RunQueue, with_duty_facts_at};
use super::caller::Caller;
use super::error::{GateError, Rule};
use super::queue::{Stopped, stopped};
use super::queue_row::{QueueRow, TAKEN_OUT, count, read_row};
use crate::sql::Row;
use crate::statements::queue as sql;
use crate::{StoreError, Tx};
use postern_access::{Actor, TokenRole, voice};
use postern_types::{AccountId, CredentialId, PersonId, Timestamp};

/// A recipient who has not got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRecipientRow {
    /// The address.
    pub address: String,
    /// How often it was tried.
    pub tries: u64,
    /// When it is tried next.
    pub next_try: Timestamp,
    /// It is being tried.
    pub is_tried: bool,
    /// What was said at the last try.
    pub last_said: Option<String>,
    /// By which server.
    pub last_server: Option<String>,
}

/// What was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RemovedQueued {
    /// Recipients who do not get it.
    pub recipients: u64,
    /// Copies that went from Sent to Drafts, since it never left.
    pub drafts: u64,
}

/// Those of the messages that wait that somebody may see and do something about. Made by [`Tx::queue_of`]
/// alone.
pub struct QueueOf<'t> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    account: i64,
    sent_by: i64,
    credential: i64,
    /// The caller manages what waits everywhere.
    runs_all: bool,
}

/// A message that its holder may do something about. Made by [`Tx::queued`] alone.
pub struct Queued<'t> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    id: i64,
    account: AccountId,
    public_id: String,
    /// Its holder is who sent it, and does not run the mailbox.
    is_sender_alone: bool,
}

/// A message as it is while it is held.
struct Standing {
    sent_by: Option<i64>,
    is_office: bool,
    is_taken_out: bool,
    stopped: Option<Stopped>,
}

impl Tx<'_> {
    /// Messages that wait, as far as `caller` may see them: of one account, or, without one, all of them for
    /// those who manage all, and what they sent themselves for everybody else. Of a credential of that
    /// account alone, where one is named.
    pub fn queue_of<'t>(
        &'t self,
        caller: &'t Caller,
        account: Option<AccountId>,
        credential: Option<CredentialId>,
    ) -> Result<QueueOf<'t>, GateError> {
        let sent_by = match account {
            Some(account) => self.authority_on::<ManageQueue>(caller, account).map(|_| 0)?,
            None => match (self.authority::<ManageQueue>(caller), caller.actor()) {
                (Ok(_), _) => 0,
                // What one sent oneself.
                (Err(GateError::Denied(_)), Actor::Person(person)) if is_at_home(caller) => person.get(),
                (Err(error), _) => return Err(error),
            },
        };
        let (account, credential) = (account.map_or(0, AccountId::get), credential.map_or(0, CredentialId::get));
        let runs_all = self.authority::<ManageQueue>(caller).is_ok();
        Ok(QueueOf { tx: self, caller, account, sent_by, credential, runs_all })
    }

    /// The message of this name, for whoever may do something about it; absent for all others.
    pub fn queued<'t>(&'t self, caller: &'t Caller, public_id: &str) -> Result<Queued<'t>, GateError> {
        let found = self.one(&sql::FIND, &[public_id.into()], |row| {
            Ok((row.int(0)?, AccountId::new(row.int(1)?)?, row.opt_int(2)?))
        })?;
        let (id, account, sent_by) = found.unwrap_or((0, Tx::no_account(), None));
        let is_theirs =
            matches!(caller.actor(), Actor::Person(person) if sent_by == Some(person.get())) && is_at_home(caller);
        let proof = self.authority_on::<ManageQueue>(caller, account).map(|_| ());
        let absent = || GateError::from(Rule::Absent(format!("message {public_id} waiting to be sent")));
        let queued = |is_sender_alone| {
            Ok(Queued { tx: self, caller, id, account, public_id: public_id.to_owned(), is_sender_alone })
        };
        match proof {
            _ if found.is_none() => Err(absent()),
            // One's own account is one's own, and not to lift what others hold there.
            Ok(()) => queued(is_ones_own(caller, account) && self.authority::<ManageQueue>(caller).is_err()),
            Err(GateError::Denied(_)) if is_theirs => queued(true),
            Err(GateError::Denied(_) | GateError::Rule(_)) => Err(absent()),
            Err(other) => Err(other),
        }
    }
}

impl Authority<'_, ManageQueue> {
    /// How many messages that somebody sent as this account wait.
    pub fn waiting_of_person(&self, person: PersonId) -> Result<u64, GateError> {
        Ok(count_of(self.tx(), [self.which()?.get(), person.get(), 0])?.0)
    }

    /// How many messages that a credential of this account handed in wait.
    pub fn waiting_of_credential(&self, credential: CredentialId) -> Result<u64, GateError> {
        Ok(count_of(self.tx(), [self.which()?.get(), 0, credential.get()])?.0)
    }
}

impl<'t> QueueOf<'t> {
    /// Those older than number `before`, newest first, at most `most`.
    pub fn list(&self, before: Option<i64>, most: usize) -> Result<Vec<QueueRow>, GateError> {
        let values = [
            before.unwrap_or(i64::MAX).into(),
            (most as i64).into(),
            self.account.into(),
            self.sent_by.into(),
            self.credential.into(),
        ];
        Ok(self.tx.all(&sql::LIST, &values, read_row)?)
    }

    /// How many messages and recipients.
    pub fn count(&self) -> Result<(u64, u64), GateError> {
        count_of(self.tx, [self.account, self.sent_by, self.credential])
    }

    /// Are these only what the caller sent themselves, since they do not manage the others?
    pub fn is_own(&self) -> bool {
        self.sent_by != 0
    }

    /// One of them, to do something about it.
    pub fn queued(&self, row: &QueueRow) -> Queued<'t> {
        Queued {
            tx: self.tx,
            caller: self.caller,
            id: row.number,
            account: row.account_id,
            public_id: row.id.clone(),
            is_sender_alone: self.is_own() || (!self.runs_all && is_ones_own(self.caller, row.account_id)),
        }
    }
}

fn count_of(tx: &Tx<'_>, which: [i64; 3]) -> Result<(u64, u64), GateError> {
    let read = |row: &dyn Row| Ok((count(row.int(0)?)?, count(row.int(1)?)?));
    let counts = match which {
        [0, 0, 0] => tx.one(&sql::COUNT, &[], read)?,
        [account, sent_by, credential] => {
            tx.one(&sql::COUNT_OF, &[account.into(), sent_by.into(), credential.into()], read)?
        }
    };
    Ok(counts.unwrap_or_default())
}

impl Queued<'_> {
    /// As it is now, with at most `most` of its recipients.
    pub fn show(&self, most: usize) -> Result<(QueueRow, Vec<QueueRecipientRow>), GateError> {
        let values = [(self.id + 1).into(), 1.into(), 0.into(), 0.into(), 0.into()];
        let row = self.tx.one(&sql::LIST, &values, read_row)?.filter(|row| row.number == self.id);
        let row = row.ok_or_else(|| Rule::Absent(format!("message {} waiting to be sent", self.public_id)))?;
        let recipients = self.tx.all(&sql::RECIPIENTS, &[self.id.into(), (most as i64).into()], |row| {
            Ok(QueueRecipientRow {
                address: row.text(0)?.to_owned(),
                tries: count(row.int(1)?)?,
                next_try: Timestamp(row.int(2)?),
                is_tried: row.int(3)? != 0,
                last_said: row.opt_text(4)?.map(str::to_owned),
                last_server: row.opt_text(5)?.map(str::to_owned),
            })
        })?;
        Ok((row, recipients))
    }

    /// Holds the message until the commit, so that whoever ends its last recipient, holds it or sends it on takes
    /// turns; and reads what that depends on.
    fn standing(&self) -> Result<Standing, GateError> {
        let read = |row: &dyn Row| {
            let hold = row.int(1)?;
            let (is_office, is_taken_out) = (hold != 0, hold == TAKEN_OUT);
            Ok(Standing { sent_by: row.opt_int(0)?, is_office, is_taken_out, stopped: stopped(row, [2, 3, 4, 5])? })
        };
        let standing = self.tx.one(&sql::HOLD_FACTS, &[self.id.into()], read)?;
        Ok(standing.ok_or_else(|| Rule::Absent(format!("message {} waiting to be sent", self.public_id)))?)
    }

    /// Sends it now: nothing holds it any more, and its next try is at once. What whoever runs the mailbox
    /// holds, its sender does not send; nor as a mailbox that they may not send as any more.
    pub fn retry(&self) -> Result<(), GateError> {
        let standing = self.standing()?;
        if let Some(because) = self.kept_because(&standing)? {
            return Err(Rule::Unusable(because).into());
        }
        self.release(self.tx.now())
    }

    /// Nobody holds it any more, and its next try is at this moment.
    fn release(&self, at: Timestamp) -> Result<(), GateError> {
        self.tx.execute(&sql::RELEASE, &[self.id.into(), at.0.into()])?;
        self.tx.execute(&sql::SET_DUE, &[self.id.into(), at.0.into()])?;
        Ok(note(self.tx, self.caller, "queue.released", self.account, &self.public_id, "")?)
    }

    /// Sends it now together with others, as somebody else than its sender, or says why it is left alone
    /// ([`QueueRow::left_alone_because`]). Where it waited for its time as whoever runs the mailbox took hold of it,
    /// it waits for that again.
    pub fn retry_with_others(&self, all: bool) -> Result<Option<&'static str>, GateError> {
        let (standing, now) = (self.standing()?, self.tx.now());
        let (row, _) = self.show(0)?;
        if let Some(because) = row.left_alone_because(now, all) {
            return Ok(Some(because));
        }
        let is_to_be_taken_out = standing.stopped == Some(Stopped::Compromised);
        if !standing.is_office || row.leaves <= now || is_to_be_taken_out {
            return self.retry().map(|()| None);
        }
        if let Some(because) = self.kept_because(&standing)? {
            return Err(Rule::Unusable(because).into());
        }
        self.release(row.leaves)?;
        Ok(Some(match row.is_at_limit {
            true => "nobody holds it any more, and it waits for room within a limit",
            false => "nobody holds it any more, and it waits for its sender's own time",
        }))
    }

    /// Why its holder can not send it now, as it is shown.
    pub fn retry_refused(&self, row: &QueueRow) -> Result<Option<String>, GateError> {
        if row.stopped == Some(Stopped::Compromised) {
            let text = "is not sent any more: its credential was taken back as compromised; take it out";
            return Ok(Some(format!("{} {text}", self.public_id)));
        }
        self.kept_because(&Standing {
            sent_by: None,
            is_office: row.is_held_by_office,
            is_taken_out: row.is_taken_out,
            stopped: row.stopped,
        })
    }

    fn kept_because(&self, standing: &Standing) -> Result<Option<String>, GateError> {
        let because = match standing.stopped {
            _ if standing.is_taken_out => "was taken out; it is gone when the try under way has ended",
            _ if self.is_sender_alone && standing.is_office => {
                "is held by whoever runs the mailbox; ask them to send it on"
            }
            _ if self.is_sender_alone && !self.may_still_send()? => "stays: you may not send as this mailbox any more",
            Some(Stopped::Suspended) => "waits for its credential, which is suspended; resume that first",
            Some(Stopped::SenderSuspended) => "waits for its sender, who is suspended, or its mailbox, which is closed",
            // Its next try takes it out.
            Some(Stopped::Held | Stopped::Compromised) | None => return Ok(None),
        };
        Ok(Some(format!("{} {because}", self.public_id)))
    }

    fn may_still_send(&self) -> Result<bool, StoreError> {
        let (tx, actor) = (self.tx, self.caller.actor());
        let voice = with_duty_facts_at(tx, actor, Some(self.account), tx.now(), |facts| voice(actor, facts))?;
        Ok(voice.is_some())
    }

    /// Holds it until somebody sends or removes it.
    pub fn hold(&self, why: &str) -> Result<(), GateError> {
        let standing = self.standing()?;
        if standing.is_taken_out || (self.is_sender_alone && standing.is_office) {
            return Ok(());
        }
        if standing.stopped == Some(Stopped::Compromised) {
            let text = "its credential was taken back as compromised, so it leaves no more; take it out";
            return Err(Rule::Unusable(format!("{}: {text}", self.public_id)).into());
        }
        let is_own = matches!(self.caller.actor(), Actor::Person(person) if standing.sent_by == Some(person.get()));
        self.tx.execute(&sql::SET_HOLD, &[self.id.into(), why.into(), (!is_own).into()])?;
        self.tx.execute(&sql::SET_HELD, &[self.id.into()])?;
        Ok(note(self.tx, self.caller, "queue.held", self.account, &self.public_id, "")?)
    }

    /// Takes it out: nobody who waits gets it, and its sender hears nothing. To whom it is on its way at this
    /// moment is not called back, and not tried again. A message that never left is taken back as a whole, by `queue`.
    pub fn remove(&self, queue: &Authority<'_, RunQueue>) -> Result<RemovedQueued, GateError> {
        self.standing()?;
        let recipients = self.tx.execute(&sql::REMOVE_RECIPIENTS, &[self.id.into()])?;
        let is_gone = self.tx.execute(&sql::DELETE_DONE, &[self.id.into()])? > 0;
        if !is_gone {
            let why = format!("taken out by {}", self.caller.origin().label);
            self.tx.execute(&sql::SET_HOLD, &[self.id.into(), why.as_str().into(), TAKEN_OUT.into()])?;
        }
        let detail = format!("{} recipients {recipients}", self.public_id);
        note(self.tx, self.caller, "queue.removed", self.account, &detail, "")?;
        let drafts = if is_gone { queue.taken_back(self.id, &self.public_id)? } else { 0 };
        Ok(RemovedQueued { recipients, drafts: drafts as u64 })
    }
}

fn is_ones_own(caller: &Caller, account: AccountId) -> bool {
    matches!(caller.actor(), Actor::Person(person) if person.account() == account)
}

/// Signed in themselves, or by a login; a token that was made shows nothing of one's own.
fn is_at_home(caller: &Caller) -> bool {
    caller.token().is_none_or(|token| token.role == TokenRole::Login)
}
