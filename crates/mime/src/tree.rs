//! The parts of a message as byte ranges, found in one pass.
//!
//! RFC 2046 section 5.1 (multipart) and 5.2.1 (message/rfc822), RFC 2045 section 5.2 (defaults). The
//! library is not used here: IMAP needs exact ranges of headers and bodies in the raw bytes, and a cost
//! that no nesting can raise. Delimiters are looked up by their text, so a line costs the same at any
//! depth; newlines are counted once, between the places where parts begin and end.
//!
//! What is broken still has one meaning, and the ranges stay nested and in order:
//! - A header ends at its blank line. Without one before the next delimiter or the end, it ends before the
//!   first line that is no field, so that the text after it is body. A block without any field is all body.
//! - A delimiter is a whole line, trailing white space aside. Narrower than RFC 2046 section 5.1.1, which lets
//!   a line merely begin with it: real boundaries are prefixes of each other.
//! - A missing close delimiter ends where the outer part ends. What follows a close delimiter is epilogue.
//! - A multipart that names no boundary or never shows it is text/plain.
//! - Beyond the limits of depth and number a part is opaque octets; one part holds all that is left.

use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;
use postern_types::Limits;

use crate::content::Content;
use crate::header::{Field, fields, header_end, line_length};

/// Nesting never goes deeper, whatever the limits say: writers of nested lists recurse.
const DEPTH_MAX: usize = 200;

/// What a part is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartKind {
    /// Text or octets.
    Leaf,
    /// Parts between delimiters.
    Multipart,
    /// A message with a header of its own.
    Message,
}

/// One part; the message itself is the first.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) kind: PartKind,
    pub(crate) header: Range<usize>,
    pub(crate) body_end: usize,
    /// Newlines in the body.
    pub(crate) lines: u64,
    /// The part that holds this one.
    pub(crate) parent: Option<usize>,
    /// How many of the entities that follow lie inside this one.
    pub(crate) descendants: usize,
    pub(crate) content: Content,
}

impl Entity {
    /// Where the body stands in the message.
    pub(crate) fn body(&self) -> Range<usize> {
        self.header.end..self.body_end
    }
}

/// All parts, each before those inside it, in the order of the message.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) entities: Vec<Entity>,
    pub(crate) header_fields_max: usize,
}

impl Tree {
    /// Finds the parts of a message.
    pub(crate) fn of(bytes: &[u8], limits: &Limits) -> Self {
        let mut slicer = Slicer::new(bytes, limits);
        let mut position = slicer.begin(0, None);
        while let Some(delimiter) = slicer.next_delimiter(position) {
            position = slicer.meet(delimiter);
        }
        slicer.close_above(0, bytes.len());
        Self { entities: slicer.entities, header_fields_max: limits.header_fields }
    }

    /// The fields of an entity's header, as many as the limits let be read.
    pub(crate) fn fields<'a>(&self, bytes: &'a [u8], index: usize) -> impl Iterator<Item = Field<'a>> + use<'a> {
        fields(&bytes[self.entities[index].header.clone()]).take(self.header_fields_max)
    }

    /// The parts directly inside one.
    pub(crate) fn children(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        let end = index + self.entities[index].descendants;
        let step = move |child: usize| (child <= end).then_some(child);
        std::iter::successors(step(index + 1), move |&child| step(child + 1 + self.entities[child].descendants))
    }
}

/// A part that has begun and not ended, and its boundary while that still counts.
struct Open {
    entity: usize,
    boundary: Option<Vec<u8>>,
}

/// A delimiter line (RFC 2046 section 5.1.1).
struct Delimiter {
    /// Which open part it belongs to.
    level: usize,
    start: usize,
    /// Where the next line begins.
    next: usize,
    close: bool,
}

struct Slicer<'a> {
    bytes: &'a [u8],
    depth_max: usize,
    parts_max: usize,
    header_fields_max: usize,
    entities: Vec<Entity>,
    open: Vec<Open>,
    /// Levels of the open parts with each boundary, innermost last.
    boundaries: HashMap<Vec<u8>, Vec<usize>>,
    boundary_bytes_max: usize,
    newlines: NewlineCount,
    dashes: memmem::Finder<'static>,
}

impl<'a> Slicer<'a> {
    fn new(bytes: &'a [u8], limits: &Limits) -> Self {
        Self {
            bytes,
            depth_max: limits.mime_depth.min(DEPTH_MAX),
            parts_max: limits.mime_parts.max(1),
            header_fields_max: limits.header_fields,
            entities: Vec::new(),
            open: Vec::new(),
            boundaries: HashMap::new(),
            boundary_bytes_max: 0,
            newlines: NewlineCount::default(),
            dashes: memmem::Finder::new(b"\n--"),
        }
    }

    /// Begins a part at a line start, and the messages nested in it; gives the place after the last header.
    fn begin(&mut self, mut start: usize, mut parent: Option<usize>) -> usize {
        loop {
            let header = start..self.header_end(start);
            let in_digest = parent.is_some_and(|parent| {
                let content = &self.entities[parent].content;
                self.entities[parent].kind == PartKind::Multipart && content.subtype == b"DIGEST"
            });
            let fields = fields(&self.bytes[header.clone()]).take(self.header_fields_max);
            let content = Content::of(fields, in_digest);
            let kind = self.push(header.clone(), parent, content);
            if kind != PartKind::Message {
                return header.end;
            }
            start = header.end;
            parent = Some(self.entities.len() - 1);
        }
    }

