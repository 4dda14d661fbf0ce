//! The cost of reading a message is linear in its size, whatever its shape: instructions are counted by
//! callgrind at n and 2n, so that no other load on the machine can change the answer.
#![allow(clippy::print_stderr, reason = "the counts and a skipped test are told to whoever runs it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Size of the smaller message. Twice it is still within the bounds on depth and on parameters, which would hide a
/// growth; shapes that cost little multiply it.
const SIZE: usize = 100;
/// Twice the size may cost at most this much more.
const RATIO_MAX: f64 = 2.3;

/// The example `cost`, built in the profile of this test.
fn cost_binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile_folder = test.parent().and_then(Path::parent).expect("tests lie in the deps folder of their profile");
    let target_folder = profile_folder.parent().expect("a profile lies in the target folder");
    let profile = match profile_folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--offline", "--package", "postern-mime", "--example", "cost", "--profile", profile])
        .arg("--target-dir")
        .arg(target_folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the example builds");
    profile_folder.join("examples/cost")
}

/// Instructions that each shape of that size takes, in the order of the example.
fn instructions(binary: &Path, size: usize) -> Vec<(String, f64)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("linear-{}-{size}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder for counts can be made");
    let prefix = folder.join("count");
    // Only what happens inside `read_message` is counted, and each return from it writes a count of its own.
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=cost::read_message", "--dump-after=cost::read_message"])
        .arg(format!("--callgrind-out-file={}", prefix.display()))
        .arg(binary)
        .args(["all", &size.to_string()])
        .output()
        .expect("valgrind runs");
    assert!(counted.status.success(), "{}", String::from_utf8_lossy(&counted.stderr));
    let printed = String::from_utf8(counted.stdout).expect("shapes have plain names");
    let shapes = printed.lines().filter_map(|line| line.split_once(' '));
    let counts = (1..).zip(shapes).map(|(number, (shape, _))| {
        let dump = fs::read_to_string(folder.join(format!("count.{number}"))).expect("one count for each shape");
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        (shape.to_owned(), total.and_then(|total| total.trim().parse().ok()).expect("the count is a number"))
    });
    let counts = counts.collect();
    // Left behind when a test fails, for a look at where the instructions went.
    fs::remove_dir_all(&folder).expect("the folder for counts can be removed");
    counts
}

/// Whether instructions can be counted. Where they can not, this says so; where nothing may be skipped, it fails.
fn has_valgrind() -> bool {
    let found = Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        let truthy =
            |name| std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "false" && value != "0");
        let required = truthy("CI") || std::env::var("POSTERN_TEST_FOREIGN").as_deref() == Ok("required");
        assert!(!required, "valgrind is missing; `cargo xtask prepare` installs it");
        eprintln!("skipped: valgrind is missing; `cargo xtask prepare` installs it");
    }
    found
}

#[test]
fn every_shape_costs_linear_time() {
    if !has_valgrind() {
        return;
    }
    let binary = cost_binary();
    let once = instructions(&binary, SIZE);
    let twice = instructions(&binary, 2 * SIZE);
    assert!(once.len() > 20, "the example knows its shapes: {once:?}");
    let mut too_dear = Vec::new();
    for ((shape, once), (_, twice)) in once.iter().zip(&twice) {
        let ratio = twice / once;
        eprintln!("{shape}: {once} at {SIZE}, {twice} at {}, ratio {ratio:.2}", 2 * SIZE);
        if ratio > RATIO_MAX {
            too_dear.push(format!("{shape}: {ratio:.2}"));
        }
    }
    assert!(too_dear.is_empty(), "more than {RATIO_MAX} times the cost at twice the size: {too_dear:?}");
}

/// The test above, where there is no valgrind: a notice at home, an error in CI.
#[test]
fn a_missing_valgrind_is_an_error_where_nothing_may_be_skipped() {
    let without_valgrind = |ci: &str| {
        let mut test = Command::new(std::env::current_exe().expect("a test knows its own file"));
        test.args(["--exact", "every_shape_costs_linear_time"]).env("PATH", "/nowhere").env("CI", ci);
        test.env_remove("POSTERN_TEST_FOREIGN").output().expect("it runs").status
    };
    assert!(!without_valgrind("true").success());
    assert!(without_valgrind("").success());
}
