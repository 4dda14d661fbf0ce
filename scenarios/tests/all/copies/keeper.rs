//! A client of our own that keeps a copy on disk by QRESYNC (RFC 7162 section 3.2): it comes back with what it has, hears
//! what vanished and what changed, and fetches the bodies that it lacks, none of them twice.

use super::ledger::{Message, View};
use super::wire::{Fetched, connect, message, number, vanished};
use super::{FOLDERS, Person, mailbox};
use crate::foreign::write;
use postern_testkit::power::Random;
use postern_testkit::{Answer, ImapClient};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Bodies that are asked for at once.
const BODIES: usize = 40;
/// Questions for what is new in a row, more than anybody has letters for.
const ARRIVALS: usize = 50;

pub struct Keeper {
    person: &'static Person,
    folder: PathBuf,
    random: Random,
}

/// What is kept of one mailbox, beside its bodies.
#[derive(Debug, Default)]
struct Kept {
    validity: u64,
    /// Changes up to here are in the copy.
    highest: u64,
    flags: BTreeMap<u32, BTreeSet<String>>,
    /// All up to this UID are known; of later ones perhaps some, whose flags somebody changed.
    complete: u32,
    /// How many there are; known while the mailbox is open.
    exists: usize,
    /// What was said since it was opened, for who reads of a failure.
    told: Vec<String>,
}

impl Keeper {
    pub fn new(person: &'static Person, folder: PathBuf, random: Random) -> Self {
        for number in 0..FOLDERS.len() {
            std::fs::create_dir_all(folder.join(number.to_string())).expect("a folder");
        }
        Self { person, folder, random }
    }

    /// Brings every mailbox up to date; nothing when the server went away meanwhile.
    pub async fn sync(&mut self, address: SocketAddr) -> Option<()> {
        let mut client = connect(address, self.person).await?;
        for number in 0..FOLDERS.len() {
            self.sync_mailbox(&mut client, number).await?;
        }
        Some(())
    }

    async fn sync_mailbox(&mut self, client: &mut ImapClient, number: usize) -> Option<()> {
        let mut kept = self.read(number);
        let is_new = kept.validity == 0;
        let known = match kept.flags.keys().max() {
            Some(last) if self.random.percent(50) => format!(" 1:{last}"),
            _ => String::new(),
        };
        let since = format!(" (QRESYNC ({} {}{known}))", kept.validity, kept.highest);
        let since = if is_new { "" } else { &since };
        self.ask(client, &format!("SELECT {}{since}", mailbox(number)), number, &mut kept).await?;
        // What is new is told as changed, so all that there is is known already.
        self.learn(client, number, &mut kept).await?;
        while let Some(wanted) = self.without_body(number, &kept) {
            let bodies = format!("UID FETCH {wanted} (UID FLAGS MODSEQ BODY.PEEK[])");
            self.ask(client, &bodies, number, &mut kept).await?;
            self.ask(client, "NOOP", number, &mut kept).await?;
            self.learn(client, number, &mut kept).await?;
        }
        self.ask(client, "UNSELECT", number, &mut kept).await
    }

    /// Asks for what EXISTS alone told, until nothing more comes in meanwhile.
    async fn learn(&self, client: &mut ImapClient, number: usize, kept: &mut Kept) -> Option<()> {
        for _ in 0..ARRIVALS {
            if kept.flags.len() >= kept.exists {
                break;
            }
            let from = kept.complete + 1;
            self.ask(client, &format!("UID FETCH {from}:* (UID FLAGS MODSEQ)"), number, kept).await?;
        }
        let (count, exists) = (kept.flags.len(), kept.exists);
        let told = kept.told.join("\n");
        assert_eq!(count, exists, "the copy of {} is not what EXISTS says\n{told}", FOLDERS[number]);
        kept.complete = kept.flags.keys().max().copied().unwrap_or(0);
        self.save(number, kept);
        Some(())
    }

    /// Some whose bodies are not kept yet.
    fn without_body(&self, number: usize, kept: &Kept) -> Option<String> {
        let lacking = kept.flags.keys().filter(|uid| !self.body(number, **uid).exists());
        let wanted: Vec<String> = lacking.take(BODIES).map(u32::to_string).collect();
        (!wanted.is_empty()).then(|| wanted.join(","))
    }

