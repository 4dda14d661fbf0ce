//! The copy of what is sent, in Sent, once.
//!
//! A client that files its own copy gets no second one, whichever comes first: a copy is the same
//! where the same actor sent or filed it within a day with equal Message-ID, From, To, Subject, Date
//! and body. Whatever differs is kept, so nobody hides what was sent behind a message that looks
//! like it (docs/design.md section 6).

use super::access::Access;
use super::audit::{Detail, Event};
use super::caller::Caller;
use super::class::{ChangeFlags, Insert, Read};
use super::error::{GateError, Rule};
use super::facts;
use super::flags::FlagChange;
use super::insert::{Appended, NewMessage};
use super::queue::NewQueued;
use super::remove::{leaving, take_out};
use super::submit::{SendError, Sending, actor_key};
use crate::statements::{queue as queue_sql, sending as sql};
use crate::{StoreError, Tx};
use postern_access::Voice;
use postern_types::{AccountId, BlobHash, Flags, MailboxId, ModSeq, Timestamp, Uid, UidValidity};

/// How long a copy is the same one.
const SAME_MS: i64 = 24 * 60 * 60 * 1000;
/// Addresses of recipients that the trail shows.
const SHOWN_RECIPIENTS: usize = 200;

/// What makes two copies of a sent message the same one, by keyed hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyIdentity {
    /// Message-ID, From, To, Subject and body.
    pub message: BlobHash,
    /// The same and Date.
    pub dated: BlobHash,
}

/// What became of the copy of what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filed {
    /// It was filed.
    Now(Uid),
    /// It was there, filed with the same message sent before.
    WasThere(
        /// Where, if that one has not left yet.
        Option<Uid>,
    ),
    /// It was there when it was prepared, and is not any more: prepare it.
    IsGone,
}

/// mutt dates the copy that it files anew, so that it is a moment younger than what it sent.
const DATED_ANEW_MS: i64 = 30 * 1000;

/// A copy of what was sent, or filed by a client.
struct Copy {
    dated: BlobHash,
    sent: Option<Timestamp>,
    mailbox: MailboxId,
    uid: Uid,
    by_house: bool,
    modseq: ModSeq,
    uid_validity: UidValidity,
}

impl Sending<'_> {
    /// Files the copy of what is sent in a mailbox of its plan, as the submission job. Without a message, it is
    /// one that was found there before.
    pub fn file(
        &self,
        job: &Caller,
        mailbox: MailboxId,
        message: Option<&NewMessage>,
        identity: Option<CopyIdentity>,
    ) -> Result<Filed, SendError> {
        let (tx, actor) = (self.tx(), self.actor_key());
        facts::ask_ahead_to_open(tx, mailbox)?;
        if let Some(copy) = self.copy_of(mailbox, identity)? {
            let key = [mailbox.get().into(), i64::from(copy.uid.get()).into(), 0.into()];
            let waits = !self.plan().is_campaign && tx.one(&queue_sql::OTHER_WITH_COPY, &key, |_| Ok(()))?.is_some();
            return Ok(Filed::WasThere(waits.then_some(copy.uid)));
        }
        let Some(message) = message else { return Ok(Filed::IsGone) };
        let access = tx.open::<Insert>(job, mailbox)?;
        let appended = match access.append_seen_by(message, self.caller().actor()) {
            Err(GateError::Rule(Rule::OverQuota)) => return Err(self.no_room(mailbox.account())?),
            appended => appended?,
        };
        let Some(CopyIdentity { message: same, dated }) = identity else { return Ok(Filed::Now(appended.uid)) };
        note_copy(tx, (mailbox, appended.uid, message.facts.sent), (same, dated), (&actor, true))?;
        // What the client filed before says of itself who sent it: the true one takes its place.
        let filed = copy(tx, mailbox.account(), dated, &actor)?;
        if let Some(copy) = filed.filter(|copy| copy.mailbox == mailbox && !copy.by_house) {
            let leaving = leaving(tx, mailbox, &[copy.uid])?;
            take_out(tx, mailbox, &leaving)?;
            let detail = Detail { public: &format!("uid {} by uid {}", copy.uid, appended.uid), personal: "" };
            let (account, mailbox) = (Some(mailbox.account()), Some(mailbox));
            tx.record(job, &Event { class: "A", action: "message.replaced", account, mailbox, detail })?;
        }
        Ok(Filed::Now(appended.uid))
    }

    fn no_room(&self, account: AccountId) -> Result<SendError, StoreError> {
        Ok(SendError::NoRoom(self.tx().address_of(account)?.unwrap_or_default()))
    }

    /// Is its copy there already, filed by the house for this sender? Then none has to be prepared.
    pub fn has_copy(&self, mailbox: MailboxId, identity: Option<CopyIdentity>) -> Result<bool, SendError> {
        Ok(self.copy_of(mailbox, identity)?.is_some())
    }

    fn copy_of(&self, mailbox: MailboxId, identity: Option<CopyIdentity>) -> Result<Option<Copy>, StoreError> {
        let Some(CopyIdentity { message, dated }) = identity else { return Ok(None) };
        let known = copy(self.tx(), mailbox.account(), message, &self.actor_key())?;
        Ok(known.filter(|copy| copy.mailbox == mailbox && copy.by_house && copy.dated == dated))
    }

    /// The sending, on the trail: how, how much and as whom; to whom is personal.
    pub(super) fn note_submitted(&self, new: &NewQueued) -> Result<(), StoreError> {
        let voice = match self.plan().voice {
            Voice::Own => "as themselves",
            Voice::As => "send-as",
            Voice::OnBehalf => "on behalf",
        };
        let count = new.recipients.len();
        let public = format!("{} {voice} recipients {count} bytes {}", new.public_id, new.body.size);
        let shown: Vec<&str> = new.recipients.iter().take(SHOWN_RECIPIENTS).map(|to| to.address.as_str()).collect();
        let more = if count > shown.len() { format!(" and {} more", count - shown.len()) } else { String::new() };
        let personal = format!("{} to {}{more}", new.from, shown.join(" "));
        let event = Event {
            class: "A",
            action: "message.submitted",
            account: Some(self.plan().account),
            mailbox: None,
            detail: Detail { public: &public, personal: &personal },
        };
        self.tx().record(self.caller(), &event)
    }
}

