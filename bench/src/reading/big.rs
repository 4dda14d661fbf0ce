//! The workload "big": what a mailbox of two hundred thousand mails costs to open and to list.
//!
//! For the first look both servers are started anew and the page cache is empty. Everything else
//! goes over the same connection, one command after the other, as a mail program would that has
//! kept nothing; the last is one that has, and comes back after a hundred changes.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::time::Instant;

use super::figures::{Figure, Values};
use super::house::{House, MAILBOX};
use super::wire::{Wire, code, fetched, found};
use super::{Extent, system};
use crate::corpus::{self, Corpus, Kind};
use crate::machine;

/// Mails in the mailbox.
pub const MAILS: usize = 200_000;
/// Pages, changes and what goes need room.
pub const LEAST_MAILS: u32 = 200;
/// Mails of one APPEND, where the server takes several in one (RFC 3502).
const BATCH: usize = 1_000;
/// One of so many was not read yet.
const ONE_UNREAD_OF: usize = 10;
/// Ranges of one STORE.
const RANGES: usize = 2_000;
/// Messages of one STORE that is timed.
const MARKED: usize = 100;
/// Messages of one page.
const PAGE: usize = 50;
const FLAGS: &str = "FETCH 1:* (UID FLAGS)";
const ENVELOPES: &str = "FETCH 1:* (UID ENVELOPE)";
/// Times that what takes little is repeated; the middle one counts.
const TIMES: usize = 21;
/// Flags that are changed, and messages that go, before somebody comes back.
const CHANGED: usize = 90;
const EXPUNGED: usize = 10;
/// The first message that goes.
const FIRST_EXPUNGED: usize = 3;

pub static FIGURES: [Figure; 18] = [
    Figure::less("SELECT cold", "ms", 1).floor(1.0).goal(3.0).unless(system::NOT_COLD),
    Figure::less("SELECT warm", "ms", 2).floor_at(1.0),
    Figure::less("SELECT warm, read before", "ms", 2).floor_at(1.0),
    Figure::less("FETCH 1:* (UID FLAGS), first", "ms", 0).goal(1.0),
    Figure::less("FETCH 1:* (UID FLAGS)", "ms", 0).floor(1.0).goal(2.0),
    Figure::less("FETCH 1:* (UID ENVELOPE), first", "ms", 0).floor(1.0).goal(2.0),
    Figure::less("FETCH 1:* (UID ENVELOPE), repeated", "ms", 0).floor(1.0).goal(2.0),
    Figure::less("page of 50 with BODYSTRUCTURE, first", "ms", 1),
    Figure::less("page of 50 with BODYSTRUCTURE, repeated", "ms", 2),
    Figure::less("UID SEARCH UNSEEN", "ms", 1),
    Figure::less("STORE of 100 flags", "ms", 1),
    Figure::less("QRESYNC after 100 changes", "ms", 1).floor(2.0).goal_at(5.0),
    Figure::less("server CPU of FETCH 1:* (UID FLAGS)", "ms", 0),
    Figure::less("server CPU of FETCH 1:* (UID ENVELOPE)", "ms", 0),
    Figure::less("server CPU of a round", "ms", 0),
    Figure::less("client during FETCH 1:* (UID ENVELOPE)", "processors", 2),
    Figure::less("memory of the server", "MiB", 0),
    Figure::less("memory of the server, peak", "MiB", 0),
];

/// Fills the mailbox, by the quickest way that each has, and marks most of it as read.
pub async fn prepare(house: &mut House, extent: &Extent) -> Result<()> {
    let (mails, start) = (extent.mails.unwrap_or(MAILS), Instant::now());
    if house.kind().is_peer() {
        append(house, mails, extent.seed).await?;
    } else {
        house.fill(Kind::Small, mails, extent.seed).await?;
    }
    eprintln!("big: {mails} mails in {} after {:.0} s", house.kind().name(), start.elapsed().as_secs_f64());
    let (mut wire, _) = house.open(0).await?;
    for set in read_ones(mails) {
        wire.ok(&format!("UID STORE {set} +FLAGS.SILENT (\\Seen)")).await?;
    }
    wire.ok("LOGOUT").await.map(drop)
}

