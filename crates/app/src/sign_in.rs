//! Signing in: the secret is checked in a bounded pool, the verdict is `postern-access`'s,
//! and the write that records the sign-in is the one that accepts it (docs/design.md section 4).

use crate::bearer::{Bearer, Kind, without_secrets};
use crate::directory::View;
use crate::meters::{Present, why_refused};
use crate::session::{Basis, end_of_person};
use crate::{House, Refused, Session};
use postern_access::{Actor, PlaintextSignIn, SecretCheck, SignInDenied, SignInMeans, SignInReason, Transport};
use postern_store::{Caller, FailedSignIn, GateError, NewToken, SignInFacts, StoreError, Tx};
use postern_types::{AccountId, Address, CredentialId, PersonId, Secret, Timestamp};
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// Who is at the other end of a connection, before they say who they are.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Their address; `None` on a unix socket.
    pub address: Option<IpAddr>,
    /// The connection is under TLS.
    pub encrypted: bool,
}

impl Peer {
    /// On this machine: loopback or a unix socket.
    pub fn is_local(&self) -> bool {
        self.address.is_none_or(|address| address.to_canonical().is_loopback())
    }
    /// As the trail shows it.
    pub fn label(&self) -> String {
        self.address.map(|address| address.to_canonical().to_string()).unwrap_or_default()
    }
}

/// An attempt to sign in.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The name as it came: `alice@example.org`, or with the account to root the session at,
    /// `alice@example.org/support@example.org` (`\` separates them too).
    pub username: String,
    /// The secret as it came.
    pub secret: Secret,
    /// Who asks.
    pub peer: Peer,
    /// `imap`, `rest` ...
    pub protocol: &'static str,
    /// `LOGIN`, `PLAIN` ...
    pub mechanism: &'static str,
}

/// Who is let in where somebody asks.
enum Door {
    /// People, and shared mailboxes by a credential of theirs.
    Everybody,
    /// People alone; the write that accepts one keeps the token that they are given.
    People(Option<NewToken>),
}

/// What a failed attempt was about, as far as it is known: the account, and the credential that was
/// named there with what people call it.
pub(crate) type About = (Option<AccountId>, Option<(CredentialId, String)>);

/// A person's, which has no credential.
pub(crate) fn named(facts: &SignInFacts) -> About {
    (facts.account.map(|account| account.id), None)
}

/// Why a sign-in was refused; the texts are all a client hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignInRefused {
    /// Whatever the cause.
    #[error(transparent)]
    Denied(#[from] SignInDenied),
    /// The secret is right, and its credential has as many sessions as it may (RFC 5530 section 3,
    /// LIMIT).
    #[error("This credential has as many connections as it may; close one of them")]
    TooMany,
    /// The house could not check it now (RFC 5530 section 3, UNAVAILABLE).
    #[error("The server could not check that now; please try again")]
    Unavailable,
}

impl House {
    /// Could anybody sign in over this connection? Protocols offer it only then.
    pub fn may_sign_in(&self, peer: &Peer) -> bool {
        peer.encrypted || (peer.is_local() && self.plaintext_sign_in == PlaintextSignIn::Loopback)
    }

    /// Signs a person in. A refusal is answered at one fixed time after the attempt began,
    /// whatever its cause, and no thread waits for that.
    pub async fn sign_in(&self, attempt: Attempt) -> Result<Session, SignInRefused> {
        self.in_time(self.try_sign_in(attempt, Door::Everybody)).await
    }

    /// The same where people alone are let in: the secret of a shared mailbox is a wrong password there.
    pub async fn sign_in_in_person(&self, attempt: Attempt) -> Result<Session, SignInRefused> {
        self.in_time(self.try_sign_in(attempt, Door::People(None))).await
    }

    /// The same for a person who is given a token in place of a connection: the write that
    /// accepts the sign-in keeps it.
    pub(crate) async fn sign_in_for(&self, attempt: Attempt, token: NewToken) -> Result<Session, SignInRefused> {
        self.in_time(self.try_sign_in(attempt, Door::People(Some(token)))).await
    }

