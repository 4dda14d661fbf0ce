//! Invitations: a person chooses their own password, so that nobody else ever knows it. A code does it
//! once, within a week; it opens nothing else.

use crate::admin::account_of;
use crate::bearer::{Bearer, Kind};
use crate::sign_in::Peer;
use crate::{House, Refused};
use postern_access::Actor;
use postern_store::{Caller, GateError, ManagePeople, ManageSelf, NewInvitation, Rule, SetPasswords, StoreError, Tx};
use postern_types::{Address, DisplayName, Secret, Timestamp};

/// How long an invitation can be taken, in days.
pub const INVITATION_DAYS: i64 = 7;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// An invitation that was made; its code is shown this once.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// The code.
    pub code: Secret,
    /// When it ends.
    pub expires: Timestamp,
}

/// Why an invitation was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvitationRefused {
    /// Absent, taken, ended and mistyped are one refusal.
    #[error("That invitation is none that can be taken: it was used, its time is over, or it was not copied whole")]
    NotValid,
    /// Anything else: the invitation can be taken still.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl House {
    fn new_invitation(&self) -> Result<(Invitation, NewInvitation), Refused> {
        let bearer = Bearer::make(Kind::Invitation, &self.random()?);
        let expires = self.now().plus_ms(INVITATION_DAYS * DAY_MS);
        let new = NewInvitation { public_id: bearer.public_id(), verifier: bearer.verifier(), expires };
        Ok((Invitation { code: bearer.text(), expires }, new))
    }

    /// Makes a person who chooses their first password by an invitation.
    pub async fn add_invited(
        &self,
        caller: &Caller,
        address: &Address,
        name: &DisplayName,
    ) -> Result<Invitation, Refused> {
        let (invitation, new) = self.new_invitation()?;
        let (caller, address, name) = (caller.clone(), address.clone(), name.clone());
        self.change(move |tx| {
            tx.authority::<ManagePeople>(&caller)?.add_invited(&address, name.as_str(), &new).map(|_| ())
        })
        .await?;
        Ok(invitation)
    }

    /// Invites somebody else to choose another password. The one that they have stays until then; the
    /// invitation before ends.
    pub async fn invite(&self, caller: &Caller, address: &Address) -> Result<Invitation, Refused> {
        let (invitation, new) = self.new_invitation()?;
        let (caller, address) = (caller.clone(), address.clone());
        self.change(move |tx| {
            let passwords = tx.authority::<SetPasswords>(&caller)?;
            let account = account_of(tx, &address, "person")?;
            if !tx.is_person(account)? {
                let text = format!(
                    "{address} is a shared mailbox and has no password: people work in it as delegates, each signed in as \
                     themselves: postern delegate add {address} PERSON"
                );
                return Err(Rule::Unusable(text).into());
            }
            passwords.invite(account, &new)
        })
        .await?;
        Ok(invitation)
    }

    /// Takes an invitation: its person has this password from now on. Answers their address, and whether they had
    /// one before.
    pub async fn take_invitation(
        &self,
        code: &Secret,
        password: Secret,
        peer: &Peer,
    ) -> Result<(String, bool), InvitationRefused> {
        let bearer = Bearer::parse(Kind::Invitation, code).ok_or(InvitationRefused::NotValid)?;
        let public_id = bearer.public_id();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { tx.invitation_facts(&public_id) });
        let facts = read.await.map_err(Refused::from)?;
        let facts = facts.filter(|facts| bearer.fits(&facts.verifier)).ok_or(InvitationRefused::NotValid)?;
        let verifier = self.verifier_of(password).await?;
        let origin = self.origin("rest", peer.label(), facts.address.clone())?;
        let (caller, account) = (Caller::new(Actor::Person(facts.person), origin), facts.person.account());
        let taken = self.db.write(move |tx: &Tx<'_>| -> Result<bool, GateError> {
            tx.authority_on::<ManageSelf>(&caller, account)?.take_invitation(facts.id, &verifier)
        });
        match taken.await {
            Ok(replaced) => Ok((facts.address, replaced)),
            // Taken meanwhile; or its person is suspended, or nobody's any more.
            Err(GateError::Ended | GateError::Denied(_)) => Err(InvitationRefused::NotValid),
            Err(error) => Err(Refused::from(error).into()),
        }
    }
}
