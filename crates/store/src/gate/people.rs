//! The organisation's people and things: domains, persons, shared accounts.

#[cfg(test)]
mod tests;

use super::audit::{Detail, Event};
use super::authority::{
    Authority, DutyClass, ManageDomains, ManagePeople, ManageSelf, ManageShared, ReadAccount, ReadOrganisation, Resume,
    SetPasswords, Suspend,
};
use super::error::{GateError, Rule};
use super::facts;
use super::insert::{Growth, advance};
use super::tree::make_first_mailboxes;
use crate::sql::Row;
use crate::statements::people as sql;
use crate::{Notice, StoreError, Tx};
use postern_access::{AccountState, Actor};
use postern_types::{AccountId, Address, CredentialId, Domain, GroupId, PersonId, Secret, Timestamp};

/// An account as administration shows it.
#[derive(Debug, Clone)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its primary address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// `active`, `suspended` or `removed`.
    pub state: String,
    /// Messages in it.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When it was made.
    pub created: Timestamp,
    /// A person who administers the organisation.
    pub admin: bool,
    /// A person who may not sign in.
    pub suspended: bool,
    /// A person who has a password.
    pub has_password: bool,
    /// Until when a person can take their invitation, where they have one; it may be over.
    pub invited_until: Option<Timestamp>,
    /// `shared`, `personal` or `both`.
    pub seen: String,
    /// `shared`, `sender`, `both` or `none`.
    pub sent_copy: String,
    /// How who sends as it is shown: `hidden`, `via` or `sender`.
    pub show_sender: String,
    /// Seconds in which what somebody sends as it can be taken back.
    pub undo_seconds: u64,
    /// Minutes in which an answer makes another one stale; 0 where nobody looks.
    pub stale_reply_minutes: u64,
    /// Deleting needs an administrator.
    pub delete_protection: bool,
    /// The most bytes of messages it may hold.
    pub quota: Option<u64>,
    /// The most messages it may hold.
    pub quota_messages: Option<u64>,
    /// Shared, or a person's own.
    pub is_shared: bool,
    /// When it was removed; it can come back until [`AccountRow::gone_at`].
    pub removed: Option<Timestamp>,
}

impl AccountRow {
    /// How long what was removed can come back: 30 days.
    pub(super) const RESTORABLE_MS: i64 = 30 * 24 * 60 * 60 * 1000;

    /// From when on a removed account can not come back.
    pub fn gone_at(&self) -> Option<Timestamp> {
        self.removed.map(|removed| removed.plus_ms(Self::RESTORABLE_MS))
    }

    /// In use, or removed and still able to come back?
    pub(super) fn is_there(&self, now: Timestamp) -> bool {
        self.gone_at().is_none_or(|gone| now < gone)
    }

    /// From the columns of `ACCOUNTS`.
    pub(super) fn read(row: &dyn Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: AccountId::new(row.int(0)?)?,
            address: row.text(1)?.to_owned(),
            name: row.text(2)?.to_owned(),
            state: row.text(3)?.to_owned(),
            messages: super::read::count(row.int(4)?)?,
            bytes: super::read::count(row.int(5)?)?,
            created: Timestamp(row.int(6)?),
            admin: row.opt_int(7)?.unwrap_or(0) != 0,
            suspended: row.opt_int(8)?.is_some(),
            seen: row.text(9)?.to_owned(),
            sent_copy: row.text(10)?.to_owned(),
            delete_protection: row.flag(11)?,
            quota: row.opt_int(12)?.map(super::read::count).transpose()?,
            removed: row.opt_int(13)?.map(Timestamp),
            is_shared: row.text(14)? == "shared",
            show_sender: row.text(15)?.to_owned(),
            undo_seconds: super::read::count(row.int(16)?)?,
            stale_reply_minutes: super::read::count(row.int(17)?)?,
            quota_messages: row.opt_int(18)?.map(super::read::count).transpose()?,
            has_password: row.int(19)? != 0,
            invited_until: row.opt_int(20)?.map(Timestamp),
        })
    }
}

/// Who an address belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Principal {
    /// A person's account, or a shared one.
    Account(AccountId),
    /// A group.
    Group(GroupId),
}

