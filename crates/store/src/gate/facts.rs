//! Reads the facts a verdict needs, and asks `postern-access` for it.

use super::caller::{Caller, Epochs, Judged, Narrow};
use super::scope::{self, KnownCredential};
use crate::sql::Row;
use crate::statements::facts as sql;
use crate::{StoreError, Tx};
use postern_access::{
    AccountFacts, AccountKind, AccountState, Actor, DutyFacts, GrantFact, MailboxFacts, PersonFacts, Reach, Verdict,
};
use postern_types::{
    AccountId, Address, GrantId, GroupId, IdError, MailboxId, MailboxName, ModSeq, PersonId, Rights, Seen, SendRights,
    SpecialUse, Timestamp,
};

/// A mailbox id of `account` that no mailbox has: stands for "not there", so that absent
/// and hidden take the same way.
pub(super) fn no_mailbox(account: AccountId) -> Result<MailboxId, IdError> {
    MailboxId::pack(account, (1 << 36) - 1)
}

/// The epochs that decide about `caller` in `account`; `None` when there is no such account. In a
/// write they are held until the commit, in one order: the organisation's, the account's, the
/// credential's, those of people.
pub(super) fn epochs(tx: &Tx<'_>, caller: &Caller, account: AccountId) -> Result<Option<Epochs>, StoreError> {
    if tx.writable() {
        return epochs_for_write(tx, caller, account);
    }
    let (person, credential) = match caller.actor() {
        Actor::Person(person) => (person.get(), 0),
        Actor::Credential { id, .. } => (0, id.get()),
        Actor::Operator { .. } | Actor::Job(_) => (0, 0),
    };
    tx.one(&sql::EPOCHS, &[account.get().into(), person.into(), credential.into()], |row| {
        Ok(Epochs {
            account: row.int(0)?,
            person: row.opt_int(1)?.unwrap_or(0),
            organisation: row.opt_int(2)?.unwrap_or(0),
            credential: row.opt_int(3)?.unwrap_or(0),
        })
    })
}

fn epochs_for_write(tx: &Tx<'_>, caller: &Caller, account: AccountId) -> Result<Option<Epochs>, StoreError> {
    let policy = match caller.actor() {
        Actor::Credential { .. } => Some(tx.hold_policy()?),
        _ => None,
    };
    let found = tx.one(&sql::EPOCHS_FOR_WRITE, &[account.get().into()], |row| {
        let organisation = policy.map_or_else(|| row.opt_int(1), |held| Ok(Some(held)))?;
        Ok(Epochs { account: row.int(0)?, organisation: organisation.unwrap_or(0), ..Epochs::default() })
    })?;
    let (credential, person) = match caller.actor() {
        Actor::Credential { id, .. } => tx.hold_credential(id.get())?,
        _ => (0, hold_person_epoch(tx, caller)?.unwrap_or(0)),
    };
    Ok(found.map(|epochs| Epochs { person, credential, ..epochs }))
}

/// What a job asks that opens a mailbox in a write.
pub(super) fn ask_ahead_to_open(tx: &Tx<'_>, mailbox: MailboxId) -> Result<(), StoreError> {
    let (account, mailbox) = ([mailbox.account().get().into()], [mailbox.get().into()]);
    tx.ask_ahead(&[(&sql::EPOCHS_FOR_WRITE, &account), (&sql::MAILBOX_NAME, &mailbox), (&sql::ACCOUNT, &account)])
}

/// In a write by a person, holds their row until the commit, so that a suspension and the
/// write take turns.
pub(super) fn hold_person(tx: &Tx<'_>, caller: &Caller) -> Result<(), StoreError> {
    match caller.actor() {
        Actor::Person(person) if tx.writable() => tx.send(&sql::PERSON_EPOCH_FOR_WRITE, &[person.get().into()]),
        _ => Ok(()),
    }
}

/// The same; answers its epoch as of then, 0 where there is no such person.
pub(super) fn hold_person_epoch(tx: &Tx<'_>, caller: &Caller) -> Result<Option<i64>, StoreError> {
    match caller.actor() {
        Actor::Person(person) if tx.writable() => {
            let epoch = tx.one(&sql::PERSON_EPOCH_FOR_WRITE, &[person.get().into()], |row| row.int(0))?;
            Ok(Some(epoch.unwrap_or(0)))
        }
        _ => Ok(None),
    }
}

/// Takes the row of an account, before rows that belong to it.
pub(super) fn lock_account(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    tx.send(&sql::LOCK_ACCOUNT, &[account.get().into()])
}

/// Takes the rows of two accounts in id order.
pub(super) fn lock_accounts(tx: &Tx<'_>, one: AccountId, other: AccountId) -> Result<(), StoreError> {
    if tx.writable() && one != other {
        tx.send(&sql::LOCK_ACCOUNTS, &[one.get().into(), other.get().into()])?;
    }
    Ok(())
}

/// The whole question: every fact is read and `postern-access` judges. Beside the verdict, how
/// the account keeps `\Seen`, and how a scope narrows it.
pub(super) fn judge(tx: &Tx<'_>, caller: &Caller, mailbox: MailboxId) -> Result<Judged, StoreError> {
    let judged = judge_mailbox(tx, caller.actor(), mailbox, tx.now())?;
    Ok(Judged { verdict: unless_by_token(caller, judged.verdict), ..judged })
}

