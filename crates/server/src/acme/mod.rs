//! A certificate by ACME (RFC 8555): asked for at the start where there is none, renewed before it ends.
//!
//! The keeper runs beside the listeners. What it gets goes into the slot that each handshake reads
//! (`tls`), so that nobody is disconnected by a renewal, and what it does not get changes nothing: the
//! certificate in force stays. Docs: docs/decisions/0042-certificates-by-acme.md.

mod client;
mod due;
mod kept;
mod order;
mod refusal;

use crate::config::{Acme, Config};
use crate::inspect::Inspected;
use crate::tls::{Tls, TlsError, inspect, pair, provider};
use client::Wish as Patience;
use due::{Life, due, pause_ms};
use kept::{Attempts, Kept};
use order::{Answers, Asking};
use postern_app::House;
use postern_app::wire::Shutdown;
use postern_http::Challenges;
use postern_store::{Disk, RealDisk};
use postern_types::{Secret, Timestamp};
use refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The clock may be set, so that no sleep is longer.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// For one attempt, whatever an authority does.
const WHOLE: Duration = Duration::from_secs(600);
/// With less than this left, somebody has to do something.
const URGENT_MS: i64 = 10 * 24 * 3600 * 1000;

/// How an authority was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAttempt {
    /// When.
    pub at: Timestamp,
    /// Why in vain, and what to do; nothing where it gave a certificate.
    pub refusal: Option<(String, String)>,
    /// Before this it is not asked by itself.
    pub not_before: Timestamp,
}

/// How the last attempt went, as it is kept beside the certificate; nothing where there was none.
pub fn last_attempt(acme: &Acme) -> Option<LastAttempt> {
    let Attempts { last_ms, refusal, not_before_ms, .. } = Kept::new(acme, Arc::new(RealDisk)).attempts();
    let refusal = refusal.map(|refusal| (refusal.reason, refusal.next));
    Some(LastAttempt { at: Timestamp(last_ms?), refusal, not_before: Timestamp(not_before_ms) })
}

/// How soon somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urge {
    /// When it is due.
    None,
    /// At once if it is due, though it was refused a moment ago: something may have been mended.
    IfDue,
}

/// What is wanted.
#[derive(Debug, Clone)]
struct Wanted {
    acme: Option<Arc<Acme>>,
    urge: Urge,
}

/// Keeps the certificate of a server.
pub(crate) struct Keeper {
    hostname: String,
    house: Arc<House>,
    disk: Arc<dyn Disk>,
    answers: Answers,
    wanted: watch::Sender<Wanted>,
}

impl Keeper {
    pub fn new(config: &Config, house: Arc<House>, disk: Arc<dyn Disk>, tls: Tls, texts: Challenges) -> Arc<Self> {
        let wanted = Wanted { acme: config.acme.clone().map(Arc::new), urge: Urge::None };
        let hostname = config.hostname.clone();
        Arc::new(Self { hostname, house, disk, answers: Answers { texts, tls }, wanted: watch::Sender::new(wanted) })
    }

    /// Takes a fresh configuration: the certificate of its files, where they hold one, and whom to ask. What is
    /// due is asked for at once.
    pub fn reload(&self, fresh: &Config) -> Result<(), TlsError> {
        let is_to_come = fresh.acme.is_some() && !fresh.tls.certificate.exists();
        let read = if is_to_come { Ok(()) } else { self.answers.tls.reload(&fresh.tls) };
        self.wanted.send_replace(Wanted { acme: fresh.acme.clone().map(Arc::new), urge: Urge::IfDue });
        read
    }

    /// Whether an authority is asked at all.
    pub fn asks(&self) -> bool {
        self.wanted.borrow().acme.is_some()
    }

