//! A full disk: new mail is refused and told why; rights are taken back, people are suspended and mail is
//! expunged all the same; with room again all is as before.
//!
//! The house lies on a small disk of memory, in a namespace of its own (`unshare`), so that nobody needs to
//! be root for it.

use crate::process::{self, PASSWORD, Serving};
use postern_testkit::{ImapClient, LmtpClient};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::net::TcpStream;

/// Runs its arguments where `$0` is a disk of 24 MiB that holds what was there before.
const ON_A_SMALL_DISK: &str = "set -e; cp -a \"$0\" \"$0.kept\"; mount -t tmpfs -o size=24m none \"$0\"; \
                               cp -a \"$0.kept\"/. \"$0\"; exec \"$@\"";

fn can_unshare() -> bool {
    let tried =
        Command::new("unshare").args(["--user", "--map-root-user", "--mount", "true"]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

/// The folder as the server sees it: in its own namespace.
fn inside(server: &Serving, folder: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", server.pid(), folder.display()))
}

/// A command of its operator, over the socket that only its namespace has.
fn cli(folder: &Path, line: &str) -> String {
    let mut command = Command::new(process::binary());
    let done =
        command.arg("--config").arg(folder.join("postern.toml")).args(line.split(' ')).output().expect("it runs");
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

async fn imap(server: &Serving, who: &str) -> ImapClient {
    let stream = TcpStream::connect(server.listener("imap")).await.expect("a connection");
    let mut client = ImapClient::start(stream, who).await;
    client.login(&format!("{who}@example.org"), PASSWORD).await;
    client
}

const LETTER: &[u8] = b"Subject: Hello\r\n\r\nIs anybody there?\r\n";

async fn deliver(server: &Serving) -> String {
    let mut client = LmtpClient::connect(server.listener("lmtp")).await;
    client.deliver("visitor@example.net", &["support@example.org"], LETTER).await.concat()
}

/// Delivers until the answer begins so: what is known of the disk is believed for half a second.
async fn deliver_until(server: &Serving, begins: &str) -> String {
    for _ in 0..5000 {
        let answer = deliver(server).await;
        if answer.starts_with(begins) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no {begins}");
}

/// Takes all the room that there is.
fn fill(file: &Path) {
    let mut filler = std::fs::OpenOptions::new().write(true).create_new(true).open(file).expect("a file");
    for piece in [1 << 16, 1 << 10, 1] {
        while filler.write_all(&vec![b'x'; piece]).is_ok() {}
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..12_000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "a test that skips says so where its reader looks")]
async fn rights_are_taken_back_on_a_full_disk() {
    if !can_unshare() {
        eprintln!("skipped: this machine lets nobody have a mount of their own (unshare --user --mount)");
        return;
    }
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("house");
    process::init(&folder, None).await;
    let shown = folder.to_str().expect("a path");
    let behind = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", ON_A_SMALL_DISK, shown];
    let reserve = [("POSTERN_LIMITS__DISK_RESERVE_BYTES", "4194304".to_owned())];
    let server = Serving::start_with(&folder, &behind, &reserve).await;
    let inside = inside(&server, &folder);
    for who in ["alice", "bob"] {
        person(&inside, who);
    }
    cli(&inside, "shared add support@example.org --member alice@example.org --member bob@example.org");
    assert!(deliver(&server).await.starts_with("250 "));
    let mut bob = imap(&server, "bob").await;
    bob.ok("SELECT Shared/support@example.org/INBOX", "OK").await;
    until("the room that is kept", || inside.join("reserve").exists()).await;

    fill(&inside.join("filler"));
    let refused = deliver_until(&server, "452 ").await;
    assert!(refused.contains("4.3.1") && refused.contains("The server has no room for mail now"), "{refused}");
    let mut alice = imap(&server, "alice").await;
    let refused = alice.append("Shared/support@example.org/INBOX", "", LETTER).await;
    assert!(refused.status.starts_with("NO [UNAVAILABLE] The server has no room for mail now"), "{}", refused.status);
    // More than what the logs of the database had room for already: the kept room is used, and nothing fails.
    let mut turns = 0;
    while inside.join("reserve").exists() {
        cli(&inside, "delegate add support@example.org bob@example.org --role reader");
        cli(&inside, "delegate remove support@example.org bob@example.org");
        turns += 1;
        assert!(turns < 2000, "the disk is not full");
    }
    cli(&inside, "person suspend bob@example.org");
    bob.send(b"a NOOP\r\n").await;
    assert!(bob.closed().await.iter().any(|line| line.starts_with("* BYE")), "a session of somebody suspended");
    alice.ok("SELECT Shared/support@example.org/INBOX", "OK").await;
    alice.ok("STORE 1 +FLAGS.SILENT (\\Deleted)", "OK").await;
    alice.ok("EXPUNGE", "OK").await;

    std::fs::remove_file(inside.join("filler")).expect("the filler goes");
    assert!(deliver_until(&server, "250 ").await.starts_with("250 "));
    until("the room is kept again", || inside.join("reserve").exists()).await;
    assert!(server.terminate().await.success());
}

fn person(inside: &Path, who: &str) {
    let mut command = Command::new(process::binary());
    command.arg("--config").arg(inside.join("postern.toml"));
    command.args(["person", "add", &format!("{who}@example.org"), "--password-stdin"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::null()).spawn().expect("it runs");
    child.stdin.take().expect("piped").write_all(PASSWORD.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}
