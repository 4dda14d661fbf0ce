//! Sign-ins, accepted and failed, read from the trail by whoever may read it.
//!
//! A failed one keeps `MECHANISM: reason` as its public part, an accepted one the mechanism; both
//! with ` rooted` after it where another account was to be at the top.

use super::audit::{decode_leaf, decode_personal};
use super::authority::{Authority, ReadAudit, ReadGrants};
use super::credentials::CredentialAuthority;
use super::error::GateError;
use crate::sql::Row;
use crate::statements::audit as sql;
use crate::{StoreError, Tx};
use postern_types::{AccountId, AuditId, CredentialId, Timestamp};

/// Which sign-ins to list.
#[derive(Debug, Clone, Default)]
pub struct SignInFilter {
    /// Only those in this account.
    pub account: Option<AccountId>,
    /// Only those by this credential of that account, and those that named it in vain.
    pub credential: Option<CredentialId>,
    /// Only those that failed.
    pub failed: bool,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Older than this row, for the next page.
    pub before: Option<AuditId>,
    /// Newer than this row, for whoever follows.
    pub after: Option<AuditId>,
    /// At most this many.
    pub most: usize,
}

/// A sign-in as reports show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// Its id on the trail, rising with time.
    pub id: AuditId,
    /// House time.
    pub at: Timestamp,
    /// Why it failed; nothing where it was accepted.
    pub failed: Option<String>,
    /// `person` or `credential`; `stranger` where it failed.
    pub actor_kind: String,
    /// Who signed in, or the credential that was named in vain, as people know them; nothing where
    /// there is none, or once erased.
    pub actor: Option<String>,
    /// Public id of the credential, where one signed in or was named.
    pub credential: Option<String>,
    /// The name as it came, where it failed; nothing once erased.
    pub username: Option<String>,
    /// Address of the account.
    pub account: Option<String>,
    /// By which protocol.
    pub protocol: String,
    /// Peer address; nothing where there was none or it is erased.
    pub peer: Option<String>,
    /// `LOGIN`, `PLAIN` ...; empty where it is not known.
    pub mechanism: String,
    /// Another account than their own was at the top, or was to be.
    pub is_rooted: bool,
}

impl Authority<'_, ReadAudit> {
    /// Sign-ins, newest first.
    pub fn sign_ins(&self, filter: &SignInFilter) -> Result<Vec<SignInRow>, GateError> {
        Ok(sign_ins(self.tx(), filter)?)
    }
}

impl CredentialAuthority<'_, ReadGrants> {
    /// Those by this credential and those that named it in vain, newest first: whoever answers for it
    /// sees what becomes of it, and nothing else of its mailbox.
    pub fn sign_ins(&self, filter: &SignInFilter) -> Result<Vec<SignInRow>, GateError> {
        let (account, credential) = (Some(self.account()), Some(self.id()));
        Ok(sign_ins(self.tx(), &SignInFilter { account, credential, ..filter.clone() })?)
    }
}

fn sign_ins(tx: &Tx<'_>, filter: &SignInFilter) -> Result<Vec<SignInRow>, StoreError> {
    let SignInFilter { account, credential, failed, since, before, after, most } = filter;
    let values = [
        before.map_or(i64::MAX, AuditId::get).into(),
        after.map_or(0, AuditId::get).into(),
        since.unwrap_or_default().0.into(),
        (*failed).into(),
        (*most as i64).into(),
        credential.map(CredentialId::get).or(account.map(AccountId::get)).into(),
        account.map(AccountId::get).into(),
    ];
    let (statement, count) = match (credential, account) {
        (Some(_), _) => (&sql::SIGN_INS_BY_CREDENTIAL, 7),
        (None, Some(_)) => (&sql::SIGN_INS_OF_ACCOUNT, 6),
        (None, None) => (&sql::SIGN_INS, 5),
    };
    tx.all(statement, &values[..count], sign_in)
}

fn sign_in(row: &dyn Row) -> Result<SignInRow, StoreError> {
    let (protocol, detail) = decode_leaf(row.bytes(4)?)?;
    let mut personal = decode_personal(row.opt_bytes(5)?).into_iter();
    let mut next = || personal.next().flatten().filter(|text| !text.is_empty());
    let (how, failed) = match row.text(2)? {
        "sign-in.failed" => {
            let (how, reason) = how_and_reason(&detail);
            (how, Some(reason.to_owned()))
        }
        _ => (detail.as_str(), None),
    };
    // What signed in directly stands after how.
    let mut words = how.split(' ');
    let mechanism = words.next().unwrap_or_default().to_owned();
    Ok(SignInRow {
        id: AuditId::new(row.int(0)?)?,
        at: Timestamp(row.int(1)?),
        failed,
        actor_kind: row.text(3)?.to_owned(),
        actor: next(),
        peer: next(),
        username: next(),
        credential: row.opt_text(7)?.map(str::to_owned),
        account: row.opt_text(6)?.map(str::to_owned),
        protocol,
        mechanism,
        is_rooted: words.next() == Some("rooted"),
    })
}

/// The parts of what the trail keeps of a failed sign-in, `LOGIN rooted: the secret is wrong`.
/// What does not begin with a mechanism is a reason.
pub fn how_and_reason(detail: &str) -> (&str, &str) {
    let is_mechanism = |how: &str| how.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    match detail.split_once(": ") {
        Some((how, reason)) if is_mechanism(how.strip_suffix(" rooted").unwrap_or(how)) => (how, reason),
        _ => ("", detail),
    }
}

#[cfg(test)]
mod tests {
    use super::how_and_reason;

    #[test]
    fn a_reason_stands_after_the_mechanism() {
        assert_eq!(how_and_reason("PLAIN: the secret is wrong"), ("PLAIN", "the secret is wrong"));
        assert_eq!(how_and_reason("SCRAM-SHA-256 rooted: no: none"), ("SCRAM-SHA-256 rooted", "no: none"));
        assert_eq!(how_and_reason("the secret is wrong"), ("", "the secret is wrong"));
        assert_eq!(how_and_reason("so many more: all refused"), ("", "so many more: all refused"));
    }
}
