//! IMAP strings, numbers and lists as they stand in stored ENVELOPE and BODYSTRUCTURE values.
//!
//! RFC 3501 section 4.3 and RFC 9051 section 4.3. One form serves both revisions: a quoted string where
//! the text is 7-bit, a literal otherwise (a quoted string with 8-bit characters is rev2 alone). NUL
//! cannot appear in either and becomes `?`.
//!
//! A message can be all header, so what is kept of it in a row is bounded here: a string is cut, and once
//! a list has grown past its bound further strings are empty. `BODY[HEADER]` still has every byte.

/// Longest string kept in a list, in bytes.
const STRING_BYTES_MAX: usize = 16 << 10;
/// Size past which a list takes no more text, in bytes. Ten thousand recipients fit.
const LIST_BYTES_MAX: usize = 1 << 20;
/// Longest quoted string; a longer one is a literal, as clients read lines into small buffers (RFC 2683
/// section 3.2.1.5).
const QUOTED_BYTES_MAX: usize = 1000;

/// Writes one list.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    out: Vec<u8>,
}

impl Encoder {
    /// The list.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Whether the list has reached its bound.
    pub(crate) fn is_full(&self) -> bool {
        self.out.len() >= LIST_BYTES_MAX
    }

    /// Syntax, as it stands.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// How much is written; with [`Encoder::repeat`] for a value that appears again.
    pub(crate) fn position(&self) -> usize {
        self.out.len()
    }

    /// Writes again what stands from `start` to `end`.
    pub(crate) fn repeat(&mut self, start: usize, end: usize) {
        self.out.extend_from_within(start..end);
    }

    /// `NIL`.
    pub(crate) fn nil(&mut self) {
        self.raw(b"NIL");
    }

    /// A number.
    pub(crate) fn number(&mut self, number: u64) {
        self.raw(number.to_string().as_bytes());
    }

    /// A string, or `NIL` for none.
    pub(crate) fn nstring(&mut self, value: Option<&[u8]>) {
        match value {
            Some(value) if !self.is_full() => self.string(value),
            _ => self.nil(),
        }
    }

    /// A string, quoted or literal.
    pub(crate) fn string(&mut self, value: &[u8]) {
        let value = if self.is_full() { b"" } else { shortened(value) };
        let plain = value.iter().all(|byte| byte.is_ascii() && !matches!(byte, b'\r' | b'\n'));
        if plain && value.len() <= QUOTED_BYTES_MAX {
            self.quoted(value);
        } else {
            self.raw(b"{");
            self.number(value.len() as u64);
            self.raw(b"}\r\n");
            self.out.extend(value.iter().map(|&byte| without_nul(byte)));
        }
    }

    fn quoted(&mut self, value: &[u8]) {
        self.out.push(b'"');
        for &byte in value {
            if matches!(byte, b'"' | b'\\') {
                self.out.push(b'\\');
            }
            self.out.push(without_nul(byte));
        }
        self.out.push(b'"');
    }

    /// A string in upper case: types, encodings and parameter names, whose case means nothing.
    pub(crate) fn upper(&mut self, value: &[u8]) {
        self.string(&value.to_ascii_uppercase());
    }
}

fn without_nul(byte: u8) -> u8 {
    if byte == 0 { b'?' } else { byte }
}

/// At most [`STRING_BYTES_MAX`] bytes, not cut inside a UTF-8 character.
fn shortened(value: &[u8]) -> &[u8] {
    if value.len() <= STRING_BYTES_MAX {
        return value;
    }
    let is_continuation = |end: usize| value[end] & 0xc0 == 0x80;
    let end = (STRING_BYTES_MAX - 3..=STRING_BYTES_MAX).rev().find(|&end| !is_continuation(end));
    &value[..end.unwrap_or(STRING_BYTES_MAX)]
}
