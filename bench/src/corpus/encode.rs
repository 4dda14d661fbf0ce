//! Bytes made fit for mail: base64 and quoted-printable bodies, encoded words of headers.
//!
//! RFC 2045 sections 6.7 and 6.8, RFC 2047.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a base64 line: 76 letters.
const BYTES_A_LINE: usize = 57;
/// Letters of a quoted-printable line before it is broken softly.
const QUOTED_COLUMNS: usize = 73;
/// Bytes of text in one encoded word, so that it stays within 75 letters.
const WORD_BYTES: usize = 42;

/// A body in base64, each line ended.
pub fn base64_lines(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() / 3 * 4 + bytes.len() / 28 + 8);
    for line in bytes.chunks(BYTES_A_LINE) {
        STANDARD.encode_string(line, &mut text);
        text.push_str("\r\n");
    }
    text
}

/// Base64 without a line end.
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// A text of CRLF lines in quoted-printable.
pub fn quoted_printable(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 5 / 4);
    for line in text.split_inclusive("\r\n") {
        let (line, end) = line.strip_suffix("\r\n").map_or((line, ""), |line| (line, "\r\n"));
        let mut column = 0;
        for byte in line.bytes() {
            if column >= QUOTED_COLUMNS {
                encoded.push_str("=\r\n");
                column = 0;
            }
            if byte == b'=' || !(b' '..=b'~').contains(&byte) {
                encoded.push_str(&format!("={byte:02X}"));
                column += 3;
            } else {
                encoded.push(char::from(byte));
                column += 1;
            }
        }
        encoded.push_str(end);
    }
    encoded
}

/// A header's text: as it is when ASCII, else in encoded words on folded lines.
pub fn header_text(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.floor_char_boundary(WORD_BYTES);
        let (word, after) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = after;
    }
    words.join("\r\n ")
}

/// What [`header_text`] was made of; none where it made something else.
pub fn header_words(header: &str) -> Option<String> {
    if !header.starts_with("=?") {
        return Some(header.to_owned());
    }
    let decoded = header.split("\r\n ").map(|word| {
        let word = word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?;
        String::from_utf8(STANDARD.decode(word).ok()?).ok()
    });
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2045 section 6.7: lines of 76 at most, soft breaks, `=` itself encoded.
    #[test]
    fn quoted_printable_breaks_softly() {
        let encoded = quoted_printable(&format!("{}\r\na=é\r\n", "x".repeat(80)));
        assert_eq!(encoded, format!("{}=\r\n{}\r\na=3D=C3=A9\r\n", "x".repeat(73), "x".repeat(7)));
    }

    /// RFC 2047 section 2: an encoded word has at most 75 letters and whole characters.
    #[test]
    fn encoded_words_are_short_and_whole() {
        let text = "邮件服务器的设计与实现以及它的许多共享邮箱".repeat(3);
        let encoded = header_text(&text);
        assert!(encoded.split("\r\n ").all(|word| word.len() <= 75), "{encoded}");
        assert_eq!(header_words(&encoded), Some(text));
        assert_eq!(header_words("plain").as_deref(), Some("plain"));
        assert_eq!(header_words("=?UTF-8?Q?a?="), None);
        assert_eq!(header_text("plain"), "plain");
    }
}
