-- Whose \Seen a message carries (docs/decisions/0010-seen.md). Nothing was kept here before.
DROP TABLE personal_seen;
CREATE TABLE personal_seen (
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_seen_by_person ON personal_seen (mailbox_id, person_id, modseq, seen);
