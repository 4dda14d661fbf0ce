//! The workload "storm": what bad sign-ins from elsewhere cost good ones.
//!
//! Somebody signs in from 127.0.0.1, once after the other: first with nobody else there, then while
//! two hundred connections from other addresses of 127.0.0.0/8 fail as fast as the server lets
//! them. Two storms: programs that repeat one wrong secret, each in a network of its own, which
//! shuts none, so that each is looked at; and guessing from one network, which is shut soon.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::imap::Imap;
use crate::servers::{Postern, RECIPIENT, Tools};
use crate::spread::share;

const CONNECTIONS: u32 = 200;
/// How long good sign-ins follow each other, for each figure of a round: twice the time after which a
/// bad one is answered, for then all of them come again at once.
const FOR: Duration = Duration::from_secs(4);
/// Attempts on one connection before the server closes it.
const TRIES: u32 = 3;
/// The floor: p99 in a storm is at most so many times p99 without, and so many milliseconds more.
const FLOOR_TIMES: f64 = 2.0;
const FLOOR_MORE_MS: f64 = 5.0;
/// Nobody is exempt, or there would be no strangers on this machine.
const ENVIRONMENT: [(&str, &str); 1] = [("POSTERN_SECURITY__EXEMPT_LOOPBACK", "false")];

/// Who signs in as they should: one line for each way of checking a secret.
struct Good {
    what: &'static str,
    username: &'static str,
    secret: String,
}

/// People are checked by Argon2, a credential of a shared mailbox by an HMAC.
fn good(server: &Postern) -> Result<[Good; 2]> {
    let (alice, password) = ("alice@example.org", "correct horse battery staple");
    server.add_person(alice, password)?;
    let secret = server.issue("backup", alice)?;
    Ok([
        Good { what: "people (Argon2)", username: alice, secret: password.to_owned() },
        Good { what: "a credential (HMAC)", username: RECIPIENT, secret },
    ])
}

#[derive(Debug, Clone, Copy)]
enum Storm {
    /// Each connection repeats one wrong secret from a network of its own.
    Stuck,
    /// All of them guess, from one network.
    Guessing,
}

impl Storm {
    const ALL: [Storm; 2] = [Storm::Stuck, Storm::Guessing];

    fn described(self) -> &'static str {
        match self {
            Storm::Stuck => "one secret each, 200 networks",
            Storm::Guessing => "ever new secrets, one network",
        }
    }

    /// Of connection so many: 8 in the third place is one /21 further.
    fn source(self, number: u32) -> Ipv4Addr {
        match self {
            Storm::Stuck => Ipv4Addr::from_bits((127 << 24) + ((1 + number / 32) << 16) + ((number % 32) << 11) + 1),
            Storm::Guessing => Ipv4Addr::from_bits((127 << 24) + (200 << 16) + number % 60 + 1),
        }
    }
}

/// How long good sign-ins took, ascending: alone, and in each storm.
#[derive(Default)]
struct Took {
    alone: Vec<Duration>,
    in_storm: [Vec<Duration>; 2],
}

/// Runs so many rounds on one engine; answers the document and whether the floor was met.
pub async fn run(tools: &Tools<'_>, folder: &Path, on_postgres: bool, rounds: u32) -> Result<(Value, bool)> {
    let engine = if on_postgres { "postern-postgres" } else { "postern-sqlite" };
    let folder = folder.join(format!("storm-{engine}"));
    std::fs::create_dir(&folder)?;
    let server = Postern::start_with(tools, &folder, on_postgres, &ENVIRONMENT).await?;
    let address = server.listener("imap")?;
    let (mut met, mut figures) = (true, Vec::new());
    println!(
        "storm: {engine}, {CONNECTIONS} connections of bad sign-ins, {rounds} rounds; ms of good ones, p50 / p99 / most"
    );
    for good in &good(&server)? {
        // From here on this network is known to the account.
        sign_ins(address, good, Duration::from_millis(100)).await?;
        let mut took = Took::default();
        for _ in 0..rounds {
            took.alone.extend(sign_ins(address, good, FOR).await?);
            for (storm, took) in Storm::ALL.into_iter().zip(&mut took.in_storm) {
                took.extend(in_storm(address, good, storm).await?);
            }
        }
        let (document, reached) = judge(good, &mut took);
        figures.push(document);
        met &= reached;
    }
    println!();
    let document = json!({
        "workload": "storm", "server": engine, "connections": CONNECTIONS, "rounds": rounds, "sign_ins": figures,
        "met": met,
    });
    Ok((document, met))
}

