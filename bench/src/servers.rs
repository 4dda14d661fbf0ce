//! The servers that are measured, each on a folder of its own under one temporary folder.
//!
//! All listen on loopback at ports that the system gives, run as our own children and are ended
//! by their own ids. No service of the machine is touched.

mod database;
mod dovecot;
mod postern;

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

pub use postern::{Postern, binary, binary_that_trusts_its_cache};

/// Whom the mail is for, on every server.
pub const RECIPIENT: &str = "support@example.org";

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
}

impl Kind {
    /// As on the command line and in every table.
    pub fn name(self) -> &'static str {
        match self {
            Self::PosternSqlite => "postern-sqlite",
            Self::PosternPostgres => "postern-postgres",
            Self::DovecotMaildir => "dovecot-maildir",
            Self::DovecotSdbox => "dovecot-sdbox",
        }
    }

    /// Whether a floor is asked of it. PostgreSQL is for more nodes, not for more speed on one.
    pub fn has_floor(self) -> bool {
        self == Self::PosternSqlite
    }

    /// Somebody else's server.
    pub fn is_peer(self) -> bool {
        matches!(self, Self::DovecotMaildir | Self::DovecotSdbox)
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

/// Starts one; it takes mail when this answers.
pub async fn start(kind: Kind, tools: &Tools<'_>, folder: &Path) -> Result<Box<dyn Server>> {
    let folder = folder.join(kind.name());
    std::fs::create_dir(&folder)?;
    Ok(match kind {
        Kind::PosternSqlite => Box::new(postern::Postern::start(tools, &folder, false).await?),
        Kind::PosternPostgres => Box::new(postern::Postern::start(tools, &folder, true).await?),
        Kind::DovecotMaildir => Box::new(dovecot::Dovecot::start(dovecot::Format::Maildir, &folder).await?),
        Kind::DovecotSdbox => Box::new(dovecot::Dovecot::start(dovecot::Format::Sdbox, &folder).await?),
    })
}

/// Writes a file that only a measurement needs.
#[expect(clippy::disallowed_methods, reason = "the configuration of a server that lives for minutes")]
fn write(path: &Path, text: &str) -> Result<()> {
    Ok(std::fs::write(path, text)?)
}
