//! Reads messages out of their places and packs them for the server, some in a request.
//!
//! It runs on a thread of its own, a request ahead of what is sent, so that reading and writing go on at once. In memory
//! are the request that is packed, the one that waits and the one that is sent, whatever the size of an mbox.

use super::places::{FileMessage, Place, file_messages, is_eml};
use super::{date, header, lines, maildir, mbox};
use postern_http::model::{ImportHead, ImportTerms};
use postern_http::show_date;
use postern_types::{Flags, MailboxName, SystemFlag, Timestamp, counted};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use tokio::sync::mpsc::Sender;

/// Bytes that a request has before it is sent, unless one message is larger.
const REQUEST_BYTES: usize = 1 << 20;
/// So much that was left out is told at once, though no request is full.
const LEFT_AT_ONCE: usize = 100;
/// As many keywords as a message can have.
const KEYWORDS: usize = 64;

/// What is to be read, and what for.
pub(super) struct Plan {
    pub places: Vec<Place>,
    pub mailbox: MailboxName,
    pub terms: ImportTerms,
    /// All are marked as read.
    pub seen: bool,
}

/// Messages of one request, and what was found on the way to them.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub mailbox: String,
    /// The body of the request.
    pub body: Vec<u8>,
    /// Where each message came from.
    pub origins: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    pub left: Vec<Left>,
    /// Bytes of all places read so far.
    pub read: u64,
}

/// What is not brought over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Left {
    pub what: String,
    pub because: String,
    /// How many messages that are.
    pub messages: u64,
}

/// Why reading ends.
pub(super) enum Stop {
    /// Nobody wants more.
    Gone,
    Failed(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Failed(error)
    }
}

/// Reads all of it, unless nobody wants more.
pub(super) fn gather(plan: &Plan, out: Sender<Batch>) {
    let mut packer = Packer { plan, out, batch: Batch::default(), read: 0 };
    for place in &plan.places {
        match packer.place(place) {
            Ok(()) => {}
            Err(Stop::Gone) => return,
            // What was read of it is on its way; the other places are read all the same.
            Err(Stop::Failed(error)) => {
                let what = format!("the rest of {}", place.path().display());
                if packer.leave(what, unread(&error), 1).is_err() {
                    return;
                }
            }
        }
    }
    let _ = packer.flush();
}

fn unread(error: &io::Error) -> String {
    format!("it can not be read: {error}")
}

struct Packer<'p> {
    plan: &'p Plan,
    out: Sender<Batch>,
    batch: Batch,
    read: u64,
}

