//! Object ids (RFC 8474) on both engines: what delivery, copies and restarts make of them, as two accesses to one
//! account see them.

use crate::direct::{SUPPORT, issue, secret, wish};
use postern_app::Purpose;
use postern_testkit::{House, ImapClient, scenario};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const INBOX: &str = "Shared/support@example.org/INBOX";

fn letter(id: &str, answers: Option<&str>) -> String {
    let answers = answers.map(|id| format!("In-Reply-To: <{id}@example.net>\r\n")).unwrap_or_default();
    format!(
        "From: Customer <customer@example.net>\r\nSubject: It does not start\r\nMessage-ID: <{id}@example.net>\r\n{answers}\r\nText.\r\n"
    )
}

/// EMAILID and THREADID of each message of a mailbox.
async fn ids(client: &mut ImapClient, mailbox: &str) -> Vec<(String, String)> {
    client.ok(&format!("EXAMINE {mailbox}"), "MAILBOXID").await;
    let between = |line: &str, from: &str| {
        let rest = line.split_once(from).unwrap_or_else(|| panic!("{from}: {line}")).1;
        rest.split_once(')').unwrap_or_else(|| panic!("{from}: {line}")).0.to_owned()
    };
    let lines = client.ok("UID FETCH 1:* (EMAILID THREADID)", "").await.lines();
    let shown = lines.iter().filter(|line| line.contains("EMAILID"));
    shown.map(|line| (between(line, "EMAILID ("), between(line, "THREADID ("))).collect()
}

async fn mailbox_id(client: &mut ImapClient, mailbox: &str) -> String {
    let told = client.ok(&format!("STATUS {mailbox} (MAILBOXID)"), "MAILBOXID (F").await;
    let line = told.line_with("MAILBOXID").expect("a line").to_owned();
    line.rsplit_once("MAILBOXID (").expect("an id").1.to_owned()
}

