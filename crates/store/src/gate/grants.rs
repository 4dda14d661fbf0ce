//! Grants on an account, a subtree or a mailbox: given by those who hold, taken back by those
//! who answer for the account. SETACL's way to the same rows is in `acl`.

use super::audit::{Detail, Event};
use super::authority::{Authority, DutyClass, ManageGrants, ReadGrants, Revoke, with_duty_facts};
use super::caller::Caller;
use super::error::{GateError, Rule};
use super::facts;
use super::groups::hold_grantee;
use super::tree::raise_epoch;
use crate::statements::{mailbox as mailbox_sql, people as sql};
use crate::{Notice, StoreError, Tx};
use postern_access::{
    ByReach, Denied, Duty, DutyFacts, GrantFact, Holding, MailboxFacts, Reach, deciding, duty_verdict_through,
    gift_limit, gift_limit_at, is_automapped, may_change,
};
use postern_types::{
    AccountId, GrantId, MailboxId, MailboxName, PersonId, PrincipalId, Rights, SendRights, SpecialUse, Timestamp,
};
use std::cell::LazyCell;

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

/// What a grant covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GrantReach {
    /// The whole account.
    Account,
    /// A mailbox and those below it.
    Subtree(MailboxName),
    /// One mailbox.
    Mailbox(MailboxName),
}

/// A grant to be given.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// Who gets it.
    pub grantee: PrincipalId,
    /// Their address, for the trail.
    pub grantee_address: String,
    /// What it covers.
    pub reach: GrantReach,
    /// The letters.
    pub rights: Rights,
    /// What they may write into From.
    pub send: SendRights,
    /// Show it to them without being asked for.
    pub automap: bool,
    /// Its end.
    pub not_after: Option<Timestamp>,
}

/// A grant that was given, with what whoever gave it may not expect.
#[derive(Debug, Clone)]
pub struct Given {
    /// The grant as it is now.
    pub row: GrantRow,
    /// The one of the same reach that it took the place of.
    pub replaced: Option<GrantRow>,
    /// More specific ones of the same grantee, which decide where they reach.
    pub narrower: Vec<GrantRow>,
    /// Those of groups that the grantee is in, which count beside it.
    pub through_groups: Vec<GrantRow>,
}

/// What somebody holds already where a grant would decide.
#[derive(Debug, Clone)]
pub struct Held {
    /// Their own grant of the same reach, ended or not.
    pub same: Option<GrantFact>,
    /// What they hold there without one, where they or a group of theirs hold anything in the
    /// account.
    pub beside: Option<Beside>,
}

/// What somebody holds at a place by other grants than one that would decide there.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The letters of their own grant that decides there.
    pub rights: Rights,
    /// When that one ends.
    pub not_after: Option<Timestamp>,
    /// Is the account shown to them without being asked for?
    pub automap: bool,
}

/// What was taken back.
#[derive(Debug, Clone)]
pub struct TakenBack {
    /// How many grants.
    pub removed: u64,
    /// Those of groups that the grantee is in, which count still.
    pub through_groups: Vec<GrantRow>,
}

