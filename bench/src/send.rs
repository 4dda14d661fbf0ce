//! The workload "send": mail of the house's people, taken and relayed to the next server.
//!
//! Rounds are interleaved as in "deliver", and each is sent by somebody new, because a person may
//! write to ten thousand recipients a day. Connections are open and signed in before the clock
//! starts. Accepted is what has its 250; relayed is what the sink has, which must get each mail
//! once.

mod report;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::Instant;

use crate::client::{self, Entrance, Letter};
use crate::machine;
use crate::servers::{self, Kind, Submits, Tools, Way};
use crate::sink::Sink;
use crate::spread::{Spread, share};
use crate::{corpus, deliver::Extent};

/// At the same time, each with one mail at a time.
const CONNECTIONS: usize = 8;

/// What is sent in a round.
pub struct Workload {
    /// As on the command line.
    pub name: &'static str,
    letters: usize,
    recipients_each: usize,
    /// Of the one mail that all get; each gets a small one of their own otherwise.
    bytes: Option<usize>,
    described: &'static str,
    judged: &'static [Judged],
}

/// A rate that is compared.
struct Judged {
    what: &'static str,
    rate: fn(&Round) -> f64,
    floor: f64,
    goal: Option<f64>,
}

/// Small mails, each to one.
pub const SUBMIT: Workload = Workload {
    name: "submit",
    letters: 1_000,
    recipients_each: 1,
    bytes: None,
    described: "small mails (about 2 KB)",
    judged: &[
        Judged { what: "accepted", rate: |round| round.letters / round.accepted, floor: 1.0, goal: Some(2.0) },
        Judged { what: "relayed", rate: |round| round.letters / round.relayed, floor: 1.0, goal: None },
    ],
};

/// One mail to many.
pub const BULK: Workload = Workload {
    name: "bulk",
    letters: 100,
    recipients_each: 100,
    bytes: Some(424_000),
    described: "one mail of 424 KB with a picture, in envelopes of 100 recipients",
    judged: &[Judged {
        what: "accepted and relayed",
        rate: |round| round.recipients / round.relayed.max(round.accepted),
        floor: 1.0,
        goal: Some(2.0),
    }],
};

/// Letters before the first round that are not counted.
const WARM_UP: [usize; 2] = [100, 4];

/// One server, one round; times in seconds.
struct Round {
    letters: f64,
    recipients: f64,
    /// From the first envelope to the last acknowledgement.
    accepted: f64,
    /// From the first envelope to the last recipient at the sink.
    relayed: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// Processor time of the server.
    cpu: Option<f64>,
    /// Processors kept busy meanwhile by what is none of ours.
    foreign_cores: f64,
}

/// One server, taking mail in one way.
struct Contestant {
    kind: Kind,
    way: Way,
    server: Box<dyn Submits>,
    sink: Sink,
    rounds: Vec<Round>,
}

/// Runs the workload; answers the document and whether every floor was met.
pub async fn run(
    workload: &Workload,
    kinds: &[Kind],
    tools: &Tools<'_>,
    extent: &Extent,
    folder: &Path,
    told: impl Fn(&str),
) -> Result<(Value, bool)> {
    let alone = sink_alone(workload, extent).await?;
    let mut contestants = Vec::new();
    for (kind, way) in kinds.iter().flat_map(|kind| ways(*kind)) {
        contestants.push(Contestant::start(kind, *way, tools, folder).await?);
    }
    for round in 0..=extent.rounds {
        for contestant in &mut contestants {
            let name = contestant.name();
            let done = contestant.round(workload, extent, round).await;
            let done = done.with_context(|| format!("{name}, round {round}"))?;
            // Round 0 warms up.
            if round > 0 {
                told(&format!(
                    "{} round {round} {name}: accepted in {:.0} ms, relayed in {:.0} ms, other load {:.1} processors",
                    workload.name,
                    done.accepted * 1000.0,
                    done.relayed * 1000.0,
                    done.foreign_cores
                ));
                contestant.rounds.push(done);
            }
        }
    }
    for contestant in &contestants {
        contestant.server.stop().with_context(|| format!("{} did not end well", contestant.name()))?;
    }
    Ok(report::tell(workload, &contestants, &alone))
}

/// Postfix is measured without TLS and without a sign-in, so Postern is measured without TLS beside it.
fn ways(kind: Kind) -> impl Iterator<Item = (Kind, &'static Way)> {
    let ways: &[Way] = if kind == Kind::PosternSqlite { &[Way::Plain, Way::Tls] } else { &[Way::Plain] };
    ways.iter().map(move |way| (kind, way))
}

