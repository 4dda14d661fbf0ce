//! A certificate by ACME (RFC 8555): asked for at the start where there is none, renewed before it ends.
//!
//! The keeper runs beside the listeners. What it gets goes into the slot that each handshake reads
//! (`tls`), so that nobody is disconnected by a renewal, and what it does not get changes nothing: the
//! certificate in force stays. Docs: docs/decisions/0042-certificates-by-acme.md.

mod answer;
mod client;
mod due;
mod kept;
mod order;
mod refusal;
mod state;

use crate::config::{Acme, Config, Listen, TlsFiles};
use crate::inspect::Inspected;
use crate::own::OwnAuthority;
use crate::tls::{Tls, TlsError, inspect, pair, provider, tell_unusable};
use client::Wish as Patience;
use due::{FIRST_PAUSE_MS, Life, next_at, pause_ms};
use kept::{Attempts, Kept};
use order::{Answers, Asking};
use postern_app::wire::Shutdown;
use postern_http::Challenges;
use postern_store::{Clock, Disk, RealDisk};
use postern_types::{Secret, Timestamp};
use refusal::Refusal;
use rustls::sign::CertifiedKey;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The clock may be set, so that no sleep is longer.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// Between two attempts that nobody asked for, even where nothing can be noted and clocks leap.
const REST: Duration = Duration::from_millis(FIRST_PAUSE_MS.unsigned_abs());
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
    let refusal = refusal.map(|refusal| (refusal.reason.clone(), refusal.to_do()));
    Some(LastAttempt { at: Timestamp(last_ms?), refusal, not_before: Timestamp(not_before_ms) })
}

/// How soon somebody wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urge {
    /// When it is due.
    None,
    /// At once if it is due, though it was refused a moment ago: something may have been mended.
    IfDue,
    /// At once, due or not.
    Now,
}

/// What is wanted.
#[derive(Debug, Clone)]
struct Wanted {
    /// Where it lies.
    files: TlsFiles,
    acme: Option<Arc<Acme>>,
    /// A listener is open at which the challenge is answered.
    is_answered: bool,
    urge: Urge,
    /// How often somebody wanted another whether it is due or not; [`Progress::served`] says what came of it. Counted,
    /// so that what is wanted with less urge later, as by a reload, does not take its place.
    forced: u64,
}

impl Wanted {
    /// Whom to ask, where that can come to anything.
    fn asked(&self) -> Option<Arc<Acme>> {
        self.acme.clone().filter(|_| self.is_answered)
    }
}

/// How asking goes.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The authority is being asked.
    is_asking: bool,
    /// How many attempts have ended.
    attempts: u64,
    /// How far [`Wanted::forced`] is done.
    served: u64,
}

/// Keeps the certificate of a server.
pub(crate) struct Keeper {
    hostname: String,
    /// The listeners that are open: a reload opens none.
    listen: Listen,
    /// The wall's: house time stands still after it was once ahead, and certificates end by the world's.
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
    answers: Answers,
    wanted: watch::Sender<Wanted>,
    /// What was noted of each folder, where the disk does not take it too.
    noted: Mutex<BTreeMap<PathBuf, Attempts>>,
    own: OwnAuthority,
    progress: Mutex<Progress>,
    /// Held from reading a certificate until it is put: of two at once the later is to stay.
    putting: Mutex<()>,
}

impl Keeper {
    pub fn new(config: &Config, clock: Arc<dyn Clock>, disk: Arc<dyn Disk>, tls: Tls, texts: Challenges) -> Arc<Self> {
        let (files, acme) = (config.tls.clone(), config.acme.clone().map(Arc::new));
        let wanted = Wanted { files, acme, is_answered: true, urge: Urge::None, forced: 0 };
        Arc::new(Self {
            hostname: config.hostname.clone(),
            listen: config.listen.clone(),
            clock,
            disk,
            answers: Answers { texts, tls },
            wanted: watch::Sender::new(wanted),
            noted: Mutex::default(),
            own: OwnAuthority::of(config),
            progress: Mutex::default(),
            putting: Mutex::default(),
        })
    }

