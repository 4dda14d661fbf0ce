//! Invitations: a code that lets one person choose a password, once, until its end. What is kept of it
//! is a credential of kind `token` that opens nothing: no request can bear it.

use super::audit::note;
use super::authority::{Authority, DutyClass, ManagePeople, ManageSelf, SetPasswords};
use super::error::{GateError, Rule};
use super::facts;
use super::people::add_person_row;
use crate::statements::tokens as sql;
use crate::{StoreError, Tx};
use postern_access::Actor;
use postern_types::{AccountId, Address, CredentialId, PersonId, Secret, Timestamp};

/// An invitation to be kept. Of its code only the verifier ever comes here.
#[derive(Debug, Clone)]
pub struct NewInvitation {
    /// Its public id, `inv_…`.
    pub public_id: String,
    /// What its code is checked against.
    pub verifier: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// What the code of an invitation is checked against.
#[derive(Debug, Clone)]
pub struct InvitationFacts {
    /// Its number.
    pub id: CredentialId,
    /// Who is invited.
    pub person: PersonId,
    /// Their address.
    pub address: String,
    /// What the code is checked against.
    pub verifier: Secret,
}

const NAME: &str = "invitation";

impl Tx<'_> {
    /// The invitation with this public id, while it can be taken.
    pub fn invitation_facts(&self, public_id: &str) -> Result<Option<InvitationFacts>, StoreError> {
        self.one(&sql::INVITATION, &[public_id.into(), self.now().0.into()], |row| {
            Ok(InvitationFacts {
                id: CredentialId::new(row.int(0)?)?,
                person: PersonId::of(AccountId::new(row.int(1)?)?),
                verifier: Secret::new(row.bytes(2)?),
                address: row.text(3)?.to_owned(),
            })
        })
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Keeps an invitation; the one before ends.
    fn put_invitation(&self, person: AccountId, new: &NewInvitation) -> Result<(), GateError> {
        let (tx, now) = (self.tx(), self.tx().now().0);
        self.end_invitations(person)?;
        let values = [
            person.get().into(),
            (&new.public_id).into(),
            NAME.into(),
            NAME.into(),
            new.verifier.expose().into(),
            new.expires.0.into(),
            now.into(),
        ];
        let id = tx.one(&sql::ADD_TOKEN, &values, |row| row.int(0))?;
        id.ok_or_else(|| StoreError::Conflict("a random id came twice".into()))?;
        Ok(note(tx, self.caller(), "person.invited", person, &new.public_id, "")?)
    }

    /// What was to let somebody choose a password ends: they have another one, or another invitation.
    pub(super) fn end_invitations(&self, person: AccountId) -> Result<(), StoreError> {
        self.tx().execute(&sql::END_INVITATIONS, &[person.get().into(), self.tx().now().0.into()])?;
        Ok(())
    }
}

impl Authority<'_, ManagePeople> {
    /// Makes a person who is invited to choose their first password.
    pub fn add_invited(&self, address: &Address, name: &str, new: &NewInvitation) -> Result<AccountId, GateError> {
        let id = add_person_row(self, address, name, false, None)?;
        self.put_invitation(id, new)?;
        Ok(id)
    }
}

impl Authority<'_, SetPasswords> {
    /// Invites somebody else to choose another password; the one that they have stays until then.
    pub fn invite(&self, person: AccountId, new: &NewInvitation) -> Result<(), GateError> {
        if *self.caller().actor() == Actor::Person(PersonId::of(person)) {
            return Err(Rule::Cannot("Your own password is changed with the one you have").into());
        }
        facts::lock_account(self.tx(), person)?;
        if facts::person_facts(self.tx(), PersonId::of(person))?.is_none() {
            return Err(Rule::Absent("such person".into()).into());
        }
        self.put_invitation(person, new)
    }
}

impl Authority<'_, ManageSelf> {
    /// Takes an invitation: the password is theirs from now on, and what was got by the one before ends.
    /// Answers whether there was one.
    pub fn take_invitation(&self, id: CredentialId, verifier: &Secret) -> Result<bool, GateError> {
        let person = self.account().ok_or_else(|| StoreError::Conflict("a password belongs to a person".into()))?;
        let values = [id.get().into(), person.get().into(), self.tx().now().0.into()];
        // Of two who take it at once the second finds nothing.
        if self.tx().execute(&sql::TAKE_INVITATION, &values)? == 0 {
            return Err(GateError::Ended);
        }
        note(self.tx(), self.caller(), "person.invitation-taken", person, "", "")?;
        self.change_password(person, verifier)
    }
}
