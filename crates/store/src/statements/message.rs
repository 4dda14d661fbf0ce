//! Messages, placements, flags, and what vanished.

use crate::sql::statements;

statements! {
    /// Keeps one message.
    INSERT = "
        INSERT INTO message (id, account_id, blob_hash, blob_place, size, stored_bytes, header_bytes, received_ms, sent_ms,
                             thread_id, message_id_hash, subject, sender, summary, envelope, structure, body, parts, preview,
                             sent_day)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)";

    /// A body that is in a file. Index: message_in_file.
    ANY_IN_FILE = "SELECT 1 FROM message WHERE blob_place = 1 LIMIT 1";

    /// Is a message with body `$2` of account `$1` in mailbox `$3`? Index: message_by_body.
    IS_IN_MAILBOX = "
        SELECT 1
          FROM message m JOIN placement p ON p.message_id = m.id
         WHERE m.account_id = $1 AND m.blob_hash = $2 AND p.mailbox_id = $3
         LIMIT 1";

    /// The thread of the message with this Message-ID hash. Index: message_by_message_id.
    THREAD_OF = "SELECT MIN(thread_id) FROM message WHERE account_id = $1 AND message_id_hash = $2";

    /// Gives the next UID of mailbox `$1` and counts the message: `$2` modseq, `$3` 1 when
    /// unseen, `$4` 1 when deleted, `$5` size, `$6` how many messages of these.
    TAKE_UIDS = "
        UPDATE mailbox
           SET uid_next = uid_next + CAST($6 AS BIGINT), modseq = $2, message_count = message_count + CAST($6 AS BIGINT),
               unseen_count = unseen_count + CAST($3 AS BIGINT), deleted_count = deleted_count + CAST($4 AS BIGINT),
               message_bytes = message_bytes + CAST($5 AS BIGINT)
         WHERE id = $1
        RETURNING uid_next - CAST($6 AS BIGINT), uid_validity";

    /// Places a message.
    PLACE = "
        INSERT INTO placement (mailbox_id, uid, message_id, flag_set_id, modseq, internal_ms, saved_ms, size)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

    /// What a snapshot holds: every message of mailbox `$1` by UID. Primary key.
    SNAPSHOT = "SELECT uid, flag_set_id, modseq FROM placement WHERE mailbox_id = $1 ORDER BY uid";

    /// What person `$2` has said of whether they have seen messages of mailbox `$1`. Index: personal_seen_by_person.
    OWN_SEEN = "
        SELECT uid, seen, modseq FROM personal_seen WHERE mailbox_id = $1 AND person_id = $2 ORDER BY uid";

    /// The same after modseq `$3`. Index: personal_seen_by_person.
    OWN_SEEN_SINCE = "
        SELECT uid, seen, modseq
          FROM personal_seen
         WHERE mailbox_id = $1 AND person_id = $2 AND modseq > $3
         ORDER BY uid";

    /// The last message of mailbox `$1` that was saved at `$2` or before. Primary key, from its end.
    LAST_SAVED_BEFORE = "
        SELECT uid FROM placement WHERE mailbox_id = $1 AND saved_ms <= $2 ORDER BY uid DESC LIMIT 1";
    /// Is there a message in mailbox `$1` after UID `$2`? Primary key.
    HAS_AFTER = "SELECT uid FROM placement WHERE mailbox_id = $1 AND uid > $2 LIMIT 1";
    /// Messages of mailbox `$1` up to UID `$2` by their flags: how many, and their bytes. Primary key.
    COUNT_UP_TO = "
        SELECT flag_set_id, COUNT(*), CAST(SUM(size) AS BIGINT)
          FROM placement
         WHERE mailbox_id = $1 AND uid <= $2
         GROUP BY flag_set_id";

    /// Placements of mailbox `$1` changed after modseq `$2`. Index: placement_by_modseq.
    CHANGED_SINCE = "
        SELECT uid, flag_set_id, modseq
          FROM placement
         WHERE mailbox_id = $1 AND modseq > $2
         ORDER BY uid";

    /// UID ranges that vanished from mailbox `$1` after modseq `$2` and up to modseq `$3`. Primary key.
    VANISHED_BETWEEN = "
        SELECT first_uid, last_uid
          FROM vanished
         WHERE mailbox_id = $1 AND modseq > $2 AND modseq <= $3
         ORDER BY first_uid";

    /// The text of flag set `$1`. Primary key.
    FLAG_SET = "SELECT flags FROM flag_set WHERE id = $1";

    /// The set of account `$1` with exactly these flags. Index: flag_set_by_flags.
    FLAG_SET_BY_FLAGS = "SELECT id FROM flag_set WHERE account_id = $1 AND flags = $2";

    /// Keeps a new set of flags.
    INSERT_FLAG_SET = "INSERT INTO flag_set (id, account_id, flags) VALUES ($1, $2, $3)";

    /// One message of mailbox `$1` with UID `$2`: what FETCH shows without its body.
    /// Primary keys.
    FETCH_ROW = "
        SELECT p.message_id, p.flag_set_id, p.modseq, p.internal_ms, p.size,
               m.header_bytes, m.envelope, m.structure, m.body, m.parts, m.preview, m.blob_hash, m.blob_place,
               m.subject, m.sender, m.sent_ms, m.thread_id, m.summary, p.saved_ms
          FROM placement p JOIN message m ON m.id = p.message_id
         WHERE p.mailbox_id = $1 AND p.uid = $2";

    /// Placement rows of mailbox `$1` with UIDs from `$2` to `$3`. Primary key.
    PLACEMENTS_BETWEEN = "
        SELECT uid, message_id, flag_set_id, modseq, internal_ms, size
          FROM placement
         WHERE mailbox_id = $1 AND uid >= $2 AND uid <= $3
         ORDER BY uid";

    /// What FETCH shows of mailbox `$1` from UID `$2` to `$3`, without bodies. Primary keys.
    FETCH_BETWEEN = "
        SELECT p.message_id, p.flag_set_id, p.modseq, p.internal_ms, p.size,
               m.header_bytes, m.envelope, m.structure, m.body, m.parts, m.preview, m.blob_hash, m.blob_place,
               m.subject, m.sender, m.sent_ms, m.thread_id, m.email_id, p.saved_ms, p.uid, m.sent_day
          FROM placement p JOIN message m ON m.id = p.message_id
         WHERE p.mailbox_id = $1 AND p.uid >= $2 AND p.uid <= $3
         ORDER BY p.uid
         LIMIT $4";

    /// The same as person `$5` is shown it. Primary keys.
    FETCH_BETWEEN_OWN = "
        SELECT p.message_id, p.flag_set_id, p.modseq, p.internal_ms, p.size,
               m.header_bytes, m.envelope, m.structure, m.body, m.parts, m.preview, m.blob_hash, m.blob_place,
               m.subject, m.sender, m.sent_ms, m.thread_id, m.email_id, p.saved_ms, p.uid, m.sent_day,
               COALESCE(s.seen, 0), COALESCE(s.modseq, 0)
          FROM placement p
          JOIN message m ON m.id = p.message_id
          LEFT JOIN personal_seen s ON s.mailbox_id = p.mailbox_id AND s.uid = p.uid AND s.person_id = $5
         WHERE p.mailbox_id = $1 AND p.uid >= $2 AND p.uid <= $3
         ORDER BY p.uid
         LIMIT $4";

    /// The same without what is preformatted: large columns cost though nobody looks at them. Primary keys.
    PLAIN_BETWEEN = "
        SELECT p.message_id, p.flag_set_id, p.modseq, p.internal_ms, p.size,
               m.header_bytes, NULL, NULL, NULL, NULL, NULL, m.blob_hash, m.blob_place,
               m.subject, m.sender, m.sent_ms, m.thread_id, m.email_id, p.saved_ms, p.uid, m.sent_day
          FROM placement p JOIN message m ON m.id = p.message_id
         WHERE p.mailbox_id = $1 AND p.uid >= $2 AND p.uid <= $3
         ORDER BY p.uid
         LIMIT $4";

    /// The same as person `$5` is shown it. Primary keys.
    PLAIN_BETWEEN_OWN = "
        SELECT p.message_id, p.flag_set_id, p.modseq, p.internal_ms, p.size,
               m.header_bytes, NULL, NULL, NULL, NULL, NULL, m.blob_hash, m.blob_place,
               m.subject, m.sender, m.sent_ms, m.thread_id, m.email_id, p.saved_ms, p.uid, m.sent_day,
               COALESCE(s.seen, 0), COALESCE(s.modseq, 0)
          FROM placement p
          JOIN message m ON m.id = p.message_id
          LEFT JOIN personal_seen s ON s.mailbox_id = p.mailbox_id AND s.uid = p.uid AND s.person_id = $5
         WHERE p.mailbox_id = $1 AND p.uid >= $2 AND p.uid <= $3
         ORDER BY p.uid
         LIMIT $4";

    /// Where the body of message `$1` lies. Primary key.
    BODY_OF_MESSAGE = "SELECT blob_hash, blob_place FROM message WHERE id = $1";

    /// Copies message `$3` into account `$2` as `$1`: it is the same message, of the same thread (RFC 8474 section 5).
    /// Which thread that is says its packed number, for one of another account.
    COPY_MESSAGE = "
        INSERT INTO message (id, account_id, blob_hash, blob_place, size, stored_bytes, header_bytes, received_ms, sent_ms,
                             thread_id, message_id_hash, subject, sender, summary, envelope, structure, body, parts, preview,
                             sent_day, email_id)
        SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), blob_hash, blob_place, size, stored_bytes, header_bytes, received_ms,
               sent_ms, CASE WHEN thread_id < 68719476736 THEN account_id * 68719476736 + thread_id ELSE thread_id END,
               message_id_hash, subject, sender, summary, envelope, structure, body, parts, preview, sent_day,
               CASE WHEN email_id = 0 THEN id ELSE email_id END
          FROM message
         WHERE id = $3";

    /// Keeps that messages of mailbox `$1` have, or had, set `$2`.
    NOTE_SET = "
        INSERT INTO mailbox_flag_set (mailbox_id, flag_set_id) VALUES ($1, $2) ON CONFLICT (mailbox_id, flag_set_id) DO NOTHING";

    /// Up to `$2` of the sets that were noted of mailbox `$1`. Primary keys.
    NOTED_SETS = "
        SELECT f.flags
          FROM mailbox_flag_set m JOIN flag_set f ON f.id = m.flag_set_id
         WHERE m.mailbox_id = $1
         ORDER BY m.flag_set_id
         LIMIT $2";

    /// How many messages of mailbox `$1` have UID `$2` or a later one. Primary key.
    COUNT_FROM = "SELECT COUNT(*) FROM placement WHERE mailbox_id = $1 AND uid >= $2";

    /// Gives a placement another set of flags.
    SET_FLAGS = "UPDATE placement SET flag_set_id = $3, modseq = $4 WHERE mailbox_id = $1 AND uid = $2";

    /// Counts flags changed in mailbox `$1`: `$3` more unseen, `$4` more deleted.
    COUNT_FLAGS = "
        UPDATE mailbox
           SET modseq = $2, unseen_count = unseen_count + CAST($3 AS BIGINT), deleted_count = deleted_count + CAST($4 AS BIGINT)
         WHERE id = $1";

    /// Counts messages out of mailbox `$1`: all numbers are negative.
    COUNT_OUT = "
        UPDATE mailbox
           SET modseq = $2, unseen_count = unseen_count + CAST($3 AS BIGINT), deleted_count = deleted_count + CAST($4 AS BIGINT),
               message_count = message_count + CAST($5 AS BIGINT), message_bytes = message_bytes + CAST($6 AS BIGINT)
         WHERE id = $1";

    /// Takes a message out of a mailbox.
    UNPLACE = "DELETE FROM placement WHERE mailbox_id = $1 AND uid = $2";

    /// Is message `$1` placed anywhere? Index: placement_by_message.
    IS_PLACED = "SELECT 1 FROM placement WHERE message_id = $1 LIMIT 1";

    /// Deletes a message that is placed nowhere; its body is collected later.
    DELETE = "DELETE FROM message WHERE id = $1";

    /// Keeps that UIDs `$3` to `$4` are gone from mailbox `$1` as of modseq `$2`.
    NOTE_VANISHED = "INSERT INTO vanished (mailbox_id, modseq, first_uid, last_uid) VALUES ($1, $2, $3, $4)";

    /// Has person `$3` seen UID `$2` of mailbox `$1`, and since which modseq? Primary key.
    SEEN_BY = "SELECT seen, modseq FROM personal_seen WHERE mailbox_id = $1 AND uid = $2 AND person_id = $3";

    /// How many messages of mailbox `$1` person `$2` has seen. Index: personal_seen_by_person.
    COUNT_SEEN_BY = "SELECT COUNT(*) FROM personal_seen WHERE mailbox_id = $1 AND person_id = $2 AND seen = 1";

    /// Keeps whether (`$4`) person `$3` has seen UID `$2` of mailbox `$1`, as of modseq `$5`.
    PUT_SEEN = "
        INSERT INTO personal_seen (mailbox_id, uid, person_id, seen, modseq) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (mailbox_id, uid, person_id) DO UPDATE SET seen = excluded.seen, modseq = excluded.modseq";

    /// Whoever but person `$6` has seen UID `$5` of mailbox `$4` has seen its copy, UID `$2` of
    /// mailbox `$1`, as of modseq `$3`. Primary key.
    COPY_SEEN = "
        INSERT INTO personal_seen (mailbox_id, uid, person_id, seen, modseq)
        SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), person_id, 1, CAST($3 AS BIGINT)
          FROM personal_seen
         WHERE mailbox_id = $4 AND uid = $5 AND seen = 1 AND person_id <> $6";

    /// Takes away who has seen UID `$2` of mailbox `$1`. Primary key.
    FORGET_SEEN = "DELETE FROM personal_seen WHERE mailbox_id = $1 AND uid = $2";

    /// The counters of every mailbox, to be counted again.
    COUNTED_MAILBOXES = "
        SELECT id, uid_next, modseq, message_count, unseen_count, deleted_count, message_bytes
          FROM mailbox
         ORDER BY id";

    /// The counters of every account beside what its messages add up to.
    COUNTED_ACCOUNTS = "
        SELECT a.id, a.message_count, a.message_bytes, COUNT(m.id), CAST(COALESCE(SUM(m.size), 0) AS BIGINT)
          FROM account a
          LEFT JOIN message m ON m.account_id = a.id
         GROUP BY a.id, a.message_count, a.message_bytes
         ORDER BY a.id";

    /// Placements whose message is gone. Primary key of message.
    PLACED_AND_GONE = "
        SELECT COUNT(*) FROM placement p WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = p.message_id)";

    /// What people have seen of messages that are gone. Primary key of placement.
    SEEN_AND_GONE = "
        SELECT COUNT(*)
          FROM personal_seen s
         WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.mailbox_id = s.mailbox_id AND p.uid = s.uid)";

    /// Messages that are placed nowhere. Index: placement_by_message.
    PLACED_NOWHERE = "
        SELECT COUNT(*) FROM message m WHERE NOT EXISTS (SELECT 1 FROM placement p WHERE p.message_id = m.id)";
}
