//! COPY and MOVE: from a mailbox that may be read into one that may be added to.

use super::access::Access;
use super::audit::{Detail, Event};
use super::class::{Class, Insert, MoveOut, Reads};
use super::error::GateError;
use super::flags::uid_set;
use super::insert::{Advance, Growth, advance, advance_with_room, log_change, take_uids};
use super::remove::{Leaving, leaving, take_out};
use crate::sql::{BodyKey, Value};
use crate::statements::{facts as facts_sql, message as sql};
use crate::{StoreError, Tx};
use postern_types::{BlobHash, Flags, MailboxId, MessageId, ModSeq, Uid, UidValidity};
use std::collections::BTreeMap;

/// Which UIDs became which (RFC 4315 section 3, COPYUID).
#[derive(Debug, Clone)]
pub struct Copied {
    /// UIDVALIDITY of the target.
    pub uid_validity: UidValidity,
    /// UID in the source, UID in the target; in order. Messages that are gone are left out.
    pub uids: Vec<(Uid, Uid)>,
    /// The change in the target.
    pub modseq: ModSeq,
}

/// A body that is a file and has to be copied before its message can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileBody {
    /// The UID of its message.
    pub uid: Uid,
    /// Where it lies.
    pub key: BodyKey,
    /// Bytes of the message.
    pub size: u64,
}

impl<C: Reads> Access<'_, C> {
    /// Bodies of these messages that are files: a copy into another account needs files of
    /// its own before the transaction, for nothing is shared across accounts. Refused where the
    /// copy would be over the target's quota: nothing is made ready for it.
    pub fn files_to_copy(&self, target: &Access<'_, Insert>, uids: &[Uid]) -> Result<Vec<FileBody>, GateError> {
        let (mut files, mut messages, mut bytes) = (Vec::new(), 0, 0);
        if self.account() == target.account() {
            return Ok(files);
        }
        for uid in uids.iter().filter(|uid| self.shows(**uid)) {
            let key = [self.mailbox().get().into(), i64::from(uid.get()).into()];
            let row = self.tx().one(&sql::FETCH_ROW, &key, |row| {
                Ok((BlobHash::from_slice(row.bytes(11)?), row.flag(12)?, row.int(4)?))
            })?;
            let Some((hash, is_file, size)) = row else { continue };
            messages += 1;
            bytes += size;
            if let (Some(hash), true) = (hash, is_file) {
                let key = BodyKey { account: self.account(), hash };
                files.push(FileBody { uid: *uid, key, size: super::read::count(size)? });
            }
        }
        target.require_room(messages, bytes)?;
        Ok(files)
    }

    /// Those of these messages that are there and shown.
    fn shown(&self, uids: &[Uid]) -> Result<Vec<Leaving>, StoreError> {
        let mut sources = leaving(self.tx(), self.mailbox(), uids)?;
        sources.retain(|one| self.shows(one.uid));
        Ok(sources)
    }

    /// COPY (RFC 9051 section 6.4.7): all of them or, on an error, none.
    pub fn copy_to(&self, target: &Access<'_, Insert>, uids: &[Uid]) -> Result<Copied, GateError> {
        let sources = self.shown(uids)?;
        let copied = place_copies(self, target, &sources)?;
        record(target, ["message.copied", "message.copied-out"], self.mailbox(), &copied)?;
        Ok(copied)
    }
}

impl Access<'_, MoveOut> {
    /// MOVE (RFC 6851): a copy and an expunge that nobody sees apart.
    pub fn move_to(&self, target: &Access<'_, Insert>, uids: &[Uid]) -> Result<Copied, GateError> {
        let sources = self.shown(uids)?;
        let copied = place_copies(self, target, &sources)?;
        if !sources.is_empty() {
            take_out(self.tx(), self.mailbox(), &sources)?;
        }
        record(target, ["message.moved", "message.moved-out"], self.mailbox(), &copied)?;
        Ok(copied)
    }
}

