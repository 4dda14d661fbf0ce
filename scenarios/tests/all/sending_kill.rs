//! kill -9 while two thousand recipients are brought their mail: everybody gets it, and at most the
//! transaction that each connection was in comes twice (docs/decisions/0030-queue.md).

use crate::process::{self, Serving};
use postern_testkit::power::Random;
use postern_testkit::{Engine, Sink, SmtpClient, Taken, TestDatabase};
use std::collections::BTreeMap;
use tokio::net::TcpStream;

const ALICE: &str = "alice@example.org";
/// Messages, and recipients of each.
const MESSAGES: usize = 4;
const RECIPIENTS: usize = 500;
/// Connections to one place.
const CONNECTIONS: usize = 10;

async fn start(folder: &std::path::Path, sink: &Sink) -> Serving {
    Serving::start_with(folder, &[], &[("POSTERN_RELAY__SMARTHOST", sink.address().to_string())]).await
}

async fn submit(server: &Serving) {
    let stream = TcpStream::connect(server.listener("submission")).await.expect("the listener answers");
    let mut client = SmtpClient::start(stream).await;
    client.login(ALICE).await;
    for message in 0..MESSAGES {
        let to: Vec<String> = (0..RECIPIENTS).map(|number| format!("r{message}-{number}@example.net")).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        let letter =
            format!("From: {ALICE}\r\nSubject: To all\r\nMessage-ID: <{message}@example.org>\r\n\r\nA line.\r\n");
        client.sends(ALICE, &to, &letter).await;
    }
}

/// How many transactions came twice.
fn doubled(taken: &[Taken]) -> usize {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for recipient in taken.iter().flat_map(|taken| &taken.recipients) {
        *times.entry(recipient).or_default() += 1;
    }
    assert_eq!(times.len(), MESSAGES * RECIPIENTS, "everybody has it");
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
    // A transaction that came again is one whose first recipient had it before.
    let mut seen = std::collections::BTreeSet::new();
    taken.iter().filter(|taken| !seen.insert(taken.recipients[0].clone())).count()
}

async fn story(engine: Engine) {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("house");
    let Some(database) = TestDatabase::create(engine, folder.path()).await else { return };
    process::init(&data, (engine == Engine::Postgres).then_some(database.text.as_str())).await;
    let seed = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let answered = Random::new(seed).between(0, 25);
    let sink = Sink::start().await;
    // What comes after is taken there, and nobody here hears of it.
    sink.answer_so_many(answered);
    let server = start(&data, &sink).await;
    server.person(ALICE).await;
    submit(&server).await;
    sink.wait_for(answered + 1).await;
    server.kill().await;
    sink.answer_so_many(usize::MAX);
    let server = start(&data, &sink).await;
    all_have_it(&sink).await;
    let twice = doubled(&sink.taken());
    assert!(
        (1..=CONNECTIONS).contains(&twice),
        "seed {seed}: {twice} transactions came twice, killed after {answered}"
    );
    assert!(server.terminate().await.success());
}

async fn all_have_it(sink: &Sink) {
    let mut messages = sink.taken().len();
    loop {
        let taken = sink.taken();
        let recipients: std::collections::BTreeSet<&String> =
            taken.iter().flat_map(|taken| &taken.recipients).collect();
        if recipients.len() == MESSAGES * RECIPIENTS {
            return;
        }
        messages = sink.wait_for(taken.len().max(messages) + 1).await.len();
    }
}

fn run(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story(engine));
}

#[test]
fn sqlite() {
    run(Engine::Sqlite);
}

#[test]
fn postgres() {
    run(Engine::Postgres);
}
