//! Signing in directly: a shared mailbox's own credential, checked with a key outside the
//! database in a microsecond, so that a storm of attempts is no denial of service.
//!
//! Every protocol comes here by [`crate::House::sign_in`]: the secret says that it is a
//! credential's, and who shows it is answered as anybody is.

use crate::bearer::Bearer;
use crate::directory::View;
use crate::live::{LiveSession, Seat};
use crate::session::{Basis, end_of_direct};
use crate::sign_in::{About, unavailable};
use crate::{Attempt, House, Refused, Session, SignInRefused};
use postern_access::{
    CredentialSignIn, DutyFacts, Protocol, SecretCheck, SignInDenied, SignInMeans, SignInReason, sign_in_verdict,
};
use postern_store::{Caller, DirectFacts, GateError, KnownCredential, Tx};
use postern_types::{Address, Secret};

impl House {
    /// Signs a credential in. `is_rooted` where a second name came with it, which none may have.
    pub(crate) async fn try_direct(
        &self,
        attempt: Attempt,
        address: Address,
        is_rooted: bool,
        secret: Bearer,
    ) -> Result<Session, SignInRefused> {
        let (wanted, public_id) = (address.clone(), secret.public_id());
        let read = self.read_attempt(&attempt.peer, move |tx, network| tx.direct_facts(&wanted, &public_id, network));
        let facts = read.await.map_err(unavailable)?;
        let check = match self.before(&attempt, facts.account, facts.network.as_ref()) {
            // It takes a microsecond, so nobody waits for it in any lane.
            Some(_) => self.check_machine(&secret, facts.credential.as_ref()),
            None => SecretCheck::NotLookedAt,
        };
        // One that was right once is no guess, whatever else speaks against it.
        if check == SecretCheck::Differs {
            self.after_failure(&attempt).await;
        }
        let reasons = self.reasons_against(&attempt, is_rooted, &facts, check);
        match (&facts.credential, reasons.is_empty()) {
            (Some(known), true) => {
                let known = known.clone();
                self.accept_direct(attempt, address, known, facts, &secret).await
            }
            _ => {
                // Whoever shows a right secret by another name means its mailbox: its owners hear of it.
                match misnamed(&facts, check) {
                    Some(about) => {
                        let reasons = self.reasons_at_home(&attempt, &facts).await;
                        self.note_failure(&attempt, about, &reasons).await;
                    }
                    None => self.note_failure(&attempt, known_by(&facts), &reasons).await,
                }
                let is_private = self.may_sign_in(&attempt.peer);
                Err(if is_private { SignInDenied::Refused } else { SignInDenied::NeedsTls }.into())
            }
        }
    }

    /// Does the secret fit? Something is compared where there is nothing to fit, too.
    fn check_machine(&self, secret: &Bearer, known: Option<&KnownCredential>) -> SecretCheck {
        let newest = self.keys.newest();
        let (key, verifier) = match (known, &newest) {
            (Some(known), _) => (known.key_id.as_str(), known.verifier.clone()),
            (None, Some(newest)) => (newest.name(), Secret::new([0; 32])),
            (None, None) => ("", Secret::new([0; 32])),
        };
        if secret.fits_with(&self.keys, key, &verifier) {
            return SecretCheck::Matches;
        }
        if known.is_some_and(|known| !self.keys.has(&known.key_id)) {
            SecretCheck::KeyMissing
        } else {
            SecretCheck::Differs
        }
    }

    /// Everything that speaks against an attempt; nothing where it may become a session.
    fn reasons_against(
        &self,
        attempt: &Attempt,
        is_rooted: bool,
        facts: &DirectFacts,
        secret: SecretCheck,
    ) -> Vec<SignInReason> {
        let protocol = Protocol::parse(attempt.protocol).ok();
        let shown = facts.credential.as_ref().map(|known| CredentialSignIn {
            facts: &known.facts,
            protocol,
            address: attempt.peer.address,
            now: facts.at,
        });
        let verdict = sign_in_verdict(&postern_access::SignInFacts {
            means: SignInMeans::Credential(shown),
            secret,
            transport: self.transport(&attempt.peer),
            account: facts.account,
            root: is_rooted.then_some(DutyFacts { account: None, person: None, grants: &[], now: facts.at }),
        });
        if verdict.outcome.is_ok() { Vec::new() } else { verdict.reasons }
    }

