//! What is promised and not built yet is refused with a clear text, never ignored.

use super::failure::Failure;
use crate::globals::GlobalArgs;

/// The next step where REST as a person would be needed.
pub(super) const SOCKET: &str =
    "on the machine of the server, as a user who may open admin.sock, use --config DIR/postern.toml";

/// Arguments of a command that is not built yet, in any form.
#[derive(Debug, Clone, clap::Args)]
pub struct Unbuilt {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// The refusal of a command.
pub(super) fn command(name: &str, next: &str) -> Failure {
    Failure::new(format!("`postern {name}` is not built yet")).next(next)
}

/// The refusal of a flag.
pub(super) fn flag(name: &str, next: &str) -> Failure {
    Failure::new(format!("{name} is not built yet")).next(next)
}

/// Refuses global flags that would act over a network or as a person.
pub(super) fn refuse(globals: &GlobalArgs) -> Result<(), Failure> {
    let given = [
        ("--url", globals.url.is_some()),
        ("--cacert", globals.cacert.is_some()),
        ("--token-file", globals.token_file.is_some()),
        ("--as", globals.as_person.is_some()),
        ("--as-password-file", globals.as_password_file.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(flag(name, SOCKET)),
        None => Ok(()),
    }
}
