//! What is hidden is answered as what is absent, byte for byte (docs/design.md law 4; RFC 4314
//! section 6, RFC 5530 section 3).
//!
//! The commands come from the table of commands, so one that is added is tried here from its
//! first day. A stranger sends each with the name of a mailbox that is there and with one of
//! equal length that is not; with the name masked, all that the server says must be equal.
//! The control: to a reader of the mailbox the same commands are not answered alike.

use postern_imap_wire::COMMANDS;
use postern_testkit::{House, ImapClient, scenario};
use postern_types::DisplayName;

/// Names that are there, and names of equal length that are not.
const PAIRS: [(&str, &str); 5] = [
    // A mailbox in an account of which she sees nothing.
    ("Shared/support@example.org/Secret", "Shared/support@example.org/Absent"),
    // Every account has an INBOX; the account itself is what is hidden.
    ("Shared/support@example.org/INBOX", "Shared/supp0rt@example.org/INBOX"),
    // Somebody's own account, and that of someone suspended.
    ("Shared/alice@example.org/INBOX", "Shared/alise@example.org/INBOX"),
    ("Shared/david@example.org/INBOX", "Shared/dawid@example.org/INBOX"),
    // A group has an address and no mailboxes.
    ("Shared/everyone@example.org/INBOX", "Shared/everybdy@example.org/INBOX"),
];

/// Letters that show the mailbox, and none of those that change it.
const READER: &str = "lr";

async fn support_desk(house: &House) {
    for person in ["alice@example.org", "bob@example.org", "carol@example.org", "david@example.org"] {
        house.person(person).await;
    }
    house.shared("support@example.org").await;
    house.grant("support@example.org", "alice@example.org", "lrswipkxte").await;
    house.grant("support@example.org", "bob@example.org", READER).await;
    let address = |text: &str| postern_types::Address::parse(text).expect("an address");
    house.app().suspend_person(house.operator(), &address("david@example.org"), true).await.expect("suspended");
    let members = [address("alice@example.org")];
    house
        .app()
        .add_group(house.operator(), &address("everyone@example.org"), &DisplayName::default(), &members)
        .await
        .expect("a group");
    let mut alice = house.imap_as("alice@example.org").await;
    alice.ok("CREATE Shared/support@example.org/Secret", "").await;
    alice.ok("CREATE Shared/support@example.org/Secret/Below", "").await;
    let added =
        alice.append("Shared/support@example.org/Secret", "", b"Subject: secret\r\n\r\nNobody knows.\r\n").await;
    assert!(added.status.starts_with("OK"), "{}", added.status);
    for person in ["bob@example.org", "carol@example.org"] {
        let mut client = house.imap_as(person).await;
        client.ok("CREATE Elsewhere", "").await;
        let added = client.append("INBOX", "", b"Subject: mine\r\n\r\nOwn mail.\r\n").await;
        assert!(added.status.starts_with("OK"), "{}", added.status);
    }
}

/// Every command of the table that names a mailbox, ready to be given the name.
fn examples() -> Vec<String> {
    let mut examples: Vec<String> =
        COMMANDS.iter().flat_map(|spec| spec.mailbox_examples).map(|example| (*example).to_owned()).collect();
    assert!(examples.len() > 20, "the table names mailboxes in many commands");
    // Forms that the table does not show: a source that is not there, a name that announces
    // children, a purpose, a wildcard, a literal that waits to be asked for.
    for more in [
        "RENAME Nowhere {mailbox}",
        "CREATE {mailbox}/",
        "CREATE {mailbox}/Below",
        "CREATE {mailbox} (USE (\\Archive))",
        "LIST \"\" {mailbox}*",
        "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" {mailbox}*",
        "LSUB \"\" {mailbox}*",
        "COPY 9 {mailbox}",
        "SELECT {mailbox} (CONDSTORE)",
        "STATUS {mailbox} (HIGHESTMODSEQ)",
        "APPEND {mailbox} {4}",
    ] {
        examples.push(more.to_owned());
    }
    examples
}

/// Everything the server says to a command, and to a NOOP after it.
async fn transcript(client: &mut ImapClient, tag: &str, command: &str) -> Vec<u8> {
    client.send(format!("{tag} {command}\r\n").as_bytes()).await;
    let mut said = Vec::new();
    loop {
        let response = client.response().await;
        said.extend_from_slice(&response);
        said.extend_from_slice(b"\r\n");
        if response.starts_with(b"+") {
            client.send(b"a: b\r\n").await;
        }
        if response.starts_with(format!("{tag} ").as_bytes()) {
            break;
        }
    }
    client.send(b"after NOOP\r\n").await;
    loop {
        let response = client.response().await;
        said.extend_from_slice(&response);
        said.extend_from_slice(b"\r\n");
        if response.starts_with(b"after ") {
            return said;
        }
    }
}

