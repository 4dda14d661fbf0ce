//! Header fields and texts as the house writes them.
//!
//! RFC 5322 sections 2.1.1 (lines of 78 octets where that can be, never over 998) and 2.2.3 (folds), RFC 2047
//! (encoded words). Whatever the values hold, a field is one field: control
//! characters, which could end a line, are dropped before anything is written, and an address stays one address.

mod body;

use postern_types::Timestamp;

pub(crate) use body::{TextBody, quoted_printable, wrap};

use crate::date::write_date;

/// Longest line that is written where its words allow it (RFC 5322 section 2.1.1).
const LINE_BYTES: usize = 78;
/// Longest encoded word (RFC 2047 section 2); a line that holds one has at most one byte more.
const ENCODED_WORD_BYTES: usize = 75;
/// Longest word that is written as it stands: it fits a line of 998 octets, and nothing shorter must be cut.
const WORD_BYTES_MAX: usize = 900;
/// Longest local part or domain that is written.
const PART_BYTES_MAX: usize = 255;
/// Longest name that is written in quotes; a quoted string can not be folded without a change for some readers.
const QUOTED_BYTES_MAX: usize = 64;

/// A field while it is written: pieces that begin with a space, each on a new line where it would not fit.
struct FieldWriter<'a> {
    out: &'a mut Vec<u8>,
    column: usize,
    empty: bool,
}

impl<'a> FieldWriter<'a> {
    fn begin(out: &'a mut Vec<u8>, name: &str) -> Self {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        Self { out, column: name.len() + 1, empty: true }
    }

    /// A piece that begins with a space and holds no line end.
    fn piece(&mut self, piece: &str) {
        if !self.empty && self.column + piece.len() > LINE_BYTES {
            self.out.extend_from_slice(b"\r\n");
            self.column = 0;
        }
        self.empty = false;
        self.out.extend_from_slice(piece.as_bytes());
        self.column += piece.len();
    }

    /// A text as encoded words in UTF-8, each of whole characters (RFC 2047 section 5).
    fn encoded(&mut self, text: &str) {
        const OPEN: &str = " =?utf-8?Q?";
        const CLOSE: &str = "?=";
        let mut word = String::new();
        let mut room = ENCODED_WORD_BYTES.saturating_sub(self.column);
        for character in text.chars() {
            let written = q_encoded(character);
            if OPEN.len() + word.len() + written.len() + CLOSE.len() > room.max(ENCODED_WORD_BYTES / 2) {
                self.piece(&format!("{OPEN}{word}{CLOSE}"));
                word.clear();
                room = ENCODED_WORD_BYTES;
            }
            word.push_str(&written);
        }
        if !word.is_empty() {
            self.piece(&format!("{OPEN}{word}{CLOSE}"));
        }
    }

    fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// One character in the Q encoding that may stand in a phrase too (RFC 2047 section 5, rule 3).
fn q_encoded(character: char) -> String {
    if character == ' ' {
        return "_".to_owned();
    }
    if character.is_ascii_alphanumeric() || matches!(character, '!' | '*' | '+' | '-' | '/') {
        return character.to_string();
    }
    character.encode_utf8(&mut [0; 4]).bytes().map(|byte| format!("={byte:02X}")).collect()
}

/// A text without the characters that could end a line for any reader.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|&character| !ends_line(character)).collect()
}

