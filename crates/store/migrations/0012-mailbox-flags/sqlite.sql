-- Sets of flags with keywords that messages of a mailbox have, or had: SELECT tells of them and lists nothing.
CREATE TABLE mailbox_flag_set (
    mailbox_id INTEGER NOT NULL,
    flag_set_id INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, flag_set_id)
) STRICT, WITHOUT ROWID;
INSERT INTO mailbox_flag_set (mailbox_id, flag_set_id)
SELECT DISTINCT mailbox_id, flag_set_id FROM placement WHERE flag_set_id <> 0;