impl Packer<'_> {
    fn place(&mut self, place: &Place) -> Result<(), Stop> {
        let mailbox = self.plan.mailbox.to_string();
        match place {
            Place::Mbox(path) => self.mbox(path, &mailbox),
            Place::Message(path) => {
                let alone = FileMessage { path: path.clone(), bytes: place.bytes(), modified: 0, flags: Flags::new() };
                self.file(&alone, &mailbox, false)
            }
            Place::Messages(folder) => {
                file_messages(folder, is_eml)?.iter().try_for_each(|message| self.file(message, &mailbox, false))?;
                self.others(folder)
            }
            Place::Maildir(root) => self.maildir(root),
        }
    }

    fn mbox(&mut self, path: &Path, mailbox: &str) -> Result<(), Stop> {
        let (most, before) = (self.most(), self.read);
        let shown = path.display();
        let is_one = mbox::read(Place::open(path)?, most, |kept| {
            self.read = before + kept.read;
            let origin = format!("{shown}, message {}", kept.number);
            match kept.bytes {
                Some(bytes) => {
                    let received = kept.received.or_else(|| date::of_header(&bytes));
                    let flags = header::flags(&bytes);
                    self.message(mailbox, origin, (flags, received), &bytes)
                }
                None => self.leave(origin, self.too_large(), 1),
            }
        })?;
        if is_one {
            Ok(())
        } else {
            self.leave(shown.to_string(), "it is no mbox: it does not begin with a From line".into(), 1)
        }
    }

    fn maildir(&mut self, root: &Path) -> Result<(), Stop> {
        let tree = maildir::tree(root);
        for (path, error) in tree.shut {
            self.leave(path.display().to_string(), unread(&error), 0)?;
        }
        for folder in tree.folders {
            let messages = match maildir::messages(&folder.path) {
                Ok(messages) => messages,
                Err(error) => {
                    self.leave(folder.path.display().to_string(), unread(&error), 0)?;
                    continue;
                }
            };
            match self.name(&folder.levels) {
                Ok(mailbox) => messages.iter().try_for_each(|message| self.file(message, &mailbox, true))?,
                Err(because) => self.leave(folder.path.display().to_string(), because, messages.len() as u64)?,
            }
        }
        Ok(())
    }

    /// The mailbox of a folder: below the one that was named, unless that is INBOX, which is the Maildir's own.
    fn name(&self, levels: &[String]) -> Result<String, String> {
        let below = match levels {
            [only] => vec![ours(only).to_owned()],
            levels => levels.to_vec(),
        };
        let above = Some(self.plan.mailbox.to_string()).filter(|_| below.is_empty() || !self.plan.mailbox.is_inbox());
        // A level with a slash in it would be two.
        if let Some(level) = below.iter().find(|level| level.contains('/')) {
            return Err(format!("{level:?} is no name of a mailbox"));
        }
        let name = above.into_iter().chain(below).collect::<Vec<_>>().join("/");
        MailboxName::parse(&name).map(|name| name.to_string()).map_err(|error| format!("{name:?}: {error}"))
    }

    /// A message that is a file; of a Maildir, whose files keep their time.
    fn file(&mut self, message: &FileMessage, mailbox: &str, is_kept: bool) -> Result<(), Stop> {
        let origin = message.path.display().to_string();
        let bytes = match read_file(&message.path, self.most()) {
            Ok(bytes) => bytes,
            Err(error) => return self.leave(origin, unread(&error), 1),
        };
        self.read += message.bytes;
        match bytes.and_then(|bytes| lines::with_crlf(&bytes, self.most())) {
            Some(bytes) => {
                let of_file = date::in_range(message.modified).filter(|at| is_kept && *at > 0);
                let received = of_file.or_else(|| date::of_header(&bytes));
                self.message(mailbox, origin, (message.flags.clone(), received), &bytes)
            }
            None => self.leave(origin, self.too_large(), 1),
        }
    }

    /// What lies in a folder of messages and is none, so that nobody takes it for imported.
    fn others(&mut self, folder: &Path) -> Result<(), Stop> {
        let mut others = 0;
        for entry in std::fs::read_dir(folder)? {
            let name = entry?.file_name();
            let is_of_maildir = ["cur", "new", "tmp"].iter().any(|part| name == *part);
            others += u64::from(!is_eml(&name) && !is_of_maildir && !name.as_encoded_bytes().starts_with(b"."));
        }
        if others == 0 {
            return Ok(());
        }
        let does = if others == 1 { "does" } else { "do" };
        let because = format!("{} in it {does} not end in .eml", counted(others, "name"));
        self.leave(folder.display().to_string(), because, 0)
    }

    fn most(&self) -> usize {
        usize::try_from(self.plan.terms.message_bytes).unwrap_or(usize::MAX)
    }

    fn too_large(&self) -> String {
        format!("it is larger than {} bytes", self.plan.terms.message_bytes)
    }

    fn message(
        &mut self,
        mailbox: &str,
        origin: String,
        (mut flags, received): (Flags, Option<i64>),
        bytes: &[u8],
    ) -> Result<(), Stop> {
        if bytes.is_empty() {
            return self.leave(origin, "it is empty".into(), 1);
        }
        if self.plan.seen {
            flags.insert(SystemFlag::Seen);
        }
        let is_full = self.batch.body.len() + bytes.len() > REQUEST_BYTES
            || self.batch.origins.len() as u64 >= self.plan.terms.request_messages;
        if !self.batch.origins.is_empty() && (is_full || self.batch.mailbox != mailbox) {
            self.flush()?;
        }
        let named = flags.system().map(|flag| flag.as_str().to_owned());
        let keywords = flags.keywords().iter().take(KEYWORDS).map(|keyword| keyword.as_str().to_owned());
        let head = ImportHead {
            bytes: bytes.len() as u64,
            flags: named.chain(keywords).collect(),
            received_at: received.map(|at| show_date(Timestamp(at))),
        };
        mailbox.clone_into(&mut self.batch.mailbox);
        serde_json::to_writer(&mut self.batch.body, &head).map_err(io::Error::from)?;
        self.batch.body.push(b'\n');
        self.batch.body.extend_from_slice(bytes);
        self.batch.bytes += bytes.len() as u64;
        self.batch.origins.push(origin);
        Ok(())
    }

    fn leave(&mut self, what: String, because: String, messages: u64) -> Result<(), Stop> {
        self.batch.left.push(Left { what, because, messages });
        if self.batch.left.len() >= LEFT_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let batch = Batch { read: self.read, ..std::mem::take(&mut self.batch) };
        self.out.blocking_send(batch).map_err(|_| Stop::Gone)
    }
}

/// A file, unless it is larger. Whatever is no file is not opened: a pipe would be waited for.
fn read_file(path: &Path, most: usize) -> io::Result<Option<Vec<u8>>> {
    let about = std::fs::metadata(path)?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    if about.len() > most as u64 {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(about.len() as usize);
    file.take(most as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= most).then_some(bytes))
}

/// What other servers and programs call the mailboxes that every account has.
fn ours(name: &str) -> &str {
    match name.to_ascii_lowercase().as_str() {
        "sent" | "sent items" | "sent messages" | "sent mail" => "Sent",
        "trash" | "deleted items" | "deleted messages" | "deleted" => "Trash",
        "junk" | "spam" | "junk e-mail" | "junk mail" | "bulk mail" => "Junk",
        "drafts" | "draft" => "Drafts",
        "archive" | "archives" => "Archive",
        _ => name,
    }
}
