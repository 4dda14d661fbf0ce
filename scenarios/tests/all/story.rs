//! The trail of an account, read by somebody new to it.

use crate::people::address;
use postern_app::{GrantReach, GrantTerms, SharedChange};
use postern_http::{call, line, model::AuditPage};
use postern_testkit::{House, PASSWORD, scenario};
use postern_types::{DisplayName, MailboxName, Rights, Secret, SendRights, Timestamp};

const SUPPORT: &str = "Shared/support@example.org";
const LETTER: &str = "From: Customer <customer@example.net>\r\nSubject: Help\r\n\r\nPlease.\r\n";

/// The trail as `audit list` tells it, oldest first, without its times.
async fn told(house: &House, query: &str) -> Vec<String> {
    let target = format!("/api/v1/audit?limit=500&{query}");
    let answered = call(house.app().clone(), 0, "GET", &target, None).await.expect("an answer");
    let page: AuditPage = serde_json::from_slice(&answered.body).expect("a page of the trail");
    page.events.iter().rev().map(|event| line(event).split_once("  ").expect("a time").1.to_owned()).collect()
}

async fn give(house: &House, grantee: &str, reach: GrantReach, letters: &str, until: Option<Timestamp>) {
    let send = SendRights { send_as: letters.contains('k'), send_on_behalf: false };
    let terms =
        GrantTerms { reach, rights: Rights::parse(letters).expect("letters"), send, automap: true, not_after: until };
    house
        .app()
        .give(house.operator(), &address("support@example.org"), &address(grantee), terms)
        .await
        .expect("a grant");
}

