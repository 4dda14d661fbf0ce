//! The trail's rows.

use crate::sql::statements;

/// Sign-ins, with one more condition. The engines use an index of some rows alone where its own
/// condition stands in the statement word for word.
macro_rules! sign_ins {
    ($more:literal) => {
        concat!(
            "
        SELECT audit.id, audit.at_ms, audit.action, audit.actor_kind, audit.event, audit.personal, account.address,
               credential.public_id
          FROM audit
          LEFT JOIN account ON account.id = audit.account_id
          LEFT JOIN credential ON credential.id = audit.actor_id AND audit.actor_kind IN ('credential', 'stranger')
         WHERE audit.action IN ('sign-in.accepted', 'sign-in.failed')
           AND audit.id < $1
           AND audit.id > $2
           AND audit.at_ms >= $3
           AND (CAST($4 AS BIGINT) = 0 OR audit.action = 'sign-in.failed')
           ",
            $more,
            "
         ORDER BY audit.id DESC
         LIMIT $5"
        )
    };
}

statements! {
    /// Adds one event; the engine gives the id.
    ADD = "
        INSERT INTO audit (at_ms, class, action, actor_kind, actor_id, account_id, mailbox_id, event, personal)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    /// Events newest first, before id `$1`, for account `$2` and actor `$3` (0 for any) of kind `$6`,
    /// from time `$4` on, at most `$5`. Index: audit_by_account, audit_by_actor or the key.
    LIST = "
        SELECT audit.id, audit.at_ms, audit.class, audit.action, audit.actor_kind, audit.actor_id, audit.account_id,
               audit.mailbox_id, audit.event, audit.personal, account.address, mailbox.name
          FROM audit
          LEFT JOIN account ON account.id = audit.account_id
          LEFT JOIN mailbox ON mailbox.id = audit.mailbox_id
         WHERE audit.id < $1
           AND (CAST($2 AS BIGINT) = 0 OR audit.account_id = CAST($2 AS BIGINT))
           AND (CAST($3 AS BIGINT) = 0 OR (audit.actor_id = CAST($3 AS BIGINT) AND audit.actor_kind = $6))
           AND audit.at_ms >= $4
         ORDER BY audit.id DESC
         LIMIT $5";

    /// Sign-ins newest first, before id `$1` and after id `$2`, from time `$3` on, only those that
    /// failed where `$4` is 1, at most `$5`. Index: audit_sign_ins.
    SIGN_INS = sign_ins!("");
    /// The same of account `$6`. Index: audit_sign_ins_by_account.
    SIGN_INS_OF_ACCOUNT = sign_ins!("AND audit.account_id = $6");
    /// The same by credential `$6`, or that named it in vain, in account `$7`. Index:
    /// audit_sign_ins_by_credential.
    SIGN_INS_BY_CREDENTIAL = sign_ins!(
        "AND audit.actor_id = $6
         AND audit.actor_kind IN ('credential', 'stranger')
         AND audit.account_id = $7"
    );
}
