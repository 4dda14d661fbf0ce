//! `report access` and `explain`: what they say is what people meet, and whom they answer.

use crate::people::{address, as_person};
use postern_app::{
    AccessReport, Caller, Denied, GrantReach, GrantTerms, PersonAccess, Question, Refused, Someone, Target, WhyQuery,
};
use postern_testkit::{House, scenario};
use postern_types::{DisplayName, Letter, MailboxName, Rights, SendRights, Timestamp};
use std::collections::BTreeMap;

const SUPPORT: &str = "support@example.org";
const LONG_AGO: Timestamp = Timestamp(1_000);
/// 2100-01-01T00:00:00Z.
const FAR_AHEAD: Timestamp = Timestamp(4_102_444_800_000);

async fn give(house: &House, grantee: &str, reach: GrantReach, letters: &str, until: Option<Timestamp>) {
    let rights = Rights::parse(letters).expect("letters");
    let send = SendRights { send_as: false, send_on_behalf: letters.contains('p') };
    let terms = GrantTerms { reach, rights, send, automap: true, not_after: until };
    house.app().give(house.operator(), &address(SUPPORT), &address(grantee), terms).await.expect("a grant");
}

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).expect("a name")
}

/// support@ with every path to it: direct, by group, narrowed, by a subtree, ended, suspended.
async fn support_desk(house: &House) {
    for person in ["alice", "bob", "carol", "dave", "eve", "frank", "grace"] {
        house.person(&format!("{person}@example.org")).await;
    }
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
    let mut alice = house.imap_as("alice@example.org").await;
    for mailbox in ["Clients", "Clients/Acme", "Clients/Acme/2027"] {
        alice.ok(&format!("CREATE Shared/{SUPPORT}/{mailbox}"), "").await;
    }
    let team = address("team@example.org");
    let members = [address("bob@example.org"), address("carol@example.org")];
    house.app().add_group(house.operator(), &team, &DisplayName::default(), &members).await.expect("a group");
    house
        .app()
        .add_group(house.operator(), &address("void@example.org"), &DisplayName::default(), &[])
        .await
        .expect("a group");
    give(house, "team@example.org", GrantReach::Account, "lrswip", Some(FAR_AHEAD)).await;
    give(house, "void@example.org", GrantReach::Account, "lr", None).await;
    give(house, "bob@example.org", GrantReach::Account, "lrswipkxte", None).await;
    give(house, "bob@example.org", GrantReach::Mailbox(name("Archive")), "lr", None).await;
    give(house, "carol@example.org", GrantReach::Subtree(name("Clients")), "lrkx", None).await;
    give(house, "carol@example.org", GrantReach::Mailbox(name("Clients/Acme")), "", None).await;
    give(house, "dave@example.org", GrantReach::Mailbox(name("INBOX")), "lra", None).await;
    let soon = house.app().now().plus_ms(10 * 60 * 1000);
    give(house, "eve@example.org", GrantReach::Account, "lrswipkxtea", Some(soon)).await;
    house.pass_minutes(11);
    give(house, "frank@example.org", GrantReach::Account, "lrswip", None).await;
    house.app().suspend_person(house.operator(), &address("frank@example.org"), true).await.expect("suspended");
}

async fn report_of(house: &House, caller: &Caller, at: Option<Timestamp>) -> Result<AccessReport, Refused> {
    house.app().access_report(caller, &address(SUPPORT), at).await
}

fn of<'a>(report: &'a AccessReport, person: &str) -> &'a PersonAccess {
    report.people.iter().find(|one| one.address == person).unwrap_or_else(|| panic!("{person} is in the report"))
}

