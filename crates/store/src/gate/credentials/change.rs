//! Credentials set aside, checked out, shut and taken back.

use super::super::audit::note;
use super::super::authority::{Authority, CheckOut, DutyClass, Expire, ManageCredentials, Revoke};
use super::super::error::{GateError, Rule};
use super::super::facts;
use super::super::scope;
use super::super::tree::raise_epoch;
use super::{CredentialAuthority, CredentialRow};
use crate::sql::Statement;
use crate::statements::{credentials as sql, queue as queue_sql};
use crate::{StoreError, Tx};
use postern_access::CredentialState;
use postern_types::{AccountId, CredentialId, Timestamp};

impl<D: DutyClass> CredentialAuthority<'_, D> {
    fn change(&self, action: &'static str, public: &str) -> Result<CredentialRow, GateError> {
        let detail = format!("{} {public}", self.known.public_id);
        note(self.tx, self.caller, action, self.known.facts.account, detail.trim_end(), &self.known.name)?;
        raise_epoch(self.tx, self.known.facts.account)?;
        self.row()
    }

    /// Was its end on the trail when this transaction found it?
    pub fn has_ended(&self) -> bool {
        matches!(self.known.facts.state, CredentialState::Expired | CredentialState::Revoked)
    }

    fn refuse_ended(&self) -> Result<(), GateError> {
        if self.has_ended() || self.known.facts.expires <= self.tx.now() {
            let text =
                format!("The credential {} has ended and does not come back; issue another one", self.known.public_id);
            return Err(Rule::Unusable(text).into());
        }
        Ok(())
    }
}

impl CredentialAuthority<'_, Revoke> {
    /// Takes the credential back for good. Taking back what has ended is no error.
    pub fn revoke(&self, reason: &str) -> Result<CredentialRow, GateError> {
        let id = self.known.facts.id.get();
        if !reason.is_empty() {
            // What it handed in and waits leaves no more: it is looked at now, and taken out.
            self.tx.execute(&queue_sql::HURRY_CREDENTIAL, &[id.into(), self.tx.now().0.into()])?;
        }
        if self.tx.end(id, CredentialState::Revoked, reason)? {
            return self.change("credential.revoked", reason);
        }
        // It had ended; that somebody may know its secret is news all the same.
        if !reason.is_empty() && self.tx.execute(&sql::ENDED_FOR, &[id.into(), reason.into()])? > 0 {
            return self.change("credential.compromised", "");
        }
        self.row()
    }

    /// Sets it aside. It can come back.
    pub fn suspend(&self) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        match self.known.facts.state {
            CredentialState::Suspended => self.row(),
            CredentialState::Issued => {
                let text = "Its secret is not opened yet, so there is nothing to suspend; revoke it instead";
                Err(Rule::Unusable(text.into()).into())
            }
            _ => self.set_state(CredentialState::Suspended, "credential.suspended"),
        }
    }

    /// Shuts one that was checked out.
    pub fn close(&self) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        if !self.known.facts.purpose.is_checked_out() {
            let text = format!(
                "The credential {} is not one that is checked out, so it is never shut; suspend it, or revoke it",
                self.known.public_id
            );
            return Err(Rule::Unusable(text).into());
        }
        if self.known.facts.opened_until.is_none_or(|until| until <= self.tx.now()) {
            return self.row();
        }
        self.tx.execute(&sql::CLOSE, &[self.known.facts.id.get().into()])?;
        self.change("credential.closed", "")
    }
}

impl<D: DutyClass> CredentialAuthority<'_, D> {
    fn set_state(&self, state: CredentialState, action: &'static str) -> Result<CredentialRow, GateError> {
        let values = [self.known.facts.id.get().into(), state.name().into(), self.known.facts.state.name().into()];
        match self.tx.execute(&sql::SET_STATE, &values)? {
            0 => Err(StoreError::Conflict("a credential changed under its account's lock".into()).into()),
            _ => self.change(action, ""),
        }
    }
}

impl CredentialAuthority<'_, ManageCredentials> {
    /// Lets one that was set aside sign in again.
    pub fn resume(&self) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        match self.known.facts.state {
            CredentialState::Suspended => self.set_state(CredentialState::Active, "credential.resumed"),
            CredentialState::Issued => {
                let text = "Its secret is not opened yet by the person it was made for, so there is nothing to resume";
                Err(Rule::Unusable(text.into()).into())
            }
            _ => self.row(),
        }
    }
}

