//! Submission at the gate: whether a message may go as it is, and the proof by which alone it is
//! queued and its copy filed (docs/design.md section 6).
//!
//! Every address that says who sends is looked at, in one transaction with what is written. The
//! accounts they belong to are held before anything is asked, so whoever takes a right to send away
//! and a message that rests on it take turns.

use super::after::mailbox_for;
use super::authority::with_duty_facts_at;
use super::caller::Caller;
use super::error::GateError;
use super::facts;
use super::scope::{self, KnownCredential};
use crate::sql::{Statement, Value};
use crate::statements::{facts as facts_sql, sending as sql};
use crate::{StoreError, Tx};
use postern_access::{
    Accepted, Actor, OverLimit, SendDenied, SendLimits, ShowSender, Submission, Usable, Voice, credential_voice,
    may_submit, voice,
};
use postern_types::{AccountId, Address, MailboxId, SpecialUse};
use std::collections::BTreeMap;

/// What a message and its envelope say of who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderNames {
    /// The reverse path; nothing is the empty one.
    pub reverse_path: Option<Address>,
    /// Every address in From.
    pub from: Vec<Address>,
    /// The one in Sender.
    pub sender: Option<Address>,
    /// Every one in Resent-From and Resent-Sender.
    pub resent: Vec<Address>,
    /// The account that a session is rooted at: From has addresses of it alone.
    pub root: Option<AccountId>,
    /// The address that the session signed in with.
    pub own: Address,
}

/// How a message is sent, as far as the house decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendPlan {
    /// The account that it is sent as.
    pub account: AccountId,
    /// Its primary address.
    pub address: String,
    /// Its name.
    pub name: String,
    /// How the sender may use it.
    pub voice: Voice,
    /// What is added to the message.
    pub accepted: Accepted,
    /// The sender's own address and name; of a credential, the mailbox's.
    pub own: (String, String),
    /// Where copies are filed.
    pub copies: Vec<MailboxId>,
    /// Accounts where one would be, had they a mailbox for what was sent.
    pub without_sent: Vec<AccountId>,
    /// How much may be sent.
    pub limits: SendLimits,
    /// A credential whose recipients are in domains of ours alone.
    pub own_domains: bool,
    /// A credential for marketing.
    pub is_campaign: bool,
    /// How long it waits for its sender to take it back; programs do not wait.
    pub undo_seconds: i64,
    /// How long somebody's answer makes another one stale; nothing where nobody looks.
    pub stale_reply_minutes: i64,
}

/// Why a message does not go.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The gate, or the store.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// An address that they may not use.
    #[error(transparent)]
    Denied(#[from] SendDenied),
    /// A limit was reached.
    #[error("the limit is reached")]
    OverLimit(OverLimit),
    /// There is no room for the copy in a mailbox of the account with this address.
    #[error("there is no room in {0}")]
    NoRoom(String),
    /// What it was prepared for is so no more: undone, to be prepared again.
    #[error("what it was prepared for has changed")]
    Changed,
}

impl From<StoreError> for SendError {
    fn from(error: StoreError) -> Self {
        SendError::Gate(error.into())
    }
}

/// A message that may go as its plan says, until the transaction ends. Only [`Tx::may_submit`] makes
/// one; queueing and filing are its methods.
pub struct Sending<'t> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    plan: SendPlan,
}

impl<'t> Sending<'t> {
    pub(super) fn tx(&self) -> &'t Tx<'t> {
        self.tx
    }
    /// Who sends.
    pub fn caller(&self) -> &'t Caller {
        self.caller
    }
    /// How it is sent.
    pub fn plan(&self) -> &SendPlan {
        &self.plan
    }
    /// The sender, as rows about copies and answers have them.
    pub(super) fn actor_key(&self) -> String {
        actor_key(self.caller.actor())
    }
}

/// An actor, as rows about copies and answers have them.
pub(super) fn actor_key(actor: &Actor) -> String {
    match actor {
        Actor::Person(person) => format!("person {person}"),
        Actor::Credential { id, .. } => format!("credential {id}"),
        Actor::Operator { .. } | Actor::Job(_) => String::new(),
    }
}

/// How accounts send.
struct Settings {
    address: String,
    name: String,
    sent_copy: String,
    shows: ShowSender,
    undo_seconds: i64,
    stale_reply_minutes: i64,
}