    async fn accept_direct(
        &self,
        attempt: Attempt,
        address: Address,
        known: KnownCredential,
        facts: DirectFacts,
        secret: &Bearer,
    ) -> Result<Session, SignInRefused> {
        let origin = self
            .origin(attempt.protocol, attempt.peer.label(), known.label())
            .map_err(|_| SignInRefused::Unavailable)?;
        let Some(seat) = self.seat(&attempt, &known, origin.session) else {
            self.note_failure(&attempt, known_by(&facts), &[SignInReason::AllConnectionsTaken]).await;
            return Err(SignInRefused::TooMany);
        };
        let (actor, held) = Tx::direct_actor(&known);
        let caller = Caller::new(actor, origin).with(held);
        // The session listens before the write commits, so no notice can fall between.
        let account = known.facts.account;
        let answering = known.owner.iter().chain(&known.holder).map(|person| person.account());
        let watch = self.hub.sign_in([account].into_iter().chain(answering));
        let newest = self.keys.newest().filter(|key| key.name() != known.key_id);
        let moves_to = newest.map(|key| {
            let verifier = Secret::new(key.sign(secret.message().expose()).as_ref());
            (key, verifier)
        });
        let (writer, checked, mechanism) = (caller.clone(), facts.clone(), attempt.mechanism);
        let write = move |tx: &Tx<'_>| -> Result<bool, GateError> {
            // The key is held until this is committed, whoever waits for it.
            let moves_to = moves_to.as_ref().map(|(key, verifier)| (key.name(), verifier));
            tx.accept_direct(&writer, &checked, mechanism, moves_to)
        };
        let accepted = self.db.write(write).await;
        match accepted {
            Ok(true) => {
                let view = View { account, rooted: true };
                let present = self.count_accepted(attempt.protocol, "credential");
                let basis = Basis::Direct { checked: Box::new(facts), _seat: seat };
                Ok(Session::new(caller, view, address, basis, watch, present))
            }
            Ok(false) | Err(GateError::Ended) => {
                let reasons = self.reasons_by_now(&attempt, &facts).await;
                self.note_failure(&attempt, known_by(&facts), &reasons).await;
                Err(SignInDenied::Refused.into())
            }
            Err(error) => {
                tracing::error!(event = "sign-in.failed-to-record", %error);
                Err(SignInRefused::Unavailable)
            }
        }
    }

    /// What speaks against an attempt that was good when its secret was checked, and not any more
    /// when it was to be accepted.
    async fn reasons_by_now(&self, attempt: &Attempt, before: &DirectFacts) -> Vec<SignInReason> {
        let again = before.clone();
        let now = self.db.read(move |tx: &Tx<'_>| tx.direct_facts_again(&again)).await;
        let reasons =
            now.map(|now| self.reasons_against(attempt, false, &now, SecretCheck::Matches)).unwrap_or_default();
        if reasons.is_empty() { vec![SignInReason::FactsDisagree] } else { reasons }
    }

    /// What speaks against a right secret that was shown by another name: that, and all that would by the
    /// right one.
    async fn reasons_at_home(&self, attempt: &Attempt, facts: &DirectFacts) -> Vec<SignInReason> {
        let shown = facts.clone();
        let there = self.db.read(move |tx: &Tx<'_>| tx.direct_facts_at_home(&shown)).await;
        let more = there.map(|there| self.reasons_against(attempt, false, &there, SecretCheck::Matches));
        std::iter::once(SignInReason::NameDiffers).chain(more.unwrap_or_default()).collect()
    }

    fn seat(&self, attempt: &Attempt, known: &KnownCredential, number: u64) -> Option<Seat> {
        let session = LiveSession { number, protocol: attempt.protocol, peer: attempt.peer.label(), since: self.now() };
        self.live.take(known.facts.id, known.facts.scope.connections, session)
    }

    /// Does a direct session's sign-in still hold?
    pub(crate) async fn check_direct(&self, session: &Session, checked: &DirectFacts) -> Result<(), Refused> {
        let before = checked.clone();
        let now = self.db.read(move |tx: &Tx<'_>| tx.direct_facts_again(&before)).await?;
        if !checked.still_holds(&now) {
            return Err(Refused::Ended);
        }
        session.holds(end_of_direct(&now));
        Ok(())
    }
}

/// What an attempt was about, for the trail: its mailbox, and the credential that it named there.
/// Of another mailbox's the owners of this one learn nothing.
fn known_by(facts: &DirectFacts) -> About {
    let here = facts.account.map(|account| account.id);
    let credential = facts.credential.as_ref().filter(|known| Some(known.facts.account) == here);
    (here, credential.map(|known| (known.facts.id, known.label())))
}

/// The credential that a right secret is of, where it was shown by another name than its mailbox's.
fn misnamed(facts: &DirectFacts, check: SecretCheck) -> Option<About> {
    let known = facts.credential.as_ref().filter(|_| check == SecretCheck::Matches)?;
    let is_named = facts.account.is_some_and(|account| account.id == known.facts.account);
    (!is_named).then(|| (Some(known.facts.account), Some((known.facts.id, known.label()))))
}
