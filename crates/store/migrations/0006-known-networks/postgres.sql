-- From where somebody signed in to an account lately: these networks keep working when others
-- guess (docs/decisions/0024-throttle.md).
CREATE TABLE known_network (
    account_id BIGINT NOT NULL REFERENCES account (id),
    network TEXT NOT NULL,
    last_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, network)
);
CREATE INDEX known_network_by_time ON known_network (last_ms);
