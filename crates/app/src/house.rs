//! The house: database, bodies, clock, limits and who watches, in one handle.

use crate::carrier::Routes;
use crate::certificate::CertificateKeeper;
use crate::credentials::Service;
use crate::failures::Failures;
use crate::hub::{Hub, Watch};
use crate::keyring::KeyRing;
use crate::lists::Lists;
use crate::live::Live;
use crate::meters::Meters;
use crate::passwords::Passwords;
use crate::queue::Queue;
use crate::room::Rooms;
use crate::throttle::Throttle;
use crate::visits::Visits;
use postern_access::{Actor, Job, PlaintextSignIn};
use postern_store::{Blobs, Caller, Db, ObjectId, ObjectNames, Origin};
use postern_types::{Limits, MailboxId};
use ring::rand::{SecureRandom, SystemRandom};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What the house is opened with; `server` and tests make it.
pub struct HouseOptions {
    /// Its database.
    pub db: Db,
    /// Its bodies.
    pub blobs: Blobs,
    /// The keys that its machine secrets are checked with.
    pub keys: KeyRing,
    /// Its limits.
    pub limits: Limits,
    /// Host name, for trace lines.
    pub hostname: String,
    /// Where sign-in without TLS is allowed.
    pub plaintext_sign_in: PlaintextSignIn,
    /// Password hashes computed at once; two at least, and half of them for strangers.
    pub password_places: usize,
    /// Wrong secrets from this machine shut nothing.
    pub exempt_loopback: bool,
    /// This process among those that share the database: the same after a restart.
    pub node: i64,
}

/// The only way in. Cheap to share: every protocol holds an `Arc` of it.
pub struct House {
    pub(crate) db: Db,
    pub(crate) blobs: Blobs,
    pub(crate) object_names: ObjectNames,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) limits: Limits,
    pub(crate) hostname: String,
    pub(crate) plaintext_sign_in: PlaintextSignIn,
    pub(crate) hub: Arc<Hub>,
    pub(crate) lists: Lists,
    pub(crate) live: Arc<Live>,
    pub(crate) meters: Meters,
    pub(crate) queue: Queue,
    services: RwLock<Vec<Service>>,
    web: RwLock<Option<String>>,
    routes: RwLock<Arc<Routes>>,
    pub(crate) certificate: RwLock<Option<Arc<dyn CertificateKeeper>>>,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Mutex<Throttle>,
    pub(crate) failures: Mutex<Failures>,
    pub(crate) exempt_loopback: AtomicBool,
    pub(crate) parsing: Arc<Semaphore>,
    pub(crate) rooms: Rooms,
    compressing: Arc<Semaphore>,
    pub(crate) reading_ahead: Arc<Semaphore>,
    pub(crate) visits: Mutex<Visits>,
    random: SystemRandom,
    sessions: AtomicU64,
}

/// The place of one connection among those that may compress; it is free again when this is let go.
#[derive(Debug)]
pub struct CompressionPlace {
    _permit: OwnedSemaphorePermit,
}

impl CompressionPlace {
    /// One of these places, where one is free.
    pub fn of(places: &Arc<Semaphore>) -> Option<Self> {
        Arc::clone(places).try_acquire_owned().ok().map(|permit| Self { _permit: permit })
    }
}

/// Chunks of replies that are read while the ones before them are sent, over all connections. Each holds a chunk, or
/// some of a long text.
const CHUNKS_AHEAD: usize = 16;

/// Bytes of one permit of the semaphores that count memory.
pub(crate) const PARSING_UNIT: usize = 4096;

