//! `make install` and `make deb` put every file where it is looked for, and the package asks for
//! what the program needs.

#![expect(clippy::print_stderr, reason = "what could not be tried is said")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const POSTERN: &str = env!("CARGO_BIN_EXE_postern");

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").canonicalize().unwrap()
}

fn run(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What is installed, below the prefix.
const INSTALLED: [&str; 10] = [
    "bin/postern",
    "lib/systemd/system/postern.service",
    "lib/sysusers.d/postern.conf",
    "share/bash-completion/completions/postern",
    "share/fish/vendor_completions.d/postern.fish",
    "share/grafana/postern.json",
    "share/man/man1/postern.1",
    "share/man/man1/postern-credential-issue.1",
    "share/prometheus/alerts.yml",
    "share/zsh/site-functions/_postern",
];

fn place(name: &str) -> String {
    // Ours beside the program's own folders.
    name.replace("share/grafana", "share/postern/grafana").replace("share/prometheus", "share/postern/prometheus")
}

#[test]
fn what_is_installed_is_found_and_starts() {
    let root = tempfile::tempdir().unwrap();
    run(Command::new("sh")
        .arg(deploy().join("install.sh"))
        .arg(POSTERN)
        .env("PREFIX", "/opt/p")
        .env("DESTDIR", root.path()));
    let prefix = root.path().join("opt/p");
    for name in INSTALLED.map(place) {
        let about = std::fs::metadata(prefix.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mode = if name == "bin/postern" { 0o755 } else { 0o644 };
        assert_eq!(about.permissions().mode() & 0o777, mode, "{name}");
        assert!(about.len() > 0, "{name}");
    }
    let version = run(Command::new(prefix.join("bin/postern")).arg("version"));
    assert_eq!(version, format!("postern {}\n", env!("CARGO_PKG_VERSION")));
    let unit = std::fs::read_to_string(prefix.join("lib/systemd/system/postern.service")).unwrap();
    assert!(unit.contains("\nExecStart=/opt/p/bin/postern serve "), "{unit}");
}

/// Where dpkg-deb is not, no package can be made; CI runs on Debian.
#[test]
fn the_package_holds_it_and_says_what_it_needs() {
    let Ok(Output { .. }) = Command::new("dpkg-deb").arg("--version").output() else {
        eprintln!("not tried: dpkg-deb is not here");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = run(Command::new("sh")
        .arg(deploy().join("deb.sh"))
        .args([POSTERN.as_ref(), folder.path()])
        .env("DEB_COMPRESSION", "none"));
    let package = made.trim();
    let field = |name: &str| run(Command::new("dpkg-deb").args(["--field", package, name])).trim().to_owned();
    assert_eq!((field("Package"), field("Version")), ("postern".into(), format!("{}-1", env!("CARGO_PKG_VERSION"))));
    assert!(field("Depends").contains("libc6 (>= 2."), "{}", field("Depends"));
    assert!(field("Conffiles").is_empty());
    let list = run(Command::new("dpkg-deb").args(["--contents", package]));
    for name in INSTALLED.map(place) {
        let name = name.replace("site-functions", "vendor-completions");
        let end = if name.ends_with(".1") { ".gz" } else { "" };
        assert!(list.lines().any(|line| line.ends_with(&format!("./usr/{name}{end}"))), "{name} is not in {list}");
    }
    assert!(list.lines().all(|line| line.contains(" root/root ")), "{list}");
    assert!(!list.contains("./var/") && !list.contains("./etc/"), "{list}");
}
