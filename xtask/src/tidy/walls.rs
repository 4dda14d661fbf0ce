//! Which crate may use which: the house as drawn in docs/architecture.md.
//!
//! A protocol that could reach the store would sooner or later decide something by itself, and a
//! parser that could open a socket would be tested less. So every edge between our crates stands
//! in one table, and the third-party crates that would carry somebody over a wall in another.
//! Dev-dependencies are free: tests may climb.

use std::path::Path;

use anyhow::{Context, Result};

use super::{Finding, line_of};
use crate::metadata::{Kind, Package};

/// A crate, and all of ours that it may use. A crate uses only crates above it in this table.
const WALLS: [(&str, &[&str]); 20] = [
    ("postern-types", &[]),
    ("postern-access", &["postern-types"]),
    ("postern-mime", &["postern-types"]),
    ("postern-imap-wire", &["postern-types"]),
    ("postern-smtp-wire", &["postern-types"]),
    ("postern-store", &["postern-types", "postern-access", "postern-mime"]),
    ("postern-app", &["postern-types", "postern-access", "postern-mime", "postern-store"]),
    ("postern-imap", &["postern-types", "postern-access", "postern-mime", "postern-imap-wire", "postern-app"]),
    ("postern-pop3", &["postern-types", "postern-access", "postern-mime", "postern-app"]),
    ("postern-smtp", &["postern-types", "postern-access", "postern-mime", "postern-smtp-wire", "postern-app"]),
    ("postern-jmap", &["postern-types", "postern-access", "postern-mime", "postern-app"]),
    ("postern-http", &["postern-types", "postern-access", "postern-mime", "postern-app"]),
    ("postern-m365", &["postern-types", "postern-access", "postern-mime", "postern-app"]),
    // The one place that puts the house together: it opens the store that the configuration names
    // and hands it to `app`; its sessions never see it.
    (
        "postern-server",
        &[
            "postern-types",
            "postern-access",
            "postern-store",
            "postern-app",
            "postern-imap",
            "postern-pop3",
            "postern-smtp",
            "postern-jmap",
            "postern-http",
            "postern-m365",
        ],
    ),
    // What it reads of other people's Maildirs is written as on IMAP's wire.
    (
        "postern",
        &["postern-types", "postern-access", "postern-imap-wire", "postern-app", "postern-http", "postern-server"],
    ),
    (
        "postern-testkit",
        &[
            "postern-types",
            "postern-access",
            "postern-mime",
            "postern-imap-wire",
            "postern-smtp-wire",
            "postern-store",
            "postern-app",
            "postern-imap",
            "postern-smtp",
            "postern-http",
            "postern-server",
        ],
    ),
    ("postern-scenarios", ANY),
    ("postern-bench", ANY),
    ("postern-fuzz", ANY),
    ("xtask", &[]),
];

/// For crates that nobody ships.
const ANY: &[&str] = &["*"];

/// A third-party crate, the crates of ours that may use it, and what the wall is for.
const FENCES: [(&str, &[&str], &str); 14] = [
    ("rusqlite", SQL, "SQL lives in the store"),
    ("postgres", SQL, "SQL lives in the store"),
    ("tokio-postgres", SQL, "SQL lives in the store"),
    ("sqlx", &[], "every statement runs on both engines by the same text, through the store's own Tx"),
    ("object_store", &["postern-store"], "bodies lie where the store puts them"),
    ("mail-parser", &["postern-mime"], "the parser is wrapped, so that it can be changed"),
    ("winnow", &["postern-imap-wire", "postern-smtp-wire"], "grammars live in the wire crates"),
    ("imap-codec", &[], "it is the second opinion of tests, a dev-dependency"),
    ("argon2", &["postern-app"], "passwords are hashed behind one bounded pool"),
    ("axum", &["postern-http", "postern-jmap", "postern-server"], "HTTP has its crates"),
    ("rustls", TLS, "the TLS provider is chosen in one place"),
    ("tokio-rustls", TLS, "the TLS provider is chosen in one place"),
    ("rcgen", TLS, "certificates are made beside the listeners"),
    ("clap", &["postern", "postern-bench"], "commands belong to the binary"),
];

const SQL: &[&str] = &["postern-store", "postern-testkit"];
const TLS: &[&str] =
    &["postern-server", "postern-m365", "postern", "postern-testkit", "postern-scenarios", "postern-bench"];

/// Crates of pure functions, and what none of them may use: they are tested without a machine.
const PURE: [&str; 5] = ["postern-types", "postern-access", "postern-mime", "postern-imap-wire", "postern-smtp-wire"];
const MACHINERY: [&str; 11] = [
    "tokio",
    "tokio-util",
    "async-std",
    "mio",
    "rustix",
    "libc",
    "hyper",
    "serde_json",
    "jiff",
    "tempfile",
    "tracing-subscriber",
];

