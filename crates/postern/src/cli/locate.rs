//! Where the house is: the configuration that the flags or the environment name.

use super::failure::Failure;
use crate::globals::GlobalArgs;
use postern_server::config::{Config, environment};

/// The configuration that `--config` or `POSTERN_CONFIG` names.
pub(super) fn config(globals: &GlobalArgs) -> Result<Config, Failure> {
    let Some(file) = &globals.config else {
        return Err(Failure::usage("which house? No configuration is named")
            .next("add --config DIR/postern.toml, or set POSTERN_CONFIG; `postern init` makes a new house; from another machine: \
                   postern login EMAIL --url https://HOST"));
    };
    Config::load(file, &environment()).map_err(|error| Failure::new(error.to_string()))
}
