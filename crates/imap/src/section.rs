//! Pieces of a message: `BODY[1.2.HEADER]` and its kin, cut from its bytes (RFC 9051 section
//! 6.4.5.1), and `BINARY[1]` with its encoding undone (RFC 3516).

use postern_app::Fetched;
use postern_imap_wire::{Section, SectionText};
use postern_mime::{self as mime, PartIndex, PartKind};
use std::borrow::Cow;
use std::ops::Range;

/// A part is in a transfer encoding that nobody here can undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownEncoding;

/// A message to cut from.
pub(crate) struct Source<'a> {
    raw: &'a [u8],
    header_bytes: usize,
    stored_parts: &'a [u8],
    /// Read from its stored form when it is first needed.
    parts: Option<Option<PartIndex>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(message: &Fetched<'a>) -> Self {
        let raw = message.raw.unwrap_or_default();
        let header_bytes = usize::try_from(message.header_bytes).unwrap_or(raw.len()).min(raw.len());
        Self { raw, header_bytes, stored_parts: message.parts, parts: None }
    }

    /// The bytes of a section; `None` where the message has no such part.
    pub(crate) fn cut(&mut self, section: &Section) -> Option<Cow<'a, [u8]>> {
        match &section.text {
            SectionText::HeaderFields { names, not } => {
                let header = self.range(&section.part, mime::Section::Header)?;
                Some(Cow::Owned(mime::header_fields(&self.raw[header], names, *not)))
            }
            SectionText::Whole => self.borrowed(&section.part, mime::Section::Whole),
            SectionText::Header => self.borrowed(&section.part, mime::Section::Header),
            SectionText::Text => self.borrowed(&section.part, mime::Section::Text),
            SectionText::Mime => self.borrowed(&section.part, mime::Section::Mime),
        }
    }

    /// The body of a part as it was before it was encoded; the message itself is not encoded.
    pub(crate) fn decoded(&mut self, part: &[u32]) -> Result<Option<Cow<'a, [u8]>>, UnknownEncoding> {
        let Some(range) = self.range(part, mime::Section::Whole) else { return Ok(None) };
        let body = &self.raw[range];
        let found = self.parts().and_then(|parts| parts.part(part)).filter(|part| part.kind == PartKind::Leaf);
        let Some(found) = found else { return Ok(Some(Cow::Borrowed(body))) };
        found.encoding.decode(body).map(Some).ok_or(UnknownEncoding)
    }

    fn borrowed(&mut self, part: &[u32], section: mime::Section) -> Option<Cow<'a, [u8]>> {
        let range = self.range(part, section)?;
        Some(Cow::Borrowed(&self.raw[range]))
    }

    /// Where a section lies; always within the message.
    fn range(&mut self, part: &[u32], section: mime::Section) -> Option<Range<usize>> {
        if part.is_empty() {
            return match section {
                mime::Section::Whole => Some(0..self.raw.len()),
                mime::Section::Header => Some(0..self.header_bytes),
                mime::Section::Text => Some(self.header_bytes..self.raw.len()),
                mime::Section::Mime => None,
            };
        }
        let length = self.raw.len();
        let range = self.parts()?.section(part, section)?;
        let range = usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?;
        (range.start <= range.end && range.end <= length).then_some(range)
    }

    fn parts(&mut self) -> Option<&PartIndex> {
        let stored = self.stored_parts;
        self.parts.get_or_insert_with(|| PartIndex::decode(stored)).as_ref()
    }
}
