//! Repeatable workloads beside a peer: `make bench`, or `cargo run --release -p postern-bench`.
//!
//! Postern, Debian's Dovecot and its Postfix run on the same disk in the same run, all durable, with
//! the same mails from the same client; ratios are what counts. Exit status: 0 floors met, 1 a floor
//! missed or something failed, 2 wrong usage. `docs/speed.md` tells how to read the figures.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement talks to the person who started it")]

mod asking;
mod campaign;
mod cargo;
mod child;
mod client;
mod corpus;
mod deliver;
mod imap;
mod judge;
mod machine;
mod random;
mod reading;
mod report;
mod revoke;
mod seeded;
mod send;
mod servers;
mod sink;
mod spread;
mod storm;
mod timing;
mod verify;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use deliver::{Extent, Workload};
use servers::{Kind, Tools};

/// What can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Both deliver workloads
    Deliver,
    /// LMTP deliveries over one connection, small mails
    #[value(name = "deliver-1")]
    DeliverOne,
    /// LMTP deliveries over eight connections, mails of real sizes
    #[value(name = "deliver-8")]
    DeliverEight,
    /// Both workloads that send
    Send,
    /// A thousand small mails submitted and relayed, over eight connections
    Submit,
    /// One mail of 424 KB submitted and relayed to ten thousand recipients
    Bulk,
    /// All workloads that read: the five that follow
    Read,
    /// Twenty delegates at work in one mailbox at the same time
    Session,
    /// A mailbox of 200,000 mails: open it, list it, come back to it
    Big,
    /// A thousand connections in IDLE: their memory, and how soon the last hears of a mail
    Idle,
    /// All of a mailbox over one connection
    Export,
    /// Sign-ins with passwords and with generated secrets
    Auth,
    /// Ten thousand mails by a credential for marketing, at its pace, and people's mail beside them: 18
    /// minutes on each engine, so only where it is named
    Campaign,
    /// How soon two hundred open sessions hear that a right was taken back
    Revoke,
    /// What asking the gate at every command costs
    Asking,
    /// What two hundred connections of bad sign-ins cost good ones
    Storm,
    /// Whether the time of a refusal tells why
    Timing,
    /// How many secrets of credentials one core checks in a second
    Verify,
    /// The crash test with thousands of seeds
    PowerCut,
    /// Who may do what, against a model, with thousands of seeds
    RightsModel,
    /// What three sessions in one mailbox are told, against a model, with ten thousand seeds
    ResyncModel,
    /// What the limits promise under floods, in full: twenty messages of 50 MB, a thousand slow readers
    Hostile,
}

/// Repeatable workloads beside a peer.
#[derive(Debug, Parser)]
#[command(name = "postern-bench")]
struct Arguments {
    /// What to run; may be repeated; everything but campaign if not given
    #[arg(long = "workload", value_name = "NAME")]
    workloads: Vec<Name>,
    /// Which servers; may be repeated; all that can run here if not given
    #[arg(long = "server", value_name = "NAME")]
    servers: Vec<Kind>,
    /// Rounds of each server
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Mails a round, or in the mailbox that is read; the workload's own number if not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    mails: Option<u32>,
    /// Of the words and attachments
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seeds of the power-cut test
    #[arg(long, default_value_t = 2000)]
    power_cut_seeds: u32,
    /// Seeds of the rights-model test
    #[arg(long, default_value_t = 2000)]
    rights_model_seeds: u32,
    /// Seeds of the resync-model test
    #[arg(long, default_value_t = 10_000)]
    resync_model_seeds: u32,
    /// Report only: a missed floor is no failure
    #[arg(long)]
    no_floors: bool,
    /// Write what was measured as one JSON document
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// This binary instead of a release build of the workspace
    #[arg(long, value_name = "FILE")]
    postern: Option<PathBuf>,
    /// A folder on the disk to measure; the system's temporary folder if not given
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

/// Exit status of a wrong command line, as the product itself uses it.
const WRONG_USAGE: u8 = 2;
/// Where the PostgreSQL is that may be written to; `cargo xtask db` sets it.
const POSTGRES: &str = "POSTERN_TEST_POSTGRES";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Err(error) = arguments.check() {
        eprintln!("postern-bench: {error:#}");
        return ExitCode::from(WRONG_USAGE);
    }
    match measure(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("postern-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One thread for the client and everything else of ours.
fn measure(arguments: &Arguments) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            // Whatever ends first, dropping the other ends every server and removes every folder.
            met = run(arguments) => met,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("told to end"),
        }
    })
}

