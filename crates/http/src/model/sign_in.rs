//! Documents of signing in, and of what a person has of their own.

use super::SecretText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A person signs in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Their address.
    #[schema(example = "alice@example.org")]
    pub email: String,
    /// Their password.
    #[schema(value_type = String, write_only, format = Password)]
    pub password: SecretText,
}

/// A token that signs further requests: `Authorization: Bearer`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoggedIn {
    /// Who signed in.
    pub email: String,
    /// Id of the token.
    #[schema(example = "tok_abcd2345")]
    pub id: String,
    /// The token. It is shown this once.
    #[schema(value_type = String, read_only, format = Password)]
    pub token: SecretText,
    /// When it ends.
    pub expires_at: String,
}

/// The token of the request is no more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LoggedOut {
    /// Always true.
    pub signed_out: bool,
}

/// Who asks.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// Their address.
    pub address: String,
    /// Their name, empty without one.
    pub name: String,
    /// Do they administer the organisation?
    pub admin: bool,
    /// What the token of the request lets through: `login`, `admin`, `owner` or `auditor`.
    pub token_role: Option<String>,
    /// Where a copy of what they send as themselves is filed: `own`, their own Sent, or `none`.
    #[schema(example = "own")]
    pub sent_copy: String,
    /// Seconds in which what they send as themselves can be taken back.
    pub undo_seconds: u64,
}

/// How a person sends as themselves; what is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnSettings {
    /// Where a copy is filed: `own`, their own Sent, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "own")]
    pub sent_copy: Option<String>,
    /// Seconds in which it can be taken back; 0 sends at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 600)]
    pub undo_seconds: Option<u32>,
}

/// A person takes an invitation: they choose their password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakenInvitation {
    /// The code of the invitation.
    #[schema(value_type = String, write_only, format = Password)]
    pub code: SecretText,
    /// The password they want; at least fifteen characters.
    #[schema(value_type = String, write_only, format = Password)]
    pub password: SecretText,
}

/// A person changes their own password.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnPassword {
    /// The one they have.
    #[schema(value_type = String, write_only, format = Password)]
    pub current_password: SecretText,
    /// The one they want; at least fifteen characters.
    #[schema(value_type = String, write_only, format = Password)]
    pub password: SecretText,
}

/// A token to make, for a program that acts for its person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for; a person has no two live ones of one name.
    #[schema(example = "nightly-report")]
    pub name: String,
    /// What it lets through of what its person may: `admin` everything but their password and
    /// tokens, `owner` what they may do on accounts they own, `auditor` reading alone.
    #[schema(example = "auditor")]
    pub role: String,
    /// When it ends: in 90 days when left out, at most 366 days from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A token that was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// Its id.
    #[schema(example = "tok_abcd2345")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// The token. It is shown this once.
    #[schema(value_type = String, read_only, format = Password)]
    pub token: SecretText,
    /// When it ends.
    pub expires_at: String,
}

/// A token as its person sees it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    #[schema(example = "tok_abcd2345")]
    pub id: String,
    /// Its name; `login` for those that came of a password.
    pub name: String,
    /// `login`, `admin`, `owner` or `auditor`.
    pub role: String,
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expires_at: String,
}

/// The live tokens of a person.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Oldest first.
    pub tokens: Vec<Token>,
}

/// A token was ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Revoked {
    /// Its id.
    pub revoked: String,
}

/// Whose tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenParameters {
    pub person: Option<String>,
}
