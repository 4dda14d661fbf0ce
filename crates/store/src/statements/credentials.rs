//! Credentials of shared accounts (kind `secret`), what they open, and policy on them.

use crate::sql::statements;

/// Facts of the credentials that a condition chooses, with what they rest on.
macro_rules! credential_facts {
    ($which:literal) => {
        concat!(
            "
        SELECT c.id, c.account_id, c.purpose, c.state, c.scope, c.created_ms, c.starts_ms, c.expires_ms, c.opened_until_ms,
               c.owner_id,
               (SELECT CASE WHEN p.suspended_ms IS NULL AND pa.state = 'active' THEN 1 ELSE 0 END
                  FROM person p JOIN account pa ON pa.id = p.id WHERE p.id = c.owner_id),
               c.holder_id,
               (SELECT CASE WHEN p.suspended_ms IS NULL AND pa.state = 'active' THEN 1 ELSE 0 END
                  FROM person p JOIN account pa ON pa.id = p.id WHERE p.id = c.holder_id),
               c.epoch, c.verifier, c.key_id, c.public_id, c.name, a.address,
               o.direct_sign_in, o.max_life_ms, o.purposes, o.time_zone, a.direct_sign_in, a.max_life_ms, a.purposes
          FROM credential c JOIN account a ON a.id = c.account_id JOIN organisation o ON o.id = 1
         WHERE c.kind = 'secret' AND ",
            $which
        )
    };
}

