//! Credentials of shared accounts: whether one stands, and what it opens.
//!
//! A credential stands while nothing speaks against it: its own state, its time, the hours of
//! its scope, policy, and the people who answer for it. That is asked at the sign-in, at every
//! command of a session and at the gate, by one function; so whatever takes a credential back
//! ends what it had begun.

use crate::combine::{Combination, Place};
use crate::mailbox::protected;
use crate::{AccountFacts, AccountKind, CredentialScope, DirectSignIn, Policy, Purpose, Reason, Verdict};
use postern_types::{AccountId, CredentialId, Timestamp};

/// Where a credential is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialState {
    /// Made, and its secret not opened by the person it was wrapped for.
    Issued,
    /// In use.
    Active,
    /// Set aside, and can come back.
    Suspended,
    /// Its time is over, or nobody opened it in time.
    Expired,
    /// Taken back for good.
    Revoked,
}

impl CredentialState {
    /// Its name in the database and in lists.
    pub fn name(self) -> &'static str {
        match self {
            CredentialState::Issued => "issued",
            CredentialState::Active => "active",
            CredentialState::Suspended => "suspended",
            CredentialState::Expired => "expired",
            CredentialState::Revoked => "revoked",
        }
    }

    /// From its name.
    pub fn parse(text: &str) -> Option<CredentialState> {
        use CredentialState::{Active, Expired, Issued, Revoked, Suspended};
        [Issued, Active, Suspended, Expired, Revoked].into_iter().find(|state| state.name() == text)
    }
}

/// Somebody who answers for a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answerable {
    /// In the house and in use.
    InUse,
    /// Suspended.
    Suspended,
    /// In the house no more.
    Gone,
}

/// A credential of an account, with what decides whether it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialFacts {
    /// Which.
    pub id: CredentialId,
    /// The account it belongs to.
    pub account: AccountId,
    /// What for.
    pub purpose: Purpose,
    /// Where in its life.
    pub state: CredentialState,
    /// What it opens.
    pub scope: CredentialScope,
    /// When it was issued.
    pub issued: Timestamp,
    /// From when on; at once where nothing is said.
    pub starts: Option<Timestamp>,
    /// From this moment on it is over.
    pub expires: Timestamp,
    /// For one that is shut but while checked out: until when it is.
    pub opened_until: Option<Timestamp>,
    /// Who answers for it.
    pub owner: Answerable,
    /// Who uses it, where that is somebody.
    pub holder: Option<Answerable>,
    /// The policy that holds for the account.
    pub policy: Policy,
    /// How far the organisation's time zone is ahead of UTC now, in seconds.
    pub offset_seconds: i32,
}

listed! {
    /// What speaks against a credential.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
    pub enum Obstacle {
        /// Its secret waits to be opened.
        #[error("its secret is not opened yet by the person it was made for")]
        NotOpened,
        /// Suspended.
        #[error("it is suspended")]
        Suspended,
        /// Its time is over.
        #[error("it has expired")]
        Expired,
        /// Taken back.
        #[error("it is revoked")]
        Revoked,
        /// Its time has not come.
        #[error("it has not started yet")]
        NotStarted,
        /// Nobody has it checked out.
        #[error("it is not checked out")]
        Shut,
        /// The hours are others.
        #[error("it is outside its hours")]
        OutsideHours,
        /// Policy blocks direct sign-in.
        #[error("policy blocks direct sign-in")]
        PolicyBlocks,
        /// Policy does not allow its purpose.
        #[error("policy does not allow its purpose")]
        PolicyPurpose,
        /// It lasts longer than policy allows by now.
        #[error("it is older than policy allows")]
        PolicyLife,
        /// Its owner is suspended.
        #[error("its owner is suspended")]
        OwnerSuspended,
        /// Its owner is gone.
        #[error("its owner is gone")]
        OwnerGone,
        /// Its holder is suspended.
        #[error("its holder is suspended")]
        HolderSuspended,
        /// Its holder is gone.
        #[error("its holder is gone")]
        HolderGone,
        /// The account it belongs to is suspended or removed.
        #[error("its mailbox is not in use")]
        AccountNotInUse,
        /// The key that its secret is checked with is not in the keys folder.
        #[error("the key that its secret is checked with is missing")]
        KeyMissing,
    }
}

/// Does a credential stand, and until when is that sure?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Everything that speaks against it; it stands where nothing does.
    pub obstacles: Vec<Obstacle>,
    /// The nearest moment at which that changes with the facts unchanged.
    pub until: Option<Timestamp>,
}

impl CredentialFacts {
    /// Does it stand at `now`?
    pub fn standing(&self, now: Timestamp) -> Standing {
        let mut found = Standing { obstacles: Vec::new(), until: None };
        match self.state {
            CredentialState::Active => {}
            CredentialState::Issued => found.obstacles.push(Obstacle::NotOpened),
            CredentialState::Suspended => found.obstacles.push(Obstacle::Suspended),
            CredentialState::Expired => found.obstacles.push(Obstacle::Expired),
            CredentialState::Revoked => found.obstacles.push(Obstacle::Revoked),
        }
        self.time(now, &mut found);
        self.policy(now, &mut found);
        self.people(&mut found);
        found.obstacles.dedup();
        found
    }

