//! A database of its own on the PostgreSQL that `cargo xtask db` started.
//!
//! By way of `psql`: SQL of ours lives in the store, and four words of administration need no
//! client library here.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::machine;

/// Dropped with its guard.
pub struct Database {
    server: String,
    name: String,
    url: String,
    /// The server's first process, where it can be seen from here.
    process: Option<u32>,
}

impl Database {
    /// A fresh database on `server`.
    pub fn create(server: &str) -> Result<Self> {
        let name = format!("postern_bench_{}", std::process::id());
        psql(server, &format!("DROP DATABASE IF EXISTS {name}"))?;
        psql(server, &format!("CREATE DATABASE {name}"))?;
        let folder = psql(server, "SHOW data_directory")?;
        let process = std::fs::read_to_string(Path::new(&folder).join("postmaster.pid")).ok();
        let process = process.and_then(|text| text.lines().next()?.trim().parse().ok());
        let cut = server.rfind('/').context("the PostgreSQL URL names no database")?;
        let url = format!("{}/{name}", &server[..cut]);
        Ok(Self { server: server.to_owned(), name, url, process })
    }

    /// As configuration writes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's first process, where it can be seen from here.
    pub fn process(&self) -> Option<u32> {
        self.process
    }

    /// Processor time of the whole database server.
    pub fn seconds(&self) -> Result<Option<f64>> {
        self.process.map(machine::tree_seconds).transpose()
    }

    /// What the database takes of the disk.
    pub fn bytes(&self) -> Result<u64> {
        let size = psql(&self.server, &format!("SELECT pg_database_size('{}')", self.name))?;
        size.parse().context("pg_database_size did not answer with a number")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // It goes with the private server anyway.
        let _ = psql(&self.server, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn psql(server: &str, statement: &str) -> Result<String> {
    let mut command = Command::new("psql");
    command.args(["--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align", "--command", statement]);
    let output = command.arg(server).stdin(Stdio::null()).output().context("cannot start psql")?;
    if !output.status.success() {
        bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
