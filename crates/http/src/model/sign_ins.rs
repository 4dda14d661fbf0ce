//! Documents of sign-ins, accepted and failed.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which sign-ins.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInParameters {
    pub account: Option<String>,
    pub credential: Option<String>,
    #[serde(default)]
    pub failed: bool,
    pub since: Option<String>,
    pub before: Option<String>,
    pub after: Option<String>,
    pub limit: Option<usize>,
}

/// A page of sign-ins.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SignInPage {
    /// Newest first.
    pub sign_ins: Vec<SignIn>,
    /// Give it as `before` for the next page; nothing on the last one.
    pub next_before: Option<String>,
}

/// Somebody signed in, or failed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignIn {
    /// Its id on the trail, rising with time.
    #[schema(example = "evt_42")]
    pub id: String,
    /// When.
    pub at: String,
    /// Was it accepted?
    pub accepted: bool,
    /// The true reason, where it was not; whoever tried was told none.
    pub reason: Option<String>,
    /// `person` or `credential`; `stranger` where it failed.
    pub actor_kind: String,
    /// Who signed in, or which credential was named in vain, as people know them; nothing where no
    /// credential was named, or once erased.
    pub actor: Option<String>,
    /// The id of that credential; nothing where there is none.
    #[schema(example = "crd_abcd2345")]
    pub credential: Option<String>,
    /// The name that was tried, where it failed; nothing once erased.
    pub username: Option<String>,
    /// Address of the account; nothing where the name is nobody's.
    pub account: Option<String>,
    /// By which protocol.
    pub protocol: String,
    /// From where; nothing where there was no network or it is erased.
    pub peer: Option<String>,
    /// `LOGIN`, `PLAIN`, or `login` over REST; empty where it is not known.
    pub mechanism: String,
    /// Another account than their own was at the top of the session, or was to be.
    pub rooted: bool,
}
