//! The rules of this repository that no compiler checks: `cargo xtask tidy`.
//!
//! Each finding names the file, the line, the reason and the cure, because a rule that only says
//! no is worked around. The tables stand at the top of the module that checks them; changing one
//! is a decision, so it shows in a review as a change of a table.

mod bans;
mod dependencies;
mod files;
mod lexer;
mod licences;
mod pages;
mod rfcs;
mod spdx;
mod tree;
mod walls;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::Result;

use crate::{cargo, metadata};
use tree::Tree;

/// One thing to be put right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// From the root of the repository.
    file: String,
    /// From 1.
    line: usize,
    weight: Weight,
    reason: String,
    cure: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// Told, and passes.
    Warning,
    /// Fails.
    Error,
}

impl Finding {
    fn error(file: &str, line: usize, reason: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, weight: Weight::Error, reason: reason.into(), cure: cure.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        write!(formatter, "{}:{}: {weight}: {}\n    {}", self.file, self.line, self.reason, self.cure)
    }
}

/// Checks the whole tree; the exit status is 1 when something must be put right.
pub fn chore() -> Result<u8> {
    let findings = check(&cargo::root())?;
    for finding in &findings {
        println!("{finding}");
    }
    let errors = findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    println!("tidy: {errors} errors, {} warnings", findings.len() - errors);
    Ok(u8::from(errors > 0))
}

/// Writes the index of specifications as the code has it.
#[expect(clippy::disallowed_methods, reason = "a page that is made again by the same command")]
pub fn write_rfcs() -> Result<u8> {
    let root = cargo::root();
    let (page, _) = rfcs::page(&Tree::read(&root)?.sources);
    std::fs::write(root.join(rfcs::PAGE), page)?;
    Ok(0)
}

/// Every finding, by file and line.
fn check(root: &Path) -> Result<Vec<Finding>> {
    let tree = Tree::read(root)?;
    let members = metadata::members()?;
    let packages = metadata::all()?;
    let mut findings = Vec::new();
    findings.extend(walls::check(root, &members)?);
    findings.extend(dependencies::check(root, &members)?);
    findings.extend(licences::check(&members, &packages));
    for file in &tree.sources {
        findings.extend(files::check(file));
        findings.extend(bans::check(file));
    }
    for (path, text) in &tree.texts {
        findings.extend(words::check(path, text));
    }
    findings.extend(pages::check(&tree.texts, |path| root.join(path).exists()));
    let kept = tree.texts.iter().find(|(path, _)| path == rfcs::PAGE).map(|(_, text)| text.as_str());
    findings.extend(rfcs::check(&tree.sources, kept));
    findings.sort();
    Ok(findings)
}

/// The first line that holds `needle`, from 1; the top of the file when none does.
fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The repository keeps its own rules.
    #[test]
    fn this_tree_is_tidy() {
        let findings = check(&cargo::root()).expect("the tree can be read");
        let errors: Vec<String> =
            findings.iter().filter(|finding| finding.weight == Weight::Error).map(Finding::to_string).collect();
        assert!(errors.is_empty(), "cargo xtask tidy says:\n{}", errors.join("\n"));
    }
}
