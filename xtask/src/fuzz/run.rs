//! One fuzz target for a while: where it begins, what it keeps, and what is said of what it finds.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Longest input. Faults of parsers are short; a target that needs much repeats what it is given.
const INPUT_BYTES: u32 = 4096;
/// A run by a seed ends after as many for each second that it was given, so that a faster machine does not go further
/// than the one before it; a slower one has twice the time.
const SEEDED_INPUTS_A_SECOND: u32 = 10_000;
/// An input that takes longer, in seconds, is one that hangs.
const HANG_SECONDS: u32 = 20;
const MEMORY_MIB: u32 = 2048;
/// More inputs than that are cut down to those that reach something of their own.
const KEPT_INPUTS: usize = 2000;
/// Bytes on a line.
const ROW_BYTES: usize = 32;
/// Lines at the end of what libFuzzer says that are shown: the panic and the stack.
const SHOWN_LINES: usize = 60;

/// A target and its folders.
pub struct Target {
    name: String,
    program: PathBuf,
    /// Written by hand, in the repository.
    seeds: PathBuf,
    /// Found by earlier runs, beside the build.
    corpus: PathBuf,
    /// What made it fail.
    artifacts: PathBuf,
}

/// An input that a target fails on.
#[derive(Debug)]
pub struct Found {
    name: String,
    said: String,
    file: PathBuf,
    input: Vec<u8>,
}

impl Target {
    /// By its name.
    pub fn new(name: &str, folder: &Path, made: &Path, programs: &Path) -> Self {
        Self {
            name: name.to_owned(),
            program: programs.join(name),
            seeds: folder.join("seeds").join(name),
            corpus: made.join("corpus").join(name),
            artifacts: folder.join("artifacts").join(name),
        }
    }

    /// Runs it for so long, from its seeds and what earlier runs kept, or by that seed from its seeds alone;
    /// answers with what it found.
    pub fn run(&self, seconds: u32, by_seed: Option<u32>) -> Result<Option<Found>> {
        let corpus = match by_seed {
            // What earlier runs kept would lead it elsewhere, and stays.
            Some(_) => self.corpus.with_extension("seeded"),
            None => self.corpus.clone(),
        };
        if by_seed.is_some() {
            forget(&corpus)?;
        }
        make(&corpus)?;
        make(&self.artifacts)?;
        if by_seed.is_none() {
            self.keep_small()?;
        }
        let mut command = Command::new(&self.program);
        match by_seed {
            Some(seed) => command.args([
                format!("-seed={seed}"),
                format!("-runs={}", seconds * SEEDED_INPUTS_A_SECOND),
                format!("-max_total_time={}", 2 * seconds),
            ]),
            None => command.arg(format!("-max_total_time={seconds}")),
        };
        command.arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", self.artifacts.display()));
        let output = self.limited(&mut command).args([&corpus, &self.seeds]).output();
        let output = output.with_context(|| format!("cannot start {}", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            println!("{:<14} {}", self.name, summary(&said));
            return Ok(None);
        }
        let Some(file) = written(&said) else {
            bail!("{} ended with {} and left no input:\n{}", self.name, output.status, tail(&said));
        };
        let input = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Some(Found { name: self.name.clone(), said: tail(&said), file, input }))
    }

    fn limited<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.arg(format!("-max_len={INPUT_BYTES}")).arg(format!("-timeout={HANG_SECONDS}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MIB}"))
    }

    /// Inputs of earlier runs that reach nothing of their own go.
    #[expect(clippy::disallowed_methods, reason = "a folder beside the build's own files; losing it costs a run")]
    fn keep_small(&self) -> Result<()> {
        if files(&self.corpus)?.len() <= KEPT_INPUTS {
            return Ok(());
        }
        let fewer = self.corpus.with_extension("fewer");
        make(&fewer)?;
        let mut command = Command::new(&self.program);
        let merged = self.limited(command.arg("-merge=1")).args([&fewer, &self.corpus]).output();
        let merged = merged.with_context(|| format!("cannot start {}", self.program.display()))?;
        // One that fails now is found by the run that follows.
        let is_done = merged.status.success() && !files(&fewer)?.is_empty();
        let (gone, kept) = if is_done { (&self.corpus, Some(&fewer)) } else { (&fewer, None) };
        std::fs::remove_dir_all(gone).with_context(|| format!("cannot remove {}", gone.display()))?;
        kept.map_or(Ok(()), |kept| std::fs::rename(kept, &self.corpus)).context("cannot rename a corpus")
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n==> fuzz target {} fails\n{}", self.name, self.said)?;
        writeln!(f, "Its input, {} bytes (xxd -r -p makes a file of it):", self.input.len())?;
        for row in self.input.chunks(ROW_BYTES) {
            let digits: String = row.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(f, "    {digits:<width$}  {}", row.escape_ascii(), width = 2 * ROW_BYTES)?;
        }
        write!(f, "To try it again: cargo xtask fuzz {} {}", self.name, self.file.display())
    }
}

