//! Postern as people run it: the release binary, `init`, `serve`, a shared mailbox.
//!
//! Nothing is switched off for the measurement: the configuration is what `init --loopback`
//! writes, the log goes to a file, the trail is kept.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::database::Database;
use super::{RECIPIENT, Server, Submits, Tools, Way, answer};
use crate::child::Child;
use crate::client::Entrance;
use crate::{cargo, machine};

const START_LIMIT: Duration = Duration::from_secs(60);
/// Of whoever sends.
const PASSWORD: &str = "correct horse battery staple";

/// Builds the release binary, or a moment's look where it is up to date; answers where it is.
pub async fn binary() -> Result<PathBuf> {
    let mut command = cargo::command(&["build", "--release", "--locked", "--package", "postern"]);
    let build = Child::start("cargo build", &mut command)?;
    let status = build.wait().await;
    if !status.success() {
        bail!("the release build of postern failed ({status})");
    }
    let own = std::env::current_exe().context("this program's own path is unknown")?;
    let target = own.parent().and_then(Path::parent).context("this program is in no build folder")?;
    Ok(target.join("release/postern"))
}

/// The same program but for one thing: a verdict that was found once is not asked for again
/// (`postern_store::TRUSTS_CACHE`). In a build folder of its own, for its flags differ.
pub async fn binary_that_trusts_its_cache() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program's own path is unknown")?;
    let target = own.parent().and_then(Path::parent).context("this program is in no build folder")?;
    let target = target.join("trust-cache");
    let mut command = cargo::command(&["build", "--release", "--locked", "--package", "postern"]);
    command.env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", "--cfg postern_trust_cache");
    let status = Child::start("cargo build", &mut command)?.wait().await;
    if !status.success() {
        bail!("the release build of postern that trusts its cache failed ({status})");
    }
    Ok(target.join("release/postern"))
}

/// A running Postern.
pub struct Postern {
    program: PathBuf,
    configuration: PathBuf,
    data: PathBuf,
    listeners: BTreeMap<String, String>,
    // Ended before its database is dropped: fields are dropped in this order.
    child: Child,
    database: Option<Database>,
}

impl Postern {
    /// Makes a house in `folder` and serves it.
    pub async fn start(tools: &Tools<'_>, folder: &Path, on_postgres: bool) -> Result<Self> {
        Self::start_with(tools, folder, on_postgres, &[]).await
    }

    /// The same, relaying to `next`, and what this machine sends is counted as what others send.
    pub async fn start_to_send(tools: &Tools<'_>, folder: &Path, on_postgres: bool, next: SocketAddr) -> Result<Self> {
        let next = next.to_string();
        let environment = [("POSTERN_RELAY__SMARTHOST", next.as_str()), ("POSTERN_SECURITY__EXEMPT_LOOPBACK", "false")];
        Self::start_with(tools, folder, on_postgres, &environment).await
    }

    /// The same with variables of the environment that change the configuration.
    pub async fn start_with(
        tools: &Tools<'_>,
        folder: &Path,
        on_postgres: bool,
        environment: &[(&str, &str)],
    ) -> Result<Self> {
        let database = match (on_postgres, tools.postgres) {
            (true, Some(server)) => Some(Database::create(server)?),
            (true, None) => bail!("no PostgreSQL was given: cargo xtask db --durable -- COMMAND gives one"),
            (false, _) => None,
        };
        let data = folder.join("house");
        let mut init = Command::new(tools.postern);
        init.args(["init", "--domain", "example.org", "--hostname", "mail.example.org"]);
        init.args(["--admin", "admin@example.org", "--loopback", "0", "--data"]).arg(&data);
        if let Some(database) = &database {
            init.args(["--database", database.url()]);
        }
        answer(&mut init)?;
        let configuration = data.join("postern.toml");
        let (child, listeners) = serve(tools.postern, &configuration, folder, environment).await?;
        let server = Self { program: tools.postern.to_owned(), configuration, data, listeners, child, database };
        server.say(&["shared", "add", RECIPIENT])?;
        Ok(server)
    }

    /// Ends it and starts it again, listening elsewhere, with the configuration as it was written.
    pub async fn restart(&mut self, meanwhile: impl FnOnce() -> Result<()>) -> Result<()> {
        self.child.stop()?;
        meanwhile()?;
        let folder = self.data.parent().context("a house in no folder")?;
        (self.child, self.listeners) = serve(&self.program, &self.configuration, folder, &[]).await?;
        Ok(())
    }

    /// Its own process, and the first one of its database where that can be seen.
    pub fn processes(&self) -> Vec<u32> {
        std::iter::once(self.child.id()).chain(self.database.as_ref().and_then(Database::process)).collect()
    }