impl<D: DutyClass> Authority<'_, D> {
    pub(super) fn raise_person(&self, person: AccountId) -> Result<(), StoreError> {
        let epoch = self.tx().one(&sql::RAISE_PERSON_EPOCH, &[person.get().into()], |row| row.int(0))?;
        self.tx().notify(Notice::Epoch(person, epoch.unwrap_or_default()));
        Ok(())
    }

    pub(super) fn note(
        &self,
        action: &'static str,
        account: Option<AccountId>,
        public: &str,
        personal: &str,
    ) -> Result<(), StoreError> {
        let detail = Detail { public, personal };
        self.tx().record(self.caller(), &Event { class: "A", action, account, mailbox: None, detail })
    }

    /// Refuses an address in a domain that is not ours; ours stays so until this transaction ends.
    pub(super) fn require_own_domain(&self, address: &Address) -> Result<(), GateError> {
        let domain = address.domain();
        if self.tx().one(&sql::DOMAIN_TO_KEEP, &[domain.as_str().into()], |row| row.int(0))?.is_some() {
            return Ok(());
        }
        // Whoever mistyped a domain looks for theirs first, and only then for how one is added.
        let ours = self.tx().all(&sql::DOMAINS, &[], |row| Ok(row.text(0)?.to_owned()))?;
        Err(Rule::Unusable(not_ours(domain.as_str(), &ours)).into())
    }

    /// Gives an address to a new account or group; taken and reserved get one answer.
    pub(super) fn take_address(
        &self,
        address: &Address,
        account: Option<AccountId>,
        group: Option<GroupId>,
    ) -> Result<(), GateError> {
        self.require_own_domain(address)?;
        let values = [
            address.as_str().into(),
            account.map(AccountId::get).into(),
            group.map(GroupId::get).into(),
            false.into(),
            self.tx().now().0.into(),
        ];
        match self.tx().execute(&sql::ADD_ADDRESS, &values)? {
            0 => Err(Rule::AddressTaken(address.to_string()).into()),
            _ => Ok(()),
        }
    }

    pub(super) fn take_principal(&self) -> Result<i64, StoreError> {
        let taken = self.tx().one(&sql::TAKE_PRINCIPAL, &[], |row| row.int(0))?;
        taken.ok_or_else(|| StoreError::Damaged("the house has no row".into()))
    }

    fn add_account(&self, kind: &str, address: &Address, name: &str) -> Result<AccountId, GateError> {
        if is_of_a_role(address) && kind == "person" {
            return Err(Rule::AddressTaken(address.to_string()).into());
        }
        let id = AccountId::new(self.take_principal()?).map_err(StoreError::from)?;
        let tx = self.tx();
        // UIDVALIDITY starts at the second of the account's birth, so that an account made
        // again under its old address never repeats one (RFC 9051 section 2.3.1.1).
        let values = [
            id.get().into(),
            kind.into(),
            address.as_str().into(),
            name.into(),
            tx.now().seconds().into(),
            tx.now().0.into(),
        ];
        if tx.one(&sql::ADDRESS, &[address.as_str().into()], |_| Ok(()))?.is_some() {
            return Err(Rule::AddressTaken(address.to_string()).into());
        }
        tx.execute(&sql::ADD_ACCOUNT, &values)?;
        self.take_address(address, Some(id), None)?;
        make_first_mailboxes(tx, id)?;
        Ok(id)
    }
}

impl Authority<'_, ReadOrganisation> {
    /// Every domain and when it came.
    pub fn domains(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.tx().all(&sql::DOMAINS, &[], |row| Ok((row.text(0)?.to_owned(), Timestamp(row.int(1)?))))
    }

    /// Every person.
    pub fn persons(&self) -> Result<Vec<AccountRow>, StoreError> {
        self.tx().all(&sql::ACCOUNTS, &["person".into()], AccountRow::read)
    }

    /// Every shared account; the removed ones as long as they can come back.
    pub fn shared(&self) -> Result<Vec<AccountRow>, StoreError> {
        let mut rows = self.tx().all(&sql::ACCOUNTS, &["shared".into()], AccountRow::read)?;
        rows.retain(|row| row.is_there(self.tx().now()));
        Ok(rows)
    }
}

/// What is said of a domain that is none of these.
fn not_ours(domain: &str, ours: &[String]) -> String {
    let known = match ours {
        [] => "which has none yet".to_owned(),
        few if few.len() <= NAMED_DOMAINS => format!("which has {}", few.join(", ")),
        many => {
            let (named, others) = many.split_at(NAMED_DOMAINS);
            format!("which has {} and {} more (postern domain list)", named.join(", "), others.len())
        }
    };
    format!("{domain} is not a domain of this house, {known}; if it is to be one: postern domain add {domain}")
}

