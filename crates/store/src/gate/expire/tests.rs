//! What was removed is deleted in pieces, wholly, and nothing else with it.

use crate::db::testing::{TestDb, on_both_engines, test_statements};
use crate::gate::{Authority, Caller, Expire, Founding, GateError, ManageShared, Origin, Rule};
use crate::statements::mailbox::LOG_CHANGE;
use crate::{StoreError, Tx};
use postern_access::{Actor, Job};
use postern_types::{AccountId, Address, Domain, MailboxId, Secret};

test_statements! {
    /// A message without contents.
    ADD_MESSAGE = "
        INSERT INTO message (id, account_id, blob_hash, blob_place, size, stored_bytes, header_bytes, received_ms, thread_id,
                             subject, sender, summary, envelope, structure, body, parts, preview)
        VALUES ($1, $2, $3, 0, 1, 1, 1, 0, 1, '', '', $3, $3, $3, $3, $3, '')";
    /// Its place.
    ADD_PLACEMENT = "
        INSERT INTO placement (mailbox_id, uid, message_id, flag_set_id, modseq, internal_ms, saved_ms, size)
        VALUES ($1, $2, $3, 0, 1, 0, 0, 1)";
    /// Someone has seen it.
    ADD_SEEN = "INSERT INTO personal_seen (mailbox_id, uid, person_id, seen, modseq) VALUES ($1, $2, 1, 1, 1)";
    /// One that is gone.
    ADD_VANISHED = "INSERT INTO vanished (mailbox_id, modseq, first_uid, last_uid) VALUES ($1, 1, $2, $2)";
    /// A set that messages of a mailbox have.
    ADD_NOTED_SET = "INSERT INTO mailbox_flag_set (mailbox_id, flag_set_id) VALUES ($1, $2)";
    /// A set of flags.
    ADD_FLAG_SET = "INSERT INTO flag_set (id, account_id, flags) VALUES ($1, $2, CAST($3 AS TEXT))";
    /// A subscription of the admin.
    ADD_SUBSCRIPTION = "INSERT INTO subscription (person_id, account_id, name, subscribed) VALUES (1, $1, $2, 1)";
    /// A grant to nobody in particular.
    ADD_GRANT = "
        INSERT INTO access_grant (account_id, grantee_id, reach, letters, send_as, send_on_behalf, automap, giver, created_ms)
        VALUES ($1, $2, 'account', 3, 0, 0, 1, 'test', 0)";
    /// A credential.
    ADD_CREDENTIAL = "
        INSERT INTO credential (account_id, public_id, kind, name, verifier, state, epoch, created_ms)
        VALUES ($1, $2, 'secret', $2, $3, 'active', 1, 0)
        RETURNING id";
    /// What it opens.
    ADD_REACH = "
        INSERT INTO credential_reach (credential_id, account_id, reach, letters) VALUES ($1, $2, 'account', 3)";
    /// Its secret, on its way to somebody.
    ADD_WRAP = "
        INSERT INTO credential_wrap (credential_id, code_hash, sealed, recipient_id, opens_before_ms)
        VALUES ($1, $2, $2, 1, 0)";
    /// A network from where somebody signed in.
    ADD_NETWORK = "INSERT INTO known_network (account_id, network, last_ms) VALUES ($1, $2, 0)";
    /// Mail that waits to be sent as it.
    ADD_QUEUED = "
        INSERT INTO queue_message (public_id, account_id, sender, from_address, reverse_path, verp, blob_hash, blob_place,
                                   size, prefix, smtputf8, eight_bit, lane, hold_office, leaves_ms, created_ms, follows)
        VALUES ($2, $1, '', '', '', 0, $3, 0, 1, $3, 0, 0, 0, 0, 0, 0, 1)
        RETURNING id";
    /// Who waits for it.
    ADD_RECIPIENT = "
        INSERT INTO queue_recipient (message_id, address, domain, lane, held, next_try_ms, tried_by, tries, notify, delay_told)
        VALUES ($1, $2, '', 0, 0, 0, 0, 0, 0, 0)";
    /// What follows when it leaves.
    ADD_AFTER = "INSERT INTO queue_after (message_id, kind, subject, uid) VALUES ($1, 'answered', 1, 0)";
    /// Where a copy of what was sent lies.
    ADD_COPY = "
        INSERT INTO sent_copy (account_id, identity, dated, actor, mailbox_id, uid, by_house, at_ms)
        VALUES ($1, $3, $3, $2, 1, 1, 1, 0)";
    /// Who answered.
    ADD_ANSWERED = "
        INSERT INTO answered (account_id, subject, actor, answer, sender, counts, at_ms)
        VALUES ($1, '', $2, 1, $2, 1, 0)";
    /// How much was sent.
    ADD_USED = "
        INSERT INTO send_use (kind, subject_id, start_ms, messages, recipients, new_recipients, bytes, told)
        VALUES ('account-day', $1, $2, 1, 1, 1, 1, 0)";
    /// To whom.
    ADD_KNOWN = "INSERT INTO known_recipient (account_id, recipient, first_ms) VALUES ($1, $2, 0)";
    /// To whom no more.
    ADD_SUPPRESSED = "INSERT INTO suppressed_recipient (account_id, address, reason, at_ms) VALUES ($1, $2, '', 0)";
    /// How much of account `$1` there is, with packed keys from `$2` to `$3`.
    COUNTS = "
        SELECT (SELECT COUNT(*) FROM access_grant WHERE account_id = $1),
               (SELECT COUNT(*) FROM membership WHERE account_id = $1),
               (SELECT COUNT(*) FROM credential WHERE account_id = $1),
               (SELECT COUNT(*) FROM credential_reach WHERE account_id = $1),
               (SELECT COUNT(*) FROM credential_wrap w JOIN credential c ON c.id = w.credential_id WHERE c.account_id = $1),
               (SELECT COUNT(*) FROM subscription WHERE account_id = $1),
               (SELECT COUNT(*) FROM mailbox WHERE account_id = $1),
               (SELECT COUNT(*) FROM personal_seen WHERE mailbox_id >= $2 AND mailbox_id <= $3),
               (SELECT COUNT(*) FROM vanished WHERE mailbox_id >= $2 AND mailbox_id <= $3),
               (SELECT COUNT(*) FROM mailbox_flag_set WHERE mailbox_id >= $2 AND mailbox_id <= $3),
               (SELECT COUNT(*) FROM placement WHERE mailbox_id >= $2 AND mailbox_id <= $3),
               (SELECT COUNT(*) FROM message WHERE account_id = $1),
               (SELECT COUNT(*) FROM flag_set WHERE account_id = $1),
               (SELECT COUNT(*) FROM change_log WHERE id >= $2 AND id <= $3),
               (SELECT COUNT(*) FROM address WHERE account_id = $1),
               (SELECT COUNT(*) FROM known_network WHERE account_id = $1),
               (SELECT COUNT(*) FROM queue_message WHERE account_id = $1),
               (SELECT COUNT(*) FROM queue_recipient r JOIN queue_message m ON m.id = r.message_id WHERE m.account_id = $1),
               (SELECT COUNT(*) FROM queue_after f JOIN queue_message m ON m.id = f.message_id WHERE m.account_id = $1),
               (SELECT COUNT(*) FROM sent_copy WHERE account_id = $1),
               (SELECT COUNT(*) FROM answered WHERE account_id = $1),
               (SELECT COUNT(*) FROM send_use WHERE kind = 'account-day' AND subject_id = $1),
               (SELECT COUNT(*) FROM known_recipient WHERE account_id = $1),
               (SELECT COUNT(*) FROM suppressed_recipient WHERE account_id = $1),
               (SELECT COUNT(*) FROM account WHERE id = $1)";
    /// A group, and the account in it.
    ADD_GROUP = "INSERT INTO people_group (id, address, name, created_ms) VALUES ($1, $2, '', 0)";
    /// Membership.
    ADD_MEMBER = "INSERT INTO membership (group_id, account_id, created_ms) VALUES ($1, $2, 0)";
    /// How many events an account has.
    EVENTS = "SELECT COUNT(*) FROM audit WHERE account_id = $1";
}

