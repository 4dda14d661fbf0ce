//! The life of a shared mailbox: settings, quota, removal, return, end, and conversion.

mod conversion;
mod removal;

use postern_app::{AuditQuery, Caller, Refused, SharedChange};
use postern_testkit::{House, ImapClient, scenario};
use postern_types::{Address, DisplayName};
use std::path::Path;

const LETTER: &str =
    "From: Customer <customer@example.net>\r\nSubject: It does not start\r\n\r\nSince this morning.\r\n";
const INBOX: &str = "Shared/support@example.org/INBOX";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

async fn set(house: &House, change: SharedChange) {
    house.app().set_shared(house.operator(), &address("support@example.org"), change).await.expect("it is set");
}

/// What was done in an account, oldest first.
async fn trail(house: &House, account: &str) -> Vec<String> {
    let query = AuditQuery { account: Some(address(account)), most: 500, ..AuditQuery::default() };
    let rows = house.app().audit(house.operator(), query).await.expect("the trail");
    rows.into_iter().rev().map(|row| row.action).collect()
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

/// support@ with two letters, its owner Alice and its delegate Bob, both in its INBOX.
async fn at_work(house: &House) -> (ImapClient, ImapClient) {
    for person in ["alice@example.org", "bob@example.org", "carol@example.org"] {
        house.person(person).await;
    }
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxtea").await;
    house.grant("support@example.org", "bob@example.org", "lrswipkxte").await;
    for _ in 0..2 {
        house.deliver("support@example.org", LETTER).await;
    }
    let (mut alice, mut bob) = (house.imap_as("alice@example.org").await, house.imap_as("bob@example.org").await);
    alice.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;
    bob.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;
    (alice, bob)
}

scenario! {
    /// With delete protection on, a delegate with full access marks messages and gets rid of
    /// none; an owner does. It acts in sessions that are under way, both ways.
    async fn delete_protection_acts_in_running_sessions(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        bob.ok("CREATE Shared/support@example.org/Cases", "").await;
        bob.ok(&format!("MYRIGHTS {INBOX}"), "lrswipkxte").await;
        set(&house, SharedChange { delete_protection: Some(true), ..SharedChange::default() }).await;

        bob.ok("STORE 1 +FLAGS (\\Deleted)", "\\Deleted").await;
        bob.ok(&format!("MYRIGHTS {INBOX}"), &format!("* MYRIGHTS {INBOX} lrswipkt")).await;
        let owners = "[NOPERM] This mailbox is protected from deletion: only its owners may";
        let refused = format!("{owners} expunge its messages or move them out");
        let refused = refused.as_str();
        bob.no("EXPUNGE", refused).await;
        bob.no("UID EXPUNGE 1", refused).await;
        bob.no("MOVE 1 Shared/support@example.org/Archive", refused).await;
        bob.no("MOVE 1 INBOX", refused).await;
        bob.ok("COPY 2 INBOX", "COPYUID").await;
        bob.no("DELETE Shared/support@example.org/Cases", &format!("{owners} delete or rename it")).await;
        bob.no("RENAME Shared/support@example.org/Cases Shared/support@example.org/Files", "[NOPERM]").await;
        // RFC 4314 section 4: CLOSE keeps what may not be expunged, and is no error.
        bob.ok("CLOSE", "").await;
        bob.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;

        alice.ok("MOVE 2 Shared/support@example.org/Archive", "COPYUID").await;
        alice.ok("EXPUNGE", "EXPUNGE").await;
        alice.ok("DELETE Shared/support@example.org/Cases", "").await;
        assert_eq!(house.messages("support@example.org").await, 1);

        set(&house, SharedChange { delete_protection: Some(false), ..SharedChange::default() }).await;
        house.deliver("support@example.org", LETTER).await;
        bob.ok("NOOP", "").await;
        bob.ok("STORE 1 +FLAGS.SILENT (\\Deleted)", "").await;
        bob.ok("EXPUNGE", "* 1 EXPUNGE").await;
    }

    /// RFC 9208 section 3.1.2, RFC 5530 section 3 (OVERQUOTA): what would be over the quota is
    /// refused everywhere, and nothing of it is kept.
    async fn a_quota_is_kept_by_every_way_in(house: House) {
        let (mut alice, _bob) = at_work(&house).await;
        let used = house.messages("support@example.org").await;
        let large = format!("Subject: Large\r\n\r\n{}\r\n", "a line of words\r\n".repeat(200));
        let (small_bytes, large_bytes) = (LETTER.len() as u64, large.len() as u64);
        let row = house.app().show_shared(house.operator(), &address("support@example.org")).await.expect("it is there").shared.row;
        // Room for one small letter with its trace lines, and for no large one.
        let quota = Some(Some(row.bytes + small_bytes + 500));
        assert!(large_bytes > small_bytes + 500);
        set(&house, SharedChange { quota, ..SharedChange::default() }).await;

        let appended = alice.append(INBOX, "", large.as_bytes()).await.status;
        assert!(appended.starts_with("NO [OVERQUOTA] The account is over its quota"), "{appended}");
        assert!(alice.append("INBOX", "", large.as_bytes()).await.status.starts_with("OK"), "her own has no quota");
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        alice.no(&format!("COPY 1 {INBOX}"), "[OVERQUOTA]").await;
        alice.no(&format!("MOVE 1 {INBOX}"), "[OVERQUOTA]").await;
        alice.ok("NOOP", "").await;
        alice.ok("FETCH 1 FLAGS", "FETCH").await; // it stayed where it was

        // RFC 2033 section 4.2: one recipient is full, the other has its mail.
        let recipients = ["support@example.org", "carol@example.org"];
        let replies = house.lmtp().await.deliver("sender@example.net", &recipients, large.as_bytes()).await;
        assert!(replies[0].starts_with("452 4.2.2 ") && replies[1].starts_with("250 2.0.0 "), "{replies:?}");
        assert_eq!(house.messages("support@example.org").await, used);

        house.deliver("support@example.org", LETTER).await;
        // Within the account nothing grows.
        alice.ok(&format!("SELECT {INBOX}"), "* 3 EXISTS").await;
        alice.ok("COPY 1:3 Shared/support@example.org/Archive", "COPYUID").await;
        alice.ok("MOVE 1 Shared/support@example.org/Archive", "COPYUID").await;

        set(&house, SharedChange { quota: Some(None), ..SharedChange::default() }).await;
        assert!(alice.append(INBOX, "", large.as_bytes()).await.status.starts_with("OK"));
        let settings: Vec<String> = trail(&house, "support@example.org").await.into_iter().filter(|action| action == "shared.set").collect();
        assert_eq!(settings.len(), 2);
    }

    /// A large body is a file before the rows that name it; for a message that is refused none is
    /// written, whichever way it came.
    async fn what_is_over_quota_leaves_no_files(house: House) {
        let (mut alice, _bob) = at_work(&house).await;
        let mut random = postern_testkit::power::Random::new(20);
        let lines: String = (0..16_000).map(|_| format!("{:016x}\r\n", random.number())).collect();
        let letter = format!("Subject: Large\r\n\r\n{lines}");
        assert!(alice.append("INBOX", "", letter.as_bytes()).await.status.starts_with("OK"));
        set(&house, SharedChange { quota: Some(Some(100_000)), ..SharedChange::default() }).await;
        let folder = house.data_dir().join("blobs");
        let before = files_below(&folder);
        assert_eq!(before, 1, "hers");

        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        alice.no(&format!("COPY 1 {INBOX}"), "[OVERQUOTA]").await;
        alice.no(&format!("MOVE 1 {INBOX}"), "[OVERQUOTA]").await;
        assert_eq!(files_below(&folder), before);
        let appended = alice.append(INBOX, "", letter.as_bytes()).await.status;
        assert!(appended.starts_with("NO [OVERQUOTA]"), "{appended}");
        // The sender tries again, and each time our trace lines tell another time.
        let members = [address("support@example.org"), address("carol@example.org")];
        house.app().add_group(house.operator(), &address("team@example.org"), &DisplayName::default(), &members).await.expect("a group");
        for _ in 0..3 {
            let recipients = ["support@example.org", "team@example.org"];
            let replies = house.lmtp().await.deliver("sender@example.net", &recipients, letter.as_bytes()).await;
            assert!(replies.iter().all(|reply| reply.starts_with("452 4.2.2 ")), "{replies:?}");
            house.pass_minutes(1);
        }
        assert_eq!(files_below(&folder), before + 1, "Carol's");

        set(&house, SharedChange { quota: Some(None), ..SharedChange::default() }).await;
        alice.ok(&format!("COPY 1 {INBOX}"), "COPYUID").await;
        assert_eq!(files_below(&folder), before + 2);
    }

    /// An alias receives mail from its making to its end; a taken or reserved one has one text.
    async fn aliases_come_and_go(house: House) {
        let (mut alice, _bob) = at_work(&house).await;
        let app = house.app();
        let support = address("support@example.org");
        let aliases = |add: &[&str], remove: &[&str]| SharedChange {
            add_aliases: add.iter().map(|text| address(text)).collect(),
            remove_aliases: remove.iter().map(|text| address(text)).collect(),
            ..SharedChange::default()
        };
        set(&house, aliases(&["help@example.org", "info@example.org"], &[])).await;
        house.deliver("help@example.org", LETTER).await;
        alice.ok("NOOP", "* 3 EXISTS").await;

        for (change, text) in [
            (aliases(&["carol@example.org"], &[]), "carol@example.org is taken or reserved"),
            (aliases(&["help@example.org"], &[]), "help@example.org is taken or reserved"),
            (aliases(&["sales@example.com"], &[]), "example.com is not a domain of this house"),
            (aliases(&[], &["support@example.org"]), "support@example.org is the address of the mailbox itself"),
            (aliases(&[], &["carol@example.org"]), "carol@example.org is no alias of support@example.org"),
            // All or nothing: the first of these would do alone.
            (aliases(&["sales@example.org", "carol@example.org"], &["info@example.org"]), "carol@example.org is taken"),
        ] {
            let refused = app.set_shared(house.operator(), &support, change).await.expect_err(text).to_string();
            assert!(refused.starts_with(text), "{refused}");
        }
        let view = app.show_shared(house.operator(), &support).await.expect("it is there");
        assert_eq!(view.addresses, ["support@example.org", "help@example.org", "info@example.org"]);

        set(&house, aliases(&[], &["help@example.org"])).await;
        let replies = house.lmtp().await.deliver("sender@example.net", &["help@example.org"], LETTER.as_bytes()).await;
        assert!(replies[0].starts_with("550 5.1.1 "), "{replies:?}");
        house.person("help@example.org").await; // it is free again
        let aliases: Vec<String> = trail(&house, "support@example.org").await.into_iter().filter(|action| action.contains("alias")).collect();
        assert_eq!(aliases, ["shared.alias-added", "shared.alias-added", "shared.alias-removed"]);
    }

    /// Law 4: who manages no shared mailboxes hears the same of one that is there and of none.
    async fn strangers_hear_nothing_of_shared_mailboxes(house: House) {
        let (_alice, _bob) = at_work(&house).await;
        house.app().remove_shared(house.operator(), &address("support@example.org")).await.expect("removed");
        house.shared("billing@example.org").await;
        let bob = house.acting_as("bob@example.org").await;
        let mut texts = Vec::new();
        for name in ["support@example.org", "billing@example.org", "nothing@example.org", "carol@example.org"] {
            texts.push(every_refusal(&house, &bob, name).await);
        }
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
        assert!(texts[0].iter().all(|text| text == "You may not manage shared mailboxes; ask an administrator of the organisation"), "{texts:?}");
    }
}

async fn every_refusal(house: &House, caller: &Caller, name: &str) -> Vec<String> {
    let (app, name) = (house.app(), address(name));
    let change = SharedChange { delete_protection: Some(true), ..SharedChange::default() };
    let refused: [Refused; 5] = [
        app.set_shared(caller, &name, change).await.expect_err("refused"),
        app.remove_shared(caller, &name).await.expect_err("refused"),
        app.restore_shared(caller, &name).await.expect_err("refused"),
        app.convert_to_person(caller, &name).await.expect_err("refused"),
        app.convert_from_person(caller, &name, &[]).await.expect_err("refused"),
    ];
    refused.iter().map(ToString::to_string).collect()
}
