//! `postern doctor`, as an administrator runs it: a house that is well, and then one thing after the other
//! broken in it.

use crate::process::{self, Serving, binary};
use postern_server::certificates;
use postern_store::{Clock, Disk, RealDisk, SystemClock};
use postern_testkit::{Engine, FakeDns, TestDatabase};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A house, and the variables that its server and its doctor are started with.
struct Patient {
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

impl Patient {
    /// With one listener at a port of its own: addresses of loopback are many, and this process is one.
    async fn new(folder: PathBuf, database: Option<&str>) -> Self {
        process::init(&folder, database).await;
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        let imaps = format!("127.{}.{middle}.{low}:10993", 100 + (high & 31));
        Self { folder, environment: vec![("POSTERN_LISTEN__IMAPS", imaps)] }
    }

    async fn serve(&self) -> Serving {
        Serving::start_with(&self.folder, &[], &self.environment).await
    }

    /// Runs it. How full the disk of this machine is says nothing of the house.
    fn doctor(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(binary());
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.arg("--config").arg(&self.folder).arg("doctor").args(arguments);
        command.output().expect("the command runs")
    }

    /// The checks, and the exit code.
    fn examined(&self, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.doctor(&[&["--json", "--skip", "disk", "--no-network"], arguments].concat());
        (checks(&output), output.status.code())
    }

