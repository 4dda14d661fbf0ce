//! What is promised and not built yet is refused with a clear text, never ignored.

use super::failure::Failure;

/// Arguments of a command that is not built yet, in any form.
#[derive(Debug, Clone, clap::Args)]
pub struct Unbuilt {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Nouns that are promised.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Noun {
    /// Copies of a house (not built yet)
    #[command(hide = true)]
    Backup(Unbuilt),
    /// Credentials that wait for somebody's approval (not built yet)
    #[command(hide = true)]
    Request(Unbuilt),
    /// Grants and credentials that are looked at again (not built yet)
    #[command(hide = true)]
    Review(Unbuilt),
    /// What somebody has to know of (not built yet)
    #[command(hide = true)]
    Alert(Unbuilt),
    /// Who is signed in now (not built yet)
    #[command(hide = true)]
    Session(Unbuilt),
    /// Mail for elsewhere (not built yet)
    #[command(hide = true)]
    Export(Unbuilt),
}

impl Noun {
    /// The refusal, with what there is.
    pub(super) fn refusal(&self) -> Failure {
        let (name, next) = match self {
            Noun::Backup(_) => ("backup", "docs/backup.md says how a house is copied"),
            Noun::Request(_) => ("request", "an owner issues a credential: postern credential issue --help"),
            Noun::Review(_) => ("review", "who can do what now: postern report access SHARED"),
            Noun::Alert(_) => {
                ("alert", "what happened: postern audit list; failed sign-ins: postern signins list --failed")
            }
            Noun::Session(_) => {
                ("session", "who signed in: postern signins list; to end a credential's: postern credential revoke ID")
            }
            Noun::Export(_) => {
                ("export", "a copy by mbsync: postern credential issue SHARED --purpose backup --recipe mbsync …")
            }
        };
        command(name, next)
    }
}

/// The refusal of a command.
pub(super) fn command(name: &str, next: &str) -> Failure {
    Failure::new(format!("`postern {name}` is not built yet")).next(next)
}

/// The refusal of a flag.
pub(super) fn flag(name: &str, next: &str) -> Failure {
    Failure::new(format!("{name} is not built yet")).next(next)
}
