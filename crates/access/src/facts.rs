//! What a verdict is made from: plain facts that someone else has read.
//!
//! Whoever reads them filters: the grants are those of the account in question whose
//! grantee is the acting person or one of their groups. Everything else, expiry and reach
//! included, is decided here.

use crate::CredentialFacts;
use postern_types::{AccountId, GrantId, GroupId, MailboxId, MailboxName, PersonId, Rights, SendRights};
use postern_types::{SpecialUse, Timestamp};
use std::collections::HashMap;

/// Whose mailboxes an account holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountKind {
    /// One person's own.
    Person,
    /// A shared mailbox, as screens and the command line call it.
    Shared,
}

/// Where an account is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccountState {
    /// In use.
    Active,
    /// Set aside: nobody reads, nothing is delivered.
    Suspended,
    /// Removed, and still restorable.
    Removed,
}

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountFacts {
    /// Which.
    pub id: AccountId,
    /// Whose.
    pub kind: AccountKind,
    /// In use?
    pub state: AccountState,
    /// With it on, `x` and `e` are withheld from everyone who lacks `a`.
    pub delete_protection: bool,
}

/// The person who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonFacts {
    /// Who.
    pub id: PersonId,
    /// Set aside: holds nothing anywhere, and signs in nowhere.
    pub suspended: bool,
    /// Administers the organisation, which gives no letter on any mailbox.
    pub admin: bool,
}

/// How much of an account a grant covers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reach {
    /// All its mailboxes, present and future.
    Account,
    /// The mailbox of this name, and all below it.
    Subtree(MailboxName),
    /// One mailbox alone, whatever it is called.
    Mailbox(MailboxId),
}

/// One grant of the account in question to the acting person or to one of their groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantFact {
    /// Which.
    pub id: GrantId,
    /// The group it was given to; nothing when it was given to the person.
    pub via: Option<GroupId>,
    /// What it covers.
    pub reach: Reach,
    /// Letters given.
    pub rights: Rights,
    /// Send rights given. They are of the account's address, so no reach narrows them.
    pub send: SendRights,
    /// Does the account appear under `Shared/` by itself?
    pub automap: bool,
    /// From this moment on it counts as absent.
    pub not_after: Option<Timestamp>,
}

impl GrantFact {
    /// Does it still count at `now`?
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.not_after.is_none_or(|end| now < end)
    }
}

/// Does an account with these grants of one person appear under `Shared/` by itself?
pub fn is_automapped(grants: &[GrantFact], now: Timestamp) -> bool {
    let gives = |grant: &GrantFact| !grant.rights.is_empty() || grant.send != SendRights::NONE;
    grants.iter().any(|grant| grant.automap && gives(grant) && grant.is_live(now))
}

/// Someone's grants on an account by what they reach, for whoever asks about its mailboxes one
/// after the other: few of thousands of grants concern one of them.
#[derive(Debug)]
pub struct ByReach<'a> {
    wide: Vec<&'a GrantFact>,
    by_mailbox: HashMap<MailboxId, Vec<&'a GrantFact>>,
}

impl<'a> ByReach<'a> {
    /// Sorts them.
    pub fn of(grants: &'a [GrantFact]) -> Self {
        let mut sorted = Self { wide: Vec::new(), by_mailbox: HashMap::new() };
        for grant in grants {
            match grant.reach {
                // Send rights are of the account's address, whatever else a grant reaches.
                Reach::Mailbox(mailbox) if grant.send == SendRights::NONE => {
                    sorted.by_mailbox.entry(mailbox).or_default().push(grant);
                }
                _ => sorted.wide.push(grant),
            }
        }
        sorted
    }

    /// Those that can matter to the letters and send rights held at one mailbox.
    pub fn near(&self, mailbox: MailboxId) -> Vec<GrantFact> {
        let here = self.by_mailbox.get(&mailbox).into_iter().flatten();
        self.wide.iter().chain(here).map(|grant| (*grant).clone()).collect()
    }
}

/// What decides on one mailbox.
#[derive(Debug, Clone)]
pub struct MailboxFacts<'a> {
    /// Which; it belongs to `account`.
    pub mailbox: MailboxId,
    /// Its whole name within the account.
    pub name: &'a MailboxName,
    /// What it is for, if it is special (RFC 6154): where sent copies may go.
    pub special_use: Option<SpecialUse>,
    /// The account it belongs to.
    pub account: AccountFacts,
    /// The acting person; nothing for other actors.
    pub person: Option<PersonFacts>,
    /// Their grants on the account, direct and through groups, in any order.
    pub grants: &'a [GrantFact],
    /// The acting credential; nothing for other actors.
    pub credential: Option<&'a CredentialFacts>,
    /// The moment asked about.
    pub now: Timestamp,
}

/// What decides on an account or on the organisation.
#[derive(Debug, Clone)]
pub struct DutyFacts<'a> {
    /// The account; nothing asks about the organisation.
    pub account: Option<AccountFacts>,
    /// The acting person; nothing for other actors.
    pub person: Option<PersonFacts>,
    /// Their grants on the account, direct and through groups, in any order.
    pub grants: &'a [GrantFact],
    /// The moment asked about.
    pub now: Timestamp,
}
