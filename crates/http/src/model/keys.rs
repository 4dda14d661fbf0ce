//! Documents of the keys that machine secrets are checked with. None has a key in it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The keys of machine secrets.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Keys {
    /// Oldest first.
    pub keys: Vec<Key>,
}

/// A key of machine secrets, by its name; the key itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its name; its file is called so.
    #[schema(example = "credential-1")]
    pub id: String,
    /// Since when its file is in the folder of keys; nothing where it is missing.
    pub since: Option<String>,
    /// How many live credentials rest on it.
    pub credentials: u64,
    /// New credentials are made with it.
    pub newest: bool,
    /// Credentials can be checked with it now. A file that came back is read when the server
    /// starts; one that went away is in memory until it ends.
    pub usable: bool,
    /// Its file is not in the folder of keys.
    pub missing: bool,
}

/// A new key took over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyRotated {
    /// The new one.
    #[schema(example = "credential-2")]
    pub newest: String,
    /// Those that no live credential rested on, which are deleted.
    pub deleted: Vec<String>,
    /// What there is now, oldest first.
    pub keys: Vec<Key>,
}