impl House {
    /// Opens the house on a database that is ready.
    pub fn open(options: HouseOptions) -> Result<Arc<Self>, crate::Refused> {
        let hub = Arc::new(Hub::default());
        let listener = Arc::clone(&hub);
        options.db.on_commit(Arc::new(move |notices| listener.tell(notices)));
        let random = SystemRandom::new();
        let (mut salt, mut seed) = ([0; 16], [0; 32]);
        random.fill(&mut salt).map_err(|_| crate::Refused::Unavailable)?;
        random.fill(&mut seed).map_err(|_| crate::Refused::Unavailable)?;
        let passwords = Passwords::new(options.password_places, &salt).map_err(|_| crate::Refused::Unavailable)?;
        Ok(Arc::new(Self {
            db: options.db,
            object_names: options.blobs.object_names(),
            blobs: options.blobs,
            keys: Arc::new(options.keys),
            parsing: Arc::new(Semaphore::new(options.limits.parsing_bytes / PARSING_UNIT)),
            // Of its own: a message has its room still when it comes to be parsed, so that who waited
            // for both in one would wait for ever.
            rooms: Rooms::new(options.limits.parsing_bytes),
            reading_ahead: Arc::new(Semaphore::new(CHUNKS_AHEAD)),
            compressing: Arc::new(Semaphore::new(options.limits.compressed_connections as usize)),
            visits: Mutex::default(),
            hostname: options.hostname,
            plaintext_sign_in: options.plaintext_sign_in,
            hub,
            lists: Lists::default(),
            live: Arc::default(),
            meters: Meters::new(),
            queue: Queue::new(options.node, options.limits.parsing_bytes),
            limits: options.limits,
            services: RwLock::default(),
            web: RwLock::default(),
            routes: RwLock::default(),
            certificate: RwLock::default(),
            passwords,
            throttle: Mutex::new(Throttle::new(&seed)),
            failures: Mutex::default(),
            exempt_loopback: AtomicBool::new(options.exempt_loopback),
            random,
            sessions: AtomicU64::new(1),
        }))
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The host name that greetings and trace lines show.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The database, for the server to close.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// From now on wrong secrets from this machine shut nothing, or do.
    pub fn set_exempt_loopback(&self, exempt: bool) {
        self.exempt_loopback.store(exempt, Ordering::Relaxed);
    }

    /// Closes the house in good order: what was counted is written down, then its database closes.
    pub async fn close(&self) {
        self.tell_counted_failures(true).await;
        self.db.close().await;
    }

    /// Messages and flags of a mailbox, to wait for. Watching opens nothing.
    pub fn watch_mailbox(&self, mailbox: MailboxId) -> Watch {
        self.hub.mailbox(mailbox)
    }

    /// A place among the connections that compress ([`Limits::compressed_connections`]), where one is free.
    pub fn compression_place(&self) -> Result<CompressionPlace, crate::Refused> {
        let full = crate::Rule::OverLimit("As many connections compress as may; go on without");
        CompressionPlace::of(&self.compressing).ok_or_else(|| full.into())
    }

    /// What a mailbox is called outside, whatever its name (RFC 8474 section 4). It opens nothing.
    pub fn object_id(&self, mailbox: MailboxId) -> ObjectId {
        self.object_names.mailbox(mailbox)
    }

    /// Says where programs find the house, and where its web is under TLS (`https://mail.example.org`), once that is
    /// known.
    pub fn is_found_at(&self, services: Vec<Service>, web: Option<String>) {
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = services;
        *self.web.write().unwrap_or_else(PoisonError::into_inner) = web;
    }

    /// Where the web of the house is; nothing where it has none that people could be sent to.
    pub fn web(&self) -> Option<String> {
        self.web.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where programs find the house.
    pub fn services(&self) -> Vec<Service> {
        self.services.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says where mail for other domains goes from now on.
    pub fn set_routes(&self, routes: Routes) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(routes);
        // What was wrong before may be right now.
        self.queue.forget_places();
    }

    /// Where mail for other domains goes; nowhere until someone has said so.
    pub fn routes(&self) -> Arc<Routes> {
        Arc::clone(&self.routes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Random bytes from the system.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], crate::Refused> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| {
            tracing::error!(event = "random.failed");
            crate::Refused::Unavailable
        })?;
        Ok(bytes)
    }

    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn origin(&self, protocol: &'static str, peer: String, label: String) -> Result<Origin, crate::Refused> {
        Ok(Origin::new(self.next_session(), protocol, peer, label, self.random()?))
    }

    /// A job of the house as an actor; it has its rows in the matrix like everyone.
    pub(crate) fn job(&self, job: Job, protocol: &'static str, peer: String) -> Result<Caller, crate::Refused> {
        Ok(Caller::new(Actor::Job(job), self.origin(protocol, peer, job.name().to_owned())?))
    }
}
