//! What came of an import: counted while it goes on, told at its end.

use super::gather::{Batch, Left};
use super::messages;
use crate::cli::failure::Failure;
use crate::cli::output::{Said, bytes, plain};
use postern_http::model::ImportDone;
use serde::Serialize;

/// What is left out is told as it is found; so many are in the document too.
const LEFT_IN_DOCUMENT: usize = 1000;

/// The document of `--json`.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Tally {
    account: String,
    dry_run: bool,
    /// Messages that were read, those left out apart.
    messages: u64,
    bytes: u64,
    added: u64,
    known: u64,
    left_out: u64,
    mailboxes: Vec<InMailbox>,
    /// The first of what was left out.
    left: Vec<ToldLeft>,
    /// Why it ended before all was read.
    stopped: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct InMailbox {
    mailbox: String,
    made: bool,
    messages: u64,
    added: u64,
    known: u64,
}

#[derive(Debug, Clone, Serialize)]
struct ToldLeft {
    what: String,
    because: String,
}

impl Tally {
    pub fn new(account: &str, dry_run: bool) -> Self {
        Self { account: account.to_owned(), dry_run, ..Self::default() }
    }

    pub fn is_dry(&self) -> bool {
        self.dry_run
    }
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Those of a request that is not sent.
    pub fn count(&mut self, batch: &Batch) {
        let count = batch.origins.len() as u64;
        self.messages += count;
        self.bytes += batch.bytes;
        self.in_mailbox(&batch.mailbox).messages += count;
    }

    /// What the server said of a request; answers what it did not take.
    pub fn take(&mut self, batch: &Batch, done: &ImportDone) -> Vec<Left> {
        let left: Vec<Left> = done
            .left
            .iter()
            .map(|left| Left { what: origin(batch, left.message), because: left.because.clone(), messages: 1 })
            .collect();
        let taken = done.added + done.known;
        self.messages += taken;
        self.bytes += batch.bytes;
        self.added += done.added;
        self.known += done.known;
        let one = self.in_mailbox(&done.mailbox);
        one.messages += taken;
        one.added += done.added;
        one.known += done.known;
        one.made |= done.made;
        self.stopped.clone_from(&done.stopped);
        left
    }

    fn in_mailbox(&mut self, name: &str) -> &mut InMailbox {
        let at = self.mailboxes.iter().position(|one| one.mailbox == name).unwrap_or_else(|| {
            let new = InMailbox { mailbox: name.to_owned(), made: false, messages: 0, added: 0, known: 0 };
            self.mailboxes.push(new);
            self.mailboxes.len() - 1
        });
        &mut self.mailboxes[at]
    }

    pub fn leave(&mut self, left: Left) {
        self.left_out += left.messages;
        if self.left.len() < LEFT_IN_DOCUMENT {
            self.left.push(ToldLeft { what: left.what, because: left.because });
        }
    }

    /// With how far it came, where it broke off.
    pub fn broken_off(&self, failure: Failure) -> Failure {
        if self.messages == 0 {
            return failure;
        }
        let done = format!("{} of {} imported", messages(self.added), plain(&self.account));
        failure.after(&[done]).next("run the same command again: what is there is passed over")
    }

    /// What it says at its end.
    pub fn said(&self) -> Said {
        let is_partial = self.left_out > 0 || !self.left.is_empty() || self.stopped.is_some();
        Said::new(self.text(), self).partial(is_partial)
    }

    fn text(&self) -> String {
        let account = plain(&self.account);
        let nothing_befell = self.left_out == 0 && self.stopped.is_none();
        let mut text = match (self.dry_run, self.messages) {
            (_, 0) if nothing_befell => "There is no message to import.\n".to_owned(),
            (true, count) => format!(
                "Would import {} ({}) into {account}, unless they are there:\n",
                messages(count),
                bytes(self.bytes)
            ),
            (false, _) => format!("Imported {} into {account}.\n", messages(self.added)),
        };
        let is_worth_a_list = self.dry_run || self.mailboxes.len() > 1 || self.mailboxes.iter().any(|one| one.made);
        for one in self.mailboxes.iter().filter(|_| is_worth_a_list) {
            let count = if self.dry_run { one.messages } else { one.added };
            let made = if one.made { ", which was made" } else { "" };
            if count > 0 {
                text.push_str(&format!("  {} into {}{made}\n", messages(count), plain(&one.mailbox)));
            }
        }
        if self.known > 0 {
            let (were, them) = if self.known == 1 { ("was", "it was") } else { ("were", "they were") };
            text.push_str(&format!("{} {were} there already: {them} passed over.\n", messages(self.known)));
        }
        if self.left_out > 0 {
            let were = if self.left_out == 1 { "was" } else { "were" };
            text.push_str(&format!("{} {were} left out, named above.\n", messages(self.left_out)));
        }
        if let Some(why) = &self.stopped {
            text.push_str(&format!("It ended there: {}. The rest was not tried.\n", plain(why).trim_end_matches('.')));
        }
        text.push_str(&self.next());
        text
    }

    fn next(&self) -> String {
        let account = plain(&self.account);
        match (&self.stopped, self.dry_run) {
            (Some(_), _) => format!(
                "Next: make room: postern shared set {account} --quota SIZE --message-quota N (for a person: person set), whichever is full; then run the same command again\n"
            ),
            (None, true) => "Next: run it without --dry-run\n".to_owned(),
            (None, false) if self.added > 0 => {
                format!("Next: the trail tells of it: postern audit list --account {account}\n")
            }
            (None, false) => String::new(),
        }
    }
}

fn origin(batch: &Batch, place: u64) -> String {
    let origin = usize::try_from(place).ok().and_then(|place| batch.origins.get(place));
    origin.cloned().unwrap_or_else(|| format!("message {place} of a request"))
}
