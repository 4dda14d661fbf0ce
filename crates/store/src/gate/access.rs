//! [`Access`]: one class of operations on one mailbox, allowed to one actor until the
//! transaction ends. And the ways to get one.

use super::caller::{Cached, Caller, Epochs};
use super::class::Class;
use super::error::GateError;
use super::facts;
use crate::statements::message as sql;
use crate::{StoreError, Tx};
use postern_access::Actor;
use postern_access::Denied;
use postern_types::{AccountId, Letter, MailboxId, MailboxName, ModSeq, PersonId, Rights, Seen, Timestamp, Uid};
use std::marker::PhantomData;

/// Operation class `C` on one mailbox, allowed to one actor until the transaction ends.
/// Fields are private to the gate and [`Tx::open`] is the maker: having one means the
/// check ran in this transaction.
pub struct Access<'t, C: Class> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    mailbox: MailboxId,
    found: Cached,
    /// The last UID that is shown, where the scope has old messages alone.
    end: Option<u32>,
    class: PhantomData<C>,
}

impl<'t, C: Class> Access<'t, C> {
    pub(super) fn tx(&self) -> &'t Tx<'t> {
        self.tx
    }
    /// Whose proof this is.
    pub fn caller(&self) -> &'t Caller {
        self.caller
    }
    /// The mailbox.
    pub fn mailbox(&self) -> MailboxId {
        self.mailbox
    }
    /// The account the mailbox belongs to.
    pub fn account(&self) -> AccountId {
        self.mailbox.account()
    }
    /// Every letter held here, not just those this class needs.
    pub fn held(&self) -> Rights {
        self.found.rights
    }
    /// The nearest moment at which that changes by itself, where there is one.
    pub fn until(&self) -> Option<Timestamp> {
        self.found.valid_until
    }
    /// How `\Seen` is kept for this caller: jobs have none of their own, so theirs is the one
    /// of all.
    pub fn seen(&self) -> Seen {
        if matches!(self.caller.actor(), Actor::Person(_)) { self.found.seen } else { Seen::Shared }
    }
    /// The change that made `\Seen` be kept so for this caller: every message shows what it did not show before.
    pub(super) fn seen_since(&self) -> ModSeq {
        if matches!(self.caller.actor(), Actor::Person(_)) { self.found.seen_since } else { ModSeq(0) }
    }
    /// Does the account keep a `\Seen` of each person's own?
    pub(super) fn keeps_own_seen(&self) -> bool {
        self.found.seen.is_personal()
    }
    /// The person whose own `\Seen` counts here, where one does.
    pub(super) fn seer(&self) -> Option<PersonId> {
        match self.caller.actor() {
            Actor::Person(person) if self.found.seen.is_personal() => Some(*person),
            _ => None,
        }
    }
    /// A proof of another class on the same mailbox, from the letters already found. Whoever
    /// has a proof knows that the mailbox is there, with or without `l`: the letter that is
    /// missing is named, and nothing is hidden.
    pub fn also<D: Class>(&self) -> Result<Access<'t, D>, Denied> {
        if D::OPERATION.allowed_with(self.held()).is_err() {
            D::OPERATION.allowed_unless_protected(self.held() | Letter::Lookup, self.found.withheld)?;
            return Err(Denied::Hidden);
        }
        let Self { tx, caller, mailbox, found, end, .. } = *self;
        Ok(Access { tx, caller, mailbox, found, end, class: PhantomData })
    }
    /// Are flags that may not be changed taken and forgotten?
    pub fn is_forgiving(&self) -> bool {
        self.found.narrow.forgiving
    }
    /// For a scope of old messages, fixes where the mailbox ends from now on, as it is now: a
    /// session that has selected it sees no message come by growing old. Answers whether it does.
    pub fn fix_end(&self) -> Result<bool, StoreError> {
        let Some(age) = self.found.narrow.older_than_ms else { return Ok(false) };
        self.caller.fix_end(self.mailbox, self.tx.last_older_than(self.mailbox, age)?);
        Ok(true)
    }
    /// Does each message that comes into view come by a change? Not where the scope has old messages alone: they grow old
    /// by time, with no new modification sequence.
    pub fn keeps_modseqs(&self) -> bool {
        self.found.narrow.older_than_ms.is_none()
    }
    /// The last UID that is shown, where not all of them are. UIDs rise as messages come, so
    /// what is old enough is a prefix of them.
    pub(super) fn end(&self) -> Option<u32> {
        self.end
    }
    /// Is a message of this UID shown?
    pub(super) fn shows(&self, uid: Uid) -> bool {
        self.end.is_none_or(|end| uid.get() <= end)
    }
    /// Are subscriptions of the caller's kept? A credential that changes nothing has none of its own
    /// to change; one that forgives forgets.
    pub fn keeps_subscriptions(&self) -> Result<bool, Denied> {
        let is_direct = matches!(self.caller.actor(), Actor::Credential { .. });
        match (is_direct, self.is_forgiving()) {
            (true, true) => Ok(false),
            (true, false) if !self.held().intersects(Rights::CHANGING) => {
                Err(Denied::Missing { missing: Letter::Write })
            }
            _ => Ok(true),
        }
    }
    /// Refuses unless `letter` is held too.
    pub fn require(&self, letter: Letter) -> Result<(), Denied> {
        if self.held().has(letter) { Ok(()) } else { Err(Denied::Missing { missing: letter }) }
    }
}

