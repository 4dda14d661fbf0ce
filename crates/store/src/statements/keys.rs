//! The keys that machine secrets rest on, and whose a credential of any kind is.

use crate::sql::statements;

statements! {
    /// Whose credential has public id `$1`, and its number. Index: the unique public_id.
    CREDENTIAL = "SELECT id, account_id FROM credential WHERE public_id = $1";

    /// Each key that a machine secret was made with, and how many live ones rest on it. Index:
    /// credential_by_key, which holds nothing else.
    KEYS_USED = "
        SELECT key_id, SUM(CASE WHEN state IN ('expired', 'revoked') THEN 0 ELSE 1 END)
          FROM credential
         WHERE kind = 'secret' AND key_id IS NOT NULL
         GROUP BY key_id
         ORDER BY key_id";
}
