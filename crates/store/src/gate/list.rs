//! What someone can see: accounts, and in each the mailboxes they hold `l` on.

use super::caller::Caller;
use super::facts;
use crate::statements::{facts as facts_sql, mailbox as sql};
use crate::{Notice, StoreError, Tx};
use postern_access::{AccountKind, Actor, ByReach, MailboxFacts, Verdict, is_automapped};
use postern_types::{AccountId, Letter, MailboxId, MailboxName, PersonId, Rights, SpecialUse, Timestamp};
use std::collections::HashMap;

/// One account as someone sees it.
#[derive(Debug, Clone)]
pub struct ListedAccount {
    /// Its id.
    pub account: AccountId,
    /// Its primary address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// A person's own, or shared.
    pub kind: AccountKind,
    /// It is the caller's own.
    pub own: bool,
    /// Shown without being asked for.
    pub automap: bool,
    /// The nearest moment at which what is shown of it changes by itself.
    pub until: Option<Timestamp>,
    /// Mailboxes they may see, by name, INBOX first.
    pub mailboxes: Vec<ListedMailbox>,
}

/// One mailbox as someone sees it.
#[derive(Debug, Clone)]
pub struct ListedMailbox {
    /// Its id.
    pub mailbox: MailboxId,
    /// Its name in its account.
    pub name: MailboxName,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// Every letter held.
    pub rights: Rights,
    /// Subscribed to: by default every one of an automapped account, until unsubscribed.
    pub subscribed: bool,
}

/// Whose subscriptions count for the caller: a person's own, and for a direct sign-in those that
/// its account has by itself, under its own number.
pub(super) fn subscriber(caller: &Caller) -> Option<PersonId> {
    match caller.actor() {
        Actor::Person(person) => Some(*person),
        Actor::Credential { account, .. } => Some(PersonId::of(*account)),
        Actor::Operator { .. } | Actor::Job(_) => None,
    }
}

