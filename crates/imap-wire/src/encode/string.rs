//! Strings in replies: atom, quoted or literal, whichever holds them (RFC 9051 section 4).

use crate::grammar::token::is_astring_char;
use crate::mailbox::encode_mailbox;

/// Longest string that is quoted: lines should stay short (RFC 2683 section 3.2.1.5).
const QUOTED_BYTES: usize = 1000;

/// `{5}` and five bytes, of which NUL is told as [`tell_nul`] does.
pub fn write_literal(out: &mut Vec<u8>, bytes: &[u8]) {
    write_literal_head(out, bytes.len() as u64);
    let start = out.len();
    out.extend_from_slice(bytes);
    tell_nul(&mut out[start..]);
}

/// Makes bytes such as a literal may hold: no literal but literal8 holds NUL (RFC 9051 section
/// 4.3.1), so it is told as 0x80, and sizes stay (docs/decisions/0017-nul.md).
pub fn tell_nul(bytes: &mut [u8]) {
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(0, rest) {
        rest[at] = 0x80;
        rest = &mut rest[at + 1..];
    }
}

pub(crate) fn write_literal_head(out: &mut Vec<u8>, length: u64) {
    out.push(b'{');
    write_decimal(out, length);
    out.extend_from_slice(b"}\r\n");
}

/// Digits. Replies are full of numbers, and this is several times faster than `write!`.
pub(crate) fn write_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        // At most 20 rounds: the largest number has 20 digits.
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// string: quoted where quotes can hold it, else a literal.
pub fn write_string(out: &mut Vec<u8>, bytes: &[u8], utf8: bool) {
    if !can_quote(bytes, utf8) {
        return write_literal(out, bytes);
    }
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(&[b'\\', rest[at]]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn can_quote(bytes: &[u8], utf8: bool) -> bool {
    if bytes.len() > QUOTED_BYTES || bytes.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
        return false;
    }
    bytes.is_ascii() || (utf8 && std::str::from_utf8(bytes).is_ok())
}

/// nstring: a string or NIL.
pub fn write_nstring(out: &mut Vec<u8>, bytes: Option<&[u8]>, utf8: bool) {
    match bytes {
        Some(bytes) => write_string(out, bytes, utf8),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// astring: an atom where it is one and can not be taken for NIL.
pub fn write_astring(out: &mut Vec<u8>, bytes: &[u8], utf8: bool) {
    let atom = !bytes.is_empty() && bytes.iter().all(|byte| is_astring_char(*byte));
    if atom && !bytes.eq_ignore_ascii_case(b"NIL") {
        out.extend_from_slice(bytes);
    } else {
        write_string(out, bytes, utf8);
    }
}

/// A mailbox name as an astring, spelled as the connection agreed.
pub fn write_mailbox(out: &mut Vec<u8>, name: &str, utf8: bool) {
    if utf8 || (name.is_ascii() && !name.contains('&')) {
        return write_astring(out, name.as_bytes(), utf8);
    }
    let mut wire = Vec::with_capacity(name.len() * 2);
    encode_mailbox(&mut wire, name, false);
    write_astring(out, &wire, false);
}

/// Human text without line ends, NUL and, unless `utf8`, without other than US-ASCII.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str, utf8: bool) {
    for c in text.chars() {
        match c {
            '\r' | '\n' | '\0' => out.push(b' '),
            _ if c.is_ascii() => out.push(c as u8),
            _ if utf8 => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => out.push(b'?'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(bytes: &[u8], utf8: bool) -> Vec<u8> {
        let mut out = Vec::new();
        write_string(&mut out, bytes, utf8);
        out
    }

    /// RFC 9051 section 4.3: quotes hold no line ends and, before IMAP4rev2, no 8-bit.
    #[test]
    fn a_string_takes_the_form_that_holds_it() {
        assert_eq!(string(b"a \"b\" \\c", false), b"\"a \\\"b\\\" \\\\c\"");
        assert_eq!(string(b"a\r\nb", false), b"{4}\r\na\r\nb");
        assert_eq!(string("é".as_bytes(), false), "{2}\r\né".as_bytes());
        assert_eq!(string("é".as_bytes(), true), "\"é\"".as_bytes());
        assert_eq!(string(b"\xff", true), b"{1}\r\n\xff");
        assert!(string(&[b'a'; 1001], false).starts_with(b"{1001}\r\n"));
        assert_eq!(string(b"a\0b\0", true), b"{4}\r\na\x80b\x80");
    }

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 9, 10, 4_294_967_295, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }

    #[test]
    fn an_astring_is_an_atom_where_it_can_be() {
        let astring = |text: &str| {
            let mut out = Vec::new();
            write_astring(&mut out, text.as_bytes(), false);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(astring("INBOX/a]"), "INBOX/a]");
        assert_eq!(astring("nil"), "\"nil\"");
        assert_eq!(astring(""), "\"\"");
        assert_eq!(astring("a b"), "\"a b\"");
    }
}
