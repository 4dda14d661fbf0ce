//! The configuration files that `postern credential issue --recipe` prints, each given to the
//! program it is for, as it is printed: mail comes, a second run brings nothing, and at the
//! server nothing has changed.

use crate::foreign::{maildir_messages, program, run, text, with_lf, without_sync_header, write};
use crate::people::address;
use crate::process::binary;
use crate::sending::wait_for;
use postern_store::{Counters, GateError, Read, Tx};
use postern_testkit::{House, Sink, scenario};
use postern_types::MailboxName;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

const SUPPORT: &str = "support@example.org";
const LETTER: &str = "From: Customer <customer@example.net>\r\nTo: support@example.org\r\nSubject: It does not start\r\n\
    Message-ID: <1@example.net>\r\nDate: Mon, 02 Nov 2026 10:00:00 +0100\r\n\r\nSince this morning.\r\n";
/// Debian's `nobody`: getmail delivers to no Maildir as root.
const NOBODY: u32 = 65_534;

/// support@ with two letters, one of them read, and Alice who works there.
async fn at_work(house: &House) {
    house.person("alice@example.org").await;
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, "alice@example.org", "lrswipkxte").await;
    house.deliver(SUPPORT, LETTER).await;
    house.deliver(SUPPORT, &LETTER.replace("morning", "evening")).await;
    let mut alice = house.imap_as("alice@example.org").await;
    alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
    alice.ok("STORE 1 +FLAGS (\\Seen \\Flagged)", "").await;
    alice.ok("LOGOUT", "").await;
}

/// A backup's credential with its secret in the recipe, kept in a file of this name.
async fn recipe(house: &House, name: &str) -> PathBuf {
    let config = text(house.config_file());
    let issue = [
        ["credential", "issue"].as_slice(),
        &[SUPPORT, "--purpose", "backup", "--owner", "alice@example.org", "--reason", "copies", "--name", "nightly"],
        &["--network", "127.0.0.0/8", "--recipe", name, "--config", &config],
    ];
    let printed = run(house, binary(), &issue.concat()).await.must_succeed();
    let file = house.scratch().join(format!("{name}.conf"));
    write(&file, &printed);
    file
}

/// What a delegate sees: how many, how many unread, and the flags of each.
async fn at_server(house: &House) -> Vec<String> {
    let mut alice = house.imap_as("alice@example.org").await;
    let status = "STATUS Shared/support@example.org/INBOX (MESSAGES UNSEEN UIDNEXT UIDVALIDITY)";
    let mut lines = alice.ok(status, "MESSAGES").await.lines();
    lines.extend(alice.ok("LIST \"\" Shared/support@example.org/*", "").await.lines());
    alice.ok("EXAMINE Shared/support@example.org/INBOX", "").await;
    lines.extend(alice.ok("FETCH 1:* (UID FLAGS)", "FLAGS").await.lines());
    // The tags of commands count on.
    lines.retain(|line| line.starts_with('*'));
    lines.push(format!("{:?}", counters(house).await));
    lines
}

/// What is counted of its INBOX, the highest modseq and `\Recent` among that.
async fn counters(house: &House) -> Counters {
    let caller = house.acting_as("alice@example.org").await;
    let read = house.app().db().read(move |tx: &Tx<'_>| -> Result<_, GateError> {
        let account = tx.account_at(&address(SUPPORT))?.expect("it is there");
        let inbox = MailboxName::parse("INBOX").expect("a name");
        Ok(tx.open_named::<Read>(&caller, account, &inbox)?.counters()?)
    });
    read.await.expect("a delegate reads it")
}

fn copied(folder: &Path) -> Vec<String> {
    let read =
        |message: &Vec<u8>| String::from_utf8(with_lf(&without_sync_header(message))).expect("letters are ASCII");
    let mut messages: Vec<String> = maildir_messages(folder).iter().map(read).collect();
    messages.sort();
    messages
}

/// Runs a program twice, then once more when there is another letter.
async fn copies_and_changes_nothing(house: &House, folder: &Path, pull: impl AsyncFn()) {
    let before = at_server(house).await;
    pull().await;
    let first = copied(folder);
    assert_eq!(first.len(), 2, "{first:?}");
    for word in ["evening", "morning"] {
        let is_whole = |copy: &String| {
            copy.contains("\nSubject: It does not start\n") && copy.ends_with(&format!("\n\nSince this {word}.\n"))
        };
        assert_eq!(first.iter().filter(|copy| is_whole(copy)).count(), 1, "{first:?}");
    }
    pull().await;
    assert_eq!(copied(folder), first, "the second run brings nothing");
    assert_eq!(at_server(house).await, before, "nothing has changed at the server");
    house.deliver(SUPPORT, "Subject: another\r\n\r\nMore.\r\n").await;
    pull().await;
    assert_eq!(copied(folder).len(), 3, "the third run brings what is new");
}

