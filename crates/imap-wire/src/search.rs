//! What SEARCH asks for (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, RFC 5032).

use crate::date::Date;
use crate::sequence::SequenceSet;
use postern_types::{Keyword, SystemFlag};

/// Depth of NOT, OR and parentheses, at most.
pub const SEARCH_DEPTH: usize = 32;

/// SEARCH and UID SEARCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchCommand {
    /// The UID form.
    pub by_uid: bool,
    /// RETURN (...); without it the answer is SEARCH for RFC 3501 and ESEARCH ALL after
    /// ENABLE IMAP4rev2.
    pub returns: Option<SearchReturn>,
    /// In which charset the strings came.
    pub charset: SearchCharset,
    /// What must hold; several keys are one [`SearchKey::And`].
    pub key: SearchKey,
}

/// What ESEARCH answers with (RFC 9051 section 6.4.4). `RETURN ()` means ALL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SearchReturn {
    /// MIN
    pub min: bool,
    /// MAX
    pub max: bool,
    /// ALL
    pub all: bool,
    /// COUNT
    pub count: bool,
    /// SAVE
    pub save: bool,
}

/// The charset of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchCharset {
    /// None named, US-ASCII or UTF-8: the strings of the keys are right.
    Utf8,
    /// Another one: the strings of the keys are guesses, and the answer is
    /// NO \[BADCHARSET\].
    Unsupported,
}

/// One condition. Strings are as the client wrote them; folding is the search's matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchKey {
    /// ALL
    All,
    /// Several keys, in parentheses or side by side: every one holds.
    And(Vec<SearchKey>),
    /// OR
    Or(Box<(SearchKey, SearchKey)>),
    /// NOT
    Not(Box<SearchKey>),
    /// Sequence numbers.
    Set(SequenceSet),
    /// UID
    Uid(SequenceSet),
    /// ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
    Has(SystemFlag),
    /// UNANSWERED and so on
    Lacks(SystemFlag),
    /// KEYWORD
    HasKeyword(Keyword),
    /// UNKEYWORD
    LacksKeyword(Keyword),
    /// NEW (RFC 3501): RECENT and UNSEEN
    New,
    /// OLD (RFC 3501): NOT RECENT
    Old,
    /// RECENT (RFC 3501)
    Recent,
    /// BCC
    Bcc(String),
    /// CC
    Cc(String),
    /// FROM
    From(String),
    /// TO
    To(String),
    /// SUBJECT
    Subject(String),
    /// BODY
    Body(String),
    /// TEXT
    Text(String),
    /// HEADER; an empty value asks for the field alone.
    Header {
        /// Field name.
        name: String,
        /// Part of its value.
        value: String,
    },
    /// BEFORE, by INTERNALDATE
    Before(Date),
    /// ON
    On(Date),
    /// SINCE
    Since(Date),
    /// SENTBEFORE, by the Date field
    SentBefore(Date),
    /// SENTON
    SentOn(Date),
    /// SENTSINCE
    SentSince(Date),
    /// LARGER
    Larger(u64),
    /// SMALLER
    Smaller(u64),
    /// OLDER, in seconds (RFC 5032)
    Older(u32),
    /// YOUNGER, in seconds (RFC 5032)
    Younger(u32),
    /// SAVEDBEFORE (RFC 8514 section 4.3)
    SavedBefore(Date),
    /// SAVEDON
    SavedOn(Date),
    /// SAVEDSINCE
    SavedSince(Date),
    /// EMAILID (RFC 8474 section 6)
    EmailId(String),
    /// THREADID
    ThreadId(String),
    /// MODSEQ (RFC 7162 section 3.1.5); entry names are read past.
    ModSeq(u64),
}

impl SearchKey {
    /// Are messages named by their numbers anywhere in it? `$` names them by UIDs.
    pub fn has_numbers(&self) -> bool {
        match self {
            Self::Set(set) => *set != SequenceSet::Saved,
            Self::And(keys) => keys.iter().any(Self::has_numbers),
            Self::Or(either) => either.0.has_numbers() || either.1.has_numbers(),
            Self::Not(key) => key.has_numbers(),
            _ => false,
        }
    }

    /// Does it ask for modification sequences anywhere?
    pub fn asks_for_changes(&self) -> bool {
        match self {
            Self::ModSeq(_) => true,
            Self::Not(key) => key.asks_for_changes(),
            Self::And(keys) => keys.iter().any(Self::asks_for_changes),
            Self::Or(both) => both.0.asks_for_changes() || both.1.asks_for_changes(),
            _ => false,
        }
    }
}
