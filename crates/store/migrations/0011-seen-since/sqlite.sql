-- That \Seen is kept in another way is a change of every message (RFC 7162).
ALTER TABLE account ADD COLUMN seen_modseq INTEGER NOT NULL DEFAULT 0;
