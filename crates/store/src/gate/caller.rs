//! Who asks: the actor, how they came in, and the verdicts found so far.

use postern_access::{Actor, TokenRole, Verdict};
use postern_types::{CredentialId, MailboxId, ModSeq, Rights, Seen, Timestamp};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The epochs a verdict was found at; any change of them asks for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Epochs {
    /// Of the account.
    pub account: i64,
    /// Of the person who acts, 0 without one.
    pub person: i64,
    /// Of the organisation.
    pub organisation: i64,
    /// Of the credential that signed in, 0 without one.
    pub credential: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cached {
    pub rights: Rights,
    /// What they would hold as well but for delete protection.
    pub withheld: Rights,
    /// How the account keeps `\Seen`, and since which change; that raises the account's epoch.
    pub seen: Seen,
    pub seen_since: ModSeq,
    /// Beside letters, how a credential's scope narrows what is done with them.
    pub narrow: Narrow,
    pub epochs: Epochs,
    pub valid_until: Option<Timestamp>,
}

/// What the scope of a credential says beside letters; nothing for other actors.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Narrow {
    /// Flags that may not be changed are taken and forgotten.
    pub forgiving: bool,
    /// Only messages that came so many milliseconds ago.
    pub older_than_ms: Option<i64>,
}

/// A verdict on a mailbox, with what goes beside it.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub verdict: Verdict,
    pub seen: Seen,
    pub seen_since: ModSeq,
    pub narrow: Narrow,
}

impl Cached {
    pub(crate) fn of(judged: &Judged, epochs: Epochs) -> Self {
        let Judged { verdict, seen, seen_since, narrow } = judged;
        let (rights, withheld, seen, narrow) = (verdict.rights, verdict.withheld(), *seen, *narrow);
        Self { rights, withheld, seen, seen_since: *seen_since, narrow, epochs, valid_until: verdict.valid_until }
    }
    pub(crate) fn holds(&self, epochs: Epochs, now: Timestamp) -> bool {
        self.epochs == epochs && self.valid_until.is_none_or(|end| now < end)
    }
}

/// How an actor came in, for the trail. Personal fields are committed to, not copied, in
/// the sealed part of each event.
#[derive(Debug)]
pub struct Origin {
    /// Number of the session in this process.
    pub session: u64,
    /// `imap`, `lmtp`, `rest`, `socket`, `job`.
    pub protocol: &'static str,
    /// The peer's address, empty where there is none.
    pub peer: String,
    /// The actor as people know them: an address, `operator(0)`, `delivery`.
    pub label: String,
    /// Random, in memory only: the salts of commitments come from it.
    pub salt: [u8; 32],
    events: AtomicU64,
}

impl Origin {
    /// Describes where someone came in; `salt` is fresh random bytes.
    pub fn new(session: u64, protocol: &'static str, peer: String, label: String, salt: [u8; 32]) -> Self {
        Self { session, protocol, peer, label, salt, events: AtomicU64::new(0) }
    }
    pub(crate) fn next_event(&self) -> u64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }
}

/// The token that someone came with, as it was when its secret was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldToken {
    /// Which.
    pub id: CredentialId,
    /// Its epoch; any change of the token raises it.
    pub epoch: i64,
    /// How much it lets through.
    pub role: TokenRole,
}

/// The credential that someone signed in with, as it was then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCredential {
    /// Its epoch; any change of the credential raises it.
    pub epoch: i64,
}

/// An actor at the gate. Cloning shares the verdicts found so far.
#[derive(Debug, Clone)]
pub struct Caller {
    actor: Actor,
    origin: Arc<Origin>,
    token: Option<HeldToken>,
    credential: Option<HeldCredential>,
    /// Where a mailbox ends that shows old messages alone: fixed when it is selected.
    fixed: Arc<Mutex<Option<(MailboxId, u32)>>>,
    verdicts: Arc<Mutex<HashMap<MailboxId, Cached>>>,
}

impl Caller {
    /// A caller who proved to be `actor`; the proof (sign-in, peer credentials of the
    /// local socket, being a job of the house) is the maker's duty.
    pub fn new(actor: Actor, origin: Origin) -> Self {
        Self {
            actor,
            origin: Arc::new(origin),
            token: None,
            credential: None,
            fixed: Arc::default(),
            verdicts: Arc::default(),
        }
    }
    /// The same, who came with a token of theirs: the gate reads the token again each time,
    /// and lets through what its role does.
    pub fn through(self, token: HeldToken) -> Self {
        Self { token: Some(token), verdicts: Arc::default(), ..self }
    }
    /// The same, who signed in with a credential: what was changed about it since opens nothing.
    pub fn with(self, credential: HeldCredential) -> Self {
        Self { credential: Some(credential), verdicts: Arc::default(), ..self }
    }
    pub(crate) fn credential(&self) -> Option<HeldCredential> {
        self.credential
    }
    /// Where the mailbox ends, if it is the one whose end is fixed.
    pub(crate) fn end_of(&self, mailbox: MailboxId) -> Option<u32> {
        let fixed = *self.fixed.lock().unwrap_or_else(PoisonError::into_inner);
        fixed.filter(|(known, _)| *known == mailbox).map(|(_, end)| end)
    }
    pub(crate) fn fix_end(&self, mailbox: MailboxId, end: u32) {
        *self.fixed.lock().unwrap_or_else(PoisonError::into_inner) = Some((mailbox, end));
    }
    /// The token they came with.
    pub fn token(&self) -> Option<HeldToken> {
        self.token
    }
    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }
    /// How they came in.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
    pub(crate) fn cached(&self, mailbox: MailboxId) -> Option<Cached> {
        self.verdicts.lock().unwrap_or_else(PoisonError::into_inner).get(&mailbox).copied()
    }
    pub(crate) fn keep(&self, mailbox: MailboxId, cached: Cached) {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        // A session that walks thousands of mailboxes keeps the verdicts of the last ones.
        if verdicts.len() >= 64 && !verdicts.contains_key(&mailbox) {
            verdicts.clear();
        }
        verdicts.insert(mailbox, cached);
    }
}
