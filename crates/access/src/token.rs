//! Tokens: which part of what its person may a bearer token lets through.
//!
//! A token is a person's and gives nothing of its own: the question is first put about the
//! person, as if no token were there, and the role takes away from the answer. So whoever
//! steals a token never has more than its person, and what is hidden from the person is
//! hidden from the token too. No token opens a mailbox: it administers, and mail is read by
//! signing in to a mail protocol (docs/decisions/0013-tokens.md).

use crate::{AccountKind, Actor, Denied, Duty, DutyFacts, PersonFacts, Policy, duty_verdict};
use std::fmt;

/// How much a token lets through. Except for [`TokenRole::Login`] the person chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenRole {
    /// Got by the password just now: everything that its person may.
    Login,
    /// Everything but what would outlast it: it makes no further token, no credential and no
    /// administrator, sets no password, lets nobody back and loosens no policy, and, as every role that
    /// is chosen, it gives nobody a way into a person's own account.
    Admin,
    /// What a delegate may do on the accounts they own; that they administer the
    /// organisation does not count.
    Owner,
    /// Reads who may do what, and who did: changes nothing.
    Auditor,
}

/// A word that is no role of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role of a token; the roles are admin, owner, auditor")]
pub struct TokenRoleError(pub String);

impl TokenRole {
    /// All of them, in the order of the matrix.
    pub const ALL: [TokenRole; 4] = [TokenRole::Login, TokenRole::Admin, TokenRole::Owner, TokenRole::Auditor];

    /// Its name in REST, the trail and the database.
    pub fn name(self) -> &'static str {
        match self {
            TokenRole::Login => "login",
            TokenRole::Admin => "admin",
            TokenRole::Owner => "owner",
            TokenRole::Auditor => "auditor",
        }
    }

    /// From its name, as the database keeps it.
    pub fn of_name(name: &str) -> Option<TokenRole> {
        TokenRole::ALL.into_iter().find(|role| role.name() == name)
    }

    /// One that a person may choose; a login is made by signing in alone.
    pub fn parse(name: &str) -> Result<TokenRole, TokenRoleError> {
        let chosen = TokenRole::of_name(&name.trim().to_ascii_lowercase()).filter(|role| *role != TokenRole::Login);
        chosen.ok_or_else(|| TokenRoleError(name.to_owned()))
    }

    /// The duties it lets through. On a person's own account only a login gives: what is private
    /// is opened to others by somebody who has shown a password, not by a program.
    pub fn lets_through_on(self, duty: Duty, account: Option<AccountKind>) -> bool {
        let gives = duty == Duty::ManageGrants;
        let is_private = account == Some(AccountKind::Person);
        self.lets_through(duty) && (self == TokenRole::Login || !(gives && is_private))
    }

    /// The duties it lets through somewhere.
    pub fn lets_through(self, duty: Duty) -> bool {
        match self {
            TokenRole::Login => true,
            TokenRole::Admin => !matches!(
                duty,
                Duty::ManageSelf
                    | Duty::ManageAdministrators
                    | Duty::ManageCredentials
                    | Duty::CheckOut
                    | Duty::SetPasswords
                    | Duty::Resume
                    | Duty::OpenPrivate
            ),
            TokenRole::Owner => matches!(
                duty,
                Duty::ReadAccount
                    | Duty::ReadGrants
                    | Duty::ManageGrants
                    | Duty::ManageQueue
                    | Duty::Revoke
                    | Duty::ReadAudit
            ),
            TokenRole::Auditor => {
                matches!(duty, Duty::ReadAccount | Duty::ReadGrants | Duty::ReadAudit | Duty::ReadOrganisation)
            }
        }
    }

    /// Does it let a policy become another one? A token that was made takes back and lets nobody in, so
    /// by it a policy becomes stricter alone.
    pub fn lets_policy_become(self, before: &Policy, after: &Policy) -> bool {
        self == TokenRole::Login || self.lets_through(Duty::ManagePolicy) && before.narrowed_by(*after) == *after
    }

    /// Is it for a login alone, whatever role a person chooses?
    pub(crate) fn is_by_login_alone(duty: Duty) -> bool {
        !TokenRole::ALL.into_iter().any(|role| role != TokenRole::Login && role.lets_through(duty))
    }

    /// The person as judged through the token.
    pub fn person(self, person: PersonFacts) -> PersonFacts {
        PersonFacts { admin: person.admin && self != TokenRole::Owner, ..person }
    }
}

impl fmt::Display for TokenRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// May `actor`, who came with a token of this role, do `duty`? Without a token it is
/// [`duty_verdict`]. `facts` are those of the person, not narrowed.
pub fn duty_verdict_through(
    token: Option<TokenRole>,
    actor: &Actor,
    duty: Duty,
    facts: &DutyFacts<'_>,
) -> Result<(), Denied> {
    duty_verdict(actor, duty, facts)?;
    let Some(role) = token else { return Ok(()) };
    let narrow = DutyFacts { person: facts.person.map(|person| role.person(person)), ..facts.clone() };
    match duty_verdict(actor, duty, &narrow) {
        Ok(()) if role.lets_through_on(duty, facts.account.map(|account| account.kind)) => Ok(()),
        // What the person sees by their office alone is not there for a token without it:
        // whoever found one learns no address by asking.
        Err(Denied::Hidden) => Err(Denied::Hidden),
        // The person may, and may know that they may: what is left to say is that the token does not.
        _ => Err(Denied::TokenTooNarrow { duty }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DirectSignIn, Purpose, Purposes};

    #[test]
    fn a_login_is_no_role_to_choose() {
        assert_eq!(TokenRole::parse(" Owner "), Ok(TokenRole::Owner));
        assert!(TokenRole::parse("login").is_err() && TokenRole::parse("").is_err());
        assert_eq!(TokenRole::of_name("login"), Some(TokenRole::Login));
    }

    #[test]
    fn a_made_token_makes_policy_stricter_alone() {
        let open = Policy::default();
        let blocked = Policy { direct_sign_in: DirectSignIn::Blocked, ..open };
        let short = Policy { max_life_ms: Some(1), ..open };
        let backups = Policy { purposes: Purposes::of([Purpose::Backup]), ..open };
        for stricter in [blocked, short, backups] {
            for (role, may) in [(TokenRole::Admin, true), (TokenRole::Owner, false), (TokenRole::Auditor, false)] {
                assert_eq!(role.lets_policy_become(&open, &stricter), may, "{role}");
                assert!(!role.lets_policy_become(&stricter, &open), "{role}");
            }
            assert!(TokenRole::Login.lets_policy_become(&stricter, &open));
        }
        assert!(!TokenRole::Admin.lets_policy_become(&short, &blocked), "one narrower, the other wider");
        assert!(TokenRole::Admin.lets_policy_become(&short, &short));
    }

    /// Each role is within the one before it, but for what only the organisation's reader sees.
    #[test]
    fn a_role_changes_nothing_that_an_auditor_does_not_need() {
        let through = |role: TokenRole| Duty::ALL.into_iter().filter(move |duty| role.lets_through(*duty));
        assert!(through(TokenRole::Admin).all(|duty| TokenRole::Login.lets_through(duty)));
        assert!(through(TokenRole::Owner).all(|duty| TokenRole::Admin.lets_through(duty)));
        assert!(through(TokenRole::Auditor).all(|duty| duty.name().starts_with("read-")));
    }
}
