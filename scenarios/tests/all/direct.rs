//! Direct sign-in: a shared mailbox's own credential, its scope, and the end of it.

use crate::foreign::{program, python, run, script, text, write};
use postern_app::{AuditQuery, CredentialWish, Issued, Networks, Purpose, how_and_reason};
use postern_testkit::{House, scenario};
use postern_types::Address;

pub const LETTER: &str =
    "From: Customer <customer@example.net>\r\nSubject: It does not start\r\n\r\nSince this morning.\r\n";
pub const SUPPORT: &str = "support@example.org";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// A credential of this purpose, from anywhere, that Alice answers for.
pub fn wish(purpose: Purpose) -> CredentialWish {
    CredentialWish {
        holder: purpose.has_holder().then(|| address("bob@example.org")),
        not_delegation: purpose.could_be_delegation().then(|| "the program knows one mailbox".to_owned()),
        networks: Some(Networks::Any),
        ..CredentialWish::new(purpose, address("alice@example.org"), "a tool needs it")
    }
}

pub async fn issue(house: &House, wish: CredentialWish) -> Issued {
    house.app().issue_credential(house.operator(), &address(SUPPORT), wish).await.expect("a credential")
}

pub fn secret(issued: &Issued) -> String {
    issued.secret.as_ref().expect("a secret").expose_text().expect("letters").to_owned()
}

/// support@ with two letters, and Alice and Bob, who are no delegates of it.
pub async fn at_work(house: &House) {
    for person in ["alice@example.org", "bob@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    for _ in 0..2 {
        house.deliver(SUPPORT, LETTER).await;
    }
}

/// Runs a tool of ours over Python's imaplib, signed in with a credential of this purpose alone.
async fn tool(house: &House, purpose: Purpose) -> bool {
    let Some(python) = python() else { return false };
    let issued = issue(house, wish(purpose)).await;
    let port = house.listener("imaps").port().to_string();
    let authority = house.data_dir().join("tls/ca.pem");
    let (script, secret) = (script("tools.py"), secret(&issued));
    let arguments = [script.as_str(), &port, authority.to_str().expect("a path"), purpose.name(), &secret];
    let printed = run(house, &python, &arguments).await.must_succeed();
    assert!(printed.ends_with("all of it\n"), "{printed}");
    true
}

