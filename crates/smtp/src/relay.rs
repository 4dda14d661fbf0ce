//! Mail to other servers: the carrier of the queue (RFC 5321 as a client, RFC 6409 towards a
//! smarthost).
//!
//! A parcel is one transaction with one server. What becomes of it is told for each recipient,
//! and only a reply of class 5 to what was asked, or an offer that rules the message out, is the end of
//! one: everything that went wrong on the way is *later*, because the next attempt may fare
//! better (section 4.5.4.1). Connections are kept for the next parcel a short while ([`pool`]).
//! This crate owns no socket: connections come from a [`Dialer`].

mod connection;
mod opening;
mod pool;
mod said;
mod transaction;

use connection::{Broken, Connection};
use opening::Opening;
use pool::Pool;
use postern_app::wire::Wire;
use postern_app::{Carried, Carrier, Carrying, Hop, Outcome, Parcel, Said, Turn};
use postern_types::Timestamp;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use transaction::Transaction;

/// Opens connections to other servers.
pub trait Dialer: Send + Sync + 'static {
    /// What it opens. [`Wire::start_tls`] is the client's side here, with the name and the wish of the
    /// hop: [`postern_app::HopTls::Required`] fails where the certificate is not right.
    type Wire: Wire + 'static;
    /// Connects; under TLS from the first byte, its certificate checked, where the hop says
    /// [`postern_app::HopTls::Implicit`]. The caller limits how long it takes.
    fn dial(&self, hop: &Arc<Hop>) -> impl Future<Output = Result<Self::Wire, DialError>> + Send;
}

/// Why there is no connection; the texts are for people and hold no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialError {
    /// The name has no address.
    NoAddress(String),
    /// None of its addresses answered.
    Unreachable(String),
    /// TLS did not come about.
    Tls(String),
}

/// How long each step may take (RFC 5321 section 4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// All of connecting: names, every address, TLS.
    pub dial: Duration,
    /// The greeting (section 4.5.3.2.1).
    pub greeting: Duration,
    /// EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET (sections 4.5.3.2.2 and 4.5.3.2.3).
    pub command: Duration,
    /// The 354 (section 4.5.3.2.4).
    pub data_start: Duration,
    /// One block of the message (section 4.5.3.2.5).
    pub data_block: Duration,
    /// The answer to the final dot (section 4.5.3.2.6).
    pub data_end: Duration,
    /// All of a transaction: the times above are for each answer, and a server that needs nearly all
    /// of every one would hold a parcel for days.
    pub transaction: Duration,
    /// Goodbyes, which nobody waits for.
    pub farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            dial: minutes(5),
            greeting: minutes(5),
            command: minutes(5),
            data_start: minutes(2),
            data_block: minutes(3),
            data_end: minutes(10),
            transaction: minutes(120),
            farewell: Duration::from_secs(5),
        }
    }
}

/// How the carrier behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayOptions {
    /// Connections to one hop at the same time, idle ones counted; more parcels wait in line.
    pub connections_per_hop: usize,
    /// How long a connection is kept for the next parcel.
    pub idle: Duration,
    /// How long the other side may take.
    pub patience: Patience,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self { connections_per_hop: 10, idle: Duration::from_secs(5), patience: Patience::default() }
    }
}

/// The carrier.
pub struct Relay<D: Dialer> {
    dialer: D,
    hostname: String,
    patience: Patience,
    pool: Arc<Pool<D::Wire>>,
}

impl<D: Dialer> Relay<D> {
    /// `hostname` is our name in EHLO.
    pub fn new(dialer: D, hostname: impl Into<String>, options: RelayOptions) -> Self {
        let pool = Arc::new(Pool::new(options.connections_per_hop, options.idle, options.patience.farewell));
        Self { dialer, hostname: hostname.into(), patience: options.patience, pool }
    }

