//! The keys that machine secrets rest on.

use crate::sql::statements;

statements! {
    /// Each key that a machine secret was made with, and how many live ones rest on it. Index:
    /// credential_by_key, which holds nothing else.
    KEYS_USED = "
        SELECT key_id, SUM(CASE WHEN state IN ('expired', 'revoked') THEN 0 ELSE 1 END)
          FROM credential
         WHERE kind = 'secret' AND key_id IS NOT NULL
         GROUP BY key_id
         ORDER BY key_id";
}