fn judge(good: &Good, took: &mut Took) -> (Value, bool) {
    let figures = |waits: &mut Vec<Duration>| {
        waits.sort_unstable();
        [0.5, 0.99, 1.0].map(|part| share(waits, part))
    };
    let alone = figures(&mut took.alone);
    let floor = FLOOR_TIMES * alone[1] + FLOOR_MORE_MS;
    println!(
        "  {}: alone {:.1} / {:.1} / {:.1}; floor: p99 at most {floor:.1}",
        good.what, alone[0], alone[1], alone[2]
    );
    let (mut met, mut storms) = (true, Vec::new());
    for (storm, waits) in Storm::ALL.into_iter().zip(&mut took.in_storm) {
        let [p50, p99, most] = figures(waits);
        let reached = p99 <= floor;
        let word = if reached { "met" } else { "MISSED" };
        println!("    {:<30} {p50:.1} / {p99:.1} / {most:.1}: {word}", storm.described());
        storms.push(json!({ "storm": storm.described(), "ms": [p50, p99, most], "met": reached }));
        met &= reached;
    }
    (json!({ "who": good.what, "alone_ms": alone, "floor_ms": floor, "storms": storms }), met)
}

/// Good sign-ins for so long, one after the other, each over a connection of its own.
async fn sign_ins(address: SocketAddr, good: &Good, time: Duration) -> Result<Vec<Duration>> {
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < time {
        let began = Instant::now();
        Imap::sign_in(address, good.username, &good.secret).await?;
        took.push(began.elapsed());
    }
    Ok(took)
}

/// The same while a storm is under way.
async fn in_storm(address: SocketAddr, good: &Good, storm: Storm) -> Result<Vec<Duration>> {
    let (over, wait) = watch::channel(false);
    let (ready, mut readies) = tokio::sync::mpsc::channel(CONNECTIONS as usize);
    let mut bad = JoinSet::new();
    for number in 0..CONNECTIONS {
        bad.spawn(bad_sign_ins(address, storm, number, wait.clone(), ready.clone()));
    }
    drop(ready);
    // It blows once each of them has failed.
    let mut begun = 0;
    while begun < CONNECTIONS && readies.recv().await.is_some() {
        begun += 1;
    }
    let took = if begun == CONNECTIONS { Some(sign_ins(address, good, FOR).await) } else { None };
    over.send_replace(true);
    while let Some(done) = bad.join_next().await {
        done.context("a connection's task failed")??;
    }
    took.context("the storm did not begin")?
}

/// Fails over and over, until the storm is over.
async fn bad_sign_ins(
    address: SocketAddr,
    storm: Storm,
    number: u32,
    over: watch::Receiver<bool>,
    ready: tokio::sync::mpsc::Sender<()>,
) -> Result<()> {
    let mut ready = Some(ready);
    let mut turn = 0_u32;
    while !*over.borrow() {
        let mut imap = Imap::connect(address, storm.source(number)).await?;
        for _ in 0..TRIES {
            let guess = match storm {
                Storm::Stuck => number,
                Storm::Guessing => number + turn * CONNECTIONS,
            };
            turn += 1;
            let command = format!("LOGIN stranger{guess}@example.org \"wrong secret {guess}\"");
            let (_, status) = imap.command(&command).await?;
            if !status.starts_with("NO") {
                bail!("a bad sign-in was answered {status}");
            }
            if let Some(ready) = ready.take() {
                ready.send(()).await.context("nobody counts the connections")?;
            }
            if *over.borrow() {
                break;
            }
        }
    }
    Ok(())
}
