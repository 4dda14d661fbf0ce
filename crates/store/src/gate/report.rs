//! Who can do what in one account, by every path, as the gate would decide it.
//!
//! For each person whom the account concerns the facts are read as for an attempt of theirs,
//! and judged mailbox by mailbox; nothing here adds letters up by itself.

use super::authority::{Authority, ReadAudit};
use super::error::{GateError, Rule};
use super::facts;
use super::grants::{GrantRow, grant_rows};
use super::why::moment;
use crate::statements::{mailbox as mailbox_sql, people as sql};
use crate::{StoreError, Tx};
use postern_access::{
    AccountFacts, AccountKind, AccountState, Actor, Duty, DutyFacts, MailboxFacts, Verdict, Voice, account_verdict,
    duty_verdict, is_automapped, mailbox_verdict, takes_part, voice,
};
use postern_types::{AccountId, GrantId, MailboxId, MailboxName, PersonId, Rights, SpecialUse, Timestamp};

/// Who can do what in an account.
#[derive(Debug, Clone)]
pub struct AccessReport {
    /// The moment it is true of.
    pub at: Timestamp,
    /// The account's primary address.
    pub address: String,
    /// A person's own, or shared.
    pub kind: AccountKind,
    /// In use, or nobody holds anything.
    pub state: AccountState,
    /// Are `x` and `e` withheld from everyone without `a`?
    pub delete_protection: bool,
    /// Its mailboxes, by name, INBOX first. Of a person's own those that others come into, unless
    /// that person asks.
    pub mailboxes: Vec<String>,
    /// Its grants, ended ones included, by grantee.
    pub grants: Vec<GrantRow>,
    /// Whom it concerns, by address.
    pub people: Vec<PersonAccess>,
}

/// What one person can do in an account.
#[derive(Debug, Clone)]
pub struct PersonAccess {
    /// Their address.
    pub address: String,
    /// Their name.
    pub name: String,
    /// The account is their own.
    pub own: bool,
    /// They may not sign in, so they hold nothing anywhere.
    pub suspended: bool,
    /// They administer the organisation.
    pub administrator: bool,
    /// They hold something in it.
    pub takes_part: bool,
    /// They may make delegates of it.
    pub manages_delegates: bool,
    /// Letters held on the account as a whole.
    pub rights: Rights,
    /// Each mailbox in which they hold other letters than that.
    pub elsewhere: Vec<(String, Rights)>,
    /// How they may use its address.
    pub voice: Option<Voice>,
    /// Shown in their mail programs without being asked for.
    pub automap: bool,
    /// The nearest moment at which any of this changes by itself.
    pub until: Option<Timestamp>,
    /// Their grants, ended ones included.
    pub grants: Vec<PersonGrant>,
}

impl PersonAccess {
    /// The letters in one of the account's mailboxes.
    fn rights_in(&self, name: &str) -> Rights {
        self.elsewhere.iter().find(|(one, _)| one == name).map_or(self.rights, |(_, rights)| *rights)
    }
}

/// One grant as it reaches one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonGrant {
    /// Which of the report's grants.
    pub id: GrantId,
    /// Given to a group of theirs, not to them.
    pub by_group: bool,
    /// It has not ended.
    pub counts: bool,
}

/// A mailbox as verdicts need it.
struct Place {
    id: MailboxId,
    name: MailboxName,
    special_use: Option<SpecialUse>,
}

