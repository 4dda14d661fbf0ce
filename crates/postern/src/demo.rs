//! `postern demo`: a house with people and mail in it, on this machine only, and three things
//! to try that work as they are printed.
//!
//! Its passwords are printed in the source and on the screen, so it listens on 127.0.0.1 and
//! nowhere else, and it opens no folder that it did not make itself.

mod sheet;

use crate::globals::GlobalArgs;
use crate::init::base;
use crate::process::{absolute, quoted, raise_file_limit, refuse_flags, say, typed};
use crate::seed::{self, ADMIN, DOMAIN, Key, NIGHTLY, SUPPORT};
use crate::serve::{Signals, claim, end, run_until_ended};
use anyhow::{Context, bail};
use postern_server::config::{Config, Settings, environment, loopback};
use postern_server::{
    BindError, Disk, Logging, NewHouse, RealDisk, Running, Server, ServerError, StartOptions, check_listeners,
    close_to_others, open_house,
};
use postern_types::{Address, Domain, Secret};
use sheet::Sheet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the demo; opened again if it is one
    #[arg(long, value_name = "DIR", default_value = "postern-data")]
    data: PathBuf,
    /// Listen at BASE + the well-known port (10000: IMAPS 10993); 0: the system chooses
    #[arg(long, value_name = "BASE", value_parser = base, default_value = "10000")]
    loopback: u16,
    /// Written once every listener is open
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// Marks a folder as a demo's; says whether it was filled to the end.
const MARK: &str = "demo";
const FILLING: &[u8] = b"filling\n";
const FILLED: &[u8] = b"filled\n";
const MARK_MODE: u32 = 0o600;
/// The secrets of its credentials: the house keeps none in clear, and a demo shows them each time. A line
/// for each: what it is called, its purpose, its secret.
const SECRETS: &str = "demo-secrets";

pub(crate) fn run(args: &Args, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "demo", &[])?;
    raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(demo(args))?;
    Ok(ExitCode::SUCCESS)
}

async fn demo(args: &Args) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let folder = absolute(&args.data)?;
    let ready = args.ready_file.as_deref().map(claim).transpose()?;
    let elsewhere = |error: BindError| {
        let other = format!("try: {} demo --data {} --loopback 0", typed(), quoted(&folder));
        anyhow::anyhow!("{}", error.or_elsewhere(other))
    };
    if is_new(&folder)? {
        // Before anything is made, so that a taken port leaves nothing behind.
        check_listeners(&chosen(&folder, args.loopback)?).map_err(elsewhere)?;
        say(&format!(
            "Making a demo organisation in {}: people, shared mailboxes, letters. It takes some seconds.\n",
            folder.display()
        ));
        make(&folder, args.loopback).await?;
    }
    let config = open(&folder, args.loopback)?;
    // The level stays as it is: a reload would bring it back to the file's.
    let _logging = Logging::start(&config.log);
    let file = config.file.clone();
    let running = Server::start(StartOptions::new(config)).await.map_err(|error| match error {
        ServerError::Bind(error) => elsewhere(error),
        other => other.into(),
    })?;
    if let Some(ready) = &ready {
        ready.write(running.listeners()).context("the ready-file can not be written")?;
    }
    let nightly = match signs_in(&running).await {
        true => secret_of(&folder, &format!("{SUPPORT}/{NIGHTLY}"))?,
        false => None,
    };
    let secrets = folder.join(SECRETS);
    say(&Sheet { listeners: running.listeners(), file: &file, folder: &folder, secrets: &secrets }
        .text(nightly.as_ref()));
    run_until_ended(&running, &mut signals, &file, None).await;
    drop(ready);
    end(running).await;
    let again = format!("{} demo --data {} --loopback {}", typed(), quoted(&folder), args.loopback);
    say(&format!("\nStopped. To open it again: {again}\nTo be rid of it: rm -r {}\n", quoted(&folder)));
    Ok(())
}

