//! SEARCH: what a message must be, judged from the snapshot where that tells, else from its row and, where text
//! is asked for, from the message itself. A scan for now; the answers of an index must equal it.

use crate::content::Unreadable;
use crate::fetch::{FetchNeeds, Fetched, Mark};
use crate::{House, Refused, Session};
use postern_mime::{self as mime, SearchText};
use postern_store::{GateError, ObjectId, Read, Rule, Shown, Tx};
use postern_types::{Keyword, Limits, MailboxId, ModSeq, SystemFlag, Timestamp, Uid};
use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Texts that one search looks for, at most: each of them is looked for in all of a message.
const TEXTS: usize = 64;

/// Messages whose marks are looked at between two looks at the clock.
const MARKS_BETWEEN_LOOKS: usize = 16;

/// Which date of a message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateField {
    /// INTERNALDATE.
    Internal,
    /// The Date field as written, whatever its zone; INTERNALDATE where there is none.
    Sent,
    /// When it came into this mailbox (RFC 8514).
    Saved,
}

/// What a message must be (RFC 9051 section 6.4.4). Sequence numbers, \Recent and saved
/// results are the protocol's and come as UIDs. Days are counted from 1970 in UTC, with the
/// time of day left out of account.
#[derive(Debug, Clone, PartialEq)]
pub enum Criterion {
    /// Every message.
    All,
    /// One of these, sorted.
    Uids(Arc<[Uid]>),
    /// A system flag is set, or is not.
    Flag(SystemFlag, bool),
    /// A keyword is set, or is not.
    Keyword(Keyword, bool),
    /// More bytes than this.
    Larger(u64),
    /// Fewer bytes than this.
    Smaller(u64),
    /// Dated before the day.
    Before(DateField, i64),
    /// Dated on the day.
    On(DateField, i64),
    /// Dated on the day or later.
    Since(DateField, i64),
    /// INTERNALDATE is this moment or before (RFC 5032 section 2).
    Older(Timestamp),
    /// INTERNALDATE is this moment or after.
    Younger(Timestamp),
    /// The decoded subject holds this text.
    Subject(String),
    /// The senders, decoded and as `Name <address>`, hold this text.
    From(String),
    /// A header field of this name holds this text; an empty text asks for the field alone.
    Header(String, String),
    /// The decoded text of the body holds this.
    Body(String),
    /// Header or body hold this.
    Text(String),
    /// It is this message or a copy of it (RFC 8474 section 6).
    Email(ObjectId),
    /// It is of this thread.
    Thread(ObjectId),
    /// Changed at this modseq or later (RFC 7162 section 3.1.5).
    ModSeq(ModSeq),
    /// Not this.
    Not(Box<Criterion>),
    /// All of these.
    And(Vec<Criterion>),
    /// One of both.
    Or(Box<Criterion>, Box<Criterion>),
}

/// Why a search can not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SearchError {
    /// A charset that is not UTF-8 or US-ASCII (RFC 9051 section 6.4.4).
    #[error("Search text is UTF-8 or US-ASCII here")]
    Charset,
}

impl Criterion {
    /// How many texts are looked for.
    fn texts(&self) -> usize {
        match self {
            Criterion::Subject(_)
            | Criterion::From(_)
            | Criterion::Header(..)
            | Criterion::Body(_)
            | Criterion::Text(_) => 1,
            Criterion::Not(inner) => inner.texts(),
            Criterion::And(all) => all.iter().map(Criterion::texts).sum(),
            Criterion::Or(one, other) => one.texts() + other.texts(),
            _ => 0,
        }
    }

    /// Is the message itself asked for?
    fn reads_messages(&self) -> bool {
        match self {
            Criterion::Header(..) | Criterion::Body(_) | Criterion::Text(_) => true,
            Criterion::Not(inner) => inner.reads_messages(),
            Criterion::And(all) => all.iter().any(Criterion::reads_messages),
            Criterion::Or(one, other) => one.reads_messages() || other.reads_messages(),
            _ => false,
        }
    }

