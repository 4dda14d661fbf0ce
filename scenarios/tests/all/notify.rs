//! NOTIFY (RFC 5465) beside other people: one connection hears of every mailbox that somebody may read,
//! and of no other.

use crate::direct::{self, issue, secret, wish};
use crate::people::address;
use postern_app::{CredentialWish, GrantReach, Purpose};
use postern_testkit::{House, ImapClient, scenario};
use postern_types::{DisplayName, MailboxName, Seen};

const SUPPORT: &str = "support@example.org";
const INBOX: &str = "Shared/support@example.org/INBOX";
const LETTER: &str = "From: sender@example.net\r\nSubject: A leak\r\n\r\nWater everywhere.\r\n";
const EVERYTHING: &str = "(subtree \"\" (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange))";

/// Alice may do everything in support@, Bob may read it, and both are signed in.
async fn team(house: &House) -> [ImapClient; 2] {
    for person in ["alice@example.org", "bob@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
    house.grant(SUPPORT, "bob@example.org", "lrs").await;
    [house.imap_as("alice@example.org").await, house.imap_as("bob@example.org").await]
}

async fn told(client: &mut ImapClient) -> String {
    String::from_utf8_lossy(&client.response().await).into_owned()
}

async fn told_all(client: &mut ImapClient, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        lines.push(told(client).await);
    }
    lines
}

/// Nothing was told before, and nothing is told by a command.
async fn silent(client: &mut ImapClient) {
    let answer = client.ok("NOOP", "").await;
    assert!(answer.untagged.is_empty(), "{:?}", answer.lines());
}

