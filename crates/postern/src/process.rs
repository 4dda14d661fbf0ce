//! What every command of the process side shares: its output, its errors, its limits.

use crate::globals::GlobalArgs;
use rustix::fs::Mode;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Wrong usage that the parser could not see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct WrongUsage(pub String);

/// Files are for their owner unless their maker says otherwise, also those that SQLite makes.
pub(crate) fn keep_files_private() {
    rustix::process::umask(Mode::from_raw_mode(0o077));
}

/// As many open files as this process may have: each connection is one.
pub(crate) fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(event = "server.file-limit", %error);
    }
}

/// Text for people, on standard output.
pub(crate) fn say(text: &str) {
    // A reader who has seen enough (`| head`) is no failure of the command.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// An error, with what led to it, on standard error.
pub(crate) fn complain(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("postern: {error}");
    for cause in error.chain().skip(1) {
        // Writing to a String can not fail.
        let _ = write!(text, ": {cause}");
    }
    text.push('\n');
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(if error.is::<WrongUsage>() { 2 } else { 1 })
}

/// What the parser could not understand, told as all other errors are.
pub(crate) fn wrong_usage(text: &str) -> ExitCode {
    let text = text.strip_prefix("error: ").map_or_else(|| text.to_owned(), |text| format!("postern: {text}"));
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(2)
}

/// Refuses global flags that mean nothing to a command: none is accepted and ignored.
pub(crate) fn refuse_flags(globals: &GlobalArgs, command: &str, allowed: &[&str]) -> anyhow::Result<()> {
    // The configuration may come from the environment, which is nobody's mistake.
    let given = [
        ("--json", globals.json),
        ("--offline", globals.offline),
        ("--url", globals.url.is_some()),
        ("--cacert", globals.cacert.is_some()),
        ("--token-file", globals.token_file.is_some()),
        ("--as", globals.as_person.is_some()),
        ("--as-password-file", globals.as_password_file.is_some()),
    ];
    match given.iter().find(|(name, is_given)| *is_given && !allowed.contains(name)) {
        Some((name, _)) => {
            let text = format!("{name} means nothing to `postern {command}`\nNext step: leave it out");
            Err(WrongUsage(text).into())
        }
        None => Ok(()),
    }
}

/// A path as a shell reads it back.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+@:,".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// This command as it was typed, so that a printed line works where it is printed.
pub(crate) fn typed() -> String {
    std::env::args_os().next().map_or_else(|| "postern".to_owned(), |name| quoted(Path::new(&name)))
}

/// A path that holds wherever the next command is typed.
pub(crate) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted(Path::new("/srv/postern")), "/srv/postern");
        assert_eq!(quoted(Path::new("/srv/my mail")), "'/srv/my mail'");
        assert_eq!(quoted(Path::new("/srv/bob's")), "'/srv/bob'\\''s'");
    }

    #[test]
    fn a_flag_without_meaning_is_refused_as_wrong_usage() {
        let globals = GlobalArgs { offline: true, ..GlobalArgs::default() };
        let refusal = refuse_flags(&globals, "serve", &["--json"]).unwrap_err();
        assert!(refusal.is::<WrongUsage>() && refusal.to_string().contains("--offline means nothing"), "{refusal}");
        assert!(refuse_flags(&globals, "serve", &["--offline"]).is_ok());
    }
}
