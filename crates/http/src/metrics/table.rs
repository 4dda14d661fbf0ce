//! Every metric. What is added here is served, and is asked for on docs/metrics.md.

use super::{All, Metric, MetricKind, Samples};
use MetricKind::{Counter, Gauge, Histogram};
use postern_app::Latencies;

const fn metric(name: &'static str, kind: MetricKind, unit: &'static str, source: &'static str) -> Metric {
    Metric { name, kind, unit, labels: &[], source, meaning: "", samples: |_, _| {} }
}

impl Metric {
    const fn by(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }
    const fn says(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }
    const fn is(mut self, samples: fn(&All, &mut Samples)) -> Self {
        self.samples = samples;
        self
    }
}

/// The table, in the order of the answer.
pub static METRICS: &[Metric] = &[
    // The program.
    metric("postern_build_info", Gauge, "1", "process")
        .by(&["version"])
        .says("Always 1; the label says which version runs.")
        .is(|all, to| to.labelled([("version", &all.process.version)], 1.0)),
    metric("postern_schema_version", Gauge, "number", "database")
        .says("Number of the newest migration of the database.")
        .is(|all, to| to.one(all.house.schema as f64)),
    metric("postern_database_up", Gauge, "0 or 1", "database")
        .says("1 where the database answered a read within five seconds.")
        .is(|all, to| to.one(f64::from(u8::from(all.house.backlog.is_some())))),
    metric("postern_log_events_total", Counter, "lines", "log")
        .by(&["level", "event"])
        .says("Lines of the log of level error and warn, by the name of the event, as far as [log] level lets them through.")
        .is(log_events),
    // Connections.
    metric("postern_connections_total", Counter, "connections", "listeners")
        .by(&["listener"])
        .says("Connections that were taken.")
        .is(|all, to| to.counts(["listener"], &all.process.connections)),
    metric("postern_connections_open", Gauge, "connections", "listeners")
        .by(&["listener"])
        .says("Connections of this moment, signed in or not; those of admin.sock are not counted.")
        .is(|all, to| to.counts(["listener"], &all.process.open_connections)),
    metric("postern_connections_refused_total", Counter, "connections", "listeners")
        .by(&["listener", "reason"])
        .says("Connections that were closed at once: too-many of one address had not signed in, or LMTP came from a network that is not named.")
        .is(|all, to| to.counts(["listener", "reason"], &all.process.refused_connections)),
    metric("postern_tls_handshakes_failed_total", Counter, "handshakes", "listeners")
        .says("Handshakes of TLS that came to nothing; scanners and programs that do not trust the certificate make them.")
        .is(|all, to| to.one(all.process.failed_handshakes as f64)),
    metric("postern_certificate_ends_seconds", Gauge, "seconds since 1970", "listeners")
        .says("When the certificate in use ends.")
        .is(|all, to| to.some(all.process.certificate_ends_seconds.map(|at| at as f64))),
    // Sign-ins.
    metric("postern_sessions_open", Gauge, "sessions", "house")
        .by(&["protocol"])
        .says("Sessions of this moment: connections that somebody has signed in on.")
        .is(|all, to| to.counts(["protocol"], &all.house.sessions)),
    metric("postern_sign_ins_total", Counter, "sign-ins", "house")
        .by(&["protocol", "by"])
        .says("Sign-ins that were accepted, of a person or of a credential of a shared mailbox.")
        .is(|all, to| to.counts(["protocol", "by"], &all.house.accepted)),
    metric("postern_sign_ins_refused_total", Counter, "sign-ins", "house")
        .by(&["protocol", "reason"])
        .says("Sign-ins that were refused: wrong name or secret; throttled, since their network is shut; busy; not-encrypted; not-allowed, as by a scope or a suspension.")
        .is(|all, to| to.counts(["protocol", "reason"], &all.house.refused)),
    metric("postern_networks_shut_total", Counter, "networks", "house")
        .says("Networks that were shut for a while by wrong secrets.")
        .is(|all, to| to.counts([], &all.house.shut)),
    // Mail.
    metric("postern_deliveries_total", Counter, "recipients", "house")
        .by(&["protocol", "result"])
        .says("Recipients here of mail that came by lmtp or smtp, or from the queue: delivered, refused, full, or to be tried later.")
        .is(|all, to| to.counts(["protocol", "result"], &all.house.deliveries)),
    metric("postern_submissions_total", Counter, "messages", "house")
        .says("Messages that people and programs handed in to be sent.")
        .is(|all, to| to.counts([], &all.house.submitted)),
    metric("postern_queue_tries_total", Counter, "recipients", "queue")
        .by(&["to", "result"])
        .says("Tries to bring a message to a recipient, here or elsewhere: sent, to be tried later, or failed for good.")
        .is(|all, to| to.counts(["to", "result"], &all.house.tries)),
    metric("postern_queue_recipients", Gauge, "recipients", "queue")
        .by(&["lane", "state"])
        .says("Recipients who have not got it: waiting for their turn, or held.")
        .is(backlog),
    metric("postern_queue_oldest_seconds", Gauge, "seconds", "queue")
        .says("For how long a message waits at most that may leave; 0 where none does.")
        .is(|all, to| to.some(all.house.backlog.as_ref().map(|(_, waits)| waits.as_secs_f64()))),
    // The database.
    metric("postern_store_job_seconds", Histogram, "seconds", "database")
        .by(&["kind"])
        .says("Times from a job's queueing until its answer, commit and sync included: read, write, or bulk, which waits for the others.")
        .is(latencies),
    metric("postern_store_jobs_waiting", Gauge, "jobs", "database")
        .says("Jobs that wait for a thread of the database.")
        .is(|all, to| to.one(all.house.database.waiting as f64)),
    metric("postern_store_writes_total", Counter, "jobs", "database")
        .says("Writes that were committed.")
        .is(|all, to| to.one(all.house.database.writes as f64)),
    metric("postern_store_commits_total", Counter, "commits", "database")
        .says("Commits; on SQLite one serves many writes.")
        .is(|all, to| to.one(all.house.database.commits as f64)),
    metric("postern_store_transactions_lost_total", Counter, "transactions", "database")
        .says("Transactions that were lost as a whole; their writes are run again.")
        .is(|all, to| to.one(all.house.database.lost as f64)),
    metric("postern_store_snapshot_bytes", Gauge, "bytes", "database")
        .says("Lists of mailboxes in memory that are kept for whoever opens them next.")
        .is(|all, to| to.one(all.house.database.snapshot_bytes as f64)),
    metric("postern_disk_free_bytes", Gauge, "bytes", "system")
        .by(&["place"])
        .says("Room on the disk of the data folder and on that of long texts, as far as our user may take it.")
        .is(|all, to| all.process.disks.iter().for_each(|(place, free, _)| to.labelled([("place", place)], *free as f64))),
    metric("postern_disk_bytes", Gauge, "bytes", "system")
        .by(&["place"])
        .says("Size of those disks.")
        .is(|all, to| all.process.disks.iter().for_each(|(place, _, size)| to.labelled([("place", place)], *size as f64))),
    // The process, by the names that all programs have for it.
    metric("process_start_time_seconds", Gauge, "seconds since 1970", "process")
        .says("When the server started.")
        .is(|all, to| to.one(all.process.started_seconds)),
    metric("process_cpu_seconds_total", Counter, "seconds", "system")
        .says("Time of processors that the process took.")
        .is(|all, to| to.one(all.process.cpu_seconds)),
    metric("process_resident_memory_bytes", Gauge, "bytes", "system")
        .says("Memory that the process has.")
        .is(|all, to| to.some(all.process.resident_bytes.map(|bytes| bytes as f64))),
    metric("process_open_fds", Gauge, "files", "system")
        .says("Files and sockets that are open.")
        .is(|all, to| to.some(all.process.open_files.map(|files| files as f64))),
    metric("process_max_fds", Gauge, "files", "system")
        .says("How many files and sockets may be open.")
        .is(|all, to| to.some(all.process.open_files_most.map(|files| files as f64))),
];

