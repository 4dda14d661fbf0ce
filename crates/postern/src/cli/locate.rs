//! Where the house is: the configuration that the flags or the environment name.

use super::failure::Failure;
use super::logins::absolute;
use crate::globals::GlobalArgs;
use postern_server::config::{Config, environment};
use std::path::PathBuf;

/// The configuration that `--config` or `POSTERN_CONFIG` names.
pub(super) fn config(globals: &GlobalArgs) -> Result<Config, Failure> {
    let Some(file) = &globals.config else {
        return Err(Failure::usage("which house? No configuration is named")
            .next("add --config DIR/postern.toml, or set POSTERN_CONFIG; `postern init` makes a new house; from another machine: \
                   postern login EMAIL --url https://HOST"));
    };
    Config::load(file, &environment()).map_err(|error| Failure::new(error.to_string()))
}

/// The authority that the house's own certificates come from, where it has one.
pub(super) fn authority(config: &Config) -> Option<PathBuf> {
    let file = config.data_dir.join("tls/ca.pem");
    file.exists().then(|| absolute(&file))
}
