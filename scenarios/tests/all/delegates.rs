//! Delegates: who may do what in a shared mailbox, seen by a second session.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postern_app::{AuditActor, AuditQuery, GrantReach, GrantTerms, Named};
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use postern_types::{Address, MailboxName, Rights, SendRights};

const LETTER: &str =
    "From: Customer <customer@example.net>\r\nSubject: It does not start\r\n\r\nSince this morning.\r\n";
const INBOX: &str = "Shared/support@example.org/INBOX";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

fn mailbox(name: &str) -> GrantReach {
    GrantReach::Mailbox(MailboxName::parse(name).expect("a name"))
}

fn account_wide(letters: &str) -> GrantTerms {
    GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::parse(letters).expect("letters"),
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
}

async fn give(house: &House, grantee: &str, reach: GrantReach, letters: &str) {
    let terms = GrantTerms { reach, ..account_wide(letters) };
    let (shared, grantee) = (address("support@example.org"), address(grantee));
    house.app().give(house.operator(), &shared, &grantee, terms).await.expect("a grant");
}

/// support@ with its owner Alice and the stranger Bob.
async fn owned(house: &House) -> (ImapClient, ImapClient) {
    for person in ["alice@example.org", "bob@example.org", "carol@example.org"] {
        house.person(person).await;
    }
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxtea").await;
    house.deliver("support@example.org", LETTER).await;
    (house.imap_as("alice@example.org").await, house.imap_as("bob@example.org").await)
}

