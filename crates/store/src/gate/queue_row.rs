//! A message that waits, as lists show it, and why it waits.

use super::caller::Caller;
use super::queue::{Stopped, stopped};
use crate::StoreError;
use crate::sql::Row;
use postern_access::Actor;
use postern_types::{AccountId, PersonId, Timestamp};

/// A message that waits, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueRow {
    /// Its number, for the next page.
    pub number: i64,
    /// Its name.
    pub id: String,
    /// The account that it is sent as.
    pub account_id: AccountId,
    /// The address of that.
    pub account: String,
    /// Who sent it, where a person did.
    pub person: Option<PersonId>,
    /// Who sent it.
    pub sender: String,
    /// The address in From.
    pub from: String,
    /// The reverse path.
    pub reverse_path: String,
    /// Its bytes.
    pub size: u64,
    /// It leaves behind what people send.
    pub is_bulk: bool,
    /// Why it waits for somebody.
    pub hold: Option<String>,
    /// Whoever runs the mailbox holds it, and its sender can not send it on.
    pub is_held_by_office: bool,
    /// It was taken out, and is gone when the tries under way have ended.
    pub is_taken_out: bool,
    /// What was done about the credential that it was sent with.
    pub stopped: Option<Stopped>,
    /// Its sender may take it back until then.
    pub undo_until: Option<Timestamp>,
    /// From when on it is tried.
    pub leaves: Timestamp,
    /// It is a limit that it waits for until then, and no wish of its sender.
    pub is_at_limit: bool,
    /// When it was put in.
    pub created: Timestamp,
    /// Recipients who have not got it.
    pub recipients: u64,
    /// Of them, to whom it is on its way at this moment.
    pub being_tried: u64,
    /// When the first of the others is tried next.
    pub next_try: Option<Timestamp>,
    /// How often one of them was tried, at most.
    pub tries: u64,
    /// What was said at the last try of that one.
    pub last_said: Option<String>,
    /// By which server.
    pub last_server: Option<String>,
}

/// Why a message has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueState {
    /// Somebody holds it, or the house does for its sender.
    Held,
    /// Its sender can take it back.
    Undo,
    /// The credential that it was sent with is suspended.
    CredentialSuspended,
    /// The person who sent it is suspended, or the account it was sent as is closed.
    SenderSuspended,
    /// The credential that it was sent with was taken back as compromised.
    CredentialCompromised,
    /// The time that its sender named has not come (RFC 4865).
    Scheduled,
    /// There is no room for it yet within a limit.
    AtLimit,
    /// It is on its way to a recipient at this moment.
    BeingTried,
    /// It was tried in vain, and is tried again.
    Retrying,
    /// It leaves now.
    Due,
}

impl QueueState {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            QueueState::Held => "held",
            QueueState::Undo => "undo",
            QueueState::CredentialSuspended => "credential-suspended",
            QueueState::SenderSuspended => "sender-suspended",
            QueueState::CredentialCompromised => "credential-compromised",
            QueueState::Scheduled => "scheduled",
            QueueState::AtLimit => "at-limit",
            QueueState::BeingTried => "being-tried",
            QueueState::Retrying => "retrying",
            QueueState::Due => "due",
        }
    }
}

impl QueueRow {
    /// Why it has not left. What somebody decided comes before what servers say.
    pub fn state(&self, now: Timestamp) -> QueueState {
        let is_after = |at: Option<Timestamp>| at.is_some_and(|at| now < at);
        match self.stopped {
            _ if self.hold.is_some() => QueueState::Held,
            Some(Stopped::SenderSuspended) => QueueState::SenderSuspended,
            Some(Stopped::Suspended) => QueueState::CredentialSuspended,
            Some(Stopped::Compromised) => QueueState::CredentialCompromised,
            _ if is_after(self.undo_until) => QueueState::Undo,
            Some(Stopped::Held) => QueueState::Held,
            None if self.being_tried > 0 => QueueState::BeingTried,
            None if now < self.leaves && self.is_at_limit => QueueState::AtLimit,
            None if now < self.leaves => QueueState::Scheduled,
            None if self.tries > 0 && is_after(self.next_try) => QueueState::Retrying,
            None => QueueState::Due,
        }
    }

    /// Why it is not sent now together with others by somebody else: it waits for what its sender alone decides (to
    /// take it back, to send it on, or a time that they named), or for room within a limit. Nothing for all else.
    /// Of `all` there are, what somebody holds stays as well.
    pub fn left_alone_because(&self, now: Timestamp, all: bool) -> Option<&'static str> {
        match self.state(now) {
            QueueState::Undo | QueueState::Scheduled => Some("it waits for its sender's own word or time"),
            QueueState::Held if !self.is_held_by_office => Some("it waits for its sender's own word or time"),
            QueueState::Held if all => Some("somebody holds it; name it, or its account or credential, to send it"),
            QueueState::AtLimit => Some("it waits for room within a limit"),
            _ => None,
        }
    }

    /// Did they send it themselves?
    pub fn is_sent_by(&self, caller: &Caller) -> bool {
        matches!(caller.actor(), Actor::Person(person) if self.person == Some(*person))
    }
}

/// As `hold_office`: it is taken out when the tries under way have ended.
pub(super) const TAKEN_OUT: i64 = 2;

pub(super) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Damaged("a count of the queue".into()))
}

pub(super) fn read_row(row: &dyn Row) -> Result<QueueRow, StoreError> {
    Ok(QueueRow {
        number: row.int(0)?,
        id: row.text(1)?.to_owned(),
        account_id: AccountId::new(row.int(2)?)?,
        sender: row.text(3)?.to_owned(),
        from: row.text(4)?.to_owned(),
        reverse_path: row.text(5)?.to_owned(),
        size: count(row.int(6)?)?,
        is_bulk: row.int(7)? != 0,
        hold: row.opt_text(8)?.map(str::to_owned),
        undo_until: row.opt_int(9)?.map(Timestamp),
        created: Timestamp(row.int(10)?),
        person: row
            .opt_int(11)?
            .map(|person| Ok::<_, StoreError>(PersonId::of(AccountId::new(person)?)))
            .transpose()?,
        recipients: count(row.int(12)?)?,
        next_try: row.opt_int(13)?.map(Timestamp),
        tries: count(row.opt_int(14)?.unwrap_or(0))?,
        account: row.opt_text(15)?.unwrap_or_default().to_owned(),
        being_tried: count(row.int(16)?)?,
        leaves: Timestamp(row.int(17)?),
        is_held_by_office: row.int(18)? != 0,
        is_taken_out: row.int(18)? == TAKEN_OUT,
        is_at_limit: row.flag(25)?,
        stopped: stopped(row, [19, 20, 23, 24])?,
        last_said: row.opt_text(21)?.map(str::to_owned),
        last_server: row.opt_text(22)?.map(str::to_owned),
    })
}
