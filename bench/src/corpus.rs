//! The mail that is delivered: written here, the same for the same seed.
//!
//! The sizes of "real" follow a large shelf of people's mail: median 11.9 KB, mean about 46 KB,
//! 1 in 100 over 0.4 MB, none over 5 MB. They are taken at even steps of that distribution and
//! then shuffled, so that each round has the same sum of bytes and the heavy tail adds no noise.

mod compose;
mod encode;
mod outgoing;
mod words;

use std::sync::Arc;

use crate::random::Random;
use compose::Composer;
pub use encode::base64;
pub use outgoing::{campaign, notes};

/// What kind of mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sizes and forms as people have them.
    Real,
    /// About 2 KB each: a note, a receipt.
    Small,
}

impl Kind {
    /// In words, for tables.
    pub fn described(self) -> &'static str {
        match self {
            Self::Real => "mails of real sizes (median 12 KB, mean 46 KB, up to 5 MB)",
            Self::Small => "small mails (about 2 KB)",
        }
    }
}

/// One mail, ready for the wire.
pub struct Mail {
    /// With dots doubled at line starts and the end of data behind it (RFC 5321 section 4.5.2).
    pub wire: Arc<Vec<u8>>,
    /// Its own bytes.
    pub size: u64,
}

/// The mails of one round.
pub struct Corpus {
    /// In the order of sending.
    pub mails: Vec<Mail>,
}

impl Corpus {
    /// `count` mails; another seed gives other words and attachments with the same sizes.
    pub fn write(kind: Kind, count: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut sizes: Vec<usize> = (0..count).map(|number| size(kind, (number as f64 + 0.5) / count as f64)).collect();
        random.shuffle(&mut sizes);
        let mut composer = Composer::new(random);
        let mails = sizes.into_iter().map(|size| Mail::of(&composer.mail(size))).collect();
        Self { mails }
    }

    /// Bytes of all mails.
    pub fn bytes(&self) -> u64 {
        self.mails.iter().map(|mail| mail.size).sum()
    }
}

impl Mail {
    fn of(message: &[u8]) -> Self {
        Self { size: message.len() as u64, wire: Arc::new(stuffed(message)) }
    }
}

/// Share of mails that are smaller, and the size in bytes; sizes between grow evenly by factor.
const REAL: [(f64, f64); 7] = [
    (0.0, 900.0),
    (0.25, 5_000.0),
    (0.5, 11_900.0),
    (0.75, 26_000.0),
    (0.9, 55_000.0),
    (0.99, 400_000.0),
    (1.0, 5_000_000.0),
];
const SMALL: [(f64, f64); 2] = [(0.0, 1_500.0), (1.0, 2_700.0)];

fn size(kind: Kind, share: f64) -> usize {
    let steps: &[(f64, f64)] = match kind {
        Kind::Real => &REAL,
        Kind::Small => &SMALL,
    };
    let upper = steps.iter().position(|(end, _)| share <= *end).unwrap_or(steps.len() - 1).max(1);
    let ((from, smaller), (to, larger)) = (steps[upper - 1], steps[upper]);
    let way = (share - from) / (to - from);
    (smaller * (larger / smaller).powf(way)).round() as usize
}

/// The message itself, where it does not go by SMTP.
pub fn unstuffed(wire: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(wire.len());
    for line in wire.strip_suffix(b".\r\n").unwrap_or(wire).split_inclusive(|byte| *byte == b'\n') {
        bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    bytes
}

/// The subject of a mail that was made here, decoded; empty where it has none.
pub fn subject(wire: &[u8]) -> String {
    const NAME: &[u8] = b"\r\nSubject: ";
    let header = &wire[..memchr::memmem::find(wire, b"\r\n\r\n").unwrap_or(wire.len())];
    let Some(start) = memchr::memmem::find(header, NAME) else { return String::new() };
    let text = String::from_utf8_lossy(&header[start + NAME.len()..]);
    let is_end = |end: &usize| !text[end + 2..].starts_with(' ');
    let end = text.match_indices("\r\n").map(|(end, _)| end).find(is_end).unwrap_or(text.len());
    encode::header_words(&text[..end]).unwrap_or_default()
}

fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line);
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5321 section 4.5.2; RFC 5322 section 2.1.1 for the length of a line.
    #[test]
    fn mails_are_whole_lines_that_any_server_takes() {
        for mail in Corpus::write(Kind::Real, 50, 3).mails {
            let text = mail.wire.strip_suffix(b"\r\n.\r\n").expect("ends with the end of data");
            assert!(!text.windows(5).any(|five| five == b"\r\n.\r\n"), "an end of data inside");
            for line in text.split(|byte| *byte == b'\n') {
                assert!(line.len() <= 999, "a line of {} bytes", line.len());
                assert!(!line.contains(&0));
            }
            let ends = text.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(text.windows(2).filter(|two| two == b"\r\n").count(), ends, "a bare line feed");
            assert!(text.windows(4).any(|four| four == b"\r\n\r\n"), "no end of the header");
        }
    }

    #[test]
    fn sizes_follow_the_shelf() {
        let corpus = Corpus::write(Kind::Real, 400, 5);
        let mut sizes: Vec<u64> = corpus.mails.iter().map(|mail| mail.size).collect();
        sizes.sort_unstable();
        let mean = corpus.bytes() / 400;
        assert!((40_000..52_000).contains(&mean), "mean {mean}");
        assert!((10_500..13_500).contains(&sizes[200]), "median {}", sizes[200]);
        let large = sizes.iter().filter(|size| **size > 400_000).count();
        assert!((3..=5).contains(&large), "{large} of 400 are over 0.4 MB");
        assert!(sizes[399] < 5_300_000, "the largest has {} bytes", sizes[399]);
        let small = Corpus::write(Kind::Small, 500, 5);
        assert!((1_800..2_400).contains(&(small.bytes() / 500)), "mean of small {}", small.bytes() / 500);
    }

    #[test]
    fn a_seed_writes_the_same_mail_twice_and_another_seed_none_of_it() {
        let wires =
            |seed| Corpus::write(Kind::Real, 20, seed).mails.into_iter().map(|mail| mail.wire).collect::<Vec<_>>();
        let (first, second) = (wires(1), wires(2));
        assert_eq!(first, wires(1));
        assert!(first.iter().all(|wire| !second.contains(wire)));
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(stuffed(b".a\r\nb.\r\n"), b"..a\r\nb.\r\n.\r\n");
        assert_eq!(unstuffed(b"..a\r\nb.\r\n.\r\n"), b".a\r\nb.\r\n");
    }
}
