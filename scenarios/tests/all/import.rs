//! Mail that is brought over from files by `postern import`, told over the real wire on both engines: what an mbox and a
//! Maildir held is what IMAP shows, with flags, dates and bytes; run again it adds nothing.

use crate::foreign::{program, run, text, without_sync_header, write};
use crate::people::address;
use crate::process::binary;
use postern_app::SharedChange;
use postern_testkit::{House, PASSWORD, scenario};
use serde_json::Value;
use std::path::Path;

const SUPPORT: &str = "support@example.org";
const INBOX: &str = "Shared/support@example.org/INBOX";

/// Three letters: one read and answered, one with a quoted line and a keyword, one that is longer than a row of the
/// database keeps a body.
fn mbox() -> String {
    let long = "This line is one of very many.\n".repeat(20_000);
    format!(
        "From customer@example.net Wed May  1 08:00:00 2024\nSubject: one\nStatus: RO\nX-Status: A\n\nFirst.\n\n\
         From customer@example.net Thu May  2 08:00:00 2024 +0200\nSubject: two\nX-Keywords: work\n\n>From here on, NUL: \0.\n\n\
         From customer@example.net Fri May  3 08:00:00 2024\nSubject: three\n\n{long}\n"
    )
}

fn file(house: &House, name: &str, content: &str) -> String {
    let path = house.scratch().join(name);
    write(&path, content);
    text(&path)
}

fn make_folder(path: &Path) {
    std::fs::create_dir_all(path).expect("a folder in the test's own");
}

