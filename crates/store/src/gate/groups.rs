//! Groups: flat sets of people, and of shared accounts that receive their mail only.

use super::authority::{Authority, DutyClass, ManageGroups, OpenPrivate, ReadOrganisation};
use super::error::{GateError, Rule};
use super::tree::raise_epoch;
use crate::statements::{facts as facts_sql, people as sql};
use crate::{StoreError, Tx};
use postern_access::AccountKind;
use postern_types::{AccountId, Address, GroupId, PrincipalId, Timestamp};

/// In a write, holds the person or group that is given something until the commit: no key of
/// the database ties a grant to its grantee, so one who goes at the same time would leave it.
pub(super) fn hold_grantee(tx: &Tx<'_>, grantee: PrincipalId, address: &str) -> Result<(), GateError> {
    let key = [grantee.get().into()];
    for statement in [&facts_sql::PERSON_EPOCH_FOR_WRITE, &sql::GROUP_HELD] {
        if tx.one(statement, &key, |row| row.int(0))?.is_some() {
            return Ok(());
        }
    }
    Err(Rule::Absent(format!("person or group {address}")).into())
}

/// A group as administration shows it.
#[derive(Debug, Clone)]
pub struct GroupRow {
    /// Its id.
    pub id: GroupId,
    /// Its address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// How many are in it.
    pub members: u64,
}

/// A member of a group.
#[derive(Debug, Clone)]
pub struct MemberRow {
    /// Their account.
    pub account: AccountId,
    /// Their address.
    pub address: String,
    /// A person, or a shared account that receives its mail only.
    pub kind: AccountKind,
    /// Their name.
    pub name: String,
}

impl Authority<'_, ReadOrganisation> {
    /// Every group.
    pub fn groups(&self) -> Result<Vec<GroupRow>, StoreError> {
        self.tx().all(&sql::GROUPS, &[], |row| {
            Ok(GroupRow {
                id: GroupId::new(row.int(0)?)?,
                address: row.text(1)?.to_owned(),
                name: row.text(2)?.to_owned(),
                created: Timestamp(row.int(3)?),
                members: super::read::count(row.int(4)?)?,
            })
        })
    }

    /// Members of a group, by address.
    pub fn members(&self, group: GroupId) -> Result<Vec<MemberRow>, StoreError> {
        members_of(self.tx(), group)
    }
}

fn members_of(tx: &Tx<'_>, group: GroupId) -> Result<Vec<MemberRow>, StoreError> {
    tx.all(&sql::MEMBERS, &[group.get().into()], |row| {
        Ok(MemberRow {
            account: AccountId::new(row.int(0)?)?,
            address: row.text(1)?.to_owned(),
            kind: super::facts::account_kind(row.text(2)?)?,
            name: row.text(3)?.to_owned(),
        })
    })
}

