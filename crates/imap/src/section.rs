//! Pieces of a message: `BODY[1.2.HEADER]` and its kin, cut from its bytes (RFC 9051 section
//! 6.4.5.1), and `BINARY[1]` with its encoding undone (RFC 3516).

use postern_app::{Content, Cut, Fetched, Unreadable};
use postern_imap_wire::{SectionText, tell_nul};
use postern_mime::{self as mime, PartIndex, PartKind, TransferEncoding};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// What a part is without its encoding.
pub(crate) enum Decoded<'a> {
    /// There is no such part.
    Absent,
    /// It is in a transfer encoding that nobody here can undo.
    UnknownEncoding,
    /// A text.
    Text(Text<'a>),
}

/// A text of a message: bytes of it as they lie, or what is made of them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    /// As they lie.
    Raw(Range<u64>),
    /// Fields of a header.
    Fields { header: Range<u64>, names: &'a [String], not: bool },
    /// A part without its encoding.
    Decoded { body: Range<u64>, encoding: TransferEncoding },
}

impl Text<'_> {
    /// The bytes of the message that it is, or is made of.
    fn source(&self) -> Range<u64> {
        match self {
            Text::Raw(range) | Text::Fields { header: range, .. } | Text::Decoded { body: range, .. } => range.clone(),
        }
    }

    fn make(&self, source: &[u8]) -> Vec<u8> {
        match self {
            Text::Raw(_) => source.to_vec(),
            Text::Fields { names, not, .. } => mime::header_fields(source, names, *not),
            Text::Decoded { encoding, .. } => encoding.decode(source).unwrap_or_default().into_owned(),
        }
    }

    /// Cuts ranges of this text from `start` on out of its message, whenever that is.
    pub(crate) fn cut_from(&self, start: u64) -> Arc<Cut> {
        let moved = |range: Range<u64>, by: u64| by + range.start..by + range.end;
        match self.clone() {
            Text::Raw(source) => Arc::new(move |content: &dyn Content, range| {
                content.read(moved(range, source.start + start)).map(Cow::into_owned)
            }),
            Text::Fields { header, names, not } => {
                let names = names.to_vec();
                Arc::new(move |content: &dyn Content, range| {
                    Text::Fields { header: header.clone(), names: &names, not }.made_range(content, moved(range, start))
                })
            }
            Text::Decoded { body, encoding } => Arc::new(move |content: &dyn Content, range| {
                Text::Decoded { body: body.clone(), encoding }.made_range(content, moved(range, start))
            }),
        }
    }

    /// The same for a literal, which holds no NUL.
    pub(crate) fn cut_plain_from(&self, start: u64) -> Arc<Cut> {
        let cut = self.cut_from(start);
        Arc::new(move |content: &dyn Content, range| {
            let mut bytes = cut(content, range)?;
            tell_nul(&mut bytes);
            Ok(bytes)
        })
    }

    fn made_range(&self, content: &dyn Content, range: Range<u64>) -> Result<Vec<u8>, Unreadable> {
        Ok(self.make(&content.read(self.source())?).read(range)?.into_owned())
    }
}

/// A message to cut from. What was made of it last is kept: a FETCH may ask for it in hundreds of
/// pieces.
pub(crate) struct Source<'a> {
    content: &'a dyn Content,
    header_bytes: u64,
    stored_parts: &'a [u8],
    /// Read from its stored form when it is first needed.
    parts: Option<Option<PartIndex>>,
    made: Option<(Text<'a>, Vec<u8>)>,
    /// Bytes that something was made of.
    worked: u64,
}

impl<'a> Source<'a> {
    pub(crate) fn new(message: &Fetched<'a>) -> Self {
        let content = message.content;
        let header_bytes = message.header_bytes.min(content.size());
        Self { content, header_bytes, stored_parts: message.parts, parts: None, made: None, worked: 0 }
    }

    /// How many bytes were worked through to make what does not lie in the message.
    pub(crate) fn worked(&self) -> u64 {
        self.worked
    }

    /// The text of a section; `None` where the message has no such part.
    pub(crate) fn section(&mut self, part: &[u32], text: &'a SectionText) -> Option<Text<'a>> {
        let section = match text {
            SectionText::Whole => mime::Section::Whole,
            SectionText::Header | SectionText::HeaderFields { .. } => mime::Section::Header,
            SectionText::Text => mime::Section::Text,
            SectionText::Mime => mime::Section::Mime,
        };
        let range = self.range(part, section)?;
        Some(match text {
            SectionText::HeaderFields { names, not } => Text::Fields { header: range, names, not: *not },
            _ => Text::Raw(range),
        })
    }

    /// The body of a part as it was before it was encoded; the message itself is not encoded.
    pub(crate) fn decoded(&mut self, part: &[u32]) -> Decoded<'a> {
        let Some(body) = self.range(part, mime::Section::Whole) else { return Decoded::Absent };
        let leaf = self.parts().and_then(|parts| parts.part(part)).filter(|part| part.kind == PartKind::Leaf);
        match leaf.map(|leaf| leaf.encoding) {
            Some(TransferEncoding::Other) => Decoded::UnknownEncoding,
            Some(encoding) if encoding.transforms() => Decoded::Text(Text::Decoded { body, encoding }),
            _ => Decoded::Text(Text::Raw(body)),
        }
    }

    /// How long a text is.
    pub(crate) fn length(&mut self, text: &Text<'a>) -> Result<u64, Unreadable> {
        match text {
            Text::Raw(range) => Ok(range.end - range.start),
            _ => self.made(text).map(Content::size),
        }
    }

    /// A range of a text.
    pub(crate) fn read(&mut self, text: &Text<'a>, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
        match text {
            Text::Raw(whole) => self.content.read(whole.start + range.start..whole.start + range.end),
            _ => self.made(text)?.read(range),
        }
    }

    /// Appends a range of a text to `out`.
    pub(crate) fn append(&mut self, text: &Text<'a>, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        if *text == Text::Raw(0..self.content.size()) && range == (0..self.content.size()) {
            return self.content.append(out);
        }
        out.extend_from_slice(&self.read(text, range)?);
        Ok(())
    }

    /// Makes a text, unless it was made last.
    fn made(&mut self, text: &Text<'a>) -> Result<&Vec<u8>, Unreadable> {
        let made = match self.made.take() {
            Some(made) if made.0 == *text => made,
            _ => {
                let source = self.content.read(text.source())?;
                self.worked += source.len() as u64;
                (text.clone(), text.make(&source))
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
