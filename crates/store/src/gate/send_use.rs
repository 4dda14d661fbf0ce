//! How much was sent, counted in the transaction that queues it, and recipients to whom no campaign
//! is sent again.

use super::audit::note;
use super::authority::{Authority, Expire, ManageQueue, ReadGrants, RunQueue, with_duty_facts_at};
use super::caller::Caller;
use super::credentials::CredentialAuthority;
use super::error::{GateError, Rule};
use super::facts;
use super::people::AccountRow;
use super::scope;
use super::shared::in_use;
use super::submit::{SendError, Sending};
use super::tree::raise_epoch;
use crate::sql::{Row, Rows, Statement, Value};
use crate::statements::{credentials as credentials_sql, people as people_sql, sending as sql};
use crate::{StoreError, Tx};
use postern_access::{
    Actor, CredentialState, DutyFacts, Limit, Purpose, SendLimits, Slot, Used, UsedDay, Wanted, account_verdict,
    day_of, minute_of,
};
use postern_types::{AccountId, Address, CredentialId, Letter, PersonId, Timestamp};

/// What is kept of use: yesterday is enough for a limit of a day, and tomorrow for those who wait.
const KEPT_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// How long it is kept who sent a copy, and who answered what.
const KEPT_NOTES_MS: i64 = 8 * 24 * 60 * 60 * 1000;
/// So many owners of an account hear of its limit.
const OWNERS_TOLD: usize = 20;

/// What a message takes of the limits, before it is known who is new.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Recipients elsewhere, each by a keyed hash.
    pub recipients: Vec<i64>,
    /// Bytes of the message.
    pub bytes: u64,
}

/// A recipient to whom no campaign is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppressed {
    /// The address.
    pub address: String,
    /// What was said when mail came back.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Sending<'_> {
    /// Takes room for a message, and answers when it leaves. Whatever this counts goes with the
    /// transaction, should that fail.
    pub fn take_room(&self, load: &Load) -> Result<Slot, SendError> {
        let (tx, plan) = (self.tx(), self.plan());
        let credential = match self.caller().actor() {
            Actor::Credential { id, .. } => Some(*id),
            _ => None,
        };
        ask_ahead_for_use(tx, plan.account, credential)?;
        let recipients = Rows::of(&load.recipients);
        let known = [plan.account.get().into(), tx.now().0.into(), recipients.value()];
        let new_recipients = tx.execute(&sql::ADD_KNOWN_RECIPIENTS, &known)?;
        let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let wanted = Wanted {
            recipients: count(load.recipients.len() as u64),
            new_recipients: count(new_recipients),
            bytes: load.bytes,
        };
        let used = used(tx, plan.account, credential)?;
        let slot = plan.limits.pace(&wanted, &used, tx.now()).map_err(SendError::OverLimit)?;
        if let Some(credential) = credential {
            count_use(tx, "credential-minute", credential.get(), slot.minute, &wanted)?;
            count_use(tx, "credential-day", credential.get(), slot.day, &wanted)?;
        }
        if plan.limits.account_recipients_per_day.is_some() && wanted.recipients > 0 {
            count_use(tx, "account-day", plan.account.get(), slot.day, &wanted)?;
        }
        Ok(slot)
    }
}

/// What a credential's own scope says of sending, before it has said what it sends. Only
/// [`Tx::own_terms`] makes one.
pub struct OwnTerms<'t> {
    tx: &'t Tx<'t>,
    account: AccountId,
    credential: CredentialId,
    /// How much it may send.
    pub limits: SendLimits,
    /// Recipients are in domains of ours alone.
    pub own_domains: bool,
    /// It is for marketing.
    pub is_campaign: bool,
}

impl Tx<'_> {
    /// The terms of the credential that the caller signed in with; nothing of others.
    pub fn own_terms<'t>(&'t self, caller: &'t Caller) -> Result<Option<OwnTerms<'t>>, SendError> {
        let Actor::Credential { id, account } = caller.actor() else { return Ok(None) };
        let held = caller.credential().map(|held| held.epoch);
        let known = scope::known(self, id.get())?.filter(|known| Some(known.epoch) == held).ok_or(GateError::Ended)?;
        Ok(Some(OwnTerms {
            tx: self,
            account: *account,
            credential: *id,
            limits: known.facts.send_limits(self.now()),
            own_domains: known.facts.scope.sending.own_domains,
            is_campaign: known.facts.purpose == Purpose::Marketing,
        }))
    }
}

