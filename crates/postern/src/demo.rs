//! `postern demo`: a house with people and mail in it, on this machine only, and three things
//! to try that work as they are printed.
//!
//! Its passwords are printed in the source and on the screen, so it listens on 127.0.0.1 and
//! nowhere else, and it opens no folder that it did not make itself.

use crate::globals::GlobalArgs;
use crate::init::base;
use crate::process::{absolute, quoted, raise_file_limit, refuse_flags, say, typed};
use crate::seed::{self, ADMIN, ALICE, BILLING, BOB, CAROL, DOMAIN, NIGHTLY, SUPPORT};
use crate::serve::{Signals, claim, end, run_until_ended};
use anyhow::{Context, bail};
use postern_server::config::{Config, Settings, environment, loopback};
use postern_server::{Disk, Logging, NewHouse, RealDisk, Running, Server, ServerError, StartOptions, open_house};
use postern_types::{Address, Domain, Secret};
use std::io::IsTerminal;
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
/// The secret of its credential: the house keeps none in clear, and a demo shows it each time.
const SECRET: &str = "demo-secret";

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
    if is_new(&folder, args.ready_file.as_deref())? {
        make(&folder, args.loopback).await?;
    }
    let config = open(&folder, args.loopback)?;
    // The level stays as it is: a reload would bring it back to the file's.
    let _logging = Logging::start(&config.log);
    let file = config.file.clone();
    let running = Server::start(StartOptions::new(config)).await.map_err(|error| match error {
        ServerError::Bind(error) => {
            anyhow::anyhow!("{error}, or try: {} demo --data {} --loopback 0", typed(), quoted(&folder))
        }
        other => other.into(),
    })?;
    if let Some(ready) = &ready {
        ready.write(running.listeners()).context("the ready-file can not be written")?;
    }
    let secret = match signs_in(&running).await {
        true => RealDisk.read(&folder.join(SECRET))?.map(Secret::new),
        false => None,
    };
    say(&welcome(&running, &file, &folder, secret.as_ref()));
    run_until_ended(&running, &mut signals, &file, None).await;
    drop(ready);
    end(running).await;
    let again = format!("{} demo --data {} --loopback {}", typed(), quoted(&folder), args.loopback);
    say(&format!("\nStopped. To open it again: {again}\nTo be rid of it: rm -r {}\n", quoted(&folder)));
    Ok(())
}

/// Is there to be a new demo? A house that is none is not touched, nor is a folder of something else.
fn is_new(folder: &Path, ready_file: Option<&Path>) -> anyhow::Result<bool> {
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
        None if holds_others(folder, ready_file)? => bail!(
            "{shown} holds other files\nNext step: give the demo a folder of its own, such as --data {}",
            quoted(&folder.join("postern-demo"))
        ),
        None => Ok(true),
    }
}

fn holds_others(folder: &Path, ready_file: Option<&Path>) -> anyhow::Result<bool> {
    let found = RealDisk.list(folder).with_context(|| folder.display().to_string())?;
    let ready_file = ready_file.map(absolute).transpose()?;
    Ok(found.iter().any(|entry| Some(folder.join(&entry.name)) != ready_file))
}

fn mark(folder: &Path, state: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(MARK);
    RealDisk.replace_file_durably(&path, state, MARK_MODE).with_context(|| path.display().to_string())
}

/// Made and filled before anything is listened to, so that a taken port costs nothing.
async fn make(folder: &Path, base: u16) -> anyhow::Result<()> {
    RealDisk.create_dir_all(folder).with_context(|| format!("{} can not be made", folder.display()))?;
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
    let secret = filled.context("the demo can not be filled")?;
    let path = folder.join(SECRET);
    RealDisk.write_new_file_durably(&path, secret.expose()).with_context(|| path.display().to_string())?;
    mark(folder, FILLED)
}

