//! What reading is: counters, rows for FETCH, bodies.

use super::access::Access;
use super::audit::{Detail, Event};
use super::class::{Class, Read, Reads};
use super::error::GateError;
use crate::blob::Stored;
use crate::sql::{BodyKey, Row};
use crate::statements::{mailbox as mailbox_sql, message as sql};
use crate::{StoreError, Tx};
use postern_types::{
    BlobHash, FlagSetId, Flags, MailboxId, MessageId, ModSeq, PersonId, SystemFlag, Timestamp, Uid, UidValidity,
};

/// Numbers of a mailbox, kept on its row so that SELECT and STATUS count nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// RFC 9051 section 2.3.1.1.
    pub uid_validity: UidValidity,
    /// The UID the next message will get; 2^32 when none is left.
    pub uid_next: u64,
    /// Highest modseq of any change.
    pub modseq: ModSeq,
    /// Messages.
    pub messages: u64,
    /// Messages without the \Seen that counts for whoever asks.
    pub unseen: u64,
    /// Messages with \Deleted.
    pub deleted: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// UIDs from here on have been shown to no session yet.
    pub recent_from: u64,
}

/// What decides which flags a message shows to somebody: the set that all share, and whether
/// they have seen it themselves, where the account keeps that apart. [`Access::flags_of`] makes
/// flags of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FlagsKey {
    /// The set of all; `None` is the empty one.
    pub set: Option<FlagSetId>,
    /// They have seen it themselves; never where one `\Seen` counts for all.
    pub own_seen: bool,
}

/// Where the body of a message of one mailbox lies. It outlives the proof that found it, and
/// only another proof on the same mailbox reads it ([`Access::body_at`]): what is read in pieces
/// goes on after the message was removed, and stops when the right was.
#[derive(Debug, Clone)]
pub struct BodyPlace {
    mailbox: MailboxId,
    uid: Uid,
    message: MessageId,
    key: BodyKey,
    is_file: bool,
    size: u64,
}

/// Where a body lies, or the body itself in its stored form, apart from its transaction.
#[derive(Debug, Clone)]
pub struct StoredBody {
    /// Its key, for [`crate::Blobs::load`].
    pub key: BodyKey,
    /// The stored form when it lies beside the rows; `None` when it is a file.
    pub inline: Option<Vec<u8>>,
    /// Bytes of the message.
    pub size: u64,
}

/// What FETCH can show without the body. Borrowed from the row, encoded at once.
pub struct FetchRow<'r> {
    row: &'r dyn Row,
    uid: Uid,
    /// Somebody's own `\Seen` is in the row.
    has_own: bool,
    /// No message was changed before.
    since: ModSeq,
    /// What is preformatted is in the row.
    has_formatted: bool,
}

impl BodyPlace {
    /// Bytes of the message.
    pub fn size(&self) -> u64 {
        self.size
    }
    /// The message's UID.
    pub fn uid(&self) -> Uid {
        self.uid
    }
    pub(crate) fn key(&self) -> BodyKey {
        self.key
    }
}

impl FetchRow<'_> {
    /// The UID.
    pub fn uid(&self) -> Uid {
        self.uid
    }
    /// The message's id in its account.
    pub fn message(&self) -> Result<MessageId, StoreError> {
        Ok(MessageId::from_key(self.row.int(0)?)?)
    }
    /// The message that it is, or is a copy of (RFC 8474 section 5.1).
    pub fn email(&self) -> Result<MessageId, StoreError> {
        match self.row.int(17)? {
            0 => self.message(),
            copied => Ok(MessageId::from_key(copied)?),
        }
    }
    /// The message that its thread began with: a number of its account, or a packed one where it came from
    /// another.
    pub fn thread(&self) -> Result<MessageId, StoreError> {
        let thread = self.row.int(16)?;
        let own = MessageId::pack(self.message()?.account(), thread);
        Ok(own.or_else(|_| MessageId::from_key(thread))?)
    }
    /// What its flags are made from.
    pub fn flags(&self) -> Result<FlagsKey, StoreError> {
        Ok(FlagsKey { set: flag_set(self.row.int(1)?)?, own_seen: self.has_own && self.row.flag(21)? })
    }
    /// Its last change.
    pub fn modseq(&self) -> Result<ModSeq, StoreError> {
        let own = if self.has_own { self.row.int(22)? } else { 0 };
        Ok(ModSeq(self.row.int(2)?.max(own)).max(self.since))
    }
    /// INTERNALDATE.
    pub fn internal_date(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp(self.row.int(3)?))
    }
    /// RFC822.SIZE.
    pub fn size(&self) -> Result<u64, StoreError> {
        count(self.row.int(4)?)
    }
    /// Bytes of the header with the blank line.
    pub fn header_bytes(&self) -> Result<u64, StoreError> {
        count(self.row.int(5)?)
    }
    /// ENVELOPE as IMAP shows it.
    pub fn envelope(&self) -> Result<&[u8], StoreError> {
        self.formatted(6)
    }
    /// BODYSTRUCTURE as IMAP shows it.
    pub fn structure(&self) -> Result<&[u8], StoreError> {
        self.formatted(7)
    }
    /// BODY as IMAP shows it.
    pub fn body(&self) -> Result<&[u8], StoreError> {
        self.formatted(8)
    }
    /// Where each part lies (`postern_mime::PartIndex`).
    pub fn parts(&self) -> Result<&[u8], StoreError> {
        self.formatted(9)
    }
    /// First words (RFC 8970).
    pub fn preview(&self) -> Result<&str, StoreError> {
        if self.has_formatted { self.row.text(10) } else { Ok("") }
    }
    /// Nothing, where it was not asked for.
    fn formatted(&self, column: usize) -> Result<&[u8], StoreError> {
        if self.has_formatted { self.row.bytes(column) } else { Ok(&[]) }
    }
    /// Decoded subject.
    pub fn subject(&self) -> Result<&str, StoreError> {
        self.row.text(13)
    }
    /// Decoded sender.
    pub fn sender(&self) -> Result<&str, StoreError> {
        self.row.text(14)
    }
    /// The Date field.
    pub fn sent(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.row.opt_int(15)?.map(Timestamp))
    }
    /// The day of the Date field as written, counted from 1970.
    pub fn sent_day(&self) -> Result<Option<i64>, StoreError> {
        self.row.opt_int(20)
    }
    /// When it came into this mailbox (RFC 8514).
    pub fn saved(&self) -> Result<Timestamp, StoreError> {
        Ok(Timestamp(self.row.int(18)?))
    }
    fn blob(&self) -> Result<(BlobHash, bool), StoreError> {
        let hash = BlobHash::from_slice(self.row.bytes(11)?).ok_or_else(|| StoreError::Damaged("blob hash".into()))?;
        Ok((hash, self.row.int(12)? != 0))
    }
}

