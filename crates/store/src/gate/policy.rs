//! Policy on direct sign-in: the organisation's, and the narrower one of an account.

use super::authority::{Authority, DutyClass, ManagePolicy, ReadAccount, ReadGrants, ReadOrganisation};
use super::error::{GateError, Rule};
use super::scope::{self, Live};
use super::tree::raise_epoch;
use crate::statements::credentials as sql;
use crate::{Notice, StoreError, Tx};
use postern_access::{CredentialFacts, Denied, DirectSignIn, Policy, Purposes};
use postern_types::{AccountId, CredentialId, length};
use std::collections::{BTreeMap, HashSet};

/// The policy of the organisation or of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// What is set here. Of an account, what is not set narrows nothing.
    pub set: Policy,
    /// What the organisation has set.
    pub organisation: Policy,
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
    /// Takes back for good every credential that policy, as it is then, would not let be issued: all,
    /// but where it is allowed.
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
    /// How many stand and end sooner than before.
    pub shortened: usize,
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

    fn policy_of_all(&self) -> Result<PolicyRow, StoreError> {
        let found = self.one(&sql::POLICY, &[], |row| {
            Ok((scope::policy(row.opt_text(0)?, row.opt_int(1)?, row.opt_text(2)?)?, row.text(3)?.to_owned()))
        })?;
        let (set, time_zone) = found.ok_or_else(|| StoreError::Damaged("there is no organisation".into()))?;
        Ok(PolicyRow { set, organisation: set, holds: set, time_zone, live: self.live(None)? })
    }

    fn live(&self, account: Option<AccountId>) -> Result<u64, StoreError> {
        let key = [account.map_or(0, AccountId::get).into(), self.now().0.into()];
        Ok(self.one(&sql::COUNT_LIVE, &key, |row| super::read::count(row.int(0)?))?.unwrap_or(0))
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn policy_row(&self) -> Result<PolicyRow, GateError> {
        let Some(account) = self.account() else { return Ok(self.tx().policy_of_all()?) };
        self.refuse_private(account)?;
        Ok(self.tx().policy_on(account)?)
    }

    /// What is of direct sign-in is of shared mailboxes alone.
    pub(super) fn refuse_private(&self, account: AccountId) -> Result<(), GateError> {
        if !self.tx().is_person(account)? {
            return Ok(());
        }
        let text = "This is a person's own mailbox: they sign in as themselves. Direct sign-in is for shared mailboxes";
        Err(Rule::Unusable(text.into()).into())
    }
}

impl Authority<'_, ReadOrganisation> {
    /// The organisation's policy.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        self.policy_row()
    }
}

impl Authority<'_, ReadAccount> {
    /// The account's policy. How many credentials there are is for those who see its grants.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        self.policy_row()
    }
}

impl Authority<'_, ReadGrants> {
    /// The account's policy.
    pub fn policy(&self) -> Result<PolicyRow, GateError> {
        self.policy_row()
    }
}

impl Authority<'_, ManagePolicy> {
    /// Changes the policy. Sessions that it does not allow any more end.
    pub fn set_policy(&self, change: &PolicyChange) -> Result<PolicyChanged, GateError> {
        match self.account() {
            // Its row is held by the proof.
            Some(account) => self.refuse_private(account)?,
            None => drop(self.tx().one(&sql::ORGANISATION_FOR_WRITE, &[], |row| row.int(0))?),
        }
        if self.account().is_some() && change.time_zone.is_some() {
            let text = "The time zone is the organisation's: set it without naming a mailbox";
            return Err(Rule::Unusable(text.into()).into());
        }
        let before = self.policy_row()?;
        let set = Policy {
            direct_sign_in: change.direct_sign_in.unwrap_or(before.set.direct_sign_in),
            max_life_ms: change.max_life_ms.unwrap_or(before.set.max_life_ms),
            purposes: change.purposes.unwrap_or(before.set.purposes),
        };
        let time_zone = change.time_zone.clone().unwrap_or_else(|| before.time_zone.clone());
        // One that is there and not understood keeps nobody from blocking.
        if change.time_zone.is_some() {
            scope::check_zone(&time_zone)?;
        }
        self.refuse_loosening_by_token(&before, &set, &time_zone)?;
        let live = scope::live(self.tx(), self.account())?;
        if set != before.set || time_zone != before.time_zone {
            self.write(&set, &time_zone)?;
            self.note("policy.set", self.account(), &told(&set, &before.set, &time_zone, &before.time_zone), "")?;
        }
        let now = self.under(&before, &set, &time_zone, &live);
        let ended = if change.end_credentials { self.end_what_is_beyond(&now)? } else { Vec::new() };
        let (mut stopped, mut shortened) = (Vec::new(), 0);
        let at = self.tx().now();
        for (was, is) in live.iter().map(|live| &live.facts).zip(&now).filter(|(was, _)| was.standing(at).stands()) {
            if ended.contains(&is.id) || !is.standing(at).stands() {
                stopped.push(is.id);
            } else if is.ends() < was.ends() {
                shortened += 1;
            }
        }
        Ok(PolicyChanged { row: self.policy_row()?, ended, stopped, shortened })
    }

    /// A token that was made makes it stricter alone.
    fn refuse_loosening_by_token(&self, before: &PolicyRow, set: &Policy, time_zone: &str) -> Result<(), Denied> {
        match self.caller().token() {
            Some(token) if time_zone != before.time_zone || !token.role.lets_policy_become(&before.set, set) => {
                Err(Denied::TokenLoosens)
            }
            _ => Ok(()),
        }
    }

    /// The credentials as they are under the policy that is set.
    fn under(&self, before: &PolicyRow, set: &Policy, time_zone: &str, live: &[Live]) -> Vec<CredentialFacts> {
        let offset_seconds = scope::offset_seconds(time_zone, self.tx().now()).unwrap_or(0);
        let policy = |account: Policy| match self.account() {
            Some(_) => before.organisation.narrowed_by(*set),
            None => set.narrowed_by(account),
        };
        let facts = live.iter().map(|live| CredentialFacts {
            policy: policy(live.account),
            offset_seconds,
            ..live.facts.clone()
        });
        facts.collect()
    }

    /// Takes back what policy would not let be issued now, each account after the other.
    fn end_what_is_beyond(&self, live: &[CredentialFacts]) -> Result<Vec<CredentialId>, GateError> {
        let now = self.tx().now();
        let mut beyond: BTreeMap<AccountId, HashSet<CredentialId>> = BTreeMap::new();
        for facts in live.iter().filter(|facts| !facts.is_within_policy(now)) {
            beyond.entry(facts.account).or_default().insert(facts.id);
        }
        let mut ended = Vec::new();
        for (account, those) in beyond {
            ended.extend(self.end_secrets(account, "by policy", |id| those.contains(&id))?);
        }
        Ok(ended)
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
        text.push(
            now.max_life_ms.map_or("max-life none".to_owned(), |life| format!("max-life {}", length(life / 1000))),
        );
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
