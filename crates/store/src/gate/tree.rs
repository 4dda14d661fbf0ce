//! CREATE, DELETE, RENAME: the tree of mailboxes of one account.

use super::access::Access;
use super::acl::may_change_at;
use super::audit::{Detail, Event};
use super::caller::Caller;
use super::class::{CreateChild, DeleteMailbox};
use super::error::{GateError, Rule};
use super::facts;
use super::grants::{note_grant, put_grant, terms};
use super::insert::{Growth, advance, log_change};
use crate::sql::Statement;
use crate::statements::{credentials as credentials_sql, mailbox as sql, message as message_sql, people as people_sql};
use crate::{Notice, StoreError, Tx};
use postern_access::{ByReach, Denied, GrantFact, Holding, Operation, Reach};
use postern_types::{AccountId, Limits, MailboxId, MailboxName, PrincipalId, SpecialUse};

/// Mailboxes that a new one needs.
pub(super) struct Levels {
    /// The one itself, then those above it that are not there either.
    missing: Vec<MailboxName>,
    /// The nearest above that is there.
    above: Option<MailboxId>,
}

impl Tx<'_> {
    /// CREATE (RFC 9051 section 6.3.4): needs `k` on the nearest mailbox above that is
    /// there, or on the account where there is none. Missing levels are made too. Each new
    /// mailbox copies the grants that its parent has for itself alone (docs/design.md section 4).
    pub fn create_mailbox(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &MailboxName,
        special_use: Option<SpecialUse>,
        limits: &Limits,
    ) -> Result<MailboxId, GateError> {
        facts::epochs(self, caller, account)?;
        let levels = self.missing_levels(account, name)?;
        self.may_create(caller, account, name, levels.above)?;
        if facts::mailbox_named(self, account, name)?.is_some() {
            return Err(Rule::NameTaken.into());
        }
        self.make_levels(caller, account, &levels, special_use, limits)
    }

    /// What is to be made for a mailbox of this name, and below which one.
    pub(super) fn missing_levels(&self, account: AccountId, name: &MailboxName) -> Result<Levels, StoreError> {
        let mut levels = Levels { missing: vec![name.clone()], above: None };
        let mut next = name.parent();
        while let Some(parent) = next {
            levels.above = facts::mailbox_named(self, account, &parent)?;
            if levels.above.is_some() {
                break;
            }
            next = parent.parent();
            levels.missing.push(parent);
        }
        Ok(levels)
    }

    /// Makes them from the top, for somebody who may; answers the last one, which alone has the use.
    pub(super) fn make_levels(
        &self,
        caller: &Caller,
        account: AccountId,
        levels: &Levels,
        special_use: Option<SpecialUse>,
        limits: &Limits,
    ) -> Result<MailboxId, GateError> {
        let there = self.one(&sql::COUNT_OF_ACCOUNT, &[account.get().into()], |row| row.int(0))?.unwrap_or(0);
        if there as u64 + levels.missing.len() as u64 > limits.mailboxes_per_account {
            return Err(Rule::OverLimit("The account has as many mailboxes as it may have").into());
        }
        let mut made = None;
        for (below, one) in levels.missing.iter().enumerate().rev() {
            let use_of_this = if below == 0 { special_use } else { None };
            let id = make_mailbox(self, account, one, use_of_this)?;
            self.record_tree(caller, "mailbox.created", id, one.as_str())?;
            if let Some(parent) = made.or(levels.above) {
                copy_grants(self, caller, parent, id)?;
            }
            made = Some(id);
        }
        self.notify(Notice::List(account));
        made.ok_or_else(|| StoreError::Damaged("nothing was made".into()).into())
    }

    /// A name that exists is refused as taken only to those who can see it; to others the
    /// right to create is what is missing, as for any name (law 4).
    fn may_create(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &MailboxName,
        above: Option<MailboxId>,
    ) -> Result<(), GateError> {
        match above {
            Some(above) => self.open::<CreateChild>(caller, above).map(|_| ()),
            None => {
                let rights = self.rights_on_new_name(caller, account, name)?;
                Operation::CreateChild.allowed_with(rights).map_err(GateError::from)
            }
        }
    }

    pub(super) fn record_tree(
        &self,
        caller: &Caller,
        action: &'static str,
        mailbox: MailboxId,
        name: &str,
    ) -> Result<(), StoreError> {
        self.record(
            caller,
            &Event {
                class: "A",
                action,
                account: Some(mailbox.account()),
                mailbox: Some(mailbox),
                detail: Detail { public: "", personal: name },
            },
        )
    }
}