/// The demo that is there, at the ports of now.
fn open(folder: &Path, base: u16) -> anyhow::Result<Config> {
    let file = folder.join("postern.toml");
    let config = Config::load(&file, &environment())?;
    let chosen = Config::parse(&file, &postern_server::config::document(&settings(base), SHOWN), &[])?;
    Ok(quiet(Config { listen: chosen.listen, ..config }))
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

fn welcome(running: &Running, file: &Path, folder: &Path, secret: Option<&Secret>) -> String {
    let ink = Ink::of_terminal();
    let at = |name: &str| running.listeners().get(name).cloned().unwrap_or_default();
    let (imaps, lmtp) = (at("imaps"), at("lmtp"));
    let mut page = String::new();
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("\n{}  a demo organisation on this machine\n", ink.bold("Postern")));
    line(ink.bold("Listening"));
    let listeners = [
        ("imaps", "mail programs, TLS"),
        ("imap", "the same without TLS"),
        ("submissions", "mail going out, TLS"),
        ("submission", "the same by STARTTLS"),
        ("smtp", "mail coming in from other servers"),
        ("lmtp", "mail coming in"),
        ("https", "REST, for people who sign in"),
    ];
    for (name, what) in listeners {
        line(format!("  {name:11} {:22} {}", at(name), ink.faint(what)));
    }
    line(format!("  {:11} {}", "admin", at("admin")));
    line(format!("\n{}", ink.bold("People, with what they began with")));
    let people = [
        (ADMIN, "administers the organisation"),
        (ALICE, "full access to support@"),
        (BOB, "reads support@"),
        (CAROL, "full access to billing@"),
    ];
    for ((address, password), what) in people {
        line(format!("  {address:18} {password:20} {}", ink.faint(what)));
    }
    line(format!("\n{}  {SUPPORT}, {BILLING}", ink.bold("Shared mailboxes")));
    if let Some(secret) = secret.and_then(Secret::expose_text) {
        line(format!("\n{}", ink.bold("One credential: a program copies support@, signed in as the mailbox itself")));
        for (name, value) in credential(&imaps, secret, file, folder) {
            line(format!("  {name:9} {value}"));
        }
    } else {
        line(format!("\n{}", ink.bold("One credential: it signs in no more")));
        let postern = format!("{} --config {}", typed(), quoted(file));
        line(format!("  why       {postern} credential show {SUPPORT}/{NIGHTLY}"));
        line(format!(
            "  another   {postern} credential issue {SUPPORT} --purpose backup --owner {} --network 127.0.0.0/8 \
             --reason 'a copy of the mail, every night'",
            ADMIN.0
        ));
    }
    line(format!("\n{}", ink.bold("Sending: Alice writes to Bob")));
    for (name, value) in sending(&at("submissions"), &at("submission"), file, folder) {
        line(format!("  {name:9} {value}"));
    }
    line(format!("\n{}", ink.bold("Three things to try, each a line for another terminal")));
    for (number, (what, command)) in (1..).zip(tries(&imaps, &lmtp, file, folder)) {
        line(format!("\n  {number}. {what}\n     {command}"));
    }
    line(format!("\n{}", ink.faint(&format!("Everything lies in {}. Ctrl-C stops the demo.", folder.display()))));
    page
}

/// The credential with its settings, and what to try with it.
fn credential(imaps: &str, secret: &str, file: &Path, folder: &Path) -> [(&'static str, String); 5] {
    let port = port_of(imaps);
    let authority = quoted(&folder.join("tls/ca.pem"));
    let postern = format!("{} --config {}", typed(), quoted(file));
    [
        ("username", SUPPORT.to_owned()),
        ("secret", secret.to_owned()),
        (
            "settings",
            format!("IMAP at localhost port {port}, TLS from the first byte; it reads, from this machine alone"),
        ),
        (
            "read",
            format!("curl --cacert {authority} --user {SUPPORT}:{secret} 'imaps://localhost:{port}/INBOX/;UID=*'"),
        ),
        ("take back", format!("{postern} credential revoke {SUPPORT}/{NIGHTLY}")),
    ]
}

/// Where mail goes out, a letter that does, and how it waits. None leaves the house until it has a smarthost.
fn sending(submissions: &str, submission: &str, file: &Path, folder: &Path) -> [(&'static str, String); 4] {
    let (implicit, late) = (port_of(submissions), port_of(submission));
    let authority = quoted(&folder.join("tls/ca.pem"));
    let ((alice, password), (bob, _)) = (ALICE, BOB);
    let letter =
        format!("From: Alice <{alice}>\\r\\nTo: {bob}\\r\\nSubject: Friday\\r\\n\\r\\nI take support@ then.\\r\\n");
    [
        ("settings", format!("SMTP at localhost port {implicit}, TLS from the first byte; {late} by STARTTLS")),
        (
            "send",
            format!(
                "printf '{letter}' | curl -sS --cacert {authority} --user {alice}:{password} --mail-from {alice} \
                 --mail-rcpt {bob} --upload-file - smtps://localhost:{implicit}"
            ),
        ),
        ("waiting", format!("{} --config {} queue list", typed(), quoted(file))),
        (
            "elsewhere",
            format!(
                "is refused until [relay] in {} names a smarthost; then: kill -HUP {}",
                quoted(file),
                std::process::id()
            ),
        ),
    ]
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().unwrap_or_default()
}

fn tries(imaps: &str, lmtp: &str, file: &Path, folder: &Path) -> [(String, String); 3] {
    let (imaps, lmtp) = (port_of(imaps), port_of(lmtp));
    let authority = quoted(&folder.join("tls/ca.pem"));
    let (alice, password) = ALICE;
    let read = format!(
        "curl --cacert {authority} --user {alice}:{password} 'imaps://localhost:{imaps}/Shared%2F{SUPPORT}%2FINBOX/;UID=*'"
    );
    let deliver = format!(
        "python3 -c \"import smtplib; smtplib.LMTP('127.0.0.1', {lmtp}).sendmail('me@example.net', '{SUPPORT}', \
         'Subject: Hello\\r\\n\\r\\nIs anybody there?\\r\\n')\""
    );
    let postern = format!("{} --config {}", typed(), quoted(file));
    let remove = format!("{postern} delegate remove {SUPPORT} {alice}");
    [
        ("Alice, signed in as herself, reads the newest letter to support@:".to_owned(), read),
        ("Write to support@, then read again:".to_owned(), deliver),
        (
            "Take support@ away from Alice; her next look finds no such mailbox (the same with add in place of remove \
             brings it back):"
                .to_owned(),
            remove,
        ),
    ]
}

/// Bold and faint where the screen can show them (https://no-color.org).
struct Ink(bool);

impl Ink {
    fn of_terminal() -> Self {
        Self(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }
    fn bold(&self, text: &str) -> String {
        if self.0 { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() }
    }
    fn faint(&self, text: &str) -> String {
        if self.0 { format!("\x1b[2m{text}\x1b[0m") } else { text.to_owned() }
    }
}
