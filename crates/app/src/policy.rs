//! Policy on direct sign-in: shown to whoever takes part, changed by those who administer.

use crate::admin::duty_at;
use crate::{House, LiveSession, Refused};
use postern_store::{
    Caller, GateError, ManagePolicy, PolicyChange, PolicyRow, ReadAccount, ReadGrants, ReadOrganisation, Tx,
};
use postern_types::Address;
use std::sync::Arc;

/// A policy that was changed.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// As it is now.
    pub row: PolicyRow,
    /// How many credentials were taken back for good.
    pub ended: usize,
    /// How many stood before and do not now, those among them.
    pub stopped: usize,
    /// How many stand and end sooner than before.
    pub shortened: usize,
    /// Sessions of this node that ended by that.
    pub cut: Vec<LiveSession>,
}

impl House {
    /// The policy of the organisation, or of one shared mailbox. How many credentials a mailbox
    /// has is told to those who see its grants.
    pub async fn policy(&self, caller: &Caller, shared: Option<&Address>) -> Result<(PolicyRow, bool), Refused> {
        let (caller, shared) = (caller.clone(), shared.cloned());
        self.ask(move |tx| match &shared {
            None => Ok((tx.authority::<ReadOrganisation>(&caller)?.policy()?, true)),
            Some(address) => {
                let (account, reads) = duty_at::<ReadAccount>(tx, &caller, address, "shared mailbox")?;
                match tx.authority_on::<ReadGrants>(&caller, account) {
                    Ok(grants) => Ok((grants.policy()?, true)),
                    Err(GateError::Denied(_)) => Ok((reads.policy()?, false)),
                    Err(error) => Err(error),
                }
            }
        })
        .await
    }

    /// Changes it. Sessions that it does not allow any more end.
    pub async fn set_policy(
        &self,
        caller: &Caller,
        shared: Option<&Address>,
        change: PolicyChange,
    ) -> Result<PolicySet, Refused> {
        let (caller, shared) = (caller.clone(), shared.cloned());
        let live = Arc::clone(&self.live);
        let set = self.change(move |tx: &Tx<'_>| {
            let policy = match &shared {
                None => tx.authority::<ManagePolicy>(&caller)?,
                Some(address) => duty_at::<ManagePolicy>(tx, &caller, address, "shared mailbox")?.1,
            };
            let changed = policy.set_policy(&change)?;
            // Once this is committed they are on their way out.
            let cut = changed.stopped.iter().flat_map(|id| live.of(*id)).collect();
            let (ended, stopped) = (changed.ended.len(), changed.stopped.len());
            Ok(PolicySet { row: changed.row, ended, stopped, shortened: changed.shortened, cut })
        });
        set.await
    }
}
