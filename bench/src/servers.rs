//! The servers that are measured, each on a folder of its own under one temporary folder.
//!
//! All listen on loopback at ports that the system gives, run as our own children and are ended
//! by their own ids. No service of the machine is touched.

mod database;
mod dovecot;
mod postern;
mod postfix;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use crate::cargo;
use crate::client::Entrance;
pub use dovecot::{Dovecot, Format};
pub use postern::{Postern, binary, binary_that_trusts_its_cache};
pub use postfix::Postfix;

/// Whom the mail is for, on every server.
pub const RECIPIENT: &str = "support@example.org";
/// How long a server may go on working after its last acknowledgement.
const REST_LIMIT: Duration = Duration::from_secs(10);
/// How long no processor time may be taken for a server to be at rest: longer than a tick.
const REST: Duration = Duration::from_millis(120);

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// Postern on its embedded engine.
    PosternSqlite,
    /// Postern on PostgreSQL.
    PosternPostgres,
    /// Dovecot with a file for each mail, in Maildir form.
    DovecotMaildir,
    /// Dovecot with a file for each mail, in its own form.
    DovecotSdbox,
    /// Dovecot with many mails in a file, which is quick to read.
    DovecotMdbox,
    /// Postfix, which relays.
    Postfix,
}

/// How mail is submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In clear, on this machine.
    Plain,
    /// Under TLS.
    Tls,
}

impl Kind {
    /// As on the command line and in every table.
    pub fn name(self) -> &'static str {
        match self {
            Self::PosternSqlite => "postern-sqlite",
            Self::PosternPostgres => "postern-postgres",
            Self::DovecotMaildir => "dovecot-maildir",
            Self::DovecotSdbox => "dovecot-sdbox",
            Self::DovecotMdbox => "dovecot-mdbox",
            Self::Postfix => "postfix",
        }
    }

    /// Whether a floor is asked of it. PostgreSQL is for more nodes, not for more speed on one.
    pub fn has_floor(self) -> bool {
        self == Self::PosternSqlite
    }

    /// Somebody else's server.
    pub fn is_peer(self) -> bool {
        self.format().is_some() || self == Self::Postfix
    }

    /// Mail is delivered to it: to the two faster forms of Dovecot.
    pub fn delivers(self) -> bool {
        !matches!(self, Self::Postfix | Self::DovecotMdbox)
    }

    /// It keeps mail that is read.
    pub fn reads(self) -> bool {
        self != Self::Postfix
    }

    /// How Dovecot keeps mail, if it is Dovecot.
    pub fn format(self) -> Option<Format> {
        match self {
            Self::DovecotMaildir => Some(Format::Maildir),
            Self::DovecotSdbox => Some(Format::Sdbox),
            Self::DovecotMdbox => Some(Format::Mdbox),
            Self::PosternSqlite | Self::PosternPostgres | Self::Postfix => None,
        }
    }

    /// It sends mail.
    pub fn sends(self) -> bool {
        matches!(self, Self::PosternSqlite | Self::PosternPostgres | Self::Postfix)
    }
}

/// What the bench needs to start servers.
pub struct Tools<'a> {
    /// The product.
    pub postern: &'a Path,
    /// A PostgreSQL server that may be written to.
    pub postgres: Option<&'a str>,
}

/// A server at work.
pub trait Server {
    /// Where it takes mail.
    fn lmtp(&self) -> Result<SocketAddr>;
    /// Processor time so far of everything that serves, or `None` where it cannot be seen.
    fn seconds(&self) -> Result<Option<f64>>;
    /// Mails that it says are in the recipient's inbox.
    fn mails(&self) -> Result<u64>;
    /// What it has on disk now. At rest after [`Server::stop`]; before, logs may still be open.
    fn disk_bytes(&self) -> Result<u64>;
    /// Ends it in good order.
    fn stop(&self) -> Result<()>;
}

/// A server that takes mail of its people and relays it.
pub trait Submits {
    /// Where and how it takes it.
    fn entrance(&self, way: Way) -> Result<Entrance>;
    /// Somebody of this address may send.
    fn add_sender(&self, address: &str) -> Result<()>;
    /// Processor time so far of everything that serves, or `None` where it cannot be seen.
    fn seconds(&self) -> Result<Option<f64>>;
    /// Ends it in good order.
    fn stop(&self) -> Result<()>;
}

/// Starts one; it takes mail when this answers.
pub async fn start(kind: Kind, tools: &Tools<'_>, folder: &Path) -> Result<Box<dyn Server>> {
    let folder = folder.join(kind.name());
    std::fs::create_dir(&folder)?;
    if kind == Kind::Postfix {
        bail!("Postfix keeps no mail here");
    }
    Ok(match kind.format() {
        Some(format) => Box::new(Dovecot::start(format, &folder).await?),
        None => Box::new(Postern::start(tools, &folder, kind == Kind::PosternPostgres).await?),
    })
}

/// Starts one that relays everything to `next`.
pub async fn start_to_send(kind: Kind, tools: &Tools<'_>, folder: &Path, next: SocketAddr) -> Result<Box<dyn Submits>> {
    std::fs::create_dir(folder)?;
    Ok(match kind {
        Kind::Postfix => Box::new(Postfix::start(folder, next).await?),
        _ => Box::new(Postern::start_to_send(tools, folder, kind == Kind::PosternPostgres, next).await?),
    })
}

/// Waits until a server, of whose processor time `seconds` tells, takes none.
pub async fn rest(seconds: impl Fn() -> Result<Option<f64>>) -> Result<()> {
    let start = Instant::now();
    let mut last = seconds()?;
    while start.elapsed() < REST_LIMIT {
        tokio::time::sleep(REST).await;
        let now = seconds()?;
        if now == last {
            break;
        }
        last = now;
    }
    Ok(())
}

/// What a program answers.
fn answer(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", cargo::line(command)))?;
    if !output.status.success() {
        bail!("{}: {}", cargo::line(command), String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("the answer is no text")
}

/// Writes a file that only a measurement needs.
#[expect(clippy::disallowed_methods, reason = "the configuration of a server that lives for minutes")]
pub fn write(path: &Path, text: &str) -> Result<()> {
    Ok(std::fs::write(path, text)?)
}
