//! PostgreSQL: threads with a client each, one job per transaction.
//!
//! Reads are REPEATABLE READ READ ONLY: one moment of the database. Writes are READ
//! COMMITTED; what they decide by is locked first (`/*LOCK*/` and `/*SHARE*/`, see
//! [`dialect`](super::dialect)), account rows in the order of their ids. What the server
//! asks to have run again (40001, 40P01) is run again here and nowhere else.
//!
//! There is no TLS to the server in this version, so only unix sockets and loopback are
//! taken. The client blocks on a runtime of its own: it lives on our threads only.

pub(super) mod bodies;
mod session;
#[cfg(test)]
mod tests;
mod worker;

use crate::db::{DbOptions, Engine, Shared};
use crate::disk::file_error;
use crate::{StoreError, clock, migrate};
use postern_types::Timestamp;
use postgres::config::{Host, SslMode};
use postgres::error::SqlState;
use postgres::{Client, NoTls};
use session::Session;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::Config;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What each connection is told: a commit returns when it is on disk (law 3), whatever the
/// server's own default is.
const SET_UP: &str = "
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET TIME ZONE 'UTC';";

/// Opens the database, makes or migrates its schema, and starts the threads.
pub(crate) fn open(url: &str, options: &DbOptions, shared: &Arc<Shared>) -> Result<Engine, StoreError> {
    let disk = shared.disk.as_ref();
    disk.create_dir_all(&options.data_dir).map_err(|error| file_error(&options.data_dir, error))?;
    let config = configure(url)?;
    let mut client = connect(&config)?;
    migrate::postgres::bring_up_to_date(&mut client, &migrate::ROADS, shared.clock.now())?;
    let high = client.query_opt(clock::CLOCK_HIGH.text, &[]).map_err(|error| store_error(&error))?;
    if let Some(high) = high {
        shared.clock.has_kept(Timestamp(high.get(0)));
    }
    drop(client);

    let mut engine = Engine::default();
    for number in 1..=options.readers.max(1) {
        let (shared, config) = (shared.clone(), config.clone());
        engine.spawn(format!("reader-{number}"), move || worker::serve_reads(&shared, config))?;
    }
    for number in 1..=options.writers.max(1) {
        let (shared, config) = (shared.clone(), config.clone());
        engine.spawn(format!("writer-{number}"), move || worker::serve_writes(&shared, config))?;
    }
    Ok(engine)
}

/// Reads the url, and refuses a server that the rows would travel to in the clear.
pub(crate) fn configure(url: &str) -> Result<Config, StoreError> {
    let mut config: Config = url.parse().map_err(|error| {
        StoreError::Unusable(format!("The database url is not understood ({error}); check [database] url"))
    })?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(StoreError::Unusable(
            "The database url names no host; for a unix socket write postgres:///postern?host=/run/postgresql".into(),
        ));
    }
    let local_name = |host: &Host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    };
    if !config.get_hosts().iter().all(local_name) || !config.get_hostaddrs().iter().all(IpAddr::is_loopback) {
        return Err(StoreError::Unusable(
            "PostgreSQL is reached over a unix socket or loopback only, as this version has no TLS to it; \
             check [database] url, or forward a local port to the server"
                .into(),
        ));
    }
    if config.get_ssl_mode() == SslMode::Require {
        return Err(StoreError::Unusable(
            "This version has no TLS to PostgreSQL; leave sslmode out of [database] url: over loopback and a unix socket \
             nothing leaves the machine"
                .into(),
        ));
    }
    config.application_name("postern").connect_timeout(CONNECT_TIMEOUT);
    Ok(config)
}

/// A new connection, set up, for what is done before there are jobs.
pub(crate) fn connect(config: &Config) -> Result<Client, StoreError> {
    let config = postgres::Config::from(config.clone());
    let mut client = config.connect(NoTls).map_err(|error| not_reached(&error))?;
    client.batch_execute(SET_UP).map_err(|error| store_error(&error))?;
    Ok(client)
}

/// Why there is no connection, for whoever starts the server.
fn not_reached(error: &postgres::Error) -> StoreError {
    let text = match std::error::Error::source(error) {
        Some(source) if error.code().is_none() => format!("{error}: {source}"),
        _ => text_of(error),
    };
    let next = next_step(error.code());
    StoreError::Unusable(format!("The database can not be used ({text})\nNext step: {next}"))
}

/// What to do where the server answered so, or not at all.
fn next_step(code: Option<&SqlState>) -> &'static str {
    match code {
        Some(&SqlState::INVALID_CATALOG_NAME) => "make it: createdb -O USER NAME, as the user postgres",
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "check user and password in [database] url, and pg_hba.conf of the server"
        }
        Some(&SqlState::TOO_MANY_CONNECTIONS) => {
            "end other programs that use it, or raise max_connections in postgresql.conf and start PostgreSQL again"
        }
        Some(&SqlState::CANNOT_CONNECT_NOW) => "wait until PostgreSQL has started, and start Postern again",
        _ => "is PostgreSQL running there? Check [database] url",
    }
}

/// What an error of PostgreSQL means to the house.
pub(crate) fn store_error(error: &postgres::Error) -> StoreError {
    let text = text_of(error);
    match error.code() {
        Some(code) if asks_for_a_retry(code) || is_shortage(code) || is_gone(code) => StoreError::Lost(text),
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => StoreError::ReadOnly,
        Some(code) if code.code().starts_with("23") => StoreError::Conflict(text),
        Some(code) if code.code().starts_with("XX") => StoreError::Damaged(text),
        Some(_) => StoreError::Engine(text),
        None if error.is_closed() || is_io(error) => StoreError::Lost(text),
        None => StoreError::Engine(text),
    }
}

/// The transaction was right and came at the wrong moment.
fn asks_for_a_retry(code: &SqlState) -> bool {
    *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED
}

/// Disk full, out of memory, too many connections.
fn is_shortage(code: &SqlState) -> bool {
    code.code().starts_with("53")
}

/// The server is going down or has cut the connection.
fn is_gone(code: &SqlState) -> bool {
    code.code().starts_with("57P") || code.code().starts_with("08")
}

fn is_io(error: &postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
}

/// Code and message. The detail is left out: it quotes values of rows.
fn text_of(error: &postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} {}", error.code().code(), error.message()),
        None => error.to_string(),
    }
}
