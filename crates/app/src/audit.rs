//! The trail as those see it who may read it: of the organisation, or of one account.

use crate::admin::{account_of, duty_at};
use crate::credentials::is_credential;
use crate::{House, Refused};
use postern_store::{AuditFilter, AuditRow, Caller, Doer, GateError, ReadAudit, Rule, StoreError, Tx};
use postern_types::{AccountId, Address, AddressError, AuditId, Timestamp};

/// Which rows of the trail are asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only this account.
    pub account: Option<Address>,
    /// Only the account of this number, also one whose address is gone: for those who read the
    /// trail of the organisation. Instead of `account`.
    pub number: Option<AccountId>,
    /// Only what they did.
    pub actor: Option<AuditActor>,
    /// From this time on.
    pub since: Option<Timestamp>,
    /// Older than this row.
    pub before: Option<i64>,
    /// At most this many.
    pub most: usize,
}

/// Whose acts are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditActor {
    /// A person's, by their address.
    Person(Address),
    /// A credential's, by its id or as `ADDRESS/NAME`.
    Credential(String),
}

impl AuditActor {
    /// From how people call either.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        match is_credential(text) {
            true => Ok(AuditActor::Credential(text.to_owned())),
            false => Address::parse(text).map(AuditActor::Person),
        }
    }

    fn find(&self, tx: &Tx<'_>, account: Option<AccountId>, is_of_one: bool) -> Result<Doer, GateError> {
        match self {
            AuditActor::Person(address) if is_of_one => {
                Ok(Doer::Person(tx.account_at(address)?.unwrap_or_else(Tx::no_account)))
            }
            AuditActor::Person(address) => Ok(Doer::Person(account_of(tx, address, "person")?)),
            AuditActor::Credential(which) => {
                let (of, found) = tx.credentials_ever_called(which)?;
                let is_asked = account.is_none_or(|account| account == of);
                match found.as_slice() {
                    [(id, _)] if is_asked => Ok(Doer::Credential(Some(*id))),
                    [_, _, ..] if is_asked => {
                        let ids: Vec<&str> = found.iter().map(|(_, public_id)| public_id.as_str()).collect();
                        let text = format!("Several were called {which}; name one by its id: {}", ids.join(", "));
                        Err(Rule::Unusable(text).into())
                    }
                    _ if is_of_one => Ok(Doer::Credential(None)),
                    _ => Err(Rule::Absent(format!("credential {which}")).into()),
                }
            }
        }
    }
}

impl House {
    /// Rows of the trail, newest first.
    pub async fn audit(&self, caller: &Caller, query: AuditQuery) -> Result<Vec<AuditRow>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            // Whose account it is before anything else, so that who asks in vain learns nothing.
            let (account, authority) = match (&query.account, query.number) {
                (Some(_), Some(_)) => {
                    return Err(Rule::Unusable("Name the account by its address or its number, not both".into()).into());
                }
                (Some(address), None) => {
                    let (account, authority) = duty_at::<ReadAudit>(tx, &caller, address, "account")?;
                    (Some(account), authority)
                }
                (None, number) => (number, tx.authority::<ReadAudit>(&caller)?),
            };
            // Who sees one account learns of nobody else: someone unknown did nothing in it.
            let is_of_one = query.account.is_some();
            let actor = query.actor.as_ref().map(|actor| actor.find(tx, account, is_of_one)).transpose()?;
            let before = query.before.map(AuditId::new).transpose().map_err(StoreError::from)?;
            let filter = AuditFilter { account, actor, since: query.since, before, most: query.most.clamp(1, 1000) };
            authority.list_events(&filter)
        })
        .await
    }
}
