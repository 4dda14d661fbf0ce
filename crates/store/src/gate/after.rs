//! What follows when a message leaves, and what is undone when it is taken back before.
//!
//! A message may wait for a while in which its sender can take it back, for a moment that they chose
//! (RFC 4865), or for somebody's word. Until it leaves nothing was answered and nothing handed on; and
//! where it never does, its copy is not in Sent but in Drafts, where its author goes on with it
//! (docs/decisions/0030-queue.md).

use super::authority::{Authority, RunQueue};
use super::caller::Caller;
use super::class::{ChangeFlags, Insert, Read};
use super::error::GateError;
use super::facts;
use super::flags::FlagChange;
use super::queue::QueuedMessage;
use super::submit::{SendError, Sending};
use super::tree::make_mailbox;
use crate::sql::Row;
use crate::statements::{queue as queue_sql, sending as sql};
use crate::{Notice, StoreError, Tx};
use postern_access::Actor;
use postern_types::{AccountId, Flags, MailboxId, SpecialUse, SystemFlag, Uid};

/// What follows. Messages are named by hashes of their Message-IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct After {
    /// They are marked as answered.
    pub answered: Vec<i64>,
    /// They are marked as handed on.
    pub forwarded: Vec<i64>,
    /// Its copies stay where they are; taken back, they go to Drafts, unless another message has the same ones.
    pub copies: Vec<(MailboxId, Uid)>,
    /// It is noted as an answer (see `Sending::note_answered`).
    pub is_answer: bool,
}

impl After {
    pub(super) fn is_something(&self) -> bool {
        *self != Self::default()
    }

    pub(super) fn add(&self, tx: &Tx<'_>, message: i64) -> Result<(), StoreError> {
        let marks = [("answered", &self.answered), ("forwarded", &self.forwarded)];
        let marks = marks.into_iter().flat_map(|(kind, hashes)| hashes.iter().map(move |hash| (kind, *hash, 0)));
        let copies = self.copies.iter().map(|(mailbox, uid)| ("copy", mailbox.get(), i64::from(uid.get())));
        for (kind, subject, uid) in marks.chain(copies) {
            tx.send(&queue_sql::ADD_AFTER, &[message.into(), kind.into(), subject.into(), uid.into()])?;
        }
        Ok(())
    }

    fn of(tx: &Tx<'_>, message: i64) -> Result<Self, StoreError> {
        let mut after = Self::default();
        tx.query(&queue_sql::AFTER, &[message.into()], |row: &dyn Row| {
            let subject = row.int(1)?;
            match row.text(0)? {
                "answered" => after.answered.push(subject),
                "forwarded" => after.forwarded.push(subject),
                _ => after.copies.push((MailboxId::from_key(subject)?, Uid::from_i64(row.int(2)?)?)),
            }
            Ok(())
        })?;
        Ok(after)
    }

    /// Marks, as far as `sender` may: in the account it is sent as and in their own (RFC 9051 section 2.3.2,
    /// RFC 5788 `$Forwarded`).
    fn mark(&self, tx: &Tx<'_>, sender: &Caller, account: AccountId) -> Result<(), GateError> {
        let flag = |text: &str| Flags::parse(text).ok();
        let answered = Some(Flags::from_iter([SystemFlag::Answered]));
        for (ids, flags) in [(&self.answered, answered), (&self.forwarded, flag("$Forwarded"))] {
            let Some(flags) = flags else { continue };
            ids.iter().try_for_each(|id| mark(tx, (sender, account), *id, &flags))?;
        }
        Ok(())
    }
}

fn mark(tx: &Tx<'_>, (sender, account): (&Caller, AccountId), id: i64, flags: &Flags) -> Result<(), GateError> {
    let own = match sender.actor() {
        Actor::Person(person) => Some(person.account()),
        _ => None,
    };
    let mut accounts: Vec<AccountId> = own.into_iter().chain([account]).collect();
    accounts.sort_unstable();
    accounts.dedup();
    for account in accounts {
        let places = tx.all(&sql::PLACES_OF_ID, &[account.get().into(), id.into()], |row| {
            Ok((MailboxId::from_key(row.int(0)?)?, Uid::from_i64(row.int(1)?)?))
        })?;
        for (mailbox, uid) in places {
            let access = tx.open::<Read>(sender, mailbox).and_then(|access| Ok(access.also::<ChangeFlags>()?));
            match access.and_then(|access| access.change_flags(&[uid], flags, FlagChange::Add, None)) {
                // Who may not mark it, or where it has all the keywords it can have, sends all the same.
                Ok(_) | Err(GateError::Denied(_) | GateError::Rule(_)) => {}
                Err(other) => return Err(other),
            }
        }
    }
    Ok(())
}

