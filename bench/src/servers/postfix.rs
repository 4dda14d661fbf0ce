//! Debian's Postfix as the peer of what sends: no chroot, no content filter, everything relayed.
//!
//! An instance of its own: configuration, queue, state and log lie in one temporary folder, and
//! the master process is our child. No file of the package's own instance is read or written.
//! Its parts run as the package's user, which only root can make them do.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Submits, Way, answer, write};
use crate::child::Child;
use crate::client::Entrance;
use crate::machine;

const MASTER: &str = "/usr/lib/postfix/sbin/master";
const START_LIMIT: Duration = Duration::from_secs(20);

/// Folders of a queue, with who may do what there.
const QUEUE: [(&str, u32); 14] = [
    ("active", 0o700),
    ("bounce", 0o700),
    ("corrupt", 0o700),
    ("defer", 0o700),
    ("deferred", 0o700),
    ("flush", 0o700),
    ("hold", 0o700),
    ("incoming", 0o700),
    ("private", 0o700),
    ("saved", 0o700),
    ("trace", 0o700),
    ("public", 0o710),
    ("maildrop", 0o730),
    ("pid", 0o755),
];

/// Services as Debian has them, none in a chroot.
const SERVICES: &str = "
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
";

/// A running Postfix.
pub struct Postfix {
    address: SocketAddr,
    child: Child,
}

impl Postfix {
    /// Why none can be measured here, where that is so.
    pub fn missing() -> Option<&'static str> {
        if !Path::new(MASTER).exists() {
            return Some("it is not installed; `cargo xtask prepare --bench` installs it");
        }
        (!rustix::process::geteuid().is_root()).then_some("only root can run it")
    }

    /// Starts one on `folder` that relays to `next`.
    pub async fn start(folder: &Path, next: SocketAddr) -> Result<Self> {
        if let Some(why) = Self::missing() {
            bail!("Postfix can not be measured: {why}");
        }
        let configuration = folder.join("configuration");
        std::fs::create_dir(&configuration)?;
        let log = make_folders(folder)?;
        // Held until just before the start, so that the system gives it to nobody else meanwhile.
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = held.local_addr()?;
        write(&configuration.join("main.cf"), &text(folder, next))?;
        write(&configuration.join("master.cf"), &format!("{address} inet n - n - - smtpd{SERVICES}"))?;
        drop(held);
        // `setpriv` replaces itself by the program, which is told to end even when we are killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", MASTER, "-c"]).arg(&configuration).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = Child::start("postfix", &mut command)?;
        let ready = child.until(START_LIMIT, || TcpStream::connect(address).ok()).await;
        ready.with_context(|| std::fs::read_to_string(&log).unwrap_or_else(|_| "Postfix wrote no log".to_owned()))?;
        Ok(Self { address, child })
    }
}

impl Submits for Postfix {
    /// Whoever connects from this machine may send: its TLS and its sign-ins are other programs.
    fn entrance(&self, _way: Way) -> Result<Entrance> {
        Ok(Entrance { address: self.address, authority: None, password: None })
    }

    fn add_sender(&self, _address: &str) -> Result<()> {
        Ok(())
    }

    fn seconds(&self) -> Result<Option<f64>> {
        self.child.still_there()?;
        machine::tree_seconds(self.child.id()).map(Some)
    }

    fn stop(&self) -> Result<()> {
        self.child.stop()
    }
}

/// Answers where the log will be.
fn make_folders(folder: &Path) -> Result<PathBuf> {
    let id = |program: &mut Command| answer(program)?.trim().parse::<u32>().context("no number of a user or group");
    let user = id(Command::new("id").args(["-u", "postfix"]))?;
    let group = answer(Command::new("getent").args(["group", "postdrop"]))?;
    let group = group.split(':').nth(2).and_then(|number| number.parse().ok()).context("there is no group postdrop")?;
    let make = |path: &Path, mode, owner| -> Result<()> {
        std::fs::create_dir(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        let (user, group) = owner;
        chown(path, user, group).with_context(|| format!("cannot give {} to Postfix", path.display()))
    };
    make(&folder.join("queue"), 0o755, (None, None))?;
    for (name, mode) in QUEUE {
        let owner = match name {
            "public" | "maildrop" => (Some(user), Some(group)),
            "pid" => (None, None),
            _ => (Some(user), None),
        };
        make(&folder.join("queue").join(name), mode, owner)?;
    }
    make(&folder.join("state"), 0o700, (Some(user), None))?;
    make(&folder.join("log"), 0o755, (None, None))?;
    Ok(folder.join("log/postfix.log"))
}

fn text(folder: &Path, next: SocketAddr) -> String {
    let folder = folder.display();
    format!(
        "compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/state
maillog_file = {folder}/log/postfix.log
maillog_file_prefixes = {folder}/log
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
relayhost = [{}]:{}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
smtp_tls_security_level = none
message_size_limit = 52428800
default_destination_recipient_limit = 50
",
        next.ip(),
        next.port()
    )
}
