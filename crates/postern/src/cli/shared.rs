//! `postern shared`: shared mailboxes, one address and many people.

use super::conversion;
use super::delegate;
use super::domain::day;
use super::failure::Failure;
use super::output::{Said, bytes, facts, plain, table};
use super::settings;
use super::suppressed;
use super::transport::{Client, segment};
use clap::Subcommand;
use postern_http::model::{Made, NewShared, Shared, SharedMailboxes, SharedWithDelegates};
use postern_types::{Address, length};

/// What to do with shared mailboxes.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Make a shared mailbox
    Add {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
        /// Its name
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// A further address whose mail it receives; may be repeated
        #[arg(long = "alias", value_name = "EMAIL", value_parser = Address::parse)]
        aliases: Vec<Address>,
        /// A delegate with full access and send-as; may be repeated
        #[arg(long = "member", value_name = "EMAIL", value_parser = Address::parse)]
        members: Vec<Address>,
    },
    /// Every shared mailbox
    List,
    /// A shared mailbox with its addresses and delegates
    Show {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Change its settings and aliases
    Set(settings::Set),
    /// Take it out of use; it can come back for 30 days
    ///
    /// Its delegates lose it at their next command and its mail is refused. Mail, grants and
    /// addresses are kept for 30 days and deleted then.
    Remove {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Recipients to whom no campaign of it is sent any more, since mail to them came back for good
    Suppressed {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
        /// Only those after this address, as the page before names it
        #[arg(long, value_name = "EMAIL")]
        after: Option<String>,
    },
    /// Let campaigns of it go to a recipient again
    Unsuppress {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
        /// The recipient
        #[arg(value_name = "RECIPIENT", value_parser = Address::parse)]
        recipient: Address,
    },
    /// Bring a removed one back as it was
    Restore {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Make it a person's own
    ///
    /// Mail and addresses stay, delegates too until they are taken back. The person signs in
    /// once a password is set.
    ConvertToPerson {
        /// Its address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Make the mailbox of a person shared
    ///
    /// Mail and addresses stay. The person's password, tokens and sessions end, and so does
    /// what they held elsewhere. Delegates can read what was private, so it is confirmed.
    ConvertFromPerson(conversion::From),
}

const SHARED: &str = "/api/v1/shared";
pub(super) const WHICH: &str = "see which there are: postern shared list";

pub(super) fn path(address: &Address) -> String {
    format!("{SHARED}/{}", segment(address.as_str()))
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Add { address, name, aliases, members } => add(client, &address, name, &aliases, &members).await,
        Verb::List => list(client).await,
        Verb::Show { address } => {
            let shared: Result<SharedWithDelegates, Failure> = client.get(&path(&address)).await;
            let shared = shared.map_err(|failure| failure.if_absent(WHICH))?;
            let about = shown(&shared.shared, &shared.addresses);
            let text = match &shared.delegates {
                Some(delegates) => format!("{about}\n{}", delegate::listed(&shared.shared.address, delegates)),
                // A delegate sees that it is there, and not who else works in it.
                None => about,
            };
            Ok(Said::new(text, &shared))
        }
        Verb::Set(set) => settings::run(set, client).await,
        Verb::Remove { address } => remove(client, &address).await,
        Verb::Suppressed { address, after } => suppressed::list(client, &address, after.as_deref()).await,
        Verb::Unsuppress { address, recipient } => suppressed::end(client, &address, &recipient).await,
        Verb::Restore { address } => restore(client, &address).await,
        Verb::ConvertToPerson { address } => conversion::to_person(client, &address).await,
        Verb::ConvertFromPerson(from) => conversion::from_person(client, from).await,
    }
}

fn texts(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(Address::to_string).collect()
}

async fn add(
    client: &mut Client,
    address: &Address,
    name: String,
    aliases: &[Address],
    members: &[Address],
) -> Result<Said, Failure> {
    let new = NewShared { address: address.to_string(), name, aliases: texts(aliases), members: texts(members) };
    let made: Made = client.send("POST", SHARED, &new).await?;
    let mut text = format!("{address} is a shared mailbox now");
    if !aliases.is_empty() {
        text.push_str(&format!("; it also receives the mail of {}", texts(aliases).join(", ")));
    }
    text.push_str(".\n");
    let next = match members {
        [] => format!("postern delegate add {address} PERSON"),
        _ => {
            let names = texts(members).join(", ");
            text.push_str(&format!("Delegates with full access and send-as: {names}.\n"));
            format!("they find it under Shared/{address} in their mail program")
        }
    };
    Ok(Said::new(format!("{text}Next: {next}\n"), &made))
}

async fn list(client: &mut Client) -> Result<Said, Failure> {
    let all: SharedMailboxes = client.get(SHARED).await?;
    let rows = all.shared.iter().map(|shared| {
        vec![
            shared.address.clone(),
            plain(&shared.name),
            state(shared),
            count(shared.messages),
            shared.bytes.map_or_else(|| "-".to_owned(), bytes),
            day(&shared.created_at),
        ]
    });
    let headings = ["EMAIL", "NAME", "STATE", "MESSAGES", "SIZE", "SINCE"];
    let none = "There is no shared mailbox yet: postern shared add EMAIL";
    Ok(Said::new(table(&headings, rows.collect(), none), &all))
}

/// How many, or a dash where that is not for whoever asks.
fn count(messages: Option<u64>) -> String {
    messages.map_or_else(|| "-".to_owned(), |count| count.to_string())
}

/// Its state, and how long a removed one can come back.
fn state(shared: &Shared) -> String {
    match shared.days_left {
        None => shared.state.clone(),
        Some(1) => format!("{}, 1 day left", shared.state),
        Some(days) => format!("{}, {days} days left", shared.state),
    }
}

/// Where copies of what is sent as it are filed.
fn sent_copy(setting: &str) -> &str {
    match setting {
        "shared" => "shared: in its own Sent",
        "sender" => "sender: in that of who sent it",
        "both" => "both: in its own Sent, and in that of who sent it",
        "none" => "none: nowhere",
        other => other,
    }
}

/// How who sends as it is shown.
fn show_sender(setting: &str) -> &str {
    match setting {
        "hidden" => "hidden: recipients see the mailbox alone",
        "via" => "via: named in From, as in Alice via Support",
        "sender" => "sender: in the field Sender",
        other => other,
    }
}

fn undo(seconds: u64) -> String {
    match i64::try_from(seconds) {
        Ok(0) => "off: what is sent leaves at once".to_owned(),
        Ok(seconds) => format!("{}: what people send waits so long", length(seconds)),
        Err(_) => seconds.to_string(),
    }
}

fn stale_replies(minutes: u64) -> String {
    match i64::try_from(minutes) {
        Ok(0) => "off: nobody's answer is held back".to_owned(),
        Ok(minutes) => {
            let span = length(minutes.saturating_mul(60));
            format!("{span}: an answer is held back where a colleague's came so shortly before")
        }
        Err(_) => minutes.to_string(),
    }
}

/// How much a mailbox may hold.
pub(super) fn quota(most_bytes: Option<u64>, most_messages: Option<u64>) -> String {
    let bounds = [most_bytes.map(bytes), most_messages.map(|most| format!("{most} messages"))];
    let bounds: Vec<String> = bounds.into_iter().flatten().collect();
    if bounds.is_empty() { "none".to_owned() } else { bounds.join(", ") }
}

/// A shared mailbox with its addresses, a line for each fact.
pub(super) fn shown(shared: &Shared, addresses: &[String]) -> String {
    facts(&[
        ("Email", shared.address.clone()),
        ("Name", plain(&shared.name)),
        ("Also", addresses.iter().filter(|one| **one != shared.address).cloned().collect::<Vec<_>>().join(", ")),
        ("State", state(shared)),
        ("Seen flags", shared.seen.clone()),
        ("Delete protection", if shared.delete_protection { "on" } else { "off" }.to_owned()),
        ("Quota", quota(shared.quota_bytes, shared.quota_messages)),
        ("Sent copy", sent_copy(&shared.sent_copy).to_owned()),
        ("Sender", show_sender(&shared.show_sender).to_owned()),
        ("Undo", undo(shared.undo_seconds)),
        ("Stale replies", stale_replies(shared.stale_reply_minutes)),
        ("Messages", shared.messages.map(|count| count.to_string()).unwrap_or_default()),
        ("Size", shared.bytes.map(bytes).unwrap_or_default()),
        ("Since", shared.created_at.clone()),
    ])
}

async fn remove(client: &mut Client, address: &Address) -> Result<Said, Failure> {
    let removed: Result<Shared, Failure> = client.act("DELETE", &path(address)).await;
    let removed = removed.map_err(|failure| failure.if_absent(WHICH))?;
    let days = removed.days_left.unwrap_or_default();
    let text = format!(
        "{address} is removed: its delegates lose it at their next command, and its mail is refused.\n\
         Next: for {days} days it can come back: postern shared restore {address}; then it is deleted for good\n"
    );
    Ok(Said::new(text, &removed))
}

async fn restore(client: &mut Client, address: &Address) -> Result<Said, Failure> {
    let restored: Result<SharedWithDelegates, Failure> =
        client.act("POST", &format!("{}/restore", path(address))).await;
    let restored = restored.map_err(|failure| failure.if_absent(WHICH))?;
    let delegates = delegate::listed(address.as_str(), restored.delegates.as_deref().unwrap_or_default());
    Ok(Said::new(format!("{address} is back, with its mail, addresses and delegates:\n\n{delegates}"), &restored))
}