impl Access<'_, Insert> {
    /// Adds a message to a mailbox for what was sent, unless it is the copy of one that this actor has just
    /// sent, which is there: then that one is answered, with these flags too.
    pub fn append_sent(
        &self,
        message: &NewMessage,
        flags: &Flags,
        identity: CopyIdentity,
    ) -> Result<Appended, GateError> {
        let (tx, actor) = (self.tx(), actor_key(self.caller().actor()));
        let known = copy(tx, self.account(), identity.message, &actor)?;
        let is_same = |copy: &Copy| {
            let near = copy
                .sent
                .zip(message.facts.sent)
                .is_some_and(|(sent, dated)| (dated.0 - sent.0).abs() <= DATED_ANEW_MS);
            copy.by_house && copy.mailbox == self.mailbox() && (copy.dated == identity.dated || near)
        };
        if let Some(copy) = known.filter(is_same) {
            let changed = match self.also::<Read>().and_then(|readable| readable.also::<ChangeFlags>()) {
                Ok(access) => Some(access.change_flags(&[copy.uid], flags, FlagChange::Add, None)?),
                Err(_) => None,
            };
            let modseq = changed.map_or(copy.modseq, |changed| changed.modseq);
            return Ok(Appended { mailbox: copy.mailbox, uid_validity: copy.uid_validity, uid: copy.uid, modseq });
        }
        let appended = self.append(message, flags)?;
        let at = (self.mailbox(), appended.uid, message.facts.sent);
        note_copy(tx, at, (identity.dated, identity.dated), (&actor, false))?;
        Ok(appended)
    }

    /// Is it the mailbox for what was sent (RFC 6154)?
    pub fn is_sent(&self) -> Result<bool, StoreError> {
        Ok(self.tx().one(&sql::IS_SENT, &[self.mailbox().get().into()], |_| Ok(()))?.is_some())
    }
}

/// The copy that this actor sent or filed within a day, if it is still there.
fn copy(tx: &Tx<'_>, account: AccountId, identity: BlobHash, actor: &str) -> Result<Option<Copy>, StoreError> {
    let since = tx.now().plus_ms(-SAME_MS).0;
    let key = [account.get().into(), identity.0.as_slice().into(), actor.into(), since.into()];
    let noted = tx.one(&sql::SENT_COPY, &key, |row| {
        let dated = row.bytes(3)?.try_into().map_err(|_| StoreError::Damaged("the copy of what was sent".into()))?;
        let (mailbox, uid) = (MailboxId::from_key(row.int(0)?)?, Uid::from_i64(row.int(1)?)?);
        Ok((mailbox, uid, row.flag(2)?, BlobHash(dated), row.opt_int(4)?.map(Timestamp)))
    })?;
    let Some((mailbox, uid, by_house, dated, sent)) = noted else { return Ok(None) };
    tx.one(&sql::PLACED, &[mailbox.get().into(), i64::from(uid.get()).into()], |row| {
        let uid_validity =
            UidValidity(u32::try_from(row.int(1)?).map_err(|_| StoreError::Damaged("uid validity".into()))?);
        Ok(Copy { dated, sent, mailbox, uid, by_house, modseq: ModSeq(row.int(0)?), uid_validity })
    })
}

fn note_copy(
    tx: &Tx<'_>,
    (mailbox, uid, sent): (MailboxId, Uid, Option<Timestamp>),
    (identity, dated): (BlobHash, BlobHash),
    (actor, by_house): (&str, bool),
) -> Result<(), StoreError> {
    let values = [
        mailbox.account().get().into(),
        identity.0.as_slice().into(),
        actor.into(),
        mailbox.get().into(),
        i64::from(uid.get()).into(),
        by_house.into(),
        tx.now().0.into(),
        dated.0.as_slice().into(),
        sent.map(|sent| sent.0).into(),
    ];
    tx.send(&sql::NOTE_SENT_COPY, &values)
}
