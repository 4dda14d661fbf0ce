//! Use cases on quotas (RFC 9208): what an account holds and may hold, asked by whoever reads all of it
//! and set by whoever manages people.

use crate::shared::number_of;
use crate::{House, Locator, Refused, Session};
use postern_access::Denied;
use postern_store::{AccountRow, Caller, GateError, ManagePeople, QuotaChange, QuotaRoot, Read, Tx};
use postern_types::{Address, Letter};

impl House {
    /// The quota root of a mailbox, or of one that would have this name: for whoever may read it, and
    /// nothing where the rest of the account is not theirs to read.
    pub async fn quota_root_of(&self, session: &Session, at: &Locator) -> Result<Option<QuotaRoot>, Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let account = at.account(tx, view)?;
            match tx.open_named::<Read>(&caller, account, &at.name) {
                Ok(_) => {}
                // Hidden or not there: either way it counts what they would hold if it were made now.
                Err(hidden @ GateError::Denied(Denied::Hidden)) => {
                    if !tx.rights_on_new_name(&caller, account, &at.name)?.has(Letter::Read) {
                        return Err(hidden);
                    }
                }
                Err(error) => return Err(error),
            }
            tx.quota_root(&caller, account)
        });
        Ok(read.await?)
    }

    /// The quota root of this name; nothing where it is not there, or not for the session.
    pub async fn quota_root(&self, session: &Session, name: &Address) -> Result<Option<QuotaRoot>, Refused> {
        let (caller, view, name) = (session.caller.clone(), session.view(), name.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let account = number_of(tx, &name)?;
            let account = if view.rooted && account != view.account { Tx::no_account() } else { account };
            // A root has one name: an alias is none.
            Ok(tx.quota_root(&caller, account)?.filter(|root| root.name == name.as_str()))
        });
        Ok(read.await?)
    }

    /// Bounds what a person's own account may hold.
    pub async fn set_person_quota(
        &self,
        caller: &Caller,
        address: &Address,
        change: QuotaChange,
    ) -> Result<AccountRow, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| tx.authority_on::<ManagePeople>(&caller, number_of(tx, &address)?)?.set_quota(change))
            .await
    }
}
