//! Mail that is brought from elsewhere: some messages at a time, each with its flags and its date.
//!
//! Whoever may ask is told by the gate (`import`); the import job adds them. A message whose bytes are in the mailbox
//! already is passed over, so an import that broke off is simply begun again. What is refused of a message alone is
//! told of it, and the others go in; where the account is full it ends there (docs/decisions/0041-import.md).

use crate::admin::duty_at;
use crate::ingest::PARSED_IN_PLACE;
use crate::{House, Refused};
use postern_access::Job;
use postern_store::{Caller, GateError, Import, Imported, Importing, Rule, Tx};
use postern_types::{Address, BlobHash, Flags, MailboxId, MailboxName, Timestamp};
use std::sync::Arc;

/// Messages of one request at most: some twelve statements each, so about 5 ms of the writer's time.
pub const IMPORT_MESSAGES: usize = 100;
/// Keywords that a message may have.
const KEYWORDS: usize = 64;

/// A message as it is brought.
#[derive(Debug, Clone)]
pub struct ImportMessage {
    /// Its bytes; lines end in CRLF.
    pub raw: Arc<Vec<u8>>,
    /// Its flags.
    pub flags: Flags,
    /// INTERNALDATE; now, when none is given.
    pub received: Option<Timestamp>,
}

/// What came of the messages of a request.
#[derive(Debug, Clone, Default)]
pub struct ImportDone {
    /// The mailbox was made for them.
    pub made: bool,
    /// So many were added.
    pub added: usize,
    /// So many were there already.
    pub known: usize,
    /// Which can not be taken, by their place in the request from 0, and why.
    pub left: Vec<(usize, String)>,
    /// Why the rest was not tried.
    pub stopped: Option<Rule>,
}

/// One request, in all its transactions.
struct Errand {
    caller: Caller,
    address: Address,
    name: MailboxName,
}

impl House {
    /// May the caller import into this account, and does it take mail? Asked before any message is read; answers its
    /// address.
    pub async fn may_import(&self, caller: &Caller, address: &Address) -> Result<String, Refused> {
        let (caller, address) = (caller.clone(), address.clone());
        self.ask(move |tx| {
            let (account, proof) = duty_at::<Import>(tx, &caller, &address, "account")?;
            proof.require_in_use()?;
            Ok(tx.address_of(account)?.unwrap_or_default())
        })
        .await
    }

    /// Adds messages to a mailbox of an account, which is made where there is none of that name. What is answered as
    /// added is on disk and visible.
    pub async fn import(
        &self,
        caller: &Caller,
        address: &Address,
        name: &MailboxName,
        messages: Vec<ImportMessage>,
    ) -> Result<ImportDone, Refused> {
        let errand = Arc::new(Errand { caller: caller.clone(), address: address.clone(), name: name.clone() });
        if messages.len() > IMPORT_MESSAGES {
            return Err(Rule::Cannot("So many messages at once are not taken").into());
        }
        let asked = Arc::clone(&errand);
        let mailbox = self.ask(move |tx| {
            let (_, proof) = duty_at::<Import>(tx, &asked.caller, &asked.address, "account")?;
            proof.require_in_use()?;
            Ok(proof.mailbox(&asked.name)?)
        });
        let mailbox = mailbox.await?;
        let mut done = ImportDone::default();
        let mut good = Vec::with_capacity(messages.len());
        for (place, message) in messages.into_iter().enumerate() {
            match self.why_not(&message) {
                Some(why) => done.left.push((place, why)),
                None => good.push(message),
            }
        }
        let given = good.len();
        let fresh = match mailbox {
            Some(mailbox) => self.not_there(&errand, mailbox, good).await?,
            None => good,
        };
        done.known = given - fresh.len();
        self.add_imported(&errand, fresh, mailbox.is_none(), &mut done).await?;
        Ok(done)
    }

    fn why_not(&self, message: &ImportMessage) -> Option<String> {
        if message.raw.is_empty() {
            return Some("it is empty".to_owned());
        }
        if message.flags.keywords().len() > KEYWORDS {
            return Some(format!("it has more than {KEYWORDS} keywords"));
        }
        self.check_size(message.raw.len())
            .err()
            .map(|_| format!("it is larger than {} bytes", self.limits.message_bytes))
    }