    /// Takes a fresh configuration: the certificate of its files, where they hold one, and whom to ask. What is
    /// due is asked for at once.
    pub fn reload(&self, fresh: &Config) -> Result<(), TlsError> {
        let _alone = locked(&self.putting);
        let is_answered = fresh.acme.as_ref().is_none_or(|acme| acme.challenge.is_answered(&self.listen));
        let acme = fresh.acme.clone().map(Arc::new);
        // Before the files are read: what comes of another wish from now on is not put over them.
        let files = fresh.tls.clone();
        self.wanted.send_modify(|wanted| {
            *wanted = Wanted { files, acme, is_answered, urge: Urge::IfDue, forced: wanted.forced };
        });
        let Some(acme) = &fresh.acme else { return self.answers.tls.reload(&fresh.tls) };
        if !is_answered {
            let (challenge, listener) = (acme.challenge.name(), acme.challenge.place().0);
            tracing::warn!(
                event = "certificate.not-asked-for",
                challenge,
                listener,
                "the listener at which the authority would look opens with a restart, and it is asked then"
            );
        }
        // One that is still to come, or is of no use, is asked for; what is shown stays meanwhile.
        if fresh.tls.certificate.exists()
            && let Err(error) = self.answers.tls.reload(&fresh.tls)
        {
            tell_unusable(&error, "what was shown stays until the authority gives another");
        }
        Ok(())
    }

    /// Whether an authority is asked at all.
    pub fn asks(&self) -> bool {
        self.wanted.borrow().acme.is_some()
    }

    /// Asks for it when it is due, until the server drains.
    pub async fn run(self: Arc<Self>, mut shutdown: Shutdown) {
        let mut wanted = self.wanted.subscribe();
        let mut urge = Urge::None;
        let mut rested = Instant::now();
        let mut told = None;
        loop {
            let acme = wanted.borrow_and_update().asked();
            if self.is_forced(acme.is_some()) {
                urge = Urge::Now;
            }
            let rest =
                if urge == Urge::None { rested.saturating_duration_since(Instant::now()) } else { Duration::ZERO };
            let wait = acme.as_deref().map(|acme| self.wait(acme, urge).max(rest));
            let is_due = wait.is_some_and(|wait| wait.is_zero());
            if let Some(acme) = acme.as_ref().filter(|acme| is_due || told.as_ref() != Some(*acme)) {
                // An attempt tells the contact, too.
                told = Some(Arc::clone(acme));
                tokio::select! {
                    () = shutdown.requested() => return,
                    () = self.act(acme, is_due) => {}
                    // Somebody wants something else, and not to wait for this.
                    () = gives_way(wanted.clone(), acme) => {}
                }
            }
            if is_due {
                rested = Instant::now() + REST;
                // Whoever wanted it meanwhile has what just came.
                urge = if wanted.has_changed().unwrap_or(false) { Urge::IfDue } else { Urge::None };
                continue;
            }
            let wait = wait.unwrap_or(LOOK_AGAIN).min(LOOK_AGAIN);
            urge = tokio::select! {
                () = shutdown.requested() => return,
                changed = wanted.changed() => if changed.is_ok() { wanted.borrow().urge } else { return },
                () = tokio::time::sleep(wait) => Urge::None,
            };
        }
    }

    /// Whether another is wanted, due or not, that nobody has been asked for yet. Where nobody can be asked, that
    /// is at its end.
    fn is_forced(&self, can_ask: bool) -> bool {
        let mut progress = locked(&self.progress);
        let forced = self.wanted.borrow().forced;
        if !can_ask {
            progress.served = forced;
        }
        forced != progress.served
    }

    async fn act(self: &Arc<Self>, acme: &Arc<Acme>, is_due: bool) {
        if is_due { self.attempt(acme).await } else { self.tell_contact(acme).await }
    }