    /// Whether it holds of a message, where its mark tells.
    fn judged(&self, mark: Mark<'_>) -> Option<bool> {
        match self {
            Criterion::All => Some(true),
            Criterion::Uids(uids) => Some(uids.binary_search(&mark.uid).is_ok()),
            Criterion::Flag(flag, set) => Some(mark.flags.has(*flag) == *set),
            Criterion::Keyword(keyword, set) => Some(mark.flags.has_keyword(keyword) == *set),
            Criterion::ModSeq(modseq) => Some(mark.modseq >= *modseq),
            Criterion::Not(inner) => inner.judged(mark).map(|holds| !holds),
            Criterion::And(all) => all
                .iter()
                .try_fold(Some(true), |so_far, one| match one.judged(mark) {
                    Some(false) => Err(Some(false)),
                    holds => Ok(so_far.and(holds)),
                })
                .unwrap_or_else(|known| known),
            Criterion::Or(one, other) => match (one.judged(mark), other.judged(mark)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Criterion::Larger(_)
            | Criterion::Smaller(_)
            | Criterion::Before(..)
            | Criterion::On(..)
            | Criterion::Since(..)
            | Criterion::Older(_)
            | Criterion::Younger(_)
            | Criterion::Subject(_)
            | Criterion::From(_)
            | Criterion::Email(_)
            | Criterion::Thread(_)
            | Criterion::Header(..)
            | Criterion::Body(_)
            | Criterion::Text(_) => None,
        }
    }

    /// The same with texts and field names folded once rather than at every message.
    fn folded(self) -> Criterion {
        match self {
            Criterion::Subject(text) => Criterion::Subject(fold(&text)),
            Criterion::From(text) => Criterion::From(fold(&text)),
            Criterion::Header(name, text) => Criterion::Header(name.to_ascii_lowercase(), fold(&text)),
            Criterion::Body(text) => Criterion::Body(fold(&text)),
            Criterion::Text(text) => Criterion::Text(fold(&text)),
            Criterion::Not(inner) => Criterion::Not(Box::new(inner.folded())),
            Criterion::And(all) => Criterion::And(all.into_iter().map(Criterion::folded).collect()),
            Criterion::Or(one, other) => Criterion::Or(Box::new(one.folded()), Box::new(other.folded())),
            other => other,
        }
    }

    /// Names of the fields it asks for.
    fn collect_names(&self, names: &mut HashSet<String>) {
        match self {
            Criterion::Header(name, _) => {
                names.insert(name.clone());
            }
            Criterion::Not(inner) => inner.collect_names(names),
            Criterion::And(all) => all.iter().for_each(|one| one.collect_names(names)),
            Criterion::Or(one, other) => {
                one.collect_names(names);
                other.collect_names(names);
            }
            _ => {}
        }
    }

    fn holds(&self, message: &Texts<'_>) -> Result<bool, Unreadable> {
        let row = message.row;
        Ok(match self {
            Criterion::All => true,
            Criterion::Uids(uids) => uids.binary_search(&row.uid).is_ok(),
            Criterion::Flag(flag, set) => row.flags.has(*flag) == *set,
            Criterion::Keyword(keyword, set) => row.flags.has_keyword(keyword) == *set,
            Criterion::Larger(bytes) => row.size > *bytes,
            Criterion::Smaller(bytes) => row.size < *bytes,
            Criterion::Before(field, day) => day_of(row, *field) < *day,
            Criterion::On(field, day) => day_of(row, *field) == *day,
            Criterion::Since(field, day) => day_of(row, *field) >= *day,
            Criterion::Older(moment) => row.internal_date.seconds() <= moment.seconds(),
            Criterion::Younger(moment) => row.internal_date.seconds() >= moment.seconds(),
            Criterion::Subject(text) => message.subject.get_or_init(|| fold(row.subject)).contains(text),
            Criterion::From(text) => message.sender.get_or_init(|| fold(row.sender)).contains(text),
            Criterion::Header(name, text) => message.has_field(name, text)?,
            Criterion::Body(text) => message.all()?.body.contains(text),
            Criterion::Text(text) => {
                let all = message.all()?;
                all.headers.contains(text) || all.body.contains(text)
            }
            Criterion::Email(id) => row.ids.email() == *id,
            Criterion::Thread(id) => row.ids.thread() == *id,
            Criterion::ModSeq(modseq) => row.modseq >= *modseq,
            Criterion::Not(inner) => !inner.holds(message)?,
            Criterion::And(all) => {
                for one in all {
                    if !one.holds(message)? {
                        return Ok(false);
                    }
                }
                true
            }
            Criterion::Or(one, other) => one.holds(message)? || other.holds(message)?,
        })
    }
}

/// A criterion with what is worked out once for all messages.
struct Search {
    criterion: Criterion,
    /// Fields it asks for, in lower case.
    names: HashSet<String>,
    limits: Limits,
}

impl Search {
    fn new(criterion: Criterion, limits: &Limits) -> Self {
        let criterion = criterion.folded();
        let mut names = HashSet::new();
        criterion.collect_names(&mut names);
        Self { criterion, names, limits: limits.clone() }
    }

