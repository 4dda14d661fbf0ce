//! Debian's Dovecot as the peer: LMTP alone, durable, nothing on that delivery does not need.
//!
//! `mail_fsync = optimized` syncs each mail and its folder before the acknowledgement. The LMTP
//! processes are there before the first mail and are used again; no plugin, no quota, no TLS.
//! `maildir_very_dirty_syncs` spares Maildir the reading of its folders at each mail.
//! Run by root it becomes the package's own user, so that the whole of it works unprivileged on
//! a folder of its own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{RECIPIENT, Server, write};
use crate::child::Child;
use crate::machine;

const PROGRAM: &str = "/usr/sbin/dovecot";
const START_LIMIT: Duration = Duration::from_secs(20);
/// Room for the longest socket name Dovecot makes, within the 107 bytes of a socket's path.
const LONGEST_FOLDER: usize = 70;

/// How it keeps mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `maildir:`
    Maildir,
    /// `sdbox:`
    Sdbox,
}

/// A running Dovecot.
pub struct Dovecot {
    format: Format,
    folder: PathBuf,
    address: SocketAddr,
    child: Child,
}

impl Dovecot {
    /// Starts one on `folder`.
    pub async fn start(format: Format, folder: &Path) -> Result<Self> {
        if !Path::new(PROGRAM).exists() || !Path::new("/usr/lib/dovecot/lmtp").exists() {
            bail!("Dovecot is not installed; `cargo xtask prepare --bench` installs it");
        }
        if folder.as_os_str().len() > LONGEST_FOLDER {
            bail!("{} is too long for Dovecot's sockets; name a shorter one: --dir FOLDER", folder.display());
        }
        let user = User::find()?;
        for part in ["run", "state", "mail"] {
            std::fs::create_dir(folder.join(part))?;
            user.give(&folder.join(part))?;
        }
        user.give(folder)?;
        // Held until just before the start, so that the system gives it to nobody else meanwhile.
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = held.local_addr()?;
        let configuration = folder.join("dovecot.conf");
        write(&configuration, &text(format, folder, &user.name, address.port()))?;
        drop(held);
        let mut command = user.command();
        command.arg(PROGRAM).arg("-F").arg("-c").arg(&configuration).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = Child::start("dovecot", &mut command)?;
        let log = folder.join("dovecot.log");
        let ready = child.until(START_LIMIT, || TcpStream::connect(address).ok()).await;
        ready.with_context(|| std::fs::read_to_string(&log).unwrap_or_else(|_| "Dovecot wrote no log".to_owned()))?;
        Ok(Self { format, folder: folder.to_owned(), address, child })
    }

    fn home(&self) -> PathBuf {
        self.folder.join("mail").join(RECIPIENT)
    }
}

impl Server for Dovecot {
    fn lmtp(&self) -> Result<SocketAddr> {
        Ok(self.address)
    }

    fn seconds(&self) -> Result<Option<f64>> {
        self.child.still_there()?;
        machine::tree_seconds(self.child.id()).map(Some)
    }

    fn mails(&self) -> Result<u64> {
        let (folders, prefix): (&[&str], _) = match self.format {
            Format::Maildir => (&["new", "cur"], ""),
            Format::Sdbox => (&["mailboxes/INBOX/dbox-Mails"], "u."),
        };
        let mut count = 0;
        for folder in folders {
            for entry in std::fs::read_dir(self.home().join(folder)).context("Dovecot has no such mailbox")? {
                count += u64::from(entry?.file_name().to_string_lossy().starts_with(prefix));
            }
        }
        Ok(count)
    }

    fn disk_bytes(&self) -> Result<u64> {
        machine::disk_bytes(&self.folder.join("mail"))
    }

    fn stop(&self) -> Result<()> {
        self.child.stop()
    }
}

fn text(format: Format, folder: &Path, user: &str, port: u16) -> String {
    let folder = folder.display();
    let location = match format {
        Format::Maildir => "maildir:~",
        Format::Sdbox => "sdbox:~",
    };
    format!(
        "protocols = lmtp
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = no
default_internal_user = {user}
default_internal_group = {user}
default_login_user = {user}
first_valid_uid = 1
mail_location = {location}
mail_fsync = optimized
mail_plugins =
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={folder}/mail/%u allow_all_users=yes
}}
service lmtp {{
  chroot =
  process_min_avail = 8
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"
    )
}

/// Whom Dovecot runs as: the caller, or the package's user where the caller is root.
struct User {
    name: String,
    ids: Option<(u32, u32)>,
}

impl User {
    fn find() -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { name: answer("id", &["-un"])?, ids: None });
        }
        let id = |flag| answer("id", &[flag, "dovecot"])?.parse::<u32>().context("id did not answer with a number");
        Ok(Self { name: "dovecot".to_owned(), ids: Some((id("-u")?, id("-g")?)) })
    }

    fn give(&self, folder: &Path) -> Result<()> {
        let Some((user, group)) = self.ids else { return Ok(()) };
        std::os::unix::fs::chown(folder, Some(user), Some(group))
            .with_context(|| format!("cannot give {} to user {}", folder.display(), self.name))
    }

    /// `setpriv` replaces itself by the program, so the child's id is Dovecot's own, and
    /// Dovecot is told to end even when this process is killed.
    fn command(&self) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = self.ids {
            command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--clear-groups"]);
        }
        command.args(["--pdeathsig", "TERM", "--"]);
        command
    }
}

fn answer(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
