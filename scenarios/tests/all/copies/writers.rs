//! Three people who change things at random until the server is gone.

use super::ledger::Place;
use super::wire::{Fetched, code_numbers, connect, in_order, vanished};
use super::{FOLDERS, Letter, Person, Shared, mailbox};
use postern_testkit::power::Random;
use postern_testkit::{Answer, ImapClient};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long somebody thinks at most, in milliseconds: a run of a foreign client takes seconds, and the mailbox is not to
/// grow by thousands of messages meanwhile.
const THINKS_MS: usize = 60;

/// Somebody at their mailbox.
struct Writer {
    person: &'static Person,
    shared: Arc<Shared>,
    random: Random,
    client: ImapClient,
    folder: usize,
}

/// Works until the server is gone.
pub async fn work(address: SocketAddr, person: &'static Person, shared: Arc<Shared>, random: Random, name: String) {
    let Some(client) = connect(address, person).await else { return };
    let mut writer = Writer { person, shared, random, client, folder: 0 };
    if writer.select(0).await.is_none() {
        return;
    }
    for number in 0.. {
        if writer.act(&format!("{name}-{number}")).await.is_none() {
            return;
        }
        let thinks = writer.random.below(THINKS_MS) as u64;
        tokio::time::sleep(Duration::from_millis(thinks)).await;
    }
}

impl Writer {
    /// One command, with what is known before and after it; nothing when the server is gone.
    async fn act(&mut self, mark: &str) -> Option<()> {
        match self.random.below(16) {
            0..=3 => self.append(mark).await?,
            4..=7 => self.flag().await?,
            8 | 9 => self.keyword().await?,
            10 | 11 => self.delete().await?,
            12 => self.take_over("COPY").await?,
            13 => self.take_over("MOVE").await?,
            14 => drop(self.ask("EXPUNGE").await?),
            _ => {
                let folder = self.random.below(FOLDERS.len());
                self.select(folder).await?;
            }
        }
        self.shared.answered();
        Some(())
    }

    /// Says it, and learns what is gone.
    async fn ask(&mut self, command: &str) -> Option<Answer> {
        let answer = self.client.try_command(command).await?;
        let who = self.person.email;
        assert!(!answer.status.starts_with("BAD"), "{who}: {command}: {}", answer.status);
        let may = command.starts_with("SELECT") || self.person.may_all;
        assert!(!may || answer.status.starts_with("OK"), "{who}: {command}: {}", answer.status);
        if !command.starts_with("SELECT") {
            let gone = answer.untagged.iter().flat_map(|response| vanished(response));
            let mut ledger = self.shared.ledger();
            gone.for_each(|uid| ledger.gone((self.folder, uid)));
        }
        Some(answer)
    }

    async fn select(&mut self, folder: usize) -> Option<()> {
        self.ask(&format!("SELECT {}", mailbox(folder))).await?;
        self.folder = folder;
        Some(())
    }

    /// A few messages of the mailbox, as far as known; they may be gone.
    fn some(&mut self) -> Vec<u32> {
        let there = self.shared.ledger().places(self.folder);
        let mut uids: Vec<u32> = Vec::new();
        for _ in 0..self.random.between(1, 3) {
            if !there.is_empty() {
                uids.push(*self.random.pick(&there));
            }
        }
        uids.sort_unstable();
        uids.dedup();
        uids
    }

    async fn append(&mut self, mark: &str) -> Option<()> {
        let letter = Letter::new(mark, &mut self.random);
        let folder = self.random.below(FOLDERS.len());
        let flags = *self.random.pick(&["", "\\Seen", "\\Flagged \\Seen", "\\Draft", "$Work"]);
        self.shared.ledger().will_add(&letter);
        let answer = self.client.try_append(&mailbox(folder), flags, &letter.sent()).await?;
        assert!(answer.status.starts_with("OK"), "APPEND: {}", answer.status);
        let numbers = code_numbers(&answer.status, "APPENDUID").expect("APPENDUID (RFC 4315 section 3)");
        let mut ledger = self.shared.ledger();
        ledger.added(mark);
        ledger.is_at((folder, numbers[1].parse().expect("a UID")), mark);
        Some(())
    }

