//! The words of a message: its preview, and the text that SEARCH looks through.
//!
//! RFC 8970 (preview), RFC 9051 section 6.4.4 (SEARCH BODY and TEXT: decoded, and only parts of type text and
//! message need be looked at). Stored as text by both engines, so NUL never appears.

use postern_types::Limits;

use crate::charset::decode_charset;
use crate::header::{Field, decoded_value};
use crate::html::html_to_text;
use crate::tree::{Entity, PartKind, Tree};

/// Length of a preview (RFC 8970 section 3.3: should be 200, must not pass 256).
const PREVIEW_CHARACTERS: usize = 200;
/// Raw bytes of a plain part that are read for a preview.
const PREVIEW_PLAIN_BYTES: usize = 16 << 10;
/// Raw bytes of an HTML part that are read for a preview: pages begin with styles.
const PREVIEW_HTML_BYTES: usize = 256 << 10;
/// Text parts that are tried until one gives a preview.
const PREVIEW_PARTS: usize = 8;

/// The text of a message that SEARCH looks through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchText {
    /// Header fields of the message and MIME fields of its parts, one a line (SEARCH TEXT).
    pub headers: String,
    /// Text parts, and the header fields of messages that are parts (SEARCH BODY and TEXT).
    pub body: String,
}

/// Decodes a message for SEARCH. Pure and linear, and independent of [`crate::parse`]: an index can be built later.
pub fn search_text(bytes: &[u8], limits: &Limits) -> SearchText {
    let tree = Tree::of(bytes, limits);
    let mut found = SearchText::default();
    for (index, entity) in tree.entities.iter().enumerate() {
        let in_message = entity.parent.is_some_and(|parent| tree.entities[parent].kind == PartKind::Message);
        let headers = if in_message { &mut found.body } else { &mut found.headers };
        tree.fields(bytes, index).for_each(|field| append_field(headers, &field));
        if let Some(file_name) = entity.content.file_name() {
            headers.push_str(&file_name);
            headers.push('\n');
        }
        if entity.kind == PartKind::Leaf && (entity.content.is("TEXT") || entity.content.is("MESSAGE")) {
            found.body.push_str(&without_nul(part_text(entity, &bytes[entity.body()])));
            found.body.push('\n');
        }
    }
    found
}

fn append_field(text: &mut String, field: &Field<'_>) {
    text.extend(field.name.iter().map(|&byte| char::from(byte)));
    text.push_str(": ");
    text.push_str(&decoded_value(field.value));
    text.push('\n');
}

/// The text of a part of type text: transfer encoding and charset undone, HTML stripped.
fn part_text(entity: &Entity, body: &[u8]) -> String {
    let decoded = entity.content.encoding.decode(body).unwrap_or(body.into());
    let text = decode_charset(entity.content.parameters.raw("CHARSET"), &decoded);
    if is_html(entity) { html_to_text(&text) } else { text }
}

fn is_html(entity: &Entity) -> bool {
    entity.content.is("TEXT") && entity.content.subtype == b"HTML"
}

fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// The beginning of the first text that has any, in one line.
pub(crate) fn preview(bytes: &[u8], tree: &Tree) -> String {
    let is_text = |entity: &&Entity| {
        entity.kind == PartKind::Leaf
            && entity.content.is("TEXT")
            && (entity.content.subtype == b"PLAIN" || is_html(entity))
            && !entity.content.is_disposed("attachment")
    };
    tree.entities
        .iter()
        .filter(is_text)
        .take(PREVIEW_PARTS)
        .map(|entity| {
            let bytes_max = if is_html(entity) { PREVIEW_HTML_BYTES } else { PREVIEW_PLAIN_BYTES };
            let body = entity.body();
            condense(&part_text(entity, &bytes[body.start..body.end.min(body.start + bytes_max)]))
        })
        .find(|preview| !preview.is_empty())
        .unwrap_or_default()
}

/// White space and control characters collapsed to single spaces, invisible filling dropped, cut to length.
fn condense(text: &str) -> String {
    let mut preview = String::new();
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            gap = true;
        } else if !is_filling(character) {
            let needed = 1 + usize::from(gap && length > 0);
            if length + needed > PREVIEW_CHARACTERS {
                break;
            }
            if needed == 2 {
                preview.push(' ');
            }
            preview.push(character);
            length += needed;
            gap = false;
        }
    }
    preview
}

/// Characters that bulk mail puts between its teaser and its text, to keep previews short.
fn is_filling(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
    )
}
