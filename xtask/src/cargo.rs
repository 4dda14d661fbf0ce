//! Cargo called from a chore that cargo itself started.
//!
//! `cargo run` leaves the chore's own `CARGO_PKG_*` and `CARGO_MANIFEST_*` in the environment.
//! Build scripts that watch those variables (ring's does) would be run again at every chore,
//! and everything above them rebuilt, so they are taken out before a nested cargo starts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Variables that `cargo run` adds for the program it runs; none is meant for a nested build.
const FROM_CARGO_RUN: [&str; 4] = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];

/// A cargo command at the root of the workspace.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    forget_the_outer_cargo(&mut command);
    command
}

/// Takes the outer cargo's variables out of what `command` will see.
pub fn forget_the_outer_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("CARGO_PKG_") || FROM_CARGO_RUN.contains(&name) {
            command.env_remove(name);
        }
    }
}

/// The root of the workspace: the folder above this crate's own. Asked at run time first: two
/// clones may share one build folder, and then the binary may have been built from the other.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let mut folder = PathBuf::from(here);
    folder.pop();
    folder
}

/// Runs `command` to its end; a failure names the command line.
pub fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", line(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", line(command));
    }
    Ok(())
}

/// A command as a person would have typed it.
pub fn line(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut words = vec![program.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
