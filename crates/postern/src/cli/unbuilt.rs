//! What is promised and not built yet is refused with a clear text, never ignored.

use super::failure::Failure;

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
