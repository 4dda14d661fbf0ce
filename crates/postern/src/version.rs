//! What the command says about itself: version, completions, manual pages.

use crate::globals::GlobalArgs;
use crate::process::{refuse_flags, say};
use anyhow::Context;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// The folder; made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn version(globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "version", &["--json"])?;
    let version = env!("CARGO_PKG_VERSION");
    if globals.json {
        say(&format!("{:#}\n", json!({ "name": "postern", "version": version })));
    } else {
        say(&format!("postern {version}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn completions(args: &CompletionsArgs, command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "postern", &mut text);
    say(&String::from_utf8(text).context("completions are text")?);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).with_context(|| format!("{} can not be made", folder.display()))?;
    clap_mangen::generate_to(command, folder).with_context(|| format!("{} can not be filled", folder.display()))?;
    say(&format!("Manual pages are in {0}; read one with: man {0}/postern.1\n", crate::process::quoted(folder)));
    Ok(ExitCode::SUCCESS)
}