impl Authority<'_, ManageGroups> {
    /// Makes a group.
    pub fn add_group(&self, address: &Address, name: &str) -> Result<GroupId, GateError> {
        let id = GroupId::new(self.take_principal()?).map_err(StoreError::from)?;
        let tx = self.tx();
        if tx.one(&sql::ADDRESS, &[address.as_str().into()], |_| Ok(()))?.is_some() {
            return Err(Rule::AddressTaken(address.to_string()).into());
        }
        tx.execute(&sql::ADD_GROUP, &[id.get().into(), address.as_str().into(), name.into(), tx.now().0.into()])?;
        self.take_address(address, None, Some(id))?;
        self.note("group.added", None, "", address.as_str())?;
        Ok(id)
    }

    /// Adds someone to a group, or takes them out; their rights change with it. Whoever comes
    /// into a group that a person has shared their own mailbox with can read what is private, so
    /// that takes the duty to open it, which no token that was made lets through.
    pub fn set_member(&self, group: GroupId, account: AccountId, is_member: bool) -> Result<(), GateError> {
        let tx = self.tx();
        let address = self.address_of_group(group)?;
        hold_grantee(tx, group.principal(), &address)?;
        if is_member && tx.is_person(account)? && self.holds_private(group)? {
            tx.authority::<OpenPrivate>(self.caller())?;
        }
        let key = [group.get().into(), account.get().into()];
        let changed = if is_member {
            tx.execute(&sql::ADD_MEMBER, &[key[0], key[1], tx.now().0.into()])?
        } else {
            tx.execute(&sql::REMOVE_MEMBER, &key)?
        };
        if changed == 0 {
            let text = if is_member { "They are a member already" } else { "They are no member of that group" };
            return Err(Rule::Unusable(text.into()).into());
        }
        self.raise_person(account)?;
        let action = if is_member { "group.member-added" } else { "group.member-removed" };
        self.note(action, Some(account), &format!("group {group}"), &address)?;
        // A shared account in a group has its mail and none of its rights.
        if tx.is_person(account)? {
            let action = if is_member { "grant.member-added" } else { "grant.member-removed" };
            self.note_member(action, group, &address, account)?;
        }
        Ok(())
    }

    /// Deletes a group with its grants.
    pub fn remove_group(&self, group: GroupId) -> Result<(), GateError> {
        let tx = self.tx();
        // Before its grants are looked up: none is given from here on.
        tx.query(&sql::GROUP_FOR_WRITE, &[group.get().into()], |_| Ok(()))?;
        let address = self.address_of_group(group)?;
        for member in members_of(tx, group)? {
            self.raise_person(member.account)?;
        }
        for account in accounts_granted_to(tx, group)? {
            self.note("grant.revoked", Some(account), "", &address)?;
            raise_epoch(tx, account)?;
        }
        let key = [group.get().into()];
        tx.execute(&sql::REMOVE_GRANTS_OF, &key)?;
        tx.execute(&sql::REMOVE_MEMBERS, &key)?;
        tx.execute(&sql::REMOVE_GROUP_ADDRESSES, &key)?;
        if tx.execute(&sql::REMOVE_GROUP, &key)? == 0 {
            return Err(Rule::Absent("such group".into()).into());
        }
        Ok(self.note("group.removed", None, &format!("group {group}"), &address)?)
    }

    /// Has a person shared anything of their own mailbox with the group, and has it not ended?
    fn holds_private(&self, group: GroupId) -> Result<bool, StoreError> {
        let key = [group.get().into(), self.tx().now().0.into()];
        Ok(self.tx().one(&sql::PRIVATE_GRANT_TO, &key, |_| Ok(()))?.is_some())
    }

    fn address_of_group(&self, group: GroupId) -> Result<String, StoreError> {
        let address = self
            .tx()
            .one(&sql::ADDRESS_OF_GRANTEE, &[group.get().into()], |row| Ok(row.opt_text(0)?.map(str::to_owned)))?;
        Ok(address.flatten().unwrap_or_default())
    }
}

fn accounts_granted_to(tx: &Tx<'_>, group: GroupId) -> Result<Vec<AccountId>, StoreError> {
    tx.all(&sql::ACCOUNTS_GRANTED_TO, &[group.get().into()], |row| Ok(AccountId::new(row.int(0)?)?))
}

impl<D: DutyClass> Authority<'_, D> {
    /// What a person gains or loses with a group, on the trail of each account that it holds
    /// grants in: who reads that trail alone sees each reader come and go.
    pub(super) fn note_member(
        &self,
        action: &'static str,
        group: GroupId,
        group_address: &str,
        member: AccountId,
    ) -> Result<(), StoreError> {
        let tx = self.tx();
        let granted = accounts_granted_to(tx, group)?;
        let member = tx.address_of(member)?.unwrap_or_default();
        let named = format!("{member} in {group_address}");
        granted.into_iter().try_for_each(|account| self.note(action, Some(account), &format!("group {group}"), &named))
    }
}
