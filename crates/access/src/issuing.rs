//! Issuing: what purpose and policy have to say of a credential before there is one.
//!
//! Whoever issues gives no letter that they do not hold, which is a rule of every gift
//! (`giving`); what stands here holds whoever asks.

use crate::{CredentialScope, DirectSignIn, Policy, Purpose, Purposes};
use postern_types::{Letter, Timestamp, length};

const DAY_MS: i64 = 24 * 3600 * 1000;

/// A credential that is to be issued.
#[derive(Debug, Clone, Copy)]
pub struct Issue<'a> {
    /// What for.
    pub purpose: Purpose,
    /// What it may be used for.
    pub scope: &'a CredentialScope,
    /// Is somebody named who uses it?
    pub has_holder: bool,
    /// When it is issued.
    pub at: Timestamp,
    /// From when on it signs in.
    pub starts: Option<Timestamp>,
    /// When it ends.
    pub expires: Timestamp,
}

impl Policy {
    /// May it be issued now, by whoever manages credentials?
    pub fn may_issue(&self, issue: &Issue<'_>) -> Result<(), IssueDenied> {
        let purpose = issue.purpose;
        match self.direct_sign_in {
            DirectSignIn::Blocked => return Err(IssueDenied::Blocked),
            DirectSignIn::ByApproval => return Err(IssueDenied::ByApproval),
            DirectSignIn::Allowed => {}
        }
        if !self.purposes.has(purpose) {
            return Err(IssueDenied::Purpose { purpose, allowed: self.purposes });
        }
        match (purpose.has_holder(), issue.has_holder) {
            (true, false) => return Err(IssueDenied::NoHolder(purpose)),
            (false, true) => return Err(IssueDenied::HasHolder(purpose)),
            _ => {}
        }
        if issue.scope.letters().has(Letter::Administer) {
            return Err(IssueDenied::Administers);
        }
        self.may_last(issue)
    }

    fn may_last(&self, issue: &Issue<'_>) -> Result<(), IssueDenied> {
        let starts = issue.starts.unwrap_or(issue.at).max(issue.at);
        let by_policy = self.max_life_ms.map(|life| issue.at.plus_ms(life));
        if by_policy.is_some_and(|latest| latest <= starts) {
            return Err(IssueDenied::StartsTooLate);
        }
        if issue.expires <= issue.at {
            return Err(IssueDenied::HasPassed);
        }
        if issue.expires <= starts {
            return Err(IssueDenied::EndsBefore);
        }
        let days = issue.purpose.template().most_days;
        if issue.expires > starts.plus_ms(days * DAY_MS) {
            return Err(IssueDenied::TooLong { purpose: issue.purpose, days });
        }
        match self.max_life_ms {
            Some(life_ms) if issue.expires > issue.at.plus_ms(life_ms) => Err(IssueDenied::PolicyLife { life_ms }),
            _ => Ok(()),
        }
    }
}

/// Why no such credential is issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IssueDenied {
    /// It is blocked.
    #[error(
        "Direct sign-in is blocked here by policy, so a credential would open nothing; make the people who need the \
         mailbox its delegates, or ask an administrator to allow it"
    )]
    Blocked,
    /// It needs an approval, and there are none yet.
    #[error(
        "Policy asks for an approval before a credential is issued here, and approvals are not built yet; make the \
         people who need the mailbox its delegates, or ask an administrator to allow issuing"
    )]
    ByApproval,
    /// Not for this.
    #[error("Policy allows no credential for {purpose} here; it allows {}", named(*.allowed))]
    Purpose {
        /// What for.
        purpose: Purpose,
        /// What there may be one for.
        allowed: Purposes,
    },
    /// Somebody uses it, and nobody is named.
    #[error("A credential for {0} is used by somebody: name its holder")]
    NoHolder(Purpose),
    /// A program uses it, and somebody is named.
    #[error("A credential for {0} is used by a program: it has an owner and no holder")]
    HasHolder(Purpose),
    /// It would give access to others.
    #[error("No credential has the letter a: who may do what is managed by people, signed in as themselves")]
    Administers,
    /// Its end is not to come.
    #[error("Its end has passed; give it a later one")]
    HasPassed,
    /// Nothing of its life is left.
    #[error("It would end before it starts; give it a later end")]
    EndsBefore,
    /// By policy nothing of its life is left when it starts.
    #[error("By policy it would end before it starts, for its life counts from now; issue it later")]
    StartsTooLate,
    /// Longer than its purpose needs.
    #[error("A credential for {purpose} lasts {days} days at most")]
    TooLong {
        /// What for.
        purpose: Purpose,
        /// How long at most.
        days: i64,
    },
    /// Longer than policy allows.
    #[error("Policy lets a credential last {} from its issue at most here; give it an earlier end", length(*.life_ms / 1000))]
    PolicyLife {
        /// How long at most, in milliseconds.
        life_ms: i64,
    },
}