/// Every dependency that goes through a wall.
pub fn check(root: &Path, members: &[Package]) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in members {
        let text = std::fs::read_to_string(&package.manifest).context("a manifest cannot be read")?;
        let file = package.manifest.strip_prefix(root).unwrap_or(&package.manifest).to_string_lossy().into_owned();
        findings.extend(judge(package).into_iter().map(|breach| {
            let line = line_of(&text, &format!("{}.workspace", breach.dependency));
            let line = if line == 1 { line_of(&text, &breach.dependency) } else { line };
            Finding::error(&file, line, breach.reason, breach.cure)
        }));
    }
    Ok(findings)
}

struct Breach {
    dependency: String,
    reason: String,
    cure: &'static str,
}

fn judge(package: &Package) -> Vec<Breach> {
    let Some((name, allowed)) = WALLS.iter().find(|(name, _)| *name == package.name) else {
        return vec![Breach {
            dependency: "name".to_owned(),
            reason: format!("{} has no place in the house", package.name),
            cure: "give it a row in xtask/src/tidy/walls.rs and in docs/architecture.md",
        }];
    };
    let used = package.dependencies.iter().filter(|dependency| dependency.kind != Kind::Development);
    used.filter_map(|dependency| breach(name, allowed, &dependency.name)).collect()
}

fn breach(name: &str, allowed: &[&str], dependency: &str) -> Option<Breach> {
    let (why, cure) = if is_ours(dependency) {
        if allowed == ANY || allowed.contains(&dependency) {
            return None;
        }
        ("it is on the other side of a wall".to_owned(), "ask `app` for a use case; see docs/architecture.md")
    } else if PURE.contains(&name) && MACHINERY.contains(&dependency) {
        (format!("{name} is pure: no I/O, no clocks, no JSON"), "pass the value in, and do the I/O in the caller")
    } else {
        let (_, _, why) =
            FENCES.iter().find(|(crate_name, may, _)| *crate_name == dependency && !may.contains(&name))?;
        ((*why).to_owned(), "use what that crate of ours offers, or argue for a row in xtask/src/tidy/walls.rs")
    };
    Some(Breach { dependency: dependency.to_owned(), reason: format!("{name} may not use {dependency}: {why}"), cure })
}

/// Whether a package is one of the house.
pub fn is_ours(name: &str) -> bool {
    name == "postern" || name.starts_with("postern-") || name == "xtask"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Dependency;

    fn breaches(name: &str, kind: Kind, dependency: &str) -> usize {
        let dependencies = vec![Dependency { name: dependency.to_owned(), kind }];
        let (version, licence, manifest) = (String::new(), None, Path::new("Cargo.toml").to_owned());
        judge(&Package { name: name.to_owned(), version, licence, manifest, dependencies }).len()
    }

    /// A crate uses only crates above it, so there can be no ring.
    #[test]
    fn the_table_itself_goes_upwards() {
        for (row, (name, allowed)) in WALLS.iter().enumerate() {
            for dependency in allowed.iter().filter(|_| *allowed != ANY) {
                let place = WALLS.iter().position(|(other, _)| other == dependency);
                assert!(place.is_some_and(|place| place < row), "{name} uses {dependency}, which is not above it");
            }
        }
    }

    /// Protocols translate, they do not decide: no way to the store, nor to one another.
    #[test]
    fn protocols_meet_in_app_alone() {
        let protocols = ["postern-imap", "postern-pop3", "postern-smtp", "postern-jmap", "postern-http"];
        for name in protocols {
            assert_eq!(breaches(name, Kind::Normal, "postern-store"), 1, "{name}");
            assert_eq!(breaches(name, Kind::Build, "postern-store"), 1, "{name}");
            assert_eq!(breaches(name, Kind::Normal, "rusqlite"), 1, "{name}");
            assert_eq!(breaches(name, Kind::Normal, "postern-app"), 0, "{name}");
            for other in protocols {
                assert_eq!(breaches(name, Kind::Normal, other), 1, "{name} and {other}");
            }
        }
    }

    #[test]
    fn only_tests_see_the_testkit() {
        for (name, _) in WALLS {
            let may = matches!(name, "postern-scenarios" | "postern-bench" | "postern-fuzz");
            assert_eq!(breaches(name, Kind::Normal, "postern-testkit"), usize::from(!may), "{name}");
            assert_eq!(breaches(name, Kind::Development, "postern-testkit"), 0, "{name}");
        }
    }

    #[test]
    fn pure_crates_have_no_machinery() {
        assert_eq!(breaches("postern-access", Kind::Normal, "tokio"), 1);
        assert_eq!(breaches("postern-types", Kind::Normal, "serde_json"), 1);
        assert_eq!(breaches("postern-imap-wire", Kind::Normal, "winnow"), 0);
        assert_eq!(breaches("postern-app", Kind::Normal, "tokio"), 0);
    }

    #[test]
    fn a_crate_that_nobody_drew_is_told() {
        assert_eq!(breaches("postern-calendar", Kind::Normal, "thiserror"), 1);
    }
}
