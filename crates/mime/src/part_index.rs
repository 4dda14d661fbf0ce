//! Where each part stands in the raw message, for `BODY[2.1.MIME]` and its kin without parsing.
//!
//! Part numbers are those of RFC 9051 section 6.4.5.1. The index is stored with the message in a compact
//! form of our own: a version byte, the size, the number of parts, then for each part (outer before inner)
//! one byte of kind and encoding and four variable-length numbers. What is read back is checked, so that a
//! damaged row gives no range outside the message.

use std::ops::Range;

use crate::transfer::TransferEncoding;
use crate::tree::{PartKind, Tree};

/// First byte of the stored form; another layout gets another number.
const VERSION: u8 = 1;

/// Which piece of a part (RFC 9051 section 6.4.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Section {
    /// `BODY[]`, `BODY[1]`: the whole message, or the body of a part.
    Whole,
    /// `HEADER`: of the message, or of a message that is a part.
    Header,
    /// `TEXT`: the body of the message, or of a message that is a part.
    Text,
    /// `MIME`: the header of a part.
    Mime,
}

/// One part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is made of.
    pub kind: PartKind,
    /// How its body is encoded.
    pub encoding: TransferEncoding,
    /// Its MIME header, blank line included.
    pub header: Range<u64>,
    /// Its body.
    pub body: Range<u64>,
    descendants: usize,
}

/// The parts of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartIndex {
    size: u64,
    parts: Vec<Part>,
}

impl PartIndex {
    pub(crate) fn of(size: usize, tree: &Tree) -> Self {
        let wide = |range: Range<usize>| range.start as u64..range.end as u64;
        let parts = tree.entities.iter().map(|entity| Part {
            kind: entity.kind,
            encoding: entity.content.encoding,
            header: wide(entity.header.clone()),
            body: wide(entity.body()),
            descendants: entity.descendants,
        });
        Self { size: size as u64, parts: parts.collect() }
    }

    /// Size of the message in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The part of that number; an empty path is no part.
    pub fn part(&self, path: &[u32]) -> Option<&Part> {
        self.find(path).map(|index| &self.parts[index])
    }

    /// The bytes of a section; `None` when the message has no such part, or the part no such section.
    pub fn section(&self, path: &[u32], section: Section) -> Option<Range<u64>> {
        if path.is_empty() {
            return self.message_section(0, section);
        }
        let index = self.find(path)?;
        let part = &self.parts[index];
        match section {
            Section::Whole => Some(part.body.clone()),
            Section::Mime => Some(part.header.clone()),
            // Only a message that is a part has a header and text of its own.
            Section::Header | Section::Text if part.kind == PartKind::Message => {
                self.message_section(index + 1, section)
            }
            Section::Header | Section::Text => None,
        }
    }

    fn message_section(&self, index: usize, section: Section) -> Option<Range<u64>> {
        let message = self.parts.get(index)?;
        match section {
            Section::Whole => Some(message.header.start..message.body.end),
            Section::Header => Some(message.header.clone()),
            Section::Text => Some(message.body.clone()),
            Section::Mime => None,
        }
    }

    /// Every part number, each outer part before those inside it.
    pub fn paths(&self) -> Vec<Vec<u32>> {
        let mut paths = Vec::new();
        let mut pending = self.numbered(&[], self.inside_message(0));
        while let Some((index, path)) = pending.pop() {
            let inside = match self.parts[index].kind {
                PartKind::Leaf => Vec::new(),
                PartKind::Multipart => self.children(index),
                PartKind::Message => self.inside_message(index + 1),
            };
            pending.extend(self.numbered(&path, inside));
            paths.push(path);
        }
        paths
    }

    /// These parts with their numbers below a path, last first.
    fn numbered(&self, path: &[u32], parts: Vec<usize>) -> Vec<(usize, Vec<u32>)> {
        let numbers = (1..).map(|number| [path, &[number]].concat());
        let mut numbered: Vec<_> = parts.into_iter().zip(numbers).collect();
        numbered.reverse();
        numbered
    }

    fn inside_message(&self, message: usize) -> Vec<usize> {
        if self.parts[message].kind == PartKind::Multipart { self.children(message) } else { vec![message] }
    }

    fn children(&self, parent: usize) -> Vec<usize> {
        let end = parent + self.parts[parent].descendants;
        let step = |child: usize| (child <= end).then_some(child);
        std::iter::successors(step(parent + 1), |&child| step(child + 1 + self.parts[child].descendants)).collect()
    }

