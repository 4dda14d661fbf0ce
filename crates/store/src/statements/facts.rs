//! What the gate reads before it decides.

use crate::sql::statements;

statements! {
    /// The epochs that a cached verdict depends on: account `$1`, person `$2` (0 for none),
    /// the organisation, credential `$3` (0 for none), whose people count as its person. Primary keys.
    EPOCHS = "
        SELECT epoch,
               COALESCE((SELECT epoch FROM person WHERE id = $2),
                        (SELECT CAST(SUM(p.epoch) AS BIGINT)
                           FROM credential c JOIN person p ON p.id IN (c.owner_id, c.holder_id)
                          WHERE c.id = $3)),
               (SELECT epoch FROM organisation WHERE id = 1),
               (SELECT epoch FROM credential WHERE id = $3)
          FROM account
         WHERE id = $1";

    /// Those of account `$1` and the organisation before a write: the lock makes a change of rights and
    /// a write of mail take turns. What else is read beside it would be of before the wait, the
    /// organisation's too: where it decides, it is held before. Primary keys.
    EPOCHS_FOR_WRITE = "
        SELECT epoch, (SELECT epoch FROM organisation WHERE id = 1) FROM account WHERE id = $1 /*LOCK*/";

    /// The epoch of person `$1`, which nobody may raise until this write ends. Primary key.
    PERSON_EPOCH_FOR_WRITE = "SELECT epoch FROM person WHERE id = $1 /*SHARE*/";

    /// Epochs of whoever answers for credential `$1` or uses it, which nobody may raise until this write
    /// ends. Primary keys.
    HOLD_ANSWERING = "
        SELECT epoch
          FROM person
         WHERE id IN (SELECT owner_id FROM credential WHERE id = $1 UNION ALL
                      SELECT holder_id FROM credential WHERE id = $1)
         ORDER BY id /*SHARE*/";

    /// Takes the row of account `$1`.
    LOCK_ACCOUNT = "SELECT id FROM account WHERE id = $1 /*LOCK*/";

    /// Takes the rows of accounts `$1` and `$2` in id order, so that writes that touch two
    /// accounts can not wait for each other.
    LOCK_ACCOUNTS = "SELECT id FROM account WHERE id IN ($1, $2) ORDER BY id /*LOCK*/";

    /// The account with address `$1`, primary or alias. Index: primary key of address.
    ACCOUNT_BY_ADDRESS = "SELECT account_id FROM address WHERE address = $1 AND account_id IS NOT NULL";

    /// State of account `$1`. Primary key.
    ACCOUNT = "SELECT kind, state, delete_protection, address, name, seen, seen_modseq FROM account WHERE id = $1";

    /// State of person `$1`. Primary key.
    PERSON = "SELECT admin, suspended_ms, (SELECT state FROM account WHERE account.id = person.id) FROM person WHERE id = $1";

    /// Grants of account `$1` that reach person `$2`, directly or through a group.
    /// Index: access_grant_by_account, membership primary key.
    GRANTS_FOR_PERSON = "
        SELECT id, grantee_id, reach, subtree, mailbox_id, letters, send_as, send_on_behalf, automap, not_after_ms
          FROM access_grant
         WHERE account_id = $1
           AND (grantee_id = $2 OR grantee_id IN (SELECT group_id FROM membership WHERE account_id = $2))
         ORDER BY id";

    /// Accounts in which person `$1` holds any grant, directly or through a group, and
    /// their own. Index: access_grant_by_grantee, membership_by_account.
    ACCOUNTS_OF_PERSON = "
        SELECT id FROM account
         WHERE id = $1
            OR id IN (SELECT account_id FROM access_grant
                       WHERE grantee_id = $1
                          OR grantee_id IN (SELECT group_id FROM membership WHERE account_id = $1))
         ORDER BY id";

    /// Mailbox `$1` as the gate needs it. Primary key.
    MAILBOX_NAME = "SELECT name, special_use FROM mailbox WHERE id = $1";

    /// The mailbox called `$2` in account `$1`. Index: mailbox_by_name.
    MAILBOX_BY_NAME = "SELECT id FROM mailbox WHERE account_id = $1 AND name = $2";
}
