//! Where log lines go: standard error, as text for people or as JSON for machines.
//!
//! Events have fixed names (`event = "server.ready"`), so that a filter or an alarm written
//! once keeps working. The level can change while the server runs, the format can not.

use crate::config::{Log, LogFormat};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::IsTerminal;
use std::sync::{LazyLock, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
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
        let registry = tracing_subscriber::registry().with(filter).with(Counting);
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

/// Events that alerts watch for: there from the beginning, as 0, so that the first one is seen to
/// come.
const WATCHED: [(&str, &str); 14] = [
    ("error", "body.lost"),
    ("error", "certificate.refused"),
    ("error", "disk.full"),
    ("error", "disk.low"),
    ("error", "job.failed"),
    ("error", "key.missing"),
    ("error", "listener.accept-failed"),
    ("error", "queue.broke-off"),
    ("error", "server.certificate-ended"),
    ("error", "server.certificate-not-reloaded"),
    ("error", "store.failed"),
    ("warn", "certificate.refused"),
    ("warn", "relay.unreachable"),
    ("warn", "store.checkpoint.failed"),
];

type EventCounts = BTreeMap<(&'static str, String), u64>;

/// The log is the process's, and so is its count.
static EVENTS: LazyLock<Mutex<EventCounts>> =
    LazyLock::new(|| Mutex::new(WATCHED.map(|(level, event)| ((level, event.to_owned()), 0)).into_iter().collect()));

/// Lines of the log that tell of a fault, by level and event.
pub(crate) fn log_events() -> Vec<(&'static str, String, u64)> {
    let events = EVENTS.lock().unwrap_or_else(PoisonError::into_inner);
    events.iter().map(|((level, event), count)| (*level, event.clone(), *count)).collect()
}

/// Counts what tells of a fault, by the name that each event has. Names are words of our source, so
/// there are few; lines of others have none.
struct Counting;

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warn",
            _ => return,
        };
        let mut name = EventName(String::new());
        event.record(&mut name);
        *EVENTS.lock().unwrap_or_else(PoisonError::into_inner).entry((level, name.0)).or_default() += 1;
    }
}

/// The field `event` of an event.
struct EventName(String);

impl Visit for EventName {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_by_their_names() {
        let count = |level: &str, event: &str| {
            let found = log_events().into_iter().find(|(at, name, _)| (*at, name.as_str()) == (level, event));
            found.map(|(_, _, count)| count)
        };
        let subscriber = tracing_subscriber::registry().with(Counting);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(event = "store.failed", error = "no room");
            tracing::warn!(event = "store.failed", "as a warning");
            tracing::info!(event = "test.information");
        });
        assert_eq!((count("error", "store.failed"), count("warn", "store.failed")), (Some(1), Some(1)));
        assert_eq!((count("info", "test.information"), count("error", "body.lost")), (None, Some(0)));
    }
}
