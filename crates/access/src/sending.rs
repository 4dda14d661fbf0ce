//! Sending: which addresses an actor may write into From, Sender and the reverse path.
//!
//! RFC 5322 section 3.6.2: From says whose message it is, Sender who sent it if that is
//! someone else. With *send-as* From is the account and no one else shows; with
//! *send-on-behalf* From is the account and Sender the delegate. Send-as wins when both
//! are held. Every address is checked, not any one of them.

use crate::mailbox::is_own;
use crate::{AccountFacts, AccountKind, AccountState, Actor, CredentialFacts, DutyFacts, Protocol, account_verdict};
use postern_types::{Address, Timestamp};

/// How an actor may use an account's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Voice {
    /// It is their own.
    Own,
    /// As the account.
    As,
    /// On behalf of the account, shown as Sender.
    OnBehalf,
}

/// How `actor` may use the addresses of the account of the facts, if at all.
pub fn voice(actor: &Actor, facts: &DutyFacts<'_>) -> Option<Voice> {
    let send = account_verdict(actor, facts).send;
    let own = matches!((actor, facts.account), (Actor::Person(id), Some(account)) if is_own(*id, account));
    match (send.send_as, send.send_on_behalf) {
        (true, _) if own => Some(Voice::Own),
        (true, _) => Some(Voice::As),
        (false, true) => Some(Voice::OnBehalf),
        (false, false) => None,
    }
}

/// The same of a credential: it sends as its own account, while it stands and its scope submits.
pub fn credential_voice(credential: &CredentialFacts, account: AccountFacts, now: Timestamp) -> Option<Voice> {
    let is_its = credential.account == account.id && account.kind == AccountKind::Shared;
    let submits = credential.scope.protocols.has(Protocol::Submission);
    let is_open = account.state == AccountState::Active && credential.standing(now).stands();
    (is_its && submits && is_open).then_some(Voice::As)
}

/// An address of a message, with how its sender may use it. An address that is not ours, or
/// of an account where they hold nothing, has no voice; the two are told apart nowhere.
#[derive(Debug, Clone, Copy)]
pub struct Usable<'a> {
    /// The address.
    pub address: &'a Address,
    /// What [`voice`] said of the account it belongs to.
    pub voice: Option<Voice>,
}

/// A message on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Submission<'a> {
    /// The envelope's reverse path; nothing is the empty one of notifications, which
    /// anyone may use (RFC 5321 section 4.5.5).
    pub reverse_path: Option<Usable<'a>>,
    /// Every address in From.
    pub from: &'a [Usable<'a>],
    /// The address in Sender, if the message has one.
    pub sender: Option<Usable<'a>>,
    /// The actor's own address, written into Sender where one is needed.
    pub own: &'a Address,
}

/// A submission that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The Sender that must be added; nothing leaves the message as it is.
    pub sender_to_add: Option<Address>,
}

/// Why a submission may not go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendDenied {
    /// From is empty (RFC 5322 section 3.6.2 asks for one address or more).
    #[error("The message says nobody in From")]
    NoFrom,
    /// Not an address this actor may use, whether or not it exists.
    #[error("You may not send as {0}; ask one of its owners")]
    NotYours(Address),
    /// Several authors, and nobody who sent it (RFC 5322 section 3.6.2).
    #[error("With several addresses in From the message must say in Sender which of them sent it")]
    SenderNeeded,
    /// On behalf of someone, yet Sender is not the one who sends.
    #[error("Sender is {0}; sending on behalf of someone shows you there")]
    SenderNotYou(Address),
}

/// May this message go, and what must be added to it?
pub fn may_submit(submission: &Submission<'_>) -> Result<Accepted, SendDenied> {
    let named = submission.from.iter().chain(&submission.sender).chain(&submission.reverse_path);
    if submission.from.is_empty() {
        return Err(SendDenied::NoFrom);
    }
    if let Some(stranger) = named.clone().find(|usable| usable.voice.is_none()) {
        return Err(SendDenied::NotYours(stranger.address.clone()));
    }
    if submission.from.iter().any(|author| author.voice == Some(Voice::OnBehalf)) {
        return on_behalf(submission);
    }
    match submission.sender {
        None if submission.from.len() > 1 => Err(SendDenied::SenderNeeded),
        // Whoever may only act on behalf of an account is not that account as Sender.
        Some(sender) if sender.voice == Some(Voice::OnBehalf) => Err(SendDenied::NotYours(sender.address.clone())),
        _ => Ok(Accepted { sender_to_add: None }),
    }
}

/// On behalf, Sender is the one who sends: added where it lacks, and believed only if true.
fn on_behalf(submission: &Submission<'_>) -> Result<Accepted, SendDenied> {
    match submission.sender {
        None => Ok(Accepted { sender_to_add: Some(submission.own.clone()) }),
        Some(sender) if sender.voice == Some(Voice::Own) => Ok(Accepted { sender_to_add: None }),
        Some(sender) => Err(SendDenied::SenderNotYou(sender.address.clone())),
    }
}
