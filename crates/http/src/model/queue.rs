//! Documents of what waits to be sent, and of recipients to whom nothing is sent any more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which messages that wait.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueParameters {
    pub account: Option<String>,
    pub credential: Option<String>,
    pub before: Option<String>,
}

/// Which suppressed recipients.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuppressedParameters {
    pub after: Option<String>,
}

/// A page of what waits to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Newest first.
    pub messages: Vec<QueuedMessage>,
    /// Give it as `before` for the next page; nothing on the last one.
    pub next_before: Option<String>,
    /// How many messages wait in all of what was asked for, on this page and others.
    pub all_messages: u64,
    /// To how many recipients.
    pub all_recipients: u64,
    /// It is only what whoever asks has sent: they do not manage what others send.
    pub only_own: bool,
}

/// A message that waits to be sent: its envelope, never what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedMessage {
    /// Its id.
    #[schema(example = "msg_abcdefghijkl")]
    pub id: String,
    /// Address of the account that it is sent as.
    #[schema(example = "support@example.org")]
    pub account: String,
    /// Who sent it: a person, a credential as `support@example.org/newsletter`, or a job.
    #[schema(example = "alice@example.org")]
    pub sender: String,
    /// The address in From.
    #[schema(example = "support@example.org")]
    pub from: String,
    /// The reverse path, where it goes if it comes back; nothing for a notification.
    pub reverse_path: Option<String>,
    /// Its size.
    pub bytes: u64,
    /// It leaves behind what people send: it is of a campaign, or went to more than 100 recipients.
    pub bulk: bool,
    /// Why it has not left: `held` (until somebody sends or removes it), `undo` (its sender can take it back),
    /// `credential-suspended` and `credential-compromised` (by what was done about the credential that handed it
    /// in; the latter is taken out at once, unless somebody holds it), `sender-suspended` (the person who sent it is suspended, or the
    /// mailbox it was sent as is closed), `scheduled` (the time that its sender named has not come), `at-limit`
    /// (there is no room for it yet within a limit), `being-tried`, `retrying` (it was tried in vain, and is tried again) or `due` (it leaves now).
    #[schema(example = "retrying")]
    pub state: String,
    /// Why it waits for somebody to send or remove it; nothing where it leaves by itself.
    pub held_because: Option<String>,
    /// Until when it waits for its sender to take it back; nothing once that is over.
    pub undo_until: Option<String>,
    /// When it was handed in.
    pub created_at: String,
    /// Recipients who have not got it.
    pub recipients_left: u64,
    /// Of them, to whom it is on its way at this moment.
    pub recipients_being_tried: u64,
    /// When the first of the others is tried next; nothing while it is held, and by what was done about its credential.
    pub next_try_at: Option<String>,
    /// How often one of them was tried, at most.
    pub tries: u64,
    /// What was said to that one at the last try.
    pub last_said: Option<String>,
    /// By which server.
    pub last_server: Option<String>,
}

/// A recipient who has not got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedRecipient {
    /// The address.
    #[schema(example = "customer@example.net")]
    pub address: String,
    /// How often it was tried.
    pub tries: u64,
    /// It is being tried now.
    pub is_being_tried: bool,
    /// When it is tried next; nothing while it is being tried, held, or kept by what was done about its credential.
    pub next_try_at: Option<String>,
    /// What was said at the last try.
    pub last_said: Option<String>,
    /// By which server.
    pub last_server: Option<String>,
}

/// A message that waits, with those who have not got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedWithRecipients {
    /// The message.
    #[serde(flatten)]
    pub message: QueuedMessage,
    /// Those who have not got it, the first thousand.
    pub recipients: Vec<QueuedRecipient>,
    /// Why whoever asks can not send it now; nothing where they can.
    pub retry_refused: Option<String>,
}

/// A message that was taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedRemoved {
    /// How many recipients do not get it. One who was being tried at that moment is not among them.
    pub removed_recipients: u64,
    /// How many copies of it went from Sent to Drafts: it never left.
    pub moved_to_drafts: u64,
    /// As it was.
    pub message: QueuedWithRecipients,
}

/// To which of the messages that wait something is done: one of these is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueuedWhich {
    /// Those with these ids, 500 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// All that a credential handed in, by its id or as `support@example.org/newsletter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// All that is sent as the account with this address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// All of the list without parameters: everything for administrators, for others what they sent.
    #[serde(default)]
    pub all: bool,
}

/// What was done to several messages that waited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedMany {
    /// To how many messages it was done.
    pub messages: u64,
    /// Their recipients who had not got them; of those that are taken out, who do not get them.
    pub recipients: u64,
    /// Recipients to whom one of them was on its way at that moment, which is not stopped.
    pub recipients_being_tried: u64,
    /// How many copies went from Sent to Drafts, of what was taken out and never left.
    pub moved_to_drafts: u64,
    /// How many were left alone.
    pub left_messages: u64,
    /// The first hundred of these.
    pub left: Vec<QueuedLeft>,
}

/// A message that was left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedLeft {
    /// Its id, as it was named.
    pub id: String,
    /// Why: also that there is none, for whoever asks.
    pub because: String,
}

/// Recipients to whom no campaign of a mailbox is sent any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressedRecipients {
    /// By address.
    pub recipients: Vec<SuppressedRecipient>,
    /// Give it as `after` for the next page; nothing on the last one.
    pub next_after: Option<String>,
}

/// A recipient from whom mail came back for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressedRecipient {
    /// The address.
    #[schema(example = "customer@example.net")]
    pub address: String,
    /// What was said when it came back.
    pub reason: String,
    /// When.
    pub at: String,
}

/// A recipient to whom campaigns go again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Unsuppressed {
    /// The shared mailbox.
    pub shared: String,
    /// The recipient.
    pub unsuppressed: String,
}
