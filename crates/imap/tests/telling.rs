//! What others did is told in parts: little of it is held at once, and whoever is cut off between two misses nothing.

mod common;

use common::{Client, MAIL, Scene};
use std::collections::BTreeMap;

const INBOX: &str = "Shared/support@example.org/INBOX";
/// Bytes of a part.
const CHUNK: usize = 4_000;
/// A reply beside it, HIGHESTMODSEQ and BYE.
const MORE: usize = 400;
const TAKEN_AWAY: &str = "* BYE The mailbox can not be read any more";

/// Alice in support's INBOX with so many messages.
async fn crowd(scene: &Scene, count: usize) -> Client {
    let mut alice = scene.client("alice").await;
    assert!(alice.append(INBOX, "", MAIL).await.starts_with("OK"));
    alice.ok(&format!("SELECT {INBOX}")).await;
    let mut there = 1;
    while there < count {
        let more = there.min(count - there);
        alice.ok(&format!("COPY 1:{more} {INBOX}")).await;
        there += more;
    }
    alice
}

/// Bob in the same, who says `before`.
async fn bob(scene: &Scene, before: &str) -> Client {
    let mut bob = scene.client_by("bob", 200).await;
    bob.ok(before).await;
    bob.ok(&format!("SELECT {INBOX}")).await;
    bob
}

/// The right is taken back while nobody reads what is told of a change, with `command` or before it; answers how many
/// bytes came after `before`, which are those that were held, and the lines.
async fn held(scene: &Scene, mut bob: Client, before: usize, command: &str) -> (usize, Vec<String>) {
    bob.send(&format!("n {command}\r\n")).await;
    while bob.taken_bytes() == before {
        tokio::task::yield_now().await;
    }
    scene.take_back("bob").await;
    let mut lines = Vec::new();
    while let Some(line) = bob.line().await {
        let is_done = line.starts_with("n ");
        lines.push(line);
        if is_done {
            break;
        }
    }
    scene.give("bob", "lrs").await;
    (bob.taken_bytes() - before, lines)
}

/// docs/design.md section 5: at most a chunk is held, so no more of it leaves after the right was taken back.
#[tokio::test]
async fn what_a_colleague_did_is_not_held_whole() {
    let scene = Scene::with(|limits| limits.chunk_bytes = CHUNK).await;
    scene.give("bob", "lrs").await;
    let mut alice = crowd(&scene, 1_000).await;
    for (before, command) in [
        ("NOOP", "NOOP"),
        ("NOOP", "IDLE\r\nDONE"),
        ("NOOP", "FETCH 1 UID"),
        ("ENABLE QRESYNC", "NOOP"),
        ("NOTIFY SET (SELECTED (MessageNew MessageExpunge FlagChange))", "CAPABILITY"),
    ] {
        let bob = bob(&scene, before).await;
        let quiet = bob.taken_bytes();
        alice.ok("STORE 1:* +FLAGS.SILENT (\\Flagged)").await;
        let (bytes, lines) = held(&scene, bob, quiet, command).await;
        assert!(bytes <= CHUNK + MORE, "{before}, {command}: {bytes} bytes");
        assert_eq!(lines.last().unwrap(), TAKEN_AWAY, "{before}, {command}");
        assert!(lines.iter().any(|line| line.starts_with("* 1 FETCH (")), "{before}, {command}: {lines:?}");
        alice.ok("STORE 1:* -FLAGS.SILENT (\\Flagged)").await;
    }
}

