//! Patterns of LIST against names: what is matched 64 places at a time is what a plain matcher says, and a level above a
//! name is the nearest one that is meant (RFC 9051 section 6.3.9).
//!
//! Lines: reference, pattern, names.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_imap::fuzzing::{level_above, pattern_matches};

/// The whole pattern, INBOX in its one spelling.
fn whole(reference: &str, pattern: &str) -> Vec<u8> {
    let mut text = [reference, pattern].concat().into_bytes();
    if text.len() >= 5 && text[..5].eq_ignore_ascii_case(b"INBOX") && matches!(text.get(5), None | Some(b'/')) {
        text[..5].copy_from_slice(b"INBOX");
    }
    text
}

/// Row by row: after each byte of the pattern, the places in the name that may have been reached.
fn matches(pattern: &[u8], name: &[u8], any_case: bool) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match wanted {
                b'*' => reached[at] || at > 0 && next[at - 1],
                b'%' => reached[at] || at > 0 && next[at - 1] && name[at - 1] != b'/',
                wanted => {
                    let fits = |byte: u8| byte == *wanted || any_case && byte.eq_ignore_ascii_case(wanted);
                    at > 0 && reached[at - 1] && fits(name[at - 1])
                }
            };
        }
        reached = next;
    }
    reached[name.len()]
}

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.split('\n');
    let (reference, pattern) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let plain = whole(reference, pattern);
    for name in lines.take(4) {
        let expected = matches(&plain, name.as_bytes(), name == "INBOX");
        assert_eq!(pattern_matches(reference, pattern, name), expected, "{reference:?} {pattern:?} {name:?}");
        if let Some(level) = level_above(reference, pattern, name) {
            assert!(name.strip_prefix(level).is_some_and(|rest| rest.starts_with('/')), "{level:?} of {name:?}");
            assert!(pattern_matches(reference, pattern, level), "{reference:?} {pattern:?} {level:?}");
        }
    }
});
