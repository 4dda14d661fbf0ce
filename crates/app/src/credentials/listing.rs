//! Which credentials are listed for whom.

use crate::admin::{allowed, duty_at};
use postern_access::Actor;
use postern_store::{Caller, CredentialRow, GateError, ReadGrants, ReadOrganisation, Tx};
use postern_types::{AccountId, Address};
use std::collections::HashSet;

/// Those of one shared mailbox, for whoever sees its grants; else those there that the caller answers
/// for or uses, if there are any.
pub(super) fn credentials_at(
    tx: &Tx<'_>,
    caller: &Caller,
    address: &Address,
    ended_too: bool,
) -> Result<Vec<CredentialRow>, GateError> {
    let denied = match duty_at::<ReadGrants>(tx, caller, address, "shared mailbox") {
        Ok((_, grants)) => return grants.credentials(ended_too),
        Err(denied @ (GateError::Denied(_) | GateError::Rule(_))) => denied,
        Err(error) => return Err(error),
    };
    let account = tx.account_at(address)?.unwrap_or_else(Tx::no_account);
    let rows = answered_for(tx, caller, ended_too, |of| of == account)?;
    if rows.is_empty() { Err(denied) } else { Ok(rows) }
}

/// Those of every mailbox whose grants the caller sees, with those that they answer for or use. Whoever
/// does not see the organisation walks their own mailboxes alone: neither its cost nor its time tells
/// how many others there are.
pub(super) fn all_credentials(tx: &Tx<'_>, caller: &Caller, ended_too: bool) -> Result<Vec<CredentialRow>, GateError> {
    let accounts = match allowed(tx.authority::<ReadOrganisation>(caller))? {
        Some(_) => tx.accounts_with_credentials(ended_too)?,
        None => tx.accounts_of(caller)?,
    };
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    for account in accounts {
        if let Some(grants) = allowed(tx.authority_on::<ReadGrants>(caller, account))? {
            rows.extend(grants.credentials(ended_too)?);
            seen.insert(account);
        }
    }
    rows.extend(answered_for(tx, caller, ended_too, |of| !seen.contains(&of))?);
    rows.sort_by_key(|row| (row.facts.account, row.facts.id));
    Ok(rows)
}

/// Those that the caller answers for or uses in such accounts.
fn answered_for(
    tx: &Tx<'_>,
    caller: &Caller,
    ended_too: bool,
    is_meant: impl Fn(AccountId) -> bool,
) -> Result<Vec<CredentialRow>, GateError> {
    let Actor::Person(person) = caller.actor() else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for (account, public_id) in tx.credentials_answered_for(*person)? {
        if !is_meant(account) {
            continue;
        }
        match tx.credential::<ReadGrants>(caller, &public_id) {
            Ok(credential) => rows.push(credential.row()?),
            Err(GateError::Denied(_) | GateError::Rule(_)) => {}
            Err(error) => return Err(error),
        }
    }
    rows.retain(|row| ended_too || row.ended.is_none());
    Ok(rows)
}
