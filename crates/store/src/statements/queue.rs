//! What waits to be sent (docs/decisions/0030-queue.md).

use crate::sql::statements;

statements! {
    /// Keeps a message that is to be sent.
    ADD_MESSAGE = "
        INSERT INTO queue_message (public_id, account_id, person_id, credential_id, sender, from_address, reverse_path, verp,
                                   blob_hash, blob_place, size, prefix, smtputf8, eight_bit, return_full, envelope_id, lane,
                                   hold, hold_office, undo_until_ms, leaves_ms, created_ms, follows, at_limit)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, 0, $19, $21, $20, $22,
                $23)
        RETURNING id";
    /// Recipients of message `$1`, held or not (`$2`) and due at `$3`: of each its address, domain, lane, when
    /// the sender hears, and ORCPT's type and address, as rows of `$4`.
    ADD_RECIPIENTS = "
        INSERT INTO queue_recipient (message_id, address, domain, lane, held, next_try_ms, tried_by, tries, notify,
                                     original_kind, original_address, delay_told)
        SELECT CAST($1 AS BIGINT), value ->> 0, value ->> 1, CAST(value ->> 2 AS BIGINT), CAST($2 AS BIGINT),
               CAST($3 AS BIGINT), 0, 0, CAST(value ->> 3 AS BIGINT), value ->> 4, value ->> 5, 0
          FROM json_each($4)";

    /// Takes at most `$5` recipients of lane `$3` that are due at `$4`: process `$1` tries them until `$2`, but for
    /// those that it has already. Another process passes over them. Index: queue_recipient_due.
    TAKE = "
        UPDATE queue_recipient
           SET tried_by = $1, next_try_ms = $2
         WHERE id IN (SELECT id
                        FROM queue_recipient
                       WHERE lane = $3 AND held = 0 AND next_try_ms <= $4 AND tried_by <> $1
                       ORDER BY next_try_ms, id
                       LIMIT $5 /*SKIP*/)
        RETURNING id, message_id, address, domain, tries, notify, original_kind, original_address, delay_told,
                  (SELECT COUNT(*) FROM domain WHERE domain.name = queue_recipient.domain)";
    /// How many recipients wait, by lane, and how many of each are held. Reads all of them.
    BACKLOG = "SELECT lane, COUNT(*), CAST(SUM(held) AS BIGINT) FROM queue_recipient GROUP BY lane ORDER BY lane";
    /// From when on that message could leave which waits longest at `$1`; nobody holds it, and its time has come. Reads
    /// all of them.
    OLDEST = "
        SELECT leaves_ms FROM queue_message WHERE hold IS NULL AND leaves_ms <= $1 ORDER BY leaves_ms, id LIMIT 1";
    /// When the next recipient of lane `$1` is due. Index: queue_recipient_due.
    NEXT_DUE = "
        SELECT next_try_ms FROM queue_recipient WHERE lane = $1 AND held = 0 ORDER BY next_try_ms, id LIMIT 1";
    /// What process `$1` tries. Index: queue_recipient_tried.
    TAKEN = "SELECT id FROM queue_recipient WHERE tried_by = $1 AND tried_by <> 0 ORDER BY id";
    /// What of message `$1` process `$2` tries. Index: queue_recipient_by_message.
    TAKEN_OF = "SELECT id FROM queue_recipient WHERE message_id = $1 AND tried_by = $2 ORDER BY id";
    /// Process `$1` goes on with what it tries until `$2`. Index: queue_recipient_tried.
    RENEW = "UPDATE queue_recipient SET next_try_ms = $2 WHERE tried_by = $1 AND tried_by <> 0";
    /// What process `$1` was trying is due at `$2`, unless somebody holds it meanwhile. Index: queue_recipient_tried.
    LET_GO = "
        UPDATE queue_recipient
           SET tried_by = 0, next_try_ms = $2,
               held = (SELECT CASE WHEN m.hold IS NULL THEN 0 ELSE 1 END FROM queue_message m WHERE m.id = message_id /*SHARE*/)
         WHERE tried_by = $1 AND tried_by <> 0";
    /// The recipients in rows `$1`, which process `$2` has taken and not tried, are due at `$3`; likewise.
    /// Primary key.
    PUT_BACK = "
        UPDATE queue_recipient
           SET tried_by = 0, next_try_ms = $3,
               held = (SELECT CASE WHEN m.hold IS NULL THEN 0 ELSE 1 END FROM queue_message m WHERE m.id = message_id /*SHARE*/)
         WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1)) AND tried_by = $2";

    /// The recipients in rows `$1`, which process `$2` has taken, are of lane `$3`. Primary key.
    SET_LANE = "
        UPDATE queue_recipient
           SET lane = $3
         WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1)) AND tried_by = $2";

    /// The messages in rows `$1`, as they are brought away. Primary key.
    MESSAGES = "
        SELECT public_id, account_id, from_address, reverse_path, verp, blob_hash, blob_place, size, prefix, smtputf8,
               eight_bit, return_full, envelope_id, lane, created_ms, leaves_ms,
               (SELECT c.state FROM credential c WHERE c.id = credential_id),
               (SELECT c.end_reason FROM credential c WHERE c.id = credential_id), follows, person_id, sender,
               (SELECT a.state FROM account a WHERE a.id = account_id),
               (SELECT p.suspended_ms FROM person p WHERE p.id = person_id), hold, id
          FROM queue_message
         WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1))
         ORDER BY id";
    /// Holds message `$1` until the commit: of two who end its last recipients, one sees that they were the
    /// last. Primary key.
    HOLD_MESSAGE = "SELECT id FROM queue_message WHERE id = $1 /*LOCK*/";
    /// The recipients in rows `$1` need nothing more, where process `$2` is still the one that tries them.
    /// Primary key.
    DONE = "
        DELETE FROM queue_recipient
         WHERE id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1)) AND tried_by = $2";
    /// Recipients are tried again, where process `$2` is still the one that tries them: rows `$1` have the
    /// number of each, when, what was said by which server, and whether the sender was told. Primary key.
    LATER = "
        UPDATE queue_recipient
           SET tried_by = 0, tries = tries + 1, next_try_ms = CAST(later.value ->> 1 AS BIGINT),
               last_said = later.value ->> 2, last_server = later.value ->> 3,
               delay_told = CAST(later.value ->> 4 AS BIGINT),
               held = (SELECT CASE WHEN m.hold IS NULL THEN 0 ELSE 1 END FROM queue_message m WHERE m.id = message_id /*SHARE*/)
          FROM json_each($1) AS later
         WHERE queue_recipient.id = CAST(later.value ->> 0 AS BIGINT) AND tried_by = $2";
    /// Deletes message `$1` when nobody waits for it. Primary key, queue_recipient_by_message.
    DELETE_DONE = "
        DELETE FROM queue_message
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM queue_recipient r WHERE r.message_id = queue_message.id)";
    /// Whether a message of account `$1` that waits has body `$2`. Index: queue_message_by_body.
    BODY_IS_QUEUED = "SELECT 1 FROM queue_message WHERE account_id = $1 AND blob_hash = $2 LIMIT 1";

    /// Messages that wait, newest first, older than number `$1`, at most `$2`: of account `$3` alone where it
    /// is not 0, sent by person `$4` alone and by credential `$5` alone where those are not 0. Primary keys,
    /// queue_recipient_by_message.
    LIST = "
        SELECT m.id, m.public_id, m.account_id, m.sender, m.from_address, m.reverse_path, m.size, m.lane, m.hold,
               m.undo_until_ms, m.created_ms, m.person_id,
               (SELECT COUNT(*) FROM queue_recipient r WHERE r.message_id = m.id),
               (SELECT MIN(r.next_try_ms) FROM queue_recipient r WHERE r.message_id = m.id AND r.tried_by = 0),
               (SELECT MAX(r.tries) FROM queue_recipient r WHERE r.message_id = m.id),
               a.address,
               (SELECT COUNT(*) FROM queue_recipient r WHERE r.message_id = m.id AND r.tried_by <> 0),
               m.leaves_ms, m.hold_office, c.state, c.end_reason,
               (SELECT r.last_said FROM queue_recipient r
                 WHERE r.message_id = m.id AND r.last_said IS NOT NULL ORDER BY r.tries DESC, r.id LIMIT 1),
               (SELECT r.last_server FROM queue_recipient r
                 WHERE r.message_id = m.id AND r.last_said IS NOT NULL ORDER BY r.tries DESC, r.id LIMIT 1),
               a.state, p.suspended_ms, m.at_limit
          FROM queue_message m
          LEFT JOIN account a ON a.id = m.account_id
          LEFT JOIN credential c ON c.id = m.credential_id
          LEFT JOIN person p ON p.id = m.person_id
         WHERE m.id < $1
           AND (CAST($3 AS BIGINT) = 0 OR m.account_id = CAST($3 AS BIGINT))
           AND (CAST($4 AS BIGINT) = 0 OR m.person_id = CAST($4 AS BIGINT))
           AND (CAST($5 AS BIGINT) = 0 OR m.credential_id = CAST($5 AS BIGINT))
         ORDER BY m.id DESC
         LIMIT $2";
    /// How many messages and recipients wait of account `$1`, sent by person `$2`, by credential `$3`, each
    /// where it is not 0. Reads the messages that wait. Index: queue_recipient_by_message.
    COUNT_OF = "
        SELECT COUNT(DISTINCT m.id), COUNT(r.id)
          FROM queue_message m JOIN queue_recipient r ON r.message_id = m.id
         WHERE (CAST($1 AS BIGINT) = 0 OR m.account_id = CAST($1 AS BIGINT))
           AND (CAST($2 AS BIGINT) = 0 OR m.person_id = CAST($2 AS BIGINT))
           AND (CAST($3 AS BIGINT) = 0 OR m.credential_id = CAST($3 AS BIGINT))";
    /// The number, account and sender of the message called `$1`. Index: the unique public_id.
    FIND = "SELECT id, account_id, person_id FROM queue_message WHERE public_id = $1";
    /// Who sent message `$1`, whether whoever runs the mailbox holds it, and what was done about its sender; held
    /// until the commit. Primary key, and those of credentials, accounts and persons.
    HOLD_FACTS = "
        SELECT person_id, hold_office, (SELECT c.state FROM credential c WHERE c.id = credential_id),
               (SELECT c.end_reason FROM credential c WHERE c.id = credential_id),
               (SELECT a.state FROM account a WHERE a.id = account_id),
               (SELECT p.suspended_ms FROM person p WHERE p.id = person_id)
          FROM queue_message WHERE id = $1 /*LOCK*/";
    /// Message `$1` leaves from `$2` on: until then something else kept it. Primary key.
    SET_LEAVES = "UPDATE queue_message SET leaves_ms = $2 WHERE id = $1 AND leaves_ms < $2";
    /// The recipients of message `$1` that have not got it. Index: queue_recipient_by_message.
    RECIPIENTS = "
        SELECT address, tries, next_try_ms, tried_by, last_said, last_server
          FROM queue_recipient
         WHERE message_id = $1
         ORDER BY id
         LIMIT $2";
    /// Message `$1` waits for somebody: `$2` why, and (`$3`) 1 for whoever runs the mailbox alone, 2 for nobody: it
    /// is taken out. Primary key.
    SET_HOLD = "UPDATE queue_message SET hold = $2, hold_office = $3, undo_until_ms = NULL WHERE id = $1";
    /// Nobody holds message `$1` any more, and it leaves at `$2`. Primary key.
    RELEASE = "UPDATE queue_message SET hold = NULL, hold_office = 0, undo_until_ms = NULL, leaves_ms = $2 WHERE id = $1";
    /// Its recipients wait. One that is being tried ends its try, and waits then.
    /// Index: queue_recipient_by_message.
    SET_HELD = "UPDATE queue_recipient SET held = 1 WHERE message_id = $1 AND tried_by = 0";
    /// They wait no more, and are due at `$2`. Index: queue_recipient_by_message.
    SET_DUE = "UPDATE queue_recipient SET held = 0, next_try_ms = $2 WHERE message_id = $1 AND tried_by = 0";
    /// Messages of the recipients in rows `$1` that were taken out while somebody was tried. Holds them until the
    /// commit. Primary keys.
    TAKEN_OUT_OF = "
        SELECT id, public_id
          FROM queue_message
         WHERE hold_office = 2
           AND id IN (SELECT r.message_id
                        FROM queue_recipient r
                       WHERE r.id IN (SELECT CAST(value ->> 0 AS BIGINT) FROM json_each($1)))
         ORDER BY id /*LOCK*/";
    /// All such. Reads the messages that wait.
    ALL_TAKEN_OUT = "SELECT id, public_id FROM queue_message WHERE hold_office = 2 ORDER BY id /*LOCK*/";
    /// Is message `$1` held, or taken out? Holds it until the commit. Primary key.
    IS_HELD = "SELECT CASE WHEN hold IS NULL THEN 0 ELSE 1 END FROM queue_message WHERE id = $1 /*LOCK*/";
    /// By whom message `$1` is held. Holds it until the commit. Primary key.
    HELD_BY = "SELECT hold_office FROM queue_message WHERE id = $1 /*LOCK*/";
    /// What credential `$1` handed in and nobody holds is due at `$2`. Reads the messages that wait.
    HURRY_CREDENTIAL = "
        UPDATE queue_recipient
           SET next_try_ms = $2
         WHERE tried_by = 0 AND held = 0
           AND message_id IN (SELECT id FROM queue_message WHERE credential_id = $1 AND hold IS NULL)";
    /// Takes the recipients of message `$1` out that nobody tries now. Index: queue_recipient_by_message.
    REMOVE_RECIPIENTS = "DELETE FROM queue_recipient WHERE message_id = $1 AND tried_by = 0";

    /// When message `$1` leaves, this (`$2` what, `$3` of which, `$4` where) follows.
    ADD_AFTER = "
        INSERT INTO queue_after (message_id, kind, subject, uid) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    /// What follows when message `$1` leaves. Primary key.
    AFTER = "SELECT kind, subject, uid FROM queue_after WHERE message_id = $1 ORDER BY kind, subject, uid";
    /// Nothing follows any more. Primary key.
    DELETE_AFTER = "DELETE FROM queue_after WHERE message_id = $1";
    /// The same, as its message knows. Primary key.
    SET_FOLLOWED = "UPDATE queue_message SET follows = 0 WHERE id = $1";
    /// A message has left that has its copy at UID `$2` of mailbox `$1`: it stays, whatever becomes of others that
    /// rest on it. Index: queue_after_by_copy.
    KEEP_COPY = "DELETE FROM queue_after WHERE kind = 'copy' AND subject = $1 AND uid = $2";
    /// Does another message than `$3` rest on it? Index: queue_after_by_copy.
    OTHER_WITH_COPY = "
        SELECT 1 FROM queue_after WHERE kind = 'copy' AND subject = $1 AND uid = $2 AND message_id <> $3 LIMIT 1";
    /// How many messages and recipients wait. The whole of both, which are short.
    COUNT = "SELECT (SELECT COUNT(*) FROM queue_message), (SELECT COUNT(*) FROM queue_recipient)";

    /// Deletes up to `$2` of those who wait for mail sent as account `$1`. Index: queue_message_by_body,
    /// queue_recipient_by_message.
    DELETE_RECIPIENTS_OF = "
        DELETE FROM queue_recipient
         WHERE id IN (SELECT r.id
                        FROM queue_message m JOIN queue_recipient r ON r.message_id = m.id
                       WHERE m.account_id = $1
                       LIMIT $2)";
    /// Deletes up to `$2` of what follows when they leave. Index: queue_message_by_body, primary key.
    DELETE_AFTER_OF = "
        DELETE FROM queue_after
         WHERE (message_id, kind, subject, uid) IN
               (SELECT a.message_id, a.kind, a.subject, a.uid
                  FROM queue_message m JOIN queue_after a ON a.message_id = m.id
                 WHERE m.account_id = $1
                 LIMIT $2)";
    /// Deletes up to `$2` messages sent as account `$1` that wait. Index: queue_message_by_body.
    DELETE_MESSAGES_OF = "
        DELETE FROM queue_message WHERE id IN (SELECT id FROM queue_message WHERE account_id = $1 LIMIT $2)";
}
