-- Sending: what waits to be sent, what was sent, and how much (docs/decisions/0030-queue.md).
ALTER TABLE account ADD COLUMN undo_seconds INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN stale_reply_minutes INTEGER NOT NULL DEFAULT 0;

-- A message on its way out; gone when nobody waits for it any more.
CREATE TABLE queue_message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_id TEXT NOT NULL UNIQUE,
    account_id INTEGER NOT NULL,              -- it is sent as this one, and its body lies there
    person_id INTEGER,                        -- who sent it, where a person did
    credential_id INTEGER,                    -- or a credential
    sender TEXT NOT NULL,                     -- the same as people know them
    from_address TEXT NOT NULL,
    reverse_path TEXT NOT NULL,               -- empty: nobody hears of it
    verp INTEGER NOT NULL,                    -- each recipient has a reverse path of their own
    blob_hash BLOB NOT NULL,
    blob_place INTEGER NOT NULL,
    size INTEGER NOT NULL,
    prefix BLOB NOT NULL,                     -- trace lines that go in front of the body
    smtputf8 INTEGER NOT NULL,
    eight_bit INTEGER NOT NULL,
    return_full INTEGER,                      -- RET (RFC 3461 section 4.3)
    envelope_id TEXT,                         -- ENVID (RFC 3461 section 4.4)
    lane INTEGER NOT NULL,                    -- 0 people, 1 bulk
    hold TEXT,                                -- why it waits for somebody
    hold_office INTEGER NOT NULL,              -- 1: whoever runs the mailbox holds it, not its sender; 2: it is taken out
    leaves_ms INTEGER NOT NULL,                -- from when on it is tried: delays count from here
    undo_until_ms INTEGER,                    -- its sender may take it back until then
    follows INTEGER NOT NULL,                 -- something follows when it leaves: queue_after
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX queue_message_by_body ON queue_message (account_id, blob_hash);

-- One recipient of it that has not got it.
CREATE TABLE queue_recipient (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL REFERENCES queue_message (id),
    address TEXT NOT NULL,
    domain TEXT NOT NULL,
    lane INTEGER NOT NULL,
    held INTEGER NOT NULL,
    next_try_ms INTEGER NOT NULL,             -- for one that is being tried: until when that may take
    tried_by INTEGER NOT NULL,                -- the process that tries it; 0 nobody
    tries INTEGER NOT NULL,
    notify INTEGER NOT NULL,                  -- 1 success, 2 failure, 4 delay (RFC 3461 section 4.1)
    original_kind TEXT,                       -- ORCPT (RFC 3461 section 4.2)
    original_address TEXT,
    delay_told INTEGER NOT NULL,
    last_said TEXT,
    last_server TEXT
) STRICT;
CREATE INDEX queue_recipient_by_message ON queue_recipient (message_id, id);
CREATE INDEX queue_recipient_due ON queue_recipient (lane, next_try_ms, id) WHERE held = 0;
CREATE INDEX queue_recipient_tried ON queue_recipient (tried_by) WHERE tried_by <> 0;

-- Where the copy of what was sent lies, so that a client that files its own gets no second one.
CREATE TABLE sent_copy (
    account_id INTEGER NOT NULL,
    identity BLOB NOT NULL,                   -- keyed hash of Message-ID, From, To, Subject and body; of a client's, Date too
    dated BLOB NOT NULL,                      -- the same with Date
    sent_ms INTEGER,                          -- Date
    actor TEXT NOT NULL,
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    by_house INTEGER NOT NULL,                -- 0: the client filed it, and nothing was sent yet
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, identity, actor)
) STRICT, WITHOUT ROWID;
CREATE INDEX sent_copy_by_time ON sent_copy (at_ms);

-- What follows when a message that waits leaves, and what is undone when it is taken back before.
CREATE TABLE queue_after (
    message_id INTEGER NOT NULL,              -- of queue_message
    kind TEXT NOT NULL CHECK (kind IN ('answered', 'forwarded', 'copy')),
    subject INTEGER NOT NULL,                 -- hash of the Message-ID that is marked; of a copy, its mailbox
    uid INTEGER NOT NULL,                     -- of a copy; else 0
    PRIMARY KEY (message_id, kind, subject, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_after_by_copy ON queue_after (subject, uid) WHERE kind = 'copy';

-- Who answered what lately, where an account asks for it.
CREATE TABLE answered (
    account_id INTEGER NOT NULL,
    subject TEXT NOT NULL,                    -- the thread, and the message by the hash of its Message-ID
    actor TEXT NOT NULL,
    answer INTEGER NOT NULL,                  -- hash of the answer's Message-ID; 0 where one was parked
    sender TEXT NOT NULL,
    counts INTEGER NOT NULL,                  -- 0: it is parked and was not sent
    queued TEXT,                              -- its name in the queue, while it can be taken back
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, subject, actor, answer)
) STRICT, WITHOUT ROWID;
CREATE INDEX answered_by_time ON answered (at_ms);
CREATE INDEX answered_by_queued ON answered (queued) WHERE queued IS NOT NULL;

-- How much was sent in a minute or a day.
CREATE TABLE send_use (
    kind TEXT NOT NULL CHECK (kind IN ('account-day', 'credential-day', 'credential-minute')),
    subject_id INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    recipients INTEGER NOT NULL,
    new_recipients INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    told INTEGER NOT NULL,                    -- the owner was told that it was reached
    PRIMARY KEY (kind, subject_id, start_ms)
) STRICT, WITHOUT ROWID;
CREATE INDEX send_use_by_time ON send_use (start_ms);

-- To whom an account has sent, by a keyed hash.
CREATE TABLE known_recipient (
    account_id INTEGER NOT NULL,
    recipient INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, recipient)
) STRICT, WITHOUT ROWID;

-- Recipients from whom mail of an account came back for good: no campaign is sent there again.
CREATE TABLE suppressed_recipient (
    account_id INTEGER NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, address)
) STRICT, WITHOUT ROWID;
