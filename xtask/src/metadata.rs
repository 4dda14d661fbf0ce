//! What cargo knows of the packages here, by `cargo metadata`, cut down to what the chores ask.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;

/// One package, ours or foreign.
#[derive(Debug)]
pub struct Package {
    /// As in its manifest.
    pub name: String,
    /// As in its manifest.
    pub version: String,
    /// SPDX expression, where the manifest has one.
    pub licence: Option<String>,
    /// The manifest, absolute.
    pub manifest: PathBuf,
    /// What the manifest asks for, in its order.
    pub dependencies: Vec<Dependency>,
}

/// One line of a manifest's dependency tables.
#[derive(Debug)]
pub struct Dependency {
    /// The package's name, not what it may be renamed to.
    pub name: String,
    /// Which of the tables.
    pub kind: Kind,
}

/// The table a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[dependencies]`.
    Normal,
    /// `[dev-dependencies]`.
    Development,
    /// `[build-dependencies]`.
    Build,
}

/// The packages of this workspace alone; needs no network and no lock file.
pub fn members() -> Result<Vec<Package>> {
    packages(&ask(&["--no-deps"])?)
}

/// Every package that some build of the workspace takes in on Linux, dev-dependencies too.
pub fn all() -> Result<Vec<Package>> {
    packages(&ask(&["--all-features", "--filter-platform", "x86_64-unknown-linux-gnu"])?)
}

/// The folder cargo builds in, wherever the environment put it.
pub fn target_folder() -> Result<PathBuf> {
    let answer = ask(&["--no-deps"])?;
    Ok(PathBuf::from(text(&answer, "target_directory")?))
}

fn ask(flags: &[&str]) -> Result<Value> {
    let mut command = cargo::command(&["metadata", "--format-version", "1"]);
    command.args(flags);
    let output = command.output().with_context(|| format!("cannot start {}", cargo::line(&command)))?;
    if !output.status.success() {
        bail!("{} failed:\n{}", cargo::line(&command), String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata did not answer in JSON")
}

fn packages(answer: &Value) -> Result<Vec<Package>> {
    let list = answer["packages"].as_array().context("cargo metadata names no packages")?;
    list.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let dependencies = value["dependencies"].as_array().context("a package without a dependency list")?;
    Ok(Package {
        name: text(value, "name")?,
        version: text(value, "version")?,
        licence: value["license"].as_str().map(str::to_owned),
        manifest: PathBuf::from(text(value, "manifest_path")?),
        dependencies: dependencies.iter().map(dependency).collect::<Result<_>>()?,
    })
}

fn dependency(value: &Value) -> Result<Dependency> {
    let kind = match value["kind"].as_str() {
        Some("dev") => Kind::Development,
        Some("build") => Kind::Build,
        _ => Kind::Normal,
    };
    Ok(Dependency { name: text(value, "name")?, kind })
}

fn text(value: &Value, field: &str) -> Result<String> {
    Ok(value[field].as_str().with_context(|| format!("cargo metadata: no {field}"))?.to_owned())
}
