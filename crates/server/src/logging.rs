//! Where log lines go: standard error, as text for people or as JSON for machines.
//!
//! Events have fixed names (`event = "server.ready"`), so that a filter or an alarm written
//! once keeps working. The level can change while the server runs, the format can not.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// The log of this process.
pub struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Logging {
    /// Starts it; once in a process. Answers nothing if there is a log already.
    pub fn start(log: &Log) -> Option<Self> {
        let (filter, handle) = reload::Layer::new(filter(&log.level));
        let registry = tracing_subscriber::registry().with(filter);
        let started = match log.format {
            LogFormat::Text => {
                let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
                registry.with(lines).try_init()
            }
            LogFormat::Json => {
                registry.with(fmt::layer().json().flatten_event(true).with_writer(std::io::stderr)).try_init()
            }
        };
        started.is_ok().then_some(Self { filter: handle })
    }

    /// Takes another level from now on.
    pub fn set_level(&self, level: &str) {
        if let Err(error) = self.filter.reload(filter(level)) {
            tracing::error!(event = "log.level-not-changed", %error);
        }
    }
}

/// The configuration has checked it; `info` is for the case that it could not.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}
