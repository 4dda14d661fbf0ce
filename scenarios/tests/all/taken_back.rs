//! A sign-in that is taken back ends its connections at once, in whatever they are doing
//! (docs/design.md section 4): each sees an end, and nobody has to ask.

use crate::direct::{self, at_work, issue, wish};
use crate::people::address;
use postern_app::Purpose;
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const CAROL: &str = "carol@example.org";
const ENDED: &str = "* BYE Your sign-in has ended";

/// Messages of a MiB each in her INBOX: more than the sockets of a client that does not read
/// can hold.
const MESSAGES: usize = 64;

/// An odd number that leaves no digit of a product as it was.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Sessions of each kind; five kinds are twenty at once.
const OF_EACH: usize = 4;

/// Who signs in, and with what.
#[derive(Clone)]
struct Who {
    username: &'static str,
    secret: String,
}

async fn fill(house: &House, who: &Who) {
    let mut client = house.imap(who.username).await;
    client.login(who.username, &who.secret).await;
    // Lines of 64 bytes that COMPRESS makes no smaller than half.
    let line =
        |number: u64| (0..4).map(|part| format!("{:016x}", (4 * number + part).wrapping_mul(MIX))).collect::<String>();
    let letter =
        format!("Subject: long\r\n\r\n{}", (0..1 << 14).map(|number| line(number) + "\r\n").collect::<String>());
    client.append("Drafts", "", letter.as_bytes()).await;
    client.ok("SELECT Drafts", "* 1 EXISTS").await;
    for _ in 0..MESSAGES {
        client.ok("COPY 1 INBOX", "COPYUID").await;
    }
    client.ok("LOGOUT", "* BYE").await;
}

/// A session of theirs with INBOX selected; every other one under TLS, and two of four compressed.
async fn session(house: &House, who: &Who, number: usize) -> ImapClient {
    let name = who.username;
    let mut client = if number.is_multiple_of(2) { house.imap(name).await } else { house.imaps(name).await };
    client.login(name, &who.secret).await;
    if number % 4 > 1 {
        client.compress().await;
    }
    client.ok("SELECT INBOX", "").await;
    client
}

/// Asks for all the mail and reads one message of it.
async fn stalled(house: &House, who: &Who, number: usize) -> ImapClient {
    let mut client = session(house, who, number).await;
    client.send(b"z1 FETCH 1:* BODY.PEEK[]\r\n").await;
    client.until("* 1 FETCH").await;
    client
}

/// Is in the middle of a literal.
async fn appending(house: &House, who: &Who, number: usize) -> ImapClient {
    let mut client = session(house, who, number).await;
    client.send(b"z1 APPEND INBOX {100000}\r\n").await;
    client.until("+ ").await;
    client.send(b"Subject: half a letter\r\n\r\n").await;
    client
}

/// Reads all the mail over and over until the connection ends; answers the last it heard.
async fn reading(house: &House, who: &Who, number: usize, begun: mpsc::Sender<()>) -> JoinHandle<Vec<u8>> {
    let mut client = session(house, who, number).await;
    let commands: String = (0..100).map(|number| format!("z{number} FETCH 1:* BODY.PEEK[]\r\n")).collect();
    client.send(commands.as_bytes()).await;
    tokio::spawn(async move {
        let mut last = client.response().await;
        begun.send(()).await.expect("somebody waits for it");
        while let Some(response) = client.try_response().await {
            last = response;
        }
        last
    })
}

/// Twenty sessions: between two commands, in IDLE, in a FETCH that nobody reads, in one that is
/// read, and within the literal of an APPEND. Each sees the end of its connection once `taken_back`
/// is done.
async fn all_end(house: &House, who: &Who, taken_back: impl Future<Output = ()>) {
    let (mut told, mut silent, mut readers) = (Vec::new(), Vec::new(), Vec::new());
    let (begun, mut beginnings) = mpsc::channel(OF_EACH);
    for number in 0..OF_EACH {
        told.push(session(house, who, number).await);
        let mut idle = session(house, who, number).await;
        idle.idle().await;
        told.push(idle);
        told.push(appending(house, who, number).await);
        silent.push(stalled(house, who, number).await);
    }
    for number in 0..OF_EACH {
        readers.push(reading(house, who, number, begun.clone()).await);
        beginnings.recv().await.expect("it reads");
    }

    taken_back.await;

    for client in &mut told {
        assert_eq!(client.closed().await, [ENDED]);
    }
    for client in &mut silent {
        let mut said = client.closed().await;
        assert!(said.len() < MESSAGES, "{} messages", said.len());
        let rest = String::from_utf8_lossy(client.unread());
        assert!(!rest.contains(ENDED), "nothing is said within a literal");
        // Who was between two messages is told; the others hear nothing.
        said.pop_if(|line| line == ENDED);
        let is_of_fetch = |line: &String| line.starts_with("* ") && line.contains(" FETCH ");
        let others: Vec<_> = said.iter().filter(|line| !is_of_fetch(line)).collect();
        assert!(others.is_empty(), "{others:?}");
    }
    for reader in readers {
        let last = reader.await.expect("no panic");
        assert!(!last.starts_with(b"z99 "), "everything was read");
    }
}

scenario! {
    async fn a_suspended_persons_connections_end(house: House) {
        house.person(CAROL).await;
        let carol = Who { username: CAROL, secret: PASSWORD.to_owned() };
        fill(&house, &carol).await;
        house.person("bob@example.org").await;
        let mut bob = house.imap_as("bob@example.org").await;
        all_end(&house, &carol, async {
            house.app().suspend_person(house.operator(), &address(CAROL), true).await.expect("suspended");
        })
        .await;
        bob.ok("NOOP", "").await;
        house.app().suspend_person(house.operator(), &address(CAROL), false).await.expect("resumed");
        session(&house, &carol, 0).await.ok("STATUS INBOX (MESSAGES)", &format!("(MESSAGES {MESSAGES})")).await;
    }

    /// A credential's sessions end, all that it says it cut; another credential's of the same
    /// mailbox go on.
    async fn a_revoked_credentials_connections_end(house: House) {
        at_work(&house).await;
        let (client, other) = (issue(&house, wish(Purpose::Client)).await, issue(&house, wish(Purpose::Backup)).await);
        let who = Who { username: direct::SUPPORT, secret: direct::secret(&client) };
        fill(&house, &who).await;
        let mut stays = house.imap("stays").await;
        stays.login(direct::SUPPORT, &direct::secret(&other)).await;
        stays.ok("SELECT INBOX", "").await;
        all_end(&house, &who, async {
            let which = &client.row.public_id;
            let cut = house.app().revoke_credential(house.operator(), which, false).await.expect("revoked");
            assert_eq!(cut.sessions.len(), 5 * OF_EACH);
        })
        .await;
        stays.ok("NOOP", "").await;
        let mut again = house.imap("again").await;
        again.no(&format!("LOGIN {} {}", who.username, who.secret), "[AUTHENTICATIONFAILED]").await;
    }
}
