//! `postern shared`: shared mailboxes, one address and many people.

use super::delegate;
use super::domain::day;
use super::failure::Failure;
use super::output::{Said, bytes, facts, plain, table};
use super::transport::{Client, segment};
use super::unbuilt;
use clap::Subcommand;
use postern_http::model::{Made, NewShared, SharedMailboxes, SharedWithDelegates};
use postern_types::Address;

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
    /// Change its settings (not built yet)
    #[command(hide = true)]
    Set(unbuilt::Unbuilt),
    /// Remove it (not built yet)
    #[command(hide = true)]
    Remove(unbuilt::Unbuilt),
    /// Bring it back (not built yet)
    #[command(hide = true)]
    Restore(unbuilt::Unbuilt),
    /// Make it a person's own (not built yet)
    #[command(hide = true)]
    ConvertToPerson(unbuilt::Unbuilt),
    /// Make a person's mailbox shared (not built yet)
    #[command(hide = true)]
    ConvertFromPerson(unbuilt::Unbuilt),
}

const SHARED: &str = "/api/v1/shared";
pub(super) const WHICH: &str = "see which there are: postern shared list";

pub(super) fn path(address: &Address) -> String {
    format!("{SHARED}/{}", segment(address.as_str()))
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let later = |name: &str| Err(unbuilt::command(name, "postern shared --help shows what is there"));
    match verb {
        Verb::Add { address, name, aliases, members } => add(client, &address, name, &aliases, &members).await,
        Verb::List => list(client).await,
        Verb::Show { address } => {
            let shared: Result<SharedWithDelegates, Failure> = client.get(&path(&address)).await;
            let shared = shared.map_err(|failure| failure.if_absent(WHICH))?;
            Ok(Said::new(shown(&shared), &shared))
        }
        Verb::Set(_) => later("shared set"),
        Verb::Remove(_) => later("shared remove"),
        Verb::Restore(_) => later("shared restore"),
        Verb::ConvertToPerson(_) => later("shared convert-to-person"),
        Verb::ConvertFromPerson(_) => later("shared convert-from-person"),
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
            shared.state.clone(),
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

fn shown(view: &SharedWithDelegates) -> String {
    let shared = &view.shared;
    let about = facts(&[
        ("Email", shared.address.clone()),
        ("Name", plain(&shared.name)),
        ("Also", view.addresses.iter().filter(|one| **one != shared.address).cloned().collect::<Vec<_>>().join(", ")),
        ("State", shared.state.clone()),
        ("Seen flags", shared.seen.clone()),
        ("Sent copy", shared.sent_copy.clone()),
        ("Messages", shared.messages.map(|count| count.to_string()).unwrap_or_default()),
        ("Size", shared.bytes.map(bytes).unwrap_or_default()),
        ("Since", shared.created_at.clone()),
    ]);
    match &view.delegates {
        Some(delegates) => format!("{about}\n{}", delegate::listed(&shared.address, delegates)),
        // A delegate sees that it is there, and not who else works in it.
        None => about,
    }
}
