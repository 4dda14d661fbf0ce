//! Submission: a message of one of ours goes out (docs/design.md section 6).

mod limits;
mod prepare;
mod recipients;

use crate::carrier::NotifyWish;
use crate::ingest::{PARSED_IN_PLACE, copy_identity, id_hash};
use crate::{House, Session};
use postern_access::{Actor, Job, Limit, OnLimit, OverLimit, SendDenied, day_after};
use postern_mime as mime;
use postern_store::{
    After, AnswerFacts, Caller, CopyIdentity, Filed, GateError, Load, SendError, SendPlan, SenderNames, Sending, Tx,
};
use postern_types::{Address, MailboxId, SpecialUse, Timestamp, counted};
use prepare::Ready;
pub(crate) use prepare::{Notice, bits, rfc3339};
use recipients::Begun;
use std::sync::Arc;

/// Addresses that are named to somebody who used another one.
const NAMED_ADDRESSES: usize = 10;
/// Messages that one answers or forwards, as far as they are marked.
const MARKED_ORIGINALS: usize = 10;
/// So often a message is prepared again because what its plan rests on has changed meanwhile.
const ATTEMPTS: usize = 4;

/// A message as a client hands it in, with its envelope.
#[derive(Debug, Clone)]
pub struct SubmitRequest {
    /// Its name in the queue and in trace lines: [`House::new_queue_id`].
    pub id: String,
    /// The message as it came, lines ended by CRLF.
    pub raw: Arc<Vec<u8>>,
    /// The Received field that goes in front of what leaves, with its line end.
    pub received: String,
    /// The reverse path; nothing is the empty one of notifications.
    pub reverse_path: Option<Address>,
    /// Recipients in the order of the envelope.
    pub recipients: Vec<SubmitRecipient>,
    /// The client said SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
    /// RET: `Some(true)` for the whole message (RFC 3461 section 4.3).
    pub return_full: Option<bool>,
    /// ENVID, decoded (RFC 3461 section 4.4).
    pub envelope_id: Option<String>,
    /// Nothing leaves before this moment (RFC 4865).
    pub hold_until: Option<Timestamp>,
}

/// One recipient of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitRecipient {
    /// The address as the client wrote it, case kept.
    pub address: String,
    /// NOTIFY (RFC 3461 section 4.1).
    pub notify: Option<NotifyWish>,
    /// ORCPT, its type and the address, decoded (RFC 3461 section 4.2).
    pub original: Option<(String, String)>,
}

/// A message that is in the queue: durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its name there.
    pub id: String,
    /// It leaves at this moment and can be cancelled until then.
    pub held_until: Option<Timestamp>,
}

/// Why a submission is not taken. Each text is for the person; protocols have the codes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// An address that they may not use; the text has those that they may.
    #[error("{0}")]
    NotAllowed(String),
    /// The message can not be sent as it is.
    #[error("{0}")]
    BadMessage(String),
    /// Over the size.
    #[error("The message is too large")]
    TooLarge,
    /// It went through too many servers.
    #[error("The message went through too many servers: it is in a loop")]
    Loop,
    /// One of our domains, and nobody there has the address.
    #[error("There is no mailbox {0} here")]
    NoSuchRecipient(String),
    /// A recipient that can not be reached: the text says which setting would help.
    #[error("{0}")]
    NoRoute(String),
    /// Mail to this recipient came back for good.
    #[error("{0}")]
    Suppressed(String),
    /// More recipients than one message may have.
    #[error("A message may have {}; send it again for the others", counted(*.0 as u64, "recipient"))]
    TooManyRecipients(usize),
    /// A limit that is free again at this moment.
    #[error("{text}")]
    OverLimit {
        /// Which, and when to try again.
        text: String,
        /// When.
        until: Timestamp,
    },
    /// The account they send as, or their own, has no room for the sent copy.
    #[error("There is no room for the copy of what is sent in {0}")]
    NoRoom(String),
    /// This address takes no mail.
    #[error("{0} takes no mail")]
    Closed(Address),
    /// The sign-in holds no more: the connection ends.
    #[error("The sign-in has ended; sign in again")]
    Ended,
    /// The disk is nearly full; they may try again.
    #[error("The server has no room for mail now; please try again later")]
    DiskFull,
    /// The cause is in the log; they may try again.
    #[error("The server could not take the message now; please try again")]
    Unavailable,
}

