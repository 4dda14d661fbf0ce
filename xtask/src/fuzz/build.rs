//! Fuzz targets are built with counters in every branch, which libFuzzer reads to see which input is new.
//!
//! `cargo fuzz` gives the same flags; here they are ours, so that nothing has to be installed and the build folder is
//! where all others are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;

/// Counters and comparisons, and the parts of our crates that only fuzz targets call.
const FLAGS: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg fuzzing",
];

/// Builds all targets, or the one named; answers with the folder of the programs.
pub fn build(folder: &Path, made: &Path, target: Option<&str>) -> Result<PathBuf> {
    let host = host()?;
    // A target that is named keeps the flags away from build scripts and macros, which run here and now.
    let mut command = cargo::command(&["build", "--locked", "--release", "--target", &host]);
    match target {
        Some(name) => command.args(["--bin", name]),
        None => command.arg("--bins"),
    };
    command.current_dir(folder).env("CARGO_TARGET_DIR", made).env("RUSTFLAGS", FLAGS.join(" "));
    cargo::succeed(&mut command)?;
    Ok(made.join(host).join("release"))
}

/// The machine's name, as rustc has it.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").current_dir(cargo::root()).output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    Ok(host.to_owned())
}
