//! Signing in: may this attempt become a session, and whose?
//!
//! The check of the secret is a fact like the others, so that the reasons are complete and
//! the answer is made in one place. Whoever fails is told one text whatever the cause;
//! the causes are for the trail. That TLS is needed may be said, since it is true of every
//! name alike (RFC 4616 section 4, RFC 9051 section 11).

use crate::duty::takes_part;
use crate::{
    AccountFacts, AccountKind, AccountState, Actor, CredentialFacts, DutyFacts, Obstacle, PersonFacts, Protocol,
};
use postern_types::Timestamp;
use std::net::IpAddr;

/// What someone signs in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInMeans<'a> {
    /// A person's password. No person where the name is nobody's, or a shared account's.
    Password {
        /// Who.
        person: Option<PersonFacts>,
    },
    /// A secret of a shared account's credential. No credential where nobody has its id.
    Credential(Option<CredentialSignIn<'a>>),
}

/// A credential that somebody shows the secret of, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialSignIn<'a> {
    /// Which.
    pub facts: &'a CredentialFacts,
    /// Spoken how; nothing where the door is for people alone.
    pub protocol: Option<Protocol>,
    /// From where; nothing on a unix socket.
    pub address: Option<IpAddr>,
    /// When.
    pub now: Timestamp,
}

/// What comparing the secret said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretCheck {
    /// It is the one.
    Matches,
    /// It is not.
    Differs,
    /// There is none to compare with.
    NotSet,
    /// It begins as a credential's does, and none is meant: it is not compared with anything.
    NoPassword,
    /// The key to compare with is missing.
    KeyMissing,
    /// It was not looked at: too many wrong ones came from that network.
    NotLookedAt,
}

impl SecretCheck {
    /// Why a secret that was checked so lets nobody in.
    pub fn against(self) -> Option<SignInReason> {
        match self {
            SecretCheck::Matches => None,
            SecretCheck::Differs => Some(SignInReason::SecretDiffers),
            SecretCheck::NotSet => Some(SignInReason::SecretNotSet),
            SecretCheck::NoPassword => Some(SignInReason::NoPassword),
            SecretCheck::KeyMissing => Some(SignInReason::Credential(Obstacle::KeyMissing)),
            SecretCheck::NotLookedAt => Some(SignInReason::NetworkShut),
        }
    }
}

/// Where sign-in without TLS is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PlaintextSignIn {
    /// Nowhere.
    #[default]
    Never,
    /// From this machine alone.
    Loopback,
}

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transport {
    /// Under TLS.
    pub encrypted: bool,
    /// Between two ends on this machine.
    pub loopback: bool,
    /// What the configuration says.
    pub plaintext: PlaintextSignIn,
}

/// What decides on one attempt.
#[derive(Debug, Clone)]
pub struct SignInFacts<'a> {
    /// With what.
    pub means: SignInMeans<'a>,
    /// What comparing said.
    pub secret: SecretCheck,
    /// How it came.
    pub transport: Transport,
    /// The account that is signed in to: the person's own, or the credential's. Nothing
    /// where the name is nobody's.
    pub account: Option<AccountFacts>,
    /// For `alice@example.org/support@example.org`: Alice's grants on the second account.
    /// Its `account` is nothing where the second name is nobody's.
    pub root: Option<DutyFacts<'a>>,
}

/// Why a sign-in failed, as it may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInDenied {
    /// The connection is not private; true of every name alike.
    #[error("Signing in needs TLS; connect with it and try again")]
    NeedsTls,
    /// Everything else.
    #[error("The name or the password is wrong")]
    Refused,
}

listed! {
    /// What made the verdict, for the trail.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
    pub enum SignInReason {
        /// The password is the person's.
        #[error("the password matches")]
        PasswordMatches,
        /// Neither TLS nor an allowed exception.
        #[error("the connection is not encrypted")]
        NotEncrypted,
        /// Nobody has this name.
        #[error("the name is no person's")]
        NoSuchPerson,
        /// The secret is not the one.
        #[error("the secret is wrong")]
        SecretDiffers,
        /// No secret was ever set.
        #[error("no secret is set")]
        SecretNotSet,
        /// The secret begins as a credential's does, and is not a whole one, or people alone sign in there.
        #[error("it is no whole secret of a credential, or people alone sign in there")]
        NoPassword,
        /// Its network is shut to whoever has not signed in from there lately.
        #[error("too many wrong secrets came from that network, so this one was not looked at")]
        NetworkShut,
        /// The house was too busy to look at the secret.
        #[error("too many others were signing in, so the secret was not looked at")]
        TooBusy,
        /// The person is suspended.
        #[error("the person is suspended")]
        PersonSuspended,
        /// The account is suspended.
        #[error("the account is suspended")]
        AccountSuspended,
        /// The account is removed.
        #[error("the account is removed")]
        AccountRemoved,
        /// The person holds nothing on the account they named after their own.
        #[error("the person is no delegate of the mailbox named after their own")]
        NoDelegateThere,
        /// The name is a shared mailbox's, where no password signs in.
        #[error("the name is a shared mailbox's, which has no password")]
        NoPasswordThere,
        /// The secret is the credential's.
        #[error("the secret matches")]
        SecretMatches,
        /// No credential of the account has the id in the secret: whoever owns one mailbox learns
        /// nothing of another's.
        #[error("that is no credential of this mailbox")]
        NoSuchCredential,
        /// The secret is right, and the name is not that of its mailbox.
        #[error("the name is not that of its mailbox")]
        NameDiffers,
        /// Its scope does not have this protocol.
        #[error("its scope does not have this protocol")]
        ProtocolOutside,
        /// Its scope does not have this network.
        #[error("its scope does not have this network")]
        NetworkOutside,
        /// It has as many sessions as it may.
        #[error("it has as many connections as it may")]
        AllConnectionsTaken,
        /// The facts contradict each other.
        #[error("the facts disagree")]
        FactsDisagree,
    } and {
        /// Something speaks against the credential.
        #[error("{0}")]
        Credential(Obstacle),
    }
}