scenario! {
    /// Tools by their purpose alone: each does its work, and nothing that its template leaves out.
    async fn foreign_tools_work_within_their_purpose(house: House) {
        at_work(&house).await;
        house.grant(SUPPORT, "alice@example.org", "lrswipkxtea").await;
        let mut alice = house.imap_as("alice@example.org").await;
        if !tool(&house, Purpose::Ticketing).await {
            return;
        }
        alice.ok("SELECT Shared/support@example.org/INBOX", "* 2 EXISTS").await;
        alice.ok("FETCH 1 FLAGS", "case-17").await;
        tool(&house, Purpose::Migration).await;
        alice.ok("STATUS Shared/support@example.org/Old/2019 (MESSAGES)", "MESSAGES 3").await;
        let unseen = alice.ok("STATUS Shared/support@example.org/INBOX (MESSAGES UNSEEN)", "UNSEEN 2").await;
        assert!(unseen.has("MESSAGES 2"));
        tool(&house, Purpose::Archive).await;
        alice.ok("STATUS Shared/support@example.org/Archive (MESSAGES UNSEEN)", "MESSAGES 2 UNSEEN 2").await;
    }

    /// neomutt as the shared mailbox itself: a client's credential opens everything of it and
    /// nothing beside it.
    async fn foreign_neomutt_signs_in_directly(house: House) {
        let (Some(neomutt), Some(terminal)) = (program("neomutt"), program("script")) else { return };
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Client)).await;
        let (saved, rc) = (house.scratch().join("saved"), house.scratch().join("neomuttrc"));
        let (port, authority) = (house.listener("imaps").port(), house.data_dir().join("tls/ca.pem"));
        write(&rc, &format!(
            "set folder = '{}'\nset imap_user = '{SUPPORT}'\nset imap_pass = '{}'\n\
             set ssl_ca_certificates_file = '{}'\nset ssl_force_tls = yes\nset certificate_file = '{}'\n\
             set mbox_type = mbox\nset copy = no\nset move = no\nset quit = yes\nset confirm_append = no\n\
             set confirm_create = no\nset sleep_time = 0\nset header_cache = ''\nset delete = no\nset wait_key = no\n",
            text(house.scratch()), secret(&issued), text(&authority), text(&house.scratch().join("accepted"))
        ));
        let keys = format!("push '<tag-pattern>~A<enter><tag-prefix><copy-message><kill-line>{}<enter><tag-pattern>~A<enter><tag-prefix><flag-message><sync-mailbox><quit>'", text(&saved));
        let line = format!("'{}' -n -F '{}' -f 'imaps://localhost:{port}/INBOX' -e \"{keys}\"", neomutt.display(), text(&rc));
        let screen = run(&house, &terminal, &["--quiet", "--return", "--command", &line, "/dev/null"]).await.must_succeed();
        let copy = std::fs::read_to_string(&saved).unwrap_or_else(|error| panic!("{error}: {screen}"));
        assert!(copy.contains("Since this morning."), "{copy}");
        house.grant(SUPPORT, "alice@example.org", "lr").await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("SELECT Shared/support@example.org/INBOX", "").await;
        alice.ok("FETCH 1 FLAGS", "\\Flagged").await;
    }

    /// Another network and another protocol are refused as a wrong secret is.
    async fn a_scope_is_refused_like_a_wrong_secret(house: House) {
        at_work(&house).await;
        let elsewhere = Networks::Of(vec!["192.0.2.0/24".parse().expect("a network")]);
        let away = issue(&house, CredentialWish { networks: Some(elsewhere), ..wish(Purpose::Backup) }).await;
        let sends = issue(&house, wish(Purpose::Device)).await;
        let mut answers = Vec::new();
        for secret in [secret(&away), secret(&sends), "ptn1_nothing".to_owned(), "no secret at all".to_owned()] {
            let mut tool = house.imap("tool").await;
            answers.push(tool.no(&format!("LOGIN {SUPPORT} \"{secret}\""), "[AUTHENTICATIONFAILED]").await.lines());
        }
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
        let query = AuditQuery { account: Some(address(SUPPORT)), most: 50, ..AuditQuery::default() };
        let rows = house.app().audit(house.operator(), query).await.expect("the trail");
        let reasons: Vec<&str> =
            rows.iter().rev().filter(|row| row.action == "sign-in.failed").map(|row| how_and_reason(&row.detail).1).collect();
        assert_eq!(reasons[0], "its scope does not have this network");
        assert_eq!(reasons[1], "its scope does not have this protocol");
        assert!(reasons[2].contains("no whole secret of a credential") && reasons.len() == 4, "{reasons:?}");
    }

    /// A backup reads everything, changes nothing, and is gone when it is taken back.
    async fn a_backup_reads_and_changes_nothing(house: House) {
        at_work(&house).await;
        let issued = issue(&house, wish(Purpose::Backup)).await;
        let mut tool = house.imap("tool").await;
        tool.login(SUPPORT, &secret(&issued)).await;
        tool.ok("LIST \"\" *", "INBOX").await;
        tool.ok("NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL").await;
        tool.ok("SELECT INBOX", "[READ-ONLY]").await;
        tool.ok("FETCH 1:* (FLAGS BODY[TEXT])", "Since this morning.").await;
        tool.ok("FETCH 1:* FLAGS", "FLAGS (").await;
        assert!(!tool.command("FETCH 1:* FLAGS").await.has("Seen"));
        tool.no("STORE 1 +FLAGS (\\Seen)", "").await;
        tool.no("EXPUNGE", "").await;
        tool.no("CREATE Cases", "").await;
        tool.no("COPY 1 Archive", "").await;
        let added = tool.append("INBOX", "", LETTER.as_bytes()).await;
        assert!(added.status.starts_with("NO [NOPERM]"), "{}", added.status);
        tool.no("SUBSCRIBE INBOX", "").await;
        tool.no("SELECT Shared/support@example.org/INBOX", "").await;
        let which = issued.row.public_id.clone();
        let seen = house.app().revoke_credential(house.operator(), &which, false).await.expect("it is revoked");
        assert_eq!(seen.sessions.len(), 1);
        assert!(tool.closed().await.iter().any(|line| line.starts_with("* BYE")));
        let mut again = house.imap("again").await;
        again.no(&format!("LOGIN {SUPPORT} {}", secret(&issued)), "[AUTHENTICATIONFAILED]").await;
    }
}