impl Access<'_, Insert> {
    /// The house's own: moves a message that it filed here to where it belongs in the same account, with these
    /// flags too. Whoever has seen it has seen it there. Answers whether it was still here.
    pub(super) fn refile(&self, target: &Access<'_, Insert>, uid: Uid, flags: &Flags) -> Result<bool, GateError> {
        let (tx, sources) = (self.tx(), leaving(self.tx(), self.mailbox(), &[uid])?);
        let Some(one) = sources.first() else { return Ok(false) };
        let flags = one.flags.union(flags);
        let advance = advance(tx, target.account(), &Growth::default())?;
        let taken = take_uids(tx, target.mailbox(), advance.modseq, std::slice::from_ref(&flags), one.size)?;
        let set = target.set_of(&flags)?;
        let placing = Placing { message: one.message, set, uid: taken.first_uid, modseq: advance.modseq };
        place(target, one, &placing)?;
        copy_seen(self, target, uid, taken.first_uid, advance.modseq)?;
        log_change(tx, &advance, "message.added", target.mailbox())?;
        take_out(tx, self.mailbox(), &sources)?;
        let copied =
            Copied { uid_validity: taken.uid_validity, uids: vec![(uid, taken.first_uid)], modseq: advance.modseq };
        record(target, ["message.moved", "message.moved-out"], self.mailbox(), &copied)?;
        Ok(true)
    }
}