/// The same of what is gone, by number and by UID.
#[tokio::test]
async fn what_a_colleague_removed_is_not_held_whole() {
    let scene = Scene::with(|limits| limits.chunk_bytes = CHUNK).await;
    scene.give("bob", "lrs").await;
    let mut alice = crowd(&scene, 6_000).await;
    let (by_number, by_uid) = (bob(&scene, "NOOP").await, bob(&scene, "ENABLE QRESYNC").await);
    let mut comes_back = bob(&scene, "ENABLE QRESYNC").await;
    let opened = comes_back.ok(&format!("EXAMINE {INBOX}")).await.join("\n");
    let (validity, highest) = (number_after(&opened, "[UIDVALIDITY "), number_after(&opened, "[HIGHESTMODSEQ "));
    // Every other one, so that no two are a range.
    let other: Vec<String> = (1..=6_000).step_by(2).map(|number: u32| number.to_string()).collect();
    for part in other.chunks(100) {
        alice.ok(&format!("STORE {} +FLAGS.SILENT (\\Deleted)", part.join(","))).await;
    }
    alice.ok("EXPUNGE").await;
    let quiet = by_number.taken_bytes();
    let (bytes, lines) = held(&scene, by_number, quiet, "NOOP").await;
    assert!(bytes <= CHUNK + MORE, "by number: {bytes} bytes");
    assert!(lines[0] == "* 5999 EXPUNGE" && lines.last().unwrap() == TAKEN_AWAY, "{lines:?}");
    // One VANISHED has as many UIDs as a part, or more: some thousand bytes.
    let quiet = by_uid.taken_bytes();
    let (bytes, lines) = held(&scene, by_uid, quiet, "NOOP").await;
    assert!(bytes <= 2 * CHUNK + MORE, "by UID: {bytes} bytes");
    assert!(lines[0].starts_with("* VANISHED 1,3,") && lines.last().unwrap() == TAKEN_AWAY, "{lines:?}");
    // To who comes back nothing was told yet, so there is a command to answer.
    for command in [
        format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {highest} VANISHED)"),
        format!("EXAMINE {INBOX} (QRESYNC ({validity} {highest}))"),
    ] {
        let bob = bob(&scene, "ENABLE QRESYNC").await;
        let mut bob = reads_on(&scene, bob, &command).await;
        assert_eq!(bob.0.last().unwrap(), "NO [NONEXISTENT] No such mailbox", "{command}");
        assert!(bob.1 <= 2 * CHUNK + 3 * MORE, "{command}: {} bytes", bob.1);
        bob.0.retain(|line| line.starts_with("* VANISHED (EARLIER) "));
        assert_eq!(bob.0.len(), 1, "{command}");
    }
}

/// As [`held`], of a command that is answered.
async fn reads_on(scene: &Scene, mut bob: Client, command: &str) -> (Vec<String>, usize) {
    let before = bob.taken_bytes();
    bob.send(&format!("n {command}\r\n")).await;
    while bob.taken_bytes() == before {
        tokio::task::yield_now().await;
    }
    scene.take_back("bob").await;
    let lines = bob.answer("n").await;
    let bytes = bob.taken_bytes() - before;
    assert!(bob.last("FETCH 1 UID").await.starts_with("BAD Select a mailbox first"), "{command}");
    scene.give("bob", "lrs").await;
    (lines, bytes)
}

fn number_after(text: &str, word: &str) -> u64 {
    let (_, rest) = text.split_once(word).unwrap_or_else(|| panic!("{word}: {text}"));
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{word}: {text}"))
}

/// What a client keeps that believes each modification sequence at once.
#[derive(Clone, Debug, Default)]
struct Copy {
    highest: u64,
    /// Flags by UID.
    mail: BTreeMap<u32, String>,
}

impl Copy {
    fn hear(&mut self, line: &str) {
        if line.contains("[HIGHESTMODSEQ ") {
            self.highest = number_after(line, "[HIGHESTMODSEQ ");
        }
        if let Some(set) = line.strip_prefix("* VANISHED ") {
            for range in set.trim_start_matches("(EARLIER) ").split(',') {
                let (first, last) = range.split_once(':').unwrap_or((range, range));
                let gone = first.parse().unwrap()..=last.parse().unwrap();
                self.mail.retain(|uid, _| !gone.contains(uid));
            }
        }
        if line.contains(" FETCH (") {
            let flags = line.split_once("FLAGS (").map(|(_, rest)| rest.split_once(')').unwrap().0);
            if let Some(flags) = flags {
                self.mail.insert(number_after(line, "UID ") as u32, flags.replace(" \\Recent", ""));
            }
            self.highest = self.highest.max(if line.contains("MODSEQ (") { number_after(line, "MODSEQ (") } else { 0 });
        }
    }