/// Where libFuzzer says that it kept the input it failed on.
fn written(said: &str) -> Option<PathBuf> {
    let is_slow = |file: &&str| file.rsplit('/').next().is_some_and(|name| name.starts_with("slow-unit-"));
    let files = said.lines().filter_map(|line| Some(line.split_once("Test unit written to ")?.1.trim()));
    files.rev().find(|file| !is_slow(file)).map(PathBuf::from)
}

/// How much was tried.
fn summary(said: &str) -> String {
    let number = |name: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name)?.strip_prefix(':'));
        line.map_or("?", str::trim).to_owned()
    };
    format!("{} inputs, {} of them new", number("number_of_executed_units"), number("new_units_added"))
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

fn forget(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_where_libfuzzer_says() {
        let said = "artifact_prefix='a/'; Test unit written to a/slow-unit-1\npanicked\n\
                    artifact_prefix='a/'; Test unit written to a/crash-2\nBase64: eA==\n";
        assert_eq!(written(said), Some(PathBuf::from("a/crash-2")));
        assert_eq!(written("Test unit written to a/slow-unit-1\n"), None);
    }

    #[test]
    fn what_is_found_is_shown_with_its_bytes_and_how_to_try_it_again() {
        let (name, file) = ("words".to_owned(), PathBuf::from("fuzz/artifacts/words/crash-1"));
        let found = Found { name, said: "panicked at 'x'".to_owned(), file, input: b"\x00a\r\n".repeat(9) };
        let shown = found.to_string();
        assert!(shown.contains("panicked at 'x'") && shown.contains("36 bytes"), "{shown}");
        assert!(shown.contains(&format!("\n    {}  {}\n", "00610d0a".repeat(8), "\\x00a\\r\\n".repeat(8))), "{shown}");
        assert!(shown.ends_with("cargo xtask fuzz words fuzz/artifacts/words/crash-1"), "{shown}");
    }

    #[test]
    fn a_run_is_summed_up() {
        let said = "Done\nstat::number_of_executed_units: 4321\nstat::new_units_added:          12\n";
        assert_eq!(summary(said), "4321 inputs, 12 of them new");
        assert_eq!(tail(&"x\n".repeat(100)).lines().count(), SHOWN_LINES);
    }

    /// A program in the place of a target: what it leaves is found, also where it lay there before.
    #[test]
    fn a_failure_is_told_each_time_it_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "#!/bin/sh\nfor word; do case $word in -artifact_prefix=*) at=${word#*=}crash-2;; -seed=7) seeded=1;; esac; done\n\
                      printf bad >$at; echo panicked >&2; echo \"artifact_prefix='x'; Test unit written to $at\" >&2\n\
                      exit 7$seeded\n";
        let program = folder.path().join("words");
        #[expect(clippy::disallowed_methods, reason = "a file of a test, no mail depends on it")]
        std::fs::write(&program, script).expect("a script");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("it may be run");
        let target = Target::new("words", folder.path(), folder.path(), folder.path());
        make(&target.artifacts).expect("a folder");
        for by_seed in [None, Some(7)] {
            let found = target.run(1, by_seed).expect("it ran").expect("it failed");
            assert_eq!(found.input, b"bad");
            assert!(found.said.starts_with("panicked\n") && found.file.ends_with("crash-2"), "{found}");
        }
    }
}
