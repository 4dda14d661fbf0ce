-- The whole schema on SQLite. A fresh house starts with this text; an older one walks the
-- migrations, and a test proves that both roads end in the same place.
-- Packed keys: account << 36 | number (docs/decisions/0001-packed-keys.md).
-- Times are milliseconds since 1970 UTC; booleans are 0 and 1.

-- One row: what the whole house shares.
CREATE TABLE house (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,              -- rises with restore and switch-back
    clock_high_ms INTEGER NOT NULL,           -- house time never goes below
    next_principal INTEGER NOT NULL           -- accounts and groups
) STRICT;

CREATE TABLE organisation (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    direct_sign_in TEXT NOT NULL CHECK (direct_sign_in IN ('allowed', 'by-approval', 'blocked')),
    epoch INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    max_life_ms INTEGER,                      -- how long a credential lasts at most
    purposes TEXT                             -- what credentials may be for; NULL is everything
) STRICT;

CREATE TABLE domain (
    name TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('person', 'shared')),
    address TEXT NOT NULL UNIQUE,             -- the primary one; all of them are in address
    name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'removed')),
    epoch INTEGER NOT NULL,                   -- raised by every change of what anybody may do here
    modseq INTEGER NOT NULL,                  -- CONDSTORE, QRESYNC, JMAP state, push (RFC 7162)
    next_number INTEGER NOT NULL,             -- mailboxes, messages, flag sets
    next_change INTEGER NOT NULL,             -- change log
    next_uid_validity INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    message_bytes INTEGER NOT NULL,
    quota_bytes INTEGER,
    seen TEXT NOT NULL CHECK (seen IN ('shared', 'personal', 'both')),
    sent_copy TEXT NOT NULL CHECK (sent_copy IN ('shared', 'sender', 'both', 'none')),
    show_sender TEXT NOT NULL,
    delete_protection INTEGER NOT NULL,
    direct_sign_in TEXT CHECK (direct_sign_in IN ('allowed', 'by-approval', 'blocked')),
    created_ms INTEGER NOT NULL,
    removed_ms INTEGER,
    max_life_ms INTEGER,                      -- narrower than the organisation's, as is the next
    purposes TEXT,
    undo_seconds INTEGER NOT NULL DEFAULT 0,      -- what a person sends waits so long, and can be taken back
    stale_reply_minutes INTEGER NOT NULL DEFAULT 0,
    seen_modseq INTEGER NOT NULL DEFAULT 0,        -- the change that made \Seen be kept as it is
    quota_messages INTEGER                        -- beside quota_bytes: what comes in goes over neither
) STRICT;

-- Someone who signs in as themselves; the id is that of their own account.
CREATE TABLE person (
    id INTEGER PRIMARY KEY REFERENCES account (id),
    admin INTEGER NOT NULL,
    suspended_ms INTEGER,
    epoch INTEGER NOT NULL,                   -- raised by every change of what this person may do
    created_ms INTEGER NOT NULL
) STRICT;