    /// Answers a refusal at its time, whatever was done until then.
    pub(crate) async fn in_time<T, E>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        refused_after(Duration::from_millis(self.limits.failure_deadline_ms), work).await
    }

    async fn try_sign_in(&self, attempt: Attempt, door: Door) -> Result<Session, SignInRefused> {
        let (name, root) = split(&attempt.username);
        let address = address_or_nobody(name)?;
        let token = match door {
            Door::People(token) => token,
            Door::Everybody => {
                if let Some(secret) = Bearer::parse(Kind::Credential, &attempt.secret) {
                    return self.try_direct(attempt.clone(), address, root.is_some(), secret).await;
                }
                None
            }
        };
        let root = root.map(address_or_nobody).transpose()?;
        let wanted = address.clone();
        let read = self.read_attempt(&attempt.peer, move |tx, network| {
            let root = match &root {
                Some(root) => Some(tx.account_at(root)?.unwrap_or_else(Tx::no_account)),
                None => None,
            };
            tx.sign_in_facts_from(&wanted, root, network)
        });
        let facts = read.await.map_err(unavailable)?;
        let secret = self.check_secret(&attempt, &facts).await?;
        let verdict = postern_access::sign_in_verdict(&postern_access::SignInFacts {
            means: SignInMeans::Password { person: facts.person },
            secret,
            transport: self.transport(&attempt.peer),
            account: facts.account,
            root: facts.root_duty(),
        });
        match verdict.outcome {
            Ok(Actor::Person(person)) => self.accept(attempt, address, person, facts, token).await,
            Ok(_) => Err(SignInDenied::Refused.into()),
            Err(denied) => {
                self.note_failure(&attempt, named(&facts), &verdict.reasons).await;
                Err(denied.into())
            }
        }
    }

    pub(crate) fn transport(&self, peer: &Peer) -> Transport {
        Transport { encrypted: peer.encrypted, loopback: peer.is_local(), plaintext: self.plaintext_sign_in }
    }

    /// Looks at the secret, unless too many wrong ones came from around there; a wrong one counts.
    pub(crate) async fn check_secret(
        &self,
        attempt: &Attempt,
        facts: &SignInFacts,
    ) -> Result<SecretCheck, SignInRefused> {
        let Some(lane) = self.before(attempt, facts.account, facts.network.as_ref()) else {
            return Ok(SecretCheck::NotLookedAt);
        };
        let verifier = facts.password.as_ref().map(|(_, verifier, _)| verifier.clone());
        let known = verifier.is_some();
        // Nobody has such a password, so nothing is hashed: decided without a look at the name, for
        // whoever shows it would else be told whose has one, by the time or by a queue that is full.
        if Kind::Credential.begins(&attempt.secret) {
            self.after_failure(attempt).await;
            return Ok(SecretCheck::NoPassword);
        }
        let Ok(fits) = self.passwords.verify(lane, attempt.secret.clone(), verifier).await else {
            self.note_failure(attempt, named(facts), &[SignInReason::TooBusy]).await;
            return Err(SignInRefused::Unavailable);
        };
        if fits {
            return Ok(SecretCheck::Matches);
        }
        self.after_failure(attempt).await;
        Ok(if known { SecretCheck::Differs } else { SecretCheck::NotSet })
    }

    async fn accept(
        &self,
        attempt: Attempt,
        address: Address,
        person: PersonId,
        facts: SignInFacts,
        token: Option<NewToken>,
    ) -> Result<Session, SignInRefused> {
        let origin = self
            .origin(attempt.protocol, attempt.peer.label(), address.to_string())
            .map_err(|_| SignInRefused::Unavailable)?;
        let caller = Caller::new(Actor::Person(person), origin);
        // The session listens before the write commits, so no notice can fall between.
        let root = facts.root.as_ref().map(|root| root.id);
        let watch = self.hub.sign_in([person.account()].into_iter().chain(root));
        let view = View { account: root.unwrap_or(person.account()), rooted: root.is_some() };
        let (writer, checked, mechanism) = (caller.clone(), facts.clone(), attempt.mechanism);
        let write = move |tx: &Tx<'_>| -> Result<bool, GateError> {
            match &token {
                Some(token) => tx.accept_login(&writer, &checked, mechanism, token),
                None => tx.accept_sign_in(&writer, &checked, mechanism),
            }
        };
        let accepted = self.db.write(write).await;
        match accepted {
            Ok(true) => {
                let present = self.count_accepted(attempt.protocol, "person");
                Ok(Session::new(caller, view, address, Basis::Person(Box::new(facts)), watch, present))
            }
            Ok(false) => {
                self.note_failure(&attempt, named(&facts), &[SignInReason::FactsDisagree]).await;
                Err(SignInDenied::Refused.into())
            }
            Err(error) => {
                tracing::error!(event = "sign-in.failed-to-record", %error);
                Err(SignInRefused::Unavailable)
            }
        }
    }

    /// A sign-in was accepted; its session is counted while it lasts.
    pub(crate) fn count_accepted(&self, protocol: &'static str, who: &'static str) -> Present<1> {
        self.meters.accepted.add([protocol, who], 1);
        self.meters.sessions.enter([protocol])
    }

    /// The true reason goes to the trail; a trail that can not be written does not make a
    /// refusal into anything else. Of a storm most are counted there and have no row of their own.
    pub(crate) async fn note_failure(&self, attempt: &Attempt, (account, named): About, reasons: &[SignInReason]) {
        self.meters.refused.add([attempt.protocol, why_refused(reasons)], 1);
        if !self.has_row(attempt) {
            return;
        }
        let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        let reason = reasons.join("; ");
        let how = postern_store::how(attempt.mechanism, split(&attempt.username).1.is_some());
        let username = without_secrets(&attempt.username);
        let (credential, label) = named.unzip();
        let origin = self.origin(attempt.protocol, attempt.peer.label(), label.unwrap_or_default());
        let Ok(origin) = origin else { return };
        // Behind the writes of those who are let in: a storm of failures is not their burden.
        let noted = self.db.write_bulk(move |tx: &Tx<'_>| {
            let (how, reason, username) = (&how, &reason, &username);
            tx.record_failed_sign_in(&origin, &FailedSignIn { account, credential, how, reason, username })
        });
        let noted = noted.await;
        if let Err(error) = noted {
            tracing::error!(event = "sign-in.failure-not-recorded", %error);
        }
    }

    /// Does the session's sign-in still hold? Cheap while nothing was heard about its
    /// person: protocols ask at every command.
    pub async fn check_session(&self, session: &Session) -> Result<(), Refused> {
        if !session.is_doubtful(self.db.now()) {
            return Ok(());
        }
        match &session.basis {
            Basis::Person(checked) => self.check_person(session, checked).await,
            Basis::Direct { checked, .. } => self.check_direct(session, checked).await,
        }
    }

    async fn check_person(&self, session: &Session, checked: &SignInFacts) -> Result<(), Refused> {
        let address = session.address.clone();
        let root = checked.root.as_ref().map(|root| root.id);
        let now = self.db.read(move |tx: &Tx<'_>| tx.sign_in_facts(&address, root)).await?;
        let password = |facts: &SignInFacts| facts.password.as_ref().map(|(id, _, epoch)| (*id, *epoch));
        let suspended = now.person.is_none_or(|person| person.suspended);
        let root_holds = now.person.is_some_and(|person| now.root_holds(person.id));
        let same = password(&now) == password(checked) && now.account == checked.account;
        if suspended || !root_holds || !same {
            return Err(Refused::Ended);
        }
        session.holds(end_of_person(&now));
        Ok(())
    }

    /// How long until something ends by itself that this session rests on: its sign-in, or, where
    /// a mailbox is selected, what is held there until `end`. Nobody is told then, so whoever
    /// waits looks again.
    pub fn next_end(&self, session: &Session, end: Option<Timestamp>) -> Duration {
        let end = end.map_or(session.holds_until(), |end| end.min(session.holds_until()));
        Duration::from_millis(u64::try_from(end.0.saturating_sub(self.db.now().0)).unwrap_or_default())
    }
}

