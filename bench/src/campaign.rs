//! The workload "campaign": ten thousand mails at the pace of their credential, and people beside it.
//!
//! A credential for marketing hands in a day's worth of mails, each to one, as fast as they are
//! taken; none may be refused. They leave six hundred a minute. Limits are minutes of UTC, so the
//! sink's arrivals are counted in those; the hand-in begins with a minute, so that none is on its
//! way when one ends. Meanwhile somebody writes mail by mail to a colleague and to somebody
//! elsewhere, by the same sink, as they did for a minute before. No peer has such limits.

mod people;
mod report;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;
use tokio::time::Instant;

use crate::client::{self, Delivered, Entrance, Letter};
use crate::servers::{Kind, Postern, RECIPIENT, Server, Submits, Tools, Way};
use crate::sink::Sink;
use crate::{corpus, machine};
use people::{People, Waits};

/// As many as a credential for marketing sends in a day.
pub const MAILS: usize = 10_000;
/// As many as leave in a minute.
const A_MINUTE: usize = 600;
const MINUTE: Duration = Duration::from_secs(60);
/// At the same time, each with one mail at a time.
const CONNECTIONS: usize = 8;
/// How long people are measured before the campaign, at least.
const QUIET: Duration = MINUTE;
/// Minutes that may pass beyond those that the pace takes.
const SPARE_MINUTES: usize = 3;
/// How often it is looked how many have come.
const LOOK: Duration = Duration::from_secs(1);
/// All recipients of the campaign begin so, and nobody else.
const CUSTOMER: &str = "customer.";
/// The floor: the slowest hundredth of people's mail is there by then.
const FLOOR_MS: f64 = 1000.0;

/// What came of a campaign.
struct Outcome {
    engine: Kind,
    mails: usize,
    handed_in: Delivered,
    /// Mails at the sink in each minute of UTC, from that of the first to that of the last.
    minutes: Vec<usize>,
    /// Recipients whose mail was taken and did not come, people's among them.
    missing: usize,
    /// How often somebody got a mail that they had.
    twice: usize,
    /// Messages in the queue at the end.
    waiting: u64,
    before: Waits,
    during: Waits,
    /// Processor time of the server for each mail of the campaign, people's mail included.
    cpu_ms: Option<f64>,
    /// Processors kept busy meanwhile by what is none of ours.
    foreign_cores: f64,
}

/// Runs it on one engine; answers the document and whether the floors were met.
pub async fn run(tools: &Tools<'_>, folder: &Path, engine: Kind, mails: usize, seed: u64) -> Result<(Value, bool)> {
    let folder = folder.join(format!("campaign-{}", engine.name()));
    std::fs::create_dir(&folder)?;
    let sink = Sink::start()?;
    let server = Postern::start_to_send(tools, &folder, engine == Kind::PosternPostgres, sink.address()).await?;
    let people = People::start(&server, seed).await?;
    let letters = letters(mails, seed);
    let secret = server.issue("marketing", people::ALICE)?;
    let entrance = Entrance { password: Some(secret), ..server.entrance(Way::Plain)? };
    tokio::time::sleep(QUIET).await;
    let connections = client::connections(&entrance, RECIPIENT, CONNECTIONS.min(mails)).await?;
    next_minute().await;

    let (spent, start) = (Spent::so_far(&server)?, Instant::now());
    let handed_in = client::offer(connections, letters).await?;
    let seconds = handed_in.elapsed.as_secs_f64();
    eprintln!("campaign: {mails} mails handed in to {} within {seconds:.1} s", engine.name());
    let taken = mails - handed_in.refused.len();
    until_relayed(&sink, &server, taken).await?;
    let spent = Spent::so_far(&server)?.since(&spent);
    let seconds = start.elapsed().as_secs_f64();

    let written = people.end().await?;
    let waiting = until_empty(&server).await?;
    Server::stop(&server)?;
    let (arrivals, twice) = sink.seen();
    let campaign = arrivals.iter().filter(|(to, _)| to.starts_with(CUSTOMER.as_bytes()));
    let minutes = campaign.map(|(_, arrival)| arrival.since_1970.as_secs() / MINUTE.as_secs());
    let (before, during) =
        (written.waits(&arrivals, |mail| mail < start), written.waits(&arrivals, |mail| mail >= start));
    let missing = taken.saturating_sub(sink.count(CUSTOMER)) + before.missing + during.missing;
    let outcome = Outcome {
        engine,
        mails,
        handed_in,
        minutes: by_minute(minutes),
        missing,
        twice,
        waiting,
        before,
        during,
        cpu_ms: spent.server.map(|server| server * 1000.0 / mails as f64),
        foreign_cores: ((spent.all - spent.ours) / seconds).max(0.0),
    };
    Ok(outcome.tell())
}

