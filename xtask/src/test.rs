//! Everything that must pass, in the order that fails soonest: `cargo xtask test`.
//!
//! Tests run last, so that the runner's own summary closes the output. With `--fast` the tests
//! that need PostgreSQL or somebody else's mail client are left out, and the end says so.

use std::process::Command;

use anyhow::{Result, bail};

use crate::db::{Durability, PrivatePostgres};
use crate::supervise::Supervisor;
use crate::{cargo, prepare, steps::Steps, tidy};

/// For all fuzz targets together: long runs are `make fuzz`.
const FUZZ_SECONDS: &str = "300";

/// How much is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// Both engines, foreign clients, doc tests.
    Everything,
    /// SQLite and our own clients.
    Fast,
}

/// Prepares the machine, then checks and tests.
pub fn chore(breadth: Breadth) -> Result<u8> {
    let mut steps = Steps::new()?;
    match breadth {
        Breadth::Everything => everything(&mut steps),
        Breadth::Fast => fast(&mut steps),
    }
}

fn everything(steps: &mut Steps) -> Result<u8> {
    steps.run("packages", || prepare::install(prepare::Purpose::Test))?;
    let python = prepare::python()?;
    steps.run("tidy", tidy_or_fail)?;
    let supervisor = Supervisor::new()?;
    steps.run("build", || build(&supervisor))?;
    let database = steps.run("database", || PrivatePostgres::start(Durability::Volatile))?;
    let with_environment = |mut command: Command| {
        command.env("POSTERN_TEST_POSTGRES", database.url()).env("POSTERN_TEST_PYTHON", &python);
        command
    };
    let documented = with_environment(cargo::command(&["test", "--workspace", "--doc", "--quiet"]));
    steps.run("doc tests", || run(&supervisor, documented))?;
    let tests = with_environment(cargo::command(&["nextest", "run", "--workspace", "--profile", profile()]));
    steps.run("tests", || run(&supervisor, tests))?;
    database.stop()?;
    // By cargo: the build may have put another program in the place of this one.
    let fuzz = |arguments: &[&str]| run(&supervisor, cargo::command(&[&["xtask", "fuzz"], arguments].concat()));
    steps.run("fuzz build", || fuzz(&["--build"]))?;
    steps.run("fuzz", || fuzz(&["--shared", FUZZ_SECONDS]))?;
    Ok(0)
}

fn fast(steps: &mut Steps) -> Result<u8> {
    steps.run("packages", || prepare::install(prepare::Purpose::FastTest))?;
    steps.run("tidy", tidy_or_fail)?;
    let supervisor = Supervisor::new()?;
    steps.run("build", || build(&supervisor))?;
    let mut tests = cargo::command(&["nextest", "run", "--workspace", "--profile", profile()]);
    tests.args(["--filterset", "not test(/(^|::)foreign_/)"]).env("POSTERN_TEST_ENGINES", "sqlite");
    steps.run("tests", || run(&supervisor, tests))?;
    println!("\nLeft out: PostgreSQL, foreign mail clients, doc tests. `make test` runs them.");
    Ok(0)
}

/// Binaries first: scenarios start the product as a process, and no test target builds it.
fn build(supervisor: &Supervisor) -> Result<()> {
    run(supervisor, cargo::command(&["build", "--workspace", "--bins"]))?;
    run(supervisor, cargo::command(&["nextest", "run", "--workspace", "--no-run"]))
}

fn run(supervisor: &Supervisor, mut command: Command) -> Result<()> {
    let outcome = supervisor.run(&mut command)?;
    if outcome.code() != 0 {
        bail!("{} ended with exit status {}", cargo::line(&command), outcome.code());
    }
    Ok(())
}

fn tidy_or_fail() -> Result<()> {
    if tidy::chore()? != 0 {
        bail!("the tree is not tidy");
    }
    Ok(())
}

/// `ci` shows failures again at the end and does not stop at the first.
fn profile() -> &'static str {
    if std::env::var_os("CI").is_some() { "ci" } else { "default" }
}