/// What is refused is refused so long after it began, however soon that was known.
async fn refused_after<T, E>(time: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let deadline = Instant::now() + time;
    let outcome = work.await;
    if outcome.is_err() {
        tokio::time::sleep_until(deadline).await;
    }
    outcome
}

/// The name of who signs in, and of the account they name after their own, split at the first
/// separator. Our addresses hold neither of them; a quoted local part may be written with a `\`
/// (RFC 5321 section 4.1.2), so what is one address is not split.
fn split(username: &str) -> (&str, Option<&str>) {
    if Address::parse(username).is_ok() {
        return (username, None);
    }
    match username.find(['/', '\\']) {
        Some(at) => (&username[..at], Some(&username[at + 1..])),
        None => (username, None),
    }
}

/// The name alone of who signs in, whatever they name after it and however it is written.
pub(crate) fn own_name(username: &str) -> String {
    split(username).0.to_ascii_lowercase()
}

/// A name that is no address is looked up as one that nobody has, at the same cost.
fn address_or_nobody(name: &str) -> Result<Address, SignInRefused> {
    Address::parse(name).or_else(|_| Address::parse("nobody@invalid")).map_err(|_| SignInRefused::Unavailable)
}

pub(crate) fn unavailable(error: StoreError) -> SignInRefused {
    tracing::error!(event = "sign-in.failed-to-read", %error);
    SignInRefused::Unavailable
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Law 4: a name that nobody has, a wrong password and a suspended person take the same time.
    #[tokio::test(start_paused = true)]
    async fn every_refusal_comes_at_one_moment() {
        const DEADLINE: Duration = Duration::from_millis(2_000);
        for (known_after, refused) in [(0, true), (1, true), (300, true), (1_999, true), (300, false)] {
            let began = Instant::now();
            let work = async {
                tokio::time::sleep(Duration::from_millis(known_after)).await;
                if refused { Err(()) } else { Ok(()) }
            };
            assert_eq!(refused_after(DEADLINE, work).await.is_err(), refused);
            let expected = if refused { DEADLINE } else { Duration::from_millis(known_after) };
            assert_eq!(began.elapsed(), expected, "known after {known_after} ms");
        }
    }

    #[test]
    fn a_name_is_split_at_the_first_separator_unless_it_is_one_address() {
        assert_eq!(split("alice@example.org"), ("alice@example.org", None));
        let (alice, support) = ("alice@example.org", "support@example.org");
        assert_eq!(split("alice@example.org/support@example.org"), (alice, Some(support)));
        assert_eq!(split("alice@example.org\\support@example.org"), (alice, Some(support)));
        assert_eq!(split("alice@example.org/a/b"), (alice, Some("a/b")));
        assert_eq!(split("\"ali\\ce\"@example.org"), ("\"ali\\ce\"@example.org", None));
        assert_eq!(split("/"), ("", Some("")));
    }
}
