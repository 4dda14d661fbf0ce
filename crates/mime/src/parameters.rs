//! Structured MIME values: `type; name=value; name=value`.
//!
//! RFC 2045 section 5.1, RFC 2183 section 2, with the continuations and charsets of RFC 2231. Pieces
//! (`name*0`, `name*1*`) are joined. A value with a charset is decoded, and shown in IMAP lists under
//! its name with the asterisk, in UTF-8 and percent-encoded (`FILENAME*`, `utf-8''…`): RFC 9051 section
//! 7.5.2 asks for that name and for UTF-8, and the encoded form is what RFC 2231 gives that name and
//! what clients of either revision read. Values that are not quoted may hold spaces, as many mailers write.

use std::collections::HashMap;
use std::fmt::Write;

use crate::charset::{clean_line, decode_charset};
use crate::transfer::hex_pair;
use crate::words::decode_words;

/// Parameters of one field that are read; far above what any mailer writes.
const PARAMETERS_MAX: usize = 256;

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parameter {
    /// Name in upper case, without asterisk.
    pub(crate) name: Vec<u8>,
    pub(crate) value: ParameterValue,
}

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParameterValue {
    /// As it stands in the message, quoting removed.
    Raw(Vec<u8>),
    /// Decoded by RFC 2231, with its language.
    Extended { language: Vec<u8>, text: String },
}

/// The parameters of one field, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parameters(pub(crate) Vec<Parameter>);

impl Parameters {
    /// The raw value of that (upper-case) name.
    pub(crate) fn raw(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find_map(|parameter| match &parameter.value {
            ParameterValue::Raw(value) if parameter.name == name.as_bytes() => Some(value.as_slice()),
            _ => None,
        })
    }

    /// The value of that (upper-case) name as people read it; an RFC 2231 value wins over a plain one.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let extended = self.0.iter().find_map(|parameter| match &parameter.value {
            ParameterValue::Extended { text, .. } if parameter.name == name.as_bytes() => Some(text.clone()),
            _ => None,
        });
        extended.or_else(|| self.raw(name).map(decode_words)).map(clean_line)
    }

    /// Keeps the parameter of that (upper-case) name alone.
    pub(crate) fn keep_only(&mut self, name: &str) {
        self.0.retain(|parameter| parameter.name == name.as_bytes());
    }
}

impl ParameterValue {
    /// An RFC 2231 value in its canonical form: `utf-8'language'percent-encoded`.
    pub(crate) fn canonical_extended(language: &[u8], text: &str) -> Vec<u8> {
        let mut canonical = String::from("utf-8'");
        canonical.extend(
            language.iter().filter(|&&byte| byte.is_ascii_alphanumeric() || byte == b'-').map(|&b| char::from(b)),
        );
        canonical.push('\'');
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&byte) {
                canonical.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(canonical, "%{byte:02X}");
            }
        }
        canonical.into_bytes()
    }
}

/// Whether these bytes are an RFC 2045 token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(byte))
}

/// The part of an unfolded value before its parameters, comments cut off, and the rest from the `;` on.
pub(crate) fn split_head(value: &[u8]) -> (&[u8], &[u8]) {
    let start = skip_space_and_comments(value, 0);
    let end = memchr::memchr3(b';', b'(', b'"', &value[start..]).map_or(value.len(), |offset| start + offset);
    (value[start..end].trim_ascii(), &value[end..])
}

/// Reads `; name=value` parameters.
pub(crate) fn parse_parameters(mut rest: &[u8]) -> Parameters {
    let mut pieces = Vec::new();
    while pieces.len() < PARAMETERS_MAX {
        let Some(semicolon) = memchr::memchr(b';', rest) else { break };
        let start = skip_space_and_comments(rest, semicolon + 1);
        let Some(end) = memchr::memchr2(b'=', b';', &rest[start..]).map(|offset| start + offset) else { break };
        if rest[end] == b';' {
            rest = &rest[end..];
            continue;
        }
        let name = rest[start..end].trim_ascii();
        let (value, length) = read_value(&rest[end + 1..]);
        rest = &rest[end + 1 + length..];
        if is_token(name) {
            pieces.push(Piece::new(name, value));
        }
    }
    join(pieces)
}

