//! SEARCH: what a message must be, judged from its row and, where text is asked for, from
//! the message itself. A scan for now; the answers of an index must equal it.

use crate::fetch::{FetchNeeds, Fetched};
use crate::{House, Refused, Session};
use postern_mime as mime;
use postern_types::{Keyword, Limits, MailboxId, ModSeq, SystemFlag, Timestamp, Uid};
use std::sync::Arc;

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
    /// A header field of this name holds this text; an empty text asks for the field alone.
    Header(String, String),
    /// The decoded text of the body holds this.
    Body(String),
    /// Header or body hold this.
    Text(String),
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
    fn needs_raw(&self) -> bool {
        match self {
            Criterion::Header(..) | Criterion::Body(_) | Criterion::Text(_) => true,
            Criterion::Not(inner) => inner.needs_raw(),
            Criterion::And(all) => all.iter().any(Criterion::needs_raw),
            Criterion::Or(one, other) => one.needs_raw() || other.needs_raw(),
            _ => false,
        }
    }

    /// The same with texts folded once rather than at every message.
    fn folded(self) -> Criterion {
        match self {
            Criterion::Header(name, text) => Criterion::Header(name, fold(&text)),
            Criterion::Body(text) => Criterion::Body(fold(&text)),
            Criterion::Text(text) => Criterion::Text(fold(&text)),
            Criterion::Not(inner) => Criterion::Not(Box::new(inner.folded())),
            Criterion::And(all) => Criterion::And(all.into_iter().map(Criterion::folded).collect()),
            Criterion::Or(one, other) => Criterion::Or(Box::new(one.folded()), Box::new(other.folded())),
            other => other,
        }
    }

    fn holds(&self, message: &Fetched<'_>, limits: &Limits) -> bool {
        match self {
            Criterion::All => true,
            Criterion::Uids(uids) => uids.binary_search(&message.uid).is_ok(),
            Criterion::Flag(flag, set) => message.flags.has(*flag) == *set,
            Criterion::Keyword(keyword, set) => message.flags.has_keyword(keyword) == *set,
            Criterion::Larger(bytes) => message.size > *bytes,
            Criterion::Smaller(bytes) => message.size < *bytes,
            Criterion::Before(field, day) => day_of(message, *field) < *day,
            Criterion::On(field, day) => day_of(message, *field) == *day,
            Criterion::Since(field, day) => day_of(message, *field) >= *day,
            Criterion::Header(name, text) => header(message)
                .is_some_and(|header| mime::header_values(header, name).iter().any(|value| holds_text(value, text))),
            Criterion::Body(text) => {
                message.raw.is_some_and(|raw| holds_text(&mime::search_text(raw, limits).body, text))
            }
            Criterion::Text(text) => message.raw.is_some_and(|raw| {
                let found = mime::search_text(raw, limits);
                holds_text(&found.headers, text) || holds_text(&found.body, text)
            }),
            Criterion::ModSeq(modseq) => message.modseq >= *modseq,
            Criterion::Not(inner) => !inner.holds(message, limits),
            Criterion::And(all) => all.iter().all(|one| one.holds(message, limits)),
            Criterion::Or(one, other) => one.holds(message, limits) || other.holds(message, limits),
        }
    }
}

fn header<'a>(message: &Fetched<'a>) -> Option<&'a [u8]> {
    message.raw.map(|raw| &raw[..raw.len().min(message.header_bytes as usize)])
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

fn holds_text(text: &str, folded: &str) -> bool {
    folded.is_empty() || fold(text).contains(folded)
}

impl House {
    /// The UIDs of `uids` that are what is asked for, in order. Texts match as substrings of
    /// the decoded text, without regard to case.
    pub async fn search(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        criterion: Criterion,
    ) -> Result<Vec<Uid>, Refused> {
        let criterion = criterion.folded();
        let needs = FetchNeeds { raw: criterion.needs_raw() };
        let limits = self.limits.clone();
        self.filter(
            session,
            mailbox,
            uids,
            needs,
            Arc::new(move |message: &Fetched<'_>| criterion.holds(message, &limits)),
        )
        .await
    }
}
