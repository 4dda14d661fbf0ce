//! Policy on direct sign-in: the organisation's, and the narrower one of an account.

use super::authority::{Authority, DutyClass, ManagePolicy, ReadAccount, ReadGrants, ReadOrganisation};
use super::error::GateError;
use super::scope;
use super::tree::raise_epoch;
use crate::statements::credentials as sql;
use crate::{Notice, StoreError, Tx};
use postern_access::{DirectSignIn, Policy, Purposes};
use postern_types::{AccountId, CredentialId};

/// The policy of the organisation or of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// What is set here. Of an account, what is not set narrows nothing.
    pub set: Policy,
    /// What holds: of an account, with the organisation's.
    pub holds: Policy,
    /// The organisation's time zone, in which hours are told.
    pub time_zone: String,
    /// Credentials that have not ended: of the account, or of all.
    pub live: u64,
}

/// What to change; nothing leaves it as it is.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// May credentials sign in?
    pub direct_sign_in: Option<DirectSignIn>,
    /// How long one lasts at most, in milliseconds; `Some(None)` is without a limit.
    pub max_life_ms: Option<Option<i64>>,
    /// What for.
    pub purposes: Option<Purposes>,
    /// In which time zone hours are told: the organisation's alone.
    pub time_zone: Option<String>,
    /// Takes back every credential that this concerns, for good.
    pub end_credentials: bool,
}

/// What a change of policy came to.
#[derive(Debug, Clone)]
pub struct PolicyChanged {
    /// The policy as it is now.
    pub row: PolicyRow,
    /// Credentials that were taken back.
    pub ended: Vec<CredentialId>,
    /// Those that stood before and do not now, the ones that were taken back among them.
    pub stopped: Vec<CredentialId>,
}

impl Tx<'_> {
    /// The policy on an account. Who may see it, was asked before.
    pub(super) fn policy_on(&self, account: AccountId) -> Result<PolicyRow, StoreError> {
        let organisation = self.policy_of_all()?;
        let key = [account.get().into()];
        let set =
            self.one(&sql::POLICY_OF, &key, |row| scope::policy(row.opt_text(0)?, row.opt_int(1)?, row.opt_text(2)?))?;
        let set = set.unwrap_or_default();
        Ok(PolicyRow { set, holds: organisation.set.narrowed_by(set), live: self.live(Some(account))?, ..organisation })
    }

    /// What holds on an account, for whoever issues there.
    pub(super) fn policy_holding(&self, account: AccountId) -> Result<Policy, StoreError> {
        let read = |row: &dyn crate::sql::Row| scope::policy(row.opt_text(0)?, row.opt_int(1)?, row.opt_text(2)?);
        let organisation = self.one(&sql::POLICY, &[], read)?.unwrap_or_default();
        let set = self.one(&sql::POLICY_OF, &[account.get().into()], read)?.unwrap_or_default();
        Ok(organisation.narrowed_by(set))
    }

    fn policy_of_all(&self) -> Result<PolicyRow, StoreError> {
        let found = self.one(&sql::POLICY, &[], |row| {
            Ok((scope::policy(row.opt_text(0)?, row.opt_int(1)?, row.opt_text(2)?)?, row.text(3)?.to_owned()))
        })?;
        let (set, time_zone) = found.ok_or_else(|| StoreError::Damaged("there is no organisation".into()))?;
        Ok(PolicyRow { set, holds: set, time_zone, live: self.live(None)? })
    }

    fn live(&self, account: Option<AccountId>) -> Result<u64, StoreError> {
        let key = [account.map_or(0, AccountId::get).into()];
        Ok(self.one(&sql::COUNT_LIVE, &key, |row| super::read::count(row.int(0)?))?.unwrap_or(0))
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn policy_row(&self) -> Result<PolicyRow, StoreError> {
        self.account().map_or_else(|| self.tx().policy_of_all(), |account| self.tx().policy_on(account))
    }
}

impl Authority<'_, ReadOrganisation> {
    /// The organisation's policy.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        Ok(self.policy_row()?)
    }
}

