//! Debian's Dovecot as the peer: LMTP alone, durable, nothing on that delivery does not need; or
//! with IMAP for delegates, see [`readers`].
//!
//! `mail_fsync = optimized` syncs each mail and its folder before the acknowledgement. The LMTP
//! processes are there before the first mail and are used again; no plugin, no quota, no TLS.
//! Run by root it becomes the package's own user, so that the whole of it works unprivileged on
//! a folder of its own.

mod readers;

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

/// Nobody signs in to LMTP.
const NO_PASSWORDS: &str = "passdb {
  driver = static
  args = nopassword=y
}
";

/// How it keeps mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `maildir:`
    Maildir,
    /// `sdbox:`
    Sdbox,
    /// `mdbox:`, many mails in a file.
    Mdbox,
}

impl Format {
    fn word(self) -> &'static str {
        match self {
            Self::Maildir => "maildir",
            Self::Sdbox => "sdbox",
            Self::Mdbox => "mdbox",
        }
    }
}

/// A running Dovecot.
pub struct Dovecot {
    format: Format,
    folder: PathBuf,
    user: User,
    lmtp: SocketAddr,
    imap: Option<SocketAddr>,
    child: Child,
}

impl Dovecot {
    /// Why it cannot be run here.
    pub fn missing() -> Option<&'static str> {
        let parts = [PROGRAM, "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/imap"];
        let all = parts.iter().all(|part| Path::new(part).exists());
        (!all).then_some("it is not installed; `cargo xtask prepare --bench` installs it")
    }

    /// Starts one on `folder` that takes mail.
    pub async fn start(format: Format, folder: &Path) -> Result<Self> {
        let (user, lmtp) = (prepare(folder)?, Port::hold()?);
        let configuration = text(format, folder, &user.name, lmtp.address.port()) + NO_PASSWORDS;
        Self::run(format, folder, user, &configuration, lmtp, None).await
    }

    /// The same, and its delegates read it.
    pub async fn start_for_readers(format: Format, folder: &Path, people: &[String], password: &str) -> Result<Self> {
        let (user, lmtp, imap) = (prepare(folder)?, Port::hold()?, Port::hold()?);
        let configuration =
            text(format, folder, &user.name, lmtp.address.port()) + &readers::text(format, folder, imap.address.port());
        readers::write_passwords(folder, people)?;
        let server = Self::run(format, folder, user, &configuration, lmtp, Some(imap)).await?;
        readers::share(server.imap()?, password).await?;
        Ok(server)
    }

    async fn run(
        format: Format,
        folder: &Path,
        user: User,
        configuration: &str,
        lmtp: Port,
        imap: Option<Port>,
    ) -> Result<Self> {
        write(&folder.join("dovecot.conf"), configuration)?;
        let (lmtp, imap) = (lmtp.let_go(), imap.map(Port::let_go));
        let child = serve(folder, &user, lmtp, imap).await?;
        Ok(Self { format, folder: folder.to_owned(), user, lmtp, imap, child })
    }

    /// Ends all of it and starts it again on the same mail.
    pub async fn restart(&mut self, meanwhile: impl FnOnce() -> Result<()>) -> Result<()> {
        self.child.stop()?;
        meanwhile()?;
        self.child = serve(&self.folder, &self.user, self.lmtp, self.imap).await?;
        Ok(())
    }

    /// Where delegates read.
    pub fn imap(&self) -> Result<SocketAddr> {
        self.imap.context("this Dovecot only takes mail")
    }

    /// Its first process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    fn home(&self) -> PathBuf {
        self.folder.join("mail").join(RECIPIENT)
    }
}

impl Server for Dovecot {
    fn lmtp(&self) -> Result<SocketAddr> {
        Ok(self.lmtp)
    }

    fn seconds(&self) -> Result<Option<f64>> {
        self.child.still_there()?;
        machine::tree_seconds(self.child.id()).map(Some)
    }

    fn mails(&self) -> Result<u64> {
        let (folders, prefix): (&[&str], _) = match self.format {
            Format::Maildir => (&["new", "cur"], ""),
            Format::Sdbox => (&["mailboxes/INBOX/dbox-Mails"], "u."),
            Format::Mdbox => bail!("mails of mdbox are counted by nobody here"),
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

/// Folders of its own, for the user that this names.
fn prepare(folder: &Path) -> Result<User> {
    if let Some(why) = Dovecot::missing() {
        bail!("no Dovecot: {why}");
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
    Ok(user)
}

/// Answers once it listens everywhere.
async fn serve(folder: &Path, user: &User, lmtp: SocketAddr, imap: Option<SocketAddr>) -> Result<Child> {
    let mut command = user.command();
    command.arg(PROGRAM).arg("-F").arg("-c").arg(folder.join("dovecot.conf")).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let child = Child::start("dovecot", &mut command)?;
    let log = folder.join("dovecot.log");
    for address in std::iter::once(lmtp).chain(imap) {
        let ready = child.until(START_LIMIT, || TcpStream::connect(address).ok()).await;
        ready.with_context(|| std::fs::read_to_string(&log).unwrap_or_else(|_| "Dovecot wrote no log".to_owned()))?;
    }
    Ok(child)
}

/// A port of loopback, held until just before the start, so that the system gives it to nobody
/// else meanwhile.
struct Port {
    held: TcpListener,
    address: SocketAddr,
}

impl Port {
    fn hold() -> Result<Self> {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on loopback")?;
        let address = held.local_addr()?;
        Ok(Self { held, address })
    }

    fn let_go(self) -> SocketAddr {
        drop(self.held);
        self.address
    }
}

fn text(format: Format, folder: &Path, user: &str, port: u16) -> String {
    let folder = folder.display();
    let format = format.word();
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
mail_location = {format}:~
mail_fsync = optimized
mail_plugins =
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