statements! {
    /// The credential with public id `$1`. Index: the unique public_id.
    ID_OF = "SELECT id, account_id FROM credential WHERE public_id = $1 AND kind = 'secret'";
    /// The credential of account `$1` called `$2` that has not ended. Index: credential_by_name.
    ID_OF_NAME = "
        SELECT id, account_id
          FROM credential
         WHERE account_id = $1 AND name = $2 AND kind = 'secret' AND state IN ('issued', 'active', 'suspended')";

    /// The last credential of account `$1` that was called `$2`. Index: credential_by_account.
    LAST_CALLED = "
        SELECT id, account_id
          FROM credential
         WHERE account_id = $1 AND name = $2 AND kind = 'secret'
         ORDER BY id DESC
         LIMIT 1";
    /// Credentials of account `$1` that are or were called `$2`. Index: credential_by_account.
    EVER_CALLED = "
        SELECT id, public_id FROM credential WHERE account_id = $1 AND name = $2 AND kind = 'secret' ORDER BY id";

    /// What decides whether credential `$1` stands. Primary keys.
    FACTS = credential_facts!("c.id = $1");
    /// The same of all that have not ended. Reads the live ones.
    FACTS_OF_LIVE = credential_facts!("c.state IN ('issued', 'active', 'suspended')");
    /// The same of account `$1`. Index: credential_by_account.
    FACTS_OF_LIVE_IN = credential_facts!("c.state IN ('issued', 'active', 'suspended') AND c.account_id = $1");
    /// Accounts in which person `$1` answers for credentials, or uses them. Indexes: credential_by_owner,
    /// credential_by_holder.
    ACCOUNTS_ANSWERED_IN = "
        SELECT DISTINCT account_id FROM credential
         WHERE kind = 'secret' AND (owner_id = $1 OR holder_id = $1)
         ORDER BY account_id";
    /// What credential `$1` opens. Index: credential_reach_by_credential.
    REACHES = "
        SELECT reach, subtree, mailbox_id, letters FROM credential_reach WHERE credential_id = $1 ORDER BY id";
    /// Holds credential `$1` until the commit. Primary key.
    HOLD = "SELECT epoch FROM credential WHERE id = $1 /*SHARE*/";
    /// Holds the organisation's policy until the commit. Before an account's row, as everywhere.
    HOLD_ORGANISATION = "SELECT epoch FROM organisation WHERE id = 1 /*SHARE IN TURN*/";
    /// Its epoch, where nobody need be held off.
    ORGANISATION_EPOCH = "SELECT epoch FROM organisation WHERE id = 1";
    /// The same for whoever changes it.
    ORGANISATION_FOR_WRITE = "SELECT epoch FROM organisation WHERE id = 1 /*LOCK IN TURN*/";

    /// Keeps a credential. No row where the public id is in use, which random ones never are.
    ADD = "
        INSERT INTO credential (account_id, public_id, kind, name, purpose, owner_id, holder_id, reason, not_delegation,
                                issuer, verifier, key_id, scope, state, epoch, starts_ms, expires_ms, created_ms)
        VALUES ($1, $2, 'secret', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, $16)
        ON CONFLICT (public_id) DO NOTHING
        RETURNING id";
    /// One place that credential `$1` of account `$2` opens.
    ADD_REACH = "
        INSERT INTO credential_reach (credential_id, account_id, reach, subtree, mailbox_id, letters)
        VALUES ($1, $2, $3, $4, $5, $6)";

    /// Credentials of account `$1`, newest last; with ended ones where `$2` is 1, and `$3` alone where
    /// it is not 0. Index: credential_by_account.
    LIST = "
        SELECT c.id, c.reason, c.not_delegation, c.issuer, c.last_used_ms, c.ended_ms, c.end_reason, ow.address, ho.address
          FROM credential c
          LEFT JOIN account ow ON ow.id = c.owner_id
          LEFT JOIN account ho ON ho.id = c.holder_id
         WHERE c.account_id = $1 AND c.kind = 'secret'
           AND (CAST($2 AS BIGINT) = 1 OR c.state IN ('issued', 'active', 'suspended'))
           AND (CAST($3 AS BIGINT) = 0 OR c.id = CAST($3 AS BIGINT))
         ORDER BY c.id";
    /// Credentials that person `$1` answers for or uses, by account. Indexes: credential_by_owner,
    /// credential_by_holder.
    ANSWERED_FOR = "
        SELECT account_id, public_id
          FROM credential
         WHERE kind = 'secret' AND (owner_id = $1 OR holder_id = $1)
         ORDER BY account_id, id";
    /// What person `$1` answered for is asked about anew, since there is no such person any more.
    /// Indexes: credential_by_owner, credential_by_holder.
    RAISE_ANSWERED_FOR = "
        UPDATE credential SET epoch = epoch + 1 WHERE kind = 'secret' AND (owner_id = $1 OR holder_id = $1)";
    /// Accounts that have credentials, in order. Reads the live ones.
    ACCOUNTS_WITH = "
        SELECT DISTINCT account_id
          FROM credential
         WHERE kind = 'secret' AND (CAST($1 AS BIGINT) = 1 OR state IN ('issued', 'active', 'suspended'))
         ORDER BY account_id";
    /// Credentials of account `$1` that have not ended. Index: credential_by_account.
    LIVE = "
        SELECT id, public_id
          FROM credential
         WHERE account_id = $1 AND kind = 'secret' AND state IN ('issued', 'active', 'suspended')
         ORDER BY id";

    /// Credential `$1`, which was in state `$3`, is in state `$2` from now on. Its epoch rises, so its
    /// sessions end. No row where it is in another state meanwhile.
    SET_STATE = "UPDATE credential SET state = $2, epoch = epoch + 1 WHERE id = $1 AND state = $3";
    /// Credential `$1` has ended at `$3`, as state `$2`, for the reason `$4`.
    END = "
        UPDATE credential SET state = $2, ended_ms = $3, end_reason = $4, epoch = epoch + 1
         WHERE id = $1 AND state IN ('issued', 'active', 'suspended')";
    /// The reason of the end of credential `$1`, which has ended, is `$2` from now on. No row where it was.
    ENDED_FOR = "
        UPDATE credential SET end_reason = $2
         WHERE id = $1 AND state IN ('expired', 'revoked') AND COALESCE(end_reason, '') <> $2";
    /// Credential `$1` is checked out until `$2`. Who is in it stays.
    OPEN = "UPDATE credential SET opened_until_ms = $2 WHERE id = $1";
    /// Credential `$1` is shut. Its epoch rises, so its sessions end.
    CLOSE = "UPDATE credential SET opened_until_ms = NULL, epoch = epoch + 1 WHERE id = $1";
    /// Credential `$1` was used at `$2`.
    USED = "UPDATE credential SET last_used_ms = $2 WHERE id = $1";
    /// Credential `$1` is checked with key `$2` from now on, and not with `$4`; its sessions stay.
    MOVE_TO_KEY = "UPDATE credential SET key_id = $2, verifier = $3 WHERE id = $1 AND key_id = $4";
    /// Up to `$2` credentials whose end had come at `$1`. Index: credential_secret_by_end.
    AT_END = "
        SELECT id, account_id, public_id
          FROM credential
         WHERE kind = 'secret' AND state IN ('issued', 'active', 'suspended') AND expires_ms <= $1
         ORDER BY expires_ms, id
         LIMIT $2";

    /// Keeps a secret for the person `$4` until `$5`, sealed.
    ADD_WRAP = "
        INSERT INTO credential_wrap (credential_id, code_hash, sealed, recipient_id, opens_before_ms)
        VALUES ($1, $2, $3, $4, $5)";
    /// What the code with hash `$1` opens. Index: the unique code_hash.
    WRAP = "
        SELECT w.credential_id, c.account_id, w.sealed, w.recipient_id, w.opens_before_ms
          FROM credential_wrap w JOIN credential c ON c.id = w.credential_id
         WHERE w.code_hash = $1";
    /// The wrapped secret of credential `$1` is gone: opened, or its credential has ended.
    REMOVE_WRAP = "DELETE FROM credential_wrap WHERE credential_id = $1";
    /// Up to `$2` credentials whose secrets nobody opened before `$1`. Index: credential_wrap_by_end.
    UNOPENED = "
        SELECT w.credential_id, c.account_id, c.public_id
          FROM credential_wrap w JOIN credential c ON c.id = w.credential_id
         WHERE w.opens_before_ms <= $1
         ORDER BY w.opens_before_ms, w.credential_id
         LIMIT $2";
    /// Who has a wrapped secret of credential `$1` waiting, and until when. Primary key.
    WAITING = "
        SELECT a.address, w.opens_before_ms
          FROM credential_wrap w JOIN account a ON a.id = w.recipient_id
         WHERE w.credential_id = $1";

    /// Reaches of credentials of account `$1` that have not ended, like grants. Index:
    /// credential_reach_by_account.
    REACH_FACTS = "
        SELECT r.id, r.credential_id, r.reach, r.subtree, r.mailbox_id, r.letters, 0, 0, 1, c.expires_ms
          FROM credential_reach r JOIN credential c ON c.id = r.credential_id
         WHERE r.account_id = $1 AND c.state IN ('issued', 'active', 'suspended')
         ORDER BY r.credential_id, r.id";
    /// Reaches of account `$1` on subtrees. Index: credential_reach_by_account.
    SUBTREE_REACHES = "
        SELECT id, subtree FROM credential_reach WHERE account_id = $1 AND reach = 'subtree' ORDER BY id";
    /// The subtree of reach `$1` is called `$2` now.
    RENAME_REACH = "UPDATE credential_reach SET subtree = $2 WHERE id = $1";
    /// The mailbox `$2`, called `$3`, of account `$1` is no more, so nothing reaches it. Index:
    /// credential_reach_by_account.
    REMOVE_REACHES = "
        DELETE FROM credential_reach
         WHERE account_id = $1
           AND ((reach = 'mailbox' AND mailbox_id = $2) OR (reach = 'subtree' AND subtree = $3))";

    /// The organisation's policy.
    POLICY = "SELECT direct_sign_in, max_life_ms, purposes, time_zone FROM organisation WHERE id = 1";
    /// The policy of account `$1`; NULL is what the organisation has. Primary key.
    POLICY_OF = "SELECT direct_sign_in, max_life_ms, purposes FROM account WHERE id = $1";
    /// The organisation's policy is this from now on. Its epoch rises.
    SET_POLICY = "
        UPDATE organisation
           SET direct_sign_in = $1, max_life_ms = $2, purposes = $3, time_zone = $4, epoch = epoch + 1
         WHERE id = 1
        RETURNING epoch";
    /// The policy of account `$1` is this from now on.
    SET_POLICY_OF = "UPDATE account SET direct_sign_in = $2, max_life_ms = $3, purposes = $4 WHERE id = $1";
    /// How many credentials have not ended at `$2`: of account `$1`, or of all (0).
    COUNT_LIVE = "
        SELECT COUNT(*)
          FROM credential
         WHERE kind = 'secret' AND state IN ('issued', 'active', 'suspended') AND CAST($2 AS BIGINT) < expires_ms
           AND (CAST($1 AS BIGINT) = 0 OR account_id = CAST($1 AS BIGINT))";
}