/// What a message says, read once.
pub(super) struct Said {
    pub header: mime::OutgoingHeader,
    pub names: SenderNames,
    /// Names a copy of it, where it has a Message-ID.
    identity: Option<CopyIdentity>,
    /// The same of a campaign, by its Message-ID alone: what it says to each recipient is one message.
    campaign: Option<CopyIdentity>,
    /// What it answers, and what came before that.
    pub answer: AnswerFacts,
    /// Hashes of what it forwards.
    pub forwards: Vec<i64>,
}

impl Said {
    /// What names a copy of it, as it is sent by this plan.
    fn identity(&self, plan: &SendPlan) -> Option<CopyIdentity> {
        if plan.is_campaign { self.campaign } else { self.identity }
    }
}

/// How it is sent, as far as it was found out before the write.
pub(super) struct Planned {
    pub plan: SendPlan,
    /// Where a copy is wanted and is not there yet.
    pub copies: Vec<MailboxId>,
    /// Who answered before, and when.
    pub stale: Option<(String, Timestamp)>,
}

impl House {
    /// A name for a message, for its trace line and the queue: `msg_` and twelve letters and digits.
    pub fn new_queue_id(&self) -> Result<String, SubmitError> {
        const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let random: [u8; 12] = self.random().map_err(|_| SubmitError::Unavailable)?;
        let letters = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)]));
        Ok(format!("msg_{}", letters.collect::<String>()))
    }

    /// Asked at MAIL: may they use this reverse path? The message says more, and all of it is asked again when
    /// it is there.
    pub async fn may_submit_from(&self, session: &Session, reverse_path: Option<&Address>) -> Result<(), SubmitError> {
        let names = names(session, reverse_path.cloned());
        let (caller, asked, path) = (session.caller.clone(), names.clone(), reverse_path.cloned());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<bool, SendError> {
            path.as_ref().map_or(Ok(true), |path| tx.may_use_address(&caller, &asked, path))
        });
        match (read.await, reverse_path) {
            (Ok(true), _) | (Ok(_), None) => Ok(()),
            (Ok(false), Some(path)) => Err(self.not_allowed(session, &names, SendDenied::NotYours(path.clone())).await),
            (Err(error), _) => Err(self.refusal(session, &names, error).await),
        }
    }

    /// Takes a message: checked, queued and its sent copy filed in one transaction. What is answered
    /// is on disk.
    pub async fn submit(&self, session: &Session, request: SubmitRequest) -> Result<Submitted, SubmitError> {
        self.check_size(request.raw.len()).map_err(|_| SubmitError::TooLarge)?;
        if !self.db.has_room() {
            return Err(SubmitError::DiskFull);
        }
        if request.recipients.is_empty() {
            return Err(SubmitError::BadMessage("The message has no recipient".into()));
        }
        let most = self.limits.submission_recipients;
        if request.recipients.len() > most {
            return Err(SubmitError::TooManyRecipients(most));
        }
        let request = Arc::new(request);
        let said = Arc::new(self.read_submission(session, &request).await?);
        let Begun { places, load, planned } = self.begin(session, &said, &request).await?;
        let (load, mut planned) = (Arc::new(load), Some(planned));
        for _ in 0..ATTEMPTS {
            let planned = match planned.take() {
                Some(planned) => planned,
                None => self.plan(session, &said).await?,
            };
            let planned = self.with_sent_mailbox(session, &said, planned).await?;
            let ready = self.prepare(session, &request, &said, &places, planned).await?;
            let lanes = ready.lanes();
            if let Some(submitted) = self.write_submission(session, &said, &load, ready).await? {
                lanes.into_iter().for_each(|lane| self.queue.wake_lane(lane));
                self.meters.submitted.add([], 1);
                return Ok(submitted);
            }
        }
        tracing::error!(event = "submission.unsettled", id = request.id);
        Err(SubmitError::Unavailable)
    }

    /// Reads what the message says of who sends it; a large one off the async threads.
    async fn read_submission(&self, session: &Session, request: &Arc<SubmitRequest>) -> Result<Said, SubmitError> {
        let (raw, blobs) = (Arc::clone(&request.raw), self.blobs.clone());
        let is_small = raw.len() < PARSED_IN_PLACE;
        let work = move || {
            let header = mime::read_outgoing(&raw)?;
            let identity = copy_identity(&blobs, &raw);
            Ok::<_, mime::OutgoingError>((header, identity))
        };
        let read = if is_small { Ok(work()) } else { tokio::task::spawn_blocking(work).await };
        let (header, identity) = read
            .map_err(|_| SubmitError::Unavailable)?
            .map_err(|error| SubmitError::BadMessage(sentence(&error.to_string())))?;
        if header.received_fields > self.limits.received_fields {
            return Err(SubmitError::Loop);
        }
        let mut names = names(session, request.reverse_path.clone());
        names.from = parse_all(&header.from)?;
        names.sender = parse_all(&header.sender)?.pop();
        names.resent = parse_all(&header.resent_from)?;
        names.resent.extend(parse_all(&header.resent_sender)?);
        let answer = self.answer_facts(&header, &request.id);
        let forwards = header.forwarded.iter().take(MARKED_ORIGINALS).map(|id| id_hash(id)).collect();
        let campaign = header.message_id.as_ref().map(|id| {
            let message = self.blobs.hash(format!("campaign\0{id}").as_bytes());
            CopyIdentity { message, dated: message }
        });
        Ok(Said { header, names, identity, campaign, answer, forwards })
    }

    /// A message as an answer to others.
    fn answer_facts(&self, header: &mime::OutgoingHeader, queue_id: &str) -> AnswerFacts {
        let made = || prepare::made_message_id(queue_id, self.hostname());
        let own = header.message_id.clone().unwrap_or_else(made);
        let ancestors = header.in_reply_to.iter().chain(header.references.iter().rev());
        AnswerFacts {
            id: id_hash(&own),
            answers: header.in_reply_to.iter().take(MARKED_ORIGINALS).map(|id| id_hash(id)).collect(),
            ancestors: ancestors.map(|id| id_hash(id)).collect(),
        }
    }

    /// Finds out anew how it is sent.
    async fn plan(&self, session: &Session, said: &Arc<Said>) -> Result<Planned, SubmitError> {
        let (caller, asked) = (session.caller.clone(), Arc::clone(said));
        match self.db.read(move |tx: &Tx<'_>| plan(tx, &caller, &asked)).await {
            Ok(planned) => Ok(planned),
            Err(error) => Err(self.refusal(session, &said.names, error).await),
        }
    }

    /// Somebody deleted the mailbox for what is sent: it is made again, so that the copy is not lost.
    async fn with_sent_mailbox(
        &self,
        session: &Session,
        said: &Arc<Said>,
        planned: Planned,
    ) -> Result<Planned, SubmitError> {
        if planned.plan.without_sent.is_empty() {
            return Ok(planned);
        }
        let accounts = planned.plan.without_sent.clone();
        let made = self.run(move |queue| -> Result<(), GateError> {
            accounts.iter().try_for_each(|account| queue.mailbox_for(*account, SpecialUse::Sent).map(|_| ()))
        });
        made.await.map_err(|_| SubmitError::Unavailable)?;
        self.plan(session, said).await
    }

    /// The transaction that counts, files and queues; nothing where it was prepared for another plan than
    /// what holds now.
    async fn write_submission(
        &self,
        session: &Session,
        said: &Arc<Said>,
        load: &Arc<Option<Load>>,
        ready: Ready,
    ) -> Result<Option<Submitted>, SubmitError> {
        let job = self.job(Job::Submission, "submission", session.caller.origin().peer.clone());
        let job = job.map_err(|_| SubmitError::Unavailable)?;
        let (caller, asked, load) = (session.caller.clone(), Arc::clone(said), Arc::clone(load));
        let ready = Arc::new(ready);
        let writing = Arc::clone(&ready);
        let is_many = ready.is_many();
        let work = move |tx: &Tx<'_>| write(tx, (&caller, &job), &asked, load.as_ref().as_ref(), &writing);
        // A row for each of many recipients: behind those who wait for a moment's work.
        let written = match is_many {
            true => self.db.write_bulk(work).await,
            false => self.db.write_in_turn(ready.plan.account, work).await,
        };
        if let Ok(Some((_, Some(limit)))) = &written {
            // Slowed down by a limit of the day: taken all the same, and whoever answers for it hears once.
            let (most, until) = (ready.plan.limits.most(*limit), day_after(self.now()));
            let over = OverLimit { limit: *limit, most, until, is_never: false };
            self.limit_reached(session, ready.plan.account, &over, OnLimit::Slow).await;
        }
        match written {
            Ok(None) | Err(SendError::Changed) => Ok(None),
            Ok(Some((submitted, _))) => Ok(Some(submitted)),
            Err(SendError::OverLimit(over)) => {
                self.limit_reached(session, ready.plan.account, &over, ready.plan.limits.on_limit).await;
                Err(over_limit(&over, ready.plan.limits.on_limit))
            }
            Err(error) => Err(self.refusal(session, &said.names, error).await),
        }
    }

    /// What a refusal at the gate is to the person.
    async fn refusal(&self, session: &Session, names: &SenderNames, error: SendError) -> SubmitError {
        match error {
            SendError::Denied(denied) => self.not_allowed(session, names, denied).await,
            SendError::OverLimit(over) => over_limit(&over, OnLimit::Refuse),
            SendError::Changed => SubmitError::Unavailable,
            SendError::Gate(GateError::Ended) => SubmitError::Ended,
            SendError::NoRoom(mailbox) => SubmitError::NoRoom(mailbox),
            SendError::Gate(GateError::Denied(denied)) => SubmitError::NotAllowed(denied.to_string()),
            SendError::Gate(GateError::Rule(rule)) => SubmitError::BadMessage(rule.to_string()),
            SendError::Gate(GateError::Store(error)) => {
                tracing::error!(event = "submission.failed", %error);
                SubmitError::Unavailable
            }
        }
    }

    /// An address that is not theirs: told with those that are.
    async fn not_allowed(&self, session: &Session, names: &SenderNames, denied: SendDenied) -> SubmitError {
        let SendDenied::NotYours(address) = denied else { return SubmitError::NotAllowed(denied.to_string()) };
        let (caller, names) = (session.caller.clone(), names.clone());
        let read = self.db.read(move |tx: &Tx<'_>| tx.addresses_to_send_from(&caller, &names, NAMED_ADDRESSES + 1));
        let mut addresses = match read.await {
            Ok(addresses) => addresses,
            Err(SendError::Gate(GateError::Ended)) => return SubmitError::Ended,
            Err(_) => Vec::new(),
        };
        let more = if addresses.len() > NAMED_ADDRESSES { ", and others" } else { "" };
        addresses.truncate(NAMED_ADDRESSES);
        SubmitError::NotAllowed(match addresses.is_empty() {
            true => format!("You may not send as {address}, nor as anybody else; ask an owner of the mailbox"),
            false => format!("You may not send as {address}; you may send as {}{more}", addresses.join(", ")),
        })
    }
}