/// Kinds that are counted; the last is the account itself.
const KINDS: usize = 25;
/// Rows of each kind that the test adds; more than one piece of each.
const EACH: i64 = 5;
const PIECE: usize = 2;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn caller(actor: Actor) -> Caller {
    Caller::new(actor, Origin::new(1, "job", String::new(), "test".into(), [0; 32]))
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn counts(tx: &Tx<'_>, account: AccountId) -> Result<Vec<i64>, StoreError> {
    let (first, last) = MailboxId::range_of(account);
    let row = tx.one(&COUNTS, &[account.get().into(), first.into(), last.into()], |row| {
        (0..KINDS).map(|column| row.int(column)).collect()
    })?;
    Ok(row.unwrap())
}

/// Everything an account can have.
fn fill(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    let (first, _) = MailboxId::range_of(account);
    let key = |number: i64| (first + 100 + number).into();
    let one = account.get().into();
    for number in 0..EACH {
        let text = format!("{account} {number}");
        tx.execute(&ADD_MESSAGE, &[key(number), one, [0_u8; 4].as_slice().into()])?;
        tx.execute(&ADD_PLACEMENT, &[key(number % 2), (number + 1).into(), key(number)])?;
        tx.execute(&ADD_SEEN, &[key(number % 2), (number + 1).into()])?;
        tx.execute(&ADD_VANISHED, &[key(number % 2), (number + 100).into()])?;
        tx.execute(&ADD_NOTED_SET, &[key(number % 2), (number + 1).into()])?;
        tx.execute(&ADD_FLAG_SET, &[key(number), one, (&text).into()])?;
        tx.execute(&LOG_CHANGE, &[key(number), 0.into(), "test".into(), crate::sql::Value::Null, 1.into()])?;
        tx.execute(&ADD_SUBSCRIPTION, &[one, (&text).into()])?;
        tx.execute(&ADD_GRANT, &[one, (1000 + number).into()])?;
        let credential =
            tx.one(&ADD_CREDENTIAL, &[one, (&text).into(), [0_u8; 4].as_slice().into()], |row| row.int(0))?;
        let credential = credential.unwrap().into();
        tx.execute(&ADD_REACH, &[credential, one])?;
        tx.execute(&ADD_WRAP, &[credential, text.as_bytes().into()])?;
        tx.execute(&ADD_NETWORK, &[one, (&text).into()])?;
        let hash = [0_u8; 4];
        let queued = tx.one(&ADD_QUEUED, &[one, (&text).into(), hash.as_slice().into()], |row| row.int(0))?;
        tx.execute(&ADD_RECIPIENT, &[queued.unwrap().into(), (&text).into()])?;
        tx.execute(&ADD_AFTER, &[queued.unwrap().into()])?;
        tx.execute(&ADD_COPY, &[one, (&text).into(), hash.as_slice().into()])?;
        tx.execute(&ADD_ANSWERED, &[one, (&text).into()])?;
        tx.execute(&ADD_USED, &[one, number.into()])?;
        tx.execute(&ADD_KNOWN, &[one, number.into()])?;
        tx.execute(&ADD_SUPPRESSED, &[one, (&text).into()])?;
        let group = 1000 * account.get() + number;
        tx.execute(&ADD_GROUP, &[group.into(), (&format!("{text}@example.org")).into()])?;
        tx.execute(&ADD_MEMBER, &[group.into(), one])?;
    }
    Ok(())
}

on_both_engines! {
    /// 30 days to the millisecond; then each piece is small and the last leaves nothing but
    /// the trail, while another account keeps everything.
    a_removed_account_goes_in_small_pieces;
}

async fn a_removed_account_goes_in_small_pieces(test: TestDb) {
    let operator = caller(Actor::Operator { uid: 0 });
    let job = caller(Actor::Job(Job::Expiry));
    let made = operator.clone();
    let [gone, kept] = test
        .db
        .write(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let password = Secret::new("verifier");
            let admin = address("admin@example.org");
            tx.found(&made, &Founding { domain: Domain::parse("example.org").unwrap(), admin, password })?;
            let shared: Authority<'_, ManageShared> = tx.authority(&made)?;
            let gone = shared.add_shared(&address("gone@example.org"), "")?;
            shared.add_alias(gone, &address("alias@example.org"))?;
            let kept = shared.add_shared(&address("kept@example.org"), "")?;
            fill(tx, gone)?;
            fill(tx, kept)?;
            tx.authority_on::<ManageShared>(&made, gone)?.remove()?;
            Ok([gone, kept])
        })
        .await
        .unwrap();
    let kept_before = test.db.read(move |tx: &Tx<'_>| counts(tx, kept)).await.unwrap();
    let removed_ms = test.db.now().0;

    // One millisecond before its time it is safe, and can come back.
    test.clock.set(postern_types::Timestamp(removed_ms + 30 * DAY_MS - 1));
    let expiry = job.clone();
    let ended = test
        .db
        .write(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let expire = tx.authority::<Expire>(&expiry)?;
            assert!(expire.delete_piece(gone, PIECE)?, "there is nothing to do yet");
            Ok(expire.ended_accounts()?)
        })
        .await
        .unwrap();
    assert_eq!(ended, []);
    assert_eq!(test.db.read(move |tx: &Tx<'_>| counts(tx, gone)).await.unwrap()[KINDS - 1], 1);

    test.clock.advance_ms(1);
    let expiry = job.clone();
    let ended = test.db.read(move |tx: &Tx<'_>| Ok::<_, GateError>(tx.authority::<Expire>(&expiry)?.ended_accounts()?));
    assert_eq!(ended.await.unwrap(), [gone]);
    let mut before = test.db.read(move |tx: &Tx<'_>| counts(tx, gone)).await.unwrap();
    assert!(before.iter().all(|count| *count > 0), "something of each kind: {before:?}");
    let mut pieces = 0;
    loop {
        let expiry = job.clone();
        let piece = move |tx: &Tx<'_>| tx.authority::<Expire>(&expiry)?.delete_piece(gone, PIECE);
        let is_gone = test.db.write_bulk(piece).await.unwrap();
        let after = test.db.read(move |tx: &Tx<'_>| counts(tx, gone)).await.unwrap();
        let deleted: i64 = before.iter().zip(&after).map(|(before, after)| before - after).sum();
        assert!((1..=PIECE as i64).contains(&deleted), "{before:?} became {after:?}");
        if pieces == 0 {
            // The addresses went, so nothing finds it: it can not be brought back, and they are free.
            let maker = operator.clone();
            let tried = test.db.write(move |tx: &Tx<'_>| -> Result<_, GateError> {
                assert_eq!(tx.account_at(&address("alias@example.org"))?, None);
                let restored = tx.authority_on::<ManageShared>(&maker, gone)?.restore();
                assert!(matches!(restored, Err(GateError::Rule(Rule::Absent(_)))), "{restored:?}");
                tx.authority::<ManageShared>(&maker)?.add_shared(&address("gone@example.org"), "again")
            });
            assert_ne!(tried.await.unwrap(), gone);
        }
        pieces += 1;
        before = after;
        if is_gone {
            break;
        }
    }
    assert_eq!(before, [0; KINDS]);
    assert!(pieces > 12 * 2, "{pieces} pieces");
    assert_eq!(test.db.read(move |tx: &Tx<'_>| counts(tx, kept)).await.unwrap(), kept_before);
    let key = gone.get();
    let events = test.db.read(move |tx: &Tx<'_>| tx.one(&EVENTS, &[key.into()], |row| row.int(0)));
    assert_eq!(events.await.unwrap(), Some(4), "made, alias, removed, deleted");
}
