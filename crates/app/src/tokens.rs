//! Bearer tokens of people: got by a password, or made for a program that acts for a person.
//!
//! Whoever bears one acts as its person, narrowed by its role. Nothing is remembered between
//! two requests: the token is read when it comes, and read again by the gate in the
//! transaction of each act, so one that was ended is refused by the next.

use crate::admin::duty_at;
use crate::bearer::{Bearer, Kind};
use crate::sign_in::{Attempt, Peer, SignInRefused};
use crate::{House, Refused};
use postern_access::{Actor, Denied, SecretCheck, SentCopy, SignInReason, TokenRole};
use postern_store::{
    AccountRow, Caller, GateError, HeldToken, ManageSelf, NewToken, OwnSending, ReadAccount, ReadGrants, Revoke, Rule,
    StoreError, TokenRow, Tx, WhichToken,
};
use postern_types::{AccountId, Address, DisplayName, Secret, Timestamp};

/// How long a login lasts: a working day.
const LOGIN_MS: i64 = 12 * 3600 * 1000;
const DAY_MS: i64 = 24 * 3600 * 1000;
/// How long a token lasts where its person does not say, in days.
pub const TOKEN_DAYS: i64 = 90;
/// The longest that a token may last, in days.
pub const TOKEN_DAYS_MOST: i64 = 366;
/// What a login is called in lists.
const LOGIN_NAME: &str = "login";

/// A token to be made.
#[derive(Debug, Clone)]
pub struct TokenWish {
    /// What its person calls it.
    pub name: DisplayName,
    /// How much it lets through.
    pub role: TokenRole,
    /// When it ends; in [`TOKEN_DAYS`] where it is not said.
    pub expires: Option<Timestamp>,
}

/// A token that was made; its text is shown this once.
#[derive(Debug, Clone)]
pub struct MadeToken {
    /// Its text.
    pub token: Secret,
    /// Its public id.
    pub public_id: String,
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: TokenRole,
    /// When it ends.
    pub expires: Timestamp,
    /// Whose it is.
    pub address: String,
}

/// A person as they see themselves.
#[derive(Debug, Clone)]
pub struct Me {
    /// Their address.
    pub address: String,
    /// Their name.
    pub name: String,
    /// They administer the organisation.
    pub admin: bool,
    /// The role of the token they came with; nothing without one.
    pub role: Option<TokenRole>,
    /// A copy of what they send as themselves is filed in their Sent.
    pub files_copy: bool,
    /// Seconds in which what they send as themselves can be taken back.
    pub undo_seconds: u64,
}

impl Me {
    fn of(row: AccountRow, caller: &Caller) -> Self {
        Self {
            files_copy: row.sent_copy != SentCopy::None.name(),
            undo_seconds: row.undo_seconds,
            address: row.address,
            name: row.name,
            admin: row.admin,
            role: caller.token().map(|token: HeldToken| token.role),
        }
    }
}

/// Why somebody's own password was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OwnPasswordRefused {
    /// What they showed as theirs is not: a guess, as at signing in.
    #[error("The password that you have now is another one")]
    Differs,
    /// Anything else.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The account of the person who asks; operators have none.
fn own_account(caller: &Caller) -> Result<AccountId, Refused> {
    match caller.actor() {
        Actor::Person(person) => Ok(person.account()),
        _ => Err(Rule::Cannot(
            "This is for people who have signed in: an operator has no password and no tokens; sign in, or name whose",
        )
        .into()),
    }
}