/// How it is sent, and what has to be prepared for that.
fn plan(tx: &Tx<'_>, caller: &Caller, said: &Said) -> Result<Planned, SendError> {
    let sending = tx.may_submit(caller, &said.names)?;
    let mut copies = Vec::new();
    for mailbox in &sending.plan().copies {
        if !sending.has_copy(*mailbox, said.identity(sending.plan()))? {
            copies.push(*mailbox);
        }
    }
    let stale = stale(&sending, said, tx.now())?;
    Ok(Planned { plan: sending.plan().clone(), copies, stale })
}

/// Everything of a submission that is written, in one transaction.
fn write(
    tx: &Tx<'_>,
    (caller, job): (&Caller, &Caller),
    said: &Said,
    load: Option<&Load>,
    ready: &Ready,
) -> Result<Option<(Submitted, Option<Limit>)>, SendError> {
    let sending = tx.may_submit(caller, &said.names)?;
    if *sending.plan() != ready.plan || stale(&sending, said, tx.now())? != ready.stale {
        return Ok(None);
    }
    let slot = load.map(|load| sending.take_room(load)).transpose()?;
    let mut queued = ready.queued(slot.map(|slot| slot.leaves), tx.now());
    let waits = queued.hold.is_some() || queued.first_try > tx.now();
    let mut copies = Vec::new();
    for mailbox in &ready.plan.copies {
        match sending.file(job, *mailbox, ready.copy_for(*mailbox), said.identity(&ready.plan))? {
            Filed::IsGone => return Err(SendError::Changed),
            Filed::Now(uid) if waits && !ready.plan.is_campaign => copies.push((*mailbox, uid)),
            Filed::WasThere(Some(uid)) => copies.push((*mailbox, uid)),
            Filed::Now(_) | Filed::WasThere(None) => {}
        }
    }
    let mut after =
        After { answered: said.answer.answers.clone(), forwarded: said.forwards.clone(), copies, is_answer: false };
    // A program does not come back to what it sent; and a person's rights are asked when it leaves.
    if !waits || !matches!(caller.actor(), Actor::Person(_)) {
        let copies = if waits { std::mem::take(&mut after.copies) } else { Vec::new() };
        sending.follow(&std::mem::take(&mut after))?;
        after.copies = copies;
    }
    let is_answer = !said.answer.answers.is_empty() && said.forwards.is_empty() && !said.header.is_automatic;
    if ready.plan.stale_reply_minutes > 0 && is_answer {
        let can_be_taken_back = waits.then_some(queued.public_id.as_str());
        sending.note_answered(&said.answer, can_be_taken_back, ready.stale.is_some())?;
        after.is_answer = waits;
    }
    queued.after = after;
    sending.queue(&queued)?;
    if let Some(notice) = &ready.notice {
        tx.authority::<postern_store::RunQueue>(job)?.notify(notice.account, &notice.queued)?;
    }
    let held_until = (queued.first_try > tx.now()).then_some(queued.first_try);
    let slowed_by = slot.and_then(|slot| slot.slowed_by).filter(|limit| *limit != Limit::Messages);
    Ok(Some((Submitted { id: queued.public_id, held_until }, slowed_by)))
}

