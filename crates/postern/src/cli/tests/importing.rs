//! `postern import` as people type it: what is understood, what is said, and what is left out.

use super::{Scene, run, usage};
use std::path::{Path, PathBuf};

#[expect(clippy::disallowed_methods, reason = "files of tests, no mail depends on them")]
fn put(folder: &Path, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    path
}

const MBOX: &[u8] = b"From a Wed May  1 08:00:00 2024\nSubject: one\n\nFirst.\n\nFrom b Wed May  1 09:00:00 2024\nSubject: two\n\nSecond.\n";

async fn with_support() -> Scene {
    let scene = Scene::new().await;
    scene.text("shared add support@example.org --offline").await;
    scene
}

#[tokio::test]
async fn messages_are_counted_imported_and_passed_over() {
    let scene = with_support().await;
    let _serving = scene.serve();
    let old = put(scene.folder.path(), "old.mbox", MBOX);
    let line = format!("import support@example.org {}", old.display());
    assert_eq!(
        scene.text(&format!("{line} --dry-run")).await,
        "Would import 2 messages (49 B) into support@example.org, unless they are there:\n  2 messages into INBOX\n\
         Next: run it without --dry-run\n"
    );
    assert_eq!(
        scene.text(&line).await,
        "Imported 2 messages into support@example.org.\n\
         Next: the trail tells of it: postern audit list --account support@example.org\n"
    );
    let again = scene.run(&format!("{line} --mailbox inbox --seen")).await.unwrap();
    assert_eq!(
        again.text,
        "Imported 0 messages into support@example.org.\n2 messages were there already: they were passed over.\n"
    );
    assert_eq!((again.is_partial, again.document["known"].as_u64()), (false, Some(2)));
    let listed = scene.text("audit list --account support@example.org").await;
    assert!(
        listed.contains("operator(0) imported 2 messages into INBOX of support@example.org, uid 1:2 ("),
        "{listed}"
    );
}

/// What can not be taken is named, the rest is imported, and the exit code says that it was not all.
#[tokio::test]
async fn what_is_left_out_is_named_and_the_rest_goes_on() {
    let scene = with_support().await;
    let folder = scene.folder.path().join("mail");
    put(&folder, "a.eml", b"Subject: a\n\nA.\n");
    put(&folder, "b.eml", b"");
    put(&folder, "c.txt", b"no message");
    std::os::unix::fs::symlink("nowhere", folder.join("d.eml")).unwrap();
    let told = scene.run(&format!("import support@example.org {} --offline", folder.display())).await.unwrap();
    let left: Vec<(&str, &str)> = told.document["left"]
        .as_array()
        .unwrap()
        .iter()
        .map(|left| (left["what"].as_str().unwrap().rsplit('/').next().unwrap(), left["because"].as_str().unwrap()))
        .collect();
    assert_eq!(
        left,
        [
            ("b.eml", "it is empty"),
            ("d.eml", "it can not be read: No such file or directory (os error 2)"),
            ("mail", "1 name in it does not end in .eml")
        ]
    );
    assert!(
        told.is_partial && told.text.contains("Imported 1 message into support@example.org.\n2 messages were left out"),
        "{}",
        told.text
    );
}

/// A Maildir with folders: what other servers call Sent is ours, and a name that can not be is told once.
#[tokio::test]
async fn a_maildir_brings_its_folders() {
    let scene = with_support().await;
    let root = scene.folder.path().join("Maildir");
    for (number, place) in ["cur", ".Sent\u{20}Items/cur", ".Archive.2024/new", ".5%/cur"].into_iter().enumerate() {
        put(&root, &format!("{place}/{number}.host:2,S"), format!("Subject: {number}\n\nText.\n").as_bytes());
    }
    let told = scene.run(&format!("import support@example.org {} --offline", root.display())).await.unwrap();
    let mailboxes = |document: &serde_json::Value| -> Vec<(String, bool)> {
        let all = document["mailboxes"].as_array().unwrap();
        all.iter().map(|one| (one["mailbox"].as_str().unwrap().to_owned(), one["made"] == true)).collect()
    };
    let named = |name: &str, made| (name.to_owned(), made);
    assert_eq!(
        mailboxes(&told.document),
        [named("INBOX", false), named("Archive/2024", true), named("Sent", false)],
        "{}",
        told.document
    );
    let left = &told.document["left"][0];
    assert!(told.is_partial && left["because"].as_str().unwrap().starts_with("\"5%\": "), "{left}");
    let told =
        scene.run(&format!("import support@example.org {} --offline --mailbox Old", root.display())).await.unwrap();
    assert_eq!(
        mailboxes(&told.document),
        [named("Old", true), named("Old/Archive/2024", true), named("Old/Sent", true)]
    );
}

#[tokio::test]
async fn what_can_not_be_meant_is_refused_before_anything_is_done() {
    let scene = with_support().await;
    let _serving = scene.serve();
    let text = put(scene.folder.path(), "notes", b"A letter without a header.\n");
    for (line, code, says) in [
        ("import support old.mbox".to_owned(), 2, "an address looks like"),
        (format!("import support@example.org {}", text.display()), 1, "is no mbox and no message"),
        ("import support@example.org /nowhere/at/all".to_owned(), 1, "No such file"),
        (
            format!("import nobody@example.org {} --format mbox", text.display()),
            1,
            "There is no account nobody@example.org",
        ),
    ] {
        let (failure, exit) = scene.failure(&line).await;
        assert!(exit == code && failure.contains(says) && failure.contains("\nNext step: "), "{line}: {failure}");
    }
    // Said to be an mbox, it is read as one, and is none.
    let told = scene.run(&format!("import support@example.org {} --format mbox", text.display())).await.unwrap();
    assert!(
        told.is_partial && told.document["left"][0]["because"].as_str().unwrap().contains("no mbox"),
        "{}",
        told.text
    );
    usage("import support@example.org");
    let failure = run("import imap --from imaps://mail.example.net").await.unwrap_err();
    assert_eq!(failure.reason(), "`postern import imap` is not built yet");
}

/// Hundreds of messages go in several requests, and one larger than a request goes alone.
#[tokio::test]
async fn many_messages_go_in_several_requests() {
    let scene = with_support().await;
    let mut mbox = Vec::new();
    for number in 0..250 {
        let more = if number == 120 { "A long line of text.\n".repeat(100_000) } else { String::new() };
        mbox.extend_from_slice(format!("From a Wed May  1 08:00:00 2024\nSubject: {number}\n\n{more}\n").as_bytes());
    }
    let old = put(scene.folder.path(), "old.mbox", &mbox);
    let told = scene.run(&format!("import support@example.org {} --offline", old.display())).await.unwrap();
    assert_eq!((told.document["added"].as_u64(), told.is_partial), (Some(250), false), "{}", told.document);
    let listed = scene.text("audit list --account support@example.org --offline").await;
    assert!(listed.matches(" imported ").count() >= 4, "{listed}");
}
