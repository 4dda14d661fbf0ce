//! A delivery that some accounts of a recipient have and others do not: who has their copy is
//! noted until all have it, so that the next try gives nobody a second one, and who was told that
//! there was no room, so that it tells nobody twice (docs/decisions/0022-group-delivery.md).

use super::access::Access;
use super::audit::{Detail, Event};
use super::authority::{Authority, Expire};
use super::class::Insert;
use super::error::GateError;
use crate::sql::Statement;
use crate::statements::delivery as sql;
use crate::{StoreError, Tx};
use postern_types::{AccountId, BlobHash};
use std::collections::BTreeMap;

/// One message on its way to one recipient; every try has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryKey {
    /// Keyed hash of the message as the sender gave it.
    pub content: BlobHash,
    /// Whom the envelope named: the number of an account or a group, 0 for the administrators.
    pub principal: i64,
}

/// What is noted of an account until the delivery is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryNote {
    /// It has its copy.
    HasCopy,
    /// It had no room, and its trail says so.
    ToldNoRoom,
}

/// How long a note is kept: senders give up after five days or so (RFC 5321 section 4.5.4.1).
const KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// What is known of deliveries; knowing it opens nothing.
impl Tx<'_> {
    /// Is there a message that some of a recipient's accounts have and others do not?
    pub fn is_owed(&self, principal: i64) -> Result<bool, StoreError> {
        Ok(self.one(&sql::IS_OWED, &[principal.into()], |_| Ok(()))?.is_some())
    }

    /// What is known of this one from tries before.
    pub fn delivery_notes(&self, key: &DeliveryKey) -> Result<BTreeMap<AccountId, DeliveryNote>, StoreError> {
        let values = [key.content.0.as_slice().into(), key.principal.into()];
        let notes = self.all(&sql::NOTES, &values, |row| {
            let note = if row.flag(1)? { DeliveryNote::HasCopy } else { DeliveryNote::ToldNoRoom };
            Ok((AccountId::new(row.int(0)?)?, note))
        })?;
        Ok(notes.into_iter().collect())
    }
}

impl Access<'_, Insert> {
    /// Notes that this account has its copy. In the transaction that gives it, or later, where it
    /// was given for another recipient.
    pub fn note_copy(&self, key: &DeliveryKey) -> Result<(), StoreError> {
        self.note(&sql::NOTE_COPY, key).map(|_| ())
    }

    fn note(&self, statement: &'static Statement, key: &DeliveryKey) -> Result<u64, StoreError> {
        let values = [
            key.content.0.as_slice().into(),
            key.principal.into(),
            self.account().get().into(),
            self.tx().now().0.into(),
        ];
        self.tx().execute(statement, &values)
    }

    /// Everyone has a copy, this account among them: the same bytes are a new message from now on.
    pub fn end_delivery(&self, key: &DeliveryKey) -> Result<(), StoreError> {
        let values = [key.content.0.as_slice().into(), key.principal.into()];
        self.tx().execute(&sql::END_DELIVERY, &values).map(|_| ())
    }

    /// Tells the account's trail that mail for a group of `recipient` found no room here, while
    /// others of the group have it. Once for each message, and not at each try.
    pub fn tell_no_room(&self, key: &DeliveryKey, recipient: &str) -> Result<(), StoreError> {
        if self.note(&sql::NOTE_NO_ROOM, key)? == 0 {
            return Ok(());
        }
        let event = Event {
            class: "A",
            action: "delivery.refused",
            account: Some(self.account()),
            mailbox: Some(self.mailbox()),
            detail: Detail { public: "over quota", personal: recipient },
        };
        self.tx().record(self.caller(), &event)
    }
}

impl Authority<'_, Expire> {
    /// Forgets deliveries that nobody tries any more, at most `most` notes; answers how many.
    pub fn forget_deliveries(&self, most: usize) -> Result<usize, GateError> {
        let before = self.tx().now().plus_ms(-KEPT_MS);
        let old = self.tx().all(&sql::OLD_NOTES, &[before.0.into(), (most as i64).into()], |row| {
            Ok((row.bytes(0)?.to_vec(), row.int(1)?, row.int(2)?))
        })?;
        for (content, principal, account) in &old {
            let key = [content.as_slice().into(), (*principal).into(), (*account).into()];
            self.tx().execute(&sql::FORGET_NOTE, &key)?;
        }
        Ok(old.len())
    }
}