impl SignInReason {
    /// All of them.
    pub fn all() -> impl Iterator<Item = SignInReason> {
        let stopped = Obstacle::ALL.iter().map(|obstacle| SignInReason::Credential(*obstacle));
        SignInReason::PLAIN.iter().copied().chain(stopped)
    }

    /// From the words of the trail.
    pub fn parse(text: &str) -> Option<SignInReason> {
        SignInReason::all().find(|known| known.to_string() == text)
    }
}

/// The answer to one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInVerdict {
    /// Who acts in the session, or what the other side is told.
    pub outcome: Result<Actor, SignInDenied>,
    /// Every cause, for the trail alone.
    pub reasons: Vec<SignInReason>,
}

/// May this attempt become a session?
pub fn sign_in_verdict(facts: &SignInFacts<'_>) -> SignInVerdict {
    let mut causes = Vec::new();
    let private = facts.transport.encrypted
        || (facts.transport.loopback && facts.transport.plaintext == PlaintextSignIn::Loopback);
    if !private {
        causes.push(SignInReason::NotEncrypted);
    }
    // Of a credential that is not this account's nothing is told, the secret neither.
    if facts.secret == SecretCheck::NotLookedAt || !is_of_another(facts) {
        causes.extend(facts.secret.against());
    }
    match facts.account.map(|account| account.state) {
        Some(AccountState::Suspended) => causes.push(SignInReason::AccountSuspended),
        Some(AccountState::Removed) => causes.push(SignInReason::AccountRemoved),
        Some(AccountState::Active) | None => {}
    }
    let (actor, accepted) = match facts.means {
        SignInMeans::Password { person } => {
            (password_causes(person, facts, &mut causes), SignInReason::PasswordMatches)
        }
        SignInMeans::Credential(shown) => (credential_causes(shown, facts, &mut causes), SignInReason::SecretMatches),
    };
    match actor {
        Some(actor) if causes.is_empty() => SignInVerdict { outcome: Ok(actor), reasons: vec![accepted] },
        _ if !private => SignInVerdict { outcome: Err(SignInDenied::NeedsTls), reasons: causes },
        _ => SignInVerdict { outcome: Err(SignInDenied::Refused), reasons: causes },
    }
}

/// Is what is shown a credential's secret, and none of the account that is named?
fn is_of_another(facts: &SignInFacts<'_>) -> bool {
    match facts.means {
        SignInMeans::Password { .. } => false,
        SignInMeans::Credential(None) => true,
        SignInMeans::Credential(Some(shown)) => {
            let its = |account: AccountFacts| account.id == shown.facts.account && account.kind == AccountKind::Shared;
            !facts.account.is_some_and(its)
        }
    }
}

/// What speaks against a credential's sign-in; the actor it would be. Whoever lacks the secret
/// learns nothing of what else speaks against it, and neither does whoever has it.
fn credential_causes(
    shown: Option<CredentialSignIn<'_>>,
    facts: &SignInFacts<'_>,
    causes: &mut Vec<SignInReason>,
) -> Option<Actor> {
    let Some(CredentialSignIn { facts: credential, protocol, address, now }) = shown else {
        causes.push(SignInReason::NoSuchCredential);
        return None;
    };
    if is_of_another(facts) {
        causes.push(SignInReason::NoSuchCredential);
        return None;
    }
    // A session is of one account: there is nothing to root it at.
    if facts.root.is_some() {
        causes.push(SignInReason::NoDelegateThere);
    }
    if !protocol.is_some_and(|protocol| credential.scope.protocols.has(protocol)) {
        causes.push(SignInReason::ProtocolOutside);
    }
    if !credential.scope.networks.have(address) {
        causes.push(SignInReason::NetworkOutside);
    }
    causes.extend(credential.standing(now).obstacles.into_iter().map(SignInReason::Credential));
    Some(Actor::Credential { id: credential.id, account: credential.account })
}

/// What speaks against a person's password sign-in; the actor it would be.
fn password_causes(
    person: Option<PersonFacts>,
    facts: &SignInFacts<'_>,
    causes: &mut Vec<SignInReason>,
) -> Option<Actor> {
    let Some(person) = person else {
        let is_shared = facts.account.is_some_and(|account| account.kind == AccountKind::Shared);
        causes.push(if is_shared { SignInReason::NoPasswordThere } else { SignInReason::NoSuchPerson });
        return None;
    };
    if !facts.account.is_some_and(|account| crate::mailbox::is_own(person.id, account)) {
        causes.push(SignInReason::FactsDisagree);
    }
    if person.suspended {
        causes.push(SignInReason::PersonSuspended);
    }
    let actor = Actor::Person(person.id);
    if facts.root.as_ref().is_some_and(|root| !takes_part(&actor, root)) {
        causes.push(SignInReason::NoDelegateThere);
    }
    Some(actor)
}