impl OwnTerms<'_> {
    /// Is there room for a message now? Asked before one is sent for nothing; the write asks again.
    pub fn has_room(&self) -> Result<(), SendError> {
        let used = used(self.tx, self.account, Some(self.credential))?;
        let wanted = Wanted { recipients: u32::from(!self.own_domains), new_recipients: 0, bytes: 1 };
        self.limits.pace(&wanted, &used, self.tx.now()).map(|_| ()).map_err(SendError::OverLimit)
    }

    /// Those of these addresses from which mail came back for good.
    pub fn suppressed(&self, addresses: &[String]) -> Result<Vec<Suppressed>, SendError> {
        let rows = Rows::of_texts(addresses.iter().map(String::as_str));
        let found = self.tx.all(&sql::SUPPRESSED, &[self.account.get().into(), rows.value()], |row| {
            Ok(Suppressed {
                reason: row.text(0)?.to_owned(),
                at: Timestamp(row.int(1)?),
                address: row.text(2)?.to_owned(),
            })
        })?;
        Ok(found)
    }
}

/// What [`used`] asks.
fn ask_ahead_for_use(tx: &Tx<'_>, account: AccountId, credential: Option<CredentialId>) -> Result<(), StoreError> {
    let day = ["account-day".into(), account.get().into(), day_of(tx.now()).0.into()];
    let credential = credential.map(CredentialId::get).map(Value::from);
    let latest = |kind: &'static str| credential.map(|credential| [Value::from(kind), credential]);
    let (minute, today) = (latest("credential-minute"), latest("credential-day"));
    let latest = [&minute, &today].into_iter().flatten().map(|key| (&sql::LATEST_USE, key.as_slice()));
    let questions: Vec<(&'static Statement, &[Value<'_>])> =
        std::iter::once((&sql::USE_FROM, day.as_slice())).chain(latest).collect();
    tx.ask_ahead(&questions)
}

fn used(tx: &Tx<'_>, account: AccountId, credential: Option<CredentialId>) -> Result<Used, StoreError> {
    let today = day_of(tx.now()).0;
    let days = tx.all(&sql::USE_FROM, &["account-day".into(), account.get().into(), today.into()], read_use)?;
    let day = |place: usize| days.get(place).map_or_else(UsedDay::default, |(_, day)| *day);
    let account_days = [day(0), day(1)];
    let Some(credential) = credential.map(CredentialId::get) else {
        return Ok(Used { account_days, ..Used::default() });
    };
    let latest = |kind: &str| {
        Ok::<_, StoreError>(tx.one(&sql::LATEST_USE, &[kind.into(), credential.into()], read_use)?.unwrap_or_default())
    };
    let (messages, minute) = latest("credential-minute")?;
    Ok(Used { minute: (minute.start, messages), day: latest("credential-day")?.1, account_days })
}

/// Messages of a minute or a day, and all else that was used of it.
fn read_use(row: &dyn Row) -> Result<(u32, UsedDay), StoreError> {
    let count = |column| Ok::<_, StoreError>(u32::try_from(row.int(column)?).unwrap_or(u32::MAX));
    let bytes = u64::try_from(row.int(4)?).unwrap_or(u64::MAX);
    let day = UsedDay { start: Timestamp(row.int(0)?), recipients: count(2)?, new_recipients: count(3)?, bytes };
    Ok((count(1)?, day))
}

/// Whose day a limit is of; nothing for a limit of minutes.
fn told_of(caller: &Caller, account: AccountId, limit: Limit) -> Option<(&'static str, i64)> {
    match (limit, caller.actor()) {
        (Limit::Messages, _) => None,
        (Limit::AccountRecipients, _) => Some(("account-day", account.get())),
        (_, Actor::Credential { id, .. }) => Some(("credential-day", id.get())),
        _ => None,
    }
}

