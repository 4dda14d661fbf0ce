//! A whole server in one value: the house, its doors, the administration socket, and how all
//! of it is reloaded and ended.
//!
//! Ending is a drain: no new connection, every session is told and finishes what it has
//! begun, those that do not are cut, then the database is closed in good order. What was
//! acknowledged is on disk before that (docs/design.md law 3), so even a kill loses nothing of it.

use crate::acme::Keeper;
use crate::admin;
use crate::config::{Config, ListenAddress, Relay, RelayError};
use crate::dial::carrier;
use crate::ends;
use crate::handshake::Handshakes;
use crate::house::{HouseError, OpenHouse, admin_socket, find_blobs, open_house_on};
use crate::listener::{Doors, Rules, Speaks, keep_door};
use crate::measures::{Measures, Traffic};
use crate::services::{services, web};
use crate::socket::{BindError, Bound};
use crate::tls::{Tls, TlsError};
use crate::visitors::{Allowance, Visitors};
use postern_app::wire::Shutdown;
use postern_app::{CertificateKeeper, House};
use postern_http::{Challenges, MayMeasure};
use postern_store::{Clock, Disk, RealDisk, SystemClock};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why a server did not start. Each text gives the next step.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The house did not open.
    #[error(transparent)]
    House(#[from] HouseError),
    /// The certificate can not be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The next server's password can not be read.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// A listener did not open.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Nothing is listened to.
    #[error("[listen] in {0} names no address\nNext step: add imaps = [\"127.0.0.1:10993\"]")]
    Deaf(String),
}

/// What a server runs on; tests bring their own disk and clock.
pub struct StartOptions {
    /// The configuration.
    pub config: Config,
    /// The disk of every durable write.
    pub disk: Arc<dyn Disk>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
}

impl StartOptions {
    /// On this machine's disk and clock.
    pub fn new(config: Config) -> Self {
        Self { config, disk: Arc::new(RealDisk), clock: Arc::new(SystemClock) }
    }
}

/// Starts servers.
pub struct Server;

impl Server {
    /// Opens the house and every listener; when this answers, all of them accept.
    pub async fn start(options: StartOptions) -> Result<Running, ServerError> {
        let StartOptions { config, disk, clock } = options;
        if config.listen.is_deaf() {
            return Err(ServerError::Deaf(config.file.display().to_string()));
        }
        let tls = Tls::start(&config, clock.wall())?;
        let routes = config.relay.routes()?;
        let open = open(&config, Arc::clone(&disk), Arc::clone(&clock)).await?;
        open.house().set_routes(routes);
        let Relay { ca_file, connections, .. } = &config.relay;
        open.house().set_carrier(carrier(&config.hostname, ca_file.clone(), *connections), *connections);
        match Self::start_in(&open, &config, tls, disk, clock) {
            Ok(Opened { doors, switch, listeners, keeper }) => {
                Ok(Running { open, doors, switch, listeners, keeper, config: RwLock::new(config) })
            }
            Err(error) => {
                open.close().await;
                Err(error)
            }
        }
    }