/// The same with the name masked wherever it is said.
fn masked(said: &[u8], name: &str) -> String {
    String::from_utf8_lossy(said).replace(name, "{mailbox}")
}

/// What someone hears when they send an example with a name, in a state that is always the
/// same: their INBOX selected, nothing changed by the command before.
async fn heard(client: &mut ImapClient, example: &str, name: &str) -> String {
    client.command("SELECT INBOX").await;
    let said = transcript(client, "probe", &example.replace("{mailbox}", name)).await;
    masked(&said, name)
}

async fn client(house: &House, who: &str, rev2: bool) -> ImapClient {
    let mut client = house.imap_as(who).await;
    if rev2 {
        client.ok("ENABLE IMAP4rev2", "IMAP4rev2").await;
    }
    // What the first SELECT alone says, \Recent, is said here.
    client.ok("SELECT INBOX", "").await;
    client
}

scenario! {
    /// Law 4, for every command of the table, as IMAP4rev1 and as IMAP4rev2.
    async fn hidden_is_answered_as_absent(house: House) {
        support_desk(&house).await;
        for rev2 in [false, true] {
            let mut carol = client(&house, "carol@example.org", rev2).await;
            for example in examples() {
                for (hidden, absent) in PAIRS {
                    assert_eq!(hidden.len(), absent.len(), "names of equal length");
                    let of_hidden = heard(&mut carol, &example, hidden).await;
                    let of_absent = heard(&mut carol, &example, absent).await;
                    assert_eq!(of_hidden, of_absent, "{example} tells {hidden} from {absent}");
                    assert!(!of_hidden.contains("Secret") && !of_hidden.contains("probe OK ["), "{example}: {of_hidden}");
                }
            }
        }
    }

    /// A grant without `l` shows nothing either (RFC 4314 section 6): whoever may send to a
    /// mailbox is not told by IMAP that it is there.
    async fn a_grant_without_lookup_shows_nothing(house: House) {
        support_desk(&house).await;
        house.grant("support@example.org", "carol@example.org", "p").await;
        let mut carol = client(&house, "carol@example.org", false).await;
        let (hidden, absent) = PAIRS[0];
        for example in examples() {
            let of_hidden = heard(&mut carol, &example, hidden).await;
            let of_absent = heard(&mut carol, &example, absent).await;
            assert_eq!(of_hidden, of_absent, "{example} tells a mailbox without `l` from an absent one");
        }
    }

    /// The control: a comparison that could not fail would prove nothing. To Bob, who reads
    /// the mailbox, it is not absent.
    async fn a_reader_is_told_the_difference(house: House) {
        support_desk(&house).await;
        let (there, absent) = PAIRS[0];
        let mut alike = Vec::new();
        let mut bob = client(&house, "bob@example.org", false).await;
        for example in examples() {
            if heard(&mut bob, &example, there).await == heard(&mut bob, &example, absent).await {
                alike.push(example);
            }
        }
        // What is the same to a reader: commands that are not served, refusals that depend on
        // the command's own words or on other names, and what a reader may nowhere do.
        for command in ["SELECT {", "EXAMINE {", "DELETE {", "LIST \"\" {", "STATUS {mailbox} (MESSAGES", "APPEND {", "COPY 1", "MOVE 1", "UID COPY", "UID MOVE", "SUBSCRIBE"] {
            let same: Vec<&String> = alike.iter().filter(|example| example.starts_with(command)).collect();
            let only_by_parameter = same.iter().all(|example| example.ends_with("(CONDSTORE)"));
            assert!(only_by_parameter, "{same:?} is answered to a reader as if it were absent");
        }
    }

    /// Letters on one account are none on another, and a grant that ended leaves nothing: who
    /// lost a mailbox is answered as who never had it.
    async fn a_lost_mailbox_is_answered_as_absent(house: House) {
        support_desk(&house).await;
        let (lost, absent) = PAIRS[0];
        let mut bob = client(&house, "bob@example.org", false).await;
        bob.ok(&format!("SUBSCRIBE {lost}"), "").await;
        bob.ok(&format!("UNSUBSCRIBE {lost}"), "").await;
        house.revoke("support@example.org", "bob@example.org").await;
        for example in examples() {
            // Names that someone subscribed to or unsubscribed from are their own words.
            if example.contains("SUBSCRIBE") || example.starts_with("LSUB") {
                continue;
            }
            let of_lost = heard(&mut bob, &example, lost).await;
            let of_absent = heard(&mut bob, &example, absent).await;
            assert_eq!(of_lost, of_absent, "{example} tells a lost mailbox from an absent one");
        }
    }
}
