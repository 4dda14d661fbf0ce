-- What waits for room within a limit is told from what waits for its sender's time.
ALTER TABLE queue_message ADD COLUMN at_limit BIGINT NOT NULL DEFAULT 0;
