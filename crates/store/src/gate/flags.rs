//! Flags: interned sets, and changing them.

use super::access::Access;
use super::audit::{Detail, Event};
use super::class::{ChangeFlags, Class, Read};
use super::error::{GateError, Rule};
use super::insert::{Growth, advance, log_change};
use super::read::{flag_set, flags_of};
use crate::statements::message as sql;
use crate::{StoreError, Tx};
use postern_access::Denied;
use postern_types::{AccountId, FlagSetId, Flags, ModSeq, SystemFlag, Uid};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// How STORE changes flags (RFC 9051 section 6.4.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChange {
    /// Exactly these.
    Replace,
    /// These too.
    Add,
    /// Without these.
    Remove,
}

/// Flags of one message after a STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The message.
    pub uid: Uid,
    /// Its flags now.
    pub flags: Flags,
    /// Its last change: this one, where it did change.
    pub modseq: ModSeq,
}

/// When STORE leaves a message alone: it was changed after `since` (RFC 7162 section 3.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnchangedSince {
    /// The last change that is known.
    pub since: ModSeq,
    /// Flags of messages as the client knows them. Where those that it adds or takes away are as it knows them, it
    /// was another flag that changed, and nothing stands in its way (section 3.1.12).
    pub known: HashMap<Uid, Arc<Flags>>,
}

/// What a STORE did.
#[derive(Debug, Clone)]
pub struct FlagsChanged {
    /// The change's modseq; the one before when nothing changed.
    pub modseq: ModSeq,
    /// Every message named, with its flags now; messages that are gone are left out.
    pub messages: Vec<Stored>,
    /// Those of them that were left alone, since they were changed meanwhile.
    pub modified: Vec<Uid>,
}

/// Keywords are shown to everyone who opens a mailbox of the account, so they have a bound.
const KEYWORDS_PER_MESSAGE: usize = 64;

/// What [`intern`] asks.
pub(super) fn ask_ahead_for_set(tx: &Tx<'_>, account: AccountId, flags: &Flags) -> Result<(), StoreError> {
    if flags.is_empty() {
        return Ok(());
    }
    let text = flags.to_string();
    tx.ask_ahead(&[(&sql::FLAG_SET_BY_FLAGS, &[account.get().into(), text.as_str().into()])])
}

/// The stored id of a set of flags; 0 is the empty set.
fn intern(tx: &Tx<'_>, account: AccountId, flags: &Flags) -> Result<i64, GateError> {
    if flags.is_empty() {
        return Ok(0);
    }
    if flags.keywords().len() > KEYWORDS_PER_MESSAGE {
        return Err(Rule::OverLimit("A message has at most 64 keywords").into());
    }
    let text = flags.to_string();
    let values = [account.get().into(), text.as_str().into()];
    if let Some(found) = tx.one(&sql::FLAG_SET_BY_FLAGS, &values, |row| row.int(0))? {
        return Ok(found);
    }
    let number = advance(tx, account, &Growth { numbers: 1, ..Growth::default() })?.first_number;
    let id = FlagSetId::pack(account, number).map_err(StoreError::from)?.get();
    tx.execute(&sql::INSERT_FLAG_SET, &[id.into(), account.get().into(), text.as_str().into()])?;
    Ok(id)
}

/// Flags after `change`, where `settable` are the flags of the request that may be changed.
fn changed(now: &Flags, request: &Flags, change: FlagChange, held: postern_types::Rights) -> Flags {
    let settable = request.settable_with(held);
    match change {
        FlagChange::Add => now.union(&settable),
        FlagChange::Remove => now.difference(&settable),
        FlagChange::Replace => now.difference(&now.settable_with(held)).union(&settable),
    }
}

/// What a STORE writes.
#[derive(Default)]
struct Writes {
    /// Every message that changes, in order.
    uids: Vec<Uid>,
    /// New sets of flags of all.
    sets: Vec<(Uid, Flags)>,
    /// Whether the actor has seen the message, where that is kept apart.
    own: Vec<(Uid, bool)>,
    /// How many more messages are unseen, by the `\Seen` of all.
    unseen: i64,
    /// How many more are deleted.
    deleted: i64,
}

