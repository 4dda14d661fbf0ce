//! Credentials as they are shown: never their secrets.

use super::super::authority::{Authority, DutyClass, ReadGrants};
use super::super::error::GateError;
use super::super::facts;
use super::super::grants::GrantReach;
use super::super::scope;
use super::CredentialAuthority;
use crate::statements::{credentials as sql, facts as facts_sql};
use crate::{StoreError, Tx};
use postern_access::{AccountState, CredentialScope, Obstacle, Reach};
use postern_types::{AccountId, PersonId, Rights, Timestamp};

/// A credential as those who may see it see it. Never its secret.
#[derive(Debug, Clone)]
pub struct CredentialRow {
    /// What decides whether it stands.
    pub facts: postern_access::CredentialFacts,
    /// What speaks against it now.
    pub obstacles: Vec<Obstacle>,
    /// Its public id.
    pub public_id: String,
    /// The key that its secret is checked with.
    pub key_id: String,
    /// Its name.
    pub name: String,
    /// The address of its account: the username.
    pub address: String,
    /// The address of who answers for it.
    pub owner: Option<String>,
    /// The address of who uses it.
    pub holder: Option<String>,
    /// Why it is needed.
    pub reason: String,
    /// Why a grant does not do.
    pub not_delegation: Option<String>,
    /// Who issued it.
    pub issuer: String,
    /// What it opens, by name; nothing where what was named is gone.
    pub mailboxes: Vec<(GrantReach, Rights)>,
    /// When it last signed in.
    pub last_used: Option<Timestamp>,
    /// When it ended, and why.
    pub ended: Option<(Timestamp, String)>,
    /// Who has its secret waiting, and until when.
    pub waiting_for: Option<(String, Timestamp)>,
}

/// One credential as it is shown.
pub(in super::super) fn row(tx: &Tx<'_>, id: i64, account: AccountId) -> Result<Option<CredentialRow>, StoreError> {
    Ok(rows(tx, account, (true, id))?.pop())
}

/// Those of an account: with ended ones, and one alone where it is named (0 for all).
fn rows(tx: &Tx<'_>, account: AccountId, (ended_too, id): (bool, i64)) -> Result<Vec<CredentialRow>, StoreError> {
    let in_use = facts::account_facts(tx, account)?.is_some_and(|facts| facts.state == AccountState::Active);
    let found = tx.all(&sql::LIST, &[account.get().into(), ended_too.into(), id.into()], |row| {
        let text = |column| Ok::<_, StoreError>(row.opt_text(column)?.map(str::to_owned));
        let ended = row.opt_int(5)?.map(Timestamp).zip(text(6)?.or(Some(String::new())));
        Ok((row.int(0)?, text(1)?, text(2)?, text(3)?, row.opt_int(4)?.map(Timestamp), ended, text(7)?, text(8)?))
    })?;
    let mut shown = Vec::with_capacity(found.len());
    for (id, reason, not_delegation, issuer, last_used, ended, owner, holder) in found {
        let Some(known) = scope::known(tx, id)? else { continue };
        let waiting = |row: &dyn crate::sql::Row| Ok((row.text(0)?.to_owned(), Timestamp(row.int(1)?)));
        shown.push(CredentialRow {
            obstacles: known.facts.obstacles(tx.now(), in_use),
            mailboxes: named(tx, &known.facts.scope)?,
            facts: known.facts,
            public_id: known.public_id,
            key_id: known.key_id,
            name: known.name,
            address: known.address,
            owner,
            holder,
            reason: reason.unwrap_or_default(),
            not_delegation,
            issuer: issuer.unwrap_or_default(),
            last_used,
            ended,
            waiting_for: tx.one(&sql::WAITING, &[id.into()], waiting)?,
        });
    }
    Ok(shown)
}

/// The places of a scope by name. One that is gone opens nothing, and is left out.
fn named(tx: &Tx<'_>, scope: &CredentialScope) -> Result<Vec<(GrantReach, Rights)>, StoreError> {
    let mut named = Vec::new();
    for (reach, rights) in &scope.reaches {
        let place = match reach {
            Reach::Account => Some(GrantReach::Account),
            Reach::Subtree(name) => Some(GrantReach::Subtree(name.clone())),
            Reach::Mailbox(mailbox) => tx
                .one(&facts_sql::MAILBOX_NAME, &[mailbox.get().into()], |row| facts::parse_name(row.text(0)?))?
                .map(GrantReach::Mailbox),
        };
        named.extend(place.map(|place| (place, *rights)));
    }
    Ok(named)
}

impl Authority<'_, ReadGrants> {
    /// The account's credentials, oldest first; those that have ended too, if asked for.
    pub fn credentials(&self, ended_too: bool) -> Result<Vec<CredentialRow>, GateError> {
        let account = self.account().ok_or_else(|| StoreError::Conflict("a credential is of an account".into()))?;
        Ok(rows(self.tx(), account, (ended_too, 0))?)
    }
}

impl Tx<'_> {
    /// Accounts that have credentials. It shows nothing of them: each is asked for by a proof.
    pub fn accounts_with_credentials(&self, ended_too: bool) -> Result<Vec<AccountId>, StoreError> {
        self.all(&sql::ACCOUNTS_WITH, &[ended_too.into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Credentials that a person answers for or uses, ended ones too: their public ids, and the
    /// accounts they are of. It shows nothing of them: each is asked for by a proof.
    pub fn credentials_answered_for(&self, person: PersonId) -> Result<Vec<(AccountId, String)>, StoreError> {
        self.all(&sql::ANSWERED_FOR, &[person.get().into()], |row| {
            Ok((AccountId::new(row.int(0)?)?, row.text(1)?.to_owned()))
        })
    }
}

impl<D: DutyClass> CredentialAuthority<'_, D> {
    /// The credential as it is now.
    pub fn row(&self) -> Result<CredentialRow, GateError> {
        let found = row(self.tx, self.known.facts.id.get(), self.known.facts.account)?;
        found.ok_or_else(|| StoreError::Damaged("a credential is there and not in its list".into()).into())
    }
}