    fn last(&self) -> u32 {
        self.mail.keys().next_back().copied().unwrap_or(0)
    }
}

async fn enters(scene: &Scene, parameters: &str) -> (Client, Vec<String>) {
    let mut client = scene.client("bob").await;
    client.ok("ENABLE QRESYNC").await;
    let opened = client.ok(&format!("EXAMINE {INBOX}{parameters}")).await;
    (client, opened)
}

/// RFC 7162 section 6: changes are told in whatever order, and one change may be of many messages. Cut off between any two
/// parts, a client comes back and has everything: also where nothing expunged may be told yet.
#[tokio::test]
async fn a_client_that_is_cut_off_between_two_parts_misses_nothing() {
    let scene = Scene::with(|limits| limits.chunk_bytes = 300).await;
    scene.give("bob", "lr").await;
    for command in ["NOOP", "IDLE", "FETCH 1 UID"] {
        let mut alice = crowd(&scene, 40).await;
        let (mut first, opened) = enters(&scene, "").await;
        let mut copy = Copy::default();
        for line in opened.iter().chain(&first.untagged("UID FETCH 1:* (FLAGS MODSEQ)").await) {
            copy.hear(line);
        }
        let mut others = Vec::new();
        for _ in 0..30 {
            others.push(enters(&scene, "").await.0);
        }
        alice.ok("STORE 30:40 +FLAGS.SILENT (\\Answered)").await;
        alice.ok("STORE 3,5,7 +FLAGS.SILENT (\\Deleted)").await;
        alice.ok("EXPUNGE").await;
        alice.ok("STORE 1:* +FLAGS.SILENT (\\Flagged)").await;
        alice.ok("STORE 10:1 +FLAGS.SILENT (\\Draft)").await;
        assert!(alice.append(INBOX, "", MAIL).await.starts_with("OK"));

        let validity = number_after(&opened.join("\n"), "[UIDVALIDITY ");
        let told = hears(&mut first, command, usize::MAX).await;
        let cuts: Vec<usize> =
            (1..=told.len()).filter(|cut| told[cut - 1].contains("[HIGHESTMODSEQ ") || *cut == told.len()).collect();
        assert!(cuts.len() > 5 && cuts.len() < others.len(), "{command}: {told:#?}");
        let mut fresh = scene.client("alice").await;
        fresh.ok(&format!("EXAMINE {INBOX}")).await;
        let mut truth = Copy::default();
        fresh.untagged("UID FETCH 1:* FLAGS").await.iter().for_each(|line| truth.hear(line));
        for (cut, mut client) in cuts.into_iter().zip(others) {
            let mut copy = copy.clone();
            hears(&mut client, command, cut).await.iter().for_each(|line| copy.hear(line));
            drop(client);
            let (mut client, missed) = enters(&scene, &format!(" (QRESYNC ({validity} {}))", copy.highest)).await;
            missed.iter().for_each(|line| copy.hear(line));
            client.untagged(&format!("UID FETCH {}:* FLAGS", copy.last() + 1)).await.iter().for_each(|l| copy.hear(l));
            assert_eq!(copy.mail, truth.mail, "{command}, cut after {cut} of {told:#?}");
        }
        alice.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)").await;
        alice.ok("EXPUNGE").await;
    }
}

/// The first lines of what a command has to tell, or all of them.
async fn hears(client: &mut Client, command: &str, most: usize) -> Vec<String> {
    client.send(&format!("n {command}\r\n")).await;
    let mut lines = Vec::new();
    while lines.len() < most {
        let line = client.line().await.unwrap();
        if line.starts_with("n ") || line.starts_with("+ ") {
            break;
        }
        lines.push(line);
    }
    lines
}
