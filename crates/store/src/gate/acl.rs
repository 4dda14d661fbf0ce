//! The access control list of one mailbox, as mail protocols show and change it (RFC 4314).
//!
//! GETACL shows what each grantee holds here, whatever grant it comes from. SETACL writes a
//! grant on this mailbox, which is more specific than one on the account and so decides.
//! Nobody gives a letter they do not hold here (docs/decisions/0004-no-escalation.md).

use super::access::Access;
use super::caller::Caller;
use super::class::Administer;
use super::error::{GateError, Rule};
use super::facts;
use super::grants::{grants_changed, grants_of, note_grant, put_grant, terms};
use super::groups::hold_grantee;
use crate::statements::people as sql;
use crate::{StoreError, Tx};
use postern_access::{AccountKind, Denied, Gift, GrantFact, Holding, Reach, mailbox_rights_of, may_change};
use postern_types::{GrantId, MailboxId, MailboxName, PrincipalId, Rights, SendRights, Timestamp};

/// One line of an access control list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AclEntry {
    /// The person or group, by address.
    pub identifier: String,
    /// What they hold.
    pub rights: Rights,
}

/// How SETACL changes the letters of someone (RFC 4314 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RightsChange {
    /// Exactly these.
    Replace(Rights),
    /// These too.
    Add(Rights),
    /// Without these.
    Remove(Rights),
}

impl RightsChange {
    fn applied_to(self, held: Rights) -> Rights {
        match self {
            RightsChange::Replace(rights) => rights,
            RightsChange::Add(rights) => held | rights,
            RightsChange::Remove(rights) => held - rights,
        }
    }
}

impl Access<'_, Administer> {
    /// Who holds what here, by address; the owner of a person's own account first.
    pub fn acl(&self) -> Result<Vec<AclEntry>, GateError> {
        let (tx, account) = (self.tx(), self.account());
        let account_facts = facts::account_facts(tx, account)?.ok_or_else(|| self.damaged())?;
        let name = self.mailbox_name()?;
        let rows = tx.all(&sql::GRANT_FACTS, &[account.get().into()], facts::grant_fact)?;
        let mut entries = Vec::new();
        for held in rows.chunk_by(|one, other| one.0 == other.0) {
            let grants: Vec<GrantFact> = held.iter().map(|(_, fact)| fact.clone()).collect();
            let rights = mailbox_rights_of(&grants, account_facts, self.mailbox(), &name, tx.now());
            let address =
                tx.one(&sql::ADDRESS_OF_GRANTEE, &[held[0].0.into()], |row| Ok(row.opt_text(0)?.map(str::to_owned)))?;
            if let (Some(identifier), false) = (address.flatten(), rights.is_empty()) {
                entries.push(AclEntry { identifier, rights });
            }
        }
        entries.sort_by(|one, other| one.identifier.cmp(&other.identifier));
        if account_facts.kind == AccountKind::Person
            && let Some(identifier) = tx.address_of(account)?
        {
            entries.insert(0, AclEntry { identifier, rights: Rights::ALL });
        }
        Ok(entries)
    }

    /// SETACL and DELETEACL, which is to replace by nothing. When a broader grant of the
    /// grantee would go on reaching this mailbox, a grant of no letters stands in its way:
    /// who was taken off the list holds nothing here.
    pub fn set_acl(&self, grantee: PrincipalId, grantee_address: &str, change: RightsChange) -> Result<(), GateError> {
        let (tx, account, now) = (self.tx(), self.account(), self.tx().now());
        if self.is_owner(grantee)? {
            return Err(Rule::Cannot("The rights of the owner can not be changed").into());
        }
        hold_grantee(tx, grantee, grantee_address)?;
        let name = self.mailbox_name()?;
        let reach = Reach::Mailbox(self.mailbox());
        let before = grants_of(tx, account, grantee)?;
        let mine = before.iter().find(|grant| grant.reach == reach);
        let broader: Vec<GrantFact> = before.iter().filter(|grant| grant.reach != reach).cloned().collect();
        let deciding = |grants| postern_access::deciding(grants, self.mailbox(), &name, now);
        let old = deciding(&before);
        let (held, end) = (rights_of(old), old.and_then(|grant| grant.not_after));
        let rights = change.applied_to(held);
        if rights == held && (mine.is_some() || !rights.is_empty()) {
            return Ok(());
        }
        let live = mine.filter(|grant| grant.is_live(now));
        let send = live.map_or(SendRights::NONE, |grant| grant.send);
        let unnumbered = GrantId::new(i64::MAX).map_err(StoreError::from)?;
        let fact = GrantFact {
            id: mine.map_or(unnumbered, |grant| grant.id),
            via: None,
            reach: reach.clone(),
            rights,
            send,
            automap: live.or(old).is_none_or(|grant| grant.automap),
            not_after: end,
        };
        let instead = deciding(&broader);
        let is_same = rights_of(instead) == rights && instead.and_then(|grant| grant.not_after) == end;
        let is_redundant = is_same && send == SendRights::NONE;
        let mut after = broader;
        if !is_redundant {
            after.push(fact.clone());
        }
        let place = Some((self.mailbox(), &name));
        let (was, is) = (Holding { grants: &before, place }, Holding { grants: &after, place });
        let ends = facts::ends_of(tx, self.caller().actor(), account)?;
        may_change_at(tx, self.caller(), self.mailbox(), &ends, was, is)?;
        match (is_redundant, mine) {
            (true, Some(mine)) => {
                tx.execute(&sql::REMOVE_GRANT, &[mine.id.get().into()])?;
            }
            (true, None) => return Ok(()),
            (false, _) => {
                put_grant(tx, self.caller(), account, grantee, &fact)?;
            }
        }
        let action = if rights.is_empty() { "grant.revoked" } else { "grant.given" };
        note_grant(tx, self.caller(), account, action, &reach, &terms(&fact), grantee_address)?;
        Ok(grants_changed(tx, account)?)
    }

    /// Is this the person whose own account the mailbox is in?
    pub fn is_owner(&self, grantee: PrincipalId) -> Result<bool, StoreError> {
        Ok(grantee.get() == self.account().get() && self.tx().is_person(self.account())?)
    }

    fn mailbox_name(&self) -> Result<MailboxName, StoreError> {
        let key = [self.mailbox().get().into()];
        let name =
            self.tx().one(&crate::statements::facts::MAILBOX_NAME, &key, |row| facts::parse_name(row.text(0)?))?;
        name.ok_or_else(|| self.damaged())
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged(format!("mailbox {} was opened and is not there", self.mailbox()))
    }
}

fn rights_of(deciding: Option<&GrantFact>) -> Rights {
    deciding.map_or(Rights::NONE, |grant| grant.rights)
}

/// Refuses where somebody would gain letters in a mailbox that the caller may not give there.
/// `ends` are the moments at which what the caller holds may become less.
pub(super) fn may_change_at(
    tx: &Tx<'_>,
    caller: &Caller,
    mailbox: MailboxId,
    ends: &[Timestamp],
    before: Holding<'_>,
    after: Holding<'_>,
) -> Result<(), GateError> {
    let mut failed = None;
    let changed = may_change(before, after, tx.now(), ends, |moment| {
        match facts::judge_at(tx, caller.actor(), mailbox, moment) {
            Ok(held) => Ok(Gift { send: SendRights::NONE, ..Gift::on_mailbox(&held)? }),
            Err(error) => {
                failed = Some(error);
                Err(Denied::Hidden)
            }
        }
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(changed?),
    }
}