/// One value and how many bytes it takes: a quoted string, or all up to the next semicolon.
fn read_value(bytes: &[u8]) -> (Vec<u8>, usize) {
    let start = bytes.len() - bytes.trim_ascii_start().len();
    if bytes.get(start) != Some(&b'"') {
        let end = memchr::memchr(b';', &bytes[start..]).map_or(bytes.len(), |offset| start + offset);
        return (without_comment(bytes[start..end].trim_ascii()).to_vec(), end);
    }
    let mut value = Vec::new();
    let mut position = start + 1;
    while let Some(&byte) = bytes.get(position) {
        position += 1;
        match byte {
            b'"' => break,
            b'\\' if position < bytes.len() => {
                value.push(bytes[position]);
                position += 1;
            }
            _ => value.push(byte),
        }
    }
    (value, position)
}

/// A value without the comment after it: `us-ascii (Plain text)`, the example of RFC 2045 section 5.1.
fn without_comment(value: &[u8]) -> &[u8] {
    match memchr::memmem::find(value, b" (") {
        Some(start) if value.ends_with(b")") => value[..start].trim_ascii_end(),
        _ => value,
    }
}

/// The first position that is neither white space nor in a comment (RFC 5322 section 3.2.2).
fn skip_space_and_comments(bytes: &[u8], mut position: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'(' => depth += 1,
            b')' if depth > 0 => depth -= 1,
            b'\\' if depth > 0 => position += 1,
            _ if depth > 0 || byte.is_ascii_whitespace() => {}
            _ => break,
        }
        position += 1;
    }
    position.min(bytes.len())
}

/// One `name*number*=value` as it stands.
struct Piece {
    name: Vec<u8>,
    number: Option<u32>,
    extended: bool,
    value: Vec<u8>,
}

impl Piece {
    fn new(name: &[u8], value: Vec<u8>) -> Self {
        let name = name.to_ascii_uppercase();
        let (stem, extended) = match name.strip_suffix(b"*") {
            Some(stem) => (stem, true),
            None => (name.as_slice(), false),
        };
        if let Some(star) = memchr::memrchr(b'*', stem)
            && let Some(number) = std::str::from_utf8(&stem[star + 1..]).ok().and_then(|digits| digits.parse().ok())
        {
            return Self { name: stem[..star].to_vec(), number: Some(number), extended, value };
        }
        Self { name: stem.to_vec(), number: None, extended, value }
    }
}

/// Joins the pieces of RFC 2231 section 3; each name stands where its first piece stood.
fn join(pieces: Vec<Piece>) -> Parameters {
    let mut groups: Vec<Vec<Piece>> = Vec::with_capacity(pieces.len());
    let mut numbered: HashMap<Vec<u8>, usize> = HashMap::new();
    for piece in pieces {
        let known = piece.number.and_then(|_| numbered.get(&piece.name).copied());
        match known {
            Some(index) => groups[index].push(piece),
            None => {
                if piece.number.is_some() {
                    numbered.insert(piece.name.clone(), groups.len());
                }
                groups.push(vec![piece]);
            }
        }
    }
    Parameters(groups.into_iter().filter_map(join_group).collect())
}

/// One parameter of its pieces, in the order of their numbers, up to the first that is missing.
fn join_group(mut pieces: Vec<Piece>) -> Option<Parameter> {
    pieces.sort_by_key(|piece| piece.number);
    let name = pieces.first()?.name.clone();
    let first_number = pieces.first()?.number.unwrap_or(0);
    let mut bytes = Vec::new();
    let (mut charset, mut language) = (None, Vec::new());
    let extended = pieces.iter().any(|piece| piece.extended);
    for (index, piece) in (0_u32..).zip(&pieces) {
        if piece.number.is_some_and(|number| number != first_number.saturating_add(index)) {
            break;
        }
        if !piece.extended {
            bytes.extend_from_slice(&piece.value);
            continue;
        }
        let mut value = piece.value.as_slice();
        if index == 0
            && let Some((label, spoken, text)) = split_extended(value)
        {
            charset = Some(label.to_vec());
            language = spoken.to_vec();
            value = text;
        }
        decode_percent(value, &mut bytes);
    }
    let value = if extended {
        ParameterValue::Extended { language, text: decode_charset(charset.as_deref(), &bytes) }
    } else {
        ParameterValue::Raw(bytes)
    };
    Some(Parameter { name, value })
}

/// `charset'language'text` (RFC 2231 section 4).
fn split_extended(value: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let first = memchr::memchr(b'\'', value)?;
    let second = first + 1 + memchr::memchr(b'\'', &value[first + 1..])?;
    Some((&value[..first], &value[first + 1..second], &value[second + 1..]))
}

fn decode_percent(value: &[u8], bytes: &mut Vec<u8>) {
    let mut position = 0;
    while let Some(&byte) = value.get(position) {
        position += 1;
        match (byte, hex_pair(&value[position..])) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                position += 2;
            }
            _ => bytes.push(byte),
        }
    }
}
