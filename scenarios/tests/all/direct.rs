//! Direct sign-in: a shared mailbox's own credential, its scope, and the end of it.

use postern_app::{CredentialWish, Issued, Networks, Purpose};
use postern_testkit::{House, scenario};
use postern_types::Address;

const LETTER: &str =
    "From: Customer <customer@example.net>\r\nSubject: It does not start\r\n\r\nSince this morning.\r\n";
const SUPPORT: &str = "support@example.org";

fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// A credential of this purpose, from anywhere, that Alice answers for.
fn wish(purpose: Purpose) -> CredentialWish {
    CredentialWish {
        purpose,
        owner: address("alice@example.org"),
        holder: purpose.has_holder().then(|| address("bob@example.org")),
        reason: "a tool needs it".to_owned(),
        not_delegation: purpose.could_be_delegation().then(|| "the program knows one mailbox".to_owned()),
        name: None,
        protocols: None,
        letters: None,
        mailboxes: Vec::new(),
        older_than_ms: None,
        networks: Some(Networks::Any),
        hours: None,
        connections: None,
        starts: None,
        expires: None,
        wrap_for: None,
    }
}

async fn issue(house: &House, wish: CredentialWish) -> Issued {
    house.app().issue_credential(house.operator(), &address(SUPPORT), wish).await.expect("a credential")
}

fn secret(issued: &Issued) -> String {
    issued.secret.as_ref().expect("a secret").expose_text().expect("letters").to_owned()
}

/// support@ with two letters, and Alice and Bob, who are no delegates of it.
async fn at_work(house: &House) {
    for person in ["alice@example.org", "bob@example.org"] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    for _ in 0..2 {
        house.deliver(SUPPORT, LETTER).await;
    }
}

scenario! {
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
