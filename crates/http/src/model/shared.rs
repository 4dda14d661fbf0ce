//! Documents of what happens to a shared mailbox as a whole: settings and conversion.

use super::{Delegate, SharedWithDelegates};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// What to change about a shared mailbox; what is left out stays as it is (RFC 7396). All of
/// it is done, or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SharedSettings {
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose \Seen flags: `shared`, `personal` or `both`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "personal")]
    pub seen: Option<String>,
    /// With it, only owners (letter `a`) expunge messages and delete mailboxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_protection: Option<bool>,
    /// The most bytes of messages it may hold; `null` takes the bound away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub quota_bytes: Option<Option<u64>>,
    /// The most messages it may hold; `null` takes the bound away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub quota_messages: Option<Option<u64>>,
    /// Where copies of what is sent as it are filed: `shared`, `sender`, `both` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "both")]
    pub sent_copy: Option<String>,
    /// How who sends as it is shown: `hidden`, `via` (in the name of From) or `sender` (as Sender).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "via")]
    pub show_sender: Option<String>,
    /// Seconds in which what somebody sends as it can be taken back; 0 sends at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 600)]
    pub undo_seconds: Option<u32>,
    /// Minutes in which an answer holds back another one to the same message; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 10080)]
    pub stale_reply_minutes: Option<u32>,
    /// Further addresses whose mail it receives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_aliases: Vec<String>,
    /// Addresses that it gives up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_aliases: Vec<String>,
}

/// Tells `null` from what was left out.
pub(super) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// How a person's mailbox is made shared.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FromPerson {
    /// Persons and groups who become delegates with full access and send-as.
    #[serde(default)]
    pub members: Vec<String>,
    /// Must be true: delegates can read what was private, and the person's sign-in ends.
    #[serde(default)]
    pub confirm: bool,
}

/// A person's mailbox that is shared now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConvertedFromPerson {
    /// The mailbox.
    #[serde(flatten)]
    pub shared: SharedWithDelegates,
    /// Passwords, tokens and other credentials of the person that have ended.
    pub ended_credentials: u64,
    /// Accounts in which the person was a delegate and is none any more.
    pub ended_grants: Vec<String>,
    /// Groups whose mail it goes on receiving, without any right of theirs.
    pub groups: Vec<String>,
}

/// A shared mailbox that is a person's now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConvertedToPerson {
    /// Their address.
    pub address: String,
    /// Who is a delegate there still.
    pub delegates: Vec<Delegate>,
    /// Groups whose mail it received and that it has left, for a person would hold their rights.
    pub left_groups: Vec<String>,
    /// Credentials of the mailbox that have ended.
    pub ended_credentials: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_not_null() {
        let read = |json: &str| serde_json::from_str::<SharedSettings>(json).unwrap().quota_bytes;
        assert_eq!(read("{}"), None);
        assert_eq!(read(r#"{"quota_bytes":null}"#), Some(None));
        assert_eq!(read(r#"{"quota_bytes":5}"#), Some(Some(5)));
        let written =
            |quota_bytes| serde_json::to_string(&SharedSettings { quota_bytes, ..SharedSettings::default() }).unwrap();
        assert_eq!([written(None), written(Some(None))], ["{}", r#"{"quota_bytes":null}"#]);
    }
}
