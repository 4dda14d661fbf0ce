//! Fuzz targets, each for a while: `cargo xtask fuzz [--seconds N | --shared N | --build] [NAME [FILE]]`.
//!
//! libFuzzer runs on the stable toolchain, without a sanitizer: the code under test has no `unsafe`, so panics, overflows
//! and endless loops are what there is to find. As many targets run at once as there are cores. What is found lies in
//! `fuzz/artifacts`, is shown with its bytes, and is tried again by the command that is printed with it.

mod build;
mod run;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::{cargo, metadata};
use run::Target;

/// For each target, where nothing else is asked for.
const SECONDS: u32 = 60;
/// With the tests the same inputs are made each time, so that what is red is red again; `make fuzz` goes on from
/// what it has found.
const SEED_OF_TESTS: u32 = 1;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
struct Wish<'a> {
    time: Time,
    target: Option<&'a str>,
    /// Inputs to try once, in place of making new ones.
    files: &'a [&'a str],
}

#[derive(Debug, PartialEq, Eq)]
enum Time {
    /// Seconds for each target.
    Each(u32),
    /// Seconds for all of them together.
    Shared(u32),
    /// They are built, so that what comes then is no build.
    None,
}

/// Runs every target, or the one named.
pub fn chore(arguments: &[&str]) -> Result<u8> {
    let wish = parse(arguments)?;
    let folder = cargo::root().join("fuzz");
    let all = targets(&folder.join("fuzz_targets"))?;
    let names: Vec<&String> = all.iter().filter(|name| wish.target.is_none_or(|one| one == name.as_str())).collect();
    if names.is_empty() {
        bail!("no such fuzz target; there are: {}", all.join(", "));
    }
    let made = metadata::target_folder()?.join("fuzz");
    let programs = build::build(&folder, &made, wish.target)?;
    if let (Some(name), [_, ..]) = (wish.target, wish.files) {
        return cargo::succeed(Command::new(programs.join(name)).args(wish.files)).map(|()| 0);
    }
    let (seconds, by_seed) = match wish.time {
        Time::Each(seconds) => (seconds, None),
        Time::Shared(seconds) => (seconds / u32::try_from(names.len())?, Some(SEED_OF_TESTS)),
        Time::None => return Ok(0),
    };
    let targets: Vec<Target> = names.iter().map(|name| Target::new(name, &folder, &made, &programs)).collect();
    let found = all_of(&targets, seconds.max(1), by_seed);
    found.iter().for_each(|found| println!("{found}"));
    if !found.is_empty() {
        bail!("{} of {} fuzz targets did not end well, as shown above", found.len(), targets.len());
    }
    Ok(0)
}

/// Each target for so long, one on each core.
fn all_of(targets: &[Target], seconds: u32, by_seed: Option<u32>) -> Vec<String> {
    let at_once = std::thread::available_parallelism().map_or(1, usize::from).min(targets.len());
    let seed = by_seed.map(|seed| format!(", by seed {seed}")).unwrap_or_default();
    println!("{} fuzz targets, {seconds} s each, {at_once} at once{seed}", targets.len());
    let (waiting, found) = (Mutex::new(targets.iter()), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
    // What one could not do does not hide what others found.
    let work = || {
        while let Some(target) = next() {
            let ran = target.run(seconds, by_seed);
            let shown = ran.map_or_else(|error| Some(format!("{error:#}")), |ran| ran.map(|found| found.to_string()));
            found.lock().unwrap_or_else(PoisonError::into_inner).extend(shown);
        }
    };
    std::thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn parse<'a>(arguments: &'a [&'a str]) -> Result<Wish<'a>> {
    let number = |text: &str| text.parse().context("seconds are a whole number");
    let (time, rest) = match arguments {
        ["--seconds", seconds, rest @ ..] => (Time::Each(number(seconds)?), rest),
        ["--shared", seconds, rest @ ..] => (Time::Shared(number(seconds)?), rest),
        ["--build", rest @ ..] => (Time::None, rest),
        rest => (Time::Each(SECONDS), rest),
    };
    match rest {
        [] => Ok(Wish { time, target: None, files: &[] }),
        [name, files @ ..] if !rest.iter().any(|word| word.starts_with('-')) => {
            Ok(Wish { time, target: Some(name), files })
        }
        _ => bail!("usage: cargo xtask fuzz [--seconds N | --shared N | --build] [NAME [FILE]]"),
    }
}

/// Names of the targets that there are.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("no fuzz targets in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path: PathBuf = entry?.path();
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
    fn seconds_come_before_the_name_and_files_after_it() {
        let all = |time| Wish { time, target: None, files: &[] };
        assert_eq!(parse(&[]).ok(), Some(all(Time::Each(SECONDS))));
        assert_eq!(parse(&["--shared", "300"]).ok(), Some(all(Time::Shared(300))));
        let one = Wish { time: Time::Each(5), target: Some("words"), files: &["a", "b"] };
        assert_eq!(parse(&["--seconds", "5", "words", "a", "b"]).ok(), Some(one));
        assert!(parse(&["words", "--seconds", "5"]).is_err());
        assert!(parse(&["--seconds", "soon"]).is_err());
    }

    /// A target that is on disk and not in the manifest is never built; one without seeds begins from nothing.
    #[test]
    fn every_target_is_in_the_manifest_and_has_small_seeds() {
        let folder = cargo::root().join("fuzz");
        let found = targets(&folder.join("fuzz_targets")).expect("there are targets");
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let bins = manifest.split("[[bin]]").skip(1).filter_map(|bin| bin.split('"').nth(1).map(str::to_owned));
        let mut listed: Vec<String> = bins.collect();
        listed.sort();
        assert_eq!(listed, found, "fuzz/Cargo.toml on the left, fuzz/fuzz_targets on the right");
        for name in found {
            let seeds = std::fs::read_dir(folder.join("seeds").join(&name)).expect(&name);
            let sizes: Vec<u64> = seeds.map(|seed| seed.and_then(|seed| seed.metadata()).expect(&name).len()).collect();
            assert!(!sizes.is_empty() && sizes.len() <= 20, "{name} has {} seeds", sizes.len());
            assert!(sizes.iter().all(|size| *size <= 4096), "{name}: {sizes:?}");
        }
    }
}
