//! The workload "auth": sign-ins, each over a connection of its own, the same hash on both sides.
//!
//! Good ones over eight connections at a time by twenty people with their passwords, then one that
//! is wrong. A secret that Postern has generated needs no slow hash; Dovecot has nothing like it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Extent;
use super::figures::{Figure, Values};
use super::house::{House, PASSWORD, person};
use super::meter::Meter;
use super::wire::Wire;
use crate::servers::RECIPIENT;

/// At the same time.
const CONNECTIONS: usize = 8;
/// How long good sign-ins follow each other.
const FOR: Duration = Duration::from_secs(5);
/// What an answer takes.
const ROOM: usize = 4 << 10;

pub static FIGURES: [Figure; 6] = [
    Figure::more("good password", "a second", 0).floor(1.0).goal(2.0),
    Figure::less("server CPU, good password", "ms", 2),
    Figure::less("bad password is answered after", "ms", 0),
    Figure::more("generated secret", "a second", 0),
    Figure::less("server CPU, generated secret", "ms", 2),
    Figure::less("client, good password", "processors", 2),
];

/// People are there already; nothing else is needed.
pub async fn prepare(_: &mut House, _: &Extent) -> Result<()> {
    Ok(())
}

/// Good ones for a while, a bad one, and generated secrets where there are any.
pub async fn round(house: &mut House, _: &Extent, _: usize) -> Result<Values> {
    let good = sign_ins(house, |number| (person(number), PASSWORD.to_owned())).await?;
    let bad = refused(house.imap()?).await?;
    let generated = match house.ours() {
        Some(postern) => {
            let secret = postern.issue("backup", &person(0))?;
            Some(sign_ins(house, |_| (RECIPIENT.to_owned(), secret.clone())).await?)
        }
        None => None,
    };
    Ok(vec![
        Some(good.rate),
        good.cpu_ms,
        Some(bad.as_secs_f64() * 1000.0),
        generated.as_ref().map(|generated| generated.rate),
        generated.and_then(|generated| generated.cpu_ms),
        Some(good.client_cores),
    ])
}

struct SignIns {
    rate: f64,
    cpu_ms: Option<f64>,
    client_cores: f64,
}

/// Sign-ins for a while, by whom `who` tells.
async fn sign_ins(house: &House, who: impl Fn(usize) -> (String, String)) -> Result<SignIns> {
    let address = house.imap()?;
    let meter = Meter::start(house).await?;
    let until = Instant::now() + FOR;
    let mut tasks = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let people: Vec<(String, String)> = (0..super::house::PEOPLE).map(|number| who(connection + number)).collect();
        tasks.spawn(one_after_the_other(address, people, until));
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done.context("a client's task failed")??;
    }
    let reading = meter.stop(house).await?;
    Ok(SignIns {
        rate: count as f64 / reading.elapsed.as_secs_f64(),
        cpu_ms: reading.server.map(|seconds| seconds * 1000.0 / count as f64),
        client_cores: reading.client_cores,
    })
}

async fn one_after_the_other(address: SocketAddr, people: Vec<(String, String)>, until: Instant) -> Result<usize> {
    let mut count = 0;
    while Instant::now() < until {
        let (name, password) = &people[count % people.len()];
        Wire::sign_in(address, ROOM, name, password).await?.ok("LOGOUT").await?;
        count += 1;
    }
    Ok(count)
}

/// How long a wrong password waits for its answer.
async fn refused(address: SocketAddr) -> Result<Duration> {
    let mut wire = Wire::connect(address, ROOM).await?;
    let start = Instant::now();
    let answer = wire.command(&format!("LOGIN {} \"a wrong password\"", person(1)), |_| {}).await?;
    if !answer.status.starts_with("NO") {
        bail!("a wrong password was answered {}", answer.status);
    }
    Ok(start.elapsed())
}
