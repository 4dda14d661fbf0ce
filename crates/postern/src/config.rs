//! `postern config show`: what is set; with `--defaults` every key with its default, as a file to copy
//! from.

use crate::globals::GlobalArgs;
use crate::process::{WrongUsage, refuse_flags, say};
use postern_server::config::{Config, Settings, Shown, document, environment};
use std::process::ExitCode;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Print what is set: by the configuration file and by the environment
    Show {
        /// Every key with its default and what it is for, of no house in particular
        #[arg(long)]
        defaults: bool,
    },
}

pub(crate) fn run(args: &Args, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "config show", &[])?;
    let Verb::Show { defaults } = args.verb;
    if defaults {
        say(&document(&Settings::default(), Shown::AsValues));
        return Ok(ExitCode::SUCCESS);
    }
    let Some(file) = &globals.config else {
        let text = "which house? No configuration is named\n\
                    Next step: add --config DIR/postern.toml, or set POSTERN_CONFIG; every key with its default: postern \
                    config show --defaults";
        return Err(WrongUsage(text.to_owned()).into());
    };
    let chosen = Config::chosen(file, &environment())?;
    say(&format!(
        "# Set by {} and the environment; all else is as postern config show --defaults has it.\n{chosen}",
        file.display()
    ));
    Ok(ExitCode::SUCCESS)
}