async fn append(house: &House, mails: usize, seed: u64) -> Result<()> {
    let mut wire = house.sign_in(0).await?;
    for (number, first) in (0..mails).step_by(BATCH).enumerate() {
        let batch = Corpus::write(Kind::Small, BATCH.min(mails - first), seed + number as u64);
        let letters: Vec<Vec<u8>> = batch.mails.iter().map(|mail| corpus::unstuffed(&mail.wire)).collect();
        wire.append(MAILBOX, letters.iter().map(Vec::as_slice), |_| {}).await?;
    }
    let (_, exists) = house.open(0).await?;
    if exists != mails {
        bail!("{mails} mails were appended and {exists} are there");
    }
    Ok(())
}

/// UIDs of those that were read, in sets short enough for one command.
fn read_ones(mails: usize) -> Vec<String> {
    let ranges: Vec<String> = (1..=mails)
        .step_by(ONE_UNREAD_OF)
        .map(|first| format!("{first}:{}", (first + ONE_UNREAD_OF - 2).min(mails).max(first)))
        .collect();
    ranges.chunks(RANGES).map(|some| some.join(",")).collect()
}

/// So many messages all over the mailbox, in order.
fn spread(exists: usize, count: usize, start: usize) -> Vec<usize> {
    let every = (exists / (count + 1)).max(1);
    (0..count).map(|number| start + number * every).collect()
}

/// UIDs that are left after so many rounds, in order.
fn left(mails: usize, rounds: usize) -> Vec<usize> {
    let mut uids: Vec<usize> = (1..=mails).collect();
    for _ in 0..rounds {
        for number in spread(uids.len(), EXPUNGED, FIRST_EXPUNGED).into_iter().rev() {
            uids.remove(number - 1);
        }
    }
    uids
}

