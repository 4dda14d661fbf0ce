//! The workload "asking": what it costs to ask the gate at every command.
//!
//! Beside the product runs a build of it that believes a verdict it found once
//! (`--cfg postern_trust_cache`). Both serve the same mailbox to the same client in turn, one
//! command after the other over one connection, so that nothing hides the difference.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::client;
use crate::corpus::{self, Corpus};
use crate::imap::Imap;
use crate::servers::{self, Postern, RECIPIENT, Server, Tools};
use crate::spread::Spread;

const PASSWORD: &str = "correct horse battery staple";
const ALICE: &str = "alice@example.org";
const MAILS: usize = 500;
/// The floor: the rate that is left of the one without asking.
const FLOOR: f64 = 0.9;

/// What a command is, how often it is sent in a round, and the command itself by its number.
struct Load {
    name: &'static str,
    times: usize,
    command: fn(usize) -> String,
}

const LOADS: [Load; 3] = [
    Load { name: "NOOP", times: 10_000, command: |_| "NOOP".to_owned() },
    Load {
        name: "FETCH of one message's flags",
        times: 5_000,
        command: |number| format!("FETCH {} (FLAGS)", 1 + number % MAILS),
    },
    Load {
        name: "FETCH of 50 envelopes",
        times: 1_000,
        command: |number| {
            let first = 1 + number * 50 % (MAILS - 50);
            format!("FETCH {first}:{} (UID FLAGS ENVELOPE)", first + 49)
        },
    },
];

/// Runs so many rounds; answers the document and whether the floor was met.
pub async fn run(product: &Path, folder: &Path, rounds: u32, seed: u64) -> Result<(Value, bool)> {
    let trusting = servers::binary_that_trusts_its_cache().await?;
    let corpus = Arc::new(Corpus::write(corpus::Kind::Small, MAILS, seed));
    let (_asks, mut asking) = open(product, &folder.join("asking"), &corpus).await?;
    let (_trusts, mut believing) = open(&trusting, &folder.join("trusting"), &corpus).await?;
    let mut documents = Vec::new();
    let mut met = true;
    println!("asking: one connection, {rounds} rounds, commands a second, median (least-most)");
    for load in &LOADS {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        // Round 0 warms up.
        for round in 0..=rounds {
            let (asked, trusted) = (rate(&mut asking, load).await?, rate(&mut believing, load).await?);
            if round > 0 {
                with.push(asked);
                without.push(trusted);
            }
        }
        let ratio = Spread::of(with.iter().zip(&without).map(|(with, without)| with / without));
        let (with, without) = (Spread::of(with), Spread::of(without));
        let word = if ratio.median >= FLOOR { "met" } else { "MISSED" };
        met &= ratio.median >= FLOOR;
        println!("  {:<28}  {with:.0}, without asking {without:.0}: {ratio:.2} x; floor {FLOOR} x: {word}", load.name);
        documents
            .push(json!({ "load": load.name, "rate": with.median, "without": without.median, "ratio": ratio.median }));
    }
    println!();
    Ok((json!({ "workload": "asking", "loads": documents, "met": met }), met))
}

/// A server with mail in a shared mailbox, and a delegate who has it selected.
async fn open(program: &Path, folder: &Path, corpus: &Arc<Corpus>) -> Result<(Postern, Imap)> {
    std::fs::create_dir(folder)?;
    let server = Postern::start(&Tools { postern: program, postgres: None }, folder, false).await?;
    server.add_person(ALICE, PASSWORD)?;
    server.say(&["delegate", "add", RECIPIENT, ALICE])?;
    client::deliver(server.lmtp()?, RECIPIENT, corpus, 4).await?;
    let mut imap = Imap::sign_in(server.listener("imap")?, ALICE, PASSWORD).await?;
    imap.ok(&format!("SELECT Shared/{RECIPIENT}/INBOX")).await?;
    Ok((server, imap))
}

async fn rate(imap: &mut Imap, load: &Load) -> Result<f64> {
    let start = Instant::now();
    for number in 0..load.times {
        imap.ok(&(load.command)(number)).await?;
    }
    Ok(load.times as f64 / start.elapsed().as_secs_f64())
}