/// Letters as IMAP shows them: with `c` and `d` for clients of RFC 2086 (RFC 4314 section 2.1.1).
fn shown(rights: Rights) -> String {
    let virtual_c = if rights.has(Letter::CreateMailbox) || rights.has(Letter::DeleteMailbox) { "c" } else { "" };
    let deleting = [Letter::DeleteMessages, Letter::Expunge];
    let virtual_d = if deleting.into_iter().any(|letter| rights.has(letter)) { "d" } else { "" };
    format!("{rights}{virtual_c}{virtual_d}")
}

async fn why(house: &House, caller: &Caller, who: &str, verb: &str, target: &str) -> Result<bool, Refused> {
    let query = WhyQuery {
        actor: Someone::parse(who).expect("somebody"),
        question: Question::parse(verb).expect("a verb"),
        target: Target::parse(target).expect("a target"),
        at: None,
        date: |at| at.0.to_string(),
    };
    house.app().explain(caller, query).await.map(|answer| answer.explanation.allowed)
}

/// What is said of somebody, with their address masked.
async fn told(house: &House, caller: &Caller, who: &str, verb: &str) -> String {
    let query = WhyQuery {
        actor: Someone::parse(who).expect("somebody"),
        question: Question::parse(verb).expect("a verb"),
        target: Target::parse(SUPPORT).expect("a target"),
        at: None,
        date: |at| at.0.to_string(),
    };
    let answer = house.app().explain(caller, query).await;
    answer.map_or_else(|refused| refused.to_string(), |answer| answer.explanation.to_string()).replace(who, "{who}")
}