pub(super) fn flag_set(key: i64) -> Result<Option<FlagSetId>, StoreError> {
    if key == 0 { Ok(None) } else { Ok(Some(FlagSetId::from_key(key)?)) }
}

pub(super) fn count(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Damaged(format!("count {number}")))
}

impl<C: Class> Access<'_, C> {
    /// The mailbox's numbers. Any class may: they are what EXISTS and APPENDUID tell.
    pub fn counters(&self) -> Result<Counters, StoreError> {
        let mut counters = self.numbers()?;
        if let Some(person) = self.seer() {
            let values = [self.mailbox().get().into(), person.get().into()];
            let seen = self.tx().one(&sql::COUNT_SEEN_BY, &values, |row| count(row.int(0)?))?.unwrap_or(0);
            counters.unseen = counters.messages.saturating_sub(seen);
        }
        match self.end() {
            Some(end) => self.counted_up_to(end, counters),
            None => Ok(counters),
        }
    }

    /// The numbers of the mailbox as if it ended there.
    fn counted_up_to(&self, end: u32, whole: Counters) -> Result<Counters, StoreError> {
        let next = whole.uid_next.min(u64::from(end) + 1);
        let nothing = Counters { messages: 0, unseen: 0, deleted: 0, bytes: 0, uid_next: next, ..whole };
        let mut counters = Counters { recent_from: whole.recent_from.min(next), ..nothing };
        let values = [self.mailbox().get().into(), i64::from(end).into()];
        let sets = self.tx().all(&sql::COUNT_UP_TO, &values, |row| {
            Ok((flag_set(row.int(0)?)?, count(row.int(1)?)?, count(row.int(2)?)?))
        })?;
        for (set, messages, bytes) in sets {
            let flags = flags_of(self.tx(), set)?;
            counters.messages += messages;
            counters.bytes += bytes;
            counters.unseen += if flags.has(SystemFlag::Seen) { 0 } else { messages };
            counters.deleted += if flags.has(SystemFlag::Deleted) { messages } else { 0 };
        }
        Ok(counters)
    }

    /// The numbers of its row: `unseen` is by the \Seen of all.
    pub(super) fn numbers(&self) -> Result<Counters, StoreError> {
        let found = self.tx().one(&mailbox_sql::COUNTERS, &[self.mailbox().get().into()], |row| {
            Ok(Counters {
                uid_validity: UidValidity(
                    u32::try_from(row.int(0)?).map_err(|_| StoreError::Damaged("uid validity".into()))?,
                ),
                uid_next: count(row.int(1)?)?,
                modseq: ModSeq(row.int(2)?),
                messages: count(row.int(3)?)?,
                unseen: count(row.int(4)?)?,
                deleted: count(row.int(5)?)?,
                bytes: count(row.int(6)?)?,
                recent_from: count(row.int(7)?)?,
            })
        })?;
        found.ok_or_else(|| StoreError::Damaged("an opened mailbox has no row".into()))
    }

    /// The flags that a message shows to the caller.
    pub fn flags_of(&self, key: FlagsKey) -> Result<Flags, StoreError> {
        Ok(self.seen().shown(&flags_of(self.tx(), key.set)?, key.own_seen))
    }

    /// Has this person seen a message themselves, and as of which change?
    pub(super) fn seen_by(&self, person: PersonId, uid: Uid) -> Result<(bool, ModSeq), StoreError> {
        let values = [self.mailbox().get().into(), i64::from(uid.get()).into(), person.get().into()];
        let found = self.tx().one(&sql::SEEN_BY, &values, |row| Ok((row.flag(0)?, ModSeq(row.int(1)?))))?;
        Ok(found.unwrap_or((false, ModSeq(0))))
    }

    /// Keeps whether this person has seen a message.
    pub(super) fn put_seen(&self, person: PersonId, uid: Uid, seen: bool, modseq: ModSeq) -> Result<(), StoreError> {
        let values = [
            self.mailbox().get().into(),
            i64::from(uid.get()).into(),
            person.get().into(),
            seen.into(),
            modseq.0.into(),
        ];
        self.tx().send(&sql::PUT_SEEN, &values)
    }
}