/// What rests on this copy has left: it stays.
fn keep_copy(tx: &Tx<'_>, (mailbox, uid): (MailboxId, Uid)) -> Result<(), StoreError> {
    tx.send(&queue_sql::KEEP_COPY, &[mailbox.get().into(), i64::from(uid.get()).into()])
}

impl Sending<'_> {
    /// Does now what would follow when the message leaves: it does not wait.
    pub fn follow(&self, after: &After) -> Result<(), SendError> {
        after.copies.iter().try_for_each(|copy| keep_copy(self.tx(), *copy))?;
        Ok(after.mark(self.tx(), self.caller(), self.plan().account)?)
    }
}

impl Authority<'_, RunQueue> {
    /// The message leaves: what was to follow is done, the marks by `sender`, who is the person that sent it. Not where
    /// somebody holds it, or took it out, up to this moment.
    pub fn leaves(&self, message: &QueuedMessage, sender: Option<&Caller>) -> Result<bool, GateError> {
        let tx = self.tx();
        if tx.one(&queue_sql::IS_HELD, &[message.id.into()], |row| row.flag(0))? != Some(false) {
            return Ok(false);
        }
        let after = After::of(tx, message.id)?;
        if let Some(sender) = sender {
            after.mark(tx, sender, message.account)?;
        }
        after.copies.iter().try_for_each(|copy| keep_copy(tx, *copy))?;
        tx.send(&sql::ANSWER_LEAVES, &[message.public_id.as_str().into(), tx.now().0.into()])?;
        tx.send(&queue_sql::DELETE_AFTER, &[message.id.into()])?;
        tx.send(&queue_sql::SET_FOLLOWED, &[message.id.into()])?;
        Ok(true)
    }

    /// The message is gone and never left: nothing follows, and its copies go to Drafts. Answers how many did.
    pub(super) fn taken_back(&self, message: i64, public_id: &str) -> Result<usize, GateError> {
        let tx = self.tx();
        let mut count = 0;
        for (mailbox, uid) in After::of(tx, message)?.copies {
            // There is none where somebody deleted the mailbox, or the account is closed.
            let source = match tx.open::<Insert>(self.caller(), mailbox) {
                Ok(source) => source,
                Err(GateError::Denied(_)) => continue,
                Err(other) => return Err(other),
            };
            let Some(drafts) = self.mailbox_for(mailbox.account(), SpecialUse::Drafts)? else { continue };
            let target = tx.open::<Insert>(self.caller(), drafts)?;
            // Asked once the account is held: nobody else rests on the copy from here on.
            let key = [mailbox.get().into(), i64::from(uid.get()).into(), message.into()];
            if tx.one(&queue_sql::OTHER_WITH_COPY, &key, |_| Ok(()))?.is_some() {
                continue;
            }
            let flags = Flags::from_iter([SystemFlag::Draft, SystemFlag::Seen]);
            count += usize::from(source.refile(&target, uid, &flags)?);
        }
        tx.send(&queue_sql::DELETE_AFTER, &[message.into()])?;
        tx.send(&sql::ANSWER_TAKEN_BACK, &[public_id.into()])?;
        Ok(count)
    }

    /// The mailbox of an account for a use (RFC 6154). Where there is none any more, the one that has the
    /// name which such mailboxes have at first is for it from now on, or is made; nothing where that name is
    /// of one with another use.
    pub fn mailbox_for(&self, account: AccountId, used: SpecialUse) -> Result<Option<MailboxId>, GateError> {
        let tx = self.tx();
        facts::lock_account(tx, account)?;
        if let Some(found) = mailbox_for(tx, account, used)? {
            return Ok(Some(found));
        }
        let name = facts::parse_name(used.as_str().trim_start_matches('\\'))?;
        let mailbox = match facts::mailbox_named(tx, account, &name)? {
            Some(there) if tx.execute(&sql::SET_USE, &[there.get().into(), used.as_str().into()])? == 0 => {
                return Ok(None);
            }
            Some(there) => there,
            None => make_mailbox(tx, account, &name, Some(used))?,
        };
        tx.record_tree(self.caller(), "mailbox.created", mailbox, name.as_str())?;
        tx.notify(Notice::List(account));
        Ok(Some(mailbox))
    }
}

/// The mailbox of an account for a use.
pub(super) fn mailbox_for(tx: &Tx<'_>, account: AccountId, used: SpecialUse) -> Result<Option<MailboxId>, StoreError> {
    let values = [account.get().into(), used.as_str().into()];
    tx.one(&sql::MAILBOX_FOR, &values, |row| Ok(MailboxId::from_key(row.int(0)?)?))
}
