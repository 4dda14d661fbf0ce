-- Who has a message already whose delivery is not complete, and who was told that there was no
-- room (docs/decisions/0022-group-delivery.md).
CREATE TABLE partial_delivery (
    principal_id INTEGER NOT NULL,
    content BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    has_copy INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (principal_id, content, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX partial_delivery_by_time ON partial_delivery (at_ms);
