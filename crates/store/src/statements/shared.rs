//! The life of a shared account: its settings, aliases, removal, return, conversion and end.

use crate::sql::statements;

statements! {
    /// Name, seen, delete protection and ways of sending of account `$1`. Primary key.
    SET = "
        UPDATE account
           SET name = $2, seen = $3, delete_protection = $4, sent_copy = $5, show_sender = $6, undo_seconds = $7,
               stale_reply_minutes = $8
         WHERE id = $1";
    /// Takes alias `$1` of account `$2` away. Primary key.
    REMOVE_ALIAS = "DELETE FROM address WHERE address = $1 AND account_id = $2 AND is_alias = 1";
    /// Removes account `$1`, from `$2` on; it can come back. Primary key.
    REMOVE = "UPDATE account SET state = 'removed', removed_ms = $2 WHERE id = $1";
    /// Brings account `$1` back. Primary key.
    RESTORE = "UPDATE account SET state = 'active', removed_ms = NULL WHERE id = $1";

    /// Account `$1` is shared from now on, without the ways of sending that its person had set for themselves.
    /// Primary key.
    MAKE_SHARED = "UPDATE account SET kind = 'shared', sent_copy = 'shared', undo_seconds = 0 WHERE id = $1";
    /// Account `$1` is a person's from now on, without the ways of `\Seen` and of sending that
    /// only a shared one can be given. Primary key.
    MAKE_PERSONAL = "
        UPDATE account
           SET kind = 'person', seen = 'shared', sent_copy = 'shared', show_sender = 'hidden',
               undo_seconds = 0, stale_reply_minutes = 0
         WHERE id = $1";
    /// `\Seen` of account `$1` is kept in another way since modseq `$2`. Primary key.
    SET_SEEN_SINCE = "UPDATE account SET seen_modseq = $2 WHERE id = $1";
    /// So its mailboxes have changed. Index: mailbox_by_name.
    SET_MAILBOXES_CHANGED = "UPDATE mailbox SET modseq = $2 WHERE account_id = $1";
    /// Every admin, whom nobody else may change before the commit. There are few people.
    ADMINS_FOR_WRITE = "SELECT id, suspended_ms FROM person WHERE admin = 1 ORDER BY id /*LOCK*/";
    /// Deletes person `$1`; their account stays. Primary key.
    DELETE_PERSON = "DELETE FROM person WHERE id = $1";
    /// Deletes what person `$1` subscribed to. Primary key.
    DELETE_SUBSCRIPTIONS_OF = "DELETE FROM subscription WHERE person_id = $1";
    /// Ends every credential of account `$1` that is not at its end at time `$2`, whatever its kind.
    /// Index: credential_by_account.
    END_CREDENTIALS = "
        UPDATE credential SET state = 'revoked', epoch = epoch + 1, ended_ms = $2
         WHERE account_id = $1 AND state <> 'revoked' AND state <> 'expired'
           AND (expires_ms IS NULL OR $2 < expires_ms)";
    /// Groups that account `$1` is in. Index: membership_by_account.
    GROUPS_OF_ACCOUNT = "
        SELECT g.id, g.address
          FROM membership m JOIN people_group g ON g.id = m.group_id
         WHERE m.account_id = $1
         ORDER BY g.address";
    /// Takes account `$1` out of every group. Index: membership_by_account.
    LEAVE_GROUPS = "DELETE FROM membership WHERE account_id = $1";

    /// Accounts removed at `$1` or before. Reads every account, once an hour.
    ENDED = "SELECT id FROM account WHERE state = 'removed' AND removed_ms <= $1 ORDER BY id";
    /// The address of account `$1` if it was removed at `$2` or before; nobody brings it back
    /// before the commit. Primary key.
    ENDED_FOR_WRITE = "
        SELECT address FROM account WHERE id = $1 AND state = 'removed' AND removed_ms <= $2 /*LOCK*/";
    /// Has account `$1` an address? Index: address_by_account.
    HAS_ADDRESS = "SELECT 1 FROM address WHERE account_id = $1 LIMIT 1";
    /// Lets every address of account `$1` go. Index: address_by_account.
    LET_ADDRESSES_GO = "DELETE FROM address WHERE account_id = $1";
    /// Account `$1` is called `$2` until its row goes, so that its address is free. Primary key.
    CALL = "UPDATE account SET address = $2 WHERE id = $1";

    /// Deletes up to `$2` grants on account `$1`. Index: access_grant_by_account.
    DELETE_GRANTS = "
        DELETE FROM access_grant
         WHERE id IN (SELECT id FROM access_grant WHERE account_id = $1 LIMIT $2)";
    /// Deletes up to `$2` memberships of account `$1`. Index: membership_by_account.
    DELETE_MEMBERSHIPS = "
        DELETE FROM membership
         WHERE account_id = $1
           AND group_id IN (SELECT group_id FROM membership WHERE account_id = $1 LIMIT $2)";
    /// Deletes up to `$2` wrapped secrets of account `$1`. Index: credential_by_account.
    DELETE_WRAPS = "
        DELETE FROM credential_wrap
         WHERE credential_id IN (SELECT w.credential_id
                                   FROM credential c JOIN credential_wrap w ON w.credential_id = c.id
                                  WHERE c.account_id = $1
                                  LIMIT $2)";
    /// Deletes up to `$2` of what credentials of account `$1` open. Index: credential_reach_by_account.
    DELETE_REACHES = "
        DELETE FROM credential_reach
         WHERE id IN (SELECT id FROM credential_reach WHERE account_id = $1 LIMIT $2)";
    /// Deletes up to `$2` credentials of account `$1`. Index: credential_by_account.
    DELETE_CREDENTIALS = "
        DELETE FROM credential
         WHERE id IN (SELECT id FROM credential WHERE account_id = $1 LIMIT $2)";
    /// Deletes up to `$2` subscriptions in account `$1`, found person by person; those of its direct sign-ins
    /// are under its own number. Primary keys.
    DELETE_SUBSCRIPTIONS = "
        DELETE FROM subscription
         WHERE (person_id, account_id, name) IN
               (SELECT s.person_id, s.account_id, s.name
                  FROM (SELECT id FROM person UNION SELECT CAST($1 AS BIGINT)) p
                  JOIN subscription s ON s.person_id = p.id AND s.account_id = $1
                 LIMIT $2)";

    /// Deletes up to `$3` mailboxes with keys from `$1` to `$2`, those of one account.
    /// Primary key, here and below.
    DELETE_MAILBOXES = "
        DELETE FROM mailbox WHERE id IN (SELECT id FROM mailbox WHERE id >= $1 AND id <= $2 LIMIT $3)";
    /// The same of who has seen what.
    DELETE_SEEN = "
        DELETE FROM personal_seen
         WHERE (mailbox_id, uid, person_id) IN
               (SELECT mailbox_id, uid, person_id FROM personal_seen WHERE mailbox_id >= $1 AND mailbox_id <= $2 LIMIT $3)";
    /// The same of what was noted of their flags.
    DELETE_NOTED_SETS = "
        DELETE FROM mailbox_flag_set
         WHERE (mailbox_id, flag_set_id) IN
               (SELECT mailbox_id, flag_set_id FROM mailbox_flag_set WHERE mailbox_id >= $1 AND mailbox_id <= $2 LIMIT $3)";
    /// The same of what vanished.
    DELETE_VANISHED = "
        DELETE FROM vanished
         WHERE (mailbox_id, modseq, first_uid) IN
               (SELECT mailbox_id, modseq, first_uid FROM vanished WHERE mailbox_id >= $1 AND mailbox_id <= $2 LIMIT $3)";
    /// The same of placements.
    DELETE_PLACEMENTS = "
        DELETE FROM placement
         WHERE (mailbox_id, uid) IN
               (SELECT mailbox_id, uid FROM placement WHERE mailbox_id >= $1 AND mailbox_id <= $2 LIMIT $3)";
    /// The same of messages; their bodies are collected later.
    DELETE_MESSAGES = "
        DELETE FROM message WHERE id IN (SELECT id FROM message WHERE id >= $1 AND id <= $2 LIMIT $3)";
    /// The same of sets of flags.
    DELETE_FLAG_SETS = "
        DELETE FROM flag_set WHERE id IN (SELECT id FROM flag_set WHERE id >= $1 AND id <= $2 LIMIT $3)";
    /// The same of the change log.
    DELETE_CHANGES = "
        DELETE FROM change_log WHERE id IN (SELECT id FROM change_log WHERE id >= $1 AND id <= $2 LIMIT $3)";
    /// Deletes account `$1`, which nothing names any more. Primary key.
    DELETE_ACCOUNT = "DELETE FROM account WHERE id = $1";
}