scenario! {
    /// What happened in support@, by whom, line by line.
    async fn the_trail_reads_like_a_story(house: House) {
        for person in ["alice@example.org", "bob@example.org", "carol@example.org"] {
            house.person(person).await;
        }
        house.shared("support@example.org").await;
        let team = address("team@example.org");
        house.app().add_group(house.operator(), &team, &DisplayName::default(), &[address("carol@example.org")]).await.expect("a group");
        give(&house, "alice@example.org", GrantReach::Account, "lrswipkxtea", None).await;
        give(&house, "bob@example.org", GrantReach::Account, "lr", Some(Timestamp(4_102_444_800_000))).await;
        give(&house, "team@example.org", GrantReach::Subtree(MailboxName::parse("Archive").expect("a name")), "lrs", None).await;
        house.deliver("support@example.org", LETTER).await;
        house.deliver("support@example.org", LETTER).await;

        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok(&format!("SELECT {SUPPORT}/INBOX"), "* 2 EXISTS").await;
        alice.ok("STORE 1 +FLAGS (\\Flagged $urgent)", "").await;
        alice.ok("STORE 1:2 -FLAGS ($urgent)", "").await;
        alice.ok("STORE 2 FLAGS (\\Seen)", "").await;
        alice.ok(&format!("CREATE {SUPPORT}/Cases"), "").await;
        alice.ok(&format!("COPY 1:2 {SUPPORT}/Cases"), "").await;
        alice.ok("COPY 1 INBOX", "").await;
        alice.ok(&format!("MOVE 2 {SUPPORT}/Archive"), "").await;
        alice.ok("STORE 1 +FLAGS (\\Deleted)", "").await;
        alice.ok("EXPUNGE", "").await;
        alice.append(&format!("{SUPPORT}/Drafts"), "\\Draft", LETTER.as_bytes()).await;
        alice.ok(&format!("RENAME {SUPPORT}/Cases {SUPPORT}/Tickets"), "").await;
        alice.ok(&format!("SETACL {SUPPORT}/Tickets bob@example.org +sw"), "").await;
        alice.ok(&format!("SETACL {SUPPORT}/Drafts carol@example.org lrt"), "").await;
        alice.ok(&format!("DELETEACL {SUPPORT}/Drafts carol@example.org"), "").await;
        alice.ok(&format!("CREATE {SUPPORT}/Passing"), "").await;
        alice.ok(&format!("EXAMINE {SUPPORT}/Passing"), "").await;
        alice.ok("UNSELECT", "").await;
        alice.ok(&format!("DELETE {SUPPORT}/Passing"), "").await;

        let mut rooted = house.imap("rooted").await;
        rooted.login("alice@example.org/support@example.org", PASSWORD).await;
        rooted.ok("EXAMINE INBOX", "").await;
        let mut bob = house.imap_as("bob@example.org").await;
        bob.ok(&format!("EXAMINE {SUPPORT}/INBOX"), "").await;
        bob.no(&format!("MOVE 1 {SUPPORT}/Archive"), "").await;
        house.revoke("support@example.org", "bob@example.org").await;

        let by_alice = [
            "opened INBOX of support@example.org",
            "set \\Flagged, $urgent on message uid 1 in INBOX of support@example.org",
            "took $urgent off message uid 1 in INBOX of support@example.org",
            "set exactly \\Seen on message uid 2 in INBOX of support@example.org",
            "created Cases in support@example.org",
            "copied messages uid 1:2 from INBOX into Tickets of support@example.org as uid 1:2",
            "copied message uid 1 out of INBOX of support@example.org to alice@example.org",
            "moved message uid 2 from INBOX into Archive of support@example.org as uid 1",
            "set \\Deleted on message uid 1 in INBOX of support@example.org",
            "expunged message uid 1 from INBOX of support@example.org",
            "added message uid 1 to Drafts of support@example.org",
            "renamed Cases to Tickets in support@example.org",
            "gave bob@example.org the rights of a contributor (lrsw) on Tickets of support@example.org until 2100-01-01T00:00:00Z",
            "gave carol@example.org the letters lrt on Drafts of support@example.org",
            "took back what carol@example.org held on Drafts of support@example.org",
            "created Passing in support@example.org",
            "opened a deleted mailbox of support@example.org, read-only",
            "deleted Passing of support@example.org with its messages",
            "signed in to support@example.org alone with LOGIN",
            "opened INBOX of support@example.org, read-only",
        ]
        .map(|deed| format!("alice@example.org {deed} (imap from 127.0.0.1)"));
        assert_eq!(told(&house, "account=support@example.org&actor=alice@example.org").await, by_alice);

        let mut whole = vec![
            "operator(0) made the shared mailbox support@example.org (socket)".to_owned(),
            "operator(0) gave alice@example.org the rights of an owner (lrswipkxtea) and send-as on support@example.org (socket)".to_owned(),
            "operator(0) gave bob@example.org the rights of a reader (lr) on support@example.org until 2100-01-01T00:00:00Z (socket)".to_owned(),
            "operator(0) gave team@example.org the letters lrs on Archive and below of support@example.org (socket)".to_owned(),
            "the delivery job added message uid 1 to INBOX of support@example.org (lmtp from 127.0.0.1)".to_owned(),
            "the delivery job added message uid 2 to INBOX of support@example.org (lmtp from 127.0.0.1)".to_owned(),
        ];
        whole.extend(by_alice);
        whole.push("bob@example.org opened INBOX of support@example.org, read-only (imap from 127.0.0.1)".to_owned());
        whole.push("operator(0) took back what bob@example.org held on support@example.org (socket)".to_owned());
        assert_eq!(told(&house, "account=support@example.org").await, whole);

        let mut stranger = house.imap("stranger").await;
        stranger.no("LOGIN carol@example.org wrong", "").await;
        house.app().remove_member(house.operator(), &team, &address("carol@example.org")).await.expect("a member");
        assert_eq!(
            told(&house, "account=carol@example.org").await,
            [
                "operator(0) added the person carol@example.org (socket)",
                "operator(0) added carol@example.org to the group team@example.org (socket)",
                "somebody failed to sign in as carol@example.org with LOGIN: the secret is wrong (imap from 127.0.0.1)",
                "operator(0) took carol@example.org out of the group team@example.org (socket)",
            ]
        );
        assert_eq!(told(&house, "actor=bob@example.org").await[0], "bob@example.org signed in with LOGIN (imap from 127.0.0.1)");
    }

    /// Who reads the trail of support@ alone sees each reader come and go, also by a group, with
    /// a mailbox and by a conversion.
    async fn rights_by_groups_and_mailboxes_are_told(house: House) {
        for person in ["alice@example.org", "bob@example.org", "carol@example.org", "dora@example.org"] {
            house.person(person).await;
        }
        house.shared("support@example.org").await;
        house.shared("billing@example.org").await;
        let (app, operator, team) = (house.app(), house.operator(), address("team@example.org"));
        app.add_group(operator, &team, &DisplayName::default(), &[address("carol@example.org")]).await.expect("a group");
        give(&house, "alice@example.org", GrantReach::Account, "lrswipkxtea", None).await;
        give(&house, "team@example.org", GrantReach::Account, "lr", None).await;
        let start = told(&house, "account=support@example.org").await.len();

        app.add_member(operator, &team, &address("bob@example.org")).await.expect("a member");
        app.add_member(operator, &team, &address("dora@example.org")).await.expect("a member");
        app.add_member(operator, &team, &address("billing@example.org")).await.expect("a member for its mail");
        app.remove_member(operator, &team, &address("bob@example.org")).await.expect("a member");
        app.convert_from_person(operator, &address("dora@example.org"), &[]).await.expect("converted");
        app.remove_group(operator, &team).await.expect("removed");
        let mut alice = house.imap_as("alice@example.org").await;
        for command in [
            format!("CREATE {SUPPORT}/Clients"),
            format!("SETACL {SUPPORT}/Clients carol@example.org lrs"),
            format!("CREATE {SUPPORT}/Clients/Acme"),
            format!("DELETE {SUPPORT}/Clients/Acme"),
        ] {
            alice.ok(&command, "").await;
        }
        give(&house, "carol@example.org", GrantReach::Subtree(MailboxName::parse("Clients").expect("a name")), "lr", None).await;
        alice.ok(&format!("DELETE {SUPPORT}/Clients"), "").await;

        let by_operator = "operator(0)";
        let by_alice = "alice@example.org";
        let expected = [
            (by_operator, "added bob@example.org to the group team@example.org, which is a delegate of support@example.org"),
            (by_operator, "added dora@example.org to the group team@example.org, which is a delegate of support@example.org"),
            (by_operator, "ended what bob@example.org held on support@example.org by the group team@example.org"),
            (by_operator, "ended what dora@example.org held on support@example.org by the group team@example.org"),
            (by_operator, "took back what team@example.org held on support@example.org"),
            (by_alice, "created Clients in support@example.org"),
            (by_alice, "gave carol@example.org the letters lrs on a deleted mailbox of support@example.org"),
            (by_alice, "created Clients/Acme in support@example.org"),
            (by_alice, "let carol@example.org have the letters lrs on a deleted mailbox of support@example.org, as on the mailbox above"),
            (by_alice, "took back what carol@example.org held on a deleted mailbox of support@example.org"),
            (by_alice, "deleted Clients/Acme of support@example.org with its messages"),
            (by_operator, "gave carol@example.org the rights of a reader (lr) on Clients and below of support@example.org"),
            (by_alice, "took back what carol@example.org held on a deleted mailbox of support@example.org"),
            (by_alice, "took back what carol@example.org held on Clients and below of support@example.org"),
            (by_alice, "deleted Clients of support@example.org with its messages"),
        ];
        let expected = expected.map(|(who, deed)| {
            let way = if who == by_operator { "socket" } else { "imap from 127.0.0.1" };
            format!("{who} {deed} ({way})")
        });
        assert_eq!(told(&house, "account=support@example.org").await[start..], expected);
    }

    /// Who signs in by another address of their own is at home, and not in another's mailbox.
    async fn an_alias_of_ones_own_is_no_root(house: House) {
        house.shared("dora@example.org").await;
        let aliases = vec![address("d.ora@example.org")];
        let change = SharedChange { add_aliases: aliases, ..SharedChange::default() };
        house.app().set_shared(house.operator(), &address("dora@example.org"), change).await.expect("it is set");
        house.app().convert_to_person(house.operator(), &address("dora@example.org")).await.expect("a person");
        let password = Secret::new(PASSWORD);
        house.app().set_password(house.operator(), &address("dora@example.org"), password).await.expect("a password");
        house.imap_as("d.ora@example.org").await.ok("LOGOUT", "").await;
        let trail = told(&house, "account=dora@example.org").await;
        assert_eq!(trail.last().map(String::as_str), Some("d.ora@example.org signed in with LOGIN (imap from 127.0.0.1)"), "{trail:?}");
    }
}
