//! Import: mail from elsewhere, added by the import job for somebody who may ask for that.
//!
//! The job holds `i` in every mailbox of an account that is in use. Whoever started it is who the trail names: they
//! brought it, and answer for it. Nothing of what is there is shown to them but that a message which they have
//! themselves, byte for byte, is there already (docs/decisions/0041-import.md).

use super::access::Access;
use super::audit::{Detail, Event};
use super::authority::{Authority, Import};
use super::caller::Caller;
use super::class::Insert;
use super::error::{GateError, Rule};
use super::facts;
use super::flags::{ask_ahead_for_set, uid_set};
use super::insert::{Growth, NewMessage, advance_with_room, insert_message, log_change, take_uids};
use crate::StoreError;
use crate::statements::{mailbox as mailbox_sql, message as sql};
use postern_access::AccountState;
use postern_types::{BlobHash, Flags, Limits, MailboxId, MailboxName, MessageId, Uid};
use std::collections::{BTreeMap, HashSet};

/// A message that is brought, with the flags that it had.
#[derive(Debug, Clone)]
pub struct Importing {
    /// The message.
    pub message: NewMessage,
    /// Its flags; they come with it, so letters do not decide about them.
    pub flags: Flags,
}

/// What came of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// So many were added.
    pub added: usize,
    /// So many were there already.
    pub known: usize,
}

impl Authority<'_, Import> {
    /// Refuses for an account that takes no mail now.
    pub fn require_in_use(&self) -> Result<(), GateError> {
        let account = self.which()?;
        let state = facts::account_facts(self.tx(), account)?.map(|facts| facts.state);
        let why = match state {
            Some(AccountState::Active) => return Ok(()),
            Some(AccountState::Suspended) => "suspended",
            Some(AccountState::Removed) | None => "removed",
        };
        let address = self.tx().address_of(account)?.unwrap_or_default();
        Err(Rule::Unusable(format!("{address} is {why} and takes no mail; bring it back first")).into())
    }

    /// Its mailbox of this name, if there is one.
    pub fn mailbox(&self, name: &MailboxName) -> Result<Option<MailboxId>, StoreError> {
        facts::mailbox_named(self.tx(), self.which()?, name)
    }

    /// The same, made where there is none.
    pub fn make_mailbox(&self, name: &MailboxName, limits: &Limits) -> Result<MailboxId, GateError> {
        if let Some(there) = self.mailbox(name)? {
            return Ok(there);
        }
        let (tx, account) = (self.tx(), self.which()?);
        let levels = tx.missing_levels(account, name)?;
        tx.make_levels(self.caller(), account, &levels, None, limits)
    }

    /// Is a message with this body in the mailbox?
    pub fn is_there(&self, mailbox: MailboxId, body: BlobHash) -> Result<bool, StoreError> {
        let key = [self.which()?.get().into(), body.0.as_slice().into(), mailbox.get().into()];
        Ok(self.tx().one(&sql::IS_IN_MAILBOX, &key, |_| Ok(()))?.is_some())
    }

    /// Is there room for so many messages more, of so many bytes? The write asks again.
    pub fn has_room(&self, messages: i64, bytes: i64) -> Result<bool, StoreError> {
        let values = [self.which()?.get().into(), bytes.into(), messages.into()];
        Ok(self.tx().one(&mailbox_sql::HAS_ROOM, &values, |_| Ok(()))?.is_some())
    }

    /// Adds those that are not there, by the import job: all of them or, on an error, none. One event says who
    /// brought them.
    pub fn import(&self, job: &Caller, mailbox: MailboxId, messages: &[Importing]) -> Result<Imported, GateError> {
        if mailbox.account() != self.which()? {
            return Err(StoreError::Damaged(format!("an import into mailbox {mailbox} of another account")).into());
        }
        let access = self.tx().open::<Insert>(job, mailbox)?;
        let (mut fresh, mut bodies) = (Vec::with_capacity(messages.len()), HashSet::new());
        for one in messages {
            let body = one.message.body.key.hash;
            if !self.is_there(mailbox, body)? && bodies.insert(body.0) {
                fresh.push(one);
            }
        }
        let counts = Imported { added: fresh.len(), known: messages.len() - fresh.len() };
        if fresh.is_empty() {
            return Ok(counts);
        }
        let uids = access.place_imported(&fresh)?;
        let event = Event {
            class: "A",
            action: "message.imported",
            account: self.account(),
            mailbox: Some(mailbox),
            detail: Detail { public: &format!("uid {}", uid_set(&uids)), personal: "" },
        };
        self.tx().record(self.caller(), &event)?;
        Ok(counts)
    }
}

impl Access<'_, Insert> {
    fn place_imported(&self, messages: &[&Importing]) -> Result<Vec<Uid>, GateError> {
        let tx = self.tx();
        let flags: Vec<Flags> =
            messages.iter().map(|one| self.seen().stored(&one.flags, &Flags::new(), false).0).collect();
        let bytes = messages.iter().map(|one| one.message.body.size as i64).sum();
        let count = messages.len() as i64;
        let growth = Growth { numbers: count, messages: count, bytes, ..Growth::default() };
        let advance = advance_with_room(tx, self.account(), &growth)?;
        let taken = take_uids(tx, self.mailbox(), advance.modseq, &flags, bytes)?;
        let (mut sets, mut uids) = (BTreeMap::new(), Vec::with_capacity(messages.len()));
        for ((one, flags), index) in messages.iter().zip(&flags).zip(0..) {
            let set = match sets.get(flags) {
                Some(set) => *set,
                None => {
                    ask_ahead_for_set(tx, self.account(), flags)?;
                    *sets.entry(flags).or_insert(self.set_of(flags)?)
                }
            };
            let id = MessageId::pack(self.account(), advance.first_number + index).map_err(StoreError::from)?;
            insert_message(tx, id, &one.message)?;
            let uid = Uid::from_i64(i64::from(taken.first_uid.get()) + index).map_err(StoreError::from)?;
            tx.send(
                &sql::PLACE,
                &[
                    self.mailbox().get().into(),
                    i64::from(uid.get()).into(),
                    id.get().into(),
                    set.into(),
                    advance.modseq.0.into(),
                    one.message.received.0.into(),
                    tx.now().0.into(),
                    (one.message.body.size as i64).into(),
                ],
            )?;
            uids.push(uid);
        }
        log_change(tx, &advance, "message.added", self.mailbox())?;
        Ok(uids)
    }
}