impl Writes {
    /// One message: its flags before and after, and whether the actor had and has seen it.
    fn note(&mut self, uid: Uid, (before, after): (Flags, Flags), (own, sees): (bool, bool)) {
        let has = |flags: &Flags, flag| i64::from(flags.has(flag));
        self.unseen += has(&before, SystemFlag::Seen) - has(&after, SystemFlag::Seen);
        self.deleted += has(&after, SystemFlag::Deleted) - has(&before, SystemFlag::Deleted);
        if before != after || own != sees {
            self.uids.push(uid);
        }
        if before != after {
            self.sets.push((uid, after));
        }
        if own != sees {
            self.own.push((uid, sees));
        }
    }

    fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }
}

impl UnchangedSince {
    /// Is a message left alone that has these flags since then?
    fn forbids(&self, uid: Uid, (now, modseq): (&Flags, ModSeq), request: &Flags, change: FlagChange) -> bool {
        if modseq <= self.since {
            return false;
        }
        if self.since.0 == 0 {
            // Only what is not there yet was never changed; a system flag always is.
            let is_new = |keyword| !now.has_keyword(keyword);
            return request.system().next().is_some() || !request.keywords().iter().all(is_new);
        }
        let asked_for = |flags: &Flags| flags.difference(&flags.difference(request));
        let as_known = |known: &Arc<Flags>| asked_for(known) == asked_for(now);
        change == FlagChange::Replace || !self.known.get(&uid).is_some_and(as_known)
    }
}

impl<C: Class> Access<'_, C> {
    /// The stored id of a set of flags that messages of this mailbox are going to have.
    pub(super) fn set_of(&self, flags: &Flags) -> Result<i64, GateError> {
        let set = intern(self.tx(), self.account(), flags)?;
        if !flags.keywords().is_empty() {
            self.tx().send(&sql::NOTE_SET, &[self.mailbox().get().into(), set.into()])?;
        }
        Ok(set)
    }

    /// The set of flags of a message of this mailbox, and its last change.
    fn placed(&self, uid: Uid) -> Result<Option<(i64, ModSeq)>, StoreError> {
        let key = [self.mailbox().get().into(), i64::from(uid.get()).into(), i64::from(uid.get()).into()];
        let since = self.seen_since();
        self.tx().one(&sql::PLACEMENTS_BETWEEN, &key, |row| Ok((row.int(2)?, ModSeq(row.int(3)?).max(since))))
    }
}

impl Access<'_, Read> {
    /// STORE by whoever may change nothing and is forgiven: every message named, with its flags
    /// as they are.
    pub fn flags_as_they_are(&self, uids: &[Uid]) -> Result<FlagsChanged, GateError> {
        let mut messages = Vec::with_capacity(uids.len());
        for uid in uids.iter().filter(|uid| self.shows(**uid)) {
            let Some((set, modseq)) = self.placed(*uid)? else { continue };
            let flags = self.seen().shown(&flags_of(self.tx(), flag_set(set)?)?, false);
            messages.push(Stored { uid: *uid, flags, modseq });
        }
        Ok(FlagsChanged { modseq: self.numbers()?.modseq, messages, modified: Vec::new() })
    }
}

