//! What the organisation, or more narrowly one account, allows of direct sign-in.

use crate::Purposes;
use std::fmt;

/// May credentials sign in, and who may issue them? Greater is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum DirectSignIn {
    /// Whoever may manage credentials issues them.
    #[default]
    Allowed,
    /// Someone else approves first.
    ByApproval,
    /// No credential signs in while it stands.
    Blocked,
}

/// A word that is no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no policy on direct sign-in; it is allowed, by-approval or blocked")]
pub struct DirectSignInError(String);

impl DirectSignIn {
    /// All of them.
    pub const ALL: [DirectSignIn; 3] = [DirectSignIn::Allowed, DirectSignIn::ByApproval, DirectSignIn::Blocked];

    /// What holds for an account under the organisation's policy: narrower, never wider.
    pub fn narrowed_by(self, account: DirectSignIn) -> DirectSignIn {
        self.max(account)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            DirectSignIn::Allowed => "allowed",
            DirectSignIn::ByApproval => "by-approval",
            DirectSignIn::Blocked => "blocked",
        }
    }

    /// From its name, in any case.
    pub fn parse(text: &str) -> Result<DirectSignIn, DirectSignInError> {
        let folded = text.trim().to_ascii_lowercase();
        let found = DirectSignIn::ALL.into_iter().find(|known| known.name() == folded);
        found.ok_or_else(|| DirectSignInError(text.to_owned()))
    }
}

impl fmt::Display for DirectSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A policy: of the organisation, of one account, or what holds of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// May credentials sign in?
    pub direct_sign_in: DirectSignIn,
    /// How long a credential lasts at most, counted from when it was issued, in milliseconds.
    pub max_life_ms: Option<i64>,
    /// What for.
    pub purposes: Purposes,
}

impl Default for Policy {
    fn default() -> Self {
        Self { direct_sign_in: DirectSignIn::Allowed, max_life_ms: None, purposes: Purposes::ALL }
    }
}

impl Policy {
    /// What holds for an account under the organisation's policy: in each point the stricter.
    pub fn narrowed_by(self, account: Policy) -> Policy {
        let max_life_ms = match (self.max_life_ms, account.max_life_ms) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (one, other) => one.or(other),
        };
        Policy {
            direct_sign_in: self.direct_sign_in.narrowed_by(account.direct_sign_in),
            max_life_ms,
            purposes: self.purposes.within(account.purposes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CredentialScope, Issue, Networks, Protocols, Purpose, SendingScope};
    use postern_types::Timestamp;

    /// All of them against all: what holds is never wider than either.
    #[test]
    fn an_account_narrows_and_never_widens() {
        let mut some = Vec::new();
        for direct_sign_in in DirectSignIn::ALL {
            for max_life_ms in [None, Some(1), Some(2)] {
                for purposes in [Purposes::ALL, Purposes::of([Purpose::Backup]), Purposes::of([])] {
                    some.push(Policy { direct_sign_in, max_life_ms, purposes });
                }
            }
        }
        let scope = CredentialScope {
            protocols: Protocols::NONE,
            reaches: Vec::new(),
            forgiving: false,
            older_than_ms: None,
            networks: Networks::Any,
            hours: None,
            connections: None,
            sending: SendingScope::default(),
        };
        let (at, expires) = (Timestamp(0), Timestamp(2));
        let backup = Issue { purpose: Purpose::Backup, scope: &scope, has_holder: false, at, starts: None, expires };
        for ours in &some {
            for theirs in &some {
                let both = ours.narrowed_by(*theirs);
                for one in [ours, theirs] {
                    assert!(both.direct_sign_in >= one.direct_sign_in);
                    assert!(one.max_life_ms.is_none_or(|most| both.max_life_ms.is_some_and(|held| held <= most)));
                    assert!(both.purposes.iter().all(|purpose| one.purposes.has(purpose)));
                }
                let may = |policy: &Policy| policy.may_issue(&backup).is_ok();
                assert_eq!(may(&both), may(ours) && may(theirs));
            }
        }
    }

    #[test]
    fn names_read_back() {
        for policy in DirectSignIn::ALL {
            assert_eq!(DirectSignIn::parse(policy.name()), Ok(policy));
        }
        assert!(DirectSignIn::parse("maybe").is_err());
    }
}
