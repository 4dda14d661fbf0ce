//! The nouns of the command line: clients of REST over the administration socket.
//!
//! A command says the thing, then the verb. It prints what changed and what to do next, or
//! with `--json` the document that REST answered. Whoever may open the socket acts as the
//! operator; `--offline` passes the same router in this process when no server runs.

mod audit;
mod clock;
mod conversion;
mod dates;
mod delegate;
#[cfg(test)]
mod docs;
mod domain;
mod explain;
mod failure;
mod group;
mod locate;
mod output;
pub(crate) mod password;
mod person;
mod report;
mod settings;
mod shared;
mod size;
#[cfg(test)]
mod tests;
mod transport;
mod unbuilt;

use crate::globals::GlobalArgs;
use failure::Failure;
use output::Said;
use std::io::Write;
use std::process::ExitCode;
use transport::Client;
use unbuilt::Unbuilt;

/// A noun with its verb.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Noun {
    /// Domains whose mail the house receives
    #[command(subcommand)]
    Domain(domain::Verb),
    /// People who sign in as themselves
    #[command(subcommand)]
    Person(person::Verb),
    /// Flat sets of people
    #[command(subcommand)]
    Group(group::Verb),
    /// Shared mailboxes: one address, many people
    #[command(subcommand)]
    Shared(shared::Verb),
    /// Who works in a shared mailbox, and what they may do there
    #[command(subcommand)]
    Delegate(delegate::Verb),
    /// May this actor do this, and why or why not
    Explain(explain::Args),
    /// Reports: who can do what
    #[command(subcommand)]
    Report(report::Verb),
    /// The trail: who did what, and when
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Sign in to a server elsewhere (not built yet)
    #[command(hide = true)]
    Login(Unbuilt),
    /// Sign out of a server elsewhere (not built yet)
    #[command(hide = true)]
    Logout(Unbuilt),
    /// Tokens for a server elsewhere (not built yet)
    #[command(hide = true)]
    Token(Unbuilt),
}

/// Runs a noun: prints what came of it, and answers the exit code.
pub fn run(noun: Noun, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        unbuilt::refuse(globals)?;
        let mut client = Client::new(globals);
        let outcome = answer(noun, &mut client).await;
        client.close().await;
        outcome
    });
    match result {
        Ok(said) => {
            let text = if globals.json { said.json()? } else { said.text };
            // A reader who has seen enough (`| head`) is no failure of the command.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            Ok(ExitCode::SUCCESS)
        }
        Err(failure) => {
            let _ = std::io::stderr().lock().write_all(failure.to_string().as_bytes());
            Ok(ExitCode::from(failure.code()))
        }
    }
}

async fn answer(noun: Noun, client: &mut Client) -> Result<Said, Failure> {
    match noun {
        Noun::Domain(verb) => domain::run(verb, client).await,
        Noun::Person(verb) => person::run(verb, client).await,
        Noun::Group(verb) => group::run(verb, client).await,
        Noun::Shared(verb) => shared::run(verb, client).await,
        Noun::Delegate(verb) => delegate::run(verb, client).await,
        Noun::Explain(args) => explain::run(args, client).await,
        Noun::Report(verb) => report::run(verb, client).await,
        Noun::Audit(verb) => audit::run(verb, client).await,
        Noun::Login(_) => Err(unbuilt::command("login", unbuilt::SOCKET)),
        Noun::Logout(_) => Err(unbuilt::command("logout", unbuilt::SOCKET)),
        Noun::Token(_) => Err(unbuilt::command("token", unbuilt::SOCKET)),
    }
}