/// Makes the row of a mailbox with a UIDVALIDITY that this account never gave before.
pub(super) fn make_mailbox(
    tx: &Tx<'_>,
    account: AccountId,
    name: &MailboxName,
    special_use: Option<SpecialUse>,
) -> Result<MailboxId, StoreError> {
    let advance = advance(tx, account, &Growth { numbers: 1, uid_validities: 1, ..Growth::default() })?;
    let id = MailboxId::pack(account, advance.first_number)?;
    tx.execute(
        &sql::CREATE,
        &[
            id.get().into(),
            account.get().into(),
            name.as_str().into(),
            special_use.map(SpecialUse::as_str).into(),
            advance.uid_validity.into(),
            advance.modseq.0.into(),
            tx.now().0.into(),
        ],
    )?;
    log_change(tx, &advance, "mailbox.created", id)?;
    Ok(id)
}

fn copy_grants(tx: &Tx<'_>, caller: &Caller, parent: MailboxId, child: MailboxId) -> Result<(), StoreError> {
    let account = parent.account();
    let facts = tx.all(&people_sql::GRANT_FACTS, &[account.get().into()], facts::grant_fact)?;
    for (grantee, fact) in facts.into_iter().filter(|(_, fact)| fact.reach == Reach::Mailbox(parent)) {
        let fact = GrantFact { reach: Reach::Mailbox(child), ..fact };
        put_grant(tx, caller, account, PrincipalId::new(grantee)?, &fact)?;
        note_grant(tx, caller, account, "grant.copied", &fact.reach, &terms(&fact), &address_of(tx, grantee)?)?;
    }
    Ok(())
}

fn address_of(tx: &Tx<'_>, grantee: i64) -> Result<String, StoreError> {
    let address =
        tx.one(&people_sql::ADDRESS_OF_GRANTEE, &[grantee.into()], |row| Ok(row.opt_text(0)?.map(str::to_owned)))?;
    Ok(address.flatten().unwrap_or_default())
}

/// Grants on a subtree follow its name, as those on a mailbox follow the mailbox: rights stay
/// with what they were given on (RFC 4314 section 4, RENAME). So do scopes of credentials.
fn rename_subtrees(tx: &Tx<'_>, account: AccountId, from: &MailboxName, to: &MailboxName) -> Result<(), GateError> {
    let kinds: [(&Statement, &Statement); 2] = [
        (&people_sql::SUBTREE_GRANTS, &people_sql::RENAME_SUBTREE),
        (&credentials_sql::SUBTREE_REACHES, &credentials_sql::RENAME_REACH),
    ];
    for (find, rename) in kinds {
        let subtrees =
            tx.all(find, &[account.get().into()], |row| Ok((row.int(0)?, facts::parse_name(row.text(1)?)?)))?;
        for (id, subtree) in subtrees.into_iter().filter(|(_, subtree)| subtree.is_within(from)) {
            tx.execute(rename, &[id.into(), renamed(&subtree, from, to)?.as_str().into()])?;
        }
    }
    Ok(())
}

/// Grants on a mailbox end with it. Those on a subtree end with the mailbox at its top, so that
/// who makes another one of the same name does not give it to people of the past.
fn remove_grants(tx: &Tx<'_>, caller: &Caller, mailbox: MailboxId, name: &MailboxName) -> Result<(), StoreError> {
    let account = mailbox.account();
    let ended = [Reach::Mailbox(mailbox), Reach::Subtree(name.clone())];
    let facts = tx.all(&people_sql::GRANT_FACTS, &[account.get().into()], facts::grant_fact)?;
    for (grantee, fact) in facts.into_iter().filter(|(_, fact)| ended.contains(&fact.reach)) {
        tx.execute(&people_sql::REMOVE_GRANT, &[fact.id.get().into()])?;
        note_grant(tx, caller, account, "grant.revoked", &fact.reach, "", &address_of(tx, grantee)?)?;
    }
    // A credential for it alone opens nothing from now on.
    let key = [account.get().into(), mailbox.get().into(), name.as_str().into()];
    tx.execute(&credentials_sql::REMOVE_REACHES, &key)?;
    Ok(())
}

/// The name of `old`, which is `from` or below it, once `from` is called `to`.
fn renamed(old: &MailboxName, from: &MailboxName, to: &MailboxName) -> Result<MailboxName, Rule> {
    let text = format!("{to}{}", &old.as_str()[from.as_str().len()..]);
    MailboxName::parse(&text).map_err(|error| Rule::Unusable(error.to_string()))
}