    fn start_in(
        open: &OpenHouse,
        config: &Config,
        tls: Tls,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<Opened, ServerError> {
        // All of them before the first is served: a start that fails has greeted nobody.
        let opened = open_listeners(config)?;
        let admin = Bound::open("admin.sock", &ListenAddress::Unix(admin_socket(config)), &config.file)?;
        let mut listeners = BTreeMap::from([("admin".to_owned(), admin.to_string())]);
        opened.iter().for_each(|(speaks, bound)| add_name(&mut listeners, speaks.name(), bound.to_string()));
        let (switch, shutdown) = Shutdown::new();
        let traffic = Arc::new(Traffic::default());
        let measures = Measures::new(config, Arc::clone(&traffic), tls.clone(), open.house().db().now());
        let challenges = Challenges::default();
        let keeper = Keeper::new(config, clock, disk, tls.clone(), challenges.clone());
        let known: Arc<dyn CertificateKeeper> = keeper.clone();
        open.house().set_certificate_keeper(known);
        let doors = Arc::new(Doors {
            house: Arc::clone(open.house()),
            handshakes: Arc::new(Handshakes { tls, traffic: Arc::clone(&traffic), shutdown: shutdown.clone() }),
            web: postern_http::router(Arc::clone(open.house())),
            plain_web: postern_http::plain_router(Arc::clone(open.house()), web(config, Some(&listeners)), challenges),
            shutdown,
            cut: CancellationToken::new(),
            tasks: TaskTracker::new(),
            visitors: Arc::new(Visitors::default()),
            traffic,
            measure: MayMeasure(Arc::new(move || measures.read())),
            rules: RwLock::new(rules(config)),
        });
        for (speaks, bound) in opened {
            doors.traffic.begin(speaks.name());
            doors.tasks.spawn(keep_door(Arc::clone(&doors), bound, speaks));
        }
        open.house().is_found_at(services(config, Some(&listeners)), web(config, Some(&listeners)));
        doors.tasks.spawn(admin::serve(Arc::clone(&doors), admin));
        doors.tasks.spawn(Arc::clone(&doors.house).run_jobs(doors.shutdown.clone()));
        let (tls, house) = (doors.handshakes.tls.clone(), Arc::clone(&doors.house));
        doors.tasks.spawn(ends::watch(tls, Arc::clone(&keeper), house, doors.shutdown.clone()));
        doors.tasks.spawn(run_queue(Arc::clone(&doors.house), doors.shutdown.clone(), doors.cut.clone()));
        doors.tasks.spawn(Arc::clone(&keeper).run(doors.shutdown.clone()));
        Ok(Opened { doors, switch, listeners, keeper })
    }
}

/// Runs the queue to its end, or until it is cut. Should it break off, it begins anew: mail is taken on and on, and
/// leaves.
async fn run_queue(house: Arc<House>, shutdown: Shutdown, cut: CancellationToken) {
    loop {
        // Ends with this, whatever becomes of it.
        let mut running = JoinSet::new();
        running.spawn(Arc::clone(&house).run_queue(shutdown.clone()));
        let ended = tokio::select! {
            () = cut.cancelled() => return running.shutdown().await,
            ended = running.join_next() => ended,
        };
        match ended {
            Some(Err(error)) if error.is_panic() => tracing::error!(event = "queue.broke-off", %error),
            _ => return,
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

struct Opened {
    doors: Arc<Doors>,
    switch: watch::Sender<bool>,
    listeners: BTreeMap<String, String>,
    keeper: Arc<Keeper>,
}

async fn open(config: &Config, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<OpenHouse, ServerError> {
    let (opening, of_opening) = (config.clone(), Arc::clone(&disk));
    let opened = tokio::task::spawn_blocking(move || open_house_on(&opening, of_opening, clock)).await;
    let open = opened.map_err(|_| postern_app::Refused::Unavailable).map_err(HouseError::from)??;
    if open.house().is_founded().await.map_err(HouseError::from)? {
        return match find_blobs(open.house(), &config.blobs, &*disk).await {
            Ok(()) => Ok(open),
            Err(lost) => {
                open.close().await;
                Err(lost.into())
            }
        };
    }
    open.close().await;
    let reason = "its database was never founded".to_owned();
    Err(HouseError::Absent { folder: config.data_dir.clone(), reason }.into())
}

/// Opens every listener of a configuration and lets go of them again: whether a server could start there, before
/// anything is made for it.
pub fn check_listeners(config: &Config) -> Result<(), BindError> {
    open_listeners(config).map(drop)
}

fn open_listeners(config: &Config) -> Result<Vec<(Speaks, Bound)>, BindError> {
    let wanted = [
        (Speaks::Imaps, &config.listen.imaps),
        (Speaks::Imap, &config.listen.imap),
        (Speaks::Lmtp, &config.listen.lmtp),
        (Speaks::Smtp, &config.listen.smtp),
        (Speaks::Submission, &config.listen.submission),
        (Speaks::Submissions, &config.listen.submissions),
        (Speaks::Https, &config.listen.https),
        (Speaks::Http, &config.listen.http),
    ];
    let all = wanted.into_iter().flat_map(|(speaks, addresses)| addresses.iter().map(move |address| (speaks, address)));
    all.map(|(speaks, address)| Ok((speaks, Bound::open(speaks.name(), address, &config.file)?))).collect()
}

/// The first address of a kind has its name, further ones are counted from 2.
fn add_name(listeners: &mut BTreeMap<String, String>, name: &str, address: String) {
    let numbered = |number: usize| if number == 1 { name.to_owned() } else { format!("{name}.{number}") };
    if let Some(free) = (1..).map(numbered).find(|name| !listeners.contains_key(name)) {
        listeners.insert(free, address);
    }
}

fn rules(config: &Config) -> Rules {
    Rules {
        allowance: Allowance::new(&config.limits, config.security.exempt_loopback),
        lmtp_networks: config.security.lmtp_networks.clone(),
        metrics_networks: config.security.metrics_networks.clone(),
    }
}

/// A server that runs. [`Running::drain`] ends it in good order.
pub struct Running {
    open: OpenHouse,
    doors: Arc<Doors>,
    switch: watch::Sender<bool>,
    listeners: BTreeMap<String, String>,
    keeper: Arc<Keeper>,
    config: RwLock<Config>,
}

/// What came of a reload.
#[derive(Debug)]
pub struct Reloaded {
    /// The certificate: read again, or why the old one stays.
    pub certificate: Result<(), TlsError>,
    /// Where mail goes: as it is now, or why it goes where it went.
    pub relay: Result<(), RelayError>,
    /// Sections that differ and hold only after a restart.
    pub needs_restart: Vec<&'static str>,
}

impl Running {
    /// Every listener with the address it really has; `admin` is the administration socket.
    pub fn listeners(&self) -> &BTreeMap<String, String> {
        &self.listeners
    }

    /// The house.
    pub fn house(&self) -> &Arc<House> {
        self.open.house()
    }

    /// Takes a new configuration as far as a running server can: certificates, where mail goes,
    /// who may connect, and (by the caller) the log level.
    pub fn reload(&self, fresh: Config) -> Reloaded {
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        let needs_restart = differing(&config, &fresh);
        let certificate = self.keeper.reload(&fresh);
        let relay = fresh.relay.routes().map(|routes| self.house().set_routes(routes));
        *self.doors.rules.write().unwrap_or_else(PoisonError::into_inner) = rules(&fresh);
        self.house().set_exempt_loopback(fresh.security.exempt_loopback);
        let old = config.clone();
        // What needs a restart stays as it is in force, so that the next reload says so again.
        *config = Config {
            tls: fresh.tls,
            acme: fresh.acme,
            relay: fresh.relay.carried_as(&old.relay),
            log: fresh.log,
            security: crate::config::Security { plaintext_sign_in: old.security.plaintext_sign_in, ..fresh.security },
            limits: postern_types::Limits {
                unauthenticated_per_address: fresh.limits.unauthenticated_per_address,
                ..old.limits
            },
            ..old
        };
        Reloaded { certificate, relay, needs_restart }
    }

    /// Ends the server: sessions are told, get this long, and are cut after it. Answers
    /// whether all ended by themselves.
    pub async fn drain(self, patience: Duration) -> bool {
        let Running { open, doors, switch, listeners: _, keeper, config: _ } = self;
        switch.send_replace(true);
        doors.tasks.close();
        let in_time = tokio::time::timeout(patience, doors.tasks.wait()).await.is_ok();
        if !in_time {
            tracing::warn!(event = "server.sessions-cut", sessions = doors.tasks.len());
            doors.cut.cancel();
            doors.tasks.wait().await;
        }
        drop((doors, keeper));
        open.close().await;
        in_time
    }
}

fn differing(old: &Config, fresh: &Config) -> Vec<&'static str> {
    // What [security] has of them is told by its own name, or is in force already.
    let limits = postern_types::Limits {
        unauthenticated_per_address: old.limits.unauthenticated_per_address,
        failure_deadline_ms: old.limits.failure_deadline_ms,
        smtp_messages_per_minute: old.limits.smtp_messages_per_minute,
        ..fresh.limits.clone()
    };
    let differences = [
        ("hostname", old.hostname != fresh.hostname),
        ("data_dir", old.data_dir != fresh.data_dir),
        ("[database]", old.database != fresh.database),
        ("[blobs]", old.blobs != fresh.blobs),
        ("[listen]", old.listen != fresh.listen),
        ("[log] format", old.log.format != fresh.log.format),
        ("[relay] ca_file", old.relay.ca_file != fresh.relay.ca_file),
        ("[relay] connections", old.relay.connections != fresh.relay.connections),
        ("[limits]", old.limits != limits),
        ("[security] failure_deadline_ms", old.limits.failure_deadline_ms != fresh.limits.failure_deadline_ms),
        (
            "[security] smtp_messages_per_minute",
            old.limits.smtp_messages_per_minute != fresh.limits.smtp_messages_per_minute,
        ),
        ("[security] plaintext_sign_in", old.security.plaintext_sign_in != fresh.security.plaintext_sign_in),
    ];
    differences.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
