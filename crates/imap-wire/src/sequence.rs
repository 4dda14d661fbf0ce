//! Sequence sets (RFC 9051 section 9, sequence-set): typed, and kept as ranges.
//!
//! `1:4294967295` is twelve bytes on the wire and must stay so in memory: nothing here
//! expands a range. A set is resolved against the largest number in use, which gives
//! sorted ranges that do not touch.

use crate::grammar::token::{Input, Parsed, fail, number, peek};
use std::fmt;
use winnow::prelude::*;
use winnow::token::any;

/// Ranges in one set, at most. A line of the size we take holds about as many UIDs.
pub const SEQUENCE_RANGES: usize = 16_384;

/// One end of a range: a number from 1, or `*`, the largest in use.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceNumber(u32);

impl SequenceNumber {
    /// `*`
    pub const LAST: SequenceNumber = SequenceNumber(0);

    /// A number from 1.
    pub fn new(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }
    /// The number; `None` for `*`.
    pub fn get(self) -> Option<u32> {
        (self.0 != 0).then_some(self.0)
    }
    /// The number, `last` for `*`.
    pub fn or_last(self, last: u32) -> u32 {
        if self.0 == 0 { last } else { self.0 }
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Some(number) => write!(f, "{number}"),
            None => f.write_str("*"),
        }
    }
}

impl fmt::Debug for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Two ends in any order; a single number is a range from itself to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SequenceRange {
    /// The end that was written first.
    pub from: SequenceNumber,
    /// The other end.
    pub to: SequenceNumber,
}

/// What a command names messages with: sequence numbers, or UIDs in its UID form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SequenceSet {
    /// `$`: what the last SEARCH saved (RFC 9051 section 6.4.4.1).
    Saved,
    /// Ranges as they were written; never empty.
    Ranges(Vec<SequenceRange>),
}

impl SequenceSet {
    /// These ranges, both ends included. No message has the number 0.
    pub fn of(ranges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let range = |(from, to)| Some(SequenceRange { from: SequenceNumber::new(from)?, to: SequenceNumber::new(to)? });
        Self::Ranges(ranges.into_iter().filter_map(range).collect())
    }
    /// The set of one number.
    pub fn single(number: SequenceNumber) -> Self {
        Self::Ranges(vec![SequenceRange { from: number, to: number }])
    }

    /// Ranges from low to high, sorted and merged, with `*` read as `last`. `None` for
    /// `$`, which only the session can resolve.
    ///
    /// Numbers above `last` stay: whether they are an error (sequence numbers) or nothing
    /// at all (UIDs) is the command's matter. So is `*` in an empty mailbox: give `last`
    /// 0 and it resolves to 0, which is no number.
    pub fn resolve(&self, last: u32) -> Option<Vec<(u32, u32)>> {
        let Self::Ranges(written) = self else { return None };
        let ordered = |range: &SequenceRange| {
            let (from, to) = (range.from.or_last(last), range.to.or_last(last));
            (from.min(to), from.max(to))
        };
        let mut ranges: Vec<(u32, u32)> = written.iter().map(ordered).collect();
        if !ranges.is_sorted() {
            ranges.sort_unstable();
        }
        ranges.dedup_by(|next, kept| {
            let touches = next.0 <= kept.1.saturating_add(1);
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
        Some(ranges)
    }

    /// Is `number` in the set, with `*` read as `last`? `$` has none here.
    pub fn contains(&self, number: u32, last: u32) -> bool {
        let Self::Ranges(ranges) = self else { return false };
        ranges.iter().any(|range| {
            let (from, to) = (range.from.or_last(last), range.to.or_last(last));
            (from.min(to)..=from.max(to)).contains(&number)
        })
    }
}

/// As it is written on the wire.
impl fmt::Display for SequenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Ranges(ranges) = self else { return f.write_str("$") };
        for (index, range) in ranges.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{}", range.from)?;
            if range.from != range.to {
                write!(f, ":{}", range.to)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn sequence_set(input: &mut Input<'_>) -> Parsed<SequenceSet> {
    if peek(input) == Some(b'$') {
        any.parse_next(input)?;
        return Ok(SequenceSet::Saved);
    }
    let mut ranges = Vec::with_capacity(1);
    loop {
        let from = sequence_number(input)?;
        let to = if peek(input) == Some(b':') {
            any.parse_next(input)?;
            sequence_number(input)?
        } else {
            from
        };
        if ranges.len() == SEQUENCE_RANGES {
            return fail("The sequence set has too many ranges; send it in parts");
        }
        ranges.push(SequenceRange { from, to });
        if peek(input) != Some(b',') {
            return Ok(SequenceSet::Ranges(ranges));
        }
        any.parse_next(input)?;
    }
}

fn sequence_number(input: &mut Input<'_>) -> Parsed<SequenceNumber> {
    if peek(input) == Some(b'*') {
        any.parse_next(input)?;
        return Ok(SequenceNumber::LAST);
    }
    match SequenceNumber::new(number(input)?) {
        Some(number) => Ok(number),
        None => fail("Message numbers start at 1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::token::input;

    fn set(text: &str) -> SequenceSet {
        sequence_set(&mut input(text.as_bytes(), Default::default())).unwrap()
    }

    /// The examples of RFC 9051 section 9, sequence-set.
    #[test]
    fn sets_resolve_to_sorted_ranges() {
        assert_eq!(set("2,4:7,9,12:*").resolve(15).unwrap(), [(2, 2), (4, 7), (9, 9), (12, 15)]);
        assert_eq!(set("*:4,5:7").resolve(10).unwrap(), [(4, 10)]);
        assert_eq!(set("4:2").resolve(9).unwrap(), [(2, 4)]);
        assert_eq!(set("3291:*").resolve(3000).unwrap(), [(3000, 3291)]);
        assert_eq!(set("1:4294967295").resolve(7).unwrap(), [(1, u32::MAX)]);
        assert_eq!(set("$").resolve(7), None);
        assert!(set("*:4,5:7").contains(10, 10) && !set("2,4:7").contains(3, 10));
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let refused = |text: &str| sequence_set(&mut input(text.as_bytes(), Default::default())).is_err();
        for bad in ["", "0", "1:0", "1,", "1:", ":1", "4294967296", "a"] {
            assert!(refused(bad), "{bad:?}");
        }
        let most = vec!["1"; SEQUENCE_RANGES].join(",");
        assert!(!refused(&most) && refused(&format!("{most},1")));
    }
}
