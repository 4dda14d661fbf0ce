//! Other people's mail clients use the house, each with a configuration of ours.
//!
//! A program that is missing is an error where `CI` or `POSTERN_TEST_FOREIGN=required` is
//! set, and a notice elsewhere. Nothing is tried again: a client that needs two attempts has
//! found something.

use postern_testkit::{House, PASSWORD, scenario};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a foreign program may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a program printed, and how it ended.
pub struct Printed {
    program: String,
    /// Its exit status; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub output: Vec<u8>,
    /// Its standard error.
    pub errors: String,
}

impl Printed {
    /// Its output as text; it must have ended well.
    pub fn must_succeed(&self) -> String {
        let output = String::from_utf8_lossy(&self.output).into_owned();
        assert_eq!(self.code, Some(0), "{} failed\n{output}\n{}", self.program, self.errors);
        output
    }
}

/// Tests say what they skip; where nothing may be skipped they fail.
#[expect(clippy::print_stderr, reason = "a test that skips says so where its reader looks")]
pub fn missing(what: &str) {
    let truthy = |name| std::env::var(name).is_ok_and(|value| !value.is_empty() && value != "false" && value != "0");
    let required = truthy("CI") || std::env::var("POSTERN_TEST_FOREIGN").as_deref() == Ok("required");
    assert!(!required, "{what} is missing; `cargo xtask prepare` installs it");
    eprintln!("skipped: {what} is missing; `cargo xtask prepare` installs it");
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// A program on the path, or a notice.
pub fn program(name: &str) -> Option<PathBuf> {
    let found = on_path(name);
    if found.is_none() {
        missing(name);
    }
    found
}

/// The interpreter that has the packages of `cargo xtask prepare`, or a notice.
pub fn python_with_packages() -> Option<PathBuf> {
    let found = std::env::var_os("POSTERN_TEST_PYTHON").map(PathBuf::from).filter(|python| python.is_file());
    if found.is_none() {
        missing("a Python with the packages of the tests (POSTERN_TEST_PYTHON)");
    }
    found
}

/// Any Python, or a notice.
pub fn python() -> Option<PathBuf> {
    std::env::var_os("POSTERN_TEST_PYTHON").map(PathBuf::from).or_else(|| program("python3"))
}

/// The path of a script of ours.
pub fn script(name: &str) -> String {
    format!("{}/tests/all/python/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a program to its end, with a home folder of its own. Its standard input stays open:
/// some programs take its end for a wish to leave.
pub async fn run(house: &House, program: impl AsRef<OsStr>, arguments: &[&str]) -> Printed {
    run_at(house.scratch(), program, arguments).await
}

/// The same with this folder for a home.
pub async fn run_at(home: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Printed {
    run_for(PATIENCE, home, program, arguments).await
}

/// The same for what takes longer.
pub async fn run_for(patience: Duration, home: &Path, program: impl AsRef<OsStr>, arguments: &[&str]) -> Printed {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).kill_on_drop(true);
    command.env("HOME", home).env("TERM", "xterm").env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = format!("{} {}", program.as_ref().display(), arguments.join(" "));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let input = child.stdin.take();
    let ended = tokio::time::timeout(patience, child.wait_with_output()).await;
    drop(input);
    let output = ended.unwrap_or_else(|_| panic!("{name} hangs")).expect("its output can be read");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    Printed { program: name, code: output.status.code(), output: output.stdout, errors }
}

#[expect(clippy::disallowed_methods, reason = "a file for another program, gone with the test")]
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a file in the test's own folder");
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have names in UTF-8").to_owned()
}

const LETTER: &str = "From: Customer <customer@example.net>\r\nTo: support@example.org\r\nSubject: It does not start\r\n\
    Message-ID: <1@example.net>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\n\r\nSince this morning.\r\n.\r\n";
const LUNCH: &str = "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: Lunch\r\n\r\nAt noon?\r\n";

/// Alice works in support@ and has mail of her own; Bob reads support@.
async fn desk(house: &House) {
    house.person("alice@example.org").await;
    house.person("bob@example.org").await;
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxte").await;
    house.grant("support@example.org", "bob@example.org", "lr").await;
    house.deliver("support@example.org", LETTER).await;
    house.deliver("alice@example.org", LUNCH).await;
}

fn authority(house: &House) -> String {
    text(&house.data_dir().join("tls/ca.pem"))
}

/// The first message of a mailbox, by our own client.
async fn first(house: &House, mailbox: &str) -> Vec<u8> {
    let mut alice = house.imap_as("alice@example.org").await;
    alice.ok(&format!("EXAMINE {mailbox}"), "").await;
    alice.ok("FETCH 1 BODY.PEEK[]", "").await.literal().expect("a message")
}

/// Every file below `folder` that lies in a `cur` or `new` of a Maildir.
pub fn maildir_messages(folder: &Path) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return messages };
    for entry in entries.flatten() {
        let path = entry.path();
        let in_box = folder.file_name().is_some_and(|name| name == "cur" || name == "new");
        if path.is_dir() {
            messages.extend(maildir_messages(&path));
        } else if in_box {
            messages.push(std::fs::read(&path).expect("a message"));
        }
    }
    messages
}

