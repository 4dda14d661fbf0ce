//! Grants on an account: given by those who hold, taken back by those who answer for it.

use super::authority::{Authority, DutyClass, ManageGrants, Revoke, with_duty_facts};
use super::error::{GateError, Rule};
use super::tree::raise_epoch;
use crate::statements::people as sql;
use crate::{Notice, StoreError};
use postern_access::{Gift, gift_limit, may_give};
use postern_types::{AccountId, GrantId, PrincipalId, Rights, SendRights, Timestamp};

/// A grant as administration shows it.
#[derive(Debug, Clone)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// Who holds it.
    pub grantee: PrincipalId,
    /// Their address.
    pub grantee_address: String,
    /// `person` or `group`.
    pub grantee_kind: String,
    /// `account`, `subtree` or `mailbox`.
    pub reach: String,
    /// The name of the mailbox or subtree.
    pub mailbox: Option<String>,
    /// The letters.
    pub rights: Rights,
    /// What they may write into From.
    pub send: SendRights,
    /// Shown to them without being asked for.
    pub automap: bool,
    /// Who gave it.
    pub giver: String,
    /// Its end.
    pub not_after: Option<Timestamp>,
    /// When it was given.
    pub created: Timestamp,
}

/// A grant to be given on a whole account.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Who gets it.
    pub grantee: PrincipalId,
    /// Their address, for the trail.
    pub grantee_address: String,
    /// The letters.
    pub rights: Rights,
    /// What they may write into From.
    pub send: SendRights,
    /// Show it to them without being asked for.
    pub automap: bool,
    /// Its end.
    pub not_after: Option<Timestamp>,
}

impl Authority<'_, ManageGrants> {
    /// Refuses to give what the giver does not hold (docs/decisions/0004-no-escalation.md).
    pub fn check_gift(&self, rights: Rights, send: SendRights) -> Result<(), GateError> {
        let limit = with_duty_facts(self.tx(), self.caller(), self.account(), |facts| {
            gift_limit(self.caller().actor(), facts)
        })??;
        Ok(may_give(limit, Gift { rights, send })?)
    }

    /// Gives a grant on the whole account, or changes the one that is there.
    pub fn give(&self, grant: &NewGrant) -> Result<GrantId, GateError> {
        let (tx, account) = (self.tx(), self.of()?);
        let values = [
            account.get().into(),
            grant.grantee.get().into(),
            grant.rights.bits().into(),
            grant.send.send_as.into(),
            grant.send.send_on_behalf.into(),
            grant.automap.into(),
            self.caller().origin().label.as_str().into(),
            grant.not_after.map(|end| end.0).into(),
            tx.now().0.into(),
        ];
        let id = tx.one(&sql::PUT_ACCOUNT_GRANT, &values, |row| Ok(GrantId::new(row.int(0)?)?))?;
        let mut what = grant.rights.to_string();
        if grant.send.send_as {
            what.push_str(" send-as");
        }
        if grant.send.send_on_behalf {
            what.push_str(" send-on-behalf");
        }
        self.note("grant.given", Some(account), &what, &grant.grantee_address)?;
        self.grants_changed(account)?;
        id.ok_or_else(|| StoreError::Damaged("a grant has no id".into()).into())
    }
}

impl Authority<'_, Revoke> {
    /// Takes every grant of someone in this account away.
    pub fn take_back(&self, grantee: PrincipalId, grantee_address: &str) -> Result<u64, GateError> {
        let (tx, account) = (self.tx(), self.of()?);
        let removed = tx.execute(&sql::REMOVE_GRANTS, &[account.get().into(), grantee.get().into()])?;
        if removed == 0 {
            return Err(Rule::Absent(format!("grant to {grantee_address}")).into());
        }
        self.note("grant.revoked", Some(account), "", grantee_address)?;
        self.grants_changed(account)?;
        Ok(removed)
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn of(&self) -> Result<AccountId, StoreError> {
        self.account().ok_or_else(|| StoreError::Conflict("grants belong to an account".into()))
    }

    fn grants_changed(&self, account: AccountId) -> Result<(), StoreError> {
        raise_epoch(self.tx(), account)?;
        self.tx().notify(Notice::List(account));
        Ok(())
    }
}

impl Authority<'_, ManageGrants> {
    /// Grants of the account, by grantee.
    pub fn grants(&self) -> Result<Vec<GrantRow>, GateError> {
        let account = self.of()?;
        Ok(self.tx().all(&sql::GRANTS_OF_ACCOUNT, &[account.get().into()], |row| {
            Ok(GrantRow {
                id: GrantId::new(row.int(0)?)?,
                grantee: PrincipalId::new(row.int(1)?)?,
                grantee_address: row.opt_text(2)?.unwrap_or("(gone)").to_owned(),
                grantee_kind: row.text(3)?.to_owned(),
                reach: row.text(4)?.to_owned(),
                mailbox: row.opt_text(5)?.or(row.opt_text(14)?).map(str::to_owned),
                rights: Rights::from_bits(row.int(7)?),
                send: SendRights { send_as: row.flag(8)?, send_on_behalf: row.flag(9)? },
                automap: row.flag(10)?,
                giver: row.text(11)?.to_owned(),
                not_after: row.opt_int(12)?.map(Timestamp),
                created: Timestamp(row.int(13)?),
            })
        })?)
    }
}
