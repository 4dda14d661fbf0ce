//! Pieces of a message: `BODY[1.2.HEADER]` and its kin, cut from its bytes (RFC 9051 section
//! 6.4.5.1), and `BINARY[1]` with its encoding undone (RFC 3516).

use postern_app::{Content, Fetched, Unreadable};
use postern_imap_wire::{Section, SectionText};
use postern_mime::{self as mime, PartIndex, PartKind};
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

/// A message to cut from.
pub(crate) struct Source<'a> {
    content: &'a dyn Content,
    header_bytes: u64,
    stored_parts: &'a [u8],
    /// Read from its stored form when it is first needed.
    parts: Option<Option<PartIndex>>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(message: &Fetched<'a>) -> Self {
        let content = message.content;
        let header_bytes = message.header_bytes.min(content.size());
        Self { content, header_bytes, stored_parts: message.parts, parts: None }
    }

    /// The bytes of a section; `None` where the message has no such part.
    pub(crate) fn cut(&mut self, section: &Section) -> Result<Option<Cow<'a, [u8]>>, Unreadable> {
        match &section.text {
            SectionText::HeaderFields { names, not } => {
                let header = self.read(&section.part, mime::Section::Header)?;
                Ok(header.map(|header| Cow::Owned(mime::header_fields(&header, names, *not))))
            }
            SectionText::Whole => self.read(&section.part, mime::Section::Whole),
            SectionText::Header => self.read(&section.part, mime::Section::Header),
            SectionText::Text => self.read(&section.part, mime::Section::Text),
            SectionText::Mime => self.read(&section.part, mime::Section::Mime),
        }
    }

    /// The body of a part as it was before it was encoded; the message itself is not encoded.
    pub(crate) fn decoded(&mut self, part: &[u32]) -> Result<Decoded<'a>, Unreadable> {
        let Some(body) = self.read(part, mime::Section::Whole)? else { return Ok(Decoded::Absent) };
        let leaf = self.parts().and_then(|parts| parts.part(part)).filter(|part| part.kind == PartKind::Leaf);
        let Some(encoding) = leaf.map(|leaf| leaf.encoding) else { return Ok(Decoded::Bytes(body)) };
        Ok(match encoding.decode(&body) {
            None => Decoded::UnknownEncoding,
            Some(Cow::Owned(bytes)) => Decoded::Bytes(Cow::Owned(bytes)),
            // It is not encoded.
            Some(Cow::Borrowed(_)) => Decoded::Bytes(body),
        })
    }

    fn read(&mut self, part: &[u32], section: mime::Section) -> Result<Option<Cow<'a, [u8]>>, Unreadable> {
        let Some(range) = self.range(part, section) else { return Ok(None) };
        self.content.read(range).map(Some)
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
