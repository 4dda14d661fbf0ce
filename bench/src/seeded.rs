//! The workload "power-cut": the crash test of the scenarios with thousands of seeds.
//!
//! Continuous integration takes a hundred. What is fast and loses an acknowledged mail is not
//! fast, so the many run beside the measurements.

use anyhow::{Result, bail};

use crate::cargo;
use crate::child::Child;

/// Runs it to its end with so many seeds.
pub async fn run(seeds: u32) -> Result<()> {
    let mut command = cargo::command(&["nextest", "run", "--package", "postern-scenarios", "power_cut"]);
    command.env("POSTERN_SEEDS", seeds.to_string());
    let status = Child::start("power-cut test", &mut command)?.wait().await;
    if !status.success() {
        bail!("the power-cut test failed with {seeds} seeds ({status}); its output above names the seed");
    }
    Ok(())
}
