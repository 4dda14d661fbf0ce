//! `postern.toml`: boot facts only. Everything that people administer lives in the database.
//!
//! A file that can not be used is refused with the line, the reason and the cure, and so is a
//! key whose feature is not built: a setting that is quietly ignored is a promise broken.
//! Values of the environment (`POSTERN_DATABASE__URL`) come after the file and are named when
//! they are at fault.

mod acme;
mod check;
mod chosen;
mod environment;
mod error;
mod limits;
mod listen;
mod raw;
mod relay;
mod template;
#[cfg(test)]
mod tests;
mod words;

pub use acme::{Acme, Challenge};
pub use environment::environment;
pub use error::ConfigError;
pub use listen::ListenAddress;
pub use postern_types::Network;
pub use relay::{Relay, RelayError, check_smarthost};
pub use template::{Settings, Shown, document, loopback};

use postern_access::PlaintextSignIn;
use postern_store::DatabaseUrl;
use postern_types::Limits;
use raw::RawConfig;
use std::path::{Path, PathBuf};

/// The configuration in force: checked, paths made whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from, for texts that say where to change something.
    pub file: PathBuf,
    /// The name this server goes by, in greetings, trace lines and its certificate.
    pub hostname: String,
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// Where the rows are.
    pub database: DatabaseUrl,
    /// The folder of bodies that are files.
    pub blobs: PathBuf,
    /// Who is listened to, and where.
    pub listen: Listen,
    /// The certificate of all TLS listeners.
    pub tls: TlsFiles,
    /// Who is asked for it, where it comes by ACME.
    pub acme: Option<Acme>,
    /// Where mail for other domains is handed over.
    pub relay: Relay,
    /// What is logged, and how.
    pub log: Log,
    /// Limits of the house.
    pub limits: Limits,
    /// What is allowed before someone has signed in.
    pub security: Security,
}

/// Addresses, by what is spoken there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// IMAP under TLS from the first byte (RFC 8314 section 3.2).
    pub imaps: Vec<ListenAddress>,
    /// IMAP without TLS: this machine only.
    pub imap: Vec<ListenAddress>,
    /// LMTP (RFC 2033).
    pub lmtp: Vec<ListenAddress>,
    /// SMTP of other servers that bring mail (RFC 5321).
    pub smtp: Vec<ListenAddress>,
    /// Submission (RFC 6409), under TLS by STARTTLS.
    pub submission: Vec<ListenAddress>,
    /// Submission under TLS from the first byte (RFC 8314 section 3.3).
    pub submissions: Vec<ListenAddress>,
    /// REST under TLS.
    pub https: Vec<ListenAddress>,
    /// Set-up help for mail programs and what an authority asks for, without TLS.
    pub http: Vec<ListenAddress>,
}

impl Listen {
    /// Nothing is listened to.
    pub fn is_deaf(&self) -> bool {
        self.all().next().is_none()
    }

    /// Every place.
    pub fn all(&self) -> impl Iterator<Item = &ListenAddress> {
        let Self { imaps, imap, lmtp, smtp, submission, submissions, https, http } = self;
        [imaps, imap, lmtp, smtp, submission, submissions, https, http].into_iter().flatten()
    }
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A level, or a filter such as `info,postern_imap=debug`.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// `[security]`, but for what lies in [`Limits`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// Where sign-in without TLS is allowed.
    pub plaintext_sign_in: PlaintextSignIn,
    /// Connections from this machine are not counted and not slowed down.
    pub exempt_loopback: bool,
    /// Who may deliver by LMTP over TCP, besides this machine.
    pub lmtp_networks: Vec<Network>,
    /// Who may read metrics over https, besides this machine.
    pub metrics_networks: Vec<Network>,
}

impl Config {
    /// Reads a file, then the environment as [`environment`] gives it.
    pub fn load(file: &Path, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?;
        Self::parse(file, &text, environment)
    }

    /// The same for text that is at hand; `file` says where it belongs, and relative paths
    /// begin at its folder.
    pub fn parse(file: &Path, text: &str, environment: &[(String, String)]) -> Result<Self, ConfigError> {
        // By itself first: only here do faults have lines.
        toml::from_str::<RawConfig>(text).map_err(|error| ConfigError::in_file(file, text, &error))?;
        let table = toml::from_str(text).map_err(|error| ConfigError::in_file(file, text, &error))?;
        let (table, sources) = environment::apply(table, environment)?;
        let raw: RawConfig = table.try_into().map_err(|error| ConfigError::merged(file, &error))?;
        check::check(raw, file).map_err(|problem| problem.locate(file, text, &sources))
    }
}
