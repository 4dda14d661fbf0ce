//! A session: one signed-in connection, its actor, and what it watches.

use crate::directory::View;
use crate::hub::Watch;
use postern_access::Actor;
use postern_store::{Caller, SignInFacts};
use postern_types::{AccountId, Address, MailboxId, Timestamp};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// One authenticated connection. It proves who acts, never what they may do: that is
/// asked at the gate each time.
#[derive(Debug)]
pub struct Session {
    pub(crate) caller: Caller,
    pub(crate) view: View,
    pub(crate) address: Address,
    pub(crate) checked: SignInFacts,
    pub(crate) own: Mutex<Watch>,
    pub(crate) everyone: Mutex<Watch>,
    opened: Mutex<HashSet<MailboxId>>,
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
        checked: SignInFacts,
        own: Watch,
        everyone: Watch,
    ) -> Self {
        let (own, everyone) = (Mutex::new(own), Mutex::new(everyone));
        let holds_until = AtomicI64::new(end_of(&checked).0);
        Self {
            caller,
            view,
            address,
            checked,
            own,
            everyone,
            opened: Mutex::default(),
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

    /// Number of the session in this process, for logs and the trail.
    pub fn number(&self) -> u64 {
        self.caller.origin().session
    }

    /// What the session itself depends on, to wait for: a change of the person or account.
    pub fn watch(&self) -> Watch {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Was something heard about this person or everyone since the sign-in last held, or has
    /// something that it rests on ended by itself?
    pub(crate) fn is_doubtful(&self, now: Timestamp) -> bool {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        let everyone = self.everyone.lock().unwrap_or_else(PoisonError::into_inner).take();
        if own | everyone | (now >= self.holds_until()) {
            self.doubtful.store(true, Ordering::Release);
        }
        self.doubtful.load(Ordering::Acquire)
    }

    /// The sign-in holds, as these facts say.
    pub(crate) fn holds(&self, facts: &SignInFacts) {
        self.holds_until.store(end_of(facts).0, Ordering::Release);
        self.doubtful.store(false, Ordering::Release);
    }

    pub(crate) fn holds_until(&self) -> Timestamp {
        Timestamp(self.holds_until.load(Ordering::Acquire))
    }

    /// Notes that this mailbox's opening is on the trail; was it already?
    pub(crate) fn was_opened(&self, mailbox: MailboxId) -> bool {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).contains(&mailbox)
    }

    pub(crate) fn note_opened(&self, mailbox: MailboxId) {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox);
    }
}

/// When these facts may say something else by themselves.
fn end_of(facts: &SignInFacts) -> Timestamp {
    facts.root.as_ref().and_then(|root| root.next_end()).unwrap_or(Timestamp(i64::MAX))
}
