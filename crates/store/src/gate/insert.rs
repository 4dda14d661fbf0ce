//! Adding messages: APPEND, delivery, and what COPY shares with them.

use super::access::Access;
use super::audit::{Detail, Event};
use super::class::Insert;
use super::error::{GateError, Rule};
use super::flags::ask_ahead_for_set;
use crate::sql::Statement;
use crate::statements::{mailbox as mailbox_sql, message as sql};
use crate::{Notice, Place, Prepared, StoreError, Tx};
use postern_access::Actor;
use postern_types::{AccountId, Flags, MailboxId, MessageId, ModSeq, SystemFlag, Timestamp, Uid, UidValidity};
use std::sync::Arc;

/// What is read out of a message once, when it comes in.
#[derive(Debug, Clone, Default)]
pub struct MessageFacts {
    /// Bytes of the header with the blank line.
    pub header_bytes: u64,
    /// The Date field.
    pub sent: Option<Timestamp>,
    /// Its day as written, counted from 1970.
    pub sent_day: Option<i64>,
    /// First 63 bits of the keyed hash of Message-ID.
    pub message_id_hash: Option<i64>,
    /// The same of what it answers to, nearest first: In-Reply-To, then References backwards.
    pub ancestor_hashes: Vec<i64>,
    /// Decoded subject.
    pub subject: String,
    /// Decoded sender.
    pub sender: String,
    /// Versioned summary for lists.
    pub summary: Vec<u8>,
    /// ENVELOPE as IMAP shows it.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE as IMAP shows it.
    pub structure: Vec<u8>,
    /// BODY as IMAP shows it.
    pub body: Vec<u8>,
    /// Where each part lies.
    pub parts: Vec<u8>,
    /// First words.
    pub preview: String,
}

/// A message ready to be added: parsed, hashed and compressed before the writer sees it.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// Its body, durable already when it is a file.
    pub body: Prepared,
    /// What was read out of it.
    pub facts: Arc<MessageFacts>,
    /// INTERNALDATE.
    pub received: Timestamp,
}

/// Where an added message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// Its UIDVALIDITY (RFC 4315 section 3, APPENDUID).
    pub uid_validity: UidValidity,
    /// The new UID.
    pub uid: Uid,
    /// The change that added it.
    pub modseq: ModSeq,
}

/// Numbers taken from the account's row for one change.
pub(super) struct Advance {
    pub modseq: ModSeq,
    /// First of the numbers taken.
    pub first_number: i64,
    pub change: i64,
    /// A fresh UIDVALIDITY, when one was taken.
    pub uid_validity: i64,
}

/// How much an account grows by one change.
#[derive(Default)]
pub(super) struct Growth {
    pub numbers: i64,
    pub uid_validities: i64,
    pub messages: i64,
    pub bytes: i64,
}

/// Takes a modseq and numbers of an account, and counts what it grows by.
pub(super) fn advance(tx: &Tx<'_>, account: AccountId, growth: &Growth) -> Result<Advance, StoreError> {
    let taken = take_numbers(tx, &mailbox_sql::ADVANCE_ACCOUNT, account, growth)?;
    taken.ok_or_else(|| StoreError::Damaged(format!("account {account} has no row")))
}

/// The same for an account that was opened and gets more mail: refused, with nothing changed,
/// where that would be over its quota (RFC 9208 section 3.1.2).
pub(super) fn advance_with_room(tx: &Tx<'_>, account: AccountId, growth: &Growth) -> Result<Advance, GateError> {
    let taken = take_numbers(tx, &mailbox_sql::ADVANCE_WITH_ROOM, account, growth)?;
    taken.ok_or_else(|| Rule::OverQuota.into())
}

fn take_numbers(
    tx: &Tx<'_>,
    statement: &'static Statement,
    account: AccountId,
    growth: &Growth,
) -> Result<Option<Advance>, StoreError> {
    let values = [
        account.get().into(),
        growth.numbers.into(),
        growth.uid_validities.into(),
        growth.messages.into(),
        growth.bytes.into(),
    ];
    tx.one(statement, &values, |row| {
        Ok(Advance {
            modseq: ModSeq(row.int(0)?),
            first_number: row.int(1)? - growth.numbers,
            change: row.int(2)? - 1,
            uid_validity: row.int(3)? - growth.uid_validities,
        })
    })
}

/// Notes a change for push and JMAP, and tells the node once it is committed.
pub(super) fn log_change(tx: &Tx<'_>, advance: &Advance, kind: &str, mailbox: MailboxId) -> Result<(), StoreError> {
    let key = MessageId::pack(mailbox.account(), advance.change)?.get();
    tx.send(
        &mailbox_sql::LOG_CHANGE,
        &[key.into(), tx.now().0.into(), kind.into(), mailbox.get().into(), advance.modseq.0.into()],
    )?;
    tx.notify(Notice::Mailbox(mailbox, advance.modseq));
    Ok(())
}

/// Counts messages into a mailbox and takes their UIDs, which never come twice.
pub(super) struct Taken {
    pub first_uid: Uid,
    pub uid_validity: UidValidity,
}