    /// What is found of this name that is not as it should be, first the worst; with the exit code.
    fn amiss(&self, id: &str) -> (String, String, String) {
        let (checks, code) = self.examined(&[]);
        let is_it = |check: &&Value| check["id"] == id && check["status"] != "ok";
        let check = checks.iter().find(is_it).unwrap_or_else(|| panic!("{id} in {checks:#?}"));
        let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(code, Some(if text("status") == "fail" { 1 } else { 0 }), "{checks:#?}");
        (text("status"), format!("{}: {}", text("what"), text("text")), text("next"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn renew(&self, days_ago: i64) {
        let at = SystemClock.wall().plus_ms(-days_ago * 24 * 3600 * 1000);
        let made = certificates::make("mail.example.org", at).expect("a certificate");
        put(&self.file("tls/ca.pem"), made.authority.as_bytes(), 0o644);
        put(&self.file("tls/cert.pem"), made.server.as_bytes(), 0o644);
        put(&self.file("tls/key.pem"), made.server_key.expose(), 0o600);
    }
}

fn checks(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {output:?}"));
    report["checks"].as_array().expect("a list").clone()
}

fn put(path: &Path, bytes: &[u8], mode: u32) {
    RealDisk.replace_file_durably(path, bytes, mode).expect("a file");
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
}

/// Names and lengths of all files: what somebody wrote would show.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(Result::unwrap) {
        let about = entry.metadata().expect("a file");
        if about.is_dir() {
            found.extend(files(&entry.path()));
        }
        found.push((entry.path(), about.len()));
    }
    found.sort();
    found
}

async fn examined_well_and_broken(engine: Engine) {
    let scratch = tempfile::tempdir().expect("a folder");
    let Some(database) = TestDatabase::create(engine, scratch.path()).await else { return };
    let text = (engine == Engine::Postgres).then_some(database.text.as_str());
    let house = Patient::new(scratch.path().join("house"), text).await;

    // Before its first start: nothing fails, nothing is written, and that no server runs is told.
    let before = files(&house.folder);
    let (status, text, next) = house.amiss("house.server");
    assert_eq!((status.as_str(), text.as_str()), ("warn", "server: none runs"));
    assert!(next.contains("postern serve --config"), "{next}");
    assert_eq!(files(&house.folder), before, "it looks and leaves nothing");
    assert_eq!(house.examined(&["--strict"]).1, Some(1), "a warning counts then");

    let server = house.serve().await;
    let (checks, code) = house.examined(&["--strict"]);
    assert_eq!(code, Some(0), "{checks:#?}");
    let pid = server.pid();
    let text_of = |id: &str| {
        let check = checks.iter().find(|check| check["id"] == id && check["status"] == "ok");
        check.unwrap_or_else(|| panic!("{id} in {checks:#?}"))["text"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(text_of("house.server"), format!("process {pid} runs, and its database answers"));
    assert_eq!(text_of("listeners.address"), format!("the server listens (process {pid})"));
    assert_eq!(text_of("tls.served"), "it shows this certificate");

    // A certificate that was renewed and not taken up; then one that has ended.
    house.renew(1);
    let (status, text, next) = house.amiss("tls.served");
    assert!(status == "warn" && text.contains("it shows another one than the file has"), "{text}");
    assert!(next.ends_with(&format!("kill -HUP {pid}; its log says if the new one can not be used")), "{next}");
    house.renew(830);
    let (status, text, _) = house.amiss("tls.days");
    assert!(status == "fail" && text.contains("mail programs refuse to connect"), "{text}");
    house.renew(810);
    let (status, text, _) = house.amiss("tls.days");
    assert!(status == "warn" && text.contains("in 9 days"), "{text}");
    house.renew(0);

    // A key that others may read, and a file that another user left.
    let key = house.file("keys/blob.key");
    mode(&key, 0o644);
    let (status, text, next) = house.amiss("files.keys");
    assert!(status == "fail" && text.contains("every user of this machine may read it"), "{text}");
    assert_eq!(next, format!("chmod 0600 {}", key.display()));
    mode(&key, 0o600);

    // What the server was not told of.
    let configured = house.environment[0].1.clone();
    let elsewhere = Patient {
        folder: house.folder.clone(),
        environment: vec![("POSTERN_LISTEN__IMAPS", configured.replace(":10993", ":10994"))],
    };
    let (checks, code) = elsewhere.examined(&[]);
    let is_stale = |check: &Value| check["text"].as_str().is_some_and(|text| text.contains("changed after it started"));
    assert!(code == Some(1) && checks.iter().any(is_stale), "{checks:#?}");
    assert!(server.terminate().await.success());

    // A stranger at the port.
    let stranger = std::net::TcpListener::bind(&configured).expect("the port is free again");
    let (checks, code) = house.examined(&[]);
    let taken = checks.iter().find(|check| check["id"] == "listeners.address" && check["status"] == "fail");
    let taken = taken.unwrap_or_else(|| panic!("{checks:#?}"));
    let (text, next) = (taken["text"].as_str().unwrap_or_default(), taken["next"].as_str().unwrap_or_default());
    let us = std::process::id();
    assert!(code == Some(1) && text.starts_with(&format!("it is taken by process {us} (")), "{text}");
    assert!(
        next.starts_with(&format!("stop that one (kill {us}), or give [listen] imaps another address in ")),
        "{next}"
    );
    drop(stranger);

    // A key that is lost, and a configuration that can not be used.
    std::fs::remove_file(&key).expect("the key");
    let (status, text, _) = house.amiss("house.folder");
    assert!(status == "fail" && text.contains("keys/blob.key is not there"), "{text}");
    put(&house.file("postern.toml"), b"hostname = \"mail.example.org\"\nhostnmae = 1\n", 0o600);
    let output = house.doctor(&[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("House\n  FAIL  configuration ") && text.contains("line 2"), "{text}");
    assert!(text.ends_with("\n1 failure, 0 ok.\n") && !text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_house_is_examined_well_and_broken_sqlite() {
    examined_well_and_broken(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_house_is_examined_well_and_broken_postgres() {
    examined_well_and_broken(Engine::Postgres).await;
}

/// Records as they should be, and as they are not; a server that does not answer is nobody's fault.
#[tokio::test(flavor = "multi_thread")]
async fn records_are_asked_for() {
    let scratch = tempfile::tempdir().expect("a folder");
    let mut house = Patient::new(scratch.path().join("house"), None).await;
    house.environment.push(("POSTERN_HOSTNAME", "mail.garden-house.net".to_owned()));
    let told = |dns: &FakeDns, house: &Patient, domain: &str| {
        let at = dns.address().to_string();
        let output = house.doctor(&["--json", "--only", "dns", "--resolver", &at, "--domain", domain]);
        let line = |check: &Value| format!("{} {}", check["id"].as_str().unwrap_or_default(), check["status"]);
        let lines: Vec<String> = checks(&output).iter().map(line).collect();
        (lines.join(", ").replace('"', ""), output.status.code())
    };

    let dns = FakeDns::start(vec![
        ("mail.garden-house.net", "A", "198.51.100.7"),
        ("mail.garden-house.net", "AAAA", "2001:db8::7"),
        ("7.100.51.198.in-addr.arpa", "PTR", "mail.garden-house.net"),
        ("garden-house.net", "MX", "10 mail.garden-house.net"),
        ("garden-house.net", "TXT", "some other text"),
        ("garden-house.net", "TXT", "v=spf1 mx -all"),
        ("_dmarc.garden-house.net", "TXT", "v=DMARC1; p=none; rua=mailto:postmaster@garden-house.net"),
        ("_imaps._tcp.garden-house.net", "SRV", "0 1 993 mail.garden-house.net"),
        ("autoconfig.garden-house.net", "A", "198.51.100.7"),
        ("autoconfig.garden-house.net", "AAAA", "2001:db8::7"),
        ("elsewhere.net", "MX", "10 mx.elsewhere.net"),
        ("elsewhere.net", "TXT", "v=spf1 ip4:203.0.113.0/24 -all"),
    ])
    .await
    .expect("a server of DNS");
    let (lines, code) = told(&dns, &house, "garden-house.net");
    let expected =
        "dns.address ok, dns.pointer ok, dns.pointer note, dns.mx ok, dns.spf ok, dns.dmarc ok, dns.record ok";
    // What else helps mail programs to set themselves up is worth knowing, and no more.
    let others = lines.strip_prefix(expected);
    let noted = ", dns.record note".repeat(5);
    let wanted = format!("{noted}, dns.record ok, dns.record note");
    assert_eq!((others, code), (Some(wanted.as_str()), Some(0)), "an alias may be an address: {lines}");
    let (lines, code) = told(&dns, &house, "elsewhere.net");
    assert!(lines.contains("dns.mx warn, dns.spf ok, dns.dmarc note, dns.record note"), "{lines}");
    assert_eq!(code, Some(0));
    let (lines, code) = told(&dns, &house, "nowhere.net");
    assert!(lines.contains("dns.mx fail, dns.spf warn, dns.dmarc note"), "{lines}");
    assert_eq!(code, Some(1));
    let (lines, _) = told(&dns, &house, "example.org");
    assert_eq!(lines, "dns.reserved note, dns.address ok, dns.pointer ok, dns.pointer note");

    // Nobody there: told once, and no failure.
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let at = gone.local_addr().expect("an address").to_string();
    drop(gone);
    let output = house.doctor(&["--json", "--only", "dns", "--resolver", &at, "--domain", "garden-house.net"]);
    let checks = checks(&output);
    assert_eq!((checks.len(), output.status.code()), (1, Some(0)), "{checks:#?}");
    assert_eq!((checks[0]["id"].as_str(), checks[0]["status"].as_str()), (Some("dns.address"), Some("note")));
}

#[tokio::test]
async fn what_can_not_be_meant_is_refused() {
    let scratch = tempfile::tempdir().expect("a folder");
    let house = Patient::new(scratch.path().join("house"), None).await;
    for line in [
        &["--only", "tls", "--domain", "example.net"][..],
        &["--no-network", "--outbound", "example.net"],
        &["--only", "tls", "--skip", "dns"],
        &["--only", "everything"],
        &["--offline"],
        &["--resolver", "dns.example.net"],
    ] {
        let output = house.doctor(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}: {output:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{line:?}");
    }
}