/// A Maildir has the line ends of its system.
pub fn with_lf(message: &[u8]) -> Vec<u8> {
    let text = message.to_vec();
    text.iter()
        .enumerate()
        .filter(|(at, byte)| !(**byte == b'\r' && text.get(at + 1) == Some(&b'\n')))
        .map(|(_, byte)| *byte)
        .collect()
}

scenario! {
    /// curl: list, read by number and by UID, and a wrong password.
    async fn foreign_curl_reads_over_tls(house: House) {
        let Some(curl) = program("curl") else { return };
        desk(&house).await;
        let (port, authority) = (house.listener("imaps").port(), authority(&house));
        let alice = format!("alice@example.org:{PASSWORD}");
        let base = ["--silent", "--show-error", "--max-time", "60", "--cacert", &authority, "--user"];
        let get = async |user: &str, path: &str| {
            let url = format!("imaps://127.0.0.1:{port}/{path}");
            run(&house, &curl, &[&base[..], &[user, &url]].concat()).await
        };
        let listed = get(&alice, "").await.must_succeed();
        assert!(listed.contains("Shared/support@example.org/INBOX") && listed.contains("Archive"), "{listed}");
        let letter = get(&alice, "Shared%2Fsupport%40example.org%2FINBOX;UID=1").await;
        letter.must_succeed();
        assert_eq!(letter.output, first(&house, "Shared/support@example.org/INBOX").await);
        let lunch = get(&alice, "INBOX;MAILINDEX=1;SECTION=TEXT").await;
        assert!(lunch.must_succeed().starts_with("At noon?"));
        let refused = get("alice@example.org:wrong", "INBOX;UID=1").await;
        assert_eq!(refused.code, Some(67), "curl calls it a refused sign-in: {}", refused.errors);
        let distrusted = run(&house, &curl, &["--silent", "--user", &alice, &format!("imaps://127.0.0.1:{port}/")]).await;
        assert_eq!(distrusted.code, Some(60), "an authority nobody was told of is not trusted");
    }

    /// Python's imaplib: TLS, LOGIN, LIST, SELECT, FETCH, a refused STORE, APPEND, SEARCH.
    async fn foreign_python_imaplib_works(house: House) {
        let Some(python) = python() else { return };
        desk(&house).await;
        let port = house.listener("imaps").port().to_string();
        let (script, authority) = (script("stdlib.py"), authority(&house));
        let printed = run(&house, &python, &[&script, &port, &authority, PASSWORD]).await.must_succeed();
        assert!(printed.ends_with("all of it\n"), "{printed}");
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("STATUS Archive (MESSAGES)", "MESSAGES 1").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        alice.ok("FETCH 1 FLAGS", "\\Flagged").await;
    }

    /// neomutt under a terminal: opens a shared mailbox, copies what is in it to a file,
    /// marks it and leaves.
    async fn foreign_neomutt_opens_a_shared_mailbox(house: House) {
        let (Some(neomutt), Some(terminal)) = (program("neomutt"), program("script")) else { return };
        desk(&house).await;
        let (saved, rc) = (house.scratch().join("saved"), house.scratch().join("neomuttrc"));
        let port = house.listener("imaps").port();
        write(&rc, &format!(
            "set folder = '{}'\nset imap_user = 'alice@example.org'\nset imap_pass = '{PASSWORD}'\nset imap_keepalive = 300\n\
             set ssl_ca_certificates_file = '{}'\nset ssl_force_tls = yes\n\
             set certificate_file = '{}'\nset mbox_type = mbox\nset copy = no\nset move = no\nset quit = yes\n\
             set confirm_append = no\nset confirm_create = no\nset sleep_time = 0\nset header_cache = ''\n\
             set save_empty = yes\nset delete = no\nset wait_key = no\nset send_charset = 'utf-8'\n",
            text(house.scratch()), authority(&house), text(&house.scratch().join("accepted"))
        ));
        let mailbox = format!("imaps://localhost:{port}/Shared/support@example.org/INBOX");
        let keys = format!("push '<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{}<enter><tag-pattern>~A<enter><tag-prefix><flag-message><sync-mailbox><quit>'", text(&saved));
        let line = format!("'{}' -n -F '{}' -f '{mailbox}' -e \"{keys}\"", neomutt.display(), text(&rc));
        let printed = run(&house, &terminal, &["--quiet", "--return", "--command", &line, "/dev/null"]).await;
        let screen = printed.must_succeed();
        let copy = std::fs::read_to_string(&saved).unwrap_or_else(|error| panic!("{error}: {screen}"));
        assert!(copy.contains("Subject: It does not start") && copy.contains("Since this morning."), "{copy}");
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        alice.ok("FETCH 1 FLAGS", "\\Flagged").await;
    }

    /// mbsync pulls one's own INBOX and a shared one; the second run pulls nothing, the
    /// third what is new.
    async fn foreign_mbsync_pulls_once(house: House) {
        let Some(mbsync) = program("mbsync") else { return };
        desk(&house).await;
        let (folder, rc) = (house.scratch().join("mail"), house.scratch().join("mbsyncrc"));
        std::fs::create_dir(&folder).expect("a folder");
        write(&rc, &format!(
            "IMAPAccount postern\nHost localhost\nPort {}\nUser alice@example.org\nPass \"{PASSWORD}\"\n\
             SSLType IMAPS\nSystemCertificates no\nCertificateFile {}\nAuthMechs LOGIN\n\n\
             IMAPStore far\nAccount postern\n\nMaildirStore near\nPath {folder}/\nInbox {folder}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns INBOX \"Shared/support@example.org/INBOX\"\nSync Pull\nCreate Near\nSyncState *\n",
            house.listener("imaps").port(), authority(&house), folder = text(&folder)
        ));
        let rc = text(&rc);
        let pull = async || run(&house, &mbsync, &["--config", &rc, "all"]).await.must_succeed();
        pull().await;
        let mut expected = vec![
            with_lf(&first(&house, "INBOX").await),
            with_lf(&first(&house, "Shared/support@example.org/INBOX").await),
        ];
        let pulled = || {
            let mut messages: Vec<Vec<u8>> = maildir_messages(&folder).iter().map(|message| without_sync_header(message)).collect();
            messages.sort();
            messages
        };
        expected.sort();
        assert_eq!(pulled(), expected);
        pull().await;
        assert_eq!(pulled(), expected, "the second run pulls nothing");
        house.deliver("support@example.org", "Subject: another\r\n\r\nMore.\r\n").await;
        pull().await;
        assert_eq!(pulled().len(), 3, "the third run pulls what is new");
    }
}

/// mbsync marks what it has not finished with a header field of its own.
pub fn without_sync_header(message: &[u8]) -> Vec<u8> {
    let lines = message.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| !line.starts_with(b"X-TUID: ")).flatten().copied().collect()
}
