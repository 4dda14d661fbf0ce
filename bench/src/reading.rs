//! The workloads that read, beside Dovecot: what it is to work in a mailbox, not to fill it.
//!
//! Each server has one mailbox and twenty delegates, who reach it in the same way and sign in with
//! passwords that are hashed alike. Rounds of the servers alternate, as in `deliver`.

mod auth;
mod big;
mod export;
mod figures;
mod house;
mod idle;
mod meter;
mod session;
mod system;
pub mod wire;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::machine;
use crate::servers::{Kind, Tools};
use figures::{Figure, Measured, Values};
use house::House;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Twenty delegates at work in one mailbox.
    Session,
    /// A mailbox of two hundred thousand.
    Big,
    /// A thousand connections wait.
    Idle,
    /// All mail over one connection.
    Export,
    /// Sign-ins.
    Auth,
}

/// How much of everything.
pub struct Extent {
    /// Rounds that count.
    pub rounds: usize,
    /// Mails in the mailbox; the workload's own number if not said.
    pub mails: Option<usize>,
    /// Of the words and attachments, and of what is done when.
    pub seed: u64,
}

impl Workload {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Big => "big",
            Self::Idle => "idle",
            Self::Export => "export",
            Self::Auth => "auth",
        }
    }

    fn title(self, extent: &Extent) -> String {
        let mails = |own: usize| extent.mails.unwrap_or(own);
        match self {
            Self::Session => {
                format!("session: 20 delegates in one mailbox, {} mails of real sizes at first", mails(session::MAILS))
            }
            Self::Big => format!("big: one mailbox of {} small mails", mails(big::MAILS)),
            Self::Idle => format!("idle: 1,000 connections of 20 delegates in one mailbox of {}", mails(idle::MAILS)),
            Self::Export => format!("export: {} mails of real sizes over one connection", mails(export::MAILS)),
            Self::Auth => "auth: sign-ins over 8 connections, Argon2id with 19 MiB and two passes".to_owned(),
        }
    }

    fn figures(self) -> &'static [Figure] {
        match self {
            Self::Session => &session::FIGURES,
            Self::Big => &big::FIGURES,
            Self::Idle => &idle::FIGURES,
            Self::Export => &export::FIGURES,
            Self::Auth => &auth::FIGURES,
        }
    }

    /// The peers that are asked for where none is named.
    pub fn is_peer(self, kind: Kind) -> bool {
        match self {
            Self::Session => matches!(kind, Kind::DovecotMdbox | Kind::DovecotSdbox),
            _ => kind == Kind::DovecotMdbox,
        }
    }

    /// The first round fills caches and is not counted, where a round does not begin anew anyway.
    fn warms_up(self) -> bool {
        self != Self::Idle
    }

    /// Rounds begin with an empty page cache.
    fn begins_cold(self) -> bool {
        matches!(self, Self::Big | Self::Export)
    }

    async fn prepare(self, house: &mut House, extent: &Extent) -> Result<()> {
        match self {
            Self::Session => session::prepare(house, extent).await,
            Self::Big => big::prepare(house, extent).await,
            Self::Idle => idle::prepare(house, extent).await,
            Self::Export => export::prepare(house, extent).await,
            Self::Auth => auth::prepare(house, extent).await,
        }
    }

    async fn round(self, house: &mut House, extent: &Extent, round: usize) -> Result<Values> {
        match self {
            Self::Session => session::round(house, extent, round).await,
            Self::Big => big::round(house, extent, round).await,
            Self::Idle => idle::round(house, extent, round).await,
            Self::Export => export::round(house, extent, round).await,
            Self::Auth => auth::round(house, extent, round).await,
        }
    }
}

/// Fails where "big" has too few mails for what it does with them.
pub fn check(mails: Option<u32>) -> Result<()> {
    match mails {
        Some(mails) if mails < big::LEAST_MAILS => bail!("big needs {} mails or more", big::LEAST_MAILS),
        _ => Ok(()),
    }
}

/// Runs a workload on fresh servers of all `kinds`, in their order; prints what came of it. Answers
/// the document and whether every floor was met.
pub async fn run(
    workload: Workload,
    kinds: &[Kind],
    tools: &Tools<'_>,
    extent: &Extent,
    folder: &Path,
) -> Result<(Value, bool)> {
    system::raise_open_files();
    if workload.begins_cold() && !system::can_drop_page_cache() {
        println!("{}: nothing is measured cold, for {}", workload.name(), system::NOT_COLD);
    }
    let mut houses = Vec::new();
    for kind in kinds {
        let name = kind.name();
        let house = House::start(*kind, tools, folder).await;
        let mut house = house.with_context(|| format!("{name} did not start"))?;
        workload.prepare(&mut house, extent).await.with_context(|| format!("{name} could not be filled"))?;
        houses.push((house, Measured { kind: *kind, rounds: Vec::new(), foreign_cores: Vec::new() }));
    }
    let first = usize::from(!workload.warms_up());
    for round in first..=extent.rounds {
        for (house, measured) in &mut houses {
            let (name, kind) = (workload.name(), measured.kind.name());
            let values = counted(workload, house, extent, round).await;
            let (values, foreign) = values.with_context(|| format!("{name}, {kind}, round {round}"))?;
            if round > 0 {
                eprintln!("{name} round {round} {kind}: other load {foreign:.1} processors");
                measured.rounds.push(values);
                measured.foreign_cores.push(foreign);
            }
        }
    }
    let mut all = Vec::new();
    for (house, measured) in houses {
        house.stop().with_context(|| format!("{} did not end well", measured.kind.name()))?;
        all.push(measured);
    }
    let verdicts = figures::judge(workload.figures(), &all);
    println!("\n{}", figures::text(&workload.title(extent), workload.figures(), &all, &verdicts));
    let document = figures::document(workload.name(), workload.figures(), &all, &verdicts);
    Ok((document, verdicts.iter().all(|verdict| verdict.met() != Some(false))))
}

/// A round, and how many processors something else kept busy meanwhile.
async fn counted(workload: Workload, house: &mut House, extent: &Extent, round: usize) -> Result<(Values, f64)> {
    let ours = |house: &House| anyhow::Ok(machine::tree_seconds(std::process::id())? + house.seconds_outside()?);
    let (start, busy, own) = (tokio::time::Instant::now(), machine::busy_seconds()?, ours(house)?);
    let values = workload.round(house, extent, round).await?;
    if values.len() != workload.figures().len() {
        bail!("{} values for {} figures", values.len(), workload.figures().len());
    }
    let foreign = (machine::busy_seconds()? - busy) - (ours(house)? - own);
    Ok((values, (foreign / start.elapsed().as_secs_f64()).max(0.0)))
}
