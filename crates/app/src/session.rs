//! A session: one signed-in connection, its actor, and what it watches.

use crate::directory::View;
use crate::hub::Watch;
use crate::live::Seat;
use crate::meters::Present;
use postern_access::Actor;
use postern_store::{Access, Caller, DirectFacts, Read, SignInFacts};
use postern_types::{AccountId, Address, MailboxId, Timestamp};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What a sign-in was accepted by, and goes on by.
#[derive(Debug)]
pub(crate) enum Basis {
    /// A person's password.
    Person(Box<SignInFacts>),
    /// A credential of a shared account.
    Direct {
        /// What it was accepted by.
        checked: Box<DirectFacts>,
        /// Its place among those that it may have at once, while the session lasts.
        _seat: Seat,
    },
}

impl Basis {
    /// When it may hold no more by itself.
    fn end(&self) -> Timestamp {
        match self {
            Basis::Person(facts) => end_of_person(facts),
            Basis::Direct { checked, .. } => end_of_direct(checked),
        }
    }
}

pub(crate) fn end_of_person(facts: &SignInFacts) -> Timestamp {
    facts.root.as_ref().and_then(|root| root.next_end()).unwrap_or(Timestamp(i64::MAX))
}

pub(crate) fn end_of_direct(facts: &DirectFacts) -> Timestamp {
    facts.next_end().unwrap_or(Timestamp(i64::MAX))
}

/// The gate has let somebody read a mailbox, and would again as long as nobody's rights change.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proven {
    mailbox: MailboxId,
    rights_told: u64,
    /// When that changes by itself, where it does.
    until: Option<Timestamp>,
    /// Before it was asked, by a clock that nobody sets.
    asked: Instant,
}

impl Proven {
    /// It is asked again after this, whatever was told or not.
    const LONGEST: Duration = Duration::from_secs(1);

    /// By this proof, whose transaction was begun after `asked`. `rights_told`: as it was before that
    /// ([`Hub::rights_told`](crate::hub::Hub::rights_told)), so that no change is between what it saw and what is heard later.
    pub(crate) fn by(access: &Access<'_, Read>, asked: Instant, rights_told: u64) -> Self {
        Self { mailbox: access.mailbox(), rights_told, until: access.until(), asked }
    }

    fn holds(&self, mailbox: MailboxId, rights_told: u64, now: Timestamp) -> bool {
        self.mailbox == mailbox
            && self.rights_told == rights_told
            && self.until.is_none_or(|until| now < until)
            && self.asked.elapsed() < Self::LONGEST
    }
}

/// One authenticated connection. It proves who acts, never what they may do: that is
/// asked at the gate each time.
#[derive(Debug)]
pub struct Session {
    pub(crate) caller: Caller,
    pub(crate) view: View,
    pub(crate) address: Address,
    pub(crate) basis: Basis,
    watch: Mutex<Watch>,
    /// Counted among the sessions of this moment.
    _present: Present<1>,
    opened: Mutex<HashSet<MailboxId>>,
    proven: Mutex<Option<Proven>>,
    /// Something was heard, and the sign-in has not been found to hold since.
    doubtful: AtomicBool,
    /// When it has to be looked at next, whatever is heard: milliseconds since 1970.
    holds_until: AtomicI64,
}

impl Session {
    pub(crate) fn new(
        caller: Caller,
        view: View,
        address: Address,
        basis: Basis,
        watch: Watch,
        present: Present<1>,
    ) -> Self {
        let holds_until = AtomicI64::new(basis.end().0);
        Self {
            caller,
            view,
            address,
            basis,
            watch: Mutex::new(watch),
            _present: present,
            opened: Mutex::default(),
            proven: Mutex::default(),
            doubtful: AtomicBool::new(false),
            holds_until,
        }
    }

    /// The address they signed in with.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The account they signed in to, whose mailboxes are at the top.
    pub fn account(&self) -> AccountId {
        self.view.account
    }

    /// Is that account all there is, as for `alice@example.org/support@example.org`?
    pub fn is_rooted(&self) -> bool {
        self.view.rooted
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        self.caller.actor()
    }

    /// Somebody who signed in as themselves?
    pub(crate) fn is_person(&self) -> bool {
        matches!(self.actor(), Actor::Person(_))
    }

    /// Number of the session in this process, for logs and the trail.
    pub fn number(&self) -> u64 {
        self.caller.origin().session
    }

    /// What the sign-in rests on, to wait for: a change of the person, of the account or of what
    /// everyone may do. What [`House::check_session`](crate::House::check_session) has looked at
    /// is not heard of again.
    pub fn watch(&self) -> Watch {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Was something heard since the sign-in last held, or has something that it rests on ended
    /// by itself?
    pub(crate) fn is_doubtful(&self, now: Timestamp) -> bool {
        let heard = self.watch.lock().unwrap_or_else(PoisonError::into_inner).take();
        if heard || now >= self.holds_until() {
            self.doubtful.store(true, Ordering::Release);
        }
        self.doubtful.load(Ordering::Acquire)
    }

    /// The sign-in holds, and it has to be looked at again at `end`.
    pub(crate) fn holds(&self, end: Timestamp) {
        self.holds_until.store(end.0, Ordering::Release);
        self.doubtful.store(false, Ordering::Release);
    }

    pub(crate) fn holds_until(&self) -> Timestamp {
        Timestamp(self.holds_until.load(Ordering::Acquire))
    }

    /// What the gate answered last about reading a mailbox.
    pub(crate) fn note_proven(&self, proven: Proven) {
        *self.proven.lock().unwrap_or_else(PoisonError::into_inner) = Some(proven);
    }

    /// Would the gate answer now that this mailbox may be read, as it did last?
    pub(crate) fn is_proven(&self, mailbox: MailboxId, rights_told: u64, now: Timestamp) -> bool {
        let proven = *self.proven.lock().unwrap_or_else(PoisonError::into_inner);
        proven.is_some_and(|proven| proven.holds(mailbox, rights_told, now))
    }

    /// Notes that this mailbox's opening is on the trail; was it already?
    pub(crate) fn was_opened(&self, mailbox: MailboxId) -> bool {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains(&mailbox)
    }

    pub(crate) fn note_opened(&self, mailbox: MailboxId) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_until_something_may_have_changed() {
        let [inbox, other] = [1, 2].map(|number| MailboxId::pack(AccountId::new(1).unwrap(), number).unwrap());
        let (now, asked) = (Timestamp(1_000_000), Instant::now());
        let proven = Proven { mailbox: inbox, rights_told: 7, until: Some(now.plus_ms(10)), asked };
        assert!(proven.holds(inbox, 7, now));
        assert!(!proven.holds(other, 7, now));
        assert!(!proven.holds(inbox, 8, now), "somebody's rights have changed");
        assert!(!proven.holds(inbox, 7, now.plus_ms(10)), "it has ended by itself");
        let Some(asked) = asked.checked_sub(Proven::LONGEST) else { return };
        assert!(!Proven { asked, ..proven }.holds(inbox, 7, now), "nothing was told for long");
    }
}