/// Does this build believe a verdict that was found once, without asking again? Never, but in
/// the build that the bench compares with to tell what asking costs
/// (`RUSTFLAGS="--cfg postern_trust_cache"`, docs/speed.md). Such a build serves loopback alone.
pub const TRUSTS_CACHE: bool = cfg!(postern_trust_cache);

impl Tx<'_> {
    /// Opens a mailbox for one class of operations. Asks the epochs again each time and the
    /// whole question only when one of them rose or the verdict ran out.
    pub fn open<'t, C: Class>(&'t self, caller: &'t Caller, mailbox: MailboxId) -> Result<Access<'t, C>, GateError> {
        if TRUSTS_CACHE
            && !self.writable()
            && let Some(found) = caller.cached(mailbox)
        {
            return self.prove(caller, mailbox, found);
        }
        let epochs = self.epochs_that_hold(caller, mailbox.account())?;
        let cached =
            caller.cached(mailbox).filter(|cached| epochs.is_some_and(|epochs| cached.holds(epochs, self.now())));
        let held = match (cached, epochs) {
            (Some(cached), _) => cached,
            (None, epochs) => {
                let found = Cached::of(&facts::judge(self, caller, mailbox)?, epochs.unwrap_or_default());
                // Not in a write: its epochs may never be committed. Not without `l`: what is
                // hidden takes the same statements each time, like what is absent.
                if epochs.is_some() && !self.writable() && found.rights.has(Letter::Lookup) {
                    caller.keep(mailbox, found);
                }
                found
            }
        };
        self.prove(caller, mailbox, held)
    }

    /// The epochs as they are. What a session began with is what it goes on with: a credential that was
    /// changed ends it.
    pub(super) fn epochs_that_hold(&self, caller: &Caller, account: AccountId) -> Result<Option<Epochs>, GateError> {
        let epochs = facts::epochs(self, caller, account)?;
        if caller.credential().is_some_and(|held| epochs.is_some_and(|now| now.credential != held.epoch)) {
            return Err(GateError::Ended);
        }
        Ok(epochs)
    }

    /// Opens two mailboxes, locking their accounts in one order whatever the direction, so
    /// that two copies in opposite directions can not wait for each other.
    pub fn open_pair<'t, S: Class, D: Class>(
        &'t self,
        caller: &'t Caller,
        source: MailboxId,
        target: MailboxId,
    ) -> Result<(Access<'t, S>, Access<'t, D>), GateError> {
        facts::lock_accounts(self, source.account(), target.account())?;
        Ok((self.open(caller, source)?, self.open(caller, target)?))
    }

    /// Opens the mailbox called `name` in `account`. A name that is not there and one that
    /// is hidden take the same statements and get the same answer (law 4).
    pub fn open_named<'t, C: Class>(
        &'t self,
        caller: &'t Caller,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Access<'t, C>, GateError> {
        let mailbox =
            facts::mailbox_named(self, account, name)?.unwrap_or(facts::no_mailbox(account).map_err(StoreError::from)?);
        self.open(caller, mailbox)
    }

    /// The last UID of a mailbox such that all up to it came so many milliseconds ago; 0 where
    /// none did.
    pub(super) fn last_older_than(&self, mailbox: MailboxId, age_ms: i64) -> Result<u32, StoreError> {
        let key = [mailbox.get().into(), self.now().plus_ms(-age_ms).0.into()];
        let last = self.one(&sql::LAST_SAVED_BEFORE, &key, |row| row.int(0))?.unwrap_or(0);
        u32::try_from(last).map_err(|_| StoreError::Damaged(format!("UID {last}")))
    }

    fn prove<'t, C: Class>(
        &'t self,
        caller: &'t Caller,
        mailbox: MailboxId,
        found: Cached,
    ) -> Result<Access<'t, C>, GateError> {
        C::OPERATION.allowed_unless_protected(found.rights, found.withheld)?;
        let end = match found.narrow.older_than_ms {
            Some(age) => Some(caller.end_of(mailbox).map_or_else(|| self.last_older_than(mailbox, age), Ok)?),
            None => None,
        };
        Ok(Access { tx: self, caller, mailbox, found, end, class: PhantomData })
    }

    /// What `caller` would hold on a mailbox of this name if it were made now: account and
    /// subtree grants reach it. For CREATE at the top of an account; it opens nothing.
    pub fn rights_on_new_name(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Rights, StoreError> {
        Ok(facts::judge_name(self, caller, account, name)?.rights)
    }
}
