//! `postern queue`: what waits to be sent, and what may be done about it.
//!
//! It shows envelopes and never mail. A sender takes back what has not left with `queue remove`.

mod many;
mod told;

use super::clock;
use super::failure::Failure;
use super::output::Said;
use super::transport::{Client, segment};
use clap::{Args, Subcommand};
use many::{Act, Which};
use postern_http::model::{Queue, QueuedWithRecipients};
use postern_types::Address;

/// What to do with what waits to be sent.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// What waits to be sent, newest first, and why
    ///
    /// Administrators see all of it, owners what is sent as their mailbox (--account, --credential), and
    /// everybody what they sent themselves.
    List(List),
    /// A message that waits, with those who have not got it and what their servers said
    Show {
        /// Its id, such as msg_abcdefghijkl
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Send messages now, whatever they wait for
    ///
    /// Of those that are not named one by one, what waits for its sender's own word or time is sent by its
    /// sender alone, and what waits for room within a limit stays. What does not get through is tried again, ever
    /// more rarely.
    Retry(Which),
    /// Hold messages until somebody sends or removes them
    Hold(Which),
    /// Take messages out: who waits for them does not get them
    ///
    /// This takes back what has not left. Their senders hear nothing of it. A copy in Sent goes to Drafts where its
    /// message waited from the start (to be taken back, for its time, or parked) and was not tried, and stays
    /// otherwise.
    Remove(Remove),
}

/// Which messages.
#[derive(Debug, Clone, Default, Args)]
pub struct List {
    /// Only what is sent as the account with this address
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse, conflicts_with = "credential")]
    account: Option<Address>,
    /// Only what this credential handed in: its id, or as support@example.org/newsletter
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Only what was handed in before, as the page before says it
    #[arg(long, value_name = "PLACE")]
    before: Option<String>,
}

/// Which messages are taken out.
#[derive(Debug, Clone, Args)]
pub struct Remove {
    #[command(flatten)]
    which: Which,
    /// Do not ask, where they are not named one by one
    #[arg(long, conflicts_with = "ids")]
    yes: bool,
}

const QUEUE: &str = "/api/v1/queue";
const WHICH: &str = "it has left, or it is not yours to see; what waits: postern queue list";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::List(list) => {
            let page = page(&list, client).await?;
            Ok(Said::new(told::page(&page, &list, clock::now()), &page))
        }
        Verb::Show { id } => {
            let seen: Result<QueuedWithRecipients, Failure> = client.get(&path(&id)).await;
            let seen = seen.map_err(|failure| failure.if_absent(WHICH))?;
            Ok(Said::new(told::all(&seen, clock::now()), &seen))
        }
        Verb::Retry(which) => many::run(client, Act::Retry, &which, true).await,
        Verb::Hold(which) => many::run(client, Act::Hold, &which, true).await,
        Verb::Remove(Remove { which, yes }) => many::run(client, Act::Remove, &which, yes).await,
    }
}

fn path(id: &str) -> String {
    format!("{QUEUE}/{}", segment(id))
}

async fn page(list: &List, client: &mut Client) -> Result<Queue, Failure> {
    let account = list.account.as_ref().map(|account| format!("account={}", segment(account.as_str())));
    let credential = list.credential.as_ref().map(|credential| format!("credential={}", segment(credential)));
    let before = list.before.as_ref().map(|before| format!("before={}", segment(before)));
    let query = [account, credential, before].into_iter().flatten().collect::<Vec<_>>().join("&");
    let target = if query.is_empty() { QUEUE.to_owned() } else { format!("{QUEUE}?{query}") };
    let page: Result<Queue, Failure> = client.get(&target).await;
    page.map_err(|failure| failure.if_absent(which_there_are(list.credential.is_some())))
}

/// What helps where an account or a credential is not there.
fn which_there_are(is_credential: bool) -> &'static str {
    match is_credential {
        true => super::credential::WHICH,
        false => "see which there are: postern shared list",
    }
}
