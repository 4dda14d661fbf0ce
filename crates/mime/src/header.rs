//! Header fields, cut out of raw bytes.
//!
//! RFC 5322 section 2.2 and its obsolete forms (section 4.5.8: white space before the colon). A line
//! ends with LF, with or without CR before it: mail arrives with both, and a byte range must fit what
//! is stored. Lines that are no field (an mbox `From ` line, a broken fold) are stepped over, never
//! fatal. Everything here borrows from the message and looks at each byte a fixed number of times.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::charset::clean_line;
use crate::words::decode_words;

/// One header field, as it stands in the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, without the colon and without white space around it.
    pub name: &'a [u8],
    /// What follows the colon, folds included, without the last line end.
    pub value: &'a [u8],
    /// The whole field with its line ends.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// Whether this is the field of that name (ASCII case does not matter, RFC 5322 section 1.2.2).
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The fields of a header block in their order; ends at the blank line.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

/// Walks the fields of a raw header block.
pub fn fields(raw_header: &[u8]) -> Fields<'_> {
    Fields { rest: raw_header }
}

impl Fields<'_> {
    /// How many bytes stand after the field that came last.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let mut end = line_length(self.rest);
            if end == 0 || is_blank(&self.rest[..end]) {
                self.rest = &[];
                return None;
            }
            let colon = colon_of_field(&self.rest[..end]);
            if colon.is_some() {
                end += folded_length(&self.rest[end..]);
            }
            let (raw, rest) = self.rest.split_at(end);
            self.rest = rest;
            if let Some(colon) = colon {
                let name = raw[..colon].trim_ascii_end();
                return Some(Field { name, value: without_line_end(&raw[colon + 1..]), raw });
            }
        }
    }
}

/// Length of the continuation lines that follow a field's first line.
fn folded_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while matches!(bytes.get(length), Some(b' ' | b'\t')) {
        length += line_length(&bytes[length..]);
    }
    length
}

/// Length of the first line with its line end; all that is left when there is none.
pub(crate) fn line_length(bytes: &[u8]) -> usize {
    memchr::memchr(b'\n', bytes).map_or(bytes.len(), |newline| newline + 1)
}

/// Whether a line holds nothing but its end. `CR CR LF` counts: gateways that add a CR to each line make it.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    without_line_end(line).is_empty()
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let mut line = line.strip_suffix(b"\n").unwrap_or(line);
    while let Some(shorter) = line.strip_suffix(b"\r") {
        line = shorter;
    }
    line
}

/// Where the header that begins at `start` ends, its blank line included; `stops` tells of lines that end it before
/// that. Lines that are no field lie inside it only where a blank line follows: they are a body otherwise.
pub(crate) fn header_end(bytes: &[u8], start: usize, stops: impl Fn(usize) -> bool) -> usize {
    let mut position = start;
    let mut in_field = false;
    let mut field_seen = false;
    let mut first_stray = None;
    while position < bytes.len() && !stops(position) {
        let line = &bytes[position..position + line_length(&bytes[position..])];
        if is_blank(line) {
            return if field_seen || position == start { position + line.len() } else { start };
        }
        let continues = in_field && matches!(line[0], b' ' | b'\t');
        if colon_of_field(line).is_some() {
            (in_field, field_seen) = (true, true);
        } else if !continues {
            in_field = false;
            if !is_mbox_line(line) {
                first_stray.get_or_insert(position);
            }
        }
        position += line.len();
    }
    match first_stray {
        _ if !field_seen => start,
        Some(stray) => stray,
        None => position,
    }
}

/// The separator line of an mbox, which some tools leave at the head of a message.
fn is_mbox_line(line: &[u8]) -> bool {
    line.starts_with(b"From ") || line.starts_with(b">From ")
}

/// Where the colon stands, when the line begins a field (RFC 5322 section 2.2: printable ASCII, no space).
pub(crate) fn colon_of_field(line: &[u8]) -> Option<usize> {
    let colon = memchr::memchr(b':', line)?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(colon)
}

/// A field value in one line: line ends of folds go, the white space after them stays (RFC 5322
/// section 2.2.3), a lone CR becomes a space, white space at both ends is cut.
pub(crate) fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    let mut line = Vec::with_capacity(value.len());
    let mut bytes = value.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\n' => {}
            b'\r' if matches!(bytes.peek(), Some(b'\n' | b'\r')) => {}
            b'\r' => line.push(b' '),
            _ => line.push(byte),
        }
    }
    Cow::Owned(line)
}

/// How many fields of that name a header has (`Received`, for the loop check of RFC 5321 section 6.3).
pub fn count_fields(raw_header: &[u8], name: &str) -> usize {
    fields(raw_header).filter(|field| field.is(name)).count()
}

/// The values of every field of that name as people read them: unfolded, RFC 2047 words decoded.
/// For SEARCH HEADER (RFC 9051 section 6.4.4), which compares decoded text.
pub fn header_values(raw_header: &[u8], name: &str) -> Vec<String> {
    fields(raw_header).filter(|field| field.is(name)).map(|field| decoded_value(field.value)).collect()
}

/// As [`header_values`] for many names at once, in one pass: the name, in lower case, and the value
/// of every field whose name is `wanted`.
pub fn decoded_fields(raw_header: &[u8], wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let named = |field: Field<'_>| {
        let name = String::from_utf8_lossy(field.name).to_ascii_lowercase();
        wanted(&name).then(|| (name, decoded_value(field.value)))
    };
    fields(raw_header).filter_map(named).collect()
}

/// One field value as people read it.
pub(crate) fn decoded_value(value: &[u8]) -> String {
    clean_line(decode_words(&unfold(value)))
}

/// The fields named (or, with `not`, all others), raw and in their order, and a blank line:
/// `BODY[HEADER.FIELDS (…)]` and `.NOT` (RFC 9051 section 6.4.5.1). Lines that are no field are in neither.
pub fn header_fields<N: AsRef<[u8]>>(raw_header: &[u8], names: &[N], not: bool) -> Vec<u8> {
    let names: HashSet<Vec<u8>> = names.iter().map(|name| name.as_ref().to_ascii_lowercase()).collect();
    let longest = names.iter().map(Vec::len).max().unwrap_or(0);
    let mut subset = Vec::new();
    for field in fields(raw_header) {
        let named = field.name.len() <= longest && names.contains(&field.name.to_ascii_lowercase());
        if named != not {
            subset.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                subset.extend_from_slice(b"\r\n");
            }
        }
    }
    subset.extend_from_slice(b"\r\n");
    subset
}
