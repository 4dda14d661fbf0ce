//! The process side of Postern: configuration, TLS, listeners, limits before sign-in, reload
//! and drain.
//!
//! It owns sockets, those of mail that leaves too, and knows no commands: bytes go to the protocol crates over
//! [`postern_app::wire::Wire`], and they decide nothing that `app` has not decided. A whole
//! server runs in one call, [`Server::start`], so that tests have the same one as people.

mod acme;
mod admin;
pub mod certificates;
pub mod config;
mod connection;
mod dial;
mod ends;
mod handshake;
mod house;
mod inspect;
mod keys;
mod listener;
mod logging;
mod measures;
mod own;
mod patience;
mod ready;
mod server;
mod services;
mod setup;
mod socket;
mod taken;
mod tls;
mod unread;
mod visitors;
mod web;

pub use acme::{LastAttempt, last_attempt};
pub use config::{Config, ConfigError};
pub use dial::roots;
pub use house::{HouseError, OpenHouse, admin_socket, open_house};
pub use inspect::{Inspected, WARN_DAYS};
pub use keys::{ExportError, Exported, export_keys};
pub use logging::Logging;
pub use ready::{ReadyFile, ready_text};
pub use server::{Reloaded, Running, Server, ServerError, StartOptions, check_listeners};
pub use setup::{NewHouse, SetupError, close_to_others};
pub use socket::{BindError, Bound};
pub use taken::{Holder, Seat, seat};
pub use tls::{Tls, TlsError, chain};

pub use postern_store::{Clock, DatabaseUrl, Disk, DiskFile, Peek, RealDisk, SystemClock, peek};
