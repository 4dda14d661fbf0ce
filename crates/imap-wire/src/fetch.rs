//! What FETCH asks for (RFC 9051 section 6.4.5, RFC 3501 section 6.4.5), and how a
//! section is spelled, in the question and again in the answer.

use crate::sequence::SequenceSet;
use std::fmt;

/// FETCH and UID FETCH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchCommand {
    /// The UID form.
    pub by_uid: bool,
    /// Which messages.
    pub set: SequenceSet,
    /// What of them: each item once, macros (ALL, FAST, FULL) expanded, never empty.
    pub items: Vec<FetchItem>,
    /// CHANGEDSINCE (RFC 7162 section 3.1.4.1)
    pub changed_since: Option<u64>,
    /// VANISHED (RFC 7162 section 3.2.6); only with CHANGEDSINCE and in the UID form.
    pub vanished: bool,
}

/// One thing FETCH can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchItem {
    /// ENVELOPE
    Envelope,
    /// FLAGS
    Flags,
    /// INTERNALDATE
    InternalDate,
    /// UID
    Uid,
    /// BODY, without a section
    Body,
    /// BODYSTRUCTURE
    BodyStructure,
    /// RFC822 (RFC 3501 only): as BODY\[\], under its own name in the answer.
    Rfc822,
    /// RFC822.HEADER (RFC 3501 only): as BODY.PEEK\[HEADER\]
    Rfc822Header,
    /// RFC822.TEXT (RFC 3501 only): as BODY\[TEXT\]
    Rfc822Text,
    /// RFC822.SIZE
    Rfc822Size,
    /// `BODY[section]<partial>`
    BodySection {
        /// Which part.
        section: Section,
        /// Which bytes of it.
        partial: Option<Partial>,
        /// BODY.PEEK: leaves \Seen as it is.
        peek: bool,
    },
    /// `BINARY[part]<partial>` (RFC 3516)
    Binary {
        /// Which part; empty for the whole message.
        part: Vec<u32>,
        /// Which bytes of it.
        partial: Option<Partial>,
        /// BINARY.PEEK: leaves \Seen as it is.
        peek: bool,
    },
    /// BINARY.SIZE\[part\]
    BinarySize {
        /// Which part; empty for the whole message.
        part: Vec<u32>,
    },
    /// PREVIEW (RFC 8970)
    Preview {
        /// (LAZY): only where it costs nothing.
        lazy: bool,
    },
    /// MODSEQ (RFC 7162 section 3.1.4.2)
    ModSeq,
    /// SAVEDATE (RFC 8514 section 4.2)
    SaveDate,
    /// EMAILID (RFC 8474 section 5.1)
    EmailId,
    /// THREADID (RFC 8474 section 5.2)
    ThreadId,
}

impl FetchItem {
    /// Does it set \Seen (RFC 9051 section 6.4.5)?
    pub fn sets_seen(&self) -> bool {
        match self {
            Self::Rfc822 | Self::Rfc822Text => true,
            Self::BodySection { peek, .. } | Self::Binary { peek, .. } => !peek,
            _ => false,
        }
    }
}

/// `<offset.count>`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partial {
    /// First byte, from 0.
    pub offset: u64,
    /// How many bytes, at least 1.
    pub count: u64,
}

impl Partial {
    /// The bytes of a text of `length` that are asked for: start and end. An offset
    /// beyond the end gives an empty range (RFC 9051 section 6.4.5).
    pub fn range(self, length: u64) -> std::ops::Range<u64> {
        let start = self.offset.min(length);
        start..start.saturating_add(self.count).min(length)
    }
}

/// What stands in the brackets of BODY\[...\].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Part numbers; empty for the message itself.
    pub part: Vec<u32>,
    /// What of that part.
    pub text: SectionText,
}

/// What of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SectionText {
    /// All of it: `BODY[]`, `BODY[1.2]`.
    Whole,
    /// HEADER
    Header,
    /// HEADER.FIELDS
    HeaderFields {
        /// Field names as the client wrote them; the answer repeats them.
        names: Vec<String>,
        /// HEADER.FIELDS.NOT
        not: bool,
    },
    /// TEXT
    Text,
    /// MIME; only with part numbers.
    Mime,
}

impl Section {
    /// `BODY[]`
    pub const WHOLE: Section = Section { part: Vec::new(), text: SectionText::Whole };
}

/// Without the brackets, as the wire has it: `1.2.HEADER.FIELDS (Subject)`. Names that
/// are no atoms are quoted; what can not stand in quotes was refused when it was read.
impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", PartNumbers(&self.part))?;
        if !self.part.is_empty() && self.text != SectionText::Whole {
            f.write_str(".")?;
        }
        match &self.text {
            SectionText::Whole => Ok(()),
            SectionText::Header => f.write_str("HEADER"),
            SectionText::Text => f.write_str("TEXT"),
            SectionText::Mime => f.write_str("MIME"),
            SectionText::HeaderFields { names, not } => {
                f.write_str(if *not { "HEADER.FIELDS.NOT (" } else { "HEADER.FIELDS (" })?;
                for (index, name) in names.iter().enumerate() {
                    f.write_str(if index > 0 { " " } else { "" })?;
                    write_name(f, name)?;
                }
                f.write_str(")")
            }
        }
    }
}

/// Part numbers with dots between: `1.2`.
pub(crate) struct PartNumbers<'a>(pub(crate) &'a [u32]);

impl fmt::Display for PartNumbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.0.iter().enumerate() {
            f.write_str(if index > 0 { "." } else { "" })?;
            write!(f, "{number}")?;
        }
        Ok(())
    }
}

fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    if !name.is_empty() && name.bytes().all(crate::grammar::token::is_astring_char) {
        return f.write_str(name);
    }
    f.write_str("\"")?;
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}