scenario! {
    /// Deliveries, flags, expunges and names, in mailboxes that are not selected.
    async fn one_connection_hears_of_what_others_do(house: House) {
        let [mut alice, mut bob] = team(&house).await;
        bob.ok(&format!("NOTIFY SET STATUS {EVERYTHING}"), &format!("* STATUS {INBOX} (MESSAGES 0 UIDNEXT 1 ")).await;
        silent(&mut bob).await;

        house.deliver(SUPPORT, LETTER).await;
        assert_eq!(told(&mut bob).await, format!("* STATUS {INBOX} (MESSAGES 1 UIDNEXT 2 UNSEEN 1)"));
        house.deliver("bob@example.org", LETTER).await;
        assert_eq!(told(&mut bob).await, "* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UNSEEN 1)");
        house.deliver("alice@example.org", LETTER).await;
        alice.ok(&format!("SELECT {INBOX}"), "* 1 EXISTS").await;
        alice.ok("STORE 1 +FLAGS (\\Seen)", "").await;
        assert_eq!(told(&mut bob).await, format!("* STATUS {INBOX} (UNSEEN 0)"));
        alice.ok("STORE 1 +FLAGS (\\Deleted)", "").await;
        alice.ok("EXPUNGE", "* 1 EXPUNGE").await;
        assert_eq!(told(&mut bob).await, format!("* STATUS {INBOX} (MESSAGES 0 UIDNEXT 2)"));

        let [shared, old, new] = ["", "/Cases", "/Done"].map(|name| format!("Shared/{SUPPORT}{name}"));
        alice.ok(&format!("CREATE {old}"), "").await;
        let created = told_all(&mut bob, 3).await;
        assert_eq!(created[..2], [
            format!("* LIST (\\Noselect \\HasChildren) \"/\" {shared}"),
            format!("* LIST (\\HasNoChildren \\Subscribed) \"/\" {old}"),
        ]);
        assert!(created[2].starts_with(&format!("* STATUS {old} (MESSAGES 0 ")), "{created:?}");
        alice.ok(&format!("RENAME {old} {new}"), "").await;
        let renamed = told(&mut bob).await;
        assert!(renamed.starts_with(&format!("* LIST (\\HasNoChildren \\Subscribed) \"/\" {new} (\"OLDNAME\" (")), "{renamed}");
        assert!(renamed.contains(&old));
        alice.ok(&format!("DELETE {new}"), "").await;
        assert_eq!(told_all(&mut bob, 2).await, [
            format!("* LIST (\\Noselect \\HasChildren) \"/\" {shared}"),
            format!("* LIST (\\NonExistent \\Noselect) \"/\" {new}"),
        ]);
        // Subscriptions are each person's own.
        alice.ok(&format!("UNSUBSCRIBE {INBOX}"), "").await;
        silent(&mut bob).await;
        let mut elsewhere = house.imap_as("bob@example.org").await;
        elsewhere.ok(&format!("UNSUBSCRIBE {INBOX}"), "").await;
        assert_eq!(told(&mut bob).await, format!("* LIST (\\HasNoChildren) \"/\" {INBOX}"));
    }

    /// In the selected mailbox, at any time, and in IDLE the same.
    async fn a_selected_mailbox_is_told_of_at_any_time(house: House) {
        let [mut alice, mut bob] = team(&house).await;
        bob.ok(&format!("SELECT {INBOX}"), "").await;
        bob.ok("NOTIFY SET (selected (MessageNew (UID BODY.PEEK[TEXT]) MessageExpunge FlagChange))", "").await;
        alice.ok(&format!("SELECT {INBOX}"), "").await;
        for number in 1..=2 {
            let tag = if number == 2 { Some(bob.idle().await) } else { None };
            house.deliver(SUPPORT, LETTER).await;
            let lines = told_all(&mut bob, 3).await;
            assert_eq!(lines[0], format!("* {number} EXISTS"));
            let fetched = format!("* {number} FETCH (UID {number} BODY[TEXT] {{19}}\r\nWater everywhere.\r\n)");
            assert_eq!(lines[2], fetched);
            alice.ok("NOOP", "EXISTS").await;
            alice.ok(&format!("UID STORE {number} +FLAGS (\\Flagged)"), "").await;
            assert!(told(&mut bob).await.contains(&format!("* {number} FETCH (UID {number} FLAGS (\\Flagged")));
            if let Some(tag) = tag {
                bob.done(&tag).await;
            }
        }
        alice.ok("UID STORE 1 +FLAGS (\\Deleted)", "").await;
        assert!(told(&mut bob).await.contains("\\Deleted"));
        alice.ok("EXPUNGE", "").await;
        assert_eq!(told(&mut bob).await, "* 1 EXPUNGE");
        house.revoke(SUPPORT, "bob@example.org").await;
        assert_eq!(bob.closed().await, ["* BYE The mailbox can not be read any more"]);
    }

    /// Grants to a person and to a group of theirs, and membership.
    async fn accounts_come_and_go_while_it_stands(house: House) {
        let [mut alice, mut bob] = team(&house).await;
        bob.ok("NOTIFY SET (subtree Shared (MessageNew MessageExpunge MailboxName))", "").await;
        house.revoke(SUPPORT, "bob@example.org").await;
        let gone = told_all(&mut bob, 7).await;
        assert!(gone.iter().all(|line| line.starts_with("* LIST (\\NonExistent \\Noselect) \"/\" Shared/")), "{gone:?}");
        house.deliver(SUPPORT, LETTER).await;
        alice.ok(&format!("CREATE Shared/{SUPPORT}/Secret"), "").await;
        silent(&mut bob).await;

        let (app, operator, team) = (house.app(), house.operator(), address("team@example.org"));
        app.add_group(operator, &team, &DisplayName::default(), &[]).await.expect("a group");
        house.grant(SUPPORT, "team@example.org", "lr").await;
        silent(&mut bob).await;
        // Seven mailboxes and the account above them, and numbers of each.
        for _ in 0..2 {
            app.add_member(operator, &team, &address("bob@example.org")).await.expect("a member");
            let come = told_all(&mut bob, 15).await;
            assert!(come.iter().any(|line| line.contains(&format!("{INBOX} (MESSAGES 1 UIDNEXT 2 "))), "{come:?}");
            house.deliver("alice@example.org", LETTER).await;
            app.remove_member(operator, &team, &address("bob@example.org")).await.expect("no member");
            told_all(&mut bob, 8).await;
        }
        app.add_member(operator, &team, &address("bob@example.org")).await.expect("a member");
        told_all(&mut bob, 15).await;
        // An account that nobody had shared with them before, to the group.
        house.shared("billing@example.org").await;
        house.grant("billing@example.org", "team@example.org", "lr").await;
        let come = told_all(&mut bob, 13).await;
        assert!(come.iter().any(|line| line.contains("Shared/billing@example.org/INBOX (MESSAGES 0 ")), "{come:?}");
        house.deliver("billing@example.org", LETTER).await;
        assert_eq!(told(&mut bob).await, "* STATUS Shared/billing@example.org/INBOX (MESSAGES 1 UIDNEXT 2)");
    }

    /// Whose `\Seen` it is: one's own is told to oneself (docs/decisions/0010-seen.md).
    async fn unseen_is_each_persons_own(house: House) {
        let [mut alice, mut bob] = team(&house).await;
        house.set_seen(SUPPORT, Seen::Personal).await;
        house.deliver(SUPPORT, LETTER).await;
        let mut elsewhere = house.imap_as("bob@example.org").await;
        bob.ok(&format!("NOTIFY SET STATUS (mailboxes {INBOX} (MessageNew MessageExpunge FlagChange))"), "UNSEEN 1").await;
        alice.ok(&format!("SELECT {INBOX}"), "").await;
        alice.ok("STORE 1 +FLAGS (\\Seen)", "").await;
        silent(&mut bob).await;
        elsewhere.ok(&format!("SELECT {INBOX}"), "").await;
        elsewhere.ok("STORE 1 +FLAGS (\\Seen)", "").await;
        assert_eq!(told(&mut bob).await, format!("* STATUS {INBOX} (UNSEEN 0)"));
    }

    /// A credential hears of what its scope shows, and of nothing beside it.
    async fn a_credential_hears_of_its_scope(house: House) {
        direct::at_work(&house).await;
        house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
        let mut alice = house.imap_as("alice@example.org").await;
        let inbox = vec![GrantReach::Mailbox(MailboxName::parse("INBOX").expect("a name"))];
        let scoped = CredentialWish { mailboxes: inbox, ..wish(Purpose::Backup) };
        let issued = issue(&house, scoped).await;
        let mut tool = house.imap("tool").await;
        tool.login(SUPPORT, &secret(&issued)).await;
        let answer = tool.ok(&format!("NOTIFY SET STATUS {EVERYTHING}"), "").await;
        assert_eq!(answer.untagged.len(), 1, "{:?}", answer.lines());
        assert!(answer.has("* STATUS INBOX (MESSAGES 2 UIDNEXT 3 "));
        alice.append(&format!("Shared/{SUPPORT}/Sent"), "", LETTER.as_bytes()).await;
        alice.ok(&format!("CREATE Shared/{SUPPORT}/Secret"), "").await;
        silent(&mut tool).await;
        house.deliver(SUPPORT, LETTER).await;
        assert_eq!(told(&mut tool).await, "* STATUS INBOX (MESSAGES 3 UIDNEXT 4 UNSEEN 3)");
        house.app().revoke_credential(house.operator(), &issued.row.public_id, false).await.expect("revoked");
        assert_eq!(tool.closed().await, ["* BYE Your sign-in has ended"]);
    }
}
