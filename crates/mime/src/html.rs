//! HTML to plain text, for previews and search.
//!
//! Not a renderer: tags go, blocks begin lines, references are decoded, scripts and styles are left out. One
//! pass over any input; a tag, comment or script that never ends swallows the rest, as it does in a browser.

use memchr::memmem;

use crate::charset::push_character_reference;

/// Elements whose content is not text.
const SILENT: [&str; 5] = ["script", "style", "template", "title", "noscript"];
/// Elements that begin a line.
const BLOCKS: [&str; 27] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "thead",
    "tr",
    "ul",
];
/// Longest character reference, with `&` and `;`.
const REFERENCE_BYTES_MAX: usize = 33;

/// The text of an HTML document or fragment.
pub(crate) fn html_to_text(html: &str) -> String {
    let mut text = Text { out: String::with_capacity(html.len() / 2), pending: None };
    let mut rest = html;
    while let Some(found) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        text.push_str(&rest[..found]);
        rest = &rest[found..];
        rest = if rest.starts_with('<') { markup(rest, &mut text) } else { reference(rest, &mut text) };
    }
    text.push_str(rest);
    text.out
}

/// Text with white space collapsed.
struct Text {
    out: String,
    pending: Option<char>,
}

impl Text {
    fn push(&mut self, character: char) {
        if character.is_whitespace() {
            self.pending = self.pending.or(Some(' '));
            return;
        }
        if let Some(space) = self.pending.take()
            && !self.out.is_empty()
        {
            self.out.push(space);
        }
        self.out.push(character);
    }

    fn push_str(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }
}

/// Reads what a `<` begins; gives what follows.
fn markup<'a>(rest: &'a str, text: &mut Text) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        return memmem::find(comment.as_bytes(), b"-->").map_or("", |end| &comment[end + 3..]);
    }
    let closing = rest[1..].starts_with('/');
    let name_start = 1 + usize::from(closing);
    let name_length = rest[name_start..].bytes().take_while(u8::is_ascii_alphanumeric).count();
    let name = &rest[name_start..name_start + name_length];
    if name.is_empty() && !rest[name_start..].starts_with(['!', '?']) {
        text.push('<');
        return &rest[1..];
    }
    let after = &rest[tag_length(rest)..];
    if BLOCKS.iter().any(|block| block.eq_ignore_ascii_case(name)) {
        text.pending = Some('\n');
    } else if ["td", "th"].iter().any(|cell| cell.eq_ignore_ascii_case(name)) {
        text.pending = text.pending.or(Some(' '));
    }
    match SILENT.iter().find(|silent| silent.eq_ignore_ascii_case(name)) {
        Some(silent) if !closing => skip_silent(after, silent),
        _ => after,
    }
}

/// Length of a tag, quoted attribute values included.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    for (index, byte) in tag.bytes().enumerate() {
        match (byte, quote) {
            (b'>', None) => return index + 1,
            (b'"' | b'\'', None) if tag.as_bytes()[index - 1] == b'=' => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            _ => {}
        }
    }
    tag.len()
}

/// What follows the end tag of an element whose content is not text.
fn skip_silent<'a>(content: &'a str, name: &str) -> &'a str {
    let bytes = content.as_bytes();
    for start in memchr::memchr_iter(b'<', bytes) {
        let end_name = bytes.get(start + 2..start + 2 + name.len()).unwrap_or_default();
        if bytes.get(start + 1) == Some(&b'/') && end_name.eq_ignore_ascii_case(name.as_bytes()) {
            return &content[start + tag_length(&content[start..])..];
        }
    }
    ""
}

/// Reads a character reference; an `&` that begins none stands for itself.
fn reference<'a>(rest: &'a str, text: &mut Text) -> &'a str {
    let window = &rest.as_bytes()[..rest.len().min(REFERENCE_BYTES_MAX)];
    let is_inner = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'#';
    match memchr::memchr(b';', window) {
        Some(end) if end > 1 && window[1..end].iter().all(is_inner) => {
            let mut decoded = String::new();
            push_character_reference(&mut decoded, &rest[..=end]);
            text.push_str(&decoded);
            &rest[end + 1..]
        }
        _ => {
            text.push('&');
            &rest[1..]
        }
    }
}