/// Runs what was asked for; answers whether every floor was met.
async fn run(arguments: &Arguments) -> Result<bool> {
    let mut met = true;
    let mut documents = Vec::new();
    let workloads = arguments.deliveries();
    let mut surroundings = None;
    let beside_a_peer = !workloads.is_empty() || !arguments.sendings().is_empty() || !arguments.readings().is_empty();
    if beside_a_peer || arguments.wants_own() {
        let folder = folder(arguments.dir.as_deref())?;
        let before = report::Surroundings::now(folder.path())?;
        println!("{}\n", before.text());
        surroundings = Some(before.document());
        for workload in workloads {
            let (document, reached) = deliver_beside_peers(arguments, workload, folder.path()).await?;
            documents.push(document);
            met &= reached;
        }
        for workload in arguments.sendings() {
            let (document, reached) = send_beside_postfix(arguments, workload, folder.path()).await?;
            documents.push(document);
            met &= reached;
        }
        for workload in arguments.readings() {
            let (document, reached) = read_beside_dovecot(arguments, workload, folder.path()).await?;
            documents.push(document);
            met &= reached;
        }
        met &= own_workloads(arguments, folder.path(), &mut documents).await?;
        println!("afterwards: {}\n", report::Surroundings::now(folder.path())?.text());
    }
    if arguments.wants(Name::Verify) {
        let (document, reached) = verify::run();
        documents.push(document);
        met &= reached;
    }
    for (name, workload, test, seeds) in [
        (Name::PowerCut, "power-cut", "power_cut", arguments.power_cut_seeds),
        (Name::RightsModel, "rights-model", "rights_model", arguments.rights_model_seeds),
        (Name::ResyncModel, "resync-model", "resync_model", arguments.resync_model_seeds),
        (Name::Hostile, "hostile", "hostile", 1),
    ] {
        if arguments.wants(name) {
            println!("{workload}: {seeds} {}", if seeds == 1 { "seed" } else { "seeds" });
            // The others are houses within their test.
            let postern = if name == Name::Hostile { Some(arguments.product().await?) } else { None };
            seeded::run(test, seeds, postern.as_deref()).await?;
            documents.push(json!({ "workload": workload, "seeds": seeds, "met": true }));
        }
    }
    if let Some(file) = &arguments.json {
        let document = json!({ "surroundings": surroundings, "workloads": documents, "floors_met": met });
        write(file, &document)?;
    }
    Ok(met || arguments.no_floors)
}

/// What is measured without a peer: no other server says what it does here.
async fn own_workloads(arguments: &Arguments, folder: &Path, documents: &mut Vec<Value>) -> Result<bool> {
    let mut met = true;
    if !arguments.wants_own() {
        return Ok(met);
    }
    let postern = arguments.product().await?;
    let postgres = std::env::var(POSTGRES).ok();
    let tools = Tools { postern: &postern, postgres: postgres.as_deref() };
    let engines: &[bool] = if postgres.is_some() { &[false, true] } else { &[false] };
    if arguments.wants(Name::Campaign) {
        for engine in arguments.campaigners(postgres.is_some()) {
            let (document, reached) =
                campaign::run(&tools, folder, engine, arguments.campaign_mails(), arguments.seed).await?;
            documents.push(document);
            met &= reached;
        }
    }
    if arguments.wants(Name::Storm) {
        for on_postgres in engines {
            let (document, reached) = storm::run(&tools, folder, *on_postgres, arguments.rounds).await?;
            documents.push(document);
            met &= reached;
        }
    }
    if arguments.wants(Name::Timing) {
        for on_postgres in engines {
            let (document, reached) = timing::run(&tools, folder, *on_postgres).await?;
            documents.push(document);
            met &= reached;
        }
    }
    if arguments.wants(Name::Revoke) {
        for on_postgres in engines {
            let (document, reached) = revoke::run(&tools, folder, *on_postgres, arguments.rounds).await?;
            documents.push(document);
            met &= reached;
        }
    }
    if arguments.wants(Name::Asking) {
        let (document, reached) = asking::run(&postern, folder, arguments.rounds, arguments.seed).await?;
        documents.push(document);
        met &= reached;
    }
    Ok(met)
}

