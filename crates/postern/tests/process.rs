//! The command as a process: a newcomer's first minutes, typed as they are printed.

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");

fn postern(folder: &Path) -> Command {
    let mut command = Command::new(POSTERN);
    // What the person who runs the tests has set for their own house is not for these.
    let variables = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("POSTERN_"));
    variables.for_each(|(name, _)| {
        command.env_remove(name);
    });
    command.current_dir(folder);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap_or(-1), text(&stdout), text(&stderr))
}

fn init(folder: &Path) -> (i32, String, String) {
    let mut command = postern(folder);
    command.args(["init", "--data", "house", "--domain", "example.org", "--hostname", "mail.example.org"]);
    command.args(["--admin", "admin@example.org", "--loopback", "0"]);
    run(&mut command)
}

/// A child that is not left behind when a test fails.
struct Server {
    child: Child,
    lines: Box<dyn BufRead>,
}

impl Server {
    /// Starts it and reads its output until a line has this in it.
    fn start(command: &mut Command, ready: &str) -> (Self, String) {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (output, log) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        // Only one of the two says anything before the process ends.
        let lines: Box<dyn BufRead> =
            if ready.starts_with("server.") { Box::new(BufReader::new(log)) } else { Box::new(BufReader::new(output)) };
        let mut server = Self { child, lines };
        let text = server.until(ready);
        (server, text)
    }

    fn until(&mut self, wanted: &str) -> String {
        let mut text = String::new();
        while !text.lines().next_back().is_some_and(|line| line.contains(wanted)) {
            assert!(self.lines.read_line(&mut text).unwrap() > 0, "{wanted:?} did not come: {text}");
        }
        text
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self) -> i32 {
        self.signal(Signal::TERM);
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn init_says_what_it_made_and_what_to_do_next_and_refuses_a_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let (code, said, error) = init(folder.path());
    assert_eq!(code, 0, "{error}");
    let config = folder.path().canonicalize().unwrap().join("house/postern.toml");
    let next = format!("serve --config {}", config.display());
    for expected in ["A house for example.org is ready", "admin@example.org", "(shown this once)", &next] {
        assert!(said.contains(expected), "{expected:?} is missing from: {said}");
    }
    let (code, said, error) = init(folder.path());
    assert_eq!((code, said.as_str()), (1, ""));
    assert!(error.starts_with("postern: ") && error.contains("holds a house already"), "{error}");
    assert!(error.contains("Next step: start it with `postern serve --config"), "{error}");
}

#[test]
fn what_is_not_built_and_what_means_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let line = "init --data h --domain example.org --hostname mail.example.org --admin admin@example.org";
    for (more, expected) in [
        ("--smarthost relay.example.org:25", "--smarthost is not built yet"),
        ("--user postern", "--user is not built yet"),
        ("--offline", "--offline means nothing to `postern init`"),
        ("--admin admin@example.net", "cannot be used multiple times"),
        ("--loopback 65000", "write a number from 0 to"),
    ] {
        let (code, _, error) = run(postern(folder.path()).args(line.split(' ')).args(more.split(' ')));
        assert_eq!(code, 2, "{more}: {error}");
        assert!(error.contains(expected), "{more}: {error}");
    }
    assert!(!folder.path().join("h").exists());
}

#[test]
fn serve_is_ready_reloads_answers_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut making = postern(folder.path());
    making.args(["init", "--data", "house", "--domain", "example.org", "--hostname", "mail.example.org"]);
    making.args(["--admin", "admin@example.org", "--loopback", "0", "--password-stdin", "--json"]);
    let mut making = making.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    making.stdin.take().unwrap().write_all(b"a password for the tests\n").unwrap();
    let mut made = String::new();
    making.stdout.take().unwrap().read_to_string(&mut made).unwrap();
    assert!(making.wait().unwrap().success());
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert!(made["password"].is_null(), "a password that came in is not shown");
    let config = made["config"].as_str().unwrap().to_owned();

    let mut serving = postern(folder.path());
    serving.args(["serve", "--config", &config, "--ready-file", "ready.json"]);
    let (mut server, _) = Server::start(serving.env("POSTERN_LOG__FORMAT", "json"), "server.ready");
    let ready = std::fs::read(folder.path().join("ready.json")).unwrap();
    let ready: serde_json::Value = serde_json::from_slice(&ready).unwrap();
    assert_eq!(ready["pid"], server.child.id());
    for name in ["imaps", "imap", "lmtp", "admin"] {
        assert!(ready["listeners"][name].is_string(), "{name} is missing: {ready}");
    }

    let (code, said, error) = run(postern(folder.path()).args(["person", "list", "--json", "--config", &config]));
    assert_eq!(code, 0, "{error}");
    assert!(said.contains("admin@example.org"), "{said}");

    let (code, _, error) = run(postern(folder.path()).args(["serve", "--config", &config]));
    assert_eq!(code, 1);
    let holder = format!("in use by process {}", server.child.id());
    assert!(error.contains(&holder), "{error}");
    assert_eq!(error.matches(&holder).count(), 1, "said once: {error}");

    server.signal(Signal::HUP);
    server.until("server.reloaded");
    assert_eq!(server.end(), 0);
    assert!(!folder.path().join("ready.json").exists());
}

/// The lines that the demo prints work as they are printed.
#[test]
fn the_three_things_to_try_work() {
    let folder = tempfile::tempdir().unwrap();
    let (server, welcome) =
        Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Ctrl-C stops the demo");
    let lines: Vec<&str> = welcome.lines().filter_map(|line| line.strip_prefix("     ")).collect();
    let [read, write, take_away] = lines[..] else { panic!("three lines to try: {welcome}") };
    for tool in ["curl", "python3"] {
        if Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_err() {
            let _ = writeln!(std::io::stdout(), "skipped: {tool} is not installed");
            return;
        }
    }
    let shell = |line: &str| run(Command::new("sh").args(["-c", line]).current_dir(folder.path()));

    let (code, letter, error) = shell(read);
    assert_eq!(code, 0, "{error}");
    assert!(letter.contains("Subject: Open on the 24th?"), "{letter}");
    let (code, _, error) = shell(write);
    assert_eq!(code, 0, "{error}");
    let (_, letter, error) = shell(read);
    assert!(letter.contains("Is anybody there?"), "{letter}{error}");
    let (code, _, error) = shell(take_away);
    assert_eq!(code, 0, "{error}");
    let (code, letter, _) = shell(read);
    assert_ne!(code, 0, "the mailbox is gone for her");
    assert!(!letter.contains("Subject"), "{letter}");
    assert_eq!(server.end(), 0);

    // The same demo again, with what was done in it.
    let (server, _) = Server::start(postern(folder.path()).args(["demo", "--loopback", "0"]), "Ctrl-C stops the demo");
    assert_eq!(server.end(), 0);
}

#[test]
fn the_command_describes_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (code, defaults, _) = run(postern(folder.path()).args(["config", "show", "--defaults"]));
    assert_eq!(code, 0);
    assert!(defaults.contains("imaps = [\"0.0.0.0:993\", \"[::]:993\"]"), "{defaults}");
    let (code, version, _) = run(postern(folder.path()).args(["version", "--json"]));
    let version: serde_json::Value = serde_json::from_str(&version).unwrap();
    assert_eq!((code, version["name"].as_str()), (0, Some("postern")));
    let (code, script, _) = run(postern(folder.path()).args(["completions", "bash"]));
    assert!(code == 0 && script.contains("_postern()"), "{script}");
    assert_eq!(run(postern(folder.path()).args(["man", "pages"])).0, 0);
    assert!(folder.path().join("pages/postern-init.1").exists());
}