    fn finds(&self, row: &Fetched<'_>) -> Result<bool, Unreadable> {
        let (subject, sender) = Default::default();
        self.criterion.holds(&Texts {
            row,
            search: self,
            subject,
            sender,
            fields: OnceCell::new(),
            all: OnceCell::new(),
        })
    }
}

/// One message and its texts, decoded and folded when they are first asked for and then kept:
/// a search has many keys.
struct Texts<'a> {
    row: &'a Fetched<'a>,
    search: &'a Search,
    subject: OnceCell<String>,
    sender: OnceCell<String>,
    /// Fields the search asks for: name and value.
    fields: OnceCell<Vec<(String, String)>>,
    all: OnceCell<SearchText>,
}

impl Texts<'_> {
    fn has_field(&self, name: &str, text: &str) -> Result<bool, Unreadable> {
        let fields = match self.fields.get() {
            Some(fields) => fields,
            None => {
                let header = self.row.content.read(0..self.row.header_bytes)?;
                let mut fields = mime::decoded_fields(&header, |name| self.search.names.contains(name));
                fields.iter_mut().for_each(|(_, value)| *value = fold(value));
                self.fields.get_or_init(|| fields)
            }
        };
        Ok(fields.iter().any(|(found, value)| found == name && value.contains(text)))
    }

    fn all(&self) -> Result<&SearchText, Unreadable> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let SearchText { headers, body } = mime::search_text(&self.row.content.whole()?, &self.search.limits);
        Ok(self.all.get_or_init(|| SearchText { headers: fold(&headers), body: fold(&body) }))
    }
}

fn day_of(message: &Fetched<'_>, field: DateField) -> i64 {
    let day = |at: Timestamp| at.seconds().div_euclid(86_400);
    match field {
        DateField::Internal => day(message.internal_date),
        DateField::Sent => message.sent_day.unwrap_or_else(|| day(message.internal_date)),
        DateField::Saved => day(message.saved),
    }
}

/// Case is left out of account (RFC 9051 section 6.4.4).
fn fold(text: &str) -> String {
    text.to_lowercase()
}