async fn deliver_beside_peers(arguments: &Arguments, workload: &Workload, folder: &Path) -> Result<(Value, bool)> {
    let postgres = std::env::var(POSTGRES).ok();
    let kinds = arguments.kinds()?;
    let postern = arguments.product_of(&kinds).await?;
    let tools = Tools { postern: &postern, postgres: postgres.as_deref() };
    let extent = arguments.extent();
    let folder = folder.join(workload.name);
    std::fs::create_dir(&folder)?;
    let measured = deliver::run(workload, &kinds, &tools, &extent, &folder, |line| eprintln!("{line}")).await?;
    std::fs::remove_dir_all(&folder).context("cannot clear what was measured")?;
    let verdicts = judge::judge(&measured, workload.floor);
    let mails = extent.mails.unwrap_or(workload.mails);
    println!("\n{}", report::text(workload, mails, &measured, &verdicts));
    let document = report::document(workload, mails, &measured, &verdicts);
    Ok((document, verdicts.iter().all(|verdict| verdict.met() != Some(false))))
}

async fn send_beside_postfix(arguments: &Arguments, workload: &send::Workload, folder: &Path) -> Result<(Value, bool)> {
    let postgres = std::env::var(POSTGRES).ok();
    let mut kinds = arguments.senders(postgres.is_some());
    if kinds.contains(&Kind::Postfix)
        && let Some(why) = servers::Postfix::missing()
    {
        println!("{}: without Postfix, so nothing is judged: {why}", workload.name);
        kinds.retain(|kind| *kind != Kind::Postfix);
    }
    let postern = arguments.product_of(&kinds).await?;
    let tools = Tools { postern: &postern, postgres: postgres.as_deref() };
    let folder = folder.join(workload.name);
    std::fs::create_dir(&folder)?;
    let told = |line: &str| eprintln!("{line}");
    let answer = send::run(workload, &kinds, &tools, &arguments.extent(), &folder, told).await?;
    std::fs::remove_dir_all(&folder).context("cannot clear what was measured")?;
    Ok(answer)
}

async fn read_beside_dovecot(
    arguments: &Arguments,
    workload: reading::Workload,
    folder: &Path,
) -> Result<(Value, bool)> {
    let postgres = std::env::var(POSTGRES).ok();
    let mut kinds = arguments.readers(workload, postgres.is_some());
    if let Some(why) = servers::Dovecot::missing()
        && kinds.iter().any(|kind| kind.is_peer())
    {
        println!("{}: without Dovecot, so nothing is judged beside it: {why}", workload.name());
        kinds.retain(|kind| !kind.is_peer());
    }
    let postern = arguments.product_of(&kinds).await?;
    let tools = Tools { postern: &postern, postgres: postgres.as_deref() };
    let folder = folder.join(workload.name());
    std::fs::create_dir(&folder)?;
    let Extent { rounds, mails, seed } = arguments.extent();
    let extent = reading::Extent { rounds, mails, seed };
    let answer = reading::run(workload, &kinds, &tools, &extent, &folder).await?;
    std::fs::remove_dir_all(&folder).context("cannot clear what was measured")?;
    Ok(answer)
}

impl Arguments {
    /// The binary that is measured.
    async fn product(&self) -> Result<PathBuf> {
        match &self.postern {
            Some(postern) => Ok(postern.clone()),
            None => servers::binary().await,
        }
    }

    /// The same, if any of the servers is it.
    async fn product_of(&self, kinds: &[Kind]) -> Result<PathBuf> {
        if kinds.iter().all(|kind| kind.is_peer()) { Ok(PathBuf::new()) } else { self.product().await }
    }

    fn extent(&self) -> Extent {
        Extent { rounds: self.rounds as usize, mails: self.mails.map(|mails| mails as usize), seed: self.seed }
    }

    /// Whether what is asked for can be run at all.
    fn check(&self) -> Result<()> {
        self.kinds()?;
        if self.wants(Name::Campaign) {
            if self.campaigners(true).is_empty() {
                bail!("campaign is measured without a peer: name postern-sqlite, postern-postgres or no server");
            }
            campaign::check(self.campaign_mails())?;
        }
        if self.readings().contains(&reading::Workload::Big) {
            reading::check(self.mails)?;
        }
        Ok(())
    }

    fn campaign_mails(&self) -> usize {
        self.mails.map_or(campaign::MAILS, |mails| mails as usize)
    }