    /// Asks for it when it is due, until the server drains.
    pub async fn run(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut wanted = self.wanted.subscribe();
        let mut urge = Urge::None;
        loop {
            let acme = wanted.borrow_and_update().acme.clone();
            let wait = acme.as_deref().map(|acme| self.wait(acme, urge));
            if wait.is_none_or(|wait| wait > Duration::ZERO) {
                let wait = wait.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
                urge = tokio::select! {
                    () = shutdown.requested() => return,
                    changed = wanted.changed() => if changed.is_ok() { wanted.borrow().urge } else { return },
                    () = tokio::time::sleep(wait) => Urge::None,
                };
                continue;
            }
            if let Some(acme) = &acme {
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = self.attempt(acme) => {}
                    // Somebody wants something else, and not to wait for this.
                    () = gives_way(wanted.clone(), acme) => {}
                }
            }
            // Whoever wanted it meanwhile has what just came.
            urge = if wanted.has_changed().unwrap_or(false) { Urge::IfDue } else { Urge::None };
        }
    }

    /// How long not to ask.
    fn wait(&self, acme: &Acme, urge: Urge) -> Duration {
        let attempts = Kept::new(acme, Arc::clone(&self.disk)).attempts();
        let life = self.life(acme);
        let is_barred = match &attempts.refusal {
            Some(refusal) => urge == Urge::None || refusal.is_rate_limit,
            // The one that just came rests, but not where a name was added since.
            None => life.as_ref().is_some_and(|life| life.is_fit),
        };
        let at = if is_barred { due(life.as_ref()).max(Timestamp(attempts.not_before_ms)) } else { due(life.as_ref()) };
        Duration::from_millis(u64::try_from(at.0 - self.house.now().0).unwrap_or(0))
    }

    /// What is known of the certificate that the authority gave.
    fn life(&self, acme: &Acme) -> Option<Life> {
        inspect(&acme.files()).map(|leaf| self.life_of(acme, &leaf))
    }

    fn life_of(&self, acme: &Acme, leaf: &Inspected) -> Life {
        let is_fit = acme.wanted(&self.hostname).iter().all(|name| leaf.names.contains(name));
        Life { begins: leaf.not_before, ends: leaf.not_after, is_fit }
    }

    /// Asks once, and tells how it went.
    async fn attempt(&self, acme: &Acme) {
        let kept = Kept::new(acme, Arc::clone(&self.disk));
        let before = kept.attempts();
        let now = self.house.now();
        let patience = Patience::default();
        let outcome = match tokio::time::timeout(WHOLE, self.obtain(acme, &kept, &before, patience.clone())).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Refusal::new("the authority did not come to an end in time", "nothing: it is asked again")),
        };
        let attempts = match outcome {
            Ok(life) => Attempts { last_ms: Some(now.0), not_before_ms: now.0 + life.rest_ms(), ..Attempts::default() },
            Err(refusal) => {
                let refusals = before.refusals.saturating_add(1);
                let not_before_ms = now.0 + pause_ms(refusals, patience.milliseconds());
                self.tell(acme, &refusal, Timestamp(not_before_ms));
                Attempts { last_ms: Some(now.0), refusal: Some(refusal), refusals, not_before_ms }
            }
        };
        if let Err(error) = kept.put_attempts(&attempts) {
            tracing::error!(event = "certificate.not-noted", %error);
        }
    }

    async fn obtain(&self, acme: &Acme, kept: &Kept, before: &Attempts, patience: Patience) -> Result<Life, Refusal> {
        let names = acme.wanted(&self.hostname);
        let is_first = !acme.files().certificate.exists();
        tracing::info!(
            event = "certificate.asked-for",
            names = names.join(" "),
            directory = acme.directory,
            challenge = acme.challenge.name(),
            "{}",
            if is_first {
                "until it is there, clients see one that they do not trust"
            } else {
                "the one in force stays meanwhile"
            }
        );
        // What can not be kept is not asked for: authorities give a name so many in a week.
        let noted = kept.make().and_then(|()| kept.put_attempts(before));
        noted.map_err(|error| Refusal::of_disk(&error))?;
        let asking = Asking { acme, names, kept, answers: &self.answers };
        let mut obtained = asking.obtain(patience.clone()).await;
        if obtained.as_ref().is_err_and(|refusal| refusal.account_is_gone) {
            // As after the authority was set up anew; there is nothing to lose but the number of the account.
            tracing::warn!(event = "certificate.account-gone", directory = acme.directory, "a new one is made");
            kept.forget_account().map_err(|error| Refusal::of_disk(&error))?;
            obtained = asking.obtain(patience).await;
        }
        self.take(acme, kept, &obtained?)
    }

    /// From now on clients see it.
    fn take(&self, acme: &Acme, kept: &Kept, pem: &Secret) -> Result<Life, Refusal> {
        let unfit = |reason: String| {
            Refusal::new(format!("the certificate that came can not be used: {reason}"), "ask the authority why")
        };
        let key = pair(pem.expose(), pem.expose(), &provider()).map_err(|error| unfit(error.to_string()))?;
        let leaf =
            key.cert.first().and_then(|leaf| Inspected::of(leaf)).ok_or_else(|| unfit("it can not be read".into()))?;
        let life = self.life_of(acme, &leaf);
        if !life.is_fit {
            return Err(unfit(format!("it is for {}", leaf.names.join(", "))));
        }
        kept.put_certificate(&acme.files().certificate, pem.expose()).map_err(|error| Refusal::of_disk(&error))?;
        self.answers.tls.put(key);
        tracing::info!(
            event = "certificate.issued",
            names = leaf.names.join(" "),
            issuer = leaf.issuer,
            days = (life.ends.0 - self.house.now().0) / (24 * 3600 * 1000),
            "it is shown from now on, and renewed by itself"
        );
        Ok(life)
    }

    fn tell(&self, acme: &Acme, refusal: &Refusal, again: Timestamp) {
        let now = self.house.now();
        let again_in_minutes = (again.0 - now.0) / 60_000;
        let Refusal { reason, next, .. } = refusal;
        let is_urgent = self.life(acme).is_none_or(|life| !life.is_fit || life.ends.0 - now.0 < URGENT_MS);
        if is_urgent {
            tracing::error!(event = "certificate.refused", %reason, %next, again_in_minutes, directory = acme.directory);
        } else {
            tracing::warn!(event = "certificate.refused", %reason, %next, again_in_minutes, directory = acme.directory);
        }
    }
}

/// Ends once something else is wanted than this.
async fn gives_way(mut wanted: watch::Receiver<Wanted>, acme: &Acme) {
    while wanted.borrow_and_update().acme.as_deref() == Some(acme) {
        if wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