impl Tx<'_> {
    /// Proves that a message may go, and says how. In a write the accounts it names are held.
    pub fn may_submit<'t>(&'t self, caller: &'t Caller, names: &SenderNames) -> Result<Sending<'t>, SendError> {
        let mut speaker = Speaker::hear(self, caller, names)?;
        let from = speaker.usable_all(&names.from)?;
        let resent = speaker.usable_all(&names.resent)?;
        let sender = names.sender.as_ref().map(|address| speaker.usable(address)).transpose()?;
        let reverse_path = names.reverse_path.as_ref().map(|address| speaker.usable(address)).transpose()?;
        let Some((first, first_account)) =
            from.first().zip(names.from.first()).map(|(usable, address)| (usable.voice, speaker.account(address)))
        else {
            return Err(SendDenied::NoFrom.into());
        };
        speaker.in_scope(names)?;
        speaker.of_one_mailbox(names, first_account)?;
        let account = first_account.unwrap_or_else(Tx::no_account);
        let settings = settings(self, account)?;
        // Who sends is shown of people; what a tool is called is nobody's matter outside.
        let shows = settings.as_ref().filter(|_| speaker.credential.is_none());
        let shows = shows.map_or(ShowSender::Hidden, |settings| settings.shows);
        let submission = Submission { reverse_path, from: &from, sender, resent: &resent, own: &names.own, shows };
        let accepted = may_submit(&submission)?;
        let (Some(voice), Some(settings)) = (first, settings) else {
            return Err(StoreError::Damaged("an address that may be used has no account".into()).into());
        };
        let plan = speaker.plan(names, (account, settings), voice, accepted)?;
        Ok(Sending { tx: self, caller, plan })
    }

    /// May this reverse path be used? The message may say more; it is asked again then.
    pub fn may_use_address(&self, caller: &Caller, names: &SenderNames, address: &Address) -> Result<bool, SendError> {
        let speaker = &mut Speaker::hear(self, caller, names)?;
        let is_usable = speaker.usable(address)?.voice.is_some();
        Ok(is_usable && names.root.is_none_or(|root| speaker.account(address) == Some(root)))
    }

    /// Addresses that may stand in From, some of each account: to help who used another one. What may be
    /// used is theirs to know, so nothing is told that they do not hold.
    pub fn addresses_to_send_from(
        &self,
        caller: &Caller,
        names: &SenderNames,
        most: usize,
    ) -> Result<Vec<String>, SendError> {
        let accounts = match names.root {
            Some(root) => vec![root],
            None => self.accounts_of(caller)?,
        };
        let mut speaker = Speaker::hear(self, caller, &SenderNames { from: Vec::new(), ..names.clone() })?;
        let mut addresses = Vec::new();
        for account in accounts {
            if speaker.voice(account)?.is_none() {
                continue;
            }
            let own = self.all(&sql::ADDRESSES, &[account.get().into()], |row| Ok(row.text(0)?.to_owned()))?;
            let is_in_scope =
                |address: &String| speaker.credential.as_ref().is_none_or(|known| may_stand(known, address));
            addresses.extend(own.into_iter().filter(is_in_scope));
            if addresses.len() >= most {
                addresses.truncate(most);
                break;
            }
        }
        Ok(addresses)
    }
}

/// May a credential write this address into From?
fn may_stand(known: &KnownCredential, address: &str) -> bool {
    let from = &known.facts.scope.sending.from;
    from.is_empty() || from.iter().any(|allowed| allowed.as_str() == address)
}

/// Whoever sends, with the accounts they named and how they may use them.
struct Speaker<'t> {
    tx: &'t Tx<'t>,
    caller: &'t Caller,
    credential: Option<KnownCredential>,
    accounts: BTreeMap<Address, Option<AccountId>>,
    voices: BTreeMap<AccountId, Option<Voice>>,
}

impl<'t> Speaker<'t> {
    /// Finds the accounts that are named, and in a write holds them: policy first, then accounts in the
    /// order of their numbers, then the credential or the person, as every write does.
    fn hear(tx: &'t Tx<'t>, caller: &'t Caller, names: &SenderNames) -> Result<Self, SendError> {
        // A token administers and sends nothing (docs/decisions/0013-tokens.md).
        if caller.token().is_some() {
            return Err(GateError::Ended.into());
        }
        let mut accounts = BTreeMap::new();
        let named = names.from.iter().chain(&names.sender).chain(&names.resent).chain(&names.reverse_path);
        for address in named {
            if !accounts.contains_key(address) {
                accounts.insert(address.clone(), tx.account_for(address)?);
            }
        }
        let mut speaker = Self { tx, caller, credential: None, accounts, voices: BTreeMap::new() };
        if tx.writable() {
            speaker.hold(names)?;
        }
        if let Some(account) = names.from.first().and_then(|address| speaker.account(address)) {
            speaker.ask_ahead(account)?;
        }
        if tx.writable() {
            // An alias that went elsewhere before the hold is not the account's any more.
            for (address, account) in &speaker.accounts {
                if tx.account_for(address)? != *account {
                    return Err(StoreError::Conflict(format!("{address} is another account's now")).into());
                }
            }
        }
        if let Actor::Credential { id, .. } = caller.actor() {
            let known = scope::known(tx, id.get())?;
            let held = caller.credential().map(|held| held.epoch);
            speaker.credential = known.filter(|known| Some(known.epoch) == held);
            if speaker.credential.is_none() {
                return Err(GateError::Ended.into());
            }
        }
        Ok(speaker)
    }

