//! What an account may hold (RFC 9208), on both engines: bounds of bytes and of messages hold at every way in, and how
//! much there is is told to those who read all of it.

use crate::direct::{LETTER, SUPPORT, issue, secret, wish};
use crate::people::{address, as_person};
use postern_app::{CredentialWish, GrantReach, GrantTerms, Purpose, QuotaChange, Refused, SharedChange};
use postern_testkit::{House, ImapClient, scenario};
use postern_types::{MailboxName, Rights, SendRights};

const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
const INBOX: &str = "Shared/support@example.org/INBOX";

async fn bound(house: &House, bytes: Option<u64>, messages: Option<u64>) {
    let change = SharedChange { quota: Some(bytes), quota_messages: Some(messages), ..SharedChange::default() };
    house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("it is set");
}

async fn bound_person(house: &House, who: &str, bytes: Option<u64>, messages: Option<u64>) {
    let change = QuotaChange { bytes: Some(bytes), messages: Some(messages) };
    house.app().set_person_quota(house.operator(), &address(who), change).await.expect("it is set");
}

async fn at_work(house: &House) -> (ImapClient, ImapClient) {
    for person in [ALICE, BOB, "carol@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, ALICE, "lrswipkxte").await;
    for _ in 0..2 {
        house.deliver(SUPPORT, LETTER).await;
    }
    (house.imap_as(ALICE).await, house.imap_as(BOB).await)
}

fn within(mailbox: &str, letters: &str) -> GrantTerms {
    GrantTerms {
        reach: GrantReach::Mailbox(MailboxName::parse(mailbox).expect("a name")),
        rights: Rights::parse(letters).expect("letters"),
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
}

scenario! {
    /// Messages are counted at every way in: LMTP (452 4.2.2), APPEND, COPY and MOVE from elsewhere. Within the account
    /// nothing grows, and what is expunged makes room.
    async fn a_bound_of_messages_holds_at_every_way_in(house: House) {
        let (mut alice, _) = at_work(&house).await;
        assert!(alice.append("INBOX", "", LETTER.as_bytes()).await.status.starts_with("OK"));
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        bound(&house, None, Some(2)).await;
        let recipients = [SUPPORT, "carol@example.org"];
        let replies = house.lmtp().await.deliver("sender@example.net", &recipients, LETTER.as_bytes()).await;
        assert!(replies[0].starts_with("452 4.2.2 ") && replies[1].starts_with("250 2.0.0 "), "{replies:?}");
        let appended = alice.append(INBOX, "", LETTER.as_bytes()).await.status;
        assert!(appended.starts_with("NO [OVERQUOTA] The account is over its quota"), "{appended}");
        alice.no(&format!("COPY 1 {INBOX}"), "[OVERQUOTA]").await;
        alice.no(&format!("MOVE 1 {INBOX}"), "[OVERQUOTA]").await;
        alice.ok("GETQUOTA support@example.org", "* QUOTA support@example.org (MESSAGE 2 2)").await;
        alice.ok(&format!("SELECT {INBOX}"), "* 2 EXISTS").await;
        alice.ok("COPY 1:2 Shared/support@example.org/Archive", "COPYUID").await;
        alice.ok("MOVE 1:2 Shared/support@example.org/Archive", "COPYUID").await;
        alice.ok("SELECT Shared/support@example.org/Archive", "* 4 EXISTS").await;
        alice.ok("STORE 1,3 +FLAGS.SILENT (\\Deleted)", "").await;
        alice.ok("EXPUNGE", "EXPUNGE").await;
        house.deliver(SUPPORT, LETTER).await;
        alice.ok("GETQUOTA support@example.org", "(MESSAGE 2 2)").await;
        bound(&house, Some(1 << 30), None).await;
        house.deliver(SUPPORT, LETTER).await;
        assert_eq!(house.messages(SUPPORT).await, 3);
    }

    /// A person's own account is bounded by whoever manages people, and by nobody else; the trail tells it.
    async fn a_persons_own_account_is_bounded(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        bound_person(&house, BOB, Some(5000), Some(1)).await;
        bob.ok("GETQUOTAROOT Sent", "* QUOTA bob@example.org (STORAGE 0 5 MESSAGE 0 1)").await;
        house.deliver(BOB, LETTER).await;
        let replies = house.lmtp().await.deliver("sender@example.net", &[BOB], LETTER.as_bytes()).await;
        assert!(replies[0].starts_with("452 4.2.2 "), "{replies:?}");
        assert!(bob.append("Drafts", "", LETTER.as_bytes()).await.status.starts_with("NO [OVERQUOTA]"));
        bob.ok("GETQUOTA bob@example.org", "* QUOTA bob@example.org (STORAGE 1 5 MESSAGE 1 1)").await;
        alice.no("GETQUOTA bob@example.org", "[NONEXISTENT] No such quota root").await;

        let (as_bob, change) = (as_person(&house, BOB).await, QuotaChange { messages: Some(None), ..QuotaChange::default() });
        for whom in [BOB, ALICE, "nobody@example.org"] {
            let refused = house.app().set_person_quota(&as_bob, &address(whom), change).await;
            assert!(matches!(refused, Err(Refused::Denied(_))), "{whom}: {refused:?}");
        }
        let nobody = house.app().set_person_quota(house.operator(), &address(SUPPORT), change).await;
        assert!(matches!(nobody, Err(Refused::Rule(_))), "a shared mailbox is set otherwise: {nobody:?}");
        bound_person(&house, BOB, Some(5000), None).await;
        bound_person(&house, BOB, Some(5000), None).await;
        house.deliver(BOB, LETTER).await;
        let query = postern_app::AuditQuery { account: Some(address(BOB)), most: 500, ..postern_app::AuditQuery::default() };
        let trail = house.app().audit(house.operator(), query).await.expect("the trail");
        let told: Vec<&str> =
            trail.iter().filter(|row| row.action == "person.quota-set").map(|row| row.detail.as_str()).collect();
        assert_eq!(told, ["any number of messages", "quota 5000 bytes, quota 1 messages"]);
    }

    /// Bounds stay when a mailbox changes hands: they can be changed on either kind (docs/decisions/0034-quota.md).
    async fn bounds_stay_through_a_conversion(house: House) {
        at_work(&house).await;
        bound(&house, Some(1 << 20), Some(3)).await;
        house.app().convert_to_person(house.operator(), &address(SUPPORT)).await.expect("it is converted");
        house.deliver(SUPPORT, LETTER).await;
        let replies = house.lmtp().await.deliver("sender@example.net", &[SUPPORT], LETTER.as_bytes()).await;
        assert!(replies[0].starts_with("452 4.2.2 "), "{replies:?}");
        bound_person(&house, SUPPORT, None, None).await;
        house.deliver(SUPPORT, LETTER).await;
    }

    /// How much there is is told to whoever's reading reaches the account. Who reads one mailbox, or old mail alone, has
    /// no quota root: the numbers would tell of the rest. What is refused is told to all.
    async fn the_numbers_are_for_those_who_read_all_of_it(house: House) {
        let (mut alice, mut bob) = at_work(&house).await;
        bound(&house, None, Some(2)).await;
        let (shared, all) = (address(SUPPORT), "* QUOTA support@example.org (MESSAGE 2 2)");
        house.app().give(house.operator(), &shared, &address(BOB), within("INBOX", "lri")).await.expect("a grant");
        alice.ok(&format!("GETQUOTAROOT {INBOX}"), all).await;
        let told = bob.ok(&format!("GETQUOTAROOT {INBOX}"), "").await.lines();
        assert_eq!(told, [format!("* QUOTAROOT {INBOX}")]);
        bob.no("GETQUOTA support@example.org", "[NONEXISTENT] No such quota root").await;
        assert!(bob.append(INBOX, "", LETTER.as_bytes()).await.status.starts_with("NO [OVERQUOTA]"));
        // A mailbox that is shut to Alice is not told of, and its mail is in the sum.
        house.app().give(house.operator(), &shared, &address(ALICE), within("Archive", "")).await.expect("a grant");
        alice.ok(&format!("GETQUOTAROOT {INBOX}"), all).await;
        for name in ["Archive", "Absence"] {
            let command = format!("GETQUOTAROOT Shared/support@example.org/{name}");
            let told = alice.ok(&command, "").await.lines();
            assert_eq!(told, [format!("* QUOTAROOT Shared/support@example.org/{name} support@example.org"), all.to_owned()]);
        }

        let backup = wish(Purpose::Backup);
        let old = CredentialWish { older_than_ms: Some(86_400_000), ..backup.clone() };
        let one = CredentialWish { mailboxes: vec![GrantReach::Mailbox(MailboxName::parse("INBOX").expect("a name"))], ..backup.clone() };
        for (wish, reads_all) in [(backup, true), (old, false), (one, false)] {
            let issued = issue(&house, wish).await;
            let mut tool = house.imap(&issued.row.name).await;
            tool.login(SUPPORT, &secret(&issued)).await;
            let told = tool.ok("GETQUOTAROOT INBOX", "").await.lines();
            match reads_all {
                true => assert_eq!(told, ["* QUOTAROOT INBOX support@example.org", all]),
                false => assert_eq!(told, ["* QUOTAROOT INBOX"]),
            }
            let asked = tool.command("GETQUOTA support@example.org").await.status;
            assert_eq!(asked.starts_with("OK"), reads_all, "{asked}");
            tool.no("GETQUOTA alice@example.org", "[NONEXISTENT] No such quota root").await;
            tool.no("SETQUOTA support@example.org (MESSAGE 9)", "[NOPERM]").await;
        }
    }

    /// Alice, rooted at the shared mailbox, has its quota root and no other, not her own either.
    async fn a_rooted_session_has_one_quota_root(house: House) {
        at_work(&house).await;
        let mut rooted = house.imap("rooted").await;
        rooted.login("alice@example.org/support@example.org", postern_testkit::PASSWORD).await;
        rooted.ok("GETQUOTAROOT INBOX", "* QUOTAROOT INBOX support@example.org").await;
        rooted.ok("GETQUOTA support@example.org", "* QUOTA support@example.org ()").await;
        rooted.no("GETQUOTA alice@example.org", "[NONEXISTENT]").await;
    }
}