    /// The authority may have to write before the next renewal: where it has an account of ours, it is told at
    /// once of another contact. In vain, and it is told with that renewal.
    async fn tell_contact(self: &Arc<Self>, acme: &Arc<Acme>) {
        let kept = Kept::new(acme, Arc::clone(&self.disk));
        let is_other = kept.account().ok().flatten().is_some_and(|account| account.contact != acme.contact);
        let limit = self.attempts(acme).refusal.is_some_and(|refusal| refusal.is_rate_limit);
        if !is_other || limit {
            return;
        }
        let (keeper, of) = (Arc::clone(self), Arc::clone(acme));
        let outcome = apart(async move { keeper.asking(&of, &kept).tell_contact().await }).await;
        if let Err(Refusal { reason, next, .. }) = outcome {
            let directory = &acme.directory;
            tracing::warn!(event = "certificate.contact-not-told", %reason, %next, directory, "it is told with the next renewal");
        }
    }

    fn asking<'a>(&'a self, acme: &'a Acme, kept: &'a Kept) -> Asking<'a> {
        let names = acme.wanted(&self.hostname);
        Asking { acme, names, kept, answers: &self.answers, clock: &self.clock }
    }

    /// How long not to ask.
    fn wait(&self, acme: &Acme, urge: Urge) -> Duration {
        let now = self.clock.wall();
        let at = next_at(self.life(acme).as_ref(), &self.attempts(acme), urge, now);
        Duration::from_millis(u64::try_from(at.0 - now.0).unwrap_or(0))
    }

    /// What counts of it for the names that are wanted.
    fn attempts(&self, acme: &Acme) -> Attempts {
        let noted = locked(&self.noted).get(&acme.folder).cloned();
        let noted = noted.unwrap_or_else(|| Kept::new(acme, Arc::clone(&self.disk)).attempts());
        noted.for_names(&acme.wanted(&self.hostname))
    }

    /// It holds for this run even where the disk does not take it.
    fn note(&self, acme: &Acme, kept: &Kept, attempts: &Attempts) -> io::Result<()> {
        locked(&self.noted).insert(acme.folder.clone(), attempts.clone());
        kept.put_attempts(attempts)
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
    async fn attempt(self: &Arc<Self>, acme: &Arc<Acme>) {
        // Whoever waits for the end of it hears of that, too, where it is given up.
        let underway = Underway::begin(self);
        let kept = Kept::new(acme, Arc::clone(&self.disk));
        let before = self.attempts(acme);
        let patience = Patience::default();
        let outcome = {
            let (keeper, acme, kept) = (Arc::clone(self), Arc::clone(acme), kept.clone());
            let (before, patience) = (before.clone(), patience.clone());
            apart(async move { keeper.obtain(&acme, &kept, before, patience).await }).await
        };
        underway.is_whole();
        // What came is noted already, before anybody was shown it.
        let Err(refusal) = outcome else { return };
        let now = self.clock.wall();
        let refusals = before.refusals.saturating_add(1);
        let not_before_ms = now.0 + pause_ms(refusals, patience.milliseconds());
        self.tell(acme, &refusal, Timestamp(not_before_ms));
        let names = acme.wanted(&self.hostname);
        let ended = Attempts { last_ms: Some(now.0), refusal: Some(refusal), refusals, not_before_ms, names };
        self.note_end(acme, &kept, &ended);
    }

    fn note_end(&self, acme: &Acme, kept: &Kept, attempts: &Attempts) {
        if let Err(error) = self.note(acme, kept, attempts) {
            tracing::error!(event = "certificate.not-noted", %error);
        }
    }

    async fn obtain(&self, acme: &Acme, kept: &Kept, before: Attempts, patience: Patience) -> Result<(), Refusal> {
        let names = acme.wanted(&self.hostname);
        let is_first = self.life(acme).is_none();
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
        // As if it were refused already: a server that falls over in the midst of it, again and again, asks no oftener.
        // And what can not be kept is not asked for: authorities give a name so many in a week.
        let refusals = before.refusals.saturating_add(1);
        let not_before_ms = self.clock.wall().0 + pause_ms(refusals, None);
        let begun = Attempts { refusals, not_before_ms, names, ..before };
        let noted = kept.make().and_then(|()| self.note(acme, kept, &begun));
        noted.map_err(|error| Refusal::of_disk(&error))?;
        let asking = self.asking(acme, kept);
        let mut obtained = asking.obtain(patience.clone()).await;
        if obtained.as_ref().is_err_and(|refusal| refusal.account_is_gone) && kept.has_account() {
            // As after the authority was set up anew, or the account was shut; there is nothing to lose but its number.
            tracing::warn!(event = "certificate.account-gone", directory = acme.directory, "a new one is made");
            kept.forget_account().map_err(|error| Refusal::of_disk(&error))?;
            obtained = asking.obtain(patience).await;
        }
        self.take(acme, kept, &obtained?)
    }

    /// From now on clients see it.
    fn take(&self, acme: &Acme, kept: &Kept, pem: &Secret) -> Result<(), Refusal> {
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
        let now = self.clock.wall();
        let (names, not_before_ms) = (acme.wanted(&self.hostname), now.0 + life.rest_ms());
        self.note_end(acme, kept, &Attempts { last_ms: Some(now.0), not_before_ms, names, ..Attempts::default() });
        let is_shown = self.put(acme, key);
        tracing::info!(
            event = "certificate.issued",
            names = leaf.names.join(" "),
            issuer = leaf.issuer,
            days = (life.ends.0 - now.0) / (24 * 3600 * 1000),
            "{}",
            if is_shown {
                "it is shown from now on, and renewed by itself"
            } else {
                "it is kept, but another is wanted by now"
            }
        );
        Ok(())
    }

    /// Shows it, unless a reload wants that of other files meanwhile.
    fn put(&self, acme: &Acme, key: CertifiedKey) -> bool {
        let _alone = locked(&self.putting);
        let is_wanted = self.wanted.borrow().acme.as_ref().is_some_and(|wanted| wanted.folder == acme.folder);
        if is_wanted {
            self.answers.tls.put(key);
        }
        is_wanted
    }

    fn tell(&self, acme: &Acme, refusal: &Refusal, again: Timestamp) {
        let now = self.clock.wall();
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

/// An attempt, until this is let go.
struct Underway<'a> {
    progress: &'a Mutex<Progress>,
    forced: u64,
}

impl<'a> Underway<'a> {
    fn begin(keeper: &'a Keeper) -> Self {
        let mut progress = locked(&keeper.progress);
        progress.is_asking = true;
        Self { progress: &keeper.progress, forced: keeper.wanted.borrow().forced }
    }

    /// The authority has answered, so that whoever wanted this before it began has what they wanted.
    fn is_whole(&self) {
        locked(self.progress).served = self.forced;
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        let mut progress = locked(self.progress);
        progress.is_asking = false;
        progress.attempts += 1;
    }
}

/// In a task of its own that ends with this: what breaks off there is a refusal, and not the end of the keeper.
async fn apart(asking: impl Future<Output = Result<(), Refusal>> + Send + 'static) -> Result<(), Refusal> {
    let mut tasks = JoinSet::new();
    tasks.spawn(tokio::time::timeout(WHOLE, asking));
    match tasks.join_next().await {
        Some(Ok(Ok(outcome))) => outcome,
        Some(Ok(Err(_))) => {
            Err(Refusal::waiting("the authority did not come to an end in time", "nothing: it is asked again"))
        }
        // The library does so over some answers.
        Some(Err(error)) => Err(broke_off(&error.to_string())),
        None => Err(broke_off("nothing was asked")),
    }
}

fn broke_off(why: &str) -> Refusal {
    let next =
        "see that [tls.acme] directory is that of an authority; if it is, report this: it is a mistake of Postern's";
    Refusal::new(format!("asking the authority broke off: {why}"), next)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends once something else is wanted than this.
async fn gives_way(mut wanted: watch::Receiver<Wanted>, acme: &Acme) {
    while wanted.borrow_and_update().acme.as_deref() == Some(acme) {
        if wanted.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests;
