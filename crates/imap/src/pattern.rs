//! Patterns of LIST and LSUB (RFC 9051 section 6.3.9): `*` stands for anything, `%` for
//! anything within one level.
//!
//! A name is walked once, whatever the wildcards: the places in the pattern at which it may be
//! are bits, and a step moves 64 of them at a time.

use crate::names::DELIMITER;
use postern_types::MailboxName;

/// Bytes of all patterns of one command, each with its reference, at most: every byte is compared
/// with every name.
const BYTES: usize = 8 << 10;
/// Bits of a word.
const BITS: usize = u64::BITS as usize;

/// Are the patterns of one command short enough together?
pub(crate) fn fit<'a>(reference: &str, patterns: impl IntoIterator<Item = &'a str>) -> bool {
    patterns.into_iter().map(|pattern| reference.len() + pattern.len()).sum::<usize>() <= BYTES
}

/// One pattern, with its reference in front. Place `n` is in front of its byte `n`, the last place
/// behind all of them.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// Bytes that are no wildcard: a shorter name can not match.
    literal_bytes: usize,
    last: usize,
    /// For each byte, the places in front of it: 256 times as many words as there are.
    wanted: Vec<u64>,
    stars: Vec<u64>,
    percents: Vec<u64>,
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
        Self::compile(text.as_bytes())
    }

    fn compile(text: &[u8]) -> Self {
        let words = text.len() / BITS + 1;
        let (mut wanted, mut stars, mut percents) = (vec![0; 256 * words], vec![0; words], vec![0; words]);
        for (place, byte) in text.iter().enumerate() {
            let (word, bit) = (place / BITS, 1 << (place % BITS));
            match byte {
                b'*' => stars[word] |= bit,
                b'%' => percents[word] |= bit,
                _ => wanted[usize::from(*byte) * words + word] |= bit,
            }
        }
        let literal_bytes = text.iter().filter(|byte| !matches!(byte, b'*' | b'%')).count();
        Self { literal_bytes, last: text.len(), wanted, stars, percents }
    }

    /// Is this name meant? INBOX is compared without regard to case (RFC 9051 section 5.1).
    pub(crate) fn matches(&self, name: &str) -> bool {
        if self.literal_bytes > name.len() {
            return false;
        }
        let any_case = name == MailboxName::INBOX;
        let mut walk = Walk::new(self);
        name.bytes().all(|byte| walk.step(byte, any_case)) && walk.is_at_end()
    }

    /// The nearest level above this name that is meant, where `%` stands in the pattern.
    pub(crate) fn level_above<'n>(&self, name: &'n str) -> Option<&'n str> {
        if self.percents.iter().all(|word| *word == 0) {
            return None;
        }
        let mut found = None;
        let mut walk = Walk::new(self);
        for (at, byte) in name.bytes().enumerate() {
            if byte == DELIMITER as u8 && walk.is_at_end() {
                found = Some(&name[..at]);
            }
            if !walk.step(byte, false) {
                break;
            }
        }
        let inbox = || name.split_once(DELIMITER).map(|(first, _)| first).filter(|first| *first == MailboxName::INBOX);
        found.or_else(|| inbox().filter(|inbox| self.matches(inbox)))
    }
}

/// A walk along a name: the places in the pattern at which it may be.
struct Walk<'a> {
    pattern: &'a Pattern,
    places: Vec<u64>,
}

impl<'a> Walk<'a> {
    fn new(pattern: &'a Pattern) -> Self {
        let mut places = vec![0; pattern.stars.len()];
        places[0] = 1;
        let mut walk = Self { pattern, places };
        walk.pass_wildcards();
        walk
    }

    fn is_at_end(&self) -> bool {
        let last = self.pattern.last;
        self.places[last / BITS] >> (last % BITS) & 1 == 1
    }

    /// Past one byte of the name; `false` when it can not be what the pattern says.
    fn step(&mut self, byte: u8, any_case: bool) -> bool {
        let pattern = self.pattern;
        let words = self.places.len();
        let wanted = |byte: u8, word: usize| pattern.wanted[usize::from(byte) * words + word];
        let within_level = byte != DELIMITER as u8;
        let mut carried = 0;
        for word in 0..words {
            let here = self.places[word];
            let mut fits = wanted(byte, word);
            if any_case {
                fits |= wanted(byte.to_ascii_lowercase(), word) | wanted(byte.to_ascii_uppercase(), word);
            }
            let stays = pattern.stars[word] | if within_level { pattern.percents[word] } else { 0 };
            self.places[word] = (here & fits) << 1 | carried | here & stays;
            carried = (here & fits) >> (BITS - 1);
        }
        self.pass_wildcards();
        self.places.iter().any(|word| *word != 0)
    }

    /// A wildcard may stand for nothing. There are no two side by side.
    fn pass_wildcards(&mut self) {
        let mut carried = 0;
        for word in 0..self.places.len() {
            let at_wildcard = self.places[word] & (self.pattern.stars[word] | self.pattern.percents[word]);
            self.places[word] |= at_wildcard << 1 | carried;
            carried = at_wildcard >> (BITS - 1);
        }
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

    /// Places are kept in words; a pattern may take many of them.
    #[test]
    fn long_patterns_are_matched_across_words() {
        for length in [62, 63, 64, 65, 127, 128, 129, 1300] {
            let name = "a".repeat(length);
            assert!(matches(&name, &name) && !matches(&name, &format!("{name}a")), "{length}");
            assert!(matches(&"*a".repeat(length), &name) && matches(&format!("{name}*"), &name), "{length}");
            assert!(!matches(&"*a".repeat(length), &name[1..]) && !matches(&format!("{name}%b"), &name), "{length}");
            let deep = format!("{name}/{name}");
            assert!(matches(&format!("{name}/%"), &deep) && !matches(&format!("{}%", &name[1..]), &deep), "{length}");
            assert_eq!(Pattern::new("", &format!("{name}%")).level_above(&deep), Some(name.as_str()), "{length}");
        }
    }

    #[test]
    fn the_level_above_is_the_nearest_one() {
        let above = |pattern: &str, name| Pattern::new("", pattern).level_above(name).map(str::to_owned);
        assert_eq!(above("%", "a/b/c").as_deref(), Some("a"));
        assert_eq!(above("%/%", "a/b/c").as_deref(), Some("a/b"));
        assert_eq!(above("*%", "a/b/c").as_deref(), None, "`*%` is `*`");
        assert_eq!(above("a*b%", "a/b/c").as_deref(), Some("a/b"));
        assert_eq!(above("inb%", "INBOX/Old").as_deref(), Some("INBOX"));
        assert_eq!((above("%", "a"), above("a", "a/b")), (None, None));
    }

    #[test]
    fn all_patterns_together_have_a_bound() {
        assert!(fit("", [&*"*a".repeat(2000), &*"%b".repeat(2000)]));
        assert!(!fit("Shared/", ["%"; 1025]) && !fit("", [&*"*a".repeat(5000)]));
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
