//! `postern import`: mail from files, into an account of the house.
//!
//! Files are read here, beside the command, and sent to the server some messages at a time. What can not be taken is
//! named and left out, and the rest goes on; run again, it passes over what is there. So whatever ends it early, the same
//! command goes on where it was.

mod date;
mod file_name;
mod gather;
mod header;
mod lines;
mod maildir;
mod mbox;
mod places;
mod progress;
mod told;

use super::failure::Failure;
use super::output::{Said, plain};
use super::transport::{Client, segment};
use super::unbuilt;
use gather::{Batch, Plan, gather};
use places::Format;
use postern_http::model::{ImportDone, ImportTerms};
use postern_types::{Address, MailboxName, counted};
use progress::Progress;
use std::path::PathBuf;
use told::Tally;

/// Where from, and where to.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_long_help = "A message that is in its mailbox already, byte for byte, is passed over: run an import that broke \
    off again. Bytes stay as they are, but lines end in CRLF. Flags and dates come along. Exit code 1 where something was \
    left out; it is named."
)]
pub struct Args {
    /// The address of a person or a shared mailbox
    #[arg(value_name = "ACCOUNT")]
    account: String,
    /// mbox files, Maildirs, .eml files or folders of them
    #[arg(value_name = "FILE", required_unless_present = "from")]
    files: Vec<PathBuf>,
    /// The mailbox that messages go to, made where it is not there; folders of a Maildir go below it
    #[arg(long, value_name = "NAME", default_value = MailboxName::INBOX, value_parser = MailboxName::parse)]
    mailbox: MailboxName,
    /// What the files are, where looking at them does not tell
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Mark all of them as read
    #[arg(long)]
    seen: bool,
    /// Read and count, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// From another server (not built yet)
    #[arg(long, value_name = "URL", hide = true)]
    from: Option<String>,
}

pub(super) async fn run(args: Args, client: &mut Client) -> Result<Said, Failure> {
    if args.from.is_some() || args.account == "imap" {
        return Err(unbuilt::command(
            "import imap",
            "mbsync copies a mailbox of another server into a Maildir, and: postern import ACCOUNT FOLDER",
        ));
    }
    let account = Address::parse(&args.account).map_err(|error| {
        Failure::usage(error.to_string()).next("postern import ACCOUNT FILE…: postern import --help")
    })?;
    let places = args.files.iter().map(|file| places::look(file, args.format)).collect::<Result<Vec<_>, _>>()?;
    let target = format!("/api/v1/import/{}", segment(account.as_str()));
    let terms: Result<ImportTerms, Failure> = client.get(&target).await;
    let terms =
        terms.map_err(|failure| failure.if_absent("see who there is: postern person list, postern shared list"))?;
    let mut tally = Tally::new(&terms.account, args.dry_run);
    let plan = Plan { places, mailbox: args.mailbox, terms, seen: args.seen };
    let all = Progress::is_seen(client.wants_json()).then(|| plan.places.iter().map(places::Place::bytes).sum());
    let mut progress = Progress::new(all);
    let outcome = bring(plan, &target, client, &mut tally, &mut progress).await;
    progress.end();
    outcome.map_err(|failure| tally.broken_off(failure))?;
    Ok(tally.said())
}

/// Brings over what is read, until all is or the account is full.
async fn bring(
    plan: Plan,
    target: &str,
    client: &mut Client,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let (out, mut batches) = tokio::sync::mpsc::channel(1);
    let reading = tokio::task::spawn_blocking(move || gather(&plan, out));
    while let Some(mut batch) = batches.recv().await {
        for left in std::mem::take(&mut batch.left) {
            progress.tell(&format!("Left out: {}: {}", plain(&left.what), plain(&left.because)));
            tally.leave(left);
        }
        let read = batch.read;
        send(batch, target, client, tally, progress).await?;
        progress.show(tally.messages(), read);
        if tally.is_stopped() {
            break;
        }
    }
    drop(batches);
    reading.await.map_err(|error| Failure::new(format!("reading ended early: {error}")))
}

async fn send(
    mut batch: Batch,
    target: &str,
    client: &mut Client,
    tally: &mut Tally,
    progress: &mut Progress,
) -> Result<(), Failure> {
    if batch.origins.is_empty() {
        return Ok(());
    }
    if tally.is_dry() {
        tally.count(&batch);
        return Ok(());
    }
    let target = format!("{target}?mailbox={}", segment(&batch.mailbox));
    let done: ImportDone = client.send_bytes("POST", &target, std::mem::take(&mut batch.body)).await?;
    for left in tally.take(&batch, &done) {
        progress.tell(&format!("Left out: {}: {}", plain(&left.what), plain(&left.because)));
        tally.leave(left);
    }
    Ok(())
}

/// `3 messages`, as all counts of messages are told here.
fn messages(count: u64) -> String {
    counted(count, "message")
}
