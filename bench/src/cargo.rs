//! Cargo called from a program that cargo itself started.
//!
//! `cargo run` leaves variables of this package in the environment. Build scripts that watch
//! them would be run again, and half of the workspace rebuilt, so they are taken out.

use std::path::{Path, PathBuf};
use std::process::Command;

const FROM_CARGO_RUN: [&str; 4] = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME"];

/// A cargo command at the root of the workspace.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || FROM_CARGO_RUN.contains(&name)) {
            command.env_remove(name);
        }
    }
    command
}

/// A command as a person would have typed it.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The folder above this package's own.
fn root() -> PathBuf {
    let mut folder =
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()));
    folder.pop();
    folder
}
