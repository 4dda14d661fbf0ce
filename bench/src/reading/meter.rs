//! What a stretch of time cost the server and the client.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::house::House;
use crate::machine;

/// A stretch that has begun: when, and what processor time had been taken by then.
pub struct Meter {
    start: Instant,
    server: Option<f64>,
    client: f64,
}

/// A stretch that is over.
pub struct Reading {
    /// How long it was.
    pub elapsed: Duration,
    /// Seconds of processor time that the server took, what it put off among them.
    pub server: Option<f64>,
    /// Processors that the client kept busy.
    pub client_cores: f64,
}

impl Meter {
    /// Begins once the server is at rest.
    pub async fn start(house: &House) -> Result<Self> {
        rustix::fs::sync();
        house.rest().await?;
        let server = house.seconds()?;
        Ok(Self { start: Instant::now(), server, client: machine::own_seconds() })
    }

    /// Ends the stretch and waits for what the server has put off.
    pub async fn stop(self, house: &House) -> Result<Reading> {
        let (elapsed, client) = (self.start.elapsed(), machine::own_seconds() - self.client);
        house.rest().await?;
        let server = house.seconds()?.zip(self.server).map(|(now, before)| now - before);
        Ok(Reading { elapsed, server, client_cores: client / elapsed.as_secs_f64() })
    }
}