async fn desk(house: &House) {
    for person in ["alice@example.org", "bob@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, "alice@example.org", "lrswipkxte").await;
}

/// Its exit code, what it printed, and what it said on the side.
async fn import(house: &House, arguments: &[&str]) -> (i32, String, String) {
    let config = text(house.config_file());
    let line = [&["import", "--config", &config], arguments].concat();
    let printed = run(house, binary(), &line).await;
    let output = String::from_utf8(printed.output).expect("text");
    (printed.code.expect("it ends by itself"), output, printed.errors)
}

async fn trail(house: &House) -> String {
    let config = text(house.config_file());
    run(house, binary(), &["audit", "list", "--account", SUPPORT, "--config", &config]).await.must_succeed()
}

scenario! {
    /// What an mbox held is told to whoever watches, and is what IMAP shows. The second time nothing is added.
    async fn an_mbox_is_brought_over_once(house: House) {
        desk(&house).await;
        let old = file(&house, "old.mbox", &mbox());
        let mut watching = house.imap_as("alice@example.org").await;
        watching.ok(&format!("SELECT {INBOX}"), "* 0 EXISTS").await;
        let idle = watching.idle().await;

        let (code, output, _) = import(&house, &[SUPPORT, &old]).await;
        assert_eq!((code, output.lines().next()), (0, Some("Imported 3 messages into support@example.org.")), "{output}");
        watching.until("* 3 EXISTS").await;
        watching.done(&idle).await;

        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok(&format!("SELECT {INBOX}"), "* 3 EXISTS").await;
        let shown = alice.ok("FETCH 1:3 (FLAGS INTERNALDATE)", "").await.lines();
        assert!(shown[0].contains("\\Seen") && shown[0].contains("\\Answered"), "{shown:?}");
        assert!(shown[0].contains("\" 1-May-2024 08:00:00 +0000\""), "{shown:?}");
        assert!(shown[1].contains("work") && !shown[1].contains("\\Seen") && shown[1].contains("-May-2024 06:00:00"), "{shown:?}");
        for (number, message) in (1..).zip(["one", "two", "three"]) {
            let body = alice.ok(&format!("FETCH {number} BODY.PEEK[]"), "").await.literal().expect("a body");
            let body = String::from_utf8_lossy(&body).into_owned();
            // A literal has no NUL: it is told as 0x80 (docs/decisions/0017-nul.md).
            let expected = mbox().split("From customer@").nth(number).expect("a message").split_once('\n').expect("a line").1
                .strip_suffix('\n').expect("the mbox's own").replace(">From", "From").replace('\n', "\r\n").replace('\0', "\u{fffd}");
            assert!(body == expected, "{message}: {body:.200} {expected:.200}");
        }

        let (code, output, _) = import(&house, &[SUPPORT, &old]).await;
        assert_eq!((code, output.as_str()), (0, "Imported 0 messages into support@example.org.\n3 messages were there already: they were passed over.\n"));
        assert_eq!(house.messages(SUPPORT).await, 3);
        // It is there, but not in another mailbox, which is made with those above it.
        let (code, output, _) = import(&house, &[SUPPORT, &old, "--mailbox", "Old/2024"]).await;
        assert!(code == 0 && output.contains("  3 messages into Old/2024, which was made\n"), "{output}");
        alice.ok("LIST \"\" Shared/support@example.org/Old*", "Old/2024").await;
        let trail = trail(&house).await;
        let told: Vec<&str> = trail.lines().filter(|line| line.contains("imported 3 messages into INBOX of support@example.org, uid 1:3 (socket)")).collect();
        assert!(told.len() == 1 && told[0].contains(" operator("), "{trail}");
        assert!(!trail.contains("added message"), "{trail}");
        assert!(trail.contains("created Old/2024 in support@example.org"), "{trail}");
    }

    /// A folder that can not be read is named, and those beside it are brought over.
    async fn one_folder_that_can_not_be_read_does_not_end_it(house: House) {
        desk(&house).await;
        let root = house.scratch().join("Mail");
        for folder in ["", ".Broken", ".Old"] {
            make_folder(&root.join(folder).join("cur"));
            file(&house, &format!("Mail/{folder}/cur/1.host:2,S"), &format!("Subject: {folder}\n\nText.\n"));
        }
        // What is to be a file is none, which nobody can read, root neither.
        make_folder(&root.join(".Broken/dovecot-keywords"));
        let (code, output, errors) = import(&house, &[SUPPORT, &text(&root)]).await;
        assert_eq!(code, 1, "{output}{errors}");
        assert!(errors.contains(".Broken: it can not be read"), "{output}{errors}");
        assert!(output.starts_with("Imported 2 messages into support@example.org.\n"), "{output}");
        assert_eq!(house.messages(SUPPORT).await, 2);
    }

    /// An import is for whoever administers, and for everybody into their own mailboxes. To others an account that is
    /// there and one that is not are the same.
    async fn nobody_else_brings_mail_into_an_account(house: House) {
        desk(&house).await;
        house.grant(SUPPORT, "bob@example.org", "lrswipkxtea").await;
        house.person("carol@example.org").await;
        let (old, password) = (file(&house, "old.mbox", &mbox()), file(&house, "password", PASSWORD));
        let act = async |who: &str, account: &str| {
            import(&house, &[account, &old, "--as", who, "--as-password-file", &password]).await
        };
        let (code, output, refused) = act("carol@example.org", SUPPORT).await;
        assert_eq!((code, output.as_str()), (1, ""));
        let absent = act("carol@example.org", "nothing@example.org").await.2;
        let private = act("carol@example.org", "alice@example.org").await.2;
        assert!(refused.contains("There is no account support@example.org"), "{refused}");
        assert_eq!(refused.replace(SUPPORT, "X"), absent.replace("nothing@example.org", "X"));
        assert_eq!(refused.replace(SUPPORT, "X"), private.replace("alice@example.org", "X"));
        for delegate in ["alice@example.org", "bob@example.org"] {
            let refused = act(delegate, SUPPORT).await;
            assert_eq!(refused.0, 1);
            assert!(refused.2.contains("You may not import mail into this mailbox; ask an administrator"), "{}", refused.2);
        }
        assert_eq!(house.messages(SUPPORT).await, 0);

        assert_eq!(act("carol@example.org", "carol@example.org").await.0, 0);
        let mut carol = house.imap_as("carol@example.org").await;
        carol.ok("SELECT INBOX", "* 3 EXISTS").await;
        assert_eq!(act("admin@example.org", SUPPORT).await.0, 0);
        assert_eq!(house.messages(SUPPORT).await, 3);
        // A removed mailbox takes no mail, and says so to whoever may ask.
        house.app().remove_shared(house.operator(), &address(SUPPORT)).await.expect("it is removed");
        let (code, _, refused) = import(&house, &[SUPPORT, &old]).await;
        assert!(code == 1 && refused.contains("support@example.org is removed and takes no mail"), "{refused}");
    }

    /// Where the account is full the import ends, says how far it came, and goes on once there is room.
    async fn a_full_account_ends_it_and_it_goes_on_later(house: House) {
        desk(&house).await;
        let old = file(&house, "old.mbox", &mbox());
        let bound = async |messages: Option<u64>, bytes: Option<u64>| {
            let change = SharedChange { quota: Some(bytes), quota_messages: Some(messages), ..SharedChange::default() };
            house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("it is set");
        };
        bound(Some(1), None).await;
        let (code, output, _) = import(&house, &[SUPPORT, &old]).await;
        assert_eq!(code, 1);
        assert!(output.starts_with("Imported 1 message into support@example.org.\nIt ended there: The account is over its quota"), "{output}");
        assert!(output.contains("\nNext: make room: postern ") && output.contains(" shared set support@example.org --quota SIZE"), "{output}");
        // The second fits, the long one does not.
        bound(None, Some(100_000)).await;
        let (code, output, _) = import(&house, &[SUPPORT, &old, "--json"]).await;
        let told: Value = serde_json::from_str(&output).expect("a document");
        assert_eq!((code, &told["added"], &told["known"]), (1, &1.into(), &1.into()), "{told}");
        assert!(told["stopped"].as_str().is_some_and(|why| why.contains("quota")), "{told}");
        bound(None, None).await;
        let (code, output, _) = import(&house, &[SUPPORT, &old]).await;
        assert!(code == 0 && output.starts_with("Imported 1 message into"), "{output}");
        assert_eq!(house.messages(SUPPORT).await, 3);
        assert_eq!(house.app().recount().await.expect("it counts"), Vec::<String>::new());
    }

    /// What mbsync copied out of one account goes into another: mailboxes, flags, dates and bytes.
    async fn foreign_mbsync_maildirs_are_brought_over(house: House) {
        let Some(mbsync) = program("mbsync") else { return };
        desk(&house).await;
        let mut alice = house.imap_as("alice@example.org").await;
        let letter = |subject: &str| format!("From: alice@example.org\r\nSubject: {subject}\r\n\r\nAs it was.\r\n");
        for (flags, subject) in [("\\Answered", "one"), ("", "two")] {
            assert!(alice.append("INBOX", flags, letter(subject).as_bytes()).await.status.starts_with("OK"), "{subject}");
        }
        let old = "From alice@example.org Wed May  1 08:00:00 2024\nStatus: RO\nX-Status: F\nSubject: three\n\nAs it was.\n";
        let old = file(&house, "old.mbox", old);
        let (code, output, _) = import(&house, &["alice@example.org", &old, "--mailbox", "Archive/Büro"]).await;
        assert_eq!(code, 0, "{output}");
        let (folder, rc) = (house.scratch().join("mail"), house.scratch().join("mbsyncrc"));
        std::fs::create_dir(&folder).expect("a folder");
        write(&rc, &format!(
            "IMAPAccount postern\nHost localhost\nPort {}\nUser alice@example.org\nPass \"{PASSWORD}\"\n\
             SSLType IMAPS\nSystemCertificates no\nCertificateFile {}\nAuthMechs LOGIN\n\n\
             IMAPStore far\nAccount postern\n\nMaildirStore near\nPath {folder}/\nInbox {folder}/INBOX\nSubFolders Verbatim\n\n\
             Channel all\nFar :far:\nNear :near:\nPatterns INBOX Archive/*\nSync Pull\nCreate Near\nCopyArrivalDate yes\nSyncState *\n",
            house.listener("imaps").port(), authority(&house), folder = text(&folder)
        ));
        run(&house, &mbsync, &["--config", &text(&rc), "all"]).await.must_succeed();

        let (code, output, errors) = import(&house, &["bob@example.org", &text(&folder), "--json"]).await;
        let told: Value = serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error}: {output} {errors}"));
        assert_eq!((code, &told["added"], &told["left_out"]), (0, &3.into(), &0.into()), "{told}");
        let mut bob = house.imap_as("bob@example.org").await;
        for mailbox in ["INBOX", "Archive/B&APw-ro"] {
            let mut shown = Vec::new();
            for client in [&mut alice, &mut bob] {
                client.ok(&format!("EXAMINE {mailbox}"), "").await;
                let mut lines = client.ok("FETCH 1:* (FLAGS INTERNALDATE)", "").await.lines();
                lines.retain(|line| line.contains("FETCH"));
                lines.iter_mut().for_each(|line| *line = line.replace(" \\Recent", "").replace("\\Recent", ""));
                for number in 1..=lines.len() {
                    let body = client.ok(&format!("FETCH {number} BODY.PEEK[]"), "").await.literal().expect("a body");
                    lines.push(String::from_utf8(without_sync_header(&body)).expect("text"));
                }
                shown.push(lines);
            }
            assert_eq!(shown[0], shown[1], "{mailbox}");
            assert!(shown[0].concat().contains("\" 1-May-2024 08:00:00 +0000\"") == mailbox.starts_with("Archive"), "{shown:?}");
        }
        let (code, output, _) = import(&house, &["bob@example.org", &text(&folder)]).await;
        assert!(code == 0 && output.starts_with("Imported 0 messages into bob@example.org.\n3 messages"), "{output}");
    }
}

fn authority(house: &House) -> String {
    let path: &Path = house.data_dir();
    text(&path.join("tls/ca.pem"))
}