    fn wants(&self, name: Name) -> bool {
        let runs_unasked = name != Name::Campaign && self.workloads.is_empty();
        runs_unasked || self.workloads.contains(&name)
    }

    /// Is anything wanted that is measured without a peer?
    fn wants_own(&self) -> bool {
        [Name::Campaign, Name::Revoke, Name::Asking, Name::Storm, Name::Timing].into_iter().any(|name| self.wants(name))
    }

    fn deliveries(&self) -> Vec<&'static Workload> {
        let both = self.wants(Name::Deliver);
        let named = [(Name::DeliverOne, &deliver::ONE), (Name::DeliverEight, &deliver::EIGHT)];
        named.into_iter().filter(|(name, _)| both || self.wants(*name)).map(|(_, workload)| workload).collect()
    }

    fn sendings(&self) -> Vec<&'static send::Workload> {
        let both = self.wants(Name::Send);
        let named = [(Name::Submit, &send::SUBMIT), (Name::Bulk, &send::BULK)];
        named.into_iter().filter(|(name, _)| both || self.wants(*name)).map(|(_, workload)| workload).collect()
    }

    fn readings(&self) -> Vec<reading::Workload> {
        let all = self.wants(Name::Read);
        let named = [
            (Name::Session, reading::Workload::Session),
            (Name::Big, reading::Workload::Big),
            (Name::Idle, reading::Workload::Idle),
            (Name::Export, reading::Workload::Export),
            (Name::Auth, reading::Workload::Auth),
        ];
        named.into_iter().filter(|(name, _)| all || self.wants(*name)).map(|(_, workload)| workload).collect()
    }

    /// Those that are read, in the order of each round.
    fn readers(&self, workload: reading::Workload, postgres: bool) -> Vec<Kind> {
        let all = Kind::value_variants().iter().copied().filter(|kind| kind.reads());
        all.filter(|kind| match kind {
            _ if !self.servers.is_empty() => self.servers.contains(kind),
            Kind::PosternPostgres => postgres,
            _ => !kind.is_peer() || workload.is_peer(*kind),
        })
        .collect()
    }

    /// Those that send, in the order of each round.
    fn senders(&self, postgres: bool) -> Vec<Kind> {
        let asked = |kind: &Kind| self.servers.is_empty() || self.servers.contains(kind);
        let can = |kind: &Kind| !self.servers.is_empty() || postgres || *kind != Kind::PosternPostgres;
        let all = Kind::value_variants().iter().copied().filter(|kind| kind.sends());
        all.filter(|kind| asked(kind) && can(kind)).collect()
    }

    /// Those of ours among them.
    fn campaigners(&self, postgres: bool) -> Vec<Kind> {
        self.senders(postgres).into_iter().filter(|kind| !kind.is_peer()).collect()
    }

    /// The servers in the order of each round. A floor needs both sides, so leaving one out
    /// must be said twice.
    fn kinds(&self) -> Result<Vec<Kind>> {
        self.kinds_with(std::env::var_os(POSTGRES).is_some())
    }

    fn kinds_with(&self, postgres: bool) -> Result<Vec<Kind>> {
        let asked = |kind: &Kind| self.servers.is_empty() || self.servers.contains(kind);
        let can = |kind: &Kind| !self.servers.is_empty() || postgres || *kind != Kind::PosternPostgres;
        let kinds: Vec<Kind> =
            Kind::value_variants().iter().copied().filter(|kind| kind.delivers() && asked(kind) && can(kind)).collect();
        let judged = kinds.iter().any(|kind| kind.has_floor()) && kinds.iter().any(|kind| kind.is_peer());
        if !judged && !self.no_floors && !self.deliveries().is_empty() {
            bail!("without postern-sqlite and a peer there is nothing to compare; add --no-floors to report only");
        }
        Ok(kinds)
    }
}

/// A folder of our own that every server's user can pass through, gone with its guard.
fn folder(on: Option<&Path>) -> Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("postern-bench-").permissions(Permissions::from_mode(0o711));
    let folder = match on {
        Some(on) => builder.tempdir_in(on),
        None => builder.tempdir(),
    };
    let folder = folder.context("cannot make a folder to measure in")?;
    machine::insist_on_a_disk(folder.path())?;
    Ok(folder)
}