impl Authority<'_, ReadAccount> {
    /// The account's policy. How many credentials there are is for those who see its grants.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        Ok(self.policy_row()?)
    }
}

impl Authority<'_, ReadGrants> {
    /// The account's policy.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        Ok(self.policy_row()?)
    }
}

impl Authority<'_, ManagePolicy> {
    /// Changes the policy. Sessions that it does not allow any more end.
    pub fn set_policy(&self, change: &PolicyChange) -> Result<PolicyChanged, GateError> {
        let before = self.policy_row()?;
        let set = Policy {
            direct_sign_in: change.direct_sign_in.unwrap_or(before.set.direct_sign_in),
            max_life_ms: change.max_life_ms.unwrap_or(before.set.max_life_ms),
            purposes: change.purposes.unwrap_or(before.set.purposes),
        };
        let accounts = self.accounts_concerned()?;
        let stood = self.standing(&accounts)?;
        let time_zone = change.time_zone.clone().unwrap_or_else(|| before.time_zone.clone());
        scope::check_zone(&time_zone)?;
        if set != before.set || time_zone != before.time_zone {
            self.write(&set, &time_zone)?;
            self.note("policy.set", self.account(), &told(&set, &before.set, &time_zone, &before.time_zone), "")?;
        }
        let mut ended = Vec::new();
        if change.end_credentials {
            for account in &accounts {
                ended.extend(self.end_secrets(*account, "by policy")?);
            }
        }
        let stands = self.standing(&accounts)?;
        let stopped = stood.into_iter().filter(|id| !stands.contains(id)).collect();
        Ok(PolicyChanged { row: self.policy_row()?, ended, stopped })
    }

    fn accounts_concerned(&self) -> Result<Vec<AccountId>, StoreError> {
        self.account().map_or_else(|| self.tx().accounts_with_credentials(false), |account| Ok(vec![account]))
    }

    /// The credentials of these accounts that stand now.
    fn standing(&self, accounts: &[AccountId]) -> Result<Vec<CredentialId>, StoreError> {
        let mut found = Vec::new();
        for account in accounts {
            for id in self.tx().all(&sql::LIVE, &[account.get().into()], |row| row.int(0))? {
                let known = scope::known(self.tx(), id)?;
                found.extend(
                    known.filter(|known| known.facts.standing(self.tx().now()).stands()).map(|known| known.facts.id),
                );
            }
        }
        Ok(found)
    }

    fn write(&self, set: &Policy, time_zone: &str) -> Result<(), GateError> {
        let tx = self.tx();
        let purposes = (set.purposes != Purposes::ALL).then(|| set.purposes.to_string());
        let (sign_in, life, purposes) =
            (set.direct_sign_in.name().into(), set.max_life_ms.into(), purposes.as_ref().into());
        match self.account() {
            Some(account) => {
                tx.execute(&sql::SET_POLICY_OF, &[account.get().into(), sign_in, life, purposes])?;
                raise_epoch(tx, account)?;
            }
            None => {
                let epoch = tx.one(&sql::SET_POLICY, &[sign_in, life, purposes, time_zone.into()], |row| row.int(0))?;
                tx.notify(Notice::Organisation(epoch.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

/// What changed, as the trail keeps it.
fn told(now: &Policy, before: &Policy, zone: &str, zone_before: &str) -> String {
    let mut text = Vec::new();
    if now.direct_sign_in != before.direct_sign_in {
        text.push(format!("direct-sign-in {}", now.direct_sign_in));
    }
    if now.max_life_ms != before.max_life_ms {
        text.push(now.max_life_ms.map_or("max-life none".to_owned(), |life| format!("max-life {}s", life / 1000)));
    }
    if now.purposes != before.purposes {
        text.push(format!(
            "purposes {}",
            if now.purposes == Purposes::ALL { "all".to_owned() } else { now.purposes.to_string() }
        ));
    }
    if zone != zone_before {
        text.push(format!("time-zone {zone}"));
    }
    text.join(" ")
}