/// All of it once, from a cold start.
pub async fn round(house: &mut House, extent: &Extent, round: usize) -> Result<Values> {
    let left = left(extent.mails.unwrap_or(MAILS), round);
    let is_cold = house.restart_cold().await?;
    // A database is not started anew.
    let server_before = house.seconds()?;
    let mut wire = house.sign_in(0).await?;
    let cold = select(&mut wire, "").await?;
    let exists = cold.exists;
    if exists != left.len() {
        bail!("SELECT tells {exists} messages of {}", left.len());
    }
    let warm = selects(&mut wire, exists).await?;
    let (flags_first, _) = list(house, &mut wire, FLAGS, exists).await?;
    let (flags, flags_cost) = list(house, &mut wire, FLAGS, exists).await?;
    let (envelopes_first, _) = list(house, &mut wire, ENVELOPES, exists).await?;
    let (envelopes, envelopes_cost) = list(house, &mut wire, ENVELOPES, exists).await?;
    let (page_first, page) = pages(&mut wire, exists, round).await?;
    // The list is at hand, and stays there: somebody else has read it and has the mailbox open.
    let (mut another, _) = house.open(3).await?;
    fetch(&mut another, FLAGS, exists).await?;
    let warm_read = selects(&mut wire, exists).await?;
    another.ok("LOGOUT").await?;
    let unread: Vec<usize> = left.into_iter().filter(|uid| uid.is_multiple_of(ONE_UNREAD_OF)).collect();
    let search = searches(&mut wire, &unread).await?;
    let store = stores(&mut wire, exists, round).await?;
    wire.ok("LOGOUT").await?;
    let resync = resync(house).await?;
    house.rest().await?;
    let (server, memory) = (house.seconds()?, house.memory()?);
    let cold = is_cold.then(|| ms(cold.took));
    let mib = |bytes: fn(machine::Memory) -> u64| memory.map(|memory| bytes(memory) as f64 / f64::from(1 << 20));
    let mut values = vec![cold];
    let lists = [flags_first, flags, envelopes_first, envelopes];
    let times = [&[warm, warm_read][..], &lists, &[page_first, page, search, store]].concat().into_iter();
    values.extend(times.map(|time| Some(ms(time))));
    let of_a_round = server.zip(server_before).map(|(now, before)| (now - before) * 1000.0);
    values.extend([Some(ms(resync)), flags_cost.server_ms, envelopes_cost.server_ms, of_a_round]);
    values.push(Some(envelopes_cost.client_cores));
    values.extend([mib(|memory| memory.proportional), mib(|memory| memory.peak)]);
    Ok(values)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

struct Selected {
    took: Duration,
    exists: usize,
    /// The response codes that came with it.
    codes: String,
}

impl Selected {
    fn code(&self, name: &str) -> Result<&str> {
        let mut words = code(&self.codes, name).with_context(|| format!("SELECT tells no {name}"))?;
        words.next().with_context(|| format!("{name} of nothing"))
    }
}

async fn select(wire: &mut Wire, parameters: &str) -> Result<Selected> {
    let (mut exists, mut codes) = (None, String::new());
    let start = Instant::now();
    wire.ok_told(&format!("SELECT {MAILBOX}{parameters}"), |line| {
        exists = exists.or(super::wire::number(line, "EXISTS"));
        if line.starts_with(b"* OK [") {
            codes.push_str(&String::from_utf8_lossy(line));
        }
    })
    .await?;
    let took = start.elapsed();
    Ok(Selected { took, exists: exists.context("SELECT tells no EXISTS")?, codes })
}

/// The middle of several SELECTs of so many messages.
async fn selects(wire: &mut Wire, exists: usize) -> Result<Duration> {
    let mut all = Vec::new();
    for _ in 0..TIMES {
        let selected = select(wire, "").await?;
        if selected.exists != exists {
            bail!("SELECT tells {} messages of {exists}", selected.exists);
        }
        all.push(selected.took);
    }
    Ok(middle(all))
}

/// One FETCH, which must tell of so many messages.
async fn fetch(wire: &mut Wire, command: &str, messages: usize) -> Result<Duration> {
    let mut came = 0;
    let start = Instant::now();
    wire.ok_told(command, |line| came += usize::from(fetched(line).is_some())).await?;
    let took = start.elapsed();
    if came != messages {
        bail!("{command}: {came} messages came of {messages}");
    }
    Ok(took)
}

/// The middle of several searches for what is unread, which must find just that.
async fn searches(wire: &mut Wire, unread: &[usize]) -> Result<Duration> {
    let mut all = Vec::new();
    for _ in 0..TIMES {
        let mut line = Vec::new();
        let start = Instant::now();
        wire.ok_told("UID SEARCH UNSEEN", |told| line.extend_from_slice(told)).await?;
        all.push(start.elapsed());
        let mut uids = found(&line)?.context("no line tells what was found")?;
        uids.sort_unstable();
        if uids != unread {
            bail!("a search for what is unread found {} messages, not just the {} that are", uids.len(), unread.len());
        }
    }
    Ok(middle(all))
}

/// The middle of several changes, each of which must be told of each message. Flags are set and taken
/// back in turn, so that every change is one.
async fn stores(wire: &mut Wire, exists: usize, round: usize) -> Result<Duration> {
    let mut all = Vec::new();
    for time in 0..TIMES + 1 {
        let first = 1 + (round * TIMES + time / 2) * 211 % (exists - MARKED);
        let last = first + MARKED - 1;
        let (sign, is_set) = if time.is_multiple_of(2) { ('+', true) } else { ('-', false) };
        let command = format!("STORE {first}:{last} {sign}FLAGS (\\Flagged)");
        let mut told = BTreeSet::new();
        let start = Instant::now();
        wire.ok_told(&command, |line| {
            let has = memchr::memmem::find(line, b"\\Flagged").is_some();
            told.extend(fetched(line).filter(|_| has == is_set));
        })
        .await?;
        all.push(start.elapsed());
        if !told.iter().copied().eq(first..=last) {
            bail!("{command}: told of {} messages", told.len());
        }
    }
    // One more than counts, which took back the last.
    all.truncate(TIMES);
    Ok(middle(all))
}

/// What a long command cost.
struct Cost {
    server_ms: Option<f64>,
    client_cores: f64,
}

/// One command over all messages.
async fn list(house: &House, wire: &mut Wire, command: &str, exists: usize) -> Result<(Duration, Cost)> {
    let (server, client) = (house.seconds()?, machine::own_seconds());
    let took = fetch(wire, command, exists).await?;
    let client_cores = (machine::own_seconds() - client) / took.as_secs_f64();
    let server = house.seconds()?.zip(server).map(|(now, before)| now - before);
    Ok((took, Cost { server_ms: server.map(|seconds| seconds * 1000.0), client_cores }))
}

/// The one in the middle.
fn middle(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// A page that nobody has asked for, and the same again.
async fn pages(wire: &mut Wire, exists: usize, round: usize) -> Result<(Duration, Duration)> {
    let first = 1 + round * 5 * PAGE % (exists - PAGE);
    let last = first + PAGE - 1;
    let command = format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)");
    let unseen = fetch(wire, &command, PAGE).await?;
    let mut again = Vec::new();
    for _ in 0..TIMES {
        again.push(fetch(wire, &command, PAGE).await?);
    }
    Ok((unseen, middle(again)))
}

/// Somebody goes, somebody else changes a hundred messages, and the first comes back (RFC 7162
/// section 3.2.5).
async fn resync(house: &House) -> Result<Duration> {
    let (mut other, exists) = house.open(2).await?;
    other.ok("STORE 1:* -FLAGS.SILENT (\\Answered)").await?;
    let mut away = house.sign_in(1).await?;
    let before = select(&mut away, " (CONDSTORE)").await?;
    away.ok("LOGOUT").await?;

    let numbers = |numbers: Vec<usize>| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let (changed, expunged) = (numbers(spread(exists, CHANGED, 2)), numbers(spread(exists, EXPUNGED, FIRST_EXPUNGED)));
    other.ok(&format!("STORE {changed} +FLAGS.SILENT (\\Answered)")).await?;
    other.ok(&format!("STORE {expunged} +FLAGS.SILENT (\\Deleted)")).await?;
    other.ok("EXPUNGE").await?;
    other.ok("LOGOUT").await?;

    let mut back = house.sign_in(1).await?;
    back.ok("ENABLE QRESYNC").await?;
    let command =
        format!("SELECT {MAILBOX} (QRESYNC ({} {}))", before.code("UIDVALIDITY")?, before.code("HIGHESTMODSEQ")?);
    let (mut flags, mut vanished) = (0, 0);
    let start = Instant::now();
    back.ok_told(&command, |line| {
        flags += usize::from(memchr::memmem::find(line, b" FETCH (").is_some());
        vanished += line.strip_prefix(b"* VANISHED (EARLIER) ").map_or(0, uids);
    })
    .await?;
    let took = start.elapsed();
    back.ok("LOGOUT").await?;
    // Of those that are gone some had been changed before; more than these may be told as gone (RFC 7162 section 3.2.10).
    if !(CHANGED - EXPUNGED..=CHANGED).contains(&flags) || vanished < EXPUNGED {
        bail!("{flags} messages and {vanished} that are gone were told of {CHANGED} and {EXPUNGED}");
    }
    Ok(took)
}

/// How many UIDs are in a set; none where it is no set.
fn uids(set: &[u8]) -> usize {
    let count = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
        Some(first.abs_diff(last) + 1)
    };
    let set = str::from_utf8(set).unwrap_or_default().trim_end();
    set.split(',').map(count).sum::<Option<usize>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::wire::scripted;
    use super::*;

    #[test]
    fn a_set_has_so_many_uids() {
        assert_eq!(["7\r\n", "1:3,9", "5:2", "", "a:b"].map(|set| uids(set.as_bytes())), [1, 4, 4, 0, 0]);
    }

    #[tokio::test]
    async fn wrong_answers_are_noticed() -> Result<()> {
        const TWO: &str = "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 9 EXISTS\r\n";
        let mut wire = scripted(&[TWO, TWO, "* SEARCH 10 21\r\n", "", TWO]).await?;
        assert!(fetch(&mut wire, FLAGS, 2).await.is_ok());
        assert!(fetch(&mut wire, FLAGS, 3).await.is_err(), "EXISTS is no message");
        assert!(searches(&mut wire, &[10, 20]).await.is_err(), "another one");
        assert!(searches(&mut wire, &[]).await.is_err(), "no line");
        assert!(stores(&mut wire, 200, 0).await.is_err(), "two of a hundred, without the flag");
        Ok(())
    }

    #[test]
    fn ten_go_in_each_round() {
        assert_eq!(spread(220, EXPUNGED, FIRST_EXPUNGED), [3, 23, 43, 63, 83, 103, 123, 143, 163, 183]);
        let all = left(220, 1);
        assert_eq!(all.len(), 210);
        assert_eq!(all[..4], [1, 2, 4, 5]);
        assert!(!all.contains(&183) && all.contains(&184));
        // The next third is what was the fourth.
        assert_eq!(left(220, 2)[..4], [1, 2, 5, 6]);
    }

    #[test]
    fn one_in_ten_is_unread() {
        assert_eq!(read_ones(25), ["1:9,11:19,21:25"]);
        assert_eq!(read_ones(21), ["1:9,11:19,21:21"]);
        let sets = read_ones(200_000);
        assert_eq!(sets.len(), 10);
        assert!(sets.iter().all(|set| set.len() < 60_000));
    }
}
