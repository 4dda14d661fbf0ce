//! Quotas (RFC 9208): what an account holds and may hold, by the examples of the RFC. A second session always
//! watches.

mod common;

use common::{Client, MAIL, Scene, address};
use postern_app::{QuotaChange, SharedChange};

const INBOX: &str = "Shared/support@example.org/INBOX";

/// support@ with bounds of bytes and of messages, which nothing is without.
async fn bound(scene: &Scene, bytes: Option<u64>, messages: Option<u64>) {
    let change = SharedChange { quota: Some(bytes), quota_messages: Some(messages), ..SharedChange::default() };
    scene.house.set_shared(&scene.operator, &address("support@example.org"), change).await.unwrap();
}

async fn bound_own(scene: &Scene, name: &str, bytes: Option<u64>, messages: Option<u64>) {
    let change = QuotaChange { bytes: Some(bytes), messages: Some(messages) };
    scene.house.set_person_quota(&scene.operator, &address(&format!("{name}@example.org")), change).await.unwrap();
}

async fn adds(client: &mut Client, mailbox: &str, message: &str) {
    let added = client.append(mailbox, "", message).await;
    assert!(added.starts_with("OK"), "{added}");
}

/// Sections 4.1.1, 4.1.2 and 4.2: one's own account is a quota root, and so is each that one reads, by its address.
/// What has no bound is not named.
#[tokio::test]
async fn an_account_is_a_quota_root() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    let capabilities = alice.untagged("CAPABILITY").await;
    assert!(capabilities[0].contains(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"), "{capabilities:?}");
    assert!(!capabilities[0].contains("QUOTASET"), "{capabilities:?}");

    let own = ["* QUOTAROOT INBOX alice@example.org", "* QUOTA alice@example.org ()"];
    assert_eq!(alice.untagged("GETQUOTAROOT INBOX").await, own);
    assert_eq!(alice.untagged("GETQUOTA alice@example.org").await, own[1..]);
    let shared = [format!("* QUOTAROOT {INBOX} support@example.org"), "* QUOTA support@example.org ()".to_owned()];
    for client in [&mut alice, &mut bob] {
        assert_eq!(client.untagged(&format!("GETQUOTAROOT {INBOX}")).await, shared);
    }

    bound_own(&scene, "alice", None, Some(1000)).await;
    bound(&scene, Some(512 << 10), Some(1000)).await;
    let letter = format!("Subject: Large\r\n\r\n{}\r\n", "a line of words\r\n".repeat(600));
    adds(&mut alice, INBOX, &letter).await;
    adds(&mut alice, "INBOX", MAIL).await;
    assert_eq!(alice.untagged("GETQUOTA alice@example.org").await, ["* QUOTA alice@example.org (MESSAGE 1 1000)"]);
    let told = ["* QUOTA support@example.org (STORAGE 10 512 MESSAGE 1 1000)"];
    assert_eq!(alice.untagged("GETQUOTA support@example.org").await, told);
    assert_eq!(bob.untagged("GETQUOTA \"Support@example.org\"").await, told);

    // Section 4.1.2: the mailbox need not be there.
    assert_eq!(alice.untagged("GETQUOTAROOT \"Not yet\"").await[0], "* QUOTAROOT \"Not yet\" alice@example.org");
    let not_yet = format!("GETQUOTAROOT {INBOX}/New");
    assert_eq!(alice.untagged(&not_yet).await[1], told[0]);
    // A copy within the account is the same message; what is expunged counts no more.
    alice.ok(&format!("SELECT {INBOX}")).await;
    alice.ok("COPY 1 Shared/support@example.org/Archive").await;
    assert_eq!(bob.untagged("GETQUOTA support@example.org").await, told);
    alice.ok("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    alice.ok("EXPUNGE").await;
    assert_eq!(bob.untagged("GETQUOTA support@example.org").await, told, "it lies in Archive");
    alice.ok("SELECT Shared/support@example.org/Archive").await;
    alice.ok("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    alice.ok("EXPUNGE").await;
    let none = "* QUOTA support@example.org (STORAGE 0 512 MESSAGE 0 1000)";
    assert_eq!(bob.untagged("GETQUOTA support@example.org").await, [none]);
}

/// Section 4.1.3: without QUOTASET nobody sets a quota here, whatever its name.
#[tokio::test]
async fn a_quota_is_not_set_here() {
    let scene = Scene::new().await;
    let mut alice = scene.client("alice").await;
    let expected = "NO [NOPERM] A quota is set by the administrators of the organisation, and not over IMAP";
    for root in ["alice@example.org", "support@example.org", "billing@example.org", "\"\""] {
        assert_eq!(alice.last(&format!("SETQUOTA {root} (STORAGE 510)")).await, expected, "{root}");
    }
    assert_eq!(alice.untagged("GETQUOTA alice@example.org").await, ["* QUOTA alice@example.org ()"]);
}

/// Section 8: what others hold is theirs to know. Hidden roots and absent ones are answered in the same bytes.
#[tokio::test]
async fn what_others_hold_is_not_told() {
    let scene = Scene::new().await;
    scene.give("bob", "lswip").await;
    bound(&scene, Some(1 << 20), Some(5)).await;
    let (mut bob, mut carol) = (scene.client("bob").await, scene.client("carol").await);
    let absent = "NO [NONEXISTENT] No such quota root";
    for root in ["support@example.org", "billing@example.org", "alice@example.org", "nobody@example.org", "\"\"", "#x"]
    {
        for client in [&mut bob, &mut carol] {
            assert_eq!(client.command(&format!("GETQUOTA {root}")).await, [absent], "{root}");
        }
    }
    // Section 6: it takes `r` on the mailbox.
    assert!(bob.last(&format!("GETQUOTAROOT {INBOX}")).await.starts_with("NO [NOPERM]"));
    let refused = carol.command(&format!("GETQUOTAROOT {INBOX}")).await;
    assert_eq!(refused, ["NO [NONEXISTENT] No such mailbox"]);
    assert_eq!(carol.command("GETQUOTAROOT Shared/supp0rt@example.org/INBOX").await, refused);
    // What is taken back is absent from the next command on.
    scene.give("bob", "lr").await;
    bob.ok("GETQUOTA support@example.org").await;
    scene.take_back("bob").await;
    assert_eq!(bob.command("GETQUOTA support@example.org").await, [absent]);
}

/// Section 4.3.1: OVERQUOTA where what comes in would be too many messages or too many bytes. The other session
/// sees nothing of it.
#[tokio::test]
async fn what_would_be_over_is_refused() {
    let scene = Scene::new().await;
    let (mut alice, mut watching) = (scene.client("alice").await, scene.client("alice").await);
    for mailbox in [INBOX, "INBOX"] {
        adds(&mut alice, mailbox, MAIL).await;
        adds(&mut alice, mailbox, MAIL).await;
    }
    watching.ok(&format!("SELECT {INBOX}")).await;
    alice.ok("SELECT INBOX").await;
    let bytes = MAIL.len() as u64;
    for (most_bytes, most_messages) in [(None, Some(2)), (Some(3 * bytes - 1), None), (Some(9 * bytes), Some(2))] {
        bound(&scene, most_bytes, most_messages).await;
        assert!(alice.append(INBOX, "", MAIL).await.starts_with("NO [OVERQUOTA] The account is over its quota"));
        assert!(alice.last(&format!("COPY 1 {INBOX}")).await.starts_with("NO [OVERQUOTA]"));
        assert!(alice.last(&format!("MOVE 1 {INBOX}")).await.starts_with("NO [OVERQUOTA]"));
        assert_eq!(alice.untagged("NOOP").await, [""; 0], "it stayed");
        assert_eq!(watching.untagged("NOOP").await, [""; 0]);
    }
    // One fits and two do not: both stay where they are.
    bound(&scene, None, Some(3)).await;
    assert!(alice.last(&format!("MOVE 1:2 {INBOX}")).await.starts_with("NO [OVERQUOTA]"));
    alice.ok(&format!("MOVE 1 {INBOX}")).await;
    assert!(watching.untagged("NOOP").await.contains(&"* 3 EXISTS".to_owned()));
    let full = ["* QUOTA support@example.org (MESSAGE 3 3)"];
    assert_eq!(watching.untagged("GETQUOTA support@example.org").await, full);
}

/// Section 4.1.4: what an EXPUNGE would free, in octets.
#[tokio::test]
async fn status_tells_what_is_marked_for_removal() {
    let scene = Scene::new().await;
    scene.give("bob", "lr").await;
    let (mut alice, mut bob) = (scene.client("alice").await, scene.client("bob").await);
    for _ in 0..12 {
        adds(&mut alice, INBOX, MAIL).await;
    }
    let status = format!("STATUS {INBOX} (MESSAGES DELETED DELETED-STORAGE)");
    let told = |deleted: usize| {
        [format!("* STATUS {INBOX} (MESSAGES 12 DELETED {deleted} DELETED-STORAGE {})", deleted * MAIL.len())]
    };
    assert_eq!(bob.untagged(&status).await, told(0));
    alice.ok(&format!("SELECT {INBOX}")).await;
    alice.ok("STORE 1,3 +FLAGS.SILENT (\\Deleted \\Seen)").await;
    alice.ok("STORE 5:6 +FLAGS.SILENT (\\Deleted)").await;
    assert_eq!(bob.untagged(&status).await, told(4));
    let listed = bob.untagged(&format!("LIST \"\" {INBOX} RETURN (STATUS (DELETED-STORAGE))")).await;
    assert_eq!(listed[1], format!("* STATUS {INBOX} (DELETED-STORAGE {})", 4 * MAIL.len()));
    assert!(bob.last(&format!("STATUS {INBOX} (DELETED-SIZE)")).await.contains("DELETED-STORAGE"));
}