fn count_use(tx: &Tx<'_>, kind: &str, subject: i64, start: Timestamp, wanted: &Wanted) -> Result<(), StoreError> {
    let values = [
        kind.into(),
        subject.into(),
        start.0.into(),
        1.into(),
        i64::from(wanted.recipients).into(),
        i64::from(wanted.new_recipients).into(),
        i64::try_from(wanted.bytes).unwrap_or(i64::MAX).into(),
    ];
    tx.send(&sql::ADD_USE, &values)
}

impl Tx<'_> {
    /// Whoever answers for a limit, with the account of each. For an account's own its owners, and for a
    /// credential, whatever the limit, whoever answers for that; where nobody does, a person for themselves.
    pub fn who_answers_for(
        &self,
        caller: &Caller,
        account: AccountId,
        limit: Limit,
    ) -> Result<Vec<(String, AccountId)>, GateError> {
        let owners = if limit == Limit::AccountRecipients { self.owners_of(account)? } else { Vec::new() };
        if !owners.is_empty() && matches!(caller.actor(), Actor::Person(_)) {
            return Ok(owners);
        }
        let person = match caller.actor() {
            Actor::Person(person) => Some(*person),
            Actor::Credential { id, .. } => scope::known(self, id.get())?.and_then(|known| known.owner),
            Actor::Operator { .. } | Actor::Job(_) => None,
        };
        let Some(account) = person.map(PersonId::account) else { return Ok(owners) };
        let sender = self.address_of(account)?.map(|address| (address, account));
        let sender = sender.filter(|sender| !owners.contains(sender));
        Ok(owners.into_iter().chain(sender).collect())
    }

    /// Persons who hold `a` on all of an account, the first twenty, with the account of each.
    fn owners_of(&self, account: AccountId) -> Result<Vec<(String, AccountId)>, StoreError> {
        let concerned = self.all(&people_sql::PERSONS_CONCERNED, &[account.get().into()], |row| {
            Ok((row.text(1)?.to_owned(), AccountId::new(row.int(0)?)?))
        })?;
        let mut owners = Vec::new();
        for (address, person) in concerned {
            let actor = Actor::Person(PersonId::of(person));
            let owns = |facts: &DutyFacts<'_>| account_verdict(&actor, facts).rights.has(Letter::Administer);
            if with_duty_facts_at(self, &actor, Some(account), self.now(), owns)? {
                owners.push((address, person));
            }
            if owners.len() >= OWNERS_TOLD {
                break;
            }
        }
        Ok(owners)
    }

    /// Was whoever answers for a sender told of a limit of this day? A limit of minutes is no news.
    pub fn is_told(&self, caller: &Caller, account: AccountId, limit: Limit) -> Result<bool, StoreError> {
        let Some((kind, subject)) = told_of(caller, account, limit) else { return Ok(true) };
        let key = [kind.into(), subject.into(), day_of(self.now()).0.into()];
        Ok(self.one(&sql::IS_TOLD, &key, |_| Ok(()))?.is_some())
    }

    /// Holds what a write about a sender's limit rests on, in the order of every write.
    pub fn hold_sender(&self, caller: &Caller, account: AccountId) -> Result<(), GateError> {
        if let Actor::Credential { id, .. } = caller.actor() {
            self.hold_policy()?;
            facts::lock_account(self, account)?;
            self.hold_credential(id.get())?;
            return Ok(());
        }
        facts::lock_account(self, account)?;
        facts::hold_person(self, caller)?;
        Ok(())
    }

    /// Notes that they are told, as the submission job; answers whether they were not before.
    pub fn note_told(
        &self,
        job: &Caller,
        caller: &Caller,
        account: AccountId,
        limit: Limit,
    ) -> Result<bool, GateError> {
        self.authority::<RunQueue>(job)?;
        let Some((kind, subject)) = told_of(caller, account, limit) else { return Ok(false) };
        let key = [kind.into(), subject.into(), day_of(self.now()).0.into()];
        Ok(self.execute(&sql::NOTE_TOLD, &key)? > 0)
    }

    /// Suspends the credential that has reached a limit at which it is to stop, as the submission job.
    pub fn suspend_at_limit(&self, job: &Caller, caller: &Caller) -> Result<(), GateError> {
        self.authority::<RunQueue>(job)?;
        let Actor::Credential { id, account } = caller.actor() else { return Ok(()) };
        let [suspended, active] = [CredentialState::Suspended, CredentialState::Active].map(CredentialState::name);
        if self.execute(&credentials_sql::SET_STATE, &[id.get().into(), suspended.into(), active.into()])? == 0 {
            return Ok(());
        }
        if let Some(known) = scope::known(self, id.get())? {
            let detail = format!("{} sending limit", known.public_id);
            note(self, job, "credential.suspended", *account, &detail, &known.name)?;
        }
        Ok(raise_epoch(self, *account)?)
    }
}

