//! The workload "deliver": the same mails to each server in turn, round after round.
//!
//! Rounds are interleaved (A B C A B C), so that whatever else the machine does meets all of
//! them alike. Before a round everything written is brought to disk and the servers come to
//! rest: none pays for what another left behind.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use crate::client;
use crate::corpus::{self, Corpus};
use crate::judge::Floor;
use crate::machine;
use crate::servers::{self, Kind, RECIPIENT, Server, Tools};
use crate::spread::{Spread, share};

/// Mails before the first round that are not counted: caches, first folders, first connections.
const WARM_UP_MAILS: usize = 100;

/// Deliveries of one kind over so many connections.
pub struct Workload {
    /// As on the command line.
    pub name: &'static str,
    /// At the same time, each with one mail at a time.
    pub connections: usize,
    /// Which mails.
    pub kind: corpus::Kind,
    /// How many in a round.
    pub mails: usize,
    /// What Postern must reach beside the peer.
    pub floor: Floor,
}

/// One connection, small mails.
pub const ONE: Workload = Workload {
    name: "deliver-1",
    connections: 1,
    kind: corpus::Kind::Small,
    mails: 1_000,
    floor: Floor { rate: 1.0, goal: 2.0, p99_no_worse: false },
};

/// Eight connections, mails of real sizes.
pub const EIGHT: Workload = Workload {
    name: "deliver-8",
    connections: 8,
    kind: corpus::Kind::Real,
    mails: 2_000,
    floor: Floor { rate: 1.5, goal: 3.0, p99_no_worse: true },
};

/// One server, one round.
pub struct Round {
    /// Mails acknowledged in a second.
    pub rate: f64,
    /// Milliseconds from envelope to acknowledgement, the middle mail.
    pub p50_ms: f64,
    /// The same, 99 of 100 mails took no longer.
    pub p99_ms: f64,
    /// Processor milliseconds of the server, for each mail.
    pub cpu_ms: Option<f64>,
    /// Processors kept busy meanwhile by what is neither server nor client.
    pub foreign_cores: f64,
}

/// One server, all rounds.
pub struct Measured {
    /// Which.
    pub kind: Kind,
    /// In order.
    pub rounds: Vec<Round>,
    /// Bytes that came onto the disk, for each byte of mail, seen after the server's end.
    pub disk_per_byte: f64,
}

impl Measured {
    /// One figure over the rounds.
    pub fn spread(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    /// Processor time, where every round could see it.
    pub fn cpu_ms(&self) -> Option<Spread> {
        let all: Option<Vec<f64>> = self.rounds.iter().map(|round| round.cpu_ms).collect();
        all.map(Spread::of)
    }
}

/// How much of everything.
pub struct Extent {
    /// Rounds that count.
    pub rounds: usize,
    /// Mails a round; the workload's own number if not said.
    pub mails: Option<usize>,
    /// Of the words and attachments.
    pub seed: u64,
}

struct Contestant {
    kind: Kind,
    server: Box<dyn Server>,
    rounds: Vec<Round>,
    delivered: u64,
    bytes: u64,
    /// On disk before the first mail: an empty house, an empty database.
    disk_before: u64,
}

/// Runs the workload on all of `kinds`, in their order, on fresh servers.
pub async fn run(
    workload: &Workload,
    kinds: &[Kind],
    tools: &Tools<'_>,
    extent: &Extent,
    folder: &Path,
    told: impl Fn(&str),
) -> Result<Vec<Measured>> {
    let mut contestants = Vec::new();
    for kind in kinds {
        let server =
            servers::start(*kind, tools, folder).await.with_context(|| format!("{} did not start", kind.name()))?;
        let disk_before = server.disk_bytes()?;
        contestants.push(Contestant { kind: *kind, server, rounds: Vec::new(), delivered: 0, bytes: 0, disk_before });
    }
    for round in 0..=extent.rounds {
        // Round 0 warms up.
        let mails = if round == 0 { WARM_UP_MAILS } else { extent.mails.unwrap_or(workload.mails) };
        let corpus = Arc::new(Corpus::write(workload.kind, mails, extent.seed + round as u64));
        for contestant in &mut contestants {
            let name = contestant.kind.name();
            let done = contestant.round(workload, &corpus).await.with_context(|| format!("{name}, round {round}"))?;
            if round > 0 {
                told(&format!(
                    "{} round {round} {name}: {:.0} mail/s, p99 {:.1} ms, other load {:.1} processors",
                    workload.name, done.rate, done.p99_ms, done.foreign_cores
                ));
                contestant.rounds.push(done);
            }
        }
    }
    contestants.into_iter().map(Contestant::finish).collect()
}

impl Contestant {
    async fn round(&mut self, workload: &Workload, corpus: &Arc<Corpus>) -> Result<Round> {
        rustix::fs::sync();
        self.rest().await?;
        let (busy, own) = (machine::busy_seconds()?, self.all_ours()?);
        let server = self.server.seconds()?;
        let delivered = client::deliver(self.server.lmtp()?, RECIPIENT, corpus, workload.connections).await?;
        let foreign = (machine::busy_seconds()? - busy) - (self.all_ours()? - own);
        // What a server puts off until after its acknowledgement is its work too.
        self.rest().await?;
        let server = self.server.seconds()?.zip(server).map(|(after, before)| after - before);
        let mails = corpus.mails.len() as f64;
        self.delivered += corpus.mails.len() as u64;
        self.bytes += corpus.bytes();
        let seconds = delivered.elapsed.as_secs_f64();
        Ok(Round {
            rate: mails / seconds,
            p50_ms: share(&delivered.latencies, 0.5),
            p99_ms: share(&delivered.latencies, 0.99),
            cpu_ms: server.map(|seconds| seconds * 1000.0 / mails),
            foreign_cores: (foreign / seconds).max(0.0),
        })
    }

    /// Processor time of the client and of every server; a database is nobody's child here.
    fn all_ours(&self) -> Result<f64> {
        let tree = machine::tree_seconds(std::process::id())?;
        let outside = if self.kind == Kind::PosternPostgres { self.server.seconds()?.unwrap_or(0.0) } else { 0.0 };
        Ok(tree + outside)
    }

    async fn rest(&self) -> Result<()> {
        servers::rest(|| self.server.seconds()).await
    }

    /// Every mail that was acknowledged must be there.
    fn finish(self) -> Result<Measured> {
        let name = self.kind.name();
        let there = self.server.mails()?;
        if there != self.delivered {
            bail!("{name} acknowledged {} mails and has {there}", self.delivered);
        }
        self.server.stop().with_context(|| format!("{name} did not end well"))?;
        let grown = self.server.disk_bytes()?.saturating_sub(self.disk_before);
        Ok(Measured { kind: self.kind, rounds: self.rounds, disk_per_byte: grown as f64 / self.bytes as f64 })
    }
}
