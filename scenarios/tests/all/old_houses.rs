//! Houses that earlier versions left: each opens, and what was in it is there.

use crate::process::Serving;
use postern_testkit::ImapClient;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::net::TcpStream;

/// Whose mail is looked at, in which mailbox, and how many messages are there at least.
const FOUND: [(&str, &str, usize); 6] = [
    ("alice", "INBOX", 2),
    ("alice", "Shared/support@example.org/INBOX", 7),
    ("alice", "Shared/support@example.org/Archive", 2),
    ("carol", "Shared/billing@example.org/Archive/2026", 1),
    ("carol", "Shared/events@example.com/Sent", 2),
    ("dave", "Shared/hr@example.org/Applications", 1),
];

fn kept() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("old");
    let entries = std::fs::read_dir(folder).expect("the folder of old houses").map(|entry| entry.expect("an entry"));
    let mut houses: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "gz")).collect();
    houses.sort();
    assert!(!houses.is_empty());
    houses
}

async fn opens(packed: &Path) {
    let scratch = tempfile::tempdir().expect("a folder");
    let unpacked = Command::new("tar").arg("-xzf").arg(packed).arg("-C").arg(scratch.path()).status();
    assert!(unpacked.expect("tar runs").success(), "{}", packed.display());
    let folder = scratch.path().join("house");
    let server = Serving::start(&folder, &[]).await;
    for (who, mailbox, least) in FOUND {
        let stream = TcpStream::connect(server.listener("imap")).await.expect("a connection");
        let mut reader = ImapClient::start(stream, who).await;
        reader.login(&format!("{who}@example.org"), &format!("{who}-demo-password")).await;
        reader.command(&format!("EXAMINE \"{mailbox}\"")).await;
        let fetched = reader.ok("FETCH 1:* (FLAGS BODY.PEEK[])", "OK").await;
        let whole = |line: &String| line.contains("BODY[] {") && line.contains("\r\nSubject: ");
        let messages = fetched.lines().iter().filter(|line| whole(line)).count();
        assert!(messages >= least, "{}: {messages} messages in {mailbox} for {who}", packed.display());
    }
    for (line, texts) in [
        ("credential list", &["support@example.org/nightly", "hr@example.org/move-in"][..]),
        ("delegate list events@example.com", &["frank@example.com", "lrswipte (editor)"][..]),
        ("audit list --account support@example.org --limit 500", &["made the shared mailbox support@example.org"][..]),
    ] {
        let told = server.cli(&line.split(' ').collect::<Vec<_>>(), "").await;
        assert!(texts.iter().all(|text| told.contains(text)), "{}: {told}", packed.display());
    }
    assert!(server.terminate().await.success());
    // It is a house of this version now, and opens as that.
    let again = Serving::start(&folder, &[]).await;
    assert!(again.terminate().await.success());
}

#[tokio::test]
async fn every_old_house_opens() {
    for packed in kept() {
        opens(&packed).await;
    }
}
