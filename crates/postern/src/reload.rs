//! SIGHUP: the configuration is read again. A module of its own, so that a demo, whose screen is for its
//! welcome, still shows what it says.

use postern_server::config::{Config, environment};
use postern_server::{Logging, Running};
use std::path::Path;

/// Reads the file again and takes over what may change while the server runs.
pub(crate) fn reload(running: &Running, file: &Path, logging: Option<&Logging>) {
    let fresh = match Config::load(file, &environment()) {
        Ok(fresh) => fresh,
        Err(error) => {
            tracing::error!(event = "server.reload-failed", %error, "the old configuration stays in force");
            return;
        }
    };
    if let Some(logging) = logging {
        logging.set_level(&fresh.log.level);
    }
    let reloaded = running.reload(fresh);
    if let Err(error) = reloaded.certificate {
        tracing::error!(event = "server.certificate-not-reloaded", %error, "the old certificate stays in force");
    }
    if let Err(error) = reloaded.relay {
        tracing::error!(event = "server.relay-not-reloaded", %error, "mail goes where it went");
    }
    if !reloaded.needs_restart.is_empty() {
        let keys = reloaded.needs_restart.join(", ");
        tracing::warn!(event = "server.reload-needs-restart", keys, "these hold after a restart");
    }
    tracing::info!(event = "server.reloaded");
}