/// The client straight to the sink: neither of them may be what is measured.
async fn sink_alone(workload: &Workload, extent: &Extent) -> Result<Round> {
    let sink = Sink::start()?;
    let entrance = Entrance { address: sink.address(), authority: None, password: None };
    let letters = workload.letters(extent, 1, "nobody@example.org");
    let (count, recipients) = (letters.len(), letters.iter().map(|letter| letter.recipients.len()).sum());
    let connections = client::connections(&entrance, "", CONNECTIONS.min(count)).await?;
    let start = Instant::now();
    let delivered = client::submit(connections, letters).await?;
    let last = sink.all(recipients).await?;
    Ok(Round {
        letters: count as f64,
        recipients: recipients as f64,
        accepted: delivered.elapsed.as_secs_f64(),
        relayed: (last - start).as_secs_f64(),
        p50_ms: share(&delivered.latencies, 0.5),
        p99_ms: share(&delivered.latencies, 0.99),
        cpu: None,
        foreign_cores: 0.0,
    })
}

impl Workload {
    /// The letters of a round; round 0 has few.
    fn letters(&self, extent: &Extent, round: usize, sender: &str) -> Vec<Letter> {
        let seed = extent.seed + round as u64;
        let count = match (round, self.bytes) {
            (0, None) => WARM_UP[0],
            (0, Some(_)) => WARM_UP[1],
            (_, None) => extent.mails.unwrap_or(self.letters),
            (_, Some(_)) => self.letters,
        };
        let recipient = |number: usize| format!("r{round}.{number}@example.net");
        let recipients: Vec<String> = (0..count * self.recipients_each).map(recipient).collect();
        let wires: Vec<Arc<Vec<u8>>> = match self.bytes {
            Some(bytes) => vec![corpus::campaign(sender, bytes, seed).wire; count],
            None => corpus::notes(sender, &recipients, seed).into_iter().map(|mail| mail.wire).collect(),
        };
        let envelopes = recipients.chunks(self.recipients_each).map(<[String]>::to_vec);
        let letter = |(recipients, wire)| Letter { sender: sender.to_owned(), recipients, wire };
        envelopes.zip(wires).map(letter).collect()
    }
}

impl Contestant {
    async fn start(kind: Kind, way: Way, tools: &Tools<'_>, folder: &Path) -> Result<Self> {
        let sink = Sink::start()?;
        let folder = folder.join(format!("{}-{way:?}", kind.name()).to_lowercase());
        let server = servers::start_to_send(kind, tools, &folder, sink.address()).await;
        let server = server.with_context(|| format!("{} did not start", kind.name()))?;
        Ok(Self { kind, way, server, sink, rounds: Vec::new() })
    }

    fn name(&self) -> String {
        match self.way {
            Way::Plain => self.kind.name().to_owned(),
            Way::Tls => format!("{}, TLS", self.kind.name()),
        }
    }

    async fn round(&self, workload: &Workload, extent: &Extent, round: usize) -> Result<Round> {
        let sender = format!("sender{round}@example.org");
        self.server.add_sender(&sender)?;
        let letters = workload.letters(extent, round, &sender);
        let (count, recipients) = (letters.len(), letters.iter().map(|letter| letter.recipients.len()).sum());
        let entrance = self.server.entrance(self.way)?;
        self.sink.clear();
        rustix::fs::sync();
        servers::rest(|| self.server.seconds()).await?;
        let connections = client::connections(&entrance, &sender, CONNECTIONS.min(count)).await?;
        let (busy, own, server) = (machine::busy_seconds()?, self.all_ours()?, self.server.seconds()?);
        let start = Instant::now();
        let delivered = client::submit(connections, letters).await?;
        let relayed = self.sink.all(recipients).await? - start;
        let seconds = start.elapsed().as_secs_f64();
        let foreign = (machine::busy_seconds()? - busy) - (self.all_ours()? - own);
        // What a server puts off until after its acknowledgement is its work too.
        servers::rest(|| self.server.seconds()).await?;
        let server = self.server.seconds()?.zip(server).map(|(after, before)| after - before);
        Ok(Round {
            letters: count as f64,
            recipients: recipients as f64,
            accepted: delivered.elapsed.as_secs_f64(),
            relayed: relayed.as_secs_f64(),
            p50_ms: share(&delivered.latencies, 0.5),
            p99_ms: share(&delivered.latencies, 0.99),
            cpu: server,
            foreign_cores: (foreign / seconds).max(0.0),
        })
    }

    /// Processor time of the client, the sink and every server; a database is nobody's child here.
    fn all_ours(&self) -> Result<f64> {
        let tree = machine::tree_seconds(std::process::id())?;
        let outside = if self.kind == Kind::PosternPostgres { self.server.seconds()?.unwrap_or(0.0) } else { 0.0 };
        Ok(tree + outside)
    }

    fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }
}