    async fn ask(&self, client: &mut ImapClient, command: &str, number: usize, kept: &mut Kept) -> Option<()> {
        let answer = client.try_command(command).await?;
        assert!(answer.status.starts_with("OK"), "{command}: {}", answer.status);
        kept.told.push(command.to_owned());
        kept.told.extend(answer.lines().iter().map(|line| line.lines().next().unwrap_or_default().to_owned()));
        self.hear(&answer, number, kept);
        self.save(number, kept);
        Some(())
    }

    /// Does with a whole answer what a client does, in its order.
    fn hear(&self, answer: &Answer, folder: usize, kept: &mut Kept) {
        for response in &answer.untagged {
            let line = String::from_utf8_lossy(response);
            if line.starts_with("* VANISHED ") {
                let uids = vanished(response);
                kept.exists -= if line.contains("(EARLIER)") { 0 } else { uids.len() };
                uids.into_iter().for_each(|uid| self.forget(folder, uid, kept));
            } else if let Some(fetched) = Fetched::read(response) {
                self.hear_fetched(fetched, folder, kept);
            } else if line.ends_with(" EXISTS") {
                kept.exists = number(&line, "* ").expect("a number") as usize;
            } else {
                Self::hear_code(&line, folder, kept);
            }
        }
        Self::hear_code(&answer.status, folder, kept);
    }

    fn hear_fetched(&self, fetched: Fetched, folder: usize, kept: &mut Kept) {
        if let Some(flags) = fetched.flags {
            kept.flags.insert(fetched.uid, flags);
        }
        if let Some(body) = fetched.body {
            self.keep_body(folder, fetched.uid, &body);
        }
        kept.highest = kept.highest.max(fetched.modseq.unwrap_or(0));
    }

    fn hear_code(line: &str, folder: usize, kept: &mut Kept) {
        if let Some(validity) = number(line, "[UIDVALIDITY ") {
            assert!(kept.validity == 0 || kept.validity == validity, "{}: another UIDVALIDITY", FOLDERS[folder]);
            kept.validity = validity;
        }
        if let Some(highest) = number(line, "[HIGHESTMODSEQ ") {
            kept.highest = highest;
        }
    }

    fn forget(&self, folder: usize, uid: u32, kept: &mut Kept) {
        if kept.flags.remove(&uid).is_some() {
            let _ = std::fs::remove_file(self.body(folder, uid));
        }
    }

    fn keep_body(&self, folder: usize, uid: u32, body: &[u8]) {
        let path = self.body(folder, uid);
        assert!(!path.exists(), "{} {uid} is fetched twice", FOLDERS[folder]);
        write(&path, std::str::from_utf8(body).expect("letters are ASCII"));
    }

    fn body(&self, folder: usize, uid: u32) -> PathBuf {
        self.folder.join(format!("{folder}/{uid}.eml"))
    }

    fn state(&self, folder: usize) -> PathBuf {
        self.folder.join(format!("{folder}/state.json"))
    }

    fn read(&self, folder: usize) -> Kept {
        let Ok(text) = std::fs::read_to_string(self.state(folder)) else { return Kept::default() };
        let state: Value = serde_json::from_str(&text).expect("it wrote this itself");
        let flags = state["flags"].as_object().expect("flags by UID").iter().map(|(uid, flags)| {
            let flags = flags.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            (uid.parse().expect("a UID"), flags.collect())
        });
        let number = |name: &str| state[name].as_u64().expect("a number");
        Kept {
            validity: number("validity"),
            highest: number("highest"),
            flags: flags.collect(),
            complete: number("complete") as u32,
            ..Kept::default()
        }
    }

    fn save(&self, folder: usize, kept: &Kept) {
        let Kept { validity, highest, flags, complete, .. } = kept;
        let state = json!({ "validity": validity, "highest": highest, "flags": flags, "complete": complete });
        write(&self.state(folder), &state.to_string());
    }

    /// All that it keeps, from its disk.
    pub fn view(&self) -> View {
        std::array::from_fn(|folder| {
            let held = self.read(folder).flags.into_iter().map(|(uid, flags)| {
                let body = std::fs::read(self.body(folder, uid)).unwrap_or_else(|_| panic!("{uid} has no body"));
                (uid, message(&body, flags))
            });
            let held: BTreeMap<u32, Message> = held.collect();
            let files = std::fs::read_dir(self.folder.join(folder.to_string())).expect("its folder").count();
            assert_eq!(files, held.len() + 1, "bodies that nothing names");
            held
        })
    }
}
