//! From where people signed in lately (docs/decisions/0024-throttle.md).

use crate::sql::statements;

statements! {
    /// When somebody signed in to account `$1` from network `$2` last. Primary key.
    KNOWN_NETWORK = "SELECT last_ms FROM known_network WHERE account_id = $1 AND network = $2";
    /// Somebody signed in to account `$1` from network `$2` at time `$3`.
    REMEMBER_NETWORK = "
        INSERT INTO known_network (account_id, network, last_ms) VALUES ($1, $2, $3)
        ON CONFLICT (account_id, network) DO UPDATE SET last_ms = excluded.last_ms";
    /// Forgets up to `$2` networks from where nobody signed in since time `$1`. Index:
    /// known_network_by_time.
    FORGET_NETWORKS = "
        DELETE FROM known_network
         WHERE (account_id, network) IN
               (SELECT account_id, network FROM known_network WHERE last_ms < $1 ORDER BY last_ms LIMIT $2)";
    /// Deletes up to `$2` networks of account `$1`. Primary key.
    DELETE_KNOWN_NETWORKS = "
        DELETE FROM known_network
         WHERE account_id = $1
           AND network IN (SELECT network FROM known_network WHERE account_id = $1 LIMIT $2)";
}
