-- Direct sign-in: policy, and what a credential opens (docs/decisions/0023-credentials.md).
ALTER TABLE organisation ADD COLUMN max_life_ms INTEGER;
ALTER TABLE organisation ADD COLUMN purposes TEXT;
ALTER TABLE account ADD COLUMN max_life_ms INTEGER;
ALTER TABLE account ADD COLUMN purposes TEXT;
ALTER TABLE credential ADD COLUMN not_delegation TEXT;
ALTER TABLE credential ADD COLUMN issuer TEXT;
ALTER TABLE credential ADD COLUMN opened_until_ms INTEGER;
ALTER TABLE credential ADD COLUMN end_reason TEXT;
CREATE UNIQUE INDEX credential_by_name ON credential (account_id, name)
    WHERE kind = 'secret' AND state IN ('issued', 'active', 'suspended');
CREATE INDEX credential_secret_by_end ON credential (expires_ms, id)
    WHERE kind = 'secret' AND state IN ('issued', 'active', 'suspended');

-- With which letters on which mailboxes; the most specific decides, as with grants.
CREATE TABLE credential_reach (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    credential_id INTEGER NOT NULL REFERENCES credential (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    reach TEXT NOT NULL CHECK (reach IN ('account', 'subtree', 'mailbox')),
    subtree TEXT,
    mailbox_id INTEGER,
    letters INTEGER NOT NULL,
    CHECK ((reach = 'subtree') = (subtree IS NOT NULL)),
    CHECK ((reach = 'mailbox') = (mailbox_id IS NOT NULL))
) STRICT;
CREATE INDEX credential_reach_by_credential ON credential_reach (credential_id, id);
CREATE INDEX credential_reach_by_account ON credential_reach (account_id, id);

-- A secret on its way to the person it was made for: sealed under a code that is not here.
CREATE TABLE credential_wrap (
    credential_id INTEGER PRIMARY KEY REFERENCES credential (id),
    code_hash BLOB NOT NULL UNIQUE,
    sealed BLOB NOT NULL,
    recipient_id INTEGER NOT NULL,
    opens_before_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX credential_wrap_by_end ON credential_wrap (opens_before_ms);
