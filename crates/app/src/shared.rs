//! A shared mailbox through its life: set, removed, brought back, converted.
//!
//! Whoever does not manage shared mailboxes is told so for every address alike, whether it is
//! there or not: the duty is proven before anything is looked up (law 4).

use crate::admin::{SharedSeen, SharedView, allowed, duty_at, give_members};
use crate::{House, Refused};
use postern_access::Denied;
use postern_store::{
    Authority, Caller, ConvertedFromPerson, ConvertedToPerson, GateError, GrantRow, ManageGrants, ManagePeople,
    ManageShared, OpenPrivate, ReadOrganisation, Rule, SharedChange, Tx,
};
use postern_types::{AccountId, Address};

/// A shared mailbox that is a person's now.
#[derive(Debug, Clone)]
pub struct ToPerson {
    /// What ended by it.
    pub ended: ConvertedToPerson,
    /// Who is a delegate there still.
    pub grants: Vec<GrantRow>,
}

/// A person's mailbox that is shared now.
#[derive(Debug, Clone)]
pub struct FromPerson {
    /// What ended by it.
    pub ended: ConvertedFromPerson,
    /// The mailbox.
    pub view: SharedView,
}

/// The number of an address; of nobody's, one that no account has.
pub(crate) fn number_of(tx: &Tx<'_>, address: &Address) -> Result<AccountId, GateError> {
    Ok(tx.account_at(address)?.unwrap_or_else(Tx::no_account))
}

/// The proof to manage the delegates of an account. Whoever manages shared mailboxes and asks
/// about one that was removed hears that, and what to do.
pub(crate) fn manage_grants<'t>(
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    address: &Address,
) -> Result<Authority<'t, ManageGrants>, GateError> {
    let (account, refused) = match duty_at::<ManageGrants>(tx, caller, address, "shared mailbox") {
        Ok((_, authority)) => return Ok(authority),
        Err(refused) => (number_of(tx, address)?, refused),
    };
    let in_use = tx.authority_on::<ManageShared>(caller, account).and_then(|shared| shared.require_in_use());
    match in_use {
        Err(GateError::Rule(removed @ Rule::Unusable(_))) => Err(removed.into()),
        _ if matches!(refused, GateError::Denied(Denied::NotYours { .. }))
            && tx.is_person(account)?
            && allowed(tx.authority::<ReadOrganisation>(caller))?.is_some() =>
        {
            let text = format!("{address} is a person's own mailbox: nobody but they may give others access to it");
            Err(Rule::Unusable(text).into())
        }
        _ => Err(refused),
    }
}

fn view(shared: &Authority<'_, ManageShared>) -> Result<SharedView, GateError> {
    let row = shared.shared_row()?;
    let addresses = shared.addresses(row.id)?;
    let grants = Some(shared.delegates()?);
    Ok(SharedView { shared: SharedSeen { row, is_measured: true }, addresses, grants })
}

impl House {
    /// Changes settings and aliases of a shared account.
    pub async fn set_shared(
        &self,
        caller: &Caller,
        address: &Address,
        change: SharedChange,
    ) -> Result<SharedView, Refused> {
        self.on_shared(caller, address, move |shared| shared.set(&change)).await
    }

    /// Takes a shared account out of use; for 30 days it can come back.
    pub async fn remove_shared(&self, caller: &Caller, address: &Address) -> Result<SharedView, Refused> {
        self.on_shared(caller, address, |shared| shared.remove()).await
    }

    /// Brings a removed shared account back as it was.
    pub async fn restore_shared(&self, caller: &Caller, address: &Address) -> Result<SharedView, Refused> {
        self.on_shared(caller, address, |shared| shared.restore()).await
    }

    /// Does something to one shared account and shows it as it is then.
    async fn on_shared(
        &self,
        caller: &Caller,
        address: &Address,
        act: impl Fn(&Authority<'_, ManageShared>) -> Result<(), GateError> + Send + Sync + 'static,
    ) -> Result<SharedView, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            let shared = tx.authority_on::<ManageShared>(&caller, number_of(tx, &address)?)?;
            act(&shared)?;
            view(&shared)
        })
        .await
    }

    /// Makes a shared account a person's own.
    pub async fn convert_to_person(&self, caller: &Caller, address: &Address) -> Result<ToPerson, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            let account = number_of(tx, &address)?;
            let shared = tx.authority_on::<ManageShared>(&caller, account)?;
            let people = tx.authority_on::<ManagePeople>(&caller, account)?;
            Ok(ToPerson { ended: shared.convert_to_person(&people)?, grants: shared.delegates()? })
        })
        .await
    }

    /// Makes a person's own account shared, with these delegates. Their private mail can be
    /// read by delegates from then on, so whoever calls this has had it confirmed.
    pub async fn convert_from_person(
        &self,
        caller: &Caller,
        address: &Address,
        members: &[Address],
    ) -> Result<FromPerson, Refused> {
        let (caller, address, members) = (caller.clone(), address.clone(), members.to_vec());
        self.change(move |tx| {
            let account = number_of(tx, &address)?;
            let shared = tx.authority_on::<ManageShared>(&caller, account)?;
            let people = tx.authority_on::<ManagePeople>(&caller, account)?;
            let private = tx.authority_on::<OpenPrivate>(&caller, account)?;
            let ended = shared.convert_from_person(&people, &private)?;
            give_members(tx, &caller, account, &members)?;
            Ok(FromPerson { ended, view: view(&shared)? })
        })
        .await
    }
}
