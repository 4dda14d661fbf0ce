//! Who administers the organisation (docs/decisions/0020-administrators.md).
//!
//! It keeps one who can sign in, or nobody but the operator could help when a password is lost.
//! The operator, who is there whatever happens, may leave it without.

use super::authority::{Authority, DutyClass, ManageAdministrators};
use super::error::{GateError, Rule};
use super::people::AccountRow;
use crate::statements::{people as people_sql, shared as sql};
use postern_access::Actor;
use postern_types::AccountId;

impl Authority<'_, ManageAdministrators> {
    /// Makes the person an administrator, or ends that they are one. What is so already is no
    /// event.
    pub fn set_admin(&self, admin: bool) -> Result<AccountRow, GateError> {
        let (tx, row) = (self.tx(), self.person_row()?);
        if row.admin == admin {
            return Ok(row);
        }
        if !admin {
            self.keep_an_admin_beside(row.id)?;
        }
        tx.execute(&people_sql::SET_ADMIN, &[row.id.get().into(), admin.into()])?;
        self.raise_person(row.id)?;
        let action = if admin { "person.admin-given" } else { "person.admin-taken" };
        self.note(action, Some(row.id), "", &row.address)?;
        self.person_row()
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// The account that the proof is about, if it is a person's own.
    pub(super) fn person_row(&self) -> Result<AccountRow, GateError> {
        self.row_of_kind("person")?.ok_or_else(|| Rule::Absent("such person".into()).into())
    }

    /// Where it is not the operator who asks, an administrator stays who is not suspended.
    pub(super) fn keep_an_admin_beside(&self, person: AccountId) -> Result<(), GateError> {
        match self.caller().actor() {
            Actor::Operator { .. } => Ok(()),
            _ => self.refuse_last_admin(person),
        }
    }

    /// An organisation keeps someone who can sign in and administer it.
    pub(super) fn refuse_last_admin(&self, person: AccountId) -> Result<(), GateError> {
        let admins = self.tx().all(&sql::ADMINS_FOR_WRITE, &[], |row| Ok((row.int(0)?, row.opt_int(1)?.is_some())))?;
        let is_other_left = admins.iter().any(|(id, suspended)| *id != person.get() && !suspended);
        if is_other_left {
            return Ok(());
        }
        let text = "They are the last administrator who can sign in, and the organisation needs one; make another \
                    first: postern person set EMAIL --admin on";
        Err(Rule::Cannot(text).into())
    }
}
