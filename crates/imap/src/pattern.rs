//! Patterns of LIST and LSUB (RFC 9051 section 6.3.9): `*` stands for anything, `%` for
//! anything within one level.
//!
//! The cost is the pattern's length times the name's, whatever the wildcards: a set of
//! places in the name is carried along the pattern, and nothing is ever tried twice.

use crate::names::DELIMITER;
use postern_types::MailboxName;

/// One pattern, with its reference in front.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    /// Bytes that are no wildcard: a shorter name can not match.
    literal_bytes: usize,
}

impl Pattern {
    /// The pattern as it counts: it begins where the reference ends. Runs of wildcards are
    /// one wildcard, and INBOX has one spelling.
    pub(crate) fn new(reference: &str, pattern: &str) -> Self {
        let mut text = String::with_capacity(reference.len() + pattern.len());
        for c in reference.chars().chain(pattern.chars()) {
            let last = text.chars().next_back();
            match (last, c) {
                (Some('*'), '*' | '%') | (Some('%'), '%') => {}
                (Some('%'), '*') => {
                    text.pop();
                    text.push('*');
                }
                _ => text.push(c),
            }
        }
        let inbox = MailboxName::INBOX.len();
        let begins = text.get(..inbox).is_some_and(|start| start.eq_ignore_ascii_case(MailboxName::INBOX));
        if begins && matches!(text.as_bytes().get(inbox), None | Some(b'/')) {
            text.replace_range(..inbox, MailboxName::INBOX);
        }
        let literal_bytes = text.bytes().filter(|byte| !matches!(byte, b'*' | b'%')).count();
        Self { text, literal_bytes }
    }

    /// Does `%` stand in it?
    pub(crate) fn has_level_wildcard(&self) -> bool {
        self.text.contains('%')
    }

    /// Is this name meant? INBOX is compared without regard to case (RFC 9051 section 5.1).
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.literal_bytes > name.len() {
            return false;
        }
        self.compare(name.as_bytes(), name == MailboxName::INBOX)
    }

    fn compare(&self, name: &[u8], any_case: bool) -> bool {
        // reached[i]: the pattern so far can end before name[i].
        let mut reached = vec![false; name.len() + 1];
        reached[0] = true;
        for wanted in self.text.bytes() {
            match wanted {
                b'*' | b'%' => {
                    for at in 1..=name.len() {
                        let passes = wanted == b'*' || name[at - 1] != DELIMITER as u8;
                        reached[at] |= passes && reached[at - 1];
                    }
                }
                _ => {
                    for at in (1..=name.len()).rev() {
                        let found = name[at - 1];
                        let same = found == wanted || (any_case && found.eq_ignore_ascii_case(&wanted));
                        reached[at] = same && reached[at - 1];
                    }
                    reached[0] = false;
                }
            }
        }
        reached[name.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::new("", pattern).matches(name)
    }

    /// RFC 9051 section 6.3.9: `*` crosses levels, `%` does not.
    #[test]
    fn a_star_crosses_levels_and_a_percent_does_not() {
        assert!(matches("*", "a/b/c") && matches("%", "a") && !matches("%", "a/b"));
        assert!(matches("a/%", "a/b") && !matches("a/%", "a/b/c") && !matches("a/%", "a"));
        assert!(matches("a/*", "a/b/c") && matches("a*", "a") && matches("%/%", "a/b"));
        assert!(matches("%b*d", "ab/c/d") && !matches("%c", "a/c") && matches("*c", "a/c"));
        assert!(matches("a%c*e", "abc/d/e") && !matches("a%c", "a/c") && matches("*%", "a/b"));
        assert!(!matches("", "a") && matches("", ""));
    }

    #[test]
    fn the_reference_stands_in_front() {
        assert!(Pattern::new("Shared/", "%").matches("Shared/support@example.org"));
        assert!(!Pattern::new("Shared/", "%").matches("Sent"));
    }

    /// RFC 9051 section 5.1: INBOX has no case, other names do.
    #[test]
    fn inbox_is_found_in_any_case() {
        assert!(matches("inbox", "INBOX") && matches("inb*", "INBOX") && matches("InBox/%", "INBOX/Old"));
        assert!(!matches("sent", "Sent") && !matches("inboxes", "INBOX"));
    }

    /// The same answers as trying every way, on all short names and patterns.
    #[test]
    fn carried_places_agree_with_trying_every_way() {
        fn slow(pattern: &[u8], name: &[u8]) -> bool {
            match pattern.split_first() {
                None => name.is_empty(),
                Some((b'*', rest)) => (0..=name.len()).any(|taken| slow(rest, &name[taken..])),
                Some((b'%', rest)) => (0..=name.len())
                    .take_while(|taken| !name[..*taken].contains(&b'/'))
                    .any(|taken| slow(rest, &name[taken..])),
                Some((byte, rest)) => name.first() == Some(byte) && slow(rest, &name[1..]),
            }
        }
        let words = |alphabet: &[u8], longest: usize| {
            let mut words = vec![Vec::new()];
            let mut last = words.clone();
            for _ in 0..longest {
                last = last
                    .iter()
                    .flat_map(|word| alphabet.iter().map(move |byte| [word.as_slice(), &[*byte]].concat()))
                    .collect();
                words.extend(last.clone());
            }
            words
        };
        for pattern in words(b"a/*%", 4) {
            for name in words(b"ab/", 4) {
                let (pattern, name) = (String::from_utf8_lossy(&pattern), String::from_utf8_lossy(&name));
                assert_eq!(matches(&pattern, &name), slow(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
            }
        }
    }
}