fn named(purposes: Purposes) -> String {
    if purposes.iter().next().is_none() { "none at all".to_owned() } else { purposes.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Networks, Reach, SendingScope};
    use postern_types::Rights;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn scope(rights: Rights) -> CredentialScope {
        CredentialScope {
            protocols: Purpose::Backup.template().protocols,
            reaches: vec![(Reach::Account, rights)],
            forgiving: false,
            older_than_ms: None,
            networks: Networks::Any,
            hours: None,
            connections: None,
            sending: SendingScope::default(),
        }
    }

    /// Each fault alone is one, and said.
    #[test]
    fn each_rule_refuses_by_itself() {
        let (reads, manages) = (scope(Rights::READER), scope(Rights::ALL));
        let good = Issue {
            purpose: Purpose::Backup,
            scope: &reads,
            has_holder: false,
            at: NOW,
            starts: None,
            expires: NOW.plus_ms(DAY_MS),
        };
        let open = Policy::default();
        assert_eq!(open.may_issue(&good), Ok(()));
        let of = |purpose, has_holder| Issue { purpose, has_holder, ..good };
        assert_eq!(open.may_issue(&of(Purpose::Client, false)), Err(IssueDenied::NoHolder(Purpose::Client)));
        assert_eq!(open.may_issue(&of(Purpose::Backup, true)), Err(IssueDenied::HasHolder(Purpose::Backup)));
        assert_eq!(open.may_issue(&Issue { scope: &manages, ..good }), Err(IssueDenied::Administers));
        assert_eq!(open.may_issue(&Issue { expires: NOW, ..good }), Err(IssueDenied::HasPassed));
        let late = Issue { expires: NOW.plus_ms(15 * DAY_MS), ..of(Purpose::Migration, false) };
        assert_eq!(open.may_issue(&late), Err(IssueDenied::TooLong { purpose: Purpose::Migration, days: 14 }));
        for (direct_sign_in, denied) in
            [(DirectSignIn::Blocked, IssueDenied::Blocked), (DirectSignIn::ByApproval, IssueDenied::ByApproval)]
        {
            assert_eq!(Policy { direct_sign_in, ..open }.may_issue(&good), Err(denied));
        }
        let none = Policy { purposes: Purposes::of([]), ..open }.may_issue(&good);
        assert!(none.unwrap_err().to_string().ends_with("none at all"));
    }

    #[test]
    fn a_life_counts_from_the_issue_by_policy_and_from_the_start_by_purpose() {
        let reads = scope(Rights::READER);
        let life = |starts: Option<i64>, expires: i64| Issue {
            purpose: Purpose::Migration,
            scope: &reads,
            has_holder: false,
            at: NOW,
            starts: starts.map(|start| NOW.plus_ms(start)),
            expires: NOW.plus_ms(expires),
        };
        let (open, short) = (Policy::default(), Policy { max_life_ms: Some(DAY_MS), ..Policy::default() });
        assert_eq!(open.may_issue(&life(Some(DAY_MS), 15 * DAY_MS)), Ok(()));
        assert_eq!(short.may_issue(&life(Some(1), DAY_MS)), Ok(()));
        let too_long = short.may_issue(&life(None, DAY_MS + 1)).unwrap_err();
        assert_eq!(too_long, IssueDenied::PolicyLife { life_ms: DAY_MS });
        assert!(too_long.to_string().contains("last 1 day from"), "{too_long}");
        assert_eq!(short.may_issue(&life(Some(DAY_MS), 2 * DAY_MS)), Err(IssueDenied::StartsTooLate));
    }
}
