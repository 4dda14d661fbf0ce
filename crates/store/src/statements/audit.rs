//! The trail's rows.

use crate::sql::statements;

statements! {
    /// Adds one event; the engine gives the id.
    ADD = "
        INSERT INTO audit (at_ms, class, action, actor_kind, actor_id, account_id, mailbox_id, event, personal)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    /// Events newest first, before id `$1`, for account `$2` and actor `$3` (0 for any),
    /// from time `$4` on, at most `$5`. Index: audit_by_account, audit_by_actor or the key.
    LIST = "
        SELECT audit.id, audit.at_ms, audit.class, audit.action, audit.actor_kind, audit.actor_id, audit.account_id,
               audit.mailbox_id, audit.event, audit.personal, account.address, mailbox.name
          FROM audit
          LEFT JOIN account ON account.id = audit.account_id
          LEFT JOIN mailbox ON mailbox.id = audit.mailbox_id
         WHERE audit.id < $1
           AND (CAST($2 AS BIGINT) = 0 OR audit.account_id = CAST($2 AS BIGINT))
           AND (CAST($3 AS BIGINT) = 0 OR (audit.actor_id = CAST($3 AS BIGINT) AND audit.actor_kind = 'person'))
           AND audit.at_ms >= $4
         ORDER BY audit.id DESC
         LIMIT $5";
}