fn ends_line(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

/// Whether a text must be written in encoded words: it holds other characters than ASCII has, something that would
/// be read as an encoded word, or a word that no line can hold.
fn needs_encoding(text: &str) -> bool {
    !text.is_ascii() || text.contains("=?") || pieces(text).any(|piece| piece.len() > WORD_BYTES_MAX)
}

/// The words of a text, each with the spaces before it; there is nothing else in it, so folding before a piece leaves
/// the text as it is (RFC 5322 section 2.2.3).
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_end_matches(' ');
    std::iter::from_fn(move || {
        let word = rest.find(|character| character != ' ')?;
        let end = rest[word..].find(' ').map_or(rest.len(), |length| word + length);
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// A field whose value is free text (RFC 5322 section 2.2.1).
pub(crate) fn write_text_field(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = format!(" {}", one_line(value).trim());
    let mut field = FieldWriter::begin(out, name);
    if needs_encoding(&value) {
        field.encoded(value.trim());
    } else {
        pieces(&value).for_each(|piece| field.piece(piece));
    }
    field.end();
}

/// A field of a delivery report. There encoded words have no place: a word that no line can hold is cut, and other
/// characters than ASCII has stay (RFC 6533 section 3).
pub(crate) fn write_plain_field(out: &mut Vec<u8>, name: &str, value: &str) {
    let value = format!(" {}", one_line(value).trim());
    let mut field = FieldWriter::begin(out, name);
    for piece in pieces(&value) {
        field.piece(&piece[..piece.floor_char_boundary(WORD_BYTES_MAX)]);
    }
    field.end();
}

/// A field of addresses without names (RFC 5322 section 3.6.3).
pub(crate) fn write_addresses_field(out: &mut Vec<u8>, name: &str, addresses: &[&str]) {
    let mut field = FieldWriter::begin(out, name);
    for (index, address) in addresses.iter().enumerate() {
        let comma = if index + 1 < addresses.len() { "," } else { "" };
        field.piece(&format!(" {}{comma}", clean_address(address)));
    }
    field.end();
}

/// A field that holds one mailbox (RFC 5322 section 3.4). An empty name is none.
pub(crate) fn write_mailbox_field(out: &mut Vec<u8>, name: &str, display_name: &str, address: &str) {
    let display_name = one_line(display_name);
    let display_name = display_name.trim();
    let address = clean_address(address);
    let mut field = FieldWriter::begin(out, name);
    if display_name.is_empty() {
        field.piece(&format!(" {address}"));
    } else {
        write_phrase(&mut field, display_name);
        field.piece(&format!(" <{address}>"));
    }
    field.end();
}

/// A display name: words where they are plain, a quoted string where not, encoded words where it must be.
fn write_phrase(field: &mut FieldWriter<'_>, text: &str) {
    if needs_encoding(text) || text.len() > QUOTED_BYTES_MAX {
        field.encoded(text);
    } else if text.split(' ').all(|word| !word.is_empty() && word.chars().all(is_atom_character)) {
        field.piece(&format!(" {text}"));
    } else {
        field.piece(&format!(" {}", quoted(text)));
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

/// `atext` (RFC 5322 section 3.2.3, RFC 6532 section 3.2).
pub(crate) fn is_atom_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(character)
        || (!character.is_ascii() && !ends_line(character))
}

/// `dot-atom-text` (RFC 5322 section 3.2.3).
pub(crate) fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character))
}

/// An address that stays one address wherever it is put: a local part that needs quotes has them, and a domain has
/// no character that could end it. Angle brackets are dropped: in quotes they are allowed, and misread by many.
pub(crate) fn clean_address(address: &str) -> String {
    let address = one_line(address).replace(['<', '>'], "");
    let (local, domain) = address.trim().rsplit_once('@').unwrap_or((address.trim(), ""));
    // No address is as long as that (RFC 5321 section 4.5.3.1), and a longer one would not fit a line.
    let local = &local[..local.floor_char_boundary(PART_BYTES_MAX)];
    let domain = &domain[..domain.floor_char_boundary(PART_BYTES_MAX)];
    let is_quoted = local.len() > 1 && quoted_length(local) == Some(local.len());
    let local = if is_quoted || is_dot_atom(local) { local.to_owned() } else { quoted(local) };
    let fits = |character: &char| {
        character.is_ascii_alphanumeric()
            || ".-_:[]".contains(*character)
            || (!character.is_ascii() && !character.is_whitespace())
    };
    let domain: String = domain.chars().filter(fits).collect();
    if domain.is_empty() { local } else { format!("{local}@{domain}") }
}

/// How long the quoted string is that a text begins with.
pub(crate) fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.strip_prefix('"')?.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(end + 2)
}

/// A field of message identifiers (RFC 5322 section 3.6.4), given with or without their angle brackets. Those
/// that hold nothing that can be written are left out, and the field with the last of them.
pub(crate) fn write_ids_field<'a>(out: &mut Vec<u8>, name: &str, ids: impl IntoIterator<Item = &'a str>) {
    let mut ids = ids.into_iter().filter_map(clean_id).peekable();
    if ids.peek().is_none() {
        return;
    }
    let mut field = FieldWriter::begin(out, name);
    ids.for_each(|id| field.piece(&format!(" <{id}>")));
    field.end();
}

fn clean_id(id: &str) -> Option<String> {
    let fits = |character: &char| character.is_ascii_graphic() && !matches!(character, '<' | '>');
    let id: String = id.chars().filter(fits).take(WORD_BYTES_MAX).collect();
    (!id.is_empty()).then_some(id)
}

/// The Date field (RFC 5322 section 3.6.1).
pub(crate) fn write_date_field(out: &mut Vec<u8>, at: Timestamp) {
    out.extend_from_slice(format!("Date: {}\r\n", write_date(at)).as_bytes());
}
