//! Where Debian keeps PostgreSQL, and how its programs are started.
//!
//! The server refuses to run as root, so root (as in a container) steps down to the package's
//! own user `postgres`; anyone else runs it as themselves.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const ABSENT: &str = "PostgreSQL is not installed; try:\n    apt-get install postgresql\n\
    (or test without it: POSTERN_TEST_ENGINES=sqlite, as `make test-fast` does)";

/// The programs of one PostgreSQL, and who may run them.
pub struct Binaries {
    folder: PathBuf,
    /// User and group id of `postgres`, when we are root.
    runs_as: Option<(u32, u32)>,
}

impl Binaries {
    /// The newest version on this machine.
    pub fn find() -> Result<Self> {
        let folder = newest().context(ABSENT)?;
        let runs_as = if rustix::process::geteuid().is_root() { Some(postgres_user()?) } else { None };
        Ok(Self { folder, runs_as })
    }

    /// Makes `folder` theirs who run the server.
    pub fn give(&self, folder: &Path) -> Result<()> {
        if let Some((user, group)) = self.runs_as {
            std::os::unix::fs::chown(folder, Some(user), Some(group))
                .with_context(|| format!("cannot give {} to user postgres", folder.display()))?;
        }
        Ok(())
    }

    /// A program of this PostgreSQL, started in `folder` as the right user. `setpriv` replaces
    /// itself by the program, so the child's id is the server's own, and the server is told to
    /// stop even when this process is killed.
    pub fn command(&self, program: &str, folder: &Path) -> Command {
        let mut command = Command::new("setpriv");
        if let Some((user, group)) = self.runs_as {
            command.args(["--reuid", &user.to_string(), "--regid", &group.to_string(), "--init-groups"]);
        }
        command.args(["--pdeathsig", "INT", "--"]).arg(self.folder.join(program));
        command.current_dir(folder).env("HOME", folder).env("LC_ALL", "C").env("TZ", "UTC");
        command
    }
}

/// Whether there is a PostgreSQL server to start.
pub fn installed() -> bool {
    newest().is_some()
}

fn newest() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    let numbered = versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path())));
    let usable = numbered.map(|(version, path)| (version, path.join("bin")));
    let usable = usable.filter(|(_, bin)| bin.join("initdb").exists() && bin.join("postgres").exists());
    usable.max_by_key(|(version, _)| *version).map(|(_, bin)| bin)
}

fn postgres_user() -> Result<(u32, u32)> {
    Ok((id("-u")?, id("-g")?))
}

fn id(flag: &str) -> Result<u32> {
    let output = Command::new("id").args([flag, "postgres"]).output().context("cannot start id")?;
    if !output.status.success() {
        bail!("root may not run PostgreSQL and there is no user postgres; {ABSENT}");
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().context("id postgres did not answer with a number")
}
