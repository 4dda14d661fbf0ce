//! What the house counts for whoever watches over it: sums since it was opened, and what is open
//! now. Never who: names, addresses and subjects stay out, so that a dashboard may be shown to
//! people who may not read the trail.
//!
//! Labels are words of the program and few, so what is kept has a bound.

use crate::delivery::DeliveryError;
use crate::{House, Refused};
use postern_access::{Job, SignInReason};
use postern_store::{Backlog, Caller, DbCounters, GateError, Latencies, RunQueue, Tx, schema_version};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A database that takes longer is as good as away: whoever asks comes again soon.
const PATIENCE: Duration = Duration::from_secs(5);
/// Protocols that people and credentials sign in by.
const PROTOCOLS: [&str; 3] = ["imap", "rest", "submission"];

/// Numbers by the words that tell them apart.
#[derive(Debug)]
pub struct Counts<const WORDS: usize>(Mutex<BTreeMap<[&'static str; WORDS], u64>>);

impl<const WORDS: usize> Default for Counts<WORDS> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<const WORDS: usize> Counts<WORDS> {
    /// Counts that are there from the beginning, as 0: of what appears with its first event, nobody
    /// sees that it rose.
    pub fn from_zero(words: impl IntoIterator<Item = [&'static str; WORDS]>) -> Self {
        Self(Mutex::new(words.into_iter().map(|words| (words, 0)).collect()))
    }

    /// So many more.
    pub fn add(&self, words: [&'static str; WORDS], more: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(words).or_default() += more;
    }

    /// As they stand.
    pub fn read(&self) -> Vec<([&'static str; WORDS], u64)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(words, count)| (*words, *count)).collect()
    }

    /// One more, until what is answered is let go.
    pub fn enter(self: &Arc<Self>, words: [&'static str; WORDS]) -> Present<WORDS> {
        self.add(words, 1);
        Present { among: Arc::clone(self), words }
    }
}

/// One of those that are there now.
#[derive(Debug)]
pub struct Present<const WORDS: usize> {
    among: Arc<Counts<WORDS>>,
    words: [&'static str; WORDS],
}

impl<const WORDS: usize> Drop for Present<WORDS> {
    fn drop(&mut self) {
        let mut counts = self.among.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.words) {
            *count = count.saturating_sub(1);
        }
    }
}

/// What one house counts.
#[derive(Debug)]
pub(crate) struct Meters {
    /// By protocol, and what signed in.
    pub accepted: Counts<2>,
    /// By protocol and reason.
    pub refused: Counts<2>,
    /// Of this moment, by protocol.
    pub sessions: Arc<Counts<1>>,
    /// Networks that wrong secrets have shut.
    pub shut: Counts<0>,
    /// Recipients of mail that came here, by protocol and outcome.
    pub deliveries: Counts<2>,
    /// Messages that were handed in to be sent.
    pub submitted: Counts<0>,
    /// Recipients of mail that was sent, by place and outcome.
    pub tries: Counts<2>,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let each = |first: &[&'static str], second: &[&'static str]| {
            let pairs = first.iter().flat_map(|first| second.iter().map(move |second| [*first, *second]));
            Counts::from_zero(pairs.collect::<Vec<_>>())
        };
        Self {
            accepted: each(&PROTOCOLS, &["person", "credential"]),
            refused: each(&PROTOCOLS, &["wrong", "throttled", "busy", "not-encrypted", "not-allowed"]),
            sessions: Arc::new(Counts::from_zero(PROTOCOLS.map(|protocol| [protocol]))),
            shut: Counts::from_zero([[]]),
            deliveries: each(&["lmtp", "smtp", "queue"], &["delivered", "refused", "full", "later"]),
            submitted: Counts::from_zero([[]]),
            tries: each(&["here", "elsewhere"], &["sent", "later", "failed"]),
        }
    }
}

/// Everything that the house knows of itself, in numbers.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Sign-ins that were accepted: by protocol, and `person` or `credential`.
    pub accepted: Vec<([&'static str; 2], u64)>,
    /// Those that were refused: by protocol and reason.
    pub refused: Vec<([&'static str; 2], u64)>,
    /// Sessions of this moment, by protocol.
    pub sessions: Vec<([&'static str; 1], u64)>,
    /// Networks that wrong secrets have shut.
    pub shut: Vec<([&'static str; 0], u64)>,
    /// Recipients of mail that came here: by protocol and outcome.
    pub deliveries: Vec<([&'static str; 2], u64)>,
    /// Messages handed in.
    pub submitted: Vec<([&'static str; 0], u64)>,
    /// Recipients of mail that was sent: `here` or `elsewhere`, and outcome.
    pub tries: Vec<([&'static str; 2], u64)>,
    /// The database's own counts.
    pub database: DbCounters,
    /// How long its jobs took.
    pub latencies: [(&'static str, Latencies); 3],
    /// The number of its schema.
    pub schema: u64,
    /// What waits to be sent, and for how long the oldest of it does; nothing where the database does not answer.
    pub backlog: Option<(Backlog, Duration)>,
}

impl House {
    /// The house in numbers. A database that does not answer keeps none of the others back.
    pub async fn figures(&self) -> Figures {
        let meters = &self.meters;
        Figures {
            accepted: meters.accepted.read(),
            refused: meters.refused.read(),
            sessions: meters.sessions.read(),
            shut: meters.shut.read(),
            deliveries: meters.deliveries.read(),
            submitted: meters.submitted.read(),
            tries: meters.tries.read(),
            database: self.db.counters(),
            latencies: self.db.latencies(),
            schema: schema_version(),
            backlog: tokio::time::timeout(PATIENCE, self.backlog()).await.ok().and_then(Result::ok),
        }
    }

    async fn backlog(&self) -> Result<(Backlog, Duration), Refused> {
        let job: Caller = self.job(Job::Submission, "queue", String::new())?;
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok((tx.authority::<RunQueue>(&job)?.backlog()?, tx.now()))
        });
        let (backlog, now) = read.await?;
        let waits_ms = backlog.oldest.map_or(0, |oldest| now.0.saturating_sub(oldest.0));
        Ok((backlog, Duration::from_millis(u64::try_from(waits_ms).unwrap_or_default())))
    }
}

/// What the reasons against a sign-in come to, for those who count and do not look. What keeps a
/// secret from being looked at says more than what else is wrong.
pub(crate) fn why_refused(reasons: &[SignInReason]) -> &'static str {
    let words = reasons.iter().map(|reason| match reason {
        SignInReason::NetworkShut => (0, "throttled"),
        SignInReason::TooBusy => (1, "busy"),
        SignInReason::NotEncrypted => (2, "not-encrypted"),
        SignInReason::NoSuchPerson
        | SignInReason::SecretDiffers
        | SignInReason::SecretNotSet
        | SignInReason::NoPassword
        | SignInReason::NoPasswordThere
        | SignInReason::NoSuchCredential
        | SignInReason::NameDiffers => (3, "wrong"),
        SignInReason::PasswordMatches
        | SignInReason::SecretMatches
        | SignInReason::PersonSuspended
        | SignInReason::AccountSuspended
        | SignInReason::AccountRemoved
        | SignInReason::NoDelegateThere
        | SignInReason::ProtocolOutside
        | SignInReason::NetworkOutside
        | SignInReason::AllConnectionsTaken
        | SignInReason::FactsDisagree
        | SignInReason::Credential(_) => (4, "not-allowed"),
    });
    words.min().map_or("not-allowed", |(_, word)| word)
}

/// What became of one recipient.
pub(crate) fn how_delivered(result: &Result<(), DeliveryError>) -> &'static str {
    match result {
        Ok(()) => "delivered",
        Err(DeliveryError::OverQuota | DeliveryError::PartlyOverQuota) => "full",
        Err(DeliveryError::DiskFull | DeliveryError::Unavailable) => "later",
        Err(
            DeliveryError::Unknown(_) | DeliveryError::NotOurs(_) | DeliveryError::Closed | DeliveryError::Message(_),
        ) => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_there_is_counted_until_they_go() {
        let sessions = Arc::new(Counts::from_zero([["imap"]]));
        let first = sessions.enter(["imap"]);
        let second = sessions.enter(["imap"]);
        assert_eq!(sessions.read(), [(["imap"], 2)]);
        drop(first);
        assert_eq!(sessions.read(), [(["imap"], 1)]);
        drop(second);
        assert_eq!(sessions.read(), [(["imap"], 0)]);
    }

    /// A secret that was right is no wrong one, and one that was not looked at neither.
    #[test]
    fn a_refusal_is_counted_by_what_decided() {
        assert_eq!(why_refused(&[SignInReason::NoSuchPerson, SignInReason::NetworkShut]), "throttled");
        assert_eq!(why_refused(&[SignInReason::PersonSuspended, SignInReason::SecretDiffers]), "wrong");
        assert_eq!(why_refused(&[SignInReason::SecretMatches, SignInReason::NetworkOutside]), "not-allowed");
        assert_eq!(why_refused(&[]), "not-allowed");
    }
}
