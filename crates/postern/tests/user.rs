//! A house of another user: root makes it and starts its server, and neither runs on as root.
//!
//! Only root can try. Where somebody else runs the tests, it is said that this was not tried.

#![expect(clippy::print_stderr, reason = "what could not be tried is said")]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");
/// Every Debian has this one, and nothing belongs to them.
const NAME: &str = "nobody";

fn nobody() -> Option<u32> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users.lines().find(|line| line.split(':').next() == Some(NAME))?;
    line.split(':').nth(2)?.parse().ok().filter(|_| rustix::process::geteuid().is_root())
}

fn owners(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let about = entry.path().symlink_metadata().unwrap();
        found.push((entry.path().display().to_string(), about.uid()));
        if about.is_dir() {
            owners(&entry.path(), found);
        }
    }
}

/// What the kernel says of each thread, by the name of the line.
fn said_of_threads(pid: u32, line: &str) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let said = |task: std::fs::DirEntry| {
        let status = std::fs::read_to_string(task.path().join("status")).unwrap();
        let found = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
        found.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    tasks.map(|task| said(task.unwrap())).collect()
}

#[test]
fn root_makes_and_starts_a_house_of_somebody_else() {
    let Some(uid) = nobody() else {
        eprintln!("not tried: the tests do not run as root, or there is no user {NAME}");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let house = folder.path().join("house");
    let command = || {
        let mut command = Command::new(POSTERN);
        command.env_remove("POSTERN_CONFIG").env_remove("POSTERN_DATABASE__URL").current_dir("/");
        command
    };
    let line = "--domain example.org --hostname mail.example.org --admin admin@example.org --loopback 0";
    let made = command().args(["init", "--user", NAME, "--data"]).arg(&house).args(line.split(' ')).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

    // Nobody says as whom: the folder does.
    let mut server =
        command().args(["serve", "--config"]).arg(house.join("postern.toml")).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("server.ready") {
        assert!(log.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    assert!(text.contains("server.user") && text.contains(NAME), "{text}");
    let users = said_of_threads(server.id(), "Uid:");
    assert!(users.len() > 2, "{} threads", users.len());
    assert!(
        users
            .iter()
            .all(|user| *user == [uid.to_string(), uid.to_string(), uid.to_string(), uid.to_string()].join(" ")),
        "{users:?}"
    );
    // CAP_NET_BIND_SERVICE is the tenth, and no other is left; a container's root may not have had it.
    for line in ["CapEff:", "CapPrm:"] {
        let kept = said_of_threads(server.id(), line);
        assert!(
            kept.iter().all(|bits| ["0000000000000400", "0000000000000000"].contains(&bits.as_str())),
            "{line} {kept:?}"
        );
    }
    assert!(said_of_threads(server.id(), "NoNewPrivs:").iter().all(|set| set == "1"));
    assert!(said_of_threads(server.id(), "Groups:").iter().all(|groups| !groups.split(' ').any(|group| group == "0")));

    kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
    log.read_to_string(&mut text).unwrap();
    assert!(server.wait().unwrap().success(), "{text}");
    let mut found = vec![(house.display().to_string(), std::fs::metadata(&house).unwrap().uid())];
    owners(&house, &mut found);
    assert!(found.len() > 8, "{found:?}");
    assert!(found.iter().all(|(_, owner)| *owner == uid), "{found:?}");
}
