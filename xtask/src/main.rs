//! Chores of the repository: `cargo xtask CHORE`.
//!
//! What a Makefile would do in shell and get wrong on the second machine lives here: the
//! checks that no compiler makes, a private PostgreSQL for tests, the packages a machine
//! lacks, and the order in which everything is tested. The Makefile holds names only.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who started it")]

mod cargo;
mod db;
mod fuzz;
mod metadata;
mod prepare;
mod steps;
mod supervise;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;

/// Exit status of a wrong command line, as the product itself uses it.
const WRONG_USAGE: u8 = 2;

const USAGE: &str = "\
Chores of the repository.

cargo xtask tidy                       walls between crates, module headers, banned calls, words, licences, pages
cargo xtask rfc                        write docs/rfc.md, the index of specifications, as the code has it
cargo xtask db [--durable] -- COMMAND  run COMMAND beside a private PostgreSQL (POSTERN_TEST_POSTGRES)
cargo xtask prepare [--bench|--fast]   install what the tests (or the bench) need and the machine lacks
cargo xtask test [--fast]              prepare, tidy, build, doc tests, tests; --fast: SQLite, no foreign clients
cargo xtask fuzz [--seconds N] [NAME]  each fuzz target, or one, for N seconds (60); --shared N: for N in all, by the seed of the tests; --build: builds them
cargo xtask fuzz NAME FILE             an input once more, such as one that made a target fail
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs one chore and answers with the exit status to leave with.
fn run(arguments: &[String]) -> Result<u8> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => tidy::chore(),
        ["rfc"] => tidy::write_rfcs(),
        ["db", "--durable", "--", command @ ..] if !command.is_empty() => db::chore(db::Durability::Durable, command),
        ["db", "--", command @ ..] if !command.is_empty() => db::chore(db::Durability::Volatile, command),
        ["prepare"] => prepare::chore(prepare::Purpose::Test),
        ["prepare", "--fast"] => prepare::chore(prepare::Purpose::FastTest),
        ["prepare", "--bench"] => prepare::chore(prepare::Purpose::Bench),
        ["test"] => test::chore(test::Breadth::Everything),
        ["test", "--fast"] => test::chore(test::Breadth::Fast),
        ["fuzz", rest @ ..] => fuzz::chore(rest),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(0)
        }
        _ => {
            eprint!("{USAGE}");
            Ok(WRONG_USAGE)
        }
    }
}
