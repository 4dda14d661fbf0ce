//! IMAP sessions: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) over the use cases of
//! `postern-app`.
//!
//! A session turns commands into use cases and their results into replies. It decides
//! nothing about rights: each use case asks the gate again, so a right that was taken back
//! fails at the next command. It owns no socket: [`Wire`] moves the bytes, and only while
//! no transaction is open.
//!
//! - `connection`: one connection from greeting to BYE, and what it remembers.
//! - `compressed`: its bytes, as they are or compressed.
//! - `commands`: one file per command or tight family; one dispatch over
//!   `postern_imap_wire::CommandBody`.
//! - `waiting`: what it waits for between commands, and tells then; `hearing` and `around`: what NOTIFY
//!   asked for.
//! - `telling`: what others did in the selected mailbox, told in parts.
//! - `messages`: sequence numbers of the selected mailbox, which belong to IMAP alone.
//! - `names`, `listing`, `pattern`: what mailboxes are called here. Shared mailboxes lie
//!   under `Shared/ADDRESS/`.

mod answer;
mod around;
mod capabilities;
mod commands;
mod compressed;
mod connection;
#[cfg(fuzzing)]
pub mod fuzzing;
mod hearing;
mod items;
mod keys;
mod listing;
mod messages;
mod names;
mod pattern;
mod resync;
mod section;
mod selected;
mod telling;
mod waiting;

use postern_app::House;
use postern_app::wire::{Shutdown, Wire};
use std::future::Future;
use std::sync::Arc;

/// Serves one connection until it ends. The future is small while it waits: what a command
/// needs is allocated for the command.
pub fn serve(house: Arc<House>, wire: impl Wire, shutdown: Shutdown) -> impl Future<Output = ()> + Send {
    connection::Connection::new(house, wire, shutdown).run()
}