    async fn take_there(&self, parcel: &Parcel, turn: Turn) -> Carried {
        if let Some(mut connection) = self.idle_connection(&parcel.hop).await {
            let mut transaction = Transaction::new(parcel);
            let run = self.run(&mut transaction, &mut connection).await;
            let was_closed = run.as_ref().is_err_and(|broken| broken.is_gone) && !transaction.is_answered();
            if !was_closed {
                return self.finish(connection, transaction, run, turn);
            }
            // It was closed while it was idle, and the server has seen nothing of the parcel, or has
            // not cared: one more try. The others of its age will be no better.
            self.pool.forget(&parcel.hop);
        }
        let (dialer, hop, hostname, patience) = (&self.dialer, &parcel.hop, self.hostname.as_str(), &self.patience);
        match (Opening { dialer, hop, hostname, patience }).open().await {
            Err(closed) => nowhere(parcel, closed.server, &closed.said),
            Ok(mut connection) => {
                let mut transaction = Transaction::new(parcel);
                let run = self.run(&mut transaction, &mut connection).await;
                self.finish(connection, transaction, run, turn)
            }
        }
    }

    /// One that still stands and whose server has said nothing since, such as goodbye.
    async fn idle_connection(&self, hop: &Arc<Hop>) -> Option<Connection<D::Wire>> {
        while let Some(mut connection) = self.pool.take(hop) {
            if connection.is_quiet().await {
                return Some(connection);
            }
        }
        None
    }

    async fn run(&self, transaction: &mut Transaction<'_>, connection: &mut Connection<D::Wire>) -> Result<(), Broken> {
        let patience = self.patience.transaction;
        let run = timeout(patience, transaction.run(connection, &self.patience)).await;
        run.unwrap_or_else(|_| Err(Broken::too_late(patience)))
    }

    /// Keeps the connection, or ends it, and tells what became of everybody.
    fn finish(
        &self,
        connection: Connection<D::Wire>,
        mut transaction: Transaction<'_>,
        run: Result<(), Broken>,
        turn: Turn,
    ) -> Carried {
        let server = connection.server.clone();
        let mut is_unreachable = false;
        match run {
            Ok(()) if connection.may_go_on() => self.pool.put(&transaction.parcel().hop, connection),
            Ok(()) => pool::say_goodbye(connection, turn, self.patience.farewell),
            Err(broken) => {
                // A server that breaks off later on may dislike this message alone.
                is_unreachable = !transaction.is_answered();
                // Before its turn, so that nobody opens one more meanwhile.
                drop(connection);
                transaction.everybody_later(&broken.said);
            }
        }
        Carried { server, outcomes: transaction.into_outcomes(), is_unreachable }
    }
}

/// Nothing of it could be said to the server.
fn nowhere(parcel: &Parcel, server: Option<String>, said: &Said) -> Carried {
    let outcomes = parcel.recipients.iter().map(|_| said::later(said.clone())).collect();
    Carried { server, outcomes, is_unreachable: true }
}

impl<D: Dialer> Carrier for Relay<D> {
    fn turns(&self, hop: &Arc<Hop>) -> Arc<Semaphore> {
        self.pool.room(hop)
    }

    fn carry(&self, parcel: Parcel, turn: Turn) -> Carrying<'_> {
        Box::pin(async move {
            let carried = self.take_there(&parcel, turn).await;
            log(&parcel, &carried);
            carried
        })
    }

    fn tidy(&self, _now: Timestamp) {
        self.pool.sweep();
    }
}

/// What servers say may quote people's addresses, so it is told to the queue and not here.
fn log(parcel: &Parcel, carried: &Carried) {
    let (mut done, mut later, mut never) = (0, 0, 0);
    for outcome in &carried.outcomes {
        match outcome {
            Outcome::Done { .. } => done += 1,
            Outcome::Later(_) => later += 1,
            Outcome::Never(_) => never += 1,
        }
    }
    let (id, hop, unreachable) = (&parcel.id, &parcel.hop, carried.is_unreachable);
    tracing::info!(event = "relay.carried", id, %hop, done, later, never, unreachable);
}
