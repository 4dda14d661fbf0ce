//! The nouns of the command line: clients of REST.
//!
//! A command says the thing, then the verb. It prints what changed and what to do next, or
//! with `--json` the document that REST answered. Whoever may open the socket acts as the
//! operator; `--offline` passes the same router in this process when no server runs; who has
//! signed in acts as themselves.

mod audit;
mod certificate;
mod clock;
mod confirm;
mod conversion;
mod credential;
mod dates;
mod delegate;
#[cfg(test)]
mod docs;
pub(crate) mod doctor;
mod domain;
mod explain;
mod failure;
mod group;
mod import;
mod key;
mod locate;
mod login;
mod logins;
mod output;
pub(crate) mod password;
mod person;
mod policy;
mod queue;
mod recipe;
mod report;
mod settings;
mod shared;
mod signins;
mod size;
mod suppressed;
#[cfg(test)]
mod tests;
mod token;
mod transport;
mod unbuilt;
mod web;

use crate::globals::GlobalArgs;
use failure::Failure;
use logins::Logins;
use output::Said;
use std::io::Write;
use std::process::ExitCode;
use transport::Client;

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
    /// Credentials: what programs sign in to a shared mailbox with, as it
    ///
    /// People work in a shared mailbox as delegates, signed in as themselves. A credential is for what
    /// can not do that: it has a purpose, an owner, a scope and an end, and is taken back at once.
    #[command(subcommand)]
    Credential(credential::Verb),
    /// What waits to be sent
    #[command(subcommand)]
    Queue(queue::Verb),
    /// Bring mail over from files: mbox, Maildir or .eml
    Import(import::Args),
    /// What is allowed of direct sign-in
    #[command(subcommand)]
    Policy(policy::Verb),
    /// May this actor do this, and why or why not
    Explain(explain::Args),
    /// Reports: who can do what
    #[command(subcommand)]
    Report(report::Verb),
    /// The trail: who did what, and when
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Who signed in, and who failed to, with the true reason
    #[command(subcommand)]
    Signins(signins::Verb),
    /// The certificate that mail programs are shown
    #[command(subcommand)]
    Certificate(certificate::Verb),
    /// The keys that machine secrets are checked with
    #[command(subcommand)]
    Key(key::Verb),
    /// Sign in as yourself, at the server of --url or of --config
    ///
    /// The password is asked for once; commands act as you for twelve hours, or until logout.
    Login(login::Args),
    /// Sign out: the token of the login ends
    Logout,
    /// Tokens: what programs of yours bear in place of a password
    #[command(subcommand)]
    Token(token::Verb),
    /// What is promised, and not built yet
    #[command(flatten)]
    Later(unbuilt::Noun),
}

/// Runs a noun: prints what came of it, and answers the exit code.
pub fn run(noun: Noun, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (result, warnings) = runtime.block_on(async {
        let mut client = Client::new(globals, Logins::of_user());
        let outcome = answer(noun, &mut client).await;
        let warnings = client.warnings().concat();
        client.close().await;
        (outcome, warnings)
    });
    let _ = std::io::stderr().lock().write_all(warnings.as_bytes());
    match result {
        Ok(said) => {
            let text = if globals.json { said.json()? } else { globals.in_same_house(&said.text) };
            // A reader who has seen enough (`| head`) is no failure of the command.
            let _ = std::io::stdout().lock().write_all(text.as_bytes());
            let aside = globals.in_same_house(&said.aside);
            let _ = std::io::stderr().lock().write_all(aside.as_bytes());
            Ok(if said.is_partial { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(failure) => Ok(complain(&failure, globals)),
    }
}

/// Why nothing was done, on standard error; answers the exit code.
fn complain(failure: &Failure, globals: &GlobalArgs) -> ExitCode {
    let text = globals.in_same_house(&failure.to_string());
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(failure.code())
}

async fn answer(noun: Noun, client: &mut Client) -> Result<Said, Failure> {
    match noun {
        Noun::Domain(verb) => domain::run(verb, client).await,
        Noun::Person(verb) => person::run(verb, client).await,
        Noun::Group(verb) => group::run(verb, client).await,
        Noun::Shared(verb) => shared::run(verb, client).await,
        Noun::Delegate(verb) => delegate::run(verb, client).await,
        Noun::Credential(verb) => credential::run(verb, client).await,
        Noun::Queue(verb) => queue::run(verb, client).await,
        Noun::Import(args) => import::run(args, client).await,
        Noun::Policy(verb) => policy::run(verb, client).await,
        Noun::Explain(args) => explain::run(args, client).await,
        Noun::Report(verb) => report::run(verb, client).await,
        Noun::Audit(verb) => audit::run(verb, client).await,
        Noun::Signins(verb) => signins::run(verb, client).await,
        Noun::Certificate(verb) => certificate::run(verb, client).await,
        Noun::Key(verb) => key::run(verb, client).await,
        Noun::Login(args) => login::login(&args, client).await,
        Noun::Logout => login::logout(client).await,
        Noun::Token(verb) => token::run(verb, client).await,
        Noun::Later(noun) => Err(noun.refusal()),
    }
}
