//! `postern serve`: the server as a process: signals, the ready-file, the end.
//!
//! SIGTERM and SIGINT drain, SIGHUP reads certificates and configuration again. Everything
//! else is the library's ([`Server`]).

use crate::confine::confine;
use crate::globals::GlobalArgs;
use crate::process::{WrongUsage, absolute, raise_file_limit, refuse_flags};
use crate::reload::reload;
use crate::user::{Keeps, User};
use anyhow::Context;
use postern_server::config::{Config, environment};
use postern_server::{Logging, ReadyFile, RealDisk, Running, Server, StartOptions};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long sessions may take to finish what they have begun. With the second that cutting
/// them and closing the database takes, SIGTERM is obeyed within ten.
const PATIENCE: Duration = Duration::from_secs(7);

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Written once every listener is open: {"pid":…,"listeners":{"imaps":"127.0.0.1:10993",…}}
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// As root: the user to run as; without it, the owner of the data folder
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(crate) fn run(args: &Args, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "serve", &[])?;
    let Some(file) = &globals.config else {
        let text = "which house? No configuration is named\n\
                    Next step: add --config DIR/postern.toml, or set POSTERN_CONFIG; `postern init` makes a new house";
        return Err(WrongUsage(text.to_owned()).into());
    };
    let config = Config::load(&absolute(file)?, &environment())?;
    // The first thread is the only one until the runtime starts.
    let user = match &args.user {
        Some(name) => Some(User::named(name)?),
        None => User::owner(&config.data_dir)?,
    };
    user.as_ref().map_or(Ok(()), |user| user.become_them(Keeps::Ports))?;
    let confined = confine(&config, args.ready_file.as_deref()).context("the kernel can not bound where it writes")?;
    let logging = Logging::start(&config.log);
    confined.tell();
    if let Some(user) = &user {
        tracing::info!(event = "server.user", name = user.name());
    }
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config, args.ready_file.as_deref(), logging.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config, ready_file: Option<&Path>, logging: Option<&Logging>) -> anyhow::Result<()> {
    // Before anything else, so that no signal finds the process without an answer.
    let mut signals = Signals::listen()?;
    let ready = ready_file.map(claim).transpose()?;
    let (file, options) = (config.file.clone(), StartOptions::new(config));
    let running = tokio::select! {
        () = signals.end() => return Ok(()),
        started = Server::start(options) => started?,
    };
    if let Some(ready) = &ready {
        ready.write(running.listeners()).context("the ready-file can not be written")?;
    }
    tracing::info!(event = "server.ready", pid = std::process::id(), listeners = ?running.listeners());
    run_until_ended(&running, &mut signals, &file, logging).await;
    drop(ready);
    end(running).await;
    Ok(())
}

/// The ready-file of a path, with its own next step on failure.
pub(crate) fn claim(path: &Path) -> anyhow::Result<ReadyFile<'static>> {
    ReadyFile::claim(path, &RealDisk).with_context(|| format!("the ready-file {} can not be replaced", path.display()))
}

pub(crate) async fn run_until_ended(running: &Running, signals: &mut Signals, file: &Path, logging: Option<&Logging>) {
    while let Asked::Reload = signals.next().await {
        reload(running, file, logging);
    }
}

/// Drains and closes.
pub(crate) async fn end(running: Running) {
    tracing::info!(event = "server.draining");
    let in_time = running.drain(PATIENCE).await;
    tracing::info!(event = "server.ended", in_time);
}

/// What people and supervisors ask of the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }

    /// What is asked next. Cancel-safe.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.reload.recv() => Asked::Reload,
        }
    }

    /// Someone wants the process to end; there is nothing to reload yet. Cancel-safe.
    async fn end(&mut self) {
        while let Asked::Reload = self.next().await {}
    }
}

enum Asked {
    End,
    Reload,
}
