//! Content transfer encodings (RFC 2045 section 6), decoded leniently.
//!
//! Broken base64 and quoted-printable give what can be read and never an error: what is kept is the
//! raw message, and decoding serves reading, searching and BINARY (RFC 9051 section 6.4.5).

use std::borrow::Cow;

/// How a body is encoded, by its Content-Transfer-Encoding field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TransferEncoding {
    /// `7bit`, or nothing said (RFC 2045 section 6.1).
    #[default]
    SevenBit,
    /// `8bit`.
    EightBit,
    /// `binary`.
    Binary,
    /// `base64`.
    Base64,
    /// `quoted-printable`.
    QuotedPrintable,
    /// A name that is not known; BINARY answers UNKNOWN-CTE.
    Other,
}

impl TransferEncoding {
    /// The encoding of that name.
    pub(crate) fn from_name(name: &[u8]) -> Self {
        let known: [(&[u8], Self); 6] = [
            (b"", Self::SevenBit),
            (b"7bit", Self::SevenBit),
            (b"8bit", Self::EightBit),
            (b"binary", Self::Binary),
            (b"base64", Self::Base64),
            (b"quoted-printable", Self::QuotedPrintable),
        ];
        known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map_or(Self::Other, |(_, encoding)| *encoding)
    }

    /// A number for storage.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::SevenBit => 0,
            Self::EightBit => 1,
            Self::Binary => 2,
            Self::Base64 => 3,
            Self::QuotedPrintable => 4,
            Self::Other => 5,
        }
    }

    /// The encoding of that number.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        [Self::SevenBit, Self::EightBit, Self::Binary, Self::Base64, Self::QuotedPrintable, Self::Other]
            .into_iter()
            .find(|encoding| encoding.code() == code)
    }

    /// Whether the bytes of the body differ from what they mean, so that a nested message cannot be read in place.
    pub fn transforms(self) -> bool {
        matches!(self, Self::Base64 | Self::QuotedPrintable)
    }

    /// The body with this encoding undone; `None` when the encoding is not known.
    pub fn decode(self, body: &[u8]) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::SevenBit | Self::EightBit | Self::Binary => Some(Cow::Borrowed(body)),
            Self::Base64 => Some(Cow::Owned(decode_base64(body))),
            Self::QuotedPrintable => Some(Cow::Owned(decode_quoted_printable(body))),
            Self::Other => None,
        }
    }
}

const NO_DIGIT: u8 = 0xff;

/// Value of each base64 character (RFC 2045 section 6.8).
static BASE64_DIGITS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = [NO_DIGIT; 256];
    let mut value = 0;
    while value < alphabet.len() {
        digits[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    digits
};

/// Base64; characters outside the alphabet are passed over (RFC 2045 section 6.8), padding ends a group
/// and another may follow, as where two encoded texts were joined.
pub(crate) fn decode_base64(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut digits) = (0_u32, 0);
    for &byte in text {
        let digit = BASE64_DIGITS[usize::from(byte)];
        if digit != NO_DIGIT {
            group = group << 6 | u32::from(digit);
            digits += 1;
            if digits == 4 {
                decoded.extend_from_slice(&group.to_be_bytes()[1..]);
                (group, digits) = (0, 0);
            }
        } else if byte == b'=' {
            push_short_group(&mut decoded, group, digits);
            (group, digits) = (0, 0);
        }
    }
    push_short_group(&mut decoded, group, digits);
    decoded
}

/// The bytes of a group of two or three digits; a single digit holds no byte.
fn push_short_group(decoded: &mut Vec<u8>, group: u32, digits: u32) {
    match digits {
        2 => decoded.push((group >> 4) as u8),
        3 => decoded.extend_from_slice(&((group >> 2) as u16).to_be_bytes()),
        _ => {}
    }
}

/// Quoted-printable (RFC 2045 section 6.7); an equals sign that begins nothing stands for itself.
pub(crate) fn decode_quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let content = line.trim_ascii_end();
        let soft = content.last() == Some(&b'=');
        let content = if soft { &content[..content.len() - 1] } else { content };
        decode_escapes(content, &mut decoded);
        if !soft {
            // Rule 3: white space at the end of a line was added on the way; its line end stays.
            decoded.extend_from_slice(line_end(line));
        }
    }
    decoded
}

fn line_end(line: &[u8]) -> &[u8] {
    match line {
        [.., b'\r', b'\n'] => b"\r\n",
        [.., b'\n'] => b"\n",
        _ => b"",
    }
}

fn decode_escapes(content: &[u8], decoded: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(equals) = memchr::memchr(b'=', rest) {
        decoded.extend_from_slice(&rest[..equals]);
        rest = &rest[equals + 1..];
        match hex_pair(rest) {
            Some(byte) => {
                decoded.push(byte);
                rest = &rest[2..];
            }
            None => decoded.push(b'='),
        }
    }
    decoded.extend_from_slice(rest);
}

/// The byte that two hexadecimal digits at the start stand for.
pub(crate) fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let digit = |index: usize| bytes.get(index).and_then(|&byte| char::from(byte).to_digit(16));
    Some((digit(0)? << 4 | digit(1)?) as u8)
}
