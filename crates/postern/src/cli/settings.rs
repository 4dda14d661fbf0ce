//! `postern shared set`: settings and aliases of a shared mailbox, all in one request.

use super::delegate;
use super::failure::Failure;
use super::output::Said;
use super::shared::{WHICH, path, shown};
use super::size;
use super::transport::Client;
use super::unbuilt;
use clap::{Args, ValueEnum};
use postern_http::model::{Shared, SharedSettings, SharedWithDelegates};
use postern_types::{Address, Seen};

/// What to change; what no flag names stays as it is.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// Its address
    #[arg(value_name = "EMAIL", value_parser = Address::parse)]
    address: Address,
    /// Whose read marks: shared, personal, or both
    ///
    /// shared: what a colleague has read is read. personal: each sees what they have read
    /// themselves. both: the same, and the keyword SeenByTeam tells what somebody has read.
    #[arg(long, value_name = "WHOSE", value_parser = Seen::parse)]
    seen: Option<Seen>,
    /// With it on, only owners (letter a) expunge messages and delete mailboxes
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    delete_protection: Option<Switch>,
    /// The most it may hold: bytes, or a size such as 500M or 10G; none for no bound
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    quota: Option<size::Bound>,
    /// Its name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A further address whose mail it receives; may be repeated
    #[arg(long = "add-alias", value_name = "EMAIL", value_parser = Address::parse)]
    add_aliases: Vec<Address>,
    /// An address that it gives up; may be repeated
    #[arg(long = "remove-alias", value_name = "EMAIL", value_parser = Address::parse)]
    remove_aliases: Vec<Address>,
    /// Where sent mail is filed: shared, sender, both or none (not built yet)
    #[arg(long, value_name = "WHERE", hide = true)]
    sent_copy: Option<String>,
    /// How a sender on behalf is shown (not built yet)
    #[arg(long, value_name = "HOW", hide = true)]
    show_sender: Option<String>,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On
    On,
    /// Off
    Off,
}

impl Set {
    fn document(&self) -> SharedSettings {
        let texts = |addresses: &[Address]| addresses.iter().map(Address::to_string).collect();
        SharedSettings {
            name: self.name.clone(),
            seen: self.seen.map(|seen| seen.as_str().to_owned()),
            delete_protection: self.delete_protection.map(|switch| switch == Switch::On),
            quota_bytes: self.quota.map(|bound| bound.0),
            add_aliases: texts(&self.add_aliases),
            remove_aliases: texts(&self.remove_aliases),
        }
    }

    /// The first flag whose feature is not there.
    fn unbuilt(&self) -> Option<&'static str> {
        let given = [("--sent-copy", self.sent_copy.is_some()), ("--show-sender", self.show_sender.is_some())];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
}

fn is_full(shared: &Shared) -> bool {
    shared.quota_bytes.zip(shared.bytes).is_some_and(|(quota, bytes)| bytes >= quota)
}

pub(super) async fn run(set: Set, client: &mut Client) -> Result<Said, Failure> {
    if let Some(name) = set.unbuilt() {
        return Err(unbuilt::flag(name, "it comes with sending; what can be set now: postern shared set --help"));
    }
    let document = set.document();
    if document == SharedSettings::default() {
        let failure = Failure::usage("nothing is to be changed; name a setting or an alias");
        return Err(failure.next("see which there are: postern shared set --help"));
    }
    let changed: Result<SharedWithDelegates, Failure> = client.send("PATCH", &path(&set.address), &document).await;
    let changed = changed.map_err(|failure| failure.if_absent(WHICH))?;
    let protected = changed.shared.delete_protection && document.delete_protection == Some(true);
    let next = match protected {
        true if !delegate::is_owned(changed.delegates.as_deref().unwrap_or_default()) => {
            format!(
                "nobody may delete there now; make someone an owner: postern delegate add {} PERSON --role owner",
                set.address
            )
        }
        _ if is_full(&changed.shared) && document.quota_bytes.is_some() => {
            "it holds more than that already, so new mail is refused until there is room".to_owned()
        }
        _ => format!("it holds from everybody's next command on; see it all: postern shared show {}", set.address),
    };
    Ok(Said::new(
        format!("{} is set so.\n{}Next: {next}\n", set.address, shown(&changed.shared, &changed.addresses)),
        &changed,
    ))
}