    /// The next moment at which it stands where it does not, or the other way round, by time alone.
    pub fn turns_after(&self, now: Timestamp) -> Option<Timestamp> {
        let stands = self.standing(now).stands();
        let mut moments = vec![now, self.expires, self.ends()];
        moments.extend(self.starts.iter().chain(&self.opened_until));
        if let Some(hours) = self.scope.hours {
            // Hours begin and end within a day of whatever else changes.
            let edges = moments.iter().flat_map(|moment| hours.edges_after(*moment, self.offset_seconds));
            let edges: Vec<Timestamp> = edges.collect();
            moments.extend(edges);
        }
        moments.retain(|moment| *moment > now);
        moments.sort_unstable();
        moments.into_iter().find(|moment| self.standing(*moment).stands() != stands)
    }

    /// What speaks against it at `now`, its account among that.
    pub fn obstacles(&self, now: Timestamp, account_in_use: bool) -> Vec<Obstacle> {
        let mut obstacles = self.standing(now).obstacles;
        obstacles.extend((!account_in_use).then_some(Obstacle::AccountNotInUse));
        obstacles
    }

    /// Would policy let it be issued now, and last as long as it has?
    pub fn is_within_policy(&self, now: Timestamp) -> bool {
        let outlives = self.policy.max_life_ms.is_some_and(|life| self.issued.plus_ms(life) <= now);
        self.policy.direct_sign_in == DirectSignIn::Allowed && self.policy.purposes.has(self.purpose) && !outlives
    }

    /// When it is over, policy heeded.
    pub fn ends(&self) -> Timestamp {
        let by_policy = self.policy.max_life_ms.map_or(Timestamp(i64::MAX), |life| self.issued.plus_ms(life));
        self.expires.min(by_policy)
    }

    fn time(&self, now: Timestamp, found: &mut Standing) {
        found.ends_at(now, self.expires, Obstacle::Expired);
        found.begins_at(now, self.starts, Obstacle::NotStarted);
        if self.purpose.is_checked_out() {
            found.ends_at(now, self.opened_until.unwrap_or(Timestamp(i64::MIN)), Obstacle::Shut);
        }
        if let Some(hours) = self.scope.hours {
            let (inside, until) = hours.at(now, self.offset_seconds);
            if !inside {
                found.obstacles.push(Obstacle::OutsideHours);
            }
            found.look_at(until);
        }
    }

    fn policy(&self, now: Timestamp, found: &mut Standing) {
        if self.policy.direct_sign_in == DirectSignIn::Blocked {
            found.obstacles.push(Obstacle::PolicyBlocks);
        }
        if !self.policy.purposes.has(self.purpose) {
            found.obstacles.push(Obstacle::PolicyPurpose);
        }
        if let Some(life) = self.policy.max_life_ms {
            found.ends_at(now, self.issued.plus_ms(life), Obstacle::PolicyLife);
        }
    }

    fn people(&self, found: &mut Standing) {
        found.obstacles.extend(match self.owner {
            Answerable::InUse => None,
            Answerable::Suspended => Some(Obstacle::OwnerSuspended),
            Answerable::Gone => Some(Obstacle::OwnerGone),
        });
        found.obstacles.extend(match self.holder {
            None | Some(Answerable::InUse) => None,
            Some(Answerable::Suspended) => Some(Obstacle::HolderSuspended),
            Some(Answerable::Gone) => Some(Obstacle::HolderGone),
        });
    }
}

impl Standing {
    /// Does it stand?
    pub fn stands(&self) -> bool {
        self.obstacles.is_empty()
    }

    fn ends_at(&mut self, now: Timestamp, end: Timestamp, obstacle: Obstacle) {
        if now >= end { self.obstacles.push(obstacle) } else { self.look_at(end) }
    }

    fn begins_at(&mut self, now: Timestamp, start: Option<Timestamp>, obstacle: Obstacle) {
        if let Some(start) = start.filter(|start| now < *start) {
            self.obstacles.push(obstacle);
            self.look_at(start);
        }
    }

    fn look_at(&mut self, moment: Timestamp) {
        self.until = Some(self.until.map_or(moment, |until| until.min(moment)));
    }
}

/// What a credential holds at one place: the letters of its scope there, on its own account
/// alone, while it stands.
pub(crate) fn credential_verdict(
    (id, of): (CredentialId, AccountId),
    facts: Option<&CredentialFacts>,
    account: AccountFacts,
    place: Place<'_>,
    now: Timestamp,
) -> Verdict {
    let Some(facts) = facts.filter(|facts| (facts.id, facts.account) == (id, of)) else {
        return Verdict::nothing(vec![Reason::FactsDisagree]);
    };
    if facts.account != account.id || account.kind != AccountKind::Shared {
        return Verdict::nothing(vec![Reason::CredentialElsewhere]);
    }
    let standing = facts.standing(now);
    let mut obstacles: Vec<Reason> = standing.obstacles.into_iter().map(Reason::CredentialStopped).collect();
    obstacles.extend(Reason::of_state(account));
    if !obstacles.is_empty() {
        return Verdict { valid_until: standing.until, ..Verdict::nothing(obstacles) };
    }
    let grants = facts.scope.as_grants(None);
    let combination = Combination::of(&grants, place);
    let scoped = combination.rights(now);
    let rights = protected(account, scoped);
    let mut reasons = vec![Reason::CredentialScope { rights: scoped }];
    if scoped != rights {
        reasons.push(Reason::DeleteProtected { withheld: scoped - rights });
    }
    Verdict { rights, send: combination.send(now), valid_until: standing.until, reasons }
}
