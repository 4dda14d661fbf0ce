//! Fuzz targets, each for a while: `cargo xtask fuzz [--seconds N] [NAME]`.
//!
//! Runs on the stable toolchain, without a sanitizer: the code under test has no `unsafe`, so
//! panics, overflows and endless loops are what there is to find.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::{cargo, prepare};

const SECONDS: u32 = 60;

/// Runs every target, or the one named.
pub fn chore(arguments: &[&str]) -> Result<u8> {
    let (seconds, chosen) = parse(arguments)?;
    let folder = cargo::root().join("fuzz");
    let all = targets(&folder.join("fuzz_targets"))?;
    let run: Vec<&String> = all.iter().filter(|name| chosen.is_none_or(|chosen| chosen == name.as_str())).collect();
    if run.is_empty() {
        bail!("no such fuzz target; there are: {}", all.join(", "));
    }
    prepare::cargo_tool(&prepare::CARGO_FUZZ)?;
    for name in run {
        println!("==> fuzz {name}, {seconds} s");
        let limit = format!("-max_total_time={seconds}");
        let mut command = cargo::command(&["fuzz", "run", "--sanitizer", "none", name, "--", &limit]);
        cargo::succeed(command.current_dir(&folder))?;
    }
    Ok(0)
}

fn parse<'a>(arguments: &[&'a str]) -> Result<(u32, Option<&'a str>)> {
    let (seconds, rest) = match arguments {
        ["--seconds", number, rest @ ..] => (number.parse().context("--seconds takes a whole number")?, rest),
        rest => (SECONDS, rest),
    };
    match rest {
        [] => Ok((seconds, None)),
        [name] if !name.starts_with('-') => Ok((seconds, Some(name))),
        _ => bail!("usage: cargo xtask fuzz [--seconds N] [NAME]"),
    }
}

fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no fuzz targets in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_come_before_the_name() {
        assert_eq!(parse(&[]).ok(), Some((SECONDS, None)));
        assert_eq!(parse(&["--seconds", "5", "imap_command"]).ok(), Some((5, Some("imap_command"))));
        assert!(parse(&["imap_command", "--seconds", "5"]).is_err());
        assert!(parse(&["--seconds", "soon"]).is_err());
    }
}
