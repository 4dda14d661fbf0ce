//! Who signed in and who failed to, read by whoever reads the trail.

use crate::admin::{allowed, duty_at};
use crate::{House, Refused};
use postern_store::{
    Authority, Caller, CredentialAuthority, GateError, ReadAudit, ReadGrants, Rule, SignInFilter, SignInRow,
    StoreError, Tx,
};
use postern_types::{AccountId, Address, AuditId, CredentialId, Timestamp};

/// Which sign-ins are asked for.
#[derive(Debug, Clone, Default)]
pub struct SignInQuery {
    /// Only those in this account.
    pub account: Option<Address>,
    /// Only those in the account of this number, as with the trail. Instead of `account`.
    pub number: Option<AccountId>,
    /// Only those by the credential with this public id, and those that named it in vain.
    pub credential: Option<String>,
    /// Only those that failed.
    pub failed: bool,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Older than this row.
    pub before: Option<i64>,
    /// Newer than this row; 0 for all.
    pub after: Option<i64>,
    /// At most this many.
    pub most: usize,
}

/// By what the caller sees sign-ins.
enum Sees<'t> {
    /// They read the trail, of an account or of the organisation.
    Trail(Authority<'t, ReadAudit>),
    /// They answer for a credential, or use it.
    One(Box<CredentialAuthority<'t, ReadGrants>>),
}

/// The proof, and whose sign-ins it lets see of those that are asked for.
type Allowed<'t> = (Sees<'t>, Option<AccountId>, Option<CredentialId>);

impl House {
    /// Sign-ins, newest first.
    pub async fn sign_ins(&self, caller: &Caller, query: SignInQuery) -> Result<Vec<SignInRow>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            let (sees, account, credential) = look_at(tx, &caller, &query)?;
            let row = |number: Option<i64>| number.map(AuditId::new).transpose().map_err(StoreError::from);
            let filter = SignInFilter {
                account,
                credential,
                failed: query.failed,
                since: query.since,
                before: row(query.before)?,
                after: row(query.after.filter(|after| *after > 0))?,
                most: query.most.clamp(1, 1000),
            };
            match sees {
                Sees::Trail(trail) => trail.sign_ins(&filter),
                Sees::One(credential) => credential.sign_ins(&filter),
            }
        })
        .await
    }
}

fn look_at<'t>(tx: &'t Tx<'t>, caller: &'t Caller, query: &SignInQuery) -> Result<Allowed<'t>, GateError> {
    // Whose account it is before anything else, so that who asks in vain learns nothing.
    let (authority, account) = match (&query.account, query.number) {
        (Some(_), Some(_)) => {
            return Err(Rule::Unusable("Name the account by its address or its number, not both".into()).into());
        }
        (Some(address), None) => {
            let (account, authority) = duty_at::<ReadAudit>(tx, caller, address, "account")?;
            (authority, Some(account))
        }
        (None, Some(number)) => (tx.authority::<ReadAudit>(caller)?, Some(number)),
        (None, None) => match &query.credential {
            Some(public_id) => return of_credential(tx, caller, public_id),
            None => (tx.authority::<ReadAudit>(caller)?, None),
        },
    };
    let Some(public_id) = &query.credential else { return Ok((Sees::Trail(authority), account, None)) };
    match named(tx, public_id)? {
        Some((owner, credential)) if Some(owner) == account => Ok((Sees::Trail(authority), account, Some(credential))),
        _ => Err(absent(public_id)),
    }
}

/// Of a credential alone, for whoever reads its mailbox's trail, answers for it or uses it; to others
/// it is absent, by the same statements (law 4).
fn of_credential<'t>(tx: &'t Tx<'t>, caller: &'t Caller, which: &str) -> Result<Allowed<'t>, GateError> {
    let found = named(tx, which)?;
    let account = found.map_or_else(Tx::no_account, |(account, _)| account);
    let trail = allowed(tx.authority_on::<ReadAudit>(caller, account))?;
    let one = match tx.credential::<ReadGrants>(caller, which) {
        Ok(one) => Some(one),
        Err(GateError::Denied(_) | GateError::Rule(_)) => None,
        Err(error) => return Err(error),
    };
    let (account, credential) = found.ok_or_else(|| absent(which))?;
    let sees = trail.map(Sees::Trail).or(one.map(|one| Sees::One(Box::new(one)))).ok_or_else(|| absent(which))?;
    Ok((sees, Some(account), Some(credential)))
}

/// A credential by its id, or one of a mailbox as `support@example.org/nightly`.
fn named(tx: &Tx<'_>, which: &str) -> Result<Option<(AccountId, CredentialId)>, StoreError> {
    let (id, account) = tx.credential_called(which)?;
    Ok(CredentialId::new(id).ok().map(|id| (account, id)))
}

fn absent(public_id: &str) -> GateError {
    Rule::Absent(format!("credential {public_id}")).into()
}