/// Raises the epoch of an account: verdicts about names and mailboxes are found anew.
pub(super) fn raise_epoch(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    let epoch = tx.one(&sql::RAISE_EPOCH, &[account.get().into()], |row| row.int(0))?;
    let epoch = epoch.ok_or_else(|| StoreError::Damaged(format!("account {account} has no row")))?;
    tx.notify(Notice::Epoch(account, epoch));
    Ok(())
}

impl Access<'_, DeleteMailbox> {
    /// DELETE (RFC 9051 section 6.3.5). Refused while others are below it. `x` is enough,
    /// whatever is in it (RFC 4314 section 4).
    pub fn delete(&self) -> Result<(), GateError> {
        let tx = self.tx();
        let name = self.name()?;
        if name.is_inbox() {
            return Err(Rule::Cannot("INBOX can not be deleted").into());
        }
        if !self.below(&name)?.is_empty() {
            return Err(Rule::HasChildren.into());
        }
        if self.hides_some()? {
            return Err(Rule::Cannot("There are messages in it that are too new for this credential").into());
        }
        let key = [self.mailbox().get().into()];
        let (messages, bytes) =
            tx.one(&sql::ONLY_PLACED_HERE, &key, |row| Ok((row.int(0)?, row.int(1)?)))?.unwrap_or((0, 0));
        let growth = Growth { messages: -messages, bytes: -bytes, ..Growth::default() };
        let advance = advance(tx, self.account(), &growth)?;
        tx.execute(&sql::DELETE_ONLY_PLACED_HERE, &key)?;
        tx.execute(&sql::DELETE_PLACEMENTS, &key)?;
        tx.execute(&sql::DELETE_VANISHED, &key)?;
        tx.execute(&sql::DELETE_NOTED_SETS, &key)?;
        tx.execute(&sql::DELETE_SEEN, &key)?;
        remove_grants(tx, self.caller(), self.mailbox(), &name)?;
        tx.execute(&sql::DELETE, &key)?;
        log_change(tx, &advance, "mailbox.deleted", self.mailbox())?;
        tx.record_tree(self.caller(), "mailbox.deleted", self.mailbox(), name.as_str())?;
        raise_epoch(tx, self.account())?;
        tx.notify(Notice::List(self.account()));
        Ok(())
    }

    /// RENAME within the account (RFC 9051 section 6.3.6); what is below moves along.
    /// Needs `k` where it goes. Renaming INBOX moves its messages and leaves it empty: then what
    /// is answered is where to, for whoever moves them.
    pub fn rename(&self, target: &MailboxName, limits: &Limits) -> Result<Option<MailboxId>, GateError> {
        let tx = self.tx();
        let name = self.name()?;
        if target.is_within(&name) && !name.is_inbox() {
            return Err(Rule::Cannot("A mailbox can not be moved below itself").into());
        }
        if name.is_inbox() {
            return self.rename_inbox(target, limits).map(Some);
        }
        let above = self.nearest_above(target)?;
        tx.may_create(self.caller(), self.account(), target, above)?;
        if facts::mailbox_named(tx, self.account(), target)?.is_some() {
            return Err(Rule::NameTaken.into());
        }
        if let Some(parent) = target.parent()
            && facts::mailbox_named(tx, self.account(), &parent)?.is_none()
        {
            tx.create_mailbox(self.caller(), self.account(), &parent, None, limits)?;
        }
        let mut moved = vec![(self.mailbox(), name.clone(), target.clone())];
        for (id, old) in self.below(&name)? {
            let new = renamed(&old, &name, target)?;
            moved.push((id, old, new));
        }
        self.gives_nothing_more(&moved, &name, target)?;
        for (id, _, new) in moved {
            tx.execute(&sql::RENAME, &[id.get().into(), new.as_str().into()])?;
        }
        rename_subtrees(tx, self.account(), &name, target)?;
        self.after_rename(&name, target).map(|()| None)
    }

    /// Grants on a subtree reach what is moved into it. Whoever would gain letters by that has to
    /// be given them by someone who may (docs/decisions/0019-renaming-gives.md).
    fn gives_nothing_more(
        &self,
        moved: &[(MailboxId, MailboxName, MailboxName)],
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), GateError> {
        let (tx, account) = (self.tx(), self.account());
        // Credentials are given to whoever has their secrets.
        for statement in [&people_sql::GRANT_FACTS, &credentials_sql::REACH_FACTS] {
            let all = tx.all(statement, &[account.get().into()], facts::grant_fact)?;
            self.gives_none_of_them_more(&all, moved, from, to)?;
        }
        Ok(())
    }

    fn gives_none_of_them_more(
        &self,
        all: &[(i64, GrantFact)],
        moved: &[(MailboxId, MailboxName, MailboxName)],
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), GateError> {
        let tx = self.tx();
        let ends = facts::ends_of(tx, self.caller().actor(), self.account())?;
        let is_subtree = |(_, grant): &(i64, GrantFact)| matches!(grant.reach, Reach::Subtree(_));
        // Where none of somebody's grants goes by names, a name changes nothing of theirs.
        for held in all.chunk_by(|one, other| one.0 == other.0).filter(|held| held.iter().any(is_subtree)) {
            let before: Vec<GrantFact> = held.iter().map(|(_, grant)| grant.clone()).collect();
            let mut after = before.clone();
            for grant in &mut after {
                if let Reach::Subtree(top) = &grant.reach
                    && top.is_within(from)
                {
                    grant.reach = Reach::Subtree(renamed(top, from, to)?);
                }
            }
            let (before, after) = (ByReach::of(&before), ByReach::of(&after));
            for (mailbox, old, new) in moved {
                let (before, after) = (before.near(*mailbox), after.near(*mailbox));
                let was = Holding { grants: &before, place: Some((*mailbox, old)) };
                let is = Holding { grants: &after, place: Some((*mailbox, new)) };
                match may_change_at(tx, self.caller(), *mailbox, &ends, was, is) {
                    Err(GateError::Denied(_)) => return Err(Denied::WouldGive.into()),
                    answer => answer?,
                }
            }
        }
        Ok(())
    }

    fn after_rename(&self, name: &MailboxName, target: &MailboxName) -> Result<(), GateError> {
        let tx = self.tx();
        let advance = advance(tx, self.account(), &Growth::default())?;
        log_change(tx, &advance, "mailbox.renamed", self.mailbox())?;
        tx.record_tree(self.caller(), "mailbox.renamed", self.mailbox(), &format!("{name} to {target}"))?;
        raise_epoch(tx, self.account())?;
        tx.notify(Notice::List(self.account()));
        Ok(())
    }

    /// Is there a message in it that the scope's age does not show?
    fn hides_some(&self) -> Result<bool, StoreError> {
        let Some(end) = self.end() else { return Ok(false) };
        let key = [self.mailbox().get().into(), i64::from(end).into()];
        Ok(self.tx().one(&message_sql::HAS_AFTER, &key, |_| Ok(()))?.is_some())
    }

    fn rename_inbox(&self, target: &MailboxName, limits: &Limits) -> Result<MailboxId, GateError> {
        let tx = self.tx();
        let id = tx.create_mailbox(self.caller(), self.account(), target, None, limits)?;
        tx.open_pair::<super::MoveOut, super::Insert>(self.caller(), self.mailbox(), id)?;
        Ok(id)
    }

    fn nearest_above(&self, name: &MailboxName) -> Result<Option<MailboxId>, StoreError> {
        let mut next = name.parent();
        while let Some(parent) = next {
            if let Some(found) = facts::mailbox_named(self.tx(), self.account(), &parent)? {
                return Ok(Some(found));
            }
            next = parent.parent();
        }
        Ok(None)
    }

    fn name(&self) -> Result<MailboxName, GateError> {
        let name = self.tx().one(&crate::statements::facts::MAILBOX_NAME, &[self.mailbox().get().into()], |row| {
            facts::parse_name(row.text(0)?)
        })?;
        name.ok_or(GateError::Denied(Denied::Hidden))
    }

    fn below(&self, name: &MailboxName) -> Result<Vec<(MailboxId, MailboxName)>, StoreError> {
        let all = self.tx().all(&sql::OF_ACCOUNT, &[self.account().get().into()], |row| {
            Ok((MailboxId::from_key(row.int(0)?)?, facts::parse_name(row.text(1)?)?))
        })?;
        Ok(all.into_iter().filter(|(_, other)| other != name && other.is_within(name)).collect())
    }
}

/// The mailboxes a new account has (docs/quick-start.md).
pub(super) fn make_first_mailboxes(tx: &Tx<'_>, account: AccountId) -> Result<(), StoreError> {
    let first = [
        ("INBOX", None),
        ("Drafts", Some(SpecialUse::Drafts)),
        ("Sent", Some(SpecialUse::Sent)),
        ("Junk", Some(SpecialUse::Junk)),
        ("Trash", Some(SpecialUse::Trash)),
        ("Archive", Some(SpecialUse::Archive)),
    ];
    for (name, special_use) in first {
        make_mailbox(tx, account, &facts::parse_name(name)?, special_use)?;
    }
    Ok(())
}
