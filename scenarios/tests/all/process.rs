//! The product as a process of its own, as people start it; it can be killed.

use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

pub use postern_testkit::PASSWORD;

/// Far above any start of the server: a test hangs no longer than this.
const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test: beside this test's own, or what `POSTERN_BIN` names.
pub fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("POSTERN_BIN") {
        return PathBuf::from(named);
    }
    let own = std::env::current_exe().expect("a test knows its own file");
    let built = own.ancestors().nth(2).expect("a test lies in deps of the profile's folder").join("postern");
    assert!(built.is_file(), "{} is not built; run: cargo build -p postern", built.display());
    built
}

/// A command that must succeed, given this on standard input; answers what it printed.
async fn succeed(mut command: Command, input: &str) -> String {
    let what = format!("{:?}", command.as_std());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    stdin.write_all(input.as_bytes()).await.expect("the command reads its input");
    drop(stdin);
    let output = child.wait_with_output().await.expect("the command ends");
    assert!(output.status.success(), "{what}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Makes a house in `folder` whose admin has [`PASSWORD`].
pub async fn init(folder: &Path, database: Option<&str>) {
    let mut command = Command::new(binary());
    command.arg("init").arg("--data").arg(folder);
    command.args(["--domain", "example.org", "--hostname", "mail.example.org", "--admin", "admin@example.org"]);
    command.args(["--password-stdin", "--loopback", "0"]);
    if let Some(url) = database {
        command.args(["--database", url]);
    }
    succeed(command, PASSWORD).await;
}

/// A server that runs. It is killed when this is dropped.
pub struct Serving {
    child: Child,
    ready: Value,
    folder: PathBuf,
}

impl Serving {
    /// `postern serve` on this folder, behind this command (a tracer) or by itself.
    pub async fn start(folder: &Path, behind: &[&str]) -> Self {
        Self::start_with(folder, behind, &[]).await
    }

    /// The same with variables of the environment.
    pub async fn start_with(folder: &Path, behind: &[&str], environment: &[(&str, String)]) -> Self {
        let binary = binary();
        let mut command = match behind {
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&binary);
                command
            }
            [] => Command::new(&binary),
        };
        let ready_file = folder.with_extension("ready");
        // A server that was killed left its own there.
        let _ = std::fs::remove_file(&ready_file);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.arg("serve").arg("--config").arg(folder.join("postern.toml"));
        command.arg("--ready-file").arg(&ready_file).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let ready = tokio::time::timeout(PATIENCE, read_when_there(&ready_file, &mut child)).await;
        let ready = ready.expect("the server becomes ready");
        Self { child, ready, folder: folder.to_owned() }
    }

    /// Where a listener is.
    pub fn listener(&self, name: &str) -> SocketAddr {
        let text = self.ready["listeners"][name].as_str().unwrap_or_else(|| panic!("no listener {name}"));
        text.parse().expect("an address")
    }

    /// The most memory that the process ever held.
    pub fn most_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.ready["pid"]);
        let status = std::fs::read_to_string(path).expect("Linux says how much memory a process holds");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("kilobytes");
        kib << 10
    }

    /// Makes a person whose password is [`PASSWORD`].
    pub async fn person(&self, email: &str) {
        self.cli(&["person", "add", email, "--password-stdin"], PASSWORD).await;
    }

    /// A command of its administration, which must succeed, given this on standard input; answers what it printed.
    pub async fn cli(&self, arguments: &[&str], input: &str) -> String {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.folder.join("postern.toml")).args(arguments);
        succeed(command, input).await
    }

    /// The number of the process.
    pub fn pid(&self) -> u64 {
        self.ready["pid"].as_u64().expect("the ready-file names the process")
    }

    /// SIGKILL; answers when the process is gone.
    pub async fn kill(mut self) {
        self.child.start_kill().expect("our own child can be killed");
        let ended = self.child.wait().await.expect("our own child can be waited for");
        assert!(!ended.success(), "it ended by itself");
    }

    /// SIGTERM: it drains and ends, and so does what it runs behind.
    pub async fn terminate(mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().await;
        assert!(sent.expect("sh runs").success());
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.expect("the server drains").expect("our own child can be waited for")
    }
}

/// The ready-file appears whole or not at all, under a name that nobody tells us of.
async fn read_when_there(file: &Path, child: &mut Child) -> Value {
    let mut look = tokio::time::interval(Duration::from_millis(5));
    loop {
        look.tick().await;
        if let Some(ended) = child.try_wait().expect("our own child can be asked") {
            panic!("the server ended before it was ready: {ended}");
        }
        if let Ok(text) = std::fs::read_to_string(file) {
            return serde_json::from_str(&text).expect("the ready-file is JSON");
        }
    }
}