fn nothing() -> Verdict {
    Verdict { rights: Rights::NONE, send: SendRights::NONE, valid_until: None, reasons: Vec::new() }
}

/// A token administers and opens no mailbox (docs/decisions/0013-tokens.md).
fn unless_by_token(caller: &Caller, verdict: Verdict) -> Verdict {
    if caller.token().is_some() { nothing() } else { verdict }
}

/// The same about any actor and moment: what is explained is what the gate would decide.
pub(super) fn judge_at(tx: &Tx<'_>, actor: &Actor, mailbox: MailboxId, now: Timestamp) -> Result<Verdict, StoreError> {
    Ok(judge_mailbox(tx, actor, mailbox, now)?.verdict)
}

fn judge_mailbox(tx: &Tx<'_>, actor: &Actor, mailbox: MailboxId, now: Timestamp) -> Result<Judged, StoreError> {
    let row = tx.one(&sql::MAILBOX_NAME, &[mailbox.get().into()], |row| {
        Ok((row.text(0)?.to_owned(), row.opt_text(1)?.and_then(SpecialUse::parse)))
    })?;
    let found = row.is_some();
    let (name, special_use) = row.unwrap_or_else(|| ("?".to_owned(), None));
    let mut judged = judge_facts(tx, actor, mailbox, &parse_name(&name)?, special_use, now)?;
    if !found {
        let verdict = &mut judged.verdict;
        (verdict.rights, verdict.send, verdict.valid_until) = (Rights::NONE, SendRights::NONE, None);
    }
    Ok(judged)
}

/// The verdict on a mailbox that would have this name.
pub(super) fn judge_name(
    tx: &Tx<'_>,
    caller: &Caller,
    account: AccountId,
    name: &MailboxName,
) -> Result<Verdict, StoreError> {
    let judged = judge_facts(tx, caller.actor(), no_mailbox(account)?, name, None, tx.now())?;
    Ok(unless_by_token(caller, judged.verdict))
}

/// Does the caller's reading reach all of an account (docs/decisions/0034-quota.md)?
pub(super) fn reads_whole_account(tx: &Tx<'_>, caller: &Caller, account: AccountId) -> Result<bool, StoreError> {
    let row = account_row(tx, account)?;
    let Subject { person, grants, credential } = Subject::read(tx, caller.actor(), account)?;
    let Some((account, ..)) = row.filter(|_| caller.token().is_none()) else { return Ok(false) };
    let facts = DutyFacts { account: Some(account), person, grants: &grants, now: tx.now() };
    let credential = credential.as_ref().map(|known| &known.facts);
    Ok(postern_access::reads_whole_account(caller.actor(), &facts, credential))
}

fn judge_facts(
    tx: &Tx<'_>,
    actor: &Actor,
    mailbox: MailboxId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
    now: Timestamp,
) -> Result<Judged, StoreError> {
    let account = account_row(tx, mailbox.account())?;
    let subject = Subject::read(tx, actor, mailbox.account())?;
    let narrow = subject.narrow();
    let Some((account, seen, seen_since)) = account else {
        return Ok(Judged { verdict: nothing(), seen: Seen::Shared, seen_since: ModSeq(0), narrow });
    };
    let Subject { person, grants, credential } = &subject;
    let credential = credential.as_ref().map(|known| &known.facts);
    let facts = MailboxFacts { mailbox, name, special_use, account, person: *person, grants, credential, now };
    Ok(Judged { verdict: postern_access::mailbox_verdict(actor, &facts), seen, seen_since, narrow })
}

/// Whoever acts in an account, as far as a verdict needs it.
pub(super) struct Subject {
    /// The person, where it is one.
    pub person: Option<PersonFacts>,
    /// Their grants.
    pub grants: Vec<GrantFact>,
    /// The credential, where it is one.
    pub credential: Option<KnownCredential>,
}

impl Subject {
    pub(super) fn read(tx: &Tx<'_>, actor: &Actor, account: AccountId) -> Result<Self, StoreError> {
        let (mut person, mut grants, mut credential) = (None, Vec::new(), None);
        match actor {
            Actor::Person(id) => (person, grants) = (person_facts(tx, *id)?, grants_for(tx, account, *id)?),
            Actor::Credential { id, .. } => credential = scope::known(tx, id.get())?,
            Actor::Operator { .. } | Actor::Job(_) => {}
        }
        Ok(Self { person, grants, credential })
    }

    fn narrow(&self) -> Narrow {
        self.credential.as_ref().map_or_else(Narrow::default, |known| Narrow {
            forgiving: known.facts.scope.forgiving,
            older_than_ms: known.facts.scope.older_than_ms,
        })
    }
}

pub(super) fn parse_name(text: &str) -> Result<MailboxName, StoreError> {
    MailboxName::parse(text).map_err(|error| StoreError::Damaged(format!("mailbox name {text:?}: {error}")))
}

