//! A private PostgreSQL for one command: `cargo xtask db [--durable] -- COMMAND`.
//!
//! Tests must not need a server that somebody set up, nor touch one that somebody uses. So the
//! binaries of Debian's package run on a folder of our own, on a port of our own, for as long as
//! the command runs, and the folder goes with them.

mod binaries;
mod server;

pub use binaries::installed;
pub use server::PrivatePostgres;

use std::process::Command;

use anyhow::Result;

use crate::cargo;
use crate::supervise::Supervisor;

/// Whether the private server keeps what it has acknowledged through a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No syncs: a test database dies with its folder anyway, and tests run several times faster.
    Volatile,
    /// As in production, for measurements that are to be believed.
    Durable,
}

/// Runs `command` with `POSTERN_TEST_POSTGRES` set and answers with its exit status.
pub fn chore(durability: Durability, command: &[&str]) -> Result<u8> {
    // Before the server, so that no signal can come between the two.
    let supervisor = Supervisor::new()?;
    let server = PrivatePostgres::start(durability)?;
    let [program, arguments @ ..] = command else { anyhow::bail!("no command was given") };
    let mut child = Command::new(program);
    child.args(arguments).env("POSTERN_TEST_POSTGRES", server.url());
    cargo::forget_the_outer_cargo(&mut child);
    let outcome = supervisor.run(&mut child)?;
    server.stop()?;
    Ok(outcome.code())
}
