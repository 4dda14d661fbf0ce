//! A server with one mailbox and twenty delegates, ours or Dovecot, spoken to in the same way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};

use super::wire::{ROOM, Wire};
use crate::corpus::{self, Corpus};
use crate::servers::{Dovecot, Kind, Postern, RECIPIENT, Server, Tools};
use crate::{client, machine, servers};

/// Delegates of the mailbox.
pub const PEOPLE: usize = 20;
/// The password of each.
pub const PASSWORD: &str = "correct horse battery staple";
/// The mailbox, as both name it to a delegate.
pub const MAILBOX: &str = "Shared/support@example.org/INBOX";
/// What is sought in subjects, in small letters.
pub const SOUGHT: &str = "ster";
const TEAM: &str = "team@example.org";
/// How many mails are made at a time: all of a large mailbox would fill the memory.
const BATCH: usize = 5_000;
/// Connections that bring them: the more, the more of them are made durable at once.
const FILLERS: usize = 32;

/// A server at work.
pub struct House {
    kind: Kind,
    server: Either,
    filled: Filled,
}

/// What is known of the mails that a mailbox was filled with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filled {
    /// How many; theirs are the first UIDs.
    pub mails: usize,
    /// Of all of them, as they were before a server added header fields.
    pub bytes: u64,
    /// How many have [`SOUGHT`] in their subject.
    pub with_sought: usize,
}

impl Filled {
    fn add(&mut self, batch: &Corpus) {
        self.mails += batch.mails.len();
        self.bytes += batch.bytes();
        let subjects = batch.mails.iter().map(|mail| corpus::subject(&mail.wire).to_lowercase());
        self.with_sought += subjects.filter(|subject| subject.contains(SOUGHT)).count();
    }
}

enum Either {
    Ours(Box<Postern>),
    Peer(Box<Dovecot>),
}

impl House {
    /// An empty one in a folder of its own under `folder`.
    pub async fn start(kind: Kind, tools: &Tools<'_>, folder: &Path) -> Result<Self> {
        let folder = folder.join(kind.name());
        std::fs::create_dir(&folder)?;
        let people: Vec<String> = (0..PEOPLE).map(person).collect();
        let server = if let Some(format) = kind.format() {
            Either::Peer(Box::new(Dovecot::start_for_readers(format, &folder, &people, PASSWORD).await?))
        } else {
            let postern = Postern::start(tools, &folder, kind == Kind::PosternPostgres).await?;
            let mut words = vec!["group", "add", TEAM];
            for person in &people {
                postern.add_person(person, PASSWORD)?;
                words.extend(["--member", person]);
            }
            postern.say(&words)?;
            postern.say(&["delegate", "add", RECIPIENT, TEAM])?;
            Either::Ours(Box::new(postern))
        };
        Ok(Self { kind, server, filled: Filled::default() })
    }

    /// Which.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Ours, if it is.
    pub fn ours(&self) -> Option<&Postern> {
        match &self.server {
            Either::Ours(postern) => Some(postern),
            Either::Peer(_) => None,
        }
    }

    /// What it was filled with, by LMTP.
    pub fn filled(&self) -> Filled {
        self.filled
    }

    /// Where delegates read.
    pub fn imap(&self) -> Result<SocketAddr> {
        match &self.server {
            Either::Ours(postern) => postern.listener("imap"),
            Either::Peer(dovecot) => dovecot.imap(),
        }
    }

    /// A connection of delegate so many.
    pub async fn sign_in(&self, number: usize) -> Result<Wire> {
        Wire::sign_in(self.imap()?, ROOM, &person(number), PASSWORD).await
    }

    /// The same, with the mailbox open. Answers how many messages it has, too.
    pub async fn open(&self, number: usize) -> Result<(Wire, usize)> {
        let mut wire = self.sign_in(number).await?;
        let mut exists = None;
        let select = format!("SELECT {MAILBOX}");
        wire.ok_told(&select, |line| exists = exists.or(super::wire::number(line, "EXISTS"))).await?;
        Ok((wire, exists.context("SELECT tells no EXISTS")?))
    }

    /// Delivers mails by LMTP.
    pub async fn deliver(&self, corpus: &Arc<Corpus>, connections: usize) -> Result<()> {
        let address = self.any().lmtp()?;
        client::deliver(address, RECIPIENT, corpus, connections).await.map(drop)
    }

    /// Delivers `mails` mails by LMTP.
    pub async fn fill(&mut self, kind: corpus::Kind, mails: usize, seed: u64) -> Result<()> {
        for (number, start) in (0..mails).step_by(BATCH).enumerate() {
            let batch = Corpus::write(kind, BATCH.min(mails - start), seed + number as u64);
            self.filled.add(&batch);
            self.deliver(&Arc::new(batch), FILLERS).await?;
        }
        let (_, exists) = self.open(0).await?;
        if exists != mails {
            bail!("{mails} mails were delivered and {exists} are there");
        }
        Ok(())
    }

    /// Starts the server anew, once all is quiet, on an empty page cache; says whether it could be emptied.
    pub async fn restart_cold(&mut self) -> Result<bool> {
        self.rest().await?;
        let mut is_cold = false;
        self.restart(|| {
            is_cold = super::system::drop_page_cache()?;
            Ok(())
        })
        .await?;
        Ok(is_cold)
    }

    /// Ends all its processes, does what `meanwhile` does, and starts it again on the same mail.
    pub async fn restart(&mut self, meanwhile: impl FnOnce() -> Result<()>) -> Result<()> {
        match &mut self.server {
            Either::Ours(postern) => postern.restart(meanwhile).await,
            Either::Peer(dovecot) => dovecot.restart(meanwhile).await,
        }
    }

    /// Processor time so far of everything that serves, or `None` where it cannot be seen.
    pub fn seconds(&self) -> Result<Option<f64>> {
        self.any().seconds()
    }

    /// The same of what is no child of ours.
    pub fn seconds_outside(&self) -> Result<f64> {
        let outside = self.ours().map_or(Ok(None), Postern::database_seconds)?;
        Ok(outside.unwrap_or(0.0))
    }

    /// What its processes hold of the memory, where it can be seen.
    pub fn memory(&self) -> Result<Option<machine::Memory>> {
        let roots = match &self.server {
            Either::Ours(postern) => postern.processes(),
            Either::Peer(dovecot) => vec![dovecot.process()],
        };
        machine::Memory::of(&roots)
    }

    /// Waits until it has nothing more to do.
    pub async fn rest(&self) -> Result<()> {
        servers::rest(|| self.seconds()).await
    }

    /// Ends it in good order.
    pub fn stop(&self) -> Result<()> {
        self.any().stop()
    }

    fn any(&self) -> &dyn Server {
        match &self.server {
            Either::Ours(postern) => postern.as_ref(),
            Either::Peer(dovecot) => dovecot.as_ref(),
        }
    }
}

/// Delegate so many; there are [`PEOPLE`], and they come again.
pub fn person(number: usize) -> String {
    format!("person{}@example.org", number % PEOPLE)
}
