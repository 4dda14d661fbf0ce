//! Texts as bodies: lines of a width that is read with ease, in quoted-printable where they are not plain ASCII.

/// Longest line of a text that is wrapped, in characters.
const WIDTH: usize = 76;
/// Longest line of an encoded text (RFC 2045 section 6.7, rule 5).
const ENCODED_LINE_BYTES: usize = 76;
/// Longest line of a body that is not encoded (RFC 5322 section 2.1.1).
pub(crate) const LINE_BYTES_MAX: usize = 998;

/// A text/plain body and the fields that describe it.
pub(crate) struct TextBody {
    /// Content-Type and Content-Transfer-Encoding.
    pub(crate) fields: &'static str,
    /// The text, encoded as the fields say.
    pub(crate) bytes: Vec<u8>,
}

impl TextBody {
    /// Of a text with LF at the end of each line.
    pub(crate) fn of(text: &str) -> Self {
        if text.is_ascii() && text.lines().all(|line| line.len() <= LINE_BYTES_MAX) {
            return Self {
                fields: "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n",
                bytes: text.replace('\n', "\r\n").into_bytes(),
            };
        }
        Self {
            fields: "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
            bytes: quoted_printable(text.as_bytes()),
        }
    }
}

/// Quoted-printable (RFC 2045 section 6.7) of lines that end with LF or CRLF.
pub(crate) fn quoted_printable(text: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len() + text.len() / 8);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let content = line.strip_suffix(b"\n").unwrap_or(line);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        encode_line(content, &mut encoded);
        if content.len() < line.len() {
            encoded.extend_from_slice(b"\r\n");
        }
    }
    encoded
}

fn encode_line(content: &[u8], encoded: &mut Vec<u8>) {
    let mut column = 0;
    for (index, &byte) in content.iter().enumerate() {
        // White space at the end of a line would be lost (rule 3).
        let is_inner_space = matches!(byte, b' ' | b'\t') && index + 1 < content.len();
        let is_plain = is_inner_space || (byte.is_ascii_graphic() && byte != b'=');
        let length = if is_plain { 1 } else { 3 };
        if column + length >= ENCODED_LINE_BYTES {
            encoded.extend_from_slice(b"=\r\n");
            column = 0;
        }
        match is_plain {
            true => encoded.push(byte),
            false => encoded.extend_from_slice(format!("={byte:02X}").as_bytes()),
        }
        column += length;
    }
}

/// A paragraph as lines that end with LF, each after `indent`. Line ends that are there stay; other control characters
/// become spaces, so that no text can draw on a terminal.
pub(crate) fn wrap(paragraph: &str, indent: &str) -> String {
    let mut text = String::with_capacity(paragraph.len() + paragraph.len() / 32 + indent.len() + 1);
    for line in paragraph.lines() {
        let mut column = 0;
        for word in
            line.split(|character: char| character == ' ' || character.is_control()).filter(|word| !word.is_empty())
        {
            let width = word.chars().count();
            if column > 0 && column + 1 + width > WIDTH {
                text.push('\n');
                column = 0;
            }
            match column {
                0 => {
                    text.push_str(indent);
                    column = indent.len();
                }
                _ => {
                    text.push(' ');
                    column += 1;
                }
            }
            text.push_str(word);
            column += width;
        }
        text.push('\n');
    }
    text
}