    async fn flag(&mut self) -> Option<()> {
        let uids = self.some();
        if uids.is_empty() {
            return Some(());
        }
        let flags = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "\\Seen \\Answered", "$Work", "$Later"];
        let (sign, flags) = (*self.random.pick(&["+", "-"]), *self.random.pick(&flags));
        let silent = *self.random.pick(&["", ".SILENT"]);
        self.ask(&format!("UID STORE {} {sign}FLAGS{silent} ({flags})", set(&uids))).await?;
        Some(())
    }

    /// The keyword that nobody else sets: what was answered last is what is there. All of the messages are announced
    /// before, since one that was not may be passed over (RFC 9051 section 6.4.9): so each is shown, or is gone.
    async fn keyword(&mut self) -> Option<()> {
        let (uids, keyword, who) = (self.some(), self.person.keyword, self.person.email);
        if uids.is_empty() {
            return Some(());
        }
        self.ask("NOOP").await?;
        let is_set = self.random.percent(60);
        self.knows(&uids, None);
        let sign = if is_set { "+" } else { "-" };
        let answer = self.ask(&format!("UID STORE {} {sign}FLAGS ({keyword})", set(&uids))).await?;
        if !answer.status.starts_with("OK") {
            return Some(());
        }
        let mut now: HashMap<u32, bool> = HashMap::new();
        for one in Fetched::all(&answer).into_iter().filter(|one| uids.contains(&one.uid)) {
            now.extend(one.flags.map(|flags| (one.uid, flags.contains(keyword))));
        }
        assert!(now.values().all(|has| *has == is_set), "{who}: {keyword} of {now:?} after OK: {is_set}");
        let shown: Vec<u32> = now.into_keys().collect();
        self.knows(&shown, Some(is_set));
        let others: Vec<u32> = uids.iter().copied().filter(|uid| !shown.contains(uid)).collect();
        if others.is_empty() {
            return Some(());
        }
        let answer = self.ask(&format!("UID FETCH {} (FLAGS)", set(&others))).await?;
        let missed: Vec<u32> =
            Fetched::all(&answer).iter().map(|one| one.uid).filter(|uid| others.contains(uid)).collect();
        assert!(missed.is_empty(), "{who}: UID STORE {uids:?} shows nothing of {missed:?}, which are there");
        Some(())
    }

    fn knows(&self, uids: &[u32], is_set: Option<bool>) {
        let mut ledger = self.shared.ledger();
        uids.iter().for_each(|uid| ledger.keyword((self.folder, *uid), self.person.keyword, is_set));
    }

    async fn delete(&mut self) -> Option<()> {
        let uids = self.some();
        if uids.is_empty() {
            return Some(());
        }
        if self.person.may_delete {
            uids.iter().for_each(|uid| self.shared.ledger().doom_at((self.folder, *uid)));
        }
        self.ask(&format!("UID STORE {} +FLAGS (\\Deleted)", set(&uids))).await?;
        self.ask(&format!("UID EXPUNGE {}", set(&uids))).await?;
        Some(())
    }

    /// COPY or MOVE into another folder.
    async fn take_over(&mut self, verb: &str) -> Option<()> {
        let (uids, is_moved) = (self.some(), verb == "MOVE");
        let to = (self.folder + self.random.between(1, FOLDERS.len() - 1)) % FOLDERS.len();
        if uids.is_empty() {
            return Some(());
        }
        if !is_moved {
            uids.iter().for_each(|uid| self.shared.ledger().will_copy((self.folder, *uid)));
        }
        let answer = self.ask(&format!("UID {verb} {} {}", set(&uids), mailbox(to))).await?;
        let told = answer.lines().into_iter().chain([answer.status.clone()]);
        let mut ledger = self.shared.ledger();
        for numbers in told.filter_map(|line| code_numbers(&line, "COPYUID")) {
            for (from, copy) in in_order(&numbers[1]).into_iter().zip(in_order(&numbers[2])) {
                let (from, copy): (Place, Place) = ((self.folder, from), (to, copy));
                ledger.copied(from, copy, is_moved);
            }
        }
        Some(())
    }
}

fn set(uids: &[u32]) -> String {
    uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