impl Tx<'_> {
    /// Every account and mailbox that `caller` may see, or those of `root` alone as if it were
    /// their own. It is a proof of `l` on each of them; nothing is listed that [`Tx::open`] would
    /// not open.
    pub fn list(&self, caller: &Caller, root: Option<AccountId>) -> Result<Vec<ListedAccount>, StoreError> {
        if caller.token().is_some() {
            return Ok(Vec::new());
        }
        let Some(subscriber) = subscriber(caller) else { return Ok(Vec::new()) };
        let subscriptions = self.subscriptions(subscriber)?;
        let mut accounts = self.accounts_of(caller)?;
        if let Some(root) = root {
            accounts.retain(|account| *account == root);
        }
        let own = root.unwrap_or(subscriber.account());
        let mut listed = Vec::with_capacity(accounts.len());
        for account in accounts {
            listed.extend(self.list_account(caller, account, account == own, &subscriptions)?);
        }
        listed.sort_by(|one, other| other.own.cmp(&one.own).then_with(|| one.address.cmp(&other.address)));
        Ok(listed)
    }

    fn list_account(
        &self,
        caller: &Caller,
        account: AccountId,
        own: bool,
        subscriptions: &HashMap<(AccountId, String), bool>,
    ) -> Result<Option<ListedAccount>, StoreError> {
        let Some(account_facts) = facts::account_facts(self, account)? else { return Ok(None) };
        let subject = facts::Subject::read(self, caller.actor(), account)?;
        let automap = own || is_automapped(&subject.grants, self.now());
        let grants = ByReach::of(&subject.grants);
        let mut mailboxes = self.all(&sql::OF_ACCOUNT, &[account.get().into()], |row| {
            let name = facts::parse_name(row.text(1)?)?;
            let mailbox = MailboxId::from_key(row.int(0)?)?;
            let special_use = row.opt_text(2)?.and_then(SpecialUse::parse);
            let facts = MailboxFacts {
                mailbox,
                name: &name,
                special_use,
                account: account_facts,
                person: subject.person,
                grants: &grants.near(mailbox),
                credential: subject.credential.as_ref().map(|known| &known.facts),
                now: self.now(),
            };
            let Verdict { rights, .. } = postern_access::mailbox_verdict(caller.actor(), &facts);
            let subscribed = subscriptions.get(&(account, name.as_str().to_owned())).copied().unwrap_or(automap);
            Ok(ListedMailbox { mailbox, special_use, rights, subscribed, name })
        })?;
        mailboxes.retain(|mailbox| mailbox.rights.has(Letter::Lookup));
        if mailboxes.is_empty() {
            return Ok(None);
        }
        mailboxes.sort_by(|one, other| {
            other.name.is_inbox().cmp(&one.name.is_inbox()).then_with(|| one.name.cmp(&other.name))
        });
        let (address, name) = self
            .one(&facts_sql::ACCOUNT, &[account.get().into()], |row| {
                Ok((row.text(3)?.to_owned(), row.text(4)?.to_owned()))
            })?
            .unwrap_or_default();
        let ends = subject.grants.iter().filter_map(|grant| grant.not_after);
        let until = ends.filter(|end| self.now() < *end).min();
        Ok(Some(ListedAccount { account, address, name, kind: account_facts.kind, own, automap, until, mailboxes }))
    }

    /// Every account that `caller` holds any grant in, and their own. It shows nothing of
    /// them: each is asked for by a proof of its own.
    pub fn accounts_of(&self, caller: &Caller) -> Result<Vec<AccountId>, StoreError> {
        let person = match caller.actor() {
            Actor::Person(person) => person,
            Actor::Credential { account, .. } => return Ok(vec![*account]),
            Actor::Operator { .. } | Actor::Job(_) => return Ok(Vec::new()),
        };
        self.all(&facts_sql::ACCOUNTS_OF_PERSON, &[person.get().into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Names the caller subscribed to that no visible mailbox has any more: LSUB shows them
    /// (RFC 9051 section 6.3.7).
    fn subscriptions(&self, person: PersonId) -> Result<HashMap<(AccountId, String), bool>, StoreError> {
        let rows = self.all(&sql::SUBSCRIPTIONS, &[person.get().into()], |row| {
            Ok(((AccountId::new(row.int(0)?)?, row.text(1)?.to_owned()), row.flag(2)?))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// The same of whoever asks. To a direct sign-in nothing is left but what it sees: other names
    /// are what credentials of another scope subscribed to.
    pub fn subscriptions_of(&self, caller: &Caller) -> Result<HashMap<(AccountId, String), bool>, StoreError> {
        match caller.actor() {
            Actor::Person(person) => self.subscriptions(*person),
            _ => Ok(HashMap::new()),
        }
    }

    /// Has the caller, a person, subscribed to this name, whether or not it is there?
    pub fn is_subscribed(&self, caller: &Caller, account: AccountId, name: &MailboxName) -> Result<bool, StoreError> {
        let Actor::Person(person) = caller.actor() else { return Ok(false) };
        let key = [person.get().into(), account.get().into(), name.as_str().into()];
        Ok(self.one(&sql::SUBSCRIPTION, &key, |row| row.flag(0))?.unwrap_or(false))
    }

    /// Subscribes the caller to a name, or unsubscribes. It says nothing about whether the
    /// name exists, for subscriptions outlive mailboxes.
    pub fn subscribe(
        &self,
        caller: &Caller,
        account: AccountId,
        name: &MailboxName,
        subscribed: bool,
    ) -> Result<(), StoreError> {
        if let Some(subscriber) = subscriber(caller) {
            let values = [subscriber.get().into(), account.get().into(), name.as_str().into(), subscribed.into()];
            self.execute(&sql::SUBSCRIBE, &values)?;
            self.notify(Notice::List(subscriber.account()));
        }
        Ok(())
    }
}
