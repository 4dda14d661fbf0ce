//! The words that every command is made of: atoms, strings, numbers, lists.
//!
//! RFC 9051 section 9. An error carries one sentence for the person who typed the
//! command; the parser nearest to the fault names it, parents fill in where it did not.

use base64::Engine;
use postern_types::Secret;
use std::borrow::Cow;
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::{Stateful, Stream};
use winnow::token::{any, take, take_while};

/// What the connection has agreed on that changes the grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Mailbox names are UTF-8: ENABLE IMAP4rev2 (RFC 9051 section 5.1) or UTF8=ACCEPT
    /// (RFC 6855 section 3) has been answered.
    pub utf8: bool,
}

pub(crate) type Input<'a> = Stateful<&'a [u8], Options>;
pub(crate) type Parsed<T> = winnow::Result<T, Help>;

/// Why a command was not understood, as a sentence for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Help(pub(crate) Option<&'static str>);

impl<I: Stream> ParserError<I> for Help {
    type Inner = Self;
    fn from_input(_input: &I) -> Self {
        Help(None)
    }
    fn into_inner(self) -> Result<Self::Inner, Self> {
        Ok(self)
    }
}

/// Fills in the sentence where no inner parser had one.
pub(crate) trait Explain {
    fn help(self, text: &'static str) -> Self;
}

impl<T> Explain for Parsed<T> {
    fn help(self, text: &'static str) -> Self {
        self.map_err(|help| Help(help.0.or(Some(text))))
    }
}

pub(crate) fn input(bytes: &[u8], options: Options) -> Input<'_> {
    Stateful { input: bytes, state: options }
}

pub(crate) fn fail<T>(text: &'static str) -> Parsed<T> {
    Err(Help(Some(text)))
}

pub(crate) fn peek(input: &Input<'_>) -> Option<u8> {
    input.input.first().copied()
}

pub(crate) fn space(input: &mut Input<'_>) -> Parsed<()> {
    b' '.void().parse_next(input)
}

/// ATOM-CHAR.
pub(crate) fn is_atom_char(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\' | b']')
}

/// ASTRING-CHAR.
pub(crate) fn is_astring_char(byte: u8) -> bool {
    is_atom_char(byte) || byte == b']'
}

pub(crate) fn atom<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    let bytes = take_while(1.., is_atom_char).parse_next(input)?;
    ascii(bytes)
}

/// A keyword of the grammar, folded to capitals, so that it can be matched.
pub(crate) struct Word {
    bytes: [u8; 24],
    length: usize,
}

impl Word {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// Letters, digits, `.`, `-` and `_`, at most 24 of them: no keyword is longer.
pub(crate) fn word(input: &mut Input<'_>) -> Parsed<Word> {
    let part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let text: &[u8] = take_while(1.., part).parse_next(input)?;
    let mut word = Word { bytes: [0; 24], length: text.len() };
    match word.bytes.get_mut(..text.len()) {
        Some(bytes) => bytes.copy_from_slice(text),
        None => return Err(Help(None)),
    }
    word.bytes.make_ascii_uppercase();
    Ok(word)
}

/// An unsigned 32-bit number (RFC 9051 section 9, number).
pub(crate) fn number(input: &mut Input<'_>) -> Parsed<u32> {
    match u32::try_from(number64(input)?) {
        Ok(number) => Ok(number),
        Err(_) => fail("A number is larger than 4294967295"),
    }
}

/// An unsigned 63-bit number (RFC 9051 section 9, number64).
pub(crate) fn number64(input: &mut Input<'_>) -> Parsed<u64> {
    let digits: &[u8] = take_while(1.., |byte: u8| byte.is_ascii_digit()).parse_next(input)?;
    match decimal(digits) {
        Some(number) => Ok(number),
        None => fail("A number is larger than 9223372036854775807"),
    }
}

pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    let number = digits
        .iter()
        .try_fold(0u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0'))))?;
    (number <= i64::MAX as u64).then_some(number)
}

/// astring: an atom that may hold `]`, a quoted string or a literal.
pub(crate) fn astring<'a>(input: &mut Input<'a>) -> Parsed<Cow<'a, [u8]>> {
    match peek(input) {
        Some(b'"' | b'{') => string(input),
        _ => Ok(Cow::Borrowed(take_while(1.., is_astring_char).parse_next(input)?)),
    }
}

/// string: quoted or literal.
pub(crate) fn string<'a>(input: &mut Input<'a>) -> Parsed<Cow<'a, [u8]>> {
    match peek(input) {
        Some(b'"') => quoted(input),
        _ => Ok(Cow::Borrowed(literal(input)?)),
    }
}

/// astring as text. RFC 9051 section 5.1 makes strings UTF-8, of which US-ASCII is a part.
pub(crate) fn text(input: &mut Input<'_>) -> Parsed<String> {
    utf8(astring(input)?)
}

pub(crate) fn utf8(bytes: Cow<'_, [u8]>) -> Parsed<String> {
    match String::from_utf8(bytes.into_owned()) {
        Ok(text) => Ok(text),
        Err(_) => fail("A string is not valid UTF-8"),
    }
}