impl Authority<'_, ManageGrants> {
    /// Gives a grant, or changes the one of the same reach. Nobody gives what they do not
    /// hold (docs/decisions/0004-no-escalation.md). Whoever gave it is told of it, also where it
    /// took from them the right to ask.
    pub fn give(&self, grant: &NewGrant) -> Result<Given, GateError> {
        let (tx, account) = (self.tx(), self.of()?);
        if grant.not_after.is_some_and(|end| end <= tx.now()) {
            let text = "That end has passed, so nothing would be given; to end what they hold, take it back";
            return Err(Rule::Unusable(text.into()).into());
        }
        let reach = self.find(&grant.reach)?;
        hold_grantee(tx, grant.grantee, &grant.grantee_address)?;
        let mut held = self.rows_of(grant.grantee)?;
        // What has ended neither was in force nor decides over anything.
        held.retain(|row| row.not_after.is_none_or(|end| tx.now() < end));
        let before = grants_of(tx, account, grant.grantee)?;
        let unnumbered = GrantId::new(i64::MAX).map_err(StoreError::from)?;
        let fact = GrantFact {
            id: before.iter().find(|held| held.reach == reach).map_or(unnumbered, |held| held.id),
            via: None,
            reach,
            rights: grant.rights,
            send: grant.send,
            automap: grant.automap,
            not_after: grant.not_after,
        };
        let mut after: Vec<GrantFact> = before.iter().filter(|held| held.reach != fact.reach).cloned().collect();
        after.push(fact.clone());
        self.may_change(&before, &after)?;
        let id = put_grant(tx, self.caller(), account, grant.grantee, &fact)?;
        self.note_grant("grant.given", &fact.reach, &terms(&fact), &grant.grantee_address)?;
        grants_changed(tx, account)?;
        let row = self.rows_of(grant.grantee)?.into_iter().find(|row| row.id == id);
        let row = row.ok_or_else(|| StoreError::Damaged(format!("grant {id} was given and is not there")))?;
        let narrower = held.iter().filter(|other| other.id != id && row.covers(other)).cloned().collect();
        let through_groups = self.through_groups(grant.grantee)?;
        Ok(Given { replaced: held.into_iter().find(|other| other.id == id), narrower, through_groups, row })
    }

    /// What somebody holds where a grant of this reach would decide.
    pub fn held(&self, grantee: PrincipalId, reach: &GrantReach) -> Result<Held, GateError> {
        let (tx, account, found) = (self.tx(), self.of()?, self.find(reach)?);
        let own = grants_of(tx, account, grantee)?;
        let same = own.iter().find(|grant| grant.reach == found).cloned();
        let person = PersonId::of(AccountId::new(grantee.get()).map_err(StoreError::from)?);
        let mut all = facts::grants_for(tx, account, person)?;
        all.extend(own.iter().filter(|one| !all.iter().any(|other| other.id == one.id)).cloned().collect::<Vec<_>>());
        if !all.iter().any(|grant| grant.is_live(tx.now())) {
            return Ok(Held { same, beside: None });
        }
        let there = match (reach, &found) {
            (GrantReach::Account, _) => None,
            (GrantReach::Mailbox(name), Reach::Mailbox(mailbox)) => deciding(&own, *mailbox, name, tx.now()),
            // At the top of the subtree, but for a grant on that mailbox alone.
            (GrantReach::Subtree(name) | GrantReach::Mailbox(name), _) => {
                let nowhere = facts::no_mailbox(account).map_err(StoreError::from)?;
                deciding(&own, nowhere, name, tx.now())
            }
        };
        let beside = Beside {
            rights: there.map_or(Rights::NONE, |grant| grant.rights),
            not_after: there.and_then(|grant| grant.not_after),
            automap: is_automapped(&all, tx.now()),
        };
        Ok(Held { same, beside: Some(beside) })
    }

    fn rows_of(&self, grantee: PrincipalId) -> Result<Vec<GrantRow>, GateError> {
        let mut rows = grant_rows(self.tx(), self.of()?)?;
        rows.retain(|row| row.grantee == grantee);
        Ok(rows)
    }
}

impl GrantRow {
    /// Does the other reach into a part of what this one reaches, and so decide there?
    fn covers(&self, other: &GrantRow) -> bool {
        let name = |row: &GrantRow| row.mailbox.as_deref().and_then(|name| MailboxName::parse(name).ok());
        match (self.reach.as_str(), name(self), name(other)) {
            ("account", ..) => other.reach != "account",
            ("subtree", Some(top), Some(inner)) => inner.is_within(&top),
            _ => false,
        }
    }
}

impl Authority<'_, ReadGrants> {
    /// Grants of the account, by grantee.
    pub fn grants(&self) -> Result<Vec<GrantRow>, GateError> {
        Ok(grant_rows(self.tx(), self.of()?)?)
    }
}

/// Grants of an account, by grantee.
pub(super) fn grant_rows(tx: &Tx<'_>, account: AccountId) -> Result<Vec<GrantRow>, StoreError> {
    tx.all(&sql::GRANTS_OF_ACCOUNT, &[account.get().into()], |row| {
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
    })
}