fn log_events(all: &All, to: &mut Samples) {
    for (level, event, count) in &all.process.log_events {
        to.labelled([("level", level), ("event", event)], *count as f64);
    }
}

fn backlog(all: &All, to: &mut Samples) {
    let Some((backlog, _)) = &all.house.backlog else { return };
    for lane in postern_app::Lane::ALL {
        let of_lane = backlog.lanes.iter().find(|(found, _, _)| *found == lane);
        let (waiting, held) = of_lane.map_or((0, 0), |(_, waiting, held)| (*waiting, *held));
        to.labelled([("lane", lane.name()), ("state", "waiting")], waiting as f64);
        to.labelled([("lane", lane.name()), ("state", "held")], held as f64);
    }
}

fn latencies(all: &All, to: &mut Samples) {
    for (kind, Latencies { within, count, sum_seconds }) in &all.house.latencies {
        let kind = ("kind", (*kind).to_owned());
        for (seconds, count) in within {
            to.0.push(("_bucket", vec![kind.clone(), ("le", seconds.to_string())], *count as f64));
        }
        to.0.push(("_bucket", vec![kind.clone(), ("le", "+Inf".to_owned())], *count as f64));
        to.0.push(("_sum", vec![kind.clone()], *sum_seconds));
        to.0.push(("_count", vec![kind], *count as f64));
    }
}
