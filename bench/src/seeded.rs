//! Workloads that are tests of the scenarios at full size: with thousands of seeds "power-cut", the
//! crash test, "rights-model", who may do what against a model, and "resync-model", what
//! three sessions in one mailbox are told; and "hostile", floods in the numbers that are promised.
//!
//! Continuous integration takes a hundred or two. What is fast and loses an acknowledged mail, or shows
//! it to a stranger, is not fast, so the many run beside the measurements.

use std::path::Path;

use anyhow::{Result, bail};

use crate::POSTGRES;
use crate::cargo;
use crate::child::Child;

/// Runs the tests whose names hold `test` to their end with so many seeds, on SQLite, and on
/// PostgreSQL too where there is one. `postern`: the program, where it is served by one.
pub async fn run(test: &str, seeds: u32, postern: Option<&Path>) -> Result<()> {
    let mut command = cargo::command(&["nextest", "run", "--locked", "--cargo-profile", "seeds", "--profile", "seeds"]);
    command.args(["--package", "postern-scenarios", test]);
    command.env("POSTERN_SEEDS", seeds.to_string()).env("POSTERN_HOSTILE", "full");
    if let Some(postern) = postern {
        command.env("POSTERN_BIN", postern);
    }
    if std::env::var_os(POSTGRES).is_none() {
        command.env("POSTERN_TEST_ENGINES", "sqlite");
    }
    let status = Child::start(&format!("{test} test"), &mut command)?.wait().await;
    if !status.success() {
        bail!("the {test} test failed with {seeds} seeds ({status}); its output above names the seed");
    }
    Ok(())
}