impl Authority<'_, Revoke> {
    /// Takes grants of someone in this account away: the one of this reach, or all of them.
    /// To take all away gives nobody anything; to take a narrow one away may give back what
    /// it held back, and then asks for the right to give that.
    pub fn take_back(
        &self,
        grantee: PrincipalId,
        grantee_address: &str,
        reach: Option<&GrantReach>,
    ) -> Result<TakenBack, GateError> {
        let (tx, account) = (self.tx(), self.of()?);
        let absent = || -> Result<GateError, GateError> {
            let groups = self.through_groups(grantee)?;
            let by: Vec<&str> = groups.iter().map(|row| row.grantee_address.as_str()).collect();
            let by = match by.is_empty() {
                true => String::new(),
                false => format!("; what they hold there comes through {}", by.join(", ")),
            };
            let shared = tx.address_of(account)?.unwrap_or_default();
            Ok(Rule::Absent(format!("grant to {grantee_address} in {shared}{by}")).into())
        };
        let Some(reach) = reach else {
            let removed = tx.execute(&sql::REMOVE_GRANTS, &[account.get().into(), grantee.get().into()])?;
            if removed == 0 {
                return Err(absent()?);
            }
            self.note("grant.revoked", Some(account), "", grantee_address)?;
            grants_changed(tx, account)?;
            return Ok(TakenBack { removed, through_groups: self.through_groups(grantee)? });
        };
        let reach = self.find(reach)?;
        let before = grants_of(tx, account, grantee)?;
        let Some(fact) = before.iter().find(|held| held.reach == reach) else { return Err(absent()?) };
        let after: Vec<GrantFact> = before.iter().filter(|held| held.reach != reach).cloned().collect();
        self.may_change(&before, &after)?;
        tx.execute(&sql::REMOVE_GRANT, &[fact.id.get().into()])?;
        self.note_grant("grant.revoked", &reach, "", grantee_address)?;
        grants_changed(tx, account)?;
        Ok(TakenBack { removed: 1, through_groups: self.through_groups(grantee)? })
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn of(&self) -> Result<AccountId, StoreError> {
        self.account().ok_or_else(|| StoreError::Conflict("grants belong to an account".into()))
    }

    /// Grants of groups that this person is in, which have not ended. A group is in none.
    fn through_groups(&self, grantee: PrincipalId) -> Result<Vec<GrantRow>, GateError> {
        let (tx, account) = (self.tx(), self.of()?);
        let person = PersonId::of(AccountId::new(grantee.get()).map_err(StoreError::from)?);
        let theirs = facts::grants_for(tx, account, person)?.into_iter();
        let live: Vec<GrantId> =
            theirs.filter(|fact| fact.via.is_some() && fact.is_live(tx.now())).map(|fact| fact.id).collect();
        let mut rows = grant_rows(tx, account)?;
        rows.retain(|row| live.contains(&row.id));
        Ok(rows)
    }

    /// What a reach means here: a mailbox that is named is there.
    pub(super) fn find(&self, reach: &GrantReach) -> Result<Reach, GateError> {
        let (GrantReach::Subtree(name) | GrantReach::Mailbox(name)) = reach else { return Ok(Reach::Account) };
        let found = facts::mailbox_named(self.tx(), self.of()?, name)?;
        let Some(mailbox) = found else { return Err(self.no_mailbox(name)?.into()) };
        Ok(match reach {
            GrantReach::Mailbox(_) => Reach::Mailbox(mailbox),
            _ => Reach::Subtree(name.clone()),
        })
    }

    /// Whoever gives or takes back in a shared mailbox may know what there is; what somebody
    /// calls the mailboxes of their own is theirs (docs/decisions/0015-asking-why.md).
    fn no_mailbox(&self, name: &MailboxName) -> Result<Rule, GateError> {
        const MOST: usize = 20;
        if self.tx().is_person(self.of()?)? {
            return Ok(Rule::Unusable(format!("There is no mailbox {name} in it")));
        }
        let mut names =
            self.tx().all(&mailbox_sql::OF_ACCOUNT, &[self.of()?.get().into()], |row| Ok(row.text(1)?.to_owned()))?;
        names.sort();
        let others = if names.len() > MOST { ", …" } else { "" };
        names.truncate(MOST);
        Ok(Rule::Unusable(format!("There is no mailbox {name} in it; there are {}{others}", names.join(", "))))
    }

    /// Looks at the account and at each of its mailboxes, and refuses where a grantee would
    /// gain what the caller may not give, or not through the token they came with: to take a
    /// narrowing grant away is to give what it held back.
    pub(super) fn may_change(&self, before: &[GrantFact], after: &[GrantFact]) -> Result<(), GateError> {
        let (tx, account, actor) = (self.tx(), self.of()?, self.caller().actor());
        let (now, role) = (tx.now(), self.caller().token().map(|token| token.role));
        let mailboxes = tx.all(&mailbox_sql::OF_ACCOUNT, &[account.get().into()], |row| {
            let special_use = row.opt_text(2)?.and_then(SpecialUse::parse);
            Ok((MailboxId::from_key(row.int(0)?)?, facts::parse_name(row.text(1)?)?, special_use))
        })?;
        with_duty_facts(tx, self.caller(), Some(account), |duty| -> Result<(), GateError> {
            let ends: Vec<Timestamp> = duty.grants.iter().filter_map(|grant| grant.not_after).collect();
            let through = |moment| -> Result<DutyFacts<'_>, Denied> {
                let facts = DutyFacts { now: moment, ..duty.clone() };
                duty_verdict_through(role, actor, Duty::ManageGrants, &facts).map(|_| facts)
            };
            let (was, is) = (Holding { grants: before, place: None }, Holding { grants: after, place: None });
            may_change(was, is, now, &ends, |moment| gift_limit(actor, &through(moment)?))?;
            let Some(account) = duty.account else { return Ok(()) };
            let (before, after, mine) = (ByReach::of(before), ByReach::of(after), ByReach::of(duty.grants));
            for (mailbox, name, special_use) in &mailboxes {
                let place = Some((*mailbox, name));
                let (before, after) = (before.near(*mailbox), after.near(*mailbox));
                let (was, is) = (Holding { grants: &before, place }, Holding { grants: &after, place });
                let mine = LazyCell::new(|| mine.near(*mailbox));
                may_change(was, is, now, &ends, |moment| {
                    let facts = MailboxFacts {
                        mailbox: *mailbox,
                        name,
                        special_use: *special_use,
                        account,
                        person: duty.person,
                        grants: &mine,
                        credential: None,
                        now: moment,
                    };
                    gift_limit_at(actor, &through(moment)?, &facts)
                })?;
            }
            Ok(())
        })?
    }

    fn note_grant(
        &self,
        action: &'static str,
        reach: &Reach,
        public: &str,
        grantee_address: &str,
    ) -> Result<(), GateError> {
        Ok(note_grant(self.tx(), self.caller(), self.of()?, action, reach, public, grantee_address)?)
    }
}