/// How many domains a refusal names.
const NAMED_DOMAINS: usize = 3;

/// Every address of an account, the primary one first.
pub(super) fn addresses_of(tx: &Tx<'_>, account: AccountId) -> Result<Vec<String>, StoreError> {
    tx.all(&sql::ADDRESSES_OF_ACCOUNT, &[account.get().into()], |row| Ok(row.text(0)?.to_owned()))
}

impl Authority<'_, ReadAccount> {
    /// The account itself; a removed one as long as it can come back.
    pub fn row(&self) -> Result<Option<AccountRow>, StoreError> {
        let Some(account) = self.account() else { return Ok(None) };
        let row = self.tx().one(&sql::ACCOUNT_ROW, &[account.get().into()], AccountRow::read)?;
        Ok(row.filter(|row| row.is_there(self.tx().now())))
    }

    /// Every address of the account, the primary one first.
    pub fn addresses(&self) -> Result<Vec<String>, StoreError> {
        self.account().map_or_else(|| Ok(Vec::new()), |account| addresses_of(self.tx(), account))
    }
}

impl Authority<'_, ManageDomains> {
    /// Makes a domain ours.
    pub fn add_domain(&self, domain: &Domain) -> Result<(), GateError> {
        let values = [domain.as_str().into(), self.tx().now().0.into()];
        if self.tx().execute(&sql::ADD_DOMAIN, &values)? == 0 {
            return Err(Rule::AddressTaken(domain.to_string()).into());
        }
        Ok(self.note("domain.added", None, domain.as_str(), "")?)
    }

    /// Takes a domain away; refused while an address uses it.
    pub fn remove_domain(&self, domain: &Domain) -> Result<(), GateError> {
        // Held before addresses are looked for, so that none is made in it meanwhile.
        if self.tx().one(&sql::DOMAIN_TO_REMOVE, &[domain.as_str().into()], |row| row.int(0))?.is_none() {
            return Err(Rule::Absent(format!("domain {domain}")).into());
        }
        let pattern: String = format!("%@{domain}").replace('\\', "\\\\").replace('_', "\\_");
        let used = self.tx().one(&sql::ADDRESS_IN_DOMAIN, &[(&pattern).into()], |row| Ok(row.text(0)?.to_owned()))?;
        if let Some(address) = used {
            return Err(self.in_use_by(domain, &address)?.into());
        }
        self.tx().execute(&sql::REMOVE_DOMAIN, &[domain.as_str().into()])?;
        Ok(self.note("domain.removed", None, domain.as_str(), "")?)
    }
}

impl Authority<'_, ManageDomains> {
    /// What to do about an address in a domain. A removed mailbox can not be removed again: it
    /// keeps its addresses as long as it can come back.
    fn in_use_by(&self, domain: &Domain, address: &str) -> Result<Rule, StoreError> {
        let tx = self.tx();
        let account = tx.one(&sql::ADDRESS, &[address.into()], |row| row.opt_int(0))?.flatten();
        let row = tx.one(&sql::ACCOUNT_ROW, &[account.unwrap_or(0).into()], AccountRow::read)?;
        let Some(gone) = row.as_ref().and_then(AccountRow::gone_at) else {
            let cure = self.to_free(address, row.as_ref());
            return Ok(Rule::Unusable(format!("{domain} is in use by {address}, {cure}")));
        };
        let day = 24 * 60 * 60 * 1000;
        let wait = match (gone.0 - tx.now().0 + day - 1) / day {
            ..1 => "is about to be deleted; try again soon".to_owned(),
            1 => {
                format!("keeps its addresses for one more day, for it can come back: postern shared restore {address}")
            }
            days => {
                format!(
                    "keeps its addresses for {days} more days, for it can come back: postern shared restore {address}"
                )
            }
        };
        Ok(Rule::Unusable(format!("{domain} is in use by {address}, which is removed and {wait}")))
    }

    /// How an address becomes free: one of this account, or of a group.
    fn to_free(&self, address: &str, account: Option<&AccountRow>) -> String {
        match account {
            None => format!("a group: postern group remove {address}"),
            Some(row) if !row.is_shared => format!(
                "the address of a person, and people are suspended, not removed; where it is to go, make it a shared \
                 mailbox and remove that: postern shared convert-from-person {address}"
            ),
            Some(row) if row.address != address => {
                format!(
                    "which {main} receives too: postern shared set {main} --remove-alias {address}",
                    main = row.address
                )
            }
            Some(_) => format!(
                "a shared mailbox: postern shared remove {address}; it keeps its addresses for 30 days, for it can come back"
            ),
        }
    }
}

