-- Live tokens by their end: the expiry job read every credential for them, once an hour.
CREATE INDEX credential_by_end ON credential (expires_ms, id) WHERE kind = 'token' AND state = 'active';
