-- Whose \Seen a message carries (docs/decisions/0010-seen.md). Nothing was kept here before.
DROP TABLE personal_seen;
CREATE TABLE personal_seen (
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    person_id BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    PRIMARY KEY (mailbox_id, uid, person_id)
);
CREATE INDEX personal_seen_by_person ON personal_seen (mailbox_id, person_id, modseq, seen);
-- Collection walks bodies by key; nothing reads them by age, and each delivery paid for it.
DROP INDEX body_by_touch;