impl Authority<'_, ReadAudit> {
    /// Who can do what in the account, now or at a later moment with the grants of now.
    pub fn access_report(&self, at: Option<Timestamp>) -> Result<AccessReport, GateError> {
        let tx = self.tx();
        let at = moment(tx, at)?;
        let absent = || Rule::Absent("such account".into());
        let id = self.account().ok_or_else(absent)?;
        let account = facts::account_facts(tx, id)?.ok_or_else(absent)?;
        let places = places(tx, id)?;
        let people = tx.all(&sql::PERSONS_CONCERNED, &[id.get().into()], |row| {
            Ok((PersonId::of(AccountId::new(row.int(0)?)?), row.text(1)?.to_owned(), row.text(2)?.to_owned()))
        })?;
        let people = people.into_iter().map(|(person, address, name)| {
            let found = person_access(tx, account, person, &places, at)?;
            Ok(PersonAccess { address, name, ..found })
        });
        let people = people.collect::<Result<Vec<PersonAccess>, StoreError>>()?;
        let mut mailboxes: Vec<String> = places.into_iter().map(|place| place.name.to_string()).collect();
        if account.kind == AccountKind::Person && *self.caller().actor() != Actor::Person(PersonId::of(id)) {
            // What somebody calls the mailboxes of their own is theirs, but where others come in.
            let others: Vec<&PersonAccess> = people.iter().filter(|person| !person.own).collect();
            mailboxes.retain(|name| others.iter().any(|person| !person.rights_in(name).is_empty()));
        }
        Ok(AccessReport {
            at,
            address: tx.address_of(id)?.unwrap_or_default(),
            kind: account.kind,
            state: account.state,
            delete_protection: account.delete_protection,
            people,
            grants: grant_rows(tx, id)?,
            mailboxes,
        })
    }

    /// Does the account concern whoever has this number: is it the account itself, somebody whom
    /// its report names, or a group that it was given to? Of nobody else may who answers for the
    /// account alone be told anything.
    pub fn concerns(&self, principal: i64) -> Result<bool, StoreError> {
        let Some(account) = self.account() else { return Ok(false) };
        let key = [account.get().into()];
        let mut concerned = self.tx().all(&sql::PERSONS_CONCERNED, &key, |row| row.int(0))?;
        concerned.extend(grant_rows(self.tx(), account)?.iter().map(|grant| grant.grantee.get()));
        Ok(account.get() == principal || concerned.contains(&principal))
    }
}

fn places(tx: &Tx<'_>, account: AccountId) -> Result<Vec<Place>, StoreError> {
    let mut places = tx.all(&mailbox_sql::OF_ACCOUNT, &[account.get().into()], |row| {
        let special_use = row.opt_text(2)?.and_then(SpecialUse::parse);
        Ok(Place { id: MailboxId::from_key(row.int(0)?)?, name: facts::parse_name(row.text(1)?)?, special_use })
    })?;
    places
        .sort_by(|one, other| other.name.is_inbox().cmp(&one.name.is_inbox()).then_with(|| one.name.cmp(&other.name)));
    Ok(places)
}

/// Do they take part, and is it shown to them by itself? And when that changes, which it may while
/// every letter stays.
fn shown(actor: &Actor, duty: &DutyFacts<'_>) -> ((bool, bool), Option<Timestamp>) {
    let shown_at = |now| {
        let part = takes_part(actor, &DutyFacts { now, ..duty.clone() });
        (part, part && is_automapped(duty.grants, now))
    };
    let shown = shown_at(duty.now);
    let ends = duty.grants.iter().filter_map(|grant| grant.not_after).filter(|end| *end > duty.now);
    (shown, ends.filter(|end| shown_at(*end) != shown).min())
}

/// Everything about one person but their address and name.
fn person_access(
    tx: &Tx<'_>,
    account: AccountFacts,
    id: PersonId,
    places: &[Place],
    now: Timestamp,
) -> Result<PersonAccess, StoreError> {
    let (actor, person) = (Actor::Person(id), facts::person_facts(tx, id)?);
    let grants = facts::grants_for(tx, account.id, id)?;
    let duty = DutyFacts { account: Some(account), person, grants: &grants, now };
    let Verdict { rights: whole, valid_until, .. } = account_verdict(&actor, &duty);
    let in_place = |place: &Place| {
        let (mailbox, name, special_use) = (place.id, &place.name, place.special_use);
        let grants = &grants;
        let facts = MailboxFacts { mailbox, name, special_use, account, person, grants, credential: None, now };
        (place.name.to_string(), mailbox_verdict(&actor, &facts))
    };
    let in_places: Vec<(String, Verdict)> = places.iter().map(in_place).collect();
    let ((part, automap), hidden) = shown(&actor, &duty);
    let until = in_places.iter().filter_map(|(_, verdict)| verdict.valid_until).chain(valid_until).chain(hidden).min();
    Ok(PersonAccess {
        address: String::new(),
        name: String::new(),
        own: account.kind == AccountKind::Person && id.account() == account.id,
        suspended: person.is_none_or(|person| person.suspended),
        administrator: person.is_some_and(|person| person.admin),
        takes_part: part,
        manages_delegates: duty_verdict(&actor, Duty::ManageGrants, &duty).is_ok(),
        rights: whole,
        elsewhere: in_places
            .into_iter()
            .map(|(name, one)| (name, one.rights))
            .filter(|(_, rights)| *rights != whole)
            .collect(),
        voice: voice(&actor, &duty),
        automap,
        until,
        grants: grants
            .iter()
            .map(|grant| PersonGrant { id: grant.id, by_group: grant.via.is_some(), counts: grant.is_live(now) })
            .collect(),
    })
}
