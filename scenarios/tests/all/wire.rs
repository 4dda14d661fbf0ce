//! IMAP on the wire: syntax, numbers and flags as RFC 3501 and RFC 9051 have them.
//!
//! What is shown here is the protocol's, so one engine is enough. Rights and mail have their
//! stories beside it, on both.

mod flags;
mod framing;
mod mailboxes;
mod numbers;
mod search;

use postern_testkit::{Answer, Engine, House, ImapClient};

/// Runs a story on SQLite, in a house with these variables of configuration.
pub fn on_sqlite(variables: &[&str], story: impl AsyncFnOnce(House)) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let builder = variables.iter().fold(House::builder(Engine::Sqlite), |builder, variable| builder.with(variable));
        story(builder.start().await.expect("SQLite is always there")).await;
    });
}

/// A house with Alice in it, and Alice signed in.
async fn alice(house: &House) -> ImapClient {
    house.person("alice@example.org").await;
    house.imap_as("alice@example.org").await
}

/// A message with this subject and nothing else of note.
fn letter(subject: &str) -> String {
    format!("From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: {subject}\r\n\r\nText of {subject}.\r\n")
}

/// APPEND that must be taken.
async fn add(client: &mut ImapClient, mailbox: &str, flags: &str, message: &str) -> Answer {
    let answer = client.append(mailbox, flags, message.as_bytes()).await;
    assert!(answer.status.starts_with("OK [APPENDUID "), "{}", answer.status);
    answer
}

/// Messages one, two, ... in a mailbox.
async fn fill(client: &mut ImapClient, mailbox: &str, count: usize) {
    for number in 1..=count {
        add(client, mailbox, "", &letter(&format!("letter {number}"))).await;
    }
}