async fn at_work(house: &House) -> (ImapClient, ImapClient) {
    for person in [ALICE, BOB, "carol@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, ALICE, "lrswipkxte").await;
    house.grant(SUPPORT, BOB, "lr").await;
    house.deliver(SUPPORT, &letter("1", None)).await;
    house.deliver(SUPPORT, &letter("2", Some("1"))).await;
    (house.imap_as(ALICE).await, house.imap_as(BOB).await)
}

scenario! {
    /// One account has the same ids for its delegates, for a session rooted there and for a credential of its own, before
    /// a restart and after it.
    async fn everybody_sees_the_same_ids(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        let known = ids(&mut alice, INBOX).await;
        assert!(known.len() == 2 && known[0].0 != known[1].0 && known[0].1 == known[1].1, "{known:?}");
        let mailbox = mailbox_id(&mut alice, INBOX).await;
        assert_eq!(ids(&mut bob, INBOX).await, known);
        let issued = issue(&house, wish(Purpose::Backup)).await;
        let mut tool = house.imap("tool").await;
        tool.login(SUPPORT, &secret(&issued)).await;
        let mut rooted = house.imap("rooted").await;
        rooted.login("bob@example.org/support@example.org", postern_testkit::PASSWORD).await;
        for client in [&mut tool, &mut rooted] {
            assert_eq!(ids(client, "INBOX").await, known, "{}", client.name);
            assert_eq!(mailbox_id(client, "INBOX").await, mailbox, "{}", client.name);
        }
        let house = house.restart().await;
        let mut bob = house.imap_as(BOB).await;
        assert_eq!(ids(&mut bob, INBOX).await, known);
        assert_eq!(mailbox_id(&mut bob, INBOX).await, mailbox);
    }

    /// COPY and MOVE keep EMAILID within an account and across accounts, and THREADID with it; a second session sees
    /// that, and finds them by their ids.
    async fn copies_are_the_same_message(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        let known = ids(&mut alice, INBOX).await;
        alice.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;
        alice.ok("COPY 1 Shared/support@example.org/Archive", "COPYUID").await;
        alice.ok("COPY 1:2 INBOX", "COPYUID").await;
        alice.ok("MOVE 2 Shared/support@example.org/Archive", "COPYUID").await;
        assert_eq!(ids(&mut bob, "Shared/support@example.org/Archive").await, known);
        assert_eq!(ids(&mut bob, INBOX).await, known[..1]);
        let mut other = house.imap_as(ALICE).await;
        assert_eq!(ids(&mut other, "INBOX").await, known);
        let (email, thread) = &known[1];
        other.ok(&format!("SEARCH EMAILID {email}"), "* SEARCH 2").await;
        other.ok(&format!("SEARCH THREADID {thread}"), "* SEARCH 1 2").await;
        // What answers it in the other account is of its thread there.
        house.deliver(ALICE, &letter("3", Some("2"))).await;
        let with_answer = ids(&mut other, "INBOX").await;
        assert!(with_answer[2].1 == *thread && with_answer[..2] == known[..], "{with_answer:?}");
        // And back, from the copy: it is the first message still, whatever became of that.
        alice.ok("SELECT Shared/support@example.org/Archive", "* 2 EXISTS").await;
        alice.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)", "").await;
        alice.ok("EXPUNGE", "EXPUNGE").await;
        other.ok("SELECT INBOX", "* 3 EXISTS").await;
        other.ok("MOVE 2 Shared/support@example.org/Archive", "COPYUID").await;
        assert_eq!(ids(&mut bob, "Shared/support@example.org/Archive").await, known[1..]);
    }

    /// The same letter delivered to two accounts is a message of each, in a thread of each; to somebody who reads
    /// neither, an id is nothing.
    async fn accounts_share_no_ids(house: House) {
        let (mut alice, _) = at_work(&house).await;
        let twice = letter("9", Some("1"));
        let replies = house.lmtp().await.deliver("sender@example.net", &[SUPPORT, ALICE], twice.as_bytes()).await;
        assert!(replies.iter().all(|reply| reply.starts_with("250")), "{replies:?}");
        let (shared, own) = (ids(&mut alice, INBOX).await, ids(&mut alice, "INBOX").await);
        assert!(shared[2].1 == shared[0].1 && own[0].1 != shared[0].1 && own[0].0 != shared[2].0, "{shared:?} {own:?}");
        let mut carol = house.imap_as("carol@example.org").await;
        assert!(carol.append("INBOX", "", letter("2", Some("1")).as_bytes()).await.status.starts_with("OK"));
        carol.ok("SELECT INBOX", "* 1 EXISTS").await;
        for (email, thread) in shared.iter().chain(&own) {
            for key in [format!("EMAILID {email}"), format!("THREADID {thread}")] {
                let found = carol.ok(&format!("SEARCH {key}"), "* SEARCH").await;
                assert!(found.has("* SEARCH") && found.lines().contains(&"* SEARCH".to_owned()), "{key}: {:?}", found.lines());
            }
        }
    }

    /// A mailbox keeps its id through RENAME, also where it moves below another, and a new one of its name has another.
    /// To rename INBOX makes a new mailbox of what was in it (section 8.2).
    async fn a_mailbox_keeps_its_id(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        let shared = |name: &str| format!("Shared/support@example.org/{name}");
        alice.ok(&format!("CREATE {}", shared("Cases")), "[MAILBOXID (F").await;
        let (cases, inbox) = (mailbox_id(&mut bob, &shared("Cases")).await, mailbox_id(&mut bob, INBOX).await);
        alice.ok(&format!("RENAME {} {}", shared("Cases"), shared("Work/Cases")), "").await;
        assert_eq!(mailbox_id(&mut bob, &shared("Work/Cases")).await, cases);
        alice.ok(&format!("DELETE {}", shared("Work/Cases")), "").await;
        alice.ok(&format!("CREATE {}", shared("Work/Cases")), "").await;
        let again = mailbox_id(&mut bob, &shared("Work/Cases")).await;
        let known = ids(&mut bob, INBOX).await;
        alice.ok(&format!("RENAME {INBOX} {}", shared("Old")), "").await;
        let old = mailbox_id(&mut bob, &shared("Old")).await;
        assert_eq!(mailbox_id(&mut bob, INBOX).await, inbox);
        assert!(again != cases && ![&inbox, &cases, &again].contains(&&old), "{again} {old}");
        assert_eq!(ids(&mut bob, &shared("Old")).await, known);
    }
}
