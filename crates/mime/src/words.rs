//! RFC 2047 encoded words: `=?charset?encoding?text?=` in header values.
//!
//! More lenient than section 5: a word may touch other text and may hold spaces, because mailers
//! write both. Neighbouring words of one charset are joined before decoding, since many mailers cut
//! inside a character (against section 5). Looking for a word never passes the next `?`, so a value
//! full of broken words still costs one pass.

use memchr::{memchr, memmem};

use crate::charset::{decode_charset, decode_unlabelled};
use crate::transfer::{decode_base64, hex_pair};

/// One encoded word found in a value.
pub(crate) struct Word<'a> {
    charset: &'a [u8],
    base64: bool,
    text: &'a [u8],
    /// Length of the whole word in the value.
    pub(crate) length: usize,
}

impl<'a> Word<'a> {
    /// The word at the start of these bytes, if there is one.
    pub(crate) fn at_start(bytes: &'a [u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"=?")?;
        let charset_end = memchr(b'?', rest)?;
        let charset = &rest[..charset_end];
        if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let [encoding, b'?', text @ ..] = &rest[charset_end + 1..] else { return None };
        let base64 = match encoding {
            b'B' | b'b' => true,
            b'Q' | b'q' => false,
            _ => return None,
        };
        let text_end = memchr(b'?', text)?;
        if text.get(text_end + 1) != Some(&b'=') {
            return None;
        }
        // RFC 2231 section 5: a language may follow the charset after an asterisk.
        let charset = charset.split(|&byte| byte == b'*').next().unwrap_or_default();
        // Two marks of two bytes, the charset, the encoding letter between two question marks, the text.
        Some(Self { charset, base64, text: &text[..text_end], length: 2 + charset_end + 3 + text_end + 2 })
    }

    fn decode_into(&self, bytes: &mut Vec<u8>) {
        if self.base64 {
            bytes.extend_from_slice(&decode_base64(self.text));
        } else {
            decode_q(self.text, bytes);
        }
    }
}

/// The Q encoding of RFC 2047 section 4.2.
fn decode_q(text: &[u8], bytes: &mut Vec<u8>) {
    let mut position = 0;
    while let Some(&byte) = text.get(position) {
        position += 1;
        match byte {
            b'_' => bytes.push(b' '),
            b'=' => match hex_pair(&text[position..]) {
                Some(decoded) => {
                    bytes.push(decoded);
                    position += 2;
                }
                None => bytes.push(b'='),
            },
            _ => bytes.push(byte),
        }
    }
}

/// A header value as text: encoded words decoded, other bytes taken for UTF-8 or windows-1252.
pub(crate) fn decode_words(value: &[u8]) -> String {
    let finder = memmem::Finder::new(b"=?");
    let mut text = String::with_capacity(value.len());
    let mut run = Run::default();
    let (mut literal_start, mut position) = (0, 0);
    while let Some(found) = finder.find(&value[position..]) {
        position += found;
        let Some(word) = Word::at_start(&value[position..]) else {
            position += 2;
            continue;
        };
        let between = &value[literal_start..position];
        // White space between two words is not shown (RFC 2047 section 6.2).
        if !run.open || !between.trim_ascii().is_empty() {
            run.flush(&mut text);
            text.push_str(&decode_unlabelled(between));
        }
        run.add(&word, &mut text);
        position += word.length;
        literal_start = position;
    }
    run.flush(&mut text);
    text.push_str(&decode_unlabelled(&value[literal_start..]));
    text
}

/// Neighbouring words of one charset, decoded together.
#[derive(Default)]
struct Run<'a> {
    open: bool,
    charset: &'a [u8],
    bytes: Vec<u8>,
}

impl<'a> Run<'a> {
    fn add(&mut self, word: &Word<'a>, text: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.flush(text);
            self.charset = word.charset;
        }
        self.open = true;
        word.decode_into(&mut self.bytes);
    }

    fn flush(&mut self, text: &mut String) {
        if !self.bytes.is_empty() {
            text.push_str(&decode_charset(Some(self.charset), &self.bytes));
            self.bytes.clear();
        }
        self.open = false;
    }
}