pub(super) fn take_uids(
    tx: &Tx<'_>,
    mailbox: MailboxId,
    modseq: ModSeq,
    flags: &[Flags],
    bytes: i64,
) -> Result<Taken, GateError> {
    let unseen = flags.iter().filter(|flags| !flags.has(SystemFlag::Seen)).count() as i64;
    let deleted = flags.iter().filter(|flags| flags.has(SystemFlag::Deleted)).count() as i64;
    let count = flags.len() as i64;
    let values = [mailbox.get().into(), modseq.0.into(), unseen.into(), deleted.into(), bytes.into(), count.into()];
    let taken = tx.one(&sql::TAKE_UIDS, &values, |row| Ok((row.int(0)?, row.int(1)?)))?;
    let (first, validity) = taken.ok_or_else(|| StoreError::Damaged(format!("mailbox {mailbox} has no row")))?;
    if first + count - 1 > i64::from(u32::MAX) {
        return Err(Rule::OverLimit("The mailbox has no UID left; move its messages to a new one").into());
    }
    Ok(Taken {
        first_uid: Uid::from_i64(first).map_err(StoreError::from)?,
        uid_validity: UidValidity(u32::try_from(validity).map_err(|_| StoreError::Damaged("uid validity".into()))?),
    })
}

impl Access<'_, Insert> {
    /// Refuses so many messages more, of so many bytes, where they would be over the quota. The write asks again.
    pub fn require_room(&self, messages: i64, bytes: i64) -> Result<(), GateError> {
        let values = [self.account().get().into(), bytes.into(), messages.into()];
        let has_room = self.tx().one(&mailbox_sql::HAS_ROOM, &values, |_| Ok(()))?;
        has_room.ok_or_else(|| Rule::OverQuota.into())
    }

    /// Adds a message (RFC 9051 section 6.3.12). Flags this actor may not set are left out,
    /// and that is not an error (RFC 4314 section 4).
    pub fn append(&self, message: &NewMessage, flags: &Flags) -> Result<Appended, GateError> {
        self.add(message, &flags.settable_with(self.held()))
    }

    /// Adds what was sent, as its sender has seen it.
    pub(super) fn append_seen_by(&self, message: &NewMessage, sender: &Actor) -> Result<Appended, GateError> {
        let appended = self.add(message, &Flags::from_iter([SystemFlag::Seen]))?;
        if let (Actor::Person(person), true) = (sender, self.keeps_own_seen()) {
            self.put_seen(*person, appended.uid, true, appended.modseq)?;
        }
        Ok(appended)
    }

    fn add(&self, message: &NewMessage, flags: &Flags) -> Result<Appended, GateError> {
        let tx = self.tx();
        let (flags, own) = self.seen().stored(flags, &Flags::new(), false);
        let size = message.body.size as i64;
        ask_ahead_for_set(tx, self.account(), &flags)?;
        let growth = Growth { numbers: 1, messages: 1, bytes: size, ..Growth::default() };
        let advance = advance_with_room(tx, self.account(), &growth)?;
        let id = MessageId::pack(self.account(), advance.first_number).map_err(StoreError::from)?;
        insert_message(tx, id, message)?;
        let flag_set = self.set_of(&flags)?;
        let taken = take_uids(tx, self.mailbox(), advance.modseq, std::slice::from_ref(&flags), size)?;
        tx.send(
            &sql::PLACE,
            &[
                self.mailbox().get().into(),
                i64::from(taken.first_uid.get()).into(),
                id.get().into(),
                flag_set.into(),
                advance.modseq.0.into(),
                message.received.0.into(),
                tx.now().0.into(),
                size.into(),
            ],
        )?;
        if let Some(person) = self.seer().filter(|_| own) {
            self.put_seen(person, taken.first_uid, true, advance.modseq)?;
        }
        log_change(tx, &advance, "message.added", self.mailbox())?;
        tx.record(
            self.caller(),
            &Event {
                class: "A",
                action: "message.added",
                account: Some(self.account()),
                mailbox: Some(self.mailbox()),
                detail: Detail { public: &format!("uid {}", taken.first_uid), personal: "" },
            },
        )?;
        Ok(Appended {
            mailbox: self.mailbox(),
            uid_validity: taken.uid_validity,
            uid: taken.first_uid,
            modseq: advance.modseq,
        })
    }
}

pub(super) fn insert_message(tx: &Tx<'_>, id: MessageId, message: &NewMessage) -> Result<(), StoreError> {
    let account = id.account();
    let (facts, body) = (&message.facts, &message.body);
    let thread = thread_of(tx, account, facts)?.unwrap_or_else(|| id.number());
    tx.keep_body(body)?;
    tx.send(
        &sql::INSERT,
        &[
            id.get().into(),
            account.get().into(),
            body.key.hash.0.as_slice().into(),
            matches!(body.place, Place::File).into(),
            (body.size as i64).into(),
            (body.stored_bytes as i64).into(),
            (facts.header_bytes as i64).into(),
            message.received.0.into(),
            facts.sent.map(|sent| sent.0).into(),
            thread.into(),
            facts.message_id_hash.into(),
            facts.subject.as_str().into(),
            facts.sender.as_str().into(),
            facts.summary.as_slice().into(),
            facts.envelope.as_slice().into(),
            facts.structure.as_slice().into(),
            facts.body.as_slice().into(),
            facts.parts.as_slice().into(),
            facts.preview.as_str().into(),
            facts.sent_day.into(),
        ],
    )
}

/// The thread of the nearest ancestor that is here (RFC 8621 section 3).
fn thread_of(tx: &Tx<'_>, account: AccountId, facts: &MessageFacts) -> Result<Option<i64>, StoreError> {
    // Ten ancestors find the thread of all but made-up mail, and bound the cost of that.
    for hash in facts.ancestor_hashes.iter().take(10) {
        let found = tx.one(&sql::THREAD_OF, &[account.get().into(), (*hash).into()], |row| row.opt_int(0))?;
        if let Some(thread) = found.flatten() {
            return Ok(Some(thread));
        }
    }
    Ok(None)
}