    /// What is asked of the account that it is sent as, and of a person who sends.
    fn ask_ahead(&self, account: AccountId) -> Result<(), StoreError> {
        let sent = [account.get().into(), SpecialUse::Sent.as_str().into()];
        let account = [account.get().into()];
        let mut questions: Vec<(&'static Statement, &[Value<'_>])> =
            vec![(&facts_sql::ACCOUNT, &account), (&sql::SETTINGS, &account), (&sql::MAILBOX_FOR, &sent)];
        let Actor::Person(person) = self.caller.actor() else { return self.tx.ask_ahead(&questions) };
        let (person, both) = ([person.get().into()], [account[0], person.get().into()]);
        questions.push((&facts_sql::PERSON, &person));
        questions.push((&facts_sql::GRANTS_FOR_PERSON, &both));
        self.tx.ask_ahead(&questions)
    }

    fn hold(&self, names: &SenderNames) -> Result<(), StoreError> {
        let actor = self.caller.actor();
        if matches!(actor, Actor::Credential { .. }) {
            self.tx.hold_policy()?;
        }
        let own = match actor {
            Actor::Person(person) => Some(person.account()),
            Actor::Credential { account, .. } => Some(*account),
            Actor::Operator { .. } | Actor::Job(_) => None,
        };
        let mut accounts: Vec<AccountId> =
            self.accounts.values().flatten().copied().chain(own).chain(names.root).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts.into_iter().try_for_each(|account| facts::lock_account(self.tx, account))?;
        match actor {
            Actor::Credential { id, .. } => self.tx.hold_credential(id.get()).map(|_| ()),
            _ => facts::hold_person(self.tx, self.caller),
        }
    }

    fn account(&self, address: &Address) -> Option<AccountId> {
        self.accounts.get(address).copied().flatten()
    }

    fn voice(&mut self, account: AccountId) -> Result<Option<Voice>, StoreError> {
        if let Some(known) = self.voices.get(&account) {
            return Ok(*known);
        }
        let (tx, actor) = (self.tx, self.caller.actor());
        let found = match (actor, &self.credential) {
            (Actor::Person(_), _) => {
                with_duty_facts_at(tx, actor, Some(account), tx.now(), |facts| voice(actor, facts))?
            }
            (Actor::Credential { .. }, Some(known)) => {
                facts::account_facts(tx, account)?.and_then(|account| credential_voice(&known.facts, account, tx.now()))
            }
            _ => None,
        };
        self.voices.insert(account, found);
        Ok(found)
    }

    fn usable<'a>(&mut self, address: &'a Address) -> Result<Usable<'a>, StoreError> {
        let account = match self.accounts.get(address) {
            Some(known) => *known,
            None => self.tx.account_for(address)?,
        };
        // Who has no account takes the same statements as who is somebody else's (law 4).
        let voice = self.voice(account.unwrap_or_else(Tx::no_account))?;
        Ok(Usable { address, voice })
    }

    fn usable_all<'a>(&mut self, addresses: &'a [Address]) -> Result<Vec<Usable<'a>>, StoreError> {
        addresses.iter().map(|address| self.usable(address)).collect()
    }

    /// From and the reverse path are within what the session is rooted at, and From is what the credential's scope names.
    fn in_scope(&self, names: &SenderNames) -> Result<(), SendDenied> {
        let elsewhere = |address: &&Address| names.root.is_some_and(|root| self.account(address) != Some(root));
        if let Some(other) = names.from.iter().chain(&names.reverse_path).find(elsewhere) {
            return Err(SendDenied::NotYours(other.clone()));
        }
        let Some(known) = &self.credential else { return Ok(()) };
        match names.from.iter().find(|address| !may_stand(known, address.as_str())) {
            Some(other) => Err(SendDenied::NotYours(other.clone())),
            None => Ok(()),
        }
    }

    /// From is one mailbox's, and what is resent is sent on as the same one: its copy, trail and limits are
    /// those of all that the message says.
    fn of_one_mailbox(&self, names: &SenderNames, account: Option<AccountId>) -> Result<(), SendDenied> {
        let own = match self.caller.actor() {
            Actor::Person(person) => Some(person.account()),
            _ => account,
        };
        let is_other = |address: &&Address| {
            self.voices.get(&self.account(address).unwrap_or_else(Tx::no_account)).is_some_and(Option::is_some)
                && self.account(address) != account
        };
        if let Some(other) = names.from.iter().find(is_other) {
            return Err(SendDenied::SeveralMailboxes(other.clone()));
        }
        match names.resent.iter().find(|address| is_other(address) && self.account(address) != own) {
            Some(other) => Err(SendDenied::SeveralMailboxes(other.clone())),
            None => Ok(()),
        }
    }

    fn plan(
        &self,
        names: &SenderNames,
        (account, settings): (AccountId, Settings),
        voice: Voice,
        accepted: Accepted,
    ) -> Result<SendPlan, StoreError> {
        let own = match self.caller.actor() {
            Actor::Person(person) if person.account() == account => (names.own.to_string(), settings.name.clone()),
            Actor::Person(person) => {
                let row = facts_of_name(self.tx, person.account())?;
                (names.own.to_string(), row.unwrap_or_default())
            }
            _ => (settings.address.clone(), settings.name.clone()),
        };
        let known = self.credential.as_ref().map(|known| &known.facts);
        let is_program = known.is_some();
        let (copies, without_sent) = self.copies(account, voice, &settings.sent_copy)?;
        Ok(SendPlan {
            account,
            voice,
            accepted,
            own,
            copies,
            without_sent,
            limits: known.map_or(SendLimits::PERSON, |known| known.send_limits(self.tx.now())),
            own_domains: known.is_some_and(|known| known.scope.sending.own_domains),
            is_campaign: known.is_some_and(|known| known.purpose == postern_access::Purpose::Marketing),
            undo_seconds: if is_program { 0 } else { settings.undo_seconds },
            stale_reply_minutes: if is_program { 0 } else { settings.stale_reply_minutes },
            address: settings.address,
            name: settings.name,
        })
    }

    /// Where copies go: to who sent it, to the account they sent as, or both. One's own mail has one. Beside
    /// the mailboxes, accounts that have none for it.
    fn copies(
        &self,
        account: AccountId,
        voice: Voice,
        setting: &str,
    ) -> Result<(Vec<MailboxId>, Vec<AccountId>), StoreError> {
        let own = match self.caller.actor() {
            Actor::Person(person) => person.account(),
            _ => account,
        };
        let accounts: &[AccountId] = match (setting, voice) {
            ("none", _) => &[],
            (_, Voice::Own) | ("shared", _) => &[account],
            ("sender", _) => &[own],
            _ if own == account => &[account],
            _ => &[account, own],
        };
        let (mut copies, mut without_sent) = (Vec::new(), Vec::new());
        for account in accounts {
            match mailbox_for(self.tx, *account, SpecialUse::Sent)? {
                Some(sent) => copies.push(sent),
                None => without_sent.push(*account),
            }
        }
        Ok((copies, without_sent))
    }
}

fn settings(tx: &Tx<'_>, account: AccountId) -> Result<Option<Settings>, StoreError> {
    tx.one(&sql::SETTINGS, &[account.get().into()], |row| {
        Ok(Settings {
            address: row.text(0)?.to_owned(),
            name: row.text(1)?.to_owned(),
            sent_copy: row.text(2)?.to_owned(),
            shows: ShowSender::parse(row.text(3)?).map_err(|error| StoreError::Damaged(error.to_string()))?,
            undo_seconds: row.int(4)?,
            stale_reply_minutes: row.int(5)?,
        })
    })
}

fn facts_of_name(tx: &Tx<'_>, account: AccountId) -> Result<Option<String>, StoreError> {
    tx.one(&sql::SETTINGS, &[account.get().into()], |row| Ok(row.text(1)?.to_owned()))
}

impl Tx<'_> {
    /// The account that mail for an address goes to, or is sent as: with `+tag` after a local part it is
    /// the one without (RFC 5233), where nobody has the address as it stands.
    pub fn account_for(&self, address: &Address) -> Result<Option<AccountId>, StoreError> {
        match (self.account_at(address)?, address.without_tag()) {
            (None, Some(plain)) => self.account_at(&plain),
            (found, _) => Ok(found),
        }
    }
}