impl CredentialAuthority<'_, CheckOut> {
    /// Checks it out until a moment.
    pub fn open(&self, until: Timestamp) -> Result<CredentialRow, GateError> {
        self.refuse_ended()?;
        if !self.known.facts.purpose.is_checked_out() {
            let text = format!(
                "The credential {} is not one that is checked out: it is open while it stands",
                self.known.public_id
            );
            return Err(Rule::Unusable(text).into());
        }
        self.tx.execute(&sql::OPEN, &[self.known.facts.id.get().into(), until.0.into()])?;
        self.change("credential.opened", &format!("until {}", until.0))
    }
}

impl Tx<'_> {
    /// Ends a credential, with a secret of it that waits for somebody. Answers whether it had not ended
    /// before.
    fn end(&self, id: i64, state: CredentialState, reason: &str) -> Result<bool, StoreError> {
        let values = [id.into(), state.name().into(), self.now().0.into(), reason.into()];
        let ended = self.execute(&sql::END, &values)? > 0;
        self.execute(&sql::REMOVE_WRAP, &[id.into()])?;
        Ok(ended)
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Takes back those credentials of an account that are meant. Answers their numbers.
    pub(in super::super) fn end_secrets(
        &self,
        account: AccountId,
        reason: &str,
        is_meant: impl Fn(CredentialId) -> bool,
    ) -> Result<Vec<CredentialId>, GateError> {
        let tx = self.tx();
        facts::lock_account(tx, account)?;
        let mut live = tx.all(&sql::LIVE, &[account.get().into()], |row| {
            Ok((CredentialId::new(row.int(0)?)?, row.text(1)?.to_owned()))
        })?;
        live.retain(|(id, _)| is_meant(*id));
        let mut ended = Vec::with_capacity(live.len());
        for (id, public_id) in live {
            tx.end(id.get(), CredentialState::Revoked, reason)?;
            note(tx, self.caller(), "credential.revoked", account, &format!("{public_id} {reason}"), "")?;
            ended.push(id);
        }
        if !ended.is_empty() {
            raise_epoch(tx, account)?;
        }
        Ok(ended)
    }
}

impl Authority<'_, Expire> {
    /// Writes down the end of credentials whose time has come, and of those whose secrets nobody
    /// opened, at most `most`; answers how many. They are refused from their time on.
    pub fn expire_credentials(&self, most: usize) -> Result<usize, GateError> {
        let ended = self.expire_found(&sql::AT_END, "expired", most)?;
        Ok(ended + self.expire_found(&sql::UNOPENED, "not opened in time", most - ended)?)
    }

    fn expire_found(&self, statement: &'static Statement, reason: &str, most: usize) -> Result<usize, GateError> {
        let tx = self.tx();
        let mut found = tx.all(statement, &[tx.now().0.into(), (most as i64).into()], |row| {
            Ok((AccountId::new(row.int(1)?)?, row.int(0)?, row.text(2)?.to_owned()))
        })?;
        // Accounts in order, as everywhere.
        found.sort();
        for (account, id, public_id) in &found {
            facts::lock_account(tx, *account)?;
            self.expire(*account, *id, public_id, reason)?;
        }
        Ok(found.len())
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Writes down that a credential has ended by its time, if it still has not been, or waited for
    /// somebody too long.
    pub(super) fn expire(&self, account: AccountId, id: i64, public_id: &str, reason: &str) -> Result<(), GateError> {
        let tx = self.tx();
        let has_ended = match scope::known(tx, id) {
            Ok(known) => known
                .is_some_and(|known| known.facts.state == CredentialState::Issued || known.facts.expires <= tx.now()),
            // What can not be read does not keep the others.
            Err(StoreError::Damaged(_)) => true,
            Err(error) => return Err(error.into()),
        };
        if has_ended && tx.end(id, CredentialState::Expired, reason)? {
            note(tx, self.caller(), "credential.expired", account, &format!("{public_id} {reason}"), "")?;
        }
        // A secret that waited too long is gone, whatever has become of its credential.
        tx.execute(&sql::REMOVE_WRAP, &[id.into()])?;
        Ok(())
    }
}
