//! docs/dependencies.md is true: a row for every third-party crate of the workspace, no other.
//!
//! Versions stand once, in the workspace's own table, so that two crates of ours never argue
//! about one; the document says why each is there.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Finding, Weight, line_of, walls};
use crate::metadata::Package;

const DOCUMENT: &str = "docs/dependencies.md";
const MANIFEST: &str = "Cargo.toml";
/// Rows under this heading are programs that no manifest names.
const END_OF_CRATES: &str = "## Programs";

/// Compares the document, the workspace's table and the crates' manifests.
pub fn check(root: &Path, members: &[Package]) -> Result<Vec<Finding>> {
    let read = |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("{name} cannot be read"));
    Ok(compare(&read(DOCUMENT)?, &read(MANIFEST)?, &asked_for(members)))
}

/// Third-party crates, and the first of ours that asks for each.
fn asked_for(members: &[Package]) -> BTreeMap<&str, &str> {
    let mut crates = BTreeMap::new();
    for package in members {
        for dependency in package.dependencies.iter().filter(|dependency| !walls::is_ours(&dependency.name)) {
            crates.entry(dependency.name.as_str()).or_insert(package.name.as_str());
        }
    }
    crates
}

fn compare(document: &str, manifest: &str, asked_for: &BTreeMap<&str, &str>) -> Vec<Finding> {
    let crates = document.split(END_OF_CRATES).next().unwrap_or(document);
    let rows: Vec<&str> = crates.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let listed = workspace_table(manifest);
    let mut findings = Vec::new();
    for name in listed.iter().filter(|name| !rows.contains(name)) {
        let line = line_of(manifest, &format!("{name} = "));
        let cure = "add the row: name, licence, what it does for us";
        findings.push(Finding::error(MANIFEST, line, format!("{DOCUMENT} has no row for {name}"), cure));
    }
    for name in rows.iter().filter(|name| !listed.contains(name)) {
        let line = line_of(document, &format!("| `{name}`"));
        findings.push(Finding::error(DOCUMENT, line, format!("the workspace does not list {name}"), "remove the row"));
    }
    for (name, user) in asked_for.iter().filter(|(name, _)| !listed.contains(name)) {
        let reason = format!("{user} asks for {name} with a version of its own");
        let cure = "put the version into [workspace.dependencies] and write `name.workspace = true` in the crate";
        findings.push(Finding::error(MANIFEST, 1, reason, cure));
    }
    for name in listed.iter().filter(|name| !asked_for.contains_key(*name)) {
        findings.push(Finding {
            file: MANIFEST.to_owned(),
            line: line_of(manifest, &format!("{name} = ")),
            weight: Weight::Warning,
            reason: format!("no crate asks for {name}"),
            cure: format!("remove it here and its row in {DOCUMENT}"),
        });
    }
    findings
}

/// Names in `[workspace.dependencies]` that are not ours.
fn workspace_table(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().skip_while(|line| line.trim() != "[workspace.dependencies]").skip(1);
    let table = lines.take_while(|line| !line.starts_with('['));
    let names = table.filter_map(|line| Some(line.split_once('=')?.0.trim()));
    names.filter(|name| !name.starts_with('#') && !walls::is_ours(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST_OF_TWO: &str = "[workspace.dependencies]\npostern-types = { path = \"x\" }\ntokio = \"1\"\n\
        # a note = here\nrustls = { version = \"1\" }\n\n[profile.dev]\ndebug = false\n";

    fn weights(rows: &[&str], asked_for: &[&str]) -> Vec<Weight> {
        let document: String = rows.iter().map(|name| format!("| `{name}` | MIT | a reason |\n")).collect();
        let asked_for = asked_for.iter().map(|name| (*name, "postern-app")).collect();
        compare(&document, MANIFEST_OF_TWO, &asked_for).iter().map(|finding| finding.weight).collect()
    }

    #[test]
    fn rows_table_and_manifests_agree() {
        assert!(weights(&["tokio", "rustls"], &["tokio", "rustls"]).is_empty());
        assert_eq!(weights(&["tokio"], &["tokio", "rustls"]), [Weight::Error]);
        assert_eq!(weights(&["tokio", "rustls", "left-over"], &["tokio", "rustls"]), [Weight::Error]);
        assert_eq!(weights(&["tokio", "rustls"], &["tokio", "rustls", "by-itself"]), [Weight::Error]);
        assert_eq!(weights(&["tokio", "rustls"], &["tokio"]), [Weight::Warning]);
    }

    #[test]
    fn programs_below_the_crates_are_no_crates() {
        let document = format!("| `tokio` |\n| `rustls` |\n{END_OF_CRATES}\n| `curl` |\n");
        let asked_for = BTreeMap::from([("tokio", "a"), ("rustls", "a")]);
        assert!(compare(&document, MANIFEST_OF_TWO, &asked_for).is_empty());
    }
}