/// Who else answered what this answers, where the account asks for that and nobody is a program.
fn stale(sending: &Sending<'_>, said: &Said, now: Timestamp) -> Result<Option<(String, Timestamp)>, SendError> {
    let minutes = sending.plan().stale_reply_minutes;
    if minutes <= 0 || said.answer.answers.is_empty() || said.header.is_automatic {
        return Ok(None);
    }
    sending.answered_by_another(&said.answer, now.plus_ms(-minutes * 60_000))
}

fn names(session: &Session, reverse_path: Option<Address>) -> SenderNames {
    SenderNames {
        reverse_path,
        from: Vec::new(),
        sender: None,
        resent: Vec::new(),
        root: session.is_rooted().then(|| session.account()),
        own: session.address().clone(),
    }
}

fn parse_all(texts: &[String]) -> Result<Vec<Address>, SubmitError> {
    let parse = |text: &String| {
        let no_address = |error| SubmitError::NotAllowed(format!("You may not send as {text:?}: {error}"));
        Address::parse(text).map_err(no_address)
    };
    texts.iter().map(parse).collect()
}

/// A text that begins a line of its own.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

pub(super) fn over_limit(over: &OverLimit, on_limit: OnLimit) -> SubmitError {
    let OverLimit { limit, most, until, is_never } = *over;
    let limit = limit.told(most);
    if on_limit == OnLimit::Suspend {
        let text = format!("The limit of {limit} is reached, so this credential is suspended; ask its owner");
        return SubmitError::NotAllowed(text);
    }
    if is_never {
        let text = format!("This message alone is over the limit of {limit}; send it in parts");
        return SubmitError::NotAllowed(text);
    }
    let at = rfc3339(until);
    SubmitError::OverLimit { text: format!("The limit of {limit} is reached; try again at {at}"), until }
}
