//! `postern shared set`: settings and aliases of a shared mailbox, all in one request.

use super::dates;
use super::delegate;
use super::failure::Failure;
use super::output::Said;
use super::shared::{WHICH, path, shown};
use super::size;
use super::transport::Client;
use clap::{Args, ValueEnum};
use postern_access::{STALE_REPLY_MINUTES_MOST, SentCopy, ShowSender, UNDO_SECONDS_MOST};
use postern_http::model::{Shared, SharedSettings, SharedWithDelegates};
use postern_types::{Address, Seen, length};

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
    /// The most messages it may hold, or none for no bound
    #[arg(long, value_name = "N", value_parser = size::parse_count)]
    message_quota: Option<size::Bound>,
    /// Its name
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A further address whose mail it receives; may be repeated
    #[arg(long = "add-alias", value_name = "EMAIL", value_parser = Address::parse)]
    add_aliases: Vec<Address>,
    /// An address that it gives up; may be repeated
    #[arg(long = "remove-alias", value_name = "EMAIL", value_parser = Address::parse)]
    remove_aliases: Vec<Address>,
    /// Where a copy of what is sent as it is filed: shared (its own Sent), sender (that of who sent it), both
    /// or none
    #[arg(long, value_name = "WHERE", value_parser = SentCopy::parse)]
    sent_copy: Option<SentCopy>,
    /// How who sends as it is shown to recipients: hidden, via or sender
    ///
    /// hidden: not at all; the copy in Sent tells it. via: in the name of From, as in "Alice via Support".
    /// sender: in the field Sender, as on behalf.
    #[arg(long, value_name = "HOW", value_parser = ShowSender::parse)]
    show_sender: Option<ShowSender>,
    /// How long what somebody sends as it waits, so that they can take it back: 0s to 10m; 0 sends at once
    #[arg(long, value_name = "SPAN", value_parser = undo)]
    undo: Option<u32>,
    /// How long somebody's answer holds back the answer of a colleague to the same message: 0m to 7d; 0 for
    /// not at all
    #[arg(long, value_name = "SPAN", value_parser = stale_reply)]
    stale_reply: Option<u32>,
}

/// For clap: seconds in which something can be taken back.
pub(super) fn undo(text: &str) -> Result<u32, String> {
    let most = format!("it is {} at most", length(UNDO_SECONDS_MOST.into()));
    let seconds = span_or_none(text).map_err(|error| format!("{error}; {most}"))?;
    u32::try_from(seconds).ok().filter(|seconds| *seconds <= UNDO_SECONDS_MOST).ok_or(most)
}

/// For clap: minutes in which an answer holds back another.
fn stale_reply(text: &str) -> Result<u32, String> {
    let seconds = span_or_none(text)?;
    if seconds % 60 != 0 {
        return Err("give whole minutes, such as 30m, 8h or 2d".to_owned());
    }
    let fits = u32::try_from(seconds / 60).ok().filter(|minutes| *minutes <= STALE_REPLY_MINUTES_MOST);
    fits.ok_or_else(|| format!("it is {} at most", length(i64::from(STALE_REPLY_MINUTES_MOST) * 60)))
}

/// A span in seconds, which may be none.
fn span_or_none(text: &str) -> Result<i64, String> {
    match text {
        "0" | "0s" | "0m" | "0h" | "0d" | "off" => Ok(0),
        text => dates::span(text),
    }
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
            quota_messages: self.message_quota.map(|bound| bound.0),
            sent_copy: self.sent_copy.map(|copy| copy.name().to_owned()),
            show_sender: self.show_sender.map(|shows| shows.name().to_owned()),
            undo_seconds: self.undo,
            stale_reply_minutes: self.stale_reply,
            add_aliases: texts(&self.add_aliases),
            remove_aliases: texts(&self.remove_aliases),
        }
    }
}

fn is_full(shared: &Shared) -> bool {
    let reached = |(most, used): (u64, u64)| used >= most;
    shared.quota_bytes.zip(shared.bytes).is_some_and(reached)
        || shared.quota_messages.zip(shared.messages).is_some_and(reached)
}

pub(super) async fn run(set: Set, client: &mut Client) -> Result<Said, Failure> {
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
        _ if is_full(&changed.shared) && document.quota_bytes.or(document.quota_messages).is_some() => {
            "it holds more than that already, so new mail is refused until there is room".to_owned()
        }
        _ => format!("it holds from everybody's next command on; see it all: postern shared show {}", set.address),
    };
    Ok(Said::new(
        format!("{} is set so.\n{}Next: {next}\n", set.address, shown(&changed.shared, &changed.addresses)),
        &changed,
    ))
}
