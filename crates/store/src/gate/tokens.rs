//! Bearer tokens: made at a sign-in or by their person, read again in each transaction, and
//! ended by whoever may take rights away.

use super::audit::note;
use super::authority::{Authority, DutyClass, Expire, ManageSelf, ReadGrants, Revoke};
use super::caller::{Caller, HeldToken};
use super::error::{GateError, Rule};
use super::facts;
use super::sign_in::SignInFacts;
use crate::sql::Row;
use crate::statements::tokens as sql;
use crate::{StoreError, Tx};
use postern_access::{Actor, TokenRole};
use postern_types::{AccountId, CredentialId, PersonId, Secret, Timestamp};

/// A token to be kept. Of its secret only the verifier ever comes here.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its public id, `tok_…`.
    pub public_id: String,
    /// What its person calls it.
    pub name: String,
    /// How much it lets through.
    pub role: TokenRole,
    /// What its secret is checked against.
    pub verifier: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// What a bearer is checked against. It stands for no token as well: absent, ended and wrong
/// take the same way.
#[derive(Debug, Clone)]
pub struct BearerFacts {
    /// The token as of now.
    pub token: HeldToken,
    /// Whose it is.
    pub person: PersonId,
    /// Their address.
    pub address: String,
    /// What the secret is checked against.
    pub verifier: Secret,
    /// It has not ended, and its person is in use.
    pub is_live: bool,
}

/// A token as its person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Its public id.
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Which token is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichToken {
    /// The one with this public id.
    Id(String),
    /// The one that its person calls so.
    Named(String),
}

/// Does the token that the caller came with still stand, and its person? In a write it can
/// not be ended before the commit. Answers its role.
pub(super) fn hold_token(tx: &Tx<'_>, caller: &Caller) -> Result<Option<TokenRole>, GateError> {
    let Some(token) = caller.token() else { return Ok(None) };
    let statement = if tx.writable() { &sql::TOKEN_STATE_FOR_WRITE } else { &sql::TOKEN_STATE };
    let state = tx.one(statement, &[token.id.get().into()], |row| {
        Ok((row.int(0)?, row.text(1)? == "active", row.opt_int(2)?.map(Timestamp)))
    })?;
    let stands = state.is_some_and(|(epoch, is_active, expires)| {
        epoch == token.epoch && is_active && expires.is_none_or(|end| tx.now() < end)
    });
    match caller.actor() {
        Actor::Person(person) if stands && is_in_use(tx, *person)? => Ok(Some(token.role)),
        _ => Err(GateError::Ended),
    }
}

fn is_in_use(tx: &Tx<'_>, person: PersonId) -> Result<bool, StoreError> {
    Ok(facts::person_facts(tx, person)?.is_some_and(|facts| !facts.suspended))
}

fn add_token(tx: &Tx<'_>, caller: &Caller, account: AccountId, new: &NewToken) -> Result<(), GateError> {
    let values = [
        account.get().into(),
        (&new.public_id).into(),
        (&new.name).into(),
        new.role.name().into(),
        new.verifier.expose().into(),
        new.expires.0.into(),
        tx.now().0.into(),
    ];
    let id = tx.one(&sql::ADD_TOKEN, &values, |row| row.int(0))?;
    id.ok_or_else(|| StoreError::Conflict("a random token id came twice".into()))?;
    Ok(note(tx, caller, "token.created", account, &format!("{} {}", new.public_id, new.role), &new.name)?)
}

impl Tx<'_> {
    /// What the bearer of a token with this public id is checked against; the facts of one
    /// that nobody has where there is none.
    pub fn bearer_facts(&self, public_id: &str) -> Result<Option<BearerFacts>, StoreError> {
        let found = self.one(&sql::TOKEN, &[public_id.into()], |row| {
            let role = row.opt_text(3)?.and_then(TokenRole::of_name);
            let role = role.ok_or_else(|| StoreError::Damaged("a token has no role".into()))?;
            let token = HeldToken { id: CredentialId::new(row.int(0)?)?, epoch: row.int(4)?, role };
            let is_live = row.text(5)? == "active" && row.opt_int(6)?.is_none_or(|end| self.now().0 < end);
            let account = AccountId::new(row.int(1)?)?;
            Ok(BearerFacts {
                token,
                person: PersonId::of(account),
                address: row.text(7)?.to_owned(),
                verifier: Secret::new(row.bytes(2)?),
                is_live,
            })
        })?;
        let person = found.as_ref().map_or(PersonId::of(Tx::no_account()), |facts| facts.person);
        let in_use = is_in_use(self, person)?;
        Ok(found.map(|facts| BearerFacts { is_live: facts.is_live && in_use, ..facts }))
    }

    /// Accepts a sign-in and keeps the token that it gave, in one.
    pub fn accept_login(
        &self,
        caller: &Caller,
        checked: &SignInFacts,
        mechanism: &str,
        new: &NewToken,
    ) -> Result<bool, GateError> {
        if !self.accept_sign_in(caller, checked, mechanism)? {
            return Ok(false);
        }
        if let Some(account) = &checked.account {
            add_token(self, caller, account.id, new)?;
        }
        Ok(true)
    }

    /// The token that the caller came with ends: whoever bears one may let it go.
    pub fn end_own_token(&self, caller: &Caller) -> Result<(), GateError> {
        let (Actor::Person(person), Some(token)) = (caller.actor(), caller.token()) else {
            return Err(GateError::Ended);
        };
        // The account's row first, as everywhere: two who end it at once take turns.
        facts::epochs(self, caller, person.account())?;
        hold_token(self, caller)?;
        self.execute(&sql::END_TOKEN, &[token.id.get().into(), self.now().0.into()])?;
        Ok(note(self, caller, "token.revoked", person.account(), token.role.name(), "")?)
    }

    /// Whose a token with this public id is, dead or alive; nobody's where there is none. It
    /// opens nothing.
    pub fn account_of_token(&self, public_id: &str) -> Result<AccountId, StoreError> {
        let found = self.one(&sql::TOKEN, &[public_id.into()], |row| Ok(AccountId::new(row.int(1)?)?))?;
        Ok(found.unwrap_or_else(Tx::no_account))
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn person_account(&self) -> Result<AccountId, StoreError> {
        self.account().ok_or_else(|| StoreError::Conflict("a token belongs to a person".into()))
    }

    /// Ends what was got by a password that is no more. The token that this is done with
    /// stays: its bearer has just shown the password, or is somebody else.
    pub(super) fn end_logins(&self, person: AccountId) -> Result<(), StoreError> {
        let spared = self.caller().token().map_or(0, |token| token.id.get());
        self.tx().execute(&sql::END_LOGINS, &[person.get().into(), self.tx().now().0.into(), spared.into()])?;
        Ok(())
    }
}