/// One event where the messages went and, where that is another account, one where they came
/// from: each owner's trail is whole.
fn record(
    target: &Access<'_, Insert>,
    [action, action_out]: [&'static str; 2],
    source: MailboxId,
    copied: &Copied,
) -> Result<(), StoreError> {
    if copied.uids.is_empty() {
        return Ok(());
    }
    let (from, to): (Vec<Uid>, Vec<Uid>) = copied.uids.iter().copied().unzip();
    let tx = target.tx();
    let same_account = source.account() == target.account();
    // Within an account its readers may know the mailbox; of another one, the account alone:
    // what someone calls the mailboxes of their own is theirs.
    let origin = match same_account {
        true => tx.one(&facts_sql::MAILBOX_NAME, &[source.get().into()], |row| Ok(row.text(0)?.to_owned()))?,
        false => tx.address_of(source.account())?,
    };
    let event = |action, mailbox: MailboxId, public, personal| Event {
        class: "A",
        action,
        account: Some(mailbox.account()),
        mailbox: Some(mailbox),
        detail: Detail { public, personal },
    };
    let detail = format!("mailbox {source} uid {} to uid {}", uid_set(&from), uid_set(&to));
    let personal = origin.unwrap_or_default();
    tx.record(target.caller(), &event(action, target.mailbox(), detail.as_str(), personal.as_str()))?;
    if same_account {
        return Ok(());
    }
    let detail = format!("uid {} to mailbox {} of another account", uid_set(&from), target.mailbox());
    let personal = tx.address_of(target.account())?.unwrap_or_default();
    tx.record(target.caller(), &event(action_out, source, &detail, &personal))
}

fn place_copies<C: Class>(
    source: &Access<'_, C>,
    target: &Access<'_, Insert>,
    sources: &[Leaving],
) -> Result<Copied, GateError> {
    if sources.is_empty() {
        let counters = target.counters()?;
        return Ok(Copied { uid_validity: counters.uid_validity, uids: Vec::new(), modseq: counters.modseq });
    }
    let tx = target.tx();
    let bytes: i64 = sources.iter().map(|one| one.size).sum();
    let other_account = source.account() != target.account();
    let count = sources.len() as i64;
    let advance = if other_account {
        let growth = Growth { numbers: count, messages: count, bytes, ..Growth::default() };
        advance_with_room(tx, target.account(), &growth)?
    } else {
        advance(tx, target.account(), &Growth::default())?
    };
    let (flags, own) = flags_of_copies(source, target, sources)?;
    let taken = take_uids(tx, target.mailbox(), advance.modseq, &flags, bytes)?;
    let mut sets: BTreeMap<&Flags, i64> = BTreeMap::new();
    let mut uids = Vec::with_capacity(sources.len());
    for (index, ((one, flags), own)) in sources.iter().zip(&flags).zip(own).enumerate() {
        let set = match sets.get(flags) {
            Some(set) => *set,
            None => {
                let set = target.set_of(flags)?;
                sets.insert(flags, set);
                set
            }
        };
        let message = match other_account {
            true => copy_message(tx, one, &advance, index as i64, target).inspect_err(|error| {
                if let GateError::Store(error) = error {
                    source.tell_lost(one.uid, error);
                }
            })?,
            false => one.message,
        };
        let uid = Uid::from_i64(i64::from(taken.first_uid.get()) + index as i64).map_err(StoreError::from)?;
        place(target, one, &Placing { message, set, uid, modseq: advance.modseq })?;
        if let Some(person) = target.seer().filter(|_| own) {
            target.put_seen(person, uid, true, advance.modseq)?;
        }
        if !other_account {
            copy_seen(source, target, one.uid, uid, advance.modseq)?;
        }
        uids.push((one.uid, uid));
    }
    log_change(tx, &advance, "message.added", target.mailbox())?;
    Ok(Copied { uid_validity: taken.uid_validity, uids, modseq: advance.modseq })
}

/// The flags that copies get, and whether the actor has seen them: what they are shown and may
/// set in the target. What the team has seen stays so within the account while it does not count;
/// in another account there is another team.
fn flags_of_copies<C: Class>(
    source: &Access<'_, C>,
    target: &Access<'_, Insert>,
    sources: &[Leaving],
) -> Result<(Vec<Flags>, Vec<bool>), StoreError> {
    let nothing = Flags::new();
    let mut copies = (Vec::with_capacity(sources.len()), Vec::with_capacity(sources.len()));
    for one in sources {
        let own =
            source.seer().map(|person| source.seen_by(person, one.uid)).transpose()?.is_some_and(|(seen, _)| seen);
        let shown = source.seen().shown(&one.flags, own);
        let (shown, before, had) = match source.account() == target.account() {
            true => (shown, &one.flags, own),
            false => (shown.difference(&source.seen().keywords()), &nothing, false),
        };
        let wanted = shown.settable_with(target.held());
        let (flags, sees) = target.seen().stored(&wanted, before, had);
        copies.0.push(flags);
        copies.1.push(sees && target.seer().is_some());
    }
    Ok(copies)
}

/// What colleagues have seen, they have seen where it went: to tidy up makes nothing unread,
/// even while their own `\Seen` does not count.
fn copy_seen<C: Class>(
    source: &Access<'_, C>,
    target: &Access<'_, Insert>,
    from: Uid,
    to: Uid,
    modseq: ModSeq,
) -> Result<(), StoreError> {
    let values = [
        target.mailbox().get().into(),
        i64::from(to.get()).into(),
        modseq.0.into(),
        source.mailbox().get().into(),
        i64::from(from.get()).into(),
        target.seer().map_or(0, |person| person.get()).into(),
    ];
    target.tx().execute(&sql::COPY_SEEN, &values).map(|_| ())
}

struct Placing {
    message: i64,
    set: i64,
    uid: Uid,
    modseq: ModSeq,
}

fn place(target: &Access<'_, Insert>, one: &Leaving, placing: &Placing) -> Result<(), StoreError> {
    let values: [Value<'_>; 8] = [
        target.mailbox().get().into(),
        i64::from(placing.uid.get()).into(),
        placing.message.into(),
        placing.set.into(),
        placing.modseq.0.into(),
        one.internal_ms.into(),
        target.tx().now().0.into(),
        one.size.into(),
    ];
    target.tx().execute(&sql::PLACE, &values)?;
    Ok(())
}

/// A message row and a body of its own in the target's account.
fn copy_message(
    tx: &Tx<'_>,
    one: &Leaving,
    advance: &Advance,
    index: i64,
    target: &Access<'_, Insert>,
) -> Result<i64, GateError> {
    let id = MessageId::pack(target.account(), advance.first_number + index).map_err(StoreError::from)?;
    let source = MessageId::from_key(one.message).map_err(StoreError::from)?;
    let body = tx.one(&sql::BODY_OF_MESSAGE, &[one.message.into()], |row| {
        Ok((BlobHash::from_slice(row.bytes(0)?), row.flag(1)?))
    })?;
    let Some((Some(hash), is_file)) = body else {
        return Err(StoreError::Damaged(format!("message {source} has no row")).into());
    };
    if !is_file {
        let stored = tx.bodies().get(BodyKey { account: source.account(), hash })?;
        let stored = stored.ok_or_else(|| StoreError::Body(format!("the body of message {source} is missing")))?;
        tx.bodies().put(BodyKey { account: target.account(), hash }, &stored, tx.now())?;
    }
    tx.execute(&sql::COPY_MESSAGE, &[id.get().into(), target.account().get().into(), one.message.into()])?;
    Ok(id.get())
}