-- A flat set of people, and of shared accounts that receive its mail and gain no rights.
CREATE TABLE people_group (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE membership (
    group_id INTEGER NOT NULL REFERENCES people_group (id),
    account_id INTEGER NOT NULL REFERENCES account (id),
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (group_id, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_account ON membership (account_id, group_id);

CREATE TABLE address (
    address TEXT PRIMARY KEY,
    account_id INTEGER REFERENCES account (id),
    group_id INTEGER REFERENCES people_group (id),
    is_alias INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    CHECK ((account_id IS NULL) <> (group_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX address_by_account ON address (account_id);

CREATE TABLE access_grant (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    grantee_id INTEGER NOT NULL,              -- a person or a group: one sequence
    reach TEXT NOT NULL CHECK (reach IN ('account', 'subtree', 'mailbox')),
    subtree TEXT,
    mailbox_id INTEGER,
    letters INTEGER NOT NULL,
    send_as INTEGER NOT NULL,
    send_on_behalf INTEGER NOT NULL,
    automap INTEGER NOT NULL,
    giver TEXT NOT NULL,                      -- the actor who gave it
    not_after_ms INTEGER,
    created_ms INTEGER NOT NULL,
    CHECK ((reach = 'subtree') = (subtree IS NOT NULL)),
    CHECK ((reach = 'mailbox') = (mailbox_id IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX access_grant_by_account ON access_grant (account_id, grantee_id, reach, COALESCE(subtree, ''), COALESCE(mailbox_id, 0));
CREATE INDEX access_grant_by_grantee ON access_grant (grantee_id, account_id);

-- A thing that signs in. A person's password is one; a shared account's keys are others.
CREATE TABLE credential (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    public_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('password', 'secret', 'passkey', 'certificate', 'token')),
    name TEXT NOT NULL,
    purpose TEXT,
    owner_id INTEGER,
    holder_id INTEGER,
    deputy_id INTEGER,
    reason TEXT,
    verifier BLOB NOT NULL,
    key_id TEXT,
    scope BLOB,                               -- canonical CBOR, attenuated at issue
    state TEXT NOT NULL CHECK (state IN ('requested', 'issued', 'active', 'rotating', 'suspended', 'expired', 'revoked')),
    epoch INTEGER NOT NULL,
    starts_ms INTEGER,
    expires_ms INTEGER,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER,
    ended_ms INTEGER,
    not_delegation TEXT,                      -- why a grant does not do
    issuer TEXT,                              -- the actor who issued it
    opened_until_ms INTEGER,                  -- for one that is shut but while checked out
    end_reason TEXT
) STRICT;
CREATE INDEX credential_by_account ON credential (account_id, state);
CREATE INDEX credential_by_end ON credential (expires_ms, id) WHERE kind = 'token' AND state = 'active';
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
-- Which keys machine secrets rest on (docs/decisions/0025-keys-outside-the-database.md).
CREATE INDEX credential_by_key ON credential (key_id, state) WHERE kind = 'secret';
CREATE INDEX credential_by_owner ON credential (owner_id) WHERE kind = 'secret';
CREATE INDEX credential_by_holder ON credential (holder_id) WHERE kind = 'secret';

-- From where somebody signed in to an account lately: these networks keep working when others
-- guess (docs/decisions/0024-throttle.md).
CREATE TABLE known_network (
    account_id INTEGER NOT NULL REFERENCES account (id),
    network TEXT NOT NULL,                    -- 192.0.2.7, 2001:db8::/64
    last_ms INTEGER NOT NULL,               -- written once a day at most
    PRIMARY KEY (account_id, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX known_network_by_time ON known_network (last_ms);

CREATE TABLE mailbox (
    id INTEGER PRIMARY KEY,                   -- packed
    account_id INTEGER NOT NULL REFERENCES account (id),
    name TEXT NOT NULL,
    special_use TEXT,
    uid_validity INTEGER NOT NULL,
    uid_next INTEGER NOT NULL,
    modseq INTEGER NOT NULL,                  -- highest in this mailbox
    message_count INTEGER NOT NULL,
    unseen_count INTEGER NOT NULL,            -- by the shared \Seen
    deleted_count INTEGER NOT NULL,
    message_bytes INTEGER NOT NULL,
    recent_from INTEGER NOT NULL,             -- UIDs from here on have been seen by no session
    created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX mailbox_by_name ON mailbox (account_id, name);

-- Immutable, parsed once at delivery.
CREATE TABLE message (
    id INTEGER PRIMARY KEY,                   -- packed
    account_id INTEGER NOT NULL,
    blob_hash BLOB NOT NULL,
    blob_place INTEGER NOT NULL,              -- 0 beside the rows, 1 in a file or object store
    size INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    header_bytes INTEGER NOT NULL,
    received_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    sent_day INTEGER,                         -- as written, from 1970, whatever the zone
    thread_id INTEGER NOT NULL,               -- number of the thread's first message; packed where that is another account's
    message_id_hash INTEGER,                  -- first 63 bits, for threads and double copies
    subject TEXT NOT NULL,
    sender TEXT NOT NULL,
    summary BLOB NOT NULL,                    -- versioned CBOR: addresses, ids, subject base
    envelope BLOB NOT NULL,                   -- as IMAP shows it
    structure BLOB NOT NULL,                  -- BODYSTRUCTURE as IMAP shows it
    body BLOB NOT NULL,                       -- BODY as IMAP shows it
    parts BLOB NOT NULL,                      -- where each part lies
    preview TEXT NOT NULL,
    email_id INTEGER NOT NULL DEFAULT 0       -- of a copy from another account, the message it is one of; else 0
) STRICT;
CREATE INDEX message_by_body ON message (account_id, blob_hash);
CREATE INDEX message_by_message_id ON message (account_id, message_id_hash);
CREATE INDEX message_in_file ON message (account_id) WHERE blob_place = 1;

CREATE TABLE placement (
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    flag_set_id INTEGER NOT NULL,             -- 0 is the empty set
    modseq INTEGER NOT NULL,
    internal_ms INTEGER NOT NULL,             -- INTERNALDATE
    saved_ms INTEGER NOT NULL,                -- SAVEDATE (RFC 8514)
    size INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, uid)
) STRICT, WITHOUT ROWID;
CREATE INDEX placement_by_modseq ON placement (mailbox_id, modseq);
CREATE INDEX placement_by_message ON placement (message_id);

CREATE TABLE flag_set (
    id INTEGER PRIMARY KEY,                   -- packed
    account_id INTEGER NOT NULL,
    flags TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX flag_set_by_flags ON flag_set (account_id, flags);

-- Sets with keywords that messages of a mailbox have, or had: SELECT tells of them and lists nothing.
CREATE TABLE mailbox_flag_set (
    mailbox_id INTEGER NOT NULL,
    flag_set_id INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, flag_set_id)
) STRICT, WITHOUT ROWID;

-- Whether a person has seen a message; where there is no row they have not.
CREATE TABLE personal_seen (
    mailbox_id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    person_id INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    modseq INTEGER NOT NULL,                   -- of the last change, so that one's other sessions hear of it
    PRIMARY KEY (mailbox_id, uid, person_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX personal_seen_by_person ON personal_seen (mailbox_id, person_id, modseq, seen);

CREATE TABLE vanished (
    mailbox_id INTEGER NOT NULL,
    modseq INTEGER NOT NULL,
    first_uid INTEGER NOT NULL,
    last_uid INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, modseq, first_uid)
) STRICT, WITHOUT ROWID;

CREATE TABLE change_log (
    id INTEGER PRIMARY KEY,                   -- packed: account and number
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    mailbox_id INTEGER,
    modseq INTEGER NOT NULL
) STRICT;

-- Per person, by name, so that it outlives the mailbox (RFC 9051 section 6.3.7).
CREATE TABLE subscription (
    person_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    subscribed INTEGER NOT NULL,
    PRIMARY KEY (person_id, account_id, name)
) STRICT, WITHOUT ROWID;

-- Who has a message already whose delivery is not complete, and who was told that there was no
-- room: the sender tries again, and they do not get it twice, nor hear of it twice
-- (docs/decisions/0022-group-delivery.md).
CREATE TABLE partial_delivery (
    principal_id INTEGER NOT NULL,        -- the recipient: an account, a group, 0 for the administrators
    content BLOB NOT NULL,                -- keyed hash of the message as the sender gave it
    account_id INTEGER NOT NULL,
    has_copy INTEGER NOT NULL,            -- 0: it had no room, and its trail says so
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (principal_id, content, account_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX partial_delivery_by_time ON partial_delivery (at_ms);

-- Sending (docs/decisions/0030-queue.md). A message on its way out; gone when nobody waits for it any more.
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
    created_ms INTEGER NOT NULL,
    at_limit INTEGER NOT NULL DEFAULT 0       -- it is a limit that it waits for until leaves_ms
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

-- The trail. `event` is the final leaf: canonical CBOR, versioned, with personal fields as
-- salted commitments; `personal` holds salts and clear values and can be erased.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('A', 'B', 'C')),
    action TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id INTEGER,
    account_id INTEGER,
    mailbox_id INTEGER,
    event BLOB NOT NULL,
    personal BLOB,
    leaf INTEGER UNIQUE                       -- place in the sealed log; NULL until sealed
) STRICT;
CREATE INDEX audit_by_account ON audit (account_id, id);
CREATE INDEX audit_by_actor ON audit (actor_id, id);
CREATE INDEX audit_unsealed ON audit (id) WHERE leaf IS NULL;
-- Sign-ins are found without reading the rest of the trail: all, those of an account, and those
-- of a credential, whose number an accepted and a failed one carry.
CREATE INDEX audit_sign_ins ON audit (id) WHERE action IN ('sign-in.accepted', 'sign-in.failed');
CREATE INDEX audit_sign_ins_by_account ON audit (account_id, id) WHERE action IN ('sign-in.accepted', 'sign-in.failed');
CREATE INDEX audit_sign_ins_by_credential ON audit (actor_id, id)
    WHERE action IN ('sign-in.accepted', 'sign-in.failed') AND actor_kind IN ('credential', 'stranger');

CREATE TABLE migration (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_ms INTEGER NOT NULL
) STRICT;
