//! The workload "idle": a thousand connections of twenty delegates wait in one mailbox.
//!
//! What they hold of the server's memory, how long it took to open them, and how long after a mail
//! began to be delivered the last of them has heard of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::figures::{Figure, Values};
use super::house::{House, MAILBOX, PASSWORD, person};
use super::wire::{Wire, number};
use super::{Extent, system};
use crate::corpus::{Corpus, Kind};
use crate::machine;

/// At the same time.
const CONNECTIONS: usize = 1_000;
/// Those that are being opened at the same time.
const DOORS: usize = 8;
/// Mails in the mailbox.
pub const MAILS: usize = 3_000;
/// Deliveries of a round; the middle one counts.
const DELIVERIES: usize = 5;
/// What a waiting connection reads at once.
const ROOM: usize = 4 << 10;
/// Whoever has not heard by then does not.
const PATIENCE: Duration = Duration::from_secs(90);

pub static FIGURES: [Figure; 6] = [
    Figure::less("memory of a connection", "KiB", 0).floor(8.0).floor_at(100.0).goal_at(40.0),
    Figure::less("delivery to last notification", "ms", 0).floor(5.0).floor_at(300.0).goal_at(50.0),
    Figure::less("delivery to last notification, slowest of five", "ms", 0),
    Figure::more("opened (sign-in, select, idle)", "a second", 0),
    Figure::less("server CPU of a delivery to all", "ms", 0),
    Figure::less("memory of the server with all of them", "MiB", 0),
];

/// Fills the mailbox. Dovecot watches a file for each connection.
pub async fn prepare(house: &mut House, extent: &Extent) -> Result<()> {
    house.fill(Kind::Small, extent.mails.unwrap_or(MAILS), extent.seed).await
}

/// Opens them all on a server that was started anew, and delivers.
pub async fn round(house: &mut House, extent: &Extent, round: usize) -> Result<Values> {
    house.restart(|| Ok(())).await?;
    let watchers = system::Watchers::raise(2 * CONNECTIONS as u64);
    let can_watch = match (&watchers, house.kind().is_peer()) {
        (Err(why), true) => {
            println!("idle: {why:#}; notification is not measured for {}", house.kind().name());
            false
        }
        _ => true,
    };
    // One to have everything there that is needed once.
    let (mut first, exists) = house.open(0).await?;
    first.ok("LOGOUT").await?;
    house.rest().await?;
    let before = house.memory()?;

    let start = Instant::now();
    let (heard, mut hears) = mpsc::unbounded_channel();
    let mut waiting = open_all(house, heard).await?;
    let rate = CONNECTIONS as f64 / start.elapsed().as_secs_f64();
    house.rest().await?;
    let (after, spent) = (house.memory()?, house.seconds()?);
    let proportional = |memory: Option<machine::Memory>| memory.map(|memory| memory.proportional as f64 / 1024.0);
    let (before, after) = (proportional(before), proportional(after));

    let mut waits = Vec::new();
    for delivery in 1..=if can_watch { DELIVERIES } else { 0 } {
        let mail = Corpus::write(Kind::Small, 1, extent.seed + (round * DELIVERIES + delivery) as u64);
        let start = Instant::now();
        house.deliver(&Arc::new(mail), 1).await?;
        waits.push(all_hear(&mut hears, &mut waiting, exists + delivery).await?.duration_since(start));
        house.rest().await?;
    }
    let cpu = house.seconds()?.zip(spent).map(|(now, before)| (now - before) * 1000.0 / DELIVERIES as f64);
    waiting.abort_all();
    while waiting.join_next().await.is_some() {}
    waits.sort_unstable();
    let ms = |place: usize| waits.get(place).map(|wait| wait.as_secs_f64() * 1000.0);
    Ok(vec![
        after.zip(before).map(|(after, before)| (after - before) / CONNECTIONS as f64),
        ms(DELIVERIES / 2),
        ms(DELIVERIES - 1),
        Some(rate),
        cpu.filter(|_| can_watch),
        after.map(|kilobytes| kilobytes / 1024.0),
    ])
}

/// Which connection heard of how many messages, and when.
type Heard = (usize, usize, Instant);

/// Each is in IDLE when this answers; ends only by its own error.
async fn open_all(house: &House, heard: mpsc::UnboundedSender<Heard>) -> Result<JoinSet<Result<()>>> {
    let address = house.imap()?;
    let mut doors = JoinSet::new();
    for door in 0..DOORS {
        doors.spawn(async move {
            let mut open = Vec::new();
            for connection in (door..CONNECTIONS).step_by(DOORS) {
                let mut wire = Wire::sign_in(address, ROOM, &person(connection), PASSWORD).await?;
                wire.ok(&format!("SELECT {MAILBOX}")).await?;
                wire.idle(|_| {}).await?;
                open.push(wire);
            }
            anyhow::Ok(open)
        });
    }
    let mut waiting = JoinSet::new();
    while let Some(open) = doors.join_next().await {
        for wire in open.context("a door's task failed")?? {
            waiting.spawn(wait(waiting.len(), wire, heard.clone()));
        }
    }
    Ok(waiting)
}

async fn wait(connection: usize, mut wire: Wire, heard: mpsc::UnboundedSender<Heard>) -> Result<()> {
    loop {
        let line = wire.next_line().await?;
        if let Some(exists) = number(line, "EXISTS") {
            heard.send((connection, exists, Instant::now())).context("nobody counts them")?;
        }
    }
}

/// Waits until everybody has heard of so many messages; answers when the last did.
async fn all_hear(
    hears: &mut mpsc::UnboundedReceiver<Heard>,
    waiting: &mut JoinSet<Result<()>>,
    exists: usize,
) -> Result<Instant> {
    let (mut have_heard, mut last) = (HashSet::new(), Instant::now());
    let deadline = last + PATIENCE;
    while have_heard.len() < CONNECTIONS {
        tokio::select! {
            heard = hears.recv() => {
                let (connection, messages, when) = heard.context("nobody waits any more")?;
                // A server may tell it twice.
                if messages == exists && have_heard.insert(connection) {
                    last = last.max(when);
                }
            }
            ended = waiting.join_next() => match ended {
                Some(ended) => ended.context("a connection's task failed")??,
                None => bail!("nobody waits any more"),
            },
            () = tokio::time::sleep_until(deadline) => {
                let count = have_heard.len();
                bail!("after {} s only {count} of {CONNECTIONS} have heard of a mail", PATIENCE.as_secs())
            }
        }
    }
    Ok(last)
}