fn ascii(bytes: &[u8]) -> Parsed<&str> {
    std::str::from_utf8(bytes).map_err(|_| Help(None))
}

fn quoted<'a>(input: &mut Input<'a>) -> Parsed<Cow<'a, [u8]>> {
    any.parse_next(input)?;
    let rest = input.input;
    let mut unescaped: Option<Vec<u8>> = None;
    let mut at = 0;
    loop {
        let Some(step) = memchr::memchr2(b'"', b'\\', &rest[at..]) else {
            return fail("A quoted string has no closing quote");
        };
        let (part, stop) = (&rest[at..at + step], at + step);
        if part.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            return fail("A quoted string can not hold line ends or NUL; send it as a literal");
        }
        if let Some(text) = &mut unescaped {
            text.extend_from_slice(part);
        }
        if rest[stop] == b'"' {
            input.input = &rest[stop + 1..];
            return Ok(unescaped.map_or(Cow::Borrowed(&rest[..stop]), Cow::Owned));
        }
        let Some(escaped @ (b'"' | b'\\')) = rest.get(stop + 1).copied() else {
            return fail("In a quoted string only \" and \\ are escaped by a backslash");
        };
        unescaped.get_or_insert_with(|| rest[..stop].to_vec()).push(escaped);
        at = stop + 2;
    }
}

/// A literal that the framer has left in the line: `{5}`, a line end, five bytes. Its
/// line end may be a bare LF, as everywhere in the framer.
fn literal<'a>(input: &mut Input<'a>) -> Parsed<&'a [u8]> {
    b'{'.parse_next(input)?;
    let length = number64(input)?;
    if peek(input) == Some(b'+') {
        any.parse_next(input)?;
    }
    b'}'.parse_next(input)?;
    if peek(input) == Some(b'\r') {
        any.parse_next(input)?;
    }
    b'\n'.parse_next(input)?;
    let Ok(length) = usize::try_from(length) else { return Err(Help(None)) };
    let bytes: &[u8] = take(length).parse_next(input)?;
    if memchr::memchr(0, bytes).is_some() {
        return fail("A literal can not hold NUL (RFC 9051 section 9, CHAR8)");
    }
    Ok(bytes)
}

/// A mailbox name, decoded; `INBOX` in any case is `INBOX`.
pub(crate) fn mailbox(input: &mut Input<'_>) -> Parsed<String> {
    let utf8 = input.state.utf8;
    let wire = astring(input)?;
    crate::mailbox::decode_mailbox(&wire, utf8).map_err(|error| Help(Some(error.text())))
}

/// `(item item ...)`, one space between; empty where `least` is 0.
pub(crate) fn list<'a, T>(
    input: &mut Input<'a>,
    least: usize,
    mut item: impl FnMut(&mut Input<'a>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    b'('.parse_next(input)?;
    let mut items = Vec::new();
    if peek(input) != Some(b')') {
        items.push(item(input)?);
        while peek(input) == Some(b' ') {
            space(input)?;
            items.push(item(input)?);
        }
    }
    b')'.parse_next(input)?;
    if items.len() < least { Err(Help(None)) } else { Ok(items) }
}

/// The bytes that a base64 text stands for; `None` when it is none.
pub(crate) fn base64(text: &[u8]) -> Option<Secret> {
    base64::engine::general_purpose::STANDARD.decode(text).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all<T>(text: &str, mut parser: impl FnMut(&mut Input<'_>) -> Parsed<T>) -> Parsed<T> {
        let mut input = input(text.as_bytes(), Options::default());
        let value = parser(&mut input)?;
        if input.input.is_empty() { Ok(value) } else { Err(Help(Some("rest"))) }
    }

    /// RFC 9051 section 4.3: the three forms of a string.
    #[test]
    fn a_string_has_three_forms() {
        for form in ["ab]c", "\"ab]c\"", "{4}\r\nab]c", "{4+}\r\nab]c", "{4}\nab]c"] {
            assert_eq!(all(form, text).unwrap(), "ab]c", "{form:?}");
        }
        assert_eq!(all("\"a\\\"b\\\\c\"", text).unwrap(), "a\"b\\c");
        assert_eq!(all("\"\"", text).unwrap(), "");
        assert_eq!(all("{0}\r\n", text).unwrap(), "");
    }

    #[test]
    fn what_is_no_string_is_refused() {
        for bad in [
            "",
            "\"a",
            "\"a\\b\"",
            "\"a\nb\"",
            "\"a\\",
            "{4}ab]c",
            "{5}\r\nab]c",
            "{1}\r\n\0",
            "{}\r\n",
            "a b",
            "(",
            "a\\",
        ] {
            assert!(all(bad, text).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn numbers_have_their_widths() {
        assert_eq!(all("4294967295", number), Ok(u32::MAX));
        assert!(all("4294967296", number).is_err() && all("-1", number).is_err());
        assert_eq!(all("9223372036854775807", number64), Ok(i64::MAX as u64));
        assert!(all("9223372036854775808", number64).is_err() && all("99999999999999999999999", number64).is_err());
    }
}