/// What a credential has used of its limits so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SendUse {
    /// Messages in this minute.
    pub messages: u32,
    /// Recipients elsewhere, today.
    pub recipients: u32,
    /// Of them to whom the account never sent before.
    pub new_recipients: u32,
    /// Bytes today.
    pub bytes: u64,
}

impl CredentialAuthority<'_, ReadGrants> {
    /// What it has used in this minute and today.
    pub fn send_use(&self) -> Result<SendUse, StoreError> {
        let (tx, id) = (self.tx(), self.id().get());
        let from = |kind: &str, start: Timestamp| {
            let used = tx.all(&sql::USE_FROM, &[kind.into(), id.into(), start.0.into()], read_use)?;
            let now = used.into_iter().find(|(_, day)| day.start == start);
            Ok::<_, StoreError>(now.unwrap_or_default())
        };
        let (messages, _) = from("credential-minute", minute_of(tx.now()))?;
        let (_, day) = from("credential-day", day_of(tx.now()))?;
        let UsedDay { recipients, new_recipients, bytes, .. } = day;
        Ok(SendUse { messages, recipients, new_recipients, bytes })
    }
}

impl Authority<'_, ManageQueue> {
    fn shared_in_use(&self) -> Result<AccountRow, GateError> {
        in_use(self.row_of_kind("shared")?, self.tx().now())
    }

    /// Recipients to whom no campaign is sent any more, after an address, at most `most`.
    pub fn list_suppressed(&self, after: &str, most: usize) -> Result<Vec<Suppressed>, GateError> {
        let account = self.shared_in_use()?.id;
        let values = [account.get().into(), after.into(), (most as i64).into()];
        let list = self.tx().all(&sql::LIST_SUPPRESSED, &values, |row| {
            let (address, reason) = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
            Ok(Suppressed { address, reason, at: Timestamp(row.int(2)?) })
        })?;
        Ok(list)
    }

    /// Lets campaigns go to this address again.
    pub fn unsuppress(&self, address: &Address) -> Result<(), GateError> {
        let account = self.shared_in_use()?.id;
        if self.tx().execute(&sql::UNSUPPRESS, &[account.get().into(), address.as_str().into()])? == 0 {
            return Err(Rule::Absent(format!("suppressed recipient {address}")).into());
        }
        Ok(self.note("recipient.unsuppressed", Some(account), "", address.as_str())?)
    }
}

impl Authority<'_, Expire> {
    /// Forgets what limits and copies do not need any more, at most `most` rows of each; answers how many.
    pub fn forget_sending(&self, most: usize) -> Result<usize, GateError> {
        let now = self.tx().now();
        let kinds = [
            (&sql::FORGET_USE, KEPT_MS),
            (&sql::FORGET_SENT_COPIES, KEPT_NOTES_MS),
            (&sql::FORGET_ANSWERED, KEPT_NOTES_MS),
        ];
        let mut forgotten = 0;
        for (statement, kept) in kinds {
            let values = [now.plus_ms(-kept).0.into(), (most as i64).into()];
            forgotten = forgotten.max(self.tx().execute(statement, &values)?);
        }
        Ok(usize::try_from(forgotten).unwrap_or(usize::MAX))
    }
}
