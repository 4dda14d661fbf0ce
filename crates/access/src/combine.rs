//! How grants combine: per grantee the most specific wins, across grantees they add up.
//!
//! A mailbox grant is more specific than a subtree grant, the subtree with the longer name
//! more than the shorter, and every subtree more than the whole account. The person and
//! each of their groups is a grantee of their own, so what a narrow grant holds back from
//! one is no loss to another. A grant past its end counts as absent: where it had narrowed
//! a broader grant of the same grantee, the broader one counts again.

use crate::{GrantFact, Reach};
use postern_types::{GrantId, MailboxId, MailboxName, Rights, SendRights, Timestamp};

/// Where the question is asked.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// At the account as a whole, where only account grants reach.
    Account,
    /// At one mailbox.
    Mailbox {
        /// Which.
        id: MailboxId,
        /// Its whole name.
        name: &'a MailboxName,
    },
}

/// How closely a reach fits; greater is more specific.
type Specificity = (u8, usize);

fn specificity(reach: &Reach, place: Place<'_>) -> Option<Specificity> {
    match (reach, place) {
        (Reach::Account, _) => Some((0, 0)),
        (Reach::Subtree(top), Place::Mailbox { name, .. }) => name.is_within(top).then(|| (1, top.as_str().len())),
        (Reach::Mailbox(granted), Place::Mailbox { id, .. }) => (*granted == id).then_some((2, 0)),
        (Reach::Subtree(_) | Reach::Mailbox(_), Place::Account) => None,
    }
}

/// The grants that matter at one place, ended ones included, in an order of their own, so
/// that the order in which they were read changes nothing.
pub(crate) struct Combination<'a> {
    all: &'a [GrantFact],
    here: Vec<(Specificity, &'a GrantFact)>,
}

impl<'a> Combination<'a> {
    pub(crate) fn of(all: &'a [GrantFact], place: Place<'_>) -> Self {
        let reaching = |grant: &'a GrantFact| specificity(&grant.reach, place).map(|fit| (fit, grant));
        let mut here: Vec<_> = all.iter().filter_map(reaching).collect();
        here.sort_by_key(|(fit, grant)| (grant.via, std::cmp::Reverse(*fit), grant.id));
        Self { all, here }
    }

    /// Letters held here at `now`.
    pub(crate) fn rights(&self, now: Timestamp) -> Rights {
        self.live_here(now)
            .filter(|(fit, grant)| self.outweighed_by(*fit, grant, now).is_none())
            .fold(Rights::NONE, |held, (_, grant)| held | grant.rights)
    }

    /// Send rights held at `now`. They are of the account's address, so all grants count.
    pub(crate) fn send(&self, now: Timestamp) -> SendRights {
        self.all.iter().filter(|grant| grant.is_live(now)).fold(SendRights::NONE, |held, grant| held.union(grant.send))
    }

    /// The grant of the same grantee that counts instead of this one, if one does.
    pub(crate) fn outweighed_by(&self, fit: Specificity, grant: &GrantFact, now: Timestamp) -> Option<GrantId> {
        self.live_here(now)
            .find(|(other_fit, other)| other.via == grant.via && *other_fit > fit)
            .map(|(_, other)| other.id)
    }

    /// The grants that cover this place, ended ones included, with how closely they fit.
    pub(crate) fn here(&self) -> impl Iterator<Item = (Specificity, &'a GrantFact)> {
        self.here.iter().copied()
    }

    /// How many grants count anywhere on the account.
    pub(crate) fn live_anywhere(&self, now: Timestamp) -> usize {
        self.all.iter().filter(|grant| grant.is_live(now)).count()
    }

    /// The ends still to come that could change what is held here, nearest first.
    pub(crate) fn ends_after(&self, now: Timestamp) -> Vec<Timestamp> {
        let sending = self.all.iter().filter(|grant| grant.send != SendRights::NONE);
        let mut ends: Vec<Timestamp> = self
            .here()
            .map(|(_, grant)| grant)
            .chain(sending)
            .filter_map(|grant| grant.not_after)
            .filter(|end| *end > now)
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn live_here(&self, now: Timestamp) -> impl Iterator<Item = (Specificity, &'a GrantFact)> {
        self.here().filter(move |(_, grant)| grant.is_live(now))
    }
}
