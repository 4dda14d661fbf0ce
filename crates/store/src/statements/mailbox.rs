//! Mailboxes: their rows, counters and names.

use crate::sql::statements;

statements! {
    /// Every mailbox of account `$1`, by name. Index: mailbox_by_name.
    OF_ACCOUNT = "
        SELECT id, name, special_use
          FROM mailbox
         WHERE account_id = $1
         ORDER BY name";

    /// Counters of mailbox `$1`: SELECT and STATUS answer from them. Primary key.
    COUNTERS = "
        SELECT uid_validity, uid_next, modseq, message_count, unseen_count, deleted_count, message_bytes, recent_from
          FROM mailbox
         WHERE id = $1";

    /// Makes a mailbox.
    CREATE = "
        INSERT INTO mailbox (id, account_id, name, special_use, uid_validity, uid_next, modseq, message_count,
                             unseen_count, deleted_count, message_bytes, recent_from, created_ms)
        VALUES ($1, $2, $3, $4, $5, 1, $6, 0, 0, 0, 0, 1, $7)";

    /// Takes a modseq, `$2` numbers, a change number and a UID validity of account `$1`.
    /// Its row is the one place that gives them out, so they never repeat.
    ADVANCE_ACCOUNT = "
        UPDATE account
           SET modseq = modseq + 1, next_number = next_number + CAST($2 AS BIGINT), next_change = next_change + 1,
               next_uid_validity = next_uid_validity + CAST($3 AS BIGINT),
               message_count = message_count + CAST($4 AS BIGINT),
               message_bytes = message_bytes + CAST($5 AS BIGINT)
         WHERE id = $1
        RETURNING modseq, next_number, next_change, next_uid_validity";

    /// The same where mail comes in: no row where account `$1` has no room for `$4` messages of
    /// `$5` bytes.
    ADVANCE_WITH_ROOM = "
        UPDATE account
           SET modseq = modseq + 1, next_number = next_number + CAST($2 AS BIGINT), next_change = next_change + 1,
               next_uid_validity = next_uid_validity + CAST($3 AS BIGINT),
               message_count = message_count + CAST($4 AS BIGINT),
               message_bytes = message_bytes + CAST($5 AS BIGINT)
         WHERE id = $1 AND (quota_bytes IS NULL OR message_bytes + CAST($5 AS BIGINT) <= quota_bytes)
           AND (quota_messages IS NULL OR message_count + CAST($4 AS BIGINT) <= quota_messages)
        RETURNING modseq, next_number, next_change, next_uid_validity";

    /// Does account `$1` have room for `$3` messages more, of `$2` bytes? Primary key.
    HAS_ROOM = "
        SELECT 1
          FROM account
         WHERE id = $1 AND (quota_bytes IS NULL OR message_bytes + CAST($2 AS BIGINT) <= quota_bytes)
           AND (quota_messages IS NULL OR message_count + CAST($3 AS BIGINT) <= quota_messages)";

    /// How much account `$1` holds, and may hold. Primary key.
    USAGE = "SELECT address, message_bytes, quota_bytes, message_count, quota_messages FROM account WHERE id = $1";

    /// Bounds account `$1`: `$2` bytes, `$3` messages. Primary key.
    SET_QUOTA = "UPDATE account SET quota_bytes = $2, quota_messages = $3 WHERE id = $1";

    /// Notes one change of account for the change log.
    LOG_CHANGE = "INSERT INTO change_log (id, at_ms, kind, mailbox_id, modseq) VALUES ($1, $2, $3, $4, $5)";

    /// Raises the epoch of account `$1`: somebody's rights in it may have changed.
    RAISE_EPOCH = "UPDATE account SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch";

    /// How many mailboxes account `$1` has. Index: mailbox_by_name.
    COUNT_OF_ACCOUNT = "SELECT COUNT(*) FROM mailbox WHERE account_id = $1";

    /// Renames one mailbox.
    RENAME = "UPDATE mailbox SET name = $2 WHERE id = $1";

    /// Deletes the row of mailbox `$1`; its messages are gone before.
    DELETE = "DELETE FROM mailbox WHERE id = $1";

    /// Deletes every placement of mailbox `$1`.
    DELETE_PLACEMENTS = "DELETE FROM placement WHERE mailbox_id = $1";
    /// Deletes what was noted of the flags of mailbox `$1`.
    DELETE_NOTED_SETS = "DELETE FROM mailbox_flag_set WHERE mailbox_id = $1";
    /// Deletes the vanished ranges of mailbox `$1`.
    DELETE_VANISHED = "DELETE FROM vanished WHERE mailbox_id = $1";
    /// Deletes who has seen what in mailbox `$1`.
    DELETE_SEEN = "DELETE FROM personal_seen WHERE mailbox_id = $1";
    /// Deletes messages of account `$1` that were placed in mailbox `$2` and nowhere else.
    /// Runs before DELETE_PLACEMENTS. Index: placement_by_message.
    DELETE_ONLY_PLACED_HERE = "
        DELETE FROM message
         WHERE id IN (SELECT message_id FROM placement WHERE mailbox_id = $1)
           AND NOT EXISTS (SELECT 1 FROM placement elsewhere
                            WHERE elsewhere.message_id = message.id AND elsewhere.mailbox_id <> $1)";

    /// Number and bytes of the messages that DELETE_ONLY_PLACED_HERE would delete.
    ONLY_PLACED_HERE = "
        SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT)
          FROM message
         WHERE id IN (SELECT message_id FROM placement WHERE mailbox_id = $1)
           AND NOT EXISTS (SELECT 1 FROM placement elsewhere
                            WHERE elsewhere.message_id = message.id AND elsewhere.mailbox_id <> $1)";

    /// Marks every message so far as seen by a session (\Recent, RFC 3501 section 2.3.2).
    TAKE_RECENT = "UPDATE mailbox SET recent_from = uid_next WHERE id = $1 AND recent_from < uid_next";

    /// What person `$1` subscribed to or unsubscribed from. Primary key.
    SUBSCRIPTIONS = "SELECT account_id, name, subscribed FROM subscription WHERE person_id = $1 ORDER BY account_id, name";

    /// Is person `$1` subscribed to the name `$3` of account `$2`? Primary key.
    SUBSCRIPTION = "SELECT subscribed FROM subscription WHERE person_id = $1 AND account_id = $2 AND name = $3";

    /// Person `$1` subscribes to (`$4` = 1) or unsubscribes from the name `$3` of account `$2`.
    SUBSCRIBE = "
        INSERT INTO subscription (person_id, account_id, name, subscribed) VALUES ($1, $2, $3, $4)
        ON CONFLICT (person_id, account_id, name) DO UPDATE SET subscribed = excluded.subscribed";
}
