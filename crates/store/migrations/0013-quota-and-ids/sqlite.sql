-- A bound of messages beside the one of bytes (RFC 9208), and which message a copy in another account is one of
-- (RFC 8474): 0 where it is none.
ALTER TABLE account ADD COLUMN quota_messages INTEGER;
ALTER TABLE message ADD COLUMN email_id INTEGER NOT NULL DEFAULT 0;
