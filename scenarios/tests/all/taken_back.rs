//! A sign-in that is taken back ends its connections at once, in whatever they are doing
//! (docs/design.md section 4): each sees an end, and nobody has to ask.

use crate::people::address;
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

const CAROL: &str = "carol@example.org";
const ENDED: &str = "* BYE Your sign-in has ended";

/// Messages of a MiB each in her INBOX: more than the sockets of a client that does not read
/// can hold.
const MESSAGES: usize = 64;

/// Sessions of each kind; five kinds are twenty at once.
const OF_EACH: usize = 4;

async fn carol_with_mail(house: &House) {
    house.person(CAROL).await;
    let mut carol = house.imap_as(CAROL).await;
    let line = "A line of sixty-four bytes that fills a message, more or less.\r\n";
    let letter = format!("Subject: long\r\n\r\n{}", line.repeat(1 << 14));
    carol.append("Drafts", "", letter.as_bytes()).await;
    carol.ok("SELECT Drafts", "* 1 EXISTS").await;
    for _ in 0..MESSAGES {
        carol.ok("COPY 1 INBOX", "COPYUID").await;
    }
}

/// A session of hers with INBOX selected; every other one under TLS.
async fn carol(house: &House, number: usize) -> ImapClient {
    let mut client = if number.is_multiple_of(2) { house.imap(CAROL).await } else { house.imaps(CAROL).await };
    client.login(CAROL, PASSWORD).await;
    client.ok("SELECT INBOX", "").await;
    client
}

/// Asks for all her mail and reads one message of it.
async fn stalled(house: &House, number: usize) -> ImapClient {
    let mut client = carol(house, number).await;
    client.send(b"z1 FETCH 1:* BODY.PEEK[]\r\n").await;
    client.until("* 1 FETCH").await;
    client
}

/// Is in the middle of a literal.
async fn appending(house: &House, number: usize) -> ImapClient {
    let mut client = carol(house, number).await;
    client.send(b"z1 APPEND INBOX {100000}\r\n").await;
    client.until("+ ").await;
    client.send(b"Subject: half a letter\r\n\r\n").await;
    client
}

/// Reads all her mail over and over until the connection ends; answers the last it heard.
async fn reading(house: &House, number: usize, begun: mpsc::Sender<()>) -> JoinHandle<Vec<u8>> {
    let mut client = carol(house, number).await;
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

scenario! {
    /// Twenty sessions: between two commands, in IDLE, in a FETCH that nobody reads, in one that is
    /// read, and within the literal of an APPEND.
    async fn a_suspended_persons_connections_end(house: House) {
        carol_with_mail(&house).await;
        house.person("bob@example.org").await;
        let mut bob = house.imap_as("bob@example.org").await;
        let (mut told, mut silent, mut readers) = (Vec::new(), Vec::new(), Vec::new());
        let (begun, mut beginnings) = mpsc::channel(OF_EACH);
        for number in 0..OF_EACH {
            told.push(carol(&house, number).await);
            let mut idle = carol(&house, number).await;
            idle.idle().await;
            told.push(idle);
            told.push(appending(&house, number).await);
            silent.push(stalled(&house, number).await);
        }
        for number in 0..OF_EACH {
            readers.push(reading(&house, number, begun.clone()).await);
            beginnings.recv().await.expect("it reads");
        }

        house.app().suspend_person(house.operator(), &address(CAROL), true).await.expect("suspended");

        for client in &mut told {
            assert_eq!(client.closed().await, [ENDED]);
        }
        for client in &mut silent {
            let said = client.closed().await;
            assert!(said.len() < MESSAGES, "{} messages", said.len());
            assert!(said.iter().all(|line| line.starts_with("* ") && line.contains(" FETCH ")), "nothing is said within a literal");
        }
        for reader in readers {
            let last = reader.await.expect("no panic");
            assert!(!last.starts_with(b"z99 "), "everything was read");
        }
        bob.ok("NOOP", "").await;
        house.app().suspend_person(house.operator(), &address(CAROL), false).await.expect("resumed");
        carol(&house, 0).await.ok("STATUS INBOX (MESSAGES)", &format!("(MESSAGES {MESSAGES})")).await;
    }
}
