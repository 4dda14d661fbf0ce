//! The workload "export": all of a mailbox over one connection, as backups and moves read it.

use std::time::Duration;

use anyhow::{Result, bail};

use super::figures::{Figure, Values};
use super::house::House;
use super::meter::Meter;
use super::wire::Wire;
use super::{Extent, system};
use crate::corpus::Kind;

/// Mails in the mailbox.
pub const MAILS: usize = 2_000;
/// Times that the warm one is repeated, for one is over before its processor time can be told.
const TIMES: usize = 5;

pub static FIGURES: [Figure; 5] = [
    Figure::more("cold", "MB/s", 0).floor(0.8).goal(1.2).unless(system::NOT_COLD),
    Figure::more("warm", "MB/s", 0).floor(0.8).goal(1.2),
    Figure::less("server CPU, cold", "ms/MB", 2),
    Figure::less("server CPU, warm", "ms/MB", 2),
    Figure::less("client, warm", "processors", 2),
];

/// Fills the mailbox.
pub async fn prepare(house: &mut House, extent: &Extent) -> Result<()> {
    house.fill(Kind::Real, extent.mails.unwrap_or(MAILS), extent.seed).await
}

/// From a server that was started anew and an empty page cache, and again from there.
pub async fn round(house: &mut House, _: &Extent, _: usize) -> Result<Values> {
    let is_cold = house.restart_cold().await?;
    let (mut wire, exists) = house.open(0).await?;
    let cold = export(house, &mut wire, exists, 1).await?;
    let warm = export(house, &mut wire, exists, TIMES).await?;
    wire.ok("LOGOUT").await?;
    Ok(vec![
        Some(cold.rate).filter(|_| is_cold),
        Some(warm.rate),
        cold.cpu.filter(|_| is_cold),
        warm.cpu,
        Some(warm.client_cores),
    ])
}

struct Exported {
    /// MB a second.
    rate: f64,
    /// Of the server, milliseconds for each MB.
    cpu: Option<f64>,
    client_cores: f64,
}

async fn export(house: &House, wire: &mut Wire, exists: usize, times: usize) -> Result<Exported> {
    let meter = Meter::start(house).await?;
    let mut bytes = 0;
    for _ in 0..times {
        let answer = wire.ok("UID FETCH 1:* (BODY.PEEK[])").await?;
        if answer.lines < exists || answer.literals < house.filled().bytes {
            let (lines, bytes, all) = (answer.lines, answer.literals, house.filled().bytes);
            bail!("{lines} of {exists} messages came, and {bytes} bytes of {all} and more");
        }
        bytes += answer.bytes;
    }
    let reading = meter.stop(house).await?;
    let megabytes = bytes as f64 / 1e6;
    Ok(Exported {
        rate: megabytes / reading.elapsed.max(Duration::from_nanos(1)).as_secs_f64(),
        cpu: reading.server.map(|seconds| seconds * 1000.0 / megabytes),
        client_cores: reading.client_cores,
    })
}
