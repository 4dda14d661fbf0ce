//! Documents of what waits to be sent, and of recipients to whom nothing is sent any more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which messages that wait.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueParameters {
    pub account: Option<String>,
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
    /// How many messages wait in all; nothing where one account is asked about, and for those who see
    /// only their own.
    pub all_messages: Option<u64>,
    /// How many recipients wait in all, likewise.
    pub all_recipients: Option<u64>,
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
    /// It is of a campaign.
    pub campaign: bool,
    /// Why it waits for somebody to send or remove it; nothing where it leaves by itself.
    pub held_because: Option<String>,
    /// Until when it waits for its sender to take it back; nothing once that is over.
    pub undo_until: Option<String>,
    /// When it was handed in.
    pub created_at: String,
    /// Recipients who have not got it.
    pub recipients_left: u64,
    /// When the first of them is tried next; nothing while it is held.
    pub next_try_at: Option<String>,
    /// How often one of them was tried, at most.
    pub tries: u64,
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
    /// When it is tried next; nothing while it is being tried, or held.
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
