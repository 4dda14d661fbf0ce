//! Message identifiers for threading.
//!
//! RFC 5322 section 3.6.4; RFC 5256 section 3 asks that quoting be undone, so that two ways to write one
//! identifier compare equal. Identifiers are kept without their angle brackets, as RFC 8621 section 4.1.2.3 has them.

use crate::charset::{clean_line, cut_text, decode_unlabelled};

/// Longest identifier kept: the longest line (RFC 5322 section 2.1.1).
const ID_BYTES_MAX: usize = 998;
/// Most identifiers kept of one References field; the nearest ancestors stand last.
const IDS_MAX: usize = 1000;

/// The identifiers in an unfolded value, at most the last [`IDS_MAX`].
pub(crate) fn message_ids(value: &[u8]) -> Vec<String> {
    let mut ids: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    let mut current: Option<Vec<u8>> = None;
    let mut quoted = false;
    let mut bytes = value.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, &mut current) {
            (b'<', _) if !quoted => current = Some(Vec::new()),
            (_, None) => {}
            (b'>', Some(id)) if !quoted => {
                ids.extend(finish_id(id));
                current = None;
                if ids.len() > IDS_MAX {
                    ids.pop_front();
                }
            }
            (b'"', _) => quoted = !quoted,
            (b'\\', Some(id)) if quoted => id.extend(bytes.next()),
            (byte, Some(id)) if !byte.is_ascii_whitespace() => id.push(byte),
            _ => {}
        }
    }
    ids.into()
}

/// The identifier of a Message-ID field; one word without brackets is taken as it stands.
pub(crate) fn message_id(value: &[u8]) -> Option<String> {
    let is_word = || value.iter().all(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'<' | b'>'));
    message_ids(value).into_iter().next().or_else(|| if is_word() { finish_id(value) } else { None })
}

fn finish_id(id: &[u8]) -> Option<String> {
    let mut text = clean_line(decode_unlabelled(id));
    cut_text(&mut text, ID_BYTES_MAX);
    (!text.is_empty()).then_some(text)
}
