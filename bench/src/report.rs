//! What was measured, as a table for people and as one JSON document.

use serde_json::{Value, json};

use crate::deliver::{Measured, Workload};
use crate::judge::Verdict;
use crate::machine;
use crate::spread::Spread;

const HEADINGS: [&str; 7] = ["server", "mail/s", "p50 ms", "p99 ms", "CPU ms/mail", "disk B/B", "other load"];

/// One workload in words: a table, and Postern beside the peer.
pub fn text(workload: &Workload, mails: usize, measured: &[Measured], verdicts: &[Verdict]) -> String {
    let rounds = measured.first().map_or(0, |server| server.rounds.len());
    let mut text = format!(
        "{}: {} connection{}, {}; {rounds} rounds of {mails}, median (least-most)\n\n",
        workload.name,
        workload.connections,
        if workload.connections == 1 { "" } else { "s" },
        workload.kind.described(),
    );
    text.push_str(&table(&HEADINGS, measured.iter().map(row).collect()));
    text.push('\n');
    for verdict in verdicts {
        text.push_str(&sentence(verdict));
    }
    text
}

fn row(server: &Measured) -> Vec<String> {
    vec![
        server.kind.name().to_owned(),
        format!("{:.0}", server.spread(|round| round.rate)),
        format!("{:.1}", server.spread(|round| round.p50_ms)),
        format!("{:.1}", server.spread(|round| round.p99_ms)),
        server.cpu_ms().map_or("unknown".to_owned(), |spread| format!("{spread:.2}")),
        format!("{:.2}", server.disk_per_byte),
        format!("{:.1}", server.spread(|round| round.foreign_cores)),
    ]
}

/// Rows under headings, in columns.
pub fn table(headings: &[&str], rows: Vec<Vec<String>>) -> String {
    let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(headings).chain(rows).collect();
    let width = |column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let mut table = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column))).collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn sentence(verdict: &Verdict) -> String {
    let Verdict { server, peer, ratio, p99_ms: (own, theirs), .. } = verdict;
    let mut text = format!("{server} / {peer}: {ratio:.2} x the rate, p99 {own:.1} ms beside {theirs:.1} ms");
    match verdict.floor {
        None => text.push_str(" (reported, no floor)"),
        Some(floor) => {
            let answer = |met| if met { "met" } else { "MISSED" };
            let (rate, goal) = (ratio.median >= floor.rate, ratio.median >= floor.goal);
            text.push_str(&format!("; floor {:.1} x: {}", floor.rate, answer(rate)));
            if floor.p99_no_worse {
                text.push_str(&format!(", p99 no worse: {}", answer(verdict.p99_met())));
            }
            text.push_str(&format!("; goal {:.1} x: {}", floor.goal, if goal { "met" } else { "not yet" }));
        }
    }
    text.push('\n');
    text
}

/// The same as a document.
pub fn document(workload: &Workload, mails: usize, measured: &[Measured], verdicts: &[Verdict]) -> Value {
    let server = |server: &Measured| {
        json!({
            "server": server.kind.name(),
            "mails_per_second": spread(server.spread(|round| round.rate)),
            "p50_ms": spread(server.spread(|round| round.p50_ms)),
            "p99_ms": spread(server.spread(|round| round.p99_ms)),
            "cpu_ms_per_mail": server.cpu_ms().map(spread),
            "disk_bytes_per_mail_byte": server.disk_per_byte,
            "foreign_cores": spread(server.spread(|round| round.foreign_cores)),
            "rounds": server.rounds.iter().map(|round| json!({
                "mails_per_second": round.rate, "p50_ms": round.p50_ms, "p99_ms": round.p99_ms,
                "cpu_ms_per_mail": round.cpu_ms, "foreign_cores": round.foreign_cores,
            })).collect::<Vec<_>>(),
        })
    };
    let verdict = |verdict: &Verdict| {
        json!({
            "server": verdict.server, "peer": verdict.peer, "ratio": spread(verdict.ratio),
            "p99_ms": verdict.p99_ms.0, "peer_p99_ms": verdict.p99_ms.1,
            "floor": verdict.floor.map(|floor| json!({
                "ratio": floor.rate, "goal": floor.goal, "p99_no_worse": floor.p99_no_worse,
            })),
            "met": verdict.met(),
        })
    };
    json!({
        "workload": workload.name,
        "connections": workload.connections,
        "mails_a_round": mails,
        "servers": measured.iter().map(server).collect::<Vec<_>>(),
        "verdicts": verdicts.iter().map(verdict).collect::<Vec<_>>(),
    })
}

/// A figure as a document.
pub fn spread(spread: Spread) -> Value {
    json!({ "median": spread.median, "min": spread.min, "max": spread.max })
}

/// What the figures depend on besides the servers.
pub struct Surroundings {
    machine: String,
    load: String,
    syncs_per_second: f64,
}

impl Surroundings {
    /// As they are now, on the disk of `folder`.
    pub fn now(folder: &std::path::Path) -> anyhow::Result<Self> {
        let syncs_per_second = machine::syncs_per_second(folder)?;
        Ok(Self { machine: machine::described(), load: machine::load(), syncs_per_second })
    }

    /// One line.
    pub fn text(&self) -> String {
        let Self { machine, load, syncs_per_second } = self;
        format!("{machine}; load {load}; {syncs_per_second:.0} appends of 4 KB made durable in a second")
    }

    /// The same as a document.
    pub fn document(&self) -> Value {
        json!({ "machine": self.machine, "load": self.load, "syncs_per_second": self.syncs_per_second })
    }
}