    fn find(&self, path: &[u32]) -> Option<usize> {
        let (&first, rest) = path.split_first()?;
        let mut index = self.numbered_in_message(0, first)?;
        for &number in rest {
            index = match self.parts[index].kind {
                PartKind::Multipart => self.numbered_child(index, number)?,
                PartKind::Message => self.numbered_in_message(index + 1, number)?,
                PartKind::Leaf => return None,
            };
        }
        Some(index)
    }

    /// A message that is not multipart has one part, which is its body.
    fn numbered_in_message(&self, message: usize, number: u32) -> Option<usize> {
        match self.parts.get(message)?.kind {
            PartKind::Multipart => self.numbered_child(message, number),
            _ => (number == 1).then_some(message),
        }
    }

    fn numbered_child(&self, parent: usize, number: u32) -> Option<usize> {
        let end = parent + self.parts[parent].descendants;
        let mut child = parent + 1;
        for _ in 1..number {
            if child > end {
                return None;
            }
            child += 1 + self.parts[child].descendants;
        }
        (number > 0 && child <= end).then_some(child)
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut stored = vec![VERSION];
        push_number(&mut stored, self.size);
        push_number(&mut stored, self.parts.len() as u64);
        let mut previous = 0;
        for part in &self.parts {
            stored.push(kind_code(part.kind) | part.encoding.code() << 2);
            push_number(&mut stored, part.header.start - previous);
            push_number(&mut stored, part.header.end - part.header.start);
            push_number(&mut stored, part.body.end - part.body.start);
            push_number(&mut stored, part.descendants as u64);
            previous = part.body.start;
        }
        stored
    }

    /// Reads the stored form; `None` for anything that [`PartIndex::encode`] does not write.
    pub fn decode(stored: &[u8]) -> Option<Self> {
        let mut reader = Reader { rest: stored.strip_prefix(&[VERSION])? };
        let size = reader.number()?;
        let count = usize::try_from(reader.number()?).ok()?;
        // Each part takes five bytes or more, so a forged count cannot ask for more memory than was read.
        if count == 0 || count > reader.rest.len() / 5 {
            return None;
        }
        let mut parts = Vec::with_capacity(count);
        let mut previous = 0;
        for _ in 0..count {
            let part = reader.part(previous)?;
            previous = part.body.start;
            parts.push(part);
        }
        let index = Self { size, parts };
        (reader.rest.is_empty() && index.is_sound()).then_some(index)
    }

    /// Whether the parts nest, in order, within the message.
    fn is_sound(&self) -> bool {
        let root = &self.parts[0];
        if root.descendants + 1 != self.parts.len() || root.header.start != 0 || root.body.end != self.size {
            return false;
        }
        // For each open part: where its subtree ends, and the bytes the next part inside it may take.
        let mut open: Vec<(usize, Range<u64>)> = Vec::new();
        for (index, part) in self.parts.iter().enumerate() {
            while open.last().is_some_and(|(last, _)| *last < index) {
                open.pop();
            }
            let last = index.checked_add(part.descendants);
            let Some(last) = last.filter(|last| *last < self.parts.len()) else { return false };
            if let Some((outer_last, room)) = open.last_mut() {
                if last > *outer_last || part.header.start < room.start || part.body.end > room.end {
                    return false;
                }
                room.start = part.body.end;
            }
            let fits = match part.kind {
                PartKind::Leaf => part.descendants == 0,
                PartKind::Multipart => part.descendants > 0,
                PartKind::Message => {
                    self.parts.get(index + 1).is_some_and(|inner| inner.descendants + 1 == part.descendants)
                }
            };
            if !fits {
                return false;
            }
            open.push((last, part.body.clone()));
        }
        true
    }
}

fn kind_code(kind: PartKind) -> u8 {
    match kind {
        PartKind::Leaf => 0,
        PartKind::Multipart => 1,
        PartKind::Message => 2,
    }
}

/// Seven bits a byte, lowest first, the highest bit set where more follow.
fn push_number(stored: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        stored.push(number as u8 | 0x80);
        number >>= 7;
    }
    stored.push(number as u8);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn part(&mut self, previous: u64) -> Option<Part> {
        let code = self.byte()?;
        let kind = [PartKind::Leaf, PartKind::Multipart, PartKind::Message]
            .into_iter()
            .find(|kind| kind_code(*kind) == code & 0b11)?;
        let encoding = TransferEncoding::from_code(code >> 2)?;
        let start = previous.checked_add(self.number()?)?;
        let body_start = start.checked_add(self.number()?)?;
        let body_end = body_start.checked_add(self.number()?)?;
        let descendants = usize::try_from(self.number()?).ok()?;
        Some(Part { kind, encoding, header: start..body_start, body: body_start..body_end, descendants })
    }
}
