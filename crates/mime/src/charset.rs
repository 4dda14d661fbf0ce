//! Bytes to text, whatever their charset.
//!
//! The only module that calls the parser library, which has the tables: an upgrade or a change of
//! library ends here. Labels lie, so bytes that are valid UTF-8 under the label US-ASCII, under none
//! or under an unknown one are taken for UTF-8 (RFC 6532), and for windows-1252 otherwise.

use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::html::add_html_token;

/// Text of bytes in a named charset; `None` or an empty label means that nothing was said.
pub(crate) fn decode_charset(label: Option<&[u8]>, bytes: &[u8]) -> String {
    let label = label.unwrap_or_default().trim_ascii();
    if label.is_empty() || names_ascii(label) {
        return decode_unlabelled(bytes);
    }
    if label.eq_ignore_ascii_case(b"utf-8") || label.eq_ignore_ascii_case(b"utf8") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match charset_decoder(label) {
        Some(decode) => decode(bytes),
        None => decode_unlabelled(bytes),
    }
}

fn names_ascii(label: &[u8]) -> bool {
    label.eq_ignore_ascii_case(b"us-ascii") || label.eq_ignore_ascii_case(b"ascii")
}

/// Text of bytes that carry no label.
pub(crate) fn decode_unlabelled(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => match charset_decoder(b"windows-1252") {
            Some(decode) => decode(bytes),
            None => String::from_utf8_lossy(bytes).into_owned(),
        },
    }
}

/// Appends one HTML character reference (`&amp;`, `&#8364;`) decoded, or as it stands when unknown.
pub(crate) fn push_character_reference(text: &mut String, reference: &str) {
    add_html_token(text, reference.as_bytes(), false);
}

/// Text for one line: control characters, which could forge lines or terminals, become spaces.
pub(crate) fn clean_line(text: String) -> String {
    if text.chars().any(char::is_control) {
        return text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    }
    text
}

/// At most this many bytes of a text, cut between characters.
pub(crate) fn cut_text(text: &mut String, bytes_max: usize) {
    text.truncate(text.floor_char_boundary(bytes_max));
}