/// Is there to be a new demo? A house that is none is not touched, nor is a folder of something else.
fn is_new(folder: &Path) -> anyhow::Result<bool> {
    let marked = RealDisk.read(&folder.join(MARK)).with_context(|| folder.display().to_string())?;
    let shown = folder.display();
    match marked.as_deref() {
        Some(FILLED) => Ok(false),
        Some(_) => bail!(
            "{shown} holds a demo that was not finished\nNext step: remove it with rm -r {}, or choose another folder with --data",
            quoted(folder)
        ),
        None if folder.join("postern.toml").exists() => bail!(
            "{shown} holds a house that is no demo\nNext step: choose another folder with --data, or start that house with postern serve"
        ),
        None if !RealDisk.list(folder).with_context(|| shown.to_string())?.is_empty() => bail!(
            "{shown} holds other files\nNext step: give the demo a folder of its own, such as --data {}",
            quoted(&folder.join("postern-demo"))
        ),
        None => Ok(true),
    }
}

fn mark(folder: &Path, state: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(MARK);
    RealDisk.replace_file_durably(&path, state, MARK_MODE).with_context(|| path.display().to_string())
}

/// Made and filled before anything is listened to.
async fn make(folder: &Path, base: u16) -> anyhow::Result<()> {
    RealDisk.create_dir_all(folder).with_context(|| format!("{} can not be made", folder.display()))?;
    // While it is empty: the mark would count as somebody's.
    close_to_others(folder, &RealDisk)?;
    mark(folder, FILLING)?;
    let new = NewHouse {
        data_dir: folder.to_owned(),
        domain: Domain::parse(DOMAIN)?,
        admin: Address::parse(ADMIN.0)?,
        password: Secret::new(ADMIN.1),
        settings: settings(base),
    };
    let config = match new.make().await {
        Ok(config) => config,
        Err(error) => {
            // Nothing is left that the next attempt would stumble over.
            RealDisk.remove(&folder.join(MARK))?;
            return Err(error.into());
        }
    };
    let opened = tokio::task::spawn_blocking(move || open_house(&config)).await??;
    let filled = seed::fill(opened.house(), rustix::process::getuid().as_raw()).await;
    opened.close().await;
    keep_secrets(folder, &filled.context("the demo can not be filled")?)?;
    mark(folder, FILLED)
}

fn keep_secrets(folder: &Path, keys: &[Key]) -> anyhow::Result<()> {
    let line = |key: &Key| format!("{} {} {}\n", key.called, key.purpose, key.secret.expose_text().unwrap_or_default());
    let text = Secret::new(keys.iter().map(line).collect::<String>());
    let path = folder.join(SECRETS);
    RealDisk.write_new_file_durably(&path, text.expose()).with_context(|| path.display().to_string())
}

/// The secret that a credential began with.
fn secret_of(folder: &Path, called: &str) -> anyhow::Result<Option<Secret>> {
    let path = folder.join(SECRETS);
    let kept = RealDisk.read(&path).with_context(|| path.display().to_string())?.map(Secret::new);
    let text = kept.as_ref().and_then(Secret::expose_text).unwrap_or_default();
    let line = text.lines().find(|line| line.split(' ').next() == Some(called));
    Ok(line.and_then(|line| line.rsplit(' ').next()).map(Secret::new))
}

/// The demo that is there, at the ports of now.
fn open(folder: &Path, base: u16) -> anyhow::Result<Config> {
    let file = folder.join("postern.toml");
    let config = Config::load(&file, &environment())?;
    Ok(quiet(Config { listen: chosen(folder, base)?.listen, ..config }))
}

/// What a new demo in this folder would be told.
fn chosen(folder: &Path, base: u16) -> anyhow::Result<Config> {
    let text = postern_server::config::document(&settings(base), SHOWN);
    Ok(Config::parse(&folder.join("postern.toml"), &text, &[])?)
}

const SHOWN: postern_server::config::Shown = postern_server::config::Shown::AsComments;

fn settings(base: u16) -> Settings {
    loopback(Settings { hostname: Some("mail.example.org".to_owned()), ..Settings::default() }, base)
}

/// The screen is for the welcome; warnings still come through, and that the configuration was read again.
fn quiet(mut config: Config) -> Config {
    if config.log.level == "info" {
        config.log.level = "warn,postern::reload=info".to_owned();
    }
    config
}

/// Is the credential still good for something? Somebody may have taken it back.
async fn signs_in(running: &Running) -> bool {
    let house = running.house();
    let Ok(operator) = house.operator(rustix::process::getuid().as_raw()) else { return false };
    let seen = house.credential(&operator, &format!("{SUPPORT}/{NIGHTLY}")).await;
    seen.is_ok_and(|seen| seen.row.ended.is_none() && seen.row.obstacles.is_empty())
}
