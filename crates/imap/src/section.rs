//! Pieces of a message: `BODY[1.2.HEADER]` and its kin, cut from its bytes (RFC 9051 section
//! 6.4.5.1), and `BINARY[1]` with its encoding undone (RFC 3516).

use postern_app::{Content, Fetched, Unreadable};
use postern_imap_wire::{Section, SectionText};
use postern_mime::{self as mime, PartIndex, PartKind, TransferEncoding};
use std::borrow::Cow;
use std::ops::Range;

/// What a part is without its encoding.
pub(crate) enum Decoded<'a> {
    /// There is no such part.
    Absent,
    /// It is in a transfer encoding that nobody here can undo.
    UnknownEncoding,
    /// Its bytes.
    Bytes(Cow<'a, [u8]>),
}

/// What is not cut from a message as it lies, but made of it.
#[derive(PartialEq, Eq)]
enum Making {
    /// HEADER.FIELDS and its kin.
    Fields(Section),
    /// A part without its encoding.
    Decoded(Vec<u32>),
}

/// A message to cut from. What was made of it last is kept: a FETCH may ask for it in hundreds of
/// pieces.
pub(crate) struct Source<'a> {
    content: &'a dyn Content,
    header_bytes: u64,
    stored_parts: &'a [u8],
    /// Read from its stored form when it is first needed.
    parts: Option<Option<PartIndex>>,
    made: Option<(Making, Vec<u8>)>,
    /// Bytes that something was made of.
    worked: u64,
}

impl<'a> Source<'a> {
    pub(crate) fn new(message: &Fetched<'a>) -> Self {
        let content = message.content;
        let header_bytes = message.header_bytes.min(content.size());
        Self { content, header_bytes, stored_parts: message.parts, parts: None, made: None, worked: 0 }
    }

    /// How many bytes were worked through to make what is not cut.
    pub(crate) fn worked(&self) -> u64 {
        self.worked
    }

    /// The bytes of a section; `None` where the message has no such part.
    pub(crate) fn cut(&mut self, section: &Section) -> Result<Option<Cow<'_, [u8]>>, Unreadable> {
        let text = match &section.text {
            SectionText::HeaderFields { names, not } => return self.fields(section, names, *not),
            SectionText::Whole => mime::Section::Whole,
            SectionText::Header => mime::Section::Header,
            SectionText::Text => mime::Section::Text,
            SectionText::Mime => mime::Section::Mime,
        };
        self.range(&section.part, text).map(|range| self.content.read(range)).transpose()
    }

    fn fields(&mut self, section: &Section, names: &[String], not: bool) -> Result<Option<Cow<'_, [u8]>>, Unreadable> {
        let Some(header) = self.range(&section.part, mime::Section::Header) else { return Ok(None) };
        let fields = |header: &[u8]| mime::header_fields(header, names, not);
        self.make(Making::Fields(section.clone()), header, fields).map(|fields| Some(Cow::Borrowed(fields)))
    }

    /// The body of a part as it was before it was encoded; the message itself is not encoded.
    pub(crate) fn decoded(&mut self, part: &[u32]) -> Result<Decoded<'_>, Unreadable> {
        let Some(range) = self.range(part, mime::Section::Whole) else { return Ok(Decoded::Absent) };
        let leaf = self.parts().and_then(|parts| parts.part(part)).filter(|part| part.kind == PartKind::Leaf);
        let encoding = leaf.map_or(TransferEncoding::Binary, |leaf| leaf.encoding);
        if encoding == TransferEncoding::Other {
            return Ok(Decoded::UnknownEncoding);
        }
        if !encoding.transforms() {
            return self.content.read(range).map(Decoded::Bytes);
        }
        let decode = |body: &[u8]| encoding.decode(body).unwrap_or_default().into_owned();
        self.make(Making::Decoded(part.to_vec()), range, decode).map(|bytes| Decoded::Bytes(Cow::Borrowed(bytes)))
    }

    /// Makes something of a range, unless it was made last.
    fn make(
        &mut self,
        making: Making,
        range: Range<u64>,
        make: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<&[u8], Unreadable> {
        let made = match self.made.take() {
            Some(made) if made.0 == making => made,
            _ => {
                self.worked += range.end - range.start;
                (making, make(&self.content.read(range)?))
            }
        };
        Ok(&self.made.insert(made).1)
    }

    /// Where a section lies; always within the message.
    fn range(&mut self, part: &[u32], section: mime::Section) -> Option<Range<u64>> {
        let size = self.content.size();
        if part.is_empty() {
            return match section {
                mime::Section::Whole => Some(0..size),
                mime::Section::Header => Some(0..self.header_bytes),
                mime::Section::Text => Some(self.header_bytes..size),
                mime::Section::Mime => None,
            };
        }
        let range = self.parts()?.section(part, section)?;
        (range.start <= range.end && range.end <= size).then_some(range)
    }

    fn parts(&mut self) -> Option<&PartIndex> {
        let stored = self.stored_parts;
        self.parts.get_or_insert_with(|| PartIndex::decode(stored)).as_ref()
    }
}
