//! The organisation: domains, accounts, persons, groups, addresses, grants, credentials.

use crate::sql::statements;

statements! {
    /// The first row of a house.
    FOUND_HOUSE = "INSERT INTO house (id, generation, clock_high_ms, next_principal) VALUES (1, 1, $1, 1)";
    /// Its organisation.
    FOUND_ORGANISATION = "
        INSERT INTO organisation (id, name, time_zone, direct_sign_in, epoch, created_ms)
        VALUES (1, $1, 'UTC', 'allowed', 1, $2)";
    /// Is there a house?
    IS_FOUNDED = "SELECT generation FROM house WHERE id = 1";
    /// The next id of an account or a group.
    TAKE_PRINCIPAL = "UPDATE house SET next_principal = next_principal + 1 WHERE id = 1 RETURNING next_principal - 1";

    /// Keeps a domain as our own.
    ADD_DOMAIN = "INSERT INTO domain (name, created_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    /// Is this domain ours? Primary key.
    HAS_DOMAIN = "SELECT 1 FROM domain WHERE name = $1";
    /// The same before an address is made in it: nobody takes the domain away until then.
    DOMAIN_TO_KEEP = "SELECT 1 FROM domain WHERE name = $1 /*SHARE*/";
    /// The same before it is taken away: whoever makes an address in it waits, or has made it.
    DOMAIN_TO_REMOVE = "SELECT 1 FROM domain WHERE name = $1 /*LOCK*/";
    /// Every domain.
    DOMAINS = "SELECT name, created_ms FROM domain ORDER BY name";
    /// Takes a domain away.
    REMOVE_DOMAIN = "DELETE FROM domain WHERE name = $1";
    /// One address in a domain, given as `%@name` escaped for LIKE.
    ADDRESS_IN_DOMAIN = "SELECT address FROM address WHERE address LIKE $1 ESCAPE '\\' ORDER BY address LIMIT 1";

    /// Who has this address? Primary key.
    ADDRESS = "SELECT account_id, group_id, is_alias FROM address WHERE address = $1";
    /// Gives an address to an account or a group.
    ADD_ADDRESS = "
        INSERT INTO address (address, account_id, group_id, is_alias, created_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (address) DO NOTHING";
    /// Takes an address away from a group.
    REMOVE_GROUP_ADDRESSES = "DELETE FROM address WHERE group_id = $1";
    /// Addresses of account `$1`. Index: address_by_account.
    ADDRESSES_OF_ACCOUNT = "SELECT address, is_alias FROM address WHERE account_id = $1 ORDER BY is_alias, address";

    /// Makes an account.
    ADD_ACCOUNT = "
        INSERT INTO account (id, kind, address, name, state, epoch, modseq, next_number, next_change, next_uid_validity,
                             message_count, message_bytes, seen, sent_copy, show_sender, delete_protection, created_ms)
        VALUES ($1, $2, $3, $4, 'active', 1, 1, 1, 1, $5, 0, 0, 'shared', 'shared', 'hidden', 0, $6)";
    /// Makes the person of an account. Their epoch starts at the time: who is made again after a
    /// conversion there and back never has one that the person before had.
    ADD_PERSON = "INSERT INTO person (id, admin, suspended_ms, epoch, created_ms) VALUES ($1, $2, NULL, $3, $3)";
    /// Accounts of kind `$1`, by address; whether a person has a password, and until when an invitation of theirs
    /// can be taken. Index: credential_by_account.
    ACCOUNTS = "
        SELECT a.id, a.address, a.name, a.state, a.message_count, a.message_bytes, a.created_ms,
               (SELECT admin FROM person WHERE person.id = a.id), (SELECT suspended_ms FROM person WHERE person.id = a.id),
               a.seen, a.sent_copy, a.delete_protection, a.quota_bytes, a.removed_ms, a.kind,
               a.show_sender, a.undo_seconds, a.stale_reply_minutes, a.quota_messages,
               (SELECT COUNT(*) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'password' AND c.state = 'active'),
               (SELECT MAX(c.expires_ms) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'token' AND c.purpose = 'invitation' AND c.state = 'active')
          FROM account a
         WHERE a.kind = $1
         ORDER BY a.address";
    /// Account `$2` if it is of kind `$1`, with the columns of ACCOUNTS. Primary key.
    ACCOUNT_OF_KIND = "
        SELECT a.id, a.address, a.name, a.state, a.message_count, a.message_bytes, a.created_ms,
               (SELECT admin FROM person WHERE person.id = a.id), (SELECT suspended_ms FROM person WHERE person.id = a.id),
               a.seen, a.sent_copy, a.delete_protection, a.quota_bytes, a.removed_ms, a.kind,
               a.show_sender, a.undo_seconds, a.stale_reply_minutes, a.quota_messages,
               (SELECT COUNT(*) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'password' AND c.state = 'active'),
               (SELECT MAX(c.expires_ms) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'token' AND c.purpose = 'invitation' AND c.state = 'active')
          FROM account a
         WHERE a.kind = $1 AND a.id = $2";
    /// Where copies of what is sent as account `$1` are filed, and how long it can be taken back. Primary key.
    SET_SENDING = "UPDATE account SET sent_copy = $2, undo_seconds = $3 WHERE id = $1";
    /// Account `$1` with the columns of ACCOUNTS. Primary key.
    ACCOUNT_ROW = "
        SELECT a.id, a.address, a.name, a.state, a.message_count, a.message_bytes, a.created_ms,
               (SELECT admin FROM person WHERE person.id = a.id), (SELECT suspended_ms FROM person WHERE person.id = a.id),
               a.seen, a.sent_copy, a.delete_protection, a.quota_bytes, a.removed_ms, a.kind,
               a.show_sender, a.undo_seconds, a.stale_reply_minutes, a.quota_messages,
               (SELECT COUNT(*) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'password' AND c.state = 'active'),
               (SELECT MAX(c.expires_ms) FROM credential c
                 WHERE c.account_id = a.id AND c.kind = 'token' AND c.purpose = 'invitation' AND c.state = 'active')
          FROM account a
         WHERE a.id = $1";
    /// Suspends person `$1` (`$2` when) or lets them back (`$2` NULL); their epoch rises.
    SUSPEND_PERSON = "UPDATE person SET suspended_ms = $2, epoch = epoch + 1 WHERE id = $1 RETURNING epoch";
    /// Person `$1` administers the organisation from now on (`$2` 1), or does not (0). Primary key.
    SET_ADMIN = "UPDATE person SET admin = $2 WHERE id = $1";
    /// Raises the epoch of person `$1`.
    RAISE_PERSON_EPOCH = "UPDATE person SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch";

    /// Accounts of the admins, suspended ones too: their mail stays.
    ADMINS = "SELECT id FROM person WHERE admin = 1 ORDER BY id";

    /// Makes a group.
    ADD_GROUP = "INSERT INTO people_group (id, address, name, created_ms) VALUES ($1, $2, $3, $4)";
    /// Group `$1`, which is not deleted until this write ends. Primary key.
    GROUP_HELD = "SELECT id FROM people_group WHERE id = $1 /*SHARE*/";
    /// Group `$1`, which this write deletes: nobody is given to it or comes into it meanwhile.
    /// Primary key.
    GROUP_FOR_WRITE = "SELECT id FROM people_group WHERE id = $1 /*LOCK*/";
    /// Every group, with how many members.
    GROUPS = "
        SELECT id, address, name, created_ms, (SELECT COUNT(*) FROM membership WHERE group_id = people_group.id)
          FROM people_group
         ORDER BY address";
    /// Members of group `$1`. Primary key.
    MEMBERS = "
        SELECT a.id, a.address, a.kind, a.name
          FROM membership m JOIN account a ON a.id = m.account_id
         WHERE m.group_id = $1
         ORDER BY a.address";
    /// Accounts that get the mail of group `$1`. Primary keys.
    MAIL_OF_GROUP = "
        SELECT a.id
          FROM membership m JOIN account a ON a.id = m.account_id
         WHERE m.group_id = $1 AND a.state = 'active'
         ORDER BY a.id";
    /// Adds account `$2` to group `$1`.
    ADD_MEMBER = "
        INSERT INTO membership (group_id, account_id, created_ms) VALUES ($1, $2, $3)
        ON CONFLICT (group_id, account_id) DO NOTHING";
    /// Takes account `$2` out of group `$1`.
    REMOVE_MEMBER = "DELETE FROM membership WHERE group_id = $1 AND account_id = $2";
    /// Takes everybody out of group `$1`.
    REMOVE_MEMBERS = "DELETE FROM membership WHERE group_id = $1";
    /// Deletes the group.
    REMOVE_GROUP = "DELETE FROM people_group WHERE id = $1";
    /// Accounts whose epochs change with group `$1`: those it holds grants in.
    ACCOUNTS_GRANTED_TO = "SELECT DISTINCT account_id FROM access_grant WHERE grantee_id = $1 ORDER BY account_id";
    /// Accounts on which person `$1` holds a grant that is live at time `$2`, themselves or by a
    /// group. Index: access_grant_by_grantee, membership_by_account.
    ACCOUNTS_WORKED_IN = "
        SELECT DISTINCT account_id
          FROM access_grant
         WHERE (grantee_id = $1 OR grantee_id IN (SELECT group_id FROM membership WHERE account_id = $1))
           AND (not_after_ms IS NULL OR $2 < not_after_ms)
         ORDER BY account_id";
    /// A grant of grantee `$1` on a person's own account that is live at time `$2`. Index:
    /// access_grant_by_grantee.
    PRIVATE_GRANT_TO = "
        SELECT g.id
          FROM access_grant g JOIN account a ON a.id = g.account_id
         WHERE g.grantee_id = $1 AND a.kind = 'person' AND (g.not_after_ms IS NULL OR $2 < g.not_after_ms)
         LIMIT 1";
    /// Deletes every grant of a grantee.
    REMOVE_GRANTS_OF = "DELETE FROM access_grant WHERE grantee_id = $1";

    /// Gives a grant of reach `$10` (with its subtree `$11` or mailbox `$12`), or changes
    /// the one that is there.
    PUT_GRANT = "
        INSERT INTO access_grant (account_id, grantee_id, reach, subtree, mailbox_id, letters, send_as, send_on_behalf,
                                  automap, giver, not_after_ms, created_ms)
        VALUES ($1, $2, $10, $11, $12, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (account_id, grantee_id, reach, COALESCE(subtree, ''), COALESCE(mailbox_id, 0))
        DO UPDATE SET letters = excluded.letters, send_as = excluded.send_as, send_on_behalf = excluded.send_on_behalf,
                      automap = excluded.automap, giver = excluded.giver, not_after_ms = excluded.not_after_ms
        RETURNING id";
    /// Takes one grant away.
    REMOVE_GRANT = "DELETE FROM access_grant WHERE id = $1";
    /// Grants of account `$1` that grantee `$2` holds themselves. Index:
    /// access_grant_by_account.
    GRANTS_OF_GRANTEE = "
        SELECT id, grantee_id, reach, subtree, mailbox_id, letters, send_as, send_on_behalf, automap, not_after_ms
          FROM access_grant
         WHERE account_id = $1 AND grantee_id = $2
         ORDER BY id";
    /// Every grant of account `$1` as a fact. Index: access_grant_by_account.
    GRANT_FACTS = "
        SELECT id, grantee_id, reach, subtree, mailbox_id, letters, send_as, send_on_behalf, automap, not_after_ms
          FROM access_grant
         WHERE account_id = $1
         ORDER BY grantee_id, id";
    /// Persons whom account `$1` concerns: its own person, whoever a grant reaches directly or
    /// through a group, and the administrators. Index: access_grant_by_account, membership
    /// primary key.
    PERSONS_CONCERNED = "
        SELECT person.id, account.address, account.name
          FROM person JOIN account ON account.id = person.id
         WHERE person.id = $1
            OR person.admin = 1
            OR person.id IN (SELECT grantee_id FROM access_grant WHERE account_id = $1)
            OR person.id IN (SELECT m.account_id
                               FROM access_grant g JOIN membership m ON m.group_id = g.grantee_id
                              WHERE g.account_id = $1)
         ORDER BY account.address";
    /// The address of grantee `$1`, a person or a group.
    ADDRESS_OF_GRANTEE = "
        SELECT COALESCE((SELECT address FROM account WHERE id = $1),
                        (SELECT address FROM people_group WHERE id = $1))";
    /// Grants of account `$1` on subtrees. Index: access_grant_by_account.
    SUBTREE_GRANTS = "SELECT id, subtree FROM access_grant WHERE account_id = $1 AND reach = 'subtree' ORDER BY id";
    /// The subtree of grant `$1` is called `$2` now.
    RENAME_SUBTREE = "UPDATE access_grant SET subtree = $2 WHERE id = $1";
    /// Takes every grant of grantee `$2` in account `$1` away.
    REMOVE_GRANTS = "DELETE FROM access_grant WHERE account_id = $1 AND grantee_id = $2";
    /// Grants of account `$1`. Index: access_grant_by_account.
    GRANTS_OF_ACCOUNT = "
        SELECT g.id, g.grantee_id, COALESCE(a.address, pg.address), CASE WHEN pg.id IS NULL THEN 'person' ELSE 'group' END,
               g.reach, g.subtree, g.mailbox_id, g.letters, g.send_as, g.send_on_behalf, g.automap, g.giver,
               g.not_after_ms, g.created_ms, m.name
          FROM access_grant g
          LEFT JOIN account a ON a.id = g.grantee_id
          LEFT JOIN people_group pg ON pg.id = g.grantee_id
          LEFT JOIN mailbox m ON m.id = g.mailbox_id
         WHERE g.account_id = $1
         ORDER BY 3, g.id";

    /// The password of account `$1`. Index: credential_by_account.
    PASSWORD_OF = "
        SELECT id, verifier, epoch
          FROM credential
         WHERE account_id = $1 AND state = 'active' AND kind = 'password'";
    /// Ends every password of account `$1`.
    END_PASSWORDS = "
        UPDATE credential SET state = 'revoked', epoch = epoch + 1, ended_ms = $2
         WHERE account_id = $1 AND kind = 'password' AND state = 'active'";
    /// Keeps a password.
    ADD_PASSWORD = "
        INSERT INTO credential (account_id, public_id, kind, name, verifier, state, epoch, created_ms)
        VALUES ($1, $2, 'password', 'password', $3, 'active', 1, $4)
        RETURNING id";
    /// Notes that credential `$1` was used.
    USED_CREDENTIAL = "UPDATE credential SET last_used_ms = $2 WHERE id = $1";
}