impl Authority<'_, ManageSelf> {
    /// Keeps a token that its person chose. A name is in use once at a time.
    pub fn make_token(&self, new: &NewToken) -> Result<(), GateError> {
        let (tx, account) = (self.tx(), self.person_account()?);
        let key = [account.get().into(), (&new.name).into(), tx.now().0.into()];
        if tx.one(&sql::TOKEN_NAMED, &key, |_| Ok(()))?.is_some() {
            let text = format!("You have a token called {:?}; choose another name, or revoke that one", new.name);
            return Err(Rule::Unusable(text).into());
        }
        add_token(tx, self.caller(), account, new)
    }
}

impl Authority<'_, Expire> {
    /// Writes down the end of tokens whose time has come, at most `most`; answers how many.
    /// They are refused from their time on; this is for the trail, and for who counts what lives.
    pub fn expire_tokens(&self, most: usize) -> Result<usize, GateError> {
        let (tx, now) = (self.tx(), self.tx().now().0);
        let ended = tx.all(&sql::TOKENS_AT_END, &[now.into(), (most as i64).into()], |row: &dyn Row| {
            let role = row.opt_text(3)?.unwrap_or_default();
            Ok((row.int(0)?, AccountId::new(row.int(1)?)?, format!("{} {role}", row.text(2)?)))
        })?;
        for (id, account, public) in &ended {
            // Revoked meanwhile: that is its end then.
            if tx.execute(&sql::EXPIRE_TOKEN, &[(*id).into(), now.into()])? > 0 {
                note(tx, self.caller(), "token.expired", *account, public, "")?;
            }
        }
        Ok(ended.len())
    }
}

impl Authority<'_, ReadGrants> {
    /// The live tokens of the account's person, oldest first.
    pub fn tokens(&self) -> Result<Vec<TokenRow>, GateError> {
        let key = [self.person_account()?.get().into(), self.tx().now().0.into()];
        Ok(self.tx().all(&sql::TOKENS_OF, &key, |row: &dyn Row| {
            Ok(TokenRow {
                public_id: row.text(0)?.to_owned(),
                name: row.text(1)?.to_owned(),
                role: row.opt_text(2)?.unwrap_or_default().to_owned(),
                created: Timestamp(row.int(3)?),
                expires: Timestamp(row.opt_int(4)?.unwrap_or(i64::MAX)),
            })
        })?)
    }
}

impl Authority<'_, Revoke> {
    /// Ends a token of the account's person; its bearer is refused from the next request on.
    /// Answers its public id.
    pub fn end_token(&self, which: &WhichToken) -> Result<String, GateError> {
        let (tx, account) = (self.tx(), self.person_account()?);
        let (statement, text) = match which {
            WhichToken::Id(id) => (&sql::TOKEN_WITH_ID, id),
            WhichToken::Named(name) => (&sql::TOKEN_NAMED, name),
        };
        let key = [account.get().into(), text.into(), tx.now().0.into()];
        let found = tx.one(statement, &key, |row| {
            Ok((row.int(0)?, row.text(1)?.to_owned(), row.opt_text(2)?.unwrap_or_default().to_owned()))
        })?;
        let (id, public_id, role) = found.ok_or_else(|| Rule::Absent(format!("token {text}")))?;
        tx.execute(&sql::END_TOKEN, &[id.into(), tx.now().0.into()])?;
        note(tx, self.caller(), "token.revoked", account, &format!("{public_id} {role}"), "")?;
        Ok(public_id)
    }
}
