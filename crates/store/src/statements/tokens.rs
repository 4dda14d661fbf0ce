//! Bearer tokens: credentials of kind `token`. Their role is in `purpose`.

use crate::sql::statements;

statements! {
    /// What a bearer is checked against. Index: the unique public_id.
    TOKEN = "
        SELECT c.id, c.account_id, c.verifier, c.purpose, c.epoch, c.state, c.expires_ms, a.address
          FROM credential c JOIN account a ON a.id = c.account_id
         WHERE c.public_id = $1 AND c.kind = 'token'";

    /// Does credential `$1` still stand? Primary key.
    TOKEN_STATE = "SELECT epoch, state, expires_ms FROM credential WHERE id = $1";
    /// The same in a write: nobody ends it until the commit. Primary key.
    TOKEN_STATE_FOR_WRITE = "SELECT epoch, state, expires_ms FROM credential WHERE id = $1 /*SHARE*/";

    /// Keeps a token. No row where the public id is in use, which random ones never are.
    ADD_TOKEN = "
        INSERT INTO credential (account_id, public_id, kind, name, purpose, owner_id, verifier, state, epoch, expires_ms,
                                created_ms)
        VALUES ($1, $2, 'token', $3, $4, $1, $5, 'active', 1, $6, $7)
        ON CONFLICT (public_id) DO NOTHING
        RETURNING id";

    /// The live token of account `$1` called `$2` at time `$3`; logins and invitations have no
    /// name of their own. Index: credential_by_account.
    TOKEN_NAMED = "
        SELECT id, public_id, purpose
          FROM credential
         WHERE account_id = $1 AND state = 'active' AND kind = 'token' AND name = $2
           AND purpose NOT IN ('login', 'invitation')
           AND $3 < expires_ms";
    /// The live token of account `$1` with public id `$2` at time `$3`. Index: the unique public_id.
    TOKEN_WITH_ID = "
        SELECT id, public_id, purpose
          FROM credential
         WHERE account_id = $1 AND state = 'active' AND kind = 'token' AND public_id = $2 AND $3 < expires_ms";
    /// Live tokens of account `$1` at time `$2`. Index: credential_by_account.
    TOKENS_OF = "
        SELECT public_id, name, purpose, created_ms, expires_ms
          FROM credential
         WHERE account_id = $1 AND state = 'active' AND kind = 'token' AND $2 < expires_ms
         ORDER BY id";

    /// Ends token `$1` at time `$2`.
    END_TOKEN = "
        UPDATE credential SET state = 'revoked', epoch = epoch + 1, ended_ms = $2
         WHERE id = $1 AND state = 'active'";
    /// Up to `$2` tokens whose end had come at time `$1`. Index: credential_by_end.
    TOKENS_AT_END = "
        SELECT id, account_id, public_id, purpose
          FROM credential
         WHERE kind = 'token' AND state = 'active' AND expires_ms <= $1
         ORDER BY expires_ms, id
         LIMIT $2";
    /// Token `$1` has ended by its time, `$2` or before. Primary key.
    EXPIRE_TOKEN = "
        UPDATE credential SET state = 'expired', epoch = epoch + 1, ended_ms = expires_ms
         WHERE id = $1 AND state = 'active' AND expires_ms <= $2";
    /// The invitation with public id `$1` that can be taken at `$2`. Index: the unique public_id.
    INVITATION = "
        SELECT c.id, c.account_id, c.verifier, a.address
          FROM credential c JOIN account a ON a.id = c.account_id
         WHERE c.public_id = $1 AND c.kind = 'token' AND c.purpose = 'invitation' AND c.state = 'active'
           AND $2 < c.expires_ms";
    /// Invitation `$1` of account `$2` is taken at `$3`. Primary key.
    TAKE_INVITATION = "
        UPDATE credential SET state = 'expired', epoch = epoch + 1, ended_ms = $3, last_used_ms = $3
         WHERE id = $1 AND account_id = $2 AND kind = 'token' AND purpose = 'invitation' AND state = 'active'
           AND $3 < expires_ms";
    /// Ends every invitation of account `$1` at time `$2`. Index: credential_by_account.
    END_INVITATIONS = "
        UPDATE credential SET state = 'revoked', epoch = epoch + 1, ended_ms = $2
         WHERE account_id = $1 AND kind = 'token' AND purpose = 'invitation' AND state = 'active'";

    /// Ends every login of account `$1` at time `$2`, but for token `$3` (0 for none).
    END_LOGINS = "
        UPDATE credential SET state = 'revoked', epoch = epoch + 1, ended_ms = $2
         WHERE account_id = $1 AND kind = 'token' AND purpose = 'login' AND state = 'active' AND id <> $3";
}