scenario! {
    /// An owner asks about any address at all and learns of those whom support@ concerns; the
    /// others are alike, be they people, suspended, mailboxes, groups or nobody (law 4).
    async fn an_owner_learns_nothing_of_strangers(house: House) {
        support_desk(&house).await;
        house.person("hanna@example.org").await;
        house.app().suspend_person(house.operator(), &address("hanna@example.org"), true).await.expect("suspended");
        house.shared("secret@example.org").await;
        let hidden = address("hidden@example.org");
        house.app().add_group(house.operator(), &hidden, &DisplayName::default(), &[]).await.expect("a group");
        let alice = as_person(&house, "alice@example.org").await;
        for verb in ["read", "expunge", "manage-grants", "send-as", "read-account"] {
            let nobody = told(&house, &alice, "nobody@example.org", verb).await;
            assert!(nobody.contains("{who} is no delegate of this account, nor is any group of theirs."), "{nobody}");
            for who in ["grace", "hanna", "secret", "hidden"] {
                assert_eq!(told(&house, &alice, &format!("{who}@example.org"), verb).await, nobody, "{who}: {verb}");
            }
            // Of whom it concerns she hears why.
            let frank = told(&house, &alice, "frank@example.org", verb).await;
            assert!(frank.contains("{who} is suspended."), "{frank}");
            let admin = told(&house, &alice, "admin@example.org", verb).await;
            assert!(admin.contains("administers the organisation") || verb == "send-as", "{admin}");
            let group = told(&house, &alice, "team@example.org", verb).await;
            assert_eq!(group, "{who} is a group; ask about one of its members");
            let itself = told(&house, &alice, SUPPORT, verb).await;
            assert_eq!(itself, "{who} is a shared mailbox; ask about a person, who acts");
        }
        // Who sees the organisation is told what each address is.
        for admin in [&as_person(&house, "admin@example.org").await, house.operator()] {
            for (who, text) in [
                ("nobody", "There is no person {who}"),
                ("secret", "{who} is a shared mailbox; ask about a person, who acts"),
                ("hidden", "{who} is a group; ask about one of its members"),
            ] {
                assert_eq!(told(&house, admin, &format!("{who}@example.org"), "read").await, text);
            }
            let hanna = told(&house, admin, "hanna@example.org", "read").await;
            assert!(hanna.contains("{who} is suspended."), "{hanna}");
        }
    }

    /// MYRIGHTS of everyone in every mailbox is what the report says, and so is GETACL for
    /// those who come by their own grants alone (RFC 4314 sections 3.3 and 3.5).
    async fn the_report_is_what_people_meet(house: House) {
        support_desk(&house).await;
        let report = report_of(&house, house.operator(), None).await.expect("a report");
        assert_eq!(report.mailboxes[0], "INBOX");
        assert!(report.mailboxes.contains(&"Clients/Acme/2027".to_owned()), "{:?}", report.mailboxes);
        let mut compared = 0;
        for person in ["alice@example.org", "bob@example.org", "carol@example.org", "dave@example.org", "eve@example.org", "grace@example.org", "admin@example.org"] {
            let told = report.people.iter().find(|one| one.address == person);
            let elsewhere: BTreeMap<&str, Rights> =
                told.map(|one| one.elsewhere.iter().map(|(name, rights)| (name.as_str(), *rights)).collect()).unwrap_or_default();
            let whole = told.map_or(Rights::NONE, |one| one.rights);
            let mut client = house.imap_as(person).await;
            for mailbox in &report.mailboxes {
                let rights = elsewhere.get(mailbox.as_str()).copied().unwrap_or(whole);
                let path = format!("Shared/{SUPPORT}/{mailbox}");
                let command = format!("MYRIGHTS {path}");
                if rights.is_empty() {
                    client.no(&command, "[NONEXISTENT] No such mailbox").await;
                } else {
                    let line = client.ok(&command, "MYRIGHTS").await.line_with("MYRIGHTS").expect("a line");
                    assert_eq!(line, format!("* MYRIGHTS {path} {}", shown(rights)), "{person}");
                    compared += 1;
                }
            }
        }
        assert!(compared > 25, "{compared} lines were compared");
        let mut alice = house.imap_as("alice@example.org").await;
        for mailbox in &report.mailboxes {
            let acl = alice.ok(&format!("GETACL Shared/{SUPPORT}/{mailbox}"), "* ACL").await;
            let line = acl.line_with("* ACL").expect("a line");
            for person in ["alice@example.org", "dave@example.org"] {
                let one = of(&report, person);
                let rights = one.elsewhere.iter().find(|(name, _)| name == mailbox).map_or(one.rights, |(_, rights)| *rights);
                assert_eq!(line.contains(&format!("{person} {}", shown(rights))), !rights.is_empty(), "{line}");
            }
        }
    }

    /// Those who no longer can, and those who never could by what they are, are told apart.
    async fn the_report_names_everyone_it_concerns(house: House) {
        support_desk(&house).await;
        let report = report_of(&house, house.operator(), None).await.expect("a report");
        let people: Vec<&str> = report.people.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(
            people,
            ["admin@example.org", "alice@example.org", "bob@example.org", "carol@example.org", "dave@example.org", "eve@example.org", "frank@example.org"],
            "Grace, who holds nothing, is no part of it"
        );
        let part: Vec<&str> = report.people.iter().filter(|one| one.takes_part).map(|one| one.address.as_str()).collect();
        assert_eq!(part, ["alice@example.org", "bob@example.org", "carol@example.org", "dave@example.org"]);
        let managing: Vec<&str> =
            report.people.iter().filter(|one| one.manages_delegates).map(|one| one.address.as_str()).collect();
        assert_eq!(managing, ["admin@example.org", "alice@example.org"], "an administrator, and the owner of all of it");
        let (admin, eve, frank) = (of(&report, "admin@example.org"), of(&report, "eve@example.org"), of(&report, "frank@example.org"));
        assert!(admin.administrator && admin.rights.is_empty() && admin.grants.is_empty());
        assert!(!eve.grants[0].counts && eve.rights.is_empty());
        assert!(frank.suspended && frank.grants[0].counts && frank.rights.is_empty());

        let bob = of(&report, "bob@example.org");
        assert_eq!((bob.grants.len(), bob.grants.iter().filter(|grant| grant.by_group).count()), (3, 1));
        assert_eq!(bob.until, Some(FAR_AHEAD), "what comes by the group ends");
        assert_eq!((of(&report, "alice@example.org").until, eve.until), (None, None), "nothing more changes");
        assert_eq!(bob.voice, Some(postern_app::Voice::OnBehalf));
        // Across a person and their groups letters add up: his own grant narrows his own alone.
        assert_eq!(bob.elsewhere, [("Archive".to_owned(), Rights::parse("lrswip").expect("letters"))]);
        let later = report_of(&house, house.operator(), Some(FAR_AHEAD)).await.expect("a report");
        assert_eq!(of(&later, "bob@example.org").elsewhere, [("Archive".to_owned(), Rights::READER)]);
        assert!(of(&later, "carol@example.org").rights.is_empty(), "only her own grants are left");
        assert!(matches!(report_of(&house, house.operator(), Some(LONG_AGO)).await, Err(Refused::Rule(_))));
    }

    /// Of what a new grant takes the place, and which decide over it, is told of those that count:
    /// what has ended held nothing back.
    async fn what_has_ended_is_neither_replaced_nor_in_the_way(house: House) {
        house.person("bob@example.org").await;
        house.shared(SUPPORT).await;
        let soon = Some(house.app().now().plus_ms(10 * 60 * 1000));
        let later = Some(FAR_AHEAD);
        let archive = GrantReach::Mailbox(name("Archive"));
        give(&house, "bob@example.org", GrantReach::Account, "lr", soon).await;
        give(&house, "bob@example.org", archive, "l", soon).await;
        let again = async |until| {
            let terms = GrantTerms {
                reach: GrantReach::Account,
                rights: Rights::FULL_ACCESS,
                send: SendRights::NONE,
                automap: true,
                not_after: until,
            };
            let (support, bob) = (address(SUPPORT), address("bob@example.org"));
            let given = house.app().give(house.operator(), &support, &bob, terms).await.expect("a grant");
            (given.replaced.is_some(), given.narrower.len())
        };
        assert_eq!(again(soon).await, (true, 1), "as long as both count");
        house.pass_minutes(11);
        assert_eq!(again(later).await, (false, 0));
        assert_eq!(again(later).await, (true, 0));
    }

    /// What somebody calls the mailboxes of their own is theirs (docs/decisions/0015-asking-why.md):
    /// administrators are told of those that others come into, and of no others.
    async fn the_report_names_no_private_mailbox(house: House) {
        for person in ["alice@example.org", "bob@example.org"] {
            house.person(person).await;
        }
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("CREATE Diary", "").await;
        alice.ok("CREATE Plans", "").await;
        alice.ok("SETACL Plans bob@example.org lr", "").await;
        let hers = as_person(&house, "alice@example.org").await;
        let mut told = Vec::new();
        for caller in [house.operator(), &hers] {
            let report = house.app().access_report(caller, &address("alice@example.org"), None).await.expect("a report");
            told.push((report.mailboxes.contains(&"Diary".to_owned()), report.mailboxes.contains(&"Plans".to_owned())));
        }
        assert_eq!(told, [(false, true), (true, true)]);
    }

    /// That a mailbox is shown by itself may end while every letter stays.
    async fn the_report_tells_when_a_mailbox_is_no_longer_shown(house: House) {
        house.person("bob@example.org").await;
        house.shared(SUPPORT).await;
        let (team, bob) = (address("team@example.org"), address("bob@example.org"));
        house.app().add_group(house.operator(), &team, &DisplayName::default(), std::slice::from_ref(&bob)).await.expect("a group");
        let (rights, send) = (Rights::READER, SendRights::NONE);
        let hidden = GrantTerms { reach: GrantReach::Account, rights, send, automap: false, not_after: None };
        house.app().give(house.operator(), &address(SUPPORT), &bob, hidden).await.expect("a grant");
        give(&house, "team@example.org", GrantReach::Account, "lr", Some(FAR_AHEAD)).await;

        let report = report_of(&house, house.operator(), None).await.expect("a report");
        let found = of(&report, "bob@example.org");
        assert_eq!((found.automap, found.until), (true, Some(FAR_AHEAD)));
        let later = report_of(&house, house.operator(), Some(FAR_AHEAD)).await.expect("a report");
        let found = of(&later, "bob@example.org");
        assert_eq!((found.rights, found.automap, found.until), (rights, false, None));
    }

    /// Who answers for an account is answered; everyone about themselves; others hear what
    /// they hear of any account that is not theirs (law 4).
    async fn who_may_ask(house: House) {
        support_desk(&house).await;
        let nothing = "nothing@example.org";
        let (alice, admin) = (as_person(&house, "alice@example.org").await, as_person(&house, "admin@example.org").await);
        let (bob, grace) = (as_person(&house, "bob@example.org").await, as_person(&house, "grace@example.org").await);
        let dave = as_person(&house, "dave@example.org").await;
        for asker in [&alice, &admin, house.operator()] {
            assert!(report_of(&house, asker, None).await.is_ok());
            assert_eq!(why(&house, asker, "bob@example.org", "expunge", SUPPORT).await.ok(), Some(true));
            assert_eq!(why(&house, asker, "bob@example.org", "expunge", &format!("{SUPPORT}/Archive")).await.ok(), Some(false));
            assert_eq!(why(&house, asker, "carol@example.org", "read", &format!("{SUPPORT}/Clients/Acme")).await.ok(), Some(true));
            assert_eq!(why(&house, asker, "grace@example.org", "list", SUPPORT).await.ok(), Some(false));
            assert_eq!(why(&house, asker, "delivery", "append", SUPPORT).await.ok(), Some(true));
        }
        let denied = |outcome: Result<bool, Refused>| match outcome {
            Err(Refused::Denied(denied)) => denied,
            other => panic!("answered {other:?}"),
        };
        // Delegates about themselves, and about nobody else.
        assert_eq!(why(&house, &bob, "bob@example.org", "store", &format!("{SUPPORT}/Archive")).await.ok(), Some(true));
        assert_eq!(why(&house, &bob, "bob@example.org", "manage-grants", SUPPORT).await.ok(), Some(false));
        assert_eq!(why(&house, &bob, "bob@example.org", "send-as", SUPPORT).await.ok(), Some(false));
        assert!(matches!(denied(why(&house, &bob, "alice@example.org", "read", SUPPORT).await), Denied::NotYours { .. }));
        assert!(matches!(report_of(&house, &bob, None).await, Err(Refused::Denied(Denied::NotYours { .. }))));
        // Of what they do not see they hear nothing, not even about themselves.
        assert_eq!(why(&house, &dave, "dave@example.org", "read", SUPPORT).await.ok(), Some(true));
        for mailbox in ["Archive", "Nothing"] {
            let target = format!("{SUPPORT}/{mailbox}");
            assert_eq!(denied(why(&house, &dave, "dave@example.org", "read", &target).await), Denied::Hidden);
        }
        for who in ["grace@example.org", "alice@example.org", "nobody@example.org"] {
            for verb in ["read", "manage-grants", "send-as"] {
                assert_eq!(denied(why(&house, &grace, who, verb, SUPPORT).await), Denied::Hidden);
                assert_eq!(denied(why(&house, &grace, who, verb, nothing).await), Denied::Hidden);
            }
        }
        assert!(matches!(report_of(&house, &grace, None).await, Err(Refused::Denied(Denied::Hidden))));
        let absent = house.app().access_report(&grace, &address(nothing), None).await;
        assert!(matches!(absent, Err(Refused::Denied(Denied::Hidden))));
        assert!(matches!(denied(why(&house, &grace, "grace@example.org", "manage-people", "organisation").await), Denied::NotYours { .. }));
    }
}