impl House {
    /// Those of `uids` that are what is asked for, in order, with their last changes. Texts match as substrings of
    /// the decoded text, without regard to case.
    pub async fn search(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        criterion: Criterion,
    ) -> Result<Vec<(Uid, ModSeq)>, Refused> {
        if criterion.texts() > TEXTS {
            return Err(Rule::OverLimit("A search looks for at most 64 texts; ask in parts").into());
        }
        let criterion = Arc::new(criterion);
        let (mut found, rest) = self.judge_marks(session, mailbox, uids, &criterion).await?;
        if !rest.is_empty() {
            let search = Search::new(Criterion::clone(&criterion), &self.limits);
            let needs = FetchNeeds { raw: criterion.reads_messages(), formatted: false };
            let test = Arc::new(move |message: &Fetched<'_>| search.finds(message));
            found.extend(self.filter(session, mailbox, &rest.into(), needs, test).await?);
            found.sort_unstable_by_key(|(uid, _)| *uid);
        }
        Ok(found)
    }

    /// Those of which their marks tell that they are what is asked for, and those of which marks do not tell. A piece
    /// at a time, as all reading is.
    async fn judge_marks(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        criterion: &Arc<Criterion>,
    ) -> Result<(Vec<(Uid, ModSeq)>, Vec<Uid>), Refused> {
        let (mut found, mut rest) = (Vec::new(), Vec::new());
        let mut done = 0;
        while done < uids.len() {
            let _turn = self.turn_to_list(mailbox).await;
            self.check_session(session).await?;
            let (caller, uids, criterion) = (session.caller.clone(), Arc::clone(uids), Arc::clone(criterion));
            let most_time = Duration::from_millis(self.limits.read_ms);
            let judged = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
                let snapshot = tx.open::<Read>(&caller, mailbox)?.snapshot()?;
                let until = Instant::now() + most_time;
                let (mut shown, mut found, mut rest, mut done) = (Shown::default(), Vec::new(), Vec::new(), done);
                for uid in &uids[done..] {
                    done += 1;
                    let Some((flags, modseq)) = snapshot.shown(*uid, &mut shown) else { continue };
                    match criterion.judged(Mark { uid: *uid, flags, modseq }) {
                        Some(true) => found.push((*uid, modseq)),
                        Some(false) => {}
                        None => rest.push(*uid),
                    }
                    // A search may have thousands of keys, so that few messages take long.
                    if done % MARKS_BETWEEN_LOOKS == 0 && Instant::now() >= until {
                        break;
                    }
                }
                Ok((found, rest, done))
            });
            let (some, others, looked_at) = judged.await?;
            found.extend(some);
            rest.extend(others);
            done = looked_at;
        }
        Ok((found, rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;
    use crate::fetch::MessageIds;
    use postern_store::ObjectNames;
    use postern_types::{Flags, MessageId};
    use std::borrow::Cow;
    use std::cell::Cell;
    use std::ops::Range;

    /// Counts how often it is read.
    #[derive(Debug)]
    struct Counted {
        bytes: Vec<u8>,
        reads: Cell<usize>,
    }

    impl Content for Counted {
        fn size(&self) -> u64 {
            self.bytes.size()
        }
        fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
            self.reads.set(self.reads.get() + 1);
            self.bytes.read(range)
        }
    }

    /// Is the message found, and how often was it read?
    fn search(criterion: Criterion) -> (bool, usize) {
        let bytes = b"Subject: =?utf-8?Q?=C3=9Cber?= Tofu\r\nTo: a@example.org\r\n\r\nA long table.\r\n".to_vec();
        let limits = Limits::default();
        let parsed = mime::parse(&bytes, &limits);
        let content = Counted { bytes, reads: Cell::new(0) };
        let (names, id) = (ObjectNames::new([7; 32]), MessageId::from_key(1 << 36 | 1).unwrap());
        let message = Fetched {
            uid: Uid::new(1).unwrap(),
            flags: &Flags::new(),
            modseq: ModSeq(1),
            internal_date: Timestamp(0),
            saved: Timestamp(0),
            size: parsed.size,
            header_bytes: u64::from(parsed.header_bytes),
            envelope: &parsed.envelope,
            structure: &parsed.structure,
            body: &parsed.body,
            parts: &[],
            preview: "",
            subject: "\u{dc}ber Tofu",
            sender: "Alice <alice@example.org>",
            sent: None,
            sent_day: None,
            ids: MessageIds::new(&names, id, id),
            content: &content,
        };
        let found = Search::new(criterion, &limits).finds(&message).unwrap();
        (found, content.reads.get())
    }

    fn not(criterion: Criterion) -> Criterion {
        Criterion::Not(Box::new(criterion))
    }

    /// However many texts are looked for, a message is read and decoded once for its header
    /// fields and once for its text, and not at all where no text is asked for.
    #[test]
    fn a_message_is_decoded_once_whatever_the_keys() {
        let text = |number: usize| not(Criterion::Text(format!("no {number}")));
        let body = |number: usize| not(Criterion::Body(format!("no {number}")));
        let field = |number: usize| not(Criterion::Header(format!("X-{number}"), "no".into()));
        let keys = (0..20).flat_map(|number| [text(number), body(number), field(number)]);
        assert_eq!(search(Criterion::And(keys.collect())), (true, 2));
        assert_eq!(search(Criterion::And(vec![Criterion::Larger(1 << 20), text(1)])), (false, 0));
        assert_eq!(search(Criterion::Smaller(1 << 20)), (true, 0));
    }

    /// RFC 9051 section 6.4.4: decoded, without regard to case.
    #[test]
    fn texts_are_found_as_people_read_them() {
        let header = |name: &str, text: &str| search(Criterion::Header(name.into(), text.into())).0;
        let shown = |criterion| search(criterion) == (true, 0);
        assert!(shown(Criterion::Subject("\u{fc}BER t".into())) && shown(Criterion::From("alice@EXAMPLE".into())));
        assert!(!shown(Criterion::Subject("alice".into())) && !shown(Criterion::From("tofu".into())));
        assert!(header("SUBJECT", "\u{fc}ber t") && header("to", "") && !header("cc", "") && !header("to", "tofu"));
        let found = |criterion| search(criterion).0;
        assert!(found(Criterion::Body("LONG table".into())) && !found(Criterion::Body("tofu".into())));
        assert!(found(Criterion::Text("TOFU".into())) && found(Criterion::Text("a long".into())));
        let either =
            Criterion::Or(Box::new(Criterion::Body("tofu".into())), Box::new(Criterion::Text("\u{dc}ber".into())));
        assert!(found(either.clone()) && !found(not(either.clone())));
        assert_eq!(Criterion::And(vec![either, Criterion::All]).texts(), 2);
    }
}
