//! What the tests need and a fresh Debian lacks, installed or named: `cargo xtask prepare`.
//!
//! Nothing is downloaded when nothing is missing, so a prepared machine works without a network.
//! Without root the packages go through sudo; where that may not, the apt line is printed, so
//! that somebody who may can run it.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::{cargo, db, metadata};

/// What the machine is prepared for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `make test`.
    Test,
    /// `make test-fast`: the test runner alone.
    FastTest,
    /// `make bench`: the tests' database and a peer to measure beside.
    Bench,
}

/// One Debian package, and how to tell without asking dpkg that what it gives is there: it may
/// have come by another road.
struct Need {
    package: &'static str,
    present: fn() -> bool,
}

const DATABASE: Need = Need { package: "postgresql", present: db::installed };

/// Mail programs that are not ours, an authority to get certificates from, and the instruments of the power-cut and cost tests.
const TEST: [Need; 14] = [
    DATABASE,
    Need { package: "neomutt", present: || on_path("neomutt").is_some() },
    Need { package: "isync", present: || on_path("mbsync").is_some() },
    Need { package: "getmail6", present: || on_path("getmail").is_some() },
    Need { package: "offlineimap3", present: || on_path("offlineimap").is_some() },
    Need { package: "msmtp", present: || on_path("msmtp").is_some() },
    Need { package: "swaks", present: || on_path("swaks").is_some() },
    // swaks has TLS by this alone.
    Need { package: "libnet-ssleay-perl", present: || perl_has("Net::SSLeay") },
    Need { package: POSTFIX, present: postfix_or_another },
    Need { package: "curl", present: || on_path("curl").is_some() },
    Need { package: "pebble", present: || on_path("pebble").is_some() },
    Need { package: "strace", present: || on_path("strace").is_some() },
    Need { package: "valgrind", present: || on_path("valgrind").is_some() },
    Need { package: "python3-venv", present: || python_with_venv().is_some() },
];

const BENCH: [Need; 4] = [
    DATABASE,
    Need { package: POSTFIX, present: postfix_or_another },
    Need { package: "dovecot-imapd", present: || Path::new("/usr/lib/dovecot/imap").exists() },
    Need { package: "dovecot-lmtpd", present: || Path::new("/usr/lib/dovecot/lmtp").exists() },
];

const POSTFIX: &str = "postfix";
/// Debian's Postfix installed so has no main.cf, and without one neither its unit nor its init script starts
/// anything: no policy and no mask of ours is left behind.
const POSTFIX_UNCONFIGURED: &str = "postfix postfix/main_mailer_type select No configuration";

/// The second reader of ENVELOPE and BODYSTRUCTURE, beside the imap-codec crate; and two that read
/// the description of REST, one of which asks all of it.
const PYTHON_PACKAGES: [&str; 3] = ["imapclient==4.1.0", "schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];

/// A program that cargo installs.
struct CargoTool {
    name: &'static str,
    version: &'static str,
}

const CARGO_NEXTEST: CargoTool = CargoTool { name: "cargo-nextest", version: "0.9.143" };

/// Installs, then says that all is there.
pub fn chore(purpose: Purpose) -> Result<u8> {
    install(purpose)?;
    println!("Everything that was asked for is installed.");
    Ok(0)
}

/// Installs what is missing for `purpose`; silent and offline when nothing is.
pub fn install(purpose: Purpose) -> Result<()> {
    match purpose {
        Purpose::Test => {
            debian(&TEST)?;
            python_packages()?;
            cargo_tool(&CARGO_NEXTEST)
        }
        Purpose::FastTest => cargo_tool(&CARGO_NEXTEST),
        Purpose::Bench => debian(&BENCH),
    }
}

/// The interpreter that has our Python packages, after [`install`].
pub fn python() -> Result<PathBuf> {
    Ok(python_in(&environment()?))
}

/// Installs a cargo tool where it is absent; one that is there, of whatever version, is used.
fn cargo_tool(tool: &CargoTool) -> Result<()> {
    let installed_by_cargo = home_of_cargo().map(|home| home.join("bin").join(tool.name)).is_some_and(|p| p.exists());
    if installed_by_cargo || on_path(tool.name).is_some() {
        return Ok(());
    }
    println!("Installing {} {} (once; several minutes)", tool.name, tool.version);
    cargo::succeed(&mut cargo::command(&["install", tool.name, "--version", tool.version, "--locked"]))
}

fn debian(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    println!("Installing Debian packages: {}", missing.join(" "));
    if missing.contains(&POSTFIX) {
        let preset = ["-c", "printf '%s\\n' \"$0\" | debconf-set-selections", POSTFIX_UNCONFIGURED];
        elevated("sh", &preset, &missing)?;
    }
    apt(&["update", "--quiet"], &missing)?;
    let mut arguments = vec!["install", "--quiet", "--yes", "--no-install-recommends"];
    arguments.extend(&missing);
    apt(&arguments, &missing)?;
    let still: Vec<&str> = needs.iter().filter(|need| !(need.present)()).map(|need| need.package).collect();
    if !still.is_empty() {
        bail!("installed, and yet not found: {}", still.join(" "));
    }
    Ok(())
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !(need.present)()).map(|need| need.package).collect()
}

