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

/// How a delegate shows who sends as a shared account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ShowSender {
    /// Not in what leaves; the sent copy says it.
    #[default]
    Hidden,
    /// In the name of From: `Alice via Support`.
    Via,
    /// As Sender, as if it were on behalf.
    Sender,
}

/// A word that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way to show who sends; there are hidden, via, sender")]
pub struct ShowSenderError(String);

impl ShowSender {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            ShowSender::Hidden => "hidden",
            ShowSender::Via => "via",
            ShowSender::Sender => "sender",
        }
    }

    /// From its name, in any case.
    pub fn parse(text: &str) -> Result<Self, ShowSenderError> {
        let folded = text.trim().to_ascii_lowercase();
        let known = [ShowSender::Hidden, ShowSender::Via, ShowSender::Sender];
        known.into_iter().find(|known| known.name() == folded).ok_or_else(|| ShowSenderError(text.to_owned()))
    }
}

/// Where a copy of what is sent as a shared account is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SentCopy {
    /// In its own Sent.
    #[default]
    Shared,
    /// In that of who sent it.
    Sender,
    /// In both.
    Both,
    /// Nowhere.
    None,
}

/// A word that is none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no place for the copy of what is sent; there are shared, sender, both, none")]
pub struct SentCopyError(String);

impl SentCopy {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            SentCopy::Shared => "shared",
            SentCopy::Sender => "sender",
            SentCopy::Both => "both",
            SentCopy::None => "none",
        }
    }

    /// From its name, in any case.
    pub fn parse(text: &str) -> Result<Self, SentCopyError> {
        let folded = text.trim().to_ascii_lowercase();
        let known = [SentCopy::Shared, SentCopy::Sender, SentCopy::Both, SentCopy::None];
        known.into_iter().find(|known| known.name() == folded).ok_or_else(|| SentCopyError(text.to_owned()))
    }
}

/// What somebody sends as a shared account can be taken back for so long at most, in seconds.
pub const UNDO_SECONDS_MOST: u32 = 10 * 60;
/// An answer makes another one stale for so long at most, in minutes.
pub const STALE_REPLY_MINUTES_MOST: u32 = 7 * 24 * 60;

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
    /// Every address in Resent-From and Resent-Sender (RFC 5322 section 3.6.6).
    pub resent: &'a [Usable<'a>],
    /// The actor's own address, written into Sender where one is needed.
    pub own: &'a Address,
    /// How the account in From shows a delegate who sends as it.
    pub shows: ShowSender,
}

/// A submission that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The Sender that must be added; nothing leaves the message as it is.
    pub sender_to_add: Option<Address>,
    /// The name in From says who sent it.
    pub names_sender: bool,
}

impl Accepted {
    const AS_IT_IS: Accepted = Accepted { sender_to_add: None, names_sender: false };

    fn with_sender(own: &Address) -> Self {
        Accepted { sender_to_add: Some(own.clone()), ..Self::AS_IT_IS }
    }
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
    /// From more than one mailbox: each keeps its own copy, trail and limits.
    #[error("A message has addresses of one mailbox in From; {0} is another one's")]
    SeveralMailboxes(Address),
    /// On behalf of someone, yet Sender is not the one who sends.
    #[error("Sender is {0}; sending on behalf of someone shows you there")]
    SenderNotYou(Address),
}

/// May this message go, and what must be added to it?
pub fn may_submit(submission: &Submission<'_>) -> Result<Accepted, SendDenied> {
    let named =
        submission.from.iter().chain(&submission.sender).chain(submission.resent).chain(&submission.reverse_path);
    if submission.from.is_empty() {
        return Err(SendDenied::NoFrom);
    }
    if let Some(stranger) = named.clone().find(|usable| usable.voice.is_none()) {
        return Err(SendDenied::NotYours(stranger.address.clone()));
    }
    // Nobody resends on behalf of somebody: there is no second field that would show them.
    if let Some(other) = submission.resent.iter().find(|usable| usable.voice == Some(Voice::OnBehalf)) {
        return Err(SendDenied::NotYours(other.address.clone()));
    }
    if submission.from.iter().any(|author| author.voice == Some(Voice::OnBehalf)) {
        return on_behalf(submission);
    }
    match submission.sender {
        None if submission.from.len() > 1 => Err(SendDenied::SenderNeeded),
        // Whoever may only act on behalf of an account is not that account as Sender.
        Some(sender) if sender.voice == Some(Voice::OnBehalf) => Err(SendDenied::NotYours(sender.address.clone())),
        // Who says it themselves needs no other word; the mailbox as its own Sender says nobody.
        Some(sender) if sender.voice == Some(Voice::Own) => Ok(Accepted::AS_IT_IS),
        _ => Ok(shown(submission)),
    }
}

/// As somebody else, the delegate is shown as the account has it.
fn shown(submission: &Submission<'_>) -> Accepted {
    let is_as = submission.from.iter().any(|author| author.voice == Some(Voice::As));
    match submission.shows {
        _ if !is_as => Accepted::AS_IT_IS,
        ShowSender::Hidden => Accepted::AS_IT_IS,
        ShowSender::Via => Accepted { names_sender: true, ..Accepted::AS_IT_IS },
        ShowSender::Sender => Accepted::with_sender(submission.own),
    }
}

/// On behalf, Sender is the one who sends: added where it lacks, and believed only if true.
fn on_behalf(submission: &Submission<'_>) -> Result<Accepted, SendDenied> {
    match submission.sender {
        None => Ok(Accepted::with_sender(submission.own)),
        Some(sender) if sender.voice == Some(Voice::Own) => Ok(Accepted::AS_IT_IS),
        Some(sender) => Err(SendDenied::SenderNotYou(sender.address.clone())),
    }
}
