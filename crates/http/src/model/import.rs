//! Documents of mail that is brought from elsewhere.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Into which mailbox.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportParameters {
    pub mailbox: Option<String>,
}

/// What stands before the bytes of each message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportHead {
    /// How many bytes of message follow.
    pub bytes: u64,
    /// Its flags, such as `\\Seen` or `$Forwarded`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// When it was received (INTERNALDATE); now, without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at: Option<String>,
}

/// How messages are brought into an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportTerms {
    /// The account.
    #[schema(example = "support@example.org")]
    pub account: String,
    /// The largest message that is taken.
    pub message_bytes: u64,
    /// Messages of one request at most.
    pub request_messages: u64,
    /// Bytes of one request at most.
    pub request_bytes: u64,
}

/// What came of the messages of one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportDone {
    /// The mailbox.
    #[schema(example = "Archive/2024")]
    pub mailbox: String,
    /// It was made for them.
    pub made: bool,
    /// So many messages were added.
    pub added: u64,
    /// So many were there already.
    pub known: u64,
    /// Those that can not be taken.
    pub left: Vec<ImportLeft>,
    /// Why the others were not tried: the account is full.
    pub stopped: Option<String>,
}

/// A message that can not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportLeft {
    /// Its place in the request, from 0.
    pub message: u64,
    /// Why.
    #[schema(example = "it is empty")]
    pub because: String,
}