    /// Those whose bytes are not in the mailbox: nothing is prepared for the others.
    async fn not_there(
        &self,
        errand: &Arc<Errand>,
        mailbox: MailboxId,
        messages: Vec<ImportMessage>,
    ) -> Result<Vec<ImportMessage>, Refused> {
        let hashes = self.hashes(&messages).await?;
        let errand = Arc::clone(errand);
        let there = self.ask(move |tx| {
            let (_, proof) = duty_at::<Import>(tx, &errand.caller, &errand.address, "account")?;
            hashes.iter().map(|hash| Ok(proof.is_there(mailbox, *hash)?)).collect::<Result<Vec<_>, GateError>>()
        });
        let there = there.await?;
        Ok(messages.into_iter().zip(there).filter(|(_, there)| !there).map(|(message, _)| message).collect())
    }

    async fn hashes(&self, messages: &[ImportMessage]) -> Result<Vec<BlobHash>, Refused> {
        let bodies: Vec<_> = messages.iter().map(|message| Arc::clone(&message.raw)).collect();
        let is_small = bodies.iter().map(|raw| raw.len()).sum::<usize>() < PARSED_IN_PLACE;
        let blobs = self.blobs.clone();
        let work = move || bodies.iter().map(|raw| blobs.hash(raw)).collect();
        if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await.map_err(|_| Refused::Unavailable) }
    }

    /// Adds what is new: all at once or, where there is not room for all, one by one until there is none.
    async fn add_imported(
        &self,
        errand: &Arc<Errand>,
        fresh: Vec<ImportMessage>,
        is_missing: bool,
        done: &mut ImportDone,
    ) -> Result<(), Refused> {
        if fresh.is_empty() {
            return Ok(());
        }
        let fits = self.has_room(errand, &fresh).await?;
        let pieces = match fits {
            true => vec![fresh],
            false => fresh.into_iter().map(|message| vec![message]).collect(),
        };
        for piece in pieces {
            // A large body is a file before the rows that name it; where there is no room none is made.
            if !fits && !self.has_room(errand, &piece).await? {
                done.stopped = Some(Rule::OverQuota);
                return Ok(());
            }
            match self.write_imported(errand, piece).await {
                Ok(imported) => {
                    done.made |= is_missing;
                    done.added += imported.added;
                    done.known += imported.known;
                }
                Err(Refused::Rule(full @ Rule::OverQuota)) => {
                    done.stopped = Some(full);
                    return Ok(());
                }
                Err(refused) => return Err(refused),
            }
        }
        Ok(())
    }

    async fn has_room(&self, errand: &Arc<Errand>, messages: &[ImportMessage]) -> Result<bool, Refused> {
        let bytes = messages.iter().map(|message| message.raw.len() as i64).sum();
        let (errand, count) = (Arc::clone(errand), messages.len() as i64);
        self.ask(move |tx| {
            let (_, proof) = duty_at::<Import>(tx, &errand.caller, &errand.address, "account")?;
            Ok(proof.has_room(count, bytes)?)
        })
        .await
    }

    async fn write_imported(&self, errand: &Arc<Errand>, messages: Vec<ImportMessage>) -> Result<Imported, Refused> {
        let asked = Arc::clone(errand);
        let found = self.ask(move |tx| {
            let (account, _) = duty_at::<Import>(tx, &asked.caller, &asked.address, "account")?;
            Ok((account, tx.now()))
        });
        let (account, now) = found.await?;
        let mut arriving = Vec::with_capacity(messages.len());
        for ImportMessage { raw, flags, received } in messages {
            let (prepared, _) = self.ingest(raw, vec![account], received.unwrap_or(now)).await?;
            arriving.extend(prepared.into_iter().map(|message| Importing { message, flags: flags.clone() }));
        }
        let job = self.job(Job::Import, "job", String::new())?;
        let (errand, limits) = (Arc::clone(errand), self.limits.clone());
        let written = self.db.write_bulk(move |tx: &Tx<'_>| {
            let (_, proof) = duty_at::<Import>(tx, &errand.caller, &errand.address, "account")?;
            let mailbox = proof.make_mailbox(&errand.name, &limits)?;
            proof.import(&job, mailbox, &arriving)
        });
        Ok(written.await?)
    }
}