/// One event for a grant: on which mailbox, where it is on one.
pub(super) fn note_grant(
    tx: &Tx<'_>,
    caller: &Caller,
    account: AccountId,
    action: &'static str,
    reach: &Reach,
    public: &str,
    grantee_address: &str,
) -> Result<(), StoreError> {
    let (mailbox, personal) = match reach {
        Reach::Account => (None, grantee_address.to_owned()),
        Reach::Mailbox(mailbox) => (Some(*mailbox), grantee_address.to_owned()),
        Reach::Subtree(name) => (None, format!("{grantee_address} in {name} and below")),
    };
    let detail = Detail { public, personal: &personal };
    tx.record(caller, &Event { class: "A", action, account: Some(account), mailbox, detail })
}

/// Letters, send rights and the end (in milliseconds since 1970) as the trail keeps them.
pub(super) fn terms(grant: &GrantFact) -> String {
    let mut text = if grant.rights.is_empty() { "no letters".to_owned() } else { grant.rights.to_string() };
    if grant.send.send_as {
        text.push_str(" send-as");
    }
    if grant.send.send_on_behalf {
        text.push_str(" send-on-behalf");
    }
    if let Some(end) = grant.not_after {
        text.push_str(&format!(" until {}", end.0));
    }
    text
}

/// Grants that one grantee holds themselves in an account.
pub(super) fn grants_of(tx: &Tx<'_>, account: AccountId, grantee: PrincipalId) -> Result<Vec<GrantFact>, StoreError> {
    tx.all(&sql::GRANTS_OF_GRANTEE, &[account.get().into(), grantee.get().into()], |row| Ok(facts::grant_fact(row)?.1))
}

/// Writes a grant; who may, was asked before.
pub(super) fn put_grant(
    tx: &Tx<'_>,
    caller: &Caller,
    account: AccountId,
    grantee: PrincipalId,
    grant: &GrantFact,
) -> Result<GrantId, StoreError> {
    let (reach, subtree, mailbox) = match &grant.reach {
        Reach::Account => ("account", None, None),
        Reach::Subtree(name) => ("subtree", Some(name.as_str()), None),
        Reach::Mailbox(mailbox) => ("mailbox", None, Some(mailbox.get())),
    };
    let values = [
        account.get().into(),
        grantee.get().into(),
        grant.rights.bits().into(),
        grant.send.send_as.into(),
        grant.send.send_on_behalf.into(),
        grant.automap.into(),
        caller.origin().label.as_str().into(),
        grant.not_after.map(|end| end.0).into(),
        tx.now().0.into(),
        reach.into(),
        subtree.into(),
        mailbox.into(),
    ];
    let id = tx.one(&sql::PUT_GRANT, &values, |row| Ok(GrantId::new(row.int(0)?)?))?;
    tell_grantee(tx, grantee)?;
    id.ok_or_else(|| StoreError::Damaged("a grant has no id".into()))
}

/// Whoever watches all that they are shown hears of an account that they did not know of.
fn tell_grantee(tx: &Tx<'_>, grantee: PrincipalId) -> Result<(), StoreError> {
    for member in tx.all(&sql::MEMBERS, &[grantee.get().into()], |row| Ok(AccountId::new(row.int(0)?)?))? {
        tx.notify(Notice::List(member));
    }
    // A group has no account, so nobody watches it.
    tx.notify(Notice::List(AccountId::new(grantee.get())?));
    Ok(())
}

/// Verdicts in the account are found anew, and lists of mailboxes too.
pub(super) fn grants_changed(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    raise_epoch(tx, account)?;
    tx.notify(Notice::List(account));
    Ok(())
}
