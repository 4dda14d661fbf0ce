//! Use cases on the access control list of one mailbox (RFC 4314): who holds what here,
//! asked and changed by people in their mail programs.

use crate::admin::grantee_of;
use crate::{House, Locator, Refused, Session};
use postern_store::{AclEntry, Administer, GateError, OwnRights, RightsChange, Rule, Tx};
use postern_types::{Address, PrincipalId, Rights};

/// What may be given to someone in a mailbox (RFC 4314 section 3.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRights {
    /// What they hold whatever the list says: everything, for the owner of the account.
    pub always: Rights,
    /// What the asker may give them, letter by letter: what they hold here themselves.
    pub optional: Rights,
}

impl House {
    /// Every letter that the session holds on a mailbox.
    pub async fn my_rights(&self, session: &Session, at: &Locator) -> Result<Rights, Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok(tx.open_named::<OwnRights>(&caller, at.account(tx, view)?, &at.name)?.held())
        });
        Ok(read.await?)
    }

    /// Who holds what on a mailbox.
    pub async fn acl(&self, session: &Session, at: &Locator) -> Result<Vec<AclEntry>, Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            tx.open_named::<Administer>(&caller, at.account(tx, view)?, &at.name)?.acl()
        });
        Ok(read.await?)
    }

    /// What the session may give to someone on a mailbox.
    pub async fn list_rights(
        &self,
        session: &Session,
        at: &Locator,
        identifier: &str,
    ) -> Result<ListedRights, Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let identifier = identifier.to_owned();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open_named::<Administer>(&caller, at.account(tx, view)?, &at.name)?;
            let (grantee, _) = identified(tx, &identifier)?;
            Ok(match access.is_owner(grantee)? {
                true => ListedRights { always: Rights::ALL, optional: Rights::NONE },
                false => ListedRights { always: Rights::NONE, optional: access.held() },
            })
        });
        Ok(read.await?)
    }

    /// Changes what someone holds on a mailbox; with no letters they hold nothing there.
    pub async fn set_acl(
        &self,
        session: &Session,
        at: &Locator,
        identifier: &str,
        change: RightsChange,
    ) -> Result<(), Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let identifier = identifier.to_owned();
        let write = self.db.write(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open_named::<Administer>(&caller, at.account(tx, view)?, &at.name)?;
            let (grantee, address) = identified(tx, &identifier)?;
            access.set_acl(grantee, address.as_str(), change)
        });
        Ok(write.await?)
    }
}

/// The person or group that an identifier names (RFC 4314 section 2). Called with the proof
/// of `a` in hand: nobody else learns who there is.
fn identified(tx: &Tx<'_>, identifier: &str) -> Result<(PrincipalId, Address), GateError> {
    if identifier.starts_with('-') {
        return Err(Rule::Cannot("Rights are never negative here; give people what they need, and no more").into());
    }
    if ["anyone", "anonymous"].iter().any(|everyone| identifier.eq_ignore_ascii_case(everyone)) {
        return Err(Rule::Cannot("Rights are given to people and groups by their address, never to everyone").into());
    }
    let absent = || Rule::Absent(format!("person or group {identifier}"));
    let address = Address::parse(identifier).map_err(|_| absent())?;
    Ok((grantee_of(tx, &address)?, address))
}