scenario! {
    /// isync's mbsync.
    async fn foreign_mbsync_copies_by_its_recipe(house: House) {
        let Some(mbsync) = program("mbsync") else { return };
        at_work(&house).await;
        let conf = text(&recipe(&house, "mbsync").await);
        let folder = house.scratch().join("mail/support@example.org-nightly");
        std::fs::create_dir_all(&folder).expect("a folder");
        let pull = async || {
            run(&house, &mbsync, &["-c", &conf, "-a"]).await.must_succeed();
        };
        copies_and_changes_nothing(&house, &folder, pull).await;
    }

    /// offlineimap3; it makes its folders itself.
    async fn foreign_offlineimap_copies_by_its_recipe(house: House) {
        let Some(offlineimap) = program("offlineimap") else { return };
        at_work(&house).await;
        let conf = text(&recipe(&house, "offlineimap").await);
        std::fs::create_dir(house.scratch().join("mail")).expect("a folder");
        let pull = async || {
            run(&house, &offlineimap, &["-c", &conf, "-o"]).await.must_succeed();
        };
        copies_and_changes_nothing(&house, &house.scratch().join("mail/support@example.org-nightly"), pull).await;
    }

    /// msmtp sends by its recipe as it is printed: the recipients are those of the header.
    async fn foreign_msmtp_sends_by_its_recipe(house: House) {
        let Some(msmtp) = program("msmtp") else { return };
        let sink = Sink::start().await;
        house.relay_to(&sink).await;
        at_work(&house).await;
        let (config, secret) = (text(house.config_file()), text(&house.scratch().join("secret")));
        let issue = ["credential", "issue", SUPPORT, "--purpose", "marketing", "--owner", "alice@example.org"];
        let more = ["--reason", "letters", "--network", "127.0.0.0/8", "--recipe", "msmtp", "--secret-file", &secret];
        let line = [&issue[..], &more, &["--config", &config]].concat();
        let printed = run(&house, binary(), &line).await.must_succeed();
        assert!(!printed.contains("ptn1_"), "the secret is in its own file");
        let (file, message) = (house.scratch().join("msmtp.conf"), house.scratch().join("message"));
        write(&file, &printed);
        write(&message, "From: Support <support@example.org>\nTo: customer@example.net, alice@example.org\n\
            Subject: News\n\n.\nIt starts again.\n");
        let line = format!("'{}' -C '{}' -t < '{}'", text(&msmtp), text(&file), text(&message));
        run(&house, "sh", &["-c", &line]).await.must_succeed();

        let taken = sink.wait_for(1).await;
        assert_eq!((taken.len(), &taken[0].recipients[..]), (1, &["customer@example.net".to_owned()][..]));
        assert!(taken[0].message.ends_with("\r\n\r\n.\r\nIt starts again.\r\n"), "{}", taken[0].message);
        let mut alice = house.imap_as("alice@example.org").await;
        wait_for(&mut alice, "INBOX", 1).await;
        alice.ok("EXAMINE INBOX", "").await;
        alice.ok("FETCH 1 BODY.PEEK[]", "From: Support <support@example.org>").await;
    }

    /// getmail6, as a user who is not root.
    async fn foreign_getmail_copies_by_its_recipe(house: House) {
        let Some(getmail) = program("getmail") else { return };
        at_work(&house).await;
        let conf = recipe(&house, "getmail").await;
        let home = house.scratch().join("home");
        let folder = home.join("mail/support@example.org-nightly");
        for part in ["cur", "new", "tmp"] {
            std::fs::create_dir_all(folder.join(part)).expect("a folder");
        }
        std::fs::create_dir_all(home.join(".config/getmail")).expect("a folder");
        let is_root = std::fs::metadata(house.scratch()).expect("a folder").uid() == 0;
        if is_root {
            let_nobody_in(&house, &home, &conf);
        }
        let (home, conf, getmail) = (format!("HOME={}", text(&home)), text(&conf), text(&getmail));
        let pull = async || {
            let line = [home.as_str(), &getmail, "--rcfile", &conf];
            let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "env"];
            match is_root {
                true => run(&house, "setpriv", &[&as_nobody[..], &line].concat()).await.must_succeed(),
                false => run(&house, "env", &line).await.must_succeed(),
            };
        };
        copies_and_changes_nothing(&house, &folder, pull).await;
    }
}

/// Another user may read the authority and the configuration, and has a home of their own.
fn let_nobody_in(house: &House, home: &Path, conf: &Path) {
    let open = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a path of the test's own");
    };
    let authority = house.data_dir().join("tls/ca.pem");
    for folder in authority.ancestors().skip(1).take_while(|folder| folder.starts_with(house.scratch())) {
        open(folder, 0o711);
    }
    open(&authority, 0o644);
    open(conf, 0o644);
    give(home);
}

fn give(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("root gives files away");
    let inside = std::fs::read_dir(path).into_iter().flatten().flatten();
    inside.for_each(|entry| give(&entry.path()));
}