/// Addresses that the mail of a whole domain rests on (RFC 2142 section 5), which belong to
/// no one person.
pub(super) fn is_of_a_role(address: &Address) -> bool {
    matches!(address.local(), "postmaster" | "abuse" | "mailer-daemon")
}

/// Makes a person with their own account and, where given, a password.
pub(super) fn add_person_row(
    people: &Authority<'_, ManagePeople>,
    address: &Address,
    name: &str,
    admin: bool,
    password: Option<&Secret>,
) -> Result<AccountId, GateError> {
    let id = people.add_account("person", address, name)?;
    let tx = people.tx();
    tx.execute(&sql::ADD_PERSON, &[id.get().into(), admin.into(), tx.now().0.into()])?;
    people.note("person.added", Some(id), if admin { "admin" } else { "" }, address.as_str())?;
    if let Some(verifier) = password {
        people.put_password(id, verifier)?;
    }
    Ok(id)
}

impl Authority<'_, ManagePeople> {
    /// Makes a person; `password` is the verifier of their first one.
    pub fn add_person(&self, address: &Address, name: &str, password: Option<&Secret>) -> Result<AccountId, GateError> {
        add_person_row(self, address, name, false, password)
    }
}

impl Authority<'_, SetPasswords> {
    /// Gives somebody else another password. What was got by the one before ends; answers whether there was one.
    pub fn set_password(&self, person: AccountId, verifier: &Secret) -> Result<bool, GateError> {
        if *self.caller().actor() == Actor::Person(PersonId::of(person)) {
            // Whoever finds a desk unlocked, or a login, does not make it theirs for good.
            let text = "Your own password is changed with the one you have: PUT /api/v1/me/password, or postern person \
                        set-password --self";
            return Err(Rule::Cannot(text).into());
        }
        self.change_password(person, verifier)
    }
}

impl Authority<'_, ManageSelf> {
    /// Changes one's own password, if it is still the one that was checked. What was got by
    /// it ends, but for the token that this is done with.
    pub fn set_own_password(&self, checked: (CredentialId, i64), verifier: &Secret) -> Result<(), GateError> {
        let person = self.account().ok_or_else(|| StoreError::Conflict("a password belongs to a person".into()))?;
        let now = self.tx().one(&sql::PASSWORD_OF, &[person.get().into()], |row| Ok((row.int(0)?, row.int(2)?)))?;
        if now != Some((checked.0.get(), checked.1)) {
            return Err(GateError::Ended);
        }
        self.change_password(person, verifier)?;
        Ok(())
    }
}

impl<D: DutyClass> Authority<'_, D> {
    /// Answers whether there was a password before.
    pub(super) fn change_password(&self, person: AccountId, verifier: &Secret) -> Result<bool, GateError> {
        let replaced = self.put_password(person, verifier)?;
        self.end_logins(person)?;
        self.end_invitations(person)?;
        self.raise_person(person)?;
        self.note("person.password-set", Some(person), "", "")?;
        Ok(replaced)
    }

    fn put_password(&self, person: AccountId, verifier: &Secret) -> Result<bool, GateError> {
        let tx = self.tx();
        // Taking a number locks the account first, so two passwords set at once take turns and
        // one of them stays; and a number is given once, so they never share an id.
        let number = advance(tx, person, &Growth { numbers: 1, ..Growth::default() })?.first_number;
        // Asked under that lock: their mailbox may have been made shared meanwhile.
        if facts::person_facts(tx, PersonId::of(person))?.is_none() {
            return Err(Rule::Absent("such person".into()).into());
        }
        let ended = tx.execute(&sql::END_PASSWORDS, &[person.get().into(), tx.now().0.into()])?;
        let public_id = format!("pwd_{person}_{number}");
        let values = [person.get().into(), (&public_id).into(), verifier.expose().into(), tx.now().0.into()];
        tx.one(&sql::ADD_PASSWORD, &values, |row| row.int(0))?;
        Ok(ended > 0)
    }
}