scenario! {
    /// RFC 4314 section 3: an owner gives, narrows and takes away in her mail program, and
    /// what she does shows at the other's next command.
    async fn an_owner_manages_delegates_over_imap(house: House) {
        let (mut alice, mut bob) = owned(&house).await;
        alice.ok("CAPABILITY", " ACL RIGHTS=kxte").await;
        alice.ok(&format!("MYRIGHTS {INBOX}"), &format!("* MYRIGHTS {INBOX} lrswipkxteacd")).await;
        bob.no(&format!("MYRIGHTS {INBOX}"), "[NONEXISTENT] No such mailbox").await;

        alice.ok(&format!("SETACL {INBOX} bob@example.org lrs"), "").await;
        bob.ok(&format!("MYRIGHTS {INBOX}"), format!("* MYRIGHTS {INBOX} lrs\r\n").trim_end()).await;
        bob.ok(&format!("SELECT {INBOX}"), "[READ-WRITE]").await; // s alone: \Seen may be kept
        bob.no(&format!("GETACL {INBOX}"), "[NOPERM]").await;
        bob.no(&format!("SETACL {INBOX} bob@example.org +a"), "[NOPERM]").await;
        bob.no(&format!("LISTRIGHTS {INBOX} bob@example.org"), "[NOPERM]").await;
        let acl = alice.ok(&format!("GETACL {INBOX}"), "* ACL ").await;
        assert!(acl.has(&format!("* ACL {INBOX} alice@example.org lrswipkxteacd bob@example.org lrs")), "{:?}", acl.lines());

        alice.ok(&format!("SETACL {INBOX} bob@example.org +te"), "").await;
        bob.ok("STORE 1 +FLAGS (\\Deleted)", "\\Deleted").await;
        alice.ok(&format!("SETACL {INBOX} bob@example.org -e"), "").await;
        bob.no("EXPUNGE", "[NOPERM]").await;
        let rights = alice.ok(&format!("LISTRIGHTS {INBOX} bob@example.org"), "* LISTRIGHTS ").await;
        assert!(rights.has("bob@example.org \"\" l r s w i p k x t e a"), "{:?}", rights.lines());

        alice.ok(&format!("DELETEACL {INBOX} bob@example.org"), "").await;
        bob.no("FETCH 1 FLAGS", "[NONEXISTENT] No such mailbox").await;
        assert!(!bob.ok("LIST \"\" *", "").await.has("Shared"));
    }

    /// RFC 4314 section 2: identifiers that are nobody here, or everybody, are refused in words.
    async fn identifiers_are_people_and_groups(house: House) {
        let (mut alice, mut bob) = owned(&house).await;
        for identifier in ["anyone", "Anonymous", "-bob@example.org", "dave@example.org", "support@example.org", "bob"] {
            alice.no(&format!("SETACL {INBOX} {identifier} lr"), "[CANNOT]").await;
            alice.no(&format!("LISTRIGHTS {INBOX} {identifier}"), "[CANNOT]").await;
            bob.no(&format!("SETACL {INBOX} {identifier} lr"), "[NONEXISTENT] No such mailbox").await;
        }
        alice.no("SETACL INBOX alice@example.org lr", "[CANNOT]").await;
        alice.ok("LISTRIGHTS INBOX alice@example.org", "alice@example.org lrswipkxtea").await;
        alice.bad(&format!("SETACL {INBOX} bob@example.org lq"), "").await;
    }

    /// One's own mailboxes can be shared too: they appear under one's address.
    async fn a_person_shares_a_mailbox_of_their_own(house: House) {
        let (mut alice, mut bob) = owned(&house).await;
        alice.ok("CREATE Projects", "").await;
        alice.ok("SETACL Projects bob@example.org lr", "").await;
        assert!(bob.ok("LIST \"\" *", "").await.has("Shared/alice@example.org/Projects"));
        bob.ok("SELECT Shared/alice@example.org/Projects", "[READ-ONLY]").await;
        bob.no("SELECT Shared/alice@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;
        alice.ok("CREATE Projects/2027", "").await; // new children copy the parent's grants
        bob.ok("SELECT Shared/alice@example.org/Projects/2027", "[READ-ONLY]").await;
    }

    /// Nobody gives what they do not hold (docs/decisions/0004-no-escalation.md).
    async fn who_holds_a_gives_what_they_hold(house: House) {
        let (mut alice, mut bob) = owned(&house).await;
        give(&house, "bob@example.org", mailbox("INBOX"), "lra").await;
        bob.no(&format!("SETACL {INBOX} carol@example.org lrw"), "[NOPERM] You may not give the right to change flags").await;
        bob.no(&format!("SETACL {INBOX} bob@example.org +w"), "[NOPERM]").await;
        bob.ok(&format!("SETACL {INBOX} carol@example.org lr"), "").await;
        bob.ok(&format!("LISTRIGHTS {INBOX} carol@example.org"), "carol@example.org \"\" l r a").await;
        // To narrow is to take away; to undo it is to give, and that is for who holds it.
        bob.ok(&format!("SETACL {INBOX} alice@example.org lra"), "").await;
        bob.no(&format!("SETACL {INBOX} alice@example.org +w"), "[NOPERM]").await;
        alice.ok(&format!("MYRIGHTS {INBOX}"), "MYRIGHTS").await;
    }

    /// The most specific grant decides: mailbox over subtree over account (docs/design.md section 4).
    async fn a_narrow_grant_decides_where_it_reaches(house: House) {
        let (mut alice, mut bob) = owned(&house).await;
        for name in ["Clients", "Clients/Acme", "Clients/Acme/2027"] {
            alice.ok(&format!("CREATE Shared/support@example.org/{name}"), "").await;
        }
        give(&house, "bob@example.org", GrantReach::Account, "lr").await;
        give(&house, "bob@example.org", GrantReach::Subtree(MailboxName::parse("Clients").expect("a name")), "lrsw").await;
        give(&house, "bob@example.org", mailbox("Clients/Acme"), "").await;
        let list = bob.ok("LIST \"\" Shared/* RETURN (MYRIGHTS)", "").await;
        let rights = |name: &str| list.line_with(&format!("MYRIGHTS Shared/support@example.org/{name} "));
        assert!(rights("INBOX").is_some_and(|line| line.trim_end().ends_with(" lr")), "{:?}", list.lines());
        assert!(rights("Clients").is_some_and(|line| line.trim_end().ends_with(" lrsw")), "{:?}", list.lines());
        assert!(rights("Clients/Acme/2027").is_some_and(|line| line.trim_end().ends_with(" lrsw")), "{:?}", list.lines());
        assert_eq!(rights("Clients/Acme"), None, "{:?}", list.lines());

        // Rights stay with what they were given on: a subtree keeps them under its new name.
        alice.ok("RENAME Shared/support@example.org/Clients Shared/support@example.org/Customers", "").await;
        bob.ok("MYRIGHTS Shared/support@example.org/Customers/Acme/2027", " lrsw").await;
        bob.no("MYRIGHTS Shared/support@example.org/Customers/Acme", "[NONEXISTENT]").await;

        // A subtree's grant ends with the mailbox at its top.
        for name in ["Customers/Acme/2027", "Customers/Acme", "Customers"] {
            alice.ok(&format!("DELETE Shared/support@example.org/{name}"), "").await;
        }
        alice.ok("CREATE Shared/support@example.org/Customers", "").await;
        let mine = bob.ok("MYRIGHTS Shared/support@example.org/Customers", "").await;
        assert!(mine.line_with("MYRIGHTS").is_some_and(|line| line.trim_end().ends_with(" lr")), "{:?}", mine.lines());
    }

    /// What is named beside a grant takes its end along, and a grant that has ended goes on as it
    /// was: nobody holds more, or longer, than somebody said.
    async fn what_is_given_beside_a_grant_keeps_its_bounds(house: House) {
        house.person("bob@example.org").await;
        house.shared("support@example.org").await;
        let (support, bob) = (address("support@example.org"), address("bob@example.org"));
        let (friday, later) = (house.now().plus_ms(600_000), house.now().plus_ms(6_000_000));
        let terms = GrantTerms { not_after: Some(friday), automap: false, ..account_wide("lr") };
        house.app().give(house.operator(), &support, &bob, terms).await.expect("a grant");
        let usual = |reach| GrantTerms { reach, ..account_wide("lrswipkxte") };
        let sends = Named { send_as: Some(true), send_on_behalf: None, automap: None };
        let beside = house.app().give_beside(house.operator(), &support, &bob, usual(mailbox("Sent")), sends).await;
        let row = beside.expect("a grant").row;
        assert_eq!((row.rights.to_string().as_str(), row.send.send_as, row.automap), ("lr", true, false));
        assert_eq!(row.not_after, Some(friday));

        house.pass_minutes(11);
        let refused = house.app().give_beside(house.operator(), &support, &bob, usual(GrantReach::Account), sends).await;
        let refused = refused.expect_err("it has ended").to_string();
        assert_eq!(refused, "What bob@example.org held has ended; name an end, a role or letters");
        let ends = Named { send_as: None, send_on_behalf: None, automap: None };
        let terms = GrantTerms { not_after: Some(later), ..usual(GrantReach::Account) };
        let row = house.app().give_beside(house.operator(), &support, &bob, terms, ends).await.expect("a grant").row;
        assert_eq!((row.rights.to_string().as_str(), row.send.send_as, row.automap), ("lr", false, false));
        assert_eq!(row.not_after, Some(later));

        // What was narrowed to nothing can be given an end, and stays nothing until then.
        let nothing = GrantTerms { reach: mailbox("Sent"), ..account_wide("") };
        house.app().give(house.operator(), &support, &bob, nothing).await.expect("a grant of nothing narrows");
        let terms = GrantTerms { not_after: Some(later), ..usual(mailbox("Sent")) };
        let row = house.app().give_beside(house.operator(), &support, &bob, terms, ends).await.expect("a grant").row;
        assert_eq!((row.rights.is_empty(), row.not_after), (true, Some(later)));
    }

    /// What ends by the clock ends sessions that wait, too: nobody has to ask.
    async fn who_waits_hears_of_an_end(house: House) {
        let (_alice, mut bob) = owned(&house).await;
        give(&house, "bob@example.org", GrantReach::Account, "lr").await;
        let (mut rooted, mut between) = (house.imaps("rooted").await, house.imaps("between commands").await);
        rooted.login("bob@example.org/support@example.org", PASSWORD).await;
        between.login("bob@example.org/support@example.org", PASSWORD).await;
        bob.ok("SELECT Shared/support@example.org/INBOX", "").await;
        bob.idle().await;
        rooted.idle().await;
        let (support, grantee) = (address("support@example.org"), address("bob@example.org"));
        let end = Some(house.now().plus_ms(10_000));
        let terms = GrantTerms { not_after: end, ..account_wide("lr") };
        house.app().give(house.operator(), &support, &grantee, terms).await.expect("a grant");
        bob.until("* BYE The mailbox can not be read any more").await;
        rooted.until("* BYE Your sign-in has ended").await;
        between.until("* BYE Your sign-in has ended").await;
    }

    /// `alice@example.org/support@example.org`: the session is Alice's, and support@ is at the
    /// top and all there is (docs/design.md section 7, RFC 4616 section 2 for the authzid).
    async fn a_session_rooted_at_one_shared_mailbox(house: House) {
        let (_alice, mut bob) = owned(&house).await;
        let plain = |authzid: &str| STANDARD.encode(format!("{authzid}\0alice@example.org\0{PASSWORD}"));
        for sign_in in [
            format!("LOGIN alice@example.org/support@example.org \"{PASSWORD}\""),
            format!("LOGIN \"alice@example.org\\\\support@example.org\" \"{PASSWORD}\""),
            format!("AUTHENTICATE PLAIN {}", plain("support@example.org")),
        ] {
            let mut rooted = house.imaps("rooted").await;
            rooted.ok(&sign_in, "").await;
            rooted.ok("NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL").await;
            let list = rooted.ok("LIST \"\" *", "\"/\" INBOX").await;
            assert!(list.has("\"/\" Sent") && !list.has("Shared"), "{:?}", list.lines());
            rooted.ok("SELECT INBOX", "* 1 EXISTS").await;
            rooted.ok("FETCH 1 BODY.PEEK[TEXT]", "Since this morning.").await;
            for name in ["Shared/support@example.org/INBOX", "Shared/alice@example.org/INBOX"] {
                rooted.no(&format!("SELECT {name}"), "[NONEXISTENT] No such mailbox").await;
            }
            rooted.ok("LOGOUT", "").await;
        }

        // There everything is subscribed to, whether or not it is beside her own mail.
        let (support, alice) = (address("support@example.org"), address("alice@example.org"));
        let terms = GrantTerms { automap: false, ..account_wide("lrswipkxtea") };
        house.app().give(house.operator(), &support, &alice, terms).await.expect("a grant");
        let mut rooted = house.imaps("rooted").await;
        rooted.login("alice@example.org/support@example.org", PASSWORD).await;
        rooted.ok("LSUB \"\" *", "* LSUB () \"/\" INBOX").await;
        let mut beside = house.imap_as("alice@example.org").await;
        assert!(!beside.ok("LSUB \"\" *", "INBOX").await.has("Shared"), "not beside her own");

        // A mailbox that is not hers, one that nobody has and a wrong password: the same bytes.
        house.shared("billing@example.org").await;
        let mut refusals = Vec::new();
        for (name, password) in [
            ("alice@example.org/billing@example.org", PASSWORD),
            ("alice@example.org/nothing@example.org", PASSWORD),
            ("alice@example.org/", PASSWORD),
            ("alice@example.org/support@example.org", "wrong"),
            ("alice@example.org", "wrong"),
        ] {
            let mut stranger = house.imaps("stranger").await;
            refusals.push(stranger.command(&format!("LOGIN {name} \"{password}\"")).await.status);
        }
        refusals.dedup();
        assert_eq!(refusals, ["NO [AUTHENTICATIONFAILED] The name or the password is wrong"]);

        // What she does there is hers on the trail; when her grant goes, the session goes too.
        let mut rooted = house.imaps("rooted").await;
        rooted.login("alice@example.org/support@example.org", PASSWORD).await;
        rooted.ok("CREATE Cases", "").await;
        bob.no("SELECT Shared/support@example.org/Cases", "[NONEXISTENT]").await;
        let mut waiting = house.imaps("waiting").await;
        waiting.login("alice@example.org/support@example.org", PASSWORD).await;
        waiting.idle().await;
        house.revoke("support@example.org", "alice@example.org").await;
        waiting.until("* BYE Your sign-in has ended").await;
        assert_eq!(rooted.closed().await, ["* BYE Your sign-in has ended"]);
        let query = AuditQuery {
            account: Some(address("support@example.org")),
            actor: Some(AuditActor::Person(address("alice@example.org"))),
            most: 50,
            ..AuditQuery::default()
        };
        let trail = house.app().audit(house.operator(), query).await.expect("the trail");
        let actions: Vec<&str> = trail.iter().map(|row| row.action.as_str()).collect();
        assert!(actions.contains(&"mailbox.created") && actions.contains(&"sign-in.accepted"), "{actions:?}");
    }
}
