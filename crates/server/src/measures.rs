//! The process in numbers, for metrics: what the listeners count, what the system says, and when
//! the certificate ends. What the system does not tell is left out, and no error.

use crate::config::Config;
use crate::logging::log_events;
use crate::tls::Tls;
use postern_app::Counts;
use postern_http::ProcessFigures;
use postern_types::Timestamp;
use rustix::fs::statvfs;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::path::PathBuf;
use std::sync::Arc;

/// What the listeners count.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub taken: Counts<1>,
    pub open: Arc<Counts<1>>,
    pub refused: Counts<2>,
    pub failed_handshakes: Counts<0>,
}

impl Traffic {
    /// A listener is there: its counts begin at 0, so that the first one is seen to come.
    pub(crate) fn begin(&self, listener: &'static str) {
        self.taken.add([listener], 0);
        self.open.add([listener], 0);
        self.refused.add([listener, "too-many"], 0);
    }
}

/// Where numbers are found.
pub(crate) struct Measures {
    traffic: Arc<Traffic>,
    tls: Tls,
    started: Timestamp,
    places: [(&'static str, PathBuf); 2],
}

impl Measures {
    pub(crate) fn new(config: &Config, traffic: Arc<Traffic>, tls: Tls, started: Timestamp) -> Self {
        Self { traffic, tls, started, places: [("data", config.data_dir.clone()), ("blobs", config.blobs.clone())] }
    }

    /// As they stand. Asks the system, so it may block for a moment.
    pub(crate) fn read(&self) -> ProcessFigures {
        ProcessFigures {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_seconds: self.started.0 as f64 / 1000.0,
            cpu_seconds: cpu_seconds(),
            resident_bytes: resident_bytes(),
            // One of them is the listing itself.
            open_files: std::fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1)),
            open_files_most: getrlimit(Resource::Nofile).current,
            disks: self.places.iter().filter_map(|(name, path)| disk(name, path)).collect(),
            certificate_ends_seconds: self.tls.ends().map(|end| end.seconds()),
            connections: self.traffic.taken.read(),
            open_connections: self.traffic.open.read(),
            refused_connections: self.traffic.refused.read(),
            failed_handshakes: self.traffic.failed_handshakes.read().iter().map(|(_, count)| count).sum(),
            log_events: log_events(),
        }
    }
}

/// Free for us, and all: a system keeps some for root.
fn disk(name: &'static str, path: &PathBuf) -> Option<(&'static str, u64, u64)> {
    let disk = statvfs(path).ok()?;
    Some((name, disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// `VmRSS:   12345 kB`, as proc_pid_status(5) has it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
