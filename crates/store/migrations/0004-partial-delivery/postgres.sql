-- Who has a message already whose delivery is not complete, and who was told that there was no
-- room (docs/decisions/0022-group-delivery.md).
CREATE TABLE partial_delivery (
    principal_id BIGINT NOT NULL,
    content BYTEA NOT NULL,
    account_id BIGINT NOT NULL,
    has_copy BIGINT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (principal_id, content, account_id)
);
CREATE INDEX partial_delivery_by_time ON partial_delivery (at_ms);
