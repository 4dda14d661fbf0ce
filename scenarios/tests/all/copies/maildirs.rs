//! Two programs of other people that keep Maildirs, both ways: isync's mbsync and offlineimap3, with configurations of
//! ours. What somebody does in their Maildir comes to the server with the next run.

use super::ledger::Message;
use super::wire::message;
use super::{FOLDERS, Letter, Person, Shared, mailbox};
use crate::foreign::{Printed, run_at, text, write};
use postern_testkit::PASSWORD;
use postern_testkit::power::Random;
use std::collections::BTreeSet;
use std::fs::{create_dir_all, remove_file};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The letters of a Maildir's file names and the flags that they stand for.
const LETTERS: [(char, &str); 5] =
    [('D', "\\Draft"), ('F', "\\Flagged"), ('R', "\\Answered"), ('S', "\\Seen"), ('T', "\\Deleted")];

/// Those that somebody changes in their Maildir.
const CHANGED: [char; 3] = ['F', 'R', 'S'];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Mbsync,
    Offlineimap,
}

pub struct Maildirs {
    kind: Kind,
    program: PathBuf,
    person: &'static Person,
    home: PathBuf,
    random: Random,
    added: usize,
}

impl Maildirs {
    pub fn new(kind: Kind, program: PathBuf, person: &'static Person, home: PathBuf, random: Random) -> Self {
        create_dir_all(home.join("mail")).expect("a folder");
        Self { kind, program, person, home, random, added: 0 }
    }

    /// One run of the program. The port is another one after each start of the server.
    pub async fn run(&self, address: SocketAddr) -> Printed {
        let rc = self.home.join("rc");
        write(&rc, &self.configuration(address.port()));
        let rc = text(&rc);
        let arguments: &[&str] = match self.kind {
            Kind::Mbsync => &["-c", &rc, "-a"],
            Kind::Offlineimap => &["-c", &rc, "-o"],
        };
        run_at(&self.home, &self.program, arguments).await
    }

    /// Whether a run has to end well while others work. offlineimap 8.0.0 tells as errors of messages that went before it
    /// had them, and stumbles over flags of one that came after it listed all; its next run goes on.
    pub fn must_end_well(&self) -> bool {
        self.kind == Kind::Mbsync
    }

    fn configuration(&self, port: u16) -> String {
        let (folder, email) = (text(&self.home.join("mail")), self.person.email);
        let names: Vec<String> = (0..FOLDERS.len()).map(|number| format!("\"{}\"", mailbox(number))).collect();
        match self.kind {
            Kind::Mbsync => format!(
                "FSync no\n\nIMAPAccount postern\nHost 127.0.0.1\nPort {port}\nUser {email}\nPass \"{PASSWORD}\"\n\
                 SSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount postern\n\n\
                 MaildirStore near\nPath {folder}/\nInbox {folder}/INBOX\nSubFolders Verbatim\n\n\
                 Channel both\nFar :far:\nNear :near:\nPatterns {}\nSync All\nCreate Near\nRemove None\nExpunge Both\n\
                 SyncState *\n",
                names.join(" ")
            ),
            Kind::Offlineimap => format!(
                "[general]\naccounts = postern\nmetadata = {folder}.state\nui = basic\nfsync = False\nsocktimeout = 30\n\n\
                 [Account postern]\nlocalrepository = near\nremoterepository = far\n\n\
                 [Repository near]\ntype = Maildir\nlocalfolders = {folder}\nsep = /\n\n\
                 [Repository far]\ntype = IMAP\ncreatefolders = no\nremotehost = 127.0.0.1\nremoteport = {port}\n\
                 remoteuser = {email}\nremotepass = {PASSWORD}\nssl = no\nstarttls = no\n\
                 folderfilter = lambda name: name in [{}]\n",
                names.join(", ")
            ),
        }
    }

    fn folder(&self, number: usize) -> PathBuf {
        self.home.join("mail").join(mailbox(number))
    }

    /// Somebody works in their Maildir while no program runs: flags, and with mbsync letters that are new or gone.
    pub fn change(&mut self, shared: &Shared) {
        let folder = self.random.below(FOLDERS.len());
        let files = files(&self.folder(folder));
        // Before its first run there is nothing.
        if files.is_empty() {
            return;
        }
        for _ in 0..self.random.between(1, 3) {
            let file = self.random.pick(&files);
            let letter = *self.random.pick(&CHANGED);
            toggle(file, letter);
        }
        if self.kind == Kind::Mbsync {
            self.add(folder, shared);
            if self.random.percent(30) {
                // One that was renamed just now is left.
                let file = self.random.pick(&files).clone();
                if file.exists() {
                    shared.ledger().doom(&read(&file).mark);
                    remove_file(&file).expect("a file of the Maildir");
                }
            }
        }
    }

    fn add(&mut self, folder: usize, shared: &Shared) {
        self.added += 1;
        let letter = Letter::new(&format!("near-{}", self.added), &mut self.random);
        let mut ledger = shared.ledger();
        ledger.will_add(&letter);
        shared.added_near(&letter.mark);
        let (name, letters) = (format!("{}.near.postern", self.added), self.random.pick(&["", "S", "FS"]));
        let (under, path) = (self.folder(folder).join("tmp").join(&name), self.folder(folder).join("cur"));
        write(&under, std::str::from_utf8(&letter.text).expect("letters are ASCII"));
        rename(&under, &path.join(format!("{name}:2,{letters}")));
    }

    /// What it keeps of a folder, sorted.
    pub fn held(&self, number: usize) -> Vec<Message> {
        let mut held: Vec<Message> = files(&self.folder(number)).iter().map(|file| read(file)).collect();
        held.sort();
        held
    }
}

/// The files of a Maildir.
fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = ["cur", "new"].into_iter().filter_map(|part| std::fs::read_dir(folder.join(part)).ok());
    let mut files: Vec<PathBuf> = inside.flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn letters_of(file: &Path) -> String {
    let name = text(file);
    name.split_once(":2,").map(|(_, letters)| letters.to_owned()).unwrap_or_default()
}

fn toggle(file: &Path, letter: char) {
    let mut letters: BTreeSet<char> = letters_of(file).chars().collect();
    if !letters.remove(&letter) {
        letters.insert(letter);
    }
    let whole = text(file);
    let name = whole.rsplit('/').next().unwrap_or_default();
    let name = name.split_once(":2,").map_or(name, |(name, _)| name);
    let letters: String = letters.into_iter().collect();
    let maildir = file.ancestors().nth(2).expect("a file in a Maildir");
    rename(file, &maildir.join(format!("cur/{name}:2,{letters}")));
}

/// One that was renamed just now has another name, and is left.
#[expect(clippy::disallowed_methods, reason = "files of another program, gone with the test")]
fn rename(file: &Path, to: &Path) {
    let renamed = std::fs::rename(file, to);
    assert!(renamed.is_ok() || !file.exists(), "{}: {renamed:?}", file.display());
}

fn read(file: &Path) -> Message {
    let letters = letters_of(file);
    let flags = LETTERS.iter().filter(|(letter, _)| letters.contains(*letter));
    message(&std::fs::read(file).expect("a file of the Maildir"), flags.map(|(_, flag)| (*flag).to_owned()).collect())
}

/// The same message with the flags that a Maildir has.
pub fn as_kept(message: &Message) -> Message {
    let flags = message.flags.iter().filter(|flag| LETTERS.iter().any(|(_, known)| known == flag));
    Message { flags: flags.cloned().collect(), ..message.clone() }
}