/// State of an account; `None` when there is none.
pub(super) fn account_facts(tx: &Tx<'_>, account: AccountId) -> Result<Option<AccountFacts>, StoreError> {
    Ok(account_row(tx, account)?.map(|(facts, ..)| facts))
}

/// State of an account, how it keeps `\Seen`, and since which change.
fn account_row(tx: &Tx<'_>, account: AccountId) -> Result<Option<(AccountFacts, Seen, ModSeq)>, StoreError> {
    tx.one(&sql::ACCOUNT, &[account.get().into()], |row| {
        let facts = AccountFacts {
            id: account,
            kind: account_kind(row.text(0)?)?,
            state: match row.text(1)? {
                "active" => AccountState::Active,
                "suspended" => AccountState::Suspended,
                "removed" => AccountState::Removed,
                other => return Err(StoreError::Damaged(format!("account state {other:?}"))),
            },
            delete_protection: row.flag(2)?,
        };
        let seen = Seen::parse(row.text(5)?).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok((facts, seen, ModSeq(row.int(6)?)))
    })
}

pub(super) fn account_kind(text: &str) -> Result<AccountKind, StoreError> {
    match text {
        "person" => Ok(AccountKind::Person),
        "shared" => Ok(AccountKind::Shared),
        other => Err(StoreError::Damaged(format!("account kind {other:?}"))),
    }
}

/// State of a person; `None` when there is none.
pub(super) fn person_facts(tx: &Tx<'_>, person: PersonId) -> Result<Option<PersonFacts>, StoreError> {
    tx.one(&sql::PERSON, &[person.get().into()], |row| {
        let own_account_open = row.opt_text(2)? == Some("active");
        Ok(PersonFacts { id: person, admin: row.flag(0)?, suspended: row.opt_int(1)?.is_some() || !own_account_open })
    })
}

/// Grants that reach a person in an account, directly or through their groups.
pub(super) fn grants_for(tx: &Tx<'_>, account: AccountId, person: PersonId) -> Result<Vec<GrantFact>, StoreError> {
    tx.all(&sql::GRANTS_FOR_PERSON, &[account.get().into(), person.get().into()], |row| {
        let (grantee, fact) = grant_fact(row)?;
        let via = if grantee == person.get() { None } else { Some(GroupId::new(grantee)?) };
        Ok(GrantFact { via, ..fact })
    })
}

/// The moments at which grants of an actor in an account end, those of their groups included.
pub(super) fn ends_of(tx: &Tx<'_>, actor: &Actor, account: AccountId) -> Result<Vec<Timestamp>, StoreError> {
    let Actor::Person(person) = actor else { return Ok(Vec::new()) };
    Ok(grants_for(tx, account, *person)?.into_iter().filter_map(|grant| grant.not_after).collect())
}

/// A grant from a row that starts with its id and its grantee; as the grantee's own.
pub(super) fn grant_fact(row: &dyn Row) -> Result<(i64, GrantFact), StoreError> {
    let fact = GrantFact {
        id: GrantId::new(row.int(0)?)?,
        via: None,
        reach: match row.text(2)? {
            "account" => Reach::Account,
            "subtree" => Reach::Subtree(parse_name(row.text(3)?)?),
            "mailbox" => Reach::Mailbox(MailboxId::from_key(row.int(4)?)?),
            other => return Err(StoreError::Damaged(format!("grant reach {other:?}"))),
        },
        rights: Rights::from_bits(row.int(5)?),
        send: SendRights { send_as: row.flag(6)?, send_on_behalf: row.flag(7)? },
        automap: row.flag(8)?,
        not_after: row.opt_int(9)?.map(Timestamp),
    };
    Ok((row.int(1)?, fact))
}

/// The mailbox with this name in an account.
pub(super) fn mailbox_named(
    tx: &Tx<'_>,
    account: AccountId,
    name: &MailboxName,
) -> Result<Option<MailboxId>, StoreError> {
    tx.one(&sql::MAILBOX_BY_NAME, &[account.get().into(), name.as_str().into()], |row| {
        Ok(MailboxId::from_key(row.int(0)?)?)
    })
}

impl Tx<'_> {
    /// The account that has this address, primary or alias. Knowing the number opens
    /// nothing: the gate decides about every use of it.
    pub fn account_at(&self, address: &Address) -> Result<Option<AccountId>, StoreError> {
        self.one(&sql::ACCOUNT_BY_ADDRESS, &[address.as_str().into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Is the account a person's own?
    pub fn is_person(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(account_facts(self, account)?.is_some_and(|facts| facts.kind == AccountKind::Person))
    }

    /// The primary address of an account, for those who were shown the account.
    pub fn address_of(&self, account: AccountId) -> Result<Option<String>, StoreError> {
        self.one(&sql::ACCOUNT, &[account.get().into()], |row| Ok(row.text(3)?.to_owned()))
    }

    /// An account number that no account has: what an unknown address stands for, so that
    /// the same statements run for it.
    pub fn no_account() -> AccountId {
        // 2^27 - 1 is the last number a packed key can hold; sequences start at 1.
        AccountId::new((1 << 27) - 1).unwrap_or_else(|_| unreachable!("the number is above zero"))
    }
}