#[expect(clippy::disallowed_methods, reason = "a report beside the person's own files")]
fn write(file: &Path, document: &Value) -> Result<()> {
    std::fs::write(file, format!("{document:#}\n")).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Arguments {
        Arguments::try_parse_from(line.split(' ')).expect("a command line")
    }

    #[test]
    fn everything_runs_unless_something_is_named() {
        let names = |line| parsed(line).deliveries().iter().map(|workload| workload.name).collect::<Vec<_>>();
        assert_eq!(names("bench"), ["deliver-1", "deliver-8"]);
        assert_eq!(names("bench --workload deliver"), ["deliver-1", "deliver-8"]);
        assert_eq!(names("bench --workload deliver-8"), ["deliver-8"]);
        assert!(names("bench --workload power-cut").is_empty());
        for name in [Name::PowerCut, Name::RightsModel, Name::ResyncModel, Name::Hostile] {
            assert!(parsed("bench").wants(name));
            assert!(!parsed("bench --workload deliver").wants(name));
        }
        assert!(!parsed("bench --workload rights-model").wants(Name::PowerCut));
    }

    #[test]
    fn sending_runs_alone_and_beside_postfix() {
        let names = |line| parsed(line).sendings().iter().map(|workload| workload.name).collect::<Vec<_>>();
        assert_eq!(names("bench"), ["submit", "bulk"]);
        assert_eq!(names("bench --workload send"), ["submit", "bulk"]);
        assert_eq!(names("bench --workload bulk"), ["bulk"]);
        let bulk = parsed("bench --workload bulk");
        assert!(bulk.deliveries().is_empty() && !bulk.wants_own());
        assert_eq!(bulk.senders(false), [Kind::PosternSqlite, Kind::Postfix]);
        assert!(parsed("bench --workload bulk --server postern-sqlite").kinds_with(false).is_ok());
    }

    #[test]
    fn reading_runs_alone_and_beside_dovecot() {
        let names = |line| parsed(line).readings().iter().map(|workload| workload.name()).collect::<Vec<_>>();
        assert_eq!(names("bench"), ["session", "big", "idle", "export", "auth"]);
        assert_eq!(names("bench --workload read"), names("bench"));
        assert_eq!(names("bench --workload big"), ["big"]);
        let big = parsed("bench --workload big");
        assert!(big.deliveries().is_empty() && big.sendings().is_empty() && !big.wants_own());
        let readers = |line, postgres| parsed(line).readers(reading::Workload::Big, postgres);
        assert_eq!(readers("bench", false), [Kind::PosternSqlite, Kind::DovecotMdbox]);
        assert!(readers("bench", true).contains(&Kind::PosternPostgres));
        assert_eq!(readers("bench --server postern-sqlite", true), [Kind::PosternSqlite]);
        assert_eq!(readers("bench --server dovecot-maildir", true), [Kind::DovecotMaildir]);
        assert!(parsed("bench --workload big --mails 1000000 --server postern-sqlite").check().is_ok());
        assert!(parsed("bench --workload big --mails 199").check().is_err());
        assert!(parsed("bench --workload session --mails 199").check().is_ok());
    }

    #[test]
    fn a_campaign_runs_only_where_it_is_named() {
        assert!(!parsed("bench").wants(Name::Campaign));
        let campaign = parsed("bench --workload campaign");
        assert!(campaign.wants(Name::Campaign) && campaign.wants_own() && campaign.check().is_ok());
        assert!(campaign.sendings().is_empty() && !campaign.wants(Name::Storm));
        assert!(parsed("bench --workload campaign --mails 10001").check().is_err());
        assert!(parsed("bench --mails 10001").check().is_ok());
        assert!(parsed("bench --workload campaign --server postfix").check().is_err());
        assert_eq!(campaign.campaigners(true), [Kind::PosternSqlite, Kind::PosternPostgres]);
        assert_eq!(campaign.campaigners(false), [Kind::PosternSqlite]);
    }

    #[test]
    fn a_floor_needs_both_sides() {
        assert!(!parsed("bench").kinds_with(false).expect("both sides").contains(&Kind::PosternPostgres));
        assert!(parsed("bench").kinds_with(true).expect("both sides").contains(&Kind::PosternPostgres));
        assert!(parsed("bench --server postern-sqlite").kinds_with(true).is_err());
        assert!(parsed("bench --server postern-sqlite --no-floors").kinds_with(true).is_ok());
        assert!(parsed("bench --server postern-postgres --server dovecot-sdbox").kinds_with(true).is_err());
    }
}
