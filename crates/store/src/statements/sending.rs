//! Sending: settings of accounts, copies of what was sent, who answered, and how much was sent
//! (docs/decisions/0030-queue.md).

use crate::sql::statements;

statements! {
    /// How account `$1` sends. Primary key.
    SETTINGS = "
        SELECT address, name, sent_copy, show_sender, undo_seconds, stale_reply_minutes FROM account WHERE id = $1";
    /// The mailbox of account `$1` for what `$2` says (RFC 6154). Index: mailbox_by_name.
    MAILBOX_FOR = "SELECT id FROM mailbox WHERE account_id = $1 AND special_use = $2 ORDER BY id LIMIT 1";
    /// Mailbox `$1` is for what `$2` says, where it was for nothing. Primary key.
    SET_USE = "UPDATE mailbox SET special_use = $2 WHERE id = $1 AND special_use IS NULL";
    /// Is mailbox `$1` that of what was sent? Primary key.
    IS_SENT = "SELECT 1 FROM mailbox WHERE id = $1 AND special_use = '\\Sent'";
    /// Addresses of account `$1`, the primary one first. Index: address_by_account.
    ADDRESSES = "SELECT address FROM address WHERE account_id = $1 ORDER BY is_alias, address LIMIT 20";

    /// The copy of message `$2` that `$3` sent or filed, in account `$1` after `$4`. Primary key.
    SENT_COPY = "
        SELECT mailbox_id, uid, by_house, dated, sent_ms FROM sent_copy WHERE account_id = $1 AND identity = $2 AND actor = $3 AND at_ms > $4";
    /// Notes where it lies.
    NOTE_SENT_COPY = "
        INSERT INTO sent_copy (account_id, identity, actor, mailbox_id, uid, by_house, at_ms, dated, sent_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (account_id, identity, actor) DO UPDATE
           SET mailbox_id = excluded.mailbox_id, uid = excluded.uid, by_house = excluded.by_house,
               at_ms = excluded.at_ms, dated = excluded.dated, sent_ms = excluded.sent_ms";
    /// Forgets at most `$2` of those older than `$1`. Index: sent_copy_by_time.
    FORGET_SENT_COPIES = "
        DELETE FROM sent_copy
         WHERE (account_id, identity, actor) IN
               (SELECT account_id, identity, actor FROM sent_copy WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";
    /// Where UID `$2` of mailbox `$1` lies. Primary key.
    PLACED = "
        SELECT p.modseq, m.uid_validity FROM placement p JOIN mailbox m ON m.id = p.mailbox_id
         WHERE p.mailbox_id = $1 AND p.uid = $2";
    /// Places of messages of account `$1` with the Message-ID that hashes to `$2`. Indexes:
    /// message_by_message_id, placement_by_message.
    PLACES_OF_ID = "
        SELECT p.mailbox_id, p.uid
          FROM message m JOIN placement p ON p.message_id = m.id
         WHERE m.account_id = $1 AND m.message_id_hash = $2
         ORDER BY p.mailbox_id, p.uid
         LIMIT 10";

    /// Answers to `$2` in account `$1` after `$3` that others than `$4` sent, latest first. Primary key.
    ANSWERED_BY = "
        SELECT sender, at_ms, answer FROM answered
         WHERE account_id = $1 AND subject = $2 AND at_ms > $3 AND actor <> $4 AND counts = 1
         ORDER BY at_ms DESC LIMIT 20";
    /// Was an answer of `$3` to it parked after `$4`? Primary key.
    WAS_PARKED = "
        SELECT 1 FROM answered
         WHERE account_id = $1 AND subject = $2 AND actor = $3 AND answer = 0 AND at_ms > $4";
    /// Notes that `$3`, who is called `$5`, answered it with `$4`; `$6` says whether that was sent, and `$7` which
    /// message that can be taken back it is.
    NOTE_ANSWERED = "
        INSERT INTO answered (account_id, subject, actor, answer, sender, counts, queued, at_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (account_id, subject, actor, answer) DO UPDATE
           SET counts = excluded.counts, queued = excluded.queued, at_ms = excluded.at_ms";
    /// The answer that waits as `$1` is sent at `$2`. Index: answered_by_queued.
    ANSWER_LEAVES = "UPDATE answered SET counts = 1, queued = NULL, at_ms = $2 WHERE queued = $1";
    /// It is taken back. Index: answered_by_queued.
    ANSWER_TAKEN_BACK = "DELETE FROM answered WHERE queued = $1";
    /// Forgets at most `$2` of those older than `$1`. Index: answered_by_time.
    FORGET_ANSWERED = "
        DELETE FROM answered
         WHERE (account_id, subject, actor, answer) IN
               (SELECT account_id, subject, actor, answer FROM answered WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)";

    /// The latest use of kind `$1` by `$2`. Primary key.
    LATEST_USE = "
        SELECT start_ms, messages, recipients, new_recipients, bytes
          FROM send_use
         WHERE kind = $1 AND subject_id = $2
         ORDER BY start_ms DESC
         LIMIT 1";
    /// The use of kind `$1` by `$2` from day `$3` on, at most two days. Primary key.
    USE_FROM = "
        SELECT start_ms, messages, recipients, new_recipients, bytes
          FROM send_use
         WHERE kind = $1 AND subject_id = $2 AND start_ms >= $3
         ORDER BY start_ms
         LIMIT 2";
    /// Counts more use: `$4` messages, `$5` recipients, `$6` of them new, `$7` bytes.
    ADD_USE = "
        INSERT INTO send_use (kind, subject_id, start_ms, messages, recipients, new_recipients, bytes, told)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 0)
        ON CONFLICT (kind, subject_id, start_ms) DO UPDATE
           SET messages = send_use.messages + excluded.messages, recipients = send_use.recipients + excluded.recipients,
               new_recipients = send_use.new_recipients + excluded.new_recipients, bytes = send_use.bytes + excluded.bytes";
    /// Was the owner told of a limit of this day? Primary key.
    IS_TOLD = "SELECT 1 FROM send_use WHERE kind = $1 AND subject_id = $2 AND start_ms = $3 AND told = 1";
    /// Notes that they are; no row where they were before.
    NOTE_TOLD = "
        INSERT INTO send_use (kind, subject_id, start_ms, messages, recipients, new_recipients, bytes, told)
        VALUES ($1, $2, $3, 0, 0, 0, 0, 1)
        ON CONFLICT (kind, subject_id, start_ms) DO UPDATE SET told = 1 WHERE send_use.told = 0";
    /// Forgets at most `$2` of those older than `$1`. Index: send_use_by_time.
    FORGET_USE = "
        DELETE FROM send_use
         WHERE (kind, subject_id, start_ms) IN
               (SELECT kind, subject_id, start_ms FROM send_use WHERE start_ms < $1 ORDER BY start_ms LIMIT $2)";
    /// Account `$1` sends at `$2` to the recipients in rows `$3`; no row where it did before.
    ADD_KNOWN_RECIPIENTS = "
        INSERT INTO known_recipient (account_id, recipient, first_ms)
        SELECT CAST($1 AS BIGINT), CAST(value ->> 0 AS BIGINT), CAST($2 AS BIGINT) FROM json_each($3) WHERE TRUE
        ON CONFLICT (account_id, recipient) DO NOTHING";

    /// Those of the addresses in rows `$2` from which mail of account `$1` came back for good, why, and when.
    /// Primary key.
    SUPPRESSED = "
        SELECT reason, at_ms, address
          FROM suppressed_recipient
         WHERE account_id = $1 AND address IN (SELECT value ->> 0 FROM json_each($2))";
    /// Mail of account `$1` to `$2` came back for good.
    SUPPRESS = "
        INSERT INTO suppressed_recipient (account_id, address, reason, at_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (account_id, address) DO NOTHING";
    /// Suppressed recipients of account `$1` after address `$2`, at most `$3`. Primary key.
    LIST_SUPPRESSED = "
        SELECT address, reason, at_ms FROM suppressed_recipient WHERE account_id = $1 AND address > $2 ORDER BY address LIMIT $3";
    /// Lets mail of account `$1` go to `$2` again. Primary key.
    UNSUPPRESS = "DELETE FROM suppressed_recipient WHERE account_id = $1 AND address = $2";

    /// Deletes how much account `$1` sent, up to `$2` days of it. Primary key.
    DELETE_USE = "
        DELETE FROM send_use
         WHERE kind = 'account-day' AND subject_id = $1
           AND start_ms IN (SELECT start_ms FROM send_use WHERE kind = 'account-day' AND subject_id = $1 LIMIT $2)";
    /// Deletes to whom, up to `$2` of them. Primary key.
    DELETE_KNOWN_RECIPIENTS = "
        DELETE FROM known_recipient
         WHERE account_id = $1
           AND recipient IN (SELECT recipient FROM known_recipient WHERE account_id = $1 LIMIT $2)";
    /// Deletes who is suppressed, up to `$2` of them. Primary key.
    DELETE_SUPPRESSED = "
        DELETE FROM suppressed_recipient
         WHERE account_id = $1
           AND address IN (SELECT address FROM suppressed_recipient WHERE account_id = $1 LIMIT $2)";
    /// Deletes where its copies lie, up to `$2` of them. Primary key.
    DELETE_SENT_COPIES = "
        DELETE FROM sent_copy
         WHERE (account_id, identity, actor) IN
               (SELECT account_id, identity, actor FROM sent_copy WHERE account_id = $1 LIMIT $2)";
    /// Deletes who answered, up to `$2` of them. Primary key.
    DELETE_ANSWERED = "
        DELETE FROM answered
         WHERE (account_id, subject, actor, answer) IN
               (SELECT account_id, subject, actor, answer FROM answered WHERE account_id = $1 LIMIT $2)";
}