/// Fails where more is asked for than one day takes.
pub fn check(mails: usize) -> Result<()> {
    if mails > MAILS {
        bail!("a credential for marketing sends {MAILS} mails a day: give --mails {MAILS} or less");
    }
    Ok(())
}

/// One for each recipient.
fn letters(mails: usize, seed: u64) -> Vec<Letter> {
    let recipients: Vec<String> = (0..mails).map(|number| format!("{CUSTOMER}{number}@example.net")).collect();
    let notes = corpus::notes(RECIPIENT, &recipients, seed);
    let letter = |(recipient, mail): (String, corpus::Mail)| Letter {
        sender: RECIPIENT.to_owned(),
        recipients: vec![recipient],
        wire: mail.wire,
    };
    recipients.into_iter().zip(notes).map(letter).collect()
}

/// Waits until a minute of UTC begins.
async fn next_minute() {
    let into = machine::since_1970().as_secs_f64() % MINUTE.as_secs_f64();
    tokio::time::sleep(MINUTE - Duration::from_secs_f64(into)).await;
}

/// Waits until so many have come, or do not come any more.
async fn until_relayed(sink: &Sink, server: &Postern, taken: usize) -> Result<()> {
    let limit = MINUTE * u32::try_from(taken / A_MINUTE + SPARE_MINUTES).unwrap_or(u32::MAX);
    let (start, mut told) = (Instant::now(), 0);
    loop {
        let came = sink.count(CUSTOMER);
        if came >= taken || start.elapsed() > limit {
            return Ok(());
        }
        let minute = start.elapsed().as_secs() / MINUTE.as_secs();
        if minute > told {
            told = minute;
            eprintln!("campaign: {came} of {taken} at the sink after {minute} min");
            // A server that has ended is not waited for.
            Server::seconds(server)?;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What could come twice is still in the queue. Answers how much is there when it takes too long.
async fn until_empty(server: &Postern) -> Result<u64> {
    let start = Instant::now();
    loop {
        let waiting = server.waiting()?;
        if waiting == 0 || start.elapsed() > MINUTE {
            return Ok(waiting);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// How many in each minute, from the first to the last.
fn by_minute(minutes: impl Iterator<Item = u64>) -> Vec<usize> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for minute in minutes {
        *counts.entry(minute).or_default() += 1;
    }
    let (Some(first), Some(last)) = (counts.keys().next(), counts.keys().next_back()) else { return Vec::new() };
    (*first..=*last).map(|minute| counts.get(&minute).copied().unwrap_or(0)).collect()
}

/// Seconds of processor time.
struct Spent {
    /// On anything.
    all: f64,
    /// By the client, the sink, the server and its database.
    ours: f64,
    /// By the server and its database.
    server: Option<f64>,
}

impl Spent {
    fn so_far(server: &Postern) -> Result<Self> {
        let outside = server.database_seconds()?.unwrap_or(0.0);
        Ok(Self {
            all: machine::busy_seconds()?,
            ours: machine::tree_seconds(std::process::id())? + outside,
            server: Server::seconds(server)?,
        })
    }

    fn since(&self, before: &Self) -> Self {
        let server = self.server.zip(before.server).map(|(now, before)| now - before);
        Self { all: self.all - before.all, ours: self.ours - before.ours, server }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_in_which_nothing_came_counts() {
        assert_eq!(by_minute([7, 7, 9, 7].into_iter()), [3, 0, 1]);
        assert!(by_minute([].into_iter()).is_empty());
    }

    #[test]
    fn each_mail_has_a_recipient_of_its_own() {
        let letters = letters(40, 1);
        let recipients: std::collections::BTreeSet<_> = letters.iter().map(|letter| &letter.recipients).collect();
        assert_eq!(recipients.len(), 40);
        assert!(check(MAILS).is_ok() && check(MAILS + 1).is_err());
    }
}