fn apt(arguments: &[&str], missing: &[&str]) -> Result<()> {
    // Another apt may be at work on this machine: wait for it rather than fail. None of ours takes anything away.
    let base = ["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0", "-o", "APT::Get::Remove=false"];
    elevated("apt-get", &[&base[..], arguments].concat(), missing)
}

/// Runs a program as root, for these packages.
fn elevated(program: &str, arguments: &[&str], missing: &[&str]) -> Result<()> {
    let by_hand = format!("install these and try again:\n    sudo apt-get install {}", missing.join(" "));
    let mut command = match elevation()? {
        Elevation::Root => Command::new("env"),
        Elevation::Sudo(flags) => {
            let mut command = Command::new("sudo");
            command.args(flags).arg("env");
            command
        }
        Elevation::None => bail!("not root and no sudo; {by_hand}"),
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", program]).args(arguments);
    cargo::succeed(&mut command).context(by_hand)
}

enum Elevation {
    Root,
    Sudo(&'static [&'static str]),
    None,
}

fn elevation() -> Result<Elevation> {
    if rustix::process::geteuid().is_root() {
        return Ok(Elevation::Root);
    }
    if on_path("sudo").is_none() {
        return Ok(Elevation::None);
    }
    // Nobody is there to type a password when standard input is no terminal.
    Ok(Elevation::Sudo(if std::io::stdin().is_terminal() { &[] } else { &["-n"] }))
}

/// Makes the virtual environment, once per list of packages.
fn python_packages() -> Result<()> {
    let folder = environment()?;
    let stamp = folder.join("postern-packages");
    let wanted = PYTHON_PACKAGES.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    println!("Installing Python packages: {}", PYTHON_PACKAGES.join(" "));
    let python = python_with_venv().context("no python3 that can make a virtual environment")?;
    cargo::succeed(Command::new(python).args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = Command::new(python_in(&folder));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(PYTHON_PACKAGES);
    cargo::succeed(&mut pip)?;
    write_stamp(&stamp, &wanted)
}

#[expect(clippy::disallowed_methods, reason = "a note beside the build's own files; losing it costs one download")]
fn write_stamp(stamp: &Path, text: &str) -> Result<()> {
    std::fs::write(stamp, text).with_context(|| format!("cannot write {}", stamp.display()))
}

fn environment() -> Result<PathBuf> {
    Ok(metadata::target_folder()?.join("python"))
}

fn python_in(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// The person's own python3, or Debian's where that one is cut down.
fn python_with_venv() -> Option<PathBuf> {
    let candidates = [on_path("python3"), Some(PathBuf::from("/usr/bin/python3"))];
    candidates.into_iter().flatten().find(|python| {
        let mut probe = Command::new(python);
        probe.args(["-c", "import venv, ensurepip"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    })
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

/// Is there a Postfix, or a mail server that Debian would take away for it? That one stays, and what needs
/// Postfix is skipped.
fn postfix_or_another() -> bool {
    ["/usr/sbin/postfix", "/usr/sbin/sendmail"].iter().any(|program| Path::new(program).exists())
}

fn perl_has(module: &str) -> bool {
    let mut probe = Command::new("perl");
    probe.args([&format!("-M{module}"), "-e", "1"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn home_of_cargo() -> Option<PathBuf> {
    let set = std::env::var_os("CARGO_HOME").filter(|home| home.as_os_str() != OsStr::new("")).map(PathBuf::from);
    set.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_absent_is_installed() {
        let needs = [Need { package: "there", present: || true }, Need { package: "absent", present: || false }];
        assert_eq!(missing(&needs), ["absent"]);
    }

    #[test]
    fn a_program_is_found_by_its_name() {
        assert!(on_path("sh").is_some());
        assert!(on_path("no-program-has-this-name").is_none());
    }
}
