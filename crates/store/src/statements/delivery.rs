//! Deliveries that are not complete (docs/decisions/0022-group-delivery.md).

use crate::sql::statements;

statements! {
    /// Is there a message whose delivery to recipient `$1` is not complete? Primary key.
    IS_OWED = "SELECT 1 FROM partial_delivery WHERE principal_id = $1 LIMIT 1";
    /// What is noted of message `$1` for recipient `$2`. Primary key.
    NOTES = "SELECT account_id, has_copy FROM partial_delivery WHERE content = $1 AND principal_id = $2";
    /// Account `$3` has its copy of message `$1` for recipient `$2`, whether or not it had room before.
    NOTE_COPY = "
        INSERT INTO partial_delivery (content, principal_id, account_id, has_copy, at_ms) VALUES ($1, $2, $3, 1, $4)
        ON CONFLICT (principal_id, content, account_id) DO UPDATE SET has_copy = 1, at_ms = excluded.at_ms";
    /// Account `$3` had no room for message `$1` to recipient `$2`; no row where that was noted before.
    NOTE_NO_ROOM = "
        INSERT INTO partial_delivery (content, principal_id, account_id, has_copy, at_ms) VALUES ($1, $2, $3, 0, $4)
        ON CONFLICT (principal_id, content, account_id) DO NOTHING";
    /// Message `$1` is delivered to recipient `$2`. Primary key.
    END_DELIVERY = "DELETE FROM partial_delivery WHERE content = $1 AND principal_id = $2";
    /// At most `$2` notes older than `$1`. Index: partial_delivery_by_time.
    OLD_NOTES = "
        SELECT content, principal_id, account_id FROM partial_delivery WHERE at_ms < $1 ORDER BY at_ms LIMIT $2";
    /// Forgets one note. Primary key.
    FORGET_NOTE = "DELETE FROM partial_delivery WHERE content = $1 AND principal_id = $2 AND account_id = $3";
}