    /// A command of the binary to the running server.
    pub fn say(&self, words: &[&str]) -> Result<String> {
        answer(Command::new(&self.program).arg("--config").arg(&self.configuration).args(words))
    }

    /// Adds a person with this password.
    pub fn add_person(&self, address: &str, password: &str) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(&self.configuration).args(["person", "add", address, "--password-stdin"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(password.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("{}: {}", cargo::line(&command), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }

    /// The secret of a new credential of the shared mailbox.
    pub fn issue(&self, purpose: &str, owner: &str) -> Result<String> {
        let words = ["--json", "credential", "issue", RECIPIENT, "--purpose", purpose, "--owner", owner];
        let said = self.say(&[&words[..], &["--reason", "a measurement", "--any-network"]].concat())?;
        let document: Value = serde_json::from_str(&said).context("credential issue printed no JSON")?;
        document["secret"].as_str().map(str::to_owned).context("credential issue shows no secret")
    }

    /// How many messages wait in the queue.
    pub fn waiting(&self) -> Result<u64> {
        let said = self.say(&["--json", "queue", "list"])?;
        let document: Value = serde_json::from_str(&said).context("queue list printed no JSON")?;
        document["all_messages"].as_u64().context("queue list does not count messages")
    }

    /// Processor time of the database, where that is a server of its own that can be seen.
    pub fn database_seconds(&self) -> Result<Option<f64>> {
        self.database.as_ref().map_or(Ok(None), Database::seconds)
    }

    /// Where a listener is.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let text = self.listeners.get(name).with_context(|| format!("the ready-file names no {name} listener"))?;
        text.parse().with_context(|| format!("the {name} listener is no address and port"))
    }

    /// The socket of the operator.
    pub fn admin_socket(&self) -> PathBuf {
        self.data.join("admin.sock")
    }
}

/// Serves the house of this configuration; answers with its listeners once it is ready.
async fn serve(
    program: &Path,
    configuration: &Path,
    folder: &Path,
    environment: &[(&str, &str)],
) -> Result<(Child, BTreeMap<String, String>)> {
    let ready_file = folder.join("ready.json");
    if ready_file.exists() {
        std::fs::remove_file(&ready_file)?;
    }
    let log = tempfile::Builder::new().prefix("postern-").suffix(".log").disable_cleanup(true).tempfile_in(folder)?;
    let mut serve = Command::new(program);
    serve.arg("serve").arg("--config").arg(configuration).arg("--ready-file").arg(&ready_file);
    serve.envs(environment.iter().copied());
    serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.reopen()?);
    let child = Child::start("postern", &mut serve)?;
    let ready = child.until(START_LIMIT, || std::fs::read(&ready_file).ok()).await;
    let ready = ready.with_context(|| std::fs::read_to_string(log.path()).unwrap_or_default())?;
    let ready: Value = serde_json::from_slice(&ready).context("the ready-file is no JSON")?;
    let listeners = serde_json::from_value(ready["listeners"].clone()).context("the ready-file names no listener")?;
    Ok((child, listeners))
}

impl Submits for Postern {
    fn entrance(&self, way: Way) -> Result<Entrance> {
        let (listener, authority) = match way {
            Way::Plain => ("submission", None),
            Way::Tls => ("submissions", Some(self.data.join("tls/ca.pem"))),
        };
        Ok(Entrance { address: self.listener(listener)?, authority, password: Some(PASSWORD.to_owned()) })
    }

    fn add_sender(&self, address: &str) -> Result<()> {
        self.add_person(address, PASSWORD)
    }

    fn seconds(&self) -> Result<Option<f64>> {
        Server::seconds(self)
    }

    fn stop(&self) -> Result<()> {
        Server::stop(self)
    }
}

impl Server for Postern {
    fn lmtp(&self) -> Result<SocketAddr> {
        self.listener("lmtp")
    }

    fn seconds(&self) -> Result<Option<f64>> {
        self.child.still_there()?;
        let own = machine::tree_seconds(self.child.id())?;
        match &self.database {
            Some(database) => Ok(database.seconds()?.map(|database| own + database)),
            None => Ok(Some(own)),
        }
    }

    fn mails(&self) -> Result<u64> {
        let said = self.say(&["--json", "shared", "list"])?;
        let document: Value = serde_json::from_str(&said).context("shared list printed no JSON")?;
        document["shared"][0]["messages"].as_u64().context("shared list does not count messages")
    }

    fn disk_bytes(&self) -> Result<u64> {
        let in_database = self.database.as_ref().map_or(Ok(0), Database::bytes)?;
        Ok(machine::disk_bytes(&self.data)? + in_database)
    }

    fn stop(&self) -> Result<()> {
        self.child.stop()
    }
}
