//! `GET /metrics`: the house and its process in numbers, as Prometheus reads them (text format,
//! version 0.0.4).
//!
//! One table ([`METRICS`]) feeds the answer and docs/metrics.md, and tests hold the alerts and the
//! dashboard in `deploy/` to it. Numbers alone: nothing says who. It is no part of REST, as it is
//! no JSON and asks for no sign-in: the server says of each connection whether it may
//! ([`MayMeasure`]).

mod table;

pub use table::METRICS;

use crate::dispatch::{problem_response, respond};
use crate::problem::{Kind, Problem};
use axum::extract::Request;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use postern_app::{Figures, House};
use std::fmt::Write;
use std::sync::Arc;

/// Where it is.
pub const PATH: &str = "/metrics";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the process around the house measures. The server puts it into the extensions of requests
/// from those who may read metrics, and of no others: it is the proof.
#[derive(Clone)]
pub struct MayMeasure(pub Arc<dyn Fn() -> ProcessFigures + Send + Sync>);

/// The process in numbers; what the system does not tell is left out.
#[derive(Debug, Clone, Default)]
pub struct ProcessFigures {
    /// Which version runs.
    pub version: String,
    /// Since when, in seconds since 1970.
    pub started_seconds: f64,
    /// Time of processors that it took.
    pub cpu_seconds: f64,
    /// Memory that it has.
    pub resident_bytes: Option<u64>,
    /// Files and sockets that are open.
    pub open_files: Option<u64>,
    /// How many may be.
    pub open_files_most: Option<u64>,
    /// Disks by what lies on them: bytes that are free for us, and all of them.
    pub disks: Vec<(&'static str, u64, u64)>,
    /// When the certificate ends, in seconds since 1970.
    pub certificate_ends_seconds: Option<i64>,
    /// Connections that were taken, by listener.
    pub connections: Vec<([&'static str; 1], u64)>,
    /// Connections of this moment, by listener.
    pub open_connections: Vec<([&'static str; 1], u64)>,
    /// Connections that were turned away, by listener and reason.
    pub refused_connections: Vec<([&'static str; 2], u64)>,
    /// Handshakes of TLS that failed.
    pub failed_handshakes: u64,
    /// Lines of the log, by level and event.
    pub log_events: Vec<(&'static str, String, u64)>,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows, until the process ends.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Times in classes.
    Histogram,
}

impl MetricKind {
    /// As the format writes it.
    pub fn name(self) -> &'static str {
        match self {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        }
    }
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name, the unit last.
    pub name: &'static str,
    /// How it moves.
    pub kind: MetricKind,
    /// What is counted.
    pub unit: &'static str,
    /// What tells its numbers apart.
    pub labels: &'static [&'static str],
    /// Who knows it.
    pub source: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    samples: fn(&All, &mut Samples),
}

/// What rows are filled from.
struct All {
    house: Figures,
    process: ProcessFigures,
}

type Labels = Vec<(&'static str, String)>;

/// The lines of one metric: the end of its name, its labels and its value.
#[derive(Debug, Default)]
struct Samples(Vec<(&'static str, Labels, f64)>);

impl Samples {
    fn one(&mut self, value: f64) {
        self.0.push(("", Vec::new(), value));
    }

    fn some(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.one(value);
        }
    }

    fn labelled<const COUNT: usize>(&mut self, labels: [(&'static str, &str); COUNT], value: f64) {
        let labels = labels.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        self.0.push(("", labels, value));
    }

    fn counts<const COUNT: usize>(&mut self, names: [&'static str; COUNT], counts: &[([&'static str; COUNT], u64)]) {
        for (words, count) in counts {
            let labels = names.iter().zip(words).map(|(name, word)| (*name, (*word).to_owned())).collect();
            self.0.push(("", labels, *count as f64));
        }
    }
}

/// The answer to whoever asks at [`PATH`].
pub(crate) async fn serve(house: Arc<House>, request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let text = format!("{PATH} takes GET, HEAD, not {}", request.method());
        let mut response = problem_response(&Problem::new(Kind::NoSuchMethod, text));
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(MayMeasure(measure)) = request.extensions().get::<MayMeasure>().cloned() else {
        let text = "Metrics are read at admin.sock, from this machine, and from the networks that [security] \
                    metrics_networks names";
        return problem_response(&Problem::new(Kind::NotYours, text));
    };
    // It asks the system about disks and files.
    let process = tokio::task::spawn_blocking(move || measure());
    match (house.figures().await, process.await) {
        (house, Ok(process)) => respond(StatusCode::OK, TEXT, text(&All { house, process }).into_bytes()),
        (_, Err(error)) => {
            tracing::error!(event = "metrics.failed", %error);
            problem_response(&Problem::unavailable())
        }
    }
}

fn text(all: &All) -> String {
    let mut text = String::new();
    for metric in METRICS {
        let mut samples = Samples::default();
        (metric.samples)(all, &mut samples);
        // Writing to a String can not fail.
        let _ = writeln!(text, "# HELP {} {}", metric.name, metric.meaning);
        let _ = writeln!(text, "# TYPE {} {}", metric.name, metric.kind.name());
        for (end, labels, value) in samples.0 {
            let _ = writeln!(text, "{}{end}{} {value}", metric.name, in_braces(&labels));
        }
    }
    text
}

fn in_braces(labels: &[(&'static str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", labels.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_can_not_break_out_of_its_line() {
        let label = ("event", "a\"b\\c\nd".to_owned());
        assert_eq!(in_braces(&[label]), r#"{event="a\"b\\c\nd"}"#);
    }

    /// The names that Prometheus asks for: a total ends in `_total`, and nothing else does.
    #[test]
    fn names_say_what_they_are() {
        for Metric { name, kind, meaning, labels, .. } in METRICS {
            assert_eq!(name.ends_with("_total"), *kind == MetricKind::Counter, "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(meaning.ends_with('.') && !meaning.contains(['\\', '\n', '|']), "{name}: {meaning}");
            assert!(labels.iter().all(|label| *label != "le"), "{name}");
        }
    }
}
