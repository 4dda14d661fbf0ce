//! `postern init`: a new house, and what to do with it.

use crate::cli::password;
use crate::globals::GlobalArgs;
use crate::process::{WrongUsage, absolute, quoted, refuse_flags, say, typed};
use crate::user::{Keeps, User};
use anyhow::Context;
use postern_server::NewHouse;
use postern_server::config::{Config, Settings, check_smarthost, loopback};
use postern_types::{Address, Domain, Secret};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the house; made if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The first domain whose mail the house receives
    #[arg(long, value_parser = Domain::parse)]
    domain: Domain,
    /// The name that mail programs connect to, such as mail.example.org
    #[arg(long, value_name = "NAME")]
    hostname: String,
    /// The first admin, an address in that domain
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    admin: Address,
    /// Read the admin's password from standard input instead of making one
    #[arg(long)]
    password_stdin: bool,
    /// The database: sqlite: (files in the folder) or postgres://user@host/name
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Listen on this machine only, at BASE + the well-known port (10000: IMAPS 10993); 0: the system chooses
    #[arg(long, value_name = "BASE", value_parser = base)]
    loopback: Option<u16>,
    /// The server that takes mail for other domains (port 25 where none is given; 465: under TLS from the
    /// first byte); without one nothing is sent out
    #[arg(long, value_name = "HOST:PORT", value_parser = check_smarthost)]
    smarthost: Option<String>,
    /// As root: the user that the house belongs to, and that the server runs as
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// BASE leaves room for the highest port above it, ManageSieve's 4190.
pub(crate) fn base(text: &str) -> Result<u16, String> {
    let most = u16::MAX - 4190;
    text.parse().ok().filter(|base| *base <= most).ok_or(format!("write a number from 0 to {most}, such as 10000"))
}

pub(crate) fn run(args: Args, globals: &GlobalArgs) -> anyhow::Result<ExitCode> {
    refuse_flags(globals, "init", &["--json"])?;
    check(&args)?;
    let data_dir = absolute(&args.data)?;
    let (password, generated) = password_of(args.password_stdin)?;
    if let Some(name) = &args.user {
        let user = User::named(name)?;
        user.give_folder(&data_dir)?;
        // From here on whatever is made is theirs.
        user.become_them(Keeps::Nothing)?;
    }
    let new = NewHouse {
        data_dir,
        domain: args.domain.clone(),
        admin: args.admin.clone(),
        password,
        settings: settings(&args),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = runtime.block_on(new.make())?;
    if globals.json {
        say(&document(&args, &config, generated.as_deref()));
    } else {
        say(&text(&args, &config, generated.as_deref()));
    }
    Ok(ExitCode::SUCCESS)
}

fn check(args: &Args) -> anyhow::Result<()> {
    let refuse = |text: String| Err(WrongUsage(text).into());
    if args.admin.domain() != args.domain {
        let (admin, domain) = (&args.admin, &args.domain);
        let text = format!(
            "the admin {admin} is not in {domain}\nNext step: name an admin such as --admin {}@{domain}",
            admin.local()
        );
        return refuse(text);
    }
    Ok(())
}

fn settings(args: &Args) -> Settings {
    let settings = Settings {
        hostname: Some(args.hostname.clone()),
        database_url: args.database.clone(),
        smarthost: args.smarthost.clone(),
        ..Settings::default()
    };
    match args.loopback {
        Some(base) => loopback(settings, base),
        None => settings,
    }
}

fn password_of(from_stdin: bool) -> anyhow::Result<(Secret, Option<String>)> {
    if from_stdin {
        let password = password::read(std::io::stdin().lock()).map_err(|error| {
            WrongUsage(format!("{error}\nNext step: printf '%s' 'the password' | postern init --password-stdin …"))
        })?;
        // Before anything is made.
        let password = password::chosen(password)
            .map_err(|error| WrongUsage(format!("{error}\nNext step: {}", password::cure(error))))?;
        return Ok((password, None));
    }
    let generated = password::generate().context("the system gives no random bytes")?;
    Ok((Secret::new(generated.clone()), Some(generated)))
}

fn document(args: &Args, config: &Config, generated: Option<&str>) -> String {
    let document = json!({
        "config": config.file,
        "data_dir": config.data_dir,
        "domain": args.domain.as_str(),
        "admin": args.admin.as_str(),
        "password": generated,
        "smarthost": args.smarthost,
        "authority": config.data_dir.join("tls/ca.pem"),
    });
    format!("{document:#}\n")
}

fn text(args: &Args, config: &Config, generated: Option<&str>) -> String {
    let file = quoted(&config.file);
    let mut text = format!("A house for {} is ready in {}\n\n", args.domain, config.data_dir.display());
    let mut fact = |name: &str, value: String| text.push_str(&format!("  {name:14} {value}\n"));
    fact("Configuration", config.file.display().to_string());
    fact("Certificates", format!("{} is the authority to trust", config.data_dir.join("tls/ca.pem").display()));
    fact(
        "Mail out",
        match &args.smarthost {
            Some(smarthost) => format!("through {smarthost}; if it wants a password, see [relay] in the configuration"),
            None => "to nobody but this house, until [relay] in the configuration names a smarthost".to_owned(),
        },
    );
    fact("Admin", args.admin.to_string());
    if let Some(password) = generated {
        fact("Password", format!("{password}   (shown this once)"));
    }
    text.push_str(&format!(
        "\nNext: start the server, then add people and shared mailboxes\n\
         \x20 {postern} serve --config {file}\n\
         \x20 {postern} --config {file} person add alice@{domain}\n\
         \x20 {postern} --config {file} shared add support@{domain} --member alice@{domain}\n",
        postern = typed(),
        domain = args.domain
    ));
    text
}