pub(super) fn flags_of(tx: &Tx<'_>, set: Option<FlagSetId>) -> Result<Flags, StoreError> {
    let Some(set) = set else { return Ok(Flags::new()) };
    let text = tx.one(&sql::FLAG_SET, &[set.get().into()], |row| Ok(row.text(0)?.to_owned()))?;
    let text = text.ok_or_else(|| StoreError::Damaged(format!("flag set {set} is missing")))?;
    Flags::parse(&text).map_err(|error| StoreError::Damaged(error.to_string()))
}

impl<C: Reads> Access<'_, C> {
    /// Hands over at most `most` messages with UIDs from `first` to `last`, in order; what is preformatted of them only
    /// where that is asked for.
    pub fn fetch_between(
        &self,
        first: Uid,
        last: Uid,
        most: usize,
        has_formatted: bool,
        mut each: impl FnMut(&FetchRow<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let values = [
            self.mailbox().get().into(),
            i64::from(first.get()).into(),
            i64::from(self.end().map_or(last.get(), |end| last.get().min(end))).into(),
            (most as i64).into(),
        ];
        let (has_own, since) = (self.seer().is_some(), self.seen_since());
        let mut each =
            |row: &dyn Row| each(&FetchRow { row, uid: Uid::from_i64(row.int(19)?)?, has_own, since, has_formatted });
        match self.seer() {
            None if has_formatted => self.tx().query(&sql::FETCH_BETWEEN, &values, each),
            None => self.tx().query(&sql::PLAIN_BETWEEN, &values, each),
            Some(person) => {
                let [mailbox, first, last, most] = values;
                let values = [mailbox, first, last, most, person.get().into()];
                let statement = if has_formatted { &sql::FETCH_BETWEEN_OWN } else { &sql::PLAIN_BETWEEN_OWN };
                self.tx().query(statement, &values, &mut each)
            }
        }
    }

    /// Where the body of a message of this mailbox lies.
    pub fn place_of(&self, row: &FetchRow<'_>) -> Result<BodyPlace, StoreError> {
        let (hash, is_file) = row.blob()?;
        let key = BodyKey { account: self.account(), hash };
        let (mailbox, uid) = (self.mailbox(), row.uid());
        Ok(BodyPlace { mailbox, uid, message: row.message()?, key, is_file, size: row.size()? })
    }

    /// Hands over the stored body that lies there, once; a file is not yet read.
    pub fn body_at(
        &self,
        place: &BodyPlace,
        each: &mut dyn FnMut(BodyKey, Stored<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let BodyPlace { mailbox, message, key, is_file, .. } = *place;
        if mailbox != self.mailbox() {
            return Err(StoreError::Damaged(format!("message {message} is not of mailbox {}", self.mailbox())));
        }
        if is_file {
            return each(key, Stored::File);
        }
        if self.tx().bodies().read(key, &mut |stored| each(key, Stored::Inline(stored)))? {
            return Ok(());
        }
        Err(StoreError::Body(format!("the body of message {message} is missing")))
    }
}

impl Access<'_, Read> {
    /// Puts the opening of this mailbox on the trail (law 2, class B) and takes what is
    /// \Recent for this session (RFC 3501 section 2.3.2) unless it only examines. Before
    /// the first byte of the mailbox is sent, and in a write.
    pub fn note_opened(&self, read_only: bool) -> Result<Counters, GateError> {
        let counters = self.counters()?;
        self.tx().record(
            self.caller(),
            &Event {
                class: "B",
                action: "mailbox.opened",
                account: Some(self.account()),
                mailbox: Some(self.mailbox()),
                detail: Detail { public: if read_only { "read-only" } else { "" }, personal: "" },
            },
        )?;
        if !read_only {
            self.tx().execute(&mailbox_sql::TAKE_RECENT, &[self.mailbox().get().into()])?;
        }
        Ok(counters)
    }
}