    /// Adds a part whose header is known, and decides what it is.
    fn push(&mut self, header: Range<usize>, parent: Option<usize>, mut content: Content) -> PartKind {
        let may_nest = self.open.len() < self.depth_max && self.entities.len() < self.parts_max;
        let boundary = content.boundary();
        let mut kind = PartKind::Leaf;
        if content.is("MULTIPART") {
            match (may_nest, &boundary) {
                (true, Some(_)) => kind = PartKind::Multipart,
                (true, None) => content.become_text(),
                (false, _) => content.become_octets(),
            }
        } else if content.is_message() {
            // The message inside is one part more.
            if may_nest && content.is_open_message() && self.entities.len() + 1 < self.parts_max {
                kind = PartKind::Message;
            } else {
                content.become_octets();
            }
        }
        let level = self.open.len();
        let boundary = boundary.filter(|_| kind == PartKind::Multipart);
        if let Some(boundary) = &boundary {
            self.boundary_bytes_max = self.boundary_bytes_max.max(boundary.len());
            self.boundaries.entry(boundary.clone()).or_default().push(level);
        }
        self.open.push(Open { entity: self.entities.len(), boundary });
        let lines = self.newlines.before(self.bytes, header.end);
        let body_end = header.end;
        self.entities.push(Entity { kind, header, body_end, lines, parent, descendants: 0, content });
        kind
    }

    /// Where the header that begins here ends, its blank line included. Bytes that turn out to be body are looked at
    /// once more and no oftener: a message nested in them begins with a line that is no field, so has no header.
    fn header_end(&self, start: usize) -> usize {
        header_end(self.bytes, start, |position| self.delimiter_at(position).is_some())
    }

    /// The next delimiter of an open part, from a line start on.
    fn next_delimiter(&self, mut position: usize) -> Option<Delimiter> {
        if self.boundaries.is_empty() {
            return None;
        }
        loop {
            if let Some(delimiter) = self.delimiter_at(position) {
                return Some(delimiter);
            }
            position += self.dashes.find(self.bytes.get(position..)?)? + 1;
        }
    }

    /// The delimiter on the line that begins here, if it is one of an open part.
    fn delimiter_at(&self, start: usize) -> Option<Delimiter> {
        let rest = self.bytes[start..].strip_prefix(b"--")?;
        if self.boundaries.is_empty() {
            return None;
        }
        let length = line_length(rest);
        let text = rest[..length].trim_ascii_end();
        if text.len() > self.boundary_bytes_max + 2 {
            return None;
        }
        let next = start + 2 + length;
        if let Some(level) = self.level_of(text) {
            return Some(Delimiter { level, start, next, close: false });
        }
        let level = self.level_of(text.strip_suffix(b"--")?)?;
        Some(Delimiter { level, start, next, close: true })
    }

    fn level_of(&self, boundary: &[u8]) -> Option<usize> {
        self.boundaries.get(boundary).and_then(|levels| levels.last().copied())
    }

    /// Ends the parts before a delimiter and begins the one after it; gives the place to go on from.
    fn meet(&mut self, delimiter: Delimiter) -> usize {
        // The line end before a delimiter belongs to the delimiter (RFC 2046 section 5.1.1).
        let before = &self.bytes[..delimiter.start];
        let before = before.strip_suffix(b"\n").unwrap_or(before);
        let end = before.strip_suffix(b"\r").unwrap_or(before).len();
        self.close_above(delimiter.level + 1, end);
        let parent = self.open[delimiter.level].entity;
        if delimiter.close {
            self.forget_boundary(delimiter.level);
            return delimiter.next;
        }
        if self.entities.len() < self.parts_max {
            return self.begin(delimiter.next, Some(parent));
        }
        self.forget_boundary(delimiter.level);
        let mut content = Content::default();
        content.become_octets();
        self.push(delimiter.next..delimiter.next, Some(parent), content);
        delimiter.next
    }

    /// Ends all parts open at this level and deeper. A body never ends before it begins, nor before one inside it.
    fn close_above(&mut self, level: usize, end: usize) {
        let mut end = end;
        while self.open.len() > level {
            self.forget_boundary(self.open.len() - 1);
            let Some(open) = self.open.pop() else { return };
            let descendants = self.entities.len() - 1 - open.entity;
            let entity = &mut self.entities[open.entity];
            end = end.max(entity.header.end);
            entity.body_end = end;
            entity.descendants = descendants;
            entity.lines = self.newlines.before(self.bytes, end) - entity.lines;
            if entity.kind == PartKind::Multipart && descendants == 0 {
                entity.kind = PartKind::Leaf;
                entity.content.become_text();
            }
        }
    }

    fn forget_boundary(&mut self, level: usize) {
        let Some(boundary) = self.open[level].boundary.take() else { return };
        if let Some(levels) = self.boundaries.get_mut(&boundary) {
            levels.retain(|&known| known != level);
            if levels.is_empty() {
                self.boundaries.remove(&boundary);
            }
        }
    }
}

/// Counts newlines up to places that never go back.
#[derive(Default)]
struct NewlineCount {
    position: usize,
    count: u64,
}

impl NewlineCount {
    fn before(&mut self, bytes: &[u8], position: usize) -> u64 {
        if position > self.position {
            self.count += memchr::memchr_iter(b'\n', &bytes[self.position..position]).count() as u64;
            self.position = position;
        }
        self.count
    }
}