impl Authority<'_, Suspend> {
    /// Suspends a person. Their sessions end, and an invitation that waits; their mail stays.
    pub fn suspend(&self, person: AccountId) -> Result<(), GateError> {
        self.set_suspended(person, true)
    }
}

impl Authority<'_, Resume> {
    /// Lets a suspended person back, with their password and all that they are allowed.
    pub fn resume(&self, person: AccountId) -> Result<(), GateError> {
        self.set_suspended(person, false)
    }
}

impl<D: DutyClass> Authority<'_, D> {
    fn set_suspended(&self, person: AccountId, suspended: bool) -> Result<(), GateError> {
        let tx = self.tx();
        let row = self.person_row()?;
        if suspended && row.admin {
            self.keep_an_admin_beside(person)?;
        }
        let since = suspended.then_some(tx.now().0);
        let epoch = tx.one(&sql::SUSPEND_PERSON, &[person.get().into(), since.into()], |row| row.int(0))?;
        let epoch = epoch.ok_or_else(|| Rule::Absent("such person".into()))?;
        tx.notify(Notice::Epoch(person, epoch));
        if suspended {
            // A code that somebody else may have is not good again when they come back.
            self.end_invitations(person)?;
        }
        self.note(if suspended { "person.suspended" } else { "person.resumed" }, Some(person), "", "")?;
        // Who was suspended before, or was not, neither goes nor comes.
        if row.suspended != suspended {
            self.note_where_they_work(suspended, &row)?;
        }
        Ok(())
    }

    /// On the trail of each account that they are a delegate of, themselves or by a group: who
    /// reads that trail alone sees each reader come and go.
    fn note_where_they_work(&self, suspended: bool, person: &AccountRow) -> Result<(), StoreError> {
        let action = if suspended { "grant.holder-suspended" } else { "grant.holder-resumed" };
        let key = [person.id.get().into(), self.tx().now().0.into()];
        let accounts = self.tx().all(&sql::ACCOUNTS_WORKED_IN, &key, |row| Ok(AccountId::new(row.int(0)?)?))?;
        accounts.into_iter().try_for_each(|account| self.note(action, Some(account), "", &person.address))
    }
}

impl Authority<'_, ManageShared> {
    /// Makes a shared account.
    pub fn add_shared(&self, address: &Address, name: &str) -> Result<AccountId, GateError> {
        let id = self.add_account("shared", address, name)?;
        self.note("shared.added", Some(id), "", address.as_str())?;
        Ok(id)
    }
}

impl Tx<'_> {
    /// Who has this address: an account or a group. It opens nothing.
    pub fn principal_at(&self, address: &Address) -> Result<Option<Principal>, StoreError> {
        self.one(&sql::ADDRESS, &[address.as_str().into()], |row| {
            Ok(match row.opt_int(0)? {
                Some(account) => Principal::Account(AccountId::new(account)?),
                None => Principal::Group(GroupId::new(row.int(1)?)?),
            })
        })
    }

    /// Accounts that get a group's mail: its members of both kinds, without those that take none.
    pub fn mail_of_group(&self, group: GroupId) -> Result<Vec<AccountId>, StoreError> {
        self.all(&sql::MAIL_OF_GROUP, &[group.get().into()], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Was the account removed? It takes no mail then, as if it were not there.
    pub fn is_removed(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(facts::account_facts(self, account)?.is_some_and(|facts| facts.state == AccountState::Removed))
    }

    /// Accounts of the organisation's admins: where postmaster's mail goes.
    pub fn admins(&self) -> Result<Vec<AccountId>, StoreError> {
        self.all(&sql::ADMINS, &[], |row| Ok(AccountId::new(row.int(0)?)?))
    }

    /// Is the domain of a recipient ours?
    pub fn is_own_domain(&self, domain: &Domain) -> Result<bool, StoreError> {
        Ok(self.one(&sql::HAS_DOMAIN, &[domain.as_str().into()], |row| row.int(0))?.is_some())
    }

    /// The first of our domains by name, for addresses without one.
    pub fn first_domain(&self) -> Result<Option<String>, StoreError> {
        Ok(self.all(&sql::DOMAINS, &[], |row| Ok(row.text(0)?.to_owned()))?.into_iter().next())
    }
}