impl House {
    /// Whoever bears this token. Absent, ended, mistyped and someone else's are one refusal.
    pub async fn bearer(&self, text: &Secret, peer: &Peer) -> Result<Caller, Refused> {
        let bearer = Bearer::parse(Kind::Token, text).ok_or(Refused::Ended)?;
        let public_id = bearer.public_id();
        let facts = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { tx.bearer_facts(&public_id) }).await?;
        // Compared for one that nobody has, too.
        let verifier = facts.as_ref().map_or_else(|| Secret::new([0; 32]), |facts| facts.verifier.clone());
        let fits = bearer.fits(&verifier);
        let facts = facts.filter(|facts| fits && facts.is_live).ok_or(Refused::Ended)?;
        let origin = self.origin("rest", peer.label(), facts.address)?;
        Ok(Caller::new(Actor::Person(facts.person), origin).through(facts.token))
    }

    fn new_token(&self, name: &str, role: TokenRole, expires: Timestamp) -> Result<(Bearer, NewToken), Refused> {
        let bearer = Bearer::make(Kind::Token, &self.random()?);
        let new = NewToken {
            public_id: bearer.public_id(),
            name: name.to_owned(),
            role,
            verifier: bearer.verifier(),
            expires,
        };
        Ok((bearer, new))
    }

    /// Signs a person in by their password and gives them a token: as any sign-in, with the
    /// same limits, the same refusals at the same time, and the same trail.
    pub async fn login(&self, address: &Address, password: Secret, peer: Peer) -> Result<MadeToken, SignInRefused> {
        let unavailable = |_| SignInRefused::Unavailable;
        let expires = self.now().plus_ms(LOGIN_MS);
        let (bearer, new) = self.new_token(LOGIN_NAME, TokenRole::Login, expires).map_err(unavailable)?;
        let attempt =
            Attempt { username: address.to_string(), secret: password, peer, protocol: "rest", mechanism: LOGIN_NAME };
        self.sign_in_for(attempt, new).await?;
        Ok(made(&bearer, LOGIN_NAME, TokenRole::Login, expires, address.to_string()))
    }

    /// The token that the caller came with ends.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Refused> {
        own_account(caller)?;
        let caller = caller.clone();
        self.change(move |tx| tx.end_own_token(&caller)).await
    }

    /// Makes a token for a program of the caller's.
    pub async fn make_token(&self, caller: &Caller, wish: TokenWish) -> Result<MadeToken, Refused> {
        let account = own_account(caller)?;
        let now = self.now();
        let expires = wish.expires.unwrap_or(now.plus_ms(TOKEN_DAYS * DAY_MS));
        check(&wish, expires, now)?;
        let (bearer, new) = self.new_token(wish.name.as_str(), wish.role, expires)?;
        let writer = caller.clone();
        self.change(move |tx| tx.authority_on::<ManageSelf>(&writer, account)?.make_token(&new)).await?;
        Ok(made(&bearer, wish.name.as_str(), wish.role, expires, caller.origin().label.clone()))
    }

    /// The live tokens of the caller, or of the person with this address.
    pub async fn tokens(&self, caller: &Caller, of: Option<&Address>) -> Result<Vec<TokenRow>, Refused> {
        let (caller, of) = (caller.clone(), of.cloned());
        if of.is_none() {
            own_account(&caller)?;
        }
        self.ask(move |tx| match &of {
            Some(address) => duty_at::<ReadGrants>(tx, &caller, address, "person")?.1.tokens(),
            None => {
                let account = own_account(&caller).unwrap_or_else(|_| Tx::no_account());
                tx.authority_on::<ReadGrants>(&caller, account)?.tokens()
            }
        })
        .await
    }

    /// Ends a token, by its id or by what the caller calls it. Answers its id.
    pub async fn end_token(&self, caller: &Caller, token: &str) -> Result<String, Refused> {
        let (caller, token) = (caller.clone(), token.to_owned());
        self.change(move |tx| {
            let is_id = [Kind::Token, Kind::Invitation].iter().any(|kind| token.starts_with(kind.id_prefix()));
            let account = match own_account(&caller) {
                _ if is_id => tx.account_of_token(&token)?,
                Ok(account) => account,
                Err(_) => Tx::no_account(),
            };
            let which = if is_id { WhichToken::Id(token.clone()) } else { WhichToken::Named(token.clone()) };
            match tx.authority_on::<Revoke>(&caller, account) {
                // It may be theirs to end, and not with this one: the cure is another sign-in.
                Err(GateError::Denied(narrow @ Denied::TokenTooNarrow { .. })) if account != Tx::no_account() => {
                    Err(narrow.into())
                }
                // Nobody's token and one of somebody else are the same (law 4).
                Err(GateError::Denied(_)) => Err(Rule::Absent(format!("token {token}")).into()),
                proof => proof?.end_token(&which),
            }
        })
        .await
    }

    /// Changes the caller's own password. The one they have is asked for, and asking is an
    /// attempt like any other: refused at its time, and on the trail.
    pub async fn change_own_password(
        &self,
        caller: &Caller,
        current: Secret,
        new: Secret,
        peer: Peer,
    ) -> Result<(), OwnPasswordRefused> {
        let account = own_account(caller)?;
        let prove = caller.clone();
        self.ask(move |tx| tx.authority_on::<ManageSelf>(&prove, account).map(|_| ())).await?;
        let verifier = self.verifier_of(new).await?;
        let checked = self.in_time(self.check_own(caller, current, peer)).await?;
        let caller = caller.clone();
        let change = self
            .change(move |tx| tx.authority_on::<ManageSelf>(&caller, account)?.set_own_password(checked, &verifier));
        Ok(change.await?)
    }

    /// Checks the caller's password; answers which one it was.
    async fn check_own(
        &self,
        caller: &Caller,
        current: Secret,
        peer: Peer,
    ) -> Result<(postern_types::CredentialId, i64), OwnPasswordRefused> {
        let username = caller.origin().label.clone();
        let attempt =
            Attempt { username: username.clone(), secret: current, peer, protocol: "rest", mechanism: "password" };
        let address = Address::parse(&username).map_err(|_| Refused::Unavailable)?;
        let read = self.read_attempt(&attempt.peer, move |tx, network| tx.sign_in_facts_from(&address, None, network));
        let facts = read.await.map_err(Refused::from)?;
        let check = self.check_secret(&attempt, &facts).await.map_err(|_| Refused::Unavailable)?;
        match (&facts.password, check) {
            (Some((id, _, epoch)), SecretCheck::Matches) => Ok((*id, *epoch)),
            (_, check) => {
                let reason = check.against().unwrap_or(SignInReason::FactsDisagree);
                self.note_failure(&attempt, crate::sign_in::named(&facts), &[reason]).await;
                Err(OwnPasswordRefused::Differs)
            }
        }
    }

    /// The caller as they see themselves.
    pub async fn me(&self, caller: &Caller) -> Result<Me, Refused> {
        let account = own_account(caller)?;
        let caller = caller.clone();
        self.ask(move |tx| {
            let row = tx.authority_on::<ReadAccount>(&caller, account)?.row()?;
            let row = row.ok_or_else(|| Rule::Absent("such person".into()))?;
            Ok(Me::of(row, &caller))
        })
        .await
    }

    /// Changes how the caller's own mail is sent.
    pub async fn set_own_sending(&self, caller: &Caller, change: OwnSending) -> Result<Me, Refused> {
        let account = own_account(caller)?;
        let caller = caller.clone();
        self.change(move |tx| {
            let row = tx.authority_on::<ManageSelf>(&caller, account)?.set_sending(&change)?;
            Ok(Me::of(row, &caller))
        })
        .await
    }
}

fn check(wish: &TokenWish, expires: Timestamp, now: Timestamp) -> Result<(), Refused> {
    let name = wish.name.as_str();
    let unusable = |text: String| Err(Refused::Rule(Rule::Unusable(text)));
    if name.is_empty() || name == LOGIN_NAME || name.starts_with(Kind::Token.id_prefix()) {
        return unusable(format!("{name:?} is no name for a token: say what it is for, such as nightly-report"));
    }
    if wish.role == TokenRole::Login {
        return unusable("A token has the role admin, owner or auditor".to_owned());
    }
    if expires <= now {
        return unusable("A token ends in the future".to_owned());
    }
    if expires > now.plus_ms(TOKEN_DAYS_MOST * DAY_MS) {
        return unusable(format!("A token lasts {TOKEN_DAYS_MOST} days at most"));
    }
    Ok(())
}

fn made(bearer: &Bearer, name: &str, role: TokenRole, expires: Timestamp, address: String) -> MadeToken {
    MadeToken { token: bearer.text(), public_id: bearer.public_id(), name: name.to_owned(), role, expires, address }
}
