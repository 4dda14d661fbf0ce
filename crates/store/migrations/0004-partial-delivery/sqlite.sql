-- Who has a message already whose delivery is not complete (docs/decisions/0022-group-delivery.md).
CREATE TABLE partial_delivery (
    content BLOB NOT NULL,
    principal_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (content, principal_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX partial_delivery_by_time ON partial_delivery (at_ms);