impl Access<'_, ChangeFlags> {
    /// STORE. Flags this actor may not change are left as they are; when not one flag of
    /// the request may be changed, the request is refused (RFC 4314 section 4).
    pub fn change_flags(
        &self,
        uids: &[Uid],
        request: &Flags,
        change: FlagChange,
        unless: Option<&UnchangedSince>,
    ) -> Result<FlagsChanged, GateError> {
        self.refuse_hopeless(request)?;
        let tx = self.tx();
        let (seen, seer) = (self.seen(), self.seer());
        let mut done = FlagsChanged { modseq: self.numbers()?.modseq, messages: Vec::new(), modified: Vec::new() };
        let mut sets: HashMap<i64, Flags> = HashMap::new();
        let mut writes = Writes::default();
        for uid in uids.iter().filter(|uid| self.shows(**uid)) {
            let Some((set, modseq)) = self.placed(*uid)? else { continue };
            let stored = match sets.get(&set) {
                Some(flags) => flags.clone(),
                None => {
                    let flags = flags_of(tx, flag_set(set)?)?;
                    sets.insert(set, flags.clone());
                    flags
                }
            };
            let (own, own_modseq) =
                seer.map(|person| self.seen_by(person, *uid)).transpose()?.unwrap_or((false, ModSeq(0)));
            let (shown, modseq) = (seen.shown(&stored, own), modseq.max(own_modseq));
            if unless.is_some_and(|unless| unless.forbids(*uid, (&shown, modseq), request, change)) {
                done.modified.push(*uid);
                done.messages.push(Stored { uid: *uid, flags: shown, modseq });
                continue;
            }
            let wanted = changed(&shown, request, change, self.held());
            if wanted == shown {
                done.messages.push(Stored { uid: *uid, flags: shown, modseq });
                continue;
            }
            let (flags, sees) = seen.stored(&wanted, &stored, own);
            done.messages.push(Stored { uid: *uid, flags: seen.shown(&flags, sees), modseq });
            writes.note(*uid, (stored, flags), (own, sees));
        }
        if !writes.is_empty() {
            done.modseq = self.write_flags(&writes, request, change)?;
            let touched: HashSet<Uid> = writes.uids.iter().copied().collect();
            let changed = done.messages.iter_mut().filter(|message| touched.contains(&message.uid));
            changed.for_each(|message| message.modseq = done.modseq);
        }
        Ok(done)
    }

    fn refuse_hopeless(&self, request: &Flags) -> Result<(), Denied> {
        if request.is_empty() || !request.settable_with(self.held()).is_empty() {
            return Ok(());
        }
        Err(Denied::Missing { missing: request.first_letter() })
    }

    fn write_flags(&self, writes: &Writes, request: &Flags, change: FlagChange) -> Result<ModSeq, GateError> {
        let tx = self.tx();
        let advance = advance(tx, self.account(), &Growth::default())?;
        let mut ids: BTreeMap<&Flags, i64> = BTreeMap::new();
        for (uid, flags) in &writes.sets {
            let id = match ids.get(flags) {
                Some(id) => *id,
                None => {
                    let id = self.set_of(flags)?;
                    ids.insert(flags, id);
                    id
                }
            };
            let values = [self.mailbox().get().into(), i64::from(uid.get()).into(), id.into(), advance.modseq.0.into()];
            tx.execute(&sql::SET_FLAGS, &values)?;
        }
        if let Some(person) = self.seer() {
            for (uid, sees) in &writes.own {
                self.put_seen(person, *uid, *sees, advance.modseq)?;
            }
        }
        let values =
            [self.mailbox().get().into(), advance.modseq.0.into(), writes.unseen.into(), writes.deleted.into()];
        tx.execute(&sql::COUNT_FLAGS, &values)?;
        log_change(tx, &advance, "flags.changed", self.mailbox())?;
        let sign = match change {
            FlagChange::Replace => "",
            FlagChange::Add => "+",
            FlagChange::Remove => "-",
        };
        tx.record(
            self.caller(),
            &Event {
                class: "A",
                action: "flags.changed",
                account: Some(self.account()),
                mailbox: Some(self.mailbox()),
                detail: Detail { public: &format!("{sign}({request}) uid {}", uid_set(&writes.uids)), personal: "" },
            },
        )?;
        Ok(advance.modseq)
    }
}

/// Sorted UIDs as a set: `1:3,5`.
pub(super) fn uid_set(uids: &[Uid]) -> String {
    let mut text = String::new();
    for (first, last) in Uid::runs(uids.iter().copied()) {
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&first.to_string());
        if last != first {
            text.push(':');
            text.push_str(&last.to_string());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_uids_are_written_as_sets() {
        let uids: Vec<Uid> = [1, 2, 3, 5, 7, 8].into_iter().filter_map(Uid::new).collect();
        assert_eq!(uid_set(&uids), "1:3,5,7:8");
        assert_eq!(uid_set(&[]), "");
    }
}
