//! The `postern` command: makes a house, serves it, and asks a running one.
//!
//! What acts on the process itself (`init`, `serve`, `demo`) lives here; the nouns are clients
//! of REST (`cli`). Exit codes: 0 done, 1 refused or failed, 2 wrong usage.

mod cli;
mod config;
mod confine;
mod demo;
mod globals;
mod init;
mod process;
mod reload;
mod seed;
mod serve;
mod user;
mod version;

use clap::{CommandFactory, Parser, Subcommand};
use globals::GlobalArgs;
use std::process::ExitCode;

/// Mail servers allocate in many small pieces on many threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A mail server built around shared mailboxes: one address, many people
#[derive(Debug, Parser)]
#[command(name = "postern", version, after_help = FIRST_STEPS, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    globals: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  postern demo                a whole organisation to play with, on this machine only
  postern init --help         a house of your own";

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a house: its folder, keys, certificates, organisation and first admin
    Init(init::Args),
    /// Run the server of a house
    Serve(serve::Args),
    /// Run a house with people, shared mailboxes and mail in it, to try things out
    Demo(demo::Args),
    /// The configuration file
    Config(config::Args),
    /// What is amiss with a house and this machine, why, and what to do about it
    ///
    /// It changes nothing, and needs no running server; without one it knows less. Run it as root, or as the user
    /// that the house belongs to. Exit code 0: nothing failed.
    Doctor(cli::doctor::Args),
    /// Which version this is
    Version,
    /// Completions for a shell, on standard output
    Completions(version::CompletionsArgs),
    /// Manual pages, one for each command, written into a folder
    Man(version::ManArgs),
    #[command(flatten)]
    Noun(cli::Noun),
}

fn main() -> ExitCode {
    process::keep_files_private();
    let Cli { globals, command } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => return process::wrong_usage(&error.to_string()),
        // Help, or the version, was asked for.
        Err(error) => error.exit(),
    };
    let globals = globals.settled(std::env::var_os(globals::CONFIG));
    match run(command, &globals) {
        Ok(code) => code,
        Err(error) => process::complain(&error),
    }
}

fn run(command: Command, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(args, globals),
        Command::Serve(args) => serve::run(&args, globals),
        Command::Demo(args) => demo::run(&args, globals),
        Command::Config(args) => config::run(&args, globals),
        Command::Doctor(args) => cli::doctor::run(&args, globals),
        Command::Version => version::version(globals),
        Command::Completions(args) => version::completions(&args, &mut Cli::command()),
        Command::Man(args) => version::man(&args, Cli::command()),
        Command::Noun(noun) => cli::run(noun, globals),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_configuration_stands_before_or_after_the_command() {
        for line in [["postern", "--config", "a.toml", "serve"], ["postern", "serve", "--config", "a.toml"]] {
            let parsed = Cli::try_parse_from(line).unwrap();
            assert_eq!(parsed.globals.config.as_deref(), Some(std::path::Path::new("a.toml")));
        }
    }
}
